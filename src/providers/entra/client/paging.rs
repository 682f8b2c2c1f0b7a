//! Lists, read whole or not at all: <https://learn.microsoft.com/graph/paging>.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::Path;
use super::batch::Reply;
use super::error::{Meaning, Problem};
use crate::providers::http::without_value;
use crate::state::{Failure, FailureKind};

/// How often a list is begun anew because the link to its next page was too old.
const RESTARTS: u32 = 2;
/// More pages than this are no list: the largest groups fill about a thousand pages.
const MOST_PAGES: usize = 20_000;
/// Graph may give empty pages before the next full one, but not without end.
const MOST_EMPTY_PAGES: usize = 1_000;
/// From the first page of a list to its last, with all waiting.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// One list while it is read, with what is kept of the things in it.
pub(super) struct Reading<K> {
    first: Path,
    items: Vec<K>,
    ids: BTreeSet<String>,
    links: BTreeSet<String>,
    pages: usize,
    /// Empty pages since the last one that was not.
    empty_pages: usize,
    restarts: u32,
    /// When its first page came: a list that waits for its turn is not late.
    begun: Option<Instant>,
    end: End,
}

/// What has become of a list.
enum End {
    /// Its last page was not read.
    Open,
    Whole,
    Failed(Problem),
}

impl<K> Reading<K> {
    pub(super) fn new(first: &Path) -> Self {
        Self {
            first: first.clone(),
            items: Vec::new(),
            ids: BTreeSet::new(),
            links: BTreeSet::new(),
            pages: 0,
            empty_pages: 0,
            restarts: 0,
            begun: None,
            end: End::Open,
        }
    }

    /// Its first page.
    pub(super) fn first(&self) -> &Path {
        &self.first
    }

    /// Takes in a page, and gives what to read next.
    pub(super) fn absorb<T: DeserializeOwned>(
        &mut self,
        base: &str,
        reply: Reply,
        keep: &mut impl FnMut(T) -> K,
    ) -> Option<Path> {
        let page = match reply {
            Ok(success) => success.body,
            Err(problem) if problem.meaning() == Some(Meaning::ExpiredPage) && self.restarts < RESTARTS => {
                // What was read so far belongs to a state of the list that is gone.
                let (restarts, begun) = (self.restarts + 1, self.begun);
                *self = Self { restarts, begun, ..Self::new(&self.first) };
                return Some(self.first.clone());
            }
            Err(problem) => {
                self.end = End::Failed(problem);
                return None;
            }
        };
        self.end = match self.add(base, page, keep) {
            Ok(Some(next)) => return Some(next),
            Ok(None) => End::Whole,
            Err(failure) => End::Failed(Problem::Failed(failure)),
        };
        // Many lists wait for others to come to their end.
        (self.ids, self.links) = (BTreeSet::new(), BTreeSet::new());
        self.items.shrink_to_fit();
        None
    }

    fn add<T: DeserializeOwned>(
        &mut self,
        base: &str,
        mut page: Value,
        keep: &mut impl FnMut(T) -> K,
    ) -> std::result::Result<Option<Path>, Failure> {
        let Some(Value::Array(items)) = page.get_mut("value").map(Value::take) else {
            return Err(bad("Graph's answer to a list holds no list"));
        };
        let (before, page_is_empty) = (self.ids.len(), items.is_empty());
        for item in items {
            let id = item["id"].as_str().ok_or_else(|| bad("Graph lists something without an id"))?;
            // An object that moves between pages while they are read may come twice.
            if self.ids.insert(id.to_owned()) {
                let item = serde_json::from_value(item).map_err(|error| {
                    bad(&format!("Graph lists something that cannot be read ({})", without_value(&error)))
                })?;
                self.items.push(keep(item));
            }
        }
        if !page_is_empty && self.ids.len() == before {
            return Err(bad("Graph gave the same page again"));
        }
        let Some(relative) = next_link(&page, base)? else { return Ok(None) };
        if !self.links.insert(relative.to_owned()) {
            return Err(bad("Graph's links to next pages lead in a circle"));
        }
        self.pages += 1;
        self.empty_pages = if page_is_empty { self.empty_pages + 1 } else { 0 };
        if self.pages >= MOST_PAGES {
            return Err(bad(&format!("Graph's list has more than {MOST_PAGES} pages")));
        }
        if self.empty_pages >= MOST_EMPTY_PAGES {
            return Err(bad(&format!("Graph gave {MOST_EMPTY_PAGES} empty pages in a row, and a link to another")));
        }
        if self.begun.get_or_insert_with(Instant::now).elapsed() > DEADLINE {
            return Err(bad(&format!("Graph's list was not read to its end in {} minutes", DEADLINE.as_secs() / 60)));
        }
        Ok(Some(Path::next_page(relative.to_owned(), self.first.eventual)))
    }

    /// All that is in the list. One that was not read to its end has no things, not few of them: it is an error.
    pub(super) fn finish(self) -> std::result::Result<Vec<K>, Problem> {
        match self.end {
            End::Whole => Ok(self.items),
            End::Failed(problem) => Err(problem),
            End::Open => Err(unread()),
        }
    }
}

fn bad(what: &str) -> Failure {
    Failure::new(FailureKind::BadAnswer, format!("{what}; a list is used whole or not at all"))
}

/// Where a page says that the next one is, below `base`.
pub(super) fn next_link<'p>(page: &'p Value, base: &str) -> std::result::Result<Option<&'p str>, Failure> {
    let link = match &page["@odata.nextLink"] {
        Value::Null => return Ok(None),
        Value::String(link) => link,
        _ => return Err(bad("Graph's link to the next page is no text")),
    };
    // The bearer goes only where the connection says. With the slash nothing can be put behind the host's name.
    let relative = link.strip_prefix(base).filter(|rest| rest.starts_with('/')).ok_or_else(|| {
        let place =
            url::Url::parse(link).map_or_else(|_| "no URL".to_owned(), |url| url.origin().ascii_serialization());
        Failure::new(FailureKind::Refused, format!("the link to a next page leads to {place} and not below {base}"))
            .with_next("check the address of the connection; a token is never sent anywhere else")
    })?;
    Ok(Some(relative))
}

/// What was to be read was not: a fault of ours, which must never look like an empty answer.
pub(super) fn unread() -> Problem {
    let what = "something was to be read from Graph and was not";
    Problem::Failed(Failure::new(FailureKind::BadAnswer, what).with_next("report this as a bug of rolecall"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::batch::Success;
    use super::*;

    const BASE: &str = "https://graph.microsoft.com/v1.0";

    fn page(nth: usize, is_empty: bool) -> Value {
        let items = if is_empty { json!([]) } else { json!([{ "id": nth.to_string() }]) };
        json!({ "value": items, "@odata.nextLink": format!("{BASE}/groups?$skiptoken={nth}") })
    }

    /// How many pages are read of a list without end, and why it is given up.
    fn read_on(is_empty: impl Fn(usize) -> bool) -> (usize, String) {
        let mut list = Reading::<Value>::new(&Path::of("/groups"));
        let mut nth = 0;
        loop {
            nth += 1;
            if let Err(failure) = list.add(BASE, page(nth, is_empty(nth)), &mut |item: Value| item) {
                assert_eq!(failure.kind, FailureKind::BadAnswer);
                return (nth, failure.what);
            }
        }
    }

    #[test]
    fn a_list_that_was_not_read_to_its_end_is_no_empty_one() {
        let reply = |body| Ok(Success { status: 200, body });
        let mut list = Reading::<Value>::new(&Path::of("/groups"));
        assert!(list.absorb(BASE, reply(page(1, false)), &mut |item: Value| item).is_some());
        assert!(list.finish().is_err());
        assert!(Reading::<Value>::new(&Path::of("/groups")).finish().is_err());
        let mut list = Reading::<Value>::new(&Path::of("/groups"));
        assert!(list.absorb(BASE, reply(json!({ "value": [] })), &mut |item: Value| item).is_none());
        assert!(list.finish().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_list_without_end_is_given_up() {
        let (pages, why) = read_on(|_| false);
        assert_eq!((pages, why.contains("more than 20000 pages")), (MOST_PAGES, true), "{why}");
        let (pages, why) = read_on(|nth| nth > 5);
        assert_eq!((pages, why.contains("1000 empty pages in a row")), (MOST_EMPTY_PAGES + 5, true), "{why}");
        // A page with something in it now and then is no end of the list.
        assert_eq!(read_on(|nth| nth % 900 != 0).0, MOST_PAGES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_takes_too_long_is_given_up() {
        let mut list = Reading::<Value>::new(&Path::of("/groups"));
        let mut add = |page| list.add(BASE, page, &mut |item: Value| item);
        assert!(add(page(1, false)).is_ok());
        tokio::time::advance(DEADLINE).await;
        assert!(add(page(2, false)).is_ok());
        tokio::time::advance(Duration::from_millis(1)).await;
        let failure = add(page(3, false)).unwrap_err();
        assert_eq!((failure.kind, failure.what.contains("in 30 minutes")), (FailureKind::BadAnswer, true));
        // The last page ends the list, however late it is.
        assert!(add(json!({ "value": [{ "id": "last" }] })).unwrap().is_none());
    }
}
