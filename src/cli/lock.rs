//! The lock of a config, as `apply` takes it: before it writes, and before the plan that it carries out is made.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::sync::watch;

use super::error::CliError;
use super::exit::Exit;
use super::session::Session;
use super::ui::Ui;
use crate::providers::kubernetes::{Held, Holder, Locker, Taken, Terms};
use crate::report::escape;
use crate::state::{DesiredLock, mark};

/// How long `apply` waits for another one, as it is written: `0`, `90s`, `5m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_secs(300))
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}s", self.0.as_secs())
    }
}

impl FromStr for Patience {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HOW: &str = "write a number and `s`, `m` or `h`, e.g. `90s`, `5m`; `0` does not wait";
        let (number, unit) = text.split_at(text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len()));
        let number: u32 = number.parse().map_err(|_| HOW)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "" if number == 0 => 0,
            _ => return Err(HOW),
        };
        Ok(Self(Duration::from_secs(u64::from(number) * unit)))
    }
}

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
        patience: Patience,
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
        let Patience(wait) = patience;
        let mut waits = |holder: &Holder| {
            ui.say(&format!("Waiting for the lock for up to {}: {}", spelt(wait), words(holder, "it")));
        };
        match locker.take(wait, interrupted.clone(), &mut waits).await {
            Ok(Taken::Held(held)) => Ok(Some(Self { held, interrupted })),
            Ok(Taken::Interrupted) => Err(Self::interrupted()),
            Ok(Taken::Busy(holder)) => Err(CliError::user(format!(
                "nothing was written: {}",
                words(&holder, "the lock")
            ))
            .hint(format!(
                "see whether that still runs, and run this again when it has ended; --lock-timeout 30m waits longer \
                     (the lock is the Lease {} in the namespace {namespace} on {environment})",
                mark::lease_name(config)
            ))
            .hint("a lock that nobody looks after is free 30 s later, for whoever waits that long")),
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

    /// Turns true when somebody interrupts, or the lock is lost: then nothing more may be sent.
    pub(super) fn ends(&self) -> watch::Receiver<bool> {
        let (mut interrupted, mut lost) = (self.interrupted.clone(), self.held.lost());
        let (tell, ends) = watch::channel(*interrupted.borrow() || lost.borrow().is_some());
        tokio::spawn(async move {
            tokio::select! {
                () = becomes(&mut interrupted, |interrupted| *interrupted) => {}
                () = becomes(&mut lost, Option::is_some) => {}
            }
            tell.send_replace(true);
        });
        ends
    }

    /// Why the lock is not ours any more.
    pub(super) fn lost(&self) -> Option<String> {
        self.held.lost().borrow().as_deref().map(escape::message)
    }

    /// Gives it back; others take it at once.
    pub(super) async fn release(self, ui: &mut Ui) {
        if let Err(why) = self.held.release().await {
            ui.say(&format!(
                "note: the lock could not be given back ({}); it is free by itself in 30 s",
                escape::message(&why)
            ));
        }
    }
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
    let all = |names: &[&str]| -> Option<Vec<String>> {
        names.iter().map(|name| ui.variable(name).map(str::to_owned)).collect()
    };
    let github = all(&["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"])
        .map(|parts| format!("{}/{}/actions/runs/{}", parts[0], parts[1], parts[2]));
    let azure = || {
        all(&["SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID"])
            .map(|parts| format!("{}{}/_build/results?buildId={}", parts[0], parts[1], parts[2]))
    };
    let machine = || {
        let name = ui.variable("HOSTNAME").or_else(|| ui.variable("COMPUTERNAME")).map(str::to_owned);
        let name = name.or_else(|| Some(fs_err::read_to_string("/etc/hostname").ok()?.trim().to_owned()));
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "a terminal".to_owned());
        let user = ui.variable("USER").or_else(|| ui.variable("USERNAME")).map(|user| format!("{user} on "));
        format!("{}{name}, process {}", user.unwrap_or_default(), std::process::id())
    };
    let place = github.or_else(|| ui.variable("CI_JOB_URL").map(str::to_owned)).or_else(azure).unwrap_or_else(machine);
    let plan = plan_id.map(|id| format!(", plan {}", id.chars().take(8).collect::<String>())).unwrap_or_default();
    let run = uuid::Uuid::new_v4().simple().to_string();
    format!("{place}{plan}, run {}", run.get(..8).unwrap_or(&run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait_is_a_number_and_a_unit() {
        let read = |text: &str| text.parse::<Patience>().map(|Patience(wait)| wait.as_secs());
        assert_eq!(["0", "90s", "5m", "1h", "0m"].map(read), [Ok(0), Ok(90), Ok(300), Ok(3600), Ok(0)]);
        for text in ["", "5", "m", "-1s", "1.5m", "5 m", "5min", "99999999999s"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
