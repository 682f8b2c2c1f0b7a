//! One cluster: whether it is the right one, what it is, and what we may do there.

use std::collections::{BTreeMap, BTreeSet};

use super::rights::{self, DANGERS, Danger, EVERYTHING, GIVING, Giving, NEEDS, RBAC, ask, may};
use super::{ClusterExamined, Examined, Line, Purpose, Sign, asks_about, listed, network, setup};
use crate::state::{AccessAnswer, ClusterCheckup, DesiredEnvironment, EnvironmentName, RightQuestion};

/// The first minor version of Kubernetes 1 with `SelfSubjectReview` of `authentication.k8s.io/v1`.
const OLDEST: u32 = 28;
/// The minor version that the tests run.
const TESTED: u32 = 35;

type Answers = BTreeMap<RightQuestion, AccessAnswer>;

pub(super) fn lines(examined: &Examined<'_>, name: &EnvironmentName, cluster: &ClusterExamined) -> Vec<Line> {
    let mut lines: Vec<Line> = cluster.way.iter().map(setup::setting).collect();
    let ca = "put its CA into the connection (certificate-authority-data, or `ca-file`)";
    lines.extend(cluster.tls.as_ref().map(|handshake| network::tls(handshake, examined.now, ca)));
    let checkup = match &cluster.checkup {
        Ok(checkup) => checkup,
        Err(failure) => {
            lines.push(Line::failed(Purpose::Plan, "cluster", failure, "see the connection above"));
            return lines;
        }
    };
    // Whatever cannot be reached says so once.
    if let (Err(version), Err(_), Err(_)) = (&checkup.version, &checkup.who, &checkup.uid) {
        let is_said = cluster.tls.as_ref().is_some_and(|handshake| handshake.problem.is_some());
        if !is_said {
            let advice = "check the connection, and that the API server runs";
            lines.push(Line::failed(Purpose::Plan, "cluster", version, advice));
        }
        return lines;
    }
    let Some(environment) = examined.desired.environments.get(name) else { return lines };
    lines.push(version(checkup));
    lines.extend(network::clock("the API server", checkup.ahead));
    lines.push(who(checkup));
    lines.extend(other_applier(examined.purpose, checkup, environment));
    // The uid of an invented cluster is nothing to pin.
    if !examined.setup.sandbox || environment.cluster.is_some() {
        lines.push(uid(checkup, environment));
    }
    match &checkup.answers {
        Ok(_) => {
            lines.extend(allowed(examined.purpose, environment, &cluster.answers));
            lines.extend(asking(environment, &cluster.answers));
        }
        Err(failure) => {
            let advice =
                "everybody may ask this unless somebody took it away: bind the ClusterRole system:basic-user again";
            lines.push(Line::failed(Purpose::Plan, "right", failure, advice));
        }
    }
    lines
}

fn version(checkup: &ClusterCheckup) -> Line {
    let version = match &checkup.version {
        Ok(version) => version,
        Err(failure) => return Line::failed(Purpose::Plan, "version", failure, "ask whoever runs the cluster"),
    };
    let text = format!("Kubernetes {version}");
    match minor(version) {
        Some(minor) if minor < OLDEST => {
            Line::new(Sign::Missing(Purpose::Plan), "version", format!("{text} is too old"))
                .next(format!("1.{OLDEST} or later is needed: update the cluster"))
        }
        Some(minor) if minor > TESTED => {
            Line::new(Sign::Fine, "version", format!("{text} (newer than 1.{TESTED}, which this was tested with)"))
        }
        Some(_) => Line::new(Sign::Fine, "version", text),
        None => Line::new(Sign::Decide, "version", format!("the server calls its version \"{version}\""))
            .next(format!("see that it is Kubernetes 1.{OLDEST} or later")),
    }
}

/// `35` of `v1.35.4+k3s1`.
fn minor(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("v1.")?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

fn who(checkup: &ClusterCheckup) -> Line {
    match &checkup.who {
        Ok((name, groups)) => {
            let groups = if groups.is_empty() { "no groups".to_owned() } else { listed(groups) };
            Line::new(Sign::Fine, "identity", format!("acting as \"{name}\" ({groups})"))
        }
        Err(failure) => Line::failed(Purpose::Plan, "identity", failure, "sign in again, or renew the credential"),
    }
}

/// The files may say who applies here.
fn other_applier(purpose: Option<Purpose>, checkup: &ClusterCheckup, environment: &DesiredEnvironment) -> Option<Line> {
    let (applier, Ok((name, _))) = (environment.applier.as_ref()?, &checkup.who) else { return None };
    (purpose == Some(Purpose::Apply) && *name != applier.user).then(|| {
        let text = format!("the files say that \"{}\" applies here, and this is \"{name}\"", applier.user);
        Line::new(Sign::Decide, "applier", text)
            .next(format!("apply as that one, or correct `applier` of the environment ({})", environment.origin))
    })
}

/// Whether `plan` may ask what the applier that the files name may do.
fn asking(environment: &DesiredEnvironment, answers: &Answers) -> Option<Line> {
    let applier = environment.applier.as_ref()?;
    let (verb, resource) = ("create", rights::ASKING.resources[0]);
    (!may(answers, &ask(verb, rights::ASKING.group, resource))).then(|| {
        let text =
            format!("for plan: this identity may not {verb} {resource}, so not ask what \"{}\" may do", applier.user);
        Line::new(Sign::Decide, "right", text).next(format!(
            "plans say \"not checked\" until it may: {{ apiGroups: [{}], resources: [{resource}], verbs: [{verb}] }}",
            rights::ASKING.group
        ))
    })
}

fn uid(checkup: &ClusterCheckup, environment: &DesiredEnvironment) -> Line {
    match (&checkup.uid, environment.cluster) {
        (Ok(uid), Some(pinned)) if *uid == pinned => {
            Line::new(Sign::Fine, "cluster-uid", "it is the cluster that the files pin")
        }
        (Ok(uid), Some(pinned)) => {
            let text = format!("this is another cluster: its uid is {uid}, the files pin {pinned}");
            Line::new(Sign::Missing(Purpose::Plan), "cluster-uid", text).next(
                "point the connection at the right cluster; if this one was rebuilt, set `cluster:` to the new uid",
            )
        }
        (Ok(uid), None) => Line::new(Sign::Decide, "cluster-uid", format!("its uid {uid} is not pinned in the files"))
            .next(format!(
                "add `cluster: {uid}` to the environment ({}), so that no other is changed",
                environment.origin
            )),
        (Err(failure), _) => Line::failed(
            Purpose::Plan,
            "cluster-uid",
            failure,
            "bind the ClusterRole rolecall-plan of docs/permissions.yaml to this identity",
        ),
    }
}

fn allowed(purpose: Option<Purpose>, environment: &DesiredEnvironment, answers: &Answers) -> Vec<Line> {
    let mut lines = Vec::new();
    for needed in [Purpose::Plan, Purpose::Apply].into_iter().filter(|needed| asks_about(purpose, *needed)) {
        let mut missing = plain(needed, answers);
        let givings = if needed == Purpose::Apply { rights::givings(environment) } else { Vec::new() };
        missing.extend(givings.iter().filter_map(|giving| give(giving, answers)));
        if missing.is_empty() {
            let text = format!("every right that {} needs is there", needed.command());
            lines.push(Line::new(Sign::Fine, "right", text));
        }
        lines.extend(missing);
    }
    lines.extend(beyond(purpose, answers));
    lines
}

/// The missing rights that do not depend on the files: kinds that lack the same verbs share a line, and the rule to add.
fn plain(purpose: Purpose, answers: &Answers) -> Vec<Line> {
    let mut missing: BTreeMap<(&str, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for need in NEEDS.iter().filter(|need| need.purpose == purpose) {
        for resource in need.resources {
            let lacks = |verb: &&'static str| !may(answers, &ask(verb, need.group, resource));
            let verbs: Vec<&str> = need.verbs.iter().copied().filter(lacks).collect();
            if !verbs.is_empty() {
                missing.entry((need.group, verbs)).or_default().push(resource);
            }
        }
    }
    let line = |((group, verbs), resources): ((&str, Vec<&str>), Vec<&str>)| {
        let text =
            format!("for {}: this identity may not {} {}", purpose.command(), listed(&verbs), listed(&resources));
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

/// A role that may not be given.
fn give(giving: &Giving, answers: &Answers) -> Option<Line> {
    let Giving { verb, resource, name, namespaces } = giving;
    if may(answers, &giving.question(None)) {
        return None;
    }
    let refused: Option<Vec<_>> = namespaces.as_ref().map(|namespaces| {
        namespaces.iter().filter(|namespace| !may(answers, &giving.question(Some(namespace)))).collect()
    });
    let place = match refused {
        Some(refused) if refused.is_empty() => return None,
        Some(refused) => format!("in {}", listed(refused)),
        None => "on the whole cluster".to_owned(),
    };
    let what = if *verb == GIVING[0] { "granting" } else { "writing" };
    let text = format!("for apply: this identity may not {verb} {resource} \"{name}\" {place}");
    let next = format!(
        "{what} it is refused unless the identity holds every right in it (`rolecall plan` names those it lacks); \
         else add to its role: \
         {{ apiGroups: [{RBAC}], resources: [{resource}], verbs: [{verb}], resourceNames: [\"{name}\"] }}"
    );
    Some(Line::new(Sign::Missing(Purpose::Apply), "right", text).next(next))
}

/// What is held and not needed, with what somebody could do with it.
fn beyond(purpose: Option<Purpose>, answers: &Answers) -> Vec<Line> {
    let line = |text: String, next: &str| Line::new(Sign::Decide, "right-beyond-need", text).next(next);
    if may(answers, &EVERYTHING.question()) {
        let text = format!("beyond need: with this identity somebody could {}", EVERYTHING.could);
        return vec![line(text, "give rolecall an identity of its own, with the roles of docs/permissions.yaml")];
    }
    let mut lines: Vec<Line> = Vec::new();
    for Danger { verb, resource, could, .. } in DANGERS.iter().filter(|danger| may(answers, &danger.question())) {
        let text = format!("beyond need: with {verb} on {resource} somebody could {could}");
        lines.push(line(text, "take it away"));
    }
    let giving: Vec<&str> = GIVING.into_iter().filter(|verb| may(answers, &ask(verb, RBAC, "clusterroles"))).collect();
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
                    .any(|resource| may(answers, &ask(verb, RBAC, resource)))
            })
            .collect();
        if !writes.is_empty() {
            let text =
                format!("beyond need: plan never writes, and this identity may {} roles or bindings", listed(writes));
            lines.push(line(
                text,
                "plan with an identity that only reads, so that a preview cannot be turned into access",
            ));
        }
    } else if !giving.is_empty() {
        let text =
            format!("beyond need: {} on every ClusterRole, which is cluster-admin in all but name", listed(giving));
        lines.push(line(text, "name the roles that the files grant in `resourceNames` of that rule"));
    }
    lines
}
