//! Every other file held against `delegate`: what it defines, and to whom it grants what.
//!
//! To refer to a group of another file, as a member, is fine. To define a group, or to grant to one, is not, unless an entry
//! that matches the file lists it. What is new in a format is the root file's alone until [`DELEGABLE`] says otherwise.

use std::collections::BTreeMap;

use super::delegate::{Allowed, some};
use super::form::article;
use super::{Checker, Tree, label, labels};
use crate::config::model::Environment;
use crate::config::rules;
use crate::config::shape::{EXPECTATION, FILE, GRANT, GROUP, MEMBER, OWNER, Record};
use crate::config::yaml::{Entry, Node};
use crate::diagnostics::{Label, Located, Rule, Span};
use crate::state::{AppId, EnvironmentName, GroupKey, Namespace};

/// The keys that a delegated file may use, by the block they stand in. Every other one is the root file's alone.
///
/// Not here, and why: `display-name`, because a cluster may bind by it, and another team's name would give another team's
/// access; `id`, `adopt` and `group-id`, because an object id may be any group of the tenant; `previously`, because it
/// takes over a live group that another team may have had; users and service principals of a grant, because only groups are
/// delegated.
static DELEGABLE: &[(&Record, &[&str])] = &[
    (&FILE, &["groups", "grants", "expectations"]),
    (&GROUP, &["description", "owners", "members", "absent", "membership"]),
    (&OWNER, &["guest", "service-principal"]),
    (&MEMBER, &["guest", "group", "service-principal"]),
    (&GRANT, &["groups", "roles", "environments", "namespaces"]),
    // Whatever it says, an expectation gives nobody anything.
    (&EXPECTATION, &["user", "guest", "service-principal", "group", "environments", "can", "cannot", "only"]),
];

/// The next step where a delegation is too narrow.
const LISTED: &str = "have the delegation list it";

/// What an entry and a grant both list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Groups,
    Roles,
    Environments,
    Namespaces,
}

impl Part {
    fn key(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Roles => "roles",
            Self::Environments => "environments",
            Self::Namespaces => "namespaces",
        }
    }
}

/// What goes beyond an entry, at its place.
struct Violation {
    rule: &'static Rule,
    span: Span,
    /// What the file may not grant: "the role `edit`".
    message: String,
    /// What the entry does not list: "`edit`".
    lacks: String,
    label: &'static str,
    /// What the entry lists instead.
    listed: Label,
    help: String,
}

/// A file, and the entries that match it.
struct Judged<'a> {
    delegate: Span,
    /// What a message calls the file: where it lies, should that be elsewhere than where it was found.
    file: String,
    allowed: Vec<&'a Allowed>,
    appliers: &'a [Located<AppId>],
}

impl Checker<'_> {
    /// Holds one file against the entries of `delegate`, the key of which stands at `key`.
    pub(super) fn delegated(
        &mut self,
        file: &Tree,
        key: Span,
        delegations: &[Allowed],
        environments: &BTreeMap<EnvironmentName, Environment>,
        appliers: &[Located<AppId>],
    ) {
        let matches = |allowed: &&Allowed| file.lies.as_deref().is_some_and(|path| allowed.matches(path));
        let found = self.sources.get(file.node.span.file).map(|source| &*source.path);
        let name = match &file.lies {
            Some(lies) if found != Some(lies.as_str()) => format!("`{lies}`, where the file lies,"),
            Some(_) | None => "the file".to_owned(),
        };
        let judged =
            Judged { delegate: key, file: name, allowed: delegations.iter().filter(matches).collect(), appliers };
        if judged.allowed.is_empty() {
            self.undelegated_file(file, key, delegations);
            return;
        }
        for Entry { key: section, value } in file.node.entries() {
            match section.value.as_str() {
                "groups" => {
                    for group in value.entries() {
                        self.delegated_group(group, &judged);
                    }
                }
                "grants" => {
                    for grant in value.items() {
                        self.delegated_grant(grant, &judged, environments);
                    }
                }
                "expectations" => {}
                // Each block has its own line; a section without any defines nothing.
                name if FILE.key(name).is_some() => {
                    let named = value.entries().iter().map(|entry| (entry.key.span, Some(entry.key.value.as_str())));
                    for (span, block) in named.chain(value.items().iter().map(|item| (item.head(), None))) {
                        let message = match block {
                            Some(block) => format!("`{block}` under `{name}` may only be defined in the root file"),
                            None => format!("`{name}` may only stand in the root file"),
                        };
                        let help = "move it to `rolecall.yaml`; to refer to it from here is fine";
                        self.root_only(&judged, within(value.span, span), &message, help);
                    }
                }
                _ => {}
            }
        }
    }

    /// A file that no entry matches: said once, at the first thing it defines.
    fn undelegated_file(&mut self, file: &Tree, key: Span, delegations: &[Allowed]) {
        let defines = file.node.entries().iter().filter(|section| FILE.key(&section.key.value).is_some());
        let first = defines.flat_map(|section| {
            let blocks = section.value.entries().iter().map(|entry| entry.key.span);
            blocks.chain(section.value.items().iter().map(Node::head))
        });
        let Some(first) = first.map(|span| within(file.node.span, span)).next() else { return };
        let path = self.sources.get(first.file).map_or_else(String::new, |file| file.path.to_string());
        let all = || delegations.iter().flat_map(|allowed| &allowed.files);
        let in_any_case =
            all().find(|pattern| file.lies.as_deref().is_some_and(|lies| pattern.matches_in_any_case(lies)));
        let help = match (&file.lies, in_any_case) {
            (Some(lies), _) if *lies != path => {
                format!("`files` goes by where a file lies past every link, here `{lies}`: put the file itself here")
            }
            (None, _) => {
                "`files` goes by where a file lies past every link, and this one lies elsewhere than the root \
                          file: put the file itself here"
                    .to_owned()
            }
            (Some(_), Some(pattern)) => format!(
                "upper and lower case count: rename the file to match `{}` ({})",
                pattern.text.value,
                self.sources.origin(pattern.text.span)
            ),
            (Some(path), None) => {
                format!("have an entry with `files: [{path}]` added there, or move this to a file that one matches")
            }
        };
        let labels = [label(first, "defined here"), label(key, "what other files may define is listed here")];
        self.report(
            &rules::UNDELEGATED_FILE,
            "no delegation matches this file, so it may define nothing",
            labels,
            help,
        );
    }

    fn delegated_group(&mut self, group: &Entry, judged: &Judged<'_>) {
        let Entry { key, value } = group;
        let is_listed = judged.allowed.iter().any(|allowed| allowed.groups.has(&key.value));
        if key.value.parse::<GroupKey>().is_err() {
            self.skip(key.span);
        } else if !is_listed {
            let mut labels = vec![label(key.span, "defined here")];
            let listed = judged.allowed.iter().take(3);
            labels.extend(listed.map(|allowed| {
                label(allowed.groups.span, format!("this delegation of {} {}", judged.file, allowed.groups.words))
            }));
            let help = format!(
                "define it in a file to which it is delegated, or {LISTED}; naming it as a member (`{{ group: {} }}`) is a \
                 reference, and fine",
                key.value
            );
            let message = format!("this file may not define the group `{}`", key.value);
            self.report(&rules::UNDELEGATED_GROUP, message, labels, help);
        }
        self.refuse_taken_name(group);

        let in_the_root = if is_listed {
            "define the group in `rolecall.yaml` instead: this file may still grant to it and refer to it"
        } else {
            "define the group in `rolecall.yaml` instead"
        };
        self.refuse_undelegable(judged, &GROUP, value, value.span, in_the_root);
        let by_key = "define that group with its `id` in `rolecall.yaml`, and name it here by key: `{ group: … }`";
        for (list, record) in [("owners", &OWNER), ("members", &MEMBER), ("absent", &MEMBER)] {
            let Some(list) = value.get(list) else { continue };
            for item in list.items() {
                let at = within(value.span, within(list.span, item.span));
                self.refuse_undelegable(judged, record, item, at, by_key);
            }
        }
        for list in ["owners", "members"] {
            for item in value.get(list).map_or(&[][..], Node::items) {
                self.refuse_applier(judged, item, value.span);
            }
        }
    }

    /// What gives an applier access is kept when nobody asks for it: a team could make its own bindings last for ever.
    fn refuse_applier(&mut self, judged: &Judged<'_>, item: &Node, around: Span) {
        let Some(entry) = item.entry("service-principal") else { return };
        let Ok(app) = entry.value.words().parse::<AppId>() else { return };
        let Some(applier) = judged.appliers.iter().find(|applier| applier.value == app) else { return };
        let labels = [
            label(within(around, item.span), "not in a delegated file"),
            label(applier.span, "it applies the files of everybody"),
        ];
        let help = "take it out: an applier owns what it creates without being named, and needs no group of a team";
        self.report(&rules::UNDELEGATED_KEY, "an applier may only be named in the root file", labels, help);
    }

    /// Without `display-name` a group is called by its key. Where a cluster binds by name, one that is called like another
    /// group would have that one's access.
    fn refuse_taken_name(&mut self, group: &Entry) {
        let name = group.key.value.to_lowercase();
        let Some(other) = self.names.called.get(&name).filter(|other| other.value != group.key.value).cloned() else {
            return;
        };
        let message = format!("`{}` is what the group `{}` is called", group.key.value, other.value);
        let labels = [label(group.key.span, "would have the same name"), label(other.span, "this name is taken")];
        let help = "use another key: a group is created under its key, and a cluster may bind groups by name";
        self.report(&rules::DISPLAY_NAME_TAKEN, message, labels, help);
    }

    fn delegated_grant(
        &mut self,
        grant: &Node,
        judged: &Judged<'_>,
        environments: &BTreeMap<EnvironmentName, Environment>,
    ) {
        for Entry { key, .. } in undelegable(&GRANT, grant) {
            let help = match key.value.as_str() {
                "cluster-wide" => "list namespaces, or move the grant to `rolecall.yaml`",
                "users" | "service-principals" => {
                    "make them members of a group and grant to that, or move the grant to `rolecall.yaml`"
                }
                _ => "move the grant to `rolecall.yaml`",
            };
            let message = format!("`{}` of a grant may only stand in the root file", key.value);
            self.root_only(judged, within(grant.span, key.span), &message, help);
        }
        if let Some(entry) = grant.entry("namespaces").filter(|entry| !entry.value.entries().is_empty()) {
            let message = "a grant by labels of namespaces may only stand in the root file";
            let help = "list the namespaces by name, or move the grant to `rolecall.yaml`: whoever labels a namespace could widen it";
            self.root_only(judged, within(grant.span, entry.key.span), message, help);
        }
        // By the entry that comes closest, as a whole: roles of one never go with environments of another.
        let mut by_entry = Vec::new();
        for allowed in &judged.allowed {
            by_entry.push(self.violations(grant, allowed, judged, environments));
        }
        by_entry.sort_by_key(Vec::len);
        let mut by_entry = by_entry.into_iter();
        let Some(violations) = by_entry.next() else { return };
        let others: Vec<Vec<Violation>> = by_entry.collect();
        for violation in violations {
            // Another entry lists what this one does not, and does not list something else.
            let other = others.iter().find(|theirs| theirs.iter().all(|their| their.lacks != violation.lacks));
            let Violation { rule, span, mut message, mut help, listed, .. } = violation;
            let mut labels = vec![label(span, violation.label), listed];
            if let Some(theirs) = other {
                message += " together with the rest of this grant";
                "split the grant, or have one delegation list all of it".clone_into(&mut help);
                labels.extend(theirs.iter().take(1).map(|their| their.listed.clone()));
            }
            self.report(rule, format!("this file may not grant {message}"), labels, help);
        }
    }

    /// What of a grant goes beyond an entry.
    fn violations(
        &mut self,
        grant: &Node,
        allowed: &Allowed,
        judged: &Judged<'_>,
        environments: &BTreeMap<EnvironmentName, Environment>,
    ) -> Vec<Violation> {
        let mut found = Vec::new();
        for (part, listed) in [
            (Part::Groups, &allowed.groups),
            (Part::Roles, &allowed.roles),
            (Part::Environments, &allowed.environments),
            (Part::Namespaces, &allowed.namespaces),
        ] {
            let Some(list) = grant.get(part.key()) else { continue };
            let stands = label(listed.span, format!("this delegation of {} {}", judged.file, listed.words));
            if part == Part::Environments && !list.entries().is_empty() {
                let span = within(grant.span, within(list.span, list.head()));
                found.extend(selected(list, environments, allowed).map(|outside| Violation {
                    rule: &rules::UNDELEGATED_ENVIRONMENT,
                    span,
                    message: format!("in {outside} (selected by these labels)"),
                    lacks: outside,
                    label: "selects more than is delegated",
                    listed: stands,
                    help: "name the environments, or narrow the labels to what is delegated".to_owned(),
                }));
                continue;
            }
            for item in list.items() {
                let name = item.words();
                if !self.is_known(part, name, environments) {
                    // It is reported as unknown, or the block it means is.
                    self.skip(item.span);
                    continue;
                }
                if listed.has(name) {
                    continue;
                }
                let span = within(grant.span, within(list.span, item.span));
                let (rule, message, label, help) = match part {
                    Part::Groups => (
                        &rules::UNDELEGATED_GROUP,
                        format!("to the group `{name}`"),
                        "a grant is more than a reference: it gives this group access",
                        self.grant_elsewhere(name, grant.span),
                    ),
                    Part::Roles => (
                        &rules::UNDELEGATED_ROLE,
                        format!("the role `{name}`"),
                        "not delegated to this file",
                        format!("grant a role that is, or {LISTED}"),
                    ),
                    Part::Environments => (
                        &rules::UNDELEGATED_ENVIRONMENT,
                        format!("in the environment `{name}`"),
                        "not delegated to this file",
                        format!("take it out, or {LISTED}"),
                    ),
                    Part::Namespaces => (
                        &rules::UNDELEGATED_NAMESPACE,
                        format!("in the namespace `{name}`"),
                        "not delegated to this file",
                        if name == "default" || name.starts_with("kube-") {
                            format!("take it out, or {LISTED} by name: `*` never stands for `default` and `kube-…`")
                        } else {
                            format!("take it out, or {LISTED}")
                        },
                    ),
                };
                let lacks = format!("`{name}`");
                found.push(Violation { rule, span, message, lacks, label, listed: stands.clone(), help });
            }
        }
        found
    }

    /// Whether a name can be judged: it is well formed, and its block is understood.
    fn is_known(&self, part: Part, name: &str, environments: &BTreeMap<EnvironmentName, Environment>) -> bool {
        match part {
            Part::Groups => self.names.groups.contains_key(name),
            Part::Roles => self.names.roles.contains_key(name),
            Part::Environments => environments.keys().any(|known| known.as_str() == name),
            Part::Namespaces => name.parse::<Namespace>().is_ok(),
        }
    }

    fn grant_elsewhere(&self, group: &str, grant: Span) -> String {
        let defined = self.names.groups.get(group);
        if defined.is_some_and(|span| span.file == grant.file) {
            return format!("{LISTED} for this file, which defines it");
        }
        let defined = defined.map(|span| self.sources.origin(*span));
        let place = defined
            .map_or_else(|| "the root file".to_owned(), |origin| format!("{}, where it is defined", origin.file));
        format!("grant to it in {place}, or {LISTED}; naming it as a member is a reference, and fine")
    }

    /// Refuses the keys of a block that only the root file may use.
    fn refuse_undelegable(&mut self, judged: &Judged<'_>, record: &Record, node: &Node, around: Span, help: &str) {
        for Entry { key, .. } in undelegable(record, node) {
            let help = match key.value.as_str() {
                "display-name" => "leave it out: the group is called by its key, which is what is delegated",
                _ => help,
            };
            let message = format!("`{}` of {} may only stand in the root file", key.value, article(record.name));
            self.root_only(judged, within(around, key.span), &message, help);
        }
    }

    fn root_only(&mut self, judged: &Judged<'_>, span: Span, message: &str, help: &str) {
        let entry = judged.allowed.first().map_or(judged.delegate, |allowed| allowed.span);
        let labels = [
            label(span, "not in a delegated file"),
            label(entry, format!("this delegation matches {}", judged.file.trim_end_matches(','))),
        ];
        self.report(&rules::UNDELEGATED_KEY, message, labels, help);
    }
}

/// The environments that labels select and an entry does not allow, in words.
fn selected(node: &Node, environments: &BTreeMap<EnvironmentName, Environment>, allowed: &Allowed) -> Option<String> {
    let wanted = labels(Some(node));
    let outside: Vec<&str> = environments
        .iter()
        .filter(|(_, environment)| environment.has_labels(&wanted))
        .map(|(name, _)| name.as_str())
        .filter(|name| !allowed.environments.has(name))
        .collect();
    (!outside.is_empty()).then(|| some(&outside))
}

/// The keys of a block that this version knows and that are not delegated.
fn undelegable<'a>(record: &'a Record, node: &'a Node) -> impl Iterator<Item = &'a Entry> {
    let delegable = DELEGABLE.iter().find(|(known, _)| std::ptr::eq(*known, record)).map_or(&[][..], |(_, keys)| *keys);
    let is_refused = move |key: &str| record.key(key).is_some() && !delegable.contains(&key);
    node.entries().iter().filter(move |entry| is_refused(&entry.key.value))
}

/// The inner place; the outer one when an alias brought the inner one from elsewhere, so that each use has its own line.
fn within(outer: Span, inner: Span) -> Span {
    if inner.file == outer.file && inner.start >= outer.start && inner.end <= outer.end { inner } else { outer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_delegable_is_there() {
        for (record, keys) in DELEGABLE {
            for key in *keys {
                assert!(record.key(key).is_some(), "`{key}` of {}", record.name);
            }
        }
    }
}
