//! What a snapshot holds: what a plan of these files reads and asks, and what one of a change of them may ask besides.

use std::collections::{BTreeMap, BTreeSet};

use super::Session;
use super::source::TenantSource;
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::providers::Reader as _;
use crate::state::{
    AppliedBy, EnvironmentName, GroupKind, GroupQuestion, LiveGroup, Management, ObjectId, Observed, PrincipalKind,
    Tenant,
};

impl Session {
    /// Reads the live systems for a snapshot, with everybody in the tenant where that is asked. Nothing is written.
    pub(in crate::cli) async fn take(&self, progress: &Progress, everybody: bool) -> Result<Observed, CliError> {
        let mut observed = self.plan(progress, AppliedBy::Applier).await?.observed;
        let Some(Ok(tenant)) = &mut observed.tenant else { return Ok(observed) };
        progress.asking();
        let reader = self.tenant_source()?;
        if let (true, TenantSource::Live(reader)) = (everybody, &reader) {
            for (name, resolution) in reader.everybody().await? {
                // What the plan was made with stays as it is.
                tenant.directory.entry(name).or_insert(resolution);
            }
        }
        let Some(Ok(tenant)) = &observed.tenant else { return Ok(observed) };
        let questions = self.of_any_change(tenant, &observed);
        if !questions.is_empty() {
            let answers = reader.ask(&questions).await;
            observed.of_groups.record(questions, answers);
        }
        let environments: BTreeSet<EnvironmentName> = self.desired.environments.keys().cloned().collect();
        self.ask_who_else_is_bound(&reader, &environments, &mut observed).await;
        self.ask_by_which_way(&reader, &mut observed, &[]).await;
        progress.done();
        Ok(observed)
    }

    /// What a plan asks of a group once its files change it; and who is in groups of others that are in one of these.
    fn of_any_change(&self, tenant: &Tenant, observed: &Observed) -> Vec<GroupQuestion> {
        let of_groups = &observed.of_groups;
        let all: BTreeMap<ObjectId, &LiveGroup> =
            tenant.marked.values().chain(tenant.by_id.values().flatten()).map(|group| (group.id, group)).collect();
        let only_referred: BTreeSet<ObjectId> = self
            .desired
            .groups
            .values()
            .filter_map(|group| match group.management {
                Management::External(id) => Some(id),
                Management::Owned | Management::Adopted(_) => None,
            })
            .collect();
        let is_changeable = |group: &&&LiveGroup| {
            matches!(group.kind, GroupKind::Security | GroupKind::Microsoft365) && !only_referred.contains(&group.id)
        };
        let mut questions = Vec::new();
        for group in all.values().filter(is_changeable) {
            if !self.desired.without_pim && !of_groups.privileged.contains_key(&group.id) {
                questions.push(GroupQuestion::Privileged(group.id));
            }
            if !self.desired.environments.is_empty() && !of_groups.above.contains_key(&group.id) {
                questions.push(GroupQuestion::Above(group.id));
            }
        }
        let nested = all.values().flat_map(|group| &group.members).filter(|member| member.kind == PrincipalKind::Group);
        let foreign: BTreeSet<ObjectId> = nested.map(|member| member.id).collect();
        let is_open = |id: &ObjectId| !all.contains_key(id) && !of_groups.inside.contains_key(id);
        questions.extend(foreign.into_iter().filter(is_open).map(GroupQuestion::Members));
        questions
    }
}
