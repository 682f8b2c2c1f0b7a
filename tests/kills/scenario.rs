//! What is applied while it is killed: what there is before, and what the files ask for.

use std::fmt::Write as _;
use std::path::Path;

use crate::process::{rolecall, run};
use crate::state::fold;

/// The config's name, part of every mark.
pub(crate) const CONFIG: &str = "kills";
/// The adopted group's display name, which is its key as well.
pub(crate) const ADOPTED: &str = "on-call";

/// One of the four.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) seed: String,
    /// What was applied earlier, if anything was.
    pub(crate) before: Option<String>,
    pub(crate) after: String,
    /// Where somebody has something before and after, so that it can be missed in between.
    pub(crate) kept_in: &'static [&'static str],
    /// How many reads of a group that was written to may be behind.
    pub(crate) reads_behind: u32,
    /// Each so-many-th of all points is taken.
    pub(crate) stride: usize,
}

const HEAD: &str = "\
version: 1
name: kills
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, cloud: public, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
";

const TENANT: &str = "\
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
";

impl Scenario {
    pub(crate) fn all() -> [Self; 3] {
        [first_apply(), membership_change(), role_replacement()]
    }

    /// Those for an API server that others use too: the namespaces have names of their own.
    pub(crate) fn on_a_shared_cluster() -> [Self; 2] {
        let own = |text: &str| text.replace("trinity", "kills-trinity").replace("docs", "kills-docs");
        let replacement = role_replacement();
        let (seed, after) = (own(&replacement.seed), own(&replacement.after));
        let before = replacement.before.as_deref().map(own).unwrap();
        let first = Self {
            name: "first apply",
            seed: seed.clone(),
            before: None,
            after: before.clone(),
            kept_in: &[],
            ..role_replacement()
        };
        [first, Self { seed, before: Some(before), after, ..replacement }]
    }

    /// Fills `folder/sandbox` with what is there before, and `folder/access` with what is asked for.
    pub(crate) fn prepare(&self, folder: &Path) {
        std::fs::write(folder.join("seed.yaml"), &self.seed).unwrap();
        let made = run(&mut rolecall(folder, &["sandbox", "init", "sandbox", "--from", "seed.yaml"]));
        assert_eq!(made.code, Some(0), "{}", made.text);
        std::fs::create_dir(folder.join("access")).unwrap();
        let write = |text: &str| std::fs::write(folder.join("access/rolecall.yaml"), text).unwrap();
        if let Some(before) = &self.before {
            write(before);
            let applied = run(&mut rolecall(folder, &["apply", "access", "--sandbox", "sandbox", "--yes"]));
            assert_eq!(applied.code, Some(0), "{}", applied.text);
            fold(&folder.join("sandbox"));
        }
        write(&self.after);
        forget(&folder.join("sandbox"));
    }
}

/// Only the runs that come now are counted.
pub(crate) fn forget(sandbox: &Path) {
    std::fs::remove_file(sandbox.join("requests.jsonl")).unwrap();
}

/// Every kind of edge: users, guests, apps and groups as members, owners, an adopted and an external group, roles of both
/// kinds, bindings of both kinds.
fn first_apply() -> Scenario {
    let seed = format!(
        "{TENANT}users:
  - {{ user-principal-name: erin@contoso.com }}
  - {{ user-principal-name: hayden@contoso.com }}
  - {{ user-principal-name: lea@contoso.com }}
  - {{ user-principal-name: omar@contoso.com }}
  - {{ mail: ana@partner.example, guest: true }}
groups:
  - {{ id: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e, display-name: {ADOPTED}, members: [lea@contoso.com], owners: [erin@contoso.com] }}
  - {{ id: 3c2b1a09-8f7e-4d6c-9b5a-4f3e2d1c0b9a, display-name: all-staff, members: [erin@contoso.com] }}
service-principals:
  - {{ app-id: 2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819, display-name: pipelines }}
clusters:
  west: {{ namespaces: {{ trinity: {{}}, docs: {{}}, tools: {{ labels: {{ team: sre }} }} }} }}
  east: {{ namespaces: {{ trinity: {{}}, docs: {{}}, tools: {{ labels: {{ team: sre }} }} }} }}
"
    );
    let after = format!(
        "{HEAD}environments:
  west: {{ type: k3s, labels: {{ stage: dev }} }}
  east: {{ type: kubernetes, labels: {{ stage: staging }}, tokens: {{ groups-prefix: 'entra:', users-prefix: 'entra:' }} }}
groups:
  developers:
    description: Developers of trinity
    owners: [erin@contoso.com, lea@contoso.com]
    members:
      - hayden@contoso.com
      - {{ guest: ana@partner.example }}
      - {{ service-principal: 2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819 }}
      - {{ group: contractors }}
  contractors:
    owners: [erin@contoso.com]
    members: [{{ guest: ana@partner.example }}]
  operators:
    display-name: Operators of trinity
    owners: [erin@contoso.com]
    members: [omar@contoso.com, {{ group: developers }}, {{ group: {ADOPTED} }}]
  partners: {{ membership: external }}
  {ADOPTED}: {{ adopt: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e, description: On call, members: [omar@contoso.com] }}
  all-staff: {{ id: 3c2b1a09-8f7e-4d6c-9b5a-4f3e2d1c0b9a }}
roles:
  read-only: {{ cluster-role: view }}
  restarter: {{ rules: [{{ apiGroups: [apps], resources: [deployments], verbs: [get, list, patch] }}] }}
  log-reader: {{ rules: [{{ apiGroups: [''], resources: [pods/log], verbs: [get] }}] }}
  node-reader: {{ rules: [{{ apiGroups: [''], resources: [nodes], verbs: [get, list] }}] }}
grants:
  - {{ groups: [developers], roles: [read-only, log-reader], environments: [west, east], namespaces: [trinity] }}
  - {{ groups: [operators], roles: [node-reader], environments: [west], cluster-wide: true }}
  - {{ groups: [operators], roles: [log-reader], environments: [east], namespaces: {{ labels: {{ team: sre }} }} }}
  - {{ groups: [{ADOPTED}], roles: [restarter], environments: [west], namespaces: [trinity] }}
  - {{ groups: [partners, all-staff], roles: [read-only], environments: [west], namespaces: [docs] }}
  - {{ users: [lea@contoso.com], roles: [read-only], environments: [east], namespaces: [docs] }}
"
    );
    Scenario { name: "first apply", seed, before: None, after, kept_in: &["tenant"], reads_behind: 0, stride: 1 }
}

/// So many people are in each group, and the next ones after so many come for as many who go.
const MEMBERS: usize = 90;
const MOVED: usize = 65;

/// Hundreds of people come and go, owners too.
fn membership_change() -> Scenario {
    let groups = ["payments", "search", "data"];
    let mut seed = format!("{TENANT}users:\n");
    for number in 0..groups.len() * (MEMBERS + MOVED) {
        let _ = writeln!(seed, "  - {{ user-principal-name: p{number:03}@contoso.com }}");
    }
    seed.push_str("clusters: { west: { namespaces: { trinity: {} } } }\n");
    let files = |moved: usize| {
        let mut text = format!("{HEAD}environments:\n  west: {{ type: k3s }}\ngroups:\n");
        for (at, group) in groups.iter().enumerate() {
            let first = at * (MEMBERS + MOVED);
            let names = |from: usize, count: usize| {
                let names = (from..from + count).map(|number| format!("p{number:03}@contoso.com"));
                names.collect::<Vec<_>>().join(", ")
            };
            let owners = names(first + moved.min(2), 4);
            let mut members = names(first + moved, MEMBERS);
            // The group within another moves too.
            if (moved == 0 && at == 0) || (moved > 0 && at == 1) {
                members.push_str(", { group: data }");
            }
            let _ = writeln!(text, "  {group}:\n    owners: [{owners}]\n    members: [{members}]");
        }
        text.push_str(
            "roles:\n  read-only: { cluster-role: view }\ngrants:\n  - { groups: [payments, search, data], \
             roles: [read-only], environments: [west], namespaces: [trinity] }\n",
        );
        text
    };
    let (before, after) = (Some(files(0)), files(MOVED));
    Scenario {
        name: "membership change",
        seed,
        before,
        after,
        kept_in: &["tenant", "west"],
        reads_behind: 0,
        stride: 1,
    }
}

/// Bindings get another role: by another grant, by a role's new content, by its new name, because it is now needed in a
/// second namespace; and a role that stays gets other rules.
pub(crate) fn role_replacement() -> Scenario {
    let seed = format!(
        "{TENANT}users:
  - {{ user-principal-name: erin@contoso.com }}
  - {{ user-principal-name: hayden@contoso.com }}
  - {{ user-principal-name: omar@contoso.com }}
clusters:
  west: {{ namespaces: {{ trinity: {{}}, docs: {{}} }} }}
"
    );
    let before = format!(
        "{HEAD}environments:
  west: {{ type: k3s }}
groups:
  developers: {{ owners: [erin@contoso.com], members: [hayden@contoso.com] }}
  operators: {{ owners: [erin@contoso.com], members: [omar@contoso.com] }}
roles:
  viewing: {{ cluster-role: view }}
  changing: {{ cluster-role: edit }}
  content: {{ cluster-role: view }}
  restarter: {{ rules: [{{ apiGroups: [apps], resources: [deployments], verbs: [get, list, patch] }}] }}
  log-reader: {{ rules: [{{ apiGroups: [''], resources: [pods/log], verbs: [get] }}] }}
  node-reader: {{ rules: [{{ apiGroups: [''], resources: [nodes], verbs: [get, list] }}] }}
grants:
  - {{ groups: [developers], roles: [viewing], environments: [west], namespaces: [trinity] }}
  - {{ groups: [developers], roles: [content], environments: [west], namespaces: [docs] }}
  - {{ groups: [operators], roles: [restarter], environments: [west], namespaces: [trinity, docs] }}
  - {{ groups: [operators], roles: [log-reader], environments: [west], namespaces: [trinity] }}
  - {{ groups: [operators], roles: [node-reader], environments: [west], cluster-wide: true }}
"
    );
    let mut after = before.clone();
    for (from, to) in [
        ("roles: [viewing]", "roles: [changing]"),
        ("  viewing: { cluster-role: view }\n", ""),
        ("content: { cluster-role: view }", "content: { cluster-role: edit }"),
        ("restarter", "bouncer"),
        (
            "[log-reader], environments: [west], namespaces: [trinity]",
            "[log-reader], environments: [west], namespaces: [trinity, docs]",
        ),
        ("resources: [nodes]", "resources: [nodes, nodes/status]"),
    ] {
        assert!(after.contains(from), "{from}");
        after = after.replace(from, to);
    }
    let kept_in = &["tenant", "west"];
    Scenario { name: "role replacement", seed, before: Some(before), after, kept_in, reads_behind: 0, stride: 1 }
}

/// The key that a group had, and has afterwards.
pub(crate) const RENAMED: (&str, &str) = ("reviewers", "auditors");

/// Everything that happens to a company that was applied long ago, while reads are behind: people come, go and change places, a
/// group comes, one goes, one gets another key, one another name, and bindings get another role.
pub(crate) fn company_in_use() -> Scenario {
    let mut seed = format!("{TENANT}users:\n");
    for name in ["erin", "hayden", "lea", "omar", "kim", "sam"] {
        let _ = writeln!(seed, "  - {{ user-principal-name: {name}@contoso.com }}");
    }
    seed.push_str("clusters: { west: { namespaces: { trinity: {}, docs: {} } } }\n");
    let (old, new) = RENAMED;
    let roles = "roles:
  viewing: { cluster-role: view }
  changing: { cluster-role: edit }
";
    let before = format!(
        "{HEAD}environments:
  west: {{ type: k3s }}
groups:
  developers: {{ owners: [erin@contoso.com], members: [hayden@contoso.com, omar@contoso.com, {{ group: contractors }}] }}
  operators: {{ owners: [erin@contoso.com, lea@contoso.com], members: [omar@contoso.com] }}
  contractors: {{ owners: [erin@contoso.com], members: [sam@contoso.com] }}
  {old}: {{ owners: [lea@contoso.com], members: [lea@contoso.com, kim@contoso.com] }}
{roles}grants:
  - {{ groups: [developers], roles: [viewing], environments: [west], namespaces: [trinity] }}
  - {{ groups: [operators], roles: [changing], environments: [west], namespaces: [trinity] }}
  - {{ groups: [contractors], roles: [viewing], environments: [west], namespaces: [docs] }}
  - {{ groups: [{old}], roles: [viewing], environments: [west], namespaces: [docs] }}
"
    );
    let after = format!(
        "{HEAD}environments:
  west: {{ type: k3s }}
groups:
  developers: {{ owners: [erin@contoso.com], members: [hayden@contoso.com, kim@contoso.com, {{ group: newcomers }}] }}
  operators:
    display-name: Operators of trinity
    owners: [erin@contoso.com, kim@contoso.com]
    members: [omar@contoso.com, hayden@contoso.com]
  newcomers: {{ owners: [erin@contoso.com], members: [sam@contoso.com, omar@contoso.com] }}
  {new}: {{ previously: [{old}], owners: [lea@contoso.com], members: [lea@contoso.com, sam@contoso.com] }}
{roles}grants:
  - {{ groups: [developers], roles: [changing], environments: [west], namespaces: [trinity] }}
  - {{ groups: [operators], roles: [changing], environments: [west], namespaces: [trinity] }}
  - {{ groups: [newcomers], roles: [viewing], environments: [west], namespaces: [docs] }}
  - {{ groups: [{new}], roles: [viewing], environments: [west], namespaces: [docs] }}
"
    );
    let (before, kept_in) = (Some(before), ["tenant", "west"].as_slice());
    Scenario { name: "company in use, reads behind", seed, before, after, kept_in, reads_behind: 4, stride: 3 }
}
