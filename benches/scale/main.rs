//! How rolecall grows with a company: time, memory, requests and resource units for 100, 1,000 and 10,000 groups.
//!
//! ```text
//! cargo bench --bench scale                           # the tables of docs/performance.md
//! cargo bench --bench scale -- --groups 1000 --no-cold
//! cargo bench --bench scale -- --instructions         # what grows how, counted by valgrind
//! ```
//!
//! Every figure is what this run measured. Each part runs in a process of its own, so that its peak memory is its own.
#![allow(clippy::cast_precision_loss, reason = "what is measured here is far below 2^53")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

mod cold;
mod instructions;
mod live;
mod measure;
mod steps;
mod table;
mod who_can;
mod world;

use world::Shape;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// In front of the name of a part, where this program runs one of its own parts.
const PART: &str = "--part";
const MEMBERS: usize = 100;
const SIZES: [usize; 3] = [100, 1_000, 10_000];

/// What is asked for.
struct Asked {
    sizes: Vec<usize>,
    runs: usize,
    cold: bool,
    instructions: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [PART, part @ ..] => run_part(part),
        // `cargo test --benches` runs this too, without `--bench`: there is nothing to test.
        all if !all.contains(&"--bench") => Ok(()),
        all => asked(all).and_then(|asked| bench(&asked)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked(arguments: &[&str]) -> Result<Asked, Error> {
    let mut asked = Asked { sizes: SIZES.to_vec(), runs: 3, cold: true, instructions: false };
    let mut arguments = arguments.iter();
    let usage = "use: cargo bench --bench scale [-- [--groups COUNT] [--runs COUNT] [--no-cold | --instructions]]";
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<usize>().ok()).filter(|number| *number > 0);
        match *argument {
            "--bench" => {}
            "--groups" => asked.sizes = vec![number().ok_or(usage)?],
            "--runs" => asked.runs = number().ok_or(usage)?,
            "--no-cold" => asked.cold = false,
            "--instructions" => asked.instructions = true,
            _ => return Err(usage.into()),
        }
    }
    Ok(asked)
}

fn bench(asked: &Asked) -> Result<(), Error> {
    if asked.instructions {
        return instructions::count();
    }
    let mut columns = Vec::new();
    for groups in &asked.sizes {
        let shape = Shape { groups: *groups, members: MEMBERS };
        let place = tempfile::tempdir()?;
        let files = place.path().join("access");
        write_files(&files, shape)?;
        let runs = (0..asked.runs)
            .map(|_| cold::finish(child(&steps_of(&files, shape, "save"))?))
            .collect::<Result<Vec<_>, Error>>()?;
        let cold = asked.cold.then(|| cold::measure(&files, &place.path().join("sandbox"), shape)).transpose()?;
        columns.push(table::Column { shape, runs, cold });
    }
    std::io::stdout().write_all(table::text(&columns)?.as_bytes())?;
    validate()
}

/// How long the smallest command takes from its start to its end.
fn validate() -> Result<(), Error> {
    const RUNS: usize = 41;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let started = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_rolecall")).args(["validate", "examples/company"]).output()?;
        times.push(started.elapsed());
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
    }
    times.sort();
    let (least, median) = (times[0].as_secs_f64() * 1000.0, times[RUNS / 2].as_secs_f64() * 1000.0);
    let text = "`rolecall validate examples/company`, from its start to its end";
    Ok(writeln!(std::io::stdout(), "\n{text}: median {median:.1} ms, least {least:.1} ms of {RUNS} runs.")?)
}

/// The command line of a part that runs the steps up to one of them.
fn steps_of(files: &Path, shape: Shape, upto: &str) -> [String; 5] {
    let numbers = (shape.groups.to_string(), shape.members.to_string());
    ["steps".to_owned(), files.display().to_string(), numbers.0, numbers.1, upto.to_owned()]
}

fn write_files(folder: &Path, shape: Shape) -> Result<(), Error> {
    for (path, text) in shape.files() {
        let file = folder.join(path);
        fs_err::create_dir_all(file.parent().unwrap_or(folder))?;
        fs_err::write(file, text)?;
    }
    Ok(())
}

/// Starts a part of this program in a process of its own.
fn child(part: &[impl AsRef<std::ffi::OsStr>]) -> Result<Child, Error> {
    let program = std::env::current_exe()?;
    Ok(Command::new(program).arg(PART).args(part).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
}

fn run_part(part: &[&str]) -> Result<(), Error> {
    let shape = |groups: &str, members: &str| -> Result<Shape, Error> {
        Ok(Shape { groups: groups.parse()?, members: members.parse()? })
    };
    match part {
        ["steps", folder, groups, members, upto] => steps::run(Path::new(folder), shape(groups, members)?, upto),
        ["seed", folder, place, groups, members] => {
            cold::seed(Path::new(folder), Path::new(place), shape(groups, members)?)
        }
        ["serve", place] => cold::serve(Path::new(place)),
        ["plan", folder, place] => cold::plan(Path::new(folder), Path::new(place)),
        other => Err(format!("there is no part {other:?}").into()),
    }
}
