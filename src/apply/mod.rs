//! Carrying a plan out: the executor, its journal and its events. The only place that holds writers.

mod event;

pub use event::{Event, Summary};
