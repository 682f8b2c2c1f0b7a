//! The form of every value, by the tables alone: keys, types, words, names, lists. What values mean comes after.

use std::collections::BTreeMap;

use super::names::closest;
use super::{Checker, label};
use crate::config::rules;
use crate::config::shape::{Constraint, Form, LABEL_KEY, LABEL_VALUE, Record, Text};
use crate::config::yaml::{Entry, Node, Value};
use crate::diagnostics::Span;

/// What a message calls a value.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// The value of this key.
    Of(&'a str),
    /// An entry of the list or map that is the value of this key.
    In(&'a str),
    /// The file itself.
    File,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Of(key) => write!(formatter, "`{key}`"),
            Self::In(key) => write!(formatter, "an entry of `{key}`"),
            Self::File => formatter.write_str("an access file"),
        }
    }
}

impl Place<'_> {
    fn entry(self) -> Self {
        match self {
            Self::Of(key) | Self::In(key) => Self::In(key),
            Self::File => Self::File,
        }
    }
}

impl Checker<'_> {
    /// Checks one value, and everything below it, against its form. `head` is what to point at when the value as a whole
    /// is meant: its key or, in a list, where it starts.
    pub(super) fn form(&mut self, node: &Node, form: &Form, place: Place<'_>, head: Span) {
        match (form, &node.value) {
            (Form::Either(forms), value) => match forms.iter().find(|form| fits(form, value)) {
                Some(form) => self.form(node, form, place, head),
                None => self.wrong_type(node, form, place, head),
            },
            (Form::Text(text), Value::Scalar { text: value, plain }) => {
                self.scalar(node, text, value, *plain, place);
            }
            (Form::Choice(words), Value::Scalar { text, .. }) => {
                if !words.iter().any(|(word, _)| word == text) {
                    let known = words.iter().map(|(word, _)| *word);
                    let help = closest(text, known.clone()).map_or_else(
                        || format!("use {}", list(known.clone())),
                        |word| format!("did you mean `{word}`? It takes {}", list(known.clone())),
                    );
                    let message = format!("{place} cannot be `{}`", short(text));
                    self.report(
                        &rules::INVALID_VALUE,
                        message,
                        [label(node.span, "this version does not know it")],
                        help,
                    );
                }
            }
            (Form::Flag, Value::Scalar { text, plain: true }) if matches!(text.as_str(), "true" | "false") => {}
            (Form::OnlyTrue, Value::Scalar { text, plain: true }) if text == "true" => {}
            (Form::OnlyTrue, Value::Scalar { text, plain: true }) if text == "false" => self.report(
                &rules::INVALID_VALUE,
                format!("{place} is only ever `true`"),
                [label(node.span, "`false` says nothing")],
                "take the key out",
            ),
            (Form::One, Value::Scalar { text, plain: true }) if text == "1" => {}
            (Form::One, Value::Scalar { text, plain: true }) if number(text) => self.report(
                &rules::UNSUPPORTED_VERSION,
                format!("version {} of the format is not known", short(text)),
                [label(node.span, "this version of rolecall reads version 1")],
                "write `version: 1`, or use a newer rolecall",
            ),
            (Form::List(of, least), Value::Seq(items)) => self.list(node, items, of, *least, place, head),
            (Form::Labels(least), Value::Map(entries)) => self.label_map(entries, *least, place, head),
            (Form::Named(key, record), Value::Map(entries)) => {
                for Entry { key: name, value } in entries {
                    self.name(key, &name.value, name.span);
                    self.form(value, &Form::Record(record), Place::Of(&name.value), name.span);
                }
            }
            (Form::Record(record), Value::Map(entries)) => self.record(entries, record, head),
            _ => self.wrong_type(node, form, place, head),
        }
    }

    fn list(&mut self, node: &Node, items: &[Node], of: &Form, least: usize, place: Place<'_>, head: Span) {
        if items.len() < least {
            let help = "name at least one, or take the key out";
            self.report(
                &rules::EMPTY_LIST,
                format!("{place} is empty"),
                [label(node.span, "nothing is named here")],
                help,
            );
        }
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for item in items {
            let head = if matches!(item.value, Value::Null) { head } else { item.head() };
            self.form(item, of, place.entry(), head);
            let Some(identity) = identity(item, of) else { continue };
            if let Some(first) = seen.get(&identity) {
                let labels = [label(item.span, "listed again here"), label(*first, "first listed here")];
                let words = if item.words().is_empty() { &identity } else { item.words() };
                let message = format!("`{}` is listed twice in {place}", short(words));
                self.report(&rules::DUPLICATE_ENTRY, message, labels, "take one of the two out");
            } else {
                seen.insert(identity, item.span);
            }
        }
    }

    fn label_map(&mut self, entries: &[Entry], least: usize, place: Place<'_>, head: Span) {
        if entries.len() < least {
            let help = "name at least one label, such as `{ stage: dev }`";
            self.report(&rules::EMPTY_LABELS, format!("{place} names no label"), [label(head, "no label here")], help);
        }
        self.duplicate_keys(entries);
        for Entry { key, value } in entries {
            self.name(&LABEL_KEY, &key.value, key.span);
            self.form(value, &Form::Text(&LABEL_VALUE), Place::Of(&key.value), key.span);
        }
    }

    fn duplicate_keys(&mut self, entries: &[Entry]) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for Entry { key, .. } in entries {
            if let Some(first) = seen.get(key.value.as_str()) {
                let labels = [label(key.span, "written again here"), label(*first, "first written here")];
                let message = format!("the key `{}` stands here twice", short(&key.value));
                self.report(&rules::DUPLICATE_KEY, message, labels, "keep one of the two");
            } else {
                seen.insert(&key.value, key.span);
            }
        }
    }

    pub(super) fn record(&mut self, entries: &[Entry], record: &Record, head: Span) {
        self.duplicate_keys(entries);
        for Entry { key: name, value } in entries {
            if let Some(key) = record.key(&name.value) {
                self.form(value, &key.form, Place::Of(key.name), name.span);
            } else if let Some(refused) = record.refused.iter().find(|refused| refused.key == name.value) {
                let message = format!("`{}` {}", refused.key, refused.why);
                self.report(refused.rule, message, [label(name.span, "not here")], refused.help);
            } else {
                let known = record.keys.iter().map(|key| key.name);
                let help = closest(&name.value, known.clone()).map_or_else(
                    || format!("it takes {}", list(known.clone())),
                    |known| format!("did you mean `{known}`?"),
                );
                let message = format!("`{}` is not a key of {}", short(&name.value), article(record.name));
                self.report(&rules::UNKNOWN_KEY, message, [label(name.span, "no such key")], help);
            }
        }
        let has = |name: &str| entries.iter().any(|entry| entry.key.value == name);
        // A key that is only mistyped is one mistake, told where it stands.
        let mistyped: Vec<&str> = entries
            .iter()
            .filter(|entry| record.key(&entry.key.value).is_none())
            .filter_map(|entry| closest(&entry.key.value, record.keys.iter().map(|key| key.name)))
            .collect();
        for key in record.keys.iter().filter(|key| key.required && !has(key.name) && !mistyped.contains(&key.name)) {
            let message = format!("`{}` is missing from this {}", key.name, record.name);
            let help = format!("add `{}`: {}", key.name, key.about);
            self.report(&rules::MISSING_KEY, message, [label(head, format!("no `{}` here", key.name))], help);
        }
        for constraint in record.constraints {
            self.constraint(constraint, entries, record, head);
        }
    }

    fn constraint(&mut self, constraint: &Constraint, entries: &[Entry], record: &Record, head: Span) {
        let of = |keys: &[&str]| -> Vec<(&str, Span)> {
            let mut found: Vec<_> = entries
                .iter()
                .filter(|entry| keys.contains(&entry.key.value.as_str()))
                .map(|entry| (entry.key.value.as_str(), entry.key.span))
                .collect();
            found.dedup_by_key(|(key, _)| *key);
            found
        };
        let name = record.name;
        match constraint {
            Constraint::ExactlyOne(keys) | Constraint::AtMostOne(keys) if of(keys).len() > 1 => {
                let found = of(keys);
                let words = list(found.iter().map(|(key, _)| *key));
                let labels = found.iter().map(|(_, span)| label(*span, "only one of these"));
                let both = all(found.iter().map(|(key, _)| *key));
                let message = format!("{both} exclude each other in {}", article(name));
                self.report(&rules::ONE_OF, message, labels, format!("keep one: {words}"));
            }
            Constraint::ExactlyOne(keys) | Constraint::AtLeastOne(keys) if of(keys).is_empty() => {
                // A key that is refused with a reason of its own stands for the one that is missing.
                if entries.iter().any(|entry| record.refused.iter().any(|refused| refused.key == entry.key.value)) {
                    return;
                }
                let words = list(keys.iter().copied());
                let help = keys
                    .iter()
                    .filter_map(|key| record.key(key))
                    .map(|key| format!("`{}`: {}", key.name, key.about))
                    .collect::<Vec<_>>()
                    .join(" ");
                let message = format!("{} needs one of {words}", article(name));
                self.report(&rules::ONE_OF, message, [label(head, "none of them is here")], help);
            }
            Constraint::Needs(key, needed) if of(&[needed]).is_empty() => {
                for (key, span) in of(&[key]) {
                    let message = format!("`{key}` needs `{needed}` beside it");
                    let about = record.key(needed).map_or("", |key| key.about);
                    let help = format!("add `{needed}`: {about}");
                    self.report(&rules::MISSING_KEY, message, [label(span, format!("no `{needed}` with it"))], help);
                }
            }
            Constraint::ExactlyOne(_)
            | Constraint::AtLeastOne(_)
            | Constraint::AtMostOne(_)
            | Constraint::Needs(..) => {}
        }
    }

    fn scalar(&mut self, node: &Node, text: &Text, value: &str, plain: bool, place: Place<'_>) {
        if plain && (number(value) || flag(value)) {
            let found = if flag(value) { "a flag" } else { "a number" };
            let message = format!("{place} must be {}, not {found}", text.name);
            let help = format!("put it in quotes: `\"{}\"`", short(value));
            self.report(&rules::WRONG_TYPE, message, [label(node.span, format!("YAML reads this as {found}"))], help);
        } else {
            self.name(text, value, node.span);
        }
    }

    fn name(&mut self, text: &Text, value: &str, span: Span) {
        if let Err(why) = (text.check)(value) {
            let message = match value {
                "" => format!("this is empty, not {}", text.name),
                value => format!("`{}` is not {}", short(value), text.name),
            };
            self.report(&rules::INVALID_NAME, message, [label(span, "not well formed")], why.to_string());
        }
    }

    fn wrong_type(&mut self, node: &Node, form: &Form, place: Place<'_>, head: Span) {
        let wanted = wanted(form);
        let (found, span) = match &node.value {
            Value::Null => ("nothing", head),
            Value::Scalar { text, plain: true } if number(text) => ("a number", node.span),
            Value::Scalar { text, plain: true } if flag(text) => ("a flag", node.span),
            Value::Scalar { .. } => ("text", node.span),
            Value::Seq(_) => ("a list", node.head()),
            Value::Map(_) => ("a map", node.head()),
        };
        let help = match (&node.value, form) {
            (Value::Null, Form::List(_, 0)) => Some("write `[]` for none, or take the key out".to_owned()),
            (Value::Null, _) => Some("give it a value, or take it out".to_owned()),
            (Value::Scalar { text, .. }, Form::List(..)) => Some(format!("write it as a list: `[{}]`", short(text))),
            (Value::Scalar { text, .. }, Form::Flag | Form::OnlyTrue) if yes_or_no(text) => {
                Some("YAML 1.2 has `true` and `false`, without quotes".to_owned())
            }
            (Value::Scalar { text, plain: false }, Form::One) if text == "1" => Some("take the quotes out".to_owned()),
            _ => None,
        };
        let (message, found) = match &node.value {
            Value::Null => (format!("{place} has no value; it must be {wanted}"), "nothing here".to_owned()),
            _ => (format!("{place} must be {wanted}, not {found}"), format!("this is {found}")),
        };
        self.report(&rules::WRONG_TYPE, message, [label(span, found)], help);
    }
}

/// Whether a form is the one that a value of this kind is meant to have.
fn fits(form: &Form, value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Scalar { .. } => {
            matches!(form, Form::Text(_) | Form::Choice(_) | Form::Flag | Form::OnlyTrue | Form::One)
        }
        Value::Seq(_) => matches!(form, Form::List(..)),
        Value::Map(_) => matches!(form, Form::Labels(_) | Form::Named(..) | Form::Record(_)),
    }
}

fn wanted(form: &Form) -> String {
    match form {
        Form::Text(text) => text.name.to_owned(),
        Form::Choice(words) => list(words.iter().map(|(word, _)| *word)),
        Form::Flag => "`true` or `false`".to_owned(),
        Form::OnlyTrue => "`true`".to_owned(),
        Form::One => "the number 1".to_owned(),
        Form::List(..) => "a list".to_owned(),
        Form::Labels(_) => "a map of labels".to_owned(),
        Form::Named(key, _) => format!("a map from {} to what it is", key.name),
        Form::Record(record) => {
            format!("a map with {}", list(record.keys.iter().map(|key| key.name)))
        }
        Form::Either(forms) => forms.iter().map(wanted).collect::<Vec<_>>().join(", or "),
    }
}

/// What makes two entries of a list the same; `None` for entries that may be equal.
fn identity(node: &Node, form: &Form) -> Option<String> {
    let fold = |text: &str, form: &Text| if form.any_case { text.to_ascii_lowercase() } else { text.to_owned() };
    match (form, &node.value) {
        (Form::Either(forms), value) => {
            let form = forms.iter().find(|form| fits(form, value))?;
            match (form, value) {
                (Form::Record(record), Value::Map(entries)) => match entries.as_slice() {
                    [Entry { key, value }] => {
                        let key = record.key(&key.value)?;
                        Some(format!("{}: {}", key.name, identity(value, &key.form)?))
                    }
                    _ => None,
                },
                _ => identity(node, form),
            }
        }
        (Form::Text(form), Value::Scalar { text, .. }) => Some(fold(text, form)),
        (Form::Choice(_), Value::Scalar { text, .. }) => Some(text.clone()),
        _ => None,
    }
}

/// Whether YAML 1.2 reads a plain scalar as a number (core schema, 10.3.2).
pub(crate) fn number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(octal) = text.strip_prefix("0o") {
        return !octal.is_empty() && octal.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let mantissa_is_number = match mantissa.split_once('.') {
        Some(("", after)) => digits(after),
        Some((before, after)) => digits(before) && (after.is_empty() || digits(after)),
        None => digits(mantissa),
    };
    mantissa_is_number && exponent.is_none_or(digits)
}

/// Whether YAML 1.2 reads a plain scalar as a flag.
pub(crate) fn flag(text: &str) -> bool {
    matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
}

fn yes_or_no(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    matches!(text.as_str(), "yes" | "no" | "on" | "off" | "y" | "n" | "true" | "false")
}

/// "`a`, `b` or `c`".
pub(super) fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    join(words, "or")
}

/// "`a`, `b` and `c`".
pub(super) fn all<'a>(words: impl Iterator<Item = &'a str>) -> String {
    join(words, "and")
}

fn join<'a>(words: impl Iterator<Item = &'a str>, conjunction: &str) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => String::new(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} {conjunction} {last}", first.join(", ")),
    }
}

/// A noun with its indefinite article.
pub(super) fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// A text from a file, cut so that a message stays readable.
pub(super) fn short(text: &str) -> String {
    if text.chars().count() <= 80 {
        return text.to_owned();
    }
    let cut: String = text.chars().take(79).collect();
    format!("{cut}…")
}
