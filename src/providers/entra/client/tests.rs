use std::time::Duration;

use serde_json::json;
use wiremock::ResponseTemplate;

use super::batch::Item;
use super::*;
use crate::providers::entra::fake::{FakeGraph, each, error, item, responses};
use crate::providers::http::credential::tests::working_chain;

impl FakeGraph {
    fn reader(&self) -> ReadClient {
        ReadClient::new(&self.connection, Arc::clone(&self.chain)).unwrap()
    }

    async fn write(&self, writes: &[Write]) -> Vec<Written> {
        let client = WriteClient::new(&self.connection, Arc::clone(&self.chain)).unwrap();
        let (_sender, interrupted) = watch::channel(false);
        client.write(writes, &interrupted).await
    }
}

fn users(count: usize) -> Vec<Path> {
    let names = (0..count).map(|number| format!("person{number}@contoso.com"));
    names.map(|name| Path::of("/users").filter(&Filter::equals("userPrincipalName", &name))).collect()
}

fn ids(list: &[Value]) -> Vec<&str> {
    list.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

fn kind(problem: Problem) -> FailureKind {
    match problem {
        Problem::Failed(failure) => failure.kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn results_are_matched_by_id_in_whatever_order_they_come() {
    let graph = FakeGraph::new(|_, body, _, _| each(&body, |url, id| item(id, 200, &json!({ "url": url })))).await;
    let paths = users(45);
    let values = graph.reader().gets(&paths).await;
    for (path, value) in paths.iter().zip(values) {
        assert_eq!(value.unwrap()["url"], path.as_str());
    }
    let sizes: Vec<_> = graph.batches().await.iter().map(Vec::len).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 45);
    assert_eq!(sizes.len(), 3);
}

#[tokio::test]
async fn a_throttled_item_goes_again_alone_after_its_time() {
    let graph = FakeGraph::new(|nth, body, _, _| {
        each(&body, |url, id| {
            if nth == 0 && url.contains("person1%40") {
                return json!({ "id": id, "status": 429, "headers": { "retry-after": "0.05" }, "body": error("TooManyRequests") });
            }
            item(id, 200, &json!({}))
        })
    })
    .await;
    let (reader, started) = (graph.reader(), std::time::Instant::now());
    assert!(reader.gets(&users(3)).await.iter().all(std::result::Result::is_ok));
    assert!(started.elapsed() >= Duration::from_millis(50));
    let batches = graph.batches().await;
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(reader.usage(), Usage { requests: 2, resource_units: 0, throttled: 1 });
}

#[tokio::test]
async fn a_token_that_graph_repeats_is_not_printed() {
    let graph = FakeGraph::new(|_, _, _, _| ResponseTemplate::new(500)).await;
    let token = graph.chain.token("https://graph.microsoft.com/.default").await.unwrap();
    let sent = secrecy::ExposeSecret::expose_secret(token.secret()).to_owned();
    let answered = json!({ "error": { "code": "X", "message": format!("sent was {sent} here") } });
    let graph = FakeGraph::new(move |_, body, _, _| {
        let (single, answered) = (body.is_null(), answered.clone());
        if single {
            ResponseTemplate::new(400).set_body_json(answered)
        } else {
            each(&body, |_, id| item(id, 400, &answered))
        }
    })
    .await;
    let reader = graph.reader();
    let problems = [reader.get(&Path::of("/organization")).await, reader.gets(&users(1)).await.remove(0)];
    for problem in problems {
        let Err(Problem::Refused(error)) = problem else { panic!("{problem:?}") };
        assert_eq!(error.message, "sent was … here");
    }
}

#[tokio::test]
async fn a_throttled_call_goes_again_and_one_that_stays_throttled_fails() {
    let slow = || ResponseTemplate::new(429).insert_header("retry-after", "0.01");
    let graph = FakeGraph::new(
        move |nth, _, _, _| if nth < 3 { slow() } else { ResponseTemplate::new(200).set_body_json(json!({})) },
    )
    .await;
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut graph = graph;
    let listener = Arc::clone(&told);
    graph.connection.on_wait = OnWait::tell(move |wait| listener.lock().unwrap().push(wait.limit));
    let reader = graph.reader();
    reader.get(&Path::of("/organization")).await.unwrap();
    assert_eq!(reader.usage().throttled, 3);
    assert_eq!(*told.lock().unwrap(), [graph.connection.pace.throttled_for; 3]);

    let graph = FakeGraph::new(|_, _, _, _| ResponseTemplate::new(429).insert_header("retry-after", "6")).await;
    assert_eq!(kind(graph.reader().get(&Path::of("/organization")).await.unwrap_err()), FailureKind::Unavailable);
    assert_eq!(graph.requests().await.len(), 1, "waiting would take longer than the patience for throttling");
}

#[tokio::test(start_paused = true)]
async fn who_waits_at_the_gate_gives_up_once_another_answer_closes_it_for_too_long() {
    let graph = FakeGraph::new(|_, _, _, _| ResponseTemplate::new(500)).await;
    let (gate, start) = (Arc::clone(&graph.connection.gate), tokio::time::Instant::now());
    gate.close_for(Duration::from_secs(4));
    let reader = graph.reader();
    let (organization, people) = (Path::of("/organization"), users(45));
    let close = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        gate.close_for(Duration::from_secs(86_000));
    };
    let (single, many, ()) = futures::join!(reader.get(&organization), reader.gets(&people), close);
    for result in many.into_iter().chain([single]) {
        assert_eq!(kind(result.unwrap_err()), FailureKind::Unavailable);
    }
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(graph.requests().await.len(), 0);
}

#[tokio::test]
async fn what_a_failed_item_asks_for_holds_back_no_other() {
    let graph = FakeGraph::new(|nth, body, _, _| {
        each(&body, |url, id| match (nth, url.contains("person0%40")) {
            (_, true) => json!({ "id": id, "status": 503, "headers": { "Retry-After": "86000" }, "body": {} }),
            (0, false) => item(id, 429, &error("TooManyRequests")),
            (_, false) => item(id, 200, &json!({})),
        })
    })
    .await;
    let results = graph.reader().gets(&users(2)).await;
    assert!(matches!(&results[0], Err(Problem::Refused(error)) if error.status == 503), "{results:?}");
    assert!(results[1].is_ok(), "{results:?}");
    assert_eq!(graph.batches().await.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn resource_units_are_counted_for_calls_and_items() {
    let graph = FakeGraph::new(|_, body, request, _| {
        if request.method.as_str() == "GET" {
            return ResponseTemplate::new(200).insert_header("x-ms-resource-unit", "2").set_body_json(json!({}));
        }
        each(&body, |_, id| json!({ "id": id, "status": 200, "headers": { "X-Ms-Resource-Unit": "3" }, "body": {} }))
    })
    .await;
    let reader = graph.reader();
    reader.get(&Path::of("/organization")).await.unwrap();
    reader.gets(&users(2)).await;
    assert_eq!(reader.usage().resource_units, 8);
}

#[tokio::test]
async fn reading_is_repeated_after_errors_of_the_server_and_ends() {
    let graph = FakeGraph::new(|nth, body, _, _| match nth {
        0 => ResponseTemplate::new(503),
        1 => each(&body, |_, id| item(id, 504, &Value::Null)),
        _ => each(&body, |_, id| item(id, 200, &json!({}))),
    })
    .await;
    assert!(graph.reader().gets(&users(1)).await[0].is_ok());

    let graph = FakeGraph::new(|_, _, _, _| ResponseTemplate::new(502)).await;
    assert_eq!(kind(graph.reader().gets(&users(1)).await.remove(0).unwrap_err()), FailureKind::Unavailable);
    assert_eq!(graph.requests().await.len(), 3);
}

#[tokio::test]
async fn an_answer_that_is_cut_short_or_odd_is_an_error() {
    for body in [
        r#"{"responses":[{"id":"0","status":200,"bo"#,
        r#"{"responses":[]}"#,
        r#"{"responses":[{"id":"7","status":200}]}"#,
        r#"{"responses":[{"id":"0","status":200},{"id":"0","status":200}]}"#,
        r#"{"responses":"none"}"#,
        "",
    ] {
        let graph = FakeGraph::new(move |_, _, _, _| ResponseTemplate::new(200).set_body_string(body)).await;
        assert_eq!(kind(graph.reader().gets(&users(1)).await.remove(0).unwrap_err()), FailureKind::BadAnswer, "{body}");
    }
}

#[tokio::test]
async fn a_redirect_is_refused() {
    let elsewhere = ResponseTemplate::new(307).insert_header("location", "https://evil.contoso.com/v1.0/organization");
    let graph = FakeGraph::new(move |_, _, _, _| elsewhere.clone()).await;
    assert_eq!(kind(graph.reader().get(&Path::of("/organization")).await.unwrap_err()), FailureKind::Refused);
}

#[tokio::test]
async fn an_expired_token_is_renewed_once() {
    let expired = || ResponseTemplate::new(401).set_body_json(error("InvalidAuthenticationToken"));
    let graph = FakeGraph::new(
        move |nth, _, _, _| if nth == 0 { expired() } else { ResponseTemplate::new(200).set_body_json(json!({})) },
    )
    .await;
    graph.reader().get(&Path::of("/organization")).await.unwrap();
    let requests = graph.requests().await;
    assert_ne!(requests[0].headers["authorization"], requests[1].headers["authorization"]);

    let graph = FakeGraph::new(move |_, _, _, _| expired()).await;
    let problem = graph.reader().get(&Path::of("/organization")).await.unwrap_err();
    let failure = graph.reader().failure(problem, "reading", Permission::ReadGroups);
    assert_eq!(failure.kind, FailureKind::Unauthenticated);
    assert_eq!((graph.requests().await.len(), graph.tokens.load(Ordering::SeqCst)), (2, 2));
}

/// A list of three pages, the second one empty, whose links hold what must not be touched.
fn three_pages(url: &str, base: &str) -> Value {
    let link = |token: &str| format!("{base}/v1.0/groups?$skiptoken=RFN'%2Bw%3d-{token}");
    match url.rsplit('-').next() {
        Some("two") => json!({ "value": [], "@odata.nextLink": link("three") }),
        Some("three") => json!({ "value": [{ "id": "b" }] }),
        _ => json!({ "value": [{ "id": "a" }], "@odata.nextLink": link("two") }),
    }
}

#[tokio::test]
async fn links_are_followed_word_for_word_with_the_header_that_they_do_not_carry() {
    let graph = FakeGraph::new(|_, body, _, base| {
        let base = base.to_owned();
        each(&body, move |url, id| item(id, 200, &three_pages(url, &base)))
    })
    .await;
    let path = Path::of("/groups").filter(&Filter::starts_with("mailNickname", "x")).advanced();
    let list: Vec<Value> = graph.reader().list(path).await.unwrap();
    assert_eq!(ids(&list), ["a", "b"]);
    assert_eq!(graph.batches().await[2][0].1, "/groups?$skiptoken=RFN'%2Bw%3d-three");
    for request in graph.requests().await {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["requests"][0]["headers"]["ConsistencyLevel"], "eventual");
    }
}

#[tokio::test]
async fn further_pages_of_many_lists_share_calls() {
    let graph = FakeGraph::new(|_, body, _, base| {
        let base = base.to_owned();
        each(&body, move |url, id| {
            let (name, page) = url.split_once("?page=").unwrap_or((url, "1"));
            let page: usize = page.parse().unwrap();
            let mut answer = json!({ "value": [{ "id": format!("{name}/{page}") }] });
            if page < 3 {
                answer["@odata.nextLink"] = json!(format!("{base}/v1.0{name}?page={}", page + 1));
            }
            item(id, 200, &answer)
        })
    })
    .await;
    let paths: Vec<_> = (0..40).map(|number| Path::group(uuid::Uuid::from_u128(number).into())).collect();
    let lists = graph.reader().lists::<Value>(&paths).await;
    assert!(lists.into_iter().all(|list| list.unwrap().len() == 3));
    assert_eq!(graph.requests().await.len(), 6, "120 pages are 6 full calls");
}

async fn list_of(
    pages: impl Fn(usize, &str) -> Value + Send + Sync + 'static,
) -> (std::result::Result<Vec<Value>, Problem>, usize) {
    let graph = FakeGraph::new(move |nth, body, _, base| {
        let page = pages(nth, base);
        let status = if page["error"].is_object() { 400 } else { 200 };
        responses(&[item(&body["requests"][0]["id"], status, &page)])
    })
    .await;
    let list = graph.reader().list(Path::of("/groups")).await;
    (list, graph.requests().await.len())
}

#[tokio::test]
async fn no_token_follows_a_link_to_another_place() {
    for link in [
        "https://evil.contoso.com/v1.0/groups?$skiptoken=x",
        "http://127.0.0.1:1/v1.0/groups?$skiptoken=x",
        "/v1.0/groups?$skiptoken=x",
        "nonsense",
    ] {
        let (list, requests) = list_of(move |_, _| json!({ "value": [], "@odata.nextLink": link })).await;
        assert_eq!((kind(list.unwrap_err()), requests), (FailureKind::Refused, 1), "{link}");
    }
    // The base is a prefix of the host, of the version, or of the user in front of the host.
    for behind in [".evil.contoso.com/v1.0/groups", "@evil.contoso.com/v1.0/groups", "/v1.0evil/groups", "/beta/groups"]
    {
        let (list, _) =
            list_of(move |_, base| json!({ "value": [], "@odata.nextLink": format!("{base}{behind}") })).await;
        assert_eq!(kind(list.unwrap_err()), FailureKind::Refused, "{behind}");
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_whole_is_an_error() {
    let next = |base: &str, token: usize| json!(format!("{base}/v1.0/groups?$skiptoken={token}"));
    let bad = async |pages: fn(usize, &str) -> Value| kind(list_of(pages).await.0.unwrap_err());
    assert_eq!(bad(|_, _| json!({})).await, FailureKind::BadAnswer);
    assert_eq!(bad(|_, _| json!({ "value": {} })).await, FailureKind::BadAnswer);
    assert_eq!(bad(|_, _| json!(["value"])).await, FailureKind::BadAnswer);
    assert_eq!(bad(|_, _| json!("value")).await, FailureKind::BadAnswer);
    assert_eq!(bad(|_, _| Value::Null).await, FailureKind::BadAnswer);
    assert_eq!(bad(|_, _| json!({ "value": ["no object"] })).await, FailureKind::BadAnswer);
    assert_eq!(bad(|_, _| json!({ "value": [{ "name": "no id" }] })).await, FailureKind::BadAnswer);
    assert_eq!(bad(|_, _| json!({ "value": [], "@odata.nextLink": 7 })).await, FailureKind::BadAnswer);
    let (circle, _) = list_of(move |nth, base| json!({ "value": [], "@odata.nextLink": next(base, nth % 2) })).await;
    assert_eq!(kind(circle.unwrap_err()), FailureKind::BadAnswer);
    let (same, _) =
        list_of(move |nth, base| json!({ "value": [{ "id": "a" }], "@odata.nextLink": next(base, nth) })).await;
    assert_eq!(kind(same.unwrap_err()), FailureKind::BadAnswer);
}

#[tokio::test]
async fn a_list_whose_link_is_too_old_is_begun_anew_but_not_for_ever() {
    let next = |base: &str| json!(format!("{base}/v1.0/groups?$skiptoken=x"));
    let (list, requests) = list_of(move |nth, base| match nth {
        0 => json!({ "value": [{ "id": "gone since" }], "@odata.nextLink": next(base) }),
        1 => error("Directory_ExpiredPageToken"),
        2 => json!({ "value": [{ "id": "a" }], "@odata.nextLink": next(base) }),
        _ => json!({ "value": [{ "id": "b" }] }),
    })
    .await;
    assert_eq!((ids(&list.unwrap()), requests), (vec!["a", "b"], 4));

    let (list, _) = list_of(move |nth, base| match nth % 2 {
        0 => json!({ "value": [], "@odata.nextLink": next(base) }),
        _ => error("Directory_ExpiredPageToken"),
    })
    .await;
    assert!(matches!(list.unwrap_err(), Problem::Refused(error) if error.code == "Directory_ExpiredPageToken"));
}

fn deletions(count: u128) -> Vec<Write> {
    (0..count).map(|number| Write::DeleteGroup(uuid::Uuid::from_u128(number).into())).collect()
}

#[tokio::test]
async fn a_write_is_never_repeated_when_its_result_is_unknown() {
    // The whole call fails, an item fails, an item is left out, the answer is cut short or too long.
    for nth in 0..5 {
        let graph = FakeGraph::new(move |_, body, _, _| match nth {
            0 => ResponseTemplate::new(504),
            1 => each(&body, |_, id| item(id, 500, &Value::Null)),
            2 => responses(&[]),
            3 => ResponseTemplate::new(200).set_body_string(r#"{"responses":[{"id":"0","#),
            _ => ResponseTemplate::new(200).set_body_bytes(vec![b' '; 65 << 20]),
        })
        .await;
        let results = graph.write(&deletions(2)).await;
        assert!(results.len() == 2 && results.iter().all(|result| result.as_ref().unwrap_err().is_unknown()), "{nth}");
        assert_eq!(graph.requests().await.len(), 1, "{nth}");
    }
}

#[tokio::test]
async fn a_write_that_was_not_done_is_repeated() {
    let graph = FakeGraph::new(|nth, body, _, _| match nth {
        0 => ResponseTemplate::new(429).insert_header("retry-after", "0.01"),
        1 => ResponseTemplate::new(401),
        2 => each(&body, |_, id| json!({ "id": id, "status": 429, "body": error("TooManyRequests") })),
        3 => each(&body, |_, id| item(id, 409, &error("Directory_ConcurrencyViolation"))),
        _ => each(&body, |_, id| json!({ "id": id, "status": 204 })),
    })
    .await;
    let results = graph.write(&deletions(1)).await;
    assert_eq!(results[0].as_ref().unwrap().status, 204);
    assert_eq!(graph.requests().await.len(), 5);
}

#[tokio::test]
async fn an_item_that_stays_throttled_fails_in_the_end() {
    let graph = FakeGraph::new(|_, body, _, _| {
        each(&body, |_, id| json!({ "id": id, "status": 429, "headers": { "Retry-After": 3 }, "body": {} }))
    })
    .await;
    assert_eq!(kind(graph.reader().gets(&users(1)).await.remove(0).unwrap_err()), FailureKind::Unavailable);
    assert_eq!(graph.requests().await.len(), 2, "the second wait of 3 s would end after the 5 s of patience");
}

#[tokio::test]
async fn while_nothing_gets_through_less_is_sent_and_more_again_once_it_does() {
    // Whoever is refused pays all the same: only a batch of two or fewer gets through.
    let graph = FakeGraph::new(|_, body, _, _| {
        let sent = body["requests"].as_array().unwrap().len();
        let status = if sent > 2 { 429 } else { 204 };
        each(&body, |_, id| json!({ "id": id, "status": status, "headers": { "Retry-After": "0.1" }, "body": {} }))
    })
    .await;
    let results = graph.write(&deletions(9)).await;
    assert!(results.iter().all(std::result::Result::is_ok), "{results:?}");
    let size =
        |request: &wiremock::Request| request.body_json::<Value>().unwrap()["requests"].as_array().unwrap().len();
    let sizes: Vec<usize> = graph.requests().await.iter().map(size).collect();
    assert_eq!(sizes, [9, 4, 2, 4, 2, 4, 2, 3, 1, 2]);
}

#[tokio::test]
async fn what_was_refused_is_not_unknown_because_others_are() {
    let graph = FakeGraph::new(|nth, body, _, _| match nth {
        0 => each(&body, |_, id| json!({ "id": id, "status": 429, "headers": { "Retry-After": "0.1" }, "body": {} })),
        _ => ResponseTemplate::new(504),
    })
    .await;
    let results = graph.write(&deletions(4)).await;
    let unknown: Vec<bool> = results.iter().map(|result| result.as_ref().unwrap_err().is_unknown()).collect();
    assert_eq!(unknown, [true, true, false, false]);
}

#[tokio::test]
async fn an_interruption_ends_the_wait_for_what_was_not_done() {
    let (sender, interrupted) = watch::channel(false);
    let graph = FakeGraph::new(move |_, body, _, _| {
        sender.send(true).unwrap();
        each(&body, |url, id| {
            let status = if url.ends_with('0') { 204 } else { 429 };
            json!({ "id": id, "status": status, "headers": { "Retry-After": "4" }, "body": {} })
        })
    })
    .await;
    let client = WriteClient::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
    let results = client.write(&deletions(2), &interrupted).await;
    assert!(results[0].is_ok() && matches!(results[1], Err(Problem::Interrupted)), "{results:?}");
    assert_eq!(graph.requests().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn reads_of_a_writer_wait_for_nothing_after_an_interruption() {
    let graph = FakeGraph::new(|_, _, _, _| ResponseTemplate::new(500)).await;
    let client = WriteClient::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
    let (sender, interrupted) = watch::channel(false);
    client.heed(&interrupted);
    graph.connection.gate.close_for(Duration::from_secs(4));
    let start = tokio::time::Instant::now();
    let (organization, people) = (Path::of("/organization"), users(3));
    let interrupt = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send_replace(true);
    };
    let (single, many, ()) =
        futures::join!(client.reader().get(&organization), client.reader().gets(&people), interrupt);
    for result in many.into_iter().chain([single]) {
        assert!(matches!(result, Err(Problem::Interrupted)), "{result:?}");
    }
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    assert_eq!(graph.requests().await.len(), 0);
}

#[tokio::test]
async fn a_read_after_an_interruption_is_sent_once() {
    let graph = FakeGraph::new(|_, body, _, _| {
        if body.is_null() {
            return ResponseTemplate::new(503);
        }
        each(&body, |_, id| json!({ "id": id, "status": 503, "headers": { "Retry-After": "4" }, "body": {} }))
    })
    .await;
    let client = WriteClient::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
    let (_sender, interrupted) = watch::channel(true);
    client.heed(&interrupted);
    let single = client.reader().get(&Path::of("/organization")).await.map(drop);
    let item = client.reader().gets(&users(1)).await.remove(0).map(drop);
    for result in [single, item] {
        assert!(matches!(result, Err(Problem::Interrupted)), "{result:?}");
    }
    assert_eq!(graph.requests().await.len(), 2);
}

#[tokio::test]
async fn the_bearer_is_marked_as_a_secret() {
    let (chain, _) = working_chain();
    let token = chain.token("https://graph.microsoft.com/.default").await.unwrap();
    let url = "https://graph.microsoft.com/v1.0/organization".parse().unwrap();
    let call = Call { method: Method::GET, url, body: None, eventual: false, repeatable: true, interrupted: None };
    let shown = format!("{:?}", call.request(&token).unwrap());
    assert!(!shown.contains(token.secret().expose_secret()), "{shown}");
    assert_eq!(Item::get(&Path::of("/organization")).method, Method::GET);
}
