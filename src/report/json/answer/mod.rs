//! An answer about access as JSON.

mod document;

use self::document::{
    Asked, Binding, By, Command, Document, Format, From, Gives, Kind, Listed, Member, Near, NotSeen, Owner, Place,
    Requested, Role, RoleKinds, Way, What, Who, Why, Worthless,
};
use super::plan::{origin, rule};
use super::v1;
use crate::access::people::WithoutGroups;
use crate::access::questions::{
    Answer, Entry, GroupLabel, Nearest, Part, Party, PersonLabel, Question, Reached, Unseen, Whose,
};
use crate::report::escape;
use crate::state::{PrincipalKind, Request, RoleKind};

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
        answer: answer.verdict(),
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
        indirect: part
            .indirect
            .iter()
            .map(|of| Owner { who: person(&of.who), group: group(&of.group), ways: of.ways.iter().map(way).collect() })
            .collect(),
        unread: part.unread.iter().map(group).collect(),
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
        givers: part
            .givers
            .iter()
            .map(|of| Gives { group: of.group.to_string(), role: of.role.to_string(), origin: origin(&of.origin) })
            .collect(),
        after_apply: part.is_asked_for,
    }
}

fn listed(entry: &Entry) -> Listed {
    Listed {
        who: who(&entry.who),
        may: entry.may(),
        superuser: entry.is_superuser,
        kubernetes: entry.is_its_own(),
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
            .map(|step| Member {
                group: group(&step.group),
                origin: step.origin.as_ref().map(origin),
                added: step.added.as_ref().map(v1::Since::from),
            })
            .collect(),
        subject: given.subject.clone(),
        binding: Binding {
            namespace: given.namespace.as_ref().map(ToString::to_string),
            name: given.binding.clone(),
            ours,
            origin: grant,
            added: given.grant_added.as_ref().map(v1::Since::from),
        },
        role: Role {
            kind: match given.role.kind {
                RoleKind::ClusterRole => RoleKinds::ClusterRole,
                RoleKind::Role => RoleKinds::Role,
            },
            name: given.role.name.clone(),
            key: given.role_block.as_ref().map(|(key, _)| key.to_string()),
            origin: given.role_block.as_ref().map(|(_, block)| origin(block)),
            added: given.role_added.as_ref().map(v1::Since::from),
            brought_by: given
                .brought
                .iter()
                .map(|from| From {
                    role: from.role.clone(),
                    key: from.block.as_ref().map(|(key, _)| key.to_string()),
                    origin: from.block.as_ref().map(|(_, block)| origin(block)),
                    added: from.added.as_ref().map(v1::Since::from),
                })
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
        Nearest::Roles(names) => (By::Roles, names.keys().cloned().collect()),
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
