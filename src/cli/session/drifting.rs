//! What drift asks besides a plan.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::asking::{access_difference, judge_expectations};
use super::{Planned, Session};
use crate::access::AccessDifference;
use crate::access::expectations::Judged;
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::plan::Plan;
use crate::plan::drift::Drift;
use crate::providers::Reader as _;
use crate::providers::entra::{Connection, EntraReader};
use crate::providers::http::Pace;
use crate::state::{AppliedBy, AuditTrail, Desired, Usage};

/// How long the audit log may be put off by throttling: Graph answers five such requests in ten seconds, and what it would
/// tell is only good to know.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked where it is answered by errors of the server.
const ATTEMPTS: u32 = 3;

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
    ///
    /// With `asks_who`, the tenant's audit log is asked who changed the groups that have drift, if any has; it is asked once,
    /// and what it does not tell is unknown and no error.
    pub(in crate::cli) async fn drift(&self, progress: &Progress, asks_who: bool) -> Result<Drifted, CliError> {
        let mut planned = self.plan(progress, AppliedBy::Applier).await?;
        let started = Instant::now();
        let reader = self.tenant_source()?;
        let (files, live) = ((&self.desired, planned.plan.changes.as_slice()), (&self.desired, &[][..]));
        let access = access_difference(files, live, &mut planned.observed, &reader).await;
        let trail = if asks_who { self.audit_trail(&planned).await? } else { None };
        let drift = Drift::new(
            &planned.plan,
            &planned.observed,
            &self.desired.appliers,
            trail.as_ref().map(|(trail, _)| trail),
        );
        planned.spent.graph += reader.usage();
        planned.spent.others += reader.usage().requests;
        planned.spent.graph += trail.map(|(_, usage)| usage).unwrap_or_default();
        planned.spent.elapsed += started.elapsed();
        Ok(Drifted { planned, drift, access })
    }

    /// What the audit log says of the groups that have drift, and what asking has cost.
    async fn audit_trail(&self, planned: &Planned) -> Result<Option<(AuditTrail, Usage)>, CliError> {
        let groups = Drift::groups(&planned.plan);
        if groups.is_empty() || self.recorded.is_some() {
            return Ok(None);
        }
        let pace = self.entra.pace;
        let pace =
            Pace { throttled_for: pace.throttled_for.min(PATIENCE), attempts: pace.attempts.min(ATTEMPTS), ..pace };
        let connection = Connection { pace, ..self.entra.clone() };
        let reader = EntraReader::new(&connection, Arc::clone(&self.chain))?;
        let trail = reader.audit(&groups).await;
        Ok(Some((trail, reader.usage())))
    }

    /// The expectations that other files would break by their plan, and that hold, or are not known to be broken, by these.
    pub(in crate::cli) fn newly_broken((desired, plan): (&Desired, &Plan), planned: &Planned) -> Vec<Judged> {
        let mut judged = judge_expectations(desired, &planned.observed, plan, &plan.changes);
        let is_same = |one: &Judged, other: &Judged| {
            (&one.who, &one.environment, &one.expected) == (&other.who, &other.environment, &other.expected)
        };
        judged.retain(|one| {
            one.is_broken() && !planned.expectations.iter().any(|before| before.is_broken() && is_same(one, before))
        });
        judged
    }
}
