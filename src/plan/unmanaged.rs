//! Bindings on a cluster that no access file asks for, as a plan tells them.

use crate::state::power::Power;
use crate::state::{Address, EnvironmentName, Origin, RoleKind, RoleRef, Subject};

/// A live binding that no file asks for, that gives somebody access and that this plan does not take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmanagedBinding {
    /// The environment.
    pub environment: EnvironmentName,
    /// Which binding.
    pub address: Address,
    /// Whose it is.
    pub owner: BindingOwner,
    /// The role that it gives.
    pub role: RoleRef,
    /// What that role comes to.
    pub rights: Rights,
    /// Whether a rule of that role names every verb or every resource.
    pub has_wildcards: bool,
    /// Who gets the role, Kubernetes' own parts left out. Names are hostile text.
    pub subjects: Vec<Subject>,
    /// What is done about it.
    pub treatment: Treatment,
    /// Whether a grant could give all of it and say `replaces`.
    pub replaceable: bool,
    /// Grants of ours that give one of its subjects the same role in the same place.
    pub beside: Vec<Beside>,
}

/// Whose a binding is that no file asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BindingOwner {
    /// Nobody that rolecall knows.
    Unmarked,
    /// Nobody that rolecall knows, though it carries our labels.
    LabelsOnly,
    /// Another rolecall config.
    OtherConfig(String),
    /// Nobody that rolecall knows, though a label or its name makes it pass for Kubernetes' own; or Kubernetes, and these
    /// subjects were added to it.
    BuiltIn,
    /// We, and no file asks for it any more; but somebody gave it the label of Kubernetes' own, and what has that is never
    /// pruned.
    OursLabelled,
}

/// What the role of a binding comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// The role is not there: nothing, until somebody makes it.
    Nothing,
    /// What its rules say.
    Plain,
    /// The whole cluster.
    Master(Power),
}

/// What is done about a binding that no file asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Treatment {
    /// It is listed.
    Reported,
    /// This line of `allow-unmanaged` lets it stay.
    Allowed(Origin),
    /// `apply` refuses while it is there.
    Refused,
}

/// A grant of ours beside a binding that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Beside {
    /// Our binding.
    pub address: Address,
    /// The grant.
    pub origin: Origin,
    /// Whether `replaces` on that grant would take over: the grant gives every subject what it has.
    pub replaceable: bool,
}

impl UnmanagedBinding {
    /// The binding as files name it: `NAMESPACE/NAME`, or `NAME` for a `ClusterRoleBinding`.
    pub fn name(&self) -> String {
        match &self.address {
            Address::Object { namespace: Some(namespace), name, .. } => format!("{namespace}/{name}"),
            Address::Object { namespace: None, name, .. } => name.clone(),
            address @ (Address::Group(_) | Address::Owner(..) | Address::Member(..)) => address.to_string(),
        }
    }

    /// Whether it gives much: the roles of Kubernetes for whoever runs a cluster or a namespace, or by wildcards.
    pub fn gives_much(&self) -> bool {
        let is_admin =
            self.role.kind == RoleKind::ClusterRole && ["cluster-admin", "admin"].contains(&&*self.role.name);
        is_admin || self.has_wildcards || matches!(self.rights, Rights::Master(_))
    }

    /// The binding as the guard about it is acknowledged: `ENV/NAMESPACE/NAME` or `ENV/NAME`. A name on a cluster may hold
    /// characters that nobody sees or can type; what is printed must be what is accepted, so they are spelt out.
    pub fn subject(&self) -> String {
        let mut subject = format!("{}/", self.environment);
        for character in self.name().chars() {
            if matches!(character, ' '..='~') && character != '\\' {
                subject.push(character);
            } else {
                subject.extend(character.escape_unicode());
            }
        }
        subject
    }
}
