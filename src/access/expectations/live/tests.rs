#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use super::*;
use crate::config::{File, read};
use crate::state::{
    Binding, GroupKind, GroupSummary, Inside, LiveBinding, LiveGroup, LiveMeta, LivePrincipal, LiveRole, Mark,
    ObjectId, OwnIdentity, PolicyRule, PrincipalKind, Resolution, Role, RoleKind, RoleRef, Subject, SubjectKind,
};

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, tokens: { groups-as: object-id, groups-prefix: \"entra:\" } }
groups:
  dev: { members: [hayden@contoso.com] }
roles:
  view: { cluster-role: view }
grants:
  - { groups: [dev], roles: [view], environments: [alpha], namespaces: [trinity] }
";

const HAYDEN: u128 = 1;
const DEV: u128 = 100;
const BINDING: &str = "dev-view";

fn desired(expectations: &str) -> Desired {
    let text = format!("{ROOT}expectations:\n{expectations}");
    let loaded = read(PathBuf::from("/access"), vec![File::new("rolecall.yaml", Ok(text.into_bytes()))]);
    assert_eq!(loaded.findings, vec![]);
    crate::desired::compile(&loaded.config.unwrap(), &loaded.sources)
}

fn hayden_lists_pods() -> Desired {
    desired(
        "  - { user: hayden@contoso.com, environments: [alpha], can: [list pods in trinity], cannot: [list pods in default] }\n",
    )
}

fn id(number: u128) -> ObjectId {
    uuid::Uuid::from_u128(number).into()
}

fn alpha() -> EnvironmentName {
    "alpha".parse().unwrap()
}

fn hayden() -> LivePrincipal {
    LivePrincipal {
        id: id(HAYDEN),
        kind: PrincipalKind::User,
        name: PrincipalName::User("hayden@contoso.com".parse().unwrap()),
        user_principal_name: Some("hayden@contoso.com".into()),
        display_name: None,
        enabled: Some(true),
    }
}

fn zoe() -> LivePrincipal {
    LivePrincipal {
        id: id(HAYDEN + 1),
        name: PrincipalName::User("zoe@contoso.com".parse().unwrap()),
        user_principal_name: Some("zoe@contoso.com".into()),
        ..hayden()
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

fn binding_name(desired: &Desired) -> String {
    let asked = &desired.environments[&alpha()].bindings[0];
    crate::state::mark::binding_name(
        &desired.config,
        &asked.subject,
        &asked.role.key,
        &asked.role.reference,
        &asked.scope,
    )
}

/// Everything as the files ask for it.
fn observed(desired: &Desired) -> Observed {
    let dev = LiveGroup {
        id: id(DEV),
        display_name: "dev".to_owned(),
        description: None,
        mail_nickname: None,
        unique_name: None,
        kind: GroupKind::Security,
        role_assignable: false,
        owners: Vec::new(),
        members: vec![hayden()],
    };
    let directory = [hayden(), zoe()].map(|live| (live.name.clone(), Resolution::Found(live)));
    let tenant = Tenant {
        id: desired.tenant,
        domain: None,
        identity: OwnIdentity { id: id(900), app: None, label: String::new() },
        marked: [("dev".parse().unwrap(), dev)].into(),
        by_id: BTreeMap::new(),
        directory: directory.into(),
        deleted: BTreeMap::new(),
        deleted_unreadable: None,
        by_display_name: BTreeMap::new(),
        other_configs: BTreeSet::new(),
    };
    let rules = vec![PolicyRule {
        verbs: vec!["get".to_owned(), "list".to_owned()],
        api_groups: vec![String::new()],
        resources: vec!["pods".to_owned()],
        ..PolicyRule::default()
    }];
    let role = Role { namespace: None, name: "view".to_owned(), rules, aggregate_to: BTreeSet::new() };
    let binding = Binding {
        namespace: Some("trinity".parse().unwrap()),
        name: binding_name(desired),
        role: RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() },
        subjects: vec![Subject {
            kind: SubjectKind::Group,
            name: SubjectName::Known(format!("entra:{}", id(DEV))),
            namespace: None,
            principal: None,
        }],
    };
    let cluster = Cluster {
        config: desired.config.clone(),
        uid: "5c1e0000-0000-4000-8000-000000000000".parse().unwrap(),
        username: String::new(),
        user_groups: BTreeSet::new(),
        namespaces: ["default", "kube-system", "trinity"].map(|name| (name.parse().unwrap(), BTreeMap::new())).into(),
        roles: vec![LiveRole::new(role, meta())],
        bindings: vec![LiveBinding { binding, meta: meta() }],
        pseudonymised: false,
    };
    Observed { tenant: Some(Ok(tenant)), clusters: [(alpha(), Ok(cluster))].into(), ..Observed::default() }
}

fn cluster(observed: &mut Observed) -> &mut Cluster {
    observed.clusters.get_mut(&alpha()).unwrap().as_mut().unwrap()
}

fn tenant(observed: &mut Observed) -> &mut Tenant {
    observed.tenant.as_mut().unwrap().as_mut().unwrap()
}

/// `pods` and `pods/log`, `nodes`, `namespaces`, and a custom resource.
fn served() -> Served {
    let one = |group: &str, resource: &str, subresource: Option<&str>, namespaced| ServedResource {
        group: group.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.map(str::to_owned),
        namespaced,
    };
    let all = vec![
        one("", "namespaces", None, false),
        one("", "nodes", None, false),
        one("", "pods", None, true),
        one("", "pods", Some("log"), true),
        one("example.com", "widgets", None, true),
    ];
    [(alpha(), Ok(all))].into()
}

/// What an API server says that decides as we do.
fn agreeing(desired: &Desired, observed: &Observed, served: &Served) -> BTreeMap<EnvironmentName, Reviewed> {
    let reviews = reviews(desired, observed, served);
    let answered = reviews.into_iter().map(|(name, reviews)| {
        let rbac = Rbac::live(observed.clusters[&name].as_ref().unwrap());
        let answer = |review: AccessReview| {
            let groups = review.who.groups.iter().cloned().map(SubjectName::Known);
            let allowed = rbac.allows(&Caller::exactly(review.who.user.clone(), groups), &review.request);
            (review, Ok(AccessAnswer { allowed, reason: String::new() }))
        };
        (name, reviews.into_iter().map(answer).collect())
    });
    answered.collect()
}

fn verdicts(verified: &Verified) -> Vec<&Verdict> {
    verified.judged.iter().map(|each| &each.verdict).collect()
}

/// Why the only expectation that does not hold does not.
fn why(verified: &Verified) -> String {
    let mut reasons = verified.judged.iter().filter_map(|each| match &each.verdict {
        Verdict::Broken(reasons) | Verdict::Unknown(reasons) => Some(reasons),
        Verdict::Holds => None,
    });
    let said = reasons.next().unwrap().iter().map(|why| {
        let lines: Vec<String> = why.lines.iter().map(ToString::to_string).collect();
        format!("{} [{}]", why.text, lines.join(", "))
    });
    let said: Vec<String> = said.collect();
    assert!(reasons.next().is_none());
    said.join("\n")
}

#[test]
fn whoever_is_asked_about_has_the_names_of_their_token() {
    let desired = hayden_lists_pods();
    let reviews = reviews(&desired, &observed(&desired), &Served::new());
    let who: BTreeSet<&Applier> = reviews[&alpha()].iter().map(|review| &review.who).collect();
    let groups = [format!("entra:{}", id(DEV)), "system:authenticated".to_owned()];
    assert_eq!(who, [&Applier { user: id(HAYDEN).to_string(), groups: groups.into() }].into());
    assert_eq!(reviews[&alpha()].len(), 2);
}

#[test]
fn what_both_say_holds() {
    let desired = hayden_lists_pods();
    let observed = observed(&desired);
    let verified = verified(&desired, &observed, &served(), &agreeing(&desired, &observed, &served()));
    assert_eq!(verdicts(&verified), [&Verdict::Holds; 2]);
    assert!(verified.is_whole(&BTreeSet::new()) && verified.differences.is_empty());
    assert_eq!(verified.reviews, [(alpha(), 2)].into());
}

/// Another answer than ours is no verdict, whichever of the two is right, and no flag makes it one.
#[test]
fn an_api_server_that_says_something_else_is_told_loudly() {
    let desired = hayden_lists_pods();
    let observed = observed(&desired);
    for lying_about in ["trinity", "default"] {
        let mut answers = agreeing(&desired, &observed, &served());
        let lied = answers.get_mut(&alpha()).unwrap().iter_mut();
        let mut lied = lied.filter(|(review, _)| review.request.namespace().unwrap().as_str() == lying_about);
        let answer = lied.next().unwrap().1.as_mut().unwrap();
        *answer = AccessAnswer { allowed: !answer.allowed, reason: "webhook".to_owned() };
        let verified = verified(&desired, &observed, &served(), &answers);
        let [difference] = verified.differences.as_slice() else { panic!("{:?}", verified.differences) };
        assert_eq!(difference.ours, lying_about == "trinity");
        assert_eq!(difference.server, AccessAnswer { allowed: !difference.ours, reason: "webhook".to_owned() });
        assert_eq!(difference.review.request.to_string(), format!("list pods in {lying_about}"));
        assert_eq!(difference.review.who.user, id(HAYDEN).to_string());
        assert!(!difference.why.is_empty());
        assert!(!verified.is_whole(&[alpha()].into()));
        assert_eq!(why(&verified), "the API server of alpha and rolecall do not say the same []");
        assert_eq!(verified.holding(), 1);
    }
}

#[test]
fn what_was_not_answered_does_not_hold() {
    let desired = hayden_lists_pods();
    let observed = observed(&desired);
    // Nobody asked at all.
    let alone = verified(&desired, &observed, &served(), &BTreeMap::new());
    assert_eq!(alone.holding(), 0);
    assert!(!alone.is_whole(&BTreeSet::new()) && alone.unasked.contains_key(&alpha()));
    for (kind, is_excused) in
        [(FailureKind::Unreachable, true), (FailureKind::Forbidden, true), (FailureKind::WrongTarget, false)]
    {
        let mut answers = agreeing(&desired, &observed, &served());
        for answer in answers.get_mut(&alpha()).unwrap().values_mut() {
            *answer = Err(Failure::new(kind, "no"));
        }
        let verified = verified(&desired, &observed, &served(), &answers);
        assert!(verified.judged.iter().all(Judged::is_unknown));
        assert_eq!(verified.unasked[&alpha()].len(), 1, "one failure is told once");
        assert!(!verified.is_whole(&BTreeSet::new()));
        assert_eq!(verified.is_whole(&[alpha()].into()), is_excused, "{kind:?}");
    }
}

#[test]
fn a_cluster_that_was_not_read_is_not_known() {
    let desired = hayden_lists_pods();
    let mut observed = observed(&desired);
    observed.clusters.insert(alpha(), Err(Failure::new(FailureKind::Unreachable, "cannot connect")));
    assert!(reviews(&desired, &observed, &served()).is_empty());
    let verified = verified(&desired, &observed, &served(), &BTreeMap::new());
    assert_eq!((verified.judged.len(), verified.holding()), (2, 0));
    assert!(!verified.is_whole(&BTreeSet::new()) && verified.is_whole(&[alpha()].into()));
}

#[test]
fn of_whom_nobody_knows_who_they_are_nothing_is_told() {
    let desired = desired("  - { user: yara@contoso.com, environments: [alpha], cannot: [list nodes] }\n");
    let mut observed = observed(&desired);
    let missing = Resolution::Missing {
        reason: "nobody has this user principal name".to_owned(),
        suggestion: Some("zara@contoso.com".to_owned()),
    };
    tenant(&mut observed).directory.insert(PrincipalName::User("yara@contoso.com".parse().unwrap()), missing);
    let verified = verified(&desired, &observed, &served(), &BTreeMap::new());
    insta::assert_snapshot!(why(&verified), @"nothing can be told of yara@contoso.com: nobody has this user principal name (did you mean zara@contoso.com?) []");
    assert!(!verified.is_whole(&[alpha()].into()));
}

/// Something that somebody else did.
type Change = fn(&mut Observed);

/// What is broken is told by the line of the grant, of the membership, and by what of it is not there.
#[test]
fn what_the_files_give_and_is_not_there_is_named() {
    let desired = hayden_lists_pods();
    let said = |change: Change| {
        let mut observed = observed(&desired);
        change(&mut observed);
        let verified = verified(&desired, &observed, &served(), &agreeing(&desired, &observed, &served()));
        assert!(verified.is_whole(&BTreeSet::new()) && verified.judged.iter().any(Judged::is_broken));
        why(&verified).replace(&binding_name(&desired), BINDING)
    };
    let changes: [(&str, Change); 6] = [
        ("binding gone", |live| cluster(live).bindings.clear()),
        ("subject gone", |live| cluster(live).bindings[0].binding.subjects.clear()),
        ("role gone", |live| cluster(live).roles.clear()),
        ("role narrowed", |live| cluster(live).roles[0].role.rules[0].verbs = vec!["get".to_owned()]),
        ("member gone", |live| tenant(live).marked.values_mut().for_each(|group| group.members.clear())),
        ("group gone", |live| {
            tenant(live).marked.clear();
            live.of_groups.inside.insert(id(DEV), Inside::Missing);
        }),
    ];
    let told: Vec<String> = changes.into_iter().map(|(what, change)| format!("{what}: {}", said(change))).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    binding gone: the files give clusterrole view in trinity through group dev, but rolebinding trinity/dev-view is not there [rolecall.yaml:12, rolecall.yaml:8]
    subject gone: the files give clusterrole view in trinity through group dev, but rolebinding trinity/dev-view does not name that group [rolecall.yaml:12, rolecall.yaml:8]
    role gone: they only have clusterrole view in trinity through group dev, a role that is not there [rolecall.yaml:12, rolecall.yaml:8]
    role narrowed: they only have clusterrole view in trinity through group dev [rolecall.yaml:12, rolecall.yaml:8]
    member gone: the files give clusterrole view in trinity through group dev, but they are not in group dev [rolecall.yaml:12, rolecall.yaml:8]
    group gone: the files give clusterrole view in trinity through group dev, but that group is not in the tenant [rolecall.yaml:12, rolecall.yaml:8]
    ");
}

/// A binding that was left for a group that is deleted gives nobody anything; one for a group that nobody read may.
#[test]
fn a_binding_for_a_group_that_is_gone_is_no_doubt() {
    let desired = only("[]", "zoe");
    for (inside, holds) in [
        (Some(Inside::Missing), 1),
        (Some(Inside::Read(Vec::new())), 1),
        (Some(Inside::Read(vec![zoe()])), 0),
        (Some(Inside::Unreadable("403".to_owned())), 0),
        (None, 0),
    ] {
        let mut observed = observed(&desired);
        let other = SubjectName::Known(format!("entra:{}", id(DEV + 1)));
        cluster(&mut observed).bindings[0].binding.subjects[0].name = other;
        observed.of_groups.inside = inside.clone().into_iter().map(|inside| (id(DEV + 1), inside)).collect();
        let verified = verified(&desired, &observed, &served(), &agreeing(&desired, &observed, &served()));
        assert_eq!(verified.holding(), holds, "{inside:?}: {:?}", verified.judged);
    }
}

fn only(list: &str, who: &str) -> Desired {
    desired(&format!("  - {{ user: {who}@contoso.com, environments: [alpha], only: {list} }}\n"))
}

fn requests(desired: &Desired, observed: &Observed) -> Vec<String> {
    let reviews = reviews(desired, observed, &served());
    reviews[&alpha()].iter().map(|review| review.request.to_string()).collect()
}

#[test]
fn only_is_asked_about_everything_that_is_served() {
    let desired = only("[list pods in trinity]", "hayden");
    let observed = observed(&desired);
    let all = requests(&desired, &observed);
    // Three in namespaces, in two of them and everywhere; namespaces alike, each by its name; nodes everywhere.
    assert_eq!(all.len(), 8 * (3 * 3 + 3 + 1));
    for asked in [
        "deletecollection pods/log in trinity",
        "patch widgets.example.com in default",
        "create pods across the cluster",
        "get namespaces/trinity in trinity",
        "update namespaces/default in default",
        "watch namespaces across the cluster",
        "delete nodes across the cluster",
    ] {
        assert!(all.iter().any(|request| request == asked), "{asked}");
    }
    assert!(!all.iter().any(|request| request.contains("kube-system") || request.contains("nodes in")));
}

#[test]
fn another_namespace_is_chosen_plainly() {
    let other = |list: &str, live: &[&str]| {
        let desired = only(list, "hayden");
        let mut observed = observed(&desired);
        cluster(&mut observed).namespaces = live.iter().map(|name| (name.parse().unwrap(), BTreeMap::new())).collect();
        let verified = verified(&desired, &observed, &served(), &agreeing(&desired, &observed, &served()));
        let [places] = verified.places.as_slice() else { panic!("{:?}", verified.places) };
        places.other.as_ref().map(ToString::to_string)
    };
    assert_eq!(other("[]", &["apps", "default"]).as_deref(), Some("default"));
    assert_eq!(other("[get pods in default]", &["apps", "default", "web"]).as_deref(), Some("apps"));
    assert_eq!(other("[get pods in default]", &["default"]), None);
}

#[test]
fn only_holds_up_to_its_list() {
    for (list, who, holds) in [
        ("['list pods in trinity', 'get pods in trinity']", "hayden", true),
        ("['* pods in trinity']", "hayden", true),
        ("['* pods across the cluster']", "hayden", true),
        ("[list pods in trinity]", "hayden", false),
        ("['* pods in default']", "hayden", false),
        ("[]", "zoe", true),
    ] {
        let desired = only(list, who);
        let observed = observed(&desired);
        let verified = verified(&desired, &observed, &served(), &agreeing(&desired, &observed, &served()));
        assert_eq!(verified.holding() == 1, holds, "{list}: {:?}", verified.judged);
        assert!(verified.is_whole(&BTreeSet::new()));
    }
}

/// What everybody is given by another binding counts; what Kubernetes itself gives everybody does not.
#[test]
fn only_counts_what_everybody_was_given() {
    let desired = only("[]", "zoe");
    let mut observed = observed(&desired);
    let give = |observed: &mut Observed, verb: &str, group: &str, resource: &str| {
        let cluster = cluster(observed);
        let rules = vec![PolicyRule {
            verbs: vec![verb.to_owned()],
            api_groups: vec![group.to_owned()],
            resources: vec![resource.to_owned()],
            ..PolicyRule::default()
        }];
        let role = Role { namespace: None, name: resource.to_owned(), rules, aggregate_to: BTreeSet::new() };
        cluster.roles.push(LiveRole::new(role, meta()));
        let subject = SubjectName::Known("system:authenticated".to_owned());
        let binding = Binding {
            namespace: None,
            name: resource.to_owned(),
            role: RoleRef { kind: RoleKind::ClusterRole, name: resource.to_owned() },
            subjects: vec![Subject { kind: SubjectKind::Group, name: subject, namespace: None, principal: None }],
        };
        cluster.bindings.push(LiveBinding { binding, meta: meta() });
    };
    let holding = |observed: &Observed| {
        verified(&desired, observed, &served(), &agreeing(&desired, observed, &served())).holding()
    };
    give(&mut observed, "create", "authorization.k8s.io", "selfsubjectaccessreviews");
    assert_eq!(holding(&observed), 1);
    give(&mut observed, "list", "", "nodes");
    assert_eq!(holding(&observed), 0);
}

#[test]
fn only_is_not_known_where_nobody_knows_what_is_served() {
    let desired = only("[]", "zoe");
    let observed = observed(&desired);
    let down: Served = [(alpha(), Err(Failure::new(FailureKind::Unavailable, "metrics.k8s.io is down")))].into();
    for served in [down, Served::new()] {
        let verified = verified(&desired, &observed, &served, &agreeing(&desired, &observed, &served));
        assert!(verified.judged[0].is_unknown() && !verified.is_whole(&BTreeSet::new()));
    }
}

/// On a cluster that knows groups by display name, anybody can make another one of that name.
#[test]
fn whoever_is_in_a_look_alike_has_what_is_bound_to_its_name() {
    let mut desired = desired("  - { user: zoe@contoso.com, environments: [alpha], cannot: [list pods in trinity] }\n");
    desired.environments.get_mut(&alpha()).unwrap().tokens.groups = crate::state::GroupNaming::DisplayName;
    let judged = |name: &str, inside: Option<Inside>| {
        let mut observed = observed(&desired);
        cluster(&mut observed).bindings[0].binding.subjects[0].name = SubjectName::Known("entra:dev".to_owned());
        let look_alike = GroupSummary {
            id: id(DEV + 1),
            display_name: name.to_owned(),
            unique_name: None,
            kind: GroupKind::Security,
            created: None,
            owners: Vec::new(),
        };
        tenant(&mut observed).by_display_name = [("dev".to_owned(), vec![look_alike])].into();
        let questions = crate::access::expectations::group_questions(&desired, &observed, &[]);
        assert_eq!(questions.len(), usize::from(name == "dev"));
        observed.of_groups.inside = inside.into_iter().map(|inside| (id(DEV + 1), inside)).collect();
        let verified = verified(&desired, &observed, &served(), &agreeing(&desired, &observed, &served()));
        verified.judged[0].verdict.clone()
    };
    assert!(matches!(judged("dev", Some(Inside::Read(vec![zoe()]))), Verdict::Broken(_)));
    assert_eq!(judged("dev", Some(Inside::Read(vec![hayden()]))), Verdict::Holds);
    assert_eq!(judged("dev", Some(Inside::Missing)), Verdict::Holds);
    for unread in [None, Some(Inside::Unreadable("403".to_owned()))] {
        assert!(matches!(judged("dev", unread), Verdict::Unknown(_)));
    }
    // Graph finds names whatever their case; a cluster does not.
    assert_eq!(judged("Dev", None), Verdict::Holds);
}
