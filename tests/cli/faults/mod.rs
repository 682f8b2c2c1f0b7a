//! Faults of every kind, between what is asked for and what is there.

mod company;
mod expected;
mod mixes;
mod pending;
pub(crate) mod place;
mod resets;
