//! Progress on standard error: a bar at a terminal, plain lines elsewhere.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::ui::{Ui, Voice};
use crate::providers::entra::{Lagging, OnLag};
use crate::providers::http::{OnWait, Wait};
use crate::report::escape;
use crate::state::{GroupKey, first_few};

/// Waits that together are shorter are not worth a line.
const WORTH_SAYING: Duration = Duration::from_secs(10);

/// One bar for one stretch of work.
pub(super) struct Progress {
    bar: ProgressBar,
    voice: Voice,
    awaited: Arc<Mutex<Awaited>>,
}

impl Progress {
    /// A bar when standard error is a terminal, and nothing otherwise.
    pub(super) fn new(ui: &Ui) -> Self {
        let target = if ui.stderr_is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::AndClear);
        Self { bar, voice: ui.voice(), awaited: Arc::default() }
    }

    /// Says so while Graph makes us wait: at a terminal in the bar, elsewhere in a line now and then.
    pub(super) fn on_wait(&self) -> OnWait {
        let (bar, voice, told) = (self.bar.clone(), self.voice.clone(), Mutex::new(None));
        OnWait::tell(move |wait| {
            if !bar.is_hidden() {
                bar.set_message(text(wait));
            } else if due(wait, &mut told.lock().unwrap_or_else(PoisonError::into_inner)) {
                voice.say(&text(wait));
            }
        })
    }

    /// Says so while what was written is not shown yet: at a terminal in the bar, elsewhere in a line now and then.
    pub(super) fn on_lag(&self) -> OnLag {
        let (bar, voice, awaited) = (self.bar.clone(), self.voice.clone(), Arc::clone(&self.awaited));
        OnLag::tell(move |lagging| {
            let mut awaited = awaited.lock().unwrap_or_else(PoisonError::into_inner);
            let text = waits_for(&lagging.groups);
            let is_due = awaited.hears(lagging, Instant::now());
            if !bar.is_hidden() {
                bar.set_message(text);
            } else if is_due {
                voice.say(&text);
            }
        })
    }

    /// What was waited for, if anything was.
    pub(super) fn waited(&self) -> Option<String> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).told()
    }

    /// The live systems are being read.
    pub(super) fn reading(&self, clusters: usize) {
        self.bar.set_length(clusters as u64);
        self.style("{spinner} reading Entra and the clusters {pos}/{len} {msg}");
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// One cluster has been read, or could not be.
    pub(super) fn read(&self, environment: &str) {
        self.bar.set_message(environment.to_owned());
        self.bar.inc(1);
    }

    /// Changes are being carried out.
    pub(super) fn applying(&self, changes: usize) {
        self.bar.reset();
        self.bar.set_length(changes as u64);
        self.style("{spinner} applying {pos}/{len} {msg} {wide_bar}");
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// One change has an outcome: the line stays, and the bar moves on below it.
    pub(super) fn line(&self, ui: &mut Ui, line: &str) {
        self.bar.set_message("");
        self.bar.inc(1);
        self.note(ui, line);
    }

    /// A line that stays above the bar.
    pub(super) fn note(&self, ui: &mut Ui, line: &str) {
        if self.bar.is_hidden() { ui.say(line) } else { self.bar.println(line.trim_end()) }
    }

    /// The stretch of work is over; nothing of the bar stays.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}

/// What was waited for, because Entra did not show it yet.
#[derive(Debug, Default)]
struct Awaited {
    groups: BTreeSet<GroupKey>,
    /// How long in all; waits that overlap count once.
    total: Duration,
    until: Option<Instant>,
    said: Option<Instant>,
    unread: Option<String>,
}

impl Awaited {
    /// Takes in one wait, and says whether it is worth a line: the first, and then one each ten seconds.
    fn hears(&mut self, lagging: Lagging, now: Instant) -> bool {
        let from = self.until.map_or(now, |until| until.max(now));
        let until = now + lagging.now;
        self.total += until.saturating_duration_since(from);
        self.until = Some(until.max(from));
        self.groups.extend(lagging.groups);
        self.unread = lagging.unread.or_else(|| self.unread.take());
        let is_due = self.said.is_none_or(|said| now.saturating_duration_since(said) >= WORTH_SAYING);
        if is_due {
            self.said = Some(now);
        }
        is_due
    }

    fn told(&self) -> Option<String> {
        let seconds = self.total.as_secs_f64().ceil();
        let unread = self.unread.as_ref().map(|why| format!(" Last of all: {}.", escape::message(why)));
        let text = format!("Waited {seconds} s in all for Entra to show {}.", groups(&self.groups));
        (!self.groups.is_empty()).then(|| text + &unread.unwrap_or_default())
    }
}

fn waits_for(keys: &BTreeSet<GroupKey>) -> String {
    format!("Waiting for Entra to show {} …", groups(keys))
}

fn groups(keys: &BTreeSet<GroupKey>) -> String {
    let one = if keys.len() == 1 { "group" } else { "groups" };
    format!("{} {one} ({})", keys.len(), first_few(keys.iter(), 3))
}

/// Whether a wait is worth a line: from ten seconds on, and then each time it has become twice as long. Many requests wait
/// at once and say the same.
fn due(wait: Wait, told: &mut Option<Duration>) -> bool {
    let total = wait.so_far.saturating_add(wait.now);
    let least = told.map_or(WORTH_SAYING, |told| told.saturating_mul(2));
    let is_due = total >= least;
    if is_due {
        *told = Some(total);
    }
    is_due
}

fn text(Wait { so_far, now, limit }: Wait) -> String {
    format!(
        "Graph asks to wait (429): {} s so far, {} s from now; gives up after {} s",
        so_far.as_secs(),
        now.as_secs_f64().ceil(),
        limit.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_folded_and_overlapping_waits_count_once() {
        let mut awaited = Awaited::default();
        let start = Instant::now();
        let mut said = Vec::new();
        for (at, wait, keys) in [(0, 2, "a b"), (1, 4, "c"), (4, 4, "a d e"), (12, 1, "e"), (13, 0, "e")] {
            let groups = keys.split(' ').map(|key| key.parse().unwrap()).collect::<BTreeSet<_>>();
            let text = waits_for(&groups);
            let lagging = Lagging { groups, now: Duration::from_secs(wait), unread: None };
            if awaited.hears(lagging, start + Duration::from_secs(at)) {
                said.push(text);
            }
        }
        said.extend(awaited.told());
        insta::assert_snapshot!(said.join("\n"), @"
        Waiting for Entra to show 2 groups (a, b) …
        Waiting for Entra to show 1 group (e) …
        Waited 9 s in all for Entra to show 5 groups (a, b, c and 2 more).
        ");
        assert_eq!(Awaited::default().told(), None);
    }

    #[test]
    fn a_long_wait_is_told_once_and_rarely_again() {
        let wait = |so_far, now| Wait {
            so_far: Duration::from_secs(so_far),
            now: Duration::from_secs(now),
            limit: Duration::from_secs(300),
        };
        let mut told = None;
        let waits = [(0, 2), (2, 2), (8, 2), (8, 2), (10, 5), (18, 7), (40, 5), (40, 5), (99, 199), (299, 1)];
        let said: Vec<String> = waits
            .iter()
            .map(|(so_far, now)| wait(*so_far, *now))
            .filter(|wait| due(*wait, &mut told))
            .map(text)
            .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        Graph asks to wait (429): 8 s so far, 2 s from now; gives up after 300 s
        Graph asks to wait (429): 18 s so far, 7 s from now; gives up after 300 s
        Graph asks to wait (429): 99 s so far, 199 s from now; gives up after 300 s
        ");
    }
}
