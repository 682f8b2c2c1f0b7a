//! What is said of drift, whatever the form of the report.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::text::unmanaged;
use super::text::view::View;
use super::text::words::count;
use crate::plan::drift::{AuditLog, Audited, Drift, Evidence, Standing};
use crate::plan::{Coverage, Plan, Treatment, UnmanagedBinding};
use crate::report::escape;
use crate::state::{
    Address, AuditActivity, Change, EnvironmentName, Failure, FieldWrite, GroupKey, Initiator, Operation, Sign,
    UserPrincipalName, first_few,
};

/// As many writers of one object are named.
const NAMED_WRITERS: usize = 3;

/// What an apply makes of it; of what is protected, one of a saved plan.
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
    let saved = if by_saved { ", from a saved plan only" } else { "" };
    format!("`apply` {does}{saved}")
}

/// Since when something is so, and by whom; nothing where nobody knows. Hostile texts are made harmless.
pub(super) fn known(standing: Standing, evidence: &Evidence) -> Option<String> {
    match evidence {
        Evidence::Unknown => None,
        Evidence::Deleted(time) => Some(format!("deleted {}", escape::name(time))),
        Evidence::Audited { by, .. } => Some(audited(by, by.time.map(at))),
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

/// What is said where nobody knows.
pub(super) const UNKNOWN: &str = "since when and by whom is unknown";

/// What the audit log says: `added by erin@contoso.com 2026-11-23T14:02:11Z`, with these words for the time.
pub(super) fn audited(audited: &Audited, when: Option<String>) -> String {
    let did = match audited.activity {
        AuditActivity::AddMember | AuditActivity::AddOwner => "added",
        AuditActivity::RemoveMember | AuditActivity::RemoveOwner => "removed",
        AuditActivity::AddGroup => "made",
        AuditActivity::UpdateGroup => "changed",
        AuditActivity::DeleteGroup => "deleted",
        AuditActivity::RestoreGroup => "restored",
    };
    let who = match &audited.by {
        // What could be taken for something else than a name stands between quotation marks.
        Initiator::User { name: Some(name), .. } if name.parse::<UserPrincipalName>().is_ok() => escape::name(name),
        Initiator::User { name: Some(name), .. } => format!("the person {}", escape::quoted(name)),
        Initiator::User { id: Some(id), .. } => format!("the person {id}"),
        Initiator::App { name: Some(name), .. } => format!("{} {}", app(audited), escape::quoted(name)),
        Initiator::App { id: Some(id), .. } => format!("{} {id}", app(audited)),
        Initiator::App { app: Some(id), .. } => format!("{} {id}", app(audited)),
        Initiator::User { .. } | Initiator::App { .. } | Initiator::Unknown => {
            "somebody whom the audit log does not name".to_owned()
        }
    };
    let when = when.map(|when| format!(" {when}")).unwrap_or_default();
    let perhaps = if audited.is_ours { ", perhaps by an earlier apply" } else { "" };
    format!("{did} by {who}{when}{perhaps}")
}

fn app(audited: &Audited) -> &'static str {
    if audited.is_ours { "the applier" } else { "the app" }
}

/// A time to the second.
pub(super) fn at(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Something about the whole: why something is not known, and what would make it known.
pub(super) struct Remark {
    pub(super) what: String,
    pub(super) next: Option<String>,
}

/// Why since when and by whom something is so is not known, where it is not.
pub(super) fn remarks(plan: &Plan, drift: &Drift) -> Vec<Remark> {
    let silent = |change: &&Change| known(Standing::of(change), drift.of(&change.address)).is_none();
    let (in_entra, on_clusters): (Vec<&Change>, Vec<&Change>) =
        plan.changes.iter().filter(silent).partition(|change| change.address.environment().is_none());
    let mut remarks = Vec::new();
    if !on_clusters.is_empty() {
        let what = "Nobody knows what an object on a cluster does not say: one that is gone keeps no record.";
        remarks.push(Remark { what: what.to_owned(), next: None });
    }
    let Some(log) = &drift.log else { return remarks };
    remarks.extend(unread(log));
    if !log.not_asked.is_empty() {
        let (asked, left) = (log.asked, log.not_asked.len());
        remarks.push(Remark {
            what: format!(
                "The audit log was asked about the first {asked} groups; who changed the other {left} is unknown: {}",
                first_few(&log.not_asked, NAMED_GROUPS)
            ),
            next: Some("ask about one with --only group/NAME".to_owned()),
        });
    }
    let is_told = |change: &&&Change| {
        change.address.group().is_some_and(|key| !log.unread.contains_key(key) && !log.not_asked.contains(key))
    };
    if in_entra.iter().any(|change| is_told(&change)) {
        let cut = if log.cut.is_empty() {
            String::new()
        } else {
            format!(" Of {} only its latest entries were read.", first_few(&log.cut, NAMED_GROUPS))
        };
        let what = "The rest of Entra's drift is not in its audit log: that is some minutes behind, and ends after 30 days \
                    (7 without a licence of Entra ID P1).";
        remarks.push(Remark { what: format!("{what}{cut}"), next: None });
    }
    remarks
}

/// Groups of which the log could not be read, told once for each reason.
fn unread(log: &AuditLog) -> Vec<Remark> {
    let mut reasons: Vec<(&Failure, Vec<&GroupKey>)> = Vec::new();
    for (key, failure) in &log.unread {
        match reasons.iter_mut().find(|(known, _)| known.kind == failure.kind) {
            Some((_, keys)) => keys.push(key),
            None => reasons.push((failure, vec![key])),
        }
    }
    let remark = |(failure, keys): (&Failure, Vec<&GroupKey>)| {
        let of = if keys.len() == log.asked { "groups".to_owned() } else { first_few(keys, NAMED_GROUPS) };
        Remark {
            what: format!("Who changed {of} in Entra is unknown: {}", escape::message(&failure.what)),
            next: failure.next.as_deref().map(escape::message),
        }
    };
    reasons.into_iter().map(remark).collect()
}

/// As many groups are named.
const NAMED_GROUPS: usize = 3;

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
        let changes: Vec<&Change> = plan.changes.iter().collect();
        Self { withheld: plan.withheld.len(), ..Self::at(&changes, drift.refused.len()) }
    }

    /// At one place: of what would be put right there, and of so many bindings that the files refuse.
    pub(super) fn at(changes: &[&Change], refused: usize) -> Self {
        let signs = |sign: Sign| changes.iter().filter(|change| change.sign() == sign).count();
        let (more, otherwise, less) = (signs(Sign::Remove), signs(Sign::Change), signs(Sign::Add));
        Self { more, otherwise, less, refused, withheld: 0 }
    }

    /// `2 not in the files`, `1 missing`: what there is of it, each with its sign behind it where that is wanted.
    pub(super) fn words(&self, with_signs: bool) -> String {
        let of_files = if with_signs { "different from the files" } else { "different" };
        let kinds = [
            (self.more, "not in the files", " (+)"),
            (self.otherwise, of_files, " (~)"),
            (self.less, "missing", " (-)"),
            (self.refused, "of others that the files refuse", " (+)"),
            (self.withheld, "withheld", ""),
        ];
        let told = kinds.into_iter().filter(|(number, ..)| *number > 0);
        let told = told.map(|(number, what, sign)| format!("{number} {what}{}", if with_signs { sign } else { "" }));
        told.collect::<Vec<_>>().join(", ")
    }
}

/// The conclusion, in sentences: how much there is, and what was not looked at.
pub(super) fn conclusions(plan: &Plan, drift: &Drift, subject: &str, compared: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let unread = plan.unread.iter().map(|part| part.environment.as_ref().map_or("Entra", EnvironmentName::as_str));
    if !plan.unread.is_empty() {
        sentences.push(format!("Not looked at: {}.", first_few(unread, NAMED_PARTS)));
    }
    if plan.is_without_drift() {
        let rest = match plan.coverage() {
            Coverage::Whole => "",
            Coverage::Part => " in the rest",
            Coverage::Nothing => {
                sentences.push("Nothing could be compared.".to_owned());
                return sentences;
            }
        };
        sentences.push(format!("No drift{rest}. {compared} are as {subject} asks."));
        return sentences;
    }
    sentences.push(format!("Drift: {}.", Counts::of(plan, drift).words(true)));
    if plan.refusals().next().is_some() {
        sentences.push("`apply` would refuse until what is marked `!` is settled.".to_owned());
    }
    sentences
}

/// What can be done about it: to what end, and by which command.
pub(super) fn next(plan: &Plan, view: &View<'_>) -> Vec<(String, &'static str)> {
    let protected: BTreeSet<&str> = plan.changes.iter().flat_map(|change| view.protected(change)).collect();
    if plan.changes.is_empty() {
        return Vec::new();
    }
    let take_back = if protected.is_empty() {
        ("to take it back".to_owned(), "rolecall apply")
    } else {
        let places = first_few(protected, NAMED_PARTS);
        let what = format!("to take it back, with what is protected ({places})");
        (what, "rolecall plan --save FILE; rolecall apply FILE")
    };
    let accept = "rolecall drift --as-patch | git apply --allow-empty";
    vec![take_back, ("to accept it into the files".to_owned(), accept)]
}

/// What is no drift because no file says anything of it: how many bindings, and those of people that give much.
pub(super) struct NotCounted {
    /// A sentence.
    pub(super) sentence: String,
    /// The place of each that gives much, and what it gives; those of software last and in one.
    pub(super) much: Vec<(String, String)>,
}

/// The bindings that rolecall does not manage and no file speaks of; nothing where there are none.
pub(super) fn not_counted(plan: &Plan, view: &View<'_>) -> Option<NotCounted> {
    let told: Vec<&UnmanagedBinding> =
        plan.unmanaged.iter().filter(|binding| binding.treatment == Treatment::Reported).collect();
    if told.is_empty() {
        return None;
    }
    let much: Vec<&UnmanagedBinding> = told.iter().copied().filter(|binding| binding.gives_much()).collect();
    let gives = match (told.len(), much.len()) {
        (1, 0) => "which does not give",
        (1, _) => "which gives",
        (_, 0) => "none of which gives",
        (_, 1) => "1 of which gives",
        (_, some) => &format!("{some} of which give"),
    };
    let them = if told.len() == 1 { "it" } else { "them" };
    let bindings = count(told.len(), "binding");
    let sentence = format!(
        "Not counted: {bindings} that no file asks for and rolecall does not manage, {gives} admin, cluster-admin or wildcards; `rolecall plan` lists {them}."
    );
    let (software, people): (Vec<_>, Vec<_>) =
        much.into_iter().partition(|binding| unmanaged::is_for_software(binding));
    let mut much: Vec<(String, String)> = people
        .iter()
        .take(NAMED_BINDINGS)
        .map(|binding| (binding.environment.to_string(), unmanaged::message(binding, view)))
        .collect();
    let mut rest = Vec::new();
    if people.len() > NAMED_BINDINGS {
        rest.push(format!("{} more", people.len() - NAMED_BINDINGS));
    }
    if !software.is_empty() {
        rest.push(format!("{} for service accounts only", software.len()));
    }
    if !rest.is_empty() {
        let places: BTreeSet<String> = software
            .iter()
            .chain(people.iter().skip(NAMED_BINDINGS))
            .map(|each| each.environment.to_string())
            .collect();
        let and = if much.is_empty() { "" } else { "and " };
        much.push((
            first_few(places, NAMED_PARTS),
            format!("{and}{}; `--output json` lists each", rest.join(", and ")),
        ));
    }
    Some(NotCounted { sentence, much })
}

/// As many bindings that give much are named.
const NAMED_BINDINGS: usize = 10;

/// As many parts that were not read are named.
const NAMED_PARTS: usize = 5;

#[cfg(test)]
mod tests;
