//! What is said of drift, whatever the form of the report.

use crate::plan::Plan;
use crate::plan::drift::{Drift, Evidence, Standing};
use crate::report::escape;
use crate::state::{Address, Change, EnvironmentName, FieldWrite, Operation, Sign, first_few};

/// As many writers of one object are named.
const NAMED_WRITERS: usize = 3;

/// What an apply makes of it.
pub(super) fn apply_would(change: &Change, by_saved: bool) -> String {
    let does = match (&change.address, &change.operation) {
        (_, Operation::Restore { .. }) => "restores it, with the members and owners it had",
        (Address::Group(_) | Address::Object { .. }, Operation::Create { .. }) => "makes it",
        (Address::Group(_), Operation::Delete { .. }) => "deletes it",
        (Address::Owner(..) | Address::Member(..), Operation::Create { .. }) => "adds them",
        (Address::Owner(..) | Address::Member(..), Operation::Delete { .. }) => "removes them",
        (Address::Object { .. }, Operation::Delete { .. }) if change.replaced_by.is_some() => {
            "takes it away: ours give the same"
        }
        (Address::Object { .. }, Operation::Delete { .. }) => "takes it away",
        (_, Operation::Update { .. }) => "sets it right",
    };
    let saved = if by_saved { " (from a saved plan)" } else { "" };
    format!("`apply` {does}{saved}")
}

/// Since when something is so, and by whom; nothing where nobody knows. Hostile texts are made harmless.
pub(super) fn known(standing: Standing, evidence: &Evidence) -> Option<String> {
    match evidence {
        Evidence::Unknown => None,
        Evidence::Deleted(time) => Some(format!("deleted {}", escape::name(time))),
        Evidence::Object { created, deleting, writes, ours } => {
            let mut parts = Vec::new();
            let made = created.as_ref().map(|time| format!("made {}", escape::name(time)));
            if standing == Standing::More || (writes.is_empty() && ours.is_none()) {
                parts.extend(made);
            }
            if !writes.is_empty() {
                let by = first_few(writes.iter().map(writer), NAMED_WRITERS);
                parts.push(format!("last written by {by}"));
            } else if let Some(time) = ours {
                let at = time.as_ref().map(|time| format!(" {}", escape::name(time))).unwrap_or_default();
                parts.push(match standing {
                    Standing::More => format!("by field manager rolecall itself{at}"),
                    Standing::Otherwise | Standing::Less => {
                        format!("as field manager rolecall itself wrote it{at}: no other has written there")
                    }
                });
            }
            if let Some(time) = deleting {
                parts.push(format!("being deleted since {}", escape::name(time)));
            }
            (!parts.is_empty()).then(|| parts.join(", "))
        }
    }
}

/// `field manager kubectl-edit (Update) 2026-11-23T14:02:11Z`
fn writer(write: &FieldWrite) -> String {
    let at = write.time.as_ref().map(|time| format!(" {}", escape::name(time))).unwrap_or_default();
    format!("field manager {} ({}){at}", escape::quoted(&write.manager), escape::name(&write.operation))
}

/// How much there is, by what live systems have more or less.
pub(super) struct Counts {
    /// There, and no file asks for it.
    pub(super) more: usize,
    /// There otherwise than the files ask.
    pub(super) otherwise: usize,
    /// Asked for, and not there.
    pub(super) less: usize,
    /// Bindings of others where the files refuse them.
    pub(super) refused: usize,
    /// What a plan holds back.
    pub(super) withheld: usize,
}

impl Counts {
    pub(super) fn of(plan: &Plan, drift: &Drift) -> Self {
        let signs = |sign: Sign| plan.changes.iter().filter(|change| change.sign() == sign).count();
        Self {
            more: signs(Sign::Remove),
            otherwise: signs(Sign::Change),
            less: signs(Sign::Add),
            refused: drift.refused.len(),
            withheld: plan.withheld.len(),
        }
    }
}

/// The conclusion, in sentences: how much there is, what was not looked at, and what to do.
pub(super) fn conclusions(plan: &Plan, drift: &Drift, subject: &str, compared: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let unread = plan.unread.iter().map(|part| part.environment.as_ref().map_or("Entra", EnvironmentName::as_str));
    if !plan.unread.is_empty() {
        sentences.push(format!("Not looked at: {}.", first_few(unread, NAMED_PARTS)));
    }
    let Counts { more, otherwise, less, refused, withheld } = Counts::of(plan, drift);
    if plan.is_without_drift() {
        let rest = if plan.unread.is_empty() { "" } else { " in the rest" };
        sentences.push(format!("No drift{rest}. {compared} are as {subject} asks."));
        return sentences;
    }
    let mut parts =
        vec![format!("{more} more than the files ask"), format!("{otherwise} otherwise"), format!("{less} missing")];
    if refused > 0 {
        parts.push(format!("{refused} of others that the files refuse"));
    }
    if withheld > 0 {
        parts.push(format!("{withheld} withheld"));
    }
    sentences.push(format!("Drift: {}.", parts.join(", ")));
    sentences
}

/// As many parts that were not read are named.
const NAMED_PARTS: usize = 5;
