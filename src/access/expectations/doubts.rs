//! What may be given to somebody, for all that is known.

use std::cell::{Cell, OnceCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use foldhash::fast::RandomState;

use super::Why;
use super::whom::Whom;
use super::world::{World, role_words};
use crate::access::people::{Group, Node};
use crate::state::{
    Binding, GroupNaming, GroupsClaim, Identity, Inside, Namespace, ObjectId, Origin, PolicyRule, Request, ScopeTarget,
    Subject, SubjectKind, SubjectName,
};

/// How many reasons are named for not knowing.
const NAMED: usize = 4;

/// What may be given to one person on one environment: found when it is first asked for, and once.
#[derive(Default)]
pub(super) struct Doubts<'w> {
    all: OnceCell<Vec<Doubt<'w>>>,
}

/// Bindings that may reach somebody and that give the same rules in the same place.
pub(super) struct Doubt<'w> {
    /// The rules; `None` where nobody knows them.
    rules: Option<&'w [PolicyRule]>,
    place: Place,
    /// Why it is not certain; of a place that labels select, those labels.
    reasons: BTreeSet<Why>,
    /// What would have to be read to know.
    unread: Vec<Rc<Unread>>,
}

/// Groups that would have to be read. One group may hold very many of them and be bound in very many places, so that all of
/// its bindings have these in common.
struct Unread {
    groups: BTreeSet<Identity>,
    /// Whether one of them was to be read and could not be.
    is_unreadable: bool,
    /// Whether any answer depended on it.
    counts: Cell<bool>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Place {
    Cluster,
    Namespace(Namespace),
    /// Whichever namespaces have these labels.
    Labels(String),
}

/// A reason, and what would have to be read to know; nothing that Entra knows where there is none.
type Reason = (Why, Option<Rc<Unread>>);

/// Why somebody may be in a group, by its name.
type OfGroups = HashMap<SubjectName, Option<Reason>, RandomState>;

/// What is not known, and whether that is because something could not be read.
#[derive(Default)]
pub(super) struct Unsure {
    pub(super) reasons: Vec<Why>,
    pub(super) is_unreadable: bool,
}

impl Place {
    fn reaches(&self, namespace: Option<&Namespace>) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespace(own) => namespace == Some(own),
            Self::Labels(_) => namespace.is_some_and(is_selectable),
        }
    }
}

/// Labels select neither `default` nor `kube-*`.
fn is_selectable(name: &Namespace) -> bool {
    name.as_str() != "default" && !name.as_str().starts_with("kube-")
}

impl<'w> World<'w, '_> {
    /// What may allow it for all that is known, by rules of which this is so.
    pub(super) fn doubts(
        &self,
        whom: &Whom<'_>,
        doubts: &Doubts<'w>,
        request: &Request,
        gives: impl Fn(&PolicyRule, &Request) -> bool,
    ) -> Unsure {
        let all = doubts.all.get_or_init(|| self.possible(whom));
        let concerns = |doubt: &&Doubt<'w>| {
            doubt.place.reaches(request.namespace())
                && doubt.rules.is_none_or(|rules| rules.iter().any(|rule| gives(rule, request)))
        };
        self.say(all.iter().filter(concerns), request.namespace())
    }

    /// The same of whatever lies beyond a list: `is_beyond` tells it of rules in a place.
    pub(super) fn doubts_beyond(
        &self,
        whom: &Whom<'_>,
        doubts: &Doubts<'w>,
        is_beyond: impl Fn(&[PolicyRule], Option<&Namespace>) -> bool,
    ) -> Unsure {
        // One that the list does not name stands for whichever has the labels.
        let some_namespace = "some-namespace".parse::<Namespace>().ok();
        let all = doubts.all.get_or_init(|| self.possible(whom));
        let concerns = |doubt: &&Doubt<'w>| {
            let place = match &doubt.place {
                Place::Cluster => None,
                Place::Namespace(namespace) => Some(namespace),
                Place::Labels(_) => some_namespace.as_ref(),
            };
            doubt.rules.is_none_or(|rules| is_beyond(rules, place))
        };
        self.say(all.iter().filter(concerns), None)
    }

    fn say<'d>(&self, doubts: impl Iterator<Item = &'d Doubt<'w>>, namespace: Option<&Namespace>) -> Unsure
    where
        'w: 'd,
    {
        let mut unsure = Unsure::default();
        let (mut named, mut is_more) = (BTreeSet::new(), false);
        for doubt in doubts {
            for unread in &doubt.unread {
                unsure.is_unreadable |= unread.is_unreadable;
                if !unread.counts.replace(true) {
                    self.wanted.borrow_mut().extend(unread.groups.iter().cloned());
                }
            }
            for why in &doubt.reasons {
                let why = match &doubt.place {
                    Place::Labels(labels) => Why { text: by_labels(labels, namespace), lines: why.lines.clone() },
                    Place::Cluster | Place::Namespace(_) => why.clone(),
                };
                if named.len() < NAMED {
                    named.insert(why);
                } else if !named.contains(&why) {
                    is_more = true;
                    break;
                }
            }
        }
        unsure.reasons.extend(named);
        if is_more {
            unsure.reasons.push(Why { text: "and others like these".to_owned(), lines: Vec::new() });
        }
        unsure
    }

    /// Every binding that may reach them.
    fn possible(&self, whom: &Whom<'_>) -> Vec<Doubt<'w>> {
        let mut found = Found::default();
        let mut of_groups = OfGroups::default();
        for binding in self.rbac.bindings().iter().copied() {
            let rules = self.rbac.rules(binding);
            let unknown = rules.is_none() && self.unknown.contains(&binding.role);
            if rules.is_none() && !unknown {
                continue;
            }
            let place = binding.namespace.clone().map_or(Place::Cluster, Place::Namespace);
            for subject in &binding.subjects {
                let reason = if whom.caller.is(subject, binding.namespace.as_ref()) {
                    unknown.then(|| (self.unknown_rules(binding), None))
                } else if subject.kind == SubjectKind::Group {
                    self.maybe(whom, &subject.name, &mut of_groups)
                } else {
                    None
                };
                if let Some(reason) = reason {
                    found.add(rules, &place, reason);
                }
            }
        }
        for asked in self.selected {
            let (kind, name) = match self.people.find(&asked.subject) {
                Some(Node::Group(id)) => {
                    let Some(name) = self.people.name_of(&id, &self.environment.tokens) else { continue };
                    (SubjectKind::Group, name)
                }
                Some(Node::Person(who)) => {
                    let token = self.people.token(&who, &BTreeMap::new(), self.environment);
                    (SubjectKind::User, SubjectName::Known(token.caller.user))
                }
                None => continue,
            };
            let subject = Subject { kind, name, namespace: None, principal: None };
            let unread = if whom.caller.is(&subject, None) {
                None
            } else if subject.kind == SubjectKind::Group
                && let Some((_, unread)) = self.maybe(whom, &subject.name, &mut of_groups)
            {
                unread
            } else {
                continue;
            };
            let ScopeTarget::Selector(labels) = &asked.scope else { continue };
            let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            let role = Binding {
                namespace: None,
                name: String::new(),
                role: asked.role.reference.clone(),
                subjects: Vec::new(),
            };
            let why = Why { text: String::new(), lines: vec![asked.origin.clone()] };
            found.add(self.rbac.rules(&role), &Place::Labels(labels.join(", ")), (why, unread));
        }
        found.doubts
    }

    fn unknown_rules(&self, binding: &Binding) -> Why {
        let lines = self.grant(&binding.name).map(|asked| asked.origin.clone()).into_iter().collect();
        Why { text: format!("which rules {} has is only on the cluster", role_words(&binding.role)), lines }
    }

    /// Why somebody may be this group's member although nobody knows: found once a group.
    fn maybe(&self, whom: &Whom<'_>, name: &SubjectName, known: &mut OfGroups) -> Option<Reason> {
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        let found = self.look(whom, name).map(|(why, groups)| {
            let is_unreadable = groups.iter().any(|group| self.is_unreadable(group));
            let unread = Unread { groups, is_unreadable, counts: Cell::new(false) };
            (why, Some(Rc::new(unread)))
        });
        known.insert(name.clone(), found.clone());
        found
    }

    fn look(&self, whom: &Whom<'_>, name: &SubjectName) -> Option<(Why, BTreeSet<Identity>)> {
        if whom.without_groups.is_some() {
            return None;
        }
        let tokens = &self.environment.tokens;
        let mut groups = self.people.called(name, tokens).peekable();
        if groups.peek().is_none() {
            // Only what looks like a group of the tenant can be in one of its tokens.
            let SubjectName::Known(name) = name else { return None };
            let bare = name.strip_prefix(&tokens.groups_prefix)?;
            let id = bare.parse::<ObjectId>().ok().map(Identity::Known);
            let (called, id) = match tokens.groups {
                GroupNaming::ObjectId => (bare.to_owned(), Some(id.filter(|id| !self.people.is_gone(id))?)),
                GroupNaming::DisplayName if name.starts_with("system:") => return None,
                GroupNaming::DisplayName => (format!("{bare:?}"), None),
            };
            let text = format!("whether they are in group {called}, which no file names, was not read");
            return Some((Why { text, lines: Vec::new() }, id.into_iter().collect()));
        }
        groups.find_map(|group| self.may_be_in(whom, group))
    }

    fn may_be_in(&self, whom: &Whom<'_>, group: &Group<'_>) -> Option<(Why, BTreeSet<Identity>)> {
        if whom.group.as_ref() == Some(&group.id) {
            return None;
        }
        let unread: BTreeSet<Identity> = match self.environment.tokens.claim {
            GroupsClaim::SecurityGroups => self.people.unread_in(&group.id),
            GroupsClaim::AssignedGroups => group.unread.iter().map(|_| group.id.clone()).collect(),
        };
        let of = unread.first()?;
        let reason = self
            .people
            .group(of)
            .and_then(|of| of.unread.clone())
            .unwrap_or_else(|| "its members were not read".to_owned());
        let name = self.group_name(&group.id);
        let text = if *of == group.id {
            format!("whether they are in group {name} is not known: {reason}")
        } else {
            format!("whether they are in group {name} is not known, because of {} in it: {reason}", self.group_name(of))
        };
        let lines: Vec<Origin> = group.block.map(|block| block.origin.clone()).into_iter().collect();
        Some((Why { text, lines }, unread))
    }

    /// Whether somebody asked who is in this group and got no answer.
    fn is_unreadable(&self, group: &Identity) -> bool {
        let id = group.known();
        let inside = id.zip(self.answers).and_then(|(id, answers)| answers.inside.get(&id));
        matches!(inside, Some(Inside::Unreadable(_)))
    }
}

/// Where rules lie and how many they are: the same rules are the same slice.
type Slice = (usize, usize);

/// Doubts, those that give the same in the same place as one.
#[derive(Default)]
struct Found<'w> {
    doubts: Vec<Doubt<'w>>,
    positions: HashMap<(Option<Slice>, Place), usize, RandomState>,
}

impl<'w> Found<'w> {
    fn add(&mut self, rules: Option<&'w [PolicyRule]>, place: &Place, (why, unread): Reason) {
        let at = *self
            .positions
            .entry((rules.map(|rules| (rules.as_ptr().addr(), rules.len())), place.clone()))
            .or_insert(self.doubts.len());
        if at == self.doubts.len() {
            self.doubts.push(Doubt { rules, place: place.clone(), reasons: BTreeSet::new(), unread: Vec::new() });
        }
        let Some(doubt) = self.doubts.get_mut(at) else { return };
        doubt.unread.extend(unread);
        doubt.reasons.insert(why);
    }
}

fn by_labels(labels: &str, namespace: Option<&Namespace>) -> String {
    match namespace {
        Some(name) => {
            format!("whether {name} has the labels {labels}, by which a grant selects, is only on the cluster")
        }
        None => format!("which namespaces have the labels {labels}, by which a grant selects, is only on the cluster"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::path::PathBuf;

    use super::*;
    use crate::access::Rbac;
    use crate::access::expectations::whom::everybody;
    use crate::access::people::People;
    use crate::config::{File, read};
    use crate::state::{RoleKind, RoleRef};

    const ALL: usize = 60;

    /// A group with many in it of which nobody knows who is in them, bound in as many places.
    #[test]
    fn what_is_to_be_read_is_found_once_however_often_a_group_is_bound() {
        let inner: Vec<String> = (0..ALL).map(|at| format!("6b1c2d3e-0000-4000-8000-{at:012x}")).collect();
        let blocks: Vec<String> =
            inner.iter().enumerate().map(|(at, id)| format!("  g{at}: {{ id: {id} }}\n")).collect();
        let blocks = blocks.concat();
        let members: Vec<String> = (0..ALL).map(|at| format!("{{ group: g{at} }}")).collect();
        let text = format!(
            "version: 1\nname: contoso\ntenant: {{ id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }}
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]\nenvironments:\n  alpha: {{ type: k3s }}
groups:\n{blocks}  outer: {{ members: [{}] }}
roles:\n  view: {{ cluster-role: view }}
grants:\n  - {{ groups: [outer], roles: [view], environments: [alpha], cluster-wide: true }}
expectations:\n  - {{ user: hayden@contoso.com, environments: [alpha], cannot: [list pods in trinity] }}\n",
            members.join(", ")
        );
        let loaded = read(PathBuf::from("/access"), vec![File::new("rolecall.yaml", Ok(text.into_bytes()))]);
        assert_eq!(loaded.findings, vec![]);
        let desired = crate::desired::compile(&loaded.config.unwrap(), &loaded.sources);
        let people = People::asked(&desired);
        let outer = SubjectName::AfterApply { prefix: String::new(), group: "outer".parse().unwrap() };
        let bindings: Vec<Binding> = (0..ALL)
            .map(|at| Binding {
                namespace: Some(format!("n{at}").parse().unwrap()),
                name: "outer".to_owned(),
                role: RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() },
                subjects: vec![Subject {
                    kind: SubjectKind::Group,
                    name: outer.clone(),
                    namespace: None,
                    principal: None,
                }],
            })
            .collect();
        let rbac = Rbac::new(&[], &bindings);
        let (environment, unknown) =
            (desired.environments.values().next().unwrap(), bindings.iter().map(|each| each.role.clone()).collect());
        let world = World::new(&desired, environment, &people, &rbac, &[], &unknown);
        let everybody = everybody(&desired, &people);
        let whom = everybody.get(&desired.expectations[0].who, &people, environment).ok().unwrap();
        let possible = world.possible(&whom);
        assert_eq!(possible.len(), ALL);
        let first = &possible[0].unread[0];
        assert_eq!(first.groups.len(), ALL);
        assert!(possible.iter().all(|doubt| matches!(&*doubt.unread, [one] if Rc::ptr_eq(one, first))));
    }
}
