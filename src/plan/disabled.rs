//! Accounts that nobody can sign in with now, in groups that give more than work in namespaces: whoever enables one has that
//! again, and no membership changes then.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::{Part, Parts};
use super::people::is_disabled;
use super::resolve::Directory;
use super::{Note, NoteKind};
use crate::state::power::privileges;
use crate::state::{
    Desired, DesiredBinding, EnvironmentName, GroupKey, Membership, Only, PolicyRule, PrincipalName, ScopeTarget,
    all_of,
};

/// What makes a group privileged.
#[derive(Clone)]
struct Privilege<'a> {
    /// The group that is bound.
    group: &'a GroupKey,
    words: String,
}

/// Says it of each member of such a group instead of what is said of any other.
pub(super) fn in_privileged_groups(
    desired: &Desired,
    parts: &Parts<'_>,
    directory: &Directory<'_>,
    only: &Only,
    notes: &mut BTreeSet<Note>,
) {
    for (key, privilege) in privileged(desired, parts) {
        let Some(group) = desired.groups.get(key).filter(|_| only.group(key)) else { continue };
        if group.membership == Membership::External {
            continue;
        }
        let through = if key == privilege.group { String::new() } else { format!(", and so in `{}`", privilege.group) };
        for (name, origin) in &group.members {
            let live = directory.resolve(name).ok().and_then(|resolved| resolved.live);
            if !live.is_some_and(is_disabled) {
                continue;
            }
            let is_plainer = |note: &Note| {
                note.kind == NoteKind::DisabledPerson
                    && note.origin.as_ref() == Some(origin)
                    && note.about.as_deref() == Some(name.to_string().as_str())
            };
            notes.retain(|note| !is_plainer(note));
            notes.insert(Note {
                environment: None,
                origin: Some(origin.clone()),
                kind: NoteKind::DisabledInPrivilegedGroup,
                message: format!(
                    "`{name}` is disabled and in `{key}`{through}, which can {}. Take them out, or enabling the \
                     account gives that back",
                    privilege.words
                ),
                about: Some(name.to_string()),
            });
        }
    }
}

/// The groups that are privileged, themselves or by one that they are in, each by one of these.
fn privileged<'a>(desired: &'a Desired, parts: &Parts<'_>) -> BTreeMap<&'a GroupKey, Privilege<'a>> {
    let mut privileged: BTreeMap<&GroupKey, Privilege<'a>> = BTreeMap::new();
    for (name, environment) in &desired.environments {
        for binding in &environment.bindings {
            let PrincipalName::Group(group) = &binding.subject else { continue };
            let Some(words) = words(name, binding, parts.clusters.get(name).copied()) else { continue };
            // Whatever the order of the grants, it is the same one that is told.
            let told = privileged.entry(group).or_insert_with(|| Privilege { group, words: words.clone() });
            if words < told.words {
                told.words = words;
            }
        }
    }
    let mut waiting: Vec<(&GroupKey, Privilege<'a>)> =
        privileged.iter().map(|(key, privilege)| (*key, privilege.clone())).collect();
    while let Some((key, privilege)) = waiting.pop() {
        for member in desired.groups.get(key).into_iter().flat_map(|group| group.members.keys()) {
            let PrincipalName::Group(inner) = member else { continue };
            if !privileged.contains_key(inner) {
                privileged.insert(inner, privilege.clone());
                waiting.push((inner, privilege.clone()));
            }
        }
    }
    privileged
}

/// What a binding lets its group do, where that is more than work in its namespaces. Nothing is derived from a cluster that
/// was not read.
fn words(name: &EnvironmentName, binding: &DesiredBinding, part: Option<Part<'_>>) -> Option<String> {
    let part = part?;
    let reference = &binding.role.reference;
    let own = part.desired.roles.iter().find(|role| binding.role.ours && role.name == reference.name);
    let rules: &[PolicyRule] = own.map_or_else(|| part.rules_of(&reference.name), |role| &role.rules);
    let on_cluster = binding.scope == ScopeTarget::Cluster;
    let ways: Vec<String> = privileges(rules, on_cluster).into_iter().map(|way| way.words(on_cluster)).collect();
    (!ways.is_empty()).then(|| format!("{} (`{}` on {name})", all_of(&ways), binding.role.key))
}
