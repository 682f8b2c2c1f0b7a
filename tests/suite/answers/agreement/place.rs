//! A server that the worlds are written to and that is asked about them.

use futures::StreamExt as _;
use http::{Method, Request};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rolecall::state::Cluster;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

use super::super::script::{CORE, JSON, RBAC, REVIEWS, Server};
use super::question::Question;
use super::rules::Stored;
use super::world::{NAME, Object, PLACES, World, namespaces};
use crate::suite::observe;

/// The context whose default roles no other test touches.
const CONTEXT: &str = "real-two";
/// How many requests are on their way at a time, each on a connection that is kept.
const AT_A_TIME: usize = 32;
/// How often is looked whether something has come to be, a twentieth of a second apart.
const LOOKS: usize = 1200;

pub(super) struct Place {
    client: Client,
    kubeconfig: PathBuf,
}

impl Place {
    pub(super) async fn new(server: &Server) -> Self {
        let kubeconfig = PathBuf::from(&server.kubeconfig);
        let options = KubeConfigOptions { context: Some(CONTEXT.to_owned()), ..KubeConfigOptions::default() };
        let mut config =
            Config::from_custom_kubeconfig(Kubeconfig::read_from(&kubeconfig).unwrap(), &options).await.unwrap();
        // Kube takes it from the environment, and the server is on this machine.
        config.proxy_url = None;
        Self { client: Client::try_from(config).unwrap(), kubeconfig }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder().method(method).uri(path).header("content-type", JSON);
        let response = self.client.send(request.body(Body::from(body)).unwrap()).await.unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        (code, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn make(&self, (collection, object): &Object) {
        let (code, body) = self.send(Method::POST, collection, object).await;
        assert_eq!(code, 201, "{object}\n{body}");
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let (code, body) = self.send(Method::GET, path, &Value::Null).await;
        assert_eq!(code, 200, "{body}");
        body["items"].as_array().unwrap().clone()
    }

    /// Writes all worlds, and waits until what is aggregated is stored and the authorizer has it all.
    pub(super) async fn write(&self, worlds: &[World]) {
        for namespace in namespaces() {
            self.make(&namespace).await;
        }
        let objects = worlds.iter().flat_map(|world| &world.objects);
        futures::stream::iter(objects).for_each_concurrent(AT_A_TIME, |object| self.make(object)).await;
        self.until("what is aggregated is stored", async || {
            let roles = self.list(&format!("{RBAC}/clusterroles")).await;
            roles.iter().filter(|role| is_ours(role)).all(|role| is_filled(role, &roles))
        })
        .await;
        self.settle().await;
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..LOOKS {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never came to be that {what}");
    }

    /// The authorizer follows each of the four kinds in the order of the writes, so that it knows all that was written before
    /// when it knows the last of each: one is written of every kind, and asked for.
    async fn settle(&self) {
        let user = format!("{NAME}-last");
        let here = format!("{RBAC}/namespaces/{}", PLACES[0]);
        for (path, role, verb) in [(RBAC, "ClusterRole", "wide"), (here.as_str(), "Role", "narrow")] {
            let rules = json!([{ "apiGroups": ["contoso.com"], "resources": ["last"], "verbs": [verb] }]);
            let kind = role.to_lowercase();
            self.make(&(format!("{path}/{kind}s"), json!({ "metadata": { "name": user }, "rules": rules }))).await;
            let bound = json!({
                "metadata": { "name": user }, "roleRef": { "kind": role, "name": user },
                "subjects": [{ "kind": "User", "name": user }],
            });
            self.make(&(format!("{path}/{kind}bindings"), bound)).await;
        }
        for verb in ["wide", "narrow"] {
            let attributes =
                json!({ "group": "contoso.com", "resource": "last", "verb": verb, "namespace": PLACES[0] });
            let spec = json!({ "user": user, "resourceAttributes": attributes });
            self.until("the authorizer knows the last that was written", async || self.may(&spec).await).await;
        }
    }

    async fn may(&self, spec: &Value) -> bool {
        let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec });
        let (code, body) = self.send(Method::POST, &format!("{REVIEWS}/subjectaccessreviews"), &review).await;
        assert_eq!(code, 201, "{spec}\n{body}");
        // Only an error of an authorizer other than RBAC could be in it.
        assert!(body["status"]["evaluationError"].is_null() && body["status"]["denied"] != true, "{spec}\n{body}");
        body["status"]["allowed"].as_bool().unwrap()
    }

    /// The answers, in the order of the questions.
    pub(super) async fn ask(&self, questions: &[Question]) -> Vec<bool> {
        let asking = futures::stream::iter(questions).map(async |question| self.may(&question.spec()).await);
        asking.buffered(AT_A_TIME).collect().await
    }

    /// What rolecall reads.
    pub(super) async fn observed(&self) -> Cluster {
        observe(&self.kubeconfig, CONTEXT).await.unwrap()
    }

    /// What is stored, as it is.
    pub(super) async fn stored(&self) -> Stored {
        let mut of_each = Vec::new();
        for kind in ["clusterroles", "roles", "clusterrolebindings", "rolebindings"] {
            of_each.push(self.list(&format!("{RBAC}/{kind}")).await);
        }
        Stored::new(&of_each[..2].concat(), &of_each[2..].concat())
    }

    /// Takes everything away again; the namespaces take with them what is in them. The controller makes a role anew that it
    /// fills at the moment when it is deleted (its server-side apply creates), so that roles are deleted until none is left, those
    /// that it fills first.
    pub(super) async fn end(&self) {
        let is_filled = |object: &Value| object["aggregationRule"].is_object();
        for (kind, filled_only) in [("clusterrolebindings", false), ("clusterroles", true), ("clusterroles", false)] {
            self.until("nothing is left", async || {
                let mut left = self.list(&format!("{RBAC}/{kind}")).await;
                left.retain(|object| is_ours(object) && (is_filled(object) || !filled_only));
                futures::stream::iter(&left).for_each_concurrent(AT_A_TIME, |object| self.delete(kind, object)).await;
                left.is_empty()
            })
            .await;
        }
        for name in PLACES {
            let (code, body) = self.send(Method::DELETE, &format!("{CORE}/namespaces/{name}"), &Value::Null).await;
            assert_eq!(code, 200, "{body}");
        }
    }

    async fn delete(&self, kind: &str, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap();
        let path = format!("{RBAC}/{kind}/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
        let (code, body) = self.send(Method::DELETE, &path, &Value::Null).await;
        assert_eq!(code, 200, "{body}");
    }
}

fn is_ours(object: &Value) -> bool {
    object["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(NAME))
}

/// Whether a role holds what those hold that it selects: what the controller of Kubernetes comes to.
fn is_filled(role: &Value, roles: &[Value]) -> bool {
    let selectors = role["aggregationRule"]["clusterRoleSelectors"].as_array().into_iter().flatten();
    let has = |value: &Value| role["rules"].as_array().into_iter().flatten().any(|rule| rule == value);
    let selects = |selector: &Value, other: &Value| {
        let labels = &other["metadata"]["labels"];
        let matched =
            selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| &labels[key] == value);
        let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
        matched
            && expressions.into_iter().all(|expression| {
                let values = expression["values"].as_array().unwrap();
                values.contains(&labels[expression["key"].as_str().unwrap()])
            })
    };
    selectors.into_iter().all(|selector| {
        let mut selected = roles.iter().filter(|other| other["metadata"]["name"] != role["metadata"]["name"]);
        selected.all(|other| !selects(selector, other) || other["rules"].as_array().into_iter().flatten().all(has))
    })
}
