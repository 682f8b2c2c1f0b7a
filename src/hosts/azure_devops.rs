//! Threads on pull requests of Azure DevOps.
//!
//! A comment of ours is the first of a thread without a status: one that is active could be what a branch policy waits for.

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use super::client::{Client, Connection, MOST_PAGES, Problem, Refusal, Repeat, bearer};
use super::{Added, Changed, Draft, Entry, Host, HostName, Limit, On, Project, Surroundings};
use crate::state::{Failure, FailureKind, Result};

/// The version of the API. Everything we use is in it, and in Azure DevOps Server as well.
const VERSION: (&str, &str) = ("api-version", "7.1");

/// What tells who we are has no version that is released.
const PREVIEW: (&str, &str) = ("api-version", "7.1-preview.1");

/// Azure DevOps, one repository.
#[derive(Debug)]
pub(super) struct AzureDevOps {
    client: Client,
    project: String,
    repository: String,
    page: Option<Url>,
    is_fork: bool,
    /// As whom our token acts.
    user: OnceCell<String>,
}

impl AzureDevOps {
    pub(super) fn new(surroundings: &Surroundings, connection: &Connection) -> Result<Self> {
        let Project::AzureDevOps { project, repository, page } = &surroundings.project else {
            return Err(Failure::new(FailureKind::Invalid, "this is no repository of Azure DevOps"));
        };
        let token = &surroundings.token;
        let headers = [("accept", "application/json")];
        let client = Client::new(HostName::AzureDevOps, &surroundings.api, token, bearer(token), &headers, connection)?;
        Ok(Self {
            client,
            project: project.clone(),
            repository: repository.clone(),
            page: page.clone(),
            is_fork: surroundings.is_fork,
            user: OnceCell::new(),
        })
    }

    fn url(&self, number: u64, path: &[&str], query: &[(&str, &str)]) -> Result<Url> {
        let number = number.to_string();
        let pull_request = [
            self.project.as_str(),
            "_apis",
            "git",
            "repositories",
            self.repository.as_str(),
            "pullRequests",
            number.as_str(),
        ];
        self.client.url(&[&pull_request, path].concat(), &[&[VERSION], query].concat())
    }

    fn threads(&self, number: u64, path: &[&str], query: &[(&str, &str)]) -> Result<Url> {
        self.url(number, &[&["threads"], path].concat(), query)
    }

    /// As whom our token acts: in a pipeline, the build service of the project or of the collection.
    async fn user(&self) -> Result<&str> {
        let ask = async || {
            let sent = self.client.get(self.client.url(&["_apis", "connectionData"], &[PREVIEW])?).await;
            let reply = sent.map_err(|problem| self.failure(problem, "cannot find out as whom the token acts"))?;
            let id = reply.body["authenticatedUser"]["id"].as_str().map(str::to_owned);
            id.ok_or_else(|| self.client.unreadable("it does not say as whom the token acts"))
        };
        self.user.get_or_try_init(ask).await.map(String::as_str)
    }

    fn failure(&self, problem: Problem, doing: &str) -> Failure {
        match problem {
            Problem::Refused(refusal) => self.refused(&refusal, doing),
            Problem::Unknown(failure) | Problem::Failed(failure) => failure,
        }
    }

    fn refused(&self, refusal: &Refusal, doing: &str) -> Failure {
        let Refusal { status, words } = refusal;
        let failure = |kind| Failure::new(kind, format!("{doing}: Azure DevOps answered {status}: {words}"));
        match status {
            401 => failure(FailureKind::Unauthenticated).with_next(
                "SYSTEM_ACCESSTOKEN is not valid, or not any more: hand the job's own token to the step, `$(System.AccessToken)`",
            ),
            403 if self.is_fork => failure(FailureKind::Forbidden).with_next(
                "the change comes from a fork, whose runs get a token that only reads, unless `Make fork builds have the same \
                 permissions as regular builds` is on; better is to leave the comment out there",
            ),
            403 => failure(FailureKind::Forbidden).with_next(
                "allow `Contribute to pull requests` to the build service (`PROJECT Build Service (ORGANIZATION)`) under Project \
                 settings > Repositories > Security",
            ),
            404 => failure(FailureKind::NotFound).with_next(
                "see that it is there, and that the build service may read the repository (`Limit job authorization scope` may \
                 keep it from another project's)",
            ),
            _ => failure(FailureKind::Invalid).with_next("Azure DevOps does not take it like this: see what it says"),
        }
    }

    /// A comment and the thread that it is in.
    fn entry(&self, number: u64, thread: &Value, comment: &Value) -> Result<Entry> {
        let lacks = |what: &str| self.client.unreadable(&format!("an entry has no {what}"));
        let thread = thread["id"].as_u64().ok_or_else(|| lacks("id"))?;
        let comment_id = comment["id"].as_u64().ok_or_else(|| lacks("id"))?;
        let text = comment["content"].as_str().ok_or_else(|| lacks("text"))?;
        let page = self.page.as_ref().map(|page| page.as_str().trim_end_matches('/'));
        Ok(Entry {
            id: format!("{thread}/{comment_id}"),
            text: text.to_owned(),
            title: String::new(),
            is_open: true,
            address: page.map(|page| format!("{page}/pullrequest/{number}?discussionId={thread}")),
        })
    }

    /// Work items are another thing in each project: their types, their states and what of them must be filled in.
    fn number(on: On) -> Result<u64> {
        match on {
            On::PullRequest(number) => Ok(number),
            On::Issues => Err(Failure::new(
                FailureKind::Invalid,
                "Azure DevOps has no issues: it has work items, whose types and states are the project's own",
            )
            .with_next(
                "leave --as-issue out there and let the scheduled job fail by drift (exit 2), which notifies by mail",
            )),
        }
    }
}

#[async_trait]
impl Host for AzureDevOps {
    fn limit(&self) -> Limit {
        Limit::Utf16(HostName::AzureDevOps.longest_comment())
    }

    async fn head(&self, number: u64) -> Result<String> {
        let doing = format!("cannot read {}", HostName::AzureDevOps.pull_request(number));
        let sent = self.client.get(self.url(number, &[], &[])?).await;
        let reply = sent.map_err(|problem| self.failure(problem, &doing))?;
        self.client.commit(&reply.body["lastMergeSourceCommit"]["commitId"])
    }

    async fn ours(&self, on: On) -> Result<Vec<Entry>> {
        let number = Self::number(on)?;
        let doing = format!("cannot read the comments of {}", HostName::AzureDevOps.pull_request(number));
        let user = self.user().await?;
        let (mut token, mut ours) = (None::<String>, Vec::new());
        for _ in 0..MOST_PAGES {
            let query: Vec<(&str, &str)> = token.iter().map(|token| ("continuationToken", token.as_str())).collect();
            let sent = self.client.get(self.threads(number, &[], &query)?).await;
            let reply = sent.map_err(|problem| self.failure(problem, &doing))?;
            let Some(threads) = reply.body["value"].as_array() else {
                return Err(self.client.unreadable("a list is none"));
            };
            for thread in threads.iter().filter(|thread| thread["isDeleted"] != true) {
                let Some(comments) = thread["comments"].as_array() else {
                    return Err(self.client.unreadable("a thread has no list of comments"));
                };
                let is_ours = |comment: &&Value| {
                    let by = comment["author"]["id"].as_str();
                    by.is_some_and(|by| by.eq_ignore_ascii_case(user))
                        && comment["isDeleted"] != true
                        && comment["commentType"] != "system"
                };
                for comment in comments.iter().filter(is_ours) {
                    ours.push(self.entry(number, thread, comment)?);
                }
            }
            // Lists of Azure DevOps that come in parts go on by this header.
            let next = reply.headers.get("x-ms-continuationtoken").and_then(|value| value.to_str().ok());
            match next.map(str::to_owned).filter(|next| !next.is_empty()) {
                None => return Ok(ours),
                same if same == token => return Err(self.client.unreadable("a list goes on where it was")),
                next => token = next,
            }
        }
        Err(self.client.unreadable("a list has no end"))
    }

    async fn add(&self, on: On, draft: Draft<'_>) -> Result<Added> {
        let number = Self::number(on)?;
        let body = json!({ "comments": [{ "parentCommentId": 0, "content": draft.text, "commentType": "text" }] });
        let url = self.threads(number, &[], &[])?;
        let reply = match self.client.send(Method::POST, url, Some(&body), Repeat::Doubles).await {
            Ok(reply) => reply,
            Err(Problem::Unknown(failure)) => return Ok(Added::Unknown(failure)),
            Err(problem) => {
                let doing = format!("cannot comment on {}", HostName::AzureDevOps.pull_request(number));
                return Err(self.failure(problem, &doing));
            }
        };
        self.entry(number, &reply.body, &reply.body["comments"][0]).map(Added::Done)
    }

    async fn change(&self, on: On, entry: &Entry, draft: Draft<'_>) -> Result<Changed> {
        let number = Self::number(on)?;
        let Some((thread, comment)) = entry.id.split_once('/') else { return Ok(Changed::Gone) };
        let url = self.threads(number, &[thread, "comments", comment], &[])?;
        let body = json!({ "content": draft.text });
        match self.client.send(Method::PATCH, url, Some(&body), Repeat::Harmless).await {
            Ok(_) => Ok(Changed::Done),
            Err(Problem::Refused(Refusal { status: 404, .. })) => Ok(Changed::Gone),
            Err(problem) => {
                let doing = format!("cannot edit our comment on {}", HostName::AzureDevOps.pull_request(number));
                Err(self.failure(problem, &doing))
            }
        }
    }
}
