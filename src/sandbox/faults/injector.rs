//! Which requests are struck.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Fault, Faults, Rule, lot};

/// Draws for one server, request by request.
#[derive(Debug, Default)]
pub(crate) struct Injector {
    seed: u64,
    server: String,
    rules: Vec<Rule>,
    drawn: Mutex<Drawn>,
}

#[derive(Debug, Default)]
struct Drawn {
    /// How often each request was asked, by rule.
    asked: BTreeMap<(usize, String), u64>,
    /// How many requests matched and how many were struck, by rule.
    counts: BTreeMap<usize, (u64, u64)>,
}

/// The fault that a request was struck with, for the handler that carries it out.
#[derive(Clone, Debug)]
pub(crate) struct Struck(pub(crate) Fault);

impl Injector {
    /// For the server of this name; rules about others are left out.
    pub(crate) fn new(faults: &Faults, server: &str) -> Self {
        let rules = faults.rules.iter().filter(|rule| rule.on.as_deref().is_none_or(|on| on == server));
        Self { seed: faults.seed, server: server.to_owned(), rules: rules.cloned().collect(), drawn: Mutex::default() }
    }

    /// The fault of a request.
    pub(crate) fn request(&self, method: &str, path: &str) -> Option<Fault> {
        self.strike(method, path, |_| true)
    }

    /// The fault of a request inside a batch.
    pub(crate) fn item(&self, method: &str, path: &str) -> Option<Fault> {
        self.strike(method, path, Fault::strikes_items)
    }

    fn strike(&self, method: &str, path: &str, possible: impl Fn(&Fault) -> bool) -> Option<Fault> {
        if self.rules.is_empty() {
            return None;
        }
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = format!("{} {method} {}", self.server, without_tokens(path));
        for (number, rule) in self.rules.iter().enumerate() {
            if !possible(&rule.fault) || !matches(rule, method, path) {
                continue;
            }
            let asked = drawn.asked.entry((number, identity.clone())).or_default();
            let about = format!("{number} {asked} {identity}");
            *asked += 1;
            let (matched, struck) = drawn.counts.entry(number).or_default();
            *matched += 1;
            let is_due = *matched > rule.after && rule.times.is_none_or(|times| *struck < times);
            if is_due && lot(self.seed, &about) % 100 < u32::from(rule.percent) {
                *struck += 1;
                return Some(rule.fault.clone());
            }
        }
        None
    }
}

fn matches(rule: &Rule, method: &str, path: &str) -> bool {
    let of_method = rule.methods.is_empty() || rule.methods.iter().any(|known| known.eq_ignore_ascii_case(method));
    let of_path = match &rule.path {
        Some(piece) => path.contains(piece.as_str()),
        // Who cannot sign in sees nothing else; and a client that reads metadata asks once and never again.
        None => !is_sign_in(path),
    };
    of_method && of_path && concerns(&rule.fault, method, path)
}

fn is_sign_in(path: &str) -> bool {
    ["/oauth2/", "/.well-known/", "/discovery/", "/metadata/", "/msi/", "/subscriptions"]
        .iter()
        .any(|piece| path.contains(piece))
}

/// Whether such a request can meet this fault at all.
fn concerns(fault: &Fault, method: &str, path: &str) -> bool {
    match fault {
        Fault::Throttled { .. }
        | Fault::Unavailable { .. }
        | Fault::CutBefore
        | Fault::CutAfter
        | Fault::HoldBefore
        | Fault::HoldAfter
        | Fault::Truncated
        | Fault::Body(_)
        | Fault::Late { .. } => true,
        Fault::ExpiredToken => method == "GET" && token_of(path).is_some(),
        Fault::EmptyPage => method == "GET",
        Fault::Conflict => {
            let is_read_by_post = ["/$batch", "/getByIds", "/getMember", "/checkMember", "reviews"];
            matches!(method, "POST" | "PUT" | "PATCH" | "DELETE")
                && !is_read_by_post.iter().any(|piece| path.contains(piece))
        }
    }
}

const TOKENS: &[&str] = &["$skiptoken=", "%24skiptoken=", "$deltatoken=", "%24deltatoken=", "continue="];

/// The token of a next page in a path and query.
pub(super) fn token_of(path: &str) -> Option<&str> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|part| TOKENS.iter().find_map(|name| part.strip_prefix(name)))
}

/// The same request whatever page it is about: tokens are sealed with a key that no two sandboxes share.
fn without_tokens(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let kept = query.split('&').filter(|part| !TOKENS.iter().any(|name| part.starts_with(name)));
    format!("{path}?{}", kept.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(injector: &Injector, requests: &[(&str, &str)]) -> String {
        let name = |(method, path): &(&str, &str)| injector.request(method, path).map_or("-", |fault| fault.name());
        requests.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn about_the_asked_share_is_struck_and_a_seed_repeats_itself() {
        let struck = |percent: u8, seed: u64| {
            let injector = Injector::new(&Faults::throttle(percent, seed, 1), "graph");
            (0..1000).map(|_| injector.request("GET", "/v1.0/groups").is_some()).collect::<Vec<_>>()
        };
        let count = struck(20, 7).iter().filter(|struck| **struck).count();
        assert!((150..250).contains(&count), "{count}");
        assert_eq!(struck(20, 7), struck(20, 7));
        assert_ne!(struck(20, 7), struck(20, 8));
        assert!(struck(100, 7).iter().all(|struck| *struck));
        assert!(!struck(0, 7).iter().any(|struck| *struck));
    }

    #[test]
    fn a_request_meets_the_same_fate_whatever_else_is_asked_around_it() {
        let fates = |order: &[usize]| {
            let injector = Injector::new(&Faults::throttle(50, 3, 1), "graph");
            let mut fates = BTreeMap::new();
            for number in order {
                let path = format!("/v1.0/groups/{number}");
                fates.insert(*number, injector.request("GET", &path).is_some());
            }
            fates
        };
        let forwards = (0..100).collect::<Vec<_>>();
        let backwards = (0..100).rev().collect::<Vec<_>>();
        assert_eq!(fates(&forwards), fates(&backwards));
    }

    #[test]
    fn rules_say_where_how_often_and_from_when() {
        let rule = Rule {
            on: Some("alpha".to_owned()),
            methods: vec!["PATCH".to_owned()],
            path: Some("rolebindings".to_owned()),
            after: 1,
            times: Some(2),
            ..Rule::of(Fault::CutAfter)
        };
        let faults =
            Faults { rules: vec![rule, Rule { percent: 0, ..Rule::of(Fault::CutBefore) }], ..Faults::default() };
        let patch = ("PATCH", "/apis/x/rolebindings/a");
        let asked = [("GET", "/apis/x/rolebindings/a"), ("PATCH", "/apis/x/roles/a"), patch, patch, patch, patch];
        assert_eq!(names(&Injector::new(&faults, "alpha"), &asked), "- - - cut-after cut-after -");
        assert_eq!(names(&Injector::new(&faults, "beta"), &asked), "- - - - - -");
    }

    #[test]
    fn faults_strike_only_what_they_are_about() {
        let asked = [
            ("GET", "/v1.0/groups?$skiptoken=x"),
            ("GET", "/v1.0/groups"),
            ("POST", "/v1.0/groups"),
            ("POST", "/v1.0/$batch"),
            ("POST", "/t/oauth2/v2.0/token"),
        ];
        for (fault, expected) in [
            (Fault::ExpiredToken, "expired-token - - - -"),
            (Fault::EmptyPage, "empty-page empty-page - - -"),
            (Fault::Conflict, "- - conflict - -"),
            (Fault::CutBefore, "cut-before cut-before cut-before cut-before -"),
        ] {
            let name = fault.name();
            assert_eq!(names(&Injector::new(&Faults::rule(fault, 100), "graph"), &asked), expected, "{name}");
        }
        let injector = Injector::new(&Faults::rule(Fault::CutAfter, 100), "graph");
        assert_eq!(injector.item("GET", "/groups"), None);
    }
}
