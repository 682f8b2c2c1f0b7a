//! The rows as lines: what happens to several people, or at several places, is told once.

use std::collections::{BTreeMap, BTreeSet};

use unicode_width::UnicodeWidthStr as _;

use super::super::words::{self, count};
use super::{role, somebody, way};
use crate::access::difference::{AccessDifference, AccessEffect, AccessRow, Bearing, Somebody, Standing};
use crate::state::power::Way;
use crate::state::{PolicyRule, RoleRef, covering, first_few};

/// As many people to whom the same happens have a line each; more are one line.
const LISTED_PEOPLE: usize = 3;
/// As many of those are named below it.
const NAMED_PEOPLE: usize = 6;
/// Of a difference with more lines than this, all to whom the same happens by the same group are one line.
const MANY_LINES: usize = 60;
/// Wider lists of roles are told by what comes and goes.
const WIDEST_ROLES: usize = 24;
/// As many rules are named.
const NAMED_RULES: usize = 4;

/// What a line says; where it is so is gathered for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) struct Line {
    /// What matters most is first: who comes to everything, then what is so now before what owners could make so.
    pub(in crate::report) rank: (bool, bool, AccessEffect),
    pub(in crate::report) who: String,
    pub(in crate::report) before: String,
    pub(in crate::report) after: String,
    pub(in crate::report) via: String,
    pub(in crate::report) details: Vec<String>,
}

/// Each line with the places where it is so.
pub(in crate::report) fn lines(difference: &AccessDifference) -> Vec<(Line, Vec<String>)> {
    let each = gathered(difference, way::ways, true);
    if each.len() <= MANY_LINES {
        return each;
    }
    gathered(difference, way::first, false)
}

fn gathered(
    difference: &AccessDifference,
    via: impl Fn(&AccessDifference, &AccessRow) -> String,
    lists_few: bool,
) -> Vec<(Line, Vec<String>)> {
    let mut people: BTreeMap<(Line, String), BTreeSet<&Somebody>> = BTreeMap::new();
    for row in &difference.rows {
        let line = Line { via: via(difference, row), ..line(difference, row) };
        people.entry((line, place(row))).or_default().extend(&row.who);
    }
    let mut lines: BTreeMap<Line, BTreeSet<String>> = BTreeMap::new();
    for ((line, place), who) in people {
        if lists_few && who.len() <= LISTED_PEOPLE || who.len() == 1 {
            for each in who {
                lines.entry(Line { who: somebody(each), ..line.clone() }).or_default().insert(place.clone());
            }
        } else {
            let mut line = Line { who: format!("{} people", who.len()), ..line };
            let all = if who.len() > NAMED_PEOPLE { "; `--output json` names each" } else { "" };
            line.details.insert(0, format!("{}{all}", first_few(who.into_iter().map(somebody), NAMED_PEOPLE)));
            lines.entry(line).or_default().insert(place);
        }
    }
    lines.into_iter().map(|(line, places)| (line, places.into_iter().collect())).collect()
}

fn line(difference: &AccessDifference, row: &AccessRow) -> Line {
    let is_owner = row.is_owner();
    let mut details = Vec::new();
    let (before, after) = match row.bearing {
        Bearing::Token => roles(difference, row, &mut details),
        Bearing::NoGroups | Bearing::TooManyGroups(_) => {
            let cell = |roles: &BTreeSet<RoleRef>| {
                let named: Vec<String> = roles.iter().map(|each| role(difference, row, each)).collect();
                if named.is_empty() { "-".to_owned() } else { format!("({})", named.join(", ")) }
            };
            let is_less = !row.before.is_subset(&row.after);
            (if is_less { cell(&row.before) } else { String::new() }, cell(&row.after))
        }
        // They have it once they have made themselves members: what it would be at each place is in the JSON.
        Bearing::Owner(_) | Bearing::OwningApp(_) => match row.effect {
            AccessEffect::Loses => ("(owner)".to_owned(), "-".to_owned()),
            AccessEffect::Gains | AccessEffect::Both | AccessEffect::Same => (String::new(), "(owner)".to_owned()),
        },
    };
    if !is_owner {
        details.extend(rules(row));
    }
    details.extend(leads(row));
    Line {
        rank: (!row.is_master(), is_owner, row.effect),
        who: String::new(),
        before,
        after,
        via: String::new(),
        details,
    }
}

/// The roles before and after; where those are many, what comes and goes, `…` for what stays.
fn roles(difference: &AccessDifference, row: &AccessRow, details: &mut Vec<String>) -> (String, String) {
    let named = |roles: &mut dyn Iterator<Item = &RoleRef>| -> Vec<String> {
        roles.map(|each| role(difference, row, each)).collect()
    };
    let all = [named(&mut row.before.iter()), named(&mut row.after.iter())];
    let is_wide = |roles: &[String]| roles.len() > 1 && roles.join(", ").width() > WIDEST_ROLES;
    let cell = |roles: &[String]| if roles.is_empty() { "-".to_owned() } else { roles.join(", ") };
    if !all.iter().any(|roles| is_wide(roles)) {
        return (cell(&all[0]), cell(&all[1]));
    }
    let stays = row.before.intersection(&row.after).next().is_some();
    let moved = [named(&mut row.before.difference(&row.after)), named(&mut row.after.difference(&row.before))];
    if stays && !moved.iter().any(|roles| is_wide(roles)) {
        let cell = |roles: &[String]| {
            let roles = roles.iter().map(String::as_str).chain(["…"]);
            roles.collect::<Vec<_>>().join(", ")
        };
        return (cell(&moved[0]), cell(&moved[1]));
    }
    let mut cell = |what: &str, roles: &[String]| {
        if !is_wide(roles) {
            return cell(roles);
        }
        details.push(format!("{what}: {}", roles.join(", ")));
        count(roles.len(), "role")
    };
    (cell("before", &all[0]), cell("after", &all[1]))
}

fn place(row: &AccessRow) -> String {
    let namespace = row.namespace.as_ref().map(|namespace| format!("/{namespace}")).unwrap_or_default();
    format!("{}{namespace}", row.environment)
}

/// Why somebody comes to cluster-admin by a role that is not called so.
fn leads(row: &AccessRow) -> Option<String> {
    let ways = row.leads.iter().filter(|way| **way != Way::All);
    let ways: Vec<String> = match row.namespace {
        None => ways.map(|way| way.on_cluster().to_owned()).collect(),
        Some(_) => ways.map(ToString::to_string).collect(),
    };
    (!ways.is_empty()).then(|| format!("leads to cluster-admin: may {}", ways.join("; ")))
}

/// What changes by rules, where the names of the roles do not tell: they are the same, or what one of them gives changes.
fn rules(row: &AccessRow) -> Vec<String> {
    let changes = row.via.iter().any(|via| via.standing == Standing::Changed);
    if row.before != row.after && !changes {
        return Vec::new();
    }
    let told = |verb: &str, rules: &[PolicyRule]| {
        let rules = covering::together(rules);
        (!rules.is_empty()).then(|| format!("{verb} {}", first_few(rules.iter().map(words::rule), NAMED_RULES)))
    };
    told("gains", &row.gained).into_iter().chain(told("loses", &row.lost)).collect()
}
