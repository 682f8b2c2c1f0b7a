//! Nobody becomes master of a cluster unnoticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Case, Guard, Objection};
use crate::plan::aggregation;
use crate::plan::kubernetes::{Place, place_of, spelling};
use crate::plan::parts::Part;
use crate::plan::reach::{Counted, Nesting, Node, live_members, node_of};
use crate::state::power::{self, Power, SYSTEM, Way, bound_by_name, power, writes_bindings};
use crate::state::{
    Address, Binding, Change, Cluster, DesiredEnvironment, Edge, EnvironmentName, GroupKey, GroupNaming, Namespace,
    ObjectId, Operation, PolicyRule, PrincipalName, Resource, Role, ScopeTarget, Subject, SubjectKind, SubjectName,
    TokenNaming,
};

pub(super) static GUARD: Guard = Guard {
    id: "cluster-admin-gained",
    summary: "Somebody would become cluster-admin, or get what leads there.",
    can_be_acknowledged: true,
    check,
};

/// How a role makes its subjects masters of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lead {
    /// By a detour over what others have, in this namespace or everywhere.
    Detour(Way, Option<&'static str>),
    /// By binding themselves to another role that leads there.
    Binding,
    /// At once.
    Direct(Power),
}

impl Lead {
    fn is_direct(self) -> bool {
        match self {
            Self::Detour(..) | Self::Binding => false,
            Self::Direct(_) => true,
        }
    }
}

/// What somebody could do, and why that leads there: one plain sentence.
impl fmt::Display for Lead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (way, namespace) = match self {
            Self::Detour(way, namespace) => (way, *namespace),
            Self::Binding => {
                return formatter
                    .write_str("They could bind themselves to another role, which leads to cluster-admin.");
            }
            Self::Direct(power) => return write!(formatter, "They would have a role that {power}."),
        };
        let place = namespace.map_or_else(|| "in any namespace".to_owned(), |namespace| format!("in {namespace}"));
        match way {
            Way::All => write!(formatter, "They could do everything {place}, where the cluster's own programs run."),
            Way::Take => write!(formatter, "They could give themselves more rights {place}, up to all of them."),
            Way::Impersonate => formatter.write_str("They could act as anybody, cluster-admins included."),
            Way::Share => write!(formatter, "They could give others what they may do {place}."),
            Way::Act => {
                write!(formatter, "They could act as any service account {place}, and some of these are cluster-admin.")
            }
            Way::Run => write!(
                formatter,
                "They could run programs {place} as any service account there, and some of these are cluster-admin."
            ),
            Way::Secrets => write!(
                formatter,
                "They could read every secret {place}, and act as a cluster-admin whose token is in one."
            ),
            Way::Nodes => formatter.write_str(
                "They could run commands in every container through its node (`nodes/proxy`), as a cluster-admin in some.",
            ),
            Way::Certificates => {
                formatter.write_str("They could have a certificate issued that says they are a cluster-admin.")
            }
            Way::Webhooks => formatter.write_str(
                "They could change what anybody writes to the cluster by a webhook, what cluster-admins write included.",
            ),
        }
    }
}

/// Who gains, by name: how they lead, and how they come by it.
type Gained = BTreeMap<String, (BTreeSet<Lead>, String)>;

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
            // Nobody gets anything by what is left: memberships and groups that go, edges of appliers, other properties.
            (Address::Member(..) | Address::Owner(..) | Address::Group(_), _) => {}
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
            let mut who = Gained::new();
            for (subject, leads) in asked_admins(environment) {
                let leading = after.leading_to(node_of(subject, case.directory));
                for lead in leads {
                    joining(case, &gains, &after, (lead, &leading), &BTreeSet::new(), &mut who);
                }
            }
            who
        };
        for (who, (leads, how)) in who {
            let message = if leads.iter().any(|lead| lead.is_direct()) {
                format!("{who} would become cluster-admin on {name}: {how}")
            } else {
                let leads: Vec<String> = leads.iter().map(ToString::to_string).collect();
                format!("{who} could become cluster-admin on {name} by a detour ({how}). {}", leads.join(" "))
            };
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
) -> Gained {
    let old = admins(part.cluster, &[]);
    let new = if changes.is_empty() { old.clone() } else { admins(part.cluster, changes) };
    let mut who = Gained::new();
    // Whoever had a detour before and is master at once now is told as that.
    for counts in [|_: &Lead| true, |lead: &Lead| lead.is_direct()] {
        let old =
            old.iter().filter(|(_, (_, leads))| leads.iter().any(counts)).map(|(key, old)| (key, old.0)).collect();
        let new = new.iter().filter_map(|(key, (subject, leads))| {
            // Who applies may bind by name whatever the files define, or it could not apply.
            let is_known = |lead: &Lead| *lead == Lead::Binding && part.acting(subject).is_some();
            let leads: BTreeSet<Lead> = leads.iter().copied().filter(|lead| counts(lead) && !is_known(lead)).collect();
            (!leads.is_empty()).then_some((key, (*subject, leads)))
        });
        who.extend(gained(case, part, gains, (before, after), &old, &new.collect()));
    }
    who
}

/// Who is among the new and was not among the old.
fn gained<'a>(
    case: &Case<'a>,
    part: Part<'a>,
    gains: &Gains<'a>,
    (before, after): (&Nesting<'a>, &Nesting<'a>),
    old: &BTreeMap<&SubjectKey, &'a Subject>,
    new: &BTreeMap<&SubjectKey, (&'a Subject, BTreeSet<Lead>)>,
) -> Gained {
    let tokens = &part.desired.tokens;
    let others = |subject| after.others_called(case.directory, tokens, subject);
    let called = |subject: &&'a Subject| {
        let ours = case.directory.groups_called(tokens, subject).into_iter().map(Node::Known);
        ours.chain(others(subject)).collect::<Vec<_>>()
    };
    let old_groups = before.leading_to(old.values().flat_map(called));
    let mut who = Gained::new();
    let mut direct: BTreeMap<&GroupKey, BTreeSet<Lead>> = BTreeMap::new();
    let mut by_lead: BTreeMap<Lead, BTreeSet<Node<'a>>> = BTreeMap::new();
    for (key, (subject, leads)) in new {
        let groups = finally_called(case, gains, tokens, subject);
        for lead in leads {
            by_lead.entry(*lead).or_default().extend(groups.iter().copied().map(Node::Known).chain(others(subject)));
        }
        if groups.is_empty() && !old.contains_key(*key) {
            let name = match &subject.principal {
                Some(principal) => principal.to_string(),
                None => format!("{} {}", subject.kind, spelling(&subject.name)),
            };
            add(&mut who, name, leads, || format!("bound to {}", role_with(leads)));
        }
        for key in groups {
            direct.entry(key).or_default().extend(leads);
        }
    }
    for (lead, groups) in by_lead {
        let leading = after.leading_to(groups);
        joining(case, gains, after, (lead, &leading), &old_groups, &mut who);
        let restored = case.directory.restored().filter(|(key, _)| gains.restored.contains(key));
        for (key, _) in restored.filter(|(key, _)| leading.contains(&Node::Known(key))) {
            let how = || format!("{key} is restored, with members whom nobody has seen");
            add(&mut who, PrincipalName::Group(key.clone()).to_string(), &BTreeSet::from([lead]), how);
        }
    }
    for (key, leads) in direct.iter().filter(|(key, _)| !old_groups.contains(&Node::Known(key))) {
        let how = format!("a binding to {} names it", role_with(leads));
        who.insert(PrincipalName::Group((*key).clone()).to_string(), (leads.clone(), how));
    }
    who
}

fn add(who: &mut Gained, name: String, leads: &BTreeSet<Lead>, how: impl FnOnce() -> String) {
    who.entry(name).or_insert_with(|| (BTreeSet::new(), how())).0.extend(leads);
}

/// The role that gives this, in a few words.
fn role_with(leads: &BTreeSet<Lead>) -> String {
    match leads.last() {
        Some(Lead::Direct(power)) => format!("a role that {power}"),
        Some(Lead::Detour(..) | Lead::Binding) | None => "a role that allows it".to_owned(),
    }
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
    (lead, leading): (Lead, &BTreeSet<Node<'_>>),
    led_before: &BTreeSet<Node<'_>>,
    who: &mut Gained,
) {
    let mut joins = gains.joins.iter().filter(|(key, _)| leading.contains(&Node::Known(key))).peekable();
    if joins.peek().is_none() {
        return;
    }
    let had: BTreeSet<ObjectId> = live_members(case.directory, led_before);
    for (key, joins) in joins {
        let others = nesting.others_around(key, leading);
        let through = if others.is_empty() { String::new() } else { format!(", which is in {}", others.join(", ")) };
        for (list, edge) in joins {
            let had_it = edge.principal_id.known().is_some_and(|id| had.contains(&id))
                || node_of(&edge.principal, case.directory).is_some_and(|nested| led_before.contains(&nested));
            if !had_it {
                let how = || format!("new {list} of {key}{through}");
                add(who, edge.principal.to_string(), &BTreeSet::from([lead]), how);
            }
        }
    }
}

/// The subjects of bindings that lead to cluster-admin, once these changes are made: on the whole cluster, or in the
/// namespace of the cluster's own parts.
fn admins<'a>(cluster: &'a Cluster, changes: &[&'a Change]) -> BTreeMap<SubjectKey, (&'a Subject, BTreeSet<Lead>)> {
    let mut roles: BTreeMap<Place, &Role> = BTreeMap::new();
    roles.extend(cluster.roles.iter().map(|live| &live.role).filter_map(in_reach_role));
    let mut bindings: BTreeMap<Place, &Binding> = BTreeMap::new();
    bindings.extend(cluster.bindings.iter().map(|live| &live.binding).filter_map(in_reach_binding));
    for change in changes {
        if let Some((place, _)) = change.before().and_then(role_in).and_then(in_reach_role) {
            roles.remove(&place);
        }
        if let Some((place, _)) = change.before().and_then(binding_in).and_then(in_reach_binding) {
            bindings.remove(&place);
        }
        roles.extend(change.after().and_then(role_in).and_then(in_reach_role));
        bindings.extend(change.after().and_then(binding_in).and_then(in_reach_binding));
    }
    let given = Rules { roles, added: aggregation::added(cluster, changes.iter().copied()) };
    let mut known: BTreeMap<(Place, bool), BTreeSet<Lead>> = BTreeMap::new();
    let mut admins: BTreeMap<SubjectKey, (&Subject, BTreeSet<Lead>)> = BTreeMap::new();
    for binding in bindings.into_values() {
        let role = place_of(&binding.role, binding.namespace.as_ref());
        let everywhere = binding.namespace.is_none();
        let leads = known
            .entry((role.clone(), everywhere))
            .or_insert_with(|| given.leads(&role, everywhere, &mut BTreeSet::new()));
        if leads.is_empty() {
            continue;
        }
        for subject in &binding.subjects {
            let key = (subject.kind.clone(), subject.name.clone(), subject.namespace.clone());
            admins.entry(key).or_insert((subject, BTreeSet::new())).1.extend(leads.iter().copied());
        }
    }
    admins
}

/// The rules of the roles in reach.
struct Rules<'a> {
    roles: BTreeMap<Place, &'a Role>,
    /// What roles come to hold because ours are added to them.
    added: BTreeMap<&'a str, Vec<&'a PolicyRule>>,
}

impl Rules<'_> {
    fn of(&self, role: &Place) -> Option<Vec<PolicyRule>> {
        let own = self.roles.get(role)?.rules.iter();
        let added = self.added.get(role.1.as_str()).filter(|_| role.0.is_none()).into_iter().flatten().copied();
        Some(own.chain(added).cloned().collect())
    }

    /// How a role leads to cluster-admin where it is bound on the whole cluster, or else in the namespace of its own parts.
    fn leads(&self, role: &Place, everywhere: bool, seen: &mut BTreeSet<(Place, bool)>) -> BTreeSet<Lead> {
        if !seen.insert((role.clone(), everywhere)) {
            return BTreeSet::new();
        }
        if is_cluster_admin(role) {
            return leads_of_admin(everywhere);
        }
        let Some(rules) = self.of(role) else { return BTreeSet::new() };
        let mut leads = leads(&rules, everywhere);
        if leads.is_empty() && self.may_bind_another(&rules, everywhere, seen) {
            leads.insert(Lead::Binding);
        }
        leads
    }

    /// Whether rules name a role that leads there, and let somebody bind it where it does.
    fn may_bind_another(&self, rules: &[PolicyRule], everywhere: bool, seen: &mut BTreeSet<(Place, bool)>) -> bool {
        let named = |kind, namespace: Option<Namespace>| {
            bound_by_name(rules, kind).into_iter().map(move |name| (namespace.clone(), name.to_owned()))
        };
        let mut bound = |role: &Place, of_cluster: bool| {
            (everywhere || !of_cluster)
                && writes_bindings(rules, of_cluster)
                && !self.leads(role, of_cluster, seen).is_empty()
        };
        let system = SYSTEM.parse().ok();
        named("clusterroles", None).any(|role| bound(&role, true) || bound(&role, false))
            || named("roles", system).any(|role| bound(&role, false))
    }
}

/// How rules lead to cluster-admin where they hold on the whole cluster, or else in the namespace of its own parts.
fn leads(rules: &[PolicyRule], everywhere: bool) -> BTreeSet<Lead> {
    let power = power(rules).filter(|_| everywhere).map(Lead::Direct);
    let place = (!everywhere).then_some(SYSTEM);
    let ways = power::leads(rules, everywhere).into_iter().map(|way| Lead::Detour(way, place));
    ways.chain(power).collect()
}

fn leads_of_admin(everywhere: bool) -> BTreeSet<Lead> {
    let lead = if everywhere { Lead::Direct(Power::All) } else { Lead::Detour(Way::All, Some(SYSTEM)) };
    BTreeSet::from([lead])
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

fn is_in_reach(namespace: Option<&Namespace>) -> bool {
    namespace.is_none_or(|namespace| namespace.as_str() == SYSTEM)
}

fn in_reach_role(role: &Role) -> Option<(Place, &Role)> {
    is_in_reach(role.namespace.as_ref()).then(|| ((role.namespace.clone(), role.name.clone()), role))
}

fn in_reach_binding(binding: &Binding) -> Option<(Place, &Binding)> {
    is_in_reach(binding.namespace.as_ref()).then(|| ((binding.namespace.clone(), binding.name.clone()), binding))
}

/// The groups that the files make cluster-admin, or give what leads there, where the cluster itself could not be asked. Of
/// roles that are there, those are known that every cluster has.
fn asked_admins(environment: &DesiredEnvironment) -> impl Iterator<Item = (&PrincipalName, BTreeSet<Lead>)> {
    environment.bindings.iter().filter_map(|binding| {
        let everywhere = match &binding.scope {
            ScopeTarget::Cluster => true,
            ScopeTarget::Namespace(namespace) if namespace.as_str() == SYSTEM => false,
            // No selector matches a namespace of the cluster's own.
            ScopeTarget::Namespace(_) | ScopeTarget::Selector(_) => return None,
        };
        let name = &binding.role.reference.name;
        let mut found = match name.as_str() {
            "cluster-admin" => leads_of_admin(everywhere),
            "admin" | "edit" if everywhere => BTreeSet::from([Lead::Detour(Way::Run, None)]),
            "admin" | "edit" => BTreeSet::from([Lead::Detour(Way::Run, Some(SYSTEM))]),
            _ => BTreeSet::new(),
        };
        let of_ours = environment.roles.iter().filter(|role| {
            let mut reached = role.aggregate_to.iter().flat_map(|target| target.reached());
            role.name == *name || reached.any(|default| default.name() == name)
        });
        found.extend(of_ours.flat_map(|role| leads(&role.rules, everywhere)));
        (!found.is_empty()).then_some((&binding.subject, found))
    })
}

fn is_cluster_admin(role: &Place) -> bool {
    role.0.is_none() && role.1 == "cluster-admin"
}
