//! The program in processes of its own: `sandbox serve`, and whatever runs against it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long it is between two looks at a log. Nothing is taken to have happened because time has passed.
const LOOK: Duration = Duration::from_millis(2);

/// The program with nothing in its environment, in this folder.
pub(crate) fn rolecall(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

/// What came of one run.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ran { code: output.status.code(), text }
}

/// A sandbox kept running by `rolecall sandbox serve`; killed when this is dropped.
pub(crate) struct Served {
    process: Child,
    // What is written to a pipe that nobody holds open ends the writer.
    _stdout: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Served {
    /// Serves the sandbox in this folder, with a file of faults, and waits until it has said how to reach it.
    pub(crate) fn start(folder: &Path, faults: Option<&str>) -> Self {
        let parent = folder.parent().unwrap();
        let mut command = rolecall(parent, &["sandbox", "serve"]);
        command.arg(folder);
        if let Some(faults) = faults {
            std::fs::write(parent.join("faults.yaml"), faults).unwrap();
            command.args(["--faults", "faults.yaml"]);
        }
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("Serving") {
            line.clear();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "`sandbox serve` ended before it served");
        }
        Self { process, _stdout: stdout, folder: folder.to_owned() }
    }

    /// The variables of `credentials.env`.
    pub(crate) fn credentials(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.folder.join("credentials.env")).unwrap();
        let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub(crate) fn credential(&self, name: &str) -> String {
        self.credentials().into_iter().find(|(key, _)| key == name).map(|(_, value)| value).unwrap()
    }

    /// Whether the log says that a request is held.
    pub(crate) fn holds(&self) -> bool {
        let text = std::fs::read_to_string(self.folder.join("requests.jsonl")).unwrap_or_default();
        text.contains(r#""fault":"hold-"#)
    }
}

/// Whether no write has changed a sandbox since it was prepared: every write is kept in a journal beside the state.
pub(crate) fn is_untouched(sandbox: &Path) -> bool {
    let empty = |file: PathBuf| std::fs::metadata(file).map_or(0, |metadata| metadata.len()) == 0;
    let clusters = std::fs::read_dir(sandbox.join("clusters")).unwrap().map(|entry| entry.unwrap().path());
    let journals = clusters.filter(|file| file.extension().is_some_and(|extension| extension == "journal"));
    journals.chain([sandbox.join("tenant.json.journal")]).all(empty)
}

impl Drop for Served {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// Kills a process, by its id, and waits until it is gone.
pub(crate) fn end(process: &mut Child) {
    // It may have ended by itself.
    let _ = process.kill();
    let _ = process.wait();
}

/// Waits until something is so, or the process has ended by itself; gives how it ended.
pub(crate) fn until(process: &mut Child, is_so: impl Fn() -> bool) -> Option<ExitStatus> {
    loop {
        if is_so() {
            return None;
        }
        if let Some(status) = process.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(LOOK);
    }
}
