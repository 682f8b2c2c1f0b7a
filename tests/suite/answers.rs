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
