use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::state::{
    AccessAnswer, AccessQuestion, Binding, Desired, DesiredBinding, DesiredEnvironment, DesiredGroup, DesiredRole,
    Failure, FailureKind, GroupNaming, GroupsCheckup, LiveBinding, LiveMeta, LiveRole, Management, Mark, Membership,
    Origin, PolicyRule, PrincipalName, Role, RoleKind, RoleRef, RoleTarget, ScopeTarget, ServerCertificate, Subject,
    SubjectKind, SubjectName, TokenNaming, Trial, UserNaming,
};

const APP: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
const ID: &str = "5bf7a5e6-9469-8717-a632-3a784847e839";
const UID: &str = "77ab0c1d-2e3f-4a5b-8c6d-7e8f9a0b1c2d";

fn now() -> Timestamp {
    "2026-11-22T02:00:00Z".parse().unwrap()
}

fn origin() -> Origin {
    Origin { file: "rolecall.yaml".into(), line: 13 }
}

fn desired() -> Desired {
    let group = DesiredGroup {
        origin: origin(),
        management: Management::Owned,
        membership: Membership::Authoritative,
        absent: BTreeMap::new(),
        delegated: false,
        previously: BTreeMap::new(),
        display_name: None,
        description: None,
        owners: None,
        members: BTreeMap::from([(PrincipalName::User("erin@contoso.com".parse().unwrap()), origin())]),
    };
    let tokens = TokenNaming {
        groups: GroupNaming::ObjectId,
        claim: crate::state::GroupsClaim::default(),
        groups_prefix: String::new(),
        users: UserNaming::ObjectId,
        users_prefix: String::new(),
    };
    let environment = DesiredEnvironment {
        origin: origin(),
        kind: crate::state::EnvironmentType::K3s,
        context: "alpha".to_owned(),
        cluster: Some(UID.parse().unwrap()),
        protected: false,
        tokens,
        roles: Vec::new(),
        bindings: Vec::new(),
        unmanaged: crate::state::Unmanaged::Report,
        allow_unmanaged: Vec::new(),
        replacements: Vec::new(),
        applier: None,
        former_applier: None,
    };
    Desired {
        config: "contoso-platform".parse().unwrap(),
        tenant: "8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f".parse().unwrap(),
        appliers: BTreeSet::from([APP.parse().unwrap()]),
        applier_lines: BTreeMap::new(),
        without_pim: true,
        groups: BTreeMap::from([("sre".parse().unwrap(), group)]),
        environments: BTreeMap::from([("alpha".parse().unwrap(), environment)]),
        expectations: Vec::new(),
        lock: None,
    }
}

fn acting(roles: &[&str]) -> Acting {
    Acting {
        id: ID.parse().unwrap(),
        tenant: "8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f".parse().unwrap(),
        app: Some(APP.parse().unwrap()),
        label: format!("app {APP}"),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        scopes: None,
        directory_roles: BTreeSet::new(),
        expires: Some(now() + SignedDuration::from_mins(61)),
    }
}

fn tenant() -> TenantCheckup {
    TenantCheckup {
        domain: Some("contoso.com".to_owned()),
        groups: Ok(GroupsCheckup::default()),
        users: None,
        appliers: Ok(BTreeMap::from([(APP.parse().unwrap(), ID.parse().unwrap())])),
        privileged: None,
    }
}

fn cluster() -> ClusterExamined {
    ClusterExamined {
        way: Some(Setting { name: "connection", value: "context `alpha`".to_owned(), from: "$KUBECONFIG".to_owned() }),
        tls: None,
        checkup: Ok(ClusterCheckup {
            version: Ok("v1.35.4+k3s1".to_owned()),
            who: Ok(("rolecall".to_owned(), vec!["system:authenticated".to_owned()])),
            uid: Ok(UID.parse().unwrap()),
            ahead: Some(SignedDuration::from_secs(-1)),
        }),
        answers: Answers::default(),
        observed: None,
        lock: None,
    }
}

fn answer(cluster: &mut ClusterExamined, questions: Vec<AccessQuestion>, allow: impl Fn(&AccessQuestion) -> bool) {
    let yes = |question| Ok(AccessAnswer { allowed: allow(question), reason: String::new() });
    let answers = questions.iter().map(yes).collect();
    cluster.answers.record(questions, answers);
}

/// All is well, for `plan`.
fn examined(desired: &Desired) -> Examined<'_> {
    let mut cluster = cluster();
    for name in desired.environments.keys() {
        answer(&mut cluster, rights::questions(desired, name), |question| {
            question.verb == "list" && question.resource != "secrets" || question.resource == "namespaces"
        });
    }
    Examined {
        purpose: Some(Purpose::Plan),
        now: now(),
        desired,
        setup: Setup { root: "access".to_owned(), commit: Some("4f2c1aa".to_owned()), ..Setup::default() },
        entra: EntraExamined {
            sources: vec![SourceTrial { name: "client-secret", about: "", trial: Trial::Used }],
            acting: Ok(acting(&["Group.Read.All", "User.Read.All", "Application.Read.All"])),
            tls: Vec::new(),
            tenant: Some(Ok(tenant())),
            heard: BTreeMap::new(),
        },
        clusters: BTreeMap::from([("alpha".parse().unwrap(), cluster)]),
    }
}

/// The lines of one part that are not fine, and the verdict.
fn told(examined: &Examined<'_>) -> String {
    let checkup = judge(examined);
    let lines = checkup.parts.iter().flat_map(|part| &part.lines);
    let mut told: Vec<String> = lines
        .filter_map(|line| {
            let sign = match line.sign {
                Sign::Fine | Sign::Note => return None,
                Sign::Decide => '!',
                Sign::Missing(_) => '-',
                Sign::Unchecked(_) => '?',
            };
            Some(format!("{sign} {} > {}", line.text, line.next.as_deref().unwrap_or("NOTHING TO DO?")))
        })
        .collect();
    told.push(checkup.verdict());
    told.join("\n")
}

#[test]
fn all_is_well() {
    assert_snapshot!(told(&examined(&desired())), @"`plan` will work here.");
}

#[test]
fn clocks_and_limits_are_told() {
    let desired = desired();
    let mut examined = examined(&desired);
    let graph = Heard { ahead: Some(SignedDuration::from_secs(45)), throttle: Some(1.2) };
    examined.entra.heard.insert("https://graph.microsoft.com".to_owned(), graph);
    let cluster = examined.clusters.values_mut().next().unwrap();
    cluster.checkup.as_mut().unwrap().ahead = Some(SignedDuration::from_mins(-7));
    assert_snapshot!(told(&examined), @"
    ! clock: the one here is 45 s behind graph.microsoft.com's > set the clock here (or there) by NTP: tokens are refused outside of their time
    ! graph.microsoft.com is at 120 % of the limit at which it throttles this app or tenant > expect waiting; run large plans later, or as an app of their own
    - clock: the one here is 420 s ahead of the API server's > set the clock here (or there) by NTP: tokens are refused outside of their time
    `plan` will not work here: 1 thing is missing; 2 things to decide (!).
    ");
}

#[test]
fn a_person_s_token_says_only_half_of_it() {
    let mut desired = desired();
    desired.without_pim = false;
    let mut examined = examined(&desired);
    examined.purpose = None;
    let scopes = ["Directory.AccessAsUser.All", "User.Read.All"].map(str::to_owned).into();
    let person = Acting { app: None, label: "erin@contoso.com".to_owned(), scopes: Some(scopes), ..acting(&[]) };
    examined.entra.acting = Ok(person.clone());
    examined.clusters.clear();
    assert_snapshot!(told(&examined), @"
    - for apply: a person is nobody's applier; `appliers` are apps > apply with the credential of 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d
    - for plan: the token does not allow `PrivilegedAssignmentSchedule.Read.AzureADGroup`; without it every removal of a member is withheld > removals need an app that holds it, or `tenant: { pim: none }`
    ! for apply: `Group.ReadWrite.All` is allowed by the token, and the person needs a directory role as well > it needs e.g. Groups Administrator; `az rest --url https://graph.microsoft.com/v1.0/me/memberOf` lists the roles
    `plan` will not work here: 1 thing is missing. `apply` will not work here: 2 things are missing; 1 thing to decide (!).
    ");
    let directory_roles = BTreeSet::from(["fdd7a751-b60b-444a-984c-02652fe8fa1c".to_owned()]);
    examined.entra.acting = Ok(Acting { directory_roles, ..person });
    assert!(!told(&examined).contains("Groups Administrator`"), "that is fine now: {}", told(&examined));
}

#[test]
fn the_wrong_old_or_untrusted_cluster_is_told() {
    let desired = desired();
    let mut examined = examined(&desired);
    let cluster = examined.clusters.values_mut().next().unwrap();
    let checkup = cluster.checkup.as_mut().unwrap();
    checkup.uid = Ok("5c1e0000-0000-4000-8000-000000000001".parse().unwrap());
    checkup.version = Ok("v1.27.16+k3s1".to_owned());
    cluster.tls = Some(Handshake {
        server: "k3s.contoso.com:6443".to_owned(),
        proxy: None,
        certificate: Some(ServerCertificate {
            subject: "k3s".to_owned(),
            issuer: "Inspecting Proxy CA".to_owned(),
            expires: "2027-01-01T00:00:00Z".parse().unwrap(),
        }),
        problem: Some(Failure::new(FailureKind::Refused, "whoever signed its certificate is not trusted here")),
    });
    assert_snapshot!(told(&examined), @r#"
    - TLS to k3s.contoso.com:6443: whoever signed its certificate is not trusted here; its certificate is for "k3s", from "Inspecting Proxy CA", until 2027-01-01 > if you trust who signed it, put its CA into the connection (certificate-authority-data, or `ca-file`); certificates are always verified
    - Kubernetes v1.27.16+k3s1 is too old > 1.28 or later is needed: update the cluster
    - this is another cluster: its uid is 5c1e0000-0000-4000-8000-000000000001, the files pin 77ab0c1d-2e3f-4a5b-8c6d-7e8f9a0b1c2d > point the connection at the right cluster; if this one was rebuilt, set `cluster:` to the new uid
    `plan` will not work here: 3 things are missing.
    "#);
}

#[test]
fn a_certificate_that_ends_soon_is_told() {
    let desired = desired();
    let mut examined = examined(&desired);
    let certificate = |days: i64| ServerCertificate {
        subject: "graph.microsoft.com".to_owned(),
        issuer: "Microsoft".to_owned(),
        expires: now() + SignedDuration::from_hours(24 * days),
    };
    let shown = |days: i64| Handshake {
        server: "graph.microsoft.com:443".to_owned(),
        proxy: None,
        certificate: Some(certificate(days)),
        problem: None,
    };
    examined.entra.tls = vec![shown(15), shown(13)];
    assert_eq!(judge(&examined).undecided(), 1);
}

#[test]
fn what_is_held_beyond_need_depends_on_what_it_is_for() {
    let desired = desired();
    let mut examined = examined(&desired);
    examined.entra.acting =
        Ok(acting(&["Directory.ReadWrite.All", "Group.ReadWrite.All", "Group.Create", "Mail.Read"]));
    for cluster in examined.clusters.values_mut() {
        let name = desired.environments.keys().next().unwrap();
        let questions: Vec<_> = rights::questions(&desired, name)
            .into_iter()
            .filter(|question| ["patch", "bind"].contains(&question.verb.as_str()))
            .collect();
        answer(cluster, questions, |_| true);
    }
    assert_snapshot!(told(&examined), @"
    ! beyond need: with `Directory.ReadWrite.All` somebody could change nearly everything in the directory: users, groups, devices, apps' names > give User.Read.All and Application.Read.All instead
    ! beyond need: with `Group.Create` somebody could create groups, and change those that it owns > take it away
    ! beyond need: with `Group.ReadWrite.All` somebody could put anybody into any group that is not role-assignable, create, rename and delete any group, and read and write the content of Microsoft 365 groups > give Group.Read.All instead
    ! beyond need: plan never writes, and this identity may bind and patch roles or bindings > plan with an identity that only reads, so that a preview cannot be turned into access
    `plan` will work here; 4 things to decide (!).
    ");
    examined.purpose = Some(Purpose::Apply);
    let apply = told(&examined);
    assert!(!apply.contains("`Group.ReadWrite.All` somebody"), "apply needs it: {apply}");
    assert!(apply.contains("bind on every ClusterRole"), "{apply}");
}

#[test]
fn a_role_assignable_group_is_told_with_what_it_costs() {
    let desired = desired();
    let mut examined = examined(&desired);
    examined.purpose = Some(Purpose::Apply);
    examined.clusters.clear();
    examined.entra.acting = Ok(acting(&["Group.ReadWrite.All", "User.Read.All", "Application.Read.All"]));
    let groups = GroupsCheckup { live: 1, role_assignable: BTreeSet::from(["sre".parse().unwrap()]), deleted: None };
    examined.entra.tenant = Some(Ok(TenantCheckup { groups: Ok(groups), ..tenant() }));
    assert_snapshot!(told(&examined), @"
    - for apply: `RoleManagement.ReadWrite.Directory` is missing; without it nothing of a role-assignable group can be changed > take sre out of the files rather than give it: its holder is Global Administrator
    `apply` will not work here: 1 thing is missing.
    ");
}

#[test]
fn whoever_applies_must_be_an_applier_that_is_there() {
    let desired = desired();
    let mut examined = examined(&desired);
    let app = Some("11111111-1111-4111-8111-111111111111".parse().unwrap());
    examined.entra.acting =
        Ok(Acting { app, ..acting(&["Group.ReadWrite.All", "User.Read.All", "Application.Read.All"]) });
    examined.entra.tenant = Some(Ok(TenantCheckup { appliers: Ok(BTreeMap::new()), ..tenant() }));
    examined.clusters.clear();
    assert!(!told(&examined).contains("`appliers` ("), "plan may be anybody's");
    examined.purpose = Some(Purpose::Apply);
    assert_snapshot!(told(&examined), @"
    - for apply: it is none of the config's `appliers` (0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d) > to apply as this app, add 11111111-1111-4111-8111-111111111111 to `appliers` of the root file; else apply as one of those
    ! no service principal in the tenant for the applier 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d > correct the app id in `appliers`, or create it: `az ad sp create --id APP`
    `apply` will not work here: 1 thing is missing; 1 thing to decide (!).
    ");
}

#[test]
fn whatever_fails_takes_nothing_else_with_it() {
    let desired = desired();
    let mut examined = examined(&desired);
    let failure = |what: &str| Failure::new(FailureKind::Unauthenticated, what);
    examined.entra.acting = Err(failure("no token for https://graph.microsoft.com"));
    examined.entra.tenant = None;
    examined.entra.sources = vec![
        SourceTrial {
            name: "client-secret",
            about: "",
            trial: Trial::Failed(
                failure("AADSTS7000215: Invalid client secret provided.").with_next("give the secret's value"),
            ),
        },
        SourceTrial { name: "azure-cli", about: "", trial: Trial::NotTried },
    ];
    let cluster = examined.clusters.values_mut().next().unwrap();
    cluster.checkup.as_mut().unwrap().who = Err(failure("context `alpha` does not accept our credential (401)"));
    assert_snapshot!(told(&examined), @"
    - client-secret: failed, AADSTS7000215: Invalid client secret provided. > give the secret's value
    - context `alpha` does not accept our credential (401) > sign in again, or renew the credential
    `plan` will not work here: 2 things are missing.
    ");
}

#[test]
fn a_source_that_was_picked_says_what_it_lacks() {
    let desired = desired();
    let mut examined = examined(&desired);
    examined.entra.acting = Err(Failure::new(FailureKind::Unauthenticated, "no token for https://graph.microsoft.com"));
    examined.entra.tenant = None;
    let lacks = |name, lacks: &str| SourceTrial { name, about: "", trial: Trial::NotConfigured(lacks.to_owned()) };
    examined.entra.sources = vec![lacks("client-secret", "AZURE_CLIENT_SECRET is not set")];
    let next = |examined: &Examined<'_>| told(examined).lines().next().unwrap_or_default().to_owned();
    assert_eq!(
        next(&examined),
        "- no source gives a token for Entra > client-secret is not set up, AZURE_CLIENT_SECRET is not set: put that right, or \
         leave `--auth` out to try every source"
    );
    examined.entra.sources.push(lacks("azure-cli", "az is not there"));
    assert!(next(&examined).contains("az login"), "{}", next(&examined));
}

#[test]
fn nothing_is_asked_of_a_config_without_groups() {
    let mut desired = desired();
    desired.groups.clear();
    assert_eq!(permissions::needs(&desired, false).count(), 0);
}

#[test]
fn whoever_changes_members_only_needs_no_more() {
    let mut desired = desired();
    for group in desired.groups.values_mut() {
        group.management = Management::Adopted(ID.parse().unwrap());
    }
    let names: Vec<_> = permissions::needs(&desired, false).map(|need| need.permission).collect();
    let optional = permissions::NEEDS.iter().filter(|need| need.is_optional()).map(|need| need.permission);
    assert_eq!(optional.collect::<Vec<_>>(), ["AuditLog.Read.All"]);
    assert_eq!(
        names,
        ["Group.Read.All", "User.Read.All", "Application.Read.All", "AuditLog.Read.All", "GroupMember.ReadWrite.All"]
    );
}

/// Grants a role that is there in a namespace; it is ours where it has rules.
fn granting(desired: &mut Desired, role: &str, rules: Option<Vec<PolicyRule>>) {
    let environment = desired.environments.values_mut().next().unwrap();
    let reference = RoleRef { kind: RoleKind::ClusterRole, name: role.to_owned() };
    let key: crate::state::RoleKey = role.parse().unwrap();
    environment.bindings.push(DesiredBinding {
        subject: PrincipalName::Group("sre".parse().unwrap()),
        role: RoleTarget { key: key.clone(), reference, ours: rules.is_some() },
        scope: ScopeTarget::Namespace("trinity".parse().unwrap()),
        origin: origin(),
    });
    environment.roles.extend(rules.map(|rules| DesiredRole {
        origin: origin(),
        key,
        namespace: None,
        name: role.to_owned(),
        rules,
        aggregate_to: BTreeSet::new(),
    }));
}

fn secrets(verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: vec![String::new()],
        resources: vec!["secrets".to_owned()],
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}

/// The cluster, with a role of these rules bound to us in a place, and the role `view`, which reads secrets.
fn holding(rules: Vec<PolicyRule>, place: Option<&str>) -> Cluster {
    let meta = LiveMeta {
        uid: "uid-1".to_owned(),
        resource_version: "7".to_owned(),
        mark: Mark::None,
        other_managers: Vec::new(),
        bootstrapping: false,
        trace: crate::state::Trace::default(),
    };
    let role = |name: &str, rules| {
        LiveRole::new(
            Role { namespace: None, name: name.to_owned(), rules, aggregate_to: BTreeSet::new() },
            meta.clone(),
        )
    };
    let us = Subject {
        kind: SubjectKind::User,
        name: SubjectName::Known("rolecall".to_owned()),
        namespace: None,
        principal: None,
    };
    let binding = Binding {
        namespace: place.map(|place| place.parse().unwrap()),
        name: "held".to_owned(),
        role: RoleRef { kind: RoleKind::ClusterRole, name: "held".to_owned() },
        subjects: vec![us],
    };
    Cluster {
        config: "contoso-platform".parse().unwrap(),
        uid: UID.parse().unwrap(),
        username: "rolecall".to_owned(),
        user_groups: BTreeSet::from(["system:authenticated".to_owned()]),
        namespaces: BTreeMap::from([("trinity".parse().unwrap(), BTreeMap::new())]),
        roles: vec![role("held", rules), role("view", vec![secrets(&["get", "list"])])],
        bindings: vec![LiveBinding { binding, meta: meta.clone() }],
        pseudonymised: false,
    }
}

/// What is told where this identity has every plain right, and neither `bind` nor `escalate`.
fn told_without_bind(desired: &Desired, observed: Result<Cluster>, holds: &[&str]) -> String {
    let mut examined = examined(desired);
    examined.purpose = Some(Purpose::Apply);
    examined.entra.acting = Ok(acting(&["Group.ReadWrite.All", "User.Read.All", "Application.Read.All"]));
    let (name, environment) = desired.environments.iter().next().unwrap();
    let cluster = examined.clusters.values_mut().next().unwrap();
    let allow = |question: &AccessQuestion| {
        let is_giving = rights::GIVING.contains(&question.verb.as_str());
        let is_danger = question.resource == "*"
            || ["secrets", "users", "pods", "serviceaccounts/token"].contains(&question.resource.as_str());
        !is_giving && (!is_danger || holds.contains(&question.resource.as_str()))
    };
    answer(cluster, rights::questions(desired, name), allow);
    assert!(rights::hangs_on_what_is_held(environment, &cluster.answers));
    answer(cluster, rights::narrower(environment, &cluster.answers, observed.as_ref().ok()), allow);
    cluster.observed = Some(observed);
    told(&examined)
}

#[test]
fn who_holds_what_is_given_needs_no_bind() {
    let mut desired = desired();
    granting(&mut desired, "view", None);
    granting(&mut desired, "restarter", Some(vec![secrets(&["patch"])]));
    let enough = vec![secrets(&["get", "list", "patch"])];
    assert_snapshot!(told_without_bind(&desired, Ok(holding(enough.clone(), None)), &[]), @"`apply` will work here.");
    // A role is written on the whole cluster, so that what is held in one namespace does for bindings there only.
    assert_snapshot!(told_without_bind(&desired, Ok(holding(enough, Some("trinity"))), &[]), @r#"
    - for apply: this identity may not escalate clusterroles "restarter" on the whole cluster, nor does it hold what that gives > it needs `escalate` on clusterroles/restarter on the whole cluster, or the rule { apiGroups: [""], resources: [secrets], verbs: [patch] }; to add: { apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [restarter], verbs: [escalate] }
    `apply` will not work here: 1 thing is missing.
    "#);
    assert_snapshot!(told_without_bind(&desired, Ok(holding(vec![secrets(&["get"])], None)), &[]), @r#"
    - for apply: this identity may not bind clusterroles "restarter" in trinity, nor does it hold what that gives > it needs `bind` on clusterroles/restarter in namespace trinity, or the rule { apiGroups: [""], resources: [secrets], verbs: [patch] }; to add: { apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [restarter], verbs: [bind] }
    - for apply: this identity may not bind clusterroles "view" in trinity, nor does it hold what that gives > it needs `bind` on clusterroles/view in namespace trinity, or the rule { apiGroups: [""], resources: [secrets], verbs: [list] }; to add: { apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [view], verbs: [bind] }
    - for apply: this identity may not escalate clusterroles "restarter" on the whole cluster, nor does it hold what that gives > it needs `escalate` on clusterroles/restarter on the whole cluster, or the rule { apiGroups: [""], resources: [secrets], verbs: [patch] }; to add: { apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [restarter], verbs: [escalate] }
    `apply` will not work here: 3 things are missing.
    "#);
}

#[test]
fn what_is_held_in_place_of_bind_is_no_excess_without_a_word() {
    let mut desired = desired();
    granting(&mut desired, "view", None);
    let told = told_without_bind(&desired, Ok(holding(vec![secrets(&["get", "list"])], None)), &["secrets"]);
    assert_snapshot!(told, @r#"
    ! with list on secrets somebody could read every secret, tokens of service accounts included; held, it lets this identity give "view", which it has no `bind` for > keep it for that; or give `bind` on that role in its place, and take it away
    `apply` will work here; 1 thing to decide (!).
    "#);
    // Held without being given is beyond need.
    let told = told_without_bind(&desired, Ok(holding(vec![secrets(&["get", "list"])], None)), &["pods"]);
    assert!(told.contains("beyond need: with create on pods"), "{told}");
}

#[test]
fn what_is_held_and_could_not_be_read_is_neither_held_nor_missing() {
    let mut desired = desired();
    granting(&mut desired, "view", None);
    let failure = Failure::new(FailureKind::Forbidden, "`rolecall` may not list clusterroles").with_next("let it");
    assert_snapshot!(told_without_bind(&desired, Err(failure), &[]), @r#"
    ? for apply: not checked (whether it holds enough to bind clusterroles "view"): `rolecall` may not list clusterroles > let it
    `apply` may not work here: 1 thing could not be checked (?).
    "#);
}

#[test]
fn a_question_without_an_answer_is_neither_yes_nor_no() {
    let mut desired = desired();
    granting(&mut desired, "view", None);
    desired.environments.values_mut().next().unwrap().applier = Some(crate::state::Applier::new("ci", []));
    let mut examined = examined(&desired);
    examined.purpose = None;
    examined.entra.acting = Ok(acting(&["Group.ReadWrite.All", "User.Read.All", "Application.Read.All"]));
    let (name, environment) = desired.environments.iter().next().unwrap();
    let cluster = examined.clusters.values_mut().next().unwrap();
    let questions = rights::questions(&desired, name);
    cluster.answers.fail(questions.clone(), &Failure::new(FailureKind::Unreachable, "the connection was lost"));
    assert!(!rights::hangs_on_what_is_held(environment, &cluster.answers));
    assert_snapshot!(told(&examined), @r#"
    ? for plan: not checked (list clusterroles, list clusterrolebindings, list roles and 3 more): the connection was lost > run it again
    ? for apply: not checked (get clusterroles, create clusterroles, patch clusterroles and 14 more): the connection was lost > run it again
    ! whether it holds more than it needs: not checked (list secrets, impersonate users, create pods and 1 more): the connection was lost > run it again
    ! for plan: not checked (whether it may ask what "ci" may do): the connection was lost > run it again
    `plan` may not work here: 1 thing could not be checked (?). `apply` may not work here: 2 things could not be checked (?); 2 things to decide (!).
    "#);
    assert!(!judge(&examined).is_fine());
    let cluster = examined.clusters.values_mut().next().unwrap();
    cluster.answers.record(questions, Vec::new());
    assert!(told(&examined).contains("questions about rights got 0 answers"), "{}", told(&examined));
}

#[test]
fn whether_the_applier_may_be_asked_about_is_told_but_not_in_a_sandbox() {
    let mut desired = desired();
    desired.environments.values_mut().next().unwrap().applier = Some(crate::state::Applier::new("ci", []));
    let mut examined = examined(&desired);
    let name = desired.environments.keys().next().unwrap();
    let cluster = examined.clusters.values_mut().next().unwrap();
    answer(cluster, rights::questions(&desired, name), |question| {
        question.verb == "list" && question.resource != "secrets" || question.resource == "namespaces"
    });
    assert_snapshot!(told(&examined), @r#"
    ! for plan: this identity may not create subjectaccessreviews, so not ask what "ci" may do > plans say "not checked" until it may: { apiGroups: [authorization.k8s.io], resources: [subjectaccessreviews], verbs: [create] }
    `plan` will work here; 1 thing to decide (!).
    "#);
    examined.setup.sandbox = true;
    assert!(!told(&examined).contains("subjectaccessreviews"), "{}", told(&examined));
}

#[test]
fn nobody_knows_of_a_lock_that_could_not_be_asked_about() {
    let mut desired = desired();
    desired.lock = Some(crate::state::DesiredLock {
        origin: origin(),
        environment: "alpha".parse().unwrap(),
        namespace: "rolecall".parse().unwrap(),
    });
    let mut examined = examined(&desired);
    examined.entra.acting = Ok(acting(&["Group.ReadWrite.All", "User.Read.All", "Application.Read.All"]));
    let cluster = examined.clusters.values_mut().next().unwrap();
    let name = desired.environments.keys().next().unwrap();
    answer(cluster, rights::questions(&desired, name), |question| {
        question.verb != "*"
            && !["secrets", "users", "pods", "serviceaccounts/token"].contains(&question.resource.as_str())
    });
    let about_leases = rights::questions(&desired, name).into_iter().filter(|question| question.resource == "leases");
    let failure = Failure::new(FailureKind::Unreachable, "no answer from context `alpha` within 10 s");
    cluster.answers.fail(about_leases.collect(), &failure);
    cluster.lock = Some(Err(failure));
    assert!(!told(&examined).contains("lease"), "plan never touches it: {}", told(&examined));
    examined.purpose = Some(Purpose::Apply);
    let told = told(&examined);
    let of_lock: Vec<&str> = told.lines().filter(|line| line.starts_with('?')).collect();
    assert_snapshot!(of_lock.join("\n"), @"
    ? for apply: whether there is the namespace rolecall, where `lock` is: no answer from context `alpha` within 10 s > run it again
    ? for apply: not checked (get leases in rolecall, create leases in rolecall, update leases in rolecall): no answer from context `alpha` within 10 s > run it again
    ");
}
