//! Questions about access: mostly what a binding gives, as it is or a little beside it.

use rolecall::access::Caller;
use rolecall::state::{Request, SubjectName};
use serde_json::{Value, json};

use super::super::dice::Dice;
use super::rules::{Bound, Policy, Stored};
use super::world::{GROUPS, NAMES, NOWHERE, PATHS, PLACES, RESOURCES, VERBS, World};

/// Whether somebody may do something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    pub(super) user: String,
    pub(super) groups: Vec<String>,
    pub(super) what: What,
}

/// What they would do. What is not there is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Resource { verb: String, group: String, resource: String, subresource: String, namespace: String, name: String },
    Path { verb: String, path: String },
}

impl Question {
    pub(super) fn namespace(&self) -> &str {
        match &self.what {
            What::Resource { namespace, .. } => namespace,
            What::Path { .. } => "",
        }
    }

    /// As `SubjectAccessReview` asks it.
    pub(crate) fn spec(&self) -> Value {
        let mut spec = json!({ "user": self.user, "groups": self.groups });
        match &self.what {
            What::Resource { verb, group, resource, subresource, namespace, name } => {
                spec["resourceAttributes"] = json!({
                    "verb": verb, "group": group, "resource": resource, "subresource": subresource,
                    "namespace": namespace, "name": name,
                });
            }
            What::Path { verb, path } => spec["nonResourceAttributes"] = json!({ "verb": verb, "path": path }),
        }
        spec
    }

    /// As rolecall's own authorizer is asked.
    pub(super) fn asked(&self) -> (Caller, Request) {
        let groups = self.groups.iter().map(|group| SubjectName::Known(group.clone()));
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let request = match &self.what {
            What::Resource { verb, group, resource, subresource, namespace, name } => Request::Resource {
                verb: verb.clone(),
                group: group.clone(),
                resource: resource.clone(),
                subresource: given(subresource),
                namespace: given(namespace).map(|namespace| namespace.parse().unwrap()),
                name: given(name),
            },
            What::Path { verb, path } => Request::Path { verb: verb.clone(), path: path.clone() },
        };
        (Caller::exactly(&self.user, groups), request)
    }
}

/// A world among everything that is on its cluster.
pub(super) struct View<'a> {
    world: &'a World,
    stored: &'a Stored,
    own: Vec<&'a Bound>,
    others: Vec<&'a Bound>,
}

impl<'a> View<'a> {
    pub(super) fn new(world: &'a World, stored: &'a Stored) -> Self {
        let start = format!("{}:", world.name);
        let (own, others) = stored.bindings.iter().partition(|binding| binding.name.starts_with(&start));
        Self { world, stored, own, others }
    }
}

/// Draws a question about a world.
pub(super) fn draw(dice: &mut Dice, view: &View<'_>) -> Question {
    let View { world, stored, own, others } = view;
    let bindings = if dice.chance(6) { others } else { own };
    let binding = bindings[dice.below(bindings.len())];
    let (user, groups) = who(dice, world, binding);
    // What another binding gives is asked, too: somebody without it must not have it.
    let about = if dice.chance(15) { own[dice.below(own.len())] } else { binding };
    let rules = stored.rules(about);
    let what = if rules.is_empty() || dice.chance(4) {
        anything(dice, binding)
    } else {
        let rule = &rules[dice.below(rules.len())];
        beside(dice, rule, binding)
    };
    Question { user, groups, what }
}

/// Whoever a subject of the binding stands for, or somebody who could be taken for them.
fn who(dice: &mut Dice, world: &World, binding: &Bound) -> (String, Vec<String>) {
    let mut groups: Vec<String> = (0..dice.below(3)).map(|_| world.group(dice.below(5))).collect();
    let mut user = if dice.chance(8) { "somebody".to_owned() } else { world.user(dice.below(6)) };
    let is_beside = dice.chance(25);
    if !binding.subjects.is_empty() {
        let subject = &binding.subjects[dice.below(binding.subjects.len())];
        let name = if is_beside && dice.chance(40) { other_case(&subject.name) } else { subject.name.clone() };
        match (subject.kind.as_str(), is_beside && dice.chance(40)) {
            ("User", false) | ("Group", true) => user = name,
            ("Group", false) | ("User", true) => groups.push(name),
            _ => {
                let own = if subject.namespace.is_empty() { &binding.namespace } else { &subject.namespace };
                let place = if is_beside { dice.one(&[PLACES[0], PLACES[1], NOWHERE]) } else { own };
                user = format!("system:serviceaccount:{place}:{}", subject.name);
                if dice.chance(50) {
                    groups.push("system:serviceaccounts".to_owned());
                    groups.push(format!("system:serviceaccounts:{place}"));
                }
            }
        }
    }
    if dice.chance(20) {
        groups.push("system:authenticated".to_owned());
    }
    if dice.chance(5) {
        groups.push("system:masters".to_owned());
    }
    // Their order is to mean nothing.
    if !groups.is_empty() {
        let first = dice.below(groups.len());
        groups.rotate_left(first);
    }
    (user, groups)
}

/// Kubernetes' own names stay as they are.
fn other_case(name: &str) -> String {
    if name.starts_with("system:") {
        return name.to_owned();
    }
    let turn = |letter: char| {
        if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    name.chars().map(turn).collect()
}

fn word(dice: &mut Dice, own: &[String], others: &[&str]) -> String {
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let word = if !own.is_empty() && dice.chance(85) { dice.one(&own) } else { dice.one(others) };
    // A star is asked for as it is now and then only.
    if word == "*" && dice.chance(85) { dice.one(others).to_owned() } else { word.to_owned() }
}

fn place(dice: &mut Dice, binding: &Bound) -> String {
    match dice.below(10) {
        0..6 if !binding.namespace.is_empty() => binding.namespace.clone(),
        0..8 => dice.one(&["", PLACES[0], PLACES[1]]).to_owned(),
        8 => NOWHERE.to_owned(),
        _ => String::new(),
    }
}

/// What a rule allows, or something a little beside it.
fn beside(dice: &mut Dice, rule: &Policy, binding: &Bound) -> What {
    let mut verb = word(dice, &rule.verbs, &VERBS);
    if dice.chance(4) {
        verb = other_case(&verb);
    }
    // Now and then the one is asked of who may do the other.
    if dice.chance(if rule.urls.is_empty() { 6 } else { 94 }) {
        return What::Path { verb, path: path(dice, &rule.urls) };
    }
    let group = word(dice, &rule.api_groups, &GROUPS);
    let resource = word(dice, &rule.resources, &RESOURCES);
    let (mut resource, mut subresource) = match resource.split_once('/') {
        Some((resource, subresource)) => (resource.to_owned(), subresource.to_owned()),
        None => (resource, String::new()),
    };
    if resource == "*" && dice.chance(80) {
        dice.one(&["pods", "deployments", "services", "namespaces"]).clone_into(&mut resource);
    }
    if subresource == "*" && dice.chance(80) {
        dice.one(&["log", "scale", "exec"]).clone_into(&mut subresource);
    }
    if dice.chance(7) {
        dice.one(&["", "log", "scale", "exec", "status"]).clone_into(&mut subresource);
    }
    let mut namespace = place(dice, binding);
    let mut name = if dice.chance(if rule.resource_names.is_empty() { 30 } else { 85 }) {
        word(dice, &rule.resource_names, &NAMES)
    } else {
        String::new()
    };
    if resource == "namespaces" && dice.chance(60) {
        name = if namespace.is_empty() || dice.chance(20) { dice.one(&PLACES).to_owned() } else { namespace.clone() };
        if dice.chance(40) {
            namespace = String::new();
        }
    }
    What::Resource { verb, group, resource, subresource, namespace, name }
}

fn path(dice: &mut Dice, urls: &[String]) -> String {
    let path = word(dice, urls, &PATHS);
    let begin = path.trim_end_matches('*');
    match dice.below(8) {
        0 => path,
        1 => format!("{begin}x"),
        2 => begin.to_owned(),
        3 => begin.trim_end_matches('/').to_owned(),
        4 => begin.replacen('*', "x/y", 1),
        5 => begin.replacen('*', "", 1),
        6 => format!("{begin}a/b"),
        _ => format!("{begin}*/"),
    }
}

/// Anything at all.
fn anything(dice: &mut Dice, binding: &Bound) -> What {
    let rule = Policy {
        verbs: dice.some(&VERBS, 1),
        api_groups: dice.some(&GROUPS, 1),
        resources: dice.some(&RESOURCES, 1),
        resource_names: dice.some(&NAMES, 1),
        urls: if dice.chance(40) { dice.some(&PATHS, 1) } else { Vec::new() },
    };
    beside(dice, &rule, binding)
}
