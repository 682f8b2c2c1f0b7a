//! What `verify` does: reads the live systems, and asks the API servers themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures::StreamExt as _;

use super::{CLUSTERS_AT_ONCE, Seen, Session};
use crate::access::expectations::live::{self, Reviewed, Served, Verified};
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::desired;
use crate::providers::Reader as _;
use crate::providers::kubernetes::KubernetesReader;
use crate::report::Spent;
use crate::state::{AccessReview, EnvironmentName, Observed};

/// How often a cluster is read and asked before its answers are said to differ from ours: a binding may be written between
/// the reading and the asking, and an API server's authorizer follows its own storage a moment later.
const ROUNDS: u32 = 3;

impl Session {
    /// Holds the expectations on these environments against what is there. Nothing is written.
    pub(in crate::cli) async fn verify(
        &mut self,
        progress: &Progress,
        environments: &BTreeSet<EnvironmentName>,
    ) -> Result<(Verified, Observed, Spent), CliError> {
        let started = Instant::now();
        let Seen { mut observed, readers, graph, .. } = self.look(progress, environments, BTreeSet::new()).await?;
        if let Some(Err(failure)) = &observed.tenant {
            return Err(failure.clone().into());
        }
        let live: BTreeMap<&EnvironmentName, &KubernetesReader> =
            readers.iter().filter_map(|(name, reader)| Some((name, reader.live()?))).collect();
        let read: BTreeMap<&EnvironmentName, &KubernetesReader> = live
            .iter()
            .filter(|(name, _)| matches!(observed.clusters.get(**name), Some(Ok(_))))
            .map(|(name, reader)| (*name, *reader))
            .collect();
        progress.asking();
        let served = what_is_served(&read, &live::with_only(&self.desired)).await;
        let mut reviewed = ask(&read, live::reviews(&self.desired, &observed, &served)).await;
        let mut verified = live::verified(&self.desired, &observed, &served, &reviewed);
        for round in 1..ROUNDS {
            let differing: BTreeSet<EnvironmentName> =
                verified.differences.iter().map(|difference| difference.environment.clone()).collect();
            if differing.is_empty() {
                break;
            }
            tokio::time::sleep(self.entra.pace.first_wait * round).await;
            for (name, reader) in live.iter().filter(|(name, _)| differing.contains(**name)) {
                let cluster = reader.observe(&desired::cluster_query(&self.desired, name)).await;
                observed.clusters.insert((*name).clone(), cluster);
            }
            let mut reviews = live::reviews(&self.desired, &observed, &served);
            reviews.retain(|name, _| differing.contains(name));
            reviewed.extend(ask(&live, reviews).await);
            verified = live::verified(&self.desired, &observed, &served, &reviewed);
        }
        progress.done();
        let mut spent = Spent { graph: graph.0, others: graph.1, elapsed: started.elapsed(), ..Spent::default() };
        for reader in readers.values() {
            spent.clusters += reader.usage();
        }
        Ok((verified, observed, spent))
    }
}

async fn what_is_served(
    readers: &BTreeMap<&EnvironmentName, &KubernetesReader>,
    environments: &BTreeSet<EnvironmentName>,
) -> Served {
    let needed: Vec<_> = readers.iter().filter(|(name, _)| environments.contains(**name)).collect();
    let reads = needed.into_iter().map(|(name, reader)| async { ((*name).clone(), reader.served().await) });
    futures::stream::iter(reads).buffer_unordered(CLUSTERS_AT_ONCE).collect().await
}

async fn ask(
    readers: &BTreeMap<&EnvironmentName, &KubernetesReader>,
    reviews: BTreeMap<EnvironmentName, BTreeSet<AccessReview>>,
) -> BTreeMap<EnvironmentName, Reviewed> {
    let asked = reviews.into_iter().filter_map(|(name, reviews)| {
        let reader = *readers.get(&name)?;
        Some(async move {
            let reviews: Vec<AccessReview> = reviews.into_iter().collect();
            let answers = reader.review(&reviews).await;
            (name, reviews.into_iter().zip(answers).collect())
        })
    });
    futures::stream::iter(asked).buffer_unordered(CLUSTERS_AT_ONCE).collect().await
}
