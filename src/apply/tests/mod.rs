//! Changes and writers to test with.

mod execution;
mod properties;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use super::journal::{Header, Identities, Journal, Record, Sink, parse};
use super::{Event, Stop, Writers, execute};
use crate::providers;
use crate::state::{
    Address, Binding, Change, Edge, Group, GroupKey, Identity, KubernetesKind, ObjectId, Operation, Outcome,
    PrincipalKind, PrincipalName, Resource, RoleKind, RoleRef, Subject, SubjectKind, SubjectName, Usage,
};

pub(super) fn key(text: &str) -> GroupKey {
    text.parse().unwrap()
}

/// The creation of a group.
pub(super) fn group(name: &str) -> Change {
    let after = Resource::Group(Group {
        key: key(name),
        id: Identity::AfterApply(key(name)),
        display_name: name.to_owned(),
        description: None,
        mail_nickname: None,
        unique_name: None,
        first_owner: None,
    });
    Change::new(Address::Group(key(name)), Operation::Create { after })
}

fn edge(group: &str, principal: PrincipalName, principal_id: Identity, kind: PrincipalKind) -> Change {
    let after = Resource::Member(Edge {
        group: key(group),
        group_id: Identity::AfterApply(key(group)),
        principal: principal.clone(),
        principal_id,
        kind,
    });
    Change::new(Address::Member(key(group), principal), Operation::Create { after })
}

/// A user in a group that the same plan creates.
pub(super) fn member(group: &str, user: &str) -> Change {
    let id: ObjectId = "7d1a0000-0000-0000-0000-000000000001".parse().unwrap();
    edge(group, PrincipalName::User(user.parse().unwrap()), Identity::Known(id), PrincipalKind::User)
}

/// A group in a group, both created by the same plan.
pub(super) fn nested_group(outer: &str, inner: &str) -> Change {
    edge(outer, PrincipalName::Group(key(inner)), Identity::AfterApply(key(inner)), PrincipalKind::Group)
}

/// A binding to a group that the same plan creates.
pub(super) fn binding(environment: &str, name: &str, group: &str) -> Change {
    let after = Resource::Binding(Binding {
        namespace: None,
        name: name.to_owned(),
        role: RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() },
        subjects: vec![Subject {
            kind: SubjectKind::Group,
            name: SubjectName::AfterApply { prefix: "oidc:".to_owned(), group: key(group) },
            namespace: None,
            principal: Some(PrincipalName::Group(key(group))),
        }],
    });
    Change::new(object(environment, name), Operation::Create { after })
}

/// The removal of a role, which waits for nothing by itself.
pub(super) fn role(environment: &str, name: &str) -> Change {
    let before = Resource::Role(crate::state::Role {
        namespace: None,
        name: name.to_owned(),
        rules: Vec::new(),
        aggregate_to: BTreeSet::new(),
    });
    Change::new(object(environment, name), Operation::Delete { before })
}

pub(super) fn object(environment: &str, name: &str) -> Address {
    Address::Object {
        environment: environment.parse().unwrap(),
        kind: KubernetesKind::ClusterRole,
        namespace: None,
        name: name.to_owned(),
    }
}

/// What a writer does with one change.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Report(Outcome),
    /// Reports two outcomes.
    Twice(Outcome, Outcome),
    Silent,
    Panic,
    /// Does it, and says this of it when it is read back.
    ReadBack(Outcome),
}

pub(super) fn done() -> Outcome {
    Outcome::Done { created: None }
}

/// What all writers of a run have been handed, in order, and what they do.
#[derive(Default)]
pub(super) struct World {
    deeds: BTreeMap<Address, Deed>,
    handed: Mutex<Vec<Vec<Change>>>,
    read_back: Mutex<Vec<Change>>,
}

/// A writer over a [`World`]; whatever the world does not name is done, and groups get ids.
struct FakeWriter(Arc<World>);

#[async_trait]
impl providers::Writer for FakeWriter {
    async fn write(&self, ready: &[Change], _interrupted: &watch::Receiver<bool>, report: &providers::Report<'_>) {
        self.0.handed.lock().unwrap().push(ready.to_vec());
        for (at, change) in ready.iter().enumerate() {
            match self.0.deeds.get(&change.address) {
                Some(Deed::Report(outcome)) => report(at, outcome.clone()),
                Some(Deed::Twice(first, second)) => {
                    report(at, first.clone());
                    report(at, second.clone());
                }
                Some(Deed::Silent) => {}
                Some(Deed::Panic) => panic!("a writer panics in a test"),
                Some(Deed::ReadBack(_)) | None => report(at, Outcome::Done { created: created(change) }),
            }
            tokio::task::yield_now().await;
        }
        report(ready.len(), done());
    }

    async fn read_back(&self, written: &[Change], _interrupted: &watch::Receiver<bool>) -> BTreeMap<usize, Outcome> {
        let otherwise = |change: &Change| match self.0.deeds.get(&change.address)? {
            Deed::ReadBack(outcome) => Some(outcome.clone()),
            Deed::Report(_) | Deed::Twice(..) | Deed::Silent | Deed::Panic => None,
        };
        self.0.read_back.lock().unwrap().extend(written.iter().cloned());
        written.iter().enumerate().filter_map(|(at, change)| Some((at, otherwise(change)?))).collect()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

/// An id for a created group, which tells its key.
pub(super) fn created(change: &Change) -> Option<ObjectId> {
    let Address::Group(key) = &change.address else { return None };
    let mut bytes = [0; 16];
    for (byte, letter) in bytes.iter_mut().zip(key.as_str().bytes()) {
        *byte = letter;
    }
    Some(uuid::Uuid::from_bytes(bytes).into())
}

/// Memory that a journal is written to, and that can fail after some writes.
#[derive(Clone, Default)]
pub(super) struct Paper {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// How many more writes succeed; `None` is no limit.
    left: Arc<Mutex<Option<usize>>>,
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut left = self.left.lock().unwrap();
        match left.as_mut() {
            Some(0) => return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Paper {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn clock() -> Timestamp {
    "2026-11-22T16:40:11Z".parse().unwrap()
}

pub(super) fn header() -> Header {
    Header {
        config: "contoso-platform".parse().unwrap(),
        tenant: "8f9f0000-0000-0000-0000-000000000001".parse().unwrap(),
        identities: Identities {
            entra: Some("erin@contoso.com".to_owned()),
            environments: [("alpha".parse().unwrap(), "oidc:erin".to_owned())].into(),
        },
        commit: Some("4f2c1aa".to_owned()),
        tree: None,
        plan: Some("7f3a".to_owned()),
        acknowledgements: ["group-deleted:sre".parse().unwrap()].into(),
    }
}

/// One run over fakes and everything that can be seen of it.
pub(super) struct Trial {
    pub(super) result: Result<super::Report, super::JournalError>,
    pub(super) handed: Vec<Vec<Change>>,
    /// What was to be read back.
    pub(super) read_back: Vec<Change>,
    /// `+ADDRESS` when started, `=ADDRESS` when finished, `!` when interrupted.
    pub(super) events: Vec<String>,
    pub(super) journal: Vec<u8>,
}

impl Trial {
    pub(super) fn outcomes(&self) -> Vec<(String, Outcome)> {
        let report = self.result.as_ref().unwrap();
        report.outcomes.iter().map(|(change, outcome)| (change.address.to_string(), outcome.clone())).collect()
    }

    pub(super) fn outcome(&self, address: &Address) -> Outcome {
        let report = self.result.as_ref().unwrap();
        report.outcomes.iter().find(|(change, _)| change.address == *address).unwrap().1.clone()
    }

    /// What was handed over, one list of addresses for each call.
    pub(super) fn calls(&self) -> Vec<Vec<String>> {
        let addresses = |call: &Vec<Change>| call.iter().map(|change| change.address.to_string()).collect();
        self.handed.iter().map(addresses).collect()
    }

    pub(super) fn record(&self) -> Record {
        record(&self.journal)
    }
}

/// What was written of a journal without its first line.
fn record(lines: &[u8]) -> Record {
    let first = b"{\"format\":\"rolecall-journal/1\",\"version\":\"0\",\"time\":\"2026-11-22T16:40:11Z\",\"config\":\"a\",\"tenant\":\"b\",\"identities\":{\"environments\":{}},\"acknowledgements\":[]}\n";
    parse([&first[..], lines].concat().as_slice()).unwrap()
}

impl Paper {
    pub(super) fn record(&self) -> Record {
        record(&self.bytes.lock().unwrap())
    }
}

/// Runs changes on a tenant and the clusters `alpha` and `staging`.
pub(super) fn attempt(
    changes: Vec<Change>,
    deeds: impl IntoIterator<Item = (Address, Deed)>,
    paper: &Paper,
    interrupted: bool,
) -> Trial {
    let world = Arc::new(World { deeds: deeds.into_iter().collect(), ..World::default() });
    let writer = || -> Arc<dyn providers::Writer> { Arc::new(FakeWriter(world.clone())) };
    let writers = Writers {
        entra: Some(writer()),
        clusters: ["alpha", "staging"].map(|name| (name.parse().unwrap(), writer())).into(),
    };
    let mut journal = Journal::over(Box::new(paper.clone()), Path::new("journal.jsonl"), clock);
    let mut events = Vec::new();
    let mut listener = |event: Event<'_>| {
        events.push(match event {
            Event::Started(change) => format!("+{}", change.address),
            Event::Finished(change, _) => format!("={}", change.address),
            Event::Stopping(_) => "!".to_owned(),
        });
    };
    let (_sender, interrupted) = watch::channel(interrupted.then_some(Stop::Interrupted));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let result = runtime.block_on(execute(changes, writers, &mut journal, interrupted, &mut listener));
    let handed = std::mem::take(&mut *world.handed.lock().unwrap());
    let read_back = std::mem::take(&mut *world.read_back.lock().unwrap());
    Trial { result, handed, read_back, events, journal: paper.bytes.lock().unwrap().clone() }
}

pub(super) fn fails_after(writes: usize) -> Paper {
    Paper { left: Arc::new(Mutex::new(Some(writes))), ..Paper::default() }
}
