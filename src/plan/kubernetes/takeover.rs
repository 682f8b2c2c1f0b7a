//! Whether what the files grant gives everything that a live binding gives.

use std::collections::BTreeSet;

use super::Environment;
use super::bindings::Given;
use crate::plan::unmanaged::BindingOwner;
use crate::state::{Address, Binding, BindingName, RoleKind, RoleRef, Subject, SubjectKind};

/// What grants come to beside a live binding.
pub(super) enum Takeover<'l> {
    /// These bindings of ours give all that it gives.
    All(BTreeSet<Address>),
    /// They do not give all of it.
    Less(Lack<'l>),
    /// There is nobody in it, so that there is nothing to give.
    Nobody,
}

/// What a live binding gives and grants do not.
pub(super) struct Lack<'l> {
    /// The roles that they give, where its own is not among them.
    pub(super) roles: BTreeSet<RoleRef>,
    /// Who would be without it.
    pub(super) subjects: Vec<&'l Subject>,
}

/// Compares a live binding with grants in the same place. A subject that cannot be spelt now may be anybody of its kind; its
/// own grant is held back, and with it whatever rests on it.
pub(super) fn takeover<'l>(live: &'l Binding, given: &[&Given<'_>]) -> Takeover<'l> {
    if live.subjects.is_empty() {
        return Takeover::Nobody;
    }
    let same_role: Vec<&Given<'_>> = given.iter().filter(|given| *given.role() == live.role).copied().collect();
    let roles =
        if same_role.is_empty() { given.iter().map(|given| given.role().clone()).collect() } else { BTreeSet::new() };
    let candidates = if same_role.is_empty() { given } else { &same_role };
    let mut ours = BTreeSet::new();
    let mut subjects = Vec::new();
    for subject in &live.subjects {
        let certain = candidates.iter().any(|given| given.is_for(subject));
        let is_needed = |given: &&&Given<'_>| given.is_for(subject) || (!certain && given.may_be_for(subject));
        let mut needed = candidates.iter().filter(is_needed).map(|given| given.address.clone()).peekable();
        if needed.peek().is_none() {
            subjects.push(subject);
        }
        ours.extend(needed);
    }
    if same_role.is_empty() || !subjects.is_empty() {
        Takeover::Less(Lack { roles, subjects })
    } else {
        Takeover::All(ours)
    }
}

impl Environment<'_> {
    /// Whether a grant could give all of a live binding and say `replaces`: a grant gives cluster roles, and nothing to
    /// service accounts or to what Kubernetes calls its own.
    pub(super) fn is_replaceable(&self, live: &Binding, owner: &BindingOwner) -> bool {
        let is_by_hand = match owner {
            BindingOwner::Unmarked | BindingOwner::LabelsOnly => true,
            BindingOwner::OtherConfig(_) | BindingOwner::BuiltIn | BindingOwner::OursLabelled => false,
        };
        let can_be_granted = |subject: &Subject| match subject.kind {
            SubjectKind::User | SubjectKind::Group => !subject.is_system(),
            SubjectKind::ServiceAccount | SubjectKind::Other(_) => false,
        };
        let name = BindingName { namespace: live.namespace.clone(), name: live.name.clone() };
        is_by_hand
            && live.role.kind == RoleKind::ClusterRole
            && live.subjects.iter().all(can_be_granted)
            && self.acting(live).is_none()
            && name.to_string().parse::<BindingName>().is_ok()
    }
}
