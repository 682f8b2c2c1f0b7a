use std::io;

use super::*;

/// What the hosts say in these runs.
const GITHUB: &[(&str, &str)] = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_REPOSITORY", "contoso/access"),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_API_URL", "https://api.github.com"),
    ("GITHUB_RUN_ID", "991"),
    ("GITHUB_REF", "refs/pull/7/merge"),
    ("GITHUB_SHA", "aaaaaaaaaaaa"),
    ("GITHUB_TOKEN", "ghs_secret"),
    ("GITHUB_EVENT_NAME", "pull_request"),
];
const GITLAB: &[(&str, &str)] = &[
    ("GITLAB_CI", "true"),
    ("CI_API_V4_URL", "https://gitlab.contoso.com/api/v4"),
    ("CI_PROJECT_ID", "12"),
    ("CI_PROJECT_PATH", "contoso/access"),
    ("CI_PROJECT_URL", "https://gitlab.contoso.com/contoso/access"),
    ("CI_MERGE_REQUEST_IID", "7"),
    ("CI_MERGE_REQUEST_PROJECT_ID", "12"),
    ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "12"),
    ("CI_JOB_URL", "https://gitlab.contoso.com/contoso/access/-/jobs/5"),
    ("GITLAB_TOKEN", "glpat-secret"),
    ("CI_JOB_TOKEN", "job-secret"),
];
const AZURE: &[(&str, &str)] = &[
    ("TF_BUILD", "True"),
    ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/contoso/"),
    ("SYSTEM_TEAMPROJECT", "Access (new)"),
    ("SYSTEM_TEAMPROJECTID", "8a0a"),
    ("BUILD_REPOSITORY_ID", "77ab"),
    ("BUILD_REPOSITORY_PROVIDER", "TfsGit"),
    ("BUILD_REPOSITORY_URI", "https://contoso@dev.azure.com/contoso/Access%20(new)/_git/access"),
    ("SYSTEM_PULLREQUEST_PULLREQUESTID", "7"),
    ("BUILD_BUILDID", "31"),
    ("SYSTEM_ACCESSTOKEN", "secret"),
];

fn look(all: &[&[(&str, &str)]], event: &str, asked: &Asked) -> Result<Surroundings> {
    let variables =
        all.iter().flat_map(|some| some.iter()).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let read = |_: &str| if event.is_empty() { Err(io::Error::other("none")) } else { Ok(event.to_owned()) };
    look_around(&variables.collect(), &read, asked)
}

fn found(base: &[(&str, &str)], more: &[(&str, &str)]) -> Surroundings {
    look(&[base, more], "", &Asked::default()).unwrap()
}

fn refused(base: &[(&str, &str)], more: &[(&str, &str)]) -> Failure {
    look(&[base, more], "", &Asked::default()).unwrap_err()
}

fn by_event(event: &str) -> Result<Surroundings> {
    look(&[GITHUB, &[("GITHUB_REF", "refs/heads/main"), ("GITHUB_EVENT_PATH", "event.json")]], event, &Asked::default())
}

#[test]
fn each_host_says_where_and_which() {
    let github = found(GITHUB, &[]);
    assert_eq!(github.project.name(), "contoso/access");
    assert_eq!(github.pull_request, Ok(7));
    assert_eq!(github.job.as_deref(), Some("https://github.com/contoso/access/actions/runs/991"));
    let gitlab = found(GITLAB, &[]);
    assert_eq!((gitlab.project.name().as_str(), gitlab.pull_request), ("contoso/access", Ok(7)));
    assert!(!gitlab.is_fork);
    let azure = found(AZURE, &[]);
    assert_eq!(azure.pull_request, Ok(7));
    // Brackets would end a link in Markdown, and nobody is to read a user name in an address.
    let job = "https://dev.azure.com/contoso/Access%20%28new%29/_build/results?buildId=31";
    assert_eq!(azure.job.as_deref(), Some(job));
    let Project::AzureDevOps { page: Some(page), .. } = azure.project else { panic!() };
    assert_eq!(page.as_str(), "https://dev.azure.com/contoso/Access%20(new)/_git/access");
}

#[test]
fn nothing_of_a_token_is_shown() {
    for (base, secret) in [(GITHUB, "ghs_secret"), (GITLAB, "glpat-secret"), (AZURE, "\"secret\"")] {
        let shown = format!("{:?}", found(base, &[]));
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn github_names_the_pull_request_in_its_event() {
    let plain = r#"{"pull_request": {"number": 8, "head": {"sha": "beef", "repo": {"full_name": "a/b"}},
                   "base": {"repo": {"full_name": "a/b"}}}}"#;
    let found = by_event(plain).unwrap();
    assert_eq!((found.pull_request, found.commit.as_deref(), found.is_fork), (Ok(8), Some("beef"), false));
    assert!(by_event(&plain.replacen("a/b", "eve/b", 1)).unwrap().is_fork);
    // The repository of a fork may be gone.
    assert!(by_event(&plain.replacen(r#"{"full_name": "a/b"}"#, "null", 1)).unwrap().is_fork);
    let comment = r#"{"issue": {"number": 9, "pull_request": {}}}"#;
    assert_eq!(by_event(comment).unwrap().pull_request, Ok(9));
    let run = r#"{"workflow_run": {"event": "pull_request", "head_sha": "beef", "pull_requests": [{"number": 10}]}}"#;
    assert_eq!(by_event(run).unwrap().pull_request, Ok(10));
    for none in ["", "nonsense", "{}", r#"{"issue": {"number": 9}}"#, r#"{"workflow_run": {"event": "push"}}"#] {
        assert_eq!(
            by_event(none).unwrap().pull_request,
            Err("this run is of the event `pull_request`".to_owned()),
            "{none}"
        );
    }
}

#[test]
fn what_follows_a_run_of_a_fork_must_be_told_the_number() {
    let run = r#"{"workflow_run": {"event": "pull_request", "pull_requests": []}}"#;
    let failure = by_event(run).unwrap_err();
    assert!(failure.next.unwrap().contains("--pull-request N"), "{}", failure.what);
    let all: &[&[(&str, &str)]] = &[GITHUB, &[("GITHUB_REF", ""), ("GITHUB_EVENT_PATH", "event.json")]];
    let told = Asked { pull_request: Some(4), ..Asked::default() };
    assert_eq!(look(all, run, &told).unwrap().pull_request, Ok(4));
    let issue = Asked { needs_none: true, ..Asked::default() };
    assert!(look(all, run, &issue).unwrap().pull_request.is_err());
}

#[test]
fn gitlab_finds_the_one_merge_request_of_a_branch() {
    let of_branch =
        |open: &str| found(GITLAB, &[("CI_MERGE_REQUEST_IID", ""), ("CI_OPEN_MERGE_REQUESTS", open)]).pull_request;
    assert_eq!(of_branch("contoso/access!9"), Ok(9));
    assert!(of_branch("").is_err() && of_branch("contoso/access!9,contoso/access!10").is_err());
    assert!(of_branch("contoso/other!9").is_err());
    let fork = found(GITLAB, &[("CI_PROJECT_ID", "99"), ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "99")]);
    assert!(fork.is_fork);
    assert!(matches!(fork.project, Project::GitLab { ref id, .. } if id == "12"));
    let failure = refused(GITLAB, &[("GITLAB_TOKEN", "")]);
    assert_eq!(failure.what, "GITLAB_TOKEN is not set, and the job's own token (CI_JOB_TOKEN) may not write comments");
}

#[test]
fn what_is_not_enough_is_said() {
    let all = [
        refused(&[], &[]),
        look(&[GITHUB, GITLAB], "", &Asked::default()).unwrap_err(),
        refused(GITHUB, &[("GITHUB_TOKEN", " ")]),
        refused(GITHUB, &[("GITHUB_REPOSITORY", "access")]),
        refused(GITHUB, &[("GITHUB_API_URL", "http://api.contoso.com")]),
        refused(GITHUB, &[("GITHUB_API_URL", "https://ana:pw@api.contoso.com")]),
        refused(AZURE, &[("SYSTEM_COLLECTIONURI", "")]),
        refused(AZURE, &[("BUILD_REPOSITORY_PROVIDER", "GitHub")]),
        refused(AZURE, &[("SYSTEM_ACCESSTOKEN", "")]),
    ];
    assert!(all.iter().all(|failure| failure.next.is_some()));
    let said: Vec<_> = all.iter().map(|failure| failure.what.as_str()).collect();
    insta::assert_snapshot!(said.join("\n"));
    let named = Asked { host: Some(HostName::GitLab), ..Asked::default() };
    assert_eq!(look(&[GITHUB, GITLAB], "", &named).unwrap().host, HostName::GitLab);
}
