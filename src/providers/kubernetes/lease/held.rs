//! A Lease in our hand: renewed until it is given back, or lost.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::record::Record;
use super::{CallError, Locker, becomes};

/// A Lease that is ours. It is renewed in the background; dropped without being given back, it ends by itself.
pub struct Held {
    lost: watch::Receiver<Option<String>>,
    done: watch::Sender<bool>,
    keeper: JoinHandle<Option<(Locker, Record)>>,
}

impl Held {
    /// Renews a record that was written by a request sent at `sent`.
    pub(super) fn keep(locker: Locker, record: Record, sent: Instant) -> Self {
        let (tell, lost) = watch::channel(None);
        let (done, stop) = watch::channel(false);
        let keeper = tokio::spawn(async move {
            match renew(&locker, record, sent, stop).await {
                Ok(record) => Some((locker, record)),
                Err(why) => {
                    tell.send_replace(Some(why));
                    None
                }
            }
        });
        Self { lost, done, keeper }
    }

    /// Why it is not ours any more, as soon as it is known; may hold remote text.
    pub fn lost(&self) -> watch::Receiver<Option<String>> {
        self.lost.clone()
    }

    /// Gives it back.
    ///
    /// # Errors
    /// Why nobody knows whether it is free; it then ends by itself. One that was lost is not ours to give back.
    pub async fn release(mut self) -> Result<(), String> {
        self.done.send_replace(true);
        let Ok(Some((locker, record))) = (&mut self.keeper).await else { return Ok(()) };
        locker.give_back(Some(record), Instant::now() + locker.terms.deadline).await
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Without whoever holds it nobody is to keep others out.
        if !*self.done.borrow() {
            self.keeper.abort();
        }
    }
}

/// Renews a record until it is enough; gives the last one, or why it is not ours any more.
async fn renew(
    locker: &Locker,
    mut record: Record,
    mut renewed: Instant,
    mut stop: watch::Receiver<bool>,
) -> Result<Record, String> {
    let terms = locker.terms;
    loop {
        tokio::select! {
            () = becomes(&mut stop, |stop| *stop) => return Ok(record),
            // An answer may have taken long: it is held from when it was asked for.
            () = sleep_until(renewed + terms.renew) => {}
        }
        let deadline = renewed + terms.deadline;
        let mut why = None;
        loop {
            if *stop.borrow() {
                return Ok(record);
            }
            let sent = Instant::now();
            let wait = match timeout_at(deadline, attempt(locker, &record)).await {
                Ok(Attempt::Renewed(now)) => {
                    (record, renewed) = (now, sent);
                    break;
                }
                Ok(Attempt::Changed(now)) => {
                    record = now;
                    Duration::ZERO
                }
                Ok(Attempt::Lost(why)) => return Err(why),
                Ok(Attempt::Failed(failed)) => {
                    why = Some(failed);
                    terms.retry
                }
                Err(_) => terms.retry,
            };
            if Instant::now() + wait >= deadline {
                let seconds = terms.deadline.as_secs();
                let why = why.unwrap_or_else(|| "no answer".to_owned());
                return Err(format!("it could not be renewed for {seconds} s: {why}"));
            }
            tokio::select! {
                () = becomes(&mut stop, |stop| *stop) => return Ok(record),
                () = sleep(wait) => {}
            }
        }
    }
}

/// What came of one renewal.
enum Attempt {
    Renewed(Record),
    /// It is still ours, and another version than we knew: a renewal had no answer, or somebody wrote something else into it.
    Changed(Record),
    Lost(String),
    Failed(String),
}

async fn attempt(locker: &Locker, record: &Record) -> Attempt {
    let error = match locker.replace(&record.renewed(locker.now())).await {
        Ok(record) => return Attempt::Renewed(record),
        Err(error) => error,
    };
    let is_gone = matches!(&error, CallError::Refused(refusal) if refusal.code == 409 || refusal.code == 404);
    if !is_gone && !matches!(error, CallError::NoAnswer(_)) {
        return Attempt::Failed(locker.words(error));
    }
    match locker.read().await {
        Ok(Some(now)) if now.holder() == locker.holder => Attempt::Changed(now),
        Ok(Some(now)) if now.holder().is_empty() => Attempt::Lost("somebody else gave it back".to_owned()),
        Ok(Some(now)) => Attempt::Lost(format!("{} has taken it", now.holder())),
        Ok(None) => Attempt::Lost("it was deleted".to_owned()),
        Err(error) => Attempt::Failed(locker.words(error)),
    }
}
