//! How somebody could come to what they may not do: by what the files give to groups, or by an apply alone.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Giver;
use super::place::{Place, World};
use crate::access::builtin_roles;
use crate::access::people::{Node, People, Who};
use crate::access::planned::Asked;
use crate::access::rbac::allows;
use crate::state::{DesiredBinding, PolicyRule, PrincipalName, Request, ScopeTarget};

impl World<'_> {
    /// Whether the files alone give it to somebody on a cluster.
    pub(super) fn is_asked_for(&self, place: &Place<'_>, people: &People<'_>, who: &Who, request: &Request) -> bool {
        let Some(Node::Person(who)) = people.find(&self.people.person(who).name) else { return false };
        let ways = people.groups_of(&BTreeSet::from([who.clone()])).remove(&who).unwrap_or_default();
        let token = people.token(&who, &ways, place.environment);
        let asked = Asked::new(self.desired, place.environment, people, builtin);
        asked.snapshot.rbac().allows(&token.caller, request)
    }
}

/// The rules of a role that every cluster has.
fn builtin<'a>(name: &str) -> Option<&'a [PolicyRule]> {
    builtin_roles::rules(name)
}

impl Place<'_> {
    /// The groups to which the files give it here, each with one grant that does.
    pub(super) fn givers(&self, request: &Request) -> BTreeSet<Giver> {
        let mut givers = BTreeMap::new();
        for grant in &self.environment.bindings {
            let PrincipalName::Group(group) = &grant.subject else { continue };
            if self.reaches(grant, request) && self.rules_of(grant).iter().any(|rule| allows(rule, request)) {
                let giver = Giver { group: group.clone(), role: grant.role.key.clone(), origin: grant.origin.clone() };
                givers.entry(group).or_insert(giver);
            }
        }
        givers.into_values().collect()
    }

    fn reaches(&self, grant: &DesiredBinding, request: &Request) -> bool {
        match &grant.scope {
            ScopeTarget::Cluster => true,
            ScopeTarget::Namespace(namespace) => request.namespace() == Some(namespace),
            ScopeTarget::Selector(labels) => {
                request.namespace().is_some_and(|namespace| self.cluster.selects(namespace, labels))
            }
        }
    }

    /// The rules of a grant's role: as the files write them, else as they are on the cluster.
    fn rules_of(&self, grant: &DesiredBinding) -> &[PolicyRule] {
        let reference = &grant.role.reference;
        if grant.role.ours {
            let written = self.environment.roles.iter().find(|role| role.name == reference.name);
            return written.map_or(&[][..], |role| role.rules.as_slice());
        }
        let live = self.cluster.roles.iter().map(|live| &live.role);
        let mut of_cluster = live.filter(|role| role.namespace.is_none());
        of_cluster.find(|role| role.name == reference.name).map_or(&[][..], |role| role.rules.as_slice())
    }
}
