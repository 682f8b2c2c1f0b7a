//! The pages about the rules, as Markdown.

use std::fmt::Write as _;

use super::{LINTS, Lint};

const MADE: &str = "<!-- Made from src/lint/rules; `ROLECALL_BLESS=1 cargo test --test schema` rewrites it. -->";

/// The page about one rule, as it stands in `docs/lint`.
pub fn page(lint: &Lint) -> String {
    format!("{MADE}\n\n{}", text(lint))
}

/// The same without the remark on how it is made.
pub fn text(lint: &Lint) -> String {
    let Lint { rule, docs, example, instead, .. } = lint;
    format!(
        "# {}\n\n{} Findings are {}s unless the config says otherwise.\n\n{docs}\n\n\
         ## Found\n\n```yaml\n{example}```\n\n## Not found\n\n```yaml\n{instead}```\n\n\
         ## Where it is meant\n\nIn the root file, with a reason that the next reader understands:\n\n\
         ```yaml\nlint:\n  {}: {{ severity: off, reason: Why it is meant here. }}\n```\n",
        rule.id,
        rule.summary,
        rule.severity.word(),
        rule.id,
    )
}

const INDEX: &str = "\
# Lint rules

What `rolecall lint` looks for in access files that are well formed and still not wise. Nothing is contacted: it knows what the
files say and nothing else. It exits with 7 when there is a finding that is more than a note, with 1 when the files have
mistakes, which `validate` tells. `rolecall lint --explain RULE` prints the page of a rule.

The root file may say what the findings of a rule count as; other files may not:

```yaml
lint:
  wildcard-rule: { severity: error, reason: Roles are reviewed once and not when an operator is installed. }
  individual-person: { severity: off, reason: The pilot ends in March. }
```

`severity` is one of `off`, `note`, `warning` and `error`. What is off is still counted, with the reason. For code scanning,
`rolecall lint --output sarif > lint.sarif`: places are relative to the top of the git repository, and the fingerprints of
findings do not change when lines move. `--output json` is for other programs
([schema/lint.schema.json](../../schema/lint.schema.json)).

| rule | severity | what is right |
| --- | --- | --- |
";

/// The page that lists all rules.
pub fn index() -> String {
    let mut page = format!("{MADE}\n\n{INDEX}");
    for Lint { rule, .. } in LINTS {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| [`{0}`]({0}.md) | {1} | {2} |", rule.id, rule.severity.word(), rule.summary);
    }
    page
}
