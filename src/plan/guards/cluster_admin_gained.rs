//! Nobody becomes master of a cluster unnoticed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Guard, Objection};
use crate::plan::aggregation;
use crate::plan::kubernetes::spelling;
use crate::plan::parts::Part;
use crate::plan::power::{Power, power};
use crate::plan::reach::{Counted, Nesting, Node, live_members, node_of};
use crate::state::{
    Address, Binding, Change, Cluster, DesiredEnvironment, Edge, EnvironmentName, GroupKey, GroupNaming, ObjectId,
    Operation, PolicyRule, PrincipalName, Resource, Role, ScopeTarget, Subject, SubjectKind, SubjectName, TokenNaming,
};

pub(super) static GUARD: Guard = Guard {
    id: "cluster-admin-gained",
    summary: "Somebody would become cluster-admin, or get a role that grants everything or leads there.",
    can_be_acknowledged: true,
    check,
};

/// What tells two subjects apart.
type SubjectKey = (SubjectKind, SubjectName, Option<String>);

/// The changes, by what this guard looks for.
#[derive(Default)]
struct Gains<'a> {
    /// Who joins which group, as a member or as an owner, who can add any member.
    joins: BTreeMap<&'a GroupKey, Vec<(&'static str, &'a Edge)>>,
    /// The groups that are created.
    created: BTreeSet<&'a GroupKey>,
    /// The groups that are restored.
    restored: BTreeSet<&'a GroupKey>,
    /// The groups that get another display name.
    renamed: BTreeSet<&'a GroupKey>,
    /// What changes on which cluster.
    on: BTreeMap<&'a EnvironmentName, Vec<&'a Change>>,
}

fn check(case: &Case<'_>) -> Vec<Objection> {
    let mut gains = Gains::default();
    for change in case.changes {
        match (&change.address, &change.operation) {
            (Address::Member(key, _), Operation::Create { after: Resource::Member(edge) }) => {
                gains.joins.entry(key).or_default().push(("member", edge));
            }
            // An applier owns what it creates, and may do all of this anyway.
            (Address::Owner(key, who), Operation::Create { after: Resource::Owner(edge) }) if !matches!(who, PrincipalName::ServicePrincipal(app) if case.desired.appliers.contains(app)) =>
            {
                gains.joins.entry(key).or_default().push(("owner", edge));
            }
            (Address::Group(key), Operation::Create { .. }) => {
                gains.created.insert(key);
            }
            (Address::Group(key), Operation::Restore { .. }) => {
                gains.restored.insert(key);
            }
            (
                Address::Group(key),
                Operation::Update { before: Resource::Group(before), after: Resource::Group(after) },
            ) if before.display_name != after.display_name => {
                gains.renamed.insert(key);
            }
            (Address::Object { environment, .. }, _) => gains.on.entry(environment).or_default().push(change),
            _ => {}
        }
    }
    let before = Nesting::live(case.directory);
    let after = Nesting::live(case.directory).with_changes(case.changes, Counted::Additions, case.directory);
    let mut objections = unread_around(case, &gains, &before);
    for (name, environment) in &case.desired.environments {
        let who = if let Some(part) = case.parts.clusters.get(name) {
            let changes = gains.on.get(name).map_or(&[][..], Vec::as_slice);
            on_cluster(case, *part, changes, &gains, &before, &after)
        } else {
            objections.extend(unread(name, environment, &gains));
            let asked = asked_admins(environment).filter_map(|subject| node_of(subject, case.directory));
            joining(case, &gains, &after, &after.leading_to(asked), &BTreeSet::new())
        };
        for (who, how) in who {
            let message = format!("{who} would become cluster-admin on {name}: {how}");
            objections.push(Objection::new(format!("{name}/{who}"), message));
        }
    }
    objections
}

/// What may happen through groups of which nobody knows what they are in. Who comes with a group that is restored is another
/// guard's to say.
fn unread_around(case: &Case<'_>, gains: &Gains<'_>, nesting: &Nesting<'_>) -> Vec<Objection> {
    let has_clusters = !case.desired.environments.is_empty();
    let joined = gains.joins.keys().filter(|_| has_clusters);
    let unread = joined.filter_map(|key| Some((*key, nesting.unread(key)?)));
    let objections = unread.map(|(key, why)| {
        let message = format!(
            "which groups {key} is in could not be read ({why}), so nobody can tell whether those who join it gain \
             cluster-admin anywhere"
        );
        Objection::new(format!("{}/unread", PrincipalName::Group(key.clone())), message)
    });
    objections.collect()
}

/// What may happen on a cluster that was not read: any group may be bound to any role there.
fn unread(name: &EnvironmentName, environment: &DesiredEnvironment, gains: &Gains<'_>) -> Option<Objection> {
    let by_name = environment.tokens.groups == GroupNaming::DisplayName;
    let mut groups: BTreeSet<&GroupKey> = gains.joins.keys().chain(&gains.restored).copied().collect();
    if by_name {
        groups.extend(&gains.renamed);
    } else {
        // No binding that is there can name the id of a group that is not.
        groups.retain(|key| !gains.created.contains(key));
    }
    if groups.is_empty() {
        return None;
    }
    let groups: Vec<&str> = groups.into_iter().map(GroupKey::as_str).collect();
    let message = format!(
        "{name} could not be read, so nobody can tell whether those who join {} gain cluster-admin there",
        groups.join(", ")
    );
    Some(Objection::new(format!("{name}/unread"), message))
}

fn on_cluster<'a>(
    case: &Case<'a>,
    part: Part<'a>,
    changes: &[&'a Change],
    gains: &Gains<'a>,
    before: &Nesting<'a>,
    after: &Nesting<'a>,
) -> BTreeMap<String, String> {
    let old = admins(part.cluster, &[]);
    let new = admins(part.cluster, changes);
    let tokens = &part.desired.tokens;
    let others = |subject| after.others_called(case.directory, tokens, subject);
    let called = |(subject, _): &(&'a Subject, Power)| {
        let ours = case.directory.groups_called(tokens, subject).into_iter().map(Node::Known);
        ours.chain(others(subject)).collect::<Vec<_>>()
    };
    let old_groups = before.leading_to(old.values().flat_map(called));
    let mut direct: BTreeMap<&GroupKey, Power> = BTreeMap::new();
    for (subject, power) in new.values() {
        for key in finally_called(case, gains, tokens, subject) {
            let most = direct.entry(key).or_insert(*power);
            *most = (*most).max(*power);
        }
    }
    let foreign = new.values().flat_map(|(subject, _)| others(subject));
    let leading = after.leading_to(direct.keys().copied().map(Node::Known).chain(foreign));
    let mut who = joining(case, gains, after, &leading, &old_groups);
    let restored = case.directory.restored().filter(|(key, _)| gains.restored.contains(key));
    for (key, _) in restored.filter(|(key, _)| leading.contains(&Node::Known(key))) {
        let how = format!("{key} is restored, with members whom nobody has seen");
        who.insert(PrincipalName::Group(key.clone()).to_string(), how);
    }
    for (key, power) in direct.iter().filter(|(key, _)| !old_groups.contains(&Node::Known(key))) {
        let how = format!("a binding to a role that {power} names it");
        who.insert(PrincipalName::Group((*key).clone()).to_string(), how);
    }
    for (key, (subject, power)) in &new {
        if !old.contains_key(key) && finally_called(case, gains, tokens, subject).is_empty() {
            let name = match &subject.principal {
                Some(principal) => principal.to_string(),
                None => format!("{} {}", subject.kind, spelling(&subject.name)),
            };
            who.insert(name, format!("bound to a role that {power}"));
        }
    }
    who
}

/// The groups that are a subject once the plan is applied. One that the files give a name and the plan does not is not.
fn finally_called<'a>(
    case: &Case<'a>,
    gains: &Gains<'_>,
    tokens: &TokenNaming,
    subject: &'a Subject,
) -> Vec<&'a GroupKey> {
    if let Some(PrincipalName::Group(key)) = &subject.principal {
        return vec![key];
    }
    let now = case.directory.groups_called(tokens, subject);
    let comes = |key: &GroupKey| [&gains.created, &gains.restored, &gains.renamed].iter().any(|set| set.contains(key));
    let mut called = case.directory.groups_finally_called(tokens, subject);
    called.retain(|key| now.contains(key) || comes(key));
    called
}

/// Who joins or comes to own a group that leads to cluster-admin and did not have it before.
fn joining(
    case: &Case<'_>,
    gains: &Gains<'_>,
    nesting: &Nesting<'_>,
    leading: &BTreeSet<Node<'_>>,
    led_before: &BTreeSet<Node<'_>>,
) -> BTreeMap<String, String> {
    let had: BTreeSet<ObjectId> = live_members(case.directory, led_before);
    let mut who = BTreeMap::new();
    for (key, joins) in gains.joins.iter().filter(|(key, _)| leading.contains(&Node::Known(key))) {
        let others = nesting.others_around(key, leading);
        let through = if others.is_empty() { String::new() } else { format!(", which is in {}", others.join(", ")) };
        for (list, edge) in joins {
            let had_it = edge.principal_id.known().is_some_and(|id| had.contains(&id))
                || node_of(&edge.principal, case.directory).is_some_and(|nested| led_before.contains(&nested));
            if !had_it {
                who.insert(edge.principal.to_string(), format!("new {list} of {key}{through}"));
            }
        }
    }
    who
}

/// The subjects of cluster role bindings to a role that leads to cluster-admin, once these changes are made.
fn admins<'a>(cluster: &'a Cluster, changes: &[&'a Change]) -> BTreeMap<SubjectKey, (&'a Subject, Power)> {
    let mut roles: BTreeMap<&str, &Role> = BTreeMap::new();
    roles.extend(cluster.roles.iter().map(|live| &live.role).filter_map(of_cluster_role));
    let mut bindings: BTreeMap<&str, &Binding> = BTreeMap::new();
    bindings.extend(cluster.bindings.iter().map(|live| &live.binding).filter_map(of_cluster_binding));
    for change in changes {
        if let Some((name, _)) = change.before().and_then(role_in).and_then(of_cluster_role) {
            roles.remove(name);
        }
        if let Some((name, _)) = change.before().and_then(binding_in).and_then(of_cluster_binding) {
            bindings.remove(name);
        }
        roles.extend(change.after().and_then(role_in).and_then(of_cluster_role));
        bindings.extend(change.after().and_then(binding_in).and_then(of_cluster_binding));
    }
    let added = aggregation::added(cluster, changes.iter().copied());
    let power = |role: &str| -> Option<Power> {
        if is_cluster_admin(role) {
            return Some(Power::All);
        }
        let own = roles.get(role)?.rules.iter();
        let final_rules: Vec<PolicyRule> = own.chain(added.get(role).into_iter().flatten().copied()).cloned().collect();
        self::power(&final_rules)
    };
    let mut admins: BTreeMap<SubjectKey, (&Subject, Power)> = BTreeMap::new();
    for binding in bindings.values() {
        let Some(power) = power(&binding.role.name) else { continue };
        for subject in &binding.subjects {
            let key = (subject.kind.clone(), subject.name.clone(), subject.namespace.clone());
            let most = admins.entry(key).or_insert((subject, power));
            most.1 = most.1.max(power);
        }
    }
    admins
}

fn role_in(resource: &Resource) -> Option<&Role> {
    match resource {
        Resource::Role(role) => Some(role),
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Binding(_) => None,
    }
}

fn binding_in(resource: &Resource) -> Option<&Binding> {
    match resource {
        Resource::Binding(binding) => Some(binding),
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_) => None,
    }
}

fn of_cluster_role(role: &Role) -> Option<(&str, &Role)> {
    role.namespace.is_none().then_some((role.name.as_str(), role))
}

fn of_cluster_binding(binding: &Binding) -> Option<(&str, &Binding)> {
    binding.namespace.is_none().then_some((binding.name.as_str(), binding))
}

/// The groups that the files make cluster-admin where the cluster itself could not be asked.
fn asked_admins(environment: &DesiredEnvironment) -> impl Iterator<Item = &PrincipalName> {
    environment
        .bindings
        .iter()
        .filter(|binding| binding.scope == ScopeTarget::Cluster)
        .filter(|binding| {
            let name = &binding.role.reference.name;
            is_cluster_admin(name)
                || environment.roles.iter().any(|role| {
                    let reached = role.aggregate_to.iter().flat_map(|target| target.reached());
                    let is_it =
                        role.name == *name || reached.map(|default| default.name()).any(|default| default == name);
                    is_it && power(&role.rules).is_some()
                })
        })
        .map(|binding| &binding.subject)
}

fn is_cluster_admin(role: &str) -> bool {
    role == "cluster-admin"
}
