//! What must be read to compare the desired state with the live one, narrowed by `--only`.

use std::collections::{BTreeMap, BTreeSet};

use crate::state::{
    ClusterQuery, Desired, DesiredEnvironment, DesiredGroup, EnvironmentName, GroupKey, GroupNaming, Management, Only,
    PrincipalName, TenantQuery,
};

/// What to read from Entra.
///
/// Groups are read when they are planned, when a planned group holds them or they hold one, and when an environment that is
/// planned binds them: a binding needs their object id, whether they are ours shows in their owners, and whoever joins a
/// group joins what holds it.
pub fn tenant_query(desired: &Desired, only: &Only) -> TenantQuery {
    let mut groups: BTreeMap<GroupKey, Management> = BTreeMap::new();
    let mut principals: BTreeSet<PrincipalName> =
        desired.appliers.iter().map(|app| PrincipalName::ServicePrincipal(*app)).collect();
    let planned = desired.groups.iter().filter(|(key, _)| only.group(key));
    let bound = desired
        .environments
        .iter()
        .filter(|(name, _)| only.environment(name))
        .flat_map(|(_, environment)| &environment.bindings)
        .map(|binding| &binding.subject);
    let members = planned.clone().flat_map(|(_, group)| group.members.keys().chain(group.absent.keys()));
    let referred: BTreeSet<&PrincipalName> = bound.chain(members).collect();

    let holding = holding(desired, planned.clone().map(|(key, _)| key));
    for key in planned
        .clone()
        .map(|(key, _)| key)
        .chain(holding.iter().copied())
        .chain(referred.iter().filter_map(|name| group_of(name)))
    {
        if let Some(group) = desired.groups.get(key) {
            groups.insert(key.clone(), group.management);
            // The live group may still carry a key from before.
            groups.extend(group.previously.keys().map(|previous| (previous.clone(), Management::Owned)));
        }
    }
    let owners = groups.keys().filter_map(|key| desired.groups.get(key)).filter_map(|group| group.owners.as_ref());
    principals.extend(owners.flat_map(BTreeMap::keys).cloned());
    // What groups mean is judged on every cluster, so that somebody is expected something on any.
    let is_judged = |name: &EnvironmentName| only.environment(name) || only.changes_entra();
    let expected = desired.expectations.iter();
    let expected = expected.filter(|one| one.environments.iter().any(is_judged));
    principals.extend(expected.map(|one| &one.who).filter(|who| group_of(who).is_none()).cloned());
    principals.extend(referred.into_iter().filter(|name| group_of(name).is_none()).cloned());

    TenantQuery {
        tenant: desired.tenant,
        config: desired.config.clone(),
        display_names: planned.filter_map(|(key, group)| Some((key.clone(), display_name(key, group)?))).collect(),
        unique_display_names: known_by_display_name(desired, only)
            .filter(|key| groups.contains_key(*key))
            .flat_map(|key| {
                let previously = desired.groups.get(key).into_iter().flat_map(|group| group.previously.keys());
                std::iter::once(key).chain(previously).cloned()
            })
            .collect(),
        groups,
        principals,
    }
}

/// What to read from one cluster.
pub fn cluster_query(desired: &Desired, environment: &EnvironmentName) -> ClusterQuery {
    ClusterQuery {
        environment: environment.clone(),
        config: desired.config.clone(),
        cluster: desired.environments.get(environment).and_then(|environment| environment.cluster),
    }
}

fn group_of(name: &PrincipalName) -> Option<&GroupKey> {
    match name {
        PrincipalName::Group(key) => Some(key),
        PrincipalName::User(_)
        | PrincipalName::Guest(_)
        | PrincipalName::GroupId(_)
        | PrincipalName::ServicePrincipal(_)
        | PrincipalName::Object(_) => None,
    }
}

/// The groups of the files that hold one of these, directly or through others, and that are none of them.
fn holding<'a>(desired: &'a Desired, held: impl Iterator<Item = &'a GroupKey>) -> BTreeSet<&'a GroupKey> {
    let planned: BTreeSet<&GroupKey> = held.collect();
    let mut all = planned.clone();
    loop {
        let holds = |group: &DesiredGroup| group.members.keys().filter_map(group_of).any(|key| all.contains(key));
        let more: Vec<&GroupKey> = desired
            .groups
            .iter()
            .filter(|(key, group)| !all.contains(key) && holds(group))
            .map(|(key, _)| key)
            .collect();
        if more.is_empty() {
            return all.difference(&planned).copied().collect();
        }
        all.extend(more);
    }
}

/// The display name that a group will have, where the files decide it.
fn display_name(key: &GroupKey, group: &DesiredGroup) -> Option<String> {
    match (&group.display_name, group.management) {
        (Some(name), _) => Some(name.clone()),
        (None, Management::Owned) => Some(key.to_string()),
        (None, Management::Adopted(_) | Management::External(_)) => None,
    }
}

/// Groups that some cluster knows by display name, whether or not that cluster is planned now, as a change of the name
/// counts there too: those that it binds, and those that are changed now or hold one that is, as who comes to them comes to
/// whatever the name was given there.
fn known_by_display_name<'a>(desired: &'a Desired, only: &'a Only) -> impl Iterator<Item = &'a GroupKey> {
    let by_name = |environment: &&DesiredEnvironment| environment.tokens.groups == GroupNaming::DisplayName;
    let environments = desired.environments.values().filter(by_name);
    let is_one = environments.clone().next().is_some();
    let is_changed = move |key: &GroupKey, group: &DesiredGroup| {
        is_one && only.group(key) && !matches!(group.management, Management::External(_))
    };
    let changed = desired.groups.iter().filter(move |(key, group)| is_changed(key, group)).map(|(key, _)| key);
    let holding = holding(desired, changed.clone());
    let changed = changed.chain(holding);
    let bound = environments.flat_map(|environment| &environment.bindings);
    bound.filter_map(|binding| group_of(&binding.subject)).chain(changed)
}
