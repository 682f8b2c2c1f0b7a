//! The invented company: its access files, in the shape that every figure here is about.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Access files beside the root file.
pub(crate) const FILES: usize = 100;
/// Environments.
pub(crate) const ENVIRONMENTS: usize = 200;
/// Environments in which each group is bound.
pub(crate) const BOUND_IN: usize = 2;
/// Namespaces of each environment.
pub(crate) const NAMESPACES: usize = 10;
/// Roles of the files, which stand for the `ClusterRole`s of these names.
pub(crate) const ROLES: [&str; 3] = ["view", "edit", "admin"];
/// So many groups hold the same person.
const GROUPS_OF_ONE: usize = 20;

/// How large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) groups: usize,
    pub(crate) members: usize,
}

impl Shape {
    /// The access files: path and text.
    pub(crate) fn files(self) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::from([("rolecall.yaml".to_owned(), root())]);
        for file in 0..FILES {
            let (mut groups, mut grants) = (String::new(), String::new());
            for number in (0..self.groups).filter(|number| number * FILES / self.groups.max(FILES) == file) {
                self.group(number, &mut groups);
                grant(number, &mut grants);
            }
            texts.insert(format!("teams/team-{file:03}.yaml"), format!("groups:\n{groups}\ngrants:\n{grants}"));
        }
        texts
    }

    /// How many people there are.
    pub(crate) fn people(self) -> usize {
        (self.groups * self.members / GROUPS_OF_ONE).max(2 * self.members).max(1)
    }

    fn group(self, number: usize, text: &mut String) {
        let owner = person(number * 31 % self.people());
        let _ =
            write!(text, "  {}:\n    description: Group {number}\n    owners: [{owner}]\n    members:\n", key(number));
        for turn in 0..self.members {
            // A step without a common factor with the number of people meets nobody twice.
            let _ = writeln!(text, "      - {}", person((number * 7919 + turn * 13) % self.people()));
        }
    }
}

/// What the files call a group.
fn key(number: usize) -> String {
    format!("group-{number:05}")
}

/// A user principal name.
pub(crate) fn person(number: usize) -> String {
    format!("first.last.{number:05}@contoso.com")
}

pub(crate) fn namespace(number: usize) -> String {
    format!("space-{}", number % NAMESPACES)
}

/// The id of whatever has this number among its kind.
pub(crate) fn id(kind: u8, number: usize) -> uuid::Uuid {
    uuid::Uuid::from_u128((u128::from(kind) << 120) | (4 << 76) | (8 << 60) | number as u128)
}

fn root() -> String {
    let mut text =
        format!("version: 1\nname: scale\ntenant: {{ id: {} }}\nappliers: [{}]\n\nroles:\n", id(1, 0), id(2, 0));
    for role in ROLES {
        let _ = writeln!(text, "  {role}: {{ cluster-role: {role} }}");
    }
    text.push_str("\nenvironments:\n");
    for number in 0..ENVIRONMENTS {
        let _ = writeln!(text, "  {}: {{ type: k3s, cluster: {} }}", environment(number), id(3, number));
    }
    text
}

fn environment(number: usize) -> String {
    format!("env-{number:03}")
}

fn grant(number: usize, text: &mut String) {
    let bound = (0..BOUND_IN).map(|turn| environment((number * BOUND_IN + turn) % ENVIRONMENTS));
    let _ = writeln!(
        text,
        "  - {{ groups: [{}], roles: [{}], environments: [{}], namespaces: [{}] }}",
        key(number),
        ROLES[number % ROLES.len()],
        bound.collect::<Vec<_>>().join(", "),
        namespace(number),
    );
}
