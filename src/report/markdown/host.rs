//! How much a host of git takes in one comment, and where all of it is found, as CI's environment says.

use std::fmt::Write as _;

use super::escape;
use crate::state::{HostName, all_of};

/// What is left of a comment's limit for the marker of whoever posts it.
const SPARE: usize = 1_536;

/// A host of git, as CI's environment tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The most bytes of a document. Hosts count characters, of which there are never more.
    limit: usize,
    /// The page of this run.
    run: Option<String>,
    subject: Subject,
}

/// What a document is written on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The most bytes of it.
    pub(super) limit: usize,
    /// Where all of it is found; Markdown.
    pub(super) full: String,
    /// What it is about.
    pub(super) subject: Subject,
}

/// What a document is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subject {
    /// What would change.
    #[default]
    Plan,
    /// What is there otherwise.
    Drift,
}

impl Subject {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Drift => "drift",
        }
    }

    /// The same with an article, where it takes one.
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Plan => "a plan",
            Self::Drift => "drift",
        }
    }

    /// All of it.
    pub(super) fn full(self) -> &'static str {
        match self {
            Self::Plan => "the full plan",
            Self::Drift => "all of the drift",
        }
    }
}

impl Host {
    /// The host by the environment variables that its CI sets; where there is none, the limit is that of GitHub, the least.
    pub fn of<'v>(variable: impl Fn(&str) -> Option<&'v str>) -> Self {
        match HostName::around(&variable).first() {
            Some(host) => Self::new(host.longest_comment(), host.run(&variable).as_deref()),
            None => Self::new(HostName::GitHub.longest_comment(), None),
        }
    }

    /// The same for documents about something else than a plan.
    #[must_use]
    pub fn about(self, subject: Subject) -> Self {
        Self { subject, ..self }
    }

    fn new(limit: usize, run: Option<&str>) -> Self {
        Self { limit: limit - SPARE, run: run.and_then(address), subject: Subject::default() }
    }

    /// A document for this host. All of it is in these files, or in the output of the run.
    pub fn sheet(&self, in_output: bool, files: &[String]) -> Sheet {
        let run = |words: &str| match &self.run {
            Some(address) => format!("[{words}]({address})"),
            None => words.to_owned(),
        };
        let mut places: Vec<String> =
            files.iter().map(|file| escape::code(&crate::report::escape::name(file))).collect();
        if in_output {
            places.push(format!("the output of {}", run("this run")));
        } else if let (false, Some(_)) = (places.is_empty(), &self.run) {
            return self.on(format!("{} of {}", all_of(places), run("this run")));
        }
        if places.is_empty() {
            places.push(format!("what `rolecall {}` prints", self.subject.word()));
        }
        self.on(all_of(places))
    }

    fn on(&self, full: String) -> Sheet {
        Sheet { limit: self.limit, full, subject: self.subject }
    }
}

/// An address that can be the target of a link: what does not belong into one is encoded, a bracket too.
fn address(text: &str) -> Option<String> {
    const LONGEST: usize = 1000;
    let (scheme, rest) = text.split_once("://")?;
    if !["https", "http"].contains(&scheme) || text.len() > LONGEST {
        return None;
    }
    let mut encoded = format!("{scheme}://");
    for byte in rest.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/?=&%+,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Some(encoded)
}
