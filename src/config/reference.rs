//! The reference of the access files as Markdown, from the same tables as the check.

use super::shape::{Constraint, FILE, Form, ROOT, Record, Refused, Text};

const HEAD: &str = "\
<!-- Made from src/config/shape; `ROLECALL_BLESS=1 cargo test --test schema` rewrites it. -->

# Reference of the access files

Every key that an access file may hold, and what leaving it out means. [access-files.md](../access-files.md) tells how they
play together; the same as a JSON Schema for editors is in [schema/access.schema.json](../../schema/access.schema.json).

An unknown key, a key given twice and a name that stands for nothing are errors.
";

/// The whole page.
pub fn reference() -> String {
    let mut page =
        Page { text: HEAD.to_owned(), waiting: vec![&ROOT, &FILE], described: Vec::new(), texts: Vec::new() };
    let mut next = 0;
    while let Some(record) = page.waiting.get(next).copied() {
        next += 1;
        if !page.described.contains(&record.name) {
            page.described.push(record.name);
            page.record(record);
        }
    }
    page.texts();
    page.text
}

struct Page {
    text: String,
    /// Records in the order in which they were met.
    waiting: Vec<&'static Record>,
    described: Vec<&'static str>,
    texts: Vec<&'static Text>,
}

impl Page {
    fn record(&mut self, record: &'static Record) {
        self.line(&format!("\n## {}\n\n{}\n", record.name, cell(record.about)));
        self.line("| key | value | meaning |\n| --- | --- | --- |");
        for key in record.keys {
            let needed = if key.required { "**Needed.** " } else { "" };
            let value = self.form(&key.form);
            self.line(&format!("| `{}` | {value} | {needed}{} |", key.name, cell(key.about)));
        }
        for key in record.keys {
            self.words(key.name, &key.form);
        }
        if !record.constraints.is_empty() {
            self.line("");
        }
        for constraint in record.constraints {
            self.line(&format!("- {}", in_words(constraint)));
        }
        if !record.refused.is_empty() {
            self.line("\nRefused here:\n");
        }
        // Keys that are refused for one reason stand together.
        for alike in record.refused.chunk_by(|one, next| (one.why, one.help) == (next.why, next.help)) {
            let keys: Vec<String> = alike.iter().map(|Refused { key, .. }| format!("`{key}`")).collect();
            let Refused { why, help, .. } = &alike[0];
            self.line(&format!("- {} {}: {}.", keys.join(", "), cell(why), cell(help)));
        }
    }

    /// What each word of a choice means.
    fn words(&mut self, key: &str, form: &Form) {
        match form {
            Form::Choice(words) => {
                self.line(&format!("\n`{key}` is one of:\n"));
                for (word, about) in *words {
                    self.line(&format!("- `{word}`: {}", cell(about)));
                }
            }
            Form::List(of, _) => self.words(key, of),
            Form::Either(forms) => forms.iter().for_each(|form| self.words(key, form)),
            Form::Text(_)
            | Form::Flag
            | Form::OnlyTrue
            | Form::One
            | Form::Labels(_)
            | Form::Named(..)
            | Form::Record(_) => {}
        }
    }

    fn form(&mut self, form: &'static Form) -> String {
        match form {
            Form::Text(text) => self.of_text(text),
            Form::Choice(words) => alternatives(words.iter().map(|(word, _)| format!("`{word}`"))),
            Form::Flag => "`true` or `false`".to_owned(),
            Form::OnlyTrue => "`true`".to_owned(),
            Form::One => "`1`".to_owned(),
            Form::List(of, least) => format!("list{} of: {}", at_least(*least), self.form(of)),
            Form::Labels(least) => format!("Kubernetes labels{}", at_least(*least)),
            Form::Named(key, record) => format!("map from {} to {}", self.of_text(key), self.link(record)),
            Form::Record(record) => self.link(record),
            Form::Either(forms) => alternatives(forms.iter().map(|form| self.form(form))),
        }
    }

    fn of_text(&mut self, text: &'static Text) -> String {
        if !self.texts.iter().any(|known| known.name == text.name && known.pattern == text.pattern) {
            self.texts.push(text);
        }
        format!("[{}](#texts)", cell(text.name))
    }

    fn link(&mut self, record: &'static Record) -> String {
        self.waiting.push(record);
        format!("[{}](#{})", record.name, record.name.replace(' ', "-"))
    }

    fn texts(&mut self) {
        self.line("\n## Texts\n\n| text | pattern | at most | case |\n| --- | --- | --- | --- |");
        self.texts.sort_by_key(|text| text.name);
        for text in std::mem::take(&mut self.texts) {
            let longest = text.longest.map_or_else(|| "-".to_owned(), |most| format!("{most} characters"));
            let case = if text.any_case { "means nothing" } else { "matters" };
            self.line(&format!("| {} | `{}` | {longest} | {case} |", cell(text.name), cell(text.pattern)));
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

fn in_words(constraint: &Constraint) -> String {
    let each = |keys: &[&str]| alternatives(keys.iter().map(|key| format!("`{key}`")));
    match constraint {
        Constraint::ExactlyOne(keys) => format!("Exactly one of {}.", each(keys)),
        Constraint::AtLeastOne(keys) => format!("At least one of {}.", each(keys)),
        Constraint::AtMostOne(keys) => format!("At most one of {}.", each(keys)),
        Constraint::Needs(key, needed) => format!("`{key}` needs `{needed}` beside it."),
    }
}

fn alternatives(each: impl Iterator<Item = String>) -> String {
    each.collect::<Vec<_>>().join(" or ")
}

fn at_least(least: usize) -> String {
    if least == 0 { String::new() } else { format!(" (at least {least})") }
}

/// A bar would end a table's cell, inside of code too.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
