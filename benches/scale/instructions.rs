//! Instructions instead of seconds: the same on a busy machine as on an idle one, so that growth can be held to a limit.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::table::count as thousands;
use crate::world::Shape;
use crate::{Error, MEMBERS, PART, steps_of, write_files};

const SIZES: [usize; 2] = [1_000, 10_000];
/// How many times the instructions for ten times the groups may be: linear, and a logarithm on top.
const LIMIT: f64 = 11.0;

/// Counts the instructions of the steps at two sizes and fails where they grow faster than the groups do.
pub(crate) fn count() -> Result<(), Error> {
    let mut out = std::io::stdout();
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok(writeln!(out, "Instructions were not counted: there is no valgrind on this machine.")?);
    }
    let mut counted = Vec::new();
    for groups in SIZES {
        let shape = Shape { groups, members: MEMBERS };
        let place = tempfile::tempdir()?;
        write_files(place.path(), shape)?;
        let (load, all) = (counted_upto(place.path(), shape, "load")?, counted_upto(place.path(), shape, "save")?);
        counted.push((load, all - load));
    }
    let [small, large] = counted.as_slice() else { return Err("two sizes are compared".into()) };
    let (one, two) = (thousands(SIZES[0] as f64), thousands(SIZES[1] as f64));
    writeln!(out, "| instructions | {one} | {two} | times |\n| --- | ---: | ---: | ---: |")?;
    let mut too_much = false;
    for (name, small, large) in [("load", small.0, large.0), ("compile to save", small.1, large.1)] {
        let times = large / small;
        too_much |= times > LIMIT;
        writeln!(out, "| {name} | {} | {} | ×{times:.2} |", thousands(small), thousands(large))?;
    }
    if too_much {
        Err(format!("ten times the groups took more than {LIMIT} times the instructions").into())
    } else {
        Ok(())
    }
}

/// Instructions from the start of the process to the end of a step.
fn counted_upto(files: &Path, shape: Shape, upto: &str) -> Result<f64, Error> {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .arg(PART)
        .args(steps_of(files, shape, upto))
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind ended with {}: {said}", output.status).into());
    }
    // ==4711== I refs:        1,234,567
    let number = said.lines().find_map(|line| line.split_once("refs:")).ok_or("valgrind counted no instructions")?;
    Ok(number.1.trim().replace(',', "").parse()?)
}
