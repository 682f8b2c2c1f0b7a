//! Users (entra.md §3).

use super::answer::Answer;
use super::call::{Call, alternate_key};
use super::error::Refusal;
use super::filter::Operator::{Any, EndsWith, Equal, StartsWith};
use super::index::Wanted;
use super::object::{Object, Type};
use super::page::{self, Collection};
use super::permission::READ_USERS;
use super::state::{Tenant, User};
use crate::state::ObjectId;

const USERS: Collection = Collection {
    context: "users",
    types: &[Type::User],
    cast: false,
    filterable: &[
        ("id", &[Equal]),
        ("userPrincipalName", &[Equal, StartsWith, EndsWith]),
        ("mail", &[Equal, StartsWith, EndsWith]),
        ("displayName", &[Equal, StartsWith]),
        ("otherMails", &[Any]),
        ("userType", &[Equal]),
        ("accountEnabled", &[Equal]),
    ],
};

pub(super) fn list(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_USERS)?;
    page::filtered(tenant, call, &USERS, |filter| {
        let few = filter.and_then(|filter| filter.candidates(&|property, wanted| tenant.index.users(property, wanted)));
        let all = few.is_none().then(|| tenant.users.values());
        let few = few.into_iter().flatten().filter_map(|id| tenant.users.get(&id));
        few.chain(all.into_iter().flatten()).map(Object::User)
    })
}

/// `GET …/$count`
pub(super) fn count(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_USERS)?;
    page::count(call, tenant.users.len())
}

pub(super) fn get(tenant: &Tenant, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
    call.caller.require(READ_USERS)?;
    let user = find(tenant, key).ok_or_else(|| Refusal::not_found(key))?;
    page::single(call, "users/$entity", Object::User(user), false)
}

/// By object id, by user principal name, or by `(userPrincipalName='…')`; names compare without case.
pub(super) fn find<'t>(tenant: &'t Tenant, key: &str) -> Option<&'t User> {
    let name = alternate_key(key, "userPrincipalName").or_else(|| alternate_key(key, "")).unwrap_or(key.to_owned());
    if let Ok(id) = name.parse::<ObjectId>() {
        return tenant.users.get(&id);
    }
    let found = tenant.index.users("userPrincipalName", Wanted::Text(&name))?;
    found.first().and_then(|id| tenant.users.get(id))
}
