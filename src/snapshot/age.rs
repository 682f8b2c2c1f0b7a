//! How old a snapshot is, in words.

use jiff::{SignedDuration, Timestamp};

use super::Snapshot;

/// From this age on a snapshot is old: what it says may long be otherwise.
pub const OLD: SignedDuration = SignedDuration::from_hours(24);

/// Clocks of two machines may be so far apart without anybody's fault.
const SKEW: SignedDuration = SignedDuration::from_mins(2);

/// How old a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// So old.
    Old(SignedDuration),
    /// It was taken so much later than it is now: one of the two clocks is wrong, so that nobody knows how old it is.
    Ahead(SignedDuration),
}

impl Age {
    /// Whether it is so old, or so little known, that a reader must be told.
    pub fn is_old(self) -> bool {
        match self {
            Self::Old(age) => age > OLD,
            Self::Ahead(_) => true,
        }
    }
}

impl Snapshot {
    /// How old it is at this time.
    pub fn age(&self, now: Timestamp) -> Age {
        let age = now.duration_since(self.taken);
        if age < -SKEW { Age::Ahead(-age) } else { Age::Old(age.max(SignedDuration::ZERO)) }
    }
}

/// A length of time for people, in the largest unit of which there are two: `45 s`, `3 h`, `12 days`.
pub fn ages(length: SignedDuration) -> String {
    match length.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
