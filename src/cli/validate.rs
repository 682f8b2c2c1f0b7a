//! `rolecall validate`

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use clap::ValueEnum;

use super::annotate::{AnnotateArgs, Annotations, base};
use super::error::CliError;
use super::exit::Exit;
use super::session;
use super::ui::Ui;
use crate::access::expectations::{Judged, What, Why};
use crate::diagnostics::{Finding, Label, Severity, SourceMap, Span};
use crate::report::{escape, findings, text};
use crate::state::{GroupKey, Origin, PrincipalName, Request, first_few};
use crate::{access, config, desired, report};

/// Check the access files and report every mistake in one run
///
/// Expectations are judged by the files alone. Nothing is contacted: no tenant, no cluster.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecall validate\n  rolecall validate access/teams/payments.yaml   # stands for the whole config\n  rolecall validate --output json | jq .findings\n  rolecall validate --annotate github             # beside the lines of a pull request"
)]
pub(super) struct Args {
    /// The folder of the access files, or any file in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How the result is written
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    annotate: AnnotateArgs,
}

/// How mistakes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// How many broken expectations are told at length.
const LISTED: usize = 20;

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let annotations = Annotations::begin(ui, &args.annotate)?;
    let mut loaded = config::load(&ui.resolve(&args.path));
    let judged = loaded.config.as_ref().map(|config| judge(config, &loaded)).unwrap_or_default();
    let broken = broken(&judged, args.output);
    // Nobody reads thousands of them at a terminal.
    let listed = if args.output == Output::Text { LISTED } else { broken.len() };
    let failed: Vec<Finding> = loaded.config.as_ref().filter(|_| !broken.is_empty()).map_or_else(Vec::new, |config| {
        let places = Places::new(config, &loaded.sources);
        broken.iter().take(listed).map(|each| failed(each, &places)).collect()
    });
    let exit = match (&loaded.config, failed.is_empty()) {
        (None, _) => Exit::Error,
        (Some(_), false) => Exit::Expectation,
        (Some(_), true) => Exit::Fine,
    };
    loaded.findings.extend(failed);
    annotations.write(ui, &loaded.findings, &loaded)?;
    match args.output {
        Output::Sarif => {
            let base = base(&loaded);
            ui.print(&report::lint::sarif_of_mistakes(&loaded.findings, &loaded.sources, &base))?;
        }
        Output::Json => {
            let mut value = findings::json(&loaded.findings, &loaded.sources);
            // Of files that do not hang together nothing is judged.
            if loaded.config.is_some() {
                value["expectations"] = report::json::expectations(&judged);
            }
            ui.print(&escape::json(&format!("{value:#}")))?;
        }
        Output::Text => {
            if !loaded.findings.is_empty() {
                let text = findings::render(&loaded.findings, &loaded.sources, &session::style(ui));
                ui.say(&text);
            }
            if broken.len() > listed {
                let more = broken.len() - listed;
                ui.say(&format!("{more} more expectations failed; `--output json` lists each."));
            }
            if !broken.is_empty() {
                let next =
                    "change what is granted where the lines above say so, or what is expected, and validate again.";
                ui.say(&text::paragraph("Next: ", next, ui.width));
            }
            let unknown: Vec<Judged> = judged.iter().filter(|each| each.is_unknown()).cloned().collect();
            if !unknown.is_empty() {
                let layout = text::Layout { width: ui.width, colour: ui.colour_on_stderr() };
                ui.say("Only the live systems tell (`plan`, `verify`):");
                ui.say(text::expectations(&unknown, layout).trim_end());
            }
            if let Some(config) = &loaded.config {
                if broken.is_empty() {
                    ui.print(&summary(config, loaded.sources.iter().count()))?;
                }
                if !judged.is_empty() {
                    ui.print(&expected(&judged))?;
                }
            }
        }
    }
    Ok(exit)
}

fn judge(config: &config::Config, loaded: &config::Loaded) -> Vec<Judged> {
    access::expectations::asked(&desired::compile(config, &loaded.sources))
}

/// A broken expectation.
struct Broken<'j> {
    first: &'j Judged,
    /// The same on each environment on which it is broken.
    all: Vec<&'j Judged>,
}

/// The broken ones. For people, what is expected on several environments is told once; for programs each is its own.
fn broken(judged: &[Judged], output: Output) -> Vec<Broken<'_>> {
    let mut positions: BTreeMap<(&Origin, &PrincipalName, &What), usize> = BTreeMap::new();
    let mut broken: Vec<Broken<'_>> = Vec::new();
    for each in judged.iter().filter(|each| each.is_broken()) {
        let at = match output {
            Output::Json | Output::Sarif => broken.len(),
            Output::Text => *positions.entry((&each.origin, &each.who, &each.expected)).or_insert(broken.len()),
        };
        match broken.get_mut(at) {
            Some(same) => same.all.push(each),
            None => broken.push(Broken { first: each, all: vec![each] }),
        }
    }
    broken
}

/// The places that the reasons of expectations may be about, by file and line.
struct Places<'c> {
    by_line: HashMap<Origin, Vec<(Place<'c>, Span)>>,
    /// The groups that somebody, or a group, is directly in.
    groups_of: BTreeMap<&'c PrincipalName, Vec<&'c GroupKey>>,
}

enum Place<'c> {
    /// An expectation; of `only` all of it.
    Expected(Option<&'c Request>),
    Grant,
    Member(&'c PrincipalName),
}

impl<'c> Places<'c> {
    fn new(config: &'c config::Config, sources: &SourceMap) -> Self {
        let of_expectations = config.expectations.iter().flat_map(|each| {
            let requests = each.can.iter().chain(&each.cannot);
            let requests = requests.map(|request| (Place::Expected(Some(&request.value)), request.span));
            requests.chain(each.only.iter().map(|only| (Place::Expected(None), only.span)))
        });
        let grants = config.grants.iter().map(|grant| (Place::Grant, grant.span));
        let members = config.groups.values().flat_map(|group| group.members.iter());
        let members = members.map(|member| (Place::Member(&member.value), member.span));
        let mut by_line: HashMap<Origin, Vec<(Place<'c>, Span)>> = HashMap::new();
        for (place, span) in of_expectations.chain(grants).chain(members) {
            by_line.entry(sources.origin(span)).or_default().push((place, span));
        }
        let mut groups_of: BTreeMap<&PrincipalName, Vec<&GroupKey>> = BTreeMap::new();
        for (key, group) in &config.groups {
            for member in &group.members {
                groups_of.entry(&member.value).or_default().push(key);
            }
        }
        Self { by_line, groups_of }
    }

    /// Where on a line somebody, or a group on their way, is a member: many may stand on one line.
    fn members(&self, line: &[(Place<'c>, Span)], who: &PrincipalName) -> Vec<Span> {
        let members = || {
            line.iter().filter_map(|(place, span)| match place {
                Place::Member(name) => Some((*name, *span)),
                Place::Expected(_) | Place::Grant => None,
            })
        };
        if members().count() > 1 {
            let way = self.on_the_way(who);
            let on_it: Vec<Span> = members().filter(|(name, _)| way.contains(*name)).map(|(_, span)| span).collect();
            if !on_it.is_empty() {
                return on_it;
            }
        }
        members().map(|(_, span)| span).collect()
    }

    /// Somebody, and every group of the files that they are in.
    fn on_the_way(&self, who: &PrincipalName) -> BTreeSet<PrincipalName> {
        let mut found = BTreeSet::from([who.clone()]);
        let mut open = vec![who.clone()];
        while let Some(member) = open.pop() {
            for key in self.groups_of.get(&member).into_iter().flatten() {
                let group = PrincipalName::Group((*key).clone());
                if found.insert(group.clone()) {
                    open.push(group);
                }
            }
        }
        found
    }

    fn at(&self, line: &Origin) -> &[(Place<'c>, Span)] {
        self.by_line.get(line).map_or(&[], Vec::as_slice)
    }
}

/// A broken expectation at its place, with what breaks it, on each of its environments.
fn failed(broken: &Broken<'_>, places: &Places<'_>) -> Finding {
    const NAMED: usize = 3;
    let judged = broken.first;
    let asked = match &judged.expected {
        What::Can(request) | What::Cannot(request) => Some(request),
        What::Only(_) => None,
    };
    let is_it = |place: &Place<'_>| matches!(place, Place::Expected(request) if *request == asked);
    let expected = places.at(&judged.origin).iter().find(|(place, _)| is_it(place));
    let label = |span: Span, text: &str| Label { span, text: text.to_owned() };
    let mut labels: Vec<Label> = expected.iter().map(|(_, span)| label(*span, "expected here")).collect();
    let mut whys: Vec<&Why> = Vec::new();
    for why in broken.all.iter().flat_map(|each| text::reasons(each)) {
        if !whys.contains(&why) {
            whys.push(why);
        }
    }
    let lines: BTreeSet<&Origin> = whys.iter().flat_map(|why| &why.lines).collect();
    let about = || lines.iter().map(|line| places.at(line));
    let grants = about().flatten().filter(|(place, _)| matches!(place, Place::Grant));
    labels.extend(grants.map(|(_, span)| label(*span, "granted here")));
    for line in about() {
        labels.extend(places.members(line, &judged.who).into_iter().map(|span| label(span, "a member here")));
    }
    let reasons: Vec<String> = whys.into_iter().map(text::because).collect();
    let environments = first_few(broken.all.iter().map(|each| &each.environment), NAMED);
    Finding {
        rule: &findings::EXPECTATION_FAILED,
        severity: Severity::Error,
        message: text::sentence_on(judged, &environments),
        labels,
        file: Some(judged.origin.file.to_string()),
        help: Some(reasons.join("; ")),
    }
}

fn expected(judged: &[Judged]) -> String {
    let broken = judged.iter().filter(|each| each.is_broken()).count();
    let unknown = judged.iter().filter(|each| each.is_unknown()).count();
    let hold = judged.len() - broken - unknown;
    let mut parts = vec![format!("{hold} of {} hold", judged.len())];
    parts.extend((broken > 0).then(|| format!("{broken} failed")));
    parts.extend((unknown > 0).then(|| format!("{unknown} left for the live systems to tell")));
    format!("Expectations by the files alone: {}.", parts.join(", "))
}

fn summary(config: &config::Config, files: usize) -> String {
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    format!(
        "{} is well formed: {}, {}, {}, {}, {}.",
        config.name.value,
        count(files, "file"),
        count(config.environments.len(), "environment"),
        count(config.groups.len(), "group"),
        count(config.roles.len(), "role"),
        count(config.grants.len(), "grant"),
    )
}
