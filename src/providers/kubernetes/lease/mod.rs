//! The Lease that one `apply` at a time holds while it writes.
//!
//! Whether a holder is gone is told by watching: a record that has not changed for as long as its holder has it, by our own clock.
//! Clocks of two machines are never compared. Every write names the version that it was made from, so that of two who take it at
//! once one is refused.

mod held;
mod record;

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

pub use self::held::Held;
use self::record::Record;
use super::api::{CallError, Writing};
use super::link::Link;
use crate::state::{ClusterUid, ConfigName, Failure, FailureKind, Namespace, Result, mark};

/// How long a Lease lasts, and how often it is looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long after its last renewal it is its holder's, in whole seconds.
    pub duration: Duration,
    /// For how long a renewal is tried; shorter than `duration`, so that whoever lost it has stopped before another may take it.
    pub deadline: Duration,
    /// How often it is renewed.
    pub renew: Duration,
    /// How often whoever waits looks at it, and a renewal that failed is tried again.
    pub retry: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { duration: seconds(30), deadline: seconds(20), renew: seconds(7), retry: seconds(2) }
    }
}

/// Whoever holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// As it calls itself; hostile text.
    pub identity: String,
    /// Since when, by its own clock.
    pub since: Option<Timestamp>,
}

/// What became of taking it.
pub enum Taken {
    /// It is ours until it is given back or lost.
    Held(Held),
    /// Somebody else has it.
    Busy(Holder),
    /// Nobody waits for it any more.
    Interrupted,
}

/// One Lease of one config, and who takes it.
pub struct Locker {
    api: Writing,
    namespace: String,
    name: String,
    config: ConfigName,
    holder: String,
    terms: Terms,
}

/// How often in a row a write without an answer, or one that came too late, is followed by another look.
const LOOKS: u32 = 20;

impl Locker {
    /// The Lease of a config in a namespace. `holder` must be nobody else's name: by it we know our own.
    pub fn new(link: Link, namespace: &Namespace, config: &ConfigName, holder: String, terms: Terms) -> Self {
        let (api, namespace) = (Writing::new(link), namespace.to_string());
        Self { api, namespace, name: mark::lease_name(config), config: config.clone(), holder, terms }
    }

    /// Checks that this is the cluster that the files mean.
    ///
    /// # Errors
    /// It is another, or it could not be asked.
    pub async fn check_cluster(&self, expected: ClusterUid) -> Result<()> {
        let found = self.api.reading.cluster_uid().await?;
        self.api.reading.check_cluster(found, expected)
    }

    /// Takes it, waiting for at most `patience` while somebody else holds it. `waits` hears of each holder that is waited for.
    ///
    /// # Errors
    /// It could not be read or written; then it is not ours, or ends by itself.
    pub async fn take(
        self,
        patience: Duration,
        mut interrupted: watch::Receiver<bool>,
        waits: &mut (dyn FnMut(&Holder) + Send),
    ) -> Result<Taken> {
        let began = Instant::now();
        let mut seen: Option<(String, Instant)> = None;
        let mut told = String::new();
        let mut looks = 0;
        let mut may_be_ours = false;
        loop {
            if *interrupted.borrow() {
                if may_be_ours {
                    // What cannot be given back ends by itself.
                    let _ = self.give_back(None, Instant::now() + self.terms.deadline).await;
                }
                return Ok(Taken::Interrupted);
            }
            let sent = Instant::now();
            let written = match self.read().await.map_err(|error| self.failure(error))? {
                None => self.create().await,
                Some(record) if !record.is_of(&self.config) => return Err(self.of_others()),
                // Ours by a write whose answer was lost, or came too late. Whoever watches counts from that one, and we from the next.
                Some(record) if record.holder() == self.holder => self.replace(&record.renewed(self.now())).await,
                Some(record) => {
                    let now = Instant::now();
                    let (version, since) = seen.get_or_insert_with(|| (record.version().to_owned(), now));
                    if version != record.version() {
                        (*version, *since) = (record.version().to_owned(), now);
                    }
                    let lasts = record.duration().unwrap_or(self.terms.duration);
                    if record.holder().is_empty() || now.duration_since(*since) >= lasts {
                        self.replace(&record.taken_by(&self.holder, self.terms.duration, self.now())).await
                    } else {
                        let holder = Holder { identity: record.holder().to_owned(), since: record.since() };
                        let left = patience.saturating_sub(began.elapsed());
                        if left.is_zero() {
                            return Ok(Taken::Busy(holder));
                        }
                        if told != holder.identity {
                            waits(&holder);
                            told = holder.identity;
                        }
                        looks = 0;
                        pause(self.terms.retry.min(left), &mut interrupted).await;
                        continue;
                    }
                }
            };
            match written {
                Ok(record) if sent.elapsed() < self.terms.deadline => {
                    return Ok(Taken::Held(Held::keep(self, record, sent)));
                }
                // By now somebody else may have waited for long enough.
                Ok(_) if looks < LOOKS => (looks, may_be_ours) = (looks + 1, true),
                Ok(_) => return Err(self.too_slow()),
                // Somebody was quicker, or nobody knows: the next look tells.
                Err(error) if may_be_done(&error) && looks < LOOKS => {
                    (looks, may_be_ours) = (looks + 1, true);
                    pause(self.terms.retry / 10, &mut interrupted).await;
                }
                Err(error) => return Err(self.failure(error)),
            }
        }
    }

    fn collection(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace)
    }

    async fn read(&self) -> std::result::Result<Option<Record>, CallError> {
        Ok(self.api.reading.get::<Value>(&self.collection(), &self.name).await?.map(Record))
    }

    async fn create(&self) -> std::result::Result<Record, CallError> {
        let record = Record::new(&self.namespace, &self.name, &self.config);
        let record = record.taken_by(&self.holder, self.terms.duration, self.now());
        self.api.create(&self.collection(), &record.0).await.map(Record)
    }

    async fn replace(&self, record: &Record) -> std::result::Result<Record, CallError> {
        self.api.replace(&self.collection(), &self.name, &record.0).await.map(Record)
    }

    /// Gives back what is ours: this record, or what a look finds.
    async fn give_back(&self, record: Option<Record>, deadline: Instant) -> std::result::Result<(), String> {
        let given_back = async {
            let mut record = record;
            loop {
                let ours = match record.take() {
                    Some(record) => record,
                    None => match self.read().await? {
                        Some(now) if now.is_of(&self.config) && now.holder() == self.holder => now,
                        Some(_) | None => return Ok(()),
                    },
                };
                match self.replace(&ours.released(self.now())).await {
                    Ok(_) => return Ok(()),
                    // Somebody has written something else into it, or it is not ours any more.
                    Err(CallError::Refused(refusal)) if refusal.code == 409 => {}
                    Err(error) => return Err(error),
                }
            }
        };
        match timeout_at(deadline, given_back).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.words(error)),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    fn words(&self, error: CallError) -> String {
        error.into_failure(self.api.reading.link(), "renew the lock").what
    }

    /// Every answer came when somebody else might have it already.
    fn too_slow(&self) -> Failure {
        let (link, seconds) = (self.api.reading.link(), self.terms.deadline.as_secs());
        let what = format!(
            "cannot take the lock: {link} answers later than after {seconds} s, so that it could not be renewed"
        );
        Failure::new(FailureKind::Unavailable, what).with_next("see why it is so slow, and run it again")
    }

    /// Something else has this name: it is not ours to write, whoever holds it.
    fn of_others(&self) -> Failure {
        let (link, namespace, name) = (self.api.reading.link(), &self.namespace, &self.name);
        let what = format!(
            "cannot take the lock: the Lease `{name}` in the namespace `{namespace}` of {link} does not carry the labels of \
             this config, so somebody else may use it"
        );
        Failure::new(FailureKind::Conflict, what).with_next(format!(
            "see whose it is with `kubectl get lease {name} -n {namespace} -o yaml`; delete it if nothing uses it, or name \
             another namespace in `lock` of rolecall.yaml"
        ))
    }

    fn now(&self) -> Timestamp {
        (self.api.reading.link().clock)()
    }

    /// Why it could not be taken, and what to do.
    fn failure(&self, error: CallError) -> Failure {
        let (link, namespace) = (self.api.reading.link(), &self.namespace);
        match &error {
            CallError::Refused(refusal) if refusal.code == 404 && refusal.about == "namespaces" => {
                let what = format!("cannot take the lock: {link} has no namespace `{namespace}`, where `lock` puts it");
                return Failure::new(FailureKind::NotFound, what).with_next(format!(
                    "make it with `kubectl create namespace {namespace}`, or correct `lock` in rolecall.yaml"
                ));
            }
            CallError::Refused(refusal) if refusal.code == 403 && refusal.has_cause("NamespaceTerminating") => {
                let what = format!("cannot take the lock: the namespace `{namespace}` of {link} is being deleted");
                return Failure::new(FailureKind::Conflict, what)
                    .with_next("make it again when it is gone, or name another one in `lock` of rolecall.yaml");
            }
            CallError::Refused(refusal) if refusal.code == 403 => {
                let failure = refusal.failure(link, "take the lock");
                return Failure::new(failure.kind, failure.what).with_next(format!(
                    "let whoever applies get, create and update leases in the namespace {namespace}: docs/permissions.yaml has a \
                     ready Role"
                ));
            }
            CallError::Refused(_) | CallError::NotSent(_) | CallError::NoAnswer(_) | CallError::Odd(_) => {}
        }
        error.into_failure(link, "take the lock")
    }
}

/// Whether the record may be another one now than the one that was read.
fn may_be_done(error: &CallError) -> bool {
    match error {
        CallError::NoAnswer(_) => true,
        CallError::Refused(refusal) => refusal.code == 409 || refusal.code.is_server_error(),
        CallError::NotSent(_) | CallError::Odd(_) => false,
    }
}

/// Waits, unless somebody does not want to any more.
async fn pause(wait: Duration, interrupted: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = sleep(wait) => {}
        () = becomes(interrupted, |interrupted| *interrupted) => {}
    }
}

/// Waits until a value is so; for ever where nobody can set it any more.
async fn becomes<T>(value: &mut watch::Receiver<T>, is_so: impl Fn(&T) -> bool) {
    if value.wait_for(|value| is_so(value)).await.is_err() {
        std::future::pending::<()>().await;
    }
}
