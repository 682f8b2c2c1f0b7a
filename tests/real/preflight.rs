//! What a plan foretells about rights that are missing, and what a real API server then says: the same, word for word.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::served::Served;

const NAMESPACE: &str = "preflight-show";
/// Another test's config may come to live on this cluster at any moment.
const APPLY: [&str; 5] = ["apply", "access", "--yes", "--acknowledge", "config-renamed:preflight-show"];
const RBAC: &str = "rbac.authorization.k8s.io";

struct World {
    folder: tempfile::TempDir,
    served: Served,
    kubeconfig: String,
    kubectl: String,
}

impl World {
    /// A sandbox's Entra, a real API server, and a config that grants a role that is there and one of its own.
    fn new(kubeconfig: String, kubectl: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("access")).unwrap();
        write_config(folder.path(), "");
        let filled = rolecall(folder.path(), &["plan", "access", "--sandbox", "sandbox"]).output().unwrap();
        assert!(filled.status.success(), "{}", text(&filled));
        let served = Served::start(&folder.path().join("sandbox"));
        let world = Self { folder, served, kubeconfig, kubectl };
        world.apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }));
        world
    }

    /// Runs a command as a user of the API server.
    fn run(&self, user: &str, arguments: &[&str]) -> Output {
        let url = self.served.credential("ROLECALL_SANDBOX_URL");
        let kubeconfig = self.acting_as(user);
        let connections = format!(
            "entra: {{ login: '{url}', graph: '{url}', ca-file: sandbox/ca.pem }}\n\
             environments: {{ alpha: {{ kubeconfig: '{}', context: real-one }} }}\n",
            kubeconfig.display()
        );
        std::fs::write(self.folder.path().join("connections.yaml"), connections).unwrap();
        rolecall(self.folder.path(), arguments)
            .args(["--connections", "connections.yaml"])
            .envs(self.served.credentials())
            .output()
            .unwrap()
    }

    fn acting_as(&self, user: &str) -> PathBuf {
        let mut kubeconfig: Value =
            serde_json::from_slice(&self.kubectl(&["config", "view", "--raw", "-o", "json"]).stdout).unwrap();
        let name = kubeconfig["contexts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|context| context["name"] == "real-one")
            .map(|context| context["context"]["user"].clone());
        for named in kubeconfig["users"].as_array_mut().unwrap() {
            if Some(&named["name"]) == name.as_ref() {
                named["user"]["as"] = json!(user);
            }
        }
        let path = self.folder.path().join(format!("{user}.kubeconfig"));
        std::fs::write(&path, kubeconfig.to_string()).unwrap();
        path
    }

    fn kubectl(&self, arguments: &[&str]) -> Output {
        let output = Command::new(&self.kubectl)
            .args(["--kubeconfig", &self.kubeconfig, "--context", "real-one"])
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
        output
    }

    fn apply(&self, object: &Value) {
        let path = self.folder.path().join("object.json");
        std::fs::write(&path, object.to_string()).unwrap();
        self.kubectl(&["apply", "-f", path.to_str().unwrap()]);
    }

    /// Makes these the rules that a user has, on the whole cluster, and waits until the authorizer knows.
    fn give(&self, user: &str, rules: &[Value], then: (&[&str], bool)) {
        self.apply(&json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": { "name": user }, "rules": rules,
        }));
        self.apply(&json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": { "name": user },
            "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": user },
            "subjects": [{ "apiGroup": RBAC, "kind": "User", "name": user }],
        }));
        let (question, expected) = then;
        let answer = || {
            let output = Command::new(&self.kubectl)
                .args(["--kubeconfig", &self.kubeconfig, "--context", "real-one", "auth", "can-i", "--as", user])
                .args(question)
                .env_clear()
                .env("HOME", self.folder.path())
                .output()
                .unwrap();
            String::from_utf8_lossy(&output.stdout).trim() == "yes"
        };
        // The authorizer looks at a cache of its own, which follows a moment later.
        assert!((0..200).any(|_| answer() == expected), "{user} never came to have its rights: {question:?}");
    }

    /// The forecast for alpha, from the plan as JSON.
    fn forecast(&self, user: &str) -> Value {
        let plan = self.run(user, &["plan", "access", "--output", "json"]);
        assert!(plan.status.success(), "{}", text(&plan));
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        plan["preflight"][0].clone()
    }
}

fn rolecall(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

fn write_config(folder: &Path, applier: &str) {
    let config = format!(
        "version: 1
name: preflight-show
tenant: {{ id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }}
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: {{ type: k3s, {applier} }}
groups:
  preflight_devs: {{ owners: [erin@contoso.com], members: [hayden@contoso.com] }}
roles:
  reader: {{ cluster-role: view }}
  restarter:
    rules:
      - {{ apiGroups: [apps], resources: [deployments], verbs: [get, patch] }}
      - {{ apiGroups: [''], resources: [pods/log], verbs: [get] }}
grants:
  - {{ groups: [preflight_devs], roles: [reader, restarter], environments: [alpha], namespaces: [{NAMESPACE}] }}
"
    );
    std::fs::write(folder.join("access/rolecall.yaml"), config).unwrap();
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// On one line, whatever the width of the screen was.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn reading() -> Vec<Value> {
    vec![
        json!({ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"] }),
        json!({ "apiGroups": [RBAC], "resources": ["clusterroles", "roles", "clusterrolebindings", "rolebindings"],
                "verbs": ["get", "list"] }),
    ]
}

fn writing() -> Vec<Value> {
    let mut rules = reading();
    rules.push(
        json!({ "apiGroups": [RBAC], "resources": ["clusterroles", "roles", "clusterrolebindings", "rolebindings"],
                       "verbs": ["create", "patch", "delete"] }),
    );
    rules
}

#[test]
#[ignore = "needs the real components: run tests/run"]
fn the_refusal_that_is_foretold_is_the_one_that_comes_and_the_rule_that_is_named_ends_it() {
    let world = World::new(real!("ROLECALL_REAL_KUBECONFIG"), real!("ROLECALL_REAL_KUBECTL"));
    let (limited, reader) = ("preflight-limited", "preflight-reader");
    let lists = ["list", "roles", "-n", NAMESPACE];
    world.give(reader, &reading(), (&lists, true));

    // Without any right to write, nobody can say that the one who will apply lacks something.
    let nobody = world.forecast(reader);
    assert_eq!((&nobody["verdict"], &nobody["whose"]), (&json!("unchecked"), &json!("planner")), "{nobody:#}");

    // Whoever applies, asked about by somebody who may not ask, and then by somebody who may.
    write_config(world.folder.path(), &format!("applier: {{ user: {limited} }}"));
    let unasked = world.forecast(reader);
    assert_eq!((&unasked["verdict"], &unasked["whose"]), (&json!("unchecked"), &json!("applier")), "{unasked:#}");
    assert!(unasked["why"].as_str().unwrap().contains("may not create subjectaccessreviews"), "{unasked:#}");
    let mut asking = reading();
    asking.push(
        json!({ "apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"] }),
    );
    world.give(reader, &asking, (&["create", "subjectaccessreviews.authorization.k8s.io"], true));
    let nothing = world.forecast(reader);
    let needs = |forecast: &Value| -> Vec<String> {
        let refusals = forecast["refusals"].as_array().unwrap().iter();
        refusals.map(|refusal| refusal["needs"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(nothing["verdict"], "refused", "{nothing:#}");
    assert!(needs(&nothing).iter().any(|need| need.starts_with("`create` and `patch` on rolebindings")), "{nothing:#}");

    // The plain verbs alone: what is left is `bind` and `escalate`, for the applier and for oneself alike.
    world.give(limited, &writing(), (&["patch", "rolebindings", "-n", NAMESPACE], true));
    let (foretold, oneself) = (world.forecast(reader), world.forecast(limited));
    assert_eq!((&foretold["identity"], &oneself["identity"]), (&json!(limited), &json!(limited)));
    assert_eq!(needs(&foretold), needs(&oneself));
    let foretold = needs(&foretold);
    assert_eq!(foretold.len(), 3, "{foretold:#?}");
    assert!(foretold[0].starts_with(&format!("`bind` on clusterroles/view in namespace {NAMESPACE}, or ")));
    assert!(foretold[0].ends_with(" rules of it that are not held"), "{foretold:#?}");
    let own = "or the 2 rules { apiGroups: [\"\"], resources: [pods/log], verbs: [get] }, \
               { apiGroups: [apps], resources: [deployments], verbs: [get, patch] }";
    assert!(foretold[1].starts_with("`bind` on roles/") && foretold[1].ends_with(own), "{foretold:#?}");
    assert!(foretold[2].starts_with("`escalate` on roles/") && foretold[2].ends_with(own), "{foretold:#?}");
    let shown = world.run(reader, &["plan", "access"]);
    assert!(text(&shown).contains("! the applier \"preflight-limited\" may not write 3 of these:"), "{}", text(&shown));

    let refused = world.run(limited, &APPLY);
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused));
    let said = words(&text(&refused));
    // Each of the two that were tried; the binding to the role waits for the role.
    for need in [&foretold[0], &foretold[2]] {
        assert!(said.contains(&words(&format!("403, needs {need}"))), "{need}\n{}", text(&refused));
    }

    // `bind` on the role that is there, and of the own role what it gives.
    let mut enough = writing();
    enough.push(
        json!({ "apiGroups": [RBAC], "resources": ["clusterroles"], "resourceNames": ["view"], "verbs": ["bind"] }),
    );
    enough.push(json!({ "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"] }));
    enough.push(json!({ "apiGroups": [""], "resources": ["*/log"], "verbs": ["get"] }));
    world.give(limited, &enough, (&["get", "pods", "--subresource=log", "-n", NAMESPACE], true));
    assert_eq!(world.forecast(reader)["verdict"], "allowed");
    assert_eq!(world.forecast(limited)["verdict"], "allowed");
    let applied = world.run(limited, &APPLY);
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied));

    // `escalate` and `bind` by name do as well, for a role that is changed and a binding that is made anew.
    let own = world.kubectl(&["get", "roles", "-n", NAMESPACE, "-o", "jsonpath={.items[0].metadata.name}"]);
    let own = String::from_utf8_lossy(&own.stdout).into_owned();
    world.kubectl(&["delete", "rolebindings", "-n", NAMESPACE, "--all"]);
    world.kubectl(&[
        "patch",
        "role",
        &own,
        "-n",
        NAMESPACE,
        "--type=json",
        "-p",
        r#"[{"op":"remove","path":"/rules/0"}]"#,
    ]);
    let mut by_name = writing();
    by_name.push(
        json!({ "apiGroups": [RBAC], "resources": ["clusterroles"], "resourceNames": ["view"], "verbs": ["bind"] }),
    );
    by_name.push(
        json!({ "apiGroups": [RBAC], "resources": ["roles"], "resourceNames": [own], "verbs": ["bind", "escalate"] }),
    );
    world.give(limited, &by_name, (&["get", "pods", "--subresource=log", "-n", NAMESPACE], false));
    assert_eq!(world.forecast(reader)["verdict"], "allowed");
    let applied = world.run(limited, &APPLY);
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied));
}
