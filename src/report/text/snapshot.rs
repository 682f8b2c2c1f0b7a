//! From what a plan was made in place of the live systems, and what that does not have.

use super::page::{Mark, Page};
use super::words::principal;
use crate::report::{FromSnapshot, escape};
use crate::snapshot::{Age, ages};
use crate::state::{PrincipalName, first_few};

const NAMED: usize = 6;
const SHORT: usize = 7;

/// `live state of 2026-11-22 16:40 UTC, 3 h ago, at 4f2c1aa`, and what is no real name in it.
pub(in crate::report) fn headline(snapshot: &FromSnapshot) -> String {
    let age = match snapshot.age {
        Age::Old(age) => format!(", {} ago", ages(age)),
        Age::Ahead(by) => format!(", {} from now by this clock", ages(by)),
    };
    live_state(snapshot, &age)
}

/// The same for a text that is read later, and compared with the next: without how long ago that is.
pub(in crate::report) fn headline_for_long(snapshot: &FromSnapshot) -> String {
    live_state(snapshot, "")
}

fn live_state(snapshot: &FromSnapshot, age: &str) -> String {
    let at = snapshot.commit.as_deref().map(|commit| {
        let (id, dirty) = commit.strip_suffix("-dirty").map_or((commit, ""), |id| (id, ", with changes not committed"));
        let short: String = id.chars().take(SHORT).collect();
        format!(", at {}{dirty}", escape::name(&short))
    });
    let hidden =
        if snapshot.pseudonymised { "; names and ids that the access files did not have are pseudonyms" } else { "" };
    format!("live state of {}{age}{}{hidden}", snapshot.taken.strftime("%Y-%m-%d %H:%M UTC"), at.unwrap_or_default())
}

/// What a reader must know of it before anything else, each once.
pub(in crate::report) fn warnings(snapshot: &FromSnapshot) -> Vec<String> {
    match snapshot.age {
        Age::Old(age) if snapshot.age.is_old() => {
            vec![format!("this snapshot is {} old: much may be otherwise by now", ages(age))]
        }
        Age::Old(_) => Vec::new(),
        Age::Ahead(_) => {
            vec![
                "this snapshot is from the future: one of the two clocks is wrong, and nobody knows how old it is; set it right, \
                 and take the snapshot again"
                    .to_owned(),
            ]
        }
    }
}

/// The same for a text that is read later: without how old it is by now.
pub(in crate::report) fn warnings_for_long(snapshot: &FromSnapshot) -> Vec<String> {
    match snapshot.age {
        Age::Old(_) if snapshot.age.is_old() => {
            vec!["this snapshot was more than a day old: much may be otherwise by now".to_owned()]
        }
        Age::Old(_) | Age::Ahead(_) => warnings(snapshot),
    }
}

/// What it does not have, each kind once, with the way out.
pub(in crate::report) fn lacking(snapshot: &FromSnapshot) -> Vec<String> {
    let lacking = &snapshot.lacking;
    let mut sentences = Vec::new();
    let is_person = |name: &&PrincipalName| matches!(name, PrincipalName::User(_) | PrincipalName::Guest(_));
    let (people, others): (Vec<&PrincipalName>, Vec<&PrincipalName>) = lacking.names.iter().partition(is_person);
    let named = |names: &[&PrincipalName]| escape::message(&first_few(names.iter().map(|name| principal(name)), NAMED));
    if !people.is_empty() {
        let next = if snapshot.pseudonymised {
            "--people LIST` takes one with whom LIST names"
        } else {
            "--people all` takes one with everybody in it"
        };
        sentences.push(format!(
            "not in the snapshot, so that nobody knows whom it stands for: {}. What needs it is withheld here. `rolecall snapshot \
             FILE {next}",
            named(&people),
        ));
    }
    if !others.is_empty() {
        sentences.push(format!(
            "not in the snapshot: {}. What needs it is withheld here. `rolecall snapshot FILE --people LIST` takes one with what \
             LIST names",
            named(&others)
        ));
    }
    if !lacking.groups.is_empty() {
        let keys = lacking.groups.values().map(|key| format!("group {key}"));
        sentences.push(format!(
            "not in the snapshot: {}, which the files name by id. What needs it is withheld here, and shows in a plan against \
             the live tenant",
            first_few(keys, NAMED),
        ));
    }
    if !lacking.display_names.is_empty() {
        let quoted = lacking.display_names.iter().map(|name| escape::quoted(name));
        sentences
            .push(format!("whether other groups are called so is not in the snapshot: {}", first_few(quoted, NAMED)));
    }
    sentences
}

/// At the top of a plan.
pub(super) fn opening(page: &mut Page, snapshot: &FromSnapshot) {
    page.words(0, &headline(snapshot));
    let (warnings, lacking) = (warnings(snapshot), lacking(snapshot));
    if !warnings.is_empty() || !lacking.is_empty() {
        page.gap();
    }
    for warning in warnings {
        page.item(Mark::Decide, &warning);
    }
    for lacking in lacking {
        page.item(Mark::Unknown, &lacking);
    }
}
