//! Groups, owners and members: each thing that is done, withheld or noted.

use insta::assert_snapshot;

use super::world::{APPLIER, World, at, id, in_namespace, key, nested, number, principal, rule, who};
use crate::state::{
    AppId, DesiredBinding, DesiredGroup, Failure, FailureKind, GroupKind, GroupSummary, LivePrincipal, Management,
    Membership, Only, OwnIdentity, PolicyRule, PrincipalKind, PrincipalName, PrivilegedMembers, Resolution, RoleTarget,
    Target, mark,
};

fn owners(group: &mut DesiredGroup, names: &[&str]) {
    group.owners = Some(names.iter().zip(51..).map(|(name, line)| (who(name), at(line))).collect());
}

fn missing(suggestion: Option<&str>) -> Resolution {
    Resolution::Missing {
        reason: "nobody has this user principal name".to_owned(),
        suggestion: suggestion.map(str::to_owned),
    }
}

#[test]
fn a_new_group_comes_before_whatever_needs_it() {
    let mut world = World::new();
    owners(world.ask("k8s_dev_users", &["hayden", "guest:ana", "group:contractors"]), &["erin", "applier"]);
    world.ask("contractors", &["sam"]);
    world.grant("group:k8s_dev_users", "view", in_namespace("trinity"));
    assert_snapshot!(world.shown(), @"
    + entra/group/contractors
    + entra/group/k8s_dev_users
    + entra/group/k8s_dev_users/owner/erin@contoso.com
        after entra/group/k8s_dev_users
    + entra/group/contractors/member/sam@contoso.com
        after entra/group/contractors
    + entra/group/k8s_dev_users/member/hayden@contoso.com
        after entra/group/k8s_dev_users
    + entra/group/k8s_dev_users/member/guest:ana@partner.example
        after entra/group/k8s_dev_users
    + entra/group/k8s_dev_users/member/group:contractors
        after entra/group/contractors
        after entra/group/k8s_dev_users
    + alpha/rolebinding/trinity/k8s_dev_users-view-35a4ce40b8
        after entra/group/k8s_dev_users
    ");
}

#[test]
fn what_matches_is_left_alone() {
    let mut world = World::new();
    owners(world.ask("readers", &["hayden", "sam"]), &["erin"]);
    world.live("readers", &["sam", "hayden"]).owners.push(principal("erin"));
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn members_are_added_and_removed() {
    let mut world = World::new();
    world.ask("readers", &["hayden", "carol"]);
    world.live("readers", &["carol", "sam", "erin", "root", "guest:ana", "hayden"]).members.pop();
    assert_snapshot!(world.shown(), @"
    - entra/group/readers/member/erin@contoso.com
    + entra/group/readers/member/hayden@contoso.com
    - entra/group/readers/member/root@contoso.com
    - entra/group/readers/member/sam@contoso.com
    - entra/group/readers/member/guest:ana@partner.example
    guard removals:group=readers: readers would lose 4 of 5 members
    ");
}

#[test]
fn a_group_that_gets_other_members_is_never_empty_in_between() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.live("readers", &["sam"]);
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/hayden@contoso.com
    - entra/group/readers/member/sam@contoso.com
        after entra/group/readers/member/hayden@contoso.com
    ");
}

#[test]
fn properties_are_changed_where_the_files_write_them() {
    let mut world = World::new();
    let group = world.ask("readers", &[]);
    group.display_name = Some("Readers".to_owned());
    group.description = Some(String::new());
    let live = world.live("readers", &[]);
    live.description = Some("old".to_owned());
    live.mail_nickname = Some("taken-over".to_owned());
    let plan = world.plan();
    insta::assert_json_snapshot!(plan.changes[0].operation, @r#"
    {
      "op": "update",
      "before": {
        "group": {
          "key": "readers",
          "id": {
            "known": "00000000-2192-9f10-0000-000000005eed"
          },
          "display_name": "readers",
          "description": "old",
          "mail_nickname": "taken-over",
          "unique_name": "rolecall.contoso-platform.readers",
          "first_owner": null
        }
      },
      "after": {
        "group": {
          "key": "readers",
          "id": {
            "known": "00000000-2192-9f10-0000-000000005eed"
          },
          "display_name": "Readers",
          "description": null,
          "mail_nickname": "rolecall-27b868ec-readers",
          "unique_name": "rolecall.contoso-platform.readers",
          "first_owner": null
        }
      }
    }
    "#);

    let group = world.ask("readers", &[]);
    (group.display_name, group.description) = (None, None);
    let nickname = mark::mail_nickname(&world.desired.config, &key("readers"));
    world.live("readers", &[]).mail_nickname = Some(nickname);
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn owners_are_added_before_others_go_and_appliers_stay() {
    let mut world = World::new();
    owners(world.ask("readers", &[]), &["erin", "sam"]);
    world.live("readers", &[]).owners.extend([principal("carol"), principal("root")]);
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/owner/erin@contoso.com
    + entra/group/readers/owner/sam@contoso.com
    - entra/group/readers/owner/carol@contoso.com
        after entra/group/readers/owner/erin@contoso.com
        after entra/group/readers/owner/sam@contoso.com
    - entra/group/readers/owner/root@contoso.com
        after entra/group/readers/owner/erin@contoso.com
        after entra/group/readers/owner/sam@contoso.com
    ");
}

#[test]
fn the_app_we_act_as_stays_an_owner_and_a_person_who_runs_rolecall_does_not() {
    let mut world = World::new();
    owners(world.ask("readers", &[]), &["erin"]);
    let own = LivePrincipal { id: id(0xb0), kind: PrincipalKind::ServicePrincipal, ..principal("root") };
    world.live("readers", &[]).owners.extend([principal("erin"), own]);
    world.tenant().identity =
        OwnIdentity { id: id(0xb0), app: Some(AppId::from(uuid::Uuid::from_u128(9))), label: "reader".to_owned() };
    assert_snapshot!(world.shown(), @"");
    world.tenant().identity = OwnIdentity { id: id(0xb0), app: None, label: "root@contoso.com".to_owned() };
    assert_snapshot!(world.shown(), @"
    - entra/group/readers/owner/root@contoso.com
    guard own-identity:entra/group/readers/owner/root@contoso.com: root@contoso.com, who runs this, would no longer own readers
    ");
}

#[test]
fn other_owners_are_listed_where_owners_are_not_managed() {
    let mut world = World::new();
    world.ask("readers", &[]);
    world.live("readers", &[]).owners.extend([principal("carol"), principal("root")]);
    assert_snapshot!(world.shown(), @"note other-owners: readers is also owned by carol@contoso.com (0000…), root@contoso.com (0000…), who can change its members; write `owners:` to manage its owners");
}

#[test]
fn without_an_applier_no_group_is_created() {
    let mut world = World::new();
    world.tenant().directory.insert(who("applier"), missing(None));
    world.tenant().identity.app = None;
    world.ask("readers", &["hayden"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    assert_snapshot!(world.shown(), @"
    withheld unknown-applier at access.yaml:10: group readers cannot be created: its first owner must be an applier, and none of `appliers` in the root file has a service principal in this tenant. Name the app ids of the identities that apply
        entra/group/readers
        entra/group/readers/member/hayden@contoso.com
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
}

#[test]
fn where_deleted_groups_cannot_be_read_none_is_created() {
    let mut world = World::new();
    world.ask("readers", &[]);
    world.tenant().deleted_unreadable = Some(Failure::new(FailureKind::Forbidden, "403 on deletedItems"));
    assert_snapshot!(world.shown(), @"
    withheld deleted-unreadable at access.yaml:10: group readers is not there, and whether it was deleted and can be restored is not known: 403 on deletedItems. Let this identity read deleted groups (`Group.Read.All`), then plan again
        entra/group/readers
    ");
}

#[test]
fn a_squatter_on_our_key_is_never_touched() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.live("readers", &["sam"]).owners = vec![principal("root")];
    assert_snapshot!(world.shown(), @"
    withheld not-ours at access.yaml:10: a group with the mark of readers is there (`readers`, id 00000000-2192-9f10-0000-000000005eed, owned by root@contoso.com (0000…)), but it is not ours: no applier is among its owners, and they are not all in the files. Nothing is changed about it or bound to it. If it is ours, make the service principal of an applier its owner; if it is not, have it deleted
        entra/group/readers
        entra/group/readers/member/hayden@contoso.com
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
}

#[test]
fn proof_of_ownership_is_an_applier_or_owners_that_are_all_in_the_files() {
    let withheld = |owned_by: &[&str], kind: GroupKind| {
        let mut world = World::new();
        owners(world.ask("readers", &[]), &["erin", "sam"]);
        let live = world.live("readers", &[]);
        live.owners = owned_by.iter().map(|name| principal(name)).collect();
        live.kind = kind;
        world.plan().withheld.into_iter().map(|withheld| withheld.reason.id()).collect::<Vec<_>>()
    };
    assert_eq!(withheld(&["erin"], GroupKind::Security), [""; 0]);
    assert_eq!(withheld(&["erin", "sam"], GroupKind::Security), [""; 0]);
    assert_eq!(withheld(&["applier", "root"], GroupKind::Security), [""; 0], "an applier proves it");
    assert_eq!(withheld(&["erin", "root"], GroupKind::Security), ["not-ours"]);
    assert_eq!(withheld(&[], GroupKind::Security), ["not-ours"], "nobody proves nothing");
    assert_eq!(withheld(&["applier"], GroupKind::Microsoft365), ["not-ours"]);
    assert_eq!(withheld(&["applier"], GroupKind::Dynamic), ["not-ours"]);
}

#[test]
fn a_look_alike_is_shown_and_never_picked() {
    let mut world = World::new();
    world.ask("readers", &[]);
    let look_alike = GroupSummary {
        id: id(7),
        display_name: "Readers".to_owned(),
        unique_name: None,
        kind: GroupKind::Security,
        created: Some("2024-02-03T04:05:06Z".to_owned()),
        owners: vec!["root@contoso.com".to_owned()],
    };
    let other_config = GroupSummary {
        id: id(8),
        unique_name: Some("rolecall.other.readers".to_owned()),
        owners: Vec::new(),
        created: None,
        ..look_alike.clone()
    };
    world.tenant().by_display_name.insert("readers".to_owned(), vec![look_alike, other_config]);
    assert_snapshot!(world.shown(), @"
    + entra/group/readers
    note adoption-candidate: a group named `Readers` is there already (id 00000000-0000-0007-0000-000000005eed, a security group, created 2024-02-03T04:05:06Z, owned by root@contoso.com); readers is another one beside it. If that group is the one you mean, write `adopt: 00000000-0000-0007-0000-000000005eed` in the block of readers
    note look-alike: a group named `Readers` is there already (id 00000000-0000-0008-0000-000000005eed, a security group, owned by nobody known); it is another group that rolecall manages, so readers is another one beside it
    ");
}

#[test]
fn an_adopted_group_is_changed_and_let_go() {
    let mut world = World::new();
    let group = world.ask("partners", &["hayden"]);
    group.management = Management::Adopted(id(90));
    group.membership = Membership::Additive;
    world.foreign(90, "Partners", &["carol"]);
    assert_snapshot!(world.shown(), @"+ entra/group/partners/member/hayden@contoso.com");
    world.desired.groups.clear();
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn an_external_group_is_only_referred_to() {
    let mut world = World::new();
    let group = world.ask("partners", &[]);
    group.management = Management::External(id(90));
    group.membership = Membership::External;
    world.foreign(90, "Partners", &["carol"]).kind = GroupKind::Dynamic;
    world.grant("group:partners", "view", in_namespace("trinity"));
    assert_snapshot!(world.shown(), @"+ alpha/rolebinding/trinity/partners-view-ba29e36c5c");
}

#[test]
fn a_group_by_id_must_be_there() {
    let mut world = World::new();
    world.ask("partners", &["hayden"]).management = Management::Adopted(id(90));
    world.tenant().by_id.insert(id(90), None);
    assert_snapshot!(world.shown(), @"
    withheld missing-group at access.yaml:10: group partners is to be the one with id 00000000-0000-005a-0000-000000005eed, and there is no such group. Correct the id
        entra/group/partners
        entra/group/partners/member/hayden@contoso.com
    ");
}

#[test]
fn a_group_of_another_config_is_not_adopted() {
    let mut world = World::new();
    world.ask("partners", &[]).management = Management::Adopted(id(90));
    world.foreign(90, "Partners", &["carol"]).unique_name = Some("rolecall.other.partners".to_owned());
    assert_snapshot!(world.shown(), @"
    withheld other-config at access.yaml:10: group partners (`Partners`, id 00000000-0000-005a-0000-000000005eed) belongs to the rolecall config other, and two configs cannot manage one group. Refer to it by `id:` instead of `adopt:`, or remove it from other first
        entra/group/partners
    ");
}

#[test]
fn one_group_is_not_managed_under_two_keys() {
    let mut world = World::new();
    world.ask("partners", &["hayden"]).management = Management::Adopted(id(90));
    world.ask("friends", &["sam"]).management = Management::Adopted(id(90));
    world.foreign(90, "Partners", &["carol"]);
    assert_snapshot!(world.shown(), @"
    withheld same-group at access.yaml:10: friends and partners are one and the same group (id 00000000-0000-005a-0000-000000005eed), and only one of them can manage it. Keep one block, and use `id:` in the others
        entra/group/friends
        entra/group/partners
        entra/group/friends/member/sam@contoso.com
        entra/group/partners/member/hayden@contoso.com
    ");
}

#[test]
fn who_cannot_be_resolved_holds_back_the_removals_of_that_group_only() {
    let mut world = World::new();
    world.ask("readers", &["sma", "hayden"]);
    world.ask("writers", &["hayden"]);
    world.live("readers", &["sam", "carol"]);
    world.live("writers", &["sam", "hayden"]);
    world.tenant().directory.insert(who("sma"), missing(Some("sam@contoso.com")));
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/hayden@contoso.com
    - entra/group/writers/member/sam@contoso.com
    withheld unknown-person at access.yaml:11: `sma@contoso.com`: nobody has this user principal name (did you mean `sam@contoso.com`?); removals in readers wait
        entra/group/readers/member/carol@contoso.com
        entra/group/readers/member/sam@contoso.com
        entra/group/readers/member/sma@contoso.com
    ");
    world.policy.strict = true;
    assert!(world.plan().withheld[0].is_error);
}

#[test]
fn who_is_not_unique_is_not_picked() {
    let mut world = World::new();
    owners(world.ask("readers", &[]), &["guest:ana"]);
    world.live("readers", &[]).owners.push(principal("carol"));
    let twin = LivePrincipal { id: id(77), ..principal("guest:ana") };
    world.tenant().directory.insert(who("guest:ana"), Resolution::Ambiguous(vec![twin, principal("guest:ana")]));
    assert_snapshot!(world.shown(), @"
    withheld ambiguous-person at access.yaml:51: `guest:ana@partner.example`: several objects have this name and none is picked: guest:ana@partner.example (0000…), guest:ana@partner.example (0000…); removals in readers wait
        entra/group/readers/owner/carol@contoso.com
        entra/group/readers/owner/guest:ana@partner.example
    ");
}

#[test]
fn a_name_in_a_member_list_needs_no_look_up() {
    let mut world = World::new();
    world.ask("readers", &["zoe", "guest:max"]);
    world.ask("writers", &["zoe", "guest:max"]);
    world.live("readers", &["zoe", "guest:max"]).members.push(LivePrincipal { id: id(78), ..principal("guest:max") });
    world.live("writers", &[]);
    assert_snapshot!(world.shown(), @"
    + entra/group/writers/member/zoe@contoso.com
    withheld ambiguous-person at access.yaml:12: `guest:max@partner.example`: several objects have this name and none is picked: guest:max@partner.example (0000…), guest:max@partner.example (0000…)
        entra/group/writers/member/guest:max@partner.example
    withheld ambiguous-person at access.yaml:12: `guest:max@partner.example`: several objects have this name and none is picked: guest:max@partner.example (0000…), guest:max@partner.example (0000…); removals in readers wait
        entra/group/readers/member/guest:max@partner.example
        entra/group/readers/member/object:00000000-0000-004e-0000-000000005eed
        entra/group/readers/member/object:00000000-1474-a3c2-0000-000000005eed
    ");
}

#[test]
fn names_are_compared_without_case() {
    let mut world = World::new();
    let mut group = world.ask("readers", &[]).clone();
    group.members.insert(PrincipalName::User("HAYDEN@Contoso.com".parse().unwrap()), at(11));
    world.desired.groups.insert(key("readers"), group);
    world.live("readers", &["hayden"]);
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn a_disabled_person_is_a_note() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.live("readers", &["hayden"]);
    let disabled = LivePrincipal { enabled: Some(false), ..principal("hayden") };
    world.tenant().directory.insert(who("hayden"), Resolution::Found(disabled));
    assert_snapshot!(world.shown(), @"note disabled-person: `hayden@contoso.com` is disabled: what is granted here takes effect when the account is enabled");
}

#[test]
fn a_disabled_member_of_a_group_that_can_do_much_is_told_apart() {
    let mut world = World::new();
    for (name, line) in [("readers", 11), ("inner", 12), ("ops", 13), ("crew", 14)] {
        let hayden = world.ask(name, &["hayden"]).members.values_mut().next().unwrap();
        *hayden = at(line);
        world.live(name, &["hayden"]);
    }
    let inner = PrincipalName::Group(key("inner"));
    world.desired.groups.get_mut(&key("ops")).unwrap().members.insert(inner, at(15));
    let nested = nested(&world.live("inner", &["hayden"]).clone());
    world.live("ops", &["hayden"]).members.push(nested);
    let sharing =
        PolicyRule { api_groups: vec!["rbac.authorization.k8s.io".to_owned()], ..rule(&["create"], &["rolebindings"]) };
    let role = world.role("sharer", vec![sharing]);
    let grant = |subject: &str, role: RoleTarget| DesiredBinding {
        subject: who(subject),
        role,
        scope: in_namespace("trinity"),
        origin: at(30),
    };
    world.alpha().bindings.push(grant("group:ops", role));
    // Work in a namespace is no privilege, secrets included.
    let role = world.role("secret-reader", vec![rule(&["get"], &["secrets"])]);
    world.alpha().bindings.push(grant("group:crew", role));
    let disabled = LivePrincipal { enabled: Some(false), ..principal("hayden") };
    world.tenant().directory.insert(who("hayden"), Resolution::Found(disabled));
    let plan = world.plan();
    let notes = plan.notes.iter().map(|note| format!("{}: {}", note.kind, note.message)).collect::<Vec<_>>();
    assert_snapshot!(notes.join("\n"), @"
    disabled-person: `hayden@contoso.com` is disabled: what is granted here takes effect when the account is enabled
    disabled-in-privileged-group: `hayden@contoso.com` is disabled and in `inner`, and so in `ops`, which can give others what it may do itself (`sharer` on alpha). Take them out, or enabling the account gives that back
    disabled-in-privileged-group: `hayden@contoso.com` is disabled and in `ops`, which can give others what it may do itself (`sharer` on alpha). Take them out, or enabling the account gives that back
    disabled-person: `hayden@contoso.com` is disabled: what is granted here takes effect when the account is enabled
    ");
}

#[test]
fn live_members_without_a_usable_name_go_by_object_id() {
    let mut world = World::new();
    world.ask("readers", &["guest:ana"]);
    let live = world.live("readers", &[]);
    let unnamed = |number, kind| LivePrincipal {
        id: id(number),
        kind,
        name: PrincipalName::Object(id(number)),
        user_principal_name: None,
        display_name: Some("Printer".into()),
        enabled: None,
    };
    live.members = vec![
        unnamed(61, PrincipalKind::Device),
        unnamed(62, PrincipalKind::Other),
        LivePrincipal { id: id(63), ..principal("guest:ana") },
        LivePrincipal { id: id(64), ..principal("sam") },
        principal("sam"),
    ];
    let plan = world.plan();
    assert_eq!(plan.names.get(&id(61).to_string()).map(String::as_str), Some("Printer"));
    assert_snapshot!(super::show(&plan), @"
    + entra/group/readers/member/guest:ana@partner.example
    - entra/group/readers/member/object:00000000-0000-003d-0000-000000005eed
    - entra/group/readers/member/object:00000000-0000-003f-0000-000000005eed
    - entra/group/readers/member/object:00000000-0000-0040-0000-000000005eed
    - entra/group/readers/member/object:00000000-0076-1adf-0000-000000005eed
    note unknown-object: readers holds Printer (0000…), an object of a type this version does not know; it is left where it is
    guard removals:group=readers: readers would lose 4 of 5 members
    ");
}

#[test]
fn removals_wait_for_pim() {
    let mut world = World::new();
    world.desired.without_pim = false;
    world.ask("readers", &["hayden", "erin"]);
    let group = world.live("readers", &["hayden", "sam", "carol"]).id;
    assert_eq!(world.privileged_asked(), [group]);
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/erin@contoso.com
    withheld pim-unreadable at access.yaml:10: removals in readers wait: a membership through Privileged Identity Management must not be taken for drift, and those of this group could not be read: they were not read. Let this identity read them, or write `pim: none` under `tenant` if it is not in use
        entra/group/readers/member/carol@contoso.com
        entra/group/readers/member/sam@contoso.com
    ");
    world
        .observed
        .of_groups
        .privileged
        .insert(group, PrivilegedMembers::Unreadable("403, needs a permission".to_owned()));
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/erin@contoso.com
    withheld pim-unreadable at access.yaml:10: removals in readers wait: a membership through Privileged Identity Management must not be taken for drift, and those of this group could not be read: 403, needs a permission. Let this identity read them, or write `pim: none` under `tenant` if it is not in use
        entra/group/readers/member/carol@contoso.com
        entra/group/readers/member/sam@contoso.com
    ");
    world.observed.of_groups.privileged.insert(group, PrivilegedMembers::Active([principal("sam").id].into()));
    assert_snapshot!(world.shown(), @"
    - entra/group/readers/member/carol@contoso.com
    + entra/group/readers/member/erin@contoso.com
    note privileged-member: sam@contoso.com (0000…) is in readers through Privileged Identity Management; that is no drift
    ");
    world.desired.without_pim = true;
    assert_eq!(world.privileged_asked(), []);
    assert_eq!(world.plan().changes.len(), 3);
}

#[test]
fn pim_is_not_asked_where_nobody_leaves() {
    let mut world = World::new();
    world.desired.without_pim = false;
    world.ask("readers", &["hayden", "sam"]);
    world.live("readers", &["hayden"]);
    world.ask("unknown", &["nobody"]);
    world.live("unknown", &["hayden"]);
    let group = world.ask("synced", &[]);
    group.management = Management::Adopted(id(90));
    world.foreign(90, "Synced", &["carol"]).kind = GroupKind::Synced;
    assert_eq!(world.privileged_asked(), []);
}

#[test]
fn a_group_that_cannot_be_edited_is_said_at_once() {
    let kinds = [GroupKind::Dynamic, GroupKind::MailEnabledSecurity, GroupKind::Distribution, GroupKind::Synced];
    let mut world = World::new();
    for (number, kind) in (90..).zip(kinds) {
        let name = format!("group-{number}");
        let group = world.ask(&name, &["hayden"]);
        group.management = Management::Adopted(id(number));
        group.description = Some("new".to_owned());
        owners(group, &["erin"]);
        world.foreign(number, &name, &["carol"]).kind = kind;
    }
    assert_snapshot!(world.shown(), @"
    withheld read-only-group at access.yaml:10: group group-90 (`group-90`) cannot be changed: its members come from a rule. Change it where it is managed, or refer to it by `id:`
        entra/group/group-90
        entra/group/group-90/owner/erin@contoso.com
        entra/group/group-90/owner/root@contoso.com
        entra/group/group-90/member/carol@contoso.com
        entra/group/group-90/member/hayden@contoso.com
    withheld read-only-group at access.yaml:10: group group-91 (`group-91`) cannot be changed: it is mail-enabled, and Microsoft Graph cannot edit such a group. Change it where it is managed, or refer to it by `id:`
        entra/group/group-91
        entra/group/group-91/owner/erin@contoso.com
        entra/group/group-91/owner/root@contoso.com
        entra/group/group-91/member/carol@contoso.com
        entra/group/group-91/member/hayden@contoso.com
    withheld read-only-group at access.yaml:10: group group-92 (`group-92`) cannot be changed: it is a distribution list, and Microsoft Graph cannot edit one. Change it where it is managed, or refer to it by `id:`
        entra/group/group-92
        entra/group/group-92/owner/erin@contoso.com
        entra/group/group-92/owner/root@contoso.com
        entra/group/group-92/member/carol@contoso.com
        entra/group/group-92/member/hayden@contoso.com
    withheld read-only-group at access.yaml:10: group group-93 (`group-93`) cannot be changed: it is mastered on premises and synced from there. Change it where it is managed, or refer to it by `id:`
        entra/group/group-93
        entra/group/group-93/owner/erin@contoso.com
        entra/group/group-93/owner/root@contoso.com
        entra/group/group-93/member/carol@contoso.com
        entra/group/group-93/member/hayden@contoso.com
    ");
}

#[test]
fn a_read_only_group_that_matches_is_no_trouble() {
    let mut world = World::new();
    world.ask("partners", &["carol"]).management = Management::Adopted(id(90));
    world.foreign(90, "Partners", &["carol"]).kind = GroupKind::Synced;
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn what_entra_would_refuse_is_withheld() {
    let mut world = World::new();
    let group = world.ask("office", &["hayden", "group:readers", "applier"]);
    group.management = Management::Adopted(id(90));
    owners(group, &["group:readers"]);
    world.foreign(90, "Office", &[]).kind = GroupKind::Microsoft365;
    world.ask("readers", &["group:office", "group-id:91", "hayden"]);
    world.live("readers", &["hayden"]);
    let own = LivePrincipal { id: id(number("readers")), ..principal("group-id:91") };
    world.tenant().directory.insert(who("group-id:91"), Resolution::Found(own));
    assert_snapshot!(world.shown(), @"
    - entra/group/office/owner/root@contoso.com
    + entra/group/office/member/hayden@contoso.com
    withheld cannot-nest at access.yaml:11: `group:office` cannot be in readers: a Microsoft 365 group or distribution list cannot be a member of a security group. Name its people, or use a security group
        entra/group/readers/member/group:office
    withheld contains-itself at access.yaml:12: `group-id:00000000-0000-005b-0000-000000005eed` is readers itself; a group cannot be in its own lists
        entra/group/readers/member/group-id:00000000-0000-005b-0000-000000005eed
    withheld users-only at access.yaml:12: `group:readers` cannot be in office: a Microsoft 365 group has users and guests as members only
        entra/group/office/member/group:readers
    withheld users-only at access.yaml:13: `service-principal:00000000-0000-0000-0000-000000000a99` cannot be in office: a Microsoft 365 group has users and guests as members only
        entra/group/office/member/service-principal:00000000-0000-0000-0000-000000000a99
    withheld not-an-owner at access.yaml:51: `group:readers` cannot own office: owners are users, guests and service principals
        entra/group/office/owner/group:readers
    guard last-owner:office: office would have no person as owner; it loses root@contoso.com (0000…)
    ");
}

#[test]
fn changing_a_role_assignable_group_needs_more_and_says_so() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.live("readers", &[]).role_assignable = true;
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/hayden@contoso.com
    note role-assignable: group readers can hold Entra roles: changing it needs the permission `RoleManagement.ReadWrite.Directory` as well
    ");
}

#[test]
fn a_group_that_is_gone_from_the_files_is_deleted_last() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    let old = world.live("old-contractors", &["sam", "carol"]).clone();
    world.live("readers", &["hayden"]).members.push(nested(&old));
    let plan = world.plan();
    assert_snapshot!(super::show(&plan), @"
    - entra/group/readers/member/group:old-contractors
    - entra/group/old-contractors
        after entra/group/readers/member/group:old-contractors
    guard group-deleted:old-contractors: old-contractors would be deleted (restorable for 30 days) with its 2 members: carol@contoso.com (0000…), sam@contoso.com (0000…)
    ");
    assert_eq!(plan.changes[1].refers.keys().collect::<Vec<_>>(), ["members"]);
}

#[test]
fn a_deletion_waits_while_the_group_cannot_be_taken_out_of_another() {
    let mut world = World::new();
    world.ask("readers", &["hayden", "nobody"]);
    let old = world.live("old-contractors", &["sam"]).clone();
    world.live("readers", &["hayden"]).members.push(nested(&old));
    assert_snapshot!(world.shown(), @"
    withheld unknown-person at access.yaml:12: `nobody@contoso.com`: nothing in Entra has this name; removals in readers wait
        entra/group/old-contractors
        entra/group/readers/member/nobody@contoso.com
        entra/group/readers/member/group:old-contractors
    ");
}

#[test]
fn only_what_is_proven_ours_and_named_nowhere_is_deleted() {
    let mut world = World::new();
    world.live("squatted", &["sam"]).owners = vec![principal("root")];
    world.live("named", &["sam"]);
    world.live("replaced", &["sam"]);
    world.ask("replaced", &[]).management = Management::Adopted(id(90));
    world.foreign(90, "Replaced", &[]);
    world.ask("readers", &[]).members.insert(PrincipalName::GroupId(id(number("named"))), at(11));
    world.live("readers", &[]);
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/group-id:00000000-bb14-7639-0000-000000005eed
    note not-ours: `squatted` (id 00000000-156a-b489-0000-000000005eed) carries the mark of squatted and no file asks for it, but no applier is among its owners; it is not taken for ours and left alone
    note still-named: group named (id 00000000-bb14-7639-0000-000000005eed) has no block of its own any more, but the files name its id; it is left alone
    note left-behind: the group that rolecall created for replaced (id 00000000-2ac8-a530-0000-000000005eed) is still there, and the block of replaced now means another one; it is left alone. Delete it by hand when nobody needs it
    ");
}

#[test]
fn narrowed_to_one_group_nothing_else_is_touched() {
    let mut world = World::new();
    world.ask("readers", &["hayden", "group:writers"]);
    world.ask("writers", &["sam"]);
    world.live("readers", &["carol"]);
    world.live("old", &[]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.policy.only = Only([Target::Group(key("readers"))].into());
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/hayden@contoso.com
    withheld group-not-there-yet at access.yaml:10: group writers does not exist yet and is not part of this plan; add `--only group/writers`
        entra/group/readers/member/carol@contoso.com
        entra/group/readers/member/group:writers
    ");
}

#[test]
fn without_entra_nothing_of_it_is_planned() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.observed.tenant = Some(Err(Failure::new(FailureKind::Forbidden, "403: needs Group.Read.All")));
    assert_snapshot!(world.shown(), @"unread entra: 403: needs Group.Read.All");
    world.observed.tenant = None;
    assert_snapshot!(world.shown(), @"unread entra: Entra was not read");
}

#[test]
fn another_tenant_is_not_planned_against() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.tenant().id = uuid::Uuid::from_u128(1).into();
    assert_snapshot!(world.shown(), @"unread entra: the credential belongs to tenant 00000000-0000-0000-0000-000000000001, the files are for 00000000-0000-0000-0000-00000000007e");
}

/// A typo in `appliers` must not have the groups deleted that this very app made.
#[test]
fn an_owner_that_the_appliers_should_list_is_named_with_what_was_meant() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.live("readers", &["hayden"]);
    let listed = world.desired.appliers.pop_first().unwrap().to_string();
    let typo = format!("{}{}", &listed[..listed.len() - 1], if listed.ends_with('7') { '8' } else { '7' });
    world.desired.appliers.insert(typo.parse().unwrap());
    let told = |world: &World| world.plan().withheld[0].message.clone();
    let message = told(&world);
    assert!(message.contains(&format!("among its owners is {listed}, the app that you run as")), "{message}");
    assert!(message.contains(&format!("`appliers` has {typo}: did you mean {listed}? Correct it")), "{message}");
    assert!(!message.contains("deleted"), "{message}");
    // Whoever runs: the owner's app id is what was meant.
    world.tenant().identity.id = principal("erin").id;
    world.tenant().identity.app = None;
    let message = told(&world);
    assert!(message.contains(&format!("among its owners is {listed}, an app, which")), "{message}");
    // Another app altogether, and it is the one that runs.
    world.tenant().identity = OwnIdentity { id: id(APPLIER), app: listed.parse().ok(), label: listed.clone() };
    world.desired.appliers = ["3c0e6e1a-9a55-4b62-9d57-6c3f1d2e9a77".parse().unwrap()].into();
    let message = told(&world);
    assert!(message.ends_with(&format!("If {listed} applies this config, add it to `appliers`")), "{message}");
}
