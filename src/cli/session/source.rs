//! Where what is observed comes from: the live systems, or a snapshot of them. Nothing else of a session knows which.

use std::sync::Arc;

use async_trait::async_trait;

use super::Session;
use crate::providers::Reader;
use crate::providers::entra::EntraReader;
use crate::providers::kubernetes::KubernetesReader;
use crate::snapshot::{Lacking, RecordedCluster, RecordedTenant};
use crate::state::{
    AccessAnswer, AccessQuestion, Cluster, ClusterQuery, EnvironmentName, Failure, FailureKind, GroupAnswer,
    GroupQuestion, Result, Tenant, TenantQuery, Usage,
};

/// Whoever tells about the tenant.
pub(in crate::cli) enum TenantSource {
    /// Entra itself.
    Live(EntraReader),
    /// A snapshot.
    Recorded(RecordedTenant),
}

/// Whoever tells about a cluster.
pub(in crate::cli) enum ClusterSource {
    /// Its API server.
    Live(Box<KubernetesReader>),
    /// A snapshot.
    Recorded(RecordedCluster),
}

impl TenantSource {
    /// What was asked and a snapshot does not have.
    pub(super) fn lacking(&self) -> Lacking {
        match self {
            Self::Live(_) => Lacking::default(),
            Self::Recorded(recorded) => recorded.lacking(),
        }
    }
}

impl ClusterSource {
    /// The API server's reader, which can be asked what no snapshot knows.
    pub(super) fn live(&self) -> Option<&KubernetesReader> {
        match self {
            Self::Live(reader) => Some(reader),
            Self::Recorded(_) => None,
        }
    }
}

#[async_trait]
impl Reader for TenantSource {
    type Query = TenantQuery;
    type Snapshot = Tenant;
    type Question = GroupQuestion;
    type Answer = GroupAnswer;

    async fn observe(&self, query: &TenantQuery) -> Result<Tenant> {
        match self {
            Self::Live(reader) => reader.observe(query).await,
            Self::Recorded(recorded) => recorded.observe(query).await,
        }
    }

    async fn ask(&self, questions: &[GroupQuestion]) -> Vec<Result<GroupAnswer>> {
        match self {
            Self::Live(reader) => reader.ask(questions).await,
            Self::Recorded(recorded) => recorded.ask(questions).await,
        }
    }

    fn usage(&self) -> Usage {
        match self {
            Self::Live(reader) => reader.usage(),
            Self::Recorded(recorded) => recorded.usage(),
        }
    }
}

#[async_trait]
impl Reader for ClusterSource {
    type Query = ClusterQuery;
    type Snapshot = Cluster;
    type Question = AccessQuestion;
    type Answer = AccessAnswer;

    async fn observe(&self, query: &ClusterQuery) -> Result<Cluster> {
        match self {
            Self::Live(reader) => reader.observe(query).await,
            Self::Recorded(recorded) => recorded.observe(query).await,
        }
    }

    async fn ask(&self, questions: &[AccessQuestion]) -> Vec<Result<AccessAnswer>> {
        match self {
            Self::Live(reader) => reader.ask(questions).await,
            Self::Recorded(recorded) => recorded.ask(questions).await,
        }
    }

    fn usage(&self) -> Usage {
        match self {
            Self::Live(reader) => reader.usage(),
            Self::Recorded(recorded) => recorded.usage(),
        }
    }
}

impl Session {
    /// Whoever tells about the tenant.
    ///
    /// # Errors
    /// The credentials are for another tenant.
    pub(super) fn tenant_source(&self) -> Result<TenantSource> {
        match &self.recorded {
            Some(snapshot) => Ok(TenantSource::Recorded(RecordedTenant::new(Arc::clone(snapshot)))),
            None => EntraReader::new(&self.entra, Arc::clone(&self.chain)).map(TenantSource::Live),
        }
    }

    /// Whoever tells about the cluster of an environment.
    ///
    /// # Errors
    /// There is no way to it.
    pub(super) async fn cluster_source(&self, name: &EnvironmentName) -> Result<ClusterSource> {
        if let Some(snapshot) = &self.recorded {
            return Ok(ClusterSource::Recorded(RecordedCluster::new(Arc::clone(snapshot), name.clone())));
        }
        let missing = || {
            Failure::new(FailureKind::Unreachable, format!("the sandbox has no cluster `{name}`"))
                .with_next("it was filled before this environment was in the files; use a new folder")
        };
        let link = self.link(name).await.ok_or_else(missing)??;
        Ok(ClusterSource::Live(Box::new(KubernetesReader::new(link))))
    }
}
