//! Reading the access files: load, decode, check.
//!
//! [`load`] finds the root file and walks its folder (`walk`, the only part that touches a disk), reads every file into a
//! located tree ([`yaml`]), and has all of them checked at once ([`check`]) against the tables that the JSON Schema is
//! made from too. The result is a typed [`Config`] without a mistake, or every mistake at its place.

pub mod check;
mod exclude;
mod load;
mod model;
mod pattern;
mod reference;
mod rules;
mod schema;
mod shape;
mod walk;
pub mod yaml;

pub use load::{File, Loaded, ROOT_FILE, load, read};
pub use model::{
    Aggregation, Config, Environment, Expectation, Grant, Group, LintSetting, Role, RoleSource, Scope, Tenant,
};
pub use reference::reference;
pub use schema::schema;
pub use shape::lint_rules;
pub use walk::{Unreadable, has_root};

#[cfg(test)]
mod tests;
