//! Where pull requests live: GitHub, GitLab and Azure DevOps. One comment on a pull request, and one issue that tracks drift.
//!
//! Each host has the same doors, [`Host`]: what is ours, add, change. [`keep`] is what both commands do with them: find our own
//! entry by its hidden marker, and send only what differs. What is known of the pull request comes from the environment of
//! the CI system ([`Surroundings`]), never from the access files: it says where a token goes.

mod azure_devops;
mod client;
mod fit;
mod github;
mod gitlab;
mod keeping;
mod marker;
mod surroundings;
mod words;

use async_trait::async_trait;

pub use client::Connection;
pub use keeping::{Became, Kept, Wish, keep};
pub use marker::Key;
pub use surroundings::{Asked, Project, Surroundings, look_around};
pub use words::{failed, nothing_any_more, short};

pub use crate::state::HostName;
use crate::state::{Failure, Result};
use fit::Limit;

/// Where an entry is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// As a comment on this pull request.
    PullRequest(u64),
    /// As an issue of the repository.
    Issues,
}

/// A comment or an issue that the identity of our token has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The host's own name for it.
    pub id: String,
    /// Its text, marker included.
    pub text: String,
    /// The title of an issue; empty for a comment.
    pub title: String,
    /// Whether an issue is open; a comment always is.
    pub is_open: bool,
    /// Where people see it.
    pub address: Option<String>,
}

/// What an entry is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft<'a> {
    /// The text, marker included.
    pub text: &'a str,
    /// The title of an issue.
    pub title: &'a str,
    /// Whether an issue is to be open.
    pub is_open: bool,
}

/// What became of an addition.
#[derive(Clone, Debug)]
pub enum Added {
    /// It is there.
    Done(Entry),
    /// It was sent and not answered: look before sending it again, after so long.
    Unknown(Failure),
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is as asked.
    Done,
    /// It is not there any more.
    Gone,
}

/// The doors that every host has.
#[async_trait]
pub trait Host: Send + Sync {
    /// How long a text may be.
    fn limit(&self) -> Limit;

    /// The text as the host takes it for nothing but text.
    fn as_text(&self, text: &str) -> String {
        text.to_owned()
    }

    /// The commit that a pull request is at.
    async fn head(&self, number: u64) -> Result<String>;

    /// Everything there that the identity of our token has written, the oldest first. Never a part of it.
    async fn ours(&self, on: On) -> Result<Vec<Entry>>;

    /// Adds an entry.
    async fn add(&self, on: On, draft: Draft<'_>) -> Result<Added>;

    /// Changes an entry of ours.
    async fn change(&self, on: On, entry: &Entry, draft: Draft<'_>) -> Result<Changed>;
}

/// The way to the host that is around us.
///
/// # Errors
/// When the address may not be talked to, or TLS cannot be set up.
pub fn open(surroundings: &Surroundings, connection: &Connection) -> Result<Box<dyn Host>> {
    Ok(match surroundings.host {
        HostName::GitHub => Box::new(github::GitHub::new(surroundings, connection)?),
        HostName::GitLab => Box::new(gitlab::GitLab::new(surroundings, connection)?),
        HostName::AzureDevOps => Box::new(azure_devops::AzureDevOps::new(surroundings, connection)?),
    })
}
