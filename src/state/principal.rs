//! Who can be a member, an owner or a subject.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AppId, GroupKey, Mail, ObjectId, UserPrincipalName};

/// Someone or something, by the name that an access file or a screen uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrincipalName {
    /// A user of the tenant, by user principal name.
    User(UserPrincipalName),
    /// A guest, by mail address.
    Guest(Mail),
    /// A group of this config, by key.
    Group(GroupKey),
    /// Any other group, by object id.
    GroupId(ObjectId),
    /// A service principal, by the id of its app.
    ServicePrincipal(AppId),
    /// A live object that has none of the names above: a device, a contact, or one we may not read. Never in a file.
    Object(ObjectId),
}

impl fmt::Display for PrincipalName {
    /// The spelling used in addresses: a bare user principal name, everything else with its kind in front.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(formatter, "{name}"),
            Self::Guest(mail) => write!(formatter, "guest:{mail}"),
            Self::Group(key) => write!(formatter, "group:{key}"),
            Self::GroupId(id) => write!(formatter, "group-id:{id}"),
            Self::ServicePrincipal(id) => write!(formatter, "service-principal:{id}"),
            Self::Object(id) => write!(formatter, "object:{id}"),
        }
    }
}

/// What kind of directory object a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrincipalKind {
    /// A user of the tenant.
    User,
    /// A user whose home is another tenant (`userType` Guest).
    Guest,
    /// A group.
    Group,
    /// The service principal of an app or a managed identity.
    ServicePrincipal,
    /// A device.
    Device,
    /// An organisational contact.
    Contact,
    /// An object whose type this version does not know; it is shown and never removed.
    Other,
}

/// An object id, or the promise of the id that a group gets when this plan creates it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// The object exists and has this id.
    Known(ObjectId),
    /// The group is created by this plan; its id is known after apply.
    AfterApply(GroupKey),
}

impl Identity {
    /// The id, when it is known already.
    pub fn known(&self) -> Option<ObjectId> {
        match self {
            Self::Known(id) => Some(*id),
            Self::AfterApply(_) => None,
        }
    }
}
