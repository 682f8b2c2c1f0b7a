//! Creating groups by upsert on the alternate key, which cannot make a second one.
//!
//! An upsert on a key that exists rewrites that group and answers 204 without a body
//! (<https://learn.microsoft.com/graph/api/group-upsert>), so the key is looked up first, and a 204 is read back.

use std::sync::PoisonError;

use crate::providers::entra::client::{EdgeList, Meaning, MembershipRef, Path, Problem, Success, Write, Written};
use crate::providers::entra::model::{GROUP_PROPERTIES, GroupRecord, PrincipalRecord};
use crate::providers::entra::read::edges;
use crate::providers::http::{Patience, without_value};
use crate::state::{Failure, FailureKind, GroupKind, ObjectId, Outcome};

use super::jobs::{Job, Next};
use super::{Run, conflict};

pub(super) const PLAN_AGAIN: &str = "plan again: the plan shows the group as it is now";

/// A group that has the key, as far as it can be read.
enum Holder {
    /// Nobody has it, or it cannot be read yet.
    Nobody,
    /// A group as this creation leaves one: nobody is in it, and nobody but appliers owns it.
    AsCreated(ObjectId),
    /// A group that the plan did not show, and what is about it.
    Unforeseen(ObjectId, &'static str),
}

/// What the upsert did to a group that has the key.
#[derive(Clone, Copy)]
enum Met {
    Made,
    Rewrote,
    /// It was refused, because the owner that it carries is there.
    WasRefused,
}

impl Run<'_> {
    /// Looks every key up; gives the jobs whose keys are free, and settles the others without writing.
    pub(super) async fn look_first(&self, jobs: Vec<Job>) -> Vec<Job> {
        let paths: Vec<_> = jobs.iter().filter_map(|job| key_path(&job.write)).collect();
        let looked_up = self.writer.client.reader().gets(&paths).await;
        let mut free = Vec::new();
        for (job, reply) in jobs.into_iter().zip(looked_up) {
            match reply {
                Err(problem) if problem.status() == Some(404) => free.push(job),
                Err(Problem::Interrupted) => self.leave(&job),
                Err(problem) => drop(self.fail(&job, &problem)),
                Ok(body) => match self.holder(&job, body).await {
                    Ok(Holder::AsCreated(id)) => {
                        // Another run may have made it a moment ago.
                        self.remember(id);
                        self.settle(&job, &Outcome::AlreadySo { created: Some(id) });
                    }
                    // Listed, but its owners are not readable: it is about to go, or has just come.
                    Ok(Holder::Nobody) => self.settle(&job, &Outcome::PENDING),
                    Ok(Holder::Unforeseen(id, why)) => self.settle(
                        &job,
                        &conflict(
                            format!(
                                "{}: a group with this key has appeared since the plan: group {id}, and {why}; it was \
                                 left alone, and nobody was put into it",
                                self.address(&job)
                            ),
                            PLAN_AGAIN,
                        ),
                    ),
                    Err(Problem::Interrupted) => self.leave(&job),
                    Err(problem) => drop(self.fail(&job, &problem)),
                },
            }
        }
        free
    }

    pub(super) async fn judge_creation(&self, job: &Job, result: Written) -> Next {
        let Write::CreateGroup { owner, .. } = &job.write else { return Next::Settled };
        match result {
            Ok(Success { status: 201, body }) => match serde_json::from_value::<GroupRecord>(body) {
                Ok(record) => self.settle_created(job, record.id).await,
                Err(_) => self.judge_existing(job, Met::Made).await,
            },
            Ok(_) => self.judge_existing(job, Met::Rewrote).await,
            Err(problem) if problem.is_unknown() => self.judge_unknown_creation(job, problem).await,
            Err(problem) => match problem.meaning() {
                // Graph adds the caller as an owner by itself, and then the body names it a second time.
                Some(Meaning::DuplicateValues) if owner.is_some() => Next::Instead(vec![without_owner(job)]),
                // Since the key was looked up, another run made the group and its owner.
                Some(Meaning::AlreadyThere) if owner.is_some() => self.judge_existing(job, Met::WasRefused).await,
                // The owner is not known everywhere yet.
                Some(Meaning::Absent(_)) => Next::Later(self.otherwise(job, problem)),
                Some(Meaning::KeyTaken) => self.settle_all(
                    job,
                    &conflict(
                        format!("{}: another group holds this key", self.address(job)),
                        "it may be soft-deleted: restore it or delete it for good in the Entra admin center under \
                         Groups, Deleted groups, then run it again",
                    ),
                ),
                _ => self.fail(job, &problem),
            },
        }
    }

    async fn settle_created(&self, job: &Job, id: ObjectId) -> Next {
        self.remember(id);
        self.writer.made.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        if let Some(owner) = self.missing_owner(job)
            && let Err(problem) = self.ensure_owner(id, owner).await
        {
            let failure = self.writer.client.reader().failure(problem, &self.address(job), job.permission());
            let what = format!("group {id} was created, but without its first owner: {}", failure.what);
            let next = format!("make {owner} an owner of group {id} by hand, or delete the group, then run it again");
            // Whatever kept the owner away, the group is there: the run has written something.
            let failure = Failure::new(FailureKind::Unknown, what).with_next(next);
            return self.settle_all(job, &Outcome::Failed { failure });
        }
        self.settle_all(job, &Outcome::Done { created: Some(id) })
    }

    /// The first owner that the plan wants and the upsert did not carry.
    fn missing_owner(&self, job: &Job) -> Option<ObjectId> {
        let Write::CreateGroup { owner: None, .. } = &job.write else { return None };
        self.first_owner(job)
    }

    fn first_owner(&self, job: &Job) -> Option<ObjectId> {
        match self.ready.get(*job.changes.first()?)?.after()? {
            crate::state::Resource::Group(group) => group.first_owner,
            _ => None,
        }
    }

    async fn ensure_owner(&self, group: ObjectId, owner: ObjectId) -> std::result::Result<(), Problem> {
        let add = [Write::AddOne(MembershipRef { group, list: EdgeList::Owners, principal: owner })];
        let mut patience = Patience::new(self.writer.pace);
        loop {
            // Graph has made the caller an owner, else the body would not have named it twice; adding it says so.
            let Some(Err(problem)) = self.writer.client.write(&add, self.interrupted).await.pop() else {
                return Ok(());
            };
            let wait = match problem.meaning() {
                Some(Meaning::AlreadyThere) => return Ok(()),
                Some(Meaning::Absent(_)) => patience.after_lag(),
                _ => None,
            };
            self.wait_unless_interrupted(wait.ok_or(problem)?).await;
        }
    }

    /// After an answer that says that the group exists without saying which it is.
    async fn judge_existing(&self, job: &Job, met: Met) -> Next {
        match self.read_back(job).await {
            Ok(Holder::AsCreated(id)) => {
                self.remember(id);
                let created = Some(id);
                let outcome = match met {
                    Met::Made => Outcome::Done { created },
                    Met::Rewrote | Met::WasRefused => Outcome::AlreadySo { created },
                };
                self.settle_all(job, &outcome)
            }
            Ok(Holder::Nobody) => Next::Later(Outcome::PENDING),
            Ok(Holder::Unforeseen(id, why)) => {
                let rewritten = match met {
                    Met::Made | Met::Rewrote => "were rewritten",
                    Met::WasRefused => "may have been rewritten",
                };
                // No conflict: that would say that nothing was written.
                let failure = Failure::new(
                    FailureKind::Unknown,
                    format!(
                        "{}: a group with this key has appeared since the plan: group {id}, and {why}; its display \
                         name, description and mail nickname {rewritten}, and nobody was put into it",
                        self.address(job)
                    ),
                );
                self.settle_all(job, &Outcome::Failed { failure: failure.with_next(PLAN_AGAIN) })
            }
            Err(problem) => self.fail_unread(job, &problem),
        }
    }

    /// The connection broke, or Graph failed, after the request was sent: look before sending it again.
    async fn judge_unknown_creation(&self, job: &Job, unknown: Problem) -> Next {
        match self.read_back(job).await {
            Ok(Holder::AsCreated(id)) => {
                self.remember(id);
                self.settle_all(job, &Outcome::Done { created: Some(id) })
            }
            Ok(Holder::Nobody) => Next::Later(self.otherwise(job, unknown)),
            Ok(Holder::Unforeseen(..)) => self.judge_existing(job, Met::Rewrote).await,
            Err(problem) => self.fail_unread(job, &problem),
        }
    }

    async fn read_back(&self, job: &Job) -> std::result::Result<Holder, Problem> {
        let Some(path) = key_path(&job.write) else { return Ok(Holder::Nobody) };
        match self.writer.client.reader().get(&path).await {
            Ok(body) => self.holder(job, body).await,
            Err(problem) if problem.status() == Some(404) => Ok(Holder::Nobody),
            Err(problem) => Err(problem),
        }
    }

    /// What has the key may be taken for what this creation makes only if it is just that. The plan showed nobody in the
    /// group: whoever is in it, or owns it, would get what is bound to it without anybody having seen it.
    async fn holder(&self, job: &Job, body: serde_json::Value) -> std::result::Result<Holder, Problem> {
        let record: GroupRecord = serde_json::from_value(body).map_err(|error| {
            Problem::Failed(Failure::new(
                FailureKind::BadAnswer,
                format!("Graph gave a group that cannot be read ({})", without_value(&error)),
            ))
        })?;
        let reader = self.writer.client.reader();
        let paths = [EdgeList::Owners, EdgeList::Members].map(|list| edges::path(record.id, list));
        let mut lists = Vec::new();
        for list in reader.lists::<PrincipalRecord>(&paths).await {
            match list {
                Ok(list) => lists.push(list),
                Err(problem) if problem.status() == Some(404) => return Ok(Holder::Nobody),
                Err(problem) => return Err(problem),
            }
        }
        let (Some(members), Some(owners)) = (lists.pop(), lists.pop()) else { return Ok(Holder::Nobody) };
        let own = reader.claims().await.map_err(Problem::Failed)?.id;
        let appliers = [Some(own), self.first_owner(job)];
        let is_applier = |owner: &PrincipalRecord| appliers.contains(&Some(owner.id));
        let why = if record.kind() != Some(GroupKind::Security) || record.role_assignable() {
            "it is no plain security group"
        } else if !owners.iter().any(is_applier) {
            "no applier is among its owners"
        } else if !owners.iter().all(is_applier) {
            "others own it as well"
        } else if !members.is_empty() {
            "it has members"
        } else {
            return Ok(Holder::AsCreated(record.id));
        };
        Ok(Holder::Unforeseen(record.id, why))
    }
}

fn key_path(write: &Write) -> Option<Path> {
    match write {
        Write::CreateGroup { unique_name, .. } => {
            Some(Path::group_by_unique_name(unique_name).select(GROUP_PROPERTIES))
        }
        _ => None,
    }
}

fn without_owner(job: &Job) -> Job {
    let write = match job.write.clone() {
        Write::CreateGroup { unique_name, properties, .. } => {
            Write::CreateGroup { unique_name, properties, owner: None }
        }
        other => other,
    };
    Job::new(write, job.changes.clone())
}
