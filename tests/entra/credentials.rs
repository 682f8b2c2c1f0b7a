use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rolecall::providers::Reader as _;
use rolecall::providers::entra::{Connection, EntraReader};
use rolecall::providers::http::credential::{Chain, CredentialSettings};
use rolecall::providers::http::{OnWait, Pace, Proxies};
use rolecall::sandbox::{Lifetimes, Options, SeedGroup};
use rolecall::state::{FailureKind, Result};
use secrecy::ExposeSecret as _;

use crate::world::{World, member, ours, seed, user};

/// The variables of a client secret that works.
fn environment(world: &World) -> BTreeMap<String, String> {
    let access = world.sandbox.access();
    BTreeMap::from([
        ("AZURE_TENANT_ID".to_owned(), access.tenant_id.to_string()),
        ("AZURE_CLIENT_ID".to_owned(), access.client_id.to_string()),
        ("AZURE_CLIENT_SECRET".to_owned(), access.client_secret.expose_secret().to_owned()),
    ])
}

fn connection(world: &World, trusting: bool) -> Connection {
    let access = world.sandbox.access();
    Connection {
        graph: access.graph.clone(),
        login: access.login.clone(),
        extra_ca: trusting.then(|| access.ca_pem.clone().into_bytes()),
        proxies: Proxies::default(),
        on_wait: OnWait::default(),
        tenant: access.tenant_id,
        gate: std::sync::Arc::default(),
        on_lag: rolecall::providers::entra::OnLag::default(),
        pace: Pace::default(),
    }
}

async fn observe_with(world: &World, connection: &Connection, environment: &BTreeMap<String, String>) -> Result<()> {
    let settings =
        CredentialSettings::new(connection.tenant, connection.login.clone(), environment).without_azure_cli();
    let chain = Arc::new(Chain::new(&settings, connection.transport()?));
    EntraReader::new(connection, chain)?.observe(&world.query).await.map(|_| ())
}

#[tokio::test]
async fn a_wrong_secret_is_told_in_entras_words() {
    let world = World::new(seed()).await;
    let mut environment = environment(&world);
    environment.insert("AZURE_CLIENT_SECRET".to_owned(), "wr0ng".to_owned());
    let failure = observe_with(&world, &connection(&world, true), &environment).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthenticated);
    assert!(failure.what.contains("client-secret: AADSTS7000215: "), "{}", failure.what);
    assert!(!failure.what.contains("wr0ng") && !failure.what.contains("Trace ID"), "{}", failure.what);
    assert!(failure.next.unwrap().contains("AZURE_CLIENT_SECRET"));
    world.end().await;
}

#[tokio::test]
async fn a_workload_shows_the_token_in_its_file() {
    let world = World::new(seed()).await;
    let mut environment = environment(&world);
    environment.remove("AZURE_CLIENT_SECRET");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    environment.insert("AZURE_FEDERATED_TOKEN_FILE".to_owned(), file.display().to_string());
    let assertion = |expires: jiff::Timestamp| world.sandbox.assertion(expires).expose_secret().to_owned();

    std::fs::write(&file, assertion(jiff::Timestamp::now() + Duration::from_secs(600))).unwrap();
    observe_with(&world, &connection(&world, true), &environment).await.unwrap();

    std::fs::write(&file, assertion("2020-01-01T00:00:00Z".parse().unwrap())).unwrap();
    let failure = observe_with(&world, &connection(&world, true), &environment).await.unwrap_err();
    assert!(failure.what.contains("workload-identity: AADSTS700024: "), "{}", failure.what);
    world.end().await;
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_said_at_once() {
    let world = World::new(seed()).await;
    let failure = observe_with(&world, &connection(&world, false), &environment(&world)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.what.contains("certificate"), "{}", failure.what);
    assert!(failure.next.unwrap().contains("CA file"));
    world.end().await;
}

#[tokio::test]
async fn plain_http_to_another_host_is_refused_before_a_secret_leaves() {
    let world = World::new(seed()).await;
    let mut connection = connection(&world, true);
    connection.login = "http://login.contoso.com".parse().unwrap();
    let failure = observe_with(&world, &connection, &environment(&world)).await.unwrap_err();
    assert_eq!((failure.kind, failure.what.contains("without TLS")), (FailureKind::Refused, true), "{failure:?}");

    connection.login = world.sandbox.access().login.clone();
    connection.graph = "http://graph.contoso.com".parse().unwrap();
    let failure = observe_with(&world, &connection, &environment(&world)).await.unwrap_err();
    assert!(failure.what.contains("without TLS"), "{}", failure.what);
    assert!(world.sandbox.requests().unwrap().lines().is_empty());
    world.end().await;
}

#[tokio::test]
async fn tokens_that_are_always_refused_end_in_a_failure() {
    // Every token has expired when it is used: one renewal, and then the failure.
    let lifetimes = Lifetimes { access_token: Duration::ZERO, ..Lifetimes::default() };
    let world = World::with(seed(), Options { lifetimes, ..Options::default() }).await;
    let failure = world.observe().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthenticated);
    world.end().await;
}

#[tokio::test]
async fn a_list_whose_links_always_expire_is_an_error_and_no_short_list() {
    let mut seed = seed();
    seed.users = (0..1200).map(|number| user(&format!("person{number}"))).collect();
    let members = (0..1200).map(|number| member(&format!("person{number}"))).collect();
    seed.groups.push(SeedGroup { members, ..ours("everybody") });
    let lifetimes = Lifetimes { page_token: Duration::ZERO, ..Lifetimes::default() };
    let world = World::with(seed, Options { lifetimes, ..Options::default() }).await.asking_for(&["everybody"]);
    let failure = world.observe().await.unwrap_err();
    assert!(failure.what.contains("reading group `everybody`"), "{}", failure.what);
    assert!(failure.what.contains("Directory_ExpiredPageToken"), "{}", failure.what);
    world.end().await;
}
