//! What a token says about itself. Nobody here checks its signature: that is for the server that gets it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::state::{AppId, Failure, FailureKind, ObjectId, Result, TenantId};

/// The claims of an access token that rolecall looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `oid`: the object id of the user or service principal.
    pub id: ObjectId,
    /// `tid`: the tenant.
    pub tenant: TenantId,
    /// `appid` (v1) or `azp` (v2), when the app acts as itself and not for a user.
    pub app: Option<AppId>,
    /// The user principal name, when a user acts.
    pub user: Option<String>,
    /// `roles`: the application permissions that were granted.
    pub roles: BTreeSet<String>,
    /// `scp`: the delegated permissions, when a user acts. What the user may do is the smaller of these and the user's own
    /// directory roles.
    pub scopes: Option<BTreeSet<String>>,
    /// `wids`: template ids of the directory roles that whoever acts has in the whole tenant, where the token names them.
    pub directory_roles: BTreeSet<String>,
    /// `exp`: until when it is good.
    pub expires: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Payload {
    oid: ObjectId,
    tid: TenantId,
    appid: Option<AppId>,
    azp: Option<AppId>,
    upn: Option<String>,
    preferred_username: Option<String>,
    unique_name: Option<String>,
    /// Delegated permissions: only tokens of users have it.
    scp: Option<String>,
    #[serde(default)]
    roles: BTreeSet<String>,
    #[serde(default)]
    wids: BTreeSet<String>,
    exp: Option<i64>,
}

impl Claims {
    /// Reads the payload of a JSON Web Token.
    pub(super) fn of(token: &SecretString) -> Result<Self> {
        let payload = token.expose_secret().split('.').nth(1).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok();
        let payload: Option<Payload> = payload.and_then(|json| serde_json::from_slice(&json).ok());
        let payload = payload.ok_or_else(|| {
            Failure::new(
                FailureKind::BadAnswer,
                "the login endpoint gave a token that names no identity (oid) or tenant (tid)",
            )
        })?;
        let user = payload.upn.or(payload.preferred_username).or(payload.unique_name);
        let delegated = payload.scp.is_some();
        Ok(Self {
            id: payload.oid,
            tenant: payload.tid,
            app: payload.appid.or(payload.azp).filter(|_| !delegated),
            user: user.filter(|_| delegated),
            roles: payload.roles,
            scopes: payload.scp.map(|scopes| scopes.split_whitespace().map(str::to_owned).collect()),
            directory_roles: payload.wids,
            expires: payload.exp.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        })
    }

    /// A name for people.
    pub fn label(&self) -> String {
        match (&self.user, self.app) {
            (Some(user), _) => user.clone(),
            (None, Some(app)) => format!("app {app}"),
            (None, None) => format!("object {}", self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(payload: &str) -> Result<Claims> {
        Claims::of(&SecretString::from(format!("e30.{}.signature", URL_SAFE_NO_PAD.encode(payload))))
    }

    const IDS: &str = r#""oid":"11111111-1111-4111-8111-111111111111","tid":"22222222-2222-4222-8222-222222222222""#;
    const APP: &str = "33333333-3333-4333-8333-333333333333";

    #[test]
    fn an_app_is_told_from_a_user_of_that_app() {
        let app = claims(&format!(r#"{{{IDS},"appid":"{APP}","roles":["Group.Read.All"]}}"#)).unwrap();
        assert_eq!(app.app, Some(APP.parse().unwrap()));
        assert!(app.roles.contains("Group.Read.All"));
        assert_eq!(app.label(), format!("app {APP}"));
        let user =
            claims(&format!(r#"{{{IDS},"appid":"{APP}","scp":"Group.Read.All User.Read","wids":["62e90394-69f5-4237-9190-012177145e10"],"exp":1800000000,"upn":"erin@contoso.com"}}"#)).unwrap();
        assert_eq!((user.app, user.label()), (None, "erin@contoso.com".to_owned()));
        assert_eq!((user.scopes.unwrap().len(), user.directory_roles.len()), (2, 1));
        assert_eq!(user.expires.unwrap().to_string(), "2027-01-15T08:00:00Z");
    }

    #[test]
    fn what_is_no_token_is_a_failure_that_does_not_quote_it() {
        for token in ["", "opaque", "a.b", "a.b.c", "e30.e30.x"] {
            let failure = Claims::of(&SecretString::from(token)).unwrap_err();
            assert_eq!(failure.kind, FailureKind::BadAnswer);
            assert!(!failure.what.contains("opaque"));
        }
    }
}
