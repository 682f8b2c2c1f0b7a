//! What a reviewer of a change would not see in its lines: what none of them says, what its authors come to, and whom to ask.

use std::collections::{BTreeMap, BTreeSet};

use super::access::table::NAMED_PLACES;
use super::access::{label, role, somebody};
use super::page::{Mark, Page};
use super::plan::messages;
use super::words::{count, principal};
use crate::access::AccessDifference;
use crate::access::difference::{AccessEffect, AccessRow, Bearing, Somebody};
use crate::plan::{Owning, Read, Unsaid};
use crate::report::{Base, escape};
use crate::state::{PrincipalName, Sign, first_few};

/// As many are told one by one.
const LISTED: usize = 6;
/// As many files are told apart.
const LISTED_FILES: usize = 4;
/// As many owners of a group are named.
const NAMED_OWNERS: usize = 4;

/// The title of what no touched line says.
pub(in crate::report) const UNSAID: &str = "Caused by this change, although none of its lines says so";
/// The title of whom to ask.
pub(in crate::report) const OWNERS: &str = "Owners of the groups that this change is about";

/// What no touched line says: each with the place that it comes through, or so many by file.
pub(in crate::report) fn unsaid(base: &Base) -> Vec<(Mark, String, Option<String>)> {
    let unsaid = match &base.unsaid {
        Ok(unsaid) => unsaid,
        Err(why) => {
            let text = format!("which lines this change touches could not be told, so that nothing is marked: {why}");
            return vec![(Mark::Unknown, escape::message(&text), None)];
        }
    };
    if unsaid.len() <= LISTED {
        let each = |one: &Unsaid| (Mark::Decide, what(one), place(one, &base.short));
        return unsaid.iter().map(each).collect();
    }
    let mut by_file: BTreeMap<(Option<&str>, Read), Vec<&Unsaid>> = BTreeMap::new();
    for one in unsaid {
        by_file.entry((one.through.as_ref().map(|through| &*through.file), one.file)).or_default().push(one);
    }
    let mut files: Vec<_> = by_file.into_iter().collect();
    files.sort_by_key(|(_, all)| std::cmp::Reverse(all.len()));
    let more = files.split_off(files.len().min(LISTED_FILES));
    let each = files.into_iter().map(|((file, read), all)| {
        let mut parts = Vec::new();
        for (sign, verb) in [(Sign::Add, "to add"), (Sign::Change, "to change"), (Sign::Remove, "to remove")] {
            let some = all.iter().filter(|one| one.sign == sign && !one.is_kept_back).count();
            parts.extend((some > 0).then(|| format!("{some} {verb}")));
        }
        let kept = all.iter().filter(|one| one.is_kept_back).count();
        parts.extend((kept > 0).then(|| format!("{kept} kept back")));
        let file = file.map_or_else(String::new, |file| format!(" through {}{}", escape::name(file), of_file(read)));
        let example = all.first().map(|one| format!(", such as {}", one.address)).unwrap_or_default();
        (Mark::Decide, format!("{}{file}{example}", parts.join(", ")), None)
    });
    let mut lines: Vec<_> = each.collect();
    if !more.is_empty() {
        let rest: usize = more.iter().map(|(_, all)| all.len()).sum();
        let text = format!("{rest} more through {}", count(more.len(), "other file"));
        lines.push((Mark::Decide, text, None));
    }
    lines.push((Mark::None, "`--output json` lists each.".to_owned(), None));
    lines
}

/// `entra/group/dev/member/mallory@contoso.com is taken away`.
pub(in crate::report) fn what(one: &Unsaid) -> String {
    let becomes = match (one.sign, one.is_kept_back) {
        (Sign::Add, false) => "is added",
        (Sign::Change, false) => "is changed",
        (Sign::Remove, false) => "is taken away",
        (Sign::Add, true) => "is not added, and would have been without this change",
        (Sign::Change, true) => "is not changed, and would have been without this change",
        (Sign::Remove, true) => "stays, and would have been taken away without this change",
    };
    format!("{} {becomes}{}", one.address, of_file(one.file))
}

fn of_file(read: Read) -> &'static str {
    match read {
        Read::Always => "",
        Read::Newly => ", a file that was not read before",
        Read::NoLonger => ", a file that is not read any more",
    }
}

fn place(one: &Unsaid, short: &str) -> Option<String> {
    let through = one.through.as_ref()?;
    Some(if one.is_before { format!("was {through} at {short}") } else { format!("through {through}") })
}

/// What the authors of a change come to by it.
#[derive(Debug)]
pub(in crate::report) struct Gaining {
    /// Who.
    pub(in crate::report) who: String,
    /// What, in a sentence without its end.
    pub(in crate::report) sentence: String,
}

/// What those come to by a change who wrote it, as git says.
pub(in crate::report) fn gaining_authors(base: &Base, access: &AccessDifference) -> Vec<Gaining> {
    let mut found = Vec::new();
    // Where it cannot be told from what was off before, it may not come by what they wrote.
    if base.caused.is_err() {
        return found;
    }
    let people: BTreeSet<&Somebody> = access.rows.iter().flat_map(|row| &row.who).collect();
    for who in people.into_iter().filter(|who| is_author(base, who)) {
        let rows = || access.rows.iter().filter(|row| row.who.contains(who));
        let gains = |row: &&AccessRow| matches!(row.effect, AccessEffect::Gains | AccessEffect::Both);
        let mut comes_to: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let (mut joins, mut masters): (BTreeSet<String>, BTreeSet<String>) = Default::default();
        for row in rows().filter(gains) {
            let place = match &row.namespace {
                Some(namespace) => format!("{}/{namespace}", row.environment),
                None => row.environment.to_string(),
            };
            if row.is_master() {
                masters.insert(row.environment.to_string());
            }
            match &row.bearing {
                Bearing::Token => {
                    let new: Vec<String> =
                        row.after.difference(&row.before).map(|each| role(access, row, each)).collect();
                    let new = if new.is_empty() { "more".to_owned() } else { new.join(", ") };
                    comes_to.entry(place).or_default().insert(new);
                }
                Bearing::Owner(group) => drop(joins.insert(label(group))),
                Bearing::OwningApp(_) | Bearing::NoGroups | Bearing::TooManyGroups(_) => {}
            }
        }
        let mut parts = Vec::new();
        if !masters.is_empty() {
            parts.push(format!("comes to cluster-admin or its like on {}", first_few(masters, NAMED_PLACES)));
        }
        if !comes_to.is_empty() {
            let each = comes_to
                .into_iter()
                .map(|(place, roles)| format!("{} on {place}", roles.into_iter().collect::<Vec<_>>().join(", ")));
            parts.push(format!("gains {}", first_few(each, NAMED_PLACES)));
        }
        if !joins.is_empty() {
            parts.push(format!("can make themselves a member of {}", first_few(joins, NAMED_PLACES)));
        }
        if !parts.is_empty() {
            let who = somebody(who);
            let sentence = format!("{who}, an author of this change as git says, {}", parts.join(", and "));
            found.push(Gaining { who, sentence });
        }
    }
    found
}

fn is_author(base: &Base, who: &Somebody) -> bool {
    matches!(who, Somebody::Person { name, .. } if is_author_called(base, name))
}

/// Whether a person has the mail address of an author.
fn is_author_called(base: &Base, name: &PrincipalName) -> bool {
    let mail = match name {
        PrincipalName::User(name) => name.as_str(),
        PrincipalName::Guest(mail) => mail.as_str(),
        PrincipalName::Group(_)
        | PrincipalName::GroupId(_)
        | PrincipalName::ServicePrincipal(_)
        | PrincipalName::Object(_) => return false,
    };
    base.authors.iter().any(|author| author.eq_ignore_ascii_case(mail))
}

/// Who owns each group that the change is about: whom to ask.
pub(in crate::report) fn owners(base: &Base) -> Vec<(String, String)> {
    let each = |people: &BTreeSet<PrincipalName>| {
        let named = people.iter().map(|name| {
            let author = if is_author_called(base, name) { " (an author)" } else { "" };
            format!("{}{author}", principal(name))
        });
        first_few(named, NAMED_OWNERS)
    };
    let told = |owning: &Owning| match (owning.people.is_empty(), owning.is_new) {
        (true, false) => "no person owns it".to_owned(),
        (true, true) => "new; the files name no person who is to own it".to_owned(),
        (false, false) => each(&owning.people),
        (false, true) => format!("new; by the files of this change {}", each(&owning.people)),
    };
    // Those of many groups are mostly the same few.
    let mut by_owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, owning) in &base.owners {
        by_owners.entry(told(owning)).or_default().push(key.to_string());
    }
    let mut entries: Vec<(String, String)> =
        by_owners.into_iter().map(|(owners, keys)| (first_few(keys, NAMED_OWNERS), owners)).collect();
    entries.sort();
    let more = entries.len().saturating_sub(LISTED);
    entries.truncate(LISTED);
    if more > 0 {
        entries.push((format!("{more} more"), "`--output json` lists each".to_owned()));
    }
    entries
}

/// What a reviewer would not see in the lines of the change, before anything else that it causes.
pub(super) fn opening(page: &mut Page, base: &Base, access: &AccessDifference) {
    let authors = gaining_authors(base, access);
    if !authors.is_empty() {
        page.gap();
    }
    for author in authors {
        page.item(Mark::Decide, &author.sentence);
    }
    let unsaid = unsaid(base);
    if unsaid.is_empty() {
        return;
    }
    page.gap();
    if base.unsaid.is_ok() {
        page.words(0, UNSAID);
    }
    for (mark, text, place) in unsaid {
        match mark {
            Mark::None => page.words(2, &text),
            mark => page.marked(0, mark, &text, place),
        }
    }
}

/// Whom to ask.
pub(super) fn closing(page: &mut Page, base: &Base) {
    messages(page, OWNERS, &owners(base));
}
