//! What a person is told when an API server answers with what no client can have expected.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rolecall::providers::Reader as _;
use rolecall::providers::kubernetes::{Connection, KubernetesReader, TokenSource, connect};
use rolecall::sandbox::{Fault, Faults, Hostile, Options, Rule, Sandbox, Seed, SeedCluster};
use rolecall::state::{Cluster, ClusterQuery, FailureKind, Result};
use secrecy::SecretString;

struct Token(SecretString);

#[async_trait]
impl TokenSource for Token {
    async fn token(&self) -> Result<SecretString> {
        Ok(self.0.clone())
    }
}

/// Reads the cluster `alpha` of a sandbox whose answers about `path` are always struck.
async fn observe(path: &str, fault: Fault) -> (std::result::Result<Cluster, (FailureKind, String)>, Vec<String>) {
    observe_with(path, Rule::of(fault)).await
}

/// Reads the cluster `alpha` of a sandbox whose answers about `path` are struck. Its address is left out of what is said.
async fn observe_with(path: &str, rule: Rule) -> (std::result::Result<Cluster, (FailureKind, String)>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let rule = Rule { on: Some("alpha".to_owned()), path: Some(path.to_owned()), ..rule };
    let options = Options { faults: Faults { rules: vec![rule], ..Faults::default() }, ..Options::default() };
    let seed = || {
        let mut seed = Seed::new("contoso.com");
        seed.clusters.insert("alpha".parse().unwrap(), SeedCluster::default());
        seed
    };
    let sandbox = Sandbox::open(folder.path(), seed, options).await.unwrap();
    let access = sandbox.access();
    let alpha = access.clusters.values().next().unwrap();
    let connection = Connection::Server {
        server: alpha.server.clone(),
        ca_pem: Some(access.ca_pem.clone()),
        token: Arc::new(Token(alpha.token.clone())),
    };
    let query = ClusterQuery {
        environment: "alpha".parse().unwrap(),
        config: "contoso-platform".parse().unwrap(),
        cluster: None,
    };
    let observed = match connect(&connection).await {
        Ok(link) => KubernetesReader::new(link.waiting(Duration::from_millis(1))).observe(&query).await,
        Err(failure) => Err(failure),
    };
    let observed = observed.map_err(|failure| (failure.kind, failure.what.replace(alpha.server.as_str(), "SERVER/")));
    let log = sandbox.requests().unwrap();
    let struck = log.lines().iter().filter_map(|line| line.fault.clone()).collect();
    sandbox.stop().await;
    (observed, struck)
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_an_error_and_never_a_short_list() {
    let mut said = Vec::new();
    for (name, hostile) in [
        ("deep", Hostile::Deep),
        ("not-text", Hostile::NotText),
        ("empty", Hostile::Empty),
        ("html", Hostile::Html),
        ("wrong-shape", Hostile::WrongShape),
    ] {
        for path in ["/clusterroles?", "/namespaces/kube-system", "/selfsubjectreviews"] {
            let (observed, struck) = observe(path, Fault::Body(hostile)).await;
            let (kind, what) = observed.expect_err(name);
            assert_eq!(kind, FailureKind::BadAnswer, "{name} {path}: {what}");
            assert!(struck.iter().all(|fault| fault == "body") && !struck.is_empty(), "{struck:?}");
            said.push(format!("{name}: {what}"));
        }
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    deep: the answer of SERVER/ to "list clusterroles" is not one of an API server: invalid type: sequence, expected a string at line 1 column 1
    deep: the answer of SERVER/ to "get /api/v1/namespaces/kube-system" is not one of an API server: invalid type: sequence, expected ObjectMeta at line 1 column 2
    deep: the answer of SERVER/ to "ask who we are" is not one of an API server: invalid type: sequence, expected SelfSubjectReview at line 1 column 1
    not-text: the answer of SERVER/ to "list clusterroles" is not one of an API server: control character (\u0000-\u001F) found while parsing a string at line 1 column 5
    not-text: the answer of SERVER/ to "get /api/v1/namespaces/kube-system" is not one of an API server: control character (\u0000-\u001F) found while parsing a string at line 1 column 5
    not-text: the answer of SERVER/ to "ask who we are" is not one of an API server: control character (\u0000-\u001F) found while parsing a string at line 1 column 5
    empty: the answer of SERVER/ to "list clusterroles" is not one of an API server: EOF while parsing a value at line 1 column 0
    empty: the answer of SERVER/ to "get /api/v1/namespaces/kube-system" is not one of an API server: EOF while parsing a value at line 1 column 0
    empty: the answer of SERVER/ to "ask who we are" is not one of an API server: EOF while parsing a value at line 1 column 0
    html: the answer of SERVER/ to "list clusterroles" is not one of an API server: expected value at line 1 column 1
    html: the answer of SERVER/ to "get /api/v1/namespaces/kube-system" is not one of an API server: expected value at line 1 column 1
    html: the answer of SERVER/ to "ask who we are" is not one of an API server: expected value at line 1 column 1
    wrong-shape: the answer of SERVER/ to "list clusterroles" is not one of an API server: invalid type: integer `7`, expected a sequence at line 1 column 29
    wrong-shape: the answer of SERVER/ to "get /api/v1/namespaces/kube-system" is not one of an API server: invalid type: string …, expected ObjectMeta at line 1 column 44
    wrong-shape: the answer of SERVER/ to "ask who we are" is not one of an API server: invalid type: string …, expected ObjectMeta at line 1 column 44
    "#);
}

#[tokio::test]
async fn a_list_that_never_ends_or_goes_on_elsewhere_is_an_error() {
    let mut said = Vec::new();
    for hostile in [Hostile::EndlessPages, Hostile::ForeignLink] {
        let (observed, struck) = observe("/clusterroles?", Fault::Body(hostile)).await;
        let (kind, what) = observed.unwrap_err();
        said.push(format!("{kind:?}: {what}"));
        assert!(struck.iter().all(|fault| fault == "body") && !struck.is_empty(), "{struck:?}");
    }
    insta::assert_snapshot!(said.join("\n"), @"
    Invalid: cannot list clusterroles on SERVER/: invalid continue token: continue key is not valid: expected value at line 1 column 1 (400)
    Refused: SERVER/ redirects to https://graph.contoso.example (307); no redirect is followed, because the credential would go there
    ");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_but_not_for_ever() {
    let broken = |times| observe_with("/clusterroles?", Rule { times, ..Rule::of(Fault::Truncated) });
    let (observed, struck) = broken(Some(2)).await;
    assert!(observed.unwrap().roles.iter().any(|live| live.role.name == "view"));
    assert_eq!(struck, ["truncated", "truncated"]);
    let (observed, struck) = broken(None).await;
    let (kind, what) = observed.unwrap_err();
    assert_eq!(kind, FailureKind::Unreachable, "{what}");
    assert!(what.starts_with("the answer of SERVER/ was cut short"), "{what}");
    assert_eq!(struck.len(), 5, "{struck:?}");
}

#[tokio::test]
async fn a_late_answer_is_waited_for() {
    let (observed, struck) = observe("/clusterroles?", Fault::Late { ms: 5 }).await;
    assert!(observed.unwrap().roles.iter().any(|live| live.role.name == "view"));
    assert!(struck.iter().all(|fault| fault == "late") && !struck.is_empty(), "{struck:?}");
}
