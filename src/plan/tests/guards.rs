//! Each guard: where it trips, where it does not just below, and how it is acknowledged.

use super::world::{
    World, at, environment, id, in_namespace, key, meta, nested, number, principal, rule, subject, who,
};
use crate::plan::Verdict;
use crate::plan::guards::GUARDS;
use crate::state::{
    Address, Applier, DefaultRole, DesiredBinding, Failure, FailureKind, GroupNaming, LiveRole, Mark, OwnIdentity,
    PrincipalName, Role, ScopeTarget, Subject, SubjectKind,
};

/// What one guard says, as it would be acknowledged.
fn says(world: &World, guard: &str) -> Vec<String> {
    let verdicts = world.plan().verdicts.into_iter().filter(|verdict| verdict.guard == guard);
    verdicts.map(|verdict| format!("{}:{}", verdict.guard, verdict.subject)).collect()
}

/// The guard trips, says this, and is shown but no longer refuses when just that is acknowledged.
fn trips(world: &mut World, guard: &str, text: &str) -> Verdict {
    assert!(says(world, guard).contains(&text.to_owned()), "{:?}", world.plan().verdicts);
    world.acknowledge(text);
    let verdicts = world.plan().verdicts;
    let verdict =
        verdicts.into_iter().find(|verdict| format!("{}:{}", verdict.guard, verdict.subject) == text).unwrap();
    assert!(verdict.acknowledged && !verdict.refuses());
    verdict
}

fn silent(world: &World, guard: &str) {
    assert_eq!(says(world, guard), [""; 0]);
}

fn people(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("person{number}")).collect()
}

/// A group with so many members, of whom so many are to go.
fn losing(world: &mut World, name: &str, members: usize, lost: usize) {
    let names = people(members);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.live(name, &names);
    world.ask(name, &names[lost..]);
}

#[test]
fn every_guard_has_an_id_and_a_summary() {
    let mut ids: Vec<&str> = GUARDS.iter().map(|guard| guard.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), GUARDS.len());
    assert!(GUARDS.iter().all(|guard| guard.summary.ends_with('.')));
}

#[test]
fn group_emptied() {
    let mut world = World::new();
    losing(&mut world, "readers", 2, 2);
    let verdict = trips(&mut world, "group-emptied", "group-emptied:readers");
    assert_eq!(verdict.message, "readers would lose its last members (2)");

    let mut world = World::new();
    losing(&mut world, "readers", 2, 1);
    silent(&world, "group-emptied");
    world.ask("readers", &[]).members = [(who("hayden"), at(11))].into();
    silent(&world, "group-emptied");
}

#[test]
fn group_deleted() {
    let mut world = World::new();
    world.live("old", &["sam", "carol"]);
    world.ask("readers", &["sam"]);
    let verdict = trips(&mut world, "group-deleted", "group-deleted:old");
    assert_eq!(
        verdict.message,
        "old would be deleted (restorable for 30 days) with its 2 members: carol@contoso.com (0000…), sam@contoso.com (0000…)"
    );
    world.ask("old", &["sam", "carol"]);
    silent(&world, "group-deleted");
}

#[test]
fn last_owner() {
    let mut world = World::new();
    world.ask("readers", &[]).owners = Some([].into());
    world.live("readers", &[]).owners.push(principal("erin"));
    let verdict = trips(&mut world, "last-owner", "last-owner:readers");
    assert!(verdict.message.starts_with("readers would have no person as owner; it loses erin@contoso.com"));
    // A service principal as owner answers for nothing, another person does.
    world.ask("readers", &[]).owners = Some([(who("sam"), at(51))].into());
    silent(&world, "last-owner");
    let mut world = World::new();
    world.ask("readers", &[]).owners = Some([(who("erin"), at(51))].into());
    world.live("readers", &[]).owners.extend([principal("erin"), principal("carol")]);
    silent(&world, "last-owner");
}

fn run_by_sam(world: &mut World) {
    world.tenant().identity = OwnIdentity { id: principal("sam").id, app: None, label: "sam@contoso.com".to_owned() };
}

#[test]
fn own_identity_in_entra() {
    let mut world = World::new();
    run_by_sam(&mut world);
    world.ask("admins", &["hayden", "group:inner"]);
    world.ask("inner", &["sam"]);
    let inner = world.live("inner", &["sam"]).clone();
    let members = &mut world.live("admins", &["hayden", "sam"]).members;
    members.push(nested(&inner));
    let verdict = trips(&mut world, "own-identity", "own-identity:entra/group/admins/member/sam@contoso.com");
    assert_eq!(verdict.message, "sam@contoso.com, who runs this, would no longer be in admins");

    // Through a group that leaves, and as an owner.
    let group = world.ask("admins", &[]);
    group.members = [(who("hayden"), at(11)), (who("sam"), at(12))].into();
    group.owners = Some([].into());
    world.live("admins", &[]).owners.push(principal("sam"));
    let both = says(&world, "own-identity");
    assert_eq!(
        both,
        ["own-identity:entra/group/admins/owner/sam@contoso.com", "own-identity:entra/group/admins/member/group:inner"]
    );
    // Somebody else is none of its business.
    world.tenant().identity.id = principal("carol").id;
    silent(&world, "own-identity");
    // A group that is deleted with us in it.
    run_by_sam(&mut world);
    world.desired.groups.clear();
    assert!(says(&world, "own-identity").contains(&"own-identity:entra/group/inner".to_owned()));
}

#[test]
fn own_identity_on_a_cluster() {
    let mut world = World::new();
    let own = world.cluster().username.clone();
    let binding = world.grant("hayden", "view", in_namespace("trinity"));
    let name = world.name_of(&binding);
    world.bind(Some("trinity"), &name, "view", subject(SubjectKind::User, &own), Mark::Ours);
    trips(&mut world, "own-identity", &format!("own-identity:alpha/rolebinding/trinity/{name}"));

    let mut world = World::new();
    world.role("restarter", vec![rule(&["get"], &["pods"])]);
    let role = Role {
        namespace: None,
        name: "restarter-object".to_owned(),
        rules: vec![rule(&["get"], &["pods"]), rule(&["patch"], &["pods"])],
        aggregate_to: std::collections::BTreeSet::new(),
    };
    world.cluster().roles.push(LiveRole::new(role, meta(Mark::Ours)));
    silent(&world, "own-identity");
    world.bind(None, "us", "restarter-object", subject(SubjectKind::User, &own), Mark::None);
    trips(&mut world, "own-identity", "own-identity:alpha/clusterrole/restarter-object");
    // So does whoever the files say applies.
    world.alpha().applier = Some(Applier::new("ci", ["deployers".to_owned()]));
    world.cluster().bindings.clear();
    silent(&world, "own-identity");
    world.bind(None, "appliers", "restarter-object", subject(SubjectKind::Group, "deployers"), Mark::None);
    let verdict = trips(&mut world, "own-identity", "own-identity:alpha/clusterrole/restarter-object");
    assert_eq!(
        verdict.message,
        "ci, the `applier` of this environment, acts through this role, which would lose rules"
    );
    let mut bound = World::new();
    bound.alpha().applier = Some(Applier::service_account("ci", "deployer"));
    let binding = bound.grant("hayden", "view", in_namespace("trinity"));
    let name = bound.name_of(&binding);
    let account = Subject { namespace: Some("ci".to_owned()), ..subject(SubjectKind::ServiceAccount, "deployer") };
    bound.bind(Some("trinity"), &name, "view", account, Mark::Ours);
    trips(&mut bound, "own-identity", &format!("own-identity:alpha/rolebinding/trinity/{name}"));
    // More rules take nothing away.
    world.alpha().roles[0].rules =
        vec![rule(&["get"], &["pods"]), rule(&["list"], &["pods"]), rule(&["patch"], &["pods"])];
    silent(&world, "own-identity");
    // Nor does one rule that says more than two did.
    world.alpha().roles[0].rules = vec![rule(&["get", "list", "patch"], &["pods", "services"])];
    silent(&world, "own-identity");
}

#[test]
fn empty_config() {
    let mut world = World::new();
    silent(&world, "empty-config");
    world.live("old", &["sam"]);
    world.bind(None, "left", "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    let verdict = trips(&mut world, "empty-config", "empty-config:contoso-platform");
    assert_eq!(
        verdict.message,
        "the files ask for nothing, and contoso-platform has 1 group and 1 object on clusters that would go"
    );
    world.ask("readers", &[]);
    silent(&world, "empty-config");
}

#[test]
fn config_renamed() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    silent(&world, "config-renamed");
    world.tenant().other_configs.insert("contoso-old".to_owned());
    let verdict = trips(&mut world, "config-renamed", "config-renamed:contoso-platform");
    assert!(verdict.message.contains("contoso-old"), "{}", verdict.message);
    let binding = world.grant("sam", "view", ScopeTarget::Cluster);
    let name = world.name_of(&binding);
    world.bind(None, &name, "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    silent(&world, "config-renamed");

    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.bind(None, "theirs", "view", subject(SubjectKind::User, "sam"), Mark::OtherConfig("other".to_owned()));
    trips(&mut world, "config-renamed", "config-renamed:contoso-platform");
    world.live("readers", &["hayden"]);
    silent(&world, "config-renamed");
}

#[test]
fn removals_of_one_group() {
    let check = |members, lost| {
        let mut world = World::new();
        losing(&mut world, "readers", members, lost);
        says(&world, "removals")
    };
    // 3 of 11 and 3 of 12 stand on both sides of a quarter, 2 of 3 is not many.
    assert_eq!(check(11, 3), ["removals:group=readers"]);
    assert_eq!(check(12, 3), [""; 0]);
    assert_eq!(check(3, 2), [""; 0]);

    let mut world = World::new();
    losing(&mut world, "readers", 4, 3);
    let verdict = trips(&mut world, "removals", "removals:group=readers");
    assert_eq!(verdict.message, "readers would lose 3 of 4 members");

    let mut world = World::new();
    world.ask("readers", &[]).owners = Some([(who("erin"), at(51))].into());
    let owners = ["erin", "sam", "carol", "root"].map(principal);
    world.live("readers", &[]).owners.extend(owners);
    let verdict = trips(&mut world, "removals", "removals:group=readers");
    assert_eq!(verdict.message, "readers would lose 3 of 5 owners");
}

#[test]
fn removals_of_a_whole_run() {
    // 21 of very many; 20 is not too many there.
    let mut world = World::new();
    losing(&mut world, "readers", 400, 21);
    let verdict = trips(&mut world, "removals", "removals:run=21");
    assert_eq!(verdict.message, "21 of 401 members, owners and bindings would be removed");
    let mut world = World::new();
    losing(&mut world, "readers", 400, 20);
    silent(&world, "removals");
    // The number is exact: one for another number acknowledges nothing.
    let mut world = World::new();
    losing(&mut world, "readers", 400, 22);
    world.acknowledge("removals:run=21");
    assert_eq!(world.plan().refusals().count(), 1);

    // Six of 59 edges are more than a tenth, six of 60 are not; bindings count like members.
    let run = |members: usize| {
        let mut world = World::new();
        losing(&mut world, "readers", members, 3);
        for number in 0..3 {
            let who = subject(SubjectKind::User, "somebody");
            world.bind(Some("trinity"), &format!("left-{number}"), "view", who, Mark::Ours);
        }
        says(&world, "removals")
    };
    assert_eq!(run(55), ["removals:run=6"], "55 members, 1 owner, 3 bindings");
    assert_eq!(run(56), [""; 0]);
}

#[test]
fn cluster_admin_gained_by_a_new_subject() {
    let mut world = World::new();
    world.ask("platform", &["hayden"]);
    world.live("platform", &["hayden"]);
    world.grant("group:platform", "cluster-admin", ScopeTarget::Cluster);
    world.grant("erin", "cluster-admin", ScopeTarget::Cluster);
    assert_eq!(
        says(&world, "cluster-admin-gained"),
        ["cluster-admin-gained:alpha/erin@contoso.com", "cluster-admin-gained:alpha/group:platform"]
    );
    let verdict = trips(&mut world, "cluster-admin-gained", "cluster-admin-gained:alpha/erin@contoso.com");
    assert_eq!(
        verdict.message,
        "erin@contoso.com would become cluster-admin on alpha: bound to a role that grants everything"
    );

    // In one namespace it is not the cluster.
    let mut world = World::new();
    world.grant("erin", "cluster-admin", in_namespace("trinity"));
    world.grant("erin", "edit", in_namespace("trinity"));
    world.grant("erin", "view", ScopeTarget::Cluster);
    silent(&world, "cluster-admin-gained");
    // Whoever is it already does not gain it.
    let mut world = World::new();
    world.grant("erin", "cluster-admin", ScopeTarget::Cluster);
    let erin = subject(SubjectKind::User, &principal("erin").id.to_string());
    world.bind(None, "hand-made", "cluster-admin", erin, Mark::None);
    silent(&world, "cluster-admin-gained");
}

/// `platform` is cluster-admin on alpha, and `inner` is in it.
fn with_admins() -> World {
    let mut world = World::new();
    world.ask("platform", &["hayden", "group:inner"]);
    world.ask("inner", &["sam"]);
    let inner = world.live("inner", &["sam"]).clone();
    world.live("platform", &["hayden"]).members.push(nested(&inner));
    let platform = subject(SubjectKind::Group, &id(number("platform")).to_string());
    world.bind(None, "hand-made", "cluster-admin", platform, Mark::None);
    world
}

#[test]
fn cluster_admin_gained_by_a_new_member() {
    let mut world = with_admins();
    silent(&world, "cluster-admin-gained");
    world.ask("platform", &[]).members.insert(who("erin"), at(13));
    trips(&mut world, "cluster-admin-gained", "cluster-admin-gained:alpha/erin@contoso.com");

    let mut world = with_admins();
    world.ask("inner", &[]).members.insert(who("erin"), at(13));
    let verdict = trips(&mut world, "cluster-admin-gained", "cluster-admin-gained:alpha/erin@contoso.com");
    assert_eq!(verdict.message, "erin@contoso.com would become cluster-admin on alpha: new member of inner");

    // A group that is newly nested, and whoever joins it in the same plan.
    let mut world = with_admins();
    world.ask("platform", &[]).members.insert(who("group:friends"), at(13));
    world.ask("friends", &["carol"]);
    assert_eq!(
        says(&world, "cluster-admin-gained"),
        ["cluster-admin-gained:alpha/carol@contoso.com", "cluster-admin-gained:alpha/group:friends"]
    );

    // Sam has it through `inner` already.
    let mut world = with_admins();
    world.ask("platform", &[]).members.insert(who("sam"), at(13));
    silent(&world, "cluster-admin-gained");

    // Another group leads nowhere.
    let mut world = with_admins();
    world.ask("readers", &["erin"]);
    silent(&world, "cluster-admin-gained");
}

#[test]
fn cluster_admin_gained_by_a_role_that_comes_to_grant_everything() {
    let mut world = World::new();
    let role = world.role("restarter", vec![rule(&["*"], &["*"])]);
    let live = Role {
        namespace: None,
        name: role.reference.name.clone(),
        rules: vec![rule(&["get"], &["pods"])],
        aggregate_to: std::collections::BTreeSet::new(),
    };
    world.cluster().roles.push(LiveRole::new(live, meta(Mark::Ours)));
    silent(&world, "cluster-admin-gained");
    world.bind(None, "hand-made", &role.reference.name, subject(SubjectKind::User, "mallory"), Mark::None);
    trips(&mut world, "cluster-admin-gained", "cluster-admin-gained:alpha/user mallory");
    world.alpha().roles[0].rules = vec![rule(&["*"], &["services"])];
    silent(&world, "cluster-admin-gained");
}

#[test]
fn cluster_admin_gained_by_taking_a_name_that_has_it() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.bind(None, "hand-made", "cluster-admin", subject(SubjectKind::Group, "Masters"), Mark::None);
    world.ask("readers", &["sam"]);
    world.live("readers", &["sam"]);
    silent(&world, "cluster-admin-gained");
    world.ask("readers", &[]).display_name = Some("Masters".to_owned());
    world.look_up();
    silent(&world, "cluster-admin-gained");
    assert_eq!(world.plan().changes, [], "the renaming waits");
    world.grant("group:readers", "cluster-admin", ScopeTarget::Cluster);
    let verdict = trips(&mut world, "cluster-admin-gained", "cluster-admin-gained:alpha/group:readers");
    assert_eq!(
        verdict.message,
        "group:readers would become cluster-admin on alpha: a binding to a role that grants everything names it"
    );

    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.alpha().protected = true;
    world.bind(None, "hand-made", "cluster-admin", subject(SubjectKind::Group, "masters"), Mark::None);
    world.ask("masters", &["sam"]);
    world.look_up();
    silent(&world, "cluster-admin-gained");
    world.grant("group:masters", "cluster-admin", ScopeTarget::Cluster);
    assert_eq!(
        says(&world, "cluster-admin-gained"),
        ["cluster-admin-gained:alpha/group:masters", "cluster-admin-gained:alpha/sam@contoso.com"]
    );
    assert_eq!(world.plan().remaining(), [], "and it reaches the protected environment");
}

#[test]
fn cluster_admin_gained_where_the_cluster_cannot_be_asked() {
    let mut world = World::new();
    world.ask("platform", &["erin"]);
    world.live("platform", &[]);
    world.grant("group:platform", "cluster-admin", ScopeTarget::Cluster);
    world.observed.clusters.insert(environment("alpha"), Err(Failure::new(FailureKind::Unreachable, "no answer")));
    trips(&mut world, "cluster-admin-gained", "cluster-admin-gained:alpha/erin@contoso.com");
}

#[test]
fn cluster_admin_gained_where_nobody_can_tell() {
    let unread = |world: &mut World| {
        let failure = Failure::new(FailureKind::Unreachable, "no answer");
        world.observed.clusters.insert(environment("alpha"), Err(failure));
    };
    let mut world = World::new();
    world.ask("readers", &["erin"]);
    world.live("readers", &[]);
    silent(&world, "cluster-admin-gained");
    unread(&mut world);
    let verdict = trips(&mut world, "cluster-admin-gained", "cluster-admin-gained:alpha/unread");
    assert_eq!(
        verdict.message,
        "alpha could not be read, so nobody can tell whether those who join readers gain cluster-admin there"
    );
    world.observed.clusters.clear();
    assert_eq!(says(&world, "cluster-admin-gained"), ["cluster-admin-gained:alpha/unread"]);

    // No binding names the id of a group that is not there yet. One may well have its name, so it is not made.
    let mut world = World::new();
    world.ask("readers", &["erin"]);
    unread(&mut world);
    silent(&world, "cluster-admin-gained");
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.look_up();
    silent(&world, "cluster-admin-gained");
    assert_eq!(world.plan().changes, []);
    world.live("readers", &[]);
    world.look_up();
    trips(&mut world, "cluster-admin-gained", "cluster-admin-gained:alpha/unread");

    // Taking members away gives nobody anything.
    let mut world = World::new();
    losing(&mut world, "readers", 2, 1);
    unread(&mut world);
    silent(&world, "cluster-admin-gained");
    world.ask("readers", &[]).display_name = Some("Masters".to_owned());
    silent(&world, "cluster-admin-gained");
    assert_eq!(world.plan().changes.len(), 2);
    // Nor does another name, which waits until it is known what it gives there.
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.look_up();
    silent(&world, "cluster-admin-gained");
    assert_eq!(world.plan().changes.len(), 1);
}

#[test]
fn cluster_admin_gained_by_a_new_owner() {
    let mut world = with_admins();
    world.ask("inner", &[]).owners = Some([(who("erin"), at(51)), (who("applier"), at(52))].into());
    world.live("inner", &[]).owners.clear();
    world.live("inner", &[]).owners.push(principal("applier"));
    let verdict = trips(&mut world, "cluster-admin-gained", "cluster-admin-gained:alpha/erin@contoso.com");
    assert_eq!(verdict.message, "erin@contoso.com would become cluster-admin on alpha: new owner of inner");
    assert_eq!(says(&world, "cluster-admin-gained").len(), 1, "the applier is no news");
}

#[test]
fn cluster_admin_gained_by_a_role_that_leads_there() {
    let mut world = World::new();
    let role = world.role("binder", vec![rule(&["impersonate"], &["users"])]);
    world.alpha().bindings.push(DesiredBinding {
        subject: who("erin"),
        role,
        scope: ScopeTarget::Cluster,
        origin: at(31),
    });
    let verdict = trips(&mut world, "cluster-admin-gained", "cluster-admin-gained:alpha/erin@contoso.com");
    assert_eq!(
        verdict.message,
        "erin@contoso.com would become cluster-admin on alpha: bound to a role that lets whoever has it give itself \
         everything"
    );
    world.alpha().roles[0].rules = vec![rule(&["get"], &["users"])];
    silent(&world, "cluster-admin-gained");
}

#[test]
fn a_role_that_loses_rules_counts_once_for_each_binding_to_it() {
    let mut world = World::new();
    let role = world.role("restarter", vec![rule(&["get"], &["pods"])]);
    let live = |rules| Role {
        namespace: None,
        name: role.reference.name.clone(),
        rules,
        aggregate_to: std::collections::BTreeSet::new(),
    };
    let both = live(vec![rule(&["get", "patch"], &["pods"])]);
    world.cluster().roles.push(LiveRole::new(both, meta(Mark::Ours)));
    let bind = |world: &mut World, number: usize| {
        let place = number.is_multiple_of(2).then_some("trinity");
        let who = subject(SubjectKind::User, "kim");
        world.bind(place, &format!("b{number}"), &role.reference.name, who, Mark::None);
    };
    (0..5).for_each(|number| bind(&mut world, number));
    silent(&world, "removals");
    bind(&mut world, 5);
    let verdict = trips(&mut world, "removals", "removals:run=6");
    assert_eq!(
        verdict.message,
        "6 of 6 members, owners and bindings would be removed or narrowed (6: their role loses rules)"
    );
    // A role that gains rules takes nothing.
    world.cluster().roles.last_mut().unwrap().role = live(Vec::new());
    silent(&world, "removals");
}

#[test]
fn whoever_is_taken_out_of_a_binding_counts() {
    let drifted = |count: usize| {
        let mut world = World::new();
        let binding = world.grant("hayden", "view", in_namespace("trinity"));
        let name = world.name_of(&binding);
        let hayden = principal("hayden").id.to_string();
        world.bind(Some("trinity"), &name, "view", subject(SubjectKind::User, &hayden), Mark::Ours);
        let strangers = (0..count).map(|number| subject(SubjectKind::User, &format!("stranger-{number}")));
        world.cluster().bindings[0].binding.subjects.extend(strangers);
        world
    };
    silent(&drifted(5), "removals");
    let verdict = trips(&mut drifted(6), "removals", "removals:run=6");
    assert_eq!(verdict.message, "6 of 7 members, owners and bindings would be removed (6 out of a binding that stays)");
}

#[test]
fn totals_count_only_what_is_proven_ours() {
    let mut world = World::new();
    let names = people(100);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.live("squatted", &names).owners = vec![principal("carol")];
    losing(&mut world, "readers", 24, 6);
    let verdict = trips(&mut world, "removals", "removals:run=6");
    assert_eq!(verdict.message, "6 of 25 members, owners and bindings would be removed");

    let mut world = World::new();
    world.live("squatted", &[]).owners = vec![principal("carol")];
    world.live("old", &[]);
    let verdict = trips(&mut world, "empty-config", "empty-config:contoso-platform");
    assert!(verdict.message.contains("has 1 group and 0 objects"), "{}", verdict.message);

    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.live("squatted", &[]).owners = vec![principal("carol")];
    world.tenant().other_configs.insert("contoso-old".to_owned());
    trips(&mut world, "config-renamed", "config-renamed:contoso-platform");
}

#[test]
fn config_renamed_onto_another_that_is_in_use() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.live("theirs", &["sam"]);
    world.bind(None, "left", "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    let verdict = trips(&mut world, "config-renamed", "config-renamed:contoso-platform");
    assert!(
        verdict.message.starts_with(
            "none of what the files ask for is there under the name contoso-platform, and 2 objects of that name would \
             be removed"
        ),
        "{}",
        verdict.message
    );
    let mut known = world.clone();
    known.live("readers", &[]);
    silent(&known, "config-renamed");
    let binding = world.grant("sam", "view", ScopeTarget::Cluster);
    let name = world.name_of(&binding);
    world.bind(None, &name, "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    silent(&world, "config-renamed");
}

#[test]
fn protected_leaves_out_what_reaches_the_environment_and_what_waits_for_it() {
    let mut world = World::new();
    world.add_environment("prod", 0xb1).protected = true;
    world.ask("oncall", &["hayden"]);
    world.ask("readers", &["group:oncall", "sam"]);
    world.live("readers", &[]);
    let binding = world.grant("group:oncall", "view", in_namespace("trinity"));
    world.alpha().bindings = Vec::new();
    world.desired.environments.get_mut(&environment("prod")).unwrap().bindings = vec![binding.clone()];
    world.acknowledge("protected:prod");
    let verdicts = world.plan().verdicts;
    let [verdict] = &verdicts[..] else { panic!("{verdicts:?}") };
    assert_eq!((verdict.guard.as_str(), verdict.subject.as_str()), ("protected", "prod"));
    assert!(!verdict.acknowledged, "only a saved plan does that");
    assert!(!verdict.refuses(), "the rest may go on");
    let names: Vec<String> = verdict.leaves_out.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(names.join("\n"), @"
    entra/group/oncall
    entra/group/oncall/member/hayden@contoso.com
    entra/group/readers/member/group:oncall
    prod/rolebinding/trinity/oncall-view-350b99d221
    ");
    let member = PrincipalName::Group(key("oncall"));
    assert!(verdict.leaves_out.contains(&Address::Member(key("readers"), member)));
    let remaining: Vec<String> =
        world.plan().remaining().into_iter().map(|change| change.address.to_string()).collect();
    assert_eq!(remaining, ["entra/group/readers/member/sam@contoso.com"]);
    // Nothing reaches it any more.
    world.desired.environments.get_mut(&environment("prod")).unwrap().protected = false;
    silent(&world, "protected");
}

#[test]
fn a_guard_never_breaks_the_plan() {
    let mut world = World::new();
    losing(&mut world, "readers", 4, 4);
    let binding = DesiredBinding { subject: who("erin"), ..world.grant("sam", "cluster-admin", ScopeTarget::Cluster) };
    world.alpha().bindings.push(binding);
    let plan = world.plan();
    assert_eq!(plan.changes.len(), 6);
    assert!(plan.refusals().count() >= 3);
}

#[test]
fn guards_see_the_groups_as_the_diff_left_them() {
    let mut world = World::new();
    world.add_environment("beta", 0xb1).tokens.groups = GroupNaming::DisplayName;
    world.ask("readers", &["hayden"]);
    world.live("readers", &["hayden"]);
    world.deleted("readers");
    world.look_up();
    let readers = id(number("readers")).to_string();
    world.bind(Some("trinity"), "by-hand", "view", subject(SubjectKind::Group, &readers), Mark::None);
    world.role("keys", vec![rule(&["get"], &["secrets"])]);
    world.alpha().roles[0].aggregate_to = [DefaultRole::View].into();
    let said = |world: &World| {
        let verdicts = world.plan().verdicts;
        let widened = verdicts.into_iter().find(|verdict| verdict.guard == "default-role-widened");
        widened.map(|verdict| verdict.message).unwrap_or_default()
    };
    assert!(said(&world).ends_with("that is group:readers, by 1 binding"), "{}", said(&world));
    // It is not restored beside another of its name, and then that id is nobody's.
    world.stranger("readers");
    assert!(said(&world).ends_with(&format!("that is group {readers}, by 1 binding")), "{}", said(&world));
    // That it was made under this name is seen all the same.
    world.tenant().other_configs.insert("contoso-old".to_owned());
    silent(&world, "config-renamed");
}
