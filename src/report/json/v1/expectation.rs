//! What is expected of somebody.

use schemars::JsonSchema;
use serde::Serialize;

use super::Origin;

/// What is expected of somebody on one environment.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Expectation {
    /// Where it stands.
    pub(in crate::report::json) origin: Origin,
    /// Who, as an access file names them.
    pub(in crate::report::json) who: String,
    /// Where.
    pub(in crate::report::json) environment: String,
    /// What kind of expectation it is.
    pub(in crate::report::json) kind: ExpectationKind,
    /// What they would do, in the words of `kubectl auth can-i`; for `only` what they may do at most.
    pub(in crate::report::json) requests: Vec<String>,
    /// Whether it is so.
    pub(in crate::report::json) verdict: ExpectationVerdict,
    /// Of a plan: whether `apply` writes nothing because of it. It goes on where what is broken was so before, through nothing
    /// that the files ask for, and the plan adds nothing to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report::json) stops: Option<bool>,
    /// Of a plan against a base, where it is broken: what the change of the access files has to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report::json) cause: Option<ExpectationCause>,
    /// Of a plan against a base, where it is broken: whether the change takes it out of the files, so that nothing stops `apply`
    /// once it is merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report::json) given_up: Option<bool>,
    /// Why it is not so, or not known.
    pub(in crate::report::json) why: Vec<ExpectationWhy>,
}

/// A kind of expectation.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum ExpectationKind {
    Can,
    Cannot,
    Only,
}

/// Whether an expectation holds.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum ExpectationVerdict {
    Holds,
    Broken,
    Unknown,
}

/// What a change of the access files has to do with an expectation that is broken.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum ExpectationCause {
    /// Without the change it holds, and with it it does not.
    Breaks,
    /// It fails now. `apply` would mend that without the change, and not with it.
    Keeps,
    /// It fails without the change as well, and the change adds to that.
    AddsTo,
    /// It fails without the change as well.
    Before,
    /// What is known does not tell.
    Unknown,
}

/// A reason.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct ExpectationWhy {
    /// In words.
    pub(in crate::report::json) message: String,
    /// The lines that bring it about.
    pub(in crate::report::json) origins: Vec<Origin>,
}
