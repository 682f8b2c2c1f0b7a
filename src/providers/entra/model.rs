//! Graph's objects, and what they are in our words.
//!
//! A property that is null where it cannot be is one that we may not read; it is never taken for empty.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::state::{
    DeletedGroup, GroupKey, GroupKind, GroupSummary, LiveGroup, LivePrincipal, Mail, ObjectId, PrincipalKind,
    PrincipalName, UserPrincipalName,
};

/// What is read of a group.
pub(super) const GROUP_PROPERTIES: &str = "id,displayName,description,mailNickname,uniqueName,groupTypes,mailEnabled,\
                                           securityEnabled,onPremisesSyncEnabled,isAssignableToRole,createdDateTime";
/// What is read of a deleted group.
pub(super) const DELETED_GROUP_PROPERTIES: &str = "id,displayName,description,mailNickname,uniqueName,groupTypes,\
                                                   mailEnabled,securityEnabled,onPremisesSyncEnabled,deletedDateTime";
/// What is read of an owner or member, whatever its kind.
pub(super) const PRINCIPAL_PROPERTIES: &str =
    "id,displayName,userPrincipalName,mail,userType,externalUserState,accountEnabled,appId";
/// What is read of a user.
pub(super) const USER_PROPERTIES: &str =
    "id,displayName,userPrincipalName,mail,userType,externalUserState,accountEnabled";
/// What is read of a service principal.
pub(super) const SERVICE_PRINCIPAL_PROPERTIES: &str = "id,displayName,accountEnabled,appId";

/// A group: <https://learn.microsoft.com/graph/api/resources/group>.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupRecord {
    pub(super) id: ObjectId,
    pub(super) display_name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) mail_nickname: Option<String>,
    pub(super) unique_name: Option<String>,
    group_types: Option<Vec<String>>,
    mail_enabled: Option<bool>,
    security_enabled: Option<bool>,
    on_premises_sync_enabled: Option<bool>,
    is_assignable_to_role: Option<bool>,
    created_date_time: Option<String>,
    deleted_date_time: Option<String>,
}

impl GroupRecord {
    /// Its kind, by <https://learn.microsoft.com/graph/api/resources/groups-overview>; `None` when it may not be read.
    pub(super) fn kind(&self) -> Option<GroupKind> {
        let has = |kind: &str| self.group_types.iter().flatten().any(|found| found.eq_ignore_ascii_case(kind));
        // `false` says that it once was synchronised.
        if self.on_premises_sync_enabled == Some(true) {
            return Some(GroupKind::Synced);
        }
        if has("DynamicMembership") {
            return Some(GroupKind::Dynamic);
        }
        if has("Unified") {
            return Some(GroupKind::Microsoft365);
        }
        Some(match (self.mail_enabled?, self.security_enabled?) {
            (false, true) => GroupKind::Security,
            (true, true) => GroupKind::MailEnabledSecurity,
            // Without mail and security there is nothing a group could be used for; read-only, as a list without security is.
            (true | false, false) => GroupKind::Distribution,
        })
    }

    /// Whether it can hold Entra roles; null on groups that cannot.
    pub(super) fn role_assignable(&self) -> bool {
        self.is_assignable_to_role == Some(true)
    }

    /// The group with its owners and members; `None` when it may not be read.
    pub(super) fn into_live(self, owners: Vec<LivePrincipal>, members: Vec<LivePrincipal>) -> Option<LiveGroup> {
        Some(LiveGroup {
            id: self.id,
            kind: self.kind()?,
            role_assignable: self.role_assignable(),
            display_name: self.display_name?,
            description: self.description.filter(|text| !text.is_empty()),
            mail_nickname: self.mail_nickname,
            unique_name: self.unique_name,
            owners,
            members,
        })
    }

    /// What tells it from others of the same name.
    pub(super) fn into_summary(self, owners: Vec<String>) -> Option<GroupSummary> {
        Some(GroupSummary {
            id: self.id,
            kind: self.kind()?,
            display_name: self.display_name?,
            unique_name: self.unique_name,
            created: self.created_date_time,
            owners,
        })
    }

    /// The group as a deleted one.
    pub(super) fn into_deleted(self) -> DeletedGroup {
        DeletedGroup {
            id: self.id,
            kind: self.kind(),
            description: self.description.filter(|text| !text.is_empty()),
            mail_nickname: self.mail_nickname,
            display_name: self.display_name.or(self.unique_name).unwrap_or_else(|| self.id.to_string()),
            deleted: self.deleted_date_time,
        }
    }
}

/// A user, group, service principal or anything else that can be in a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PrincipalRecord {
    pub(super) id: ObjectId,
    #[serde(rename = "@odata.type")]
    odata_type: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) user_principal_name: Option<String>,
    pub(super) mail: Option<String>,
    user_type: Option<String>,
    external_user_state: Option<String>,
    account_enabled: Option<bool>,
    pub(super) app_id: Option<String>,
}

impl PrincipalRecord {
    /// As an element of a list of users, which does not say that it is one.
    pub(super) fn of_type(self, odata_type: &str) -> Self {
        Self { odata_type: Some(odata_type.to_owned()), ..self }
    }

    pub(super) fn kind(&self) -> PrincipalKind {
        match self.odata_type.as_deref().and_then(|name| name.strip_prefix("#microsoft.graph.")) {
            Some("user") if self.user_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("Guest")) => {
                PrincipalKind::Guest
            }
            Some("user") => PrincipalKind::User,
            Some("group") => PrincipalKind::Group,
            Some("servicePrincipal") => PrincipalKind::ServicePrincipal,
            Some("device") => PrincipalKind::Device,
            Some("orgContact") => PrincipalKind::Contact,
            _ => PrincipalKind::Other,
        }
    }

    /// Whether the invitation was accepted; `None` where that may not be read, or there never was one.
    pub(super) fn has_accepted(&self) -> Option<bool> {
        self.external_user_state.as_deref().map(|state| state.eq_ignore_ascii_case("Accepted"))
    }

    pub(super) fn mail_address(&self) -> Option<Mail> {
        self.mail.as_deref().and_then(|mail| mail.parse().ok())
    }

    pub(super) fn to_live(&self, keys: &BTreeMap<ObjectId, GroupKey>) -> LivePrincipal {
        let kind = self.kind();
        LivePrincipal {
            id: self.id,
            kind,
            name: self.name(kind, keys),
            user_principal_name: self.user_principal_name.as_deref().map(Arc::from),
            display_name: self.display_name.as_deref().map(Arc::from),
            enabled: self.account_enabled,
        }
    }

    fn name(&self, kind: PrincipalKind, keys: &BTreeMap<ObjectId, GroupKey>) -> PrincipalName {
        let user = || self.user_principal_name.as_deref()?.parse::<UserPrincipalName>().ok().map(PrincipalName::User);
        let name = match kind {
            PrincipalKind::User => user(),
            PrincipalKind::Guest => self.mail_address().map(PrincipalName::Guest).or_else(user),
            PrincipalKind::Group => Some(
                keys.get(&self.id).map_or(PrincipalName::GroupId(self.id), |key| PrincipalName::Group(key.clone())),
            ),
            PrincipalKind::ServicePrincipal => {
                self.app_id.as_deref().and_then(|id| id.parse().ok()).map(PrincipalName::ServicePrincipal)
            }
            PrincipalKind::Device | PrincipalKind::Contact | PrincipalKind::Other => None,
        };
        name.unwrap_or(PrincipalName::Object(self.id))
    }
}

/// The organisation, for the name of its domain.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationRecord {
    #[serde(default)]
    verified_domains: Vec<DomainRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DomainRecord {
    name: String,
    is_default: Option<bool>,
}

impl OrganizationRecord {
    pub(super) fn into_default_domain(self) -> Option<String> {
        self.verified_domains.into_iter().find(|domain| domain.is_default == Some(true)).map(|domain| domain.name)
    }
}

/// An active assignment of Privileged Identity Management.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssignmentRecord {
    pub(super) principal_id: ObjectId,
    /// `member` or `owner`.
    pub(super) access_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ID: &str = "11111111-1111-4111-8111-111111111111";

    fn group(mut with: Value) -> GroupRecord {
        with["id"] = json!(ID);
        serde_json::from_value(with).unwrap()
    }

    #[test]
    fn the_kinds_of_group_are_told_apart() {
        let kind = |types: Value, mail: bool, security: bool, synced: Value| {
            group(json!({ "groupTypes": types, "mailEnabled": mail, "securityEnabled": security, "onPremisesSyncEnabled": synced }))
                .kind()
        };
        assert_eq!(kind(json!([]), false, true, json!(null)), Some(GroupKind::Security));
        assert_eq!(kind(json!([]), false, true, json!(false)), Some(GroupKind::Security));
        assert_eq!(kind(json!(["Unified"]), true, false, json!(null)), Some(GroupKind::Microsoft365));
        assert_eq!(kind(json!(["Unified", "DynamicMembership"]), true, true, json!(null)), Some(GroupKind::Dynamic));
        assert_eq!(kind(json!(["DynamicMembership"]), false, true, json!(null)), Some(GroupKind::Dynamic));
        assert_eq!(kind(json!([]), true, true, json!(null)), Some(GroupKind::MailEnabledSecurity));
        assert_eq!(kind(json!([]), true, false, json!(null)), Some(GroupKind::Distribution));
        assert_eq!(kind(json!([]), true, true, json!(true)), Some(GroupKind::Synced));
    }

    #[test]
    fn a_group_that_may_not_be_read_is_none_and_never_one_without_a_name() {
        assert_eq!(group(json!({ "displayName": "x" })).into_live(vec![], vec![]), None);
        let nameless = json!({ "mailEnabled": false, "securityEnabled": true, "displayName": null });
        assert_eq!(group(nameless).into_live(vec![], vec![]), None);
    }

    fn name(with: Value) -> PrincipalName {
        let mut record = with;
        record["id"] = json!(ID);
        serde_json::from_value::<PrincipalRecord>(record).unwrap().to_live(&BTreeMap::new()).name
    }

    #[test]
    fn principals_get_the_name_that_a_file_would_use() {
        let user = json!({ "@odata.type": "#microsoft.graph.user", "userPrincipalName": "o'brien@contoso.com", "userType": "Member" });
        assert_eq!(name(user), PrincipalName::User("O'Brien@contoso.com".parse().unwrap()));
        let guest = json!({ "@odata.type": "#microsoft.graph.user", "userPrincipalName": "ana_partner.example#EXT#@contoso.com", "userType": "Guest", "mail": "ana@partner.example" });
        assert_eq!(name(guest), PrincipalName::Guest("ana@partner.example".parse().unwrap()));
        let app = json!({ "@odata.type": "#microsoft.graph.servicePrincipal", "appId": ID });
        assert_eq!(name(app), PrincipalName::ServicePrincipal(ID.parse().unwrap()));
        assert_eq!(
            name(json!({ "@odata.type": "#microsoft.graph.group" })),
            PrincipalName::GroupId(ID.parse().unwrap())
        );
    }

    #[test]
    fn who_may_not_be_read_or_is_of_a_new_kind_is_an_object() {
        for record in [
            json!({ "@odata.type": "#microsoft.graph.user", "userPrincipalName": null }),
            json!({ "@odata.type": "#microsoft.graph.device" }),
            json!({ "@odata.type": "#microsoft.graph.agentIdentity", "appId": ID }),
            json!({}),
        ] {
            assert_eq!(name(record), PrincipalName::Object(ID.parse().unwrap()));
        }
    }
}
