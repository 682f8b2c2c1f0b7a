//! Who sends a request: bearer tokens, and the groups that every authenticated user is in.

use http::{HeaderMap, header};

use super::Shared;
use super::status::Failure;

/// Somebody the server knows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct User {
    /// The user name, as subjects of bindings spell it.
    pub name: String,
    /// The groups, as subjects of bindings spell them.
    pub groups: Vec<String>,
}

/// The group whose members may do everything.
pub(super) const MASTERS: &str = "system:masters";
/// The group of everybody who is authenticated.
const AUTHENTICATED: &str = "system:authenticated";

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
    // To go on as the impersonator would give an answer about somebody else's rights.
    if headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
        return Err(Failure::not_modelled("impersonation"));
    }
    // k8s.io/apiserver `pkg/authentication/group/authenticated_group_adder.go`.
    if !user.groups.iter().any(|group| group == AUTHENTICATED || group == "system:unauthenticated") {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    Ok(user)
}
