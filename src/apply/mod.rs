//! Carrying a plan out: the executor, its journal and its events. The only place that holds writers.

mod event;
mod executor;
pub mod journal;
pub mod promise;
mod report;
mod schedule;

pub use event::{Event, Stop, Summary};
pub use executor::{Writers, execute};
pub use journal::{Journal, JournalError};
pub use report::{Conclusion, Report};

#[cfg(test)]
mod tests;
