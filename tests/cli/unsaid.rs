//! What a change causes that none of its lines says, and who comes to something by their own change, in real repositories.

use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature, Time};
use serde_json::Value;

use crate::common::World;

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha:
    type: k3s
    labels: { stage: dev }
  beta:
    type: k3s
    labels: { stage: test }
roles:
  read-only: { cluster-role: view }
  restarter:
    rules:
      - { apiGroups: [apps], resources: [deployments], verbs: [get, list] }
";

const DEV: &str = "groups:
  dev:
    owners: [erin@contoso.com]
    members:
      - hayden@contoso.com
      - dana@contoso.com
  ops:
    owners: [erin@contoso.com, sam@contoso.com]
    members: &seniors
      - sam@contoso.com
      - erin@contoso.com
  all:
    owners: [joan@contoso.com]
    members: *seniors
grants:
  - groups: [dev]
    roles: [read-only]
    environments: { stage: dev }
    namespaces: [trinity]
  - groups: [ops]
    roles: [restarter]
    environments: [alpha]
    namespaces:
      - trinity
";

/// Whoever is live and in none of the files.
const MALLORY: (&str, &str) = ("      - dana@contoso.com\n", "      - dana@contoso.com\n      - mallory@contoso.com\n");

/// What is live, and a repository over it. Nothing here writes to what is live, so that many changes are told by one.
struct Story {
    world: World,
    repository: Repository,
}

type Files<'f> = &'f [(&'f str, &'f str)];

impl Story {
    fn new() -> Self {
        let live = DEV.replace(MALLORY.0, MALLORY.1);
        // A sandbox holds whom and what its first files name: somebody, and a namespace, of whom nothing is asked yet.
        let first = "groups:
  once: { members: [carol@contoso.com] }
grants:
  - { groups: [once], roles: [read-only], environments: [beta], namespaces: [trinity] }
";
        let world = World::with_files(&[("rolecall.yaml", ROOT), ("dev.yaml", &live), ("once.yaml", first)]);
        let _ = world.plan(&[]).exits(0);
        std::fs::remove_file(world.path("access/once.yaml")).unwrap();
        let _ = world.apply(&["--yes"]).exits(0);
        let mut options = RepositoryInitOptions::new();
        let repository = Repository::init_opts(world.path(""), options.initial_head("main")).unwrap();
        Self { world, repository }
    }

    fn commit(&self, files: Files<'_>, mail: &str) {
        std::fs::remove_dir_all(self.world.path("access")).unwrap();
        for (name, text) in files {
            self.world.write(&format!("access/{name}"), text);
        }
        let mut index = self.repository.index().unwrap();
        index.add_all(["access"], IndexAddOption::DEFAULT, None).unwrap();
        index.update_all(["access"], None).unwrap();
        index.write().unwrap();
        let tree = self.repository.find_tree(index.write_tree().unwrap()).unwrap();
        let parent = self.repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        let who = Signature::new("Somebody", mail, &Time::new(0, 0)).unwrap();
        let parents: Vec<_> = parent.iter().collect();
        let _ = self.repository.commit(Some("HEAD"), &who, &who, "access", &tree, &parents).unwrap();
    }

    /// Makes `main` and a change of it anew, the change checked out.
    fn change(&self, before: Files<'_>, after: Files<'_>, mail: &str) {
        let _ = self.repository.set_head("refs/heads/main");
        self.commit(before, "somebody@else.example");
        let tip = self.repository.head().unwrap().peel_to_commit().unwrap();
        drop(self.repository.set_head_detached(tip.id()));
        self.commit(after, mail);
    }

    fn told(&self) -> Value {
        let ran = self.world.plan(&["--base", "main", "--output", "json"]);
        assert!(ran.code == 0 || ran.code == 6, "{}", ran.all());
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// What is not said: address, action, and the line that it comes through.
    fn unsaid(&self, before: Files<'_>, after: Files<'_>) -> Vec<String> {
        self.change(before, after, "somebody@else.example");
        let plan = self.told();
        assert_eq!(plan["base"]["not_told"], Value::Null);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let line = |one: &Value| match (&one["now"], &one["was"]) {
            (Value::Null, Value::Null) => "nowhere".to_owned(),
            (Value::Null, was) => format!("was {}:{}", text(&was["file"]), was["line"]),
            (now, _) => format!("{}:{}", text(&now["file"]), now["line"]),
        };
        let each = plan["base"]["unsaid"].as_array().unwrap().iter().map(|one| {
            let kept = if one["kept_back"] == true { " (kept back)" } else { "" };
            let file = if one["file"] == "always" { String::new() } else { format!(" {}", text(&one["file"])) };
            format!("{} {}{kept} {}{file}", text(&one["action"]), text(&one["address"]), line(one))
        });
        each.collect()
    }
}

fn with(text: &str, changes: Files<'_>) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

#[test]
fn what_a_touched_line_says_is_not_marked() {
    let story = Story::new();
    let cases: &[(&str, Files<'_>, Files<'_>)] = &[
        ("a member", &[("      - dana@", "      - carol@contoso.com\n      - dana@")], &[]),
        ("one who goes", &[("      - dana@contoso.com\n", "")], &[]),
        ("an owner", &[("owners: [joan@contoso.com]", "owners: [joan@contoso.com, sam@contoso.com]")], &[]),
        ("a group in a group", &[("      - dana@", "      - { group: ops }\n      - dana@")], &[]),
        (
            "what an alias repeats",
            &[("      - sam@contoso.com\n", "      - sam@contoso.com\n      - joan@contoso.com\n")],
            &[],
        ),
        ("an alias that goes", &[("members: *seniors", "members: [sam@contoso.com]")], &[]),
        ("the labels of an environment", &[], &[("{ stage: test }", "{ stage: dev }")]),
        ("the labels that a grant goes by", &[("{ stage: dev }", "{ stage: test }")], &[]),
        ("rules that are elsewhere", &[], &[("[get, list]", "[get, list, patch]")]),
        ("what a role stands for", &[], &[("cluster-role: view", "cluster-role: edit")]),
        ("one of many namespaces", &[("      - trinity\n", "      - trinity\n      - default\n")], &[]),
        ("a key", &[("  dev:\n", "  team:\n    previously: [dev]\n"), ("[dev]\n    roles", "[team]\n    roles")], &[]),
        (
            "a grant that goes",
            &[(
                "  - groups: [dev]\n    roles: [read-only]\n    environments: { stage: dev }\n    namespaces: [trinity]\n",
                "",
            )],
            &[],
        ),
        (
            "what a list means",
            &[("    members:\n      - hayden", "    membership: additive\n    members:\n      - hayden")],
            &[],
        ),
    ];
    for (what, dev, root) in cases {
        let (dev, root) = (with(DEV, dev), with(ROOT, root));
        let unsaid = story
            .unsaid(&[("rolecall.yaml", ROOT), ("dev.yaml", DEV)], &[("rolecall.yaml", &root), ("dev.yaml", &dev)]);
        assert_eq!(unsaid, Vec::<String>::new(), "{what}");
        assert!(what.starts_with("what a list") || caused(&story) > 0, "{what} causes nothing");
    }
    // A role that is granted from a second file becomes another object, and what was bound to it is bound to that.
    let more =
        "grants:\n  - groups: [dev]\n    roles: [restarter]\n    environments: [alpha]\n    namespaces: [trinity]\n";
    let files = [("rolecall.yaml", ROOT), ("dev.yaml", DEV)];
    assert_eq!(story.unsaid(&files, &[files[0], files[1], ("more.yaml", more)]), Vec::<String>::new());
    assert!(caused(&story) > 2);
    // A file that is moved, one that comes, one that goes.
    let (root, dev) = (("rolecall.yaml", ROOT), ("dev.yaml", DEV));
    let moved = with(DEV, &[("      - dana@", "      - carol@contoso.com\n      - dana@")]);
    assert_eq!(story.unsaid(&[root, dev], &[root, ("teams/dev.yaml", DEV)]), Vec::<String>::new());
    assert_eq!(story.unsaid(&[root, dev], &[root, ("teams/dev.yaml", &moved)]), Vec::<String>::new());
    assert!(caused(&story) > 0);
    assert_eq!(story.unsaid(&[root], &[root, dev]), Vec::<String>::new());
    assert_eq!(story.unsaid(&[root, dev], &[root]), Vec::<String>::new());
    assert!(caused(&story) > 0);
}

/// How many changes the change that is checked out causes, or accepts.
fn caused(story: &Story) -> usize {
    let plan = story.told();
    let changes = plan["changes"].as_array().unwrap();
    changes.iter().filter(|one| one["cause"] == "change").count() + plan["base"]["accepted"].as_array().unwrap().len()
}

#[test]
fn what_comes_by_no_touched_line_is_marked() {
    let story = Story::new();
    let root = ("rolecall.yaml", ROOT);
    let typo = with(DEV, &[("hayden@contoso.com", "heyden@contoso.com")]);
    let mallory = "entra/group/dev/member/mallory@contoso.com";
    // A name that is mended lets go whom it held; one that is broken holds them.
    assert_eq!(
        story.unsaid(&[root, ("dev.yaml", &typo)], &[root, ("dev.yaml", DEV)]),
        [format!("remove {mallory} dev.yaml:2"),]
    );
    assert_eq!(
        story.unsaid(&[root, ("dev.yaml", DEV)], &[root, ("dev.yaml", &typo)]),
        [format!("remove {mallory} (kept back) dev.yaml:2")]
    );
    // Nor do words beside it help.
    let beside =
        with(DEV, &[("    members:\n      - hayden", "    members:\n      # mallory may stay\n      - hayden")]);
    let unsaid = story.unsaid(&[root, ("dev.yaml", &typo)], &[root, ("dev.yaml", &beside)]);
    assert_eq!(unsaid, [format!("remove {mallory} dev.yaml:2")]);

    // Files that were there all the time: left out before, hidden, or called otherwise.
    let more = "groups:\n  late:\n    owners: [sam@contoso.com]\n    members:\n      - carol@contoso.com\n";
    let late = |file: &str| {
        [
            "add entra/group/late|2",
            "add entra/group/late/owner/sam@contoso.com|3",
            "add entra/group/late/member/carol@contoso.com|5",
        ]
        .map(|line| line.replace('|', &format!(" {file}:")) + " newly")
        .to_vec()
    };
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let without = with(ROOT, &[("environments:\n", "exclude: [late.yaml]\nenvironments:\n")]);
    let (dev, extra) = (("dev.yaml", DEV), ("late.yaml", more));
    let left_out = story.unsaid(&[("rolecall.yaml", &without), dev, extra], &[root, dev, extra]);
    assert_eq!(sorted(left_out), sorted(late("late.yaml")));
    for hidden in [".drafts/late.yaml", "late.txt"] {
        let unsaid = story.unsaid(&[root, dev, (hidden, more)], &[root, dev, ("late.yaml", more)]);
        assert_eq!(sorted(unsaid), sorted(late("late.yaml")), "{hidden}");
    }
    // One that goes in the same way.
    let gone = story.unsaid(&[root, dev], &[root, ("dev.txt", DEV)]);
    assert!(gone.contains(&"remove entra/group/dev was dev.yaml:2 no-longer".to_owned()), "{gone:?}");
    // What is not committed is part of the change: the file that is gone from the disk is gone for good.
    story.change(&[root, dev], &[root, dev], "somebody@else.example");
    std::fs::remove_file(story.world.path("access/dev.yaml")).unwrap();
    assert_eq!(story.told()["base"]["unsaid"], Value::Array(Vec::new()));
    assert!(caused(&story) > 0);
}

fn shown(story: &Story, more: &[&str]) -> String {
    story.world.plan(&[&["--base", "main"], more].concat()).exits(0).stdout
}

fn check(name: &str, text: &str) {
    let filters = vec![
        (r"[0-9a-f]{64}", "[PLAN]"),
        (r"\d+\.\d s", "<time> s"),
        (r"\([0-9a-f]{4}…\)", "(<id>)"),
        (r"\b[0-9a-f]{7}\b", "<commit>"),
    ];
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(name, text) });
}

/// A change whose author comes to something, that lets somebody go by the way, and more than can be told one by one.
#[test]
fn hints_stand_before_what_a_change_causes() {
    let story = Story::new();
    let root = ("rolecall.yaml", ROOT);
    let typo = with(DEV, &[("hayden@contoso.com", "heyden@contoso.com")]);
    let mended = with(
        DEV,
        &[
            ("      - dana@contoso.com\n", "      - dana@contoso.com\n      - carol@contoso.com\n"),
            ("[joan@contoso.com]", "[joan@contoso.com, carol@contoso.com]"),
        ],
    );
    story.change(&[root, ("dev.yaml", &typo)], &[root, ("dev.yaml", &mended)], "Carol@Contoso.com");
    let plan = story.told();
    assert_eq!(plan["base"]["authors"][0]["who"], "carol@contoso.com");
    check("unsaid-text", &shown(&story, &[]));
    check("unsaid-markdown", &shown(&story, &["--output", "markdown"]));

    let people = "[hayden@contoso.com, sam@contoso.com, erin@contoso.com, dana@contoso.com]";
    let late: Vec<String> = (0..20).map(|number| format!("  late-{number}: {{ members: {people} }}\n")).collect();
    let more = format!("groups:\n{}", late.concat());
    let (dev, late) = (("dev.yaml", DEV), ("late.yaml", more.as_str()));
    story.change(&[root, dev, (".late.yaml", &more)], &[root, dev, late], "somebody@else.example");
    let text = shown(&story, &[]);
    let at = text.find("Caused by this change, although").unwrap();
    check("unsaid-many", text[at..].split("\n\n").next().unwrap());
}
