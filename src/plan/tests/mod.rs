//! Tests of the difference of two states, on worlds made by hand and worlds made up.

mod absent;
mod aggregation;
mod alike;
mod base;
mod convergence;
mod detours;
mod display_names;
mod entra;
mod generate;
mod guards;
mod kubernetes;
mod lock;
mod meanwhile;
mod model;
mod nesting;
mod order;
mod preflight;
mod properties;
mod renamed;
mod restored;
mod saved;
mod subjects;
mod unmanaged;
mod unsaid;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Comparison, Plan, Treatment, plan};
use crate::state::{Above, GroupQuestion, LiveGroup, ObjectId, Observed, OuterGroup};
pub(crate) use generate::world;
pub(crate) use world::World;

/// A plan in as few words as a test needs: changes with what they wait for, withheld, notes, verdicts, unread.
pub(crate) fn show(plan: &Plan) -> String {
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
    pub(crate) fn plan(&self) -> Plan {
        plan(&self.desired, &self.answered(), &self.policy)
    }

    /// The groups whose assignments by Privileged Identity Management are asked for.
    fn privileged_asked(&self) -> Vec<ObjectId> {
        let questions = Comparison::new(&self.desired, &self.observed, &self.policy).group_questions();
        let of_members = questions.into_iter().filter_map(|question| match question {
            GroupQuestion::Privileged(id) => Some(id),
            GroupQuestion::Above(_) | GroupQuestion::Members(_) | GroupQuestion::Direct(_) => None,
        });
        of_members.collect()
    }

    /// What is there, with what the groups are in, as Entra would say it. What a test says itself stays.
    pub(crate) fn answered(&self) -> Observed {
        let mut observed = self.observed.clone();
        let Some(Ok(tenant)) = &mut observed.tenant else { return observed };
        let groups: BTreeMap<ObjectId, LiveGroup> =
            tenant.marked.values().chain(tenant.by_id.values().flatten()).map(|live| (live.id, live.clone())).collect();
        for id in groups.keys() {
            let (mut open, mut outer) = (vec![*id], BTreeMap::new());
            while let Some(inner) = open.pop() {
                for around in groups.values().filter(|group| group.members.iter().any(|member| member.id == inner)) {
                    if outer.insert(around.id, around.display_name.clone()).is_none() {
                        open.push(around.id);
                    }
                }
            }
            let outer = outer.into_iter().map(|(id, display_name)| OuterGroup { id, display_name });
            observed.of_groups.above.entry(*id).or_insert_with(|| Above::Read(outer.collect()));
        }
        observed
    }
}
