//! Faults of every kind, between what is asked for and what is there.

mod company;
