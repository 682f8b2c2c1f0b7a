//! A document of parts that fits: what does not is folded, and then the longest parts are shortened, what a reviewer must
//! decide last.

use super::escape;
use super::host::Sheet;

/// A body with more lines than this is folded where it may be.
const MANY_LINES: usize = 150;

/// What a host shows: lines at the top, parts, and a line at the end.
pub(super) struct Document {
    /// The hidden line.
    pub(super) mark: String,
    /// Markdown, a paragraph or a list each.
    pub(super) head: Vec<String>,
    pub(super) parts: Vec<Part>,
    pub(super) foot: Option<String>,
}

/// A part under a title.
#[derive(Debug)]
pub(super) struct Part {
    /// Words; not yet Markdown.
    pub(super) title: String,
    /// Markdown between the title and the body.
    pub(super) lead: Vec<String>,
    pub(super) body: Body,
    /// Markdown below the body.
    pub(super) tail: Vec<String>,
    pub(super) fold: Fold,
    /// Whether it is shortened only where everything else is and it still does not fit.
    pub(super) is_vital: bool,
}

/// What may be shortened. Each item is whole lines.
#[derive(Debug)]
pub(super) enum Body {
    None,
    /// Items of a list.
    List(Vec<String>),
    /// Rows of a table below their header.
    Table(&'static [&'static str], Vec<String>),
    /// Lines inside a fence, of this language.
    Fence(&'static str, Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    Never,
    WhenLong,
    Always,
}

impl Part {
    pub(super) fn new(title: &str, body: Body) -> Self {
        Self { title: title.to_owned(), lead: Vec::new(), body, tail: Vec::new(), fold: Fold::Never, is_vital: false }
    }

    pub(super) fn vital(self) -> Self {
        Self { is_vital: true, ..self }
    }

    pub(super) fn folded(self, fold: Fold) -> Self {
        Self { fold, ..self }
    }

    /// With no more of its body than so many bytes.
    fn write(&self, most: usize, is_tight: bool, sheet: &Sheet) -> String {
        let shown = self.body.shown(most);
        let mut blocks = self.lead.clone();
        blocks.extend(self.body.write(shown));
        let left_out = self.body.items().len() - shown;
        if left_out > 0 {
            let more = if shown > 0 { "more" } else { "not shown" };
            blocks.push(format!("{left_out} {more}; see {} in {}.", sheet.subject.full(), sheet.full));
        }
        blocks.extend(self.tail.iter().cloned());
        let is_folded = match self.fold {
            Fold::Never => false,
            Fold::WhenLong => is_tight || self.body.items().len() > MANY_LINES,
            Fold::Always => true,
        };
        if is_folded && !blocks.is_empty() {
            let summary = escape::html(&self.title);
            format!("<details>\n<summary>{summary}</summary>\n\n{}\n\n</details>", blocks.join("\n\n"))
        } else {
            blocks.insert(0, format!("#### {}", escape::prose(&self.title)));
            blocks.join("\n\n")
        }
    }
}

impl Body {
    fn items(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::List(items) | Self::Table(_, items) | Self::Fence(_, items) => items,
        }
    }

    /// How many items take no more than so many bytes.
    fn shown(&self, most: usize) -> usize {
        let mut used = 0_usize;
        let fits = |item: &&String| {
            used += item.len() + 1;
            used <= most
        };
        self.items().iter().take_while(fits).count()
    }

    fn write(&self, shown: usize) -> Option<String> {
        let items = self.items().get(..shown).filter(|items| !items.is_empty())?;
        Some(match self {
            Self::None => return None,
            Self::List(_) => items.join("\n"),
            Self::Table(header, _) => {
                let head = format!("| {} |\n|{}", header.join(" | "), " --- |".repeat(header.len()));
                format!("{head}\n{}", items.join("\n"))
            }
            Self::Fence(language, _) => escape::fence(language, items),
        })
    }
}

impl Document {
    /// The document as text, no longer than the sheet is.
    pub(super) fn fit(&self, sheet: &Sheet) -> String {
        let whole = self.write([usize::MAX; 2], false, sheet);
        if whole.len() <= sheet.limit {
            return whole;
        }
        let mut most = [usize::MAX; 2];
        for kind in 0..most.len() {
            let with = |bytes: usize| {
                let mut most = most;
                if let Some(most) = most.get_mut(kind) {
                    *most = bytes;
                }
                self.write(most, true, sheet)
            };
            // The most bytes for each part of this kind with which all of it fits.
            let (mut fitting, mut least, mut too_many) = (None, 0, sheet.limit + 1);
            while least < too_many {
                let middle = least + (too_many - least) / 2;
                let text = with(middle);
                if text.len() <= sheet.limit {
                    (fitting, least) = (Some(text), middle + 1);
                } else {
                    too_many = middle;
                }
            }
            if let Some(text) = fitting {
                return text;
            }
            if let Some(most) = most.get_mut(kind) {
                *most = 0;
            }
        }
        self.write(most, true, sheet)
    }

    /// With no more bytes for the body of each part than these: of what is shortened first, and of what is vital.
    fn write(&self, [first, vital]: [usize; 2], is_tight: bool, sheet: &Sheet) -> String {
        let mut blocks = vec![format!("{}\n{}", self.mark, self.head.join("\n\n"))];
        blocks.extend(
            self.parts.iter().map(|part| part.write(if part.is_vital { vital } else { first }, is_tight, sheet)),
        );
        blocks.extend(self.foot.clone());
        blocks.join("\n\n") + "\n"
    }
}

/// The hidden line by which a document is known again; it holds nothing but the plan's id.
pub(super) fn mark(plan_id: Option<&str>) -> String {
    let is_id = |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    format!("<!-- rolecall plan-id:{} -->", plan_id.filter(is_id).unwrap_or("none"))
}
