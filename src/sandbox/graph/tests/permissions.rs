//! What a token may do (entra.md §2.3), and that 401 and 403 differ.

use std::time::Duration;

use super::*;

fn holding(roles: &[&str]) -> World {
    let seed = with_group(people(&["hayden", "erin"]), "g", |group| {
        group.members = vec![member("hayden")];
        group.owners = vec![member("erin")];
    });
    let mut seed = with_group(seed, "roles", |group| group.role_assignable = true);
    seed.applier.roles = Some(roles.iter().map(|role| (*role).to_owned()).collect());
    World::new(&seed)
}

#[tokio::test]
async fn each_permission_opens_what_it_is_documented_to_open() {
    let mut table = Vec::new();
    for roles in [
        &[][..],
        &["Group.ReadBasic.All"],
        &["GroupMember.ReadBasic.All"],
        &["GroupMember.Read.All"],
        &["GroupMember.ReadWrite.All", "User.ReadBasic.All"],
        &["Group.ReadWrite.All", "User.Read.All"],
        &["Group.Create"],
        &["User.ReadBasic.All"],
        &["Application.Read.All"],
        &["Directory.Read.All"],
        &["PrivilegedAssignmentSchedule.Read.AzureADGroup"],
    ] {
        let world = holding(roles);
        let (group, hayden, erin) =
            (world.group("g"), world.user("hayden@contoso.com"), world.user("erin@contoso.com"));
        let pim = "identityGovernance/privilegedAccess/group/assignmentScheduleInstances";
        let calls = [
            ("groups", world.get("groups").await),
            ("members", world.get(&format!("groups/{group}/members")).await),
            ("owners", world.get(&format!("groups/{group}/owners")).await),
            ("users", world.get("users").await),
            ("apps", world.get("servicePrincipals").await),
            ("by-ids", world.post("directoryObjects/getByIds", json!({"ids": [hayden]})).await),
            ("deleted", world.get("directory/deletedItems/microsoft.graph.group").await),
            ("pim", world.get(&format!("{pim}?$filter=groupId eq '{group}'")).await),
            ("organization", world.get("organization").await),
            ("add", world.post(&format!("groups/{group}/members/$ref"), json!({"@odata.id": reference(erin)})).await),
            ("remove", world.delete(&format!("groups/{group}/members/{hayden}/$ref")).await),
            ("own", world.post(&format!("groups/{group}/owners/$ref"), json!({"@odata.id": reference(hayden)})).await),
            ("rename", world.patch(&format!("groups/{group}"), json!({"displayName": "h"})).await),
            ("create", world.post("groups", new_group("new")).await),
            ("delete", world.delete(&format!("groups/{group}")).await),
        ];
        for (_, reply) in &calls {
            assert!(reply.status < 300 || reply.status == 403, "{reply:?}");
        }
        let open = calls.iter().filter(|(_, reply)| reply.status < 300).map(|(what, _)| *what).collect::<Vec<_>>();
        table.push(format!("{} opens {}", roles.join(" + "), open.join(" ")).trim().to_owned());
    }
    insta::assert_snapshot!(table.join("\n"), @"
    opens
    Group.ReadBasic.All opens groups
    GroupMember.ReadBasic.All opens members
    GroupMember.Read.All opens groups members owners
    GroupMember.ReadWrite.All + User.ReadBasic.All opens groups members owners users add remove
    Group.ReadWrite.All + User.Read.All opens groups members owners users deleted add remove own rename create delete
    Group.Create opens create
    User.ReadBasic.All opens users
    Application.Read.All opens apps
    Directory.Read.All opens groups members owners users apps by-ids deleted organization
    PrivilegedAssignmentSchedule.Read.AzureADGroup opens pim
    ");
}

#[tokio::test]
async fn what_may_not_be_read_is_null_and_no_error() {
    let world = holding(&["GroupMember.Read.All"]);
    let path = format!("groups/{}/members?$select=id,userPrincipalName", world.group("g"));
    let mut member = world.get(&path).await.body["value"][0].clone();
    assert_eq!(member["id"], json!(world.user("hayden@contoso.com")));
    member["id"] = json!("ID");
    insta::assert_json_snapshot!(member, @r##"
    {
      "@odata.type": "#microsoft.graph.user",
      "id": "ID",
      "userPrincipalName": null
    }
    "##);
}

#[tokio::test]
async fn basic_reading_shows_names_and_hides_the_rest() {
    let world = holding(&["User.ReadBasic.All"]);
    let user = world.get("users/hayden@contoso.com?$select=userPrincipalName,accountEnabled,userType").await;
    assert_eq!(user.body["userPrincipalName"], "hayden@contoso.com");
    assert_eq!((&user.body["accountEnabled"], &user.body["userType"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_role_assignable_group_needs_one_permission_more() {
    for (roles, status) in [
        (&["Group.ReadWrite.All", "User.Read.All"][..], 403),
        (&["Group.ReadWrite.All", "User.Read.All", "RoleManagement.ReadWrite.Directory"], 204),
    ] {
        let world = holding(roles);
        let hayden = reference(world.user("hayden@contoso.com"));
        let path = format!("groups/{}/members/$ref", world.group("roles"));
        assert_eq!(world.post(&path, json!({"@odata.id": hayden})).await.status, status, "{roles:?}");
        let mut body = new_group("new");
        body["isAssignableToRole"] = json!(true);
        assert_eq!(world.post("groups", body).await.status, if status == 204 { 201 } else { 403 }, "{roles:?}");
    }
}

#[tokio::test]
async fn an_app_that_may_only_create_manages_the_groups_it_owns() {
    let world = holding(&["Group.Create", "User.Read.All"]);
    let mut body = new_group("mine");
    body["owners@odata.bind"] = json!([reference(world.applier())]);
    let created = world.post("groups", body).await;
    assert_eq!(created.status, 201, "{created:?}");
    let mine = created.body["id"].as_str().unwrap();
    let hayden = json!({"@odata.id": reference(world.user("hayden@contoso.com"))});
    assert_eq!(world.post(&format!("groups/{mine}/members/$ref"), hayden.clone()).await.status, 204);
    assert_eq!(world.post(&format!("groups/{}/members/$ref", world.group("g")), hayden).await.status, 403);
    assert_eq!(world.delete(&format!("groups/{mine}")).await.status, 204);
}

#[tokio::test]
async fn nobody_is_added_whom_the_app_may_not_read() {
    let world = holding(&["GroupMember.ReadWrite.All"]);
    let body = json!({"@odata.id": reference(world.user("erin@contoso.com"))});
    assert_eq!(world.post(&format!("groups/{}/members/$ref", world.group("g")), body).await.status, 403);
}

#[tokio::test]
async fn a_bad_token_is_401_and_says_why() {
    let mut said = Vec::new();
    let mut world = holding(&["Group.Read.All"]);
    let foreign = holding(&["Group.Read.All"]).bearer;
    let for_azure = world.graph.store.read(|tenant| {
        let (id, app) = tenant.apps.first_key_value().unwrap();
        let audience = "https://management.azure.com";
        token::access_token(tenant, *id, app, audience, Vec::new(), Duration::from_secs(60))
    });
    for bearer in [String::new(), "nonsense".to_owned(), foreign, for_azure] {
        world.bearer = bearer;
        said.push(world.get("groups").await.said());
    }
    let dead = Lifetimes { access_token: Duration::ZERO, ..Lifetimes::default() };
    said.push(World::with(&people(&[]), dead, &Faults::default()).get("groups").await.said());
    insta::assert_snapshot!(said.join("\n"), @"
    401 InvalidAuthenticationToken: Access token is empty.
    401 InvalidAuthenticationToken: Access token validation failure.
    401 InvalidAuthenticationToken: Access token validation failure.
    401 InvalidAuthenticationToken: Access token validation failure. Invalid audience.
    401 InvalidAuthenticationToken: Access token has expired or is not yet valid.
    ");
}
