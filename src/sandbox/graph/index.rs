//! Where objects are by name: without it, looking everybody up one by one would cost people × people.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{Group, User};
use crate::state::ObjectId;

/// Live users and groups by the properties that clients look for. Names are in lower case, as the directory compares them.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    users: Names,
    groups: Names,
    unique_names: BTreeMap<String, ObjectId>,
}

/// Property, value → ids.
#[derive(Clone, Debug, Default)]
struct Names(BTreeMap<&'static str, BTreeMap<String, BTreeSet<ObjectId>>>);

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'f> {
    /// Exactly this.
    Text(&'f str),
    /// Anything that starts so.
    Prefix(&'f str),
}

impl Index {
    pub(super) fn learn_user(&mut self, user: &User) {
        for (property, value) in names_of_user(user) {
            self.users.learn(property, value, user.id);
        }
    }

    pub(super) fn forget_user(&mut self, user: &User) {
        for (property, value) in names_of_user(user) {
            self.users.forget(property, value, user.id);
        }
    }

    pub(super) fn learn_group(&mut self, group: &Group) {
        for (property, value) in names_of_group(group) {
            self.groups.learn(property, value, group.id);
        }
        if let Some(name) = &group.unique_name {
            self.unique_names.insert(name.clone(), group.id);
        }
    }

    pub(super) fn forget_group(&mut self, group: &Group) {
        for (property, value) in names_of_group(group) {
            self.groups.forget(property, value, group.id);
        }
        if let Some(name) = &group.unique_name {
            self.unique_names.remove(name);
        }
    }

    pub(super) fn unique_name(&self, name: &str) -> Option<ObjectId> {
        self.unique_names.get(name).copied()
    }

    /// The users that may match; `None` when that property is not indexed.
    pub(super) fn users(&self, property: &str, wanted: Wanted<'_>) -> Option<BTreeSet<ObjectId>> {
        if property == "id" { by_id(wanted) } else { self.users.find(property, wanted) }
    }

    /// The groups that may match; `None` when that property is not indexed.
    pub(super) fn groups(&self, property: &str, wanted: Wanted<'_>) -> Option<BTreeSet<ObjectId>> {
        if property == "id" { by_id(wanted) } else { self.groups.find(property, wanted) }
    }
}

fn by_id(wanted: Wanted<'_>) -> Option<BTreeSet<ObjectId>> {
    match wanted {
        Wanted::Text(id) => Some(id.parse().into_iter().collect()),
        Wanted::Prefix(_) => None,
    }
}

fn names_of_user(user: &User) -> impl Iterator<Item = (&'static str, &str)> {
    let name = [("userPrincipalName", user.user_principal_name.as_str())];
    name.into_iter().chain(user.mail.as_deref().map(|mail| ("mail", mail)))
}

fn names_of_group(group: &Group) -> [(&'static str, &str); 2] {
    [("displayName", &group.display_name), ("mailNickname", &group.mail_nickname)]
}

impl Names {
    fn learn(&mut self, property: &'static str, value: &str, id: ObjectId) {
        self.0.entry(property).or_default().entry(value.to_lowercase()).or_default().insert(id);
    }

    fn forget(&mut self, property: &'static str, value: &str, id: ObjectId) {
        let Some(values) = self.0.get_mut(property) else { return };
        let value = value.to_lowercase();
        if let Some(ids) = values.get_mut(&value) {
            ids.remove(&id);
            if ids.is_empty() {
                values.remove(&value);
            }
        }
    }

    fn find(&self, property: &str, wanted: Wanted<'_>) -> Option<BTreeSet<ObjectId>> {
        let values = self.0.get(property)?;
        Some(match wanted {
            Wanted::Text(text) => values.get(&text.to_lowercase()).cloned().unwrap_or_default(),
            Wanted::Prefix(prefix) => {
                let prefix = prefix.to_lowercase();
                let found = values.range(prefix.clone()..).take_while(|(value, _)| value.starts_with(&prefix));
                found.flat_map(|(_, ids)| ids.iter().copied()).collect()
            }
        })
    }
}
