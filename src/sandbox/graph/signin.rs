//! The token endpoint: client credentials with a secret or an assertion (entra.md §7.1).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::{App, Tenant};
use super::{certificate, token};
use crate::state::AppId;

/// The app that Azure Kubernetes Service has in every tenant as the audience of its API servers (entra.md §5.1).
const AKS_SERVER_APP: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A refusal in the words of the sign-in service.
struct Denied {
    status: StatusCode,
    error: &'static str,
    code: u32,
    message: String,
}

impl Denied {
    fn new(status: u16, error: &'static str, code: u32, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, error, code, message: message.into() }
    }

    fn body(&self) -> Value {
        let trace = uuid::Uuid::new_v4();
        let correlation = uuid::Uuid::new_v4();
        let timestamp = Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let (code, message) = (self.code, &self.message);
        json!({
            "error": self.error,
            "error_description": format!(
                "AADSTS{code}: {message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
            ),
            "error_codes": [code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        })
    }
}

/// Whether the tenant is called so: by its id or by its domain.
pub(super) fn is_tenant(tenant: &Tenant, name: &str) -> bool {
    name.eq_ignore_ascii_case(&tenant.id.to_string()) || name.eq_ignore_ascii_case(&tenant.domain)
}

/// The reply for a tenant that does not exist, which the discovery document gives as well.
pub(super) fn no_such_tenant(name: &str) -> (StatusCode, Value) {
    let denied = unknown_tenant(name);
    (denied.status, denied.body())
}

fn unknown_tenant(name: &str) -> Denied {
    let message = format!(
        "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct \
         cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for \
         the tenant."
    );
    Denied::new(400, "invalid_request", 90002, message)
}

/// Answers a token request whose form is `form`.
pub(super) fn token(tenant: &Tenant, name: &str, form: &[u8], life: Duration) -> (StatusCode, Value) {
    match grant(tenant, name, form, life) {
        Ok(token) => {
            let expires_in = life.as_secs();
            let body = json!({
                "token_type": "Bearer", "expires_in": expires_in, "ext_expires_in": expires_in, "access_token": token,
            });
            (StatusCode::OK, body)
        }
        Err(denied) => (denied.status, denied.body()),
    }
}

fn grant(tenant: &Tenant, name: &str, form: &[u8], life: Duration) -> Result<String, Denied> {
    let form: BTreeMap<Cow<'_, str>, Cow<'_, str>> = url::form_urlencoded::parse(form).collect();
    let field = |name: &str| {
        form.get(name).map(AsRef::as_ref).filter(|value: &&str| !value.is_empty()).ok_or_else(|| {
            let message = format!("The request body must contain the following parameter: '{name}'.");
            Denied::new(400, "invalid_request", 900_144, message)
        })
    };
    if !is_tenant(tenant, name) {
        return Err(unknown_tenant(name));
    }
    if field("grant_type")? != "client_credentials" {
        let message = "The app requested an unsupported grant type.";
        return Err(Denied::new(400, "unsupported_grant_type", 70003, message));
    }
    let client = field("client_id")?;
    let known = client.parse::<AppId>().ok().and_then(|id| Some((id, tenant.apps.get(&id)?)));
    let (id, app) = known.ok_or_else(|| {
        let message = format!(
            "Application with identifier '{client}' was not found in the directory '{}'. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You may have sent your authentication request to the wrong tenant.",
            tenant.domain
        );
        Denied::new(400, "unauthorized_client", 700_016, message)
    })?;
    if form.contains_key("client_assertion") {
        if field("client_assertion_type")? != ASSERTION_TYPE {
            let message = "The request body must contain the following parameter: 'client_assertion_type'.";
            return Err(Denied::new(400, "invalid_request", 900_144, message));
        }
        let assertion = field("client_assertion")?;
        if certificate::is_signed(assertion) {
            check_signed(client, app, name, assertion)?;
        } else {
            check_assertion(tenant, client, app, assertion)?;
        }
    } else if field("client_secret")? != app.secret {
        let message = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{client}'."
        );
        return Err(Denied::new(401, "invalid_client", 7_000_215, message));
    }
    let scope = field("scope")?;
    let resource = scope.strip_suffix("/.default").filter(|resource| !resource.contains(' ')).ok_or_else(|| {
        let message = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        Denied::new(400, "invalid_scope", 1_002_012, message)
    })?;
    let resource = resource.trim_end_matches('/');
    let roles = match audience(tenant, resource) {
        Some(Audience::Graph) => app.roles.iter().cloned().collect(),
        Some(Audience::ResourceManager | Audience::App) => Vec::new(),
        None => {
            let message = format!(
                "The resource principal named {resource} was not found in the tenant named {}. This can happen if the \
                 application has not been installed by the administrator of the tenant or consented to by any user in \
                 the tenant.",
                tenant.domain
            );
            return Err(Denied::new(400, "invalid_resource", 500_011, message));
        }
    };
    Ok(token::access_token(tenant, id, app, resource, roles, life))
}

/// The order in which the sign-in service is seen to complain: time, issuer, subject, audience.
fn check_assertion(tenant: &Tenant, client: &str, app: &App, assertion: &str) -> Result<(), Denied> {
    if app.federated.is_empty() {
        let message = format!("The client '{client}' has no configured federated identity credentials.");
        return Err(Denied::new(401, "invalid_client", 70025, message));
    }
    let claims = token::verify_assertion(tenant, assertion)
        .ok_or_else(|| Denied::new(401, "invalid_client", 700_027, "Client assertion failed signature validation."))?;
    check_time(claims.nbf, claims.exp)?;
    let no_match = |code: u32, what: &str, value: &str| {
        let message = format!("No matching federated identity record found for presented assertion {what} '{value}'.");
        Denied::new(400, "invalid_request", code, message)
    };
    let of_issuer = app.federated.iter().filter(|known| known.issuer == claims.iss).collect::<Vec<_>>();
    if of_issuer.is_empty() {
        return Err(no_match(700_211, "issuer", &claims.iss));
    }
    let of_subject = of_issuer.into_iter().filter(|known| known.subject == claims.sub).collect::<Vec<_>>();
    if of_subject.is_empty() {
        return Err(no_match(700_213, "subject", &claims.sub));
    }
    if of_subject.iter().any(|known| known.audience == claims.aud) {
        return Ok(());
    }
    Err(no_match(700_212, "audience", &claims.aud))
}

/// An assertion that the app signed itself: by one of its certificates, for this token endpoint, about itself.
fn check_signed(client: &str, app: &App, tenant: &str, assertion: &str) -> Result<(), Denied> {
    let claims = certificate::verify(app, assertion).ok_or_else(|| {
        let message = "Client assertion failed signature validation. The certificate used to sign it is not registered on \
                       application.";
        Denied::new(401, "invalid_client", 700_027, message)
    })?;
    check_time(claims.nbf, claims.exp)?;
    if claims.iss != client || claims.sub != client {
        let message = "Client assertion contains an invalid 'iss' or 'sub': it must be the application's identifier.";
        return Err(Denied::new(401, "invalid_client", 700_021, message));
    }
    if !claims.aud.ends_with(&format!("/{tenant}/oauth2/v2.0/token")) {
        let message = "Client assertion audience claim does not match Realm issuer.";
        return Err(Denied::new(401, "invalid_client", 700_023, message));
    }
    Ok(())
}

fn check_time(nbf: i64, exp: i64) -> Result<(), Denied> {
    let now = Timestamp::now();
    if (nbf..exp).contains(&now.as_second()) {
        return Ok(());
    }
    let show =
        |second: i64| Timestamp::from_second(second).map_or_else(|_| second.to_string(), |time| time.to_string());
    let message = format!(
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {}, expiry time \
         of assertion {}.",
        show(nbf),
        show(exp)
    );
    Err(Denied::new(401, "invalid_client", 700_024, message))
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Microsoft Graph, under its own name or as this sandbox.
    Graph,
    /// Azure Resource Manager, under its own name.
    ResourceManager,
    /// An app of the tenant, such as the one that a cluster trusts.
    App,
}

/// The audience that a resource stands for, if the tenant has it (entra.md §7.6 for the names in other clouds).
pub(super) fn audience(tenant: &Tenant, resource: &str) -> Option<Audience> {
    let host = url::Url::parse(resource).ok().and_then(|url| url.host_str().map(str::to_owned));
    match host.as_deref() {
        Some("127.0.0.1" | "localhost" | "graph.microsoft.com" | "graph.microsoft.us" | "dod-graph.microsoft.us") => {
            Some(Audience::Graph)
        }
        Some("microsoftgraph.chinacloudapi.cn") => Some(Audience::Graph),
        Some(
            "management.azure.com"
            | "management.core.windows.net"
            | "management.usgovcloudapi.net"
            | "management.chinacloudapi.cn",
        ) => Some(Audience::ResourceManager),
        _ => {
            let app = resource.strip_prefix("api://").unwrap_or(resource);
            let known = app.parse::<AppId>().is_ok_and(|id| {
                tenant.service_principals.values().any(|principal| principal.app_id == id) || app == AKS_SERVER_APP
            });
            known.then_some(Audience::App)
        }
    }
}
