//! The roles of docs/permissions.yaml are enough on a cluster, and no more than is needed.

use kube::api::{DynamicObject, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, Config};
use rolecall::sandbox::{Options, Sandbox, Seed};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::common::{Ran, World, repository};

/// A served sandbox, and a connections file by which the cluster knows the program as `ci`.
struct Cluster {
    world: World,
    sandbox: Sandbox,
    admin: Client,
}

impl Cluster {
    /// The quickstart with a role of its own, which takes `escalate`.
    async fn new() -> Self {
        let world = World::with_quickstart_grants();
        world.replace(
            "access/rolecall.yaml",
            "read-only: { cluster-role: view }",
            "read-only: { rules: [{ apiGroups: [apps], resources: [deployments], verbs: [get, patch] }] }",
        );
        let _ = world.plan(&[]).exits(0);
        let seed = || Seed::new("contoso.com");
        let sandbox = Sandbox::open(&world.path("sandbox"), seed, Options::default()).await.unwrap();
        let text = sandbox.access().kubeconfig();
        let mut impersonating: Value = serde_json::from_str(text.expose_secret()).unwrap();
        impersonating["users"][0]["user"]["as"] = "ci".into();
        world.write("kubeconfig", impersonating.to_string());
        let access = sandbox.access();
        let connections = format!(
            "entra: {{ login: '{}', graph: '{}', ca-file: '{}' }}\nenvironments: {{ alpha: {{ kubeconfig: kubeconfig }} }}\n",
            access.login,
            access.graph,
            access.ca_file.display()
        );
        world.write("connections.yaml", connections);
        let kubeconfig = Kubeconfig::from_yaml(text.expose_secret()).unwrap();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        config.proxy_url = None;
        Self { world, sandbox, admin: Client::try_from(config).unwrap() }
    }

    async fn create(&self, object: Value) {
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let types = object.types.clone().unwrap();
        let kind = GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", &types.kind);
        let api: Api<DynamicObject> = Api::all_with(self.admin.clone(), &ApiResource::from_gvk(&kind));
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    /// Gives `ci` a role of docs/permissions.yaml, without its rules that have one of these verbs.
    async fn give(&self, role: &str, without: &[&str]) {
        self.give_rules("ci", role, |rule| {
            !rule["verbs"].as_array().unwrap().iter().any(|verb| without.iter().any(|w| verb == w))
        })
        .await;
    }

    /// Gives a user those rules of a role of docs/permissions.yaml.
    async fn give_rules(&self, user: &str, role: &str, keep: impl Fn(&Value) -> bool) {
        let text = std::fs::read_to_string(repository().join("docs/permissions.yaml")).unwrap();
        let documents = text.split("\n---\n").map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
        let mut document = documents.into_iter().find(|document| document["metadata"]["name"] == role).unwrap();
        document["rules"].as_array_mut().unwrap().retain(keep);
        let name = format!("{role}-{user}");
        document["metadata"]["name"] = name.as_str().into();
        self.create(document).await;
        self.bind(&name, user).await;
    }

    async fn bind(&self, role: &str, user: &str) {
        self.create(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": role },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
        }))
        .await;
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let environment = self.sandbox.access().environment();
        let environment: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // The sandbox goes on serving in the runtime's other threads.
        tokio::task::block_in_place(|| {
            self.world.run_with(&[arguments, &["access", "--connections", "connections.yaml"]].concat(), &environment)
        })
    }
}

fn words(ran: &Ran) -> String {
    ran.all().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_two_roles_are_enough_for_plan_and_apply() {
    let cluster = Cluster::new().await;
    let nothing = cluster.run(&["plan"]).exits(1);
    assert!(words(&nothing).contains("`ci` may not get namespaces"), "{}", nothing.all());

    cluster.give("rolecall-plan", &[]).await;
    let planned = cluster.run(&["plan", "--detailed-exitcode"]).exits(2);
    assert!(planned.stdout.contains("0 withheld"), "{}", planned.stdout);
    let refused = cluster.run(&["apply", "--yes"]);
    assert_eq!(refused.code, 4, "the group is made, the cluster refuses\n{}", refused.all());

    cluster.give("rolecall-apply", &[]).await;
    let _ = cluster.run(&["apply", "--yes"]).exits(0);
    let _ = cluster.run(&["plan", "--detailed-exitcode"]).exits(0);
    cluster.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_bind_and_escalate_nothing_is_granted_and_the_right_is_named() {
    let cluster = Cluster::new().await;
    cluster.give("rolecall-plan", &[]).await;
    cluster.give("rolecall-apply", &["bind", "escalate"]).await;
    let refused = cluster.run(&["apply", "--yes"]);
    assert_eq!(refused.code, 4, "{}", refused.all());
    assert!(words(&refused).contains("needs `escalate` on"), "{}", refused.all());
    cluster.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_applier_that_may_not_be_asked_about_is_not_checked_and_then_it_is() {
    let cluster = Cluster::new().await;
    cluster.world.replace("access/rolecall.yaml", "type: k3s\n", "type: k3s\n    applier: { user: deployer }\n");
    let asks = |rule: &Value| rule["resources"] == json!(["subjectaccessreviews"]);
    cluster.give_rules("ci", "rolecall-plan", |rule| !asks(rule)).await;

    let unasked = cluster.run(&["plan"]).exits(0);
    let said = words(&unasked);
    assert!(said.contains("Not checked: whether whoever applies may write this alpha "), "{}", unasked.all());
    assert!(said.contains("`ci` may not create subjectaccessreviews"), "{}", unasked.all());
    assert!(!said.contains("would be refused"), "{}", unasked.all());
    let doctor = cluster.run(&["doctor", "--output", "json"]);
    let found: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let line = found["lines"].as_array().unwrap().iter().find(|line| {
        line["text"]
            .as_str()
            .unwrap()
            .contains("may not create subjectaccessreviews, so not ask what \"deployer\" may do")
    });
    let line = line.unwrap_or_else(|| panic!("{}", doctor.stdout));
    assert_eq!(line["stands"], "decide", "{line}");
    assert!(line["next"].as_str().unwrap().contains("resources: [subjectaccessreviews], verbs: [create]"), "{line}");

    let asking = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "asking" },
        "rules": [{ "apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"] }],
    });
    cluster.create(asking).await;
    cluster.bind("asking", "ci").await;
    let lacking = cluster.run(&["plan"]).exits(0);
    assert!(words(&lacking).contains("the applier \"deployer\" may not write"), "{}", lacking.all());
    let doctor = cluster.run(&["doctor"]);
    assert!(!words(&doctor).contains("so not ask"), "{}", doctor.all());

    cluster.give_rules("deployer", "rolecall-apply", |_| true).await;
    let enough = cluster.run(&["plan"]).exits(0);
    let said = words(&enough);
    assert!(!said.contains("Not checked") && !said.contains("may not write"), "{}", enough.all());
    cluster.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_needs_what_plan_needs_and_names_what_is_missing() {
    let cluster = Cluster::new().await;
    let expectations = "\nexpectations:\n  - { user: hayden@contoso.com, environments: [alpha], cannot: [list nodes, list secrets in trinity], only: [] }\n";
    let text = cluster.world.read("access/rolecall.yaml");
    cluster.world.write("access/rolecall.yaml", text.trim_end().to_owned() + expectations);
    let asks = |rule: &Value| rule["resources"] == json!(["subjectaccessreviews"]);
    cluster.give_rules("ci", "rolecall-plan", |rule| !asks(rule)).await;
    let refused = cluster.run(&["verify"]).exits(1);
    let said = words(&refused);
    assert!(said.contains("`ci` may not create subjectaccessreviews on the whole cluster (403)"), "{}", refused.all());
    assert!(said.contains("> grant `create` on subjectaccessreviews; `rolecall doctor`"), "{}", refused.all());
    assert!(said.contains("0 of 3 expectations hold, 3 not known."), "{}", refused.all());
    assert!(said.contains(" 15 cluster calls"), "after the first refusal nothing more is asked\n{}", refused.all());
    let _ = cluster.run(&["verify", "--allow-unreachable", "alpha"]).exits(0);
    let doctor = cluster.run(&["doctor"]);
    let line = "for verify: this identity may not create subjectaccessreviews, so not ask what people may do";
    assert!(words(&doctor).contains(line), "{}", doctor.all());

    let asking = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "asking" },
        "rules": [{ "apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"] }],
    });
    cluster.create(asking).await;
    cluster.bind("asking", "ci").await;
    let _ = cluster.run(&["verify"]).exits(0);
    cluster.sandbox.stop().await;
}
