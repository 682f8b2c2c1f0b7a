//! Faults: what a sandbox does wrong when asked to.
//!
//! Which requests are struck follows from the seed and from the requests themselves: the same call asked for the nth time
//! meets the same fate in every run, however many others are on their way at the same moment.

use std::time::Duration;

use serde::Deserialize;

pub(crate) use self::budget::{Charge, Meter};
pub(crate) use self::injector::{Injector, Struck};
pub(crate) use self::layer::{Faulty, inject};
pub(crate) use self::reply::{Asked, Dialect, Unsent};

mod budget;
mod injector;
mod layer;
mod reply;

/// What goes wrong. Nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Faults {
    /// Decides which requests are struck, where a rule says a share of them.
    pub seed: u64,
    /// How long every reply is held back.
    pub latency_ms: u64,
    /// Reads that show what was there before a write.
    pub lag: Option<Lag>,
    /// How much Graph lets an app ask for.
    pub budget: Option<Budget>,
    /// Faults of single requests; the first rule that strikes wins.
    pub rules: Vec<Rule>,
}

/// Replication lag of Graph, counted in reads, in time, or in both: then a group lags until both are over. Each group that was
/// written to shows its earlier self to reads of it and, counted apart, to lists; the two may disagree. Delta queries lag
/// twice as long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Lag {
    /// The most reads that are behind; how many it is follows from the seed, one at least. None when it is 0.
    pub reads: u32,
    /// The longest time that reads are behind; how long it is follows from the seed, half of it at least. None when it is 0.
    pub ms: u64,
}

/// The token buckets of Graph's throttling, scaled down (entra.md §1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Budget {
    /// Resource units in each window.
    pub units: u32,
    /// Writes in each window.
    pub writes: u32,
    /// The window.
    pub window_ms: u64,
}

/// A fault and the requests that it strikes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// `graph` or the name of a cluster; all of them when left out.
    #[serde(default)]
    pub on: Option<String>,
    /// HTTP methods; all of them when left out.
    #[serde(default)]
    pub methods: Vec<String>,
    /// A piece of the path and query. When left out, everything but signing in.
    #[serde(default)]
    pub path: Option<String>,
    /// How many of a hundred.
    #[serde(default = "all")]
    pub percent: u8,
    /// How many matching requests are let through first.
    #[serde(default)]
    pub after: u64,
    /// The most requests that are struck; no end when left out.
    #[serde(default)]
    pub times: Option<u64>,
}

/// One kind of fault.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// 429 with `Retry-After`, which Graph gives in fractions of a second and not at all for Conditional Access.
    Throttled {
        /// The `Retry-After`.
        #[serde(default = "usual_wait")]
        retry_after_ms: u64,
    },
    /// A 5xx.
    Unavailable {
        /// 500, 502, 503 or 504.
        #[serde(default = "unavailable")]
        status: u16,
        /// The `Retry-After`, none when left out.
        #[serde(default)]
        retry_after_ms: Option<u64>,
        /// Whether the request was carried out all the same.
        #[serde(default)]
        after_work: bool,
    },
    /// The connection ends without a reply; nothing was done.
    CutBefore,
    /// The request was carried out, and the connection ends without a reply.
    CutAfter,
    /// The request is never answered and nothing was done. The log says so at once, for whoever waits to end the client.
    HoldBefore,
    /// The request was carried out and is never answered.
    HoldAfter,
    /// The reply ends half-way through its body.
    Truncated,
    /// The request was carried out, and the reply says something that no client can have expected.
    Body(Hostile),
    /// The reply is late.
    Late {
        /// By how much.
        ms: u64,
    },
    /// The token of a next page, of a delta query or of a continued list is no longer known.
    ExpiredToken,
    /// A page of a list of Graph holds nothing and has a next page.
    EmptyPage,
    /// 409: somebody else is writing to the same object.
    Conflict,
}

/// Replies that a client must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hostile {
    /// 200 and a page for people, as a proxy in the way gives.
    Html,
    /// 200 and nothing.
    Empty,
    /// A body of the wrong shape.
    WrongShape,
    /// A hundred thousand arrays in each other.
    Deep,
    /// Bytes that are no text.
    NotText,
    /// A next page on another host.
    ForeignLink,
    /// A list that says to go on for ever.
    EndlessPages,
    /// Names with control characters of a terminal.
    ControlCharacters,
}

fn all() -> u8 {
    100
}

fn usual_wait() -> u64 {
    1500
}

fn unavailable() -> u16 {
    503
}

impl Faults {
    /// 429 for a share of the requests.
    pub fn throttle(percent: u8, seed: u64, retry_after_ms: u64) -> Self {
        Self { seed, ..Self::rule(Fault::Throttled { retry_after_ms }, percent) }
    }

    /// One fault for a share of the requests.
    pub fn rule(fault: Fault, percent: u8) -> Self {
        Self { rules: vec![Rule { percent, ..Rule::of(fault) }], ..Self::default() }
    }

    /// What cannot be meant, in words.
    ///
    /// # Errors
    /// With the first mistake.
    pub fn check(&self) -> Result<(), String> {
        for (position, rule) in self.rules.iter().enumerate() {
            let number = position + 1;
            if rule.percent > 100 {
                return Err(format!("rule {number}: percent is {}, and 100 is everything", rule.percent));
            }
            if let Fault::Unavailable { status, .. } = rule.fault
                && !matches!(status, 500 | 502 | 503 | 504)
            {
                return Err(format!("rule {number}: status is {status}; it is one of 500, 502, 503 and 504"));
            }
        }
        if self.lag.is_some_and(|lag| lag == Lag::default()) {
            return Err("lag: reads and ms are 0; leave lag out for none".to_owned());
        }
        if self.budget.is_some_and(|budget| budget.units == 0 || budget.writes == 0 || budget.window_ms == 0) {
            return Err("budget: units, writes and window-ms are all above 0".to_owned());
        }
        Ok(())
    }
}

impl Rule {
    /// The fault for every request.
    pub fn of(fault: Fault) -> Self {
        Self { fault, on: None, methods: Vec::new(), path: None, percent: 100, after: 0, times: None }
    }
}

impl Fault {
    /// What the log calls it: the same name as in the file.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
            Self::CutBefore => "cut-before",
            Self::CutAfter => "cut-after",
            Self::HoldBefore => "hold-before",
            Self::HoldAfter => "hold-after",
            Self::Truncated => "truncated",
            Self::Body(_) => "body",
            Self::Late { .. } => "late",
            Self::ExpiredToken => "expired-token",
            Self::EmptyPage => "empty-page",
            Self::Conflict => "conflict",
        }
    }

    /// Whether it can happen to a request inside a batch: what concerns the connection or the whole body cannot.
    fn strikes_items(&self) -> bool {
        match self {
            Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::ExpiredToken
            | Self::EmptyPage
            | Self::Conflict => true,
            Self::CutBefore
            | Self::CutAfter
            | Self::HoldBefore
            | Self::HoldAfter
            | Self::Truncated
            | Self::Body(_)
            | Self::Late { .. } => false,
        }
    }
}

/// Seconds as Graph writes them: whole, or with three decimals.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        duration.as_secs().to_string()
    } else {
        format!("{}.{:03}", duration.as_secs(), duration.subsec_millis())
    }
}

/// Whole seconds, rounded up, as Kubernetes writes them.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// A number that follows from the seed and a text.
pub(crate) fn lot(seed: u64, about: &str) -> u32 {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(about);
    hash.finalize().iter().take(4).fold(0_u32, |lot, byte| (lot << 8) | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_a_second_are_kept() {
        assert_eq!(seconds(Duration::from_millis(2128)), "2.128");
        assert_eq!(seconds(Duration::from_millis(50)), "0.050");
        assert_eq!(seconds(Duration::from_secs(3)), "3");
        assert_eq!(whole_seconds(Duration::from_millis(2128)), 3);
    }

    #[test]
    fn a_file_says_every_fault_and_mistakes_are_refused() {
        let yaml = "
seed: 7
latency-ms: 30
lag: { reads: 3 }
budget: { units: 80, writes: 30, window-ms: 10000 }
rules:
  - { fault: { throttled: { retry-after-ms: 2128 } }, percent: 20 }
  - { fault: { unavailable: { status: 504, after-work: true } }, on: graph, methods: [PATCH], times: 1 }
  - { fault: cut-before, on: alpha, path: rolebindings, after: 2 }
  - { fault: cut-after }
  - { fault: hold-before }
  - { fault: hold-after, path: /, after: 3, times: 1 }
  - { fault: truncated }
  - { fault: { body: html } }
  - { fault: { late: { ms: 10 } } }
  - { fault: expired-token }
  - { fault: empty-page }
  - { fault: conflict }
";
        let faults: Faults = serde_saphyr::from_str(yaml).unwrap();
        let names = faults.rules.iter().map(|rule| rule.fault.name()).collect::<Vec<_>>().join(" ");
        assert_eq!(
            names,
            "throttled unavailable cut-before cut-after hold-before hold-after truncated body late expired-token empty-page \
             conflict"
        );
        assert_eq!(faults.check(), Ok(()));
        for (wrong, right) in [("percent: 20", "percent: 101"), ("504", "404"), ("reads: 3", "reads: 0")] {
            assert!(serde_saphyr::from_str::<Faults>(&yaml.replace(wrong, right)).unwrap().check().is_err(), "{right}");
        }
        for (wrong, right) in [("percent", "percentage"), ("cut-before", "cut"), ("body: html", "body: xml")] {
            assert!(serde_saphyr::from_str::<Faults>(&yaml.replace(wrong, right)).is_err(), "{right}");
        }
    }
}
