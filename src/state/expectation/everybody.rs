//! What every Kubernetes gives whoever signs in.

use std::sync::LazyLock;

use crate::state::covering;
use crate::state::{PolicyRule, Request};

/// What the bootstrap roles give `system:authenticated`: `system:basic-user`, `system:discovery` and
/// `system:public-info-viewer` of kube-apiserver 1.35. It is compared by rules and not by names, so that whatever is added
/// to one of those roles counts.
pub static EVERYBODY: LazyLock<Vec<PolicyRule>> = LazyLock::new(|| {
    let all = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let create = |group: &str, resources: &[&str]| PolicyRule {
        api_groups: all(&[group]),
        resources: all(resources),
        verbs: all(&["create"]),
        ..PolicyRule::default()
    };
    let paths = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ];
    vec![
        create("authorization.k8s.io", &["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
        create("authentication.k8s.io", &["selfsubjectreviews"]),
        PolicyRule { non_resource_urls: all(&paths), verbs: all(&["get"]), ..PolicyRule::default() },
    ]
});

/// Whether it is among what everybody may do anyway.
pub fn is_everybodys(request: &Request) -> bool {
    let rules = [request.as_rule()];
    covering::rights(&rules).all(|right| EVERYBODY.iter().any(|rule| right.covered_by(rule)))
}
