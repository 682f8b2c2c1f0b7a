//! What lies between us and a server: TLS, clocks, limits.

use jiff::{SignedDuration, Timestamp};

use super::{Line, Purpose, Sign};
use crate::state::{FailureKind, Handshake, Heard};

/// A certificate that ends sooner is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Entra and API servers take a token up to five minutes outside of its time.
const TOO_FAR: SignedDuration = SignedDuration::from_mins(5);
/// Less than this may be the way of the answer, which counts whole seconds.
const NEAR: SignedDuration = SignedDuration::from_secs(30);

/// `ca` says where the authority of this server is named.
pub(super) fn tls(handshake: &Handshake, now: Timestamp, ca: &str) -> Line {
    let Handshake { server, proxy, certificate, problem } = handshake;
    if let Some(proxy) = proxy {
        return Line::new(Sign::Fine, "proxy", format!("{server} is reached through the proxy {proxy}"));
    }
    let shown = certificate.as_ref().map(|certificate| {
        let day = certificate.expires.strftime("%Y-%m-%d");
        format!("its certificate is for \"{}\", from \"{}\", until {day}", certificate.subject, certificate.issuer)
    });
    let Some(problem) = problem else {
        let text = format!("TLS to {server}: {}", shown.as_deref().unwrap_or("its certificate is trusted"));
        return match certificate {
            Some(certificate) if certificate.expires.duration_since(now) < SOON => {
                Line::new(Sign::Decide, "tls", text).next("have it renewed: after that day nothing connects any more")
            }
            _ => Line::new(Sign::Fine, "tls", text),
        };
    };
    if problem.kind != FailureKind::Refused {
        let text = format!("{server}: {}", problem.what);
        let next = problem.next.clone().unwrap_or_else(|| "check the address and the network".to_owned());
        return Line::new(Sign::Missing(Purpose::Plan), "tls", text).next(next);
    }
    let shown = shown.map_or_else(String::new, |shown| format!("; {shown}"));
    let text = format!("TLS to {server}: {}{shown}", problem.what);
    let next = format!("if you trust who signed it, {ca}; certificates are always verified");
    Line::new(Sign::Missing(Purpose::Plan), "tls", text).next(next)
}

/// How far a clock is from ours; `None` where the server did not say.
pub(super) fn clock(server: &str, ahead: Option<SignedDuration>) -> Option<Line> {
    let ahead = ahead?;
    let apart = ahead.abs();
    if apart < NEAR {
        return Some(Line::new(Sign::Fine, "clock", format!("clock: the same here and at {server}")));
    }
    let (seconds, way) = (apart.as_secs(), if ahead.is_negative() { "ahead of" } else { "behind" });
    let text = format!("clock: the one here is {seconds} s {way} {server}'s");
    let next = "set the clock here (or there) by NTP: tokens are refused outside of their time";
    let sign = if apart < TOO_FAR { Sign::Decide } else { Sign::Missing(Purpose::Plan) };
    Some(Line::new(sign, "clock", text).next(next))
}

/// How near we are to being throttled; `None` where no limit is near.
pub(super) fn throttle(server: &str, heard: &Heard) -> Option<Line> {
    let percent = heard.throttle? * 100.0;
    let text = format!("{server} is at {percent:.0} % of the limit at which it throttles this app or tenant");
    Some(
        Line::new(Sign::Decide, "throttle", text)
            .next("expect waiting; run large plans later, or as an app of their own"),
    )
}
