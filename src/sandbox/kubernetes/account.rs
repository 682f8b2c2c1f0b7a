//! Service accounts as identities: the tokens that they are given, and who a token is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::authentication::{User, account_groups, account_name};
use super::decode;
use super::kind::Kind;
use super::object::{items, text};
use super::review::AUTHENTICATION;
use super::schema;
use super::state::ClusterState;
use super::status::{Cause, Failure};

/// Issuer of the tokens, and whom they are for when nothing else is asked.
const AUDIENCE: &str = "https://kubernetes.default.svc";
/// How long a token lives when nothing is asked, and the shortest time, in seconds.
const DEFAULT_LIFE: i64 = 3600;
const SHORTEST_LIFE: i64 = 600;

/// A token that was given out. It ends with its account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Token {
    namespace: String,
    name: String,
    uid: String,
    /// The `jti` of the token.
    id: String,
    expires: Timestamp,
}

impl Token {
    /// Whose token it is, while both live.
    pub(super) fn user(&self, state: &ClusterState, now: Timestamp) -> Option<User> {
        let account = state.get(Kind::ServiceAccount, &self.namespace, &self.name)?;
        let lives = text(&account["metadata"], "uid") == self.uid && now < self.expires;
        lives.then(|| User {
            name: account_name(&self.namespace, &self.name),
            groups: account_groups(&self.namespace),
            uid: self.uid.clone(),
            extra: [("authentication.kubernetes.io/credential-id".to_owned(), vec![format!("JTI={}", self.id)])].into(),
        })
    }
}

/// POST of a `TokenRequest` for an account: the answer, which alone holds the token.
///
/// # Errors
/// 404 without such an account, 422 for a life that is too short, 501 for a token bound to another object.
pub(super) fn request(
    state: &mut ClusterState,
    namespace: &str,
    name: &str,
    body: &Value,
    strict: bool,
) -> Result<Value, Failure> {
    let account = state.get(Kind::ServiceAccount, namespace, name);
    let account = account.ok_or_else(|| Failure::not_found("", "serviceaccounts", name))?;
    let uid = text(&account["metadata"], "uid").to_owned();
    let version = format!("{AUTHENTICATION}/v1");
    let mut request = decode::object(body, "TokenRequest", &version, schema::TOKEN_REQUEST, strict)?;
    let spec = &request["spec"];
    if !spec["boundObjectRef"].is_null() {
        return Err(Failure::not_modelled("tokens that are bound to an object"));
    }
    let life = spec["expirationSeconds"].as_i64().unwrap_or(DEFAULT_LIFE);
    let too = if life < SHORTEST_LIFE {
        Some("may not specify a duration less than 10 minutes")
    } else if life > 1 << 32 {
        Some("may not specify a duration larger than 2^32 seconds")
    } else {
        None
    };
    if let Some(why) = too {
        let cause = Cause::invalid("spec.expirationSeconds", &life.into(), why);
        return Err(Failure::invalid(AUTHENTICATION, "TokenRequest", "", vec![cause]));
    }
    let asked = items(spec, "audiences");
    let audiences = if asked.is_empty() { vec![Value::from(AUDIENCE)] } else { asked.to_vec() };

    let now = Timestamp::now();
    let expires = now.checked_add(life.seconds()).map_err(|error| Failure::internal(error.to_string()))?;
    let id = Uuid::new_v4().to_string();
    let claims = json!({
        "aud": audiences, "exp": expires.as_second(), "iat": now.as_second(), "iss": AUDIENCE, "jti": id,
        "kubernetes.io": { "namespace": namespace, "serviceaccount": { "name": name, "uid": uid } },
        "nbf": now.as_second(), "sub": account_name(namespace, name),
    });
    let bearer = jwt(&claims);
    if audiences.iter().any(|audience| audience == AUDIENCE) {
        let token = Token { namespace: namespace.to_owned(), name: name.to_owned(), uid: uid.clone(), id, expires };
        state.add_account_token(&bearer, token);
    }
    request["metadata"] = json!({
        "name": name, "namespace": namespace, "uid": uid, "creationTimestamp": super::state::now(),
    });
    request["spec"] = json!({ "audiences": audiences, "expirationSeconds": life, "boundObjectRef": null });
    let until = expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    request["status"] = json!({ "token": bearer, "expirationTimestamp": until });
    Ok(request)
}

/// A token in the form of a JWT. Nobody can check its signature: the server knows it by its digest, as it does every
/// other bearer token.
fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signature: Vec<u8> = (0..4).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    let header = json!({ "alg": "ES256", "kid": "sandbox" });
    format!("{}.{}.{}", part(&header), part(claims), URL_SAFE_NO_PAD.encode(signature))
}
