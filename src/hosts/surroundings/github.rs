//! What GitHub Actions says.

use serde_json::Value;

use super::super::HostName;
use super::{Asked, Project, Surroundings, Variables, page};
use crate::state::{Failure, FailureKind, Result};

pub(super) fn look(
    variables: &Variables<'_>,
    event: &dyn Fn(&str) -> std::io::Result<String>,
    asked: &Asked,
) -> Result<Surroundings> {
    let api = variables.url("GITHUB_API_URL", Some("https://api.github.com"))?;
    let repository = variables.need("GITHUB_REPOSITORY", "which repository this is")?;
    let project = match repository.split_once('/') {
        Some((owner, name)) if !owner.is_empty() && !name.is_empty() && !name.contains('/') => {
            let server = variables.get("GITHUB_SERVER_URL").unwrap_or("https://github.com").trim_end_matches('/');
            let page = page(&format!("{server}/{repository}"));
            Project::GitHub { owner: owner.to_owned(), name: name.to_owned(), page }
        }
        _ => {
            return Err(Failure::new(FailureKind::Invalid, format!("GITHUB_REPOSITORY is `{repository}`"))
                .with_next("it is to be OWNER/NAME"));
        }
    };
    let event = variables.get("GITHUB_EVENT_PATH").and_then(|path| event(path).ok());
    let event: Value = event.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
    let pull_request = number(variables, &event);
    let may_be_none = asked.needs_none || asked.pull_request.is_some();
    if pull_request.is_err() && !may_be_none && event["workflow_run"]["event"] == "pull_request" {
        return Err(Failure::new(
            FailureKind::Invalid,
            "this workflow follows one that ran for a pull request, but GitHub does not say for which: it never does for forks",
        )
        .with_next("name it with --pull-request N"));
    }
    let head = &event["pull_request"]["head"];
    // What the event says of one pull request is not so of another that somebody names.
    let is_meant = asked.pull_request.is_none_or(|number| event["pull_request"]["number"].as_u64() == Some(number));
    let looked_at = head["sha"].as_str().filter(|_| is_meant).or(event["workflow_run"]["head_sha"].as_str());
    let commit = head["sha"].as_str().or(looked_at).or(variables.get("GITHUB_SHA"));
    let full_name = |side: &Value| side["repo"]["full_name"].as_str().map(str::to_owned);
    let is_fork = head.is_object() && full_name(head) != full_name(&event["pull_request"]["base"]);
    let token = variables.token(
        "GITHUB_TOKEN",
        "hand it to the step: `env: { GITHUB_TOKEN: ${{ github.token }} }`, and give the job `permissions: { pull-requests: write }`",
    )?;
    Ok(Surroundings {
        host: HostName::GitHub,
        api,
        project,
        pull_request,
        job: variables.run(HostName::GitHub),
        commit: commit.map(str::to_owned),
        head: looked_at.map(str::to_owned),
        is_fork,
        token,
    })
}

fn number(variables: &Variables<'_>, event: &Value) -> std::result::Result<u64, String> {
    let of_issue = event["issue"]["number"].as_u64().filter(|_| event["issue"]["pull_request"].is_object());
    let of_run = event["workflow_run"]["pull_requests"].as_array().and_then(|all| match all.as_slice() {
        [one] => one["number"].as_u64(),
        _ => None,
    });
    let of_ref = || {
        let (number, side) = variables.get("GITHUB_REF")?.strip_prefix("refs/pull/")?.split_once('/')?;
        number.parse().ok().filter(|_| matches!(side, "merge" | "head"))
    };
    event["pull_request"]["number"].as_u64().or(of_issue).or(of_run).or_else(of_ref).ok_or_else(|| {
        match variables.get("GITHUB_EVENT_NAME") {
            Some(name) => format!("this run is of the event `{name}`"),
            None => "neither GITHUB_EVENT_PATH nor GITHUB_REF names one".to_owned(),
        }
    })
}
