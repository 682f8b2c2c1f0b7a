//! While a plan is carried out, and wherever that stops, nobody has what neither the state before nor the state after gives
//! them.
//!
//! Access is a way from somebody through groups to a binding and the rules of a role. A way of which one step comes and
//! another goes is there neither before nor after, but would be in between if the step that comes came first. So the
//! change that makes a step waits for the nearest one that ends a step. Ways that give somebody no more than they have before
//! or after need no order.

mod bound;
mod circles;
mod roles;
mod ways;

pub(super) use self::circles::{Required, try_require};

use std::collections::{BTreeMap, BTreeSet};

use self::bound::{Bound, Cluster};
use self::circles::require_each;
use self::roles::Roles;
use self::ways::{Between, Step, Ways, Whom};
use super::draft::Draft;
use super::parts::Parts;
use super::reach::{Nesting, Node};
use super::resolve::Directory;
use crate::plan::aggregation::role_of;
use crate::state::{Address, Change, EnvironmentName, Namespace, ObjectId, Operation, PolicyRule, Resource, covering};

/// Lets what is given wait for what is taken from those whom it would reach otherwise.
pub(super) fn take_first(parts: &Parts<'_>, directory: &Directory<'_>, draft: &mut Draft) {
    let mut waits: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
    for (given, first) in pairs(parts, directory, draft) {
        waits.entry(given).or_default().insert(first);
    }
    for (given, first) in waits {
        require_each(&given, &first, &mut draft.changes);
    }
}

/// What is given by this change would reach somebody by way of what the other one takes.
struct Leak<'a> {
    given: &'a Address,
    taken: &'a Address,
    whom: Whom<'a>,
    environment: &'a EnvironmentName,
    namespace: Option<&'a Namespace>,
    rules: &'a [PolicyRule],
}

fn pairs<'a>(parts: &'a Parts<'a>, directory: &'a Directory<'a>, draft: &'a Draft) -> Vec<(Address, Address)> {
    let has = |what: fn(&Change) -> bool| draft.changes.values().any(what);
    if directory.tenant().is_none() || !has(gives) || !has(takes) {
        return Vec::new();
    }
    // The order has to be right wherever a group may be in one of others.
    let nestings = Nesting::possible(directory).into_iter();
    nestings.flat_map(|nesting| pairs_by(nesting, parts, directory, draft)).collect()
}

fn pairs_by<'a>(
    nesting: Nesting<'a>,
    parts: &'a Parts<'a>,
    directory: &'a Directory<'a>,
    draft: &'a Draft,
) -> Vec<(Address, Address)> {
    let ways = Ways::new(directory, nesting, draft);
    let mut on: BTreeMap<&EnvironmentName, Vec<&Change>> = BTreeMap::new();
    for change in draft.changes.values() {
        if let Some(environment) = change.address.environment() {
            on.entry(environment).or_default().push(change);
        }
    }
    let concerned = ways.concerned();
    let clusters = parts.clusters.iter().filter(|(name, _)| !concerned.is_empty() || on.contains_key(*name));
    let clusters = clusters.map(|(name, part)| (*name, *part, on.get(*name).map_or(&[][..], Vec::as_slice)));
    let clusters: Vec<_> =
        clusters.map(|(name, part, changes)| (name, part, changes, Roles::new(part, changes))).collect();
    let clusters = clusters.iter();
    let clusters: Vec<Cluster<'_>> =
        clusters.map(|(name, part, changes, roles)| Cluster::new(name, *part, directory, changes, roles)).collect();
    let mut found = Vec::new();
    let mut leaks = Vec::new();
    for cluster in &clusters {
        let before = leaks.len();
        look(cluster, &concerned, &ways, &mut leaks);
        let_go(cluster, &ways, &mut found);
        taken_on(cluster, &ways, &mut found);
        leaks[before..].sort_by_key(|leak| (leak.given, leak.taken));
    }
    leaks.retain(|leak| leak.given != leak.taken);
    let rightful = Rightful::new(&ways, &clusters, &leaks);
    let mut last = None;
    for leak in leaks {
        let pair = (leak.given, leak.taken);
        if last != Some(pair) && rightful.lacks(&leak) {
            found.push((leak.given.clone(), leak.taken.clone()));
            last = Some(pair);
        }
    }
    found
}

fn gives(change: &Change) -> bool {
    match &change.operation {
        Operation::Create { after } | Operation::Restore { after } | Operation::Update { after, .. } => match after {
            Resource::Group(_) | Resource::Member(_) | Resource::Role(_) | Resource::Binding(_) => true,
            Resource::Owner(_) => false,
        },
        Operation::Delete { .. } => false,
    }
}

fn takes(change: &Change) -> bool {
    match &change.operation {
        Operation::Delete { before } | Operation::Update { before, .. } => match before {
            Resource::Group(_) | Resource::Member(_) | Resource::Role(_) | Resource::Binding(_) => true,
            Resource::Owner(_) => false,
        },
        Operation::Create { .. } | Operation::Restore { .. } => false,
    }
}

/// The ways on one cluster of which one step comes and another goes.
fn look<'a>(cluster: &Cluster<'a>, concerned: &BTreeSet<Node<'a>>, ways: &Ways<'a>, leaks: &mut Vec<Leak<'a>>) {
    let bound = cluster.bound(concerned, ways);
    let mut of: BTreeMap<Node<'_>, Vec<&Bound<'_>>> = BTreeMap::new();
    for each in &bound {
        of.entry(each.group).or_default().push(each);
    }
    let environment = cluster.name;
    let mut add = |given, taken, whom, bound: &Bound<'a>, rules| {
        leaks.push(Leak { given, taken, whom, environment, namespace: bound.namespace, rules });
    };
    for each in &bound {
        let widened = each.widened.iter().filter_map(|change| Some((&change.address, role_of(change.after())?)));
        match each.step {
            Step::Comes(given) => {
                // By a name, which needs no order with the role.
                let less = each.narrowed.iter().map(|change| &change.address);
                let last = each.until.filter(|_| each.narrowed.is_empty());
                for taken in less.chain(last) {
                    add(given, taken, Whom::Inside(each.group), each, each.rules[0]);
                }
                if let Some(taken) = each.until {
                    add(given, taken, Whom::Inside(each.group), each, each.rules[1]);
                }
                for (taken, whom) in ways.leaving(each.group) {
                    add(given, taken, whom, each, each.rules[1]);
                }
            }
            Step::Stays => {
                for (given, role) in widened {
                    for (taken, whom) in ways.leaving(each.group) {
                        add(given, taken, whom, each, &role.rules);
                    }
                }
            }
            Step::Goes(taken) => {
                for (given, role) in widened {
                    add(given, taken, Whom::Group(each.group), each, &role.rules);
                }
            }
        }
    }
    for joining in &ways.joining {
        let (given, who) = (joining.change, joining.who);
        let Some((stays, left)) = ways.left.get(&joining.group) else { continue };
        for each in stays.iter().filter_map(|group| of.get(group)).flatten() {
            match each.step {
                Step::Comes(_) => {}
                Step::Goes(taken) => add(given, taken, who, each, each.rules[0]),
                Step::Stays => {
                    for change in &each.narrowed {
                        add(given, &change.address, who, each, each.rules[0]);
                    }
                }
            }
        }
        for (group, taken) in left {
            for each in of.get(group).into_iter().flatten().filter(|each| !matches!(each.step, Step::Comes(_))) {
                add(given, taken, who, each, each.rules[0]);
            }
        }
        let Whom::Inside(nested) = who else { continue };
        let leaving = ways.leaving(nested);
        if leaving.is_empty() {
            continue;
        }
        let then = ways.closure([joining.group], |step| !matches!(step, Step::Goes(_)));
        for each in then.iter().filter_map(|group| of.get(group)).flatten() {
            let comes = matches!(each.step, Step::Comes(_));
            for (taken, whom) in leaving.iter().filter(|_| !matches!(each.step, Step::Goes(_))) {
                for rules in each.rules.into_iter().skip(usize::from(comes)) {
                    add(given, taken, *whom, each, rules);
                }
            }
        }
    }
}

/// Who is no group that we know, and let go by a binding whose role comes to give more.
fn let_go<'a>(cluster: &Cluster<'a>, ways: &Ways<'a>, found: &mut Vec<(Address, Address)>) {
    for (taken, subject, binding) in cluster.let_go(ways) {
        let [widening, _] = cluster.reaching(binding);
        for change in widening {
            let rules = role_of(change.after()).map_or(&[][..], |role| &role.rules);
            if is_more(rules, binding.namespace.as_ref(), cluster.given_to(subject)) {
                found.push((change.address.clone(), taken.clone()));
            }
        }
    }
}

/// Who is no group that we know, and comes to be bound to a role that comes to give less: one that the cluster fills, as the
/// binding waits for a role of ours anyway.
fn taken_on<'a>(cluster: &Cluster<'a>, ways: &Ways<'a>, found: &mut Vec<(Address, Address)>) {
    for (given, subject, binding) in cluster.taken_on(ways) {
        let [_, narrowing] = cluster.reaching(binding);
        for change in narrowing {
            if is_more(cluster.gives_now(binding), binding.namespace.as_ref(), cluster.given_to(subject)) {
                found.push((given.clone(), change.address.clone()));
            }
        }
    }
}

/// What somebody has on a cluster: where, and by which rules.
type Given<'a> = (Option<&'a Namespace>, &'a [PolicyRule]);

fn is_more<'a>(rules: &[PolicyRule], namespace: Option<&Namespace>, has: impl IntoIterator<Item = Given<'a>>) -> bool {
    let has = has.into_iter().filter(|(place, _)| place.is_none() || *place == namespace);
    let has: Vec<PolicyRule> = has.flat_map(|(_, rules)| rules.iter().cloned()).collect();
    !covering::missing(&has, rules).is_empty()
}

/// What people have at the start and at the end, as far as it matters to the leaks that were found.
struct Rightful<'a> {
    /// What those are in whom something would reach, each once: most of a group are in the same.
    groups: BTreeMap<Whom<'a>, BTreeSet<Between<'a>>>,
    on: BTreeMap<&'a EnvironmentName, BTreeMap<Node<'a>, Vec<Bound<'a>>>>,
}

impl<'a> Rightful<'a> {
    fn new(ways: &Ways<'a>, clusters: &[Cluster<'a>], leaks: &[Leak<'a>]) -> Self {
        let whom: BTreeSet<Whom<'_>> = leaks.iter().map(|leak| leak.whom).collect();
        let whom: BTreeMap<Whom<'_>, BTreeSet<ObjectId>> =
            whom.into_iter().map(|whom| (whom, ways.people(whom))).collect();
        let people = ways.groups_of(&whom.values().flatten().copied().collect());
        let of = |id: &ObjectId| people.get(id).cloned().unwrap_or_default();
        let groups: BTreeMap<Whom<'_>, BTreeSet<Between<'_>>> = whom
            .iter()
            .map(|(whom, ids)| match whom {
                Whom::Group(group) => (*whom, BTreeSet::from([ways.between([*group], [*group])])),
                Whom::One(_) | Whom::Inside(_) => (*whom, ids.iter().map(of).collect()),
            })
            .collect();
        let entered = whom.keys().filter_map(|whom| match whom {
            Whom::Group(group) => Some(*group),
            Whom::One(_) | Whom::Inside(_) => None,
        });
        let mut all = ways.closure(entered, |_| true);
        for between in people.values() {
            all.extend(between.start.union(&between.end));
        }
        let concerned: BTreeSet<&EnvironmentName> = leaks.iter().map(|leak| leak.environment).collect();
        let mut on = BTreeMap::new();
        for cluster in clusters.iter().filter(|cluster| concerned.contains(cluster.name)) {
            let of: &mut BTreeMap<Node<'_>, Vec<Bound<'_>>> = on.entry(cluster.name).or_default();
            for each in cluster.bound(&all, ways).into_iter().filter(|each| each.until.is_none()) {
                of.entry(each.group).or_default().push(each);
            }
        }
        Self { groups, on }
    }

    /// Whether somebody whom it reaches has it neither before nor after.
    fn lacks(&self, leak: &Leak<'a>) -> bool {
        let mut seen = BTreeSet::new();
        let mut is_news = |groups: &Between<'a>| {
            let has = self.given(leak.environment, groups);
            let same: Vec<_> = has.iter().map(|(place, rules)| (*place, rules.as_ptr())).collect();
            seen.insert(same) && is_more(leak.rules, leak.namespace, has)
        };
        self.groups.get(&leak.whom).into_iter().flatten().any(&mut is_news)
    }

    /// What members of these groups have at the start, and of those at the end.
    fn given(&self, environment: &EnvironmentName, groups: &Between<'a>) -> Vec<Given<'a>> {
        let of = |groups: &BTreeSet<Node<'a>>| -> Vec<&Bound<'a>> {
            let on = self.on.get(environment).into_iter();
            on.flat_map(|of| groups.iter().filter_map(|group| of.get(group))).flatten().collect()
        };
        let (start, end) = (of(&groups.start), of(&groups.end));
        let start = start.into_iter().filter(|each| !matches!(each.step, Step::Comes(_)));
        let end = end.into_iter().filter(|each| !matches!(each.step, Step::Goes(_)));
        let start = start.map(|each| (each.namespace, each.rules[0]));
        start.chain(end.map(|each| (each.namespace, each.rules[1]))).collect()
    }
}
