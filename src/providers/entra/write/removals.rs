//! Removing owners and members. There is no removal of many at once, so each is a request, twenty in a call.

use super::Run;
use super::jobs::{Job, Next};
use crate::providers::entra::client::{Meaning, MembershipRef, Written};
use crate::state::{Failure, FailureKind, Outcome};

impl Run<'_> {
    pub(super) async fn judge_removal(&self, job: &Job, edge: MembershipRef, result: Written) -> Next {
        let (done, already) = (Outcome::Done { created: None }, Outcome::AlreadySo { created: None });
        let Err(problem) = result else { return self.settle_all(job, &done) };
        if problem.is_unknown() {
            return match self.edges_now(edge.group, edge.list).await {
                Ok(now) if now.contains(&edge.principal) => Next::Later(self.otherwise(job, problem)),
                Ok(_) => self.settle_all(job, &done),
                Err(other) => self.fail_unread(job, &other),
            };
        }
        match problem.meaning() {
            Some(Meaning::AlreadyGone) => self.settle_all(job, &already),
            Some(Meaning::Absent(Some(id))) if id == edge.principal => self.settle_all(job, &already),
            // A missing group answers in the same words as a missing member; without an id only the list can tell.
            Some(Meaning::Absent(None)) => match self.edges_now(edge.group, edge.list).await {
                Ok(now) if !now.contains(&edge.principal) => self.settle_all(job, &already),
                Ok(_) | Err(_) => self.fail(job, &problem),
            },
            Some(Meaning::LastOwner) => {
                let address = self.address(job);
                let failure = Failure::new(
                    FailureKind::Invalid,
                    format!("{address}: Entra keeps the last owner of a group (a service principal may not count)"),
                )
                .with_next("add another owner to the group in the files, then run it again");
                self.settle_all(job, &Outcome::Failed { failure })
            }
            _ => self.refused(job, edge.group, problem).await,
        }
    }
}
