//! A small company: who is in which group, and what two clusters hold, before and after.

use std::collections::{BTreeMap, BTreeSet};

use crate::state::{
    Above, Address, Binding, Change, ClusterUid, DefaultRole, Desired, DesiredEnvironment, Edge, EnvironmentName,
    EnvironmentType, Group as GroupResource, GroupAnswer, GroupKey, GroupKind, GroupNaming, GroupQuestion,
    GroupSummary, GroupsClaim, Identity, Inside, KubernetesKind, LiveBinding, LiveGroup, LiveMeta, LivePrincipal,
    LiveRole, Mark, ObjectId, Observed, Operation, Origin, OuterGroup, OwnIdentity, PolicyRule, PrincipalKind,
    PrincipalName, Resolution, Resource, Role, RoleKind, RoleRef, Selector, Subject, SubjectKind, SubjectName, Tenant,
    TokenNaming, Unmanaged, UserNaming,
};

/// The people: two users, a guest, somebody whose account is disabled, and an app.
pub(super) const PEOPLE: usize = 5;
pub(super) const GUEST: usize = 2;
pub(super) const DISABLED: usize = 3;
pub(super) const APP: usize = 4;
/// Groups of ours have the first numbers, those of others the next; what follows are ours again and only fill tokens.
pub(super) const OURS: usize = 4;
pub(super) const GROUPS: usize = 7;
pub(super) const CLUSTERS: usize = 2;
const FIRST_GROUP: usize = 100;

/// Everything at one time.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// How each cluster names groups and people; the same at all times.
    pub(super) naming: [Naming; CLUSTERS],
    pub(super) groups: Vec<Group>,
    /// The roles by cluster and number; `None` is not there.
    pub(super) roles: BTreeMap<(usize, usize), Option<Written>>,
    /// What the default roles have of themselves, by cluster; what everybody has on the first one.
    pub(super) base: [Vec<PolicyRule>; 3],
    /// The bindings by cluster and number.
    pub(super) bindings: BTreeMap<(usize, usize), Bound>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Naming {
    pub(super) groups: GroupNaming,
    pub(super) claim: GroupsClaim,
    pub(super) users: UserNaming,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Whether it is there.
    pub(super) is_there: bool,
    /// Which of a few display names it has.
    pub(super) name: usize,
    pub(super) people: BTreeSet<usize>,
    pub(super) groups: BTreeSet<usize>,
    pub(super) owners: BTreeSet<usize>,
}

/// A role of ours, and what takes in its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) rules: Vec<PolicyRule>,
    pub(super) to: BTreeSet<DefaultRole>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) namespace: Option<&'static str>,
    pub(super) role: &'static str,
    pub(super) to: BTreeSet<To>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum To {
    Group(usize),
    Person(usize),
    Stranger,
    ServiceAccount,
    /// The same by its user name.
    ServiceAccountAsUser,
    /// The one of that name where it is bound.
    ServiceAccountThere,
}

pub(super) const ROLES: [&str; 3] = ["role0", "role1", "role2"];

pub(super) fn id(number: usize) -> ObjectId {
    format!("11111111-1111-4111-8111-{number:012}").parse().unwrap()
}

pub(super) fn key(number: usize) -> GroupKey {
    format!("g{number}").parse().unwrap()
}

pub(super) fn is_ours(number: usize) -> bool {
    !(OURS..GROUPS).contains(&number)
}

pub(super) fn environment(number: usize) -> EnvironmentName {
    format!("cluster{number}").parse().unwrap()
}

fn kind(number: usize) -> PrincipalKind {
    match number {
        GUEST => PrincipalKind::Guest,
        APP => PrincipalKind::ServicePrincipal,
        _ => PrincipalKind::User,
    }
}

fn principal(number: usize) -> PrincipalName {
    match kind(number) {
        PrincipalKind::Guest => PrincipalName::Guest(format!("person{number}@partner.example").parse().unwrap()),
        PrincipalKind::ServicePrincipal => {
            PrincipalName::ServicePrincipal(id(800 + number).to_string().parse().unwrap())
        }
        _ => PrincipalName::User(format!("person{number}@contoso.com").parse().unwrap()),
    }
}

fn user_principal_name(number: usize) -> Option<String> {
    match number {
        GUEST => Some(format!("person{number}_partner.example#EXT#@contoso.com")),
        APP => None,
        _ => Some(format!("person{number}@contoso.com")),
    }
}

fn person(number: usize) -> LivePrincipal {
    LivePrincipal {
        id: id(number),
        kind: kind(number),
        name: principal(number),
        user_principal_name: user_principal_name(number).map(Into::into),
        display_name: None,
        enabled: Some(number != DISABLED),
    }
}

fn nested(number: usize) -> LivePrincipal {
    LivePrincipal {
        id: id(FIRST_GROUP + number),
        kind: PrincipalKind::Group,
        name: if is_ours(number) {
            PrincipalName::Group(key(number))
        } else {
            PrincipalName::GroupId(id(FIRST_GROUP + number))
        },
        user_principal_name: None,
        display_name: None,
        enabled: None,
    }
}

fn origin() -> Origin {
    Origin { file: "rolecall.yaml".into(), line: 1 }
}

fn meta() -> LiveMeta {
    LiveMeta {
        uid: String::new(),
        resource_version: String::new(),
        mark: Mark::Ours,
        other_managers: Vec::new(),
        bootstrapping: false,
        trace: crate::state::Trace::default(),
    }
}

impl World {
    pub(super) fn desired(&self) -> Desired {
        let block = |number: usize, naming: &Naming| DesiredEnvironment {
            origin: origin(),
            kind: EnvironmentType::K3s,
            context: format!("cluster{number}"),
            cluster: None,
            protected: false,
            tokens: TokenNaming {
                groups: naming.groups,
                claim: naming.claim,
                groups_prefix: "g:".to_owned(),
                users: naming.users,
                users_prefix: String::new(),
            },
            applier: None,
            former_applier: None,
            roles: Vec::new(),
            bindings: Vec::new(),
            unmanaged: Unmanaged::default(),
            allow_unmanaged: Vec::new(),
            replacements: Vec::new(),
        };
        let blocks = self.naming.iter().enumerate();
        Desired {
            config: "contoso".parse().unwrap(),
            tenant: id(999).to_string().parse().unwrap(),
            appliers: BTreeSet::new(),
            applier_lines: BTreeMap::new(),
            without_pim: true,
            groups: BTreeMap::new(),
            expectations: Vec::new(),
            lock: None,
            environments: blocks.map(|(number, naming)| (environment(number), block(number, naming))).collect(),
        }
    }

    /// What a plan reads of it before it knows what changes.
    pub(super) fn observed(&self) -> Observed {
        let group = |(number, group): (usize, &Group)| LiveGroup {
            id: id(FIRST_GROUP + number),
            display_name: display_name(group),
            description: None,
            mail_nickname: None,
            unique_name: None,
            kind: GroupKind::Security,
            role_assignable: false,
            owners: group.owners.iter().map(|who| person(*who)).collect(),
            members: self.members(number),
        };
        let marked = self.groups.iter().enumerate().filter(|(number, group)| is_ours(*number) && group.is_there);
        let tenant = Tenant {
            id: id(999).to_string().parse().unwrap(),
            domain: None,
            identity: OwnIdentity { id: id(998), app: None, label: String::new() },
            marked: marked.map(|each| (key(each.0), group(each))).collect(),
            by_id: BTreeMap::new(),
            directory: (0..PEOPLE).map(|number| (principal(number), Resolution::Found(person(number)))).collect(),
            deleted: BTreeMap::new(),
            deleted_unreadable: None,
            by_display_name: (0..3).map(|name| self.of_name(name)).collect(),
            other_configs: BTreeSet::new(),
        };
        let mut observed = Observed { tenant: Some(Ok(tenant)), ..Observed::default() };
        for number in (0..OURS).filter(|number| self.groups[*number].is_there) {
            let outer = self.around(number).into_iter().map(|outer| OuterGroup {
                id: id(FIRST_GROUP + outer),
                display_name: display_name(&self.groups[outer]),
            });
            observed.of_groups.above.insert(id(FIRST_GROUP + number), Above::Read(outer.collect()));
        }
        for number in 0..CLUSTERS {
            observed.clusters.insert(environment(number), Ok(self.cluster(number, self)));
        }
        observed
    }

    /// Whatever has one of the display names that are bound.
    fn of_name(&self, name: usize) -> (String, Vec<GroupSummary>) {
        let named = self.groups.iter().enumerate().filter(|(_, group)| group.is_there && group.name == name);
        let summaries = named.map(|(number, group)| GroupSummary {
            id: id(FIRST_GROUP + number),
            display_name: display_name(group),
            unique_name: None,
            kind: GroupKind::Security,
            created: None,
            owners: Vec::new(),
        });
        (format!("team{name}"), summaries.collect())
    }

    /// What Entra says when it is asked.
    pub(super) fn answer(&self, question: &GroupQuestion) -> GroupAnswer {
        let number = |id: &ObjectId| (0..GROUPS).find(|number| self::id(FIRST_GROUP + number) == *id);
        match question {
            GroupQuestion::Members(id) => GroupAnswer::Members(number(id).map_or(Inside::Missing, |number| {
                let inner = (0..self.groups.len()).filter(|inner| self.around(*inner).contains(&number));
                let people = (0..PEOPLE).filter(|who| self.groups_of(*who).contains(&number));
                Inside::Read(people.map(person).chain(inner.map(nested)).collect())
            })),
            GroupQuestion::Direct(id) => {
                GroupAnswer::Direct(number(id).map_or(Inside::Missing, |number| Inside::Read(self.members(number))))
            }
            GroupQuestion::Privileged(_) | GroupQuestion::Above(_) => panic!("nobody asks this here: {question:?}"),
        }
    }

    fn members(&self, number: usize) -> Vec<LivePrincipal> {
        let Group { people, .. } = &self.groups[number];
        people.iter().map(|who| person(*who)).chain(self.nested(number).map(nested)).collect()
    }

    fn nested(&self, number: usize) -> impl Iterator<Item = usize> + '_ {
        self.groups[number].groups.iter().copied().filter(|inner| self.groups[*inner].is_there)
    }

    /// The groups that a group is in, by asking again and again.
    fn around(&self, group: usize) -> BTreeSet<usize> {
        self.holding(|number| self.groups[number].groups.contains(&group), group)
    }

    /// The same of a person.
    pub(super) fn groups_of(&self, who: usize) -> BTreeSet<usize> {
        self.holding(|number| self.groups[number].people.contains(&who), usize::MAX)
    }

    fn holding(&self, directly: impl Fn(usize) -> bool, but: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        loop {
            let is_there = |number: &usize| self.groups[*number].is_there && *number != but;
            let more = (0..self.groups.len()).filter(is_there);
            let more =
                more.filter(|number| directly(*number) || self.nested(*number).any(|inner| found.contains(&inner)));
            let more: BTreeSet<usize> = more.collect();
            if more == found {
                return found;
            }
            found = more;
        }
    }

    /// What a token calls the groups that somebody is in, or would be in as a member of one more.
    pub(super) fn tokens_groups(&self, who: usize, of: usize, live: &Self, more: Option<usize>) -> Vec<SubjectName> {
        if self.too_many(who, of, more).is_some() { Vec::new() } else { self.all_groups(who, of, live, more) }
    }

    /// In how many groups they are, where those are more than a token carries.
    pub(super) fn too_many(&self, who: usize, of: usize, more: Option<usize>) -> Option<usize> {
        // Of groups that are assigned no number is known to be too many.
        let count = self.carried(who, of, more).len();
        (count > 200 && self.naming[of].claim == GroupsClaim::SecurityGroups).then_some(count)
    }

    /// The same names if there were no limit.
    pub(super) fn all_groups(&self, who: usize, of: usize, live: &Self, more: Option<usize>) -> Vec<SubjectName> {
        self.carried(who, of, more).into_iter().map(|number| self.called(number, of, live)).collect()
    }

    /// What a token says of whoever is in this group alone.
    pub(super) fn as_member(&self, group: usize, of: usize, live: &Self) -> Vec<SubjectName> {
        let around = match self.naming[of].claim {
            GroupsClaim::SecurityGroups => self.around(group),
            GroupsClaim::AssignedGroups => BTreeSet::new(),
        };
        around.into_iter().chain([group]).map(|number| self.called(number, of, live)).collect()
    }

    pub(super) fn carried(&self, who: usize, of: usize, more: Option<usize>) -> Vec<usize> {
        let mut world = self.clone();
        world.groups.get_mut(more.unwrap_or(0)).unwrap().people.extend(more.map(|_| who));
        let all = world.groups_of(who).into_iter();
        let is_assigned = self.naming[of].claim == GroupsClaim::AssignedGroups;
        all.filter(|number| !is_assigned || world.groups[*number].people.contains(&who)).collect()
    }

    /// The name of a group in tokens. One that is not there before has no id yet.
    pub(super) fn called(&self, number: usize, of: usize, live: &Self) -> SubjectName {
        match self.naming[of].groups {
            GroupNaming::DisplayName => known(&format!("g:{}", display_name(&self.groups[number]))),
            GroupNaming::ObjectId if live.groups[number].is_there => known(&format!("g:{}", id(FIRST_GROUP + number))),
            GroupNaming::ObjectId => SubjectName::AfterApply { prefix: "g:".to_owned(), group: key(number) },
        }
    }

    /// The name of a person in tokens.
    pub(super) fn user(&self, who: usize, of: usize) -> Option<String> {
        match self.naming[of].users {
            UserNaming::ObjectId => Some(id(who).to_string()),
            UserNaming::UserPrincipalName => user_principal_name(who),
        }
    }

    /// A cluster with what it makes of aggregation; nobody could bind a group before it was there.
    pub(super) fn cluster(&self, of: usize, live: &Self) -> crate::state::Cluster {
        let mut roles: Vec<LiveRole> = Vec::new();
        let mut taken: BTreeMap<DefaultRole, Vec<PolicyRule>> = BTreeMap::new();
        for number in 0..ROLES.len() {
            let Some(Some(written)) = self.roles.get(&(of, number)) else { continue };
            let labels = written.to.iter().map(|to| (to.label().to_owned(), "true".to_owned())).collect();
            roles.push(LiveRole { labels, ..LiveRole::new(role(number, written), meta()) });
            for to in &written.to {
                taken.entry(*to).or_default().extend(written.rules.clone());
            }
        }
        // What `view` takes in, `edit` takes in with it.
        let (view, edit) = (DefaultRole::View, DefaultRole::Edit);
        let of_view = [self.base[0].clone(), taken.remove(&view).unwrap_or_default()].concat();
        let of_edit = [self.base[1].clone(), of_view.clone(), taken.remove(&edit).unwrap_or_default()].concat();
        let default =
            |name: &str, rules: &[PolicyRule], label: Option<DefaultRole>, takes: Option<DefaultRole>| LiveRole {
                role: plain(name, rules),
                meta: meta(),
                labels: label.iter().map(|label| (label.label().to_owned(), "true".to_owned())).collect(),
                aggregation: takes.map(|takes| vec![Selector::of_label(takes.label())]),
            };
        roles.push(default("system:aggregate-to-view", &self.base[0], Some(view), None));
        roles.push(default("system:aggregate-to-edit", &self.base[1], Some(edit), None));
        roles.push(default("view", &of_view, Some(edit), Some(view)));
        roles.push(default("edit", &of_edit, None, Some(edit)));
        // What everybody has does not change: then everybody would be one row.
        roles.push(default("everybody-s", &self.base[2], None, None));
        let everybody =
            Subject { kind: SubjectKind::Group, name: known("system:authenticated"), namespace: None, principal: None };
        let everybody = Binding {
            namespace: None,
            name: "everybody-s".to_owned(),
            role: RoleRef { kind: RoleKind::ClusterRole, name: "everybody-s".to_owned() },
            subjects: if of == 0 { vec![everybody] } else { Vec::new() },
        };
        let bindings = (0..8).filter_map(|slot| self.binding(of, slot, live));
        crate::state::Cluster {
            config: "contoso".parse().unwrap(),
            uid: id(900 + of).to_string().parse::<ClusterUid>().unwrap(),
            username: String::new(),
            user_groups: BTreeSet::new(),
            namespaces: BTreeMap::new(),
            roles,
            bindings: bindings.chain([everybody]).map(|binding| LiveBinding { binding, meta: meta() }).collect(),
            pseudonymised: false,
        }
    }

    fn binding(&self, of: usize, slot: usize, live: &Self) -> Option<Binding> {
        let Bound { namespace, role, to } = self.bindings.get(&(of, slot))?;
        let subject = |kind, name| Subject { kind, name, namespace: None, principal: None };
        let subjects = to.iter().filter_map(|to| match to {
            To::Group(number) if self.naming[of].groups == GroupNaming::DisplayName => {
                Some(subject(SubjectKind::Group, known(&format!("g:team{}", number % 3))))
            }
            // Nothing can name it by an id before it is there.
            To::Group(number) if !self.groups[*number].is_there && !live.groups[*number].is_there => None,
            To::Group(number) => Some(subject(SubjectKind::Group, self.called(*number, of, live))),
            To::Person(who) => Some(subject(SubjectKind::User, known(&self.user(*who, of)?))),
            To::Stranger => Some(subject(SubjectKind::User, known("stranger"))),
            To::ServiceAccountAsUser => Some(subject(SubjectKind::User, known("system:serviceaccount:a:robot"))),
            To::ServiceAccountThere => Some(subject(SubjectKind::ServiceAccount, known("robot"))),
            To::ServiceAccount => Some(Subject {
                namespace: Some("a".to_owned()),
                ..subject(SubjectKind::ServiceAccount, known("robot"))
            }),
        });
        let subjects: Vec<Subject> = subjects.collect();
        (!subjects.is_empty()).then(|| Binding {
            namespace: namespace.map(|name| name.parse().unwrap()),
            name: format!("b{slot}-{role}"),
            role: RoleRef { kind: RoleKind::ClusterRole, name: (*role).to_owned() },
            subjects,
        })
    }

    /// The changes that make the other world of this one.
    pub(super) fn changes(&self, after: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for number in (0..self.groups.len()).filter(|number| is_ours(*number)) {
            self.group_changes(after, number, &mut changes);
        }
        for of in 0..CLUSTERS {
            for (number, name) in ROLES.iter().enumerate() {
                let [old, new] = [self, after].map(|world| world.roles.get(&(of, number)).and_then(Option::as_ref));
                let [old, new] = [old, new].map(|written| written.map(|written| Resource::Role(role(number, written))));
                let address = Address::Object {
                    environment: environment(of),
                    kind: KubernetesKind::ClusterRole,
                    namespace: None,
                    name: (*name).to_owned(),
                };
                changes.extend(operation(old, new).map(|operation| Change::new(address, operation)));
            }
            for slot in 0..8 {
                let (old, new) = (self.binding(of, slot, self), after.binding(of, slot, self));
                let is_same = old.as_ref().zip(new.as_ref()).is_some_and(|(old, new)| at(of, old) == at(of, new));
                let pairs = if is_same { vec![(old, new)] } else { vec![(old, None), (None, new)] };
                for (old, new) in pairs {
                    let Some(address) = old.as_ref().or(new.as_ref()).map(|binding| at(of, binding)) else { continue };
                    let operation = operation(old.map(Resource::Binding), new.map(Resource::Binding));
                    changes.extend(operation.map(|operation| Change::new(address, operation)));
                }
            }
        }
        changes
    }

    fn group_changes(&self, after: &Self, number: usize, changes: &mut Vec<Change>) {
        let (old, new) = (&self.groups[number], &after.groups[number]);
        let resource = |group: &Group| {
            Resource::Group(GroupResource {
                key: key(number),
                id: self.identity(number),
                display_name: display_name(group),
                description: None,
                mail_nickname: None,
                unique_name: None,
                first_owner: None,
            })
        };
        let [was, becomes] = [old, new].map(|group| group.is_there.then(|| resource(group)));
        changes.extend(operation(was, becomes).map(|operation| Change::new(Address::Group(key(number)), operation)));
        if !new.is_there {
            return;
        }
        let edges = |world: &Self, group: &Group| -> Vec<(PrincipalName, Identity, PrincipalKind)> {
            let people = group.people.iter().map(|who| (principal(*who), Identity::Known(id(*who)), kind(*who)));
            let groups = group.groups.iter().filter(|inner| world.groups[**inner].is_there);
            let groups = groups.map(|inner| (nested(*inner).name, self.identity(*inner), PrincipalKind::Group));
            let all = people.chain(groups).collect();
            if group.is_there { all } else { Vec::new() }
        };
        let edge = |(principal, principal_id, kind): (PrincipalName, Identity, PrincipalKind)| Edge {
            group: key(number),
            group_id: self.identity(number),
            principal,
            principal_id,
            kind,
        };
        let (was, becomes) = (edges(self, old), edges(after, new));
        let is_gone = |id: &Identity| {
            (0..self.groups.len()).any(|inner| self.identity(inner) == *id && !after.groups[inner].is_there)
        };
        // Nobody takes out a group that is deleted.
        for each in was.iter().filter(|each| !becomes.contains(each) && !is_gone(&each.1)).cloned() {
            let before = edge(each);
            let address = Address::Member(key(number), before.principal.clone());
            changes.push(Change::new(address, Operation::Delete { before: Resource::Member(before) }));
        }
        for each in becomes.iter().filter(|each| !was.contains(each)).cloned() {
            let after = edge(each);
            let address = Address::Member(key(number), after.principal.clone());
            changes.push(Change::new(address, Operation::Create { after: Resource::Member(after) }));
        }
        let was = if old.is_there { old.owners.clone() } else { BTreeSet::new() };
        for who in &new.owners ^ &was {
            let edge = edge((principal(who), Identity::Known(id(who)), kind(who)));
            let address = Address::Owner(key(number), edge.principal.clone());
            let operation = if was.contains(&who) {
                Operation::Delete { before: Resource::Owner(edge) }
            } else {
                Operation::Create { after: Resource::Owner(edge) }
            };
            changes.push(Change::new(address, operation));
        }
    }

    fn identity(&self, number: usize) -> Identity {
        if self.groups[number].is_there {
            Identity::Known(id(FIRST_GROUP + number))
        } else {
            Identity::AfterApply(key(number))
        }
    }
}

fn operation(old: Option<Resource>, new: Option<Resource>) -> Option<Operation> {
    match (old, new) {
        (Some(before), Some(after)) if before != after => Some(Operation::Update { before, after }),
        (Some(before), None) => Some(Operation::Delete { before }),
        (None, Some(after)) => Some(Operation::Create { after }),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn display_name(group: &Group) -> String {
    format!("team{}", group.name)
}

pub(super) fn known(name: &str) -> SubjectName {
    SubjectName::Known(name.to_owned())
}

fn role(number: usize, written: &Written) -> Role {
    Role { aggregate_to: written.to.clone(), ..plain(ROLES[number], &written.rules) }
}

fn plain(name: &str, rules: &[PolicyRule]) -> Role {
    Role {
        namespace: None,
        name: name.to_owned(),
        rules: PolicyRule::normalise(rules.to_vec()),
        aggregate_to: BTreeSet::new(),
    }
}

fn at(of: usize, binding: &Binding) -> Address {
    let kind =
        if binding.namespace.is_some() { KubernetesKind::RoleBinding } else { KubernetesKind::ClusterRoleBinding };
    Address::Object {
        environment: environment(of),
        kind,
        namespace: binding.namespace.clone(),
        name: binding.name.clone(),
    }
}
