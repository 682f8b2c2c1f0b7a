//! What GitLab CI says.

use super::super::HostName;
use super::{Project, Surroundings, Variables};
use crate::state::{Failure, FailureKind, Result};

/// How to come by a token that may comment.
const HOW: &str = "make a project access token with the scope `api` and the role Reporter (Developer where Reporters may not comment), \
                   and put it into the CI/CD variable GITLAB_TOKEN, masked";

pub(super) fn look(variables: &Variables<'_>) -> Result<Surroundings> {
    let api = variables.url("CI_API_V4_URL", Some("https://gitlab.com/api/v4"))?;
    // In a fork's own pipeline, CI_PROJECT_ID is the fork, and the merge request is in the project it goes to.
    let target = variables.get("CI_MERGE_REQUEST_PROJECT_ID");
    let own = variables.get("CI_PROJECT_ID");
    let id = match target.or(own) {
        Some(id) => id,
        None => variables.need("CI_PROJECT_ID", "which project this is")?,
    };
    let page = target.and(variables.page("CI_MERGE_REQUEST_PROJECT_URL")).or_else(|| variables.page("CI_PROJECT_URL"));
    if variables.get("GITLAB_TOKEN").is_none() && variables.get("CI_JOB_TOKEN").is_some() {
        return Err(Failure::new(
            FailureKind::Unauthenticated,
            "GITLAB_TOKEN is not set, and the job's own token (CI_JOB_TOKEN) may not write comments",
        )
        .with_next(HOW));
    }
    let source = variables.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA");
    // Where GitLab merges for a test, CI_COMMIT_SHA is what came of it.
    let merged = ["merged_result", "merge_train"];
    let is_merged = variables.get("CI_MERGE_REQUEST_EVENT_TYPE").is_some_and(|kind| merged.contains(&kind));
    let head = source.or_else(|| variables.get("CI_COMMIT_SHA").filter(|_| !is_merged));
    let commit = source.or(variables.get("CI_COMMIT_SHA"));
    Ok(Surroundings {
        host: HostName::GitLab,
        api,
        project: Project::GitLab { id: id.to_owned(), page },
        pull_request: number(variables),
        job: variables.run(HostName::GitLab),
        commit: commit.map(str::to_owned),
        head: head.map(str::to_owned),
        is_fork: target.is_some() && variables.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") != target,
        token: variables.token("GITLAB_TOKEN", HOW)?,
    })
}

fn number(variables: &Variables<'_>) -> std::result::Result<u64, String> {
    if let Some(iid) = variables.get("CI_MERGE_REQUEST_IID") {
        return iid.parse().map_err(|_| format!("CI_MERGE_REQUEST_IID is `{iid}`, which is no number"));
    }
    // A pipeline of a branch knows the merge requests that are open for it: `group/project!7,group/project!9`.
    let open: Vec<&str> = variables.get("CI_OPEN_MERGE_REQUESTS").map_or_else(Vec::new, |all| all.split(',').collect());
    let number_of = |open: &str| {
        let (project, number) = open.trim().rsplit_once('!')?;
        number.parse().ok().filter(|_| variables.get("CI_PROJECT_PATH") == Some(project))
    };
    match open.as_slice() {
        [] => Err(match variables.get("CI_PIPELINE_SOURCE") {
            Some(source) => {
                format!("this pipeline was started by `{source}`, and its branch has no open merge request")
            }
            None => "CI_MERGE_REQUEST_IID is not set".to_owned(),
        }),
        [only] => number_of(only).ok_or_else(|| "the merge request of this branch is in another project".to_owned()),
        _ => Err("this branch has several open merge requests".to_owned()),
    }
}
