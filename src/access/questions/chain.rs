//! From a binding to the rule, with the lines of the files.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answer::{Brought, Given, Membership, Party, Reached, Whose};
use super::place::{Place, World};
use crate::access::Caller;
use crate::access::caller::{Holder, SUPERUSERS};
use crate::access::people::Ways;
use crate::access::rbac::{Grant, Rbac, Way, allows};
use crate::state::{
    Binding, Filled, Identity, Mark, Namespace, PolicyRule, Request, RoleKind, Subject, SubjectKind, SubjectName,
    builtin,
};

/// The chains of one cluster. What many people have by one subject is made once.
pub(super) struct Chains<'w, 'a> {
    world: &'w World<'a>,
    place: &'w Place<'a>,
    rbac: &'w Rbac<'w>,
    filled: Filled<'w>,
    marks: BTreeMap<(Option<&'w Namespace>, &'w str), &'w Mark>,
    given: BTreeMap<(Option<Namespace>, String, usize), Arc<Given>>,
}

impl<'w, 'a> Chains<'w, 'a> {
    pub(super) fn new(world: &'w World<'a>, place: &'w Place<'a>, rbac: &'w Rbac<'w>) -> Self {
        let marks = place.cluster.bindings.iter();
        let marks = marks.map(|live| ((live.binding.namespace.as_ref(), live.binding.name.as_str()), &live.meta.mark));
        Self { world, place, rbac, filled: Filled::new(place.cluster), marks: marks.collect(), given: BTreeMap::new() }
    }

    /// The authorizer of the cluster.
    pub(super) fn rbac(&self) -> &'w Rbac<'w> {
        self.rbac
    }

    /// One way of somebody in these groups, whose tokens carry them under these names: by each subject that is them.
    pub(super) fn ways(
        &mut self,
        way: &Way<'_>,
        request: &Request,
        caller: &Caller,
        ways: &Ways<'_>,
        groups: &BTreeMap<Identity, SubjectName>,
    ) -> Vec<Reached> {
        let rules = Some(std::slice::from_ref(way.rule));
        self.reached(way.binding, rules, Some(request), caller, ways, groups)
    }

    /// The same for everything that a binding gives.
    pub(super) fn grants(
        &mut self,
        grant: &Grant<'_>,
        caller: &Caller,
        ways: &Ways<'_>,
        groups: &BTreeMap<Identity, SubjectName>,
    ) -> Vec<Reached> {
        self.reached(grant.binding, grant.rules, None, caller, ways, groups)
    }

    fn reached(
        &mut self,
        binding: &Binding,
        rules: Option<&[PolicyRule]>,
        request: Option<&Request>,
        caller: &Caller,
        ways: &Ways<'_>,
        groups: &BTreeMap<Identity, SubjectName>,
    ) -> Vec<Reached> {
        let mut reached: Vec<Reached> = Vec::new();
        for (at, subject) in binding.subjects.iter().enumerate() {
            if !caller.is(subject, binding.namespace.as_ref()) || binding.subjects[..at].contains(subject) {
                continue;
            }
            let given = self.given(binding, at, subject, rules, request);
            let into = groups.iter().filter(|(_, name)| subject.kind == SubjectKind::Group && **name == subject.name);
            let into: Vec<&Identity> = into.map(|(id, _)| id).collect();
            if into.is_empty() {
                reached.push(Reached { steps: Vec::new(), given });
            } else {
                reached
                    .extend(into.into_iter().map(|id| Reached { steps: self.steps(id, ways), given: given.clone() }));
            }
        }
        reached
    }

    pub(super) fn steps(&self, group: &Identity, ways: &Ways<'_>) -> Vec<Membership> {
        let steps = ways.get(group).into_iter().flatten();
        let step = |step: &crate::access::people::Step<'_>| Membership {
            group: self.world.group(&step.group),
            origin: step.origin.cloned(),
            added: None,
        };
        steps.map(step).collect()
    }

    /// What a binding gives to one of its subjects.
    pub(super) fn given(
        &mut self,
        binding: &Binding,
        at: usize,
        subject: &Subject,
        rules: Option<&[PolicyRule]>,
        request: Option<&Request>,
    ) -> Arc<Given> {
        let key = (binding.namespace.clone(), binding.name.clone(), at);
        if let Some(given) = self.given.get(&key) {
            return given.clone();
        }
        let place = self.place;
        let namespace = binding.namespace.as_ref();
        let (of, role) = binding.role.place(namespace);
        let is_cluster_role = binding.role.kind == RoleKind::ClusterRole;
        let brought = request.filter(|_| is_cluster_role).map(|request| self.brought(&role, request, &mut vec![&role]));
        let given = Arc::new(Given {
            subject_kind: subject.kind.clone(),
            subject: spelt(subject),
            namespace: binding.namespace.clone(),
            binding: binding.name.clone(),
            whose: self.whose(namespace, &binding.name),
            grant_added: None,
            role: binding.role.clone(),
            role_block: place.role_block(of.as_ref(), &role),
            role_added: None,
            rules: rules.map(<[_]>::to_vec),
            brought: brought.unwrap_or_default(),
            is_its_own: builtin::is_its_own(
                place.environment.kind,
                binding,
                self.rbac.rules(binding).unwrap_or_default(),
                subject,
            ),
        });
        self.given.insert(key, given.clone());
        given
    }

    fn whose(&self, namespace: Option<&Namespace>, name: &str) -> Whose {
        let is_ours = match self.marks.get(&(namespace, name)) {
            Some(mark) => **mark == Mark::Ours,
            // It is not there yet: a plan makes it.
            None => true,
        };
        match self.place.grant(namespace, name).filter(|_| is_ours) {
            Some(origin) => Whose::Grant(origin.clone()),
            None if is_ours => Whose::Left,
            None => Whose::Others,
        }
    }

    /// The roles from which a `ClusterRole` that is filled by aggregation has what allows this; those of ours first, then those
    /// that say it themselves.
    fn brought<'s>(&'s self, role: &str, request: &Request, seen: &mut Vec<&'s str>) -> Vec<Brought>
    where
        'w: 's,
    {
        let live = self.place.cluster.roles.iter().find(|live| live.role.namespace.is_none() && live.role.name == role);
        let Some(selectors) = live.and_then(|live| live.aggregation.as_ref()) else { return Vec::new() };
        let sources = self.place.snapshot.roles().filter(|source| {
            source.namespace.is_none()
                && !seen.contains(&source.name.as_str())
                && source.rules.iter().any(|rule| allows(rule, request))
                && {
                    let labels = self.filled.labels(source);
                    selectors.iter().any(|selector| selector.matches(&labels) == Some(true))
                }
        });
        let order = |source: &&crate::state::Role| {
            let is_ours = self.place.role_block(None, &source.name).is_some();
            (!is_ours, self.filled.is_filled(&source.name), source.name.clone())
        };
        let Some(source) = sources.min_by_key(order) else { return Vec::new() };
        seen.push(&source.name);
        let block = self.place.role_block(None, &source.name);
        let mut brought = vec![Brought { role: source.name.clone(), block, added: None }];
        brought.extend(self.brought(&source.name, request, seen));
        brought
    }
}

/// A subject as the cluster calls it.
fn spelt(subject: &Subject) -> String {
    let name = match &subject.name {
        SubjectName::Known(name) => name.clone(),
        SubjectName::AfterApply { prefix, group } => format!("{prefix}{group}"),
    };
    match (&subject.kind, subject.namespace.as_deref()) {
        (SubjectKind::ServiceAccount, Some(namespace)) => format!("{namespace}/{name}"),
        _ => name,
    }
}

/// Whom the subject of a binding stands for by its name alone. `None` for a group or a user whose name only Entra can tell.
pub(super) fn named(holder: &Holder<'_>) -> Option<Party> {
    match holder {
        Holder::Group(SubjectName::Known(name)) => system_group(name),
        Holder::Group(SubjectName::AfterApply { .. }) => None,
        Holder::User(name) => match holder.service_account() {
            Some((namespace, name)) => {
                Some(Party::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            None if name == "system:anonymous" => Some(Party::Anonymous),
            None => name.starts_with("system:").then(|| Party::System(name.to_string())),
        },
    }
}

/// Whom Kubernetes itself means by the name of a group.
fn system_group(name: &str) -> Option<Party> {
    match name {
        SUPERUSERS => Some(Party::Superusers),
        "system:authenticated" => Some(Party::Everybody),
        "system:unauthenticated" => Some(Party::Anonymous),
        "system:serviceaccounts" => Some(Party::ServiceAccounts(None)),
        _ => match name.strip_prefix("system:serviceaccounts:") {
            Some(namespace) => Some(Party::ServiceAccounts(Some(namespace.to_owned()))),
            None => name.starts_with("system:").then(|| Party::System(name.to_owned())),
        },
    }
}
