//! One issue that tracks drift, on the hosts that have issues.

use rolecall::report::markdown::MEASURED;

use crate::place::Place;
use crate::server::{BOT, EVE, Face, Item, Wrong};

const MARKER: &str = "<!-- rolecall:comment drift -->";
const LABEL: &str = "rolecall-drift";

fn places() -> impl Iterator<Item = Place> {
    [Face::GitHub, Face::GitLab].into_iter().map(Place::of)
}

fn issues(place: &Place) -> Vec<Item> {
    place.server.state().issues.clone()
}

#[test]
fn it_is_opened_updated_closed_and_opened_again() {
    for place in places() {
        place.write("drift.md", "one is off\n");
        let ran = place.comment(&["drift.md", "--as-issue"]).exits(0);
        assert!(ran.stdout.starts_with("Opened the issue `drift` of contoso/access: https://"), "{ran:?}");
        let [issue] = &issues(&place)[..] else { panic!() };
        assert_eq!(
            (issue.title.as_str(), issue.text.as_str()),
            ("rolecall: drift", &*format!("{MARKER}\none is off\n"))
        );
        assert_eq!(issue.labels, [LABEL]);

        let ran = place.comment(&["drift.md", "--as-issue"]).exits(0);
        assert!(
            ran.stdout.starts_with("Nothing differs: the issue `drift` of contoso/access stays as it is"),
            "{ran:?}"
        );
        assert_eq!(place.server.writes().len(), 1);

        place.write("drift.md", "two are off\n");
        let ran = place.comment(&["drift.md", "--as-issue", "--title", "Drift of contoso"]).exits(0);
        assert!(ran.stdout.starts_with("Edited the issue"), "{ran:?}");

        let ran = place.comment(&["--as-issue", "--close"]).exits(0);
        assert!(ran.stdout.starts_with("Closed the issue"), "{ran:?}");
        let [issue] = &issues(&place)[..] else { panic!() };
        assert!(!issue.is_open);
        assert!(
            issue.text.starts_with(&format!("{MARKER}\n**Nothing is left of this**, as of [this job](https://")),
            "{issue:?}"
        );
        assert!(issue.text.ends_with("It was:\n\ntwo are off\n"), "{issue:?}");
        assert_eq!(issue.title, "Drift of contoso");
        let ran = place.comment(&["--as-issue", "--close"]).exits(0);
        assert_eq!(ran.stdout, "Nothing to close: the issue `drift` of contoso/access is not open\n");

        let ran = place.comment(&["drift.md", "--as-issue"]).exits(0);
        assert!(ran.stdout.starts_with("Opened the issue `drift` of contoso/access again: https://"), "{ran:?}");
        let [issue] = &issues(&place)[..] else { panic!() };
        assert!(issue.is_open);
        assert_eq!(issue.text, format!("{MARKER}\ntwo are off\n"));
    }
}

const FILES: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s }
groups:
  dev: { members: [hayden@contoso.com] }
";

#[test]
fn what_a_look_has_cost_is_not_sent_alone() {
    for place in places() {
        fs_err::create_dir(place.path("access")).unwrap();
        place.write("access/rolecall.yaml", FILES);
        let look = || {
            let arguments = ["access", "--sandbox", "sandbox", "--also", "markdown=drift.md"];
            let _ = place.rolecall("drift", &arguments, "").exits(2);
            fs_err::read_to_string(place.path("drift.md")).unwrap()
        };
        let (result, _) = look().split_once(MEASURED).map(|(one, other)| (one.to_owned(), other.to_owned())).unwrap();
        let ran = place.comment(&["drift.md", "--as-issue"]).exits(0);
        assert!(ran.stdout.starts_with("Opened"), "{ran:?}");
        // The scheduled runs after it: the same drift, at another price.
        let again = look();
        assert_eq!(again.split_once(MEASURED).map(|(result, _)| result), Some(&*result));
        place.write("drift.md", format!("{result}{MEASURED}977 Graph calls (1 unit), none throttled, 88.8 s\n"));
        let ran = place.comment(&["drift.md", "--as-issue"]).exits(0);
        assert!(ran.stdout.starts_with("Nothing differs"), "{ran:?}");
        assert_eq!(place.server.writes().len(), 1);
        place.write("access/rolecall.yaml", FILES.replace("hayden", "joan"));
        let _ = look();
        let ran = place.comment(&["drift.md", "--as-issue"]).exits(0);
        assert!(ran.stdout.starts_with("Edited"), "{ran:?}");
    }
}

#[test]
fn no_pull_request_is_needed() {
    for mut place in places() {
        for (name, value) in [("GITHUB_REF", "refs/heads/main"), ("CI_MERGE_REQUEST_IID", "")] {
            place.set(name, value);
        }
        place.write("drift.md", "one is off\n");
        let _ = place.comment(&["drift.md", "--as-issue", "--key", "prod"]).exits(0);
        assert!(issues(&place)[0].text.starts_with("<!-- rolecall:comment prod -->\n"));
        // A job that could not look must not leave what it said before.
        let ran = place.comment(&["no.md", "--as-issue", "--key", "prod"]).exits(1);
        assert!(
            ran.stderr.starts_with("error: no.md is not there; what is posted says that the look for drift"),
            "{ran:?}"
        );
        assert!(issues(&place)[0].text.contains("**rolecall: the look for drift of 4f2c1aa failed.**"));
    }
}

#[test]
fn an_issue_of_somebody_else_is_left_alone() {
    for place in places() {
        let labels = [LABEL.to_owned()];
        place.server.state().issue(EVE.id, "rolecall: drift", &format!("{MARKER}\nNo drift"), &labels);
        place.server.state().issue(BOT.id, "another thing", "of ours", &labels);
        place.write("drift.md", "one is off\n");
        let _ = place.comment(&["drift.md", "--as-issue"]).exits(0);
        let _ = place.comment(&["--as-issue", "--close"]).exits(0);
        let open: Vec<bool> = issues(&place).iter().map(|issue| issue.is_open).collect();
        assert_eq!(open, [true, true, false]);
    }
}

#[test]
fn of_several_open_ones_the_oldest_is_kept_and_the_others_are_closed() {
    for place in places() {
        let labels = [LABEL.to_owned()];
        for text in ["one", "two", "three"] {
            place.server.state().issue(BOT.id, "rolecall: drift", &format!("{MARKER}\n{text}"), &labels);
        }
        place.server.state().issues[2].is_open = false;
        place.write("drift.md", "four");
        let _ = place.comment(&["drift.md", "--as-issue"]).exits(0);
        let all = issues(&place);
        assert_eq!(all.iter().map(|issue| issue.is_open).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(all[0].text, format!("{MARKER}\nfour"));
        assert!(all[1].text.contains("Superseded by [the one that is kept](https://"), "{all:?}");
    }
}

#[test]
fn it_is_opened_once_when_the_answer_is_lost() {
    for place in places() {
        place.write("drift.md", "one is off\n");
        place.server.fault("POST", 1, Wrong::DoneAndCut);
        let ran = place.comment(&["drift.md", "--as-issue"]).exits(0);
        assert!(ran.stdout.starts_with("Opened"), "{ran:?}");
        assert_eq!(issues(&place).len(), 1);
    }
}

#[test]
fn what_stands_in_the_way_is_told() {
    let mut said = String::new();
    for mut place in places() {
        place.write("drift.md", "one is off\n");
        place.server.state().has_issues = false;
        said.push_str(&place.comment(&["drift.md", "--as-issue"]).exits(1).stderr);
        place.server.state().has_issues = true;
        // Somebody who may open issues and not set labels.
        place.set(place.token_variable(), EVE.token);
        said.push_str(&place.comment(&["drift.md", "--as-issue"]).exits(1).stderr);
        assert!(issues(&place).iter().all(|issue| !issue.is_open));
        place.set(place.token_variable(), crate::server::READER.token);
        said.push_str(&place.comment(&["drift.md", "--as-issue"]).exits(1).stderr);
    }
    let place = Place::of(Face::AzureDevOps);
    place.write("drift.md", "one is off\n");
    said.push_str(&place.comment(&["drift.md", "--as-issue"]).exits(1).stderr);
    insta::assert_snapshot!(said);
}
