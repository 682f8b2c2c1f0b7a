//! The hosts of git, and what their CI systems say of a run by environment variables.

use std::fmt;
use std::fmt::Write as _;

/// A place where pull requests live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostName {
    /// github.com or GitHub Enterprise.
    GitHub,
    /// gitlab.com or a GitLab of one's own.
    GitLab,
    /// Azure DevOps Services or Server.
    AzureDevOps,
}

impl HostName {
    /// All of them, each with the variable that its CI system sets to `true`.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::GitHub, "GITHUB_ACTIONS"), (Self::GitLab, "GITLAB_CI"), (Self::AzureDevOps, "TF_BUILD")];

    /// Those whose CI system runs us, by its variables.
    pub fn around<'v>(variable: impl Fn(&str) -> Option<&'v str>) -> Vec<Self> {
        let is_set = |name: &str| variable(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        Self::ALL.into_iter().filter_map(|(host, name)| is_set(name).then_some(host)).collect()
    }

    /// The address of this run for people, as its variables say; not checked.
    pub fn run<'v>(self, variable: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let get = |name: &str| variable(name).map(str::trim).filter(|value| !value.is_empty());
        match self {
            Self::GitHub => {
                let server = get("GITHUB_SERVER_URL").unwrap_or("https://github.com").trim_end_matches('/');
                let (repository, run) = (get("GITHUB_REPOSITORY")?, get("GITHUB_RUN_ID")?);
                Some(format!("{server}/{repository}/actions/runs/{run}"))
            }
            Self::GitLab => get("CI_JOB_URL").map(str::to_owned),
            Self::AzureDevOps => {
                let collection = get("SYSTEM_COLLECTIONURI")?.trim_end_matches('/');
                let project = get("SYSTEM_TEAMPROJECT").or_else(|| get("SYSTEM_TEAMPROJECTID"))?;
                let build = get("BUILD_BUILDID")?;
                Some(format!("{collection}/{}/_build/results?buildId={}", segment(project), segment(build)))
            }
        }
    }

    /// The longest comment that it takes: in characters, on Azure DevOps in UTF-16 code units.
    pub fn longest_comment(self) -> usize {
        match self {
            Self::GitHub => 65_536,
            Self::GitLab => 1_000_000,
            Self::AzureDevOps => 150_000,
        }
    }

    /// What it is called in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::AzureDevOps => "Azure DevOps",
        }
    }

    /// What a pull request is called there, with its number: `pull request #7`, `merge request !7`.
    pub fn pull_request(self, number: u64) -> String {
        match self {
            Self::GitHub => format!("pull request #{number}"),
            Self::GitLab => format!("merge request !{number}"),
            Self::AzureDevOps => format!("pull request {number}"),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name as a part of an address: projects of Azure DevOps have spaces in theirs.
fn segment(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables<'v>(set: &'v [(&'v str, &'v str)]) -> impl Fn(&str) -> Option<&'v str> {
        |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    #[test]
    fn who_runs_us_is_told_by_the_variables_that_are_true() {
        assert_eq!(HostName::around(variables(&[])), []);
        assert_eq!(
            HostName::around(variables(&[("GITHUB_ACTIONS", "false"), ("TF_BUILD", " True ")])),
            [HostName::AzureDevOps]
        );
        let two = [("GITLAB_CI", "true"), ("GITHUB_ACTIONS", "true")];
        assert_eq!(HostName::around(variables(&two)), [HostName::GitHub, HostName::GitLab]);
    }

    #[test]
    fn the_page_of_a_run_needs_everything_that_it_is_made_of() {
        let azure = [
            ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/contoso/"),
            ("SYSTEM_TEAMPROJECT", "Access (new)"),
            ("BUILD_BUILDID", "31"),
        ];
        let page = "https://dev.azure.com/contoso/Access%20%28new%29/_build/results?buildId=31";
        assert_eq!(HostName::AzureDevOps.run(variables(&azure)).as_deref(), Some(page));
        assert_eq!(HostName::AzureDevOps.run(variables(&azure[..2])), None);
        let github = [("GITHUB_REPOSITORY", "contoso/access"), ("GITHUB_RUN_ID", "7"), ("GITHUB_SERVER_URL", "")];
        let page = "https://github.com/contoso/access/actions/runs/7";
        assert_eq!(HostName::GitHub.run(variables(&github)).as_deref(), Some(page));
        assert_eq!(HostName::GitLab.run(variables(&[("CI_JOB_URL", " ")])), None);
    }
}
