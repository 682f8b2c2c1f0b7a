//! Whom and which namespaces expectations name: whoever is misspelt there can do nothing, so that `cannot` and `only` hold.

use std::collections::BTreeMap;

use super::{Checker, label};
use crate::config::model::{Expectation, Grant, Group, Scope};
use crate::config::rules;
use crate::diagnostics::{Located, Span};
use crate::state::{GroupKey, Namespace, PrincipalName, closest_address, closest_name};

/// Namespaces that every cluster has.
const EVERYWHERE: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// The most names that are looked at for what was meant: a few files could ask for hours of it.
const LOOKS: usize = 4_000_000;

/// Names of the files, and where each stands first; `None` for those that every cluster has.
type Known<'c> = BTreeMap<&'c str, Option<Span>>;

impl Checker<'_> {
    /// People in no group and namespaces without a grant may be expected something of: only what is almost a name of the
    /// files is said.
    pub(super) fn misspelt(
        &mut self,
        expectations: &[Expectation],
        groups: &BTreeMap<GroupKey, Group>,
        grants: &[Grant],
    ) {
        if expectations.is_empty() {
            return;
        }
        let mut left = LOOKS;
        self.misspelt_people(expectations, &people(groups, grants), &mut left);
        self.misspelt_namespaces(expectations, &namespaces(grants), &mut left);
    }

    fn misspelt_people(&mut self, expectations: &[Expectation], known: &Known<'_>, left: &mut usize) {
        let mut meant: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for expectation in expectations {
            let Some(name) = address(&expectation.who.value).filter(|name| !known.contains_key(name)) else { continue };
            let near = *meant.entry(name).or_insert_with(|| {
                *left = left.checked_sub(known.len())?;
                closest_address(name, known.keys().copied())
            });
            if let Some(near) = near {
                let message = format!("`{name}` is in no group of the files, and somebody there is almost called so");
                self.nearly(expectation.who.span, message, near, known);
            }
        }
    }

    fn misspelt_namespaces(&mut self, expectations: &[Expectation], known: &Known<'_>, left: &mut usize) {
        let mut meant: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for expectation in expectations {
            let only = expectation.only.iter().flat_map(|only| &only.value);
            for Located { value, span } in expectation.can.iter().chain(&expectation.cannot).chain(only) {
                let namespace = value.namespace().map(Namespace::as_str);
                let Some(name) = namespace.filter(|name| !known.contains_key(name)) else { continue };
                let near = *meant.entry(name).or_insert_with(|| {
                    *left = left.checked_sub(known.len())?;
                    closest_name(name, known.keys().copied())
                });
                if let Some(near) = near {
                    let message = format!("nothing is granted in a namespace `{name}`, and one is almost called so");
                    let at = self.part(*span, name);
                    self.nearly(at, message, near, known);
                }
            }
        }
    }

    fn nearly(&mut self, at: Span, message: String, near: &str, known: &Known<'_>) {
        let named = known.get(near).copied().flatten();
        let labels = [label(at, "misspelt?")].into_iter().chain(named.map(|span| label(span, "named here")));
        let help = format!("did you mean `{near}`? If not, nothing is wrong");
        self.report(&rules::NEARLY_KNOWN, message, labels, help);
    }

    /// Where some words end with a name; all of them where they do not.
    fn part(&self, words: Span, name: &str) -> Span {
        let text = self.sources.get(words.file).and_then(|file| file.text.get(words.start..words.end));
        let start = text.and_then(|text| text.rfind(name)).map(|at| words.start + at);
        start.map_or(words, |start| Span { start, end: start + name.len(), ..words })
    }
}

/// What somebody is called who has an address.
fn address(name: &PrincipalName) -> Option<&str> {
    match name {
        PrincipalName::User(user) => Some(user.as_str()),
        PrincipalName::Guest(mail) => Some(mail.as_str()),
        PrincipalName::Group(_)
        | PrincipalName::GroupId(_)
        | PrincipalName::ServicePrincipal(_)
        | PrincipalName::Object(_) => None,
    }
}

fn people<'c>(groups: &'c BTreeMap<GroupKey, Group>, grants: &'c [Grant]) -> Known<'c> {
    let in_groups = groups
        .values()
        .flat_map(|group| group.members.iter().chain(group.owners.iter().flatten()).chain(&group.absent));
    let granted = grants.iter().flat_map(|grant| &grant.subjects);
    let mut known = Known::new();
    for Located { value, span } in in_groups.chain(granted) {
        if let Some(name) = address(value) {
            known.entry(name).or_insert(Some(*span));
        }
    }
    known
}

fn namespaces(grants: &[Grant]) -> Known<'_> {
    let mut known: Known<'_> = EVERYWHERE.into_iter().map(|name| (name, None)).collect();
    for grant in grants {
        match &grant.scope {
            Scope::Namespaces(names) => {
                for Located { value, span } in names {
                    known.entry(value.as_str()).or_insert(Some(*span));
                }
            }
            Scope::Selector(_) | Scope::Cluster => {}
        }
    }
    known
}
