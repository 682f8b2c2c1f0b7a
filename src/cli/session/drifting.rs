//! What drift asks besides a plan.

use std::time::Instant;

use super::asking::access_difference;
use super::{Planned, Session};
use crate::access::AccessDifference;
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::plan::drift::Drift;
use crate::providers::Reader as _;
use crate::state::AppliedBy;

/// What live systems have otherwise than the files ask.
pub(in crate::cli) struct Drifted {
    /// What would put it right.
    pub(in crate::cli) planned: Planned,
    /// What is known of it.
    pub(in crate::cli) drift: Drift,
    /// What it means for people: from what the files give to what is there.
    pub(in crate::cli) access: AccessDifference,
}

impl Session {
    /// Reads the live systems, finds what is otherwise there than the files ask, and what is known of it. Nothing is written.
    pub(in crate::cli) async fn drift(&self, progress: &Progress) -> Result<Drifted, CliError> {
        let mut planned = self.plan(progress, AppliedBy::Applier).await?;
        let started = Instant::now();
        let reader = self.tenant_source()?;
        let (files, live) = ((&self.desired, planned.plan.changes.as_slice()), (&self.desired, &[][..]));
        let access = access_difference(files, live, &mut planned.observed, &reader).await;
        let drift = Drift::new(&planned.plan, &planned.observed);
        planned.spent.graph += reader.usage();
        planned.spent.others += reader.usage().requests;
        planned.spent.elapsed += started.elapsed();
        Ok(Drifted { planned, drift, access })
    }
}
