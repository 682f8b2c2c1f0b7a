//! What a client asks that is not rolecall, and the answers that real API servers and the sandbox both give, word for
//! word. Each function takes a kubeconfig with the context `real-one`, whose user is in `system:masters`.

use std::fmt::Write as _;
use std::time::Duration;

use http::{Method, Request};
use kube::client::Body;
use serde_json::{Value, json};

use crate::suite::Part;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// A conversation with a server: what was asked, a line each, with the answer's code, reason and message.
struct Script {
    part: Part,
    /// Headers of every request from now on.
    headers: Vec<(&'static str, String)>,
    said: String,
}

impl Script {
    async fn new(kubeconfig: &str, name: &'static str) -> Self {
        Self { part: Part::new(kubeconfig, name).await, headers: Vec::new(), said: String::new() }
    }

    /// Code and body of an answer.
    async fn send(&self, method: &Method, path: &str, media_type: &str, body: &Value) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path).header("content-type", media_type);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let response = self.part.admin.send(request.body(Body::from(body)).unwrap()).await.unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        let text = || Value::from(String::from_utf8_lossy(&bytes).into_owned());
        (code, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    }

    /// Asks, notes the answer under a label, and gives the body back.
    async fn ask(&mut self, label: &str, method: Method, path: &str, media_type: &str, body: Value) -> Value {
        let (code, body) = self.send(&method, path, media_type, &body).await;
        let word = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        let answer = if (200..300).contains(&code) {
            code.to_string()
        } else {
            format!("{code} {}: {}", word("reason"), word("message"))
        };
        writeln!(self.said, "{label}: {answer}").unwrap();
        body
    }

    /// Adds what more of an answer matters.
    fn note(&mut self, text: &str) {
        writeln!(self.said, "{text}").unwrap();
    }

    async fn post(&mut self, label: &str, path: &str, body: Value) -> Value {
        self.ask(label, Method::POST, path, JSON, body).await
    }

    async fn apply(&mut self, label: &str, path: &str, body: Value) -> Value {
        self.ask(label, Method::PATCH, &format!("{path}?fieldManager=probe"), APPLY, body).await
    }

    /// Does something that must succeed and is not part of the conversation.
    async fn prepare(&self, path: &str, body: &Value) -> Value {
        let (code, body) = self.send(&Method::POST, path, JSON, body).await;
        assert_eq!(code, 201, "{body}");
        body
    }

    /// Gives a user the rules of a new ClusterRole, everywhere, and waits until the authorizer knows.
    async fn grant(&self, user: &str, rules: Value) {
        let first = &rules[0];
        let attributes = json!({
            "group": first["apiGroups"][0], "resource": first["resources"][0], "verb": first["verbs"][0],
            "name": first["resourceNames"][0],
        });
        let role = json!({ "metadata": { "name": user }, "rules": rules });
        self.prepare(&format!("{RBAC}/clusterroles"), &role).await;
        let bound = json!({
            "metadata": { "name": user }, "roleRef": { "kind": "ClusterRole", "name": user },
            "subjects": [{ "kind": "User", "name": user }],
        });
        self.prepare(&format!("{RBAC}/clusterrolebindings"), &bound).await;
        let review = json!({ "spec": { "user": user, "resourceAttributes": attributes } });
        for _ in 0..100 {
            let answer = self.prepare("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review).await;
            if answer["status"]["allowed"] == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{user} was never given {attributes}");
    }

    /// Everything from now on is asked as this user.
    fn as_user(&mut self, name: &str) {
        self.headers = vec![("impersonate-user", name.to_owned())];
    }

    /// What was said, and everything is taken away again.
    async fn end(self) -> String {
        self.part.end().await;
        self.said
    }
}

fn cluster_role(name: &str, rules: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": name }, "rules": rules,
    })
}

fn secrets() -> Value {
    json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }])
}

fn pods() -> Value {
    json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }])
}

/// A binding to a ClusterRole.
fn bound(name: &str, role: &str) -> Value {
    json!({ "metadata": { "name": name }, "roleRef": { "kind": "ClusterRole", "name": role } })
}

/// May write roles and bindings, read pods, escalate to one name and bind two.
fn writer(part: &str) -> Value {
    json!([
        { "apiGroups": ["rbac.authorization.k8s.io"],
          "resources": ["clusterroles", "roles", "clusterrolebindings", "rolebindings"],
          "verbs": ["create", "get", "patch", "update"] },
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["escalate"],
          "resourceNames": [format!("{part}-named")] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["bind"],
          "resourceNames": [format!("{part}-bindable"), format!("{part}-not-there")] },
    ])
}

pub(crate) async fn a_role_holds_no_more_than_its_writer(kubeconfig: &str) {
    let mut script = Script::new(kubeconfig, "esc-role").await;
    let (roles, user) = (format!("{RBAC}/clusterroles"), "esc-role-writer");
    script.grant(user, writer("esc-role")).await;
    script.prepare(&roles, &cluster_role("esc-role-secrets", &secrets())).await;
    script.as_user(user);

    script.post("held", &roles, cluster_role("esc-role-held", &pods())).await;
    let several = json!([
        { "apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["list", "get"] },
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["*"] },
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["watch"], "resourceNames": ["a", "b"] },
        { "nonResourceURLs": ["/metrics"], "verbs": ["get"] },
    ]);
    script.post("beyond", &roles, cluster_role("esc-role-beyond", &several)).await;
    let invalid = json!([secrets()[0], { "verbs": [] }]);
    script.post("before rules are looked at", &roles, cluster_role("esc-role-invalid", &invalid)).await;
    script.post("before names are", &roles, cluster_role("esc-role-held", &secrets())).await;

    let held = format!("{roles}/esc-role-held");
    let mut stale = cluster_role("esc-role-held", &secrets());
    script.ask("merge patch", Method::PATCH, &held, MERGE, json!({ "rules": secrets() })).await;
    script.apply("apply", &held, stale.clone()).await;
    script
        .apply("apply of nothing more", &format!("{roles}/esc-role-new"), cluster_role("esc-role-new", &pods()))
        .await;
    stale["metadata"]["resourceVersion"] = "1".into();
    script.ask("replace, before versions are", Method::PUT, &held, JSON, stale).await;

    let live = script.send(&Method::GET, &format!("{roles}/esc-role-secrets"), JSON, &Value::Null).await.1;
    let (name, path) = ("esc-role-secrets", format!("{roles}/esc-role-secrets"));
    script.ask("the same again", Method::PUT, &path, JSON, live).await;
    script.ask("without its version", Method::PUT, &path, JSON, cluster_role(name, &secrets())).await;
    script.apply("another manager of the same", &path, cluster_role(name, &secrets())).await;
    script.ask("a label", Method::PATCH, &path, MERGE, json!({ "metadata": { "labels": { "a": "b" } } })).await;

    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "r" }, "rules": secrets(),
    });
    let namespaced = format!("{RBAC}/namespaces/esc-role/roles");
    script.post("a Role", &namespaced, role.clone()).await;
    script.apply("a Role by apply", &format!("{namespaced}/r"), role).await;

    let named = cluster_role("esc-role-named", &secrets());
    script.post("escalate on a name, POST", &roles, named.clone()).await;
    script.apply("escalate on a name, apply", &format!("{roles}/esc-role-named"), named).await;
    let gathers = json!({
        "metadata": { "name": "esc-role-gathers" },
        "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": { "esc-role": "x" } }] },
    });
    script.post("aggregation", &roles, gathers.clone()).await;
    script.headers.clear();
    script.prepare(&roles, &gathers).await;
    script.as_user(user);
    let path = format!("{roles}/esc-role-gathers");
    script.ask("aggregation taken away", Method::PATCH, &path, MERGE, json!({ "aggregationRule": null })).await;

    insta::assert_snapshot!(script.end().await, @r#"
    held: 201
    beyond: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-role-beyond" is forbidden: user "esc-role-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["deployments"], Verbs:["list" "get"]}
    {APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["watch"]}
    {APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["watch"]}
    {APIGroups:[""], Resources:["pods"], Verbs:["*"]}
    {APIGroups:["apps"], Resources:["deployments"], Verbs:["list" "get"]}
    {APIGroups:["apps"], Resources:["pods"], Verbs:["list" "get"]}
    {NonResourceURLs:["/metrics"], Verbs:["get"]}
    before rules are looked at: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-role-invalid" is forbidden: user "esc-role-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    before names are: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-role-held" is forbidden: user "esc-role-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    merge patch: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-role-held" is forbidden: user "esc-role-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    apply: 409 Conflict: Apply failed with 1 conflict: conflict with "unknown" using rbac.authorization.k8s.io/v1: .rules
    apply of nothing more: 201
    replace, before versions are: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-role-held" is forbidden: user "esc-role-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    the same again: 200
    without its version: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-role-secrets" is forbidden: user "esc-role-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    another manager of the same: 200
    a label: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-role-secrets" is forbidden: user "esc-role-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    a Role: 403 Forbidden: roles.rbac.authorization.k8s.io "r" is forbidden: user "esc-role-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    a Role by apply: 403 Forbidden: roles.rbac.authorization.k8s.io "r" is forbidden: user "esc-role-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    escalate on a name, POST: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-role-named" is forbidden: user "esc-role-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    escalate on a name, apply: 201
    aggregation: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-role-gathers" is forbidden: must have cluster-admin privileges to use the aggregationRule
    aggregation taken away: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-role-gathers" is forbidden: must have cluster-admin privileges to use the aggregationRule
    "#);
}

pub(crate) async fn binding_takes_bind_or_the_rights(kubeconfig: &str) {
    let mut script = Script::new(kubeconfig, "esc-bind").await;
    let (roles, user) = (format!("{RBAC}/clusterroles"), "esc-bind-writer");
    script.grant(user, writer("esc-bind")).await;
    for name in ["esc-bind-bindable", "esc-bind-secrets"] {
        script.prepare(&roles, &cluster_role(name, &secrets())).await;
    }
    script.prepare(&roles, &cluster_role("esc-bind-pods", &pods())).await;
    let everywhere = format!("{RBAC}/clusterrolebindings");
    script.prepare(&everywhere, &bound("esc-bind-by-others", "esc-bind-secrets")).await;
    script.as_user(user);

    for path in [everywhere.clone(), format!("{RBAC}/namespaces/esc-bind/rolebindings")] {
        let kind = path.rsplit('/').next().unwrap();
        for role in ["pods", "bindable", "not-there", "secrets", "missing"] {
            let name = format!("esc-bind-{role}");
            script.post(&format!("{kind} to {role}"), &path, bound(&name, &name)).await;
        }
        let mut applied = bound("esc-bind-applied", "esc-bind-secrets");
        applied["apiVersion"] = "rbac.authorization.k8s.io/v1".into();
        applied["kind"] = if kind == "rolebindings" { "RoleBinding" } else { "ClusterRoleBinding" }.into();
        script.apply(&format!("{kind} applied"), &format!("{path}/esc-bind-applied"), applied).await;
    }
    let subjects = json!({ "subjects": [{ "kind": "User", "name": user }] });
    let path = format!("{everywhere}/esc-bind-by-others");
    script.ask("oneself among the subjects", Method::PATCH, &path, MERGE, subjects).await;
    let here = format!("{RBAC}/namespaces/esc-bind/rolebindings");
    let role = |kind: &str| json!({ "metadata": { "name": "x" }, "roleRef": { "kind": kind, "name": "x" } });
    script.post("to a Role that is not there", &here, role("Role")).await;
    script.post("to what is no role", &here, role("Rolle")).await;
    let nowhere = format!("{RBAC}/namespaces/esc-bind-nowhere/rolebindings");
    script.post("in no namespace", &nowhere, bound("x", "esc-bind-secrets")).await;

    insta::assert_snapshot!(script.end().await, @r#"
    clusterrolebindings to pods: 201
    clusterrolebindings to bindable: 201
    clusterrolebindings to not-there: 201
    clusterrolebindings to secrets: 403 Forbidden: clusterrolebindings.rbac.authorization.k8s.io "esc-bind-secrets" is forbidden: user "esc-bind-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    clusterrolebindings to missing: 404 NotFound: clusterrolebindings.rbac.authorization.k8s.io "esc-bind-missing" not found
    clusterrolebindings applied: 403 Forbidden: clusterrolebindings.rbac.authorization.k8s.io "esc-bind-applied" is forbidden: user "esc-bind-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    rolebindings to pods: 201
    rolebindings to bindable: 201
    rolebindings to not-there: 201
    rolebindings to secrets: 403 Forbidden: rolebindings.rbac.authorization.k8s.io "esc-bind-secrets" is forbidden: user "esc-bind-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    rolebindings to missing: 404 NotFound: rolebindings.rbac.authorization.k8s.io "esc-bind-missing" not found
    rolebindings applied: 403 Forbidden: rolebindings.rbac.authorization.k8s.io "esc-bind-applied" is forbidden: user "esc-bind-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    oneself among the subjects: 403 Forbidden: clusterrolebindings.rbac.authorization.k8s.io "esc-bind-by-others" is forbidden: user "esc-bind-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    to a Role that is not there: 404 NotFound: rolebindings.rbac.authorization.k8s.io "x" not found
    to what is no role: 500 : unsupported role reference kind: "Rolle"
    in no namespace: 404 NotFound: namespaces "esc-bind-nowhere" not found
    "#);
}

pub(crate) async fn what_a_binding_could_not_resolve_is_said(kubeconfig: &str) {
    let mut script = Script::new(kubeconfig, "esc-gone").await;
    let user = "esc-gone-writer";
    let mut dangling = bound("esc-gone-dangling", "esc-gone-not-there");
    dangling["subjects"] = json!([{ "kind": "User", "name": user }]);
    script.prepare(&format!("{RBAC}/clusterrolebindings"), &dangling).await;
    script.grant(user, writer("esc-gone")).await;
    script.as_user(user);
    let roles = format!("{RBAC}/clusterroles");
    script.post("a role", &roles, cluster_role("esc-gone-beyond", &secrets())).await;
    let role = json!({ "metadata": { "name": "r" }, "rules": secrets() });
    script.post("a Role", &format!("{RBAC}/namespaces/esc-gone/roles"), role).await;
    script.ask("not allowed", Method::DELETE, &format!("{roles}/view"), JSON, Value::Null).await;
    insta::assert_snapshot!(script.end().await, @r#"
    a role: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "esc-gone-beyond" is forbidden: user "esc-gone-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}; resolution errors: [clusterroles.rbac.authorization.k8s.io "esc-gone-not-there" not found]
    a Role: 403 Forbidden: roles.rbac.authorization.k8s.io "r" is forbidden: user "esc-gone-writer" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}; resolution errors: [roles.rbac.authorization.k8s.io "esc-gone-not-there" not found]
    not allowed: 403 Forbidden: clusterroles.rbac.authorization.k8s.io "view" is forbidden: User "esc-gone-writer" cannot delete resource "clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io "esc-gone-not-there" not found
    "#);
}

const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// Who the server says that the sender is.
async fn who(script: &mut Script, label: &str, headers: &[(&'static str, &str)]) {
    script.headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let answer = script.post(label, WHO, review).await;
    if answer["kind"] == "SelfSubjectReview" {
        writeln!(script.said, "  {}", answer["status"]["userInfo"]).unwrap();
    }
}

pub(crate) async fn whoever_is_impersonated_is_in_these_groups(kubeconfig: &str) {
    let mut script = Script::new(kubeconfig, "imp-groups").await;
    let user = ("impersonate-user", "ana");
    let account = ("impersonate-user", "system:serviceaccount:imp-groups:bot");
    let group = ("impersonate-group", "one");
    who(&mut script, "a user", &[user]).await;
    let all = [
        user,
        group,
        ("impersonate-group", "two"),
        ("impersonate-uid", "u1"),
        ("impersonate-extra-scopes", "s1"),
        ("impersonate-extra-scopes", "s2"),
        ("impersonate-extra-contoso.com%2fproject", "p"),
    ];
    who(&mut script, "with everything", &all).await;
    who(&mut script, "with an empty group", &[user, ("impersonate-group", "")]).await;
    who(&mut script, "a service account", &[account]).await;
    who(&mut script, "with a group", &[account, group]).await;
    who(&mut script, "in no namespace", &[("impersonate-user", "system:serviceaccount:Bad:bot")]).await;
    who(&mut script, "nobody", &[("impersonate-user", "system:anonymous")]).await;
    who(&mut script, "not authenticated", &[user, ("impersonate-group", "system:unauthenticated")]).await;
    who(&mut script, "no user", &[group]).await;
    who(&mut script, "an empty user", &[("impersonate-user", ""), group]).await;
    who(&mut script, "no user, group and uid", &[group, ("impersonate-uid", "u")]).await;
    who(&mut script, "no user, extra", &[("impersonate-extra-scopes", "x")]).await;
    script.headers.clear();
    insta::assert_snapshot!(script.end().await, @r#"
    a user: 201
      {"groups":["system:authenticated"],"username":"ana"}
    with everything: 201
      {"extra":{"contoso.com/project":["p"],"scopes":["s1","s2"]},"groups":["one","two","system:authenticated"],"uid":"u1","username":"ana"}
    with an empty group: 201
      {"groups":["","system:authenticated"],"username":"ana"}
    a service account: 201
      {"groups":["system:serviceaccounts","system:serviceaccounts:imp-groups","system:authenticated"],"username":"system:serviceaccount:imp-groups:bot"}
    with a group: 201
      {"groups":["one","system:authenticated"],"username":"system:serviceaccount:imp-groups:bot"}
    in no namespace: 201
      {"groups":["system:authenticated"],"username":"system:serviceaccount:Bad:bot"}
    nobody: 403 Forbidden: selfsubjectreviews.authentication.k8s.io is forbidden: User "system:anonymous" cannot create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope
    not authenticated: 403 Forbidden: selfsubjectreviews.authentication.k8s.io is forbidden: User "ana" cannot create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope
    no user: 400 BadRequest: requested [{Group  one    }] without impersonating a user
    an empty user: 400 BadRequest: requested [{Group  one    }] without impersonating a user
    no user, group and uid: 400 BadRequest: requested [{Group  one    } {UID  u  authentication.k8s.io/v1  }] without impersonating a user
    no user, extra: 400 BadRequest: requested [{UserExtra  x  authentication.k8s.io/v1  scopes}] without impersonating a user
    "#);
}

const CORE: &str = "/api/v1";

/// What of an object does not depend on when and where it was made.
fn essence(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["uid", "creationTimestamp", "resourceVersion", "deletionTimestamp"] {
            metadata.remove(field);
        }
        for entry in metadata.get_mut("managedFields").and_then(Value::as_array_mut).into_iter().flatten() {
            entry.as_object_mut().unwrap().remove("time");
        }
    }
    object
}

pub(crate) async fn a_service_account_is_an_object_and_somebody(kubeconfig: &str) {
    let mut script = Script::new(kubeconfig, "accounts").await;
    let accounts = format!("{CORE}/namespaces/accounts/serviceaccounts");
    let made = script.post("create", &accounts, json!({ "metadata": { "name": "bot" } })).await;
    script.note(&format!("  {}", essence(made.clone())));
    script.post("twice", &accounts, json!({ "metadata": { "name": "bot" } })).await;
    script.post("a wrong name", &accounts, json!({ "metadata": { "name": "Bot" } })).await;
    let path = format!("{accounts}/nobody");
    script.ask("replace nobody", Method::PUT, &path, JSON, json!({ "metadata": { "name": "nobody" } })).await;

    let request =
        |spec: Value| json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
    let path = format!("{accounts}/bot/token");
    script.post("a token for nobody", &format!("{accounts}/nobody/token"), request(json!({}))).await;
    script.post("a short token", &path, request(json!({ "expirationSeconds": 60 }))).await;
    script.ask("read a token", Method::GET, &path, JSON, Value::Null).await;
    let answer = script.post("a token", &path, request(json!({}))).await;
    let spec = answer["spec"].clone();
    script.note(&format!("  {spec}"));
    let elsewhere = script.post("for others", &path, request(json!({ "audiences": ["vault"] }))).await;

    let token = |answer: &Value| format!("Bearer {}", answer["status"]["token"].as_str().unwrap());
    let (code, who) = script.as_bearer(&token(&answer)).await;
    let info = &who["status"]["userInfo"];
    assert_eq!((code, &info["uid"]), (201, &made["metadata"]["uid"]));
    assert!(info["extra"]["authentication.kubernetes.io/credential-id"][0].as_str().unwrap().starts_with("JTI="));
    script.note(&format!("who: {} {}", info["username"], info["groups"]));
    assert_eq!(script.as_bearer(&token(&elsewhere)).await.0, 401, "a token for others is none here");

    let gone = script.ask("delete", Method::DELETE, &format!("{accounts}/bot"), JSON, Value::Null).await;
    assert_eq!((&gone["kind"], &gone["metadata"]["uid"]), (&json!("ServiceAccount"), &made["metadata"]["uid"]));
    insta::assert_snapshot!(script.end().await, @r#"
    create: 201
      {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"bot","namespace":"accounts"}}
    twice: 409 AlreadyExists: serviceaccounts "bot" already exists
    a wrong name: 422 Invalid: ServiceAccount "Bot" is invalid: metadata.name: Invalid value: "Bot": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
    replace nobody: 404 NotFound: serviceaccounts "nobody" not found
    a token for nobody: 404 NotFound: serviceaccounts "nobody" not found
    a short token: 422 Invalid: TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes
    read a token: 405 MethodNotAllowed: the server does not allow this method on the requested resource
    a token: 201
      {"audiences":["https://kubernetes.default.svc"],"boundObjectRef":null,"expirationSeconds":3600}
    for others: 201
    who: "system:serviceaccount:accounts:bot" ["system:serviceaccounts","system:serviceaccounts:accounts","system:authenticated"]
    delete: 200
    "#);
}

impl Script {
    /// Who the server says that the bearer of a token is.
    async fn as_bearer(&self, authorization: &str) -> (u16, Value) {
        let mut config = kube::Config::from_custom_kubeconfig(
            kube::config::Kubeconfig::read_from(&self.part.kubeconfig).unwrap(),
            &kube::config::KubeConfigOptions { context: Some("real-one".to_owned()), ..Default::default() },
        )
        .await
        .unwrap();
        config.proxy_url = None;
        config.auth_info = kube::config::AuthInfo::default();
        let client = kube::Client::try_from(config).unwrap();
        let request = Request::builder().method(Method::POST).uri(WHO).header("content-type", JSON);
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" }).to_string();
        let request = request.header("authorization", authorization).body(Body::from(review.into_bytes())).unwrap();
        let response = client.send(request).await.unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        (code, serde_json::from_slice(&bytes).unwrap())
    }

    /// Asks until the server has it, which takes a moment where controllers follow, and notes nothing.
    async fn until(&self, path: &str, holds: impl Fn(u16, &Value) -> bool) -> Value {
        for _ in 0..200 {
            let (code, body) = self.send(&Method::GET, path, JSON, &Value::Null).await;
            if holds(code, &body) {
                return body;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{path} never came to be so");
    }
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A namespaced kind `Widget` of an API group, with a schema and a status.
fn definition(group: &str) -> Value {
    let spec = json!({ "type": "object", "required": ["size"], "properties": {
        "size": { "type": "integer", "minimum": 1 },
        "color": { "type": "string", "enum": ["blue", "red"] },
        "tags": { "type": "array", "items": { "type": "string" } },
        "labels": { "type": "object", "additionalProperties": { "type": "string" } },
        "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
        "maybe": { "type": "string", "nullable": true },
    } });
    let status = json!({ "type": "object", "properties": { "phase": { "type": "string" } } });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("widgets.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced", "names": { "plural": "widgets", "kind": "Widget", "shortNames": ["wi"] },
            "versions": [{
                "name": "v3", "served": true, "storage": true, "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": spec, "status": status } } },
            }],
        },
    })
}

pub(crate) async fn a_custom_resource_is_defined_and_its_objects_are_kept(kubeconfig: &str) {
    let mut script = Script::new(kubeconfig, "widgets").await;
    let group = "widgets.contoso.com";
    let path = format!("{DEFINITIONS}/widgets.{group}");
    let made = script.post("define", DEFINITIONS, definition(group)).await;
    let without_owners = |mut object: Value| {
        object["metadata"].as_object_mut().unwrap().remove("managedFields");
        object
    };
    script.note(&format!("  {}\n  {}", essence(made.clone())["metadata"], made["status"]));
    let live = script.until(&path, |_, body| body["status"]["conditions"][1]["status"] == "True").await;
    let mut status = live["status"].clone();
    for condition in status["conditions"].as_array_mut().unwrap() {
        condition.as_object_mut().unwrap().remove("lastTransitionTime");
    }
    script.note(&format!("  {status}\n  {}", live["spec"]["names"]));
    script.post("twice", DEFINITIONS, definition(group)).await;
    let mut named = definition(group);
    named["metadata"]["name"] = "gadgets.contoso.com".into();
    script.post("a wrong name", DEFINITIONS, named).await;
    let mut bare = definition("bare.contoso.com");
    bare["spec"]["versions"][0].as_object_mut().unwrap().remove("schema");
    script.post("no schema", DEFINITIONS, bare).await;

    let api = format!("/apis/{group}/v3");
    let found = script.until(&api, |code, _| code == 200).await;
    let found = found["resources"][0].clone();
    script.note(&format!("  {} {} {}", found["name"], found["shortNames"], found["namespaced"]));
    let widgets = format!("{api}/namespaces/widgets/widgets");
    script.until(&widgets, |code, _| code == 200).await;
    let widget = |name: &str, spec: Value| json!({ "apiVersion": format!("{group}/v3"), "kind": "Widget", "metadata": { "name": name }, "spec": spec });
    let whole = json!({
        "size": 1, "unknown": 2, "color": "red", "tags": [], "labels": {}, "free": { "x": null, "y": { "z": 1 } },
        "maybe": null,
    });
    let mut with_status = widget("a", whole.clone());
    with_status["status"] = json!({ "phase": "made up" });
    let made = script.post("create", &widgets, with_status).await;
    script.note(&format!("  {}", essence(made)));
    for (label, spec) in [
        ("mistyped", json!({ "size": "1" })),
        ("too small", json!({ "size": 0 })),
        ("not in the enum", json!({ "size": 1, "color": "green" })),
        ("an item", json!({ "size": 1, "tags": [1] })),
        ("a value", json!({ "size": 1, "labels": { "a": true } })),
        ("required", json!({})),
    ] {
        script.post(label, &widgets, widget("bad", spec)).await;
    }
    script.post("a wrong name", &widgets, widget("Bad", json!({ "size": 1 }))).await;
    let mut gadget = widget("bad", json!({ "size": 1 }));
    gadget["kind"] = "Gadget".into();
    script.post("another kind", &widgets, gadget).await;
    script.post("strict", &format!("{widgets}?fieldValidation=Strict"), widget("bad", whole)).await;

    let a = format!("{widgets}/a");
    let patched =
        script.ask("a label", Method::PATCH, &a, MERGE, json!({ "metadata": { "labels": { "l": "1" } } })).await;
    script.note(&format!("  generation {}", patched["metadata"]["generation"]));
    let patched = script.ask("a size", Method::PATCH, &a, MERGE, json!({ "spec": { "size": 2 } })).await;
    script.note(&format!("  generation {}", patched["metadata"]["generation"]));
    let patched = script.ask("a status", Method::PATCH, &a, MERGE, json!({ "status": { "phase": "x" } })).await;
    script.note(&format!("  {}", patched["status"]));
    let strategic = "application/strategic-merge-patch+json";
    script.ask("strategic", Method::PATCH, &a, strategic, json!({ "spec": { "size": 3 } })).await;
    script.ask("replace", Method::PUT, &a, JSON, widget("a", json!({ "size": 3 }))).await;
    script.ask("replace nothing", Method::PUT, &format!("{widgets}/b"), JSON, widget("b", json!({ "size": 3 }))).await;

    let s = format!("{widgets}/s");
    let mine = json!({ "size": 1, "tags": ["a"], "labels": { "a": "b" }, "free": { "p": { "q": 1 } } });
    let applied = script.apply("apply", &s, widget("s", mine)).await;
    script.note(&format!("  {}", essence(applied)));
    let theirs = widget("s", json!({ "size": 2, "tags": ["b"], "labels": { "c": "d" } }));
    script.ask("conflict", Method::PATCH, &format!("{s}?fieldManager=other"), APPLY, theirs.clone()).await;
    let forced = format!("{s}?fieldManager=other&force=true");
    let applied = script.ask("forced", Method::PATCH, &forced, APPLY, theirs).await;
    script.note(&format!("  {}", essence(applied)));
    script.apply("unknown field", &s, widget("s", json!({ "bogus": 1 }))).await;
    let applied = script.apply("fewer fields", &s, widget("s", json!({ "free": {} }))).await;
    script.note(&format!("  {}", essence(applied)));

    let listed =
        script.ask("by label", Method::GET, &format!("{widgets}?labelSelector=l%3D1"), JSON, Value::Null).await;
    script.note(&format!("  {} {} {}", listed["kind"], listed["items"][0]["kind"], listed["metadata"]["continue"]));
    let page = script.ask("a page", Method::GET, &format!("{api}/widgets?limit=1"), JSON, Value::Null).await;
    script.note(&format!("  {} left", page["metadata"]["remainingItemCount"]));
    script.ask("by a field", Method::GET, &format!("{widgets}?fieldSelector=spec.size%3D1"), JSON, Value::Null).await;
    script.ask("another version", Method::GET, &format!("/apis/{group}/v1/widgets"), JSON, Value::Null).await;
    let gone = script.ask("delete", Method::DELETE, &a, JSON, Value::Null).await;
    script.note(&format!("  {} {}", gone["details"]["group"], gone["details"]["kind"]));
    script.ask("gone", Method::GET, &a, JSON, Value::Null).await;

    let ending = script.ask("undefine", Method::DELETE, &path, JSON, Value::Null).await;
    script.note(&format!("  {}", without_owners(essence(ending))["metadata"]));
    script.until(&path, |code, _| code == 404).await;
    script.until(&widgets, |code, _| code == 404).await;
    insta::assert_snapshot!(script.end().await, @r#"
    define: 201
      {"generation":1,"managedFields":[{"apiVersion":"apiextensions.k8s.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:conversion":{".":{},"f:strategy":{}},"f:group":{},"f:names":{"f:kind":{},"f:listKind":{},"f:plural":{},"f:shortNames":{},"f:singular":{}},"f:scope":{},"f:versions":{}}},"manager":"unknown","operation":"Update"}],"name":"widgets.widgets.contoso.com"}
      {"acceptedNames":{"kind":"","plural":""},"conditions":null,"storedVersions":["v3"]}
      {"acceptedNames":{"kind":"Widget","listKind":"WidgetList","plural":"widgets","shortNames":["wi"],"singular":"widget"},"conditions":[{"message":"no conflicts found","reason":"NoConflicts","status":"True","type":"NamesAccepted"},{"message":"the initial names have been accepted","reason":"InitialNamesAccepted","status":"True","type":"Established"}],"storedVersions":["v3"]}
      {"kind":"Widget","listKind":"WidgetList","plural":"widgets","shortNames":["wi"],"singular":"widget"}
    twice: 409 AlreadyExists: customresourcedefinitions.apiextensions.k8s.io "widgets.widgets.contoso.com" already exists
    a wrong name: 422 Invalid: CustomResourceDefinition.apiextensions.k8s.io "gadgets.contoso.com" is invalid: metadata.name: Invalid value: "gadgets.contoso.com": must be spec.names.plural+"."+spec.group
    no schema: 422 Invalid: CustomResourceDefinition.apiextensions.k8s.io "widgets.bare.contoso.com" is invalid: spec.versions[0].schema.openAPIV3Schema: Required value
      "widgets" ["wi"] true
    create: 201
      {"apiVersion":"widgets.contoso.com/v3","kind":"Widget","metadata":{"generation":1,"managedFields":[{"apiVersion":"widgets.contoso.com/v3","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{".":{},"f:color":{},"f:free":{".":{},"f:x":{},"f:y":{".":{},"f:z":{}}},"f:labels":{},"f:maybe":{},"f:size":{},"f:tags":{}}},"manager":"unknown","operation":"Update"}],"name":"a","namespace":"widgets"},"spec":{"color":"red","free":{"x":null,"y":{"z":1}},"labels":{},"maybe":null,"size":1,"tags":[]}}
    mistyped: 422 Invalid: Widget.widgets.contoso.com "bad" is invalid: spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"
    too small: 422 Invalid: Widget.widgets.contoso.com "bad" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1
    not in the enum: 422 Invalid: Widget.widgets.contoso.com "bad" is invalid: spec.color: Unsupported value: "green": supported values: "blue", "red"
    an item: 422 Invalid: Widget.widgets.contoso.com "bad" is invalid: spec.tags[0]: Invalid value: "integer": spec.tags[0] in body must be of type string: "integer"
    a value: 422 Invalid: Widget.widgets.contoso.com "bad" is invalid: spec.labels.a: Invalid value: "boolean": spec.labels.a in body must be of type string: "boolean"
    required: 422 Invalid: Widget.widgets.contoso.com "bad" is invalid: spec.size: Required value
    a wrong name: 422 Invalid: Widget.widgets.contoso.com "Bad" is invalid: metadata.name: Invalid value: "Bad": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
    another kind: 422 Invalid: Gadget.widgets.contoso.com "bad" is invalid: kind: Invalid value: "Gadget": must be Widget
    strict: 400 BadRequest: Widget in version "v3" cannot be handled as a Widget: strict decoding error: unknown field "spec.unknown"
    a label: 200
      generation 1
    a size: 200
      generation 2
    a status: 200
      null
    strategic: 415 UnsupportedMediaType: the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml
    replace: 422 Invalid: widgets.widgets.contoso.com "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update
    replace nothing: 404 NotFound: widgets.widgets.contoso.com "b" not found
    apply: 201
      {"apiVersion":"widgets.contoso.com/v3","kind":"Widget","metadata":{"generation":1,"managedFields":[{"apiVersion":"widgets.contoso.com/v3","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:free":{"f:p":{".":{},"f:q":{}}},"f:labels":{"f:a":{}},"f:size":{},"f:tags":{}}},"manager":"probe","operation":"Apply"}],"name":"s","namespace":"widgets"},"spec":{"free":{"p":{"q":1}},"labels":{"a":"b"},"size":1,"tags":["a"]}}
    conflict: 409 Conflict: Apply failed with 2 conflicts: conflicts with "probe":
    - .spec.size
    - .spec.tags
    forced: 200
      {"apiVersion":"widgets.contoso.com/v3","kind":"Widget","metadata":{"generation":2,"managedFields":[{"apiVersion":"widgets.contoso.com/v3","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:labels":{"f:c":{}},"f:size":{},"f:tags":{}}},"manager":"other","operation":"Apply"},{"apiVersion":"widgets.contoso.com/v3","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:free":{"f:p":{".":{},"f:q":{}}},"f:labels":{"f:a":{}}}},"manager":"probe","operation":"Apply"}],"name":"s","namespace":"widgets"},"spec":{"free":{"p":{"q":1}},"labels":{"a":"b","c":"d"},"size":2,"tags":["b"]}}
    unknown field: 500 : failed to create typed patch object (/s; widgets.contoso.com/v3, Kind=Widget): .spec.bogus: field not declared in schema
    fewer fields: 422 Invalid: Widget.widgets.contoso.com "s" is invalid: spec.free: Invalid value: "null": spec.free in body must be of type object: "null"
      {"apiVersion":"v1","code":422,"details":{"causes":[{"field":"spec.free","message":"Invalid value: \"null\": spec.free in body must be of type object: \"null\"","reason":"FieldValueTypeInvalid"}],"group":"widgets.contoso.com","kind":"Widget","name":"s"},"kind":"Status","message":"Widget.widgets.contoso.com \"s\" is invalid: spec.free: Invalid value: \"null\": spec.free in body must be of type object: \"null\"","metadata":{},"reason":"Invalid","status":"Failure"}
    by label: 200
      "WidgetList" "Widget" ""
    a page: 200
      1 left
    by a field: 400 BadRequest: field label not supported: spec.size
    another version: 404 : 
    delete: 200
      "widgets.contoso.com" "widgets"
    gone: 404 NotFound: widgets.widgets.contoso.com "a" not found
    undefine: 200
      {"finalizers":["customresourcecleanup.apiextensions.k8s.io"],"generation":1,"name":"widgets.widgets.contoso.com"}
    "#);
}

pub(crate) async fn a_list_is_read_in_pages_of_one_moment(kubeconfig: &str) {
    let mut script = Script::new(kubeconfig, "pages").await;
    let roles = format!("{RBAC}/namespaces/pages/roles");
    let labels = |number: u8| json!({ "odd": if number % 2 == 1 { "yes" } else { "no" } });
    for number in 0..5 {
        let metadata = json!({ "name": format!("r{number}"), "labels": labels(number) });
        script.prepare(&roles, &json!({ "metadata": metadata, "rules": pods() })).await;
    }
    let names = |list: &Value| {
        let names = list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap());
        names.collect::<Vec<_>>().join(" ")
    };
    let token = |list: &Value| list["metadata"]["continue"].as_str().unwrap().to_owned();
    let first = script.ask("first page", Method::GET, &format!("{roles}?limit=2"), JSON, Value::Null).await;
    script.note(&format!("  {} and {} more", names(&first), first["metadata"]["remainingItemCount"]));
    // What happens now is not on the next pages.
    script.send(&Method::DELETE, &format!("{roles}/r3"), JSON, &Value::Null).await;
    script.prepare(&roles, &json!({ "metadata": { "name": "r11" }, "rules": pods() })).await;
    let path = format!("{roles}?limit=2&continue={}", token(&first));
    let second = script.ask("second page", Method::GET, &path, JSON, Value::Null).await;
    script.note(&format!("  {} and {} more", names(&second), second["metadata"]["remainingItemCount"]));
    assert_eq!(first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]);
    let path = format!("{roles}?limit=2&continue={}", token(&second));
    let third = script.ask("third page", Method::GET, &path, JSON, Value::Null).await;
    script.note(&format!("  {} and {}", names(&third), third["metadata"].get("continue").is_some()));

    let selected = format!("{roles}?limit=1&labelSelector=odd%3Dno");
    let page = script.ask("selected", Method::GET, &selected, JSON, Value::Null).await;
    script.note(&format!("  {} {}", names(&page), page["metadata"].get("remainingItemCount").is_some()));
    let by_name = format!("{roles}?fieldSelector=metadata.name%3Dr2");
    let page = script.ask("by name", Method::GET, &by_name, JSON, Value::Null).await;
    script.note(&format!("  {}", names(&page)));
    let with_version = format!("resourceVersion=1&continue={}", token(&first));
    for (label, query) in [
        ("a token and a version", with_version.as_str()),
        ("a wrong selector", "labelSelector=a%3D%3D%3Db"),
        ("an unknown field", "fieldSelector=rules%3Dx"),
    ] {
        script.ask(label, Method::GET, &format!("{roles}?{query}"), JSON, Value::Null).await;
    }
    let (code, garbage) = script.send(&Method::GET, &format!("{roles}?continue=garbage"), JSON, &Value::Null).await;
    assert_eq!((code, &garbage["reason"]), (400, &json!("BadRequest")));
    let start = "invalid continue token: continue key is not valid: ";
    assert!(garbage["message"].as_str().unwrap().starts_with(start), "{garbage}");
    insta::assert_snapshot!(script.end().await, @r#"
    first page: 200
      r0 r1 and 3 more
    second page: 200
      r2 r3 and 1 more
    third page: 200
      r4 and false
    selected: 200
      r0 false
    by name: 200
      r2
    a token and a version: 400 BadRequest: specifying resource version is not allowed when using continue
    a wrong selector: 400 BadRequest: unable to parse requirement: found '=', expected: identifier
    an unknown field: 400 BadRequest: "rules" is not a known field selector: only "metadata.name", "metadata.namespace"
    "#);
}
