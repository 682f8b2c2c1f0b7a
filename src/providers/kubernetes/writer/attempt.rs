//! One change, from the first attempt to a certain outcome.
//!
//! Every write has a precondition, so that sending it again is harmless. When it is not known whether a write was done, or
//! when the precondition did not hold, the object is read and compared with what was wanted and with what was planned from.

use k8s_openapi::api::rbac::v1 as rbac;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use super::KubernetesWriter;
use super::body::{Place, Precondition, body, invalid, withdraw};
use super::explain;
use crate::providers::kubernetes::api::CallError;
use crate::providers::kubernetes::normalise;
use crate::providers::kubernetes::refusal::Refusal;
use crate::state::{
    Change, Failure, FailureKind, KubernetesKind, LiveMeta, Mark, Operation, Outcome, Resource, Result,
};

/// How often a write is sent that gets no clear answer.
const ATTEMPTS: u32 = 3;
/// The wait before it is sent again, times the link's first wait and the number of attempts so far.
const PAUSE: u32 = 2;

/// A live object, as the writer compares it.
pub(super) struct Live {
    resource: Resource,
    meta: LiveMeta,
    /// It is deleted as soon as whatever holds it lets go.
    leaving: bool,
}

/// What is to be done with the object.
#[derive(Clone, Copy)]
pub(super) enum Task<'a> {
    Create { after: &'a Resource },
    Update { before: &'a Resource, after: &'a Resource, uid: &'a str, resource_version: &'a str, force: bool },
    Delete { uid: &'a str, resource_version: &'a str },
}

/// What a read tells about a write whose answer is missing or that was refused.
enum Standing {
    /// It is as wanted.
    AsWanted,
    /// It is as it was when it was planned.
    AsPlanned,
    /// It is on its way out.
    Leaving,
    /// It is something else.
    Otherwise(Failure),
}

impl KubernetesWriter {
    /// Carries one change out.
    pub(super) async fn carry_out(&self, change: &Change) -> Outcome {
        match self.prepare(change) {
            Ok((place, task)) => self.see_through(&place, task).await,
            Err(failure) => Outcome::Failed { failure },
        }
    }

    fn prepare<'a>(&self, change: &'a Change) -> Result<(Place, Task<'a>)> {
        let version = || match (change.uid.as_deref(), change.resource_version.as_deref()) {
            (Some(uid), Some(version)) if !uid.is_empty() && !version.is_empty() => Ok((uid, version)),
            _ => Err(invalid("it does not say which version of the object it is for")),
        };
        let task = match &change.operation {
            Operation::Create { after } => Task::Create { after },
            Operation::Restore { .. } => return Err(invalid("nothing on a cluster can be restored")),
            Operation::Update { before, after } => {
                let (uid, resource_version) = version()?;
                Task::Update { before, after, uid, resource_version, force: !change.overrules.is_empty() }
            }
            Operation::Delete { before: _ } => {
                let (uid, resource_version) = version()?;
                Task::Delete { uid, resource_version }
            }
        };
        let resource = match &change.operation {
            Operation::Create { after } | Operation::Restore { after } | Operation::Update { before: _, after } => {
                after
            }
            Operation::Delete { before } => before,
        };
        // Built once before anything is sent, so that a change that cannot be written fails without a request.
        if let Task::Create { after } | Task::Update { after, .. } = task {
            body(after, &self.config, Precondition::Absent)?;
        }
        Ok((Place::of(resource)?, task))
    }

    async fn see_through(&self, place: &Place, task: Task<'_>) -> Outcome {
        let link = self.api.reading.link();
        // Whether an earlier attempt of this run may have done it.
        let mut maybe_done = false;
        let mut attempt = 1;
        loop {
            let error = match self.send(place, task).await {
                Ok(outcome) => return outcome,
                Err(error) => error,
            };
            let (failure, refusal) = match error {
                CallError::NotSent(failure) if !maybe_done => return Outcome::Failed { failure },
                CallError::NotSent(failure) | CallError::NoAnswer(failure) | CallError::Odd(failure) => (failure, None),
                CallError::Refused(refusal) => (explain::refusal(link, place, task, &refusal), Some(refusal)),
            };
            let answer = refusal.as_deref().map_or(Answer::Unclear, |refusal| Answer::of(task, refusal));
            if answer == Answer::No && !maybe_done {
                return Outcome::Failed { failure };
            }
            maybe_done |= answer == Answer::Unclear;
            let standing = match self.read(place).await {
                Ok(live) => self.compare(place, task, live, refusal.as_deref()),
                Err(unread) if maybe_done => return self.unknown(place, &failure, &unread),
                Err(unread) => return Outcome::Failed { failure: unread },
            };
            match standing {
                Standing::AsWanted if maybe_done => return Outcome::Done { created: None },
                Standing::AsWanted => return Outcome::AlreadySo { created: None },
                Standing::Leaving => return Outcome::PENDING,
                Standing::Otherwise(failure) => return Outcome::Failed { failure },
                Standing::AsPlanned if answer != Answer::No && attempt < ATTEMPTS => {}
                Standing::AsPlanned => return Outcome::Failed { failure },
            }
            sleep(link.first_wait * PAUSE * attempt).await;
            attempt += 1;
        }
    }

    async fn send(&self, place: &Place, task: Task<'_>) -> std::result::Result<Outcome, CallError> {
        let collection = place.collection();
        let (after, precondition, force) = match task {
            Task::Create { after } => (after, Precondition::Absent, false),
            Task::Update { after, uid, resource_version, force, .. } => {
                (after, Precondition::Version { uid, resource_version }, force)
            }
            Task::Delete { uid, resource_version } => {
                let answer = self.api.delete(&collection, &place.name, uid, resource_version).await?;
                // A finalizer holds the object: it goes on granting until the finalizer is gone.
                let held = answer.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string);
                return Ok(if held { Outcome::PENDING } else { Outcome::Done { created: None } });
            }
        };
        let unaggregated = match task {
            Task::Update { uid, resource_version, force: true, .. } if place.kind == KubernetesKind::ClusterRole => {
                self.stop_aggregation(place, uid, resource_version).await?
            }
            _ => None,
        };
        let precondition = match (precondition, &unaggregated) {
            (Precondition::Version { uid, .. }, Some(version)) => {
                Precondition::Version { uid, resource_version: version }
            }
            (unchanged, _) => unchanged,
        };
        let mut body = body(after, &self.config, precondition).map_err(CallError::NotSent)?;
        if let Task::Update { before, .. } = task {
            withdraw(&mut body, before, after);
        }
        let _: Value = self.api.apply(&collection, &place.name, &body, force).await?;
        Ok(Outcome::Done { created: None })
    }

    /// Takes away an aggregation rule that somebody gave to a cluster role of ours: it would go on replacing the rules.
    /// Gives the version that comes of it, or `None` when there is nothing to take away.
    async fn stop_aggregation(
        &self,
        place: &Place,
        uid: &str,
        resource_version: &str,
    ) -> std::result::Result<Option<String>, CallError> {
        let collection = place.collection();
        let live: Option<rbac::ClusterRole> = self.api.reading.get(&collection, &place.name).await?;
        let is_planned = |metadata: &ObjectMeta| {
            metadata.uid.as_deref() == Some(uid) && metadata.resource_version.as_deref() == Some(resource_version)
        };
        match live {
            Some(live) if live.aggregation_rule.is_some() && is_planned(&live.metadata) => {
                let bare: rbac::ClusterRole =
                    self.api.stop_aggregation(&collection, &place.name, uid, resource_version).await?;
                Ok(bare.metadata.resource_version)
            }
            _ => Ok(None),
        }
    }

    /// The live object in that place.
    async fn read(&self, place: &Place) -> Result<Option<Live>> {
        match place.kind {
            KubernetesKind::ClusterRole => {
                let found = self.get(place, |object: &rbac::ClusterRole| &object.metadata).await?;
                found.map(|(object, leaving)| {
                    let live = normalise::cluster_role(object, &self.config)?;
                    Ok(Live { resource: Resource::Role(live.role), meta: live.meta, leaving })
                })
            }
            KubernetesKind::Role => {
                let found = self.get(place, |object: &rbac::Role| &object.metadata).await?;
                found.map(|(object, leaving)| {
                    let live = normalise::namespaced_role(object, &self.config)?;
                    Ok(Live { resource: Resource::Role(live.role), meta: live.meta, leaving })
                })
            }
            KubernetesKind::ClusterRoleBinding => {
                let found = self.get(place, |object: &rbac::ClusterRoleBinding| &object.metadata).await?;
                found.map(|(object, leaving)| {
                    let live = normalise::cluster_role_binding(object, &self.config)?;
                    Ok(Live { resource: Resource::Binding(live.binding), meta: live.meta, leaving })
                })
            }
            KubernetesKind::RoleBinding => {
                let found = self.get(place, |object: &rbac::RoleBinding| &object.metadata).await?;
                found.map(|(object, leaving)| {
                    let live = normalise::role_binding(object, &self.config)?;
                    Ok(Live { resource: Resource::Binding(live.binding), meta: live.meta, leaving })
                })
            }
        }
        .transpose()
    }

    async fn get<T: DeserializeOwned>(
        &self,
        place: &Place,
        metadata: impl Fn(&T) -> &ObjectMeta,
    ) -> Result<Option<(T, bool)>> {
        let reading = &self.api.reading;
        let found: Option<T> = reading
            .get(&place.collection(), &place.name)
            .await
            .map_err(|error| error.into_failure(reading.link(), &format!("read {place} back")))?;
        Ok(found.map(|object| {
            let leaving = metadata(&object).deletion_timestamp.is_some();
            (object, leaving)
        }))
    }

    fn compare(&self, place: &Place, task: Task<'_>, live: Option<Live>, refusal: Option<&Refusal>) -> Standing {
        let link = self.api.reading.link();
        let changed = |what: &str| {
            let what = format!("{place} on {link} {what}");
            Standing::Otherwise(Failure::new(FailureKind::Conflict, what).with_next("plan again"))
        };
        match (task, live) {
            (Task::Create { .. }, None) => Standing::AsPlanned,
            (Task::Create { after }, Some(live)) => match &live.meta.mark {
                _ if live.leaving => changed("is being deleted and cannot be created until it is gone"),
                Mark::Ours if same(&live.resource, after) => Standing::AsWanted,
                Mark::Ours => changed("has appeared since the plan, with other content"),
                Mark::OtherConfig(_) | Mark::LabelsOnly | Mark::None => {
                    let what = format!("{place} on {link} is there already and is not ours; it was left alone");
                    Standing::Otherwise(Failure::new(FailureKind::Conflict, what).with_next(format!(
                        "look at it with `kubectl get {} -o yaml --show-managed-fields`, and delete or rename it if nobody needs it",
                        explain::kubectl_place(place)
                    )))
                }
            },
            (Task::Update { .. }, None) => changed("is gone since the plan"),
            (Task::Update { after, uid, resource_version, .. }, Some(live)) => {
                if live.meta.uid != uid {
                    changed("has been deleted and made anew since the plan")
                } else if live.meta.mark == Mark::Ours
                    && same(&live.resource, after)
                    && live.meta.resource_version != resource_version
                {
                    Standing::AsWanted
                } else if live.meta.resource_version == resource_version {
                    match refusal.map(|refusal| refusal.causes("FieldManagerConflict")) {
                        Some(holders) if !holders.is_empty() => {
                            changed(&format!("is partly held by another manager: {}", holders.join(", ")))
                        }
                        _ => Standing::AsPlanned,
                    }
                } else {
                    changed("has changed since the plan")
                }
            }
            (Task::Delete { .. }, None) => Standing::AsWanted,
            (Task::Delete { uid, .. }, Some(live)) if live.meta.uid != uid => Standing::AsWanted,
            (Task::Delete { .. }, Some(live)) if live.leaving => Standing::Leaving,
            (Task::Delete { resource_version, .. }, Some(live)) if live.meta.resource_version == resource_version => {
                Standing::AsPlanned
            }
            (Task::Delete { .. }, Some(_)) => changed("has changed since the plan and was not deleted"),
        }
    }

    fn unknown(&self, place: &Place, failure: &Failure, unread: &Failure) -> Outcome {
        let what = format!(
            "the write of {place} on {} was sent and may have been done: {failure}; reading it back failed too: {unread}",
            self.api.reading.link()
        );
        let failure = Failure::new(FailureKind::Unknown, what).with_next("run it again: what is done is found done");
        Outcome::Failed { failure }
    }
}

/// What an answer tells about a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It was not done, and the answer says why.
    No,
    /// It was not done, because the object is not what was planned from: reading it tells what it is.
    Look,
    /// It may have been done.
    Unclear,
}

impl Answer {
    fn of(task: Task<'_>, refusal: &Refusal) -> Self {
        match refusal.code.as_u16() {
            409 => Self::Look,
            // To a creation this says that its namespace or role is missing.
            404 if !matches!(task, Task::Create { .. }) => Self::Look,
            // The wrong uid of an object that is there comes as an invalid field.
            422 if refusal.has_field("metadata.uid") => Self::Look,
            code if code >= 500 => Self::Unclear,
            _ => Self::No,
        }
    }
}

fn same(left: &Resource, right: &Resource) -> bool {
    match (left, right) {
        (Resource::Role(left), Resource::Role(right)) => {
            left.rules == right.rules && left.aggregate_to == right.aggregate_to
        }
        (Resource::Binding(left), Resource::Binding(right)) => left.same_content(right),
        _ => false,
    }
}
