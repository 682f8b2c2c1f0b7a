//! Groups that are in groups which nobody asked rolecall about: whoever joins the inner one joins them all.

use std::collections::BTreeSet;

use super::world::{World, at, id, in_namespace, key, nested, number, subject, who};
use crate::plan::{Comparison, Plan, plan};
use crate::state::{
    Above, Failure, FailureKind, GroupKind, GroupNaming, GroupQuestion, GroupSummary, LivePrincipal, Management, Mark,
    Membership, Only, OuterGroup, PrincipalName, PrivilegedMembers, Resolution, SubjectKind, Target,
};

const MID: u128 = 0x77;

/// `core` of ours, on a protected alpha, holds `mid`, which nobody asked for, and that holds our `team`, which erin joins.
fn through_a_stranger() -> World {
    let mut world = World::new();
    world.alpha().protected = true;
    world.ask("core", &["hayden"]).members.insert(who(&format!("group-id:{MID}")), at(12));
    world.ask("team", &["sam", "erin"]);
    let mid = world.foreign(MID, "mid", &[]).clone();
    world.tenant().by_id.clear();
    world.live("core", &["hayden"]).members.push(nested(&mid));
    let team = world.live("team", &["sam"]).id;
    let outer = [(id(MID), "mid"), (id(number("core")), "core")];
    world.is_in(team, &outer);
    let core = subject(SubjectKind::Group, &id(number("core")).to_string());
    world.bind(None, "by-hand", "cluster-admin", core, Mark::None);
    world
}

impl World {
    fn is_in(&mut self, group: crate::state::ObjectId, outer: &[(crate::state::ObjectId, &str)]) {
        let outer = outer.iter().map(|(id, name)| OuterGroup { id: *id, display_name: (*name).to_owned() });
        let above = Above::Read(outer.collect());
        self.observed.of_groups.above.insert(group, above);
    }
}

/// Which environments the joining of `team` by erin is said to reach, and what is said of cluster-admin.
fn joining(plan: &Plan) -> (Vec<String>, Vec<String>) {
    let change =
        plan.changes.iter().find(|change| change.address.to_string().ends_with("team/member/erin@contoso.com"));
    let protected = change.expect("erin joins").protected.iter().map(ToString::to_string).collect();
    let verdicts = plan.verdicts.iter().filter(|verdict| verdict.guard == "cluster-admin-gained");
    (protected, verdicts.map(|verdict| format!("{}: {}", verdict.subject, verdict.message)).collect())
}

#[test]
fn a_group_of_others_between_ours_hides_nothing() {
    let world = through_a_stranger();
    let (protected, admins) = joining(&world.plan());
    assert_eq!(protected, ["alpha"]);
    assert_eq!(
        admins,
        [format!(
            "alpha/erin@contoso.com: erin@contoso.com would become cluster-admin on alpha: new member of team, which is in \
             `mid` (id {})",
            id(MID)
        )]
    );
    let mut world = through_a_stranger();
    let team = world.live("team", &[]).id;
    world.is_in(team, &[]);
    assert_eq!(joining(&world.plan()), (vec![], vec![]), "and without it nothing is reached");
}

#[test]
fn a_group_of_others_that_is_bound_counts_by_id_and_by_name() {
    for naming in [GroupNaming::ObjectId, GroupNaming::DisplayName] {
        let mut world = World::new();
        world.alpha().protected = true;
        world.alpha().tokens.groups = naming;
        world.ask("team", &["sam", "erin"]);
        let team = world.live("team", &["sam"]).id;
        world.is_in(team, &[(id(MID), "mid")]);
        let name = if naming == GroupNaming::ObjectId { id(MID).to_string() } else { "mid".to_owned() };
        world.bind(None, "by-hand", "cluster-admin", subject(SubjectKind::Group, &name), Mark::None);
        world.look_up();
        let (protected, admins) = joining(&world.plan());
        assert_eq!((protected.len(), admins.len()), (1, 1), "{naming:?}");
        assert!(admins[0].contains("`mid`"), "{admins:?}");
        world.is_in(team, &[(id(0x78), "other")]);
        assert_eq!(joining(&world.plan()), (vec![], vec![]), "{naming:?}");
    }
}

#[test]
fn a_group_of_which_nobody_knows_what_it_is_in_may_be_in_any() {
    let mut world = through_a_stranger();
    let team = world.live("team", &[]).id;
    world.observed.of_groups.above.insert(team, Above::Unreadable("throttled".to_owned()));
    let (protected, admins) = joining(&world.plan());
    assert_eq!(protected, ["alpha"]);
    assert_eq!(
        admins,
        [
            "group:team/unread: which groups team is in could not be read (throttled), so nobody can tell whether those who \
          join it gain cluster-admin anywhere"
        ]
    );
    world.acknowledge("cluster-admin-gained:group:team/unread");
    assert!(world.plan().verdicts.iter().any(|verdict| verdict.subject == "group:team/unread" && verdict.acknowledged));
    // What was never asked is not known either.
    world.observed.of_groups.above.clear();
    let (protected, admins) = joining(&plan(&world.desired, &world.observed, &world.policy));
    assert_eq!((protected.len(), admins.len()), (1, 1));
}

#[test]
fn only_groups_that_change_are_asked_about() {
    let mut world = through_a_stranger();
    let team = world.live("team", &[]).id;
    let asked = |world: &World| Comparison::new(&world.desired, &world.observed, &world.policy).group_questions();
    assert_eq!(asked(&world), [GroupQuestion::Above(team)]);
    world.ask("team", &[]).members.remove(&who("erin"));
    assert_eq!(asked(&world), []);
    let mut nowhere = through_a_stranger();
    nowhere.desired.environments.clear();
    assert_eq!(asked(&nowhere), []);
}

/// Who is in it by PIM is asked in the same breath, and what of it goes is no change before.
#[test]
fn a_group_that_only_loses_members_is_asked_about() {
    let mut world = World::new();
    world.desired.without_pim = false;
    world.alpha().protected = true;
    world.ask("team", &[]);
    let team = world.live("team", &["sam"]).id;
    world.ask("ours", &["applier"]);
    let ours = world.live("ours", &["applier"]).id;
    let asked = Comparison::new(&world.desired, &world.observed, &world.policy).group_questions();
    let both = BTreeSet::from([team, ours]);
    let wanted = [GroupQuestion::Privileged(team)].into_iter().chain(both.into_iter().map(GroupQuestion::Above));
    assert_eq!(asked, wanted.collect::<Vec<_>>(), "what it is in, and what we are in who take something away");
    world.observed.of_groups.privileged.insert(team, PrivilegedMembers::Active(BTreeSet::new()));
    for question in asked {
        if let GroupQuestion::Above(group) = question {
            world.is_in(group, &[]);
        }
    }
    // With these answers and no others.
    let plan = plan(&world.desired, &world.observed, &world.policy);
    let reached: Vec<_> =
        plan.changes.iter().map(|change| (change.address.to_string(), change.protected.len())).collect();
    assert_eq!(reached, [("entra/group/team/member/sam@contoso.com".to_owned(), 0)], "nothing of alpha is reached");
    assert!(plan.verdicts.iter().all(|verdict| verdict.guard != "own-identity"), "{:?}", plan.verdicts);
}

#[test]
fn what_we_act_through_is_known_through_groups_of_others() {
    let mut world = through_a_stranger();
    let team = world.ask("team", &[]);
    team.members.remove(&who("erin"));
    team.members.insert(who("applier"), at(13));
    let applier = super::world::principal("applier");
    world.live("team", &[]).members.push(applier);
    world.ask("core", &[]).members.remove(&who(&format!("group-id:{MID}")));
    let own = |world: &World| {
        let verdicts = world.plan().verdicts.into_iter().filter(|verdict| verdict.guard == "own-identity");
        verdicts.map(|verdict| verdict.message).collect::<Vec<_>>()
    };
    let asked = Comparison::new(&world.desired, &world.observed, &world.policy).group_questions();
    let team = world.live("team", &[]).id;
    assert!(asked.contains(&GroupQuestion::Above(team)), "we are in it, and something goes");
    assert_eq!(own(&world).len(), 1, "{:?}", own(&world));
    world.observed.of_groups.above.insert(team, Above::Unreadable("throttled".to_owned()));
    assert!(own(&world)[0].contains("could not be read (throttled)"), "{:?}", own(&world));
    world.is_in(team, &[]);
    assert_eq!(own(&world), [""; 0]);
}

#[test]
fn narrowing_loses_no_guard() {
    let whole = through_a_stranger();
    let mut world = whole.clone();
    world.policy.only = Only([Target::Group(key("team"))].into());
    // What is not planned is not read.
    world.tenant().marked.remove(&key("core"));
    let (protected, admins) = joining(&world.plan());
    assert_eq!(protected, joining(&whole.plan()).0);
    assert_eq!(admins.len(), 1);
    assert!(admins[0].contains("new member of team, which is in `core`"), "{admins:?}");
}

/// `child` is in `pay`, which shares its display name `ops` with a group of others that is bound by it.
fn by_shared_name() -> World {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.ask("pay", &["group:child"]).display_name = Some("ops".to_owned());
    world.ask("child", &["sam", "erin"]);
    let child = world.live("child", &["sam"]).clone();
    let pay = world.live("pay", &[]);
    pay.members.push(nested(&child));
    pay.display_name = "ops".to_owned();
    let id_of_pay = pay.id;
    world.bind(Some("trinity"), "by-hand", "edit", subject(SubjectKind::Group, "ops"), Mark::None);
    world.look_up();
    let named = |id| GroupSummary {
        id,
        display_name: "ops".to_owned(),
        unique_name: None,
        kind: GroupKind::Security,
        created: None,
        owners: Vec::new(),
    };
    world.tenant().by_display_name.insert("ops".to_owned(), vec![named(id_of_pay), named(id(0x99))]);
    world
}

#[test]
fn whoever_joins_a_group_that_comes_out_of_a_shared_name_joins_after_that() {
    let mut world = by_shared_name();
    world.ask("pay", &[]).members.clear();
    let plan = world.plan();
    let position = |end: &str| plan.changes.iter().position(|change| change.address.to_string().ends_with(end));
    let (parted, joined) = (position("pay/member/group:child"), position("child/member/erin@contoso.com"));
    assert!(parted.is_some() && parted < joined, "{}", world.shown());
    let joining = &plan.changes[joined.unwrap()];
    assert!(joining.requires.contains(&plan.changes[parted.unwrap()].address), "{}", world.shown());
}

#[test]
fn nobody_joins_a_shared_name_through_a_nested_group() {
    let world = by_shared_name();
    let plan = world.plan();
    assert!(plan.changes.is_empty(), "{}", world.shown());
    let withheld = plan.withheld.iter().find(|withheld| withheld.reason.id() == "ambiguous-group-name").unwrap();
    assert!(
        withheld.message.starts_with("nobody is added to child, which is in pay, which is named `ops`: "),
        "{}",
        withheld.message
    );
    assert!(withheld.addresses[0].to_string().ends_with("child/member/erin@contoso.com"));
    // Nor where nobody can see what the name is given.
    let mut world = by_shared_name();
    let failure = Failure::new(FailureKind::Unreachable, "away");
    world.observed.clusters.insert("alpha".parse().unwrap(), Err(failure));
    assert!(world.plan().changes.is_empty());
}

/// `child` leaves `team`, which is in a group of others in `pay`. Whether it is in that directly too is seen afterwards.
#[test]
fn nobody_joins_what_may_stay_in_a_shared_name() {
    for is_direct in [true, false] {
        let mut world = by_shared_name();
        world.ask("team", &["sam"]);
        let child = nested(world.live("child", &[]));
        world.live("team", &["sam"]).members.push(child.clone());
        let team = nested(world.live("team", &[]));
        let mid = world.foreign(MID, "mid", &[]);
        mid.members.push(team);
        mid.members.extend(is_direct.then_some(child));
        let mid = nested(mid);
        world.live("pay", &[]).members = vec![mid];
        world.ask("pay", &[]).members = [(who(&format!("group-id:{MID}")), at(12))].into();
        let changes = |world: &World| -> Vec<_> {
            world.plan().changes.iter().map(|change| change.address.to_string()).collect()
        };
        assert_eq!(changes(&world), ["entra/group/team/member/group:child"], "{}", world.shown());
        assert!(world.shown().contains("nobody is added to child, which is in pay, "), "{}", world.shown());
        let first = world.plan();
        world.apply(&first.changes);
        let joined = if is_direct { &[][..] } else { &["entra/group/child/member/erin@contoso.com"] };
        assert_eq!(changes(&world), joined, "{}", world.shown());
    }
}

/// What is not done leads nobody anywhere: it is no reason to hold back what is.
#[test]
fn whoever_joins_a_group_that_is_not_nested_after_all_joins_it() {
    let mut world = by_shared_name();
    let pay = world.live("pay", &[]);
    pay.members.clear();
    let [joined] = &world.plan().changes[..] else { panic!("{}", world.shown()) };
    assert_eq!(joined.address.to_string(), "entra/group/child/member/erin@contoso.com");
    let withheld = world.plan().withheld;
    let addresses: Vec<_> = withheld.iter().flat_map(|each| &each.addresses).map(ToString::to_string).collect();
    assert_eq!(addresses, ["entra/group/pay/member/group:child"], "{}", world.shown());
}

#[test]
fn a_name_that_several_groups_have_is_nobodys_in_particular() {
    let mut world = by_shared_name();
    let named = |world: &World| world.plan().unmanaged[0].subjects[0].principal.clone();
    assert_eq!(named(&world), None);
    world.tenant().by_display_name.get_mut("ops").unwrap().pop();
    assert_eq!(named(&world), Some(who("group:pay")));
}

#[test]
fn a_group_that_is_known_by_id_may_stand_in_between() {
    // The same group is one of others to one file and known by id to another.
    let mut world = through_a_stranger();
    let block = world.ask("mid", &[]);
    block.management = Management::External(id(MID));
    block.membership = Membership::External;
    let team = world.live("team", &["sam"]).clone();
    world.foreign(MID, "mid", &[]).members.push(nested(&team));
    world.grant("group:core", "view", in_namespace("trinity"));
    let (protected, admins) = joining(&world.plan());
    assert_eq!((protected.len(), admins.len()), (1, 1));
    assert!(admins[0].ends_with("new member of team"), "{admins:?}");
}

#[test]
fn what_a_group_is_in_by_way_of_one_that_leaves_ends_with_that() {
    let mut world = through_a_stranger();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.bind(None, "by-hand", "view", subject(SubjectKind::Group, "core"), Mark::None);
    world.ask("core", &[]).members.remove(&who(&format!("group-id:{MID}")));
    world.look_up();
    world.stranger("core");
    let [left, joined] = &world.plan().changes[..] else { panic!("{}", world.shown()) };
    assert_eq!(left.address.to_string(), format!("entra/group/core/member/group-id:{}", id(MID)));
    assert_eq!(joined.address.to_string(), "entra/group/team/member/erin@contoso.com");
    assert!(joined.requires.contains(&left.address));
}

#[test]
fn a_group_whose_mark_is_of_one_to_be_created_stays_where_it_is() {
    let mut world = World::new();
    world.ask("devs", &["hayden", "group:contractors"]);
    world.ask("contractors", &[]);
    // Read before every server knew it: its mark is known, and the group itself was not found.
    let mut contractors = nested(world.live("contractors", &[]));
    contractors.name = who("group:contractors");
    world.tenant().marked.clear();
    world.live("devs", &["hayden", "sam"]).members.push(contractors.clone());
    let plan = world.plan();
    let removed = plan.changes.iter().filter(|change| change.sign() == crate::state::Sign::Remove);
    let removed: Vec<String> = removed.map(|change| change.address.to_string()).collect();
    assert_eq!(removed, ["entra/group/devs/member/sam@contoso.com"]);
    let withheld = plan.withheld.iter().find(|withheld| withheld.reason.id() == "group-not-found").unwrap();
    assert!(withheld.message.contains(&contractors.id.to_string()), "{}", withheld.message);

    // A group of no mark that we know goes as ever.
    world.tenant().marked.clear();
    let stranger = crate::state::LivePrincipal { name: PrincipalName::GroupId(contractors.id), ..contractors };
    world.live("devs", &["hayden"]).members.push(stranger);
    assert!(world.plan().changes.iter().any(|change| change.sign() == crate::state::Sign::Remove));
}

/// `team` of ours, with erin, is in `mid` only by way of our `core`, and leaves `core`.
fn out_of_the_way() -> World {
    let mut world = World::new();
    world.ask("core", &["hayden"]);
    world.ask("team", &["erin"]);
    let team = world.live("team", &["erin"]).clone();
    let core = world.live("core", &["hayden"]);
    core.members.push(nested(&team));
    let core = core.id;
    world.is_in(core, &[(id(MID), "mid")]);
    world.is_in(team.id, &[(core, "core"), (id(MID), "mid")]);
    world
}

#[test]
fn a_group_that_leaves_its_only_way_into_another_is_out_of_both() {
    let mut world = out_of_the_way();
    let applier = super::world::principal("applier");
    world.ask("team", &["erin"]).members.insert(who("applier"), at(13));
    world.live("team", &[]).members.push(applier);
    let mid = subject(SubjectKind::Group, &id(MID).to_string());
    world.bind(None, "by-hand", "cluster-admin", mid, Mark::None);
    let own = world.plan().verdicts.into_iter().filter(|verdict| verdict.guard == "own-identity");
    assert_eq!(own.count(), 1, "we act through `mid`");
}

#[test]
fn another_comes_in_when_a_group_left_it_and_who_leaves_that_group_is_out() {
    let mut world = out_of_the_way();
    let mid = format!("group-id:{MID}");
    let found = LivePrincipal { id: id(MID), ..super::world::principal(&mid) };
    world.tenant().directory.insert(who(&mid), Resolution::Found(found));
    world.ask("entry", &["hayden"]).members.insert(who(&mid), at(14));
    world.live("entry", &["hayden"]);
    world.grant("group:entry", "edit", in_namespace("trinity"));
    let waits = |world: &World| -> Vec<String> {
        let plan = world.plan();
        let joins = plan.changes.iter().find(|change| change.address.to_string().contains("entry/member"));
        let joins = joins.unwrap_or_else(|| panic!("{}", world.shown()));
        joins.requires.iter().map(ToString::to_string).collect()
    };
    assert_eq!(waits(&world), ["entra/group/core/member/group:team"]);
    // Nobody is told whether `team` is in `mid` directly as well, and then erin would be.
    world.ask("team", &["hayden"]).members.remove(&who("erin"));
    let both = ["entra/group/core/member/group:team", "entra/group/team/member/erin@contoso.com"];
    assert_eq!(waits(&world), both);
}
