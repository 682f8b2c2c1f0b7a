//! Where tokens go is not said by what is committed with the access files.

use crate::common::World;
use crate::repository::Versions;

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\nclusters:\n- {name: c, cluster: {server: 'https://127.0.0.1:1'}}\nusers:\n- {name: u, \
                          user: {token: t}}\ncontexts:\n- {name: alpha, context: {cluster: c, user: u}}\n";

fn with_committed(files: &[(&str, &str)]) -> Versions {
    let world = World::with_example("quickstart");
    for (name, text) in files {
        world.write(name, text);
    }
    let mut versions = Versions::of(world);
    versions.commit("Erin", "access: first");
    versions
}

#[test]
fn what_is_committed_beside_the_access_files_says_no_place() {
    // `more/` is committed as `access/` is.
    let server = "environments:\n  alpha: { kubeconfig: ../kubeconfig }\n";
    let versions = with_committed(&[
        ("more/connections.yaml", server),
        ("more/kubeconfig", KUBECONFIG),
        ("more/ca.pem", ""),
        ("kubeconfig", KUBECONFIG),
        ("own.yaml", "environments:\n  alpha: { kubeconfig: more/kubeconfig }\n"),
        ("own-ca.yaml", "entra: { ca-file: more/ca.pem }\n"),
    ]);
    let world = &versions.world;
    for (line, what) in [
        (&["--connections", "more/connections.yaml"][..], "a connections file"),
        (&["--kubeconfig", "more/kubeconfig"], "a kubeconfig"),
        (&["--connections", "own.yaml"], "a kubeconfig"),
        (&["--connections", "own-ca.yaml"], "a CA"),
    ] {
        for command in [
            &["plan", "access"][..],
            &["plan", "access", "--base", "main"],
            &["doctor", "access"],
            &["drift", "access"],
        ] {
            let ran =
                world.run_with(&[command, line].concat(), &[("AZURE_CLIENT_ID", "a"), ("AZURE_CLIENT_SECRET", "b")]);
            let said = ran.all().split_whitespace().collect::<Vec<_>>().join(" ");
            assert_ne!(ran.code, 0, "{command:?} {line:?}: {said}");
            let expected = format!("{what} must lie outside what is committed in the repository of the access files");
            assert!(said.contains(&expected), "{command:?} {line:?}: {said}");
            assert!(said.contains("git rm --cached"), "{command:?} {line:?}: {said}");
        }
    }
    let ran = world.run_with(&["plan", "access"], &[("ROLECALL_CONNECTIONS", "more/connections.yaml")]).exits(1);
    assert!(ran.stderr.contains("a connections file must lie outside"), "{}", ran.stderr);
}

#[test]
fn what_git_does_not_hold_is_the_engineer_s_own() {
    let versions = with_committed(&[
        ("own.yaml", "environments:\n  alpha: { kubeconfig: kubeconfig }\n"),
        ("kubeconfig", KUBECONFIG),
    ]);
    let ran = versions.world.run(&["plan", "access", "--connections", "own.yaml"]).exits(1);
    assert!(!ran.stderr.contains("must lie outside"), "{}", ran.stderr);
}
