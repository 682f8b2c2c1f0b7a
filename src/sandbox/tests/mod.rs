//! The sandbox as other programs meet it: over its sockets, and from one run to the next.

use reqwest::{Certificate, Client};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::folder::{MARKER, TENANT};
use super::*;

mod faults;

fn seed() -> Seed {
    let mut seed = Seed::new("contoso.com");
    seed.users.push(SeedUser { user_principal_name: Some("hayden@contoso.com".to_owned()), ..SeedUser::default() });
    seed.groups.push(SeedGroup {
        display_name: "k8s_dev_users".to_owned(),
        members: vec![SeedPrincipal::User("hayden@contoso.com".to_owned())],
        ..SeedGroup::default()
    });
    seed
}

async fn open(folder: &Path) -> Sandbox {
    Sandbox::open(folder, seed, Options::default()).await.unwrap()
}

fn client(access: &Access) -> Client {
    // Every test may be the first; a second installation is refused and does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = Certificate::from_pem(access.ca_pem.as_bytes()).unwrap();
    Client::builder().tls_certs_only([authority]).build().unwrap()
}

async fn token(client: &Client, access: &Access) -> String {
    token_for(client, access, "https://graph.microsoft.com/.default").await
}

async fn token_for(client: &Client, access: &Access, scope: &str) -> String {
    let url = format!("{}{}/oauth2/v2.0/token", access.login, access.tenant_id);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &access.client_id.to_string()),
        ("client_secret", access.client_secret.expose_secret()),
        ("scope", scope),
    ];
    let reply: Value = client.post(url).form(&form).send().await.unwrap().json().await.unwrap();
    reply["access_token"].as_str().unwrap_or_else(|| panic!("no token in {reply}")).to_owned()
}

async fn get(client: &Client, access: &Access, token: &str, path: &str) -> Value {
    let url = format!("{}v1.0/{path}", access.graph);
    client.get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_program_signs_in_and_reads_a_group_over_https() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(folder.path()).await;
    let access = sandbox.access().clone();
    let client = client(&access);
    let token = token(&client, &access).await;
    let groups = get(&client, &access, &token, "groups?$select=id,displayName").await;
    assert_eq!(groups["value"][0]["displayName"], "k8s_dev_users");
    let id = groups["value"][0]["id"].as_str().unwrap();
    let members = get(&client, &access, &token, &format!("groups/{id}/members")).await;
    assert_eq!(members["value"][0]["userPrincipalName"], "hayden@contoso.com");

    let log = sandbox.requests().unwrap();
    let lines = log.lines().iter().map(|line| format!("{} {} {}", line.method, line.path, line.status));
    let lines =
        lines.collect::<Vec<_>>().join("\n").replace(&access.tenant_id.to_string(), "TENANT").replace(id, "GROUP");
    insta::assert_snapshot!(lines, @"
    POST /TENANT/oauth2/v2.0/token 200
    GET /v1.0/groups?$select=id,displayName 200
    GET /v1.0/groups/GROUP/members 200
    ");
    assert!(log.writes().is_empty());
    sandbox.stop().await;
}

fn with_cluster(name: &str) -> Seed {
    let mut seed = seed();
    let mut cluster = SeedCluster::default();
    cluster.namespaces.insert("trinity".parse().unwrap(), SeedNamespace::default());
    seed.clusters.insert(name.parse().unwrap(), cluster);
    seed
}

async fn whoami(client: &Client, cluster: &ClusterAccess, token: &str) -> Value {
    let url = format!("{}apis/authentication.k8s.io/v1/selfsubjectreviews", cluster.server);
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let reply = client.post(url).bearer_auth(token).json(&review).send().await.unwrap();
    reply.json::<Value>().await.unwrap()["status"].get("userInfo").cloned().unwrap_or_default()
}

#[tokio::test]
async fn kube_reaches_a_cluster_by_the_kubeconfig() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(folder.path(), || with_cluster("alpha"), Options::default()).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = kube::config::Kubeconfig::from_yaml(sandbox.access().kubeconfig().expose_secret()).unwrap();
    let current = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &current).await.unwrap();
    let cluster = kube::Client::try_from(config).unwrap();
    let namespaces = kube::Api::<k8s_openapi::api::core::v1::Namespace>::all(cluster);
    let names = namespaces.list(&kube::api::ListParams::default()).await.unwrap().items.into_iter();
    let names = names.filter_map(|namespace| namespace.metadata.name).collect::<Vec<_>>();
    assert!(names.contains(&"trinity".to_owned()) && names.contains(&"kube-system".to_owned()), "{names:?}");
    let log = sandbox.requests().unwrap();
    assert!(log.lines().iter().all(|line| line.server == "alpha"), "{log:?}");
    assert!(log.writes().is_empty());
    sandbox.stop().await;
}

#[tokio::test]
async fn a_cluster_knows_its_own_token_and_the_tenants() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(folder.path(), || with_cluster("alpha"), Options::default()).await.unwrap();
    let access = sandbox.access();
    let http = client(access);
    let cluster = access.clusters.values().next().unwrap();
    assert_eq!(whoami(&http, cluster, cluster.token.expose_secret()).await["username"], "rolecall");
    let for_cluster = token_for(&http, access, "6dae42f8-4368-4678-94ff-3960e28e3630/.default").await;
    let id = sandbox.tenant.read(|tenant| tenant.apps[&access.client_id].service_principal.to_string());
    assert_eq!(whoami(&http, cluster, &for_cluster).await["username"], json!(id));
    let for_graph = token(&http, access).await;
    assert_eq!(whoami(&http, cluster, &for_graph).await, Value::Null);
    sandbox.stop().await;
}

#[tokio::test]
async fn faults_reach_clusters_too() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { faults: Faults::throttle(100, 1, 2128), ..Options::default() };
    let sandbox = Sandbox::open(folder.path(), || with_cluster("alpha"), options).await.unwrap();
    let access = sandbox.access();
    let cluster = access.clusters.values().next().unwrap();
    let reply = client(access).get(cluster.server.clone()).send().await.unwrap();
    assert_eq!((reply.status().as_u16(), &reply.headers()["retry-after"]), (429, &"3".parse().unwrap()));
    assert_eq!(sandbox.requests().unwrap().lines()[0].status, 429);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_know_the_authority_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(folder.path()).await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stranger = Client::builder().build().unwrap();
    let error = stranger.get(sandbox.access().graph.clone()).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert!(sandbox.requests().unwrap().lines().is_empty());
    sandbox.stop().await;
}

#[tokio::test]
async fn what_one_run_wrote_the_next_one_reads() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(folder.path()).await;
    let first = sandbox.access().clone();
    let http = client(&first);
    let bearer = token(&http, &first).await;
    let group = json!({
        "displayName": "new", "mailNickname": "new", "mailEnabled": false, "securityEnabled": true,
    });
    let url = format!("{}v1.0/groups", first.graph);
    let reply = http.post(url).bearer_auth(&bearer).json(&group).send().await.unwrap();
    assert_eq!(reply.status(), 201);
    sandbox.stop().await;

    let never = || panic!("the folder is seeded already");
    let sandbox = Sandbox::open(folder.path(), never, Options::default()).await.unwrap();
    let second = sandbox.access();
    assert_eq!(second.ca_pem, first.ca_pem);
    assert_eq!(second.client_secret.expose_secret(), first.client_secret.expose_secret());
    let groups = get(&client(second), second, &bearer, "groups?$filter=displayName eq 'new'").await;
    assert_eq!(groups["value"].as_array().map(Vec::len), Some(1), "{groups}");
    assert_eq!(sandbox.requests().unwrap().writes().len(), 1);
    sandbox.stop().await;
}

#[tokio::test]
async fn two_processes_never_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(folder.path()).await;
    let error = Sandbox::open(folder.path(), seed, Options::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} is in use by process {}; stop it, or use another folder",
            folder.path().display(),
            std::process::id()
        )
    );
    sandbox.stop().await;
    open(folder.path()).await.stop().await;
}

#[tokio::test]
async fn a_folder_with_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("thesis.txt"), "").unwrap();
    let error = Sandbox::open(folder.path(), seed, Options::default()).await.unwrap_err();
    assert!(matches!(error, SandboxError::NotASandbox(_)), "{error}");
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_first_start_that_was_interrupted_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.stop().await;
    folder::Marker::unfinished(seed()).write(folder.path()).unwrap();
    fs_err::remove_file(folder.path().join(TENANT)).unwrap();
    fs_err::remove_file(folder.path().join("server.key")).unwrap();
    let sandbox = open(folder.path()).await;
    let http = client(sandbox.access());
    let bearer = token(&http, sandbox.access()).await;
    let groups = get(&http, sandbox.access(), &bearer, "groups").await;
    assert_eq!(groups["value"][0]["displayName"], "k8s_dev_users");
    sandbox.stop().await;
}

#[tokio::test]
async fn what_a_killed_process_left_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join(".tmpAbCdEf"), "half a file").unwrap();
    open(folder.path()).await.stop().await;
    assert!(!folder.path().join(".tmpAbCdEf").exists());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let options = Options { first_port: Some(port), ..Options::default() };
    let error = Sandbox::open(folder.path(), seed, options).await.unwrap_err();
    assert!(error.to_string().contains(&format!("port {port}")), "{error}");
}

#[tokio::test]
async fn a_damaged_state_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.stop().await;
    fs_err::write(folder.path().join(TENANT), "{").unwrap();
    let error = Sandbox::open(folder.path(), seed, Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("tenant.json"), "{error}");
    fs_err::write(folder.path().join(MARKER), r#"{"format": 99}"#).unwrap();
    let error = Sandbox::open(folder.path(), seed, Options::default()).await.unwrap_err();
    assert!(matches!(error, SandboxError::OtherFormat { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn a_seed_that_contradicts_itself_leaves_no_sandbox_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = seed();
    wrong.groups[0].owners = vec![SeedPrincipal::Guest("ana@partner.example".to_owned())];
    let error = Sandbox::open(folder.path(), || wrong, Options::default()).await.unwrap_err();
    insta::assert_snapshot!(error, @"the group k8s_dev_users of the sandbox's seed names the guest ana@partner.example, which it does not have");
    open(folder.path()).await.stop().await;
}

#[tokio::test]
async fn secrets_do_not_show_when_it_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(folder.path()).await;
    let access = sandbox.access();
    let secret = access.client_secret.expose_secret().to_owned();
    assert!(secret.len() >= 32);
    assert!(!format!("{access:?}").contains(&secret));
    sandbox.stop().await;
}
