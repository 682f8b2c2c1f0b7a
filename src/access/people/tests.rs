#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use insta::assert_snapshot;

use super::*;
use crate::config::{File, read};
use crate::state::{
    Above, Address, Change, DesiredEnvironment, GroupAnswers, GroupsClaim, LiveGroup, Operation, OuterGroup,
    OwnIdentity, Resource, SubjectName, UserNaming,
};

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s }
groups:
  all:
    members: [{ group: dev }, erin@contoso.com]
  dev:
    members:
      - hayden@contoso.com
      - { group: contractors }
      - { service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
  contractors:
    previously: [externals]
    members: [sam@contoso.com]
";

fn desired() -> Desired {
    let loaded = read(PathBuf::from("/access"), vec![File::new("rolecall.yaml", Ok(ROOT.as_bytes().to_vec()))]);
    assert_eq!(loaded.findings, vec![]);
    crate::desired::compile(&loaded.config.unwrap(), &loaded.sources)
}

fn id(number: u128) -> ObjectId {
    uuid::Uuid::from_u128(number).into()
}

fn user(name: &str, number: u128) -> LivePrincipal {
    LivePrincipal {
        id: id(number),
        kind: PrincipalKind::User,
        name: PrincipalName::User(format!("{name}@contoso.com").parse().unwrap()),
        user_principal_name: Some(format!("{name}@contoso.com").into()),
        display_name: None,
        enabled: Some(true),
    }
}

fn nested(group: &LiveGroup) -> LivePrincipal {
    LivePrincipal {
        id: group.id,
        kind: PrincipalKind::Group,
        name: PrincipalName::GroupId(group.id),
        user_principal_name: None,
        display_name: None,
        enabled: None,
    }
}

fn group(name: &str, number: u128, members: Vec<LivePrincipal>) -> LiveGroup {
    LiveGroup {
        id: id(number),
        display_name: name.to_owned(),
        description: None,
        mail_nickname: None,
        unique_name: None,
        kind: GroupKind::Security,
        role_assignable: false,
        owners: vec![user("root", 9)],
        members,
    }
}

/// `dev` is as asked but for the app; `externals`, called `contractors` since, has nobody of its list; `all` is not there.
fn tenant() -> Tenant {
    let contractors = group("externals", 12, vec![user("carol", 3)]);
    let dev = group("dev", 11, vec![user("hayden", 1), nested(&contractors)]);
    Tenant {
        id: "8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f".parse().unwrap(),
        domain: None,
        identity: OwnIdentity { id: id(90), app: None, label: String::new() },
        marked: BTreeMap::from([("dev".parse().unwrap(), dev), ("externals".parse().unwrap(), contractors)]),
        by_id: BTreeMap::new(),
        directory: BTreeMap::new(),
        deleted: BTreeMap::new(),
        deleted_unreadable: None,
        by_display_name: BTreeMap::new(),
        other_configs: BTreeSet::new(),
    }
}

fn called(people: &People<'_>, node: &Node) -> String {
    match node {
        Node::Person(who) => people.person(who).name.to_string(),
        Node::Group(id) => people.group(id).and_then(|group| group.key).map_or(format!("{id:?}"), ToString::to_string),
    }
}

/// Every group that somebody is in, with the way.
fn shown(people: &People<'_>, who: &Who) -> String {
    let mut text = String::new();
    for (group, way) in &people.groups_of(&BTreeSet::from([who.clone()]))[who] {
        let way: Vec<String> = way
            .iter()
            .map(|step| {
                let line = step.origin.map_or("live".to_owned(), ToString::to_string);
                format!("{} ({line})", called(people, &step.member))
            })
            .collect();
        writeln!(text, "{}: {}", called(people, &Node::Group(group.clone())), way.join(" > ")).unwrap();
    }
    text
}

fn named(name: &str) -> Who {
    Who::Named(PrincipalName::User(format!("{name}@contoso.com").parse().unwrap()))
}

#[test]
fn by_the_files_alone_groups_hold_each_other_without_end() {
    let mut desired = desired();
    // The check refuses this; whoever only asks must come to an end all the same.
    let contractors = desired.groups.get_mut(&"contractors".parse::<GroupKey>().unwrap()).unwrap();
    let at = contractors.origin.clone();
    contractors.members.insert(PrincipalName::Group("all".parse().unwrap()), at);
    let people = People::asked(&desired);
    assert_snapshot!(shown(&people, &named("sam")), @"
    all: sam@contoso.com (rolecall.yaml:17) > contractors (rolecall.yaml:13) > dev (rolecall.yaml:9)
    contractors: sam@contoso.com (rolecall.yaml:17)
    dev: sam@contoso.com (rolecall.yaml:17) > contractors (rolecall.yaml:13)
    ");
    assert_snapshot!(shown(&people, &named("nobody")), @"");
    let (everybody, unread) = people.everybody_in(people.id_of(&"dev".parse().unwrap()).unwrap());
    assert_eq!((everybody.len(), unread.len()), (4, 0));
}

#[test]
fn the_live_groups_are_as_they_are_and_say_which_line_asks_for_it() {
    let (desired, tenant) = (desired(), tenant());
    let answers = GroupAnswers {
        above: BTreeMap::from([(id(11), Above::Read(vec![OuterGroup { id: id(30), display_name: "Outer".into() }]))]),
        ..GroupAnswers::default()
    };
    let people = People::live(&desired, &tenant, &answers);
    assert_snapshot!(shown(&people, &Who::Id(id(3))), @"
    dev: carol@contoso.com (live) > contractors (rolecall.yaml:13)
    contractors: carol@contoso.com (live)
    Known(ObjectId(00000000-0000-0000-0000-00000000001e)): carol@contoso.com (live) > contractors (rolecall.yaml:13) > dev (live)
    ");
    let outer = Identity::Known(id(30));
    let (everybody, unread) = people.everybody_in(&outer);
    assert_eq!((everybody.len(), unread), (2, BTreeSet::from([outer])));
    assert_eq!(people.find(&PrincipalName::Group("all".parse().unwrap())), None);
}

fn edge(group: &str, number: u128, who: &LivePrincipal) -> Edge {
    Edge {
        group: group.parse().unwrap(),
        group_id: Identity::Known(id(number)),
        principal: who.name.clone(),
        principal_id: Identity::Known(who.id),
        kind: who.kind,
    }
}

#[test]
fn a_plan_adds_takes_away_and_makes_groups() {
    let (desired, tenant) = (desired(), tenant());
    let answers = GroupAnswers::default();
    let (dev, all) = ("dev".parse::<GroupKey>().unwrap(), "all".parse::<GroupKey>().unwrap());
    let made = crate::state::Group {
        key: all.clone(),
        id: Identity::AfterApply(all.clone()),
        display_name: "all".to_owned(),
        description: None,
        mail_nickname: None,
        unique_name: None,
        first_owner: None,
    };
    let put_in = Edge {
        group: all.clone(),
        group_id: made.id.clone(),
        principal: PrincipalName::Group(dev.clone()),
        principal_id: Identity::Known(id(11)),
        kind: PrincipalKind::Group,
    };
    let carol = user("carol", 3);
    let changes = [
        Change::new(Address::Group(all.clone()), Operation::Create { after: Resource::Group(made) }),
        Change::new(
            Address::Member(all, put_in.principal.clone()),
            Operation::Create { after: Resource::Member(put_in) },
        ),
        Change::new(
            Address::Member("contractors".parse().unwrap(), carol.name.clone()),
            Operation::Delete { before: Resource::Member(edge("contractors", 12, &carol)) },
        ),
        Change::new(
            Address::Member(dev.clone(), user("sam", 2).name),
            Operation::Create { after: Resource::Member(edge("dev", 11, &user("sam", 2))) },
        ),
    ];
    let people = People::planned(&desired, &tenant, &answers, &changes);
    assert_snapshot!(shown(&people, &Who::Id(id(3))), @"");
    assert_snapshot!(shown(&people, &Who::Id(id(2))), @"
    dev: sam@contoso.com (live)
    all: sam@contoso.com (live) > dev (rolecall.yaml:9)
    ");
    let gone = crate::state::Group {
        key: dev.clone(),
        id: Identity::Known(id(11)),
        display_name: "dev".to_owned(),
        description: None,
        mail_nickname: None,
        unique_name: None,
        first_owner: None,
    };
    let changes = [Change::new(Address::Group(dev), Operation::Delete { before: Resource::Group(gone) })];
    let people = People::planned(&desired, &tenant, &answers, &changes);
    assert_snapshot!(shown(&people, &Who::Id(id(1))), @"");
    assert_snapshot!(shown(&people, &Who::Id(id(3))), @"contractors: carol@contoso.com (live)");
}

#[test]
fn a_token_carries_groups_of_people_and_not_of_apps_and_none_where_there_are_too_many() {
    let mut desired = desired();
    let alpha = desired.environments.first_entry().unwrap().get().clone();
    let people = People::asked(&desired);
    let token = |who: &Who, environment: &DesiredEnvironment| {
        let ways = people.groups_of(&BTreeSet::from([who.clone()])).remove(who).unwrap();
        people.token(who, &ways, environment)
    };
    let sam = token(&named("sam"), &alpha);
    assert_eq!(sam.groups.len(), 3);
    assert_eq!(sam.caller.user, "sam@contoso.com");
    assert!(sam.caller.groups.contains(&SubjectName::Known("system:authenticated".to_owned())));
    let mut direct = alpha.clone();
    direct.tokens.claim = GroupsClaim::AssignedGroups;
    assert_eq!(token(&named("sam"), &direct).groups.len(), 1);
    let app = PrincipalName::ServicePrincipal("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d".parse().unwrap());
    let app = token(&Who::Named(app), &alpha);
    assert_eq!((app.groups.len(), app.without_groups), (0, Some(WithoutGroups::Application)));
    let mut upn = alpha.clone();
    upn.tokens.users = UserNaming::UserPrincipalName;
    upn.tokens.users_prefix = "entra:".to_owned();
    assert_eq!(token(&named("sam"), &upn).caller.user, "entra:sam@contoso.com");
    for number in 0..GROUPS_IN_A_TOKEN {
        let block = desired.groups[&"contractors".parse::<GroupKey>().unwrap()].clone();
        let block = DesiredGroup { previously: BTreeMap::new(), ..block };
        desired.groups.insert(format!("more-{number}").parse().unwrap(), block);
    }
    let people = People::asked(&desired);
    let ways = people.groups_of(&BTreeSet::from([named("sam")])).remove(&named("sam")).unwrap();
    let token = people.token(&named("sam"), &ways, &alpha);
    assert_eq!((token.groups.len(), token.without_groups), (0, Some(WithoutGroups::Overage(203))));
    // Where tokens carry assigned groups, too many are no reason: which of them are assigned is not known.
    let token = |environment| people.token(&named("sam"), &ways, environment);
    assert_eq!((token(&direct).groups.len(), token(&direct).without_groups), (201, None));
    assert_eq!(token(&alpha).without_groups, Some(WithoutGroups::Overage(203)));
}

#[test]
fn a_cluster_means_groups_by_id_or_by_name() {
    let (mut desired, mut tenant) = (desired(), tenant());
    tenant.by_id.insert(id(40), Some(group("dev", 40, Vec::new())));
    let mut alpha = desired.environments.first_entry().unwrap().get().clone();
    alpha.tokens.groups_prefix = "entra:".to_owned();
    let answers = GroupAnswers::default();
    let people = People::live(&desired, &tenant, &answers);
    let means = |tokens: &crate::state::TokenNaming, name: &str| -> Vec<ObjectId> {
        let name = SubjectName::Known(name.to_owned());
        people.called(&name, tokens).filter_map(|group| group.id.known()).collect()
    };
    assert_eq!(means(&alpha.tokens, &format!("entra:{}", id(11))), [id(11)]);
    assert_eq!(means(&alpha.tokens, &format!("entra:{}", id(11).to_string().to_uppercase())), []);
    assert_eq!(means(&alpha.tokens, "entra:dev"), []);
    alpha.tokens.groups = crate::state::GroupNaming::DisplayName;
    assert_eq!(means(&alpha.tokens, "entra:dev"), [id(11), id(40)]);
    assert_eq!(means(&alpha.tokens, "dev"), []);
}
