//! Every mistake of every file in one run, and, where there is none, the typed config.
//!
//! Three steps over the located trees: the form of each value by the tables of `config::shape`; the names of all files;
//! then each block with its references, which makes the typed values. A block with a mistake still counts as defined, so
//! that no mistake brings another one with it, and none hides another.

mod cycle;
mod delegate;
mod delegated;
mod environment;
mod expectation;
mod form;
mod grant;
mod group;
mod lint;
mod misspelt;
mod names;
mod role;

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use super::model::{Config, Environment, Expectation, Grant, Group, Lock, Role, Scope, Tenant};
use super::shape::{FILE, Form, ROOT, Record};
use super::yaml::{Entry, Node, Value};
use crate::diagnostics::{Finding, Label, Located, Rule, Severity, SourceMap, Span};
use crate::state::{AppId, Cloud, ConfigName, EnvironmentName, GroupKey, Namespace, RoleKey, UserPrincipalName};

#[cfg(test)]
pub(crate) use form::number as is_number;
pub(crate) use names::closest;

use super::rules;
pub use super::rules::RULES;
use names::Names;

/// The most bindings that all grants may ask for, counting each subject with each role in each scope.
const MAX_BINDINGS: usize = 1_000_000;

/// One file as a tree.
pub(super) struct Tree {
    /// Whether it is the root file.
    pub(super) is_root: bool,
    /// Where it lies, past every link; `None` when that is not below where the root file lies.
    pub(super) lies: Option<String>,
    /// Its content.
    pub(super) node: Node,
}

/// Checks all files together. `unread` are the files of which there is no tree; they may define what seems to be missing.
/// Gives the config only when no error was found, here or before (`findings`).
pub(super) fn check(
    trees: &[Tree],
    unread: Vec<String>,
    sources: &SourceMap,
    findings: &mut Vec<Finding>,
) -> Option<Config> {
    let (names, users, comparisons) = (Names::default(), HashMap::new(), names::COMPARISONS);
    let mut checker = Checker { sources, unread, names, users, comparisons, skipped: None, findings };
    let config = checker.config(trees);
    let skipped = checker.skipped;
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return None;
    }
    match (config, skipped) {
        (Some(config), None) => Some(config),
        // The two readings of one file disagree. Going on would act on a part of the config.
        (_, skipped) => {
            findings.push(Finding {
                rule: &rules::NOT_UNDERSTOOD,
                severity: rules::NOT_UNDERSTOOD.severity,
                message: "this passes the check but cannot be used, which is a defect of rolecall".to_owned(),
                labels: skipped.map(|span| label(span, "not used")).into_iter().collect(),
                file: None,
                help: Some("please report it together with this line".to_owned()),
            });
            None
        }
    }
}

struct Checker<'a> {
    sources: &'a SourceMap,
    unread: Vec<String>,
    names: Names,
    /// The user principal names so far, as they are written.
    users: HashMap<String, UserPrincipalName>,
    /// How many more names may be compared with misspelt ones.
    comparisons: usize,
    /// The first value that could not be used although it may have the right form.
    skipped: Option<Span>,
    findings: &'a mut Vec<Finding>,
}

impl Checker<'_> {
    fn config(&mut self, trees: &[Tree]) -> Option<Config> {
        let mut root = None;
        let mut files: Vec<&Node> = Vec::new();
        let mut others: Vec<&Tree> = Vec::new();
        for tree in trees {
            let Tree { is_root, node, .. } = tree;
            let record = if *is_root { &ROOT } else { &FILE };
            if self.is_access_file(node, record, *is_root) {
                self.form(node, &Form::Record(record), form::Place::File, node.head());
                files.push(node);
                others.extend((!is_root).then_some(tree));
                root = if *is_root { Some(node) } else { root };
            }
        }
        self.collect_names(&files);

        let environments: BTreeMap<EnvironmentName, Environment> =
            self.blocks(&files, "environments", Self::environment);
        let groups: BTreeMap<GroupKey, Group> = self.blocks(&files, "groups", Self::group);
        let roles: BTreeMap<RoleKey, Role> =
            self.blocks(&files, "roles", |checker, key, node| checker.role(key, node, &environments));
        self.previous_keys_are_claimed_once(&files);
        self.cycles(&files);
        let grants: Vec<Grant> = files
            .iter()
            .flat_map(|file| file.all("grants"))
            .flat_map(Node::items)
            .filter_map(|node| self.grant(node, &environments, &roles))
            .collect();

        self.bound_bindings(&grants);
        let expectations: Vec<Expectation> = files
            .iter()
            .flat_map(|file| file.all("expectations"))
            .flat_map(Node::items)
            .filter_map(|node| self.expectation(node, &environments))
            .collect();
        self.contradictions(&expectations);
        self.misspelt(&expectations, &groups, &grants);

        let root = root?;
        let appliers = self.appliers(root, &files);
        if let Some(entry) = root.entry("delegate") {
            self.delegate(entry, &others, &environments, &appliers);
        }
        Some(Config {
            name: self.parse::<ConfigName>(root.get("name"))?,
            tenant: self.tenant(root)?,
            appliers,
            delegates: root.entry("delegate").is_some(),
            delegations: root.get("delegate").map_or(&[][..], Node::items).iter().map(delegate::written).collect(),
            delegated_roles: root
                .get("delegate")
                .map_or(&[][..], Node::items)
                .iter()
                .flat_map(|entry| entry.get("roles").map_or(&[][..], Node::items))
                .filter_map(|role| role.words().parse().ok())
                .collect(),
            lint: self.lint(root),
            lock: self.lock(root),
            environments,
            groups,
            roles,
            grants,
            expectations,
        })
    }

    /// A file of which no key is even close to one of ours is something else, and says so once.
    fn is_access_file(&mut self, node: &Node, record: &Record, is_root: bool) -> bool {
        let path = self.sources.get(node.span.file).map_or_else(String::new, |file| file.path.to_string());
        let help = if is_root {
            "a root file has `version: 1`, `name:` and `tenant:`".to_owned()
        } else {
            format!("if it belongs here, name it under `exclude:` of the root file: `exclude: [\"{path}\"]`")
        };
        let is_close = |key: &str| {
            let known = record.keys.iter().map(|key| key.name);
            closest(key, known).is_some() || record.refused.iter().any(|refused| refused.key == key)
        };
        match &node.value {
            Value::Map(entries) if !is_root && is_connections(entries) => {
                let labels = [label(node.head(), "says how to reach Entra or clusters")];
                let message = "this is a connections file, and one must lie outside of the access files, because it says where \
                               tokens go";
                let help = "move it out of the folder, e.g. to ~/.config/rolecall/connections.yaml, and name it with \
                            --connections or $ROLECALL_CONNECTIONS";
                self.report(&rules::NOT_AN_ACCESS_FILE, message, labels, help);
            }
            Value::Map(entries)
                if is_root || entries.is_empty() || entries.iter().any(|entry| is_close(&entry.key.value)) =>
            {
                return true;
            }
            Value::Null => {
                let labels = [label(node.span, "nothing here")];
                let help = if is_root { help } else { format!("remove it; {help}") };
                self.report(&rules::EMPTY_FILE, "the file holds nothing", labels, help);
            }
            Value::Map(_) | Value::Scalar { .. } | Value::Seq(_) => {
                let words = form::list(record.keys.iter().map(|key| key.name));
                let labels = [label(node.head(), format!("an access file has {words} here"))];
                self.report(&rules::NOT_AN_ACCESS_FILE, "this YAML file is no access file", labels, help);
            }
        }
        false
    }

    /// Reads every block of a section into the typed value that `read` makes of it.
    fn blocks<K: FromStr + Ord, V>(
        &mut self,
        files: &[&Node],
        section: &'static str,
        read: impl Fn(&mut Self, &Located<String>, &Node) -> Option<V>,
    ) -> BTreeMap<K, V> {
        let mut blocks = BTreeMap::new();
        for Entry { key, value } in names::sections(files, section) {
            match (key.value.parse(), read(self, key, value)) {
                (Ok(name), Some(block)) => {
                    blocks.insert(name, block);
                }
                _ => self.skip(key.span),
            }
        }
        blocks
    }

    /// A few lines can ask for more than any memory holds.
    fn bound_bindings(&mut self, grants: &[Grant]) {
        let mut total = 0_usize;
        for grant in grants {
            let scopes = match &grant.scope {
                Scope::Namespaces(names) => names.len(),
                Scope::Selector(_) | Scope::Cluster => 1,
            };
            let factors = [grant.subjects.len(), grant.roles.len(), grant.environments.len(), scopes];
            total = total.saturating_add(factors.into_iter().fold(1, usize::saturating_mul));
            if total > MAX_BINDINGS {
                let message = format!("the grants ask for more than {MAX_BINDINGS} bindings");
                let labels = [label(grant.span, "the limit is reached here")];
                self.report(&rules::TOO_COMPLEX, message, labels, "grant to fewer groups, each made of others");
                return;
            }
        }
    }

    fn tenant(&mut self, root: &Node) -> Option<Tenant> {
        let tenant = root.get("tenant")?;
        Some(Tenant {
            id: self.parse(tenant.get("id"))?,
            cloud: self.choose(
                tenant.get("cloud"),
                Cloud::Public,
                &[
                    ("public", Cloud::Public),
                    ("us-government", Cloud::UsGovernment),
                    ("us-government-dod", Cloud::UsGovernmentDod),
                    ("china", Cloud::China),
                ],
            ),
            without_pim: self.choose(tenant.get("pim"), false, &[("none", true)]),
        })
    }

    fn lock(&mut self, root: &Node) -> Option<Lock> {
        let entry = root.entry("lock")?;
        let named = entry.value.get("environment").and_then(|node| self.refer(node, names::Kind::Environment));
        let namespace = self.parse::<Namespace>(entry.value.get("namespace"));
        let (environment, namespace) = (named.and_then(|name| name.parse().ok()), namespace.map(|name| name.value));
        let (Some(environment), Some(namespace)) = (environment, namespace) else {
            self.skip(entry.key.span);
            return None;
        };
        Some(Lock { span: entry.key.span, environment, namespace })
    }

    /// The appliers, of whom there must be one where rolecall creates a group.
    fn appliers(&mut self, root: &Node, files: &[&Node]) -> Vec<Located<AppId>> {
        let appliers = self.parse_list(root.get("appliers"));
        let created = names::sections(files, "groups")
            .into_iter()
            .find(|group| group.value.get("adopt").is_none() && group.value.get("id").is_none());
        let none = root.get("appliers").is_none_or(|node| node.items().is_empty());
        if let (Some(group), true) = (created, none) {
            let at =
                root.entry("appliers").or_else(|| root.entry("tenant")).map_or(root.head(), |entry| entry.key.span);
            let labels = [label(at, "no applier is named here"), label(group.key.span, "rolecall creates this group")];
            let help = "add the app (client) ids of the identities that run apply: `appliers: [00000000-…]`; \
                        one of them becomes the first owner of each group, which is the proof that it is ours";
            self.report(&rules::MISSING_APPLIERS, "groups are created but no applier is named", labels, help);
        }
        appliers
    }

    /// One of a few words.
    fn choose<T: Copy>(&mut self, node: Option<&Node>, left_out: T, words: &[(&str, T)]) -> T {
        let Some(node) = node else { return left_out };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == node.words()) {
            return *value;
        }
        self.skip(node.span);
        left_out
    }

    /// A name of its own type.
    fn parse<T: FromStr>(&mut self, node: Option<&Node>) -> Option<Located<T>> {
        let node = node?;
        let Ok(value) = node.words().parse() else {
            self.skip(node.span);
            return None;
        };
        Some(Located::new(value, node.span))
    }

    fn parse_list<T: FromStr>(&mut self, node: Option<&Node>) -> Vec<Located<T>> {
        node.map_or(&[][..], Node::items).iter().filter_map(|node| self.parse(Some(node))).collect()
    }

    fn text(&mut self, node: Option<&Node>) -> Option<Located<String>> {
        self.parse(node)
    }

    /// Remembers that something was left out of the typed config. Harmless when it was reported; otherwise a defect, and
    /// then there is no config.
    fn skip(&mut self, span: Span) {
        self.skipped.get_or_insert(span);
    }

    fn report(
        &mut self,
        rule: &'static Rule,
        message: impl Into<String>,
        labels: impl IntoIterator<Item = Label>,
        help: impl IntoHelp,
    ) {
        self.findings.push(Finding {
            rule,
            severity: rule.severity,
            message: message.into(),
            labels: labels.into_iter().collect(),
            file: None,
            help: help.into_help(),
        });
    }
}

/// Whether a file says how to reach Entra and clusters, which no access file does.
fn is_connections(entries: &[Entry]) -> bool {
    let is_way = |entry: &Entry| {
        let has = |keys: &[&str]| entry.value.entries().iter().any(|entry| keys.contains(&entry.key.value.as_str()));
        !has(&["type"]) && has(&["kubeconfig", "in-cluster", "server", "allow-exec"])
    };
    entries.iter().all(|entry| matches!(entry.key.value.as_str(), "entra" | "environments" | "proxy"))
        && entries.iter().any(|entry| match entry.key.value.as_str() {
            "environments" => entry.value.entries().iter().any(is_way),
            _ => true,
        })
}

/// Labels as they are written.
fn labels(node: Option<&Node>) -> BTreeMap<String, String> {
    node.map_or(&[][..], Node::entries)
        .iter()
        .map(|entry| (entry.key.value.clone(), entry.value.words().to_owned()))
        .collect()
}

fn label(span: Span, text: impl Into<String>) -> Label {
    Label { span, text: text.into() }
}

/// What can be given as the help of a finding.
trait IntoHelp {
    fn into_help(self) -> Option<String>;
}
impl IntoHelp for &str {
    fn into_help(self) -> Option<String> {
        (!self.is_empty()).then(|| self.to_owned())
    }
}
impl IntoHelp for String {
    fn into_help(self) -> Option<String> {
        (!self.is_empty()).then_some(self)
    }
}
impl IntoHelp for Option<String> {
    fn into_help(self) -> Self {
        self
    }
}
