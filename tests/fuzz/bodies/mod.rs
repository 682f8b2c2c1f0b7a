//! What is done with each input, and what must hold then. Each body panics where it does not.
//!
//! They run in two places: `tests/fuzz` feeds them the corpus and generated input on any toolchain, and the crate `fuzz/`
//! feeds them to libFuzzer.

use std::fmt::Write as _;

use rolecall::report::escape;
use rolecall::state::Failure;

mod answers;
mod config;
mod documents;
mod graph;
mod journal;
mod kubernetes;
mod saved_plan;
mod world;

/// One thing that is fuzzed.
pub(crate) struct Target {
    /// Its name: that of its folder below `fuzz/corpus` and of its file below `fuzz/fuzz_targets`.
    pub(crate) name: &'static str,
    /// What is done with an input.
    pub(crate) body: fn(&[u8]),
}

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "config", body: config::run },
    Target { name: "connections", body: documents::connections },
    Target { name: "seed", body: documents::seed },
    Target { name: "faults", body: documents::faults },
    Target { name: "saved_plan", body: saved_plan::run },
    Target { name: "journal", body: journal::run },
    Target { name: "graph", body: graph::run },
    Target { name: "kubernetes", body: kubernetes::run },
    Target { name: "kubeconfig", body: documents::kubeconfig },
    Target { name: "exec_plugin", body: documents::exec_plugin },
    Target { name: "status", body: documents::status },
    Target { name: "secrets", body: documents::secrets },
];

/// Runs one target by its name.
///
/// # Panics
/// When there is none of this name, and where something does not hold.
pub(crate) fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("there is no target `{name}`")).body)(input);
}

/// A page that a terminal shows: nothing in it acts on one.
fn is_harmless(what: &str, page: &str) {
    let hidden = |character: &char| *character != '\n' && escape::is_hidden(*character);
    if let Some(character) = page.chars().find(hidden) {
        let mut around = String::new();
        for line in page.lines().filter(|line| line.contains(character)) {
            let _ = writeln!(around, "{}", escape::line(line));
        }
        panic!("{what} holds the raw character {character:?}:\n{around}");
    }
}

/// What is said of something that went wrong: harmless as every screen shows it, of a length that can be read, and
/// without what was sent in confidence.
fn is_fit_to_say(failure: &Failure, secrets: &[&str]) {
    for text in [Some(&failure.what), failure.next.as_ref()].into_iter().flatten() {
        assert!(text.len() < 32 * 1024, "{} bytes are no message: {}…", text.len(), &escape::message(text));
        is_harmless("a failure", &escape::message(text));
        for secret in secrets {
            assert!(!text.contains(secret), "a failure tells a secret: {text}");
        }
    }
}
