//! Of what could not be read, nobody knows whether it is as expected; and that is no success.

use rolecall::sandbox::{Fault, Faults, Rule};

use super::place::Place;

const SEED: &str = r#"
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users: [{ user-principal-name: mallory@contoso.com }]
groups:
  - { display-name: legacy, id: "11111111-1111-4111-8111-000000000001", members: [mallory@contoso.com] }
clusters:
  alpha:
    uid: 5c1e8a77-0f4d-4b2a-9c3e-6d7f8a9b0c1d
    namespaces: { trinity: {} }
    bindings:
      - { name: legacy, namespace: trinity, cluster-role: admin, subjects: [{ group: "11111111-1111-4111-8111-000000000001" }] }
"#;

const FILES: &str = "version: 1
name: contoso-platform
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments: { alpha: { type: k3s, cluster: 5c1e8a77-0f4d-4b2a-9c3e-6d7f8a9b0c1d } }
expectations:
  - { user: mallory@contoso.com, environments: [alpha], cannot: [delete pods in trinity] }
";

#[test]
fn a_group_that_could_not_be_read_is_no_success() {
    let mut place = Place::seeded(SEED);
    place.world.write("access/rolecall.yaml", FILES);
    let rule = Rule {
        fault: Fault::Unavailable { status: 503, retry_after_ms: None, after_work: false },
        on: None,
        methods: Vec::new(),
        path: Some("transitiveMembers".to_owned()),
        percent: 100,
        after: 0,
        times: None,
    };
    place.serve(Faults { rules: vec![rule], ..Faults::default() });
    let ran = place.run(&["plan", "access"]).exits(1);
    assert!(
        ran.stdout.contains("whether mallory@contoso.com can delete pods in trinity on alpha is not known"),
        "{}",
        ran.all()
    );
    let _ = place.run(&["plan", "access", "--allow-unreachable", "alpha"]).exits(0);
    place.stop();
}
