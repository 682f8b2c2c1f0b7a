//! What is given on one environment, and what may be.

use std::collections::{BTreeMap, BTreeSet};

use super::Why;
use super::whom::Whom;
use crate::access::people::{Group, Node, People, Step, WithoutGroups};
use crate::access::rbac::allows;
use crate::access::{Grant, Rbac};
use crate::state::{
    Binding, Desired, DesiredBinding, DesiredEnvironment, GroupNaming, GroupsClaim, Identity, Namespace, ObjectId,
    Origin, PolicyRule, Request, RoleKind, RoleRef, ScopeTarget, Subject, SubjectKind, SubjectName, mark,
};

/// How many grants are named that do not give what is missing.
const NAMED: usize = 3;

/// One environment.
pub(super) struct World<'w, 'p> {
    pub(super) desired: &'w Desired,
    pub(super) environment: &'w DesiredEnvironment,
    pub(super) people: &'w People<'p>,
    pub(super) rbac: &'w Rbac<'w>,
    /// Grants in namespaces that nobody knows here.
    selected: &'w [&'w DesiredBinding],
    /// Roles of which nobody knows the rules here.
    unknown: &'w BTreeSet<RoleRef>,
    /// The grants by the names of their bindings.
    grants: BTreeMap<String, &'w DesiredBinding>,
}

/// Where a grant by labels is looked at.
#[derive(Clone, Copy)]
pub(super) enum Reach<'n> {
    /// In this namespace, or on the whole cluster, where labels select nothing.
    At(Option<&'n Namespace>),
    /// In whichever namespace has the labels.
    Anywhere,
}

/// A binding that may reach somebody, and why that is not certain.
pub(super) struct Possible<'w> {
    /// The rules that it gives; `None` where nobody knows.
    pub(super) rules: Option<&'w [PolicyRule]>,
    /// Where it would hold; `None` is the whole cluster, or some namespace that nobody knows.
    pub(super) namespace: Option<Namespace>,
    /// Whether labels say where that is.
    pub(super) selected: bool,
    pub(super) why: Why,
}

impl<'w, 'p> World<'w, 'p> {
    pub(super) fn new(
        desired: &'w Desired,
        environment: &'w DesiredEnvironment,
        people: &'w People<'p>,
        rbac: &'w Rbac<'w>,
        selected: &'w [&'w DesiredBinding],
        unknown: &'w BTreeSet<RoleRef>,
    ) -> Self {
        let name = |binding: &DesiredBinding| {
            let DesiredBinding { subject, role, scope, .. } = binding;
            mark::binding_name(&desired.config, subject, &role.key, &role.reference, scope)
        };
        let grants = environment.bindings.iter().map(|binding| (name(binding), binding)).collect();
        Self { desired, environment, people, rbac, selected, unknown, grants }
    }

    pub(super) fn is_allowed(&self, whom: &Whom<'_>, request: &Request) -> bool {
        self.rbac.allows(&whom.caller, request)
    }

    /// Everything that allows it.
    pub(super) fn giving(&self, whom: &Whom<'_>, request: &Request) -> Vec<Why> {
        let reaching = self.rbac.reaching(&whom.caller, request.namespace());
        let giving = reaching.filter(|grant| grant.allows(request).is_some());
        let mut giving: Vec<Why> = giving.map(|grant| self.given(whom, &grant)).collect();
        if whom.caller.is_superuser() {
            let text = "they are in system:masters, who may do anything".to_owned();
            giving.insert(0, Why { text, lines: Vec::new() });
        }
        giving
    }

    /// What they have instead of what they lack.
    pub(super) fn lacking(&self, whom: &Whom<'_>, request: &Request) -> Vec<Why> {
        let mut lacking = Vec::new();
        if let Some(why) = whom.without_groups {
            let text = match why {
                WithoutGroups::Application => {
                    "tokens of apps carry no groups, so that no group gives them anything".to_owned()
                }
                WithoutGroups::Overage(count) => {
                    format!("they are in {count} groups, and a token carries none at all when there are more than 200")
                }
            };
            lacking.push(Why { text, lines: Vec::new() });
        }
        let of_files =
            |grant: &Grant<'_>| !matches!(&grant.subject.name, SubjectName::Known(name) if name.starts_with("system:"));
        let mut given: Vec<Grant<'_>> = self.rbac.given(&whom.caller).filter(of_files).collect();
        // What gives the same elsewhere comes first.
        given.sort_by_key(|grant| grant.allows(request).is_none());
        let more = given.len().saturating_sub(NAMED);
        for grant in given.iter().take(NAMED) {
            let missing = if grant.rules.is_none() { ", a role that is not there" } else { "" };
            let Why { text, lines } = self.given(whom, grant);
            lacking.push(Why { text: format!("they only have {text}{missing}"), lines });
        }
        if more > 0 {
            lacking.push(Why { text: format!("and {more} more that do not give it"), lines: Vec::new() });
        }
        if lacking.is_empty() {
            let text = if whom.groups.is_empty() {
                "they are in no group, and nothing is granted to them"
            } else {
                "nothing is granted to them"
            };
            lacking.push(Why { text: text.to_owned(), lines: Vec::new() });
        }
        lacking
    }

    /// What a binding gives, and through what it reaches them.
    pub(super) fn given(&self, whom: &Whom<'_>, grant: &Grant<'_>) -> Why {
        let binding = grant.binding;
        let mut lines: Vec<Origin> = Vec::new();
        let asked = self.grants.get(&binding.name).filter(|asked| match &asked.scope {
            ScopeTarget::Cluster => binding.namespace.is_none(),
            ScopeTarget::Namespace(namespace) => binding.namespace.as_ref() == Some(namespace),
            ScopeTarget::Selector(_) => binding.namespace.is_some(),
        });
        lines.extend(asked.map(|asked| asked.origin.clone()));
        let through = self.through(whom, grant.subject, &mut lines);
        let mut text = format!("{} {}", role_words(&binding.role), place_words(binding.namespace.as_ref()));
        if !through.is_empty() {
            text = format!("{text} through {through}");
        }
        if asked.is_none() {
            let own = match &binding.namespace {
                Some(namespace) => format!("rolebinding {namespace}/{}", binding.name),
                None => format!("clusterrolebinding {}", binding.name),
            };
            text = format!("{text} ({own}, which no file asks for)");
        }
        Why { text, lines }
    }

    /// The groups on the way from somebody to a subject.
    fn through(&self, whom: &Whom<'_>, subject: &Subject, lines: &mut Vec<Origin>) -> String {
        if subject.kind != SubjectKind::Group {
            return String::new();
        }
        let carried = whom.groups.iter().find(|(_, name)| **name == subject.name).map(|(id, _)| id);
        let Some(id) = carried else {
            let SubjectName::Known(name) = &subject.name else { return "a group".to_owned() };
            return format!("group {name}");
        };
        let steps: &[Step<'_>] = whom.ways.and_then(|ways| ways.get(id)).map_or(&[], Vec::as_slice);
        lines.extend(steps.iter().filter_map(|step| step.origin.cloned()));
        let names: Vec<String> = steps.iter().map(|step| self.group_name(&step.group)).collect();
        match names.as_slice() {
            [] => format!("group {}", self.group_name(id)),
            [one] => format!("group {one}"),
            [..] => format!("groups {}", names.join(" in ")),
        }
    }

    pub(super) fn group_name(&self, id: &Identity) -> String {
        group_name(self.people, id)
    }

    /// What may allow it for all that is known.
    pub(super) fn doubts(&self, whom: &Whom<'_>, request: &Request) -> Vec<Why> {
        let reaches = |possible: &Possible<'_>| {
            let is_there = match (&possible.namespace, request.namespace()) {
                (None, _) => true,
                (Some(one), Some(other)) => one == other,
                (Some(_), None) => false,
            };
            is_there && possible.rules.is_none_or(|rules| rules.iter().any(|rule| allows(rule, request)))
        };
        let possible = self.possible(whom, Reach::At(request.namespace()));
        let doubts: BTreeSet<Why> = possible.into_iter().filter(reaches).map(|possible| possible.why).collect();
        doubts.into_iter().collect()
    }

    /// Every binding that may reach them.
    pub(super) fn possible(&self, whom: &Whom<'_>, reach: Reach<'_>) -> Vec<Possible<'w>> {
        let mut possible = Vec::new();
        for binding in self.rbac.bindings().iter().copied() {
            let rules = self.rbac.rules(binding);
            let unknown = rules.is_none() && self.unknown.contains(&binding.role);
            if rules.is_none() && !unknown {
                continue;
            }
            for subject in &binding.subjects {
                let why = if whom.caller.is(subject, binding.namespace.as_ref()) {
                    if !unknown {
                        continue;
                    }
                    self.unknown_rules(binding)
                } else if let Some(why) = self.maybe(whom, &subject.kind, &subject.name) {
                    why
                } else {
                    continue;
                };
                possible.push(Possible { rules, namespace: binding.namespace.clone(), selected: false, why });
            }
        }
        // Labels select neither `default` nor `kube-*`.
        let is_selectable = |name: &Namespace| name.as_str() != "default" && !name.as_str().starts_with("kube-");
        let namespace = match reach {
            Reach::At(Some(namespace)) if is_selectable(namespace) => Some(namespace),
            Reach::At(_) => return possible,
            Reach::Anywhere => None,
        };
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
            if !whom.caller.is(&subject, None) && self.maybe(whom, &subject.kind, &subject.name).is_none() {
                continue;
            }
            let ScopeTarget::Selector(labels) = &asked.scope else { continue };
            let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            let labels = labels.join(", ");
            let text = match namespace {
                Some(name) => {
                    format!("whether {name} has the labels {labels}, by which a grant selects, is only on the cluster")
                }
                None => format!(
                    "which namespaces have the labels {labels}, by which a grant selects, is only on the cluster"
                ),
            };
            let role = Binding {
                namespace: None,
                name: String::new(),
                role: asked.role.reference.clone(),
                subjects: Vec::new(),
            };
            let rules = self.rbac.rules(&role);
            let why = Why { text, lines: vec![asked.origin.clone()] };
            possible.push(Possible { rules, namespace: namespace.cloned(), selected: true, why });
        }
        possible
    }

    fn unknown_rules(&self, binding: &Binding) -> Why {
        let lines = self.grants.get(&binding.name).map(|asked| asked.origin.clone()).into_iter().collect();
        Why { text: format!("which rules {} has is only on the cluster", role_words(&binding.role)), lines }
    }

    /// Why somebody may be this group's member although nobody knows.
    fn maybe(&self, whom: &Whom<'_>, kind: &SubjectKind, name: &SubjectName) -> Option<Why> {
        if *kind != SubjectKind::Group || whom.without_groups.is_some() {
            return None;
        }
        let tokens = &self.environment.tokens;
        let mut groups = self.people.called(name, tokens).peekable();
        if groups.peek().is_none() {
            // Only what looks like a group of the tenant can be in one of its tokens.
            let SubjectName::Known(name) = name else { return None };
            let bare = name.strip_prefix(&tokens.groups_prefix)?;
            let is_one = match tokens.groups {
                GroupNaming::ObjectId => {
                    let id = bare.parse::<ObjectId>().ok().map(Identity::Known);
                    id.is_some_and(|id| !self.people.is_gone(&id))
                }
                GroupNaming::DisplayName => !name.starts_with("system:"),
            };
            let text = format!("whether they are in group {bare}, which no file names, was not read");
            return is_one.then(|| Why { text, lines: Vec::new() });
        }
        groups.find_map(|group| self.may_be_in(whom, group))
    }

    fn may_be_in(&self, whom: &Whom<'_>, group: &Group<'_>) -> Option<Why> {
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
        Some(Why { text, lines: group.block.map(|block| block.origin.clone()).into_iter().collect() })
    }
}

/// A group by its key, or by what it is called.
pub(super) fn group_name(people: &People<'_>, id: &Identity) -> String {
    let group = people.group(id);
    let key = group.and_then(|group| group.key.map(ToString::to_string));
    key.or_else(|| group.map(|group| group.display_name.to_owned())).unwrap_or_else(|| match id {
        Identity::Known(id) => id.to_string(),
        Identity::AfterApply(key) => key.to_string(),
    })
}

pub(super) fn role_words(role: &RoleRef) -> String {
    let kind = match role.kind {
        RoleKind::Role => "role",
        RoleKind::ClusterRole => "clusterrole",
    };
    format!("{kind} {}", role.name)
}

pub(super) fn place_words(namespace: Option<&Namespace>) -> String {
    namespace.map_or_else(|| "on the whole cluster".to_owned(), |namespace| format!("in {namespace}"))
}
