//! What a process measures of itself, and says to the one that started it.

use std::fmt::Display;
use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::Error;

/// Times steps, and says each with the process's peak memory so far: a line `NAME SECONDS KIB` on standard output.
///
/// The steps wait for nothing and use one thread, so it is the time on a processor that counts: other work on the machine
/// is not measured. Where the system does not tell it, it is the time that passes.
pub(crate) struct Stopwatch {
    began: Instant,
    on_processor: Option<f64>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now(), on_processor: on_processor() }
    }

    pub(crate) fn restart(&mut self) {
        *self = Self::start();
    }

    fn seconds(&self) -> f64 {
        let used = self.on_processor.zip(on_processor()).map(|(before, now)| now - before);
        used.unwrap_or_else(|| self.passed())
    }

    /// The time that passes, waiting included.
    pub(crate) fn passed(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    pub(crate) fn lap(&self, name: &str) -> Result<(), Error> {
        let seconds = self.seconds();
        self.say(name, format!("{seconds} {}", peak_kib().unwrap_or_default()))
    }

    #[expect(clippy::unused_self, reason = "what is said belongs to what is timed")]
    pub(crate) fn say(&self, name: &str, value: impl Display) -> Result<(), Error> {
        Ok(writeln!(std::io::stdout(), "{name} {value}")?)
    }
}

/// How long this thread has been on a processor.
fn on_processor() -> Option<f64> {
    // The kernel counts when a thread leaves its processor.
    std::thread::sleep(Duration::from_micros(1));
    let text = fs_err::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}

/// The peak of this process's resident memory; `None` where the system does not tell it this way.
pub(crate) fn peak_kib() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What this process has spent in CPU time, its threads together.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let stat = fs_err::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything; fields 14 and 15 in hundredths of a second (proc(5)).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}
