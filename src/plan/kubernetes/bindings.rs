//! Bindings: one for each subject × role × place that is asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::roles::{RoleStanding, Roles, name_taken};
use super::subjects::{Spelt, Unspelt};
use super::{Environment, Place, binding_address, place_of};
use crate::plan::digest::digest;
use crate::plan::draft::{Cause, Draft};
use crate::plan::{NoteKind, Reason};
use crate::state::{
    Address, Binding, DesiredBinding, LiveBinding, LiveRole, Mark, Namespace, Operation, Origin, PrincipalName,
    Resource, RoleKind, RoleRef, ScopeTarget, Sign, Subject, SubjectKind, SubjectName, mark,
};

/// What the files ask for on this cluster, as far as pruning must know it.
#[derive(Default)]
pub(super) struct Asked<'a> {
    /// Every binding the files ask for, whether or not it can be made now. None of them is ever pruned.
    pub(super) kept: BTreeSet<Address>,
    /// Where every role that the files refer to is.
    pub(super) roles: BTreeSet<Place>,
    /// Grants that cannot be made now.
    pub(super) held: Vec<HeldGrant>,
    /// Grants that this plan makes, by subject.
    pub(super) granted: BTreeMap<(SubjectKind, SubjectName), BTreeSet<Address>>,
    /// Every subject × role × place, whether or not it can be granted now.
    pub(super) given: Vec<Given<'a>>,
}

/// One subject × role × place as other bindings are compared with it.
pub(super) struct Given<'a> {
    pub(super) desired: &'a DesiredBinding,
    /// The place: `None` is the whole cluster.
    pub(super) namespace: Option<Namespace>,
    /// Our binding.
    pub(super) address: Address,
    kind: SubjectKind,
    /// The subject's name, where it is known.
    name: Option<SubjectName>,
    /// Whether the subject can be bound now.
    is_spelt: bool,
}

impl Given<'_> {
    pub(super) fn role(&self) -> &RoleRef {
        &self.desired.role.reference
    }

    /// Whether a live subject is the one it is for.
    pub(super) fn is_for(&self, subject: &Subject) -> bool {
        self.is_spelt && self.kind == subject.kind && self.name.as_ref() == Some(&subject.name)
    }

    /// Whether a live subject may be the one it is for, once that can be told.
    pub(super) fn may_be_for(&self, subject: &Subject) -> bool {
        !self.is_spelt && self.kind == subject.kind && self.name.as_ref().is_none_or(|name| *name == subject.name)
    }
}

/// One subject × role × place, and what is known about it.
struct Grant<'g> {
    desired: &'g DesiredBinding,
    spelt: &'g Result<Spelt, Unspelt>,
    /// What the place relies on.
    refers: &'g BTreeMap<String, String>,
    /// What is asked for, still without its subject.
    binding: Binding,
    address: Address,
    live: Option<&'g LiveBinding>,
}

/// A grant that cannot be made now. What it would replace stays until it can.
pub(super) struct HeldGrant {
    pub(super) namespace: Option<Namespace>,
    pub(super) kind: SubjectKind,
    /// The subject's name, or `None` when it is not known: then it may be anybody's.
    pub(super) name: Option<SubjectName>,
    /// Whether it may be meant for another namespace: the one it names is not there.
    pub(super) may_be_elsewhere: bool,
    pub(super) cause: Cause,
}

impl<'a> Environment<'a> {
    pub(super) fn compare_bindings(&self, roles: &Roles<'_>, draft: &mut Draft) -> Asked<'a> {
        let live: BTreeMap<Address, &LiveBinding> =
            self.cluster.bindings.iter().map(|live| (binding_address(self.name, &live.binding), live)).collect();
        let mut subjects: BTreeMap<&PrincipalName, Result<Spelt, Unspelt>> = BTreeMap::new();
        let mut asked = Asked::default();
        // Where one thing is asked for twice, the first line is the one that is named.
        let mut bindings: Vec<&'a DesiredBinding> = self.desired.bindings.iter().collect();
        bindings.sort();
        for desired in bindings {
            let spelt = subjects.entry(&desired.subject).or_insert_with(|| self.spell(&desired.subject, draft));
            let mut refers = BTreeMap::new();
            for binding in self.objects(desired, &mut refers, draft) {
                let role = &binding.role;
                let address = binding_address(self.name, &binding);
                asked.roles.insert(place_of(role, binding.namespace.as_ref()));
                asked.given.push(given(desired, spelt, &binding, &address));
                if asked.kept.insert(address.clone()) {
                    let live = live.get(&address).copied();
                    let grant = Grant { desired, spelt, refers: &refers, binding, address, live };
                    self.compare_grant(grant, roles, &mut asked, draft);
                }
            }
        }
        asked
    }

    /// Every binding that the files ask for here, whether or not it can be made.
    pub(super) fn asked_for(&self) -> BTreeSet<Address> {
        let (mut refers, mut draft) = (BTreeMap::new(), Draft::default());
        let desired = self.desired.bindings.iter();
        let objects = desired.flat_map(|desired| self.objects(desired, &mut refers, &mut draft));
        objects.map(|binding| binding_address(self.name, &binding)).collect()
    }

    /// The bindings that are asked for by one subject × role × scope, still without their subject.
    fn objects(
        &self,
        desired: &DesiredBinding,
        refers: &mut BTreeMap<String, String>,
        draft: &mut Draft,
    ) -> Vec<Binding> {
        let (key, role) = (&desired.role.key, &desired.role.reference);
        let subject = self.directory.lasting(&desired.subject);
        let name = mark::binding_name(&self.config.config, &subject, key, role, &desired.scope);
        let object = |namespace| Binding { namespace, name: name.clone(), role: role.clone(), subjects: Vec::new() };
        self.places(desired, refers, draft).into_iter().map(object).collect()
    }

    /// The places that a scope means: `None` is the whole cluster. What a selector matched is something to rely on.
    fn places(
        &self,
        binding: &DesiredBinding,
        refers: &mut BTreeMap<String, String>,
        draft: &mut Draft,
    ) -> Vec<Option<Namespace>> {
        match &binding.scope {
            ScopeTarget::Cluster => vec![None],
            ScopeTarget::Namespace(namespace) => vec![Some(namespace.clone())],
            ScopeTarget::Selector(labels) => {
                let matched = self.cluster.selected(labels);
                let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let selector = selector.join(",");
                if matched.is_empty() {
                    let hidden = self.cluster.or_hidden();
                    let message = format!("no namespace of {} has the labels {selector}{hidden}", self.name);
                    draft.note(Some(self.name), Some(&binding.origin), NoteKind::EmptySelector, message);
                }
                refers.insert(format!("namespaces/{selector}"), digest(&matched));
                matched.into_iter().map(Some).collect()
            }
        }
    }

    fn compare_grant(&self, grant: Grant<'_>, roles: &Roles<'_>, asked: &mut Asked<'_>, draft: &mut Draft) {
        let (causes, ready) = self.examine(&grant, roles);
        let Grant { spelt, refers, mut binding, address, live, desired } = grant;
        let Some((spelt, role)) = ready.filter(|_| causes.is_empty()) else {
            let (kind, name) = subject_of(spelt);
            let sign = if live.is_some() { Sign::Change } else { Sign::Add };
            let may_be_elsewhere = self.lacks(binding.namespace.as_ref());
            for cause in causes {
                draft.withhold_as(sign, &cause, [address.clone()]);
                let (namespace, kind, name) = (binding.namespace.clone(), kind.clone(), name.clone());
                asked.held.push(HeldGrant { namespace, kind, name, may_be_elsewhere, cause });
            }
            return;
        };
        binding.subjects = vec![spelt.subject.clone()];
        let after = Resource::Binding(binding.clone());
        let operation = match live {
            // Another manager of the same content is no drift: server-side apply cannot end a shared ownership.
            Some(live) if live.binding.same_content(&binding) => return,
            Some(live) => Operation::Update { before: Resource::Binding(live.binding.clone()), after },
            None => Operation::Create { after },
        };
        let subject = (spelt.subject.kind.clone(), spelt.subject.name.clone());
        asked.granted.entry(subject).or_default().insert(address.clone());
        let mut change = self.object(address, operation, Some(&desired.origin), live.map(|live| &live.meta));
        change.requires = spelt.requires.iter().cloned().chain(role.change).collect();
        change.refers.clone_from(refers);
        change.refers.extend(spelt.refers.clone());
        change.refers.extend(role.rules);
        draft.change(change);
    }

    /// Every cause that holds a grant back; if there is none, the subject and the role.
    fn examine<'g>(&self, grant: &Grant<'g>, roles: &Roles<'_>) -> (Vec<Cause>, Option<(&'g Spelt, Reliance)>) {
        let origin = &grant.desired.origin;
        let mut causes = Vec::new();
        if let Some(namespace) = &grant.binding.namespace
            && self.lacks(Some(namespace))
        {
            causes.push(self.missing_namespace(namespace, origin));
        }
        let spelt = grant.spelt.as_ref().map_err(|unspelt| causes.push(unspelt.cause(origin))).ok();
        let place = place_of(&grant.binding.role, grant.binding.namespace.as_ref());
        let role = self.rely_on(grant.desired, &place, roles).map_err(|cause| causes.push(cause)).ok();
        causes.extend(grant.live.and_then(|live| obstacle(&grant.address, live, &grant.binding.role, origin)));
        (causes, spelt.zip(role))
    }

    fn rely_on(&self, desired: &DesiredBinding, place: &Place, roles: &Roles<'_>) -> Result<Reliance, Cause> {
        let reference = &desired.role.reference;
        match (desired.role.ours, roles.asked.get(place), roles.live.get(place)) {
            (true, Some(RoleStanding::Usable(change)), _) => Ok(Reliance { change: change.clone(), rules: None }),
            (true, Some(RoleStanding::Held(cause)), _) => Err(cause.clone()),
            (false, _, Some(live)) => {
                let name = format!("{}/{}", reference.kind, reference.name);
                Ok(Reliance { change: None, rules: Some((name, digest(&roles.rules_of_others(live)))) })
            }
            (true, None, _) | (false, _, None) => {
                let hint = closest(reference, roles.live.values().copied())
                    .map(|close| format!(" (did you mean `{close}`?)"))
                    .unwrap_or_default();
                let hidden = self.cluster.or_hidden();
                let message = format!(
                    "{} has no {} named `{}`{hint}{hidden}; what the role {} grants there waits until it does",
                    self.name, reference.kind, reference.name, desired.role.key
                );
                Err(Cause::new(Some(&desired.origin), Reason::MissingRole, message))
            }
        }
    }

    /// Whether a namespace is not there.
    fn lacks(&self, namespace: Option<&Namespace>) -> bool {
        namespace.is_some_and(|namespace| !self.cluster.namespaces.contains_key(namespace))
    }

    pub(super) fn missing_namespace(&self, namespace: &Namespace, origin: &Origin) -> Cause {
        let near = crate::state::closest(namespace.as_str(), self.cluster.namespaces.keys().map(Namespace::as_str))
            .map(|near| format!(" (did you mean `{near}`?)"))
            .unwrap_or_default();
        let message = format!(
            "{} has no namespace `{namespace}`{near}, or it is being deleted{}; what is granted there waits until it is there",
            self.name,
            self.cluster.or_hidden()
        );
        Cause::new(Some(origin), Reason::MissingNamespace, message)
    }
}

/// The kind of a subject, and its name where that is known.
fn subject_of(spelt: &Result<Spelt, Unspelt>) -> (SubjectKind, Option<SubjectName>) {
    match spelt {
        Ok(spelt) => (spelt.subject.kind.clone(), Some(spelt.subject.name.clone())),
        Err(unspelt) => (unspelt.kind.clone(), unspelt.name.clone()),
    }
}

fn given<'a>(
    desired: &'a DesiredBinding,
    spelt: &Result<Spelt, Unspelt>,
    binding: &Binding,
    address: &Address,
) -> Given<'a> {
    let (kind, name) = subject_of(spelt);
    let (namespace, address) = (binding.namespace.clone(), address.clone());
    Given { desired, namespace, address, kind, name, is_spelt: spelt.is_ok() }
}

/// What a binding gets from the role it refers to.
struct Reliance {
    /// The change that makes the role, if one does.
    change: Option<Address>,
    /// The rules behind a role that is not ours, by name.
    rules: Option<(String, String)>,
}

fn obstacle(address: &Address, live: &LiveBinding, role: &RoleRef, origin: &Origin) -> Option<Cause> {
    if live.meta.mark != Mark::Ours {
        return Some(Cause::new(Some(origin), Reason::NameTaken, name_taken(address, &live.meta.mark)));
    }
    (live.binding.role != *role).then(|| {
        let message = format!(
            "{address} is ours, but somebody made it anew for {} {}; a binding's role cannot be changed. Delete it, then \
             plan again",
            live.binding.role.kind, live.binding.role.name
        );
        Cause::new(Some(origin), Reason::OtherRole, message)
    })
}

/// The live role, not of rolecall's making, whose name is nearest to one that is not there.
fn closest<'r>(missing: &RoleRef, live: impl Iterator<Item = &'r LiveRole>) -> Option<&'r str> {
    live.filter(|live| live.meta.mark == Mark::None && missing.kind == RoleKind::ClusterRole)
        .filter(|live| live.role.namespace.is_none())
        .map(|live| (strsim::damerau_levenshtein(&missing.name, &live.role.name), live.role.name.as_str()))
        .filter(|(distance, name)| *distance <= name.len().min(missing.name.len()) / 3 + 1)
        .min()
        .map(|(_, name)| name)
}
