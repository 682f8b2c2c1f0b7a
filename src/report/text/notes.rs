//! The part of a plan about what is worth knowing. What comes by the hundred is folded: one line for a kind.

use std::collections::{BTreeMap, BTreeSet};

use super::words::count;
use crate::plan::{Note, NoteKind};
use crate::report::escape;
use crate::state::{Origin, first_few};

/// How many notes of one kind are listed.
const LISTED: usize = 5;
/// How many are named when they are folded.
const NAMED: usize = 3;

/// A place and a message for each note, and for each kind with many what is left.
pub(in crate::report) fn entries(notes: &[Note]) -> Vec<(String, String)> {
    let mut kinds: BTreeMap<NoteKind, Vec<&Note>> = BTreeMap::new();
    for note in notes {
        kinds.entry(note.kind).or_default().push(note);
    }
    let mut entries = Vec::new();
    let mut told: BTreeMap<NoteKind, usize> = BTreeMap::new();
    for note in notes {
        let all = kinds.get(&note.kind).map_or(0, Vec::len);
        let room = match (all <= LISTED, note.kind) {
            (true, _) => LISTED,
            (false, NoteKind::DisabledPerson) => 0,
            (false, _) => NAMED,
        };
        let told = told.entry(note.kind).or_default();
        if *told < room {
            *told += 1;
            entries.push((place(note), escape::message(&note.message)));
        }
    }
    for (kind, notes) in kinds.into_iter().filter(|(_, notes)| notes.len() > LISTED) {
        let text = if kind == NoteKind::DisabledPerson { disabled(&notes) } else { more(kind, &notes) };
        entries.push(("also".to_owned(), escape::message(&text)));
    }
    entries
}

fn place(note: &Note) -> String {
    let part = note.environment.as_ref().map(ToString::to_string);
    let place = part.or_else(|| note.origin.as_ref().map(Origin::to_string));
    escape::name(&place.unwrap_or_else(|| "Entra".to_owned()))
}

fn more(kind: NoteKind, notes: &[&Note]) -> String {
    format!("{} more of this kind ({kind}); `--output json` lists each", notes.len().saturating_sub(NAMED))
}

/// `22 disabled accounts in 328 places: a, b, c and 19 more`.
fn disabled(notes: &[&Note]) -> String {
    let who: BTreeSet<&str> = notes.iter().filter_map(|note| note.about.as_deref()).collect();
    format!(
        "{} in {}: {}; what is granted to them takes effect when they are enabled. `--output json` lists each",
        count(who.len(), "disabled account"),
        count(notes.len(), "place"),
        first_few(&who, NAMED),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::origin;

    fn note(kind: NoteKind, message: String, about: Option<String>, line: u32) -> Note {
        Note { environment: None, origin: Some(origin("teams/all.yaml", line)), kind, message, about }
    }

    fn disabled(people: u32, places: u32) -> Vec<Note> {
        let one = |at| {
            let who = format!("person{:02}@contoso.com", at % people);
            note(NoteKind::DisabledPerson, format!("`{who}` is disabled"), Some(who), at + 1)
        };
        (0..places).map(one).collect()
    }

    fn shown(notes: &[Note]) -> String {
        entries(notes).iter().map(|(place, message)| format!("{place}  {message}")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_few_of_a_kind_are_listed() {
        let notes = disabled(2, 5);
        assert_eq!(entries(&notes).len(), 5);
    }

    #[test]
    fn disabled_accounts_are_one_line_however_often_they_are_named() {
        insta::assert_snapshot!(shown(&disabled(22, 328)), @"also  22 disabled accounts in 328 places: person00@contoso.com, person01@contoso.com, person02@contoso.com and 19 more; what is granted to them takes effect when they are enabled. `--output json` lists each");
        insta::assert_snapshot!(shown(&disabled(1, 6)), @"also  1 disabled account in 6 places: person00@contoso.com; what is granted to them takes effect when they are enabled. `--output json` lists each");
    }

    #[test]
    fn of_another_kind_the_first_are_listed_and_the_rest_is_counted() {
        let mut notes: Vec<Note> = (1..=9)
            .map(|line| note(NoteKind::OtherOwners, format!("g{line} is also owned by x"), None, line))
            .collect();
        notes.push(note(NoteKind::LookAlike, "one is there already".to_owned(), None, 20));
        insta::assert_snapshot!(shown(&notes), @"
        teams/all.yaml:1  g1 is also owned by x
        teams/all.yaml:2  g2 is also owned by x
        teams/all.yaml:3  g3 is also owned by x
        teams/all.yaml:20  one is there already
        also  6 more of this kind (other-owners); `--output json` lists each
        ");
    }
}
