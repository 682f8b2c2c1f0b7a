//! From a checked config to the desired state, and to what must be read for it. Pure.

mod bindings;
mod expectations;
pub mod history;
mod query;

use std::collections::BTreeMap;

pub use query::{cluster_query, tenant_query};

use crate::config::{Config, Environment, Grant, Group, ROOT_FILE};
use crate::diagnostics::{Located, SourceMap};
use crate::state::{
    AllowedUnmanaged, Desired, DesiredEnvironment, DesiredGroup, DesiredLock, EnvironmentName, Origin, PrincipalName,
};

/// Compiles a config. The result depends on what the files say, not on the order in which they say it; where two lines
/// ask for the same, the first by path and line is named.
pub fn compile(config: &Config, sources: &SourceMap) -> Desired {
    let grants = bindings::by_environment(config);
    let on = |name: &EnvironmentName| grants.get(name).map_or(&[][..], Vec::as_slice);
    Desired {
        config: config.name.value.clone(),
        tenant: config.tenant.id.value,
        appliers: config.appliers.iter().map(|app| app.value).collect(),
        applier_lines: config.appliers.iter().map(|app| (app.value, sources.origin(app.span))).collect(),
        without_pim: config.tenant.without_pim,
        groups: config.groups.iter().map(|(key, block)| (key.clone(), group(config, block, sources))).collect(),
        environments: config
            .environments
            .iter()
            .map(|(name, block)| (name.clone(), environment(config, name, block, on(name), sources)))
            .collect(),
        expectations: expectations::compile(config, sources),
        lock: config.lock.as_ref().map(|lock| DesiredLock {
            origin: sources.origin(lock.span),
            environment: lock.environment.clone(),
            namespace: lock.namespace.clone(),
        }),
    }
}

fn group(config: &Config, group: &Group, sources: &SourceMap) -> DesiredGroup {
    let origin = sources.origin(group.span);
    DesiredGroup {
        delegated: config.delegates && *origin.file != *ROOT_FILE,
        origin,
        management: group.management,
        membership: group.membership,
        display_name: group.display_name.as_ref().map(|name| name.value.clone()),
        description: group.description.as_ref().map(|text| text.value.clone()),
        owners: group.owners.as_ref().map(|owners| with_origins(owners, sources)),
        members: with_origins(&group.members, sources),
        absent: with_origins(&group.absent, sources),
        previously: group.previously.iter().map(|key| (key.value.clone(), sources.origin(key.span))).collect(),
    }
}

fn with_origins(people: &[Located<PrincipalName>], sources: &SourceMap) -> BTreeMap<PrincipalName, Origin> {
    people.iter().map(|person| (person.value.clone(), sources.origin(person.span))).collect()
}

fn environment(
    config: &Config,
    name: &EnvironmentName,
    block: &Environment,
    grants: &[&Grant],
    sources: &SourceMap,
) -> DesiredEnvironment {
    let bindings::Compiled { roles, bindings, replacements } = bindings::compile(config, name, grants, sources);
    let allowed = block.allow_unmanaged.iter();
    DesiredEnvironment {
        origin: sources.origin(block.span),
        kind: block.kind,
        context: block.context.as_ref().map_or_else(|| name.to_string(), |context| context.value.clone()),
        cluster: block.cluster.map(|uid| uid.value),
        protected: block.protected,
        tokens: block.tokens.clone(),
        applier: block.applier.clone(),
        former_applier: None,
        roles,
        bindings,
        unmanaged: block.unmanaged,
        allow_unmanaged: allowed
            .map(|each| AllowedUnmanaged { origin: sources.origin(each.span), what: each.value.clone() })
            .collect(),
        replacements,
    }
}

#[cfg(test)]
mod tests;
