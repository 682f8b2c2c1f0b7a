//! Look-ups that are not about one kind of object (entra.md §3, §5.3).

use super::*;
use crate::sandbox::SeedServicePrincipal;

#[tokio::test]
async fn ids_are_looked_up_in_bulk_and_missing_ones_are_left_out() {
    let world = World::new(&with_group(people(&["hayden"]), "g", |_| {}));
    let (group, hayden) = (world.group("g"), world.user("hayden@contoso.com"));
    let nobody = "11111111-1111-4111-8111-111111111111";
    let found = world.post("directoryObjects/getByIds", json!({"ids": [hayden, group, nobody]})).await;
    assert_eq!(found.body["value"].as_array().map(Vec::len), Some(2));
    let users = world.post("directoryObjects/getByIds", json!({"ids": [hayden, group], "types": ["USER"]})).await;
    assert_eq!(users.body["value"][0]["@odata.type"], "#microsoft.graph.user");
    assert_eq!(users.body["value"].as_array().map(Vec::len), Some(1));
    let many = vec![nobody; 1001];
    assert_eq!(world.post("directoryObjects/getByIds", json!({"ids": many})).await.status, 400);
    assert_eq!(world.post("directoryObjects/getByIds", json!({"ids": ["x"]})).await.status, 400);
}

#[tokio::test]
async fn users_are_read_by_id_and_by_name_in_every_spelling() {
    let mut seed = people(&["hayden"]);
    seed.users.push(SeedUser { mail: Some("o'brien@x.com".to_owned()), guest: true, ..SeedUser::default() });
    let world = World::new(&seed);
    let guest = "o'brien_x.com#EXT#@contoso.com";
    for (path, name) in [
        ("users/HAYDEN@contoso.com".to_owned(), "hayden@contoso.com"),
        (format!("users/{}", world.user("hayden@contoso.com")), "hayden@contoso.com"),
        ("users('hayden@contoso.com')".to_owned(), "hayden@contoso.com"),
        ("users(userPrincipalName='o''brien_x.com%23EXT%23@contoso.com')".to_owned(), guest),
        ("users/o'brien_x.com%23EXT%23@contoso.com".to_owned(), guest),
    ] {
        assert_eq!(world.get(&path).await.body["userPrincipalName"], name, "{path}");
    }
    insta::assert_snapshot!(world.get("users/nobody@contoso.com").await.said(), @"404 Request_ResourceNotFound: Resource 'nobody@contoso.com' does not exist or one of its queried reference-property objects are not present.");
}

#[tokio::test]
async fn apps_are_found_by_app_id() {
    let mut seed = people(&[]);
    let app_id = "0a1b0a1b-0000-4000-8000-000000000007".parse().unwrap();
    seed.service_principals.push(SeedServicePrincipal { app_id, display_name: "deployer".to_owned(), id: None });
    let world = World::new(&seed);
    for path in [
        format!("servicePrincipals?$filter=appId in ('{app_id}')"),
        format!("servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{app_id}')"),
    ] {
        assert_eq!(world.get(&path).await.body["value"][0]["displayName"], "deployer", "{path}");
    }
    let single = world.get(&format!("servicePrincipals(appId='{app_id}')")).await;
    assert_eq!(single.body["displayName"], "deployer");
    assert_eq!(world.get("servicePrincipals(appId='x')").await.status, 404);
}

#[tokio::test]
async fn an_active_privileged_member_is_a_member_and_says_so_elsewhere() {
    let seed = with_group(people(&["hayden", "erin"]), "g", |group| {
        group.members = vec![member("hayden")];
        group.privileged_members = vec![member("erin")];
    });
    let world = World::new(&seed);
    let group = world.group("g");
    assert_eq!(world.list(group, "members").await, ["erin@contoso.com", "hayden@contoso.com"]);
    let path = "identityGovernance/privilegedAccess/group/assignmentScheduleInstances";
    let active = world.get(&format!("{path}?$filter=groupId eq '{group}'")).await;
    assert_eq!(active.body["value"].as_array().map(Vec::len), Some(1));
    assert_eq!(active.body["value"][0]["principalId"], json!(world.user("erin@contoso.com")));
    assert_eq!(active.body["value"][0]["accessId"], "member");
    insta::assert_snapshot!(world.get(path).await.said(), @"400 MissingParameters: The required parameters GroupId or PrincipalId is missing.");
}

#[tokio::test]
async fn membership_is_checked_through_nested_groups() {
    let seed = with_group(people(&["hayden"]), "inner", |group| group.members = vec![member("hayden")]);
    let seed = with_group(seed, "outer", |group| group.members = vec![SeedPrincipal::Group("inner".to_owned())]);
    let world = World::new(&with_group(seed, "other", |_| {}));
    let (inner, outer, other) = (world.group("inner"), world.group("outer"), world.group("other"));
    let path = format!("directoryObjects/{}/checkMemberGroups", world.user("hayden@contoso.com"));
    let reply = world.post(&path, json!({"groupIds": [inner, outer, other]})).await;
    assert_eq!(reply.body["value"], json!([inner, outer]));
    assert_eq!(world.post(&path, json!({"groupIds": vec![inner; 21]})).await.status, 400);
}

#[tokio::test]
async fn the_organisation_names_its_domain_and_an_app_has_no_me() {
    let world = World::new(&people(&[]));
    let organization = world.get("organization").await;
    assert_eq!(organization.body["value"][0]["verifiedDomains"][0]["name"], "contoso.com");
    let named = world.get("organization?$select=id").await;
    assert_eq!(named.body["value"][0].as_object().map(serde_json::Map::len), Some(1));
    insta::assert_snapshot!(world.get("me").await.said(), @"400 BadRequest: /me request is only valid with delegated authentication flow.");
}
