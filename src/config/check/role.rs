//! `roles`.

use std::collections::BTreeMap;

use super::Checker;
use crate::config::model::{Aggregation, Environment, Role, RoleSource};
use crate::config::yaml::Node;
use crate::diagnostics::{Located, Span};
use crate::state::{DefaultRole, EnvironmentName, PolicyRule};

impl Checker<'_> {
    pub(super) fn role(
        &mut self,
        key: &Located<String>,
        node: &Node,
        environments: &BTreeMap<EnvironmentName, Environment>,
    ) -> Option<Role> {
        let to = node.get("aggregate-to").map_or(&[][..], Node::items).iter().filter_map(default_role).collect();
        let environments = self.environments(node.get("environments"), environments);
        let source = match (self.text(node.get("cluster-role")), node.get("rules")) {
            (Some(name), _) => RoleSource::ClusterRole(name),
            (None, Some(rules)) => {
                RoleSource::Rules(rules.items().iter().map(|node| Located::new(rule(node), self.place(node))).collect())
            }
            (None, None) => return None,
        };
        Some(Role { span: key.span, source, aggregation: Aggregation { to, environments } })
    }
}

impl Checker<'_> {
    /// What to point at when a block as a whole is meant: all of it where it is one line, else its first key.
    fn place(&self, node: &Node) -> Span {
        let text = self.sources.get(node.span.file).and_then(|file| file.text.get(node.span.start..node.span.end));
        if text.is_some_and(|text| !text.is_empty() && !text.contains(['\n', '\r'])) { node.span } else { node.head() }
    }
}

fn default_role(node: &Node) -> Option<DefaultRole> {
    DefaultRole::ALL.into_iter().find(|role| role.name() == node.words())
}

fn rule(node: &Node) -> PolicyRule {
    let words = |key: &str| -> Vec<String> {
        node.get(key).map_or(&[][..], Node::items).iter().map(|item| item.words().to_owned()).collect()
    };
    PolicyRule {
        api_groups: words("apiGroups"),
        resources: words("resources"),
        verbs: words("verbs"),
        resource_names: words("resourceNames"),
        non_resource_urls: words("nonResourceURLs"),
    }
}
