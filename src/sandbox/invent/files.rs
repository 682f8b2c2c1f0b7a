//! The access files of an invented company.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Asked, CONFIG, Grant, cluster_role, team_name};
use crate::sandbox::graph::state::Kind;
use crate::sandbox::seed::{Seed, SeedGroup, SeedPrincipal};
use crate::state::AppId;

/// Everything the files are made of.
pub(super) struct Files<'i> {
    pub(super) seed: &'i Seed,
    pub(super) applier: AppId,
    pub(super) asked: &'i [Asked],
    pub(super) outside: &'i [SeedGroup],
    pub(super) grants: &'i [Grant],
}

/// A text as YAML reads it back, whatever is in it: a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Files<'_> {
    /// Path and text of each. Writing into a `String` cannot fail, so what it returns is not looked at.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::from([
            ("rolecall.yaml".to_owned(), self.root()),
            ("environments.yaml".to_owned(), self.environments()),
        ]);
        let mut teams: BTreeMap<usize, (String, String)> = BTreeMap::new();
        for (asked, grant) in self.asked.iter().zip(self.grants) {
            let (groups, grants) = teams.entry(asked.team).or_default();
            group(groups, asked);
            let _ = writeln!(
                grants,
                "  - {{ groups: [{}], roles: [{}], environments: [{}], namespaces: [{}] }}",
                grant.key, grant.role, grant.environment, grant.namespace
            );
        }
        for (team, (groups, grants)) in teams {
            texts.insert(format!("teams/{}.yaml", team_name(team)), format!("groups:\n{groups}\ngrants:\n{grants}"));
        }
        texts
    }

    fn root(&self) -> String {
        let mut text = format!(
            "# Made by `rolecall sandbox init`. Nothing in it is real.\nversion: 1\nname: {CONFIG}\ntenant: {{ id: {}, \
             pim: none }}\nappliers: [{}]\n\nroles:\n",
            self.seed.tenant_id(),
            self.applier
        );
        for role in ["read-only", "edit"] {
            let _ = writeln!(text, "  {role}: {{ cluster-role: {} }}", cluster_role(role));
        }
        // Groups of others are referred to, and never changed.
        let readable = self.outside.iter().enumerate().filter(|(_, group)| group.kind == Kind::Synced);
        let mut readable = readable.filter_map(|(number, group)| Some((number, group.id?))).peekable();
        if readable.peek().is_some() {
            text.push_str("\ngroups:\n");
        }
        for (number, id) in readable {
            let _ = writeln!(text, "  on-premises-{}: {{ id: {id} }}", number + 1);
        }
        text
    }

    fn environments(&self) -> String {
        let mut text = "environments:\n".to_owned();
        for name in self.seed.clusters.keys() {
            let stage = if name.as_str().starts_with("edge") { "prod" } else { name.as_str() };
            let _ = writeln!(
                text,
                "  {name}: {{ type: k3s, labels: {{ stage: {stage} }}, cluster: {} }}",
                self.seed.cluster_uid(name)
            );
        }
        text
    }
}

fn group(text: &mut String, asked: &Asked) {
    let group = &asked.group;
    let _ = writeln!(text, "  {}:", asked.key);
    if group.display_name != asked.key.as_str() {
        let _ = writeln!(text, "    display-name: {}", quoted(&group.display_name));
    }
    if let Some(description) = &group.description {
        let _ = writeln!(text, "    description: {}", quoted(description));
    }
    let owners = group.owners.iter().filter_map(|owner| match owner {
        SeedPrincipal::User(name) => Some(quoted(name)),
        SeedPrincipal::Guest(_) | SeedPrincipal::Group(_) | SeedPrincipal::ServicePrincipal(_) => None,
    });
    let _ = writeln!(text, "    owners: [{}]", owners.collect::<Vec<_>>().join(", "));
    let _ = writeln!(text, "    members:");
    for member in &group.members {
        let _ = match member {
            SeedPrincipal::User(name) => writeln!(text, "      - {}", quoted(name)),
            SeedPrincipal::Guest(mail) => writeln!(text, "      - {{ guest: {} }}", quoted(mail)),
            SeedPrincipal::ServicePrincipal(app) => writeln!(text, "      - {{ service-principal: {app} }}"),
            // Groups are named by their keys below.
            SeedPrincipal::Group(_) => Ok(()),
        };
    }
    for key in &asked.nested {
        let _ = writeln!(text, "      - {{ group: {key} }}");
    }
    if group.members.is_empty() {
        text.truncate(text.trim_end().len());
        text.push_str(" []\n");
    }
}
