//! `$filter`: the part of `OData`'s language that the directory supports (entra.md §1.3).

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::Refusal;
use super::index::Wanted;
use crate::state::ObjectId;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    /// `property eq value`, and `in`, which is short for several of them.
    Equal {
        property: String,
        values: Vec<Value>,
    },
    /// `property ne value`.
    Unequal {
        property: String,
        value: Value,
    },
    StartsWith {
        property: String,
        prefix: String,
    },
    EndsWith {
        property: String,
        suffix: String,
    },
    /// `property/any(x:x eq value)`; of `property/any(x:x/inner eq value)` the property is `property/inner`.
    Any {
        property: String,
        value: Value,
    },
}

/// Finds objects by a property; `None` when they are not known by that one.
pub(super) type Find<'f> = dyn Fn(&str, Wanted<'_>) -> Option<BTreeSet<ObjectId>> + 'f;

/// "Max allowed: 15" holds for `or` and for `in` alike.
const MOST_CLAUSES: usize = 15;
/// The longest value that `eq` takes, in characters.
const LONGEST_VALUE: usize = 120;
/// Deeper than any filter anyone writes, shallow enough for the stack.
const DEEPEST: usize = 32;

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, next: 0, depth: 0 };
        let filter = parser.or()?;
        if parser.next < tokens.len() {
            return Err(invalid(text));
        }
        let clauses = filter.clauses();
        if clauses > MOST_CLAUSES {
            return Err(Refusal::unsupported_query(format!(
                "Too many child clauses specified in search filter expression containing 'OR' operators: {clauses}. \
                 Max allowed: {MOST_CLAUSES}."
            )));
        }
        Ok(filter)
    }

    /// Whether it needs `ConsistencyLevel: eventual` and `$count=true`.
    pub(super) fn is_advanced(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::is_advanced),
            Self::Not(_) | Self::Unequal { .. } | Self::EndsWith { .. } => true,
            Self::Equal { .. } | Self::StartsWith { .. } | Self::Any { .. } => false,
        }
    }

    /// The objects that can match, where `find` knows them by a name; `None` when that does not narrow anything.
    pub(super) fn candidates(&self, find: &Find<'_>) -> Option<BTreeSet<ObjectId>> {
        match self {
            Self::And(parts) => parts.iter().find_map(|part| part.candidates(find)),
            Self::Or(parts) => {
                let found = parts.iter().map(|part| part.candidates(find)).collect::<Option<Vec<_>>>()?;
                Some(found.into_iter().flatten().collect())
            }
            Self::Equal { property, values } => {
                let found = values.iter().map(|value| find(property, Wanted::Text(value.as_str()?)));
                Some(found.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
            }
            Self::StartsWith { property, prefix } => find(property, Wanted::Prefix(prefix)),
            Self::Not(_) | Self::Unequal { .. } | Self::EndsWith { .. } | Self::Any { .. } => None,
        }
    }

    /// The ids of `id eq … or id eq …`; `None` for any other filter.
    pub(super) fn ids(&self) -> Option<BTreeSet<ObjectId>> {
        match self {
            Self::Equal { property, values } if property == "id" => {
                values.iter().map(|value| value.as_str()?.parse().ok()).collect()
            }
            Self::Or(parts) => {
                let ids = parts.iter().map(Self::ids).collect::<Option<Vec<_>>>()?;
                Some(ids.into_iter().flatten().collect())
            }
            _ => None,
        }
    }

    /// Calls `check` with every property and what is asked of it.
    pub(super) fn each_property(
        &self,
        check: &mut impl FnMut(&str, Operator) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().try_for_each(|part| part.each_property(check)),
            Self::Not(part) => part.each_property(check),
            Self::Equal { property, .. } | Self::Unequal { property, .. } => check(property, Operator::Equal),
            Self::StartsWith { property, .. } => check(property, Operator::StartsWith),
            Self::EndsWith { property, .. } => check(property, Operator::EndsWith),
            Self::Any { property, .. } => check(property, Operator::Any),
        }
    }

    /// Whether an object with these properties matches. Texts compare without case, as the directory's do.
    pub(super) fn matches(&self, property: &impl Fn(&str) -> Option<Value>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(property)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(property)),
            Self::Not(part) => !part.matches(property),
            Self::Equal { property: name, values } => {
                let found = property(name).unwrap_or(Value::Null);
                values.iter().any(|value| same(&found, value))
            }
            Self::Unequal { property: name, value } => !same(&property(name).unwrap_or(Value::Null), value),
            Self::StartsWith { property: name, prefix } => {
                text(property(name).as_ref()).is_some_and(|found| found.starts_with(&prefix.to_lowercase()))
            }
            Self::EndsWith { property: name, suffix } => {
                text(property(name).as_ref()).is_some_and(|found| found.ends_with(&suffix.to_lowercase()))
            }
            Self::Any { property: name, value } => match property(name) {
                Some(Value::Array(items)) => items.iter().any(|item| same(item, value)),
                _ => false,
            },
        }
    }

    /// How many clauses the widest `or` or `in` has.
    fn clauses(&self) -> usize {
        match self {
            Self::And(parts) => parts.iter().map(Self::clauses).max().unwrap_or(0),
            Self::Or(parts) => parts.iter().map(|part| part.clauses().max(1)).sum(),
            Self::Not(part) => part.clauses(),
            Self::Equal { values, .. } => values.len(),
            Self::Unequal { .. } | Self::StartsWith { .. } | Self::EndsWith { .. } | Self::Any { .. } => 1,
        }
    }
}

/// What a filter asks of a property; the directory supports each on some properties only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    StartsWith,
    EndsWith,
    Any,
}

fn same(found: &Value, asked: &Value) -> bool {
    match (found, asked) {
        (Value::String(found), Value::String(asked)) => found.to_lowercase() == asked.to_lowercase(),
        _ => found == asked,
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_lowercase)
}

fn invalid(near: &str) -> Refusal {
    Refusal::malformed(format!("Invalid filter clause: Syntax error at '{near}'."))
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Literal(String),
    Open,
    Close,
    Comma,
    Colon,
}

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            ':' => tokens.push(Token::Colon),
            '\'' => {
                let mut literal = String::new();
                loop {
                    match characters.next() {
                        // A quote inside a literal is written twice.
                        Some('\'') if characters.next_if_eq(&'\'').is_some() => literal.push('\''),
                        Some('\'') => break,
                        Some(inside) => literal.push(inside),
                        None => return Err(invalid(text)),
                    }
                }
                tokens.push(Token::Literal(literal));
            }
            space if space.is_whitespace() => {}
            first => {
                let mut word = String::from(first);
                let inside = |next: &char| next.is_alphanumeric() || matches!(next, '_' | '/' | '.' | '-');
                while let Some(next) = characters.next_if(inside) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}

struct Parser<'t> {
    tokens: &'t [Token],
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Filter, Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Refusal::unsupported_query("The filter is nested too deeply."));
        }
        let mut parts = vec![self.and()?];
        while self.take_word("or") {
            parts.push(self.and()?);
        }
        self.depth -= 1;
        Ok(single_or(parts, Filter::Or))
    }

    fn and(&mut self) -> Result<Filter, Refusal> {
        let mut parts = vec![self.unary()?];
        while self.take_word("and") {
            parts.push(self.unary()?);
        }
        Ok(single_or(parts, Filter::And))
    }

    fn unary(&mut self) -> Result<Filter, Refusal> {
        if self.take_word("not") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(Refusal::unsupported_query("The filter is nested too deeply."));
            }
            let part = self.unary()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(part)));
        }
        if self.take(&Token::Open) {
            let inside = self.or()?;
            self.expect(&Token::Close)?;
            return Ok(inside);
        }
        let name = self.word()?;
        match name.as_str() {
            "startsWith" | "startswith" => {
                let (property, prefix) = self.property_and_text()?;
                Ok(Filter::StartsWith { property, prefix })
            }
            "endsWith" | "endswith" => {
                let (property, suffix) = self.property_and_text()?;
                Ok(Filter::EndsWith { property, suffix })
            }
            _ => match name.strip_suffix("/any") {
                Some(property) => self.any(property),
                None => self.comparison(name),
            },
        }
    }

    /// `(property,'text')`
    fn property_and_text(&mut self) -> Result<(String, String), Refusal> {
        self.expect(&Token::Open)?;
        let property = self.word()?;
        self.expect(&Token::Comma)?;
        let Value::String(text) = self.value()? else { return Err(self.syntax_error()) };
        self.expect(&Token::Close)?;
        Ok((property, text))
    }

    /// `(x:x eq 'text')` or `(x:x/inner eq 'text')`
    fn any(&mut self, property: &str) -> Result<Filter, Refusal> {
        self.expect(&Token::Open)?;
        let variable = self.word()?;
        self.expect(&Token::Colon)?;
        let asked = self.word()?;
        let inner = asked.strip_prefix(&variable).filter(|inner| inner.is_empty() || inner.starts_with('/'));
        let Some(inner) = inner.map(str::to_owned) else { return Err(self.syntax_error()) };
        if self.word()? != "eq" {
            return Err(self.syntax_error());
        }
        let value = self.value()?;
        self.expect(&Token::Close)?;
        Ok(Filter::Any { property: format!("{property}{inner}"), value })
    }

    fn comparison(&mut self, property: String) -> Result<Filter, Refusal> {
        match self.word()?.as_str() {
            "eq" => Ok(Filter::Equal { property, values: vec![self.value()?] }),
            "ne" => Ok(Filter::Unequal { property, value: self.value()? }),
            "in" => {
                self.expect(&Token::Open)?;
                let mut values = vec![self.value()?];
                while self.take(&Token::Comma) {
                    values.push(self.value()?);
                }
                self.expect(&Token::Close)?;
                Ok(Filter::Equal { property, values })
            }
            operator => Err(Refusal::unsupported_query(format!("Unsupported operator '{operator}' in the filter."))),
        }
    }

    fn value(&mut self) -> Result<Value, Refusal> {
        let value = match self.tokens.get(self.next) {
            Some(Token::Literal(text)) if text.chars().count() > LONGEST_VALUE => {
                return Err(Refusal::unsupported_query(format!(
                    "The value of a filter clause is longer than {LONGEST_VALUE} characters."
                )));
            }
            Some(Token::Literal(text)) => Value::String(text.clone()),
            Some(Token::Word(word)) if word == "true" => Value::Bool(true),
            Some(Token::Word(word)) if word == "false" => Value::Bool(false),
            Some(Token::Word(word)) if word == "null" => Value::Null,
            _ => return Err(self.syntax_error()),
        };
        self.next += 1;
        Ok(value)
    }

    fn word(&mut self) -> Result<String, Refusal> {
        match self.tokens.get(self.next) {
            Some(Token::Word(word)) => {
                self.next += 1;
                Ok(word.clone())
            }
            _ => Err(self.syntax_error()),
        }
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.take(&Token::Word(word.to_owned()))
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.next) == Some(token);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token) -> Result<(), Refusal> {
        if self.take(token) { Ok(()) } else { Err(self.syntax_error()) }
    }

    fn syntax_error(&self) -> Refusal {
        Refusal::malformed(format!("Invalid filter clause: Syntax error at position {} of the filter.", self.next))
    }
}

fn single_or(mut parts: Vec<Filter>, several: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => several(parts),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(filter: &str, object: &Value) -> bool {
        Filter::parse(filter).unwrap().matches(&|name| object.get(name).cloned())
    }

    #[test]
    fn filters_select_what_they_say() {
        let object =
            json!({"displayName": "O'Brien", "securityEnabled": true, "mail": null, "groupTypes": ["Unified"]});
        for (filter, expected) in [
            ("displayName eq 'O''Brien'", true),
            ("displayName eq 'o''brien'", true),
            ("displayName eq 'O'' Brien'", false),
            ("displayName in ('a', 'O''Brien')", true),
            ("displayName in ('a')", false),
            ("startsWith(displayName,'o''B')", true),
            ("startswith(displayName,'Brien')", false),
            ("endsWith(displayName,'ien')", true),
            ("displayName ne 'O''Brien'", false),
            ("not(displayName eq 'x')", true),
            ("mail eq null", true),
            ("securityEnabled eq true and displayName eq 'x'", false),
            ("securityEnabled eq true or displayName eq 'x'", true),
            ("displayName eq 'x' and mail eq null or securityEnabled eq true", true),
            ("displayName eq 'x' and (mail eq null or securityEnabled eq true)", false),
            ("groupTypes/any(c:c eq 'Unified')", true),
            ("groupTypes/any(c:c eq 'DynamicMembership')", false),
            ("groupTypes/any(c:c/id eq 'Unified')", false),
            ("unknown eq 'x'", false),
        ] {
            assert_eq!(matches(filter, &object), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for filter in [
            "",
            "displayName",
            "displayName eq",
            "displayName eq 'x",
            "displayName eq x",
            "displayName gt 'x'",
            "(",
            ")",
            "displayName eq 'x' displayName eq 'y'",
            "displayName in ()",
            "startsWith(displayName)",
            "groupTypes/any(c:d eq 'x')",
            "groupTypes/any(c:cd eq 'x')",
            "groupTypes/any(c:d/id eq 'x')",
            "not",
            "'x' eq 'x'",
        ] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }

    #[test]
    fn fifteen_clauses_are_the_most_for_or_and_for_in() {
        let names = |count: usize| (0..count).map(|n| format!("'u{n}'")).collect::<Vec<_>>().join(",");
        let ors = |count: usize| (0..count).map(|n| format!("id eq 'u{n}'")).collect::<Vec<_>>().join(" or ");
        assert!(Filter::parse(&format!("id in ({})", names(15))).is_ok());
        assert!(Filter::parse(&format!("id in ({})", names(16))).is_err());
        assert!(Filter::parse(&ors(15)).is_ok());
        assert!(Filter::parse(&ors(16)).is_err());
        assert!(Filter::parse(&format!("id in ({}) or id in ({})", names(8), names(8))).is_err());
    }

    #[test]
    fn values_are_at_most_120_characters_long() {
        assert!(Filter::parse(&format!("displayName eq '{}'", "x".repeat(120))).is_ok());
        assert!(Filter::parse(&format!("displayName eq '{}'", "x".repeat(121))).is_err());
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        assert!(Filter::parse(&"(".repeat(100_000)).is_err());
        assert!(Filter::parse(&"not ".repeat(100_000)).is_err());
    }
}
