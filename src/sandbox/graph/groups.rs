//! Groups: read, create, change, delete (entra.md §2.1–2.3, §2.6).

use serde_json::{Map, Value};

use super::answer::Answer;
use super::call::{Call, alternate_key};
use super::change::{Change, Relation};
use super::error::Refusal;
use super::filter::Operator::{Any, Equal, StartsWith};
use super::members;
use super::object::{Object, Type};
use super::page::{self, Collection};
use super::permission::{CREATE_GROUPS, READ_GROUPS, WRITE_GROUPS, WRITE_MEMBERS};
use super::state::{DeletedGroup, Group, Kind, Tenant};
use crate::state::ObjectId;

const GROUPS: Collection = Collection {
    context: "groups",
    types: &[Type::Group],
    cast: false,
    // `uniqueName` is not among them: no filter is documented for it (entra.md §2.3).
    filterable: &[
        ("id", &[Equal]),
        ("displayName", &[Equal, StartsWith]),
        ("mailNickname", &[Equal, StartsWith]),
        ("mail", &[Equal, StartsWith]),
        ("securityEnabled", &[Equal]),
        ("mailEnabled", &[Equal]),
        ("groupTypes", &[Any]),
    ],
};

pub(super) fn list(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_GROUPS)?;
    page::filtered(tenant, call, &GROUPS, |filter| {
        let few =
            filter.and_then(|filter| filter.candidates(&|property, wanted| tenant.index.groups(property, wanted)));
        let all = few.is_none().then(|| tenant.groups.values());
        let few = few.into_iter().flatten().filter_map(|id| tenant.groups.get(&id));
        few.chain(all.into_iter().flatten()).map(Object::Group)
    })
}

/// `GET …/$count`
pub(super) fn count(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_GROUPS)?;
    page::count(call, tenant.groups.len())
}

pub(super) fn get(tenant: &Tenant, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
    call.caller.require(READ_GROUPS)?;
    page::single(call, "groups/$entity", Object::Group(find(tenant, key)?), false)
}

/// By object id or by `(uniqueName='…')`.
pub(super) fn find<'t>(tenant: &'t Tenant, key: &str) -> Result<&'t Group, Refusal> {
    let found = match alternate_key(key, "uniqueName") {
        Some(name) => tenant.group_named(&name),
        None => key.parse::<ObjectId>().ok().and_then(|id| tenant.groups.get(&id)),
    };
    found.ok_or_else(|| Refusal::not_found(key))
}

pub(super) fn create(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    create_with(tenant, call, &properties(call)?)
}

/// The properties in the body. The SDKs say with them of which type they are.
fn properties(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    let mut properties = call.object()?.clone();
    match properties.remove("@odata.type") {
        None => Ok(properties),
        Some(Value::String(kind)) if kind.trim_start_matches('#') == "microsoft.graph.group" => Ok(properties),
        Some(other) => Err(Refusal::malformed(format!("A group of the type {other} is none."))),
    }
}

fn create_with(tenant: &mut Tenant, call: &Call<'_>, body: &Map<String, Value>) -> Result<Answer, Refusal> {
    call.caller.require(CREATE_GROUPS)?;
    let new = NewGroup::read(body)?;
    if new.role_assignable {
        call.caller.require_role_assignable()?;
    }
    if let Some(unique_name) = &new.unique_name {
        let taken = |deleted: &DeletedGroup| deleted.group.unique_name.as_ref() == Some(unique_name);
        // Whether a soft-deleted group keeps its key taken is not documented; refusing is what a client must survive.
        if tenant.group_named(unique_name).is_some() || tenant.deleted_groups.values().any(taken) {
            let message = "Another object with the same value for property uniqueName already exists.";
            let status = http::StatusCode::CONFLICT;
            return Err(Refusal::new(status, "Request_MultipleObjectsWithSameKeyValue", message));
        }
    }
    let group = Group {
        id: tenant.fresh_group_id(&new.mail_nickname),
        display_name: new.display_name,
        description: new.description,
        kind: new.kind,
        role_assignable: new.role_assignable,
        mail_nickname: new.mail_nickname,
        unique_name: new.unique_name,
        created: call.time(),
        members: std::collections::BTreeSet::new(),
        owners: std::collections::BTreeSet::new(),
    };
    let bindings = members::bindings(tenant, call, body)?;
    for (relation, ids) in &bindings {
        members::check_addition(tenant, call, &group, *relation, ids)?;
    }
    let answer = page::single(call, "groups/$entity", Object::Group(&group), false)?;
    let id = group.id;
    tenant.make(call, Change::Group(Box::new(group)));
    add(tenant, call, id, bindings);
    Ok(Answer { status: http::StatusCode::CREATED, ..answer })
}

/// `PATCH`: properties, and members and owners to add. Nothing is changed when any part is refused.
pub(super) fn update(tenant: &mut Tenant, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
    let body = &properties(call)?;
    let upsert = alternate_key(key, "uniqueName").filter(|_| call.creates_if_missing());
    let group = match (find(tenant, key), upsert) {
        (Ok(group), _) => group,
        (Err(_), Some(unique_name)) => {
            let mut body = body.clone();
            if body.get("uniqueName").is_some_and(|given| given.as_str() != Some(&unique_name)) {
                return Err(Refusal::bad_request("The uniqueName in the body is not the one in the address."));
            }
            body.insert("uniqueName".to_owned(), Value::String(unique_name));
            return create_with(tenant, call, &body);
        }
        (Err(refusal), None) => {
            call.caller.require(WRITE_GROUPS)?;
            return Err(refusal);
        }
    };
    let only_members = body.keys().all(|name| name == "members@odata.bind");
    call.caller.require_write(group, if only_members { WRITE_MEMBERS } else { WRITE_GROUPS })?;
    let mut changed = group.clone();
    let bindings = members::bindings(tenant, call, body)?;
    check_editable(group)?;
    for (name, value) in body.iter().filter(|(name, _)| !name.ends_with("@odata.bind")) {
        set(&mut changed, name, value)?;
    }
    for (relation, ids) in &bindings {
        members::check_addition(tenant, call, group, *relation, ids)?;
    }
    let id = group.id;
    if !only_members {
        (changed.members, changed.owners) = Default::default();
        tenant.make(call, Change::Group(Box::new(changed)));
    }
    add(tenant, call, id, bindings);
    Ok(Answer::no_content())
}

fn add(tenant: &mut Tenant, call: &Call<'_>, group: ObjectId, bindings: Vec<(Relation, Vec<ObjectId>)>) {
    for (relation, added) in bindings.into_iter().filter(|(_, ids)| !ids.is_empty()) {
        tenant.make(call, Change::Edges { group, relation, added, removed: Vec::new() });
    }
}

/// Soft for groups that the cloud masters (entra.md §2.6).
pub(super) fn delete(tenant: &mut Tenant, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
    let group = find(tenant, key);
    match &group {
        Ok(group) => call.caller.require_write(group, WRITE_GROUPS)?,
        Err(_) => call.caller.require(WRITE_GROUPS)?,
    }
    let group = group?;
    check_editable(group)?;
    let id = group.id;
    tenant.make(call, Change::Deleted { group: id, at: call.time() });
    Ok(Answer::no_content())
}

/// Which kinds Graph lets nobody write to (entra.md §2.2).
pub(super) fn check_editable(group: &Group) -> Result<(), Refusal> {
    match group.kind {
        Kind::Security | Kind::Microsoft365 | Kind::Dynamic => Ok(()),
        Kind::MailEnabledSecurity | Kind::Distribution => {
            Err(Refusal::bad_request("Cannot Update a mail-enabled security groups and or distribution list."))
        }
        Kind::Synced => Err(Refusal::bad_request(
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects \
             currently undergoing migration.",
        )),
    }
}

fn set(group: &mut Group, name: &str, value: &Value) -> Result<(), Refusal> {
    match name {
        "displayName" => group.display_name = display_name(value)?,
        "description" => group.description = description(value)?,
        "mailNickname" => group.mail_nickname = mail_nickname(value)?,
        // Fixed at creation; the same value again is no change.
        "uniqueName" | "mailEnabled" | "securityEnabled" | "groupTypes" | "isAssignableToRole" => {
            if Object::Group(group).property(name).as_ref() != Some(value) {
                return Err(Refusal::bad_request(format!("Property '{name}' is read-only and cannot be set.")));
            }
        }
        other => return Err(Refusal::not_modelled(&format!("changing the property '{other}'"))),
    }
    Ok(())
}

/// The properties of a `POST`.
struct NewGroup {
    display_name: String,
    description: Option<String>,
    mail_nickname: String,
    unique_name: Option<String>,
    kind: Kind,
    role_assignable: bool,
}

impl NewGroup {
    fn read(body: &Map<String, Value>) -> Result<Self, Refusal> {
        const KNOWN: &[&str] = &[
            "displayName",
            "description",
            "mailNickname",
            "uniqueName",
            "mailEnabled",
            "securityEnabled",
            "groupTypes",
            "isAssignableToRole",
            "members@odata.bind",
            "owners@odata.bind",
        ];
        if let Some(other) = body.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Refusal::not_modelled(&format!("creating a group with the property '{other}'")));
        }
        let required = |name: &str| {
            body.get(name).filter(|value| !value.is_null()).ok_or_else(|| {
                Refusal::bad_request(format!("A value is required for property '{name}' of resource 'Group'."))
            })
        };
        let flag = |name: &str| required(name)?.as_bool().ok_or_else(|| invalid(name));
        let role_assignable = match body.get("isAssignableToRole") {
            None | Some(Value::Null) => false,
            Some(value) => value.as_bool().ok_or_else(|| invalid("isAssignableToRole"))?,
        };
        let unified = match body.get("groupTypes") {
            None | Some(Value::Null) => false,
            Some(Value::Array(types)) if types.is_empty() => false,
            Some(Value::Array(types)) if types.len() == 1 && types.first() == Some(&Value::from("Unified")) => true,
            Some(_) => return Err(Refusal::not_modelled("creating groups with a membership rule")),
        };
        let kind = match (unified, flag("mailEnabled")?, flag("securityEnabled")?) {
            (true, true, _) => Kind::Microsoft365,
            (true, false, _) => return Err(invalid("mailEnabled")),
            (false, true, _) => {
                let message = "Cannot Create a mail-enabled security groups and or distribution list.";
                return Err(Refusal::bad_request(message));
            }
            (false, false, true) => Kind::Security,
            (false, false, false) => return Err(invalid("securityEnabled")),
        };
        Ok(Self {
            display_name: display_name(required("displayName")?)?,
            description: description(body.get("description").unwrap_or(&Value::Null))?,
            mail_nickname: mail_nickname(required("mailNickname")?)?,
            unique_name: match body.get("uniqueName") {
                None | Some(Value::Null) => None,
                Some(value) => Some(value.as_str().ok_or_else(|| invalid("uniqueName"))?.to_owned()),
            },
            kind,
            role_assignable,
        })
    }
}

fn invalid(name: &str) -> Refusal {
    Refusal::bad_request(format!("Invalid value specified for property '{name}' of resource 'Group'."))
}

/// At most 256 characters.
fn display_name(value: &Value) -> Result<String, Refusal> {
    let text = value.as_str().filter(|text| !text.is_empty() && text.chars().count() <= 256);
    text.map(str::to_owned).ok_or_else(|| invalid("displayName"))
}

/// A text or null; Graph does not take an empty one.
fn description(value: &Value) -> Result<Option<String>, Refusal> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if !text.is_empty() => Ok(Some(text.clone())),
        _ => Err(invalid("description")),
    }
}

/// At most 64 characters of ASCII without the ones that mail addresses reserve.
fn mail_nickname(value: &Value) -> Result<String, Refusal> {
    let allowed = |character: char| character.is_ascii_graphic() && !"@()\\[]\";:<>,".contains(character);
    let text = value.as_str().filter(|text| !text.is_empty() && text.len() <= 64 && text.chars().all(allowed));
    text.map(str::to_owned).ok_or_else(|| invalid("mailNickname"))
}
