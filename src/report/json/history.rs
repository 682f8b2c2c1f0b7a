//! A history as JSON, version 1. What is published here only grows; whatever else changes becomes version 2.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::v1::Revision;
use crate::report::escape;
use crate::state::PrincipalName;
use crate::state::history::{self, At, Fact, List};

/// What `rolecall log --output json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A rolecall history, version 1")]
struct History {
    /// The name of this format.
    format: Format,
    /// Whose it is.
    whose: Whose,
    /// The folder of the access files in the repository; empty for its top.
    folder: String,
    /// The steps, newest first.
    steps: Vec<Step>,
    /// Whether there are older ones that were not asked for.
    has_more: bool,
    /// How many commits were looked at.
    commits: usize,
    /// What is to be known about it: sentences.
    notes: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
enum Format {
    #[serde(rename = "rolecall-history/1")]
    V1,
}

/// A person, a guest, an app or a group.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Whose {
    /// Whether it is a group.
    is_group: bool,
    /// The names that are meant, as plans spell them; of a group its latest key.
    names: Vec<String>,
}

/// One step.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Step {
    /// What it is.
    kind: Kind,
    /// The commit; `null` for what is not committed yet.
    commit: Option<Revision>,
    /// The first line of its message.
    title: Option<String>,
    /// Of a merge: the authors of what it brought into these files.
    merged_authors: Vec<String>,
    /// What is so since.
    came: Vec<What>,
    /// What is not so any more.
    went: Vec<What>,
    /// Groups that were called otherwise before: the key before, and the key since.
    renamed: BTreeMap<String, String>,
    /// Commits before it whose files do not hang together, newest first: what they did is told here.
    skipped: Vec<Skipped>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// A commit did it.
    Commit,
    /// The files as they lie in the folder do it.
    Uncommitted,
    /// A shallow clone ends here: what is so came with the commit or before it.
    Shallow,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Skipped {
    /// The commit.
    commit: Revision,
    /// Its first mistake.
    why: String,
}

/// Something that the files say of them.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum What {
    /// The group has a block.
    Group {
        /// Its key.
        group: String,
    },
    /// A property of the group's block.
    Property {
        /// Its key in the block.
        name: String,
        /// Its value.
        value: String,
    },
    /// Somebody in a list of the group.
    Holds {
        /// The list.
        list: Lists,
        /// Who.
        who: String,
    },
    /// They stand in a list of a group.
    Listed {
        /// The list.
        list: Lists,
        /// The group.
        group: String,
    },
    /// They are in a group by way of others.
    Nested {
        /// The group.
        group: String,
        /// The others, the nearest first.
        through: Vec<String>,
    },
    /// A role is granted.
    Grant {
        /// The group by which they have it; `null` where it is granted to them.
        by: Option<String>,
        /// The role.
        role: String,
        /// The environment.
        environment: String,
        /// Where in it.
        place: Place,
    },
    /// A role that they have allows this.
    Allows {
        /// The role.
        role: String,
        /// All that it allows: a text that differs when it does.
        what: String,
    },
    /// Something is expected.
    Expected {
        /// `can`, `cannot` or `only`.
        key: String,
        /// The environment.
        environment: String,
        /// The request as it is written.
        request: String,
    },
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Lists {
    Members,
    Owners,
    Absent,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Place {
    /// The whole cluster.
    Cluster,
    /// One namespace.
    Namespace(String),
    /// Every namespace with these labels.
    Labels(BTreeMap<String, String>),
}

/// A history as JSON.
pub fn history_v1(history: &history::History) -> String {
    let (is_group, names) = match &history.whose {
        history::Whose::Person(names) => (false, names.iter().map(PrincipalName::to_string).collect()),
        history::Whose::Group(key) => (true, vec![key.to_string()]),
    };
    let document = History {
        format: Format::V1,
        whose: Whose { is_group, names },
        folder: history.folder.clone(),
        steps: history.steps.iter().map(step).collect(),
        has_more: history.has_more,
        commits: history.commits,
        notes: history.notes.clone(),
    };
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    escape::json(&format!("{text}\n"))
}

/// The JSON Schema of version 1 of a history, as it stands in `schema/history.schema.json`.
pub fn history_schema() -> String {
    format!("{:#}\n", schemars::schema_for!(History).as_value())
}

fn step(step: &history::Step) -> Step {
    let (kind, commit) = match &step.at {
        At::Revision(revision) => (Kind::Commit, Some(revision)),
        At::Uncommitted => (Kind::Uncommitted, None),
        At::Horizon(revision, _) => (Kind::Shallow, Some(revision)),
    };
    let all = |facts: &BTreeSet<Fact>| facts.iter().map(what).collect();
    Step {
        kind,
        commit: commit.map(Revision::from),
        title: Some(step.title.clone()).filter(|title| !title.is_empty()),
        merged_authors: step.authors.clone(),
        came: all(&step.turn.came),
        went: all(&step.turn.went),
        renamed: step.turn.renamed.iter().map(|(old, new)| (old.to_string(), new.to_string())).collect(),
        skipped: step
            .skipped
            .iter()
            .map(|skipped| Skipped { commit: Revision::from(&skipped.revision), why: skipped.why.clone() })
            .collect(),
    }
}

fn what(fact: &Fact) -> What {
    let list = |list: List| match list {
        List::Members => Lists::Members,
        List::Owners => Lists::Owners,
        List::Absent => Lists::Absent,
    };
    match fact {
        Fact::Block(key) => What::Group { group: key.to_string() },
        Fact::Property(name, value) => What::Property { name: (*name).to_owned(), value: value.clone() },
        Fact::Holds(of, who) => What::Holds { list: list(*of), who: who.to_string() },
        Fact::Listed(of, key) => What::Listed { list: list(*of), group: key.to_string() },
        Fact::Nested(key, way) => {
            What::Nested { group: key.to_string(), through: way.iter().map(ToString::to_string).collect() }
        }
        Fact::Grant { by, role, environment, place } => What::Grant {
            by: by.as_ref().map(ToString::to_string),
            role: role.to_string(),
            environment: environment.to_string(),
            place: match place {
                history::Place::Cluster => Place::Cluster,
                history::Place::Namespace(namespace) => Place::Namespace(namespace.to_string()),
                history::Place::Labels(labels) => Place::Labels(labels.clone()),
            },
        },
        Fact::Allows(role, what) => What::Allows { role: role.to_string(), what: what.clone() },
        Fact::Expected { key, environment, request } => {
            What::Expected { key: (*key).to_owned(), environment: environment.to_string(), request: request.clone() }
        }
    }
}
