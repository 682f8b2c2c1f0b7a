//! What a request asks for, by the rules of the real server's `RequestInfo`
//! (k8s.io/apiserver pkg/endpoints/request/requestinfo.go).

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use super::selector;

/// A request, taken apart. Everything but `verb` and `path` is empty for a path outside the API's resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// `get`, `list`, `create` …; the lower-case HTTP method outside of resources.
    pub(super) verb: String,
    /// The decoded path.
    pub(super) path: String,
    pub(super) is_resource: bool,
    pub(super) group: String,
    pub(super) version: String,
    pub(super) namespace: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) name: String,
    pub(super) query: Query,
}

/// The query's keys and values, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The first value of a key; empty when it is not there.
    pub(super) fn get(&self, key: &str) -> &str {
        self.0.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }

    /// Every value of a key.
    pub(super) fn all(&self, key: &str) -> Vec<&str> {
        self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    fn flag(&self, key: &str) -> bool {
        self.0.iter().find(|(name, _)| name == key).is_some_and(|(_, value)| !matches!(value.as_str(), "0" | "false"))
    }
}

impl Request {
    /// Takes a method, path and query apart.
    pub(super) fn parse(method: &Method, path: &str, query: &str) -> Self {
        let path: Cow<'_, str> = percent_decode_str(path).decode_utf8_lossy();
        let mut request = Self {
            verb: method.as_str().to_ascii_lowercase(),
            path: path.clone().into_owned(),
            query: Query::parse(query),
            ..Self::default()
        };
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let rest = match parts[..] {
            ["api", version, _, ..] => {
                request.version = version.to_owned();
                &parts[2..]
            }
            ["apis", group, version, _, ..] => {
                request.group = group.to_owned();
                request.version = version.to_owned();
                &parts[3..]
            }
            _ => return request,
        };
        request.is_resource = true;
        request.resolve(method, rest);
        request
    }

    fn resolve(&mut self, method: &Method, mut rest: &[&str]) {
        self.verb = match method.as_str() {
            "POST" => "create",
            "GET" | "HEAD" => "get",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "",
        }
        .to_owned();
        if let ["watch", below @ ..] = rest {
            "watch".clone_into(&mut self.verb);
            rest = below;
        }
        // The namespace of `namespaces/<n>` itself is <n>, so a RoleBinding in it counts there.
        if let ["namespaces", namespace, below @ ..] = rest {
            (*namespace).clone_into(&mut self.namespace);
            if !matches!(below, [] | ["status" | "finalize", ..]) {
                rest = below;
            }
        }
        let part = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        (self.resource, self.name, self.subresource) = (part(0), part(1), part(2));

        if self.name.is_empty() && self.verb == "get" {
            // A field selector for one name is authorized as that name, which rules with resourceNames match.
            self.name = selector::exact_name(self.query.get("fieldSelector")).unwrap_or_default();
            self.verb = if self.query.flag("watch") { "watch" } else { "list" }.to_owned();
        } else if self.name.is_empty() && self.verb == "delete" {
            "deletecollection".clone_into(&mut self.verb);
        }
    }
}
