//! What stops a command: a message, what to do next, and the exit code.

use std::io;

use super::exit::Exit;
use crate::state::Failure;

/// What stopped a command.
#[derive(Debug)]
pub(super) struct CliError {
    /// What is wrong, and where.
    pub(super) message: String,
    /// What to do next.
    pub(super) hints: Vec<String>,
    /// The exit code.
    pub(super) exit: Exit,
    /// Nobody reads what we print any more (`| head`); stop without a word.
    pub(super) quiet: bool,
    /// See [`CliError::already_worded`].
    pub(super) worded: bool,
    /// The same for programs, for a command that was asked for JSON.
    pub(super) document: Option<String>,
    /// The mistakes in the files as plain text, whatever the terminal is like.
    pub(super) mistakes: Option<String>,
}

impl CliError {
    /// Something the person can put right.
    pub(super) fn user(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
            exit: Exit::Error,
            quiet: false,
            worded: false,
            document: None,
            mistakes: None,
        }
    }

    /// The message is a whole screen of its own: it is printed as it is, without `error:` in front.
    #[must_use]
    pub(super) fn already_worded(mut self) -> Self {
        self.worded = true;
        self
    }

    /// The same with what a program gets to read on standard output, if it asked for JSON.
    #[must_use]
    pub(super) fn document(mut self, document: String) -> Self {
        self.document = Some(document);
        self
    }

    /// The same with the mistakes in the files as plain text.
    #[must_use]
    pub(super) fn mistakes(mut self, mistakes: String) -> Self {
        self.mistakes = Some(mistakes);
        self
    }

    /// The same with what to do next.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same with what to do next, where that is known.
    #[must_use]
    pub(super) fn hint_if(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }

    /// The same with another exit code.
    #[must_use]
    pub(super) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        Self {
            message: failure.what,
            hints: failure.next.into_iter().collect(),
            exit: Exit::Error,
            quiet: false,
            worded: false,
            document: None,
            mistakes: None,
        }
    }
}

impl From<io::Error> for CliError {
    /// Only writing to standard output gives bare I/O errors; everything else is worded where it happens.
    fn from(error: io::Error) -> Self {
        let quiet = error.kind() == io::ErrorKind::BrokenPipe;
        Self { quiet, ..Self::user(format!("could not write the output: {error}")) }
    }
}
