//! Changes a cluster: one object at a time, each only as the version that was read.

mod attempt;
mod body;
mod explain;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use tokio::sync::watch;

use super::api::Writing;
use super::link::Link;
use crate::providers::{Report, STOPPED, Writer};
use crate::state::{Change, ClusterUid, ConfigName, Failure, FailureKind, Outcome, Result, Usage};

/// How many changes are carried out at the same time on one cluster.
const CHANGES_AT_ONCE: usize = 8;

/// Changes one cluster.
pub struct KubernetesWriter {
    api: Writing,
    config: ConfigName,
}

impl KubernetesWriter {
    /// A writer over a link, whose objects carry the mark of `config`.
    pub fn new(link: Link, config: ConfigName) -> Self {
        Self { api: Writing::new(link), config }
    }

    async fn one(&self, change: &Change, cluster: &Result<ClusterUid>) -> Outcome {
        let checked = match (cluster, change.cluster) {
            (Err(failure), _) => Err(failure.clone()),
            (Ok(found), Some(expected)) => self.api.reading.check_cluster(*found, expected),
            (Ok(_), None) => Err(Failure::new(FailureKind::Invalid, "the change does not say which cluster it is for")),
        };
        match checked {
            Ok(()) => self.carry_out(change).await,
            Err(failure) => Outcome::Failed { failure },
        }
    }
}

#[async_trait]
impl Writer for KubernetesWriter {
    async fn write(&self, ready: &[Change], interrupted: &watch::Receiver<bool>, report: &Report<'_>) {
        if ready.is_empty() {
            return;
        }
        // Checked each time: between two calls somebody may have pointed the address at another cluster.
        let cluster = if *interrupted.borrow() { None } else { Some(self.api.reading.cluster_uid().await) };
        stream::iter(ready.iter().enumerate())
            .for_each_concurrent(CHANGES_AT_ONCE, |(position, change)| {
                let cluster = &cluster;
                async move {
                    let outcome = match cluster {
                        Some(cluster) if !*interrupted.borrow() => self.one(change, cluster).await,
                        _ => Outcome::NotTried { reason: STOPPED.to_owned() },
                    };
                    report(position, outcome);
                }
            })
            .await;
    }

    fn usage(&self) -> Usage {
        self.api.reading.usage()
    }
}

#[cfg(test)]
mod tests;
