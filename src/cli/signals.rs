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

    /// Waits for a signal that comes before anything is written; for ever if none does.
    pub(super) async fn interrupted_before(&self) {
        while wait().await.is_ok() {
            if !self.0.load(Ordering::SeqCst) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
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
