//! Feeding the bodies.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::bodies::{self, TARGETS, Target};
use crate::generate::{Random, input};
use crate::summary;

/// How many inputs each target gets when no time is given.
const FEW: u64 = 250;
/// An input that takes longer hangs: without an end nobody would learn which it was.
const HANGS: Duration = Duration::from_secs(180);

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// What is run, and since when.
static RUNNING: Mutex<Option<(Instant, PathBuf)>> = Mutex::new(None);

#[test]
fn every_input_of_the_corpus_holds() {
    let mut broken = String::new();
    for target in TARGETS {
        for (path, content) in corpus(target) {
            if let Err(why) = holds(target, &content) {
                let _ = writeln!(broken, "{}: {why}", path.display());
            }
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn generated_input_holds() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    fs_err::create_dir_all(&folder).unwrap();
    let only: Option<String> = variable("ROLECALL_FUZZ_TARGET");
    let targets: Vec<&Target> =
        TARGETS.iter().filter(|target| only.as_deref().is_none_or(|name| name == target.name)).collect();
    assert!(!targets.is_empty(), "ROLECALL_FUZZ_TARGET is none of {:?}", TARGETS.map_names());
    if let (Some(file), [target]) = (variable::<PathBuf>("ROLECALL_FUZZ_INPUT"), &targets[..]) {
        return (target.body)(&fs_err::read(file).unwrap());
    }
    let seconds: Option<u64> = variable("ROLECALL_FUZZ_SECONDS");
    let seed = variable("ROLECALL_FUZZ_SEED").unwrap_or(1);
    let started = Instant::now();
    std::thread::spawn(watch);

    let mut counts = Vec::new();
    for (at, target) in (1..).zip(&targets) {
        let share = |seconds| Duration::from_secs(seconds) * at / u32::try_from(targets.len()).unwrap();
        let corpus: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, content)| content).collect();
        let first: u64 = variable("ROLECALL_FUZZ_NUMBER").unwrap_or(0);
        let mut number = first;
        while seconds.map_or(number - first < FEW, |seconds| started.elapsed() < share(seconds)) {
            let made = input(&mut Random::new(seed, target.name, number), &corpus);
            // Whatever becomes of this process, the input is there to be looked at.
            let file = folder.join(format!("{}-{seed}-{number}", target.name));
            fs_err::write(&file, &made).unwrap();
            *RUNNING.lock().unwrap() = Some((Instant::now(), file.clone()));
            let result = holds(target, &made);
            *RUNNING.lock().unwrap() = None;
            if let Err(why) = result {
                let (name, file) = (target.name, file.display());
                panic!(
                    "target {name}, seed {seed}, input {number}, kept in {file}: {why}\nagain with:\n  \
                     ROLECALL_FUZZ_TARGET={name} ROLECALL_FUZZ_INPUT={file} cargo test --test fuzz generated"
                );
            }
            fs_err::remove_file(&file).unwrap();
            number += 1;
        }
        counts.push(format!("{} {}", target.name, number - first));
    }
    summary::leave(
        "5-fuzz",
        &format!(
            "Fuzzing: no input of the corpus or generated one breaks what must hold; {} s, seed {seed}, inputs generated:\n  {}",
            started.elapsed().as_secs(),
            counts.join(", ")
        ),
    );
}

#[test]
fn every_target_has_a_corpus_and_a_file_for_libfuzzer() {
    let mut names: Vec<&str> = TARGETS.map_names();
    names.sort_unstable();
    for (folder, ending) in [("fuzz/corpus", ""), ("fuzz/fuzz_targets", ".rs")] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let found = fs_err::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut found: Vec<String> = found.map(|name| name.trim_end_matches(ending).to_owned()).collect();
        found.sort();
        assert_eq!(found, names, "{}", folder.display());
    }
    let manifest = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml")).unwrap();
    for name in names {
        assert!(manifest.contains(&format!("\"fuzz_targets/{name}.rs\"")), "fuzz/Cargo.toml does not name {name}");
    }
}

trait Names {
    fn map_names(&self) -> Vec<&'static str>;
}

impl Names for [Target] {
    fn map_names(&self) -> Vec<&'static str> {
        self.iter().map(|target| target.name).collect()
    }
}

fn holds(target: &Target, content: &[u8]) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| bodies::run(target.name, content))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target.name);
    let mut files: Vec<PathBuf> = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no corpus", target.name);
    files.into_iter().map(|path| (path.clone(), fs_err::read(path).unwrap())).collect()
}

/// Ends the process when an input hangs.
fn watch() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        if let Some((since, file)) = &*RUNNING.lock().unwrap()
            && since.elapsed() > HANGS
        {
            let message = format!("an input has run for {} s: {}\n", HANGS.as_secs(), file.display());
            let _ = std::io::Write::write_all(&mut std::io::stderr(), message.as_bytes());
            std::process::abort();
        }
    }
}
