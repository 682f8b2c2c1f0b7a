//! `exclude:` of the root file: YAML files in the folder that are no access files.

use globset::{GlobSet, GlobSetBuilder};

use super::pattern;
use super::yaml::Node;
use crate::diagnostics::Finding;

/// The patterns, ready to match.
#[derive(Debug, Default)]
pub(super) struct Exclude(GlobSet);

impl Exclude {
    /// Reads the patterns from the root file's tree. One that cannot be understood is reported and excludes nothing.
    pub(super) fn read(root: &Node, findings: &mut Vec<Finding>) -> Self {
        let mut patterns = GlobSetBuilder::new();
        for node in root.get("exclude").map_or(&[][..], Node::items) {
            let text = node.words().trim_end_matches('/');
            if let Some(glob) = pattern::path(node, text, "excludes nothing", findings) {
                patterns.add(glob);
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
