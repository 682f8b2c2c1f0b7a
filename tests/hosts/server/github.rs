//! GitHub's REST API as its `OpenAPI` description has it, of one repository: comments and issues. And of GraphQL what tells who
//! somebody is.

use serde_json::{Value, json};

use super::{Answered, Asked, Item, NUMBER, Person, State, by, lacking, person};

/// The most characters of a text.
const MOST: usize = 65_536;

pub(super) fn answer(asked: &Asked, state: &mut State) -> Answered {
    if asked.header("user-agent").is_none_or(str::is_empty) {
        return message(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
        );
    }
    let token = asked.header("authorization").and_then(|header| header.split_once(' '));
    let token = token.filter(|(scheme, _)| ["token", "bearer"].contains(&scheme.to_lowercase().as_str()));
    let Some(who) = person(token.map(|(_, token)| token)) else { return message(401, "Bad credentials") };
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    match (asked.method.as_str(), path.as_slice()) {
        ("POST", ["graphql"]) => graphql(asked, who),
        (method, ["repos", "contoso", "access", rest @ ..]) => repository(method, rest, asked, state, who),
        _ => message(404, "Not Found"),
    }
}

fn graphql(asked: &Asked, who: &Person) -> Answered {
    match asked.text("query") {
        Some(query) if query.split_whitespace().collect::<String>() == "query{viewer{login}}" => {
            Answered::new(200, json!({ "data": { "viewer": { "login": who.login } } }))
        }
        _ => Answered::new(200, json!({ "errors": [{ "message": "this server knows `viewer { login }` alone" }] })),
    }
}

fn repository(method: &str, rest: &[&str], asked: &Asked, state: &mut State, who: &Person) -> Answered {
    if method != "GET" && !who.may_write {
        return message(403, "Resource not accessible by integration");
    }
    match (method, rest) {
        ("GET", ["pulls", number]) if *number == NUMBER.to_string() => {
            let head = json!({ "sha": state.head, "ref": "change" });
            Answered::new(200, json!({ "number": NUMBER, "state": "open", "head": head }))
        }
        ("GET", ["issues", number, "comments"]) if *number == NUMBER.to_string() => {
            let all = state.shown().into_iter().map(|item| comment(item, asked)).collect();
            page(all, asked, state)
        }
        ("POST", ["issues", number, "comments"]) if *number == NUMBER.to_string() => {
            if state.is_locked {
                return message(403, "Unable to create comment because issue is locked.");
            }
            let Some(text) = asked.text("body").filter(|text| !text.is_empty()) else {
                return invalid("body", "missing_field");
            };
            if text.chars().count() > MOST {
                return invalid("data", "Body is too long (maximum is 65536 characters)");
            }
            state.comment(who.id, &text);
            Answered::new(201, comment(state.comments.last().unwrap(), asked))
        }
        (_, ["issues", "comments", id]) => {
            let found = state.comments.iter_mut().find(|item| !item.is_deleted && item.id.to_string() == *id);
            let Some(found) = found else { return message(404, "Not Found") };
            match method {
                "GET" => Answered::new(200, comment(found, asked)),
                "DELETE" => {
                    found.is_deleted = true;
                    Answered::new(204, Value::Null)
                }
                "PATCH" if found.by != who.id => message(403, "Must have admin rights to Repository."),
                "PATCH" => {
                    let Some(text) = asked.text("body") else { return invalid("body", "missing_field") };
                    if text.chars().count() > MOST {
                        return invalid("data", "Body is too long (maximum is 65536 characters)");
                    }
                    found.text = text;
                    Answered::new(200, comment(found, asked))
                }
                _ => message(404, "Not Found"),
            }
        }
        (_, ["issues", ..]) if !state.has_issues => message(410, "Issues has been disabled in this repository."),
        ("GET", ["issues"]) => {
            let labels: Vec<&str> = asked.query("labels").map_or_else(Vec::new, |labels| labels.split(',').collect());
            let which = asked.query("state").unwrap_or("open");
            let mut all: Vec<&Item> = state
                .issues
                .iter()
                .filter(|item| labels.iter().all(|label| item.labels.iter().any(|one| one == label)))
                .filter(|item| which == "all" || (which == "open") == item.is_open)
                .collect();
            if asked.query("direction") != Some("asc") {
                all.reverse();
            }
            let all = all.into_iter().map(|item| issue(item, asked)).collect();
            page(all, asked, state)
        }
        ("POST", ["issues"]) => {
            let Some(title) = asked.text("title") else { return invalid("title", "missing_field") };
            let text = asked.text("body").unwrap_or_default();
            if text.chars().count() > MOST {
                return invalid("body", "body is too long (maximum is 65536 characters)");
            }
            // Labels of whoever may not set them are dropped in silence.
            let labels = asked.body["labels"].as_array().filter(|_| who.may_label).cloned().unwrap_or_default();
            let labels: Vec<String> = labels.iter().filter_map(|label| label.as_str().map(str::to_owned)).collect();
            state.issue(who.id, &title, &text, &labels);
            Answered::new(201, issue(state.issues.last().unwrap(), asked))
        }
        (_, ["issues", number]) => {
            let found = state.issues.iter_mut().find(|item| item.id.to_string() == *number);
            let Some(found) = found else { return message(404, "Not Found") };
            if method == "PATCH" {
                if let Some(text) = asked.text("body") {
                    found.text = text;
                }
                if let Some(title) = asked.text("title") {
                    found.title = title;
                }
                if let Some(state) = asked.text("state") {
                    found.is_open = state == "open";
                }
            }
            Answered::new(200, issue(found, asked))
        }
        _ => message(404, "Not Found"),
    }
}

fn page(all: Vec<Value>, asked: &Asked, state: &State) -> Answered {
    let size = asked.number("per_page", 30).clamp(1, 100).min(state.page);
    let number = asked.number("page", 1).max(1);
    let last = all.len().div_ceil(size).max(1);
    let entries: Vec<Value> = all.into_iter().skip((number - 1) * size).take(size).collect();
    let mut answered = Answered::new(200, Value::Array(lacking(entries, state)));
    let address = |page: usize, base: &str| {
        let (path, _) = asked.whole.split_once('?').unwrap_or((&asked.whole, ""));
        let others = asked.query.iter().filter(|(name, _)| name != "page");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair("page", &page.to_string())
            .finish();
        format!("<{base}{path}?{query}>")
    };
    let mut links = Vec::new();
    if number > 1 {
        links.push(format!("{}; rel=\"prev\"", address(number - 1, &asked.origin)));
    }
    if number < last {
        let base = state.elsewhere.as_deref().unwrap_or(&asked.origin);
        let next = if state.is_circle { number } else { number + 1 };
        links.push(format!("{}; rel=\"next\"", address(next, base)));
        links.push(format!("{}; rel=\"last\"", address(last, &asked.origin)));
    }
    if !links.is_empty() {
        answered.headers.push(("link", links.join(", ")));
    }
    answered
}

fn user(id: u64) -> Value {
    let Person { login, .. } = by(id);
    let address = |rest: &str| format!("https://api.github.example/users/{login}{rest}");
    json!({
        "login": login, "id": id, "node_id": format!("U_{id}"), "gravatar_id": "", "site_admin": false,
        "type": if login.ends_with("[bot]") { "Bot" } else { "User" },
        "url": address(""), "html_url": format!("https://github.example/{id}"), "avatar_url": address("/avatar"),
        "followers_url": address("/followers"), "following_url": address("/following"), "gists_url": address("/gists"),
        "starred_url": address("/starred"), "subscriptions_url": address("/subscriptions"),
        "organizations_url": address("/orgs"), "repos_url": address("/repos"), "events_url": address("/events"),
        "received_events_url": address("/received_events"),
    })
}

fn comment(item: &Item, asked: &Asked) -> Value {
    let repository = format!("{}/repos/contoso/access", asked.origin);
    json!({
        "id": item.id, "node_id": format!("IC_{}", item.id), "body": item.text, "user": user(item.by),
        "url": format!("{repository}/issues/comments/{}", item.id), "issue_url": format!("{repository}/issues/{NUMBER}"),
        "html_url": format!("https://github.example/contoso/access/pull/{NUMBER}#issuecomment-{}", item.id),
        "created_at": "2026-11-23T20:00:00Z", "updated_at": "2026-11-23T20:00:00Z", "author_association": "NONE",
    })
}

fn issue(item: &Item, asked: &Asked) -> Value {
    let issue = format!("{}/repos/contoso/access/issues/{}", asked.origin, item.id);
    let labels: Vec<Value> = item.labels.iter().map(|label| json!({ "name": label })).collect();
    json!({
        "id": 9_000_000 + item.id, "node_id": format!("I_{}", item.id), "number": item.id, "title": item.title,
        "body": item.text, "user": user(item.by), "labels": labels, "state": if item.is_open { "open" } else { "closed" },
        "locked": false, "assignee": null, "milestone": null, "comments": 0, "author_association": "NONE",
        "closed_at": if item.is_open { Value::Null } else { json!("2026-11-23T20:00:00Z") },
        "created_at": "2026-11-23T20:00:00Z", "updated_at": "2026-11-23T20:00:00Z",
        "url": issue, "repository_url": format!("{}/repos/contoso/access", asked.origin),
        "comments_url": format!("{issue}/comments"), "events_url": format!("{issue}/events"),
        "labels_url": format!("{issue}/labels{{/name}}"),
        "html_url": format!("https://github.example/contoso/access/issues/{}", item.id),
    })
}

fn message(status: u16, text: &str) -> Answered {
    let body =
        json!({ "message": text, "documentation_url": "https://docs.github.com/rest", "status": status.to_string() });
    Answered::new(status, body)
}

fn invalid(field: &str, why: &str) -> Answered {
    let body = json!({
        "message": "Validation Failed", "documentation_url": "https://docs.github.com/rest",
        "errors": [{ "resource": "IssueComment", "code": "unprocessable", "field": field, "message": why }],
    });
    Answered::new(422, body)
}
