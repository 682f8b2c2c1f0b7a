//! What an API server would say to the changes.

use schemars::JsonSchema;
use serde::Serialize;

use super::rbac::Rule;

/// What the API server of one environment would say to the changes there.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Preflight {
    pub(in crate::report::json) environment: String,
    /// Whom it is about, as the API server names them.
    pub(in crate::report::json) identity: String,
    /// Who that is.
    pub(in crate::report::json) whose: Whose,
    pub(in crate::report::json) verdict: Rights,
    /// What it would refuse.
    pub(in crate::report::json) refusals: Vec<Refusal>,
    /// For `unchecked`: why; where there are several reasons, the first.
    pub(in crate::report::json) why: Option<String>,
    /// For `unchecked`: what lets it be checked.
    pub(in crate::report::json) next: Option<String>,
    /// Changes of which nobody knows whether they would be refused, by reason.
    pub(in crate::report::json) unchecked: Vec<Unchecked>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum Whose {
    /// Whoever ran this, and applies it.
    Ourselves,
    /// Whoever ran this; who applies it is not known.
    Planner,
    /// The environment's `applier`.
    Applier,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum Rights {
    /// No change would be refused for lack of rights.
    Allowed,
    /// Some would; of others it may not be known.
    Refused,
    /// Nobody knows of some, and no other would be.
    Unchecked,
}

/// Changes that would be refused because one right is missing.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Refusal {
    /// Addresses of the changes.
    pub(in crate::report::json) addresses: Vec<String>,
    /// What is missing, in words.
    pub(in crate::report::json) needs: String,
    /// The namespaces in which it is missing; `null` is the whole cluster.
    pub(in crate::report::json) namespaces: Vec<Option<String>>,
    /// The least rule that would do.
    pub(in crate::report::json) remedy: Rule,
    /// The rules that are given and not held; holding all of them would do as well. Empty where that does not help.
    pub(in crate::report::json) not_held: Vec<Rule>,
}

/// Changes of which nobody knows whether they would be refused.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Unchecked {
    /// Addresses of the changes.
    pub(in crate::report::json) addresses: Vec<String>,
    /// Why.
    pub(in crate::report::json) why: String,
    /// What lets it be checked.
    pub(in crate::report::json) next: String,
}
