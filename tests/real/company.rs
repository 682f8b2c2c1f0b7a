//! The company example against the sandbox's Graph and two real API servers: planned, applied, then in order; and the API
//! servers themselves, asked by kubectl, agree about who may do what.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::folder::copy;
use crate::served::Served;

/// The namespaces that the example's grants name; the last carries the label that its selector asks for.
const NAMESPACES: [&str; 5] = ["trinity", "payments", "data", "docs", "sre-tools"];

struct World {
    folder: tempfile::TempDir,
    served: Served,
    kubeconfig: String,
    kubectl: String,
}

impl World {
    fn rolecall(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(arguments)
            .args(["--connections", "connections.yaml"])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.served.credentials())
            .output()
            .unwrap()
    }

    fn kubectl(&self, context: &str, arguments: &[&str]) -> Output {
        Command::new(&self.kubectl)
            .args(["--kubeconfig", &self.kubeconfig, "--context", context])
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .output()
            .unwrap()
    }

    /// The object id of a group of the config, from the journal of the run that created it.
    fn group(&self, key: &str) -> String {
        let address = format!("entra/group/{key}");
        let files = std::fs::read_dir(self.folder.path().join(".rolecall")).unwrap().map(|file| file.unwrap().path());
        let journals = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        let lines: String = journals.map(|journal| std::fs::read_to_string(journal).unwrap()).collect();
        lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|line| line["address"] == address.as_str() && line["created"].is_string())
            .map_or_else(|| panic!("no group {address}"), |line| line["created"].as_str().unwrap().to_owned())
    }

    /// Whether somebody in these groups may do this, by `kubectl auth can-i`.
    fn may(&self, context: &str, groups: &[&str], question: &[&str]) -> bool {
        let groups: Vec<String> = groups.iter().map(|key| format!("--as-group={}", self.group(key))).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let output =
            self.kubectl(context, &[&["auth", "can-i", "--as=somebody"], groups.as_slice(), question].concat());
        match String::from_utf8_lossy(&output.stdout).trim() {
            "yes" => true,
            answer if answer.starts_with("no") => false,
            answer => panic!("{answer}\n{}", text(&output)),
        }
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `dev` and `prod` are the two real API servers, `staging` is the sandbox's.
fn world(kubeconfig: String, kubectl: String) -> World {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/company"), &folder.path().join("access"));
    let filled = Command::new(env!("CARGO_BIN_EXE_rolecall"))
        .args(["plan", "access", "--sandbox", "sandbox"])
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    succeeds(&filled);
    let served = Served::start(&folder.path().join("sandbox"));
    let world = World { folder, served, kubeconfig, kubectl };

    let uid =
        succeeds(&world.kubectl("real-two", &["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]));
    let environments = world.folder.path().join("access/environments.yaml");
    let written = std::fs::read_to_string(&environments).unwrap();
    let named = "77ab0c1d-2e3f-4a5b-8c6d-7e8f9a0b1c2d";
    assert!(written.contains(named));
    std::fs::write(&environments, written.replace(named, uid.trim())).unwrap();

    let url = world.served.credential("ROLECALL_SANDBOX_URL");
    let connections = format!(
        "entra: {{ login: '{url}', graph: '{url}', ca-file: sandbox/ca.pem }}\nenvironments:\n  \
         dev: {{ kubeconfig: '{0}', context: real-one }}\n  prod: {{ kubeconfig: '{0}', context: real-two }}\n  \
         staging: {{ kubeconfig: sandbox/kubeconfig, context: staging }}\n",
        world.kubeconfig
    );
    std::fs::write(world.folder.path().join("connections.yaml"), connections).unwrap();

    for context in ["real-one", "real-two"] {
        for namespace in NAMESPACES {
            let made = world.kubectl(context, &["create", "namespace", namespace]);
            // Another test may have made it.
            assert!(made.status.success() || text(&made).contains("AlreadyExists"), "{}", text(&made));
        }
        succeeds(&world.kubectl(context, &["label", "namespace", "sre-tools", "team=sre"]));
    }
    world
}

#[test]
#[ignore = "needs the real components: run tests/run"]
fn the_company_is_applied_to_real_api_servers_and_they_agree() {
    let kubeconfig = real!("ROLECALL_REAL_KUBECONFIG");
    let kubectl = real!("ROLECALL_REAL_KUBECTL");
    let world = world(kubeconfig, kubectl);

    let before = world.served.writes();
    let plan = succeeds(&world.rolecall(&["plan", "access"]));
    assert_eq!(world.served.writes(), before, "a plan writes nothing");
    let acknowledged: Vec<String> = plan
        .lines()
        .filter_map(|line| Some(line.split_once("if meant: --acknowledge ")?.1.trim().to_owned()))
        .collect();
    // Another test's config may come to live on these clusters at any moment.
    let of_others = ["--acknowledge", "config-renamed:contoso-platform"];
    let acknowledged: Vec<&str> =
        acknowledged.iter().flat_map(|text| ["--acknowledge", text]).chain(of_others).collect();

    succeeds(&world.rolecall(&[&["plan", "access", "--save", "tonight.plan"], acknowledged.as_slice()].concat()));
    let applied = world.rolecall(&[&["apply", "tonight.plan", "access"], acknowledged.as_slice()].concat());
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied));
    let again = world.rolecall(&["plan", "access", "--detailed-exitcode"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    assert!(text(&again).contains("No changes."), "{}", text(&again));

    let hayden = ["k8s_dev_users", "developers", "trinity-operators"];
    let sam = ["payments-dev", "payments-oncall", "developers"];
    let questions: [(&str, &[&str], &[&str], bool); 12] = [
        ("real-one", &hayden, &["create", "deployments.apps", "-n", "trinity"], true),
        ("real-one", &hayden, &["list", "pods", "-n", "payments"], true),
        ("real-one", &hayden, &["delete", "pods", "-n", "payments"], false),
        ("real-two", &hayden, &["create", "deployments.apps", "-n", "trinity"], true),
        ("real-two", &hayden, &["list", "pods", "-n", "payments"], false),
        ("real-two", &sam, &["patch", "deployments.apps", "-n", "payments"], true),
        ("real-two", &sam, &["patch", "statefulsets.apps", "-n", "payments"], false),
        ("real-two", &["platform"], &["list", "nodes"], true),
        ("real-two", &["platform"], &["delete", "nodes"], false),
        ("real-two", &["platform"], &["get", "/metrics"], true),
        ("real-two", &["sre"], &["patch", "daemonsets.apps", "-n", "sre-tools"], true),
        ("real-two", &["sre"], &["patch", "daemonsets.apps", "-n", "payments"], false),
    ];
    for (context, groups, question, expected) in questions {
        assert_eq!(world.may(context, groups, question), expected, "{context}: may {groups:?} {question:?}?");
    }

    // Under another key it is the same group: the same object, and on the API server the same bindings, untouched.
    let bindings = || {
        let (ours, every) = (
            "rolecall.dev/config=contoso-platform",
            "-o=jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.metadata.resourceVersion} {.subjects[*].name}{'\\n'}{end}",
        );
        succeeds(&world.kubectl("real-two", &["get", "rolebindings,clusterrolebindings", "-A", "-l", ours, every]))
    };
    let (before, id) = (bindings(), world.group("payments-oncall"));
    let bound = |line: &str| line.starts_with("payments-oncall-") && line.ends_with(&id);
    assert!(before.lines().any(bound), "no binding names {id}:\n{before}");
    let file = world.folder.path().join("access/teams/payments.yaml");
    let written = std::fs::read_to_string(&file).unwrap();
    let renamed = written
        .replace("  payments-oncall:\n", "  payments-duty:\n    previously: [payments-oncall]\n")
        .replace("groups: [payments-oncall]", "groups: [payments-duty]");
    assert_ne!(renamed, written);
    std::fs::write(&file, renamed).unwrap();
    let writes = world.served.writes();
    let again = world.rolecall(&["apply", "access", "--yes"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    assert!(text(&again).contains("No changes."), "{}", text(&again));
    assert_eq!((world.served.writes(), bindings()), (writes, before));
}
