//! The lock of a config, as `apply` takes it: before it writes, and before the plan that it carries out is made.

use std::time::Duration;

use tokio::sync::watch;

use super::error::CliError;
use super::exit::Exit;
use super::session::Session;
use super::ui::Ui;
use crate::apply::Stop;
use crate::providers::kubernetes::{Held, Holder, Locker, Taken, Terms};
use crate::report::escape;
use crate::state::{DesiredLock, HostName, mark};

/// How long `apply` waits for another one where nothing else is said.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// The lock in the hand of this command.
pub(super) struct Lock {
    held: Held,
    interrupted: watch::Receiver<bool>,
}

impl Lock {
    /// Takes the lock of the config, where it has one.
    pub(super) async fn take(
        ui: &mut Ui,
        session: &Session,
        plan_id: Option<&str>,
        patience: Duration,
    ) -> Result<Option<Self>, CliError> {
        let Some(DesiredLock { environment, namespace, .. }) = &session.desired.lock else { return Ok(None) };
        let not_taken = |error: CliError| {
            let is_said = error.message.starts_with("cannot take the lock");
            let what = if is_said { "" } else { "cannot take the lock: " };
            CliError { message: format!("nothing was written: {what}{}", error.message), ..error }
        };
        let link = session.link(environment).await.ok_or_else(|| {
            let no_way = format!("nothing was written: there is no way to {environment}, where `lock` is");
            match session.unroutable.get(environment) {
                Some(error) => {
                    let message = format!("{no_way}: {}", error.message);
                    CliError { hints: error.hints.clone(), ..CliError::user(message) }
                }
                // Only a sandbox lacks a cluster without a word.
                None => CliError::user(no_way)
                    .hint("it was filled before this environment was in the files; use a new folder"),
            }
        })?;
        let link = link.map_err(|failure| not_taken(failure.into()))?;
        let config = &session.desired.config;
        let locker = Locker::new(link, namespace, config, identity(ui, plan_id), Terms::default());
        let wanted = session.desired.environments.get(environment).and_then(|environment| environment.cluster);
        if let Some(wanted) = wanted {
            locker.check_cluster(wanted).await.map_err(|failure| not_taken(failure.into()))?;
        }
        // From here on there may be something to give back.
        let interrupted = ui.signals.writing_begins();
        let mut waits = |holder: &Holder| {
            ui.say(&format!("Waiting for the lock for up to {}: {}", spelt(patience), words(holder, "it")));
        };
        let place = format!("the Lease {} in the namespace {namespace} on {environment}", mark::lease_name(config));
        match locker.take(patience, interrupted.clone(), &mut waits).await {
            Ok(Taken::Held(held)) => {
                ui.underway.locks(Some(place));
                Ok(Some(Self { held, interrupted }))
            }
            Ok(Taken::Interrupted) => Err(Self::interrupted()),
            Ok(Taken::Busy(holder)) => Err(CliError::user(format!(
                "nothing was written: {}",
                words(&holder, "the lock")
            ))
            .hint(format!(
                "see whether that still runs, and run this again when it has ended; --lock-timeout 30m waits longer \
                     (the lock is {place})"
            ))
            .hint(format!("a lock that nobody looks after is free {} later, for whoever waits that long", lasts()))),
            Err(failure) => Err(not_taken(failure.into())),
        }
    }

    fn interrupted() -> CliError {
        CliError::user("Interrupted; nothing was written.").already_worded().exit(Exit::Interrupted)
    }

    /// Does something that can be given up as long as nothing is written.
    pub(super) async fn while_held<T>(
        &mut self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let mut lost = self.held.lost();
        tokio::select! {
            result = work => result,
            () = becomes(&mut self.interrupted, |interrupted| *interrupted) => Err(Self::interrupted()),
            () = becomes(&mut lost, Option::is_some) => {
                let why = lost.borrow().clone().unwrap_or_default();
                let why = format!("nothing was written: the lock was lost: {}", escape::message(&why));
                Err(CliError::user(why).hint("run it again"))
            }
        }
    }

    fn ends(&self) -> watch::Receiver<Option<Stop>> {
        told(self.interrupted.clone(), Some(self.held.lost()))
    }

    /// Why the lock is not ours any more.
    pub(super) fn lost(&self) -> Option<String> {
        self.held.lost().borrow().as_deref().map(escape::message)
    }

    /// Gives it back; others take it at once.
    pub(super) async fn release(self, ui: &mut Ui) {
        if let Err(why) = self.held.release().await {
            ui.say(&format!(
                "note: the lock could not be given back ({}); it is free by itself in {}",
                escape::message(&why),
                lasts()
            ));
        }
        ui.underway.locks(None);
    }
}

/// Has a reason as soon as somebody interrupts, or the lock is lost, where there is one: then nothing more may be sent.
pub(super) fn ends(ui: &Ui, lock: Option<&Lock>) -> watch::Receiver<Option<Stop>> {
    lock.map_or_else(|| told(ui.signals.writing_begins(), None), Lock::ends)
}

fn told(
    mut interrupted: watch::Receiver<bool>,
    lost: Option<watch::Receiver<Option<String>>>,
) -> watch::Receiver<Option<Stop>> {
    let is_lost = lost.as_ref().is_some_and(|lost| lost.borrow().is_some());
    let now = if is_lost { Some(Stop::LockLost) } else { interrupted.borrow().then_some(Stop::Interrupted) };
    let (tell, ends) = watch::channel(now);
    if now.is_none() {
        tokio::spawn(async move {
            let lost = async {
                match lost {
                    Some(mut lost) => becomes(&mut lost, Option::is_some).await,
                    None => std::future::pending().await,
                }
            };
            let stop = tokio::select! {
                () = becomes(&mut interrupted, |interrupted| *interrupted) => Stop::Interrupted,
                () = lost => Stop::LockLost,
            };
            tell.send_replace(Some(stop));
        });
    }
    ends
}

/// How long a lock is its holder's that nobody looks after any more.
pub(super) fn lasts() -> String {
    spelt(Terms::default().duration)
}

async fn becomes<T>(value: &mut watch::Receiver<T>, is_so: impl Fn(&T) -> bool) {
    if value.wait_for(|value| is_so(value)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn words(holder: &Holder, what: &str) -> String {
    let since =
        holder.since.map(|since| format!(" since {}", since.strftime("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default();
    format!("{} has {what}{since}", escape::name(&holder.identity))
}

fn spelt(wait: Duration) -> String {
    match wait.as_secs() {
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// Who takes it, so that whoever waits knows where to look: the job where there is one, else the machine; and which plan, where
/// that is known. The last part is this run's alone.
fn identity(ui: &Ui, plan_id: Option<&str>) -> String {
    let variable = |name: &str| ui.variable(name);
    let run = HostName::around(variable).first().and_then(|host| host.run(variable));
    let machine = || {
        let name = ui.variable("HOSTNAME").or_else(|| ui.variable("COMPUTERNAME")).map(str::to_owned);
        let name = name.or_else(|| Some(fs_err::read_to_string("/etc/hostname").ok()?.trim().to_owned()));
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "a terminal".to_owned());
        let user = ui.variable("USER").or_else(|| ui.variable("USERNAME")).map(|user| format!("{user} on "));
        format!("{}{name}, process {}", user.unwrap_or_default(), std::process::id())
    };
    let place = run.unwrap_or_else(machine);
    let plan = plan_id.map(|id| format!(", plan {}", id.chars().take(8).collect::<String>())).unwrap_or_default();
    let run = uuid::Uuid::new_v4().simple().to_string();
    format!("{place}{plan}, run {}", run.get(..8).unwrap_or(&run))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::sink;

    use super::*;

    #[test]
    fn who_takes_it_is_told_by_the_job_where_there_is_one() {
        let job = "https://gitlab.contoso.com/contoso/access/-/jobs/5";
        let gitlab = [("GITLAB_CI", "true"), ("CI_JOB_URL", job)];
        for (variables, start) in
            [(gitlab.as_slice(), job), (&[("HOSTNAME", "tower"), ("USER", "erin")], "erin on tower, process ")]
        {
            let env: BTreeMap<String, String> =
                variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let now = || "2026-11-22T16:40:11Z".parse().unwrap();
            let ui = Ui::captured(Box::new(sink()), Box::new(sink()), env, "/".into(), now);
            let one = identity(&ui, Some("7f3a00112233"));
            assert!(one.starts_with(start) && one.contains(", plan 7f3a0011, run "), "{one}");
            assert_ne!(one, identity(&ui, Some("7f3a00112233")), "two runs of one job are two");
        }
    }
}
