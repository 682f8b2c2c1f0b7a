//! A group that comes back brings members whom nobody has seen.

use std::collections::BTreeSet;

use super::{Case, Guard, Objection};
use crate::plan::restored::{naming, when};
use crate::state::{Address, EnvironmentName, Operation};

pub(super) static GUARD: Guard = Guard {
    id: "group-restored",
    summary: "A deleted group would be restored, with members that cannot be read before.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    let restored: BTreeSet<&Address> = case
        .changes
        .iter()
        .filter(|change| matches!(change.operation, Operation::Restore { .. }))
        .map(|change| &change.address)
        .collect();
    let removed: BTreeSet<&Address> =
        case.changes.iter().filter(|change| change.after().is_none()).map(|change| &change.address).collect();
    let mut objections = Vec::new();
    for (key, deleted) in case.directory.restored() {
        if !restored.contains(&Address::Group(key.clone())) {
            continue;
        }
        let bindings: Vec<String> = naming(deleted, &case.parts.clusters)
            .into_iter()
            .filter(|(address, _)| !removed.contains(address))
            .map(|(address, (_, live))| format!("{address} ({} {})", live.binding.role.kind, live.binding.role.name))
            .collect();
        let unread: Vec<&str> = case
            .desired
            .environments
            .keys()
            .filter(|name| !case.parts.clusters.contains_key(*name))
            .map(EnvironmentName::as_str)
            .collect();
        let mut message = format!(
            "{key}, deleted{}, would be restored with the members and owners it had, who cannot be read before, nor \
             can whether an applier owns it or which groups it comes back into",
            when(deleted)
        );
        if !bindings.is_empty() {
            message = format!("{message}; its members have again at once what names it: {}", bindings.join(", "));
        }
        if !unread.is_empty() {
            message = format!("{message}; what names it on {} could not be read", unread.join(", "));
        }
        let message = format!(
            "{message}. To have a new group instead, delete this one for good first (DELETE /directory/deletedItems/{} of \
             Microsoft Graph)",
            deleted.id
        );
        objections.push(Objection::new(key.as_str(), message));
    }
    objections
}
