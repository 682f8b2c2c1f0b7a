use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::providers::entra::fake::FakeGraph;
use crate::providers::http::credential::tests::TENANT;
use crate::state::{GroupKey, Management, PrincipalName};

const GROUP: &str = "11111111-1111-4111-8111-111111111111";

fn key() -> GroupKey {
    "devs".parse().unwrap()
}

fn query() -> TenantQuery {
    TenantQuery {
        tenant: TENANT.parse().unwrap(),
        config: "contoso".parse().unwrap(),
        groups: BTreeMap::from([(key(), Management::Owned)]),
        display_names: BTreeMap::new(),
        unique_display_names: BTreeSet::new(),
        principals: BTreeSet::new(),
    }
}

async fn observe(graph: &FakeGraph, query: &TenantQuery) -> Result<Tenant> {
    EntraReader::new(&graph.connection, Arc::clone(&graph.chain)).unwrap().observe(query).await
}

/// A tenant with one group of ours; `answer` may answer otherwise.
async fn tenant(answer: impl Fn(&str) -> Option<(u16, Value)> + Send + Sync + 'static) -> FakeGraph {
    FakeGraph::of_items(move |_, path, _| {
        answer(path).unwrap_or_else(|| match path {
            "/groups" => {
                let group = json!({
                    "id": GROUP, "displayName": "devs", "uniqueName": "rolecall.contoso.devs",
                    "groupTypes": [], "mailEnabled": false, "securityEnabled": true,
                });
                (200, json!({ "value": [group] }))
            }
            path if path.starts_with("/groups(") => (404, Value::Null),
            _ => (200, json!({ "value": [] })),
        })
    })
    .await
}

/// A tenant whose index lists `devs`, of which neither list is there.
async fn without_lists(answer: impl Fn(&str) -> Option<(u16, Value)> + Send + Sync + 'static) -> FakeGraph {
    tenant(move |path| {
        let is_the_group = path.starts_with(&format!("/groups/{GROUP}"));
        answer(path).or_else(|| is_the_group.then_some((404, Value::Null)))
    })
    .await
}

#[tokio::test]
async fn a_group_that_is_listed_and_that_no_look_up_finds_is_gone() {
    let graph = without_lists(|_| None).await;
    assert!(observe(&graph, &query()).await.unwrap().marked.is_empty());
}

#[tokio::test]
async fn a_group_that_is_listed_without_lists_and_found_all_the_same_is_not_gone() {
    const BY_ID: &str = "/groups/11111111-1111-4111-8111-111111111111";
    const BY_KEY: &str = "/groups(uniqueName=%27rolecall.contoso.devs%27)";
    for found in [BY_ID, BY_KEY] {
        let graph = without_lists(move |path| (path == found).then(|| (200, json!({ "id": GROUP })))).await;
        let failure = observe(&graph, &query()).await.unwrap_err();
        assert_eq!((failure.kind, failure.next.as_deref()), (FailureKind::Conflict, Some("run it again")), "{found}");
        assert!(failure.what.contains(GROUP), "{failure:?}");
    }
    let graph = without_lists(|path| (path == BY_KEY).then_some((403, Value::Null))).await;
    assert_eq!(observe(&graph, &query()).await.unwrap_err().kind, FailureKind::Forbidden);
}

#[tokio::test]
async fn a_group_that_another_group_holds_is_not_gone() {
    const OUTER: &str = "22222222-2222-4222-8222-222222222222";
    for holds in [true, false] {
        let graph = without_lists(move |path| {
            let group = |id: &str, key: &str| {
                json!({
                    "id": id, "displayName": key, "uniqueName": format!("rolecall.contoso.{key}"),
                    "groupTypes": [], "mailEnabled": false, "securityEnabled": true,
                })
            };
            match path {
                "/groups" => Some((200, json!({ "value": [group(GROUP, "devs"), group(OUTER, "outer")] }))),
                path if holds && path == format!("/groups/{OUTER}/members") => {
                    Some((200, json!({ "value": [{ "@odata.type": "#microsoft.graph.group", "id": GROUP }] })))
                }
                _ => None,
            }
        })
        .await;
        match observe(&graph, &query()).await {
            Ok(tenant) => assert!(!holds && tenant.marked.len() == 1),
            Err(failure) => assert!(holds && failure.kind == FailureKind::Conflict, "{failure:?}"),
        }
    }
}

#[tokio::test]
async fn a_group_that_goes_while_it_is_read_is_no_group_without_members() {
    for list in ["owners", "members"] {
        let graph = tenant(move |path| path.ends_with(list).then_some((404, Value::Null))).await;
        let failure = observe(&graph, &query()).await.unwrap_err();
        assert_eq!((failure.kind, failure.what.contains("while it was read")), (FailureKind::Conflict, true));
    }
}

#[tokio::test]
async fn a_group_with_unreadable_properties_is_a_missing_permission() {
    let graph = tenant(|path| {
        let group = json!({ "id": GROUP, "displayName": null, "uniqueName": "rolecall.contoso.devs" });
        (path == "/groups").then(|| (200, json!({ "value": [group] })))
    })
    .await;
    assert_eq!(observe(&graph, &query()).await.unwrap_err().kind, FailureKind::Forbidden);
}

#[tokio::test]
async fn a_user_without_a_readable_name_is_a_missing_permission_and_not_nobody() {
    let graph = tenant(|path| {
        let user = json!({ "id": GROUP, "userPrincipalName": null });
        (path == "/users").then(|| (200, json!({ "value": [user] })))
    })
    .await;
    let principals = BTreeSet::from([PrincipalName::User("hayden@contoso.com".parse().unwrap())]);
    let failure = observe(&graph, &TenantQuery { principals, ..query() }).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Forbidden);
    assert!(failure.next.unwrap().contains("`User.Read.All`"));
}

#[tokio::test]
async fn a_guest_whose_invitation_cannot_be_read_is_not_said_to_be_pending() {
    let graph = tenant(|path| {
        let guest = json!({ "id": GROUP, "userPrincipalName": "x@contoso.com", "userType": "Guest", "mail": "ana@partner.example" });
        (path == "/users").then(|| (200, json!({ "value": [guest] })))
    })
    .await;
    let ana = PrincipalName::Guest("ana@partner.example".parse().unwrap());
    let query = TenantQuery { principals: BTreeSet::from([ana.clone()]), ..query() };
    let tenant = observe(&graph, &query).await.unwrap();
    let crate::state::Resolution::Missing { reason, .. } = &tenant.directory[&ana] else { panic!() };
    assert!(reason.starts_with("it cannot be read"), "{reason}");
}

#[tokio::test]
async fn a_group_that_hides_its_name_is_never_taken_for_nobody_else_of_that_name() {
    const OTHER: &str = "22222222-2222-4222-8222-222222222222";
    for hidden in [
        json!({ "id": OTHER, "displayName": null, "groupTypes": [], "mailEnabled": false, "securityEnabled": true }),
        json!({ "id": OTHER, "displayName": "devs" }),
    ] {
        let graph = tenant(move |path| (path == "/groups").then(|| (200, json!({ "value": [hidden] })))).await;
        let mut query = query();
        query.display_names.insert(key(), "devs".to_owned());
        assert!(observe(&graph, &query).await.unwrap().by_display_name["devs"].is_empty(), "only a note is lost");
        query.unique_display_names.insert(key());
        let failure = observe(&graph, &query).await.unwrap_err();
        assert_eq!((failure.kind, failure.what.contains(OTHER)), (FailureKind::BadAnswer, true), "{failure:?}");
    }
}

#[tokio::test]
async fn hostile_answers_are_failures_and_never_a_panic() {
    for body in
        [json!(null), json!([]), json!("x"), json!({ "value": [{ "id": "no guid" }] }), json!({ "value": [[]] })]
    {
        let graph = FakeGraph::of_items(move |_, _, _| (200, body.clone())).await;
        assert_eq!(observe(&graph, &query()).await.unwrap_err().kind, FailureKind::BadAnswer);
    }
}
