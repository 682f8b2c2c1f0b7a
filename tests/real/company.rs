//! The company example against the sandbox's Graph and two real API servers: planned, applied, then in order; and the API
//! servers themselves, asked by kubectl, agree about who may do what.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::served::Served;

struct World {
    folder: tempfile::TempDir,
    served: Served,
    kubeconfig: String,
    kubectl: String,
}

impl World {
    fn rolecall(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(arguments)
            .args(["--connections", "connections.yaml"])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.served.credentials())
            .output()
            .unwrap()
    }

    fn kubectl(&self, context: &str, arguments: &[&str]) -> Output {
        Command::new(&self.kubectl)
            .args(["--kubeconfig", &self.kubeconfig, "--context", context])
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .output()
            .unwrap()
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
