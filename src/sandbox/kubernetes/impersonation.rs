//! `Impersonate-*` headers: to act as somebody else, as far as one may
//! (k8s.io/apiserver `pkg/endpoints/filters/impersonation/impersonation.go`).

use std::fmt;

use http::HeaderMap;
use percent_encoding::percent_decode_str;

use super::authentication::{AUTHENTICATED, UNAUTHENTICATED, User, account_groups, account_name, split_account};
use super::authorize::Action;
use super::review::AUTHENTICATION;
use super::route::allow;
use super::state::ClusterState;
use super::status::Failure;

const ANONYMOUS: &str = "system:anonymous";
const EXTRA: &str = "impersonate-extra-";

/// One thing that the headers ask to be. Each needs the verb `impersonate` on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    User(String),
    ServiceAccount { namespace: String, name: String },
    Group(String),
    Extra { key: String, value: String },
    Uid(String),
}

/// Whom the request is served for: the sender, or whom the headers name.
///
/// # Errors
/// 400 for headers that name no user, 403 for the first thing that the sender may not be.
pub(super) fn impersonate(state: &ClusterState, sender: User, headers: &HeaderMap) -> Result<User, Failure> {
    let wishes = wishes(headers)?;
    if wishes.is_empty() {
        return Ok(sender);
    }
    let has_groups = headers.contains_key("impersonate-group");
    let mut user = User::default();
    for wish in wishes {
        allow(state, &sender, &wish.action())?;
        match wish {
            Wish::User(name) => user.name = name,
            Wish::ServiceAccount { namespace, name } => {
                user.name = account_name(&namespace, &name);
                if !has_groups {
                    user.groups = account_groups(&namespace);
                }
            }
            Wish::Group(name) => user.groups.push(name),
            Wish::Extra { key, value } => user.extra.entry(key).or_default().push(value),
            Wish::Uid(uid) => user.uid = uid,
        }
    }
    let is_in = |group: &str| user.groups.iter().any(|own| own == group);
    if user.name == ANONYMOUS {
        if !is_in(UNAUTHENTICATED) {
            user.groups.push(UNAUTHENTICATED.to_owned());
        }
    } else if !is_in(AUTHENTICATED) && !is_in(UNAUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    Ok(user)
}

fn wishes(headers: &HeaderMap) -> Result<Vec<Wish>, Failure> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let first = |name: &str| headers.get(name).map(text).filter(|value| !value.is_empty());
    let user = first("impersonate-user").map(|name| match split_account(&name) {
        Some((namespace, name)) => Wish::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() },
        None => Wish::User(name),
    });
    let is_named = user.is_some();
    let mut wishes: Vec<_> = user.into_iter().collect();
    wishes.extend(headers.get_all("impersonate-group").iter().map(|group| Wish::Group(text(group))));
    for (name, value) in headers {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            let decoded = percent_decode_str(key).decode_utf8();
            let key = decoded.map_or_else(|_| key.to_owned(), std::borrow::Cow::into_owned);
            wishes.push(Wish::Extra { key, value: text(value) });
        }
    }
    wishes.extend(first("impersonate-uid").map(Wish::Uid));
    if !is_named && !wishes.is_empty() {
        let wishes: Vec<_> = wishes.iter().map(ToString::to_string).collect();
        let message = format!("requested [{}] without impersonating a user", wishes.join(" "));
        return Err(Failure::bad_request(message));
    }
    Ok(wishes)
}

impl Wish {
    fn action(&self) -> Action {
        let (group, resource, subresource, namespace, name) = match self {
            Self::User(name) => ("", "users", "", "", name),
            Self::ServiceAccount { namespace, name } => ("", "serviceaccounts", "", namespace.as_str(), name),
            Self::Group(name) => ("", "groups", "", "", name),
            Self::Extra { key, value } => (AUTHENTICATION, "userextras", key.as_str(), "", value),
            Self::Uid(uid) => (AUTHENTICATION, "uids", "", "", uid),
        };
        Action::Resource {
            verb: "impersonate".to_owned(),
            namespace: namespace.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            name: name.clone(),
        }
    }
}

/// As Go prints the object reference that the real server makes of it.
impl fmt::Display for Wish {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(formatter, "{{User  {name}    }}"),
            Self::ServiceAccount { namespace, name } => {
                write!(formatter, "{{ServiceAccount {namespace} {name}    }}")
            }
            Self::Group(name) => write!(formatter, "{{Group  {name}    }}"),
            Self::Extra { key, value } => write!(formatter, "{{UserExtra  {value}  {AUTHENTICATION}/v1  {key}}}"),
            Self::Uid(uid) => write!(formatter, "{{UID  {uid}  {AUTHENTICATION}/v1  }}"),
        }
    }
}
