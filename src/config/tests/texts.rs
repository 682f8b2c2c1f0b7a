//! Files that are no YAML, no text, too much, or something else; and what YAML makes of values.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::{ROOT, files, root_with, told};
use crate::config::{File, read};
use crate::diagnostics::SourceMap;

#[test]
fn yaml_that_cannot_be_read() {
    let loaded = files(&[
        ("rolecall.yaml", ROOT),
        ("bracket.yaml", "groups:\n  dev: { members: [a@contoso.com }\n"),
        ("indent.yaml", "groups:\n  dev:\n   members: []\n  x\n"),
        ("two.yaml", "groups: {}\n---\ngroups: {}\n"),
        ("tag.yaml", "groups: !!map {}\ngrants: !secret []\n"),
        ("key.yaml", "groups:\n  { a: b }: {}\n  ? [c]\n  : {}\n  dev: { members: [] }\n"),
        ("self.yaml", "groups: &all\n  dev: { members: [*all] }\n"),
        ("unknown-alias.yaml", "groups: *nothing\n"),
        ("deep.yaml", &format!("groups: {}{}\n", "[".repeat(40), "]".repeat(40))),
    ]);
    insta::assert_snapshot!(told(&loaded), @r#"
    yaml-syntax: this is not YAML: mismatched bracket '[' closed by '}'
      bracket.yaml:2:19 "" the reader stopped here
      help: mend the line, or, if this is no access file, name it under `exclude:` of the root file
    too-complex: lists and maps are nested more than 32 deep
      deep.yaml:1:40 "[" the limit is reached here
    yaml-syntax: this is not YAML: simple key expected ':'
      indent.yaml:4:3 "" the reader stopped here
      help: mend the line, or, if this is no access file, name it under `exclude:` of the root file
    yaml-key: a key must be a word
      key.yaml:2:3 "{ a: b }" this is used as a key
      help: put text in quotes when it starts with `{`, `[`, `?` or `:`
    yaml-key: a key must be a word
      key.yaml:3:5 "[c]" this is used as a key
      help: put text in quotes when it starts with `{`, `[`, `?` or `:`
    yaml-syntax: this alias stands inside what it repeats
      self.yaml:2:20 "*all" an alias can only repeat what is complete
    yaml-tag: YAML tags (`!…`) have no meaning in an access file
      tag.yaml:1:15 "{" this value carries a tag
      help: take the tag out
    yaml-tag: YAML tags (`!…`) have no meaning in an access file
      tag.yaml:2:17 "[" this value carries a tag
      help: take the tag out
    multiple-documents: a second YAML document starts in this file
      two.yaml:2:1 "---" an access file is one document
      help: split the file in two, or, if it is no access file, name it under `exclude:` of the root file
    yaml-syntax: this is not YAML: while parsing node, found unknown anchor
      unknown-alias.yaml:1:9 "" the reader stopped here
      help: mend the line, or, if this is no access file, name it under `exclude:` of the root file
    "#);
}

#[test]
fn an_alias_bomb() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (before, after) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        writeln!(bomb, "{after}: &{after} [{}]", vec![format!("*{before}"); 10].join(", ")).unwrap();
    }
    let loaded = files(&[("rolecall.yaml", ROOT), ("bomb.yaml", &bomb)]);
    insta::assert_snapshot!(told(&loaded), @r#"
    too-complex: this file holds more than 250000 values, counting what aliases repeat
      bomb.yaml:6:8 "*e" the limit is reached here
      help: split the file
    "#);
}

#[test]
fn other_files_in_the_folder() {
    let loaded = files(&[
        ("rolecall.yaml", &format!("{ROOT}exclude: [charts/**, '*.gen.yaml', vendor]\n")),
        ("charts/a/values.yaml", "replicas: 3\n"),
        ("list.gen.yaml", "- 1\n"),
        ("vendor/x.yaml", "{{ helm }}\n"),
        ("deploy.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: { name: trinity }\n"),
        ("list.yaml", "- a\n"),
        ("text.yaml", "hello\n"),
        ("empty.yaml", ""),
        ("comment.yaml", "# later\n"),
        ("misspelt.yaml", "group: {}\nkind: x\n"),
        ("nothing.yaml", "groups: {}\n"),
    ]);
    insta::assert_snapshot!(told(&loaded), @r#"
    empty-file: the file holds nothing
      comment.yaml:1:1 "" nothing here
      help: remove it; if it belongs here, name it under `exclude:` of the root file: `exclude: ["comment.yaml"]`
    not-an-access-file: this YAML file is no access file
      deploy.yaml:1:1 "apiVersion" an access file has `environments`, `groups`, `roles`, `grants` or `expectations` here
      help: if it belongs here, name it under `exclude:` of the root file: `exclude: ["deploy.yaml"]`
    empty-file: the file holds nothing
      empty.yaml:1:1 "" nothing here
      help: remove it; if it belongs here, name it under `exclude:` of the root file: `exclude: ["empty.yaml"]`
    not-an-access-file: this YAML file is no access file
      list.yaml:1:3 "a" an access file has `environments`, `groups`, `roles`, `grants` or `expectations` here
      help: if it belongs here, name it under `exclude:` of the root file: `exclude: ["list.yaml"]`
    unknown-key: `group` is not a key of an access file
      misspelt.yaml:1:1 "group" no such key
      help: did you mean `groups`?
    unknown-key: `kind` is not a key of an access file
      misspelt.yaml:2:1 "kind" no such key
      help: it takes `environments`, `groups`, `roles`, `grants` or `expectations`
    not-an-access-file: this YAML file is no access file
      text.yaml:1:1 "hello" an access file has `environments`, `groups`, `roles`, `grants` or `expectations` here
      help: if it belongs here, name it under `exclude:` of the root file: `exclude: ["text.yaml"]`
    "#);
}

#[test]
fn bytes_that_are_no_text() {
    let file = |path: &str, content: &[u8]| File::new(path, Ok(content.to_vec()));
    let loaded = read(
        PathBuf::from("/access"),
        vec![
            file("rolecall.yaml", ROOT.as_bytes()),
            file("latin.yaml", b"groups:\n  dev: { description: caf\xe9, members: [] }\n"),
            file("binary.yaml", b"\x7fELF\x00\x01"),
            file("utf16.yaml", b"\xff\xfeg\x00r\x00"),
            file("huge.yaml", &vec![b'#'; 1024 * 1024 + 1]),
            file("control.yaml", b"groups:\n  dev: { description: a\x1b[31mb, members: [] }\n"),
        ],
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    not-text: this is no text: it holds a zero byte
      binary.yaml
      help: mend or remove it, or, if it is no access file, name it under `exclude:` of the root file
    yaml-syntax: this is not YAML: unexpected character: `\u{1b}'
      control.yaml:2:23 "" the reader stopped here
      help: mend the line, or, if this is no access file, name it under `exclude:` of the root file
    file-too-large: 1048577 bytes are too many, 1048576 is the most
      huge.yaml
      help: split the file
    not-text: this is not UTF-8: the first other byte is in line 2
      latin.yaml
      help: mend or remove it, or, if it is no access file, name it under `exclude:` of the root file
    not-text: this is no text: it holds a zero byte
      utf16.yaml
      help: mend or remove it, or, if it is no access file, name it under `exclude:` of the root file
    "#);
}

#[test]
fn an_empty_root_file() {
    insta::assert_snapshot!(told(&files(&[("rolecall.yaml", "")])), @r#"
    empty-file: the file holds nothing
      rolecall.yaml:1:1 "" nothing here
      help: a root file has `version: 1`, `name:` and `tenant:`
    "#);
    insta::assert_snapshot!(told(&files(&[("rolecall.yaml", "- x\n")])), @r#"
    not-an-access-file: this YAML file is no access file
      rolecall.yaml:1:3 "x" an access file has `version`, `name`, `tenant`, `appliers`, `exclude`, `delegate`, `lint`, `lock`, `environments`, `groups`, `roles`, `grants` or `expectations` here
      help: a root file has `version: 1`, `name:` and `tenant:`
    "#);
}

#[test]
fn yaml_1_2_is_read_as_it_says() {
    let loaded = root_with(
        "environments:
  no: { type: k3s, labels: { stage: on, version: '1.10', week: 12-13 } }
groups:
  '2024': { members: [] }
  off: { description: no, members: [{ group: '2024' }] }
roles:
  y: { cluster-role: view }
grants:
  - { groups: [off], roles: [y], environments: { stage: on }, namespaces: ['0755'] }
",
    );
    assert_eq!(told(&loaded), "");
    let config = loaded.config.unwrap();
    let environment = config.environments.values().next().unwrap();
    assert_eq!(environment.labels.get("stage").map(String::as_str), Some("on"));
    assert_eq!(environment.labels.get("version").map(String::as_str), Some("1.10"));
}

#[test]
fn anchors_repeat_what_they_name() {
    let loaded = root_with(
        "groups:
  one: { members: &people [sam@contoso.com, hayden@contoso.com] }
  two: { members: *people }
",
    );
    assert_eq!(told(&loaded), "");
    let config = loaded.config.unwrap();
    let members: Vec<_> = config.groups.values().map(|group| group.members.clone()).collect();
    assert_eq!(members[0], members[1]);
    assert_eq!(members[0].len(), 2);
}

#[test]
fn places_are_right_after_other_scripts_and_other_line_ends() {
    let text = format!("\u{feff}{ROOT}# 東京 👩\ngroups:\n  dev: {{ description: \"Zoë 👩\", membres: [] }}\n")
        .replace('\n', "\r\n");
    let loaded = files(&[("rolecall.yaml", &text)]);
    insta::assert_snapshot!(told(&loaded), @r#"
    missing-members: the group `dev` does not say who its members are
      rolecall.yaml:7:3 "dev" no `members` here
      help: list them under `members:`; write `members: []` for a group without members, or `membership: external` for one whose members are managed elsewhere
    unknown-key: `membres` is not a key of a group
      rolecall.yaml:7:32 "membres" no such key
      help: did you mean `members`?
    "#);
}

#[test]
fn numbers_are_those_of_the_core_schema() {
    use crate::config::check::is_number;
    for text in [
        "0", "-1", "+12", "0755", "1.10", "1.", ".5", "12e03", "1e5", "123e4567", "0x1F", "0o17", ".inf", "-.INF",
        ".nan",
    ] {
        assert!(is_number(text), "{text}");
    }
    for text in ["", "-", "1_000", "1.2.3", "0x", "0o8", "e5", "1e", "12-13", "5c1e", "0b1", "inf", ".", "+.", "1:30"] {
        assert!(!is_number(text), "{text}");
    }
}

#[test]
fn small_files_are_read_strictly() {
    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Small {
        name: String,
        #[serde(default)]
        on: bool,
    }
    let read = crate::config::yaml::from_str::<Small>;
    assert_eq!(read("name: a\non: true\n"), Ok(Small { name: "a".to_owned(), on: true }));
    assert_eq!(read("name: 0755\n"), Ok(Small { name: "0755".to_owned(), on: false }));
    let told = |text: &str| read(text).unwrap_err().to_string();
    insta::assert_snapshot!(told("name: a\nnam: b\n"), @"line 2, column 1: unknown field `nam`, expected one of name, on");
    insta::assert_snapshot!(told("name: a\nname: b\n"), @"line 2, column 1: duplicate mapping key `name` is not allowed here");
    insta::assert_snapshot!(told("name: a\non: yes\n"), @"line 2, column 5: invalid boolean (true or false expected)");
    insta::assert_snapshot!(told("on: true\n"), @"line 1, column 1: missing field `name`");
    insta::assert_snapshot!(told("name: [\n"), @"line 1, column 7: expected string scalar");
    insta::assert_snapshot!(told("name: a\n---\nname: b\n"), @"line 3, column 1: only single YAML document expected but multiple found");
    insta::assert_snapshot!(told(&"#".repeat(1024 * 1024 + 1)), @"1048577 bytes are too many, 1048576 is the most");
}

#[test]
fn an_origin_is_the_line_in_its_file() {
    let mut sources = SourceMap::default();
    let file = sources.add("a.yaml", "groups:\n  dev: {}\n");
    let mut findings = Vec::new();
    let node = crate::config::yaml::read(file, "groups:\n  dev: {}\n", &mut findings).unwrap();
    let group = node.get("groups").unwrap().entry("dev").unwrap();
    assert_eq!(sources.origin(group.key.span).to_string(), "a.yaml:2");
    assert_eq!((group.value.span.start, group.value.span.end), (15, 17));
}
