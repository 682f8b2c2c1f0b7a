use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Output};
use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use azure_core::http::{HttpClient as _, Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::source::Grant;
use super::*;
use crate::providers::http::{Proxies, Transport, TransportSettings};

pub(in crate::providers) const TENANT: &str = "8f9f0000-0000-4000-8000-000000000001";
pub(in crate::providers) const IDENTITY: &str = "0a1b0000-0000-4000-8000-000000000002";
const SCOPE: &str = "https://graph.microsoft.com/.default";

/// A transport that never meets a server further away than loopback.
pub(in crate::providers) fn transport() -> Transport {
    Transport::new(&TransportSettings::new(None, Proxies::default())).unwrap()
}

fn pace() -> Pace {
    Pace { first_wait: Duration::from_millis(1), ..Pace::default() }
}

/// A token whose signature nobody checks, with a number in it so that two can be told apart.
fn token(tenant: &str, number: usize) -> SecretString {
    let payload = format!(
        r#"{{"oid":"{IDENTITY}","tid":"{tenant}","appid":"{IDENTITY}","roles":["GroupMember.Read.All"],"n":{number}}}"#
    );
    SecretString::from(format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload)))
}

/// Counts how often it is asked, and gives tokens for a tenant, or a failure.
struct Fake {
    tenant: Option<&'static str>,
    asked: Arc<AtomicUsize>,
    good_for: Duration,
}

#[async_trait]
impl Grant for Fake {
    async fn fetch(&self, _: &str) -> Result<Fetched> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let refused = || Failure::new(FailureKind::Unauthenticated, "AADSTS7000215: Invalid client secret provided.");
        let tenant = self.tenant.ok_or_else(refused)?;
        Ok(Fetched { secret: token(tenant, number), good_for: self.good_for })
    }
}

fn fake(tenant: Option<&'static str>) -> (SetUp, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let grant = Fake { tenant, asked: Arc::clone(&asked), good_for: Duration::from_secs(3600) };
    (SetUp::Ready(Box::new(grant)), asked)
}

fn chain_of(sources: Vec<(&'static str, SetUp)>) -> Chain {
    let sources = sources.into_iter().map(|(name, set_up)| (SourceName::invented(name), set_up)).collect();
    Chain::of_sources(TENANT.parse().unwrap(), transport(), sources)
}

/// A chain that always has a token, and how many it has given.
pub(in crate::providers) fn working_chain() -> (Arc<Chain>, Arc<AtomicUsize>) {
    let (source, asked) = fake(Some(TENANT));
    (Arc::new(chain_of(vec![("fake", source)])), asked)
}

fn settings(environment: &[(&str, &str)]) -> CredentialSettings {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    CredentialSettings::new(TENANT.parse().unwrap(), "https://127.0.0.1:1".parse().unwrap(), &environment)
        .without_azure_cli()
}

#[tokio::test(start_paused = true)]
async fn all_who_ask_at_once_share_one_fetch_and_later_ones_its_token() {
    let (chain, asked) = working_chain();
    let all = futures::future::join_all((0..8).map(|_| chain.token(SCOPE))).await;
    assert!(all.iter().all(Result::is_ok));
    chain.token(SCOPE).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    chain.token("https://aks.contoso.com/.default").await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2, "another audience needs another token");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_too_but_not_kept() {
    let (source, asked) = fake(None);
    let chain = chain_of(vec![("client-secret", source)]);
    let all = futures::future::join_all((0..8).map(|_| chain.token(SCOPE))).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    chain.token(SCOPE).await.unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_five_minutes_before_it_expires() {
    let (chain, asked) = working_chain();
    chain.token(SCOPE).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3200)).await;
    chain.token(SCOPE).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    tokio::time::sleep(Duration::from_secs(250)).await;
    chain.token(SCOPE).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once_for_all() {
    let (chain, asked) = working_chain();
    let first = chain.token(SCOPE).await.unwrap();
    let renewed = futures::future::join_all((0..8).map(|_| chain.renew(SCOPE, &first))).await;
    assert!(renewed.iter().all(|token| token.as_ref().unwrap().secret.expose_secret() != first.secret.expose_secret()));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_not_set_up_is_passed_over_and_one_that_fails_is_not() {
    let absent = || SetUp::Absent("AZURE_CLIENT_SECRET is not set".to_owned());
    let (works, _) = fake(Some(TENANT));
    let chain = chain_of(vec![("client-secret", absent()), ("azure-cli", works)]);
    assert!(chain.trials().is_empty(), "nothing was asked yet");
    chain.token(SCOPE).await.unwrap();
    let trials: Vec<_> = chain.trials().into_iter().map(|tried| (tried.name, tried.trial.to_string())).collect();
    assert_eq!(
        trials,
        [("client-secret", "AZURE_CLIENT_SECRET is not set".to_owned()), ("azure-cli", "used".to_owned())]
    );

    let (fails, _) = fake(None);
    let (works, asked) = fake(Some(TENANT));
    let chain = chain_of(vec![("workload-identity", absent()), ("client-secret", fails), ("azure-cli", works)]);
    let failure = chain.token(SCOPE).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthenticated);
    insta::assert_snapshot!(failure.what, @"no token for https://graph.microsoft.com from client-secret: AADSTS7000215: Invalid client secret provided.");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "a run must not act as somebody else than it was set up for");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_tenant_is_refused_and_both_are_named() {
    const OTHER: &str = "77ab0000-0000-4000-8000-000000000003";
    let (source, _) = fake(Some(OTHER));
    let failure = chain_of(vec![("fake", source)]).token(SCOPE).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::WrongTarget);
    assert!(failure.what.contains(OTHER) && failure.what.contains(TENANT), "{}", failure.what);
}

#[tokio::test]
async fn without_any_credential_the_error_names_every_source() {
    let failure = Chain::new(&settings(&[]), transport()).token(SCOPE).await.unwrap_err();
    insta::assert_snapshot!(failure.what, @"no token for https://graph.microsoft.com: no source of credentials is set up, of client-secret, client-certificate, client-assertion, workload-identity, github-actions, azure-pipelines, managed-identity, azure-cli (azure-cli: not used here)");
    assert!(failure.next.unwrap().contains("az login"));
}

#[tokio::test]
async fn what_is_half_set_up_is_said() {
    let failure =
        Chain::new(&settings(&[("AZURE_CLIENT_SECRET", "s3cret")]), transport()).token(SCOPE).await.unwrap_err();
    assert!(failure.what.contains("AZURE_CLIENT_SECRET is set without AZURE_CLIENT_ID"), "{}", failure.what);
    assert!(!failure.what.contains("s3cret"));

    let other = "77ab0000-0000-4000-8000-000000000003";
    let variables = [("AZURE_CLIENT_SECRET", "s"), ("AZURE_CLIENT_ID", IDENTITY), ("AZURE_TENANT_ID", other)];
    let failure = Chain::new(&settings(&variables), transport()).token(SCOPE).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::WrongTarget);

    let variables = [("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token"), ("AZURE_CLIENT_ID", IDENTITY)];
    let failure = Chain::new(&settings(&variables), transport()).token(SCOPE).await.unwrap_err();
    assert!(failure.what.contains("/nowhere/token"), "{}", failure.what);
}

#[tokio::test]
async fn an_app_without_what_it_signs_in_with_is_told_before_whoever_is_logged_in() {
    let variables = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", IDENTITY)];
    let failure = Chain::new(&settings(&variables), transport()).token(SCOPE).await.unwrap_err();
    insta::assert_snapshot!(failure.what, @"no token for https://graph.microsoft.com: AZURE_TENANT_ID and AZURE_CLIENT_ID are set, but none of AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH, AZURE_CLIENT_ASSERTION and AZURE_FEDERATED_TOKEN_FILE; azure-cli, tried instead: not used here");
    insta::assert_snapshot!(failure.next.unwrap(), @"set AZURE_CLIENT_SECRET, or whatever else the app signs in with; `rolecall doctor` says what each source lacks");
    let (fails, _) = fake(None);
    let absent = || SetUp::Absent("AZURE_CLIENT_SECRET is not set".to_owned());
    let half = settings(&variables).half();
    let chain = Chain { half, ..chain_of(vec![("client-secret", absent()), ("azure-cli", fails)]) };
    insta::assert_snapshot!(chain.token(SCOPE).await.unwrap_err().what, @"no token for https://graph.microsoft.com: AZURE_TENANT_ID and AZURE_CLIENT_ID are set, but none of AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH, AZURE_CLIENT_ASSERTION and AZURE_FEDERATED_TOKEN_FILE; azure-cli, tried instead: AADSTS7000215: Invalid client secret provided.");
    // One that was set up and failed is the one to mend.
    let (fails, _) = fake(None);
    let half = settings(&variables).half();
    let chain = Chain { half, ..chain_of(vec![("github-actions", fails), ("azure-cli", absent())]) };
    assert!(chain.token(SCOPE).await.unwrap_err().what.contains("from github-actions"));
    assert_eq!(settings(&[("AZURE_TENANT_ID", TENANT)]).half(), None);
    assert_eq!(settings(&[("AZURE_CLIENT_ID", IDENTITY), ("AZURE_CLIENT_SECRET", "s")]).half(), None);
}

#[test]
fn settings_never_show_what_they_hold() {
    let text = format!("{:?}", settings(&[("AZURE_CLIENT_SECRET", "s3cret"), ("HOME", "/root")]));
    assert!(text.contains("AZURE_CLIENT_SECRET") && !text.contains("s3cret") && !text.contains("HOME"), "{text}");
}

#[derive(Debug)]
struct FakeAz {
    output: std::result::Result<(i32, &'static str, &'static str), ()>,
    commands: std::sync::Mutex<Vec<String>>,
}

#[async_trait]
impl azure_identity::Executor for FakeAz {
    async fn run(&self, _: &std::ffi::OsStr, args: &[&std::ffi::OsStr]) -> std::io::Result<Output> {
        self.commands.lock().unwrap().push(args.last().unwrap().to_string_lossy().into_owned());
        let (status, stdout, stderr) = self.output.map_err(|()| std::io::Error::other("no process"))?;
        Ok(Output { status: ExitStatus::from_raw(status << 8), stdout: stdout.into(), stderr: stderr.into() })
    }
}

fn az(output: std::result::Result<(i32, &'static str, &'static str), ()>) -> (azure_cli::AzureCli, Arc<FakeAz>) {
    let fake = Arc::new(FakeAz { output, commands: std::sync::Mutex::default() });
    (azure_cli::AzureCli::new(TENANT.parse().unwrap(), Arc::clone(&fake) as Arc<dyn azure_identity::Executor>), fake)
}

#[tokio::test]
async fn azure_cli_is_asked_for_the_tenant_of_the_config() {
    let (source, fake) = az(Ok((0, r#"{"accessToken":"a.b.c","expires_on":4102444800,"tokenType":"Bearer"}"#, "")));
    let fetched = source.fetch(SCOPE).await.unwrap();
    assert_eq!(fetched.secret.expose_secret(), "a.b.c");
    assert!(fetched.good_for > Duration::from_secs(3600));
    let commands = fake.commands.lock().unwrap();
    assert!(commands[0].ends_with(&format!("--scope {SCOPE} --tenant {TENANT}")), "{commands:?}");
}

#[tokio::test]
async fn azure_cli_says_why_it_has_no_token() {
    let reason = async |output| az(output).0.fetch(SCOPE).await.map(|_| ()).unwrap_err().what;
    assert_eq!(reason(Ok((127, "", "sh: az: not found"))).await, "az not found on PATH");
    let logged_out = "ERROR: Please run 'az login' to setup account.\nmore";
    assert_eq!(reason(Ok((1, "", logged_out))).await, "ERROR: Please run 'az login' to setup account.");
    assert_eq!(reason(Err(())).await, "no process");
}

const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"a.b.c"}"#;

async fn login_answers(responses: Vec<ResponseTemplate>) -> (std::result::Result<Vec<u8>, Failure>, usize) {
    let server = MockServer::start().await;
    for response in responses {
        Mock::given(any()).respond_with(response).up_to_n_times(1).mount(&server).await;
    }
    let mut request = Request::new(format!("{}/t/oauth2/v2.0/token", server.uri()).parse().unwrap(), Method::Post);
    request.set_body("client_id=app&client_secret=s3cret%2B&grant_type=client_credentials");
    let login = Login { transport: transport(), pace: pace() };
    let answer = match login.execute_request(&request).await {
        Ok(answer) => Ok(answer.try_into_raw_response().await.unwrap().body().to_vec()),
        Err(error) => Err(std::error::Error::source(&error).unwrap().downcast_ref::<Failure>().unwrap().clone()),
    };
    (answer, server.received_requests().await.unwrap().len())
}

#[tokio::test]
async fn a_refused_secret_is_told_in_entras_words_with_what_to_do_and_without_the_secret() {
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret s3cret+ provided. Trace ID: 1 Correlation ID: 2","error_codes":[7000215]}"#;
    let (answer, requests) = login_answers(vec![ResponseTemplate::new(401).set_body_string(body)]).await;
    let failure = answer.unwrap_err();
    assert_eq!(failure.what, "AADSTS7000215: Invalid client secret … provided.");
    assert!(failure.next.unwrap().contains("AZURE_CLIENT_SECRET"));
    assert_eq!(requests, 1, "a refusal is not repeated");
}

#[tokio::test]
async fn what_a_login_endpoint_repeats_or_makes_up_is_neither_printed_nor_believed() {
    let long = "x".repeat(10_000);
    for (status, body, expected) in [
        (400, r#"{"error":"s3cret+"}"#, "the login endpoint answered 400 with …"),
        (
            400,
            r#"{"error":"sent: client_secret=s3cret%2B"}"#,
            "the login endpoint answered 400 with sent: client_secret=…",
        ),
        (401, r#"{"error":"x","error_description":"not s3cret\u002b"}"#, "not …"),
        // Its own reader would quote the value that it did not expect.
        (
            200,
            r#"{"token_type":"Bearer","expires_in":"s3cret+","ext_expires_in":1,"access_token":"a"}"#,
            "the login endpoint answered 200 and gave no token",
        ),
        (
            200,
            r#"{"token_type":"Bearer","expires_in":9223372036854775807,"ext_expires_in":1,"access_token":"a"}"#,
            "the login endpoint answered 200 and gave a token of an impossible lifetime",
        ),
        (
            200,
            r#"{"token_type":"Bearer","expires_in":-9223372036854775807,"ext_expires_in":1,"access_token":"a"}"#,
            "the login endpoint answered 200 and gave a token of an impossible lifetime",
        ),
    ] {
        let (answer, _) = login_answers(vec![ResponseTemplate::new(status).set_body_string(body)]).await;
        assert_eq!(answer.unwrap_err().what, expected);
    }
    for field in ["error", "error_description"] {
        let body = format!(r#"{{"{field}":"{long}"}}"#);
        let (answer, _) = login_answers(vec![ResponseTemplate::new(400).set_body_string(body)]).await;
        let what = answer.unwrap_err().what;
        assert!(what.contains("xxx") && what.len() < 500, "{what}");
    }
}

#[tokio::test]
async fn a_busy_login_endpoint_is_asked_again_and_a_page_of_a_proxy_is_no_reason() {
    let busy = || ResponseTemplate::new(503).insert_header("retry-after", "0.01");
    let (answer, requests) =
        login_answers(vec![busy(), busy(), ResponseTemplate::new(200).set_body_string(TOKEN)]).await;
    assert_eq!((answer.unwrap(), requests), (TOKEN.as_bytes().to_vec(), 3));

    let page = ResponseTemplate::new(403).set_body_string("<html>blocked</html>");
    let (answer, _) = login_answers(vec![page]).await;
    assert_eq!(answer.unwrap_err().what, "the login endpoint answered 403 with no reason");

    let redirect = ResponseTemplate::new(302).insert_header("location", "https://evil.contoso.com/");
    let (answer, _) = login_answers(vec![redirect]).await;
    assert_eq!(answer.unwrap_err().kind, FailureKind::Refused);
}

#[tokio::test]
async fn a_metadata_service_that_is_no_azures_is_told_so_and_a_busy_one_is_asked_again() {
    let server = MockServer::start().await;
    let answers = [
        ResponseTemplate::new(403),
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(503),
        ResponseTemplate::new(200).set_body_string(format!(
            r#"{{"access_token":"{}","expires_on":"4102444800"}}"#,
            token(TENANT, 0).expose_secret()
        )),
    ];
    for answer in answers {
        Mock::given(any()).respond_with(answer).up_to_n_times(1).mount(&server).await;
    }
    let uri = server.uri();
    let settings = settings(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", uri.as_str())])
        .picking(Some("managed-identity".parse().unwrap()));
    let chain = Chain::new(&settings, transport());
    let failure = chain.token(SCOPE).await.unwrap_err();
    assert!(failure.what.contains("refused (403)"), "{}", failure.what);
    assert!(failure.next.unwrap().contains("no Azure machine"));
    assert_eq!(chain.token(SCOPE).await.unwrap_err().kind, FailureKind::BadAnswer);
    chain.token(SCOPE).await.unwrap();
}

#[tokio::test]
async fn an_identity_endpoint_that_repeats_its_header_does_not_get_it_printed() {
    let server = MockServer::start().await;
    let body = serde_json::json!({ "message": format!("header was id%2Dentity-header {}", "x".repeat(10_000)) });
    Mock::given(any()).respond_with(ResponseTemplate::new(401).set_body_json(body)).mount(&server).await;
    let settings = settings(&[("IDENTITY_ENDPOINT", &server.uri()), ("IDENTITY_HEADER", "id-entity-header")])
        .picking(Some("managed-identity".parse().unwrap()));
    let failure = Chain::new(&settings, transport()).token(SCOPE).await.unwrap_err();
    assert!(failure.what.contains("refused (401: header was … xxx"), "{}", failure.what);
    assert!(failure.what.len() < 600, "{}", failure.what);
}
