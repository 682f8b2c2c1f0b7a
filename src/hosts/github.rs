//! Comments and issues of GitHub.

use std::collections::BTreeSet;

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::LINK;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use super::client::{Client, Connection, MOST_PAGES, Problem, Refusal, Repeat, bearer, next_link};
use super::{Added, Changed, Draft, Entry, Host, HostName, Limit, On, Project, Surroundings};
use crate::state::{Failure, FailureKind, Result};

/// The label by which issues of ours are listed. Proof of nothing: who wrote them and the marker are.
const LABEL: &str = "rolecall-drift";

/// How many entries of a list are asked for at once; also the most that GitHub gives.
const PAGE: usize = 100;

/// GitHub, one repository.
#[derive(Debug)]
pub(super) struct GitHub {
    client: Client,
    owner: String,
    name: String,
    page: Option<Url>,
    graphql: Url,
    is_fork: bool,
    /// As whom our token acts.
    login: OnceCell<String>,
}

impl GitHub {
    pub(super) fn new(surroundings: &Surroundings, connection: &Connection) -> Result<Self> {
        let Project::GitHub { owner, name, page } = &surroundings.project else {
            return Err(Failure::new(FailureKind::Invalid, "this is no repository of GitHub's"));
        };
        let headers = [("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")];
        let token = &surroundings.token;
        let client = Client::new(HostName::GitHub, &surroundings.api, token, bearer(token), &headers, connection)?;
        Ok(Self {
            client,
            owner: owner.clone(),
            name: name.clone(),
            page: page.clone(),
            graphql: graphql(&surroundings.api),
            is_fork: surroundings.is_fork,
            login: OnceCell::new(),
        })
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url> {
        self.client.url(&[&["repos", self.owner.as_str(), self.name.as_str()], path].concat(), query)
    }

    /// As whom our token acts: `github-actions[bot]` for the token of a job. GraphQL alone tells that to every kind of token.
    async fn login(&self) -> Result<&str> {
        let ask = async || {
            let query = json!({ "query": "query { viewer { login } }" });
            let sent = self.client.send(Method::POST, self.graphql.clone(), Some(&query), Repeat::Harmless).await;
            let reply =
                sent.map_err(|problem| self.failure(problem, "cannot find out as whom the token acts", None))?;
            let login = reply.body["data"]["viewer"]["login"].as_str().map(str::to_owned);
            login.ok_or_else(|| self.client.unreadable("it does not say as whom the token acts"))
        };
        self.login.get_or_try_init(ask).await.map(String::as_str)
    }

    /// All of a list, page by page.
    async fn list(&self, first: Url, doing: &str, on: On) -> Result<Vec<Value>> {
        let (mut url, mut all, mut seen) = (first, Vec::new(), BTreeSet::new());
        for _ in 0..MOST_PAGES {
            if !seen.insert(url.to_string()) {
                return Err(self.client.unreadable("a list goes on where it was"));
            }
            let sent = self.client.get(url.clone()).await;
            let reply = sent.map_err(|problem| self.failure(problem, doing, Some(on)))?;
            let next = next_link(&reply.headers);
            let Value::Array(page) = reply.body else { return Err(self.client.unreadable("a list is none")) };
            let is_full = page.len() >= PAGE;
            all.extend(page);
            url = match next {
                Some(next) => self.client.followed(&next)?,
                // A proxy may keep headers to itself.
                None if is_full && !reply.headers.contains_key(LINK) => following(&url),
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
                let address = page.map(|page| format!("{page}/pull/{number}#issuecomment-{id}"));
                (id, "", true, address)
            }
            On::Issues => {
                let number = item["number"].as_u64().ok_or_else(|| lacks("number"))?;
                let title = item["title"].as_str().ok_or_else(|| lacks("title"))?;
                let is_open = match item["state"].as_str() {
                    Some("open") => true,
                    Some("closed") => false,
                    _ => return Err(lacks("state")),
                };
                (number, title, is_open, page.map(|page| format!("{page}/issues/{number}")))
            }
        };
        let text = match (&item["body"], on) {
            (Value::String(text), _) => text.clone(),
            // An issue may have no text at all.
            (Value::Null, On::Issues) => String::new(),
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
        let failure = |kind| Failure::new(kind, format!("{doing}: GitHub answered {status}: {words}"));
        let right = match on {
            Some(On::Issues) => "`issues: write`",
            Some(On::PullRequest(_)) | None => "`pull-requests: write`",
        };
        match status {
            401 => failure(FailureKind::Unauthenticated)
                .with_next("GITHUB_TOKEN is not valid, or not any more: hand the job's own token to the step, `${{ github.token }}`"),
            403 if words.contains("locked") => failure(FailureKind::Forbidden)
                .with_next("unlock the conversation of the pull request, or use a token of somebody who may write to a locked one"),
            403 if self.is_fork && on != Some(On::Issues) => failure(FailureKind::Forbidden).with_next(
                "the change comes from a fork, whose jobs get a token that only reads: post from a workflow that follows this one \
                 (`on: workflow_run`) and name the pull request with --pull-request (docs/comments.md)",
            ),
            403 => failure(FailureKind::Forbidden)
                .with_next(format!("add {right} to the `permissions` of the job; a token of an app needs the same right")),
            404 => failure(FailureKind::NotFound).with_next(format!(
                "see that it is there in {}/{}, and that the token sees the repository: the job needs {right}",
                self.owner, self.name
            )),
            410 => failure(FailureKind::NotFound).with_next("turn issues on in the settings of the repository"),
            _ => failure(FailureKind::Invalid).with_next("GitHub does not take it like this: see what it says"),
        }
    }
}

/// The page behind this one, by number.
fn following(url: &Url) -> Url {
    let is_page = |(name, _): &(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| name == "page";
    let number = url.query_pairs().find(is_page).and_then(|(_, number)| number.parse::<u64>().ok()).unwrap_or(1);
    let others: Vec<(String, String)> =
        url.query_pairs().filter(|pair| !is_page(pair)).map(|(name, value)| (name.into(), value.into())).collect();
    let mut next = url.clone();
    next.query_pairs_mut().clear().extend_pairs(others).append_pair("page", &number.saturating_add(1).to_string());
    next
}

/// Where GraphQL is: beside `https://api.github.com`, and beside `/api/v3` of an enterprise's own server.
fn graphql(api: &Url) -> Url {
    let mut url = api.clone();
    let path = api.path().trim_end_matches('/');
    url.set_path(&format!("{}/graphql", path.strip_suffix("/v3").unwrap_or(path)));
    url
}

#[async_trait]
impl Host for GitHub {
    fn limit(&self) -> Limit {
        Limit::Characters(HostName::GitHub.longest_comment())
    }

    async fn head(&self, number: u64) -> Result<String> {
        let doing = format!("cannot read {}", HostName::GitHub.pull_request(number));
        let sent = self.client.get(self.url(&["pulls", &number.to_string()], &[])?).await;
        let reply = sent.map_err(|problem| self.failure(problem, &doing, Some(On::PullRequest(number))))?;
        self.client.commit(&reply.body["head"]["sha"])
    }

    async fn ours(&self, on: On) -> Result<Vec<Entry>> {
        let login = self.login().await?;
        let (url, doing) = match on {
            On::PullRequest(number) => (
                self.url(&["issues", &number.to_string(), "comments"], &[("per_page", &PAGE.to_string())])?,
                format!("cannot read the comments of {}", HostName::GitHub.pull_request(number)),
            ),
            On::Issues => (
                self.url(
                    &["issues"],
                    &[
                        ("labels", LABEL),
                        ("state", "all"),
                        ("sort", "created"),
                        ("direction", "asc"),
                        ("per_page", &PAGE.to_string()),
                    ],
                )?,
                format!("cannot read the issues of {}/{}", self.owner, self.name),
            ),
        };
        let all = self.list(url, &doing, on).await?;
        let is_ours = |item: &&Value| item["user"]["login"].as_str().is_some_and(|by| by.eq_ignore_ascii_case(login));
        // GitHub lists pull requests among issues.
        let is_issue = |item: &&Value| !item["pull_request"].is_object();
        all.iter().filter(is_ours).filter(is_issue).map(|item| self.entry(item, on)).collect()
    }

    async fn add(&self, on: On, draft: Draft<'_>) -> Result<Added> {
        let (url, body, doing) = match on {
            On::PullRequest(number) => (
                self.url(&["issues", &number.to_string(), "comments"], &[])?,
                json!({ "body": draft.text }),
                format!("cannot comment on {}", HostName::GitHub.pull_request(number)),
            ),
            On::Issues => (
                self.url(&["issues"], &[])?,
                json!({ "title": draft.title, "body": draft.text, "labels": [LABEL] }),
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
        if on == On::Issues && !labels.is_some_and(|all| all.iter().any(|label| label["name"] == LABEL)) {
            // Dropped in silence for whoever may not set labels. The next run would open another, so this one is not left open.
            let closed = self.change(on, &made, Draft { is_open: false, ..draft }).await;
            let but = if closed.is_ok() { "it was closed again" } else { "close it by hand" };
            return Err(Failure::new(
                FailureKind::Forbidden,
                format!("issue #{} did not get the label {LABEL}, by which it would be found again; {but}", made.id),
            )
            .with_next("give the token `issues: write`, or a role that may set labels"));
        }
        Ok(Added::Done(made))
    }

    async fn change(&self, on: On, entry: &Entry, draft: Draft<'_>) -> Result<Changed> {
        let (url, body, doing) = match on {
            On::PullRequest(number) => (
                self.url(&["issues", "comments", &entry.id], &[])?,
                json!({ "body": draft.text }),
                format!("cannot edit our comment on {}", HostName::GitHub.pull_request(number)),
            ),
            On::Issues => (
                self.url(&["issues", &entry.id], &[])?,
                json!({ "title": draft.title, "body": draft.text, "state": if draft.is_open { "open" } else { "closed" } }),
                format!("cannot change issue #{}", entry.id),
            ),
        };
        match self.client.send(Method::PATCH, url, Some(&body), Repeat::Harmless).await {
            Ok(_) => Ok(Changed::Done),
            Err(Problem::Refused(Refusal { status: 404 | 410, .. })) => Ok(Changed::Gone),
            Err(problem) => Err(self.failure(problem, &doing, Some(on))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphql_is_beside_the_api() {
        for (api, expected) in [
            ("https://api.github.com", "https://api.github.com/graphql"),
            ("https://api.contoso.ghe.com/", "https://api.contoso.ghe.com/graphql"),
            ("https://github.contoso.com/api/v3", "https://github.contoso.com/api/graphql"),
        ] {
            assert_eq!(graphql(&api.parse().unwrap()).as_str(), expected);
        }
    }
}
