//! Which groups there are: ours by their mark, others by id, deleted ones, and the marks of other configs.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::providers::entra::client::{Filter, Lists, Path, Permission, Problem, ReadClient, Singles};
use crate::providers::entra::model::{DELETED_GROUP_PROPERTIES, GROUP_PROPERTIES, GroupRecord, OrganizationRecord};
use crate::providers::http::without_value;
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

/// What can be found in one round trip: the lists, and whatever is asked for by id.
pub(super) async fn list(client: &ReadClient, query: &TenantQuery) -> Result<Found> {
    let failure = |problem: Problem| client.failure(problem, &doing(query), Permission::ReadGroups);
    let prefix = mark::mail_nickname_prefix(&query.config);

    let ids: Vec<ObjectId> = query
        .groups
        .values()
        .filter_map(|management| match management {
            Management::Owned => None,
            Management::Adopted(id) | Management::External(id) => Some(*id),
        })
        .collect();
    let mut lists = Lists::<Value>::new(&[
        marked_groups(&prefix).select(GROUP_PROPERTIES),
        // A cast with options is an advanced query; it reads an index that lags, which is good enough for a warning.
        Path::of("/directory/deletedItems/microsoft.graph.group")
            .filter(&Filter::starts_with("mailNickname", &prefix))
            .select(DELETED_GROUP_PROPERTIES)
            .largest_pages()
            .advanced(),
        Path::of("/organization").select("id,verifiedDomains"),
    ]);
    let mut by_id = Singles::new(ids.iter().map(|id| Path::group(*id).select(GROUP_PROPERTIES)).collect());
    client.read(&mut [&mut lists, &mut by_id]).await;
    let [ours, deleted, organization] = <[_; 3]>::try_from(lists.finish())
        .map_err(|_| Failure::new(FailureKind::BadAnswer, "three lists were asked for, and another number came"))?;

    let ours = ours.and_then(typed::<GroupRecord>).map_err(failure)?;
    let by_id = by_id.finish_if_there().and_then(|values| {
        values
            .into_iter()
            .map(|value| value.map(one).transpose())
            .collect::<std::result::Result<Vec<Option<GroupRecord>>, _>>()
    });
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
    Ok(Found {
        marked: of_config(&query.config, ours),
        by_id: ids.iter().copied().zip(by_id.map_err(failure)?).collect(),
        deleted,
        deleted_unreadable,
        other_configs: BTreeSet::new(),
        domain,
    })
}

/// As [`list`], with the keys that the index did not show looked up.
pub(super) async fn find(client: &ReadClient, query: &TenantQuery) -> Result<Found> {
    let mut found = list(client, query).await?;
    let mut unlisted = Unlisted::of(query, &found);
    let Unlisted { by_unique_name, others } = &mut unlisted;
    client.read(&mut [by_unique_name, others]).await;
    let late = unlisted.finish(client, query, &mut found)?;
    found.marked.extend(late);
    Ok(found)
}

/// What to read next: the keys of the files that the index did not show, which are new, or somebody changed their
/// `mailNickname`; and, where it showed none at all, the marks of other configs.
pub(super) struct Unlisted {
    pub(super) by_unique_name: Singles,
    pub(super) others: Lists<GroupRecord>,
}

impl Unlisted {
    pub(super) fn of(query: &TenantQuery, found: &Found) -> Self {
        let owned = query.groups.iter().filter(|(_, management)| **management == Management::Owned);
        let unlisted = owned.filter(|(key, _)| !found.marked.contains_key(*key));
        let paths = unlisted.map(|(key, _)| {
            Path::group_by_unique_name(&mark::unique_name(&query.config, key)).select(GROUP_PROPERTIES)
        });
        let others = marked_groups(mark::MAIL_NICKNAME_PREFIX).select("id,uniqueName");
        let others = if found.marked.is_empty() { vec![others] } else { Vec::new() };
        Self { by_unique_name: Singles::new(paths.collect()), others: Lists::new(&others) }
    }

    /// The groups of ours that are there after all; other configs are noted where there is none.
    pub(super) fn finish(
        self,
        client: &ReadClient,
        query: &TenantQuery,
        found: &mut Found,
    ) -> Result<BTreeMap<GroupKey, GroupRecord>> {
        let failure = |problem: Problem| client.failure(problem, &doing(query), Permission::ReadGroups);
        let late = self.by_unique_name.finish_if_there().map_err(failure)?.into_iter().flatten();
        let late = late.map(one).collect::<std::result::Result<Vec<GroupRecord>, _>>().map_err(failure)?;
        let late = of_config(&query.config, late);
        if found.marked.is_empty() && late.is_empty() {
            for list in self.others.finish() {
                let list = list.map_err(failure)?;
                let configs = list.iter().filter_map(|record| mark::parse_unique_name(record.unique_name.as_deref()?));
                let configs = configs.map(|(config, _)| config).filter(|config| *config != query.config);
                found.other_configs.extend(configs.map(String::from));
            }
        }
        Ok(late)
    }
}

fn doing(query: &TenantQuery) -> String {
    format!("reading the groups of config `{}`", query.config)
}

/// Groups by the start of their `mailNickname`: the only property of the mark that can be filtered by.
fn marked_groups(prefix: &str) -> Path {
    Path::of("/groups").filter(&Filter::starts_with("mailNickname", prefix)).largest_pages()
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
            format!("Graph gave an object that cannot be read ({})", without_value(&error)),
        ))
    })
}
