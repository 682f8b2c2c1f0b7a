//! Ctrl-C and termination.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// What a signal means to a command: the end, until changes are carried out. From then on whoever does that is told, and the
/// next one is the end. One listener decides both, so that no signal is heard by one and missed by the other.
#[derive(Clone, Debug)]
pub(super) struct Signals {
    writing: Arc<AtomicBool>,
    interrupted: watch::Sender<bool>,
}

impl Signals {
    pub(super) fn new() -> Self {
        Self { writing: Arc::default(), interrupted: watch::Sender::new(false) }
    }

    /// From here on something may have been written: what is given turns true at the next signal.
    pub(super) fn writing_begins(&self) -> watch::Receiver<bool> {
        self.writing.store(true, Ordering::SeqCst);
        self.interrupted.subscribe()
    }

    /// Waits for a signal that ends the command at once; for ever if none comes.
    pub(super) async fn ended(&self) -> Ended {
        match Listener::new() {
            Ok(mut listener) => self.ended_by(async || listener.next().await).await,
            // Without signals of our own, the system's end of the process is what is left.
            Err(_) => std::future::pending().await,
        }
    }

    async fn ended_by(&self, mut signal: impl AsyncFnMut()) -> Ended {
        loop {
            signal().await;
            if !self.writing.load(Ordering::SeqCst) {
                return Ended::BeforeWriting;
            }
            if self.interrupted.send_replace(true) {
                return Ended::WhileWriting;
            }
        }
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

/// Hears Ctrl-C and requests to end from when it is made, also those that come between two calls of [`Listener::next`].
#[cfg(unix)]
struct Listener {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Listener {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Hears Ctrl-C from when it is made.
#[cfg(windows)]
struct Listener(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Listener {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Begins to write before the nth signal, counted from 0, and hears so many; also whether who writes was told.
    fn ended(begins_at: usize, count: usize) -> (Option<Ended>, bool) {
        let signals = Signals::new();
        let (mut heard, mut told) = (0, None);
        let signal = async || {
            if heard == begins_at {
                told = Some(signals.writing_begins());
            }
            heard += 1;
            if heard > count {
                std::future::pending::<()>().await;
            }
        };
        let ended = futures::FutureExt::now_or_never(signals.ended_by(signal));
        (ended, told.is_some_and(|told| *told.borrow()))
    }

    #[test]
    fn one_signal_ends_what_only_reads_and_two_end_what_writes() {
        assert_eq!(ended(9, 0), (None, false));
        assert_eq!(ended(9, 1), (Some(Ended::BeforeWriting), false));
        assert_eq!(ended(0, 0), (None, false));
        assert_eq!(ended(0, 1), (None, true), "whoever writes finishes what is in flight");
        assert_eq!(ended(0, 2), (Some(Ended::WhileWriting), true));
    }
}
