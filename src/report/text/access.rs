//! The access difference: the first part of a plan.

use std::collections::{BTreeMap, BTreeSet};

use unicode_width::UnicodeWidthStr as _;

use super::page::{Mark, Page};
use super::words::{self, count};
use crate::access::difference::{
    AccessCounts, AccessDifference, AccessEffect, AccessRow, Bearing, Cause, GroupLabel, Somebody, Standing, Unseen,
    Via,
};
use crate::report::escape;
use crate::state::{EnvironmentName, PolicyRule, RoleRef, Sign, covering, first_few};

/// As many people to whom the same happens have a line each; more are one line.
const LISTED_PEOPLE: usize = 3;
/// As many places where the same happens stand in the line; of more some stand below it.
const LISTED_PLACES: usize = 2;
const NAMED_PLACES: usize = 6;
/// Several roles that are wider together stand below the line.
const WIDEST_ROLES: usize = 24;
/// As many rules are named.
const NAMED_RULES: usize = 4;
/// No column is padded to more than this.
const WIDEST: usize = 34;

/// What a line says; where it is so is gathered for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    /// What matters most is first.
    rank: (bool, bool, AccessEffect),
    who: String,
    before: String,
    after: String,
    via: String,
    details: Vec<String>,
}

/// Who can do more or less, where, and through what. Nothing where the changes mean nothing to anybody.
pub(super) fn access(page: &mut Page, difference: &AccessDifference) {
    if difference.is_empty() {
        return;
    }
    page.gap();
    page.words(0, &headline(difference));
    table(page, &lines(difference));
    if difference.waits_for_tokens() {
        page.words(
            2,
            "A token that was issued before keeps its groups until it ends, about an hour: until then whoever leaves a \
             group has what it gives.",
        );
    }
    let gains = |row: &&AccessRow| matches!(row.effect, AccessEffect::Gains | AccessEffect::Both);
    if difference.rows.iter().filter(gains).flat_map(|row| &row.who).any(is_disabled) {
        page.words(2, "What is given to a disabled account takes effect when it is enabled.");
    }
    for unseen in unseen(difference) {
        page.marked(0, Mark::Unknown, &unseen, None);
    }
}

/// `Access: 2 people gain, 1 loses, 1 unchanged`.
fn headline(difference: &AccessDifference) -> String {
    let AccessCounts { gain, lose, both, unchanged, owners, masters } = difference.counts();
    let verbs = [
        (gain, "gains", "gain"),
        (lose, "loses", "lose"),
        (both, "gains and loses", "gain and lose"),
        (owners, "can make themselves a member", "can make themselves members"),
        (unchanged, "unchanged", "unchanged"),
        (masters, "comes to cluster-admin or its like", "come to cluster-admin or its like"),
    ];
    let mut parts = Vec::new();
    for (number, one, several) in verbs.into_iter().filter(|(number, ..)| *number > 0) {
        let people = match (parts.is_empty(), number) {
            (true, 1) => " person",
            (true, _) => " people",
            (false, _) => "",
        };
        parts.push(format!("{number}{people} {}", if number == 1 { one } else { several }));
    }
    if parts.is_empty() {
        return "Access: not all of it could be seen".to_owned();
    }
    format!("Access: {}", parts.join(", "))
}

/// Each line with the places where it is so.
fn lines(difference: &AccessDifference) -> Vec<(Line, Vec<String>)> {
    let mut lines: BTreeMap<Line, BTreeSet<String>> = BTreeMap::new();
    for row in &difference.rows {
        let line = line(difference, row);
        for who in people(row) {
            let places = lines.entry(Line { who, ..line.clone() }).or_default();
            places.insert(place(row));
        }
    }
    lines.into_iter().map(|(line, places)| (line, places.into_iter().collect())).collect()
}

fn line(difference: &AccessDifference, row: &AccessRow) -> Line {
    let named =
        |roles: &BTreeSet<RoleRef>| -> Vec<String> { roles.iter().map(|each| role(difference, row, each)).collect() };
    let (before, after) = (named(&row.before), named(&row.after));
    let mut details = rules(row);
    let mut cell = |what: &str, roles: &[String]| {
        let all = roles.join(", ");
        match roles.len() {
            0 => "-".to_owned(),
            1 => all,
            _ if all.width() <= WIDEST_ROLES => all,
            number => {
                details.insert(0, format!("{what}: {all}"));
                count(number, "role")
            }
        }
    };
    let (before, after) = match row.bearing {
        Bearing::Token => (cell("before", &before), cell("after", &after)),
        Bearing::NoGroups => (String::new(), format!("({})", cell("would be", &after))),
        // They have it once they have made themselves members: what it would be at each place is in the JSON.
        Bearing::Owner(_) => (String::new(), "(owner)".to_owned()),
    };
    if matches!(row.bearing, Bearing::Owner(_)) {
        details.clear();
    }
    details.sort_by_key(|detail| !detail.starts_with("before"));
    let is_owner = matches!(row.bearing, Bearing::Owner(_));
    Line {
        rank: (!row.masters, is_owner, row.effect),
        who: String::new(),
        before,
        after,
        via: via(difference, row),
        details,
    }
}

fn table(page: &mut Page, lines: &[(Line, Vec<String>)]) {
    let cells = |(line, places): &(Line, Vec<String>)| {
        let places = if places.len() > LISTED_PLACES { count(places.len(), "place") } else { places.join(", ") };
        [line.who.clone(), places, line.before.clone(), line.after.clone()]
    };
    let header = ["who", "where", "before", "after"].map(str::to_owned);
    let rows: Vec<[String; 4]> = lines.iter().map(cells).collect();
    let mut widths = [0; 4];
    for row in rows.iter().chain([&header]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width().min(WIDEST));
        }
    }
    let rows: Vec<String> = rows.iter().map(|row| padded(row, widths)).collect();
    let table = rows.iter().map(|row| row.width()).max().unwrap_or(0);
    let vias = lines.iter().map(|(line, _)| line.via.width()).max().unwrap_or(0);
    let beside = 2 + table + 2 + vias <= page.width();
    if !lines.is_empty() {
        let header = padded(&header, widths);
        page.words(2, (if beside { format!("{header}  via") } else { header }).trim_end());
    }
    for ((line, places), row) in lines.iter().zip(rows) {
        let mark = mark(line.rank);
        if beside {
            page.marked(0, mark, format!("{row}  {}", line.via).trim_end(), None);
        } else {
            page.marked(0, mark, row.trim_end(), None);
            page.detail(4, &line.via);
        }
        for detail in &line.details {
            page.detail(4, detail);
        }
        if places.len() > LISTED_PLACES {
            let more = if places.len() > NAMED_PLACES { "; `--output json` lists each" } else { "" };
            page.detail(4, &format!("in {}{more}", first_few(places, NAMED_PLACES)));
        }
    }
}

fn padded(cells: &[String; 4], widths: [usize; 4]) -> String {
    let cells = cells.iter().zip(widths).map(|(cell, width)| {
        let padding = " ".repeat(width.saturating_sub(cell.width()));
        format!("{cell}{padding}")
    });
    cells.collect::<Vec<_>>().join("  ")
}

fn mark((is_plain, _, effect): (bool, bool, AccessEffect)) -> Mark {
    match (is_plain, effect) {
        (false, _) => Mark::Decide,
        (true, AccessEffect::Gains) => Mark::Sign(Sign::Add),
        (true, AccessEffect::Both) => Mark::Sign(Sign::Change),
        (true, AccessEffect::Loses) => Mark::Sign(Sign::Remove),
        (true, AccessEffect::Same) => Mark::Same,
    }
}

/// A few by name; more as one, by the group that they are in.
fn people(row: &AccessRow) -> Vec<String> {
    if row.who.len() <= LISTED_PEOPLE {
        return row.who.iter().map(somebody).collect();
    }
    let people = format!("{} people", row.who.len());
    let of: BTreeSet<&GroupLabel> = row.via.iter().filter_map(|via| via.groups.first()).collect();
    vec![match of.first() {
        Some(group) if of.len() == 1 => format!("group {} ({people})", label(group)),
        Some(_) | None => people,
    }]
}

fn somebody(who: &Somebody) -> String {
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

fn label(group: &GroupLabel) -> String {
    match group {
        GroupLabel::Key(key) => key.to_string(),
        GroupLabel::Other(id, Some(name)) => format!("{} ({})", words::word(name), id.short()),
        GroupLabel::Other(id, None) => id.to_string(),
        GroupLabel::Named(name) => words::word(name),
    }
}

fn place(row: &AccessRow) -> String {
    let namespace = row.namespace.as_ref().map(|namespace| format!("/{namespace}")).unwrap_or_default();
    format!("{}{namespace}", row.environment)
}

/// A role by its key in the files, or as its object is called.
fn role(difference: &AccessDifference, row: &AccessRow, role: &RoleRef) -> String {
    let key = difference.role_keys.get(&(row.environment.clone(), role.clone()));
    key.map_or_else(|| words::word(&role.name), ToString::to_string)
}

/// What changes by rules, where the roles have the same names before and after.
fn rules(row: &AccessRow) -> Vec<String> {
    if row.before != row.after {
        return Vec::new();
    }
    let told = |verb: &str, rules: &[PolicyRule]| {
        let rules = covering::together(rules);
        (!rules.is_empty()).then(|| format!("{verb} {}", first_few(rules.iter().map(words::rule), NAMED_RULES)))
    };
    told("gains", &row.gained).into_iter().chain(told("loses", &row.lost)).collect()
}

/// `payments-dev (removed); still through platform`.
fn via(difference: &AccessDifference, row: &AccessRow) -> String {
    if let Bearing::Owner(key) = &row.bearing {
        return format!("{key}: can make themselves a member");
    }
    // What another way covers tells nothing, unless there is nothing else to tell.
    let tells = |via: &&Via| {
        if via.standing == Standing::Gone { row.before.contains(&via.role) } else { row.after.contains(&via.role) }
    };
    let ways = |kept: bool| {
        let of = |via: &&Via| (via.standing == Standing::Kept) == kept;
        let mut ways: Vec<&Via> = row.via.iter().filter(of).filter(tells).collect();
        if ways.is_empty() {
            ways = row.via.iter().filter(of).collect();
        }
        let mut texts: Vec<String> = Vec::new();
        for text in ways.into_iter().map(|via| way(difference, row, via)) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts.join(", ")
    };
    let (moved, kept) = (ways(false), ways(true));
    let mut parts = vec![moved];
    if !kept.is_empty() && row.bearing == Bearing::Token && row.effect != AccessEffect::Gains {
        let still = if parts.iter().all(String::is_empty) { "" } else { "still " };
        parts.push(format!("{still}through {kept}"));
    }
    if row.bearing == Bearing::NoGroups {
        parts.push("worth nothing to an app, whose tokens carry no groups".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

fn way(difference: &AccessDifference, row: &AccessRow, via: &Via) -> String {
    let path = if via.groups.is_empty() {
        "bound by name".to_owned()
    } else {
        via.groups.iter().map(label).collect::<Vec<_>>().join(" → ")
    };
    match causes(difference, row, via) {
        why if why.is_empty() => path,
        why => format!("{path} ({why})"),
    }
}

/// Why a way comes or goes: what is nearest to the person tells it.
fn causes(difference: &AccessDifference, row: &AccessRow, via: &Via) -> String {
    let comes = via.standing == Standing::New;
    let told = |cause: &Cause| match (cause, comes) {
        (Cause::Member, true) => "new member".to_owned(),
        (Cause::Member, false) => "removed".to_owned(),
        (Cause::Nested(inner), true) => format!("{} is put in", label(inner)),
        (Cause::Nested(inner), false) => format!("{} is taken out", label(inner)),
        (Cause::Deleted(_), _) if via.groups.len() == 1 => "deleted".to_owned(),
        (Cause::Deleted(group), _) => format!("{} is deleted", label(group)),
        (Cause::Binding, true) => "new binding".to_owned(),
        (Cause::Binding, false) => "binding removed".to_owned(),
        (Cause::Role, _) => format!("role {} changes", role(difference, row, &via.role)),
        (Cause::TooManyGroups, true) => "their tokens carry groups again".to_owned(),
        (Cause::TooManyGroups, false) => "in too many groups: their tokens carry none".to_owned(),
    };
    let first = via.causes.first();
    let alike =
        |cause: &&Cause| first.is_some_and(|first| std::mem::discriminant(*cause) == std::mem::discriminant(first));
    via.causes.iter().filter(alike).map(told).collect::<Vec<_>>().join(", ")
}

/// What could not be seen, clusters in one sentence.
fn unseen(difference: &AccessDifference) -> Vec<String> {
    let mut clusters: Vec<&EnvironmentName> = Vec::new();
    let mut sentences = Vec::new();
    for unseen in &difference.unseen {
        match unseen {
            Unseen::Cluster(name) => clusters.push(name),
            Unseen::Members(group, why) => {
                sentences.push(format!("who is in group {} is not known: {}", label(group), escape::message(why)));
            }
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
