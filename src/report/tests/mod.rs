//! Plans to render, and what holds for every one of them.

pub(super) mod hostile;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Commit, Context, Spent};
use crate::plan::preflight::{ExpectedRefusal, Forecast, Unchecked, Whose};
use crate::plan::{
    Beside, BindingOwner, Compared, Note, NoteKind, Plan, Reason, Rights, Treatment, UnmanagedBinding, Unread, Verdict,
    Withheld,
};
use crate::state::{
    Address, Binding, Change, Edge, EnvironmentName, Failure, FailureKind, Group, GroupKey, Identity, KubernetesKind,
    Lack, MissingRight, Namespace, ObjectId, Operation, Origin, PolicyRule, PrincipalKind, PrincipalName, Resource,
    Role, RoleKind, RoleRef, Sign, Subject, SubjectKind, SubjectName, Usage,
};

pub(super) fn key(text: &str) -> GroupKey {
    text.parse().unwrap()
}

pub(super) fn id(start: &str) -> ObjectId {
    format!("{start}0000-0000-0000-0000-000000000001").parse().unwrap()
}

pub(super) fn origin(file: &str, line: u32) -> Origin {
    Origin { file: file.into(), line }
}

pub(super) fn change(address: Address, operation: Operation, origin: Option<Origin>) -> Change {
    Change {
        address,
        operation,
        origin,
        requires: BTreeSet::new(),
        refers: BTreeMap::new(),
        cluster: None,
        uid: None,
        resource_version: None,
        overrules: Vec::new(),
        protected: BTreeSet::new(),
        replaced_by: None,
    }
}

pub(super) fn group(name: &str, id: Identity) -> Group {
    Group {
        key: key(name),
        id,
        display_name: name.to_owned(),
        description: None,
        mail_nickname: None,
        unique_name: None,
        first_owner: None,
    }
}

pub(super) fn edge(group: &str, group_id: Identity, principal: PrincipalName, principal_id: Identity) -> Edge {
    let kind = match &principal {
        PrincipalName::User(_) => PrincipalKind::User,
        PrincipalName::Guest(_) => PrincipalKind::Guest,
        PrincipalName::Group(_) | PrincipalName::GroupId(_) => PrincipalKind::Group,
        PrincipalName::ServicePrincipal(_) => PrincipalKind::ServicePrincipal,
        PrincipalName::Object(_) => PrincipalKind::Device,
    };
    Edge { group: key(group), group_id, principal, principal_id, kind }
}

pub(super) fn user(name: &str) -> PrincipalName {
    PrincipalName::User(name.parse().unwrap())
}

pub(super) fn add_member(edge: Edge, origin: Option<Origin>) -> Change {
    let address = Address::Member(edge.group.clone(), edge.principal.clone());
    change(address, Operation::Create { after: Resource::Member(edge) }, origin)
}

pub(super) fn remove_member(edge: Edge) -> Change {
    let address = Address::Member(edge.group.clone(), edge.principal.clone());
    change(address, Operation::Delete { before: Resource::Member(edge) }, None)
}

pub(super) fn environment(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

pub(super) fn object(place: &str, kind: KubernetesKind, namespace: Option<&str>, name: &str) -> Address {
    let namespace = namespace.map(|namespace| namespace.parse::<Namespace>().unwrap());
    Address::Object { environment: environment(place), kind, namespace, name: name.to_owned() }
}

pub(super) fn subject(kind: SubjectKind, name: &str, principal: Option<PrincipalName>) -> Subject {
    Subject { kind, name: SubjectName::Known(name.to_owned()), namespace: None, principal }
}

pub(super) fn binding(namespace: Option<&str>, name: &str, role: &str, subjects: Vec<Subject>) -> Binding {
    Binding {
        namespace: namespace.map(|namespace| namespace.parse().unwrap()),
        name: name.to_owned(),
        role: RoleRef { kind: RoleKind::ClusterRole, name: role.to_owned() },
        subjects,
    }
}

pub(super) fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    PolicyRule { api_groups: list(groups), resources: list(resources), verbs: list(verbs), ..PolicyRule::default() }
}

pub(super) fn role(name: &str, rules: Vec<PolicyRule>) -> Resource {
    Resource::Role(Role {
        namespace: None,
        name: name.to_owned(),
        rules: PolicyRule::normalise(rules),
        aggregate_to: BTreeSet::new(),
    })
}

pub(super) fn empty_plan() -> Plan {
    Plan {
        config: "contoso-platform".parse().unwrap(),
        tenant: "8f9f0000-0000-0000-0000-000000000001".parse().unwrap(),
        domain: Some("contoso.com".to_owned()),
        changes: Vec::new(),
        withheld: Vec::new(),
        notes: Vec::new(),
        unmanaged: Vec::new(),
        forecasts: Vec::new(),
        spreads: Vec::new(),
        verdicts: Vec::new(),
        unread: Vec::new(),
        compared: Compared { groups: 184, environments: 3, bindings: 412 },
        names: BTreeMap::new(),
        first_owners: BTreeMap::new(),
    }
}

/// A binding that nobody has marked, and that gives no more than it says.
pub(super) fn unmanaged(address: Address, role: &str, subjects: Vec<Subject>) -> UnmanagedBinding {
    UnmanagedBinding {
        environment: address.environment().unwrap().clone(),
        address,
        owner: BindingOwner::Unmarked,
        role: RoleRef { kind: RoleKind::ClusterRole, name: role.to_owned() },
        rights: Rights::Plain,
        has_wildcards: false,
        subjects,
        treatment: Treatment::Reported,
        replaceable: true,
        beside: Vec::new(),
    }
}

/// A plan with something of everything that people meet.
pub(super) fn full_plan() -> Plan {
    let dev = Identity::Known(id("0f3c"));
    let sre = Identity::AfterApply(key("sre"));
    let mut created = group("sre", sre.clone());
    created.display_name = "Site Reliability".to_owned();
    created.description = Some("Keeps the lights on, day and night, for every cluster of contoso-platform".to_owned());
    created.first_owner = Some(id("9a1b"));
    let mut renamed = group("payments", Identity::Known(id("55aa")));
    renamed.description = Some("Payments".to_owned());
    let mut before = renamed.clone();
    before.description = None;
    before.display_name = "Pay\u{1b}[2Jments".to_owned();

    let restarter = change(
        object("staging", KubernetesKind::ClusterRole, None, "restarter-0a1b2c3d4e"),
        Operation::Update {
            before: role(
                "restarter-0a1b2c3d4e",
                vec![rule(&["apps"], &["deployments"], &["get", "list"]), rule(&[""], &["pods", "pods/log"], &["get"])],
            ),
            after: role(
                "restarter-0a1b2c3d4e",
                vec![
                    rule(&["apps"], &["deployments"], &["get", "list", "patch"]),
                    rule(&[""], &["pods", "pods/log"], &["get"]),
                ],
            ),
        },
        Some(origin("rolecall.yaml", 40)),
    );
    let mut restarter = restarter;
    restarter.overrules = vec!["kubectl-edit".to_owned()];

    let grant = binding(
        Some("trinity"),
        "k8s_dev_users-read-only-3fa9c1d204",
        "view",
        vec![subject(SubjectKind::Group, &id("0f3c").to_string(), Some(PrincipalName::Group(key("k8s_dev_users"))))],
    );
    let grant = change(
        object("alpha", KubernetesKind::RoleBinding, Some("trinity"), "k8s_dev_users-read-only-3fa9c1d204"),
        Operation::Create { after: Resource::Binding(grant) },
        Some(origin("teams/trinity.yaml", 31)),
    );
    let everywhere = Binding {
        subjects: vec![Subject {
            kind: SubjectKind::Group,
            name: SubjectName::AfterApply { prefix: "oidc:".to_owned(), group: key("sre") },
            namespace: None,
            principal: Some(PrincipalName::Group(key("sre"))),
        }],
        ..binding(None, "sre-admin-77ab00ff12", "cluster-admin", Vec::new())
    };
    let mut everywhere = change(
        object("prod", KubernetesKind::ClusterRoleBinding, None, "sre-admin-77ab00ff12"),
        Operation::Create { after: Resource::Binding(everywhere) },
        Some(origin("teams/sre.yaml", 12)),
    );
    everywhere.protected = [environment("prod")].into();
    everywhere.requires = [Address::Group(key("sre"))].into();
    let pruned = binding(
        Some("payments"),
        "old-edit-00112233aa",
        "edit",
        vec![subject(SubjectKind::User, "oidc:sam@contoso.com", Some(user("sam@contoso.com")))],
    );
    let pruned = change(
        object("staging", KubernetesKind::RoleBinding, Some("payments"), "old-edit-00112233aa"),
        Operation::Delete { before: Resource::Binding(pruned) },
        None,
    );

    let finance = PrincipalName::GroupId(id("c0de"));
    Plan {
        changes: vec![
            change(
                Address::Group(key("sre")),
                Operation::Create { after: Resource::Group(created) },
                Some(origin("teams/sre.yaml", 3)),
            ),
            change(
                Address::Group(key("payments")),
                Operation::Update { before: Resource::Group(before), after: Resource::Group(renamed) },
                Some(origin("teams/payments.yaml", 2)),
            ),
            change(
                Address::Group(key("old-contractors")),
                Operation::Delete { before: Resource::Group(group("old-contractors", Identity::Known(id("91be")))) },
                None,
            ),
            add_member(
                edge("k8s_dev_users", dev.clone(), user("hayden@contoso.com"), Identity::Known(id("7d1a"))),
                Some(origin("teams/trinity.yaml", 9)),
            ),
            remove_member(edge("k8s_dev_users", dev.clone(), finance, Identity::Known(id("c0de")))),
            add_member(
                edge("sre", sre, PrincipalName::Group(key("k8s_dev_users")), dev),
                Some(origin("teams/sre.yaml", 6)),
            ),
            grant,
            restarter,
            pruned,
            everywhere,
        ],
        withheld: vec![
            Withheld {
                origin: Some(origin("teams/trinity.yaml", 10)),
                addresses: vec![Address::Member(key("k8s_dev_users"), user("sma@contoso.com"))],
                signs: vec![Sign::Add],
                reason: Reason::UnknownPerson,
                message: "nobody is `sma@contoso.com`; removals in k8s_dev_users wait (did you mean sam@contoso.com?)"
                    .to_owned(),
                is_error: false,
            },
            Withheld {
                origin: Some(origin("rolecall.yaml", 21)),
                addresses: Vec::new(),
                signs: Vec::new(),
                reason: Reason::AmbiguousGroupName,
                message: "two groups are called `Payments`".to_owned(),
                is_error: true,
            },
        ],
        notes: vec![Note {
            environment: None,
            origin: Some(origin("teams/sre.yaml", 8)),
            kind: NoteKind::DisabledPerson,
            message: "kim@contoso.com is disabled".to_owned(),
            about: Some("kim@contoso.com".to_owned()),
        }],
        unmanaged: vec![
            unmanaged(
                object("alpha", KubernetesKind::ClusterRoleBinding, None, "hand-made-admin"),
                "cluster-admin",
                vec![subject(SubjectKind::User, "root@contoso.com", None)],
            ),
            UnmanagedBinding {
                owner: BindingOwner::OtherConfig("contoso-apps".to_owned()),
                ..unmanaged(
                    object("alpha", KubernetesKind::RoleBinding, Some("trinity"), "apps-edit"),
                    "edit",
                    vec![subject(
                        SubjectKind::Group,
                        &id("0f3c").to_string(),
                        Some(PrincipalName::Group(key("k8s_dev_users"))),
                    )],
                )
            },
        ],
        verdicts: vec![
            Verdict {
                guard: "group-deleted".to_owned(),
                subject: "old-contractors".to_owned(),
                message: "old-contractors would be deleted (restorable for 30 days)".to_owned(),
                acknowledged: false,
                leaves_out: Vec::new(),
            },
            Verdict {
                guard: "cluster-admin-gained".to_owned(),
                subject: "prod/sre".to_owned(),
                message: "sre on prod".to_owned(),
                acknowledged: true,
                leaves_out: Vec::new(),
            },
            Verdict {
                guard: "protected".to_owned(),
                subject: "prod".to_owned(),
                message:
                    "1 change reaches prod, which is protected; it is left to a plan made with `plan --save FILE` \
                          and applied with `apply FILE`"
                        .to_owned(),
                acknowledged: false,
                leaves_out: vec![object("prod", KubernetesKind::ClusterRoleBinding, None, "sre-admin-77ab00ff12")],
            },
        ],
        spreads: Vec::new(),
        forecasts: vec![
            Forecast {
                environment: environment("alpha"),
                identity: "system:serviceaccount:rolecall:applier".to_owned(),
                whose: Whose::Applier,
                refusals: vec![ExpectedRefusal {
                    lack: Lack::new(
                        MissingRight::Bind(RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() }),
                        Some("trinity".to_owned()),
                        vec![rule(&[""], &["pods", "services"], &["get", "list"])],
                    ),
                    addresses: [object("alpha", KubernetesKind::RoleBinding, Some("trinity"), "k8s_dev_users-read")]
                        .into(),
                }],
                unchecked: Vec::new(),
            },
            Forecast {
                environment: environment("prod"),
                identity: "reader".to_owned(),
                whose: Whose::Planner,
                refusals: Vec::new(),
                unchecked: vec![Unchecked {
                    why: "`reader`, who plans, may write none of this".to_owned(),
                    next: "say who applies".to_owned(),
                    addresses: [object("prod", KubernetesKind::ClusterRoleBinding, None, "sre-admin-77ab00ff12")]
                        .into(),
                }],
            },
        ],
        unread: vec![Unread {
            environment: Some(environment("dr")),
            failure: Failure::new(FailureKind::Unreachable, "https://dr.contoso.com:6443 did not answer within 10 s")
                .with_next("check the network, or leave it out with --allow-unreachable dr"),
            allowed: false,
        }],
        names: [
            (id("c0de").to_string(), "Finance \"all\"".to_owned()),
            (id("9a1b").to_string(), "rolecall-applier".to_owned()),
        ]
        .into(),
        ..empty_plan()
    }
}

pub(super) fn context() -> Context {
    Context {
        commit: Some(Commit {
            id: "4f2c1aa000000000000000000000000000000000".to_owned(),
            short: "4f2c1aa".to_owned(),
            dirty: false,
        }),
        plan_id: Some("7f3a".to_owned()),
        access: std::sync::Arc::default(),
        spent: Some(Spent {
            others: 0,
            graph: Usage { requests: 31, resource_units: 97, throttled: 0 },
            clusters: Usage { requests: 24, resource_units: 0, throttled: 0 },
            elapsed: Duration::from_millis(812),
        }),
        ..Context::default()
    }
}
