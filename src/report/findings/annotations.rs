//! Findings beside the lines that they are about, where hosts of git show a change.
//!
//! GitHub and Azure Pipelines read commands from the log, one a line. What is in a message cannot be one: it stands behind
//! ours on the same line, and [`escape::line`] spells out whatever would begin another.

use serde_json::{Value, json};

use super::{Place, place};
use crate::diagnostics::{Finding, Label, Severity, SourceMap};
use crate::report::escape;
use crate::report::lint::{Base, fingerprints};

/// Workflow commands of GitHub Actions, a line each.
pub fn github(findings: &[Finding], sources: &SourceMap, base: &Base) -> String {
    let one = |finding: &Finding| {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let Place { file, position } = place(finding, sources);
        let mut properties = vec![format!("file={}", property(&base.path_of(&file)))];
        if let Some((line, column)) = position {
            let end = finding.labels.first().and_then(|label| end(label, sources));
            let (end_line, end_column) = end.unwrap_or((line, column));
            properties.push(format!("line={line},endLine={end_line}"));
            // Columns are taken on one line only.
            if end_line == line && end_column > column {
                properties.push(format!("col={column},endColumn={end_column}"));
            }
        }
        properties.push(format!("title={}", property(finding.rule.id)));
        let message: Vec<String> = sentences(finding, sources, base).iter().map(|each| data(each)).collect();
        format!("::{command} {}::{}\n", properties.join(","), message.join("%0A"))
    };
    findings.iter().map(one).collect()
}

/// Logging commands of Azure Pipelines, a line each. It knows errors and warnings; what is only a note is left out.
pub fn azure_devops(findings: &[Finding], sources: &SourceMap, base: &Base) -> String {
    let one = |finding: &Finding| {
        let kind = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => return None,
        };
        let Place { file, position } = place(finding, sources);
        let at = position.map(|(line, column)| format!("linenumber={line};columnnumber={column};")).unwrap_or_default();
        let message: Vec<String> = sentences(finding, sources, base).iter().map(|each| vso_data(each)).collect();
        Some(format!(
            "##vso[task.logissue type={kind};sourcepath={};{at}code={};]{}\n",
            vso_property(&base.path_of(&file)),
            vso_property(finding.rule.id),
            // It shows one line.
            message.join(" ")
        ))
    };
    findings.iter().filter_map(one).collect()
}

/// A Code Quality report of GitLab.
pub fn gitlab(findings: &[Finding], sources: &SourceMap, base: &Base) -> String {
    let one = |(finding, print): (&Finding, String)| -> Value {
        let Place { file, position } = place(finding, sources);
        json!({
            "description": sentences(finding, sources, base).join(" "),
            "check_name": finding.rule.id,
            "fingerprint": print,
            "severity": match finding.severity {
                Severity::Error => "critical",
                Severity::Warning => "major",
                Severity::Note => "info",
            },
            "location": {
                "path": base.path_of(&file),
                "lines": { "begin": position.map_or(1, |(line, _)| line) },
            },
        })
    };
    let all: Vec<Value> = findings.iter().zip(fingerprints(findings, sources)).map(one).collect();
    escape::json(&format!("{:#}\n", Value::Array(all)))
}

/// What a finding says, a sentence each: the message, what is said of other places, and what to do.
fn sentences(finding: &Finding, sources: &SourceMap, base: &Base) -> Vec<String> {
    let mut sentences = vec![escape::message(&ended(&finding.message))];
    sentences.extend(finding.labels.iter().skip(1).filter_map(|label| {
        let source = sources.get(label.span.file)?;
        let (line, _) = source.position(label.span.start);
        Some(escape::message(&format!("{}:{line}: {}", base.path_of(&source.path), ended(&label.text))))
    }));
    sentences.extend(finding.help.iter().map(|help| escape::message(&format!("What to do: {}", ended(help)))));
    sentences
}

/// A sentence with its end.
pub(in crate::report) fn ended(sentence: &str) -> String {
    let end = if sentence.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{sentence}{end}")
}

fn end(label: &Label, sources: &SourceMap) -> Option<(u32, u32)> {
    Some(sources.get(label.span.file)?.position(label.span.end))
}

/// As the toolkit of GitHub's actions escapes what stands behind a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same for one of its properties.
fn property(text: &str) -> String {
    data(&escape::line(text)).replace(':', "%3A").replace(',', "%2C")
}

/// As the library of Azure Pipelines' tasks escapes what stands behind a command.
fn vso_data(text: &str) -> String {
    text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same for one of its properties.
fn vso_property(text: &str) -> String {
    vso_data(&escape::line(text)).replace(']', "%5D").replace(';', "%3B")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostics::Rule;

    static RULE: Rule = Rule { id: "unknown-group", severity: Severity::Error, summary: "Groups are defined." };

    /// A mistake of these words in a file of this name, with another place and some help.
    fn mistake(path: &str, words: &str) -> (Vec<Finding>, SourceMap) {
        let mut sources = SourceMap::default();
        let file = sources.add(path, "groups:\n  - a: [b]\n");
        let label = |start, end| Label { span: crate::diagnostics::Span { file, start, end }, text: words.to_owned() };
        let finding = |severity, labels| Finding {
            rule: &RULE,
            severity,
            message: words.to_owned(),
            labels,
            file: Some(path.to_owned()),
            help: Some(words.to_owned()),
        };
        let findings = vec![
            finding(Severity::Error, vec![label(15, 18), label(0, 6)]),
            finding(Severity::Warning, vec![label(0, 17)]),
            finding(Severity::Note, Vec::new()),
        ];
        (findings, sources)
    }

    fn base() -> Base {
        Base::Repository("access".to_owned())
    }

    #[test]
    fn each_host_gets_its_own() {
        let (findings, sources) = mistake("a,b:c;d]/100%.yaml", "`x` is: 50%, no");
        insta::assert_snapshot!(github(&findings, &sources, &base()), @"
        ::error file=access/a%2Cb%3Ac;d]/100%25.yaml,line=2,endLine=2,col=8,endColumn=11,title=unknown-group::`x` is: 50%25, no.%0Aaccess/a,b:c;d]/100%25.yaml:1: `x` is: 50%25, no.%0AWhat to do: `x` is: 50%25, no.
        ::warning file=access/a%2Cb%3Ac;d]/100%25.yaml,line=1,endLine=2,title=unknown-group::`x` is: 50%25, no.%0AWhat to do: `x` is: 50%25, no.
        ::notice file=access/a%2Cb%3Ac;d]/100%25.yaml,title=unknown-group::`x` is: 50%25, no.%0AWhat to do: `x` is: 50%25, no.
        ");
        insta::assert_snapshot!(azure_devops(&findings, &sources, &base()), @"
        ##vso[task.logissue type=error;sourcepath=access/a,b:c%3Bd%5D/100%AZP25.yaml;linenumber=2;columnnumber=8;code=unknown-group;]`x` is: 50%AZP25, no. access/a,b:c;d]/100%AZP25.yaml:1: `x` is: 50%AZP25, no. What to do: `x` is: 50%AZP25, no.
        ##vso[task.logissue type=warning;sourcepath=access/a,b:c%3Bd%5D/100%AZP25.yaml;linenumber=1;columnnumber=1;code=unknown-group;]`x` is: 50%AZP25, no. What to do: `x` is: 50%AZP25, no.
        ");
        let report: Value = serde_json::from_str(&gitlab(&findings, &sources, &base())).unwrap();
        assert_eq!(report[0]["location"], json!({ "path": "access/a,b:c;d]/100%.yaml", "lines": { "begin": 2 } }));
        assert_eq!((&report[0]["severity"], &report[2]["severity"]), (&json!("critical"), &json!("info")));
        assert_ne!(report[0]["fingerprint"], report[1]["fingerprint"]);
        assert_eq!(gitlab(&[], &sources, &base()), "[]\n");
    }

    fn words() -> impl Strategy<Value = String> {
        let pieces =
            ["::", "##[", "##vso[", "error", " ", "\n", "\r", "%0A", "%", ";", "]", ",", ":", "add-mask", "\u{85}"];
        let piece =
            prop_oneof![4 => prop::sample::select(pieces.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_words_begin_a_command_of_their_own(path in words(), words in words()) {
            let (findings, sources) = mistake(&path, &words);
            let text = github(&findings, &sources, &base());
            prop_assert_eq!(text.split(['\n', '\r', '\u{85}', '\u{2028}']).count(), findings.len() + 1);
            for line in text.lines() {
                prop_assert!(["::error file=", "::warning file=", "::notice file="].iter().any(|own| line.starts_with(own)));
                prop_assert!(!line.contains("##[") && !line.contains("##vso["), "{}", line);
                // The properties are what they are meant to be, whatever stands in them.
                let properties = line.split("::").nth(1).unwrap().split_once(' ').unwrap().1;
                let names: Vec<&str> = properties.split(',').map(|each| each.split('=').next().unwrap()).collect();
                prop_assert_eq!((names[0], names[names.len() - 1]), ("file", "title"));
                prop_assert!(names.len() <= 6);
            }
            let text = azure_devops(&findings, &sources, &base());
            prop_assert_eq!(text.split(['\n', '\r', '\u{85}', '\u{2028}']).count(), 3);
            for line in text.lines() {
                prop_assert_eq!(line.matches("##vso[").count(), 1, "{}", line);
                let properties = line.strip_prefix("##vso[task.logissue ").unwrap().split(']').next().unwrap();
                prop_assert_eq!(properties.matches(';').count(), 5, "{}", line);
            }
        }
    }
}
