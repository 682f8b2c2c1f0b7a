use rolecall::providers::Writer as _;
use rolecall::sandbox::graph::state::Kind;
use rolecall::sandbox::{Faults, Options, SeedGroup};
use rolecall::state::{
    Address, Change, Failure, FailureKind, Identity, KubernetesKind, ObjectId, Operation, Outcome, PrincipalName,
    Resolution, Resource, Role, mark,
};
use tokio::sync::watch;

use crate::world::{
    APPLIER, World, add_member, add_owner, applier, change, config, create, delete, group, key, member, ours,
    remove_member, remove_owner, seed, upn, user,
};

const DONE: Outcome = Outcome::Done { created: None };
const ALREADY: Outcome = Outcome::AlreadySo { created: None };

fn id(number: u32) -> String {
    format!("11111111-1111-4111-8111-{number:012}")
}

fn with_id(group: SeedGroup, number: u32) -> SeedGroup {
    SeedGroup { id: Some(id(number).parse().unwrap()), ..group }
}

fn object(number: u32) -> ObjectId {
    id(number).parse().unwrap()
}

fn failure(outcome: &Outcome) -> &Failure {
    match outcome {
        Outcome::Failed { failure } => failure,
        other => panic!("{other:?}"),
    }
}

fn created(outcome: &Outcome) -> ObjectId {
    match outcome {
        Outcome::Done { created: Some(id) } => *id,
        other => panic!("{other:?}"),
    }
}

impl World {
    pub(crate) async fn people(
        &self,
        names: impl IntoIterator<Item = PrincipalName>,
    ) -> Vec<(PrincipalName, ObjectId)> {
        let names: Vec<_> = names.into_iter().collect();
        let query = rolecall::state::TenantQuery { principals: names.iter().cloned().collect(), ..self.query.clone() };
        let tenant = rolecall::providers::Reader::observe(&self.reader, &query).await.unwrap();
        let found = |name: PrincipalName| match &tenant.directory[&name] {
            Resolution::Found(principal) => (name, principal.id),
            other => panic!("{other:?}"),
        };
        names.into_iter().map(found).collect()
    }
}

#[tokio::test]
async fn a_group_is_made_filled_changed_emptied_and_deleted() {
    let mut seed = seed();
    seed.users = (0..45).map(|number| user(&format!("person{number}"))).collect();
    let world = World::new(seed).await.asking_for(&["devs"]);
    let people = world.people((0..45).map(|number| upn(&format!("person{number}")))).await;

    let outcomes = world.write(&[create("devs")]).await;
    let devs = created(&outcomes[0]);
    let mut changes: Vec<_> = people.iter().map(|(name, id)| add_member("devs", devs, name, *id)).collect();
    changes.push(add_owner("devs", devs, &people[0].0, people[0].1));
    assert!(world.write(&changes).await.iter().all(|outcome| *outcome == DONE));

    let live = world.observe().await.unwrap().marked.remove(&key("devs")).unwrap();
    assert_eq!((live.id, live.members.len()), (devs, 45));
    assert_eq!(live.description.as_deref(), Some("The group devs"));
    assert_eq!(live.unique_name.as_deref(), Some("rolecall.contoso-platform.devs"));
    assert_eq!(live.mail_nickname, Some(mark::mail_nickname(&config(), &key("devs"))));
    let mut owners: Vec<_> = live.owners.iter().map(|owner| owner.id).collect();
    owners.sort();
    let mut expected = vec![APPLIER.parse().unwrap(), people[0].1];
    expected.sort();
    assert_eq!(owners, expected);

    let (before, mut after) = (group("devs", Identity::Known(devs)), group("devs", Identity::Known(devs)));
    after.display_name = "Developers of O'Brien".to_owned();
    after.description = None;
    let update = Operation::Update { before: Resource::Group(before), after: Resource::Group(after) };
    let mut changes = vec![change(Address::Group(key("devs")), update)];
    changes.extend(people.iter().map(|(name, id)| remove_member("devs", devs, name, *id)));
    assert!(world.write(&changes).await.iter().all(|outcome| *outcome == DONE));
    let live = world.observe().await.unwrap().marked.remove(&key("devs")).unwrap();
    assert_eq!((live.display_name.as_str(), live.description, live.members.len()), ("Developers of O'Brien", None, 0));

    assert_eq!(world.write(&[delete("devs", devs)]).await, [DONE]);
    assert_eq!(world.write(&[delete("devs", devs)]).await, [ALREADY]);
    assert!(world.observe().await.unwrap().marked.is_empty());
    world.end().await;
}

#[tokio::test]
async fn making_what_is_there_already_is_success_and_changes_nothing() {
    let mut seed = seed();
    seed.users = (0..3).map(|number| user(&format!("person{number}"))).collect();
    let members = vec![member("person0"), member("person2")];
    seed.groups = vec![with_id(SeedGroup { members, ..ours("devs") }, 1), with_id(ours("empty"), 2)];
    let world = World::new(seed).await.asking_for(&["devs"]);
    let people = world.people((0..3).map(|number| upn(&format!("person{number}")))).await;
    let before = world.writes();
    assert_eq!(world.write(&[create("empty")]).await, [Outcome::AlreadySo { created: Some(object(2)) }]);
    assert_eq!(world.writes(), before, "a key that is ours already is not written");

    let changes: Vec<_> = people.iter().map(|(name, id)| add_member("devs", object(1), name, *id)).collect();
    assert_eq!(world.write(&changes).await, [ALREADY, DONE, ALREADY]);
    let changes: Vec<_> = people.iter().map(|(name, id)| remove_member("devs", object(1), name, *id)).collect();
    assert_eq!(world.write(&changes).await, [DONE, DONE, DONE]);
    assert_eq!(world.write(&changes).await, [ALREADY, ALREADY, ALREADY]);
    world.end().await;
}

#[tokio::test]
async fn a_key_that_somebody_else_took_is_left_alone() {
    let mut seed = seed();
    seed.users.push(user("mallory"));
    let taken = SeedGroup { display_name: "harmless".to_owned(), owners: vec![member("mallory")], ..ours("devs") };
    seed.groups = vec![
        with_id(taken, 1),
        with_id(SeedGroup { kind: Kind::Dynamic, ..ours("sre") }, 2),
        with_id(SeedGroup { role_assignable: true, ..ours("admins") }, 3),
        // Made with the applier as an owner, so that it looks like ours.
        with_id(SeedGroup { owners: vec![applier(), member("mallory")], ..ours("owned") }, 4),
        with_id(SeedGroup { members: vec![member("mallory")], ..ours("filled") }, 5),
    ];
    let world = World::new(seed).await.asking_for(&["devs", "sre"]);
    let outcomes = world.write(&["devs", "sre", "admins", "owned", "filled"].map(create)).await;
    let reasons = [
        "no applier is among its owners",
        "it is no plain security group",
        "it is no plain security group",
        "others own it as well",
        "it has members",
    ];
    for (outcome, reason) in outcomes.iter().zip(reasons) {
        assert_eq!(failure(outcome).kind, FailureKind::Conflict);
        assert!(failure(outcome).what.contains("has appeared since the plan"), "{outcome:?}");
        assert!(failure(outcome).what.contains(reason), "{outcome:?}");
        assert!(failure(outcome).next.as_ref().unwrap().contains("plan again"), "{outcome:?}");
    }
    assert_eq!(world.writes(), 0);
    assert_eq!(world.observe().await.unwrap().marked[&key("devs")].display_name, "harmless");
    world.end().await;
}

#[tokio::test]
async fn a_first_apply_that_was_killed_is_seen_by_the_next_plan_as_a_group_of_ours() {
    let mut seed = seed();
    seed.users = vec![user("hayden"), user("sam")];
    let world = World::new(seed).await.asking_for(&["devs"]);
    let people = world.people([upn("hayden"), upn("sam")]).await;
    let devs = created(&world.write(&[create("devs")]).await[0]);
    // Killed before anybody was added: the same plan may go on.
    assert_eq!(world.write(&[create("devs")]).await, [Outcome::AlreadySo { created: Some(devs) }]);
    let changes: Vec<_> = people.iter().map(|(name, id)| add_member("devs", devs, name, *id)).collect();
    assert_eq!(world.write(&changes[..1]).await, [DONE]);
    // Killed after the first: the next plan finds the group and what it holds, so it has no creation in it.
    let live = world.observe().await.unwrap().marked.remove(&key("devs")).unwrap();
    assert_eq!((live.id, live.members.len()), (devs, 1));
    assert_eq!(live.owners.iter().map(|owner| owner.id).collect::<Vec<_>>(), [APPLIER.parse().unwrap()]);
    assert_eq!(world.write(&changes[1..]).await, [DONE]);
    world.end().await;
}

#[tokio::test]
async fn a_deleted_group_is_restored_whole_and_once() {
    let mut seed = seed();
    seed.users.push(user("sam"));
    seed.groups.push(with_id(SeedGroup { members: vec![member("sam")], ..ours("devs") }, 1));
    let world = World::new(seed).await.asking_for(&["devs"]);
    let before = world.observe().await.unwrap().marked.remove(&key("devs")).unwrap();
    assert_eq!(world.write(&[delete("devs", object(1))]).await, [DONE]);
    assert!(world.observe().await.unwrap().marked.is_empty());

    let after = Resource::Group(group("devs", Identity::Known(object(1))));
    let restore = [change(Address::Group(key("devs")), Operation::Restore { after })];
    assert_eq!(world.write(&restore).await, [DONE]);
    let tenant = world.observe().await.unwrap();
    assert_eq!(tenant.marked[&key("devs")], before);
    assert!(tenant.deleted.is_empty());
    // As after a kill between the request and its answer.
    assert_eq!(world.write(&restore).await, [ALREADY]);
    world.end().await;
}

#[tokio::test]
async fn one_bad_entry_of_a_twenty_spoils_only_itself() {
    let mut seed = seed();
    seed.users = (0..30).map(|number| user(&format!("person{number}"))).collect();
    seed.groups.push(with_id(ours("devs"), 1));
    let world = World::new(seed).await.asking_for(&["devs"]);
    let people = world.people((0..30).map(|number| upn(&format!("person{number}")))).await;
    let mut changes: Vec<_> = people.iter().map(|(name, id)| add_member("devs", object(1), name, *id)).collect();
    changes.insert(7, add_member("devs", object(1), &upn("gone"), object(77)));
    let outcomes = world.write(&changes).await;
    let missing = failure(&outcomes[7]);
    assert_eq!(missing.kind, FailureKind::NotFound);
    assert!(missing.what.starts_with("entra/group/devs/member/gone@contoso.com: "), "{}", missing.what);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == DONE).count(), 30);
    assert_eq!(world.observe().await.unwrap().marked[&key("devs")].members.len(), 30);
    world.end().await;
}

#[tokio::test]
async fn a_missing_group_is_never_taken_for_a_missing_member() {
    let mut seed = seed();
    seed.users = vec![user("hayden")];
    let world = World::new(seed).await;
    let people = world.people([upn("hayden")]).await;
    let (name, hayden) = &people[0];
    let outcomes = world
        .write(&[remove_member("devs", object(1), name, *hayden), add_member("sre", object(2), name, *hayden)])
        .await;
    for outcome in &outcomes {
        assert_eq!(failure(outcome).kind, FailureKind::NotFound, "{outcome:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn owners_are_added_before_others_are_removed_and_the_last_one_stays() {
    let mut seed = seed();
    seed.users = vec![user("erin"), user("sam")];
    let owned = |name: &str| SeedGroup { owners: vec![member("erin")], ..ours(name) };
    seed.groups = vec![with_id(owned("devs"), 1), with_id(owned("sre"), 2)];
    let world = World::new(seed).await.asking_for(&["devs", "sre"]);
    let people = world.people([upn("erin"), upn("sam")]).await;
    let ((erin, erin_id), (sam, sam_id)) = (&people[0], &people[1]);
    let outcomes = world
        .write(&[
            remove_owner("devs", object(1), erin, *erin_id),
            add_owner("devs", object(1), sam, *sam_id),
            remove_owner("sre", object(2), erin, *erin_id),
        ])
        .await;
    assert_eq!(outcomes[..2], [DONE, DONE]);
    let last = failure(&outcomes[2]);
    assert!(last.what.contains("keeps the last owner"), "{}", last.what);
    assert!(last.next.as_ref().unwrap().contains("add another owner"));
    world.end().await;
}

#[tokio::test]
async fn a_group_that_cannot_be_edited_says_why() {
    let mut seed = seed();
    seed.users = vec![user("hayden")];
    let kinds = [
        (Kind::Synced, false, "it is synchronised from on premises"),
        (Kind::MailEnabledSecurity, false, "it is mail-enabled"),
        (Kind::Dynamic, false, "its members come from a rule"),
        (Kind::Security, true, "it is role-assignable"),
    ];
    for (number, (kind, role_assignable, _)) in (0..).zip(kinds) {
        seed.groups.push(with_id(SeedGroup { kind, role_assignable, ..ours(&format!("g{number}")) }, number));
    }
    let roles = ["GroupMember.ReadWrite.All", "Group.ReadWrite.All", "User.Read.All"];
    seed.applier.roles = Some(roles.map(str::to_owned).into());
    let world = World::new(seed).await;
    let (hayden, hayden_id) = world.people([upn("hayden")]).await.remove(0);
    let changes: Vec<_> =
        (0..4).map(|number| add_member(&format!("g{number}"), object(number), &hayden, hayden_id)).collect();
    let outcomes = world.write(&changes).await;
    for (outcome, (_, _, reason)) in outcomes.iter().zip(kinds) {
        assert!(failure(outcome).what.contains(reason), "{outcome:?}");
    }
    assert!(failure(&outcomes[3]).next.as_ref().unwrap().contains("`RoleManagement.ReadWrite.Directory`"));
    world.end().await;
}

#[tokio::test]
async fn a_missing_permission_is_named_and_nothing_is_tried_twice() {
    let mut seed = seed();
    seed.users = (0..20).map(|number| user(&format!("person{number}"))).collect();
    seed.groups.push(with_id(ours("devs"), 1));
    seed.applier.roles = Some(["Group.Read.All", "User.Read.All"].map(str::to_owned).into());
    let world = World::new(seed).await;
    let people = world.people((0..20).map(|number| upn(&format!("person{number}")))).await;
    let mut changes: Vec<_> = people.iter().map(|(name, id)| add_member("devs", object(1), name, *id)).collect();
    changes.push(create("new"));
    let outcomes = world.write(&changes).await;
    assert!(failure(&outcomes[0]).next.as_ref().unwrap().contains("`GroupMember.ReadWrite.All`"), "{:?}", outcomes[0]);
    assert!(failure(&outcomes[20]).next.as_ref().unwrap().contains("`Group.ReadWrite.All`"), "{:?}", outcomes[20]);
    assert_eq!(world.writes(), 2, "one PATCH for all twenty and one upsert");
    world.end().await;
}

#[tokio::test]
async fn what_is_interrupted_is_not_tried() {
    let world = World::new(seed()).await;
    let (sender, interrupted) = watch::channel(false);
    sender.send(true).unwrap();
    let outcomes = world.write_until(&[create("devs"), delete("old", object(1))], &interrupted).await;
    for outcome in outcomes {
        assert_eq!(outcome, Outcome::NotTried { reason: "interrupted".to_owned() });
    }
    assert_eq!(world.writes(), 0);
    world.end().await;
}

#[tokio::test]
async fn what_is_not_entras_or_not_ready_is_refused_without_a_request() {
    let world = World::new(seed()).await;
    let role = Resource::Role(Role {
        namespace: None,
        name: "r".to_owned(),
        rules: Vec::new(),
        aggregate_to: std::collections::BTreeSet::new(),
    });
    let address = Address::Object {
        environment: "alpha".parse().unwrap(),
        kind: KubernetesKind::ClusterRole,
        namespace: None,
        name: "r".to_owned(),
    };
    let mut early: Change = add_member("devs", object(1), &upn("hayden"), object(2));
    if let Operation::Create { after: Resource::Member(edge) } = &mut early.operation {
        edge.group_id = Identity::AfterApply(key("devs"));
    }
    let outcomes = world.write(&[change(address, Operation::Create { after: role }), early]).await;
    for outcome in &outcomes {
        assert_eq!(failure(outcome).kind, FailureKind::Invalid);
    }
    assert!(world.graph_requests().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_first_apply_goes_in_full_batches_even_when_throttled() {
    let mut seed = seed();
    seed.users = (0..50).map(|number| user(&format!("person{number}"))).collect();
    let world = World::new(seed.clone()).await;
    let spent = first_apply(&world, 60).await;
    // 3 look-ups, 3 upserts, 9 calls with members and 3 with owners: a fifth of what 300 groups may cost.
    assert!(spent <= 24, "{spent}");
    world.end().await;

    let options = Options { faults: Faults::throttle(10, 3, 15), ..Options::default() };
    let world = World::with(seed, options).await;
    first_apply(&world, 20).await;
    assert!(world.writer.usage().throttled > 0);
    world.end().await;
}

async fn first_apply(world: &World, groups: usize) -> usize {
    let people = world.people((0..50).map(|number| upn(&format!("person{number}")))).await;
    let names: Vec<_> = (0..groups).map(|number| format!("team-{number}")).collect();
    let before = world.graph_requests().len();
    let outcomes = world.write(&names.iter().map(|name| create(name)).collect::<Vec<_>>()).await;
    let ids: Vec<_> = outcomes.iter().map(created).collect();
    let mut changes = Vec::new();
    for (name, id) in names.iter().zip(ids) {
        changes.extend(people.iter().map(|(who, who_id)| add_member(name, id, who, *who_id)));
        changes.push(add_owner(name, id, &people[0].0, people[0].1));
    }
    let outcomes = world.write(&changes).await;
    assert!(outcomes.iter().all(|outcome| *outcome == DONE));
    world.graph_requests().len() - before
}
