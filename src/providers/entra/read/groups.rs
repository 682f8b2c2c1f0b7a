//! Which groups there are: ours by their mark, others by id, deleted ones, and the marks of other configs.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::providers::entra::client::{Filter, Path, Permission, Problem, ReadClient};
use crate::providers::entra::model::{DELETED_GROUP_PROPERTIES, GROUP_PROPERTIES, GroupRecord, OrganizationRecord};
use crate::state::{
    ConfigName, DeletedGroup, Failure, FailureKind, GroupKey, Management, ObjectId, Result, TenantQuery, mark,
};

/// The groups that concern a query, without their owners and members.
pub(super) struct Found {
    /// Ours, by key.
    pub(super) marked: BTreeMap<GroupKey, GroupRecord>,
    /// Those that were asked for by id.
    pub(super) by_id: BTreeMap<ObjectId, Option<GroupRecord>>,
    pub(super) deleted: BTreeMap<GroupKey, Vec<DeletedGroup>>,
    pub(super) deleted_unreadable: Option<Failure>,
    pub(super) other_configs: BTreeSet<String>,
    pub(super) domain: Option<String>,
}

impl Found {
    /// Every live group once.
    pub(super) fn records(&self) -> BTreeMap<ObjectId, GroupRecord> {
        let by_id = self.by_id.values().flatten();
        self.marked.values().chain(by_id).map(|record| (record.id, record.clone())).collect()
    }

    /// What each live group is called in the files, or in its mark.
    pub(super) fn keys(&self, query: &TenantQuery) -> BTreeMap<ObjectId, GroupKey> {
        let marked = self.marked.iter().map(|(key, record)| (record.id, key.clone()));
        let in_files = query.groups.iter().filter_map(|(key, management)| match management {
            Management::Owned => None,
            Management::Adopted(id) | Management::External(id) => Some((*id, key.clone())),
        });
        marked.chain(in_files).collect()
    }
}

/// Finds them in two or three round trips: the lists and ids at once, then the keys that the index did not show.
pub(super) async fn find(client: &ReadClient, query: &TenantQuery) -> Result<Found> {
    let doing = format!("reading the groups of config `{}`", query.config);
    let failure = |problem: Problem| client.failure(problem, &doing, Permission::ReadGroups);
    let prefix = mark::mail_nickname_prefix(&query.config);

    let ids: Vec<ObjectId> = query
        .groups
        .values()
        .filter_map(|management| match management {
            Management::Owned => None,
            Management::Adopted(id) | Management::External(id) => Some(*id),
        })
        .collect();
    let by_id_paths: Vec<_> = ids.iter().map(|id| Path::group(*id).select(GROUP_PROPERTIES)).collect();
    let lists = [
        marked_groups(&prefix).select(GROUP_PROPERTIES),
        // A cast with options is an advanced query; it reads an index that lags, which is good enough for a warning.
        Path::of("/directory/deletedItems/microsoft.graph.group")
            .filter(&Filter::starts_with("mailNickname", &prefix))
            .select(DELETED_GROUP_PROPERTIES)
            .largest_pages()
            .advanced(),
        Path::of("/organization").select("id,verifiedDomains"),
    ];
    let (lists, by_id) = futures::join!(client.lists::<Value>(&lists), client.gets_if_there(&by_id_paths));
    let [ours, deleted, organization] = <[_; 3]>::try_from(lists)
        .map_err(|_| Failure::new(FailureKind::BadAnswer, "three lists were asked for, and another number came"))?;

    let ours = ours.and_then(typed::<GroupRecord>).map_err(failure)?;
    let mut marked = of_config(&query.config, ours);
    let by_id = by_id.and_then(|values| {
        values
            .into_iter()
            .map(|value| value.map(one).transpose())
            .collect::<std::result::Result<Vec<Option<GroupRecord>>, _>>()
    });
    let by_id: BTreeMap<_, _> = ids.iter().copied().zip(by_id.map_err(failure)?).collect();
    marked.extend(by_unique_name(client, query, &marked).await.map_err(failure)?);

    let other_configs =
        if marked.is_empty() { other_configs(client, query).await.map_err(failure)? } else { BTreeSet::new() };
    let (deleted, deleted_unreadable) = match deleted.and_then(typed::<GroupRecord>) {
        Ok(records) => (by_key(of_config_all(&query.config, records)), None),
        Err(problem @ Problem::Refused(_)) => {
            let doing = "looking for deleted groups";
            (BTreeMap::new(), Some(client.failure(problem, doing, Permission::ReadDeletedGroups)))
        }
        Err(problem @ (Problem::Failed(_) | Problem::Interrupted)) => return Err(failure(problem)),
    };
    let domain = match organization.and_then(typed::<OrganizationRecord>) {
        Ok(records) => records.into_iter().find_map(OrganizationRecord::into_default_domain),
        // It is only for people to read, and may not be readable.
        Err(Problem::Refused(_)) => None,
        Err(problem @ (Problem::Failed(_) | Problem::Interrupted)) => return Err(failure(problem)),
    };
    Ok(Found { marked, by_id, deleted, deleted_unreadable, other_configs, domain })
}

/// Groups by the start of their `mailNickname`: the only property of the mark that can be filtered by.
fn marked_groups(prefix: &str) -> Path {
    Path::of("/groups").filter(&Filter::starts_with("mailNickname", prefix)).largest_pages()
}

/// The keys of the files that the index did not show: new, or somebody changed their `mailNickname`.
async fn by_unique_name(
    client: &ReadClient,
    query: &TenantQuery,
    marked: &BTreeMap<GroupKey, GroupRecord>,
) -> std::result::Result<BTreeMap<GroupKey, GroupRecord>, Problem> {
    let owned = query.groups.iter().filter(|(_, management)| **management == Management::Owned);
    let names: Vec<_> = owned
        .filter(|(key, _)| !marked.contains_key(*key))
        .map(|(key, _)| mark::unique_name(&query.config, key))
        .collect();
    let paths: Vec<_> = names.iter().map(|name| Path::group_by_unique_name(name).select(GROUP_PROPERTIES)).collect();
    let found = client.gets_if_there(&paths).await?;
    let records = found.into_iter().flatten().map(one).collect::<std::result::Result<Vec<GroupRecord>, _>>()?;
    Ok(of_config(&query.config, records))
}

async fn other_configs(client: &ReadClient, query: &TenantQuery) -> std::result::Result<BTreeSet<String>, Problem> {
    let path = marked_groups(mark::MAIL_NICKNAME_PREFIX).select("id,uniqueName");
    let records: Vec<GroupRecord> = client.list(path).await?;
    let configs = records.iter().filter_map(|record| mark::parse_unique_name(record.unique_name.as_deref()?));
    Ok(configs.map(|(config, _)| config).filter(|config| *config != query.config).map(String::from).collect())
}

/// Those whose `uniqueName` carries the mark; the nickname alone proves nothing.
fn of_config(config: &ConfigName, records: Vec<GroupRecord>) -> BTreeMap<GroupKey, GroupRecord> {
    // An alternate key belongs to one live group.
    of_config_all(config, records).collect()
}

fn of_config_all(config: &ConfigName, records: Vec<GroupRecord>) -> impl Iterator<Item = (GroupKey, GroupRecord)> {
    records.into_iter().filter_map(move |record| {
        let (owner, key) = mark::parse_unique_name(record.unique_name.as_deref()?)?;
        (owner == *config).then_some((key, record))
    })
}

/// Several deleted groups may have one key; which of them is meant is not for us to pick.
fn by_key(records: impl Iterator<Item = (GroupKey, GroupRecord)>) -> BTreeMap<GroupKey, Vec<DeletedGroup>> {
    let mut deleted: BTreeMap<GroupKey, Vec<DeletedGroup>> = BTreeMap::new();
    for (key, record) in records {
        deleted.entry(key).or_default().push(record.into_deleted());
    }
    deleted
}

fn typed<T: DeserializeOwned>(values: Vec<Value>) -> std::result::Result<Vec<T>, Problem> {
    values.into_iter().map(one).collect()
}

fn one<T: DeserializeOwned>(value: Value) -> std::result::Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| {
        Problem::Failed(Failure::new(
            FailureKind::BadAnswer,
            format!("Graph gave an object that cannot be read ({error})"),
        ))
    })
}
