//! A run of `apply` as lines: one when it starts, one for each outcome, and the counts at the end.

use std::collections::BTreeMap;
use std::path::Path;

use unicode_width::UnicodeWidthStr as _;

use super::Layout;
use super::page::{Mark, Page};
use super::words::count;
use crate::apply::{Stop, Summary};
use crate::plan::{Plan, Unread};
use crate::report::escape;
use crate::state::{Change, Outcome, first_few};

/// The line before anything happens: how much will be done, and where the journal is.
pub fn opening(changes: &[Change], journal: &Path, layout: Layout) -> String {
    let mut page = Page::new(layout);
    let journal = escape::message(&journal.display().to_string());
    page.words(0, &format!("Applying {} (journal {journal})", count(changes.len(), "change")));
    page.render()
}

/// Writes one line for each outcome, all with the outcome in the same column where there is room.
#[derive(Clone, Copy, Debug)]
pub struct Outcomes {
    layout: Layout,
    column: usize,
}

impl Outcomes {
    /// For a run of these changes.
    pub fn new(changes: &[Change], layout: Layout) -> Self {
        let widest = changes.iter().map(|change| escape::line(&change.address.to_string()).width()).max().unwrap_or(0);
        // An outcome needs some room of its own; addresses longer than the rest have theirs below.
        Self { layout, column: (widest + 4).min(layout.width * 3 / 5) }
    }

    /// What became of one change.
    pub fn line(&self, change: &Change, outcome: &Outcome) -> String {
        let mut page = Page::new(self.layout);
        page.aligned(Mark::Sign(change.sign()), &change.address.to_string(), self.column, &text(change, outcome));
        page.render()
    }
}

/// What a run did not try or Entra does not show yet, by the reason: often hundreds for one, so that only the first are named.
/// And what failed, to be told once more where it is far above by then.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    by_text: BTreeMap<String, Vec<(Change, Outcome)>>,
    failed: Vec<(Change, Outcome)>,
}

impl Gathered {
    /// How many are told one by one.
    const LISTED: usize = 3;
    /// For how many reasons that wait for something each is told.
    const REASONS: usize = 4;
    /// How many failures are told again.
    const FAILED: usize = 10;
    /// Failures are told again when so many lines hide them.
    const A_SCREEN: usize = 20;

    /// One more.
    pub fn add(&mut self, change: &Change, outcome: &Outcome) {
        if matches!(outcome, Outcome::Failed { .. }) {
            self.failed.push((change.clone(), outcome.clone()));
        } else {
            let text = text(change, outcome);
            self.by_text.entry(text).or_default().push((change.clone(), outcome.clone()));
        }
    }

    /// A line for each where they are few, else one line for a reason. `told` is how many lines there were before.
    pub fn lines(&self, outcomes: &Outcomes, told: usize) -> String {
        let mut lines = String::new();
        let (mut waiting, rest): (Vec<_>, Vec<_>) =
            self.by_text.iter().partition(|(text, _)| text.starts_with("not tried, waits for "));
        waiting.sort_by_key(|(_, changes)| std::cmp::Reverse(changes.len()));
        let folded = if waiting.len() > Self::REASONS { waiting.split_off(Self::REASONS - 1) } else { Vec::new() };
        for (text, changes) in rest.into_iter().chain(waiting) {
            if changes.len() <= Self::LISTED {
                for (change, outcome) in changes {
                    lines.push_str(&outcomes.line(change, outcome));
                }
            } else {
                let first = first_few(changes.iter().map(|(change, _)| &change.address), Self::LISTED);
                let mut page = Page::new(outcomes.layout);
                page.detail(0, &format!("{} {text}: {first}", count(changes.len(), "change")));
                lines.push_str(&page.render());
            }
        }
        if !folded.is_empty() {
            let changes = folded.iter().map(|(_, changes)| changes.len()).sum();
            let more = format!("{} not tried", count(changes, "more change"));
            let mut page = Page::new(outcomes.layout);
            page.detail(0, &format!("{more}, they wait for {} others; the journal names each", folded.len()));
            lines.push_str(&page.render());
        }
        if told > Self::A_SCREEN && !self.failed.is_empty() {
            let title = format!("\nFailed, of {told} lines above:\n");
            lines.push_str(&title);
            for (change, outcome) in self.failed.iter().take(Self::FAILED) {
                lines.push_str(&outcomes.line(change, outcome));
            }
            if self.failed.len() > Self::FAILED {
                let more = self.failed.len() - Self::FAILED;
                let more = format!("and {more} more that failed; the journal names each\n");
                lines.push_str(&more);
            }
        }
        lines
    }
}

fn text(change: &Change, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { created: None } => "done".to_owned(),
        Outcome::Done { created: Some(id) } => format!("done ({})", id.short()),
        Outcome::AlreadySo { .. } => "already so".to_owned(),
        Outcome::PendingReplication { why: Some(why) } => {
            format!("accepted, but it could not be read back (pending replication): {}", escape::message(why))
        }
        Outcome::PendingReplication { why: None } if change.address.environment().is_none() => {
            "accepted, but Entra does not show it yet (pending replication)".to_owned()
        }
        Outcome::PendingReplication { why: None } => {
            "accepted, but something on the cluster holds it (a finalizer)".to_owned()
        }
        Outcome::Failed { failure } => {
            let next = failure.next.as_ref().map(|next| format!("; {next}")).unwrap_or_default();
            format!("failed: {}", escape::message(&format!("{}{next}", failure.what)))
        }
        Outcome::NotTried { reason } => format!("not tried, {}", escape::message(reason)),
    }
}

/// Where nothing was done because it could not be read: the reason is far above by now, with everything that was done since.
pub fn not_done(plan: &Plan, layout: Layout) -> String {
    const TOLD: usize = 3;
    let mut page = Page::new(layout);
    let mut again = false;
    for (at, Unread { environment, failure, allowed }) in plan.unread.iter().enumerate() {
        again |= !allowed;
        if at >= TOLD {
            continue;
        }
        let nothing = match environment {
            Some(environment) => format!("{environment} was not read, nothing was done there"),
            None => "Entra was not read, nothing was done there and no binding was made or removed".to_owned(),
        };
        let allowed = if *allowed { " (allowed)" } else { "" };
        page.item(Mark::Decide, &format!("{nothing}{allowed}: {}", escape::message(&failure.what)));
        if let Some(next) = &failure.next {
            page.detail(2, &format!("> {}", escape::message(next)));
        }
    }
    if plan.unread.len() > TOLD {
        let rest = plan.unread.iter().skip(TOLD).filter_map(|part| part.environment.as_ref());
        page.item(Mark::Decide, &format!("{} were not read either", first_few(rest, TOLD)));
    }
    super::plan::waits(&mut page, plan, "apply");
    if again {
        page.words(0, "That is not everything: run it again when this is mended.");
    }
    page.render()
}

/// The counts, and what to do when not everything is done. `journal_failure` is why the journal stopped midway, if it did.
pub fn closing(summary: &Summary, wrote_nothing: bool, journal_failure: Option<&str>, layout: Layout) -> String {
    let Summary { done, already, pending, failed, forbidden, not_tried, stopped } = summary;
    let interrupted = *stopped == Some(Stop::Interrupted);
    let counts = [
        (*done, "done"),
        (*already, "already so"),
        (*pending, "pending"),
        (*failed, "failed"),
        (*not_tried, "not tried"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    let counts = if counts.is_empty() { "Nothing to do".to_owned() } else { counts.join(", ") };
    let start = match (interrupted, wrote_nothing) {
        (true, true) => "Interrupted; nothing was written: ",
        (true, false) => "Interrupted: ",
        (false, true) => "Nothing was written: ",
        (false, false) => "",
    };
    let stays = if wrote_nothing { "" } else { ": what is done stays done" };
    // Running again is no remedy for a right that is missing.
    let again = if journal_failure.is_some() {
        format!(" Free space, or name another place with --journal FILE, then run it again{stays}.")
    } else if pending + failed + not_tried == 0 {
        String::new()
    } else if failed + not_tried == 0 && !interrupted {
        " Run it again in some minutes: it finds what is done, and does only what is missing.".to_owned()
    } else if *failed > 0 && forbidden == failed && !interrupted {
        format!(" Give the rights named above, then run it again{stays}.")
    } else if *pending > 0 {
        format!(" Run it again in some minutes{stays}.")
    } else {
        format!(" Run it again{stays}.")
    };
    let mut page = Page::new(layout);
    if let Some(failure) = journal_failure {
        page.marked(0, Mark::Decide, &format!("{}; nothing was started after that", escape::message(failure)), None);
    }
    page.words(0, &format!("{start}{counts}.{again}"));
    page.render()
}
