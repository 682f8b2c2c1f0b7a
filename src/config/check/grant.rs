//! `grants`.

use std::collections::BTreeMap;

use super::form::all;
use super::names::Kind;
use super::{Checker, label, labels};
use crate::config::model::{Environment, Grant, Role, RoleSource, Scope};
use crate::config::rules;
use crate::config::yaml::{Node, Value};
use crate::diagnostics::Located;
use crate::state::{AppId, BindingName, EnvironmentName, GroupKey, PrincipalName, RoleKey, UserNaming};

impl Checker<'_> {
    pub(super) fn grant(
        &mut self,
        node: &Node,
        environments: &BTreeMap<EnvironmentName, Environment>,
        roles: &BTreeMap<RoleKey, Role>,
    ) -> Option<Grant> {
        let mut subjects = Vec::new();
        for key in self.references::<GroupKey>(node.get("groups"), Kind::Group) {
            subjects.push(key.map(PrincipalName::Group));
        }
        let mut direct = self.principals(node.get("users"));
        for app in self.parse_list::<AppId>(node.get("service-principals")) {
            direct.push(app.map(PrincipalName::ServicePrincipal));
        }
        let granted = self.references::<RoleKey>(node.get("roles"), Kind::Role);
        let places = self.environments(node.get("environments"), environments);
        let scope = self.scope(node);

        self.refuse_without_upn(&direct, &places, environments);
        if !matches!(scope, Some(Scope::Cluster) | None) {
            self.refuse_non_resource(&granted, roles);
        }
        subjects.extend(direct);
        let scope = scope?;
        let replaces = self.replaces(node.get("replaces"), &scope);
        Some(Grant { span: node.head(), subjects, roles: granted, environments: places, scope, replaces })
    }

    /// The bindings that a grant takes over from: one name or a list.
    fn replaces(&mut self, node: Option<&Node>, scope: &Scope) -> Vec<Located<BindingName>> {
        let names: Vec<Located<BindingName>> = match node.map(|node| &node.value) {
            Some(Value::Seq(_)) => self.parse_list(node),
            _ => self.parse(node).into_iter().collect(),
        };
        for name in &names {
            let (why, help) = match (&name.value.namespace, scope) {
                (None, Scope::Cluster) => continue,
                (Some(_), Scope::Cluster) => (
                    "it is in a namespace, and this grant is for the whole cluster",
                    "a RoleBinding gives less than this grant does: name a ClusterRoleBinding, as `NAME`",
                ),
                (None, Scope::Namespaces(_) | Scope::Selector(_)) => (
                    "without a namespace it is a ClusterRoleBinding, and this grant is for namespaces",
                    "write it as `NAMESPACE/NAME`; what holds on the whole cluster is replaced by a grant with \
                     `cluster-wide: true`",
                ),
                (Some(namespace), Scope::Namespaces(list)) => {
                    if list.iter().any(|each| each.value == *namespace) {
                        continue;
                    }
                    ("its namespace is none of this grant's", "add the namespace to the grant, or take the line out")
                }
                (Some(namespace), Scope::Selector(_)) => {
                    if namespace.as_str() != "default" && !namespace.as_str().starts_with("kube-") {
                        continue;
                    }
                    ("labels never match `default` and `kube-*`", "name the namespace in a grant of its own")
                }
            };
            let message = format!("`{}` lies outside this grant", name.value);
            self.report(&rules::REPLACES_OUTSIDE_GRANT, message, [label(name.span, why)], help);
        }
        names
    }

    pub(super) fn references<T: std::str::FromStr>(&mut self, list: Option<&Node>, kind: Kind) -> Vec<Located<T>> {
        let mut found = Vec::new();
        for node in list.map_or(&[][..], Node::items) {
            match self.refer(node, kind).map(|name| name.parse()) {
                Some(Ok(name)) => found.push(Located::new(name, node.span)),
                Some(Err(_)) | None => self.skip(node.span),
            }
        }
        found
    }

    /// The environments that a list names or that labels select, here of a grant or of a delegation.
    pub(super) fn environments(
        &mut self,
        node: Option<&Node>,
        environments: &BTreeMap<EnvironmentName, Environment>,
    ) -> Vec<EnvironmentName> {
        let Some(node) = node else { return Vec::new() };
        if !matches!(node.value, Value::Map(_)) {
            return self.references(Some(node), Kind::Environment).into_iter().map(|name| name.value).collect();
        }
        let wanted = labels(Some(node));
        let matching = environments.iter().filter(|(_, environment)| environment.has_labels(&wanted));
        let found: Vec<EnvironmentName> = matching.map(|(name, _)| name.clone()).collect();
        // An environment whose block has a mistake may be the one that is meant.
        let all_are_known = self.names.environments.len() == environments.len() && self.unread.is_empty();
        if found.is_empty() && all_are_known && !wanted.is_empty() {
            let labels = [label(node.head(), "nothing has these labels")];
            let have = environments.iter().map(|(name, environment)| {
                let labels: Vec<String> =
                    environment.labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{name} ({})", if labels.is_empty() { "none".to_owned() } else { labels.join(", ") })
            });
            let have: Vec<String> = have.take(8).collect();
            let help = format!("the labels of the environments are: {}", have.join("; "));
            self.report(&rules::UNMATCHED_LABELS, "no environment has all of these labels", labels, help);
        }
        found
    }

    fn scope(&mut self, node: &Node) -> Option<Scope> {
        if node.get("cluster-wide").is_some() {
            return Some(Scope::Cluster);
        }
        let namespaces = node.get("namespaces")?;
        match namespaces.value {
            Value::Map(_) => Some(Scope::Selector(labels(namespaces.get("labels")))),
            _ => Some(Scope::Namespaces(self.parse_list(Some(namespaces)))),
        }
    }

    /// A guest's name in a token is not their mail address, and an app has none: a binding by either would be for nobody,
    /// or for somebody else.
    fn refuse_without_upn(
        &mut self,
        subjects: &[Located<PrincipalName>],
        places: &[EnvironmentName],
        environments: &BTreeMap<EnvironmentName, Environment>,
    ) {
        let by_upn: Vec<(&EnvironmentName, &Environment)> = places
            .iter()
            .filter_map(|name| environments.get_key_value(name))
            .filter(|(_, environment)| environment.tokens.users == UserNaming::UserPrincipalName)
            .collect();
        if by_upn.is_empty() {
            return;
        }
        for subject in subjects {
            let what = match subject.value {
                PrincipalName::Guest(_) => "a guest",
                PrincipalName::ServicePrincipal(_) => "a service principal",
                _ => continue,
            };
            let names = all(by_upn.iter().map(|(name, _)| name.as_str()));
            let message = format!("{what} cannot be bound directly in {names}, where tokens name users by UPN");
            let mut labels = vec![label(subject.span, format!("{what} has no user principal name to bind"))];
            labels.extend(by_upn.iter().map(|(_, environment)| label(environment.span, "`users-as: upn` here")));
            let help = "make them a member of a group and grant to the group";
            self.report(&rules::SUBJECT_WITHOUT_UPN, message, labels, help);
        }
    }

    /// A RoleBinding never gives a non-resource URL: requests for those have no namespace.
    fn refuse_non_resource(&mut self, granted: &[Located<RoleKey>], roles: &BTreeMap<RoleKey, Role>) {
        for reference in granted {
            let Some(role) = roles.get(&reference.value) else { continue };
            let RoleSource::Rules(list) = &role.source else { continue };
            if list.iter().any(|rule| !rule.value.non_resource_urls.is_empty()) {
                let message =
                    format!("`{}` has rules about non-resource URLs, which no namespace can give", reference.value);
                let labels =
                    [label(reference.span, "granted to namespaces here"), label(role.span, "has `nonResourceURLs`")];
                let help = "grant it with `cluster-wide: true`, or move those rules to a role of their own";
                self.report(&rules::NON_RESOURCE_IN_NAMESPACE, message, labels, help);
            }
        }
    }
}
