//! Who owns a group, and what they could have by making themselves members of it.

use std::collections::BTreeMap;

use super::answer::{Indirect, PersonLabel, Reached};
use super::chain::Chains;
use super::place::{Place, World};
use crate::access::Caller;
use crate::access::people::{Node, Token, Ways, Who};
use crate::state::{GroupsClaim, Identity, PrincipalName, Request, SubjectName};

impl World<'_> {
    /// The groups of which somebody is an owner without being in them. Whoever applies owns groups for that alone.
    pub(super) fn owned(&self, who: &Who, ways: &Ways<'_>) -> Vec<Identity> {
        if self.applies(&self.person(who)) {
            return Vec::new();
        }
        let owner = Node::Person(who.clone());
        let groups = self.people.groups().map(|group| &group.id);
        groups.filter(|id| !ways.contains_key(*id) && self.people.owners(id).contains(&owner)).cloned().collect()
    }

    /// What somebody would have on a cluster as a member of each of these groups; of a request, what allows it.
    pub(super) fn could_have(
        &self,
        place: &Place<'_>,
        who: &PersonLabel,
        owned: &[Identity],
        request: Option<&Request>,
        chains: &mut Chains<'_, '_>,
    ) -> Vec<Indirect> {
        let joined = owned.iter().map(|group| Indirect {
            who: who.clone(),
            group: self.group(group),
            ways: self.joined(place, group, request, chains),
        });
        let mut indirect: Vec<Indirect> = joined.filter(|could| !could.ways.is_empty()).collect();
        indirect.sort_by(|one, other| one.group.cmp(&other.group));
        indirect
    }

    /// What a member of a group has by it; of a request, what allows it.
    pub(super) fn joined(
        &self,
        place: &Place<'_>,
        group: &Identity,
        request: Option<&Request>,
        chains: &mut Chains<'_, '_>,
    ) -> Vec<Reached> {
        let ways = self.ways_of_member(group);
        let token = self.token_of_member(place, &ways);
        let (rbac, caller) = (chains.rbac(), &token.caller);
        let reached: Vec<Reached> = match request {
            Some(request) => {
                let found = rbac.ways(caller, request);
                found.iter().flat_map(|way| chains.ways(way, request, caller, &ways, &token.groups)).collect()
            }
            None => rbac.given(caller).flat_map(|grant| chains.grants(&grant, caller, &ways, &token.groups)).collect(),
        };
        // What everybody has is not by the group.
        reached.into_iter().filter(|way| !way.given.subject.starts_with("system:")).collect()
    }

    /// The groups that a member of a group is in by that, each with the way from the group to it.
    pub(super) fn ways_of_member(&self, group: &Identity) -> Ways<'_> {
        let mut ways = self.people.ways_around(group);
        ways.insert(group.clone(), Vec::new());
        ways
    }

    /// What the token of such a member says.
    pub(super) fn token_of_member(&self, place: &Place<'_>, ways: &Ways<'_>) -> Token {
        let tokens = &place.environment.tokens;
        // A token of a direct member carries the groups around it only where all groups are in tokens.
        let is_carried = |way: &[_]| match tokens.claim {
            GroupsClaim::SecurityGroups => true,
            GroupsClaim::AssignedGroups => way.is_empty(),
        };
        let carried = ways.iter().filter(|(_, way)| is_carried(way));
        let named = carried.filter_map(|(id, _)| Some((id.clone(), self.people.name_of(id, tokens)?)));
        let groups: BTreeMap<Identity, SubjectName> = named.collect();
        // No user is called by nothing.
        let caller = Caller::authenticated("", groups.values().cloned());
        Token { caller, groups, without_groups: None }
    }

    /// Whether somebody is one of those who apply.
    pub(super) fn applies(&self, who: &PersonLabel) -> bool {
        matches!(&who.name, PrincipalName::ServicePrincipal(app) if self.desired.appliers.contains(app))
    }
}
