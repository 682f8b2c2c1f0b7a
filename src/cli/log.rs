//! `rolecall log`

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::args::Output;
use super::error::CliError;
use super::exit::Exit;
use super::history::{self, Wanted};
use super::ui::Ui;
use crate::config;
use crate::diagnostics::Finding;
use crate::report::{self, escape};
use crate::state::history::Whose;
use crate::state::{AppId, GroupKey, PrincipalName, closest, closest_address};

/// Tell the history of somebody's access, or of a group, from git alone
///
/// Commit by commit along the main line, newest first: in which groups they came and went, what those were granted and lost,
/// what was expected of them. A merge is one step. Nothing is contacted: no tenant, no cluster, no remote.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall log hayden@contoso.com
  rolecall log payments-dev access/ --since 2026-01-01
  rolecall log ana@partner.example --limit 5 --output json | jq .steps")]
pub(super) struct Args {
    /// A user principal name, the mail address of a guest, an app id, or the key of a group
    #[arg(value_name = "PERSON|GROUP")]
    name: String,
    /// The folder of the access files, or any file in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// No older than this day (in UTC) or time, as 2026-03-04 or 2026-03-04T12:00:00Z
    #[arg(long, value_name = "DATE", value_parser = moment)]
    since: Option<Timestamp>,
    /// No more than this many steps
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// How the result is written
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    text.parse()
        .ok()
        .or_else(day)
        .ok_or_else(|| "it is no day as 2026-03-04, nor a time as 2026-03-04T12:00:00Z".to_owned())
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    // The person is left out easily, and the folder is then taken for one.
    let stands_first =
        || (args.path == Path::new(".") && ui.resolve(Path::new(&args.name)).exists()).then(|| no_person(args));
    let whose = whose(&args.name).map_err(|error| stands_first().unwrap_or(error))?;
    let loaded = config::load(&ui.resolve(&args.path));
    if loaded.sources.iter().next().is_none() {
        if let Some(error) = stands_first() {
            return Err(error);
        }
        let why = loaded.findings.first();
        let told = |finding: &Finding| match &finding.file {
            Some(file) => format!("{file}: {}", finding.message),
            None => finding.message.clone(),
        };
        let error = CliError::user(why.map_or_else(|| "there are no access files".to_owned(), told));
        return Err(match why.and_then(|finding| finding.help.clone()) {
            Some(help) => error.hint(help),
            None => error,
        });
    }
    let limit = args.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let wanted = Wanted { since: args.since.map(Timestamp::as_second), limit };
    let found = history::tell(&loaded, &whose, &wanted)?;
    if !found.is_known && args.since.is_none() {
        return Err(stands_first().unwrap_or_else(|| nobody(&args.name, &found)));
    }
    let mut found = found;
    found.history.since = args.since;
    let text = match args.output {
        Output::Text => {
            let layout = report::text::Layout { width: ui.width, colour: ui.colour_on_stdout() };
            report::text::history(&found.history, layout)
        }
        Output::Json => report::json::history_v1(&found.history),
    };
    for note in &found.history.notes {
        ui.say(&report::text::paragraph("note: ", note, ui.width));
    }
    ui.print(&text)?;
    Ok(Exit::Fine)
}

/// A path stands where the person is named.
fn no_person(args: &Args) -> CliError {
    let name = escape::name(&args.name);
    CliError::user(format!("`{name}` is a path, and stands where a person or a group is named"))
        .hint(format!("name whose history is meant first: `rolecall log PERSON {name}`"))
        .exit(Exit::Usage)
}

/// Whom a name stands for. A person and a guest are told apart by the files.
fn whose(text: &str) -> Result<Whose, CliError> {
    let refused = |why: &str| {
        Err(CliError::user(format!("`{}` names nobody: {why}", escape::name(text)))
            .hint("name a person by user principal name, a guest by mail address, an app by app id, a group by its key")
            .exit(Exit::Usage))
    };
    let person = |name: PrincipalName| Ok(Whose::Person(vec![name]));
    match text.split_once(':') {
        Some(("guest", mail)) => {
            mail.parse().map(PrincipalName::Guest).map_or_else(|error| refused(&error.to_string()), person)
        }
        Some(("service-principal", app)) => {
            app.parse().map(PrincipalName::ServicePrincipal).map_or_else(|error| refused(&error.to_string()), person)
        }
        Some(("group", key)) => key.parse().map(Whose::Group).or_else(|error| refused(&error.to_string())),
        _ if text.contains('@') => {
            let names = [text.parse().map(PrincipalName::User).ok(), text.parse().map(PrincipalName::Guest).ok()];
            let names: Vec<PrincipalName> = names.into_iter().flatten().collect();
            if names.is_empty() { refused("it is not of the form name@domain") } else { Ok(Whose::Person(names)) }
        }
        _ => match (text.parse::<AppId>(), text.parse::<GroupKey>()) {
            (Ok(app), _) => person(PrincipalName::ServicePrincipal(app)),
            (_, Ok(key)) => Ok(Whose::Group(key)),
            (_, Err(error)) => refused(&error.to_string()),
        },
    }
}

/// Nobody was ever called so: the nearest of all names of the history.
fn nobody(text: &str, found: &history::Found) -> CliError {
    let people: Vec<String> = found
        .people
        .iter()
        .filter_map(|name| match name {
            PrincipalName::User(name) => Some(name.to_string()),
            PrincipalName::Guest(mail) => Some(mail.to_string()),
            PrincipalName::ServicePrincipal(app) => Some(app.to_string()),
            PrincipalName::Group(_) | PrincipalName::GroupId(_) | PrincipalName::Object(_) => None,
        })
        .collect();
    let people = || people.iter().map(String::as_str);
    let groups = || found.groups.iter().map(GroupKey::as_str);
    let near = match &found.history.whose {
        Whose::Person(_) => closest_address(text, people()).or_else(|| closest(&text.to_lowercase(), people())),
        // A person's name without its domain is no key of a group.
        Whose::Group(_) => closest(text, groups()).or_else(|| closest_address(text, people())),
    };
    let kind = match &found.history.whose {
        Whose::Person(_) => "nobody is called",
        Whose::Group(_) => "no group is called",
    };
    let commits = match found.history.commits {
        1 => "1 commit".to_owned(),
        commits => format!("{commits} commits"),
    };
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name a person by user principal name, a guest by mail address, an app by app id, a group by its key"
            .to_owned(),
    };
    CliError::user(format!("{kind} `{}` in the access files of any of {commits}", escape::name(text)))
        .hint(hint)
        .exit(Exit::Usage)
}
