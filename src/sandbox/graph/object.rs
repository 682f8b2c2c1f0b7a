//! Directory objects as Graph shows them.

use serde_json::{Map, Value, json};

use super::permission::Caller;
use super::state::{DeletedGroup, Group, Invitation, Kind, ServicePrincipal, User};
use crate::state::ObjectId;

/// A directory object.
#[derive(Clone, Copy, Debug)]
pub(super) enum Object<'t> {
    User(&'t User),
    Group(&'t Group),
    /// Found among the deleted items only.
    DeletedGroup(&'t DeletedGroup),
    ServicePrincipal(&'t ServicePrincipal),
}

/// The collections whose items have a type of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    User,
    Group,
    ServicePrincipal,
}

/// What a reply shows of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'q> {
    /// `$select`, when given.
    pub(super) select: Option<&'q [String]>,
    /// Whether items say their type: in lists of mixed objects they do.
    pub(super) typed: bool,
}

/// Properties of a user that are returned without `$select` (entra.md §3).
const USER: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];
/// Properties of a group that are returned without `$select` (entra.md §2.1).
const GROUP: &[&str] = &[
    "id",
    "deletedDateTime",
    "classification",
    "createdDateTime",
    "description",
    "displayName",
    "expirationDateTime",
    "groupTypes",
    "isAssignableToRole",
    "mail",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "membershipRuleProcessingState",
    "onPremisesDomainName",
    "onPremisesLastSyncDateTime",
    "onPremisesNetBiosName",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "preferredDataLocation",
    "preferredLanguage",
    "proxyAddresses",
    "renewedDateTime",
    "resourceBehaviorOptions",
    "resourceProvisioningOptions",
    "securityEnabled",
    "theme",
    "uniqueName",
    "visibility",
    "onPremisesProvisioningErrors",
];
/// Properties of a service principal that are returned without `$select`, as far as this tenant has them.
const SERVICE_PRINCIPAL: &[&str] = &[
    "id",
    "deletedDateTime",
    "accountEnabled",
    "appId",
    "displayName",
    "servicePrincipalNames",
    "servicePrincipalType",
];

impl Object<'_> {
    pub(super) fn id(self) -> ObjectId {
        match self {
            Self::User(user) => user.id,
            Self::Group(group) => group.id,
            Self::DeletedGroup(deleted) => deleted.group.id,
            Self::ServicePrincipal(principal) => principal.id,
        }
    }

    pub(super) fn kind(self) -> Type {
        match self {
            Self::User(_) => Type::User,
            Self::Group(_) | Self::DeletedGroup(_) => Type::Group,
            Self::ServicePrincipal(_) => Type::ServicePrincipal,
        }
    }

    /// One property, `None` when objects of this type have no property of the name.
    pub(super) fn property(self, name: &str) -> Option<Value> {
        match self {
            Self::User(user) => user_property(user, name),
            Self::Group(group) => group_property(group, name),
            Self::DeletedGroup(deleted) if name == "deletedDateTime" => Some(json!(deleted.deleted)),
            Self::DeletedGroup(deleted) => group_property(&deleted.group, name),
            Self::ServicePrincipal(principal) => service_principal_property(principal, name),
        }
    }

    /// The object as `caller` may see it: without the permission to read its type there is an id and nothing else
    /// (entra.md §1.3).
    pub(super) fn show(self, caller: &Caller, view: View<'_>) -> Map<String, Value> {
        let mut shown = Map::new();
        if view.typed {
            shown.insert("@odata.type".to_owned(), json!(self.kind().odata()));
        }
        let mut add = |name: &str| {
            let visible = name == "id" || caller.may_see(self) && caller.may_see_property(self, name);
            if let Some(value) = self.property(name) {
                shown.insert(name.to_owned(), if visible { value } else { Value::Null });
            }
        };
        match view.select {
            Some(names) => names.iter().for_each(|name| add(name)),
            None => self.kind().defaults().iter().for_each(|name| add(name)),
        }
        shown
    }
}

impl Type {
    pub(super) fn odata(self) -> &'static str {
        match self {
            Self::User => "#microsoft.graph.user",
            Self::Group => "#microsoft.graph.group",
            Self::ServicePrincipal => "#microsoft.graph.servicePrincipal",
        }
    }

    fn defaults(self) -> &'static [&'static str] {
        match self {
            Self::User => USER,
            Self::Group => GROUP,
            Self::ServicePrincipal => SERVICE_PRINCIPAL,
        }
    }

    /// Whether objects of this type have the property. Those shown only on request are named here, the rest above.
    pub(super) fn has(self, name: &str) -> bool {
        let on_request: &[&str] = match self {
            Self::User => &["accountEnabled", "userType", "externalUserState", "onPremisesSyncEnabled", "otherMails"],
            Self::Group | Self::ServicePrincipal => &[],
        };
        self.defaults().contains(&name) || on_request.contains(&name)
    }
}

fn user_property(user: &User, name: &str) -> Option<Value> {
    Some(match name {
        "id" => json!(user.id),
        "displayName" => json!(user.display_name),
        "userPrincipalName" => json!(user.user_principal_name),
        "mail" => json!(user.mail),
        "otherMails" => match (&user.guest, &user.mail) {
            (Some(_), Some(mail)) => json!([mail]),
            _ => json!([]),
        },
        "accountEnabled" => json!(user.enabled),
        "userType" => json!(if user.guest.is_some() { "Guest" } else { "Member" }),
        "externalUserState" => match user.guest {
            None => Value::Null,
            Some(Invitation::Pending) => json!("PendingAcceptance"),
            Some(Invitation::Accepted) => json!("Accepted"),
        },
        "businessPhones" => json!([]),
        _ if Type::User.has(name) => Value::Null,
        _ => return None,
    })
}

fn group_property(group: &Group, name: &str) -> Option<Value> {
    Some(match name {
        "id" => json!(group.id),
        "createdDateTime" => json!(group.created),
        "description" => json!(group.description),
        "displayName" => json!(group.display_name),
        "groupTypes" => group.kind.group_types(),
        // Documented as null where it was never set; a group that was created by Graph says false (entra.md §2.1).
        "isAssignableToRole" => json!(group.role_assignable),
        "mailEnabled" => json!(group.kind.mail_enabled()),
        "mailNickname" => json!(group.mail_nickname),
        "membershipRule" if group.kind == Kind::Dynamic => json!("user.accountEnabled -eq true"),
        "membershipRuleProcessingState" if group.kind == Kind::Dynamic => json!("On"),
        "onPremisesSyncEnabled" if group.kind == Kind::Synced => json!(true),
        "securityEnabled" => json!(group.kind != Kind::Distribution && group.kind != Kind::Microsoft365),
        "uniqueName" => json!(group.unique_name),
        "visibility" => json!("Private"),
        "proxyAddresses"
        | "resourceBehaviorOptions"
        | "resourceProvisioningOptions"
        | "onPremisesProvisioningErrors" => json!([]),
        _ if Type::Group.has(name) => Value::Null,
        _ => return None,
    })
}

fn service_principal_property(principal: &ServicePrincipal, name: &str) -> Option<Value> {
    Some(match name {
        "id" => json!(principal.id),
        "appId" => json!(principal.app_id),
        "displayName" => json!(principal.display_name),
        "accountEnabled" => json!(true),
        "servicePrincipalNames" => json!([principal.app_id]),
        "servicePrincipalType" => json!("Application"),
        _ if Type::ServicePrincipal.has(name) => Value::Null,
        _ => return None,
    })
}

impl Kind {
    fn group_types(self) -> Value {
        match self {
            Self::Microsoft365 => json!(["Unified"]),
            Self::Dynamic => json!(["DynamicMembership"]),
            Self::Security | Self::MailEnabledSecurity | Self::Distribution | Self::Synced => json!([]),
        }
    }

    /// `mailEnabled` (entra.md §2.2).
    pub(super) fn mail_enabled(self) -> bool {
        match self {
            Self::Microsoft365 | Self::MailEnabledSecurity | Self::Distribution => true,
            Self::Security | Self::Dynamic | Self::Synced => false,
        }
    }
}
