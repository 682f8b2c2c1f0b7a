//! A text that fits: cut between two lines, with everything closed that is open there.

/// The longest text that a host takes, in the unit it counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Unicode characters.
    Characters(usize),
    /// UTF-16 code units, in which .NET counts.
    Utf16(usize),
}

impl Limit {
    /// How long a text is in this unit.
    pub fn measure(self, text: &str) -> usize {
        match self {
            Self::Characters(_) => text.chars().count(),
            Self::Utf16(_) => text.encode_utf16().count(),
        }
    }

    /// The most that is taken.
    pub fn most(self) -> usize {
        match self {
            Self::Characters(most) | Self::Utf16(most) => most,
        }
    }

    fn holds(self, text: &str) -> bool {
        // A byte holds at most one unit, so that most texts need not be counted.
        text.len() <= self.most() || self.measure(text) <= self.most()
    }
}

/// The text with `head` in front, cut at a line where it is too long; then `tail` stands below. Also whether it was cut.
pub(super) fn fit(head: &str, text: &str, tail: &str, limit: Limit) -> (String, bool) {
    let whole = format!("{head}{text}");
    if limit.holds(&whole) {
        return (whole, false);
    }
    let mut open = Open::default();
    let mut used = limit.measure(head);
    let below = limit.measure(tail);
    // The longest beginning at whose end there is room for what must follow.
    let (mut end, mut closing, mut at) = (0, String::new(), 0);
    for line in text.split_inclusive('\n') {
        used += limit.measure(line);
        if used > limit.most() {
            break;
        }
        at += line.len();
        open.line(line);
        let close = open.closing(line.ends_with('\n'));
        if used + limit.measure(&close) + below <= limit.most() {
            (end, closing) = (at, close);
        }
    }
    (format!("{head}{}{closing}{tail}", text.get(..end).unwrap_or_default()), true)
}

/// What is open at a place of a Markdown text.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// The character of a code fence, and how many of it.
    fence: Option<(char, usize)>,
    details: usize,
    /// Inside `<!--`.
    comment: bool,
}

impl Open {
    /// Goes on by a line.
    pub(super) fn line(&mut self, line: &str) {
        if self.fences(line) || self.fence.is_some() {
            return;
        }
        let mut rest = line;
        loop {
            if self.comment {
                let Some((_, behind)) = rest.split_once("-->") else { return };
                self.comment = false;
                rest = behind;
            }
            let Some(at) = rest.find('<') else { return };
            rest = rest.get(at..).unwrap_or_default();
            if rest.starts_with("<!--") {
                self.comment = true;
            } else if tag(rest, "<details") {
                self.details += 1;
            } else if tag(rest, "</details") {
                self.details = self.details.saturating_sub(1);
            }
            rest = rest.get(1..).unwrap_or_default();
        }
    }

    /// Whether a code fence is open.
    pub(super) fn is_code(&self) -> bool {
        self.fence.is_some()
    }

    /// Whether the line opens or closes a code fence.
    fn fences(&mut self, line: &str) -> bool {
        let text = line.trim_start_matches(' ');
        if self.comment || line.len() - text.len() > 3 {
            return false;
        }
        let Some(mark) = text.chars().next().filter(|first| matches!(first, '`' | '~')) else { return false };
        let count = text.chars().take_while(|character| *character == mark).count();
        let behind = text.get(count..).unwrap_or_default();
        match self.fence {
            None if count >= 3 && !(mark == '`' && behind.contains('`')) => self.fence = Some((mark, count)),
            Some((open, least)) if open == mark && count >= least && behind.trim().is_empty() => self.fence = None,
            _ => return false,
        }
        true
    }

    /// What closes everything, on lines of its own.
    fn closing(&self, at_line_start: bool) -> String {
        let mut text = if at_line_start { String::new() } else { "\n".to_owned() };
        if let Some((mark, count)) = self.fence {
            text.extend(std::iter::repeat_n(mark, count));
            text.push('\n');
        }
        if self.comment {
            text.push_str("-->\n");
        }
        for _ in 0..self.details {
            text.push_str("\n</details>\n");
        }
        // Markdown begins anew only after an empty line.
        text.push('\n');
        text
    }
}

/// Whether the text starts with this tag, in any case.
fn tag(text: &str, name: &str) -> bool {
    text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        && text.get(name.len()..).is_some_and(|rest| rest.starts_with(|next: char| next == '>' || next.is_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str, most: usize) -> String {
        let (fitted, was_cut) = fit("H\n", text, "TAIL\n", Limit::Characters(most));
        assert!(fitted.chars().count() <= most, "{fitted}");
        assert_eq!(was_cut, fitted != format!("H\n{text}"));
        fitted
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        assert_eq!(cut("one\ntwo", 9), "H\none\ntwo");
    }

    #[test]
    fn it_is_cut_between_two_lines() {
        assert_eq!(cut("one\ntwo\nthree and more\n", 20), "H\none\ntwo\n\nTAIL\n");
        assert_eq!(cut("a line that is too long by itself", 20), "H\nTAIL\n");
    }

    #[test]
    fn what_is_open_is_closed() {
        let text =
            "<details><summary>All</summary>\n\n````diff\n+ one\n```\n+ two\n````\n\n</details>\nand more of it\n";
        assert_eq!(
            cut(text, 80),
            "H\n<details><summary>All</summary>\n\n````diff\n+ one\n```\n````\n\n</details>\n\nTAIL\n"
        );
        assert_eq!(cut("a <!-- b\nc\nd and so on and so on\n", 25), "H\na <!-- b\nc\n-->\n\nTAIL\n");
        assert_eq!(cut("~~~ a`b\n<details>\nmuch more than fits here\n", 33), "H\n~~~ a`b\n<details>\n~~~\n\nTAIL\n");
    }

    #[test]
    fn it_is_measured_as_the_host_counts() {
        let text = "😀".repeat(6);
        assert_eq!(fit("", &text, "", Limit::Characters(6)), (text.clone(), false));
        assert_eq!(fit("", &text, "!", Limit::Utf16(11)), ("!".to_owned(), true));
        assert_eq!(fit("", &text, "!", Limit::Utf16(12)), (text.clone(), false));
    }

    proptest! {
        #[test]
        fn it_always_fits_and_keeps_whole_lines(
            text in "([ `~]{0,4}|<details>|</details>|<!--|-->|[a-zä😀\n]{0,9}|\n){0,60}",
            most in 80_usize..400,
        ) {
            let (fitted, was_cut) = fit("H\n", &text, "TAIL\n", Limit::Utf16(most));
            if was_cut {
                // The text may hold so much to close that nothing of it is kept.
                prop_assert!(fitted.encode_utf16().count() <= most);
                prop_assert!(fitted.ends_with("TAIL\n"));
            } else {
                prop_assert_eq!(fitted, format!("H\n{}", text));
            }
        }
    }
}
