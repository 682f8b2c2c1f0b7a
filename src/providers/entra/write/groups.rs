//! Changing and deleting groups.

use serde_json::Value;

use super::jobs::{Job, Next};
use super::{Run, conflict};
use crate::providers::entra::client::{Meaning, Path, Problem, Write, Written};
use crate::providers::entra::model::GROUP_PROPERTIES;
use crate::state::{ObjectId, Outcome};

impl Run<'_> {
    pub(super) async fn judge_update(&self, job: &Job, group: ObjectId, result: Written) -> Next {
        match result {
            Ok(_) => self.settle_all(job, &Outcome::Done { created: None }),
            Err(problem) if problem.is_unknown() => match self.group_now(group).await {
                Ok(Some(now)) if is_as_asked(&job.write, &now) => {
                    self.settle_all(job, &Outcome::Done { created: None })
                }
                Ok(_) => Next::Later(self.otherwise(job, problem)),
                Err(other) => self.fail_unread(job, &other),
            },
            Err(problem) => match problem.meaning() {
                Some(Meaning::Absent(_)) if self.is_new(group) => Next::Later(Outcome::PENDING),
                _ => self.refused(job, group, problem).await,
            },
        }
    }

    pub(super) async fn judge_deletion(&self, job: &Job, group: ObjectId, result: Written) -> Next {
        match result {
            Ok(_) => self.settle_all(job, &Outcome::Done { created: None }),
            Err(problem) if problem.is_unknown() => match self.group_now(group).await {
                Ok(None) => self.settle_all(job, &Outcome::Done { created: None }),
                Ok(Some(_)) => Next::Later(self.otherwise(job, problem)),
                Err(other) => self.fail_unread(job, &other),
            },
            Err(problem) => match problem.meaning() {
                Some(Meaning::Absent(_)) => self.settle_all(job, &Outcome::AlreadySo { created: None }),
                _ => self.refused(job, group, problem).await,
            },
        }
    }

    pub(super) async fn judge_restoration(&self, job: &Job, group: ObjectId, result: Written) -> Next {
        let Err(problem) = result else {
            self.remember(group);
            return self.settle_all(job, &Outcome::Done { created: None });
        };
        let address = self.address(job);
        match (problem.is_unknown(), problem.meaning()) {
            (true, _) => match self.group_now(group).await {
                Ok(Some(_)) => self.settle_all(job, &Outcome::Done { created: None }),
                Ok(None) => Next::Later(self.otherwise(job, problem)),
                Err(other) => self.fail_unread(job, &other),
            },
            // It left the deleted items: restored already, or gone for good.
            (false, Some(Meaning::Absent(_))) => match self.group_now(group).await {
                Ok(Some(_)) => self.settle_all(job, &Outcome::AlreadySo { created: None }),
                Ok(None) => self.settle_all(
                    job,
                    &conflict(
                        format!("{address}: group {group} can no longer be restored, it was deleted for good"),
                        "plan again: the plan creates it anew",
                    ),
                ),
                Err(problem) => self.fail(job, &problem),
            },
            (false, Some(Meaning::KeyTaken)) => self.settle_all(
                job,
                &conflict(
                    format!("{address}: group {group} cannot be restored, because another group holds its key by now"),
                    "plan again: the plan shows that group",
                ),
            ),
            (false, _) => self.fail(job, &problem),
        }
    }

    async fn group_now(&self, group: ObjectId) -> std::result::Result<Option<Value>, Problem> {
        match self.writer.client.reader().get(&Path::group(group).select(GROUP_PROPERTIES)).await {
            Ok(body) => Ok(Some(body)),
            Err(problem) if problem.status() == Some(404) => Ok(None),
            Err(problem) => Err(problem),
        }
    }
}

fn is_as_asked(write: &Write, now: &Value) -> bool {
    match write {
        Write::UpdateGroup { properties, .. } => properties.iter().all(|(name, value)| now[name] == *value),
        _ => false,
    }
}
