//! The ids in a plan as JSON, for people who read them there.

use std::fmt::Write as _;

use crate::plan::guards::GUARDS;
use crate::plan::{NoteKind, Reason};

const HEAD: &str = "\
<!-- Made from src/plan; `ROLECALL_BLESS=1 cargo test --test schema` rewrites it. -->

# Ids in a plan

What `plan --output json` gives under `withheld` as `reason`, under `notes` as `kind` and under `guards` as `id`. An id keeps its
meaning; later versions may bring new ones.
";

/// The ids as Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    let reasons: Vec<_> = Reason::ALL.iter().map(|reason| (reason.id(), reason.summary())).collect();
    let kinds: Vec<_> = NoteKind::ALL.iter().map(|kind| (kind.id(), kind.summary())).collect();
    let guards = GUARDS.iter().map(|guard| (guard.id, guard.summary)).collect();
    for (title, column, rows) in
        [("Reasons", "`reason`", reasons), ("Notes", "`kind`", kinds), ("Guards", "`id`", guards)]
    {
        // Writing to a string cannot fail.
        let _ = write!(page, "\n## {title}\n\n| {column} | meaning |\n| --- | --- |\n");
        for (id, summary) in rows {
            let _ = writeln!(page, "| `{id}` | {summary} |");
        }
    }
    page
}
