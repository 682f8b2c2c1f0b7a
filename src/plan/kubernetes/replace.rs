//! Bindings made by hand that a grant takes over from: ours first, then that one goes, if nobody loses anything by it.

use std::collections::{BTreeMap, BTreeSet};

use super::bindings::{Asked, Given};
use super::prune::spelling;
use super::takeover::{Lack, Takeover, takeover};
use super::{Environment, binding_address};
use crate::plan::draft::{Cause, Draft};
use crate::plan::parts::Parts;
use crate::plan::{NoteKind, Reason};
use crate::state::{
    Address, Binding, BindingName, Change, Desired, DesiredReplacement, EnvironmentName, LiveBinding, Mark, Operation,
    Origin, Policy, PrincipalName, Resource, Sign, Subject, SubjectKind, closest, first_few, mark,
};

/// How many subjects are named.
const LISTED: usize = 8;

/// What becomes of one `replaces`.
enum Answer {
    /// These bindings of ours give all that it gives.
    Replaced(BTreeSet<Address>),
    /// It stays, and why.
    Stays(Cause),
    /// There is nothing to take over.
    Ours,
}

impl Environment<'_> {
    /// Plans the removal of what grants take over from. Where several grants name one binding, one that gives all of it is
    /// enough.
    pub(super) fn replace(&self, asked: &Asked<'_>, draft: &mut Draft) {
        let mut by_target: BTreeMap<&BindingName, Vec<&DesiredReplacement>> = BTreeMap::new();
        for replacement in &self.desired.replacements {
            by_target.entry(&replacement.target).or_default().push(replacement);
        }
        for (target, replacements) in by_target {
            // What is gone is told once for all environments.
            let Some(live) = self.cluster.bindings.iter().find(|live| is_target(target, live)) else { continue };
            let address = binding_address(self.name, &live.binding);
            let mut replaced: Option<(&Origin, BTreeSet<Address>)> = None;
            let mut causes = Vec::new();
            for replacement in replacements {
                match self.examine_replacement(replacement, live, &address, asked) {
                    Answer::Replaced(ours) => match &mut replaced {
                        Some((_, all)) => all.extend(ours),
                        None => replaced = Some((&replacement.origin, ours)),
                    },
                    Answer::Stays(cause) => causes.push(cause),
                    Answer::Ours => {
                        let message = format!(
                            "`replaces: {target}`: rolecall made {address} itself, and prunes it when no grant asks for it \
                             any more; take the line out"
                        );
                        draft.note(None, Some(&replacement.origin), NoteKind::ReplacesOurs, message);
                    }
                }
            }
            match replaced {
                Some((origin, ours)) => {
                    let operation = Operation::Delete { before: Resource::Binding(live.binding.clone()) };
                    draft.change(Change {
                        requires: ours.clone(),
                        replaced_by: Some(ours),
                        ..self.object(address, operation, Some(origin), Some(&live.meta))
                    });
                }
                None => causes.iter().for_each(|cause| draft.withhold_as(Sign::Remove, cause, [address.clone()])),
            }
        }
    }

    fn examine_replacement(
        &self,
        replacement: &DesiredReplacement,
        live: &LiveBinding,
        address: &Address,
        asked: &Asked<'_>,
    ) -> Answer {
        let stays = |reason, why: String| {
            let message = format!("{address} stays, though this grant `replaces` it: {why}");
            Answer::Stays(Cause::new(Some(&replacement.origin), reason, message))
        };
        if live.meta.bootstrapping {
            let why = format!(
                "it is Kubernetes' own, or passes for it by the label `{}`. Take the line out, or have the label taken off",
                mark::BOOTSTRAPPING_LABEL
            );
            return stays(Reason::ReplacesBuiltIn, why);
        }
        match &live.meta.mark {
            Mark::Ours => return Answer::Ours,
            Mark::OtherConfig(config) => {
                let why = format!(
                    "it belongs to the rolecall config `{config}`. Take its grant out of that config, and the line out here"
                );
                return stays(Reason::ReplacesOtherConfig, why);
            }
            Mark::LabelsOnly | Mark::None => {}
        }
        if let Some((_, acting)) = self.acting(&live.binding) {
            let why = format!("it gives {acting} its access. Have somebody delete it who does not need it");
            return stays(Reason::OwnAccess, why);
        }
        if let Some(cause) = self.not_told_apart() {
            return Answer::Stays(cause);
        }
        let given: Vec<&Given<'_>> = asked
            .given
            .iter()
            .filter(|given| {
                let desired = given.desired;
                given.namespace == live.binding.namespace
                    && replacement.subjects.contains(&desired.subject)
                    && replacement.roles.contains(&desired.role)
                    && replacement.scopes.contains(&desired.scope)
            })
            .collect();
        if given.is_empty() {
            let why = "the labels of the grant do not match its namespace. Name the namespace, or take the line out";
            return stays(Reason::ReplacesElsewhere, why.to_owned());
        }
        match takeover(&live.binding, &given) {
            Takeover::All(ours) => Answer::Replaced(ours),
            Takeover::Less(lack) => {
                let advice = "`replaces` takes over only where nobody loses anything: make the two the same, or take the \
                              line out";
                stays(Reason::ReplacesOtherAccess, format!("{}. {advice}", self.differences(&live.binding, &lack)))
            }
            Takeover::Nobody => {
                let why =
                    "it is for nobody, so that there is nothing to take over. Take the line out, and have it deleted";
                stays(Reason::ReplacesNobody, why.to_owned())
            }
        }
    }

    fn differences(&self, live: &Binding, lack: &Lack<'_>) -> String {
        let mut differences = Vec::new();
        if !lack.roles.is_empty() {
            let ours: Vec<String> = lack.roles.iter().map(|role| format!("{} {}", role.kind, role.name)).collect();
            differences.push(format!(
                "it gives {} {}, and the grant {}",
                live.role.kind,
                live.role.name,
                ours.join(", ")
            ));
        }
        if !lack.subjects.is_empty() {
            let others = lack.subjects.iter().map(|subject| self.called(subject));
            differences.push(format!("it is also for {}, and the grant is not", first_few(others, LISTED)));
        }
        differences.join(", and ")
    }

    /// A subject by its name once the plan is applied, so that the same is said before and after.
    fn called(&self, subject: &Subject) -> String {
        let tokens = &self.desired.tokens;
        let principal = match (&subject.kind, &self.directory.groups_finally_called(tokens, subject)[..]) {
            (SubjectKind::Group, [key]) if !self.directory.is_shared(tokens, subject) => {
                Some(PrincipalName::Group((*key).clone()))
            }
            (SubjectKind::Group, _) => None,
            _ => self.directory.named(tokens, subject),
        };
        let name = match principal {
            Some(principal) => return format!("`{principal}`"),
            None => spelling(&subject.name),
        };
        let namespace = subject.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        format!("{} `{namespace}{name}`", subject.kind)
    }
}

fn is_target(target: &BindingName, live: &LiveBinding) -> bool {
    (&target.namespace, &target.name) == (&live.binding.namespace, &live.binding.name)
}

/// The bindings that are nobody's we know, as files name them.
pub(super) fn by_hand(bindings: &[LiveBinding]) -> impl Iterator<Item = String> {
    let unmarked = bindings.iter().filter(|live| matches!(live.meta.mark, Mark::LabelsOnly | Mark::None));
    unmarked.map(|LiveBinding { binding, .. }| {
        BindingName { namespace: binding.namespace.clone(), name: binding.name.clone() }.to_string()
    })
}

/// Says which `replaces` have nothing left to do: no environment of their grant has the binding. Nothing is derived from an
/// environment that was not read or is not part of this plan.
pub(in crate::plan) fn note_done(desired: &Desired, parts: &Parts<'_>, policy: &Policy, draft: &mut Draft) {
    let mut places: BTreeMap<(&Origin, &BindingName), Vec<&EnvironmentName>> = BTreeMap::new();
    for (name, environment) in &desired.environments {
        for DesiredReplacement { target, origin, .. } in &environment.replacements {
            places.entry((origin, target)).or_default().push(name);
        }
    }
    for ((origin, target), environments) in places {
        let is_gone = |name: &&EnvironmentName| {
            policy.only.environment(name)
                && parts
                    .clusters
                    .get(*name)
                    .is_some_and(|part| !part.cluster.bindings.iter().any(|live| is_target(target, live)))
        };
        if environments.iter().all(is_gone) {
            let names: Vec<&str> = environments.iter().map(|name| name.as_str()).collect();
            let there = environments.iter().filter_map(|name| parts.clusters.get(*name));
            let there: BTreeSet<String> = there.flat_map(|part| by_hand(&part.cluster.bindings)).collect();
            // Whether it is gone, nobody knows who was not told all names.
            let hidden = environments.iter().filter_map(|name| parts.clusters.get(*name));
            let hidden = hidden.map(|part| part.cluster.or_hidden()).max().unwrap_or_default();
            let (so, otherwise) = match hidden {
                "" => (", so nothing is left to replace", "take the line out"),
                hidden => (hidden, "plan against the live systems to know"),
            };
            let next = closest(&target.to_string(), there.iter().map(String::as_str))
                .map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`? Else {otherwise}"));
            let message = format!(
                "`replaces: {target}`: no {} of this name is on {}{so}; {next}",
                target.kind(),
                names.join(", ")
            );
            draft.note(None, Some(origin), NoteKind::ReplacesDone, message);
        }
    }
}
