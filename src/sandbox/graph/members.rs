//! Members and owners (entra.md §2.4, §2.5).

use http::StatusCode;
use serde_json::{Map, Value};

use super::answer::{Answer, Mark};
use super::call::Call;
use super::change::Change;
pub(super) use super::change::Relation;
use super::error::Refusal;
use super::groups::{check_editable, find};
use super::object::{Object, Type};
use super::permission::{WRITE_GROUPS, WRITE_MEMBERS, WRITE_USERS};
use super::state::{Group, Kind, Tenant};
use crate::state::ObjectId;

/// The most references that one request may add.
const MOST_REFERENCES: usize = 20;
/// The most owners that a group may have.
const MOST_OWNERS: usize = 100;

impl Relation {
    fn name(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Owners => "owners",
        }
    }

    fn write(self) -> &'static [&'static str] {
        match self {
            Self::Members => WRITE_MEMBERS,
            Self::Owners => WRITE_GROUPS,
        }
    }
}

/// `POST …/$ref`
pub(super) fn add(tenant: &mut Tenant, call: &Call<'_>, key: &str, relation: Relation) -> Result<Answer, Refusal> {
    let group = writable(tenant, call, key, relation)?;
    let Some(Value::String(reference)) = call.object()?.get("@odata.id") else {
        return Err(Refusal::malformed("The reference has no '@odata.id'."));
    };
    let id = referenced(tenant, call, reference)?;
    check_editable(group)?;
    check_addition(tenant, call, group, relation, &[id])?;
    let group_id = group.id;
    tenant.make(call, Change::Edges { group: group_id, relation, added: vec![id], removed: Vec::new() });
    Ok(Answer::no_content())
}

/// `DELETE …/{id}/$ref`
pub(super) fn remove(
    tenant: &mut Tenant,
    call: &Call<'_>,
    key: &str,
    relation: Relation,
    id: &str,
) -> Result<Answer, Refusal> {
    let group = writable(tenant, call, key, relation)?;
    let object = id.parse().ok().and_then(|id| tenant.object(id)).ok_or_else(|| Refusal::not_found(id))?.id();
    check_editable(group)?;
    check_assigned(group, relation)?;
    if !relation.of(group).contains(&object) {
        return Err(Refusal::bad_request(format!(
            "One or more removed object references do not exist for the following modified properties: '{}'.",
            relation.name()
        )));
    }
    let live = |id: &&ObjectId| tenant.object(**id).is_some();
    if relation == Relation::Owners && group.owners.iter().filter(live).count() == 1 {
        return Err(Refusal::bad_request(
            "The group must have at least one owner, hence this owner cannot be removed.",
        ));
    }
    let group_id = group.id;
    tenant.make(call, Change::Edges { group: group_id, relation, added: Vec::new(), removed: vec![object] });
    Ok(Answer::no_content())
}

/// `DELETE …/members/{id}` without `/$ref` does not touch the membership: it deletes the user (entra.md §2.3, "Danger").
pub(super) fn delete_object(tenant: &mut Tenant, call: &Call<'_>, key: &str, id: &str) -> Result<Answer, Refusal> {
    let dangerous = |refusal: Refusal| refusal.marked(Mark::Danger);
    let group = writable(tenant, call, key, Relation::Members).map_err(dangerous)?;
    let user = id.parse().ok().filter(|id| group.members.contains(id));
    call.caller.require(WRITE_USERS).map_err(dangerous)?;
    let user = user.filter(|id| tenant.users.contains_key(id)).ok_or_else(|| dangerous(Refusal::not_found(id)))?;
    tenant.make(call, Change::UserDeleted { user });
    Ok(Answer::no_content().marked(Mark::Danger))
}

/// What `members@odata.bind` and `owners@odata.bind` of a body refer to; at most twenty together.
pub(super) fn bindings(
    tenant: &Tenant,
    call: &Call<'_>,
    body: &Map<String, Value>,
) -> Result<Vec<(Relation, Vec<ObjectId>)>, Refusal> {
    let mut bindings = Vec::new();
    let mut count = 0;
    for relation in [Relation::Owners, Relation::Members] {
        let Some(references) = body.get(&format!("{}@odata.bind", relation.name())) else { continue };
        let references = references.as_array().ok_or_else(super::call::unreadable)?;
        count += references.len();
        let texts = references.iter().map(|reference| reference.as_str().ok_or_else(super::call::unreadable));
        let ids = texts.map(|text| referenced(tenant, call, text?)).collect::<Result<Vec<_>, _>>()?;
        bindings.push((relation, ids));
    }
    if count > MOST_REFERENCES {
        return Err(Refusal::bad_request(format!(
            "The request adds {count} references. At most {MOST_REFERENCES} can be added in one request."
        )));
    }
    Ok(bindings)
}

/// Whether the objects may be added, all of them or none.
pub(super) fn check_addition(
    tenant: &Tenant,
    call: &Call<'_>,
    group: &Group,
    relation: Relation,
    ids: &[ObjectId],
) -> Result<(), Refusal> {
    check_assigned(group, relation)?;
    for id in ids {
        let object = tenant.object(*id).ok_or_else(|| Refusal::not_found(&id.to_string()))?;
        // An app may always name itself; everything else it must be able to read (documented for POST /groups).
        if *id != call.caller.id && !call.caller.may_see(object) {
            return Err(Refusal::forbidden());
        }
        check_type(group, relation, object)?;
    }
    let mut seen = relation.of(group).clone();
    // Near the quota a client hears of it before it hears that somebody is there already (entra.md §2.4).
    let together = seen.len() + ids.len();
    if relation == Relation::Owners && together > MOST_OWNERS {
        let message = format!(
            "Unable to perform operation as '{together}' would exceed the maximum quota count '{MOST_OWNERS}' for \
             forward-link owners."
        );
        return Err(Refusal::new(StatusCode::FORBIDDEN, "Directory_QuotaExceeded", message));
    }
    if ids.iter().all(|id| seen.insert(*id)) {
        return Ok(());
    }
    Err(Refusal::bad_request(format!(
        "One or more added object references already exist for the following modified properties: '{}'.",
        relation.name()
    )))
}

/// A rule names the members of a dynamic group, and nobody else does. The real wording is not known (entra.md §2.2).
fn check_assigned(group: &Group, relation: Relation) -> Result<(), Refusal> {
    if relation == Relation::Members && group.kind == Kind::Dynamic { Err(Refusal::forbidden()) } else { Ok(()) }
}

/// What may be a member or an owner of what (entra.md §2.2).
fn check_type(group: &Group, relation: Relation, object: Object<'_>) -> Result<(), Refusal> {
    let refuse = |message: &str| {
        Err(Refusal::bad_request(format!(
            "{message} paramName: {}, paramValue: , objectType: Microsoft.Online.DirectoryServices.Group",
            relation.name()
        )))
    };
    match (relation, object) {
        (Relation::Owners, Object::Group(_) | Object::DeletedGroup(_)) => refuse("A group cannot own a group."),
        (Relation::Members, Object::Group(member)) if member.id == group.id => {
            refuse("A group cannot be a member of itself.")
        }
        (Relation::Members, Object::Group(member)) if member.kind == Kind::Microsoft365 => {
            refuse("Unified Groups cannot be added to other groups.")
        }
        (Relation::Members, Object::Group(_)) if group.role_assignable => {
            refuse("Nesting is currently not supported for groups that can be assigned to a role.")
        }
        (Relation::Members, Object::Group(_) | Object::ServicePrincipal(_)) if group.kind == Kind::Microsoft365 => {
            refuse("Only users can be members of Unified Groups.")
        }
        (Relation::Members | Relation::Owners, _) => Ok(()),
    }
}

/// The group, when it exists and the caller may change this list of it.
fn writable<'t>(tenant: &'t Tenant, call: &Call<'_>, key: &str, relation: Relation) -> Result<&'t Group, Refusal> {
    let group = find(tenant, key);
    match &group {
        Ok(group) => call.caller.require_write(group, relation.write())?,
        Err(_) => call.caller.require(relation.write())?,
    }
    group
}

/// The object behind an `@odata.id`. It must be of this cloud, that is of the origin that was called, and of the type
/// that its path says.
fn referenced(tenant: &Tenant, call: &Call<'_>, reference: &str) -> Result<ObjectId, Refusal> {
    let invalid = || Refusal::bad_request(format!("Invalid object reference '{reference}'."));
    let rest = reference.strip_prefix(call.origin).ok_or_else(invalid)?;
    let path = rest.strip_prefix("/v1.0/").or_else(|| rest.strip_prefix("/beta/")).ok_or_else(invalid)?;
    let (collection, id) = path.split_once('/').ok_or_else(invalid)?;
    let id = id.parse::<ObjectId>().map_err(|_| invalid())?;
    let object = tenant.object(id).ok_or_else(|| Refusal::not_found(&id.to_string()))?;
    let fits = match collection {
        "directoryObjects" => true,
        "users" => object.kind() == Type::User,
        "groups" => object.kind() == Type::Group,
        "servicePrincipals" => object.kind() == Type::ServicePrincipal,
        _ => return Err(invalid()),
    };
    if fits { Ok(id) } else { Err(Refusal::not_found(&id.to_string())) }
}
