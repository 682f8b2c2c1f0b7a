//! A credential of the applier for each way in which a program may sign in, as variables and files.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use super::Sandbox;
use super::graph::{certificate, issuer, managed_identity, token};

/// The folder in a sandbox's folder that holds them.
const FOLDER: &str = "credentials";
/// How long a token in a file or a variable is good.
const LIFE: SignedDuration = SignedDuration::from_hours(1);

type Variables = BTreeMap<String, String>;

impl Sandbox {
    /// The variables for each source, by the source's name. Tokens and keys that belong into files are written into the
    /// sandbox's folder, readable by their owner only; tokens are good for an hour.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn credentials(&self) -> io::Result<BTreeMap<&'static str, Variables>> {
        let access = self.access();
        let folder = self.folder.join(FOLDER);
        fs_err::create_dir_all(&folder)?;
        let (app, job) =
            self.tenant.read(|tenant| (tenant.apps.get(&access.client_id).cloned(), token::job_token(tenant)));
        let workload = self.assertion(Timestamp::now() + LIFE);
        let workload = workload.expose_secret();
        let token_file = write(&folder, "workload-token", workload)?;
        let registered = app.as_ref().and_then(|app| app.certificates.first());
        let certificate = registered.map(certificate::with_key).unwrap_or_default();
        let certificate_file = write(&folder, "client-certificate.pem", &certificate)?;
        let at = |origin: &url::Url, path: &str| format!("{}{path}", origin.as_str().trim_end_matches('/'));

        let tenant = ("AZURE_TENANT_ID", access.tenant_id.to_string());
        let client = ("AZURE_CLIENT_ID", access.client_id.to_string());
        let secret = access.client_secret.expose_secret().to_owned();
        let sources: [(&'static str, Vec<(&str, String)>); 8] = [
            ("client-secret", vec![tenant.clone(), client.clone(), ("AZURE_CLIENT_SECRET", secret)]),
            (
                "client-certificate",
                vec![
                    tenant.clone(),
                    client.clone(),
                    ("AZURE_CLIENT_CERTIFICATE_PATH", certificate_file.display().to_string()),
                ],
            ),
            ("client-assertion", vec![tenant.clone(), client.clone(), ("AZURE_CLIENT_ASSERTION", workload.to_owned())]),
            (
                "workload-identity",
                vec![tenant.clone(), client.clone(), ("AZURE_FEDERATED_TOKEN_FILE", token_file.display().to_string())],
            ),
            (
                "github-actions",
                vec![
                    tenant.clone(),
                    client.clone(),
                    ("ACTIONS_ID_TOKEN_REQUEST_URL", at(&access.login, issuer::GITHUB)),
                    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", job.clone()),
                ],
            ),
            (
                "azure-pipelines",
                vec![
                    ("AZURESUBSCRIPTION_TENANT_ID", access.tenant_id.to_string()),
                    ("AZURESUBSCRIPTION_CLIENT_ID", access.client_id.to_string()),
                    ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", issuer::SERVICE_CONNECTION.to_owned()),
                    ("SYSTEM_OIDCREQUESTURI", at(&access.login, issuer::PIPELINES)),
                    ("SYSTEM_ACCESSTOKEN", job.clone()),
                ],
            ),
            // The virtual machine's own identity; app-service.env is the other half of this source.
            ("managed-identity", vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", at(&access.machine, ""))]),
            (
                "app-service",
                vec![
                    ("IDENTITY_ENDPOINT", at(&access.machine, managed_identity::APP_SERVICE)),
                    ("IDENTITY_HEADER", job),
                ],
            ),
        ];
        let named = |(name, value): (&str, String)| (name.to_owned(), value);
        Ok(sources
            .into_iter()
            .map(|(source, variables)| (source, variables.into_iter().map(named).collect()))
            .collect())
    }

    /// Writes each of [`Sandbox::credentials`] as a file of variables that a shell reads; gives the folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_credentials(&self) -> io::Result<PathBuf> {
        let folder = self.folder.join(FOLDER);
        for (source, variables) in self.credentials()? {
            let auth = if source == "app-service" { "managed-identity" } else { source };
            let lines: Vec<_> = variables.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
            let text = format!("ROLECALL_AUTH={auth}\n{}", lines.concat());
            write(&folder, &format!("{source}.env"), &text)?;
        }
        Ok(folder)
    }
}

/// A temporary file is readable by its owner only, and stays so when it takes its place.
fn write(folder: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    let path = folder.join(name);
    file.persist(&path).map_err(|error| error.error)?;
    Ok(path)
}
