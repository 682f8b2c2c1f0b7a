//! The issuers whose tokens the applier may show: GitHub Actions (entra.md §7.2) and Azure Pipelines, asked as in a job.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::state::{FederatedCredential, Tenant};
use super::{Graph, header, respond, token};

/// Where a job asks GitHub. The real path has ids instead of words, and the query stands in the variable too.
pub(crate) const GITHUB: &str = "/github-actions/idtoken?api-version=2.0";
/// Where a job asks Azure Pipelines.
pub(crate) const PIPELINES: &str = "/contoso/platform/_apis/distributedtask/hubs/build/plans/1/jobs/1/oidctoken";
/// The service connection that the applier's federated credential is for.
pub(crate) const SERVICE_CONNECTION: &str = "5e1f0000-0000-4000-8000-00000000c0de";

const GITHUB_SUBJECT: &str = "repo:contoso/access:ref:refs/heads/main";
const EXCHANGE: &str = "api://AzureADTokenExchange";
/// GitHub's tokens are good for five minutes.
const LIFE: Duration = Duration::from_secs(300);

/// The federated credentials for both.
pub(crate) fn credentials() -> [FederatedCredential; 2] {
    [
        FederatedCredential {
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            subject: GITHUB_SUBJECT.to_owned(),
            audience: EXCHANGE.to_owned(),
        },
        FederatedCredential {
            issuer: "https://vstoken.dev.azure.com/0c0ffee0-0000-4000-8000-000000000001".to_owned(),
            subject: "sc://contoso/platform/rolecall".to_owned(),
            audience: EXCHANGE.to_owned(),
        },
    ]
}

pub(super) fn routes() -> Router<Arc<Graph>> {
    Router::new().route("/github-actions/idtoken", get(github)).route(PIPELINES, post(pipelines))
}

#[derive(Deserialize)]
struct GithubQuery {
    audience: Option<String>,
}

async fn github(State(graph): State<Arc<Graph>>, Query(query): Query<GithubQuery>, headers: HeaderMap) -> Response {
    let (status, body) = graph.store.read(|tenant| {
        if !is_job(tenant, &headers) {
            return (StatusCode::UNAUTHORIZED, json!({"message": "Bad credentials"}));
        }
        let [credential, _] = credentials();
        // Without an audience GitHub's token is for the owner of the repository.
        let audience = query.audience.unwrap_or_else(|| "https://github.com/contoso".to_owned());
        let value = issue(tenant, &FederatedCredential { audience, ..credential });
        (StatusCode::OK, json!({"count": value.len(), "value": value}))
    });
    respond::plain(status, &body)
}

#[derive(Deserialize)]
struct PipelinesQuery {
    #[serde(rename = "api-version")]
    api_version: Option<String>,
    #[serde(rename = "serviceConnectionId")]
    service_connection: Option<String>,
}

async fn pipelines(
    State(graph): State<Arc<Graph>>,
    Query(query): Query<PipelinesQuery>,
    headers: HeaderMap,
) -> Response {
    let problem = |status, message: &str| (status, json!({"$id": "1", "message": message}));
    let (status, body): (StatusCode, Value) = graph.store.read(|tenant| {
        if !is_job(tenant, &headers) {
            return problem(StatusCode::UNAUTHORIZED, "TF400813: The user is not authorized to access this resource.");
        }
        if query.api_version.is_none() {
            return problem(StatusCode::BAD_REQUEST, "No api-version was supplied for the request.");
        }
        if query.service_connection.as_deref() != Some(SERVICE_CONNECTION) {
            return problem(StatusCode::NOT_FOUND, "The service connection was not found.");
        }
        let [_, credential] = credentials();
        (StatusCode::OK, json!({"oidcToken": issue(tenant, &credential)}))
    });
    respond::plain(status, &body)
}

fn issue(tenant: &Tenant, credential: &FederatedCredential) -> String {
    let expires = Timestamp::now().as_second() + i64::try_from(LIFE.as_secs()).unwrap_or_default();
    token::assertion(tenant, credential, expires - 300, expires)
}

fn is_job(tenant: &Tenant, headers: &HeaderMap) -> bool {
    header(headers, "authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .is_some_and(|bearer| bearer == token::job_token(tenant))
}
