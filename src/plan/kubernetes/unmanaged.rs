//! Bindings that no access file asks for: found, and set beside the grants that give the same.

use std::collections::BTreeMap;

use super::bindings::{Asked, Given};
use super::prune::spelling;
use super::{Environment, Place, binding_address, place_of};
use crate::plan::draft::Draft;
use crate::plan::parts::Part;
use crate::plan::power::{Power, power};
use crate::plan::resolve::Directory;
use crate::plan::unmanaged::{Beside, UnmanagedBinding};
use crate::state::{
    Allowance, BindingName, EnvironmentName, LiveBinding, LiveRole, Mark, Origin, Subject, SubjectKind, Unmanaged,
};

/// Names of Kubernetes' own that nevertheless mean everybody, everybody of a kind, or somebody's service account.
const EVERYBODY: [&str; 5] = [
    "system:authenticated",
    "system:unauthenticated",
    "system:anonymous",
    "system:serviceaccounts",
    "system:serviceaccount:",
];

/// The bindings of a cluster that are not ours and give somebody access, by address; none where the files ignore them.
pub(in crate::plan) fn unmanaged(
    name: &EnvironmentName,
    part: Part<'_>,
    directory: &Directory<'_>,
) -> Vec<UnmanagedBinding> {
    if part.desired.unmanaged == Unmanaged::Ignore {
        return Vec::new();
    }
    let roles: BTreeMap<Place, &LiveRole> =
        part.cluster.roles.iter().map(|live| ((live.role.namespace.clone(), live.role.name.clone()), live)).collect();
    let mut found: Vec<UnmanagedBinding> = part
        .cluster
        .bindings
        .iter()
        .filter(|live| live.meta.mark != Mark::Ours)
        .filter_map(|live| describe(name, part, live, &roles, directory))
        .collect();
    found.sort_by(|one, other| one.address.cmp(&other.address));
    found
}

fn describe(
    name: &EnvironmentName,
    part: Part<'_>,
    live: &LiveBinding,
    roles: &BTreeMap<Place, &LiveRole>,
    directory: &Directory<'_>,
) -> Option<UnmanagedBinding> {
    let LiveBinding { binding, meta } = live;
    let role = roles.get(&place_of(&binding.role, binding.namespace.as_ref()));
    let everywhere = binding.namespace.is_none();
    let power = role.filter(|_| everywhere).and_then(|live| power(&live.role.rules));
    let mut subjects: Vec<Subject> =
        binding.subjects.iter().filter(|subject| gains(subject, meta.bootstrapping, power)).cloned().collect();
    if subjects.is_empty() {
        return None;
    }
    for subject in &mut subjects {
        subject.principal = directory.named(&part.desired.tokens, subject);
    }
    let allowed = part
        .desired
        .allow_unmanaged
        .iter()
        .find(|entry| entry.what.covers(binding.namespace.as_ref(), &binding.name, &meta.mark))
        .map(|entry| entry.origin.clone());
    Some(UnmanagedBinding {
        environment: name.clone(),
        address: binding_address(name, binding),
        mark: meta.mark.clone(),
        built_in: meta.bootstrapping,
        role: binding.role.clone(),
        role_is_there: role.is_some(),
        power,
        subjects,
        refused: part.desired.unmanaged == Unmanaged::Refuse && allowed.is_none(),
        allowed,
        beside: Vec::new(),
    })
}

/// Whether a subject is anybody but a part of Kubernetes. The label and the name that make a binding one of Kubernetes' own
/// are anybody's to write, and Kubernetes never takes away a subject that was added to one: people and groups in such a
/// binding count as anywhere else, and everybody counts where it makes them masters of the cluster.
fn gains(subject: &Subject, built_in: bool, power: Option<Power>) -> bool {
    let name = spelling(&subject.name);
    match subject.kind {
        SubjectKind::User | SubjectKind::Group if !name.starts_with("system:") => true,
        SubjectKind::User | SubjectKind::Group => {
            EVERYBODY.iter().any(|everybody| name.starts_with(everybody)) && (!built_in || power.is_some())
        }
        SubjectKind::ServiceAccount => !built_in,
        SubjectKind::Other(_) => false,
    }
}

impl Environment<'_> {
    /// Tells what gives access besides the files, and what of `allow-unmanaged` is no use.
    pub(super) fn tell_unmanaged(&self, asked: &Asked<'_>, draft: &mut Draft) {
        let part = Part { desired: self.desired, cluster: self.cluster };
        for mut binding in unmanaged(self.name, part, self.directory) {
            binding.beside = self.beside(&binding, asked);
            draft.unmanaged.push(binding);
        }
        for entry in &self.desired.allow_unmanaged {
            let is_used = self.cluster.bindings.iter().any(|live| {
                let LiveBinding { binding, meta } = live;
                meta.mark != Mark::Ours && entry.what.covers(binding.namespace.as_ref(), &binding.name, &meta.mark)
            });
            if !is_used {
                let nothing = match &entry.what {
                    Allowance::Bindings(pattern) if pattern.is_cluster_wide() => {
                        format!(
                            "no clusterrolebinding that is not ours is called `{pattern}` (a rolebinding is `NAMESPACE/NAME`)"
                        )
                    }
                    Allowance::Bindings(pattern) => format!("no rolebinding that is not ours is called `{pattern}`"),
                    Allowance::Config(config) => format!("no binding is of a rolecall config `{config}`"),
                };
                let message = format!("`allow-unmanaged` of {}: {nothing}; take the entry out", self.name);
                draft.note(None, Some(&entry.origin), "allowance-unused", message);
            }
        }
    }

    /// The grants that give one of the subjects the same role in the same place.
    fn beside(&self, binding: &UnmanagedBinding, asked: &Asked<'_>) -> Vec<Beside> {
        let Some(live) =
            self.cluster.bindings.iter().find(|live| binding_address(self.name, &live.binding) == binding.address)
        else {
            return Vec::new();
        };
        let same: Vec<&Given<'_>> = asked
            .given
            .iter()
            .filter(|given| given.namespace == live.binding.namespace && given.role() == &live.binding.role)
            // What stands in the way of ours under its very name is told as that.
            .filter(|given| given.address != binding.address)
            .collect();
        let is_hand_made = matches!(binding.mark, Mark::None | Mark::LabelsOnly) && !binding.built_in;
        let is_named = self
            .desired
            .replacements
            .iter()
            .any(|each| each.target.namespace == live.binding.namespace && each.target.name == live.binding.name);
        let may_be_named = binding.name().parse::<BindingName>().is_ok();
        let gives_all = |origin: &Origin| {
            let covers =
                |subject: &Subject| same.iter().any(|given| given.desired.origin == *origin && given.is_for(subject));
            live.binding.subjects.iter().all(covers)
        };
        let mut beside: Vec<Beside> = same
            .iter()
            .filter(|given| live.binding.subjects.iter().any(|subject| given.is_for(subject)))
            .map(|given| Beside {
                address: given.address.clone(),
                origin: given.desired.origin.clone(),
                replaceable: is_hand_made
                    && may_be_named
                    && !is_named
                    && binding.allowed.is_none()
                    && gives_all(&given.desired.origin),
            })
            .collect();
        beside.sort();
        beside.dedup();
        beside
    }
}
