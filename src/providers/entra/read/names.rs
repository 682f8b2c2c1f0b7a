//! What each name in the files stands for. Nobody whom a list already names is looked up; the rest in bulk.

use std::collections::{BTreeMap, BTreeSet};

use crate::providers::entra::client::{Filter, LARGEST_IN, Path, Permission, ReadClient};
use crate::providers::entra::model::{
    GROUP_PROPERTIES, GroupRecord, PrincipalRecord, SERVICE_PRINCIPAL_PROPERTIES, USER_PROPERTIES,
};
use crate::state::{
    GroupKey, GroupKind, LiveGroup, LivePrincipal, ObjectId, PrincipalKind, PrincipalName, Resolution, Result,
    UserPrincipalName,
};

type Candidates = BTreeMap<PrincipalName, BTreeMap<ObjectId, LivePrincipal>>;

/// Resolves every name.
pub(super) async fn resolve(
    client: &ReadClient,
    names: &BTreeSet<PrincipalName>,
    live: &BTreeMap<ObjectId, LiveGroup>,
    guests: &BTreeSet<ObjectId>,
    keys: &BTreeMap<ObjectId, GroupKey>,
) -> Result<BTreeMap<PrincipalName, Resolution>> {
    let seen = seen(names, live, guests, keys);
    let unseen: Vec<&PrincipalName> = names.iter().filter(|name| !seen.contains_key(name)).collect();
    let text = |pick: fn(&PrincipalName) -> Option<String>| -> Vec<String> {
        unseen.iter().filter_map(|name| pick(name)).collect()
    };
    let users = text(|name| match name {
        PrincipalName::User(name) => Some(name.to_string()),
        _ => None,
    });
    let mails = text(|name| match name {
        PrincipalName::Guest(mail) => Some(mail.to_string()),
        _ => None,
    });
    let apps = text(|name| match name {
        PrincipalName::ServicePrincipal(id) => Some(id.to_string()),
        _ => None,
    });
    let groups = text(|name| match name {
        PrincipalName::GroupId(id) => Some(id.to_string()),
        _ => None,
    });
    let (users, mails, apps, groups) = futures::try_join!(
        look_up::<PrincipalRecord>(
            client,
            "/users",
            "userPrincipalName",
            USER_PROPERTIES,
            &users,
            Permission::ReadUsers
        ),
        look_up::<PrincipalRecord>(client, "/users", "mail", USER_PROPERTIES, &mails, Permission::ReadUsers),
        look_up::<PrincipalRecord>(
            client,
            "/servicePrincipals",
            "appId",
            SERVICE_PRINCIPAL_PROPERTIES,
            &apps,
            Permission::ReadServicePrincipals
        ),
        look_up::<GroupRecord>(client, "/groups", "id", GROUP_PROPERTIES, &groups, Permission::ReadGroups),
    )?;
    let found = LookedUp { users, mails, apps, groups, live };
    let mut directory: BTreeMap<_, _> =
        unseen.into_iter().filter_map(|name| Some((name.clone(), found.resolve(name)?))).collect();
    directory.extend(seen.into_iter().filter_map(|(name, candidates)| Some((name, resolution(candidates)?))));
    Ok(directory)
}

/// Who is named by what was read already.
fn seen(
    names: &BTreeSet<PrincipalName>,
    live: &BTreeMap<ObjectId, LiveGroup>,
    guests: &BTreeSet<ObjectId>,
    keys: &BTreeMap<ObjectId, GroupKey>,
) -> Candidates {
    let mut seen = Candidates::new();
    let mut note = |name: PrincipalName, principal: &LivePrincipal| {
        if names.contains(&name) {
            seen.entry(name).or_default().insert(principal.id, principal.clone());
        }
    };
    for group in live.values() {
        for principal in group.owners.iter().chain(&group.members) {
            match principal.kind {
                PrincipalKind::User | PrincipalKind::Guest => {
                    if let Some(name) = user_principal_name(principal) {
                        note(PrincipalName::User(name), principal);
                    }
                    if guests.contains(&principal.id) {
                        note(principal.name.clone(), principal);
                    }
                }
                PrincipalKind::Group => note(PrincipalName::GroupId(principal.id), principal),
                PrincipalKind::ServicePrincipal => note(principal.name.clone(), principal),
                PrincipalKind::Device | PrincipalKind::Contact | PrincipalKind::Other => {}
            }
        }
    }
    for group in live.values() {
        let principal = as_principal(group, keys);
        if group.kind != GroupKind::Microsoft365 {
            note(PrincipalName::GroupId(group.id), &principal);
        }
        note(principal.name.clone(), &principal);
    }
    seen
}

fn as_principal(group: &LiveGroup, keys: &BTreeMap<ObjectId, GroupKey>) -> LivePrincipal {
    LivePrincipal {
        id: group.id,
        kind: PrincipalKind::Group,
        name: keys.get(&group.id).map_or(PrincipalName::GroupId(group.id), |key| PrincipalName::Group(key.clone())),
        user_principal_name: None,
        display_name: Some(group.display_name.clone()),
        enabled: None,
    }
}

fn user_principal_name(principal: &LivePrincipal) -> Option<UserPrincipalName> {
    principal.user_principal_name.as_deref()?.parse().ok()
}

/// Fifteen names a filter and twenty filters a call.
async fn look_up<T: serde::de::DeserializeOwned>(
    client: &ReadClient,
    collection: &'static str,
    property: &str,
    properties: &str,
    names: &[String],
    permission: Permission,
) -> Result<Vec<T>> {
    let chunks = names.chunks(LARGEST_IN);
    let paths: Vec<_> = chunks
        .map(|names| {
            let filter = Filter::among(property, names.iter().map(String::as_str));
            Path::of(collection).filter(&filter).select(properties)
        })
        .collect();
    let lists = client.lists(&paths).await.into_iter().collect::<std::result::Result<Vec<_>, _>>();
    let lists = lists.map_err(|problem| {
        let doing = format!("looking up {} in {}", property, collection.trim_start_matches('/'));
        client.failure(problem, &doing, permission)
    })?;
    Ok(lists.into_iter().flatten().collect())
}

/// What the look-ups gave.
struct LookedUp<'a> {
    users: Vec<PrincipalRecord>,
    mails: Vec<PrincipalRecord>,
    apps: Vec<PrincipalRecord>,
    groups: Vec<GroupRecord>,
    live: &'a BTreeMap<ObjectId, LiveGroup>,
}

impl LookedUp<'_> {
    /// `None` for names that are nobody's to look up.
    fn resolve(&self, name: &PrincipalName) -> Option<Resolution> {
        match name {
            PrincipalName::User(_) | PrincipalName::Guest(_) | PrincipalName::ServicePrincipal(_) => {
                let candidates = self.candidates(name);
                Some(resolution(candidates).unwrap_or_else(|| self.missing(name)))
            }
            PrincipalName::GroupId(id) => Some(self.group(*id)),
            PrincipalName::Group(_) | PrincipalName::Object(_) => None,
        }
    }

    fn candidates(&self, name: &PrincipalName) -> BTreeMap<ObjectId, LivePrincipal> {
        let live = |record: &PrincipalRecord, kind: &str| {
            record.clone().of_type(&format!("#microsoft.graph.{kind}")).into_live(&BTreeMap::new())
        };
        let users = self.users.iter().map(|record| live(record, "user"));
        let users = users.filter(|user| user_principal_name(user).map(PrincipalName::User).as_ref() == Some(name));
        let guests = self.mails.iter().filter(|record| record.has_accepted()).map(|record| live(record, "user"));
        let guests = guests.filter(|guest| guest.kind == PrincipalKind::Guest && guest.name == *name);
        let apps = self.apps.iter().map(|record| live(record, "servicePrincipal")).filter(|app| app.name == *name);
        users.chain(guests).chain(apps).map(|principal| (principal.id, principal)).collect()
    }

    fn missing(&self, name: &PrincipalName) -> Resolution {
        let (reason, suggestion) = match name {
            PrincipalName::User(name) => {
                ("nobody has this user principal name".to_owned(), closest(name.as_str(), &self.known_users()))
            }
            PrincipalName::Guest(mail) => {
                let same_mail = self.mails.iter().find(|record| record.mail().as_ref() == Some(mail));
                match same_mail.map(|record| record.clone().of_type("#microsoft.graph.user")) {
                    Some(guest) if guest.kind() == PrincipalKind::Guest => {
                        ("this guest has not accepted the invitation yet".to_owned(), None)
                    }
                    Some(user) => (
                        "this is the mail address of somebody who is no guest; use the user principal name".to_owned(),
                        user.user_principal_name,
                    ),
                    None => ("no guest has this mail address".to_owned(), closest(mail.as_str(), &self.known_guests())),
                }
            }
            PrincipalName::ServicePrincipal(_) => {
                ("no service principal of this tenant is of this app (an app id is not an object id)".to_owned(), None)
            }
            PrincipalName::GroupId(_) => ("no group has this id".to_owned(), None),
            PrincipalName::Group(_) | PrincipalName::Object(_) => ("nothing has this name".to_owned(), None),
        };
        Resolution::Missing { reason, suggestion }
    }

    fn group(&self, id: ObjectId) -> Resolution {
        let kind = self.groups.iter().find(|record| record.id == id).map(GroupRecord::kind);
        match kind.or_else(|| self.live.get(&id).map(|group| Some(group.kind))) {
            None => self.missing(&PrincipalName::GroupId(id)),
            Some(Some(GroupKind::Microsoft365)) => Resolution::Missing {
                reason: "this is a Microsoft 365 group, which cannot be a member of a group".to_owned(),
                suggestion: None,
            },
            Some(_) => Resolution::Found(LivePrincipal {
                id,
                kind: PrincipalKind::Group,
                name: PrincipalName::GroupId(id),
                user_principal_name: None,
                display_name: self
                    .groups
                    .iter()
                    .find(|record| record.id == id)
                    .and_then(|found| found.display_name.clone()),
                enabled: None,
            }),
        }
    }

    fn principals(&self) -> impl Iterator<Item = &LivePrincipal> {
        self.live.values().flat_map(|group| group.owners.iter().chain(&group.members))
    }

    fn known_users(&self) -> BTreeSet<String> {
        let users = self.principals().filter(|principal| principal.kind == PrincipalKind::User);
        users.filter_map(user_principal_name).map(|name| name.to_string()).collect()
    }

    fn known_guests(&self) -> BTreeSet<String> {
        let names = self.principals().filter_map(|principal| match &principal.name {
            PrincipalName::Guest(mail) => Some(mail.to_string()),
            _ => None,
        });
        names.collect()
    }
}

fn resolution(candidates: BTreeMap<ObjectId, LivePrincipal>) -> Option<Resolution> {
    let mut candidates: Vec<_> = candidates.into_values().collect();
    if candidates.len() > 1 {
        return Some(Resolution::Ambiguous(candidates));
    }
    candidates.pop().map(Resolution::Found)
}

/// The nearest name that is at most two slips away.
fn closest(name: &str, known: &BTreeSet<String>) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let near = known.iter().map(|other| (strsim::osa_distance(&name, other), other));
    near.filter(|(distance, _)| (1..=2).contains(distance)).min().map(|(_, other)| other.clone())
}
