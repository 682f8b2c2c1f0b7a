//! Waiting: a gate that a whole client shares, and the patience of one request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How long to wait and how often to try again.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The first wait where the server names none; it doubles from there, with jitter.
    pub first_wait: Duration,
    /// The longest wait where the server names none.
    pub longest_wait: Duration,
    /// How long one request may be put off by throttling before it counts as failed.
    pub throttled_for: Duration,
    /// How often one request is sent when it is answered by errors of the server, or not at all.
    pub attempts: u32,
    /// How long to wait for what we wrote to become readable.
    pub replication: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            throttled_for: Duration::from_secs(300),
            attempts: 6,
            replication: Duration::from_secs(120),
        }
    }
}

/// The least wait that a server can mean: below it, our own counts.
const LEAST_BELIEVED: Duration = Duration::from_millis(100);

/// One request is put off, because it was throttled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long it has been put off so far.
    pub so_far: Duration,
    /// How long it is put off now.
    pub now: Duration,
    /// How long it may be put off in all.
    pub limit: Duration,
}

/// Whom to tell of something that happens while a provider works.
pub struct Listener<T>(Option<Arc<dyn Fn(T) + Send + Sync>>);

/// Whom to tell of waits. They may be long, and many requests wait at once.
pub type OnWait = Listener<Wait>;

impl<T> Listener<T> {
    /// Calls this each time.
    pub fn tell(listener: impl Fn(T) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// It happens.
    pub fn hears(&self, what: T) {
        if let Some(listener) = &self.0 {
            listener(what);
        }
    }
}

impl<T> Clone for Listener<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Listener<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> fmt::Debug for Listener<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Listener")
    }
}

/// The longest time between two looks at what is to become readable: somebody is waiting for it.
const LONGEST_LAG_WAIT: Duration = Duration::from_secs(4);

/// No clock can hold a moment that a hostile `Retry-After` puts into the next million years.
const LONGEST_CLOSED: Duration = Duration::from_secs(24 * 60 * 60);

/// Holds back every request to one place until the latest moment that a throttled answer named: whoever reads and writes there
/// as the same identity shares it, for it is the identity that a server counts.
#[derive(Debug)]
pub struct Gate {
    opens: watch::Sender<Instant>,
}

/// A gate opens only when there is no time left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpensTooLate;

impl Default for Gate {
    fn default() -> Self {
        Self { opens: watch::Sender::new(Instant::now()) }
    }
}

impl Gate {
    /// Waits until the gate is open. Whoever sends must pass immediately before.
    ///
    /// # Errors
    /// As soon as it is known that the gate does not open before the deadline, which may be long before it.
    pub async fn pass_until(&self, deadline: Instant) -> Result<(), OpensTooLate> {
        let mut closed_again = self.opens.subscribe();
        loop {
            let opens = *closed_again.borrow_and_update();
            let now = Instant::now();
            if opens.max(now) >= deadline {
                return Err(OpensTooLate);
            }
            if opens <= now {
                return Ok(());
            }
            tokio::select! {
                () = sleep_until(opens) => {}
                // Never an error: the sender is ours.
                _ = closed_again.changed() => {}
            }
        }
    }

    /// How long it stays closed from now on.
    pub fn closed_for(&self) -> Duration {
        self.opens.borrow().saturating_duration_since(Instant::now())
    }

    /// Closes the gate for at least this long.
    pub fn close_for(&self, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST_CLOSED);
        self.opens.send_if_modified(|opens| {
            let longer = until > *opens;
            *opens = until.max(*opens);
            longer
        });
    }
}

/// The patience of one request: how long it was put off and how often it was tried.
#[derive(Debug)]
pub struct Patience {
    pace: Pace,
    started: Instant,
    tried: u32,
    waits: ExponentialBackoff,
}

impl Patience {
    /// The full patience, from now.
    pub fn new(pace: Pace) -> Self {
        let waits = ExponentialBuilder::default()
            .with_min_delay(pace.first_wait)
            .with_max_delay(pace.longest_wait)
            .without_max_times()
            .with_jitter()
            .build();
        Self { pace, started: Instant::now(), tried: 0, waits }
    }

    /// How long to wait after a throttled answer: what it asks for, or what we would wait by ourselves. A server that asks for
    /// no wait at all, or for next to none, again and again is not asked a thousand times.
    pub fn after_throttling(&mut self, asked: Option<Duration>) -> Duration {
        match asked {
            Some(asked) if asked >= LEAST_BELIEVED => asked,
            Some(_) | None => self.next_wait().max(asked.unwrap_or_default()),
        }
    }

    /// When the patience is over.
    pub fn deadline(&self) -> Instant {
        // Limits are seconds or minutes; a day stands for what no clock can hold.
        self.started + self.pace.throttled_for.min(LONGEST_CLOSED)
    }

    /// What a request that is put off for so long has behind and before it.
    pub fn wait(&self, now: Duration) -> Wait {
        Wait { so_far: self.started.elapsed(), now, limit: self.pace.throttled_for }
    }

    /// Whether this request may be put off for so long.
    pub fn allows(&self, wait: Duration) -> bool {
        self.started.elapsed().saturating_add(wait) < self.pace.throttled_for
    }

    /// How long to wait after an error of the server or a broken connection; `None` when it was tried often enough.
    pub fn after_failure(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.tried += 1;
        let wait = self.next_wait().max(asked.unwrap_or_default());
        (self.tried < self.pace.attempts && self.allows(wait)).then_some(wait)
    }

    /// How long to wait for an object of our own to become readable; `None` when that took too long.
    pub fn after_lag(&mut self) -> Option<Duration> {
        let wait = self.next_wait().min(LONGEST_LAG_WAIT);
        (self.started.elapsed() + wait <= self.pace.replication).then_some(wait)
    }

    /// How much time is left for an object of our own to become readable.
    pub fn left_for_lag(&self) -> Duration {
        self.pace.replication.saturating_sub(self.started.elapsed())
    }

    fn next_wait(&mut self) -> Duration {
        self.waits.next().unwrap_or(self.pace.longest_wait)
    }
}

/// A `Retry-After` in seconds, or a moment, seen from this one of ours. Graph sends fractions, proxies send dates; anything
/// else counts as absent.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let moment = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    // One that is past says more about the clocks than about the wait.
    Duration::try_from(moment.duration_since(now)).ok().filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_may_be_a_fraction_or_a_date() {
        let now = "2026-11-22T16:40:11Z".parse().unwrap();
        let retry_after = |value| retry_after(value, now);
        assert_eq!(retry_after("2.128"), Some(Duration::from_millis(2128)));
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 16:40:41 GMT"), Some(Duration::from_secs(30)));
        for odd in
            ["", "-1", "NaN", "inf", "1e300", "soon", "Sun, 32 Nov 2026 16:40:41 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"]
        {
            assert_eq!(retry_after(odd), None, "{odd}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_passes_before_the_latest_time_that_was_named() {
        let gate = Arc::new(Gate::default());
        let start = Instant::now();
        gate.close_for(Duration::from_millis(2128));
        gate.close_for(Duration::from_secs(1));
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move {
                    gate.pass_until(start + Duration::from_secs(60)).await.unwrap();
                    Instant::now()
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(2)).await;
        gate.close_for(Duration::from_secs(3));
        for passed in waiting {
            assert!(passed.await.unwrap() >= start + Duration::from_secs(5));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_at_the_gate_hears_at_once_that_it_opens_too_late() {
        let gate = Arc::new(Gate::default());
        let start = Instant::now();
        let deadline = start + Duration::from_secs(300);
        gate.close_for(Duration::from_secs(5));
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move { (gate.pass_until(deadline).await, Instant::now()) })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(2)).await;
        gate.close_for(Duration::from_secs(86_000));
        for waited in waiting {
            assert_eq!(waited.await.unwrap(), (Err(OpensTooLate), start + Duration::from_secs(2)));
        }
        assert_eq!(Gate::default().pass_until(deadline).await, Ok(()));
        tokio::time::sleep_until(deadline).await;
        assert_eq!(
            Gate::default().pass_until(deadline).await,
            Err(OpensTooLate),
            "it is open, and there is no time left"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_no_wait_is_waited_for_longer_each_time() {
        let now = "2026-11-22T16:40:11Z".parse().unwrap();
        for nothing in ["0", "-0", "1e-300"] {
            let mut patience = Patience::new(Pace::default());
            let mut waits = Vec::new();
            while Instant::now() < patience.deadline() {
                waits.push(patience.after_throttling(retry_after(nothing, now)));
                tokio::time::sleep(*waits.last().unwrap()).await;
            }
            for (wait, least) in waits.iter().zip([500, 1000, 2000, 4000, 8000, 16_000, 30_000]) {
                assert!(*wait >= Duration::from_millis(least), "{nothing}: {waits:?}");
            }
            assert!(waits.len() < 18, "{nothing}: {waits:?}");
            let named = Duration::from_millis(212);
            assert_eq!(patience.after_throttling(Some(named)), named, "what is meant is taken as it is");
            let failed = Patience::new(Pace::default()).after_failure(retry_after(nothing, now));
            assert!(failed.unwrap() >= Duration::from_millis(500), "{nothing}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hostile_time_closes_the_gate_for_a_day_and_breaks_nothing() {
        let gate = Gate::default();
        gate.close_for(Duration::MAX);
        assert_eq!(gate.closed_for(), LONGEST_CLOSED);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_with_throttling_ends_by_time() {
        let mut patience = Patience::new(Pace::default());
        assert_eq!(patience.after_throttling(Some(Duration::from_secs(299))), Duration::from_secs(299));
        assert!(patience.allows(Duration::from_secs(299)));
        tokio::time::sleep(Duration::from_secs(299)).await;
        assert!(!patience.allows(Duration::from_secs(2)));
        assert!(!patience.allows(Duration::MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_with_failures_ends_by_count_and_waits_longer_each_time() {
        let mut patience = Patience::new(Pace::default());
        let waits: Vec<_> = std::iter::from_fn(|| patience.after_failure(None)).collect();
        assert_eq!(waits.len(), 5, "six attempts have five waits between them");
        for (wait, least) in waits.iter().zip([500, 1000, 2000, 4000, 8000]) {
            assert!(*wait >= Duration::from_millis(least), "{wait:?}");
        }
    }
}
