//! The rows of one cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::compare::{Comparing, Holding, Outcome};
use super::owners;
use super::reach::{Edges, Place, Reach, Subject};
use super::row::{AccessDifference, AccessEffect, AccessRow, Bearing, GroupLabel, Somebody, Standing, Unseen, Via};
use super::via::{Side, Sides, label, via};
use crate::access::people::{Step, Ways, WithoutGroups};
use crate::access::{Caller, People, Rbac, Token, Who};
use crate::state::{
    Above, DesiredEnvironment, EnvironmentName, GroupsClaim, Identity, Inside, ObjectId, Observed, RoleKey, RoleKind,
    RoleRef, SubjectKind, SubjectName,
};

/// Rows, each for all to whom the same happens.
#[derive(Default)]
pub(super) struct Rows {
    people: BTreeMap<AccessRow, BTreeSet<Somebody>>,
    unseen: BTreeSet<Unseen>,
    role_keys: BTreeMap<(EnvironmentName, RoleRef), RoleKey>,
}

/// What is bound to whom before and after.
pub(super) struct Bound {
    before: BTreeSet<Holding>,
    /// `None` where it is the same.
    after: Option<BTreeSet<Holding>>,
}

impl Bound {
    fn of(before: &Rbac<'_>, after: Option<&Rbac<'_>>) -> Self {
        // Where nothing changes on the cluster, nobody asks.
        after.map_or(Self { before: BTreeSet::new(), after: None }, |after| Self {
            before: bound(before),
            after: Some(bound(after)),
        })
    }

    pub(super) fn before(&self, holding: &Holding) -> bool {
        self.after.is_none() || self.before.contains(holding)
    }

    pub(super) fn after(&self, holding: &Holding) -> bool {
        self.after.as_ref().is_none_or(|after| after.contains(holding))
    }
}

fn bound(rbac: &Rbac<'_>) -> BTreeSet<Holding> {
    let bindings = rbac.bindings().iter();
    let holdings = bindings.flat_map(|binding| {
        binding.subjects.iter().map(|subject| Holding {
            namespace: binding.namespace.clone(),
            role: binding.role.clone(),
            group: (subject.kind == SubjectKind::Group).then(|| subject.name.clone()),
        })
    });
    holdings.collect()
}

impl Rows {
    pub(super) fn add(
        &mut self,
        place: &Place<'_>,
        who: &Somebody,
        outcome: &Outcome,
        bearing: Bearing,
        via: BTreeSet<Via>,
    ) {
        let is_nothing = matches!(bearing, Bearing::NoGroups | Bearing::TooManyGroups(_));
        let row = AccessRow {
            who: BTreeSet::new(),
            environment: place.name.clone(),
            namespace: outcome.namespace.clone(),
            effect: if is_nothing { AccessEffect::Same } else { outcome.effect },
            leads: if bearing == Bearing::NoGroups { BTreeSet::new() } else { outcome.leads.clone() },
            bearing,
            before: outcome.before.clone(),
            after: outcome.after.clone(),
            gained: if is_nothing { Vec::new() } else { outcome.gained.to_vec() },
            lost: if is_nothing { Vec::new() } else { outcome.lost.to_vec() },
            via,
            holds: Arc::clone(&outcome.holds),
        };
        self.people.entry(row).or_default().insert(who.clone());
    }

    /// Keeps what the roles of ours on a cluster are called in the files.
    fn name_roles(&mut self, place: &Place<'_>) {
        for role in &place.environment.roles {
            let kind = if role.namespace.is_some() { RoleKind::Role } else { RoleKind::ClusterRole };
            let reference = RoleRef { kind, name: role.name.clone() };
            self.role_keys.insert((place.name.clone(), reference), role.key.clone());
        }
    }

    /// All of them, what matters most first.
    pub(super) fn finish(self, unreached: BTreeSet<Unseen>) -> AccessDifference {
        let rows = self.people.into_iter().map(|(row, who)| AccessRow { who, ..row });
        let mut rows: Vec<AccessRow> = rows.collect();
        rows.sort_by(|one, other| {
            let rank = |row: &AccessRow| (!row.is_master(), row.effect);
            rank(one).cmp(&rank(other)).then_with(|| one.cmp(other))
        });
        AccessDifference { rows, unseen: self.unseen.into_iter().chain(unreached).collect(), role_keys: self.role_keys }
    }
}

/// Finds the rows of one cluster.
pub(super) fn compare(reach: &Reach<'_>, place: &Place<'_>, observed: &Observed, rows: &mut Rows) {
    let before = place.before.rbac();
    let changed = place.after.as_ref().map(crate::access::Snapshot::rbac);
    let after = changed.as_ref().unwrap_or(&before);
    let bound = Bound::of(&before, changed.as_ref());
    let mut comparing = Comparing::new(&before, after);
    let none = Ways::new();
    rows.name_roles(place);
    for subject in &place.subjects {
        let claim = place.environment.tokens.claim;
        let sides = |people: &People<'_>, groups: &BTreeSet<Identity>| {
            let is_carried =
                |id: &&Identity| claim == GroupsClaim::SecurityGroups || *subject == Subject::Group((*id).clone());
            of_groups_named(people, groups.iter().filter(is_carried), place.environment)
        };
        let (old, new) = match subject {
            Subject::Somebody(who) => {
                let ways = (reach.before.get(who).unwrap_or(&none), reach.after.get(who).unwrap_or(&none));
                somebody(reach, place, who, ways, &bound, &mut comparing, rows);
                continue;
            }
            Subject::Group(group) => {
                (sides(&reach.live, &reach.groups_before(group)), sides(&reach.planned, &reach.groups_after(group)))
            }
            Subject::Named(name) => [(); 2].map(|()| alone(Caller::authenticated("", [known(name)]))).into(),
            Subject::User(name) => [(); 2].map(|()| alone(Caller::authenticated(name.as_str(), []))).into(),
            Subject::ServiceAccount { namespace, name } => [(); 2]
                .map(|()| {
                    let user = format!("system:serviceaccount:{namespace}:{name}");
                    let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
                    alone(Caller::authenticated(user, groups.iter().map(|group| known(group))))
                })
                .into(),
        };
        let outcomes = comparing.of(&old.caller, &new.caller);
        if outcomes.is_empty() {
            continue;
        }
        if let Subject::Group(group) = subject {
            rows.unseen.extend(unseen(reach, group, observed, place));
            let inside = group.known().and_then(|id| observed.of_groups.inside.get(&id));
            if inside == Some(&Inside::Missing) {
                continue;
            }
        }
        let ways = (of_groups(&old, subject), of_groups(&new, subject));
        let sides = Sides { before: Side { token: &old, ways: &ways.0 }, after: Side { token: &new, ways: &ways.1 } };
        let who = who(reach, subject);
        for outcome in outcomes.iter() {
            rows.add(place, &who, outcome, Bearing::Token, vias(reach, &sides, &bound, outcome));
        }
    }
    for owning in &place.owners {
        owners::compare(reach, place, owning, &bound, &mut comparing, rows);
    }
}

fn known(name: &str) -> SubjectName {
    SubjectName::Known(name.to_owned())
}

fn alone(caller: Caller) -> Token {
    Token { caller, groups: BTreeMap::new(), without_groups: None }
}

/// What a token says of somebody in these groups, and of nobody in particular.
fn of_groups_named<'g>(
    people: &People<'_>,
    groups: impl Iterator<Item = &'g Identity>,
    environment: &DesiredEnvironment,
) -> Token {
    let named = groups.filter_map(|id| Some((id.clone(), people.name_of(id, &environment.tokens)?)));
    let groups: BTreeMap<Identity, SubjectName> = named.collect();
    Token { caller: Caller::authenticated("", groups.values().cloned()), groups, without_groups: None }
}

/// The way of whoever is in a group: that group, and then the one that is bound.
fn of_groups<'a>(token: &Token, subject: &Subject) -> Ways<'a> {
    let Subject::Group(inner) = subject else { return Ways::new() };
    let step = |member: &Identity, group: &Identity| Step {
        member: crate::access::people::Node::Group(member.clone()),
        group: group.clone(),
        origin: None,
    };
    let way = |group: &Identity| if group == inner { vec![step(inner, inner)] } else { vec![step(inner, group)] };
    token.groups.keys().map(|group| (group.clone(), way(group))).collect()
}

/// The rows of one person or app.
fn somebody(
    reach: &Reach<'_>,
    place: &Place<'_>,
    who: &Who,
    (old, new): (&Ways<'_>, &Ways<'_>),
    bound: &Bound,
    comparing: &mut Comparing<'_>,
    rows: &mut Rows,
) {
    let before = reach.live.token(who, old, place.environment);
    let after = reach.planned.token(who, new, place.environment);
    let person = self::who(reach, &Subject::Somebody(who.clone()));
    let add = |rows: &mut Rows,
               before: &Token,
               after: &Token,
               after_ways: &Ways<'_>,
               outcomes: &[Outcome],
               bearing: &Bearing| {
        let sides = Sides { before: Side { token: before, ways: old }, after: Side { token: after, ways: after_ways } };
        for outcome in outcomes {
            rows.add(place, &person, outcome, bearing.clone(), vias(reach, &sides, bound, outcome));
        }
    };
    let outcomes = comparing.of(&before.caller, &after.caller);
    add(rows, &before, &after, new, &outcomes, &Bearing::Token);
    let names = reach
        .kept(who)
        .filter_map(|group| before.groups.get(&group).filter(|name| after.groups.get(&group) == Some(*name)));
    let names: BTreeSet<&SubjectName> = names.collect();
    let sides = Sides { before: Side { token: &before, ways: old }, after: Side { token: &after, ways: new } };
    for (outcome, kept) in
        if names.is_empty() { Vec::new() } else { comparing.kept(&before.caller, &after.caller, &names) }
    {
        if outcomes.iter().all(|other| other.namespace != outcome.namespace) {
            let left = kept.iter().map(|holding| via(reach, &sides, bound, Standing::Gone, holding));
            let ways = left.chain(vias(reach, &sides, bound, &outcome)).collect();
            rows.add(place, &person, &outcome, Bearing::Token, ways);
        }
    }
    let worthless = match after.without_groups {
        Some(WithoutGroups::Application) => Some(Bearing::NoGroups),
        Some(WithoutGroups::Overage(groups)) => Some(Bearing::TooManyGroups(groups)),
        None => None,
    };
    if let Some(bearing) = worthless {
        let old = reach.live.with_all_groups(&before, old, place.environment);
        let whole = reach.planned.with_all_groups(&after, new, place.environment);
        let all = comparing.of(&old.caller, &whole.caller);
        let more: Vec<Outcome> = all.iter().filter(|outcome| !outcomes.contains(outcome)).cloned().collect();
        add(rows, &old, &whole, new, &more, &bearing);
    }
}

/// The ways that belong to a row: what stays only where it tells why something stays.
pub(super) fn vias(reach: &Reach<'_>, sides: &Sides<'_, '_>, bound: &Bound, outcome: &Outcome) -> BTreeSet<Via> {
    let stays = matches!(outcome.effect, AccessEffect::Same | AccessEffect::Loses | AccessEffect::Both);
    let of_place = outcome.holdings.iter().filter(|(standing, _)| *standing != Standing::Kept || stays);
    of_place.map(|(standing, holding)| via(reach, sides, bound, *standing, holding)).collect()
}

pub(super) fn who(reach: &Reach<'_>, subject: &Subject) -> Somebody {
    match subject {
        Subject::Somebody(who) => {
            let planned = reach.planned.person(who);
            Somebody::Person {
                name: planned.name,
                id: match who {
                    Who::Id(id) => Some(*id),
                    Who::Named(_) => None,
                },
                disabled: planned.enabled == Some(false),
            }
        }
        Subject::Group(group) => Somebody::AnyoneIn(label(people_of(reach, group), group)),
        Subject::Named(name) => Somebody::AnyoneIn(GroupLabel::Named(name.clone())),
        Subject::User(name) => Somebody::User(name.clone()),
        Subject::ServiceAccount { namespace, name } => {
            Somebody::ServiceAccount { namespace: namespace.clone(), name: name.clone() }
        }
    }
}

fn people_of<'r, 'a>(reach: &'r Reach<'a>, group: &Identity) -> &'r People<'a> {
    if reach.planned.group(group).is_some() { &reach.planned } else { &reach.live }
}

/// The groups of others that somebody seems to leave with a group of ours, where it could not be read by which ways people are
/// in them.
pub(super) fn unseen_ways<'r>(reach: &'r Reach<'_>, observed: &'r Observed) -> impl Iterator<Item = Unseen> + 'r {
    let answers = &observed.of_groups;
    let why_not = |inside: &'r Inside| match inside {
        Inside::Unreadable(why) => Some(why.as_str()),
        Inside::Read(_) | Inside::Missing => None,
    };
    let assigned = reach.assigned();
    let both = [&reach.live, &reach.planned].into_iter();
    let doubtful: BTreeSet<ObjectId> = both.flat_map(|people| people.doubtful(&assigned)).collect();
    let why = answers.direct.values().find_map(why_not).unwrap_or("it was not read");
    let seems_left = |id: &Identity| reach.live.everybody_in(id).0 != reach.planned.everybody_in(id).0;
    let unread = answers.inside.iter().filter_map(move |(id, inside)| Some((*id, why_not(inside)?)));
    let unread = unread.filter(move |(id, _)| seems_left(&Identity::Known(*id)));
    let all = doubtful.into_iter().map(move |id| (id, why)).chain(unread);
    all.map(|(id, why)| Unseen::Ways(label(&reach.live, &Identity::Known(id)), why.to_owned()))
}

/// The groups whose lists change and of which nobody knows in which groups they are: what somebody has by those is not seen.
pub(super) fn unseen_above<'r>(reach: &'r Reach<'_>, observed: &'r Observed) -> impl Iterator<Item = Unseen> + 'r {
    let Edges { added, removed, deleted, restored, made: _, spared, owners } = &reach.edges;
    let changed = added.iter().chain(removed).map(|(group, _)| group).chain(owners.iter().map(|(_, group)| group));
    let changed: BTreeSet<&Identity> = changed.chain(deleted).chain(restored).chain(spared).collect();
    let around: BTreeSet<Identity> = changed
        .into_iter()
        .flat_map(|group| [reach.live.around(group), reach.planned.around(group), BTreeSet::from([group.clone()])])
        .flatten()
        .collect();
    observed.of_groups.above.iter().filter_map(move |(id, above)| match above {
        Above::Unreadable(why) if around.contains(&Identity::Known(*id)) => {
            let group = Identity::Known(*id);
            Some(Unseen::Above(label(people_of(reach, &group), &group), why.clone()))
        }
        Above::Unreadable(_) | Above::Read(_) => None,
    })
}

/// Why nobody knows who is in a group.
fn unseen(reach: &Reach<'_>, group: &Identity, observed: &Observed, place: &Place<'_>) -> Option<Unseen> {
    let people = people_of(reach, group);
    let label = label(people, group);
    if let (true, GroupLabel::Key(key)) = (reach.edges.restored.contains(group), &label) {
        return Some(Unseen::Restored(key.clone()));
    }
    let id = group.known()?;
    match observed.of_groups.inside.get(&id) {
        Some(Inside::Missing) => return Some(Unseen::NoGroup(place.name.clone(), id)),
        Some(Inside::Unreadable(why)) => return Some(Unseen::Members(label, why.clone())),
        Some(Inside::Read(_)) | None => {}
    }
    let why = people.group(group).and_then(|group| group.unread.clone());
    Some(Unseen::Members(label, why.unwrap_or_else(|| "its members were not read".to_owned())))
}
