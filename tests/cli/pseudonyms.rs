//! `snapshot --pseudonymise`: what the access files do not say is not in the file, and what is planned is the same but for names.

use serde_json::{Value, json};

use crate::common::{Ran, World};

/// A company with people, groups, namespaces and bindings that its access files do not name.
const SEED: &str = "
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: quistcorp.example }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users:
  - { user-principal-name: erin@contoso.com, display-name: Erin Blackwood }
  - { user-principal-name: hayden@contoso.com, display-name: Hayden Blackwood }
  - { user-principal-name: carol@contoso.com, display-name: Carol Blackwood }
  - { user-principal-name: Zelda.Quist@Contoso.com, display-name: Zelda Quist }
  - { user-principal-name: yorick@contoso.com, display-name: Yorick O'Malley }
  - { user-principal-name: wendel@contoso.com, display-name: Wendel Ünal, enabled: false }
  - { mail: uma@wintertide.example, guest: true, display-name: Uma Wintertide }
groups:
  - { display-name: Quist family, id: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e, members: [Zelda.Quist@Contoso.com, { guest: uma@wintertide.example }], owners: [yorick@contoso.com] }
  - { display-name: Project Moonraker, description: Only for O'Malley, members: [yorick@contoso.com, hayden@contoso.com] }
service-principals:
  - { app-id: 2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819, display-name: Yorick's robot }
clusters:
  alpha:
    namespaces:
      trinity: { labels: { team: trinity, owner: zelda.quist } }
      payments: { labels: { team: payments, cost: moonraker } }
      search: { labels: { team: search } }
      zelda-quist-dev: { labels: { team: yorick } }
    bindings:
      - { name: zelda-is-admin, namespace: trinity, cluster-role: admin, subjects: [Zelda.Quist@Contoso.com, { group: Project Moonraker }] }
      - { name: moonraker, cluster-role: cluster-admin, subjects: [{ group: Quist family }] }
      - { name: keep-moonraker, namespace: payments, cluster-role: view, subjects: [yorick@contoso.com] }
";

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha:
    type: k3s
    labels: { stage: dev }
    allow-unmanaged: [payments/keep-*]
groups:
  dev: { owners: [erin@contoso.com, yorick@contoso.com], members: [hayden@contoso.com, zelda.quist@contoso.com, { guest: uma@wintertide.example }] }
  ops: { owners: [erin@contoso.com], members: [erin@contoso.com, { group-id: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e }] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [dev], roles: [read-only], environments: [alpha], namespaces: { labels: { team: trinity } } }
  - { groups: [ops], roles: [read-only], environments: [alpha], namespaces: [payments] }
  - { users: [wendel@contoso.com], roles: [read-only], environments: [alpha], namespaces: [payments] }
expectations:
  - { user: carol@contoso.com, environments: [alpha], cannot: [list pods in trinity] }
";

/// What of that is in no access file once those who are only live were taken out of them.
const HIDDEN: [&str; 20] = [
    "zelda",
    "quist",
    "yorick",
    "malley",
    "wendel",
    "ünal",
    "uma@",
    "uma_",
    "uma wintertide",
    "wintertide",
    "blackwood",
    "moonraker",
    "quistcorp",
    "91be3d2c",
    "2b3c4d5e",
    "robot",
    "#ext#",
    "owner=",
    "\"cost\"",
    "family",
];

const FILE: &str = "access/rolecall.yaml";

/// Applied with everybody; then some were taken out of the files, which nobody has applied.
fn world() -> World {
    let world = World::with_files(&[("rolecall.yaml", ROOT)]);
    world.write("seed.yaml", SEED);
    let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
    let applied = world.apply(&["--yes"]);
    assert!(matches!(applied.code, 0 | 3), "{}", applied.all());
    world.replace(FILE, ", yorick@contoso.com]", "]");
    world.replace(FILE, ", zelda.quist@contoso.com, { guest: uma@wintertide.example }", "");
    world.replace(FILE, ", { group-id: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e }", "");
    world.replace(
        FILE,
        "  - { users: [wendel@contoso.com], roles: [read-only], environments: [alpha], namespaces: [payments] }\n",
        "",
    );
    world
}

fn take(world: &World, file: &str, more: &[&str]) -> Ran {
    world.run(&[&["snapshot", file, "access", "--sandbox", "sandbox"], more].concat())
}

fn preview(world: &World, file: &str, more: &[&str]) -> Ran {
    world.run(&[&["plan", "access", "--snapshot", file], more].concat())
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap()
}

/// A change as somebody proposes it: with somebody who is in the files, with a namespace and a selector that are not.
fn propose(world: &World) {
    world.replace(FILE, "members: [erin@contoso.com]", "members: [erin@contoso.com, carol@contoso.com]");
    world.replace(FILE, "namespaces: [payments] }", "namespaces: [payments, search] }");
    world.replace(FILE, "{ team: trinity }", "{ team: search }");
    world.replace(FILE, "read-only: { cluster-role: view }", "read-only: { cluster-role: edit }");
}

/// The same with every name that may be hidden, every pseudonym and every id as one word.
fn bare(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(bare_text(text)),
        Value::Array(entries) => {
            let mut entries: Vec<Value> = entries.iter().map(bare).collect();
            entries.sort_by_key(Value::to_string);
            Value::Array(entries)
        }
        Value::Object(fields) => {
            // Fingerprints are over ids; what the reader itself is called is hidden, too.
            let fields = fields.iter().filter(|(name, _)| !["refers", "uid", "identity"].contains(&name.as_str()));
            Value::Object(fields.map(|(name, value)| (name.clone(), bare(value))).collect())
        }
        other => other.clone(),
    }
}

fn bare_text(text: &str) -> String {
    let lower = text.to_lowercase();
    let is_word = |character: char| character.is_alphanumeric() || "-_@.#'…".contains(character);
    let mut words: Vec<String> = Vec::new();
    for word in lower.split_inclusive(|character| !is_word(character)) {
        let bare = word.trim_end_matches(|character| !is_word(character));
        let rest = &word[bare.len()..];
        let is_hidden = HIDDEN.iter().any(|hidden| bare.contains(hidden))
            || bare.contains("@snapshot.invalid")
            || is_pseudonym(bare)
            || is_id(bare);
        let word = if is_hidden { format!("X{rest}") } else { word.to_owned() };
        // Of two words of a name there is one pseudonym.
        if is_hidden && words.last().is_some_and(|last| last == "X ") {
            words.pop();
        }
        words.push(word);
    }
    words.concat()
}

fn is_pseudonym(word: &str) -> bool {
    let kinds = ["binding-", "group-", "value-", "namespace-", "keep-", "name-"];
    kinds.iter().any(|kind| {
        word.strip_prefix(kind).is_some_and(|tag| tag.len() == 12 && tag.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}

fn is_id(word: &str) -> bool {
    let digits = word.trim_end_matches('…');
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_hex && (word.len() == 36 || (word.ends_with('…') && digits.len() == 4))
}

#[test]
fn no_name_that_the_files_do_not_say_is_in_the_file_or_on_the_screen() {
    let world = world();
    let _ = take(&world, "plain.json", &[]).exits(0);
    let plain = world.read("plain.json").to_lowercase();
    // Nothing led to them, or what they are called shows on screens only.
    let not_read = ["owner=", "2b3c4d5e", "robot", "ünal"];
    for hidden in HIDDEN.iter().filter(|hidden| !not_read.contains(hidden)) {
        assert!(plain.contains(hidden), "{hidden} is what a plain snapshot shows");
    }
    let ran = take(&world, "live.json", &["--pseudonymise"]).exits(0);
    assert!(
        ran.stderr.contains("Names and ids that the access files do not have are pseudonyms in it"),
        "{}",
        ran.stderr
    );
    propose(&world);
    let screen = preview(&world, "live.json", &[]).exits(0);
    let document = preview(&world, "live.json", &["--output", "json"]).exits(0);
    let markdown = preview(&world, "live.json", &["--output", "markdown"]).exits(0);
    for text in [world.read("live.json"), ran.all(), screen.all(), document.all(), markdown.all()] {
        let text = text.to_lowercase();
        for hidden in HIDDEN {
            let at = text.find(hidden);
            let near = at.map(|at| text.chars().skip(at.saturating_sub(100)).take(200).collect::<String>());
            assert_eq!(near, None, "{hidden}");
        }
    }
    let said = "names and ids that the access files did not have are pseudonyms";
    for shown in [&screen.stdout, &markdown.stdout] {
        assert!(shown.contains("live state of ") && shown.replace('\n', " ").contains(said), "{shown}");
    }
    assert_eq!(json(&document)["snapshot"]["pseudonymised"], json!(true));
    // The tenant's ids of those who are in the files are not in them either.
    let id = json(&preview(&world, "plain.json", &["--output", "json"]))["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|change| change["after"]["principal_id"].as_str().map(str::to_owned))
        .unwrap();
    assert!(plain.contains(&id) && !world.read("live.json").contains(&id));
}

#[test]
fn a_change_is_planned_against_it_as_against_the_plain_one_but_for_names() {
    let world = world();
    let _ = take(&world, "plain.json", &[]).exits(0);
    let _ = take(&world, "live.json", &["--pseudonymise"]).exits(0);
    for changed in [false, true] {
        if changed {
            propose(&world);
        }
        let [plain, hidden] = ["plain.json", "live.json"].map(|file| {
            let mut plan = json(&preview(&world, file, &["--output", "json"]).exits(0));
            for part in ["snapshot", "usage", "id", "tenant"] {
                plan[part].take();
            }
            bare(&plan)
        });
        assert!(plain["changes"].as_array().unwrap().len() > 4, "{plain:#}");
        assert!(plain["guards"].as_array().is_some() && !plain["unmanaged"].as_array().unwrap().is_empty());
        assert_eq!(serde_json::to_string_pretty(&hidden).unwrap(), serde_json::to_string_pretty(&plain).unwrap());
    }
}

#[test]
fn whoever_is_hidden_is_not_in_the_snapshot_and_whoever_was_asked_for_is() {
    let world = world();
    world.write("people.txt", "yorick@contoso.com\n");
    let ran = take(&world, "live.json", &["--pseudonymise", "--people", "all"]).exits(64);
    assert!(ran.stderr.contains("--people FILE"), "{}", ran.stderr);
    let _ = take(&world, "live.json", &["--pseudonymise", "--people", "people.txt"]).exits(0);
    let text = world.read("live.json").to_lowercase();
    assert!(text.contains("yorick@contoso.com") && !text.contains("zelda") && !text.contains("malley"));
    world.replace(
        FILE,
        "members: [erin@contoso.com]",
        "members: [erin@contoso.com, zelda.quist@contoso.com, yorick@contoso.com]",
    );
    world.replace(FILE, "namespaces: [payments] }", "namespaces: [payments, zelda-quist-dev, nowhere] }");
    world.replace(FILE, "[payments/keep-*]", "[payments/keep-*, trinity/zelda-is-admin]");
    world.replace(FILE, "{ team: trinity }", "{ owner: zelda.quist }");
    let ran = preview(&world, "live.json", &[]).exits(0);
    let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        "not in the snapshot, so that nobody knows whom it stands for: zelda.quist@contoso.com. What needs it is withheld here.",
        "`rolecall snapshot FILE --people LIST` takes one with whom LIST names",
        "alpha has no namespace `zelda-quist-dev`, or it is being deleted, or it goes by a pseudonym in this snapshot",
        "is called `trinity/zelda-is-admin`, or it goes by a pseudonym in this snapshot; plan against the live systems to know",
        "no namespace of alpha has the labels owner=zelda.quist, or it goes by a pseudonym in this snapshot",
    ] {
        assert!(said.contains(sentence), "{sentence}\n{}", ran.stdout);
    }
    assert!(!said.contains("nobody has this user principal name"), "{}", ran.stdout);
    let plan = json(&preview(&world, "live.json", &["--output", "json"]).exits(0));
    let added: Vec<&str> =
        plan["changes"].as_array().unwrap().iter().filter_map(|one| one["address"].as_str()).collect();
    assert!(added.contains(&"entra/group/ops/member/yorick@contoso.com"), "{added:?}");
}

#[test]
fn why_something_could_not_be_read_is_not_told_to_everybody() {
    let world = world();
    world.replace(FILE, "type: k3s\n", "type: k3s\n    cluster: 5c1e0000-0000-4000-8000-000000000001\n");
    let ran = take(&world, "live.json", &["--pseudonymise"]).exits(1);
    assert!(
        ran.stderr.contains("! alpha could not be read, and the snapshot says so: it was another one"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("127.0.0.1") && !world.read("live.json").contains("127.0.0.1"), "{}", ran.stderr);
    let ran = preview(&world, "live.json", &[]).exits(1);
    assert!(ran.stdout.contains("run `rolecall doctor --for plan`"), "{}", ran.stdout);
}
