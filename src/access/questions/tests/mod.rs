#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proptest::prelude::*;

use super::{Party, World};
use crate::access::Who;
use crate::config::{File, read};
use crate::state::{
    Binding, Cluster, Desired, EnvironmentName, GroupKind, LiveBinding, LiveGroup, LiveMeta, LivePrincipal, LiveRole,
    Mark, ObjectId, Observed, OwnIdentity, PolicyRule, PrincipalKind, PrincipalName, Request, Role, RoleKind, RoleRef,
    Subject, SubjectKind, SubjectName, Tenant,
};

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s }
";

/// So many people and groups there are; the last of the people is an app.
const PEOPLE: u128 = 5;
const GROUPS: u128 = 4;

fn desired() -> Desired {
    let loaded = read(PathBuf::from("/access"), vec![File::new("rolecall.yaml", Ok(ROOT.as_bytes().to_vec()))]);
    crate::desired::compile(&loaded.config.unwrap(), &loaded.sources)
}

fn id(number: u128) -> ObjectId {
    uuid::Uuid::from_u128(number).into()
}

fn person(number: u128) -> LivePrincipal {
    let is_app = number + 1 == PEOPLE;
    let name = format!("p{number}@contoso.com");
    LivePrincipal {
        id: id(number),
        kind: if is_app { PrincipalKind::ServicePrincipal } else { PrincipalKind::User },
        name: if is_app { PrincipalName::Object(id(number)) } else { PrincipalName::User(name.parse().unwrap()) },
        user_principal_name: (!is_app).then(|| name.into()),
        display_name: None,
        enabled: Some(true),
    }
}

/// Members by number: people first, then groups, which may hold each other without end.
fn group(number: u128, members: &BTreeSet<u128>) -> LiveGroup {
    let member = |member: &u128| {
        let nested = LivePrincipal {
            id: id(100 + member - PEOPLE.min(*member)),
            kind: PrincipalKind::Group,
            name: PrincipalName::GroupId(id(100 + member - PEOPLE.min(*member))),
            user_principal_name: None,
            display_name: None,
            enabled: None,
        };
        if *member < PEOPLE { person(*member) } else { nested }
    };
    LiveGroup {
        id: id(100 + number),
        display_name: format!("g{number}"),
        description: None,
        mail_nickname: None,
        unique_name: None,
        kind: GroupKind::Security,
        role_assignable: false,
        owners: Vec::new(),
        members: members.iter().map(member).collect(),
    }
}

fn meta() -> LiveMeta {
    LiveMeta {
        uid: String::new(),
        resource_version: String::new(),
        mark: Mark::None,
        other_managers: Vec::new(),
        bootstrapping: false,
        trace: crate::state::Trace::default(),
    }
}

/// A role of one verb on pods, bound in one place to somebody.
fn bound(at: usize, (subject, place, verb): (u128, usize, usize)) -> (LiveRole, LiveBinding) {
    let name = format!("r{at}");
    let rules = vec![PolicyRule {
        verbs: vec![VERBS[verb].to_owned()],
        api_groups: vec![String::new()],
        resources: vec!["pods".to_owned()],
        ..PolicyRule::default()
    }];
    let role = Role { namespace: None, name: name.clone(), rules, aggregate_to: BTreeSet::new() };
    let (kind, called) = match subject {
        of if of < PEOPLE => (SubjectKind::User, id(of).to_string()),
        of if of < PEOPLE + GROUPS => (SubjectKind::Group, id(100 + of - PEOPLE).to_string()),
        _ => (SubjectKind::Group, "system:authenticated".to_owned()),
    };
    let subject = Subject { kind, name: SubjectName::Known(called), namespace: None, principal: None };
    let binding = Binding {
        namespace: PLACES[place].map(|name| name.parse().unwrap()),
        name: name.clone(),
        role: RoleRef { kind: RoleKind::ClusterRole, name },
        subjects: vec![subject],
    };
    (LiveRole::new(role, meta()), LiveBinding { binding, meta: meta() })
}

/// Groups with these members, by number.
fn tenant(desired: &Desired, lists: &[BTreeSet<u128>]) -> Tenant {
    let everybody: BTreeMap<PrincipalName, _> =
        (0..PEOPLE).map(|number| (person(number).name, crate::state::Resolution::Found(person(number)))).collect();
    let groups = lists.iter().zip(0_u128..).map(|(members, number)| (id(100 + number), Some(group(number, members))));
    Tenant {
        id: desired.tenant,
        domain: None,
        identity: OwnIdentity { id: id(900), app: None, label: String::new() },
        marked: BTreeMap::new(),
        by_id: groups.collect(),
        directory: everybody,
        deleted: BTreeMap::new(),
        deleted_unreadable: None,
        by_display_name: BTreeMap::new(),
        other_configs: BTreeSet::new(),
    }
}

fn cluster(desired: &Desired, roles: Vec<LiveRole>, bindings: Vec<LiveBinding>) -> Cluster {
    Cluster {
        config: desired.config.clone(),
        uid: "5c1e0000-0000-4000-8000-000000000000".parse().unwrap(),
        username: String::new(),
        user_groups: BTreeSet::new(),
        namespaces: BTreeMap::new(),
        roles,
        bindings,
        pseudonymised: false,
    }
}

const VERBS: [&str; 3] = ["get", "list", "*"];
const PLACES: [Option<&str>; 3] = [None, Some("trinity"), Some("payments")];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever is listed may, by the authorizer asked about each person, and nobody else may but by what everybody has.
    #[test]
    fn who_can_is_everybody_whom_the_authorizer_allows(
        lists in prop::collection::vec(prop::collection::btree_set(0..PEOPLE + GROUPS, 0..4), 4),
        grants in prop::collection::vec((0..PEOPLE + GROUPS + 1, 0..PLACES.len(), 0..VERBS.len()), 0..6),
        place in 0..PLACES.len(),
        verb in 0..2_usize,
    ) {
        let desired = desired();
        let tenant = tenant(&desired, &lists);
        let (roles, bindings) = grants.iter().enumerate().map(|(at, grant)| bound(at, *grant)).unzip();
        let cluster = cluster(&desired, roles, bindings);
        let alpha: EnvironmentName = "alpha".parse().unwrap();
        let observed = Observed {
            tenant: Some(Ok(tenant)),
            clusters: BTreeMap::from([(alpha.clone(), Ok(cluster))]),
            ..Observed::default()
        };
        let world = World::live(&desired, &observed, &BTreeSet::from([alpha.clone()]));
        let request = Request::Resource {
            verb: VERBS[verb].to_owned(),
            group: String::new(),
            resource: "pods".to_owned(),
            subresource: None,
            namespace: PLACES[place].map(|name| name.parse().unwrap()),
            name: None,
        };
        let answer = world.who_can(&request);
        let entries = &answer.parts[0].entries;
        let listed: BTreeSet<ObjectId> = entries
            .iter()
            .filter_map(|entry| match &entry.who {
                Party::Person(label) => label.id,
                _ => None,
            })
            .collect();
        let all_may = entries.iter().any(|entry| entry.who == Party::Everybody);
        let rbac = world.places()[0].snapshot.rbac();
        for number in 0..PEOPLE {
            let who = Who::Id(id(number));
            let ways = world.people.groups_of(&BTreeSet::from([who.clone()])).remove(&who).unwrap();
            let token = world.people.token(&who, &ways, &desired.environments[&alpha]);
            let may = rbac.allows(&token.caller, &request);
            prop_assert!(!listed.contains(&id(number)) || may, "{number} is listed and may not");
            prop_assert!(listed.contains(&id(number)) || !may || all_may, "{number} may and is not listed");
            // What `why` says of one of them is the same.
            let why = world.why(&super::Asker::Person(who), Some(&request));
            prop_assert_eq!(why.verdict(), Some(may));
            prop_assert_eq!(why.parts[0].nearest.is_none(), may);
        }
    }
}
