//! Bindings that no file asks for.

use schemars::JsonSchema;
use serde::Serialize;

use super::Origin;
use super::rbac::{RoleRef, Subject};

/// A binding on a cluster that no file asks for.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Unmanaged {
    pub(in crate::report::json) environment: String,
    pub(in crate::report::json) address: String,
    /// As `allow-unmanaged` and `replaces` name it.
    pub(in crate::report::json) name: String,
    /// Whose it is.
    pub(in crate::report::json) owner: BindingOwner,
    /// The other config, where it is one's.
    pub(in crate::report::json) config: Option<String>,
    pub(in crate::report::json) role: RoleRef,
    /// Whether the role is there; a binding without one gives nothing.
    pub(in crate::report::json) role_exists: bool,
    /// Whether it makes its subjects masters of the whole cluster.
    pub(in crate::report::json) power: Option<Power>,
    /// Who gets the role, Kubernetes' own parts left out.
    pub(in crate::report::json) subjects: Vec<Subject>,
    pub(in crate::report::json) standing: Standing,
    /// The line of `allow-unmanaged` that lets it stay.
    pub(in crate::report::json) allowed_by: Option<Origin>,
    /// Grants that give one of its subjects the same role in the same place.
    pub(in crate::report::json) beside: Vec<Beside>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum BindingOwner {
    /// Nobody that rolecall knows.
    Unmarked,
    /// Nobody that rolecall knows, though it carries our labels.
    LabelsOnly,
    /// Another rolecall config.
    OtherConfig,
    /// Nobody that rolecall knows, though a label or its name makes it pass for Kubernetes' own; or Kubernetes, and these
    /// subjects were added to it.
    BuiltIn,
    /// This config, no file of which asks for it; but it was given the label of Kubernetes' own, and stays until that is off.
    OursLabelled,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum Power {
    /// It grants everything.
    Everything,
    /// It lets its subjects give themselves everything.
    TakesEverything,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum Standing {
    /// It is listed.
    Reported,
    /// It may stay.
    Allowed,
    /// `apply` refuses while it is there.
    Refused,
}

/// A grant that gives the same as a binding that is not ours.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Beside {
    /// The binding that is ours.
    pub(in crate::report::json) address: String,
    pub(in crate::report::json) origin: Origin,
    /// Whether `replaces` on that grant would take over from it.
    pub(in crate::report::json) replaceable: bool,
}
