use super::*;
use crate::diagnostics::{Rule, Span};

static RULE: Rule = Rule { id: "unknown-group", severity: Severity::Error, summary: "" };
static WARNING: Rule = Rule { id: "odd", severity: Severity::Warning, summary: "" };

const TEXT: &str =
    "grants:\r\n  # 東京\r\n  - { groups: [k8s_dev_userz], roles: [read-only], environments: [alpha] }\r\n";

fn example() -> (Vec<Finding>, SourceMap) {
    let mut sources = SourceMap::default();
    let one = sources.add("teams/trinity.yaml", TEXT);
    let two = sources.add("roles.yaml", "roles:\n  \u{1b}[2Jré\u{202e}d: {}\n  red: {}\n");
    let label = |file, text: &str, at: &str, label: &str| {
        let start = text.find(at).unwrap();
        Label { span: Span { file, start, end: start + at.len() }, text: label.to_owned() }
    };
    let roles = sources.get(two).unwrap().text.clone();
    let findings = vec![
        Finding {
            rule: &RULE,
            severity: RULE.severity,
            message: "`k8s_dev_userz` is not a group of this config".to_owned(),
            labels: vec![label(one, TEXT, "k8s_dev_userz", "no group has this key")],
            file: None,
            help: Some("did you mean `k8s_dev_users` (teams/trinity.yaml:4)?".to_owned()),
        },
        Finding {
            rule: &RULE,
            severity: RULE.severity,
            message: "`\u{1b}[31mred` stands twice".to_owned(),
            labels: vec![
                label(two, &roles, "red", "again\u{7} here"),
                label(two, &roles, "ré\u{202e}d", "first here"),
                label(one, TEXT, "read-only", "used here"),
            ],
            file: None,
            help: Some("a very long help that does not fit into the width of the terminal and goes on".to_owned()),
        },
        Finding {
            rule: &WARNING,
            severity: WARNING.severity,
            message: "cannot be read: permission denied".to_owned(),
            labels: vec![],
            file: Some("secret\n.yaml".to_owned()),
            help: None,
        },
    ];
    (findings, sources)
}

#[test]
fn graphical() {
    let (findings, sources) = example();
    let style = Style { graphical: true, colour: false, width: 60 };
    insta::assert_snapshot!(render(&findings, &sources, &style), @r#"
    error[unknown-group]: `k8s_dev_userz` is not a group of this config
       ╭─[teams/trinity.yaml:3:16]
     3 │   - { groups: [k8s_dev_userz], roles: [read-only], environments: [alpha] }
       ·                ──────┬──────
       ·                      ╰── no group has this key
       ╰────
      help: did you mean `k8s_dev_users` (teams/trinity.yaml:4)?

    error[unknown-group]: `\u{1b}[31mred` stands twice
       ╭─[roles.yaml:3:3]
     2 │   �[2Jré�d: {}
       ·       ──┬─
       ·         ╰── first here
     3 │   red: {}
       ·   ─┬─
       ·    ╰── again\u{7} here
       ╰────
       ╭─[teams/trinity.yaml:3:40]
     3 │   - { groups: [k8s_dev_userz], roles: [read-only], environments: [alpha] }
       ·                                        ────┬────
       ·                                            ╰── used here
       ╰────
      help: a very long help that does not fit into the width of
            the terminal and goes on

    warning[odd]: secret\n.yaml: cannot be read: permission denied

    2 errors and 1 warning in 3 files. Nothing was changed.
    "#);
}

#[test]
fn plain() {
    let (findings, sources) = example();
    let style = Style { graphical: false, colour: true, width: 60 };
    insta::assert_snapshot!(render(&findings, &sources, &style), @r#"
    error[unknown-group]: teams/trinity.yaml:3:16: `k8s_dev_userz` is not a group of this config
      3 |   - { groups: [k8s_dev_userz], roles: [read-only], environments: [alpha] }
      no group has this key
      help: did you mean `k8s_dev_users` (teams/trinity.yaml:4)?

    error[unknown-group]: roles.yaml:3:3: `\u{1b}[31mred` stands twice
      3 |   red: {}
      again\u{7} here
      roles.yaml:2:7: first here
      2 |   �[2Jré�d: {}
      teams/trinity.yaml:3:40: used here
      3 |   - { groups: [k8s_dev_userz], roles: [read-only], environments: [alpha] }
      help: a very long help that does not fit into the width of the terminal and goes on

    warning[odd]: secret\n.yaml: cannot be read: permission denied

    2 errors and 1 warning in 3 files. Nothing was changed.
    "#);
}

#[test]
fn colour_is_only_added() {
    let (findings, sources) = example();
    let drawn = |colour| render(&findings, &sources, &Style { graphical: true, colour, width: 60 });
    let coloured = drawn(true);
    assert!(coloured.contains("\u{1b}[31merror[unknown-group]\u{1b}[0m"), "{coloured:?}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), drawn(false));
}

#[test]
fn nothing_found_is_nothing_said() {
    let style = Style { graphical: true, colour: false, width: 80 };
    assert_eq!(render(&[], &SourceMap::default(), &style), "");
}

#[test]
fn places_at_the_edges_are_drawn() {
    let mut sources = SourceMap::default();
    let long = "x".repeat(10_000);
    for text in ["", "a", "a\n", "\n\n", "é", &long] {
        let file = sources.add("a.yaml", text);
        for (start, end) in [(0, 0), (text.len(), text.len()), (0, text.len())] {
            let finding = Finding {
                rule: &RULE,
                severity: RULE.severity,
                message: "m".to_owned(),
                labels: vec![Label { span: Span { file, start, end }, text: "here".to_owned() }],
                file: None,
                help: None,
            };
            let drawn = render(&[finding], &sources, &Style { graphical: true, colour: false, width: 80 });
            let drawn_whole = drawn.contains("here") || text.is_empty() || text.len() > 4096;
            assert!(drawn.contains("a.yaml:") && drawn_whole, "{text:?} {start} {drawn}");
            assert!(drawn.len() < 1000, "{drawn}");
        }
    }
}

#[test]
fn for_programs() {
    let (findings, sources) = example();
    insta::assert_snapshot!(format!("{:#}", json(&findings, &sources)), @r#"
    {
      "errors": 2,
      "findings": [
        {
          "file": "teams/trinity.yaml",
          "help": "did you mean `k8s_dev_users` (teams/trinity.yaml:4)?",
          "labels": [
            {
              "column": 16,
              "end_column": 29,
              "end_line": 3,
              "file": "teams/trinity.yaml",
              "line": 3,
              "text": "no group has this key"
            }
          ],
          "message": "`k8s_dev_userz` is not a group of this config",
          "rule": "unknown-group",
          "severity": "error"
        },
        {
          "file": "roles.yaml",
          "help": "a very long help that does not fit into the width of the terminal and goes on",
          "labels": [
            {
              "column": 3,
              "end_column": 6,
              "end_line": 3,
              "file": "roles.yaml",
              "line": 3,
              "text": "again\u0007 here"
            },
            {
              "column": 7,
              "end_column": 11,
              "end_line": 2,
              "file": "roles.yaml",
              "line": 2,
              "text": "first here"
            },
            {
              "column": 40,
              "end_column": 49,
              "end_line": 3,
              "file": "teams/trinity.yaml",
              "line": 3,
              "text": "used here"
            }
          ],
          "message": "`\u001b[31mred` stands twice",
          "rule": "unknown-group",
          "severity": "error"
        },
        {
          "file": "secret\n.yaml",
          "help": null,
          "labels": [],
          "message": "cannot be read: permission denied",
          "rule": "odd",
          "severity": "warning"
        }
      ],
      "version": 1,
      "warnings": 1
    }
    "#);
}

#[test]
fn one_mistake_at_many_places_is_drawn_once_and_counted_everywhere() {
    let mut sources = SourceMap::default();
    let files: Vec<_> = (1..=5).map(|at| sources.add(format!("teams/{at}.yaml"), "[alfa]\n")).collect();
    let of = |message: &str, file| Finding {
        rule: &RULE,
        severity: RULE.severity,
        message: message.to_owned(),
        labels: vec![Label { span: Span { file, start: 1, end: 5 }, text: "no environment has this name".to_owned() }],
        file: None,
        help: Some("did you mean `alpha`?".to_owned()),
    };
    let mut findings: Vec<_> =
        files.iter().map(|file| of("`alfa` is not an environment of this config", *file)).collect();
    findings.insert(2, of("another", files[1]));
    let plain = Style { graphical: false, colour: false, width: 60 };
    insta::assert_snapshot!(render(&findings, &sources, &plain), @"
    error[unknown-group]: teams/1.yaml:1:2: `alfa` is not an environment of this config
      1 | [alfa]
      no environment has this name
      help: did you mean `alpha`?
      the same at 4 other places: teams/2.yaml:1:2, teams/3.yaml:1:2, teams/4.yaml:1:2 and 1 more

    error[unknown-group]: teams/2.yaml:1:2: another
      1 | [alfa]
      no environment has this name
      help: did you mean `alpha`?

    6 errors in 5 files. Nothing was changed.
    ");
    let graphical = Style { graphical: true, ..plain };
    let drawn = render(&findings, &sources, &graphical);
    insta::assert_snapshot!(drawn.split_once("help").unwrap().1, @"
    : did you mean `alpha`?
      the same at 4 other places: teams/2.yaml:1:2,
      teams/3.yaml:1:2, teams/4.yaml:1:2 and 1 more

    error[unknown-group]: another
       ╭─[teams/2.yaml:1:2]
     1 │ [alfa]
       ·  ──┬─
       ·    ╰── no environment has this name
       ╰────
      help: did you mean `alpha`?

    6 errors in 5 files. Nothing was changed.
    ");
    findings.drain(3..);
    assert!(!render(&findings, &sources, &plain).contains("the same"), "a few are drawn each");
    assert_eq!(json(&findings, &sources)["findings"].as_array().map(Vec::len), Some(3));
}
