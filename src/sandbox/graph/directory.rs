//! What is not about one kind of object: look-ups by id, deleted items, the organisation.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, unreadable};
use super::change::Change;
use super::error::Refusal;
use super::filter::Operator::{Equal, StartsWith};
use super::object::{Object, Type, View};
use super::page::{self, Collection};
use super::permission::{READ_DELETED, READ_DIRECTORY, READ_ORGANIZATION, WRITE_GROUPS};
use super::state::{DeletedGroup, Tenant};
use crate::state::ObjectId;

const DELETED_GROUPS: Collection = Collection {
    context: "groups",
    types: &[Type::Group],
    cast: true,
    filterable: &[("id", &[Equal]), ("displayName", &[Equal, StartsWith]), ("mailNickname", &[Equal, StartsWith])],
};
/// The most ids that one `getByIds` takes (entra.md §3).
const MOST_IDS: usize = 1000;

pub(super) fn object(tenant: &Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    call.caller.require(READ_DIRECTORY)?;
    let object = id.parse().ok().and_then(|id| tenant.object(id)).ok_or_else(|| Refusal::not_found(id))?;
    page::single(call, "directoryObjects/$entity", object, true)
}

/// Ids that are not there are left out without a word (entra.md §3).
pub(super) fn by_ids(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_DIRECTORY)?;
    if !call.query.raw.is_empty() {
        return Err(Refusal::not_modelled("query options on getByIds"));
    }
    let body = call.object()?;
    let ids = texts(body.get("ids"))?;
    if ids.len() > MOST_IDS {
        return Err(Refusal::bad_request(format!("Too many ids: {}. At most {MOST_IDS} are allowed.", ids.len())));
    }
    let types = match body.get("types") {
        None | Some(Value::Null) => None,
        Some(types) => Some(texts(Some(types))?),
    };
    let asked = |object: &Object<'_>| {
        let name = object.kind().odata().trim_start_matches("#microsoft.graph.");
        types.as_ref().is_none_or(|types| {
            types.iter().any(|kind| kind.eq_ignore_ascii_case(name) || kind.eq_ignore_ascii_case("directoryObject"))
        })
    };
    let mut found = Vec::new();
    for id in ids.iter().collect::<BTreeSet<_>>() {
        let id = id
            .parse::<ObjectId>()
            .map_err(|_| Refusal::bad_request(format!("Invalid GUID:{id} specified in the request.")))?;
        if let Some(object) = tenant.object(id).filter(asked) {
            found.push(Value::Object(object.show(call.caller, View { select: None, typed: true })));
        }
    }
    Ok(Answer::ok(json!({"@odata.context": call.context("directoryObjects"), "value": found})))
}

pub(super) fn organization(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_ORGANIZATION)?;
    let mut organization = json!({
        "id": tenant.id,
        "displayName": tenant.domain,
        "tenantType": "AAD",
        "verifiedDomains": [
            {"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": true, "isInitial": true,
             "name": tenant.domain, "type": "Managed"},
        ],
    });
    if let (Some(names), Value::Object(shown)) = (&call.query.select, &mut organization) {
        shown.retain(|name, _| names.contains(name));
    }
    Ok(Answer::ok(json!({"@odata.context": call.context("organization"), "value": [organization]})))
}

/// Only people have a "me", and every token here is an app's.
pub(super) fn me() -> Refusal {
    Refusal::malformed("/me request is only valid with delegated authentication flow.")
}

pub(super) fn list_deleted_groups(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_DELETED)?;
    page::list(tenant, call, &DELETED_GROUPS, tenant.deleted_groups.values().map(Object::DeletedGroup))
}

pub(super) fn get_deleted(tenant: &Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    call.caller.require(READ_DELETED)?;
    page::single(call, "directoryObjects/$entity", Object::DeletedGroup(find_deleted(tenant, id)?), true)
}

/// The same id, members and owners as before (entra.md §2.6).
pub(super) fn restore(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let deleted = writable_deleted(tenant, call, id)?;
    let group = deleted.group.clone();
    let answer = page::single(call, "directoryObjects/$entity", Object::Group(&group), true)?;
    tenant.make(call, Change::Restored { group: group.id });
    Ok(Answer { status: StatusCode::OK, ..answer })
}

/// For good, and with every edge that led to it.
pub(super) fn purge(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let group = writable_deleted(tenant, call, id)?.group.id;
    tenant.make(call, Change::Purged { group });
    Ok(Answer::no_content())
}

fn writable_deleted<'t>(tenant: &'t Tenant, call: &Call<'_>, id: &str) -> Result<&'t DeletedGroup, Refusal> {
    call.caller.require(WRITE_GROUPS)?;
    let deleted = find_deleted(tenant, id)?;
    call.caller.require_write(&deleted.group, WRITE_GROUPS)?;
    Ok(deleted)
}

fn find_deleted<'t>(tenant: &'t Tenant, id: &str) -> Result<&'t DeletedGroup, Refusal> {
    let found = id.parse::<ObjectId>().ok().and_then(|id| tenant.deleted_groups.get(&id));
    found.ok_or_else(|| Refusal::not_found(id))
}

pub(super) fn texts(value: Option<&Value>) -> Result<Vec<String>, Refusal> {
    let items = value.and_then(Value::as_array).ok_or_else(unreadable)?;
    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(unreadable)).collect()
}
