//! Two applies of one saved plan at the same moment, on whatever API server a kubeconfig leads to: one does the work, the other
//! says so, and nothing is done twice.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::gate::{Gate, Hold, Of, Upstream};
use crate::served::Served;

/// How long it is between two looks at what the programs say. Nothing is taken to have happened because time has passed.
const LOOK: Duration = Duration::from_millis(2);

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

fn rolecall(folder: &Path, served: Option<&Served>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command.envs(served.map(Served::credentials).unwrap_or_default());
    command
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The addresses of the changes that the journals of a folder began, and how many journals there are.
fn begun(folder: &Path) -> (usize, Vec<String>) {
    let (mut journals, mut begun) = (0, Vec::new());
    let files = std::fs::read_dir(folder.join(".rolecall")).unwrap().map(|entry| entry.unwrap().path());
    for journal in files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")) {
        journals += 1;
        let text = std::fs::read_to_string(journal).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let begins = lines.filter(|line| line["phase"] == "begin");
        begun.extend(begins.map(|line| line["address"].as_str().unwrap().to_owned()));
    }
    (journals, begun)
}

/// One of the two, and what it says.
struct Apply {
    process: Child,
    folder: std::path::PathBuf,
    file: &'static str,
}

impl Apply {
    fn start(mut command: Command, folder: &Path, file: &'static str) -> Self {
        let said = File::create(folder.join(file)).unwrap();
        let process = command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap();
        Self { process, folder: folder.to_owned(), file }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.join(self.file)).unwrap()
    }
}

/// Waits until something is so while both are running.
fn until(both: &mut [Apply; 2], is_so: impl Fn(&[Apply; 2]) -> bool) {
    while !is_so(both) {
        for apply in both.iter_mut() {
            let ended = apply.process.try_wait().unwrap();
            assert!(ended.is_none(), "it ended too early:\n{}", apply.said());
        }
        std::thread::sleep(LOOK);
    }
}

/// In the sandbox, or on the environment at the end of this kubeconfig's context, where the namespace is there. Gives the names of
/// the bindings that were made.
pub(crate) fn of_two_applies_one_works_and_the_other_says_so(cluster: Option<(&str, &str)>) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("access")).unwrap();
    std::fs::write(folder.join("access/rolecall.yaml"), FILES).unwrap();
    let filled = rolecall(folder, None, &["plan", "access", "--sandbox", "sandbox"]).output().unwrap();
    assert!(filled.status.success(), "{}", text(&filled));
    let served = Served::start(&folder.join("sandbox"));
    let url = served.credential("ROLECALL_SANDBOX_URL");
    let sandbox = folder.join("sandbox/kubeconfig");
    let (kubeconfig, context) = cluster.unwrap_or((sandbox.to_str().unwrap(), "alpha"));
    let kubeconfig: Value = serde_saphyr::from_str(&std::fs::read_to_string(kubeconfig).unwrap()).unwrap();
    // Both reach the API server through one gate, which counts.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let first_write = Hold { request: 0, of: Of::Writes, after_work: false };
    let gate = runtime.block_on(Gate::start(Upstream::of_context(&kubeconfig, context), Some(first_write)));
    std::fs::write(folder.join("kubeconfig"), gate.kubeconfig()).unwrap();
    let connections = format!(
        "entra: {{ login: '{url}', graph: '{url}', ca-file: sandbox/ca.pem }}\nenvironments:\n  \
         alpha: {{ kubeconfig: kubeconfig, context: west }}\n"
    );
    std::fs::write(folder.join("connections.yaml"), connections).unwrap();
    let run = |arguments: &[&str]| {
        let connections = ["--connections", "connections.yaml", "--acknowledge", "config-renamed:together"];
        rolecall(folder, Some(&served), &[arguments, &connections].concat())
    };
    let planned = run(&["plan", "access", "--save", "it.plan"]).output().unwrap();
    assert!(planned.status.success(), "{}", text(&planned));

    // The one who has the lock is held in the middle of its work until the other one waits for it.
    let mut both = ["one", "other"].map(|file| Apply::start(run(&["apply", "it.plan", "access"]), folder, file));
    until(&mut both, |_| gate.holds());
    let waits = "Waiting for the lock for up to 5 min: ";
    until(&mut both, |both| both.iter().any(|apply| apply.said().contains(waits)));
    gate.let_go();
    let said = both.map(|mut apply| {
        let status = apply.process.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{}", apply.said());
        apply.said()
    });
    let worked = said.iter().position(|said| said.contains("6 done.")).unwrap_or_else(|| panic!("{said:#?}"));
    let found = &said[1 - worked];
    assert!(found.contains(waits), "{found}");
    assert!(found.contains("Nothing to do: 6 changes of the saved plan already so."), "{found}");

    // One journal, every change in it once.
    let (journals, begun) = begun(folder);
    let once: BTreeSet<&String> = begun.iter().collect();
    assert_eq!((journals, begun.len(), once.len()), (1, 6, 6), "{begun:#?}");
    // Each binding was sent once by both together, and nothing else that writes but the Lease.
    let bindings = begun.iter().filter_map(|address| address.split_once("/rolebinding/")?.1.rsplit('/').next());
    let bindings: BTreeSet<String> = bindings.map(str::to_owned).collect();
    assert_eq!(bindings.len(), 2, "{begun:#?}");
    let seen = gate.seen();
    let sent =
        seen.iter().filter(|seen| seen.is_write() || (seen.path.contains("/rolebindings") && seen.method != "GET"));
    let sent: Vec<&str> = sent.map(|seen| seen.path.as_str()).collect();
    assert_eq!(sent.len(), 2, "{sent:#?}");
    for name in &bindings {
        assert!(sent.iter().any(|path| path.contains(&format!("/rolebindings/{name}?"))), "{name}: {sent:#?}");
    }
    // The tenant has the group once, by its own log.
    let log = served.log();
    let writes: Vec<String> = log.writes().iter().map(|write| format!("{} {}", write.method, write.path)).collect();
    let groups = writes.iter().filter(|write| write.contains("/groups(uniqueName=")).count();
    assert!(groups <= 1, "{writes:#?}");
    let of_bindings = writes.iter().filter(|write| write.contains("/rolebindings/")).count();
    assert_eq!(of_bindings, if cluster.is_none() { 2 } else { 0 }, "{writes:#?}");
    bindings
}
