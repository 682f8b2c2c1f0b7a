//! A folder, a host, and the command run in this process, so that waits are short.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rolecall::cli::{self, Ui};
use rolecall::providers::http::Pace;

use crate::server::{BOT, Face, NUMBER, Server};

/// One repository on one host, and a folder to work in.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) environment: BTreeMap<String, String>,
    folder: tempfile::TempDir,
}

/// What came of a run.
#[derive(Debug)]
#[must_use = "look at the output or assert the exit code"]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: u8,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Place {
    pub(crate) fn of(face: Face) -> Self {
        let server = Server::start(face);
        let environment = server.environment(BOT.token);
        Self { server, environment, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs_err::write(self.path(name), text).unwrap();
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// The variable that holds the token.
    pub(crate) fn token_variable(&self) -> &'static str {
        match self.server.face {
            Face::GitHub => "GITHUB_TOKEN",
            Face::GitLab => "GITLAB_TOKEN",
            Face::AzureDevOps => "SYSTEM_ACCESSTOKEN",
        }
    }

    /// Runs `rolecall comment` with these arguments. No token is ever in what it says.
    pub(crate) fn comment(&self, arguments: &[&str]) -> Ran {
        self.comment_with_input(arguments, "")
    }

    pub(crate) fn comment_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        self.rolecall("comment", arguments, input)
    }

    /// Runs any command.
    pub(crate) fn rolecall(&self, command: &str, arguments: &[&str], input: &str) -> Ran {
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let streams = (Box::new(stdout.clone()), Box::new(stderr.clone()));
        let now = jiff::Timestamp::now;
        let ui = Ui::captured(streams.0, streams.1, self.environment.clone(), self.folder.path().to_owned(), now);
        let mut ui = ui.answering(Box::new(io::Cursor::new(input.to_owned())));
        ui.pace = Pace {
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(4),
            throttled_for: Duration::from_secs(10),
            ..Pace::default()
        };
        let line = ["rolecall", command].into_iter().chain(arguments.iter().copied()).map(OsString::from);
        let code = cli::run(line, &mut ui).code();
        let text = |kept: &Kept| {
            let text =
                kept.text().replace(self.folder.path().to_str().unwrap(), "@").replace(&self.server.url, "http://HOST");
            assert!(!text.contains("s3cr3t"), "a secret is shown: {text}");
            text
        };
        Ran { stdout: text(&stdout), stderr: text(&stderr), code }
    }

    /// The texts of the comments that people see, the oldest first.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.server.state().shown().iter().map(|item| item.text.clone()).collect()
    }

    /// The only comment that people see.
    pub(crate) fn only(&self) -> String {
        let texts = self.texts();
        assert_eq!(texts.len(), 1, "{texts:?}");
        texts.into_iter().next().unwrap()
    }

    /// What this host calls the pull request.
    pub(crate) fn pull_request(&self) -> String {
        match self.server.face {
            Face::GitHub => format!("pull request #{NUMBER} of contoso/access"),
            Face::GitLab => format!("merge request !{NUMBER} of contoso/access"),
            Face::AzureDevOps => format!("pull request {NUMBER} of contoso/platform/_git/access"),
        }
    }
}

impl Ran {
    /// Asserts the exit code and shows everything when it is another.
    pub(crate) fn exits(self, code: u8) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}
