//! The Kubernetes provider against the sandbox's API servers: the shared suite, and what only a sandbox can count.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rolecall::providers::kubernetes::{Connection, KubernetesReader, KubernetesWriter, TokenSource, connect};
use rolecall::providers::{Reader as _, Writer as _};
use rolecall::state::{AccessQuestion, Change, ClusterQuery, Outcome, RBAC, Resource};
use secrecy::SecretString;
use tokio::sync::watch;

use crate::answers;
use crate::servers::{Sandbox, TOKEN, UIDS};
use crate::suite::{self, ALREADY, CONFIG, DONE, Part};

/// By address and bearer, as the command line reaches a sandbox.
fn connection(sandbox: &Sandbox) -> Connection {
    Connection::Server { server: sandbox.servers[0].clone(), ca_pem: None, token: Arc::new(Token) }
}

struct Token;

#[async_trait]
impl TokenSource for Token {
    async fn token(&self) -> rolecall::state::Result<SecretString> {
        Ok(TOKEN.into())
    }
}

macro_rules! suite {
    ($module:ident: $($test:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                let sandbox = Sandbox::start().await;
                $module::$test(sandbox.kubeconfig().to_str().unwrap()).await;
            }
        )*
    };
}

every_case!(suite);

macro_rules! conversations {
    ($module:ident $theme:literal: $($test:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                let sandbox = Sandbox::start().await;
                answers::recorded(stringify!($test), &answers::$module::$test(&sandbox.server()).await);
            }
        )*
    };
}

every_conversation!(conversations);

#[tokio::test]
async fn questions_about_random_worlds_have_one_answer() {
    let (sandbox, alone) = (Sandbox::start().await, Sandbox::start().await);
    let (said, _) = answers::worlds::questions(&sandbox.server(), &alone.server(), None).await;
    answers::recorded("questions_about_random_worlds_have_one_answer", &said);
}

#[tokio::test]
async fn a_reader_sends_nothing_but_get_and_reviews() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let sandbox = Sandbox::start_seen(move |request| {
        seen.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
    })
    .await;
    let reader = KubernetesReader::new(connect(&connection(&sandbox)).await.unwrap());
    let query = ClusterQuery { environment: "alpha".parse().unwrap(), config: CONFIG.parse().unwrap(), cluster: None };
    let cluster = reader.observe(&query).await.unwrap();
    assert_eq!(cluster.uid.to_string(), UIDS[0]);
    assert!(
        cluster
            .roles
            .iter()
            .any(|live| live.role.name == "view" && live.meta.bootstrapping && live.aggregation.is_some())
    );
    let question = AccessQuestion::new("create", RBAC, "roles");
    assert!(reader.ask(&[question]).await[0].as_ref().unwrap().allowed);
    let log = log.lock().unwrap();
    assert_eq!(reader.usage().requests, log.len() as u64);
    let others: Vec<_> = log
        .iter()
        .filter(|line| !(line.starts_with("GET ") || line.starts_with("POST ") && line.ends_with("reviews")))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Fifty roles of ours that are not there yet.
async fn fifty(sandbox: &Sandbox) -> (Part, Vec<Change>) {
    let part = Part::new(sandbox.kubeconfig().to_str().unwrap(), "fifty").await;
    let changes = (0..50)
        .map(|number| {
            let mut role = part.role(true, &["get"]);
            if let Resource::Role(role) = &mut role {
                role.name = format!("{}-{number}", role.name);
            }
            part.create(role)
        })
        .collect();
    (part, changes)
}

async fn count(sandbox: &Sandbox) -> usize {
    let cluster = suite::observe(&sandbox.kubeconfig(), "real-one").await.unwrap();
    let names: BTreeSet<String> = cluster.roles.into_iter().map(|live| live.role.name).collect();
    names.iter().filter(|name| name.starts_with("fifty-role-")).count()
}

#[tokio::test]
async fn two_runs_at_the_same_time_agree() {
    let sandbox = Sandbox::start().await;
    let (part, changes) = fifty(&sandbox).await;
    let (left, right) = tokio::join!(part.write(&changes), part.write(&changes));
    for (left, right) in left.into_iter().zip(right) {
        assert!([left.clone(), right.clone()].contains(&DONE), "{left:?} and {right:?}");
        assert!([left.clone(), right.clone()].contains(&ALREADY), "{left:?} and {right:?}");
    }
    assert_eq!(count(&sandbox).await, 50);
}

#[tokio::test]
async fn a_run_that_is_killed_converges_when_it_is_run_again() {
    let sandbox = Sandbox::start().await;
    let (part, changes) = fifty(&sandbox).await;
    let writer = KubernetesWriter::new(connect(&connection(&sandbox)).await.unwrap(), CONFIG.parse().unwrap());
    let (_sender, interrupted) = watch::channel(false);
    let (first, mut finished) = watch::channel(false);
    let report = |_, _: Outcome| {
        first.send_replace(true);
    };
    // Dropped in the middle, with up to eight writes on their way.
    tokio::select! {
        () = writer.write(&changes, &interrupted, &report) => panic!("it was to be killed"),
        _ = finished.wait_for(|finished| *finished) => {}
    }
    let outcomes = part.write(&changes).await;
    assert!(outcomes.iter().all(|outcome| *outcome == DONE || *outcome == ALREADY), "{outcomes:?}");
    assert!(outcomes.contains(&ALREADY), "something had been done before");
    assert_eq!(count(&sandbox).await, 50);
}
