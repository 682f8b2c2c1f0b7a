//! Whether rolecall will work here: what was found out about the config, the tenant and the clusters, judged. Pure.
//!
//! The command line gathers [`Examined`]; [`judge`] makes lines of it, each of which ends in what to do. `permissions` and
//! `rights` hold the two tables of what `plan` and `apply` need; the README and `docs/permissions.yaml` are tested against
//! them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::state::{
    Acting, Answers, Applier, Cluster, ClusterCheckup, Desired, DesiredEnvironment, EnvironmentName, Handshake, Heard,
    Result, SourceTrial, TenantCheckup,
};

mod allowed;
mod cluster;
mod credential;
mod entra;
mod network;
pub mod permissions;
pub mod rights;
mod setup;

#[cfg(test)]
mod tests;

/// What an identity is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// It reads: `plan`.
    Plan,
    /// It writes as well: `apply`.
    Apply,
}

impl Purpose {
    /// The command.
    pub const fn command(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
        }
    }
}

/// Everything that was found out.
#[derive(Debug)]
pub struct Examined<'a> {
    /// What this identity is for; `None` where it was not said.
    pub purpose: Option<Purpose>,
    /// The time.
    pub now: Timestamp,
    /// What the files ask for.
    pub desired: &'a Desired,
    /// The config, and where each setting came from.
    pub setup: Setup,
    /// The tenant.
    pub entra: EntraExamined,
    /// The clusters.
    pub clusters: BTreeMap<EnvironmentName, ClusterExamined>,
}

impl Examined<'_> {
    /// Who applies on an environment by the files. Whom they name for a real cluster has no rights on an invented one, where
    /// whoever plans also applies.
    fn applier<'a>(&self, environment: &'a DesiredEnvironment) -> Option<&'a Applier> {
        environment.applier.as_ref().filter(|_| !self.setup.sandbox)
    }
}

/// Which config this is about, and how it is reached.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The root file.
    pub root: String,
    /// The commit; `None` outside git.
    pub commit: Option<String>,
    /// How the tenant is reached.
    pub settings: Vec<Setting>,
    /// Whether all of it is invented.
    pub sandbox: bool,
}

/// One setting of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What it is about.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// The flag, variable or file that it came from.
    pub from: String,
}

/// What was found out about the tenant.
#[derive(Debug)]
pub struct EntraExamined {
    /// What became of each source of the credential chain.
    pub sources: Vec<SourceTrial>,
    /// As whom we act.
    pub acting: Result<Acting>,
    /// TLS to the login endpoint and to Graph.
    pub tls: Vec<Handshake>,
    /// What the tenant answers; `None` without a token.
    pub tenant: Option<Result<TenantCheckup>>,
    /// Clocks and limits, by origin.
    pub heard: BTreeMap<String, Heard>,
}

/// What was found out about a cluster.
#[derive(Debug)]
pub struct ClusterExamined {
    /// How it is reached; `None` where no way was found.
    pub way: Option<Setting>,
    /// TLS; `None` where there is none, or no way there.
    pub tls: Option<Handshake>,
    /// What it answers.
    pub checkup: Result<ClusterCheckup>,
    /// What was asked about rights, and what it answered.
    pub answers: Answers,
    /// Its roles and bindings, where what may be given hangs on them.
    pub observed: Option<Result<Cluster>>,
    /// Whether there is the namespace that `lock` names; `None` where the lock is elsewhere.
    pub lock: Option<Result<bool>>,
}

/// How a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It is as it must be.
    Fine,
    /// It has no effect here.
    Note,
    /// Somebody must decide.
    Decide,
    /// Nobody knows: what would tell got no answer, and this and everything above it may not work.
    Unchecked(Purpose),
    /// It is missing, and this and everything above it does not work without it.
    Missing(Purpose),
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How it stands.
    pub sign: Sign,
    /// What it is about, for programs; stays the same from version to version.
    pub check: &'static str,
    /// What was found. It may hold text of other people.
    pub text: String,
    /// What to do, when it is not fine.
    pub next: Option<String>,
}

impl Line {
    fn new(sign: Sign, check: &'static str, text: impl Into<String>) -> Self {
        Self { sign, check, text: text.into(), next: None }
    }

    fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// A failure, with its own advice or else this one.
    fn failed(purpose: Purpose, check: &'static str, failure: &crate::state::Failure, or_else: &str) -> Self {
        let next = failure.next.clone().unwrap_or_else(|| or_else.to_owned());
        Self::new(Sign::Missing(purpose), check, failure.what.clone()).next(next)
    }
}

/// The lines about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The environment, for the parts about clusters.
    pub environment: Option<EnvironmentName>,
    /// What it is called.
    pub title: String,
    /// What was found.
    pub lines: Vec<Line>,
}

/// What came of it all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkup {
    /// What was asked about.
    pub purpose: Option<Purpose>,
    /// The parts, in the order in which they stand on one another.
    pub parts: Vec<Part>,
}

impl Checkup {
    /// How many things are missing for a purpose.
    pub fn missing(&self, purpose: Purpose) -> usize {
        self.count(|sign| matches!(sign, Sign::Missing(needed) if needed <= purpose))
    }

    /// How many things could not be checked for a purpose.
    pub fn unchecked(&self, purpose: Purpose) -> usize {
        self.count(|sign| matches!(sign, Sign::Unchecked(needed) if needed <= purpose))
    }

    /// How many things somebody must decide.
    pub fn undecided(&self) -> usize {
        self.count(|sign| sign == Sign::Decide)
    }

    fn count(&self, counts: impl Fn(Sign) -> bool) -> usize {
        self.parts.iter().flat_map(|part| &part.lines).filter(|line| counts(line.sign)).count()
    }

    /// Whether everything is there that the purpose needs: `plan` where none was said.
    pub fn is_fine(&self) -> bool {
        let purpose = self.purpose.unwrap_or(Purpose::Plan);
        self.missing(purpose) + self.unchecked(purpose) == 0
    }

    /// All of it in one line.
    pub fn verdict(&self) -> String {
        let says = |purpose: Purpose| match (self.missing(purpose), self.unchecked(purpose)) {
            (0, 0) => format!("`{}` will work here", purpose.command()),
            (0, 1) => format!("`{}` may not work here: 1 thing could not be checked (?)", purpose.command()),
            (0, count) => format!("`{}` may not work here: {count} things could not be checked (?)", purpose.command()),
            (1, _) => format!("`{}` will not work here: 1 thing is missing", purpose.command()),
            (count, _) => format!("`{}` will not work here: {count} things are missing", purpose.command()),
        };
        let text = match self.purpose {
            Some(purpose) => says(purpose),
            None if self.missing(Purpose::Apply) + self.unchecked(Purpose::Apply) == 0 => {
                "`plan` and `apply` will work here".to_owned()
            }
            None => format!("{}. {}", says(Purpose::Plan), says(Purpose::Apply)),
        };
        match self.undecided() {
            0 => format!("{text}."),
            1 => format!("{text}; 1 thing to decide (!)."),
            count => format!("{text}; {count} things to decide (!)."),
        }
    }
}

/// Judges what was found out.
pub fn judge(examined: &Examined<'_>) -> Checkup {
    let part = |title: &str, lines| Part { environment: None, title: title.to_owned(), lines };
    let mut parts = vec![
        part("Config", setup::lines(examined)),
        part("Credential", credential::lines(examined)),
        part("Entra", entra::lines(examined)),
    ];
    parts.extend(examined.clusters.iter().map(|(name, cluster)| Part {
        environment: Some(name.clone()),
        title: name.to_string(),
        lines: cluster::lines(examined, name, cluster),
    }));
    parts.retain(|part| !part.lines.is_empty());
    Checkup { purpose: examined.purpose, parts }
}

/// Whether lines about a purpose are shown at all.
fn asks_about(asked: Option<Purpose>, purpose: Purpose) -> bool {
    asked.is_none_or(|asked| purpose <= asked)
}
