//! Public clients of Microsoft Graph meet what is documented when they talk to the sandbox. The programs are in
//! tests/clients, one for each client; all of them check the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::served::Served;
use crate::summary::leave;

/// What every client checks, in this order.
const CHECKS: &[&str] = &[
    "a token that is none",
    "a page without $top",
    "more than 999 members",
    "members say their type",
    "a next page without the header",
    "the count is on the first page",
    "an advanced query without the header",
    "more than 15 clauses",
    "a group is created",
    "and read back",
    "a key that is free creates",
    "a key that is taken updates",
    "the update is there",
    "a member is added",
    "a member who is there already",
    "a member who does not exist",
    "two members at once",
    "all at once or none",
    "three are members",
    "a member is removed",
    "a member who is gone already",
    "an owner is added",
    "the last owner stays",
    "a batch",
    "429 inside a batch says when to come again",
    "204 inside a batch has no body",
    "and then it is answered",
    "what depends on a failure",
    "an id twice in a batch",
    "more than 20 in a batch",
    "a delta round of everything",
    "a group is deleted",
    "a delta round names who left",
    "and which group was deleted",
    "a deleted group",
    "is among the deleted items",
    "and is restored",
    "under the same id",
    "a group is purged",
    "and cannot come back",
    "a delta round says so",
];

/// One request inside a batch is refused once, and nothing else ever.
const FAULTS: &str = "
rules:
  - { fault: { throttled: { retry-after-ms: 250 } }, methods: [GET], path: /organization, times: 1 }
";

/// A client, and the program that drives it.
struct Client {
    name: &'static str,
    /// The file that pins its version, and how a version looks in there.
    pinned: (&'static str, fn(&str, &str) -> String),
    /// Checks of its own, after one of the others.
    more: &'static [(&'static str, &'static str)],
    command: fn(&Served, home: &Path) -> Command,
}

const CLIENTS: &[Client] = &[
    Client {
        name: "Graph SDK for Python",
        pinned: ("graph-sdk.txt", |package, version| format!("\n{package}=={version}\n")),
        more: &[],
        command: |served, _| {
            let mut command = python("graph_sdk.py");
            command.arg(served.file("ca.pem"));
            command
        },
    },
    Client {
        name: "Graph client for JavaScript",
        pinned: ("package.json", |package, version| format!("\"{package}\": \"{version}\"")),
        more: &[],
        command: |served, _| {
            let mut command = program("node");
            command.arg(script("graph_client.cjs"));
            command.env("NODE_PATH", real!("ROLECALL_REAL_NODE_MODULES"));
            command.env("NODE_EXTRA_CA_CERTS", served.file("ca.pem"));
            command
        },
    },
    Client {
        name: "Azure CLI",
        pinned: ("azure-cli.txt", |package, version| format!("\n{package}=={version}\n")),
        more: &[("the last owner stays", "commands for groups")],
        command: |served, home| {
            let mut command = python("azure_cli.py");
            command.arg(real!("ROLECALL_REAL_AZ"));
            command.env("REQUESTS_CA_BUNDLE", served.file("ca.pem"));
            command.env("AZURE_CONFIG_DIR", home).env("AZURE_CORE_COLLECT_TELEMETRY", "0");
            command
        },
    },
];

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

fn python(name: &str) -> Command {
    let mut command = program(&real!("ROLECALL_REAL_PYTHON"));
    command.arg(script(name));
    command
}

/// What a client did: a line for the summary, or why it is not as it should be.
fn run(client: &Client) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = folder.path().join("sandbox");
    let made = Command::new(env!("CARGO_BIN_EXE_rolecall"))
        .args(["sandbox", "init"])
        .arg(&sandbox)
        .args(["--groups", "2", "--members", "1050", "--seed", "7"])
        .env_clear()
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let faults = folder.path().join("faults.yaml");
    fs_err::write(&faults, FAULTS).unwrap();
    let served = Served::with(&sandbox, &["--faults", faults.to_str().unwrap()]);

    let home = folder.path().join("home");
    fs_err::create_dir(&home).unwrap();
    let mut command = (client.command)(&served, &home);
    let output = command.env("HOME", &home).envs(served.credentials()).output();
    let output = output.map_err(|error| format!("{}: {}: {error}", client.name, command.get_program().display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (mut version, mut checks) = (None, Vec::new());
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("version", package)) => version = package.split_once(' '),
            Some(("ok", check)) => checks.push(check.split_once(": ").map_or(check, |(name, _)| name)),
            _ => return Err(format!("{}: an unknown line: {line}", client.name)),
        }
    }
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: failed after {} checks\n{why}", client.name, checks.len()));
    }
    let mut wanted = CHECKS.to_vec();
    for (after, check) in client.more {
        let position = wanted.iter().position(|known| known == after).unwrap();
        wanted.insert(position + 1, check);
    }
    if checks != wanted {
        return Err(format!("{}: checked {checks:?}\ninstead of {wanted:?}", client.name));
    }
    let Some((package, version)) = version else { return Err(format!("{}: says no version", client.name)) };
    let (file, pinned) = client.pinned;
    if !fs_err::read_to_string(script(file)).unwrap().contains(&pinned(package, version)) {
        return Err(format!("{}: {package} {version} is not the version in {file}", client.name));
    }
    check_log(client, &served)?;
    Ok(format!("{}, {package} {version}: {} checks passed", client.name, checks.len()))
}

/// The client asked for nothing that the sandbox does not model, and met the one fault that it was to meet.
fn check_log(client: &Client, served: &Served) -> Result<(), String> {
    let log = served.log();
    if let Some(call) = log.calls().iter().find(|call| call.not_modelled || call.danger) {
        return Err(format!("{}: {} {} was answered {}", client.name, call.method, call.path, call.status));
    }
    let of_items = log.lines().iter().flat_map(|line| &line.items).filter_map(|item| item.fault.as_deref());
    let of_calls = log.lines().iter().filter_map(|line| line.fault.as_deref());
    let (of_items, of_calls) = (of_items.collect::<Vec<_>>(), of_calls.collect::<Vec<_>>());
    if of_items != ["throttled"] || !of_calls.is_empty() {
        return Err(format!("{}: faults of items {of_items:?}, of requests {of_calls:?}", client.name));
    }
    let next_pages =
        log.calls().iter().filter(|call| call.path.contains("/members") && call.path.contains("skiptoken=")).count();
    if next_pages == 0 {
        return Err(format!("{}: no next page of members was asked for", client.name));
    }
    Ok(())
}

#[test]
#[ignore = "needs the real components: run tests/run"]
fn public_clients_meet_what_is_documented() {
    let results = std::thread::scope(|scope| {
        let running = CLIENTS.iter().map(|client| scope.spawn(|| run(client))).collect::<Vec<_>>();
        running.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    let lines = results.iter().map(|result| match result {
        Ok(line) => line.as_str(),
        Err(why) => why.lines().next().unwrap_or_default(),
    });
    leave("2-graph-clients", &lines.collect::<Vec<_>>().join("\n"));
    let failed = results.into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Every machine asks its own registry, for exactly what is written down.
#[test]
fn versions_are_exact_and_no_registry_is_named() {
    let lock = fs_err::read_to_string(script("package-lock.json")).unwrap();
    let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
    let packages = lock["packages"].as_object().unwrap();
    assert!(packages.len() > 2);
    for (name, package) in packages {
        assert!(package.get("resolved").is_none(), "package-lock.json: {name} names where it was found");
        assert!(name.is_empty() || package.get("integrity").is_some(), "package-lock.json: {name} has no hash");
    }
    let manifest = fs_err::read_to_string(script("package.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let is_exact = |version: &str| version.chars().all(|character| character.is_ascii_digit() || character == '.');
    for (name, version) in manifest["dependencies"].as_object().unwrap() {
        assert!(version.as_str().is_some_and(is_exact), "package.json: {name} is {version}");
    }
    for file in ["azure-cli.txt", "graph-sdk.txt", "python-gitlab.txt"] {
        for line in fs_err::read_to_string(script(file)).unwrap().lines().filter(|line| !line.starts_with('#')) {
            let (name, version) = line.split_once("==").unwrap_or((line, ""));
            assert!(!name.contains(char::is_whitespace) && !version.is_empty(), "{file}: `{line}` is not exact");
        }
    }
}
