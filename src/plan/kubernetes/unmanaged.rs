//! Bindings that no access file asks for: found, and set beside the grants that give the same.

use std::collections::{BTreeMap, BTreeSet};

use super::bindings::{Asked, Given};
use super::replace::by_hand;
use super::takeover::{Takeover, takeover};
use super::{Environment, Place, binding_address, place_of};
use crate::plan::NoteKind;
use crate::plan::draft::Draft;
use crate::plan::unmanaged::{Beside, BindingOwner, Rights, Treatment, UnmanagedBinding};
use crate::state::builtin::strangers;
use crate::state::power::power;
use crate::state::{
    Address, Allowance, Binding, LiveBinding, LiveMeta, LiveRole, Mark, Origin, PolicyRule, Subject, Unmanaged, closest,
};

impl Environment<'_> {
    /// The live bindings that give somebody access and that no file asks for, by address. What is ours is here only where
    /// it is never pruned.
    pub(in crate::plan) fn unmanaged(&self) -> Vec<UnmanagedBinding> {
        self.described().into_iter().map(|(_, told)| told).collect()
    }

    fn described(&self) -> Vec<(&LiveBinding, UnmanagedBinding)> {
        let roles: BTreeMap<Place, &LiveRole> = self
            .cluster
            .roles
            .iter()
            .map(|live| ((live.role.namespace.clone(), live.role.name.clone()), live))
            .collect();
        let is_labelled = |live: &LiveBinding| live.meta.mark == Mark::Ours && live.meta.bootstrapping;
        // Without Entra nobody knows what is asked for.
        let asked = (self.directory.tenant().is_some() && self.cluster.bindings.iter().any(is_labelled))
            .then(|| self.asked_for());
        let left_over = |address: &Address| asked.as_ref().is_some_and(|asked| !asked.contains(address));
        let mut told = Vec::new();
        for live in &self.cluster.bindings {
            let address = binding_address(self.name, &live.binding);
            if live.meta.mark != Mark::Ours || (live.meta.bootstrapping && left_over(&address)) {
                let role = roles.get(&place_of(&live.binding.role, live.binding.namespace.as_ref())).copied();
                told.extend(self.describe(live, address, role).map(|told| (live, told)));
            }
        }
        told.sort_by(|(_, one), (_, other)| one.address.cmp(&other.address));
        told
    }

    fn describe(&self, live: &LiveBinding, address: Address, role: Option<&LiveRole>) -> Option<UnmanagedBinding> {
        let LiveBinding { binding, meta } = live;
        let owner = owner(meta);
        let mut subjects: Vec<Subject> = if owner == BindingOwner::OursLabelled {
            binding.subjects.clone()
        } else {
            let strangers: Vec<Subject> = strangers(self.desired.kind, binding, role).cloned().collect();
            if strangers.is_empty() || self.desired.unmanaged == Unmanaged::Ignore {
                return None;
            }
            strangers
        };
        for subject in &mut subjects {
            subject.principal = self.directory.named(&self.desired.tokens, subject);
        }
        Some(UnmanagedBinding {
            environment: self.name.clone(),
            address,
            role: binding.role.clone(),
            rights: match role.map(|live| power(&live.role.rules).filter(|_| binding.namespace.is_none())) {
                None => Rights::Nothing,
                Some(None) => Rights::Plain,
                Some(Some(power)) => Rights::Master(power),
            },
            has_wildcards: role.is_some_and(|live| live.role.rules.iter().any(is_wild)),
            subjects,
            treatment: self.treatment(binding, meta, &owner),
            replaceable: self.is_replaceable(binding, &owner),
            owner,
            beside: Vec::new(),
        })
    }

    fn treatment(&self, binding: &Binding, meta: &LiveMeta, owner: &BindingOwner) -> Treatment {
        let covers = |entry: &&crate::state::AllowedUnmanaged| {
            entry.what.covers(binding.namespace.as_ref(), &binding.name, &meta.mark)
        };
        // What is ours is not let stay by a name: the label that keeps it is anybody's to write.
        let allowed = self.desired.allow_unmanaged.iter().filter(|_| *owner != BindingOwner::OursLabelled).find(covers);
        match (allowed, self.desired.unmanaged) {
            (Some(entry), _) => Treatment::Allowed(entry.origin.clone()),
            (None, Unmanaged::Refuse) => Treatment::Refused,
            (None, Unmanaged::Report | Unmanaged::Ignore) => Treatment::Reported,
        }
    }

    /// Tells what gives access besides the files, and what of `allow-unmanaged` is no use.
    pub(super) fn tell_unmanaged(&self, asked: &Asked<'_>, draft: &mut Draft) {
        for (live, mut told) in self.described() {
            told.beside = self.beside(&live.binding, &told, asked);
            draft.unmanaged.push(told);
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
                let hidden = self.cluster.or_hidden();
                let otherwise =
                    if hidden.is_empty() { "take the entry out" } else { "plan against the live systems to know" };
                let next = self
                    .meant(&entry.what)
                    .map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`? Else {otherwise}"));
                let message = format!("`allow-unmanaged` of {}: {nothing}{hidden}; {next}", self.name);
                draft.note(None, Some(&entry.origin), NoteKind::AllowanceUnused, message);
            }
        }
    }

    /// What an entry of `allow-unmanaged` that allows nothing was meant to be.
    fn meant(&self, entry: &Allowance) -> Option<String> {
        let near = |text: &str, names: Vec<String>| closest(text, names.iter().map(String::as_str)).map(str::to_owned);
        match entry {
            Allowance::Bindings(pattern) => near(&pattern.to_string(), by_hand(&self.cluster.bindings).collect()),
            Allowance::Config(config) => {
                let others = self.cluster.bindings.iter().filter_map(|live| match &live.meta.mark {
                    Mark::OtherConfig(other) => Some(other.clone()),
                    Mark::Ours | Mark::LabelsOnly | Mark::None => None,
                });
                near(config.as_str(), others.collect()).map(|other| format!("config: {other}"))
            }
        }
    }

    /// The grants that give one of the subjects the same role in the same place.
    fn beside(&self, live: &Binding, told: &UnmanagedBinding, asked: &Asked<'_>) -> Vec<Beside> {
        let same: Vec<&Given<'_>> = asked
            .given
            .iter()
            .filter(|given| given.namespace == live.namespace && *given.role() == live.role)
            .filter(|given| live.subjects.iter().any(|subject| given.is_for(subject)))
            // What stands in the way of ours under its very name is told as that.
            .filter(|given| given.address != told.address)
            .collect();
        let is_named = |(namespace, name): (_, _)| namespace == &live.namespace && name == &live.name;
        let mut targets = self.desired.replacements.iter().map(|each| (&each.target.namespace, &each.target.name));
        let may_be_named =
            told.replaceable && !matches!(told.treatment, Treatment::Allowed(_)) && !targets.any(is_named);
        let gives_all = |origin: &Origin| {
            let of_one: Vec<&Given<'_>> =
                same.iter().filter(|given| given.desired.origin == *origin).copied().collect();
            matches!(takeover(live, &of_one), Takeover::All(_))
        };
        let beside: BTreeSet<Beside> = same
            .iter()
            .map(|given| Beside {
                address: given.address.clone(),
                origin: given.desired.origin.clone(),
                replaceable: may_be_named && gives_all(&given.desired.origin),
            })
            .collect();
        beside.into_iter().collect()
    }
}

fn is_wild(rule: &PolicyRule) -> bool {
    rule.verbs.iter().chain(&rule.resources).any(|word| word == "*")
}

fn owner(meta: &LiveMeta) -> BindingOwner {
    match &meta.mark {
        Mark::Ours => BindingOwner::OursLabelled,
        Mark::OtherConfig(config) => BindingOwner::OtherConfig(config.clone()),
        Mark::LabelsOnly | Mark::None if meta.bootstrapping => BindingOwner::BuiltIn,
        Mark::LabelsOnly => BindingOwner::LabelsOnly,
        Mark::None => BindingOwner::Unmarked,
    }
}
