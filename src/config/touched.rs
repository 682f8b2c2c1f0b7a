//! What stands on the lines that a change touches.

use std::collections::BTreeMap;

use super::load::ROOT_FILE;
use super::yaml::{self, Node, Value};
use crate::diagnostics::{SourceMap, Span};
use crate::state::{Lines, Touched};

/// The keys of a group under which people are listed.
const LISTS: [&str; 3] = ["members", "owners", "absent"];

/// What stands on these lines of the access files, by their paths. A file of which nothing is said has none.
///
/// An alias stands both where it is written and where what it repeats is.
pub fn touched(sources: &SourceMap, lines: &BTreeMap<String, Lines>) -> Touched {
    let mut touched =
        Touched { files: sources.iter().map(|(_, file)| file.path.clone()).collect(), ..Touched::default() };
    for (id, file) in sources.iter() {
        let Some(lines) = lines.get(&*file.path).filter(|lines| !lines.is_empty()) else { continue };
        let Some(root) = yaml::read(id, &file.text, &mut Vec::new()) else { continue };
        File { sources, lines }.add(&root, *file.path == *ROOT_FILE, &mut touched);
    }
    touched
}

struct File<'a> {
    sources: &'a SourceMap,
    lines: &'a Lines,
}

impl File<'_> {
    fn add(&self, root: &Node, is_root_file: bool, touched: &mut Touched) {
        for entry in root.all("groups").flat_map(Node::entries) {
            let Ok(key) = entry.key.value.parse() else { continue };
            if self.is_own(entry.key.span, &entry.value) {
                touched.groups.insert(key);
            }
            for list in LISTS.iter().filter_map(|list| entry.value.entry(list)) {
                // Where an alias stands, all that it repeats does.
                let is_touched_whole = is_alias(&list.value) && self.is_on(list.value.span);
                for item in list.value.items().iter().filter(|item| is_touched_whole || self.is_touched(item)) {
                    touched.entries.insert(self.sources.origin(item.head()));
                    touched.entries.insert(self.sources.origin(item.span));
                }
            }
        }
        for entry in root.all("roles").flat_map(Node::entries) {
            if let (Ok(key), true) = (entry.key.value.parse(), self.is_block(entry.key.span, &entry.value)) {
                touched.roles.insert(key);
            }
        }
        for entry in root.all("environments").flat_map(Node::entries) {
            if let (Ok(name), true) = (entry.key.value.parse(), self.is_block(entry.key.span, &entry.value)) {
                touched.environments.insert(name);
            }
        }
        for node in root.all("grants").flat_map(Node::items).filter(|node| self.is_touched(node)) {
            touched.grants.insert(self.sources.origin(node.head()));
            let replaced = node.get("replaces").map_or(&[][..], Node::items).iter();
            touched
                .entries
                .extend(replaced.filter(|item| self.is_touched(item)).map(|item| self.sources.origin(item.span)));
        }
        if is_root_file {
            let is_touched =
                |key: &str| root.entry(key).is_some_and(|entry| self.is_block(entry.key.span, &entry.value));
            touched.tenant |= is_touched("tenant");
            touched.appliers |= is_touched("appliers");
        }
    }

    /// Whether a line of a group's block is touched on which no entry of a list stands.
    fn is_own(&self, key: Span, block: &Node) -> bool {
        let is_one_word = !matches!(block.value, Value::Map(_));
        self.is_on(key)
            || (is_one_word && self.is_touched(block))
            || block.entries().iter().any(|entry| {
                let is_list = LISTS.contains(&entry.key.value.as_str()) && !entry.value.items().is_empty();
                self.is_on(entry.key.span) || (!is_list && self.is_touched(&entry.value))
            })
    }

    fn is_block(&self, key: Span, value: &Node) -> bool {
        self.is_on(key) || self.is_touched(value)
    }

    /// Whether a line of a value is touched, or one of what its aliases repeat.
    fn is_touched(&self, node: &Node) -> bool {
        self.is_on(node.span)
            || match &node.value {
                Value::Null | Value::Scalar { .. } => false,
                Value::Seq(items) => items.iter().any(|item| self.is_touched(item)),
                Value::Map(entries) => {
                    entries.iter().any(|entry| self.is_on(entry.key.span) || self.is_touched(&entry.value))
                }
            }
    }

    fn is_on(&self, span: Span) -> bool {
        let line = |byte| self.sources.origin(Span { start: byte, end: byte, ..span }).line;
        self.lines.meet(line(span.start), line(span.end.saturating_sub(1).max(span.start)))
    }
}

/// Whether what is in a list stands elsewhere.
fn is_alias(list: &Node) -> bool {
    list.items().first().is_some_and(|item| item.span.start < list.span.start || list.span.end <= item.span.start)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const FILE: &str = "version: 1
tenant: { id: x, pim: none }
appliers:
  - one
environments:
  alpha:
    labels: { stage: dev }
groups:
  dev:
    owners: [erin@contoso.com]
    # those of the team
    members: &team
      - hayden@contoso.com
      - { group: ops }
      - group:
          ops
  ops:
    members: *team
    membership: additive
  flow: { members: [a@contoso.com, b@contoso.com] }
roles:
  view:
    cluster-role: view
grants:
  - groups: [dev]
    roles: [view]
    namespaces:
      - trinity
  - { groups: [ops], roles: [view] }
";

    fn at(line: u32) -> String {
        let mut sources = SourceMap::default();
        sources.add(ROOT_FILE, FILE);
        let lines = BTreeMap::from([(ROOT_FILE.to_owned(), Lines::Some(vec![(line, line)]))]);
        let Touched { files, groups, entries, roles, environments, grants, tenant, appliers } =
            touched(&sources, &lines);
        assert_eq!(files.len(), 1);
        let mut told: Vec<String> = groups.iter().map(|key| format!("group {key}")).collect();
        let lines: BTreeSet<u32> = entries.iter().map(|origin| origin.line).collect();
        told.extend(lines.iter().map(|line| format!("entry {line}")));
        told.extend(roles.iter().map(|key| format!("role {key}")));
        told.extend(environments.iter().map(|name| format!("environment {name}")));
        told.extend(grants.iter().map(|origin| format!("grant {}", origin.line)));
        told.extend(tenant.then(|| "tenant".to_owned()));
        told.extend(appliers.then(|| "appliers".to_owned()));
        told.join(", ")
    }

    #[test]
    fn each_line_touches_what_stands_on_it() {
        let cases = [
            (1, ""),
            (2, "tenant"),
            (4, "appliers"),
            (7, "environment alpha"),
            (9, "group dev"),
            (10, "group dev, entry 10"),
            (11, ""),
            (12, "group dev"),
            // In the list, and in the one that repeats it.
            (13, "entry 13"),
            (14, "entry 14"),
            (16, "entry 15"),
            // Where the alias stands, so does everybody in what it repeats.
            (18, "group ops, entry 13, entry 14, entry 15"),
            (19, "group ops"),
            (20, "group flow, entry 20"),
            (23, "role view"),
            (25, "grant 25"),
            (28, "grant 25"),
            (29, "grant 29"),
        ];
        for (line, expected) in cases {
            assert_eq!(at(line), expected, "line {line}: {}", FILE.lines().nth(line as usize - 1).unwrap());
        }
    }

    #[test]
    fn of_a_file_that_comes_everything_is_touched() {
        let mut sources = SourceMap::default();
        sources.add("teams/a.yaml", FILE);
        let all = touched(&sources, &BTreeMap::from([("teams/a.yaml".to_owned(), Lines::All)]));
        assert_eq!((all.groups.len(), all.roles.len(), all.grants.len(), all.environments.len()), (3, 1, 2, 1));
        assert!(!all.tenant && !all.appliers, "only the root file has those");
        let none = touched(&sources, &BTreeMap::new());
        assert_eq!((none.groups.len(), none.files.len()), (0, 1));
    }
}
