#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use insta::assert_snapshot;
use secrecy::ExposeSecret as _;

use super::*;

/// A plugin that is this shell script, in a folder that must outlive it. The shell is what is started: a file that was
/// written a moment ago may still be busy.
fn plugin(script: &str, exec: Value) -> (Plugin, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plugin");
    fs_err::write(&path, format!("{script}\n")).unwrap();
    let mut exec: ExecConfig = serde_json::from_value(exec).unwrap();
    exec.command = Some("/bin/sh".to_owned());
    exec.args.get_or_insert_default().insert(0, path.to_str().unwrap().to_owned());
    (Plugin::new(&exec, &cluster(), Some(b"pem"), "user `jane`", false).unwrap(), folder)
}

fn cluster() -> Cluster {
    serde_json::from_value(json!({
        "server": "https://k3s.contoso.com:6443",
        "extensions": [{ "name": EXTENSION, "extension": { "audience": "x" } }],
    }))
    .unwrap()
}

fn never() -> Value {
    json!({ "apiVersion": V1, "interactiveMode": "Never" })
}

async fn failure(script: &str, exec: Value) -> Failure {
    let (plugin, _folder) = plugin(script, exec);
    plugin.run().await.err().unwrap()
}

#[tokio::test]
async fn a_token_and_its_end_are_read() {
    let script = format!(
        r#"echo '{{"kind":"ExecCredential","apiVersion":"{V1}","status":{{"token":"t0k3n","expirationTimestamp":"2030-01-01T00:00:00Z"}}}}'"#
    );
    let (plugin, _folder) = plugin(&script, never());
    let credential = plugin.run().await.unwrap();
    assert_eq!(credential.token.unwrap().expose_secret(), "t0k3n");
    assert_eq!(credential.expires.unwrap().to_string(), "2030-01-01T00:00:00Z");
    assert!(credential.certificate.is_none());
}

#[tokio::test]
async fn a_client_certificate_is_read_in_v1beta1() {
    let script = format!(
        r#"echo '{{"kind":"ExecCredential","apiVersion":"{V1BETA1}","status":{{"clientCertificateData":"cert","clientKeyData":"key"}}}}'"#
    );
    let (plugin, _folder) = plugin(&script, json!({ "apiVersion": V1BETA1 }));
    let (certificate, key) = plugin.run().await.unwrap().certificate.unwrap();
    assert_eq!((certificate.as_str(), key.expose_secret()), ("cert", "key"));
}

#[tokio::test]
async fn a_plugin_is_told_what_it_is_asked_and_gets_its_arguments_and_variables() {
    let script = format!(
        r#"printf '%s' "$KUBERNETES_EXEC_INFO" > "$(dirname "$0")/info"
           echo '{{"kind":"ExecCredential","apiVersion":"{V1}","status":{{"token":"'"$1-$FLAVOUR"'"}}}}'"#
    );
    let (plugin, folder) = plugin(
        &script,
        json!({ "apiVersion": V1, "interactiveMode": "IfAvailable", "provideClusterInfo": true, "args": ["get-token"],
                "env": [{ "name": "FLAVOUR", "value": "sweet" }] }),
    );
    assert_eq!(plugin.run().await.unwrap().token.unwrap().expose_secret(), "get-token-sweet");
    let info: Value = serde_json::from_slice(&fs_err::read(folder.path().join("info")).unwrap()).unwrap();
    assert_eq!(
        info,
        json!({ "kind": "ExecCredential", "apiVersion": V1, "spec": {
            "interactive": false,
            "cluster": { "server": "https://k3s.contoso.com:6443", "certificate-authority-data": "cGVt", "config": { "audience": "x" } },
        } })
    );
}

#[tokio::test]
async fn a_plugin_that_fails_is_shown_bounded_and_neutralised() {
    let script = r"printf '%01000d' 0 >&2; printf '\033[31mno session\nrun login\n' >&2; exit 3";
    let failure = failure(script, never()).await;
    assert_eq!(failure.kind, FailureKind::Unauthenticated);
    assert!(failure.what.chars().count() < 500, "{failure}");
    assert!(!failure.what.contains(['\u{1b}', '\n']), "{failure:?}");
    assert!(failure.what.ends_with("0 [31mno session run login"), "{failure}");
    assert!(failure.what.contains("failed (exit status: 3)"), "{failure}");
}

#[tokio::test]
async fn what_is_no_credential_is_refused_without_being_shown() {
    let printed = [
        ("echo secret", "printed no ExecCredential"),
        (r#"echo '{"kind":"Secret","apiVersion":"v1","token":"secret"}'"#, "printed no ExecCredential"),
        (r#"echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"}'"#, "answered as"),
        (r#"echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"}'"#, "without status"),
        (r#"echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{}}'"#, "neither"),
        (
            r#"echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"clientKeyData":"secret"}}'"#,
            "only one",
        ),
        (
            r#"echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"secret","expirationTimestamp":"secret"}}'"#,
            "an end of its credential that is no time",
        ),
    ];
    for (script, expected) in printed {
        let failure = failure(script, never()).await;
        assert!(failure.what.contains(expected), "{failure}");
        assert!(!failure.what.contains("secret"), "{failure}");
    }
}

#[tokio::test]
async fn a_plugin_that_hangs_is_ended() {
    let (mut plugin, _folder) = plugin("exec sleep 600", never());
    plugin.limit = Duration::from_millis(50);
    let failure = plugin.run().await.err().unwrap();
    assert!(failure.what.ends_with("did not end within 0.05 s"), "{failure}");
}

#[tokio::test]
async fn a_plugin_that_is_not_there_is_said_with_its_hint() {
    let exec: ExecConfig = serde_json::from_value(json!({
        "apiVersion": V1, "interactiveMode": "Never", "command": "/nonexistent/kubelogin", "installHint": "brew\ninstall kubelogin",
    }))
    .unwrap();
    let plugin = Plugin::new(&exec, &cluster(), None, "user `jane`", false).unwrap();
    let failure = plugin.run().await.err().unwrap();
    assert_snapshot!(failure.what, @"the credential plugin `/nonexistent/kubelogin` of user `jane` cannot be started: No such file or directory (os error 2)");
    assert_eq!(failure.next.as_deref(), Some("brew install kubelogin"));
}

#[test]
fn an_exec_section_that_cannot_be_used_says_why() {
    let refused = |exec: Value, terminal: bool| {
        let exec: ExecConfig = serde_json::from_value(exec).unwrap();
        Plugin::new(&exec, &cluster(), None, "user `jane`", terminal).err().unwrap().what
    };
    assert_snapshot!(refused(json!({ "apiVersion": V1 }), false), @"the credential plugin of user `jane` has no command");
    assert_snapshot!(refused(json!({ "command": "x" }), false), @"the credential plugin of user `jane` has no apiVersion");
    assert_snapshot!(refused(json!({ "command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1" }), false), @"the credential plugin of user `jane` has the apiVersion `client.authentication.k8s.io/v1alpha1`");
    assert_snapshot!(refused(json!({ "command": "x", "apiVersion": V1 }), false), @"the credential plugin of user `jane` has no interactiveMode, which v1 demands");
    assert_snapshot!(refused(json!({ "command": "x", "apiVersion": V1, "interactiveMode": "Always" }), false), @"the credential plugin of user `jane` must ask a person, and there is no terminal");
}

#[test]
fn a_terminal_is_offered_only_where_the_plugin_wants_one() {
    let interactive = |mode: &str, terminal: bool| {
        let exec: ExecConfig =
            serde_json::from_value(json!({ "command": "x", "apiVersion": V1, "interactiveMode": mode })).unwrap();
        Plugin::new(&exec, &cluster(), None, "user `jane`", terminal).unwrap().interactive
    };
    assert!(interactive("Always", true) && interactive("IfAvailable", true));
    assert!(!interactive("IfAvailable", false) && !interactive("Never", true));
}
