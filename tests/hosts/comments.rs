//! One comment on a pull request, on each host.

use rolecall::report::markdown::MEASURED;

use crate::place::Place;
use crate::server::{BOT, EVE, FACES, Face, HEAD, Wrong};

const MARKER: &str = "<!-- rolecall:comment plan -->";

/// A place on each host, one after the other.
fn places() -> impl Iterator<Item = Place> {
    FACES.into_iter().map(Place::of)
}

#[test]
fn it_is_posted_once_and_edited_when_something_differs() {
    for place in places() {
        let face = place.server.face;
        place.write("plan.md", "# Plan\n\nerin@contoso.com gains prod\n");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(
            ran.stdout.starts_with(&format!("Posted the comment `plan` on {}: https://", place.pull_request())),
            "{ran:?}"
        );
        assert_eq!(ran.stderr, "");
        assert_eq!(place.only(), format!("{MARKER}\n# Plan\n\nerin@contoso.com gains prod\n"), "{face:?}");

        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Nothing differs: the comment `plan` on "), "{ran:?}");
        assert_eq!(place.server.writes().len(), 1, "{face:?}");

        place.write("plan.md", "# Another\n");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Edited the comment `plan` on "), "{ran:?}");
        assert_eq!(place.only(), format!("{MARKER}\n# Another\n"), "{face:?}");
        let ran = place.comment_with_input(&["-"], "# By hand\n").exits(0);
        assert!(ran.stdout.starts_with("Edited"), "{ran:?}");
        assert_eq!(place.only(), format!("{MARKER}\n# By hand\n"), "{face:?}");
    }
}

#[test]
fn what_differs_in_line_ends_alone_is_not_sent() {
    for place in places() {
        place.server.state().comment(BOT.id, &format!("{MARKER}\r\none\r\ntwo"));
        place.write("plan.md", "one\ntwo\n\n");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Nothing differs: the comment `plan` on "), "{ran:?}");
        assert_eq!(place.server.writes(), Vec::<String>::new());
    }
}

#[test]
fn what_a_run_has_cost_is_not_sent_alone() {
    let text = |result: &str, cost: &str| format!("{result}\n\nPlan `1` \u{b7} {MEASURED}{cost}\n");
    for place in places() {
        for (result, cost, became) in [
            ("one", "12 calls, 1.2 s", "Posted"),
            ("one", "13 calls, 1.1 s", "Nothing differs"),
            ("two", "13 calls, 1.1 s", "Edited"),
        ] {
            place.write("plan.md", text(result, cost));
            let ran = place.comment(&["plan.md"]).exits(0);
            assert!(ran.stdout.starts_with(became), "{ran:?}");
        }
        assert_eq!(place.only(), format!("{MARKER}\n{}", text("two", "13 calls, 1.1 s")));
        // Only the last line has it: nobody hides a difference behind a name.
        place.write("plan.md", format!("{MEASURED} three\n{}", text("two", "")));
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Edited"), "{ran:?}");
        place.write("plan.md", format!("{MEASURED} four\n{}", text("two", "")));
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Edited"), "{ran:?}");
    }
}

#[test]
fn a_job_that_comes_late_leaves_the_newer_plan() {
    for mut place in places() {
        let event = |sha: &str| format!(r#"{{"pull_request": {{"number": 7, "head": {{"sha": "{sha}"}}}}}}"#);
        place.write("event.json", event(HEAD));
        place.set("GITHUB_EVENT_PATH", "event.json");
        place.write("plan.md", "of the first push");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Posted"), "{ran:?}");
        place.server.state().head = "9d8c7b6a5f4e".to_owned();
        place.write("plan.md", "of the first push, by a job that was slow");
        for more in [&["plan.md"][..], &["nowhere.md"]] {
            let ran = place.comment(more).exits(0);
            assert!(ran.stdout.starts_with("Nothing was posted: "), "{ran:?}");
            assert!(ran.stdout.ends_with("is at 9d8c7b6 by now, and this run is of 4f2c1aa.\n"), "{ran:?}");
        }
        assert_eq!(place.only(), format!("{MARKER}\nof the first push"));
        assert_eq!(place.server.writes().len(), 1);
        // The job of the newer push.
        place.write("event.json", event("9D8C7B6A5F4E"));
        place.set("CI_COMMIT_SHA", "9d8c7b6a5f4e");
        place.set("SYSTEM_PULLREQUEST_SOURCECOMMITID", "9d8c7b6a5f4e");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Edited"), "{ran:?}");
        // What is merged for a test is no commit of the pull request, and an answer without one is none.
        place.set("CI_MERGE_REQUEST_EVENT_TYPE", "merged_result");
        place.set("CI_COMMIT_SHA", "bbbbbbbbbbbb");
        let _ = place.comment(&["plan.md"]).exits(0);
        place.set("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "9d8c7b6a5f4e");
        place.server.state().head = String::new();
        let ran = place.comment(&["plan.md"]).exits(1);
        assert!(ran.stderr.contains("it does not say at which commit the pull request is"), "{ran:?}");
    }
}

#[test]
fn a_run_that_follows_another_is_of_that_one_s_commit() {
    let mut place = Place::of(Face::GitHub);
    place.write(
        "event.json",
        r#"{"workflow_run": {"event": "pull_request", "head_sha": "0123456789ab", "pull_requests": []}}"#,
    );
    place.set("GITHUB_EVENT_PATH", "event.json");
    place.write("plan.md", "one");
    let ran = place.comment(&["plan.md", "--pull-request", "7"]).exits(0);
    assert!(ran.stdout.starts_with("Nothing was posted: pull request #7 is at 4f2c1aa by now"), "{ran:?}");
    place.server.state().head = "0123456789ab".to_owned();
    let ran = place.comment(&["plan.md", "--pull-request", "7"]).exits(0);
    assert!(ran.stdout.starts_with("Posted"), "{ran:?}");
}

#[test]
fn a_list_that_is_not_whole_or_not_right_is_an_error() {
    for place in places() {
        place.server.state().comment(BOT.id, &format!("{MARKER}\none"));
        place.write("plan.md", "two");
        let text = if place.server.face == Face::AzureDevOps { "comments" } else { "body" };
        for lacks in ["id", text] {
            place.server.state().lacks = Some(lacks);
            let ran = place.comment(&["plan.md"]).exits(1);
            assert!(ran.stderr.contains("gave an answer that is none of"), "{lacks}: {ran:?}");
        }
        assert_eq!(place.server.writes(), Vec::<String>::new());
    }
    let place = Place::of(Face::GitHub);
    for number in 0..150 {
        place.server.state().comment(EVE.id, &format!("comment {number}"));
    }
    place.server.state().is_circle = true;
    place.write("plan.md", "one");
    let ran = place.comment(&["plan.md"]).exits(1);
    assert!(ran.stderr.contains("a list goes on where it was"), "{ran:?}");
    assert!(place.server.state().seen.len() < 10);
}

#[test]
fn a_key_tells_comments_apart() {
    for place in places() {
        for (key, text) in [("dev", "of dev"), ("prod", "of prod"), ("dev", "of dev again")] {
            place.write("plan.md", text);
            let _ = place.comment(&["plan.md", "--key", key]).exits(0);
        }
        let expected = ["<!-- rolecall:comment dev -->\nof dev again", "<!-- rolecall:comment prod -->\nof prod"];
        assert_eq!(place.texts(), expected);
        let ran = place.comment(&["plan.md", "--key", "a --> b"]).exits(64);
        assert!(ran.stderr.contains("a key is up to 64"), "{ran:?}");
    }
}

#[test]
fn a_plan_that_failed_never_leaves_an_old_one() {
    for place in places() {
        place.write("plan.md", "# Plan\n");
        let _ = place.comment(&["plan.md"]).exits(0);
        fs_err::remove_file(place.path("plan.md")).unwrap();
        place.write("plans.md", "");
        let ran = place.comment(&["plan.md"]).exits(1);
        assert_eq!(
            ran.stderr,
            "error: plan.md is not there; what is posted says that the plan failed\n  help: did you mean `plans.md`?\n"
        );
        fs_err::remove_file(place.path("plans.md")).unwrap();
        let text = place.only();
        assert!(text.starts_with(&format!("{MARKER}\n**rolecall: the plan of 4f2c1aa failed.**")), "{text}");
        assert!(text.contains("[The job](http") && text.contains("991"), "{text}");

        place.write("plan.md", " \n");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stderr.starts_with("warning: plan.md is empty:"), "{ran:?}");
        assert!(ran.stdout.starts_with("Nothing differs"), "{ran:?}");

        // It cannot be shown, and the job is to know it too.
        place.write("plan.md", b"\xff\xfe\x00");
        let ran = place.comment(&["plan.md"]).exits(1);
        assert!(ran.stderr.contains("error: plan.md cannot be read: stream did not contain valid UTF-8"), "{ran:?}");
        assert_eq!(place.only(), text);
        fs_err::create_dir(place.path("out")).unwrap();
        let ran = place.comment(&["out"]).exits(1);
        assert!(ran.stderr.contains("error: out is a folder; what is posted says that the plan failed"), "{ran:?}");
        assert_eq!(place.only(), text);
    }
}

#[cfg(unix)]
#[test]
fn no_link_of_a_checkout_is_read_and_posted() {
    let elsewhere = tempfile::tempdir().unwrap();
    fs_err::write(elsewhere.path().join("plan.md"), "what only the job may read").unwrap();
    for place in places() {
        std::os::unix::fs::symlink(elsewhere.path().join("plan.md"), place.path("plan.md")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), place.path("out")).unwrap();
        let here = place.path("plan.md").display().to_string();
        for file in ["plan.md", "out/plan.md", &here] {
            let ran = place.comment(&[file]).exits(1);
            assert!(ran.stderr.contains("is a symbolic link, and none is followed here"), "{ran:?}");
            assert!(place.only().contains("the plan of 4f2c1aa failed"), "{}", place.only());
        }
        let there = elsewhere.path().join("plan.md").display().to_string();
        let _ = place.comment(&[&there]).exits(0);
    }
}

#[test]
fn a_text_that_is_too_long_is_cut_at_a_line_and_closed() {
    for place in places() {
        let face = place.server.face;
        let most = match face {
            Face::GitHub => 65_536,
            Face::GitLab => 1_000_000,
            Face::AzureDevOps => 150_000,
        };
        // Two units in UTF-16, one character, four bytes.
        let line = format!("+ {}\n", "😀".repeat(200));
        let text = format!("<details>\n\n```diff\n{}```\n\n</details>\n", line.repeat(most / 200));
        place.write("plan.md", &text);
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stderr.contains("takes, and was cut; its last line says where the whole is"), "{ran:?}");
        let posted = place.only();
        let length = if face == Face::AzureDevOps { posted.encode_utf16().count() } else { posted.chars().count() };
        assert!(length <= most && length > most - 1500, "{face:?}: {length}");
        let end = &posted[posted.rfind('😀').unwrap() + '😀'.len_utf8()..];
        let (closed, said) = end.split_once("**The rest").unwrap();
        assert_eq!(closed, "\n```\n\n</details>\n\n");
        assert!(said.contains("[the job that posted it](http"), "{said}");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Nothing differs"), "{ran:?}");
    }
}

#[test]
fn what_is_throttled_or_fails_for_a_while_is_sent_again() {
    let wait = || vec![("retry-after", "0.15".to_owned())];
    for place in places() {
        let write = if place.server.face == Face::GitLab { "PUT" } else { "PATCH" };
        place.server.fault("GET", 1, Wrong::Answers(429, wait(), "Slow down"));
        place.server.fault("GET", 2, Wrong::Answers(503, Vec::new(), "Later"));
        place.server.fault("POST", 2, Wrong::Answers(429, wait(), "Slow down"));
        place.write("plan.md", "one");
        let _ = place.comment(&["plan.md"]).exits(0);
        assert_eq!(place.only(), format!("{MARKER}\none"));
        place.server.fault(write, 1, Wrong::Answers(429, wait(), "Slow down"));
        place.server.fault(write, 2, Wrong::Answers(502, Vec::new(), "Bad gateway"));
        place.server.fault(write, 1, Wrong::DoneAndCut);
        place.write("plan.md", "two");
        let _ = place.comment(&["plan.md"]).exits(0);
        assert_eq!(place.only(), format!("{MARKER}\ntwo"));
        assert!(place.server.state().faults.iter().all(|fault| fault.times == 0));
    }
}

#[test]
fn a_host_that_never_has_time_is_given_up() {
    for place in places() {
        place.write("plan.md", "one");
        place.server.fault("GET", 99, Wrong::Answers(503, Vec::new(), "Down for maintenance"));
        let ran = place.comment(&["plan.md"]).exits(1);
        assert!(ran.stderr.contains("answered 503: Down for maintenance"), "{ran:?}");
        place.server.state().faults.clear();
        place.server.fault("GET", 99, Wrong::Answers(429, vec![("retry-after", "3600".to_owned())], "Slow down"));
        let ran = place.comment(&["plan.md"]).exits(1);
        assert!(ran.stderr.contains("asks to wait 3600 s more (429: Slow down)"), "{ran:?}");
    }
}

#[test]
fn what_got_no_answer_is_looked_for_before_it_is_sent_again() {
    let all = [
        (Wrong::DoneAndCut, 1),
        (Wrong::DoneBut(502), 1),
        (Wrong::DoneBut(504), 1),
        (Wrong::Cut, 2),
        (Wrong::Answers(500, Vec::new(), "Oops"), 2),
    ];
    for (wrong, sent) in all {
        for place in places() {
            place.write("plan.md", "one");
            place.server.fault("POST", 1, wrong.clone());
            let ran = place.comment(&["plan.md"]).exits(0);
            assert!(ran.stdout.starts_with("Posted the comment"), "{wrong:?} {ran:?}");
            assert_eq!(place.only(), format!("{MARKER}\none"), "{wrong:?}");
            assert_eq!(place.server.writes().len(), sent, "{wrong:?} {:?}", place.server.writes());
        }
    }
    for place in places() {
        place.write("plan.md", "one");
        place.server.fault("POST", 99, Wrong::Cut);
        let ran = place.comment(&["plan.md"]).exits(1);
        assert!(ran.stderr.contains("it is not known whether the comment was posted"), "{ran:?}");
        assert_eq!(place.server.writes().len(), 6);
    }
}

#[test]
fn what_was_deleted_by_hand_is_posted_anew() {
    for place in places() {
        place.write("plan.md", "one");
        let _ = place.comment(&["plan.md"]).exits(0);
        let write = if place.server.face == Face::GitLab { "PUT" } else { "PATCH" };
        place.server.fault(write, 1, Wrong::DeletedBefore);
        place.write("plan.md", "two");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Posted the comment"), "{ran:?}");
        assert_eq!(place.only(), format!("{MARKER}\ntwo"));
    }
}

#[test]
fn ours_is_found_on_every_page() {
    for place in places() {
        {
            let mut state = place.server.state();
            for number in 0..130 {
                state.comment(EVE.id, &format!("comment {number}"));
            }
            state.comment(BOT.id, &format!("{MARKER}\none"));
            for number in 0..130 {
                state.comment(EVE.id, &format!("more {number}"));
            }
            // Azure DevOps gives all threads at once, as far as is known.
            state.page = 100;
        }
        place.write("plan.md", "two");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Edited"), "{ran:?}");
        assert_eq!(place.texts()[130], format!("{MARKER}\ntwo"));
        if place.server.face != Face::AzureDevOps {
            // A proxy that takes away headers does not make the list shorter.
            place.server.state().hidden = vec!["x-next-page", "link"];
            let ran = place.comment(&["plan.md"]).exits(0);
            assert!(ran.stdout.starts_with("Nothing differs"), "{ran:?}");
        }
    }
}

#[test]
fn a_marker_in_the_comment_of_somebody_else_means_nothing() {
    for place in places() {
        let pasted = [format!("{MARKER}\nNo changes, safe to merge"), format!("> {MARKER}\nquoted")];
        place.server.state().comment(EVE.id, &pasted[0]);
        // Ours, but of something else, and a quotation by us.
        place.server.state().comment(BOT.id, &pasted[1]);
        place.write("plan.md", "one");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert!(ran.stdout.starts_with("Posted"), "{ran:?}");
        place.server.state().comment(EVE.id, &pasted[0]);
        place.write("plan.md", format!("two\n{MARKER}\nthree"));
        let _ = place.comment(&["plan.md"]).exits(0);
        let ours = format!("{MARKER}\ntwo\n{MARKER}\nthree");
        assert_eq!(place.texts(), [pasted[0].clone(), pasted[1].clone(), ours, pasted[0].clone()]);
    }
}

#[test]
fn of_several_of_ours_the_oldest_is_kept_and_the_others_say_so() {
    for place in places() {
        for text in ["one", "two", "three"] {
            place.server.state().comment(BOT.id, &format!("{MARKER}\n{text}"));
        }
        place.write("plan.md", "one");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert_eq!(ran.stderr, "2 other ones of ours say now: superseded\n");
        let texts = place.texts();
        let other = "<!-- rolecall:superseded plan -->\nSuperseded by [the one that is kept](https://";
        assert!(texts[1].starts_with(other) && texts[2].starts_with(other), "{texts:?}");
        assert_eq!(texts[0], format!("{MARKER}\none"));
        let ran = place.comment(&["plan.md"]).exits(0);
        assert_eq!((ran.stderr.as_str(), place.server.writes().len()), ("", 2));
    }
}

#[test]
fn a_plan_of_ours_whose_marker_was_taken_off_does_not_stay() {
    let plan = "<!-- rolecall plan-id:none -->\n### Nothing to see\n";
    for place in places() {
        place.server.state().comment(BOT.id, plan);
        // Of another key; of somebody else; and of another program, which quotes a text that anybody may have written.
        let others = [
            (BOT.id, format!("<!-- rolecall:comment prod -->\n{plan}")),
            (EVE.id, plan.to_owned()),
            (BOT.id, format!("What was scanned:\n\n{plan}")),
        ];
        for (by, text) in &others {
            place.server.state().comment(*by, text);
        }
        place.write("plan.md", "one");
        let ran = place.comment(&["plan.md"]).exits(0);
        assert_eq!(ran.stderr, "1 other one of ours says now: superseded\n");
        let texts = place.texts();
        assert!(texts[0].starts_with("<!-- rolecall:superseded plan -->\n"), "{texts:?}");
        for ((_, before), after) in others.iter().zip(&texts[1..]) {
            assert_eq!(before, after);
        }
    }
}

#[test]
fn gitlab_carries_out_no_line_of_a_text() {
    let place = Place::of(Face::GitLab);
    place.write("plan.md", "one\n/close\n/approve\n```\n/etc\n```\n");
    let _ = place.comment(&["plan.md"]).exits(0);
    // The server drops a line of code as well, which GitLab does not; what matters is that no other is lost.
    assert_eq!(place.only(), format!("{MARKER}\none\n&#47;close\n&#47;approve\n```\n```\n"));
}
