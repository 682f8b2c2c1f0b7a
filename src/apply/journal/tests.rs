use std::path::Path;

use fs_err as fs;

use super::*;
use crate::apply::tests::{clock, header, role};
use crate::state::{Failure, FailureKind, Outcome};

fn create(path: &Path) -> Result<Journal, JournalError> {
    Journal::create(path, &header(), clock)
}

/// A short journal, as it stands in its file.
fn written(folder: &Path) -> String {
    let path = folder.join("journal.jsonl");
    let mut journal = create(&path).unwrap();
    let change = role("alpha", "one");
    let failure = Failure::new(FailureKind::Forbidden, "403: \u{1b}[31mno\nreally").with_next("ask erin@contoso.com");
    journal.begin(&[&change]).unwrap();
    journal.end(&[(&change, &Outcome::Failed { failure })]).unwrap();
    journal.finish(&crate::apply::Summary { failed: 1, ..Default::default() }).unwrap();
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_journal_is_lines_of_json() {
    let folder = tempfile::tempdir().unwrap();
    let text = written(folder.path()).replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(text, @r#"
    {"format":"rolecall-journal/1","version":"VERSION","time":"2026-11-22T16:40:11Z","config":"contoso-platform","tenant":"8f9f0000-0000-0000-0000-000000000001","identities":{"entra":"erin@contoso.com","environments":{"alpha":"oidc:erin"}},"commit":"4f2c1aa","tree":null,"plan":"7f3a","acknowledgements":["group-deleted:sre"]}
    {"phase":"begin","time":"2026-11-22T16:40:11Z","address":"alpha/clusterrole/one","sign":"remove"}
    {"phase":"end","time":"2026-11-22T16:40:11Z","address":"alpha/clusterrole/one","sign":"remove","outcome":"failed","failure":"forbidden","detail":"403: \u001b[31mno\nreally","next":"ask erin@contoso.com"}
    {"phase":"summary","time":"2026-11-22T16:40:11Z","done":0,"already":0,"pending":0,"failed":1,"not_tried":0,"interrupted":false}
    "#);
}

#[test]
fn a_journal_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let record = read(&folder.path().join("journal.jsonl")).unwrap();
    assert_eq!(record.header.identities.environments["alpha"], "oidc:erin");
    assert_eq!(record.steps.len(), 2);
    assert_eq!(record.summary.map(|summary| summary.failed), Some(1));
    assert!(!record.cut);
}

#[test]
fn a_journal_that_does_not_say_why_it_was_stopped_is_read_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let text = written(folder.path()).replace("\"interrupted\":false}", "\"interrupted\":true}");
    let summary = parse(text.as_bytes()).unwrap().summary.unwrap();
    assert_eq!((summary.interrupted, summary.stopped), (true, None));
}

#[test]
fn a_journal_is_read_up_to_where_it_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let text = written(folder.path());
    let whole = parse(text.as_bytes()).unwrap();
    let first = text.find('\n').unwrap() + 1;
    for end in 0..text.len() {
        match parse(&text.as_bytes()[..end]) {
            Err(error) => {
                assert!(matches!(error, ReadError::NoHeader), "{end}: {error}");
                assert!(end < first, "{end}");
            }
            Ok(record) => {
                assert!(end >= first, "{end}");
                assert_eq!(record.cut, text.as_bytes()[end - 1] != b'\n');
                assert_eq!(record.steps, whole.steps[..record.steps.len()]);
                assert_eq!(record.summary, None);
            }
        }
    }
}

#[test]
fn what_no_journal_says_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let text = written(folder.path());
    let lines: Vec<&str> = text.lines().collect();
    let error = |lines: &[&str]| parse((lines.join("\n") + "\n").as_bytes()).unwrap_err().to_string();

    insta::assert_snapshot!(error(&["{}"]), @"line 1 of the journal cannot be understood: missing field `format`");
    insta::assert_snapshot!(error(&[&lines[0].replace("journal/1", "journal/2")]), @"line 1 of the journal cannot be understood: unknown variant `rolecall-journal/2`, expected `rolecall-journal/1`");
    insta::assert_snapshot!(error(&[lines[0], "", lines[1]]), @"line 2 of the journal cannot be understood: EOF while parsing a value");
    insta::assert_snapshot!(error(&[lines[0], &lines[1].replace("\"begin\"", "\"started\"")]), @"line 2 of the journal cannot be understood: unknown variant `started`, expected one of `begin`, `end`, `summary`");
    insta::assert_snapshot!(error(&[lines[0], &lines[1].replace("\"sign\"", "\"secret\":1,\"sign\"")]), @"line 2 of the journal cannot be understood: unknown field `secret`, expected one of `time`, `address`, `sign`, `origin`, `added`");
    insta::assert_snapshot!(error(&[lines[0], &lines[3].replace("\"done\"", "\"extra\":1,\"done\"")]), @"line 2 of the journal cannot be understood: unknown field `extra`, expected one of `time`, `done`, `already`, `pending`, `failed`, `not_tried`, `interrupted`, `stopped`");
    insta::assert_snapshot!(error(&[lines[0], lines[3], lines[1]]), @"line 3 of the journal cannot be understood: it stands behind the summary");
    insta::assert_snapshot!(error(&[lines[0], &"x".repeat(1 << 21)]), @"line 2 of the journal is longer than 1048576 bytes");
}

#[test]
fn a_file_that_exists_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    fs::write(&path, "mine").unwrap();
    let error = create(&path).err().unwrap();
    assert!(matches!(error, JournalError::Exists { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn our_own_folder_keeps_itself_out_of_git_and_no_other_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let ignored = |name: &str| {
        create(&folder.path().join(name).join("journal.jsonl")).unwrap();
        fs::read_to_string(folder.path().join(name).join(".gitignore")).ok()
    };
    assert!(ignored("new/.rolecall").is_some_and(|text| text.lines().any(|line| line == "*")));
    assert_eq!(ignored("journals"), None);
    fs::create_dir(folder.path().join(".rolecall")).unwrap();
    assert_eq!(ignored(".rolecall"), None, "whoever made it decides");
}

#[test]
fn missing_folders_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".rolecall").join("journal.jsonl");
    create(&path).unwrap();
    assert!(path.exists());
}

#[test]
fn the_default_place_is_named_by_the_time() {
    assert_eq!(default_path(clock()), Path::new(".rolecall/2026-11-22T16-40-11.000Z.jsonl"));
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn only_the_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made").join("journal.jsonl");
        create(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[test]
    fn no_link_is_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(matches!(create(&path), Err(JournalError::Exists { .. })));
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = |path: &str| {
            let error = create(&folder.path().join(path)).err().unwrap().to_string();
            error.replace(&folder.path().display().to_string(), "HERE")
        };
        insta::assert_snapshot!(error("file/journal.jsonl"), @"cannot create the folder HERE/file for the journal: File exists (os error 17); name another place with --journal");
        insta::assert_snapshot!(error("file"), @"the journal HERE/file exists already, and a journal never overwrites; name another with --journal");
        let long = error(&"x".repeat(300));
        assert!(long.starts_with("cannot create the journal:") && long.ends_with("--journal"), "{long}");
    }

    #[test]
    fn links_in_a_relative_path_are_found() {
        // Relative to the current folder, which tests share: the link lies below `target`, where nothing is committed.
        let folder = tempfile::tempdir_in("target").unwrap();
        symlink(".", folder.path().join("link")).unwrap();
        let name = folder.path().file_name().unwrap();
        let path = Path::new("target").join(name).join("link").join("journal.jsonl");
        let error = create(&path).err().unwrap();
        assert!(matches!(&error, JournalError::Linked { link, .. } if link.ends_with("link")), "{error}");
        assert!(!folder.path().join("journal.jsonl").exists());
    }
}

#[test]
fn every_line_holds_to_the_schema() {
    let schema = serde_json::from_str(&journal_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for line in written(folder.path()).lines() {
        let line = serde_json::from_str(line).unwrap();
        assert!(validator.is_valid(&line), "{line}: {:?}", validator.iter_errors(&line).collect::<Vec<_>>());
    }
    assert!(!validator.is_valid(&serde_json::json!({ "phase": "begin", "secret": "x" })));
}

proptest::proptest! {
    #[test]
    fn no_input_panics(bytes: Vec<u8>) {
        static WHOLE: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| written(tempfile::tempdir().unwrap().path()));
        let _ = parse(bytes.as_slice());
        let _ = parse([WHOLE.as_bytes(), &bytes].concat().as_slice());
    }
}
