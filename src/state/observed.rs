//! What was read from the live systems. A list that could not be read whole is a [`Failure`], never a short list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Answers, Binding, ClusterUid, ConfigName, EnvironmentName, Failure, GroupKey, Namespace, ObjectId, PrincipalKind,
    PrincipalName, Role, Selector, TenantId, Trace, UserPrincipalName,
};

/// Everything that was read for one plan. A part that was not asked for is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The tenant.
    pub tenant: Option<Result<Tenant, Failure>>,
    /// The clusters.
    pub clusters: BTreeMap<EnvironmentName, Result<Cluster, Failure>>,
    /// What Entra was asked about groups, once it was known which would change.
    pub of_groups: GroupAnswers,
    /// What the clusters were asked about rights, once it was known what would be written.
    pub answers: BTreeMap<EnvironmentName, Answers>,
}

/// What was read from Entra.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The tenant's id.
    pub id: TenantId,
    /// Its default domain, for people; `None` where it may not be read.
    pub domain: Option<String>,
    /// As whom we read.
    pub identity: OwnIdentity,
    /// Every live group whose `uniqueName` carries this config's mark, by the key in it. Proof of ownership is judged
    /// in the plan, by kind and owners.
    pub marked: BTreeMap<GroupKey, LiveGroup>,
    /// Groups that were asked for by id, `None` where no such group exists. One that is asked for and is not here was not
    /// looked up: a snapshot does not have it.
    pub by_id: BTreeMap<ObjectId, Option<LiveGroup>>,
    /// What each name in the files stands for.
    pub directory: BTreeMap<PrincipalName, Resolution>,
    /// Soft-deleted groups with this config's mark, by the key in it; several where one was made and deleted again and
    /// again.
    pub deleted: BTreeMap<GroupKey, Vec<DeletedGroup>>,
    /// Why soft-deleted groups could not be read, where they could not: `deleted` then says nothing.
    pub deleted_unreadable: Option<Failure>,
    /// Live groups by a display name that was asked about, whoever they belong to.
    pub by_display_name: BTreeMap<String, Vec<GroupSummary>>,
    /// Names of other configs whose marks were seen; read only when nothing of this config was found.
    pub other_configs: BTreeSet<String>,
}

/// What became of every [`GroupQuestion`] that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupAnswers {
    /// Active assignments by Privileged Identity Management, for the groups that were asked about.
    pub privileged: BTreeMap<ObjectId, PrivilegedMembers>,
    /// The groups that a live group is in, for the groups that were asked about.
    pub above: BTreeMap<ObjectId, Above>,
    /// Everybody in a group that is not ours, for the groups that were asked about.
    pub inside: BTreeMap<ObjectId, Inside>,
    /// Who is directly in a group that is not ours, for the groups that were asked about.
    pub direct: BTreeMap<ObjectId, Inside>,
}

/// Who is in a group that is not ours: everybody, directly or through others, or those who are directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// These, each once; groups are among them. The order means nothing.
    Read(Vec<LivePrincipal>),
    /// There is no such group.
    Missing,
    /// Could not be read, and why; anybody may then be in it.
    Unreadable(String),
}

/// The groups that a group is in, directly or through others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Above {
    /// These, whoever they belong to.
    Read(Vec<OuterGroup>),
    /// Could not be read, and why; the group may then be in any.
    Unreadable(String),
}

/// A group that another one is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OuterGroup {
    /// Object id.
    pub id: ObjectId,
    /// Display name: hostile text.
    pub display_name: String,
}

/// What only a diff knows to ask of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupQuestion {
    /// Who holds a membership through Privileged Identity Management?
    Privileged(ObjectId),
    /// Which groups is it in?
    Above(ObjectId),
    /// Who is in it, directly or through others?
    Members(ObjectId),
    /// Who is directly in it?
    Direct(ObjectId),
}

/// The answer to a [`GroupQuestion`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupAnswer {
    /// To [`GroupQuestion::Privileged`].
    Privileged(PrivilegedMembers),
    /// To [`GroupQuestion::Above`].
    Above(Above),
    /// To [`GroupQuestion::Members`].
    Members(Inside),
    /// To [`GroupQuestion::Direct`].
    Direct(Inside),
}

impl GroupAnswers {
    /// Keeps what was asked once it was known what to ask.
    pub fn record(&mut self, questions: Vec<GroupQuestion>, answers: Vec<Result<GroupAnswer, Failure>>) {
        for (question, answer) in questions.into_iter().zip(answers) {
            match (question, answer) {
                (GroupQuestion::Privileged(id), Ok(GroupAnswer::Privileged(members))) => {
                    self.privileged.insert(id, members);
                }
                (GroupQuestion::Privileged(id), Err(failure)) => {
                    self.privileged.insert(id, PrivilegedMembers::Unreadable(failure.what));
                }
                (GroupQuestion::Above(id), Ok(GroupAnswer::Above(above))) => {
                    self.above.insert(id, above);
                }
                (GroupQuestion::Above(id), Err(failure)) => {
                    self.above.insert(id, Above::Unreadable(failure.what));
                }
                (GroupQuestion::Members(id), Ok(GroupAnswer::Members(inside))) => {
                    self.inside.insert(id, inside);
                }
                (GroupQuestion::Members(id), Err(failure)) => {
                    self.inside.insert(id, Inside::Unreadable(failure.what));
                }
                (GroupQuestion::Direct(id), Ok(GroupAnswer::Direct(inside))) => {
                    self.direct.insert(id, inside);
                }
                (GroupQuestion::Direct(id), Err(failure)) => {
                    self.direct.insert(id, Inside::Unreadable(failure.what));
                }
                // An answer to another question is none.
                (
                    GroupQuestion::Privileged(_),
                    Ok(GroupAnswer::Above(_) | GroupAnswer::Members(_) | GroupAnswer::Direct(_)),
                )
                | (
                    GroupQuestion::Above(_),
                    Ok(GroupAnswer::Privileged(_) | GroupAnswer::Members(_) | GroupAnswer::Direct(_)),
                )
                | (
                    GroupQuestion::Members(_),
                    Ok(GroupAnswer::Privileged(_) | GroupAnswer::Above(_) | GroupAnswer::Direct(_)),
                )
                | (
                    GroupQuestion::Direct(_),
                    Ok(GroupAnswer::Privileged(_) | GroupAnswer::Above(_) | GroupAnswer::Members(_)),
                ) => {}
            }
        }
    }
}

/// Who holds a membership through Privileged Identity Management at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivilegedMembers {
    /// These principals; their membership is not drift.
    Active(BTreeSet<ObjectId>),
    /// Could not be read, and why; removals from that group are then withheld.
    Unreadable(String),
}

/// As whom rolecall acts in Entra, from its own token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnIdentity {
    /// Object id (`oid` claim) of the service principal or user.
    pub id: ObjectId,
    /// App id (`appid` or `azp` claim), when it is an app acting as itself.
    pub app: Option<super::AppId>,
    /// A name for people: the user's principal name, or the app's id.
    pub label: String,
}

/// What Entra calls a group, told apart by what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// A security group with assigned members, mastered in the cloud: the only kind rolecall creates.
    Security,
    /// A Microsoft 365 group: its members are users only, and it cannot be a member of a group.
    Microsoft365,
    /// Members come from a rule.
    Dynamic,
    /// Mail-enabled security group: read-only in Graph.
    MailEnabledSecurity,
    /// Distribution list: read-only in Graph, and no security principal.
    Distribution,
    /// Mastered on premises: read-only in Graph.
    Synced,
}

/// A live group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveGroup {
    /// Object id.
    pub id: ObjectId,
    /// Display name: hostile text.
    pub display_name: String,
    /// Description: hostile text.
    pub description: Option<String>,
    /// `mailNickname`.
    pub mail_nickname: Option<String>,
    /// `uniqueName`.
    pub unique_name: Option<String>,
    /// Its kind.
    pub kind: GroupKind,
    /// Whether it can hold Entra roles; writing to it then needs `RoleManagement.ReadWrite.Directory` as well.
    pub role_assignable: bool,
    /// Direct owners.
    pub owners: Vec<LivePrincipal>,
    /// Direct members, read uncast.
    pub members: Vec<LivePrincipal>,
}

/// A live directory object that is, or could be, a member, an owner or a subject.
///
/// Its texts are shared: one person is in many groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivePrincipal {
    /// Object id.
    pub id: ObjectId,
    /// Its kind.
    pub kind: PrincipalKind,
    /// The name that an access file would use.
    pub name: PrincipalName,
    /// The user principal name of users and guests, as Entra has it: a guest's is not its mail.
    pub user_principal_name: Option<Arc<str>>,
    /// Display name: hostile text.
    pub display_name: Option<Arc<str>>,
    /// `accountEnabled`; `None` where it may not be read or does not apply.
    pub enabled: Option<bool>,
}

impl LivePrincipal {
    /// Whether this is its user principal name, which Entra compares without case.
    pub fn has_user_principal_name(&self, name: &UserPrincipalName) -> bool {
        self.user_principal_name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name.as_str()))
    }
}

/// What became of looking a name up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Exactly one object.
    Found(LivePrincipal),
    /// No object, or none that may be used, e.g. a guest who has not accepted yet.
    Missing {
        /// Why, as a clause: "nobody has this user principal name".
        reason: String,
        /// A close name that does exist, where one is known without further reading.
        suggestion: Option<String>,
    },
    /// Several objects; none is picked.
    Ambiguous(Vec<LivePrincipal>),
    /// Nobody looked: what was read is a snapshot of an earlier time, which was taken without this name.
    NotInSnapshot,
}

/// A soft-deleted group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletedGroup {
    /// Object id; kept when it is restored.
    pub id: ObjectId,
    /// Display name: hostile text.
    pub display_name: String,
    /// Description: hostile text.
    pub description: Option<String>,
    /// `mailNickname`.
    pub mail_nickname: Option<String>,
    /// Its kind; `None` where it may not be read.
    pub kind: Option<GroupKind>,
    /// When it was deleted, RFC 3339; it can be restored for 30 days.
    pub deleted: Option<String>,
}

/// A live group that may be taken for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSummary {
    /// Object id.
    pub id: ObjectId,
    /// Display name.
    pub display_name: String,
    /// `uniqueName`.
    pub unique_name: Option<String>,
    /// Its kind.
    pub kind: GroupKind,
    /// When it was created, RFC 3339.
    pub created: Option<String>,
    /// Its owners, by name; empty also where they were not read.
    pub owners: Vec<String>,
}

/// What was read from one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The config for which it was read: what is ours is judged by it.
    pub config: ConfigName,
    /// The uid of its `kube-system` namespace.
    pub uid: ClusterUid,
    /// Our user name there, by `SelfSubjectReview`.
    pub username: String,
    /// Our groups there.
    pub user_groups: BTreeSet<String>,
    /// Live namespaces that are not being deleted, with their labels.
    pub namespaces: BTreeMap<Namespace, BTreeMap<String, String>>,
    /// Every `ClusterRole` and `Role`.
    pub roles: Vec<LiveRole>,
    /// Every `ClusterRoleBinding` and `RoleBinding`.
    pub bindings: Vec<LiveBinding>,
    /// Whether some names in it are pseudonyms, as in a snapshot that everybody may read: what is not here by its name may
    /// be here by another.
    pub pseudonymised: bool,
}

impl Cluster {
    /// What else may be so where something of a name is not here: a clause, or nothing.
    pub fn or_hidden(&self) -> &'static str {
        if self.pseudonymised { ", or it goes by a pseudonym in this snapshot" } else { "" }
    }

    /// The live namespaces with all of these labels. Kubernetes' own are never meant by labels.
    pub fn selected(&self, labels: &BTreeMap<String, String>) -> Vec<Namespace> {
        self.namespaces.keys().filter(|name| self.selects(name, labels)).cloned().collect()
    }

    /// Whether this live namespace has all of these labels. Kubernetes' own are never meant by labels.
    pub fn selects(&self, namespace: &Namespace, labels: &BTreeMap<String, String>) -> bool {
        let is_its_own = namespace.as_str().starts_with("kube-") || namespace.as_str() == "default";
        let live = self.namespaces.get(namespace).filter(|_| !is_its_own);
        live.is_some_and(|live| labels.iter().all(|(key, value)| live.get(key) == Some(value)))
    }
}

/// A live role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveRole {
    /// Its content, normalised.
    pub role: Role,
    /// Whose it is.
    pub meta: LiveMeta,
    /// Its labels: by these others may take in its rules. Their text is hostile.
    pub labels: BTreeMap<String, String>,
    /// Whether its rules are filled by aggregation, and by which roles: those that any of these selects.
    pub aggregation: Option<Vec<Selector>>,
}

impl LiveRole {
    /// A role without labels that says its rules itself.
    pub fn new(role: Role, meta: LiveMeta) -> Self {
        Self { role, meta, labels: BTreeMap::new(), aggregation: None }
    }
}

/// A live binding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveBinding {
    /// Its content, normalised.
    pub binding: Binding,
    /// Whose it is.
    pub meta: LiveMeta,
}

/// Whose a live object is, and which version of it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveMeta {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// Whose it is.
    pub mark: Mark,
    /// Field managers other than ours that own rules, subjects, roleRef or one of our labels.
    pub other_managers: Vec<String>,
    /// Whether it passes for something Kubernetes made itself: by the label `kubernetes.io/bootstrapping`, or by a name that
    /// starts with `system:`. Both are anybody's to write: it is never changed or taken away, and trusted in nothing.
    pub bootstrapping: bool,
    /// Who wrote it and when, as far as it says.
    pub trace: Trace,
}

/// Whose a live object on a cluster is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Our labels, this config's name, and an Apply entry of our field manager.
    Ours,
    /// The mark of another config.
    OtherConfig(String),
    /// Our labels, without an Apply entry of our field manager or on a name that we never give: copied, never ours.
    LabelsOnly,
    /// No mark.
    None,
}
