//! Lists: selectors, and pages that all show the revision of the first one.

use std::collections::BTreeMap;
use std::ops::Bound;

use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::kind::Kind;
use super::object::whole;
use super::request::{Query, Request};
use super::selector::{FieldSelector, LabelSelector};
use super::state::{ClusterState, key};
use super::status::{Cause, Failure};

/// What a continue token holds (k8s.io/apiserver pkg/storage/continue.go). Clients must not look into it.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    v: String,
    /// The revision of the first page; -1 to go on at the present one.
    rv: i64,
    /// The key after which the page starts, behind a slash and before a zero byte.
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

/// The 410 message of the storage layer.
const EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a \
     new list without the continue parameter, or use the continue token in this response to retrieve the remainder of \
     the results. Continuing with the provided token results in an inconsistent list - objects that were created, \
     modified, or deleted between the time the first chunk was returned and now may show up in the list.";

impl Token {
    fn encode(revision: Option<u64>, after: &str) -> String {
        let rv = revision.map_or(-1, |revision| i64::try_from(revision).unwrap_or(i64::MAX));
        // The real token to go on with after an expired one has no slash.
        let slash = if revision.is_some() { "/" } else { "" };
        let token = json!({ "v": TOKEN_VERSION, "rv": rv, "start": format!("{slash}{after}\0") });
        URL_SAFE_NO_PAD.encode(token.to_string())
    }

    /// The revision, if one is asked for, and the key to start after.
    fn decode(token: &str) -> Result<(Option<u64>, String), Failure> {
        let wrong =
            |why: String| Failure::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|error| wrong(error.to_string()))?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if token.v != TOKEN_VERSION || token.rv == 0 {
            return Err(wrong(format!("incorrect encoded start resourceVersion or version {:?}", token.v)));
        }
        let start = token.start.strip_prefix('/').unwrap_or(&token.start);
        let start = start.strip_suffix('\0').unwrap_or(start);
        Ok((u64::try_from(token.rv).ok(), start.to_owned()))
    }
}

/// GET of a collection.
pub(super) fn list(state: &ClusterState, kind: Kind, request: &Request) -> Result<Value, Failure> {
    let query = &request.query;
    let labels = LabelSelector::parse(query.get("labelSelector"))?;
    let fields = FieldSelector::parse(query.get("fieldSelector"), kind)?;
    let limit = match query.get("limit") {
        // Of any version: the real server's cache answers, and gives all.
        _ if query.get("resourceVersion") == "0" && query.get("resourceVersionMatch") != "Exact" => None,
        "" => None,
        limit => {
            let wrong = |_| Failure::bad_request(format!("strconv.ParseInt: parsing {limit:?}: invalid syntax"));
            limit.parse::<i64>().map_err(wrong)?.try_into().ok().filter(|limit: &usize| *limit > 0)
        }
    };
    let (revision, after, objects) = snapshot(state, kind, query)?;

    let within = if request.namespace.is_empty() { String::new() } else { key(kind, &request.namespace, "") };
    let fits = |object: &Value| labels.matches(object) && fields.matches(object);
    let behind = match &after {
        Some(after) => Bound::Excluded(after.as_str()),
        None => Bound::Unbounded,
    };
    let left = objects.range::<str, _>((behind, Bound::Unbounded));
    let mut left = left.filter(|(key, _)| key.starts_with(&within)).peekable();

    let is_custom = matches!(kind, Kind::Custom(_));
    let mut items = Vec::new();
    let mut last = "";
    while let Some((key, object)) = left.next_if(|_| limit.is_none_or(|limit| items.len() < limit)) {
        if !fits(object) {
            continue;
        }
        last = key;
        // Custom objects have no Go type that would leave out what the list says already.
        items.push(if is_custom { whole(kind, object) } else { (*object).clone() });
    }
    let mut metadata = json!({ "resourceVersion": revision.to_string() });
    if is_custom {
        metadata["continue"] = "".into();
    }
    // A full page goes on while there is any object left, whether a selector fits or not.
    let remaining = left.count();
    if remaining > 0 {
        metadata["continue"] = Token::encode(Some(revision), last).into();
        // With a selector the real server does not know how many are left.
        if labels.is_empty() && fields.is_empty() {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    Ok(json!({
        "kind": kind.list_name(), "apiVersion": kind.api_version(), "metadata": metadata, "items": items,
    }))
}

type Snapshot<'a> = (u64, Option<String>, BTreeMap<&'a str, &'a Value>);

/// The revision to show, the key to start after, and the objects at that revision.
fn snapshot<'a>(state: &'a ClusterState, kind: Kind, query: &Query) -> Result<Snapshot<'a>, Failure> {
    let current = state.revision();
    let unknown = || Failure::internal("the current revision is unknown");
    let token = query.get("continue");
    let page = if token.is_empty() { None } else { Some(Token::decode(token)?) };
    let wanted = wanted_revision(query)?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted > current) {
        return Err(Failure::too_large_resource_version(wanted, current));
    }
    let Some((revision, after)) = page else {
        if query.get("resourceVersionMatch") == "Exact" && wanted != Some(current) {
            return Err(Failure::not_modelled("resourceVersionMatch=Exact of an earlier revision"));
        }
        return Ok((current, None, state.at(kind, current).ok_or_else(unknown)?));
    };
    if wanted.is_some_and(|wanted| wanted > 0) {
        return Err(Failure::bad_request("specifying resource version is not allowed when using continue"));
    }
    let revision = revision.unwrap_or(current);
    if revision > current {
        return Err(Failure::too_large_resource_version(revision, current));
    }
    match state.at(kind, revision) {
        Some(objects) => Ok((revision, Some(after), objects)),
        None => Err(Failure::expired(EXPIRED, Token::encode(None, &after))),
    }
}

fn wanted_revision(query: &Query) -> Result<Option<u64>, Failure> {
    let version = query.get("resourceVersion");
    if version.is_empty() {
        if query.get("resourceVersionMatch").is_empty() {
            return Ok(None);
        }
        let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
        return Err(Failure::invalid(
            "meta.k8s.io",
            "ListOptions",
            "",
            vec![Cause::forbidden("resourceVersionMatch", why)],
        ));
    }
    version.parse().map(Some).map_err(|_| {
        let why = format!("strconv.ParseUint: parsing {version:?}: invalid syntax");
        Failure::bad_request(format!("invalid resource version: resourceVersion: Invalid value: {version:?}: {why}"))
    })
}

/// The reply to a continue token that etcd's compaction has overtaken; `None` for one that is no token.
pub(crate) fn expired_page(token: &str) -> Option<Response> {
    let token = percent_encoding::percent_decode_str(token).decode_utf8().ok()?;
    let (_, after) = Token::decode(&token).ok()?;
    Some(Failure::expired(EXPIRED, Token::encode(None, &after)).into_response())
}
