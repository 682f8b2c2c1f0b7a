//! Query options (entra.md §1.2, §1.3).

use super::error::Refusal;

/// The query of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// As it was sent.
    pub(super) raw: String,
    pub(super) select: Option<Vec<String>>,
    pub(super) filter: Option<String>,
    pub(super) top: Option<usize>,
    pub(super) count: bool,
    pub(super) skip_token: Option<String>,
    pub(super) delta_token: Option<String>,
    pub(super) expand: Option<String>,
    pub(super) order_by: Option<String>,
    /// Options whose presence is all that matters here.
    pub(super) present: Vec<Extra>,
}

/// Options that are priced or gated, and not modelled beyond that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extra {
    OrderBy,
    Search,
    Expand,
}

/// The largest page of directory objects, and the one given without `$top`.
const LARGEST_PAGE: usize = 999;
const USUAL_PAGE: usize = 100;

impl Query {
    pub(super) fn parse(raw: &str) -> Result<Self, Refusal> {
        let mut query = Self { raw: raw.to_owned(), ..Self::default() };
        for (name, value) in url::form_urlencoded::parse(raw.as_bytes()) {
            match name.as_ref() {
                "$select" => query.select = Some(value.split(',').map(|name| name.trim().to_owned()).collect()),
                "$filter" => query.filter = Some(value.into_owned()),
                "$top" => {
                    let top = value.parse().ok().filter(|top| (1..=LARGEST_PAGE).contains(top));
                    query.top = Some(top.ok_or_else(|| {
                        Refusal::unsupported_query(format!(
                            "Invalid page size specified: '{value}'. Must be between 1 and {LARGEST_PAGE} inclusive."
                        ))
                    })?);
                }
                "$count" => query.count = value == "true",
                "$skiptoken" => query.skip_token = Some(value.into_owned()),
                "$deltatoken" => query.delta_token = Some(value.into_owned()),
                "$orderby" => {
                    query.present.push(Extra::OrderBy);
                    query.order_by = Some(value.into_owned());
                }
                "$search" => query.present.push(Extra::Search),
                "$expand" => {
                    query.present.push(Extra::Expand);
                    query.expand = Some(value.into_owned());
                }
                other => return Err(Refusal::not_modelled(&format!("the query option '{other}'"))),
            }
        }
        Ok(query)
    }

    pub(super) fn has(&self, extra: Extra) -> bool {
        self.present.contains(&extra)
    }

    /// How many objects a page holds.
    pub(super) fn page_size(&self) -> usize {
        self.top.unwrap_or(USUAL_PAGE)
    }

    /// The query as it was sent, without a page token.
    pub(super) fn without_skip_token(&self) -> String {
        let kept = |part: &&str| !part.starts_with("$skiptoken=") && !part.starts_with("%24skiptoken=");
        self.raw.split('&').filter(|part| !part.is_empty()).filter(kept).collect::<Vec<_>>().join("&")
    }
}
