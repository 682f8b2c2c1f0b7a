use super::*;
use crate::state::PrincipalName;

fn user(name: &str) -> PrincipalName {
    PrincipalName::User(name.parse().unwrap())
}

/// What becomes of the block of group `g` in a file.
fn changed(text: &str, list: List, remove: &[&str], add: &[PrincipalName]) -> Result<String, String> {
    let mut sources = SourceMap::default();
    sources.add("a.yaml", text);
    let mut texts = Texts::new(&sources);
    let remove = remove.iter().map(|name| user(name)).collect();
    texts.make(&Edit::List { group: "g".parse().unwrap(), list, remove, add: add.to_vec() })?;
    Ok(texts.iter().next().unwrap().1.to_owned())
}

fn members(list: &str, remove: &[&str], add: &[&str]) -> String {
    let text = format!("groups:\n  g:\n    members:{list}\n    # about owners\n    owners: [x@c.com]\n");
    let add: Vec<PrincipalName> = add.iter().map(|name| user(name)).collect();
    let after = changed(&text, List::Members, remove, &add).unwrap();
    let (before, rest) = after.split_once("members:").unwrap();
    assert_eq!(before, "groups:\n  g:\n    ");
    let (list, _) =
        rest.split_once("\n    # about owners\n    owners: [x@c.com]\n").unwrap_or_else(|| panic!("{after}"));
    list.to_owned()
}

#[test]
fn an_item_goes_with_the_comment_on_its_line() {
    let list = "\n      # the team\n      - a@c.com   # lead\n      - b@c.com # on leave\n\n      - c@c.com";
    assert_eq!(members(list, &["b@c.com"], &[]), "\n      # the team\n      - a@c.com   # lead\n\n      - c@c.com");
    assert_eq!(members(list, &["a@c.com"], &[]), "\n      # the team\n      - b@c.com # on leave\n\n      - c@c.com");
    assert_eq!(members(list, &[], &["d@c.com"]), format!("{list}\n      - d@c.com"));
    assert_eq!(members(list, &["A@C.com", "b@c.com", "c@c.com"], &[]), " []\n      # the team\n");
}

#[test]
fn a_comment_above_goes_where_it_is_about_nothing_else() {
    let list =
        "\n      - a@c.com\n      # until May\n      - b@c.com\n      # partners\n      - c@c.com\n      - d@c.com";
    assert_eq!(
        members(list, &["b@c.com"], &[]),
        "\n      - a@c.com\n      # partners\n      - c@c.com\n      - d@c.com"
    );
    assert_eq!(
        members(list, &["c@c.com"], &[]),
        "\n      - a@c.com\n      # until May\n      - b@c.com\n      # partners\n      - d@c.com"
    );
}

#[test]
fn between_brackets_commas_and_blanks_come_out_right() {
    for (list, remove, add, after) in [
        (" [a@c.com, b@c.com, c@c.com]", vec!["b@c.com"], vec![], " [a@c.com, c@c.com]"),
        (" [a@c.com, b@c.com, c@c.com]", vec!["a@c.com"], vec![], " [b@c.com, c@c.com]"),
        (" [a@c.com, b@c.com, c@c.com]", vec!["c@c.com"], vec![], " [a@c.com, b@c.com]"),
        (" [a@c.com, b@c.com, c@c.com]", vec!["b@c.com", "c@c.com"], vec![], " [a@c.com]"),
        (" [ a@c.com ]  # one", vec!["a@c.com"], vec![], " []  # one"),
        (" [a@c.com,]", vec!["a@c.com"], vec![], " []"),
        (" [a@c.com]", vec!["a@c.com"], vec!["b@c.com"], " [b@c.com]"),
        (" []", vec![], vec!["a@c.com", "o'neil@c.com"], " [a@c.com, 'o''neil@c.com']"),
        (" [\"a@c.com\", 'b@c.com']", vec!["b@c.com"], vec!["c@c.com"], " [\"a@c.com\", c@c.com]"),
        (" [\n      a@c.com,  # lead\n      b@c.com\n    ]", vec!["a@c.com"], vec![], " [\n      b@c.com\n    ]"),
        (
            " [\n      a@c.com,  # lead\n      b@c.com  # x\n    ]",
            vec![],
            vec!["c@c.com"],
            " [\n      a@c.com,  # lead\n      b@c.com,  # x\n      c@c.com\n    ]",
        ),
        (
            " [\n      a@c.com,\n      b@c.com,\n    ]",
            vec![],
            vec!["c@c.com"],
            " [\n      a@c.com,\n      b@c.com,\n      c@c.com,\n    ]",
        ),
    ] {
        assert_eq!(members(list, &remove, &add), after, "{list}");
    }
}

#[test]
fn ends_of_lines_and_other_letters_are_kept() {
    let text =
        "# Größe 東\r\ngroups:\r\n  g:\r\n    members:\r\n      - a@c.com\r\n      - { guest: ana@p.example } # ü";
    let after = changed(text, List::Members, &["a@c.com"], &[PrincipalName::Guest("bo@p.example".parse().unwrap())]);
    assert_eq!(
        after.unwrap(),
        "# Größe 東\r\ngroups:\r\n  g:\r\n    members:\r\n      - { guest: ana@p.example } # ü\r\n      - { guest: bo@p.example }"
    );
    let after = changed("groups:\n  g:\n    members:\n      - a@c.com", List::Members, &["a@c.com"], &[]).unwrap();
    assert_eq!(after, "groups:\n  g:\n    members: []", "as it ended before");
}

#[test]
fn what_cannot_be_changed_alone_is_refused() {
    let of = |members: &str| {
        changed(
            &format!("groups:\n  h: {{ members: &x [a@c.com] }}\n  g: {{ members: {members} }}\n"),
            List::Members,
            &["a@c.com"],
            &[],
        )
    };
    assert_eq!(of("*x"), Err(ALIAS.to_owned()));
    assert_eq!(of("[&y a@c.com]"), Err(FORM.to_owned()));
    assert_eq!(of("[b@c.com]"), Err(NOBODY.to_owned()));
    assert_eq!(changed("groups: {}\n", List::Members, &[], &[]), Err(NO_GROUP.to_owned()));
}

fn text_of(block: &str, value: Option<&str>) -> Result<String, String> {
    let mut sources = SourceMap::default();
    sources.add("a.yaml", format!("groups:\n{block}\n"));
    let mut texts = Texts::new(&sources);
    let value = value.map(str::to_owned);
    texts.make(&Edit::Text { group: "g".parse().unwrap(), key: Text::Description, value })?;
    Ok(texts.iter().next().unwrap().1.strip_prefix("groups:\n").unwrap().trim_end().to_owned())
}

#[test]
fn a_text_is_set_put_in_and_taken_out() {
    for (block, value, after) in [
        (
            "  g:\n    description: Old # why\n    members: []",
            Some("New: it"),
            "  g:\n    description: 'New: it' # why\n    members: []",
        ),
        ("  g: { members: [], description: Old }", Some("yes"), "  g: { members: [], description: 'yes' }"),
        ("  g: { members: [], description: Old }", None, "  g: { members: [] }"),
        ("  g: { description: Old, members: [] }", None, "  g: { members: [] }"),
        ("  g:\n    description: Old\n    members: []", None, "  g:\n    members: []"),
        ("  g:\n    members: []", Some("a\u{202e}b"), "  g:\n    description: \"a\\U0000202Eb\"\n    members: []"),
        // What a CI system that reads its log would take for a command.
        (
            "  g: { members: [], description: Old }",
            Some("a ##vso[x]b ::c::d"),
            r#"  g: { members: [], description: "a \x23#vso[x]b \x3A:c\x3A:d" }"#,
        ),
        ("  g: { members: [] }", Some("1.0"), "  g: { description: '1.0', members: [] }"),
    ] {
        assert_eq!(text_of(block, value).as_deref(), Ok(after), "{block}");
    }
    assert_eq!(text_of("  g:\n    description: |\n      Old\n    members: []", Some("New")), Err(FORM.to_owned()));
}

mod drawn {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::super::{Edit, List, Texts};
    use crate::config::{self, File};
    use crate::desired;
    use crate::state::{GroupKey, PrincipalName};

    const HEAD: &str = "# The files of Größe 東\nversion: 1\nname: drawn\ntenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }\nappliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]\ngroups:\n";

    /// Who can be in a list, by number.
    fn somebody(number: usize) -> (PrincipalName, String) {
        let (text, name) = match number % 4 {
            0 => (
                format!("user{number}@contoso.com"),
                PrincipalName::User(format!("user{number}@contoso.com").parse().unwrap()),
            ),
            1 => (
                format!("\"o'neil{number}@contoso.com\""),
                PrincipalName::User(format!("o'neil{number}@contoso.com").parse().unwrap()),
            ),
            2 => (
                format!("{{ guest: g{number}@partner.example }}"),
                PrincipalName::Guest(format!("g{number}@partner.example").parse().unwrap()),
            ),
            _ => {
                let id = format!("00000000-0000-4000-8000-{number:012}");
                (format!("{{ group-id: {id} }}"), PrincipalName::GroupId(id.parse().unwrap()))
            }
        };
        (name, text)
    }

    /// A group's block in one of the ways in which people write one.
    fn block(key: &str, people: &BTreeSet<usize>, style: usize) -> String {
        let items: Vec<String> = people.iter().map(|number| somebody(*number).1).collect();
        let commented = |(at, item): (usize, &String)| match (at + style) % 3 {
            0 => format!("{item}   # since {at} ü"),
            _ => item.clone(),
        };
        let lines: Vec<String> = items.iter().enumerate().map(commented).collect();
        let list = match style % 4 {
            _ if items.is_empty() => " []   # nobody".to_owned(),
            0 => lines.iter().fold("\n      # who".to_owned(), |all, item| all + "\n      - " + item),
            1 => lines.iter().fold(String::new(), |all, item| all + "\n    - " + item),
            2 => format!(" [{}]", items.join(", ")),
            _ => {
                let lines = items.iter().map(|item| format!("\n      {item},  # {item}"));
                format!(" [{}\n    ]", lines.collect::<String>())
            }
        };
        format!(
            "  {key}:\n    # kept: {key}\n    description: Group {key} # why\n    members:{list}\n    # owners below {key}\n    owners: [erin@contoso.com]\n\n"
        )
    }

    fn people() -> impl Strategy<Value = BTreeSet<usize>> {
        prop::collection::btree_set(0..12_usize, 0..6)
    }

    proptest! {
        #[test]
        fn the_files_come_to_ask_for_what_is_there_and_nothing_else_of_them_changes(
            groups in prop::collection::vec((people(), people(), 0..12_usize), 1..4),
            is_crlf: bool,
        ) {
            let mut text = HEAD.to_owned();
            let mut edits = Vec::new();
            for (at, (asked, live, style)) in groups.iter().enumerate() {
                text.push_str(&block(&format!("g{at}"), asked, *style));
                let key: GroupKey = format!("g{at}").parse().unwrap();
                let named = |number: &usize| somebody(*number).0;
                let (remove, add) = (asked.difference(live).map(named).collect(), live.difference(asked).map(named).collect());
                edits.push(Edit::List { group: key, list: List::Members, remove, add });
            }
            if is_crlf {
                text = text.replace('\n', "\r\n");
            }
            let read = |text: &str| config::read(PathBuf::new(), vec![File::new("rolecall.yaml", Ok(text.as_bytes().to_vec()))]);
            let loaded = read(&text);
            prop_assert!(loaded.config.is_some(), "it is well formed");
            let mut texts = Texts::new(&loaded.sources);
            for edit in &edits {
                prop_assert_eq!(texts.make(edit), Ok(()), "{}", text);
            }
            let after = texts.iter().next().map(|(_, after)| after.to_owned()).unwrap();
            let loaded = read(&after);
            let asked = desired::compile(&loaded.config.expect("it is well formed"), &loaded.sources);
            for (at, (_, live, _)) in groups.iter().enumerate() {
                let key: GroupKey = format!("g{at}").parse().unwrap();
                let names: BTreeSet<PrincipalName> = live.iter().map(|number| somebody(*number).0).collect();
                prop_assert_eq!(asked.groups[&key].members.keys().cloned().collect::<BTreeSet<_>>(), names, "{}", after);
            }
            // Every line that names nobody who came or went stands there as it stood, in the same order.
            let moved: Vec<String> = groups
                .iter()
                .flat_map(|(asked, live, _)| asked.symmetric_difference(live).map(|number| somebody(*number).1))
                .collect();
            let concerned = |line: &&str| {
                moved.iter().any(|who| line.contains(who.as_str())) || line.contains("members:") || line.trim() == "# who" || line.contains("o''neil")
            };
            let rest = |text: &str| text.split_inclusive('\n').filter(|line| !concerned(line)).map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(rest(&text), rest(&after));
            prop_assert_eq!(after.matches("\r\n").count(), if is_crlf { after.matches('\n').count() } else { 0 });
        }
    }
}
