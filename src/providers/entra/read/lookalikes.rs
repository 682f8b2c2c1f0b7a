//! Other live groups of the same display name: candidates for adoption, or one that would be taken for ours.

use std::collections::{BTreeMap, BTreeSet};

use super::edges;
use super::groups::Found;
use crate::providers::entra::client::{EdgeList, Filter, LARGEST_IN, Path, Permission, ReadClient};
use crate::providers::entra::model::{GROUP_PROPERTIES, GroupRecord, PrincipalRecord};
use crate::state::{
    Failure, FailureKind, GroupSummary, LiveGroup, LivePrincipal, Management, ObjectId, PrincipalName, Result,
    TenantQuery,
};

/// `eq` and `in` take values of at most 120 characters, and a display name may have 256.
const LONGEST_EQUAL: usize = 120;
/// Owners are read for the first few only: they are there for people to read.
const OWNERS_OF: usize = 20;

/// The groups of each display name that the query asks about, whatever its case, as Graph compares.
pub(super) async fn find(
    client: &ReadClient,
    query: &TenantQuery,
    found: &Found,
    live: &BTreeMap<ObjectId, LiveGroup>,
) -> Result<BTreeMap<String, Vec<GroupSummary>>> {
    let names = names(query, found);
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
    let paths: Vec<_> = filters
        .iter()
        .map(|filter| Path::of("/groups").filter(filter).select(GROUP_PROPERTIES).largest_pages())
        .collect();
    let lists = client.lists::<GroupRecord>(&paths).await.into_iter().collect::<std::result::Result<Vec<_>, _>>();
    let lists = lists
        .map_err(|problem| client.failure(problem, "looking for groups by display name", Permission::ReadGroups))?;
    let records: BTreeMap<_, _> = lists.into_iter().flatten().map(|record| (record.id, record)).collect();
    let owners = owners(client, &records, live).await;

    let mut groups: BTreeMap<String, Vec<GroupSummary>> = names.into_iter().map(|name| (name, Vec::new())).collect();
    for record in records.into_values() {
        let owners = owners.get(&record.id).cloned().unwrap_or_default();
        let id = record.id;
        let Some(summary) = record.into_summary(owners) else {
            // It has one of the names, and nobody can tell which: a binding by name would reach it as well.
            if !query.unique_display_names.is_empty() {
                return Err(unreadable(id));
            }
            continue;
        };
        let folded = summary.display_name.to_lowercase();
        for (_, same) in groups.iter_mut().filter(|(name, _)| name.to_lowercase() == folded) {
            same.push(summary.clone());
        }
    }
    Ok(groups)
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
    query.display_names.values().cloned().chain(unique).chain(deleted).collect()
}

async fn owners(
    client: &ReadClient,
    records: &BTreeMap<ObjectId, GroupRecord>,
    live: &BTreeMap<ObjectId, LiveGroup>,
) -> BTreeMap<ObjectId, Vec<String>> {
    let unread: Vec<ObjectId> = records.keys().filter(|id| !live.contains_key(*id)).copied().take(OWNERS_OF).collect();
    let paths: Vec<_> = unread.iter().map(|id| edges::path(*id, EdgeList::Owners)).collect();
    let lists = client.lists::<PrincipalRecord>(&paths).await;
    // What cannot be read is left out here: it proves nothing and only helps to choose.
    let read = unread.into_iter().zip(lists).filter_map(|(id, list)| {
        let owners = list.ok()?.into_iter().map(|record| label(&record.into_live(&BTreeMap::new()))).collect();
        Some((id, owners))
    });
    let known = live.values().map(|group| (group.id, group.owners.iter().map(label).collect()));
    known.chain(read).collect()
}

fn label(principal: &LivePrincipal) -> String {
    match (&principal.name, &principal.display_name) {
        (PrincipalName::Object(_), Some(name)) => name.clone(),
        (name, _) => name.to_string(),
    }
}
