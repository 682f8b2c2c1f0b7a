//! A tenant and clusters that somebody changed by hand: what `drift` says of it, and what takes it back.

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, Role, RoleBinding};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use crate::common::{Ran, World};
use crate::golden::check;
use crate::served::Served;

pub(crate) const ROOT: &str = "# Who may do what at Contoso. Ask platform@ before you touch this.
version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
groups:
  dev:
    description: Developers of trinity
    owners: [erin@contoso.com]   # and nobody else
    members:
      # the team
      - hayden@contoso.com
      - dana@contoso.com         # on leave until May
  ops: { owners: [erin@contoso.com], members: [erin@contoso.com, joan@contoso.com] }
roles:
  read-only: { cluster-role: view }
  restarter:
    rules:
      - { apiGroups: [apps], resources: [deployments], verbs: [get, list, patch] }
grants:
  - { groups: [dev], roles: [read-only], environments: [alpha], namespaces: [trinity] }
  - { groups: [ops], roles: [restarter], environments: [alpha], namespaces: [trinity] }
  - { users: [sam@contoso.com], roles: [read-only], environments: [alpha], namespaces: [trinity] }
";

/// Everything that somebody does without rolecall.
pub(crate) struct Hands {
    _served: Served,
    http: reqwest::Client,
    graph: String,
    token: String,
    /// Who does it, by the audit log; the applier where nobody is named.
    pub(crate) person: Option<&'static str>,
    kubernetes: Client,
}

impl Hands {
    pub(crate) async fn on(world: &World) -> Self {
        let served = Served::start(&world.path("sandbox"));
        let graph = served.credential("ROLECALL_SANDBOX_URL");
        // Every test may be the first; a second installation is refused and does not matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authority = reqwest::Certificate::from_pem(world.read("sandbox/ca.pem").as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([authority]).build().unwrap();
        let form = [
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", served.credential("AZURE_CLIENT_ID")),
            ("client_secret", served.credential("AZURE_CLIENT_SECRET")),
            ("scope", "https://graph.microsoft.com/.default".to_owned()),
        ];
        let url = format!("{graph}/{}/oauth2/v2.0/token", served.credential("AZURE_TENANT_ID"));
        let answer: Value = http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        let options = KubeConfigOptions { context: Some("alpha".to_owned()), ..KubeConfigOptions::default() };
        let kubeconfig = Kubeconfig::read_from(world.path("sandbox/kubeconfig")).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        let person = Some("erin@contoso.com");
        Self { _served: served, http, graph, token, person, kubernetes: Client::try_from(config).unwrap() }
    }

    pub(crate) async fn graph(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/v1.0/{path}", self.graph);
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let request = if let Some(person) = self.person { request.header("x-sandbox-user", person) } else { request };
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub(crate) async fn user(&self, name: &str) -> String {
        self.graph("GET", &format!("users/{name}"), None).await["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn group(&self, key: &str) -> String {
        let found = self.graph("GET", &format!("groups(uniqueName='rolecall.contoso.{key}')"), None).await;
        found["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn join(&self, key: &str, list: &str, who: &str) {
        let (group, user) = (self.group(key).await, self.user(who).await);
        let link = json!({ "@odata.id": format!("{}/v1.0/directoryObjects/{user}", self.graph) });
        self.graph("POST", &format!("groups/{group}/{list}/$ref"), Some(link)).await;
    }

    pub(crate) async fn leave(&self, key: &str, list: &str, who: &str) {
        let (group, user) = (self.group(key).await, self.user(who).await);
        self.graph("DELETE", &format!("groups/{group}/{list}/{user}/$ref"), None).await;
    }

    pub(crate) fn bindings(&self) -> Api<RoleBinding> {
        Api::namespaced(self.kubernetes.clone(), "trinity")
    }

    /// Binds the cluster role to the subject, on the whole cluster.
    async fn bind(&self, name: &str, role: &str, subject: Value) {
        let made: ClusterRoleBinding = serde_json::from_value(json!({
            "metadata": { "name": name },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
            "subjects": [subject],
        }))
        .unwrap();
        let _ = Api::all(self.kubernetes.clone()).create(&PostParams::default(), &made).await.unwrap();
    }

    /// Gives a role of ours other content.
    pub(crate) async fn change_role(&self, start: &str, content: &Value) {
        let roles: Api<Role> = Api::namespaced(self.kubernetes.clone(), "trinity");
        let all = roles.list(&ListParams::default()).await.unwrap();
        let mut names = all.into_iter().filter_map(|role| role.metadata.name);
        let name = names.find(|name| name.starts_with(start)).unwrap();
        roles.patch(&name, &by("helm"), &Patch::Merge(content)).await.unwrap();
    }

    /// The name of our binding of this kind of subject and role.
    pub(crate) async fn binding(&self, start: &str) -> String {
        let all = self.bindings().list(&ListParams::default()).await.unwrap();
        let mut names = all.into_iter().filter_map(|binding| binding.metadata.name);
        names.find(|name| name.starts_with(start)).unwrap()
    }
}

fn by(manager: &str) -> PatchParams {
    PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() }
}

/// What was applied, and then changed by hand, in Entra and on the cluster.
pub(crate) async fn drifted(files: &str) -> World {
    let world = World::with_files(&[("rolecall.yaml", files)]);
    let _ = world.apply(&["--yes"]).exits(0);
    let mut hands = Hands::on(&world).await;
    hands.join("dev", "members", "joan@contoso.com").await;
    hands.join("ops", "owners", "sam@contoso.com").await;
    hands.person = None;
    hands.leave("dev", "members", "dana@contoso.com").await;
    hands.person = Some("erin@contoso.com");
    let dev = hands.group("dev").await;
    let words = json!({ "description": "Developers\u{202e} of \"trinity\" & friends" });
    hands.graph("PATCH", &format!("groups/{dev}"), Some(words)).await;
    let edited = json!({ "subjects": [
        { "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": hands.group("ops").await },
        { "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": hands.user("dana@contoso.com").await },
    ] });
    let restarter = hands.binding("ops-restarter").await;
    hands.bindings().patch(&restarter, &by("kubectl-edit"), &Patch::Merge(&edited)).await.unwrap();
    let gone = hands.binding("sam-read-only").await;
    hands.bindings().delete(&gone, &DeleteParams::default()).await.unwrap();
    world
}

fn json_of(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{}{}", ran.stdout, ran.stderr))
}

pub(crate) fn drift(world: &World, more: &[&str]) -> Ran {
    world.run(&[&["drift", "access", "--sandbox", "sandbox"], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_by_hand_is_told_from_the_live_side_and_apply_reverts_it() {
    let world = drifted(ROOT).await;
    let before = world.writes().len();
    check("drift", &drift(&world, &[]));
    let found = json_of(&drift(&world, &["--output", "json"]).exits(2));
    assert_eq!(world.writes().len(), before, "it only looks");
    let standing: Vec<(&str, &str, &str)> = found["drift"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            (
                text("address").rsplit_once('-').map_or(text("address"), |(start, _)| start),
                text("standing"),
                text("apply"),
            )
        })
        .collect();
    assert!(standing.contains(&("entra/group/dev/member/joan@contoso.com", "more", "remove")), "{standing:?}");
    assert!(standing.contains(&("entra/group/dev/member/dana@contoso.com", "less", "add")), "{standing:?}");
    assert!(standing.contains(&("alpha/rolebinding/trinity/sam-read-only", "less", "add")), "{standing:?}");
    let edited = found["drift"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["standing"] == "otherwise" && one["environment"] == "alpha");
    let write = &edited.unwrap()["known"]["writes"][0];
    assert_eq!((&write["manager"], &write["fields"]), (&json!("kubectl-edit"), &json!(["subjects"])));
    assert!(write["time"].as_str().unwrap().ends_with('Z'));
    let audit = |address: &str| {
        let found = found["drift"].as_array().unwrap().iter().find(|one| one["address"] == address).unwrap();
        let audit = &found["known"]["audit"];
        assert!(audit["time"].as_str().unwrap().ends_with('Z'), "{audit}");
        json!([audit["action"], audit["by"]["kind"], audit["by"]["name"], audit["by_applier"]])
    };
    let erin = |action: &str| json!([action, "user", "erin@contoso.com", false]);
    assert_eq!(audit("entra/group/dev/member/joan@contoso.com"), erin("added"));
    assert_eq!(audit("entra/group/ops/owner/sam@contoso.com"), erin("added"));
    assert_eq!(audit("entra/group/dev"), erin("changed"));
    let by_applier = audit("entra/group/dev/member/dana@contoso.com");
    assert_eq!((&by_applier[0], &by_applier[1], &by_applier[3]), (&json!("removed"), &json!("app"), &json!(true)));
    assert_eq!(found["audit_log"], json!({ "asked": 2, "unread": [], "cut": [], "not_asked": [] }));
    let people: Vec<&Value> = found["access"]["rows"].as_array().unwrap().iter().map(|row| &row["effect"]).collect();
    assert!(people.contains(&&json!("gains")) && people.contains(&&json!("loses")), "{people:?}");
    check("drift-markdown", &drift(&world, &["--output", "markdown"]));
    let ran = drift(&world, &["--also", "markdown=drift.md", "--also", "json=drift.json"]).exits(2);
    let markdown = world.read("drift.md");
    let head = "### contoso: drift: 2 not in the files, 2 different, 2 missing\n";
    assert!(
        markdown.lines().nth(1).is_some_and(|line| line == head.trim_end()) && markdown.contains("```diff\n"),
        "{markdown}"
    );
    assert!(
        ran.stdout.contains("Drift: 2 not in the files (+)") && world.read("drift.json").contains("rolecall-drift/1")
    );
    let _ = world.apply(&["--yes"]).exits(0);
    let ran = drift(&world, &[]).exits(0);
    assert!(
        ran.stdout.starts_with("No drift. 2 groups, 1 environment, 3 bindings are as contoso asks.\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stdout.lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_not_read_is_an_error_and_never_no_drift() {
    let files = ROOT.replace("  alpha: ", "  beta: { type: k3s }\n  alpha: ");
    let world = World::with_files(&[("rolecall.yaml", &files)]);
    let _ = world.apply(&["--yes"]).exits(0);
    // An environment that the sandbox has never heard of.
    world.replace("access/rolecall.yaml", "  beta: ", "  gamma: ");
    let ran = drift(&world, &[]).exits(1);
    assert!(ran.stdout.contains("Not looked at: gamma. No drift in the rest."), "{}", ran.stdout);
    let ran = drift(&world, &["--allow-unreachable", "gamma"]).exits(0);
    assert!(ran.stdout.contains("gamma (allowed)"), "{}", ran.stdout);
    let _ = drift(&world, &["--only", "alpha"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_and_a_whole_group_changed_by_hand_and_a_binding_that_the_files_refuse() {
    let files = ROOT.replace("stage: dev } }", "stage: dev }, unmanaged: refuse }");
    let world = World::with_files(&[("rolecall.yaml", &files)]);
    let _ = world.apply(&["--yes"]).exits(0);
    let hands = Hands::on(&world).await;
    let wide = json!({ "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }] });
    hands.change_role("restarter", &wide).await;
    let made: RoleBinding = serde_json::from_value(json!({
        "metadata": { "name": "hand-made" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "root@contoso.com" }],
    }))
    .unwrap();
    hands
        .bindings()
        .create(&PostParams { field_manager: Some("kubectl-create".to_owned()), ..PostParams::default() }, &made)
        .await
        .unwrap();
    let dev = hands.group("dev").await;
    hands.graph("DELETE", &format!("groups/{dev}"), None).await;
    drop(hands);
    check("drift-objects", &drift(&world, &[]));
    let found = json_of(&drift(&world, &["--output", "json"]).exits(2));
    assert_eq!(found["refused"][0]["binding"]["name"], "trinity/hand-made");
    assert_eq!(found["refused"][0]["known"]["writes"][0]["manager"], "kubectl-create");
    let group = found["drift"].as_array().unwrap().iter().find(|one| one["address"] == "entra/group/dev").unwrap();
    assert_eq!(group["apply"], "restore");
    assert!(group["known"]["deleted"].as_str().unwrap().ends_with('Z'), "{group}");
    assert_eq!(group["known"]["audit"]["by"]["name"], "erin@contoso.com", "{group}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bindings_that_no_file_speaks_of_are_not_counted_and_those_that_give_much_are_named() {
    let world = World::with_files(&[("rolecall.yaml", ROOT)]);
    let _ = world.apply(&["--yes"]).exits(0);
    let from = lines(&world);
    let _ = drift(&world, &[]).exits(0);
    let requests = lines(&world) - from;
    let hands = Hands::on(&world).await;
    let person = |name: &str| json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name });
    hands.bind("hand-made-admin", "cluster-admin", person("root@contoso.com")).await;
    hands.bind("readers", "view", person("kim@contoso.com")).await;
    let helm = json!({ "kind": "ServiceAccount", "name": "helm", "namespace": "kube-system" });
    hands.bind("helm-traefik", "cluster-admin", helm).await;
    drop(hands);
    let from = lines(&world);
    let ran = drift(&world, &[]).exits(0);
    assert_eq!(lines(&world) - from, requests, "nothing more is asked for it");
    check("drift-not-counted", &ran);
    let found = json_of(&drift(&world, &["--output", "json"]).exits(0));
    assert_eq!(found["unmanaged"].as_array().map(Vec::len), Some(3), "{found}");
    let ran = drift(&world, &["--output", "markdown"]).exits(0);
    let document: Vec<&str> = ran.stdout.lines().collect();
    assert!(
        matches!(document[..], [_, line] if line.starts_with("No drift. ") && line.contains(" Not counted: 3 bindings ")),
        "{}",
        ran.stdout
    );
}

/// The requests to the audit log since so many lines of the sandbox's log: how many calls, and how many items in them.
fn audit_requests(world: &World, from: usize) -> (usize, usize) {
    let log = world.read("sandbox/requests.jsonl");
    let lines: Vec<Value> = log.lines().skip(from).map(|line| serde_json::from_str(line).unwrap()).collect();
    let items = |line: &Value| {
        let items = line["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter(|item| item["url"].as_str().is_some_and(|url| url.contains("directoryAudits"))).count()
    };
    let calls: Vec<usize> = lines.iter().map(items).filter(|items| *items > 0).collect();
    assert!(lines.iter().all(|line| !line["path"].as_str().unwrap_or_default().contains("directoryAudits")));
    (calls.len(), calls.iter().sum())
}

fn lines(world: &World) -> usize {
    world.read("sandbox/requests.jsonl").lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_asked_once_and_only_where_groups_have_drift() {
    let world = drifted(ROOT).await;
    let from = lines(&world);
    let _ = drift(&world, &[]).exits(2);
    assert_eq!(audit_requests(&world, from), (1, 2), "two groups, one call");
    for (more, code) in [(&["--as-patch"][..], 2), (&["--only", "alpha"], 2)] {
        let from = lines(&world);
        let _ = drift(&world, more).exits(code);
        assert_eq!(audit_requests(&world, from), (0, 0), "{more:?}");
    }
    let from = lines(&world);
    let _ = world.plan(&[]).exits(0);
    let _ = world.apply(&["--yes"]).exits(0);
    let _ = drift(&world, &[]).exits(0);
    assert_eq!(audit_requests(&world, from), (0, 0), "nothing is otherwise");
}

#[test]
fn without_leave_to_read_the_audit_log_who_is_unknown_and_what_would_tell_is_said() {
    const HELD: &str = "Group.Read.All, User.Read.All, Application.Read.All, Group.ReadWrite.All, \
                        PrivilegedAssignmentSchedule.Read.AzureADGroup";
    let world = World::with_example("quickstart");
    let seed = std::fs::read_to_string(crate::common::repository().join("examples/sandbox.yaml")).unwrap();
    let applier = "app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d\n";
    world.write("seed.yaml", seed.replace(applier, &format!("{applier}  roles: [{HELD}]\n")));
    let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
    let _ = world.apply(&["--yes"]).exits(0);
    // What was applied and is no longer in the files is drift, too.
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- erin@contoso.com");
    let from = lines(&world);
    let ran = drift(&world, &[]).exits(2);
    let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "since when and by whom is unknown; `apply` adds them",
        "since when and by whom is unknown; `apply` removes them",
        "Who changed groups in Entra is unknown: reading the audit log: Graph answered 403 Authorization_RequestDenied",
        "the application permission `AuditLog.Read.All` of Microsoft Graph, with admin consent",
    ] {
        assert!(words.contains(said), "{said}: {}", ran.stdout);
    }
    assert_eq!(audit_requests(&world, from).0, 1, "what is refused is not asked again");
    let found = json_of(&drift(&world, &["--output", "json"]).exits(2));
    let unread = &found["audit_log"]["unread"][0];
    assert!(unread["why"].as_str().unwrap().contains("403 Authorization_RequestDenied"), "{unread}");
    assert!(unread["next"].as_str().unwrap().contains("`AuditLog.Read.All`"), "{unread}");
    assert!(found["drift"].as_array().unwrap().iter().all(|one| one["known"]["audit"].is_null()), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_were_added_alike_the_times_are_told_together() {
    let names: Vec<String> = (10..24).map(|n| format!("p{n}@contoso.com")).collect();
    let many = format!("  many: {{ owners: [erin@contoso.com], members: [{}] }}\n", names.join(", "));
    let world = World::with_files(&[("rolecall.yaml", &ROOT.replace("  ops: ", &format!("{many}  ops: ")))]);
    let _ = world.apply(&["--yes"]).exits(0);
    let hands = Hands::on(&world).await;
    for name in &names {
        hands.join("dev", "members", name).await;
    }
    drop(hands);
    let ran = drift(&world, &["--only", "group/dev"]).exits(2);
    assert!(ran.stdout.contains("    + 14 members\n"), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("added by erin@contoso.com ").count(), 1, "{}", ran.stdout);
}

#[test]
fn mistakes_in_the_files_are_told_as_everywhere() {
    let world = World::with_files(&[("rolecall.yaml", &ROOT.replace("[dev]", "[devv]"))]);
    let ran = drift(&world, &["--output", "json"]).exits(1);
    assert_eq!(json_of(&ran)["findings"].as_array().map(Vec::len), Some(1), "{}", ran.stdout);
    let ran = drift(&world, &["--onyl", "alpha"]).exits(64);
    assert!(ran.stderr.contains("--only"), "{}", ran.stderr);
}

/// Runs git in a folder, with this on its standard input.
pub(crate) fn git(folder: &std::path::Path, arguments: &[&str], input: &str) -> String {
    use std::io::Write as _;
    let mut process = std::process::Command::new("git")
        .args(["-c", "core.autocrlf=false", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "git {arguments:?}: {}\n{input}", text(&output.stderr));
    text(&output.stdout)
}

const TEAM: &str = "# The team of trinity; sorted by hand.\r\ngroups:\r\n  trinity:\r\n    owners: [ erin@contoso.com ]  # one is enough\r\n    members:\r\n      # since the start\r\n      - hayden@contoso.com\r\n      - joan@contoso.com  # \u{e9}t\u{e9}\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_accepts_what_is_there_and_keeps_every_comment() {
    let world = World::with_files(&[("rolecall.yaml", ROOT), ("teams/the team.yaml", TEAM)]);
    git(&world.path(""), &["init", "-q"], "");
    let _ = world.apply(&["--yes"]).exits(0);
    let hands = Hands::on(&world).await;
    hands.join("dev", "members", "joan@contoso.com").await;
    hands.leave("dev", "members", "dana@contoso.com").await;
    hands.join("ops", "owners", "sam@contoso.com").await;
    hands.leave("trinity", "members", "hayden@contoso.com").await;
    hands.leave("trinity", "members", "joan@contoso.com").await;
    let dev = hands.group("dev").await;
    let words = json!({ "description": "Developers: trinity & friends" });
    hands.graph("PATCH", &format!("groups/{dev}"), Some(words)).await;
    let gone = hands.binding("sam-read-only").await;
    hands.bindings().delete(&gone, &DeleteParams::default()).await.unwrap();
    let wider = json!({ "rules": [
        { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "patch", "watch"] },
        { "apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"] },
    ] });
    hands.change_role("restarter", &wider).await;
    drop(hands);
    crate::folder::copy(&world.path("access"), &world.path("copy/access"));
    crate::folder::copy(&world.path("sandbox"), &world.path("copy/sandbox"));
    let before = world.writes().len();
    let ran = drift(&world, &["--as-patch"]).exits(2);
    assert_eq!((ran.stderr.as_str(), world.writes().len()), ("", before));
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("drift-patch", ran.stdout.replace('\r', "<CR>"));
    });
    git(&world.path(""), &["apply", "-"], &ran.stdout);
    let _ = world.plan(&["--detailed-exitcode"]).exits(0);
    let _ = drift(&world, &[]).exits(0);
    let root = world.read("access/rolecall.yaml");
    for kept in [
        "# Who may do what at Contoso.",
        "owners: [erin@contoso.com]   # and nobody else",
        "      # the team\n",
        "  - { groups: [dev], roles: [read-only], environments: [alpha], namespaces: [trinity] }\n",
    ] {
        assert!(root.contains(kept), "{root}");
    }
    let team = world.read("access/teams/the team.yaml");
    assert!(team.contains("members: []\r\n      # since the start\r\n"), "{team:?}");
    // In the copy the other way: the files are right.
    let _ = world.run(&["apply", "copy/access", "--sandbox", "copy/sandbox", "--yes"]).exits(0);
    let _ = world.run(&["drift", "copy/access", "--sandbox", "copy/sandbox"]).exits(0);
}

/// What standard error says behind these words, each in one line and without the digits at the end of names of bindings.
fn said(ran: &Ran, term: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in without_digests(&ran.stderr).lines() {
        let begins =
            ["not in the patch: ", "after the patch: ", "the patch breaks "].iter().any(|one| line.starts_with(one));
        match all.last_mut().filter(|_| !begins) {
            Some(last) => *last = format!("{last} {}", line.trim_start()),
            None => all.push(line.to_owned()),
        }
    }
    all.iter().filter_map(|line| line.strip_prefix(term).map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_put_into_a_binding_gets_a_grant_and_apply_a_binding_of_their_own() {
    let world = drifted(ROOT).await;
    git(&world.path(""), &["init", "-q"], "");
    let ran = drift(&world, &["--as-patch"]).exits(2);
    assert!(
        ran.stdout.contains("+    description: \"Developers\\U0000202E of \\\"trinity\\\" & friends\""),
        "{}",
        ran.stdout
    );
    for line in [
        "+  - { users: [dana@contoso.com], roles: [restarter], environments: [alpha], namespaces: [trinity] }",
        "-  - { users: [sam@contoso.com], roles: [read-only], environments: [alpha], namespaces: [trinity] }",
    ] {
        assert!(ran.stdout.lines().any(|each| each == line), "{}", ran.stdout);
    }
    let own = "`apply` gives each subject a binding of its own; nobody has more or less by it";
    assert_eq!(
        said(&ran, "after the patch: alpha/rolebinding/trinity/"),
        [format!("dana-restarter-HASH: {own}"), format!("ops-restarter-HASH: {own}")],
        "{}",
        ran.stderr
    );
    assert_eq!(said(&ran, "not in the patch: "), [""; 0], "{}", ran.stderr);
    let _ = drift(&world, &["--as-patch", "--output", "json"]).exits(64);
    git(&world.path(""), &["apply", "-"], &ran.stdout);
    let _ = world.apply(&["--yes"]).exits(0);
    let ran = drift(&world, &["--as-patch"]).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "No drift: there is nothing to accept.\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_patch_can_say_is_told_and_so_is_what_it_breaks() {
    let expected = "expectations:
  - { user: sam@contoso.com, environments: [alpha], can: [list pods in trinity] }
";
    let world = World::with_files(&[("rolecall.yaml", &format!("{ROOT}{expected}"))]);
    git(&world.path(""), &["init", "-q"], "");
    let _ = world.apply(&["--yes"]).exits(0);
    let hands = Hands::on(&world).await;
    let gone = hands.binding("sam-read-only").await;
    hands.bindings().delete(&gone, &DeleteParams::default()).await.unwrap();
    let edited = json!({ "subjects": [
        { "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": hands.group("ops").await },
        { "kind": "ServiceAccount", "name": "ci", "namespace": "trinity" },
    ] });
    let restarter = hands.binding("ops-restarter").await;
    hands.bindings().patch(&restarter, &by("kubectl-edit"), &Patch::Merge(&edited)).await.unwrap();
    let dev = hands.group("dev").await;
    hands.graph("DELETE", &format!("groups/{dev}"), None).await;
    drop(hands);
    let ran = drift(&world, &["--as-patch"]).exits(2);
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        let told = without_digests(&ran.stderr);
        insta::assert_snapshot!("drift-patch-left", format!("{}---\n{told}", ran.stdout));
    });
    git(&world.path(""), &["apply", "-"], &ran.stdout);
    assert!(world.read("access/rolecall.yaml").contains("groups:\n  ops:"), "{}", world.read("access/rolecall.yaml"));
    // What is left is what is told: the service account goes, and so does a binding for a group that nobody has.
    let ran = drift(&world, &["--output", "json"]).exits(2);
    let found = json_of(&ran);
    let applies: Vec<&str> =
        found["drift"].as_array().unwrap().iter().map(|one| one["apply"].as_str().unwrap()).collect();
    assert_eq!(applies, ["remove", "change"], "{}", ran.stdout);
}

/// Text without the digits at the end of names of bindings.
fn without_digests(text: &str) -> String {
    let is_digest = |word: &str| word.len() == 10 && word.chars().all(|digit| digit.is_ascii_hexdigit());
    let plain = |word: &str| match word.trim_end_matches([':', ',']).rsplit_once('-') {
        Some((start, end)) if is_digest(end) => word.replacen(&format!("{start}-{end}"), &format!("{start}-HASH"), 1),
        _ => word.to_owned(),
    };
    text.split_inclusive([' ', '\n'])
        .map(|word| {
            word.strip_suffix([' ', '\n']).map_or_else(|| plain(word), |bare| plain(bare) + &word[bare.len()..])
        })
        .collect()
}
