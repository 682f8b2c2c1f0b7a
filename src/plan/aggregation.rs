//! What changes add to the roles that Kubernetes fills itself.

use crate::state::{Change, DefaultRole, PolicyRule, Resource, Role};

/// The rules that a role comes to hold because a changed role of ours is added to it: none for any but the default roles.
pub(super) fn added<'a>(role: &str, changes: impl IntoIterator<Item = &'a Change>) -> Vec<&'a PolicyRule> {
    let Some(default) = DefaultRole::of_name(role) else { return Vec::new() };
    default.added(changes.into_iter().filter_map(|change| role_of(change.after()))).collect()
}

/// The role that a resource is.
pub(super) fn role_of(resource: Option<&Resource>) -> Option<&Role> {
    match resource? {
        Resource::Role(role) => Some(role),
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Binding(_) => None,
    }
}
