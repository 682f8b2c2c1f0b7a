//! Ctrl-C and termination.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether changes are being carried out. From then on whoever does that decides what an interruption means.
#[derive(Clone, Debug, Default)]
pub(super) struct Writing(Arc<AtomicBool>);

impl Writing {
    /// From here on something may have been written.
    pub(super) fn begins(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Waits for a signal that ends the command at once; for ever if none comes.
    pub(super) async fn ended(&self) -> Ended {
        self.ended_by(wait).await
    }

    async fn ended_by(&self, mut signal: impl AsyncFnMut() -> io::Result<()>) -> Ended {
        let mut heard = false;
        while signal().await.is_ok() {
            if !self.0.load(Ordering::SeqCst) {
                return Ended::BeforeWriting;
            }
            if heard {
                return Ended::WhileWriting;
            }
            heard = true;
        }
        std::future::pending().await
    }
}

/// What a signal has ended at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The first one, before anything was written.
    BeforeWriting,
    /// The second one while changes were carried out: who does that was not quick enough.
    WhileWriting,
}

/// Waits for Ctrl-C or a request to end.
#[cfg(unix)]
pub(super) async fn wait() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub(super) async fn wait() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Begins to write at the nth signal, counted from 0, and ends with an error.
    fn ended(begins_at: usize, signals: usize) -> Option<Ended> {
        let writing = Writing::default();
        let mut heard = 0;
        let signal = async || {
            if heard == begins_at {
                writing.begins();
            }
            heard += 1;
            if heard > signals { Err(io::Error::other("no more")) } else { Ok(()) }
        };
        futures::FutureExt::now_or_never(writing.ended_by(signal))
    }

    #[test]
    fn one_signal_ends_what_only_reads_and_two_end_what_writes() {
        assert_eq!(ended(9, 0), None);
        assert_eq!(ended(9, 1), Some(Ended::BeforeWriting));
        assert_eq!(ended(0, 1), None, "whoever writes finishes what is in flight");
        assert_eq!(ended(0, 2), Some(Ended::WhileWriting));
    }
}
