//! How public clients write what ours does not (entra.md §2.3, §8).

use super::*;

#[tokio::test]
async fn a_body_may_say_that_it_is_a_group() {
    let world = World::new(&people(&[]));
    let typed = |kind: &str| {
        let mut body = new_group("g");
        body["@odata.type"] = json!(kind);
        body
    };
    insta::assert_snapshot!(world.post("groups", typed("#microsoft.graph.user")).await.said(), @r##"400 BadRequest: A group of the type "#microsoft.graph.user" is none."##);
    assert_eq!(world.post("groups", typed("#microsoft.graph.group")).await.status, 201);
    let body = json!({"@odata.type": "#microsoft.graph.group", "displayName": "h"});
    assert_eq!(world.patch(&format!("groups/{}", world.group("g")), body).await.status, 204);
    world.group("h");
}

#[tokio::test]
async fn the_namespace_of_a_cast_is_written_long_or_short() {
    let seed = with_group(people(&["hayden"]), "g", |group| group.members = vec![member("hayden")]);
    let world = World::new(&with_group(seed, "gone", |_| {}));
    world.delete(&format!("groups/{}", world.group("gone"))).await;
    for namespace in ["graph", "microsoft.graph"] {
        let members = world.get(&format!("groups/{}/members/{namespace}.user", world.group("g"))).await;
        assert_eq!(members.body["value"].as_array().map(Vec::len), Some(1), "{namespace}");
        let deleted = world.get(&format!("directory/deletedItems/{namespace}.group")).await;
        assert_eq!(deleted.body["value"].as_array().map(Vec::len), Some(1), "{namespace}");
    }
    assert_eq!(world.get(&format!("groups/{}/members/graph.device", world.group("g"))).await.status, 501);
}

#[tokio::test]
async fn a_batch_takes_neither_origin_nor_version_in_its_addresses() {
    let world = World::new(&people(&["hayden"]));
    for url in [format!("{ORIGIN}/v1.0/users"), "/v1.0/users".to_owned()] {
        let requests = json!({"requests": [{"id": "1", "method": "GET", "url": url}]});
        let reply = world.post("$batch", requests).await;
        let status = reply.body["responses"][0]["status"].as_u64();
        assert!(status.is_some_and(|status| status >= 400), "{url}: {reply:?}");
    }
}
