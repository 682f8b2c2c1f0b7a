//! What a live object says about who wrote it and when. It proves nothing about persons: a field manager is what a client
//! calls itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// When an object on a cluster was made, and who wrote what of it last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// `creationTimestamp`, RFC 3339.
    pub created: Option<String>,
    /// `deletionTimestamp`, RFC 3339: since then somebody waits for it to be gone.
    pub deleting: Option<String>,
    /// Who holds which of the fields that we manage, in the object's own order.
    pub writes: Vec<FieldWrite>,
}

/// An entry of `managedFields`: the last writing of one manager.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldWrite {
    /// The field manager: hostile text.
    pub manager: String,
    /// `Apply` or `Update`: hostile text.
    pub operation: String,
    /// When, RFC 3339; `None` where the entry does not say.
    pub time: Option<String>,
    /// Which of the fields that we manage it holds.
    pub fields: BTreeSet<WrittenField>,
    /// Whether it is what our own field manager applied.
    pub is_ours: bool,
}

/// A field that we manage, as far as managers are told apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrittenField {
    /// `rules` of a role, or what fills them.
    Rules,
    /// `subjects` of a binding.
    Subjects,
    /// `roleRef` of a binding.
    RoleRef,
    /// One of our labels.
    Labels,
}
