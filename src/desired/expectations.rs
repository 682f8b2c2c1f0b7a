//! The expectations, each with its lines.

use crate::config::{Config, ROOT_FILE};
use crate::diagnostics::{Located, SourceMap};
use crate::state::Request;
use crate::state::expectation::{AtMost, DesiredExpectation, Expected};

/// The expectations, by place.
pub(super) fn compile(config: &Config, sources: &SourceMap) -> Vec<DesiredExpectation> {
    let list = |requests: &[Located<Request>]| -> Vec<Expected> {
        let expected = requests
            .iter()
            .map(|request| Expected { request: request.value.clone(), origin: sources.origin(request.span) });
        expected.collect()
    };
    let compiled = config.expectations.iter().map(|block| DesiredExpectation {
        delegated: config.delegates && *sources.origin(block.span).file != *ROOT_FILE,
        origin: sources.origin(block.span),
        who: block.who.value.clone(),
        environments: block.environments.iter().cloned().collect(),
        can: list(&block.can),
        cannot: list(&block.cannot),
        only: block.only.as_ref().map(|only| AtMost { origin: sources.origin(only.span), list: list(&only.value) }),
    });
    let mut compiled: Vec<DesiredExpectation> = compiled.collect();
    compiled.sort();
    compiled
}
