//! While a plan is carried out, and wherever it stops, nobody may do what neither the state before nor the state after lets
//! them do.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::select;

use super::generate::world;
use super::show;
use super::world::{World, at, id, in_namespace, meta, nested, number, rule, subject, who};
use crate::plan::Plan;
use crate::state::{
    Address, Change, DefaultRole, DesiredBinding, EnvironmentName, GroupNaming, LiveGroup, LivePrincipal, LiveRole,
    Mark, Namespace, ObjectId, Operation, PolicyRule, PrincipalKind, Resolution, Role, ScopeTarget, SubjectKind,
    SubjectName, UserNaming, covering,
};

/// Who may do what: each person, on each cluster, in each place.
type Access = BTreeMap<(ObjectId, EnvironmentName), Vec<(Option<Namespace>, Vec<PolicyRule>)>>;

/// Everybody there is, each once.
fn people(world: &World) -> Vec<LivePrincipal> {
    let tenant = world.observed.tenant.as_ref().unwrap().as_ref().unwrap();
    let known = tenant.directory.values().filter_map(|resolution| match resolution {
        Resolution::Found(live) => Some(live),
        Resolution::Missing { .. } | Resolution::Ambiguous(_) | Resolution::NotInSnapshot => None,
    });
    let groups = tenant.marked.values().chain(tenant.by_id.values().flatten());
    let people = known.chain(groups.flat_map(|group| &group.members));
    let people = people.filter(|member| member.kind != PrincipalKind::Group);
    people.map(|person| (person.id, person.clone())).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// The access of everybody, worked out one person at a time and without a look at what the plan thinks.
fn access(world: &World, people: &[LivePrincipal]) -> Access {
    let tenant = world.observed.tenant.as_ref().unwrap().as_ref().unwrap();
    let groups: BTreeMap<ObjectId, &LiveGroup> =
        tenant.marked.values().chain(tenant.by_id.values().flatten()).map(|group| (group.id, group)).collect();
    let mut access = Access::new();
    for person in people {
        let mut inside: BTreeSet<ObjectId> = BTreeSet::from([person.id]);
        let holds = |group: &LiveGroup, inside: &BTreeSet<ObjectId>| {
            group.members.iter().any(|member| inside.contains(&member.id))
        };
        while let Some(group) = groups.values().find(|group| !inside.contains(&group.id) && holds(group, &inside)) {
            inside.insert(group.id);
        }
        for (name, cluster) in &world.observed.clusters {
            let (Ok(cluster), tokens) = (cluster, &world.desired.environments[name].tokens) else { continue };
            let user = match tokens.users {
                UserNaming::ObjectId => person.id.to_string(),
                UserNaming::UserPrincipalName => {
                    person.user_principal_name.as_deref().unwrap_or("nobody at all").to_owned()
                }
            };
            let carried: BTreeSet<String> = inside
                .iter()
                .filter_map(|id| groups.get(id))
                .map(|group| match tokens.groups {
                    GroupNaming::ObjectId => group.id.to_string(),
                    GroupNaming::DisplayName => group.display_name.clone(),
                })
                .collect();
            for binding in cluster.bindings.iter().map(|live| &live.binding) {
                let is_theirs = binding.subjects.iter().any(|subject| match (&subject.kind, &subject.name) {
                    (SubjectKind::User, SubjectName::Known(name)) => *name == user,
                    (SubjectKind::Group, SubjectName::Known(name)) => carried.contains(name),
                    _ => false,
                });
                let (namespace, role) = binding.role.place(binding.namespace.as_ref());
                let role = cluster
                    .roles
                    .iter()
                    .find(|live| (&live.role.namespace, &live.role.name) == (&namespace, &role))
                    .filter(|_| is_theirs);
                if let Some(live) = role {
                    // The cluster follows at once.
                    let is_added = |other: &&LiveRole| {
                        other.role.namespace.is_none()
                            && namespace.is_none()
                            && other.role.reaches().iter().any(|default| default.name() == live.role.name)
                    };
                    let added = cluster.roles.iter().filter(is_added).flat_map(|other| other.role.rules.clone());
                    let has = access.entry((person.id, name.clone())).or_default();
                    has.push((binding.namespace.clone(), live.role.rules.iter().cloned().chain(added).collect()));
                }
            }
        }
    }
    access
}

/// What somebody has that they have in neither of the others.
fn leaks(now: &Access, start: &Access, end: &Access) -> Vec<String> {
    let mut leaks = Vec::new();
    for (who, has) in now {
        for (place, rules) in has {
            let rightful: Vec<PolicyRule> = [start, end]
                .into_iter()
                .filter_map(|access| access.get(who))
                .flatten()
                .filter(|(other, _)| other.is_none() || other == place)
                .flat_map(|(_, rules)| rules.iter().cloned())
                .collect();
            let missing = covering::missing(&rightful, rules);
            if !missing.is_empty() {
                let (who, environment) = who;
                leaks.push(format!("{who} in {place:?} of {environment}: {}", covering::words(&missing)));
            }
        }
    }
    leaks
}

/// These changes with whatever they wait for, in the order of the plan: where an apply may stand when all else fails or is
/// still to come.
fn with_required(plan: &Plan, wanted: impl Fn(&Change) -> bool) -> Vec<Change> {
    let mut done: BTreeSet<&Address> = BTreeSet::new();
    for change in plan.changes.iter().rev() {
        if wanted(change) || done.contains(&change.address) {
            done.insert(&change.address);
            done.extend(&change.requires);
        }
    }
    plan.changes.iter().filter(|change| done.contains(&change.address)).cloned().collect()
}

fn gives(change: &Change) -> bool {
    !matches!(change.operation, Operation::Delete { .. })
}

/// What leaks wherever an apply of this plan may stop.
fn leaks_of(world: &World, plan: &Plan) -> Vec<String> {
    let people = people(world);
    let after = |changes: &[Change]| {
        let mut then = world.clone();
        then.apply(changes);
        access(&then, &people)
    };
    let (start, end) = (access(world, &people), after(&plan.changes));
    let mut found = Vec::new();
    let mut look = |what: String, changes: &[Change]| {
        let leaks = leaks(&after(changes), &start, &end);
        found.extend(leaks.into_iter().map(|leak| format!("{what}: {leak}")));
    };
    for change in plan.changes.iter().filter(|change| gives(change)) {
        look(
            format!("once there is {}", change.address),
            &with_required(plan, |other| other.address == change.address),
        );
    }
    look("with all that is given".to_owned(), &with_required(plan, gives));
    for count in 1..plan.changes.len() {
        look(format!("after the first {count}"), &plan.changes[..count]);
    }
    found
}

/// Takes out the bindings of ours that somebody gave to another and whose role is to be made anew. The role has to be there
/// before the binding can be put right, so that the other one has it for that long.
fn without_refilled(world: &mut World) {
    for cluster in world.observed.clusters.values_mut().flatten() {
        let there: BTreeSet<_> =
            cluster.roles.iter().map(|live| (live.role.namespace.clone(), live.role.name.clone())).collect();
        cluster.bindings.retain(|live| there.contains(&live.binding.role.place(live.binding.namespace.as_ref())));
    }
}

/// Adds the role of ours on every cluster to a default one, as it is asked for and as it is there.
fn aggregate(world: &mut World, asked: Option<DefaultRole>, live: Option<DefaultRole>) {
    for role in world.desired.environments.values_mut().flat_map(|environment| &mut environment.roles) {
        if role.namespace.is_none() {
            role.aggregate_to = asked.into_iter().collect();
        }
    }
    for role in world.observed.clusters.values_mut().flatten().flat_map(|cluster| &mut cluster.roles) {
        if role.role.name == "own-object" && role.aggregation.is_none() {
            role.role.aggregate_to = live.into_iter().collect();
            role.labels = live.iter().map(|default| (default.label().to_owned(), "true".to_owned())).collect();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// At every moment of an apply, and wherever it ends, everybody's access is within what they had and what they come to
    /// have. Of a restored group nobody knows who is in it.
    #[test]
    fn nobody_gains_on_the_way(
        mut world in world(),
        asked in proptest::option::of(select(&DefaultRole::ALL[..])),
        live in proptest::option::of(select(&DefaultRole::ALL[..])),
    ) {
        without_refilled(&mut world);
        aggregate(&mut world, asked, live);
        let plan = world.plan();
        if plan.changes.iter().any(|change| matches!(change.operation, Operation::Restore { .. })) {
            return Ok(());
        }
        let leaks = leaks_of(&world, &plan);
        prop_assert!(leaks.is_empty(), "{leaks:#?}\n{}", show(&plan));
    }
}

/// What waits, and for what: each change that waits for anything, without what stands after its last slash being spelt out.
fn waits(world: &World) -> Vec<String> {
    let plan = world.plan();
    assert_eq!(leaks_of(world, &plan), [""; 0]);
    let changes = plan.changes.iter();
    changes
        .flat_map(|change| change.requires.iter().map(move |first| format!("{} after {first}", change.address)))
        .collect()
}

/// A live group with these members, of whom only some are to stay.
fn group(world: &mut World, name: &str, live: &[&str], asked: &[&str]) {
    world.live(name, live);
    world.ask(name, asked);
}

/// What a group is given by us already, and is to keep.
fn given(world: &mut World, name: &str, role: &str, scope: ScopeTarget) -> DesiredBinding {
    let binding = world.grant(&format!("group:{name}"), role, scope);
    bound(world, name, role, &binding);
    binding
}

fn bound(world: &mut World, name: &str, role: &str, binding: &DesiredBinding) {
    let place = match &binding.scope {
        ScopeTarget::Namespace(namespace) => Some(namespace.to_string()),
        ScopeTarget::Cluster | ScopeTarget::Selector(_) => None,
    };
    let object = world.name_of(binding);
    world.bind(place.as_deref(), &object, role, of(name), Mark::Ours);
}

fn of(name: &str) -> crate::state::Subject {
    subject(SubjectKind::Group, &id(number(name)).to_string())
}

/// A role of ours that every member of `dev` has, and that comes to give more.
fn widened(world: &mut World) {
    let role = world.role("helper", vec![rule(&["get"], &["pods", "secrets"])]);
    let before = Role {
        namespace: None,
        name: role.reference.name.clone(),
        rules: vec![rule(&["get"], &["pods"])],
        aggregate_to: BTreeSet::new(),
    };
    world.cluster().roles.push(LiveRole::new(before, meta(Mark::Ours)));
    let scope = in_namespace("trinity");
    let binding = DesiredBinding { subject: who("group:dev"), role: role.clone(), scope, origin: at(31) };
    world.alpha().bindings.push(binding.clone());
    bound(world, "dev", &role.reference.name, &binding);
}

#[test]
fn a_grant_waits_for_those_who_leave() {
    let mut world = World::new();
    group(&mut world, "dev", &["hayden", "sam"], &["hayden"]);
    group(&mut world, "ops", &["erin", "carol"], &["erin"]);
    world.grant("group:dev", "edit", in_namespace("trinity"));
    let name = world.name_of(&world.desired.environments[&super::world::environment("alpha")].bindings[0].clone());
    assert_eq!(
        waits(&world),
        [format!("alpha/rolebinding/trinity/{name} after entra/group/dev/member/sam@contoso.com")],
        "and for nobody else"
    );
}

#[test]
fn who_has_it_before_or_after_holds_nothing_up() {
    let mut world = World::new();
    group(&mut world, "dev", &["hayden", "sam"], &["hayden"]);
    group(&mut world, "ops", &["sam"], &["sam"]);
    given(&mut world, "ops", "edit", ScopeTarget::Cluster);
    world.grant("group:dev", "view", in_namespace("trinity"));
    assert_eq!(waits(&world), [""; 0], "sam has more by ops");
    let mut world = World::new();
    group(&mut world, "dev", &["hayden", "sam"], &["hayden"]);
    group(&mut world, "ops", &["erin"], &["erin", "sam"]);
    given(&mut world, "ops", "edit", ScopeTarget::Cluster);
    world.grant("group:dev", "view", in_namespace("trinity"));
    assert_eq!(waits(&world), [""; 0], "sam comes to more by ops");
}

#[test]
fn a_wider_role_waits_for_those_who_leave_whoever_is_bound_to_it() {
    let mut world = World::new();
    group(&mut world, "dev", &["hayden", "sam"], &["hayden"]);
    widened(&mut world);
    let wanted = ["alpha/clusterrole/helper-object after entra/group/dev/member/sam@contoso.com"];
    assert_eq!(waits(&world), wanted);
    // The same through a group that is in it.
    let mut world = World::new();
    group(&mut world, "inner", &["erin", "sam"], &["erin"]);
    group(&mut world, "dev", &["hayden"], &["hayden", "group:inner"]);
    let inner = super::world::nested(&world.tenant().marked[&super::world::key("inner")].clone());
    world.live("dev", &[]).members.push(inner);
    widened(&mut world);
    assert_eq!(waits(&world), ["alpha/clusterrole/helper-object after entra/group/inner/member/sam@contoso.com"]);
}

#[test]
fn a_grant_of_a_role_that_a_wider_one_is_added_to_waits_for_those_who_leave() {
    let mut world = World::new();
    group(&mut world, "dev", &["hayden", "sam"], &["hayden"]);
    group(&mut world, "ops", &["sam"], &["sam"]);
    let edit = world.cluster().roles.iter().find(|live| live.role.name == "edit").unwrap().role.clone();
    let copy = Role { name: "copy".to_owned(), ..edit };
    world.cluster().roles.push(LiveRole::new(copy, meta(Mark::None)));
    given(&mut world, "ops", "copy", ScopeTarget::Cluster);
    let binding = world.grant("group:dev", "edit", in_namespace("trinity"));
    assert_eq!(waits(&world), [""; 0], "sam has today's edit anyway");
    let role = world.role("helper", vec![rule(&["get"], &["pods", "secrets"])]);
    world.alpha().roles[0].aggregate_to = BTreeSet::from([DefaultRole::Edit]);
    let before = Role {
        namespace: None,
        name: role.reference.name,
        rules: vec![rule(&["get"], &["pods"])],
        aggregate_to: BTreeSet::from([DefaultRole::Edit]),
    };
    world.cluster().roles.push(LiveRole::new(before, meta(Mark::Ours)));
    let name = world.name_of(&binding);
    assert_eq!(
        waits(&world),
        [format!("alpha/rolebinding/trinity/{name} after entra/group/dev/member/sam@contoso.com")],
    );
}

#[test]
fn a_group_comes_into_another_after_those_who_leave_it() {
    let mut world = World::new();
    group(&mut world, "inner", &["erin", "sam"], &["erin"]);
    group(&mut world, "dev", &["hayden"], &["hayden", "group:inner"]);
    given(&mut world, "dev", "edit", ScopeTarget::Cluster);
    let wanted = ["entra/group/dev/member/group:inner after entra/group/inner/member/sam@contoso.com"];
    assert_eq!(waits(&world), wanted);
}

/// Of two groups that are in each other nobody is told which is directly in a group of others.
#[test]
fn one_of_a_circle_that_leaves_the_other_may_leave_what_that_is_in() {
    for (direct, left) in [("one", "two"), ("two", "one")] {
        let mut world = World::new();
        let (one, two) = (nested(world.live("one", &["sam"])), nested(world.live("two", &["erin"])));
        world.live("one", &[]).members.push(two.clone());
        world.live("two", &[]).members.push(one.clone());
        // The one that is directly in it lets the other go.
        world.ask("one", &["sam"]);
        world.ask("two", &["erin"]);
        world.ask(left, &[]).members.insert(who(&format!("group:{direct}")), at(12));
        let entry = if direct == "one" { one } else { two };
        world.foreign(0x77, "others", &["hayden"]).members.push(entry);
        let role = world.role("helper", vec![rule(&["get"], &["pods", "secrets"])]);
        let before = Role {
            namespace: None,
            name: role.reference.name.clone(),
            rules: vec![rule(&["get"], &["pods"])],
            aggregate_to: BTreeSet::new(),
        };
        world.cluster().roles.push(LiveRole::new(before, meta(Mark::Ours)));
        let others = subject(SubjectKind::Group, &id(0x77).to_string());
        world.bind(Some("trinity"), "by-hand", &role.reference.name, others, Mark::None);
        let waits = waits(&world);
        let wanted = format!("alpha/clusterrole/helper-object after entra/group/{direct}/member/group:{left}");
        assert!(waits.contains(&wanted), "{waits:#?}");
    }
}

#[test]
fn who_joins_does_not_meet_what_is_taken_away() {
    let mut world = World::new();
    group(&mut world, "dev", &["hayden"], &["hayden", "sam"]);
    world.bind(Some("trinity"), "left", "edit", of("dev"), Mark::Ours);
    let wanted = ["entra/group/dev/member/sam@contoso.com after alpha/rolebinding/trinity/left"];
    assert_eq!(waits(&world), wanted);
}

#[test]
fn two_who_change_places_wait_in_no_circle() {
    let mut world = World::new();
    group(&mut world, "dev", &["hayden", "erin"], &["hayden", "sam"]);
    group(&mut world, "ops", &["carol", "sam"], &["carol", "erin"]);
    world.role("helper", vec![]);
    let edit = world.grant("group:dev", "edit", in_namespace("trinity"));
    world.grant("group:ops", "view", in_namespace("payments"));
    world.bind(Some("payments"), "left", "view", of("dev"), Mark::Ours);
    world.bind(Some("trinity"), "left", "edit", of("ops"), Mark::Ours);
    let waits = waits(&world);
    let edit = format!("alpha/rolebinding/trinity/{}", world.name_of(&edit));
    // What each group keeps having is given before the old is taken.
    assert!(waits.contains(&format!("alpha/rolebinding/payments/left after {edit}")), "{waits:#?}");
}

#[test]
fn where_everybody_changes_who_leaves_goes_before_who_comes() {
    let mut world = World::new();
    group(&mut world, "dev", &["erin"], &["sam"]);
    let edit = world.grant("group:dev", "edit", in_namespace("trinity"));
    world.bind(Some("payments"), "left", "view", of("dev"), Mark::Ours);
    let edit = format!("alpha/rolebinding/trinity/{}", world.name_of(&edit));
    assert_eq!(
        waits(&world),
        [
            format!("{edit} after entra/group/dev/member/erin@contoso.com"),
            format!("alpha/rolebinding/payments/left after {edit}"),
            "entra/group/dev/member/sam@contoso.com after alpha/rolebinding/payments/left".to_owned(),
        ]
    );
}

/// What is left to a saved plan takes along what would reach those whom it removes.
#[test]
fn what_is_left_to_a_saved_plan_lets_nothing_through_meanwhile() {
    let mut world = World::new();
    group(&mut world, "dev", &["hayden", "sam"], &["hayden"]);
    world.grant("group:dev", "edit", in_namespace("trinity"));
    world.add_environment("prod", 0xb1).protected = true;
    let view = super::world::existing("view");
    let binding =
        DesiredBinding { subject: who("group:dev"), role: view, scope: in_namespace("trinity"), origin: at(33) };
    let object = world.name_of(&binding);
    world.desired.environments.get_mut(&super::world::environment("prod")).unwrap().bindings.push(binding);
    let live = crate::state::Binding {
        namespace: Some(super::world::namespace("trinity")),
        name: object,
        role: super::world::cluster_role("view"),
        subjects: vec![of("dev")],
    };
    world.cluster_of("prod").bindings.push(crate::state::LiveBinding { binding: live, meta: meta(Mark::Ours) });
    let plan = world.plan();
    assert_eq!(plan.changes.len(), 2, "{}", show(&plan));
    assert_eq!(plan.remaining(), []);
}

/// A group that comes gets what its name is bound to, and that goes only when what replaces it is there.
#[test]
fn a_group_comes_after_what_its_name_is_bound_to_is_narrowed() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.ask("dev", &["sam"]);
    let role = world.role("helper", vec![rule(&["get"], &["pods"])]);
    let before = Role {
        namespace: None,
        name: role.reference.name.clone(),
        rules: vec![rule(&["get"], &["pods", "secrets"])],
        aggregate_to: BTreeSet::new(),
    };
    world.cluster().roles.push(LiveRole::new(before, meta(Mark::Ours)));
    let named = subject(SubjectKind::Group, "dev");
    world.bind(Some("trinity"), "by-hand", &role.reference.name, named, Mark::None);
    let scope = in_namespace("trinity");
    world.alpha().replacements.push(crate::state::DesiredReplacement {
        target: "trinity/by-hand".parse().unwrap(),
        origin: at(40),
        subjects: [who("group:dev")].into(),
        roles: [role.clone()].into(),
        scopes: [scope.clone()].into(),
    });
    world.alpha().bindings.push(DesiredBinding { subject: who("group:dev"), role, scope, origin: at(31) });
    world.look_up();
    let waits = waits(&world);
    let wanted = "entra/group/dev after alpha/clusterrole/helper-object";
    assert!(waits.iter().any(|wait| wait == wanted), "{waits:#?}\n{}", world.shown());
}
