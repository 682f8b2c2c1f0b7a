//! What the files of two commits say of somebody, side by side. By names alone: the files need not hang together.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::config::{Sheet, Value};
use crate::state::history::{Fact, List, Turn, Whose};
use crate::state::{EnvironmentName, GroupKey, PrincipalName, RoleKey};

/// What the later files made of somebody's access; with it, who that is in the earlier ones, where a group may have had
/// another key.
pub fn turn<S: Borrow<Sheet>>(before: &[S], after: &[S], whose: &Whose) -> (Turn, Whose) {
    let renamed = renamed(before, after);
    let called = |key: &GroupKey| renamed.get(key).cloned().unwrap_or_else(|| key.clone());
    let (then, now) = match whose {
        Whose::Person(_) => (whose.clone(), whose.clone()),
        Whose::Group(key) => {
            let old = renamed.iter().find(|(old, new)| *old == key || *new == key).map(|(old, _)| old);
            let old = old.unwrap_or(key);
            (Whose::Group(old.clone()), Whose::Group(called(old)))
        }
    };
    let was: BTreeSet<Fact> = standing(before, &then).iter().map(|fact| as_called(fact, &called)).collect();
    let is = standing(after, &now);
    let mut turn = Turn {
        came: is.difference(&was).cloned().collect(),
        went: was.difference(&is).cloned().collect(),
        renamed: BTreeMap::new(),
    };
    only_what_roles_change(&mut turn);
    let concerns: BTreeSet<&GroupKey> = is.iter().flat_map(groups_of).collect();
    turn.renamed = renamed.into_iter().filter(|(_, new)| concerns.contains(new)).collect();
    (turn, then)
}

/// What the files say of somebody.
pub fn standing<S: Borrow<Sheet>>(files: &[S], whose: &Whose) -> BTreeSet<Fact> {
    let sheets = || files.iter().map(Borrow::borrow);
    let groups: BTreeMap<&GroupKey, _> = sheets().flat_map(|sheet| &sheet.groups).collect();
    let mut facts = BTreeSet::new();
    let names: Vec<PrincipalName> = match whose {
        Whose::Person(names) => names.clone(),
        Whose::Group(key) => {
            if let Some(group) = groups.get(key) {
                facts.insert(Fact::Block(key.clone()));
                facts.extend(group.properties.iter().map(|(name, value)| Fact::Property(name, value.clone())));
                for (list, people) in &group.lists {
                    facts.extend(people.keys().map(|who| Fact::Holds(*list, who.clone())));
                }
            }
            vec![PrincipalName::Group(key.clone())]
        }
    };
    // Every group that they are in, with the way to it.
    let mut inside: BTreeMap<GroupKey, Vec<GroupKey>> = BTreeMap::new();
    let mut waiting: VecDeque<(GroupKey, Vec<GroupKey>)> = VecDeque::new();
    for (key, group) in &groups {
        let is_in = |people: &BTreeMap<PrincipalName, u32>| names.iter().any(|name| people.contains_key(name));
        for list in group.lists.iter().filter(|(_, people)| is_in(people)).map(|(list, _)| list) {
            facts.insert(Fact::Listed(*list, (*key).clone()));
            if *list == List::Members {
                waiting.push_back(((*key).clone(), Vec::new()));
            }
        }
    }
    while let Some((key, way)) = waiting.pop_front() {
        if inside.contains_key(&key) || *whose == Whose::Group(key.clone()) {
            continue;
        }
        if !way.is_empty() {
            facts.insert(Fact::Nested(key.clone(), way.clone()));
        }
        let member = PrincipalName::Group(key.clone());
        for (outer, group) in &groups {
            if group.lists.get(&List::Members).is_some_and(|members| members.contains_key(&member)) {
                let mut way = way.clone();
                way.push(key.clone());
                waiting.push_back(((*outer).clone(), way));
            }
        }
        inside.insert(key, way);
    }
    granted(files, &names, &inside, &mut facts);
    expected(files, &names, &mut facts);
    facts
}

/// The environments with their labels.
fn environments<S: Borrow<Sheet>>(files: &[S]) -> BTreeMap<&EnvironmentName, &BTreeMap<String, String>> {
    files.iter().map(Borrow::borrow).flat_map(|sheet| &sheet.environments).collect()
}

fn granted<S: Borrow<Sheet>>(
    files: &[S],
    names: &[PrincipalName],
    inside: &BTreeMap<GroupKey, Vec<GroupKey>>,
    facts: &mut BTreeSet<Fact>,
) {
    let environments = environments(files);
    // Each role that they have, and where.
    let mut held: BTreeMap<&RoleKey, BTreeSet<&EnvironmentName>> = BTreeMap::new();
    for grant in files.iter().map(Borrow::borrow).flat_map(|sheet| &sheet.grants) {
        let mut to: Vec<Option<GroupKey>> = Vec::new();
        to.extend(names.iter().any(|name| grant.subjects.contains(name)).then_some(None));
        let groups = grant.subjects.iter().filter_map(|subject| match subject {
            PrincipalName::Group(key) if inside.contains_key(key) => Some(Some(key.clone())),
            _ => None,
        });
        to.extend(groups);
        if to.is_empty() {
            continue;
        }
        for role in &grant.roles {
            held.entry(role).or_default();
        }
        for (environment, labels) in &environments {
            if !grant.environments.include(environment, labels) {
                continue;
            }
            for role in &grant.roles {
                held.entry(role).or_default().insert(*environment);
            }
            for (by, role) in to.iter().flat_map(|by| grant.roles.iter().map(move |role| (by, role))) {
                facts.extend(grant.places.iter().map(|place| Fact::Grant {
                    by: by.clone(),
                    role: role.clone(),
                    environment: (*environment).clone(),
                    place: place.clone(),
                }));
            }
        }
    }
    let roles = || files.iter().map(Borrow::borrow).flat_map(|sheet| &sheet.roles);
    for (key, role) in roles() {
        let Some(on) = held.get(key) else { continue };
        let mut allows: BTreeSet<String> = role.allows().collect();
        for (environment, labels) in &environments {
            if role.environments.include(environment, labels) {
                let to = role.aggregate_to.iter().map(|to| format!("aggregate-to {to} on {environment}"));
                allows.extend(to);
            }
            let others = roles().filter(|(_, other)| on.contains(environment) && other.comes_to(role));
            for (_, other) in others.filter(|(_, other)| other.environments.include(environment, labels)) {
                allows.extend(other.allows().map(|what| format!("{what} on {environment}")));
            }
        }
        facts.insert(Fact::Allows(key.clone(), allows.into_iter().collect::<Vec<_>>().join("; ")));
    }
}

fn expected<S: Borrow<Sheet>>(files: &[S], names: &[PrincipalName], facts: &mut BTreeSet<Fact>) {
    let environments = environments(files);
    for block in files.iter().map(Borrow::borrow).flat_map(|sheet| &sheet.expectations) {
        if !names.contains(&block.who) {
            continue;
        }
        for (environment, labels) in &environments {
            if !block.environments.include(environment, labels) {
                continue;
            }
            for (key, requests) in &block.requests {
                // `only: []` is nothing at all, which is something.
                let none = requests.is_empty().then(|| "nothing".to_owned());
                facts.extend(requests.iter().cloned().chain(none).map(|request| Fact::Expected {
                    key,
                    environment: (*environment).clone(),
                    request,
                }));
            }
        }
    }
}

/// Keys that are new, and the ones that those groups had before.
fn renamed<S: Borrow<Sheet>>(before: &[S], after: &[S]) -> BTreeMap<GroupKey, GroupKey> {
    let has = |files: &[S], key: &GroupKey| files.iter().any(|sheet| sheet.borrow().holds(&Value::Group(key.clone())));
    let mut renamed = BTreeMap::new();
    for (new, group) in after.iter().map(Borrow::borrow).flat_map(|sheet| &sheet.groups) {
        if group.previously.is_empty() || has(before, new) {
            continue;
        }
        if let Some(old) = group.previously.iter().find(|old| has(before, old) && !has(after, old)) {
            renamed.insert(old.clone(), new.clone());
        }
    }
    renamed
}

/// A role that comes or goes as a whole is told by its grant; only one that stays and allows something else is news.
fn only_what_roles_change(turn: &mut Turn) {
    let roles = |facts: &BTreeSet<Fact>| -> BTreeSet<RoleKey> {
        let roles = facts.iter().filter_map(|fact| match fact {
            Fact::Allows(role, _) => Some(role.clone()),
            _ => None,
        });
        roles.collect()
    };
    let (came, went) = (roles(&turn.came), roles(&turn.went));
    let stays = |fact: &Fact| match fact {
        Fact::Allows(role, _) => came.contains(role) && went.contains(role),
        _ => true,
    };
    turn.came.retain(stays);
    turn.went.retain(stays);
}

fn as_called(fact: &Fact, called: &impl Fn(&GroupKey) -> GroupKey) -> Fact {
    let principal = |who: &PrincipalName| match who {
        PrincipalName::Group(key) => PrincipalName::Group(called(key)),
        other => other.clone(),
    };
    match fact {
        Fact::Block(key) => Fact::Block(called(key)),
        Fact::Holds(list, who) => Fact::Holds(*list, principal(who)),
        Fact::Listed(list, key) => Fact::Listed(*list, called(key)),
        Fact::Nested(key, way) => Fact::Nested(called(key), way.iter().map(called).collect()),
        Fact::Grant { by, role, environment, place } => Fact::Grant {
            by: by.as_ref().map(called),
            role: role.clone(),
            environment: environment.clone(),
            place: place.clone(),
        },
        Fact::Property(..) | Fact::Allows(..) | Fact::Expected { .. } => fact.clone(),
    }
}

/// The groups that something is about.
fn groups_of(fact: &Fact) -> Vec<&GroupKey> {
    match fact {
        Fact::Block(key) | Fact::Listed(_, key) | Fact::Holds(_, PrincipalName::Group(key)) => vec![key],
        Fact::Nested(key, way) => way.iter().chain([key]).collect(),
        Fact::Grant { by: Some(by), .. } => vec![by],
        Fact::Property(..)
        | Fact::Holds(..)
        | Fact::Grant { by: None, .. }
        | Fact::Allows(..)
        | Fact::Expected { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "environments:
  alpha: { type: k3s, labels: { stage: dev } }
groups:
  dev: { members: [Dana@contoso.com, { group: inner }], owners: [erin@contoso.com] }
  inner: { members: [sam@contoso.com] }
  outer: { members: [{ group: dev }] }
roles:
  reader: { rules: [{ apiGroups: [\"\"], resources: [pods], verbs: [get, list] }] }
grants:
  - { groups: [outer], roles: [reader], environments: { stage: dev }, namespaces: [trinity] }
";

    fn turned(after: &str, whose: &Whose) -> Turn {
        let sheet = |text: &str| Sheet::read(text).expect("it is YAML");
        turn(&[sheet(BEFORE)], &[sheet(after)], whose).0
    }

    fn sam() -> Whose {
        Whose::Person(vec![PrincipalName::User("sam@contoso.com".parse().expect("a name"))])
    }

    #[test]
    fn how_it_is_written_means_nothing() {
        let after = BEFORE
            .replace("  inner: { members: [sam@contoso.com] }", "  inner:\n    members:\n    - SAM@contoso.com")
            .replace("verbs: [get, list]", "verbs: [list, get]");
        assert_eq!(turned(&after, &sam()), Turn::default(), "{after}");
    }

    #[test]
    fn a_group_within_groups_gains_and_loses_for_its_members() {
        let after = BEFORE.replace(", { group: inner }", "");
        let turn = turned(&after, &sam());
        assert!(turn.came.is_empty());
        let nested = turn.went.iter().filter(|fact| matches!(fact, Fact::Nested(..))).count();
        let grants = turn.went.iter().filter(|fact| matches!(fact, Fact::Grant { by: Some(_), .. })).count();
        assert_eq!((nested, grants, turn.went.len()), (2, 1, 3), "{turn:?}");
    }

    #[test]
    fn an_environment_that_gets_a_label_is_granted() {
        let after = BEFORE.replace("groups:\n  dev", "  beta: { type: k3s, labels: { stage: dev } }\ngroups:\n  dev");
        let turn = turned(&after, &sam());
        let came: Vec<_> = turn.came.iter().collect();
        assert!(matches!(came[..], [Fact::Grant { environment, .. }] if environment.as_str() == "beta"), "{turn:?}");
    }

    #[test]
    fn a_key_that_changes_is_told_once_and_changes_nothing_else() {
        let after = BEFORE
            .replace("  outer: {", "  around: { previously: [outer],")
            .replace("groups: [outer]", "groups: [around]");
        for whose in
            [sam(), Whose::Group("around".parse().expect("a key")), Whose::Group("outer".parse().expect("a key"))]
        {
            let turn = turned(&after, &whose);
            assert!(turn.came.is_empty() && turn.went.is_empty(), "{whose:?}: {turn:?}");
            assert_eq!(turn.renamed.len(), 1, "{whose:?}");
        }
    }

    #[test]
    fn a_role_that_allows_something_else_is_news_and_one_that_comes_is_not() {
        let turn = turned(&BEFORE.replace("[get, list]", "[get]"), &sam());
        assert!(matches!(turn.came.iter().collect::<Vec<_>>()[..], [Fact::Allows(..)]), "{turn:?}");
        let turn = turned(&BEFORE.replace(", { group: inner }", ""), &sam());
        assert!(!turn.went.iter().any(|fact| matches!(fact, Fact::Allows(..))));
    }

    #[test]
    fn a_role_whose_rules_come_to_another_is_news_for_who_has_that() {
        let text = |more: &str| {
            BEFORE
                .replace("roles:\n", &format!("roles:\n  all: {{ cluster-role: edit }}\n  more: {{ rules: [{{ apiGroups: [x], resources: [y], verbs: [get] }}]{more} }}\n"))
                .replace("roles: [reader]", "roles: [all]")
        };
        let sheet = |text: &str| Sheet::read(text).expect("it is YAML");
        let turned = |after: &str| turn(&[sheet(&text(""))], &[sheet(&text(after))], &sam()).0;
        let came = turned(", aggregate-to: [view], environments: { stage: dev }");
        assert!(
            matches!(came.came.iter().collect::<Vec<_>>()[..], [Fact::Allows(role, what)] if role.as_str() == "all" && what.contains("[x] [y]")),
            "{came:?}"
        );
        assert_eq!(
            turned(", aggregate-to: [view], environments: [beta]"),
            Turn::default(),
            "it is nowhere that they are"
        );
        assert_eq!(turned(", aggregate-to: [admin], environments: [alpha]"), Turn::default(), "edit is no admin");
    }

    #[test]
    fn groups_in_a_circle_end() {
        let after = BEFORE.replace("  inner: { members: [sam", "  inner: { members: [{ group: outer }, sam");
        let turn = turned(&after, &sam());
        assert!(turn.came.is_empty() && turn.went.is_empty(), "{turn:?}");
    }

    #[test]
    fn what_is_malformed_says_nothing() {
        assert!(Sheet::read("groups: [").is_none());
        let sheet = Sheet::read("groups: { A B: { members: 7 } }\ngrants: 3\nroles: [x]\nexpectations: [{ user: 1 }]");
        let sheet = sheet.expect("it is YAML");
        assert!(sheet.groups.is_empty() && sheet.grants.is_empty() && sheet.expectations.is_empty());
    }
}
