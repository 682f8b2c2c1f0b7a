//! `$batch` (entra.md §1.5) and throttling (§1.6).

use super::*;

fn statuses(reply: &Reply) -> Vec<(String, u64)> {
    let responses = reply.body["responses"].as_array().unwrap();
    let each = |item: &Value| (item["id"].as_str().unwrap().to_owned(), item["status"].as_u64().unwrap());
    let mut statuses = responses.iter().map(each).collect::<Vec<_>>();
    statuses.sort();
    statuses
}

fn item<'r>(reply: &'r Reply, id: &str) -> &'r Value {
    reply.body["responses"].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap()
}

#[tokio::test]
async fn items_are_answered_each_for_itself_in_another_order() {
    let seed = with_group(people(&["hayden", "erin"]), "g", |group| group.members = vec![member("hayden")]);
    let world = World::new(&seed);
    let (group, hayden, erin) = (world.group("g"), world.user("hayden@contoso.com"), world.user("erin@contoso.com"));
    let json_body = json!({"Content-Type": "application/json"});
    let reply = world.post("$batch", json!({"requests": [
        {"id": "1", "method": "GET", "url": "/users/hayden@contoso.com?$select=id"},
        {"id": "2", "method": "GET", "url": "groups/nonsense"},
        {"id": "3", "method": "POST", "url": format!("/groups/{group}/members/$ref"), "headers": json_body,
         "body": {"@odata.id": reference(erin)}},
        {"id": "4", "method": "DELETE", "url": format!("/groups/{group}/members/{hayden}/$ref")},
        {"id": "5", "method": "PATCH", "url": format!("/groups/{group}"), "body": {"displayName": "no content type"}},
        {"id": "6", "method": "GET", "url": "/unheard/of"},
    ]})).await;
    assert_eq!(reply.status, 200);
    let order = reply.body["responses"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap());
    assert_ne!(order.collect::<Vec<_>>(), ["1", "2", "3", "4", "5", "6"]);
    let expected = [("1", 200), ("2", 404), ("3", 204), ("4", 204), ("5", 400), ("6", 501)];
    assert_eq!(statuses(&reply), expected.map(|(id, status)| (id.to_owned(), status)));
    assert_eq!(item(&reply, "1")["body"]["id"], json!(hayden));
    assert_eq!(item(&reply, "2")["body"]["error"]["code"], "Request_ResourceNotFound");
    assert!(item(&reply, "3").get("body").is_none(), "204 has no body");
    assert_eq!(item(&reply, "1")["headers"]["x-ms-resource-unit"], "1");
    assert_eq!(reply.header("x-ms-resource-unit"), None, "items are charged, the batch is not");
    assert_eq!(world.list(group, "members").await, ["erin@contoso.com"]);

    let log = reply.note.items.iter().map(|item| format!("{} {} {}", item.method, item.url, item.status));
    let log = log.collect::<Vec<_>>().join("\n");
    let log = log.replace(&group.to_string(), "GROUP").replace(&hayden.to_string(), "HAYDEN");
    insta::assert_snapshot!(log, @"
    GET /users/hayden@contoso.com?$select=id 200
    GET groups/nonsense 404
    POST /groups/GROUP/members/$ref 204
    DELETE /groups/GROUP/members/HAYDEN/$ref 204
    PATCH /groups/GROUP 400
    GET /unheard/of 501
    ");
    assert!(reply.note.items.last().unwrap().not_modelled);
}

#[tokio::test]
async fn a_malformed_batch_is_refused_whole() {
    let world = World::new(&people(&["a"]));
    let get = |id: &str, after: &[&str]| json!({"id": id, "method": "GET", "url": "/users", "dependsOn": after});
    let many = (0..21).map(|number| get(&number.to_string(), &[])).collect::<Vec<_>>();
    let mut said = Vec::new();
    for requests in [
        vec![],
        many.clone(),
        vec![get("a", &[]), get("A", &[])],
        vec![get("1", &[]), get("2", &["3"]), get("3", &[])],
        vec![get("1", &[]), get("2", &["1"]), get("3", &[])],
    ] {
        said.push(world.post("$batch", json!({"requests": requests})).await.said());
    }
    said.push(world.post("$batch", json!({"requests": "none"})).await.said());
    said.push(world.send("POST", "$batch", &[], None).await.said());
    insta::assert_snapshot!(said.join("\n"), @r#"
    400 BadRequest: Invalid batch payload format. It holds 0 requests; 1 to 20 are allowed.
    400 BadRequest: Invalid batch payload format. It holds 21 requests; 1 to 20 are allowed.
    400 BadRequest: Invalid batch payload format. The id 'A' is used twice.
    400 BadRequest: Invalid batch payload format. Request '2' does not depend on just the one before it.
    400 BadRequest: Invalid batch payload format. Some requests depend on others and some do not.
    400 BadRequest: Invalid batch payload format. invalid type: string "none", expected a sequence
    400 BadRequest: Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.
    "#);
    assert_eq!(world.post("$batch", json!({"requests": many[..20]})).await.status, 200);
}

#[tokio::test]
async fn what_depends_on_a_failure_is_not_done() {
    let world = World::new(&with_group(people(&[]), "g", |_| {}));
    let group = world.group("g");
    let reply = world
        .post(
            "$batch",
            json!({"requests": [
                {"id": "1", "method": "GET", "url": "/groups/nonsense"},
                {"id": "2", "method": "DELETE", "url": format!("/groups/{group}"), "dependsOn": ["1"]},
                {"id": "3", "method": "GET", "url": "/groups", "dependsOn": ["2"]},
            ]}),
        )
        .await;
    assert_eq!(statuses(&reply), [("1", 404), ("2", 424), ("3", 424)].map(|(id, status)| (id.to_owned(), status)));
    assert_eq!(world.get(&format!("groups/{group}")).await.status, 200);
}

#[tokio::test]
async fn a_batch_knows_one_token_and_its_own_links() {
    let mut world = World::new(&people(&["a", "b"]));
    let reply = world.post("$batch", json!({"requests": [{"id": "1", "method": "GET", "url": "/users?$top=1"}]})).await;
    let next = item(&reply, "1")["body"]["@odata.nextLink"].as_str().unwrap().to_owned();
    assert!(next.starts_with(&format!("{ORIGIN}/v1.0/users?$top=1&$skiptoken=")), "{next}");
    assert_eq!(world.get(&next).await.body["value"].as_array().map(Vec::len), Some(1));
    world.bearer = "nonsense".to_owned();
    assert_eq!(world.post("$batch", json!({"requests": []})).await.status, 401);
}

#[tokio::test]
async fn throttled_calls_and_items_say_when_to_come_again() {
    let everything = World::faulty(&people(&["a"]), &Faults::throttle(100, 3, 2128));
    let reply = everything.get("users").await;
    assert_eq!(reply.header("retry-after"), Some("2.128"));
    insta::assert_snapshot!(reply.said(), @"429 TooManyRequests: Please retry again later.");

    let group = with_group(people(&["a"]), "g", |_| {});
    let some = World::faulty(&group, &Faults::throttle(30, 3, 2128));
    let requests =
        (0..20).map(|id| json!({"id": id.to_string(), "method": "GET", "url": "/users"})).collect::<Vec<_>>();
    let mut reply = some.post("$batch", json!({"requests": requests})).await;
    while reply.status == 429 {
        reply = some.post("$batch", json!({"requests": requests})).await;
    }
    let struck = reply.body["responses"].as_array().unwrap().iter().filter(|item| item["status"] == 429);
    let struck = struck.collect::<Vec<_>>();
    assert!(!struck.is_empty() && struck.len() < 20, "{}", struck.len());
    assert!(struck.iter().all(|item| item["headers"]["Retry-After"] == "2.128"));
}
