//! Bindings that no access file asks for: what is done about them, and how the files name one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ConfigName, InvalidName, KubernetesKind, Mark, Namespace, like};

/// What is done about bindings on a cluster that the files do not ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unmanaged {
    /// Nothing is said.
    Ignore,
    /// They are listed.
    #[default]
    Report,
    /// They are listed, and `apply` refuses while one is there that is not allowed.
    Refuse,
}

/// A binding by the name that a file uses: `NAMESPACE/NAME`, or `NAME` for a `ClusterRoleBinding`. Neither part can hold a
/// `/`, so the two cannot be mistaken for each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BindingName {
    /// The namespace of a `RoleBinding`; `None` for a `ClusterRoleBinding`.
    pub namespace: Option<Namespace>,
    /// `metadata.name`.
    pub name: String,
}

impl BindingName {
    /// The kind of the object.
    pub fn kind(&self) -> KubernetesKind {
        if self.namespace.is_some() { KubernetesKind::RoleBinding } else { KubernetesKind::ClusterRoleBinding }
    }
}

impl FromStr for BindingName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (namespace, name) = split(text)?;
        if name.starts_with("system:") {
            return Err(InvalidName(
                "what starts with `system:` passes for Kubernetes' own and is never taken away".to_owned(),
            ));
        }
        let namespace = namespace.map(str::parse).transpose()?;
        Ok(Self { namespace, name: name.to_owned() })
    }
}

impl TryFrom<String> for BindingName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<BindingName> for String {
    fn from(name: BindingName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for BindingName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(formatter, "{namespace}/{}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

/// The same with `*` for any characters within one of the two parts. It matches a `*` in a live name, too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingPattern {
    namespace: Option<String>,
    name: String,
}

impl BindingPattern {
    /// Whether it means bindings that hold on the whole cluster.
    pub fn is_cluster_wide(&self) -> bool {
        self.namespace.is_none()
    }

    /// Whether it means this binding.
    pub fn matches(&self, namespace: Option<&Namespace>, name: &str) -> bool {
        let namespace_matches = match (&self.namespace, namespace) {
            (Some(pattern), Some(namespace)) => like(pattern, namespace.as_str()),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        namespace_matches && like(&self.name, name)
    }

    /// A name that it means, with this in place of whatever a star of it stands for; `None` where it has none, and so means
    /// one name.
    pub fn filled(&self, filler: &str) -> Option<String> {
        self.name.contains('*').then(|| self.name.replace('*', filler))
    }
}

impl FromStr for BindingPattern {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (namespace, name) = split(text)?;
        if let Some(namespace) = namespace {
            // What a star stands for can be anything that makes it a namespace.
            namespace.replace('*', "x").parse::<Namespace>()?;
        }
        Ok(Self { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

impl fmt::Display for BindingPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(formatter, "{namespace}/{}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

/// One entry of `allow-unmanaged`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Allowance {
    /// The bindings of these names.
    Bindings(BindingPattern),
    /// What another rolecall config has applied on the same cluster.
    Config(ConfigName),
}

impl Allowance {
    /// Whether a binding with this name and mark may stay.
    pub fn covers(&self, namespace: Option<&Namespace>, name: &str, mark: &Mark) -> bool {
        match self {
            Self::Bindings(pattern) => pattern.matches(namespace, name),
            Self::Config(config) => matches!(mark, Mark::OtherConfig(other) if other == config.as_str()),
        }
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bindings(pattern) => write!(formatter, "{pattern}"),
            Self::Config(config) => write!(formatter, "config: {config}"),
        }
    }
}

fn split(text: &str) -> Result<(Option<&str>, &str), InvalidName> {
    let (namespace, name) = match text.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, text),
    };
    let why = match name {
        "" => "write NAMESPACE/NAME, or NAME for a ClusterRoleBinding",
        "." | ".." => "the API server takes no such name",
        name if name.contains(['/', '%']) => "write NAMESPACE/NAME, or NAME for a ClusterRoleBinding",
        name if name.chars().any(char::is_control) => "it holds control characters",
        _ => return Ok((namespace, name)),
    };
    Err(InvalidName(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns_are_read() {
        let name: BindingName = "trinity/hand-made".parse().unwrap();
        assert_eq!((name.kind(), name.to_string()), (KubernetesKind::RoleBinding, "trinity/hand-made".to_owned()));
        let name: BindingName = "Nodes:read".parse().unwrap();
        assert_eq!((name.kind(), name.namespace), (KubernetesKind::ClusterRoleBinding, None));
        for wrong in ["", "/", "a/", "/a", "A/b", "a/b/c", "a%", ".", "a/..", "a\nb", "system:x", "a/system:x", "*/b"] {
            assert!(wrong.parse::<BindingName>().is_err(), "{wrong}");
        }
        for wrong in ["", "/", "a/", "/a", "A/b", "a/b/c", "-*/b", "a/."] {
            assert!(wrong.parse::<BindingPattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_passes_for_kubernetes_own_can_be_let_stay_and_not_taken_over() {
        let pattern: BindingPattern = "system:controller:*".parse().unwrap();
        assert!(pattern.matches(None, "system:controller:future-controller"));
        assert!("system:controller:future-controller".parse::<BindingName>().is_err());
    }

    #[test]
    fn a_pattern_keeps_to_its_kind() {
        let pattern = |text: &str| text.parse::<BindingPattern>().unwrap();
        let trinity: Namespace = "trinity".parse().unwrap();
        assert!(pattern("tri*/hand-*").matches(Some(&trinity), "hand-made"));
        assert!(!pattern("tri*/hand-*").matches(Some(&trinity), "second-hand-made"));
        assert!(!pattern("*").matches(Some(&trinity), "hand-made"), "a name alone is a ClusterRoleBinding");
        assert!(!pattern("*/*").matches(None, "hand-made"));
        assert!(pattern("*").matches(None, "hand-made"));
    }

    #[test]
    fn an_allowance_of_a_config_is_for_what_it_applied() {
        let allowance = Allowance::Config("contoso-apps".parse().unwrap());
        assert!(allowance.covers(None, "x", &Mark::OtherConfig("contoso-apps".to_owned())));
        assert!(!allowance.covers(None, "contoso-apps", &Mark::LabelsOnly));
        assert!(!allowance.covers(None, "x", &Mark::OtherConfig("contoso".to_owned())));
    }
}
