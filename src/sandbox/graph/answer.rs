//! What goes back to the client.

use http::StatusCode;
use serde_json::Value;

/// An answer to one request or to one item of a batch.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) mark: Mark,
    /// The fault that made it what it is, for the log.
    pub(super) fault: Option<&'static str>,
}

/// What the sandbox's log says about a request beyond its status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing.
    #[default]
    Nothing,
    /// It destroyed something that the client cannot have meant.
    Danger,
    /// The sandbox does not model it.
    NotModelled,
}

impl Answer {
    pub(super) fn new(status: StatusCode, body: Option<Value>) -> Self {
        Self { status, body, headers: Vec::new(), mark: Mark::Nothing, fault: None }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::new(StatusCode::OK, Some(body))
    }

    pub(super) fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, None)
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same answer, owed to a fault.
    pub(super) fn because(mut self, fault: &'static str) -> Self {
        self.fault = Some(fault);
        self
    }

    pub(super) fn marked(mut self, mark: Mark) -> Self {
        self.mark = mark;
        self
    }
}
