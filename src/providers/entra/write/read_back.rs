//! Looking whether Entra shows what was written. A write that was accepted may not be readable for a while, and a list and the
//! object itself may disagree: so what is looked at is what the next plan reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;

use super::creation::PLAN_AGAIN;
use super::{EntraWriter, jobs, pause};
use crate::providers::STOPPED;
use crate::providers::entra::client::{EdgeList, Filter, Path, Permission, Write};
use crate::providers::entra::connection::Lagging;
use crate::providers::entra::model::GROUP_PROPERTIES;
use crate::providers::entra::read::edges;
use crate::providers::http::Patience;
use crate::state::{Change, Edge, Failure, FailureKind, Group, GroupKey, ObjectId, Operation, Outcome, Resource, mark};

/// What one change has to show.
struct Expected {
    /// The position of the change.
    at: usize,
    key: GroupKey,
    group: ObjectId,
    shows: Shows,
}

enum Shows {
    /// The list of the groups whose nickname starts so has it, with these properties.
    Listed { prefix: String, properties: Map<String, Value> },
    /// That list does not have it.
    Unlisted { prefix: String },
    /// The group itself has these properties.
    Itself { properties: Map<String, Value> },
    /// Its list has somebody, or has not.
    Edge { list: EdgeList, principal: ObjectId, is_in: bool },
    /// Its owners can be read.
    Readable,
    /// Its members can be read, and its owners if it was found there and not made. Whoever is in them was planned, or is an
    /// applier.
    Lists { first_owner: Option<ObjectId>, lists: &'static [EdgeList] },
}

/// How long a look may take at least, however little time is left.
const LEAST_LOOK: Duration = Duration::from_secs(10);

/// What was read in one look. What is not there is not in it.
#[derive(Default)]
struct Seen {
    indexes: BTreeMap<String, BTreeMap<ObjectId, Value>>,
    groups: BTreeMap<ObjectId, Value>,
    edges: BTreeMap<(ObjectId, EdgeList), BTreeMap<ObjectId, Value>>,
    /// Who looks. Always known where something was read.
    own: Option<ObjectId>,
    /// Why some of it could not be read, besides not being there.
    unread: BTreeMap<Looked, String>,
    /// Why nothing could be read.
    failed: Option<String>,
}

/// One thing that is read in a look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Looked {
    Index(String),
    Group(ObjectId),
    List(ObjectId, EdgeList),
}

impl Seen {
    /// Why it cannot be told whether something shows.
    fn why(&self, expected: &Expected) -> Option<String> {
        let of_it = || expected.looks_at().iter().find_map(|looked| self.unread.get(looked));
        self.failed.as_ref().or_else(of_it).cloned()
    }
}

impl EntraWriter {
    /// Reads everything back at once, again and again, until all of it shows or the time for it is over. Gives the outcomes
    /// of what does not show, and of groups that have somebody in them whom the plan did not show. An interruption ends a
    /// look that is under way; after one there is a last look at most.
    pub(super) async fn wait_until_shown(
        &self,
        written: &[Change],
        interrupted: &watch::Receiver<bool>,
    ) -> BTreeMap<usize, Outcome> {
        self.note_planned(written);
        let mut open = self.expectations(written);
        let interruption = Some(format!("reading back what was written: {STOPPED}"));
        let mut unshown: BTreeMap<usize, Option<String>> =
            open.iter().map(|expected| (expected.at, interruption.clone())).collect();
        let mut outcomes = BTreeMap::new();
        let mut patience = Patience::new(self.pace);
        loop {
            let Some(seen) = self.look_in_time(&open, patience.left_for_lag(), interrupted).await else { break };
            for expected in &open {
                let strangers = self.strangers(expected, &seen);
                if !strangers.is_empty() {
                    outcomes.insert(expected.at, not_alone(&written[expected.at], expected.group, &strangers));
                }
            }
            let missing: Vec<&Expected> = open.iter().filter(|expected| !expected.is_shown(&seen)).collect();
            unshown = BTreeMap::new();
            for expected in &missing {
                let why = unshown.entry(expected.at).or_default();
                *why = why.take().or_else(|| seen.why(expected));
            }
            let groups = missing.iter().map(|expected| expected.key.clone()).collect();
            let behind: BTreeSet<ObjectId> = missing.iter().map(|expected| expected.group).collect();
            // Another server may answer the next look: a group is settled by one look that shows all of it.
            open.retain(|expected| behind.contains(&expected.group));
            if open.is_empty() || *interrupted.borrow() {
                break;
            }
            let wait = patience.after_lag();
            let unread = seen.failed.or_else(|| seen.unread.into_values().next());
            self.on_lag.hears(Lagging { groups, now: wait.unwrap_or_default(), unread });
            let Some(wait) = wait else { break };
            pause(wait, interrupted).await;
        }
        for (at, why) in unshown {
            outcomes.entry(at).or_insert(Outcome::PendingReplication { why });
        }
        outcomes
    }

    fn expectations(&self, written: &[Change]) -> Vec<Expected> {
        let mut expected = expectations(written);
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        for Expected { group, shows, .. } in &mut expected {
            if let Shows::Lists { lists, .. } = shows
                && made.contains(group)
            {
                *lists = &[EdgeList::Members];
            }
        }
        expected
    }

    /// Whoever is in a group that was made here, and was not planned to be.
    fn strangers(&self, expected: &Expected, seen: &Seen) -> Vec<String> {
        let Shows::Lists { first_owner, .. } = expected.shows else { return Vec::new() };
        let planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let mut strangers = Vec::new();
        for (list, role) in [(EdgeList::Owners, "owner"), (EdgeList::Members, "member")] {
            let is_foreseen = |id: ObjectId| {
                let is_applier = list == EdgeList::Owners && [seen.own, first_owner].contains(&Some(id));
                is_applier || planned.get(&(expected.group, list)).is_some_and(|planned| planned.contains(&id))
            };
            let found = seen.edges.get(&(expected.group, list)).into_iter().flatten();
            strangers.extend(found.filter(|(id, _)| !is_foreseen(**id)).map(|(id, value)| {
                let name = value["userPrincipalName"].as_str().or(value["displayName"].as_str()).unwrap_or("?");
                format!("{role} {name} ({id})")
            }));
        }
        strangers
    }

    /// `None` when somebody interrupts while it looks. One who did so before still gets a look that waits for nothing.
    async fn look_in_time(
        &self,
        open: &[Expected],
        left: Duration,
        interrupted: &watch::Receiver<bool>,
    ) -> Option<Seen> {
        let mut interrupted = interrupted.clone();
        let left = if *interrupted.borrow_and_update() { LEAST_LOOK } else { left.max(LEAST_LOOK) };
        let interruption = async {
            // Nothing but true comes after the value there was.
            if interrupted.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            seen = tokio::time::timeout(left, self.look(open)) => Some(seen.unwrap_or_else(|_| Seen {
                failed: Some(format!("reading back what was written: no end after {} s", left.as_secs())),
                ..Seen::default()
            })),
            () = interruption => None,
        }
    }

    async fn look(&self, open: &[Expected]) -> Seen {
        let own = match self.client.reader().claims().await {
            Ok(claims) => Some(claims.id),
            Err(failure) => return Seen { failed: Some(failure.what), ..Seen::default() },
        };
        let looked: BTreeSet<Looked> = open.iter().flat_map(Expected::looks_at).collect();
        let (singles, lists): (Vec<Looked>, Vec<Looked>) =
            looked.into_iter().partition(|looked| matches!(looked, Looked::Group(_)));
        let paths = |looked: &[Looked]| looked.iter().map(Looked::path).collect::<Vec<Path>>();
        let reader = self.client.reader();
        let (paths, single_paths) = (paths(&lists), paths(&singles));
        let (read, single) = futures::join!(reader.lists::<Value>(&paths), reader.gets(&single_paths));

        let mut seen = Seen { own, ..Seen::default() };
        let single = single.into_iter().map(|group| group.map(|group| vec![group]));
        for (looked, found) in lists.into_iter().chain(singles).zip(read.into_iter().chain(single)) {
            match (found, looked) {
                (Ok(found), Looked::Index(prefix)) => drop(seen.indexes.insert(prefix, by_id(found))),
                (Ok(found), Looked::Group(id)) => seen.groups.extend(found.into_iter().map(|group| (id, group))),
                (Ok(found), Looked::List(group, list)) => drop(seen.edges.insert((group, list), by_id(found))),
                (Err(problem), _) if problem.status() == Some(404) => {}
                (Err(problem), looked) => {
                    let failure = reader.failure(problem, "reading back what was written", Permission::ReadGroups);
                    seen.unread.insert(looked, failure.what);
                }
            }
        }
        seen
    }
}

impl Looked {
    fn path(&self) -> Path {
        match self {
            Self::Index(prefix) => {
                let filter = Filter::starts_with("mailNickname", prefix);
                Path::of("/groups").filter(&filter).largest_pages().select(GROUP_PROPERTIES)
            }
            Self::Group(id) => Path::group(*id).select(GROUP_PROPERTIES),
            Self::List(group, list) => edges::path(*group, *list),
        }
    }
}

fn by_id(list: Vec<Value>) -> BTreeMap<ObjectId, Value> {
    list.into_iter().filter_map(|item| Some((item["id"].as_str()?.parse().ok()?, item))).collect()
}

impl Expected {
    /// What has to be read to tell.
    fn looks_at(&self) -> Vec<Looked> {
        match &self.shows {
            Shows::Listed { prefix, .. } | Shows::Unlisted { prefix } => vec![Looked::Index(prefix.clone())],
            Shows::Itself { .. } => vec![Looked::Group(self.group)],
            Shows::Edge { list, .. } => vec![Looked::List(self.group, *list)],
            Shows::Readable => vec![Looked::List(self.group, EdgeList::Owners)],
            Shows::Lists { lists, .. } => lists.iter().map(|list| Looked::List(self.group, *list)).collect(),
        }
    }

    fn is_shown(&self, seen: &Seen) -> bool {
        match &self.shows {
            Shows::Listed { prefix, properties } => {
                let found = seen.indexes.get(prefix).and_then(|index| index.get(&self.group));
                found.is_some_and(|found| has(found, properties))
            }
            Shows::Unlisted { prefix } => {
                seen.indexes.get(prefix).is_some_and(|index| !index.contains_key(&self.group))
            }
            Shows::Itself { properties } => seen.groups.get(&self.group).is_some_and(|found| has(found, properties)),
            Shows::Edge { list, principal, is_in } => {
                seen.edges.get(&(self.group, *list)).is_some_and(|found| found.contains_key(principal) == *is_in)
            }
            Shows::Readable => seen.edges.contains_key(&(self.group, EdgeList::Owners)),
            Shows::Lists { lists, .. } => lists.iter().all(|list| seen.edges.contains_key(&(self.group, *list))),
        }
    }
}

/// How many of those who were not planned are named.
const NAMED: usize = 5;

fn not_alone(creation: &Change, group: ObjectId, strangers: &[String]) -> Outcome {
    let named = strangers.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let others = strangers.len().saturating_sub(NAMED);
    let others = if others == 0 { String::new() } else { format!(" and {others} more") };
    // No conflict: that would say that nothing was written.
    let failure = Failure::new(
        FailureKind::Unknown,
        format!(
            "{}: somebody is in group {group} whom the plan did not show: {named}{others}; what is granted to the group is \
             granted to them",
            creation.address
        ),
    );
    Outcome::Failed { failure: failure.with_next(PLAN_AGAIN) }
}

/// An empty text and none are the same to Graph.
fn has(found: &Value, properties: &Map<String, Value>) -> bool {
    let is_none = |value: &Value| value.is_null() || value == "";
    properties.iter().all(|(name, value)| found[name] == *value || is_none(&found[name]) && is_none(value))
}

/// What the changes have to show. What was done to a group that is deleted shows nowhere.
fn expectations(written: &[Change]) -> Vec<Expected> {
    let mut expected = Vec::new();
    let mut fresh = Vec::new();
    for (at, change) in written.iter().enumerate() {
        let mut expect = |key: &GroupKey, group: Option<ObjectId>, shows: Shows| {
            expected.extend(group.map(|group| Expected { at, key: key.clone(), group, shows }));
        };
        match &change.operation {
            Operation::Create { after: Resource::Group(group) } => {
                let Ok(Write::CreateGroup { properties, owner, .. }) = jobs::creation(group) else { continue };
                expect(&group.key, group.id.known(), looked_up(group, properties));
                expect(&group.key, group.id.known(), of_new(group));
                let owned = owner.map(|principal| Shows::Edge { list: EdgeList::Owners, principal, is_in: true });
                fresh.push((at, group, owned.unwrap_or(Shows::Readable)));
            }
            Operation::Restore { after: Resource::Group(group) } => {
                expect(&group.key, group.id.known(), looked_up(group, Map::new()));
                fresh.push((at, group, Shows::Readable));
            }
            Operation::Update { before: Resource::Group(before), after: Resource::Group(group) } => {
                let Ok(Write::UpdateGroup { properties, .. }) = jobs::update(before, group) else { continue };
                expect(&group.key, group.id.known(), looked_up(group, properties));
            }
            Operation::Delete { before: Resource::Group(group) } => {
                if let Some(prefix) = prefix(group) {
                    expect(&group.key, group.id.known(), Shows::Unlisted { prefix });
                }
            }
            Operation::Create { after: Resource::Owner(edge) } => {
                expect(&edge.group, edge.group_id.known(), of_edge(edge, EdgeList::Owners, true));
            }
            Operation::Create { after: Resource::Member(edge) } => {
                expect(&edge.group, edge.group_id.known(), of_edge(edge, EdgeList::Members, true));
            }
            Operation::Delete { before: Resource::Owner(edge) } => {
                expect(&edge.group, edge.group_id.known(), of_edge(edge, EdgeList::Owners, false));
            }
            Operation::Delete { before: Resource::Member(edge) } => {
                expect(&edge.group, edge.group_id.known(), of_edge(edge, EdgeList::Members, false));
            }
            // Nothing that Entra has.
            Operation::Create { after: Resource::Role(_) | Resource::Binding(_) }
            | Operation::Delete { before: Resource::Role(_) | Resource::Binding(_) }
            | Operation::Restore { .. }
            | Operation::Update { .. } => {}
        }
    }
    // A group that was in the list and cannot be read itself would be taken for one that is gone. Where one of its lists is
    // read anyway, that tells.
    for (at, group, shows) in fresh {
        let Some(id) = group.id.known() else { continue };
        if !expected.iter().any(|other| other.group == id && matches!(other.shows, Shows::Edge { .. })) {
            expected.push(Expected { at, key: group.key.clone(), group: id, shows });
        }
    }
    let gone = expected.iter().filter(|expected| matches!(expected.shows, Shows::Unlisted { .. }));
    let gone: BTreeSet<ObjectId> = gone.map(|expected| expected.group).collect();
    expected.retain(|expected| !gone.contains(&expected.group) || matches!(expected.shows, Shows::Unlisted { .. }));
    expected
}

fn of_new(group: &Group) -> Shows {
    Shows::Lists { first_owner: group.first_owner, lists: &[EdgeList::Owners, EdgeList::Members] }
}

fn of_edge(edge: &Edge, list: EdgeList, is_in: bool) -> Shows {
    edge.principal_id.known().map_or(Shows::Readable, |principal| Shows::Edge { list, principal, is_in })
}

/// Ours are found by the start of their nickname, as the plan finds them; others by their id.
fn looked_up(group: &Group, properties: Map<String, Value>) -> Shows {
    match prefix(group) {
        Some(prefix) => Shows::Listed { prefix, properties },
        None => Shows::Itself { properties },
    }
}

fn prefix(group: &Group) -> Option<String> {
    let (config, _) = mark::parse_unique_name(group.unique_name.as_deref()?)?;
    Some(mark::mail_nickname_prefix(&config))
}
