//! What a change of the access files causes although no line that it touches says so.
//!
//! Something is said where the files before and after differ in it, or in what it comes through, and one of the lines that
//! say it is touched. The rest comes by what a change does at a distance: an entry that is mended lets removals go on that
//! waited for it, a file comes in that is only moved or not left out any more.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Caused, Plan};
use crate::state::{
    Address, Change, Desired, DesiredBinding, DesiredEnvironment, DesiredGroup, DesiredRole, EnvironmentName, GroupKey,
    KubernetesKind, NowCalled, ObjectId, Observed, Origin, PrincipalName, Resolution, RoleKey, Sign, Tenant, Touched,
    mark,
};

/// Something that a change causes and none of its lines says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaid {
    /// What it is about.
    pub address: Address,
    /// What is done about it with the change; without it, where it is kept back.
    pub sign: Sign,
    /// Whether it is kept back by the change, and would have been done without it.
    pub is_kept_back: bool,
    /// The line that it comes through; of the files before the change where those after it have none.
    pub through: Option<Origin>,
    /// Whether that is a line of the files before the change.
    pub is_before: bool,
    /// What became of the file with that line.
    pub file: Read,
}

/// Whether a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// Before and after.
    Always,
    /// It was none of the access files before.
    Newly,
    /// It is none any more.
    NoLonger,
}

/// The files on one side of a change, the plan that they make, and what the change touches in them.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What the files ask for.
    pub desired: &'a Desired,
    /// Their plan.
    pub plan: &'a Plan,
    /// What stands on touched lines.
    pub touched: &'a Touched,
}

/// What of the difference between two plans, made of one look at the live systems, no touched line says.
pub fn unsaid(base: Side<'_>, head: Side<'_>, caused: &Caused, observed: &Observed) -> Vec<Unsaid> {
    let tenant = observed.tenant.as_ref().and_then(|tenant| tenant.as_ref().ok());
    let judge = Judge::new(base, head, tenant);
    let by_change = head.plan.changes.iter().filter(|change| caused.by_change.contains(&change.address));
    let mut found: Vec<Unsaid> = by_change.filter_map(|change| judge.unsaid(change, &change.address, false)).collect();
    let accepted: BTreeSet<&Address> = caused.accepted.iter().map(|change| &change.address).collect();
    let planned: BTreeSet<&Address> = head.plan.changes.iter().map(|change| &change.address).collect();
    let withheld: BTreeSet<&Address> = head.plan.withheld.iter().flat_map(|entry| &entry.addresses).collect();
    found.extend(base.plan.changes.iter().filter_map(|change| {
        let now = judge.now(&change.address);
        let is_kept_back = accepted.contains(&change.address) || (withheld.contains(&now) && !planned.contains(&now));
        is_kept_back.then(|| judge.unsaid(change, &now, true)).flatten()
    }));
    found
}

struct Judge<'a> {
    base: Side<'a>,
    head: Side<'a>,
    called: NowCalled,
    /// The key that a group had before, by the one it has now.
    before: BTreeMap<GroupKey, &'a GroupKey>,
    tenant: Option<&'a Tenant>,
    /// What each of the two files binds, by environment and by the names of bindings.
    bound: [OnceCell<Bound<'a>>; 2],
    /// The lines of the objects in lists that were looked at, of the files before the change and of those after it.
    objects: RefCell<Objects<'a>>,
}

type Objects<'a> = BTreeMap<(bool, &'a GroupKey, List), BTreeMap<ObjectId, &'a Origin>>;

/// A list of people in a group's block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Members,
    Owners,
    Absent,
}

impl List {
    fn of(self, group: &DesiredGroup) -> Option<&BTreeMap<PrincipalName, Origin>> {
        match self {
            Self::Members => Some(&group.members),
            Self::Owners => group.owners.as_ref(),
            Self::Absent => Some(&group.absent),
        }
    }
}

type Bound<'a> = BTreeMap<&'a EnvironmentName, BTreeMap<String, Vec<&'a DesiredBinding>>>;

/// The same thing before the change and after it.
type Pair<T> = [Option<T>; 2];

impl<'a> Judge<'a> {
    fn new(base: Side<'a>, head: Side<'a>, tenant: Option<&'a Tenant>) -> Self {
        let called = NowCalled::new(base.desired, head.desired);
        let before = base.desired.groups.keys().filter_map(|key| Some((called.key(key)?.clone(), key))).collect();
        Self { base, head, called, before, tenant, bound: Default::default(), objects: RefCell::default() }
    }

    /// An address of the files before the change, as those after it call it.
    fn now(&self, address: &Address) -> Address {
        match address.group().and_then(|key| self.called.key(key)) {
            Some(key) => address.of_group(key),
            None => address.clone(),
        }
    }

    fn unsaid(&self, change: &Change, now: &Address, is_kept_back: bool) -> Option<Unsaid> {
        if self.is_said(now) || self.is_taken_over(change) {
            return None;
        }
        let [before, after] = self.lines(now);
        let after = if is_kept_back { after } else { change.origin.clone().or(after) };
        let is_before = after.is_none() && before.is_some();
        let through = after.or(before);
        let is_read = |side: Side<'_>, file: &Arc<str>| side.touched.files.contains(file);
        let file = match &through {
            Some(Origin { file, .. }) if !is_before && !is_read(self.base, file) => Read::Newly,
            Some(Origin { file, .. }) if is_before && !is_read(self.head, file) => Read::NoLonger,
            Some(_) | None => Read::Always,
        };
        let (address, sign) = (now.clone(), change.sign());
        Some(Unsaid { address, sign, is_kept_back, through, is_before, file })
    }

    /// A binding of somebody else that grants take over from is said with these, or by its own line.
    fn is_taken_over(&self, change: &Change) -> bool {
        let Address::Object { environment, kind: _, namespace, name } = &change.address else { return false };
        let named = |side: Side<'a>| {
            let all = side.desired.environments.get(environment).map_or(&[][..], |block| &block.replacements);
            let is_it = |target: &crate::state::BindingName| {
                target.namespace.as_ref() == namespace.as_ref() && target.name == *name
            };
            all.iter().filter(|each| is_it(&each.target)).map(|each| &each.origin).collect::<Vec<_>>()
        };
        let [before, after] = [named(self.base), named(self.head)];
        let is_touched =
            |side: Side<'_>, lines: &[&Origin]| lines.iter().any(|line| side.touched.entries.contains(*line));
        (before.is_empty() != after.is_empty() && (is_touched(self.base, &before) || is_touched(self.head, &after)))
            || change.replaced_by.iter().flatten().any(|address| self.is_said(address))
    }

    /// Whether a touched line says what becomes of this.
    fn is_said(&self, address: &Address) -> bool {
        match address {
            Address::Group(key) => self.is_group_said(key, is_same_group) || self.are_appliers_said(),
            Address::Owner(key, who) => {
                self.is_group_said(key, is_same_owning)
                    || self.is_entry_said(key, who, List::Owners)
                    || self.are_appliers_said()
            }
            Address::Member(key, who) => {
                let nested = match who {
                    PrincipalName::Group(inner) => self.is_group_said(inner, is_same_object),
                    _ => false,
                };
                nested
                    || self.is_group_said(key, is_same_membership)
                    || self.is_entry_said(key, who, List::Members)
                    || self.is_entry_said(key, who, List::Absent)
                    || self.is_pim_said()
            }
            Address::Object { environment, kind, namespace: _, name } => match kind {
                KubernetesKind::ClusterRole | KubernetesKind::Role => self.is_role_object_said(environment, name),
                KubernetesKind::ClusterRoleBinding | KubernetesKind::RoleBinding => {
                    self.is_binding_said(environment, name)
                }
            },
        }
    }

    fn are_appliers_said(&self) -> bool {
        self.base.desired.appliers != self.head.desired.appliers
            && (self.base.touched.appliers || self.head.touched.appliers)
    }

    fn is_pim_said(&self) -> bool {
        self.base.desired.without_pim != self.head.desired.without_pim
            && (self.base.touched.tenant || self.head.touched.tenant)
    }

    /// The keys of a group before and after, by the one that it has now, or had when it went.
    fn keys(&self, key: &GroupKey) -> Pair<(&'a GroupKey, &'a DesiredGroup)> {
        let before = match self.before.get(key) {
            Some(before) => Some(*before),
            None => Some(key).filter(|key| self.called.key(key).is_none()),
        };
        [
            before.and_then(|key| self.base.desired.groups.get_key_value(key)),
            self.head.desired.groups.get_key_value(key),
        ]
    }

    /// Whether what a block says of its group, but for its lists, is said otherwise on a touched line.
    fn is_group_said(&self, key: &GroupKey, is_same: fn(&DesiredGroup, &DesiredGroup) -> bool) -> bool {
        let [before, after] = self.keys(key);
        let differs = match (before, after) {
            (Some((old, before)), Some((new, after))) => old != new || !is_same(before, after),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        };
        let is_touched =
            |side: Side<'_>, at: Option<(&GroupKey, _)>| at.is_some_and(|(key, _)| side.touched.groups.contains(key));
        differs && (is_touched(self.base, before) || is_touched(self.head, after))
    }

    /// Whether somebody comes into a list, or goes, on a touched line.
    fn is_entry_said(&self, key: &GroupKey, who: &PrincipalName, list: List) -> bool {
        let [before, after] = self.entries(key, who, list);
        let is_touched =
            |side: Side<'_>, line: Option<&Origin>| line.is_some_and(|line| side.touched.entries.contains(line));
        before.is_some() != after.is_some() && (is_touched(self.base, before) || is_touched(self.head, after))
    }

    fn entries(&self, key: &GroupKey, who: &PrincipalName, list: List) -> Pair<&'a Origin> {
        let [before, after] = self.keys(key);
        let was = match who {
            PrincipalName::Group(now) => PrincipalName::Group((*self.before.get(now).unwrap_or(&now)).clone()),
            other => other.clone(),
        };
        let find = |at: Option<(&'a GroupKey, &'a DesiredGroup)>, is_before: bool, named: &PrincipalName| {
            let (key, group) = at?;
            let names = list.of(group)?;
            names.get(named).or_else(|| self.entry_of((is_before, key, list), names, self.object(who)?))
        };
        [find(before, true, &was), find(after, false, who)]
    }

    /// The line of an object in a list, by whatever name it stands there.
    fn entry_of(
        &self,
        list: (bool, &'a GroupKey, List),
        names: &'a BTreeMap<PrincipalName, Origin>,
        id: ObjectId,
    ) -> Option<&'a Origin> {
        let mut objects = self.objects.borrow_mut();
        let by_id = || names.iter().filter_map(|(name, line)| Some((self.object(name)?, line))).collect();
        objects.entry(list).or_insert_with(by_id).get(&id).copied()
    }

    /// Whom a name stands for in the tenant: the files and a plan may spell somebody in two ways.
    fn object(&self, who: &PrincipalName) -> Option<ObjectId> {
        match (who, self.tenant?.directory.get(who)) {
            (PrincipalName::Object(id) | PrincipalName::GroupId(id), _) => Some(*id),
            (_, Some(Resolution::Found(found))) => Some(found.id),
            (_, _) => None,
        }
    }

    fn environments(&self, name: &EnvironmentName) -> Pair<&'a DesiredEnvironment> {
        [self.base, self.head].map(|side| side.desired.environments.get(name))
    }

    fn is_environment_touched(&self, name: &EnvironmentName) -> bool {
        [self.base, self.head].iter().any(|side| side.touched.environments.contains(name))
    }

    fn is_role_touched(&self, role: &RoleKey) -> bool {
        [self.base, self.head].iter().any(|side| side.touched.roles.contains(role))
    }

    fn is_role_object_said(&self, environment: &EnvironmentName, name: &str) -> bool {
        let roles = self.role_objects(environment, name);
        let Some(key) = roles.iter().flatten().map(|role| &role.key).next() else { return false };
        match roles {
            [Some(before), Some(after)] if before.written() == after.written() => false,
            [Some(_), Some(_)] => self.is_role_touched(key) || self.is_environment_touched(environment),
            _ => {
                self.is_role_touched(key)
                    || self.is_environment_touched(environment)
                    || self.is_use_touched(environment, key)
            }
        }
    }

    /// Whether a grant of a role is touched: by where it is granted, it is a `Role` or a `ClusterRole`.
    fn is_use_touched(&self, environment: &EnvironmentName, key: &RoleKey) -> bool {
        [self.base, self.head].iter().any(|side| {
            let mut uses = bindings_on(*side, environment).filter(|binding| binding.role.key == *key);
            uses.any(|binding| is_grant_touched(*side, binding))
        })
    }

    /// Whether somebody is granted the same as before, by a role that is another object now.
    fn is_made_anew(&self, environment: &EnvironmentName, binding: &DesiredBinding) -> bool {
        let subject = self.called.principal(&binding.subject);
        let is_it = |other: &DesiredBinding| {
            (&other.role.key, &other.scope) == (&binding.role.key, &binding.scope)
                && self.called.principal(&other.subject) == subject
        };
        binding.role.ours
            && self.is_use_touched(environment, &binding.role.key)
            && [self.base, self.head].iter().all(|side| bindings_on(*side, environment).any(is_it))
    }

    fn role_objects(&self, environment: &EnvironmentName, name: &str) -> Pair<&'a DesiredRole> {
        let find = |block: &'a DesiredEnvironment| block.roles.iter().find(|role| role.name == name);
        self.environments(environment).map(|block| block.and_then(find))
    }

    fn is_binding_said(&self, environment: &EnvironmentName, name: &str) -> bool {
        let [before, after] = self.bindings(environment, name);
        let all = || before.iter().chain(&after);
        // Which object a group is, or what a cluster calls it, is said in its block.
        let is_subject_said = || {
            all().any(|binding| match &binding.subject {
                PrincipalName::Group(key) => {
                    let now = self.called.key(key).unwrap_or(key);
                    self.is_group_said(now, is_same_object)
                }
                _ => false,
            })
        };
        if before.is_empty() == after.is_empty() {
            return is_subject_said();
        }
        let is_granted = |side: Side<'_>, bindings: &[&DesiredBinding]| {
            bindings.iter().any(|binding| is_grant_touched(side, binding))
        };
        is_granted(self.base, &before)
            || is_granted(self.head, &after)
            || all().any(|binding| self.is_role_touched(&binding.role.key))
            || self.is_environment_touched(environment)
            || is_subject_said()
            || all().any(|binding| self.is_made_anew(environment, binding))
    }

    fn bindings(&self, environment: &EnvironmentName, name: &str) -> [Vec<&'a DesiredBinding>; 2] {
        let [base, head] = &self.bound;
        let find = |cell: &OnceCell<Bound<'a>>, side: Side<'a>| {
            let on = cell.get_or_init(|| bound(side.desired)).get(environment);
            on.and_then(|on| on.get(name)).cloned().unwrap_or_default()
        };
        [find(base, self.base), find(head, self.head)]
    }

    /// The lines by which something comes, before the change and after it.
    fn lines(&self, address: &Address) -> Pair<Origin> {
        let block = |key| self.keys(key).map(|group| group.map(|(_, group)| group.origin.clone()));
        let listed = |key, who, list: List| {
            let [before, after] = self.entries(key, who, list);
            // Whoever goes is on no line; the block that they go from is.
            let [block_before, block_after] = block(key);
            match (before.cloned(), after.cloned()) {
                (None, None) => [block_before, block_after],
                lines => [lines.0, lines.1],
            }
        };
        match address {
            Address::Group(key) => block(key),
            Address::Owner(key, who) => listed(key, who, List::Owners),
            Address::Member(key, who) => listed(key, who, List::Members),
            Address::Object { environment, kind, namespace: _, name } => match kind {
                KubernetesKind::ClusterRole | KubernetesKind::Role => {
                    self.role_objects(environment, name).map(|role| role.map(|role| role.origin.clone()))
                }
                KubernetesKind::ClusterRoleBinding | KubernetesKind::RoleBinding => {
                    let first = |bindings: Vec<&DesiredBinding>| bindings.first().map(|binding| binding.origin.clone());
                    self.bindings(environment, name).map(first)
                }
            },
        }
    }
}

/// What each environment has bound, by the names that the bindings have: of a group that had other keys, by those too.
fn bound(desired: &Desired) -> Bound<'_> {
    let mut bound = Bound::new();
    for (environment, block) in &desired.environments {
        for binding in &block.bindings {
            let former = match &binding.subject {
                PrincipalName::Group(key) => desired.groups.get(key).map(|group| group.previously.keys()),
                _ => None,
            };
            let former = former.into_iter().flatten().map(|key| PrincipalName::Group(key.clone()));
            for subject in std::iter::once(binding.subject.clone()).chain(former) {
                let role = &binding.role;
                let name = mark::binding_name(&desired.config, &subject, &role.key, &role.reference, &binding.scope);
                bound.entry(environment).or_default().entry(name).or_default().push(binding);
            }
        }
    }
    bound
}

fn bindings_on<'a>(side: Side<'a>, environment: &EnvironmentName) -> impl Iterator<Item = &'a DesiredBinding> {
    side.desired.environments.get(environment).into_iter().flat_map(|block| &block.bindings)
}

fn is_grant_touched(side: Side<'_>, binding: &DesiredBinding) -> bool {
    side.touched.grants.contains(&binding.origin)
}

/// Whether the blocks say the same of everything but who is listed.
fn is_same_group(before: &DesiredGroup, after: &DesiredGroup) -> bool {
    let texts = |group: &DesiredGroup| (group.display_name.clone(), group.description.clone());
    is_same_membership(before, after) && is_same_owning(before, after) && texts(before) == texts(after)
}

/// Whether they say the same of what the list of members means.
fn is_same_membership(before: &DesiredGroup, after: &DesiredGroup) -> bool {
    (before.management, before.membership) == (after.management, after.membership) && has_same_keys(before, after)
}

/// Whether they say the same of what the list of owners means.
fn is_same_owning(before: &DesiredGroup, after: &DesiredGroup) -> bool {
    (before.management, before.owners.is_some()) == (after.management, after.owners.is_some())
        && has_same_keys(before, after)
}

/// Whether they mean the same object, by the same name.
fn is_same_object(before: &DesiredGroup, after: &DesiredGroup) -> bool {
    (before.management, &before.display_name) == (after.management, &after.display_name) && has_same_keys(before, after)
}

fn has_same_keys(before: &DesiredGroup, after: &DesiredGroup) -> bool {
    before.previously.keys().eq(after.previously.keys())
}
