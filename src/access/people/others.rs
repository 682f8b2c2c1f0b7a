//! Groups that are not ours, as far as somebody asked who is in them.

use std::collections::{BTreeMap, BTreeSet};

use super::list::List;
use super::{Group, People, Who};
use crate::state::{GroupKind, Identity, Inside, ObjectId, PrincipalKind};

impl<'a> People<'a> {
    /// Takes in who is in groups of others. Such a list is flat: whoever is in it through a group of ours leaves it with that
    /// group.
    pub(super) fn with_others(&mut self, inside: &'a BTreeMap<ObjectId, Inside>) {
        for (id, inside) in inside {
            let id = Identity::Known(*id);
            let known = self.groups.get(&id);
            if known.is_some_and(|known| known.key.is_some() || known.unread.is_none()) {
                continue;
            }
            let (display_name, holds) =
                known.map_or(("", BTreeSet::new()), |known| (known.display_name, known.holds.clone()));
            let (members, unread) = match inside {
                Inside::Read(members) => (members.as_slice(), None),
                Inside::Unreadable(why) => (&[][..], Some(why.clone())),
                Inside::Missing => {
                    self.gone.extend(id.known());
                    continue;
                }
            };
            let mut removed = BTreeSet::new();
            for inner in members.iter().filter(|member| member.kind == PrincipalKind::Group) {
                let inner = Identity::Known(inner.id);
                if self.groups.get(&inner).is_some_and(|group| group.key.is_some()) {
                    let through = self.everybody_in(&inner).0.into_iter();
                    removed.extend(through.filter_map(|who| match who {
                        Who::Id(id) => Some(id),
                        Who::Named(_) => None,
                    }));
                }
            }
            let group = Group {
                id: id.clone(),
                key: None,
                block: None,
                display_name,
                kind: GroupKind::Security,
                unread,
                members: List { live: members, removed, ..List::default() },
                owners: List::default(),
                holds,
            };
            self.others.push(members);
            self.groups.insert(id, group);
        }
    }
}
