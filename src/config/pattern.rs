//! Patterns of the root file: for paths (`exclude`, `delegate`), and for names (`delegate`).

use std::str::FromStr;

use globset::{Glob, GlobBuilder};

use super::rules;
use super::yaml::Node;
use crate::diagnostics::{Finding, Label};
use crate::state::{InvalidName, like};

/// A pattern for paths relative to the config's folder. `*` stays within a folder, `**` does not; case counts. `None` is
/// reported; `effect` says what such a pattern does.
pub(super) fn path(node: &Node, text: &str, effect: &str, findings: &mut Vec<Finding>) -> Option<Glob> {
    // `*` must not cross folders: `*.yaml` would stand for every access file.
    match GlobBuilder::new(text).literal_separator(true).build() {
        Ok(glob) => Some(glob),
        Err(error) => {
            findings.push(Finding {
                rule: &rules::BAD_PATTERN,
                severity: rules::BAD_PATTERN.severity,
                message: format!("this pattern cannot be understood: {}", error.kind()),
                labels: vec![Label { span: node.span, text: effect.to_owned() }],
                file: None,
                help: Some(
                    "write a path below this folder; `*` stands for part of a name, `**` for folders".to_owned(),
                ),
            });
            None
        }
    }
}

/// A pattern for the keys of groups and the names of namespaces: a name in which each `*` stands for any characters, or
/// for none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NamePattern(String);

impl NamePattern {
    /// The pattern as it is written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for more than the one name that it spells.
    pub(super) fn is_open(&self) -> bool {
        self.0.contains('*')
    }

    /// Whether it stands for this name, all of it.
    pub(super) fn matches(&self, name: &str) -> bool {
        like(&self.0, name)
    }

    /// The same for a namespace. As with labels, only its own name stands for `default` and `kube-…`: whoever may change
    /// those namespaces has the cluster.
    pub(super) fn matches_namespace(&self, name: &str) -> bool {
        let own_name_only = name == "default" || name.starts_with("kube-");
        self.matches(name) && !(self.is_open() && own_name_only)
    }
}

impl FromStr for NamePattern {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let inside =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'*');
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| !matches!(byte, b'-' | b'_'));
        let bytes = text.as_bytes();
        if !bytes.iter().all(|byte| inside(*byte)) || !edge(bytes.first()) || !edge(bytes.last()) {
            return Err(InvalidName(
                "use lower-case letters, digits, `-` and `_` as in a name, and `*` for any characters".to_owned(),
            ));
        }
        if bytes.len() > 63 {
            return Err(InvalidName(format!("{} characters are too many, 63 is the most", bytes.len())));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        text.parse().expect("it is a pattern")
    }

    #[test]
    fn a_pattern_stands_for_whole_names() {
        for (text, name, matches) in [
            ("payments", "payments", true),
            ("payments", "payments-dev", false),
            ("payments-*", "payments-dev", true),
            ("payments-*", "payments-", true),
            ("payments-*", "payments", false),
            ("payments-*", "old-payments-dev", false),
            ("*-dev", "payments-dev", true),
            ("*-dev", "payments-dev-eu", false),
            ("a*b*a", "aba", true),
            ("a*b*a", "abba", true),
            ("a*b*a", "aa", false),
            ("a*a", "a", false),
            ("*", "anything", true),
            ("**", "anything", true),
        ] {
            assert_eq!(pattern(text).matches(name), matches, "{text} {name}");
        }
    }

    #[test]
    fn only_its_own_name_stands_for_a_namespace_of_the_system() {
        for (text, name, matches) in [
            ("*", "payments", true),
            ("*", "default", false),
            ("*", "kube-system", false),
            ("kube*", "kubeflow", true),
            ("kube*", "kube-system", false),
            ("kube-system", "kube-system", true),
            ("default", "default", true),
            ("def*", "default", false),
        ] {
            assert_eq!(pattern(text).matches_namespace(name), matches, "{text} {name}");
        }
    }
}
