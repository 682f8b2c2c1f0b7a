//! The RBAC authorizer of Kubernetes, over roles and bindings that were read or that would be there.
//!
//! Rule by rule as kubernetes `pkg/registry/rbac/validation/rule.go` and `pkg/apis/rbac/v1/evaluation_helpers.go`. It looks at
//! stored rules only; what a cluster makes of aggregation is in the roles that it is given ([`super::planned`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::caller::{Caller, Holder};
use crate::state::{Binding, Cluster, Namespace, PolicyRule, Request, Role, RoleKind, Subject, SubjectName};

/// The roles and bindings of one cluster.
#[derive(Clone, Debug)]
pub struct Rbac<'a> {
    roles: BTreeMap<(Option<&'a Namespace>, &'a str), &'a [PolicyRule]>,
    bindings: Vec<&'a Binding>,
    /// Positions of bindings by who they are for: a user's or a service account's name, or a group's.
    by_user: BTreeMap<Cow<'a, str>, Vec<usize>>,
    by_group: BTreeMap<&'a SubjectName, Vec<usize>>,
}

/// One way in which something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way<'a> {
    /// The binding.
    pub binding: &'a Binding,
    /// Its subject.
    pub subject: &'a Subject,
    /// The rule of its role.
    pub rule: &'a PolicyRule,
}

/// One binding that reaches somebody, and the rules that it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The binding.
    pub binding: &'a Binding,
    /// The subject that reaches them.
    pub subject: &'a Subject,
    /// The rules of its role; `None` where there is no such role, so that it gives nothing.
    pub rules: Option<&'a [PolicyRule]>,
}

impl<'a> Rbac<'a> {
    /// These roles and bindings.
    pub fn new(roles: impl IntoIterator<Item = &'a Role>, bindings: impl IntoIterator<Item = &'a Binding>) -> Self {
        let roles =
            roles.into_iter().map(|role| ((role.namespace.as_ref(), role.name.as_str()), role.rules.as_slice()));
        let mut rbac = Self {
            roles: roles.collect(),
            bindings: bindings.into_iter().collect(),
            by_user: BTreeMap::new(),
            by_group: BTreeMap::new(),
        };
        for (at, binding) in rbac.bindings.iter().enumerate() {
            for subject in &binding.subjects {
                let positions = match Holder::of(subject, binding.namespace.as_ref()) {
                    Some(Holder::Group(name)) => rbac.by_group.entry(name).or_default(),
                    Some(Holder::User(name)) => rbac.by_user.entry(name).or_default(),
                    None => continue,
                };
                if positions.last() != Some(&at) {
                    positions.push(at);
                }
            }
        }
        rbac
    }

    /// What was read from a cluster.
    pub fn live(cluster: &'a Cluster) -> Self {
        Self::new(cluster.roles.iter().map(|live| &live.role), cluster.bindings.iter().map(|live| &live.binding))
    }

    /// Whether a request is allowed.
    pub fn allows(&self, caller: &Caller, request: &Request) -> bool {
        caller.is_superuser() || self.reaching(caller, request.namespace()).any(|grant| grant.allows(request).is_some())
    }

    /// Every way in which a request is allowed, but for being a superuser, which needs none.
    pub fn ways(&self, caller: &Caller, request: &Request) -> Vec<Way<'a>> {
        self.reaching(caller, request.namespace()).filter_map(|grant| grant.allows(request)).collect()
    }

    /// Everything that somebody is given in a namespace, or on the whole cluster.
    pub fn reaching<'c>(
        &'c self,
        caller: &'c Caller,
        namespace: Option<&'c Namespace>,
    ) -> impl Iterator<Item = Grant<'a>> + 'c {
        let reaches =
            move |grant: &Grant<'_>| grant.binding.namespace.is_none() || grant.binding.namespace.as_ref() == namespace;
        self.given(caller).filter(reaches)
    }

    /// Everything that somebody is given anywhere.
    pub fn given<'c>(&'c self, caller: &'c Caller) -> impl Iterator<Item = Grant<'a>> + 'c {
        let by_user = self.by_user.get(caller.user.as_str()).into_iter().flatten();
        let by_group = caller.groups.iter().flat_map(|group| self.by_group.get(group).into_iter().flatten());
        let positions: BTreeSet<usize> = by_user.chain(by_group).copied().collect();
        positions.into_iter().filter_map(|at| {
            let binding = *self.bindings.get(at)?;
            let subject = binding.subjects.iter().find(|subject| caller.is(subject, binding.namespace.as_ref()))?;
            Some(Grant { binding, subject, rules: self.rules(binding) })
        })
    }

    /// Whoever may do something: each subject of each binding that allows it. Superusers are in no binding, and a subject
    /// that nobody can be is left out.
    pub fn subjects_allowed(&self, request: &Request) -> Vec<Way<'a>> {
        let reaches =
            |binding: &&&Binding| binding.namespace.is_none() || binding.namespace.as_ref() == request.namespace();
        let ways = self.bindings.iter().filter(reaches).flat_map(|binding| {
            let rule = self.rules(binding).into_iter().flatten().find(|rule| allows(rule, request));
            let is_somebody = |subject: &&Subject| Holder::of(subject, binding.namespace.as_ref()).is_some();
            rule.into_iter().flat_map(move |rule| {
                binding.subjects.iter().filter(is_somebody).map(move |subject| Way { binding, subject, rule })
            })
        });
        ways.collect()
    }

    /// The rules that a binding gives; `None` where its role is not there. A `Role` outside a namespace never is.
    pub fn rules(&self, binding: &Binding) -> Option<&'a [PolicyRule]> {
        let namespace = match binding.role.kind {
            RoleKind::ClusterRole => None,
            RoleKind::Role => Some(binding.namespace.as_ref()?),
        };
        self.roles.get(&(namespace, binding.role.name.as_str())).copied()
    }

    /// Every binding.
    pub fn bindings(&self) -> &[&'a Binding] {
        &self.bindings
    }
}

impl<'a> Grant<'a> {
    /// By which rule it allows a request; where it holds is not looked at.
    pub fn allows(&self, request: &Request) -> Option<Way<'a>> {
        let rule = self.rules?.iter().find(|rule| allows(rule, request))?;
        Some(Way { binding: self.binding, subject: self.subject, rule })
    }
}

/// Whether one rule allows a request, wherever it holds.
pub fn allows(rule: &PolicyRule, request: &Request) -> bool {
    match request {
        Request::Resource { verb, group, resource, subresource, name, .. } => {
            holds(&rule.verbs, verb)
                && holds(&rule.api_groups, group)
                && rule.resources.iter().any(|entry| is_resource(entry, resource, subresource.as_deref()))
                && is_named(rule, name.as_deref())
        }
        Request::Path { verb, path } => {
            holds(&rule.verbs, verb) && rule.non_resource_urls.iter().any(|entry| is_path(entry, path))
        }
    }
}

fn holds(list: &[String], wanted: &str) -> bool {
    list.iter().any(|entry| entry == "*" || entry == wanted)
}

/// `*` is every resource with every subresource; `*/scale` one subresource of all; anything else only itself.
fn is_resource(entry: &str, resource: &str, subresource: Option<&str>) -> bool {
    match subresource.filter(|subresource| !subresource.is_empty()) {
        _ if entry == "*" => true,
        None => entry == resource,
        Some(subresource) => entry
            .strip_suffix(subresource)
            .and_then(|rest| rest.strip_suffix('/'))
            .is_some_and(|of| of == "*" || of == resource),
    }
}

/// No name is the empty one, which a rule can list like any other.
fn is_named(rule: &PolicyRule, name: Option<&str>) -> bool {
    rule.resource_names.is_empty() || rule.resource_names.iter().any(|entry| entry == name.unwrap_or_default())
}

/// A star counts at the end alone, and as many stars as stand there count as one.
fn is_path(entry: &str, path: &str) -> bool {
    entry == "*" || entry == path || (entry.ends_with('*') && path.starts_with(entry.trim_end_matches('*')))
}
