//! What `who-can`, `why` and `access` have in common: their flags, what they look at, and how an answer is given.

mod someone;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;

pub(super) use self::someone::{Whom, group};
use super::args::{ConnectionArgs, Output, PolicyArgs};
use super::error::CliError;
use super::exit::Exit;
use super::history;
use super::plan::or_document;
use super::progress::Progress;
use super::session::{Seen, Session};
use super::ui::Ui;
use crate::access::questions::{Answer, Unseen, World};
use crate::report::{self, escape};
use crate::state::resources::{self, Nonsense, Oddity};
use crate::state::{EnvironmentName, Namespace, PrincipalName, Request, closest};

/// What is asked about, and how the answer is written.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct QuestionArgs {
    /// Ask about this environment only (can be repeated)
    #[arg(long, short, value_name = "ENV")]
    environment: Vec<EnvironmentName>,
    /// Answer for the time after an apply of the access files as they are
    #[arg(long)]
    planned: bool,
    /// The folder of the access files, or any file in it
    #[arg(long, value_name = "PATH", default_value = ".")]
    files: PathBuf,
    /// How the answer is written
    #[arg(long, short, value_enum, default_value_t)]
    output: AnswerOutput,
    /// Answer with 0 all the same when this environment cannot be reached (can be repeated)
    #[arg(long, value_name = "ENV")]
    allow_unreachable: Vec<EnvironmentName>,
    #[command(flatten)]
    connections: ConnectionArgs,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum AnswerOutput {
    /// For people.
    #[default]
    Text,
    /// For programs; see `rolecall schema answer`.
    Json,
    /// For spreadsheets, one row a way; no cell is a formula.
    Csv,
}

/// What was looked at for a question.
pub(super) struct Looked {
    session: Session,
    seen: Seen,
    asked: BTreeSet<EnvironmentName>,
}

impl QuestionArgs {
    /// Reads what the question needs; these names are looked up, too.
    pub(super) async fn look(&self, ui: &mut Ui, names: BTreeSet<PrincipalName>) -> Result<Looked, CliError> {
        let policy = PolicyArgs::default();
        let opened = if self.planned {
            Session::open(ui, &self.files, &self.connections, &policy).await
        } else {
            Session::open_anyway(ui, &self.files, &self.connections, &policy).await
        };
        let output = if self.output == AnswerOutput::Json { Output::Json } else { Output::Text };
        let mut session = or_document(ui, output, opened)?;
        for name in self.environment.iter().chain(&self.allow_unreachable) {
            check_environment(&session, name)?;
        }
        let all = || session.desired.environments.keys().cloned().collect();
        let asked: BTreeSet<EnvironmentName> =
            if self.environment.is_empty() { all() } else { self.environment.iter().cloned().collect() };
        session.unroutable.retain(|name, _| asked.contains(name));
        let progress = Progress::new(ui);
        session.entra.on_wait = progress.on_wait();
        let seen = if self.planned {
            session.look_ahead(&progress, &asked, names).await?
        } else {
            session.look(&progress, &asked, names).await?
        };
        Ok(Looked { session, seen, asked })
    }

    /// Prints an answer, with what is odd about the question on standard error.
    pub(super) fn give(&self, ui: &mut Ui, answer: &Answer, notes: &[String]) -> Result<Exit, CliError> {
        let text = match self.output {
            AnswerOutput::Text => {
                let layout = report::text::Layout { width: ui.width, colour: ui.colour_on_stdout() };
                report::text::answer(answer, layout)
            }
            AnswerOutput::Json => report::json::answer_v1(answer, notes),
            AnswerOutput::Csv => report::csv::answer(answer),
        };
        for note in notes {
            ui.say(&report::text::paragraph("note: ", note, ui.width));
        }
        ui.print(&text)?;
        if self.output == AnswerOutput::Csv {
            for unseen in &answer.unseen {
                ui.say(&report::text::paragraph("not seen: ", &report::text::unseen(unseen), ui.width));
            }
        }
        let counts = |unseen: &&Unseen| match unseen {
            Unseen::Environment(name, ..) => !self.allow_unreachable.contains(name),
            Unseen::Entra(..) | Unseen::Group(..) => true,
        };
        Ok(if answer.unseen.iter().any(|unseen| counts(&unseen)) { Exit::Error } else { Exit::Fine })
    }
}

impl Looked {
    /// The people and the clusters at the time that is asked about.
    pub(super) fn world(&self) -> World<'_> {
        let (desired, observed) = (&self.session.desired, &self.seen.observed);
        match &self.seen.changes {
            None => World::live(desired, observed, &self.asked),
            Some(changes) => World::planned(desired, observed, &self.asked, changes),
        }
    }

    /// Looks up since when the lines of an answer say what they say; a note where git does not tell.
    pub(super) async fn trace(&self, answer: &mut Answer) -> Option<String> {
        let told = history::of_answer(answer, &self.session.loaded, &self.session.desired).await;
        told.err().map(|none| format!("who added these lines is not known: {}", none.what))
    }

    /// Stops what was started for it.
    pub(super) async fn close(self) {
        self.session.close().await;
    }
}

/// The environment must be one of the config.
pub(super) fn check_environment(session: &Session, name: &EnvironmentName) -> Result<(), CliError> {
    let environments = &session.desired.environments;
    if environments.contains_key(name) {
        return Ok(());
    }
    let names = || environments.keys().map(EnvironmentName::as_str);
    let hint = match closest(name.as_str(), names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the config has: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(CliError::user(format!("no environment is called `{name}`")).hint(hint).exit(Exit::Usage))
}

/// What was asked, in the words of `kubectl auth can-i`.
pub(super) fn request(
    verb: &str,
    resource: &str,
    namespace: Option<&Namespace>,
) -> Result<(Request, Vec<Oddity>), CliError> {
    resources::request(verb, resource, namespace.cloned()).map_err(|error| {
        let hint = match &error {
            Nonsense::Form(_) => "e.g. `list pods`, `get deployments.apps/scale/web`, `get /metrics`".to_owned(),
            Nonsense::AfterName { write, .. } => format!("write `{}`", escape::name(write)),
            Nonsense::NoNamespace(_) | Nonsense::PathInNamespace(_) => "leave out -n".to_owned(),
            Nonsense::OtherNamespace { .. } => "leave out -n, or name the same namespace twice".to_owned(),
        };
        CliError::user(error.to_string()).hint(hint).exit(Exit::Usage)
    })
}

/// What is odd about a question, in words.
pub(super) fn notes(request: Option<&Request>, odd: &[Oddity], world: &World<'_>) -> Vec<String> {
    let meant = |nearest: Option<&str>| nearest.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
    let note = |oddity: &Oddity| match oddity {
        Oddity::UnknownResource { resource, nearest } => {
            let groups = world.groups_with(resource);
            let near = match (nearest, groups.first()) {
                (None, Some(group)) => Some(format!("{resource}.{group}")),
                (nearest, _) => nearest.clone(),
            };
            let meant = match near.as_deref() {
                None if !resource.contains('.') => {
                    format!("; if it is a custom resource, write its group: `{resource}.GROUP`")
                }
                near => meant(near),
            };
            format!("`{resource}` is none of Kubernetes' own resources, and is asked about as it is written{meant}")
        }
        Oddity::NearlySubresource { name, nearest } => {
            format!("`{name}` is taken for the name of an object (did you mean the subresource `{nearest}`?)")
        }
        Oddity::UnknownSubresource { resource, subresource, nearest } => {
            let meant = meant(nearest.as_deref());
            format!("`{subresource}` is nothing below {resource}, and is asked about as it is written{meant}")
        }
        Oddity::UnknownVerb { verb, nearest } => {
            let meant = meant(nearest.as_deref());
            format!("`{verb}` is no verb that Kubernetes itself uses, and is asked about as it is written{meant}")
        }
    };
    let namespace = request.and_then(Request::namespace);
    let nowhere = namespace.and_then(|namespace| Some((namespace, world.is_nowhere(namespace)?)));
    let nowhere = nowhere
        .map(|(namespace, near)| format!("no cluster that was looked at has a namespace `{namespace}`{}", meant(near)));
    odd.iter().map(note).chain(nowhere).collect()
}
