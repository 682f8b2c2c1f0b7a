//! Whether whoever applies could take the lock: without it, `apply` writes nothing.

use super::preflight::{Whose, whoever_applies};
use super::{Note, NoteKind};
use crate::state::covering::{Held, Right};
use crate::state::{
    AccessQuestion, Answers, Applier, Change, Cluster, Desired, DesiredLock, EnvironmentName, Known, Observed, Policy,
    all_of, lease_questions,
};

/// The lock of files that change something, and who would take it.
struct Taking<'a> {
    desired: &'a Desired,
    lock: &'a DesiredLock,
    cluster: &'a Cluster,
    answers: Option<&'a Answers>,
    who: Applier,
    whose: Whose,
    are_we: bool,
}

/// What to ask now, and where; empty when everything is known that can be.
pub(super) fn questions(
    desired: &Desired,
    observed: &Observed,
    policy: &Policy,
    changes: &[Change],
) -> Option<(EnvironmentName, Vec<AccessQuestion>)> {
    let taking = Taking::new(desired, observed, policy, changes)?;
    let open = taking.unmet().into_iter().filter(|question| taking.known(question) == Known::NotAsked);
    let open: Vec<AccessQuestion> = open.collect();
    (!open.is_empty()).then(|| (taking.lock.environment.clone(), open))
}

/// What stands in the way, as far as the questions were answered.
pub(super) fn note(desired: &Desired, observed: &Observed, policy: &Policy, changes: &[Change]) -> Option<Note> {
    let taking = Taking::new(desired, observed, policy, changes)?;
    let DesiredLock { origin, environment, namespace } = taking.lock;
    let message = if taking.cluster.namespaces.contains_key(namespace) {
        let missing = taking.unmet().into_iter().filter(|question| taking.known(question) == Known::Denied);
        let missing: Vec<String> = missing.map(|question| question.verb).collect();
        if missing.is_empty() {
            return None;
        }
        format!(
            "`{}`, who applies, may not {} leases in {namespace}, where `lock` is, so that apply would write nothing; \
             docs/permissions.yaml has a Role for it",
            taking.who,
            all_of(missing)
        )
    } else {
        format!(
            "there is no namespace `{namespace}`, where `lock` is, or it is being deleted: apply writes nothing until it is there \
             (`kubectl create namespace {namespace}`)"
        )
    };
    let (environment, origin) = (Some(environment.clone()), Some(origin.clone()));
    Some(Note { environment, origin, kind: NoteKind::LockOutOfReach, message, about: None })
}

impl<'a> Taking<'a> {
    /// Nobody takes a lock where nothing changes, and nobody knows of a cluster that was not read.
    fn new(desired: &'a Desired, observed: &'a Observed, policy: &Policy, changes: &[Change]) -> Option<Self> {
        let lock = desired.lock.as_ref().filter(|_| !changes.is_empty())?;
        let cluster = observed.clusters.get(&lock.environment)?.as_ref().ok()?;
        let named = desired.environments.get(&lock.environment).and_then(|environment| environment.applier.as_ref());
        let (who, whose, are_we) = whoever_applies(cluster, named, policy.applied_by);
        let answers = observed.answers.get(&lock.environment);
        Some(Self { desired, lock, cluster, answers, who, whose, are_we })
    }

    /// What the rules that were read do not give whoever applies. Of somebody who only plans nothing is needed.
    fn unmet(&self) -> Vec<AccessQuestion> {
        let namespace = &self.lock.namespace;
        if self.whose == Whose::Planner || self.who.is_superuser() || !self.cluster.namespaces.contains_key(namespace) {
            return Vec::new();
        }
        let mut held = Held::new(self.cluster, &self.who);
        let rules = held.rules(Some(namespace));
        let is_met = |question: &AccessQuestion| {
            let AccessQuestion { verb, group, resource, name, .. } = question;
            let right = Right::Resource { group, resource, name: name.as_deref(), verb };
            rules.iter().any(|rule| right.covered_by(rule))
        };
        let who = (!self.are_we).then(|| self.who.clone());
        lease_questions(&self.desired.config, namespace)
            .filter(|question| !is_met(question))
            .map(|question| AccessQuestion { who: who.clone(), ..question })
            .collect()
    }

    fn known(&self, question: &AccessQuestion) -> Known<'a> {
        self.answers.map_or(Known::NotAsked, |answers| answers.to(question))
    }
}
