//! `rolecall comment`

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::connections;
use super::error::CliError;
use super::exit::Exit;
use super::files;
use super::ui::Ui;
use crate::hosts::{self, Asked, Became, Connection, HostName, Kept, Key, On, Surroundings, Wish};
use crate::providers::http::{Listener, Transport, TransportSettings, Wait};
use crate::report::{escape, text};
use crate::state::closest;

/// Post a text as the one comment of a pull request, and edit it on every push
///
/// Which pull request, on which host and with which token is known from the environment of the CI job: GitHub Actions, GitLab
/// CI or Azure Pipelines. A hidden line marks the comment as ours; it is found again by that line and by who wrote it. Nothing
/// is sent when nothing differs but what a run has cost. A FILE that is missing or empty gives a comment which says that the plan
/// failed, so that the plan of an earlier commit never stays; a missing one is an error besides. A run that is for no pull request,
/// or for a commit that is not its last one any more, posts nothing and is fine.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecall plan --base main --also markdown=plan.md; rolecall comment plan.md\n  rolecall comment plan-prod.md --key prod      # one of several on a pull request\n  rolecall comment drift.md --as-issue          # one issue, opened or updated\n  rolecall comment --as-issue --close           # nothing is left of it"
)]
pub(super) struct Args {
    /// The file whose text is posted, as Markdown; `-` reads standard input
    #[arg(required_unless_present = "close", conflicts_with = "close")]
    file: Option<PathBuf>,
    /// Tell several comments on one pull request, or several issues, apart by this name [default: `plan`; with --as-issue `drift`]
    #[arg(long, value_name = "NAME")]
    key: Option<Key>,
    /// Keep one issue of the repository instead of a comment: open it, update it, open it again (GitHub and GitLab)
    #[arg(long)]
    as_issue: bool,
    /// Close that issue, if it is open
    #[arg(long, requires = "as_issue")]
    close: bool,
    /// The title of the issue [default: `rolecall: drift`]
    #[arg(long, value_name = "TEXT", requires = "as_issue", conflicts_with = "close")]
    title: Option<String>,
    /// The host, where the environment does not say
    #[arg(long, value_enum, value_name = "HOST")]
    host: Option<HostArg>,
    /// The pull request, where the environment does not say
    #[arg(long, value_name = "N", conflicts_with = "as_issue")]
    pull_request: Option<u64>,
    /// Trust the certificates in this PEM file too [default: `$CI_SERVER_TLS_CA_FILE`]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// The hosts by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HostArg {
    /// github.com or GitHub Enterprise.
    #[value(name = "github")]
    GitHub,
    /// gitlab.com or a GitLab of your own.
    #[value(name = "gitlab")]
    GitLab,
    /// Azure DevOps Services or Server.
    AzureDevops,
}

impl From<HostArg> for HostName {
    fn from(host: HostArg) -> Self {
        match host {
            HostArg::GitHub => Self::GitHub,
            HostArg::GitLab => Self::GitLab,
            HostArg::AzureDevops => Self::AzureDevOps,
        }
    }
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let key = key(args)?;
    let asked =
        Asked { host: args.host.map(HostName::from), pull_request: args.pull_request, needs_none: args.as_issue };
    let folder = ui.folder.clone();
    let event = move |path: &str| std::fs::read_to_string(folder.join(path));
    let around = hosts::look_around(&ui.env, &event, &asked)?;
    let on = match (args.as_issue, &around.pull_request) {
        (true, _) => On::Issues,
        (false, Ok(number)) => On::PullRequest(*number),
        (false, Err(why)) => {
            ui.say(&text::paragraph("", &format!("No pull request: {why}. Nothing was posted."), usize::MAX));
            return Ok(Exit::Fine);
        }
    };
    let connection = connection(args, &around, ui)?;
    let host = hosts::open(&around, &connection)?;
    if let (On::PullRequest(number), Some(looked_at)) = (on, &around.head) {
        let head = host.head(number).await?;
        if !head.eq_ignore_ascii_case(looked_at) {
            let pull_request = around.host.pull_request(number);
            let (head, looked_at) = (hosts::short(&head), hosts::short(looked_at));
            ui.print(&format!(
                "Nothing was posted: {pull_request} is at {head} by now, and this run is of {looked_at}.\n"
            ))?;
            return Ok(Exit::Fine);
        }
    }
    let (wish, problem) = wish(args, &key, &around, ui);
    let kept = hosts::keep(&*host, on, &key, &wish, around.job.as_deref(), &connection).await?;
    tell(&kept, on, &key, &around, ui)?;
    // Posted all the same: that it could not be read must not leave an old plan standing.
    problem.map_or(Ok(Exit::Fine), Err)
}

fn key(args: &Args) -> Result<Key, CliError> {
    if let Some(key) = &args.key {
        return Ok(key.clone());
    }
    let key = if args.as_issue { "drift" } else { "plan" };
    key.parse().map_err(CliError::user)
}

/// What is to stand there; and what is wrong with the file, beyond being empty.
fn wish(args: &Args, key: &Key, around: &Surroundings, ui: &mut Ui) -> (Wish, Option<CliError>) {
    let Some(file) = &args.file else {
        return (Wish::Closed { line: hosts::nothing_any_more(around) }, None);
    };
    let title = args.title.clone().unwrap_or_else(|| "rolecall: drift".to_owned());
    let shown = if file.as_os_str() == "-" { "standard input".to_owned() } else { file.display().to_string() };
    let what = if args.as_issue { "look for drift".to_owned() } else { key.to_string() };
    let failed = Wish::Text { text: hosts::failed(&what, around), title: title.clone() };
    let posted = format!("what is posted says that the {what} failed");
    let problem = match read(file, ui) {
        Ok(text) if !text.trim().is_empty() => return (Wish::Text { text, title }, None),
        Ok(_) => {
            ui.say(&text::paragraph("warning: ", &format!("{shown} is empty: {posted}."), usize::MAX));
            None
        }
        Err(error) => {
            let lacks = match error.kind() {
                io::ErrorKind::NotFound => "is not there".to_owned(),
                io::ErrorKind::IsADirectory => "is a folder".to_owned(),
                _ => format!("cannot be read: {}", files::reason(&error)),
            };
            let next = match error.kind() {
                io::ErrorKind::NotFound => near(file, ui).map_or_else(
                    || "see whether the step that writes it was left out, and where it writes".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                ),
                _ => "name a file of UTF-8 text".to_owned(),
            };
            Some(CliError::user(format!("{shown} {lacks}; {posted}")).hint(next))
        }
    };
    (failed, problem)
}

/// A file beside the one that is not there, of a name like it.
fn near(file: &Path, ui: &Ui) -> Option<String> {
    let folder = ui.resolve(file).parent()?.to_owned();
    let entries = fs_err::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<String> = entries.collect();
    let found = closest(file.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(escape::name(&file.with_file_name(found).display().to_string()))
}

fn read(file: &Path, ui: &mut Ui) -> io::Result<String> {
    let text = if file.as_os_str() == "-" {
        ui.read_all()?
    } else {
        let path = files::place(ui, file)?;
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        std::fs::read_to_string(path)?
    };
    // Some editors and shells put a mark in front that would be seen.
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

fn connection(args: &Args, around: &Surroundings, ui: &Ui) -> Result<Connection, CliError> {
    let named = ui.variable("CI_SERVER_TLS_CA_FILE").filter(|_| around.host == HostName::GitLab);
    let file = args.ca_file.clone().or_else(|| named.map(PathBuf::from));
    let extra_ca = file.map(|file| {
        std::fs::read(ui.resolve(&file)).map_err(|error| {
            CliError::user(format!("the CA file {} cannot be read: {error}", file.display()))
                .hint("name a file that holds -----BEGIN CERTIFICATE----- blocks with --ca-file")
        })
    });
    let settings = TransportSettings {
        clock: ui.now,
        ..TransportSettings::new(extra_ca.transpose()?, connections::proxies_of_environment(ui)?)
    };
    let (voice, host) = (ui.voice(), around.host);
    let on_wait = Listener::tell(move |wait: Wait| {
        if wait.now.as_secs() >= 1 {
            voice.say(&format!("{host} asks to wait {} s", wait.now.as_secs()));
        }
    });
    Ok(Connection { transport: Transport::new(&settings)?, pace: ui.pace, on_wait })
}

fn tell(kept: &Kept, on: On, key: &Key, around: &Surroundings, ui: &mut Ui) -> io::Result<()> {
    let project = escape::name(&around.project.name());
    let what = match on {
        On::PullRequest(number) => format!("the comment `{key}` on {} of {project}", around.host.pull_request(number)),
        On::Issues => format!("the issue `{key}` of {project}"),
    };
    let did = match (kept.became, on) {
        (Became::Added, On::PullRequest(_)) => format!("Posted {what}"),
        (Became::Added, On::Issues) => format!("Opened {what}"),
        (Became::Edited, _) => format!("Edited {what}"),
        (Became::Reopened, _) => format!("Opened {what} again"),
        (Became::AsItWas, _) => format!("Nothing differs: {what} stays as it is"),
        (Became::Closed, _) => format!("Closed {what}"),
        (Became::NothingOpen, _) => format!("Nothing to close: {what} is not open"),
    };
    let place = kept.address.as_deref().map_or_else(String::new, |address| format!(": {}", escape::message(address)));
    ui.print(&format!("{did}{place}\n"))?;
    if kept.was_cut {
        ui.say(&format!(
            "warning: it is longer than {} takes, and was cut; its last line says where the whole is",
            around.host
        ));
    }
    if kept.superseded > 0 {
        let (ones, say) = if kept.superseded == 1 { ("one", "says") } else { ("ones", "say") };
        ui.say(&format!("{} other {ones} of ours {say} now: superseded", kept.superseded));
    }
    if let Some(failure) = &kept.left {
        ui.say(&text::paragraph(
            "warning: ",
            &format!("other ones of ours are left as they are: {}", failure.what),
            usize::MAX,
        ));
    }
    Ok(())
}
