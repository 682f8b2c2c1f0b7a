//! Roles of ours: what must be there, and what is in the way.

use std::collections::{BTreeMap, BTreeSet};

use super::{Environment, Place};
use crate::plan::draft::{Cause, Draft};
use crate::plan::{NoteKind, Reason};
use crate::state::{Address, DesiredRole, Doubt, Filled, LiveRole, Mark, Operation, PolicyRule, Resource, Role, Sign};

/// What a binding can rely on.
pub(super) struct Roles<'a> {
    /// Every live role.
    pub(super) live: BTreeMap<Place, &'a LiveRole>,
    /// The roles of ours that are asked for.
    pub(super) asked: BTreeMap<Place, RoleStanding>,
    /// What each role that the cluster fills holds by roles of ours.
    added: BTreeMap<&'a str, BTreeSet<PolicyRule>>,
}

impl Roles<'_> {
    /// The rules of a role that is not ours, without those that roles of ours add to it: when the cluster has taken those
    /// in, or not yet, nothing has changed that was not approved with them.
    pub(super) fn rules_of_others<'r>(&self, live: &'r LiveRole) -> Vec<&'r PolicyRule> {
        let is_filled = live.role.namespace.is_none() && live.aggregation.is_some();
        let ours = self.added.get(live.role.name.as_str()).filter(|_| is_filled);
        live.role.rules.iter().filter(|rule| ours.is_none_or(|ours| !ours.contains(rule))).collect()
    }
}

/// What became of a role that is asked for.
pub(super) enum RoleStanding {
    /// It is there, or this change makes it so.
    Usable(Option<Address>),
    /// It is not, for this cause.
    Held(Cause),
}

impl<'a> Environment<'a> {
    /// Compares the roles that are asked for with the live ones.
    pub(super) fn compare_roles(&self, draft: &mut Draft) -> Roles<'a> {
        let live: BTreeMap<Place, &LiveRole> = self
            .cluster
            .roles
            .iter()
            .map(|live| ((live.role.namespace.clone(), live.role.name.clone()), live))
            .collect();
        if !self.desired.roles.is_empty() {
            self.tell_unknown_selectors(draft);
        }
        let mut asked = BTreeMap::new();
        let mut roles: Vec<&DesiredRole> = self.desired.roles.iter().collect();
        roles.sort_by_key(|role| &role.origin);
        for role in roles {
            let place = (role.namespace.clone(), role.name.clone());
            let live = live.get(&place).copied();
            asked.entry(place).or_insert_with(|| self.compare_role(role, live, draft));
        }
        Roles { live, asked, added: self.added() }
    }

    /// What each role that the cluster fills holds by roles of ours, those that are there and those that are asked for.
    fn added(&self) -> BTreeMap<&'a str, BTreeSet<PolicyRule>> {
        let there = self.cluster.roles.iter().filter(|live| live.meta.mark == Mark::Ours).map(|live| &live.role);
        let asked: Vec<Role> = self.desired.roles.iter().map(DesiredRole::written).collect();
        let added = Filled::new(self.cluster).by(there.chain(&asked), Doubt::Selects);
        added.into_iter().map(|(name, rules)| (name, rules.into_iter().cloned().collect())).collect()
    }

    /// Who has our rules by a role that the cluster fills is told by its selectors. One that nobody understands is taken to
    /// select everything.
    fn tell_unknown_selectors(&self, draft: &mut Draft) {
        for (role, operators) in Filled::new(self.cluster).unknown() {
            let operators = operators.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!(
                "the `aggregationRule` of clusterrole {role} has an operator that is not understood ({operators}); this plan \
                 counts every role of ours as taken in by it. A newer rolecall may know it"
            );
            draft.note(Some(self.name), None, NoteKind::UnknownSelector, message);
        }
    }

    fn compare_role(&self, role: &DesiredRole, live: Option<&LiveRole>, draft: &mut Draft) -> RoleStanding {
        let address = self.role_address(role.namespace.as_ref(), &role.name);
        if let Some(cause) = self.obstacle(role, live, &address) {
            let sign = if live.is_some() { Sign::Change } else { Sign::Add };
            draft.withhold_as(sign, &cause, [address]);
            return RoleStanding::Held(cause);
        }
        let after = role.written();
        let operation = match live {
            None => Operation::Create { after: Resource::Role(after) },
            // Another manager of the same content is no drift: server-side apply cannot end a shared ownership.
            Some(live) if live.role == after => {
                return RoleStanding::Usable(None);
            }
            Some(live) => Operation::Update { before: Resource::Role(live.role.clone()), after: Resource::Role(after) },
        };
        draft.change(self.object(address.clone(), operation, Some(&role.origin), live.map(|live| &live.meta)));
        RoleStanding::Usable(Some(address))
    }

    fn obstacle(&self, role: &DesiredRole, live: Option<&LiveRole>, address: &Address) -> Option<Cause> {
        if let Some(namespace) = &role.namespace
            && !self.cluster.namespaces.contains_key(namespace)
        {
            return Some(self.missing_namespace(namespace, &role.origin));
        }
        let live = live?;
        if live.meta.mark != Mark::Ours {
            let message = name_taken(address, &live.meta.mark);
            return Some(Cause::new(Some(&role.origin), Reason::NameTaken, message));
        }
        live.aggregation.is_some().then(|| {
            let message = format!(
                "{address} has got an `aggregationRule` that is not ours: its rules are filled by the cluster and cannot \
                 be those of the file. Remove the `aggregationRule`, then plan again"
            );
            Cause::new(Some(&role.origin), Reason::AggregatedRole, message)
        })
    }
}

/// An object that is not ours has a name that is ours.
pub(super) fn name_taken(address: &Address, mark: &Mark) -> String {
    let whose = match mark {
        Mark::OtherConfig(config) => format!("it belongs to the rolecall config `{config}`"),
        Mark::LabelsOnly => "it carries our labels, but rolecall did not apply it".to_owned(),
        Mark::None | Mark::Ours => "it does not carry our mark".to_owned(),
    };
    format!(
        "{address} is there already and is not ours: {whose}. Nothing that is not ours is changed; have it deleted or \
         renamed, then plan again"
    )
}
