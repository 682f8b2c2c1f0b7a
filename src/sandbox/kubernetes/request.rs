//! What a request asks for, by the rules of the real server's `RequestInfo`
//! (k8s.io/apiserver pkg/endpoints/request/requestinfo.go).

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
        let path = percent_decode_str(path).decode_utf8_lossy();
        let query = Query::parse(query);
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        match parts[..] {
            ["api", version, _, ..] => Self::of_resource(method, "", version, &parts[2..], query),
            ["apis", group, version, _, ..] => Self::of_resource(method, group, version, &parts[3..], query),
            _ => Self { verb: method.as_str().to_ascii_lowercase(), query, ..Self::default() },
        }
        .at(&path)
    }

    fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    fn of_resource(method: &Method, group: &str, version: &str, parts: &[&str], query: Query) -> Self {
        let (is_watched, parts) = match parts {
            ["watch", below @ ..] => (true, below),
            parts => (query.flag("watch"), parts),
        };
        // The namespace of `namespaces/<n>` itself is <n>, so a RoleBinding in it counts there.
        let (namespace, parts) = match parts {
            ["namespaces", namespace] | ["namespaces", namespace, "status" | "finalize", ..] => (*namespace, parts),
            ["namespaces", namespace, below @ ..] => (*namespace, below),
            parts => ("", parts),
        };
        let part = |index: usize| parts.get(index).copied().unwrap_or_default();
        // A field selector for one name is authorized as that name, which rules with resourceNames match.
        let selected = selector::exact_name(query.get("fieldSelector")).unwrap_or_default();
        let (verb, name) = match (method.as_str(), part(1)) {
            ("GET" | "HEAD", "") if is_watched => ("watch", selected),
            ("GET" | "HEAD", "") => ("list", selected),
            ("DELETE", "") => ("deletecollection", String::new()),
            (method, name) => {
                let verb = match method {
                    "POST" => "create",
                    "GET" | "HEAD" => "get",
                    "PUT" => "update",
                    "PATCH" => "patch",
                    "DELETE" => "delete",
                    _ => "",
                };
                (verb, name.to_owned())
            }
        };
        Self {
            verb: verb.to_owned(),
            is_resource: true,
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: namespace.to_owned(),
            resource: part(0).to_owned(),
            subresource: part(2).to_owned(),
            name,
            query,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(method: &Method, path: &str) -> String {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let Request { verb, group, namespace, resource, subresource, name, .. } = Request::parse(method, path, query);
        [verb, group, namespace, resource, subresource, name].join("|")
    }

    #[test]
    fn resources_are_told_from_other_paths() {
        assert_eq!(parsed(&Method::GET, "/version"), "get|||||");
        assert_eq!(parsed(&Method::POST, "/apis/apps/v1"), "post|||||");
        assert_eq!(parsed(&Method::GET, "/api/v1/pods"), "list|||pods||");
        assert_eq!(
            parsed(&Method::GET, "/apis/apps/v1/namespaces/n/deployments/d/scale"),
            "get|apps|n|deployments|scale|d"
        );
    }

    #[test]
    fn a_namespace_is_its_own_namespace() {
        assert_eq!(parsed(&Method::GET, "/api/v1/namespaces"), "list|||namespaces||");
        assert_eq!(parsed(&Method::PUT, "/api/v1/namespaces/n"), "update||n|namespaces||n");
        assert_eq!(parsed(&Method::PUT, "/api/v1/namespaces/n/finalize"), "update||n|namespaces|finalize|n");
        assert_eq!(parsed(&Method::POST, "/api/v1/namespaces/n/pods"), "create||n|pods||");
    }

    #[test]
    fn verbs_depend_on_the_name() {
        assert_eq!(parsed(&Method::DELETE, "/api/v1/namespaces/n/pods"), "deletecollection||n|pods||");
        assert_eq!(parsed(&Method::DELETE, "/api/v1/namespaces/n/pods/p"), "delete||n|pods||p");
        assert_eq!(parsed(&Method::PATCH, "/api/v1/nodes/a%20b"), "patch|||nodes||a b");
        assert_eq!(parsed(&Method::GET, "/api/v1/nodes?watch=1"), "watch|||nodes||");
        assert_eq!(parsed(&Method::GET, "/api/v1/nodes?watch=false"), "list|||nodes||");
        assert_eq!(parsed(&Method::GET, "/api/v1/watch/nodes"), "watch|||nodes||");
        assert_eq!(parsed(&Method::GET, "/api/v1/nodes?fieldSelector=metadata.name%3Dx"), "list|||nodes||x");
        assert_eq!(
            parsed(&Method::DELETE, "/api/v1/nodes?fieldSelector=metadata.name%3Dx"),
            "deletecollection|||nodes||",
            "only lists and watches take the selector's name"
        );
    }
}
