//! Every source of credentials ends in a read of the sandbox's Graph; and what each says when it cannot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rolecall::providers::Reader as _;
use rolecall::providers::entra::{Connection, EntraReader};
use rolecall::providers::http::credential::{Chain, CredentialSettings, SourceName};
use rolecall::providers::http::{OnWait, Pace, Proxies};
use rolecall::sandbox::graph::state::FederatedCredential;
use rolecall::state::{Cloud, Failure, FailureKind, Result};

use crate::world::{World, seed};

type Variables = BTreeMap<String, String>;

/// The variables that the sandbox gives for a source, some of them changed: an empty value takes one away.
fn variables(world: &World, source: &str, changes: &[(&str, &str)]) -> Variables {
    let mut variables = world.sandbox.credentials().unwrap().remove(source).unwrap();
    variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    variables
}

fn connection(world: &World) -> Connection {
    let access = world.sandbox.access();
    Connection {
        graph: access.graph.clone(),
        login: access.login.clone(),
        extra_ca: Some(access.ca_pem.clone().into_bytes()),
        proxies: Proxies::default(),
        on_wait: OnWait::default(),
        tenant: access.tenant_id,
        gate: std::sync::Arc::default(),
        on_lag: rolecall::providers::entra::OnLag::default(),
        pace: Pace { first_wait: Duration::from_millis(5), ..Pace::default() },
    }
}

fn chain(world: &World, variables: &Variables, picked: Option<&str>, cloud: Cloud) -> Arc<Chain> {
    let connection = connection(world);
    let settings = CredentialSettings::new(connection.tenant, connection.login.clone(), variables)
        .in_cloud(cloud)
        .picking(picked.map(|name| name.parse::<SourceName>().unwrap()))
        .without_azure_cli();
    Arc::new(Chain::new(&settings, connection.transport().unwrap()))
}

/// Reads from Graph with a credential of this source.
async fn read(world: &World, variables: &Variables, picked: Option<&str>) -> Result<String> {
    let chain = chain(world, variables, picked, Cloud::Public);
    EntraReader::new(&connection(world), Arc::clone(&chain))?.observe(&world.query).await?;
    assert!(!world.graph_requests().is_empty());
    Ok(chain.chosen().unwrap().to_string())
}

async fn refused(world: &World, variables: &Variables, picked: &str) -> Failure {
    let failure = read(world, variables, Some(picked)).await.unwrap_err();
    assert!(failure.next.is_some(), "{}", failure.what);
    for secret in ["AZURE_CLIENT_SECRET", "AZURE_CLIENT_ASSERTION", "SYSTEM_ACCESSTOKEN", "IDENTITY_HEADER"] {
        let shown =
            variables.get(secret).is_some_and(|value| !value.is_empty() && failure.what.contains(value.as_str()));
        assert!(!shown, "{secret} is shown: {}", failure.what);
    }
    failure
}

#[tokio::test]
async fn every_source_reads_from_graph_picked_or_found() {
    let world = World::new(seed()).await;
    for (source, _) in SourceName::all() {
        // Azure CLI is a program of its own; tests/real runs it.
        if source.as_str() == "azure-cli" {
            continue;
        }
        let variables = variables(&world, source.as_str(), &[]);
        let chosen = read(&world, &variables, Some(source.as_str())).await;
        assert_eq!(chosen.unwrap_or_else(|failure| panic!("{source}: {}", failure.what)), source.as_str());
        // A virtual machine's identity is never used unasked.
        let found = read(&world, &variables, None).await;
        assert_eq!(found.is_ok(), source.as_str() != "managed-identity", "{source}: {found:?}");
    }
    assert_eq!(read(&world, &variables(&world, "app-service", &[]), None).await.unwrap(), "managed-identity");
    world.end().await;
}

#[tokio::test]
async fn a_source_that_is_picked_is_the_only_one() {
    let world = World::new(seed()).await;
    let mut both = variables(&world, "client-secret", &[("AZURE_CLIENT_SECRET", "wr0ng")]);
    both.extend(variables(&world, "workload-identity", &[]));
    assert_eq!(read(&world, &both, Some("workload-identity")).await.unwrap(), "workload-identity");
    let failure = read(&world, &both, None).await.unwrap_err();
    assert!(failure.what.contains(" from client-secret: "), "{}", failure.what);
    world.end().await;
}

#[tokio::test]
async fn what_is_half_configured_is_said_by_name() {
    let world = World::new(seed()).await;
    let mut said = Vec::new();
    for (source, missing) in [
        ("client-secret", vec!["AZURE_CLIENT_ID"]),
        ("client-certificate", vec!["AZURE_CLIENT_ID"]),
        ("client-certificate", vec!["AZURE_CLIENT_ID", "AZURE_CLIENT_CERTIFICATE_PATH"]),
        ("client-assertion", vec!["AZURE_CLIENT_ID"]),
        ("workload-identity", vec!["AZURE_CLIENT_ID"]),
        ("github-actions", vec!["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]),
        ("github-actions", vec!["AZURE_CLIENT_ID"]),
        ("azure-pipelines", vec!["SYSTEM_ACCESSTOKEN"]),
        ("azure-pipelines", vec!["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "SYSTEM_ACCESSTOKEN"]),
        ("app-service", vec!["IDENTITY_HEADER"]),
    ] {
        let gone: Vec<_> = missing.iter().map(|name| (*name, "")).collect();
        let picked = if source == "app-service" { "managed-identity" } else { source };
        let failure = refused(&world, &variables(&world, source, &gone), picked).await;
        said.push(failure.what.split(" from ").nth(1).unwrap().to_owned());
    }
    insta::assert_snapshot!(said.join("\n"), @"
    client-secret: AZURE_CLIENT_SECRET is set without AZURE_CLIENT_ID
    client-certificate: AZURE_CLIENT_CERTIFICATE_PATH is set without AZURE_CLIENT_ID
    client-certificate: AZURE_CLIENT_CERTIFICATE_PATH and AZURE_CLIENT_ID are not set
    client-assertion: AZURE_CLIENT_ASSERTION is set without AZURE_CLIENT_ID
    workload-identity: AZURE_FEDERATED_TOKEN_FILE is set without AZURE_CLIENT_ID
    github-actions: ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set; GitHub sets ACTIONS_ID_TOKEN_REQUEST_… in jobs with `permissions: id-token: write`
    github-actions: ACTIONS_ID_TOKEN_REQUEST_URL is set without AZURE_CLIENT_ID
    azure-pipelines: AZURESUBSCRIPTION_SERVICE_CONNECTION_ID is set without SYSTEM_ACCESSTOKEN
    azure-pipelines: AZURESUBSCRIPTION_SERVICE_CONNECTION_ID and SYSTEM_ACCESSTOKEN are not set; pass the token on in the step: `env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }`
    managed-identity: IDENTITY_ENDPOINT is set without IDENTITY_HEADER
    ");
    let both = [("AZURE_CLIENT_ID", "a"), ("AZURE_MANAGED_IDENTITY_OBJECT_ID", "b")];
    let failure = refused(&world, &variables(&world, "managed-identity", &both), "managed-identity").await;
    assert!(failure.what.contains("AZURE_CLIENT_ID and AZURE_MANAGED_IDENTITY_OBJECT_ID are set"), "{}", failure.what);
    world.end().await;
}

#[tokio::test]
async fn a_federated_token_that_does_not_match_is_told_by_what_was_presented() {
    let mut seed = seed();
    let credential = |issuer: &str, subject: &str, audience: &str| FederatedCredential {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        audience: audience.to_owned(),
    };
    let (issuer, subject) = ("https://token.actions.githubusercontent.com", "repo:contoso/access:ref:refs/heads/main");
    let audience = "api://AzureADTokenExchange";
    let mut said = Vec::new();
    for federated in [
        vec![],
        // Only the last slash is too much.
        vec![credential(&format!("{issuer}/"), subject, audience)],
        vec![credential(issuer, "repo:contoso/access:ref:refs/heads/Main", audience)],
        vec![credential(issuer, subject, "api://AzureADTokenExchangeUSGov")],
    ] {
        seed.applier.federated = Some(federated);
        let world = World::new(seed.clone()).await;
        let failure = refused(&world, &variables(&world, "github-actions", &[]), "github-actions").await;
        said.push(format!("{}\n  {}", failure.what, failure.next.unwrap()));
        world.end().await;
    }
    insta::assert_snapshot!(without_port(&said.join("\n")), @"
    no token for GRAPH from github-actions: AADSTS70025: The client '0a1b0000-0000-4000-8000-00000000bbbb' has no configured federated identity credentials. It was presented issuer `https://token.actions.githubusercontent.com`, subject `repo:contoso/access:ref:refs/heads/main`, audience `api://AzureADTokenExchange`.
      the app has no federated credential: add one with this issuer, subject and audience
    no token for GRAPH from github-actions: AADSTS700211: No matching federated identity record found for presented assertion issuer 'https://token.actions.githubusercontent.com'. It was presented issuer `https://token.actions.githubusercontent.com`, subject `repo:contoso/access:ref:refs/heads/main`, audience `api://AzureADTokenExchange`.
      no federated credential of the app has this issuer, which is compared letter by letter, the last slash included; after adding one, wait some minutes
    no token for GRAPH from github-actions: AADSTS700213: No matching federated identity record found for presented assertion subject 'repo:contoso/access:ref:refs/heads/main'. It was presented issuer `https://token.actions.githubusercontent.com`, subject `repo:contoso/access:ref:refs/heads/main`, audience `api://AzureADTokenExchange`.
      no federated credential of the app has this subject, which is compared letter by letter (branch, environment, namespace); after adding one, wait some minutes
    no token for GRAPH from github-actions: AADSTS700212: No matching federated identity record found for presented assertion audience 'api://AzureADTokenExchange'. It was presented issuer `https://token.actions.githubusercontent.com`, subject `repo:contoso/access:ref:refs/heads/main`, audience `api://AzureADTokenExchange`.
      no federated credential of the app has this audience; each cloud has its own, see tenant.cloud. After changing it, wait some minutes
    ");
}

/// The sandbox's own port is another each time.
fn without_port(text: &str) -> String {
    text.lines()
        .map(|line| match line.split_once("no token for https://127.0.0.1:") {
            Some((before, after)) => {
                format!("{before}no token for GRAPH{}", after.trim_start_matches(char::is_numeric))
            }
            None => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn each_cloud_is_asked_with_its_own_audience() {
    for cloud in Cloud::ALL {
        let mut seed = seed();
        seed.applier.federated = Some(vec![FederatedCredential {
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            subject: "repo:contoso/access:ref:refs/heads/main".to_owned(),
            audience: cloud.exchange_audience().to_owned(),
        }]);
        let world = World::new(seed).await;
        let variables = variables(&world, "github-actions", &[]);
        let chain = chain(&world, &variables, Some("github-actions"), cloud);
        EntraReader::new(&connection(&world), chain).unwrap().observe(&world.query).await.unwrap();
        world.end().await;
    }
}

#[tokio::test]
async fn github_is_asked_for_a_fresh_token_for_each_token() {
    let world = World::new(seed()).await;
    let chain = chain(&world, &variables(&world, "github-actions", &[]), None, Cloud::Public);
    let scope = format!("{}.default", world.sandbox.access().graph);
    let first = chain.token(&scope).await.unwrap();
    chain.renew(&scope, &first).await.unwrap();
    let log = world.sandbox.requests().unwrap();
    let asked = log.lines().iter().filter(|line| line.path.starts_with("/github-actions/")).collect::<Vec<_>>();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].path.ends_with("&audience=api%3A%2F%2FAzureADTokenExchange"), "{}", asked[0].path);
    world.end().await;
}

#[tokio::test]
async fn a_token_file_that_changes_is_used_at_the_next_token() {
    let world = World::new(seed()).await;
    let variables = variables(&world, "workload-identity", &[]);
    let file = &variables["AZURE_FEDERATED_TOKEN_FILE"];
    let good = std::fs::read_to_string(file).unwrap();
    let chain = chain(&world, &variables, None, Cloud::Public);
    let scope = format!("{}.default", world.sandbox.access().graph);
    let first = chain.token(&scope).await.unwrap();
    std::fs::write(file, "nonsense").unwrap();
    chain.renew(&scope, &first).await.unwrap_err();
    std::fs::write(file, good).unwrap();
    chain.renew(&scope, &first).await.unwrap();
    world.end().await;
}

/// Such as a file of variables that was named by mistake.
#[tokio::test]
async fn what_is_no_token_stays_here() {
    let world = World::new(seed()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".env");
    std::fs::write(&file, "AZURE_CLIENT_SECRET=hunter2.hunter2.hunter2\n").unwrap();
    let path = file.display().to_string();
    let named = [("AZURE_FEDERATED_TOKEN_FILE", path.as_str())];
    let failure = refused(&world, &variables(&world, "workload-identity", &named), "workload-identity").await;
    assert!(failure.what.contains(&format!("{path} holds no token (JWT)")), "{}", failure.what);
    assert!(failure.next.unwrap().contains("AZURE_FEDERATED_TOKEN_FILE"), "{}", failure.what);
    let given = [("AZURE_CLIENT_ASSERTION", "hunter2")];
    let failure = refused(&world, &variables(&world, "client-assertion", &given), "client-assertion").await;
    assert!(failure.what.contains("AZURE_CLIENT_ASSERTION holds no token (JWT)"), "{}", failure.what);
    assert!(!failure.what.contains("hunter2"), "{}", failure.what);
    assert!(world.sandbox.requests().unwrap().lines().is_empty(), "nothing was sent");
    // A token that Entra cannot check has nothing to do with a certificate.
    let token = std::fs::read_to_string(&variables(&world, "workload-identity", &[])["AZURE_FEDERATED_TOKEN_FILE"]);
    let forged = format!("{}.c2lnbmF0dXJl", token.unwrap().rsplit_once('.').unwrap().0);
    let given = [("AZURE_CLIENT_ASSERTION", forged.as_str())];
    let failure = refused(&world, &variables(&world, "client-assertion", &given), "client-assertion").await;
    let next = failure.next.unwrap();
    assert!(failure.what.contains("AADSTS700027"), "{}", failure.what);
    assert!(next.contains("that issuer's keys") && !next.contains("certificate"), "{next}");
    world.end().await;
}

#[tokio::test]
async fn an_assertion_past_its_time_is_told_with_its_times_and_our_clock() {
    use secrecy::ExposeSecret as _;
    let world = World::new(seed()).await;
    let old = world.sandbox.assertion("2020-01-01T00:00:00Z".parse().unwrap());
    let variables = variables(&world, "client-assertion", &[("AZURE_CLIENT_ASSERTION", old.expose_secret())]);
    let failure = refused(&world, &variables, "client-assertion").await;
    assert!(failure.what.contains("AADSTS700024"), "{}", failure.what);
    assert!(
        failure.what.contains("valid from 2019-12-31T23:00:00Z to 2020-01-01T00:00:00Z; our clock says 20"),
        "{}",
        failure.what
    );
    assert!(failure.next.unwrap().contains("fresh token"));
    world.end().await;
}

#[tokio::test]
async fn a_managed_identity_that_is_not_there_is_said_at_once() {
    let world = World::new(seed()).await;
    let other = ("AZURE_CLIENT_ID", "11111111-1111-4111-8111-111111111111");
    for source in ["managed-identity", "app-service"] {
        let failure = refused(&world, &variables(&world, source, &[other]), "managed-identity").await;
        assert!(failure.what.contains("the identity whose client id is 11111111"), "{}", failure.what);
        assert!(failure.what.contains("400: Identity not found"), "{}", failure.what);
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let nobody = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", address.as_str())];
    let failure = refused(&world, &variables(&world, "managed-identity", &nobody), "managed-identity").await;
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.what.contains("no managed identity here: cannot connect"), "{}", failure.what);
    let far = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://metadata.contoso.com")];
    let failure = refused(&world, &variables(&world, "managed-identity", &far), "managed-identity").await;
    assert_eq!(failure.kind, FailureKind::Refused, "{}", failure.what);
    world.end().await;
}

#[tokio::test]
async fn a_managed_identity_can_be_named_by_each_of_its_ids() {
    let world = World::new(seed()).await;
    let resource = "/subscriptions/5b0c0000-0000-4000-8000-000000000001/resourcegroups/platform/providers/\
                    Microsoft.ManagedIdentity/userAssignedIdentities/rolecall";
    for source in ["managed-identity", "app-service"] {
        for named in [
            ("AZURE_CLIENT_ID", crate::world::APPLIER_APP),
            ("AZURE_MANAGED_IDENTITY_OBJECT_ID", crate::world::APPLIER),
            ("AZURE_MANAGED_IDENTITY_RESOURCE_ID", resource),
        ] {
            read(&world, &variables(&world, source, &[named]), Some("managed-identity")).await.unwrap();
        }
    }
    let other = ("AZURE_MANAGED_IDENTITY_RESOURCE_ID", "/subscriptions/other");
    for source in ["managed-identity", "app-service"] {
        refused(&world, &variables(&world, source, &[other]), "managed-identity").await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_request_token_goes_to_its_own_origin_over_tls_only() {
    let world = World::new(seed()).await;
    let plain = [("ACTIONS_ID_TOKEN_REQUEST_URL", "http://token.contoso.com/?api-version=2.0")];
    let failure = refused(&world, &variables(&world, "github-actions", &plain), "github-actions").await;
    assert!(failure.what.contains("ACTIONS_ID_TOKEN_REQUEST_URL: refused to talk to"), "{}", failure.what);
    let wrong = [("SYSTEM_ACCESSTOKEN", "wrong")];
    let failure = refused(&world, &variables(&world, "azure-pipelines", &wrong), "azure-pipelines").await;
    assert!(failure.what.contains("refused to give a token about this job: 401"), "{}", failure.what);
    let other = [("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "5e1f0000-0000-4000-8000-000000000000")];
    let failure = refused(&world, &variables(&world, "azure-pipelines", &other), "azure-pipelines").await;
    assert!(failure.what.contains("404") && failure.next.unwrap().contains("service connection"), "{}", failure.what);
    world.end().await;
}

#[tokio::test]
async fn a_certificate_that_is_not_the_apps_is_refused_by_entra() {
    let world = World::new(seed()).await;
    // Another sandbox has another certificate, though it has the same key.
    let other = World::new(seed()).await;
    let path = variables(&other, "client-certificate", &[]).remove("AZURE_CLIENT_CERTIFICATE_PATH").unwrap();
    let foreign = [("AZURE_CLIENT_CERTIFICATE_PATH", path.as_str())];
    let failure = refused(&world, &variables(&world, "client-certificate", &foreign), "client-certificate").await;
    assert!(failure.what.contains("AADSTS700027") && failure.next.unwrap().contains("upload"), "{}", failure.what);
    let chain = [("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "1")];
    read(&world, &variables(&world, "client-certificate", &chain), None).await.unwrap();
    other.end().await;
    world.end().await;
}
