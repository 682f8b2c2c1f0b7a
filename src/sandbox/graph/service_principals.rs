//! Service principals (entra.md §4.1).

use super::answer::Answer;
use super::call::{Call, alternate_key};
use super::error::Refusal;
use super::filter::Operator::{Any, Equal, StartsWith};
use super::object::{Object, Type};
use super::page::{self, Collection};
use super::permission::READ_SERVICE_PRINCIPALS;
use super::state::Tenant;
use crate::state::{AppId, ObjectId};

const SERVICE_PRINCIPALS: Collection = Collection {
    context: "servicePrincipals",
    types: &[Type::ServicePrincipal],
    cast: false,
    filterable: &[
        ("id", &[Equal]),
        ("appId", &[Equal]),
        ("displayName", &[Equal, StartsWith]),
        // What Azure CLI asks for.
        ("servicePrincipalNames", &[Any]),
    ],
};

pub(super) fn list(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_SERVICE_PRINCIPALS)?;
    page::list(tenant, call, &SERVICE_PRINCIPALS, tenant.service_principals.values().map(Object::ServicePrincipal))
}

/// `GET …/$count`
pub(super) fn count(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_SERVICE_PRINCIPALS)?;
    page::count(call, tenant.service_principals.len())
}

/// By object id or by `(appId='…')`. An app may always read itself.
pub(super) fn get(tenant: &Tenant, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
    let found = match alternate_key(key, "appId") {
        Some(app) => {
            let app = app.parse::<AppId>().ok();
            tenant.service_principals.values().find(|principal| Some(principal.app_id) == app)
        }
        None => key.parse::<ObjectId>().ok().and_then(|id| tenant.service_principals.get(&id)),
    };
    if found.is_none_or(|principal| principal.id != call.caller.id) {
        call.caller.require(READ_SERVICE_PRINCIPALS)?;
    }
    let principal = found.ok_or_else(|| Refusal::not_found(key))?;
    page::single(call, "servicePrincipals/$entity", Object::ServicePrincipal(principal), false)
}
