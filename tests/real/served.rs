//! A sandbox kept running by `rolecall sandbox serve`, in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The running program; stopped when this is dropped.
pub(crate) struct Served {
    process: Child,
    folder: PathBuf,
}

impl Served {
    /// Serves the sandbox in this folder and waits until it has said how to reach it.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::with(folder, &[])
    }

    /// The same with more arguments.
    pub(crate) fn with(folder: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(["sandbox", "serve"])
            .arg(folder)
            .args(arguments)
            .env_clear()
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        for line in stdout.lines() {
            if line.unwrap().starts_with("Serving") {
                return Self { process, folder: folder.to_owned() };
            }
        }
        panic!("`sandbox serve` ended before it said `Serving`: {:?}", process.wait());
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// How many requests have changed something, by the sandbox's own log.
    pub(crate) fn writes(&self) -> usize {
        self.log().writes().len()
    }

    /// Everything that it was asked, by the sandbox's own log.
    pub(crate) fn log(&self) -> rolecall::sandbox::RequestLog {
        rolecall::sandbox::RequestLog::read(&self.folder).unwrap()
    }

    /// The variables of `credentials.env`.
    pub(crate) fn credentials(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.file("credentials.env")).unwrap();
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    pub(crate) fn credential(&self, name: &str) -> String {
        self.credentials().into_iter().find(|(key, _)| key == name).map(|(_, value)| value).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
