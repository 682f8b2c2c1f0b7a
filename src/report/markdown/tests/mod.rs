#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod drift;
mod escape;
mod fit;
mod screens;
mod structure;

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};

use super::host::{Host, Sheet};

/// What hosts of git understand beyond `CommonMark`.
fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.strikethrough = true;
    extension.table = true;
    extension.autolink = true;
    extension.tasklist = true;
    extension.footnotes = true;
    extension.superscript = true;
    extension.math_dollars = true;
    extension.math_code = true;
    extension.multiline_block_quotes = true;
    extension.alerts = true;
    options.extension.wikilinks_title_after_pipe = true;
    options.extension.underline = true;
    options.extension.subscript = true;
    options.extension.spoiler = true;
    options
}

/// A sheet as long as it takes.
fn long() -> Sheet {
    Host::of(|name| (name == "GITLAB_CI").then_some("true")).sheet(true, &[])
}

/// What a host makes of a document: each node, one a line, without the text of words, code spans and fences.
fn outline(markdown: &str) -> Vec<String> {
    fn node<'a>(of: &'a AstNode<'a>, depth: usize, lines: &mut Vec<String>) {
        let name = match &of.data.borrow().value {
            // Words and code take turns as names have it, and say nothing about structure.
            NodeValue::Text(_) | NodeValue::Code(_) => None,
            NodeValue::HtmlInline(html) => Some(format!("html {html}")),
            NodeValue::HtmlBlock(html) => Some(format!("html {}", tags(&html.literal))),
            NodeValue::CodeBlock(block) => Some(format!("fence {}", block.info)),
            NodeValue::Heading(heading) => Some(format!("heading {}", heading.level)),
            NodeValue::Link(link) => Some(format!("link {}", link.url)),
            other => Some(format!("{other:?}").split(['(', '{', ' ']).next().unwrap_or_default().to_owned()),
        };
        if let Some(name) = name {
            lines.push(format!("{}{name}", " ".repeat(depth)));
        }
        for child in of.children() {
            node(child, depth + 1, lines);
        }
    }
    let arena = Arena::new();
    let mut lines = Vec::new();
    node(parse_document(&arena, markdown, &options()), 0, &mut lines);
    lines
}

/// The tags of HTML, without what stands between them; code in a summary takes turns with words.
fn tags(html: &str) -> String {
    let tags = html.split('<').skip(1).filter_map(|tag| tag.split_once('>').map(|(tag, _)| tag));
    tags.filter(|tag| !["code", "/code"].contains(tag)).fold(String::new(), |all, tag| all + "<" + tag + ">")
}

/// The words of a document: what hosts look through for mentions, references and addresses.
fn words(markdown: &str) -> Vec<String> {
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &options());
    let mut words = Vec::new();
    for node in root.descendants() {
        if let NodeValue::Text(text) = &node.data.borrow().value {
            words.push(text.to_string());
        }
    }
    words
}

/// Whether a host may find something to link or to notify in these words.
fn is_inert(words: &str) -> bool {
    let references = ["GH-", "www.", "://"];
    !words.contains(['@', '#', '<', '>', '&', '[', ']', '*', '_', '~', '$', '\\', '|', '/', '^', '%', '=', '{', '}'])
        && !references.iter().any(|reference| words.contains(reference))
        && !words.split_whitespace().any(|word| {
            let word = word.trim_matches(|character: char| !character.is_alphanumeric());
            word.len() > 6 && word.chars().all(|character| character.is_ascii_hexdigit())
        })
        && words.match_indices('!').all(|(at, _)| !words[at + 1..].starts_with(char::is_alphanumeric))
}

/// The words and the code of a document, as a reader sees them.
fn visible(markdown: &str) -> String {
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &options());
    let mut shown = String::new();
    for node in root.descendants() {
        match &node.data.borrow().value {
            NodeValue::Text(text) => shown.push_str(text),
            NodeValue::Code(code) => shown.push_str(&code.literal),
            _ => {}
        }
    }
    shown
}
