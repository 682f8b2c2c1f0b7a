//! An embedded Microsoft Graph with its token and metadata endpoints.
//!
//! Every behaviour copies a fact about the real service; what is not modelled answers 501 and is marked in the log. It
//! shares no parsing and no matching with the Entra provider, which is tested against it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body as HttpBody, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{any, get, post};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use self::answer::Answer;
pub(crate) use self::behaviour::Behaviour;
use self::call::{Body, Call};
use self::change::Change;
use self::error::Refusal;
pub(crate) use self::fault::fault_reply;
use self::permission::Caller;
use self::query::Query;
use self::respond::RequestIds;
use self::state::{DeletedGroup, Tenant};
use self::token::Rejected;
use super::faults::{Fault, Struck};
use super::log::{Item, Note};
use super::seed::SeedPrincipal;
use super::store::Store;

mod answer;
mod audit;
mod batch;
mod behaviour;
mod call;
pub(crate) mod certificate;
mod change;
mod delta;
mod directory;
mod error;
mod fault;
mod filter;
mod groups;
mod index;
pub(crate) mod issuer;
mod lag;
pub(crate) mod managed_identity;
mod members;
mod membership;
mod metadata;
mod object;
mod page;
pub(crate) mod permission;
mod privileged;
mod query;
mod respond;
mod route;
mod service_principals;
mod signin;
pub mod state;
#[cfg(test)]
mod tests;
pub(crate) mod token;
mod units;
mod users;

/// Only the sandbox knows this header: the audit log then says that this person did it, by hand. It gives no right.
const BY_HAND: &str = "x-sandbox-user";
/// The largest request body that Graph takes.
const LARGEST_BODY: usize = 4 << 20;

/// How long things that run out live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Access tokens.
    pub access_token: Duration,
    /// The `$skiptoken` of a next page.
    pub page_token: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { access_token: Duration::from_secs(3599), page_token: Duration::from_secs(3600) }
    }
}

/// The tenant and how it behaves.
#[derive(Debug)]
pub struct Graph {
    pub(crate) store: Arc<Store<Tenant>>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) behaviour: Behaviour,
}

/// How long a deleted group can be restored (entra.md §2.6).
const RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Graph {
    /// The time that this tenant takes it to be.
    fn now(&self) -> Timestamp {
        Timestamp::now().checked_add(self.behaviour.later).unwrap_or(Timestamp::MAX)
    }

    /// Purges what was deleted longer ago than it is kept.
    fn forget_expired(&self) -> Result<(), Refusal> {
        let expired = |tenant: &Tenant| {
            let oldest = self.now().checked_sub(RETENTION).unwrap_or(Timestamp::MIN);
            let is_older = |deleted: &&DeletedGroup| deleted.deleted.parse().is_ok_and(|at: Timestamp| at < oldest);
            tenant.deleted_groups.values().filter(is_older).map(|deleted| deleted.group.id).collect::<Vec<_>>()
        };
        if self.store.read(|tenant| expired(tenant).is_empty()) {
            return Ok(());
        }
        let purge = |tenant: &mut Tenant| {
            for group in expired(tenant) {
                tenant.make_by(None, Change::Purged { group });
            }
        };
        self.store.write(purge).map_err(|error| respond::not_stored(&error))
    }
}

/// Who a bearer of this tenant is, for a cluster that trusts the tenant: its object id. Tokens for Graph and for Azure
/// Resource Manager are not meant for clusters.
pub(crate) fn bearer(tenant: &Tenant, token: &str) -> Option<crate::state::ObjectId> {
    let claims = token::verify(tenant, token).ok()?;
    let for_cluster = signin::audience(tenant, &claims.aud) == Some(signin::Audience::App);
    for_cluster.then_some(claims.oid)
}

/// Microsoft Graph v1.0 and beta, the token endpoint and what clients read before they sign in, on one origin (entra.md §8).
pub fn router(graph: Arc<Graph>) -> Router {
    Router::new()
        .route("/v1.0/{*path}", any(call_graph))
        .route("/beta/{*path}", any(call_graph))
        .route("/{tenant}/oauth2/v2.0/token", post(sign_in))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(openid_configuration))
        .route("/common/discovery/instance", get(instance_discovery))
        .route("/metadata/endpoints", get(cloud_endpoints))
        .route("/subscriptions", get(subscriptions))
        .merge(issuer::routes())
        .fallback(not_modelled)
        .with_state(graph)
}

async fn call_graph(State(graph): State<Arc<Graph>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let ids = RequestIds::new(&parts.headers);
    let body = read_body(&parts.headers, body).await;
    let answered = match graph.forget_expired().and(body) {
        Ok(body) => answer(&graph, &parts, body, &ids),
        Err(refusal) => Answered::refused(refusal),
    };
    let mut answer = answered.result.unwrap_or_else(|refusal| ids.refuse(&refusal));
    if let Some(full) = answered.full {
        answer = answer.with_header("x-ms-throttle-limit-percentage", format!("{full:.2}"));
    }
    let note = Note { items: answered.items, ..Note::default() };
    respond::reply(answer, &ids, answered.units, note)
}

async fn read_body(headers: &HeaderMap, body: HttpBody) -> Result<Body, Refusal> {
    let bytes = axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|_| {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "The request body is too large.")
    })?;
    Ok(Body::parse(&bytes, header(headers, "content-type")))
}

/// What came of a request.
struct Answered {
    result: Result<Answer, Refusal>,
    /// What it cost; a batch by itself costs nothing.
    units: Option<u32>,
    items: Vec<Item>,
    /// How full the bucket is, when that is worth saying.
    full: Option<f64>,
}

impl Answered {
    fn refused(refusal: Refusal) -> Self {
        Self { result: Err(refusal), units: Some(1), items: Vec::new(), full: None }
    }
}

fn answer(graph: &Graph, parts: &http::request::Parts, body: Body, ids: &RequestIds) -> Answered {
    let caller = match graph.store.read(|tenant| authenticate(tenant, &parts.headers)) {
        Ok(caller) => caller,
        Err(refusal) => return Answered::refused(refusal),
    };
    let origin = origin(&parts.headers);
    let path = parts.uri.path();
    let (version, path) = match path.strip_prefix("/beta") {
        Some(path) => ("beta", path),
        None => ("v1.0", path.strip_prefix("/v1.0").unwrap_or_default()),
    };
    if path == "/$batch" && parts.method == http::Method::POST {
        let outer = batch::Outer { caller: &caller, origin: &origin, ids, version };
        let (result, items) = batch::run(graph, &outer, &body);
        // Every item is charged by itself, the batch is not.
        return Answered { result, units: None, items, full: None };
    }
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let (segments, query) = match (call::segments(path), query) {
        (Ok(segments), Ok(query)) => (segments, query),
        (Err(refusal), _) | (_, Err(refusal)) => return Answered::refused(refusal),
    };
    let call = Call {
        method: parts.method.clone(),
        segments,
        path: path.to_owned(),
        query,
        caller: &caller,
        origin: &origin,
        eventual: header(&parts.headers, "consistencylevel")
            .is_some_and(|level| level.eq_ignore_ascii_case("eventual")),
        prefer: header(&parts.headers, "prefer").map(str::to_owned),
        body,
        page_life: graph.lifetimes.page_token,
        now: graph.now(),
        version,
        ids,
        empty_page: matches!(parts.extensions.get(), Some(Struck(Fault::EmptyPage))),
    };
    let units = units::resource_units(&call.method, &call.route(), &call.query);
    let (result, full) = match graph.behaviour.charge(&call) {
        Err(refused) => (Ok(refused), None),
        Ok(full) => {
            let only_reads = graph.behaviour.only_reads(std::iter::once(&call));
            let answered = graph.behaviour.with(&graph.store, only_reads, |answer| answer(&call));
            (answered.unwrap_or_else(|error| Err(respond::not_stored(&error))), full)
        }
    };
    Answered { result, units: Some(units), items: Vec::new(), full }
}

/// 401 is about the token itself; what it may do comes later (entra.md §1.1).
fn authenticate(tenant: &Tenant, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let bearer = header(headers, "authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if bearer.trim().is_empty() {
        return Err(Refusal::unauthenticated("Access token is empty."));
    }
    let claims = token::verify(tenant, bearer.trim()).map_err(|rejected| match rejected {
        Rejected::NotOurs => Refusal::unauthenticated("Access token validation failure."),
        Rejected::Expired => Refusal::unauthenticated("Access token has expired or is not yet valid."),
    })?;
    if signin::audience(tenant, &claims.aud) != Some(signin::Audience::Graph) {
        return Err(Refusal::unauthenticated("Access token validation failure. Invalid audience."));
    }
    let caller = Caller::new(claims.appid, claims.oid, claims.roles);
    let Some(name) = header(headers, BY_HAND) else { return Ok(caller) };
    let person = tenant.find_principal(&SeedPrincipal::User(name.to_owned()));
    let person = person.ok_or_else(|| Refusal::bad_request(format!("{BY_HAND}: nobody is '{name}' here.")))?;
    Ok(caller.through(person))
}

async fn sign_in(State(graph): State<Arc<Graph>>, Path(tenant): Path<String>, form: Bytes) -> Response {
    let life = graph.lifetimes.access_token;
    let (status, body) = graph.store.read(|state| signin::token(state, &tenant, &form, life));
    respond::plain(status, &body)
}

async fn openid_configuration(
    State(graph): State<Arc<Graph>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (status, body) = graph.store.read(|tenant| {
        if signin::is_tenant(tenant, &name) {
            (StatusCode::OK, metadata::openid_configuration(tenant, &origin(&headers)))
        } else {
            signin::no_such_tenant(&name)
        }
    });
    respond::plain(status, &body)
}

async fn instance_discovery(State(graph): State<Arc<Graph>>, headers: HeaderMap) -> Response {
    let body = graph.store.read(|tenant| metadata::instance_discovery(tenant, &origin(&headers)));
    respond::plain(StatusCode::OK, &body)
}

async fn cloud_endpoints(State(graph): State<Arc<Graph>>, headers: HeaderMap) -> Response {
    let body = graph.store.read(|tenant| metadata::cloud_endpoints(tenant, &origin(&headers)));
    respond::plain(StatusCode::OK, &body)
}

/// Azure CLI asks at sign-in which subscriptions there are; this tenant has none.
async fn subscriptions(State(graph): State<Arc<Graph>>, headers: HeaderMap) -> Response {
    match graph.store.read(|tenant| authenticate(tenant, &headers)) {
        Ok(_) => respond::plain(StatusCode::OK, &json!({"value": []})),
        Err(refusal) => {
            let ids = RequestIds::new(&headers);
            respond::reply(ids.refuse(&refusal), &ids, None, Note::default())
        }
    }
}

async fn not_modelled(request: Request) -> Response {
    let ids = RequestIds::new(request.headers());
    let refusal = Refusal::not_modelled(&format!("{} {}", request.method(), request.uri().path()));
    respond::reply(ids.refuse(&refusal), &ids, None, Note::default())
}

/// The origin under which the client reached us.
fn origin(headers: &HeaderMap) -> String {
    format!("https://{}", header(headers, "host").unwrap_or("localhost"))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
