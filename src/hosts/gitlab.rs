//! Notes on merge requests and issues of GitLab.

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::HeaderName;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use super::client::{Client, Connection, MOST_PAGES, Problem, Refusal, Repeat};
use super::fit::Open;
use super::{Added, Changed, Draft, Entry, Host, HostName, Limit, On, Project, Surroundings};
use crate::state::{Failure, FailureKind, Result};

/// The label by which issues of ours are listed. Proof of nothing: who wrote them and the marker are.
const LABEL: &str = "rolecall-drift";

/// How many entries of a list are asked for at once; also the most that GitLab gives.
const PAGE: usize = 100;

/// GitLab, one project.
#[derive(Debug)]
pub(super) struct GitLab {
    client: Client,
    id: String,
    page: Option<Url>,
    /// As whom our token acts.
    user: OnceCell<u64>,
}

impl GitLab {
    pub(super) fn new(surroundings: &Surroundings, connection: &Connection) -> Result<Self> {
        let Project::GitLab { id, page } = &surroundings.project else {
            return Err(Failure::new(FailureKind::Invalid, "this is no project of GitLab's"));
        };
        let token = &surroundings.token;
        let header = (HeaderName::from_static("private-token"), token.expose_secret().to_owned());
        let headers = [("accept", "application/json")];
        let client = Client::new(HostName::GitLab, &surroundings.api, token, header, &headers, connection)?;
        Ok(Self { client, id: id.clone(), page: page.clone(), user: OnceCell::new() })
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url> {
        self.client.url(&[&["projects", self.id.as_str()], path].concat(), query)
    }

    /// As whom our token acts: a project access token has a user of its own.
    async fn user(&self) -> Result<u64> {
        let ask = async || {
            let doing = "cannot find out as whom the token acts";
            let sent = self.client.get(self.client.url(&["user"], &[])?).await;
            let reply = sent.map_err(|problem| self.failure(problem, doing, None))?;
            reply.body["id"].as_u64().ok_or_else(|| self.client.unreadable("it does not say as whom the token acts"))
        };
        self.user.get_or_try_init(ask).await.copied()
    }

    /// All of a list. Pages are asked for by number: addresses in answers follow how GitLab believes to be called, which
    /// behind a proxy is not how we call it.
    async fn list(&self, path: &[&str], query: &[(&str, &str)], doing: &str, on: On) -> Result<Vec<Value>> {
        let (mut page, mut all) = (1_usize, Vec::new());
        for _ in 0..MOST_PAGES {
            let (number, size) = (page.to_string(), PAGE.to_string());
            let query = [query, &[("per_page", size.as_str()), ("page", number.as_str())]].concat();
            let sent = self.client.get(self.url(path, &query)?).await;
            let reply = sent.map_err(|problem| self.failure(problem, doing, Some(on)))?;
            let Value::Array(entries) = reply.body else { return Err(self.client.unreadable("a list is none")) };
            let is_full = entries.len() >= PAGE;
            all.extend(entries);
            let next = reply.headers.get("x-next-page").and_then(|value| value.to_str().ok());
            page = match next.map(str::trim) {
                Some("") => return Ok(all),
                Some(next) => next
                    .parse()
                    .ok()
                    .filter(|next| *next > page)
                    .ok_or_else(|| self.client.unreadable("a list goes on at no number"))?,
                // A proxy may keep headers to itself.
                None if is_full => page + 1,
                None => return Ok(all),
            };
        }
        Err(self.client.unreadable("a list has no end"))
    }

    fn entry(&self, item: &Value, on: On) -> Result<Entry> {
        let lacks = |what: &str| self.client.unreadable(&format!("an entry has no {what}"));
        let page = self.page.as_ref().map(|page| page.as_str().trim_end_matches('/'));
        let (id, title, is_open, address) = match on {
            On::PullRequest(number) => {
                let id = item["id"].as_u64().ok_or_else(|| lacks("id"))?;
                let address = page.map(|page| format!("{page}/-/merge_requests/{number}#note_{id}"));
                (id, "", true, address)
            }
            On::Issues => {
                let number = item["iid"].as_u64().ok_or_else(|| lacks("number"))?;
                let title = item["title"].as_str().ok_or_else(|| lacks("title"))?;
                let is_open = match item["state"].as_str() {
                    Some("opened") => true,
                    Some("closed") => false,
                    _ => return Err(lacks("state")),
                };
                (number, title, is_open, page.map(|page| format!("{page}/-/issues/{number}")))
            }
        };
        let text = match (on, &item["body"], &item["description"]) {
            (On::PullRequest(_), Value::String(text), _) | (On::Issues, _, Value::String(text)) => text.clone(),
            // An issue may have no text at all.
            (On::Issues, _, Value::Null) => String::new(),
            _ => return Err(lacks("text")),
        };
        Ok(Entry { id: id.to_string(), text, title: title.to_owned(), is_open, address })
    }

    fn failure(&self, problem: Problem, doing: &str, on: Option<On>) -> Failure {
        match problem {
            Problem::Refused(refusal) => self.refused(&refusal, doing, on),
            Problem::Unknown(failure) | Problem::Failed(failure) => failure,
        }
    }

    fn refused(&self, refusal: &Refusal, doing: &str, on: Option<On>) -> Failure {
        let Refusal { status, words } = refusal;
        let failure = |kind| Failure::new(kind, format!("{doing}: GitLab answered {status}: {words}"));
        match status {
            401 => failure(FailureKind::Unauthenticated)
                .with_next("GITLAB_TOKEN is not valid, or not any more: make a new project access token with the scope `api`"),
            403 if words.contains("insufficient_scope") => failure(FailureKind::Forbidden)
                .with_next("the token in GITLAB_TOKEN needs the scope `api`; `read_api` is not enough to write"),
            403 => failure(FailureKind::Forbidden).with_next(
                "the token in GITLAB_TOKEN needs the scope `api` and the role Reporter, or Developer where the discussion is \
                 locked or Reporters may not comment",
            ),
            404 => {
                let what = match on {
                    Some(On::PullRequest(number)) => HostName::GitLab.pull_request(number),
                    Some(On::Issues) => "its list of issues (which can be turned off)".to_owned(),
                    None => "it".to_owned(),
                };
                failure(FailureKind::NotFound).with_next(format!(
                    "see that {what} is there in project {}, and that the token in GITLAB_TOKEN is of that project",
                    self.id
                ))
            }
            _ => failure(FailureKind::Invalid).with_next("GitLab does not take it like this: see what it says"),
        }
    }
}

/// The text without what GitLab would carry out: a line that begins with `/close` is an order there, wherever it comes from.
fn without_orders(text: &str) -> String {
    let mut open = Open::default();
    let mut plain = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let was_code = open.is_code();
        open.line(line);
        let start = line.len() - line.trim_start().len();
        let (indent, rest) = line.split_at(start);
        match rest.strip_prefix('/') {
            Some(order) if !was_code && order.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                plain.push_str(indent);
                plain.push_str("&#47;");
                plain.push_str(order);
            }
            _ => plain.push_str(line),
        }
    }
    plain
}

#[async_trait]
impl Host for GitLab {
    fn limit(&self) -> Limit {
        // A description may have some more.
        Limit::Characters(HostName::GitLab.longest_comment())
    }

    fn as_text(&self, text: &str) -> String {
        without_orders(text)
    }

    async fn head(&self, number: u64) -> Result<String> {
        let doing = format!("cannot read {}", HostName::GitLab.pull_request(number));
        let sent = self.client.get(self.url(&["merge_requests", &number.to_string()], &[])?).await;
        let reply = sent.map_err(|problem| self.failure(problem, &doing, Some(On::PullRequest(number))))?;
        self.client.commit(&reply.body["sha"])
    }

    async fn ours(&self, on: On) -> Result<Vec<Entry>> {
        let user = self.user().await?;
        let all = match on {
            On::PullRequest(number) => {
                let doing = format!("cannot read the comments of {}", HostName::GitLab.pull_request(number));
                let query = [("sort", "asc"), ("order_by", "created_at")];
                self.list(&["merge_requests", &number.to_string(), "notes"], &query, &doing, on).await?
            }
            On::Issues => {
                let author = user.to_string();
                let query = [
                    ("labels", LABEL),
                    ("state", "all"),
                    ("scope", "all"),
                    ("author_id", &author),
                    ("order_by", "created_at"),
                    ("sort", "asc"),
                ];
                self.list(&["issues"], &query, &format!("cannot read the issues of project {}", self.id), on).await?
            }
        };
        // System notes tell of what the author did, in the author's name.
        let is_ours = |item: &&Value| item["author"]["id"].as_u64() == Some(user) && item["system"] != true;
        all.iter().filter(is_ours).map(|item| self.entry(item, on)).collect()
    }

    async fn add(&self, on: On, draft: Draft<'_>) -> Result<Added> {
        let (url, body, doing) = match on {
            On::PullRequest(number) => (
                self.url(&["merge_requests", &number.to_string(), "notes"], &[])?,
                json!({ "body": draft.text }),
                format!("cannot comment on {}", HostName::GitLab.pull_request(number)),
            ),
            On::Issues => (
                self.url(&["issues"], &[])?,
                json!({ "title": draft.title, "description": draft.text, "labels": LABEL }),
                "cannot open an issue".to_owned(),
            ),
        };
        let reply = match self.client.send(Method::POST, url, Some(&body), Repeat::Doubles).await {
            Ok(reply) => reply,
            Err(Problem::Unknown(failure)) => return Ok(Added::Unknown(failure)),
            Err(problem) => return Err(self.failure(problem, &doing, Some(on))),
        };
        let made = self.entry(&reply.body, on)?;
        let labels = reply.body["labels"].as_array();
        if on == On::Issues && !labels.is_some_and(|all| all.iter().any(|label| label == LABEL)) {
            // Dropped in silence for whoever may not set labels. The next run would open another, so this one is not left open.
            let closed = self.change(on, &made, Draft { is_open: false, ..draft }).await;
            let but = if closed.is_ok() { "it was closed again" } else { "close it by hand" };
            return Err(Failure::new(
                FailureKind::Forbidden,
                format!("issue #{} did not get the label {LABEL}, by which it would be found again; {but}", made.id),
            )
            .with_next("give the token the role Reporter, which may set labels"));
        }
        Ok(Added::Done(made))
    }

    async fn change(&self, on: On, entry: &Entry, draft: Draft<'_>) -> Result<Changed> {
        let (url, body, doing) = match on {
            On::PullRequest(number) => (
                self.url(&["merge_requests", &number.to_string(), "notes", &entry.id], &[])?,
                json!({ "body": draft.text }),
                format!("cannot edit our comment on {}", HostName::GitLab.pull_request(number)),
            ),
            On::Issues => {
                let mut body = json!({ "title": draft.title, "description": draft.text });
                if draft.is_open != entry.is_open {
                    body["state_event"] = json!(if draft.is_open { "reopen" } else { "close" });
                }
                (self.url(&["issues", &entry.id], &[])?, body, format!("cannot change issue #{}", entry.id))
            }
        };
        match self.client.send(Method::PUT, url, Some(&body), Repeat::Harmless).await {
            Ok(_) => Ok(Changed::Done),
            Err(Problem::Refused(Refusal { status: 404, .. })) => Ok(Changed::Gone),
            Err(problem) => Err(self.failure(problem, &doing, Some(on))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_an_order() {
        let text =
            "/close\n  /approve now\n/ path\n//x\na /merge\n/1\n```diff\n/etc\n```\n/merge\r\n<details>\n/spend 1h";
        assert_eq!(
            without_orders(text),
            "&#47;close\n  &#47;approve now\n/ path\n//x\na /merge\n/1\n```diff\n/etc\n```\n&#47;merge\r\n<details>\n&#47;spend 1h"
        );
    }
}
