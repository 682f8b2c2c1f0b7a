//! An answer about access as JSON, version 1. What is published here only grows; whatever else changes becomes version 2.

use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{origin, rule};
use super::v1;
use crate::access::people::WithoutGroups;
use crate::access::questions::{
    Answer, Entry, GroupLabel, Nearest, Part, Party, PersonLabel, Question, Reached, Unseen, Whose,
};
use crate::report::escape;
use crate::state::{PrincipalKind, Request, RoleKind};

/// What `rolecall who-can`, `why` and `access` print with `--output json`.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A rolecall answer about access, version 1")]
struct Document {
    /// The name of this format.
    format: Format,
    /// What was asked.
    question: Asked,
    /// Whether it is about the time after an apply.
    planned: bool,
    /// Whether anybody may, or they may, in some environment that could be seen.
    answer: bool,
    /// The environments that could be read.
    environments: Vec<Place>,
    /// What could not be seen; the answer may be another with it.
    unseen: Vec<NotSeen>,
    /// What is odd about the question.
    notes: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
enum Format {
    #[serde(rename = "rolecall-answer/1")]
    V1,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The command.
    command: Command,
    /// Who was asked about.
    who: Option<Who>,
    /// What was asked about; `null` for everything.
    request: Option<Requested>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Command {
    WhoCan,
    Why,
    Access,
}

/// A request as it was taken, all names in full.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Requested {
    /// The verb.
    verb: String,
    /// The API group; empty is the core group. `null` for a path.
    group: Option<String>,
    /// The resource; `null` for a path.
    resource: Option<String>,
    /// The subresource.
    subresource: Option<String>,
    /// The namespace; `null` is the whole cluster.
    namespace: Option<String>,
    /// The object's name.
    name: Option<String>,
    /// The path, for what is no resource.
    path: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Place {
    /// Its name.
    environment: String,
    /// Whoever may; of somebody who was asked about, one entry, without a way where they may not.
    entries: Vec<Listed>,
    /// Who could make themselves members of a group by which others may.
    indirect: Vec<Owner>,
    /// Who is in a group by which others may, and may not, as their tokens carry no groups.
    without_groups: Vec<Worthless>,
    /// Of a question about the whole cluster: the namespaces in which more may.
    in_namespaces: Vec<String>,
    /// Of somebody who may not: what comes nearest.
    nearest: Option<Near>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listed {
    /// Who.
    who: Who,
    /// Whether they may.
    may: bool,
    /// Whether they may do anything, whatever is bound.
    superuser: bool,
    /// By what.
    ways: Vec<Way>,
}

/// Whoever can be a subject.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Who {
    /// What they are.
    kind: Kind,
    /// Their name, as the files name them where they are somebody in Entra.
    name: String,
    /// The object id in Entra, where it is known.
    id: Option<String>,
    /// The display name in Entra, where it is known.
    display_name: Option<String>,
    /// Whether the account is disabled; `null` for what is no person.
    disabled: Option<bool>,
    /// The namespace of a service account.
    namespace: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
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
struct Way {
    /// From the person to the group that is bound; empty where they are bound themselves.
    memberships: Vec<Member>,
    /// The subject of the binding, as the cluster calls it.
    subject: String,
    /// The binding.
    binding: Binding,
    /// The role.
    role: Role,
    /// The rules: the one that allows what was asked about, else all; `null` where there is no such role.
    rules: Option<Vec<v1::Rule>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Member {
    /// The group.
    group: Who,
    /// The line that puts whoever comes before into it; `null` where it is so and no file says it.
    origin: Option<v1::Origin>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Binding {
    /// Its namespace; `null` for a `ClusterRoleBinding`.
    namespace: Option<String>,
    /// Its name.
    name: String,
    /// Whether it carries the mark of this config.
    ours: bool,
    /// The grant that asks for it.
    origin: Option<v1::Origin>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Role {
    /// Its kind.
    kind: RoleKinds,
    /// Its name.
    name: String,
    /// Its block, where it is one of ours.
    origin: Option<v1::Origin>,
    /// The roles from which it has the rule, where it is filled by aggregation; the one in which the rule stands last.
    brought_by: Vec<From>,
}

#[derive(Serialize, JsonSchema)]
enum RoleKinds {
    ClusterRole,
    Role,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct From {
    /// The role.
    role: String,
    /// Its block, where it is one of ours.
    origin: Option<v1::Origin>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Owner {
    /// Who.
    who: Who,
    /// The group that they own.
    group: Who,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Worthless {
    /// Who.
    who: Who,
    /// The group.
    group: Who,
    /// Why.
    why: Why,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Why {
    /// Tokens of apps carry no groups.
    Application,
    /// They are in more groups than a token carries.
    Overage,
}

/// What comes nearest.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Near {
    /// What the names are.
    by: By,
    /// The names.
    names: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum By {
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
struct NotSeen {
    /// What.
    what: What,
    /// Its name; `null` for Entra.
    name: Option<String>,
    /// Why.
    why: String,
    /// What to do.
    next: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// Who is in which group.
    Entra,
    /// A cluster.
    Environment,
    /// Who is in a group.
    Group,
}

/// An answer as JSON.
pub fn answer_v1(answer: &Answer, notes: &[String]) -> String {
    let (command, whom, requested) = match &answer.question {
        Question::WhoCan(request) => (Command::WhoCan, None, Some(request)),
        Question::Why(party, request) => (Command::Why, Some(party), request.as_ref()),
        Question::Access(party) => (Command::Access, Some(party), None),
    };
    let document = Document {
        format: Format::V1,
        question: Asked { command, who: whom.map(who), request: requested.map(request) },
        planned: answer.planned,
        answer: answer.is_yes(),
        environments: answer.parts.iter().map(environment).collect(),
        unseen: answer.unseen.iter().map(not_seen).collect(),
        notes: notes.to_vec(),
    };
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    escape::json(&format!("{text}\n"))
}

/// The JSON Schema of version 1 of an answer, as it stands in `schema/answer.schema.json`.
pub fn answer_schema() -> String {
    format!("{:#}\n", schemars::schema_for!(Document).as_value())
}

fn request(request: &Request) -> Requested {
    match request {
        Request::Resource { verb, group, resource, subresource, namespace, name } => Requested {
            verb: verb.clone(),
            group: Some(group.clone()),
            resource: Some(resource.clone()),
            subresource: subresource.clone(),
            namespace: namespace.as_ref().map(ToString::to_string),
            name: name.clone(),
            path: None,
        },
        Request::Path { verb, path } => Requested {
            verb: verb.clone(),
            group: None,
            resource: None,
            subresource: None,
            namespace: None,
            name: None,
            path: Some(path.clone()),
        },
    }
}

fn environment(part: &Part) -> Place {
    Place {
        environment: part.environment.to_string(),
        entries: part.entries.iter().map(listed).collect(),
        indirect: part.indirect.iter().map(|of| Owner { who: person(&of.who), group: group(&of.group) }).collect(),
        without_groups: part
            .without
            .iter()
            .map(|of| Worthless {
                who: person(&of.who),
                group: group(&of.group),
                why: match of.why {
                    WithoutGroups::Application => Why::Application,
                    WithoutGroups::Overage(_) => Why::Overage,
                },
            })
            .collect(),
        in_namespaces: part.in_namespaces.iter().map(ToString::to_string).collect(),
        nearest: part.nearest.as_ref().map(near),
    }
}

fn listed(entry: &Entry) -> Listed {
    Listed {
        who: who(&entry.who),
        may: entry.may(),
        superuser: entry.is_superuser,
        ways: entry.ways.iter().map(way).collect(),
    }
}

fn who(party: &Party) -> Who {
    let plain = |kind, name: &str| Who {
        kind,
        name: name.to_owned(),
        id: None,
        display_name: None,
        disabled: None,
        namespace: None,
    };
    match party {
        Party::Person(label) => person(label),
        Party::Group(label) => group(label),
        Party::User(name) => plain(Kind::UserName, name),
        Party::ServiceAccount { namespace, name } => {
            Who { namespace: Some(namespace.clone()), ..plain(Kind::ServiceAccount, name) }
        }
        Party::ServiceAccounts(None) => plain(Kind::System, "system:serviceaccounts"),
        Party::ServiceAccounts(Some(namespace)) => plain(Kind::System, &format!("system:serviceaccounts:{namespace}")),
        Party::Everybody => plain(Kind::System, "system:authenticated"),
        Party::Anonymous => plain(Kind::System, "system:unauthenticated"),
        Party::System(name) => plain(Kind::System, name),
        Party::Superusers => plain(Kind::System, "system:masters"),
    }
}

fn person(label: &PersonLabel) -> Who {
    Who {
        kind: match label.kind {
            Some(PrincipalKind::User) => Kind::User,
            Some(PrincipalKind::Guest) => Kind::Guest,
            Some(PrincipalKind::Group) => Kind::Group,
            Some(PrincipalKind::ServicePrincipal) => Kind::ServicePrincipal,
            Some(PrincipalKind::Device | PrincipalKind::Contact | PrincipalKind::Other) | None => Kind::Object,
        },
        name: label.name.to_string(),
        id: label.id.map(|id| id.to_string()),
        display_name: label.display_name.clone(),
        disabled: Some(label.disabled),
        namespace: None,
    }
}

fn group(label: &GroupLabel) -> Who {
    Who {
        kind: Kind::Group,
        name: label.name.clone(),
        id: label.id.map(|id| id.to_string()),
        display_name: None,
        disabled: None,
        namespace: None,
    }
}

fn way(way: &Reached) -> Way {
    let given = &way.given;
    let (ours, grant) = match &given.whose {
        Whose::Grant(asked) => (true, Some(origin(asked))),
        Whose::Left => (true, None),
        Whose::Others => (false, None),
    };
    let memberships = way.steps.iter();
    Way {
        memberships: memberships
            .map(|step| Member { group: group(&step.group), origin: step.origin.as_ref().map(origin) })
            .collect(),
        subject: given.subject.clone(),
        binding: Binding {
            namespace: given.namespace.as_ref().map(ToString::to_string),
            name: given.binding.clone(),
            ours,
            origin: grant,
        },
        role: Role {
            kind: match given.role.kind {
                RoleKind::ClusterRole => RoleKinds::ClusterRole,
                RoleKind::Role => RoleKinds::Role,
            },
            name: given.role.name.clone(),
            origin: given.role_origin.as_ref().map(origin),
            brought_by: given
                .brought
                .iter()
                .map(|from| From { role: from.role.clone(), origin: from.origin.as_ref().map(origin) })
                .collect(),
        },
        rules: given.rules.as_ref().map(|rules| rules.iter().map(rule).collect()),
    }
}

fn near(nearest: &Nearest) -> Near {
    let texts = |names: &std::collections::BTreeSet<String>| names.iter().cloned().collect();
    let namespaces =
        |names: &std::collections::BTreeSet<crate::state::Namespace>| names.iter().map(ToString::to_string).collect();
    let (by, names) = match nearest {
        Nearest::InNamespaces(names) => (By::Namespaces, namespaces(names)),
        Nearest::Named(names) => (By::Objects, texts(names)),
        Nearest::Verbs(names) => (By::Verbs, texts(names)),
        Nearest::Roles(names) => (By::Roles, texts(names)),
        Nearest::Elsewhere(names) => (By::Elsewhere, namespaces(names)),
        Nearest::Nothing => (By::Nothing, Vec::new()),
    };
    Near { by, names }
}

fn not_seen(unseen: &Unseen) -> NotSeen {
    match unseen {
        Unseen::Entra(why, next) => NotSeen { what: What::Entra, name: None, why: why.clone(), next: next.clone() },
        Unseen::Environment(name, why, next) => {
            NotSeen { what: What::Environment, name: Some(name.to_string()), why: why.clone(), next: next.clone() }
        }
        Unseen::Group(label, why) => {
            NotSeen { what: What::Group, name: Some(label.name.clone()), why: why.clone(), next: None }
        }
    }
}
