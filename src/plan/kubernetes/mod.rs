//! The diff of one cluster: roles, bindings, and what of ours is left over.

mod bindings;
mod prune;
mod replace;
mod roles;
mod subjects;
mod takeover;
mod unmanaged;

pub(super) use self::prune::spelling;
pub(super) use self::replace::note_done;

use self::bindings::Asked;
use super::draft::Draft;
use super::parts::{Acting, Part, Parts};
use super::resolve::Directory;
use crate::plan::NoteKind;
use crate::state::{
    Address, Binding, Change, Cluster, Desired, DesiredEnvironment, EnvironmentName, KubernetesKind, LiveMeta, Mark,
    Namespace, Operation, Origin, Policy, RoleRef, Subject,
};

/// Everything the diff of one cluster looks at.
pub(super) struct Environment<'a> {
    pub(super) name: &'a EnvironmentName,
    pub(super) desired: &'a DesiredEnvironment,
    pub(super) cluster: &'a Cluster,
    pub(super) config: &'a Desired,
    pub(super) directory: &'a Directory<'a>,
    pub(super) policy: &'a Policy,
    /// Environments that may be this very cluster: neither has a `cluster:`, and they were not read.
    pub(super) twins: Vec<&'a EnvironmentName>,
}

/// Where a role is: its namespace, if it has one, and its name.
pub(in crate::plan) type Place = (Option<Namespace>, String);

impl<'a> Environment<'a> {
    pub(super) fn new(
        name: &'a EnvironmentName,
        parts: &Parts<'a>,
        part: Part<'a>,
        config: &'a Desired,
        directory: &'a Directory<'a>,
        policy: &'a Policy,
    ) -> Self {
        let twins = if part.desired.cluster.is_some() { Vec::new() } else { parts.unidentified(config) };
        Self { name, desired: part.desired, cluster: part.cluster, config, directory, policy, twins }
    }

    /// Compares one cluster. Returns how many bindings are asked for.
    pub(super) fn compare(&self, draft: &mut Draft) -> usize {
        // Said by the first plan, when nothing of ours is there yet; later ones would repeat it for ever.
        if self.desired.cluster.is_none() && !self.policy.invented && !self.holds_anything_of_ours() {
            let message = format!(
                "this cluster has uid {uid}; write `cluster: {uid}` under {} so that no other is ever taken for it",
                self.name,
                uid = self.cluster.uid
            );
            draft.note(Some(self.name), Some(&self.desired.origin), NoteKind::ClusterUid, message);
        }
        let roles = self.compare_roles(draft);
        let mut asked = Asked::default();
        // Without Entra nobody knows whom a subject means, so no binding is made, and none is taken away either.
        if self.directory.tenant().is_some() {
            asked = self.compare_bindings(&roles, draft);
            self.replace(&asked, draft);
            self.prune(&asked, draft);
        }
        self.tell_unmanaged(&asked, draft);
        asked.kept.len()
    }

    fn address(&self, kind: KubernetesKind, namespace: Option<&Namespace>, name: &str) -> Address {
        Address::Object { environment: self.name.clone(), kind, namespace: namespace.cloned(), name: name.to_owned() }
    }

    /// The first subject of a live binding through which somebody acts here whose access must not be taken away.
    fn acting<'b>(&self, live: &'b Binding) -> Option<(&'b Subject, Acting<'a>)> {
        let part = Part { desired: self.desired, cluster: self.cluster };
        live.subjects.iter().find_map(|subject| Some((subject, part.acting(subject)?)))
    }

    fn holds_anything_of_ours(&self) -> bool {
        let roles = self.cluster.roles.iter().map(|live| &live.meta);
        let bindings = self.cluster.bindings.iter().map(|live| &live.meta);
        roles.chain(bindings).any(|meta| meta.mark == Mark::Ours)
    }

    fn role_address(&self, namespace: Option<&Namespace>, name: &str) -> Address {
        let kind = if namespace.is_some() { KubernetesKind::Role } else { KubernetesKind::ClusterRole };
        self.address(kind, namespace, name)
    }

    /// A change to an object of this cluster, with what was read of it as precondition.
    fn object(
        &self,
        address: Address,
        operation: Operation,
        origin: Option<&Origin>,
        live: Option<&LiveMeta>,
    ) -> Change {
        Change {
            origin: origin.cloned(),
            cluster: Some(self.cluster.uid),
            uid: live.map(|meta| meta.uid.clone()),
            resource_version: live.map(|meta| meta.resource_version.clone()),
            overrules: match &operation {
                Operation::Update { .. } => live.map(|meta| meta.other_managers.clone()).unwrap_or_default(),
                Operation::Create { .. } | Operation::Restore { .. } | Operation::Delete { .. } => Vec::new(),
            },
            ..Change::new(address, operation)
        }
    }
}

/// Where the role that a binding refers to is.
pub(in crate::plan) fn place_of(reference: &RoleRef, namespace: Option<&Namespace>) -> Place {
    reference.place(namespace)
}

/// The address of a binding on an environment.
pub(in crate::plan) fn binding_address(environment: &EnvironmentName, binding: &Binding) -> Address {
    let kind =
        if binding.namespace.is_some() { KubernetesKind::RoleBinding } else { KubernetesKind::ClusterRoleBinding };
    Address::Object {
        environment: environment.clone(),
        kind,
        namespace: binding.namespace.clone(),
        name: binding.name.clone(),
    }
}
