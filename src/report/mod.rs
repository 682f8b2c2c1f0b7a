//! Plans, findings and events as text and JSON. Returns strings; never prints.

pub mod escape;
pub mod findings;
