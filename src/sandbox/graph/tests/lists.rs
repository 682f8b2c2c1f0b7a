//! Filters, pages and projections (entra.md §1.2, §1.3).

use std::time::Duration;

use super::*;

fn names(reply: &Reply, key: &str) -> Vec<String> {
    reply.body["value"].as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_are_followed_by_absolute_links_until_there_is_none() {
    let numbers = (0..250).map(|number| format!("user{number}")).collect::<Vec<_>>();
    let everybody = people(&numbers.iter().map(String::as_str).collect::<Vec<_>>());
    let members = numbers.iter().map(|name| member(name)).collect::<Vec<_>>();
    let world = World::new(&with_group(everybody, "all", |group| group.members = members));
    for (query, pages) in [("", vec![100, 100, 50]), ("?$top=120", vec![120, 120, 10]), ("?$top=999", vec![250])] {
        let mut path = format!("groups/{}/members{query}", world.group("all"));
        let mut sizes = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        loop {
            let reply = world.get(&path).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            let found = names(&reply, "userPrincipalName");
            sizes.push(found.len());
            seen.extend(found);
            let Some(next) = reply.body["@odata.nextLink"].as_str() else { break };
            assert!(next.starts_with(&format!("{ORIGIN}/v1.0/groups/")), "{next}");
            path = next.to_owned();
        }
        assert_eq!(sizes, pages, "{query}");
        assert_eq!(seen.len(), 250);
    }
}

#[tokio::test]
async fn a_page_token_belongs_to_its_list_and_runs_out() {
    let world = World::new(&people(&["a", "b", "c"]));
    let next = world.get("users?$top=1").await.body["@odata.nextLink"].as_str().unwrap().to_owned();
    let token = next.split("$skiptoken=").nth(1).unwrap();
    assert_eq!(world.get(&format!("groups?$skiptoken={token}")).await.status, 400);
    assert_eq!(world.get("users?$skiptoken=forged").await.status, 400);

    let lifetimes = Lifetimes { page_token: Duration::ZERO, ..Lifetimes::default() };
    let world = World::with(&people(&["a", "b"]), lifetimes, &Faults::default());
    let next = world.get("users?$top=1").await.body["@odata.nextLink"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(world.get(&next).await.said(), @"400 Directory_ExpiredPageToken: The specified page token value has expired and can no longer be included in your request.");
}

#[tokio::test]
async fn page_sizes_are_1_to_999() {
    let world = World::new(&people(&["a"]));
    for top in ["0", "1000", "x"] {
        assert_eq!(world.get(&format!("users?$top={top}")).await.status, 400, "{top}");
    }
    assert_eq!(world.get("users?$top=999").await.status, 200);
}

#[tokio::test]
async fn a_count_needs_the_header_and_is_on_the_first_page_only() {
    let world = World::new(&people(&["a", "b", "c"]));
    insta::assert_snapshot!(world.get("users?$count=true").await.said(), @"400 Request_UnsupportedQuery: Request_UnsupportedQuery: this query needs the header 'ConsistencyLevel: eventual' and '$count=true'.");
    let header = [("ConsistencyLevel", "eventual")];
    let first = world.send("GET", "users?$count=true&$top=2", &header, None).await;
    assert_eq!(first.body["@odata.count"], 3);
    let next = first.body["@odata.nextLink"].as_str().unwrap();
    // The link does not carry the header.
    assert_eq!(world.get(next).await.status, 400);
    let second = world.send("GET", next, &header, None).await;
    assert_eq!((second.status, &second.body["@odata.count"]), (200, &Value::Null));
}

#[tokio::test]
async fn advanced_filters_need_header_and_count() {
    let world = World::new(&people(&["ada", "bea"]));
    let header = [("ConsistencyLevel", "eventual")];
    for filter in ["userPrincipalName ne 'x'", "not(displayName eq 'Ada')", "endsWith(userPrincipalName,'contoso.com')"]
    {
        let plain = format!("users?$filter={filter}");
        assert!(world.get(&plain).await.said().starts_with("400 Request_UnsupportedQuery"), "{filter}");
        assert_eq!(world.send("GET", &plain, &header, None).await.status, 400, "{filter}");
        let counted = format!("{plain}&$count=true");
        assert_eq!(world.send("GET", &counted, &header, None).await.status, 200, "{filter}");
    }
    assert_eq!(world.get("users?$orderby=displayName&$filter=userType eq 'Member'").await.status, 400);
    assert_eq!(world.get("users?$search=\"displayName:x\"").await.status, 400);
}

#[tokio::test]
async fn people_are_found_by_name_and_guests_by_mail() {
    let mut seed = people(&["hayden", "erin"]);
    seed.users.push(SeedUser {
        mail: Some("Ana@partner.example".to_owned()),
        guest: true,
        pending: true,
        ..SeedUser::default()
    });
    let world = World::new(&seed);
    let found = world.get("users?$filter=userPrincipalName in ('HAYDEN@contoso.com','nobody@contoso.com')").await;
    assert_eq!(names(&found, "userPrincipalName"), ["hayden@contoso.com"]);
    let select = "$select=id,userPrincipalName,mail,userType,externalUserState,accountEnabled";
    let found = world.get(&format!("users?$filter=mail eq 'ana@PARTNER.example'&{select}")).await;
    let mut guest = found.body["value"][0].clone();
    guest["id"] = json!("ID");
    insta::assert_json_snapshot!(guest, @r#"
    {
      "accountEnabled": true,
      "externalUserState": "PendingAcceptance",
      "id": "ID",
      "mail": "Ana@partner.example",
      "userPrincipalName": "Ana_partner.example#EXT#@contoso.com",
      "userType": "Guest"
    }
    "#);
    assert_eq!(names(&world.get("users?$filter=userType eq 'Guest'").await, "mail"), ["Ana@partner.example"]);
    let found = world.get("users?$filter=otherMails/any(m:m eq 'ana@partner.example')").await;
    assert_eq!(names(&found, "mail"), ["Ana@partner.example"]);
    let found = world.get("users?$filter=startsWith(displayName,'er')").await;
    assert_eq!(names(&found, "displayName"), ["Erin"]);
}

#[tokio::test]
async fn groups_are_found_by_the_properties_that_can_be_filtered() {
    let seed = with_group(people(&[]), "one", |group| group.mail_nickname = Some("rolecall-1".to_owned()));
    let seed = with_group(seed, "two", |group| group.unique_name = Some("rolecall.x.two".to_owned()));
    let world = World::new(&seed);
    let id = world.group("two");
    for (filter, expected) in [
        ("startsWith(mailNickname,'rolecall-')".to_owned(), &["one"][..]),
        ("displayName in ('one','two','three')".to_owned(), &["one", "two"]),
        ("displayName eq 'one' and mailNickname eq 'rolecall-1'".to_owned(), &["one"]),
        (format!("id in ('{id}')"), &["two"]),
        ("groupTypes/any(c:c eq 'Unified')".to_owned(), &[]),
    ] {
        let mut found = names(&world.get(&format!("groups?$filter={filter}")).await, "displayName");
        found.sort();
        assert_eq!(found, expected, "{filter}");
    }
    let refused = world.get("groups?$filter=uniqueName eq 'rolecall.x.two'").await;
    insta::assert_snapshot!(refused.said(), @"400 Request_UnsupportedQuery: Unsupported or invalid query filter clause specified for property 'uniqueName' of resource 'groups'.");
}

#[tokio::test]
async fn select_shows_what_it_names_and_nothing_unknown() {
    let world = World::new(&people(&["hayden"]));
    let found = world.get("users?$select=displayName").await;
    assert_eq!(found.body["value"][0], json!({"displayName": "Hayden"}));
    let default = world.get("users").await;
    // Without $select a user says neither whether it is enabled nor of which type it is (entra.md §3).
    assert!(default.body["value"][0].get("accountEnabled").is_none());
    assert!(default.body["value"][0].get("userType").is_none());
    insta::assert_snapshot!(world.get("users?$select=displayname").await.said(), @"400 BadRequest: Parsing OData Select and Expand failed: Could not find a property named 'displayname' on type 'microsoft.graph.user'.");
}

#[tokio::test]
async fn members_say_their_type_and_lack_what_their_type_lacks() {
    let seed = with_group(people(&["hayden"]), "inner", |_| {});
    let seed = with_group(seed, "outer", |group| {
        group.members = vec![member("hayden"), SeedPrincipal::Group("inner".to_owned())];
    });
    let world = World::new(&seed);
    let path = format!("groups/{}/members?$select=userPrincipalName,accountEnabled,displayName", world.group("outer"));
    let mut members = world.get(&path).await.body["value"].as_array().unwrap().clone();
    members.sort_by_key(|member| member["@odata.type"].to_string());
    insta::assert_json_snapshot!(members, @r##"
    [
      {
        "@odata.type": "#microsoft.graph.group",
        "displayName": "inner"
      },
      {
        "@odata.type": "#microsoft.graph.user",
        "accountEnabled": true,
        "displayName": "Hayden",
        "userPrincipalName": "hayden@contoso.com"
      }
    ]
    "##);
}

#[tokio::test]
async fn what_is_not_modelled_answers_501_and_is_marked() {
    let world = World::new(&people(&["a"]));
    for path in ["users/delta", "users?$orderby=displayName&$count=true", "users?$format=json", "applications"] {
        let reply = world.send("GET", path, &[("ConsistencyLevel", "eventual")], None).await;
        assert!(reply.said().starts_with("501 NotImplemented"), "{path}: {}", reply.said());
        assert!(reply.note.not_modelled, "{path}");
    }
    let mut beta = Request::builder().uri("/v2.0/groups").body(HttpBody::empty()).unwrap();
    beta.headers_mut().insert("authorization", format!("Bearer {}", world.bearer).parse().unwrap());
    let reply = world.ask(beta).await;
    assert_eq!((reply.status, reply.note.not_modelled), (501, true));
}

#[tokio::test]
async fn every_reply_says_what_it_cost() {
    let world = World::new(&with_group(people(&["a"]), "g", |_| {}));
    let id = world.group("g");
    for (path, units) in [
        (format!("groups/{id}/members"), "3"),
        (format!("groups/{id}/members?$select=id"), "2"),
        (format!("groups/{id}/members?$select=id&$top=5"), "1"),
        ("users".to_owned(), "2"),
        ("groups".to_owned(), "1"),
        ("groups?$select=id&$top=5".to_owned(), "1"),
        ("groups/nonsense".to_owned(), "1"),
    ] {
        assert_eq!(world.get(&path).await.header("x-ms-resource-unit"), Some(units), "{path}");
    }
}

#[tokio::test]
async fn errors_come_in_the_documented_envelope() {
    let world = World::new(&people(&[]));
    let reply = world.send("GET", "groups/nonsense", &[("client-request-id", "mine")], None).await;
    let error = &reply.body["error"];
    assert_eq!(error["code"], "Request_ResourceNotFound");
    assert_eq!(error["innerError"]["client-request-id"], "mine");
    assert_eq!(error["innerError"]["request-id"].as_str(), reply.header("request-id"));
    assert!(error["innerError"]["date"].is_string());
    assert_eq!(reply.header("client-request-id"), Some("mine"));
    assert!(reply.header("content-type").unwrap().starts_with("application/json;odata.metadata=minimal"));
}
