use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::state::{
    Desired, DesiredEnvironment, DesiredGroup, Failure, FailureKind, GroupNaming, GroupsCheckup, Management,
    Membership, Origin, PrincipalName, ServerCertificate, TokenNaming, Trial, UserNaming,
};

const APP: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
const ID: &str = "5bf7a5e6-9469-8717-a632-3a784847e839";
const UID: &str = "77ab0c1d-2e3f-4a5b-8c6d-7e8f9a0b1c2d";

fn now() -> Timestamp {
    "2026-11-22T02:00:00Z".parse().unwrap()
}

fn origin() -> Origin {
    Origin { file: "rolecall.yaml".to_owned(), line: 13 }
}

fn desired() -> Desired {
    let group = DesiredGroup {
        origin: origin(),
        management: Management::Owned,
        membership: Membership::Authoritative,
        absent: BTreeMap::new(),
        previously: BTreeMap::new(),
        display_name: None,
        description: None,
        owners: None,
        members: BTreeMap::from([(PrincipalName::User("erin@contoso.com".parse().unwrap()), origin())]),
    };
    let tokens = TokenNaming {
        groups: GroupNaming::ObjectId,
        groups_prefix: String::new(),
        users: UserNaming::ObjectId,
        users_prefix: String::new(),
    };
    let environment = DesiredEnvironment {
        origin: origin(),
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
    };
    Desired {
        config: "contoso-platform".parse().unwrap(),
        tenant: "8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f".parse().unwrap(),
        appliers: BTreeSet::from([APP.parse().unwrap()]),
        without_pim: true,
        groups: BTreeMap::from([("sre".parse().unwrap(), group)]),
        environments: BTreeMap::from([("alpha".parse().unwrap(), environment)]),
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
            answers: Ok(Vec::new()),
            ahead: Some(SignedDuration::from_secs(-1)),
        }),
        answers: BTreeMap::new(),
    }
}

/// All is well, for `plan`.
fn examined(desired: &Desired) -> Examined<'_> {
    let mut cluster = cluster();
    for environment in desired.environments.values() {
        for question in rights::questions(environment) {
            let allowed =
                question.verb == "list" && question.resource != "secrets" || question.resource == "namespaces";
            cluster.answers.insert(question, AccessAnswer { allowed, reason: String::new() });
        }
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
        for (question, answer) in &mut cluster.answers {
            answer.allowed |= ["patch", "bind"].contains(&question.verb);
        }
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
    assert_eq!(names, ["Group.Read.All", "User.Read.All", "Application.Read.All", "GroupMember.ReadWrite.All"]);
}
