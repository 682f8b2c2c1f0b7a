//! Other live groups of the same display name: candidates for adoption, or one that would be taken for ours.

use std::collections::{BTreeMap, BTreeSet};

use super::edges;
use super::groups::Found;
use crate::providers::entra::client::{EdgeList, Filter, LARGEST_IN, Lists, Path, Permission, ReadClient};
use crate::providers::entra::model::{GROUP_PROPERTIES, GroupRecord, PrincipalRecord};
use crate::state::{
    Failure, FailureKind, GroupKey, GroupSummary, LiveGroup, LivePrincipal, Management, ObjectId, PrincipalName,
    Result, TenantQuery,
};

/// `eq` and `in` take values of at most 120 characters, and a display name may have 256.
const LONGEST_EQUAL: usize = 120;
/// Owners are read for the first few only: they are there for people to read.
const OWNERS_OF: usize = 20;

/// The groups of each display name that the query asks about, whatever its case, as Graph compares; to be read.
pub(super) struct Lookalikes {
    names: BTreeSet<String>,
    pub(super) lists: Lists<GroupRecord>,
}

/// Those that were found, and the owners of the first few, to be read.
pub(super) struct WithOwners {
    names: BTreeSet<String>,
    records: BTreeMap<ObjectId, GroupRecord>,
    of: Vec<ObjectId>,
    pub(super) owners: Lists<PrincipalRecord>,
}

impl Lookalikes {
    /// Those of the query, as far as it is known what is there.
    pub(super) fn of(query: &TenantQuery, found: &Found) -> Self {
        Self::named(names(query, found))
    }

    /// Those that are asked for because of groups that were found since.
    pub(super) fn besides(&self, query: &TenantQuery, found: &Found) -> Self {
        Self::named(&names(query, found) - &self.names)
    }

    fn named(names: BTreeSet<String>) -> Self {
        let (short, long): (Vec<&String>, Vec<&String>) =
            names.iter().partition(|name| name.chars().count() <= LONGEST_EQUAL);
        let mut filters: Vec<_> = short
            .chunks(LARGEST_IN)
            .map(|names| Filter::among("displayName", names.iter().map(|name| name.as_str())))
            .collect();
        filters.extend(long.iter().map(|name| {
            let start: String = name.chars().take(LONGEST_EQUAL).collect();
            Filter::starts_with("displayName", &start)
        }));
        let path = |filter| Path::of("/groups").filter(filter).select(GROUP_PROPERTIES).largest_pages();
        let paths: Vec<_> = filters.iter().map(path).collect();
        Self { names, lists: Lists::new(&paths) }
    }

    /// Takes these and others, once both are read.
    pub(super) fn finish(
        self,
        other: Self,
        client: &ReadClient,
        live: &BTreeMap<ObjectId, LiveGroup>,
    ) -> Result<WithOwners> {
        let names = self.names.into_iter().chain(other.names).collect();
        let lists = self.lists.finish().into_iter().chain(other.lists.finish());
        let lists = lists
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|problem| client.failure(problem, "looking for groups by display name", Permission::ReadGroups))?;
        let records: BTreeMap<_, _> = lists.into_iter().flatten().map(|record| (record.id, record)).collect();
        let of: Vec<ObjectId> = records.keys().filter(|id| !live.contains_key(*id)).copied().take(OWNERS_OF).collect();
        let paths: Vec<_> = of.iter().map(|id| edges::path(*id, EdgeList::Owners)).collect();
        Ok(WithOwners { names, records, of, owners: Lists::new(&paths) })
    }
}

impl WithOwners {
    /// The groups of each name.
    pub(super) fn finish(
        self,
        query: &TenantQuery,
        live: &BTreeMap<ObjectId, LiveGroup>,
    ) -> Result<BTreeMap<String, Vec<GroupSummary>>> {
        let known = live.values().map(|group| (group.id, group.owners.iter().map(label).collect()));
        // What cannot be read is left out here: it proves nothing and only helps to choose.
        let read = self.of.into_iter().zip(self.owners.finish()).filter_map(|(id, list)| {
            let owners = list.ok()?.into_iter().map(|record| label(&record.to_live(&BTreeMap::new()))).collect();
            Some((id, owners))
        });
        let owners: BTreeMap<ObjectId, Vec<String>> = known.chain(read).collect();
        let names = self.names.into_iter();
        let mut groups: BTreeMap<String, Vec<GroupSummary>> = names.map(|name| (name, Vec::new())).collect();
        let mut by_folded: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in groups.keys() {
            by_folded.entry(name.to_lowercase()).or_default().push(name.clone());
        }
        for record in self.records.into_values() {
            let owners = owners.get(&record.id).cloned().unwrap_or_default();
            let id = record.id;
            let Some(summary) = record.into_summary(owners) else {
                // It has one of the names, and nobody can tell which: a binding by name would reach it as well.
                if !query.unique_display_names.is_empty() {
                    return Err(unreadable(id));
                }
                continue;
            };
            for name in by_folded.get(&summary.display_name.to_lowercase()).into_iter().flatten() {
                if let Some(same) = groups.get_mut(name) {
                    same.push(summary.clone());
                }
            }
        }
        Ok(groups)
    }
}

fn unreadable(id: ObjectId) -> Failure {
    let what = format!(
        "Graph found group {id} by its display name and does not show its name or kind, so whether a display name is \
         unique cannot be told"
    );
    let next = format!("give the application permission `{}`, with admin consent", Permission::ReadGroups.name());
    Failure::new(FailureKind::BadAnswer, what).with_next(next)
}

fn names(query: &TenantQuery, found: &Found) -> BTreeSet<String> {
    let unique = query.unique_display_names.iter().filter_map(|key| {
        let record = match query.groups.get(key) {
            Some(Management::Adopted(id) | Management::External(id)) => found.by_id.get(id)?.as_ref(),
            Some(Management::Owned) | None => found.marked.get(key),
        };
        record?.display_name.clone()
    });
    // A deleted group comes back with the name that it had.
    let deleted = query.unique_display_names.iter().flat_map(|key| found.deleted.get(key).into_iter().flatten());
    let deleted = deleted.map(|group| group.display_name.clone());
    // Where no cluster knows groups by name, a name matters only to a group that would be created.
    let is_new = |key: &GroupKey| query.groups.get(key) == Some(&Management::Owned) && !found.marked.contains_key(key);
    let matters = |key: &GroupKey| !query.unique_display_names.is_empty() || is_new(key);
    let asked = query.display_names.iter().filter(|(key, _)| matters(key)).map(|(_, name)| name.clone());
    asked.chain(unique).chain(deleted).collect()
}

fn label(principal: &LivePrincipal) -> String {
    match (&principal.name, &principal.display_name) {
        (PrincipalName::Object(_), Some(name)) => name.to_string(),
        (name, _) => name.to_string(),
    }
}
