//! One cluster: whether it is the right one, what it is, and what we may do there.

use super::{ClusterExamined, Examined, Line, Purpose, Sign, allowed, asks_about, network, setup};
use crate::state::{ClusterCheckup, DesiredEnvironment, EnvironmentName, all_of};

/// The first minor version of Kubernetes 1 with `SelfSubjectReview` of `authentication.k8s.io/v1`.
const OLDEST: u32 = 28;
/// The minor version that the tests run.
const TESTED: u32 = 35;

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
    lines.extend(other_applier(examined, checkup, environment));
    // The uid of an invented cluster is nothing to pin.
    if !examined.setup.sandbox || environment.cluster.is_some() {
        lines.push(uid(checkup, environment));
    }
    lines.extend(lock(examined, name, cluster));
    lines.extend(allowed::lines(examined, name, environment, cluster));
    lines
}

/// Whether there is a place for the Lease.
fn lock(examined: &Examined<'_>, name: &EnvironmentName, cluster: &ClusterExamined) -> Option<Line> {
    let namespace = examined.desired.lock_on(name).filter(|_| asks_about(examined.purpose, Purpose::Apply))?;
    Some(match cluster.lock.as_ref()? {
        Ok(true) => Line::new(Sign::Fine, "lock", format!("the namespace {namespace} is there, where `lock` is")),
        Ok(false) => {
            let text = format!("for apply: there is no namespace {namespace}, where `lock` is, or it is being deleted");
            let origin = examined.desired.lock.as_ref().map(|lock| lock.origin.to_string()).unwrap_or_default();
            let next = format!("make it with `kubectl create namespace {namespace}`, or correct `lock` ({origin})");
            Line::new(Sign::Missing(Purpose::Apply), "lock", text).next(next)
        }
        Err(failure) => {
            let text =
                format!("for apply: whether there is the namespace {namespace}, where `lock` is: {}", failure.what);
            let next = failure.next.as_deref().unwrap_or("run it again");
            Line::new(Sign::Unchecked(Purpose::Apply), "lock", text).next(next)
        }
    })
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
            let groups = if groups.is_empty() { "no groups".to_owned() } else { all_of(groups) };
            Line::new(Sign::Fine, "identity", format!("acting as \"{name}\" ({groups})"))
        }
        Err(failure) => Line::failed(Purpose::Plan, "identity", failure, "sign in again, or renew the credential"),
    }
}

/// The files may say who applies here.
fn other_applier(examined: &Examined<'_>, checkup: &ClusterCheckup, environment: &DesiredEnvironment) -> Option<Line> {
    let (applier, Ok((name, _))) = (examined.applier(environment)?, &checkup.who) else { return None };
    (examined.purpose == Some(Purpose::Apply) && *name != applier.user).then(|| {
        let text = format!("the files say that \"{}\" applies here, and this is \"{name}\"", applier.user);
        Line::new(Sign::Decide, "applier", text)
            .next(format!("apply as that one, or correct `applier` of the environment ({})", environment.origin))
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
