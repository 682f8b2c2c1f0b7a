//! What was measured, as Markdown tables.

use std::fmt::Write as _;

use crate::Error;
use crate::cold::{ALLOWANCES, Cold, LATENCY};
use crate::who_can;
use crate::world::{self, Shape};

/// Everything that was measured at one size.
pub(crate) struct Column {
    pub(crate) shape: Shape,
    /// What each run of the steps said.
    pub(crate) runs: Vec<String>,
    pub(crate) cold: Option<Cold>,
}

impl Column {
    /// The median over the runs of the value at this position behind this name.
    fn median(&self, name: &str, position: usize) -> Result<f64, Error> {
        let mut values = Vec::new();
        for run in &self.runs {
            let line = run.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let word = line.and_then(|line| line.split(' ').nth(position));
            values.push(word.ok_or_else(|| format!("no run said `{name}`"))?.parse::<f64>()?);
        }
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().ok_or_else(|| "nothing was run".into())
    }
}

/// The tables.
pub(crate) fn text(columns: &[Column]) -> Result<String, Error> {
    let cpus = std::thread::available_parallelism()?;
    let members = columns.first().map_or(0, |column| column.shape.members);
    let mut text = format!(
        "{members} members a group, {} files, each group bound in {} of {} environments; {} {}, {cpus} CPUs.\n",
        world::FILES,
        world::BOUND_IN,
        world::ENVIRONMENTS,
        std::env::consts::OS,
        std::env::consts::ARCH,
    );
    let mut table = Table { text: &mut text, columns };
    table.head("groups")?;
    for (step, shown) in [
        ("load", "load: read and check the files"),
        ("compile", "compile"),
        ("diff", "diff, guards included"),
        ("access", "what 20 of the changes mean for people"),
        ("guards", "compared and judged again, as `apply` does with a part"),
        ("render", "render"),
        ("save", "save"),
    ] {
        table.row(shown, seconds, |column| column.median(step, 0))?;
    }
    table.row("compile + diff", seconds, |column| Ok(column.median("compile", 0)? + column.median("diff", 0)?))?;
    table.row("changes planned", count, |column| column.median("changes", 0))?;
    for (step, shown) in [
        ("load", "peak memory after load"),
        ("diff", "after diff"),
        ("access", "after what changes mean"),
        ("save", "after all"),
    ] {
        table.row(shown, mebibytes, |column| column.median(step, 1))?;
    }
    let question = format!("`who-can` on a cluster with {} bindings more", count(who_can::BINDINGS as f64));
    table.row(&question, seconds, |column| column.median("who-can", 0))?;
    table.row("people and others in its answer", count, |column| column.median("who-can-answered", 0))?;
    let cold: Vec<&Cold> = columns.iter().filter_map(|column| column.cold.as_ref()).collect();
    if cold.len() < columns.len() || columns.is_empty() {
        return Ok(text);
    }
    let _ = writeln!(text, "\nA cold plan, {} ms before every answer.\n", LATENCY.as_millis());
    let mut table = Table { text: &mut text, columns };
    table.head("groups")?;
    let of = |wanted: fn(&Cold) -> f64| {
        move |column: &Column| column.cold.as_ref().map(wanted).ok_or_else(|| "there was no cold plan".into())
    };
    table.row("time", seconds, of(|cold| cold.seconds))?;
    table.row("of it our own CPU", seconds, of(|cold| cold.cpu_seconds))?;
    for (size, allowance) in ALLOWANCES {
        let floor = |column: &Column| column.cold.as_ref().map(|cold| cold.floor(allowance)).ok_or_else(|| "".into());
        table.row(&format!("floor, {size} ({allowance} units in 10 s)"), seconds, floor)?;
    }
    table.row("peak memory", mebibytes, of(|cold| cold.peak_kib))?;
    table.row("Graph requests", count, of(|cold| cold.graph_calls))?;
    table.row("resource units", count, of(|cold| cold.graph_units))?;
    table.row("cluster requests", count, of(|cold| cold.cluster_calls))?;
    Ok(text)
}

struct Table<'t> {
    text: &'t mut String,
    columns: &'t [Column],
}

impl Table<'_> {
    fn head(&mut self, what: &str) -> Result<(), Error> {
        let sizes: Vec<f64> = self.columns.iter().map(|column| column.shape.groups as f64).collect();
        self.line(what, &sizes, count)?;
        let columns = sizes.len() * 2 - 1;
        Ok(writeln!(self.text, "| --- |{}", " ---: |".repeat(columns))?)
    }

    fn row(
        &mut self,
        what: &str,
        shown: fn(f64) -> String,
        value: impl Fn(&Column) -> Result<f64, Error>,
    ) -> Result<(), Error> {
        let values = self.columns.iter().map(value).collect::<Result<Vec<_>, Error>>()?;
        self.line(what, &values, shown)
    }

    /// The values, and between two sizes how much more the second one is.
    fn line(&mut self, what: &str, values: &[f64], shown: fn(f64) -> String) -> Result<(), Error> {
        write!(self.text, "| {what} |")?;
        let mut before = None;
        for value in values {
            if let Some(before) = before {
                write!(self.text, " ×{:.1} |", value / before)?;
            }
            write!(self.text, " {} |", shown(*value))?;
            before = Some(*value);
        }
        Ok(writeln!(self.text)?)
    }
}

fn seconds(value: f64) -> String {
    if value < 0.1 { format!("{:.1} ms", value * 1000.0) } else { format!("{value:.2} s") }
}

fn mebibytes(kib: f64) -> String {
    format!("{:.0} MiB", kib / 1024.0)
}

/// With a comma between thousands.
pub(crate) fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
