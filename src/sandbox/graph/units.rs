//! What a call costs in resource units (entra.md §1.6).

use http::Method;

use super::query::{Extra, Query};

/// The cost of a call, at least one unit.
pub(super) fn resource_units(method: &Method, route: &[&str], query: &Query) -> u32 {
    let base: u32 = match route {
        ["groups", _, "members", ..] if method == Method::GET => 3,
        ["groups", _, "transitiveMembers", ..] => 5,
        [_, _, "memberOf" | "transitiveMemberOf", ..] | [_, _, "getMemberGroups" | "getMemberObjects"] => 2,
        ["users"] if method == Method::GET => 2,
        ["directoryObjects", "getByIds"] => 3,
        [_, _, "checkMemberGroups"] => 4,
        _ => 1,
    };
    let less = u32::from(query.select.is_some()) + u32::from(query.top.is_some_and(|top| top < 20));
    (base + u32::from(query.has(Extra::Expand))).saturating_sub(less).max(1)
}
