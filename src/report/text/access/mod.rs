//! The access difference: the first part of a plan.

pub(in crate::report) mod lines;
pub(in crate::report) mod table;
mod way;

use super::page::{Mark, Page};
use super::words;
use crate::access::builtin_roles;
use crate::access::difference::{
    AccessCounts, AccessDifference, AccessEffect, AccessRow, GroupLabel, Somebody, Unseen,
};
use crate::report::escape;
use crate::state::{EnvironmentName, PrincipalName, RoleKind, RoleRef, first_few};

const NAMED_PLACES: usize = 6;
/// What whoever owns a group can do, one and several.
const JOIN: [&str; 2] = ["make themselves a member", "make themselves members"];

/// Who can do more or less, where, and through what. Nothing where the changes mean nothing to anybody.
pub(super) fn access(page: &mut Page, difference: &AccessDifference, is_part: bool, besides: Option<&str>) {
    if difference.is_empty() {
        if let Some(besides) = besides {
            page.gap();
            page.words(0, &format!("Access: nobody's changes by this change; {besides}"));
        }
        if is_part {
            page.gap();
            page.words(0, "Access: nobody's changes until the rest is applied from a saved plan.");
        }
        return;
    }
    page.gap();
    let besides = besides.map(|besides| format!("; {besides}")).unwrap_or_default();
    page.words(0, &format!("{}{besides}", headline(difference)));
    table(page, difference);
    if is_part {
        page.words(2, "What is left to a saved plan is not in this table.");
    }
    for remark in remarks(difference) {
        page.words(2, remark);
    }
    unseen_part(page, difference);
}

/// What is to be known about the rows.
pub(in crate::report) fn remarks(difference: &AccessDifference) -> Vec<&'static str> {
    let mut remarks = Vec::new();
    if difference.waits_for_tokens() {
        remarks.push(
            "A token that was issued before keeps its groups until it ends, about an hour: until then whoever leaves a \
             group has what it gives.",
        );
    }
    let gains = |row: &&AccessRow| matches!(row.effect, AccessEffect::Gains | AccessEffect::Both);
    if difference.rows.iter().filter(gains).flat_map(|row| &row.who).any(is_disabled) {
        remarks.push("What is given to a disabled account takes effect when it is enabled.");
    }
    remarks
}

/// The rows alone.
pub(super) fn table(page: &mut Page, difference: &AccessDifference) {
    table::table(page, &lines::lines(difference), ["before", "after"]);
}

/// Who has more or less than the files give, where, and through what: a difference from what they give to what is there.
pub(super) fn drift(page: &mut Page, difference: &AccessDifference) {
    if difference.is_empty() {
        return;
    }
    page.gap();
    page.words(0, &drift_headline(difference));
    table::table(page, &lines::lines(difference), ["by the files", "now"]);
    unseen_part(page, difference);
}

/// `Access: 2 have more than the files give, 1 has less`
pub(in crate::report) fn drift_headline(difference: &AccessDifference) -> String {
    let AccessCounts { gain, lose, both, unchanged: _, owners, former_owners, masters } = difference.counts();
    let verbs = [
        (gain, "has more than the files give", "have more than the files give"),
        (lose, "has less", "have less"),
        (both, "has more of one and less of another", "have more of one and less of another"),
        (masters, "has cluster-admin or its like by it", "have cluster-admin or its like by it"),
        (owners, "can make themselves a member, or put anybody in", "can make themselves members, or put anybody in"),
        (former_owners, "cannot do that any more", "cannot do that any more"),
    ];
    let parts = verbs.into_iter().filter(|(number, ..)| *number > 0);
    let parts: Vec<String> =
        parts.map(|(number, one, several)| format!("{number} {}", if number == 1 { one } else { several })).collect();
    if parts.is_empty() {
        let same =
            if difference.rows.is_empty() { "not all of it could be seen" } else { "nobody has more or less by it" };
        return format!("Access: {same}");
    }
    format!("Access: {}", parts.join(", "))
}

/// What could not be seen.
pub(super) fn unseen_part(page: &mut Page, difference: &AccessDifference) {
    for unseen in unseen(difference) {
        page.marked(0, Mark::Unknown, &unseen, None);
    }
}

/// `Access: 2 people gain, 1 loses, 1 unchanged; 1 app gains`.
pub(in crate::report) fn headline(difference: &AccessDifference) -> String {
    let is_app = |who: &Somebody| {
        matches!(
            who,
            Somebody::Person { name: PrincipalName::ServicePrincipal(_), .. } | Somebody::ServiceAccount { .. }
        )
    };
    let people = tally(difference.counts_of(|who| !is_app(who)), ["person", "people"], JOIN);
    let apps = tally(difference.counts_of(is_app), ["app", "apps"], ["put anybody in a group"; 2]);
    match people.into_iter().chain(apps).collect::<Vec<_>>().join("; ") {
        nothing if nothing.is_empty() => "Access: not all of it could be seen".to_owned(),
        parts => format!("Access: {parts}"),
    }
}

fn tally(counts: AccessCounts, [one, several]: [&str; 2], [join, all_join]: [&str; 2]) -> Option<String> {
    let AccessCounts { gain, lose, both, unchanged, owners, former_owners, masters } = counts;
    let [can, all_can] = [join, all_join].map(|join| format!("can {join}"));
    let [cannot, none_can] = [join, all_join].map(|join| format!("can no longer {join}"));
    let verbs = [
        (gain, "gains", "gain"),
        (lose, "loses", "lose"),
        (both, "gains and loses", "gain and lose"),
        (owners, can.as_str(), all_can.as_str()),
        (former_owners, cannot.as_str(), none_can.as_str()),
        (unchanged, "unchanged", "unchanged"),
        (masters, "comes to cluster-admin or its like", "come to cluster-admin or its like"),
    ];
    let mut parts = Vec::new();
    for (number, for_one, for_several) in verbs.into_iter().filter(|(number, ..)| *number > 0) {
        let who = match (parts.is_empty(), number) {
            (true, 1) => format!(" {one}"),
            (true, _) => format!(" {several}"),
            (false, _) => String::new(),
        };
        parts.push(format!("{number}{who} {}", if number == 1 { for_one } else { for_several }));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

pub(in crate::report) fn somebody(who: &Somebody) -> String {
    match who {
        Somebody::Person { name, disabled, .. } => {
            format!("{}{}", words::principal(name), if *disabled { " (disabled)" } else { "" })
        }
        Somebody::ServiceAccount { namespace, name } => {
            format!("service account {}/{}", words::word(namespace), words::word(name))
        }
        Somebody::User(name) => format!("user {}", words::word(name)),
        Somebody::AnyoneIn(group) => format!("anyone in {}", label(group)),
    }
}

fn is_disabled(who: &Somebody) -> bool {
    matches!(who, Somebody::Person { disabled: true, .. })
}

pub(in crate::report) fn label(group: &GroupLabel) -> String {
    match group {
        GroupLabel::Key(key) => key.to_string(),
        GroupLabel::Other(id, Some(name)) => format!("{} ({})", words::word(name), id.short()),
        GroupLabel::Other(id, None) => id.to_string(),
        GroupLabel::Named(name) => words::word(name),
    }
}

/// A role by its key in the files, or as its object is called. What passes for one of Kubernetes' own is told apart from it.
pub(in crate::report) fn role(difference: &AccessDifference, row: &AccessRow, role: &RoleRef) -> String {
    let is_like_own = |name: &str| builtin_roles::rules(name).is_some();
    match (difference.role_keys.get(&(row.environment.clone(), role.clone())), role.kind) {
        (Some(key), _) if is_like_own(key.as_str()) => format!("{key} (of the files)"),
        (Some(key), _) => key.to_string(),
        (None, RoleKind::Role) if is_like_own(&role.name) => format!("{} (a Role)", words::word(&role.name)),
        (None, _) => words::word(&role.name),
    }
}

/// What could not be seen, clusters in one sentence.
pub(in crate::report) fn unseen(difference: &AccessDifference) -> Vec<String> {
    let mut clusters: Vec<&EnvironmentName> = Vec::new();
    let mut sentences = Vec::new();
    for unseen in &difference.unseen {
        match unseen {
            Unseen::Cluster(name) => clusters.push(name),
            Unseen::Members(group, why) => {
                sentences.push(format!("who is in group {} is not known: {}", label(group), escape::message(why)));
            }
            Unseen::Ways(group, why) => sentences.push(format!(
                "whether whoever seems to leave group {} stays in it by another way is not known: {}",
                label(group),
                escape::message(why)
            )),
            Unseen::Above(group, why) => sentences.push(format!(
                "which groups {} is in is not known, nor what whoever joins or leaves it has by those: {}",
                label(group),
                escape::message(why)
            )),
            Unseen::Restored(key) => sentences.push(format!(
                "group {key} comes back with members that cannot be read before: they have again whatever is bound to it"
            )),
            Unseen::NoGroup(environment, id) => {
                sentences.push(format!("{environment} has a binding for group {id}, which Entra does not have"));
            }
        }
    }
    if !clusters.is_empty() {
        let names = first_few(&clusters, NAMED_PLACES);
        sentences.insert(0, format!("what this means on {names} was not seen: not read"));
    }
    sentences
}
