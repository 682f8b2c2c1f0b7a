//! The guard `cluster-admin-gained` and the detours: what leads to cluster-admin over what others have.

use super::world::{World, at, environment, existing, id, in_namespace, meta, number, principal, rule, subject, who};
use crate::state::{
    DesiredBinding, Failure, FailureKind, LiveRole, Mark, PolicyRule, RBAC, Role, RoleTarget, ScopeTarget, SubjectKind,
};

fn rules(verbs: &[&str], group: &str, resources: &[&str], names: &[&str]) -> PolicyRule {
    let own = |list: &[&str]| list.iter().map(|each| (*each).to_owned()).collect();
    PolicyRule {
        api_groups: vec![group.to_owned()],
        resources: own(resources),
        verbs: own(verbs),
        resource_names: own(names),
        ..PolicyRule::default()
    }
}

/// Erin is to have a role of these rules there.
fn granted(rules: Vec<PolicyRule>, scope: ScopeTarget) -> World {
    let mut world = World::new();
    let role = world.role("helper", rules);
    bind(&mut world, role, scope);
    world
}

fn bind(world: &mut World, role: RoleTarget, scope: ScopeTarget) {
    world.alpha().bindings.push(DesiredBinding { subject: who("erin"), role, scope, origin: at(31) });
}

fn live(world: &mut World, name: &str, rules: Vec<PolicyRule>) {
    let role = Role { namespace: None, name: name.to_owned(), rules, aggregate_to: [].into() };
    world.cluster().roles.push(LiveRole::new(role, meta(Mark::None)));
}

fn said(world: &World) -> Vec<String> {
    let verdicts = world.plan().verdicts.into_iter().filter(|verdict| verdict.guard == "cluster-admin-gained");
    verdicts.map(|verdict| format!("{}: {}", verdict.subject, verdict.message)).collect()
}

#[test]
fn each_detour_is_named_where_it_holds_on_the_whole_cluster() {
    let says = |rules: Vec<PolicyRule>, what: &str| {
        let world = granted(rules, ScopeTarget::Cluster);
        let wanted = format!(
            "alpha/erin@contoso.com: erin@contoso.com could become cluster-admin on alpha by a detour (bound to a role that \
             allows it). {what}"
        );
        assert_eq!(said(&world), [wanted]);
    };
    let runs =
        "They could run programs in any namespace as any service account there, and some of these are cluster-admin.";
    let reads = "They could read every secret in any namespace, and act as a cluster-admin whose token is in one.";
    says(vec![rules(&["get", "list"], "", &["secrets"], &[])], reads);
    says(
        vec![rules(&["create"], "", &["serviceaccounts/token"], &[])],
        "They could act as any service account in any namespace, and some of these are cluster-admin.",
    );
    says(vec![rules(&["patch"], "apps", &["deployments"], &[])], runs);
    says(vec![rules(&["create"], "", &["pods/exec"], &[])], runs);
    says(
        vec![rules(&["get"], "", &["nodes/proxy"], &[])],
        "They could run commands in every container through its node (`nodes/proxy`), as a cluster-admin in some.",
    );
    says(
        vec![rules(&["update"], "admissionregistration.k8s.io", &["mutatingwebhookconfigurations"], &[])],
        "They could change what anybody writes to the cluster by a webhook, what cluster-admins write included.",
    );
    says(
        vec![
            rules(&["update"], "certificates.k8s.io", &["certificatesigningrequests/approval"], &[]),
            rules(&["approve"], "certificates.k8s.io", &["signers"], &["kubernetes.io/kube-apiserver-client"]),
        ],
        "They could have a certificate issued that says they are a cluster-admin.",
    );
    says(vec![rules(&["get"], "", &["secrets", "pods/exec"], &[])], &format!("{runs} {reads}"));
}

#[test]
fn the_same_in_a_namespace_is_no_way_there_unless_it_is_the_cluster_s_own() {
    let secrets = || vec![rules(&["get"], "", &["secrets"], &[])];
    let mut world = granted(secrets(), in_namespace("trinity"));
    assert_eq!(said(&world), [""; 0]);
    for role in ["edit", "cluster-admin"] {
        bind(&mut world, existing(role), in_namespace("trinity"));
    }
    bind(&mut world, existing("view"), ScopeTarget::Cluster);
    bind(&mut world, existing("view"), in_namespace("kube-system"));
    assert_eq!(said(&world), [""; 0]);

    let world = granted(secrets(), in_namespace("kube-system"));
    assert_eq!(
        said(&world),
        [
            "alpha/erin@contoso.com: erin@contoso.com could become cluster-admin on alpha by a detour (bound to a role that allows \
          it). They could read every secret in kube-system, and act as a cluster-admin whose token is in one."
        ]
    );
    for (role, what) in [
        ("cluster-admin", "They could do everything in kube-system, where the cluster's own programs run."),
        (
            "edit",
            "They could run programs in kube-system as any service account there, and some of these are cluster-admin.",
        ),
    ] {
        let mut world = World::new();
        bind(&mut world, existing(role), in_namespace("kube-system"));
        assert_eq!(
            said(&world),
            [format!(
                "alpha/erin@contoso.com: erin@contoso.com could become cluster-admin on alpha by a detour (bound to a role \
                 that allows it). {what}"
            )]
        );
    }
    // To share there what one has is no way to more.
    let world = granted(vec![rules(&["create"], RBAC, &["rolebindings"], &[])], in_namespace("kube-system"));
    assert_eq!(said(&world), [""; 0]);
}

#[test]
fn to_bind_a_role_by_name_leads_where_that_role_leads() {
    let binder = |name: &str, bindings: &str| {
        vec![rules(&["bind"], RBAC, &["clusterroles"], &[name]), rules(&["create"], RBAC, &[bindings], &[])]
    };
    let leads = |world: &World| {
        let said = said(world);
        said.iter()
            .any(|line| line.contains("They could bind themselves to another role, which leads to cluster-admin."))
    };
    // `edit` gives nothing on its own but where it is bound: with rolebindings everywhere that is kube-system too.
    assert!(leads(&granted(binder("edit", "rolebindings"), ScopeTarget::Cluster)));
    assert!(leads(&granted(binder("edit", "clusterrolebindings"), ScopeTarget::Cluster)));
    assert!(!leads(&granted(binder("view", "rolebindings"), ScopeTarget::Cluster)));
    assert!(!leads(&granted(binder("view", "clusterrolebindings"), ScopeTarget::Cluster)));
    assert!(!leads(&granted(vec![binder("edit", "rolebindings").remove(0)], ScopeTarget::Cluster)));
    assert_eq!(said(&granted(binder("edit", "rolebindings"), in_namespace("trinity"))), [""; 0]);
    assert!(leads(&granted(binder("edit", "rolebindings"), in_namespace("kube-system"))));
    // One that may bind another that leads there does as well, and two that name each other lead nowhere.
    let mut world = granted(binder("middle", "clusterrolebindings"), ScopeTarget::Cluster);
    live(&mut world, "middle", binder("edit", "rolebindings"));
    assert!(leads(&world));
    let mut world = granted(binder("middle", "clusterrolebindings"), ScopeTarget::Cluster);
    live(&mut world, "middle", binder("middle", "clusterrolebindings"));
    assert_eq!(said(&world), [""; 0]);
}

/// Whoever is in `platform` may read every secret.
fn with_readers() -> World {
    let mut world = World::new();
    live(&mut world, "secret-reader", vec![rules(&["get"], "", &["secrets"], &[])]);
    world.ask("platform", &["hayden"]);
    world.live("platform", &["hayden"]);
    let platform = subject(SubjectKind::Group, &id(number("platform")).to_string());
    world.bind(None, "hand-made", "secret-reader", platform, Mark::None);
    world
}

#[test]
fn whoever_joins_a_group_with_a_detour_is_named() {
    let mut world = with_readers();
    assert_eq!(said(&world), [""; 0]);
    world.ask("platform", &[]).members.insert(who("erin"), at(13));
    assert_eq!(
        said(&world),
        [
            "alpha/erin@contoso.com: erin@contoso.com could become cluster-admin on alpha by a detour (new member of platform). \
          They could read every secret in any namespace, and act as a cluster-admin whose token is in one."
        ]
    );
}

#[test]
fn whoever_had_a_detour_and_becomes_master_at_once_gains_it() {
    let mut world = with_readers();
    world.grant("group:platform", "edit", ScopeTarget::Cluster);
    assert_eq!(said(&world), [""; 0], "one detour more is no news");
    world.grant("group:platform", "cluster-admin", ScopeTarget::Cluster);
    assert_eq!(
        said(&world),
        [
            "alpha/group:platform: group:platform would become cluster-admin on alpha: a binding to a role that grants everything \
          names it"
        ]
    );
    // Who has it by name of their own is told in the same way.
    let mut world = World::new();
    let erin = subject(SubjectKind::User, &principal("erin").id.to_string());
    world.bind(None, "hand-made", "edit", erin, Mark::None);
    world.grant("erin", "cluster-admin", ScopeTarget::Cluster);
    assert_eq!(said(&world).len(), 1, "{:?}", said(&world));
}

#[test]
fn where_the_cluster_cannot_be_asked_the_roles_that_every_cluster_has_are_known() {
    let joins = |role: &str, scope: ScopeTarget| {
        let mut world = World::new();
        world.ask("platform", &["erin"]);
        world.live("platform", &[]);
        world.grant("group:platform", role, scope);
        let failure = Failure::new(FailureKind::Unreachable, "no answer");
        world.observed.clusters.insert(environment("alpha"), Err(failure));
        said(&world).iter().any(|line| line.starts_with("alpha/erin@contoso.com: "))
    };
    assert!(joins("edit", ScopeTarget::Cluster));
    assert!(joins("admin", in_namespace("kube-system")));
    assert!(!joins("admin", in_namespace("trinity")));
    assert!(!joins("view", ScopeTarget::Cluster));
}

#[test]
fn a_role_that_comes_to_hold_a_detour_is_found() {
    let mut world = World::new();
    let role = world.role("helper", vec![rule(&["get"], &["secrets"])]);
    let before = Role {
        namespace: None,
        name: role.reference.name.clone(),
        rules: vec![rule(&["get"], &["pods"])],
        aggregate_to: [].into(),
    };
    world.cluster().roles.push(LiveRole::new(before, meta(Mark::Ours)));
    world.bind(None, "hand-made", &role.reference.name, subject(SubjectKind::User, "mallory"), Mark::None);
    assert_eq!(said(&world).len(), 1, "{:?}", said(&world));
    world.bind(None, "other", "secret-reader", subject(SubjectKind::User, "mallory"), Mark::None);
    assert_eq!(said(&world).len(), 1, "a role that is not there gives nothing");
    live(&mut world, "secret-reader", vec![rule(&["list"], &["secrets"])]);
    assert_eq!(said(&world), [""; 0], "mallory had it");
}

#[test]
fn who_applies_may_bind_by_name_what_the_files_come_to_give() {
    let mut world = World::new();
    let role = world.role("helper", vec![rules(&["patch"], "apps", &["deployments"], &[])]);
    let bind = rules(&["bind"], RBAC, &["clusterroles"], &[role.reference.name.as_str()]);
    live(&mut world, "binder", vec![bind, rules(&["create"], RBAC, &["rolebindings"], &[])]);
    let runner = "system:serviceaccount:rolecall:applier";
    world.bind(None, "of-the-applier", "binder", subject(SubjectKind::User, runner), Mark::None);
    assert_eq!(said(&world), [""; 0]);
    world.bind(None, "of-another", "binder", subject(SubjectKind::User, "mallory"), Mark::None);
    assert_eq!(said(&world).len(), 1, "{:?}", said(&world));
}
