//! What this identity may do on a cluster, held against what it is needed for. Nothing follows from a question that got no
//! answer: then it is said that nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use super::rights::{self, DANGERS, Danger, EVERYTHING, GIVING, Giving, NEEDS};
use super::{ClusterExamined, Examined, Line, Purpose, Sign, asks_about};
use crate::state::covering::{self, Given, Held, Right};
use crate::state::{
    AccessQuestion, Answers, Applier, Cluster, ConfigName, DesiredEnvironment, DesiredRole, EnvironmentName, Failure,
    FailureKind, Known, KubernetesKind, LEASES, Lack, MissingRight, Namespace, PolicyRule, RBAC, Role, RoleKind,
    RoleRef, all_of, lease_questions,
};

/// How many rights are named that nobody could be asked about.
const NAMED: usize = 3;

/// Everything about one identity's rights on one cluster.
struct Rights<'a> {
    environment: &'a DesiredEnvironment,
    answers: &'a Answers,
    /// The roles and bindings, where they were needed.
    observed: Option<&'a Result<Cluster, Failure>>,
    /// The roles that the files write there.
    written: Vec<Role>,
    /// The Lease that is looked after there: of which config, and in which namespace.
    lock: Option<(&'a ConfigName, &'a Namespace)>,
}

/// What could not be found out: why, and about which rights.
#[derive(Default)]
struct Unknown<'a>(BTreeMap<&'a str, (&'a Failure, Vec<String>)>);

impl<'a> Unknown<'a> {
    fn add(&mut self, failure: &'a Failure, right: String) {
        self.0.entry(&failure.what).or_insert((failure, Vec::new())).1.push(right);
    }

    fn lines(self, sign: Sign, before: &str) -> impl Iterator<Item = Line> {
        self.0.into_iter().map(move |(why, (failure, rights))| {
            let more = rights.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let named = rights.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let or_else = match failure.kind {
                FailureKind::Forbidden => {
                    "everybody may ask unless somebody took that away: bind the ClusterRole system:basic-user again"
                }
                _ => "run it again",
            };
            Line::new(sign, "right", format!("{before}: not checked ({named}{more}): {why}"))
                .next(failure.next.as_deref().unwrap_or(or_else))
        })
    }
}

pub(super) fn lines(
    examined: &Examined<'_>,
    name: &EnvironmentName,
    environment: &DesiredEnvironment,
    cluster: &ClusterExamined,
) -> Vec<Line> {
    let rights = Rights {
        environment,
        answers: &cluster.answers,
        observed: cluster.observed.as_ref(),
        written: environment.roles.iter().map(DesiredRole::written).collect(),
        lock: examined.desired.lock_on(name).map(|namespace| (&examined.desired.config, namespace)),
    };
    let mut lines = Vec::new();
    for needed in [Purpose::Plan, Purpose::Apply].into_iter().filter(|needed| asks_about(examined.purpose, *needed)) {
        let mut unknown = Unknown::default();
        let mut found = rights.plain(needed, &mut unknown);
        if needed == Purpose::Apply {
            found.extend(rights.giving(&mut unknown));
            found.extend(rights.locking(&mut unknown));
        }
        found.extend(unknown.lines(Sign::Unchecked(needed), &format!("for {}", needed.command())));
        if found.is_empty() {
            let text = format!("every right that {} needs is there", needed.command());
            found.push(Line::new(Sign::Fine, "right", text));
        }
        lines.append(&mut found);
    }
    lines.extend(rights.beyond(examined.purpose));
    lines.extend(examined.applier(environment).and_then(|applier| {
        let whom = format!("\"{}\"", applier.user);
        rights.asking("plan", &whom, "plans say \"not checked\" until it may")
    }));
    if examined.desired.expectations.iter().any(|expectation| expectation.environments.contains(name)) {
        lines.extend(rights.asking("verify", "people", "`verify` fails until it may"));
    }
    lines
}

impl<'a> Rights<'a> {
    /// The rights that do not depend on the files: kinds that lack the same verbs share a line, and the rule to add.
    fn plain(&self, purpose: Purpose, unknown: &mut Unknown<'a>) -> Vec<Line> {
        let mut missing: BTreeMap<(&str, Vec<&str>), Vec<&str>> = BTreeMap::new();
        for need in NEEDS.iter().filter(|need| need.purpose == purpose) {
            for resource in need.resources {
                let mut verbs = Vec::new();
                for verb in need.verbs {
                    match self.answers.to(&AccessQuestion::new(*verb, need.group, *resource)) {
                        Known::Allowed | Known::NotAsked => {}
                        Known::Denied => verbs.push(*verb),
                        Known::Failed(failure) => unknown.add(failure, format!("{verb} {resource}")),
                    }
                }
                if !verbs.is_empty() {
                    missing.entry((need.group, verbs)).or_default().push(resource);
                }
            }
        }
        let line = |((group, verbs), resources): ((&str, Vec<&str>), Vec<&str>)| {
            let text =
                format!("for {}: this identity may not {} {}", purpose.command(), all_of(&verbs), all_of(&resources));
            let rule = format!(
                "{{ apiGroups: [\"{group}\"], resources: [{}], verbs: [{}] }}",
                resources.join(", "),
                verbs.join(", ")
            );
            Line::new(Sign::Missing(purpose), "right", text)
                .next(format!("add to its ClusterRole (docs/permissions.yaml): {rule}"))
        };
        missing.into_iter().map(line).collect()
    }

    /// What is missing to look after the Lease.
    fn locking(&self, unknown: &mut Unknown<'a>) -> Option<Line> {
        let (config, namespace) = self.lock?;
        let mut missing = Vec::new();
        for question in lease_questions(config, namespace) {
            match self.answers.to(&question) {
                Known::Allowed | Known::NotAsked => {}
                Known::Denied => missing.push(question.verb),
                Known::Failed(failure) => unknown.add(failure, format!("{} leases in {namespace}", question.verb)),
            }
        }
        let text =
            || format!("for apply: this identity may not {} leases in {namespace}, where `lock` is", all_of(&missing));
        let next = || {
            let verbs = missing.join(", ");
            let rule = format!("{{ apiGroups: [\"{LEASES}\"], resources: [leases], verbs: [{verbs}] }}");
            format!("bind to it in {namespace} a Role with this (rolecall-lock of docs/permissions.yaml): {rule}")
        };
        (!missing.is_empty()).then(|| Line::new(Sign::Missing(Purpose::Apply), "right", text()).next(next()))
    }

    /// The roles that may not be given.
    fn giving(&self, unknown: &mut Unknown<'a>) -> Vec<Line> {
        rights::givings(self.environment).iter().filter_map(|giving| self.give(giving, unknown)).collect()
    }

    fn give(&self, giving: &Giving<'_>, unknown: &mut Unknown<'a>) -> Option<Line> {
        let (verbs, kind, name) = giving.right.asked();
        let what = format!("{} {} \"{}\"", verbs.join(" and "), kind.plural(), name.unwrap_or_default());
        let refused = self.refused(giving, &what, unknown);
        let mut lack: Option<Lack> = None;
        for place in refused {
            let missing = match self.observed {
                Some(Ok(cluster)) => self.lacks(cluster, giving, place.as_ref()),
                Some(Err(failure)) => {
                    unknown.add(failure, format!("whether it holds enough to {what}"));
                    return None;
                }
                None => None,
            };
            if missing.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            let place = place.map(|namespace| namespace.to_string());
            let missing = missing.unwrap_or_default();
            match &mut lack {
                Some(lack) => {
                    lack.places.insert(place);
                    let new = missing.into_iter().filter(|rule| !lack.rules.contains(rule)).collect::<Vec<_>>();
                    lack.rules.extend(new);
                }
                None => lack = Some(Lack::new(giving.right.clone(), place, missing)),
            }
        }
        let lack = lack?;
        let places: Vec<String> = lack.places.iter().flatten().cloned().collect();
        let place = if lack.places.contains(&None) {
            "on the whole cluster".to_owned()
        } else {
            format!("in {}", all_of(places))
        };
        let text = format!("for apply: this identity may not {what} {place}, nor does it hold what that gives");
        let remedy = covering::words(&[lack.remedy()]);
        Some(
            Line::new(Sign::Missing(Purpose::Apply), "right", text)
                .next(format!("it needs {}; to add: {remedy}", lack.needs())),
        )
    }

    /// Where a role may not be given by `bind` or `escalate`.
    fn refused(&self, giving: &Giving<'_>, what: &str, unknown: &mut Unknown<'a>) -> Vec<Option<Namespace>> {
        match self.answers.to(&giving.question(None)) {
            Known::Allowed | Known::NotAsked => return Vec::new(),
            Known::Failed(failure) => {
                unknown.add(failure, what.to_owned());
                return Vec::new();
            }
            Known::Denied => {}
        }
        let cluster = self.observed.and_then(|observed| observed.as_ref().ok());
        let mut refused = Vec::new();
        for place in giving.places(cluster) {
            match self.answers.to(&giving.question(place.as_ref())) {
                Known::Allowed => {}
                Known::Denied | Known::NotAsked => refused.push(place),
                Known::Failed(failure) => unknown.add(failure, what.to_owned()),
            }
        }
        refused
    }

    /// The rules that a role gives and this identity does not hold there; `None` where there is no such role.
    fn lacks(&self, cluster: &Cluster, giving: &Giving<'_>, place: Option<&Namespace>) -> Option<Vec<PolicyRule>> {
        let rules = self.given(cluster, &giving.right, place)?;
        let who = Applier { user: cluster.username.clone(), groups: cluster.user_groups.clone() };
        let place = place.and_then(|place| cluster.namespaces.get_key_value(place)).map(|(name, _)| name);
        Some(covering::missing(Held::new(cluster, &who).rules(place), &rules))
    }

    fn given(&self, cluster: &Cluster, right: &MissingRight, place: Option<&Namespace>) -> Option<Vec<PolicyRule>> {
        let role = match right {
            MissingRight::Bind(role) => role.clone(),
            MissingRight::Escalate { kind: KubernetesKind::Role, name } => {
                RoleRef { kind: RoleKind::Role, name: name.clone() }
            }
            MissingRight::Escalate { kind: _, name } => RoleRef { kind: RoleKind::ClusterRole, name: name.clone() },
            MissingRight::Write { .. } => return None,
        };
        let written: Vec<&Role> = self.written.iter().collect();
        Given::new(cluster, &written).by(&role, place).map(<[PolicyRule]>::to_vec)
    }

    /// Whether it may be asked what somebody else may do: the applier that the files name, and of whom something is expected.
    fn asking(&self, command: &str, whom: &str, without: &str) -> Option<Line> {
        let (verb, resource) = ("create", rights::ASKING.resources[0]);
        let question = AccessQuestion::new(verb, rights::ASKING.group, resource);
        match self.answers.to(&question) {
            Known::Allowed | Known::NotAsked => None,
            Known::Denied => {
                let text =
                    format!("for {command}: this identity may not {verb} {resource}, so not ask what {whom} may do");
                Some(Line::new(Sign::Decide, "right", text).next(format!(
                    "{without}: {{ apiGroups: [{}], resources: [{resource}], verbs: [{verb}] }}",
                    rights::ASKING.group
                )))
            }
            Known::Failed(failure) => {
                let mut unknown = Unknown::default();
                unknown.add(failure, format!("whether it may ask what {whom} may do"));
                unknown.lines(Sign::Decide, &format!("for {command}")).next()
            }
        }
    }

    /// What is held and not needed, with what somebody could do with it.
    fn beyond(&self, purpose: Option<Purpose>) -> Vec<Line> {
        let line = |text: String, next: &str| Line::new(Sign::Decide, "right-beyond-need", text).next(next);
        if self.may(&EVERYTHING.question()) {
            let text = format!("beyond need: with this identity somebody could {}", EVERYTHING.could);
            return vec![line(text, "give rolecall an identity of its own, with the roles of docs/permissions.yaml")];
        }
        let mut lines = Vec::new();
        let mut unknown = Unknown::default();
        for danger @ Danger { verb, resource, could, .. } in DANGERS {
            match self.answers.to(&danger.question()) {
                Known::Denied | Known::NotAsked => {}
                Known::Failed(failure) => unknown.add(failure, format!("{verb} {resource}")),
                Known::Allowed => {
                    let used = if purpose == Some(Purpose::Plan) { BTreeSet::new() } else { self.given_by(danger) };
                    lines.push(if used.is_empty() {
                        line(format!("beyond need: with {verb} on {resource} somebody could {could}"), "take it away")
                    } else {
                        let used = all_of(used);
                        let text = format!(
                            "with {verb} on {resource} somebody could {could}; held, it lets this identity give {used}, \
                             which it has no `bind` for"
                        );
                        line(text, "keep it for that; or give `bind` on that role in its place, and take it away")
                    });
                }
            }
        }
        lines.extend(unknown.lines(Sign::Decide, "whether it holds more than it needs"));
        if purpose == Some(Purpose::Plan) {
            let writes: BTreeSet<&str> = NEEDS
                .iter()
                .filter(|need| need.purpose == Purpose::Apply)
                .flat_map(|need| need.verbs.iter().filter(|verb| **verb != "get"))
                .copied()
                .chain(GIVING)
                .filter(|verb| {
                    ["clusterrolebindings", "rolebindings", "clusterroles", "roles"]
                        .iter()
                        .any(|resource| self.may(&AccessQuestion::new(*verb, RBAC, *resource)))
                })
                .collect();
            if !writes.is_empty() {
                let text = format!(
                    "beyond need: plan never writes, and this identity may {} roles or bindings",
                    all_of(writes)
                );
                lines.push(line(
                    text,
                    "plan with an identity that only reads, so that a preview cannot be turned into access",
                ));
            }
            let questions = self.lock.into_iter().flat_map(|(config, namespace)| lease_questions(config, namespace));
            let holds: Vec<String> = questions
                .filter(|question| question.verb != "get" && self.may(question))
                .map(|question| question.verb)
                .collect();
            if let (false, Some((_, namespace))) = (holds.is_empty(), self.lock) {
                let text = format!(
                    "beyond need: with {} on leases in {namespace} somebody could hold the lock and keep every apply out",
                    all_of(holds)
                );
                lines.push(line(text, "take it away: plan never touches the Lease"));
            }
            return lines;
        }
        let giving: Vec<String> = rights::unlimited()
            .into_iter()
            .filter(|question| self.may(question))
            .map(|question| question.verb)
            .collect();
        if !giving.is_empty() {
            let text =
                format!("beyond need: {} on every ClusterRole, which is cluster-admin in all but name", all_of(giving));
            lines.push(line(text, "name the roles that the files grant in `resourceNames` of that rule"));
        }
        lines
    }

    /// The roles that may be given only because a dangerous right is held.
    fn given_by(&self, danger: &Danger) -> BTreeSet<String> {
        let Some(Ok(cluster)) = self.observed else { return BTreeSet::new() };
        let right = Right::Resource { group: danger.group, resource: danger.resource, name: None, verb: danger.verb };
        let needed = rights::givings(self.environment).into_iter().filter(|giving| {
            let places = self.refused(giving, "", &mut Unknown::default());
            places.iter().any(|place| {
                let rules = self.given(cluster, &giving.right, place.as_ref()).unwrap_or_default();
                rules.iter().any(|rule| right.covered_by(rule))
                    && self.lacks(cluster, giving, place.as_ref()).is_some_and(|lacks| lacks.is_empty())
            })
        });
        needed.filter_map(|giving| giving.right.asked().2.map(|name| format!("\"{name}\""))).collect()
    }

    /// Whether a question was answered with yes.
    fn may(&self, question: &AccessQuestion) -> bool {
        self.answers.to(question) == Known::Allowed
    }
}
