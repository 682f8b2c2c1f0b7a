//! What cannot be done, and what is said then.

use crate::place::Place;
use crate::server::{FACES, Face, READER, Wrong};

#[test]
fn who_may_not_is_told_the_exact_permission() {
    let mut said = String::new();
    for face in FACES {
        for token in [READER.token, "s3cr3t-of-yesterday"] {
            let mut place = Place::of(face);
            place.write("plan.md", "one");
            place.set(place.token_variable(), token);
            said.push_str(&place.comment(&["plan.md"]).exits(1).stderr);
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_token_that_is_repeated_is_not_shown() {
    for face in FACES {
        let place = Place::of(face);
        place.write("plan.md", "one");
        place.server.fault("POST", 1, Wrong::Answers(400, Vec::new(), "bad header: s3cr3t-token-of-the-job"));
        let ran = place.comment(&["plan.md"]).exits(1);
        assert!(ran.stderr.contains("answered 400: bad header: …"), "{ran:?}");
        // As a program behind the host may have been handed it: `:TOKEN` and `x-access-token:TOKEN` in base64.
        for encoded in ["OnMzY3IzdC10b2tlbi1vZi10aGUtam9i", "eC1hY2Nlc3MtdG9rZW46czNjcjN0LXRva2VuLW9mLXRoZS1qb2I="] {
            let said: &'static str = format!("bad header: Basic {encoded}").leak();
            place.server.fault("POST", 1, Wrong::Answers(400, Vec::new(), said));
            let ran = place.comment(&["plan.md"]).exits(1);
            let (_, shown) = ran.stderr.split_once("bad header: Basic ").unwrap();
            assert!(shown.contains('…') && !shown.contains("MzY3Iz") && !shown.contains("czNjcj"), "{ran:?}");
        }
    }
}

#[test]
fn a_pull_request_that_is_not_there_and_one_that_is_locked() {
    let mut said = String::new();
    for face in FACES {
        let place = Place::of(face);
        place.write("plan.md", "one");
        said.push_str(&place.comment(&["plan.md", "--pull-request", "404"]).exits(1).stderr);
        if face != Face::AzureDevOps {
            place.server.state().is_locked = true;
            said.push_str(&place.comment(&["plan.md"]).exits(1).stderr);
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_change_from_a_fork_is_told_another_way() {
    let mut place = Place::of(Face::GitHub);
    place.write("plan.md", "one");
    place.write(
        "event.json",
        r#"{"pull_request": {"number": 7, "head": {"sha": "4f2c1aa0d0e84f2c1aa0d0e84f2c1aa0d0e84f2c", "repo": {"full_name": "eve/access"}},
            "base": {"repo": {"full_name": "contoso/access"}}}}"#,
    );
    place.set("GITHUB_EVENT_PATH", "event.json");
    place.set("GITHUB_TOKEN", READER.token);
    let ran = place.comment(&["plan.md"]).exits(1);
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn no_pull_request_is_no_error_in_a_job() {
    let mut said = String::new();
    for face in FACES {
        let mut place = Place::of(face);
        place.write("plan.md", "one");
        for (name, value) in [
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_EVENT_NAME", "push"),
            ("CI_MERGE_REQUEST_IID", ""),
            ("CI_PIPELINE_SOURCE", "push"),
            ("SYSTEM_PULLREQUEST_PULLREQUESTID", ""),
            ("BUILD_REASON", "IndividualCI"),
        ] {
            place.set(name, value);
        }
        said.push_str(&place.comment(&["plan.md"]).exits(0).all());
        assert!(place.server.state().seen.is_empty());
        // Whoever names it, means it.
        let _ = place.comment(&["plan.md", "--pull-request", "7"]).exits(0);
    }
    let mut outside = Place::of(Face::GitHub);
    outside.environment.clear();
    said.push_str(&outside.comment(&["plan.md"]).exits(1).all());
    said.push_str(&outside.comment(&["plan.md", "--host", "github"]).exits(1).all());
    insta::assert_snapshot!(said);
}

#[test]
fn the_token_follows_a_list_to_no_other_origin() {
    let elsewhere = Place::of(Face::GitHub);
    let place = Place::of(Face::GitHub);
    for number in 0..120 {
        place.server.state().comment(66, &format!("comment {number}"));
    }
    place.server.state().elsewhere = Some(elsewhere.server.url.clone());
    place.write("plan.md", "one");
    let ran = place.comment(&["plan.md"]).exits(1);
    assert!(ran.stderr.contains("where our token may not go"), "{ran:?}");
    assert!(elsewhere.server.state().seen.is_empty());
    // GitLab's pages are asked for by number: how it believes to be called does not matter.
    let place = Place::of(Face::GitLab);
    for number in 0..120 {
        place.server.state().comment(66, &format!("comment {number}"));
    }
    place.server.state().elsewhere = Some(elsewhere.server.url.clone());
    place.write("plan.md", "one");
    let _ = place.comment(&["plan.md"]).exits(0);
    assert!(elsewhere.server.state().seen.is_empty());
}

#[test]
fn a_redirect_is_not_followed() {
    for face in FACES {
        let place = Place::of(face);
        place.write("plan.md", "one");
        let to = vec![("location", "https://elsewhere.example/?token=1".to_owned())];
        place.server.fault("GET", 1, Wrong::Answers(302, to, ""));
        let ran = place.comment(&["plan.md"]).exits(1);
        assert!(ran.stderr.contains("redirects to https://elsewhere.example (302)"), "{ran:?}");
    }
}

#[test]
fn usage_that_makes_no_sense_is_told() {
    let place = Place::of(Face::GitHub);
    for line in [
        &[][..],
        &["--close"],
        &["a.md", "--close", "--as-issue"],
        &["a.md", "--title", "x"],
        &["a.md", "--as-issue", "--pull-request", "1"],
    ] {
        let _ = place.comment(line).exits(64);
    }
    assert!(place.server.state().seen.is_empty());
}
