//! Whether changed files ask for what is there: they are compared with the same look at the live systems, and nobody may come to have
//! what they would not have come to have anyway.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Asked, Edit, List, Text};
use crate::plan::{self, Plan, Treatment};
use crate::state::{
    Address, Binding, Change, Desired, DesiredEnvironment, DesiredRole, EnvironmentName, GroupKey, Namespace, ObjectId,
    Observed, Operation, Origin, Policy, PrincipalName, Resource, RoleRef, Subject, SubjectKind, SubjectName,
};

const OTHERWISE: &str = "the files would then ask for something else as well";
const STAYS: &str = "the files would then still ask for something else than is there";

/// That somebody has a role in a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Has {
    environment: EnvironmentName,
    namespace: Option<Namespace>,
    role: RoleRef,
    kind: SubjectKind,
    name: SubjectName,
    of: Option<String>,
}

fn having<'b>(environment: &'b EnvironmentName, binding: &'b Binding) -> impl Iterator<Item = Has> + 'b {
    binding.subjects.iter().map(move |Subject { kind, name, namespace, .. }| Has {
        environment: environment.clone(),
        namespace: binding.namespace.clone(),
        role: binding.role.clone(),
        kind: kind.clone(),
        name: name.clone(),
        of: namespace.clone(),
    })
}

/// What changes take from somebody, and what they give to somebody.
#[derive(Default)]
struct Moves {
    lost: BTreeSet<Has>,
    gained: BTreeSet<Has>,
}

/// What was so before any file was changed.
pub(super) struct Before<'a> {
    /// What the files ask for, without the lines that ask for it.
    asked: Desired,
    observed: &'a Observed,
    policy: &'a Policy,
    changes: BTreeMap<&'a Address, &'a Change>,
    withheld: BTreeSet<&'a Address>,
    refused: BTreeSet<&'a Address>,
    /// How many bindings give each.
    given: BTreeMap<Has, usize>,
    moves: Moves,
}

impl<'a> Before<'a> {
    pub(super) fn new(asked: Desired, observed: &'a Observed, policy: &'a Policy, plan: &'a Plan) -> Self {
        let mut given: BTreeMap<Has, usize> = BTreeMap::new();
        for (name, cluster) in &observed.clusters {
            for live in cluster.as_ref().ok().into_iter().flat_map(|cluster| &cluster.bindings) {
                having(name, &live.binding).for_each(|has| *given.entry(has).or_default() += 1);
            }
        }
        let refused = plan.unmanaged.iter().filter(|binding| binding.treatment == Treatment::Refused);
        let mut before = Self {
            asked,
            observed,
            policy,
            changes: plan.changes.iter().map(|change| (&change.address, change)).collect(),
            withheld: plan.withheld.iter().flat_map(|withheld| &withheld.addresses).collect(),
            refused: refused.map(|binding| &binding.address).collect(),
            given,
            moves: Moves::default(),
        };
        before.moves = before.moves(&plan.changes);
        before
    }

    fn moves(&self, changes: &[Change]) -> Moves {
        let mut after: BTreeMap<Has, usize> = BTreeMap::new();
        let now = |has: &Has| self.given.get(has).copied().unwrap_or_default();
        for change in changes {
            let Address::Object { environment, .. } = &change.address else { continue };
            if let Some(Resource::Binding(binding)) = change.before() {
                for has in having(environment, binding) {
                    let count = now(&has);
                    let count = after.entry(has).or_insert(count);
                    *count = count.saturating_sub(1);
                }
            }
            if let Some(Resource::Binding(binding)) = change.after() {
                for has in having(environment, binding) {
                    let count = now(&has);
                    *after.entry(has).or_insert(count) += 1;
                }
            }
        }
        let mut moves = Moves::default();
        for (has, then) in after {
            match (now(&has), then) {
                (0, 1..) => moves.gained.insert(has),
                (1.., 0) => moves.lost.insert(has),
                _ => false,
            };
        }
        moves
    }

    /// Whether a change of a plan is one that there was before.
    pub(super) fn is_known(&self, change: &Change) -> bool {
        self.changes.get(&change.address).is_some_and(|before| before.operation == change.operation)
    }

    /// Judges what changed files ask for, and makes the plan that there would be. `accepted` is what they are to ask for now.
    ///
    /// # Errors
    /// They ask for something else, or for less than they should, and what: a clause.
    pub(super) fn judge(&self, after: &Desired, edits: &[Edit], accepted: &[&Address]) -> Result<Plan, String> {
        if !self.is_meant(after, edits) {
            return Err(OTHERWISE.to_owned());
        }
        let plan = plan::plan(after, self.observed, self.policy);
        for change in plan.changes.iter().filter(|change| !self.is_known(change)) {
            match (&change.operation, change.before().or(change.after())) {
                // Whether that moves anything is seen below.
                (_, Some(Resource::Binding(_))) => {}
                // Nothing refers to it any more, or it would stay.
                (Operation::Delete { .. }, Some(Resource::Role(role))) if role.aggregate_to.is_empty() => {}
                (operation, Some(Resource::Role(_))) if !matches!(operation, Operation::Delete { .. }) => {
                    return Err(format!(
                        "what is left of its grants would make {} of its role: for one namespace a role of ours is a Role, \
                         for several a ClusterRole",
                        change.address
                    ));
                }
                _ => return Err(format!("`apply` would then change {} as well", change.address)),
            }
        }
        for withheld in &plan.withheld {
            if let Some(address) = withheld.addresses.iter().find(|address| !self.withheld.contains(address)) {
                return Err(format!("{address} would then be withheld: {}", withheld.message));
            }
        }
        let refused = plan.unmanaged.iter().filter(|binding| binding.treatment == Treatment::Refused);
        if let Some(binding) = refused.map(|binding| &binding.address).find(|address| !self.refused.contains(address)) {
            return Err(format!("the files would then refuse {binding}"));
        }
        let moves = self.moves(&plan.changes);
        let gone = self.of_gone_groups(edits);
        if let Some(has) = moves.lost.iter().find(|has| !self.moves.lost.contains(has) && !gone.contains(has)) {
            return Err(format!("`apply` would then take {} from {}", place_of(has), called(has)));
        }
        if let Some(has) = moves.gained.iter().find(|has| !self.moves.gained.contains(has)) {
            return Err(format!("`apply` would then give {} to {}", place_of(has), called(has)));
        }
        let changes: BTreeSet<&Address> = plan.changes.iter().map(|change| &change.address).collect();
        for address in accepted.iter().filter(|address| changes.contains(*address)) {
            if !self.is_of_gone_group(address, edits) && !self.is_at_rest(address, &moves) {
                return Err(STAYS.to_owned());
            }
        }
        Ok(plan)
    }

    /// Whether a change of a binding is there still, and moves nothing.
    fn is_at_rest(&self, address: &Address, moves: &Moves) -> bool {
        let Some(change) = self.changes.get(address) else { return false };
        let Address::Object { environment, .. } = address else { return false };
        let mut bindings = [change.before(), change.after()].into_iter().flatten();
        bindings.all(|resource| match resource {
            Resource::Binding(binding) => {
                having(environment, binding).all(|has| !moves.lost.contains(&has) && !moves.gained.contains(&has))
            }
            Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_) => false,
        })
    }

    /// Whether a change is of a binding that leaves the files with its group.
    fn is_of_gone_group(&self, address: &Address, edits: &[Edit]) -> bool {
        let Some(Resource::Binding(binding)) = self.changes.get(address).and_then(|change| change.after()) else {
            return false;
        };
        let is_it = |key: &GroupKey| {
            let name = Some(PrincipalName::Group(key.clone()));
            binding.subjects.iter().any(|subject| subject.principal == name)
        };
        edits.iter().any(|edit| matches!(edit, Edit::NoGroup { group } if is_it(group)))
    }

    /// What groups have by bindings that leave the files with them, though they are not there any more and could be restored:
    /// nobody has it. Where one could not, it would be another group, and the plan from before takes it as well.
    fn of_gone_groups(&self, edits: &[Edit]) -> BTreeSet<Has> {
        let restored = |group: &GroupKey| {
            let change = self.changes.get(&Address::Group(group.clone()))?;
            if let Resource::Group(group) = change.after()? { group.id.known() } else { None }
        };
        let gone: BTreeSet<ObjectId> = edits
            .iter()
            .filter_map(|edit| match edit {
                Edit::NoGroup { group } => restored(group),
                _ => None,
            })
            .collect();
        let is_of_one = |has: &&Has| {
            let Some(environment) = self.asked.environments.get(&has.environment) else { return false };
            let (kind, name) = (has.kind.clone(), has.name.clone());
            let subject = Subject { kind, name, namespace: None, principal: None };
            // A display name may be somebody else's by now, and is no id.
            environment.tokens.group_id(&subject).is_some_and(|id| gone.contains(&id))
        };
        if gone.is_empty() { BTreeSet::new() } else { self.given.keys().filter(is_of_one).cloned().collect() }
    }

    /// Whether files ask for what they asked for before but for what these changes of them say.
    fn is_meant(&self, after: &Desired, edits: &[Edit]) -> bool {
        let mut expected = edits.iter().fold(self.asked.clone(), with);
        let mut after = after.clone();
        for (name, environment) in &mut expected.environments {
            let Some(found) = after.environments.get_mut(name) else { return false };
            let asked: BTreeSet<Asked> = asked_on(name, environment).collect();
            let found_asked: BTreeSet<Asked> = asked_on(name, found).collect();
            if asked != found_asked {
                return false;
            }
            if self.observed.clusters.get(name).is_some_and(Result::is_ok) {
                // Which objects that makes is seen by what changes. What roles allow is compared by their keys.
                let allowed = |role: &DesiredRole| (role.key.clone(), role.rules.clone(), role.aggregate_to.clone());
                let all: BTreeMap<_, _> =
                    environment.roles.iter().map(allowed).map(|(key, a, b)| (key, (a, b))).collect();
                let mut roles = found.roles.iter().map(allowed);
                if roles.any(|(key, a, b)| all.get(&key).is_some_and(|before| *before != (a, b))) {
                    return false;
                }
                for side in [environment, found] {
                    side.roles.clear();
                    side.bindings.clear();
                }
            }
        }
        expected == after
    }
}

fn asked_on<'d>(name: &'d EnvironmentName, environment: &'d DesiredEnvironment) -> impl Iterator<Item = Asked> + 'd {
    environment.bindings.iter().map(|binding| Asked {
        subject: binding.subject.clone(),
        role: binding.role.key.clone(),
        environment: name.clone(),
        scope: binding.scope.clone(),
    })
}

/// The names that a subject has or had in names of bindings.
pub(super) fn names_of(desired: &Desired, subject: &PrincipalName) -> Vec<PrincipalName> {
    let mut names = vec![subject.clone()];
    if let PrincipalName::Group(key) = subject
        && let Some(block) = desired.groups.get(key)
    {
        names.extend(block.previously.keys().cloned().map(PrincipalName::Group));
    }
    names
}

/// What is asked for once a change of the files is made.
fn with(mut asked: Desired, edit: &Edit) -> Desired {
    let nowhere = Origin { file: "".into(), line: 0 };
    match edit {
        Edit::List { group, list, remove, add } => {
            let Some(block) = asked.groups.get_mut(group) else { return asked };
            let people = match list {
                List::Members => &mut block.members,
                List::Absent => &mut block.absent,
                List::Owners => block.owners.get_or_insert_default(),
            };
            people.retain(|name, _| !remove.contains(name));
            people.extend(add.iter().map(|name| (name.clone(), nowhere.clone())));
        }
        Edit::Text { group, key, value } => {
            let Some(block) = asked.groups.get_mut(group) else { return asked };
            match key {
                Text::Description => block.description.clone_from(value),
                Text::DisplayName => block.display_name.clone_from(value),
            }
        }
        Edit::NoGroup { group } => {
            let gone = PrincipalName::Group(group.clone());
            asked.groups.remove(group);
            for block in asked.groups.values_mut() {
                block.members.remove(&gone);
                block.absent.remove(&gone);
            }
            for environment in asked.environments.values_mut() {
                environment.bindings.retain(|binding| binding.subject != gone);
                without_unused(environment);
            }
        }
        Edit::Rules { role, rules } => {
            let all = asked.environments.values_mut().flat_map(|environment| &mut environment.roles);
            all.filter(|own| own.key == *role).for_each(|own| own.rules.clone_from(rules));
        }
        Edit::Revoke { asked: gone } => {
            for (name, environment) in &mut asked.environments {
                let left: BTreeSet<Asked> = asked_on(name, environment).filter(|each| !gone.contains(each)).collect();
                environment.bindings.retain(|binding| {
                    left.contains(&Asked {
                        subject: binding.subject.clone(),
                        role: binding.role.key.clone(),
                        environment: name.clone(),
                        scope: binding.scope.clone(),
                    })
                });
                without_unused(environment);
            }
        }
        Edit::Give { asked: given, .. } => {
            for each in given {
                let Some(environment) = asked.environments.get_mut(&each.environment) else { continue };
                // Only who, what and where is compared, by key; which object a role is shows in the plan.
                let reference = RoleRef { kind: crate::state::RoleKind::ClusterRole, name: String::new() };
                environment.bindings.push(crate::state::DesiredBinding {
                    subject: each.subject.clone(),
                    role: crate::state::RoleTarget { key: each.role.clone(), reference, ours: false },
                    scope: each.scope.clone(),
                    origin: nowhere.clone(),
                });
            }
        }
    }
    asked
}

/// A role of ours that no grant uses is not made, unless it is added to another.
fn without_unused(environment: &mut DesiredEnvironment) {
    let used: BTreeSet<_> = environment.bindings.iter().map(|binding| binding.role.key.clone()).collect();
    environment.roles.retain(|role| used.contains(&role.key) || !role.aggregate_to.is_empty());
}

fn place_of(has: &Has) -> String {
    let place =
        has.namespace.as_ref().map_or_else(|| "all of".to_owned(), |namespace| format!("namespace {namespace} of"));
    format!("{} {} in {place} {}", has.role.kind, has.role.name, has.environment)
}

fn called(has: &Has) -> String {
    match &has.name {
        SubjectName::Known(name) => format!("{} `{name}`", has.kind),
        SubjectName::AfterApply { group, .. } => format!("group {group}"),
    }
}
