//! The credential chain, and who we are by it.

use jiff::{SignedDuration, Timestamp};

use super::{Examined, Line, Purpose, Sign, asks_about};
use crate::state::{Acting, SourceTrial, Trial, all_of};

pub(super) fn lines(examined: &Examined<'_>) -> Vec<Line> {
    let entra = &examined.entra;
    let mut lines: Vec<Line> = entra.sources.iter().map(source).collect();
    match &entra.acting {
        Ok(acting) => {
            lines.push(identity(acting, examined.now));
            lines.extend(asks_about(examined.purpose, Purpose::Apply).then(|| applier(examined, acting)));
        }
        // Said already, source by source.
        Err(_) if entra.sources.iter().any(|source| matches!(source.trial, Trial::Failed(_))) => {}
        Err(failure) if entra.sources.is_empty() => {
            let advice = "see the connection below";
            lines.push(Line::failed(Purpose::Plan, "identity", failure, advice));
        }
        Err(_) => {
            let next = match &entra.sources[..] {
                // It was picked by hand, and what it lacks is what to give it.
                [SourceTrial { name, trial: Trial::NotConfigured(lacks), .. }] => {
                    format!("{name} is not set up, {lacks}: put that right, or leave `--auth` out to try every source")
                }
                _ => "run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET".to_owned(),
            };
            let line = Line::new(Sign::Missing(Purpose::Plan), "identity", "no source gives a token for Entra");
            lines.push(line.next(next));
        }
    }
    lines
}

fn source(SourceTrial { name, trial, about: _ }: &SourceTrial) -> Line {
    match trial {
        Trial::Used => Line::new(Sign::Fine, "credential-source", format!("{name}: used")),
        Trial::NotConfigured(reason) => {
            Line::new(Sign::Note, "credential-source", format!("{name}: not configured, {reason}"))
        }
        Trial::NotTried => Line::new(Sign::Note, "credential-source", format!("{name}: {trial}")),
        Trial::Failed(failure) => {
            let advice = "correct it, or set up another source (docs/connections.md)";
            let mut line = Line::failed(Purpose::Plan, "credential-source", failure, advice);
            line.text = format!("{name}: failed, {}", line.text);
            line
        }
    }
}

fn identity(acting: &Acting, now: Timestamp) -> Line {
    let Acting { id, tenant, label, .. } = acting;
    let text = format!("acting as {label} (object {id}) in tenant {tenant}");
    let Some(expires) = acting.expires else { return Line::new(Sign::Fine, "identity", text) };
    let left = expires.duration_since(now);
    if left <= SignedDuration::ZERO {
        let text = format!("{text}; its token expired at {expires} by the clock here");
        return Line::new(Sign::Missing(Purpose::Plan), "identity", text)
            .next("compare the clock here with the right time");
    }
    Line::new(Sign::Fine, "identity", format!("{text}; token for {} min", left.as_mins()))
}

/// `apply` makes itself the first owner of a group, which is the proof that the group is ours.
fn applier(examined: &Examined<'_>, acting: &Acting) -> Line {
    let appliers = &examined.desired.appliers;
    match acting.app {
        Some(app) if appliers.contains(&app) => {
            Line::new(Sign::Fine, "applier", "it is one of the config's `appliers`")
        }
        Some(app) => Line::new(
            Sign::Missing(Purpose::Apply),
            "applier",
            format!("for apply: it is none of the config's `appliers` ({})", all_of(appliers)),
        )
        .next(format!("to apply as this app, add {app} to `appliers` of the root file; else apply as one of those")),
        None => Line::new(
            Sign::Missing(Purpose::Apply),
            "applier",
            "for apply: a person is nobody's applier; `appliers` are apps",
        )
        .next(format!("apply with the credential of {}", all_of(appliers))),
    }
}
