//! Which group of later files is which one of earlier files.

use std::collections::BTreeMap;

use super::{Desired, DesiredGroup, GroupKey, Management, ObjectId, PrincipalName};

/// By which keys the groups of earlier files go in later ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NowCalled(BTreeMap<GroupKey, GroupKey>);

impl NowCalled {
    /// By its own key where that still means it, by the key of the same object of the tenant, or by one that names it as
    /// `previously`. Groups that are gone go by none.
    pub fn new(before: &Desired, after: &Desired) -> Self {
        let object = |group: &DesiredGroup| -> Option<ObjectId> {
            match group.management {
                Management::Owned => None,
                Management::Adopted(id) | Management::External(id) => Some(id),
            }
        };
        let (mut by_object, mut previously) = (BTreeMap::new(), BTreeMap::new());
        for (key, group) in &after.groups {
            by_object.extend(object(group).map(|id| (id, key)));
            previously.extend(group.previously.keys().map(|previous| (previous, key)));
        }
        let now = |key: &GroupKey, group: &DesiredGroup| {
            let at_key = after.groups.get_key_value(key);
            let own = at_key.filter(|(_, now)| object(now) == object(group)).map(|(key, _)| key);
            let same = || object(group).and_then(|id| by_object.get(&id).copied());
            let renamed = || previously.get(key).copied();
            own.or_else(same).or_else(renamed).or_else(|| at_key.map(|(key, _)| key)).cloned()
        };
        Self(before.groups.iter().filter_map(|(key, group)| Some((key.clone(), now(key, group)?))).collect())
    }

    /// The key that a group of the earlier files goes by.
    pub fn key(&self, before: &GroupKey) -> Option<&GroupKey> {
        self.0.get(before)
    }

    /// Whom a name of the earlier files stands for, as the later ones name them.
    #[must_use]
    pub fn principal(&self, name: &PrincipalName) -> PrincipalName {
        match name {
            PrincipalName::Group(key) => PrincipalName::Group(self.key(key).unwrap_or(key).clone()),
            PrincipalName::User(_)
            | PrincipalName::Guest(_)
            | PrincipalName::GroupId(_)
            | PrincipalName::ServicePrincipal(_)
            | PrincipalName::Object(_) => name.clone(),
        }
    }
}
