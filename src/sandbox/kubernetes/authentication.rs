//! Who sends a request: bearer tokens, and the groups that every authenticated user is in.

use std::collections::BTreeMap;

use http::{HeaderMap, header};

use super::Shared;
use super::status::Failure;
use super::validate::{is_dns_label, is_dns_subdomain};

/// Somebody the server knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct User {
    /// The user name, as subjects of bindings spell it.
    pub name: String,
    /// The groups, as subjects of bindings spell them.
    pub groups: Vec<String>,
    /// What the authenticator tells apart users of one name by; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// What else the authenticator says; RBAC looks at none of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The group whose members may do everything.
pub(super) const MASTERS: &str = "system:masters";
/// The group of everybody who is authenticated.
pub(super) const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody else.
pub(super) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// What the user name of every service account starts with.
const ACCOUNT: &str = "system:serviceaccount:";

/// Finds the sender. Anonymous requests are refused, as k3s does (`--anonymous-auth=false`).
pub(super) fn authenticate(shared: &Shared, headers: &HeaderMap) -> Result<User, Failure> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = bearer.and_then(|value| value.split_once(' ')).ok_or_else(Failure::unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Failure::unauthorized());
    }
    let token = token.trim();
    let known = shared.store.read(|state| state.user_of(token));
    let mut user = known.or_else(|| (shared.authenticate)(token)).ok_or_else(Failure::unauthorized)?;
    // k8s.io/apiserver `pkg/authentication/group/authenticated_group_adder.go`.
    if !user.groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    Ok(user)
}

/// The user name of a service account.
pub(super) fn account_name(namespace: &str, name: &str) -> String {
    format!("{ACCOUNT}{namespace}:{name}")
}

/// The groups that every service account of a namespace is in.
pub(super) fn account_groups(namespace: &str) -> Vec<String> {
    vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
}

/// Namespace and name of the service account that a user name means; none when either cannot be one.
pub(super) fn split_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(ACCOUNT)?.split_once(':')?;
    (namespace.len() <= 63 && is_dns_label(namespace) && is_dns_subdomain(name)).then_some((namespace, name))
}
