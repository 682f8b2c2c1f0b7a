//! What groups are given on one cluster while a plan is carried out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use foldhash::fast::RandomState;

use super::roles::{Place, Roles, place_of};
use super::ways::{Step, Ways};
use crate::plan::aggregation::{Effect, Impact, impacts};
use crate::plan::parts::Part;
use crate::plan::reach::Node;
use crate::plan::resolve::Directory;
use crate::state::{
    Address, Binding, Change, EnvironmentName, GroupKey, GroupNaming, Namespace, PolicyRule, Resource, Subject,
    SubjectKind, SubjectName,
};

/// A group, and a binding that names it at the start or at the end.
pub(super) struct Bound<'a> {
    pub(super) group: Node<'a>,
    pub(super) namespace: Option<&'a Namespace>,
    pub(super) step: Step<'a>,
    /// What its role gives at the start, and at the end.
    pub(super) rules: [&'a [PolicyRule]; 2],
    /// The changes of roles by which it comes to give more, and less.
    pub(super) widened: Vec<&'a Change>,
    pub(super) narrowed: Vec<&'a Change>,
    /// For one that is there neither at the start nor at the end: the group gets a name that is bound until this change is made.
    pub(super) until: Option<&'a Address>,
}

/// One cluster, and what changes on it.
pub(super) struct Cluster<'a> {
    pub(super) name: &'a EnvironmentName,
    part: Part<'a>,
    directory: &'a Directory<'a>,
    bindings: BTreeMap<(Option<&'a Namespace>, &'a str), &'a Change>,
    roles: &'a Roles<'a>,
    /// What reaches the bindings of each role, and with what effect.
    reached: HashMap<Place<'a>, [Vec<&'a Change>; 2], RandomState>,
}

impl<'a> Cluster<'a> {
    pub(super) fn new(
        name: &'a EnvironmentName,
        part: Part<'a>,
        directory: &'a Directory<'a>,
        changes: &[&'a Change],
        roles: &'a Roles<'a>,
    ) -> Self {
        let binding = |change: &'a Change| match change.before().or(change.after())? {
            Resource::Binding(binding) => Some(((binding.namespace.as_ref(), binding.name.as_str()), change)),
            Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_) => None,
        };
        let impacts = impacts(name, part, changes);
        let live = part.cluster.bindings.iter().map(|live| &live.binding);
        let touched = changes.iter().flat_map(|change| [binding_in(change.before()), binding_in(change.after())]);
        let mut reached = HashMap::<_, _, RandomState>::default();
        for binding in live.chain(touched.flatten()).filter(|_| !impacts.is_empty()) {
            reached
                .entry(place_of(binding))
                .or_insert_with(|| [Effect::Widens, Effect::Narrows].map(|effect| by(effect, &impacts, binding)));
        }
        Self {
            name,
            part,
            directory,
            bindings: changes.iter().filter_map(|change| binding(change)).collect(),
            roles,
            reached,
        }
    }

    /// Whatever is given to these groups, or changes.
    pub(super) fn bound(&self, groups: &BTreeSet<Node<'a>>, ways: &Ways<'a>) -> Vec<Bound<'a>> {
        let names = self.names(groups, ways);
        let live = self.part.cluster.bindings.iter().map(|live| {
            let binding = &live.binding;
            let change = self.bindings.get(&(binding.namespace.as_ref(), binding.name.as_str())).copied();
            (Some(binding), change)
        });
        let made = self.bindings.values().filter(|change| change.before().is_none());
        let made = made.map(|change| (None, Some(*change)));
        let mut bound = Vec::new();
        for (before, change) in live.chain(made) {
            let after = change.map_or(before, |change| binding_in(change.after()));
            let Some(one) = after.or(before) else { continue };
            let is_named =
                |subject: &Subject| matches!(&subject.name, SubjectName::Known(name) if names.contains(name));
            let concerns = change.is_some()
                || self.reaching(one).iter().any(|changes| !changes.is_empty())
                || one.subjects.iter().any(is_named);
            if concerns {
                self.pair(before, after, change, ways, &mut bound);
            }
        }
        bound
    }

    /// How this cluster calls groups, at the start and at the end.
    fn names(&self, groups: &BTreeSet<Node<'a>>, ways: &Ways<'a>) -> HashSet<String, RandomState> {
        let tokens = &self.part.desired.tokens;
        let mut names = HashSet::default();
        for group in groups {
            let live = match group {
                Node::Known(key) => self.directory.live(key),
                Node::Foreign(_) => None,
            };
            let mut add = |name: &str| {
                names.insert(format!("{}{name}", tokens.groups_prefix));
            };
            match (tokens.groups, group) {
                (GroupNaming::ObjectId, Node::Foreign(id)) => add(&id.to_string()),
                (GroupNaming::ObjectId, Node::Known(_)) => {
                    live.map(|live| live.id.to_string()).into_iter().for_each(|id| add(&id));
                }
                (GroupNaming::DisplayName, Node::Foreign(id)) => ways.nesting.name(*id).into_iter().for_each(add),
                (GroupNaming::DisplayName, Node::Known(key)) => {
                    let finally = self.directory.final_name(key);
                    live.map(|live| live.display_name.as_str()).into_iter().chain(finally).for_each(add);
                }
            }
        }
        names
    }

    fn pair(
        &self,
        before: Option<&'a Binding>,
        after: Option<&'a Binding>,
        change: Option<&'a Change>,
        ways: &Ways<'a>,
        bound: &mut Vec<Bound<'a>>,
    ) {
        let Some(one) = after.or(before) else { return };
        let groups = |binding: Option<&'a Binding>, at_end| -> BTreeSet<Node<'a>> {
            let subjects = binding.into_iter().flat_map(|binding| &binding.subjects);
            subjects.flat_map(|subject| self.called(subject, at_end, ways)).collect()
        };
        let (start, end) = (groups(before, false), groups(after, true));
        // What each of the two would name at the other time.
        let (kept, early) = (groups(before, true), groups(after, false));
        let passing: BTreeSet<Node<'a>> =
            kept.iter().filter(|group| !start.contains(group) && !end.contains(group)).copied().collect();
        let rules = [self.roles.given_by(before.unwrap_or(one))[0], self.roles.given_by(one)[1]];
        let [widened, narrowed] = self.reaching(one);
        for group in start.union(&end).chain(&passing) {
            // What does not come or go by the binding does by the name of the group.
            let by_name = || {
                let named = [&ways.renamed, &ways.deleted, &ways.created];
                named.into_iter().find_map(|changes| changes.get(group)).copied()
            };
            let by_binding = || change.map(|change| &change.address);
            let step = match (start.contains(group), end.contains(group)) {
                (true, true) => Some(Step::Stays),
                (true, false) if early.contains(group) => by_name().map(Step::Goes),
                (true, false) => by_binding().or_else(by_name).map(Step::Goes),
                (false, _) if kept.contains(group) => by_name().map(Step::Comes),
                (false, _) => by_binding().or_else(by_name).map(Step::Comes),
            };
            bound.extend(step.map(|step| Bound {
                group: *group,
                namespace: one.namespace.as_ref(),
                step,
                rules,
                widened: widened.clone(),
                narrowed: narrowed.clone(),
                until: change.map(|change| &change.address).filter(|_| passing.contains(group)),
            }));
        }
    }

    /// The changes of roles by which a binding comes to give more, and less.
    pub(super) fn reaching(&self, binding: &Binding) -> [Vec<&'a Change>; 2] {
        self.reached.get(&place_of(binding)).cloned().unwrap_or_default()
    }

    /// The groups that a subject stands for at the start, or at the end.
    fn called(&self, subject: &Subject, at_end: bool, ways: &Ways<'a>) -> Vec<Node<'a>> {
        let tokens = &self.part.desired.tokens;
        let mut called = ways.nesting.others_called(self.directory, tokens, subject);
        let is_renamed = |key: &&'a GroupKey| ways.renamed.contains_key(&Node::Known(key));
        let is_deleted = |key: &&'a GroupKey| ways.deleted.contains_key(&Node::Known(key));
        let now = self.directory.groups_called(tokens, subject);
        if tokens.groups == GroupNaming::ObjectId || !at_end {
            called.extend(now.into_iter().map(Node::Known));
            return called;
        }
        // A renaming or a deletion that is held back changes nothing.
        let kept = now.into_iter().filter(|key| !is_renamed(key) && !is_deleted(key));
        let then = self.directory.groups_finally_called(tokens, subject).into_iter();
        let then = then.filter(|key| self.directory.live(key).is_none() || is_renamed(key));
        called.extend(kept.chain(then).map(Node::Known));
        called
    }

    /// The changed bindings that no longer name somebody who is no group that we know, and what they were bound to.
    pub(super) fn let_go(&self, ways: &Ways<'a>) -> Vec<(&'a Address, &'a Subject, &'a Binding)> {
        self.named_once(ways, |change| (binding_in(change.before()), binding_in(change.after())))
    }

    /// The changed bindings that come to name somebody who is no group that we know, and what they are bound to.
    pub(super) fn taken_on(&self, ways: &Ways<'a>) -> Vec<(&'a Address, &'a Subject, &'a Binding)> {
        self.named_once(ways, |change| (binding_in(change.after()), binding_in(change.before())))
    }

    /// Whom the first of the two names and the second does not.
    fn named_once(
        &self,
        ways: &Ways<'a>,
        of: impl Fn(&'a Change) -> (Option<&'a Binding>, Option<&'a Binding>),
    ) -> Vec<(&'a Address, &'a Subject, &'a Binding)> {
        let mut named = Vec::new();
        for change in self.bindings.values().copied() {
            let (one, other) = of(change);
            let is_in_both = |subject: &Subject| {
                other.is_some_and(|other| other.subjects.iter().any(|other| other.is_same(subject)))
            };
            let is_known =
                |subject: &Subject| subject.kind == SubjectKind::Group && !self.called(subject, false, ways).is_empty();
            if let Some(one) = one {
                let alone = one.subjects.iter().filter(|subject| !is_in_both(subject) && !is_known(subject));
                named.extend(alone.map(|subject| (&change.address, subject, one)));
            }
        }
        named
    }

    /// What a binding gives before any role changes.
    pub(super) fn gives_now(&self, binding: &Binding) -> &'a [PolicyRule] {
        self.roles.given_by(binding)[0]
    }

    /// What is given to somebody by name at the end.
    pub(super) fn given_to(&self, subject: &Subject) -> Vec<(Option<&'a Namespace>, &'a [PolicyRule])> {
        let live = self.part.cluster.bindings.iter().map(|live| &live.binding);
        let is_kept =
            |binding: &&Binding| !self.bindings.contains_key(&(binding.namespace.as_ref(), binding.name.as_str()));
        let made = self.bindings.values().filter_map(|change| binding_in(change.after()));
        let names = |binding: &&Binding| binding.subjects.iter().any(|other| other.is_same(subject));
        let given = live.filter(is_kept).chain(made).filter(names);
        given.map(|binding| (binding.namespace.as_ref(), self.roles.given_by(binding)[1])).collect()
    }
}

fn by<'a>(effect: Effect, impacts: &[Impact<'a>], binding: &Binding) -> Vec<&'a Change> {
    let impacts = impacts.iter().filter(|impact| impact.effect == effect && impact.reaches(binding));
    impacts.map(|impact| impact.change).collect()
}

fn binding_in(resource: Option<&Resource>) -> Option<&Binding> {
    match resource? {
        Resource::Binding(binding) => Some(binding),
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_) => None,
    }
}
