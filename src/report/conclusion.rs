//! What comes out of a plan in the end, in sentences that every form of a report shares.

use super::counts::Counts;
use super::text::{base, expectations, guards, plan::subject, words::count};
use super::{Context, unread};
use crate::plan::{Coverage, Plan};

/// A sentence of the conclusion, and what it is to whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sentence {
    pub(super) weight: Weight,
    pub(super) text: String,
}

/// What a sentence is to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// How much there is to do, which a heading may have said.
    Counts,
    Plain,
    /// What somebody has to decide.
    Decide,
}

impl Sentence {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { weight: Weight::Plain, text: text.into() }
    }

    pub(super) fn decide(text: impl Into<String>) -> Self {
        Self { weight: Weight::Decide, text: text.into() }
    }

    fn counts(text: impl Into<String>) -> Self {
        Self { weight: Weight::Counts, text: text.into() }
    }
}

/// What comes out.
pub(super) fn sentences(plan: &Plan, context: &Context) -> Vec<Sentence> {
    let counts = Counts::of(plan);
    let mut sentences = Vec::new();
    // What nobody looked at comes first: what follows holds for the rest.
    match plan.coverage() {
        Coverage::Whole => {}
        Coverage::Part => sentences.push(Sentence::decide(format!("No plan for {}: not read.", unread::parts(plan)))),
        Coverage::Nothing => sentences.push(Sentence::decide(format!(
            "No plan, {} not read: {}.",
            plan.unread.len(),
            unread::parts(plan)
        ))),
    }
    if !plan.unread.is_empty() && plan.unread.iter().any(|part| part.environment.is_none()) && read_clusters(plan) {
        // Whom a binding is for is known from Entra only, so that the clusters that were read are no rest either.
        sentences.push(Sentence::plain("Without Entra no group and no binding could be compared."));
    }
    sentences.extend(outcome(plan, context, counts));
    let caused = context.base.as_ref().and_then(|base| Some((base, base.caused.as_ref().ok()?)));
    sentences.extend(caused.map(|(of, caused)| Sentence::plain(base::counts(plan, of, caused))));
    let mut guards = guards::sentences(plan, &counts, context).into_iter();
    sentences.extend(guards.next());
    if counts.forbidden > 0 {
        let forbidden = count(counts.forbidden, "change");
        sentences.push(Sentence::plain(format!("{forbidden} would be refused by the API server: rights are missing.")));
    }
    sentences.extend(guards);
    sentences.extend(expectations::conclusion(&context.expectations));
    sentences
}

/// Whether clusters were read.
fn read_clusters(plan: &Plan) -> bool {
    plan.compared.environments > 0
}

/// How much there is to do.
fn outcome(plan: &Plan, context: &Context, counts: Counts) -> Vec<Sentence> {
    let Counts { add, change, remove, .. } = counts;
    let missing = missing(counts);
    if !plan.changes.is_empty() {
        let missing = if missing.is_empty() { "0 withheld".to_owned() } else { missing };
        return vec![Sentence::counts(format!(
            "Plan: {add} to add, {change} to change, {remove} to remove, {missing}."
        ))];
    }
    let subject = subject(plan, context.commit.as_ref());
    let (compared, is_one) = compared(plan);
    let (matches, were) = if is_one { ("matches", "was") } else { ("match", "were") };
    let withheld = if missing.is_empty() { String::new() } else { format!(", {missing}") };
    match plan.coverage() {
        Coverage::Nothing => {
            let nothing = (!missing.is_empty()).then(|| Sentence::plain(format!("Nothing to apply{withheld}.")));
            let next = Sentence::plain("Do what stands under \"Not read\", then plan again.");
            nothing.into_iter().chain([next]).collect()
        }
        Coverage::Part => {
            vec![Sentence::plain(format!("No changes in what was read{withheld}: {compared} compared with {subject}."))]
        }
        Coverage::Whole if compared.is_empty() => {
            vec![Sentence::plain(format!("No changes{withheld}. {subject} asks for nothing."))]
        }
        Coverage::Whole if missing.is_empty() => {
            vec![Sentence::plain(format!("No changes. {compared} {matches} {subject}."))]
        }
        Coverage::Whole => {
            vec![Sentence::plain(format!("Nothing to apply{withheld}. {compared} {were} compared with {subject}."))]
        }
    }
}

/// `2 withheld, 1 error`; nothing where that is nothing.
fn missing(counts: Counts) -> String {
    let withheld = (counts.waiting > 0).then(|| format!("{} withheld", counts.waiting));
    let errors = (counts.errors > 0).then(|| count(counts.errors, "error"));
    withheld.into_iter().chain(errors).collect::<Vec<_>>().join(", ")
}

/// `3 groups, 1 binding`, and whether that is one thing alone.
fn compared(plan: &Plan) -> (String, bool) {
    let compared = [
        (plan.compared.groups, "group"),
        (plan.compared.environments, "environment"),
        (plan.compared.bindings, "binding"),
    ];
    let some: Vec<(usize, &str)> = compared.into_iter().filter(|(number, _)| *number > 0).collect();
    let told: Vec<String> = some.iter().map(|(number, thing)| count(*number, thing)).collect();
    (told.join(", "), matches!(some[..], [(1, _)]))
}
