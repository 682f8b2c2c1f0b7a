//! Lists, selectors and pages.

use super::*;

async fn world_with_roles(names: &[&str]) -> World {
    let world = World::new();
    for name in names {
        let mut role = role(name, "get");
        role["metadata"]["labels"] = json!({ "listed": "yes", "name": name });
        world.post(&format!("{RBAC}/clusterroles"), role).await.ok();
    }
    world
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

fn encoded(selector: &str) -> String {
    percent_encoding::utf8_percent_encode(selector, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn items_are_sorted_and_carry_no_kind_of_their_own() {
    let world = world_with_roles(&["c", "a", "b"]).await;
    let list = world.get(&format!("{RBAC}/clusterroles?labelSelector=listed%3Dyes")).await.ok();
    assert_eq!((&list["kind"], names(&list)), (&json!("ClusterRoleList"), vec!["a", "b", "c"]));
    assert_eq!(list["items"][0].get("kind"), None);
    assert!(list["metadata"].get("continue").is_none());
}

#[tokio::test]
async fn pages_hold_together_while_objects_come_and_go() {
    let world = world_with_roles(&["a", "b", "c", "d"]).await;
    let page = async |token: &str| {
        let path = format!("{RBAC}/clusterroles?labelSelector=listed%3Dyes&limit=2&continue={token}");
        world.get(&path).await.ok()
    };
    let first = page("").await;
    assert_eq!(names(&first), ["a", "b"]);
    let token = first["metadata"]["continue"].as_str().unwrap();

    world.delete(&format!("{RBAC}/clusterroles/d"), None).await.ok();
    world.merge(&format!("{RBAC}/clusterroles/c"), json!({ "metadata": { "labels": { "listed": "no" } } })).await.ok();
    let mut late = role("bb", "get");
    late["metadata"]["labels"] = json!({ "listed": "yes" });
    world.post(&format!("{RBAC}/clusterroles"), late).await.ok();

    let second = page(token).await;
    assert_eq!(names(&second), ["c", "d"], "as they were when the first page was read");
    assert_eq!(version(&first), version(&second));
    // More roles follow; that none of them is selected is found out on a page of its own.
    let last = page(second["metadata"]["continue"].as_str().unwrap()).await;
    assert!(names(&last).is_empty());
    assert_eq!(last["metadata"].get("continue"), None);
}

#[tokio::test]
async fn how_many_remain_is_known_without_selectors_only() {
    let world = World::new();
    let whole = world.get(&format!("{RBAC}/clusterroles")).await.ok();
    let total = whole["items"].as_array().unwrap().len();
    let page = world.get(&format!("{RBAC}/clusterroles?limit=2")).await.ok();
    assert_eq!(page["metadata"]["remainingItemCount"], total - 2);
    let selected =
        world.get(&format!("{RBAC}/clusterroles?limit=2&labelSelector=kubernetes.io%2Fbootstrapping")).await.ok();
    assert!(selected["metadata"]["continue"].is_string());
    assert_eq!(selected["metadata"].get("remainingItemCount"), None);
}

#[tokio::test]
async fn a_token_from_before_a_compaction_is_expired_and_says_how_to_go_on() {
    let world = world_with_roles(&["a", "b", "c"]).await;
    let path = format!("{RBAC}/clusterroles?labelSelector=listed%3Dyes&limit=2");
    let first = world.get(&path).await.ok();
    let next = format!("{path}&continue={}", first["metadata"]["continue"].as_str().unwrap());
    world.shared.store.write(ClusterState::compact).unwrap();
    world.get(&next).await.ok();
    world.post(&format!("{RBAC}/clusterroles"), role("z", "get")).await.ok();
    world.shared.store.write(ClusterState::compact).unwrap();
    let gone = world.get(&next).await;
    assert!(gone.refused(410, "Expired").starts_with("The provided continue parameter is too old to display"));
    let restart = gone.body["metadata"]["continue"].as_str().unwrap();
    assert_eq!(names(&world.get(&format!("{path}&continue={restart}")).await.ok()), ["c"]);
}

#[tokio::test]
async fn tokens_and_versions_from_nowhere_are_refused() {
    let world = World::new();
    let list = async |query: &str| world.get(&format!("{RBAC}/clusterroles?{query}")).await;
    let garbage = list("continue=garbage").await;
    assert!(garbage.refused(400, "BadRequest").starts_with("invalid continue token: continue key is not valid: "));
    let future = list("resourceVersion=999999").await;
    assert!(future.refused(504, "Timeout").starts_with("Timeout: Too large resource version: 999999, current: "));
    list("resourceVersion=abc").await.refused(400, "BadRequest");
    list("resourceVersionMatch=Exact").await.refused(422, "Invalid");
    assert_eq!(list("limit=abc").await.refused(400, "BadRequest"), "strconv.ParseInt: parsing \"abc\": invalid syntax");
    list("resourceVersion=0&limit=-1").await.ok();
}

#[tokio::test]
async fn labels_are_selected_by_every_operator() {
    let world = world_with_roles(&["a", "b", "c"]).await;
    let select = async |selector: &str| {
        let path = format!("{RBAC}/clusterroles?labelSelector={}", encoded(&format!("listed,{selector}")));
        names(&world.get(&path).await.ok()).join("")
    };
    assert_eq!(select("name=a").await, "a");
    assert_eq!(select("name==a").await, "a");
    assert_eq!(select("name!=a").await, "bc");
    assert_eq!(select("name in (a, c)").await, "ac");
    assert_eq!(select("name notin (a,c)").await, "b");
    assert_eq!(select("!name").await, "");
    assert_eq!(select("other notin (x)").await, "abc", "a label that is not there is in no list");
}

#[tokio::test]
async fn a_selector_that_cannot_be_read_is_refused() {
    let world = World::new();
    for (selector, message) in [
        ("a===b", "unable to parse requirement: found '=', expected: identifier"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("a=b,", "found '', expected: identifier after ','"),
        ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
    ] {
        let answer = world.get(&format!("{RBAC}/clusterroles?labelSelector={}", encoded(selector))).await;
        assert_eq!(answer.refused(400, "BadRequest"), message);
    }
    let field = world.get(&format!("{RBAC}/clusterroles?fieldSelector=foo%3Dbar")).await;
    assert_eq!(
        field.refused(400, "BadRequest"),
        "\"foo\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    );
}

#[tokio::test]
async fn objects_are_selected_by_name_and_namespace() {
    let world = World::new();
    world.post(&format!("{RBAC}/namespaces/trinity/rolebindings"), binding("b", "view", "g")).await.ok();
    let list = async |path: &str| {
        let list = world.get(&format!("{RBAC}/{path}")).await.ok();
        names(&list).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list("clusterroles?fieldSelector=metadata.name%3Dview").await, ["view"]);
    assert_eq!(list("namespaces/trinity/rolebindings").await, ["b"]);
    assert_eq!(list("rolebindings?fieldSelector=metadata.namespace%3Dtrinity").await, ["b"]);
    assert!(list("rolebindings").await.len() > 1);
    assert!(list("namespaces/nowhere/rolebindings").await.is_empty());
}
