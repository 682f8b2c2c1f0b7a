//! Answers of the login endpoint and of Microsoft Graph, read by the reader of tenants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use rolecall::providers::Reader as _;
use rolecall::providers::entra::{Connection, EntraReader};
use rolecall::providers::http::Transport;
use rolecall::providers::http::credential::{Chain, CredentialSettings};
use rolecall::state::{Cloud, GroupAnswers, LiveGroup, ObjectId, Tenant};
use serde_json::{Value, json};

use super::answers::{Exchange, SECRET, Server, TOKEN, block_on};
use super::{is_fit_to_say, world};

pub(super) fn run(input: &[u8]) {
    let server = Server::new(input, &[("{{token}}", TOKEN), ("{{secret}}", SECRET)]);
    let (observed, answers) = block_on(async {
        let reader = reader(&server);
        let observed = reader.observe(&world::tenant_query()).await;
        let log = server.log();
        let answers = match &observed {
            Ok(tenant) => {
                nothing_is_missing(tenant, &log);
                let questions = world::group_questions(tenant);
                let answers = reader.ask(&questions).await;
                Some((questions, answers))
            }
            Err(_) => None,
        };
        (observed, answers)
    });
    let asked = answers.iter().flat_map(|(_, answers)| answers).filter_map(|answer| answer.as_ref().err());
    let confidential = server.confidential();
    observed.as_ref().err().into_iter().chain(asked).for_each(|failure| is_fit_to_say(failure, &confidential));
    let mut of_groups = GroupAnswers::default();
    if let Some((questions, answers)) = answers {
        of_groups.record(questions, answers);
    }
    world::show(Some(observed), of_groups, None, &confidential);
}

fn reader(server: &Server) -> EntraReader {
    // Roots of trust take long to load, and nothing is sent.
    static TRANSPORT: OnceLock<Transport> = OnceLock::new();
    let mut connection = Connection::to_cloud(Cloud::Public, world::tenant_id()).expect("the public cloud is known");
    connection.pace.throttled_for = std::time::Duration::from_secs(60);
    let transport = TRANSPORT.get_or_init(|| connection.transport().expect("a transport is made")).clone();
    let server = server.clone();
    let transport = transport.answering(move |request| {
        let asked = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let path = request.url().path();
        if path.ends_with("/token") {
            server.answer("token", asked, || (200, token().to_string().into_bytes()))
        } else if path.ends_with("/$batch") {
            server.answer("$batch", asked, || (200, batch(&server, asked).to_string().into_bytes()))
        } else {
            server.answer(path, asked, || (404, b"{}".to_vec()))
        }
    });
    let environment = BTreeMap::from([
        ("AZURE_TENANT_ID".to_owned(), world::tenant_id().to_string()),
        ("AZURE_CLIENT_ID".to_owned(), world::APPLIER.to_owned()),
        ("AZURE_CLIENT_SECRET".to_owned(), SECRET.to_owned()),
    ]);
    let settings =
        CredentialSettings::new(world::tenant_id(), connection.login.clone(), &environment).without_azure_cli();
    EntraReader::new(&connection, Arc::new(Chain::new(&settings, transport))).expect("a reader is made")
}

fn token() -> Value {
    json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": TOKEN })
}

/// The answer to a batch of which each item has one of its own, or a plain one.
fn batch(server: &Server, asked: &[u8]) -> Value {
    let asked: Value = serde_json::from_slice(asked).expect("our own batch is JSON");
    let responses = asked["requests"].as_array().into_iter().flatten().map(|request| {
        let url = request["url"].as_str().unwrap_or_default();
        let (status, body) = match server.next(url) {
            // What is no JSON cannot be part of a batch; it comes as text, as Graph does it.
            Some(answer) => {
                let text = || Value::String(String::from_utf8_lossy(&answer.body).into_owned());
                (answer.status, serde_json::from_slice(&answer.body).unwrap_or_else(|_| text()))
            }
            None => plain(url),
        };
        json!({ "id": request["id"], "status": status, "body": body })
    });
    json!({ "responses": responses.collect::<Vec<_>>() })
}

fn is_list(url: &str) -> bool {
    let path = url.split('?').next().unwrap_or_default();
    let one = path.strip_prefix("/groups/").is_some_and(|rest| !rest.contains('/'));
    !one && !path.starts_with("/groups(")
}

/// What a tenant without any group answers.
fn plain(url: &str) -> (u16, Value) {
    match url {
        _ if !is_list(url) => (404, json!({ "error": { "code": "Request_ResourceNotFound", "message": "not there" } })),
        _ if url.starts_with("/organization") => {
            let domain = json!({ "name": "contoso.com", "isDefault": true });
            (200, json!({ "value": [{ "id": world::tenant_id(), "verifiedDomains": [domain] }] }))
        }
        _ => (200, json!({ "value": [] })),
    }
}

/// One item of a batch, with what was answered.
struct Got {
    url: String,
    body: Value,
}

/// Whoever reads the answers plainly finds that each list came to its end, and that all of it was taken.
fn nothing_is_missing(tenant: &Tenant, log: &[Exchange]) {
    let groups: BTreeMap<ObjectId, &LiveGroup> =
        tenant.marked.values().chain(tenant.by_id.values().flatten()).map(|group| (group.id, group)).collect();
    let (asked, got) = items(log);
    for Got { url, body } in got.iter().filter(|got| is_list(&got.url) && matters(&got.url, &groups)) {
        assert!(body["value"].is_array(), "{url}: what is no list was taken for one: {body}");
        if let Some(link) = body.get("@odata.nextLink").filter(|link| !link.is_null()) {
            let next = link.as_str().and_then(|link| link.strip_prefix("https://graph.microsoft.com/v1.0"));
            assert!(next.is_some_and(|next| asked.contains(next)), "{url}: the next page was never read: {link}");
        }
    }
    for (id, group) in groups {
        for (list, found) in [("owners", &group.owners), ("members", &group.members)] {
            let found: BTreeSet<ObjectId> = found.iter().map(|principal| principal.id).collect();
            assert_eq!(found, whole_list(&got, &format!("/groups/{id}/{list}?")), "{list} of {id}");
        }
    }
}

/// The owners of groups that only share a name are there for people to choose by, and may be missing.
fn matters(url: &str, groups: &BTreeMap<ObjectId, &LiveGroup>) -> bool {
    let id = url.strip_prefix("/groups/").and_then(|rest| rest.split('/').next()).and_then(|id| id.parse().ok());
    id.is_none_or(|id: ObjectId| groups.contains_key(&id))
}

/// The addresses of all items that were asked for, and those that were answered well.
fn items(log: &[Exchange]) -> (BTreeSet<String>, Vec<Got>) {
    let mut asked = BTreeSet::new();
    let mut got = Vec::new();
    for exchange in log.iter().filter(|exchange| exchange.target == "$batch") {
        let requests: Value = serde_json::from_slice(&exchange.asked).expect("our own batch is JSON");
        let requests: BTreeMap<&str, &str> = requests["requests"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|request| Some((request["id"].as_str()?, request["url"].as_str()?)))
            .collect();
        asked.extend(requests.values().map(|url| (*url).to_owned()));
        let Ok(Value::Object(body)) = serde_json::from_slice(&exchange.body) else { continue };
        if !exchange.is_success() {
            continue;
        }
        for response in body.get("responses").and_then(Value::as_array).into_iter().flatten() {
            let url = response["id"].as_str().and_then(|id| requests.get(id));
            let is_success = response["status"].as_u64().is_some_and(|status| (200..300).contains(&status));
            if let (Some(url), true) = (url, is_success) {
                got.push(Got { url: (*url).to_owned(), body: response["body"].clone() });
            }
        }
    }
    (asked, got)
}

/// The ids of a list, from its last beginning on.
fn whole_list(got: &[Got], start: &str) -> BTreeSet<ObjectId> {
    // As our own requests are spelt: a link of another list may lead to a page of this one.
    let is_first = |url: &str| url.starts_with(start) && url.contains("%2C") && url.ends_with("&$top=999");
    let first = got.iter().find(|got| is_first(&got.url)).map(|got| got.url.clone()).unwrap_or_default();
    let mut at = got.iter().rposition(|got| got.url == first);
    let mut ids = BTreeSet::new();
    while let Some(page) = at.and_then(|at| got.get(at)) {
        let items = page.body["value"].as_array().into_iter().flatten();
        ids.extend(items.filter_map(|item| item["id"].as_str()?.parse::<ObjectId>().ok()));
        let next = page.body["@odata.nextLink"].as_str();
        let next = next.and_then(|link| link.strip_prefix("https://graph.microsoft.com/v1.0"));
        at = next.and_then(|next| Some(at? + 1 + got[at? + 1..].iter().position(|got| got.url == next)?));
    }
    ids
}
