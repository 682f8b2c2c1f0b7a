//! Access files, the root file first, then others behind lines `#file PATH`.

use std::path::PathBuf;

use rolecall::config::{self, File, Loaded, ROOT_FILE};
use rolecall::desired;
use rolecall::diagnostics::Severity;
use rolecall::report::escape;
use rolecall::report::findings::{self, Style};

use super::is_harmless;

const STYLES: [Style; 3] = [
    Style { graphical: false, colour: false, width: 100 },
    Style { graphical: true, colour: false, width: 100 },
    Style { graphical: true, colour: false, width: 1 },
];

/// More bindings than this are no config, whatever it says.
const MOST_BINDINGS: usize = 1_000_000;

pub(super) fn run(input: &[u8]) {
    let files = split(input);
    let loaded = config::read(PathBuf::from("/access"), files.clone());
    findings_hold(&loaded);

    let mut turned = files;
    turned.reverse();
    let again = config::read(PathBuf::from("/access"), turned);
    assert_eq!(loaded.findings, again.findings, "the order of the files makes other findings");
    assert_eq!(loaded.config, again.config, "the order of the files makes another config");
    assert_eq!(loaded.tree_hash, again.tree_hash);
    assert_eq!(render(&loaded), render(&again));

    if let Some(config) = &loaded.config {
        let desired = desired::compile(config, &loaded.sources);
        assert_eq!(desired, desired::compile(config, &again.sources));
        let bindings: usize = desired.environments.values().map(|environment| environment.bindings.len()).sum();
        assert!(bindings <= MOST_BINDINGS, "a config of {} bytes asks for {bindings} bindings", input.len());
    }
}

/// Two files of one path are one file here, as on a disk.
fn split(input: &[u8]) -> Vec<File> {
    let mut files: Vec<(String, Vec<u8>)> = vec![(ROOT_FILE.to_owned(), Vec::new())];
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        if let Some(path) = line.strip_prefix(b"#file ") {
            files.push((String::from_utf8_lossy(path).trim_end().to_owned(), Vec::new()));
        } else if let Some((_, content)) = files.last_mut() {
            content.extend_from_slice(line);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|(path, _)| seen.insert(path.clone()));
    files.into_iter().map(|(path, content)| File::new(path, Ok(content))).collect()
}

fn findings_hold(loaded: &Loaded) {
    let has_error = loaded.findings.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(loaded.config.is_none(), has_error, "there is a config exactly where there is no error");
    for finding in &loaded.findings {
        assert!(finding.rule.id != "not-understood", "the two readings of a file disagree: {finding:?}");
        assert!(!finding.labels.is_empty() || finding.file.is_some(), "this stands nowhere: {finding:?}");
        for label in &finding.labels {
            let source = loaded.sources.get(label.span.file).expect("a label is about a file that was read");
            let (start, end) = (label.span.start, label.span.end);
            assert!(
                source.text.get(start..end).is_some(),
                "{start}..{end} is no piece of {}: {finding:?}",
                source.path
            );
        }
    }
}

fn render(loaded: &Loaded) -> Vec<String> {
    let mut pages: Vec<String> =
        STYLES.iter().map(|style| findings::render(&loaded.findings, &loaded.sources, style)).collect();
    let value = findings::json(&loaded.findings, &loaded.sources);
    pages.push(escape::json(&format!("{value:#}")));
    for page in &pages {
        // An excerpt keeps its tabs.
        is_harmless("the page of findings", &page.replace('\t', " "));
        assert!(page.len() < 64 * 1024 * 1024, "{} findings make {} bytes", loaded.findings.len(), page.len());
    }
    pages
}
