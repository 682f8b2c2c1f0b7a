//! The file: JSON in one line, every person once, lists by their numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::once::Once;
use super::{ENTRIES_LIMIT, FORMAT, FORMAT_PREFIX, SIZE_LIMIT, Snapshot, SnapshotError};
use crate::state::{
    Above, AccessAnswer, AccessQuestion, Answers, Cluster, ConfigName, DeletedGroup, EnvironmentName, Failure,
    GroupAnswers, GroupKey, GroupKind, GroupSummary, Inside, LiveGroup, LivePrincipal, ObjectId, Observed, OwnIdentity,
    PolicyRule, PrincipalKind, PrincipalName, PrivilegedMembers, Resolution, Tenant, TenantId, mark,
};

/// What is looked at first: a file of another format has another shape.
#[derive(Deserialize)]
struct Head {
    format: String,
}

#[derive(Serialize)]
struct Written<'a> {
    format: &'a str,
    /// SHA-256 over the JSON of the content.
    sha256: String,
    content: &'a Content,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: String,
    sha256: String,
    content: Content,
}

/// Something that was read, or why it could not be.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Part<T> {
    Read(T),
    Failed(Failure),
}

impl<T> From<Result<T, Failure>> for Part<T> {
    fn from(result: Result<T, Failure>) -> Self {
        result.map_or_else(Self::Failed, Self::Read)
    }
}

impl<T> From<Part<T>> for Result<T, Failure> {
    fn from(part: Part<T>) -> Self {
        match part {
            Part::Read(read) => Ok(read),
            Part::Failed(failure) => Err(failure),
        }
    }
}

/// Where in the table of people somebody stands.
type Number = u32;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    rolecall: String,
    taken: Timestamp,
    tenant_id: TenantId,
    config: ConfigName,
    tree: String,
    commit: Option<String>,
    invented: bool,
    everybody: bool,
    pseudonymised: bool,
    people: Vec<Person>,
    tenant: Option<Part<Entra>>,
    privileged: BTreeMap<ObjectId, PrivilegedMembers>,
    above: BTreeMap<ObjectId, Above>,
    inside: BTreeMap<ObjectId, Members>,
    direct: BTreeMap<ObjectId, Members>,
    clusters: BTreeMap<EnvironmentName, Part<Cluster>>,
    rights: BTreeMap<EnvironmentName, Vec<(AccessQuestion, Part<AccessAnswer>)>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    id: ObjectId,
    kind: PrincipalKind,
    name: PrincipalName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_principal_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entra {
    domain: Option<String>,
    identity: OwnIdentity,
    marked: BTreeMap<GroupKey, Group>,
    by_id: BTreeMap<ObjectId, Option<Group>>,
    directory: Vec<(PrincipalName, Meaning)>,
    deleted: BTreeMap<GroupKey, Vec<DeletedGroup>>,
    deleted_unreadable: Option<Failure>,
    by_display_name: BTreeMap<String, Vec<GroupSummary>>,
    other_configs: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    id: ObjectId,
    display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mail_nickname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique_name: Option<String>,
    kind: GroupKind,
    role_assignable: bool,
    owners: Vec<Number>,
    members: Vec<Number>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Meaning {
    Found(Number),
    Missing { reason: String, suggestion: Option<String> },
    Ambiguous(Vec<Number>),
    NotInSnapshot,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Members {
    Read(Vec<Number>),
    Missing,
    Unreadable(String),
}

pub(super) fn write(snapshot: &Snapshot) -> Result<String, SnapshotError> {
    let content = content(snapshot);
    let unwritable = |error: serde_json::Error| SnapshotError::Unwritable(error.to_string());
    let sha256 = hash(&content).map_err(unwritable)?;
    let written = Written { format: FORMAT, sha256, content: &content };
    let text = serde_json::to_string(&written).map_err(unwritable)? + "\n";
    // Nobody would read it.
    if text.len() > SIZE_LIMIT { Err(SnapshotError::TooLarge) } else { Ok(text) }
}

pub(super) fn read(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
    if bytes.len() > SIZE_LIMIT {
        return Err(SnapshotError::TooLarge);
    }
    let malformed = |error: serde_json::Error| {
        if error.is_eof() && !bytes.is_empty() {
            SnapshotError::CutOff(bytes.len())
        } else {
            SnapshotError::Malformed(error.to_string())
        }
    };
    let head: Head = serde_json::from_slice(bytes).map_err(malformed)?;
    if !head.format.starts_with(FORMAT_PREFIX) {
        return Err(SnapshotError::Malformed(format!("its format is `{}`", head.format)));
    }
    if head.format != FORMAT {
        return Err(SnapshotError::OtherFormat(head.format));
    }
    let _: Once = serde_json::from_slice(bytes).map_err(malformed)?;
    let file: File = serde_json::from_slice(bytes).map_err(malformed)?;
    let entries = entries(&file.content);
    if entries > ENTRIES_LIMIT {
        return Err(SnapshotError::TooMany(entries));
    }
    if hash(&file.content).map_err(malformed)? != file.sha256 {
        return Err(SnapshotError::Changed);
    }
    snapshot(file.content)
}

/// Over the content as it is written again, so that another layout of the same JSON does not matter.
fn hash(content: &Content) -> serde_json::Result<String> {
    serde_json::to_string(content).map(|text| mark::hex(&[&text], 64))
}

/// The hash of a content, for a test that forges one.
#[cfg(test)]
pub(super) fn hash_of(content: serde_json::Value) -> serde_json::Result<String> {
    hash(&serde_json::from_value(content)?)
}

fn entries(content: &Content) -> usize {
    let tenant = content.tenant.iter().filter_map(|tenant| match tenant {
        Part::Read(tenant) => Some(tenant),
        Part::Failed(_) => None,
    });
    let groups = tenant.clone().flat_map(|tenant| tenant.marked.values().chain(tenant.by_id.values().flatten()));
    let of_groups = groups.map(|group| group.owners.len() + group.members.len());
    let named = tenant.flat_map(|tenant| &tenant.directory).map(|(_, meaning)| match meaning {
        Meaning::Ambiguous(several) => several.len(),
        Meaning::Found(_) | Meaning::Missing { .. } | Meaning::NotInSnapshot => 1,
    });
    let inside = content.inside.values().chain(content.direct.values()).map(|members| match members {
        Members::Read(members) => members.len(),
        Members::Missing | Members::Unreadable(_) => 0,
    });
    of_groups.chain(named).chain(inside).sum()
}

/// Everybody who is named anywhere, each with a number.
struct Table<'a>(BTreeMap<Key<'a>, Number>);

/// One object may have been read twice and be called otherwise the second time.
type Key<'a> = (ObjectId, &'a PrincipalName, Option<&'a str>, Option<&'a str>, Option<bool>, PrincipalKind);

fn key(live: &LivePrincipal) -> Key<'_> {
    let LivePrincipal { id, kind, name, user_principal_name, display_name, enabled } = live;
    (*id, name, user_principal_name.as_deref(), display_name.as_deref(), *enabled, *kind)
}

impl<'a> Table<'a> {
    fn of(observed: &'a Observed) -> Self {
        let tenant = || observed.tenant.iter().flatten();
        let groups = tenant().flat_map(|tenant| tenant.marked.values().chain(tenant.by_id.values().flatten()));
        let listed = groups.flat_map(|group| group.owners.iter().chain(&group.members));
        let named = tenant().flat_map(|tenant| tenant.directory.values()).flat_map(|resolution| match resolution {
            Resolution::Found(live) => std::slice::from_ref(live),
            Resolution::Ambiguous(several) => several,
            Resolution::Missing { .. } | Resolution::NotInSnapshot => &[],
        });
        let GroupAnswers { inside, direct, .. } = &observed.of_groups;
        let inside = inside.values().chain(direct.values()).flat_map(|inside| match inside {
            Inside::Read(members) => members.as_slice(),
            Inside::Missing | Inside::Unreadable(_) => &[],
        });
        let mut table: BTreeMap<Key<'a>, Number> =
            listed.chain(named).chain(inside).map(|live| (key(live), 0)).collect();
        for (place, number) in table.values_mut().zip(0..) {
            *place = number;
        }
        Self(table)
    }

    fn number(&self, live: &LivePrincipal) -> Number {
        // Everybody is in it, by how it was made.
        self.0.get(&key(live)).copied().unwrap_or_default()
    }

    fn numbers(&self, several: &[LivePrincipal]) -> Vec<Number> {
        several.iter().map(|live| self.number(live)).collect()
    }

    fn group(&self, group: &LiveGroup) -> Group {
        let LiveGroup {
            id,
            display_name,
            description,
            mail_nickname,
            unique_name,
            kind,
            role_assignable,
            owners,
            members,
        } = group;
        Group {
            id: *id,
            display_name: display_name.clone(),
            description: description.clone(),
            mail_nickname: mail_nickname.clone(),
            unique_name: unique_name.clone(),
            kind: *kind,
            role_assignable: *role_assignable,
            owners: self.numbers(owners),
            members: self.numbers(members),
        }
    }

    fn tenant(&self, tenant: &Tenant) -> Entra {
        let meaning = |resolution: &Resolution| match resolution {
            Resolution::Found(live) => Meaning::Found(self.number(live)),
            Resolution::Missing { reason, suggestion } => {
                Meaning::Missing { reason: reason.clone(), suggestion: suggestion.clone() }
            }
            Resolution::Ambiguous(several) => Meaning::Ambiguous(self.numbers(several)),
            Resolution::NotInSnapshot => Meaning::NotInSnapshot,
        };
        // The tenant's id stands beside it.
        let Tenant {
            id: _,
            domain,
            identity,
            marked,
            by_id,
            directory,
            deleted,
            deleted_unreadable,
            by_display_name,
            other_configs,
        } = tenant;
        Entra {
            domain: domain.clone(),
            identity: identity.clone(),
            marked: marked.iter().map(|(key, group)| (key.clone(), self.group(group))).collect(),
            by_id: by_id.iter().map(|(id, group)| (*id, group.as_ref().map(|group| self.group(group)))).collect(),
            directory: directory.iter().map(|(name, resolution)| (name.clone(), meaning(resolution))).collect(),
            deleted: deleted.clone(),
            deleted_unreadable: deleted_unreadable.clone(),
            by_display_name: by_display_name.clone(),
            other_configs: other_configs.clone(),
        }
    }

    fn inside(&self, inside: &BTreeMap<ObjectId, Inside>) -> BTreeMap<ObjectId, Members> {
        let members = |inside: &Inside| match inside {
            Inside::Read(members) => Members::Read(self.numbers(members)),
            Inside::Missing => Members::Missing,
            Inside::Unreadable(why) => Members::Unreadable(why.clone()),
        };
        inside.iter().map(|(id, inside)| (*id, members(inside))).collect()
    }
}

fn content(snapshot: &Snapshot) -> Content {
    let Observed { tenant, clusters, of_groups, answers } = &snapshot.observed;
    let table = Table::of(&snapshot.observed);
    let person = |key: &Key<'_>| {
        let (id, name, user_principal_name, display_name, enabled, kind) = *key;
        Person {
            id,
            kind,
            name: name.clone(),
            user_principal_name: user_principal_name.map(str::to_owned),
            display_name: display_name.map(str::to_owned),
            enabled,
        }
    };
    let rights = |answers: &Answers| {
        answers.iter().map(|(question, answer)| (question.clone(), Part::from(answer.clone()))).collect()
    };
    Content {
        rolecall: snapshot.rolecall.clone(),
        taken: snapshot.taken,
        tenant_id: snapshot.tenant,
        config: snapshot.config.clone(),
        tree: snapshot.tree.clone(),
        commit: snapshot.commit.clone(),
        invented: snapshot.invented,
        everybody: snapshot.everybody,
        pseudonymised: snapshot.pseudonymised,
        people: table.0.keys().map(person).collect(),
        tenant: tenant
            .as_ref()
            .map(|tenant| tenant.as_ref().map(|read| table.tenant(read)).map_err(Clone::clone).into()),
        privileged: of_groups.privileged.clone(),
        above: of_groups.above.clone(),
        inside: table.inside(&of_groups.inside),
        direct: table.inside(&of_groups.direct),
        clusters: clusters.iter().map(|(name, cluster)| (name.clone(), cluster.clone().into())).collect(),
        rights: answers.iter().map(|(name, answers)| (name.clone(), rights(answers))).collect(),
    }
}

/// Everybody by number.
struct Everybody(Vec<LivePrincipal>);

impl Everybody {
    fn get(&self, number: Number) -> Result<LivePrincipal, SnapshotError> {
        let found = usize::try_from(number).ok().and_then(|number| self.0.get(number));
        found.cloned().ok_or_else(|| SnapshotError::Malformed(format!("it has no person with the number {number}")))
    }

    fn several(&self, numbers: Vec<Number>) -> Result<Vec<LivePrincipal>, SnapshotError> {
        numbers.into_iter().map(|number| self.get(number)).collect()
    }

    fn group(&self, group: Group) -> Result<LiveGroup, SnapshotError> {
        Ok(LiveGroup {
            id: group.id,
            display_name: group.display_name,
            description: group.description,
            mail_nickname: group.mail_nickname,
            unique_name: group.unique_name,
            kind: group.kind,
            role_assignable: group.role_assignable,
            owners: self.several(group.owners)?,
            members: self.several(group.members)?,
        })
    }

    fn meaning(&self, meaning: Meaning) -> Result<Resolution, SnapshotError> {
        Ok(match meaning {
            Meaning::Found(number) => Resolution::Found(self.get(number)?),
            Meaning::Missing { reason, suggestion } => Resolution::Missing { reason, suggestion },
            Meaning::Ambiguous(several) => Resolution::Ambiguous(self.several(several)?),
            Meaning::NotInSnapshot => Resolution::NotInSnapshot,
        })
    }

    fn tenant(&self, id: TenantId, read: Entra) -> Result<Tenant, SnapshotError> {
        let marked = read.marked.into_iter().map(|(key, group)| Ok((key, self.group(group)?)));
        let by_id = read.by_id.into_iter().map(|(id, group)| Ok((id, group.map(|one| self.group(one)).transpose()?)));
        let directory = read.directory.into_iter().map(|(name, meaning)| Ok((name, self.meaning(meaning)?)));
        Ok(Tenant {
            id,
            domain: read.domain,
            identity: read.identity,
            marked: marked.collect::<Result<_, _>>()?,
            by_id: by_id.collect::<Result<_, _>>()?,
            directory: directory.collect::<Result<_, _>>()?,
            deleted: read.deleted,
            deleted_unreadable: read.deleted_unreadable,
            by_display_name: read.by_display_name,
            other_configs: read.other_configs,
        })
    }

    fn inside(&self, lists: BTreeMap<ObjectId, Members>) -> Result<BTreeMap<ObjectId, Inside>, SnapshotError> {
        let members = |members| {
            Ok(match members {
                Members::Read(numbers) => Inside::Read(self.several(numbers)?),
                Members::Missing => Inside::Missing,
                Members::Unreadable(why) => Inside::Unreadable(why),
            })
        };
        lists.into_iter().map(|(id, list)| Ok((id, members(list)?))).collect()
    }
}

fn snapshot(content: Content) -> Result<Snapshot, SnapshotError> {
    let live = |person: Person| LivePrincipal {
        id: person.id,
        kind: person.kind,
        name: person.name,
        user_principal_name: person.user_principal_name.map(Arc::from),
        display_name: person.display_name.map(Arc::from),
        enabled: person.enabled,
    };
    let everybody = Everybody(content.people.into_iter().map(live).collect());
    let tenant = content.tenant.map(|tenant| match tenant {
        Part::Read(read) => everybody.tenant(content.tenant_id, read).map(Ok),
        Part::Failed(failure) => Ok(Err(failure)),
    });
    let answers = content.rights.into_iter().map(|(name, rights)| {
        let (questions, given): (Vec<_>, Vec<_>) = rights.into_iter().unzip();
        let mut answers = Answers::default();
        answers.record(questions, given.into_iter().map(Result::from).collect());
        (name, answers)
    });
    let clusters = content.clusters.into_iter().map(|(name, part)| (name, Result::from(part).map(normalised)));
    Ok(Snapshot {
        rolecall: content.rolecall,
        taken: content.taken,
        tenant: content.tenant_id,
        config: content.config,
        tree: content.tree,
        commit: content.commit,
        invented: content.invented,
        everybody: content.everybody,
        pseudonymised: content.pseudonymised,
        observed: Observed {
            tenant: tenant.transpose()?,
            clusters: clusters.collect(),
            of_groups: GroupAnswers {
                privileged: content.privileged,
                above: content.above,
                inside: everybody.inside(content.inside)?,
                direct: everybody.inside(content.direct)?,
            },
            answers: answers.collect(),
        },
    })
}

/// As a reader would give it, whoever wrote the file.
fn normalised(mut cluster: Cluster) -> Cluster {
    for live in &mut cluster.roles {
        live.role.rules = PolicyRule::normalise(std::mem::take(&mut live.role.rules));
    }
    for live in &mut cluster.bindings {
        live.binding.subjects.sort();
    }
    cluster
}
