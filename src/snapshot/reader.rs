//! Readers over a snapshot. They hold nothing by which anything could be contacted.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Lacking, Snapshot};
use crate::providers::Reader;
use crate::state::{
    AccessAnswer, AccessQuestion, Cluster, ClusterQuery, EnvironmentName, GroupAnswer, GroupQuestion, Result, Tenant,
    TenantQuery, Usage,
};

/// The tenant of a snapshot.
#[derive(Debug)]
pub struct RecordedTenant {
    snapshot: Arc<Snapshot>,
    lacking: Mutex<Lacking>,
}

impl RecordedTenant {
    /// That of this snapshot.
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, lacking: Mutex::default() }
    }

    /// What was asked so far and is not in the snapshot.
    pub fn lacking(&self) -> Lacking {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Reader for RecordedTenant {
    type Query = TenantQuery;
    type Snapshot = Tenant;
    type Question = GroupQuestion;
    type Answer = GroupAnswer;

    async fn observe(&self, query: &TenantQuery) -> Result<Tenant> {
        let (tenant, lacking) = self.snapshot.tenant(query)?;
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner).add(lacking);
        Ok(tenant)
    }

    async fn ask(&self, questions: &[GroupQuestion]) -> Vec<Result<GroupAnswer>> {
        questions.iter().map(|question| self.snapshot.of_group(question)).collect()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

/// A cluster of a snapshot.
#[derive(Debug)]
pub struct RecordedCluster {
    snapshot: Arc<Snapshot>,
    environment: EnvironmentName,
}

impl RecordedCluster {
    /// That of this environment.
    pub fn new(snapshot: Arc<Snapshot>, environment: EnvironmentName) -> Self {
        Self { snapshot, environment }
    }
}

#[async_trait]
impl Reader for RecordedCluster {
    type Query = ClusterQuery;
    type Snapshot = Cluster;
    type Question = AccessQuestion;
    type Answer = AccessAnswer;

    async fn observe(&self, query: &ClusterQuery) -> Result<Cluster> {
        self.snapshot.cluster(query)
    }

    async fn ask(&self, questions: &[AccessQuestion]) -> Vec<Result<AccessAnswer>> {
        questions.iter().map(|question| self.snapshot.right(&self.environment, question)).collect()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}
