//! Changing and deleting groups.

use serde_json::Value;

use super::Run;
use super::jobs::{Job, Next};
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
                Err(problem) => self.fail(job, &problem),
            },
            Err(problem) => match problem.meaning() {
                Some(Meaning::Absent(_)) if self.is_new(group) => Next::Later(Outcome::PendingReplication),
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
                Err(problem) => self.fail(job, &problem),
            },
            Err(problem) => match problem.meaning() {
                Some(Meaning::Absent(_)) => self.settle_all(job, &Outcome::AlreadySo { created: None }),
                _ => self.refused(job, group, problem).await,
            },
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
