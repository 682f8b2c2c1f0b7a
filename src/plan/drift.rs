//! Drift: a plan seen from the live side. What is there and the files do not ask for, what they ask for and is not there,
//! and since when and by whom that is so, as far as it can be known.

use std::collections::{BTreeMap, BTreeSet};

pub use self::audit::Audited;
use super::{Plan, Treatment, UnmanagedBinding};
use crate::state::{
    Address, AppId, AuditTrail, Binding, Change, Failure, FieldWrite, GroupKey, KubernetesKind, LiveMeta, ObjectId,
    Observed, Operation, PrincipalName, Resolution, Resource, Role, Sign, Trace, WrittenField,
};

mod audit;
#[cfg(test)]
mod tests;

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
    /// What the tenant's audit log says.
    Audited {
        /// What made it so.
        by: Audited,
        /// When it was deleted, as the group itself says, RFC 3339.
        deleted: Option<String>,
    },
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
    /// What the tenant's audit log was asked, and what it did not tell; nothing where nobody asked.
    pub log: Option<AuditLog>,
}

/// How far the tenant's audit log could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditLog {
    /// How many groups it was asked about.
    pub asked: usize,
    /// The groups of which nothing could be read, and why.
    pub unread: BTreeMap<GroupKey, Failure>,
    /// The groups of which only the latest could be read.
    pub cut: BTreeSet<GroupKey>,
    /// The groups that it was not asked about, because there are so many.
    pub not_asked: BTreeSet<GroupKey>,
}

impl Drift {
    /// The groups that have drift and an id, in the order of their keys: what an audit log can be asked about.
    pub fn groups(plan: &Plan) -> Vec<ObjectId> {
        let keyed = plan.changes.iter().filter_map(|change| Some((change.address.group()?, audit::group_of(change)?)));
        keyed.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// Reads out of what was observed, and out of the audit log where somebody asked it, what it says about each change of a
    /// plan. The appliers are those of the files.
    pub fn new(plan: &Plan, observed: &Observed, appliers: &BTreeSet<AppId>, trail: Option<&AuditTrail>) -> Self {
        let ours = ours(observed, appliers);
        let evidence = |change: &Change| {
            let audited = trail.and_then(|trail| audit::explain(change, trail, &ours));
            (change.address.clone(), of_change(change, observed, audited))
        };
        let refused = plan.unmanaged.iter().filter(|binding| binding.treatment == Treatment::Refused);
        let with_trace = |binding: &UnmanagedBinding| {
            let meta = meta(&binding.address, observed);
            let fields = BTreeSet::from([WrittenField::Subjects, WrittenField::RoleRef]);
            (binding.clone(), meta.map_or(Evidence::Unknown, |meta| of_object(&meta.trace, &fields)))
        };
        Self {
            evidence: plan.changes.iter().map(evidence).collect(),
            refused: refused.map(with_trace).collect(),
            log: trail.map(|trail| log(plan, trail)),
        }
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

/// The service principals that apply, and the one that asks, if it is one.
fn ours(observed: &Observed, appliers: &BTreeSet<AppId>) -> BTreeSet<ObjectId> {
    let Some(Ok(tenant)) = &observed.tenant else { return BTreeSet::new() };
    let applier = |app: &AppId| match tenant.directory.get(&PrincipalName::ServicePrincipal(*app)) {
        Some(Resolution::Found(found)) => Some(found.id),
        _ => None,
    };
    let own = tenant.identity.app.map(|_| tenant.identity.id);
    appliers.iter().filter_map(applier).chain(own).collect()
}

fn log(plan: &Plan, trail: &AuditTrail) -> AuditLog {
    let keyed = plan.changes.iter().filter_map(|change| Some((audit::group_of(change)?, change.address.group()?)));
    let keys: BTreeMap<ObjectId, &GroupKey> = keyed.collect();
    let key = |id: &ObjectId| keys.get(id).map(|key| (*key).clone());
    AuditLog {
        asked: trail.entries.len() + trail.unread.len(),
        unread: trail.unread.iter().filter_map(|(id, failure)| Some((key(id)?, failure.clone()))).collect(),
        cut: trail.cut.iter().filter_map(key).collect(),
        not_asked: trail.not_asked.iter().filter_map(key).collect(),
    }
}

fn of_change(change: &Change, observed: &Observed, audited: Option<Audited>) -> Evidence {
    match &change.address {
        Address::Group(key) => {
            let tenant = observed.tenant.as_ref().and_then(|tenant| tenant.as_ref().ok());
            let deleted = tenant.and_then(|tenant| tenant.deleted.get(key));
            let deleted = match (&change.operation, deleted) {
                (Operation::Restore { .. }, Some(groups)) => {
                    groups.iter().filter_map(|group| group.deleted.clone()).max()
                }
                _ => None,
            };
            match audited {
                Some(by) => Evidence::Audited { by, deleted },
                None => deleted.map_or(Evidence::Unknown, Evidence::Deleted),
            }
        }
        Address::Owner(..) | Address::Member(..) => {
            audited.map_or(Evidence::Unknown, |by| Evidence::Audited { by, deleted: None })
        }
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
