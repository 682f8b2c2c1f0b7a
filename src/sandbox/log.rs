//! The sandbox's own log of what it was asked, one JSON object a line: tests count calls and writes from it.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The name of the log in a sandbox's folder.
const FILE: &str = "requests.jsonl";
/// What the log calls the server that stands for Microsoft Graph and the sign-in service.
pub const GRAPH: &str = "graph";
/// What the log calls the server that stands for the identity endpoints beside a machine and an app.
pub const MACHINE: &str = "machine";

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When it came in.
    pub time: Timestamp,
    /// [`GRAPH`], or the name of a cluster.
    pub server: String,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Status of the reply; 0 when there was none.
    pub status: u16,
    /// When it came in, in microseconds since the sandbox was started.
    #[serde(default)]
    pub arrived_us: u64,
    /// When the reply was ready to be sent, in microseconds since the sandbox was started.
    #[serde(default)]
    pub answered_us: u64,
    /// The `Retry-After` of a 429, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
    /// The items of a `$batch`, in the order in which they were sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// It destroyed, or tried to destroy, something that nobody can have meant.
    #[serde(default, skip_serializing_if = "is_false")]
    pub danger: bool,
    /// The sandbox does not model it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub not_modelled: bool,
    /// The fault that the request was struck with, as the faults file calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// One request inside a `$batch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// HTTP method.
    pub method: String,
    /// Path and query below `/v1.0`, as sent.
    pub url: String,
    /// Its own status.
    pub status: u16,
    /// As [`Line::wait_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
    /// As [`Line::danger`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub danger: bool,
    /// As [`Line::not_modelled`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub not_modelled: bool,
    /// As [`Line::fault`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Line {
    /// Until when this reply told its client to send nothing more, in microseconds since the sandbox was started: by its own
    /// 429 or by that of an item.
    pub fn told_until_us(&self) -> Option<u64> {
        let waits = self.items.iter().filter_map(|item| item.wait_ms).chain(self.wait_ms);
        waits.max().map(|wait| self.answered_us + 1000 * wait)
    }

    /// The faults that struck it or its items.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.fault.iter().chain(self.items.iter().filter_map(|item| item.fault.as_ref())).map(String::as_str)
    }
}

/// A `Retry-After` of ours, in milliseconds.
pub(super) fn milliseconds(retry_after: &str) -> Option<u64> {
    let (seconds, thousandths) = retry_after.split_once('.').unwrap_or((retry_after, "0"));
    let thousandths = format!("{thousandths:0<3}").parse::<u64>().ok()?;
    Some(1000 * seconds.parse::<u64>().ok()? + thousandths)
}

// `skip_serializing_if` passes a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// What a handler adds to the line of its request, as an extension of the reply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Note {
    pub(crate) items: Vec<Item>,
    pub(crate) danger: bool,
    pub(crate) not_modelled: bool,
    pub(crate) fault: Option<&'static str>,
}

/// What was asked of a sandbox, in the order of the replies.
#[derive(Clone, Debug, Default)]
pub struct RequestLog {
    lines: Vec<Line>,
}

/// A request, or one item of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// [`GRAPH`], or the name of a cluster.
    pub server: String,
    /// HTTP method.
    pub method: String,
    /// Path and query; below `/v1.0` for the items of a batch.
    pub path: String,
    /// Status of the reply.
    pub status: u16,
    /// As [`Line::danger`].
    pub danger: bool,
    /// As [`Line::not_modelled`].
    pub not_modelled: bool,
}

impl RequestLog {
    /// Reads the log of the sandbox in `folder`; a sandbox that was never asked anything has an empty one.
    ///
    /// # Errors
    /// When the file cannot be read or is no such log.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let file = folder.join(FILE);
        let text = match fs_err::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        // A line without its end is still being written.
        let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
        let lines = whole.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        let lines = lines.map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
        Ok(Self { lines })
    }

    /// Every request.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The requests after the first `count`: what came since a log of that length was read.
    #[must_use]
    pub fn since(&self, count: usize) -> Self {
        Self { lines: self.lines.iter().skip(count).cloned().collect() }
    }

    /// Every request; a batch is its items.
    pub fn calls(&self) -> Vec<Call> {
        let each = |line: &Line| {
            if line.items.is_empty() {
                let (danger, not_modelled) = (line.danger, line.not_modelled);
                return vec![call(line, &line.method, &line.path, line.status, danger, not_modelled)];
            }
            let items = line.items.iter();
            items.map(|item| call(line, &item.method, &item.url, item.status, item.danger, item.not_modelled)).collect()
        };
        self.lines.iter().flat_map(each).collect()
    }

    /// Everything that may change something: anything but GET, `$batch` of reads, `getByIds`, token requests, the four
    /// access reviews and `SelfSubjectReview`. Refused ones count, for it is the asking that is counted.
    pub fn writes(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| !is_read(&call.server, &call.method, &call.path)).collect()
    }
}

fn call(line: &Line, method: &str, path: &str, status: u16, danger: bool, not_modelled: bool) -> Call {
    let (server, method, path) = (line.server.clone(), method.to_owned(), path.to_owned());
    Call { server, method, path, status, danger, not_modelled }
}

fn is_read(server: &str, method: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    let read_by_post = if server == GRAPH {
        path.ends_with("/oauth2/v2.0/token") || path.ends_with("/directoryObjects/getByIds")
    } else {
        let review = path.rsplit('/').next().unwrap_or_default();
        let authorization = [
            "selfsubjectaccessreviews",
            "selfsubjectrulesreviews",
            "subjectaccessreviews",
            "localsubjectaccessreviews",
        ];
        path.starts_with("/apis/authorization.k8s.io/") && authorization.contains(&review)
            || path.starts_with("/apis/authentication.k8s.io/") && review == "selfsubjectreviews"
    };
    matches!(method, "GET" | "HEAD") || method == "POST" && read_by_post
}

/// Appends lines to the log.
#[derive(Debug)]
pub(crate) struct Recorder {
    file: Mutex<fs_err::File>,
    started: Instant,
}

impl Recorder {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let file = fs_err::OpenOptions::new().create(true).append(true).open(folder.join(FILE))?;
        Ok(Self { file: Mutex::new(file), started: Instant::now() })
    }

    /// Microseconds since the sandbox was started.
    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// One write for each line, so that a killed process leaves whole lines.
    pub(crate) fn record(&self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(server: &str, method: &str, path: &str, items: &[(&str, &str)]) -> Line {
        let item = |(method, url): &(&str, &str)| Item {
            method: (*method).to_owned(),
            url: (*url).to_owned(),
            status: 200,
            wait_ms: None,
            danger: false,
            not_modelled: false,
            fault: None,
        };
        Line {
            time: Timestamp::UNIX_EPOCH,
            server: server.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            status: 200,
            arrived_us: 1,
            answered_us: 2,
            wait_ms: None,
            items: items.iter().map(item).collect(),
            danger: false,
            not_modelled: false,
            fault: None,
        }
    }

    #[test]
    fn only_what_may_change_something_is_a_write() {
        let reviews = "/apis/authorization.k8s.io/v1";
        let log = RequestLog {
            lines: vec![
                line(GRAPH, "GET", "/v1.0/groups?$top=1", &[]),
                line(GRAPH, "POST", "/x/oauth2/v2.0/token", &[]),
                line(GRAPH, "POST", "/v1.0/directoryObjects/getByIds", &[]),
                line(GRAPH, "POST", "/v1.0/$batch", &[("GET", "/groups"), ("POST", "/directoryObjects/getByIds")]),
                line("alpha", "POST", &format!("{reviews}/selfsubjectaccessreviews"), &[]),
                line("alpha", "POST", &format!("{reviews}/selfsubjectrulesreviews"), &[]),
                line("alpha", "POST", &format!("{reviews}/subjectaccessreviews"), &[]),
                line("alpha", "POST", &format!("{reviews}/namespaces/x/localsubjectaccessreviews"), &[]),
                line("alpha", "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", &[]),
                line(GRAPH, "POST", "/v1.0/$batch", &[("GET", "/groups"), ("DELETE", "/groups/x")]),
                line(GRAPH, "POST", "/v1.0/$batch", &[]),
                line(GRAPH, "POST", "/v1.0/groups", &[]),
                line("alpha", "PATCH", "/apis/rbac.authorization.k8s.io/v1/clusterroles/x?dryRun=All", &[]),
                line("alpha", "POST", "/apis/rbac.authorization.k8s.io/v1/subjectaccessreviews", &[]),
            ],
        };
        let writes = log.writes().into_iter().map(|write| format!("{} {}", write.method, write.path));
        insta::assert_snapshot!(writes.collect::<Vec<_>>().join("\n"), @"
        DELETE /groups/x
        POST /v1.0/$batch
        POST /v1.0/groups
        PATCH /apis/rbac.authorization.k8s.io/v1/clusterroles/x?dryRun=All
        POST /apis/rbac.authorization.k8s.io/v1/subjectaccessreviews
        ");
    }

    #[test]
    fn the_longest_wait_of_a_reply_counts() {
        for (header, wait) in [("2.128", Some(2128)), ("3", Some(3000)), ("0.05", Some(50)), ("soon", None)] {
            assert_eq!(milliseconds(header), wait, "{header}");
        }
        let mut line = line(GRAPH, "POST", "/v1.0/$batch", &[("GET", "/users"), ("GET", "/groups")]);
        assert_eq!(line.told_until_us(), None);
        (line.items[0].wait_ms, line.items[1].wait_ms, line.wait_ms) = (Some(5), Some(7), Some(6));
        assert_eq!(line.told_until_us(), Some(7002));
    }

    #[test]
    fn what_was_recorded_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        assert!(RequestLog::read(folder.path()).unwrap().lines().is_empty());
        let lines =
            [line(GRAPH, "GET", "/v1.0/groups", &[]), line(GRAPH, "POST", "/v1.0/$batch", &[("GET", "/users")])];
        Recorder::open(folder.path()).unwrap().record(&lines[0]).unwrap();
        Recorder::open(folder.path()).unwrap().record(&lines[1]).unwrap();
        let log = RequestLog::read(folder.path()).unwrap();
        assert_eq!(log.lines(), lines);
        assert_eq!(log.since(1).lines(), &lines[1..]);
    }
}
