//! Kubernetes RBAC over kube-rs.
//!
//! [`connect`] turns a [`Connection`] into a [`Link`]: it reads the kubeconfig, runs a credential plugin where that is
//! allowed, and refuses what must not be used. A link can do nothing by itself. [`KubernetesReader`] and
//! [`KubernetesWriter`] are made from one and are the two doors: the reader's client knows `GET` and the reviews that only
//! ask, the writer's knows server-side apply and preconditioned deletes.

mod api;
mod connection;
#[doc(hidden)]
pub mod door;
mod kubeconfig;
mod lease;
mod link;
mod normalise;
mod ownership;
mod plugin;
mod reader;
mod refusal;
#[cfg(test)]
mod scripted;
mod tokens;
mod writer;

pub use connection::{Connection, connect, connect_through};
pub use lease::{Held, Holder, Locker, Taken, Terms};
pub use link::Link;
pub use plugin::Plugins;
pub use reader::KubernetesReader;
pub use tokens::TokenSource;
pub use writer::KubernetesWriter;
