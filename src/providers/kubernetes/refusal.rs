//! What the API server says when it does not do what was asked, made readable.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use kube::core::Status;
use kube::core::response::StatusCause;

use super::link::Link;
use crate::providers::http::{excerpt, retry_after};
use crate::state::{Failure, FailureKind, PolicyRule};

/// An answer with an error status.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: StatusCode,
    /// The machine-readable reason, e.g. `AlreadyExists`; empty when the answer was no `Status`.
    pub(super) reason: String,
    /// Hostile text, bounded only where it is shown.
    message: String,
    /// The resource the answer is about, e.g. `namespaces`, when it says so.
    pub(super) about: String,
    /// Its name.
    pub(super) about_name: String,
    causes: Vec<StatusCause>,
    /// How long the server asks us to wait.
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    /// Reads an answer: a `Status` from the API server itself, or whatever a proxy in front of it says.
    pub(super) fn read(code: StatusCode, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Self {
        let status: Status =
            serde_json::from_slice(body).unwrap_or_else(|_| Status::failure(&String::from_utf8_lossy(body), ""));
        let details = status.details;
        // Priority and fairness answers in plain text with a header; other parts put the seconds in the details.
        let header = headers.get(header::RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
        let seconds = details.as_ref().map_or(0, |details| details.retry_after_seconds);
        let retry_after = header.or_else(|| (seconds > 0).then(|| Duration::from_secs(seconds.into())));
        let (about, about_name, causes) =
            details.map_or_else(Default::default, |details| (details.kind, details.name, details.causes));
        Self { code, reason: status.reason, message: status.message, about, about_name, causes, retry_after }
    }

    /// The server's own words, bounded.
    pub(super) fn words(&self) -> String {
        let words = excerpt(&self.message);
        if words.is_empty() { format!("status {}", self.code.as_u16()) } else { words }
    }

    /// Whether one of the causes has this reason.
    pub(super) fn has_cause(&self, reason: &str) -> bool {
        self.causes.iter().any(|cause| cause.reason == reason)
    }

    /// Whether one of the causes is about this field, e.g. `metadata.uid`.
    pub(super) fn has_field(&self, field: &str) -> bool {
        self.causes.iter().any(|cause| cause.field == field)
    }

    /// The fields that the causes with this reason name, and what they say about each.
    pub(super) fn causes(&self, reason: &str) -> Vec<String> {
        self.causes
            .iter()
            .filter(|cause| cause.reason == reason)
            .map(|cause| format!("{} ({})", excerpt(&cause.field), excerpt(&cause.message)))
            .collect()
    }

    /// The failure that this answer is when nothing more is known about what was tried.
    pub(super) fn failure(&self, link: &Link, tried: &str) -> Failure {
        let code = self.code.as_u16();
        match code {
            401 => Failure::new(FailureKind::Unauthenticated, format!("{link} does not accept our credential (401)"))
                .with_next(
                    "sign in again or renew the token; `kubectl auth whoami` with the same credential must work",
                ),
            403 => match Denied::parse(&self.message) {
                Some(denied) => {
                    Failure::new(FailureKind::Forbidden, format!("cannot {tried} on {link}: {denied} (403)")).with_next(
                        format!(
                            "grant `{}` on {}; `rolecall doctor` lists everything that is missing, and docs/permissions.yaml has a ready ClusterRole",
                            denied.verb, denied.resource
                        ),
                    )
                }
                None => {
                    Failure::new(FailureKind::Forbidden, format!("cannot {tried} on {link}: {} (403)", self.words()))
                }
            },
            404 => Failure::new(FailureKind::NotFound, format!("cannot {tried} on {link}: {} (404)", self.words())),
            409 => Failure::new(FailureKind::Conflict, format!("cannot {tried} on {link}: {} (409)", self.words())),
            400 | 422 => {
                Failure::new(FailureKind::Invalid, format!("cannot {tried} on {link}: {} ({code})", self.words()))
            }
            429 => {
                Failure::new(FailureKind::Unavailable, format!("cannot {tried}: {link} is still throttling us (429)"))
                    .with_next("run again later, when the API server has less to do")
            }
            500..=599 => {
                Failure::new(FailureKind::Unavailable, format!("cannot {tried}: {link} says {} ({code})", self.words()))
                    .with_next("run again; if it stays, look at the API server's own log")
            }
            _ => Failure::new(FailureKind::BadAnswer, format!("cannot {tried} on {link}: {} ({code})", self.words())),
        }
    }

    /// The rules that we lack, when the answer is the one of the escalation check.
    pub(super) fn missing_rules(&self) -> Option<Vec<PolicyRule>> {
        let (_, rules) = self.message.split_once("attempting to grant RBAC permissions not currently held:")?;
        // The server may append why it could not resolve some of our own roles.
        let rules = rules.split("; resolution errors:").next().unwrap_or(rules);
        Some(rules.lines().filter_map(rule).collect())
    }

    /// The verb, the resource and the namespace that the authorizer denied us.
    pub(super) fn denied(&self) -> Option<(String, String, Option<String>)> {
        Denied::parse(&self.message).map(|denied| (denied.verb, denied.resource, denied.namespace))
    }
}

/// Who may not do what, from the authorizer's message (apiserver `pkg/endpoints/handlers/responsewriters`).
struct Denied {
    user: String,
    verb: String,
    resource: String,
    namespace: Option<String>,
}

impl Denied {
    fn parse(message: &str) -> Option<Self> {
        let (_, rest) = message.split_once("User ")?;
        let (user, rest) = quoted(rest)?;
        let (verb, rest) = rest.trim_start().strip_prefix("cannot ")?.split_once(" resource ")?;
        let (resource, rest) = quoted(rest)?;
        let namespace = rest.split_once(" in the namespace ").and_then(|(_, rest)| quoted(rest));
        let namespace = namespace.map(|(namespace, _)| excerpt(&namespace));
        Some(Self { user: excerpt(&user), verb: excerpt(verb), resource: excerpt(&resource), namespace })
    }
}

impl std::fmt::Display for Denied {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, verb, resource, namespace } = self;
        match namespace {
            Some(namespace) => write!(formatter, "`{user}` may not {verb} {resource} in namespace {namespace}"),
            None => write!(formatter, "`{user}` may not {verb} {resource} on the whole cluster"),
        }
    }
}

/// A text that Go printed with `%q`, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// One rule of the escalation check's message, e.g. `{APIGroups:["apps"], Resources:["deployments"], Verbs:["patch"]}`.
fn rule(line: &str) -> Option<PolicyRule> {
    let list = |key: &str| -> Vec<String> {
        let Some((_, mut rest)) = line.split_once(&format!("{key}:[")) else { return Vec::new() };
        let mut entries = Vec::new();
        while let Some((entry, after)) = quoted(rest.trim_start_matches([' ', ','])) {
            entries.push(excerpt(&entry));
            rest = after;
        }
        entries
    };
    let rule = PolicyRule {
        api_groups: list("APIGroups"),
        resources: list("Resources"),
        verbs: list("Verbs"),
        resource_names: list("ResourceNames"),
        non_resource_urls: list("NonResourceURLs"),
    };
    (!rule.verbs.is_empty()).then_some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::covering;
    use insta::assert_snapshot;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn refusal(code: u16, message: &str) -> Refusal {
        let body = serde_json::to_vec(&Status::failure(message, "")).unwrap();
        Refusal::read(StatusCode::from_u16(code).unwrap(), &HeaderMap::new(), &body, NOW)
    }

    fn link() -> Link {
        let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::empty()))
        });
        Link::over(kube::Client::new(service, "default"), "context `alpha` (https://10.0.0.1:6443/)")
    }

    #[tokio::test]
    async fn a_missing_permission_is_named() {
        let message = "clusterroles.rbac.authorization.k8s.io is forbidden: User \"ci\" cannot list resource \
                       \"clusterroles\" in API group \"rbac.authorization.k8s.io\" at the cluster scope";
        let failure = refusal(403, message).failure(&link(), "list clusterroles");
        assert_eq!(failure.kind, FailureKind::Forbidden);
        assert_snapshot!(failure.what, @"cannot list clusterroles on context `alpha` (https://10.0.0.1:6443/): `ci` may not list clusterroles on the whole cluster (403)");
        assert_snapshot!(failure.next.unwrap(), @"grant `list` on clusterroles; `rolecall doctor` lists everything that is missing, and docs/permissions.yaml has a ready ClusterRole");
    }

    #[tokio::test]
    async fn a_missing_permission_in_a_namespace_is_named() {
        let message = "roles.rbac.authorization.k8s.io \"r\" is forbidden: User \"ci \\\"x\\\"\" cannot patch resource \
                       \"roles\" in API group \"rbac.authorization.k8s.io\" in the namespace \"trinity\"";
        let failure = refusal(403, message).failure(&link(), "update role trinity/r");
        assert_snapshot!(failure.what, @r#"cannot update role trinity/r on context `alpha` (https://10.0.0.1:6443/): `ci "x"` may not patch roles in namespace trinity (403)"#);
    }

    #[test]
    fn the_rules_of_the_escalation_check_are_read() {
        let message = "clusterroles.rbac.authorization.k8s.io \"x\" is forbidden: user \"ci\" (groups=[\"system:authenticated\"]) \
                       is attempting to grant RBAC permissions not currently held:\n\
                       {APIGroups:[\"\"], Resources:[\"secrets\"], ResourceNames:[\"a\" \"b\"], Verbs:[\"get\"]}\n\
                       {APIGroups:[\"apps\"], Resources:[\"deployments\" \"daemonsets\"], Verbs:[\"get\" \"patch\"]}\n\
                       {NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}; resolution errors: [role \"x\" not found]";
        assert_snapshot!(covering::words(&refusal(403, message).missing_rules().unwrap()), @r#"{ apiGroups: [""], resources: [secrets], resourceNames: [a, b], verbs: [get] }, { apiGroups: [apps], resources: [deployments, daemonsets], verbs: [get, patch] }, { nonResourceURLs: [/metrics], verbs: [get] }"#);
        assert_eq!(refusal(403, "something else").missing_rules(), None);
    }

    #[test]
    fn an_answer_that_is_no_status_is_shown_bounded_and_on_one_line() {
        let body = format!("<html>\u{1b}[31mred\n{}", "x".repeat(1000));
        let refusal = Refusal::read(StatusCode::BAD_GATEWAY, &HeaderMap::new(), body.as_bytes(), NOW);
        let words = refusal.words();
        assert!(words.starts_with("<html> [31mred xxx") && words.ends_with('…'), "{words}");
        assert!(words.chars().count() < 500, "{words}");
    }

    #[test]
    fn the_wait_is_read_from_the_header_or_the_details() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, "1.5".parse().unwrap());
        let plain = Refusal::read(StatusCode::TOO_MANY_REQUESTS, &headers, b"Too many requests", NOW);
        assert_eq!(plain.retry_after, Some(Duration::from_millis(1500)));
        headers.insert(header::RETRY_AFTER, "Thu, 01 Jan 1970 00:00:04 GMT".parse().unwrap());
        let dated = Refusal::read(StatusCode::SERVICE_UNAVAILABLE, &headers, b"", NOW);
        assert_eq!(dated.retry_after, Some(Duration::from_secs(4)));
        let body = br#"{"kind":"Status","code":503,"details":{"retryAfterSeconds":3}}"#;
        let details = Refusal::read(StatusCode::SERVICE_UNAVAILABLE, &HeaderMap::new(), body, NOW);
        assert_eq!(details.retry_after, Some(Duration::from_secs(3)));
        headers.insert(header::RETRY_AFTER, "-1".parse().unwrap());
        assert_eq!(Refusal::read(StatusCode::TOO_MANY_REQUESTS, &headers, b"", NOW).retry_after, None);
    }
}
