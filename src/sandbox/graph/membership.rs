//! Membership through other groups: transitive members, and the groups that an object is in (entra.md §2.3, §2.5).

use std::collections::BTreeSet;

use serde_json::json;

use super::answer::Answer;
use super::call::{Call, alternate_key};
use super::directory::texts;
use super::error::Refusal;
use super::filter::Operator::{Equal, StartsWith};
use super::groups::find;
use super::members::Relation;
use super::object::{Object, Type};
use super::page::{self, Collection};
use super::permission::{READ_MEMBERS, READ_OWNERS};
use super::state::{Group, Tenant};
use crate::state::{AppId, ObjectId};

/// The most groups that one `checkMemberGroups` takes.
const MOST_GROUPS: usize = 20;

/// A list of objects that an object leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Members or owners of a group.
    Direct(Relation),
    /// Members of a group and of the groups in it.
    TransitiveMembers,
    /// The groups that an object is a member of.
    MemberOf,
    /// These, and the groups that those are in.
    TransitiveMemberOf,
}

const fn collection(types: &'static [Type], cast: bool) -> Collection {
    let filterable = &[("id", &[Equal] as &[_]), ("displayName", &[Equal, StartsWith])];
    Collection { context: "directoryObjects", types, cast, filterable }
}

/// Lists are read uncast: items are of several types and each says its own.
const OBJECTS: Collection = collection(&[Type::User, Type::Group, Type::ServicePrincipal], false);
const USERS: Collection = collection(&[Type::User], true);
const GROUPS: Collection = collection(&[Type::Group], true);
const SERVICE_PRINCIPALS: Collection = collection(&[Type::ServicePrincipal], true);

/// `GET …/members` and its likes, cast to one type where `cast` names one.
pub(super) fn list(
    tenant: &Tenant,
    call: &Call<'_>,
    of: (&str, &str),
    reach: Reach,
    cast: Option<&str>,
) -> Result<Answer, Refusal> {
    let ids = reached(tenant, call, of, reach)?;
    // The SDKs write the namespace short.
    let collection = match cast {
        None => &OBJECTS,
        Some("microsoft.graph.user" | "graph.user") => &USERS,
        Some("microsoft.graph.group" | "graph.group") => &GROUPS,
        Some("microsoft.graph.servicePrincipal" | "graph.servicePrincipal") => &SERVICE_PRINCIPALS,
        Some(other) => return Err(Refusal::not_modelled(&format!("the cast to '{other}'"))),
    };
    let objects = ids.iter().filter_map(|id| tenant.object(*id));
    page::list(tenant, call, collection, objects.filter(|object| collection.types.contains(&object.kind())))
}

/// `GET …/members/$count` and its likes.
pub(super) fn count(tenant: &Tenant, call: &Call<'_>, of: (&str, &str), reach: Reach) -> Result<Answer, Refusal> {
    let ids = reached(tenant, call, of, reach)?;
    page::count(call, ids.iter().filter(|id| tenant.object(**id).is_some()).count())
}

fn reached(tenant: &Tenant, call: &Call<'_>, of: (&str, &str), reach: Reach) -> Result<BTreeSet<ObjectId>, Refusal> {
    call.caller.require(if reach == Reach::Direct(Relation::Owners) { READ_OWNERS } else { READ_MEMBERS })?;
    match (reach, of) {
        (Reach::Direct(relation), (_, key)) => Ok(relation.of(find(tenant, key)?).clone()),
        (Reach::TransitiveMembers, (_, key)) => Ok(inside(tenant, find(tenant, key)?)),
        (Reach::MemberOf, (collection, key)) => {
            let id = subject(tenant, collection, key)?;
            let containing = tenant.groups.values().filter(|group| group.members.contains(&id));
            Ok(containing.map(|group| group.id).collect())
        }
        (Reach::TransitiveMemberOf, (collection, key)) => Ok(around(tenant, subject(tenant, collection, key)?)),
    }
}

/// `POST …/checkMemberGroups`: which of the groups the object is in, directly or through others.
pub(super) fn check(tenant: &Tenant, call: &Call<'_>, of: (&str, &str)) -> Result<Answer, Refusal> {
    call.caller.require(READ_MEMBERS)?;
    let id = subject(tenant, of.0, of.1)?;
    let asked = texts(call.object()?.get("groupIds"))?;
    if asked.len() > MOST_GROUPS {
        return Err(Refusal::bad_request(format!("Too many groups: {}. At most {MOST_GROUPS}.", asked.len())));
    }
    let containing = around(tenant, id);
    let found = asked.iter().filter(|id| id.parse().is_ok_and(|id: ObjectId| containing.contains(&id)));
    let found = found.collect::<Vec<_>>();
    Ok(Answer::ok(json!({"@odata.context": call.context("Collection(Edm.String)"), "value": found})))
}

/// `POST …/getMemberGroups` and `…/getMemberObjects`: ids of every group that the object is in. This tenant has neither
/// administrative units nor directory roles, so both say the same.
pub(super) fn get(tenant: &Tenant, call: &Call<'_>, of: (&str, &str)) -> Result<Answer, Refusal> {
    call.caller.require(READ_MEMBERS)?;
    let id = subject(tenant, of.0, of.1)?;
    let only_security = match call.object()?.get("securityEnabledOnly") {
        None => false,
        Some(value) => value.as_bool().ok_or_else(super::call::unreadable)?,
    };
    // Documented for service principals and groups: false is required of the former and means nothing to the latter.
    let wanted = |id: &ObjectId| !only_security || tenant.groups.get(id).is_some_and(is_security);
    let found = around(tenant, id).into_iter().filter(wanted).collect::<Vec<_>>();
    Ok(Answer::ok(json!({"@odata.context": call.context("Collection(Edm.String)"), "value": found})))
}

fn is_security(group: &Group) -> bool {
    Object::Group(group).property("securityEnabled") == Some(true.into())
}

/// The object behind a key of one of the collections.
fn subject(tenant: &Tenant, collection: &str, key: &str) -> Result<ObjectId, Refusal> {
    let not_found = || Refusal::not_found(key);
    match collection {
        "groups" => find(tenant, key).map(|group| group.id),
        "users" => super::users::find(tenant, key).map(|user| user.id).ok_or_else(not_found),
        "servicePrincipals" => {
            let app = alternate_key(key, "appId").and_then(|app| app.parse::<AppId>().ok());
            let mut principals = tenant.service_principals.values();
            let id = key.parse::<ObjectId>().ok();
            let found = principals.find(|principal| Some(principal.app_id) == app || Some(principal.id) == id);
            found.map(|principal| principal.id).ok_or_else(not_found)
        }
        _ => key.parse().ok().and_then(|id| tenant.object(id)).map(Object::id).ok_or_else(not_found),
    }
}

/// Everything in a group and in the groups in it, each once; those groups are among it.
fn inside(tenant: &Tenant, group: &Group) -> BTreeSet<ObjectId> {
    let mut found = BTreeSet::new();
    let mut pending = vec![group];
    while let Some(group) = pending.pop() {
        for id in &group.members {
            if found.insert(*id) {
                pending.extend(tenant.groups.get(id));
            }
        }
    }
    found
}

/// Every group that an object is in, directly or through others.
fn around(tenant: &Tenant, id: ObjectId) -> BTreeSet<ObjectId> {
    let mut found = BTreeSet::new();
    let mut pending = vec![id];
    while let Some(member) = pending.pop() {
        for group in tenant.groups.values().filter(|group| group.members.contains(&member)) {
            if found.insert(group.id) {
                pending.push(group.id);
            }
        }
    }
    found
}
