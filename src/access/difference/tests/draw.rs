//! Worlds by chance, and what a few changes make of them.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::world::{Bound, CLUSTERS, GROUPS, Group, Naming, OURS, PEOPLE, ROLES, To, World, Written};
use crate::state::{DefaultRole, GroupNaming, GroupsClaim, PolicyRule, UserNaming};

pub(super) fn rule(group: &str, resource: &str, names: &[&str], verbs: &[&str]) -> PolicyRule {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    PolicyRule {
        api_groups: vec![group.to_owned()],
        resources: vec![resource.to_owned()],
        verbs: list(verbs),
        resource_names: list(names),
        non_resource_urls: Vec::new(),
    }
}

fn paths(path: &str) -> PolicyRule {
    PolicyRule { non_resource_urls: vec![path.to_owned()], verbs: vec!["get".to_owned()], ..PolicyRule::default() }
}

fn some_rule() -> impl Strategy<Value = PolicyRule> {
    let resources = (
        select(vec!["", "apps", "*"]),
        select(vec!["pods", "pods/log", "*/log", "*"]),
        select(vec![vec![], vec![], vec!["one"]]),
        select(vec![vec!["get"], vec!["get", "list"], vec!["*"]]),
    );
    let paths = select(vec!["/a", "/a/*", "*"]).prop_map(paths);
    prop_oneof![
        6 => resources.prop_map(|(group, resource, names, verbs)| rule(group, resource, &names, &verbs)),
        1 => paths
    ]
}

fn some_bound() -> impl Strategy<Value = Bound> {
    let to = prop_oneof![
        12 => (0..GROUPS).prop_map(To::Group),
        2 => (0..PEOPLE).prop_map(To::Person),
        1 => Just(To::Stranger),
        1 => select(vec![To::ServiceAccount, To::ServiceAccountAsUser, To::ServiceAccountThere]),
    ];
    let role = select([&ROLES[..], &["view", "edit"]].concat());
    (select(vec![None, Some("a"), Some("b")]), role, btree_set(to, 1..3)).prop_map(|(namespace, role, to)| Bound {
        namespace,
        role,
        to,
    })
}

fn some_role() -> impl Strategy<Value = Option<Written>> {
    let to = prop_oneof![3 => Just(None), 1 => Just(Some(DefaultRole::View)), 1 => Just(Some(DefaultRole::Edit))];
    let written = (vec(some_rule(), 0..3), to)
        .prop_map(|(rules, to)| Written { rules: PolicyRule::normalise(rules), to: to.into_iter().collect() });
    prop_oneof![1 => Just(None), 6 => written.prop_map(Some)]
}

/// The groups, and how many more fill the token of the first person: about as many as it carries, or none.
fn some_groups() -> impl Strategy<Value = Vec<Group>> {
    let owners = prop_oneof![2 => Just(BTreeSet::new()), 1 => btree_set(0..PEOPLE, 1..3)];
    let group = (prop::bool::weighted(0.9), 0..3_usize, btree_set(0..PEOPLE, 0..3), btree_set(0..GROUPS, 0..2), owners);
    let group =
        group.prop_map(|(is_there, name, people, groups, owners)| Group { is_there, name, people, groups, owners });
    let fillers = prop_oneof![5 => Just(0), 1 => 196..=200_usize];
    (vec(group, GROUPS), fillers).prop_map(|(mut groups, fillers)| {
        for (number, group) in groups.iter_mut().enumerate() {
            group.groups.remove(&number);
            // A group of others is called as one of ours may be, or not.
            if number >= OURS && group.name == 0 {
                group.name = number;
            }
            // Nobody knows of a group of others that nothing leads to; so that tokens are counted alike, there is then none.
            group.is_there |= number >= OURS;
            if number >= OURS && fillers > 0 {
                (group.people, group.groups) = (BTreeSet::new(), BTreeSet::new());
            }
        }
        let filler = Group {
            is_there: true,
            name: 9,
            people: BTreeSet::from([0]),
            groups: BTreeSet::new(),
            owners: BTreeSet::new(),
        };
        groups.extend(std::iter::repeat_n(filler, fillers));
        groups
    })
}

fn some_naming() -> impl Strategy<Value = Naming> {
    (
        prop_oneof![3 => Just(GroupNaming::ObjectId), 1 => Just(GroupNaming::DisplayName)],
        prop_oneof![3 => Just(GroupsClaim::SecurityGroups), 1 => Just(GroupsClaim::AssignedGroups)],
        prop_oneof![Just(UserNaming::ObjectId), Just(UserNaming::UserPrincipalName)],
    )
        .prop_map(|(groups, claim, users)| Naming { groups, claim, users })
}

fn some_world() -> impl Strategy<Value = World> {
    let roles = vec(some_role(), CLUSTERS * ROLES.len());
    let bindings = vec(prop_oneof![1 => Just(None), 2 => some_bound().prop_map(Some)], CLUSTERS * 5);
    let base = [vec(some_rule(), 0..2), vec(some_rule(), 0..2), vec(some_rule(), 1..2)];
    ([some_naming(), some_naming()], some_groups(), roles, base, bindings).prop_map(
        |(naming, groups, roles, base, bindings)| World {
            naming,
            groups,
            roles: roles.into_iter().enumerate().map(|(at, role)| ((at / 3, at % 3), role)).collect(),
            base: base.map(PolicyRule::normalise),
            bindings: bindings
                .into_iter()
                .enumerate()
                .filter_map(|(at, bound)| Some(((at / 5, at % 5), bound?)))
                .collect(),
        },
    )
}

/// One thing that a plan may do.
#[derive(Clone, Debug)]
enum Step {
    Member(usize, usize),
    Nest(usize, usize),
    Owner(usize, usize),
    /// Made where it was not, deleted where it was.
    Group(usize),
    Name(usize, usize),
    Role(usize, usize, Option<Written>),
    Unbind(Index),
    Bind(usize, usize, Bound),
}

fn some_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..OURS, 0..PEOPLE).prop_map(|(group, who)| Step::Member(group, who)),
        3 => (0..OURS, 0..GROUPS).prop_map(|(outer, inner)| Step::Nest(outer, inner)),
        2 => (0..OURS, 0..PEOPLE).prop_map(|(group, who)| Step::Owner(group, who)),
        2 => (0..OURS).prop_map(Step::Group),
        1 => (0..OURS, 0..3_usize).prop_map(|(group, name)| Step::Name(group, name)),
        3 => (0..CLUSTERS, 0..ROLES.len(), some_role()).prop_map(|(of, number, role)| Step::Role(of, number, role)),
        2 => any::<Index>().prop_map(Step::Unbind),
        3 => (0..CLUSTERS, 0..8_usize, some_bound()).prop_map(|(of, slot, bound)| Step::Bind(of, slot, bound)),
    ]
}

fn toggle(set: &mut BTreeSet<usize>, each: usize) {
    if !set.remove(&each) {
        set.insert(each);
    }
}

/// What these changes make of a world.
fn changed(before: &World, steps: Vec<Step>) -> World {
    let mut after = before.clone();
    for step in steps {
        match step {
            Step::Member(group, who) => toggle(&mut after.groups[group].people, who),
            Step::Nest(outer, inner) if outer == inner => {}
            Step::Nest(outer, inner) => toggle(&mut after.groups[outer].groups, inner),
            Step::Owner(group, who) => toggle(&mut after.groups[group].owners, who),
            Step::Group(group) => after.groups[group].is_there = !before.groups[group].is_there,
            Step::Name(group, name) => after.groups[group].name = name,
            Step::Role(of, number, role) => drop(after.roles.insert((of, number), role)),
            Step::Unbind(index) => {
                let all: Vec<(usize, usize)> = after.bindings.keys().copied().collect();
                if !all.is_empty() {
                    after.bindings.remove(index.get(&all));
                }
            }
            Step::Bind(of, slot, bound) => drop(after.bindings.insert((of, slot), bound)),
        }
    }
    after
}

/// What is made in a plan is in no group of others yet.
fn is_new(live: &World, futures: &mut [World]) -> World {
    let mut live = live.clone();
    for (number, outer) in (0..OURS).flat_map(|number| (OURS..GROUPS).map(move |outer| (number, outer))) {
        if !live.groups[number].is_there {
            for world in futures.iter_mut().chain([&mut live]) {
                world.groups[outer].groups.remove(&number);
            }
        }
    }
    live
}

/// A world and what a few changes make of it.
pub(super) fn some_change() -> impl Strategy<Value = (World, World)> {
    (some_world(), vec(some_step(), 1..5)).prop_map(|(before, steps)| {
        let mut after = [changed(&before, steps)];
        let before = is_new(&before, &mut after);
        let [after] = after;
        (before, after)
    })
}

/// A world, and two that a few changes make of it: some of them the same.
pub(super) fn two_changes() -> impl Strategy<Value = (World, World, World)> {
    let steps = || vec(some_step(), 0..4);
    (some_world(), steps(), steps(), steps()).prop_map(|(live, common, one, other)| {
        let mut futures = [one, other].map(|steps| changed(&live, common.iter().cloned().chain(steps).collect()));
        let live = is_new(&live, &mut futures);
        let [before, after] = futures;
        (live, before, after)
    })
}
