//! Members and owners (entra.md §2.4).

use super::*;
use crate::sandbox::graph::state::Kind;

async fn add(world: &World, group: ObjectId, relation: &str, id: ObjectId) -> Reply {
    world.post(&format!("groups/{group}/{relation}/$ref"), json!({"@odata.id": reference(id)})).await
}

async fn bind(world: &World, group: ObjectId, ids: &[ObjectId]) -> Reply {
    let references = ids.iter().copied().map(reference).collect::<Vec<_>>();
    world.patch(&format!("groups/{group}"), json!({"members@odata.bind": references})).await
}

#[tokio::test]
async fn a_member_is_added_once_and_removed_once() {
    let world = World::new(&with_group(people(&["hayden"]), "g", |_| {}));
    let (group, hayden) = (world.group("g"), world.user("hayden@contoso.com"));
    assert_eq!(add(&world, group, "members", hayden).await.status, 204);
    assert_eq!(world.list(group, "members").await, ["hayden@contoso.com"]);
    let again = add(&world, group, "members", hayden).await.said();
    let path = format!("groups/{group}/members/{hayden}/$ref");
    assert_eq!(world.delete(&path).await.status, 204);
    assert!(world.list(group, "members").await.is_empty());
    let gone = world.delete(&path).await.said();
    insta::assert_snapshot!(format!("{again}\n{gone}"), @"
    400 Request_BadRequest: One or more added object references already exist for the following modified properties: 'members'.
    400 Request_BadRequest: One or more removed object references do not exist for the following modified properties: 'members'.
    ");
}

#[tokio::test]
async fn a_missing_group_and_a_missing_member_read_alike_but_for_the_id() {
    let world = World::new(&with_group(people(&["hayden"]), "g", |_| {}));
    let (group, hayden) = (world.group("g"), world.user("hayden@contoso.com"));
    let nobody: ObjectId = "11111111-1111-4111-8111-111111111111".parse().unwrap();
    assert!(
        add(&world, nobody, "members", hayden)
            .await
            .said()
            .contains(&format!("404 Request_ResourceNotFound: Resource '{nobody}'"))
    );
    assert!(
        add(&world, group, "members", nobody)
            .await
            .said()
            .contains(&format!("404 Request_ResourceNotFound: Resource '{nobody}'"))
    );
    let removed = world.delete(&format!("groups/{group}/members/{nobody}/$ref")).await;
    assert!(removed.said().contains(&nobody.to_string()));
}

#[tokio::test]
async fn twenty_are_added_at_once_all_of_them_or_none() {
    let names = (0..21).map(|number| format!("user{number}")).collect::<Vec<_>>();
    let world = World::new(&with_group(people(&names.iter().map(String::as_str).collect::<Vec<_>>()), "g", |_| {}));
    let group = world.group("g");
    let ids = names.iter().map(|name| world.user(&format!("{name}@contoso.com"))).collect::<Vec<_>>();
    let too_many = bind(&world, group, &ids).await.said();
    let twice = bind(&world, group, &[ids[0], ids[1], ids[0]]).await.said();
    let nobody = "11111111-1111-4111-8111-111111111111".parse().unwrap();
    let missing = bind(&world, group, &[ids[0], nobody]).await.said();
    assert!(world.list(group, "members").await.is_empty());
    assert_eq!(bind(&world, group, &ids[..20]).await.status, 204);
    assert_eq!(world.list(group, "members").await.len(), 20);
    let already = bind(&world, group, &[ids[20], ids[3]]).await.said();
    assert_eq!(world.list(group, "members").await.len(), 20);
    insta::assert_snapshot!([too_many, twice, missing, already].join("\n"), @"
    400 Request_BadRequest: The request adds 21 references. At most 20 can be added in one request.
    400 Request_BadRequest: One or more added object references already exist for the following modified properties: 'members'.
    404 Request_ResourceNotFound: Resource '11111111-1111-4111-8111-111111111111' does not exist or one of its queried reference-property objects are not present.
    400 Request_BadRequest: One or more added object references already exist for the following modified properties: 'members'.
    ");
}

#[tokio::test]
async fn references_are_of_this_cloud_and_of_their_type() {
    let world = World::new(&with_group(people(&["hayden"]), "g", |_| {}));
    let (group, hayden) = (world.group("g"), world.user("hayden@contoso.com"));
    let mut said = Vec::new();
    for reference in [
        format!("https://graph.microsoft.com/v1.0/directoryObjects/{hayden}"),
        format!("/directoryObjects/{hayden}"),
        format!("{ORIGIN}/v1.0/devices/{hayden}"),
        format!("{ORIGIN}/v1.0/servicePrincipals/{hayden}"),
        format!("{ORIGIN}/v1.0/directoryObjects/nonsense"),
    ] {
        let reply = world.post(&format!("groups/{group}/members/$ref"), json!({"@odata.id": reference})).await;
        said.push(reply.said().replace(&hayden.to_string(), "HAYDEN"));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    400 Request_BadRequest: Invalid object reference 'https://graph.microsoft.com/v1.0/directoryObjects/HAYDEN'.
    400 Request_BadRequest: Invalid object reference '/directoryObjects/HAYDEN'.
    400 Request_BadRequest: Invalid object reference 'https://127.0.0.1:8443/v1.0/devices/HAYDEN'.
    404 Request_ResourceNotFound: Resource 'HAYDEN' does not exist or one of its queried reference-property objects are not present.
    400 Request_BadRequest: Invalid object reference 'https://127.0.0.1:8443/v1.0/directoryObjects/nonsense'.
    ");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let seed = with_group(people(&["erin", "ada"]), "g", |group| group.owners = vec![member("erin")]);
    let world = World::new(&seed);
    let (group, erin, ada) = (world.group("g"), world.user("erin@contoso.com"), world.user("ada@contoso.com"));
    let path = format!("groups/{group}/owners/{erin}/$ref");
    insta::assert_snapshot!(world.delete(&path).await.said(), @"400 Request_BadRequest: The group must have at least one owner, hence this owner cannot be removed.");
    assert_eq!(add(&world, group, "owners", ada).await.status, 204);
    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(world.list(group, "owners").await, ["ada@contoso.com"]);
}

#[tokio::test]
async fn a_group_has_at_most_a_hundred_owners() {
    let names = (0..101).map(|number| format!("user{number}")).collect::<Vec<_>>();
    let owners = names[..100].iter().map(|name| member(name)).collect::<Vec<_>>();
    let everybody = people(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let world = World::new(&with_group(everybody, "g", |group| group.owners = owners));
    let mut said = Vec::new();
    // Also for somebody who owns it already.
    for name in ["user100@contoso.com", "user0@contoso.com"] {
        said.push(add(&world, world.group("g"), "owners", world.user(name)).await.said());
    }
    insta::assert_snapshot!(said.join("\n"), @"
    403 Directory_QuotaExceeded: Unable to perform operation as '101' would exceed the maximum quota count '100' for forward-link owners.
    403 Directory_QuotaExceeded: Unable to perform operation as '101' would exceed the maximum quota count '100' for forward-link owners.
    ");
}

#[tokio::test]
async fn not_everything_can_be_a_member_of_everything() {
    let seed = with_group(people(&["hayden"]), "security", |_| {});
    let seed = with_group(seed, "other", |_| {});
    let seed = with_group(seed, "unified", |group| group.kind = Kind::Microsoft365);
    let seed = with_group(seed, "roles", |group| group.role_assignable = true);
    let world = World::new(&seed);
    let id = |name: &str| world.group(name);
    let mut said = Vec::new();
    for (group, relation, object) in [
        ("security", "members", id("other")),
        ("security", "members", world.applier()),
        ("security", "members", id("security")),
        ("security", "members", id("unified")),
        ("unified", "members", id("security")),
        ("unified", "members", world.applier()),
        ("roles", "members", id("security")),
        ("security", "owners", id("other")),
        ("unified", "members", world.user("hayden@contoso.com")),
        // A ring of groups is allowed.
        ("other", "members", id("security")),
    ] {
        let reply = add(&world, id(group), relation, object).await;
        said.push(format!("{group}: {}", reply.said()));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    security: 204
    security: 204
    security: 400 Request_BadRequest: A group cannot be a member of itself. paramName: members, paramValue: , objectType: Microsoft.Online.DirectoryServices.Group
    security: 400 Request_BadRequest: Unified Groups cannot be added to other groups. paramName: members, paramValue: , objectType: Microsoft.Online.DirectoryServices.Group
    unified: 400 Request_BadRequest: Only users can be members of Unified Groups. paramName: members, paramValue: , objectType: Microsoft.Online.DirectoryServices.Group
    unified: 400 Request_BadRequest: Only users can be members of Unified Groups. paramName: members, paramValue: , objectType: Microsoft.Online.DirectoryServices.Group
    roles: 400 Request_BadRequest: Nesting is currently not supported for groups that can be assigned to a role. paramName: members, paramValue: , objectType: Microsoft.Online.DirectoryServices.Group
    security: 400 Request_BadRequest: A group cannot own a group. paramName: owners, paramValue: , objectType: Microsoft.Online.DirectoryServices.Group
    unified: 204
    other: 204
    ");
}

#[tokio::test]
async fn forgetting_ref_deletes_the_user_and_is_marked() {
    let seed = with_group(people(&["hayden"]), "g", |group| group.members = vec![member("hayden")]);
    let world = World::new(&seed);
    let (group, hayden) = (world.group("g"), world.user("hayden@contoso.com"));
    let reply = world.delete(&format!("groups/{group}/members/{hayden}")).await;
    assert_eq!((reply.status, reply.note.danger), (204, true));
    assert_eq!(world.get("users/hayden@contoso.com").await.status, 404);
    assert!(world.list(group, "members").await.is_empty());

    let mut weaker = seed;
    weaker.applier.roles = Some(["GroupMember.ReadWrite.All".to_owned()].into());
    let world = World::new(&weaker);
    let reply = world.delete(&format!("groups/{group}/members/{hayden}")).await;
    assert_eq!((reply.status, reply.note.danger), (403, true));
    world.user("hayden@contoso.com");
}
