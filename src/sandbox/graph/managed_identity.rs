//! The identity endpoints that Azure puts beside a machine and an app (entra.md §7.4), for the applier as both the machine's own
//! and an assigned identity. Plain HTTP, as the real ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::{App, Tenant};
use super::{Graph, header, respond, signin, token};
use crate::state::AppId;

/// Where an app asks.
pub(crate) const APP_SERVICE: &str = "/msi/token";
/// The resource id of the assigned identity.
pub(crate) const RESOURCE_ID: &str = "/subscriptions/5b0c0000-0000-4000-8000-000000000001/resourcegroups/platform/\
                                      providers/Microsoft.ManagedIdentity/userAssignedIdentities/rolecall";

type Parameters = BTreeMap<String, String>;

/// Both endpoints.
pub(crate) fn router(graph: Arc<Graph>) -> Router {
    Router::new()
        .route("/metadata/identity/oauth2/token", get(metadata_service))
        .route(APP_SERVICE, get(app_service))
        .with_state(graph)
}

async fn metadata_service(
    State(graph): State<Arc<Graph>>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    // A forwarded request is refused, so that no proxy hands out the machine's identity.
    let is_direct = header(&headers, "x-forwarded-for").is_none();
    let is_asked = header(&headers, "metadata").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let (status, body) = if is_direct && is_asked {
        answer(&graph, &parameters, ["client_id", "object_id", "msi_res_id"])
    } else {
        refuse("bad_request_102", "Required metadata header not specified")
    };
    respond::plain(status, &body)
}

async fn app_service(
    State(graph): State<Arc<Graph>>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    let is_app = graph.store.read(|tenant| header(&headers, "x-identity-header") == Some(&token::job_token(tenant)));
    let (status, body) = if is_app {
        answer(&graph, &parameters, ["client_id", "principal_id", "mi_res_id"])
    } else {
        (StatusCode::UNAUTHORIZED, json!({"statusCode": 401, "message": "No managed identity header was found."}))
    };
    respond::plain(status, &body)
}

fn refuse(error: &str, description: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, json!({"error": error, "error_description": description}))
}

/// `ids` are the names by which this endpoint lets the client id, the object id and the resource id be given.
fn answer(graph: &Graph, parameters: &Parameters, ids: [&str; 3]) -> (StatusCode, Value) {
    let parameter = |name: &str| parameters.get(name).map(String::as_str);
    if parameter("api-version").is_none_or(|version| version < "2018-02-01") {
        return refuse("bad_request", "api-version is missing or not supported");
    }
    let Some(resource) = parameter("resource") else {
        return refuse("invalid_request", "Required query variable 'resource' is missing");
    };
    let life = graph.lifetimes.access_token;
    graph.store.read(|tenant| {
        let Some((id, app)) = tenant.apps.iter().find(|(id, app)| is_meant(**id, app, parameters, ids)) else {
            return refuse("invalid_request", "Identity not found");
        };
        let Some(token) = issue(tenant, *id, app, resource, life) else {
            return refuse("invalid_resource", "AADSTS500011: The resource principal was not found in the tenant.");
        };
        let expires = Timestamp::now().as_second().saturating_add(i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
        let body = json!({
            // Seconds as text: the real service never sends numbers here.
            "access_token": token, "client_id": id, "expires_on": expires.to_string(),
            "expires_in": life.as_secs().to_string(), "resource": resource, "token_type": "Bearer",
        });
        (StatusCode::OK, body)
    })
}

fn is_meant(id: AppId, app: &App, parameters: &Parameters, [client_id, object_id, resource_id]: [&str; 3]) -> bool {
    let matches = |name: &str, own: &str| parameters.get(name).is_none_or(|given| given.eq_ignore_ascii_case(own));
    matches(client_id, &id.to_string())
        && matches(object_id, &app.service_principal.to_string())
        && matches(resource_id, RESOURCE_ID)
}

fn issue(tenant: &Tenant, id: AppId, app: &App, resource: &str, life: std::time::Duration) -> Option<String> {
    let resource = resource.trim_end_matches('/');
    let roles = match signin::audience(tenant, resource)? {
        signin::Audience::Graph => app.roles.iter().cloned().collect(),
        signin::Audience::ResourceManager | signin::Audience::App => Vec::new(),
    };
    Some(token::access_token(tenant, id, app, resource, roles, life))
}
