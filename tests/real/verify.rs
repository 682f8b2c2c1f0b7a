//! What the quickstart expects, on a real API server: `validate`, `plan` and `verify` say the same, and each turns red at
//! file and line.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::folder::copy;
use crate::served::Served;

/// Besides what the quickstart itself expects.
const MORE: &str = "
  - { user: zoe@contoso.com, environments: [alpha], only: [] }
  - { user: hayden@contoso.com, environments: [alpha], only: [\"get * in trinity\", \"list * in trinity\", \"watch * in trinity\"] }
  - { group: k8s_dev_users, environments: [alpha], can: [get pods/log in trinity, get /healthz] }
";
/// Another test's config may come to live on this cluster at any moment.
const OF_OTHERS: [&str; 2] = ["--acknowledge", "config-renamed:quickstart"];
const FILE: &str = "access/rolecall.yaml";

struct World {
    folder: tempfile::TempDir,
    served: Served,
    kubeconfig: String,
    kubectl: String,
}

impl World {
    fn new(kubeconfig: String, kubectl: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart"), &folder.path().join("access"));
        let file = folder.path().join(FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        let by_name = text.replace("labels: { stage: dev }", "labels: { stage: dev }\n    tokens: { users-as: upn }");
        assert_ne!(by_name, text);
        std::fs::write(&file, by_name.trim_end().to_owned() + MORE).unwrap();
        let filled = rolecall(folder.path(), &["plan", "access", "--sandbox", "sandbox"]).output().unwrap();
        assert!(filled.status.success(), "{}", text_of(&filled));
        let served = Served::start(&folder.path().join("sandbox"));
        let url = served.credential("ROLECALL_SANDBOX_URL");
        let connections = format!(
            "entra: {{ login: '{url}', graph: '{url}', ca-file: sandbox/ca.pem }}\n\
             environments: {{ alpha: {{ kubeconfig: '{kubeconfig}', context: real-two }} }}\n"
        );
        std::fs::write(folder.path().join("connections.yaml"), connections).unwrap();
        Self { folder, served, kubeconfig, kubectl }
    }

    /// Runs a command that looks at the live systems, and gives what it says where it ends as it should.
    fn run(&self, code: i32, arguments: &[&str]) -> String {
        let output = rolecall(self.folder.path(), arguments)
            .args(["--connections", "connections.yaml"])
            .envs(self.served.credentials())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{}", text_of(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn validate(&self, code: i32) -> String {
        let output = rolecall(self.folder.path(), &["validate", "access"]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text_of(&output));
        text_of(&output)
    }

    fn kubectl(&self, arguments: &[&str]) -> Output {
        Command::new(&self.kubectl)
            .args(["--kubeconfig", &self.kubeconfig, "--context", "real-two"])
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .output()
            .unwrap()
    }

    fn replace(&self, from: &str, to: &str) -> String {
        let file = self.folder.path().join(FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&file, text.replace(from, to)).unwrap();
        text
    }
}

fn rolecall(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", text_of(output));
}

/// What is expected, with its verdict, of a document that has it.
fn verdicts(document: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(document).unwrap();
    let said = document["expectations"].as_array().unwrap().iter().map(|each| {
        let text = |key: &str| each[key].as_str().unwrap().to_owned();
        let requests: Vec<&str> =
            each["requests"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        format!("{} {} {}: {}", text("who"), text("kind"), requests.join(", "), text("verdict"))
    });
    said.collect()
}

#[test]
#[ignore = "needs the real components: run tests/run"]
fn what_the_quickstart_expects_is_so_on_a_real_api_server() {
    let world = World::new(real!("ROLECALL_REAL_KUBECONFIG"), real!("ROLECALL_REAL_KUBECTL"));
    // Others may have made it.
    let made = world.kubectl(&["create", "namespace", "trinity"]);
    assert!(made.status.success() || text_of(&made).contains("AlreadyExists"), "{}", text_of(&made));
    world.run(0, &[&["apply", "access", "--yes"], &OF_OTHERS[..]].concat());

    let said = world.validate(0);
    assert!(said.contains("7 of 7 hold"), "{said}");
    let holds = [
        "hayden@contoso.com can list pods in trinity: holds",
        "hayden@contoso.com cannot list nodes across the cluster: holds",
        "hayden@contoso.com cannot list pods in default: holds",
    ];
    let before = world.served.writes();
    let planned = verdicts(&world.run(0, &["plan", "access", "--output", "json"]));
    let live = world.run(0, &["verify", "access", "--output", "json"]);
    for said in [&planned, &verdicts(&live)] {
        assert!(holds.iter().all(|one| said.iter().any(|said| said == one)), "{said:#?}");
        assert!(said.len() == 7 && said.iter().all(|one| one.ends_with(": holds")), "{said:#?}");
    }
    assert_eq!(world.served.writes(), before);
    let live: Value = serde_json::from_str(&live).unwrap();
    assert_eq!((&live["whole"], &live["differences"]), (&true.into(), &serde_json::json!([])));
    // Each verb on each resource that a whole API server has, in two namespaces and across the cluster, of two people.
    assert!(live["reviews"][0]["count"].as_u64().unwrap() > 2000, "{}", live["reviews"]);

    // The grant is taken out of the files.
    let text = world.replace("namespaces: [trinity] }", "namespaces: [kube-public] }");
    let said = world.validate(6);
    let broken = "hayden@contoso.com cannot list pods in trinity on alpha, and should";
    assert!(said.contains("rolecall.yaml:34:11: ") && said.contains(broken), "{said}");
    let said = world.run(6, &["plan", "access"]);
    assert!(said.contains(broken) && said.contains("rolecall.yaml:34\n"), "{said}");
    // What is live is as it was.
    world.run(0, &["verify", "access", "--output", "json"]);
    std::fs::write(world.folder.path().join(FILE), text).unwrap();

    // Somebody is given something by hand: everywhere, and in a place that nobody expects.
    let given = ["create", "clusterrolebinding", "verify-zoe", "--clusterrole=view", "--user=zoe@contoso.com"];
    succeeds(&world.kubectl(&given));
    let said = world.run(6, &["verify", "access"]);
    assert!(said.contains("! zoe@contoso.com can do more on alpha than `only` says"), "{said}");
    assert!(said.contains("clusterrolebinding verify-zoe"), "{said}");
    succeeds(&world.kubectl(&["delete", "clusterrolebinding", "verify-zoe"]));
    let given =
        ["create", "rolebinding", "verify-hayden", "--clusterrole=view", "--user=hayden@contoso.com", "-n=default"];
    succeeds(&world.kubectl(&given));
    let said = world.run(6, &["verify", "access"]);
    assert!(said.contains("! hayden@contoso.com can list pods in default on alpha, and should not"), "{said}");
    succeeds(&world.kubectl(&["delete", "rolebinding", "verify-hayden", "-n=default"]));

    // The binding is deleted behind our back.
    let ours = ["delete", "rolebinding", "-n=trinity", "-l=rolecall.dev/config=quickstart"];
    succeeds(&world.kubectl(&ours));
    let said = world.run(6, &["verify", "access"]);
    assert!(said.contains(broken) && said.contains("rolecall.yaml:34\n"), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("is not there (rolecall.yaml:29, rolecall.yaml:23)"), "{said}");
    // The files still give it, and a plan would.
    world.validate(0);
    let said = world.run(0, &["plan", "access"]);
    assert!(said.contains("+ rolebinding trinity/k8s_dev_users-read-only-"), "{said}");
    world.run(0, &[&["apply", "access", "--yes"], &OF_OTHERS[..]].concat());
    world.run(0, &["verify", "access"]);
}
