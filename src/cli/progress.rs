//! Progress on standard error: a bar at a terminal, plain lines elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::ui::Ui;

/// One bar for one stretch of work.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar when standard error is a terminal, and nothing otherwise.
    pub(super) fn new(ui: &Ui) -> Self {
        let target = if ui.stderr_is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::AndClear);
        Self { bar }
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
        self.style("{spinner} applying {pos}/{len} {wide_bar}");
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// One change has an outcome: the line stays, and the bar moves on below it.
    pub(super) fn line(&self, ui: &mut Ui, line: &str) {
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
