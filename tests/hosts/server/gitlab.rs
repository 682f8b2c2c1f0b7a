//! GitLab's REST API v4 as its documentation has it (no package carries a machine-readable one), of one project: notes of
//! merge requests, issues, and who somebody is.

use serde_json::{Value, json};

use super::{Answered, Asked, Item, NUMBER, Person, State, by, lacking, person};

/// The most characters of a note.
const MOST: usize = 1_000_000;

pub(super) fn answer(asked: &Asked, state: &mut State) -> Answered {
    let token = asked.header("private-token").or_else(|| asked.header("authorization")?.strip_prefix("Bearer "));
    let Some(who) = person(token) else { return message(401, "401 Unauthorized") };
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    match (asked.method.as_str(), path.as_slice()) {
        ("GET", ["api", "v4", "user"]) => Answered::new(200, user(who.id)),
        (method, ["api", "v4", "projects", "12" | "contoso/access", rest @ ..]) => {
            project(method, rest, asked, state, who)
        }
        _ => message(404, "404 Project Not Found"),
    }
}

fn project(method: &str, rest: &[&str], asked: &Asked, state: &mut State, who: &Person) -> Answered {
    if method != "GET" && !who.may_write {
        return Answered::new(
            403,
            json!({ "error": "insufficient_scope", "scope": "api",
                    "error_description": "The request requires higher privileges than provided by the access token." }),
        );
    }
    let number = NUMBER.to_string();
    match (method, rest) {
        ("GET", ["merge_requests", iid]) if *iid == number => {
            Answered::new(200, json!({ "iid": NUMBER, "state": "opened", "sha": state.head }))
        }
        ("GET", ["merge_requests", iid, "notes"]) if *iid == number => {
            let mut all: Vec<Value> = state.shown().into_iter().map(note).collect();
            // GitLab tells of what people do by notes in their names.
            let mut system = note(&Item {
                id: 1,
                by: 41,
                title: String::new(),
                text: String::new(),
                is_open: true,
                is_deleted: false,
                labels: Vec::new(),
            });
            system["system"] = json!(true);
            system["body"] = json!("<!-- rolecall:comment plan -->\nchanged the description");
            all.push(system);
            if asked.query("sort") != Some("asc") {
                all.reverse();
            }
            page(all, asked, state)
        }
        ("POST", ["merge_requests", iid, "notes"]) if *iid == number => match body(asked, "body") {
            Err(refused) => refused,
            Ok(_) if state.is_locked => message(403, "403 Forbidden"),
            Ok(text) => {
                state.comment(who.id, &text);
                Answered::new(201, note(state.comments.last().unwrap()))
            }
        },
        (_, ["merge_requests", iid, "notes", id]) if *iid == number => {
            let found = state.comments.iter_mut().find(|item| !item.is_deleted && item.id.to_string() == *id);
            let Some(found) = found else { return message(404, "404 Not found") };
            match method {
                "GET" => Answered::new(200, note(found)),
                "DELETE" => {
                    found.is_deleted = true;
                    Answered::new(204, Value::Null)
                }
                "PUT" if found.by != who.id => message(403, "403 Forbidden"),
                "PUT" => match body(asked, "body") {
                    Err(refused) => refused,
                    Ok(text) => {
                        found.text = text;
                        Answered::new(200, note(found))
                    }
                },
                _ => message(405, "405 Method Not Allowed"),
            }
        }
        (_, ["issues", ..]) if !state.has_issues => message(404, "404 Not found"),
        ("GET", ["issues"]) => {
            let labels: Vec<&str> = asked.query("labels").map_or_else(Vec::new, |labels| labels.split(',').collect());
            let which = asked.query("state").unwrap_or("all");
            let author = asked.query("author_id").map(str::to_owned);
            let mut all: Vec<&Item> = state
                .issues
                .iter()
                .filter(|item| author.as_ref().is_none_or(|id| item.by.to_string() == *id))
                .filter(|item| labels.iter().all(|label| item.labels.iter().any(|one| one == label)))
                .filter(|item| which == "all" || (which == "opened") == item.is_open)
                .collect();
            if asked.query("sort") != Some("asc") {
                all.reverse();
            }
            let all = all.into_iter().map(issue).collect();
            page(all, asked, state)
        }
        ("POST", ["issues"]) => {
            let Some(title) = asked.text("title") else {
                return Answered::new(400, json!({ "error": "title is missing" }));
            };
            let text = asked.text("description").unwrap_or_default();
            // Labels of whoever may not set them are dropped in silence.
            let labels: Vec<String> = match &asked.body["labels"] {
                _ if !who.may_label => Vec::new(),
                // With commas between them, or as a list.
                Value::String(labels) => labels.split(',').map(str::to_owned).collect(),
                Value::Array(labels) => labels.iter().filter_map(|label| label.as_str().map(str::to_owned)).collect(),
                _ => Vec::new(),
            };
            state.issue(who.id, &title, &text, &labels);
            Answered::new(201, issue(state.issues.last().unwrap()))
        }
        (_, ["issues", iid]) => {
            let found = state.issues.iter_mut().find(|item| item.id.to_string() == *iid);
            let Some(found) = found else { return message(404, "404 Not found") };
            if method == "PUT" {
                if let Some(text) = asked.text("description") {
                    found.text = text;
                }
                if let Some(title) = asked.text("title") {
                    found.title = title;
                }
                match asked.text("state_event").as_deref() {
                    Some("close") => found.is_open = false,
                    Some("reopen") => found.is_open = true,
                    Some(_) => {
                        return Answered::new(400, json!({ "error": "state_event does not have a valid value" }));
                    }
                    None => {}
                }
            }
            Answered::new(200, issue(found))
        }
        _ => message(404, "404 Not Found"),
    }
}

/// A text without the lines that GitLab would have carried out instead of keeping them.
fn body(asked: &Asked, name: &str) -> Result<String, Answered> {
    let Some(text) = asked.text(name).filter(|text| !text.is_empty()) else {
        return Err(Answered::new(400, json!({ "error": format!("{name} is missing") })));
    };
    if text.chars().count() > MOST {
        return Err(Answered::new(
            400,
            json!({ "message": { "note": ["is too long (maximum is 1000000 characters)"] } }),
        ));
    }
    let is_order = |line: &&str| line.strip_prefix('/').is_some_and(|order| order.starts_with(char::is_alphabetic));
    Ok(text.split_inclusive('\n').filter(|line| !is_order(line)).collect())
}

fn page(all: Vec<Value>, asked: &Asked, state: &State) -> Answered {
    let size = asked.number("per_page", 20).clamp(1, 100).min(state.page);
    let number = asked.number("page", 1).max(1);
    let (total, last) = (all.len(), all.len().div_ceil(size).max(1));
    let entries: Vec<Value> = all.into_iter().skip((number - 1) * size).take(size).collect();
    let next = if number < last { (number + 1).to_string() } else { String::new() };
    let mut answered = Answered::new(200, Value::Array(lacking(entries, state)));
    answered.headers = vec![
        ("x-page", number.to_string()),
        ("x-per-page", size.to_string()),
        ("x-next-page", next.clone()),
        ("x-prev-page", if number > 1 { (number - 1).to_string() } else { String::new() }),
        ("x-total", total.to_string()),
        ("x-total-pages", last.to_string()),
    ];
    if !next.is_empty() {
        // As GitLab believes to be called.
        let base = state.elsewhere.as_deref().unwrap_or(&asked.origin);
        let (path, _) = asked.whole.split_once('?').unwrap_or((&asked.whole, ""));
        let others = asked.query.iter().filter(|(name, _)| name != "page" && name != "per_page");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair("per_page", &size.to_string())
            .append_pair("page", &next)
            .finish();
        answered.headers.push(("link", format!("<{base}{path}?{query}>; rel=\"next\"")));
    }
    answered
}

fn user(id: u64) -> Value {
    let login = by(id).login.replace("[bot]", "_bot");
    json!({ "id": id, "username": login, "name": login, "state": "active", "bot": login.ends_with("_bot"),
            "web_url": format!("https://gitlab.example/{login}") })
}

fn note(item: &Item) -> Value {
    json!({
        "id": item.id, "type": null, "body": item.text, "author": user(item.by), "system": false, "resolvable": false,
        "created_at": "2026-11-23T20:00:00.000Z", "updated_at": "2026-11-23T20:00:00.000Z",
        "noteable_id": 900 + NUMBER, "noteable_type": "MergeRequest", "noteable_iid": NUMBER, "project_id": 12,
        "confidential": false, "internal": false,
    })
}

fn issue(item: &Item) -> Value {
    json!({
        "id": 9_000_000 + item.id, "iid": item.id, "project_id": 12, "title": item.title, "description": item.text,
        "state": if item.is_open { "opened" } else { "closed" }, "labels": item.labels, "author": user(item.by),
        "created_at": "2026-11-23T20:00:00.000Z", "updated_at": "2026-11-23T20:00:00.000Z",
        "web_url": format!("https://gitlab.example/contoso/access/-/issues/{}", item.id),
    })
}

fn message(status: u16, text: &str) -> Answered {
    Answered::new(status, json!({ "message": text }))
}
