//! Whom the authorizer lets do what, and why: every rule of it that is easy to get wrong.

use http::Method;
use serde_json::{Value, json};

use super::script::{CORE, JSON, MERGE, RBAC, REVIEWS, Script, Server, Transcript, rbac};

/// Asks about access, and notes the verdict.
async fn may(script: &mut Script, label: &str, spec: Value) {
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec });
    let answer = script.post(label, &format!("{REVIEWS}/subjectaccessreviews"), review).await;
    script.note(&answer["status"].to_string());
}

/// A question about a resource: `verb group/resource/subresource name`, in a namespace.
fn on(user: &str, namespace: &str, question: &str) -> Value {
    let mut words = question.split(' ');
    let mut attributes = json!({ "verb": words.next().unwrap() });
    let mut what = words.next().unwrap().splitn(3, '/');
    for field in ["group", "resource", "subresource"] {
        if let Some(word) = what.next().filter(|word| !word.is_empty()) {
            attributes[field] = word.into();
        }
    }
    if let Some(name) = words.next() {
        attributes["name"] = name.into();
    }
    if !namespace.is_empty() {
        attributes["namespace"] = namespace.into();
    }
    json!({ "user": user, "resourceAttributes": attributes })
}

/// A ClusterRole of these rules that a user of the same name has everywhere.
async fn everywhere(script: &Script, user: &str, rules: Value) {
    script.prepare(&format!("{RBAC}/clusterroles"), &rbac("ClusterRole", user, json!({ "rules": rules }))).await;
    bind(script, user, "ClusterRole", json!([{ "kind": "User", "name": user }])).await;
}

/// A ClusterRoleBinding of this name to the ClusterRole of the name.
async fn bind(script: &Script, name: &str, kind: &str, subjects: Value) {
    let binding = json!({ "subjects": subjects, "roleRef": { "kind": kind, "name": name } });
    script.prepare(&format!("{RBAC}/clusterrolebindings"), &rbac("ClusterRoleBinding", name, binding)).await;
}

/// A RoleBinding in the part's namespace.
async fn bind_here(script: &Script, name: &str, role: Value, subjects: Value) {
    let path = format!("{RBAC}/namespaces/{}/rolebindings", script.part.name);
    let binding = json!({ "subjects": subjects, "roleRef": role });
    script.prepare(&path, &rbac("RoleBinding", name, binding)).await;
}

pub(crate) async fn rules_match_byte_by_byte_but_for_three_stars(server: &Server) -> Transcript {
    let mut script = Script::new(server, "sar-rules").await;
    let rule = |groups: Value, resources: Value, verbs: Value| json!({ "apiGroups": groups, "resources": resources, "verbs": verbs });
    let named = |names: Value| {
        let mut rule = rule(json!([""]), json!(["configmaps"]), json!(["*"]));
        rule["resourceNames"] = names;
        rule
    };
    for (user, rules) in [
        ("sar-rules-all", json!([rule(json!(["*"]), json!(["*"]), json!(["*"]))])),
        ("sar-rules-below", json!([rule(json!([""]), json!(["*/log", "deployments/*"]), json!(["get"]))])),
        ("sar-rules-plain", json!([rule(json!(["", "apps"]), json!(["pods", "pods/exec"]), json!(["get", "List"]))])),
        ("sar-rules-named", json!([named(json!(["a", "*"]))])),
        ("sar-rules-empty", json!([named(json!([""]))])),
        (
            "sar-rules-paths",
            json!([
                { "nonResourceURLs": ["/exact", "/tree/*", "/bar**", "/ba*z/x", "/"], "verbs": ["get"] },
                { "nonResourceURLs": ["*"], "verbs": ["post"] },
            ]),
        ),
    ] {
        everywhere(&script, user, rules).await;
    }
    script.settle("sar-rules").await;
    for (user, questions) in [
        ("sar-rules-all", vec!["get /pods", "get /pods/log", "use apps/x/y z", "* */*/*"]),
        (
            "sar-rules-below",
            vec![
                "get /pods/log",
                "get /x/log",
                "get /log",
                "get /pods",
                "get /deployments/scale",
                "get /deployments",
                "get /deployments/*",
                "get apps/pods/log",
                "get /*/log",
            ],
        ),
        (
            "sar-rules-plain",
            vec![
                "get /pods",
                "get /pods/log",
                "get /pods/exec",
                "get /pods/exec name",
                "get apps/pods",
                "get batch/pods",
                "list /pods",
                "List /pods",
                "GET /pods",
                "get /Pods",
                "* /pods",
                "get */pods",
                "get /*",
                "get /pod",
            ],
        ),
        (
            "sar-rules-named",
            vec![
                "get /configmaps a",
                "get /configmaps b",
                "get /configmaps",
                "create /configmaps",
                "create /configmaps a",
                "list /configmaps",
                "list /configmaps a",
                "deletecollection /configmaps",
                "get /configmaps *",
                "get /configmaps A",
            ],
        ),
        ("sar-rules-empty", vec!["get /configmaps", "get /configmaps a"]),
    ] {
        for question in questions {
            may(&mut script, &format!("{user}: {question}"), on(user, "", question)).await;
        }
    }
    for (verb, path) in [
        ("get", "/exact"),
        ("get", "/exact/"),
        ("get", "/tree"),
        ("get", "/tree/"),
        ("get", "/tree/a/b"),
        ("get", "/bar"),
        ("get", "/barn"),
        ("get", "/bar*"),
        ("get", "/baz/x"),
        ("get", "/ba*z/x"),
        ("get", "/"),
        ("get", ""),
        ("get", "/x"),
        ("post", "/x"),
        ("post", ""),
        ("Get", "/exact"),
        ("*", "/exact"),
        ("get", "*"),
    ] {
        let spec = json!({ "user": "sar-rules-paths", "nonResourceAttributes": { "verb": verb, "path": path } });
        may(&mut script, &format!("{verb} {path}"), spec).await;
    }
    may(&mut script, "a path is no resource", on("sar-rules-paths", "", "post /pods")).await;
    let path = json!({ "user": "sar-rules-plain", "nonResourceAttributes": { "verb": "get", "path": "/api/v1/pods" } });
    may(&mut script, "a resource is no path", path).await;
    script.end().await
}

pub(crate) async fn subjects_and_bindings_are_taken_as_they_are(server: &Server) -> Transcript {
    let mut script = Script::new(server, "sar-who").await;
    let rules = json!([
        { "apiGroups": [""], "resources": ["pods", "namespaces", "nodes"], "verbs": ["get", "list", "patch"] },
        { "nonResourceURLs": ["/healthz"], "verbs": ["get"] },
    ]);
    for name in ["sar-who-user", "sar-who-group", "sar-who-account", "sar-who-mixed"] {
        script.prepare(&format!("{RBAC}/clusterroles"), &rbac("ClusterRole", name, json!({ "rules": rules }))).await;
    }
    let path = format!("{RBAC}/namespaces/sar-who/roles");
    let local = json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }]);
    script.prepare(&path, &rbac("Role", "local", json!({ "rules": local }))).await;
    let account = "system:serviceaccount:sar-who:bot";
    bind(&script, "sar-who-user", "ClusterRole", json!([{ "kind": "User", "name": "sar-who-u" }])).await;
    bind(&script, "sar-who-group", "ClusterRole", json!([{ "kind": "Group", "name": "sar-who-g" }])).await;
    let bot = json!([{ "kind": "ServiceAccount", "name": "bot", "namespace": "sar-who" }]);
    bind(&script, "sar-who-account", "ClusterRole", bot).await;
    let named = json!([{ "kind": "User", "name": "system:serviceaccount:sar-who:other" }]);
    bind(&script, "sar-who-mixed", "ClusterRole", named).await;
    bind(&script, "sar-who-missing", "ClusterRole", json!([{ "kind": "User", "name": "sar-who-lost" }])).await;
    let cluster_role = json!({ "kind": "ClusterRole", "name": "sar-who-user" });
    let subjects = json!([
        { "kind": "ServiceAccount", "name": "near" },
        { "kind": "Group", "name": "sar-who-here" },
        { "kind": "User", "name": "sar-who-here" },
    ]);
    bind_here(&script, "here", cluster_role, subjects).await;
    let lost = json!([{ "kind": "User", "name": "sar-who-lost" }, { "kind": "User", "name": "sar-who-local" }]);
    bind_here(&script, "local", json!({ "kind": "Role", "name": "local" }), lost.clone()).await;
    bind_here(&script, "gone", json!({ "kind": "Role", "name": "gone" }), json!([lost[0]])).await;
    script.settle("sar-who").await;

    for (user, groups, namespace, question) in [
        ("sar-who-u", vec![], "", "get /pods"),
        ("sar-who-u", vec![], "default", "get /pods"),
        ("sar-who-u", vec![], "there-is-none", "get /pods"),
        ("SAR-WHO-u", vec![], "", "get /pods"),
        ("sar-who-g", vec![], "", "get /pods"),
        ("x", vec!["a", "sar-who-g"], "", "get /pods"),
        ("sar-who-u", vec!["sar-who-g"], "", "delete /pods"),
        (account, vec![], "", "get /pods"),
        (account, vec!["system:serviceaccounts", "system:serviceaccounts:sar-who"], "default", "list /pods"),
        ("system:serviceaccount:sar-who:other", vec![], "", "get /pods"),
        ("system:serviceaccount:sar-who:near", vec![], "sar-who", "get /pods"),
        ("system:serviceaccount:sar-who:near", vec![], "default", "get /pods"),
        ("system:serviceaccount:default:near", vec![], "sar-who", "get /pods"),
        ("sar-who-here", vec![], "sar-who", "get /pods"),
        ("sar-who-here", vec![], "", "get /pods"),
        ("sar-who-here", vec![], "", "get /nodes"),
        ("sar-who-here", vec![], "sar-who", "get /nodes"),
        ("x", vec!["sar-who-here"], "sar-who", "patch /pods one"),
        ("sar-who-here", vec!["sar-who-here"], "sar-who", "list /pods"),
        ("sar-who-here", vec![], "sar-who", "get /namespaces sar-who"),
        ("sar-who-here", vec![], "", "get /namespaces sar-who"),
        ("sar-who-here", vec![], "sar-who", "get /namespaces default"),
        ("sar-who-here", vec![], "default", "get /namespaces default"),
        ("sar-who-local", vec![], "sar-who", "get /secrets"),
        ("sar-who-local", vec![], "default", "get /secrets"),
        ("sar-who-lost", vec![], "", "get /pods"),
        ("sar-who-lost", vec![], "sar-who", "get /secrets"),
        ("sar-who-lost", vec![], "sar-who", "get /pods"),
        ("sar-who-lost", vec!["system:masters"], "sar-who", "get /pods"),
        ("", vec!["sar-who-g"], "", "get /pods"),
        ("nobody", vec![], "", "get /pods"),
    ] {
        let mut spec = on(user, namespace, question);
        spec["groups"] = json!(groups);
        may(&mut script, &format!("{user} {groups:?}, {question} in {namespace:?}"), spec).await;
    }
    for (user, groups) in
        [("x", vec![]), ("x", vec!["system:authenticated"]), ("sar-who-u", vec![]), ("sar-who-here", vec![])]
    {
        for path in ["/version", "/healthz", "/api"] {
            let spec =
                json!({ "user": user, "groups": groups, "nonResourceAttributes": { "verb": "get", "path": path } });
            // Several of the bindings that an API server starts with allow it, and the reason names any of them.
            let review = json!({ "spec": spec });
            let status = script.prepare(&format!("{REVIEWS}/subjectaccessreviews"), &review).await["status"].clone();
            script.answered(&format!("{user} {groups:?}, {path}"), &status["allowed"].to_string());
        }
    }
    script.end().await
}

pub(crate) async fn a_right_in_a_namespace_is_one_on_the_namespace(server: &Server) -> Transcript {
    let mut script = Script::new(server, "own-space").await;
    let role = json!([{ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "patch"] }]);
    script.prepare(&format!("{RBAC}/clusterroles"), &rbac("ClusterRole", "own-space", json!({ "rules": role }))).await;
    let user = json!([{ "kind": "User", "name": "own-space-user" }]);
    bind_here(&script, "own", json!({ "kind": "ClusterRole", "name": "own-space" }), user).await;
    script.settle("own-space").await;
    script.as_user("own-space-user");
    script.get("its own", &format!("{CORE}/namespaces/own-space")).await;
    script.get("another", &format!("{CORE}/namespaces/default")).await;
    script.get("one that there is not", &format!("{CORE}/namespaces/own-space-not")).await;
    script.get("all", &format!("{CORE}/namespaces")).await;
    script.get("by name", &format!("{CORE}/namespaces?fieldSelector=metadata.name%3Down-space")).await;
    let label = json!({ "metadata": { "labels": { "own": "yes" } } });
    script.ask("a label", Method::PATCH, &format!("{CORE}/namespaces/own-space"), MERGE, label).await;
    script.delete("deleted", &format!("{CORE}/namespaces/own-space"), Value::Null).await;
    script.get("what is in it", &format!("{CORE}/namespaces/own-space/serviceaccounts")).await;
    script.as_admin();
    script.end().await
}

pub(crate) async fn a_review_asks_one_thing_about_somebody(server: &Server) -> Transcript {
    let mut script = Script::new(server, "reviewed").await;
    let rules = json!([
        { "apiGroups": ["b", "a"], "resources": ["x"], "verbs": ["get"], "resourceNames": ["one"] },
        { "nonResourceURLs": ["/own"], "verbs": ["get"] },
    ]);
    everywhere(&script, "reviewed-user", rules).await;
    script.settle("reviewed").await;
    let review =
        |kind: &str, spec: Value| json!({ "apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec });
    let all = format!("{REVIEWS}/subjectaccessreviews");
    let (resource, path) = (json!({ "verb": "get", "resource": "x" }), json!({ "verb": "get", "path": "/own" }));
    for (label, spec) in [
        ("both", json!({ "user": "u", "resourceAttributes": resource, "nonResourceAttributes": path })),
        ("neither", json!({ "user": "u" })),
        ("about nobody", json!({ "resourceAttributes": resource })),
        ("by uid", json!({ "user": "u", "uid": "1", "extra": { "a": ["b"] }, "resourceAttributes": resource })),
    ] {
        let answer = script.post(label, &all, review("SubjectAccessReview", spec)).await;
        script.note(&super::script::content(answer).to_string());
    }
    let mut named = review("SubjectAccessReview", json!({ "user": "u", "resourceAttributes": resource }));
    named["metadata"] = json!({ "name": "n" });
    // The message tells the time.
    let (code, refused) = script.send(&Method::POST, &all, JSON, &named).await;
    script
        .answered("with a name", &format!("{code} {} {}", refused["reason"], refused["details"]["causes"][0]["field"]));
    script.get("read", &all).await;

    let here = format!("{REVIEWS}/namespaces/reviewed/localsubjectaccessreviews");
    for (label, namespace) in [("in its own namespace", "reviewed"), ("in another", "default"), ("in none", "")] {
        let mut spec = json!({ "user": "reviewed-user", "resourceAttributes": { "verb": "get", "group": "a", "resource": "x", "name": "one" } });
        spec["resourceAttributes"]["namespace"] = namespace.into();
        let answer = script.post(label, &here, review("LocalSubjectAccessReview", spec)).await;
        script.note(&answer["status"].to_string());
    }
    script
        .post(
            "a path",
            &here,
            review("LocalSubjectAccessReview", json!({ "user": "u", "nonResourceAttributes": path })),
        )
        .await;

    script.as_user("reviewed-user");
    let own = format!("{REVIEWS}/selfsubjectaccessreviews");
    for (label, spec) in [
        ("oneself", json!({ "resourceAttributes": { "verb": "get", "group": "a", "resource": "x", "name": "one" } })),
        ("oneself, not that", json!({ "resourceAttributes": { "verb": "get", "group": "c", "resource": "x" } })),
        ("oneself, a path", json!({ "nonResourceAttributes": path })),
        ("oneself, nothing", json!({})),
    ] {
        let answer = script.post(label, &own, review("SelfSubjectAccessReview", spec)).await;
        script.note(&answer["status"].to_string());
    }
    let every = format!("{REVIEWS}/selfsubjectrulesreviews");
    script.post("one's rules nowhere", &every, review("SelfSubjectRulesReview", json!({}))).await;
    let answer =
        script.post("one's rules", &every, review("SelfSubjectRulesReview", json!({ "namespace": "reviewed" }))).await;
    // The server lists bindings in no order.
    let sorted = |list: &Value| {
        let mut rules: Vec<_> = list.as_array().unwrap().iter().map(ToString::to_string).collect();
        rules.sort();
        rules.join("\n  ")
    };
    let status = &answer["status"];
    script.note(&format!("{}\n  {}", sorted(&status["resourceRules"]), sorted(&status["nonResourceRules"])));
    script.note(&json!([answer["spec"], status["incomplete"], status.get("evaluationError")]).to_string());
    let others = review("SubjectAccessReview", json!({ "user": "u", "resourceAttributes": resource }));
    script.post("about others, without the right", &all, others).await;
    script.ask("who one is", Method::POST, super::script::WHO, JSON, json!({})).await;
    script.as_admin();
    script.end().await
}
