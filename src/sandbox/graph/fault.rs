//! Faults in Graph's own words, for a whole request and for one inside a batch.

use std::time::Duration;

use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::json;

use super::answer::Answer;
use super::error::Refusal;
use super::respond::{self, RequestIds, Scope};
use crate::sandbox::faults::{Asked, Charge, Fault};
use crate::sandbox::log::Note;

/// The reply to a request that was struck; `None` for a fault that has no words.
pub(crate) fn fault_reply(fault: &Fault, asked: &Asked) -> Option<Response> {
    let ids = RequestIds::new(&asked.headers);
    let path = asked.path.as_str();
    if !path.starts_with("/v1.0/") && !path.starts_with("/beta/") {
        return of_sign_in(fault);
    }
    let answer =
        answer(fault, &asked.method, path, super::header(&asked.headers, "host").unwrap_or("localhost"), &ids)?;
    Some(respond::reply(answer, &ids, Some(1), Note::default()))
}

/// The answer to a request that was struck, `None` when it is carried out.
pub(super) fn answer(fault: &Fault, method: &Method, path: &str, host: &str, ids: &RequestIds) -> Option<Answer> {
    let refuse = |status: StatusCode, code, message: &str| ids.refuse(&Refusal::new(status, code, message));
    match fault {
        Fault::Throttled { retry_after_ms } => {
            let scope = Scope { writes: method != Method::GET };
            Some(respond::throttled(wait(path, Duration::from_millis(*retry_after_ms)), scope, ids))
        }
        Fault::Unavailable { status, retry_after_ms, .. } => {
            let answer = match status {
                500 => refuse(StatusCode::INTERNAL_SERVER_ERROR, "Service_InternalServerError", "An error occurred."),
                502 => refuse(StatusCode::BAD_GATEWAY, "UnknownError", ""),
                504 => refuse(StatusCode::GATEWAY_TIMEOUT, "UnknownError", "The service did not answer in time."),
                _ => refuse(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "serviceNotAvailable",
                    "The service is temporarily unavailable. Please try again later.",
                ),
            };
            Some(match retry_after_ms {
                Some(ms) => answer.with_header("Retry-After", respond::seconds(Duration::from_millis(*ms))),
                None => answer,
            })
        }
        Fault::Conflict => Some(refuse(
            StatusCode::CONFLICT,
            "Directory_ConcurrencyViolation",
            "The object is being changed by another request. Please try again.",
        )),
        Fault::ExpiredToken if path.contains("deltatoken=") => {
            let (before, _) = path.split_once('?')?;
            Some(respond::resync(&format!("https://{host}{before}"), ids))
        }
        Fault::ExpiredToken => Some(ids.refuse(&super::page::expired())),
        Fault::CutBefore
        | Fault::CutAfter
        | Fault::HoldBefore
        | Fault::HoldAfter
        | Fault::Truncated
        | Fault::Body(_)
        | Fault::Late { .. }
        | Fault::EmptyPage => None,
    }
}

/// What a bucket that is too full says; `None` when the call may go on.
pub(super) fn over_budget(charge: Charge, path: &str, ids: &RequestIds) -> Option<Answer> {
    match charge {
        Charge::Free | Charge::Near(_) => None,
        Charge::Over { retry_after, writes } => {
            Some(respond::throttled(wait(path, retry_after), Scope { writes }, ids))
        }
    }
}

/// Conditional Access and identity protection never say when to come again (entra.md §1.6).
fn wait(path: &str, wait: Duration) -> Option<Duration> {
    let path = path.to_ascii_lowercase();
    let silent = path.contains("/identity/conditionalaccess") || path.contains("/identityprotection");
    (!silent).then_some(wait)
}

/// The sign-in service has an envelope of its own.
fn of_sign_in(fault: &Fault) -> Option<Response> {
    let (status, wait) = match fault {
        Fault::Throttled { retry_after_ms } => (StatusCode::TOO_MANY_REQUESTS, Some(*retry_after_ms)),
        Fault::Unavailable { status, retry_after_ms, .. } => {
            (StatusCode::from_u16(*status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE), *retry_after_ms)
        }
        _ => return None,
    };
    let body = json!({
        "error": "temporarily_unavailable",
        "error_description": "AADSTS90033: A transient error has occurred. Please try again.",
        "error_codes": [90033],
    });
    let mut response = respond::plain(status, &body);
    if let Some(wait) = wait
        && let Ok(seconds) = respond::seconds(Duration::from_millis(wait)).parse()
    {
        response.headers_mut().insert("retry-after", seconds);
    }
    Some(response)
}
