//! Work that keeps a thread: reading a repository. Signals are heard meanwhile.

use std::panic::resume_unwind;

/// Does something on a thread of its own. What nobody waits for any more goes on until the program ends.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The program ends.
            Err(_) => std::future::pending().await,
        },
    }
}
