//! Faults as they reach a client over its connection.

use super::*;
use crate::sandbox::faults::{Fault, Hostile, Rule};

async fn served(folder: &Path, faults: Faults) -> Sandbox {
    Sandbox::open(folder, || with_cluster("alpha"), Options { faults, ..Options::default() }).await.unwrap()
}

fn on(server: &str, path: &str, fault: Fault) -> Faults {
    let rule = Rule { on: Some(server.to_owned()), path: Some(path.to_owned()), times: Some(1), ..Rule::of(fault) };
    Faults { rules: vec![rule], ..Faults::default() }
}

/// What the log says of the requests to that path.
fn told(sandbox: &Sandbox, path: &str) -> String {
    let log = sandbox.requests().unwrap();
    let lines = log.lines().iter().filter(|line| line.path.contains(path));
    lines
        .map(|line| format!("{} {}", line.status, line.fault.as_deref().unwrap_or("-")))
        .collect::<Vec<_>>()
        .join(" | ")
}

/// Creates a group in a sandbox where that request meets this fault. Gives what is told of it, and how many groups of its name
/// are there then.
async fn creating(fault: Fault) -> (String, Option<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let is_held = matches!(fault, Fault::HoldBefore | Fault::HoldAfter);
    let sandbox = served(folder.path(), on("graph", "v1.0/groups", fault)).await;
    let access = sandbox.access();
    let http = client(access);
    let bearer = token(&http, access).await;
    let url = format!("{}v1.0/groups", access.graph);
    let group = json!({"displayName": "new", "mailNickname": "new", "mailEnabled": false, "securityEnabled": true});
    let creation = tokio::spawn(client(access).post(url).bearer_auth(&bearer).json(&group).send());
    while told(&sandbox, "v1.0/groups").is_empty() {
        tokio::task::yield_now().await;
    }
    let told = told(&sandbox, "v1.0/groups");
    // Others are answered meanwhile.
    let found = get(&http, access, &bearer, "groups?$filter=displayName eq 'new'").await;
    if is_held {
        assert!(!creation.is_finished());
        creation.abort();
    } else {
        let error = creation.await.unwrap().unwrap_err();
        assert!(error.is_request() && error.status().is_none(), "{error:?}");
    }
    sandbox.stop().await;
    (told, found["value"].as_array().map(Vec::len))
}

#[tokio::test]
async fn a_request_without_an_answer_leaves_the_work_undone_or_done() {
    for (fault, said, done) in [
        (Fault::CutBefore, "0 cut-before", 0),
        (Fault::CutAfter, "0 cut-after", 1),
        (Fault::HoldBefore, "0 hold-before", 0),
        (Fault::HoldAfter, "0 hold-after", 1),
    ] {
        assert_eq!(creating(fault).await, (said.to_owned(), Some(done)));
    }
}

#[tokio::test]
async fn a_truncated_reply_ends_before_the_length_that_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = served(folder.path(), on("graph", "v1.0/users", Fault::Truncated)).await;
    let access = sandbox.access();
    let http = client(access);
    let bearer = token(&http, access).await;
    let reply = http.get(format!("{}v1.0/users", access.graph)).bearer_auth(&bearer).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(reply.content_length().unwrap() > 0);
    assert!(reply.bytes().await.is_err());
    assert_eq!(told(&sandbox, "v1.0/users"), "200 truncated");
    sandbox.stop().await;
}

#[tokio::test]
async fn signing_in_fails_only_when_a_rule_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let unavailable = Fault::Unavailable { status: 503, retry_after_ms: Some(20), after_work: false };
    let sandbox = served(folder.path(), on("graph", "/oauth2/", unavailable)).await;
    let access = sandbox.access();
    let http = client(access);
    let url = format!("{}{}/oauth2/v2.0/token", access.login, access.tenant_id);
    let reply = http.post(url).form(&[("grant_type", "x")]).send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.headers()["retry-after"].to_str().unwrap()), (503, "0.020"));
    assert_eq!(reply.json::<Value>().await.unwrap()["error"], "temporarily_unavailable");
    token(&http, access).await;
    sandbox.stop().await;
}

#[tokio::test]
async fn a_cluster_fails_in_its_own_words() {
    let unavailable = |status| Fault::Unavailable { status, retry_after_ms: None, after_work: false };
    let mut said = Vec::new();
    for fault in [
        Fault::Throttled { retry_after_ms: 2128 },
        unavailable(500),
        unavailable(502),
        unavailable(503),
        unavailable(504),
        Fault::Conflict,
        Fault::Body(Hostile::Html),
        Fault::Body(Hostile::ForeignLink),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = served(folder.path(), on("alpha", "clusterroles", fault)).await;
        let cluster = sandbox.access().clusters.values().next().unwrap();
        let url = format!("{}apis/rbac.authorization.k8s.io/v1/clusterroles", cluster.server);
        let policy = reqwest::redirect::Policy::none();
        let authority = Certificate::from_pem(sandbox.access().ca_pem.as_bytes()).unwrap();
        let http = Client::builder().tls_certs_only([authority]).redirect(policy).build().unwrap();
        let reply = http.post(url).bearer_auth(cluster.token.expose_secret()).body("{}").send().await.unwrap();
        let wait = reply.headers().get("retry-after").map_or("-", |wait| wait.to_str().unwrap()).to_owned();
        let text = reply.text().await.unwrap();
        let status: Value = serde_json::from_str(&text).unwrap_or_default();
        let words = status["message"].as_str().unwrap_or(text.trim());
        let line = format!("{} | wait {wait} | {words}", told(&sandbox, "clusterroles"));
        said.push(line.trim_end().to_owned());
        sandbox.stop().await;
    }
    insta::assert_snapshot!(said.join("\n"), @"
    429 throttled | wait 3 | Too many requests, please try again later.
    500 unavailable | wait - | etcdserver: request timed out
    502 unavailable | wait - | <h1>502 Bad Gateway</h1>
    503 unavailable | wait - | the server is currently unable to handle the request
    504 unavailable | wait - | Timeout: request did not complete within the allotted timeout
    409 conflict | wait - | Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again
    200 body | wait - | <!doctype html><title>Sign in to the guest network</title>
    307 body | wait - |
    ");
}

#[tokio::test]
async fn a_continued_list_of_a_cluster_expires_and_can_be_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = served(folder.path(), on("alpha", "continue=", Fault::ExpiredToken)).await;
    let cluster = sandbox.access().clusters.values().next().unwrap();
    let http = client(sandbox.access());
    let ask = |token: String| {
        let (http, cluster) = (http.clone(), cluster.clone());
        async move {
            let url = format!("{}apis/rbac.authorization.k8s.io/v1/clusterroles?limit=5{token}", cluster.server);
            let reply = http.get(url).bearer_auth(cluster.token.expose_secret()).send().await.unwrap();
            (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
        }
    };
    let next = |body: &Value| format!("&continue={}", body["metadata"]["continue"].as_str().unwrap());
    let (_, first) = ask(String::new()).await;
    let (status, gone) = ask(next(&first)).await;
    assert_eq!((status, &gone["reason"]), (410, &json!("Expired")));
    let (status, second) = ask(next(&gone)).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(second["items"][0]["metadata"]["name"], first["items"][0]["metadata"]["name"]);
    assert_eq!(told(&sandbox, "continue="), "410 expired-token | 200 -");
    sandbox.stop().await;
}
