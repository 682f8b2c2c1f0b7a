//! Faults: what a sandbox does wrong when asked to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sha2::Digest as _;

/// What goes wrong. Nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// How long every reply is held back.
    pub latency: Duration,
    /// Whether calls are told to come again later.
    pub throttle: Option<Throttle>,
}

/// 429 for some calls, and for some items of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// How many of a hundred are refused.
    pub percent: u8,
    /// Which ones: the same seed refuses the same calls of the same sequence.
    pub seed: u64,
    /// The `Retry-After`; a fraction of a second is passed on as such by Graph, rounded up by Kubernetes.
    pub retry_after: Duration,
}

/// Draws, call by call, whether one is refused.
#[derive(Debug, Default)]
pub(crate) struct Throttling {
    throttle: Option<Throttle>,
    drawn: AtomicU64,
}

impl Throttling {
    pub(crate) fn new(throttle: Option<Throttle>) -> Self {
        Self { throttle, drawn: AtomicU64::new(0) }
    }

    /// The `Retry-After` of the next call, if that one is refused.
    pub(crate) fn strike(&self) -> Option<Duration> {
        let throttle = self.throttle?;
        let draw = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut hash = sha2::Sha256::new();
        hash.update(throttle.seed.to_be_bytes());
        hash.update(draw.to_be_bytes());
        let lot = hash.finalize().iter().take(4).fold(0_u32, |lot, byte| (lot << 8) | u32::from(*byte));
        (lot % 100 < u32::from(throttle.percent)).then_some(throttle.retry_after)
    }
}

/// Seconds as Graph writes them: whole, or with three decimals.
pub(crate) fn seconds(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => duration.as_secs().to_string(),
        millis => format!("{}.{millis:03}", duration.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(percent: u8, seed: u64) -> Vec<bool> {
        let throttle = Throttle { percent, seed, retry_after: Duration::from_millis(2128) };
        let throttling = Throttling::new(Some(throttle));
        (0..1000).map(|_| throttling.strike().is_some()).collect()
    }

    #[test]
    fn about_the_asked_share_is_refused_and_a_seed_repeats_itself() {
        let count = struck(20, 7).iter().filter(|struck| **struck).count();
        assert!((150..250).contains(&count), "{count}");
        assert_eq!(struck(20, 7), struck(20, 7));
        assert_ne!(struck(20, 7), struck(20, 8));
        assert!(struck(100, 7).iter().all(|struck| *struck));
        assert!(!struck(0, 7).iter().any(|struck| *struck));
        assert_eq!(Throttling::default().strike(), None);
    }

    #[test]
    fn fractions_of_a_second_are_kept() {
        assert_eq!(seconds(Duration::from_millis(2128)), "2.128");
        assert_eq!(seconds(Duration::from_millis(50)), "0.050");
        assert_eq!(seconds(Duration::from_secs(3)), "3");
    }
}
