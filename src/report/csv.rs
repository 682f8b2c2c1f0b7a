//! Answers about access as CSV (RFC 4180), one row a way, for spreadsheets.

use crate::access::people::WithoutGroups;
use crate::access::questions::{Answer, Entry, Given, GroupLabel, Part, Party, PersonLabel, Reached, Unseen, Whose};
use crate::report::escape;
use crate::state::PolicyRule;

/// The columns.
const COLUMNS: [&str; 17] = [
    "environment",
    "status",
    "kind",
    "who",
    "id",
    "disabled",
    "namespace",
    "role-kind",
    "role",
    "role-object",
    "through",
    "binding",
    "binding-from",
    "membership-from",
    "brought-by",
    "rules",
    "reason",
];

/// Stands for the namespace of what holds on the whole cluster; no namespace is called so.
const CLUSTER: &str = "(cluster)";
/// Longer rules are counted; they are in the JSON.
const LONGEST_RULES: usize = 200;

/// What a row says of somebody.
#[derive(Clone, Copy)]
enum Status {
    /// They have it.
    Has,
    /// They could make themselves members of a group that has it.
    CouldJoin,
    /// They are in a group that has it, and their tokens carry no groups.
    NoEffect,
    /// They have nothing there.
    Nothing,
    /// It could not be seen.
    NotSeen,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Has => "has",
            Self::CouldJoin => "could join",
            Self::NoEffect => "no effect",
            Self::Nothing => "nothing",
            Self::NotSeen => "not seen",
        }
    }
}

/// A row that is still empty but for these.
fn start(environment: &str, status: Status, who: &Called) -> [String; 17] {
    let mut row: [String; 17] = Default::default();
    let [in_environment, in_status, kind, name, id, disabled, ..] = &mut row;
    environment.clone_into(in_environment);
    status.word().clone_into(in_status);
    who.kind.clone_into(kind);
    name.clone_from(&who.name);
    id.clone_from(&who.id);
    who.disabled.clone_into(disabled);
    row
}

fn with_reason(mut row: [String; 17], reason: &str) -> [String; 17] {
    if let Some(last) = row.last_mut() {
        reason.clone_into(last);
    }
    row
}

/// An answer: a header, a row for each way of everybody, and one for whatever could not be seen.
pub fn answer(answer: &Answer) -> String {
    let mut text = line(&COLUMNS.map(str::to_owned));
    let parts = answer.parts.iter().flat_map(rows);
    for row in parts.chain(answer.unseen.iter().map(unseen)) {
        text.push_str(&line(&row));
    }
    text
}

fn rows(part: &Part) -> Vec<[String; 17]> {
    let environment = part.environment.as_str();
    let mut rows: Vec<[String; 17]> = part.entries.iter().flat_map(|entry| of(environment, entry)).collect();
    for could in &part.indirect {
        let who = called(&Party::Person(could.who.clone()));
        let given = could.ways.iter().map(|way| {
            let through = std::iter::once(could.group.name.as_str());
            let further = way.steps.iter().map(|step| step.group.name.as_str());
            let through: Vec<&str> = through.chain(further).collect();
            given(start(environment, Status::CouldJoin, &who), way, through.join(" in "))
        });
        rows.extend(given.map(|row| with_reason(row, "an owner of the group")));
    }
    for of in &part.without {
        let mut row = start(environment, Status::NoEffect, &called(&Party::Person(of.who.clone())));
        row[THROUGH].clone_from(&of.group.name);
        rows.push(with_reason(
            row,
            match of.why {
                WithoutGroups::Application => "tokens of apps carry no groups",
                WithoutGroups::Overage(_) => "tokens of people in more than 200 groups carry none",
            },
        ));
    }
    rows
}

fn of(environment: &str, entry: &Entry) -> Vec<[String; 17]> {
    let who = called(&entry.who);
    if entry.is_superuser {
        let mut row = start(environment, Status::Has, &who);
        CLUSTER.clone_into(&mut row[NAMESPACE]);
        "system:masters".clone_into(&mut row[THROUGH]);
        "*".clone_into(&mut row[RULES]);
        return vec![row];
    }
    if entry.ways.is_empty() {
        return vec![start(environment, Status::Nothing, &who)];
    }
    let through = |way: &Reached| {
        let through: Vec<&str> = way.steps.iter().map(|step| step.group.name.as_str()).collect();
        if through.is_empty() { way.given.subject.clone() } else { through.join(" in ") }
    };
    entry.ways.iter().map(|way| given(start(environment, Status::Has, &who), way, through(way))).collect()
}

/// A row for what could not be seen.
fn unseen(unseen: &Unseen) -> [String; 17] {
    let with = |what: &str, next: &Option<String>| match next {
        Some(next) => format!("{what}; {next}"),
        None => what.to_owned(),
    };
    match unseen {
        Unseen::Entra(what, next) => {
            let who = Called { kind: "entra", ..Called::default() };
            with_reason(start("", Status::NotSeen, &who), &with(what, next))
        }
        Unseen::Environment(name, what, next) => {
            with_reason(start(name.as_str(), Status::NotSeen, &Called::default()), &with(what, next))
        }
        Unseen::Group(label, why) => with_reason(start("", Status::NotSeen, &group(label)), why),
    }
}

const NAMESPACE: usize = 6;
const THROUGH: usize = 10;
const RULES: usize = 15;

/// What is given, from the column `namespace` on.
fn given(mut row: [String; 17], way: &Reached, through: String) -> [String; 17] {
    let given: &Given = &way.given;
    let membership =
        way.steps.iter().map(|step| step.origin.as_ref().map_or_else(|| "live".to_owned(), ToString::to_string));
    let from = match &given.whose {
        Whose::Grant(origin) => origin.to_string(),
        Whose::Left => "no longer in the files".to_owned(),
        Whose::Others => "not ours".to_owned(),
    };
    let key = |block: &Option<(crate::state::RoleKey, _)>, name: &String| {
        block.as_ref().map_or_else(|| name.clone(), |(key, _)| key.to_string())
    };
    let brought: Vec<String> = given.brought.iter().map(|from| key(&from.block, &from.role)).collect();
    let cells = [
        given.namespace.as_ref().map_or_else(|| CLUSTER.to_owned(), ToString::to_string),
        given.role.kind.to_string(),
        key(&given.role_block, &given.role.name),
        given.role.name.clone(),
        through,
        given.binding.clone(),
        from,
        membership.collect::<Vec<_>>().join(", "),
        brought.join(" from "),
        given.rules.as_ref().map_or_else(|| "no such role".to_owned(), |rules| all(rules)),
    ];
    for (cell, text) in row.iter_mut().skip(NAMESPACE).zip(cells) {
        *cell = text;
    }
    row
}

/// The rules; of many, how many there are.
fn all(rules: &[PolicyRule]) -> String {
    let text = rules.iter().map(rule).collect::<Vec<_>>().join("; ");
    if rules.len() > 1 && text.len() > LONGEST_RULES { format!("{} rules", rules.len()) } else { text }
}

fn rule(rule: &PolicyRule) -> String {
    let list = |list: &[String]| list.join(" ");
    if !rule.non_resource_urls.is_empty() {
        return format!("{} {}", list(&rule.verbs), list(&rule.non_resource_urls));
    }
    let groups: Vec<&str> =
        rule.api_groups.iter().map(|group| if group.is_empty() { "core" } else { group.as_str() }).collect();
    let named =
        if rule.resource_names.is_empty() { String::new() } else { format!(" named {}", list(&rule.resource_names)) };
    format!("{} {} of {}{named}", list(&rule.verbs), list(&rule.resources), groups.join(" "))
}

/// Kind, name, id, and whether they are disabled.
#[derive(Default)]
struct Called {
    kind: &'static str,
    name: String,
    id: String,
    disabled: &'static str,
}

fn group(label: &GroupLabel) -> Called {
    let id = label.id.map(|id| id.to_string()).unwrap_or_default();
    Called { kind: "group", name: label.name.clone(), id, disabled: "" }
}

fn called(who: &Party) -> Called {
    let plain = |kind, name: String| Called { kind, name, ..Called::default() };
    match who {
        Party::Person(PersonLabel { name, id, disabled, .. }) => {
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            Called { id, disabled: if *disabled { "yes" } else { "no" }, ..plain("person", name.to_string()) }
        }
        Party::Group(label) => group(label),
        Party::User(name) => plain("user", name.clone()),
        Party::ServiceAccount { namespace, name } => plain("service-account", format!("{namespace}/{name}")),
        Party::ServiceAccounts(None) => plain("group", "system:serviceaccounts".to_owned()),
        Party::ServiceAccounts(Some(namespace)) => plain("group", format!("system:serviceaccounts:{namespace}")),
        Party::Everybody => plain("group", "system:authenticated".to_owned()),
        Party::Anonymous => plain("group", "system:unauthenticated".to_owned()),
        Party::System(name) => plain("system", name.clone()),
        Party::Superusers => plain("group", "system:masters".to_owned()),
    }
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell that no spreadsheet takes for a formula: what starts like one gets an apostrophe in front (OWASP, CSV Injection).
/// Whatever acts on a screen is spelt out first.
fn cell(text: &str) -> String {
    let is_formula =
        text.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = escape::line(text);
    let text = if is_formula { format!("'{text}") } else { text };
    if text.contains([',', '"', '\'', ';']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_reaches_into_the_next() {
        for (text, written) in [
            ("erin@contoso.com", "erin@contoso.com"),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\\t=1\""),
            ("\r=1", "\"'\\r=1\""),
            ("a,b", "\"a,b\""),
            ("a\",=1", "\"a\"\",=1\""),
            ("a\r\n=1", "a\\r\\n=1"),
            (" =1", "\"' =1\""),
            ("a;=1", "\"a;=1\""),
        ] {
            assert_eq!(cell(text), written, "{text:?}");
        }
    }
}
