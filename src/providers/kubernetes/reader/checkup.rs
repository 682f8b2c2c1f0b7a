//! What a cluster says about itself and about us, each part for itself.

use super::KubernetesReader;
use crate::state::{ClusterCheckup, Namespace, Result};

impl KubernetesReader {
    /// Asks what there is to know before anything is read. What fails takes nothing else with it.
    pub async fn check(&self) -> ClusterCheckup {
        let (version, who, uid) = futures::join!(self.api.version(), self.who_we_are(), self.api.cluster_uid());
        ClusterCheckup { version, who, uid, ahead: self.api.ahead() }
    }

    /// Whether there is a namespace that objects can be made in: one that is being deleted takes none.
    ///
    /// # Errors
    /// Why nobody knows.
    pub async fn has_namespace(&self, name: &Namespace) -> Result<bool> {
        let found = self.api.get::<k8s_openapi::api::core::v1::Namespace>("/api/v1/namespaces", name.as_str()).await;
        let found = found.map_err(|error| error.into_failure(self.api.link(), &format!("get the namespace {name}")))?;
        Ok(found.is_some_and(|found| found.metadata.deletion_timestamp.is_none()))
    }
}
