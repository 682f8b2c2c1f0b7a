//! What an API server is asked, for what is expected of somebody.

use std::collections::BTreeSet;

use crate::access::expectations::What;
use crate::state::{Cluster, Failure, FailureKind, Namespace, Request, ServedResource, expectation};

/// The verbs of the API itself. Others (`bind`, `impersonate`, …) are asked about where an expectation names them.
pub(super) const STANDARD_VERBS: [&str; 8] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// What is asked for one expectation.
pub(super) struct Inquiry {
    pub(super) requests: Vec<Request>,
    /// Of `only`: the namespaces that it names, and one that it does not name.
    pub(super) places: Option<(BTreeSet<Namespace>, Option<Namespace>)>,
}

/// What to ask, or why that is not known: an `only` is about everything that is served.
pub(super) fn inquiry(
    cluster: &Cluster,
    expected: &What,
    served: Option<&Result<Vec<ServedResource>, Failure>>,
) -> Result<Inquiry, Failure> {
    let list = match expected {
        What::Can(request) | What::Cannot(request) => {
            return Ok(Inquiry { requests: vec![request.clone()], places: None });
        }
        What::Only(list) => list,
    };
    let served = match served {
        Some(Ok(served)) => served,
        Some(Err(failure)) => return Err(failure.clone()),
        None => return Err(Failure::new(FailureKind::BadAnswer, "what the API server serves was not read")),
    };
    let named: BTreeSet<Namespace> = list.iter().filter_map(Request::namespace).cloned().collect();
    let other = other(cluster, &named);
    let within: Vec<Option<&Namespace>> = named.iter().chain(&other).map(Some).collect();
    let mut requests = Vec::new();
    for resource in served {
        let places = within.iter().copied().filter(|_| resource.namespaced || is_namespace(resource));
        for place in places.chain([None]) {
            requests.extend(STANDARD_VERBS.map(|verb| request(verb, resource, place)));
        }
    }
    Ok(Inquiry { requests, places: Some((named, other)) })
}

/// One namespace that stands for those that a list does not name: `default`, else the first by name.
fn other(cluster: &Cluster, named: &BTreeSet<Namespace>) -> Option<Namespace> {
    let open = || cluster.namespaces.keys().filter(|name| !named.contains(*name));
    open().find(|name| name.as_str() == "default").or_else(|| open().next()).cloned()
}

/// A namespace is in no namespace, but what is asked about one is asked within it (apiserver
/// `pkg/endpoints/request/requestinfo.go`).
fn is_namespace(resource: &ServedResource) -> bool {
    resource.group.is_empty() && resource.resource == "namespaces"
}

fn request(verb: &str, resource: &ServedResource, place: Option<&Namespace>) -> Request {
    Request::Resource {
        verb: verb.to_owned(),
        group: resource.group.clone(),
        resource: resource.resource.clone(),
        subresource: resource.subresource.clone(),
        namespace: place.cloned(),
        name: place.filter(|_| is_namespace(resource)).map(ToString::to_string),
    }
}

/// Whether what somebody may do is no more than is expected at most.
pub(super) fn is_within(expected: &What, request: &Request) -> bool {
    match expected {
        What::Can(_) | What::Cannot(_) => true,
        What::Only(list) => {
            list.iter().any(|allowed| expectation::implies(allowed, request)) || expectation::is_everybodys(request)
        }
    }
}
