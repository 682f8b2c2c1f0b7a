//! Lists: filter, page, project (entra.md §1.2, §1.3).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::error::Refusal;
use super::filter::{Filter, Operator};
use super::object::{Object, Type, View};
use super::query::Extra;
use super::state::Tenant;
use super::token;
use crate::state::ObjectId;

/// A collection of directory objects.
pub(super) struct Collection {
    /// What `@odata.context` calls it.
    pub(super) context: &'static str,
    /// The types of its items; several make each item say its own.
    pub(super) types: &'static [Type],
    /// Whether it is reached by a cast, which together with any option makes a query advanced.
    pub(super) cast: bool,
    /// The properties that may stand in a filter, and with which operators.
    pub(super) filterable: &'static [(&'static str, &'static [Operator])],
}

/// Where a next page starts. The client carries it sealed.
#[derive(Serialize, Deserialize)]
struct SkipToken {
    /// The path it belongs to.
    path: String,
    /// The last object that was shown, none at the very start.
    after: Option<ObjectId>,
    expires: i64,
    /// How many pages in a row held nothing.
    empty: u32,
}

/// The page of `objects` that the call asks for. They must come in the order of their ids.
pub(super) fn list<'t>(
    tenant: &Tenant,
    call: &Call<'_>,
    collection: &Collection,
    objects: impl Iterator<Item = Object<'t>>,
) -> Result<Answer, Refusal> {
    filtered(tenant, call, collection, |_| objects)
}

/// The same where `objects` takes the filter to make its choice smaller; every object is still held against it.
pub(super) fn filtered<'t, I: Iterator<Item = Object<'t>>>(
    tenant: &Tenant,
    call: &Call<'_>,
    collection: &Collection,
    objects: impl FnOnce(Option<&Filter>) -> I,
) -> Result<Answer, Refusal> {
    let query = &call.query;
    let filter = query.filter.as_deref().map(Filter::parse).transpose()?;
    let optioned = query.select.is_some() || filter.is_some() || query.top.is_some();
    gate(call, collection.cast && optioned || filter.as_ref().is_some_and(Filter::is_advanced))?;
    if let Some(filter) = &filter {
        filter.each_property(&mut |name, operator| check_filterable(collection, name, operator))?;
    }
    check_select(call, collection.types)?;
    let token = query.skip_token.as_deref().map(|sealed| unsealed(tenant, call, sealed)).transpose()?;
    let after = token.as_ref().and_then(|token| token.after);
    if call.empty_page {
        let empty = token.map_or(0, |token| token.empty) + 1;
        return Ok(Answer::ok(json!({
            "@odata.context": call.context(collection.context),
            "@odata.nextLink": next_link(tenant, call, after, empty),
            "value": [],
        }))
        .because("empty-page"));
    }

    let mut matching = objects(filter.as_ref())
        .filter(|object| filter.as_ref().is_none_or(|filter| filter.matches(&|name| object.property(name))))
        .collect::<Vec<_>>();
    let total = matching.len();
    if let Some(after) = after {
        matching.retain(|object| object.id() > after);
    }
    let rest = matching.len().saturating_sub(query.page_size());
    matching.truncate(query.page_size());

    let view = View { select: query.select.as_deref(), typed: collection.types.len() > 1 };
    let shown = matching.iter().map(|object| Value::Object(object.show(call.caller, view))).collect::<Vec<_>>();
    let mut body = json!({"@odata.context": call.context(collection.context)});
    // The count is on the first page only.
    if query.count && token.is_none() {
        body["@odata.count"] = json!(total);
    }
    if let (Some(last), 1..) = (matching.last(), rest) {
        body["@odata.nextLink"] = json!(next_link(tenant, call, Some(last.id()), 0));
    }
    body["value"] = Value::Array(shown);
    Ok(Answer::ok(body))
}

/// How many there are, as `…/$count` says it: a number and nothing else. It needs the header, and nothing besides.
pub(super) fn count(call: &Call<'_>, count: usize) -> Result<Answer, Refusal> {
    if !call.query.raw.is_empty() {
        return Err(Refusal::not_modelled("query options on $count"));
    }
    if !call.eventual {
        return Err(Refusal::malformed("$count is not currently supported."));
    }
    Ok(Answer::ok(json!(count)).with_header("Content-Type", "text/plain"))
}

/// One object.
pub(super) fn single(call: &Call<'_>, context: &str, object: Object<'_>, typed: bool) -> Result<Answer, Refusal> {
    if call.query.filter.is_some() || call.query.top.is_some() || call.query.count {
        return Err(Refusal::not_modelled("list options on a single object"));
    }
    gate(call, false)?;
    check_select(call, &[object.kind()])?;
    let mut body = json!({"@odata.context": call.context(context)});
    if let Value::Object(body) = &mut body {
        let view = View { select: call.query.select.as_deref(), typed };
        body.extend(object.show(call.caller, view));
    }
    Ok(Answer::ok(body))
}

/// Advanced queries need the header and `$count=true`, on every page again.
fn gate(call: &Call<'_>, advanced: bool) -> Result<(), Refusal> {
    let query = &call.query;
    let advanced = advanced || query.has(Extra::OrderBy);
    let header_missing = (advanced || query.has(Extra::Search) || query.count) && !call.eventual;
    if header_missing || advanced && !query.count {
        return Err(Refusal::unsupported_query(
            "Request_UnsupportedQuery: this query needs the header 'ConsistencyLevel: eventual' and '$count=true'.",
        ));
    }
    match query.present.first() {
        None => Ok(()),
        Some(Extra::OrderBy) => Err(Refusal::not_modelled("$orderby")),
        Some(Extra::Search) => Err(Refusal::not_modelled("$search")),
        Some(Extra::Expand) => Err(Refusal::not_modelled("$expand")),
    }
}

fn check_filterable(collection: &Collection, name: &str, operator: Operator) -> Result<(), Refusal> {
    let supported =
        collection.filterable.iter().any(|(known, operators)| *known == name && operators.contains(&operator));
    if supported {
        return Ok(());
    }
    Err(Refusal::unsupported_query(format!(
        "Unsupported or invalid query filter clause specified for property '{name}' of resource '{}'.",
        collection.context
    )))
}

fn check_select(call: &Call<'_>, types: &[Type]) -> Result<(), Refusal> {
    for name in call.query.select.iter().flatten() {
        if !types.iter().any(|kind| kind.has(name)) {
            let of = types.first().map_or("#", |kind| kind.odata()).trim_start_matches('#');
            return Err(Refusal::malformed(format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type '{of}'."
            )));
        }
    }
    Ok(())
}

fn next_link(tenant: &Tenant, call: &Call<'_>, after: Option<ObjectId>, empty: u32) -> String {
    let life = i64::try_from(call.page_life.as_secs()).unwrap_or(i64::MAX);
    let expires = call.now.as_second().saturating_add(life);
    let sealed = token::seal(tenant, &SkipToken { path: call.segments.join("/"), after, expires, empty });
    link(call, &sealed)
}

/// The same address with this page token, as a client follows it.
pub(super) fn link(call: &Call<'_>, sealed: &str) -> String {
    let query = call.query.without_skip_token();
    let separator = if query.is_empty() { "" } else { "&" };
    format!(
        "{}/{}/{}?{query}{separator}$skiptoken={sealed}",
        call.origin,
        call.version,
        call.path.trim_start_matches('/')
    )
}

fn unsealed(tenant: &Tenant, call: &Call<'_>, sealed: &str) -> Result<SkipToken, Refusal> {
    let token: SkipToken = token::unseal(tenant, sealed)
        .filter(|token: &SkipToken| token.path == call.segments.join("/"))
        .ok_or_else(|| Refusal::bad_request("The specified page token value is not valid for this request."))?;
    if token.expires <= call.now.as_second() {
        return Err(expired());
    }
    Ok(token)
}

/// The refusal of a page token that is too old.
pub(super) fn expired() -> Refusal {
    let message = "The specified page token value has expired and can no longer be included in your request.";
    Refusal::new(http::StatusCode::BAD_REQUEST, "Directory_ExpiredPageToken", message)
}
