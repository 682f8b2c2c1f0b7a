//! The roles and bindings of a cluster: as they were read, as they would be, or as the files alone ask for them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::people::{People, Person, user_name};
use super::rbac::Rbac;
use crate::state::expectation::EVERYBODY;
use crate::state::{
    Address, Binding, Change, Cluster, Desired, DesiredBinding, DesiredEnvironment, Doubt, Filled, LiveRole, Namespace,
    PolicyRule, PrincipalName, Resource, Role, RoleKind, RoleRef, ScopeTarget, Subject, SubjectKind, SubjectName, mark,
};

/// The roles and bindings of one cluster.
#[derive(Clone, Debug, Default)]
pub struct Snapshot<'a> {
    roles: Vec<Cow<'a, Role>>,
    bindings: Vec<Cow<'a, Binding>>,
}

/// What the files ask for on one cluster, as far as they tell without a look at it.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    /// The roles and bindings.
    pub snapshot: Snapshot<'a>,
    /// The grant behind each binding, by namespace and name.
    pub grants: BTreeMap<(Option<Namespace>, String), &'a DesiredBinding>,
    /// Grants in namespaces that the cluster's labels select: nobody knows which.
    pub selected: Vec<&'a DesiredBinding>,
    /// Roles that the files only refer to and of which nobody knows the rules.
    pub unknown: BTreeSet<RoleRef>,
}

impl<'a> Snapshot<'a> {
    /// As it was read.
    pub fn live(cluster: &'a Cluster) -> Self {
        Self {
            roles: cluster.roles.iter().map(|live| Cow::Borrowed(&live.role)).collect(),
            bindings: cluster.bindings.iter().map(|live| Cow::Borrowed(&live.binding)).collect(),
        }
    }

    /// Once these changes of this cluster are made, and the cluster has filled the roles that take in others. Those that no
    /// change reaches are as they were read.
    pub fn planned(cluster: &'a Cluster, changes: &[&'a Change]) -> Self {
        let mut roles: BTreeMap<(Option<&Namespace>, &str), Cow<'a, Role>> =
            cluster.roles.iter().map(|live| (place(&live.role), Cow::Borrowed(&live.role))).collect();
        let mut bindings: BTreeMap<(Option<&Namespace>, &str), Cow<'a, Binding>> = cluster
            .bindings
            .iter()
            .map(|live| ((live.binding.namespace.as_ref(), live.binding.name.as_str()), Cow::Borrowed(&live.binding)))
            .collect();
        let filled = Filled::new(cluster);
        let mut refilled: BTreeSet<&str> = BTreeSet::new();
        for change in changes {
            for side in [change.before(), change.after()] {
                if let Some(Resource::Role(role)) = side {
                    refilled.extend(filled.holding(role, Doubt::Selects));
                }
            }
            let Address::Object { namespace, name, .. } = &change.address else { continue };
            let at = (namespace.as_ref(), name.as_str());
            match (change.before(), change.after()) {
                (_, Some(Resource::Role(role))) => drop(roles.insert(at, Cow::Borrowed(role))),
                (Some(Resource::Role(_)), _) => drop(roles.remove(&at)),
                (_, Some(Resource::Binding(binding))) => drop(bindings.insert(at, Cow::Borrowed(binding))),
                (Some(Resource::Binding(_)), _) => drop(bindings.remove(&at)),
                (_, Some(Resource::Group(_) | Resource::Owner(_) | Resource::Member(_)) | None) => {}
            }
        }
        refill(&mut roles, &refilled, cluster, &filled);
        Self { roles: roles.into_values().collect(), bindings: bindings.into_values().collect() }
    }

    /// The same with what every Kubernetes gives whoever signs in.
    #[must_use]
    pub(super) fn with_what_everybody_has(mut self) -> Self {
        let (paths, own): (Vec<PolicyRule>, Vec<PolicyRule>) =
            EVERYBODY.iter().cloned().partition(|rule| rule.resources.is_empty());
        for (name, rules) in [("system:discovery", paths), ("system:basic-user", own)] {
            let name = name.to_owned();
            let subject = SubjectName::Known("system:authenticated".to_owned());
            self.bindings.push(Cow::Owned(Binding {
                namespace: None,
                name: name.clone(),
                role: RoleRef { kind: RoleKind::ClusterRole, name: name.clone() },
                subjects: vec![Subject { kind: SubjectKind::Group, name: subject, namespace: None, principal: None }],
            }));
            self.roles.push(Cow::Owned(Role { namespace: None, name, rules, aggregate_to: BTreeSet::new() }));
        }
        self
    }

    /// The roles.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter().map(AsRef::as_ref)
    }

    /// The bindings.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().map(AsRef::as_ref)
    }

    /// The authorizer over it.
    pub fn rbac(&self) -> Rbac<'_> {
        Rbac::new(self.roles.iter().map(AsRef::as_ref), self.bindings.iter().map(AsRef::as_ref))
    }
}

impl<'a> Asked<'a> {
    /// What the files ask for on this cluster. Whom a binding is for is called as [`People::asked`] calls them. `builtin` knows
    /// the rules of the roles that every cluster has.
    pub fn new(
        desired: &'a Desired,
        environment: &'a DesiredEnvironment,
        people: &People<'_>,
        builtin: impl Fn(&str) -> Option<&'a [PolicyRule]>,
    ) -> Self {
        let mut asked = Self::default();
        let own: Vec<Role> = environment.roles.iter().map(crate::state::DesiredRole::written).collect();
        for binding in &environment.bindings {
            let namespace = match &binding.scope {
                ScopeTarget::Cluster => None,
                ScopeTarget::Namespace(namespace) => Some(namespace.clone()),
                ScopeTarget::Selector(_) => {
                    asked.selected.push(binding);
                    continue;
                }
            };
            let role = &binding.role;
            let name =
                mark::binding_name(&desired.config, &binding.subject, &role.key, &role.reference, &binding.scope);
            asked.grants.insert((namespace.clone(), name.clone()), binding);
            let Some(subject) = subject(&binding.subject, people, environment) else { continue };
            let written = Binding { namespace, name, role: role.reference.clone(), subjects: vec![subject] };
            asked.snapshot.bindings.push(Cow::Owned(written));
        }
        for binding in environment.bindings.iter().filter(|binding| !binding.role.ours) {
            let reference = &binding.role.reference;
            let is_there =
                asked.snapshot.roles.iter().any(|role| role.namespace.is_none() && role.name == reference.name);
            match builtin(&reference.name) {
                Some(_) if is_there => {}
                Some(rules) => {
                    let default = crate::state::DefaultRole::of_name(&reference.name);
                    let added = default.into_iter().flat_map(|default| default.added(&own));
                    let rules = PolicyRule::normalise(rules.iter().chain(added).cloned().collect());
                    let role =
                        Role { namespace: None, name: reference.name.clone(), rules, aggregate_to: BTreeSet::new() };
                    asked.snapshot.roles.push(Cow::Owned(role));
                }
                None => drop(asked.unknown.insert(reference.clone())),
            }
        }
        asked.snapshot.roles.extend(own.into_iter().map(Cow::Owned));
        asked
    }
}

/// The subject of a binding that the files ask for.
fn subject(name: &PrincipalName, people: &People<'_>, environment: &DesiredEnvironment) -> Option<Subject> {
    let tokens = &environment.tokens;
    let (kind, called) = match people.find(name)? {
        super::people::Node::Group(id) => (SubjectKind::Group, people.name_of(&id, tokens)?),
        super::people::Node::Person(who) => {
            let person: Person<'_> = people.person(&who);
            (SubjectKind::User, SubjectName::Known(user_name(&person, tokens)))
        }
    };
    Some(Subject { kind, name: called, namespace: None, principal: Some(name.clone()) })
}

/// Fills these roles from those that they select, until nothing changes: one may take in another that takes in others
/// (kubernetes `pkg/controller/clusterroleaggregation`).
fn refill<'a>(
    roles: &mut BTreeMap<(Option<&'a Namespace>, &'a str), Cow<'a, Role>>,
    refilled: &BTreeSet<&str>,
    cluster: &'a Cluster,
    filled: &Filled<'_>,
) {
    let filling: Vec<&LiveRole> = cluster
        .roles
        .iter()
        .filter(|live| live.role.namespace.is_none() && refilled.contains(live.role.name.as_str()))
        .collect();
    // Each round fills at least one more role for good, or none.
    for _ in 0..=filling.len() {
        let mut is_settled = true;
        for live in &filling {
            let Some(selectors) = &live.aggregation else { continue };
            // Of a selector that nobody understands, what the cluster made of it stays.
            let is_clear = selectors.iter().all(|selector| selector.unknown().next().is_none());
            let taken = roles.values().filter(|role| role.namespace.is_none() && role.name != live.role.name);
            let taken = taken.filter(|role| {
                let labels = filled.labels(role);
                selectors.iter().any(|selector| selector.matches(&labels) == Some(true))
            });
            let kept = live.role.rules.iter().filter(|_| !is_clear);
            let held = PolicyRule::normalise(taken.flat_map(|role| &role.rules).chain(kept).cloned().collect());
            let at = place(&live.role);
            if let Some(role) = roles.get_mut(&at)
                && role.rules != held
            {
                role.to_mut().rules = held;
                is_settled = false;
            }
        }
        if is_settled {
            return;
        }
    }
}

fn place(role: &Role) -> (Option<&Namespace>, &str) {
    (role.namespace.as_ref(), &role.name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::path::PathBuf;

    use super::*;
    use crate::access::Caller;
    use crate::config::{File, read};
    use crate::state::{DefaultRole, Expression, LiveMeta, Mark, Operation, Request, Selector};

    fn rule(verb: &str, resource: &str) -> PolicyRule {
        PolicyRule {
            api_groups: vec![String::new()],
            resources: vec![resource.to_owned()],
            verbs: vec![verb.to_owned()],
            ..PolicyRule::default()
        }
    }

    fn role(name: &str, rules: Vec<PolicyRule>, to: &[DefaultRole]) -> Role {
        Role { namespace: None, name: name.to_owned(), rules, aggregate_to: to.iter().copied().collect() }
    }

    fn live(role: Role, label: Option<DefaultRole>, selectors: Option<Vec<Selector>>) -> LiveRole {
        let meta = LiveMeta {
            uid: role.name.clone(),
            resource_version: "1".to_owned(),
            mark: Mark::None,
            other_managers: Vec::new(),
            bootstrapping: true,
            trace: crate::state::Trace::default(),
        };
        let labels = label.map(|label| (label.label().to_owned(), "true".to_owned())).into_iter().collect();
        LiveRole { role, meta, labels, aggregation: selectors }
    }

    /// `view` is filled by one role and is part of `edit`.
    fn cluster() -> Cluster {
        let (pods, secrets) = (rule("list", "pods"), rule("list", "secrets"));
        let selects = |role: DefaultRole| Some(vec![Selector::of_label(role.label())]);
        let (view, edit) = (DefaultRole::View, DefaultRole::Edit);
        Cluster {
            config: "contoso".parse().unwrap(),
            uid: "5c1e7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90".parse().unwrap(),
            username: String::new(),
            user_groups: BTreeSet::new(),
            namespaces: BTreeMap::new(),
            roles: vec![
                live(role("view", vec![pods.clone()], &[]), Some(edit), selects(view)),
                live(role("edit", vec![pods.clone(), secrets.clone()], &[]), None, selects(edit)),
                live(role("system:aggregate-to-view", vec![pods], &[]), Some(view), None),
                live(role("system:aggregate-to-edit", vec![secrets], &[]), Some(edit), None),
            ],
            bindings: Vec::new(),
            pseudonymised: false,
        }
    }

    fn change(operation: Operation) -> Change {
        let (Operation::Create { after: Resource::Role(role) } | Operation::Delete { before: Resource::Role(role) }) =
            &operation
        else {
            panic!("no role: {operation:?}")
        };
        let address = Address::Object {
            environment: "alpha".parse().unwrap(),
            kind: RoleKind::ClusterRole.into(),
            namespace: None,
            name: role.name.clone(),
        };
        Change::new(address, operation)
    }

    fn rules<'s>(snapshot: &'s Snapshot<'_>, name: &str) -> &'s [PolicyRule] {
        &snapshot.roles.iter().find(|role| role.name == name).unwrap().rules
    }

    #[test]
    fn what_a_role_takes_in_reaches_those_that_take_it_in() {
        let mut cluster = cluster();
        let nodes = role("nodes", vec![rule("list", "nodes")], &[DefaultRole::View]);
        let made = change(Operation::Create { after: Resource::Role(nodes.clone()) });
        let planned = Snapshot::planned(&cluster, &[&made]);
        assert_eq!(rules(&planned, "view"), [rule("list", "nodes"), rule("list", "pods")]);
        assert_eq!(rules(&planned, "edit").len(), 3);
        // Once the cluster has followed, it is the other way round.
        let followed = ["view", "edit"].map(|name| (name, rules(&planned, name).to_vec()));
        for (name, held) in followed {
            cluster.roles.iter_mut().find(|live| live.role.name == name).unwrap().role.rules = held;
        }
        cluster.roles.push(live(nodes.clone(), Some(DefaultRole::View), None));
        let gone = change(Operation::Delete { before: Resource::Role(nodes) });
        let planned = Snapshot::planned(&cluster, &[&gone]);
        assert_eq!(rules(&planned, "view"), [rule("list", "pods")]);
        assert_eq!(rules(&planned, "edit"), [rule("list", "pods"), rule("list", "secrets")]);
    }

    #[test]
    fn what_no_change_reaches_is_as_it_was_read() {
        let mut cluster = cluster();
        // Somebody wrote this, and the cluster has not put it right yet.
        cluster.roles[0].role.rules = vec![rule("list", "nodes")];
        assert_eq!(rules(&Snapshot::planned(&cluster, &[]), "view"), [rule("list", "nodes")]);
        let alone = change(Operation::Create { after: Resource::Role(role("alone", Vec::new(), &[])) });
        assert_eq!(rules(&Snapshot::planned(&cluster, &[&alone]), "view"), [rule("list", "nodes")]);
    }

    #[test]
    fn of_a_selector_that_nobody_understands_what_the_cluster_made_stays() {
        let mut cluster = cluster();
        let unknown = Selector { labels: BTreeMap::new(), expressions: vec![Expression::Unknown("Near".to_owned())] };
        cluster.roles[0].aggregation.as_mut().unwrap().push(unknown);
        cluster.roles[0].role.rules = vec![rule("list", "events")];
        let nodes = role("nodes", vec![rule("list", "nodes")], &[DefaultRole::View]);
        let made = change(Operation::Create { after: Resource::Role(nodes) });
        let planned = Snapshot::planned(&cluster, &[&made]);
        let resources: Vec<&str> = rules(&planned, "view").iter().map(|rule| rule.resources[0].as_str()).collect();
        assert_eq!(resources, ["events", "nodes", "pods"]);
    }

    const FILES: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s }
groups:
  dev: { members: [hayden@contoso.com] }
roles:
  read-only: { cluster-role: view }
  custom: { cluster-role: theirs }
  nodes: { rules: [{ apiGroups: [''], resources: [nodes], verbs: [list] }], aggregate-to: [view], environments: [alpha] }
grants:
  - { groups: [dev], roles: [read-only], environments: [alpha], namespaces: [trinity] }
  - { groups: [dev], roles: [read-only], environments: [alpha], namespaces: { labels: { team: sre } } }
  - { groups: [dev], roles: [custom], environments: [alpha], namespaces: [payments] }
  - { groups: [dev], roles: [nodes], environments: [alpha], cluster-wide: true }
";

    #[test]
    fn the_files_alone_tell_what_is_asked_for() {
        let loaded = read(PathBuf::from("/access"), vec![File::new("rolecall.yaml", Ok(FILES.as_bytes().to_vec()))]);
        assert_eq!(loaded.findings, vec![]);
        let desired = crate::desired::compile(&loaded.config.unwrap(), &loaded.sources);
        let people = People::asked(&desired);
        let alpha = desired.environments.values().next().unwrap();
        let view = [rule("list", "pods")];
        let asked = Asked::new(&desired, alpha, &people, |name| (name == "view").then_some(&view[..]));
        let unknown: Vec<&str> = asked.unknown.iter().map(|role| role.name.as_str()).collect();
        assert_eq!((unknown, asked.selected.len(), asked.grants.len()), (vec!["theirs"], 1, 3));
        let rbac = asked.snapshot.rbac();
        let hayden = super::super::Who::Named(PrincipalName::User("hayden@contoso.com".parse().unwrap()));
        let ways = people.groups_of(&BTreeSet::from([hayden.clone()])).remove(&hayden).unwrap();
        let caller: Caller = people.token(&hayden, &ways, alpha).caller;
        let may = |resource: &str, namespace: Option<&str>| {
            let request = Request::Resource {
                verb: "list".to_owned(),
                group: String::new(),
                resource: resource.to_owned(),
                subresource: None,
                namespace: namespace.map(|name| name.parse().unwrap()),
                name: None,
            };
            rbac.allows(&caller, &request)
        };
        assert!(may("pods", Some("trinity")) && may("nodes", None));
        assert!(may("nodes", Some("trinity")), "by what is added to view");
        assert!(!may("pods", Some("payments")) && !may("pods", None) && !may("secrets", Some("trinity")));
    }
}
