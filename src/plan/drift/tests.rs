use std::collections::{BTreeMap, BTreeSet};

use super::audit::explain;
use super::*;
use crate::state::{AuditActivity as Did, AuditEntry, AuditTarget, Edge, Group, Identity, Initiator, PrincipalKind};

const DEV: &str = "d0000000-0000-4000-8000-000000000001";
const OPS: &str = "d0000000-0000-4000-8000-000000000002";
const SAM: &str = "50000000-0000-4000-8000-000000000001";
const JOAN: &str = "50000000-0000-4000-8000-000000000002";
const APPLIER: &str = "a0000000-0000-4000-8000-000000000001";

fn id(text: &str) -> ObjectId {
    text.parse().unwrap()
}

fn key() -> GroupKey {
    "dev".parse().unwrap()
}

fn edge(who: &str) -> Edge {
    Edge {
        group: key(),
        group_id: Identity::Known(id(DEV)),
        principal: PrincipalName::Object(id(who)),
        principal_id: Identity::Known(id(who)),
        kind: PrincipalKind::User,
    }
}

/// Somebody is a member, and no file asks for it.
fn more(who: &str) -> Change {
    let address = Address::Member(key(), PrincipalName::Object(id(who)));
    Change::new(address, Operation::Delete { before: Resource::Member(edge(who)) })
}

/// Somebody is asked for, and no member.
fn less(who: &str) -> Change {
    let address = Address::Member(key(), PrincipalName::Object(id(who)));
    Change::new(address, Operation::Create { after: Resource::Member(edge(who)) })
}

fn group(description: &str) -> Group {
    Group {
        key: key(),
        id: Identity::Known(id(DEV)),
        display_name: "dev".to_owned(),
        description: Some(description.to_owned()),
        mail_nickname: None,
        unique_name: None,
        first_owner: None,
    }
}

fn on_group(operation: Operation) -> Change {
    Change::new(Address::Group(key()), operation)
}

fn person(who: &str) -> AuditTarget {
    AuditTarget { id: id(who), is_group: false, of_group: Some(id(DEV)), properties: BTreeSet::new() }
}

fn of_group(properties: &[&str]) -> AuditTarget {
    let properties = properties.iter().map(|name| (*name).to_owned()).collect();
    AuditTarget { id: id(DEV), is_group: true, of_group: None, properties }
}

/// An entry of so many seconds after noon.
fn entry(second: i64, activity: Did, targets: Vec<AuditTarget>) -> AuditEntry {
    let time = "2026-11-23T12:00:00Z".parse::<jiff::Timestamp>().unwrap() + jiff::SignedDuration::from_secs(second);
    let name = Some(format!("at-{second}@contoso.com"));
    AuditEntry { time: Some(time), activity, by: Initiator::User { id: None, name }, targets }
}

/// Who explains it: the second of the entry.
fn who(change: &Change, entries: Vec<AuditEntry>) -> Option<String> {
    let trail = AuditTrail { entries: BTreeMap::from([(id(DEV), entries)]), ..AuditTrail::default() };
    let found = explain(change, &trail, &BTreeSet::new())?;
    let Initiator::User { name: Some(name), .. } = found.by else { panic!("{found:?}") };
    Some(name.trim_end_matches("@contoso.com").to_owned())
}

#[test]
fn the_last_entry_about_somebody_counts_whatever_the_order() {
    let add = |second, who| entry(second, Did::AddMember, vec![person(who), of_group(&[])]);
    let remove = |second, who| entry(second, Did::RemoveMember, vec![person(who), of_group(&[])]);
    assert_eq!(who(&more(SAM), vec![add(1, SAM), add(9, SAM), add(5, SAM), add(20, JOAN)]).as_deref(), Some("at-9"));
    assert_eq!(who(&less(SAM), vec![add(1, SAM), remove(9, SAM)]).as_deref(), Some("at-9"));
    // What came after a contrary entry is not in the log yet.
    assert_eq!(who(&more(SAM), vec![add(1, SAM), remove(9, SAM)]), None);
    assert_eq!(who(&less(SAM), vec![remove(1, SAM), add(9, SAM)]), None);
    // Two at once.
    assert_eq!(who(&more(SAM), vec![add(9, SAM), remove(9, SAM)]).as_deref(), Some("at-9"));
    assert_eq!(who(&more(SAM), vec![]), None);
    // Owners are others than members.
    assert_eq!(who(&more(SAM), vec![entry(1, Did::AddOwner, vec![person(SAM), of_group(&[])])]), None);
}

#[test]
fn an_entry_without_a_time_is_older_than_any_other() {
    let mut add = entry(1, Did::AddMember, vec![person(SAM)]);
    add.time = None;
    assert_eq!(who(&more(SAM), vec![add.clone()]).as_deref(), Some("at-1"));
    assert_eq!(who(&more(SAM), vec![entry(0, Did::RemoveMember, vec![person(SAM)]), add]), None);
}

#[test]
fn the_group_is_told_by_what_stands_with_the_member_or_else_beside_a_person() {
    let of = |of_group: Option<&str>, is_group| AuditTarget { of_group: of_group.map(id), is_group, ..person(SAM) };
    let with = |target| who(&more(SAM), vec![entry(1, Did::AddMember, vec![target, of_group(&[])])]);
    assert_eq!(with(of(Some(DEV), false)).as_deref(), Some("at-1"));
    assert_eq!(with(of(None, false)).as_deref(), Some("at-1"));
    assert_eq!(with(of(Some(OPS), false)), None, "another group that this one is named beside");
    // Two groups: which is in which is not known.
    assert_eq!(with(of(None, true)), None);
    assert_eq!(with(of(Some(DEV), true)).as_deref(), Some("at-1"));
    // Nothing beside.
    let alone = AuditTarget { of_group: None, ..person(SAM) };
    assert_eq!(who(&more(SAM), vec![entry(1, Did::AddMember, vec![alone])]), None);
    assert_eq!(who(&more(SAM), vec![entry(1, Did::AddMember, vec![])]), None);
}

#[test]
fn a_changed_property_is_explained_by_who_changed_that_one() {
    let (before, after) = (Resource::Group(group("by hand")), Resource::Group(group("asked")));
    let changed = on_group(Operation::Update { before, after });
    let update = |second, names: &[&str]| entry(second, Did::UpdateGroup, vec![of_group(names)]);
    let found = who(&changed, vec![update(1, &["description"]), update(9, &["displayname"]), update(10, &[])]);
    assert_eq!(found.as_deref(), Some("at-1"));
    assert_eq!(who(&changed, vec![update(9, &["displayname", "visibility"])]), None);
}

#[test]
fn a_group_that_is_gone_or_that_no_file_has() {
    let gone = on_group(Operation::Restore { after: Resource::Group(group("asked")) });
    let (delete, restore) =
        (entry(1, Did::DeleteGroup, vec![of_group(&[])]), entry(9, Did::RestoreGroup, vec![of_group(&[])]));
    assert_eq!(who(&gone, vec![delete.clone()]).as_deref(), Some("at-1"));
    assert_eq!(who(&gone, vec![delete, restore]), None);
    let unasked = on_group(Operation::Delete { before: Resource::Group(group("made")) });
    assert_eq!(who(&unasked, vec![entry(1, Did::AddGroup, vec![of_group(&[])])]).as_deref(), Some("at-1"));
    // One that is still to be made has no id to be asked about.
    let mut new = group("new");
    new.id = Identity::AfterApply(key());
    let new = on_group(Operation::Create { after: Resource::Group(new) });
    assert_eq!(super::audit::group_of(&new), None);
}

#[test]
fn an_app_is_ours_by_its_service_principal_alone() {
    let by = |id: Option<&str>, name: &str| AuditEntry {
        by: Initiator::App { id: id.map(|id| id.parse().unwrap()), app: None, name: Some(name.to_owned()) },
        ..entry(1, Did::AddMember, vec![person(SAM)])
    };
    let ours = |entry| {
        let trail = AuditTrail { entries: BTreeMap::from([(id(DEV), vec![entry])]), ..AuditTrail::default() };
        explain(&more(SAM), &trail, &BTreeSet::from([id(APPLIER)])).unwrap().is_ours
    };
    assert!(ours(by(Some(APPLIER), "whatever it is called")));
    assert!(!ours(by(Some(JOAN), "rolecall")) && !ours(by(None, "rolecall")));
    // A person of the same id cannot be an app.
    let person = AuditEntry {
        by: Initiator::User { id: APPLIER.parse().ok(), name: None },
        ..entry(1, Did::AddMember, vec![person(SAM)])
    };
    assert!(!ours(person));
}
