//! Bindings on a cluster that no access file asks for, as a plan tells them.

use super::power::Power;
use crate::state::{Address, EnvironmentName, Mark, Origin, RoleRef, Subject};

/// A live binding that is not ours and gives somebody access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmanagedBinding {
    /// The environment.
    pub environment: EnvironmentName,
    /// Which binding.
    pub address: Address,
    /// Whose it is; never [`Mark::Ours`].
    pub mark: Mark,
    /// Whether it passes for one of Kubernetes' own, to which these subjects do not belong.
    pub built_in: bool,
    /// The role that it gives.
    pub role: RoleRef,
    /// Whether that role is there. Without it the binding gives nothing, until somebody makes the role.
    pub role_is_there: bool,
    /// Whether it makes its subjects masters of the whole cluster.
    pub power: Option<Power>,
    /// Who gets the role, Kubernetes' own parts left out. Names are hostile text.
    pub subjects: Vec<Subject>,
    /// The line of `allow-unmanaged` that lets it stay.
    pub allowed: Option<Origin>,
    /// Whether `unmanaged: refuse` is about it.
    pub refused: bool,
    /// Grants of ours that give one of its subjects the same role in the same place.
    pub beside: Vec<Beside>,
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
