//! Azure DevOps' REST API 7.1 as its documentation and its public client have it (no package carries a machine-readable one),
//! of one repository: threads of pull requests, who somebody is, and where the client is told to look for each.

use serde_json::{Value, json};

use super::{Answered, Asked, Item, NUMBER, Person, State, by, lacking, person};

pub(super) const PROJECT: &str = "8a0a1111-0000-4000-8000-000000000001";
pub(super) const REPOSITORY: &str = "77ab2222-0000-4000-8000-000000000002";

/// The most UTF-16 code units of a comment.
const MOST: usize = 150_000;

pub(super) fn answer(asked: &Asked, state: &mut State) -> Answered {
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    let ["contoso", rest @ ..] = path.as_slice() else { return message(404, "Page not found.", "HttpException") };
    if let ("OPTIONS", ["_apis", area]) = (asked.method.as_str(), rest) {
        return Answered::new(200, locations(area));
    }
    let Some(who) = person(token(asked).as_deref()) else {
        // Not 401: whoever is unknown is shown the page to sign in.
        return Answered::new(203, json!("<html>Sign In</html>"));
    };
    if let Some(refused) = version(asked, rest) {
        return refused;
    }
    match (asked.method.as_str(), rest) {
        ("GET", ["_apis", "connectionData" | "ConnectionData"]) => Answered::new(
            200,
            json!({ "authenticatedUser": identity(who.id), "authorizedUser": identity(who.id), "instanceId": PROJECT,
                    "deploymentType": "hosted" }),
        ),
        ("GET", ["_apis", "resourceAreas" | "ResourceAreas"]) => Answered::new(200, json!({ "count": 0, "value": [] })),
        ("GET", [project, "_apis", "git", "repositories", REPOSITORY, "pullRequests", number])
            if ["platform", PROJECT].contains(project) && *number == NUMBER.to_string() =>
        {
            let head = json!({ "commitId": state.head });
            Answered::new(200, json!({ "pullRequestId": NUMBER, "status": "active", "lastMergeSourceCommit": head }))
        }
        (
            method,
            [project, "_apis", "git", "repositories", REPOSITORY, "pullRequests", number, "threads", rest @ ..],
        ) if ["platform", PROJECT].contains(project) => {
            if *number != NUMBER.to_string() {
                return message(
                    404,
                    "TF401180: The requested pull request was not found.",
                    "GitPullRequestNotFoundException",
                );
            }
            threads(method, rest, asked, state, who)
        }
        _ => message(404, "TF200016: The following project does not exist.", "ProjectDoesNotExistWithNameException"),
    }
}

fn token(asked: &Asked) -> Option<String> {
    use base64::Engine as _;
    let (scheme, token) = asked.header("authorization")?.split_once(' ')?;
    match scheme {
        "Bearer" => Some(token.to_owned()),
        "Basic" => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(token).ok()?;
            Some(String::from_utf8(decoded).ok()?.split_once(':')?.1.to_owned())
        }
        _ => None,
    }
}

/// Every request that changes something must say for which version it was written; what is in preview is had by that word alone.
fn version(asked: &Asked, rest: &[&str]) -> Option<Answered> {
    let accept = asked.header("accept").and_then(|accept| accept.split("api-version=").nth(1));
    let Some(version) = asked.query("api-version").or(accept) else {
        let method = &asked.method;
        let why = format!(
            "No api-version was supplied for the \"{method}\" request. The version must be supplied either as part of the Accept \
             header (e.g. \"application/json; api-version=1.0\") or as a query parameter (e.g. \"?api-version=1.0\")."
        );
        return (method != "GET").then(|| message(400, &why, "VssVersionNotSpecifiedException"));
    };
    if matches!(rest, ["_apis", "connectionData"]) && !version.contains("-preview") {
        return Some(message(
            400,
            "The requested version of the resource is under preview. The -preview flag must be supplied in the api-version.",
            "VssInvalidPreviewVersionException",
        ));
    }
    None
}

fn threads(method: &str, rest: &[&str], asked: &Asked, state: &mut State, who: &Person) -> Answered {
    if method != "GET" && !who.may_write {
        return message(
            403,
            "TF401027: You need the Git 'PullRequestContribute' permission to perform this action.",
            "GitNeedsPermissionException",
        );
    }
    match (method, rest) {
        ("GET", []) => list(asked, state),
        ("POST", []) => {
            let Some(text) = asked.body["comments"][0]["content"].as_str().filter(|text| !text.is_empty()) else {
                return message(
                    400,
                    "A comment thread must have at least one comment.",
                    "InvalidArgumentValueException",
                );
            };
            if let Some(refused) = too_long(text) {
                return refused;
            }
            state.comment(who.id, text);
            Answered::new(200, thread(state.comments.last().unwrap()))
        }
        (_, [thread, "comments", rest @ ..]) => {
            let found = state.comments.iter_mut().find(|item| item.id.to_string() == *thread);
            let Some(found) = found else {
                return message(404, "The thread was not found.", "GitPullRequestCommentThreadNotFoundException");
            };
            if method == "GET" && rest.is_empty() {
                return Answered::new(200, json!({ "count": 1, "value": [comment(found)] }));
            }
            if rest != ["1"] || found.is_deleted {
                return message(404, "The comment was not found.", "DiscussionCommentNotFoundException");
            }
            match method {
                "GET" => Answered::new(200, comment(found)),
                "DELETE" => {
                    found.is_deleted = true;
                    Answered::new(200, Value::Null)
                }
                "PATCH" if found.by != who.id => {
                    message(403, "TF401029: You can only edit your own comments.", "GitNeedsPermissionException")
                }
                "PATCH" => {
                    let Some(text) = asked.text("content") else {
                        return message(400, "Value cannot be null. Parameter name: comment", "ArgumentNullException");
                    };
                    if let Some(refused) = too_long(&text) {
                        return refused;
                    }
                    found.text = text;
                    Answered::new(200, comment(found))
                }
                _ => message(405, "The requested resource does not support this method.", "HttpException"),
            }
        }
        _ => message(404, "Page not found.", "HttpException"),
    }
}

/// All threads; in parts when the test wants it so, which then go on as lists of Azure DevOps do.
fn list(asked: &Asked, state: &State) -> Answered {
    let first = asked.number("continuationToken", 0);
    let all: Vec<Value> = state.comments.iter().skip(first).take(state.page).map(thread).collect();
    let next = first + all.len();
    let mut answered = Answered::new(200, json!({ "count": all.len(), "value": lacking(all, state) }));
    if next < state.comments.len() {
        answered.headers.push(("x-ms-continuationtoken", next.to_string()));
    }
    answered
}

fn identity(id: u64) -> Value {
    let Person { uuid, login, .. } = by(id);
    json!({ "id": uuid, "displayName": login, "uniqueName": login, "providerDisplayName": login })
}

fn thread(item: &Item) -> Value {
    json!({
        "id": item.id, "isDeleted": item.is_deleted, "status": null, "threadContext": null, "properties": {},
        "publishedDate": "2026-11-23T20:00:00.000Z", "lastUpdatedDate": "2026-11-23T20:00:00.000Z",
        "comments": [comment(item)],
    })
}

fn comment(item: &Item) -> Value {
    let mut comment = json!({
        "id": 1, "parentCommentId": 0, "author": identity(item.by), "commentType": "text",
        "publishedDate": "2026-11-23T20:00:00.000Z", "lastUpdatedDate": "2026-11-23T20:00:00.000Z",
    });
    // What is deleted is listed still, without its text.
    if item.is_deleted {
        comment["isDeleted"] = json!(true);
    } else {
        comment["content"] = json!(item.text);
    }
    comment
}

fn too_long(text: &str) -> Option<Answered> {
    (text.encode_utf16().count() > MOST).then(|| {
        let why = "A discussion comment cannot be longer than 150000 characters.\r\nParameter name: comment.Content";
        message(400, why, "InvalidArgumentValueException")
    })
}

/// Where the client finds what it asks for: the ids are the public client's own.
fn locations(area: &str) -> Value {
    let location = |id: &str, area: &str, name: &str, template: &str| {
        json!({ "id": id, "area": area, "resourceName": name, "routeTemplate": template, "resourceVersion": 1,
                "minVersion": "1.0", "maxVersion": "7.2", "releasedVersion": "7.1" })
    };
    let threads = "{project}/_apis/{area}/repositories/{repositoryId}/pullRequests/{pullRequestId}/threads";
    let value = match area.to_lowercase().as_str() {
        "git" => vec![
            location(
                "ab6e2e5d-a0b7-4153-b64a-a4efe0d49449",
                "git",
                "pullRequestThreads",
                &format!("{threads}/{{threadId}}"),
            ),
            location(
                "965a3ec7-5ed8-455a-bdcb-835a5ea7fe7b",
                "git",
                "pullRequestThreadComments",
                &format!("{threads}/{{threadId}}/comments/{{commentId}}"),
            ),
        ],
        "location" => vec![
            location("00d9565f-ed9c-4a06-9a50-00e7896ccab4", "Location", "ConnectionData", "_apis/connectionData"),
            location(
                "e81700f7-3be2-46de-8624-2eb35882fcaa",
                "Location",
                "ResourceAreas",
                "_apis/resourceAreas/{areaId}",
            ),
        ],
        _ => Vec::new(),
    };
    json!({ "count": value.len(), "value": value })
}

fn message(status: u16, text: &str, kind: &str) -> Answered {
    let name = format!("Microsoft.TeamFoundation.{kind}");
    let body = json!({ "$id": "1", "innerException": null, "message": text, "typeName": name, "typeKey": kind, "errorCode": 0, "eventId": 3000 });
    Answered::new(status, body)
}
