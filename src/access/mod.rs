//! Who may do what, decided here as the API server would: the RBAC authorizer in process, over what was read or what would
//! be there, joined with who is in which group.
//!
//! Everything here is pure.

pub mod builtin_roles;
mod caller;
pub mod difference;
pub mod expectations;
pub mod people;
pub mod planned;
pub mod questions;
pub mod rbac;

#[cfg(test)]
mod tests;

pub use self::caller::Caller;
pub use self::difference::{AccessComparison, AccessDifference};
pub use self::people::{People, Person, Token, Who};
pub use self::planned::Snapshot;
pub use self::rbac::{Grant, Rbac, Way};
