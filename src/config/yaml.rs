//! Reading YAML: the only file that names the YAML reader.
//!
//! Access files are read into a tree in which every value knows its bytes, duplicate keys included, so that the check can
//! report all mistakes of all files in one run. The tree is built from the reader's events rather than through serde,
//! which would infer types (`0755` would arrive as 755) and stop at the first mistake. Size, depth, number of values and
//! what aliases expand to are bounded.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span as Range, StrInput, StructureStyle};

use super::rules;
use crate::diagnostics::{FileId, Finding, Label, Located, Rule, Span};

/// The most bytes that one file may have.
pub const MAX_BYTES: u64 = 1024 * 1024;
/// The deepest nesting of lists and maps.
const MAX_DEPTH: usize = 32;
/// The most values in one file, counting again what an alias repeats.
const MAX_NODES: usize = 250_000;

/// A value of an access file and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a value is; text is not yet interpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text, a number or a flag.
    Scalar {
        /// The text after unescaping.
        text: String,
        /// Written without quotes, so that a reader of YAML 1.2 may take it for a number or a flag.
        plain: bool,
    },
    /// A list.
    Seq(Vec<Node>),
    /// A map, in the order of the file, with every duplicate.
    Map(Vec<Entry>),
}

/// One key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Located<String>,
    pub(crate) value: Node,
}

impl Node {
    /// The value of a key; the first, should it stand there twice.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key and its value.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.value == key)
    }

    /// The values of a key, however often it stands there.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Self> {
        self.entries().iter().filter(move |entry| entry.key.value == key).map(|entry| &entry.value)
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Scalar { .. } | Value::Seq(_) => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::Seq(items) => items,
            Value::Null | Value::Scalar { .. } | Value::Map(_) => &[],
        }
    }

    /// A scalar as it is written; nothing for anything else.
    pub(crate) fn words(&self) -> &str {
        match &self.value {
            Value::Scalar { text, .. } => text,
            Value::Null | Value::Seq(_) | Value::Map(_) => "",
        }
    }

    /// What to point at when a list or map as a whole is meant: its first key or item, so that a block of many lines is
    /// not underlined whole.
    pub(crate) fn head(&self) -> Span {
        match &self.value {
            Value::Null | Value::Scalar { .. } => self.span,
            Value::Seq(items) => items.first().map_or(self.span, Self::head),
            Value::Map(entries) => entries.first().map_or(self.span, |entry| entry.key.span),
        }
    }
}

/// Reads one access file. Mistakes in the YAML itself are pushed to `findings`; after one that leaves no tree, `None`.
pub(crate) fn read(file: FileId, text: &str, findings: &mut Vec<Finding>) -> Option<Node> {
    let options = serde_saphyr::granit_parser::options! { emit_comments: false };
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(text, options),
        text,
        file,
        anchors: BTreeMap::new(),
        nodes: 0,
        findings,
    };
    match reader.document() {
        Ok(node) => Some(node),
        Err(finding) => {
            findings.push(*finding);
            None
        }
    }
}

/// A finding that leaves no tree; boxed because it is large and rare.
type Fatal = Box<Finding>;

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    text: &'a str,
    file: FileId,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    findings: &'a mut Vec<Finding>,
}

/// What an alias repeats.
struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Fatal> {
        let mut document = None;
        loop {
            let (event, range) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if document.is_some() => {
                    return fatal(
                        &rules::MULTIPLE_DOCUMENTS,
                        "a second YAML document starts in this file",
                        self.span(range),
                        "an access file is one document",
                        Some(
                            "split the file in two, or, if it is no access file, name it under `exclude:` of the root file",
                        ),
                    );
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => document = Some(self.node(event, range, 0)?),
            }
        }
        Ok(document.unwrap_or(Node { span: Span { file: self.file, start: 0, end: 0 }, value: Value::Null }))
    }

    fn next(&mut self) -> Result<(Event<'a>, Range), Fatal> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => self.syntax(&error),
            None => Ok((Event::StreamEnd, Range::default())),
        }
    }

    fn syntax<T>(&self, error: &ScanError) -> Result<T, Fatal> {
        let at = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let start = (0..=at).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let span = Span { file: self.file, start, end: start };
        fatal(
            &rules::YAML_SYNTAX,
            format!("this is not YAML: {}", error.info()),
            span,
            "the reader stopped here",
            Some("mend the line, or, if this is no access file, name it under `exclude:` of the root file"),
        )
    }

    fn node(&mut self, event: Event<'a>, range: Range, depth: usize) -> Result<Node, Fatal> {
        let span = self.span(range);
        self.count(1, span)?;
        let (node, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                let value = if null { Value::Null } else { Value::Scalar { text: text.into_owned(), plain } };
                (Node { span, value }, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                Self::deeper(depth, span)?;
                (self.sequence(span, style, depth)?, anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                Self::deeper(depth, span)?;
                (self.mapping(span, style, depth)?, anchor)
            }
            _ => return fatal(&rules::YAML_SYNTAX, "this is not YAML", span, "a value is missing here", None),
        };
        if anchor != 0 {
            let (nodes, depth) = measure(&node);
            self.count(nodes, span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, depth });
        }
        Ok(node)
    }

    fn sequence(&mut self, mut span: Span, style: StructureStyle, depth: usize) -> Result<Node, Fatal> {
        let mut items = Vec::new();
        loop {
            let (event, range) = self.next()?;
            if matches!(event, Event::SequenceEnd | Event::StreamEnd) {
                span.end = self.end(span, style, range, items.last());
                return Ok(Node { span, value: Value::Seq(items) });
            }
            items.push(self.node(event, range, depth + 1)?);
        }
    }

    fn mapping(&mut self, mut span: Span, style: StructureStyle, depth: usize) -> Result<Node, Fatal> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, range) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                span.end = self.end(span, style, range, entries.last().map(|entry| &entry.value));
                return Ok(Node { span, value: Value::Map(entries) });
            }
            let key = self.node(event, range, depth + 1)?;
            let (event, range) = self.next()?;
            let value = self.node(event, range, depth + 1)?;
            match key.value {
                Value::Scalar { text, .. } => entries.push(Entry { key: Located::new(text, key.span), value }),
                Value::Null | Value::Seq(_) | Value::Map(_) => self.findings.push(finding(
                    &rules::YAML_KEY,
                    "a key must be a word",
                    key.span,
                    "this is used as a key",
                    Some("put text in quotes when it starts with `{`, `[`, `?` or `:`"),
                )),
            }
        }
    }

    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Result<Node, Fatal> {
        let Some(Anchored { nodes, depth: below, .. }) = self.anchors.get(&anchor) else {
            return fatal(
                &rules::YAML_SYNTAX,
                "this alias stands inside what it repeats",
                span,
                "an alias can only repeat what is complete",
                None,
            );
        };
        let (nodes, below) = (*nodes, *below);
        self.count(nodes, span)?;
        Self::deeper(depth + below, span)?;
        let mut node = self
            .anchors
            .get(&anchor)
            .map(|anchored| anchored.node.clone())
            .unwrap_or(Node { span, value: Value::Null });
        node.span = span;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Fatal> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        fatal(
            &rules::TOO_COMPLEX,
            format!("this file holds more than {MAX_NODES} values, counting what aliases repeat"),
            span,
            "the limit is reached here",
            Some("split the file"),
        )
    }

    fn deeper(depth: usize, span: Span) -> Result<(), Fatal> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        fatal(
            &rules::TOO_COMPLEX,
            format!("lists and maps are nested more than {MAX_DEPTH} deep"),
            span,
            "the limit is reached here",
            None,
        )
    }

    fn refuse_tag(&mut self, tagged: bool, span: Span) {
        if tagged {
            self.findings.push(finding(
                &rules::YAML_TAG,
                "YAML tags (`!…`) have no meaning in an access file",
                span,
                "this value carries a tag",
                Some("take the tag out"),
            ));
        }
    }

    /// Where a list or map ends: at its bracket, or, in block style, with its last value. There the reader's own end lies
    /// before the next token, behind blank lines and comments.
    fn end(&self, span: Span, style: StructureStyle, range: Range, last: Option<&Node>) -> usize {
        match style {
            StructureStyle::Flow => self.span(range).end.max(span.start),
            StructureStyle::Block => last.map_or(span.start, |node| node.span.end.max(span.start)),
        }
    }

    fn span(&self, range: Range) -> Span {
        let range = range.byte_range().unwrap_or(0..0);
        Span { file: self.file, start: range.start.min(self.text.len()), end: range.end.min(self.text.len()) }
    }
}

/// How many values a tree has and how deep it is.
fn measure(node: &Node) -> (usize, usize) {
    let below = |(nodes, depth): (usize, usize), node: &Node| {
        let (more, deeper) = measure(node);
        (nodes + more, depth.max(deeper + 1))
    };
    match &node.value {
        Value::Null | Value::Scalar { .. } => (1, 0),
        Value::Seq(items) => items.iter().fold((1, 1), below),
        Value::Map(entries) => entries.iter().map(|entry| &entry.value).fold((1, 1), below),
    }
}

fn finding(rule: &'static Rule, message: impl Into<String>, span: Span, label: &str, help: Option<&str>) -> Finding {
    Finding {
        rule,
        severity: rule.severity,
        message: message.into(),
        labels: vec![Label { span, text: label.to_owned() }],
        file: None,
        help: help.map(str::to_owned),
    }
}

fn fatal<T>(
    rule: &'static Rule,
    message: impl Into<String>,
    span: Span,
    label: &str,
    help: Option<&str>,
) -> Result<T, Fatal> {
    Err(Box::new(finding(rule, message, span, label, help)))
}

/// Why a small YAML file that is no access file (connections, a sandbox's seed) could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// The line, from 1; 0 when the error is about the file as a whole.
    pub line: u64,
    /// The column, from 1; 0 when the error is about the file as a whole.
    pub column: u64,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for YamlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => formatter.write_str(&self.message),
            line => write!(formatter, "line {line}, column {}: {}", self.column, self.message),
        }
    }
}

impl std::error::Error for YamlError {}

/// Reads a small YAML file that is no access file, into a type that refuses unknown keys itself.
///
/// Duplicate keys, merge keys, tags that name types, further documents and anything beyond the bounds of an access file
/// are errors, and only `true` and `false` are flags.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    if text.len() as u64 > MAX_BYTES {
        let message = format!("{} bytes are too many, {MAX_BYTES} is the most", text.len());
        return Err(YamlError { line: 0, column: 0, message });
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: MAX_NODES, max_aliases: 1000 },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((0, 0), |location| (location.line(), location.column()));
        let options = serde_saphyr::RenderOptions::new(&serde_saphyr::UserMessageFormatter);
        let message = error.render_with_options(options);
        // The reader says the place again in its text.
        let place = format!(" at line {line}, column {column}");
        YamlError { line, column, message: message.strip_suffix(&place).unwrap_or(&message).to_owned() }
    })
}
