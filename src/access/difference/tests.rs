//! Against the authorizer: whoever can do more or less afterwards has a row that says so, and nobody else.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::access::{Caller, Rbac, Snapshot};
use crate::state::{
    Address, Binding, ClusterUid, DesiredEnvironment, Edge, EnvironmentName, EnvironmentType, GroupKey, GroupKind,
    Inside, KubernetesKind, LiveBinding, LiveGroup, LiveMeta, LivePrincipal, LiveRole, Mark, Namespace, ObjectId,
    Operation, Origin, OwnIdentity, PolicyRule, PrincipalKind, PrincipalName, Request, Resource, Role, RoleKind,
    RoleRef, Subject as BindingSubject, Tenant, TokenNaming, Unmanaged, UserNaming,
};

/// A small company: who is in which group, and what two clusters hold.
#[derive(Clone, Debug, Default)]
struct World {
    /// Groups of ours by number: people and groups in them.
    groups: Vec<(BTreeSet<usize>, BTreeSet<usize>)>,
    /// Who is in a group that is not ours.
    others: BTreeSet<usize>,
    /// The role and the rules, by cluster and name.
    roles: BTreeMap<(usize, String), Vec<PolicyRule>>,
    /// The bindings by cluster.
    bindings: BTreeSet<(usize, Bound)>,
}

/// A binding: where, which role, for whom.
type Bound = (Option<&'static str>, String, To);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Group(usize),
    Others,
    Person(usize),
    Everybody,
}

const PEOPLE: usize = 4;
const GROUPS: usize = 4;
const CLUSTERS: usize = 2;
const FIRST_GROUP: usize = 100;
const OTHERS: usize = 200;

fn id(number: usize) -> ObjectId {
    format!("11111111-1111-4111-8111-{number:012}").parse().unwrap()
}

fn key(number: usize) -> GroupKey {
    format!("g{number}").parse().unwrap()
}

fn user(number: usize) -> PrincipalName {
    PrincipalName::User(format!("person{number}@contoso.com").parse().unwrap())
}

fn person(number: usize) -> LivePrincipal {
    LivePrincipal {
        id: id(number),
        kind: PrincipalKind::User,
        name: user(number),
        user_principal_name: Some(format!("person{number}@contoso.com").into()),
        display_name: None,
        enabled: Some(true),
    }
}

fn nested(number: usize) -> LivePrincipal {
    LivePrincipal {
        id: id(FIRST_GROUP + number),
        kind: PrincipalKind::Group,
        name: PrincipalName::Group(key(number)),
        user_principal_name: None,
        display_name: None,
        enabled: None,
    }
}

fn environment(number: usize) -> EnvironmentName {
    format!("cluster{number}").parse().unwrap()
}

fn origin() -> Origin {
    Origin { file: "rolecall.yaml".into(), line: 1 }
}

fn desired() -> Desired {
    let block = |number: usize| DesiredEnvironment {
        origin: origin(),
        kind: EnvironmentType::K3s,
        context: format!("cluster{number}"),
        cluster: None,
        protected: false,
        tokens: TokenNaming {
            groups: GroupNaming::ObjectId,
            claim: crate::state::GroupsClaim::SecurityGroups,
            groups_prefix: "g:".to_owned(),
            users: UserNaming::ObjectId,
            users_prefix: String::new(),
        },
        applier: None,
        roles: Vec::new(),
        bindings: Vec::new(),
        unmanaged: Unmanaged::default(),
        allow_unmanaged: Vec::new(),
        replacements: Vec::new(),
    };
    Desired {
        config: "contoso".parse().unwrap(),
        tenant: id(999).to_string().parse().unwrap(),
        appliers: BTreeSet::new(),
        applier_lines: BTreeMap::new(),
        without_pim: true,
        groups: BTreeMap::new(),
        expectations: Vec::new(),
        environments: (0..CLUSTERS).map(|number| (environment(number), block(number))).collect(),
    }
}

fn meta() -> LiveMeta {
    LiveMeta {
        uid: String::new(),
        resource_version: String::new(),
        mark: Mark::Ours,
        other_managers: Vec::new(),
        bootstrapping: false,
    }
}

impl World {
    fn observed(&self) -> Observed {
        let group = |number: usize, (people, groups): &(BTreeSet<usize>, BTreeSet<usize>)| LiveGroup {
            id: id(FIRST_GROUP + number),
            display_name: format!("g{number}"),
            description: None,
            mail_nickname: None,
            unique_name: None,
            kind: GroupKind::Security,
            role_assignable: false,
            owners: Vec::new(),
            members: people.iter().map(|who| person(*who)).chain(groups.iter().map(|inner| nested(*inner))).collect(),
        };
        let marked = self.groups.iter().enumerate().map(|(number, lists)| (key(number), group(number, lists)));
        let tenant = Tenant {
            id: id(999).to_string().parse().unwrap(),
            domain: None,
            identity: OwnIdentity { id: id(998), app: None, label: String::new() },
            marked: marked.collect(),
            by_id: BTreeMap::new(),
            directory: (0..PEOPLE)
                .map(|number| (user(number), crate::state::Resolution::Found(person(number))))
                .collect(),
            deleted: BTreeMap::new(),
            deleted_unreadable: None,
            by_display_name: BTreeMap::new(),
            other_configs: BTreeSet::new(),
        };
        let mut observed = Observed { tenant: Some(Ok(tenant)), ..Observed::default() };
        let others = self.others.iter().map(|who| person(*who)).collect();
        observed.of_groups.inside.insert(id(OTHERS), Inside::Read(others));
        for number in 0..CLUSTERS {
            observed.clusters.insert(environment(number), Ok(self.cluster(number)));
        }
        observed
    }

    fn cluster(&self, number: usize) -> crate::state::Cluster {
        let roles = self.roles.iter().filter(|((of, _), _)| *of == number);
        let bindings = self.bindings.iter().filter(|(of, _)| *of == number);
        crate::state::Cluster {
            config: "contoso".parse().unwrap(),
            uid: id(900 + number).to_string().parse::<ClusterUid>().unwrap(),
            username: String::new(),
            user_groups: BTreeSet::new(),
            namespaces: BTreeMap::new(),
            roles: roles.map(|((_, name), rules)| LiveRole::new(role(name, rules), meta())).collect(),
            bindings: bindings.map(|(_, bound)| LiveBinding { binding: binding(bound), meta: meta() }).collect(),
        }
    }

    /// The changes that make one world of the other.
    fn changes(&self, after: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (number, (old, new)) in self.groups.iter().zip(&after.groups).enumerate() {
            let people =
                |list: &BTreeSet<usize>| list.iter().map(|who| (user(*who), id(*who), PrincipalKind::User)).collect();
            let groups = |list: &BTreeSet<usize>| {
                let one =
                    |inner: &usize| (PrincipalName::Group(key(*inner)), id(FIRST_GROUP + *inner), PrincipalKind::Group);
                list.iter().map(one).collect::<Vec<_>>()
            };
            let all = |(one, other): &(BTreeSet<usize>, BTreeSet<usize>)| {
                let people: Vec<_> = people(one);
                [people, groups(other)].concat()
            };
            let (old, new) = (all(old), all(new));
            let edge = |(principal, id, kind): &(PrincipalName, ObjectId, PrincipalKind)| Edge {
                group: key(number),
                group_id: Identity::Known(self::id(FIRST_GROUP + number)),
                principal: principal.clone(),
                principal_id: Identity::Known(*id),
                kind: *kind,
            };
            let address = |edge: &Edge| Address::Member(edge.group.clone(), edge.principal.clone());
            for edge in old.iter().filter(|each| !new.contains(each)).map(edge) {
                changes.push(Change::new(address(&edge), Operation::Delete { before: Resource::Member(edge) }));
            }
            for edge in new.iter().filter(|each| !old.contains(each)).map(edge) {
                changes.push(Change::new(address(&edge), Operation::Create { after: Resource::Member(edge) }));
            }
        }
        for (of, bound) in &self.bindings - &after.bindings {
            let before = Resource::Binding(binding(&bound));
            changes.push(Change::new(at(of, &binding(&bound)), Operation::Delete { before }));
        }
        for (of, bound) in &after.bindings - &self.bindings {
            let made = Resource::Binding(binding(&bound));
            changes.push(Change::new(at(of, &binding(&bound)), Operation::Create { after: made }));
        }
        for ((of, name), rules) in &after.roles {
            let old = &self.roles[&(*of, name.clone())];
            if old != rules {
                let address = Address::Object {
                    environment: environment(*of),
                    kind: KubernetesKind::ClusterRole,
                    namespace: None,
                    name: name.clone(),
                };
                let (before, after) = (Resource::Role(role(name, old)), Resource::Role(role(name, rules)));
                changes.push(Change::new(address, Operation::Update { before, after }));
            }
        }
        changes
    }

    /// Who is in which groups, by asking again and again.
    fn groups_of(&self, who: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        loop {
            let more = self.groups.iter().enumerate().filter(|(_, (people, groups))| {
                people.contains(&who) || groups.iter().any(|inner| found.contains(inner))
            });
            let more: BTreeSet<usize> = more.map(|(number, _)| number).collect();
            if more == found {
                return found;
            }
            found = more;
        }
    }

    fn caller(&self, who: usize) -> Caller {
        let mut groups: BTreeSet<usize> = self.groups_of(who).into_iter().map(|number| FIRST_GROUP + number).collect();
        if self.others.contains(&who) {
            groups.insert(OTHERS);
        }
        Caller::authenticated(id(who).to_string(), groups.into_iter().map(group_name))
    }
}

fn group_name(number: usize) -> SubjectName {
    SubjectName::Known(format!("g:{}", id(number)))
}

fn role(name: &str, rules: &[PolicyRule]) -> Role {
    Role {
        namespace: None,
        name: name.to_owned(),
        rules: PolicyRule::normalise(rules.to_vec()),
        aggregate_to: BTreeSet::new(),
    }
}

fn binding((namespace, role, to): &Bound) -> Binding {
    let (kind, name) = match to {
        To::Group(number) => (SubjectKind::Group, group_name(FIRST_GROUP + number)),
        To::Others => (SubjectKind::Group, group_name(OTHERS)),
        To::Person(number) => (SubjectKind::User, SubjectName::Known(id(*number).to_string())),
        To::Everybody => (SubjectKind::Group, SubjectName::Known("system:authenticated".to_owned())),
    };
    Binding {
        namespace: namespace.map(|name| name.parse().unwrap()),
        name: format!("{role}-{to:?}"),
        role: RoleRef { kind: RoleKind::ClusterRole, name: role.clone() },
        subjects: vec![BindingSubject { kind, name, namespace: None, principal: None }],
    }
}

fn at(of: usize, binding: &Binding) -> Address {
    let kind =
        if binding.namespace.is_some() { KubernetesKind::RoleBinding } else { KubernetesKind::ClusterRoleBinding };
    Address::Object {
        environment: environment(of),
        kind,
        namespace: binding.namespace.clone(),
        name: binding.name.clone(),
    }
}

fn rule(group: &str, resource: &str, names: &[&str], verbs: &[&str]) -> PolicyRule {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    PolicyRule {
        api_groups: vec![group.to_owned()],
        resources: vec![resource.to_owned()],
        verbs: list(verbs),
        resource_names: list(names),
        non_resource_urls: Vec::new(),
    }
}

fn paths(path: &str) -> PolicyRule {
    PolicyRule { non_resource_urls: vec![path.to_owned()], verbs: vec!["get".to_owned()], ..PolicyRule::default() }
}

fn some_rule() -> impl Strategy<Value = PolicyRule> {
    let resources = (
        proptest::sample::select(vec!["", "apps", "*"]),
        proptest::sample::select(vec!["pods", "pods/log", "*/log", "*"]),
        proptest::sample::select(vec![vec![], vec![], vec!["one"]]),
        proptest::sample::select(vec![vec!["get"], vec!["get", "list"], vec!["*"]]),
    );
    let paths = proptest::sample::select(vec!["/a", "/a/*", "*"]).prop_map(paths);
    prop_oneof![
        6 => resources.prop_map(|(group, resource, names, verbs)| rule(group, resource, &names, &verbs)),
        1 => paths
    ]
}

fn some_binding() -> impl Strategy<Value = (usize, Bound)> {
    let to = prop_oneof![
        6 => (0..GROUPS).prop_map(To::Group),
        1 => Just(To::Others),
        1 => (0..PEOPLE).prop_map(To::Person),
    ];
    let namespace = proptest::sample::select(vec![None, Some("a"), Some("b")]);
    (0..CLUSTERS, namespace, 0..3_usize, to)
        .prop_map(|(of, namespace, role, to)| (of, (namespace, format!("role{role}"), to)))
}

fn some_groups() -> impl Strategy<Value = Vec<(BTreeSet<usize>, BTreeSet<usize>)>> {
    let people = proptest::collection::btree_set(0..PEOPLE, 0..3);
    let groups = proptest::collection::btree_set(0..GROUPS, 0..2);
    proptest::collection::vec((people, groups), GROUPS).prop_map(|mut groups| {
        for (number, (_, inside)) in groups.iter_mut().enumerate() {
            inside.remove(&number);
        }
        groups
    })
}

fn some_world() -> impl Strategy<Value = World> {
    let some_rules = proptest::collection::vec(some_rule(), 0..3);
    let roles = proptest::collection::vec(some_rules, CLUSTERS * 3);
    let bindings = proptest::collection::btree_set(some_binding(), 0..8);
    let everybody = (0..CLUSTERS, some_rule());
    let others = proptest::collection::btree_set(0..PEOPLE, 0..3);
    (some_groups(), others, roles, bindings, everybody).prop_map(|(groups, others, roles, mut bindings, (of, rule))| {
        let names = (0..CLUSTERS).flat_map(|of| (0..3).map(move |role| (of, format!("role{role}"))));
        let mut roles: BTreeMap<(usize, String), Vec<PolicyRule>> =
            names.zip(roles).map(|(at, rules)| (at, PolicyRule::normalise(rules))).collect();
        // What everybody has does not change: then everybody would be one row.
        for each in 0..CLUSTERS {
            roles.insert((each, "everybody-s".to_owned()), vec![rule.clone()]);
        }
        bindings.insert((of, (None, "everybody-s".to_owned(), To::Everybody)));
        World { groups, others, roles, bindings }
    })
}

/// A world and what a few changes make of it.
fn some_change() -> impl Strategy<Value = (World, World)> {
    let bindings = proptest::collection::vec(some_binding(), 0..2);
    let changed = ((0..GROUPS, 0..PEOPLE), (0..GROUPS, 0..GROUPS), any::<(bool, bool, bool, bool)>());
    let rules = (0..CLUSTERS, 0..3_usize, proptest::collection::vec(some_rule(), 0..3));
    (some_world(), bindings, changed, rules).prop_map(|(before, more, (member, nest, which), (of, name, rules))| {
        let mut after = before.clone();
        let toggle = |set: &mut BTreeSet<usize>, each: usize| {
            if !set.remove(&each) {
                set.insert(each);
            }
        };
        if which.0 {
            toggle(&mut after.groups[member.0].0, member.1);
        }
        if which.1 && nest.0 != nest.1 {
            toggle(&mut after.groups[nest.0].1, nest.1);
        }
        if which.2 {
            after.roles.insert((of, format!("role{name}")), PolicyRule::normalise(rules));
        }
        if which.3
            && let Some(gone) = after.bindings.iter().find(|(_, (_, _, to))| *to != To::Everybody).cloned()
        {
            after.bindings.remove(&gone);
        }
        after.bindings.extend(more);
        (before, after)
    })
}

/// Every request that any of the rules tells from another, and some that none names.
fn requests(namespace: Option<&Namespace>) -> Vec<Request> {
    let mut requests = Vec::new();
    for verb in ["get", "list", "unheard-of"] {
        for group in ["", "apps", "fresh.example"] {
            for resource in ["pods", "freshes"] {
                for subresource in [None, Some("log"), Some("fresh")] {
                    for name in [None, Some("one"), Some("other")] {
                        requests.push(Request::Resource {
                            verb: verb.to_owned(),
                            group: group.to_owned(),
                            resource: resource.to_owned(),
                            subresource: subresource.map(str::to_owned),
                            namespace: namespace.cloned(),
                            name: name.map(str::to_owned),
                        });
                    }
                }
            }
        }
    }
    if namespace.is_none() {
        let path = |path: &str| Request::Path { verb: "get".to_owned(), path: path.to_owned() };
        requests.extend(["/a", "/a/b", "/fresh"].map(path));
    }
    requests
}

/// What the rows say of somebody at a place: whether they gain, and whether they lose.
fn said(difference: &AccessDifference, who: usize, of: usize, namespace: Option<&Namespace>) -> (bool, bool) {
    let is_them =
        |somebody: &Somebody| matches!(somebody, Somebody::Person { id: Some(id), .. } if *id == self::id(who));
    let rows = difference.rows.iter().filter(|row| {
        row.environment == environment(of) && row.bearing == Bearing::Token && row.who.iter().any(is_them)
    });
    let rows: Vec<&AccessRow> = rows.collect();
    let here = rows.iter().find(|row| row.namespace.as_ref() == namespace);
    let Some(row) = here.or_else(|| rows.iter().find(|row| row.namespace.is_none())) else { return (false, false) };
    // Paths are in no namespace.
    let counts = |rules: &[PolicyRule]| rules.iter().any(|rule| namespace.is_none() || !rule.resources.is_empty());
    (counts(&row.gained), counts(&row.lost))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn rows_are_what_the_authorizer_says_of_everybody_everywhere((before, after) in some_change()) {
        let (desired, observed, changes) = (desired(), before.observed(), before.changes(&after));
        let comparison = AccessComparison::new(&desired, &observed, &changes);
        let difference = comparison.difference();
        for of in 0..CLUSTERS {
            let (old, new) = (before.cluster(of), after.cluster(of));
            let (old, new) = (Snapshot::live(&old), Snapshot::live(&new));
            let (old, new): (Rbac<'_>, Rbac<'_>) = (old.rbac(), new.rbac());
            for who in 0..PEOPLE {
                let (was, becomes) = (before.caller(who), after.caller(who));
                for namespace in [None, Some("a"), Some("b"), Some("elsewhere")] {
                    let namespace: Option<Namespace> = namespace.map(|name| name.parse().unwrap());
                    let (mut gains, mut loses) = (false, false);
                    for request in requests(namespace.as_ref()) {
                        let (could, can) = (old.allows(&was, &request), new.allows(&becomes, &request));
                        gains |= can && !could;
                        loses |= could && !can;
                    }
                    let said = said(&difference, who, of, namespace.as_ref());
                    prop_assert_eq!(said, (gains, loses), "person {} on {} in {:?}: {:#?}", who, of, namespace, difference.rows);
                }
            }
        }
        for row in &difference.rows {
            prop_assert_eq!(row.gained.is_empty(), !matches!(row.effect, AccessEffect::Gains | AccessEffect::Both));
            prop_assert_eq!(row.lost.is_empty(), !matches!(row.effect, AccessEffect::Loses | AccessEffect::Both));
            prop_assert!(!row.who.is_empty() && !row.via.is_empty(), "{:?}", row);
            prop_assert!(row.via.iter().any(|via| via.standing != Standing::Kept) || row.namespace.is_some(), "{:?}", row);
        }
        prop_assert!(comparison.questions().is_empty(), "everything was asked already");
    }
}
