//! From a request to its answer: who sends it, may they, and which operation it is.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use super::Shared;
use super::account;
use super::authentication::{User, authenticate};
use super::authorize::{Action, authorize, refuse};
use super::body::{self, PatchType};
use super::decode;
use super::discovery;
use super::impersonation::impersonate;
use super::kind::Kind;
use super::list::list;
use super::object::whole;
use super::openapi;
use super::options::{DeleteOptions, Unknown, Write, WriteOptions};
use super::request::Request;
use super::review::Review;
use super::schema;
use super::state::ClusterState;
use super::status::{Failure, answer};
use super::write::{self, Outcome, Target};

/// The resources of the core group that a real server has and this one does not.
const OTHER_CORE: [&str; 16] = [
    "bindings",
    "componentstatuses",
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "tokenreviews",
];

/// The API groups that a real server has and this one does not.
const OTHER_GROUPS: [&str; 17] = [
    "admissionregistration.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// Serves one request.
pub(super) async fn serve(State(shared): State<Shared>, request: http::Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, body::LARGEST).await else {
        return Failure::too_large(body::LARGEST).into_response();
    };
    handle(&shared, &head, &body).unwrap_or_else(Failure::into_response)
}

fn handle(shared: &Shared, head: &Parts, body: &Bytes) -> Result<Response, Failure> {
    let sender = authenticate(shared, &head.headers)?;
    let user = shared.store.read(|state| impersonate(state, sender, &head.headers))?;
    let request = Request::parse(&head.method, head.uri.path(), head.uri.query().unwrap_or_default());
    shared.store.read(|state| allow(state, &user, &Action::of(&request)))?;
    if !request.is_resource {
        let kinds = shared.store.read(ClusterState::kinds);
        return plain(&head.method, &request.path, &kinds);
    }
    let Request { group, version, resource, .. } = &request;
    if let Some(kind) = shared.store.read(|state| state.kind_at(group, version, resource)) {
        let call = Call { shared, head, body, user: &user, request: &request, kind };
        return call.serve();
    }
    if let Some(review) = Review::of(group, version, resource) {
        return reviewed(shared, head, body, &user, &request, review);
    }
    unknown(&request)
}

/// 403 unless the user may.
pub(super) fn allow(state: &ClusterState, user: &User, action: &Action) -> Result<(), Failure> {
    let decision = authorize(state, user, action);
    if decision.allowed { Ok(()) } else { Err(refuse(user, action, &decision)) }
}

/// A resource that is not served: 501 when Kubernetes has it, 404 when it has not.
fn unknown(request: &Request) -> Result<Response, Failure> {
    let Request { group, version, resource, .. } = request;
    let is_real = match group.as_str() {
        "" => version == "v1" && OTHER_CORE.contains(&resource.as_str()),
        "authentication.k8s.io" => version == "v1" && resource == "tokenreviews",
        group => OTHER_GROUPS.contains(&group),
    };
    if is_real {
        Err(Failure::not_modelled(resource))
    } else if discovery::is_served(group) {
        Err(Failure::no_such_resource())
    } else {
        Ok(no_such_page())
    }
}

/// Discovery, health and everything else outside of resources.
fn plain(method: &Method, path: &str, kinds: &[Kind]) -> Result<Response, Failure> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let document = || discovery::document(path, kinds).or_else(|| openapi::document(path, kinds));
    if let Some(document) = document().filter(|_| is_read) {
        return Ok(answer(StatusCode::OK, &document));
    }
    let first = path.trim_matches('/').split('/').next().unwrap_or_default();
    match first {
        "healthz" | "livez" | "readyz" if is_read => Ok(text(StatusCode::OK, "ok")),
        "metrics" | "openapi" | "logs" | "debug" | ".well-known" => Err(Failure::not_modelled(path)),
        _ if document().is_some() => Err(Failure::method_not_allowed()),
        "apis" if path.trim_matches('/').split('/').nth(1).is_some_and(discovery::is_served) => {
            Err(Failure::no_such_resource())
        }
        _ => Ok(no_such_page()),
    }
}

/// What the real server's router says of a path that it does not have.
fn no_such_page() -> Response {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn text(code: StatusCode, text: &'static str) -> Response {
    (code, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn reviewed(
    shared: &Shared,
    head: &Parts,
    body: &Bytes,
    user: &User,
    request: &Request,
    review: Review,
) -> Result<Response, Failure> {
    if request.verb != "create" {
        return Err(Failure::method_not_allowed());
    }
    if !request.name.is_empty() || review.is_namespaced() == request.namespace.is_empty() {
        return Err(Failure::no_such_resource());
    }
    let options = WriteOptions::parse(Write::Create, &request.query, &head.headers)?;
    let body = body::object(&head.headers, body, review.name(), review.shape())?;
    let reviewed =
        shared.store.read(|state| review.answer(state, user, &request.namespace, &body, options.is_strict()))?;
    Ok(answer(StatusCode::CREATED, &reviewed))
}

/// A request for stored objects.
struct Call<'a> {
    shared: &'a Shared,
    head: &'a Parts,
    body: &'a Bytes,
    user: &'a User,
    request: &'a Request,
    kind: Kind,
}

impl Call<'_> {
    fn serve(&self) -> Result<Response, Failure> {
        let Request { verb, namespace, name, subresource, path, .. } = self.request;
        let kind = self.kind;
        if kind == Kind::ServiceAccount && subresource == "token" && !namespace.is_empty() {
            return self.token();
        }
        if !subresource.is_empty() {
            return Err(match (kind, subresource.as_str()) {
                (Kind::Namespace, "status" | "finalize") => Failure::not_modelled(path),
                (kind, "status") if kind.has_status() => Failure::not_modelled(path),
                _ => Failure::no_such_resource(),
            });
        }
        if !kind.is_namespaced() && kind != Kind::Namespace && !namespace.is_empty() {
            return Err(Failure::no_such_resource());
        }
        // `namespaces/<n>` has <n> for a namespace, too, but lies in none.
        let namespace = if kind.is_namespaced() { namespace.as_str() } else { "" };
        let is_collection = self.is_collection();
        let lacks_namespace = kind.is_namespaced() && namespace.is_empty();
        if lacks_namespace && !is_collection {
            return Err(Failure::no_such_resource());
        }
        match verb.as_str() {
            "watch" | "deletecollection" => return Err(Failure::not_modelled(verb)),
            _ if self.head.method == Method::HEAD => return Err(Failure::method_not_allowed()),
            "create" if lacks_namespace || !is_collection => return Err(Failure::method_not_allowed()),
            "update" | "patch" if is_collection => return Err(Failure::method_not_allowed()),
            _ => {}
        }
        let target = Target { user: self.user, kind, namespace, name };
        match verb.as_str() {
            "list" => {
                let list = self.shared.store.read(|state| list(state, kind, self.request))?;
                Ok(answer(StatusCode::OK, &list))
            }
            "get" => self.get(target),
            "create" => {
                let options = self.options(Write::Create)?;
                let body = self.object()?;
                let made = self.write(options.dry_run, |state| write::create(state, target, &body, &options));
                Ok(self.with_warnings(made, &body, &options))
            }
            "update" => {
                let options = self.options(Write::Update)?;
                let body = self.object()?;
                let replaced = self.write(options.dry_run, |state| {
                    write::replace(state, target, &body, &options, |state| self.may_create(state))
                });
                Ok(self.with_warnings(replaced, &body, &options))
            }
            "patch" => self.patch(target),
            "delete" => {
                let body = body::delete(&self.head.headers, self.body)?;
                let options = DeleteOptions::parse(body, &self.request.query)?;
                self.write(options.dry_run, |state| write::delete(state, target, &options))
            }
            _ => Err(Failure::method_not_allowed()),
        }
    }

    /// Whether the path ends with the resource; a list by name has a name from its selector.
    fn is_collection(&self) -> bool {
        self.request.name.is_empty() || matches!(self.request.verb.as_str(), "list" | "watch")
    }

    fn get(&self, target: Target<'_>) -> Result<Response, Failure> {
        let Target { kind, namespace, name, .. } = target;
        let asked = self.request.query.get("resourceVersion").parse().unwrap_or(0);
        self.shared.store.read(|state| {
            if asked > state.revision() {
                return Err(Failure::too_large_resource_version(asked, state.revision()));
            }
            let found = state.get(kind, namespace, name);
            let found = found.ok_or_else(|| Failure::not_found(kind.group(), kind.plural(), name))?;
            Ok(answer(StatusCode::OK, &whole(kind, found)))
        })
    }

    /// The only subresource: a token for a service account.
    fn token(&self) -> Result<Response, Failure> {
        if self.request.verb != "create" {
            return Err(Failure::method_not_allowed());
        }
        let options = self.options(Write::Create)?;
        if options.dry_run {
            return Err(Failure::not_modelled("a token that is only tried"));
        }
        let body = body::object(&self.head.headers, self.body, "TokenRequest", schema::TOKEN_REQUEST)?;
        let Request { namespace, name, .. } = self.request;
        let change = |state: &mut ClusterState| account::request(state, namespace, name, &body, options.is_strict());
        let requested = self.shared.store.write(change);
        let requested = requested.map_err(|error| not_written(&error))?;
        Ok(answer(StatusCode::CREATED, &requested?))
    }

    fn patch(&self, target: Target<'_>) -> Result<Response, Failure> {
        match body::patch_type(&self.head.headers, self.kind)? {
            PatchType::Merge => {
                let options = self.options(Write::Patch)?;
                let patch = body::patch(self.body)?;
                let patched = self.write(options.dry_run, |state| write::merge_patch(state, target, &patch, &options));
                Ok(self.with_warnings(patched, &patch, &options))
            }
            PatchType::Apply => {
                let options = self.options(Write::Apply)?;
                let config = body::configuration(self.body)?;
                self.write(options.dry_run, |state| {
                    write::apply(state, target, config, &options, |state| self.may_create(state))
                })
            }
        }
    }

    /// A PUT or PATCH that makes an object needs `create` on the URL's name, too, so rules with resourceNames count.
    fn may_create(&self, state: &ClusterState) -> Result<(), Failure> {
        allow(state, self.user, &Action::of(&Request { verb: "create".to_owned(), ..self.request.clone() }))
    }

    fn options(&self, write: Write) -> Result<WriteOptions, Failure> {
        WriteOptions::parse(write, &self.request.query, &self.head.headers)
    }

    fn object(&self) -> Result<Value, Failure> {
        body::object(&self.head.headers, self.body, self.kind.name(), self.kind.shape())
    }

    /// Tells of the keys of a body that are none of the kind's; a refusal does, too.
    fn with_warnings(&self, written: Result<Response, Failure>, body: &Value, options: &WriteOptions) -> Response {
        let mut response = written.unwrap_or_else(Failure::into_response);
        if options.unknown == Unknown::Told {
            let warnings = decode::check(body, self.kind.shape());
            // What cannot stand in a header is left out.
            for warning in warnings.warnings().filter_map(|text| HeaderValue::from_str(&text).ok()) {
                response.headers_mut().append(header::WARNING, warning);
            }
        }
        response
    }

    /// Runs a write on the stored state, or on a copy of it that is thrown away.
    fn write(&self, dry_run: bool, change: impl FnOnce(&mut ClusterState) -> Outcome) -> Result<Response, Failure> {
        let outcome = if dry_run {
            let mut copy = self.shared.store.read(Clone::clone);
            change(&mut copy)
        } else {
            let written = self.shared.store.write(change);
            written.map_err(|error| not_written(&error))?
        };
        let (code, body) = outcome?;
        Ok(answer(code, &body))
    }
}

fn not_written(error: &std::io::Error) -> Failure {
    Failure::internal(format!("the sandbox's state could not be written: {error}"))
}
