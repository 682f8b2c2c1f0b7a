//! Which operation a call is.

use http::Method;

use super::answer::Answer;
use super::call::Call;
use super::error::Refusal;
use super::members::Relation::{Members, Owners};
use super::membership::Reach;
use super::state::Tenant;
use super::{audit, delta, directory, groups, members, membership, privileged, service_principals, users};

/// The collections that membership is asked of.
macro_rules! OBJECTS {
    () => {
        "groups" | "users" | "servicePrincipals" | "directoryObjects"
    };
}

/// Whether the call leaves the tenant as it is.
pub(super) fn is_read(call: &Call<'_>) -> bool {
    call.method == Method::GET
        || matches!(
            call.route().as_slice(),
            ["directoryObjects", "getByIds"]
                | [OBJECTS!(), _, "checkMemberGroups" | "getMemberGroups" | "getMemberObjects"]
        )
}

/// A call that leaves the tenant as it is.
pub(super) fn read(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    if call.version == "beta" {
        check_beta(call)?;
    }
    match (call.method.as_str(), call.route().as_slice()) {
        (
            "GET",
            ["groups", "delta" | "microsoft.graph.delta"] | ["groups", "delta" | "microsoft.graph.delta", "()"],
        ) => delta::answer(tenant, call, None),
        ("GET", ["groups", "$count"]) => groups::count(tenant, call),
        ("GET", ["users", "$count"]) => users::count(tenant, call),
        ("GET", ["servicePrincipals", "$count"]) => service_principals::count(tenant, call),
        // Functions of a collection, not objects in it.
        (_, [_, "delta" | "$count", ..]) => Err(not_modelled(call)),
        ("GET", ["groups"]) => groups::list(tenant, call),
        ("GET", ["groups", key]) => groups::get(tenant, call, key),
        ("GET", [collection @ OBJECTS!(), key, list]) if let Some(reach) = reach(collection, list) => {
            membership::list(tenant, call, (collection, key), reach, None)
        }
        ("GET", [collection @ OBJECTS!(), key, list, "$count"]) if let Some(reach) = reach(collection, list) => {
            membership::count(tenant, call, (collection, key), reach)
        }
        ("GET", [collection @ OBJECTS!(), key, list, cast]) if let Some(reach) = reach(collection, list) => {
            membership::list(tenant, call, (collection, key), reach, Some(cast))
        }
        ("POST", [collection @ OBJECTS!(), key, "checkMemberGroups"]) => {
            membership::check(tenant, call, (collection, key))
        }
        ("POST", [collection @ OBJECTS!(), key, "getMemberGroups" | "getMemberObjects"]) => {
            membership::get(tenant, call, (collection, key))
        }
        ("GET", ["users"]) => users::list(tenant, call),
        ("GET", ["users", key]) => users::get(tenant, call, key),
        ("GET", ["servicePrincipals"]) => service_principals::list(tenant, call),
        ("GET", ["servicePrincipals", key]) => service_principals::get(tenant, call, key),
        ("GET", ["organization"]) => directory::organization(tenant, call),
        ("GET", ["me"]) => Err(directory::me()),
        ("GET", ["directoryObjects", id]) => directory::object(tenant, call, id),
        ("POST", ["directoryObjects", "getByIds"]) => directory::by_ids(tenant, call),
        ("GET", ["directory", "deletedItems", "microsoft.graph.group" | "graph.group"]) => {
            directory::list_deleted_groups(tenant, call)
        }
        ("GET", ["directory", "deletedItems", id]) => directory::get_deleted(tenant, call, id),
        ("GET", ["identityGovernance", "privilegedAccess", "group", "assignmentScheduleInstances"]) => {
            privileged::assignment_instances(tenant, call)
        }
        ("GET", ["auditLogs", "directoryAudits"]) => audit::list(tenant, call),
        _ => Err(not_modelled(call)),
    }
}

/// The list that a segment names, for objects of the collection.
fn reach(collection: &str, list: &str) -> Option<Reach> {
    match (collection, list) {
        ("groups", "members") => Some(Reach::Direct(Members)),
        ("groups", "owners") => Some(Reach::Direct(Owners)),
        ("groups", "transitiveMembers") => Some(Reach::TransitiveMembers),
        (_, "memberOf") => Some(Reach::MemberOf),
        (_, "transitiveMemberOf") => Some(Reach::TransitiveMemberOf),
        _ => None,
    }
}

/// `/beta` says of users what nobody asked for, so without `$select` it is not like v1.0.
fn check_beta(call: &Call<'_>) -> Result<(), Refusal> {
    let shows_users = matches!(
        call.route().as_slice(),
        ["users" | "directoryObjects", ..] | ["groups", _, "members" | "owners" | "transitiveMembers", ..]
    );
    let says_ids_only = call
        .route()
        .last()
        .is_some_and(|last| matches!(*last, "checkMemberGroups" | "getMemberGroups" | "getMemberObjects" | "$count"));
    if shows_users && !says_ids_only && call.query.select.is_none() {
        return Err(Refusal::not_modelled("which properties of a user /beta shows without $select"));
    }
    Ok(())
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
