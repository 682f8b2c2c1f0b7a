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
mod sheet;
mod touched;
mod walk;
mod weakened;
pub mod yaml;

pub use load::{File, Loaded, ROOT_FILE, load, load_from, read};
pub use model::{
    Aggregation, Config, Environment, Expectation, Grant, Group, LintSetting, Lock, Role, RoleSource, Scope, Tenant,
};
pub use reference::reference;
pub use schema::schema;
pub use shape::lint_rules;
pub use sheet::{Environments, ExpectationSheet, GrantSheet, GroupSheet, RoleSheet, Sheet, Value, spelt};
pub use touched::touched;
pub use walk::{Storage, Unreadable, has_root};
pub use weakened::{ReachedOtherwise, reached_otherwise, weakened};
pub use yaml::MAX_BYTES as MAX_FILE_BYTES;

#[cfg(test)]
mod tests;
