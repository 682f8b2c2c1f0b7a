//! The token endpoint and what is read before it (entra.md §7.1, §8).

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::sandbox::graph::state::FederatedCredential;
use crate::sandbox::graph::token::Assertion;

async fn ask(world: &World, tenant: &str, form: &[(&str, &str)]) -> Reply {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::builder()
        .method("POST")
        .uri(format!("/{tenant}/oauth2/v2.0/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(HttpBody::from(form));
    world.ask(request.unwrap()).await
}

/// Everything that a good request has, with one field changed.
async fn with(world: &World, field: &str, value: &str) -> Reply {
    let (tenant, client, secret) = world.graph.store.read(|tenant| {
        let (id, app) = tenant.apps.first_key_value().unwrap();
        (tenant.id.to_string(), id.to_string(), app.secret.clone())
    });
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client),
        ("client_secret", &secret),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    form.retain(|(name, _)| *name != field);
    if field == "client_assertion" {
        form.retain(|(name, _)| *name != "client_secret");
        form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    }
    if !value.is_empty() {
        form.push((field, value));
    }
    ask(world, if field == "tenant" { value } else { &tenant }, &form).await
}

fn refused(reply: &Reply) -> String {
    let description = reply.body["error_description"].as_str().unwrap();
    let first = description.split(" Trace ID").next().unwrap();
    format!("{} {}: {first}", reply.status, reply.body["error"].as_str().unwrap())
}

#[tokio::test]
async fn a_secret_buys_a_token_that_says_who_and_what() {
    let mut seed = people(&[]);
    seed.applier.roles = Some(["Group.Read.All".to_owned(), "User.Read.All".to_owned()].into());
    seed.applier.app_id = Some("0a1b0a1b-0000-4000-8000-000000000001".parse().unwrap());
    let mut world = World::new(&seed);
    let reply = with(&world, "tenant", "contoso.com").await;
    assert_eq!(
        (reply.status, &reply.body["token_type"], &reply.body["expires_in"]),
        (200, &json!("Bearer"), &json!(3599))
    );
    let token = reply.body["access_token"].as_str().unwrap().to_owned();
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    let mut claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3599);
    assert_eq!(claims["oid"], json!(world.applier()));
    for time in ["iat", "nbf", "exp"] {
        claims[time] = json!("TIME");
    }
    insta::assert_json_snapshot!(claims, @r#"
    {
      "appid": "0a1b0a1b-0000-4000-8000-000000000001",
      "aud": "https://graph.microsoft.com",
      "exp": "TIME",
      "iat": "TIME",
      "idtyp": "app",
      "iss": "https://sts.windows.net/b1b1cbdb-7c7e-8b48-ad0b-8fd60b45593d/",
      "nbf": "TIME",
      "oid": "9e4f7c7f-90b6-84f1-969e-0b38727a9fb3",
      "roles": [
        "Group.Read.All",
        "User.Read.All"
      ],
      "sub": "9e4f7c7f-90b6-84f1-969e-0b38727a9fb3",
      "tid": "b1b1cbdb-7c7e-8b48-ad0b-8fd60b45593d",
      "ver": "1.0"
    }
    "#);
    world.bearer = token;
    assert_eq!(world.get("groups").await.status, 200);
}

#[tokio::test]
async fn each_wrong_field_is_refused_with_its_code() {
    let world = World::new(&people(&[]));
    let mut said = Vec::new();
    for (field, value) in [
        ("tenant", "fabrikam.com"),
        ("client_id", "11111111-1111-4111-8111-111111111111"),
        ("client_id", "not an id"),
        ("client_secret", "wrong"),
        ("client_secret", ""),
        ("grant_type", "password"),
        ("grant_type", ""),
        ("scope", ""),
        ("scope", "https://graph.microsoft.com/Group.Read.All"),
        ("scope", "https://vault.azure.net/.default"),
    ] {
        said.push(refused(&with(&world, field, value).await));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    400 invalid_request: AADSTS90002: Tenant 'fabrikam.com' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.
    400 unauthorized_client: AADSTS700016: Application with identifier '11111111-1111-4111-8111-111111111111' was not found in the directory 'contoso.com'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.
    400 unauthorized_client: AADSTS700016: Application with identifier 'not an id' was not found in the directory 'contoso.com'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.
    401 invalid_client: AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '21fd379b-8af0-840a-939c-17a44e2999df'.
    400 invalid_request: AADSTS900144: The request body must contain the following parameter: 'client_secret'.
    400 unsupported_grant_type: AADSTS70003: The app requested an unsupported grant type.
    400 invalid_request: AADSTS900144: The request body must contain the following parameter: 'grant_type'.
    400 invalid_request: AADSTS900144: The request body must contain the following parameter: 'scope'.
    400 invalid_scope: AADSTS1002012: The provided value for scope https://graph.microsoft.com/Group.Read.All is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).
    400 invalid_resource: AADSTS500011: The resource principal named https://vault.azure.net was not found in the tenant named contoso.com. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.
    ");
}

#[tokio::test]
async fn an_assertion_is_compared_with_the_federated_credential() {
    let world = World::new(&people(&[]));
    let made = |expires: Timestamp| {
        world.graph.store.read(|tenant| {
            token::workload_assertion(tenant, tenant.apps.first_key_value().unwrap().1, expires).unwrap()
        })
    };
    let forged = |change: &dyn Fn(&mut Assertion)| {
        world.graph.store.read(|tenant| {
            let exp = Timestamp::now().as_second() + 600;
            let known = token::workload_credential();
            let mut assertion =
                Assertion { iss: known.issuer, sub: known.subject, aud: known.audience, nbf: exp - 3600, exp };
            change(&mut assertion);
            token::sign(tenant, &assertion)
        })
    };
    let in_an_hour = Timestamp::now() + SignedDuration::from_hours(1);
    let valid = with(&world, "client_assertion", &made(in_an_hour - SignedDuration::from_mins(5))).await;
    assert_eq!(valid.status, 200, "{valid:?}");
    let expired = made(Timestamp::now() - SignedDuration::from_mins(1));
    let reply = with(&world, "client_assertion", &expired).await;
    assert_eq!(reply.body["error_codes"], json!([700_024]), "{reply:?}");
    let mut said = Vec::new();
    for assertion in [
        forged(&|assertion| assertion.iss.push('/')),
        forged(&|assertion| assertion.sub = "system:serviceaccount:other:rolecall".to_owned()),
        forged(&|assertion| assertion.aud = "api://AzureADTokenExchangeChina".to_owned()),
        "nonsense".to_owned(),
    ] {
        said.push(refused(&with(&world, "client_assertion", &assertion).await));
    }
    world.graph.store.write(|tenant| tenant.apps.values_mut().for_each(|app| app.federated.clear())).unwrap();
    let reply = with(&world, "client_assertion", &forged(&|_| {})).await;
    assert_eq!(reply.body["error_codes"], json!([70025]));
    insta::assert_snapshot!(said.join("\n"), @"
    400 invalid_request: AADSTS700211: No matching federated identity record found for presented assertion issuer 'https://oidc.sandbox.rolecall.dev//'.
    400 invalid_request: AADSTS700213: No matching federated identity record found for presented assertion subject 'system:serviceaccount:other:rolecall'.
    400 invalid_request: AADSTS700212: No matching federated identity record found for presented assertion audience 'api://AzureADTokenExchangeChina'.
    401 invalid_client: AADSTS700027: Client assertion failed signature validation.
    ");
}

#[tokio::test]
async fn a_subject_is_compared_letter_by_letter_whatever_its_form() {
    let mut seed = people(&[]);
    let audience = "api://AzureADTokenExchange".to_owned();
    let issuer = "https://token.actions.githubusercontent.com".to_owned();
    let subject = "repo:contoso@11/access@22:ref:refs/heads/main".to_owned();
    seed.applier.federated =
        Some(vec![FederatedCredential { issuer: issuer.clone(), subject, audience: audience.clone() }]);
    let world = World::new(&seed);
    let mut said = Vec::new();
    for subject in [
        "repo:contoso@11/access@22:ref:refs/heads/main",
        "repo:contoso/access:ref:refs/heads/main",
        "repo:contoso@11/access@22:ref:refs/heads/Main",
        "repo:contoso@11/access@22:ref:refs/heads/*",
    ] {
        let exp = Timestamp::now().as_second() + 600;
        let claims =
            Assertion { iss: issuer.clone(), sub: subject.to_owned(), aud: audience.clone(), nbf: exp - 900, exp };
        let assertion = world.graph.store.read(|tenant| token::sign(tenant, &claims));
        let reply = with(&world, "client_assertion", &assertion).await;
        said.push(format!(
            "{subject}: {}",
            if reply.status == 200 { "200".to_owned() } else { reply.body["error_codes"].to_string() }
        ));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    repo:contoso@11/access@22:ref:refs/heads/main: 200
    repo:contoso/access:ref:refs/heads/main: [700213]
    repo:contoso@11/access@22:ref:refs/heads/Main: [700213]
    repo:contoso@11/access@22:ref:refs/heads/*: [700213]
    ");
}

#[tokio::test]
async fn a_token_for_a_cluster_names_the_app_and_is_no_token_for_graph() {
    let mut world = World::new(&people(&[]));
    let reply = with(&world, "scope", "6dae42f8-4368-4678-94ff-3960e28e3630/.default").await;
    let token = reply.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.graph.store.read(|tenant| bearer(tenant, &token)), Some(world.applier()));
    assert_eq!(world.graph.store.read(|tenant| bearer(tenant, &world.bearer)), None);
    world.bearer = token;
    insta::assert_snapshot!(world.get("groups").await.said(), @"401 InvalidAuthenticationToken: Access token validation failure. Invalid audience.");
}

#[tokio::test]
async fn discovery_leads_to_the_token_endpoint_of_the_origin_that_was_asked() {
    let world = World::new(&people(&[]));
    let get = async |path: &str| {
        let request = Request::builder().uri(path).header("host", "localhost:8443").body(HttpBody::empty()).unwrap();
        world.ask(request).await
    };
    let tenant = world.graph.store.read(|tenant| tenant.id.to_string());
    let configuration = get(&format!("/{tenant}/v2.0/.well-known/openid-configuration")).await;
    let endpoint = format!("https://localhost:8443/{tenant}/oauth2/v2.0/token");
    assert_eq!(configuration.body["token_endpoint"], json!(endpoint));
    let unknown = get("/fabrikam.com/v2.0/.well-known/openid-configuration").await;
    assert_eq!((unknown.status, &unknown.body["error_codes"]), (400, &json!([90002])));
    let instance = get("/common/discovery/instance?api-version=1.1").await;
    assert_eq!(instance.body["metadata"][0]["preferred_network"], "localhost:8443");
    let cloud = get("/metadata/endpoints?api-version=2022-09-01").await;
    assert_eq!(cloud.body["microsoftGraphResourceId"], "https://localhost:8443/");
    assert_eq!(get("/subscriptions?api-version=2022-12-01").await.status, 401);
}
