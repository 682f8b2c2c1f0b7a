//! Who may do something, why somebody may, and what somebody may do at all: each answer with the whole way from the lines of
//! the files to the rule.

mod answer;
mod chain;
mod givers;
mod nearest;
mod owners;
mod place;
mod someone;
mod who_can;

pub use self::answer::{
    Answer, Brought, Entry, Given, Giver, GroupLabel, Indirect, Membership, Nearest, Part, Party, PersonLabel,
    Question, Reached, Unseen, Whose, WithoutTheirGroups,
};
pub use self::place::{Place, World};
pub use self::someone::Asker;

#[cfg(test)]
mod tests;
