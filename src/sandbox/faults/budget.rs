//! How much Graph lets an app ask for, as buckets that drain (entra.md §1.6).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Budget;

/// How far beyond the limit retries can push the usage: Graph's own percentage ends at 1.8.
const MOST: f64 = 1.8;
/// From here on replies say how full the bucket is.
const WORTH_SAYING: f64 = 0.8;

/// Both buckets of an app in a tenant.
#[derive(Debug)]
pub(crate) struct Meter {
    budget: Option<Budget>,
    buckets: Mutex<Option<Buckets>>,
}

#[derive(Debug)]
struct Buckets {
    at: Instant,
    units: f64,
    writes: f64,
}

/// What came of a call's cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Charge {
    /// Carry on.
    Free,
    /// Carry on, and say how full the bucket is.
    Near(f64),
    /// Refuse.
    Over {
        /// Until the bucket has room for this call.
        retry_after: Duration,
        /// Whether it is the writes that are too many.
        writes: bool,
    },
}

impl Meter {
    pub(crate) fn new(budget: Option<Budget>) -> Self {
        Self { budget, buckets: Mutex::new(None) }
    }

    /// Charges a call. One that is refused is charged as well: retries accrue usage.
    pub(crate) fn charge(&self, units: u32, is_write: bool) -> Charge {
        let Some(budget) = self.budget else { return Charge::Free };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let buckets = buckets.get_or_insert(Buckets { at: now, units: 0.0, writes: 0.0 });
        let window = Duration::from_millis(budget.window_ms).as_secs_f64();
        let passed = now.duration_since(buckets.at).as_secs_f64() / window;
        buckets.at = now;
        // Both as shares of a bucket: how full it is now, and what this call costs.
        let fill = |level: &mut f64, cost: f64, size: u32| {
            let size = f64::from(size);
            *level = ((*level - passed * size).max(0.0) + cost).min(size * MOST);
            (*level / size, cost / size)
        };
        let of_units = fill(&mut buckets.units, f64::from(units), budget.units);
        let of_writes = fill(&mut buckets.writes, f64::from(u32::from(is_write)), budget.writes);
        let fuller = if is_write && of_writes.0 > of_units.0 { of_writes } else { of_units };
        let (fullest, cost) = fuller;
        if fullest > 1.0 {
            // Until the same call has room, which it will need once more.
            let retry_after = Duration::from_secs_f64((fullest - 1.0 + cost) * window).max(Duration::from_millis(1));
            Charge::Over { retry_after, writes: is_write && of_writes.0 > 1.0 }
        } else if fullest > WORTH_SAYING {
            Charge::Near(fullest)
        } else {
            Charge::Free
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_fills_is_refused_and_drains() {
        let meter = Meter::new(Some(Budget { units: 10, writes: 2, window_ms: 10_000 }));
        assert_eq!(meter.charge(8, false), Charge::Free);
        assert_eq!(meter.charge(1, false), Charge::Near(0.9));
        let Charge::Over { retry_after, writes: false } = meter.charge(3, false) else { panic!("12 of 10 fit") };
        assert_eq!(retry_after.as_millis(), 5000, "2 too many and 3 to come");
        // Who does not wait is refused again, and has made it worse.
        let Charge::Over { retry_after: again, .. } = meter.charge(3, false) else { panic!("15 of 10 fit") };
        assert!(again > retry_after);
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(meter.charge(1, false), Charge::Near(0.9));
        let Charge::Over { retry_after, .. } = meter.charge(4, false) else { panic!("13 of 10 fit") };
        tokio::time::advance(retry_after).await;
        assert!(matches!(meter.charge(4, false), Charge::Near(_)), "who waits as long as asked gets through");
    }

    #[tokio::test(start_paused = true)]
    async fn writes_have_a_bucket_of_their_own() {
        let meter = Meter::new(Some(Budget { units: 1000, writes: 2, window_ms: 10_000 }));
        assert_eq!(meter.charge(1, true), Charge::Free);
        assert_eq!(meter.charge(1, true), Charge::Near(1.0));
        assert!(matches!(meter.charge(1, true), Charge::Over { writes: true, .. }));
        assert_eq!(meter.charge(1, false), Charge::Free);
    }
}
