//! Display names, where a cluster knows groups by them: whoever comes to carry a name comes to what was given to it.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Cause, Draft};
use super::kubernetes::binding_address;
use super::meanwhile::{Required, try_require};
use super::parts::{Part, Parts};
use super::reach::{Counted, Nesting, Node, node_of};
use super::resolve::Directory;
use super::standing::Standing;
use crate::plan::Reason;
use crate::state::{
    Address, Binding, Change, Desired, EnvironmentName, GroupKey, GroupNaming, GroupSummary, Mark, ObjectId, Operation,
    PrincipalName, Resource, ScopeTarget, SubjectKind, SubjectName,
};

/// How somebody would come to a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Creation,
    Renaming,
    /// The guard about restored groups tells what names them; here it is about other groups of the name.
    Restoring,
    /// As a new member of a group that carries it already, or of one in such a group.
    Joining,
}

/// Who would come to a name, and by which changes.
struct Taker {
    key: GroupKey,
    /// The group that is joined, where it is in the one that carries the name.
    through: Option<GroupKey>,
    way: Way,
    name: String,
    id: Option<ObjectId>,
    addresses: BTreeSet<Address>,
    /// What this plan takes apart, so that the group that is joined is no longer in the one that carries the name.
    parted: BTreeSet<Address>,
}

/// What stands against it.
#[derive(Default)]
struct Obstacles {
    /// Other groups that are named so, and do not stop being so by this plan.
    others: BTreeSet<String>,
    /// Bindings that name it and stay, and that the files do not grant to it, with whether they are ours.
    bindings: BTreeMap<Address, bool>,
    /// Environments of which nobody knows what they give to the name.
    unread: Vec<EnvironmentName>,
    /// Nobody knows who else is named so.
    not_looked_up: bool,
}

/// Everything that is looked at.
struct Names<'a> {
    desired: &'a Desired,
    directory: &'a Directory<'a>,
    /// The environments that know groups by display name; without a part where the cluster was not read.
    environments: BTreeMap<&'a EnvironmentName, Option<Part<'a>>>,
}

/// Holds back every change by which somebody would, through a display name, get what was given to another group. What
/// only has to go first goes first.
pub(super) fn clear(desired: &Desired, parts: &Parts<'_>, directory: &Directory<'_>, draft: &mut Draft) {
    let by_name = desired.environments.iter().filter(|(_, block)| block.tokens.groups == GroupNaming::DisplayName);
    let environments: BTreeMap<_, _> = by_name.map(|(name, _)| (name, parts.clusters.get(name).copied())).collect();
    if environments.is_empty() {
        return;
    }
    let names = Names { desired, directory, environments };
    let mut waiting = Vec::new();
    for taker in takers(directory, draft) {
        let (first, obstacles) = names.examine(&taker, draft);
        if obstacles.refuse(taker.way) {
            if taker.parted.is_empty() {
                refuse(&taker, &names.cause(&taker, &obstacles), draft);
            } else {
                wait_for(&taker, &taker.parted, draft);
                let first = taker.parted.clone();
                waiting.push((taker, first));
            }
        } else if !first.is_empty() {
            put_first(&taker, &first, draft);
            waiting.push((taker, first));
        }
    }
    // Whoever comes to a group that is made is not held back because somebody is to be without another for a moment: once the
    // group is there, nothing would wait for them any more.
    for (taker, first) in waiting.iter().filter(|(taker, _)| taker.way == Way::Joining) {
        for address in &taker.addresses {
            match try_require(address, first, &mut draft.changes) {
                // They wait for it already, so that the circle stays and holds them back below, as one without an end.
                Required::Yes | Required::Refused => {}
            }
        }
    }
    let endless: Vec<&Taker> =
        waiting.iter().map(|(taker, _)| taker).filter(|taker| waits_for_itself(taker, draft)).collect();
    for taker in endless {
        refuse(taker, &names.endless(taker), draft);
    }
}

/// The groups that the files ask for and that are neither created nor restored, with why.
pub(super) fn refused(directory: &Directory<'_>, draft: &Draft) -> BTreeMap<GroupKey, Cause> {
    let mut refused = BTreeMap::new();
    for (cause, addresses) in &draft.withheld {
        for address in addresses {
            if let Address::Group(key) = address
                && let Some(Standing::Planned { .. } | Standing::Restored { .. }) = directory.standing(key)
            {
                refused.entry(key.clone()).or_insert_with(|| cause.clone());
            }
        }
    }
    refused
}

fn takers(directory: &Directory<'_>, draft: &Draft) -> Vec<Taker> {
    let mut takers = Vec::new();
    let mut joined: BTreeMap<&GroupKey, BTreeSet<Address>> = BTreeMap::new();
    for (address, change) in &draft.changes {
        let (way, group) = match (&change.address, &change.operation) {
            (Address::Group(_), Operation::Create { after: Resource::Group(after) }) => (Way::Creation, after),
            (Address::Group(_), Operation::Restore { after: Resource::Group(after) }) => (Way::Restoring, after),
            (
                Address::Group(_),
                Operation::Update { before: Resource::Group(before), after: Resource::Group(after) },
            ) if before.display_name != after.display_name => (Way::Renaming, after),
            (Address::Member(key, _), Operation::Create { .. }) => {
                joined.entry(key).or_default().insert(address.clone());
                continue;
            }
            _ => continue,
        };
        takers.push(Taker {
            key: group.key.clone(),
            through: None,
            way,
            name: group.display_name.clone(),
            id: group.id.known(),
            addresses: BTreeSet::from([address.clone()]),
            parted: BTreeSet::new(),
        });
    }
    if joined.is_empty() {
        return takers;
    }
    // What is added leads nobody on to a name that is in the way: who has such a name, or is in a group that does, takes in no
    // group either, or only after what parts them. So that it is enough to look at the ways that are there.
    let until = Nesting::live(directory);
    let then = Nesting::possible(directory).into_iter().map(|nesting| {
        let gone = draft.changes.values().filter(|change| matches!(change.operation, Operation::Delete { .. }));
        nesting.with_changes(gone, Counted::All, directory)
    });
    let then: Vec<Nesting<'_>> = then.collect();
    for (joined, addresses) in joined {
        let around = until.around(joined);
        // What may stay in a name, as nobody is told, is held back until the next plan sees whether it did.
        let stays: BTreeSet<Node<'_>> = then.iter().flat_map(|then| then.around(joined)).collect();
        let outer = around.iter().filter_map(|group| match group {
            Node::Known(key) => Some((*key, Some(joined.clone()), !stays.contains(group))),
            // What somebody else gave to a group that somebody else nests ours in is told by guards.
            Node::Foreign(_) => None,
        });
        for (key, through, leaves) in std::iter::once((joined, None, false)).chain(outer) {
            // Whoever is added to a group that is made waits for the group.
            if let Some(live) = directory.live(key) {
                let (key, name, addresses) = (key.clone(), live.display_name.clone(), addresses.clone());
                let parted = if leaves { partings(joined, &around, directory, draft) } else { BTreeSet::new() };
                takers.push(Taker { key, through, way: Way::Joining, name, id: Some(live.id), addresses, parted });
            }
        }
    }
    takers
}

/// The removals of nested groups by which a group comes out of others.
fn partings(
    joined: &GroupKey,
    around: &BTreeSet<Node<'_>>,
    directory: &Directory<'_>,
    draft: &Draft,
) -> BTreeSet<Address> {
    let is_between = |node: Node<'_>| node == Node::Known(joined) || around.contains(&node);
    let removals = draft.changes.iter().filter(|(_, change)| match (&change.address, &change.operation) {
        (Address::Member(key, name), Operation::Delete { .. }) => {
            around.contains(&Node::Known(key)) && node_of(name, directory).is_some_and(is_between)
        }
        (Address::Group(key), Operation::Delete { .. }) => around.contains(&Node::Known(key)),
        _ => false,
    });
    removals.map(|(address, _)| address.clone()).collect()
}

impl Names<'_> {
    /// What has to go first, and what stands against it.
    fn examine(&self, taker: &Taker, draft: &Draft) -> (BTreeSet<Address>, Obstacles) {
        let mut first = BTreeSet::new();
        let mut obstacles = Obstacles::default();
        match self.directory.tenant().and_then(|tenant| tenant.by_display_name.get(&taker.name)) {
            // A name that was looked up and is nobody's has an empty list.
            None => obstacles.not_looked_up = true,
            // What a token holds is compared exactly, though Entra finds names whatever their case.
            Some(live) => live
                .iter()
                .filter(|other| other.display_name == taker.name && Some(other.id) != taker.id)
                .for_each(|other| self.meet(other, draft, &mut first, &mut obstacles)),
        }
        if taker.way == Way::Joining {
            // Nothing is wrong with a name that only this group has; and this group may be the one that changes its name.
            let own = Address::Group(taker.key.clone());
            if obstacles.is_free() {
                return (BTreeSet::new(), obstacles);
            }
            if leaves(draft.changes.get(&own), &taker.name) {
                return (BTreeSet::from([own]), Obstacles::default());
            }
        } else {
            // Those that were looked up are told with their ids.
            let listed = self.directory.tenant().and_then(|tenant| tenant.by_display_name.get(&taker.name));
            let is_listed = |key: &GroupKey| {
                let id = self.directory.live(key).map(|live| live.id);
                listed.into_iter().flatten().any(|other| Some(other.id) == id && other.display_name == taker.name)
            };
            let others = self.directory.others_finally_named(&taker.key, &taker.name);
            let others = others.into_iter().filter(|key| !is_listed(key) && self.outranks(key, taker.way));
            obstacles.others.extend(others.map(|key| self.called(key)));
        }
        for (name, part) in &self.environments {
            match part {
                Some(part) => meet_bindings((name, *part), taker, draft, &mut first, &mut obstacles),
                None => obstacles.unread.push((*name).clone()),
            }
        }
        (first, obstacles)
    }

    /// Another group of the name. One that this plan renames or deletes has to go first.
    fn meet(&self, other: &GroupSummary, draft: &Draft, first: &mut BTreeSet<Address>, obstacles: &mut Obstacles) {
        let key = self.directory.key(other.id);
        match key.map(|key| Address::Group(key.clone())) {
            Some(address) if leaves(draft.changes.get(&address), &other.display_name) => {
                first.insert(address);
            }
            _ => {
                let called = key.map_or_else(|| "a group".to_owned(), |key| format!("group {key}"));
                obstacles.others.insert(with_id(&called, other.id));
            }
        }
    }

    /// Whether somebody who wants the same name stands in the way. What is there comes before what is restored, and that
    /// before what is made, so that who has to wait for a name does not wait for one who does not get it.
    fn outranks(&self, key: &GroupKey, way: Way) -> bool {
        matches!(
            (self.directory.standing(key), way),
            (Some(Standing::Live(_)), _) | (_, Way::Creation) | (Some(Standing::Restored { .. }), Way::Restoring)
        )
    }

    /// A group by its key, the one that manages it where several mean one object, and its id.
    fn called(&self, key: &GroupKey) -> String {
        let id = match self.directory.standing(key) {
            Some(Standing::Live(live)) => Some(live.id),
            Some(Standing::Restored { deleted, .. }) => Some(deleted.id),
            Some(Standing::Planned { .. } | Standing::Held { .. }) | None => None,
        };
        let key = id.and_then(|id| self.directory.key(id)).unwrap_or(key);
        let called = format!("group {key}");
        id.map_or(called.clone(), |id| with_id(&called, id))
    }

    fn cause(&self, taker: &Taker, obstacles: &Obstacles) -> Cause {
        let Taker { key, name, .. } = taker;
        let others: Vec<&str> = obstacles.others.iter().map(String::as_str).collect();
        // What is ours, and names another group, is in the files.
        let bindings = obstacles.bindings.iter().filter(|(_, is_ours)| others.is_empty() || !**is_ours);
        let bindings: Vec<String> = bindings.map(|(address, _)| address.to_string()).collect();
        let mut why = Vec::new();
        if !others.is_empty() {
            let verb = if others.len() == 1 { "is" } else { "are" };
            why.push(format!("{} {verb} named so too", others.join(" and ")));
        }
        if obstacles.not_looked_up {
            why.push("who else is named so could not be looked up".to_owned());
        }
        if !bindings.is_empty() {
            why.push(format!("what names it there is not what the files grant to {key}: {}", bindings.join(", ")));
        }
        if !obstacles.unread.is_empty() {
            let unread: Vec<&str> = obstacles.unread.iter().map(EnvironmentName::as_str).collect();
            why.push(format!("what names it on {} could not be read", unread.join(", ")));
        }
        let (reason, advice) = if !others.is_empty() {
            (
                Reason::AmbiguousGroupName,
                format!("Rename one of them: the root file may write another `display-name` for {key}"),
            )
        } else if !bindings.is_empty() {
            (
                Reason::GroupNameInUse,
                format!(
                    "Have these bindings removed, grant the same to {key}, or name it otherwise: the root file may write \
                     another `display-name`"
                ),
            )
        } else {
            (Reason::GroupNameUnknown, "Plan again when that can be read".to_owned())
        };
        let message = format!(
            "{}: {}, where groups are known by display name, and {}. {advice}, or set `groups-as: object-id` there",
            taker.what(),
            self.places(name),
            why.join("; ")
        );
        self.held(taker, reason, message).error_if(reason != Reason::GroupNameUnknown)
    }

    /// The name is free only after something that itself waits for this.
    fn endless(&self, taker: &Taker) -> Cause {
        let Taker { key, name, .. } = taker;
        let message = format!(
            "{}: {}, where groups are known by display name, and the name is still in use until something goes that itself \
             waits for {key}. Do it in two steps: first take `{name}` from whoever has it now and apply, then give it to {key}. If whoever has it is {key} under an \
             older key, write `previously` in the block of {key} instead",
            taker.what(),
            self.places(name),
        );
        self.held(taker, Reason::AmbiguousGroupName, message).error_if(true)
    }

    fn places(&self, name: &str) -> String {
        let places: Vec<&str> = self.environments.keys().map(|name| name.as_str()).collect();
        format!("its members would have what is given to `{name}` on {}", places.join(", "))
    }

    fn held(&self, taker: &Taker, reason: Reason, message: String) -> Cause {
        let key = taker.through.as_ref().unwrap_or(&taker.key);
        Cause::new(self.desired.groups.get(key).map(|group| &group.origin), reason, message)
    }
}

impl Obstacles {
    /// Whether nobody else has the name, as far as groups go.
    fn is_free(&self) -> bool {
        self.others.is_empty() && !self.not_looked_up
    }

    fn refuse(&self, way: Way) -> bool {
        let is_bound = !self.bindings.is_empty() || !self.unread.is_empty();
        match way {
            Way::Creation | Way::Renaming => !self.is_free() || is_bound,
            Way::Restoring => !self.is_free(),
            Way::Joining => !self.is_free() && is_bound,
        }
    }
}

impl Taker {
    fn what(&self) -> String {
        let Self { key, name, .. } = self;
        match self.way {
            Way::Creation => format!("group {key} is not created, as `{name}`"),
            Way::Renaming => format!("group {key} is not renamed to `{name}`"),
            Way::Restoring => format!("group {key} is not restored, as `{name}`"),
            Way::Joining => match &self.through {
                None => format!("nobody is added to {key}, which is named `{name}`"),
                Some(through) => format!("nobody is added to {through}, which is in {key}, which is named `{name}`"),
            },
        }
    }
}

/// What gives something to the name there, but for what the files grant to this very group in that place.
fn meet_bindings(
    (environment, part): (&EnvironmentName, Part<'_>),
    taker: &Taker,
    draft: &Draft,
    first: &mut BTreeSet<Address>,
    obstacles: &mut Obstacles,
) {
    let subject = format!("{}{}", part.desired.tokens.groups_prefix, taker.name);
    for live in part.cluster.bindings.iter().filter(|live| names(&live.binding, &subject)) {
        if grants(part, &taker.key, &live.binding) {
            continue;
        }
        let address = binding_address(environment, &live.binding);
        let after = draft.changes.get(&address).map(Change::after);
        let is_left = after.is_some_and(|after| match after {
            Some(Resource::Binding(after)) => !names(after, &subject),
            _ => true,
        });
        if is_left {
            first.insert(address);
        } else {
            obstacles.bindings.insert(address, live.meta.mark == Mark::Ours);
        }
    }
}

fn with_id(called: &str, id: ObjectId) -> String {
    format!("{called} (id {id})")
}

/// Whether a change of a group takes this name from it.
fn leaves(change: Option<&Change>, name: &str) -> bool {
    match change.map(|change| &change.operation) {
        Some(Operation::Delete { .. }) => true,
        Some(Operation::Update { after: Resource::Group(after), .. }) => after.display_name != name,
        Some(Operation::Create { .. } | Operation::Restore { .. } | Operation::Update { .. }) | None => false,
    }
}

fn names(binding: &Binding, group: &str) -> bool {
    binding.subjects.iter().any(|subject| {
        subject.kind == SubjectKind::Group && matches!(&subject.name, SubjectName::Known(name) if name == group)
    })
}

/// Whether the files grant to this group what a binding gives, where it gives it.
pub(super) fn grants(part: Part<'_>, key: &GroupKey, binding: &Binding) -> bool {
    let reaches = |scope: &ScopeTarget| match (scope, &binding.namespace) {
        (ScopeTarget::Cluster, _) => true,
        (ScopeTarget::Namespace(wanted), Some(namespace)) => wanted == namespace,
        (ScopeTarget::Selector(wanted), Some(namespace)) => part.cluster.selects(namespace, wanted),
        (ScopeTarget::Namespace(_) | ScopeTarget::Selector(_), None) => false,
    };
    part.desired.bindings.iter().any(|asked| {
        asked.role.reference == binding.role
            && matches!(&asked.subject, PrincipalName::Group(group) if group == key)
            && reaches(&asked.scope)
    })
}

fn refuse(taker: &Taker, cause: &Cause, draft: &mut Draft) {
    taker.addresses.iter().for_each(|address| draft.hold_change(address));
    draft.withhold(cause, taker.addresses.iter().cloned());
}

/// Lets the taker wait. A binding to a name that no group carries gives nobody anything, so nothing has to be granted to
/// the taker before it goes; one that only renamed groups carry goes after the renaming.
fn put_first(taker: &Taker, first: &BTreeSet<Address>, draft: &mut Draft) {
    let own = Address::Group(taker.key.clone());
    let (groups, bindings): (BTreeSet<Address>, Vec<&Address>) = {
        let (groups, bindings): (Vec<_>, Vec<_>) =
            first.iter().partition(|address| matches!(address, Address::Group(_)));
        (groups.into_iter().cloned().collect(), bindings)
    };
    // A group that is deleted goes after the bindings that name it.
    let is_renamed =
        |group| draft.changes.get(group).is_some_and(|change| matches!(change.operation, Operation::Update { .. }));
    if groups.iter().all(is_renamed) {
        let to_taker: BTreeSet<Address> = draft
            .changes
            .iter()
            .filter(|(address, change)| address.environment().is_some() && change.requires.contains(&own))
            .map(|(address, _)| address.clone())
            .collect();
        for address in bindings {
            if let Some(change) = draft.changes.get_mut(address) {
                let all = change.requires.len();
                change.requires.retain(|required| !to_taker.contains(required));
                if change.requires.len() < all {
                    change.requires.extend(groups.iter().cloned());
                }
            }
        }
    }
    wait_for(taker, first, draft);
}

fn wait_for(taker: &Taker, first: &BTreeSet<Address>, draft: &mut Draft) {
    for address in &taker.addresses {
        if let Some(change) = draft.changes.get_mut(address) {
            change.requires.extend(first.iter().cloned());
        }
    }
}

fn waits_for_itself(taker: &Taker, draft: &Draft) -> bool {
    let required = |address: &Address| draft.changes.get(address).into_iter().flat_map(|change| &change.requires);
    let mut open: Vec<&Address> = taker.addresses.iter().flat_map(required).collect();
    let mut seen = BTreeSet::new();
    while let Some(address) = open.pop() {
        if taker.addresses.contains(address) {
            return true;
        }
        if seen.insert(address) {
            open.extend(required(address));
        }
    }
    false
}
