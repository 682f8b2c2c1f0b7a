//! `doctor` against a sandbox whose identity holds what is said here, and nothing else.

use rolecall::doctor::{Purpose, permissions, rights};
use serde_json::{Value, json};

use crate::common::{Ran, World, repository};

/// Uses every kind of object, both verbs that give roles, and the lock.
const CONFIG: &str = "version: 1
name: quickstart
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
lock: { environment: alpha, namespace: trinity }
environments:
  alpha: { type: k3s, labels: { stage: dev }, cluster: 77ab0c1d-2e3f-4a5b-8c6d-7e8f9a0b1c2d, applier: { user: rolecall } }
groups:
  sre: { description: On call, members: [hayden@contoso.com] }
roles:
  read-only: { cluster-role: view }
  restarter: { rules: [{ apiGroups: [apps], resources: [deployments/scale], verbs: [get, patch] }] }
grants:
  - { groups: [sre], roles: [read-only], environments: [alpha], namespaces: [trinity] }
  - { groups: [sre], roles: [restarter], environments: [alpha], cluster-wide: true }
";

/// What the table names, but for groups that may hold Entra roles.
fn permissions_needed() -> Vec<&'static str> {
    let needed = permissions::NEEDS.iter().map(|need| need.permission);
    needed.filter(|name| !["GroupMember.ReadWrite.All", "RoleManagement.ReadWrite.Directory"].contains(name)).collect()
}

/// The rules of the roles of docs/permissions.yaml.
fn rules() -> Vec<Value> {
    let text = std::fs::read_to_string(repository().join("docs/permissions.yaml")).unwrap();
    let roles = text.split("\n---\n").map(|role| serde_saphyr::from_str::<Value>(role).unwrap());
    roles.flat_map(|role| role["rules"].as_array().unwrap().clone()).collect()
}

/// Each rule as one verb on one resource.
fn single(rules: &[Value]) -> Vec<Value> {
    let texts = |rule: &Value, key: &str| rule[key].as_array().unwrap().clone();
    let mut found = Vec::new();
    for rule in rules {
        for resource in texts(rule, "resources") {
            for verb in texts(rule, "verbs") {
                found.push(json!({ "apiGroups": rule["apiGroups"], "resources": [resource], "verbs": [verb] }));
            }
        }
    }
    found
}

/// The same rules, giving only the roles that the config grants.
fn limited(rules: &[Value]) -> Vec<Value> {
    let mut rules = single(rules);
    for rule in &mut rules {
        if ["bind", "escalate"].contains(&rule["verbs"][0].as_str().unwrap()) {
            rule["resourceNames"] = json!(["view", own_role()]);
        }
    }
    rules
}

/// What rolecall calls the role `restarter` on a cluster.
fn own_role() -> String {
    let world = World::with_files(&[("rolecall.yaml", CONFIG)]);
    let plan: Value = serde_json::from_str(&world.plan(&["--output", "json"]).exits(0).stdout).unwrap();
    let changes = plan["changes"].as_array().unwrap();
    let address =
        changes.iter().find_map(|change| change["address"].as_str()?.strip_prefix("alpha/clusterrole/")).unwrap();
    address.to_owned()
}

fn holding(permissions: &[&str], rules: &[Value]) -> World {
    let world = World::with_files(&[("rolecall.yaml", CONFIG)]);
    let seed = std::fs::read_to_string(repository().join("examples/sandbox.yaml")).unwrap();
    let (applier, alpha) = ("app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d\n", "  alpha:\n");
    assert!(seed.contains(applier) && seed.contains(alpha));
    let seed = seed.replace(applier, &format!("{applier}  roles: [{}]\n", permissions.join(", "))).replace(
        alpha,
        &format!("{alpha}    uid: 77ab0c1d-2e3f-4a5b-8c6d-7e8f9a0b1c2d\n    applier-rules: {}\n", json!(rules)),
    );
    world.write("seed.yaml", seed);
    let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
    world
}

fn doctor(world: &World, more: &[&str]) -> Ran {
    world.run(&[&["doctor", "access", "--sandbox", "sandbox"], more].concat())
}

/// The lines of this standing, as text.
fn standing(ran: &Ran, stands: &str) -> Vec<String> {
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let lines = found["lines"].as_array().unwrap().iter().filter(|line| line["stands"] == stands);
    lines
        .map(|line| {
            assert!(line["next"].is_string(), "nothing to do about it: {line}");
            format!("{} {}", line["text"].as_str().unwrap(), line["next"].as_str().unwrap())
        })
        .collect()
}

#[test]
fn with_everything_there_and_nothing_more_all_is_fine() {
    let world = holding(&permissions_needed(), &limited(&rules()));
    let ran = doctor(&world, &["--for", "apply", "--output", "json"]).exits(0);
    assert_eq!(standing(&ran, "missing"), Vec::<String>::new());
    assert_eq!(standing(&ran, "decide"), Vec::<String>::new());
    let _ = world.apply(&["--yes"]).exits(0);
}

#[test]
fn the_roles_of_the_documentation_are_enough_and_what_they_cost_is_said() {
    let world = holding(&permissions_needed(), &rules());
    let ran = doctor(&world, &["--for", "apply", "--output", "json"]).exits(0);
    let decide = standing(&ran, "decide");
    assert_eq!(decide.len(), 1, "{decide:?}");
    assert!(decide[0].contains("cluster-admin in all but name"), "{decide:?}");
}

#[test]
fn each_permission_that_is_taken_away_is_named() {
    let rules = limited(&rules());
    let optional = |name: &&str| permissions::NEEDS.iter().any(|need| need.permission == *name && need.is_optional());
    for missing in permissions_needed().into_iter().filter(|name| !optional(name)) {
        let held: Vec<_> = permissions_needed().into_iter().filter(|name| *name != missing).collect();
        let mut held = held;
        if missing == "Group.Read.All" {
            // Writing groups includes reading them.
            held.retain(|name| *name != "Group.ReadWrite.All");
        }
        let ran = doctor(&holding(&held, &rules), &["--for", "apply", "--output", "json"]).exits(1);
        let found = standing(&ran, "missing");
        assert!(found.iter().any(|line| line.contains(&format!("`{missing}` is missing"))), "{missing}: {found:?}");
        let expected = permissions_needed().len() - held.len();
        assert_eq!(found.len(), expected, "each is said once: {found:?}");
        let purpose = permissions::NEEDS.iter().find(|need| need.permission == missing).unwrap().purpose;
        let code = i32::from(purpose == Purpose::Plan);
        let _ = doctor(&holding(&held, &rules), &["--for", "plan"]).exits(code);
    }
}

#[test]
fn what_need_not_be_held_is_named_and_nothing_is_missing_without_it() {
    let optional: Vec<&str> =
        permissions::NEEDS.iter().filter(|need| need.is_optional()).map(|need| need.permission).collect();
    assert_eq!(optional, ["AuditLog.Read.All"]);
    let held: Vec<_> = permissions_needed().into_iter().filter(|name| !optional.contains(name)).collect();
    let ran = doctor(&holding(&held, &limited(&rules())), &["--for", "apply"]).exits(0);
    assert!(ran.stdout.contains("= for drift: `AuditLog.Read.All` is not held"), "{}", ran.stdout);
}

#[test]
fn each_right_that_is_taken_away_is_named() {
    let all = limited(&rules());
    let mut named = 0;
    for (at, missing) in all.iter().enumerate() {
        let (verb, resource) = (missing["verbs"][0].as_str().unwrap(), missing["resources"][0].as_str().unwrap());
        let held: Vec<_> =
            all.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, rule)| rule.clone()).collect();
        let ran = doctor(&holding(&permissions_needed(), &held), &["--for", "apply", "--output", "json"]);
        let found = standing(&ran, "missing");
        if ["bind", "escalate"].contains(&verb) && resource == "roles" {
            assert_eq!(found, Vec::<String>::new(), "this config gives no namespaced role");
            continue;
        }
        if resource == "subjectaccessreviews" {
            assert_eq!(
                found,
                Vec::<String>::new(),
                "in a sandbox whoever plans is who applies; nobody else is asked about"
            );
            continue;
        }
        assert_eq!(ran.code, 1, "{verb} {resource}");
        assert!(
            found.iter().any(|line| line.contains(&format!("may not {verb} {resource}"))),
            "{verb} {resource}: {found:?}"
        );
        named += 1;
    }
    assert_eq!(
        named, 27,
        "four lists, two for namespaces, four times four writes, bind, escalate and three for the Lease"
    );
}

#[test]
fn what_is_given_in_one_namespace_is_enough_there() {
    let without = |rule: &Value| rule["verbs"][0] != "bind";
    let mut held: Vec<_> = limited(&rules()).into_iter().filter(without).collect();
    held.push(json!({ "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["bind"], "resourceNames": [own_role()] }));
    let ran = doctor(&holding(&permissions_needed(), &held), &["--for", "apply", "--output", "json"]).exits(1);
    let found = standing(&ran, "missing");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("may not bind clusterroles \"view\" in trinity"), "{found:?}");
}

#[test]
fn whoever_holds_what_the_files_give_needs_neither_bind_nor_escalate() {
    let is_giving = |rule: &Value| ["bind", "escalate"].contains(&rule["verbs"][0].as_str().unwrap());
    let mut held: Vec<_> = limited(&rules()).into_iter().filter(|rule| !is_giving(rule)).collect();
    let ran = doctor(&holding(&permissions_needed(), &held), &["--for", "apply", "--output", "json"]).exits(1);
    let found = standing(&ran, "missing");
    assert_eq!(found.len(), 3, "{found:?}");
    // What `view` gives in one namespace is a part of reading everything.
    held.push(json!({ "apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"] }));
    held.push(json!({ "apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"] }));
    let world = holding(&permissions_needed(), &held);
    let ran = doctor(&world, &["--for", "apply", "--output", "json"]).exits(0);
    assert_eq!(standing(&ran, "missing"), Vec::<String>::new());
    assert_eq!(standing(&ran, "not-checked"), Vec::<String>::new());
    let _ = world.apply(&["--yes"]).exits(0);
}

#[test]
fn the_lock_must_have_its_place_where_changes_are_applied() {
    let all = limited(&rules());
    let of_leases = |rule: &Value| rule["resources"][0] == "leases";
    let held: Vec<_> = all.iter().filter(|rule| !of_leases(rule)).cloned().collect();
    let world = holding(&permissions_needed(), &held);
    let _ = doctor(&world, &["--for", "plan"]).exits(0);
    let found = standing(&doctor(&world, &["--for", "apply", "--output", "json"]).exits(1), "missing");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("may not get, create and update leases in trinity, where `lock` is"), "{found:?}");
    assert!(
        found[0]
            .contains("{ apiGroups: [\"coordination.k8s.io\"], resources: [leases], verbs: [get, create, update] }"),
        "{found:?}"
    );
    let ran = world.apply(&["--yes"]).exits(1);
    assert!(ran.stderr.contains("error: nothing was written: cannot take the lock on https://"), "{}", ran.stderr);
    assert!(ran.stderr.contains("let whoever applies get, create and update leases in the namespace trinity"));
    // Whoever may do more than look at it could keep everybody out.
    let ran = doctor(&holding(&permissions_needed(), &all), &["--for", "plan", "--output", "json"]).exits(0);
    let decide = standing(&ran, "decide");
    assert!(decide.iter().any(|line| line.contains("hold the lock and keep every apply out")), "{decide:?}");
    // A rule about this Lease alone is enough, but for making it.
    let lease = rolecall::state::mark::lease_name(&"quickstart".parse().unwrap());
    let mut named = all.clone();
    for rule in named.iter_mut().filter(|rule| of_leases(rule) && rule["verbs"][0] != "create") {
        rule["resourceNames"] = json!([lease]);
    }
    let world = holding(&permissions_needed(), &named);
    let _ = doctor(&world, &["--for", "apply"]).exits(0);
    let _ = world.apply(&["--yes"]).exits(0);

    world.replace("access/rolecall.yaml", "namespace: trinity }\nenv", "namespace: locks }\nenv");
    let found = standing(&doctor(&world, &["--for", "apply", "--output", "json"]).exits(1), "missing");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("there is no namespace locks, where `lock` is"), "{found:?}");
    assert!(found[0].contains("`kubectl create namespace locks`, or correct `lock` (rolecall.yaml:5)"), "{found:?}");
    let _ = doctor(&world, &["--for", "plan"]).exits(0);
}

#[test]
fn it_sends_only_what_plan_may_send() {
    let world = holding(&permissions_needed(), &rules());
    let _ = doctor(&world, &[]).exits(0);
    let log = rolecall::sandbox::RequestLog::read(&world.path("sandbox")).unwrap();
    assert_eq!(world.writes(), Vec::<String>::new());
    let reviews = ["/apis/authorization.k8s.io/v1/self", "/apis/authentication.k8s.io/v1/selfsubjectreviews"];
    let mut counted = 0;
    for line in log.lines() {
        counted += 1;
        assert!(!line.not_modelled, "{line:?}");
        let asks = line.path.contains("/oauth2/v2.0/token")
            || reviews.iter().any(|review| line.path.starts_with(review))
            || (line.path.ends_with("/$batch") && line.items.iter().all(|item| item.method == "GET"));
        assert!(line.method == "GET" || (line.method == "POST" && asks), "{line:?}");
    }
    assert!(counted < 80, "{counted} requests for one group and one cluster");
    assert_eq!(log.lines().iter().filter(|line| line.path.contains("token")).count(), 1, "one token serves all");
}

#[test]
fn the_screens() {
    let world = holding(&permissions_needed(), &limited(&rules()));
    check("doctor-fine", &doctor(&world, &["--for", "apply"]));
    let held: Vec<Value> = limited(&rules()).into_iter().filter(|rule| rule["verbs"][0] != "patch").collect();
    let world = holding(&["Group.Read.All", "User.ReadWrite.All", "RoleManagement.ReadWrite.Directory"], &held);
    check("doctor-missing", &doctor(&world, &[]));
}

fn check(name: &str, ran: &Ran) {
    let screen = format!("{}--- standard error\n{}--- exit {}\n", ran.stdout, ran.stderr, ran.code);
    insta::with_settings!({
        prepend_module_to_snapshot => false,
        omit_expression => true,
        filters => vec![(r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"), (r"for \d+ min", "for [TIME]")],
    }, {
        insta::assert_snapshot!(name, screen);
    });
}

#[test]
fn everything_is_tried_where_nothing_works() {
    let world = World::with_files(&[("rolecall.yaml", CONFIG)]);
    let ran = world.run_with(
        &["doctor", "access", "--output", "json"],
        &[("PATH", "/nonexistent"), ("HTTPS_PROXY", "http://erin:hunter2@127.0.0.1:9")],
    );
    let ran = ran.exits(1);
    let found = standing(&ran, "missing");
    assert!(found.iter().any(|line| line.starts_with("azure-cli: failed")), "{found:?}");
    assert!(found.iter().any(|line| line.contains("no kubeconfig was found")), "{found:?}");
    assert!(ran.stdout.contains("http://127.0.0.1:9 (from $HTTPS_PROXY)"), "{}", ran.stdout);
    assert!(!ran.all().contains("hunter2"), "{}", ran.all());
    let ran = world.run(&["doctor", "access", "-e", "alhpa"]).exits(64);
    assert!(ran.stderr.contains("alpha"), "{}", ran.stderr);
}

#[test]
fn the_readme_has_the_table_of_permissions() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(readme.contains(&permissions::markdown()), "the README must have this table:\n{}", permissions::markdown());
}

#[test]
fn the_documented_roles_give_what_is_asked_for() {
    let mut asked: Vec<String> = Vec::new();
    for need in rights::NEEDS.iter().chain([&rights::ASKING, &rights::LOCKING]) {
        for resource in need.resources {
            asked.extend(need.verbs.iter().map(|verb| format!("{verb} {resource} in \"{}\"", need.group)));
        }
    }
    let giving = rights::GIVING.iter().flat_map(|verb| {
        ["clusterroles", "roles"].map(|resource| format!("{verb} {resource} in \"rbac.authorization.k8s.io\""))
    });
    asked.extend(giving);
    let spelt = |rule: &Value| {
        format!(
            "{} {} in {}",
            rule["verbs"][0].as_str().unwrap(),
            rule["resources"][0].as_str().unwrap(),
            rule["apiGroups"][0]
        )
    };
    let mut given: Vec<String> = single(&rules()).iter().map(spelt).collect();
    asked.sort();
    given.sort();
    assert_eq!(asked, given);
}
