//! `/groups/delta` (entra.md §2.7).

use std::collections::BTreeSet;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Follows every next link; the values of all pages, how many pages there were, and the delta link.
async fn round(world: &World, path: &str) -> (Vec<Value>, usize, String) {
    let (mut path, mut value, mut pages) = (path.to_owned(), Vec::new(), 0);
    loop {
        let reply = world.get(&path).await;
        assert_eq!(reply.status, 200, "{}", reply.said());
        pages += 1;
        value.extend(reply.body["value"].as_array().unwrap().iter().cloned());
        match (reply.body["@odata.nextLink"].as_str(), reply.body["@odata.deltaLink"].as_str()) {
            (Some(next), None) => next.clone_into(&mut path),
            (None, Some(link)) => return (value, pages, link.to_owned()),
            both => panic!("a page has one of the two links: {both:?}"),
        }
    }
}

/// The round with names for ids.
fn shown(world: &World, value: &[Value]) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap();
    world.graph.store.read(|tenant| {
        for user in tenant.users.values() {
            text = text.replace(&user.id.to_string(), &user.display_name);
        }
        for group in tenant.groups.values() {
            text = text.replace(&group.id.to_string(), &format!("<{}>", group.display_name));
        }
        for deleted in tenant.deleted_groups.values() {
            text = text.replace(&deleted.group.id.to_string(), &format!("<{}>", deleted.group.display_name));
        }
    });
    text
}

fn three_groups() -> World {
    let seed = with_group(people(&["ada", "bea"]), "kept", |group| group.members = vec![member("ada")]);
    World::new(&with_group(with_group(seed, "deleted", |_| {}), "purged", |_| {}))
}

#[tokio::test]
async fn a_round_says_everything_and_the_next_one_what_changed() {
    let world = three_groups();
    let (first, _, link) = round(&world, "groups/delta?$select=displayName,members").await;
    assert_eq!(first.len(), 3);
    let kept = first.iter().find(|group| group["displayName"] == "kept").unwrap();
    assert_eq!(kept["members@delta"][0]["id"], json!(world.user("ada@contoso.com")));
    let (nothing, _, link) = round(&world, &link).await;
    assert_eq!(nothing, Vec::<Value>::new());

    let (kept, deleted, purged) = (world.group("kept"), world.group("deleted"), world.group("purged"));
    let (ada, bea) = (world.user("ada@contoso.com"), world.user("bea@contoso.com"));
    assert_eq!(world.delete(&format!("groups/{kept}/members/{ada}/$ref")).await.status, 204);
    let bind = json!({"members@odata.bind": [reference(bea)]});
    assert_eq!(world.patch(&format!("groups/{kept}"), bind).await.status, 204);
    assert_eq!(world.delete(&format!("groups/{deleted}")).await.status, 204);
    let (changed, _, after) = round(&world, &link).await;
    insta::assert_snapshot!(shown(&world, &changed), @r##"
    [
      {
        "displayName": "kept",
        "id": "<kept>",
        "members@delta": [
          {
            "@odata.type": "#microsoft.graph.user",
            "id": "Bea"
          },
          {
            "@odata.type": "#microsoft.graph.user",
            "@removed": {
              "reason": "deleted"
            },
            "id": "Ada"
          }
        ]
      },
      {
        "@removed": {
          "reason": "changed"
        },
        "id": "<deleted>"
      }
    ]
    "##);
    assert_eq!(world.delete(&format!("groups/{purged}")).await.status, 204);
    assert_eq!(world.delete(&format!("directory/deletedItems/{purged}")).await.status, 204);
    let (changed, _, _) = round(&world, &after).await;
    assert_eq!(changed, [json!({"id": purged, "@removed": {"reason": "deleted"}})]);
    // A link is good more than once.
    assert_eq!(round(&world, &link).await.0.len(), 3);
}

#[tokio::test]
async fn a_restored_group_comes_back_with_its_members() {
    let world = three_groups();
    let group = world.group("kept");
    assert_eq!(world.delete(&format!("groups/{group}")).await.status, 204);
    let (_, _, link) = round(&world, "groups/delta").await;
    let restored = world.post(&format!("directory/deletedItems/{group}/restore"), json!({})).await;
    assert_eq!(restored.status, 200);
    let (changed, _, _) = round(&world, &link).await;
    assert_eq!(changed[0]["displayName"], "kept");
    assert_eq!(changed[0]["members@delta"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn latest_skips_what_is_there_and_minimal_says_only_what_changed() {
    let world = three_groups();
    let reply = world.send("GET", "groups/delta?$deltatoken=latest", &[("Prefer", "return=minimal")], None).await;
    assert_eq!(reply.body["value"], json!([]));
    let link = reply.body["@odata.deltaLink"].as_str().unwrap().to_owned();
    let (group, bea) = (world.group("kept"), world.user("bea@contoso.com"));
    let add = json!({"@odata.id": reference(bea)});
    assert_eq!(world.post(&format!("groups/{group}/members/$ref"), add).await.status, 204);
    let (changed, _, _) = round(&world, &link).await;
    let member = json!({"@odata.type": "#microsoft.graph.user", "id": bea});
    assert_eq!(changed, [json!({"id": group, "members@delta": [member]})]);
}

#[tokio::test]
async fn the_members_of_a_large_group_are_split_and_none_is_lost() {
    let names = (0..2300).map(|number| format!("user{number}")).collect::<Vec<_>>();
    let mut seed = people(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for part in 0..150 {
        seed = with_group(seed, &format!("small{part}"), |group| group.members = vec![member("user1")]);
    }
    let everybody = names.iter().map(|name| member(name)).collect::<Vec<_>>();
    let world = World::new(&with_group(seed, "large", |group| group.members = everybody));
    for path in ["groups/delta", "groups/delta()", "groups/microsoft.graph.delta"] {
        let (value, pages, _) = round(&world, path).await;
        assert!(pages >= 3, "{pages}");
        let large = value.iter().filter(|group| group["id"] == json!(world.group("large"))).collect::<Vec<_>>();
        assert!(large.len() >= 3, "{} pieces", large.len());
        let ids = large.iter().flat_map(|group| group["members@delta"].as_array().unwrap()).map(|item| &item["id"]);
        let ids = ids.map(|id| id.as_str().unwrap()).collect::<Vec<_>>();
        assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (2300, 2300));
        let groups = value.iter().map(|group| group["id"].as_str().unwrap()).collect::<BTreeSet<_>>();
        assert_eq!(groups.len(), 151);
    }
}

#[tokio::test]
async fn what_changes_during_a_round_is_said_again_in_the_next() {
    let mut seed = people(&[]);
    for part in 0..150 {
        seed = with_group(seed, &format!("group{part}"), |_| {});
    }
    let world = World::new(&seed);
    let first = world.get("groups/delta?$select=displayName").await;
    let next = first.body["@odata.nextLink"].as_str().unwrap();
    let said =
        |value: &[Value], id: &Value| value.iter().any(|group| group["id"] == *id && group["displayName"] == "new");
    let listed = first.body["value"].as_array().unwrap();
    let is_listed = |id: &ObjectId| listed.iter().any(|group| group["id"] == json!(id));
    let later = world.graph.store.read(|tenant| *tenant.groups.keys().find(|id| !is_listed(id)).unwrap());
    assert_eq!(world.patch(&format!("groups/{later}"), json!({"displayName": "new"})).await.status, 204);
    let (rest, _, link) = round(&world, next).await;
    let (again, _, _) = round(&world, &link).await;
    assert!(said(&rest, &json!(later)) && said(&again, &json!(later)), "{rest:?} {again:?}");
}

#[tokio::test]
async fn a_link_runs_out_after_a_week_and_is_forgotten_after_a_month() {
    let seed = people(&["ada"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenant.json");
    let at = |later| {
        let store = Store::open(&file, || seed.plant().unwrap()).unwrap();
        World::of(store, Lifetimes::default(), &Faults::default(), later)
    };
    let (_, _, link) = round(&at(Duration::ZERO), "groups/delta").await;
    assert_eq!(at(6 * DAY).get(&link).await.status, 200);
    let gone = at(8 * DAY).get(&link).await;
    let location = gone.header("location").unwrap().to_owned();
    let forgotten = at(31 * DAY).get(&link).await;
    insta::assert_snapshot!([gone.said(), location.clone(), forgotten.said()].join("\n"), @"
    410 syncStateNotFound: The sync state generation is not found; continuing is not possible and full synchronization is needed.
    https://127.0.0.1:8443/v1.0/groups/delta?$deltatoken=
    400 Request_UnsupportedQuery: DeltaLink older than 30 days is not supported.
    ");
    // Where it leads to is a round from the start.
    assert_eq!(at(8 * DAY).get(&location).await.status, 200);
}

#[tokio::test]
async fn options_that_delta_does_not_take_are_refused() {
    let world = three_groups();
    let (_, _, link) = round(&world, "groups/delta?$expand=members").await;
    let mut said = Vec::new();
    for path in [
        "groups/delta?$top=5".to_owned(),
        "groups/delta?$orderby=displayName".to_owned(),
        "groups/delta?$expand=owners".to_owned(),
        "groups/delta?$filter=displayName eq 'x'".to_owned(),
        "groups/delta?$select=nonsense".to_owned(),
        "groups/delta?$deltatoken=nonsense".to_owned(),
        format!("{link}&$select=displayName"),
    ] {
        said.push(world.get(&path).await.said());
    }
    insta::assert_snapshot!(said.join("\n"), @"
    400 Request_UnsupportedQuery: $top is not supported with delta queries.
    400 Request_UnsupportedQuery: $orderby, $search or $count is not supported with delta queries.
    400 Request_UnsupportedQuery: $expand is not supported with delta queries.
    400 Request_UnsupportedQuery: This $filter is not supported with delta queries.
    400 BadRequest: Parsing OData Select and Expand failed: Could not find a property named 'nonsense' on type 'microsoft.graph.group'.
    400 Request_BadRequest: Badly formed token. The deltatoken or skiptoken of this request is not valid.
    400 Request_UnsupportedQuery: The options of a delta query are in its token, and given once.
    ");
    let one = world.group("kept");
    let (value, _, _) = round(&world, &format!("groups/delta?$filter=id eq '{one}'")).await;
    assert_eq!(value.len(), 1);
}

#[tokio::test]
async fn who_may_not_read_members_sees_none_of_them() {
    let mut seed = with_group(people(&["ada"]), "g", |group| group.members = vec![member("ada")]);
    seed.applier.roles = Some(["Group.ReadBasic.All".to_owned()].into());
    let (value, _, _) = round(&World::new(&seed), "groups/delta").await;
    assert_eq!((value.len(), value[0].get("members@delta")), (1, None));
    seed.applier.roles = Some(["User.Read.All".to_owned()].into());
    assert_eq!(World::new(&seed).get("groups/delta").await.status, 403);
}
