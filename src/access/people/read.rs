//! Where it is known from: the live tenant, the files, and the changes of a plan.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::list::List;
use super::{Group, People};
use crate::state::{
    Above, Address, Change, Desired, DesiredGroup, GroupAnswers, GroupKey, GroupKind, Identity, LiveGroup,
    LivePrincipal, Management, Membership, ObjectId, Operation, PrincipalName, Resource, Tenant,
};

impl<'a> People<'a> {
    /// As it was read.
    pub fn live(desired: &'a Desired, tenant: &'a Tenant, answers: &'a GroupAnswers) -> Self {
        Self::read(desired, tenant, answers).nested()
    }

    /// The same once these changes are made.
    pub fn planned(
        desired: &'a Desired,
        tenant: &'a Tenant,
        answers: &'a GroupAnswers,
        changes: impl IntoIterator<Item = &'a Change>,
    ) -> Self {
        let mut people = Self::read(desired, tenant, answers);
        for change in changes {
            people.change(change);
        }
        let gone = &people.gone;
        people.keys.retain(|_, id| id.known().is_none_or(|id| !gone.contains(&id)));
        people.nested()
    }

    /// As the files ask for it, with nothing looked up: everybody is who the files name.
    pub fn asked(desired: &'a Desired) -> Self {
        let mut people = Self::empty(desired, None);
        for (key, block) in &desired.groups {
            let id = match block.management {
                Management::Owned => Identity::AfterApply(key.clone()),
                Management::Adopted(id) | Management::External(id) => Identity::Known(id),
            };
            people.keys.insert(key, id.clone());
            let unread = match block.membership {
                Membership::Authoritative => None,
                Membership::Additive => Some("others may be in it whom the files do not name".to_owned()),
                Membership::External => Some("its members are not in the files".to_owned()),
            };
            let list = |names: Vec<&'a PrincipalName>| List { asked: names, ..List::default() };
            let owners = block.owners.iter().flatten().map(|(name, _)| name);
            let group = Group {
                id: id.clone(),
                key: Some(key),
                block: Some(block),
                display_name: block.display_name.as_deref().unwrap_or(key.as_str()),
                kind: GroupKind::Security,
                unread,
                members: list(block.members.keys().collect()),
                owners: list(owners.collect()),
                holds: BTreeSet::new(),
            };
            // Several blocks may refer to one object; the one that manages it says who is in it.
            if matches!(block.management, Management::External(_)) {
                people.groups.entry(id).or_insert(group);
            } else {
                people.groups.insert(id, group);
            }
        }
        people.nested()
    }

    /// Nobody, where Entra was not read.
    pub fn unread(desired: &'a Desired) -> Self {
        Self::empty(desired, None)
    }

    fn empty(desired: &'a Desired, tenant: Option<&'a Tenant>) -> Self {
        Self {
            desired,
            tenant,
            groups: BTreeMap::new(),
            keys: BTreeMap::new(),
            above: BTreeMap::new(),
            gone: BTreeSet::new(),
            others: Vec::new(),
            flat: BTreeMap::new(),
            circular: BTreeSet::new(),
            looked_up: OnceCell::new(),
            listed: OnceCell::new(),
            by_display_name: OnceCell::new(),
        }
    }

    fn read(desired: &'a Desired, tenant: &'a Tenant, answers: &'a GroupAnswers) -> Self {
        let mut people = Self::empty(desired, Some(tenant));
        let own = desired.groups.iter().filter(|(_, block)| block.management == Management::Owned);
        let mut earlier: BTreeMap<&GroupKey, (&GroupKey, &DesiredGroup)> = BTreeMap::new();
        for (key, block) in own {
            for previous in block.previously.keys() {
                earlier.entry(previous).or_insert((key, block));
            }
        }
        for (marked, live) in &tenant.marked {
            let own = desired.groups.get_key_value(marked).filter(|(_, block)| block.management == Management::Owned);
            let asked = own.or_else(|| earlier.get(marked).copied());
            people.add(asked.map_or(marked, |(key, _)| key), asked.map(|(_, block)| block), live);
        }
        for (key, block) in &desired.groups {
            let id = match block.management {
                Management::Adopted(id) | Management::External(id) => id,
                Management::Owned => continue,
            };
            if let Some(Some(live)) = tenant.by_id.get(&id) {
                people.add(key, Some(block), live);
            }
        }
        let missing = tenant.by_id.iter().filter(|(_, live)| live.is_none());
        people.gone.extend(missing.map(|(id, _)| *id));
        for live in tenant.by_id.values().flatten() {
            people.groups.entry(Identity::Known(live.id)).or_insert_with(|| group(None, None, live));
        }
        // Where groups go by display name, whoever is in one of these has what is bound to that name.
        for other in tenant.by_display_name.values().flatten() {
            let of_others = || of_others(other.id, &other.display_name, other.kind);
            people.groups.entry(Identity::Known(other.id)).or_insert_with(of_others);
        }
        for (inner, above) in &answers.above {
            for outer in match above {
                Above::Read(outer) => outer.as_slice(),
                Above::Unreadable(_) => &[],
            } {
                let of_others = || of_others(outer.id, &outer.display_name, GroupKind::Security);
                let outer = people.groups.entry(Identity::Known(outer.id)).or_insert_with(of_others);
                // Those of a group that was read are in its own list.
                if outer.key.is_none() && outer.unread.is_some() {
                    outer.unread = Some("it is not one of ours, and its other members were not read".to_owned());
                    outer.holds.insert(*inner);
                }
            }
        }
        people.with_others(answers);
        people
    }

    fn add(&mut self, key: &'a GroupKey, block: Option<&'a DesiredGroup>, live: &'a LiveGroup) {
        let id = Identity::Known(live.id);
        self.keys.insert(key, id.clone());
        let new = group(Some(key), block, live);
        let manages = block.is_some_and(|block| !matches!(block.management, Management::External(_)));
        if manages {
            self.groups.insert(id, new);
        } else {
            self.groups.entry(id).or_insert(new);
        }
    }

    fn change(&mut self, change: &'a Change) {
        match (&change.address, &change.operation) {
            (Address::Group(key), Operation::Create { after: Resource::Group(after) }) => {
                self.keys.insert(key, after.id.clone());
                let block = self.desired.groups.get(key);
                let group = Group {
                    id: after.id.clone(),
                    key: Some(key),
                    block,
                    display_name: &after.display_name,
                    kind: GroupKind::Security,
                    unread: None,
                    members: List::default(),
                    owners: List::default(),
                    holds: BTreeSet::new(),
                };
                self.groups.insert(after.id.clone(), group);
            }
            (Address::Group(key), Operation::Restore { after: Resource::Group(after) }) => {
                self.keys.insert(key, after.id.clone());
                let group = Group {
                    id: after.id.clone(),
                    key: Some(key),
                    block: self.desired.groups.get(key),
                    display_name: &after.display_name,
                    kind: GroupKind::Security,
                    unread: Some("it is deleted, and who comes back with it cannot be read before".to_owned()),
                    members: List::default(),
                    owners: List::default(),
                    holds: BTreeSet::new(),
                };
                self.groups.insert(after.id.clone(), group);
            }
            (Address::Group(_), Operation::Update { after: Resource::Group(after), .. }) => {
                if let Some(group) = self.groups.get_mut(&after.id) {
                    group.display_name = &after.display_name;
                }
            }
            (Address::Group(_), Operation::Delete { before: Resource::Group(before) }) => {
                self.groups.remove(&before.id);
                self.gone.extend(before.id.known());
            }
            (Address::Member(..), operation) => self.edge(operation, |group| &mut group.members),
            (Address::Owner(..), operation) => self.edge(operation, |group| &mut group.owners),
            (Address::Group(_) | Address::Object { .. }, _) => {}
        }
    }

    fn edge(&mut self, operation: &'a Operation, list: impl for<'g> Fn(&'g mut Group<'a>) -> &'g mut List<'a>) {
        match operation {
            Operation::Create { after: Resource::Member(edge) | Resource::Owner(edge) } => {
                if let Some(group) = self.groups.get_mut(&edge.group_id) {
                    list(group).added.push(edge);
                }
            }
            Operation::Delete { before: Resource::Member(edge) | Resource::Owner(edge) } => {
                if let Some(group) = self.groups.get_mut(&edge.group_id) {
                    list(group).removed.extend(edge.principal_id.known());
                }
            }
            Operation::Create { .. }
            | Operation::Restore { .. }
            | Operation::Update { .. }
            | Operation::Delete { .. } => {}
        }
    }
}

/// A group that is not ours and of which nothing else is known yet.
fn of_others(id: ObjectId, display_name: &str, kind: GroupKind) -> Group<'_> {
    Group {
        id: Identity::Known(id),
        key: None,
        block: None,
        display_name,
        kind,
        unread: Some("it is not one of ours, and its members were not read".to_owned()),
        members: List::default(),
        owners: List::default(),
        holds: BTreeSet::new(),
    }
}

fn group<'a>(key: Option<&'a GroupKey>, block: Option<&'a DesiredGroup>, live: &'a LiveGroup) -> Group<'a> {
    let list = |live: &'a [LivePrincipal]| List { live, ..List::default() };
    Group {
        id: Identity::Known(live.id),
        key,
        block,
        display_name: &live.display_name,
        kind: live.kind,
        unread: None,
        members: list(&live.members),
        owners: list(&live.owners),
        holds: BTreeSet::new(),
    }
}
