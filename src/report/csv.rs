//! Answers about access as CSV (RFC 4180), one row a way, for spreadsheets.

use crate::access::questions::{Answer, Entry, Given, Part, Party, PersonLabel, Reached, Whose};
use crate::report::escape;
use crate::state::PolicyRule;

/// The columns.
const COLUMNS: [&str; 14] = [
    "environment",
    "kind",
    "who",
    "id",
    "disabled",
    "namespace",
    "role-kind",
    "role",
    "through",
    "binding",
    "binding-from",
    "membership-from",
    "brought-by",
    "rules",
];

/// An answer: a header, and a row for each way of everybody. What could not be seen is no row.
pub fn answer(answer: &Answer) -> String {
    let mut text = line(&COLUMNS.map(str::to_owned));
    for part in &answer.parts {
        for entry in &part.entries {
            for row in rows(part, entry) {
                text.push_str(&line(&row));
            }
        }
    }
    text
}

fn rows(part: &Part, entry: &Entry) -> Vec<[String; 14]> {
    let (kind, who, id, disabled) = called(&entry.who);
    let start = |given: [String; 9]| {
        let [namespace, role_kind, role, through, binding, from, membership, brought, rules] = given;
        [
            part.environment.to_string(),
            kind.to_owned(),
            who.clone(),
            id.clone(),
            disabled.to_owned(),
            namespace,
            role_kind,
            role,
            through,
            binding,
            from,
            membership,
            brought,
            rules,
        ]
    };
    if entry.is_superuser {
        let nothing = String::new;
        let through = "system:masters".to_owned();
        let rest =
            [nothing(), nothing(), nothing(), through, nothing(), nothing(), nothing(), nothing(), "*".to_owned()];
        return vec![start(rest)];
    }
    entry.ways.iter().map(|way| start(given(way, &way.given))).collect()
}

fn given(way: &Reached, given: &Given) -> [String; 9] {
    let through: Vec<&str> = way.steps.iter().map(|step| step.group.name.as_str()).collect();
    let through = if through.is_empty() { given.subject.clone() } else { through.join(" in ") };
    let membership =
        way.steps.iter().map(|step| step.origin.as_ref().map_or_else(|| "live".to_owned(), ToString::to_string));
    let from = match &given.whose {
        Whose::Grant(origin) => origin.to_string(),
        Whose::Left => "no longer in the files".to_owned(),
        Whose::Others => "not ours".to_owned(),
    };
    [
        given.namespace.as_ref().map(ToString::to_string).unwrap_or_default(),
        given.role.kind.to_string(),
        given.role.name.clone(),
        through,
        given.binding.clone(),
        from,
        membership.collect::<Vec<_>>().join(", "),
        given.brought.iter().map(|from| from.role.as_str()).collect::<Vec<_>>().join(" from "),
        match &given.rules {
            Some(rules) => rules.iter().map(rule).collect::<Vec<_>>().join("; "),
            None => "no such role".to_owned(),
        },
    ]
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
fn called(who: &Party) -> (&'static str, String, String, &'static str) {
    let plain = |kind, name: String| (kind, name, String::new(), "");
    match who {
        Party::Person(PersonLabel { name, id, disabled, .. }) => {
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            ("person", name.to_string(), id, if *disabled { "yes" } else { "no" })
        }
        Party::Group(label) => ("group", label.name.clone(), label.id.map(|id| id.to_string()).unwrap_or_default(), ""),
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
