//! Who owns the groups that a change of the access files is about: who can be asked whether it is meant.

use std::collections::{BTreeMap, BTreeSet};

use super::{Caused, Plan};
use crate::state::{
    Address, Change, Desired, DesiredGroup, GroupKey, LiveGroup, Management, Observed, PrincipalName, Resource, Tenant,
};

/// The people who own a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owning {
    /// They, by the names that files use. Apps are left out: they are nobody to ask.
    pub people: BTreeSet<PrincipalName>,
    /// Whether the group is not there yet, so that it is the files of the change that name them.
    pub is_new: bool,
}

/// The people who own the groups that a change is about, before it is carried out.
pub fn owning(
    base: &Desired,
    head: (&Desired, &Plan),
    caused: &Caused,
    observed: &Observed,
) -> BTreeMap<GroupKey, Owning> {
    let Some(Ok(tenant)) = &observed.tenant else { return BTreeMap::new() };
    let by_change = head.1.changes.iter().filter(|change| caused.by_change.contains(&change.address));
    let keys: BTreeSet<&GroupKey> = by_change.chain(&caused.accepted).flat_map(groups_of).collect();
    let of = |key: &GroupKey| {
        let blocks = [base, head.0].map(|desired| desired.groups.get(key));
        let Some(live) = live(tenant, key, blocks) else {
            let named = blocks[1].and_then(|group| group.owners.as_ref()).into_iter().flat_map(BTreeMap::keys);
            return Owning { people: named.filter(|name| is_person(name)).cloned().collect(), is_new: true };
        };
        let names = live.owners.iter().map(|owner| &owner.name);
        Owning { people: names.filter(|name| is_person(name)).cloned().collect(), is_new: false }
    };
    keys.into_iter().map(|key| (key.clone(), of(key))).collect()
}

fn is_person(name: &PrincipalName) -> bool {
    matches!(name, PrincipalName::User(_) | PrincipalName::Guest(_) | PrincipalName::Object(_))
}

/// The group that a change is about, or that its binding is for.
fn groups_of(change: &Change) -> Vec<&GroupKey> {
    if let Some(key) = change.address.group() {
        return vec![key];
    }
    let Address::Object { .. } = &change.address else { return Vec::new() };
    let bindings = [change.before(), change.after()].into_iter().flatten().filter_map(|resource| match resource {
        Resource::Binding(binding) => Some(binding),
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_) => None,
    });
    let subjects = bindings.flat_map(|binding| &binding.subjects);
    let keys = subjects.filter_map(|subject| match &subject.principal {
        Some(PrincipalName::Group(key)) => Some(key),
        _ => None,
    });
    keys.collect()
}

/// The group as it is: by what the files before say of it, then by those of the change.
fn live<'t>(tenant: &'t Tenant, key: &GroupKey, blocks: [Option<&DesiredGroup>; 2]) -> Option<&'t LiveGroup> {
    let by_id = |block: &DesiredGroup| match block.management {
        Management::Owned => None,
        Management::Adopted(id) | Management::External(id) => tenant.by_id.get(&id)?.as_ref(),
    };
    let former = blocks.into_iter().flatten().flat_map(|block| block.previously.keys());
    let by_mark = || std::iter::once(key).chain(former).find_map(|key| tenant.marked.get(key));
    blocks.into_iter().flatten().find_map(by_id).or_else(by_mark)
}
