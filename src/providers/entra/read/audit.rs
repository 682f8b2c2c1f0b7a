//! Who changed groups, from the tenant's audit log: <https://learn.microsoft.com/graph/api/directoryaudit-list>.
//!
//! The log is read for people. It may not be readable, it is minutes behind and ends after some days, and any part of an entry
//! may be missing: what cannot be understood is left out, and nothing is concluded from it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::EntraReader;
use crate::providers::entra::client::{
    Beginnings, Ended, Filter, LARGEST_BATCH, Path, Permission, Problem, ReadClient,
};
use crate::state::{AuditActivity, AuditEntry, AuditTarget, AuditTrail, Failure, FailureKind, Initiator, ObjectId};

/// Entries on a page.
const PAGE: usize = 200;
/// Pages of one group, empty ones too: after a thousand later entries nobody looks for the one that explains a difference.
const MOST_PAGES: usize = 5;

impl EntraReader {
    /// What the audit log says of these groups: of the first twenty, which go in one call. A list that is long takes a call more
    /// for each of its further pages.
    pub async fn audit(&self, groups: &[ObjectId]) -> AuditTrail {
        let (asked, left) = groups.split_at(groups.len().min(LARGEST_BATCH));
        let path = |group: &ObjectId| {
            Path::of("/auditLogs/directoryAudits")
                .filter(&Filter::any("targetResources", "id", &group.to_string()))
                .in_order("activityDateTime desc")
                .pages_of(PAGE)
        };
        let mut lists = Beginnings::new(asked.iter().map(path).collect(), MOST_PAGES, entry);
        self.client.read(&mut [&mut lists]).await;
        let mut trail = AuditTrail { not_asked: left.iter().copied().collect(), ..AuditTrail::default() };
        for (group, list) in asked.iter().zip(lists.finish()) {
            match list.ended {
                Some(Ended::Failed(problem)) if list.items.is_empty() => {
                    trail.unread.insert(*group, failure(&self.client, problem));
                    continue;
                }
                Some(_) => {
                    trail.cut.insert(*group);
                }
                None => {}
            }
            trail.entries.insert(*group, list.items);
        }
        trail
    }
}

fn failure(client: &ReadClient, problem: Problem) -> Failure {
    let without_licence = problem.code() == Some("Authentication_RequestFromNonPremiumTenantOrB2CTenant");
    let mut failure = client.failure(problem, "reading the audit log", Permission::ReadAudit);
    if without_licence {
        failure.next = Some(
            "the tenant needs a licence of Entra ID P1, and some tenants want `Directory.Read.All` beside \
             `AuditLog.Read.All` to find it"
                .to_owned(),
        );
    } else if failure.kind == FailureKind::Forbidden && failure.next.as_ref().is_some_and(|next| carries(next)) {
        failure.next =
            Some("the token carries `AuditLog.Read.All`; some tenants want `Directory.Read.All` as well".to_owned());
    }
    failure
}

fn carries(next: &str) -> bool {
    next.starts_with("the token carries")
}

/// An entry, if it is of something that was done to a group.
fn entry(value: &Value) -> Option<AuditEntry> {
    if !value["result"].as_str()?.eq_ignore_ascii_case("success") {
        return None;
    }
    Some(AuditEntry {
        time: value["activityDateTime"].as_str().and_then(|time| time.parse().ok()),
        activity: activity(value["activityDisplayName"].as_str()?)?,
        by: initiator(&value["initiatedBy"]),
        targets: value["targetResources"].as_array().into_iter().flatten().filter_map(target).collect(),
    })
}

/// <https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities>
fn activity(name: &str) -> Option<AuditActivity> {
    Some(match name.trim().to_ascii_lowercase().as_str() {
        "add member to group" => AuditActivity::AddMember,
        "remove member from group" => AuditActivity::RemoveMember,
        "add owner to group" => AuditActivity::AddOwner,
        "remove owner from group" => AuditActivity::RemoveOwner,
        "add group" => AuditActivity::AddGroup,
        "update group" => AuditActivity::UpdateGroup,
        "delete group" => AuditActivity::DeleteGroup,
        "restore group" => AuditActivity::RestoreGroup,
        _ => return None,
    })
}

fn initiator(by: &Value) -> Initiator {
    let text = |value: &Value| value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let name = |value: &Value, names: [&str; 2]| names.iter().find_map(|name| text(&value[*name]));
    let (user, app) = (&by["user"], &by["app"]);
    let who = (id(&user["id"]), name(user, ["userPrincipalName", "displayName"]));
    if who != (None, None) {
        return Initiator::User { id: who.0, name: who.1 };
    }
    let who = (id(&app["servicePrincipalId"]), name(app, ["displayName", "servicePrincipalName"]));
    let app = text(&app["appId"]).and_then(|id| id.parse().ok());
    if who != (None, None) || app.is_some() {
        return Initiator::App { id: who.0, app, name: who.1 };
    }
    Initiator::Unknown
}

fn id(value: &Value) -> Option<ObjectId> {
    value.as_str()?.parse().ok()
}

fn target(value: &Value) -> Option<AuditTarget> {
    let modified: Vec<(&str, &Value)> = value["modifiedProperties"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|property| Some((property["displayName"].as_str()?, property)))
        .collect();
    let either = |property: &Value| inside(&property["newValue"]).or_else(|| inside(&property["oldValue"]));
    let mut of_group = None;
    let mut properties = BTreeSet::new();
    for (name, property) in modified {
        match name.to_ascii_lowercase().as_str() {
            "group.objectid" => of_group = either(property).and_then(|id| id.parse().ok()),
            // The names alone, in one text.
            "included updated properties" => {
                let names = either(property).unwrap_or_default();
                let names = names.split(',').map(|name| name.trim().to_ascii_lowercase());
                properties.extend(names.filter(|name| !name.is_empty()));
            }
            name => {
                properties.insert(name.to_owned());
            }
        }
    }
    // The documentation writes both.
    let is_group =
        ["type", "Type"].iter().any(|key| value[*key].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("group")));
    Some(AuditTarget { id: id(&value["id"])?, is_group, of_group, properties })
}

/// The text in a value, which is JSON inside of JSON: `"\"text\""` or `"[\"text\"]"`; a text without quotes is itself.
fn inside(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let text = match serde_json::from_str(text) {
        Ok(Value::String(inner)) => inner,
        Ok(Value::Array(items)) => items.first()?.as_str()?.to_owned(),
        Ok(Value::Null) => return None,
        Ok(_) | Err(_) => text.to_owned(),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const USER: &str = "11111111-1111-4111-8111-111111111111";
    const GROUP: &str = "22222222-2222-4222-8222-222222222222";

    /// As a log that somebody published has it, with other ids.
    fn addition() -> Value {
        json!({
            "id": "Directory_dbcb74c9_PSDW5_66032801",
            "activityDateTime": "2026-04-02T15:32:32.9293064Z",
            "activityDisplayName": "Add member to group",
            "category": "GroupManagement",
            "result": "success",
            "initiatedBy": { "app": null, "user": {
                "id": USER, "displayName": null, "userPrincipalName": "erin@contoso.com", "ipAddress": "198.51.100.7",
            } },
            "targetResources": [
                { "id": USER, "displayName": null, "type": "User", "userPrincipalName": "sam@contoso.com", "modifiedProperties": [
                    { "displayName": "Group.ObjectID", "oldValue": null, "newValue": format!("\"{GROUP}\"") },
                    { "displayName": "Group.DisplayName", "oldValue": null, "newValue": "\"devs\"" },
                    { "displayName": "Group.WellKnownObjectName", "oldValue": null, "newValue": null },
                ] },
                { "id": GROUP, "displayName": null, "type": "Group", "modifiedProperties": [], "groupType": "unknownFutureValue" },
            ],
        })
    }

    #[test]
    fn an_entry_is_read_with_the_values_that_are_quoted_twice() {
        let read = entry(&addition()).unwrap();
        assert_eq!(read.activity, AuditActivity::AddMember);
        assert_eq!(read.time.unwrap().to_string(), "2026-04-02T15:32:32.9293064Z");
        let erin = Initiator::User { id: USER.parse().ok(), name: Some("erin@contoso.com".to_owned()) };
        assert_eq!(read.by, erin);
        assert_eq!((read.targets[0].of_group, read.targets[0].is_group), (GROUP.parse().ok(), false));
        assert_eq!((read.targets[1].id.to_string().as_str(), read.targets[1].is_group), (GROUP, true));
        // A removal says the same in the old value.
        let mut removal = addition();
        removal["activityDisplayName"] = json!("Remove member from group");
        let property = &mut removal["targetResources"][0]["modifiedProperties"][0];
        (property["oldValue"], property["newValue"]) = (property["newValue"].clone(), json!(null));
        let read = entry(&removal).unwrap();
        assert_eq!((read.activity, read.targets[0].of_group), (AuditActivity::RemoveMember, GROUP.parse().ok()));
    }

    #[test]
    fn the_properties_that_were_changed_are_named_one_way_or_the_other() {
        let names = |properties: Value| {
            let value = json!({ "id": GROUP, "type": "Group", "modifiedProperties": properties });
            target(&value).unwrap().properties.into_iter().collect::<Vec<_>>().join(" ")
        };
        let both = json!([
            { "displayName": "DisplayName", "oldValue": "[\"a\"]", "newValue": "[\"b\"]" },
            { "displayName": "Included Updated Properties", "oldValue": null, "newValue": "\"DisplayName, Description\"" },
        ]);
        assert_eq!(names(both), "description displayname");
        assert_eq!(
            names(json!([{ "displayName": "Included Updated Properties", "newValue": "Description" }])),
            "description"
        );
        assert_eq!(names(json!([{ "displayName": "Included Updated Properties", "newValue": "\"\"" }])), "");
    }

    #[test]
    fn what_did_not_succeed_or_is_something_else_is_no_entry() {
        for (key, value) in [
            ("result", json!("failure")),
            ("result", json!("timeout")),
            ("result", json!(null)),
            ("activityDisplayName", json!("Set group license")),
            ("activityDisplayName", json!(null)),
        ] {
            let mut other = addition();
            other[key] = value;
            assert_eq!(entry(&other), None, "{other}");
        }
    }

    #[test]
    fn an_entry_may_lack_anything_else() {
        for (key, value) in [
            ("id", json!(null)),
            ("activityDateTime", json!(null)),
            ("activityDateTime", json!("yesterday")),
            ("initiatedBy", json!(null)),
            ("initiatedBy", json!({ "user": null, "app": null })),
            ("initiatedBy", json!({ "user": { "id": "", "userPrincipalName": " " }, "app": { "appId": 7 } })),
            ("targetResources", json!(null)),
            ("targetResources", json!([null, 7, {}, { "id": "no id" }, { "id": GROUP, "modifiedProperties": null }])),
            (
                "targetResources",
                json!([{ "id": GROUP, "modifiedProperties": [null, { "displayName": "Group.ObjectID" }] }]),
            ),
        ] {
            let mut other = addition();
            other[key] = value.clone();
            let read = entry(&other).unwrap();
            assert_eq!(read.by == Initiator::Unknown, key == "initiatedBy", "{value}");
            assert_eq!(read.time.is_none(), key == "activityDateTime", "{value}");
            assert!(key != "targetResources" || read.targets.iter().all(|target| target.of_group.is_none()), "{value}");
        }
        assert_eq!(entry(&json!(null)), None);
    }

    #[test]
    fn an_app_is_told_from_a_person() {
        let mut by_app = addition();
        by_app["initiatedBy"] = json!({ "user": null, "app": {
            "appId": null, "displayName": "Contoso Portal", "servicePrincipalId": USER, "servicePrincipalName": null,
        } });
        let portal = Initiator::App { id: USER.parse().ok(), app: None, name: Some("Contoso Portal".to_owned()) };
        assert_eq!(entry(&by_app).unwrap().by, portal);
    }
}
