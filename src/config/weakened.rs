//! Two configs side by side: what the later one weakens, and what it would have reached otherwise.
//!
//! What people come to have is not said here: a plan tells that. Every type of the files is taken apart field by field, so that
//! a new one does not compile until somebody has decided.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Config, Environment, Expectation, Group, LintSetting, Lock, Role, Tenant};
use crate::diagnostics::{Located, Severity, SourceMap, Span};
use crate::state::{
    ClusterUid, EnvironmentName, EnvironmentType, GroupNaming, Limit, Management, NowCalled, Origin, PrincipalName,
    Request, TokenNaming, Weakened, Weakening,
};

/// What a change does to how live systems are reached. Whoever writes a change must not choose that for its own preview.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReachedOtherwise {
    /// Another tenant, or another cloud.
    pub tenant: bool,
    /// Environments, each with the keys of its block that differ; `None` for one that is new.
    pub environments: BTreeMap<EnvironmentName, Option<Vec<&'static str>>>,
}

/// How a change would have live systems reached otherwise.
pub fn reached_otherwise(base: &Config, head: &Config) -> ReachedOtherwise {
    let reached = |config: &Config| {
        let Tenant { id, cloud, without_pim: _ } = &config.tenant;
        (id.value, *cloud)
    };
    let tenant = reached(base) != reached(head);
    let mut environments = BTreeMap::new();
    for (name, after) in &head.environments {
        let Some(before) = base.environments.get(name) else {
            environments.insert(name.clone(), None);
            continue;
        };
        let [before, after] = [before, after].map(|environment| Way::of(name, environment));
        // A uid that is written down for the first time is checked like any other.
        let is_other_cluster = before.cluster.is_some() && before.cluster != after.cluster;
        let keys = [
            ("type", before.kind != after.kind),
            ("context", before.context != after.context),
            ("cluster", is_other_cluster),
            ("tokens", before.tokens != after.tokens),
        ];
        let keys: Vec<&str> = keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect();
        if !keys.is_empty() {
            environments.insert(name.clone(), Some(keys));
        }
    }
    ReachedOtherwise { tenant, environments }
}

/// The way to a cluster, and what its API server calls people and groups.
struct Way<'a> {
    kind: EnvironmentType,
    context: &'a str,
    cluster: Option<ClusterUid>,
    tokens: &'a TokenNaming,
}

impl<'a> Way<'a> {
    fn of(name: &'a EnvironmentName, environment: &'a Environment) -> Self {
        let Environment {
            kind,
            context,
            cluster,
            tokens,
            // What is planned and granted there, and by whom.
            span: _,
            labels: _,
            protected: _,
            unmanaged: _,
            allow_unmanaged: _,
            applier: _,
        } = environment;
        let context = context.as_ref().map_or(name.as_str(), |context| context.value.as_str());
        Self { kind: *kind, context, cluster: cluster.as_ref().map(|cluster| cluster.value), tokens }
    }
}

/// A config with the text that its places are in.
#[derive(Clone, Copy)]
struct Side<'a> {
    config: &'a Config,
    sources: &'a SourceMap,
}

impl Side<'_> {
    fn origin(&self, span: Span) -> Origin {
        self.sources.origin(span)
    }
}

/// What a change weakens, in the order of what matters most.
///
/// A group that goes by another key now is the same one.
pub fn weakened(base: (&Config, &SourceMap), head: (&Config, &SourceMap), called: &NowCalled) -> Vec<Weakening> {
    let [base, head] = [base, head].map(|(config, sources)| Side { config, sources });
    let Config {
        tenant: Tenant { without_pim, id, cloud: _ },
        appliers,
        // Each has a function of its own.
        environments: _,
        groups: _,
        expectations: _,
        lint: _,
        lock: _,
        delegates: _,
        delegations: _,
        delegated_roles: _,
        // Another name is a guard's matter (`config-renamed`); what is granted is what people come to have.
        name: _,
        roles: _,
        grants: _,
    } = head.config;
    let mut found = expectations(base, head, called);
    environments(base, head, &mut found);
    delegations(base, head, &mut found);
    groups(base, head, called, &mut found);
    lint(base, head, &mut found);
    lock(base, head, &mut found);
    let known: BTreeSet<_> = base.config.appliers.iter().map(|app| app.value).collect();
    let new = appliers.iter().filter(|app| !known.contains(&app.value));
    found.extend(new.map(|app| Weakening {
        what: Weakened::Applier(app.value),
        now: Some(head.origin(app.span)),
        was: None,
    }));
    if *without_pim && !base.config.tenant.without_pim {
        let now = Some(head.origin(id.span));
        found.push(Weakening { what: Weakened::WithoutPim, now, was: None });
    }
    found.sort();
    found
}

/// Without the lock, or with another one, an apply of the files before and one of these may write at once.
fn lock(base: Side<'_>, head: Side<'_>, found: &mut Vec<Weakening>) {
    let Some(Lock { span, environment, namespace }) = &base.config.lock else { return };
    let after = head.config.lock.as_ref();
    if after.is_none_or(|after| (environment, namespace) != (&after.environment, &after.namespace)) {
        let now = after.map(|after| head.origin(after.span));
        let what = Weakened::Lock { gone: after.is_none() };
        found.push(Weakening { what, now, was: Some(base.origin(*span)) });
    }
}

/// What is expected of whom, with the place of each and where.
type Expectations<'a> = BTreeMap<(&'a PrincipalName, Limit), (Span, BTreeSet<EnvironmentName>)>;

fn expected<'a>(side: &Side<'a>) -> Expectations<'a> {
    let mut all = Expectations::new();
    for Expectation { who, environments, can, cannot, only, span: _ } in &side.config.expectations {
        let requests = |list: &[Located<Request>]| -> Vec<Request> {
            let mut all: Vec<Request> = list.iter().map(|request| request.value.clone()).collect();
            all.sort();
            all
        };
        let can = can.iter().map(|request| (Limit::Can(request.value.clone()), request.span));
        let cannot = cannot.iter().map(|request| (Limit::Cannot(request.value.clone()), request.span));
        let only = only.iter().map(|only| (Limit::Only(requests(&only.value)), only.span));
        for (limit, span) in can.chain(cannot).chain(only) {
            let entry = all.entry((&who.value, limit)).or_insert((span, BTreeSet::new()));
            entry.1.extend(environments.iter().cloned());
        }
    }
    all
}

fn expectations(base: Side<'_>, head: Side<'_>, called: &NowCalled) -> Vec<Weakening> {
    let (before, after) = (expected(&base), expected(&head));
    let mut found = Vec::new();
    for ((was, limit), (span, environments)) in &before {
        let now = called.principal(was);
        let who = &now;
        // A shorter list allows less.
        let stands: Vec<&BTreeSet<EnvironmentName>> = match limit {
            Limit::Can(_) | Limit::Cannot(_) => {
                after.get(&(who, limit.clone())).map(|(_, on)| on).into_iter().collect()
            }
            Limit::Only(list) => {
                let theirs = after.range((who, Limit::Only(Vec::new()))..).take_while(|((of, _), _)| *of == who);
                let is_as_strict = |other: &Limit| match other {
                    Limit::Only(other) => other.iter().all(|request| list.contains(request)),
                    Limit::Can(_) | Limit::Cannot(_) => false,
                };
                theirs.filter(|((_, other), _)| is_as_strict(other)).map(|(_, (_, on))| on).collect()
            }
        };
        let stands = |environment: &EnvironmentName| stands.iter().any(|on| on.contains(environment));
        let gone: BTreeSet<EnvironmentName> = environments.iter().filter(|name| !stands(name)).cloned().collect();
        if !gone.is_empty() {
            let what = Weakened::Expectation { who: (*was).clone(), expected: limit.clone(), environments: gone };
            found.push(Weakening { what, now: None, was: Some(base.origin(*span)) });
        }
    }
    found
}

fn environments(base: Side<'_>, head: Side<'_>, found: &mut Vec<Weakening>) {
    for (name, before) in &base.config.environments {
        let Some(after) = head.config.environments.get(name) else {
            found.push(Weakening {
                what: Weakened::Environment(name.clone()),
                now: None,
                was: Some(base.origin(before.span)),
            });
            continue;
        };
        let Environment {
            span,
            labels,
            protected,
            unmanaged,
            allow_unmanaged,
            applier,
            // How it is reached is said, and taken from the base.
            kind: _,
            context: _,
            cluster: _,
            tokens: _,
        } = after;
        let mut add = |what, span| {
            found.push(Weakening { what, now: Some(head.origin(span)), was: Some(base.origin(before.span)) });
        };
        if before.protected && !protected {
            add(Weakened::Protection(name.clone()), *span);
        }
        if before.applier.is_some() && before.applier != *applier {
            add(Weakened::EnvironmentApplier(name.clone()), *span);
        }
        if selects_by_labels(head.config) && before.labels != *labels {
            add(Weakened::Labels(name.clone()), *span);
        }
        if *unmanaged < before.unmanaged {
            let (before, after) = (before.unmanaged, *unmanaged);
            add(Weakened::Unmanaged { environment: name.clone(), before, after }, *span);
        }
        for allowed in allow_unmanaged {
            if !before.allow_unmanaged.iter().any(|known| known.value == allowed.value) {
                let what = allowed.value.to_string();
                add(Weakened::AllowedUnmanaged { environment: name.clone(), what }, allowed.span);
            }
        }
    }
}

/// Whether an entry of `delegate` stands for environments by their labels.
fn selects_by_labels(config: &Config) -> bool {
    let places = config.delegations.iter().filter_map(|entry| entry.value.split("environments: ").nth(1));
    places.filter_map(|rest| rest.split(';').next()).any(|listed| listed.contains('='))
}

fn delegations(base: Side<'_>, head: Side<'_>, found: &mut Vec<Weakening>) {
    let (old, new) = (&base.config.delegations, &head.config.delegations);
    let line = |side: Side<'_>, entry: Option<&Located<String>>| entry.map(|entry| side.origin(entry.span));
    match (base.config.delegates, head.config.delegates) {
        (true, false) => {
            found.push(Weakening { what: Weakened::NoDelegate, now: None, was: line(base, old.first()) });
        }
        (true, true) => {
            let without = |one: &[Located<String>], other: &[Located<String>]| -> Vec<Located<String>> {
                one.iter().filter(|entry| !other.iter().any(|known| known.value == entry.value)).cloned().collect()
            };
            let (gone, came) = (without(old, new), without(new, old));
            // An entry less allows less.
            if !came.is_empty() {
                let (now, was) = (line(head, came.first()), line(base, gone.first()));
                let texts = |entries: Vec<Located<String>>| entries.into_iter().map(|entry| entry.value).collect();
                let what = Weakened::Delegation { before: texts(gone), after: texts(came) };
                found.push(Weakening { what, now, was });
            }
        }
        // Without it, every file could define everything.
        (false, _) => return,
    }
    for key in &head.config.delegated_roles {
        let roles = [base, head].map(|side| side.config.roles.get(key));
        if let [Some(before), Some(Role { span, source, aggregation })] = roles
            && (&before.source, &before.aggregation) != (source, aggregation)
        {
            let what = Weakened::DelegatedRole(key.clone());
            found.push(Weakening { what, now: Some(head.origin(*span)), was: Some(base.origin(before.span)) });
        }
    }
}

fn groups(base: Side<'_>, head: Side<'_>, called: &NowCalled, found: &mut Vec<Weakening>) {
    let by_name = |environment: &Environment| environment.tokens.groups == GroupNaming::DisplayName;
    let is_known_by_name = base.config.environments.values().any(by_name);
    for (key, before) in &base.config.groups {
        let was = Some(base.origin(before.span));
        if let Some(now) = head.config.groups.get(key)
            && before.management != now.management
        {
            let what = Weakened::Object(key.clone());
            found.push(Weakening { what, now: Some(head.origin(now.span)), was: was.clone() });
        }
        let Some((key, after)) = called.key(key).and_then(|key| head.config.groups.get_key_value(key)) else {
            if before.management != Management::Owned {
                found.push(Weakening { what: Weakened::Group(key.clone()), now: None, was });
            }
            continue;
        };
        let Group {
            span,
            display_name,
            owners,
            absent,
            membership,
            // Whose object it is was compared by its key.
            management: _,
            // What people come to have, and what is said for people.
            members: _,
            previously: _,
            description: _,
        } = after;
        let now = Some(head.origin(*span));
        let mut add = |what| found.push(Weakening { what, now: now.clone(), was: was.clone() });
        if before.membership != *membership {
            add(Weakened::Membership { group: key.clone(), before: before.membership, after: *membership });
        }
        if before.owners.is_some() && owners.is_none() {
            add(Weakened::Owners(key.clone()));
        }
        if is_known_by_name && before.display_name.is_some() && display_name.is_none() {
            add(Weakened::DisplayName(key.clone()));
        }
        for who in &before.absent {
            if !absent.iter().any(|other| other.value == who.value) {
                let what = Weakened::Absence { group: key.clone(), who: who.value.clone() };
                found.push(Weakening { what, now: None, was: Some(base.origin(who.span)) });
            }
        }
    }
}

/// How bad findings are, by the words of the files.
fn word(setting: &LintSetting) -> &'static str {
    let LintSetting { severity, span: _, reason: _ } = setting;
    match severity {
        None => "off",
        Some(Severity::Note) => "note",
        Some(Severity::Warning) => "warning",
        Some(Severity::Error) => "error",
    }
}

fn lint(base: Side<'_>, head: Side<'_>, found: &mut Vec<Weakening>) {
    let (old, new) = (&base.config.lint, &head.config.lint);
    for rule in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (old.get(rule), new.get(rule));
        let rank = |setting: &LintSetting| {
            ["off", "note", "warning", "error"].iter().position(|known| *known == word(setting))
        };
        let is_weaker = match (before.map(rank), after.map(rank)) {
            (Some(before), Some(after)) => after < before,
            // What a rule itself says is between the two ends.
            (Some(before), None) => before > Some(0),
            (None, Some(after)) => after < Some(3),
            (None, None) => false,
        };
        if is_weaker {
            let what = Weakened::Lint { rule: (*rule).to_owned(), before: before.map(word), after: after.map(word) };
            let now = after.map(|setting| head.origin(setting.span));
            found.push(Weakening { what, now, was: before.map(|setting| base.origin(setting.span)) });
        }
    }
}
