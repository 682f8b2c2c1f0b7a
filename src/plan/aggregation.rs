//! What changes add to the roles that Kubernetes fills itself.

use crate::state::{Change, DefaultRole, PolicyRule, Resource};

/// The rules that a role comes to hold because a changed role of ours is added to it: none for any but the default roles.
/// What is taken away is not counted: until the cluster has followed, it is still held.
pub(super) fn added<'a>(role: &str, changes: impl IntoIterator<Item = &'a Change>) -> Vec<&'a PolicyRule> {
    let Some(target) = DefaultRole::ALL.into_iter().find(|default| default.name() == role) else { return Vec::new() };
    let written = changes.into_iter().filter_map(|change| match change.after() {
        Some(Resource::Role(role)) => Some(role),
        Some(Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Binding(_)) | None => None,
    });
    written.filter(|role| role.reaches().contains(&target)).flat_map(|role| &role.rules).collect()
}
