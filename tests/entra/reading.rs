use rolecall::providers::Reader as _;
use rolecall::sandbox::graph::state::Kind;
use rolecall::sandbox::{Faults, Options, SeedGroup, SeedPrincipal, SeedServicePrincipal, SeedUser};
use rolecall::state::{
    Above, FailureKind, GroupAnswer, GroupKind, GroupQuestion, Inside, Management, ObjectId, OuterGroup, PrincipalKind,
    PrincipalName, PrivilegedMembers, Resolution,
};

use crate::world::{
    APPLIER, APPLIER_APP, World, applier, config, delete, guest, key, mail, member, ours, seed, upn, user,
};

fn id(number: u32) -> String {
    format!("11111111-1111-4111-8111-{number:012}")
}

fn plain(name: &str, number: u32) -> SeedGroup {
    SeedGroup { display_name: name.to_owned(), id: Some(id(number).parse().unwrap()), ..SeedGroup::default() }
}

#[tokio::test]
async fn an_empty_tenant_is_read_with_its_domain_and_our_own_identity() {
    let world = World::new(seed()).await;
    let tenant = world.observe().await.unwrap();
    assert_eq!(tenant.domain.as_deref(), Some("contoso.com"));
    assert_eq!(tenant.identity.id, APPLIER.parse().unwrap());
    assert_eq!(tenant.identity.app, Some(APPLIER_APP.parse().unwrap()));
    assert!(tenant.marked.is_empty() && tenant.deleted.is_empty() && tenant.deleted_unreadable.is_none());
    assert_eq!(world.writes(), 0);
    world.end().await;
}

#[tokio::test]
async fn a_group_of_twelve_hundred_is_read_whole() {
    let mut seed = seed();
    seed.users = (0..1200).map(|number| user(&format!("person{number}"))).collect();
    let members = (0..1200).map(|number| member(&format!("person{number}"))).collect();
    seed.groups.push(SeedGroup { members, ..ours("everybody") });
    let world = World::new(seed).await.asking_for(&["everybody"]);
    let tenant = world.observe().await.unwrap();
    let group = &tenant.marked[&key("everybody")];
    assert_eq!(group.members.len(), 1200);
    assert_eq!(group.owners[0].name, PrincipalName::ServicePrincipal(APPLIER_APP.parse().unwrap()));
    world.end().await;
}

#[tokio::test]
async fn names_are_resolved_to_exactly_one_or_the_reason_is_said() {
    const APP: &str = "22222222-2222-4222-8222-222222222222";
    let mut seed = seed();
    seed.users = vec![
        user("hayden"),
        user("o'brien"),
        SeedUser { enabled: Some(false), ..user("erin") },
        SeedUser { mail: Some("erin.mail@contoso.com".to_owned()), ..user("erin.two") },
        guest("ana@partner.example"),
        guest("in.a.list@partner.example"),
        SeedUser { pending: true, ..guest("new@partner.example") },
        SeedUser { pending: true, ..guest("new.in.a.list@partner.example") },
        guest("twice@partner.example"),
        SeedUser {
            user_principal_name: Some("twice_partner.example#EXT#2@contoso.com".to_owned()),
            ..guest("twice@partner.example")
        },
        guest("shared@partner.example"),
        SeedUser {
            user_principal_name: Some("shared_partner.example#EXT#2@contoso.com".to_owned()),
            ..guest("shared@partner.example")
        },
    ];
    seed.service_principals.push(SeedServicePrincipal {
        app_id: APP.parse().unwrap(),
        display_name: "builder".to_owned(),
        id: None,
    });
    seed.groups = vec![
        SeedGroup {
            members: vec![
                member("hayden"),
                SeedPrincipal::Guest("in.a.list@partner.example".to_owned()),
                // One of the two who have this mail address: that a list shows only one says nothing.
                SeedPrincipal::User("shared_partner.example#EXT#2@contoso.com".to_owned()),
                SeedPrincipal::Guest("new.in.a.list@partner.example".to_owned()),
            ],
            ..ours("devs")
        },
        plain("outside", 1),
        SeedGroup { kind: Kind::Microsoft365, ..plain("mailing", 2) },
    ];
    let names = [
        upn("Hayden"),
        upn("o'brien"),
        upn("erin"),
        upn("haydn"),
        mail("Ana@Partner.example"),
        mail("in.a.list@partner.example"),
        mail("new@partner.example"),
        mail("new.in.a.list@partner.example"),
        mail("twice@partner.example"),
        mail("shared@partner.example"),
        mail("erin.mail@contoso.com"),
        PrincipalName::ServicePrincipal(APP.parse().unwrap()),
        PrincipalName::ServicePrincipal(id(9).parse().unwrap()),
        PrincipalName::GroupId(id(1).parse().unwrap()),
        PrincipalName::GroupId(id(2).parse().unwrap()),
        PrincipalName::GroupId(id(3).parse().unwrap()),
    ];
    let world = World::new(seed).await.asking_for(&["devs"]).resolving(names);
    let tenant = world.observe().await.unwrap();
    let lines: Vec<_> = tenant
        .directory
        .iter()
        .map(|(name, found)| match found {
            Resolution::Found(principal) => {
                format!(
                    "{name}: {:?} {:?}, enabled {:?}",
                    principal.kind,
                    principal.name.to_string(),
                    principal.enabled
                )
            }
            Resolution::Missing { reason, suggestion } => format!("{name}: {reason}; {suggestion:?}"),
            Resolution::Ambiguous(several) => format!("{name}: {} of them", several.len()),
            Resolution::NotInSnapshot => format!("{name}: not looked up"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    erin@contoso.com: User "erin@contoso.com", enabled Some(false)
    hayden@contoso.com: User "hayden@contoso.com", enabled Some(true)
    haydn@contoso.com: nobody has this user principal name; Some("hayden@contoso.com")
    o'brien@contoso.com: User "o'brien@contoso.com", enabled Some(true)
    guest:ana@partner.example: Guest "guest:ana@partner.example", enabled Some(true)
    guest:erin.mail@contoso.com: this is the mail address of somebody who is no guest; use the user principal name; Some("erin.two@contoso.com")
    guest:in.a.list@partner.example: Guest "guest:in.a.list@partner.example", enabled Some(true)
    guest:new.in.a.list@partner.example: this guest has not accepted the invitation yet; None
    guest:new@partner.example: this guest has not accepted the invitation yet; None
    guest:shared@partner.example: 2 of them
    guest:twice@partner.example: 2 of them
    group-id:11111111-1111-4111-8111-000000000001: Group "group-id:11111111-1111-4111-8111-000000000001", enabled None
    group-id:11111111-1111-4111-8111-000000000002: this is a Microsoft 365 group, which cannot be a member of a group; None
    group-id:11111111-1111-4111-8111-000000000003: no group has this id; None
    service-principal:11111111-1111-4111-8111-000000000009: no service principal of this tenant is of this app (an app id is not an object id); None
    service-principal:22222222-2222-4222-8222-222222222222: ServicePrincipal "service-principal:22222222-2222-4222-8222-222222222222", enabled Some(true)
    "#);
    assert!(
        !world.graph_requests().iter().flat_map(|line| &line.items).any(|item| item.url.contains("hayden%40")),
        "nobody but a guest whom a list names is looked up"
    );
    world.end().await;
}

#[tokio::test]
async fn groups_by_id_are_told_apart_and_one_that_is_not_there_is_none() {
    let kinds = [
        (Kind::Security, GroupKind::Security),
        (Kind::Microsoft365, GroupKind::Microsoft365),
        (Kind::Dynamic, GroupKind::Dynamic),
        (Kind::MailEnabledSecurity, GroupKind::MailEnabledSecurity),
        (Kind::Distribution, GroupKind::Distribution),
        (Kind::Synced, GroupKind::Synced),
    ];
    let mut seed = seed();
    for (number, (kind, _)) in (0..).zip(&kinds) {
        let role_assignable = number == 0;
        seed.groups.push(SeedGroup { kind: *kind, role_assignable, ..plain(&format!("group {number}"), number) });
    }
    let mut world = World::new(seed).await.asking_for_id("gone", &id(99));
    for number in 0..6 {
        world = world.asking_for_id(&format!("g{number}"), &id(number));
    }
    let tenant = world.observe().await.unwrap();
    for (number, (_, kind)) in (0..).zip(&kinds) {
        let group = tenant.by_id[&id(number).parse::<ObjectId>().unwrap()].as_ref().unwrap();
        assert_eq!((group.kind, group.role_assignable), (*kind, number == 0));
    }
    assert_eq!(tenant.by_id[&id(99).parse::<ObjectId>().unwrap()], None);
    world.end().await;
}

#[tokio::test]
async fn a_group_is_ours_by_its_unique_name_whatever_its_nickname() {
    let mut seed = seed();
    seed.groups = vec![
        SeedGroup { mail_nickname: Some("changed-by-hand".to_owned()), ..ours("renamed") },
        // The index alone proves nothing.
        SeedGroup { unique_name: None, ..ours("copied") },
        SeedGroup { unique_name: Some("rolecall.other.copied".to_owned()), ..plain("other's", 1) },
    ];
    let world = World::new(seed).await.asking_for(&["renamed", "copied"]);
    let tenant = world.observe().await.unwrap();
    assert_eq!(tenant.marked.keys().collect::<Vec<_>>(), [&key("renamed")]);
    assert_eq!(tenant.marked[&key("renamed")].mail_nickname.as_deref(), Some("changed-by-hand"));
    world.end().await;
}

#[tokio::test]
async fn marks_of_other_configs_are_read_only_when_there_is_none_of_ours() {
    let other: rolecall::state::ConfigName = "old-name".parse().unwrap();
    let theirs = SeedGroup {
        unique_name: Some(rolecall::state::mark::unique_name(&other, &key("sre"))),
        mail_nickname: Some(rolecall::state::mark::mail_nickname(&other, &key("sre"))),
        ..plain("sre", 1)
    };
    let mut seed = seed();
    seed.groups.push(theirs);
    let world = World::new(seed.clone()).await.asking_for(&["sre"]);
    assert_eq!(world.observe().await.unwrap().other_configs.into_iter().collect::<Vec<_>>(), ["old-name"]);
    world.end().await;

    seed.groups.push(SeedGroup { id: Some(id(2).parse().unwrap()), ..ours("sre") });
    let world = World::new(seed).await.asking_for(&["sre"]);
    assert!(world.observe().await.unwrap().other_configs.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_soft_deleted_group_of_ours_is_found() {
    let mut seed = seed();
    seed.groups.push(SeedGroup { id: Some(id(1).parse().unwrap()), ..ours("sre") });
    seed.groups.push(plain("sre", 2));
    let mut world = World::new(seed).await.asking_for(&["sre"]);
    world.write(&[delete("sre", id(1).parse().unwrap())]).await;
    world.query.unique_display_names.insert(key("sre"));
    let tenant = world.observe().await.unwrap();
    assert!(tenant.marked.is_empty());
    let [deleted] = &tenant.deleted[&key("sre")][..] else { panic!("{:?}", tenant.deleted) };
    assert_eq!((deleted.id.to_string(), deleted.display_name.as_str()), (id(1), "sre"));
    assert!(deleted.deleted.is_some());
    assert_eq!(deleted.kind, Some(rolecall::state::GroupKind::Security));
    assert!(deleted.mail_nickname.as_deref().is_some_and(|nickname| nickname.ends_with("-sre")));
    // It comes back with its name, so who else has that is read.
    let named: Vec<String> = tenant.by_display_name["sre"].iter().map(|group| group.id.to_string()).collect();
    assert_eq!(named, [id(2)]);
    world.end().await;
}

#[tokio::test]
async fn look_alikes_are_listed_with_what_tells_them_apart() {
    let mut seed = seed();
    seed.users.push(user("erin"));
    let long = "x".repeat(200);
    seed.groups = vec![
        ours("sre"),
        SeedGroup { owners: vec![member("erin")], ..plain("SRE", 1) },
        SeedGroup { kind: Kind::Microsoft365, ..plain("sre", 2) },
        plain("sre team", 3),
        plain(&long, 4),
        plain(&format!("{long}y"), 5),
    ];
    let mut world = World::new(seed).await.asking_for(&["sre"]);
    world.query.display_names.insert(key("sre"), "o'sre".to_owned());
    world.query.display_names.insert(key("long"), long.clone());
    world.query.unique_display_names.insert(key("sre"));
    let tenant = world.observe().await.unwrap();
    let by_name = tenant.by_display_name;
    assert!(by_name["o'sre"].is_empty());
    assert_eq!(by_name[&long].iter().map(|group| group.id.to_string()).collect::<Vec<_>>(), [id(4)]);
    let mut found: Vec<_> =
        by_name["sre"].iter().map(|group| (group.display_name.as_str(), group.kind, group.owners.join(","))).collect();
    found.sort();
    let own = format!("service-principal:{APPLIER_APP}");
    assert_eq!(
        found,
        [
            ("SRE", GroupKind::Security, "erin@contoso.com".to_owned()),
            ("sre", GroupKind::Security, own),
            ("sre", GroupKind::Microsoft365, String::new()),
        ]
    );
    world.end().await;
}

#[tokio::test]
async fn active_assignments_of_privileged_identity_management_are_read_or_the_reason_is_said() {
    let mut seed = seed();
    seed.users = vec![user("hayden"), user("erin")];
    seed.groups = vec![
        SeedGroup { members: vec![member("erin")], privileged_members: vec![member("hayden")], ..plain("a", 1) },
        plain("b", 2),
    ];
    let groups = [1, 2].map(|number| GroupQuestion::Privileged(id(number).parse().unwrap()));
    let world = World::new(seed.clone()).await.resolving([upn("hayden")]);
    let hayden = match &world.observe().await.unwrap().directory[&upn("hayden")] {
        Resolution::Found(principal) => principal.id,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        world.reader.ask(&groups).await,
        [
            Ok(GroupAnswer::Privileged(PrivilegedMembers::Active([hayden].into()))),
            Ok(GroupAnswer::Privileged(PrivilegedMembers::Active([].into())))
        ]
    );
    world.end().await;

    seed.applier.roles = Some(["GroupMember.Read.All".to_owned()].into());
    let world = World::new(seed).await;
    let answers = world.reader.ask(&groups).await;
    let Ok(GroupAnswer::Privileged(PrivilegedMembers::Unreadable(reason))) = &answers[0] else { panic!("{answers:?}") };
    assert!(reason.contains("`PrivilegedAssignmentSchedule.Read.AzureADGroup`"), "{reason}");
    world.end().await;
}

#[tokio::test]
async fn the_groups_that_a_group_is_in_are_read_whole_or_the_reason_is_said() {
    // `inner` is in so many groups that they fill a page and some, and through the first of them in another.
    const OUTER: u32 = 1005;
    let mut seed = seed();
    let nest = |number: u32| SeedPrincipal::Group(format!("outer {number}"));
    seed.groups = vec![plain("inner", 1), plain("alone", 2)];
    seed.groups.extend((0..OUTER).map(|number| SeedGroup {
        members: vec![SeedPrincipal::Group("inner".to_owned())],
        ..plain(&format!("outer {number}"), 10 + number)
    }));
    seed.groups.push(SeedGroup { members: vec![nest(0)], ..plain("\u{202e}farthest", 3) });
    let questions = [1, 2, 9].map(|number| GroupQuestion::Above(id(number).parse().unwrap()));
    let world = World::new(seed.clone()).await;
    let answers = world.reader.ask(&questions).await;
    let Ok(GroupAnswer::Above(Above::Read(outer))) = &answers[0] else { panic!("{:?}", answers[0]) };
    assert_eq!(outer.len(), OUTER as usize + 1);
    let farthest = OuterGroup { id: id(3).parse().unwrap(), display_name: "\u{202e}farthest".to_owned() };
    assert!(outer.contains(&farthest));
    assert_eq!(answers[1], Ok(GroupAnswer::Above(Above::Read(Vec::new()))));
    let Ok(GroupAnswer::Above(Above::Unreadable(why))) = &answers[2] else { panic!("{:?}", answers[2]) };
    assert!(why.contains(&id(9)), "{why}");
    assert_eq!(world.graph_requests().len(), 2, "a batch for all, and one for the second page");
    assert_eq!(world.writes(), 0);
    world.end().await;

    seed.applier.roles = Some(["User.Read.All".to_owned()].into());
    let world = World::new(seed).await;
    let answers = world.reader.ask(&questions[..1]).await;
    let Ok(GroupAnswer::Above(Above::Unreadable(why))) = &answers[0] else { panic!("{:?}", answers[0]) };
    assert!(why.contains("`Group.Read.All`"), "{why}");
    world.end().await;
}

#[tokio::test]
async fn everybody_in_a_group_of_others_is_read_whole_or_the_reason_is_said() {
    // More than a page in the first, most of them through another; each of the rest is nearly empty.
    const PEOPLE: u32 = 1005;
    const GROUPS: u32 = 23;
    let mut seed = seed();
    seed.users = (0..PEOPLE).map(|number| user(&format!("person{number}"))).collect();
    let people = (0..PEOPLE).map(|number| member(&format!("person{number}"))).collect();
    let nest = |name: &str| SeedPrincipal::Group(name.to_owned());
    seed.groups = vec![
        SeedGroup { members: vec![member("person0"), nest("inner")], ..plain("outer", 1) },
        SeedGroup { members: people, ..plain("inner", 2) },
    ];
    seed.groups.extend((3..GROUPS).map(|number| plain(&format!("other {number}"), number)));
    let questions: Vec<_> = (1..=GROUPS).map(|number| GroupQuestion::Members(id(number).parse().unwrap())).collect();
    let world = World::new(seed.clone()).await;
    let answers = world.reader.ask(&questions).await;
    let Ok(GroupAnswer::Members(Inside::Read(everybody))) = &answers[0] else { panic!("{:?}", answers[0]) };
    assert_eq!(everybody.len(), PEOPLE as usize + 1, "each once, and the group in it");
    assert!(everybody.iter().any(|member| member.kind == PrincipalKind::Group && member.id.to_string() == id(2)));
    assert!(everybody.iter().any(|member| member.name == upn("person1004") && member.enabled == Some(true)));
    assert_eq!(answers[2], Ok(GroupAnswer::Members(Inside::Read(Vec::new()))));
    assert_eq!(answers[22], Ok(GroupAnswer::Members(Inside::Missing)), "it is said that there is none");
    assert_eq!(world.graph_requests().len(), 3, "a batch for twenty, one for the rest, one for the second pages");
    let direct = world.reader.ask(&[GroupQuestion::Direct(id(1).parse().unwrap())]).await;
    let Ok(GroupAnswer::Direct(Inside::Read(direct))) = &direct[0] else { panic!("{:?}", direct[0]) };
    let kinds: Vec<PrincipalKind> = direct.iter().map(|member| member.kind).collect();
    assert_eq!(kinds.len(), 2, "one person and the group: {direct:?}");
    assert!(kinds.contains(&PrincipalKind::User) && kinds.contains(&PrincipalKind::Group));
    assert_eq!(world.writes(), 0);
    world.end().await;

    seed.applier.roles = Some(["User.Read.All".to_owned()].into());
    let world = World::new(seed).await;
    let answers = world.reader.ask(&questions[..1]).await;
    let Ok(GroupAnswer::Members(Inside::Unreadable(why))) = &answers[0] else { panic!("{:?}", answers[0]) };
    assert!(why.contains("`Group.Read.All`"), "{why}");
    world.end().await;
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let mut seed = seed();
    seed.users.push(user("hayden"));
    seed.applier.roles = Some(["User.Read.All".to_owned()].into());
    let world = World::new(seed.clone()).await.asking_for(&["sre"]);
    let failure = world.observe().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Forbidden);
    assert!(failure.next.as_ref().unwrap().contains("`Group.Read.All`"), "{failure:?}");
    assert!(failure.next.unwrap().contains("its token carries: User.Read.All; `rolecall doctor --for plan`"));
    world.end().await;

    seed.applier.roles = Some(["GroupMember.Read.All".to_owned()].into());
    let world = World::new(seed).await.resolving([upn("hayden")]);
    let failure = world.observe().await.unwrap_err();
    assert!(failure.next.unwrap().contains("`User.Read.All`"));
    world.end().await;
}

#[tokio::test]
async fn the_least_permissions_read_everything_but_deleted_groups_which_is_said() {
    let mut seed = seed();
    seed.users = vec![user("hayden")];
    seed.groups.push(SeedGroup { members: vec![member("hayden")], owners: vec![applier()], ..ours("devs") });
    let roles = ["GroupMember.Read.All", "User.Read.All", "Application.Read.All"];
    seed.applier.roles = Some(roles.map(str::to_owned).into());
    let world = World::new(seed).await.asking_for(&["devs"]).resolving([upn("hayden")]);
    let tenant = world.observe().await.unwrap();
    assert_eq!(tenant.marked[&key("devs")].members[0].name, upn("hayden"));
    assert_eq!(tenant.domain, None);
    let unreadable = tenant.deleted_unreadable.unwrap();
    assert!(unreadable.next.unwrap().contains("`Group.Read.All`"));
    world.end().await;
}

#[tokio::test]
async fn who_may_not_be_read_is_an_object_and_never_a_nameless_user() {
    let mut seed = seed();
    seed.users = vec![user("hayden")];
    seed.groups.push(SeedGroup { members: vec![member("hayden")], ..ours("devs") });
    seed.applier.roles = Some(["GroupMember.Read.All".to_owned()].into());
    let world = World::new(seed).await.asking_for(&["devs"]);
    let tenant = world.observe().await.unwrap();
    let hayden = &tenant.marked[&key("devs")].members[0];
    assert_eq!((hayden.kind, &hayden.name), (PrincipalKind::User, &PrincipalName::Object(hayden.id)));
    world.end().await;
}

#[tokio::test]
async fn another_tenant_is_refused() {
    let mut world = World::new(seed()).await;
    world.query.tenant = id(7).parse().unwrap();
    assert_eq!(world.observe().await.unwrap_err().kind, FailureKind::WrongTarget);
    world.end().await;
}

#[tokio::test]
async fn throttling_slows_reading_and_changes_nothing() {
    let mut seed = seed();
    seed.users = (0..30).map(|number| user(&format!("person{number}"))).collect();
    for number in 0..30 {
        seed.groups
            .push(SeedGroup { members: vec![member(&format!("person{number}"))], ..ours(&format!("g{number}")) });
    }
    let options = Options { faults: Faults::throttle(20, 7, 20), ..Options::default() };
    let mut world = World::with(seed, options).await;
    world.query.groups = (0..30).map(|number| (key(&format!("g{number}")), Management::Owned)).collect();
    let tenant = world.observe().await.unwrap();
    assert_eq!(tenant.marked.len(), 30);
    assert!(tenant.marked.values().all(|group| group.members.len() == 1));
    assert!(world.reader.usage().throttled > 0);
    assert_eq!(world.query.config, config());
    world.end().await;
}
