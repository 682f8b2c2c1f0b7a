//! examples/ci/two-apps.sh with an `az` of our own: what fails stops it, and says what to do.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::files::repository;

/// An Azure CLI that knows what the script asks for, writes down what it is asked, and fails where `FAILS` is in that.
const AZ: &str = r#"#!/bin/bash
echo "$*" >>"$ASKED"
if [[ -n ${FAILS-} && $* == *"$FAILS"* ]]; then echo "ERROR: $FAILS" >&2; exit 1; fi
case $* in
    "ad app create"*reader*) echo 11111111-1111-4111-8111-111111111111 ;;
    "ad app create"*writer*) echo 22222222-2222-4222-8222-222222222222 ;;
    "ad app show"* | rest*) [[ -z ${CONSENTED-} ]] || echo 33333333-3333-4333-8333-333333333333 ;;
    *appRoles*) echo 33333333-3333-4333-8333-333333333333 ;;
    "ad sp show --id 1"*"--query id"*) echo 44444444-4444-4444-8444-444444444444 ;;
    "ad sp show --id 2"*"--query id"*) echo 55555555-5555-4555-8555-555555555555 ;;
esac
"#;

struct Ran {
    good: bool,
    stdout: String,
    stderr: String,
    asked: String,
}

fn run(fails: &str) -> Ran {
    run_where(fails, &[])
}

fn run_where(fails: &str, more: &[(&str, &str)]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let (az, asked) = (folder.path().join("az"), folder.path().join("asked"));
    std::fs::write(&az, AZ).unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new("bash")
        .arg(repository().join("examples/ci/two-apps.sh"))
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .env("ASKED", &asked)
        .env("FAILS", fails)
        .env("TWO_APPS_WAIT", "0")
        .envs(more.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        good: output.status.success(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        asked: std::fs::read_to_string(asked).unwrap_or_default(),
    }
}

#[test]
fn two_apps_are_made_and_what_to_do_with_them_is_said() {
    let ran = run("");
    assert!(ran.good, "{}", ran.stderr);
    for line in [
        "ROLECALL_READER_CLIENT_ID  11111111-1111-4111-8111-111111111111",
        "ROLECALL_WRITER_CLIENT_ID  22222222-2222-4222-8222-222222222222",
        "kubectl apply -f permissions.yaml",
        "--user 44444444-4444-4444-8444-444444444444 --user 55555555-5555-4555-8555-555555555555",
    ] {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }
    assert_eq!(ran.asked.matches("ad app permission add").count(), 9, "{}", ran.asked);
    assert_eq!(ran.asked.matches("ad app permission admin-consent").count(), 2, "{}", ran.asked);
}

/// Whatever fails, nothing is said to be set up, and nothing comes after it.
#[test]
fn the_first_failure_ends_it_in_a_plain_line() {
    for (fails, said, never) in [
        ("account show", "nobody is signed in: run `az login", "ad app create"),
        ("ad app create --display-name rolecall-reader", "registering rolecall-reader failed", "rolecall-writer"),
        ("ad app create --display-name rolecall-writer", "registering rolecall-writer failed", "admin-consent"),
        ("appRoles", "looking for the permission Group.Read.All failed", "permission add"),
        ("permission add", "adding the permission Group.Read.All to rolecall-reader", "admin-consent"),
    ] {
        let ran = run(fails);
        assert!(!ran.good && ran.stdout.is_empty(), "{fails}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(&format!("two-apps.sh: {said}")), "{fails}: {}", ran.stderr);
        assert!(!ran.asked.contains(never), "{fails}: {}", ran.asked);
    }
}

/// Both apps are told all the same, so that somebody else can consent.
#[test]
fn a_consent_that_is_refused_is_no_success() {
    let ran = run("admin-consent");
    assert!(!ran.good && ran.stdout.contains("ROLECALL_WRITER_CLIENT_ID  2222"), "{}", ran.stdout);
    let next = "Ask a Privileged Role Administrator to run:
    az ad app permission admin-consent --id 11111111-1111-4111-8111-111111111111
    az ad app permission admin-consent --id 22222222-2222-4222-8222-222222222222\n";
    assert!(ran.stderr.ends_with(next), "{}", ran.stderr);
    assert_eq!(ran.asked.matches("admin-consent").count(), 12, "{}", ran.asked);
    // Once somebody has: whoever may not consent runs it again.
    let ran = run_where("admin-consent", &[("CONSENTED", "yes")]);
    assert!(ran.good && !ran.asked.contains("permission add"), "{}{}", ran.stderr, ran.asked);
}
