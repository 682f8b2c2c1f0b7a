//! One way to boil any value of a plan down to a text that two runs can compare.

use std::fmt::Debug;

use serde::Serialize;

use crate::state::mark;

/// SHA-256 over the value's JSON, in hex. Fields have a fixed order and maps are sorted, so equal values have equal
/// digests on every machine.
pub(super) fn digest<T: Serialize + Debug + ?Sized>(value: &T) -> String {
    // No type of a plan can fail to serialise; were one to, its debug text still tells two values apart.
    let text = serde_json::to_string(value).unwrap_or_else(|_| format!("{value:?}"));
    mark::hex(&[&text], 64)
}
