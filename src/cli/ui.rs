//! Everything a command touches of the world around it: streams, terminal, environment, clock, working folder.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::signals::Signals;
use super::underway::Underway;
use crate::providers::http::Pace;

/// The world around a command. Tests make their own.
pub struct Ui {
    /// Where the product goes: plans, schemas, lists.
    stdout: Box<dyn Write + Send>,
    /// Where everything else goes.
    stderr: Voice,
    /// Where answers come from.
    stdin: Box<dyn BufRead + Send>,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal; progress bars need one.
    pub stderr_is_terminal: bool,
    /// Whether a question can be asked.
    pub stdin_is_terminal: bool,
    /// The width of the terminal, or what is assumed without one.
    pub width: usize,
    /// The environment variables, read once.
    pub env: BTreeMap<String, String>,
    /// The working folder.
    pub folder: PathBuf,
    /// The clock.
    pub now: fn() -> jiff::Timestamp,
    /// How long what is throttled, fails or is not shown yet is waited for.
    pub pace: Pace,
    /// What ends a command before its time.
    pub(super) signals: Signals,
    /// What is under way, for whoever ends it.
    pub(super) underway: Underway,
}

impl Ui {
    /// The process's own world.
    ///
    /// # Errors
    /// When the working folder is gone.
    pub fn of_process() -> io::Result<Self> {
        let (stdout, stderr, stdin) = (io::stdout(), io::stderr(), io::stdin());
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let now = jiff::Timestamp::now;
        Ok(Self {
            stdout_is_terminal: stdout.is_terminal(),
            stderr_is_terminal: stderr.is_terminal(),
            stdin_is_terminal: stdin.is_terminal(),
            width: terminal_width(),
            stdout: Box::new(stdout),
            stderr: Voice::over(Box::new(stderr)),
            stdin: Box::new(BufReader::new(stdin)),
            env,
            folder: std::env::current_dir()?,
            now,
            pace: Pace::default(),
            signals: Signals::new(),
            underway: Underway::default(),
        })
    }

    /// A world that writes into these streams and is no terminal.
    pub fn captured(
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
        env: BTreeMap<String, String>,
        folder: PathBuf,
        now: fn() -> jiff::Timestamp,
    ) -> Self {
        Self {
            stdout,
            stderr: Voice::over(stderr),
            stdin: Box::new(io::empty()),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            stdin_is_terminal: false,
            width: 120,
            env,
            folder,
            now,
            pace: Pace::default(),
            signals: Signals::new(),
            underway: Underway::default(),
        }
    }

    /// The same world with somebody in it who answers questions.
    #[must_use]
    pub fn answering(self, answers: Box<dyn BufRead + Send>) -> Self {
        Self { stdin: answers, stdin_is_terminal: true, ..self }
    }

    /// An environment variable that is set to something.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether colour goes to standard output.
    pub fn colour_on_stdout(&self) -> bool {
        self.stdout_is_terminal && self.variable("NO_COLOR").is_none() && self.variable("TERM") != Some("dumb")
    }

    /// Whether colour goes to standard error.
    pub fn colour_on_stderr(&self) -> bool {
        self.stderr_is_terminal && self.variable("NO_COLOR").is_none() && self.variable("TERM") != Some("dumb")
    }

    /// A path as the person typed it, relative to the working folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// Writes the product. It ends in a newline.
    ///
    /// # Errors
    /// A reader that has gone away (`| head`) is the caller's signal to stop quietly.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        self.stdout.write_all(text.as_bytes())?;
        if !text.ends_with('\n') && !text.is_empty() {
            self.stdout.write_all(b"\n")?;
        }
        self.stdout.flush()
    }

    /// Everything that comes in on standard input.
    ///
    /// # Errors
    /// When it cannot be read, or is not UTF-8.
    pub fn read_all(&mut self) -> io::Result<String> {
        io::read_to_string(&mut self.stdin)
    }

    /// Says something to the person. A standard error that is gone changes nothing about the work.
    pub fn say(&mut self, text: &str) {
        self.stderr.say(text);
    }

    /// Standard error, to be kept.
    pub(super) fn voice(&self) -> Voice {
        self.stderr.clone()
    }

    /// Asks a question whose only agreeing answer is `yes`. Anything else, the end of input included, is no.
    pub async fn confirm(&mut self, question: &str) -> bool {
        self.stderr.write(&format!("{question}\n  Only `yes` is taken as agreement: "));
        // On a thread of its own, so that an interruption is noticed while the question stands.
        let mut stdin = std::mem::replace(&mut self.stdin, Box::new(io::empty()));
        let asked = tokio::task::spawn_blocking(move || {
            let mut answer = String::new();
            (stdin.read_line(&mut answer).map(|_| answer), stdin)
        });
        let Ok((answer, stdin)) = asked.await else { return false };
        self.stdin = stdin;
        answer.is_ok_and(|answer| answer.trim() == "yes")
    }
}

/// Standard error, for those who have something to say while a command runs.
#[derive(Clone)]
pub(super) struct Voice(Arc<Mutex<Box<dyn Write + Send>>>);

impl Voice {
    fn over(stream: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Mutex::new(stream)))
    }

    /// Says something in lines of its own. A standard error that is gone changes nothing about the work.
    pub(super) fn say(&self, text: &str) {
        let newline = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        self.write(&format!("{text}{newline}"));
    }

    fn write(&self, text: &str) {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.flush();
    }
}

fn terminal_width() -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .or_else(|| terminal_size::terminal_size_of(io::stderr()))
        .map_or(120, |(terminal_size::Width(columns), _)| usize::from(columns).max(40))
}
