#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::*;
use crate::providers::kubernetes::scripted::{Answer, Seen, UID, lines, link, status};
use crate::providers::kubernetes::tokens::{Fixed, TokenSource};
use crate::state::RBAC;

fn query(cluster: Option<&str>) -> ClusterQuery {
    ClusterQuery {
        environment: "alpha".parse().unwrap(),
        config: "contoso-platform".parse().unwrap(),
        cluster: cluster.map(|uid| uid.parse().unwrap()),
    }
}

fn page(kind: &str, items: &Value) -> Answer {
    Answer::Json(200, json!({ "kind": kind, "metadata": { "resourceVersion": "9" }, "items": items }))
}

fn part(kind: &str, names: &[&str], next: &str) -> Answer {
    let items: Vec<Value> = names
        .iter()
        .map(|name| json!({ "metadata": { "name": name, "uid": "u", "resourceVersion": "1" }, "rules": null }))
        .collect();
    Answer::Json(
        200,
        json!({ "kind": kind, "metadata": { "resourceVersion": "9", "continue": next, "remainingItemCount": null }, "items": items }),
    )
}

/// An empty cluster.
fn empty(seen: &Seen) -> Answer {
    match seen.target.split('?').next().unwrap() {
        "/apis/authentication.k8s.io/v1/selfsubjectreviews" => Answer::Json(
            201,
            json!({ "kind": "SelfSubjectReview", "status": { "userInfo": { "username": "ci", "groups": ["b", "a"] } } }),
        ),
        "/api/v1/namespaces" => page("NamespaceList", &json!([])),
        path => match path.rsplit('/').next().unwrap() {
            "clusterroles" => page("ClusterRoleList", &json!([])),
            "roles" => page("RoleList", &json!([])),
            "clusterrolebindings" => page("ClusterRoleBindingList", &json!([])),
            "rolebindings" => page("RoleBindingList", &json!([])),
            other => panic!("unexpected request for {other}"),
        },
    }
}

/// Observes a cluster that is empty but for its cluster roles, which `answer` gives; `None` is the empty list.
async fn observe(answer: impl Fn(&Seen) -> Option<Answer> + Send + Sync + 'static) -> (Result<Cluster>, Vec<String>) {
    let (link, log) = link(move |_, seen| {
        if seen.target.contains("/clusterroles") { answer(seen).unwrap_or_else(|| empty(seen)) } else { empty(seen) }
    });
    let result = KubernetesReader::new(link).observe(&query(Some(UID))).await;
    let asked = lines(&log).into_iter().filter(|line| line.contains("/clusterroles")).collect();
    (result, asked)
}

#[tokio::test]
async fn everything_is_read_with_get_and_one_review() {
    let (link, log) = link(|_, seen| empty(seen));
    let reader = KubernetesReader::new(link);
    let cluster = reader.observe(&query(None)).await.unwrap();
    assert_eq!(cluster.uid.to_string(), UID);
    assert_eq!(cluster.username, "ci");
    assert_eq!(cluster.user_groups.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(reader.usage(), Usage { requests: 7, resource_units: 0, throttled: 0 });
    let mut asked = lines(&log);
    asked.sort();
    assert_snapshot!(asked.join("\n"), @r"
    GET /api/v1/namespaces?limit=500
    GET /apis/rbac.authorization.k8s.io/v1/clusterrolebindings?limit=500
    GET /apis/rbac.authorization.k8s.io/v1/clusterroles?limit=500
    GET /apis/rbac.authorization.k8s.io/v1/rolebindings?limit=500
    GET /apis/rbac.authorization.k8s.io/v1/roles?limit=500
    POST /apis/authentication.k8s.io/v1/selfsubjectreviews
    ");
}

#[tokio::test]
async fn another_cluster_is_not_read() {
    let (link, log) = link(|_, seen| empty(seen));
    let expected = "77ab0000-0000-4000-8000-000000000002";
    let failure = KubernetesReader::new(link).observe(&query(Some(expected))).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::WrongTarget);
    assert_snapshot!(failure.what, @"context `alpha` is another cluster: its uid is 5c1e1b5e-0000-4000-8000-000000000001, and 77ab0000-0000-4000-8000-000000000002 is expected");
    assert!(log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn namespaces_on_their_way_out_are_left_out() {
    let (link, _) = link(|_, seen| {
        if seen.target.starts_with("/api/v1/namespaces") {
            page(
                "NamespaceList",
                &json!([
                    { "metadata": { "name": "trinity", "labels": { "team": "sre" } }, "status": { "phase": "Active" } },
                    { "metadata": { "name": "old" }, "status": { "phase": "Terminating" } },
                    { "metadata": { "name": "older", "deletionTimestamp": "2026-11-22T16:40:11Z" } },
                ]),
            )
        } else {
            empty(seen)
        }
    });
    let cluster = KubernetesReader::new(link).observe(&query(None)).await.unwrap();
    assert_snapshot!(format!("{:?}", cluster.namespaces), @r#"{Namespace("trinity"): {"team": "sre"}}"#);
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page() {
    let (cluster, asked) = observe(|seen| {
        Some(if seen.target.contains("continue=a%2Fb%3D") {
            part("ClusterRoleList", &["three"], "")
        } else {
            part("ClusterRoleList", &["one", "two"], "a/b=")
        })
    })
    .await;
    let names: Vec<String> = cluster.unwrap().roles.into_iter().map(|role| role.role.name).collect();
    assert_eq!(names, ["one", "two", "three"]);
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn a_list_whose_token_expired_is_begun_again() {
    let requests = std::sync::atomic::AtomicUsize::new(0);
    let (cluster, asked) = observe(move |_| {
        Some(match requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => part("ClusterRoleList", &["gone"], "next"),
            1 => status(410, "Expired", "The provided continue parameter is too old"),
            _ => part("ClusterRoleList", &["one"], ""),
        })
    })
    .await;
    let names: Vec<String> = cluster.unwrap().roles.into_iter().map(|role| role.role.name).collect();
    assert_eq!(names, ["one"], "what was read before the list expired is not kept");
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn a_list_that_always_expires_is_given_up() {
    let (cluster, asked) = observe(|_| Some(status(410, "Expired", "too old"))).await;
    assert_eq!(cluster.unwrap_err().kind, FailureKind::Unavailable);
    assert_eq!(asked.len(), 4);
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_an_error() {
    type Case = (fn() -> Answer, &'static str);
    let cases: [Case; 6] = [
        (
            || {
                Answer::Json(
                    200,
                    json!({ "kind": "ClusterRoleList", "metadata": { "resourceVersion": "9" }, "items": null }),
                )
            },
            "items is null",
        ),
        (
            || Answer::Json(200, json!({ "kind": "ClusterRoleList", "metadata": { "resourceVersion": "9" } })),
            "no items",
        ),
        (|| page("RoleList", &json!([])), "another kind"),
        (
            || {
                Answer::Json(
                    200,
                    json!({ "kind": "ClusterRoleList", "metadata": { "resourceVersion": "9", "remainingItemCount": 3 }, "items": [] }),
                )
            },
            "cut short",
        ),
        (|| part("ClusterRoleList", &["one"], "same"), "the same page for ever"),
        (|| Answer::Json(200, Value::Null), "null"),
    ];
    for (answer, case) in cases {
        let (cluster, _) = observe(move |_| Some(answer())).await;
        let failure = cluster.expect_err(case);
        assert_eq!(failure.kind, FailureKind::BadAnswer, "{case}: {failure}");
    }
}

#[tokio::test]
async fn a_list_shows_one_version_on_all_of_its_pages() {
    let list = |version: Value, next: &str| {
        let metadata = json!({ "resourceVersion": version, "continue": next });
        Answer::Json(200, json!({ "kind": "ClusterRoleList", "metadata": metadata, "items": [] }))
    };
    let mut said = Vec::new();
    for version in [Value::Null, json!("")] {
        let (cluster, _) = observe(move |_| Some(list(version.clone(), ""))).await;
        said.push(cluster.unwrap_err());
    }
    let bare = |_: &Seen| Some(Answer::Json(200, json!({ "kind": "ClusterRoleList", "items": [] })));
    said.push(observe(bare).await.0.unwrap_err());
    for second in [json!("10"), Value::Null] {
        let (cluster, _) = observe(move |seen| {
            let is_second = seen.target.contains("continue=");
            Some(if is_second { list(second.clone(), "") } else { list(json!("9"), "next") })
        })
        .await;
        said.push(cluster.unwrap_err());
    }
    assert!(said.iter().all(|failure| failure.kind == FailureKind::BadAnswer && failure.next.is_some()), "{said:?}");
    let said: Vec<_> = said.into_iter().map(|failure| failure.what).collect();
    assert_snapshot!(said.join("\n"), @r"
    cannot list clusterroles on context `alpha`: the list does not say of which resourceVersion it is
    cannot list clusterroles on context `alpha`: the list does not say of which resourceVersion it is
    cannot list clusterroles on context `alpha`: the list does not say of which resourceVersion it is
    cannot list clusterroles on context `alpha`: its pages are of different resourceVersions
    cannot list clusterroles on context `alpha`: the list does not say of which resourceVersion it is
    ");
}

#[tokio::test]
async fn a_token_that_the_server_repeats_is_not_printed() {
    let token: Arc<dyn TokenSource> = Arc::new(Fixed("s3cret-token".to_owned().into()));
    let (link, _) = link(|_, _| status(400, "BadRequest", "what is Bearer s3cret%2Dtoken?"));
    let link = link.with_tokens(Some(token));
    let failure = KubernetesReader::new(link).observe(&query(None)).await.unwrap_err();
    assert!(failure.what.contains("what is Bearer …"), "{}", failure.what);
}

#[tokio::test]
async fn a_missing_permission_is_named_with_the_way_out() {
    let (cluster, _) = observe(|_| {
        Some(status(
            403,
            "Forbidden",
            "clusterroles.rbac.authorization.k8s.io is forbidden: User \"ci\" cannot list resource \"clusterroles\" in API \
             group \"rbac.authorization.k8s.io\" at the cluster scope",
        ))
    })
    .await;
    let failure = cluster.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Forbidden);
    assert_snapshot!(failure.what, @"cannot list clusterroles on context `alpha`: `ci` may not list clusterroles on the whole cluster (403)");
}

#[tokio::test]
async fn an_expired_credential_is_told_from_a_missing_permission() {
    let (cluster, _) = observe(|_| Some(status(401, "Unauthorized", "Unauthorized"))).await;
    let failure = cluster.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthenticated);
    assert_snapshot!(failure.what, @"context `alpha` does not accept our credential (401)");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_query_not_shown() {
    let (cluster, asked) =
        observe(|_| Some(Answer::Redirect(302, "https://login.contoso.com/sign-in?state=secret"))).await;
    let failure = cluster.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert_snapshot!(failure.what, @"context `alpha` redirects to https://login.contoso.com (302); no redirect is followed, because the credential would go there");
    assert_eq!(asked.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_throttling_server_is_waited_for_and_counted() {
    let requests = std::sync::atomic::AtomicUsize::new(0);
    let (link, _) = link(move |_, seen| {
        if seen.target.contains("/clusterroles") && requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2 {
            return Answer::Wait(429, "0.01");
        }
        empty(seen)
    });
    let reader = KubernetesReader::new(link);
    reader.observe(&query(None)).await.unwrap();
    assert_eq!(reader.usage(), Usage { requests: 9, resource_units: 0, throttled: 2 });
}

#[tokio::test]
async fn a_server_that_asks_to_wait_too_long_is_unavailable() {
    // The last is more than a clock can hold.
    for wait in ["3600", "1e19"] {
        let (cluster, asked) = observe(move |_| Some(Answer::Wait(429, wait))).await;
        let failure = cluster.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert_eq!(failure.what, "cannot list clusterroles: context `alpha` is still throttling us (429)");
        assert_eq!(asked.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_no_wait_is_not_asked_a_thousand_times() {
    for code in [429, 503] {
        for wait in ["0", "-0", "1e-300"] {
            let (cluster, asked) = observe(move |_| Some(Answer::Wait(code, wait))).await;
            assert_eq!(cluster.unwrap_err().kind, FailureKind::Unavailable, "{code} {wait}");
            assert!((3..12).contains(&asked.len()), "{code} {wait}: {}", asked.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_gives_up_once_another_answer_asks_for_too_long() {
    let (link, log) = link(|_, seen| empty(seen));
    let (gate, start) = (Arc::clone(&link.gate), tokio::time::Instant::now());
    gate.close_for(Duration::from_secs(5));
    let reader = KubernetesReader::new(link);
    let nobody = query(None);
    let close = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        gate.close_for(Duration::from_secs(86_000));
    };
    let (cluster, ()) = futures::join!(reader.observe(&nobody), close);
    let failure = cluster.unwrap_err();
    assert_snapshot!(failure.what, @"context `alpha` asks to wait (429) for longer than the 30 s that a call may take");
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert!(lines(&log).is_empty());
}

/// A token that takes a minute.
struct Slow;

#[async_trait::async_trait]
impl TokenSource for Slow {
    async fn token(&self) -> Result<secrecy::SecretString> {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok("late".to_owned().into())
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_once_its_time_is_over() {
    let (link, log) = link(|_, seen| empty(seen));
    let reader = KubernetesReader::new(link.with_tokens(Some(Arc::new(Slow))));
    let failure = reader.observe(&query(None)).await.unwrap_err();
    assert_snapshot!(failure.what, @"getting a token for context `alpha` took longer than the 30 s that a call may take");
    assert!(lines(&log).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_read_that_broke_is_repeated_and_then_an_error() {
    let requests = std::sync::atomic::AtomicUsize::new(0);
    let (cluster, asked) = observe(move |_| match requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Some(Answer::Lost),
        1 => Some(status(500, "InternalError", "etcdserver: leader changed")),
        _ => None,
    })
    .await;
    cluster.unwrap();
    assert_eq!(asked.len(), 3);
    let (cluster, asked) = observe(|_| Some(Answer::Lost)).await;
    assert_eq!(cluster.unwrap_err().kind, FailureKind::Unreachable);
    assert_eq!(asked.len(), 5);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let (link, _) = link(|_, seen| if seen.target.contains("/clusterroles") { Answer::Never } else { empty(seen) });
    let reader = KubernetesReader::new(link.with_call_limit(Duration::from_millis(20)));
    let failure = reader.observe(&query(None)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert_snapshot!(failure.what, @"no answer from context `alpha` within 0.02 s");
}

#[tokio::test]
async fn an_api_server_that_cannot_say_who_we_are_is_too_old() {
    let (link, _) =
        link(
            |_, seen| {
                if seen.method == Method::POST { Answer::Json(404, json!("404 page not found")) } else { empty(seen) }
            },
        );
    let failure = KubernetesReader::new(link).observe(&query(None)).await.unwrap_err();
    assert_eq!(failure.next.as_deref(), Some("Kubernetes 1.28 or later is needed"));
}

#[tokio::test]
async fn questions_are_answered_in_their_order() {
    let (link, log) = link(|_, seen| {
        let attributes = &seen.body["spec"]["resourceAttributes"];
        let bind = attributes["verb"] == "bind";
        let mut status = json!({ "allowed": bind });
        if !bind {
            status["reason"] = json!("no\u{1b} rule");
            status["evaluationError"] = json!("role \"x\" not found");
        }
        Answer::Json(201, json!({ "spec": seen.body["spec"], "status": status }))
    });
    let question = |verb: &str, namespace: Option<&str>, name: Option<&str>| AccessQuestion {
        namespace: namespace.map(|name| name.parse().unwrap()),
        name: name.map(str::to_owned),
        ..AccessQuestion::new(verb, RBAC, "clusterroles")
    };
    let questions = [
        question("create", None, None),
        question("bind", Some("trinity"), Some("view")),
        question("patch", None, None),
    ];
    let answers = KubernetesReader::new(link).ask(&questions).await;
    let answers: Vec<AccessAnswer> = answers.into_iter().map(Result::unwrap).collect();
    let allowed: Vec<bool> = answers.iter().map(|answer| answer.allowed).collect();
    assert_eq!(allowed, [false, true, false]);
    assert_eq!(answers[0].reason, "no rule; role \"x\" not found");
    let log = log.lock().unwrap();
    let bind = log.iter().find(|seen| seen.body["spec"]["resourceAttributes"]["verb"] == "bind").unwrap();
    assert_eq!(bind.method, Method::POST);
    assert_eq!(bind.target, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
    assert_eq!(
        bind.body["spec"]["resourceAttributes"],
        json!({ "group": "rbac.authorization.k8s.io", "resource": "clusterroles", "verb": "bind", "namespace": "trinity", "name": "view" })
    );
}

#[tokio::test]
async fn an_access_review_without_status_is_no_answer() {
    let (link, _) = link(|_, _| Answer::Json(201, json!({ "spec": {} })));
    let question = AccessQuestion::new("create", RBAC, "roles");
    let answers = KubernetesReader::new(link).ask(&[question]).await;
    assert_eq!(answers[0].as_ref().unwrap_err().kind, FailureKind::BadAnswer);
}

#[tokio::test]
async fn what_fails_takes_no_other_answer_with_it_and_a_subresource_is_said_as_one() {
    let (link, log) = link(|_, seen| {
        if seen.body["spec"]["resourceAttributes"]["verb"] == "bind" {
            return Answer::Json(201, json!({ "spec": {} }));
        }
        Answer::Json(201, json!({ "spec": {}, "status": { "allowed": true } }))
    });
    let questions =
        [AccessQuestion::new("bind", RBAC, "roles"), AccessQuestion::new("create", "", "serviceaccounts/token")];
    let answers = KubernetesReader::new(link).ask(&questions).await;
    assert_eq!(answers[0].as_ref().unwrap_err().kind, FailureKind::BadAnswer);
    assert!(answers[1].as_ref().unwrap().allowed);
    let log = log.lock().unwrap();
    let asked: Vec<_> = log.iter().map(|seen| seen.body["spec"]["resourceAttributes"].clone()).collect();
    assert!(
        asked
            .contains(&json!({ "group": "", "resource": "serviceaccounts", "subresource": "token", "verb": "create" })),
        "{asked:?}"
    );
}
