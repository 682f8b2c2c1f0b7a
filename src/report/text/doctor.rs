//! A checkup as lines: what was found, and below it what to do when it is not fine.

use unicode_width::UnicodeWidthStr as _;

use super::Layout;
use super::page::{Mark, Page};
use crate::doctor::{Checkup, Sign as Stands};
use crate::report::escape;
use crate::state::Sign;

/// The checkup, its verdict last.
pub fn doctor(checkup: &Checkup, layout: Layout) -> String {
    let mut page = Page::new(layout);
    for part in &checkup.parts {
        page.gap();
        page.words(0, &part.title);
        for line in &part.lines {
            let mark = match line.sign {
                Stands::Fine => Mark::Sign(Sign::Add),
                Stands::Note => Mark::Same,
                Stands::Decide => Mark::Decide,
                Stands::Unchecked(_) => Mark::Unknown,
                Stands::Missing(_) => Mark::Sign(Sign::Remove),
            };
            let text = escape::message(&line.text);
            let next = line.next.as_deref().map(|next| format!("> {}", escape::message(next)));
            match next {
                Some(next) if text.width() + next.width() + 4 <= layout.width => {
                    page.item(mark, &format!("{text}  {next}"));
                }
                Some(next) => {
                    page.item(mark, &text);
                    page.detail(4, &next);
                }
                None => page.item(mark, &text),
            }
        }
    }
    page.gap();
    page.words(0, &checkup.verdict());
    page.render()
}
