//! Saved plans: what is read, what is refused, and what goes on.

use insta::assert_snapshot;

use super::model::refresh;
use super::world::{World, at, environment, in_namespace, key, meta, namespace, nested, principal, rule, subject, who};
use crate::plan::saved::{
    Agreement, FORMAT, NoPlanId, PlanId, Provenance, SavedPlan, SavedPlanError, Why, agree, fingerprint, plan_id,
};
use crate::plan::{Plan, plan};
use crate::state::{
    Change, Failure, FailureKind, GroupNaming, LiveRole, Mark, Membership, Only, Operation, Policy, Resource, Role,
    ScopeTarget, SubjectKind, Target,
};

fn provenance() -> Provenance {
    Provenance { rolecall: "0.1.0".to_owned(), tree: "tree".to_owned(), commit: Some("4f2c1aa".to_owned()) }
}

fn save(world: &World) -> SavedPlan {
    let saved = SavedPlan::new(&world.plan(), &world.policy, provenance());
    SavedPlan::parse(saved.to_json().unwrap().as_bytes()).unwrap()
}

fn fresh(saved: &SavedPlan, world: &World) -> (Plan, Agreement) {
    let policy = Policy { only: saved.only().unwrap(), ..world.policy.clone() };
    let fresh = plan(&world.desired, &world.answered(), &policy);
    let agreement = agree(saved, &fresh, &world.desired, &world.observed);
    (fresh, agreement)
}

/// What an agreement says, one line each.
fn said(saved: &SavedPlan, world: &World) -> String {
    let (_, agreement) = fresh(saved, world);
    let ready = agreement.ready.iter().map(|change| format!("ready {}", change.address));
    let held = agreement.already_held.iter().map(|address| format!("already {address}"));
    let refused = agreement.refused.iter().map(|moved| format!("refused {}: {}", moved.address, moved.why));
    assert_eq!(agreement.holds(), agreement.refused.is_empty());
    ready.chain(held).chain(refused).collect::<Vec<_>>().join("\n")
}

/// A little of everything: a group to create with an owner, a member and a nested group, one to delete, roles and
/// bindings.
fn world() -> World {
    let mut world = World::new();
    world.ask("readers", &["hayden", "group:inner"]).owners = Some([(who("erin"), at(51))].into());
    world.ask("inner", &["sam"]);
    world.live("inner", &[]);
    world.ask("writers", &["carol"]);
    let old = world.live("old", &["sam"]).clone();
    world.live("writers", &["hayden"]).members.push(nested(&old));
    let role = world.role("restarter", vec![rule(&["patch"], &["deployments"])]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    let scope = ScopeTarget::Selector([("team".to_owned(), "trinity".to_owned())].into());
    let mut binding = world.grant("group:writers", "view", scope);
    binding.role = role;
    binding.scope = ScopeTarget::Cluster;
    world.alpha().bindings.push(binding);
    world.bind(None, "left", "view", subject(SubjectKind::User, "somebody"), Mark::Ours);
    world
}

#[test]
fn what_is_saved_is_read_back() {
    let mut world = world();
    world.policy.only = Only([Target::Entra, Target::Environment(environment("alpha"))].into());
    world.acknowledge("group-deleted:old");
    let plan = world.plan();
    let saved = SavedPlan::new(&plan, &world.policy, provenance());
    let read = SavedPlan::parse(saved.to_json().unwrap().as_bytes()).unwrap();
    assert_eq!(read, saved);
    assert_eq!(read.changes, plan.changes);
    assert_eq!(read.plan_id, plan_id(&plan, &[], &[]));
    assert_eq!(read.only().unwrap(), world.policy.only);
}

#[test]
fn a_change_in_a_file_has_a_stable_shape() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.live("readers", &[]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    assert_snapshot!(SavedPlan::new(&world.plan(), &world.policy, provenance()).to_json().unwrap(), @r#"
    {
      "format": "rolecall-saved-plan/3",
      "rolecall": "0.1.0",
      "config": "contoso-platform",
      "tenant": "00000000-0000-0000-0000-00000000007e",
      "tree": "tree",
      "commit": "4f2c1aa",
      "plan_id": "23e57666acc4e1d9c1bb801693ad7251e4fddfc7f788365e14eefb86b98ab9ea",
      "only": [],
      "acknowledged": [],
      "expectations": [],
      "gains": [],
      "changes": [
        {
          "address": {
            "member": [
              "readers",
              {
                "user": "hayden@contoso.com"
              }
            ]
          },
          "operation": {
            "op": "create",
            "after": {
              "member": {
                "group": "readers",
                "group_id": {
                  "known": "00000000-2192-9f10-0000-000000005eed"
                },
                "principal": {
                  "user": "hayden@contoso.com"
                },
                "principal_id": {
                  "known": "00000000-9d42-ae6d-0000-000000005eed"
                },
                "kind": "user"
              }
            }
          },
          "origin": {
            "file": "access.yaml",
            "line": 11
          },
          "requires": [],
          "refers": {},
          "cluster": null,
          "uid": null,
          "resource_version": null,
          "overrules": [],
          "protected": []
        },
        {
          "address": {
            "object": {
              "environment": "alpha",
              "kind": "rolebinding",
              "namespace": "trinity",
              "name": "readers-view-34cb26a8a5"
            }
          },
          "operation": {
            "op": "create",
            "after": {
              "binding": {
                "namespace": "trinity",
                "name": "readers-view-34cb26a8a5",
                "role": {
                  "kind": "ClusterRole",
                  "name": "view"
                },
                "subjects": [
                  {
                    "kind": "Group",
                    "name": {
                      "known": "00000000-2192-9f10-0000-000000005eed"
                    },
                    "namespace": null,
                    "principal": {
                      "group": "readers"
                    }
                  }
                ]
              }
            }
          },
          "origin": {
            "file": "access.yaml",
            "line": 30
          },
          "requires": [],
          "refers": {
            "clusterrole/view": "51b457b89b42b62ac3b982d0e73689bce2e2d6c4ba6d3b0347d37007585ccd09"
          },
          "cluster": "00000000-0000-0000-0000-0000000000a1",
          "uid": null,
          "resource_version": null,
          "overrules": [],
          "protected": []
        }
      ]
    }
    "#);
}

#[test]
fn an_unchanged_world_agrees_and_a_finished_one_holds() {
    let mut world = world();
    let saved = save(&world);
    let (plan, agreement) = fresh(&saved, &world);
    assert_eq!(agreement.ready, plan.changes);
    assert_eq!(agreement.already_held, []);
    assert!(agreement.holds());
    let changes = plan.changes;
    world.apply(&changes);
    let (_, agreement) = fresh(&saved, &world);
    assert_eq!(agreement.ready, []);
    assert_eq!(agreement.already_held.len(), changes.len());
    assert!(agreement.holds(), "{agreement:?}");
}

#[test]
fn after_any_part_of_it_was_applied_the_rest_still_agrees() {
    for naming in [GroupNaming::ObjectId, GroupNaming::DisplayName] {
        let mut world = world();
        world.alpha().tokens.groups = naming;
        world.alpha().tokens.groups_prefix = "entra:".to_owned();
        refresh(&world.desired, &mut world.observed);
        let saved = save(&world);
        let changes = world.plan().changes;
        for done in 0..=changes.len() {
            let mut stopped = world.clone();
            stopped.apply_first(&changes, done);
            let (plan, agreement) = fresh(&saved, &stopped);
            assert!(agreement.holds(), "after {done}: {}", said(&saved, &stopped));
            assert_eq!(agreement.ready.len() + agreement.already_held.len(), changes.len());
            stopped.apply(&plan.changes);
            assert!(stopped.plan().changes.is_empty());
        }
    }
}

#[test]
fn versions_may_move_and_lines_too() {
    let mut world = world();
    let saved = save(&world);
    for live in &mut world.cluster().bindings {
        live.meta.resource_version = "999".to_owned();
    }
    world.ask("readers", &[]).origin = at(99);
    let (_, agreement) = fresh(&saved, &world);
    assert!(agreement.holds());
    let deletion = agreement.ready.iter().find(|change| change.resource_version.is_some()).unwrap();
    assert_eq!(deletion.resource_version.as_deref(), Some("999"), "the fresh precondition is the one to use");
}

#[test]
fn whatever_was_not_approved_is_refused() {
    let saved = save(&world());
    let after = |change: &dyn Fn(&mut World)| {
        let mut world = world();
        change(&mut world);
        let (_, agreement) = fresh(&saved, &world);
        let refused = agreement.refused.iter().map(|moved| format!("{}: {}", moved.address, moved.why));
        assert!(!agreement.holds());
        refused.collect::<Vec<_>>().join("\n")
    };
    let more = after(&|world| {
        world.ask("inner", &[]).members.insert(who("root"), at(12));
    });
    assert_snapshot!(more, @"entra/group/inner/member/root@contoso.com: is asked for now and is not in the saved plan");
    let less = after(&|world| {
        world.ask("inner", &[]).members.clear();
    });
    assert_snapshot!(less, @"entra/group/inner/member/sam@contoso.com: is in the saved plan, is not done, and is not asked for any more");
    let rules = after(&|world| world.cluster().roles[0].role.rules.push(rule(&["delete"], &["pods"])));
    assert_snapshot!(rules, @"
    alpha/rolebinding/trinity/readers-view-34cb26a8a5: relies on what has changed since the plan was saved (clusterrole/view)
    alpha/rolebinding/trinity/writers-view-6e1c7fd71b: relies on what has changed since the plan was saved (clusterrole/view)
    ");
    let namespaces = after(&|world| {
        let labels = [("team".to_owned(), "trinity".to_owned())].into();
        world.cluster().namespaces.insert(namespace("neo"), labels);
    });
    assert_snapshot!(namespaces, @"
    alpha/rolebinding/neo/writers-view-6e1c7fd71b: is asked for now and is not in the saved plan
    alpha/rolebinding/trinity/writers-view-6e1c7fd71b: relies on what has changed since the plan was saved (namespaces/team=trinity)
    ");
    let members = after(&|world| world.live("old", &[]).members.push(principal("carol")));
    assert_snapshot!(members, @"entra/group/old: relies on what has changed since the plan was saved (members)");
    let replaced = after(&|world| world.cluster().bindings[0].meta.uid = "uid-2".to_owned());
    assert_snapshot!(replaced, @"alpha/clusterrolebinding/left: is about an object that has changed since the plan was saved");
    let unread = after(&|world| {
        let failure = Failure::new(FailureKind::Unreachable, "no answer");
        world.observed.clusters.insert(environment("alpha"), Err(failure));
    });
    assert_snapshot!(unread, @"
    entra/group/old: is in the saved plan and is withheld now (still-bound)
    alpha/rolebinding/trinity/readers-view-34cb26a8a5: is in the saved plan, and what it is about could not be read
    alpha/clusterrole/restarter-object: is in the saved plan, and what it is about could not be read
    alpha/clusterrolebinding/left: is in the saved plan, and what it is about could not be read
    alpha/clusterrolebinding/writers-restarter-6be507593b: is in the saved plan, and what it is about could not be read
    alpha/rolebinding/trinity/writers-view-6e1c7fd71b: is in the saved plan, and what it is about could not be read
    ");
}

#[test]
fn a_group_that_somebody_else_made_meanwhile_is_no_promise_kept() {
    let mut world = world();
    let saved = save(&world);
    world.live("readers", &["root"]).owners = vec![principal("root")];
    assert_snapshot!(said(&saved, &world), @"
    ready entra/group/writers/member/carol@contoso.com
    ready entra/group/writers/member/group:old
    ready entra/group/old
    ready entra/group/inner/member/sam@contoso.com
    ready entra/group/writers/member/hayden@contoso.com
    ready alpha/clusterrole/restarter-object
    ready alpha/clusterrolebinding/left
    ready alpha/clusterrolebinding/writers-restarter-6be507593b
    ready alpha/rolebinding/trinity/writers-view-6e1c7fd71b
    refused entra/group/readers: is in the saved plan and is withheld now (not-ours)
    refused entra/group/readers/owner/erin@contoso.com: is in the saved plan and is withheld now (not-ours)
    refused entra/group/readers/member/hayden@contoso.com: is in the saved plan and is withheld now (not-ours)
    refused entra/group/readers/member/group:inner: is in the saved plan and is withheld now (not-ours)
    refused alpha/rolebinding/trinity/readers-view-34cb26a8a5: is in the saved plan and is withheld now (not-ours)
    ");
}

#[test]
fn a_group_that_appeared_with_others_in_it_is_no_promise_kept() {
    // The applier is an owner, so it looks like ours, and neither additive members nor unmanaged owners are taken away.
    let mut before = World::new();
    before.ask("readers", &["hayden"]).membership = Membership::Additive;
    before.grant("group:readers", "view", in_namespace("trinity"));
    let saved = save(&before);
    let after = |members: &[&str], owner: Option<&str>| {
        let mut world = before.clone();
        world.live("readers", members).owners.extend(owner.map(principal));
        said(&saved, &world)
    };
    assert_snapshot!(after(&["hayden"], None), @"
    ready alpha/rolebinding/trinity/readers-view-34cb26a8a5
    already entra/group/readers
    already entra/group/readers/member/hayden@contoso.com
    ");
    assert_snapshot!(after(&["hayden", "root"], None), @"
    already entra/group/readers/member/hayden@contoso.com
    refused alpha/rolebinding/trinity/readers-view-34cb26a8a5: would have another result than the one in the saved plan
    refused entra/group/readers: is in the saved plan, and exists now with other members or owners than that plan gives it
    ");
    assert_snapshot!(after(&[], Some("root")), @"
    refused entra/group/readers/member/hayden@contoso.com: would have another result than the one in the saved plan
    refused alpha/rolebinding/trinity/readers-view-34cb26a8a5: would have another result than the one in the saved plan
    refused entra/group/readers: is in the saved plan, and exists now with other members or owners than that plan gives it
    ");

    // Groups are known by display name: then nothing but the group itself tells.
    before.alpha().tokens.groups = GroupNaming::DisplayName;
    refresh(&before.desired, &mut before.observed);
    let saved = save(&before);
    let mut world = before.clone();
    world.live("readers", &["hayden", "root"]);
    assert_snapshot!(said(&saved, &world), @"
    already entra/group/readers/member/hayden@contoso.com
    refused alpha/rolebinding/trinity/readers-view-34cb26a8a5: relies on what has changed since the plan was saved (group:readers)
    refused entra/group/readers: is in the saved plan, and exists now with other members or owners than that plan gives it
    ");
}

#[test]
fn another_manager_meanwhile_is_not_overruled() {
    let mut world = World::new();
    world.role("restarter", vec![rule(&["get"], &["pods"])]);
    let role = Role {
        namespace: None,
        name: "restarter-object".to_owned(),
        rules: Vec::new(),
        aggregate_to: std::collections::BTreeSet::new(),
    };
    world.cluster().roles.push(LiveRole::new(role, meta(Mark::Ours)));
    let saved = save(&world);
    world.cluster().roles.last_mut().unwrap().meta.other_managers.push("helm".to_owned());
    assert_snapshot!(said(&saved, &world), @"refused alpha/clusterrole/restarter-object: would overrule other field managers than the ones in the saved plan");
}

#[test]
fn what_is_replaced_is_replaced_by_what_was_approved() {
    let mut world = World::new();
    world.bind(None, "left", "view", subject(SubjectKind::User, "somebody"), Mark::Ours);
    let saved = save(&world);
    let (mut plan, _) = fresh(&saved, &world);
    plan.changes[0].replaced_by = Some([plan.changes[0].address.clone()].into());
    let agreement = agree(&saved, &plan, &world.desired, &world.observed);
    assert_eq!(agreement.refused[0].why, Why::OtherReplacement);
}

#[test]
fn an_edited_file_does_nothing() {
    let world = world();
    let text = SavedPlan::new(&world.plan(), &world.policy, provenance()).to_json().unwrap();
    let parse = |text: &str| SavedPlan::parse(text.as_bytes()).unwrap();
    // Another member than the one the files name.
    let (hayden, root) = (principal("hayden").id.to_string(), principal("root").id.to_string());
    let edited = parse(&text.replace(&hayden, &root));
    let (_, agreement) = fresh(&edited, &world);
    assert!(!agreement.holds());
    let refused: Vec<String> =
        agreement.refused.iter().map(|moved| format!("{}: {}", moved.address, moved.why)).collect();
    assert_snapshot!(refused.join("\n"), @"
    entra/group/readers/member/hayden@contoso.com: would have another result than the one in the saved plan
    entra/group/writers/member/hayden@contoso.com: is about an object that has changed since the plan was saved
    ");
    // One change more than the files ask for.
    let mut edited = parse(&text);
    let Some(member) =
        edited.changes.iter().find(|change| change.address.to_string().ends_with("member/sam@contoso.com"))
    else {
        panic!("sam joins inner")
    };
    let mut forged: Change = member.clone();
    forged.address = crate::state::Address::Member(key("inner"), who("root"));
    if let Operation::Create { after: Resource::Member(edge) } = &mut forged.operation {
        edge.principal_id = crate::state::Identity::Known(principal("root").id);
    }
    edited.changes.push(forged);
    let (_, agreement) = fresh(&edited, &world);
    assert_eq!(
        agreement.refused.iter().map(|moved| moved.address.to_string()).collect::<Vec<_>>(),
        ["entra/group/inner/member/root@contoso.com"]
    );
}

#[test]
fn an_applier_may_apply_what_another_identity_planned() {
    let mut world = world();
    let saved = save(&world);
    let other = crate::state::AppId::from(uuid::Uuid::from_u128(0xbb));
    world.desired.appliers.insert(other);
    world.tenant().identity = crate::state::OwnIdentity {
        id: crate::state::ObjectId::from(uuid::Uuid::from_u128(0xbb)),
        app: Some(other),
        label: "writer".to_owned(),
    };
    let (_, agreement) = fresh(&saved, &world);
    assert!(agreement.holds(), "{agreement:?}");
}

#[test]
fn a_file_for_other_access_files_is_refused() {
    let world = world();
    let saved = save(&world);
    assert_eq!(saved.check_target(&world.desired), Ok(()));
    let mut other = world.desired.clone();
    other.config = "other".parse().unwrap();
    assert_snapshot!(saved.check_target(&other).unwrap_err(), @"the saved plan is of the config `contoso-platform`, these files are `other`");
    let mut other = world.desired;
    other.tenant = uuid::Uuid::from_u128(1).into();
    assert_snapshot!(saved.check_target(&other).unwrap_err(), @"the saved plan is for tenant 00000000-0000-0000-0000-00000000007e, these files are for 00000000-0000-0000-0000-000000000001");
}

#[test]
fn what_is_not_understood_in_a_change_is_refused() {
    let text = save(&world()).to_json().unwrap();
    for (place, extra) in [("\"operation\": {", "\"note\": 1,"), ("\"address\": {", "\"note\": 1,")] {
        let edited = text.replacen(place, &format!("{place}{extra}"), 1);
        assert_ne!(edited, text);
        assert!(matches!(SavedPlan::parse(edited.as_bytes()), Err(SavedPlanError::Malformed(_))), "{place}");
    }
    let edited = text.replace("\"requires\"", "\"note\": 1, \"requires\"");
    assert!(matches!(SavedPlan::parse(edited.as_bytes()), Err(SavedPlanError::Malformed(_))));
}

#[test]
fn what_is_no_saved_plan_is_said_to_be_none() {
    let world = world();
    let text = SavedPlan::new(&world.plan(), &world.policy, provenance()).to_json().unwrap();
    let error = |bytes: &[u8]| SavedPlan::parse(bytes).unwrap_err().to_string();
    assert_snapshot!(error(b""), @"this is no saved plan: EOF while parsing a value at line 1 column 0; make one with `rolecall plan --save FILE`");
    assert_snapshot!(error(b"{}"), @"this is no saved plan: missing field `format` at line 1 column 2; make one with `rolecall plan --save FILE`");
    assert_snapshot!(error(b"[1, 2]"), @"this is no saved plan: invalid type: integer `1`, expected a string at line 1 column 2; make one with `rolecall plan --save FILE`");
    assert_snapshot!(error(b"\xff\xfe"), @"this is no saved plan: expected value at line 1 column 1; make one with `rolecall plan --save FILE`");
    assert_snapshot!(error(text.replace(FORMAT, "rolecall-saved-plan/1").as_bytes()), @"the saved plan is of format `rolecall-saved-plan/1`, this version of rolecall reads `rolecall-saved-plan/3`; save the plan again");
    assert_snapshot!(error(text.replace("\"tree\"", "\"three\"").as_bytes()), @"this is no saved plan: unknown field `three`, expected one of `format`, `rolecall`, `config`, `tenant`, `tree`, `commit`, `plan_id`, `only`, `acknowledged`, `expectations`, `gains`, `changes` at line 6 column 9; make one with `rolecall plan --save FILE`");
    assert_snapshot!(error(text.replace("\"delete\"", "\"drop\"").as_bytes()), @"this is no saved plan: unknown variant `drop`, expected one of `create`, `restore`, `update`, `delete` at line 63 column 20; make one with `rolecall plan --save FILE`");
    assert_snapshot!(error(text.replace("\"only\": []", "\"only\": [\"cluster/alpha\"]").as_bytes()), @"this is no saved plan: `cluster/alpha` in `only`: use an environment's name, `entra` or `group/NAME`; make one with `rolecall plan --save FILE`");
    assert_snapshot!(error(text.replace("\"acknowledged\": []", "\"acknowledged\": [\"all\"]").as_bytes()), @"this is no saved plan: `all` in `acknowledged`: write it as the plan prints it: GUARD:SUBJECT; make one with `rolecall plan --save FILE`");
    assert!(error(&text.as_bytes()[..text.len() / 2]).contains("EOF while parsing"));
    let deep = format!("{{\"format\": \"{FORMAT}\", \"changes\": {}", "[".repeat(100_000));
    assert!(SavedPlan::parse(deep.as_bytes()).is_err());
    let mut twice = SavedPlan::parse(text.as_bytes()).unwrap();
    twice.changes.push(twice.changes[0].clone());
    let error = SavedPlan::parse(twice.to_json().unwrap().as_bytes()).unwrap_err();
    assert_eq!(error, SavedPlanError::Duplicate(twice.changes[0].address.clone()));
}

#[test]
fn a_plan_id_is_worked_out_and_covers_preconditions() {
    let mut world = world();
    let plan = world.plan();
    let first = plan_id(&plan, &[], &[]);
    assert_eq!(first.len(), 64);
    assert_eq!(first, plan_id(&world.plan(), &[], &[]));
    world.cluster().bindings[0].meta.resource_version = "8".to_owned();
    assert_ne!(first, plan_id(&world.plan(), &[], &[]), "preconditions are part of it");
    let deletion = |plan: &Plan| plan.changes.iter().find(|change| change.resource_version.is_some()).map(fingerprint);
    assert_eq!(deletion(&plan), deletion(&world.plan()), "and the version is no part of what is approved");
}

#[test]
fn an_id_is_worked_out_of_what_is_in_the_file_and_demanded_whole() {
    let world = world();
    let saved = save(&world);
    assert_eq!(saved.id(), plan_id(&world.plan(), &[], &[]));
    let claimed = save(&world).to_json().unwrap().replace(&saved.id(), &"0".repeat(64));
    assert_eq!(
        SavedPlan::parse(claimed.as_bytes()).unwrap().id(),
        saved.id(),
        "what the file claims counts for nothing"
    );
    assert_eq!(saved.id().to_uppercase().parse::<PlanId>().unwrap().as_str(), saved.id());
    let error = |text: &str| text.parse::<PlanId>().unwrap_err();
    assert_eq!(error(""), NoPlanId::Empty);
    assert_eq!(error("none"), NoPlanId::NoHex);
    assert_eq!(error(&saved.id()[..63]), NoPlanId::Length(63));
    assert_eq!(error(&format!("{}0", saved.id())), NoPlanId::Length(65));
}

#[test]
fn where_the_files_stand_beside_those_of_the_plan() {
    let saved = save(&world());
    let told = |commit: Option<&str>, tree: &str| saved.moved_base(commit, tree).unwrap_or_default();
    assert_eq!(told(Some("4f2c1aa"), "tree"), "");
    assert_eq!(told(Some("9c1d5e2"), "other"), "the plan was saved at 4f2c1aa, the files are at 9c1d5e2");
    assert_eq!(
        told(Some("9c1d5e2"), "tree"),
        "the plan was saved at 4f2c1aa, the files are at 9c1d5e2 (the same files)"
    );
    let edited = "the plan was saved at 4f2c1aa, the files are at 4f2c1aa with edits";
    assert_eq!(told(Some("4f2c1aa-dirty"), "other"), edited);
    assert_eq!(told(None, "other"), "the plan was saved at 4f2c1aa, the files are at no commit (files other)");
}

#[test]
fn an_additive_member_already_there_holds() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]).membership = Membership::Additive;
    world.live("readers", &["sam"]);
    let saved = save(&world);
    world.live("readers", &[]).members.push(principal("hayden"));
    assert_snapshot!(said(&saved, &world), @"already entra/group/readers/member/hayden@contoso.com");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever is read, it is read or refused.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = SavedPlan::parse(&bytes);
    }

    /// A plan of any world survives being saved, and agrees with itself.
    #[test]
    fn any_plan_is_read_back_and_agrees(world in super::generate::world()) {
        let saved = save(&world);
        let (plan, agreement) = fresh(&saved, &world);
        proptest::prop_assert_eq!(&saved.changes, &plan.changes);
        proptest::prop_assert!(agreement.holds(), "{:?}", agreement);
        proptest::prop_assert_eq!(agreement.ready, plan.changes);
    }
}
