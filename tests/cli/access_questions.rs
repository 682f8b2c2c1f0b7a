//! `who-can`, `why` and `access`: the screens, what a mistaken question is told, and what they send.

use crate::common::{Ran, World};
use crate::faults::place::Place;
use crate::golden::check;

const ROOT: &str = "\
version: 1
name: contoso-platform
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]

environments:
  alpha: { type: k3s, labels: { stage: dev } }
  prod: { type: k3s, labels: { stage: prod } }

roles:
  read-only: { cluster-role: view }
  widget-reader:
    rules:
      - { apiGroups: [example.com], resources: [widgets], verbs: [get, list] }
    aggregate-to: [view]
    environments: [alpha]
";

const TRINITY: &str = "\
groups:
  k8s_dev_users:
    owners: [erin@contoso.com]
    members:
      - hayden@contoso.com
      - { group: contractors }

grants:
  - { groups: [k8s_dev_users], roles: [read-only], environments: [alpha], namespaces: [trinity] }
";

const PARTNERS: &str = "\
groups:
  contractors:
    owners: [erin@contoso.com]
    members:
      - { group: partners }
  partners:
    owners: [erin@contoso.com]
    members:
      - sam@contoso.com
      - carol@contoso.com
      - { guest: ana@partner.example }
      - { service-principal: 4b5c6d7e-8f90-4a1b-9c2d-3e4f5a6b7c8d }
";

const SEED: &str = "\
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users:
  - { user-principal-name: erin@contoso.com }
  - { user-principal-name: hayden@contoso.com }
  - { user-principal-name: sam@contoso.com }
  - { user-principal-name: nobody@contoso.com }
  - { user-principal-name: root@contoso.com }
  - { user-principal-name: carol@contoso.com, enabled: false }
  - { mail: ana@partner.example, guest: true }
service-principals:
  - { app-id: 4b5c6d7e-8f90-4a1b-9c2d-3e4f5a6b7c8d, display-name: robot }
clusters:
  alpha:
    namespaces: { trinity: {}, payments: {} }
    bindings:
      - { name: by-hand, namespace: payments, cluster-role: edit, subjects: [hayden@contoso.com] }
      - { name: on-call, cluster-role: cluster-admin, subjects: [root@contoso.com] }
  prod: {}
";

/// Two groups nested in a third one, a role that is added to `view`, and bindings that somebody made by hand.
fn company() -> World {
    let world = World::with_files(&[
        ("rolecall.yaml", ROOT),
        ("teams/trinity.yaml", TRINITY),
        ("teams/partners.yaml", PARTNERS),
    ]);
    world.write("seed.yaml", SEED);
    let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
    world
}

/// The same once the files are applied.
fn applied() -> World {
    let world = company();
    let plan = world.plan(&[]).stdout;
    let asks = plan.split("if meant: --acknowledge ").skip(1).map(|rest| rest.split_whitespace().next().unwrap());
    let agreed: Vec<&str> = asks.flat_map(|meant| ["--acknowledge", meant]).collect();
    let _ = world.apply(&[&["--yes"], agreed.as_slice()].concat()).exits(0);
    world
}

fn ask(world: &World, question: &[&str]) -> Ran {
    world.run(&[question, &["--files", "access", "--sandbox", "sandbox"]].concat())
}

#[test]
fn who_can_and_who_cannot_is_said_with_the_lines() {
    let world = applied();
    check("who-can", &ask(&world, &["who-can", "list", "pods", "-n", "trinity", "-e", "alpha"]));
    check("who-can-no-one", &ask(&world, &["who-can", "list", "secrets", "-n", "trinity", "-e", "prod"]));
    check("who-can-whole-cluster", &ask(&world, &["who-can", "list", "pods"]));
}

#[test]
fn why_ends_at_the_lines_of_the_grant_the_memberships_and_the_role() {
    let world = applied();
    let question = ["why", "ana@partner.example", "-e", "alpha", "list", "widgets.example.com", "-n", "trinity"];
    check("why", &ask(&world, &question));
}

#[test]
fn why_not_says_what_comes_nearest() {
    let world = applied();
    let why = |question: &[&str]| ask(&world, &[&["why", "-e", "alpha"], question].concat()).stdout;
    for (question, nearest) in [
        (["sam@contoso.com", "list", "pods", "-n", "payments"].as_slice(), "Nearest: they can in trinity."),
        (&["sam@contoso.com", "delete", "pods", "-n", "trinity"], "Nearest: of the same they can get, list, watch."),
        (&["sam@contoso.com", "get", "secrets", "-n", "trinity"], "Nearest: what they have here is view."),
        (
            &["sam@contoso.com", "get", "secrets", "-n", "payments"],
            "Nearest: they have something in trinity, and nothing here.",
        ),
        (
            &["nobody@contoso.com", "get", "secrets", "-n", "payments"],
            "They have nothing on this cluster but what everybody has who signs in.",
        ),
        (&["4b5c6d7e-8f90-4a1b-9c2d-3e4f5a6b7c8d", "list", "pods", "-n", "trinity"], "tokens of apps carry no groups"),
        (
            &["nobody@contoso.com", "list", "pods", "-n", "trinity"],
            "`read-only` gives it here, to: k8s_dev_users (teams/trinity.yaml:9).",
        ),
    ] {
        let said = why(question).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(" cannot ") && said.contains(nearest), "{question:?}: {said}");
    }
    check("why-everything", &ask(&world, &["why", "hayden@contoso.com"]));
    check("why-disabled", &ask(&world, &["why", "carol@contoso.com", "-e", "alpha", "get", "po/web", "-n", "trinity"]));
}

#[test]
fn access_of_a_person_and_of_a_group_everywhere() {
    let world = applied();
    check("access-person", &ask(&world, &["access", "sam@contoso.com"]));
    check("access-group", &ask(&world, &["access", "--group", "partners"]));
    let csv = ask(&world, &["access", "sam@contoso.com", "-e", "alpha", "--output", "csv"]);
    let row = csv.stdout.lines().nth(1).unwrap();
    let start = "alpha,has,person,sam@contoso.com,";
    let middle = ",no,trinity,clusterrole,view,view,partners in contractors in k8s_dev_users,k8s_dev_users-read-only-";
    let end = ",teams/trinity.yaml:9,\"teams/partners.yaml:9, teams/partners.yaml:5, teams/trinity.yaml:6\",,13 rules,";
    assert!(row.starts_with(start) && row.contains(middle) && row.ends_with(end), "{row}");
    let everybody = csv.stdout.lines().nth(2).unwrap();
    assert!(everybody.contains(",no,(cluster),clusterrole,system:"), "{everybody}");
}

#[test]
fn what_an_owner_could_have_is_told() {
    let world = applied();
    check("access-owner", &ask(&world, &["access", "erin@contoso.com"]));
    let csv = ask(&world, &["access", "erin@contoso.com", "--output", "csv"]).stdout;
    let row = csv.lines().find(|row| row.starts_with("alpha,could join,person,erin@contoso.com,")).unwrap();
    assert!(row.contains(",trinity,clusterrole,view,view,") && row.ends_with(",an owner of the group"), "{row}");
    let json = ask(&world, &["access", "erin@contoso.com", "--output", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["environments"][0]["indirect"][0]["ways"][0]["role"]["name"], "view");
}

/// The company, served to a command in this process, once with nothing amiss and then with this.
fn amiss(rules: &str) -> Place {
    let mut place = Place::seeded(SEED);
    for (name, text) in [("rolecall.yaml", ROOT), ("teams/trinity.yaml", TRINITY), ("teams/partners.yaml", PARTNERS)] {
        place.world.write(&format!("access/{name}"), text);
    }
    let _ = place.apply_in_peace();
    place.serve(serde_saphyr::from_str(&format!("rules:\n{rules}")).unwrap());
    place
}

const NO_GRAPH: &str = "  - { fault: { unavailable: { status: 503 } }, on: graph }\n";
const NO_PROD: &str = "  - { fault: { unavailable: { status: 503 } }, on: prod }\n";

/// A screen up to why something was not seen, which is another each time.
fn check_seen(name: &str, ran: Ran) {
    let (seen, why) = ran.stdout.split_once("? not seen: ").unwrap();
    assert!(why.contains("503"), "{why}");
    check(name, &Ran { stdout: seen.to_owned(), ..ran });
}

#[test]
fn where_entra_was_not_read_who_can_is_not_known() {
    let place = amiss(NO_GRAPH);
    let ask =
        |more: &[&str]| place.run(&[&["who-can", "list", "pods", "-n", "trinity", "--files", "access"], more].concat());
    check_seen("who-can-without-entra", ask(&[]).exits(1));
    let json: serde_json::Value = serde_json::from_str(&ask(&["--output", "json"]).stdout).unwrap();
    assert_eq!(json["answer"], serde_json::Value::Null);
    let csv = ask(&["--output", "csv"]).stdout;
    assert!(csv.lines().any(|row| row.starts_with(",not seen,entra,,")), "{csv}");
    // Of a group nothing is known either, and that is no "nothing".
    let group = place.run(&["access", "--group", "partners", "--files", "access"]).exits(1);
    assert_eq!(group.stdout, "");
}

#[test]
fn where_a_cluster_was_not_read_that_is_the_answer_for_it() {
    let mut place = amiss(NO_PROD);
    let who_can = ["who-can", "list", "secrets", "-n", "trinity", "--files", "access"];
    check_seen("who-can-without-cluster", place.run(&who_can).exits(1));
    let csv = place.run(&[&who_can[..], &["--output", "csv"]].concat()).stdout;
    assert!(csv.lines().any(|row| row.starts_with("prod,not seen,")), "{csv}");
    let access = place.run(&["access", "sam@contoso.com", "--files", "access"]).exits(1).stdout;
    assert!(access.contains("\nprod: not known, as the cluster was not read\n"), "{access}");
    let why = place.run(&["why", "sam@contoso.com", "get", "po", "-n", "trinity", "--files", "access"]).exits(1).stdout;
    assert!(why.contains("can get pods in trinity is not known: the cluster was not read."), "{why}");
    place.serve(
        serde_saphyr::from_str(&format!("rules:\n{NO_GRAPH}{NO_PROD}{}", NO_PROD.replace("prod", "alpha"))).unwrap(),
    );
    let json = place.run(&[&who_can[..], &["--output", "json"]].concat()).exits(1).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["answer"], serde_json::Value::Null);
}

#[test]
fn the_time_after_an_apply_can_be_asked_about_before_it() {
    let world = company();
    let question = ["who-can", "list", "pods", "-n", "trinity", "-e", "alpha"];
    let live = ask(&world, &question);
    assert!(!live.stdout.contains("sam@contoso.com"), "{}", live.stdout);
    let why = ["why", "sam@contoso.com", "list", "pods", "-n", "trinity", "-e", "alpha"];
    assert!(ask(&world, &why).stdout.contains("The files give it to them: after an apply they can."));
    let of_others = ["why", "nobody@contoso.com", "list", "pods", "-n", "trinity", "-e", "alpha"];
    assert!(!ask(&world, &of_others).stdout.contains("The files give it to them"));
    let planned = ask(&world, &[&question[..], &["--planned"]].concat());
    assert!(planned.stdout.contains("sam@contoso.com"), "{}", planned.all());
    let why =
        ["why", "ana@partner.example", "-e", "alpha", "list", "widgets.example.com", "-n", "trinity", "--planned"];
    check("why-planned", &ask(&world, &why));
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[test]
fn what_could_not_be_seen_is_named() {
    let world = applied();
    let prod = "  prod: { type: k3s, labels: { stage: prod } }\n";
    world.replace("access/rolecall.yaml", prod, &format!("{prod}  dr: {{ type: k3s }}\n"));
    let question = ["who-can", "list", "pods", "-n", "trinity"];
    let ran = ask(&world, &question).exits(1);
    assert!(ran.stdout.contains("? not seen: environment dr: the sandbox has no cluster `dr`"), "{}", ran.stdout);
    let allowed = ask(&world, &[&question[..], &["--allow-unreachable", "dr"]].concat()).exits(0);
    assert_eq!(allowed.stdout, ran.stdout);
    let other = ask(&world, &[&question[..], &["-e", "alpha"]].concat()).exits(0);
    assert!(!other.stdout.contains("not seen: environment"), "{}", other.stdout);
}

/// On a cluster that knows groups by display name, anybody can make another one of that name.
#[test]
fn whoever_is_in_a_look_alike_counts_where_groups_go_by_name() {
    let root = r"version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, tokens: { groups-as: display-name } }
groups:
  dev: { members: [hayden@contoso.com] }
expectations:
  - { user: mallory@contoso.com, environments: [alpha], cannot: [list pods in trinity] }
";
    let seed = r#"tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users: [{ user-principal-name: hayden@contoso.com }, { user-principal-name: mallory@contoso.com }]
groups:
  - { display-name: dev, unique-name: rolecall.contoso.dev, owners: [{ service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }], members: [hayden@contoso.com] }
  - { display-name: dev, id: "11111111-1111-4111-8111-000000000002", members: [mallory@contoso.com] }
clusters:
  alpha:
    namespaces: { trinity: {} }
    bindings:
      - { name: legacy, namespace: trinity, cluster-role: view, subjects: [{ group: "11111111-1111-4111-8111-000000000002" }] }
"#;
    let world = World::with_files(&[("rolecall.yaml", root)]);
    world.write("seed.yaml", seed);
    let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
    // A seed binds by id; this cluster is told names.
    let cluster = world.read("sandbox/clusters/alpha.json");
    let by_name = cluster.replace(r#""name":"11111111-1111-4111-8111-000000000002""#, r#""name":"dev""#);
    world.write("sandbox/clusters/alpha.json", by_name);
    let question = ["who-can", "list", "pods", "-n", "trinity", "--files", "access", "--sandbox", "sandbox"];
    let ran = world.run(&question).exits(0);
    assert!(ran.stdout.contains("mallory@contoso.com"), "{}", ran.stdout);
    let ran = world.plan(&[]).exits(6);
    assert!(ran.stdout.contains("Expectations") && ran.stdout.contains("through group"), "{}", ran.stdout);
}

#[test]
fn a_question_that_makes_no_sense_is_refused_with_what_was_meant() {
    let world = company();
    for (question, said, meant) in [
        (&["why", "samm@contoso.com"][..], "nobody in contoso.com is called `samm@contoso.com`", "`sam@contoso.com`"),
        (&["why", "sam"], "nobody in contoso.com is called `sam`", "`sam@contoso.com`"),
        (&["access", "guest:ann@partner.example"], "nobody in contoso.com", "`ana@partner.example`"),
        (&["access", "--group", "partnrs"], "no group of the files is called `partnrs`", "`partners`"),
        (&["who-can", "list", "pods", "-e", "alhpa"], "no environment is called `alhpa`", "`alpha`"),
        (&["who-can", "list", "nodes", "-n", "trinity"], "`nodes` belong to no namespace", "leave out -n"),
        (&["who-can", "get", "/metrics", "-n", "trinity"], "paths belong to no namespace", "leave out -n"),
        (&["who-can", "get", "pods/log/a/b"], "is not of the form", "get deployments.apps/scale/web"),
        (&["who-can", "get", "pods/web/log"], "comes before the name", "write `pods/log/web`"),
        (&["why", "group:partners"], "names nobody", "rolecall access --group partners"),
        (&["why", "sam@contoso.com", "list"], "required arguments", "RESOURCE"),
        (&["access"], "required arguments", "<PERSON|--group <GROUP>>"),
        (&["access", "sam@contoso.com", "--group", "partners"], "cannot be used with", "--group <GROUP>"),
        (&["access", "partners"], "nobody in contoso.com is called `partners`", "rolecall access --group partners"),
        (&["why", "partners", "list", "pods"], "nobody in contoso.com", "it is a group of the files"),
        (&["access", "sam@contoso.com", "-n", "trinity"], "`access` is about everything", "-n trinity"),
    ] {
        let ran = ask(&world, question).exits(64);
        assert!(ran.stderr.contains(said) && ran.stderr.contains(meant), "{question:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{question:?}");
    }
}

#[test]
fn what_is_unknown_is_answered_all_the_same_with_a_note() {
    let world = applied();
    for (verb, resource, meant) in [
        ("list", "widgets", "(did you mean `widgets.example.com`?)"),
        ("list", "deploments", "(did you mean `deployments.apps`?)"),
        ("get", "certificates", "if it is a custom resource, write its group: `certificates.GROUP`"),
        ("get", "pods/logs/web", "`logs` is nothing below pods"),
        ("lst", "pods", "(did you mean `list`?)"),
        ("get", "pods/logs", "(did you mean the subresource `log`?)"),
    ] {
        let ran = ask(&world, &["who-can", verb, resource, "-n", "trinity", "-e", "alpha"]).exits(0);
        let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.starts_with("note: ") && said.contains(meant), "{resource}: {said}");
        assert!(ran.stdout.starts_with("alpha: "), "{}", ran.stdout);
        // What nobody can of the core group, somebody may of another.
        assert_eq!(
            ran.stdout.contains("of the core group"),
            matches!(resource, "widgets" | "certificates" | "deploments")
        );
    }
    let ran = ask(&world, &["who-can", "list", "pods", "-n", "trinityy"]).exits(0);
    let said = "note: no cluster that was looked at has a namespace `trinityy` (did you mean `trinity`?)";
    assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
    // Whoever has cluster-admin can, whatever it is.
    let ran = ask(&world, &["who-can", "frobnicate", "gadgets.example.org", "-e", "alpha"]).exits(0);
    assert!(ran.stdout.contains("cluster-admin"), "{}", ran.stdout);
}

#[test]
fn a_question_sends_nothing_that_a_plan_may_not() {
    let world = applied();
    let before = world.writes().len();
    for question in [&["who-can", "list", "pods"][..], &["why", "sam@contoso.com"], &["access", "--group", "partners"]]
    {
        for output in ["text", "json", "csv"] {
            let ran = ask(&world, &[question, &["--output", output]].concat()).exits(0);
            if output == "json" {
                let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
                assert_eq!(document["format"], "rolecall-answer/1");
            }
        }
    }
    assert_eq!(world.writes().len(), before);
}
