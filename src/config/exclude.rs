//! `exclude:` of the root file: YAML files in the folder that are no access files.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::rules;
use super::yaml::Node;
use crate::diagnostics::{Finding, Label};

/// The patterns, ready to match.
#[derive(Default)]
pub(super) struct Exclude(GlobSet);

impl Exclude {
    /// Reads the patterns from the root file's tree. One that cannot be understood is reported and excludes nothing.
    pub(super) fn read(root: &Node, findings: &mut Vec<Finding>) -> Self {
        let mut patterns = GlobSetBuilder::new();
        for node in root.get("exclude").map_or(&[][..], Node::items) {
            let pattern = node.words().trim_end_matches('/');
            // `*` must not cross folders: `*.yaml` would take every access file out of the config.
            match GlobBuilder::new(pattern).literal_separator(true).build() {
                Ok(glob) => {
                    patterns.add(glob);
                }
                Err(error) => findings.push(Finding {
                    rule: &rules::BAD_PATTERN,
                    message: format!("this pattern cannot be understood: {}", error.kind()),
                    labels: vec![Label { span: node.span, text: "excludes nothing".to_owned() }],
                    file: None,
                    help: Some(
                        "write a path below this folder; `*` stands for part of a name, `**` for folders".to_owned(),
                    ),
                }),
            }
        }
        Self(patterns.build().unwrap_or_default())
    }

    /// Whether a path relative to the config's folder, or a folder above it, is excluded.
    pub(super) fn matches(&self, path: &str) -> bool {
        let above = path.char_indices().filter(|(_, character)| *character == '/').map(|(at, _)| &path[..at]);
        above.chain([path]).any(|path| self.0.is_match(path))
    }
}
