//! `rolecall snapshot`

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use ring::hmac;
use ring::rand::SystemRandom;

use super::args::{ConnectionArgs, PolicyArgs};
use super::error::CliError;
use super::exit::Exit;
use super::files;
use super::progress::Progress;
use super::session::Session;
use super::ui::Ui;
use crate::report;
use crate::snapshot::{Snapshot, SnapshotError};
use crate::state::{
    EnvironmentName, Failure, InvalidName, Observed, PrincipalName, Resolution, first_few, is_access_file,
};

/// Write what is live to a file, for previews without credentials (`plan --snapshot`)
///
/// It holds what a plan of these access files reads and asks, and what a plan of a change of them asks besides: every group of
/// the config with its members, every role, binding and namespace of each cluster. What cannot be read is in it as such.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall snapshot live.json                    # of the access files in this folder
  rolecall snapshot live.json access/
  rolecall snapshot live.json --people all       # a change may then name anybody of the tenant
  rolecall snapshot live.json --pseudonymise     # for a repository that strangers may read
  rolecall plan --snapshot live.json --base main # in a job without credentials")]
pub(super) struct Args {
    /// The file to write; only its owner may read it
    file: PathBuf,
    /// The folder of the access files, or any file in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Put more people into it than the files name: `all`, or a FILE with one name a line, as the access files write them
    ///
    /// Whoever a change names and the snapshot does not have is "not in the snapshot" in its preview. A line of FILE is
    /// gina@contoso.com, guest:ana@partner.example, service-principal:APP-ID or group-id:OBJECT-ID.
    #[arg(long, value_name = "all|FILE")]
    people: Option<PathBuf>,
    /// Put pseudonyms in place of names and ids that neither the access files nor `--people FILE` have
    ///
    /// For a file that everybody who reads the access files may read. The same name has the same pseudonym throughout one file,
    /// and another one in the next. Namespaces, cluster roles and who is with whom in which group stay visible.
    #[arg(long)]
    pseudonymise: bool,
    /// Go on without failing when this environment cannot be reached (can be repeated)
    #[arg(long, value_name = "ENV")]
    allow_unreachable: Vec<EnvironmentName>,
    #[command(flatten)]
    connections: ConnectionArgs,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    check_file(ui, &args.file)?;
    let people = args.people.as_deref().map(|people| people_of(ui, people)).transpose()?.unwrap_or_default();
    if let (true, People::All) = (args.pseudonymise, &people) {
        let what = "--people all puts everybody's name into the snapshot, and --pseudonymise keeps them out";
        return Err(CliError::user(what)
            .hint("name with `--people FILE` those whom a change may name: their names then stay")
            .exit(Exit::Usage));
    }
    let policy = PolicyArgs { allow_unreachable: args.allow_unreachable.clone(), ..PolicyArgs::default() };
    let mut session = Session::open(ui, &args.path, &args.connections, &policy).await?;
    let progress = Progress::new(ui);
    session.entra.on_wait = progress.on_wait();
    let everybody = matches!(people, People::All);
    if let People::Named(names) = people {
        session.also = names;
    }
    let observed = session.take(&progress, everybody).await?;
    let unknown = unknown(&observed, &session.also, args.pseudonymise);
    let snapshot = Snapshot {
        rolecall: env!("CARGO_PKG_VERSION").to_owned(),
        taken: (ui.now)(),
        tenant: session.desired.tenant,
        config: session.desired.config.clone(),
        tree: session.loaded.tree_hash.clone(),
        commit: session.commit(),
        invented: session.policy.invented,
        everybody: everybody && matches!(observed.tenant, Some(Ok(_))),
        pseudonymised: false,
        observed,
    };
    let snapshot = if args.pseudonymise {
        // The key is not kept, so that nobody can try names.
        let random = "the operating system gives no random numbers, so that no pseudonyms can be made";
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| {
            CliError::user(random).hint("run it again; leave --pseudonymise out only where nobody else reads the file")
        })?;
        snapshot.pseudonymised(&session.desired, &session.also, &key)
    } else {
        snapshot
    };
    // The log of a job is often read by the same people as its files.
    let unread = unread(&snapshot.observed, &session.policy.allow_unreachable);
    if let (true, Some((_, failure))) = (has_nothing(&snapshot.observed), unread.first()) {
        return Err(CliError {
            message: format!("nothing could be read, so that no snapshot was written: {}", failure.what),
            ..failure.clone().into()
        });
    }
    let text = snapshot.to_json().map_err(|error| {
        CliError::user(format!("the snapshot was not written: {error}")).hint(match error {
            SnapshotError::TooLarge => "leave out `--people all`, or keep the environments in several configs",
            _ => error.next(),
        })
    })?;
    let written = files::place(ui, &args.file).and_then(|path| files::write_private(&path, text.as_bytes()));
    written.map_err(|error| unwritable(&args.file, &error))?;
    if let (Some(list), false) = (&args.people, unknown.is_empty()) {
        let (many, all) = (unknown.len(), count(session.also.len(), "name"));
        let are = if many == 1 { "is nobody" } else { "are nobody" };
        let note = format!("{many} of {all} in {} {are} in the tenant: {}", list.display(), first_few(unknown, 3));
        ui.say(&report::text::paragraph("note: ", &note, ui.width));
    }
    tell(ui, args, &snapshot, text.len(), &unread);
    let has_failed = unread
        .iter()
        .any(|(name, _)| !name.as_ref().is_some_and(|name| session.policy.allow_unreachable.contains(name)));
    session.close().await;
    Ok(if has_failed { Exit::Error } else { Exit::Fine })
}

/// Who is in it besides those whom the files name.
enum People {
    All,
    Named(BTreeSet<PrincipalName>),
}

impl Default for People {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

fn people_of(ui: &Ui, people: &Path) -> Result<People, CliError> {
    if people == Path::new("all") {
        return Ok(People::All);
    }
    let list = people.display();
    let text = fs_err::read_to_string(ui.resolve(people)).map_err(|error| {
        CliError::user(format!("{list}: the list of people cannot be read: {}", files::reason(&error)))
            .hint_if(files::did_you_mean(ui, people, &error))
            .hint("say `--people all`, or name a file with one name a line")
    })?;
    let lines = text.lines().zip(1..).map(|(line, number)| (line.split('#').next().unwrap_or_default().trim(), number));
    let names = lines.filter(|(line, _)| !line.is_empty()).map(|(line, number)| {
        name(line).map_err(|why| {
            CliError::user(format!("{list}:{number}: `{}` is no name: {why}", report::escape::name(line))).hint(
                "write gina@contoso.com, guest:ana@partner.example, service-principal:APP-ID or group-id:OBJECT-ID",
            )
        })
    });
    names.collect::<Result<_, _>>().map(People::Named)
}

/// A name as the access files write it.
fn name(text: &str) -> Result<PrincipalName, InvalidName> {
    let (kind, rest) = text.split_once(':').map_or(("", text), |(kind, rest)| (kind.trim(), rest.trim()));
    match kind {
        "" => rest.parse().map(PrincipalName::User),
        "guest" => rest.parse().map(PrincipalName::Guest),
        "service-principal" => rest.parse().map(PrincipalName::ServicePrincipal),
        "group-id" => rest.parse().map(PrincipalName::GroupId),
        _ => Err(InvalidName("nothing is named like that".to_owned())),
    }
}

/// Those of these names that nobody has, or several; with the name that may be meant, unless that is nobody's to read.
fn unknown(observed: &Observed, names: &BTreeSet<PrincipalName>, is_hidden: bool) -> Vec<String> {
    let Some(Ok(tenant)) = &observed.tenant else { return Vec::new() };
    let spelt = |name: &PrincipalName, more: &str| format!("{}{more}", report::escape::name(&name.to_string()));
    let unknown = names.iter().filter_map(|name| match tenant.directory.get(name)? {
        Resolution::Found(_) | Resolution::NotInSnapshot => None,
        Resolution::Ambiguous(_) => Some(spelt(name, " (it is several)")),
        Resolution::Missing { suggestion: Some(near), .. } if !is_hidden => {
            Some(spelt(name, &format!(" (did you mean `{}`?)", report::escape::name(near))))
        }
        Resolution::Missing { .. } => Some(spelt(name, "")),
    });
    unknown.collect()
}

/// The parts that could not be read; `None` is Entra. Those that may be out of reach come last.
fn unread(observed: &Observed, allowed: &BTreeSet<EnvironmentName>) -> Vec<(Option<EnvironmentName>, Failure)> {
    let tenant = observed.tenant.iter().filter_map(|tenant| Some((None, tenant.as_ref().err()?.clone())));
    let clusters = observed.clusters.iter();
    let clusters = clusters.filter_map(|(name, cluster)| Some((Some(name.clone()), cluster.as_ref().err()?.clone())));
    let mut unread: Vec<_> = tenant.chain(clusters).collect();
    unread.sort_by_key(|(name, _)| name.as_ref().is_some_and(|name| allowed.contains(name)));
    unread
}

fn has_nothing(observed: &Observed) -> bool {
    !matches!(observed.tenant, Some(Ok(_))) && !observed.clusters.values().any(Result::is_ok)
}

fn tell(ui: &mut Ui, args: &Args, snapshot: &Snapshot, bytes: usize, unread: &[(Option<EnvironmentName>, Failure)]) {
    for (name, failure) in unread {
        let part = name.as_ref().map_or("Entra", EnvironmentName::as_str);
        ui.say(&format!(
            "! {part} could not be read, and the snapshot says so: {}",
            report::escape::message(&failure.what)
        ));
        if let Some(next) = &failure.next {
            ui.say(&format!("  > {}", report::escape::message(next)));
        }
    }
    let groups = match &snapshot.observed.tenant {
        Some(Ok(tenant)) => tenant.marked.len() + tenant.by_id.values().flatten().count(),
        Some(Err(_)) | None => 0,
    };
    let clusters = snapshot.observed.clusters.values().filter(|cluster| cluster.is_ok()).count();
    let reveals = if snapshot.pseudonymised {
        "Names and ids that the access files do not have are pseudonyms in it; namespaces and roles are named"
    } else {
        "It names people, groups and roles: whoever can read it sees them"
    };
    ui.say(&format!(
        "Wrote {}: {}, {}, {}. {reveals}.",
        args.file.display(),
        size(bytes),
        count(groups, "group"),
        count(clusters, "cluster")
    ));
}

/// Whole units of 1,000 bytes.
fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

fn unwritable(file: &Path, why: &io::Error) -> CliError {
    CliError::user(format!("the snapshot was not written: {}: {}", file.display(), files::reason(why)))
        .hint("name a file in a folder that is there and that you may write to")
}

/// Where it cannot be written is said before anything is read.
fn check_file(ui: &Ui, file: &Path) -> Result<(), CliError> {
    if is_access_file(file) {
        return Err(CliError::user(format!(
            "{}: a snapshot is JSON, and of this name would be taken for an access file",
            file.display()
        ))
        .hint("name it e.g. live.json")
        .exit(Exit::Usage));
    }
    files::place(ui, file).and_then(|path| files::check_writable(&path)).map_err(|error| unwritable(file, &error))
}
