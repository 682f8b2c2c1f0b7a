//! Names in every place of a document.

use proptest::prelude::*;

use super::super::escape::{cell, code, fence, html, prose};
use super::{is_inert, outline, words};

#[test]
fn what_could_be_a_name_stands_in_a_code_span_and_words_do_not() {
    let cases = [
        (
            "carol@contoso.com can list pods in trinity on alpha, and should not",
            "`carol@contoso.com` can list pods in trinity on alpha, and should not",
        ),
        (
            "nobody is `sma@contoso.com`; removals wait (did you mean sam@contoso.com?)",
            "nobody is `sma@contoso.com`; removals wait (did you mean `sam@contoso.com`?)",
        ),
        ("`apply` would refuse: 1 guard.", "`apply` would refuse: 1 guard."),
        ("fetch the rest (`git fetch --unshallow`)", "fetch the rest (`git fetch --unshallow`)"),
        (
            "group k8s_dev_users (0f3c…) \"Finance \\\"all\\\"\"",
            "group `k8s_dev_users` (`0f3c…`) \"Finance `\\\"all\\`\"\"",
        ),
        ("somebody's dev → ops, 0.8 s, 12 units", "somebody's dev → ops, 0.8 s, 12 units"),
        (
            "see #1, GH-1, !1, JIRA-7, PROJ-abc, @team and deadbee",
            "see `#1`, `GH-1`, `!1`, `JIRA-7`, `PROJ-abc`, `@team` and `deadbee`",
        ),
        ("1. one", "`1`. one"),
        ("1) one", "`1`) one"),
        ("a ` b", "a `` ` `` b"),
        ("a `` b ` c", "a ``` `` ``` b `` ` `` c"),
        ("https://evil.example/x www.evil.example", "`https://evil.example/x` `www.evil.example`"),
        ("a\nb\u{202e}", "`a\\nb\\u{202e}`"),
        ("- [ ] <!-- x", "`-` `[` `]` `<!--` x"),
    ];
    for (text, wanted) in cases {
        assert_eq!(prose(text), wanted);
    }
}

#[test]
fn a_bar_ends_no_cell() {
    assert_eq!(cell("a|b"), "`a\\|b`");
    assert_eq!(cell("a\\|b"), "`a\\\\\\|b`");
    for name in ["a|b", "a\\|b", "a\\\\|b", "`|`|", "\\", "a\\", "|", "||", "`", "``|"] {
        let row = |name: &str| format!("| a | b |\n| --- | --- |\n| {} | x |\n| {} | y |", cell(name), cell(name));
        assert_eq!(outline(&row(name)), outline(&row("name")), "{name}");
    }
}

#[test]
fn no_text_is_said() {
    assert_eq!((prose(""), cell(" "), code("")), ("(empty)".to_owned(), "(empty)".to_owned(), "(empty)".to_owned()));
}

#[test]
fn html_is_made_of_entities() {
    assert_eq!(
        html("alpha </summary><img src=x>"),
        "alpha <code>&#60;&#47;summary&#62;&#60;img</code> <code>src&#61;x&#62;</code>"
    );
}

#[test]
fn no_line_closes_a_fence() {
    let lines = ["+ ```", "````", "~~~", "a\nb"].map(str::to_owned);
    assert_eq!(fence("diff", &lines), "`````diff\n+ ```\n````\n~~~\na\\nb\n`````");
}

/// Names that somebody chose to break out with.
fn name() -> impl Strategy<Value = String> {
    let nasty = [
        "@octocat",
        "@org/team",
        "#1",
        "org/repo#1",
        "GH-1",
        "!1",
        "$1",
        "~bug",
        "%1.0",
        "&2",
        "AB#12",
        "JIRA-1",
        "https://evil.example",
        "www.evil.example",
        "evil@evil.example",
        "<img src=x>",
        "</details>",
        "<!--",
        "-->",
        "<script>",
        "![x](y)",
        "[x](y)",
        "[x]: y",
        "[^1]",
        "[[x]]",
        "`",
        "``",
        "```",
        "~~~",
        "|",
        "\\",
        "\\|",
        "*x*",
        "_x_",
        "~~x~~",
        "$$",
        "$`x`$",
        ":tada:",
        "# x",
        "- x",
        "1. x",
        "1)",
        "+ x",
        "> x",
        "---",
        "===",
        "\n\n",
        "\r",
        "\t",
        "\n```\n",
        "&#64;octocat",
        "&commat;octocat",
        "\u{202e}",
        "\u{200b}",
        "deadbeef",
        "0123456789",
        "(",
        ")",
        "\"",
        "'",
        "!",
        ":",
        ".",
        ",",
        " ",
        "  ",
        "{x}",
        "==x==",
        "^x^",
        "||x||",
        "\u{a0}",
        "é",
        "東京",
    ];
    let piece = prop_oneof![4 => prop::sample::select(nasty.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_name_changes_what_a_host_sees(one in name(), other in name()) {
        let page = |one: &str, other: &str| {
            let (p, c, h) = (prose(one), cell(one), html(other));
            format!(
                "### {p}: x\n\n- {p}\n- `!` {p} ({})\n  - {p}\n  - if meant: {}\n\n| a | b |\n| --- | --- |\n| {c} | {} |\n| {c}<br>{c} | x |\n\n\
                 **{p}**\n\n<details>\n<summary>{h}</summary>\n\n{}\n\n</details>\n\n{p} · {p}\n",
                prose(other), code(one), cell(other), fence("diff", &[format!("+ {one}"), format!("  {other}"), other.to_owned()]),
            )
        };
        let (hostile, honest) = (page(&format!("x {one}"), &format!("y{other}")), page("x", "y"));
        prop_assert_eq!(outline(&hostile), outline(&honest), "{}", hostile);
        for words in words(&hostile) {
            prop_assert!(is_inert(&words), "{:?} in {}", words, hostile);
        }
    }

    #[test]
    fn nothing_is_lost(text in name()) {
        // What a reader sees of it, spaces apart.
        let shown: String = super::visible(&format!("- {}", prose(&text))).split(' ').collect();
        let wanted: String = crate::report::escape::line(&text).split(' ').collect();
        let wanted = if wanted.is_empty() { "(empty)".to_owned() } else { wanted.replace('`', "") };
        prop_assert_eq!(shown.replace('`', ""), wanted);
    }
}
