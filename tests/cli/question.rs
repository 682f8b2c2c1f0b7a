//! A question may stand for hours: what was agreed to must still be so when it is answered.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, BufReader, Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rolecall::cli::{Exit, Ui};

use crate::common::{World, program};
use crate::served::Served;

const FILES: &str = "version: 1
name: takeover
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
environments:
  alpha: { type: kubernetes, unmanaged: refuse }
roles:
  read-only: { cluster-role: view }
grants:
  - { users: [hayden@contoso.com], roles: [read-only], environments: [alpha], namespaces: [trinity] }
";

/// Somebody who agrees, after something has happened.
struct Agreement(Option<Box<dyn FnOnce() + Send>>);

impl Read for Agreement {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(happens) = self.0.take() else { return Ok(0) };
        happens();
        (&b"yes\n"[..]).read(buffer)
    }
}

/// A stream that can be looked at afterwards.
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

/// Runs `apply` where `happens` comes between the question and its answer; gives how it ended and what it said.
fn apply(world: &World, served: &Served, happens: impl FnOnce() + Send + 'static) -> (Exit, String) {
    let said = Kept::default();
    let env: BTreeMap<String, String> = served.credentials().into_iter().collect();
    let streams = (Box::new(said.clone()), Box::new(said.clone()));
    let mut ui = Ui::captured(streams.0, streams.1, env, world.path(""), jiff::Timestamp::now)
        .answering(Box::new(BufReader::new(Agreement(Some(Box::new(happens))))));
    let journal = world.path("journal.jsonl");
    // That another config is at home here is acknowledged; it is about what it binds.
    let acknowledged = ["--acknowledge", "config-renamed:takeover"];
    let arguments = ["rolecall", "apply", "access", "--connections", "connections.yaml"];
    let arguments = arguments.into_iter().chain(acknowledged).chain(["--journal"]).map(OsString::from);
    let arguments = arguments.chain([journal.into_os_string()]);
    let exit = rolecall::cli::run(arguments, &mut ui);
    let said = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
    (exit, said)
}

#[test]
fn what_a_guard_has_to_say_by_then_ends_it() {
    let world = World::with_files(&[("rolecall.yaml", FILES)]);
    let _ = world.plan(&[]).exits(0);
    // Another config on the same cluster, whose binding none of these files asks for.
    world.write("other/rolecall.yaml", FILES.replace("name: takeover", "name: other").replace("refuse", "report"));
    let served = Served::start(&world.path("sandbox"));
    let url = served.credential("ROLECALL_SANDBOX_URL");
    let connections = format!(
        "entra: {{ login: '{url}', graph: '{url}', ca-file: sandbox/ca.pem }}\nenvironments:\n  \
         alpha: {{ kubeconfig: sandbox/kubeconfig, context: alpha }}\n"
    );
    world.write("connections.yaml", connections);
    let mut binds = Command::new(program());
    binds.args(["apply", "other", "--yes", "--connections", "connections.yaml"]).current_dir(world.path(""));
    binds.env_clear().envs(served.credentials());
    let (exit, said) = apply(&world, &served, move || {
        let output = binds.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
    assert_eq!(exit, Exit::Stale, "{said}");
    assert!(said.contains("Nothing was written: something has changed since the plan was shown."), "{said}");
    assert_eq!(served.writes(), 1, "only the other config has bound anybody");

    // Where nothing happens, what was agreed to is done.
    world.replace("access/rolecall.yaml", "unmanaged: refuse", "unmanaged: report");
    let (exit, said) = apply(&world, &served, || {});
    assert_eq!(exit, Exit::Fine, "{said}");
    assert_eq!(served.writes(), 2);
}
