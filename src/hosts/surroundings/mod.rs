//! What the environment of a CI system says: which host, which repository, which pull request, with which token.

mod azure_devops;
mod github;
mod gitlab;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use secrecy::SecretString;
use url::Url;

use super::HostName;
use crate::providers::http::require_tls;
use crate::state::{Failure, FailureKind, Result, all_of};

/// What the person says where the environment does not.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The host.
    pub host: Option<HostName>,
    /// The number of the pull request.
    pub pull_request: Option<u64>,
    /// Whether no pull request is needed.
    pub needs_none: bool,
}

/// What is around us.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The host.
    pub host: HostName,
    /// Where its API begins.
    pub api: Url,
    /// Which repository of it.
    pub project: Project,
    /// The pull request that this run is about, or why it is about none.
    pub pull_request: std::result::Result<u64, String>,
    /// The page of the job, for people.
    pub job: Option<String>,
    /// The commit that is looked at.
    pub commit: Option<String>,
    /// The commit of the pull request that this run looks at, where that is known: what is merged for a test is another one.
    pub head: Option<String>,
    /// Whether the change comes from another repository.
    pub(super) is_fork: bool,
    pub(super) token: SecretString,
}

/// A repository as its host names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Project {
    /// `owner/name`.
    GitHub {
        /// The user or organization.
        owner: String,
        /// The repository.
        name: String,
        /// Its page, if known.
        page: Option<Url>,
    },
    /// A number or a path.
    GitLab {
        /// What the API takes.
        id: String,
        /// Its page, if known.
        page: Option<Url>,
    },
    /// A repository of a project.
    AzureDevOps {
        /// The project's id or name.
        project: String,
        /// The repository's id.
        repository: String,
        /// Its page, if known.
        page: Option<Url>,
    },
}

impl Project {
    /// What people call it.
    pub fn name(&self) -> String {
        let path = |page: &Option<Url>| page.as_ref().map(|page| page.path().trim_matches('/').to_owned());
        match self {
            Self::GitHub { owner, name, .. } => format!("{owner}/{name}"),
            Self::GitLab { id, page } => path(page).unwrap_or_else(|| format!("project {id}")),
            Self::AzureDevOps { repository, page, .. } => {
                path(page).unwrap_or_else(|| format!("repository {repository}"))
            }
        }
    }
}

/// The variables of the environment, those that are set to something.
pub(super) struct Variables<'a>(&'a BTreeMap<String, String>);

impl<'a> Variables<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A variable without which nothing can be done.
    fn need(&self, name: &str, what: &str) -> Result<&'a str> {
        self.get(name).ok_or_else(|| {
            Failure::new(FailureKind::Invalid, format!("{name} is not set: it says {what}"))
                .with_next("run this in a job of the CI system, or set the variable as it would be there")
        })
    }

    /// An address.
    fn url(&self, name: &str, default: Option<&str>) -> Result<Url> {
        let text = match default {
            Some(default) => self.get(name).unwrap_or(default),
            None => self.need(name, "where the API is")?,
        };
        let unfit = |why: String| {
            Failure::new(FailureKind::Invalid, format!("{name} is no address of an API: {why}"))
                .with_next("set it to an https:// address without user, password, query or fragment")
        };
        let url = Url::parse(text).map_err(|error| unfit(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(unfit("it holds more than a host and a path".to_owned()));
        }
        require_tls(&url)?;
        Ok(url)
    }

    /// The page of this run for people, as a link in Markdown.
    fn run(&self, host: HostName) -> Option<String> {
        page(&host.run(|name| self.get(name))?).as_ref().map(link)
    }

    /// A page for people; one that cannot be shown safely counts as absent.
    fn page(&self, name: &str) -> Option<Url> {
        page(self.get(name)?)
    }

    fn token(&self, name: &str, how: &str) -> Result<SecretString> {
        let token = self.get(name).ok_or_else(|| {
            Failure::new(FailureKind::Unauthenticated, format!("{name} is not set, so there is no token to post with"))
                .with_next(how)
        })?;
        Ok(SecretString::from(token))
    }
}

/// An address that people may be led to, without a user in it.
fn page(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url)
}

/// A link in Markdown ends at a bracket.
fn link(url: &Url) -> String {
    url.as_str().replace('(', "%28").replace(')', "%29")
}

/// A command that works where no CI system is around.
fn ready(host: HostName) -> &'static str {
    match host {
        HostName::GitHub => {
            "`GITHUB_REPOSITORY=OWNER/NAME GITHUB_TOKEN=TOKEN rolecall comment --host github --pull-request N FILE` (docs/comments.md)"
        }
        HostName::GitLab => {
            "`CI_PROJECT_ID=ID GITLAB_TOKEN=TOKEN rolecall comment --host gitlab --pull-request N FILE` (docs/comments.md)"
        }
        HostName::AzureDevOps => {
            "`SYSTEM_COLLECTIONURI=https://dev.azure.com/ORGANIZATION/ SYSTEM_TEAMPROJECT=PROJECT BUILD_REPOSITORY_ID=ID \
             SYSTEM_ACCESSTOKEN=TOKEN rolecall comment --host azure-devops --pull-request N FILE` (docs/comments.md)"
        }
    }
}

/// Says of several variables that are not set at once; of one, what is needed of it says more.
fn lacking(variables: &Variables<'_>, host: HostName) -> Result<()> {
    // Of each the one that is named; any of them will do.
    let needed: &[&[&str]] = match host {
        HostName::GitHub => &[&["GITHUB_REPOSITORY"], &["GITHUB_TOKEN"]],
        HostName::GitLab => &[&["CI_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"], &["GITLAB_TOKEN"]],
        HostName::AzureDevOps => &[
            &["SYSTEM_COLLECTIONURI"],
            &["SYSTEM_TEAMPROJECT", "SYSTEM_TEAMPROJECTID"],
            &["BUILD_REPOSITORY_ID"],
            &["SYSTEM_ACCESSTOKEN"],
        ],
    };
    let is_set = |names: &&&[&str]| names.iter().any(|name| variables.get(name).is_some());
    let lacking: Vec<&str> =
        needed.iter().filter(|names| !is_set(names)).filter_map(|names| names.first().copied()).collect();
    if lacking.len() < 2 {
        return Ok(());
    }
    let next = format!("run this in a job of {host}, with the token handed to the step; elsewhere {}", ready(host));
    Err(Failure::new(FailureKind::Invalid, format!("{} are not set", all_of(&lacking))).with_next(next))
}

/// Looks at the environment. `event` reads the file that GitHub puts beside a job.
///
/// # Errors
/// When there is no CI system around us, or what it says is not enough.
pub fn look_around(
    variables: &BTreeMap<String, String>,
    event: &dyn Fn(&str) -> std::io::Result<String>,
    asked: &Asked,
) -> Result<Surroundings> {
    let variables = Variables(variables);
    let around = HostName::around(|name| variables.get(name));
    let host = match (asked.host, around.as_slice()) {
        (Some(host), _) => host,
        (None, [host]) => *host,
        (None, []) => {
            return Err(Failure::new(
                FailureKind::Invalid,
                format!("no CI system is around: none of {} is `true`", all_of(HostName::ALL.map(|(_, name)| name))),
            )
            .with_next(format!("run this in a job for a pull request; elsewhere, e.g. {}", ready(HostName::GitHub))));
        }
        (None, several) => {
            let names: Vec<_> = several.iter().map(|host| host.name()).collect();
            return Err(Failure::new(
                FailureKind::Invalid,
                format!("the environment looks like several CI systems: {}", names.join(" and ")),
            )
            .with_next("name the one that is meant with --host"));
        }
    };
    lacking(&variables, host)?;
    let mut found = match host {
        HostName::GitHub => github::look(&variables, event, asked)?,
        HostName::GitLab => gitlab::look(&variables)?,
        HostName::AzureDevOps => azure_devops::look(&variables)?,
    };
    if let Some(number) = asked.pull_request {
        if host != HostName::GitHub && found.pull_request != Ok(number) {
            found.head = None;
        }
        found.pull_request = Ok(number);
    }
    let is_outside = around.as_slice() != [host];
    match &found.pull_request {
        Err(why) if is_outside && !asked.needs_none => {
            Err(Failure::new(FailureKind::Invalid, format!("it is not known which pull request is meant: {why}"))
                .with_next("name it with --pull-request N"))
        }
        _ => Ok(found),
    }
}
