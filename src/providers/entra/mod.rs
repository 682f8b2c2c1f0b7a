//! Microsoft Entra ID over Microsoft Graph v1.0.
//!
//! [`EntraReader`] observes and [`EntraWriter`] changes; `client` speaks the protocol for both and `model` turns Graph's
//! objects into ours.

mod client;
mod connection;
#[cfg(test)]
mod fake;
mod model;
mod read;
mod write;

pub use connection::{Connection, Lagging, OnLag};
pub use read::EntraReader;
pub use write::EntraWriter;
