//! What a change of the access files starts from: its base, read from git and compiled.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::access::AccessDifference;
use crate::cli::error::CliError;
use crate::config::{self, Config, Loaded, MAX_FILE_BYTES, ROOT_FILE, ReachedOtherwise, Storage, Unreadable};
use crate::diagnostics::Severity;
use crate::git::{self, Content, Tree};
use crate::plan::{self, Caused, Owning, Plan, Side, Unsaid};
use crate::state::expectation::DesiredExpectation;
use crate::state::{
    Desired, EnvironmentName, Failure, FailureKind, GroupKey, Limit, NowCalled, Observed, Touched, Weakened, Weakening,
};
use crate::{desired, report};

/// What a change starts from.
pub(super) struct Base {
    /// The files as they were; or why they do not tell what the change causes: a sentence.
    pub(super) desired: Result<Before, String>,
    /// What the change would have reached otherwise.
    pub(super) otherwise: ReachedOtherwise,
    reference: String,
    commit: String,
    short: String,
    is_shallow: bool,
    /// There are no access files yet where the change goes, so that nothing says how systems are to be reached.
    is_new: bool,
    weakened: Vec<Weakening>,
    /// The mail addresses of those who wrote the change, as git says.
    authors: Vec<String>,
}

/// The files as they were.
pub(super) struct Before {
    /// What they asked for.
    pub(super) desired: Desired,
    /// What stands on the lines that the change touches, in these files and in the new ones; or why that is not known.
    touched: Result<[Touched; 2], String>,
}

/// What a change causes, beside what was off before it.
pub(super) struct Told {
    pub(super) caused: Caused,
    pub(super) unsaid: Result<Vec<Unsaid>, String>,
    pub(super) owners: BTreeMap<GroupKey, Owning>,
}

impl Before {
    /// What the change causes, of the plans of these files and of the new ones.
    pub(super) fn told(&self, plan: &Plan, head: (&Desired, &Plan), observed: &Observed) -> Told {
        let caused = Caused::new((&self.desired, plan), head);
        let unsaid = self.touched.as_ref().map_err(Clone::clone).map(|[before, after]| {
            let base = Side { desired: &self.desired, plan, touched: before };
            let head = Side { desired: head.0, plan: head.1, touched: after };
            plan::unsaid(base, head, &caused, observed)
        });
        let owners = plan::owning(&self.desired, head, &caused, observed);
        Told { caused, unsaid, owners }
    }
}

/// The files of a commit, as the disk would show them.
struct AtCommit<'t>(&'t Tree);

impl Storage for AtCommit<'_> {
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.real(path)
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<(OsString, bool)>> {
        Ok(self.0.entries(folder))
    }

    fn is_folder(&self, real: &Path) -> bool {
        self.0.is_folder(real)
    }

    fn content(&self, real: &Path) -> Result<Vec<u8>, Unreadable> {
        match self.0.content(real, MAX_FILE_BYTES).map_err(|error| Unreadable::because(&error))? {
            Content::Bytes(bytes) => Ok(bytes),
            Content::TooLarge(bytes) => Err(Unreadable::too_large(bytes)),
            Content::NoFile => Err(Unreadable::no_file()),
        }
    }
}

const CANNOT_BE_TOLD: &str = "What this change causes cannot be told from what was off before";

/// The access files of a commit.
pub(in crate::cli) fn load(tree: &Tree) -> Loaded {
    config::load_from(tree.root(), &AtCommit(tree))
}

/// The first mistake, and how many more there are.
fn mistakes(loaded: &Loaded) -> String {
    let mut errors = loaded.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let first = errors.next().map(|finding| {
        let line = finding.labels.first().map(|label| loaded.sources.origin(label.span).to_string());
        let place = line.or_else(|| finding.file.clone()).unwrap_or_default();
        format!("{place}: {}", finding.message)
    });
    let first = first.unwrap_or_default();
    match errors.count() {
        0 => first,
        more => format!("{first}, and {more} more"),
    }
}

impl Base {
    /// Reads what the checked-out files started from on their way to `reference`. What of it was expected and is not any more
    /// is expected of the new files all the same: a change that loosens what keeps watch does not help itself.
    ///
    /// # Errors
    /// There is no such commit, or git cannot read it. A base whose files do not hang together is none.
    pub(super) fn read(
        reference: &str,
        head: &Loaded,
        config: &Config,
        desired: &mut Desired,
    ) -> Result<Self, CliError> {
        let none = |none: git::NoBase| CliError::user(none.what).hint(none.next);
        let found = git::base(&head.root, reference).map_err(none)?;
        let mut loaded = load(&found.tree);
        let mut of = found.short.clone();
        let (mut why, mut is_new) = (None, false);
        if loaded.config.is_none() {
            let mistakes = format!("the files of {of} do not hang together ({})", mistakes(&loaded));
            // Whoever writes a change chooses where it starts, but not what the branch says that it goes to.
            let tip = git::tip(&head.root, reference).map_err(none)?;
            is_new = tip.real(&tip.root().join(ROOT_FILE)).is_err();
            loaded = load(&tip);
            reference.clone_into(&mut of);
            let by = match &loaded.config {
                Some(_) => format!("Tenant and environments are those of {reference}."),
                None if is_new => format!("In {reference} there are none at this place."),
                None => format!(
                    "Nor do those of {reference} ({}), so that tenant and environments are those of the new files.",
                    self::mistakes(&loaded)
                ),
            };
            why = Some(format!("{CANNOT_BE_TOLD}: {mistakes}. {by}"));
        }
        let mut otherwise = ReachedOtherwise::default();
        let mut weakened = Vec::new();
        let mut compiled = None;
        if let Some(before) = loaded.config.take() {
            if before.name.value != config.name.value {
                let name = &before.name.value;
                why = why.or_else(|| {
                    Some(format!(
                        "{CANNOT_BE_TOLD}: the config was called {name} in {of}, and what is ours goes by that."
                    ))
                });
            }
            let old = desired::compile(&before, &loaded.sources);
            let called = NowCalled::new(&old, desired);
            weakened = config::weakened((&before, &loaded.sources), (config, &head.sources), &called);
            desired.expectations.extend(given_up(&weakened, &old, &called, &of));
            keep_appliers(&old, desired);
            otherwise = config::reached_otherwise(&before, config);
            compiled = Some(old);
        }
        let authors = git::authors(&found).into_iter().map(|author| author.mail).collect();
        let desired = match (why, compiled) {
            (None, Some(desired)) => Ok(Before { desired, touched: touched(&found, &loaded, head) }),
            (Some(why), _) => Err(why),
            (None, None) => Err(format!("{CANNOT_BE_TOLD}: there are no files of {of}.")),
        };
        let git::Base { reference, commit, short, is_shallow, tree: _ } = found;
        Ok(Self { desired, otherwise, reference, commit, short, is_shallow, is_new, weakened, authors })
    }

    /// The same for a report, with what the change causes.
    pub(super) fn about(&self, told: Result<Told, String>, drift: AccessDifference) -> report::Base {
        let (caused, unsaid, owners) = match told {
            Ok(Told { caused, unsaid, owners }) => (Ok(caused), unsaid, owners),
            // What is not told apart is not looked at line by line either.
            Err(why) => (Err(why), Ok(Vec::new()), BTreeMap::new()),
        };
        report::Base {
            reference: self.reference.clone(),
            commit: self.commit.clone(),
            short: self.short.clone(),
            is_shallow: self.is_shallow,
            weakened: self.weakened.clone(),
            left_out: self.left_out(),
            caused,
            drift: Arc::new(drift),
            unsaid,
            authors: self.authors.clone(),
            owners,
        }
    }

    /// Whether nothing at all is read before the change is merged.
    pub(super) fn leaves_out_tenant(&self) -> bool {
        self.is_new || self.otherwise.tenant
    }

    /// Whether an environment is left to the time when the change is merged.
    pub(super) fn leaves_out(&self, name: &EnvironmentName) -> bool {
        self.leaves_out_tenant() || self.otherwise.environments.contains_key(name)
    }

    /// What is not read because of the change: each in a sentence.
    fn left_out(&self) -> Vec<String> {
        if self.leaves_out_tenant() {
            return vec![self.why_not(None).what];
        }
        self.otherwise.environments.keys().map(|name| self.why_not(Some(name)).what).collect()
    }

    /// Why nothing is read of a tenant or an environment that the change has reached otherwise.
    pub(super) fn why_not(&self, name: Option<&EnvironmentName>) -> Failure {
        let keys = name.and_then(|name| self.otherwise.environments.get(name));
        let what = match (self.otherwise.tenant, name, keys) {
            _ if self.is_new => format!("{} has no access files at this place yet", self.reference),
            (true, ..) | (_, None, _) => "this change names another tenant or cloud".to_owned(),
            (false, Some(name), Some(Some(keys))) => {
                let keys = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                format!("this change says otherwise how {name} is reached ({keys})")
            }
            (false, Some(name), _) => format!("environment {name} is new in this change"),
        };
        let what = format!("{what}; its files were checked, and nothing was read there");
        Failure::new(FailureKind::Refused, what).with_next(
            "whoever proposes a change must not choose where its preview goes: plan it once it is merged, or without --base",
        )
    }
}

/// What stands on the lines that the change touches, before it and after.
fn touched(base: &git::Base, before: &Loaded, after: &Loaded) -> Result<[Touched; 2], String> {
    fn texts(loaded: &Loaded) -> BTreeMap<&str, &str> {
        loaded.sources.iter().map(|(_, file)| (&*file.path, file.text.as_str())).collect()
    }
    let [taken, added] = git::touched_lines(base, &texts(before), &texts(after))?;
    Ok([config::touched(&before.sources, &taken), config::touched(&after.sources, &added)])
}

/// Who applied where the new files say another one, or nobody: whether they may write it is asked as if they still did.
fn keep_appliers(before: &Desired, after: &mut Desired) {
    for (name, environment) in &mut after.environments {
        let former = before.environments.get(name).and_then(|before| before.applier.clone());
        environment.former_applier = former.filter(|former| environment.applier.as_ref() != Some(former));
    }
}

/// What was expected and is not any more, as the files of the base say it.
fn given_up(weakened: &[Weakening], base: &Desired, called: &NowCalled, short: &str) -> Vec<DesiredExpectation> {
    let mut given_up = Vec::new();
    for block in &base.expectations {
        for weakening in weakened {
            let Weakened::Expectation { who, expected, environments } = &weakening.what else { continue };
            if *who != block.who {
                continue;
            }
            let mut one = DesiredExpectation {
                who: called.principal(who),
                environments: block.environments.intersection(environments).cloned().collect(),
                can: Vec::new(),
                cannot: Vec::new(),
                only: None,
                // `apply` of the new files knows nothing of it.
                delegated: true,
                ..block.clone()
            };
            match expected {
                Limit::Can(request) => {
                    one.can.extend(block.can.iter().filter(|each| each.request == *request).cloned());
                }
                Limit::Cannot(request) => {
                    one.cannot.extend(block.cannot.iter().filter(|each| each.request == *request).cloned());
                }
                Limit::Only(list) => one.only = block.only.clone().filter(|only| is_list(&only.list, list)),
            }
            if !one.environments.is_empty() && (!one.can.is_empty() || !one.cannot.is_empty() || one.only.is_some()) {
                given_up.push(one);
            }
        }
    }
    for one in &mut given_up {
        // As `git show` has it, so that nobody looks for it in the new files.
        let name = |origin: &mut crate::state::Origin| origin.file = format!("{short}:{}", origin.file).into();
        name(&mut one.origin);
        one.can.iter_mut().chain(&mut one.cannot).for_each(|each| name(&mut each.origin));
        if let Some(only) = &mut one.only {
            name(&mut only.origin);
        }
    }
    given_up
}

fn is_list(list: &[crate::state::expectation::Expected], requests: &[crate::state::Request]) -> bool {
    let mut own: Vec<_> = list.iter().map(|each| each.request.clone()).collect();
    own.sort();
    own == requests
}
