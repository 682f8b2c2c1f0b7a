//! Whoever writes a change must not choose what it is compared with, nor loosen what keeps watch without a word.

use git2::{IndexAddOption, Oid, Repository, RepositoryInitOptions, Signature, Time};

use crate::common::World;

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
  prod: { type: k3s, labels: { stage: prod }, protected: true, cluster: 77ab1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
groups:
  dev: { owners: [erin@contoso.com], members: [hayden@contoso.com, dana@contoso.com] }
  pool: { owners: [erin@contoso.com, mallory@contoso.com], members: [sam@contoso.com, joan@contoso.com] }
roles:
  read-only: { cluster-role: view }
  full: { cluster-role: edit }
  ca: { cluster-role: cluster-admin }
grants:
  - { groups: [dev], roles: [read-only], environments: [alpha], namespaces: [trinity] }
expectations:
  - { user: carol@contoso.com, environments: [alpha], cannot: [list pods in trinity] }
  - { group: dev, environments: [alpha], cannot: [delete pods in trinity] }
";
const ROOT_FILE: &str = "access/rolecall.yaml";

fn commit(repository: &Repository) -> Oid {
    let who = Signature::new("Erin", "erin@contoso.com", &Time::new(0, 0)).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all(["access", "evil", "README"], IndexAddOption::DEFAULT, None).unwrap();
    index.update_all(["access", "evil"], None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
    repository.commit(Some("HEAD"), &who, &who, "one", &tree, &parent.iter().collect::<Vec<_>>()).unwrap()
}

struct Change {
    world: World,
    repository: Repository,
}

/// The edits of what is live before `main`, of `main`, and of the change that is checked out.
fn change(root: &str, main: &[(&str, &str)], edits: &[(&str, &str)]) -> Change {
    let world = World::with_files(&[("rolecall.yaml", root)]);
    let acknowledge = ["--acknowledge", "cluster-admin-gained:alpha/erin@contoso.com"];
    let _ = world.plan(&[&["--save", "first.plan"][..], &acknowledge].concat()).exits(0);
    let _ =
        world.run(&[&["apply", "first.plan", "access", "--sandbox", "sandbox"][..], &acknowledge].concat()).exits(0);
    let mut options = RepositoryInitOptions::new();
    let repository = Repository::init_opts(world.path(""), options.initial_head("main")).unwrap();
    for (from, to) in main {
        world.replace(ROOT_FILE, from, to);
    }
    let first = commit(&repository);
    drop(repository.branch("change", &repository.find_commit(first).unwrap(), false).unwrap());
    repository.set_head("refs/heads/change").unwrap();
    for (from, to) in edits {
        world.replace(ROOT_FILE, from, to);
    }
    commit(&repository);
    Change { world, repository }
}

fn preview(root: &str, main: &[(&str, &str)], edits: &[(&str, &str)]) -> crate::common::Ran {
    change(root, main, edits).world.plan(&["--base", "main"])
}

const CAROL_COMES: (&str, &str) = ("dana@contoso.com]", "dana@contoso.com, carol@contoso.com]");
const UNWATCHED: (&str, &str) =
    ("  - { user: carol@contoso.com, environments: [alpha], cannot: [list pods in trinity] }\n", "");
const ELSEWHERE: (&str, &str) = ("alpha: { type: k3s,", "alpha: { type: k3s, context: prod,");
const NOT_READ: &str = "this change says otherwise how alpha is reached";

/// Whoever writes a change must not choose that its base is not compared with: then it would choose where its preview goes, and what it gives up would not count.
mod reached {
    use super::*;

    /// A new name for the config: the base can be read all the same.
    #[test]
    fn another_name_of_the_config_lets_no_change_choose_where_it_is_previewed() {
        let ran = preview(ROOT, &[], &[("name: contoso", "name: contoso2"), ELSEWHERE]);
        assert!(
            ran.stdout.contains(NOT_READ) || ran.code == 1,
            "alpha was read through another context\n{}",
            ran.all()
        );
    }

    #[test]
    fn another_name_of_the_config_gives_up_no_expectation() {
        let ran = preview(ROOT, &[], &[("name: contoso", "name: contoso2"), CAROL_COMES, UNWATCHED]);
        assert!(ran.code == 6, "carol comes to what she must not have: exit {}\n{}", ran.code, ran.all());
    }

    /// The folder that CI names becomes a link to another one, which the base has not got.
    #[cfg(unix)]
    #[test]
    fn a_folder_that_becomes_a_link_lets_no_change_choose_its_base() {
        let change = change(ROOT, &[], &[CAROL_COMES, UNWATCHED, ELSEWHERE, ("protected: true, ", "")]);
        std::fs::create_dir(change.world.path("evil")).unwrap();
        std::fs::rename(change.world.path("access"), change.world.path("evil/access")).unwrap();
        std::os::unix::fs::symlink("evil/access", change.world.path("access")).unwrap();
        commit(&change.repository);
        let ran = change.world.plan(&["--base", "main"]).exits(1);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("access is a link among the files"), "{}", ran.all());
    }

    /// A branch made off a commit from before there were access files.
    #[test]
    fn a_base_from_before_the_files_lets_no_change_choose_where_it_is_previewed() {
        let change = change(ROOT, &[], &[]);
        let parts = change.world.read(ROOT_FILE);
        let who = Signature::new("Mallory", "mallory@contoso.com", &Time::new(0, 0)).unwrap();
        let repository = &change.repository;
        let empty = repository.find_tree(repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let root = repository.commit(None, &who, &who, "nothing yet", &empty, &[]).unwrap();
        let root = repository.find_commit(root).unwrap();
        // `main` has that commit in its history, as any repository has that was not born with access files.
        let tree = repository.head().unwrap().peel_to_commit().unwrap().tree().unwrap();
        repository.commit(Some("refs/heads/later"), &who, &who, "access: first", &tree, &[&root]).unwrap();
        repository.branch("mine", &root, true).unwrap();
        repository.set_head("refs/heads/mine").unwrap();
        change.world.write(ROOT_FILE, parts.replace(ELSEWHERE.0, ELSEWHERE.1).replace("protected: true, ", ""));
        commit(repository);
        let ran = change.world.plan(&["--base", "later"]);
        let told = ran.stdout.contains(NOT_READ) && ran.stdout.contains("! prod is not protected any more");
        assert!(told, "prod, protected on the other side, and alpha were read as the change says\n{}", ran.all());
    }
}

/// What was expected of a group counts by whatever key the group goes now.
mod renamed {
    use super::*;

    #[test]
    fn an_expectation_of_a_group_counts_though_the_change_renames_the_group() {
        let edits = [
            ("  dev: {", "  dev2: { previously: [dev],"),
            ("groups: [dev], roles: [read-only]", "groups: [dev2], roles: [full]"),
            ("  - { group: dev, environments: [alpha], cannot: [delete pods in trinity] }\n", ""),
        ];
        let ran = preview(ROOT, &[], &edits);
        assert!(ran.code == 6, "whoever was in dev can delete pods: exit {}\n{}", ran.code, ran.all());
    }
}

/// What a change accepts is said whatever the group is called by it.
mod accepted {
    use super::*;

    const TIGHTER: &[(&str, &str)] = &[
        ("erin@contoso.com, mallory@contoso.com]", "erin@contoso.com]"),
        ("sam@contoso.com, joan@contoso.com]", "sam@contoso.com]"),
    ];

    /// On `main`, mallory owns it no more and joan is out; nobody has applied that.
    #[test]
    fn what_a_change_accepts_of_a_group_that_it_renames_is_said() {
        let edits = [
            (
                "  pool: { owners: [erin@contoso.com]",
                "  pool2: { previously: [pool], owners: [erin@contoso.com, mallory@contoso.com]",
            ),
            ("sam@contoso.com]", "sam@contoso.com, joan@contoso.com]"),
        ];
        let ran = preview(ROOT, TIGHTER, &edits);
        let said = ran.stdout.contains("Accepted as it is by this change");
        assert!(said && ran.stdout.contains("mallory@contoso.com"), "{}", ran.all());
    }

    /// A group of ours that is only referred to by the change is the same object.
    #[test]
    fn what_a_change_accepts_of_a_group_that_it_lets_go_of_is_said() {
        let change = change(ROOT, TIGHTER, &[]);
        let files = change.world.read(ROOT_FILE);
        let line = files.lines().find(|line| line.starts_with("  pool:")).unwrap();
        // The object id that the sandbox gave it.
        change.world.write(ROOT_FILE, files.replace(line, "  pool: { id: e9a67721-279b-8ad9-b12c-ac84adf719c8 }"));
        commit(&change.repository);
        let ran = change.world.plan(&["--base", "main"]);
        assert!(ran.stdout.contains("Accepted as it is by this change"), "{}", ran.all());
    }

    /// Renamed, its members mean something else, and who must not be in it is forgotten.
    #[test]
    fn what_a_change_weakens_of_a_group_that_it_renames_is_said() {
        let edits = [("  pool: { owners", "  pool2: { previously: [pool], membership: additive, owners")];
        let ran = preview(ROOT, &[], &edits);
        assert!(
            ran.stdout.contains("Weakened by this change") && ran.stdout.contains("membership of"),
            "{}",
            ran.all()
        );
    }

    #[test]
    fn absent_of_a_group_that_a_change_renames_is_said() {
        let root = ROOT.replace("  dev: {", "  dev: { membership: additive, absent: [carol@contoso.com],");
        let edits = [
            (
                "  dev: { membership: additive, absent: [carol@contoso.com],",
                "  dev2: { previously: [dev], membership: additive,",
            ),
            ("groups: [dev], roles", "groups: [dev2], roles"),
            ("group: dev, env", "group: dev2, env"),
        ];
        let ran = preview(&root, &[], &edits);
        assert!(ran.stdout.contains("carol@contoso.com may be a member"), "{}", ran.all());
    }
}

/// A change that takes out `applier` does not help itself.
mod applier {
    use super::*;

    fn applied_by_erin() -> String {
        ROOT.replace(
            "alpha: { type: k3s,",
            "alpha: { type: k3s, tokens: { users-as: upn }, applier: { user: erin@contoso.com },",
        )
        .replace(
            "grants:\n",
            "grants:\n  - { users: [erin@contoso.com], roles: [ca], environments: [alpha], cluster-wide: true }\n",
        )
    }

    const UNBOUND: (&str, &str) =
        ("  - { users: [erin@contoso.com], roles: [ca], environments: [alpha], cluster-wide: true }\n", "");

    /// So it is with the `applier` in the files.
    #[test]
    fn whom_applier_names_is_not_taken_out() {
        let ran = preview(&applied_by_erin(), &[], &[UNBOUND]);
        assert!(ran.stdout.contains("1 removal is withheld"), "{}", ran.all());
    }

    #[test]
    fn a_change_that_drops_applier_says_so() {
        let ran = preview(&applied_by_erin(), &[], &[UNBOUND, (" applier: { user: erin@contoso.com },", "")]);
        let told = ran.stdout.contains("Weakened by this change") && ran.stdout.contains("applier");
        assert!(
            told,
            "the one who applies there is locked out and nothing says why no guard stood in the way\n{}",
            ran.all()
        );
    }
}

/// Keys that a change loosens, and nothing is listed under "Weakened".
mod loosened {
    use super::*;

    /// Whoever else makes themselves an owner stays one from then on, and can add members.
    #[test]
    fn owners_left_out_is_weakened() {
        let ran = preview(ROOT, &[], &[("dev: { owners: [erin@contoso.com], ", "dev: { ")]);
        assert!(
            ran.stdout.contains("Weakened by this change") && ran.stdout.contains("owners of dev"),
            "{}",
            ran.all()
        );
    }

    /// An entry of `delegate` that goes by labels reaches prod as soon as prod carries them.
    #[test]
    fn labels_that_let_a_delegation_reach_further_are_weakened() {
        let root = ROOT.replace(
        "environments:\n  alpha",
        "delegate:\n  - { files: [team.yaml], groups: [dev], roles: [full], environments: { stage: dev }, namespaces: [trinity] }\nenvironments:\n  alpha",
    );
        let ran = preview(&root, &[], &[("stage: prod", "stage: dev")]);
        assert!(ran.stdout.contains("Weakened by this change") && ran.stdout.contains("prod"), "{}", ran.all());
    }

    /// A role that others may grant comes to be another one while nobody is granted it.
    #[test]
    fn a_delegated_role_that_gives_more_is_weakened() {
        let root = ROOT.replace(
        "environments:\n  alpha",
        "delegate:\n  - { files: [team.yaml], groups: [dev], roles: [full], environments: { stage: dev }, namespaces: [trinity] }\nenvironments:\n  alpha",
    );
        let ran = preview(&root, &[], &[("full: { cluster-role: edit }", "full: { cluster-role: cluster-admin }")]);
        assert!(ran.stdout.contains("Weakened by this change") && ran.stdout.contains("full"), "{}", ran.all());
    }

    const SEED: &str = r#"tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users: [{ user-principal-name: hayden@contoso.com }, { user-principal-name: mallory@contoso.com }]
groups:
  - { display-name: one, id: "11111111-1111-4111-8111-000000000001", members: [mallory@contoso.com], owners: [{ service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }] }
  - { display-name: two, id: "11111111-1111-4111-8111-000000000002", members: [hayden@contoso.com], owners: [{ service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }] }
clusters:
  alpha: { namespaces: { trinity: {} } }
"#;
    const BY_ID: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s }
groups:
  one: { adopt: 11111111-1111-4111-8111-000000000001, membership: authoritative, members: [mallory@contoso.com] }
  two: { adopt: 11111111-1111-4111-8111-000000000002, membership: authoritative, members: [hayden@contoso.com] }
roles:
  full: { cluster-role: edit }
grants:
  - { groups: [two], roles: [full], environments: [alpha], namespaces: [trinity] }
expectations:
  - { group: one, environments: [alpha], cannot: [delete pods in trinity] }
";

    fn by_id(edits: &[(&str, &str)]) -> crate::common::Ran {
        let world = World::with_files(&[("rolecall.yaml", BY_ID)]);
        world.write("seed.yaml", SEED);
        let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
        let _ = world.apply(&["--yes"]).exits(0);
        let mut options = RepositoryInitOptions::new();
        let repository = Repository::init_opts(world.path(""), options.initial_head("main")).unwrap();
        let first = commit(&repository);
        drop(repository.branch("change", &repository.find_commit(first).unwrap(), false).unwrap());
        repository.set_head("refs/heads/change").unwrap();
        for (from, to) in edits {
            world.replace(ROOT_FILE, from, to);
        }
        commit(&repository);
        world.plan(&["--base", "main"])
    }

    /// An adopted group that is in no file any more stays in the tenant with whoever comes to it.
    #[test]
    fn an_adopted_group_that_nobody_compares_any_more_is_weakened() {
        let ran = by_id(&[
            (
                "  one: { adopt: 11111111-1111-4111-8111-000000000001, membership: authoritative, members: [mallory@contoso.com] }\n",
                "",
            ),
            ("expectations:\n  - { group: one, environments: [alpha], cannot: [delete pods in trinity] }\n", ""),
        ]);
        assert!(ran.stdout.contains("group one is not in the files any more"), "{}", ran.all());
    }

    /// The key stands for another object: what was expected of the one that mallory is in is expected of nobody.
    #[test]
    fn an_expectation_of_a_key_that_stands_for_another_group_is_given_up() {
        let ran = by_id(&[
            (
                "  one: { adopt: 11111111-1111-4111-8111-000000000001,",
                "  other: { adopt: 11111111-1111-4111-8111-000000000001,",
            ),
            ("roles:\n", "  one: { members: [] }\nroles:\n"),
            ("groups: [two]", "groups: [two, other]"),
        ]);
        let told = ran.stdout.contains("not expected any more: group one") || ran.code == 6;
        assert!(told, "whoever was in one can delete pods: exit {}\n{}", ran.code, ran.all());
    }
}

/// A tag that is called like the branch that a change goes to: git takes the tag first, and with it the change is its own base.
mod tags {
    use super::*;

    fn with_tag(tag: &str, base: &str) -> crate::common::Ran {
        let change = change(ROOT, &[], &[CAROL_COMES, UNWATCHED]);
        let repository = &change.repository;
        let head = repository.head().unwrap().peel_to_commit().unwrap();
        let main = repository.find_branch("main", git2::BranchType::Local).unwrap().get().target().unwrap();
        repository.reference("refs/remotes/origin/main", main, true, "as CI has it").unwrap();
        repository
            .reference(&format!("refs/tags/{tag}"), head.id(), true, "pushed by whoever may push a branch")
            .unwrap();
        change.world.plan(&["--base", base])
    }

    #[test]
    fn a_tag_called_like_the_branch_is_not_taken_for_it() {
        let ran = with_tag("main", "main");
        assert!(ran.code == 6 || ran.code == 1, "carol's gain was taken for drift: exit {}\n{}", ran.code, ran.all());
    }

    #[test]
    fn a_tag_called_like_the_remote_branch_is_not_taken_for_it() {
        let ran = with_tag("origin/main", "origin/main");
        assert!(ran.code == 6 || ran.code == 1, "carol's gain was taken for drift: exit {}\n{}", ran.code, ran.all());
    }
}

/// A display name that nobody holds to any more, where bindings go by display names.
mod display_names {
    use super::*;

    #[test]
    fn display_name_left_out_is_weakened_where_bindings_go_by_it() {
        let root = ROOT
            .replace("alpha: { type: k3s,", "alpha: { type: k3s, tokens: { groups-as: display-name },")
            .replace("  dev: {", "  dev: { display-name: devs,");
        let ran = preview(&root, &[], &[(" display-name: devs,", "")]);
        assert!(ran.stdout.contains("Weakened by this change"), "{}", ran.all());
    }
}

/// Who comes to a default role waits until what is taken out of it is gone: else they have meanwhile, and for good should the taking fail or the run end there, what neither the start nor the end gives them.
mod default_roles {
    use super::*;

    fn aggregated() -> String {
        ROOT.replace(
        "  ca: { cluster-role: cluster-admin }",
        "  own: { rules: [{ apiGroups: [\"\"], resources: [secrets], verbs: [get] }], aggregate-to: [view], environments: [alpha] }",
    )
    }

    /// What each change of a plan waits for, when these files come after those and secrets go from `view`.
    fn waits(edit: (&str, &str)) -> Vec<(String, String)> {
        let world = World::with_files(&[("rolecall.yaml", &aggregated())]);
        let acknowledge = ["--acknowledge", "default-role-widened:alpha/own-1005f9c3d7/read-secrets"];
        let _ = world.plan(&[&["--save", "first.plan"][..], &acknowledge].concat()).exits(0);
        let _ = world
            .run(&[&["apply", "first.plan", "access", "--sandbox", "sandbox"][..], &acknowledge].concat())
            .exits(0);
        world.replace(ROOT_FILE, ", aggregate-to: [view], environments: [alpha]", "");
        world.replace(ROOT_FILE, edit.0, edit.1);
        let _ = world.plan(&["--save", "second.plan"]).exits(0);
        let saved: serde_json::Value = serde_json::from_str(&world.read("second.plan")).unwrap();
        let changes = saved["changes"].as_array().unwrap();
        changes.iter().map(|change| (change["address"].to_string(), change["requires"].to_string())).collect()
    }

    fn waits_for_the_role(edit: (&str, &str), given: &str) {
        let waits = waits(edit);
        let (_, requires) =
            waits.iter().find(|(address, _)| address.contains(given)).unwrap_or_else(|| panic!("{waits:#?}"));
        assert!(requires.contains("own-"), "who comes has secrets by view until own- is gone: {waits:#?}");
    }

    #[test]
    fn a_group_that_comes_to_a_default_role_has_none_of_what_is_taken_out_of_it() {
        let comes =
            "  - { groups: [pool], roles: [read-only], environments: [alpha], namespaces: [trinity] }\nexpectations:\n";
        waits_for_the_role(("expectations:\n", comes), "pool-read-only");
    }

    #[test]
    fn a_user_who_comes_to_a_default_role_has_none_of_what_is_taken_out_of_it() {
        let comes = "  - { users: [erin@contoso.com], roles: [read-only], environments: [alpha], namespaces: [trinity] }\nexpectations:\n";
        waits_for_the_role(("expectations:\n", comes), "erin-read-only");
    }

    #[test]
    fn a_member_who_comes_to_a_default_role_has_none_of_what_is_taken_out_of_it() {
        waits_for_the_role(("dana@contoso.com]", "dana@contoso.com, joan@contoso.com]"), "joan@contoso.com");
    }
}
