//! What carries our mark and no file asks for any more.

use std::collections::BTreeSet;

use super::bindings::{Asked, HeldGrant};
use super::{Environment, Place, binding_address, place_of};
use crate::plan::Reason;
use crate::plan::draft::{Cause, Draft};
use crate::state::{
    Address, Binding, Change, LiveBinding, LiveRole, Mark, Operation, Resource, Sign, Subject, SubjectName, mark,
};

impl Environment<'_> {
    /// Bindings first, then the roles that nothing refers to any more.
    pub(super) fn prune(&self, asked: &Asked<'_>, draft: &mut Draft) {
        let unidentified = self.not_told_apart();
        for live in &self.cluster.bindings {
            let address = binding_address(self.name, &live.binding);
            // One with the label of Kubernetes' own is told as access besides the files.
            if live.meta.mark == Mark::Ours && !live.meta.bootstrapping && !asked.kept.contains(&address) {
                if let Some(cause) = &unidentified {
                    draft.withhold_as(Sign::Remove, cause, [address]);
                } else {
                    self.prune_binding(address, live, asked, draft);
                }
            }
        }
        let kept: BTreeSet<Place> =
            self.desired.roles.iter().map(|role| (role.namespace.clone(), role.name.clone())).collect();
        for live in &self.cluster.roles {
            let place = (live.role.namespace.clone(), live.role.name.clone());
            if live.meta.mark == Mark::Ours && !kept.contains(&place) {
                let address = self.role_address(live.role.namespace.as_ref(), &live.role.name);
                if live.meta.bootstrapping {
                    draft.withhold_as(Sign::Remove, &labelled(&address), [address]);
                } else if let Some(cause) = &unidentified {
                    draft.withhold_as(Sign::Remove, cause, [address]);
                } else {
                    self.prune_role(&place, live, asked, draft);
                }
            }
        }
    }

    /// Two environments on one cluster would take each other's objects for left over.
    pub(super) fn not_told_apart(&self) -> Option<Cause> {
        let twins: Vec<&str> = self.twins.iter().map(|name| name.as_str()).collect();
        (!twins.is_empty()).then(|| {
            let message = format!(
                "nothing is removed from {name}: {others} was not read, and without `cluster:` nobody can tell that it is \
                 another cluster. Write `cluster: {uid}` under {name}",
                name = self.name,
                others = twins.join(", "),
                uid = self.cluster.uid,
            );
            Cause::new(Some(&self.desired.origin), Reason::ClusterNotToldApart, message)
        })
    }

    fn prune_binding(&self, address: Address, live: &LiveBinding, asked: &Asked<'_>, draft: &mut Draft) {
        // Whether something else gives them the same is not asked: the answer would change while the plan is carried out.
        if let Some((subject, acting)) = self.acting(&live.binding) {
            let message = format!(
                "no file asks for {address}, and it stays: it gives {acting} its access ({} {}). Take {acting} out of it, or \
                 have somebody delete it who does not need it",
                subject.kind,
                spelling(&subject.name)
            );
            let cause = Cause::new(None, Reason::OwnAccess, message).error_if(true);
            draft.withhold_as(Sign::Remove, &cause, [address]);
            return;
        }
        let mut waits = false;
        // What holds on the whole cluster may replace what holds in a namespace, and the other way round. A namespace that
        // is not there may be a slip of the pen for the one that this binding is in.
        let place = live.binding.namespace.as_ref();
        let concerns = |held: &&HeldGrant| {
            let is_whole = place.is_none() || held.namespace.is_none();
            is_whole || held.namespace.as_ref() == place || held.may_be_elsewhere
        };
        for held in asked.held.iter().filter(concerns) {
            if live.binding.subjects.iter().any(|subject| may_be(subject, held)) {
                draft.withhold_as(Sign::Remove, &held.cause, [address.clone()]);
                waits = true;
            }
        }
        if waits {
            return;
        }
        let requires = live
            .binding
            .subjects
            .iter()
            .filter_map(|subject| asked.granted.get(&(subject.kind.clone(), subject.name.clone())))
            .flatten()
            .cloned()
            .collect();
        let operation = Operation::Delete { before: Resource::Binding(live.binding.clone()) };
        draft.change(Change { requires, ..self.object(address, operation, None, Some(&live.meta)) });
    }

    fn prune_role(&self, place: &Place, live: &LiveRole, asked: &Asked<'_>, draft: &mut Draft) {
        let address = self.role_address(place.0.as_ref(), &place.1);
        let users: BTreeSet<Address> = self
            .cluster
            .bindings
            .iter()
            .map(|live| &live.binding)
            .filter(|binding| refers_to(binding, place))
            .map(|binding| binding_address(self.name, binding))
            .collect();
        let held: BTreeSet<&Address> = draft.withheld.values().flatten().collect();
        let stays = users.iter().find(|user| !draft.changes.contains_key(*user) && !held.contains(*user));
        let user = match stays {
            _ if asked.roles.contains(place) => Some("the files refer to it as a role that is there".to_owned()),
            Some(binding) => Some(format!("{binding}, which stays, refers to it")),
            None => None,
        };
        if let Some(user) = user {
            let message = format!(
                "{address} is ours and no file defines it any more, but {user}; it is left alone until nothing does"
            );
            draft.withhold_as(Sign::Remove, &Cause::new(None, Reason::RoleInUse, message), [address]);
            return;
        }
        let operation = Operation::Delete { before: Resource::Role(live.role.clone()) };
        draft.change(Change { requires: users, ..self.object(address, operation, None, Some(&live.meta)) });
    }
}

/// Whether a subject may be the one of a held grant. One whose name is not known may be anybody of its kind; one that
/// is renamed by this plan loses what its old name has by that, whatever is removed.
fn may_be(subject: &Subject, held: &HeldGrant) -> bool {
    subject.kind == held.kind && held.name.as_ref().is_none_or(|name| *name == subject.name)
}

/// The label of Kubernetes' own is never pruned, whoever wrote it.
fn labelled(address: &Address) -> Cause {
    let message = format!(
        "{address} is ours and no file defines it any more, but somebody gave it the label `{}`, and what has that \
         is never removed. Take the label off, then plan again",
        mark::BOOTSTRAPPING_LABEL
    );
    Cause::new(None, Reason::PassesForBuiltIn, message)
}

fn refers_to(binding: &Binding, place: &Place) -> bool {
    place_of(&binding.role, binding.namespace.as_ref()) == *place
}

/// A subject's name as it is on a live object.
pub(in crate::plan) fn spelling(name: &SubjectName) -> String {
    match name {
        SubjectName::Known(name) => name.clone(),
        SubjectName::AfterApply { prefix, group } => format!("{prefix}<id of {group}>"),
    }
}
