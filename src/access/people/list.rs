//! The lists of one group, as they are and as they would be.

use std::collections::BTreeSet;

use super::{Node, Who};
use crate::state::{Edge, Identity, LivePrincipal, ObjectId, PrincipalKind, PrincipalName};

/// One entry of a list of members or owners.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry<'a> {
    Live(&'a LivePrincipal),
    Asked(&'a PrincipalName),
    Added(&'a Edge),
}

#[derive(Clone, Debug, Default)]
pub(super) struct List<'a> {
    pub(super) live: &'a [LivePrincipal],
    pub(super) asked: Vec<&'a PrincipalName>,
    pub(super) added: Vec<&'a Edge>,
    pub(super) removed: BTreeSet<ObjectId>,
}

impl<'a> List<'a> {
    pub(super) fn entries<'s>(&'s self) -> impl Iterator<Item = Entry<'a>> + 's {
        let live = self.live.iter().filter(|live| !self.removed.contains(&live.id)).map(Entry::Live);
        let asked = self.asked.iter().copied().map(Entry::Asked);
        live.chain(asked).chain(self.added.iter().copied().map(Entry::Added))
    }
}

impl Entry<'_> {
    pub(super) fn is_group(&self) -> bool {
        match self {
            Self::Live(live) => live.kind == PrincipalKind::Group,
            Self::Asked(name) => matches!(name, PrincipalName::Group(_) | PrincipalName::GroupId(_)),
            Self::Added(edge) => edge.kind == PrincipalKind::Group,
        }
    }
}

pub(super) fn held(holds: &BTreeSet<ObjectId>) -> impl Iterator<Item = Node> {
    holds.iter().map(|id| Node::Group(Identity::Known(*id)))
}

pub(super) fn node_of_live(live: &LivePrincipal) -> Node {
    match live.kind {
        PrincipalKind::Group => Node::Group(Identity::Known(live.id)),
        PrincipalKind::User
        | PrincipalKind::Guest
        | PrincipalKind::ServicePrincipal
        | PrincipalKind::Device
        | PrincipalKind::Contact
        | PrincipalKind::Other => Node::Person(Who::Id(live.id)),
    }
}
