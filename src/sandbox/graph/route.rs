//! Which operation a call is.

use http::Method;

use super::answer::Answer;
use super::call::Call;
use super::error::Refusal;
use super::members::Relation::{Members, Owners};
use super::state::Tenant;
use super::{directory, groups, members, privileged, service_principals, users};

/// Whether the call leaves the tenant as it is.
pub(super) fn is_read(call: &Call<'_>) -> bool {
    call.method == Method::GET
        || matches!(
            call.route().as_slice(),
            ["directoryObjects", "getByIds"] | ["directoryObjects", _, "checkMemberGroups"]
        )
}

/// A call that leaves the tenant as it is.
pub(super) fn read(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    match (call.method.as_str(), call.route().as_slice()) {
        // Functions of a collection, not objects in it.
        (_, [_, "delta" | "$count", ..]) => Err(not_modelled(call)),
        ("GET", ["groups"]) => groups::list(tenant, call),
        ("GET", ["groups", key]) => groups::get(tenant, call, key),
        ("GET", ["groups", key, "members"]) => members::list(tenant, call, key, Members),
        ("GET", ["groups", key, "owners"]) => members::list(tenant, call, key, Owners),
        ("GET", ["users"]) => users::list(tenant, call),
        ("GET", ["users", key]) => users::get(tenant, call, key),
        ("GET", ["servicePrincipals"]) => service_principals::list(tenant, call),
        ("GET", ["servicePrincipals", key]) => service_principals::get(tenant, call, key),
        ("GET", ["organization"]) => directory::organization(tenant, call),
        ("GET", ["me"]) => Err(directory::me()),
        ("GET", ["directoryObjects", id]) => directory::object(tenant, call, id),
        ("POST", ["directoryObjects", "getByIds"]) => directory::by_ids(tenant, call),
        ("POST", ["directoryObjects", id, "checkMemberGroups"]) => directory::check_member_groups(tenant, call, id),
        ("GET", ["directory", "deletedItems", "microsoft.graph.group"]) => directory::list_deleted_groups(tenant, call),
        ("GET", ["directory", "deletedItems", id]) => directory::get_deleted(tenant, call, id),
        ("GET", ["identityGovernance", "privilegedAccess", "group", "assignmentScheduleInstances"]) => {
            privileged::assignment_instances(tenant, call)
        }
        _ => Err(not_modelled(call)),
    }
}

/// Any call.
pub(super) fn any(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    if is_read(call) {
        return read(tenant, call);
    }
    if !call.query.raw.is_empty() {
        return Err(Refusal::not_modelled("query options on a write"));
    }
    match (call.method.as_str(), call.route().as_slice()) {
        ("POST", ["groups"]) => groups::create(tenant, call),
        ("PATCH", ["groups", key]) => groups::update(tenant, call, key),
        ("DELETE", ["groups", key]) => groups::delete(tenant, call, key),
        ("POST", ["groups", key, "members", "$ref"]) => members::add(tenant, call, key, Members),
        ("POST", ["groups", key, "owners", "$ref"]) => members::add(tenant, call, key, Owners),
        ("DELETE", ["groups", key, "members", id, "$ref"]) => members::remove(tenant, call, key, Members, id),
        ("DELETE", ["groups", key, "owners", id, "$ref"]) => members::remove(tenant, call, key, Owners, id),
        ("DELETE", ["groups", key, "members", id]) => members::delete_object(tenant, call, key, id),
        ("POST", ["directory", "deletedItems", id, "restore"]) => directory::restore(tenant, call, id),
        ("DELETE", ["directory", "deletedItems", id]) => directory::purge(tenant, call, id),
        _ => Err(not_modelled(call)),
    }
}

fn not_modelled(call: &Call<'_>) -> Refusal {
    Refusal::not_modelled(&format!("{} /{}", call.method, call.segments.join("/")))
}
