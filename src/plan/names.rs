//! Names for the object ids of a plan, for people.

use std::collections::{BTreeMap, BTreeSet};

use super::FirstOwner;
use super::resolve::{Directory, spelt_id};
use crate::state::{
    Binding, Change, Desired, Edge, Identity, ObjectId, PrincipalName, Resolution, Resource, SubjectKind, SubjectName,
};

/// A name for every object id that occurs in the changes, as far as one is known.
pub(super) fn of_ids(changes: &[Change], directory: &Directory<'_>, desired: &Desired) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let mut nameless = BTreeSet::new();
    for change in changes {
        for resource in [change.before(), change.after()].into_iter().flatten() {
            match resource {
                Resource::Group(group) => {
                    if let Identity::Known(id) = group.id {
                        names.insert(id.to_string(), group.key.to_string());
                    }
                }
                Resource::Owner(edge) | Resource::Member(edge) => of_edge(edge, directory, &mut names),
                Resource::Role(_) => {}
                Resource::Binding(binding) => {
                    let tokens = change
                        .address
                        .environment()
                        .and_then(|name| desired.environments.get(name))
                        .map(|environment| &environment.tokens);
                    if let Some(tokens) = tokens {
                        let prefixes = (tokens.users_prefix.as_str(), tokens.groups_prefix.as_str());
                        of_binding(binding, prefixes, directory, &mut names, &mut nameless);
                    }
                }
            }
        }
    }
    if nameless.is_empty() {
        return names;
    }
    for resolution in directory.tenant().into_iter().flat_map(|tenant| tenant.directory.values()) {
        if let Resolution::Found(live) = resolution
            && nameless.contains(&live.id.to_string())
        {
            names.insert(live.id.to_string(), live.name.to_string());
        }
    }
    names
}

/// The appliers who own what is created, by object id.
pub(super) fn first_owners(
    changes: &[Change],
    directory: &Directory<'_>,
    desired: &Desired,
) -> BTreeMap<ObjectId, FirstOwner> {
    let owners = changes.iter().filter_map(|change| match change.after()? {
        Resource::Group(group) => group.first_owner,
        Resource::Owner(_) | Resource::Member(_) | Resource::Role(_) | Resource::Binding(_) => None,
    });
    let named = |id: ObjectId| {
        let app = directory.app_of(id)?;
        Some((id, FirstOwner { app, origin: desired.applier_lines.get(&app)?.clone() }))
    };
    owners.collect::<BTreeSet<_>>().into_iter().filter_map(named).collect()
}

fn of_edge(edge: &Edge, directory: &Directory<'_>, names: &mut BTreeMap<String, String>) {
    if let Identity::Known(id) = edge.group_id {
        names.insert(id.to_string(), edge.group.to_string());
    }
    let Identity::Known(id) = edge.principal_id else { return };
    let name = match &edge.principal {
        PrincipalName::Group(key) => key.to_string(),
        PrincipalName::Object(_) => {
            let group = directory.live(&edge.group);
            let live = group.and_then(|group| group.members.iter().chain(&group.owners).find(|each| each.id == id));
            match live.and_then(|live| live.display_name.as_deref().map(str::to_owned)) {
                Some(name) => name,
                None => return,
            }
        }
        name => name.to_string(),
    };
    names.insert(id.to_string(), name);
}

fn of_binding(
    binding: &Binding,
    (users, groups): (&str, &str),
    directory: &Directory<'_>,
    names: &mut BTreeMap<String, String>,
    nameless: &mut BTreeSet<String>,
) {
    for subject in &binding.subjects {
        let SubjectName::Known(name) = &subject.name else { continue };
        let prefix = match subject.kind {
            SubjectKind::User => users,
            SubjectKind::Group => groups,
            SubjectKind::ServiceAccount | SubjectKind::Other(_) => continue,
        };
        let Some(id) = name.strip_prefix(prefix).and_then(spelt_id) else { continue };
        match (&subject.principal, directory.key(id)) {
            (_, Some(key)) => names.insert(id.to_string(), key.to_string()),
            (Some(principal), None) => names.insert(id.to_string(), principal.to_string()),
            (None, None) => {
                nameless.insert(id.to_string());
                None
            }
        };
    }
}
