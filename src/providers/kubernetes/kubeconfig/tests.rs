#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::*;

/// One cluster and one user, under the context `alpha`.
fn kubeconfig(cluster: &Value, user: &Value) -> Value {
    json!({
        "contexts": [{ "name": "alpha", "context": { "cluster": "c", "user": "jane" } }],
        "clusters": [{ "name": "c", "cluster": cluster }],
        "users": [{ "name": "jane", "user": user }],
    })
}

/// A folder with a kubeconfig.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(cluster: &Value, user: &Value) -> Self {
        Self::with(&kubeconfig(cluster, user))
    }

    fn with(content: &Value) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("config", &content.to_string());
        folder
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs_err::write(&path, content).unwrap();
        path
    }

    async fn prepare(&self, context: &str, allow_exec: bool) -> Result<Prepared> {
        let plugins = Plugins::default();
        prepare(&self.0.path().join("config"), context, allow_exec.then_some(&plugins)).await
    }

    /// The failure, with the folder's name taken out.
    async fn failure(&self, context: &str) -> Failure {
        let mut failure = self.prepare(context, false).await.err().unwrap();
        let folder = format!("{}/", self.0.path().display());
        failure.what = failure.what.replace(&folder, "");
        failure.next = failure.next.map(|next| next.replace(&folder, ""));
        failure
    }
}

fn server() -> Value {
    json!({ "server": "https://k3s.contoso.com:6443" })
}

async fn token(prepared: &Prepared) -> String {
    prepared.tokens.as_ref().unwrap().token().await.unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_token_and_impersonation_are_taken_over() {
    let user =
        json!({ "token": "t0k3n", "as": "bob", "as-groups": ["g"], "as-uid": "7", "as-user-extra": { "k": ["v"] } });
    let prepared = Folder::new(&server(), &user).prepare("alpha", false).await.unwrap();
    assert_eq!(prepared.name, "context `alpha` (https://k3s.contoso.com:6443/)");
    assert_eq!(token(&prepared).await, "t0k3n");
    assert!(prepared.identity.token.is_none(), "the token is ours to send, not kube's");
    assert_eq!(prepared.identity.impersonate.as_deref(), Some("bob"));
    assert_eq!(prepared.identity.impersonate_groups.as_deref(), Some(&["g".to_owned()][..]));
    assert_eq!(prepared.identity.impersonate_uid.as_deref(), Some("7"));
    assert_eq!(prepared.identity.impersonate_user_extra.unwrap()["k"], ["v"]);
}

#[tokio::test]
async fn relative_paths_start_at_the_kubeconfig() {
    let folder = Folder::new(
        &json!({ "server": "https://k3s.contoso.com:6443", "certificate-authority": "ca.pem" }),
        &json!({ "tokenFile": "token" }),
    );
    let authority = rcgen::generate_simple_self_signed(vec!["k3s.contoso.com".to_owned()]).unwrap();
    folder.write("ca.pem", &authority.cert.pem());
    folder.write("token", "from-file\n");
    let prepared = folder.prepare("alpha", false).await.unwrap();
    assert_eq!(token(&prepared).await, "from-file");
    assert_eq!(prepared.authorities, Some(vec![authority.cert.der().to_vec()]));
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_is_there() {
    let folder = Folder::with(&json!({
        "contexts": [
            { "name": "prod", "context": { "cluster": "c", "user": "jane" } },
            { "name": "alpha", "context": { "cluster": "nowhere", "user": "jane" } },
            { "name": "beta", "context": { "cluster": "c", "user": "janet" } },
            { "name": "nobody", "context": { "cluster": "c" } },
            { "name": "empty" },
        ],
        "clusters": [{ "name": "c", "cluster": server() }],
        "users": [{ "name": "jane", "user": {} }],
    }));
    let mut shown = String::new();
    for context in ["alhpa", "alpha", "beta", "nobody", "empty", "prod", "\u{1b}[31mx"] {
        let failure = folder.failure(context).await;
        writeln!(shown, "{:?}: {}; {}", failure.kind, failure.what, failure.next.unwrap_or_default()).unwrap();
    }
    assert_snapshot!(shown, @r"
    NotFound: config has no context `alhpa`; did you mean `alpha`? it has alpha, beta, empty, nobody, prod
    NotFound: config has no cluster `nowhere`, which context `alpha` names; it has c
    NotFound: config has no user `janet`, which context `beta` names; did you mean `jane`? it has jane
    Unauthenticated: config: context `nobody` names no user; 
    Invalid: config: context `empty` is empty; 
    Unauthenticated: the user of context `prod` in config has no credential; it needs a token, a client certificate or a credential plugin
    NotFound: config has no context `[31mx`; it has alpha, beta, empty, nobody, prod
    ");
    let nothing = Folder::with(&json!({})).failure("alpha").await;
    assert_snapshot!(nothing.next.unwrap(), @"it has none at all; is it the right file?");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_said_without_its_secrets() {
    let folder = Folder(tempfile::tempdir().unwrap());
    assert_snapshot!(folder.failure("alpha").await.what, @"there is no kubeconfig config");
    folder.write("config", "users:\n  - name: jane\n    user: { token: hunter2\n");
    let failure = folder.failure("alpha").await;
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(
        failure.what.starts_with("config, line ") && failure.what.ends_with(": this is no kubeconfig"),
        "{failure}"
    );
    assert!(!failure.what.contains("hunter2"), "{failure}");
    folder.write("config", "");
    assert_eq!(folder.failure("alpha").await.kind, FailureKind::NotFound);
    fs_err::write(folder.0.path().join("config"), [0xc3, 0x28]).unwrap();
    assert_eq!(folder.failure("alpha").await.kind, FailureKind::Invalid);
}

#[tokio::test]
async fn a_cluster_that_must_not_be_used_is_refused() {
    let mut shown = String::new();
    for cluster in [
        json!({}),
        json!({ "server": "k3s.contoso.com" }),
        json!({ "server": "http://k3s.contoso.com:6443" }),
        json!({ "server": "https://jane:hunter2@k3s.contoso.com" }),
        json!({ "server": "https://k3s.contoso.com", "insecure-skip-tls-verify": true }),
        json!({ "server": "https://k3s.contoso.com", "proxy-url": "socks5://jane:hunter2@proxy.contoso.com" }),
        json!({ "server": "https://127.0.0.1:6443", "proxy-url": "http://proxy.contoso.com" }),
        json!({ "server": "https://k3s.contoso.com", "certificate-authority-data": "%%%" }),
        json!({ "server": "https://k3s.contoso.com", "certificate-authority-data": "aGVsbG8=" }),
        json!({ "server": "https://k3s.contoso.com", "certificate-authority": "nowhere.pem" }),
    ] {
        let failure = Folder::new(&cluster, &json!({ "token": "t" })).failure("alpha").await;
        writeln!(shown, "{:?}: {}", failure.kind, failure.what).unwrap();
    }
    assert!(!shown.contains("hunter2"));
    assert_snapshot!(shown, @r"
    Invalid: the cluster of context `alpha` in config has no `server`
    Invalid: the server of the cluster of context `alpha` in config is no address: relative URL without a base
    Refused: the server of the cluster of context `alpha` in config is plain HTTP (http://k3s.contoso.com:6443/), which would send the credential in clear
    Refused: the server of the cluster of context `alpha` in config holds a user name or password
    Refused: the cluster of context `alpha` in config sets insecure-skip-tls-verify, and TLS is never skipped
    Invalid: proxy-url of the cluster of context `alpha` in config names a proxy of kind `socks5`, which is not supported
    Refused: the cluster of context `alpha` in config sets proxy-url for a server on loopback, which is never reached through a proxy
    Invalid: the certificate-authority of the cluster of context `alpha` in config is no valid base64: Invalid symbol 37, offset 0
    Invalid: the certificate authority of the cluster of context `alpha` in config holds no certificate
    NotFound: cannot read the certificate-authority of the cluster of context `alpha` in config: failed to open file `nowhere.pem`: No such file or directory (os error 2)
    ");
}

#[tokio::test]
async fn a_user_that_cannot_be_used_is_refused() {
    let mut shown = String::new();
    for user in [
        json!({ "auth-provider": { "name": "azure" } }),
        json!({ "username": "jane", "password": "hunter2" }),
        json!({ "client-certificate-data": "aGVsbG8=" }),
        json!({ "client-certificate-data": "aGVsbG8=", "client-key-data": "%" }),
        json!({ "client-certificate": "nowhere.pem", "client-key-data": "aGVsbG8=" }),
        json!({ "exec": { "apiVersion": "client.authentication.k8s.io/v1", "command": "kubelogin", "interactiveMode": "Never" } }),
    ] {
        let failure = Folder::new(&server(), &user).failure("alpha").await;
        writeln!(shown, "{:?}: {}; {}", failure.kind, failure.what, failure.next.unwrap_or_default()).unwrap();
    }
    assert!(!shown.contains("hunter2"));
    assert_snapshot!(shown, @r"
    Refused: the user of context `alpha` in config uses the auth-provider `azure`, which is not supported; use a credential plugin (`exec`) instead: `kubelogin convert-kubeconfig` for Azure, `kubectl oidc-login` for OpenID Connect
    Refused: the user of context `alpha` in config has a user name and password, which no API server accepts any more; use a token, a client certificate or a credential plugin
    Invalid: the user of context `alpha` in config has only one of client-certificate and client-key; 
    Invalid: the client-key of the user of context `alpha` in config is no valid base64: Invalid symbol 37, offset 0; `base64 -w0 < FILE` writes it as it must be
    NotFound: cannot read the client-certificate of the user of context `alpha` in config: failed to open file `nowhere.pem`: No such file or directory (os error 2); 
    Refused: the user of context `alpha` in config wants to run the program `kubelogin` for a credential; plugins run only from $KUBECONFIG or your own kubeconfig; if you trust this file, add --allow-exec
    ");
}

/// A kubeconfig whose plugin, named relative to it, writes a line for each time it is started.
fn with_plugin(status: &str) -> Folder {
    let folder = Folder(tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink("/bin/sh", folder.0.path().join("plugin")).unwrap();
    let script = folder.write(
        "script",
        &format!(
            "echo x >> \"$(dirname \"$0\")/starts\"\necho '{{\"kind\":\"ExecCredential\",\
             \"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{status}}}'\n"
        ),
    );
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "args": [script], "interactiveMode": "Never",
    });
    folder.write("config", &kubeconfig(&server(), &json!({ "exec": exec })).to_string());
    folder
}

impl Folder {
    fn starts(&self) -> usize {
        fs_err::read_to_string(self.0.path().join("starts")).unwrap_or_default().lines().count()
    }
}

#[tokio::test]
async fn a_plugin_is_run_once_and_only_where_it_is_allowed() {
    let folder = with_plugin(r#"{"token":"t0k3n"}"#);
    let failure = folder.failure("alpha").await;
    assert_eq!(failure.kind, FailureKind::Refused);
    assert_eq!(folder.starts(), 0);
    let prepared = folder.prepare("alpha", true).await.unwrap();
    assert_eq!(token(&prepared).await, "t0k3n");
    assert_eq!(token(&prepared).await, "t0k3n");
    assert!(prepared.identity.exec.is_none());
    assert_eq!(folder.starts(), 1);
}

impl Folder {
    /// Adds a context `beta`: another user of another cluster, with the same plugin but for what `with` says.
    fn add_beta(&self, with: &Value) {
        let path = self.0.path().join("config");
        let mut config: Value = serde_json::from_str(&fs_err::read_to_string(&path).unwrap()).unwrap();
        let mut exec = config["users"][0]["user"]["exec"].clone();
        exec.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        let more = json!({
            "contexts": { "name": "beta", "context": { "cluster": "d", "user": "john" } },
            "clusters": { "name": "d", "cluster": { "server": "https://beta.contoso.com:6443" } },
            "users": { "name": "john", "user": { "exec": exec } },
        });
        for (list, entry) in more.as_object().unwrap() {
            config[list].as_array_mut().unwrap().push(entry.clone());
        }
        self.write("config", &config.to_string());
    }

    /// Both contexts at the same time.
    async fn prepare_both(&self) -> [Result<Prepared>; 2] {
        let (path, plugins) = (self.0.path().join("config"), Plugins::default());
        futures::join!(prepare(&path, "alpha", Some(&plugins)), prepare(&path, "beta", Some(&plugins))).into()
    }
}

#[tokio::test]
async fn a_plugin_is_run_once_for_all_contexts_that_name_it_alike() {
    let folder = with_plugin(r#"{"token":"t0k3n"}"#);
    folder.add_beta(&json!({ "provideClusterInfo": false, "installHint": "ask the platform team" }));
    for prepared in folder.prepare_both().await {
        assert_eq!(token(&prepared.unwrap()).await, "t0k3n");
    }
    assert_eq!(folder.starts(), 1);
}

#[tokio::test]
async fn a_plugin_that_is_run_otherwise_is_another_one() {
    for with in [
        json!({ "args": [] }),
        json!({ "env": [{ "name": "CLUSTER", "value": "beta" }] }),
        json!({ "provideClusterInfo": true }),
        json!({ "apiVersion": "client.authentication.k8s.io/v1beta1" }),
    ] {
        let folder = with_plugin(r#"{"token":"t0k3n"}"#);
        let mut all = with.clone();
        // A shell without arguments would wait for nothing and print nothing: it is a failure of `beta` alone.
        let works = all.get("args").is_none() && all.get("apiVersion").is_none();
        all.as_object_mut().unwrap().entry("args").or_insert(json!([folder.0.path().join("script")]));
        folder.add_beta(&all);
        let [alpha, beta] = folder.prepare_both().await;
        assert!(alpha.is_ok(), "{with}");
        assert_eq!(beta.is_ok(), works, "{with}");
        assert_eq!(folder.starts(), if with.get("args").is_some() { 1 } else { 2 }, "{with}");
    }
}

#[tokio::test]
async fn a_plugin_that_fails_is_not_run_for_every_cluster_and_each_hears_of_its_own() {
    let folder = with_plugin("{}");
    folder.add_beta(&json!({}));
    let said = folder.prepare_both().await.map(|prepared| {
        let what = prepared.err().unwrap().what.replace(&format!("{}/", folder.0.path().display()), "");
        what.replacen("./", "", 1)
    });
    assert_eq!(folder.starts(), 1);
    let of = |context| {
        format!(
            "the credential plugin `plugin` of the user of context `{context}` in config gave neither a token nor a \
             client certificate"
        )
    };
    assert_eq!(said, ["alpha", "beta"].map(of));
}

#[tokio::test]
async fn a_shared_plugin_that_fails_later_is_each_context_s_own() {
    let folder = with_plugin(r#"{"token":"t0k3n","expirationTimestamp":"2001-01-01T00:00:00Z"}"#);
    folder.add_beta(&json!({}));
    let both = folder.prepare_both().await;
    assert_eq!(folder.starts(), 1);
    folder.write("script", "exit 1");
    for (prepared, context) in both.into_iter().zip(["alpha", "beta"]) {
        let failure = prepared.unwrap().tokens.unwrap().token().await.unwrap_err();
        assert!(failure.what.contains(&format!("of the user of context `{context}` in ")), "{failure}");
        assert!(failure.what.contains(" failed (exit status: 1)"), "{failure}");
    }
}

#[tokio::test]
async fn a_plugin_is_run_again_when_its_token_has_ended() {
    let folder = with_plugin(r#"{"token":"t0k3n","expirationTimestamp":"2001-01-01T00:00:00Z"}"#);
    let prepared = folder.prepare("alpha", true).await.unwrap();
    assert_eq!(folder.starts(), 1);
    token(&prepared).await;
    assert_eq!(folder.starts(), 2);
}

#[tokio::test]
async fn a_client_certificate_of_a_plugin_becomes_the_identity() {
    let folder = with_plugin(r#"{"clientCertificateData":"cert","clientKeyData":"key"}"#);
    let prepared = folder.prepare("alpha", true).await.unwrap();
    assert!(prepared.tokens.is_none());
    assert_eq!(prepared.identity.client_certificate_data.as_deref(), Some("Y2VydA=="));
    assert_eq!(prepared.identity.client_key_data.unwrap().expose_secret(), "a2V5");
}
