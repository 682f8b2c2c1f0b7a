//! Adding owners and members: twenty or none, and one by one where a twenty is refused.

use std::collections::BTreeSet;

use super::Run;
use super::jobs::{Job, Next};
use crate::providers::entra::client::{EdgeList, Meaning, MembershipRef, Problem, Write, Written};
use crate::providers::entra::model::PrincipalRecord;
use crate::providers::entra::read::edges;
use crate::state::{ObjectId, Outcome};

impl Run<'_> {
    pub(super) async fn judge_addition_of_all(
        &self,
        job: &Job,
        group: ObjectId,
        list: EdgeList,
        principals: &[ObjectId],
        result: Written,
    ) -> Next {
        let one_by_one = |wanted: &dyn Fn(&ObjectId) -> bool| {
            let each = job.changes.iter().zip(principals).filter(|(_, principal)| wanted(principal));
            let jobs = each.map(|(at, principal)| {
                Job::new(Write::AddOne(MembershipRef { group, list, principal: *principal }), vec![*at])
            });
            Next::Instead(jobs.collect())
        };
        match result {
            Ok(_) => self.settle_all(job, &Outcome::Done { created: None }),
            Err(problem) if problem.is_unknown() => match self.edges_now(group, list).await {
                Ok(now) => {
                    for (at, _) in job.changes.iter().zip(principals).filter(|(_, principal)| now.contains(principal)) {
                        self.ledger.settle(*at, Outcome::Done { created: None });
                    }
                    // The list may lag behind; who is there after all is then "already there".
                    one_by_one(&|principal| !now.contains(principal))
                }
                Err(other) if other.status() == Some(404) && self.is_new(group) => {
                    Next::Later(self.otherwise(job, problem))
                }
                Err(other) => self.fail_unread(job, &other),
            },
            Err(problem) => match problem.meaning() {
                Some(Meaning::Absent(Some(id))) if id == group && self.is_new(group) => Next::Later(Outcome::PENDING),
                // One of the twenty spoils it for all, or near the limit of owners one is there already.
                Some(Meaning::AlreadyThere | Meaning::Quota | Meaning::DuplicateValues | Meaning::Other) => {
                    one_by_one(&|_| true)
                }
                Some(Meaning::Absent(id)) if id != Some(group) => one_by_one(&|_| true),
                _ => self.refused(job, group, problem).await,
            },
        }
    }

    pub(super) async fn judge_addition(&self, job: &Job, edge: MembershipRef, result: Written) -> Next {
        let already = Outcome::AlreadySo { created: None };
        match result {
            Ok(_) => self.settle_all(job, &Outcome::Done { created: None }),
            Err(problem) if problem.is_unknown() => match self.edges_now(edge.group, edge.list).await {
                Ok(now) if now.contains(&edge.principal) => self.settle_all(job, &Outcome::Done { created: None }),
                Ok(_) => Next::Later(self.otherwise(job, problem)),
                Err(other) if other.status() == Some(404) && self.is_new(edge.group) => {
                    Next::Later(self.otherwise(job, problem))
                }
                Err(other) => self.fail_unread(job, &other),
            },
            Err(problem) => match problem.meaning() {
                Some(Meaning::AlreadyThere) => self.settle_all(job, &already),
                Some(Meaning::Absent(id)) if self.may_be_lag(edge, id) => Next::Later(Outcome::PENDING),
                // Near the limit also the answer for an owner who is there already.
                Some(Meaning::Quota) => match self.edges_now(edge.group, edge.list).await {
                    Ok(now) if now.contains(&edge.principal) => self.settle_all(job, &already),
                    Ok(_) | Err(_) => self.fail(job, &problem),
                },
                _ => self.refused(job, edge.group, problem).await,
            },
        }
    }

    /// Whether what is missing was made by us a moment ago. Without an id either of the two may be meant.
    fn may_be_lag(&self, edge: MembershipRef, missing: Option<ObjectId>) -> bool {
        match missing {
            Some(id) => self.is_new(id),
            None => self.is_new(edge.group) || self.is_new(edge.principal),
        }
    }

    /// Everybody in a list of a group, at this moment.
    pub(super) async fn edges_now(
        &self,
        group: ObjectId,
        list: EdgeList,
    ) -> std::result::Result<BTreeSet<ObjectId>, Problem> {
        let records = self.writer.client.reader().list::<PrincipalRecord>(edges::path(group, list)).await?;
        Ok(records.into_iter().map(|record| record.id).collect())
    }
}
