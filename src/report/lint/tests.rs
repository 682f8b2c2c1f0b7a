#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::Value;

use super::*;
use crate::diagnostics::{Label, Rule, Severity, Span};
use crate::lint::{LINTS, Report, Silenced, text};
use crate::report::findings::Style;

static OTHER: Rule = Rule { id: "unknown-group", severity: Severity::Error, summary: "Groups are defined." };

/// A finding with two places, one note of the same words twice, and a mistake about a file as a whole.
fn example(before: &str) -> (Report, SourceMap) {
    let mut sources = SourceMap::default();
    let text = format!("{before}roles:\n  é: {{ rules: ['*'] }}\n");
    let file = sources.add("teams/a b:東.yaml", text.clone());
    let label = |at: &str, words: &str| {
        let start = text.find(at).unwrap();
        Label { span: Span { file, start, end: start + at.len() }, text: words.to_owned() }
    };
    let lint = LINTS[0];
    let finding = |severity, message: &str, labels| Finding {
        rule: &lint.rule,
        severity,
        message: message.to_owned(),
        labels,
        file: None,
        help: Some("name what is needed".to_owned()),
    };
    let findings = vec![
        finding(Severity::Warning, "\u{1b}[2Jall of it", vec![label("'*'", "here"), label("é", "and here")]),
        finding(Severity::Note, "twice", vec![label("roles", "first")]),
        finding(Severity::Note, "twice", vec![label("rules", "again")]),
        Finding { rule: &OTHER, file: Some("gone.yaml".to_owned()), ..finding(Severity::Error, "gone", Vec::new()) },
    ];
    let silenced = vec![Silenced { rule: "wildcard-rule", findings: 2, reason: "They are \u{202e}meant.".to_owned() }];
    (Report { findings, silenced, left_out: 0 }, sources)
}

fn log(before: &str, base: &Base) -> Value {
    let (report, sources) = example(before);
    serde_json::from_str(&sarif(&report.findings, &sources, base)).unwrap()
}

#[test]
fn results_point_into_files_and_at_their_rules() {
    let log = log("", &Base::Repository("access".to_owned()));
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[at]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
    }
    let ids: std::collections::BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rules.len(), "a rule stands once");
    assert_eq!(rules.len(), LINTS.len() + 1);
    assert!(rules[0]["help"]["markdown"].as_str().unwrap().contains("```yaml"));
    insta::assert_snapshot!(format!("{:#}", run["results"]), @r#"
    [
      {
        "level": "warning",
        "locations": [
          {
            "message": {
              "text": "here"
            },
            "physicalLocation": {
              "artifactLocation": {
                "uri": "access/teams/a%20b%3A%E6%9D%B1.yaml",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 19,
                "endLine": 2,
                "startColumn": 16,
                "startLine": 2
              }
            }
          }
        ],
        "message": {
          "text": "\u001b[2Jall of it. What to do: name what is needed."
        },
        "partialFingerprints": {
          "primaryLocationLineHash": "e9b297c06490441e:1",
          "rolecallFinding/v1": "e9b297c06490441e:1"
        },
        "relatedLocations": [
          {
            "id": 1,
            "message": {
              "text": "and here"
            },
            "physicalLocation": {
              "artifactLocation": {
                "uri": "access/teams/a%20b%3A%E6%9D%B1.yaml",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 4,
                "endLine": 2,
                "startColumn": 3,
                "startLine": 2
              }
            }
          }
        ],
        "ruleId": "cluster-wide-write",
        "ruleIndex": 0
      },
      {
        "level": "note",
        "locations": [
          {
            "message": {
              "text": "first"
            },
            "physicalLocation": {
              "artifactLocation": {
                "uri": "access/teams/a%20b%3A%E6%9D%B1.yaml",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 6,
                "endLine": 1,
                "startColumn": 1,
                "startLine": 1
              }
            }
          }
        ],
        "message": {
          "text": "twice. What to do: name what is needed."
        },
        "partialFingerprints": {
          "primaryLocationLineHash": "ac0e358d2a25b902:1",
          "rolecallFinding/v1": "ac0e358d2a25b902:1"
        },
        "ruleId": "cluster-wide-write",
        "ruleIndex": 0
      },
      {
        "level": "note",
        "locations": [
          {
            "message": {
              "text": "again"
            },
            "physicalLocation": {
              "artifactLocation": {
                "uri": "access/teams/a%20b%3A%E6%9D%B1.yaml",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 13,
                "endLine": 2,
                "startColumn": 8,
                "startLine": 2
              }
            }
          }
        ],
        "message": {
          "text": "twice. What to do: name what is needed."
        },
        "partialFingerprints": {
          "primaryLocationLineHash": "ac0e358d2a25b902:2",
          "rolecallFinding/v1": "ac0e358d2a25b902:2"
        },
        "ruleId": "cluster-wide-write",
        "ruleIndex": 0
      },
      {
        "level": "error",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "access/gone.yaml",
                "uriBaseId": "%SRCROOT%"
              }
            }
          }
        ],
        "message": {
          "text": "gone. What to do: name what is needed."
        },
        "partialFingerprints": {
          "primaryLocationLineHash": "d66be8717497db4b:1",
          "rolecallFinding/v1": "d66be8717497db4b:1"
        },
        "ruleId": "unknown-group",
        "ruleIndex": 15
      }
    ]
    "#);
}

/// Everything that code scanning may be given: every rule, findings, mistakes, and nothing at all.
#[test]
fn the_log_keeps_to_the_published_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../tests/schemas/sarif-2.1.0.json")).unwrap();
    let schema = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let keeps = |log: &Value| {
        let wrong: Vec<String> =
            schema.iter_errors(log).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    };
    for base in [Base::Config, Base::Repository(String::new()), Base::Repository("x y".to_owned())] {
        keeps(&log("", &base));
        keeps(&serde_json::from_str(&sarif(&[], &SourceMap::default(), &base)).unwrap());
    }
    let mut broken = log("", &Base::Config);
    broken["runs"][0]["results"][0]["level"] = "bad".into();
    assert!(!schema.is_valid(&broken), "the schema is one that refuses something");
}

#[test]
fn levels_are_those_of_the_findings_and_rules_say_what_they_are_about() {
    let log = log("", &Base::Config);
    let run = &log["runs"][0];
    let levels: Vec<&str> =
        run["results"].as_array().unwrap().iter().map(|result| result["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["warning", "note", "note", "error"]);
    for (rule, lint) in run["tool"]["driver"]["rules"].as_array().unwrap().iter().zip(LINTS) {
        assert_eq!(rule["id"], lint.rule.id);
        assert_eq!(rule["defaultConfiguration"]["level"], lint.rule.severity.word());
        assert_eq!(rule["shortDescription"]["text"], lint.rule.summary);
        assert_eq!(rule["help"]["markdown"], text(lint));
    }
}

#[test]
fn columns_count_units_of_utf_16() {
    let mut sources = SourceMap::default();
    let line = "key: [🔑é, x]\n";
    let file = sources.add("a.yaml", line);
    let start = line.find('x').unwrap();
    let label = Label { span: Span { file, start, end: start + 1 }, text: "here".to_owned() };
    let finding = Finding {
        rule: &OTHER,
        severity: Severity::Error,
        message: "no".to_owned(),
        labels: vec![label],
        file: None,
        help: None,
    };
    let log: Value = serde_json::from_str(&sarif(&[finding], &sources, &Base::Config)).unwrap();
    assert_eq!(log["runs"][0]["columnKind"], "utf16CodeUnits");
    let region = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
    // The key is one character and two units.
    assert_eq!((&region["startColumn"], &region["endColumn"]), (&12.into(), &13.into()));
}

#[test]
fn paths_are_relative_references() {
    let uri = |base: &Base| {
        let log = log("", base);
        let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
        (place["uri"].as_str().unwrap().to_owned(), place["uriBaseId"].as_str().map(str::to_owned))
    };
    let root = Some("%SRCROOT%".to_owned());
    assert_eq!(uri(&Base::Config), ("teams/a%20b%3A%E6%9D%B1.yaml".to_owned(), None));
    assert_eq!(uri(&Base::Repository(String::new())), ("teams/a%20b%3A%E6%9D%B1.yaml".to_owned(), root.clone()));
    assert_eq!(uri(&Base::Repository("x y".to_owned())), ("x%20y/teams/a%20b%3A%E6%9D%B1.yaml".to_owned(), root));
}

#[test]
fn fingerprints_stay_when_lines_move_and_differ_among_findings() {
    let prints = |before: &str| {
        let (report, sources) = example(before);
        fingerprints(&report.findings, &sources)
    };
    assert_eq!(prints(""), prints("# one more line\n"));
    let each: std::collections::BTreeSet<String> = prints("").into_iter().collect();
    assert_eq!(each.len(), 4);
}

#[test]
fn for_people() {
    let (report, sources) = example("");
    let style = Style { graphical: false, colour: false, width: 80 };
    insta::assert_snapshot!(render(&report, &sources, &style), @r#"
    warning[cluster-wide-write]: teams/a b:東.yaml:2:16: \u{1b}[2Jall of it
      2 |   é: { rules: ['*'] }
      here
      teams/a b:東.yaml:2:3: and here
      2 |   é: { rules: ['*'] }
      help: name what is needed

    error[unknown-group]: gone.yaml: gone
      help: name what is needed

    note[cluster-wide-write]: name what is needed
      teams/a b:東.yaml:1:1: twice
      teams/a b:東.yaml:2:8: twice

    1 error, 1 warning and 2 notes in 2 files.
    Silenced by `lint` in rolecall.yaml:
      wildcard-rule (2): They are \u{202e}meant.
    `rolecall lint --explain unknown-group` says why it matters. Where it is meant, say so in rolecall.yaml: lint: { unknown-group: { severity: off, reason: … } }
    "#);
    let nothing = Report { findings: Vec::new(), ..report };
    assert!(render(&nothing, &sources, &style).contains("no finding."));
}

#[test]
fn for_programs() {
    let (report, sources) = example("");
    let text = lint_v1(&report, &sources);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    let value: Value = serde_json::from_str(&text).unwrap();
    let schema: Value = serde_json::from_str(&lint_schema()).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&value));
    assert_eq!((&value["errors"], &value["warnings"], &value["notes"]), (&1.into(), &1.into(), &2.into()));
    assert_eq!(value["silenced"][0]["findings"], 2);
}
