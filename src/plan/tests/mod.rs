//! Tests of the difference of two states, on worlds made by hand and worlds made up.

mod convergence;
mod entra;
mod generate;
mod guards;
mod kubernetes;
mod model;
mod properties;
mod saved;
mod world;

use std::fmt::Write as _;

use super::{Plan, plan};
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
