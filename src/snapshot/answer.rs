//! What a snapshot says to what a plan asks. What it does not have is "not in the snapshot", and nothing else follows from that.

use std::collections::{BTreeMap, BTreeSet};

use super::Snapshot;
use crate::state::{
    AccessAnswer, AccessQuestion, Cluster, ClusterQuery, EnvironmentName, Failure, FailureKind, GroupAnswer, GroupKey,
    GroupKind, GroupQuestion, Known, LiveGroup, LivePrincipal, Management, ObjectId, PrincipalKind, PrincipalName,
    Resolution, Result, Tenant, TenantQuery, nearest,
};

/// What is said of whatever a snapshot does not have: a clause.
pub const NOT_IN_SNAPSHOT: &str = "not in the snapshot";

/// What was asked and is not in the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Names of people, apps and groups of others.
    pub names: BTreeSet<PrincipalName>,
    /// Groups that the files have by their object id.
    pub groups: BTreeMap<ObjectId, GroupKey>,
    /// Display names of which nobody knows whether other groups have them.
    pub display_names: BTreeSet<String>,
}

impl Lacking {
    /// Whether everything that was asked is there.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.groups.is_empty() && self.display_names.is_empty()
    }

    /// Takes in what another one lacks.
    pub fn add(&mut self, other: Self) {
        self.names.extend(other.names);
        self.groups.extend(other.groups);
        self.display_names.extend(other.display_names);
    }
}

fn lacking(what: impl Into<String>) -> Failure {
    Failure::new(FailureKind::NotFound, what).with_next("plan against the live systems, or take a new snapshot")
}

impl Snapshot {
    /// The tenant as a reader would give it for this query, and what the query asks and the snapshot does not have.
    pub(super) fn tenant(&self, query: &TenantQuery) -> Result<(Tenant, Lacking)> {
        let recorded = match &self.observed.tenant {
            Some(Ok(tenant)) => tenant,
            Some(Err(failure)) => return Err(was_not_read(failure)),
            None => return Err(lacking(format!("Entra is {NOT_IN_SNAPSHOT}"))),
        };
        let mut missing = Lacking::default();
        let groups = Groups::of(recorded);
        let mut by_id = BTreeMap::new();
        for (key, management) in &query.groups {
            let id = match management {
                Management::Owned => continue,
                Management::Adopted(id) | Management::External(id) => *id,
            };
            match (groups.by_id.get(&id), recorded.by_id.get(&id)) {
                (Some(group), _) => drop(by_id.insert(id, Some((*group).clone()))),
                (None, Some(_)) => drop(by_id.insert(id, None)),
                (None, None) => drop(missing.groups.insert(id, key.clone())),
            }
        }
        let mut directory = BTreeMap::new();
        for name in &query.principals {
            let resolution = self.resolve(name, recorded, &groups);
            if resolution == Resolution::NotInSnapshot {
                missing.names.insert(name.clone());
            }
            directory.insert(name.clone(), resolution);
        }
        let is_new =
            |key: &GroupKey| query.groups.get(key) == Some(&Management::Owned) && !recorded.marked.contains_key(key);
        let matters = |key: &GroupKey| !query.unique_display_names.is_empty() || is_new(key);
        let wanted = query.display_names.iter().filter(|(key, _)| matters(key)).map(|(_, name)| name);
        missing.display_names.extend(wanted.filter(|name| !recorded.by_display_name.contains_key(*name)).cloned());
        Ok((Tenant { by_id, directory, ..recorded.clone() }, missing))
    }

    fn resolve(&self, name: &PrincipalName, recorded: &Tenant, groups: &Groups<'_>) -> Resolution {
        if let Some(resolution) = recorded.directory.get(name) {
            return resolution.clone();
        }
        match name {
            PrincipalName::User(user) => {
                // A user principal name is somebody's alone.
                match groups.people().find(|live| live.has_user_principal_name(user)) {
                    Some(live) => Resolution::Found(live.clone()),
                    None if self.everybody => {
                        let known = groups.people().filter_map(|live| match &live.name {
                            PrincipalName::User(name) => Some(name.as_str()),
                            _ => None,
                        });
                        let suggestion = nearest(user.as_str(), known).map(str::to_owned);
                        Resolution::Missing { reason: "nobody has this user principal name".to_owned(), suggestion }
                    }
                    None => Resolution::NotInSnapshot,
                }
            }
            // A list shows neither that nobody else has this address, nor that the invitation was accepted.
            PrincipalName::Guest(_) if self.everybody => {
                Resolution::Missing { reason: "no guest has this mail address".to_owned(), suggestion: None }
            }
            PrincipalName::ServicePrincipal(_) => groups
                .people()
                .find(|live| live.name == *name)
                .map_or(Resolution::NotInSnapshot, |live| Resolution::Found(live.clone())),
            PrincipalName::GroupId(id) => groups.named(*id),
            PrincipalName::Guest(_) | PrincipalName::Group(_) | PrincipalName::Object(_) => Resolution::NotInSnapshot,
        }
    }

    /// The answer to what only a diff knows to ask of a group.
    pub(super) fn of_group(&self, question: &GroupQuestion) -> Result<GroupAnswer> {
        let of_groups = &self.observed.of_groups;
        let (answer, what) = match question {
            GroupQuestion::Privileged(id) => (
                of_groups.privileged.get(id).cloned().map(GroupAnswer::Privileged),
                format!("who is in group {id} through Privileged Identity Management"),
            ),
            GroupQuestion::Above(id) => {
                (of_groups.above.get(id).cloned().map(GroupAnswer::Above), format!("which groups group {id} is in"))
            }
            GroupQuestion::Members(id) => {
                (of_groups.inside.get(id).cloned().map(GroupAnswer::Members), format!("who is in group {id}"))
            }
            GroupQuestion::Direct(id) => {
                (of_groups.direct.get(id).cloned().map(GroupAnswer::Direct), format!("who is directly in group {id}"))
            }
        };
        answer.ok_or_else(|| lacking(format!("{what} is {NOT_IN_SNAPSHOT}")))
    }

    /// The cluster of an environment.
    pub(super) fn cluster(&self, query: &ClusterQuery) -> Result<Cluster> {
        match self.observed.clusters.get(&query.environment) {
            Some(Ok(cluster)) => Ok(cluster.clone()),
            Some(Err(failure)) => Err(was_not_read(failure)),
            None => Err(lacking(format!("the cluster of {} is {NOT_IN_SNAPSHOT}", query.environment))),
        }
    }

    /// The answer of a cluster to a question about rights.
    pub(super) fn right(&self, environment: &EnvironmentName, question: &AccessQuestion) -> Result<AccessAnswer> {
        let answers = self.observed.answers.get(environment);
        match answers.map_or(Known::NotAsked, |answers| answers.to(question)) {
            Known::Allowed => Ok(AccessAnswer { allowed: true, reason: String::new() }),
            Known::Denied => Ok(AccessAnswer { allowed: false, reason: String::new() }),
            Known::Failed(failure) => Err(failure.clone()),
            Known::NotAsked => {
                let what = format!("what the API server of {environment} would allow is {NOT_IN_SNAPSHOT}");
                Err(lacking(what).with_next("a plan against the live systems asks it"))
            }
        }
    }
}

/// What could not be read then is not empty now. What to do about it is to be done where the snapshot is taken.
fn was_not_read(failure: &Failure) -> Failure {
    let what = format!("it could not be read when the snapshot was taken: {}", failure.what);
    let next = failure.next.as_ref().map(|next| format!("where the snapshot is taken: {next}"));
    Failure { kind: failure.kind, what, next }
}

/// The groups of a snapshot, and whoever is in them.
struct Groups<'a> {
    by_id: BTreeMap<ObjectId, &'a LiveGroup>,
    recorded: &'a Tenant,
}

impl<'a> Groups<'a> {
    fn of(recorded: &'a Tenant) -> Self {
        let all = recorded.by_id.values().flatten().chain(recorded.marked.values());
        Self { by_id: all.map(|group| (group.id, group)).collect(), recorded }
    }

    /// Owners and members, and whoever was looked up.
    fn people(&self) -> impl Iterator<Item = &'a LivePrincipal> {
        let listed = self.by_id.values().flat_map(|group| group.owners.iter().chain(&group.members));
        let found = self.recorded.directory.values().filter_map(|resolution| match resolution {
            Resolution::Found(live) => Some(live),
            Resolution::Missing { .. } | Resolution::Ambiguous(_) | Resolution::NotInSnapshot => None,
        });
        listed.chain(found)
    }

    fn named(&self, id: ObjectId) -> Resolution {
        let of_kind = |kind: GroupKind, display_name: &str| {
            if kind == GroupKind::Microsoft365 {
                let reason = "this is a Microsoft 365 group, which cannot be a member of a group".to_owned();
                return Resolution::Missing { reason, suggestion: None };
            }
            Resolution::Found(LivePrincipal {
                id,
                kind: PrincipalKind::Group,
                name: PrincipalName::GroupId(id),
                user_principal_name: None,
                display_name: Some(display_name.into()),
                enabled: None,
            })
        };
        if let Some(group) = self.by_id.get(&id) {
            return of_kind(group.kind, &group.display_name);
        }
        let summary = self.recorded.by_display_name.values().flatten().find(|summary| summary.id == id);
        if let Some(summary) = summary {
            return of_kind(summary.kind, &summary.display_name);
        }
        let nested = self.people().find(|live| live.id == id && live.kind == PrincipalKind::Group);
        match (nested, self.recorded.by_id.get(&id)) {
            (Some(live), _) => Resolution::Found(live.clone()),
            (None, Some(_)) => Resolution::Missing { reason: "no group has this id".to_owned(), suggestion: None },
            (None, None) => Resolution::NotInSnapshot,
        }
    }
}
