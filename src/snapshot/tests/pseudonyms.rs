//! What a pseudonymised snapshot hides, and that a plan against it is the same but for names.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use ring::hmac;

use super::{normalised, snapshot};
use crate::plan::tests::{World, world};
use crate::plan::{Plan, plan};
use crate::snapshot::Snapshot;
use crate::state::covering::missing;
use crate::state::{
    Above, AccessAnswer, AccessQuestion, Address, Answers, Applier, Binding, Change, DeletedGroup, DesiredBinding,
    EnvironmentName, Expression, Failure, FailureKind, FieldWrite, GroupKind, GroupSummary, Inside, LiveBinding,
    LiveGroup, LiveMeta, LivePrincipal, LiveRole, Mark, ObjectId, Observed, OuterGroup, PolicyRule, PrincipalKind,
    PrincipalName, PrivilegedMembers, RBAC, Resolution, Role, RoleKind, RoleRef, RoleTarget, ScopeTarget, Selector,
    Subject, SubjectKind, SubjectName, Trace, WrittenField,
};

fn key(text: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())
}

fn pseudonymised(world: &World, observed: Observed, by: &str) -> Snapshot {
    snapshot(world, observed).pseudonymised(&world.desired, [], &key(by))
}

fn id(number: u128) -> ObjectId {
    ObjectId::from(uuid::Uuid::from_u128(0x5ec4_e700_0000_0000_0000_0000_0000_0000 | number))
}

/// What must not be found, in any case; and the beginning of every id that must not be.
const SECRET: &str = "zzsecret";
const SECRET_ID: &str = "5ec4e700";

fn person(number: u128, user_principal_name: &str) -> LivePrincipal {
    LivePrincipal {
        id: id(number),
        kind: PrincipalKind::User,
        name: PrincipalName::User(user_principal_name.parse().unwrap()),
        user_principal_name: Some(user_principal_name.into()),
        display_name: Some("Zzsecret O'Hara".into()),
        enabled: Some(true),
    }
}

fn nested(number: u128) -> LivePrincipal {
    LivePrincipal {
        id: id(number),
        kind: PrincipalKind::Group,
        name: PrincipalName::GroupId(id(number)),
        user_principal_name: None,
        display_name: Some("The zzsecret circle".into()),
        enabled: None,
    }
}

/// One of everything that can be in a snapshot, each text of it a secret.
fn secrets(world: &mut World) -> Observed {
    let alpha: EnvironmentName = "alpha".parse().unwrap();
    world.desired.environments.get_mut(&alpha).unwrap().tokens.users_prefix = "oidc:".to_owned();
    world.desired.environments.get_mut(&alpha).unwrap().bindings.push(DesiredBinding {
        subject: PrincipalName::User("erin@contoso.com".parse().unwrap()),
        role: RoleTarget {
            key: "view".parse().unwrap(),
            reference: RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() },
            ours: false,
        },
        scope: ScopeTarget::Selector(BTreeMap::from([("team".to_owned(), "sre".to_owned())])),
        origin: crate::state::Origin { file: "a.yaml".into(), line: 1 },
    });
    let failure =
        || Failure::new(FailureKind::Forbidden, "zzsecret at https://zzsecret:6443").with_next("ask Zzsecret");
    let text = || "a ZZSECRET text".to_owned();
    let guest = LivePrincipal {
        kind: PrincipalKind::Guest,
        name: PrincipalName::Guest("zzsecret@partner.example".parse().unwrap()),
        user_principal_name: Some("zzsecret_partner.example#EXT#@zzsecret.onmicrosoft.com".into()),
        ..person(2, "x@zzsecret.com")
    };
    let robot = LivePrincipal {
        kind: PrincipalKind::ServicePrincipal,
        name: PrincipalName::ServicePrincipal(id(3).to_string().parse().unwrap()),
        user_principal_name: None,
        ..person(3, "x@zzsecret.com")
    };
    let device = LivePrincipal { kind: PrincipalKind::Device, name: PrincipalName::Object(id(4)), ..robot.clone() };
    let everybody =
        || vec![person(1, "Zzsecret.Quist@Contoso.com"), guest.clone(), robot.clone(), device.clone(), nested(5)];
    let mut observed = world.observed.clone();
    let tenant = observed.tenant.as_mut().unwrap().as_mut().unwrap();
    // Erin is in the files by her user principal name, and by nothing else.
    let erin = PrincipalName::User("erin@contoso.com".parse().unwrap());
    tenant.directory = BTreeMap::from([
        (erin, Resolution::Found(LivePrincipal { id: id(6), ..person(6, "erin@contoso.com") })),
        (PrincipalName::User("zzsecret@contoso.com".parse().unwrap()), Resolution::Ambiguous(everybody())),
        (
            PrincipalName::User("hayden@contoso.com".parse().unwrap()),
            Resolution::Missing { reason: "nobody".to_owned(), suggestion: Some("zzsecret@contoso.com".to_owned()) },
        ),
    ]);
    tenant.domain = Some("zzsecret.com".to_owned());
    tenant.identity.id = id(7);
    tenant.identity.app = Some(id(8).to_string().parse().unwrap());
    tenant.identity.label = "zzsecret@contoso.com".to_owned();
    let group = LiveGroup {
        id: id(9),
        display_name: text(),
        description: Some(text()),
        mail_nickname: Some("zzsecret".to_owned()),
        unique_name: Some("rolecall.zzsecret.zzsecret".to_owned()),
        kind: GroupKind::Security,
        role_assignable: false,
        owners: everybody(),
        members: everybody(),
    };
    tenant.marked.insert("sre".parse().unwrap(), LiveGroup { unique_name: Some(text()), ..group.clone() });
    tenant.by_id = BTreeMap::from([(id(9), Some(group)), (id(10), None)]);
    tenant.deleted.insert(
        "sre".parse().unwrap(),
        vec![DeletedGroup {
            id: id(11),
            display_name: text(),
            description: Some(text()),
            mail_nickname: Some(text()),
            kind: None,
            deleted: Some(text()),
        }],
    );
    tenant.deleted_unreadable = Some(failure());
    tenant.by_display_name.insert(
        "Zzsecret".to_owned(),
        vec![GroupSummary {
            id: id(12),
            display_name: text(),
            unique_name: Some("rolecall.zzsecret.x".to_owned()),
            kind: GroupKind::Security,
            created: Some(text()),
            owners: vec!["zzsecret@contoso.com".to_owned(), text(), id(1).to_string()],
        }],
    );
    tenant.other_configs.insert("zzsecret".to_owned());
    let of_groups = &mut observed.of_groups;
    of_groups.privileged.insert(id(9), PrivilegedMembers::Active(BTreeSet::from([id(1)])));
    of_groups.privileged.insert(id(10), PrivilegedMembers::Unreadable(text()));
    of_groups.above.insert(id(9), Above::Read(vec![OuterGroup { id: id(13), display_name: text() }]));
    of_groups.above.insert(id(10), Above::Unreadable(text()));
    of_groups.inside.insert(id(9), Inside::Read(everybody()));
    of_groups.inside.insert(id(10), Inside::Unreadable(text()));
    of_groups.direct.insert(id(9), Inside::Read(everybody()));
    cluster_of_secrets(observed.clusters.get_mut(&alpha).unwrap().as_mut().unwrap());
    observed.clusters.insert("beta".parse().unwrap(), Err(failure()));
    let mut answers = Answers::default();
    let question = |name: &str| AccessQuestion::new("bind", RBAC, "clusterroles").named(name);
    let who = Applier::new("oidc:zzsecret@contoso.com", ["zzsecret".to_owned()]);
    let allowed = || Ok(AccessAnswer { allowed: true, reason: text() });
    answers.record(
        vec![
            question("zzsecret-role"),
            AccessQuestion { who: Some(who), ..question("view") }.within(&"zzsecret-dev".parse().unwrap()),
            AccessQuestion::new("get", "", "secrets").named("zzsecret"),
        ],
        vec![allowed(), allowed(), Err(failure())],
    );
    observed.answers.insert(alpha, answers);
    observed
}

fn cluster_of_secrets(cluster: &mut crate::state::Cluster) {
    let text = || "a ZZSECRET text".to_owned();
    cluster.username = "oidc:zzsecret@contoso.com".to_owned();
    cluster.user_groups = BTreeSet::from(["zzsecret".to_owned(), "system:serviceaccounts:zzsecret".to_owned()]);
    cluster.namespaces.insert(
        "zzsecret-dev".parse().unwrap(),
        BTreeMap::from([
            ("team".to_owned(), "zzsecret".to_owned()),
            ("owner".to_owned(), "x".to_owned()),
            ("zzsecret".to_owned(), "x".to_owned()),
        ]),
    );
    let write = |manager: &str| FieldWrite {
        manager: manager.to_owned(),
        operation: text(),
        time: Some(text()),
        fields: BTreeSet::from([WrittenField::Rules]),
        is_ours: false,
    };
    let meta = || LiveMeta {
        uid: id(20).to_string(),
        resource_version: "zzsecret".to_owned(),
        mark: Mark::OtherConfig("zzsecret".to_owned()),
        other_managers: vec!["zzsecret".to_owned(), "kubectl-edit".to_owned()],
        bootstrapping: true,
        trace: Trace { created: Some(text()), deleting: Some(text()), writes: vec![write("zzsecret"), write("helm")] },
    };
    let rule = PolicyRule {
        api_groups: vec![String::new()],
        resources: vec!["users".to_owned()],
        verbs: vec!["impersonate".to_owned()],
        resource_names: vec!["zzsecret".to_owned(), "oidc:zzsecret@contoso.com".to_owned(), id(1).to_string()],
        non_resource_urls: Vec::new(),
    };
    let values = || BTreeSet::from(["zzsecret".to_owned()]);
    let selector = Selector {
        labels: BTreeMap::from([("zzsecret".to_owned(), "zzsecret".to_owned())]),
        expressions: vec![
            Expression::In("zzsecret".to_owned(), values()),
            Expression::NotIn("zzsecret".to_owned(), values()),
            Expression::Exists("zzsecret".to_owned()),
            Expression::DoesNotExist("zzsecret".to_owned()),
            Expression::Unknown(text()),
        ],
    };
    for (namespace, name) in [(None, "zzsecret-role"), (Some("zzsecret-dev"), "zzsecret-role")] {
        cluster.roles.push(LiveRole {
            role: Role {
                namespace: namespace.map(|name| name.parse().unwrap()),
                name: name.to_owned(),
                rules: vec![rule.clone()],
                aggregate_to: BTreeSet::new(),
            },
            meta: meta(),
            labels: BTreeMap::from([
                ("zzsecret".to_owned(), "zzsecret".to_owned()),
                ("owner".to_owned(), "zzsecret".to_owned()),
            ]),
            aggregation: Some(vec![selector.clone()]),
        });
    }
    let subject = |kind, name: &str, namespace: Option<&str>| Subject {
        kind,
        name: SubjectName::Known(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        principal: Some(PrincipalName::User("zzsecret@contoso.com".parse().unwrap())),
    };
    let subjects = vec![
        subject(SubjectKind::User, "oidc:Zzsecret.Quist@Contoso.com", None),
        subject(SubjectKind::User, "zzsecret", None),
        subject(SubjectKind::User, "system:zzsecret", None),
        subject(SubjectKind::User, "system:serviceaccount:zzsecret:zzsecret", None),
        subject(SubjectKind::User, &id(1).to_string(), None),
        subject(SubjectKind::Group, &id(9).to_string(), None),
        subject(SubjectKind::Group, "Zzsecret circle", None),
        subject(SubjectKind::Group, "system:serviceaccounts:zzsecret", None),
        subject(SubjectKind::ServiceAccount, "zzsecret", Some("zzsecret")),
        subject(SubjectKind::Other("Zzsecret".to_owned()), "zzsecret", None),
    ];
    for (mark, namespace, kind) in [
        (Mark::None, None, RoleKind::ClusterRole),
        (Mark::Ours, None, RoleKind::ClusterRole),
        (Mark::LabelsOnly, Some("zzsecret-dev"), RoleKind::Role),
    ] {
        cluster.bindings.push(LiveBinding {
            binding: Binding {
                namespace: namespace.map(|name| name.parse().unwrap()),
                name: "zzsecret-admin".to_owned(),
                role: RoleRef { kind, name: "zzsecret-role".to_owned() },
                subjects: subjects.clone(),
            },
            meta: LiveMeta { mark, ..meta() },
        });
    }
}

#[test]
fn nothing_that_the_files_do_not_say_is_in_it_whatever_it_stands_in() {
    let mut world = World::new();
    let observed = secrets(&mut world);
    let plain = snapshot(&world, observed.clone()).to_json().unwrap().to_lowercase();
    assert!(plain.matches(SECRET).count() > 80 && plain.matches(SECRET_ID).count() > 20, "the secrets are there");
    let hidden = pseudonymised(&world, observed, "a");
    let text = hidden.to_json().unwrap();
    let lower = text.to_lowercase();
    for secret in [SECRET, SECRET_ID, "quist", "o'hara", "partner", "ext#", "onmicrosoft", ":6443", "oidc:z"] {
        let at = lower.find(secret);
        let near = at.map(|at| lower.chars().skip(at.saturating_sub(200)).take(300).collect::<String>());
        assert_eq!(near, None, "{secret}");
    }
    // What the files say is there; and so is what everybody knows.
    for said in ["erin@contoso.com", "kubectl-edit", "\"view\"", "\"team\""] {
        assert!(text.contains(said), "{said}");
    }
    assert_eq!(Snapshot::parse(text.as_bytes()).unwrap(), hidden);
}

#[test]
fn one_name_is_one_pseudonym_in_a_file_and_another_one_in_the_next() {
    let mut world = World::new();
    let observed = secrets(&mut world);
    let text = |by| pseudonymised(&world, observed.clone(), by).to_json().unwrap();
    assert_eq!(text("a"), text("a"));
    let person = |text: &str| {
        let (_, rest) = text.split_once("\"user\":\"person-").unwrap();
        rest.split('@').next().unwrap().to_owned()
    };
    assert_eq!(person(&text("a")).len(), 12);
    assert_ne!(person(&text("a")), person(&text("b")));
    // Where a cluster calls somebody by name, it is the name that the tenant has for them, to the letter.
    let hidden = pseudonymised(&world, observed, "a").observed;
    let tenant = hidden.tenant.unwrap().unwrap();
    let quist = &tenant.marked.values().next().unwrap().members;
    let quist = quist.iter().find(|live| live.kind == PrincipalKind::User).unwrap();
    let name = quist.user_principal_name.as_deref().unwrap();
    assert!(quist.has_user_principal_name(&name.parse().unwrap()) && name != name.to_lowercase(), "{name}");
    let cluster = hidden.clusters.into_values().find_map(Result::ok).unwrap();
    let subjects: Vec<&Subject> = cluster.bindings.iter().flat_map(|live| &live.binding.subjects).collect();
    let is_called = |name: String| subjects.iter().any(|subject| subject.name == SubjectName::Known(name.clone()));
    assert!(is_called(format!("oidc:{name}")), "{subjects:?}");
    assert!(is_called(quist.id.to_string()));
    assert!(quist.id.to_string().ends_with("-000000000000"), "{}", quist.id);
}

#[test]
fn whoever_applies_is_told_by_what_binds_them_as_before() {
    let mut world = World::new();
    let alpha: EnvironmentName = "alpha".parse().unwrap();
    let binding = |subjects| Binding {
        namespace: None,
        name: "by-hand".to_owned(),
        role: RoleRef { kind: RoleKind::ClusterRole, name: "cluster-admin".to_owned() },
        subjects,
    };
    let subject = |kind, name: &str, namespace: Option<&str>| Subject {
        kind,
        name: SubjectName::Known(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        principal: None,
    };
    let meta = LiveMeta {
        uid: id(20).to_string(),
        resource_version: "1".to_owned(),
        mark: Mark::None,
        other_managers: Vec::new(),
        bootstrapping: false,
        trace: Trace::default(),
    };
    for (applier, subject) in [
        (Applier::service_account("ci", "deployer"), subject(SubjectKind::ServiceAccount, "deployer", Some("ci"))),
        (Applier::new("ci@contoso.com", ["deployers".to_owned()]), subject(SubjectKind::Group, "deployers", None)),
        (Applier::new("oidc:ci@contoso.com", []), subject(SubjectKind::User, "oidc:ci@contoso.com", None)),
    ] {
        let mut observed = world.observed.clone();
        let cluster = observed.clusters.get_mut(&alpha).unwrap().as_mut().unwrap();
        cluster.bindings.push(LiveBinding { binding: binding(vec![subject]), meta: meta.clone() });
        // Whom the files name, and whoever reads: the same user is both here.
        (cluster.username, cluster.user_groups) = (applier.user.clone(), applier.groups.clone());
        for named in [None, Some(applier.clone())] {
            world.desired.environments.get_mut(&alpha).unwrap().applier.clone_from(&named);
            let hidden = pseudonymised(&world, observed.clone(), "a").observed;
            let cluster = hidden.clusters[&alpha].as_ref().unwrap();
            let ourselves = Applier { user: cluster.username.clone(), groups: cluster.user_groups.clone() };
            let subject = &cluster.bindings[0].binding.subjects[0];
            assert!(ourselves.is_bound_by(subject), "{ourselves:?} {subject:?}");
            assert_eq!(named.is_some(), applier.is_bound_by(subject), "{subject:?}");
        }
    }
}

fn known(kind: SubjectKind, name: &str) -> Subject {
    Subject { kind, name: SubjectName::Known(name.to_owned()), namespace: None, principal: None }
}

fn by_hand() -> LiveMeta {
    LiveMeta {
        uid: id(20).to_string(),
        resource_version: "1".to_owned(),
        mark: Mark::None,
        other_managers: Vec::new(),
        bootstrapping: false,
        trace: Trace::default(),
    }
}

fn cluster_role(name: &str, rules: Vec<PolicyRule>) -> LiveRole {
    let role = Role { namespace: None, name: name.to_owned(), rules, aggregate_to: BTreeSet::new() };
    LiveRole { role, meta: by_hand(), labels: BTreeMap::new(), aggregation: None }
}

fn texts(several: &[&str]) -> Vec<String> {
    several.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn whoever_is_called_after_somebody_is_found_by_any_spelling_of_who_is_bound() {
    let bound = [
        (SubjectKind::User, "oidc:gina@contoso.com", "gina"),
        (SubjectKind::User, "https://issuer.example/#walt@contoso.com", "walt"),
        (SubjectKind::User, "https://issuer.example/v2.0#petra", "petra"),
        (SubjectKind::User, "oidc:irmgard", "irmgard"),
        (SubjectKind::User, "oidc:oluf_partner.example#EXT#@contoso.com", "oluf"),
        (SubjectKind::User, "oidc:kurt+ci@contoso.com", "kurt"),
        (SubjectKind::Group, "grp:rosa@contoso.com", "rosa"),
    ];
    let mut world = World::new();
    let alpha: EnvironmentName = "alpha".parse().unwrap();
    let tokens = &mut world.desired.environments.get_mut(&alpha).unwrap().tokens;
    (tokens.users_prefix, tokens.groups_prefix) = ("oidc:".to_owned(), "grp:".to_owned());
    let mut observed = world.observed.clone();
    observed.tenant.as_mut().unwrap().as_mut().unwrap().identity.label = "nils@contoso.com".to_owned();
    let cluster = observed.clusters.get_mut(&alpha).unwrap().as_mut().unwrap();
    cluster.username = "oidc:uwe@contoso.com".to_owned();
    for name in bound.iter().map(|(_, _, name)| *name).chain(["nils", "uwe"]) {
        cluster.namespaces.insert(format!("{name}-dev").parse().unwrap(), BTreeMap::new());
        cluster
            .roles
            .extend([format!("{name}-reader"), format!("system:{name}")].map(|name| cluster_role(&name, vec![])));
    }
    for role in ["heidi@elsewhere.example", "plain-reader"] {
        cluster.roles.push(cluster_role(role, vec![]));
    }
    cluster.bindings.push(LiveBinding {
        binding: Binding {
            namespace: None,
            name: "by-hand".to_owned(),
            role: RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() },
            subjects: bound.iter().map(|(kind, name, _)| known(kind.clone(), name)).collect(),
        },
        meta: by_hand(),
    });
    let hidden = pseudonymised(&world, observed.clone(), "a").to_json().unwrap();
    let plain = snapshot(&world, observed.clone()).to_json().unwrap();
    for name in bound.iter().map(|(_, _, name)| *name).chain(["nils", "uwe", "heidi", "elsewhere.example"]) {
        assert!(plain.contains(name) && !hidden.contains(name), "{name}: {hidden}");
    }
    assert!(hidden.contains("\"plain-reader\"") && hidden.contains("\"system:role-"), "{hidden}");
    // Whom the files name may be seen, behind whatever prefix.
    world.desired.environments.get_mut(&alpha).unwrap().bindings.push(DesiredBinding {
        subject: PrincipalName::User("gina@contoso.com".parse().unwrap()),
        role: RoleTarget {
            key: "view".parse().unwrap(),
            reference: RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() },
            ours: false,
        },
        scope: ScopeTarget::Cluster,
        origin: crate::state::Origin { file: "a.yaml".into(), line: 1 },
    });
    let hidden = pseudonymised(&world, observed, "a").to_json().unwrap();
    assert!(
        hidden.contains("\"gina-dev\"") && hidden.contains("\"gina-reader\"") && !hidden.contains("walt"),
        "{hidden}"
    );
}

/// Rules that name people in every part, and that cover each other in every way.
fn rules_about_somebody() -> Vec<PolicyRule> {
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| PolicyRule {
        api_groups: texts(groups),
        resources: texts(resources),
        verbs: texts(verbs),
        ..PolicyRule::default()
    };
    let path = |path: &str, verbs: &[&str]| PolicyRule {
        non_resource_urls: texts(&[path]),
        verbs: texts(verbs),
        ..PolicyRule::default()
    };
    vec![
        rule(&["*"], &["*"], &["*"]),
        rule(&["batch"], &["jobs", "jobs/status"], &["get", "list"]),
        rule(&["batch"], &["*/status"], &["get"]),
        rule(&["jobs.contoso.com", "gina.contoso.com"], &["reports", "gina"], &["get"]),
        rule(&["gina.contoso.com"], &["gina/scale"], &["get"]),
        rule(&["gina.contoso.com"], &["*/scale"], &["get", "gina@contoso.com"]),
        rule(
            &["authentication.k8s.io"],
            &["userextras/gina@contoso.com", "userextras/oidc:gina@contoso.com"],
            &["impersonate"],
        ),
        PolicyRule {
            resource_names: texts(&["gina@contoso.com", "gina", "kubernetes.io/kubelet-serving"]),
            ..rule(&["certificates.k8s.io"], &["signers"], &["gina@contoso.com", "approve"])
        },
        rule(&["certificates.k8s.io"], &["signers"], &["approve"]),
        path("/users/gina@contoso.com/*", &["get"]),
        path("/users/gina@contoso.com/mail", &["get"]),
        path("/users/gina%40contoso.com/mail", &["get"]),
        path("/users/heidi@elsewhere.example", &["get"]),
        path("/users/smith/gina/*", &["get"]),
        path("/users/smith/gina/mail", &["get"]),
        path("/users/*", &["get"]),
        path("/metrics", &["get"]),
        path("*", &["get"]),
    ]
}

#[test]
fn a_rule_names_nobody_and_covers_what_it_covered() {
    let mut world = World::new();
    let alpha: EnvironmentName = "alpha".parse().unwrap();
    let mut observed = world.observed.clone();
    let gina = LivePrincipal { display_name: Some("Smith Gina".into()), ..person(1, "gina@contoso.com") };
    let jobs = LivePrincipal { display_name: None, ..person(2, "jobs@contoso.com") };
    observed.of_groups.inside.insert(id(9), Inside::Read(vec![gina, jobs]));
    let rules = rules_about_somebody();
    let cluster = observed.clusters.get_mut(&alpha).unwrap().as_mut().unwrap();
    cluster.roles =
        (10..).zip(&rules).map(|(number, rule)| cluster_role(&format!("r{number}"), vec![rule.clone()])).collect();
    let mut answers = Answers::default();
    let question = AccessQuestion::new("gina@contoso.com", "gina.contoso.com", "gina");
    answers.record(vec![question], vec![Ok(AccessAnswer { allowed: true, reason: String::new() })]);
    observed.answers.insert(alpha.clone(), answers);
    let hidden = pseudonymised(&world, observed.clone(), "a");
    let text = hidden.to_json().unwrap();
    for secret in ["gina", "smith", "heidi", "elsewhere"] {
        assert!(!text.to_lowercase().contains(secret), "{secret}: {text}");
    }
    let kept =
        ["\"jobs/status\"", "\"*/scale\"", "\"/users/*\"", "\"/metrics\"", "userextras/oidc:person-", "kubernetes.io/"];
    for kept in kept {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    let after = |snapshot: &Snapshot| -> Vec<Vec<PolicyRule>> {
        let cluster = snapshot.observed.clusters[&alpha].as_ref().unwrap();
        cluster.roles.iter().map(|live| live.role.rules.clone()).collect()
    };
    let covered = |held: &[PolicyRule], given: &[PolicyRule]| missing(held, given).is_empty();
    let (before, after_that) = (rules.iter().map(|rule| vec![rule.clone()]).collect::<Vec<_>>(), after(&hidden));
    for (held, held_after) in before.iter().zip(&after_that) {
        for (given, given_after) in before.iter().zip(&after_that) {
            assert_eq!(covered(held, given), covered(held_after, given_after), "{held_after:?} {given_after:?}");
        }
    }
    // What the files say of somebody in a rule is no secret, nor is what covers it.
    let role = crate::state::DesiredRole {
        origin: crate::state::Origin { file: "a.yaml".into(), line: 1 },
        key: "own".parse().unwrap(),
        namespace: None,
        name: "own".to_owned(),
        rules: vec![PolicyRule {
            non_resource_urls: texts(&["/users/gina@contoso.com/mail"]),
            verbs: texts(&["get"]),
            ..PolicyRule::default()
        }],
        aggregate_to: BTreeSet::new(),
    };
    let own = role.rules.clone();
    world.desired.environments.get_mut(&alpha).unwrap().roles.push(role);
    let after_that = after(&pseudonymised(&world, observed, "a"));
    for (held, held_after) in before.iter().zip(&after_that) {
        assert_eq!(covered(held, &own), covered(held_after, &own), "{held:?} {held_after:?}");
    }
}

/// What a plan comes to, without any name that may be hidden.
fn shape(plan: &Plan) -> Vec<String> {
    let change = |change: &Change| match &change.address {
        Address::Group(_) => format!("{} {}", change.sign(), change.address),
        Address::Owner(key, _) => format!("{} owner of {key}", change.sign()),
        Address::Member(key, _) => format!("{} member of {key}", change.sign()),
        Address::Object { environment, kind, .. } => format!("{} {environment} {kind:?}", change.sign()),
    };
    let changes = plan.changes.iter().map(|one| format!("{} after {}", change(one), one.requires.len()));
    let withheld = plan.withheld.iter().map(|one| {
        // What waits is in the order of its names.
        let mut signs: Vec<String> = one.signs.iter().map(ToString::to_string).collect();
        signs.sort();
        format!("withheld {} {:?} {} {}", one.reason, one.origin, one.is_error, signs.concat())
    });
    let notes = plan.notes.iter().map(|note| format!("note {} {:?}", note.kind, note.origin));
    let unmanaged = plan.unmanaged.iter().map(|one| {
        format!("unmanaged {:?} {:?} {} {}", one.rights, one.role.kind, one.subjects.len(), one.beside.len())
    });
    let verdicts = plan.verdicts.iter().map(|verdict| format!("guard {}", verdict.guard));
    let unread = plan.unread.iter().map(|part| format!("unread {:?}", part.environment));
    let mut shape: Vec<String> =
        changes.chain(withheld).chain(notes).chain(unmanaged).chain(verdicts).chain(unread).collect();
    shape.sort();
    shape
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_against_it_is_the_plan_against_the_plain_one_but_for_names(world in world()) {
        let mut live = world.answered();
        for live in live.clusters.values_mut().flatten().flat_map(|cluster| &mut cluster.roles) {
            // Whatever a role says of people besides is the same for all of them.
            live.role.rules.extend(rules_about_somebody().into_iter().skip(3).take(4));
        }
        let live = normalised(live);
        let hidden = pseudonymised(&world, live.clone(), "a");
        let text = hidden.to_json().unwrap();
        let read = Snapshot::parse(text.as_bytes()).unwrap();
        prop_assert!(read == hidden);
        let plain = plan(&world.desired, &live, &world.policy);
        prop_assert_eq!(shape(&plan(&world.desired, &read.observed, &world.policy)), shape(&plain));
    }
}
