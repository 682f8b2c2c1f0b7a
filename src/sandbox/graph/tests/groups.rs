//! Creating, changing and deleting groups (entra.md §2.1–2.3, §2.6).

use super::*;
use crate::sandbox::graph::state::Kind;

#[tokio::test]
async fn a_group_is_created_with_its_owners_and_members() {
    let world = World::new(&people(&["hayden"]));
    let mut body = new_group("payments-dev");
    body["description"] = json!("Developers");
    body["owners@odata.bind"] = json!([format!("{ORIGIN}/v1.0/servicePrincipals/{}", world.applier())]);
    body["members@odata.bind"] = json!([format!("{ORIGIN}/v1.0/users/{}", world.user("hayden@contoso.com"))]);
    let reply = world.post("groups", body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let id = world.group("payments-dev");
    assert_eq!(reply.body["id"], json!(id));
    assert_eq!(world.list(id, "owners").await, ["rolecall"]);
    assert_eq!(world.list(id, "members").await, ["hayden@contoso.com"]);
    let read = world.get(&format!("groups/{id}?$select=displayName,description,mailNickname,mailEnabled,securityEnabled,groupTypes,isAssignableToRole,uniqueName,onPremisesSyncEnabled,visibility")).await;
    insta::assert_json_snapshot!(read.body, @r#"
    {
      "@odata.context": "https://127.0.0.1:8443/v1.0/$metadata#groups/$entity",
      "description": "Developers",
      "displayName": "payments-dev",
      "groupTypes": [],
      "isAssignableToRole": false,
      "mailEnabled": false,
      "mailNickname": "payments-dev",
      "onPremisesSyncEnabled": null,
      "securityEnabled": true,
      "uniqueName": null,
      "visibility": "Private"
    }
    "#);
}

#[tokio::test]
async fn what_graph_requires_of_a_new_group_is_required() {
    let world = World::new(&people(&[]));
    let mut said = Vec::new();
    for (name, value) in [
        ("displayName", Value::Null),
        ("displayName", json!("x".repeat(257))),
        ("mailNickname", Value::Null),
        ("mailNickname", json!("with space")),
        ("mailNickname", json!("a@b")),
        ("mailNickname", json!("x".repeat(65))),
        ("mailEnabled", Value::Null),
        ("mailEnabled", json!(true)),
        ("securityEnabled", json!(false)),
        ("description", json!("")),
        ("groupTypes", json!(["DynamicMembership"])),
        ("theme", json!("Purple")),
    ] {
        let mut body = new_group("x");
        body[name] = value;
        said.push(world.post("groups", body).await.said());
    }
    said.push(world.send("POST", "groups", &[], None).await.said());
    insta::assert_snapshot!(said.join("\n"), @"
    400 Request_BadRequest: A value is required for property 'displayName' of resource 'Group'.
    400 Request_BadRequest: Invalid value specified for property 'displayName' of resource 'Group'.
    400 Request_BadRequest: A value is required for property 'mailNickname' of resource 'Group'.
    400 Request_BadRequest: Invalid value specified for property 'mailNickname' of resource 'Group'.
    400 Request_BadRequest: Invalid value specified for property 'mailNickname' of resource 'Group'.
    400 Request_BadRequest: Invalid value specified for property 'mailNickname' of resource 'Group'.
    400 Request_BadRequest: A value is required for property 'mailEnabled' of resource 'Group'.
    400 Request_BadRequest: Cannot Create a mail-enabled security groups and or distribution list.
    400 Request_BadRequest: Invalid value specified for property 'securityEnabled' of resource 'Group'.
    400 Request_BadRequest: Invalid value specified for property 'description' of resource 'Group'.
    501 NotImplemented: This operation target is not yet supported. The sandbox does not model creating groups with a membership rule.
    501 NotImplemented: This operation target is not yet supported. The sandbox does not model creating a group with the property 'theme'.
    400 BadRequest: Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.
    ");
    assert_eq!(world.get("groups").await.body["value"], json!([]));
}

#[tokio::test]
async fn display_names_and_nicknames_need_not_be_unique() {
    let world = World::new(&people(&[]));
    assert_eq!(world.post("groups", new_group("twin")).await.status, 201);
    assert_eq!(world.post("groups", new_group("twin")).await.status, 201);
    let found = world.get("groups?$filter=displayName eq 'twin'").await;
    assert_eq!(found.body["value"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn an_upsert_creates_what_is_missing_and_rewrites_what_is_there() {
    let world = World::new(&people(&[]));
    let name = "rolecall.contoso-platform.payments-dev";
    let created = world.upsert(name, new_group("first")).await;
    assert_eq!((created.status, &created.body["uniqueName"]), (201, &json!(name)));
    let id = world.group("first");

    let again = world.upsert(name, new_group("second")).await;
    assert_eq!((again.status, &again.body), (204, &Value::Null));
    assert_eq!(world.group("second"), id, "the group was rewritten, not made anew");

    let by_key = world.get(&format!("groups(uniqueName='{name}')")).await;
    assert_eq!(by_key.body["id"], json!(id));
    let plain = world.patch("groups(uniqueName='nobody')", new_group("x")).await;
    assert_eq!(plain.status, 404, "without the header it is a plain update");
    let other = world.upsert("one", json!({"uniqueName": "two"})).await;
    assert_eq!(other.status, 400, "{other:?}");
}

#[tokio::test]
async fn an_upsert_that_names_an_owner_who_is_one_changes_nothing() {
    let world = World::new(&people(&[]));
    let mut body = new_group("first");
    body["owners@odata.bind"] = json!([reference(world.applier())]);
    assert_eq!(world.upsert("key", body.clone()).await.status, 201);
    body["displayName"] = json!("second");
    insta::assert_snapshot!(world.upsert("key", body).await.said(), @"400 Request_BadRequest: One or more added object references already exist for the following modified properties: 'owners'.");
    world.group("first");
}

#[tokio::test]
async fn a_unique_name_is_taken_once_also_by_a_deleted_group() {
    let world = World::new(&people(&[]));
    assert_eq!(world.upsert("key", new_group("a")).await.status, 201);
    let mut body = new_group("b");
    body["uniqueName"] = json!("key");
    let taken = world.post("groups", body.clone()).await.said();
    insta::assert_snapshot!(taken, @"409 Request_MultipleObjectsWithSameKeyValue: Another object with the same value for property uniqueName already exists.");
    let id = world.group("a");
    assert_eq!(world.delete(&format!("groups/{id}")).await.status, 204);
    assert_eq!(world.upsert("key", new_group("b")).await.said(), taken);
    assert_eq!(world.delete(&format!("directory/deletedItems/{id}")).await.status, 204);
    let fresh = world.upsert("key", new_group("a")).await;
    assert_eq!(fresh.status, 201);
    assert_ne!(fresh.body["id"], json!(id), "an id is never given twice");
}

#[tokio::test]
async fn properties_are_changed_and_fixed_ones_are_not() {
    let world = World::new(&with_group(people(&[]), "g", |group| group.unique_name = Some("key".to_owned())));
    let path = format!("groups/{}", world.group("g"));
    let change = json!({"displayName": "h", "description": "text", "mailNickname": "nick"});
    assert_eq!(world.patch(&path, change).await.status, 204);
    assert_eq!(world.patch(&path, json!({"uniqueName": "key", "securityEnabled": true})).await.status, 204);
    let read = world.get(&format!("{path}?$select=displayName,description,mailNickname")).await;
    assert_eq!(read.body["displayName"], "h");
    assert_eq!(read.body["description"], "text");
    assert_eq!(read.body["mailNickname"], "nick");
    let mut said = Vec::new();
    for change in [
        json!({"uniqueName": "other"}),
        json!({"isAssignableToRole": true}),
        json!({"displayName": "never", "mailNickname": "no spaces"}),
        json!({"membershipRule": "x"}),
        json!([]),
    ] {
        said.push(world.patch(&path, change).await.said());
    }
    insta::assert_snapshot!(said.join("\n"), @"
    400 Request_BadRequest: Property 'uniqueName' is read-only and cannot be set.
    400 Request_BadRequest: Property 'isAssignableToRole' is read-only and cannot be set.
    400 Request_BadRequest: Invalid value specified for property 'mailNickname' of resource 'Group'.
    501 NotImplemented: This operation target is not yet supported. The sandbox does not model changing the property 'membershipRule'.
    400 BadRequest: Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.
    ");
    assert_eq!(world.get(&path).await.body["displayName"], "h", "a refused change changes nothing");
}

#[tokio::test]
async fn kinds_that_graph_does_not_let_anyone_edit_refuse_every_write() {
    let mut said = Vec::new();
    for kind in [Kind::MailEnabledSecurity, Kind::Distribution, Kind::Synced, Kind::Dynamic, Kind::Microsoft365] {
        let seed = with_group(people(&["hayden", "erin"]), "g", |group| {
            group.kind = kind;
            group.members = vec![member("erin")];
        });
        let world = World::new(&seed);
        let (id, hayden, erin) = (world.group("g"), world.user("hayden@contoso.com"), world.user("erin@contoso.com"));
        let add = world.post(&format!("groups/{id}/members/$ref"), json!({"@odata.id": reference(hayden)})).await;
        let bind = world.patch(&format!("groups/{id}"), json!({"members@odata.bind": [reference(hayden)]})).await;
        let remove = world.delete(&format!("groups/{id}/members/{erin}/$ref")).await;
        let rename = world.patch(&format!("groups/{id}"), json!({"displayName": "h"})).await;
        for (what, reply) in [("add", add), ("bind", bind), ("remove", remove), ("rename", rename)] {
            said.push(format!("{kind:?} {what}: {}", reply.said()));
        }
    }
    insta::assert_snapshot!(said.join("\n"), @"
    MailEnabledSecurity add: 400 Request_BadRequest: Cannot Update a mail-enabled security groups and or distribution list.
    MailEnabledSecurity bind: 400 Request_BadRequest: Cannot Update a mail-enabled security groups and or distribution list.
    MailEnabledSecurity remove: 400 Request_BadRequest: Cannot Update a mail-enabled security groups and or distribution list.
    MailEnabledSecurity rename: 400 Request_BadRequest: Cannot Update a mail-enabled security groups and or distribution list.
    Distribution add: 400 Request_BadRequest: Cannot Update a mail-enabled security groups and or distribution list.
    Distribution bind: 400 Request_BadRequest: Cannot Update a mail-enabled security groups and or distribution list.
    Distribution remove: 400 Request_BadRequest: Cannot Update a mail-enabled security groups and or distribution list.
    Distribution rename: 400 Request_BadRequest: Cannot Update a mail-enabled security groups and or distribution list.
    Synced add: 400 Request_BadRequest: Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.
    Synced bind: 400 Request_BadRequest: Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.
    Synced remove: 400 Request_BadRequest: Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.
    Synced rename: 400 Request_BadRequest: Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.
    Dynamic add: 403 Authorization_RequestDenied: Insufficient privileges to complete the operation.
    Dynamic bind: 403 Authorization_RequestDenied: Insufficient privileges to complete the operation.
    Dynamic remove: 403 Authorization_RequestDenied: Insufficient privileges to complete the operation.
    Dynamic rename: 204
    Microsoft365 add: 204
    Microsoft365 bind: 400 Request_BadRequest: One or more added object references already exist for the following modified properties: 'members'.
    Microsoft365 remove: 204
    Microsoft365 rename: 204
    ");
}

#[tokio::test]
async fn kinds_are_told_apart_by_their_properties() {
    let mut seed = people(&[]);
    for kind in
        [Kind::Security, Kind::Microsoft365, Kind::Dynamic, Kind::MailEnabledSecurity, Kind::Distribution, Kind::Synced]
    {
        seed = with_group(seed, &format!("{kind:?}"), |group| group.kind = kind);
    }
    let world = World::new(&seed);
    let select = "displayName,groupTypes,mailEnabled,securityEnabled,onPremisesSyncEnabled,membershipRule";
    let reply = world.get(&format!("groups?$select={select}")).await;
    let mut lines = reply.body["value"].as_array().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    lines.sort();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"displayName":"Distribution","groupTypes":[],"mailEnabled":true,"membershipRule":null,"onPremisesSyncEnabled":null,"securityEnabled":false}
    {"displayName":"Dynamic","groupTypes":["DynamicMembership"],"mailEnabled":false,"membershipRule":"user.accountEnabled -eq true","onPremisesSyncEnabled":null,"securityEnabled":true}
    {"displayName":"MailEnabledSecurity","groupTypes":[],"mailEnabled":true,"membershipRule":null,"onPremisesSyncEnabled":null,"securityEnabled":true}
    {"displayName":"Microsoft365","groupTypes":["Unified"],"mailEnabled":true,"membershipRule":null,"onPremisesSyncEnabled":null,"securityEnabled":false}
    {"displayName":"Security","groupTypes":[],"mailEnabled":false,"membershipRule":null,"onPremisesSyncEnabled":null,"securityEnabled":true}
    {"displayName":"Synced","groupTypes":[],"mailEnabled":false,"membershipRule":null,"onPremisesSyncEnabled":true,"securityEnabled":true}
    "#);
}

#[tokio::test]
async fn a_deleted_group_can_be_restored_whole_and_purged_for_good() {
    let seed = with_group(people(&["hayden"]), "inner", |group| group.members = vec![member("hayden")]);
    let seed = with_group(seed, "outer", |group| group.members = vec![SeedPrincipal::Group("inner".to_owned())]);
    let world = World::new(&seed);
    let (inner, outer) = (world.group("inner"), world.group("outer"));
    assert_eq!(world.delete(&format!("groups/{inner}")).await.status, 204);
    assert_eq!(world.get(&format!("groups/{inner}")).await.status, 404);
    assert!(world.list(outer, "members").await.is_empty(), "members lose access at once");
    let cast = "directory/deletedItems/microsoft.graph.group";
    assert_eq!(world.get(cast).await.body["value"].as_array().map(Vec::len), Some(1));
    let filtered = format!("{cast}?$filter=startsWith(displayName,'in')&$count=true");
    assert_eq!(world.get(&filtered).await.status, 400, "a cast with options is an advanced query");
    let deleted = world.send("GET", &filtered, &[("ConsistencyLevel", "eventual")], None).await;
    assert_eq!(deleted.body["value"][0]["id"], json!(inner));
    assert!(deleted.body["value"][0]["deletedDateTime"].is_string());
    assert_eq!(world.get(&format!("directory/deletedItems/{inner}")).await.body["displayName"], "inner");

    let restored = world.send("POST", &format!("directory/deletedItems/{inner}/restore"), &[], None).await;
    assert_eq!((restored.status, &restored.body["id"]), (200, &json!(inner)));
    assert_eq!(world.list(inner, "members").await, ["hayden@contoso.com"]);
    assert_eq!(world.list(outer, "members").await, ["inner"]);

    assert_eq!(world.delete(&format!("groups/{inner}")).await.status, 204);
    assert_eq!(world.delete(&format!("directory/deletedItems/{inner}")).await.status, 204);
    assert_eq!(world.get(&format!("directory/deletedItems/{inner}")).await.status, 404);
    let gone = world.send("POST", &format!("directory/deletedItems/{inner}/restore"), &[], None).await;
    assert_eq!(gone.status, 404);
}
