//! Two applies of one saved plan at the same moment, on whatever API server a kubeconfig leads to: one does the work, the other
//! says so, and nothing is done twice.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::served::Served;

/// The namespace that is granted in, and that has the Lease.
#[allow(dead_code, reason = "the sandbox has it from the access files")]
pub(crate) const NAMESPACE: &str = "together";

const FILES: &str = "version: 1
name: together
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
lock: { environment: alpha, namespace: together }
environments:
  alpha: { type: kubernetes }
groups:
  together: { owners: [erin@contoso.com], members: [hayden@contoso.com, sam@contoso.com] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [together], users: [carol@contoso.com], roles: [read-only], environments: [alpha], namespaces: [together] }
";

fn rolecall(folder: &Path, served: Option<&Served>, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    command.args(arguments).current_dir(folder).env_clear();
    command.envs(served.map(Served::credentials).unwrap_or_default());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The changes that the journals of a folder began, by address.
fn begun(folder: &Path) -> (usize, Vec<String>) {
    let (mut journals, mut begun) = (0, Vec::new());
    for entry in std::fs::read_dir(folder.join(".rolecall")).unwrap() {
        journals += 1;
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        begun.extend(lines.filter(|line| line["phase"] == "begin").map(|line| line["address"].to_string()));
    }
    begun.sort();
    (journals, begun)
}

/// In the sandbox, or on the environment at the end of this kubeconfig's context, where the namespace is there.
pub(crate) fn of_two_applies_one_works_and_the_other_says_so(cluster: Option<(&str, &str)>) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("access")).unwrap();
    std::fs::write(folder.join("access/rolecall.yaml"), FILES).unwrap();
    let filled = rolecall(folder, None, &["plan", "access", "--sandbox", "sandbox"]).wait_with_output().unwrap();
    assert!(filled.status.success(), "{}", text(&filled));
    let served = Served::start(&folder.join("sandbox"));
    let url = served.credential("ROLECALL_SANDBOX_URL");
    let (kubeconfig, context) = cluster.unwrap_or(("sandbox/kubeconfig", "alpha"));
    let connections = format!(
        "entra: {{ login: '{url}', graph: '{url}', ca-file: sandbox/ca.pem }}\nenvironments:\n  \
         alpha: {{ kubeconfig: '{kubeconfig}', context: {context} }}\n"
    );
    std::fs::write(folder.join("connections.yaml"), connections).unwrap();
    let run = |arguments: &[&str]| {
        let connections = ["--connections", "connections.yaml", "--acknowledge", "config-renamed:together"];
        rolecall(folder, Some(&served), &[arguments, &connections].concat())
    };
    let planned = run(&["plan", "access", "--save", "it.plan"]).wait_with_output().unwrap();
    assert!(planned.status.success(), "{}", text(&planned));

    let both = [run(&["apply", "it.plan", "access"]), run(&["apply", "it.plan", "access"])];
    let said = both.map(|run| {
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        text(&output)
    });
    let worked = said.iter().filter(|said| said.contains("6 done.")).count();
    let found = "Nothing to do: 6 changes of the saved plan already so.";
    let found = said.iter().filter(|said| said.contains(found)).count();
    assert_eq!((worked, found), (1, 1), "{said:#?}");

    // One journal, every change in it once; and the tenant's own log has each write once.
    let (journals, mut begun) = begun(folder);
    assert_eq!((journals, begun.len()), (1, 6), "{begun:#?}");
    begun.dedup();
    assert_eq!(begun.len(), 6, "{begun:#?}");
    let log = served.log();
    let writes: Vec<String> = log.writes().iter().map(|write| format!("{} {}", write.method, write.path)).collect();
    let groups = writes.iter().filter(|write| write.contains("/groups(uniqueName=")).count();
    assert!(groups <= 1, "{writes:#?}");
    let bindings = writes.iter().filter(|write| write.contains("/rolebindings/")).count();
    assert_eq!(bindings, if cluster.is_none() { 2 } else { 0 }, "{writes:#?}");
}
