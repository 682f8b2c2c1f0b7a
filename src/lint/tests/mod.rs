#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod more;
mod registry;
mod settings;
mod table;

use std::fmt::Write as _;
use std::path::PathBuf;

use super::{Report, lint};
use crate::config::{File, Loaded, read};

/// The head of a root file.
pub(super) const HEAD: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
";

pub(super) fn load(files: &[(&str, &str)]) -> Loaded {
    let file = |(path, text): &(&str, &str)| File::new(*path, Ok(text.as_bytes().to_vec()));
    read(PathBuf::from("/access"), files.iter().map(file).collect())
}

/// What the rules say about a root file that goes on with this.
pub(super) fn report(text: &str) -> (Report, Loaded) {
    let loaded = load(&[("rolecall.yaml", &format!("{HEAD}{text}"))]);
    let config = loaded.config.as_ref().unwrap_or_else(|| panic!("mistakes: {:#?}", loaded.findings));
    (lint(config, &loaded.sources), loaded)
}

/// What one rule says: the message, each label with the line and the text it points at, and the help.
pub(super) fn told(rule: &str, text: &str) -> String {
    let (report, loaded) = report(text);
    let mut told = String::new();
    for finding in report.findings.iter().filter(|finding| finding.rule.id == rule) {
        writeln!(told, "{}: {}", finding.severity.word(), finding.message).unwrap();
        for label in &finding.labels {
            let source = loaded.sources.get(label.span.file).unwrap();
            let (line, column) = source.position(label.span.start);
            let at = source.text.get(label.span.start..label.span.end).expect("a span lies on characters");
            writeln!(told, "  {}:{column} {at:?} {}", line - 4, label.text).unwrap();
        }
        writeln!(told, "  help: {}", finding.help.as_deref().unwrap_or_default()).unwrap();
    }
    told
}
