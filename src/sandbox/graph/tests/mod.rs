//! The embedded Graph, asked through its router without a socket.

use axum::body::Body as HttpBody;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::sandbox::faults::{Dialect, Faults, Faulty, Injector, inject};
use crate::sandbox::log::Note;
use crate::sandbox::{Seed, SeedGroup, SeedPrincipal, SeedUser};
use crate::state::ObjectId;

mod audit;
mod batch;
mod checklist;
mod delta;
mod directory;
mod faults;
mod groups;
mod history;
mod lists;
mod members;
mod membership;
mod permissions;
mod route_permissions;
mod signin;
mod spellings;

const ORIGIN: &str = "https://127.0.0.1:8443";

/// A tenant and somebody who asks it.
struct World {
    graph: Arc<Graph>,
    injector: Arc<Injector>,
    bearer: String,
}

/// A reply, read whole.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
    note: Note,
}

impl World {
    fn new(seed: &Seed) -> Self {
        Self::with(seed, Lifetimes::default(), &Faults::default())
    }

    fn faulty(seed: &Seed, faults: &Faults) -> Self {
        Self::with(seed, Lifetimes::default(), faults)
    }

    fn with(seed: &Seed, lifetimes: Lifetimes, faults: &Faults) -> Self {
        Self::of(Store::in_memory(seed.plant().unwrap()), lifetimes, faults, Duration::ZERO)
    }

    fn of(store: Store<Tenant>, lifetimes: Lifetimes, faults: &Faults, later: Duration) -> Self {
        let bearer = store.read(|tenant| {
            let (id, app) = tenant.apps.first_key_value().unwrap();
            let roles = app.roles.iter().cloned().collect();
            token::access_token(tenant, *id, app, "https://graph.microsoft.com", roles, lifetimes.access_token)
        });
        let injector = Arc::new(Injector::new(faults, crate::sandbox::log::GRAPH));
        let behaviour = Behaviour::new(faults, Arc::clone(&injector), later);
        Self { graph: Arc::new(Graph { store: Arc::new(store), lifetimes, behaviour }), injector, bearer }
    }

    /// Sends what `request` says, to the host that the sandbox would have.
    async fn ask(&self, request: Request<HttpBody>) -> Reply {
        let injector = Arc::clone(&self.injector);
        let faulty = Faulty { dialect: Dialect::Graph, latency: Duration::ZERO, injector };
        let response = inject(router(Arc::clone(&self.graph)), faulty).oneshot(request).await.unwrap();
        let (mut parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: parts.status.as_u16(),
            body: if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() },
            note: parts.extensions.remove().unwrap_or_default(),
            headers: parts.headers,
        }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
        let uri = path
            .strip_prefix(ORIGIN)
            .map_or_else(|| format!("/v1.0/{path}"), str::to_owned)
            .replace(' ', "%20")
            .replace('"', "%22");
        let mut request = Request::builder().method(method).uri(uri).header("host", "127.0.0.1:8443");
        request = request.header("authorization", format!("Bearer {}", self.bearer));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                HttpBody::from(body.to_string())
            }
            None => HttpBody::empty(),
        };
        self.ask(request.body(body).unwrap()).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &[], Some(body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send("PATCH", path, &[], Some(body)).await
    }

    async fn upsert(&self, unique_name: &str, body: Value) -> Reply {
        let path = format!("groups(uniqueName='{unique_name}')");
        self.send("PATCH", &path, &[("Prefer", "create-if-missing")], Some(body)).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], None).await
    }

    fn user(&self, name: &str) -> ObjectId {
        let named =
            |tenant: &Tenant| tenant.users.values().find(|user| user.user_principal_name == name).map(|user| user.id);
        self.graph.store.read(named).unwrap()
    }

    fn group(&self, name: &str) -> ObjectId {
        let named =
            |tenant: &Tenant| tenant.groups.values().find(|group| group.display_name == name).map(|group| group.id);
        self.graph.store.read(named).unwrap()
    }

    fn applier(&self) -> ObjectId {
        self.graph.store.read(|tenant| tenant.apps.first_key_value().unwrap().1.service_principal)
    }

    /// The members or owners of a group, by user principal name, display name or id.
    async fn list(&self, group: ObjectId, relation: &str) -> Vec<String> {
        let reply = self.get(&format!("groups/{group}/{relation}")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let name = |item: &Value| {
            let name = ["userPrincipalName", "displayName", "id"].iter().find_map(|key| item[key].as_str());
            name.unwrap().to_owned()
        };
        let mut names = reply.body["value"].as_array().unwrap().iter().map(name).collect::<Vec<_>>();
        names.sort();
        names
    }
}

impl Reply {
    /// Status, code and message of a refusal, or the status alone.
    fn said(&self) -> String {
        match &self.body["error"] {
            Value::Null => self.status.to_string(),
            error => {
                format!("{} {}: {}", self.status, error["code"].as_str().unwrap(), error["message"].as_str().unwrap())
            }
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A seed of contoso.com with these people.
fn people(names: &[&str]) -> Seed {
    let mut seed = Seed::new("contoso.com");
    seed.users.extend(
        names
            .iter()
            .map(|name| SeedUser { user_principal_name: Some(format!("{name}@contoso.com")), ..SeedUser::default() }),
    );
    seed
}

/// The seed with a group more.
fn with_group(mut seed: Seed, name: &str, change: impl FnOnce(&mut SeedGroup)) -> Seed {
    let mut group = SeedGroup { display_name: name.to_owned(), ..SeedGroup::default() };
    change(&mut group);
    seed.groups.push(group);
    seed
}

fn member(name: &str) -> SeedPrincipal {
    SeedPrincipal::User(format!("{name}@contoso.com"))
}

/// `@odata.id` of an object.
fn reference(id: ObjectId) -> String {
    format!("{ORIGIN}/v1.0/directoryObjects/{id}")
}

/// What a client posts to make a security group.
fn new_group(name: &str) -> Value {
    json!({"displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true, "groupTypes": []})
}
