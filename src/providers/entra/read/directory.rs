//! Looking names up in bulk: fifteen a filter and twenty filters a call, for each kind of name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::names::{self, Candidates, user_principal_name};
use crate::providers::entra::client::{Filter, LARGEST_IN, Lists, Path, Permission, ReadClient};
use crate::providers::entra::model::{
    GROUP_PROPERTIES, GroupRecord, PrincipalRecord, SERVICE_PRINCIPAL_PROPERTIES, USER_PROPERTIES,
};
use crate::state::{
    Failure, FailureKind, GroupKind, LivePrincipal, Mail, ObjectId, PrincipalKind, PrincipalName, Result,
};

/// Where one kind of name is looked up.
struct Index {
    collection: &'static str,
    property: &'static str,
    properties: &'static str,
    permission: Permission,
    /// What a list of one type leaves out.
    odata_type: &'static str,
    /// The property that names it, which must be readable.
    name: fn(&PrincipalRecord) -> Option<&String>,
}

const USERS: Index = Index {
    collection: "/users",
    property: "userPrincipalName",
    properties: USER_PROPERTIES,
    permission: Permission::ReadUsers,
    odata_type: "#microsoft.graph.user",
    name: |record| record.user_principal_name.as_ref(),
};
const GUESTS: Index = Index { property: "mail", name: |record| record.mail.as_ref(), ..USERS };
const APPS: Index = Index {
    collection: "/servicePrincipals",
    property: "appId",
    properties: SERVICE_PRINCIPAL_PROPERTIES,
    permission: Permission::ReadServicePrincipals,
    odata_type: "#microsoft.graph.servicePrincipal",
    name: |record| record.app_id.as_ref(),
};

/// What was looked up.
pub(super) struct Directory {
    candidates: Candidates,
    /// Users and guests by mail, also those who cannot be meant.
    mails: BTreeMap<Mail, PrincipalRecord>,
    groups: BTreeMap<ObjectId, GroupRecord>,
}

/// Names to look up, all kinds of them together.
pub(super) struct LookUp {
    pub(super) users: Lists<PrincipalRecord>,
    pub(super) mails: Lists<PrincipalRecord>,
    pub(super) apps: Lists<PrincipalRecord>,
    pub(super) groups: Lists<GroupRecord>,
}

impl LookUp {
    pub(super) fn of(names: &[&PrincipalName]) -> Self {
        let (mut users, mut mails, mut apps, mut groups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for name in names {
            match name {
                PrincipalName::User(name) => users.push(name.to_string()),
                PrincipalName::Guest(mail) => mails.push(mail.to_string()),
                PrincipalName::ServicePrincipal(id) => apps.push(id.to_string()),
                PrincipalName::GroupId(id) => groups.push(id.to_string()),
                // A key is found through its mark or its id, and an object is nobody's name.
                PrincipalName::Group(_) | PrincipalName::Object(_) => {}
            }
        }
        Self {
            users: USERS.paths(&users),
            mails: GUESTS.paths(&mails),
            apps: APPS.paths(&apps),
            groups: Lists::new(&paths("/groups", "id", GROUP_PROPERTIES, &groups)),
        }
    }

    pub(super) fn finish(self, client: &ReadClient) -> Result<Directory> {
        let users = USERS.principals(client, self.users)?;
        let mails = GUESTS.principals(client, self.mails)?;
        let apps = APPS.principals(client, self.apps)?;
        let groups = whole(client, self.groups, "/groups", "id", Permission::ReadGroups)?;
        let mut directory = Directory::of(&users, &mails);
        directory.groups = groups.into_iter().map(|record| (record.id, record)).collect();
        for app in apps.iter().map(live) {
            directory.add(Some(app.name.clone()), app);
        }
        for group in directory.groups.values().filter(|group| group.kind() != Some(GroupKind::Microsoft365)) {
            let principal = LivePrincipal {
                id: group.id,
                kind: PrincipalKind::Group,
                name: PrincipalName::GroupId(group.id),
                user_principal_name: None,
                display_name: group.display_name.as_deref().map(Arc::from),
                enabled: None,
            };
            directory.candidates.insert(principal.name.clone(), vec![principal]);
        }
        Ok(directory)
    }
}

/// All users and guests of the tenant, to be read.
pub(super) fn everybody() -> Lists<PrincipalRecord> {
    Lists::new(&[Path::of(USERS.collection).select(USERS.properties).largest_pages()])
}

impl Directory {
    fn of(users: &[PrincipalRecord], mails: &[PrincipalRecord]) -> Self {
        let mut directory = Self {
            candidates: Candidates::new(),
            mails: mails.iter().filter_map(|record| Some((record.mail_address()?, record.clone()))).collect(),
            groups: BTreeMap::new(),
        };
        for user in users.iter().map(live) {
            directory.add(user_principal_name(&user).map(PrincipalName::User), user);
        }
        for guest in mails.iter().filter(|record| record.has_accepted() == Some(true)).map(live) {
            directory.add(Some(guest.name.clone()).filter(|_| guest.kind == PrincipalKind::Guest), guest);
        }
        directory
    }

    /// That of [`everybody`].
    pub(super) fn of_everybody(client: &ReadClient, list: Lists<PrincipalRecord>) -> Result<Self> {
        let all = USERS.principals(client, list)?;
        let guests: Vec<PrincipalRecord> =
            all.iter().filter(|record| record.kind() == PrincipalKind::Guest).cloned().collect();
        Ok(Self::of(&all, &guests))
    }

    /// Every name of a person that is known, also of those who cannot be meant.
    pub(super) fn names(&self) -> BTreeSet<PrincipalName> {
        let mails = self.mails.keys().cloned().map(PrincipalName::Guest);
        self.candidates.keys().cloned().chain(mails).collect()
    }

    fn add(&mut self, name: Option<PrincipalName>, principal: LivePrincipal) {
        if let Some(name) = name {
            names::add(self.candidates.entry(name).or_default(), principal);
        }
    }

    pub(super) fn candidates(&self, name: &PrincipalName) -> &[LivePrincipal] {
        self.candidates.get(name).map_or(&[], Vec::as_slice)
    }

    /// Why nobody is meant by a name, as a clause, and the name to use instead where one is known; `None` for names
    /// that are not looked up here.
    pub(super) fn missing(&self, name: &PrincipalName) -> Option<(String, Option<String>)> {
        let (reason, instead) = match name {
            PrincipalName::User(_) => ("nobody has this user principal name", None),
            PrincipalName::Guest(mail) => match self.mails.get(mail) {
                None => ("no guest has this mail address", None),
                Some(user) if user.clone().of_type(USERS.odata_type).kind() != PrincipalKind::Guest => (
                    "this is the mail address of somebody who is no guest; use the user principal name",
                    user.user_principal_name.clone(),
                ),
                Some(guest) if guest.has_accepted() == Some(false) => {
                    ("this guest has not accepted the invitation yet", None)
                }
                Some(_) => ("it cannot be read whether this guest has accepted the invitation", None),
            },
            PrincipalName::ServicePrincipal(_) => {
                ("no service principal of this tenant is of this app (an app id is not an object id)", None)
            }
            PrincipalName::GroupId(id) if self.groups.contains_key(id) => {
                ("this is a Microsoft 365 group, which cannot be a member of a group", None)
            }
            PrincipalName::GroupId(_) => ("no group has this id", None),
            PrincipalName::Group(_) | PrincipalName::Object(_) => return None,
        };
        Some((reason.to_owned(), instead))
    }
}

impl Index {
    fn paths(&self, names: &[String]) -> Lists<PrincipalRecord> {
        Lists::new(&paths(self.collection, self.property, self.properties, names))
    }

    fn principals(&self, client: &ReadClient, lists: Lists<PrincipalRecord>) -> Result<Vec<PrincipalRecord>> {
        let records = whole(client, lists, self.collection, self.property, self.permission)?;
        // Without it nobody would seem to have the name.
        if records.iter().any(|record| (self.name)(record).is_none()) {
            let what = format!("`{}` of {} may not be read", self.property, self.collection.trim_start_matches('/'));
            let next = format!("give the application permission `{}`, with admin consent", self.permission.name());
            return Err(Failure::new(FailureKind::Forbidden, what).with_next(next));
        }
        Ok(records.into_iter().map(|record| record.of_type(self.odata_type)).collect())
    }
}

fn live(record: &PrincipalRecord) -> LivePrincipal {
    record.to_live(&BTreeMap::new())
}

fn paths(collection: &'static str, property: &str, properties: &str, names: &[String]) -> Vec<Path> {
    let filters = names.chunks(LARGEST_IN).map(|names| Filter::among(property, names.iter().map(String::as_str)));
    filters.map(|filter| Path::of(collection).filter(&filter).select(properties)).collect()
}

fn whole<T: DeserializeOwned>(
    client: &ReadClient,
    lists: Lists<T>,
    collection: &str,
    property: &str,
    permission: Permission,
) -> Result<Vec<T>> {
    let lists = lists.finish().into_iter().collect::<std::result::Result<Vec<_>, _>>().map_err(|problem| {
        let doing = format!("looking up {} by {property}", collection.trim_start_matches('/'));
        client.failure(problem, &doing, permission)
    })?;
    Ok(lists.into_iter().flatten().collect())
}
