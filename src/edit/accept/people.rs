//! Names for those whom live systems know by other ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::Plan;
use crate::state::{
    Desired, GroupKey, GroupNaming, Identity, LiveGroup, LivePrincipal, Management, ObjectId, Observed, Operation,
    PrincipalKind, PrincipalName, Resolution, Resource, Subject, SubjectKind, SubjectName, Tenant, TokenNaming,
    UserNaming,
};

/// Whom the files can name, by what live systems call them.
pub(super) struct People<'a> {
    tenant: Option<&'a Tenant>,
    /// The groups of the files that are there.
    groups: BTreeMap<ObjectId, (&'a GroupKey, &'a str)>,
    /// Everybody else who was seen.
    others: BTreeMap<ObjectId, &'a LivePrincipal>,
    /// How many have a name.
    called: BTreeMap<&'a PrincipalName, BTreeSet<ObjectId>>,
}

fn tenant_of(observed: &Observed) -> Option<&Tenant> {
    observed.tenant.as_ref().and_then(|read| read.as_ref().ok())
}

fn live_groups(tenant: &Tenant) -> impl Iterator<Item = &LiveGroup> {
    tenant.marked.values().chain(tenant.by_id.values().flatten())
}

/// Everybody who was seen, some of them again and again.
fn seen(tenant: &Tenant) -> impl Iterator<Item = &LivePrincipal> {
    let found = tenant.directory.values().filter_map(|resolution| match resolution {
        Resolution::Found(live) => Some(live),
        Resolution::Missing { .. } | Resolution::Ambiguous(_) | Resolution::NotInSnapshot => None,
    });
    found.chain(live_groups(tenant).flat_map(|group| group.members.iter().chain(&group.owners)))
}

impl<'a> People<'a> {
    pub(super) fn new(desired: &'a Desired, observed: &'a Observed) -> Self {
        let tenant = tenant_of(observed);
        let (mut groups, mut others) = (BTreeMap::new(), BTreeMap::new());
        let mut called: BTreeMap<&PrincipalName, BTreeSet<ObjectId>> = BTreeMap::new();
        if let Some(tenant) = tenant {
            for (key, block) in &desired.groups {
                let marked =
                    || std::iter::once(key).chain(block.previously.keys()).find_map(|key| tenant.marked.get(key));
                let live = match block.management {
                    Management::Owned => marked(),
                    Management::Adopted(id) | Management::External(id) => {
                        tenant.by_id.get(&id).and_then(Option::as_ref)
                    }
                };
                groups.extend(live.map(|live| (live.id, (key, live.display_name.as_str()))));
            }
            for live in seen(tenant) {
                called.entry(&live.name).or_default().insert(live.id);
                if live.kind != PrincipalKind::Group {
                    others.insert(live.id, live);
                }
            }
        }
        Self { tenant, groups, others, called }
    }

    /// Whether nobody else who was seen has this name.
    pub(super) fn is_one(&self, name: &PrincipalName) -> bool {
        self.called.get(name).is_none_or(|ids| ids.len() == 1)
    }

    /// What the files call a live subject.
    pub(super) fn named(&self, tokens: &TokenNaming, subject: &Subject) -> Option<PrincipalName> {
        let SubjectName::Known(name) = &subject.name else { return None };
        let found = match (&subject.kind, tokens.groups, tokens.users) {
            (SubjectKind::Group, GroupNaming::ObjectId, _) => {
                let (key, _) = self.groups.get(&tokens.group_id(subject)?)?;
                PrincipalName::Group((*key).clone())
            }
            (SubjectKind::Group, GroupNaming::DisplayName, _) => {
                let bare = name.strip_prefix(&tokens.groups_prefix)?;
                let mut same = self.groups.values().filter(|(_, called)| *called == bare);
                let (key, _) = same.next().filter(|_| same.next().is_none())?;
                let others = self.tenant.and_then(|tenant| tenant.by_display_name.get(bare)).map_or(0, Vec::len);
                PrincipalName::Group((others <= 1).then(|| (*key).clone())?)
            }
            (SubjectKind::User, _, UserNaming::ObjectId) => {
                let id: ObjectId = name.strip_prefix(&tokens.users_prefix)?.parse().ok()?;
                self.others.get(&id)?.name.clone()
            }
            (SubjectKind::User, _, UserNaming::UserPrincipalName) => {
                let user = name.strip_prefix(&tokens.users_prefix)?.parse().ok()?;
                self.others.values().find(|live| live.has_user_principal_name(&user))?.name.clone()
            }
            (SubjectKind::ServiceAccount | SubjectKind::Other(_), ..) => return None,
        };
        let is_nameable = !matches!(found, PrincipalName::Object(_) | PrincipalName::GroupId(_));
        (is_nameable && self.is_one(&found)).then_some(found)
    }
}

/// Has what was read say whom the names stand for that files would have which ask for what is there: those who were seen in groups
/// and on clusters without being looked up.
pub fn look_up_whoever_is_there(observed: &mut Observed, plan: &Plan) {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for change in &plan.changes {
        match &change.operation {
            Operation::Delete { before: Resource::Member(edge) | Resource::Owner(edge) } => {
                if let Identity::Known(id) = edge.principal_id {
                    wanted.insert(id.to_string());
                }
            }
            Operation::Update { before: Resource::Binding(binding), .. }
            | Operation::Delete { before: Resource::Binding(binding) } => {
                wanted.extend(binding.subjects.iter().filter_map(|subject| match &subject.name {
                    SubjectName::Known(name) => Some(name.to_ascii_lowercase()),
                    SubjectName::AfterApply { .. } => None,
                }));
            }
            Operation::Create { .. }
            | Operation::Restore { .. }
            | Operation::Update { .. }
            | Operation::Delete { .. } => {}
        }
    }
    let Some(Ok(tenant)) = &mut observed.tenant else { return };
    let is_wanted = |live: &LivePrincipal| {
        let id = live.id.to_string();
        let by_name = live.user_principal_name.as_deref().map(str::to_ascii_lowercase);
        // A cluster may put something in front of either.
        wanted.iter().any(|name| name.ends_with(&id) || by_name.as_ref().is_some_and(|own| name.ends_with(own)))
    };
    let mut found: BTreeMap<PrincipalName, BTreeMap<ObjectId, LivePrincipal>> = BTreeMap::new();
    if !wanted.is_empty() {
        let unknown = seen(tenant).filter(|live| !tenant.directory.contains_key(&live.name));
        for live in unknown.filter(|live| is_wanted(live)) {
            found.entry(live.name.clone()).or_default().insert(live.id, live.clone());
        }
    }
    for (name, mut live) in found {
        let resolution = match live.len() {
            1 => live.pop_first().map(|(_, live)| Resolution::Found(live)),
            _ => Some(Resolution::Ambiguous(live.into_values().collect())),
        };
        tenant.directory.extend(resolution.map(|resolution| (name, resolution)));
    }
}
