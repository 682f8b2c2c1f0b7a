//! GitHub's expressions, as much of them as the action uses: names, texts, `==`, `!=`, `&&`, `||`, `!`, `always()`, parentheses.
//! Anything else is a panic, so that no condition is taken for true because it was not understood.

/// The value of a name such as `inputs.mode`; `None` where nothing has that name, which is empty in an expression.
pub(crate) type Names<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A text with every `${{ … }}` in it replaced.
pub(crate) fn fill(text: &str, names: Names<'_>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, behind) = after.split_once("}}").expect("an expression ends");
        filled += before;
        filled += &value(expression, names);
        rest = behind;
    }
    filled + rest
}

/// The value of one expression, as text; `true` and `false` for what is compared.
pub(crate) fn value(expression: &str, names: Names<'_>) -> String {
    let words = words(expression);
    let mut parser = Parser { words: &words, at: 0, names };
    let value = parser.either();
    assert_eq!(parser.at, words.len(), "not understood: {expression}");
    value
}

/// Whether GitHub takes it for true: texts are, `0` as well, unless they are empty. (`false` is what a comparison gives here; no text of
/// ours is that word but by a comparison.)
pub(crate) fn is_true(value: &str) -> bool {
    !matches!(value, "" | "false")
}

fn words(expression: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = expression.trim_start();
    while !rest.is_empty() {
        let end = if let Some(text) = rest.strip_prefix('\'') {
            text.find('\'').expect("a text ends") + 2
        } else if ["==", "!=", "&&", "||"].iter().any(|sign| rest.starts_with(sign)) {
            2
        } else if rest.starts_with(['(', ')', '!']) {
            1
        } else {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(rest.len());
            assert!(end > 0, "not understood: {rest}");
            end
        };
        words.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    words
}

struct Parser<'a> {
    words: &'a [String],
    at: usize,
    names: Names<'a>,
}

impl Parser<'_> {
    fn takes(&mut self, word: &str) -> bool {
        let takes = self.words.get(self.at).is_some_and(|next| next == word);
        self.at += usize::from(takes);
        takes
    }

    fn either(&mut self) -> String {
        let mut value = self.both();
        while self.takes("||") {
            let other = self.both();
            value = if is_true(&value) { value } else { other };
        }
        value
    }

    fn both(&mut self) -> String {
        let mut value = self.compared();
        while self.takes("&&") {
            let other = self.compared();
            value = if is_true(&value) { other } else { value };
        }
        value
    }

    fn compared(&mut self) -> String {
        let value = self.one();
        // GitHub compares texts without case.
        if self.takes("==") {
            value.eq_ignore_ascii_case(&self.one()).to_string()
        } else if self.takes("!=") {
            (!value.eq_ignore_ascii_case(&self.one())).to_string()
        } else {
            value
        }
    }

    fn one(&mut self) -> String {
        if self.takes("!") {
            return (!is_true(&self.one())).to_string();
        }
        if self.takes("(") {
            let value = self.either();
            assert!(self.takes(")"), "a parenthesis stays open");
            return value;
        }
        let word = self.words.get(self.at).expect("a value").clone();
        self.at += 1;
        if self.takes("(") {
            assert!(word == "always" && self.takes(")"), "not understood: {word}()");
            return "true".to_owned();
        }
        if let Some(text) = word.strip_prefix('\'') {
            return text.trim_end_matches('\'').to_owned();
        }
        (self.names)(&word).unwrap_or_default()
    }
}

#[test]
fn expressions_are_what_github_makes_of_them() {
    let names = |name: &str| match name {
        "inputs.mode" => Some("plan".to_owned()),
        "steps.plan.outputs.exit-code" => Some("2".to_owned()),
        "steps.none.outputs.exit-code" => Some("0".to_owned()),
        _ => None,
    };
    for (expression, expected) in [
        ("inputs.mode == 'plan'", "true"),
        ("inputs.mode == 'PLAN' && steps.plan.outputs.plan-id != ''", "false"),
        ("steps.apply.outputs.exit-code || steps.plan.outputs.exit-code", "2"),
        ("steps.none.outputs.exit-code || steps.plan.outputs.exit-code", "0"),
        ("always() && !(inputs.mode == 'apply')", "true"),
        ("inputs.nothing", ""),
    ] {
        assert_eq!(value(expression, &names), expected, "{expression}");
    }
    assert_eq!(fill("a-${{ inputs.mode }}-${{ inputs.nothing }}.", &names), "a-plan-.");
}
