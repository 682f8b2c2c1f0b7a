//! Which parts of what was observed may be used, and which count as unread.

use std::collections::BTreeMap;
use std::fmt;

use super::Unread;
use crate::state::{
    Applier, Cluster, Desired, DesiredEnvironment, EnvironmentName, Failure, FailureKind, LiveRole, Observed, Policy,
    PolicyRule, Subject, Target, Tenant,
};

/// An environment whose cluster was read.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    /// What is asked for.
    pub(super) desired: &'a DesiredEnvironment,
    /// What is there.
    pub(super) cluster: &'a Cluster,
}

impl<'a> Part<'a> {
    /// Who acts on this cluster through a subject: whoever runs this, or whoever the files say applies here.
    pub(super) fn acting(&self, subject: &Subject) -> Option<Acting<'a>> {
        let runner = Applier { user: self.cluster.username.clone(), groups: self.cluster.user_groups.clone() };
        if runner.is_bound_by(subject) {
            return Some(Acting::Runner(&self.cluster.username));
        }
        self.desired.applier.as_ref().filter(|applier| applier.is_bound_by(subject)).map(Acting::Applier)
    }

    /// The rules that a `ClusterRole` has now.
    pub(super) fn rules_of(self, name: &str) -> &'a [PolicyRule] {
        let is_it = |live: &&LiveRole| live.role.namespace.is_none() && live.role.name == name;
        self.cluster.roles.iter().find(is_it).map_or(&[], |live| &live.role.rules)
    }
}

/// An identity whose own access must not be taken away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Acting<'a> {
    /// Whoever runs this, as the API server calls them.
    Runner(&'a str),
    /// The environment's `applier:`.
    Applier(&'a Applier),
}

impl fmt::Display for Acting<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runner(name) => write!(formatter, "{name}, who runs this,"),
            Self::Applier(applier) => write!(formatter, "{applier}, the `applier` of this environment,"),
        }
    }
}

/// What a plan may be made from.
pub(super) struct Parts<'a> {
    /// Entra, unless it could not be read.
    pub(super) tenant: Option<&'a Tenant>,
    /// The clusters that could be read, those outside `--only` included.
    pub(super) clusters: BTreeMap<&'a EnvironmentName, Part<'a>>,
    /// What is wanted and could not be read, or is not what the files name.
    pub(super) unread: Vec<Unread>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(desired: &'a Desired, observed: &'a Observed, policy: &Policy) -> Self {
        let mut unread = Vec::new();
        let tenant = match tenant(desired, observed) {
            Ok(tenant) => Some(tenant),
            Err(failure) => {
                if needs_tenant(desired, policy) {
                    unread.push(Unread { environment: None, failure, allowed: false });
                }
                None
            }
        };
        let mut clusters = BTreeMap::new();
        for (name, environment) in &desired.environments {
            match cluster(name, environment, desired, observed) {
                Ok(cluster) => {
                    clusters.insert(name, Part { desired: environment, cluster });
                }
                Err(failure) if policy.only.environment(name) || policy.only.changes_entra() => {
                    // Another cluster than the one that is meant is no case of "out of reach".
                    let allowed = failure.kind != FailureKind::WrongTarget && policy.allow_unreachable.contains(name);
                    unread.push(Unread { environment: Some(name.clone()), failure, allowed });
                }
                Err(_) => {}
            }
        }
        Self { tenant, clusters, unread }
    }

    /// The environments of which nobody knows which cluster they are: not read, and without `cluster:`.
    pub(super) fn unidentified(&self, desired: &'a Desired) -> Vec<&'a EnvironmentName> {
        let environments = desired.environments.iter().filter(|(_, environment)| environment.cluster.is_none());
        environments.map(|(name, _)| name).filter(|name| !self.clusters.contains_key(*name)).collect()
    }
}

/// Whether anything that is planned needs Entra: everything but an environment without bindings.
fn needs_tenant(desired: &Desired, policy: &Policy) -> bool {
    policy.only.all_groups()
        || policy.only.0.iter().any(|target| match target {
            Target::Entra | Target::Group(_) => true,
            Target::Environment(name) => {
                desired.environments.get(name).is_some_and(|environment| !environment.bindings.is_empty())
            }
        })
}

fn tenant<'a>(desired: &Desired, observed: &'a Observed) -> Result<&'a Tenant, Failure> {
    let tenant = match &observed.tenant {
        Some(Ok(tenant)) => tenant,
        Some(Err(failure)) => return Err(failure.clone()),
        None => return Err(Failure::new(FailureKind::BadAnswer, "Entra was not read")),
    };
    if tenant.id == desired.tenant {
        Ok(tenant)
    } else {
        Err(Failure::new(
            FailureKind::WrongTarget,
            format!("the credential belongs to tenant {}, the files are for {}", tenant.id, desired.tenant),
        )
        .with_next("sign in to the tenant of the files, or correct `tenant.id` in the root file"))
    }
}

fn cluster<'a>(
    name: &EnvironmentName,
    environment: &DesiredEnvironment,
    desired: &Desired,
    observed: &'a Observed,
) -> Result<&'a Cluster, Failure> {
    let cluster = match observed.clusters.get(name) {
        Some(Ok(cluster)) => cluster,
        Some(Err(failure)) => return Err(failure.clone()),
        None => return Err(Failure::new(FailureKind::BadAnswer, format!("the cluster of {name} was not read"))),
    };
    if let Some(wanted) = environment.cluster
        && wanted != cluster.uid
    {
        return Err(Failure::new(
            FailureKind::WrongTarget,
            format!(
                "context `{}` leads to the cluster with uid {}, {name} is the one with uid {wanted}",
                environment.context, cluster.uid
            ),
        )
        .with_next("correct the context, or `cluster:` if the cluster was replaced on purpose"));
    }
    // Two environments on one cluster would prune each other's bindings.
    let twin = desired.environments.iter().find(|(other, block)| {
        *other != name
            && (block.cluster == Some(cluster.uid)
                || matches!(observed.clusters.get(*other), Some(Ok(twin)) if twin.uid == cluster.uid))
    });
    match twin {
        None => Ok(cluster),
        Some((other, _)) => Err(Failure::new(
            FailureKind::WrongTarget,
            format!("{name} and {other} are the same cluster (uid {})", cluster.uid),
        )
        .with_next("give each environment a context of its own, or make them one environment")),
    }
}
