//! What a role lets its subjects do on the whole cluster, where that is more than it seems.

use std::fmt;

use crate::state::PolicyRule;

/// A role that makes its subjects masters of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Give themselves everything.
    Take,
    /// Everything.
    All,
}

impl fmt::Display for Power {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Take => "lets whoever has it give itself everything",
            Self::All => "grants everything",
        })
    }
}

/// What these rules come to when they hold on the whole cluster.
pub(super) fn power(rules: &[PolicyRule]) -> Option<Power> {
    if PolicyRule::grant_everything(rules) {
        Some(Power::All)
    } else {
        PolicyRule::lead_to_cluster_admin(rules).then_some(Power::Take)
    }
}
