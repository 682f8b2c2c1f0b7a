//! Progress on standard error: a bar at a terminal, plain lines elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::ui::{Ui, Voice};
use crate::providers::http::{OnWait, Wait};

/// Waits that together are shorter are not worth a line.
const WORTH_SAYING: Duration = Duration::from_secs(10);

/// One bar for one stretch of work.
pub(super) struct Progress {
    bar: ProgressBar,
    voice: Voice,
}

impl Progress {
    /// A bar when standard error is a terminal, and nothing otherwise.
    pub(super) fn new(ui: &Ui) -> Self {
        let target = if ui.stderr_is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::AndClear);
        Self { bar, voice: ui.voice() }
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
