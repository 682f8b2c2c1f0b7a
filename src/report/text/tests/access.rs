//! The first part of a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::access::difference::{
    AccessDifference, AccessEffect, AccessRow, Bearing, Cause, GroupLabel, Somebody, Standing, Unseen, Via,
};
use crate::state::power::Way;
use crate::state::{EnvironmentName, Namespace, RoleKind, RoleRef};

fn role(name: &str) -> RoleRef {
    RoleRef { kind: RoleKind::ClusterRole, name: name.to_owned() }
}

fn person(name: &str) -> Somebody {
    Somebody::Person { name: user(&format!("{name}@contoso.com")), id: Some(id("7d1a")), disabled: false }
}

fn way(standing: Standing, group: GroupLabel, cause: Option<Cause>, of: &str) -> Via {
    Via { standing, groups: vec![group], causes: cause.into_iter().collect(), role: role(of), namespace: None }
}

fn row(who: Vec<Somebody>, place: (&str, Option<&str>), effect: AccessEffect, roles: (&[&str], &[&str])) -> AccessRow {
    AccessRow {
        who: who.into_iter().collect(),
        environment: place.0.parse::<EnvironmentName>().unwrap(),
        namespace: place.1.map(|name| name.parse::<Namespace>().unwrap()),
        effect,
        leads: BTreeSet::new(),
        bearing: Bearing::Token,
        before: roles.0.iter().map(|name| role(name)).collect(),
        after: roles.1.iter().map(|name| role(name)).collect(),
        gained: Vec::new(),
        lost: Vec::new(),
        via: BTreeSet::new(),
        holds: Arc::default(),
    }
}

fn shown(difference: AccessDifference, layout: Layout) -> String {
    let text = plan(&empty_plan(), &Context { access: Arc::new(difference), ..Context::default() }, layout);
    text.lines().filter(|line| !line.starts_with("No changes.")).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Something of everything.
fn everything() -> AccessDifference {
    let ours = |name: &str| GroupLabel::Key(key(name));
    let member = || Some(Cause::Member);
    let other = GroupLabel::Other(id("91be"), Some("Payments \"all\"".to_owned()));
    let many = (0..12).map(|number| person(&format!("dev{number}"))).collect();
    let patch = PolicyRule {
        api_groups: vec!["apps".to_owned()],
        resources: vec!["deployments".to_owned()],
        verbs: vec!["patch".to_owned()],
        ..PolicyRule::default()
    };
    let rows = vec![
        AccessRow {
            leads: [Way::All].into(),
            via: [way(Standing::New, ours("platform-admins"), member(), "cluster-admin")].into(),
            ..row(vec![person("erin")], ("prod", None), AccessEffect::Gains, (&["view"], &["cluster-admin"]))
        },
        AccessRow {
            via: [way(Standing::New, ours("devs"), Some(Cause::Binding), "view")].into(),
            ..row(many, ("alpha", Some("trinity")), AccessEffect::Gains, (&[], &["view"]))
        },
        AccessRow {
            via: [way(Standing::Gone, ours("payments-dev"), member(), "edit")].into(),
            ..row(vec![person("sam")], ("alpha", Some("payments")), AccessEffect::Loses, (&["edit"], &[]))
        },
        AccessRow {
            via: [
                way(Standing::Gone, ours("payments-dev"), member(), "edit"),
                way(Standing::Kept, other, None, "edit"),
            ]
            .into(),
            ..row(vec![person("carol")], ("alpha", Some("payments")), AccessEffect::Same, (&["edit"], &["edit"]))
        },
        AccessRow {
            lost: vec![patch],
            via: [way(Standing::Changed, ours("sre"), Some(Cause::Role), "restarter-0a1b2c3d4e")].into(),
            ..row(
                vec![person("mika")],
                ("prod", Some("trinity")),
                AccessEffect::Loses,
                (&["restarter-0a1b2c3d4e"], &["restarter-0a1b2c3d4e"]),
            )
        },
        AccessRow {
            bearing: Bearing::Owner(ours("devs")),
            via: [way(Standing::New, ours("devs"), None, "view")].into(),
            ..row(vec![person("kim")], ("alpha", Some("trinity")), AccessEffect::Gains, (&[], &["view"]))
        },
        AccessRow {
            bearing: Bearing::Owner(ours("devs")),
            via: [way(Standing::Gone, ours("devs"), None, "view")].into(),
            ..row(vec![person("lea")], ("alpha", Some("trinity")), AccessEffect::Loses, (&["view"], &[]))
        },
        AccessRow {
            bearing: Bearing::OwningApp(ours("devs")),
            via: [way(Standing::New, ours("devs"), None, "view")].into(),
            ..row(
                vec![Somebody::Person {
                    name: PrincipalName::ServicePrincipal(id("4b5c").to_string().parse().unwrap()),
                    id: None,
                    disabled: false,
                }],
                ("alpha", Some("trinity")),
                AccessEffect::Gains,
                (&[], &["view"]),
            )
        },
        AccessRow {
            bearing: Bearing::NoGroups,
            via: [way(Standing::New, ours("pipelines"), member(), "edit")].into(),
            ..row(
                vec![Somebody::Person {
                    name: PrincipalName::ServicePrincipal(id("2b3c").to_string().parse().unwrap()),
                    id: None,
                    disabled: false,
                }],
                ("alpha", Some("data")),
                AccessEffect::Same,
                (&[], &["edit"]),
            )
        },
        AccessRow {
            bearing: Bearing::TooManyGroups(231),
            via: [way(Standing::New, ours("devs"), member(), "view")].into(),
            ..row(vec![person("mallory")], ("alpha", Some("trinity")), AccessEffect::Same, (&[], &["view"]))
        },
        AccessRow {
            bearing: Bearing::TooManyGroups(231),
            via: [way(Standing::Gone, ours("devs"), member(), "view")].into(),
            ..row(vec![person("mike")], ("alpha", Some("trinity")), AccessEffect::Same, (&["view"], &[]))
        },
        AccessRow {
            via: [way(Standing::New, GroupLabel::Named("system:authenticated".to_owned()), Some(Cause::Role), "view")]
                .into(),
            ..row(
                vec![
                    Somebody::AnyoneIn(GroupLabel::Named("system:authenticated".to_owned())),
                    Somebody::ServiceAccount { namespace: "argocd".to_owned(), name: "controller".to_owned() },
                    Somebody::User("root \u{1b}[2J".to_owned()),
                ],
                ("alpha", None),
                AccessEffect::Both,
                (&["edit"], &["view"]),
            )
        },
    ];
    AccessDifference {
        rows,
        unseen: [
            Unseen::Cluster("dr".parse().unwrap()),
            Unseen::Members(ours("all-staff"), "it is \u{202e}hidden".to_owned()),
            Unseen::Above(ours("devs"), "403".to_owned()),
            Unseen::Restored(key("old-devs")),
            Unseen::NoGroup("alpha".parse().unwrap(), id("dead")),
        ]
        .into(),
        role_keys: BTreeMap::from([(
            ("prod".parse().unwrap(), role("restarter-0a1b2c3d4e")),
            "restarter".parse().unwrap(),
        )]),
    }
}

#[test]
fn everything_that_may_happen_to_people() {
    insta::assert_snapshot!(shown(everything(), WIDE), @r#"
    Access: 13 people gain, 2 lose, 2 gain and lose, 1 can make themselves a member, 1 can no longer make themselves a
    member, 3 unchanged, 1 comes to cluster-admin or its like; 1 app gains and loses, 1 can put anybody in a group, 1
    unchanged
      who                                where           before     after          via
    ! erin@contoso.com                   prod            view       cluster-admin  platform-admins (new member)
    + 12 people                          alpha/trinity   -          view           devs (new binding)
        dev0@contoso.com, dev10@contoso.com, dev11@contoso.com, dev1@contoso.com, dev2@contoso.com, dev3@contoso.com and 6
            more; `--output json` names each
    ~ anyone in system:authenticated     alpha           edit       view           system:authenticated (role view changes)
    ~ service account argocd/controller  alpha           edit       view           system:authenticated (role view changes)
    ~ user "root \u{1b}[2J"              alpha           edit       view           system:authenticated (role view changes)
    - mika@contoso.com                   prod/trinity    restarter  restarter      sre (role restarter changes)
        loses patch: deployments (apps)
    - sam@contoso.com                    alpha/payments  edit       -              payments-dev (removed)
    = carol@contoso.com                  alpha/payments  edit       edit
        payments-dev (removed); still through "Payments \"all\"" (91be…)
    = mallory@contoso.com                alpha/trinity              (view)
        devs (new member); worth nothing while in 231 groups: of more than 200 a token carries none
    = mike@contoso.com                   alpha/trinity   (view)     -
        devs (removed); worth nothing while in 231 groups: of more than 200 a token carries none
    = service principal of app 2b3c0000-0000-0000-0000-000000000001
                                         alpha/data                 (edit)
        pipelines (new member); worth nothing to an app, whose tokens carry no groups
    + kim@contoso.com                    alpha/trinity              (owner)        devs: can make themselves a member
    + service principal of app 4b5c0000-0000-0000-0000-000000000001
                                         alpha/trinity              (owner)
        devs: can put anybody in it
    - lea@contoso.com                    alpha/trinity   (owner)    -
        devs: can no longer make themselves a member
      A token that was issued before keeps its groups until it ends, about an hour: until then whoever leaves a group has
      what it gives.
    ? what this means on dr was not seen: not read
    ? who is in group all-staff is not known: it is \u{202e}hidden
    ? which groups devs is in is not known, nor what whoever joins or leaves it has by those: 403
    ? group old-devs comes back with members that cannot be read before: they have again whatever is bound to it
    ? alpha has a binding for group dead0000-0000-0000-0000-000000000001, which Entra does not have
    "#);
}

#[test]
fn the_same_on_a_narrow_screen() {
    insta::assert_snapshot!(shown(everything(), NARROW), @r#"
    Access: 13 people gain, 2 lose, 2 gain and lose, 1 can make themselves a member,
    1 can no longer make themselves a member, 3 unchanged, 1 comes to cluster-admin
    or its like; 1 app gains and loses, 1 can put anybody in a group, 1 unchanged
      who                                where           before     after
    ! erin@contoso.com                   prod            view       cluster-admin
        platform-admins (new member)
    + 12 people                          alpha/trinity   -          view
        devs (new binding)
        dev0@contoso.com, dev10@contoso.com, dev11@contoso.com, dev1@contoso.com,
            dev2@contoso.com, dev3@contoso.com and 6 more; `--output json` names
            each
    ~ anyone in system:authenticated     alpha           edit       view
        system:authenticated (role view changes)
    ~ service account argocd/controller  alpha           edit       view
        system:authenticated (role view changes)
    ~ user "root \u{1b}[2J"              alpha           edit       view
        system:authenticated (role view changes)
    - mika@contoso.com                   prod/trinity    restarter  restarter
        sre (role restarter changes)
        loses patch: deployments (apps)
    - sam@contoso.com                    alpha/payments  edit       -
        payments-dev (removed)
    = carol@contoso.com                  alpha/payments  edit       edit
        payments-dev (removed); still through "Payments \"all\"" (91be…)
    = mallory@contoso.com                alpha/trinity              (view)
        devs (new member); worth nothing while in 231 groups: of more than 200 a
            token carries none
    = mike@contoso.com                   alpha/trinity   (view)     -
        devs (removed); worth nothing while in 231 groups: of more than 200 a token
            carries none
    = service principal of app 2b3c0000-0000-0000-0000-000000000001
                                         alpha/data                 (edit)
        pipelines (new member); worth nothing to an app, whose tokens carry no
            groups
    + kim@contoso.com                    alpha/trinity              (owner)
        devs: can make themselves a member
    + service principal of app 4b5c0000-0000-0000-0000-000000000001
                                         alpha/trinity              (owner)
        devs: can put anybody in it
    - lea@contoso.com                    alpha/trinity   (owner)    -
        devs: can no longer make themselves a member
      A token that was issued before keeps its groups until it ends, about an hour:
      until then whoever leaves a group has what it gives.
    ? what this means on dr was not seen: not read
    ? who is in group all-staff is not known: it is \u{202e}hidden
    ? which groups devs is in is not known, nor what whoever joins or leaves it has
          by those: 403
    ? group old-devs comes back with members that cannot be read before: they have
          again whatever is bound to it
    ? alpha has a binding for group dead0000-0000-0000-0000-000000000001, which
          Entra does not have
    "#);
    let few = everything().rows.into_iter().take(1).collect();
    let few = AccessDifference { rows: few, ..AccessDifference::default() };
    insta::assert_snapshot!(shown(few, NARROW), @"
    Access: 1 person gains, 1 comes to cluster-admin or its like
      who               where  before  after          via
    ! erin@contoso.com  prod   view    cluster-admin  platform-admins (new member)
    ");
}

#[test]
fn nothing_is_said_where_nothing_changes() {
    assert_eq!(shown(AccessDifference::default(), WIDE), "");
}

#[test]
fn what_happens_in_many_places_is_one_line() {
    let rows = (0..9).map(|number| AccessRow {
        via: [way(Standing::New, GroupLabel::Key(key("devs")), Some(Cause::Member), "view")].into(),
        ..row(vec![person("lea")], (&format!("dev{number}"), None), AccessEffect::Gains, (&[], &["view"]))
    });
    let difference = AccessDifference { rows: rows.collect(), ..AccessDifference::default() };
    insta::assert_snapshot!(shown(difference, WIDE), @r#"
    Access: 1 person gains
      who              where     before  after  via
    + lea@contoso.com  9 places  -       view   devs (new member)
        in dev0, dev1, dev2, dev3, dev4, dev5 and 3 more; `--output json` lists each
    "#);
}
