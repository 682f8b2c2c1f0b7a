//! What every command that looks at live systems does: load, compile, connect, observe, plan. One call a line.

mod asking;
mod base;
mod drifting;
mod looking;
mod names;
mod opening;
mod source;
mod taking;
mod tip;
mod verifying;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::OnceCell;

use self::asking::{
    access_difference, against_base, ask_about_groups, ask_for_expectations, ask_for_rights, attribute_to_change,
    judge_expectations,
};
pub(super) use self::base::load as load_commit;
use self::base::{Base, Told};
pub(super) use self::drifting::Drifted;
pub(super) use self::looking::Seen;
use self::names::check_groups;
pub(super) use self::opening::unfit;
use self::source::{ClusterSource, TenantSource};
use super::error::CliError;
use super::progress::Progress;
use super::ui::Ui;
use crate::access::expectations::{Besides, Judged};
use crate::access::{AccessComparison, AccessDifference};
use crate::config::{self, Loaded};
use crate::plan::{Comparison, Coverage, Verdict};
use crate::providers::entra::{self, EntraWriter};
use crate::providers::http::credential::Chain;
use crate::providers::kubernetes::{self, KubernetesWriter, Link};
use crate::providers::{Reader as _, Writer};
use crate::report::findings;
use crate::sandbox::{self, Sandbox};
use crate::snapshot::{Lacking, Snapshot};
use crate::state::expectation::DesiredExpectation;
use crate::state::{
    AppliedBy, Change, Desired, EnvironmentName, Failure, GroupQuestion, Observed, Policy, PrincipalName,
};
use crate::{desired, git, plan, report};

/// Clusters that are talked to at once: each takes about seven round trips, most of them to make connections.
pub(super) const CLUSTERS_AT_ONCE: usize = 32;

const NOTHING_READ: &str = "What this change causes is not known, nor what was off before it: nothing was read.";

/// A config that was read and found good, and the ways to what it is about.
pub(super) struct Session {
    pub(super) loaded: Loaded,
    pub(super) desired: Desired,
    pub(super) policy: Policy,
    pub(super) entra: entra::Connection,
    pub(super) chain: Arc<Chain>,
    clusters: BTreeMap<EnvironmentName, kubernetes::Connection>,
    // Environments to which there is no way, and why. Empty but for `doctor`, and for where nothing but the lock is.
    pub(super) unroutable: BTreeMap<EnvironmentName, CliError>,
    // One link a cluster serves the reader and the writer, so that a credential plugin runs once.
    links: BTreeMap<EnvironmentName, OnceCell<Link>>,
    // Nor does it run once more for another cluster that would run it alike.
    plugins: kubernetes::Plugins,
    // What the files are compared with, for the preview of a change.
    base: Option<Base>,
    // How many expectations are those of the files themselves; the others are the base's, and come behind.
    expectations: usize,
    // What is read instead of the live systems, which nobody then contacts.
    recorded: Option<Arc<Snapshot>>,
    // Names that are looked up besides those of the files.
    pub(super) also: BTreeSet<PrincipalName>,
    // Keeps the embedded servers running for as long as somebody may call them.
    sandbox: Option<Sandbox>,
}

/// What would change, by nothing but the files and what was read.
struct Compared {
    plan: plan::Plan,
    /// That of the files that a change starts from.
    base: Option<plan::Plan>,
    observed: Observed,
    policy: Policy,
    reader: TenantSource,
    readers: BTreeMap<EnvironmentName, ClusterSource>,
}

/// A plan and what it was made from.
pub(super) struct Planned {
    pub(super) plan: plan::Plan,
    pub(super) observed: Observed,
    /// What its changes mean for people.
    pub(super) access: Arc<AccessDifference>,
    pub(super) spent: report::Spent,
    /// What becomes of the expectations.
    pub(super) expectations: Vec<Judged>,
    /// What the change of the files does, where it is compared with a base.
    pub(super) base: Option<report::Base>,
    /// What was asked and the snapshot does not have, where one is read.
    pub(super) lacking: Lacking,
}

impl Planned {
    /// Whether anything could be read that the files could be compared with.
    pub(super) fn compares_anything(&self) -> bool {
        let compared = self.plan.compared;
        self.plan.unread.is_empty() || compared.groups > 0 || compared.environments > 0
    }

    /// Whether something that is expected would not be so.
    pub(super) fn breaks_expectation(&self) -> bool {
        self.expectations.iter().any(Judged::is_broken)
    }

    /// Whether something is expected of a name that stands for nobody, or not for one alone.
    pub(super) fn expects_of_nobody(&self) -> bool {
        self.expectations.iter().any(|judged| judged.of_nobody)
    }

    /// Whether something could not be read without which nobody knows of something that is expected.
    pub(super) fn leaves_expectation_unread(&self, policy: &Policy) -> bool {
        let may_be = |judged: &Judged| policy.allow_unreachable.contains(&judged.environment);
        self.expectations.iter().any(|judged| judged.is_unknown() && judged.unread && !may_be(judged))
    }
}

/// What is so of a plan of which only a part is carried out.
#[derive(PartialEq)]
pub(super) struct Part {
    /// What the guards say.
    pub(super) verdicts: Vec<Verdict>,
    /// What its changes mean for people.
    pub(super) access: Arc<AccessDifference>,
    /// What becomes of the expectations.
    pub(super) expectations: Vec<Judged>,
}

/// Reads the config a path belongs to; mistakes are shown and end the command.
pub(super) fn load(ui: &mut Ui, path: &Path) -> Result<(Loaded, config::Config), CliError> {
    let mut loaded = config::load(&ui.resolve(path));
    let text = findings::render(&loaded.findings, &loaded.sources, &style(ui));
    let Some(config) = loaded.config.take() else {
        let document = findings::json(&loaded.findings, &loaded.sources);
        let document = report::escape::json(&format!("{document:#}"));
        let plain = findings::Style { graphical: false, colour: false, width: ui.width };
        let mistakes = findings::render(&loaded.findings, &loaded.sources, &plain);
        return Err(CliError::user(text.trim_end().to_owned()).already_worded().document(document).mistakes(mistakes));
    };
    ui.say(&text);
    Ok((loaded, config))
}

/// How findings are drawn on standard error.
pub(super) fn style(ui: &Ui) -> findings::Style {
    findings::Style { graphical: ui.stderr_is_terminal, colour: ui.colour_on_stderr(), width: ui.width }
}

/// How findings are drawn where they are the result.
pub(super) fn style_of_output(ui: &Ui) -> findings::Style {
    findings::Style { graphical: ui.stdout_is_terminal, colour: ui.colour_on_stdout(), width: ui.width }
}

impl Session {
    /// Reads the live systems and finds what would change, no more. Nothing is written.
    async fn compare(&self, progress: &Progress, by: AppliedBy) -> Result<Compared, CliError> {
        // Whom the files name for a real cluster has no rights on an invented one.
        let by = if self.policy.invented { AppliedBy::Ourselves } else { by };
        let policy = Policy { applied_by: by, ..self.policy.clone() };
        let reader = self.tenant_source()?;
        let mut query = desired::tenant_query(&self.desired, &policy.only);
        let before = self.base.as_ref().and_then(|base| base.desired.as_ref().ok()).map(|before| &before.desired);
        if let Some(before) = before {
            query = query.with(desired::tenant_query(before, &policy.only));
        }
        query.principals.extend(self.also.iter().cloned());
        let read = self.clusters.keys().filter(|name| is_read(&self.policy, name));
        progress.reading(read.map(EnvironmentName::as_str));
        let tenant = async {
            let tenant = match self.base.as_ref().filter(|base| base.leaves_out_tenant()) {
                Some(base) => Err(base.why_not(None)),
                None => reader.observe(&query).await,
            };
            progress.read_entra();
            tenant
        };
        let reading = async { tokio::join!(tenant, self.observe_clusters(progress)) };
        let (tenant, (clusters, readers)) = progress.through(reading).await;
        let mut observed = Observed { tenant: Some(tenant), clusters, ..Observed::default() };
        let comparison = Comparison::new(&self.desired, &observed, &policy);
        let comparison_before = before.map(|before| Comparison::new(before, &observed, &policy));
        let mut questions = comparison.group_questions();
        let known: BTreeSet<GroupQuestion> = questions.iter().copied().collect();
        let more = comparison_before.iter().flat_map(Comparison::group_questions);
        questions.extend(more.filter(|question| !known.contains(question)));
        let of_groups = ask_about_groups(questions, &reader).await;
        check_groups(&policy, &self.desired, &observed)?;
        let mut plan = comparison.plan(&of_groups);
        let base = comparison_before.map(|comparison| comparison.plan(&of_groups));
        if let Some(base) = &self.base {
            // It is not read because of the change, and not because it could not be.
            let is_left_out = |part: &&mut plan::Unread| match &part.environment {
                Some(name) => base.leaves_out(name),
                None => base.leaves_out_tenant(),
            };
            plan.unread.iter_mut().filter(is_left_out).for_each(|part| part.allowed = true);
        }
        observed.of_groups = of_groups;
        Ok(Compared { plan, base, observed, policy, reader, readers })
    }

    /// Reads the live systems and plans. Nothing is written.
    pub(super) async fn plan(&self, progress: &Progress, by: AppliedBy) -> Result<Planned, CliError> {
        let started = Instant::now();
        let Compared { mut plan, base, mut observed, policy, reader, readers } = self.compare(progress, by).await?;
        if ask_for_rights(&self.desired, &mut observed, &policy, &plan.changes, &readers).await {
            plan::foresee(&mut plan, &self.desired, &observed, &policy);
        }
        let before_others = reader.usage().requests;
        let head = (&self.desired, &plan);
        let before = self.base.as_ref().and_then(|of| of.desired.as_ref().ok()).zip(base.as_ref());
        let (access, told) = match (before, &self.base) {
            (Some((before, base)), Some(of)) => {
                let (access, drift) = against_base((&before.desired, base), head, &mut observed, &reader).await;
                (access, Some(of.about(told(&plan, before.told(base, head, &observed)), drift)))
            }
            (_, of) => {
                let (now, then) = ((&self.desired, &[][..]), (&self.desired, plan.changes.as_slice()));
                let access = access_difference(now, then, &mut observed, &reader).await;
                let all = |of: &Base| match &of.desired {
                    Err(why) if !of.begins => Err(why.clone()),
                    Ok(_) | Err(_) => told(&plan, Told::all(head, &observed)),
                };
                (access, of.as_ref().map(|of| of.about(all(of), AccessDifference::default())))
            }
        };
        let access = Arc::new(access);
        ask_for_expectations(&self.desired, &mut observed, &plan.changes, &reader).await;
        let mut expectations = judge_expectations(&self.desired, &observed, &plan, &plan.changes);
        if let Some(of) = &self.base {
            let before = before.map(|(before, base)| (&before.desired, base));
            let added = self.desired.expectations.get(self.expectations..).unwrap_or_default();
            let (given_up, by_branch) = added.split_at_checked(of.given_up).unwrap_or((added, &[]));
            let besides = Besides { given_up, by_branch };
            attribute_to_change(&mut expectations, head, of, before, besides, &mut observed, &reader).await;
        }
        let mut spent = report::Spent {
            graph: reader.usage(),
            others: reader.usage().requests - before_others,
            elapsed: started.elapsed(),
            ..report::Spent::default()
        };
        for reader in readers.values() {
            spent.clusters += reader.usage();
        }
        progress.done();
        let lacking = reader.lacking();
        Ok(Planned { plan, observed, access, spent, expectations, base: told, lacking })
    }

    /// What the guards say of what `apply` does without a saved plan, where that is not the whole plan.
    pub(super) fn without_saved(&self, planned: &Planned) -> Option<Vec<Verdict>> {
        let changes = planned.plan.remaining();
        (changes.len() < planned.plan.changes.len())
            .then(|| plan::judge(&self.desired, &planned.observed, &self.policy, &changes))
    }

    /// What `apply` does without a saved plan, where that is not the whole plan: without the rest of it, what is left may give
    /// somebody what the whole plan would not.
    pub(super) fn part(&self, planned: &Planned) -> Option<Part> {
        let verdicts = self.without_saved(planned)?;
        let changes = planned.plan.remaining();
        let access = AccessComparison::new(&self.desired, &planned.observed, &changes).difference();
        let expectations = judge_expectations(&self.desired, &planned.observed, &planned.plan, &changes);
        Some(Part { verdicts, access: Arc::new(access), expectations })
    }

    async fn observe_clusters(
        &self,
        progress: &Progress,
    ) -> (BTreeMap<EnvironmentName, Result<crate::state::Cluster, Failure>>, BTreeMap<EnvironmentName, ClusterSource>)
    {
        let is_left_out = |name: &EnvironmentName| self.base.as_ref().is_some_and(|base| base.leaves_out(name));
        let wanted = self.desired.environments.keys().filter(|name| is_read(&self.policy, name) && !is_left_out(name));
        let reads = wanted.map(|name| async move {
            let query = desired::cluster_query(&self.desired, name);
            let read = async {
                let reader = self.cluster_source(name).await?;
                let cluster = reader.observe(&query).await;
                Ok::<_, Failure>((reader, cluster))
            };
            let result = read.await;
            progress.read(name.as_str());
            (name.clone(), result)
        });
        let left_out = self.base.iter().flat_map(|base| {
            let names =
                self.desired.environments.keys().filter(|name| is_read(&self.policy, name) && base.leaves_out(name));
            names.map(|name| (name.clone(), Err(base.why_not(Some(name)))))
        });
        let mut observed: BTreeMap<_, _> = left_out.collect();
        let mut readers = BTreeMap::new();
        let mut results = futures::stream::iter(reads).buffer_unordered(CLUSTERS_AT_ONCE);
        while let Some((name, result)) = results.next().await {
            match result {
                Ok((reader, cluster)) => {
                    observed.insert(name.clone(), cluster);
                    readers.insert(name, reader);
                }
                Err(failure) => {
                    observed.insert(name, Err(failure));
                }
            }
        }
        (observed, readers)
    }

    /// The way to a cluster, found once. `None` when there is none for this name.
    pub(super) async fn link(&self, name: &EnvironmentName) -> Option<Result<Link, Failure>> {
        let connection = self.clusters.get(name)?;
        let link = self
            .links
            .get(name)?
            .get_or_try_init(|| async {
                let link = kubernetes::connect_through(connection, &self.entra.proxies, &self.plugins).await?;
                // An API server is beside us or near it, Graph is neither.
                Ok(link.waiting(self.entra.pace.first_wait / 2))
            })
            .await;
        Some(link.cloned())
    }

    /// Opens the writers for what a plan changes. Only `apply` calls this.
    pub(super) async fn writers(&self, changes: &[Change]) -> Result<crate::apply::Writers, CliError> {
        let mut writers = crate::apply::Writers::default();
        if changes.iter().any(|change| change.address.environment().is_none()) {
            writers.entra = Some(Arc::new(EntraWriter::new(&self.entra, Arc::clone(&self.chain))?));
        }
        for name in self.clusters.keys() {
            let is_changed = changes.iter().any(|change| change.address.environment() == Some(name));
            if let (true, Some(link)) = (is_changed, self.link(name).await) {
                let writer: Arc<dyn Writer> = Arc::new(KubernetesWriter::new(link?, self.desired.config.clone()));
                writers.clusters.insert(name.clone(), writer);
            }
        }
        Ok(writers)
    }

    /// What the files themselves expect.
    pub(super) fn own_expectations(&self) -> &[DesiredExpectation] {
        self.desired.expectations.get(..self.expectations).unwrap_or_default()
    }

    /// The id of a plan made here.
    pub(super) fn plan_id(&self, planned: &Planned) -> String {
        plan::saved::plan_id(&planned.plan, self.own_expectations(), &planned.access.gains())
    }

    /// The commit that the files were read from; `-dirty` when they differ from it.
    pub(super) fn commit(&self) -> Option<String> {
        let head = git::head(&self.loaded.root).ok()?;
        Some(if head.dirty { format!("{}-dirty", head.commit) } else { head.commit })
    }

    /// Where changes would be made, for a question: the tenant and the environments.
    pub(super) fn places(&self, planned: &Planned, changes: &[Change]) -> String {
        let mut places = BTreeSet::new();
        for change in changes {
            places.insert(change.address.environment().map_or_else(
                || planned.plan.domain.as_ref().map_or("Entra".to_owned(), |domain| report::escape::name(domain)),
                ToString::to_string,
            ));
        }
        let places = places.into_iter().collect::<Vec<_>>().join(", ");
        if self.sandbox.is_some() { format!("the sandbox's {places}") } else { places }
    }

    /// What a plan was made from in place of the live systems, if it was.
    pub(super) fn recorded_for(&self, planned: &Planned, now: Timestamp) -> Option<report::FromSnapshot> {
        let snapshot = self.recorded.as_ref()?;
        Some(report::FromSnapshot {
            taken: snapshot.taken,
            age: snapshot.age(now),
            commit: snapshot.commit.clone(),
            pseudonymised: snapshot.pseudonymised,
            lacking: planned.lacking.clone(),
        })
    }

    /// How to reach the embedded servers, if there are any.
    pub(super) fn sandbox(&self) -> Option<&sandbox::Access> {
        self.sandbox.as_ref().map(Sandbox::access)
    }

    /// Stops the embedded servers, if there are any.
    pub(super) async fn close(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
}

/// What a change causes, unless nothing was read that could tell.
fn told(plan: &plan::Plan, told: Told) -> Result<Told, String> {
    match plan.coverage() {
        Coverage::Nothing => Err(NOTHING_READ.to_owned()),
        Coverage::Whole | Coverage::Part => Ok(told),
    }
}

/// Whether a cluster is read: what is planned there, or what groups mean there.
fn is_read(policy: &Policy, name: &EnvironmentName) -> bool {
    policy.only.environment(name) || policy.only.changes_entra()
}
