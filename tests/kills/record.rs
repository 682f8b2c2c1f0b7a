//! What a killed run leaves behind: a journal that can be read, has a line before everything that reached a server, and
//! holds no secret.

use std::collections::BTreeSet;
use std::path::Path;

use rolecall::apply::journal::{self, StepV1};
use rolecall::sandbox::RequestLog;
use rolecall::sandbox::log::{Call, GRAPH};

use crate::process::Served;
use crate::scenario::{CONFIG, RENAMED};
use crate::state::Names;

/// Everything that opens something in a sandbox.
pub(crate) fn secrets(served: &Served, sandbox: &Path) -> Vec<String> {
    let of_tenant = served.credentials().into_iter().filter(|(name, _)| name == "AZURE_CLIENT_SECRET");
    let kubeconfig: serde_json::Value =
        serde_json::from_slice(&std::fs::read(sandbox.join("kubeconfig")).unwrap()).unwrap();
    let users = kubeconfig["users"].as_array().unwrap().iter();
    let of_clusters = users.map(|user| user["user"]["token"].as_str().unwrap().to_owned());
    // How every token of the tenant begins.
    of_tenant.map(|(_, secret)| secret).chain(of_clusters).chain(["eyJ".to_owned()]).collect()
}

/// The requests that write, by the sandbox's log.
pub(crate) fn writes(sandbox: &Path) -> Vec<Call> {
    RequestLog::read(sandbox).unwrap().writes()
}

/// Checks the journal of a run that was killed. Gives how many requests were looked at.
pub(crate) fn check(file: &Path, writes: Vec<Call>, names: &Names, secrets: &[String]) -> Result<usize, String> {
    // Which items a batch had is not in the log when the batch was held before its work.
    let writes: Vec<Call> = writes.into_iter().filter(|call| !call.path.ends_with("/$batch")).collect();
    if !file.exists() {
        return if writes.is_empty() { Ok(0) } else { Err("there are writes and no journal".to_owned()) };
    }
    let text = std::fs::read_to_string(file).unwrap();
    if secrets.iter().any(|secret| text.contains(secret.as_str())) {
        return Err("a secret is in the journal".to_owned());
    }
    let record = match journal::read(file) {
        Ok(record) => record,
        // Killed while the first line was written: then nothing has been handed over.
        Err(journal::ReadError::NoHeader) if writes.is_empty() => return Ok(0),
        Err(error) => return Err(format!("the journal cannot be read: {error}")),
    };
    let begun: BTreeSet<&str> = record
        .steps
        .iter()
        .filter_map(|step| match step {
            StepV1::Begin { address, .. } => Some(address.as_str()),
            StepV1::End { .. } | StepV1::Summary(_) => None,
        })
        .collect();
    for call in &writes {
        let said = match wanted(call, names) {
            Wanted::Exactly(address) => begun.contains(address.as_str()),
            Wanted::Below(prefix) => begun.iter().any(|address| address.starts_with(&prefix)),
        };
        if !said {
            return Err(format!("no line of the journal stands before {} {}", call.method, call.path));
        }
    }
    Ok(writes.len())
}

enum Wanted {
    Exactly(String),
    /// Which of the changes it was is in the body, which the log does not keep.
    Below(String),
}

/// The change that a request makes.
fn wanted(call: &Call, names: &Names) -> Wanted {
    let path = call.path.split('?').next().unwrap_or_default();
    let path = percent_encoding::percent_decode_str(path).decode_utf8().unwrap();
    if call.server != GRAPH {
        let (_, rest) = path.split_once("/v1/").unwrap();
        let (namespace, rest) = match rest.strip_prefix("namespaces/") {
            Some(rest) => rest.split_once('/').map(|(namespace, rest)| (format!("{namespace}/"), rest)).unwrap(),
            None => (String::new(), rest),
        };
        let (kind, name) = rest.split_once('/').unwrap();
        return Wanted::Exactly(format!("{}/{}/{namespace}{name}", call.server, kind.trim_end_matches('s')));
    }
    let about = path.trim_start_matches("/v1.0").strip_prefix("/groups").unwrap_or_else(|| panic!("{path}"));
    if let Some(key) = about.strip_prefix("(uniqueName='") {
        let key = key.strip_prefix("rolecall.").and_then(|key| key.strip_prefix(CONFIG)).unwrap();
        return Wanted::Exactly(format!("entra/group/{}", key.trim_start_matches('.').trim_end_matches("')")));
    }
    let parts: Vec<&str> = about.trim_start_matches('/').split('/').collect();
    let key = names.of_id(parts[0]).unwrap_or_else(|| panic!("{path}"));
    // The key in the mark stays for good.
    let group = format!("entra/group/{}", if key == RENAMED.0 { RENAMED.1 } else { key });
    let Some(list) = parts.get(1).map(|list| list.trim_end_matches('s')) else { return Wanted::Below(group) };
    match parts.get(2).and_then(|id| names.of_id(id)).filter(|name| name.ends_with("@contoso.com")) {
        Some(user) => Wanted::Exactly(format!("{group}/{list}/{user}")),
        None => Wanted::Below(format!("{group}/{list}/")),
    }
}
