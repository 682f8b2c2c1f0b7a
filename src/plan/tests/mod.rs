//! Tests of the difference of two states, on worlds made by hand and worlds made up.

mod absent;
mod aggregation;
mod convergence;
mod display_names;
mod entra;
mod generate;
mod guards;
mod kubernetes;
mod model;
mod preflight;
mod properties;
mod renamed;
mod restored;
mod saved;
mod unmanaged;
mod world;

use std::fmt::Write as _;

use super::{Plan, Treatment, plan};
use world::World;

/// A plan in as few words as a test needs: changes with what they wait for, withheld, notes, verdicts, unread.
fn show(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        let _ = write!(text, "{} {}", change.sign(), change.address);
        for required in &change.requires {
            let _ = write!(text, "\n    after {required}");
        }
        text.push('\n');
    }
    for withheld in &plan.withheld {
        let origin = withheld.origin.as_ref().map(|origin| format!(" at {origin}")).unwrap_or_default();
        let error = if withheld.is_error { " (error)" } else { "" };
        let _ = writeln!(text, "withheld {}{origin}{error}: {}", withheld.reason, withheld.message);
        for address in &withheld.addresses {
            let _ = writeln!(text, "    {address}");
        }
    }
    for note in &plan.notes {
        let _ = writeln!(text, "note {}: {}", note.kind, note.message);
    }
    for binding in &plan.unmanaged {
        let subjects: Vec<String> = binding
            .subjects
            .iter()
            .map(|subject| match &subject.principal {
                Some(principal) => principal.to_string(),
                None => format!("{} {:?}", subject.kind, subject.name),
            })
            .collect();
        let standing = match &binding.treatment {
            Treatment::Allowed(origin) => format!("allowed at {origin}"),
            Treatment::Refused => "refused".to_owned(),
            Treatment::Reported => "reported".to_owned(),
        };
        let _ = writeln!(
            text,
            "unmanaged {} ({:?}) {standing}: {} to {}",
            binding.address,
            binding.owner,
            binding.role.name,
            subjects.join(", ")
        );
        for beside in &binding.beside {
            let replaceable = if beside.replaceable { ", replaceable" } else { "" };
            let _ = writeln!(text, "    beside {} of {}{replaceable}", beside.address, beside.origin);
        }
    }
    for verdict in &plan.verdicts {
        let sign = if verdict.acknowledged { "acknowledged" } else { "guard" };
        let _ = writeln!(text, "{sign} {}:{}: {}", verdict.guard, verdict.subject, verdict.message);
    }
    for unread in &plan.unread {
        let what = unread.environment.as_ref().map_or("entra", |name| name.as_str());
        let allowed = if unread.allowed { " (allowed)" } else { "" };
        let _ = writeln!(text, "unread {what}{allowed}: {}", unread.failure);
    }
    text
}

impl World {
    /// The plan of this world, in words.
    fn shown(&self) -> String {
        show(&self.plan())
    }

    /// The plan of this world.
    fn plan(&self) -> Plan {
        plan(&self.desired, &self.observed, &self.policy)
    }
}
