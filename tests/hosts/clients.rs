//! The hosts' public clients talk to our servers, and read and write what rolecall writes and reads; so that what both sides
//! believe of a host is not one person's belief. The programs are in tests/clients, and need `tests/run`.

use std::path::Path;
use std::process::Command;

use crate::place::Place;
use crate::server::{BOT, EVE, Face};
use crate::summary::leave;

const MARKER: &str = "<!-- rolecall:comment plan -->";
const TEXT: &str = "# Plan\n\n<details>\n\nerin@contoso.com gains prod\n\n</details>\n";

/// What every client checks, in this order.
const CHECKS: &[&str] = &[
    "a token that is none",
    "as whom the token acts",
    "all of more than a page",
    "a comment of somebody else",
    "a comment is created",
    "and edited",
    "a comment that is too long",
    "a comment is deleted",
    "and is gone",
    "an issue is opened",
    "what rolecall wrote",
    "the issue that rolecall changed",
    "an issue is closed",
];

/// The value of a variable that `tests/run` sets. A part that is missing is a failure: nothing here may pass without it.
#[allow(clippy::disallowed_methods, reason = "`tests/run` says by its environment where the real components are")]
pub(crate) fn real(variable: &str) -> String {
    assert!(std::env::var("ROLECALL_REAL").as_deref() == Ok("1"), "the public clients are not there: run tests/run");
    std::env::var(variable).unwrap_or_else(|_| panic!("ROLECALL_REAL=1, but {variable} is not set: run tests/run"))
}

/// The client of a host: its program, and the file that pins its version with how a version looks in there.
fn client(face: Face) -> (Command, &'static str, fn(&str, &str) -> String) {
    let script = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name);
    let in_manifest: fn(&str, &str) -> String = |package, version| format!("\"{package}\": \"{version}\"");
    let node = |name: &str| {
        let mut command = Command::new("node");
        command.arg(script(name)).env("NODE_PATH", real("ROLECALL_REAL_NODE_MODULES"));
        command
    };
    match face {
        Face::GitHub => (node("github_client.cjs"), "package.json", in_manifest),
        Face::AzureDevOps => (node("azure_devops_client.cjs"), "package.json", in_manifest),
        Face::GitLab => {
            let mut command = Command::new(real("ROLECALL_REAL_GITLAB_PYTHON"));
            command.arg(script("gitlab_client.py"));
            (command, "python-gitlab.txt", |package, version| format!("\n{package}=={version}\n"))
        }
    }
}

/// What the client printed in a phase.
pub(crate) fn run_client(place: &Place, phase: &str) -> String {
    let (mut command, _, _) = client(place.server.face);
    let output = command
        .arg(phase)
        .env("ROLECALL_HOST_URL", &place.server.url)
        .env("ROLECALL_HOST_TOKEN", BOT.token)
        .env("ROLECALL_HOST_MARKER", MARKER)
        .env("ROLECALL_HOST_TEXT", TEXT)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    let (text, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{:?} {phase}:\n{text}\n{why}", place.server.face);
    text.into_owned()
}

/// A place in which the client and rolecall have taken turns, and what the client printed.
pub(crate) fn by_turns(face: Face) -> (Place, String) {
    let place = Place::of(face);
    for number in 0..130 {
        place.server.state().comment(EVE.id, &format!("comment {number}"));
    }
    if face == Face::AzureDevOps {
        // The client asks once for all threads.
        place.server.state().page = 1000;
    }
    let mut printed = run_client(&place, "first");
    place.write("plan.md", TEXT);
    let ran = place.comment(&["plan.md"]).exits(0);
    assert!(ran.stdout.starts_with("Edited the comment"), "what the client wrote was not found: {ran:?}");
    if face != Face::AzureDevOps {
        let ran = place.comment(&["plan.md", "--as-issue"]).exits(0);
        assert!(ran.stdout.starts_with("Edited the issue"), "what the client opened was not found: {ran:?}");
    }
    printed.push_str(&run_client(&place, "second"));
    let ran = place.comment(&["plan.md"]).exits(0);
    assert!(ran.stdout.starts_with("Edited the comment"), "what the client edited was taken for the same: {ran:?}");
    if face != Face::AzureDevOps {
        let ran = place.comment(&["plan.md", "--as-issue"]).exits(0);
        assert!(ran.stdout.contains("again: "), "what the client closed was not opened again: {ran:?}");
    }
    (place, printed)
}

/// Lets the client and rolecall take turns, and leaves a line for the summary.
fn meets(face: Face, name: &str) {
    let (_, printed) = by_turns(face);
    let (mut version, mut checks) = (None, Vec::new());
    for line in printed.lines() {
        match line.split_once(' ') {
            Some(("version", package)) => version = package.split_once(' '),
            Some(("ok", check)) => checks.push(check.split_once(": ").map_or(check, |(name, _)| name)),
            _ => panic!("{face:?}: an unknown line: {line}"),
        }
    }
    let left_out = |check: &&&str| face == Face::AzureDevOps && (check.contains("issue") || check.contains("none"));
    assert_eq!(checks, CHECKS.iter().filter(|check| !left_out(check)).copied().collect::<Vec<_>>(), "{face:?}");
    let (package, version) = version.unwrap();
    let (_, file, pinned) = client(face);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(file);
    assert!(
        fs_err::read_to_string(file).unwrap().contains(&pinned(package, version)),
        "{package} {version} is not pinned"
    );
    leave(name, &format!("{package} {version}: {} checks passed", checks.len()));
}

#[test]
#[ignore = "needs the public clients: run tests/run"]
fn octokit_and_rolecall_read_what_the_other_wrote() {
    meets(Face::GitHub, "2-hosts-clients-1");
}

#[test]
#[ignore = "needs the public clients: run tests/run"]
fn python_gitlab_and_rolecall_read_what_the_other_wrote() {
    meets(Face::GitLab, "2-hosts-clients-2");
}

#[test]
#[ignore = "needs the public clients: run tests/run"]
fn azure_devops_node_api_and_rolecall_read_what_the_other_wrote() {
    meets(Face::AzureDevOps, "2-hosts-clients-3");
}
