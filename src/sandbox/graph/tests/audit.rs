//! The audit log: who changed which group.

use super::*;

const LOG: &str = "auditLogs/directoryAudits";

async fn about(world: &World, id: ObjectId, more: &str) -> Vec<Value> {
    let path = format!("{LOG}?$filter=targetResources/any(t:t/id eq '{id}')&$orderby=activityDateTime desc{more}");
    let reply = world.get(&path).await;
    assert_eq!(reply.status, 200, "{}", reply.said());
    reply.body["value"].as_array().unwrap().clone()
}

async fn by_hand(world: &World, method: &str, path: &str, body: Option<Value>) {
    let reply = world.send(method, path, &[("x-sandbox-user", "erin@contoso.com")], body).await;
    assert!(reply.status < 300, "{method} {path}: {}", reply.said());
}

#[tokio::test]
async fn every_change_of_a_group_is_in_the_log_with_who_made_it() {
    let seed = with_group(people(&["hayden", "erin", "ada"]), "g", |group| {
        group.owners = vec![member("erin"), member("ada")];
    });
    let world = World::new(&seed);
    let (group, hayden, ada) = (world.group("g"), world.user("hayden@contoso.com"), world.user("ada@contoso.com"));
    assert_eq!(about(&world, group, "").await, Vec::<Value>::new(), "what was seeded was done by nobody");
    let link = Some(json!({ "@odata.id": reference(hayden) }));
    by_hand(&world, "POST", &format!("groups/{group}/members/$ref"), link).await;
    by_hand(&world, "DELETE", &format!("groups/{group}/owners/{ada}/$ref"), None).await;
    assert_eq!(world.patch(&format!("groups/{group}"), json!({"description": "x"})).await.status, 204);
    assert_eq!(world.delete(&format!("groups/{group}")).await.status, 204);
    let entries = about(&world, group, "").await;
    let activities: Vec<&str> = entries.iter().map(|entry| entry["activityDisplayName"].as_str().unwrap()).collect();
    assert_eq!(activities, ["Delete group", "Update group", "Remove owner from group", "Add member to group"]);
    let [_, update, removal, addition] = &entries[..] else { panic!("{entries:?}") };
    let app = json!({
        "appId": null, "displayName": "rolecall", "servicePrincipalId": world.applier(), "servicePrincipalName": null,
    });
    assert_eq!(update["initiatedBy"]["user"], Value::Null);
    assert_eq!(update["initiatedBy"]["app"]["servicePrincipalId"], app["servicePrincipalId"]);
    let modified = &update["targetResources"][0]["modifiedProperties"];
    assert_eq!(modified[0], json!({"displayName": "Description", "oldValue": "[]", "newValue": "[\"x\"]"}));
    assert_eq!(modified[1]["newValue"], "\"Description\"");
    assert_eq!(addition["initiatedBy"]["user"]["userPrincipalName"], "erin@contoso.com");
    assert_eq!(addition["initiatedBy"]["app"], Value::Null);
    let quoted = json!(format!("\"{group}\""));
    let target = &addition["targetResources"][0];
    assert_eq!((&target["id"], &target["type"]), (&json!(hayden), &json!("User")));
    assert_eq!(
        target["modifiedProperties"][0],
        json!({"displayName": "Group.ObjectID", "oldValue": null, "newValue": quoted})
    );
    assert_eq!((&addition["targetResources"][1]["id"], &addition["result"]), (&json!(group), &json!("success")));
    assert_eq!(removal["targetResources"][0]["modifiedProperties"][0]["oldValue"], quoted);
    // The same entries are about the people in them.
    assert_eq!(about(&world, hayden, "").await.first(), Some(addition));
}

#[tokio::test]
async fn a_refused_change_is_not_in_the_log_and_nobody_else_can_be_named() {
    let world = World::new(&with_group(people(&["hayden"]), "g", |_| {}));
    let group = world.group("g");
    assert_eq!(world.patch(&format!("groups/{group}"), json!({"displayName": ""})).await.status, 400);
    assert_eq!(about(&world, group, "").await, Vec::<Value>::new());
    let reply = world.send("DELETE", &format!("groups/{group}"), &[("x-sandbox-user", "no@contoso.com")], None).await;
    assert_eq!((reply.status, reply.said().contains("nobody is 'no@contoso.com' here")), (400, true), "{reply:?}");
}

#[tokio::test]
async fn pages_go_on_where_they_stopped_whatever_is_written_meanwhile() {
    let names: Vec<String> = (0..5).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::new(&with_group(people(&names), "g", |_| {}));
    let group = world.group("g");
    let add = async |name: &str| {
        let link = json!({ "@odata.id": reference(world.user(&format!("{name}@contoso.com"))) });
        assert_eq!(world.post(&format!("groups/{group}/members/$ref"), link).await.status, 204);
    };
    for name in &names[..4] {
        add(name).await;
    }
    let path = format!("{LOG}?$filter=targetResources/any(t:t/id eq '{group}')&$top=3");
    let first = world.get(&path).await.body;
    add("u4").await;
    let next = first["@odata.nextLink"].as_str().unwrap();
    let second = world.get(next).await.body;
    assert_eq!((first["value"].as_array().unwrap().len(), second["value"].as_array().unwrap().len()), (3, 1));
    assert_eq!(second["value"][0]["targetResources"][0]["userPrincipalName"], "u0@contoso.com");
    assert_eq!(second["@odata.nextLink"], Value::Null);
    let elsewhere = next.replace(&group.to_string(), &world.user("u0@contoso.com").to_string());
    assert_eq!(world.get(&elsewhere).await.status, 400, "a token belongs to its list");
    for other in ["$select=id", "$count=true", "$orderby=activityDateTime asc", "$filter=category eq 'x'"] {
        assert_eq!(world.get(&format!("{LOG}?{other}")).await.status, 501, "{other}");
    }
    assert_eq!(world.get(LOG).await.body["value"].as_array().unwrap().len(), 5);
}
