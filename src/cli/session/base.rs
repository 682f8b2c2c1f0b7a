//! What a change of the access files starts from: its base, read from git and compiled.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::tip::{Behind, Tip, at};
use crate::access::AccessDifference;
use crate::cli::error::CliError;
use crate::config::{self, Config, Loaded, MAX_FILE_BYTES, ROOT_FILE, ReachedOtherwise, Storage, Unreadable};
use crate::diagnostics::Severity;
use crate::git::{self, Content, Tree};
use crate::plan::{self, Caused, Owning, Plan, Side, Unsaid};
use crate::report::Begins;
use crate::state::expectation::DesiredExpectation;
use crate::state::{
    Desired, EnvironmentName, Failure, FailureKind, GroupKey, Limit, NowCalled, Observed, Touched, Weakened, Weakening,
};
use crate::{desired, report};

/// What a change starts from.
pub(super) struct Base {
    /// The files as they were; or why they do not tell what the change causes: a sentence.
    pub(super) desired: Result<Before, String>,
    /// What the change would have reached otherwise than the branch says that it goes to.
    pub(super) otherwise: ReachedOtherwise,
    /// What of that the branch says otherwise since the change started.
    behind: Behind,
    /// What is to be said before anything is read: sentences.
    pub(super) notes: Vec<String>,
    /// What a reviewer must know before they read on: sentences.
    said: Vec<String>,
    reference: String,
    commit: String,
    short: String,
    is_shallow: bool,
    /// There are no access files yet where the change goes, so that nothing says how systems are to be reached.
    is_new: bool,
    /// There are none where the change starts: everything comes by it.
    pub(super) begins: bool,
    /// How many of the expectations that are added are those that the change takes out; the branch has the others by now.
    pub(super) given_up: usize,
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

impl Told {
    /// All of a plan, where there were no access files before.
    pub(super) fn all(head: (&Desired, &Plan), observed: &Observed) -> Self {
        let caused = Caused::all(head.1);
        let owners = plan::owning(head.0, head, &caused, observed);
        Self { caused, unsaid: Ok(Vec::new()), owners }
    }
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
        self.0.entries(folder)
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

    fn given_up(&self) -> Option<String> {
        self.0.given_up()
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
    /// is expected of the new files all the same: a change that loosens what keeps watch does not help itself. `path` is what was
    /// named of them.
    ///
    /// # Errors
    /// There is no such commit, or git cannot read it. A base whose files do not hang together is none.
    pub(super) fn read(
        reference: &str,
        path: &Path,
        head: &Loaded,
        config: &Config,
        desired: &mut Desired,
    ) -> Result<Self, CliError> {
        let none = |none: git::NoBase| CliError::user(none.what).hint(none.next);
        let found = git::base(path, &head.root, reference).map_err(none)?;
        let mut loaded = load_within(&found.tree, &found.short)?;
        let mut tip = load_within(&found.tip.tree, &found.tip.short)?;
        let is_new = found.tip.tree.real(&found.tip.tree.root().join(ROOT_FILE)).is_err();
        let begins = found.tree.real(&found.tree.root().join(ROOT_FILE)).is_err();
        let place = |short: &str| {
            let (short, folder) = (short.to_owned(), found.folder.clone());
            move |file: &str| format!("{short}:{}", placed(&folder, file))
        };
        let (mut of, mut stood, mut why) = (found.short.clone(), place(&found.short), None);
        if loaded.config.is_none() {
            let mistakes = format!("the files of {of} do not hang together ({})", mistakes(&loaded));
            // Whoever writes a change chooses where it starts, but not what the branch says that it goes to.
            loaded = load_within(&found.tip.tree, &found.tip.short)?;
            (of, stood) = (reference.to_owned(), place(&found.tip.short));
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
        let is_tip = found.commit == found.tip.commit || why.is_some();
        let mut base = Self {
            desired: Err(String::new()),
            otherwise: ReachedOtherwise::default(),
            behind: Behind::default(),
            notes: found.taken.iter().cloned().collect(),
            said: nothing_here(&found, head).into_iter().collect(),
            reference: found.reference.clone(),
            commit: found.commit.clone(),
            short: found.short.clone(),
            is_shallow: found.is_shallow,
            is_new,
            begins,
            given_up: 0,
            weakened: Vec::new(),
            authors: git::authors(&found).into_iter().map(|author| author.mail).collect(),
        };
        let Some(before) = loaded.config.take() else {
            return Ok(Self { desired: Err(why.unwrap_or_default()), ..base });
        };
        if before.name.value != config.name.value {
            let name = &before.name.value;
            why = why.or_else(|| {
                Some(format!("{CANNOT_BE_TOLD}: the config was called {name} in {of}, and what is ours goes by that."))
            });
        }
        let compiled = desired::compile(&before, &loaded.sources);
        let called = NowCalled::new(&compiled, desired);
        let weakened = config::weakened((&before, &loaded.sources), (config, &head.sources), &called);
        let mut expected = given_up(&weakened, &compiled, &called, &stood);
        base.given_up = expected.len();
        let otherwise = config::reached_otherwise(&before, config);
        keep_appliers(&compiled, desired);
        if tip.config.is_none() && !is_tip && !is_new {
            base.said.push(format!(
                "The files of {reference} do not hang together ({}): how systems are reached, and what is watched over, is as of \
                 {of}.",
                self::mistakes(&tip)
            ));
        }
        let by_now = tip.config.take().filter(|_| !is_tip);
        let by_now = by_now.map(|now| Tip::new(&found, (&now, &tip), (config, head), desired, (&weakened, &otherwise)));
        base.weakened = weakened.into_iter().map(|one| at(one, &stood)).collect();
        base.otherwise = otherwise;
        if let Some(by_now) = by_now {
            let Tip { compiled, otherwise, behind, weakened, expectations } = by_now;
            if !weakened.is_empty() {
                base.said.push(format!(
                    "{reference} has gone on since {of}, where this change starts: what it keeps watch over by now and these \
                     files do not is among what is weakened. Merge {reference} into the change to see what is left."
                ));
            }
            keep_appliers(&compiled, desired);
            base.weakened.extend(weakened);
            expected.extend(expectations);
            (base.otherwise, base.behind) = (otherwise, behind);
        }
        desired.expectations.extend(expected);
        base.desired = match why {
            Some(why) => Err(why),
            None => Ok(Before { desired: compiled, touched: touched(&found, &loaded, head) }),
        };
        Ok(base)
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
            begins: self.begins.then_some(if self.is_new { Begins::Everywhere } else { Begins::AtStart }),
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

    /// What a reviewer must know first, and what is not read because of the change: each in a sentence.
    fn left_out(&self) -> Vec<String> {
        let mut all = self.said.clone();
        if self.leaves_out_tenant() {
            all.push(self.why_not(None).what);
        } else {
            all.extend(self.otherwise.environments.keys().map(|name| self.why_not(Some(name)).what));
        }
        all
    }

    /// Why nothing is read of a tenant or an environment that the change has reached otherwise.
    pub(super) fn why_not(&self, name: Option<&EnvironmentName>) -> Failure {
        let reference = &self.reference;
        let keys = name.and_then(|name| self.otherwise.environments.get(name));
        let listed = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let is_behind = match name {
            Some(name) if !self.otherwise.tenant => self.behind.environments.contains(name),
            _ => self.behind.tenant,
        };
        let what = match (self.otherwise.tenant, name, keys) {
            _ if self.is_new => format!("{reference} has no access files at this place yet"),
            (true, ..) | (_, None, _) if is_behind => {
                format!("{reference} names another tenant or cloud since this change started")
            }
            (true, ..) | (_, None, _) => "this change names another tenant or cloud".to_owned(),
            (false, Some(name), Some(Some(keys))) if is_behind => {
                format!("{reference} says otherwise how {name} is reached ({}) since this change started", listed(keys))
            }
            (false, Some(name), Some(Some(keys))) => {
                format!("this change says otherwise how {name} is reached ({})", listed(keys))
            }
            (false, Some(name), _) if is_behind => format!("{reference} has no environment {name} any more"),
            (false, Some(name), _) => format!("environment {name} is new in this change"),
        };
        let what = format!("{what}; its files were checked, and nothing was read there");
        let next = if is_behind && !self.is_new {
            format!("merge {reference} into the change, or rebase it")
        } else {
            "whoever proposes a change must not choose where its preview goes: plan it once it is merged, or without --base"
                .to_owned()
        };
        Failure::new(FailureKind::Refused, what).with_next(next)
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
        let former = former.filter(|former| environment.applier.as_ref() != Some(former));
        environment.former_applier = environment.former_applier.take().or(former);
    }
}

/// The access files of a commit, unless there is more in it than is read.
fn load_within(tree: &Tree, short: &str) -> Result<Loaded, CliError> {
    let loaded = load(tree);
    let too_many = loaded.findings.iter().find(|finding| finding.rule.id == "too-many-files");
    match tree.given_up().or_else(|| too_many.map(|finding| finding.message.clone())) {
        Some(why) => Err(CliError::user(format!("the access files of {short} cannot be read: {why}"))
            .hint("no folder of access files is like that: look at what the commit holds (`git ls-tree`)")),
        None => Ok(loaded),
    }
}

/// The path of an access file from the top of the repository.
pub(super) fn placed(folder: &str, file: &str) -> String {
    if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") }
}

/// That there is no change to look at: most likely, its branch is not checked out.
fn nothing_here(base: &git::Base, head: &Loaded) -> Option<String> {
    let is_clean = || git::head(&head.root).is_ok_and(|head| !head.dirty);
    (base.is_merged && is_clean()).then(|| {
        format!(
            "HEAD ({}) is in the history of {} already, and the access files are as committed: there is no change here to \
             preview. Is its branch checked out?",
            base.short, base.reference
        )
    })
}

/// What was expected and is not any more, as the files of the base say it.
pub(super) fn given_up(
    weakened: &[Weakening],
    base: &Desired,
    called: &NowCalled,
    place: &impl Fn(&str) -> String,
) -> Vec<DesiredExpectation> {
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
        let name = |origin: &mut crate::state::Origin| origin.file = place(&origin.file).into();
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
