#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bounds;
mod clusters;
mod delegate;
mod examples;
mod expectations;
mod folders;
mod mistakes;
mod properties;
mod schema;
mod sheet;
mod texts;
mod weakened;

use std::fmt::Write as _;
use std::path::PathBuf;

use super::{File, Loaded, read};

/// A root file on which a test can build.
pub(super) const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
";

pub(super) fn files(files: &[(&str, &str)]) -> Loaded {
    let file = |(path, text): &(&str, &str)| File::new(*path, Ok(text.as_bytes().to_vec()));
    read(PathBuf::from("/access"), files.iter().map(file).collect())
}

/// A root file that goes on with this.
pub(super) fn root_with(text: &str) -> Loaded {
    files(&[("rolecall.yaml", &format!("{ROOT}{text}"))])
}

/// Every finding as plain lines: `rule path:line:column message`, each label with the text it points at, and the help.
pub(super) fn told(loaded: &Loaded) -> String {
    let mut told = String::new();
    for finding in &loaded.findings {
        writeln!(told, "{}: {}", finding.rule.id, finding.message).unwrap();
        for label in &finding.labels {
            let source = loaded.sources.get(label.span.file).unwrap();
            let (line, column) = source.position(label.span.start);
            let text = source.text.get(label.span.start..label.span.end).expect("a span lies on characters");
            writeln!(told, "  {}:{line}:{column} {text:?} {}", source.path, label.text).unwrap();
        }
        if let Some(file) = &finding.file {
            writeln!(told, "  {file}").unwrap();
        }
        if let Some(help) = &finding.help {
            writeln!(told, "  help: {help}").unwrap();
        }
    }
    told
}
