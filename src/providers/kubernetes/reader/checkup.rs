//! What a cluster says about itself and about us, each part for itself.

use super::KubernetesReader;
use crate::state::ClusterCheckup;

impl KubernetesReader {
    /// Asks what there is to know before anything is read. What fails takes nothing else with it.
    pub async fn check(&self) -> ClusterCheckup {
        let (version, who, uid) = futures::join!(self.api.version(), self.who_we_are(), self.api.cluster_uid());
        ClusterCheckup { version, who, uid, ahead: self.api.ahead() }
    }
}
