//! What somebody would do on a cluster, as an authorizer sees it.

use std::fmt;

use super::{Namespace, PolicyRule};

/// One request to an API server. Nothing is inferred from it: verbs, groups, resources and names are compared as they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// On a resource of the API.
    Resource {
        /// `get`, `list`, `create`, `bind`, …; `*` stands for itself.
        verb: String,
        /// The API group; empty is the core group.
        group: String,
        /// The plural, without a subresource.
        resource: String,
        /// `log` of `pods/log`.
        subresource: Option<String>,
        /// The namespace; `None` asks for the whole cluster. For a namespace itself it is that namespace (apiserver
        /// `pkg/endpoints/request/requestinfo.go`).
        namespace: Option<Namespace>,
        /// The object's name; `None` is every object, or one that has no name yet.
        name: Option<String>,
    },
    /// On any other path.
    Path {
        /// The HTTP method in lower case.
        verb: String,
        /// The path, with the leading `/`.
        path: String,
    },
}

impl Request {
    /// The namespace that it is about.
    pub fn namespace(&self) -> Option<&Namespace> {
        match self {
            Self::Resource { namespace, .. } => namespace.as_ref(),
            Self::Path { .. } => None,
        }
    }

    /// A rule that gives this and nothing else, wherever it holds.
    pub fn as_rule(&self) -> PolicyRule {
        let one = |text: &str| vec![text.to_owned()];
        match self {
            Self::Resource { verb, group, resource, subresource, name, .. } => PolicyRule {
                verbs: one(verb),
                api_groups: one(group),
                resources: vec![match subresource {
                    Some(subresource) => format!("{resource}/{subresource}"),
                    None => resource.clone(),
                }],
                resource_names: name.iter().cloned().collect(),
                ..PolicyRule::default()
            },
            Self::Path { verb, path } => {
                PolicyRule { verbs: one(verb), non_resource_urls: one(path), ..PolicyRule::default() }
            }
        }
    }
}

impl fmt::Display for Request {
    /// In the words of `kubectl auth can-i`: `list deployments.apps/scale/web in trinity`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource { verb, group, resource, subresource, namespace, name } => {
                write!(formatter, "{verb} {resource}")?;
                if !group.is_empty() {
                    write!(formatter, ".{group}")?;
                }
                for part in [subresource, name].into_iter().flatten() {
                    write!(formatter, "/{part}")?;
                }
                match namespace {
                    Some(namespace) => write!(formatter, " in {namespace}"),
                    None => formatter.write_str(" across the cluster"),
                }
            }
            Self::Path { verb, path } => write!(formatter, "{verb} {path}"),
        }
    }
}
