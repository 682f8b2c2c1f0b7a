//! Whom each change reaches by itself: by who is in a group, and by what is bound to whom.

use std::collections::{BTreeMap, BTreeSet};

use super::reach::{Edges, Subject};
use crate::access::caller::Holder;
use crate::access::people::Node;
use crate::access::{People, Snapshot};
use crate::state::{
    self, Address, Binding, Change, GroupNaming, Identity, Namespace, Operation, Resource, SubjectName, TokenNaming,
};

/// Everybody in groups, each group looked at once.
pub(super) struct Members<'p, 'a> {
    pub(super) live: &'p People<'a>,
    pub(super) planned: &'p People<'a>,
    known: BTreeMap<Identity, BTreeSet<Subject>>,
    inside: BTreeMap<Identity, BTreeSet<Identity>>,
}

impl<'p, 'a> Members<'p, 'a> {
    pub(super) fn new(live: &'p People<'a>, planned: &'p People<'a>) -> Self {
        Self { live, planned, known: BTreeMap::new(), inside: BTreeMap::new() }
    }

    /// The groups in a group before or after, and itself.
    pub(super) fn groups_in(&mut self, group: &Identity) -> &BTreeSet<Identity> {
        let (live, planned) = (self.live, self.planned);
        let inside = self.inside.entry(group.clone());
        inside.or_insert_with(|| &live.groups_in(group) | &planned.groups_in(group))
    }

    /// Whoever is in a group before or after, and the groups on the way of which nobody knows who is in them.
    fn of(&mut self, group: &Identity) -> &BTreeSet<Subject> {
        let (live, planned) = (self.live, self.planned);
        self.known.entry(group.clone()).or_insert_with(|| {
            let mut subjects = BTreeSet::new();
            for people in [live, planned] {
                // Before it is made or after it is deleted there is nobody in it.
                if people.group(group).is_none() && [live, planned].iter().any(|other| other.group(group).is_some()) {
                    continue;
                }
                let (everybody, unread) = people.everybody_in(group);
                subjects.extend(everybody.into_iter().map(Subject::Somebody));
                subjects.extend(unread.into_iter().map(Subject::Group));
            }
            subjects
        })
    }
}

/// Whom changes of memberships reach.
pub(super) fn by_membership(changes: &[&Change], edges: &Edges, members: &mut Members<'_, '_>) -> BTreeSet<Subject> {
    let mut reached = BTreeSet::new();
    for (_, member) in edges.added.iter().chain(&edges.removed) {
        match member {
            Node::Person(who) => drop(reached.insert(Subject::Somebody(who.clone()))),
            Node::Group(group) => reached.extend(members.of(group).iter().cloned()),
        }
    }
    for group in edges.deleted.iter().chain(&edges.restored).chain(&edges.spared) {
        reached.extend(members.of(group).iter().cloned());
    }
    for group in renamed(changes) {
        reached.extend(members.of(group).iter().cloned());
    }
    reached
}

/// The groups that get another display name.
pub(super) fn renamed<'a>(changes: &[&'a Change]) -> impl Iterator<Item = &'a Identity> {
    changes.iter().filter_map(|change| match (&change.address, &change.operation) {
        (Address::Group(_), Operation::Update { before: Resource::Group(before), after: Resource::Group(after) }) => {
            (before.display_name != after.display_name).then_some(&after.id)
        }
        _ => None,
    })
}

/// The same subject of the same binding with the same rules is untouched.
type Given<'r> = BTreeMap<(Option<&'r Namespace>, &'r str), (&'r Binding, Option<&'r [state::PolicyRule]>)>;

/// Whom changes on a cluster reach: the subjects of every binding that comes, goes or gives something else; and the groups
/// among them.
pub(super) fn by_rights(
    before: &Snapshot<'_>,
    after: &Snapshot<'_>,
    tokens: &TokenNaming,
    members: &mut Members<'_, '_>,
) -> (BTreeSet<Subject>, BTreeSet<Identity>) {
    let (before, after) = (before.rbac(), after.rbac());
    let (old, new) = (by_name(&before), by_name(&after));
    let mut touched: BTreeSet<(Option<&Namespace>, &state::Subject)> = BTreeSet::new();
    for at in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let subjects: BTreeSet<&state::Subject> = match (old.get(at), new.get(at)) {
            (Some((one, is)), Some((other, becomes))) if one.role != other.role || is != becomes => {
                one.subjects.iter().chain(&other.subjects).collect()
            }
            (Some((one, _)), Some((other, _))) => {
                let (one, other): (BTreeSet<_>, BTreeSet<_>) =
                    (one.subjects.iter().collect(), other.subjects.iter().collect());
                one.symmetric_difference(&other).copied().collect()
            }
            (Some((binding, _)), None) | (None, Some((binding, _))) => binding.subjects.iter().collect(),
            (None, None) => BTreeSet::new(),
        };
        touched.extend(subjects.into_iter().map(|subject| (at.0, subject)));
    }
    let (mut reached, mut bound) = (BTreeSet::new(), BTreeSet::new());
    for (namespace, subject) in touched {
        bound.extend(subjects(subject, namespace, tokens, members, &mut reached));
    }
    (reached, bound)
}

fn by_name<'r>(rbac: &crate::access::Rbac<'r>) -> Given<'r> {
    let bindings = rbac.bindings().iter();
    bindings
        .map(|binding| ((binding.namespace.as_ref(), binding.name.as_str()), (*binding, rbac.rules(binding))))
        .collect()
}

/// Adds whom a subject of a binding in this place stands for, and says which groups those are.
fn subjects(
    subject: &state::Subject,
    namespace: Option<&Namespace>,
    tokens: &TokenNaming,
    members: &mut Members<'_, '_>,
    reached: &mut BTreeSet<Subject>,
) -> BTreeSet<Identity> {
    let Some(holder) = Holder::of(subject, namespace) else { return BTreeSet::new() };
    if let Some((namespace, name)) = holder.service_account() {
        reached.insert(Subject::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() });
        return BTreeSet::new();
    }
    match holder {
        Holder::Group(name) => {
            let called = |people: &People<'_>| -> Vec<Identity> {
                people.called(name, tokens).map(|group| group.id.clone()).collect()
            };
            let groups: BTreeSet<Identity> = called(members.live).into_iter().chain(called(members.planned)).collect();
            if groups.is_empty() {
                reached.extend(unknown_group(name, tokens));
            }
            for group in &groups {
                reached.extend(members.of(group).iter().cloned());
            }
            groups
        }
        Holder::User(name) => {
            let meant = subject.principal.as_ref().and_then(|meant| members.planned.find(meant));
            let who = match meant {
                Some(Node::Person(who)) => Some(who),
                Some(Node::Group(_)) | None => members.planned.user_called(&name, tokens),
            };
            reached.insert(who.map_or_else(|| Subject::User(name.into_owned()), Subject::Somebody));
            BTreeSet::new()
        }
    }
}

/// A group that is bound and that nobody knows.
fn unknown_group(name: &SubjectName, tokens: &TokenNaming) -> Option<Subject> {
    let SubjectName::Known(name) = name else { return None };
    let bare = name.strip_prefix(&tokens.groups_prefix).filter(|_| tokens.groups == GroupNaming::ObjectId);
    let id = bare.and_then(|bare| bare.parse().ok());
    Some(id.map_or_else(|| Subject::Named(name.clone()), |id| Subject::Group(Identity::Known(id))))
}
