//! A sandbox filled from the access files themselves, so that anybody can try their own.

use std::collections::{BTreeMap, BTreeSet};

use crate::sandbox::{Seed, SeedApplier, SeedCluster, SeedGroup, SeedNamespace, SeedServicePrincipal, SeedUser};
use crate::state::{AppId, Desired, DesiredEnvironment, Management, Namespace, ObjectId, PrincipalName, ScopeTarget};

/// The people, apps, existing groups, clusters and namespaces that the files name. The groups that rolecall would create
/// are not there yet, so that the first plan shows them.
pub(super) fn from_config(desired: &Desired) -> Seed {
    let named = named(desired);
    let domain = named
        .iter()
        .find_map(|name| match name {
            PrincipalName::User(user) => user.as_str().split_once('@').map(|(_, domain)| domain.to_ascii_lowercase()),
            PrincipalName::Guest(_)
            | PrincipalName::Group(_)
            | PrincipalName::GroupId(_)
            | PrincipalName::ServicePrincipal(_)
            | PrincipalName::Object(_) => None,
        })
        .unwrap_or_else(|| "contoso.com".to_owned());
    let mut seed = Seed::new(domain);
    seed.tenant.id = Some(desired.tenant);
    let applier = desired.appliers.iter().next().copied();
    seed.applier = SeedApplier { app_id: applier, ..SeedApplier::default() };

    let mut groups: BTreeMap<ObjectId, String> = BTreeMap::new();
    let mut apps: BTreeSet<AppId> = desired.appliers.clone();
    for name in &named {
        match name {
            PrincipalName::User(user) => {
                seed.users.push(SeedUser { user_principal_name: Some(user.to_string()), ..SeedUser::default() });
            }
            PrincipalName::Guest(mail) => {
                seed.users.push(SeedUser { mail: Some(mail.to_string()), guest: true, ..SeedUser::default() });
            }
            PrincipalName::GroupId(id) => {
                groups.insert(*id, format!("group {}", id.short()));
            }
            PrincipalName::ServicePrincipal(app) => {
                apps.insert(*app);
            }
            PrincipalName::Group(_) | PrincipalName::Object(_) => {}
        }
    }
    for (key, group) in &desired.groups {
        match group.management {
            Management::Adopted(id) | Management::External(id) => {
                groups.insert(id, group.display_name.clone().unwrap_or_else(|| key.to_string()));
            }
            Management::Owned => {}
        }
    }
    seed.groups = groups
        .into_iter()
        .map(|(id, display_name)| SeedGroup { id: Some(id), display_name, ..SeedGroup::default() })
        .collect();
    seed.service_principals = apps
        .into_iter()
        .filter(|app| Some(*app) != applier)
        .map(|app_id| SeedServicePrincipal { app_id, display_name: format!("app {app_id}"), id: None })
        .collect();
    seed.clusters = desired
        .environments
        .iter()
        .map(|(name, environment)| {
            let namespaces = namespaces(environment, desired.lock_on(name));
            (name.clone(), SeedCluster { uid: environment.cluster, namespaces, ..SeedCluster::default() })
        })
        .collect();
    seed
}

/// Everybody the files name, as member, owner or subject, or of whom they expect something.
fn named(desired: &Desired) -> BTreeSet<PrincipalName> {
    let of_groups = desired.groups.values().flat_map(|group| {
        group.members.keys().chain(group.absent.keys()).chain(group.owners.iter().flat_map(BTreeMap::keys))
    });
    let of_grants = desired
        .environments
        .values()
        .flat_map(|environment| environment.bindings.iter().map(|binding| &binding.subject));
    let expected = desired.expectations.iter().map(|expectation| &expectation.who);
    of_groups.chain(of_grants).chain(expected).cloned().collect()
}

/// The namespaces that grants name, that of the lock, and for each selector one namespace that it matches.
fn namespaces(environment: &DesiredEnvironment, lock: Option<&Namespace>) -> BTreeMap<Namespace, SeedNamespace> {
    let is_there =
        |name: &Namespace| matches!(name.as_str(), "default" | "kube-system" | "kube-public" | "kube-node-lease");
    let mut namespaces: BTreeMap<Namespace, SeedNamespace> = BTreeMap::new();
    namespaces.extend(lock.filter(|name| !is_there(name)).map(|name| (name.clone(), SeedNamespace::default())));
    for binding in &environment.bindings {
        match &binding.scope {
            ScopeTarget::Cluster => {}
            ScopeTarget::Namespace(name) if is_there(name) => {}
            ScopeTarget::Namespace(name) => {
                namespaces.entry(name.clone()).or_default();
            }
            ScopeTarget::Selector(labels) => {
                let name = labels.values().find_map(|value| value.parse().ok());
                let fallback = || format!("selected-{}", namespaces.len()).parse().ok();
                if let Some(name) = name.or_else(fallback) {
                    namespaces.entry(name).or_default().labels.extend(labels.clone());
                }
            }
        }
    }
    namespaces
}
