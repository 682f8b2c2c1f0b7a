//! Credential plugins (`exec` in a kubeconfig): a program that prints an `ExecCredential`.
//!
//! The contract is client-go's, versions `client.authentication.k8s.io/v1` and `v1beta1`.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kube::config::{Cluster, ExecConfig, ExecInteractiveMode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::providers::http::excerpt;
use crate::state::{Failure, FailureKind, Result};

mod shared;

pub use shared::Plugins;
pub(super) use shared::Shared;

pub(super) const V1: &str = "client.authentication.k8s.io/v1";
/// What every version starts with.
const FAMILY: &str = "client.authentication.k8s.io/";
const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";
/// The variable in which a plugin finds what it is asked for.
const INFO_VARIABLE: &str = "KUBERNETES_EXEC_INFO";
/// The name of the cluster extension that is meant for plugins.
const EXTENSION: &str = "client.authentication.k8s.io/exec";

/// How long a plugin may take that asks nobody.
const SILENT_LIMIT: Duration = Duration::from_secs(60);
/// How long a plugin may take that waits for a person.
const INTERACTIVE_LIMIT: Duration = Duration::from_secs(300);
/// The most that is read of what a plugin prints, in bytes.
const LARGEST_OUTPUT: u64 = 1 << 20;

/// Only one plugin at a time may talk to the person at the terminal.
static TERMINAL: Mutex<()> = Mutex::const_new(());

/// A plugin, ready to be run.
pub(super) struct Plugin {
    command: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    version: &'static str,
    interactive: bool,
    info: String,
    install_hint: Option<String>,
    /// Where it is named, for messages.
    place: String,
    limit: Duration,
}

/// What a plugin gave.
pub(super) struct Credential {
    pub(super) token: Option<SecretString>,
    /// A client certificate and its key, as PEM.
    pub(super) certificate: Option<(String, SecretString)>,
    pub(super) expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    api_version: String,
    status: Option<PrintedStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PrintedStatus {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Plugin {
    /// Checks the `exec` section. `terminal` tells whether a person can be asked on standard input.
    pub(super) fn new(
        exec: &ExecConfig,
        cluster: &Cluster,
        authority: Option<&[u8]>,
        place: &str,
        terminal: bool,
    ) -> Result<Self> {
        let invalid =
            |what: &str| Failure::new(FailureKind::Invalid, format!("the credential plugin of {place} {what}"));
        let command =
            exec.command.clone().filter(|command| !command.is_empty()).ok_or_else(|| invalid("has no command"))?;
        let version = match exec.api_version.as_deref() {
            Some(V1) => V1,
            Some(V1BETA1) => V1BETA1,
            Some(other) => {
                let what = format!("has the apiVersion `{}`", excerpt(other));
                return Err(invalid(&what).with_next(format!("use {V1}")));
            }
            None => return Err(invalid("has no apiVersion").with_next(format!("use {V1}"))),
        };
        let mode = match &exec.interactive_mode {
            Some(mode) => mode.clone(),
            None if version == V1 => {
                return Err(
                    invalid("has no interactiveMode, which v1 demands").with_next("set it to Never or IfAvailable")
                );
            }
            None => ExecInteractiveMode::IfAvailable,
        };
        if mode == ExecInteractiveMode::Always && !terminal {
            let what = format!("the credential plugin of {place} must ask a person, and there is no terminal");
            return Err(Failure::new(FailureKind::Unauthenticated, what)
                .with_next("use a credential that needs nobody here, e.g. a workload identity"));
        }
        let interactive = terminal && mode != ExecInteractiveMode::Never;
        let mut spec = json!({ "interactive": interactive });
        if exec.provide_cluster_info
            && let Some(spec) = spec.as_object_mut()
        {
            spec.insert("cluster".to_owned(), cluster_info(cluster, authority));
        }
        let info = json!({ "kind": "ExecCredential", "apiVersion": version, "spec": spec }).to_string();
        let environment = exec
            .env
            .iter()
            .flatten()
            .filter_map(|entry| Some((entry.get("name")?.clone(), entry.get("value")?.clone())))
            .collect();
        Ok(Self {
            command,
            arguments: exec.args.clone().unwrap_or_default(),
            environment,
            version,
            interactive,
            info,
            install_hint: exec.install_hint.clone(),
            place: place.to_owned(),
            limit: if interactive { INTERACTIVE_LIMIT } else { SILENT_LIMIT },
        })
    }

    /// The failure for a kubeconfig that may not have anything run.
    pub(super) fn not_allowed(&self) -> Failure {
        let what = format!("{} wants to run the program `{}` for a credential", self.place, excerpt(&self.command));
        Failure::new(FailureKind::Refused, what).with_next(
            "plugins run only from $KUBECONFIG or your own kubeconfig; if you trust this file, add --allow-exec",
        )
    }

    /// "the credential plugin `…` of … went wrong".
    pub(super) fn failure(&self, what: &str) -> Failure {
        Failure::new(FailureKind::Unauthenticated, format!("{} {what}", self.subject()))
    }

    /// What every failure of it begins with.
    fn subject(&self) -> String {
        format!("the credential plugin `{}` of {}", excerpt(&self.command), self.place)
    }

    /// Runs the plugin once.
    pub(super) async fn run(&self) -> Result<Credential> {
        let _person = if self.interactive { Some(TERMINAL.lock().await) } else { None };
        let printed = timeout(self.limit, self.output())
            .await
            .unwrap_or_else(|_| Err(self.failure(&format!("did not end within {} s", self.limit.as_secs_f32()))))?;
        self.read(&printed)
    }

    async fn output(&self) -> Result<Vec<u8>> {
        let mut command = Command::new(&self.command);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(INFO_VARIABLE, &self.info)
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if self.interactive {
            command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
        } else {
            command.stdin(Stdio::null()).stderr(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|error| {
            let failure = self.failure(&format!("cannot be started: {error}"));
            match &self.install_hint {
                Some(hint) => failure.with_next(excerpt(hint)),
                None => failure.with_next("install it, or check `command` in the kubeconfig"),
            }
        })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (printed, complaint) = tokio::join!(bounded(stdout), bounded(stderr));
        let status = child.wait().await.map_err(|error| self.failure(&format!("cannot be waited for: {error}")))?;
        if !status.success() {
            // The end of what it said is where the reason stands.
            let complaint = String::from_utf8_lossy(&complaint);
            let tail: Vec<char> = complaint.trim_end().chars().rev().take(300).collect();
            let tail = excerpt(&tail.into_iter().rev().collect::<String>());
            let said = if tail.is_empty() { String::new() } else { format!(": {tail}") };
            return Err(self
                .failure(&format!("failed ({status}){said}"))
                .with_next("run it by hand to see what it needs"));
        }
        if printed.len() as u64 > LARGEST_OUTPUT {
            return Err(self.failure("printed more than 1 MiB"));
        }
        Ok(printed)
    }

    /// Reads what the plugin printed. No message repeats any of it: it holds the credential.
    pub(super) fn read(&self, printed: &[u8]) -> Result<Credential> {
        let printed: Printed = serde_json::from_slice(printed).map_err(|error| {
            self.failure(&format!("printed no ExecCredential (line {}, column {})", error.line(), error.column()))
        })?;
        if printed.kind != "ExecCredential" {
            return Err(self.failure("printed no ExecCredential"));
        }
        if printed.api_version != self.version {
            // Anything else may be what was meant for another key.
            let is_version = printed.api_version.starts_with(FAMILY) && printed.api_version.len() < 64;
            let spoken = if is_version { excerpt(&printed.api_version) } else { "another version".to_owned() };
            let what = format!("answered as `{spoken}` to a question as `{}`", self.version);
            return Err(self.failure(&what).with_next("set `apiVersion` in the kubeconfig to the one that it speaks"));
        }
        let Some(status) = printed.status else {
            return Err(self.failure("printed an ExecCredential without status"));
        };
        let expires = match status.expiration_timestamp.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => {
                Some(text.parse().map_err(|_| self.failure("gave an end of its credential that is no time"))?)
            }
            None => None,
        };
        let token = status.token.filter(|token| !token.is_empty()).map(SecretString::from);
        let certificate = match (status.client_certificate_data, status.client_key_data) {
            (Some(certificate), Some(key)) => Some((certificate, SecretString::from(key))),
            (None, None) => None,
            _ => return Err(self.failure("gave only one of a client certificate and its key")),
        };
        if token.is_none() && certificate.is_none() {
            return Err(self.failure("gave neither a token nor a client certificate"));
        }
        Ok(Credential { token, certificate, expires })
    }
}

/// Reads to the end, keeping at most one byte more than is allowed.
async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        // What cannot be read any more counts as the end: the exit status tells whether it matters.
        let _ = (&mut stream).take(LARGEST_OUTPUT + 1).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    kept
}

/// `spec.cluster`: what a plugin may want to know about the cluster, with client-go's keys.
fn cluster_info(cluster: &Cluster, authority: Option<&[u8]>) -> Value {
    let mut info = serde_json::Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            info.insert(key.to_owned(), value);
        }
    };
    put("server", cluster.server.clone().map(Value::from));
    put("tls-server-name", cluster.tls_server_name.clone().map(Value::from));
    put("certificate-authority-data", authority.map(|pem| Value::from(STANDARD.encode(pem))));
    put(
        "config",
        cluster
            .extensions
            .iter()
            .flatten()
            .find(|extension| extension.name == EXTENSION)
            .map(|extension| extension.extension.clone()),
    );
    Value::Object(info)
}

// The tests start a shell script.
#[cfg(all(test, unix))]
mod tests;
