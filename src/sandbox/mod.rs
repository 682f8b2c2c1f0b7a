//! An embedded tenant and embedded clusters, for trying, tests and demos.

pub mod graph;
pub mod kubernetes;
pub mod store;
