//! What the owners of a group can come to: they can make themselves members, and an app that owns one can put others in.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::Comparing;
use super::places::{Bound, Rows, vias, who};
use super::reach::{Edges, Place, Reach, Subject};
use super::row::Bearing;
use super::touched::{Members, renamed};
use super::via::{Side, Sides, label};
use crate::access::people::{Node, Step, Ways};
use crate::access::{Caller, People, Token, Who};
use crate::state::{Change, Desired, Identity, PrincipalKind, PrincipalName};

/// Somebody who owns a group before or after.
pub(super) type Owning = (Who, Identity);

/// Whoever owns one of these groups, or one in it, before or after.
pub(super) fn of_groups<'g>(
    groups: impl IntoIterator<Item = &'g Identity>,
    members: &mut Members<'_, '_>,
    desired: &Desired,
) -> BTreeSet<Owning> {
    let inside: BTreeSet<Identity> = groups.into_iter().flat_map(|group| members.groups_in(group).clone()).collect();
    let mut owners = BTreeSet::new();
    for group in inside {
        let both = [members.live, members.planned].into_iter().flat_map(|people| people.owners(&group));
        let whom = both.filter_map(|owner| match owner {
            Node::Person(who) => Some(who),
            Node::Group(_) => None,
        });
        owners.extend(whom.map(|who| (who, group.clone())));
    }
    owners.retain(|(who, _)| can_join(members.planned, who, desired));
    owners
}

/// Owners of whom changes of memberships reach what they would have as members.
pub(super) fn by_membership(
    changes: &[&Change],
    edges: &Edges,
    members: &mut Members<'_, '_>,
    desired: &Desired,
) -> BTreeSet<Owning> {
    let moved = edges.added.iter().chain(&edges.removed).filter_map(|(_, member)| match member {
        Node::Group(inner) => Some(inner),
        Node::Person(_) => None,
    });
    let groups: BTreeSet<&Identity> =
        moved.chain(&edges.deleted).chain(&edges.restored).chain(&edges.spared).chain(renamed(changes)).collect();
    let mut owners = of_groups(groups, members, desired);
    let planned = members.planned;
    let own = edges.owners.iter().cloned();
    let left = edges.removed.iter().filter_map(|(group, member)| match member {
        Node::Person(who) if planned.owners(group).contains(member) => Some((who.clone(), group.clone())),
        Node::Person(_) | Node::Group(_) => None,
    });
    owners.extend(own.chain(left).filter(|(who, _)| can_join(planned, who, desired)));
    owners
}

/// Whoever owns a group and is no longer in it by any way.
pub(super) fn leaving(
    before: &BTreeMap<Who, Ways<'_>>,
    after: &BTreeMap<Who, Ways<'_>>,
    planned: &People<'_>,
    desired: &Desired,
) -> BTreeSet<Owning> {
    let mut owners = BTreeSet::new();
    for (who, ways) in before {
        let stays = |group: &Identity| after.get(who).is_some_and(|ways| ways.contains_key(group));
        let node = Node::Person(who.clone());
        let left = ways.keys().filter(|group| !stays(group) && planned.owners(group).contains(&node));
        let left: Vec<Owning> = left.map(|group| (who.clone(), group.clone())).collect();
        if !left.is_empty() && can_join(planned, who, desired) {
            owners.extend(left);
        }
    }
    owners
}

/// Whoever applies owns groups for that alone.
fn can_join(people: &People<'_>, who: &Who, desired: &Desired) -> bool {
    let person = people.person(who);
    let applies = matches!(&person.name, PrincipalName::ServicePrincipal(app) if desired.appliers.contains(app));
    !applies && !matches!(person.kind, Some(PrincipalKind::Device | PrincipalKind::Contact | PrincipalKind::Group))
}

/// One owner at one time.
struct At<'a> {
    /// What is theirs without joining the group.
    is: Token,
    /// What would be once they did; `None` where they do not own it, or are in it already.
    could: Option<Token>,
    ways: Ways<'a>,
    owns: bool,
}

impl<'a> At<'a> {
    /// Of one who is in these groups, and would be in those around the group.
    fn new(
        (people, ways): (&People<'a>, &Ways<'a>),
        (owner, group, around): (&Who, &Identity, BTreeSet<Identity>),
        is_app: bool,
        place: &Place<'_>,
    ) -> Self {
        let real = people.token(owner, ways, place.environment);
        // In how many groups they are is up to them, while the tokens of an app carry none whatever it does.
        let is = if is_app { real.clone() } else { people.with_all_groups(&real, ways, place.environment) };
        let owns = !around.is_empty() && people.owners(group).contains(&Node::Person(owner.clone()));
        let ways = joined(owner, group, if is_app { Ways::new() } else { ways.clone() }, around);
        let could = owns.then(|| people.with_all_groups(&real, &ways, place.environment));
        Self { could: could.filter(|could| could.groups != is.groups), is, ways, owns }
    }

    fn could(&self) -> Option<&Caller> {
        self.could.as_ref().map(|token| &token.caller)
    }

    fn side(&self) -> &Token {
        self.could.as_ref().unwrap_or(&self.is)
    }
}

/// The rows of one owner of a group.
pub(super) fn compare(
    reach: &Reach<'_>,
    place: &Place<'_>,
    (owner, group): &Owning,
    bound: &Bound,
    comparing: &mut Comparing<'_>,
    rows: &mut Rows,
) {
    let none = Ways::new();
    let is_app = reach.planned.person(owner).kind == Some(PrincipalKind::ServicePrincipal);
    let at = |people, ways, around| At::new((people, ways), (owner, group, around), is_app, place);
    let (old, new) = (reach.before.get(owner).unwrap_or(&none), reach.after.get(owner).unwrap_or(&none));
    let before = at(&reach.live, old, reach.groups_before(group));
    let after = at(&reach.planned, new, reach.groups_after(group));
    if before.could.is_none() && after.could.is_none() {
        return;
    }
    let is = [&before.is.caller, &after.is.caller];
    // That a group is deleted, or gives less, is said of its members.
    let ends = before.owns && !after.owns && !reach.groups_after(group).is_empty();
    let outcomes = comparing.indirect(is, [before.could(), after.could()], ends);
    let label = label(if reach.groups_after(group).is_empty() { &reach.live } else { &reach.planned }, group);
    let bearing = if is_app { Bearing::OwningApp(label) } else { Bearing::Owner(label) };
    let person = who(reach, &Subject::Somebody(owner.clone()));
    let sides = Sides {
        before: Side { token: before.side(), ways: &before.ways },
        after: Side { token: after.side(), ways: &after.ways },
    };
    for outcome in &outcomes {
        rows.add(place, &person, outcome, bearing.clone(), vias(reach, &sides, bound, outcome));
    }
}

/// The ways of somebody who joins a group besides.
fn joined<'a>(owner: &Who, group: &Identity, mut ways: Ways<'a>, around: BTreeSet<Identity>) -> Ways<'a> {
    let step = |group: &Identity| Step { member: Node::Person(owner.clone()), group: group.clone(), origin: None };
    for outer in around {
        // Whoever is in it through others would be in it directly.
        if outer == *group {
            ways.insert(outer, vec![step(group)]);
        } else {
            let way = vec![step(group), step(&outer)];
            ways.entry(outer).or_insert(way);
        }
    }
    ways
}
