//! What Azure Pipelines says.

use super::super::HostName;
use super::{Project, Surroundings, Variables};
use crate::state::{Failure, FailureKind, Result};

pub(super) fn look(variables: &Variables<'_>) -> Result<Surroundings> {
    if let Some(provider) = variables.get("BUILD_REPOSITORY_PROVIDER").filter(|provider| *provider != "TfsGit") {
        return Err(Failure::new(
            FailureKind::Invalid,
            format!("the repository is not in Azure Repos (BUILD_REPOSITORY_PROVIDER is `{provider}`), so Azure DevOps has no pull request of it"),
        )
        .with_next("name the host that has it with --host, and set that host's variables (docs/comments.md)"));
    }
    let api = variables.url("SYSTEM_COLLECTIONURI", None)?;
    let project = match variables.get("SYSTEM_TEAMPROJECTID") {
        Some(id) => id,
        None => variables.need("SYSTEM_TEAMPROJECT", "which project this is")?,
    };
    let repository = variables.need("BUILD_REPOSITORY_ID", "which repository this is")?;
    let pull_request = match variables.get("SYSTEM_PULLREQUEST_PULLREQUESTID") {
        Some(id) => id.parse().map_err(|_| format!("SYSTEM_PULLREQUEST_PULLREQUESTID is `{id}`, which is no number")),
        None => Err(match variables.get("BUILD_REASON") {
            Some(reason) => format!("this run has the reason `{reason}`"),
            None => "SYSTEM_PULLREQUEST_PULLREQUESTID is not set".to_owned(),
        }),
    };
    let head = variables.get("SYSTEM_PULLREQUEST_SOURCECOMMITID");
    let commit = head.or(variables.get("BUILD_SOURCEVERSION"));
    Ok(Surroundings {
        host: HostName::AzureDevOps,
        project: Project::AzureDevOps {
            project: project.to_owned(),
            repository: repository.to_owned(),
            page: variables.page("BUILD_REPOSITORY_URI"),
        },
        api,
        pull_request,
        job: variables.run(HostName::AzureDevOps),
        commit: commit.map(str::to_owned),
        head: head.map(str::to_owned),
        is_fork: variables.is_true("SYSTEM_PULLREQUEST_ISFORK"),
        token: variables
            .token("SYSTEM_ACCESSTOKEN", "hand it to the step: `env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }`")?,
    })
}
