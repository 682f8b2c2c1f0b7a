//! What a question about access needs to see: everybody in the groups of the files, and some of the clusters.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{ClusterSource, TenantSource};
use super::{Compared, Session};
use crate::access::People;
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::desired;
use crate::providers::Reader as _;
use crate::state::{
    AppliedBy, Change, Cluster, EnvironmentName, Failure, FailureKind, GroupQuestion, GroupsClaim, ObjectId, Observed,
    Only, PrincipalName, Target, TenantQuery, TokenNaming, Usage,
};

/// What was seen.
pub(in crate::cli) struct Seen {
    pub(in crate::cli) observed: Observed,
    /// The changes of the plan, where one was asked for.
    pub(in crate::cli) changes: Option<Vec<Change>>,
    /// The clusters that can be asked more, where nothing is planned.
    pub(super) readers: BTreeMap<EnvironmentName, ClusterSource>,
    /// What was spent on Graph, and how many of its calls were about groups that are not ours.
    pub(super) graph: (Usage, u64),
}

impl Session {
    /// Reads the live systems: these environments, and who these names stand for.
    pub(in crate::cli) async fn look(
        &mut self,
        progress: &Progress,
        environments: &BTreeSet<EnvironmentName>,
        names: BTreeSet<PrincipalName>,
    ) -> Result<Seen, CliError> {
        self.policy.only = Only(environments.iter().cloned().map(Target::Environment).collect());
        let reader = self.tenant_source()?;
        // Whoever is in a group that is nested in another one may, too: all of them are read.
        let mut query = desired::tenant_query(&self.desired, &Only::default());
        query.principals.extend(names);
        progress.reading(environments.iter().map(EnvironmentName::as_str));
        let tenant = async {
            let tenant = reader.observe(&query).await;
            progress.read_entra();
            tenant
        };
        let reading = async { tokio::join!(tenant, self.observe_clusters(progress)) };
        let (tenant, (mut clusters, readers)) = progress.through(reading).await;
        for (name, error) in std::mem::take(&mut self.unroutable) {
            let mut failure = Failure::new(FailureKind::Unreachable, error.message);
            failure.next = error.hints.into_iter().next();
            clusters.insert(name, Err(failure));
        }
        let mut observed = Observed { tenant: Some(tenant), clusters, ..Observed::default() };
        let before_others = reader.usage().requests;
        self.ask_who_else_is_bound(&reader, environments, &mut observed).await;
        self.ask_by_which_way(&reader, &mut observed, &[]).await;
        progress.done();
        let graph = (reader.usage(), reader.usage().requests - before_others);
        Ok(Seen { observed, changes: None, readers, graph })
    }

    /// The same, and what would change.
    pub(in crate::cli) async fn look_ahead(
        &self,
        progress: &Progress,
        environments: &BTreeSet<EnvironmentName>,
        names: BTreeSet<PrincipalName>,
    ) -> Result<Seen, CliError> {
        let Compared { plan, mut observed, reader, .. } = self.compare(progress, AppliedBy::Applier).await?;
        if let Some(Ok(tenant)) = &mut observed.tenant {
            let more: BTreeSet<PrincipalName> =
                names.into_iter().filter(|name| !tenant.directory.contains_key(name)).collect();
            if !more.is_empty() {
                let query = TenantQuery {
                    tenant: self.desired.tenant,
                    config: self.desired.config.clone(),
                    groups: BTreeMap::new(),
                    display_names: BTreeMap::new(),
                    unique_display_names: BTreeSet::new(),
                    principals: more,
                };
                match reader.observe(&query).await {
                    Ok(found) => tenant.directory.extend(found.directory),
                    Err(failure) => observed.tenant = Some(Err(failure)),
                }
            }
        }
        self.ask_who_else_is_bound(&reader, environments, &mut observed).await;
        self.ask_by_which_way(&reader, &mut observed, &plan.changes).await;
        progress.done();
        Ok(Seen { observed, changes: Some(plan.changes), readers: BTreeMap::new(), graph: (reader.usage(), 0) })
    }

    /// Reads by which way people are in groups of others, where it matters.
    pub(super) async fn ask_by_which_way(&self, reader: &TenantSource, observed: &mut Observed, changes: &[Change]) {
        let Some(Ok(tenant)) = &observed.tenant else { return };
        let people = People::planned(&self.desired, tenant, &observed.of_groups, changes);
        let assigned =
            self.desired.environments.iter().filter(|(_, block)| block.tokens.claim == GroupsClaim::AssignedGroups);
        let assigned = assigned.flat_map(|(name, block)| {
            let cluster = observed.clusters.get(name).and_then(|cluster| cluster.as_ref().ok());
            cluster.into_iter().flat_map(|cluster| groups_bound(&people, cluster, &block.tokens))
        });
        let doubts = people.doubts(&observed.of_groups, &assigned.collect());
        if !doubts.is_empty() {
            let answers = reader.ask(&doubts).await;
            observed.of_groups.record(doubts, answers);
        }
    }

    /// Reads who is in the groups that are bound on these clusters and that the files do not know.
    pub(super) async fn ask_who_else_is_bound(
        &self,
        reader: &TenantSource,
        environments: &BTreeSet<EnvironmentName>,
        observed: &mut Observed,
    ) {
        let Some(Ok(tenant)) = &observed.tenant else { return };
        let known: BTreeSet<ObjectId> =
            tenant.marked.values().chain(tenant.by_id.values().flatten()).map(|group| group.id).collect();
        let people = People::live(&self.desired, tenant, &observed.of_groups);
        let mut bound: BTreeSet<ObjectId> = BTreeSet::new();
        for (name, environment) in self.desired.environments.iter().filter(|(name, _)| environments.contains(*name)) {
            let Some(Ok(cluster)) = observed.clusters.get(name) else { continue };
            bound.extend(groups_bound(&people, cluster, &environment.tokens));
        }
        let is_open = |id: &ObjectId| !known.contains(id) && !observed.of_groups.inside.contains_key(id);
        let questions: Vec<GroupQuestion> = bound.into_iter().filter(is_open).map(GroupQuestion::Members).collect();
        if !questions.is_empty() {
            let answers = reader.ask(&questions).await;
            observed.of_groups.record(questions, answers);
        }
    }
}

/// The object ids of the groups that are bound on a cluster.
fn groups_bound(people: &People<'_>, cluster: &Cluster, tokens: &TokenNaming) -> BTreeSet<ObjectId> {
    let subjects = cluster.bindings.iter().flat_map(|live| &live.binding.subjects);
    subjects.flat_map(|subject| people.meant(subject, tokens)).collect()
}
