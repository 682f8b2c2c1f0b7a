//! The audit log: who changed which group, and when (entra.md §5.4). An entry is there as soon as the change is; the real log
//! is minutes behind.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::change::{Change, Relation};
use super::error::Refusal;
use super::filter::Filter;
use super::object::{Object, Type};
use super::permission::READ_AUDIT;
use super::query::Extra;
use super::state::{Group, Tenant, derived_uuid};
use super::{page, token};
use crate::state::ObjectId;

/// So many entries are kept, the last ones. Whole changes of large companies are larger; nobody looks that far back here.
const MOST_ENTRIES: usize = 10_000;

/// Who made a change, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct By {
    /// RFC 3339, with fractions of a second.
    at: String,
    /// The service principal of the app that called.
    app: ObjectId,
    /// Who did it by hand, where the call says that it was a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<ObjectId>,
}

impl By {
    pub(super) fn of(call: &Call<'_>) -> Self {
        let at = call.now.strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string();
        Self { at, app: call.caller.id, person: call.caller.person }
    }
}

/// One entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// The change that it is about.
    sequence: u64,
    by: By,
    activity: Activity,
    group: ObjectId,
    /// Who became, or no longer is, a member or an owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<ObjectId>,
    /// What was changed of the group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    modified: Vec<Modified>,
}

/// One property before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Modified {
    name: String,
    old: Option<String>,
    new: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Activity {
    AddMember,
    RemoveMember,
    AddOwner,
    RemoveOwner,
    AddGroup,
    UpdateGroup,
    DeleteGroup,
    RestoreGroup,
    PurgeGroup,
}

impl Activity {
    /// `activityDisplayName` and `operationType`.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::AddMember => ("Add member to group", "Assign"),
            Self::RemoveMember => ("Remove member from group", "Unassign"),
            Self::AddOwner => ("Add owner to group", "Assign"),
            Self::RemoveOwner => ("Remove owner from group", "Unassign"),
            Self::AddGroup => ("Add group", "Add"),
            Self::UpdateGroup => ("Update group", "Update"),
            Self::DeleteGroup => ("Delete group", "Delete"),
            Self::RestoreGroup => ("Restore Group", "Update"),
            Self::PurgeGroup => ("Hard Delete group", "Delete"),
        }
    }

    fn gives(self) -> bool {
        matches!(self, Self::AddMember | Self::AddOwner)
    }
}

/// Adds the entries of a change that is about to be made.
pub(super) fn record(tenant: &mut Tenant, sequence: u64, by: &By, change: &Change) {
    let entry =
        |activity, group, object, modified| Entry { sequence, by: by.clone(), activity, group, object, modified };
    let entries: Vec<Entry> = match change {
        Change::Group(new) => match tenant.groups.get(&new.id) {
            Some(old) => vec![entry(Activity::UpdateGroup, new.id, None, modified(old, new))],
            None => vec![entry(Activity::AddGroup, new.id, None, Vec::new())],
        },
        Change::Edges { group, relation, added, removed } => {
            let (add, remove) = match relation {
                Relation::Members => (Activity::AddMember, Activity::RemoveMember),
                Relation::Owners => (Activity::AddOwner, Activity::RemoveOwner),
            };
            let added = added.iter().map(|id| entry(add, *group, Some(*id), Vec::new()));
            added.chain(removed.iter().map(|id| entry(remove, *group, Some(*id), Vec::new()))).collect()
        }
        Change::Deleted { group, .. } => vec![entry(Activity::DeleteGroup, *group, None, Vec::new())],
        Change::Restored { group } => vec![entry(Activity::RestoreGroup, *group, None, Vec::new())],
        Change::Purged { group } => vec![entry(Activity::PurgeGroup, *group, None, Vec::new())],
        // An entry about a user, which nobody here asks for.
        Change::UserDeleted { .. } => Vec::new(),
    };
    tenant.audit.extend(entries);
    while tenant.audit.len() > MOST_ENTRIES {
        tenant.audit.pop_front();
    }
}

fn modified(old: &Group, new: &Group) -> Vec<Modified> {
    let text = |text: &String| Some(text.clone());
    let all = [
        ("DisplayName", text(&old.display_name), text(&new.display_name)),
        ("Description", old.description.clone(), new.description.clone()),
        ("MailNickname", text(&old.mail_nickname), text(&new.mail_nickname)),
    ];
    let differing = all.into_iter().filter(|(_, old, new)| old != new);
    differing.map(|(name, old, new)| Modified { name: name.to_owned(), old, new }).collect()
}

/// Where a next page starts: behind this entry. The client carries it sealed.
#[derive(Serialize, Deserialize)]
struct SkipToken {
    filter: Option<String>,
    /// How many entries were shown.
    shown: usize,
    /// How many there were when the first page was asked for: newer ones move nothing.
    of: usize,
    expires: i64,
}

/// `GET /auditLogs/directoryAudits`, the newest entry first, of those about one object where the filter says so.
pub(super) fn list(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_AUDIT)?;
    let query = &call.query;
    if query.select.is_some() || query.count || query.has(Extra::Search) || query.has(Extra::Expand) {
        return Err(Refusal::not_modelled("list options on directoryAudits"));
    }
    if query.order_by.as_deref().is_some_and(|order| order != "activityDateTime desc") {
        return Err(Refusal::not_modelled("another order than the newest first"));
    }
    let about = match query.filter.as_deref().map(Filter::parse).transpose()? {
        None => None,
        Some(Filter::Any { property, value: Value::String(id) }) if property == "targetResources/id" => Some(id),
        Some(_) => return Err(Refusal::not_modelled("this filter on directoryAudits")),
    };
    let is_about = |entry: &&Entry| {
        about.as_ref().is_none_or(|id| {
            let is_it = |known: ObjectId| known.to_string().eq_ignore_ascii_case(id);
            is_it(entry.group) || entry.object.is_some_and(is_it)
        })
    };
    let entries: Vec<&Entry> = newest_first(&tenant.audit).filter(is_about).collect();
    let token = match &query.skip_token {
        None => SkipToken { filter: query.filter.clone(), shown: 0, of: entries.len(), expires: i64::MAX },
        Some(sealed) => {
            let token: Option<SkipToken> = token::unseal(tenant, sealed);
            let token = token.filter(|token| token.filter == query.filter);
            token
                .ok_or_else(|| Refusal::bad_request("The specified page token value is not valid for this request."))?
        }
    };
    if token.expires <= call.now.as_second() {
        return Err(page::expired());
    }
    let rest = entries.iter().skip(entries.len().saturating_sub(token.of) + token.shown);
    let size = if call.empty_page { 0 } else { query.page_size() };
    let value: Vec<Value> = rest.clone().take(size).map(|entry| show(tenant, entry)).collect();
    let mut body = json!({"@odata.context": call.context("auditLogs/directoryAudits"), "value": value});
    if rest.count() > size {
        let life = i64::try_from(call.page_life.as_secs()).unwrap_or(i64::MAX);
        let next = SkipToken { shown: token.shown + size, expires: call.now.as_second().saturating_add(life), ..token };
        body["@odata.nextLink"] = json!(page::link(call, &token::seal(tenant, &next)));
    }
    let answer = Answer::ok(body);
    Ok(if call.empty_page { answer.because("empty-page") } else { answer })
}

fn newest_first(entries: &VecDeque<Entry>) -> impl Iterator<Item = &Entry> {
    entries.iter().rev()
}

fn show(tenant: &Tenant, entry: &Entry) -> Value {
    let Entry { sequence, by, activity, group, object, modified } = entry;
    let (activity_name, operation) = activity.names();
    let text = |object: Object<'_>, name: &str| object.property(name).unwrap_or(Value::Null);
    let named = |id: ObjectId, name: &str| tenant.object(id).map_or(Value::Null, |object| text(object, name));
    let initiator = match by.person {
        Some(id) => json!({"app": null, "user": {
            "id": id, "displayName": null, "userPrincipalName": named(id, "userPrincipalName"), "ipAddress": "127.0.0.1",
            "userType": null, "homeTenantId": null, "homeTenantName": null,
        }}),
        // The real log leaves out the app id as well.
        None => json!({"user": null, "app": {
            "appId": null, "displayName": named(by.app, "displayName"), "servicePrincipalId": by.app,
            "servicePrincipalName": null,
        }}),
    };
    let group_name = tenant.groups.get(group).map(|group| group.display_name.clone());
    let mut targets = Vec::new();
    if let Some(id) = object {
        // The value of a property is JSON inside of JSON.
        let value = |value: Option<String>| {
            let quoted = json!(value.map(|text| json!(text).to_string()));
            if activity.gives() { (Value::Null, quoted) } else { (quoted, Value::Null) }
        };
        let properties = [("Group.ObjectID", Some(group.to_string())), ("Group.DisplayName", group_name)];
        let mut properties: Vec<Value> = properties.map(|(name, text)| property(name, value(text))).into();
        properties.push(property("Group.WellKnownObjectName", (Value::Null, Value::Null)));
        let kind = match tenant.object(*id).map(Object::kind) {
            Some(Type::User) | None => "User",
            Some(Type::Group) => "Group",
            Some(Type::ServicePrincipal) => "ServicePrincipal",
        };
        targets.push(json!({
            "id": id, "displayName": null, "type": kind, "userPrincipalName": named(*id, "userPrincipalName"),
            "groupType": null, "modifiedProperties": properties,
        }));
    }
    let mut properties: Vec<Value> = modified
        .iter()
        .map(|modified| {
            // Of a property of the group itself it is a list.
            let list = |text: &Option<String>| json!(json!(text.iter().collect::<Vec<_>>()).to_string());
            property(&modified.name, (list(&modified.old), list(&modified.new)))
        })
        .collect();
    if !modified.is_empty() {
        let changed: Vec<&str> = modified.iter().map(|modified| modified.name.as_str()).collect();
        let changed = json!(changed.join(", ")).to_string();
        properties.push(property("Included Updated Properties", (Value::Null, json!(changed))));
    }
    targets.push(json!({
        "id": group, "displayName": null, "type": "Group", "userPrincipalName": null, "groupType": "unknownFutureValue",
        "modifiedProperties": properties,
    }));
    let correlation = derived_uuid(&format!("{}/audit/{sequence}", tenant.id));
    let about = object.map(|id| format!("_{id}")).unwrap_or_default();
    json!({
        "id": format!("Directory_{correlation}_{sequence}{about}"),
        "category": "GroupManagement",
        "correlationId": correlation,
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity_name,
        "activityDateTime": by.at,
        "loggedByService": "Core Directory",
        "operationType": operation,
        "initiatedBy": initiator,
        "targetResources": targets,
        "additionalDetails": [],
    })
}

fn property(name: &str, (old, new): (Value, Value)) -> Value {
    json!({"displayName": name, "oldValue": old, "newValue": new})
}
