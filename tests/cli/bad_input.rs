//! Bad input gets a clear error, the documented exit code, and nothing written.

use crate::common::{Ran, World, repository};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {server: 'SERVER'}\nusers:\n- name: u\n  user: {token: t}\ncontexts:\n- name: alpha\n  context: {cluster: c, user: u}\n";

fn quickstart() -> World {
    World::with_example("quickstart")
}

/// The environment of somebody who has a client secret, for a login endpoint where nobody listens.
const CREDENTIAL: [(&str, &str); 3] = [
    ("AZURE_TENANT_ID", "8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f"),
    ("AZURE_CLIENT_ID", "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
    ("AZURE_CLIENT_SECRET", "open-sesame-7Q~very-secret"),
];

fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is missing:\n{}", ran.all());
    }
}

#[test]
fn a_path_without_a_config_says_what_is_missing() {
    let world = World::new();
    let ran = world.run(&["validate"]).exits(1);
    says(&ran, &["rolecall.yaml", "1 error. Nothing was changed."]);
    assert!(!ran.stderr.contains("/.:"), "{}", ran.stderr);
    let ran = world.run(&["plan", "no-such-folder"]).exits(1);
    says(&ran, &["no-such-folder"]);
}

#[test]
fn a_config_that_brings_its_own_endpoint_is_refused() {
    for (place, with) in [
        ("tenant: {", "tenant: { graph: https://graph.evil.example,"),
        ("tenant: {", "login: https://login.evil.example\ntenant: {"),
        ("type: k3s", "type: k3s\n    server: https://evil.example"),
        ("type: k3s", "type: k3s\n    kubeconfig: .kube/config"),
    ] {
        let world = quickstart();
        world.replace("access/rolecall.yaml", place, with);
        let ran = world.plan(&[]).exits(1);
        says(&ran, &["unknown-key", "rolecall.yaml"]);
        assert!(!world.path("sandbox").exists(), "nothing was contacted");
    }
}

#[test]
fn a_group_is_not_adopted_by_name() {
    let world = quickstart();
    world.replace("access/rolecall.yaml", "description: Developers of trinity", "adopt: k8s_dev_users");
    let ran = world.plan(&[]).exits(1);
    says(&ran, &["adopt", "rolecall.yaml", "00000000-0000-0000-0000-000000000000"]);
}

#[test]
fn a_kubeconfig_inside_the_config_is_refused_however_it_is_named() {
    let world = quickstart();
    world.write("access/.kube/config", KUBECONFIG);
    let by_flag = world.run_with(&["plan", "access", "--kubeconfig", "access/.kube/config"], &CREDENTIAL).exits(1);
    says(&by_flag, &["kubeconfig", "outside the access files"]);
    let environment = [CREDENTIAL.as_slice(), &[("KUBECONFIG", "access/.kube/config")]].concat();
    let by_variable = world.run_with(&["plan", "access"], &environment).exits(1);
    says(&by_variable, &["outside the access files"]);
    world.write("connections.yaml", "environments:\n  alpha: { kubeconfig: access/.kube/config }\n");
    let by_file = world.run_with(&["plan", "access", "--connections", "connections.yaml"], &CREDENTIAL).exits(1);
    says(&by_file, &["outside the access files"]);
}

#[cfg(unix)]
#[test]
fn a_kubeconfig_inside_the_config_is_refused_through_a_link_as_well() {
    let world = quickstart();
    world.write("access/.kube/config", KUBECONFIG);
    std::os::unix::fs::symlink(world.path("access/.kube/config"), world.path("kubeconfig")).unwrap();
    let ran = world.run_with(&["plan", "access", "--kubeconfig", "kubeconfig"], &CREDENTIAL).exits(1);
    says(&ran, &["outside the access files"]);
}

#[test]
fn a_connections_file_inside_the_config_is_refused() {
    let world = quickstart();
    world.write("access/.connections.yaml", "entra: { graph: https://graph.evil.example }\n");
    let ran = world.run_with(&["plan", "access", "--connections", "access/.connections.yaml"], &CREDENTIAL).exits(1);
    says(&ran, &["outside the access files"]);
}

#[test]
fn a_ca_inside_the_config_is_refused() {
    let world = quickstart();
    world.write("access/.ca.pem", "");
    world.write("connections.yaml", "entra: { ca-file: access/.ca.pem }\n");
    let ran = world.run_with(&["plan", "access", "--connections", "connections.yaml"], &CREDENTIAL).exits(1);
    says(&ran, &["CA", "outside the access files"]);
}

#[test]
fn paths_with_parents_are_seen_for_where_they_lead() {
    let world = quickstart();
    world.write("access/teams/.keep", "");
    let ran =
        world.run(&["plan", "access", "--sandbox", "access/../sandbox", "--save", "access/../tonight.plan"]).exits(0);
    says(&ran, &["Saved plan"]);
    let ran = world.run(&["plan", "access", "--sandbox", "access/teams/../.sandbox"]).exits(1);
    says(&ran, &["outside the access files"]);
}

#[test]
fn a_group_that_nobody_has_cannot_be_named_by_only() {
    let world = quickstart();
    let ran = world.plan(&["--only", "group/k8s_dev_userz"]).exits(64);
    says(&ran, &["group/k8s_dev_userz", "did you mean `group/k8s_dev_users`"]);
}

#[test]
fn an_acknowledgement_that_nothing_asks_for_is_said() {
    let ran = quickstart().plan(&["--acknowledge", "group-deleted:old"]).exits(0);
    says(&ran, &["nothing in this plan asks for --acknowledge group-deleted:old"]);
}

#[test]
fn an_acknowledgement_of_no_guard_is_a_usage_error() {
    let world = quickstart();
    let ran = world.plan(&["--acknowledge", "grp-deleted:old"]).exits(64);
    says(&ran, &["grp-deleted", "group-deleted"]);
}

#[cfg(unix)]
#[test]
fn a_journal_is_not_written_through_a_link() {
    let world = quickstart();
    std::fs::create_dir(world.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(world.path("elsewhere"), world.path("logs")).unwrap();
    let ran = world.apply(&["--yes", "--journal", "logs/journal.jsonl"]).exits(1);
    says(&ran, &["symbolic link", "nothing was changed"]);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[test]
fn mistakes_in_a_connections_file_are_said_with_the_file() {
    let world = quickstart();
    for (text, word) in [
        ("entra: { grap: https://x.example }", "grap"),
        ("environments:\n  alpha: { in-cluster: true, server: https://x.example }", "exactly one"),
        ("environments:\n  alpha: { server: https://x.example }", "audience"),
        ("- a", "connections.yaml"),
    ] {
        world.write("connections.yaml", text);
        let ran = world.run_with(&["plan", "access", "--connections", "connections.yaml"], &CREDENTIAL).exits(1);
        says(&ran, &["connections.yaml", word]);
    }
}

#[test]
fn what_is_not_there_is_said_with_the_key_flag_or_variable_that_names_it() {
    let world = quickstart();
    let ran = world.run_with(&["plan", "access", "--connections", "x"], &CREDENTIAL).exits(1);
    says(&ran, &["x: the connections file that --connections names cannot be read", "correct --connections"]);
    let by_variable = [CREDENTIAL.as_slice(), &[("ROLECALL_CONNECTIONS", "/nosuch")]].concat();
    let ran = world.run_with(&["plan", "access"], &by_variable).exits(1);
    says(&ran, &["/nosuch: the connections file that $ROLECALL_CONNECTIONS names cannot be read"]);
    for (text, words) in [
        ("entra: { ca-file: no.pem }", ["no.pem", "correct `ca-file` of entra in connections.yaml"]),
        (
            "environments:\n  alpha: { server: https://x.example, audience: api://k, ca-file: no.pem }",
            ["no.pem", "correct `ca-file` of alpha in connections.yaml"],
        ),
        (
            "environments:\n  alpha: { kubeconfig: nosuch }",
            ["there is no kubeconfig", "correct `kubeconfig` of alpha in connections.yaml"],
        ),
        (
            "environments:\n  alph: { in-cluster: true }",
            ["connections.yaml: the config has no environment `alph`", "did you mean `alpha`?"],
        ),
    ] {
        world.write("connections.yaml", text);
        let ran = world.run_with(&["plan", "access", "--connections", "connections.yaml"], &CREDENTIAL).exits(1);
        says(&ran, &words);
    }
}

#[test]
fn a_sandbox_of_another_tenant_is_called_that() {
    let world = quickstart();
    let _ = world.plan(&[]).exits(0);
    let config = world.read("access/rolecall.yaml");
    let (_, tenant) = config.split_once("id: ").unwrap();
    world.replace("access/rolecall.yaml", &tenant[..36], "11111111-2222-4333-8444-555555555555");
    let ran = world.plan(&[]).exits(1);
    says(&ran, &["this sandbox is of tenant", "11111111-2222-4333-8444-555555555555", "use a new folder"]);
    assert!(!ran.all().contains("AZURE_TENANT_ID"), "{}", ran.all());
}

#[test]
fn a_missing_kubeconfig_or_context_says_where_it_was_looked_for() {
    let world = quickstart();
    let ran =
        world.run_with(&["plan", "access"], &[CREDENTIAL.as_slice(), &[("HOME", "/nonexistent")]].concat()).exits(1);
    says(&ran, &["/nonexistent/.kube/config", "--kubeconfig", "--sandbox"]);
    let ran = world.run_with(&["plan", "access"], &CREDENTIAL).exits(1);
    says(&ran, &["neither $KUBECONFIG nor $HOME is set"]);
    let ran = world.run_with(&["plan", "access", "--kubeconfig", "missing"], &CREDENTIAL).exits(1);
    assert!(ran.all().contains("missing"), "{}", ran.all());
}

#[test]
fn a_kubeconfig_that_points_to_plain_http_is_refused_and_its_token_is_not_printed() {
    let world = quickstart();
    world.write(
        "kubeconfig",
        KUBECONFIG.replace("SERVER", "http://kubernetes.contoso.com:8080").replace("token: t", "token: hush-hush"),
    );
    let ran = world.run_with(&["plan", "access", "--kubeconfig", "kubeconfig"], &CREDENTIAL).exits(1);
    assert!(ran.all().contains("HTTP"), "{}", ran.all());
    assert!(!ran.all().contains("hush-hush"));
}

#[test]
fn without_a_credential_the_error_says_which_source_failed_and_what_to_do() {
    let world = quickstart();
    world.write("kubeconfig", KUBECONFIG.replace("SERVER", "https://127.0.0.1:9"));
    let ran = world.run_with(&["plan", "access", "--kubeconfig", "kubeconfig"], &[("PATH", "/nonexistent")]).exits(1);
    let words = ran.all().split_whitespace().collect::<Vec<_>>().join(" ");
    for word in ["azure-cli", "az login", "AZURE_CLIENT_SECRET", "rolecall doctor"] {
        assert!(words.contains(word), "`{word}` is missing:\n{}", ran.all());
    }
}

#[test]
fn no_secret_is_printed_when_the_login_endpoint_cannot_be_reached() {
    let world = quickstart();
    world.write("kubeconfig", KUBECONFIG.replace("SERVER", "https://127.0.0.1:9"));
    world.write("connections.yaml", "entra: { login: 'https://127.0.0.1:9', graph: 'https://127.0.0.1:9' }\n");
    let arguments = ["plan", "access", "--kubeconfig", "kubeconfig", "--connections", "connections.yaml"];
    let ran = world.run_with(&arguments, &CREDENTIAL).exits(1);
    assert!(!ran.all().contains("open-sesame"), "{}", ran.all());
    let entra = ran.stdout.split("Entra").nth(1).and_then(|text| text.split("  alpha").next()).unwrap();
    assert!(entra.contains("client-secret") && entra.contains("127.0.0.1:9"), "{entra}");
}

#[test]
fn a_person_who_does_not_exist_is_said_at_the_line_and_the_rest_goes_on() {
    let world = quickstart();
    let _ = world.plan(&[]).exits(0); // fills the sandbox with hayden and erin
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- hayden@contoso.com\n      - haydn@contoso.com");
    let ran = world.plan(&[]).exits(0);
    assert!(ran.stdout.contains("haydn@contoso.com"), "{}", ran.stdout);
    assert!(ran.stdout.contains("+ member hayden@contoso.com"), "{}", ran.stdout);
    assert!(ran.stdout.contains("rolecall.yaml:"), "{}", ran.stdout);
    let strict = world.plan(&["--strict"]).exits(1);
    assert!(strict.stdout.contains("haydn@contoso.com"));
    let _ = world.apply(&["--yes", "--strict"]).exits(1);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[test]
fn an_environment_that_is_not_in_the_config_cannot_be_named_by_only() {
    let world = quickstart();
    let ran = world.plan(&["--only", "beta"]).exits(64);
    says(&ran, &["beta", "alpha"]);
}

#[test]
fn a_journal_that_cannot_be_written_means_nothing_is_written() {
    let world = quickstart();
    world.write("taken.jsonl", "somebody else's");
    let ran = world.apply(&["--yes", "--journal", "taken.jsonl"]).exits(1);
    says(&ran, &["taken.jsonl", "nothing was changed"]);
    assert_eq!(world.read("taken.jsonl"), "somebody else's");
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[test]
fn unreadable_files_are_told_apart() {
    let root = std::fs::read_to_string(repository().join("examples/quickstart/rolecall.yaml")).unwrap();
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    let cases: [(&str, Vec<u8>); 5] = [
        ("empty.yaml", Vec::new()),
        ("binary.yaml", vec![0, 1, 2, 255]),
        ("latin1.yaml", b"groups: { x: { description: caf\xe9 } }".to_vec()),
        ("huge.yaml", vec![b'#'; 2 << 20]),
        ("bomb.yaml", bomb.as_bytes().to_vec()),
    ];
    let world = World::with_files(&[("rolecall.yaml", &root)]);
    for (name, bytes) in &cases {
        world.write(&format!("access/{name}"), bytes);
    }
    let ran = world.run(&["validate", "access"]).exits(1);
    for (name, _) in &cases {
        says(&ran, &[name]);
    }
}

#[test]
fn a_yaml_file_that_is_no_access_file_is_an_error_that_names_exclude() {
    let world = quickstart();
    world.write("access/deploy/values.yaml", "image: { tag: 1 }\n");
    let ran = world.run(&["validate", "access"]).exits(1);
    says(&ran, &["deploy/values.yaml", "exclude"]);
    world.replace("access/rolecall.yaml", "version: 1", "version: 1\nexclude: ['deploy/**']");
    let _ = world.run(&["validate", "access"]).exits(0);
}

#[test]
fn a_picked_source_says_what_it_lacks_and_no_other_is_tried() {
    let world = quickstart();
    world.write("kubeconfig", KUBECONFIG.replace("SERVER", "https://127.0.0.1:9"));
    let arguments = ["plan", "access", "--kubeconfig", "kubeconfig", "--auth", "workload-identity"];
    let ran = world.run_with(&arguments, &CREDENTIAL).exits(1);
    let words = ran.all().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("from workload-identity: AZURE_FEDERATED_TOKEN_FILE is not set"), "{}", ran.all());
    assert!(!words.contains("client-secret"), "{}", ran.all());

    let by_variable = [("ROLECALL_AUTH", "wrong")];
    let ran = world.run_with(&["plan", "access", "--kubeconfig", "kubeconfig"], &by_variable).exits(1);
    assert!(ran.stderr.contains("ROLECALL_AUTH is `wrong`: use one of `client-secret`"), "{}", ran.stderr);
    let ran = world.run(&["plan", "access", "--auth", "az"]).exits(64);
    assert!(ran.stderr.contains("azure-cli"), "{}", ran.stderr);
}

#[test]
fn an_authority_of_another_cloud_is_an_error_before_anything_is_sent() {
    let world = quickstart();
    world.write("kubeconfig", KUBECONFIG.replace("SERVER", "https://127.0.0.1:9"));
    let authority = ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/");
    let arguments = ["plan", "access", "--kubeconfig", "kubeconfig"];
    let ran = world.run_with(&arguments, &[&CREDENTIAL[..], &[authority]].concat()).exits(1);
    assert!(ran.stderr.contains("in cloud `public`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("tenant.cloud") && !ran.all().contains("open-sesame"), "{}", ran.stderr);
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named_without_its_password_and_loopback_needs_none() {
    let world = quickstart();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let proxy = format!("http://ana:s3cret@{closed}");
    world.write("kubeconfig", KUBECONFIG.replace("SERVER", "https://k3s.contoso.com:6443"));
    let by_variable = [&CREDENTIAL[..], &[("HTTPS_PROXY", proxy.as_str())]].concat();
    let ran = world.run_with(&["plan", "access", "--kubeconfig", "kubeconfig"], &by_variable).exits(1);
    let words = ran.all().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words.matches(&format!("cannot connect to the proxy http://{closed}")).count(), 2, "{}", ran.all());
    assert!(words.contains("k3s.contoso.com") && !words.contains("s3cret"), "{}", ran.all());

    world.write("connections.yaml", format!("proxy: {{ url: '{proxy}', no-proxy: [k3s.invalid] }}\n"));
    world.write("kubeconfig", KUBECONFIG.replace("SERVER", "https://127.0.0.1:9"));
    let arguments = ["plan", "access", "--kubeconfig", "kubeconfig", "--connections", "connections.yaml"];
    let ran = world.run_with(&arguments, &CREDENTIAL).exits(1);
    let words = ran.all().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words.matches("cannot connect to the proxy").count(), 1, "{}", ran.all());
    assert!(words.contains("cannot connect to context `alpha` (https://127.0.0.1:9/)"), "{}", ran.all());
    assert!(!words.contains("s3cret"), "{}", ran.all());
}
