//! Every route, with and without the permissions that open it (entra.md §2.3, §2.6, §3, §5.3).

use std::collections::BTreeSet;

use super::*;
use crate::sandbox::SeedServicePrincipal;
use crate::sandbox::graph::permission::every_permission;

const READ_GROUPS: &str = "Group.ReadBasic.All GroupMember.Read.All GroupMember.ReadWrite.All Group.Read.All \
                           Group.ReadWrite.All Directory.Read.All Directory.ReadWrite.All";
const READ_MEMBERS: &str = "GroupMember.ReadBasic.All GroupMember.Read.All GroupMember.ReadWrite.All Group.Read.All \
                            Group.ReadWrite.All Directory.Read.All Directory.ReadWrite.All";
const READ_OWNERS: &str = "GroupMember.Read.All GroupMember.ReadWrite.All Group.Read.All Group.ReadWrite.All \
                           Directory.Read.All Directory.ReadWrite.All";
const READ_USERS: &str =
    "User.ReadBasic.All User.Read.All User.ReadWrite.All Directory.Read.All Directory.ReadWrite.All";
const READ_APPS: &str = "Application.Read.All Application.ReadWrite.OwnedBy Application.ReadWrite.All \
                         Directory.Read.All Directory.ReadWrite.All";
const READ_ANYTHING: &str = "Directory.Read.All Directory.ReadWrite.All";
const READ_DELETED: &str = "Group.Read.All Group.ReadWrite.All Directory.Read.All Directory.ReadWrite.All";
const READ_ORGANIZATION: &str =
    "Organization.Read.All Organization.ReadWrite.All Directory.Read.All Directory.ReadWrite.All";
const READ_PIM: &str = "PrivilegedAssignmentSchedule.Read.AzureADGroup \
                        PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup PrivilegedAccess.Read.AzureADGroup \
                        PrivilegedAccess.ReadWrite.AzureADGroup";
const CREATE_GROUPS: &str = "Group.Create Group.ReadWrite.All Directory.ReadWrite.All";
const WRITE_GROUPS: &str = "Group.ReadWrite.All Directory.ReadWrite.All";
const WRITE_MEMBERS: &str = "GroupMember.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All";

/// Method and path, with names in capitals for ids; the body with the same; and any of which permissions opens it.
const ROUTES: &[(&str, &str, &str, &str)] = &[
    ("GET", "groups", "", READ_GROUPS),
    ("GET", "groups/$count", "", READ_GROUPS),
    ("GET", "groups/GROUP", "", READ_GROUPS),
    ("GET", "groups(uniqueName='key')", "", READ_GROUPS),
    ("GET", "groups/delta", "", READ_GROUPS),
    ("GET", "groups/GROUP/members", "", READ_MEMBERS),
    ("GET", "groups/GROUP/members/$count", "", READ_MEMBERS),
    ("GET", "groups/GROUP/members/microsoft.graph.user", "", READ_MEMBERS),
    ("GET", "groups/GROUP/transitiveMembers", "", READ_MEMBERS),
    ("GET", "groups/GROUP/owners", "", READ_OWNERS),
    ("GET", "users/HAYDEN/memberOf", "", READ_MEMBERS),
    ("GET", "users/HAYDEN/transitiveMemberOf", "", READ_MEMBERS),
    ("POST", "directoryObjects/HAYDEN/checkMemberGroups", r#"{"groupIds": ["GROUP"]}"#, READ_MEMBERS),
    ("POST", "users/HAYDEN/getMemberGroups", r#"{"securityEnabledOnly": true}"#, READ_MEMBERS),
    ("POST", "users/HAYDEN/getMemberObjects", r#"{"securityEnabledOnly": true}"#, READ_MEMBERS),
    ("GET", "users", "", READ_USERS),
    ("GET", "users/$count", "", READ_USERS),
    ("GET", "users/hayden@contoso.com", "", READ_USERS),
    ("GET", "servicePrincipals", "", READ_APPS),
    ("GET", "servicePrincipals/$count", "", READ_APPS),
    ("GET", "servicePrincipals/OTHER-APP", "", READ_APPS),
    ("GET", "directoryObjects/HAYDEN", "", READ_ANYTHING),
    ("POST", "directoryObjects/getByIds", r#"{"ids": ["HAYDEN"]}"#, READ_ANYTHING),
    ("GET", "directory/deletedItems/microsoft.graph.group", "", READ_DELETED),
    ("GET", "directory/deletedItems/DELETED", "", READ_DELETED),
    ("GET", "organization", "", READ_ORGANIZATION),
    (
        "GET",
        "identityGovernance/privilegedAccess/group/assignmentScheduleInstances?$filter=groupId eq 'GROUP'",
        "",
        READ_PIM,
    ),
    ("GET", "auditLogs/directoryAudits", "", "AuditLog.Read.All"),
    ("POST", "groups", NEW, CREATE_GROUPS),
    ("PATCH", "groups(uniqueName='free')", NEW, CREATE_GROUPS),
    ("PATCH", "groups(uniqueName='key')", r#"{"description": "again"}"#, WRITE_GROUPS),
    ("PATCH", "groups/GROUP", r#"{"description": "again"}"#, WRITE_GROUPS),
    ("PATCH", "groups/GROUP", r#"{"members@odata.bind": ["ORIGIN/v1.0/users/ERIN"]}"#, WRITE_MEMBERS),
    ("PATCH", "groups/GROUP", r#"{"owners@odata.bind": ["ORIGIN/v1.0/users/HAYDEN"]}"#, WRITE_GROUPS),
    ("DELETE", "groups/GROUP", "", WRITE_GROUPS),
    ("POST", "groups/GROUP/members/$ref", r#"{"@odata.id": "ORIGIN/v1.0/users/ERIN"}"#, WRITE_MEMBERS),
    ("DELETE", "groups/GROUP/members/HAYDEN/$ref", "", WRITE_MEMBERS),
    ("POST", "groups/GROUP/owners/$ref", r#"{"@odata.id": "ORIGIN/v1.0/users/HAYDEN"}"#, WRITE_GROUPS),
    ("DELETE", "groups/GROUP/owners/ERIN/$ref", "", WRITE_GROUPS),
    ("POST", "directory/deletedItems/DELETED/restore", "", WRITE_GROUPS),
    ("DELETE", "directory/deletedItems/DELETED", "", WRITE_GROUPS),
    // What nobody means to do: it takes leave to change members as well, which is held throughout.
    ("DELETE", "groups/GROUP/members/HAYDEN", "", "User.ReadWrite.All"),
];
const NEW: &str =
    r#"{"displayName": "new", "mailNickname": "new", "mailEnabled": false, "securityEnabled": true, "groupTypes": []}"#;

/// Held beside what opens a route: whoever is added must be readable, and says nothing about the group.
fn beside(method: &str, path: &str) -> &'static [&'static str] {
    match (method, path) {
        ("DELETE", "groups/GROUP/members/HAYDEN") => &["GroupMember.ReadWrite.All"],
        ("POST" | "PATCH", path) if path.starts_with("groups/GROUP") => &["User.ReadBasic.All"],
        _ => &[],
    }
}

async fn world() -> World {
    let seed = with_group(people(&["hayden", "erin", "ada"]), "g", |group| {
        group.members = vec![member("hayden")];
        group.owners = vec![member("erin"), member("ada")];
        group.unique_name = Some("key".to_owned());
    });
    let mut seed = with_group(seed, "deleted", |_| {});
    let app_id = "0a1b0a1b-0000-4000-8000-000000000007".parse().unwrap();
    seed.service_principals.push(SeedServicePrincipal { app_id, display_name: "other".to_owned(), id: None });
    let world = World::new(&seed);
    let deleted = world.group("deleted");
    assert_eq!(world.delete(&format!("groups/{deleted}")).await.status, 204);
    world
}

/// The same text with ids for the names in capitals.
fn named(world: &World, text: &str) -> String {
    let (other, deleted) = world.graph.store.read(|tenant| {
        let other = tenant.service_principals.values().find(|app| app.display_name == "other").unwrap().id;
        (other, *tenant.deleted_groups.first_key_value().unwrap().0)
    });
    let text = text.replace("ORIGIN", ORIGIN).replace("GROUP", &world.group("g").to_string());
    let text = text.replace("OTHER-APP", &other.to_string()).replace("DELETED", &deleted.to_string());
    let user = |name: &str| world.user(name).to_string();
    text.replace("HAYDEN", &user("hayden@contoso.com")).replace("ERIN", &user("erin@contoso.com"))
}

fn bearer_with(world: &World, roles: &BTreeSet<String>) -> String {
    world.graph.store.read(|tenant| {
        let (id, app) = tenant.apps.first_key_value().unwrap();
        let roles = roles.iter().cloned().collect();
        token::access_token(tenant, *id, app, "https://graph.microsoft.com", roles, Duration::from_secs(60))
    })
}

const HEADERS: &[(&str, &str)] = &[("ConsistencyLevel", "eventual"), ("Prefer", "create-if-missing")];

/// Asked with these permissions, and with a bearer that is none when there are none to hold.
async fn ask(world: &mut World, route: (&str, &str, &str), roles: Option<&BTreeSet<String>>) -> Reply {
    let (method, path, body) = route;
    world.bearer = roles.map_or_else(|| "nonsense".to_owned(), |roles| bearer_with(world, roles));
    let body = (!body.is_empty()).then(|| serde_json::from_str(&named(world, body)).unwrap());
    world.send(method, &named(world, path), HEADERS, body).await
}

/// The same inside a batch.
async fn ask_in_batch(world: &mut World, route: (&str, &str, &str), roles: &BTreeSet<String>) -> Value {
    let (method, path, body) = route;
    world.bearer = bearer_with(world, roles);
    let mut item = json!({"id": "1", "method": method, "url": format!("/{}", named(world, path))});
    item["headers"] = HEADERS.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    if !body.is_empty() {
        item["headers"]["Content-Type"] = json!("application/json");
        item["body"] = serde_json::from_str(&named(world, body)).unwrap();
    }
    let reply = world.post("$batch", json!({"requests": [item]})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body["responses"][0].clone()
}

#[tokio::test]
async fn every_route_is_shut_without_what_opens_it() {
    let mut world = world().await;
    for (method, path, body, any_of) in ROUTES {
        let route = (*method, *path, *body);
        let nobody = ask(&mut world, route, None).await;
        assert_eq!(
            (nobody.status, &nobody.body["error"]["code"]),
            (401, &json!("InvalidAuthenticationToken")),
            "{path}"
        );
        let any_of = any_of.split(' ').collect::<BTreeSet<_>>();
        let everything_else = every_permission().into_iter().filter(|name| !any_of.contains(name.as_str())).collect();
        for roles in [BTreeSet::new(), everything_else] {
            let refused = ask(&mut world, route, Some(&roles)).await;
            assert_eq!(
                (refused.status, &refused.body["error"]["code"]),
                (403, &json!("Authorization_RequestDenied")),
                "{method} {path} with {roles:?}: {refused:?}"
            );
            let item = ask_in_batch(&mut world, route, &roles).await;
            assert_eq!(item["status"], 403, "{method} {path} in a batch with {roles:?}: {item:?}");
        }
    }
}

#[tokio::test]
async fn every_route_is_open_with_any_one_of_what_opens_it() {
    let mut reading = world().await;
    for (method, path, body, any_of) in ROUTES {
        let route = (*method, *path, *body);
        for name in any_of.split(' ') {
            let besides = beside(method, path).iter().copied();
            let roles = std::iter::once(name).chain(besides).map(str::to_owned).collect();
            let (reply, item) = if *method == "GET" {
                (ask(&mut reading, route, Some(&roles)).await, ask_in_batch(&mut reading, route, &roles).await)
            } else {
                let (mut alone, mut in_batch) = (world().await, world().await);
                (ask(&mut alone, route, Some(&roles)).await, ask_in_batch(&mut in_batch, route, &roles).await)
            };
            assert!((200..300).contains(&reply.status), "{method} {path} with {roles:?}: {reply:?}");
            assert_eq!(item["status"], reply.status, "{method} {path} in a batch with {roles:?}: {item:?}");
        }
    }
}

#[tokio::test]
async fn objects_that_the_app_may_not_read_have_an_id_and_nothing_else() {
    let seed = with_group(people(&["hayden"]), "inner", |_| {});
    let mut seed = with_group(seed, "outer", |group| {
        let app = SeedPrincipal::ServicePrincipal("0a1b0a1b-0000-4000-8000-000000000007".parse().unwrap());
        group.members = vec![member("hayden"), SeedPrincipal::Group("inner".to_owned()), app];
    });
    let app_id = "0a1b0a1b-0000-4000-8000-000000000007".parse().unwrap();
    seed.service_principals.push(SeedServicePrincipal { app_id, display_name: "other".to_owned(), id: None });
    let mut world = World::new(&seed);
    let path = format!("groups/{}/members?$select=id,displayName", world.group("outer"));
    let mut table = Vec::new();
    for also in ["", "User.ReadBasic.All", "Group.ReadBasic.All", "Application.Read.All"] {
        let roles = ["GroupMember.ReadBasic.All", also].map(str::to_owned).into();
        world.bearer = bearer_with(&world, &roles);
        let reply = world.get(&path).await;
        let members = reply.body["value"].as_array().unwrap();
        assert!(members.iter().all(|member| member["id"].is_string()), "{members:?}");
        let mut names = members
            .iter()
            .map(|member| {
                let kind = member["@odata.type"].as_str().unwrap().trim_start_matches("#microsoft.graph.");
                format!("{kind} {}", member["displayName"])
            })
            .collect::<Vec<_>>();
        names.sort();
        table.push(format!("{also}: {}", names.join(", ")));
    }
    insta::assert_snapshot!(table.join("\n"), @r#"
    : group null, servicePrincipal null, user null
    User.ReadBasic.All: group null, servicePrincipal null, user "Hayden"
    Group.ReadBasic.All: group "inner", servicePrincipal null, user null
    Application.Read.All: group null, servicePrincipal "other", user null
    "#);
}

#[tokio::test]
async fn an_app_reads_itself_without_any_permission() {
    let mut world = world().await;
    let applier = world.applier();
    world.bearer = bearer_with(&world, &BTreeSet::new());
    assert_eq!(world.get(&format!("servicePrincipals/{applier}")).await.status, 200);
}
