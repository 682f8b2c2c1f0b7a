//! What fuzzing needs to reach; no part of the interface.

use super::connections::Connections;
use crate::report::text::paragraph;

/// Reads the text of a connections file and its proxy; else what a person is told, on one line.
///
/// # Errors
/// As `--connections`.
pub fn connections(text: &str) -> Result<(), String> {
    let read = Connections::parse(text, "connections.yaml").and_then(|connections| {
        let shown = format!("{connections:?}");
        connections.proxy.as_ref().map(super::connections::ProxyConnection::parse).transpose()?;
        Ok(shown)
    });
    read.map(drop).map_err(|error| paragraph("error: ", &error.message, usize::MAX))
}
