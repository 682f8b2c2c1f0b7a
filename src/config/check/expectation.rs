//! `expectations`.

use std::collections::BTreeMap;

use super::names::Kind;
use super::{Checker, label};
use crate::config::model::{Environment, Expectation};
use crate::config::rules;
use crate::config::yaml::Node;
use crate::diagnostics::{Located, Rule, Span};
use crate::state::expectation::{self, Remark};
use crate::state::{AppId, EnvironmentName, GroupKey, Mail, PrincipalName, Request};

/// The most pairs of requests that are compared: a few files could ask for hours of it.
const COMPARISONS: usize = 4_000_000;

/// What makes a request mean something else here than there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Star {
    Fine,
    Refused,
}

impl Checker<'_> {
    pub(super) fn expectation(
        &mut self,
        node: &Node,
        environments: &BTreeMap<EnvironmentName, Environment>,
    ) -> Option<Expectation> {
        let who = self.whose(node);
        let places = self.environments(node.get("environments"), environments);
        let can = self.requests(node.get("can"), Star::Fine);
        let cannot = self.requests(node.get("cannot"), Star::Refused);
        let only = node.entry("only").map(|entry| {
            let list = self.requests(Some(&entry.value), Star::Fine);
            Located::new(list, entry.key.span)
        });
        let Some(who) = who else {
            self.skip(node.head());
            return None;
        };
        Some(Expectation { span: node.head(), who, environments: places, can, cannot, only })
    }

    fn whose(&mut self, node: &Node) -> Option<Located<PrincipalName>> {
        if let Some(user) = node.get("user") {
            return self.user(user.words()).map(|name| Located::new(PrincipalName::User(name), user.span));
        }
        if let Some(guest) = node.get("guest") {
            return self.parse::<Mail>(Some(guest)).map(|mail| mail.map(PrincipalName::Guest));
        }
        if let Some(app) = node.get("service-principal") {
            return self.parse::<AppId>(Some(app)).map(|app| app.map(PrincipalName::ServicePrincipal));
        }
        let group = node.get("group")?;
        let key = self.refer(group, Kind::Group)?.parse::<GroupKey>().ok()?;
        Some(Located::new(PrincipalName::Group(key), group.span))
    }

    /// Requests. Those with a mistake are left out, which is reported.
    fn requests(&mut self, list: Option<&Node>, star: Star) -> Vec<Located<Request>> {
        let mut found = Vec::new();
        for node in list.map_or(&[][..], Node::items) {
            match self.request(node, star) {
                Some(request) => found.push(Located::new(request, node.span)),
                None => self.skip(node.span),
            }
        }
        found
    }

    fn request(&mut self, node: &Node, star: Star) -> Option<Request> {
        let text = node.words();
        // Its form was looked at before.
        expectation::check_form(text).ok()?;
        let understood = match expectation::parse(text) {
            Ok(understood) => understood,
            Err(remark) => {
                self.remark(&rules::INVALID_EXPECTATION, node, remark);
                return None;
            }
        };
        if let Some(remark) = understood.remark {
            self.remark(&rules::UNKNOWN_TO_KUBERNETES, node, remark);
        }
        if star == Star::Refused && expectation::has_star(&understood.request) {
            let message = format!("`{text}` would hold as soon as one thing of all that `*` stands for cannot be done");
            let help = "name what must not be possible, one by one, or say with `only` what may be possible at most";
            let labels = [label(node.span, "`*` under `cannot`")];
            self.report(&rules::INVALID_EXPECTATION, message, labels, help);
            return None;
        }
        Some(understood.request)
    }

    /// A remark about some words, at its own place where the words are written as they are.
    fn remark(&mut self, rule: &'static Rule, node: &Node, remark: Remark) {
        let Remark { at, what, label: words, help } = remark;
        let is_plain = node.span.end - node.span.start == node.words().len();
        let span = if is_plain {
            Span { start: node.span.start + at.start, end: node.span.start + at.end, ..node.span }
        } else {
            node.span
        };
        self.report(rule, what, [label(span, words)], help);
    }

    /// What somebody can and cannot do at once, in one environment: no grants keep both.
    pub(super) fn contradictions(&mut self, expectations: &[Expectation]) {
        let mut left = COMPARISONS;
        let mut by_whom: BTreeMap<&PrincipalName, Vec<&Expectation>> = BTreeMap::new();
        for expectation in expectations {
            by_whom.entry(&expectation.who.value).or_default().push(expectation);
        }
        for same in by_whom.values() {
            // Two that say nothing against each other need not be compared, however many they are.
            let is_against = |each: &&&Expectation| !each.cannot.is_empty() || each.only.is_some();
            let against: Vec<&Expectation> = same.iter().filter(is_against).copied().collect();
            for can in same.iter().filter(|each| !each.can.is_empty()) {
                for not in &against {
                    let Some(place) = can.environments.iter().find(|name| not.environments.contains(name)) else {
                        continue;
                    };
                    let pairs = not.only.as_ref().map_or(1, |only| only.value.len()) + not.cannot.len();
                    let Some(rest) = left.checked_sub(can.can.len().saturating_mul(pairs)) else {
                        let labels = [label(can.span, "the limit is reached here")];
                        let message = "the expectations are too many to be compared with each other";
                        let help = "state them about groups instead of people, or fewer of them";
                        self.report(&rules::TOO_COMPLEX, message, labels, help);
                        return;
                    };
                    left = rest;
                    self.contradiction(can, not, place);
                }
            }
        }
    }

    fn contradiction(&mut self, can: &Expectation, not: &Expectation, place: &EnvironmentName) {
        let who = &can.who.value;
        for wanted in &can.can {
            for refused in not.cannot.iter().filter(|refused| expectation::implies(&wanted.value, &refused.value)) {
                let labels = [label(refused.span, "cannot here"), label(wanted.span, "can here")];
                let message = if wanted.value == refused.value {
                    format!("`{who}` can and cannot `{}` on {place}", wanted.value)
                } else {
                    format!(
                        "`{who}` cannot `{}` on {place}, but whoever can `{}` can do that too",
                        refused.value, wanted.value
                    )
                };
                self.report(&rules::CONTRADICTION, message, labels, "take one of the two out");
            }
            let Some(only) = &not.only else { continue };
            let is_allowed = expectation::is_everybodys(&wanted.value)
                || only.value.iter().any(|allowed| expectation::implies(&allowed.value, &wanted.value));
            if !is_allowed {
                let labels = [label(wanted.span, "can here"), label(only.span, "and nothing beyond this")];
                let message = format!("`{who}` can `{}` on {place}, which lies beyond `only`", wanted.value);
                self.report(&rules::CONTRADICTION, message, labels, "add it to `only`, or take it out of `can`");
            }
        }
    }
}
