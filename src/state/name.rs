//! Names and ids as types of their own, so that one cannot be taken for another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a text is not a name of the kind that was asked for; it says what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub String);

/// A key is what the access files call a thing: `[a-z0-9]([a-z0-9_-]*[a-z0-9])?`, at most 63 characters.
fn key(text: String) -> Result<String, InvalidName> {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inside = |byte: u8| edge(byte) || byte == b'-' || byte == b'_';
    let bytes = text.as_bytes();
    let well_formed = match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => edge(*first) && edge(*last) && bytes.iter().all(|byte| inside(*byte)),
        _ => false,
    };
    if !well_formed {
        return Err(InvalidName(
            "use lower-case letters, digits, `-` and `_`, with a letter or digit at both ends".to_owned(),
        ));
    }
    if text.len() > 63 {
        return Err(InvalidName(format!("{} characters are too many, 63 is the most", text.len())));
    }
    Ok(text)
}

/// A namespace is a DNS label (RFC 1123): what the API server accepts as one.
fn namespace(text: String) -> Result<String, InvalidName> {
    let said = "a namespace is lower-case letters, digits and `-`, with a letter or digit at both ends, at most 63";
    if text.contains('_') {
        Err(InvalidName(said.to_owned()))
    } else {
        key(text).map_err(|_| InvalidName(said.to_owned()))
    }
}

fn address(mut text: String) -> Result<String, InvalidName> {
    let well_formed = matches!(text.split_once('@'), Some((left, right))
        if !left.is_empty() && right.contains('.') && !right.contains('@') && !right.starts_with('.') && !right.ends_with('.'))
        && text.chars().all(|character| character.is_ascii_graphic());
    if !well_formed {
        return Err(InvalidName("it is not of the form name@domain".to_owned()));
    }
    text.make_ascii_lowercase();
    Ok(text)
}

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident, $form:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        // Shared, because one person is named in many groups, and each of these in the files, in the desired state and in
        // the plan.
        pub struct $name(#[schemars(with = "String")] Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                $form(text).map(|text| Self(text.into()))
            }
        }
        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::try_from(text.to_owned())
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_name!(
    /// What the access files call a group.
    GroupKey, key
);
text_name!(
    /// What the access files call a role.
    RoleKey, key
);
text_name!(
    /// What the access files call an environment.
    EnvironmentName, key
);
text_name!(
    /// The name of a config: a label value on every cluster and part of every mark of ownership.
    ConfigName, key
);
text_name!(
    /// A Kubernetes namespace.
    Namespace, namespace
);

macro_rules! uuid_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(#[schemars(with = "String")] uuid::Uuid);

        impl $name {
            /// The first four hex digits and an ellipsis: enough to tell two apart on a screen, never to look one up.
            pub fn short(&self) -> String {
                let text = self.to_string();
                format!("{}…", text.get(..4).unwrap_or(&text))
            }
        }
        impl From<uuid::Uuid> for $name {
            fn from(id: uuid::Uuid) -> Self {
                Self(id)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }
        impl FromStr for $name {
            type Err = InvalidName;
            /// Only the hyphenated form of 36 characters, in either case.
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                match uuid::Uuid::try_parse(text) {
                    Ok(id) if text.len() == 36 => Ok(Self(id)),
                    _ => Err(InvalidName("it is not an id of the form 00000000-0000-0000-0000-000000000000".to_owned())),
                }
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}", self.0.as_hyphenated())
            }
        }
    };
}

uuid_name!(
    /// The object id of a user, group or service principal in Entra.
    ObjectId
);
uuid_name!(
    /// The application (client) id of an app; its service principal has an object id of its own.
    AppId
);
uuid_name!(
    /// The directory (tenant) id.
    TenantId
);
uuid_name!(
    /// The uid of a cluster's `kube-system` namespace, which names the cluster for as long as it lives.
    ClusterUid
);

text_name!(
    /// A user principal name. Entra compares it without case, so its case is dropped: one person has one name, one digest
    /// and one address, however a file or Entra spells it.
    UserPrincipalName, address
);
text_name!(
    /// The mail address of a guest, without case like a user principal name.
    Mail, address
);

impl UserPrincipalName {
    /// Where the text is kept. What exists at the same time and shares this is one name; one name may be kept in several places.
    pub(crate) fn place(&self) -> usize {
        self.0.as_ptr().addr()
    }
}
