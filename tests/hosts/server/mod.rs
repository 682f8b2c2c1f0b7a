//! A host on loopback with one repository. What all hosts have in common is here; each host's own words are in a file.

mod azure_devops;
mod github;
mod gitlab;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use serde_json::Value;

/// A host that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    GitHub,
    GitLab,
    AzureDevOps,
}

pub(crate) const FACES: [Face; 3] = [Face::GitHub, Face::GitLab, Face::AzureDevOps];

/// The pull request that there is.
pub(crate) const NUMBER: u64 = 7;

/// The commit that it is at.
pub(crate) const HEAD: &str = "4f2c1aa0d0e84f2c1aa0d0e84f2c1aa0d0e84f2c";

/// Somebody with a token.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) token: &'static str,
    pub(crate) id: u64,
    pub(crate) login: &'static str,
    pub(crate) uuid: &'static str,
    pub(crate) may_write: bool,
    pub(crate) may_label: bool,
}

/// The identity of the job, a person, and somebody who only reads.
pub(crate) const BOT: Person = Person {
    token: "s3cr3t-token-of-the-job",
    id: 41,
    login: "github-actions[bot]",
    uuid: "0a1b2c3d-0000-4000-8000-000000000041",
    may_write: true,
    may_label: true,
};
pub(crate) const EVE: Person = Person {
    token: "s3cr3t-token-of-eve",
    id: 66,
    login: "eve",
    uuid: "0a1b2c3d-0000-4000-8000-000000000066",
    may_write: true,
    may_label: false,
};
pub(crate) const READER: Person = Person {
    token: "s3cr3t-token-of-a-fork",
    id: 41,
    login: "github-actions[bot]",
    uuid: "0a1b2c3d-0000-4000-8000-000000000041",
    may_write: false,
    may_label: false,
};
const PEOPLE: [&Person; 3] = [&BOT, &EVE, &READER];

/// A comment, or an issue.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: u64,
    pub(crate) by: u64,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) is_open: bool,
    pub(crate) is_deleted: bool,
    pub(crate) labels: Vec<String>,
}

/// A request and its answer.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "the tests against what the hosts publish look at all of it")]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    pub(crate) status: u16,
    pub(crate) answer: Value,
}

/// What goes wrong with the next requests of this method.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) method: &'static str,
    pub(crate) times: usize,
    pub(crate) what: Wrong,
}

#[derive(Clone, Debug)]
pub(crate) enum Wrong {
    /// This answer, and nothing is done.
    Answers(u16, Vec<(&'static str, String)>, &'static str),
    /// It is done, and then this status is answered.
    DoneBut(u16),
    /// It is done, and the connection is cut before the answer is whole.
    DoneAndCut,
    /// The connection is cut, and nothing is done.
    Cut,
    /// Somebody deletes what it is about.
    DeletedBefore,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) comments: Vec<Item>,
    pub(crate) issues: Vec<Item>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) faults: Vec<Fault>,
    /// No more entries than this on a page, whatever is asked for.
    pub(crate) page: usize,
    pub(crate) is_locked: bool,
    pub(crate) has_issues: bool,
    /// Where the next page is said to be, instead of here.
    pub(crate) elsewhere: Option<String>,
    /// Headers that a proxy takes away.
    pub(crate) hidden: Vec<&'static str>,
    /// The commit that the pull request is at.
    pub(crate) head: String,
    /// What an entry of a list is without, by the name that the host gives it.
    pub(crate) lacks: Option<&'static str>,
    /// Each page says that the one before follows.
    pub(crate) is_circle: bool,
    next: u64,
}

/// A running host.
pub(crate) struct Server {
    pub(crate) face: Face,
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    _runtime: tokio::runtime::Runtime,
}

/// A request, taken apart.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// Where the server is.
    pub(crate) origin: String,
    pub(crate) whole: String,
}

/// An answer before it is sent.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Value,
}

impl Answered {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }
}

impl Asked {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn number(&self, name: &str, default: usize) -> usize {
        self.query(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.body.get(name).and_then(Value::as_str).map(str::to_owned)
    }
}

pub(crate) fn person(token: Option<&str>) -> Option<&'static Person> {
    PEOPLE.into_iter().find(|person| Some(person.token) == token)
}

pub(crate) fn by(id: u64) -> &'static Person {
    PEOPLE.into_iter().find(|person| person.id == id).unwrap()
}

/// What is listed, as a host gives it that is not what we think.
pub(crate) fn lacking(mut all: Vec<Value>, state: &State) -> Vec<Value> {
    for entry in &mut all {
        if let Some(entry) = state.lacks.and_then(|lacks| entry.get_mut(lacks)) {
            *entry = Value::Null;
        }
    }
    all
}

impl State {
    fn item(&mut self, by: u64, text: &str) -> Item {
        self.next += 1;
        Item {
            id: 1000 + self.next,
            by,
            title: String::new(),
            text: text.to_owned(),
            is_open: true,
            is_deleted: false,
            labels: Vec::new(),
        }
    }

    pub(crate) fn comment(&mut self, by: u64, text: &str) -> u64 {
        let item = self.item(by, text);
        self.comments.push(item);
        1000 + self.next
    }

    pub(crate) fn issue(&mut self, by: u64, title: &str, text: &str, labels: &[String]) -> u64 {
        let item = self.item(by, text);
        self.issues.push(Item { title: title.to_owned(), labels: labels.to_vec(), ..item });
        1000 + self.next
    }

    /// The comments that people see, the oldest first.
    pub(crate) fn shown(&self) -> Vec<&Item> {
        self.comments.iter().filter(|comment| !comment.is_deleted).collect()
    }
}

impl Server {
    pub(crate) fn start(face: Face) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let state =
            Arc::new(Mutex::new(State { page: 100, has_issues: true, head: HEAD.to_owned(), ..State::default() }));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            // A note of GitLab's may have four million bytes.
            .layer(axum::extract::DefaultBodyLimit::max(16 * 1024 * 1024))
            .with_state((face, url.clone(), Arc::clone(&state)));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { face, url, state, _runtime: runtime }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn fault(&self, method: &'static str, times: usize, what: Wrong) {
        self.state().faults.push(Fault { method, times, what });
    }

    /// The methods and paths of what was sent and changes something, in order.
    pub(crate) fn writes(&self) -> Vec<String> {
        let is_write = |seen: &&Seen| !matches!(seen.method.as_str(), "GET" | "OPTIONS") && seen.path != "/graphql";
        let state = self.state();
        state
            .seen
            .iter()
            .filter(is_write)
            .map(|seen| format!("{} {} {}", seen.method, seen.path, seen.status))
            .collect()
    }

    /// The environment of a job for the pull request, as this host sets it.
    pub(crate) fn environment(&self, token: &str) -> BTreeMap<String, String> {
        let url = &self.url;
        let all: Vec<(&str, String)> = match self.face {
            Face::GitHub => vec![
                ("GITHUB_ACTIONS", "true".to_owned()),
                ("GITHUB_API_URL", url.clone()),
                ("GITHUB_SERVER_URL", "https://github.example".to_owned()),
                ("GITHUB_REPOSITORY", "contoso/access".to_owned()),
                ("GITHUB_REF", format!("refs/pull/{NUMBER}/merge")),
                ("GITHUB_RUN_ID", "991".to_owned()),
                ("GITHUB_SHA", HEAD.to_owned()),
                ("GITHUB_EVENT_NAME", "pull_request".to_owned()),
                ("GITHUB_TOKEN", token.to_owned()),
            ],
            Face::GitLab => vec![
                ("GITLAB_CI", "true".to_owned()),
                ("CI_API_V4_URL", format!("{url}/api/v4")),
                ("CI_PROJECT_ID", "12".to_owned()),
                ("CI_PROJECT_PATH", "contoso/access".to_owned()),
                ("CI_PROJECT_URL", "https://gitlab.example/contoso/access".to_owned()),
                ("CI_MERGE_REQUEST_IID", NUMBER.to_string()),
                ("CI_JOB_URL", "https://gitlab.example/contoso/access/-/jobs/991".to_owned()),
                ("CI_COMMIT_SHA", HEAD.to_owned()),
                ("GITLAB_TOKEN", token.to_owned()),
            ],
            Face::AzureDevOps => vec![
                ("TF_BUILD", "True".to_owned()),
                ("SYSTEM_COLLECTIONURI", format!("{url}/contoso/")),
                ("SYSTEM_TEAMPROJECT", "platform".to_owned()),
                ("SYSTEM_TEAMPROJECTID", azure_devops::PROJECT.to_owned()),
                ("BUILD_REPOSITORY_PROVIDER", "TfsGit".to_owned()),
                ("BUILD_REPOSITORY_ID", azure_devops::REPOSITORY.to_owned()),
                ("BUILD_REPOSITORY_URI", "https://contoso@azure.example/contoso/platform/_git/access".to_owned()),
                ("SYSTEM_PULLREQUEST_PULLREQUESTID", NUMBER.to_string()),
                ("BUILD_BUILDID", "991".to_owned()),
                // What is merged for a test.
                ("BUILD_SOURCEVERSION", "bbbbbbbbbbbb".to_owned()),
                ("SYSTEM_PULLREQUEST_SOURCECOMMITID", HEAD.to_owned()),
                ("SYSTEM_ACCESSTOKEN", token.to_owned()),
            ],
        };
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

type Served = (Face, String, Arc<Mutex<State>>);

async fn answer(
    Shared((face, origin, state)): Shared<Served>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let asked = Asked {
        path: uri.path().split('/').filter(|piece| !piece.is_empty()).map(decode).collect(),
        query: url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        whole: uri.to_string(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        method,
        headers,
        origin,
    };
    let mut state = state.lock().unwrap();
    let fault = state.faults.iter_mut().find(|fault| fault.times > 0 && fault.method == asked.method.as_str());
    let wrong = fault.filter(|_| uri.path() != "/graphql").map(|fault| {
        fault.times -= 1;
        fault.what.clone()
    });
    let mut cut = false;
    let mut answered = match &wrong {
        Some(Wrong::Answers(status, headers, message)) => {
            let body = serde_json::json!({ "message": message });
            Answered { headers: headers.clone(), ..Answered::new(*status, body) }
        }
        Some(Wrong::Cut) => Answered::new(200, Value::Null),
        Some(Wrong::DeletedBefore) => {
            let last = asked.path.last().and_then(|id| id.parse::<u64>().ok());
            let (state, face) = (&mut *state, face);
            for item in state.comments.iter_mut().filter(|item| face == Face::AzureDevOps || Some(item.id) == last) {
                item.is_deleted = true;
            }
            face.answer(&asked, state)
        }
        Some(Wrong::DoneBut(_) | Wrong::DoneAndCut) | None => face.answer(&asked, &mut state),
    };
    match wrong {
        Some(Wrong::DoneBut(status)) => {
            answered = Answered::new(status, serde_json::json!({ "message": "Bad gateway" }));
        }
        Some(Wrong::DoneAndCut | Wrong::Cut) => cut = true,
        _ => {}
    }
    state.seen.push(Seen {
        method: asked.method.to_string(),
        path: uri.path().to_owned(),
        query: asked.query,
        body: asked.body,
        status: if cut { 0 } else { answered.status },
        answer: answered.body.clone(),
    });
    let hidden = state.hidden.clone();
    drop(state);
    let mut response = Response::builder().status(StatusCode::from_u16(answered.status).unwrap());
    for (name, value) in answered.headers.iter().filter(|(name, _)| !hidden.contains(name)) {
        response = response.header(*name, value);
    }
    let body = if cut {
        // Part of a body, and then nothing: the other side sees a connection that broke off.
        let pieces = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("cut"))];
        Body::from_stream(futures::stream::iter(pieces))
    } else if answered.body.is_null() {
        Body::empty()
    } else {
        response = response.header("content-type", "application/json; charset=utf-8");
        Body::from(answered.body.to_string())
    };
    response.body(body).unwrap()
}

impl Face {
    fn answer(self, asked: &Asked, state: &mut State) -> Answered {
        match self {
            Self::GitHub => github::answer(asked, state),
            Self::GitLab => gitlab::answer(asked, state),
            Self::AzureDevOps => azure_devops::answer(asked, state),
        }
    }
}
