//! How a seed names somebody.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::state::AppId;

/// Who is a member or an owner, spelt as in an access file: a user principal name, or one of `guest:` (mail),
/// `group:` (display name or object id), `service-principal:` (app id).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeedPrincipal {
    /// A user of the tenant.
    User(String),
    /// A guest, by mail.
    Guest(String),
    /// A group, by display name or object id.
    Group(String),
    /// A service principal, by app id; the applier is one.
    ServicePrincipal(AppId),
}

impl fmt::Display for SeedPrincipal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(formatter, "the user {name}"),
            Self::Guest(mail) => write!(formatter, "the guest {mail}"),
            Self::Group(name) => write!(formatter, "the group {name}"),
            Self::ServicePrincipal(app) => write!(formatter, "the service principal {app}"),
        }
    }
}

impl Serialize for SeedPrincipal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (key, value) = match self {
            Self::User(name) => return serializer.serialize_str(name),
            Self::Guest(mail) => ("guest", mail.clone()),
            Self::Group(name) => ("group", name.clone()),
            Self::ServicePrincipal(app) => ("service-principal", app.to_string()),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(key, &value)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for SeedPrincipal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Spelling;

        impl<'de> Visitor<'de> for Spelling {
            type Value = SeedPrincipal;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a user principal name, or one of guest:, group:, service-principal:")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<SeedPrincipal, E> {
                Ok(SeedPrincipal::User(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SeedPrincipal, A::Error> {
                use serde::de::Error as _;
                let key = map.next_key::<String>()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let principal = match key.as_str() {
                    "guest" => SeedPrincipal::Guest(map.next_value()?),
                    "group" => SeedPrincipal::Group(map.next_value()?),
                    "service-principal" => SeedPrincipal::ServicePrincipal(map.next_value()?),
                    other => return Err(A::Error::unknown_field(other, &["guest", "group", "service-principal"])),
                };
                if map.next_key::<String>()?.is_some() {
                    return Err(A::Error::invalid_length(2, &self));
                }
                Ok(principal)
            }
        }

        deserializer.deserialize_any(Spelling)
    }
}
