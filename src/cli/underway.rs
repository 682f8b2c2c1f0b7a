//! What is under way: whoever ends a command at once takes it from the screen, and says how far it came.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;

/// What a command is at.
#[derive(Clone, Default)]
pub(super) struct Underway(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    written: Option<Written>,
    lock: Option<String>,
}

/// How far the writing came.
struct Written {
    finished: usize,
    of: usize,
    journal: String,
}

impl Underway {
    /// This bar is on the screen.
    pub(super) fn shows(&self, bar: &ProgressBar) {
        self.state().bar = Some(bar.clone());
    }

    /// From here on so many changes are carried out.
    pub(super) fn writes(&self, changes: usize, journal: &Path) {
        let journal = journal.display().to_string();
        self.state().written = Some(Written { finished: 0, of: changes, journal });
    }

    /// One of them has an outcome.
    pub(super) fn finished(&self) {
        if let Some(written) = &mut self.state().written {
            written.finished += 1;
        }
    }

    /// From here on the lock is ours, a Lease at this place; `None` once it is not.
    pub(super) fn locks(&self, place: Option<String>) {
        self.state().lock = place;
    }

    /// Where a lock is that nobody gives back if this ends at once.
    pub(super) fn locked(&self) -> Option<String> {
        self.state().lock.clone()
    }

    /// Takes the bar from the screen: what still runs would draw it again.
    pub(super) fn clear(&self) {
        if let Some(bar) = self.state().bar.take() {
            bar.finish_and_clear();
        }
    }

    /// How far it came: "after 50 of 1114 changes (journal FILE)".
    pub(super) fn told(&self) -> Option<String> {
        let state = self.state();
        let Written { finished, of, journal } = state.written.as_ref()?;
        Some(format!("after {finished} of {of} changes (journal {journal})"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
