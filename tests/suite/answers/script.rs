//! A conversation with an API server, and what is kept of it.

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderMap, Method, Request};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crate::suite::Part;

pub(super) const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
pub(super) const CORE: &str = "/api/v1";
pub(super) const REVIEWS: &str = "/apis/authorization.k8s.io/v1";
pub(super) const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
pub(super) const JSON: &str = "application/json";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const APPLY: &str = "application/apply-patch+yaml";

/// Somewhere to ask: a kubeconfig with the context `real-one`, whose user is in `system:masters`.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) kubeconfig: String,
    pub(crate) is_sandbox: bool,
}

/// What a server answered, an entry for each thing that it was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Transcript {
    pub(crate) answers: Vec<String>,
    /// How many of them the sandbox says that it does not model (501).
    pub(crate) not_modelled: usize,
}

impl std::fmt::Display for Transcript {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.answers.join("\n"))
    }
}

/// A conversation: what was asked, with the answer's code, reason, message and details, and what else matters of it.
pub(super) struct Script {
    pub(super) part: Part,
    pub(super) is_sandbox: bool,
    /// Headers of every request from now on.
    pub(super) headers: Vec<(&'static str, String)>,
    /// What differs from server to server, and what is written for it.
    called: Vec<(String, &'static str)>,
    said: Transcript,
}

impl Script {
    pub(super) async fn new(server: &Server, name: &'static str) -> Self {
        let part = Part::new(&server.kubeconfig, name).await;
        let (headers, called) = (Vec::new(), Vec::new());
        Self { part, is_sandbox: server.is_sandbox, headers, called, said: Transcript::default() }
    }

    /// Code, headers and body of an answer.
    async fn exchange(&self, method: &Method, path: &str, media_type: &str, body: &Value) -> (u16, HeaderMap, Value) {
        let mut request = Request::builder().method(method).uri(path).header("content-type", media_type);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = match body {
            Value::Null => Vec::new(),
            // Anything but JSON.
            Value::String(text) => text.clone().into_bytes(),
            body => body.to_string().into_bytes(),
        };
        let response = self.part.admin.send(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.into_body().collect_bytes().await.unwrap();
        let text = || Value::from(String::from_utf8_lossy(&bytes).into_owned());
        (code, headers, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    }

    /// Code and body of an answer, of which nothing is noted.
    pub(super) async fn send(&self, method: &Method, path: &str, media_type: &str, body: &Value) -> (u16, Value) {
        let (code, _, body) = self.exchange(method, path, media_type, body).await;
        (code, body)
    }

    /// Asks, notes the answer under a label, and gives the body back.
    pub(super) async fn ask(
        &mut self,
        label: &str,
        method: Method,
        path: &str,
        media_type: &str,
        body: Value,
    ) -> Value {
        let (code, headers, body) = self.exchange(&method, path, media_type, &body).await;
        let mut answer = describe(code, &body);
        for warning in headers.get_all("warning") {
            write!(answer, "\n  Warning: {}", warning.to_str().unwrap()).unwrap();
        }
        self.answered(label, &answer);
        body
    }

    /// Asks for what the sandbox says that it does not model, and what Kubernetes does.
    pub(super) async fn ask_beyond(&mut self, label: &str, method: Method, path: &str, media_type: &str, body: Value) {
        let (code, body) = self.send(&method, path, media_type, &body).await;
        assert_eq!(code == 501, self.is_sandbox, "{label}: {code} {body}");
        self.answered(label, "not modelled: the sandbox answers 501");
        self.said.not_modelled += 1;
    }

    /// Notes one answer.
    pub(super) fn answered(&mut self, label: &str, answer: &str) {
        let line = self.in_words(&format!("{label}: {answer}"));
        self.said.answers.push(line);
    }

    /// Adds what more of the last answer matters.
    pub(super) fn note(&mut self, text: &str) {
        let text = self.in_words(text);
        let last = self.said.answers.last_mut().expect("something was asked before");
        write!(last, "\n  {text}").unwrap();
    }

    /// From now on this text, which differs from server to server, is written as that word.
    pub(super) fn call(&mut self, text: &Value, word: &'static str) {
        self.called.push((text.as_str().expect("a text").to_owned(), word));
    }

    fn in_words(&self, text: &str) -> String {
        self.called.iter().fold(text.to_owned(), |text, (differs, word)| text.replace(differs, word))
    }

    pub(super) async fn get(&mut self, label: &str, path: &str) -> Value {
        self.ask(label, Method::GET, path, JSON, Value::Null).await
    }

    pub(super) async fn post(&mut self, label: &str, path: &str, body: Value) -> Value {
        self.ask(label, Method::POST, path, JSON, body).await
    }

    pub(super) async fn put(&mut self, label: &str, path: &str, body: Value) -> Value {
        self.ask(label, Method::PUT, path, JSON, body).await
    }

    pub(super) async fn merge(&mut self, label: &str, path: &str, body: Value) -> Value {
        self.ask(label, Method::PATCH, path, MERGE, body).await
    }

    pub(super) async fn apply(&mut self, label: &str, path: &str, body: Value) -> Value {
        self.apply_as(label, path, "probe", body).await
    }

    /// A server-side apply by a field manager; `probe&force=true` is one that forces.
    pub(super) async fn apply_as(&mut self, label: &str, path: &str, manager: &str, body: Value) -> Value {
        self.ask(label, Method::PATCH, &format!("{path}?fieldManager={manager}"), APPLY, body).await
    }

    pub(super) async fn delete(&mut self, label: &str, path: &str, options: Value) -> Value {
        self.ask(label, Method::DELETE, path, JSON, options).await
    }

    /// Does something that must succeed and is not part of the conversation.
    pub(super) async fn prepare(&self, path: &str, body: &Value) -> Value {
        let (code, body) = self.send(&Method::POST, path, JSON, body).await;
        assert_eq!(code, 201, "{body}");
        body
    }

    /// What is there, which is not part of the conversation.
    pub(super) async fn live(&self, path: &str) -> Value {
        let (code, body) = self.send(&Method::GET, path, JSON, &Value::Null).await;
        assert_eq!(code, 200, "{body}");
        body
    }

    /// Asks until the server has it, which takes a moment where caches and controllers follow, and notes nothing.
    pub(super) async fn until(&self, path: &str, holds: impl Fn(u16, &Value) -> bool) -> Value {
        for _ in 0..1200 {
            let (code, body) = self.send(&Method::GET, path, JSON, &Value::Null).await;
            if holds(code, &body) {
                return body;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{path} never came to be so");
    }

    /// Asks until the authorizer says so, and notes nothing.
    pub(super) async fn until_allowed(&self, spec: &Value) {
        for _ in 0..1200 {
            let answer = self.prepare(&format!("{REVIEWS}/subjectaccessreviews"), &json!({ "spec": spec })).await;
            if answer["status"]["allowed"] == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never allowed: {spec}");
    }

    /// Waits until the authorizer knows every role and binding that was written before: it follows each of the four
    /// kinds in the order of the writes, so it knows them when it knows the last of each.
    pub(super) async fn settle(&self, sentinel: &str) {
        let (here, user) = (format!("{RBAC}/namespaces/{}", self.part.name), format!("{sentinel}-last"));
        let last = json!([{ "apiGroups": ["contoso.com"], "resources": ["last"], "verbs": ["get"] }]);
        let subjects = json!([{ "kind": "User", "name": user }]);
        let metadata = json!({ "name": user });
        for (path, kind) in [(RBAC, "ClusterRole"), (here.as_str(), "Role")] {
            let at = |object: &str| format!("{path}/{object}");
            let (holders, bindings) = if kind == "Role" {
                (at("roles"), at("rolebindings"))
            } else {
                (at("clusterroles"), at("clusterrolebindings"))
            };
            // Each kind has a verb of its own, so that neither's answer can stand for the other's.
            let mut held = last.clone();
            held[0]["verbs"][0] = kind.into();
            self.prepare(&holders, &json!({ "metadata": metadata, "rules": held })).await;
            let bound =
                json!({ "metadata": metadata, "subjects": subjects, "roleRef": { "kind": kind, "name": user } });
            self.prepare(&bindings, &bound).await;
        }
        for kind in ["ClusterRole", "Role"] {
            let attributes =
                json!({ "group": "contoso.com", "resource": "last", "verb": kind, "namespace": self.part.name });
            self.until_allowed(&json!({ "user": user, "resourceAttributes": attributes })).await;
        }
    }

    /// Gives a user the rules of a new ClusterRole of the same name, everywhere, and waits until the authorizer knows.
    pub(super) async fn grant(&self, user: &str, rules: Value) {
        self.grant_by(user, user, rules).await;
    }

    /// The same by a role and a binding of another name.
    pub(super) async fn grant_by(&self, name: &str, user: &str, rules: Value) {
        let first = &rules[0];
        let attributes = json!({
            "group": first["apiGroups"][0], "resource": first["resources"][0], "verb": first["verbs"][0],
            "name": first["resourceNames"][0],
        });
        let role = json!({ "metadata": { "name": name }, "rules": rules });
        self.prepare(&format!("{RBAC}/clusterroles"), &role).await;
        let bound = json!({
            "metadata": { "name": name }, "roleRef": { "kind": "ClusterRole", "name": name },
            "subjects": [{ "kind": "User", "name": user }],
        });
        self.prepare(&format!("{RBAC}/clusterrolebindings"), &bound).await;
        self.until_allowed(&json!({ "user": user, "resourceAttributes": attributes })).await;
    }

    /// A token of a new service account, as a header has it.
    pub(super) async fn token(&self, name: &str) -> String {
        let accounts = format!("{CORE}/namespaces/{}/serviceaccounts", self.part.name);
        self.prepare(&accounts, &json!({ "metadata": { "name": name } })).await;
        let request = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
        let answer = self.prepare(&format!("{accounts}/{name}/token"), &request).await;
        format!("Bearer {}", answer["status"]["token"].as_str().unwrap())
    }

    /// Who the server says that the bearer of a token is. (Without one, it is a setting whether that is anybody.)
    pub(super) async fn as_bearer(&self, authorization: &str, headers: &[(&'static str, &str)]) -> (u16, Value) {
        let options = KubeConfigOptions { context: Some("real-one".to_owned()), ..KubeConfigOptions::default() };
        let kubeconfig = Kubeconfig::read_from(&self.part.kubeconfig).unwrap();
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        config.proxy_url = None;
        config.auth_info = kube::config::AuthInfo::default();
        let client = kube::Client::try_from(config).unwrap();
        let mut request = Request::builder().method(Method::POST).uri(WHO).header("content-type", JSON);
        request = request.header("authorization", authorization);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" }).to_string();
        let response = client.send(request.body(Body::from(review.into_bytes())).unwrap()).await.unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        (code, serde_json::from_slice(&bytes).unwrap())
    }

    /// Everything from now on is asked as this user.
    pub(super) fn as_user(&mut self, name: &str) {
        self.headers = vec![("impersonate-user", name.to_owned())];
    }

    /// Everything from now on is asked as the user of the kubeconfig.
    pub(super) fn as_admin(&mut self) {
        self.headers.clear();
    }

    /// What was said, and everything is taken away again.
    pub(super) async fn end(self) -> Transcript {
        self.part.end().await;
        self.said
    }
}

/// An answer in a line: the code, and all that a Status says beside what every one of them does.
pub(super) fn describe(code: u16, body: &Value) -> String {
    if (200..300).contains(&code) {
        return code.to_string();
    }
    let Some(status) = body.as_object() else { return format!("{code} {}", body.as_str().unwrap_or_default().trim()) };
    let mut rest = status.clone();
    let mut word = |field: &str| match rest.remove(field) {
        Some(Value::String(word)) => word,
        _ => String::new(),
    };
    // Of several wrong fields the real server tells now one first and now another.
    let message = word("message");
    let message = match message.split_once("errors:\n") {
        Some((head, fields)) => {
            let mut fields: Vec<&str> = fields.lines().collect();
            fields.sort_unstable();
            format!("{head}errors:\n{}", fields.join("\n"))
        }
        None => message,
    };
    let mut answer = format!("{code} {}: {message}", word("reason"));
    if rest.get_mut("metadata").and_then(|metadata| metadata.as_object_mut()?.remove("continue")).is_some() {
        answer.push_str(" (with a token to go on)");
    }
    // The fields of several managers are told in no order.
    if let Some(causes) = rest.get_mut("details").and_then(|details| details.get_mut("causes")?.as_array_mut())
        && causes.iter().all(|cause| cause["reason"] == "FieldManagerConflict")
    {
        causes.sort_by_key(ToString::to_string);
    }
    let common = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code });
    rest.retain(|field, value| common.get(field) != Some(value));
    if !rest.is_empty() {
        write!(answer, "\n  {}", Value::Object(rest)).unwrap();
    }
    answer
}

/// What of an object does not depend on when and where it was made.
pub(super) fn essence(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["uid", "creationTimestamp", "resourceVersion", "deletionTimestamp"] {
            metadata.remove(field);
        }
        if let Some(entries) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            for entry in entries.iter_mut() {
                entry.as_object_mut().unwrap().remove("time");
            }
            // The server has them by time, to the second, and only within one by name.
            let key = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
            entries.sort_by_key(|entry| {
                ["operation", "manager", "apiVersion", "subresource"].map(|field| key(entry, field))
            });
        }
    }
    object
}

/// The same without who owns which field.
pub(super) fn content(object: Value) -> Value {
    let mut object = essence(object);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

/// An object of the RBAC API.
pub(super) fn rbac(kind: &str, name: &str, body: Value) -> Value {
    let mut object =
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": { "name": name } });
    if let Value::Object(fields) = body {
        for (field, value) in fields {
            object[field] = value;
        }
    }
    object
}

pub(super) fn cluster_role(name: &str, rules: &Value) -> Value {
    rbac("ClusterRole", name, json!({ "rules": rules }))
}

pub(super) fn secrets() -> Value {
    json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }])
}

pub(super) fn pods() -> Value {
    json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }])
}

/// A binding to a ClusterRole.
pub(super) fn bound(name: &str, role: &str) -> Value {
    json!({ "metadata": { "name": name }, "roleRef": { "kind": "ClusterRole", "name": role } })
}
