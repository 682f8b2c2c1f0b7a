#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rules;
mod subjects;

use crate::state::{
    Binding, Namespace, PolicyRule, Request, Role, RoleKind, RoleRef, Subject, SubjectKind, SubjectName,
};

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn namespace(name: &str) -> Option<Namespace> {
    (!name.is_empty()).then(|| name.parse().unwrap())
}

/// A request on a resource: `verb group/resource/subresource name`, in a namespace or, with an empty one, everywhere.
fn on(question: &str, place: &str) -> Request {
    let mut words = question.split(' ');
    let verb = words.next().unwrap().to_owned();
    let mut what = words.next().unwrap().splitn(3, '/').map(str::to_owned);
    Request::Resource {
        verb,
        group: what.next().unwrap(),
        resource: what.next().unwrap(),
        subresource: what.next(),
        namespace: namespace(place),
        name: words.next().map(str::to_owned),
    }
}

fn path(verb: &str, path: &str) -> Request {
    Request::Path { verb: verb.to_owned(), path: path.to_owned() }
}

fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> PolicyRule {
    PolicyRule {
        verbs: texts(verbs),
        api_groups: texts(groups),
        resources: texts(resources),
        resource_names: texts(names),
        ..PolicyRule::default()
    }
}

fn urls(verbs: &[&str], urls: &[&str]) -> PolicyRule {
    PolicyRule { verbs: texts(verbs), non_resource_urls: texts(urls), ..PolicyRule::default() }
}

/// A role that allows one verb on pods.
fn role(place: &str, name: &str, verb: &str) -> Role {
    Role {
        namespace: namespace(place),
        name: name.to_owned(),
        rules: vec![rule(&[verb], &[""], &["pods"], &[]), urls(&[verb], &["/healthz"])],
        aggregate_to: [].into(),
    }
}

fn binding(place: &str, name: &str, kind: RoleKind, role: &str, subjects: &[Subject]) -> Binding {
    Binding {
        namespace: namespace(place),
        name: name.to_owned(),
        role: RoleRef { kind, name: role.to_owned() },
        subjects: subjects.to_vec(),
    }
}

fn subject(kind: SubjectKind, place: Option<&str>, name: &str) -> Subject {
    Subject { kind, name: SubjectName::Known(name.to_owned()), namespace: place.map(str::to_owned), principal: None }
}

fn user(name: &str) -> Subject {
    subject(SubjectKind::User, None, name)
}
