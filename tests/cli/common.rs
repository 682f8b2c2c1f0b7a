//! A folder of its own for each test, and the program run in it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::folder::copy;

/// A temporary folder and what is run in it.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

/// What came of one run.
#[must_use = "look at the output or assert the exit code"]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A world with a copy of an example in `access/`.
    pub(crate) fn with_example(name: &str) -> Self {
        let world = Self::new();
        copy(&repository().join("examples").join(name), &world.path("access"));
        world
    }

    /// A world with the quickstart without what it expects, for tests that change what it grants.
    pub(crate) fn with_quickstart_grants() -> Self {
        let world = Self::with_example("quickstart");
        let text = world.read("access/rolecall.yaml");
        let (kept, _) = text.split_once("\nexpectations:").expect("the quickstart has expectations");
        world.write("access/rolecall.yaml", kept);
        world
    }

    /// A world with a config of these files in `access/`.
    pub(crate) fn with_files(files: &[(&str, &str)]) -> Self {
        let world = Self::new();
        for (name, text) in files {
            world.write(&format!("access/{name}"), text);
        }
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Replaces a text that must be there.
    pub(crate) fn replace(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} does not hold {from}");
        self.write(name, text.replace(from, to));
    }

    /// Runs the program with nothing in its environment.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// The same with environment variables.
    pub(crate) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        self.run_at("", arguments, environment)
    }

    /// The same in a folder of it, with nothing in its environment.
    pub(crate) fn run_in(&self, folder: &str, arguments: &[&str]) -> Ran {
        self.run_at(folder, arguments, &[])
    }

    fn run_at(&self, folder: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let output = Command::new(program())
            .args(arguments)
            .current_dir(self.folder.path().join(folder))
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).expect("the output is UTF-8").replace(self.folder.path().to_str().unwrap(), "@")
        };
        let ran =
            Ran { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap_or(-1) };
        assert!(!ran.stderr.contains("panicked at"), "{}", ran.stderr);
        ran
    }

    /// `plan` of `access/` against the sandbox in `sandbox/`.
    pub(crate) fn plan(&self, more: &[&str]) -> Ran {
        self.run(&[&["plan", "access", "--sandbox", "sandbox"], more].concat())
    }

    /// `apply` of `access/` against the sandbox in `sandbox/`.
    pub(crate) fn apply(&self, more: &[&str]) -> Ran {
        self.run(&[&["apply", "access", "--sandbox", "sandbox"], more].concat())
    }

    /// The requests that the sandbox has seen and that change something, by its own log.
    pub(crate) fn writes(&self) -> Vec<String> {
        let log = rolecall::sandbox::RequestLog::read(&self.path("sandbox")).unwrap();
        log.writes().iter().map(|write| format!("{} {} {}", write.server, write.method, write.path)).collect()
    }
}

impl Ran {
    /// Asserts the exit code and shows everything when it is another.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output and standard error, one after the other.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_rolecall"))
}

pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
