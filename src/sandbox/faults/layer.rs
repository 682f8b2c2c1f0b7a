//! The faults around a router.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::reply::{Asked, Dialect, after_work, before_work};
use super::{Fault, Injector, Struck};
use crate::sandbox::log::Note;

/// What surrounds every request to one server.
#[derive(Debug)]
pub(crate) struct Faulty {
    /// Whose words faults are in.
    pub(crate) dialect: Dialect,
    /// How long every request waits.
    pub(crate) latency: Duration,
    /// Which requests are struck.
    pub(crate) injector: Arc<Injector>,
}

/// The router with its faults. A reply that one of them made carries its name for the log.
pub(crate) fn inject(router: Router, faulty: Faulty) -> Router {
    router.layer(axum::middleware::from_fn_with_state(Arc::new(faulty), strike))
}

async fn strike(State(faulty): State<Arc<Faulty>>, mut request: Request, next: Next) -> Response {
    let asked = Asked::of(&request);
    let fault = faulty.injector.request(asked.method.as_str(), &asked.path);
    let late = match &fault {
        Some(Fault::Late { ms }) => Duration::from_millis(*ms),
        _ => Duration::ZERO,
    };
    if !(faulty.latency + late).is_zero() {
        tokio::time::sleep(faulty.latency + late).await;
    }
    let Some(fault) = fault else { return next.run(request).await };
    let (mut reply, happened) = if let Some(reply) = before_work(&fault, faulty.dialect, &asked) {
        (reply, true)
    } else {
        request.extensions_mut().insert(Struck(fault.clone()));
        let reply = next.run(request).await;
        after_work(&fault, faulty.dialect, &asked, reply).await
    };
    if happened {
        let mut note = reply.extensions_mut().remove::<Note>().unwrap_or_default();
        note.fault = Some(fault.name());
        reply.extensions_mut().insert(note);
    }
    reply
}
