//! Azure CLI reads back from the sandbox's Graph what rolecall applied.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::served::Served;

/// Azure CLI with a configuration folder of its own.
struct AzureCli {
    program: PathBuf,
    folder: PathBuf,
    ca: PathBuf,
}

impl AzureCli {
    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .env("AZURE_CONFIG_DIR", &self.folder)
            .env("AZURE_CORE_COLLECT_TELEMETRY", "0")
            .env("REQUESTS_CA_BUNDLE", &self.ca)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "az {arguments:?}\n{}\n{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let mut lines: Vec<String> = self.run(arguments).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

impl AzureCli {
    /// Signs in to a sandbox as its applier.
    fn signed_in(program: &str, folder: PathBuf, served: &Served) -> Self {
        let az = Self { program: PathBuf::from(program), folder, ca: served.file("ca.pem") };
        let (tenant, client, secret) = (
            served.credential("AZURE_TENANT_ID"),
            served.credential("AZURE_CLIENT_ID"),
            served.credential("AZURE_CLIENT_SECRET"),
        );
        let endpoint = served.credential("ROLECALL_SANDBOX_URL");
        az.run(&["cloud", "register", "-n", "Sandbox", "--endpoint-resource-manager", &endpoint]);
        az.run(&["cloud", "set", "-n", "Sandbox"]);
        az.run(&["config", "set", "core.instance_discovery=false", "--only-show-errors"]);
        let login = ["login", "--service-principal", "--allow-no-subscriptions"];
        az.run(&[&login[..], &["-u", &client, "-p", &secret, "--tenant", &tenant]].concat());
        az
    }
}

#[test]
#[ignore = "needs the real components: run tests/run"]
fn rolecall_reads_as_whoever_is_logged_in_to_azure_cli() {
    let az = real!("ROLECALL_REAL_AZ");
    let folder = tempfile::tempdir().unwrap();
    let sandbox = folder.path().join("sandbox");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let rolecall = || {
        let mut rolecall = Command::new(env!("CARGO_BIN_EXE_rolecall"));
        rolecall.arg("plan").arg(&example).env_clear();
        rolecall
    };
    let planned = rolecall().arg("--sandbox").arg(&sandbox).output().unwrap();
    assert!(planned.status.success(), "{}", String::from_utf8_lossy(&planned.stderr));

    let served = Served::start(&sandbox);
    let az = AzureCli::signed_in(&az, folder.path().join("azure"), &served);
    let path = std::env::join_paths(
        std::iter::once(az.program.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    // Nothing but the login of `az` can be the credential.
    let planned = rolecall()
        .args(["--auth", "azure-cli", "--connections"])
        .arg(served.file("connections.yaml"))
        .env("PATH", path.unwrap())
        .env("HOME", &az.folder)
        .env("AZURE_CONFIG_DIR", &az.folder)
        .env("AZURE_CORE_COLLECT_TELEMETRY", "0")
        .env("REQUESTS_CA_BUNDLE", &az.ca)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&planned.stdout);
    assert!(planned.status.success(), "{text}\n{}", String::from_utf8_lossy(&planned.stderr));
    assert!(text.contains("k8s_dev_users") && !text.contains("Not read"), "{text}");
    assert_eq!(served.writes(), 0);
}

#[test]
#[ignore = "needs the real components: run tests/run"]
fn azure_cli_reads_back_what_was_applied() {
    let az = real!("ROLECALL_REAL_AZ");
    let folder = tempfile::tempdir().unwrap();
    let sandbox = folder.path().join("sandbox");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let applied = Command::new(env!("CARGO_BIN_EXE_rolecall"))
        .arg("apply")
        .arg(&example)
        .arg("--sandbox")
        .arg(&sandbox)
        .args(["--yes", "--journal"])
        .arg(folder.path().join("journal.jsonl"))
        .env_clear()
        .output()
        .unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));

    let served = Served::start(&sandbox);
    let az = AzureCli::signed_in(&az, folder.path().join("azure"), &served);

    let names = |what: &str, key: &str| {
        az.lines(&[
            "ad",
            "group",
            what,
            "list",
            "--group",
            "k8s_dev_users",
            "--query",
            &format!("[].{key}"),
            "-o",
            "tsv",
        ])
    };
    assert_eq!(names("member", "userPrincipalName"), ["hayden@contoso.com"]);
    assert!(names("owner", "userPrincipalName").contains(&"erin@contoso.com".to_owned()));
    let description =
        az.run(&["ad", "group", "show", "--group", "k8s_dev_users", "--query", "description", "-o", "tsv"]);
    let written = std::fs::read_to_string(example.join("rolecall.yaml")).unwrap();
    assert!(!description.trim().is_empty() && written.contains(description.trim()), "{description}");
}
