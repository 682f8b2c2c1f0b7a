//! Who is asked about.

use std::collections::BTreeSet;

use super::Looked;
use crate::access::people::{Node, Who};
use crate::access::questions::{Asker, World};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::report::escape;
use crate::state::{
    Desired, GroupKey, Identity, ObjectId, PrincipalKind, PrincipalName, Resolution, Tenant, closest, closest_address,
    first_few,
};

/// Somebody, as the command line names them.
pub(in crate::cli) struct Whom {
    text: String,
    /// What it may be the name of, the likeliest first.
    names: Vec<PrincipalName>,
    service_account: Option<(String, String)>,
}

impl Whom {
    /// A user principal name, the mail address of a guest, an app id, an object id, or a service account.
    pub(in crate::cli) fn read(text: &str) -> Result<Self, CliError> {
        let whom = |names| Ok(Self { text: text.to_owned(), names, service_account: None });
        let refused = |hint: &str| {
            Err(CliError::user(format!("`{}` names nobody", escape::name(text))).hint(hint).exit(Exit::Usage))
        };
        let account = text.strip_prefix("system:serviceaccount:").or_else(|| text.strip_prefix("service-account:"));
        if let Some(account) = account {
            let parts = account.split_once(':').or_else(|| account.split_once('/'));
            return match parts {
                Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                    let service_account = Some((namespace.to_owned(), name.to_owned()));
                    Ok(Self { text: text.to_owned(), names: Vec::new(), service_account })
                }
                _ => refused("write a service account as system:serviceaccount:NAMESPACE:NAME"),
            };
        }
        match text.split_once(':') {
            Some(("guest", mail)) => match mail.parse() {
                Ok(mail) => whom(vec![PrincipalName::Guest(mail)]),
                Err(error) => refused(&error.to_string()),
            },
            Some(("service-principal", app)) => match app.parse() {
                Ok(app) => whom(vec![PrincipalName::ServicePrincipal(app)]),
                Err(error) => refused(&error.to_string()),
            },
            Some(("group", key)) => refused(&format!("ask `rolecall access --group {}`", escape::shell_word(key))),
            _ => {
                let names = [
                    text.parse().map(PrincipalName::User).ok(),
                    text.parse().map(PrincipalName::Guest).ok(),
                    text.parse().map(PrincipalName::ServicePrincipal).ok(),
                    text.parse().map(PrincipalName::Object).ok(),
                ];
                let names: Vec<PrincipalName> = names.into_iter().flatten().collect();
                if names.is_empty() {
                    Ok(Self { text: text.to_owned(), names, service_account: None })
                } else {
                    whom(names)
                }
            }
        }
    }

    /// The names that must be looked up.
    pub(in crate::cli) fn names(&self) -> BTreeSet<PrincipalName> {
        self.names.iter().filter(|name| !matches!(name, PrincipalName::Object(_))).cloned().collect()
    }

    /// Who it is.
    pub(in crate::cli) fn find(&self, looked: &Looked, world: &World<'_>) -> Result<Asker, CliError> {
        if let Some((namespace, name)) = self.service_account.clone() {
            return Ok(Asker::ServiceAccount { namespace, name });
        }
        let tenant = match &looked.seen.observed.tenant {
            Some(Ok(tenant)) => tenant,
            Some(Err(failure)) => return Err(failure.clone().into()),
            None => return Err(self.unknown(looked, None)),
        };
        for name in &self.names {
            match (name, tenant.directory.get(name)) {
                (PrincipalName::Object(id), _) => {
                    let who = Who::Id(*id);
                    match world.people.person(&who).kind {
                        Some(PrincipalKind::Group) => return Err(self.unknown(looked, Some(tenant))),
                        Some(_) => return Ok(Asker::Person(who)),
                        None => {}
                    }
                }
                (_, Some(Resolution::Ambiguous(several))) => {
                    let ids = first_few(several.iter().map(|live| live.id), 4);
                    return Err(CliError::user(format!(
                        "`{}` is the name of several: {ids}",
                        escape::name(&self.text)
                    ))
                    .hint("ask by object id")
                    .exit(Exit::Usage));
                }
                (_, Some(Resolution::Missing { .. } | Resolution::NotInSnapshot)) => {}
                (_, Some(Resolution::Found(_)) | None) => {
                    if let Some(Node::Person(who)) = world.people.find(name) {
                        return Ok(Asker::Person(who));
                    }
                }
            }
        }
        Err(self.unknown(looked, Some(tenant)))
    }

    fn unknown(&self, looked: &Looked, tenant: Option<&Tenant>) -> CliError {
        let error = CliError::user(match tenant.and_then(|tenant| tenant.domain.as_deref()) {
            Some(domain) => format!("nobody in {} is called `{}`", escape::name(domain), escape::name(&self.text)),
            None => format!("nobody in the tenant is called `{}`", escape::name(&self.text)),
        });
        if let Some(of) = self.group_like_it(looked, tenant) {
            let ask = format!("rolecall access --group {}", escape::shell_word(&self.text));
            return error.hint(format!("it is a group {of}: `{ask}` says what its members may do")).exit(Exit::Usage);
        }
        let suggested =
            tenant.into_iter().flat_map(|tenant| self.names.iter().filter_map(|name| tenant.directory.get(name)));
        let suggested = suggested.filter_map(|resolution| match resolution {
            Resolution::Missing { suggestion, .. } => suggestion.clone(),
            Resolution::Found(_) | Resolution::Ambiguous(_) | Resolution::NotInSnapshot => None,
        });
        let near = suggested.into_iter().next().or_else(|| nearest(&self.text, &looked.session.desired, tenant));
        let hint = near.map_or_else(
            || "name a person by user principal name, a guest by mail address, an app by app id".to_owned(),
            |near| format!("did you mean `{}`?", escape::name(&near)),
        );
        error.hint(hint).exit(Exit::Usage)
    }
}

impl Whom {
    /// Whose group it is, where it is one.
    fn group_like_it(&self, looked: &Looked, tenant: Option<&Tenant>) -> Option<&'static str> {
        let key = self.text.parse::<GroupKey>().ok();
        let id = self.text.parse::<ObjectId>().ok();
        if key.is_some_and(|key| looked.session.desired.groups.contains_key(&key)) {
            return Some("of the files");
        }
        let groups =
            tenant.into_iter().flat_map(|tenant| tenant.marked.values().chain(tenant.by_id.values().flatten()));
        let members = groups.flat_map(|group| {
            let inner = group.members.iter().filter(|member| member.kind == PrincipalKind::Group);
            inner.map(|member| member.id).chain([group.id])
        });
        let mut bound = looked.seen.observed.of_groups.inside.keys().copied();
        let id = id?;
        (members.into_iter().any(|group| group == id) || bound.any(|group| group == id)).then_some("of the tenant")
    }
}

/// A name like it, among those of the files and of the groups that were read.
fn nearest(text: &str, desired: &Desired, tenant: Option<&Tenant>) -> Option<String> {
    let in_files = desired
        .groups
        .values()
        .flat_map(|group| group.members.keys().chain(group.owners.iter().flatten().map(|(name, _)| name)));
    let live = tenant.into_iter().flat_map(|tenant| tenant.marked.values());
    let live = live.flat_map(|group| group.members.iter().chain(&group.owners)).map(|live| &live.name);
    let names: BTreeSet<&str> = in_files
        .chain(live)
        .filter_map(|name| match name {
            PrincipalName::User(user) => Some(user.as_str()),
            PrincipalName::Guest(mail) => Some(mail.as_str()),
            PrincipalName::Group(_)
            | PrincipalName::GroupId(_)
            | PrincipalName::ServicePrincipal(_)
            | PrincipalName::Object(_) => None,
        })
        .collect();
    // Whoever is asked about is somebody, so that a long shot is better than nothing.
    let far = || closest(&text.to_lowercase(), names.iter().copied());
    closest_address(text, names.iter().copied()).or_else(far).map(str::to_owned)
}

/// A group, by key or object id.
pub(in crate::cli) fn group(text: &str, looked: &Looked, world: &World<'_>) -> Result<Asker, CliError> {
    let desired = &looked.session.desired;
    let key = text.parse::<GroupKey>().ok().filter(|key| desired.groups.contains_key(key));
    let id = match (key, text.parse::<ObjectId>()) {
        (Some(key), _) => Some(world.people.id_of(&key).cloned().unwrap_or(Identity::AfterApply(key))),
        (None, Ok(id)) => Some(Identity::Known(id)),
        (None, Err(_)) => None,
    };
    match (id, &looked.seen.observed.tenant) {
        // Neither what it is called on a cluster nor what it is in would be known.
        (Some(_), Some(Err(failure))) => return Err(failure.clone().into()),
        (Some(id), _) => return Ok(Asker::Group(id)),
        (None, _) => {}
    }
    let keys = || desired.groups.keys().map(GroupKey::as_str);
    let hint = match closest(text, keys()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name a group by its key in the files, or by its object id".to_owned(),
    };
    Err(CliError::user(format!("no group of the files is called `{}`", escape::name(text)))
        .hint(hint)
        .exit(Exit::Usage))
}
