//! What the files expected when a plan was saved: whoever approved it did so with that in force.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::state::EnvironmentName;
use crate::state::expectation::{DesiredExpectation, Expected};

/// One thing that is expected of somebody on one environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Who, as the files name them.
    who: String,
    /// Where.
    environment: EnvironmentName,
    /// What.
    expected: What,
}

/// What is expected, in the words of the files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Can(String),
    Cannot(String),
    Only(BTreeSet<String>),
}

/// Everything that the files expect, each once.
pub(super) fn expected(expectations: &[DesiredExpectation]) -> BTreeSet<Expectation> {
    let mut all = BTreeSet::new();
    for block in expectations {
        let text = |expected: &Expected| expected.request.to_string();
        let can = block.can.iter().map(|one| What::Can(text(one)));
        let cannot = block.cannot.iter().map(|one| What::Cannot(text(one)));
        let only = block.only.iter().map(|only| What::Only(only.list.iter().map(text).collect()));
        let each: Vec<What> = can.chain(cannot).chain(only).collect();
        for environment in &block.environments {
            let expectation = |expected: &What| Expectation {
                who: block.who.to_string(),
                environment: environment.clone(),
                expected: expected.clone(),
            };
            all.extend(each.iter().map(expectation));
        }
    }
    all
}

impl Expectation {
    /// Whether this says at least as much: the same, or `only` of less.
    pub(super) fn is_as_strong_as(&self, other: &Self) -> bool {
        (&self.who, &self.environment) == (&other.who, &other.environment)
            && match (&self.expected, &other.expected) {
                (What::Only(own), What::Only(list)) => own.is_subset(list),
                (own, expected) => own == expected,
            }
    }

    /// In words, for whoever is to find it in the files.
    pub(super) fn words(&self) -> String {
        let Self { who, environment, expected } = self;
        match expected {
            What::Can(request) => format!("{who} can {request} on {environment}"),
            What::Cannot(request) => format!("{who} cannot {request} on {environment}"),
            What::Only(_) => format!("{who} can do nothing on {environment} beyond `only`"),
        }
    }
}
