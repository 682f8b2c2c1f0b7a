//! Why Graph refused a write, said so that somebody can do something about it.

use std::sync::PoisonError;

use super::Run;
use super::jobs::{Job, Next};
use crate::providers::entra::client::{Meaning, Path, Problem};
use crate::providers::entra::model::{GROUP_PROPERTIES, GroupRecord};
use crate::state::{Failure, FailureKind, GroupKind, ObjectId, Outcome};

const ROLE_ASSIGNABLE: &str = "it is role-assignable";

impl Run<'_> {
    /// Settles a refused write. A 403 says nothing about its cause, so the group is looked at once.
    pub(super) async fn refused(&self, job: &Job, group: ObjectId, problem: Problem) -> Next {
        let reason = match problem.meaning() {
            Some(Meaning::ReadOnly(reason)) => Some(reason),
            Some(Meaning::Denied) => self.why_not(group).await,
            _ => None,
        };
        let Some(reason) = reason else { return self.fail(job, &problem) };
        for at in &job.changes {
            let Outcome::Failed { failure } = self.failed(job, *at, problem.clone()) else { continue };
            let next = if reason == ROLE_ASSIGNABLE {
                "give the application permission `RoleManagement.ReadWrite.Directory` as well, with admin consent"
            } else {
                "change it where it is mastered, or say `membership: external` in its block"
            };
            let what = format!("{}; this group cannot be edited: {reason}", failure.what);
            let failure = Failure::new(FailureKind::Forbidden, what).with_next(next);
            self.ledger.settle(*at, Outcome::Failed { failure });
        }
        Next::Settled
    }

    async fn why_not(&self, group: ObjectId) -> Option<&'static str> {
        if let Some(known) = self.kinds.lock().unwrap_or_else(PoisonError::into_inner).get(&group) {
            return *known;
        }
        let body = self.writer.client.reader().get(&Path::group(group).select(GROUP_PROPERTIES)).await.ok()?;
        let record: GroupRecord = serde_json::from_value(body).ok()?;
        let reason = match record.kind() {
            Some(GroupKind::Dynamic) => Some("its members come from a rule"),
            Some(GroupKind::Synced) => Some("it is synchronised from on premises"),
            Some(GroupKind::MailEnabledSecurity | GroupKind::Distribution) => Some("it is mail-enabled"),
            Some(GroupKind::Security | GroupKind::Microsoft365) | None => {
                record.role_assignable().then_some(ROLE_ASSIGNABLE)
            }
        };
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).insert(group, reason);
        reason
    }

    /// The address of a job's change, for messages.
    pub(super) fn address(&self, job: &Job) -> String {
        let change = job.changes.first().and_then(|at| self.ready.get(*at));
        change.map(|change| change.address.to_string()).unwrap_or_default()
    }
}
