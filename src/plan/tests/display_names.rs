//! Clusters that know groups by display name: nobody comes to a name that something was given to.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::generate::world;
use super::show;
use super::world::{World, at, id, in_namespace, key, namespace, nested, principal, subject, who};
use crate::state::{
    Binding, DesiredEnvironment, Failure, FailureKind, GroupKey, GroupNaming, GroupSummary, Management, Mark,
    Membership, Namespace, Only, Operation, PrincipalName, Resource, ScopeTarget, SubjectKind, SubjectName, Target,
};

/// A cluster by name, where the group `admins`, known to the files by id, may edit everything.
fn by_name() -> World {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    let block = world.ask("platform", &[]);
    block.management = Management::External(id(7));
    block.membership = Membership::External;
    world.foreign(7, "admins", &["root"]);
    world.bind(None, "by-hand", "edit", subject(SubjectKind::Group, "admins"), Mark::None);
    world.look_up();
    world
}

impl World {
    /// Reads who has which display name.
    pub(super) fn look_up(&mut self) {
        super::model::refresh(&self.desired, &mut self.observed);
    }

    pub(super) fn stranger(&mut self, name: &str) {
        let group = GroupSummary {
            id: id(9),
            display_name: name.to_owned(),
            unique_name: None,
            kind: crate::state::GroupKind::Security,
            created: None,
            owners: Vec::new(),
        };
        self.tenant().by_display_name.insert(name.to_owned(), vec![group]);
    }
}

#[test]
fn a_new_group_does_not_take_the_name_of_another() {
    let mut world = by_name();
    world.ask("admins", &["hayden"]);
    world.ask("all", &["sam", "group:admins"]);
    world.grant("group:admins", "view", in_namespace("trinity"));
    world.look_up();
    assert_snapshot!(world.shown(), @"
    + entra/group/all
    + entra/group/all/member/sam@contoso.com
        after entra/group/all
    withheld ambiguous-group-name at access.yaml:10 (error): group admins is not created, as `admins`: its members would have what is given to `admins` on alpha, where groups are known by display name, and group platform (id 00000000-0000-0007-0000-000000005eed) is named so too; what names it there is not what the files grant to admins: alpha/clusterrolebinding/by-hand. Rename one of them: the root file may write another `display-name` for admins, or set `groups-as: object-id` there
        entra/group/admins
        entra/group/admins/member/hayden@contoso.com
        entra/group/all/member/group:admins
        alpha/rolebinding/trinity/admins-view-da1d0f6049
    unmanaged alpha/clusterrolebinding/by-hand (Unmarked) reported: edit to group:platform
    ");
}

#[test]
fn nor_of_one_that_the_files_do_not_know_and_nothing_is_given_to() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.ask("admins", &["hayden"]);
    world.stranger("admins");
    assert_snapshot!(world.shown(), @"
    withheld ambiguous-group-name at access.yaml:10 (error): group admins is not created, as `admins`: its members would have what is given to `admins` on alpha, where groups are known by display name, and a group (id 00000000-0000-0009-0000-000000005eed) is named so too. Rename one of them: the root file may write another `display-name` for admins, or set `groups-as: object-id` there
        entra/group/admins
        entra/group/admins/member/hayden@contoso.com
    ");
    // Names are compared exactly in a token.
    world.tenant().by_display_name.get_mut("admins").unwrap()[0].display_name = "Admins".to_owned();
    assert_eq!(world.plan().changes.len(), 2, "{}", world.shown());
    // Nothing of it matters where no cluster knows names.
    world.stranger("admins");
    world.alpha().tokens.groups = GroupNaming::ObjectId;
    assert_eq!(world.plan().changes.len(), 2, "{}", world.shown());
}

#[test]
fn a_new_group_does_not_take_a_name_that_is_bound() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.alpha().tokens.groups_prefix = "oidc:".to_owned();
    world.ask("admins", &["hayden"]);
    world.look_up();
    world.bind(None, "by-hand", "edit", subject(SubjectKind::Group, "admins"), Mark::None);
    assert_eq!(world.plan().changes.len(), 2, "another name: {}", world.shown());
    world.bind(Some("trinity"), "by-hand", "edit", subject(SubjectKind::Group, "oidc:admins"), Mark::None);
    assert_snapshot!(world.shown(), @r#"
    withheld group-name-in-use at access.yaml:10 (error): group admins is not created, as `admins`: its members would have what is given to `admins` on alpha, where groups are known by display name, and what names it there is not what the files grant to admins: alpha/rolebinding/trinity/by-hand. Have these bindings removed, grant the same to admins, or name it otherwise: the root file may write another `display-name`, or set `groups-as: object-id` there
        entra/group/admins
        entra/group/admins/member/hayden@contoso.com
    unmanaged alpha/clusterrolebinding/by-hand (Unmarked) reported: edit to group Known("admins")
    unmanaged alpha/rolebinding/trinity/by-hand (Unmarked) reported: edit to group Known("oidc:admins")
    "#);
    // What the files grant to it there is its own.
    world.grant("group:admins", "edit", in_namespace("payments"));
    assert!(world.shown().contains("withheld group-name-in-use"), "{}", world.shown());
    world.grant("group:admins", "edit", in_namespace("trinity"));
    assert!(!world.shown().contains("withheld"), "{}", world.shown());
}

#[test]
fn labels_never_mean_the_namespaces_of_kubernetes_itself() {
    let team = std::collections::BTreeMap::from([("team".to_owned(), "sre".to_owned())]);
    for (place, is_granted) in [("kube-system", false), ("kube-public", false), ("default", false), ("sre", true)] {
        let mut world = World::new();
        world.alpha().tokens.groups = GroupNaming::DisplayName;
        world.cluster().namespaces.insert(namespace(place), team.clone());
        world.ask("sre", &["hayden"]);
        world.grant("group:sre", "edit", ScopeTarget::Selector(team.clone()));
        world.bind(Some(place), "by-hand", "edit", subject(SubjectKind::Group, "sre"), Mark::None);
        world.look_up();
        let shown = world.shown();
        assert_eq!(shown.contains("withheld group-name-in-use"), !is_granted, "{place}: {shown}");
        assert_eq!(shown.contains("+ entra/group/sre\n"), is_granted, "{place}: {shown}");
    }
}

#[test]
fn a_cluster_by_name_that_was_not_read_may_have_given_anything_to_it() {
    let mut world = World::new();
    world.add_environment("beta", 0xb1).tokens.groups = GroupNaming::DisplayName;
    world.ask("admins", &["hayden"]);
    world.look_up();
    assert_eq!(world.plan().changes.len(), 2, "{}", world.shown());
    let unreachable = Failure::new(FailureKind::Unreachable, "no answer");
    world.observed.clusters.insert("beta".parse().unwrap(), Err(unreachable));
    assert_snapshot!(world.shown(), @"
    withheld group-name-unknown at access.yaml:10: group admins is not created, as `admins`: its members would have what is given to `admins` on beta, where groups are known by display name, and what names it on beta could not be read. Plan again when that can be read, or set `groups-as: object-id` there
        entra/group/admins
        entra/group/admins/member/hayden@contoso.com
    unread beta: no answer
    ");
    world.tenant().by_display_name.clear();
    world.add_environment("beta", 0xb1);
    assert!(world.shown().contains("could not be looked up"), "{}", world.shown());
}

#[test]
fn a_group_is_not_renamed_to_the_name_of_another() {
    let mut world = by_name();
    world.ask("readers", &["hayden", "sam"]).display_name = Some("admins".to_owned());
    world.live("readers", &["hayden"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.look_up();
    // It may have members under the name that it has.
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/sam@contoso.com
    withheld ambiguous-group-name at access.yaml:10 (error): group readers is not renamed to `admins`: its members would have what is given to `admins` on alpha, where groups are known by display name, and group platform (id 00000000-0000-0007-0000-000000005eed) is named so too; what names it there is not what the files grant to readers: alpha/clusterrolebinding/by-hand. Rename one of them: the root file may write another `display-name` for readers, or set `groups-as: object-id` there
        entra/group/readers
    withheld ambiguous-group-name at access.yaml:30 (error): alpha knows groups by display name, and group platform is named `admins` as well as readers: a binding would give both of them access. Rename one, or set `groups-as: object-id`
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    unmanaged alpha/clusterrolebinding/by-hand (Unmarked) reported: edit to group:platform
    ");
}

#[test]
fn a_group_is_not_restored_beside_another_of_its_name() {
    let mut world = by_name();
    world.ask("readers", &["hayden"]);
    world.live("readers", &["hayden"]).display_name = "admins".to_owned();
    world.deleted("readers");
    world.look_up();
    assert_snapshot!(world.shown(), @"
    withheld ambiguous-group-name at access.yaml:10 (error): group readers is not restored, as `admins`: its members would have what is given to `admins` on alpha, where groups are known by display name, and group platform (id 00000000-0000-0007-0000-000000005eed) is named so too; what names it there is not what the files grant to readers: alpha/clusterrolebinding/by-hand. Rename one of them: the root file may write another `display-name` for readers, or set `groups-as: object-id` there
        entra/group/readers
        entra/group/readers/member/hayden@contoso.com
    unmanaged alpha/clusterrolebinding/by-hand (Unmarked) reported: edit to group:platform
    ");
}

#[test]
fn nobody_is_added_to_a_group_that_shares_its_name_with_one_that_has_access() {
    let mut world = by_name();
    world.ask("readers", &["hayden"]);
    world.live("readers", &["sam"]).display_name = "admins".to_owned();
    world.look_up();
    assert_snapshot!(world.shown(), @r#"
    withheld ambiguous-group-name at access.yaml:10 (error): nobody is added to readers, which is named `admins`: its members would have what is given to `admins` on alpha, where groups are known by display name, and group platform (id 00000000-0000-0007-0000-000000005eed) is named so too; what names it there is not what the files grant to readers: alpha/clusterrolebinding/by-hand. Rename one of them: the root file may write another `display-name` for readers, or set `groups-as: object-id` there
        entra/group/readers/member/hayden@contoso.com
        entra/group/readers/member/sam@contoso.com
    unmanaged alpha/clusterrolebinding/by-hand (Unmarked) reported: edit to group Known("admins")
    "#);
    // Nothing is given to the name.
    world.cluster().bindings.clear();
    assert_eq!(world.plan().changes.len(), 2, "{}", world.shown());
    // It is renamed first.
    world.bind(None, "by-hand", "edit", subject(SubjectKind::Group, "admins"), Mark::None);
    world.ask("readers", &[]).display_name = Some("Readers".to_owned());
    world.look_up();
    assert_snapshot!(world.shown(), @r#"
    ~ entra/group/readers
    + entra/group/readers/member/hayden@contoso.com
        after entra/group/readers
    - entra/group/readers/member/sam@contoso.com
        after entra/group/readers/member/hayden@contoso.com
    unmanaged alpha/clusterrolebinding/by-hand (Unmarked) reported: edit to group Known("admins")
    "#);
}

#[test]
fn a_name_that_another_group_of_ours_gives_up_is_taken_after_that() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.ask("new", &["hayden"]).display_name = Some("Readers".to_owned());
    world.ask("old", &["sam"]).display_name = Some("Former readers".to_owned());
    world.live("old", &["sam"]).display_name = "Readers".to_owned();
    world.bind(Some("trinity"), "left", "edit", subject(SubjectKind::Group, "Readers"), Mark::Ours);
    world.look_up();
    assert_snapshot!(world.shown(), @"
    ~ entra/group/old
    - alpha/rolebinding/trinity/left
    + entra/group/new
        after entra/group/old
        after alpha/rolebinding/trinity/left
    + entra/group/new/member/hayden@contoso.com
        after entra/group/new
    note look-alike: a group named `Readers` is there already (id 00000000-0076-0d27-0000-000000005eed, a security group, owned by nobody known); it is another group that rolecall manages, so new is another one beside it
    ");
    // Not in a plan without the other.
    world.policy.only = Only([Target::Group(key("new"))].into());
    assert_snapshot!(world.shown(), @"
    withheld ambiguous-group-name at access.yaml:10 (error): group new is not created, as `Readers`: its members would have what is given to `Readers` on alpha, where groups are known by display name, and group old (id 00000000-0076-0d27-0000-000000005eed) is named so too. Rename one of them: the root file may write another `display-name` for new, or set `groups-as: object-id` there
        entra/group/new
        entra/group/new/member/hayden@contoso.com
    ");
}

#[test]
fn what_a_group_loses_with_its_name_waits_for_nobody_who_would_take_its_place() {
    let mut world = by_name();
    world.ask("admins", &["hayden"]);
    world.ask("old", &[]).display_name = Some("Former developers".to_owned());
    world.live("old", &["hayden"]).display_name = "Developers".to_owned();
    world.bind(Some("trinity"), "left", "edit", subject(SubjectKind::Group, "Developers"), Mark::Ours);
    world.look_up();
    let first = world.plan();
    assert_snapshot!(show(&first), @"
    ~ entra/group/old
    - alpha/rolebinding/trinity/left
    withheld ambiguous-group-name at access.yaml:10 (error): group admins is not created, as `admins`: its members would have what is given to `admins` on alpha, where groups are known by display name, and group platform (id 00000000-0000-0007-0000-000000005eed) is named so too; what names it there is not what the files grant to admins: alpha/clusterrolebinding/by-hand. Rename one of them: the root file may write another `display-name` for admins, or set `groups-as: object-id` there
        entra/group/admins
        entra/group/admins/member/hayden@contoso.com
        entra/group/old/member/hayden@contoso.com
    unmanaged alpha/clusterrolebinding/by-hand (Unmarked) reported: edit to group:platform
    ");
    world.apply(&first.changes);
    let second = world.plan();
    assert!(second.changes.is_empty(), "{}", show(&second));
    assert_eq!(second.withheld, first.withheld);
}

#[test]
fn two_groups_do_not_swap_their_names() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    for (name, is, wanted) in [("one", "A", "B"), ("two", "B", "A")] {
        world.ask(name, &["sam"]).display_name = Some(wanted.to_owned());
        world.live(name, &["sam"]).display_name = is.to_owned();
    }
    world.look_up();
    assert_snapshot!(world.shown(), @"
    withheld ambiguous-group-name at access.yaml:10 (error): group one is not renamed to `B`: its members would have what is given to `B` on alpha, where groups are known by display name, and the name is still in use until something goes that itself waits for one. Do it in two steps: first take `B` from whoever has it now and apply, then give it to one. If whoever has it is one under an older key, write `previously` in the block of one instead
        entra/group/one
    withheld ambiguous-group-name at access.yaml:10 (error): group two is not renamed to `A`: its members would have what is given to `A` on alpha, where groups are known by display name, and the name is still in use until something goes that itself waits for two. Do it in two steps: first take `A` from whoever has it now and apply, then give it to two. If whoever has it is two under an older key, write `previously` in the block of two instead
        entra/group/two
    ");
}

#[test]
fn a_name_is_not_taken_from_a_group_that_goes_only_after_that() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    let old = world.live("old", &["hayden"]).clone();
    world.live("all", &[]).members = vec![nested(&old)];
    world.ask("all", &["group:new"]);
    world.ask("new", &["hayden"]).display_name = Some("old".to_owned());
    world.look_up();
    assert_snapshot!(world.shown(), @"
    withheld ambiguous-group-name at access.yaml:10 (error): group new is not created, as `old`: its members would have what is given to `old` on alpha, where groups are known by display name, and the name is still in use until something goes that itself waits for new. Do it in two steps: first take `old` from whoever has it now and apply, then give it to new. If whoever has it is new under an older key, write `previously` in the block of new instead
        entra/group/new
        entra/group/old
        entra/group/all/member/group:new
        entra/group/all/member/group:old
        entra/group/new/member/hayden@contoso.com
    ");
}

#[test]
fn a_binding_to_a_name_that_nobody_has_goes_before_the_name_is_taken() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.ask("readers", &["hayden"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.bind(Some("trinity"), "left", "edit", subject(SubjectKind::Group, "readers"), Mark::Ours);
    world.look_up();
    assert_snapshot!(world.shown(), @"
    - alpha/rolebinding/trinity/left
    + entra/group/readers
        after alpha/rolebinding/trinity/left
    + entra/group/readers/member/hayden@contoso.com
        after entra/group/readers
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
        after entra/group/readers
    guard config-renamed:contoso-platform: none of what the files ask for is there under the name contoso-platform, and 1 object of that name would be removed. If contoso-platform is another config, give this one its own name back. If all of it is to be replaced, acknowledge this once
    ");
    let plan = world.plan();
    world.apply(&plan.changes);
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn so_does_a_binding_to_a_name_that_only_a_renamed_group_has() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.ask("readers", &["hayden"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.ask("old", &["sam"]).display_name = Some("Former readers".to_owned());
    world.live("old", &["sam"]).display_name = "readers".to_owned();
    world.bind(Some("trinity"), "left", "edit", subject(SubjectKind::Group, "readers"), Mark::Ours);
    world.look_up();
    assert_snapshot!(world.shown(), @"
    ~ entra/group/old
    - alpha/rolebinding/trinity/left
        after entra/group/old
    + entra/group/readers
        after entra/group/old
        after alpha/rolebinding/trinity/left
    + entra/group/readers/member/hayden@contoso.com
        after entra/group/readers
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
        after entra/group/old
        after entra/group/readers
    note look-alike: a group named `readers` is there already (id 00000000-0076-0d27-0000-000000005eed, a security group, owned by nobody known); it is another group that rolecall manages, so readers is another one beside it
    ");
    let plan = world.plan();
    world.apply(&plan.changes);
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn two_new_groups_do_not_take_one_name() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.ask("one", &[]).display_name = Some("Readers".to_owned());
    world.ask("two", &["sam"]).display_name = Some("Readers".to_owned());
    world.ask("two", &[]).owners = Some([(who("erin"), at(15))].into());
    world.live("parent", &[]).owners = vec![principal("applier")];
    world.ask("parent", &["group:one"]);
    world.look_up();
    assert_snapshot!(world.shown(), @"
    withheld ambiguous-group-name at access.yaml:10 (error): group one is not created, as `Readers`: its members would have what is given to `Readers` on alpha, where groups are known by display name, and group two is named so too. Rename one of them: the root file may write another `display-name` for one, or set `groups-as: object-id` there
        entra/group/one
        entra/group/parent/member/group:one
    withheld ambiguous-group-name at access.yaml:10 (error): group two is not created, as `Readers`: its members would have what is given to `Readers` on alpha, where groups are known by display name, and group one is named so too. Rename one of them: the root file may write another `display-name` for two, or set `groups-as: object-id` there
        entra/group/two
        entra/group/two/owner/erin@contoso.com
        entra/group/two/member/sam@contoso.com
    ");
}

/// Whether the files grant to this group what a binding gives, there. In these worlds the labels that select a namespace
/// hold its name.
fn is_granted(environment: &DesiredEnvironment, key: &GroupKey, binding: &Binding) -> bool {
    environment.bindings.iter().any(|asked| {
        let is_there = match &asked.scope {
            ScopeTarget::Cluster => true,
            ScopeTarget::Namespace(wanted) => binding.namespace.as_ref() == Some(wanted),
            // In these worlds only kube-system has a label that does not say its own name; labels never mean it.
            ScopeTarget::Selector(labels) => {
                let place = binding.namespace.as_ref().map(Namespace::as_str);
                place != Some("kube-system") && place == labels.get("team").map(String::as_str)
            }
        };
        is_there && asked.subject == PrincipalName::Group(key.clone()) && asked.role.reference == binding.role
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// At the moment when a group comes to a name, it is nobody else's, and gives nothing that the files do not give to it.
    #[test]
    fn nobody_comes_to_what_was_given_to_another(world in world()) {
        let plan = world.plan();
        let by_name = |world: &World| -> Vec<_> {
            let environments = world.desired.environments.clone().into_iter();
            environments.filter(|(_, block)| block.tokens.groups == GroupNaming::DisplayName).collect()
        };
        if by_name(&world).is_empty() {
            return Ok(());
        }
        for (index, change) in plan.changes.iter().enumerate() {
            let (after, is_restored) = match &change.operation {
                Operation::Create { after: Resource::Group(after) } => (after, false),
                Operation::Restore { after: Resource::Group(after) } => (after, true),
                Operation::Update { before: Resource::Group(before), after: Resource::Group(after) }
                    if before.display_name != after.display_name => (after, false),
                _ => continue,
            };
            let mut meanwhile = world.clone();
            meanwhile.apply_first(&plan.changes, index);
            let others = &meanwhile.tenant().by_display_name[&after.display_name];
            let others = others.iter().filter(|other| Some(other.id) != after.id.known()).count();
            prop_assert_eq!(others, 0, "{} at {}", show(&plan), change.address);
            // What names a restored group is told by a guard.
            for (name, block) in by_name(&world).into_iter().filter(|_| !is_restored) {
                let cluster = meanwhile.observed.clusters[&name].as_ref();
                prop_assert!(cluster.is_ok(), "{} is not known at {}", name, change.address);
                let subject = SubjectName::Known(format!("{}{}", block.tokens.groups_prefix, after.display_name));
                for live in &cluster.unwrap().bindings {
                    let names_it = live.binding.subjects.iter().any(|each| each.kind == SubjectKind::Group && each.name == subject);
                    prop_assert!(!names_it || is_granted(&block, &after.key, &live.binding), "{}\n{:?}", show(&plan), live);
                }
            }
        }
    }
}
