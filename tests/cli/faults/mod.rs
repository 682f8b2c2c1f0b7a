//! Faults of every kind, between what is asked for and what is there.

mod company;
mod mixes;
mod pending;
mod place;
mod resets;
