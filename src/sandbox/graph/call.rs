//! One request, or one item of a batch, taken apart.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::error::Refusal;
use super::permission::Caller;
use super::query::Query;
use super::respond::RequestIds;

/// A request to Graph.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// The path below the version, decoded. `groups(uniqueName='x')` is two segments: `groups` and `(uniqueName='x')`.
    pub(super) segments: Vec<String>,
    /// The same path as it was sent.
    pub(super) path: String,
    pub(super) query: Query,
    pub(super) caller: &'a Caller,
    pub(super) ids: &'a RequestIds,
    /// Scheme and authority under which the client reached us; links in replies start with it (entra.md §1.2).
    pub(super) origin: &'a str,
    /// Whether the client sent `ConsistencyLevel: eventual`.
    pub(super) eventual: bool,
    /// The `Prefer` header.
    pub(super) prefer: Option<String>,
    pub(super) body: Body,
    /// How long a page token lives.
    pub(super) page_life: Duration,
    /// The time that this tenant takes it to be.
    pub(super) now: Timestamp,
    /// `v1.0` or `beta`.
    pub(super) version: &'static str,
    /// Whether a list is to show an empty page first.
    pub(super) empty_page: bool,
}

/// What came as the body.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Nothing,
    Json(Value),
    /// No JSON, or no `Content-Type: application/json`.
    Unreadable,
}

impl Body {
    pub(super) fn parse(bytes: &[u8], content_type: Option<&str>) -> Self {
        if bytes.is_empty() {
            return Self::Nothing;
        }
        if !content_type.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("application/json")) {
            return Self::Unreadable;
        }
        serde_json::from_slice(bytes).map_or(Self::Unreadable, Self::Json)
    }
}

impl Call<'_> {
    /// The segments, for matching.
    pub(super) fn route(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// Version, path and query, as a client would see them in a log.
    pub(super) fn url(&self) -> String {
        let path = self.path.trim_start_matches('/');
        let (mark, query) = if self.query.raw.is_empty() { ("", "") } else { ("?", self.query.raw.as_str()) };
        format!("/{}/{path}{mark}{query}", self.version)
    }

    /// The same call, which meets an empty page.
    pub(super) fn with_empty_page(&self) -> Self {
        Self { empty_page: true, ..self.clone() }
    }

    /// The body as an object.
    pub(super) fn object(&self) -> Result<&Map<String, Value>, Refusal> {
        match &self.body {
            Body::Json(Value::Object(object)) => Ok(object),
            Body::Nothing | Body::Json(_) | Body::Unreadable => Err(unreadable()),
        }
    }

    /// Whether the client asked for creation where nothing is.
    pub(super) fn creates_if_missing(&self) -> bool {
        self.prefer.as_deref().is_some_and(|prefer| {
            prefer.split([',', ';']).any(|part| part.trim().eq_ignore_ascii_case("create-if-missing"))
        })
    }

    /// Now, as Graph writes times.
    pub(super) fn time(&self) -> String {
        self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// `@odata.context` of a reply.
    pub(super) fn context(&self, of: &str) -> String {
        format!("{}/{}/$metadata#{of}", self.origin, self.version)
    }
}

pub(super) fn unreadable() -> Refusal {
    Refusal::malformed(
        "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
    )
}

/// Takes a path below the version apart.
pub(super) fn segments(path: &str) -> Result<Vec<String>, Refusal> {
    let mut segments = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let decoded = percent_decode_str(part)
            .decode_utf8()
            .map_err(|_| Refusal::malformed("The path holds bytes that are not UTF-8."))?;
        match decoded.find('(') {
            Some(open) if open > 0 && decoded.ends_with(')') => {
                let (name, key) = decoded.split_at(open);
                segments.extend([name.to_owned(), key.to_owned()]);
            }
            _ => segments.push(decoded.into_owned()),
        }
    }
    Ok(segments)
}

/// The value in `(name='value')`, or in `('value')` for an empty name; quotes inside are written twice.
pub(super) fn alternate_key(segment: &str, name: &str) -> Option<String> {
    let inside = segment.strip_prefix('(')?.strip_suffix(')')?;
    let literal = if name.is_empty() { inside } else { inside.strip_prefix(name)?.strip_prefix('=')? };
    let literal = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    let value = literal.replace("''", "\0");
    if value.contains('\'') { None } else { Some(value.replace('\0', "'")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_and_decoded() {
        assert_eq!(segments("/groups/a%20b/members/").unwrap(), ["groups", "a b", "members"]);
        assert_eq!(segments("groups(uniqueName='a%2Fb')").unwrap(), ["groups", "(uniqueName='a/b')"]);
        assert_eq!(segments("groups/delta()").unwrap(), ["groups", "delta", "()"]);
        assert!(segments("groups/%ff").is_err());
    }

    #[test]
    fn alternate_keys_undo_the_doubled_quote() {
        assert_eq!(alternate_key("(uniqueName='it''s')", "uniqueName").as_deref(), Some("it's"));
        assert_eq!(alternate_key("('a@b')", "").as_deref(), Some("a@b"));
        assert_eq!(alternate_key("(uniqueName='it's')", "uniqueName"), None);
        assert_eq!(alternate_key("(displayName='x')", "uniqueName"), None);
    }
}
