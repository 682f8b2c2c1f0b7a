//! What the change of the access files starts from.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Action, Change, Origin};
use crate::report::json::access::Access;

/// What the change of the access files starts from.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Base {
    /// The branch, tag or commit that was asked for.
    pub(in crate::report::json) reference: String,
    /// The commit that the change has in common with it.
    pub(in crate::report::json) commit: String,
    /// Whether the clone lacks part of the history, so that there may be a nearer one.
    pub(in crate::report::json) shallow: bool,
    /// That there are no access files before the change, so that everything is caused by it; `null` where there are some.
    pub(in crate::report::json) begins: Option<Begins>,
    /// What the change weakens of what keeps watch, what matters most first.
    pub(in crate::report::json) weakened: Vec<Weakening>,
    /// What a reviewer must know first, and what is not read because the change would have it reached otherwise: sentences.
    pub(in crate::report::json) left_out: Vec<String>,
    /// What would be put right without the change, and stays as it is with it.
    pub(in crate::report::json) accepted: Vec<Change>,
    /// What the changes that were off before mean for people; `null` where they cannot be told apart.
    pub(in crate::report::json) drift: Option<Access>,
    /// What the change causes and none of its lines says; `null` where that cannot be told.
    pub(in crate::report::json) unsaid: Option<Vec<Unsaid>>,
    /// What those come to by the change who wrote it, as git says: a hint, for whoever commits chooses the author.
    pub(in crate::report::json) authors: Vec<Author>,
    /// Who owns the groups that the change is about.
    pub(in crate::report::json) owners: Vec<Owners>,
    /// Why what the change causes cannot be told from what was off before; `null` where it can.
    pub(in crate::report::json) not_told: Option<String>,
}

/// Where there are no access files that the change could be compared with.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum Begins {
    /// In the commit that it starts from; what it goes to has some by now.
    AtStart,
    /// In what it goes to either, so that nothing was read.
    Everywhere,
}

/// One thing that the change weakens.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Weakening {
    /// A stable id.
    pub(in crate::report::json) kind: String,
    pub(in crate::report::json) message: String,
    /// The line that does it; `null` where something was taken out.
    pub(in crate::report::json) now: Option<Origin>,
    /// The line that stood for it; `file` begins with the commit, as `git show` has it: `06758dd:access/rolecall.yaml`.
    pub(in crate::report::json) was: Option<Origin>,
}

/// Something that the change causes and none of its lines says.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Unsaid {
    pub(in crate::report::json) address: String,
    /// What is done with the change; where it is kept back, what would be done without it.
    pub(in crate::report::json) action: Action,
    /// Whether the change keeps it back.
    pub(in crate::report::json) kept_back: bool,
    /// The line that it comes through, of the files after the change.
    pub(in crate::report::json) now: Option<Origin>,
    /// The same of the files before it, where those after it have none.
    pub(in crate::report::json) was: Option<Origin>,
    /// Whether the file with that line is read.
    pub(in crate::report::json) file: FileRead,
}

/// Whether a file is one of the access files.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum FileRead {
    /// Before the change and after it.
    Always,
    /// Only after it.
    Newly,
    /// Only before it.
    NoLonger,
}

/// An author who comes to something by the change.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Author {
    pub(in crate::report::json) who: String,
    pub(in crate::report::json) message: String,
}

/// Who owns a group.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Owners {
    pub(in crate::report::json) group: String,
    /// The people among its owners; apps are left out.
    pub(in crate::report::json) people: Vec<String>,
    /// Whether the group is not there yet: then those whom the files of the change name.
    pub(in crate::report::json) new: bool,
}
