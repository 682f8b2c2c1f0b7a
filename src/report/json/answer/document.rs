//! The document of an answer, version 1. What is published here only grows; whatever else changes becomes version 2.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::json::v1;

/// What `rolecall who-can`, `why` and `access` print with `--output json`.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A rolecall answer about access, version 1")]
pub(super) struct Document {
    /// The name of this format.
    pub(super) format: Format,
    /// What was asked.
    pub(super) question: Asked,
    /// Whether it is about the time after an apply.
    pub(super) planned: bool,
    /// Whether anybody may, or they may, in some environment that could be seen; superusers and the parts of Kubernetes itself
    /// are nobody here. `null` where nobody was found and not all could be seen: then it is not known.
    pub(super) answer: Option<bool>,
    /// The environments that could be read.
    pub(super) environments: Vec<Place>,
    /// What could not be seen; the answer may be another with it.
    pub(super) unseen: Vec<NotSeen>,
    /// What is odd about the question.
    pub(super) notes: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) enum Format {
    #[serde(rename = "rolecall-answer/1")]
    V1,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The command.
    pub(super) command: Command,
    /// Who was asked about.
    pub(super) who: Option<Who>,
    /// What was asked about; `null` for everything.
    pub(super) request: Option<Requested>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Command {
    WhoCan,
    Why,
    Access,
}

/// A request as it was taken, all names in full.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Requested {
    /// The verb.
    pub(super) verb: String,
    /// The API group; empty is the core group. `null` for a path.
    pub(super) group: Option<String>,
    /// The resource; `null` for a path.
    pub(super) resource: Option<String>,
    /// The subresource.
    pub(super) subresource: Option<String>,
    /// The namespace; `null` is the whole cluster.
    pub(super) namespace: Option<String>,
    /// The object's name.
    pub(super) name: Option<String>,
    /// The path, for what is no resource.
    pub(super) path: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// Its name.
    pub(super) environment: String,
    /// Whoever may; of somebody who was asked about, one entry, without a way where they may not.
    pub(super) entries: Vec<Listed>,
    /// Who could make themselves members of a group by which others may; of somebody who was asked about, the groups that they
    /// own and are not in.
    pub(super) indirect: Vec<Owner>,
    /// Groups by which whoever is in them may, and of which not all members could be read.
    pub(super) unread: Vec<Who>,
    /// Who is in a group by which others may, and may not, as their tokens carry no groups.
    pub(super) without_groups: Vec<Worthless>,
    /// Of a question about the whole cluster: the namespaces in which more may.
    pub(super) in_namespaces: Vec<String>,
    /// Of somebody who may not: what comes nearest.
    pub(super) nearest: Option<Near>,
    /// Of somebody who may not: the groups to which the files give it there.
    pub(super) givers: Vec<Gives>,
    /// Of somebody who may not now: whether the files give it to them, so that they may after an apply.
    pub(super) after_apply: bool,
}

/// A group to which the files give something.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Gives {
    /// The key of the group.
    pub(super) group: String,
    /// The key of the role.
    pub(super) role: String,
    /// The grant.
    pub(super) origin: v1::Origin,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// Who.
    pub(super) who: Who,
    /// Whether they may.
    pub(super) may: bool,
    /// Whether they may do anything, whatever is bound.
    pub(super) superuser: bool,
    /// Whether it is a part of Kubernetes, by nothing but the bindings that Kubernetes makes for it.
    pub(super) kubernetes: bool,
    /// By what.
    pub(super) ways: Vec<Way>,
}

/// Whoever can be a subject.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    /// What they are.
    pub(super) kind: Kind,
    /// Their name, as the files name them where they are somebody in Entra; the object id where nothing else is known.
    pub(super) name: String,
    /// The object id in Entra, where it is known.
    pub(super) id: Option<String>,
    /// The display name in Entra, where it is known.
    pub(super) display_name: Option<String>,
    /// Whether the account is disabled; `null` for what is no person.
    pub(super) disabled: Option<bool>,
    /// The namespace of a service account.
    pub(super) namespace: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// A user of the tenant.
    User,
    /// A guest of the tenant.
    Guest,
    /// The service principal of an app.
    ServicePrincipal,
    /// Another object of the tenant, or one of which the kind is not known.
    Object,
    /// A group of the tenant, or one of which only the name on the cluster is known.
    Group,
    /// A user name of which nobody knows whose it is.
    UserName,
    /// A service account.
    ServiceAccount,
    /// A user or group that Kubernetes itself knows: `system:…`.
    System,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Way {
    /// From the person to the group that is bound; empty where they are bound themselves.
    pub(super) memberships: Vec<Member>,
    /// The subject of the binding, as the cluster calls it.
    pub(super) subject: String,
    /// The binding.
    pub(super) binding: Binding,
    /// The role.
    pub(super) role: Role,
    /// The rules: the one that allows what was asked about, else all; `null` where there is no such role.
    pub(super) rules: Option<Vec<v1::Rule>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    /// The group.
    pub(super) group: Who,
    /// The line that puts whoever comes before into it; `null` where it is so and no file says it.
    pub(super) origin: Option<v1::Origin>,
    /// Since when it does; of `why` alone, and `null` where there is no git repository.
    pub(super) added: Option<v1::Since>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Binding {
    /// Its namespace; `null` for a `ClusterRoleBinding`.
    pub(super) namespace: Option<String>,
    /// Its name.
    pub(super) name: String,
    /// Whether it carries the mark of this config.
    pub(super) ours: bool,
    /// The grant that asks for it.
    pub(super) origin: Option<v1::Origin>,
    /// Since when it does; of `why` alone, and `null` where there is no git repository.
    pub(super) added: Option<v1::Since>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    /// Its kind.
    pub(super) kind: RoleKinds,
    /// The name of the object.
    pub(super) name: String,
    /// Its key in the files, where it is one of ours.
    pub(super) key: Option<String>,
    /// Its block, where it is one of ours.
    pub(super) origin: Option<v1::Origin>,
    /// Since when the block is there or, where one thing was asked about, since when it allows that; of `why` alone, and
    /// `null` where there is no git repository.
    pub(super) added: Option<v1::Since>,
    /// The roles from which it has the rule, where it is filled by aggregation; the one in which the rule stands last.
    pub(super) brought_by: Vec<From>,
}

#[derive(Serialize, JsonSchema)]
pub(super) enum RoleKinds {
    ClusterRole,
    Role,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    /// The name of the object.
    pub(super) role: String,
    /// Its key in the files, where it is one of ours.
    pub(super) key: Option<String>,
    /// Its block, where it is one of ours.
    pub(super) origin: Option<v1::Origin>,
    /// Since when the block is there; of `why` alone, and `null` where there is no git repository.
    pub(super) added: Option<v1::Since>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Owner {
    /// Who.
    pub(super) who: Who,
    /// The group that they own.
    pub(super) group: Who,
    /// By what they then may; of somebody who was asked about everything, what they then have.
    pub(super) ways: Vec<Way>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Worthless {
    /// Who.
    pub(super) who: Who,
    /// The group.
    pub(super) group: Who,
    /// Why.
    pub(super) why: Why,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Why {
    /// Tokens of apps carry no groups.
    Application,
    /// They are in more groups than a token carries.
    Overage,
}

/// What comes nearest.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Near {
    /// What the names are.
    pub(super) by: By,
    /// The names.
    pub(super) names: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum By {
    /// Namespaces in which they may.
    Namespaces,
    /// Objects for which they may.
    Objects,
    /// Verbs that they may use on the same.
    Verbs,
    /// Roles that they have in the place.
    Roles,
    /// Namespaces in which they have something else.
    Elsewhere,
    /// They have nothing but what everybody has.
    Nothing,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NotSeen {
    /// What.
    pub(super) what: What,
    /// Its name; `null` for Entra.
    pub(super) name: Option<String>,
    /// Why.
    pub(super) why: String,
    /// What to do.
    pub(super) next: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    /// Who is in which group.
    Entra,
    /// A cluster.
    Environment,
    /// Who is in a group.
    Group,
}
