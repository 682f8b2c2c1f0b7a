//! Drift: a plan seen from the live side. What is there and the files do not ask for, what they ask for and is not there,
//! and since when and by whom that is so, as far as it can be known.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, Treatment, UnmanagedBinding};
use crate::state::{
    Address, Binding, Change, FieldWrite, KubernetesKind, LiveMeta, Observed, Operation, Resource, Role, Sign, Trace,
    WrittenField,
};

/// How what is there stands to what the files ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is there, and no file asks for it.
    More,
    /// It is there otherwise than the files ask.
    Otherwise,
    /// The files ask for it, and it is not there.
    Less,
}

impl Standing {
    /// Of what a change would put right.
    pub fn of(change: &Change) -> Self {
        match change.sign() {
            Sign::Remove => Self::More,
            Sign::Change => Self::Otherwise,
            Sign::Add => Self::Less,
        }
    }

    /// The sign in column 0: what live systems have more or less than the files.
    pub fn sign(self) -> Sign {
        match self {
            Self::More => Sign::Add,
            Self::Otherwise => Sign::Change,
            Self::Less => Sign::Remove,
        }
    }
}

/// Since when something is as it is, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// Nobody knows. Nothing is derived from silence.
    Unknown,
    /// It was deleted then; by whom is not known.
    Deleted(String),
    /// What the object itself says of the fields that differ.
    Object {
        /// When it was made, RFC 3339.
        created: Option<String>,
        /// Since when it waits to be gone, RFC 3339.
        deleting: Option<String>,
        /// The others who hold fields that differ, the last first.
        writes: Vec<FieldWrite>,
        /// When our own manager wrote the fields that differ and nobody has since: then the files have changed, or somebody
        /// wrote under our name. `Some(None)` where the time is not known.
        ours: Option<Option<String>>,
    },
}

/// What live systems have otherwise than the files ask, beside the plan that would put it right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// What is known of each change of the plan.
    pub evidence: BTreeMap<Address, Evidence>,
    /// Bindings that are not ours where the files refuse such, and what is known of each.
    pub refused: Vec<(UnmanagedBinding, Evidence)>,
}

impl Drift {
    /// Reads out of what was observed what it says about each change of a plan.
    pub fn new(plan: &Plan, observed: &Observed) -> Self {
        let evidence = |change: &Change| (change.address.clone(), of_change(change, observed));
        let refused = plan.unmanaged.iter().filter(|binding| binding.treatment == Treatment::Refused);
        let with_trace = |binding: &UnmanagedBinding| {
            let meta = meta(&binding.address, observed);
            let fields = BTreeSet::from([WrittenField::Subjects, WrittenField::RoleRef]);
            (binding.clone(), meta.map_or(Evidence::Unknown, |meta| of_object(&meta.trace, &fields)))
        };
        Self { evidence: plan.changes.iter().map(evidence).collect(), refused: refused.map(with_trace).collect() }
    }

    /// What is known of something.
    pub fn of(&self, address: &Address) -> &Evidence {
        self.evidence.get(address).unwrap_or(&Evidence::Unknown)
    }
}

impl Plan {
    /// Whether the live systems are as the files ask in all that was read: nothing to change, nothing held back, and no
    /// binding of others where the files refuse them.
    pub fn is_without_drift(&self) -> bool {
        let is_refused = |binding: &UnmanagedBinding| binding.treatment == Treatment::Refused;
        self.changes.is_empty() && self.withheld.is_empty() && !self.unmanaged.iter().any(is_refused)
    }
}

fn of_change(change: &Change, observed: &Observed) -> Evidence {
    match &change.address {
        Address::Group(key) => {
            let tenant = observed.tenant.as_ref().and_then(|tenant| tenant.as_ref().ok());
            let deleted = tenant.and_then(|tenant| tenant.deleted.get(key));
            match (&change.operation, deleted) {
                (Operation::Restore { .. }, Some(groups)) => {
                    let last = groups.iter().filter_map(|group| group.deleted.clone()).max();
                    last.map_or(Evidence::Unknown, Evidence::Deleted)
                }
                _ => Evidence::Unknown,
            }
        }
        Address::Owner(..) | Address::Member(..) => Evidence::Unknown,
        Address::Object { .. } => match meta(&change.address, observed) {
            Some(meta) => of_object(&meta.trace, &differing(change)),
            None => Evidence::Unknown,
        },
    }
}

/// What is live at an address.
fn meta<'o>(address: &Address, observed: &'o Observed) -> Option<&'o LiveMeta> {
    let Address::Object { environment, kind, namespace, name } = address else { return None };
    let cluster = observed.clusters.get(environment)?.as_ref().ok()?;
    match kind {
        KubernetesKind::ClusterRole | KubernetesKind::Role => {
            let is_it = |role: &Role| role.namespace == *namespace && role.name == *name;
            cluster.roles.iter().find(|live| is_it(&live.role)).map(|live| &live.meta)
        }
        KubernetesKind::ClusterRoleBinding | KubernetesKind::RoleBinding => {
            let is_it = |binding: &Binding| binding.namespace == *namespace && binding.name == *name;
            cluster.bindings.iter().find(|live| is_it(&live.binding)).map(|live| &live.meta)
        }
    }
}

/// The fields in which what is there differs; of what no file asks for, all that it is.
fn differing(change: &Change) -> BTreeSet<WrittenField> {
    let mut fields = BTreeSet::new();
    match (change.before(), change.after()) {
        (Some(Resource::Role(before)), Some(Resource::Role(after))) => {
            if before.rules != after.rules {
                fields.insert(WrittenField::Rules);
            }
            if before.aggregate_to != after.aggregate_to {
                fields.insert(WrittenField::Labels);
            }
        }
        (Some(Resource::Binding(before)), Some(Resource::Binding(after))) if !before.same_content(after) => {
            fields.insert(WrittenField::Subjects);
            if before.role != after.role {
                fields.insert(WrittenField::RoleRef);
            }
        }
        _ => {}
    }
    if fields.is_empty() {
        fields.extend([WrittenField::Rules, WrittenField::Subjects, WrittenField::RoleRef, WrittenField::Labels]);
    }
    fields
}

fn of_object(trace: &Trace, differing: &BTreeSet<WrittenField>) -> Evidence {
    let holds = |write: &&FieldWrite| !write.fields.is_disjoint(differing);
    let mut writes: Vec<FieldWrite> =
        trace.writes.iter().filter(|write| !write.is_ours).filter(holds).cloned().collect();
    writes.sort_by(|one, other| other.time.cmp(&one.time));
    let ours = trace.writes.iter().filter(|write| write.is_ours).find(holds).map(|write| write.time.clone());
    let ours = ours.filter(|_| writes.is_empty());
    Evidence::Object { created: trace.created.clone(), deleting: trace.deleting.clone(), writes, ours }
}
