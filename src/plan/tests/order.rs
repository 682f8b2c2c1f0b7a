//! What waits for what: circles are opened where it matters least, or not at all, and long rows are put in order.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{cluster_role, environment, id, key, namespace, principal, who};
use crate::plan::meanwhile::{Required, try_require};
use crate::plan::order::order;
use crate::state::{Address, Binding, Change, Edge, Identity, KubernetesKind, Operation, PrincipalName, Resource};

type Changes = BTreeMap<Address, Change>;

fn add(changes: &mut Changes, address: &Address, operation: Operation, requires: &[&Address]) {
    let requires = requires.iter().map(|address| (*address).clone()).collect();
    changes.insert(address.clone(), Change { requires, ..Change::new(address.clone(), operation) });
}

fn binding(name: &str) -> (Address, Resource) {
    let place = namespace("trinity");
    let kind = KubernetesKind::RoleBinding;
    let address = Address::Object {
        environment: environment("alpha"),
        kind,
        namespace: Some(place.clone()),
        name: name.to_owned(),
    };
    let binding =
        Binding { namespace: Some(place), name: name.to_owned(), role: cluster_role("view"), subjects: Vec::new() };
    (address, Resource::Binding(binding))
}

fn member(name: PrincipalName) -> (Address, Resource) {
    let edge = Edge {
        group: key("dev"),
        group_id: Identity::Known(id(1)),
        principal: name.clone(),
        principal_id: Identity::Known(id(2)),
        kind: principal("sam").kind,
    };
    (Address::Member(key("dev"), name), Resource::Member(edge))
}

/// A grant, and somebody who leaves after somebody else comes, who comes after the grant; with the removal of another grant
/// after it.
fn circles() -> (Address, Address, Address, Changes) {
    let mut changes = Changes::new();
    let (given, grant) = binding("new");
    let (old, before) = binding("old");
    let ((leaves, left), (joins, joined)) = (member(who("sam")), member(who("erin")));
    add(&mut changes, &given, Operation::Create { after: grant }, &[]);
    add(&mut changes, &old, Operation::Delete { before }, &[&given]);
    add(&mut changes, &joins, Operation::Create { after: joined }, &[&given]);
    add(&mut changes, &leaves, Operation::Delete { before: left }, &[&joins, &old]);
    (given, leaves, old, changes)
}

#[test]
fn every_circle_is_opened_where_it_matters_least() {
    let (given, leaves, old, mut changes) = circles();
    assert_eq!(try_require(&given, [&leaves], &mut changes), Required::Yes);
    assert_eq!(changes[&given].requires, BTreeSet::from([leaves.clone()]));
    assert_eq!(changes[&leaves].requires, BTreeSet::from([old.clone()]), "that who leaves goes last is given up");
    assert_eq!(changes[&old].requires, BTreeSet::new(), "and so is that it is granted before");
}

#[test]
fn where_one_circle_cannot_be_opened_nothing_is_given_up_in_another() {
    let (given, leaves, old, mut changes) = circles();
    changes.get_mut(&old).unwrap().replaced_by = Some(BTreeSet::from([given.clone()]));
    let before = changes.clone();
    assert_eq!(try_require(&given, [&leaves], &mut changes), Required::Refused);
    assert_eq!(changes, before);
    // What could be had alone is not had with what cannot.
    let joins = Address::Member(key("dev"), who("erin"));
    let (other, after) = binding("other");
    add(&mut changes, &other, Operation::Delete { before: after }, &[&given]);
    changes.get_mut(&leaves).unwrap().requires.remove(&joins);
    let before = changes.clone();
    assert_eq!(try_require(&given, [&other, &leaves], &mut changes), Required::Refused);
    assert_eq!(changes, before);
    assert_eq!(try_require(&given, [&other], &mut changes), Required::Yes);
}

/// A circle beside the way hides none through the change.
#[test]
fn a_circle_on_the_way_hides_no_other() {
    let (given, leaves, old, mut changes) = circles();
    let joins = Address::Member(key("dev"), who("erin"));
    changes.get_mut(&joins).unwrap().requires = BTreeSet::from([leaves.clone()]);
    for first in [&leaves, &joins] {
        let mut changes = changes.clone();
        assert_eq!(try_require(&given, [first], &mut changes), Required::Yes);
        assert!(!changes[&old].requires.contains(&given) || !changes[&leaves].requires.contains(&old));
    }
}

#[test]
fn a_row_as_long_as_the_plan_is_put_in_order() {
    let mut changes = Changes::new();
    let all: Vec<(Address, Resource)> = (0..100_000).map(|number| binding(&format!("b{number:06}"))).collect();
    for pair in all.windows(2) {
        add(&mut changes, &pair[0].0, Operation::Create { after: pair[0].1.clone() }, &[&pair[1].0]);
    }
    let ordered: Vec<Address> = order(changes).into_iter().map(|change| change.address).collect();
    let wanted: Vec<Address> = all.iter().rev().skip(1).map(|(address, _)| address.clone()).collect();
    assert!(ordered == wanted);
}
