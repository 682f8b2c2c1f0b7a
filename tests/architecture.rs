//! Who may use whom. The table is the house's; a `use` against it fails here, with the file and line.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A module, the modules of ours it may use, and the crates it must not name.
struct Room {
    name: &'static str,
    may_use: &'static [&'static str],
    /// Rooms without I/O: between load and render everything is a function of its arguments.
    is_pure: bool,
}

const ROOMS: &[Room] = &[
    Room { name: "state", may_use: &[], is_pure: true },
    Room { name: "diagnostics", may_use: &["state"], is_pure: true },
    Room { name: "config", may_use: &["diagnostics", "state"], is_pure: false },
    Room { name: "desired", may_use: &["config", "diagnostics", "state"], is_pure: true },
    Room { name: "edit", may_use: &["config", "desired", "diagnostics", "plan", "state"], is_pure: true },
    Room { name: "lint", may_use: &["access", "config", "diagnostics", "state"], is_pure: true },
    Room { name: "providers", may_use: &["diagnostics", "state"], is_pure: false },
    Room { name: "plan", may_use: &["diagnostics", "state"], is_pure: true },
    Room { name: "access", may_use: &["diagnostics", "state"], is_pure: true },
    Room { name: "doctor", may_use: &["state"], is_pure: true },
    Room { name: "apply", may_use: &["plan", "providers", "state"], is_pure: false },
    Room {
        name: "report",
        may_use: &["access", "apply", "diagnostics", "doctor", "lint", "plan", "snapshot", "state"],
        is_pure: true,
    },
    Room { name: "git", may_use: &["diagnostics", "state"], is_pure: false },
    Room { name: "hosts", may_use: &["providers", "state"], is_pure: false },
    Room { name: "snapshot", may_use: &["providers", "state"], is_pure: true },
    Room { name: "sandbox", may_use: &["state"], is_pure: false },
    Room {
        name: "cli",
        may_use: &[
            "access",
            "apply",
            "config",
            "desired",
            "diagnostics",
            "doctor",
            "edit",
            "git",
            "hosts",
            "lint",
            "plan",
            "providers",
            "report",
            "sandbox",
            "snapshot",
            "state",
        ],
        is_pure: false,
    },
];

/// What a pure room must not name: runtimes, networks, files, the clock, the environment.
const IMPURE: &[&str] = &[
    "tokio::",
    "reqwest::",
    "kube::",
    "axum::",
    "hyper::",
    "fs_err::",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "Timestamp::now",
    "SystemTime",
    "Instant::now",
    "git2::",
];

/// What of another room's inside may be used, where not all of it may.
const ONLY: &[(&str, &str, &[&str])] = &[
    ("apply", "providers", &["Writer", "Report", "STOPPED"]),
    ("hosts", "providers", &["http"]),
    ("lint", "access", &["builtin_roles"]),
    ("snapshot", "providers", &["Reader"]),
    ("report", "apply", &["event", "Event", "Stop", "Summary"]),
];

#[test]
fn every_use_keeps_to_the_table() {
    let files = sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path());
    assert!(files.len() > 30, "the sources were not found");
    let found: Vec<String> = files.iter().flat_map(|(path, text)| violations(path, text)).collect();
    assert!(found.is_empty(), "the house is broken:\n{}", found.join("\n"));
}

#[test]
fn every_folder_of_the_house_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("src is there")
        .filter_map(|entry| entry.ok().filter(|entry| entry.path().is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let table: BTreeSet<String> = ROOMS.iter().map(|room| room.name.to_owned()).collect();
    assert_eq!(rooms, table);
}

#[test]
fn a_forbidden_use_is_found() {
    let cases = [
        ("src/plan/diff.rs", "use crate::providers::Writer;\n"),
        ("src/plan/diff.rs", "use crate::{\n    providers::entra,\n    state::Change,\n};\n"),
        ("src/plan/diff.rs", "fn now() { let _ = jiff::Timestamp::now(); }\n"),
        ("src/state/name.rs", "use crate::config::Config;\n"),
        ("src/providers/entra/read.rs", "use crate::providers::kubernetes::connect;\n"),
        ("src/providers/entra/read.rs", "use super::super::kubernetes::connect;\n"),
        ("src/sandbox/graph/mod.rs", "use crate::providers::http;\n"),
        ("src/apply/executor.rs", "use crate::providers::entra::EntraWriter;\n"),
        ("src/desired/compile.rs", "use tokio::time;\n"),
        ("src/report/text.rs", "use crate::cli::Ui;\n"),
        ("src/config/load.rs", "use crate::cli::Ui;\n"),
        ("src/plan/mod.rs", "#[cfg(test)]\nmod tests;\n\nuse crate::providers::Writer;\n"),
        ("src/plan/diff.rs", "fn f() { g(\"https://contoso.com\", crate::providers::h()) }\n"),
    ];
    for (path, text) in cases {
        assert!(!violations(Path::new(path), text).is_empty(), "{path} may not hold: {text}");
    }
}

#[test]
fn allowed_uses_and_words_in_comments_are_not_reported() {
    let cases = [
        (
            "src/plan/diff.rs",
            "//! Never uses crate::providers, tokio:: or a clock.\nuse crate::state::{Change, Desired};\n",
        ),
        ("src/apply/executor.rs", "use crate::providers::{Report, Writer};\n"),
        ("src/report/text.rs", "use crate::apply::Event;\n"),
        ("src/providers/entra/read.rs", "use crate::providers::http::transport;\n"),
        ("src/providers/entra/read.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use crate::sandbox::Sandbox; }\n"),
    ];
    for (path, text) in cases {
        assert_eq!(violations(Path::new(path), text), Vec::<String>::new(), "{path}: {text}");
    }
}

fn violations(path: &Path, text: &str) -> Vec<String> {
    let parts: Vec<String> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .skip_while(|part| part != "src")
        .skip(1)
        .collect();
    let Some(room) = ROOMS.iter().find(|room| parts.len() > 1 && room.name == parts[0]) else { return Vec::new() };
    let code = code_of(text);
    let mut found = Vec::new();
    for (line, target, inner) in uses(&code) {
        let place = format!("{}:{line}", path.display());
        if target != room.name && !room.may_use.contains(&target.as_str()) {
            found.push(format!("{place}: `{}` may not use `{target}`", room.name));
        }
        let narrowed = ONLY.iter().find(|(from, to, _)| *from == room.name && *to == target);
        if let Some((_, _, allowed)) = narrowed {
            for name in inner.iter().filter(|name| !allowed.contains(&name.as_str())) {
                found.push(format!("{place}: `{}` may not use `{target}::{name}`", room.name));
            }
        }
        if room.name == "providers" && target == "providers" {
            let own = parts.get(1).map(String::as_str).unwrap_or_default();
            for name in inner.iter().filter(|name| is_provider(name) && name.as_str() != own && is_provider(own)) {
                found.push(format!("{place}: provider `{own}` may not use provider `{name}`"));
            }
        }
    }
    if room.name == "providers" && parts.get(1).is_some_and(|own| is_provider(own)) {
        let other = ["entra", "kubernetes"].into_iter().find(|name| parts[1] != *name).unwrap_or_default();
        if let Some(line) = code.lines().position(|line| line.contains(&format!("super::super::{other}"))) {
            found.push(format!("{}:{}: one provider may not use another", path.display(), line + 1));
        }
    }
    if room.is_pure {
        for (at, line) in code.lines().enumerate() {
            for name in IMPURE.iter().filter(|name| line.contains(**name)) {
                found.push(format!("{}:{}: `{}` is pure and may not name `{name}`", path.display(), at + 1, room.name));
            }
        }
    }
    found
}

fn is_provider(name: &str) -> bool {
    matches!(name, "entra" | "kubernetes" | "azure" | "keycloak" | "rancher")
}

/// The text without comments and without a module of unit tests at its end, which may use what it needs. Line numbers stay.
fn code_of(text: &str) -> String {
    let tests = text.match_indices("#[cfg(test)]\nmod ").map(|(at, _)| at).find(|at| {
        let declaration = text[*at..].lines().nth(1).unwrap_or_default();
        declaration.ends_with('{') || declaration.ends_with('}')
    });
    let end = tests.unwrap_or(text.len());
    text[..end].lines().map(without_comment).collect::<Vec<_>>().join("\n")
}

/// A comment starts with `//` that is no part of a URL.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").map(|(at, _)| at).find(|at| !line[..*at].ends_with(':'));
    comment.map_or(line, |at| &line[..at])
}

/// Every `crate::room` and `crate::{room, …}` with its line, and what stands right behind the room.
fn uses(code: &str) -> Vec<(usize, String, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if at > 0 && code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + "crate::".len()..];
        for branch in branches(rest) {
            let room = identifier(branch);
            let behind = branch[room.len()..].trim_start();
            let inner = behind
                .strip_prefix("::")
                .map(|inner| branches(inner).into_iter().map(identifier).map(str::to_owned).collect());
            found.push((line, room.to_owned(), inner.unwrap_or_default()));
        }
    }
    found
}

/// `a::b` is one branch; `{a::b, c::{d, e}}` is two.
fn branches(text: &str) -> Vec<&str> {
    let text = text.trim_start();
    let Some(group) = text.strip_prefix('{') else { return vec![text] };
    let mut depth = 0_usize;
    let mut start = 0;
    let mut found = Vec::new();
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(group[start..at].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(group[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|branch| !branch.is_empty());
    found
}

fn identifier(text: &str) -> &str {
    let end = text.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(text.len());
    &text[..end]
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests")
                || path.components().any(|part| part.as_os_str() == "tests");
            if !is_test {
                let text = std::fs::read_to_string(&path).expect("a source is UTF-8");
                found.push((path, text));
            }
        }
    }
    found
}
