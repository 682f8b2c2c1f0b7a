//! Small documents, each read by one function.

use std::sync::Arc;

use rolecall::cli::door as cli;
use rolecall::config::yaml::{self, YamlError};
use rolecall::providers::http::{excerpt, without};
use rolecall::providers::kubernetes::door;
use rolecall::report::escape;
use rolecall::sandbox::{Faults, Seed};
use rolecall::state::covering;
use secrecy::ExposeSecret as _;

use super::answers::{CONFIDENTIAL, SECRET, Server, block_on};
use super::kubernetes::{Bearer, client};
use super::{is_fit_to_say, is_harmless};

/// A connections file. The addresses in it may hold a password, which `{{secret}}` stands for.
pub(super) fn connections(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // Elsewhere it is no password.
    let pieces: Vec<&str> = text.split("{{secret}}").collect();
    let in_address = pieces.windows(2).all(|pair| pair[0].ends_with("://jane:") && pair[1].starts_with('@'));
    if let Err(message) = cli::connections(&text.replace("{{secret}}", SECRET)) {
        is_said(&message);
        assert!(!in_address || !message.contains(SECRET), "the password of a proxy is told: {message}");
    }
}

/// The file of `sandbox init --from`.
pub(super) fn seed(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match yaml::from_str::<Seed>(&text) {
        Err(error) => is_placed(&error, &text),
        Ok(seed) => {
            let again = yaml::from_str::<Seed>(&serde_json::to_string(&seed).expect("a seed can be written"));
            assert_eq!(again.as_ref(), Ok(&seed), "it is another seed after it was written and read");
            if let Err(error) = seed.plant() {
                is_said(&escape::message(&error.to_string()));
            }
        }
    }
}

/// The file of `sandbox serve --faults`.
pub(super) fn faults(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match yaml::from_str::<Faults>(&text) {
        Err(error) => is_placed(&error, &text),
        Ok(faults) => {
            if let Err(why) = faults.check() {
                is_said(&escape::message(&why));
            }
        }
    }
}

/// A kubeconfig with a context `alpha`.
pub(super) fn kubeconfig(input: &[u8]) {
    let text = String::from_utf8_lossy(input).replace("{{secret}}", SECRET);
    match block_on(door::kubeconfig(&text, "alpha")) {
        Ok(name) => assert!(name.starts_with("context `alpha`"), "{name}"),
        Err(failure) => is_fit_to_say(&failure, &CONFIDENTIAL),
    }
}

/// What a credential plugin prints.
pub(super) fn exec_plugin(input: &[u8]) {
    let text = String::from_utf8_lossy(input).replace("{{secret}}", SECRET);
    match door::exec_credential(text.as_bytes()) {
        Ok((token, certificate)) => {
            assert!(token.is_some() || certificate.is_some(), "a credential without any");
            assert!(token.is_none_or(|token| !token.expose_secret().is_empty()), "an empty token");
        }
        Err(failure) => is_fit_to_say(&failure, &CONFIDENTIAL),
    }
}

/// An error answer of an API server; the first line is its status, then `Retry-After`.
pub(super) fn status(input: &[u8]) {
    let (head, body) = input.split_at(input.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1));
    let head = String::from_utf8_lossy(head);
    let (code, wait) = head.trim().split_once(' ').map_or((head.trim(), None), |(code, wait)| (code, Some(wait)));
    let code = code.parse().ok().and_then(|code| http::StatusCode::from_u16(code).ok()).unwrap_or_default();
    let link = block_on(async { door::link(client(&Server::default()), "context `alpha`", Arc::new(Bearer)) });
    let (failure, rules, causes) = door::refusal(&link, code, wait, body);
    is_fit_to_say(&failure, &[]);
    is_harmless("the rules we lack", &escape::message(&covering::words(&rules)));
    for cause in causes {
        is_harmless("a cause", &escape::message(&cause));
    }
}

/// A secret in the first line, and a text that may repeat it.
pub(super) fn secrets(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (secret, text) = text.split_once('\n').unwrap_or((&text, ""));
    // Longer ones only take longer.
    let (secret, text): (String, String) =
        (secret.trim().chars().take(96).collect(), text.chars().take(2048).collect());
    let secret = secret.trim();
    let shown = without(&text, [secret]);
    assert!(secret.is_empty() || secret.contains('…') || !shown.contains(secret), "{secret:?} is in {shown:?}");
    let line = excerpt(&shown);
    assert!(!line.contains('\n') && line.chars().count() <= 401);
}

/// A place in the file, and words that fit on a screen.
fn is_placed(error: &YamlError, text: &str) {
    // To YAML a carriage return alone ends a line too (YAML 1.2, 5.4).
    let lines = text.replace("\r\n", "\n").replace('\r', "\n").lines().count();
    let lines = u64::try_from(lines).unwrap_or(u64::MAX);
    assert!(error.line <= lines + 1, "line {} of {lines}: {error}", error.line);
    is_said(&escape::message(&error.to_string()));
}

fn is_said(message: &str) {
    is_harmless("a message", message);
    assert!(message.len() < 32 * 1024, "{} bytes are no message", message.len());
}
