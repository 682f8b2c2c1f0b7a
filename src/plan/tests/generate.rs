//! Worlds made up: any files over any live state, small enough that everything meets everything.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::model::refresh;
use super::world::{
    World, at, cluster, cluster_role, environment, id, in_namespace, key, meta, namespace, nested, number, principal,
    rule, tenant_id, who,
};
use crate::state::{
    Binding, BindingName, Cluster, DesiredBinding, DesiredEnvironment, DesiredGroup, DesiredReplacement, DesiredRole,
    EnvironmentName, Failure, FailureKind, GroupKey, GroupKind, GroupNaming, GroupSummary, LiveBinding, LiveGroup,
    LivePrincipal, LiveRole, Management, Mark, Membership, ObjectId, Only, PrincipalKind, PrincipalName,
    PrivilegedMembers, Resolution, Role, RoleKind, RoleRef, RoleTarget, ScopeTarget, Subject, SubjectKind, Target,
    Tenant, UserNaming, mark,
};

const KEYS: [&str; 4] = ["g0", "g1", "g2", "g3"];
const PEOPLE: [&str; 4] = ["hayden", "sam", "erin", "guest:ana"];
/// Object ids of groups that rolecall did not create.
const FOREIGN: [u128; 2] = [901, 902];
const DISPLAY_NAMES: [&str; 3] = ["Developers", "Readers", "g1"];
const ENVIRONMENTS: [&str; 2] = ["alpha", "beta"];

fn names() -> impl Strategy<Value = Vec<PrincipalName>> {
    let all: Vec<PrincipalName> = PEOPLE
        .iter()
        .map(|name| who(name))
        .chain(KEYS.iter().map(|name| PrincipalName::Group(key(name))))
        .chain(FOREIGN.iter().map(|number| PrincipalName::GroupId(id(*number))))
        .chain([who("applier")])
        .collect();
    let most = all.len();
    (subsequence(all, 0..=most), proptest::bool::weighted(0.1)).prop_map(|(mut names, is_one_unknown)| {
        names.extend(is_one_unknown.then(|| who("nobody")));
        names
    })
}

fn asked_group() -> impl Strategy<Value = Option<DesiredGroup>> {
    let management = prop_oneof![
        4 => Just(Management::Owned),
        1 => select(&FOREIGN[..]).prop_map(|number| Management::Adopted(id(number))),
        1 => select(&FOREIGN[..]).prop_map(|number| Management::External(id(number))),
        1 => select(&KEYS[..]).prop_map(|name| Management::Adopted(id(number(name)))),
    ];
    let membership = prop_oneof![3 => Just(Membership::Authoritative), 1 => Just(Membership::Additive), 1 => Just(Membership::External)];
    let text = proptest::option::of(select(&DISPLAY_NAMES[..]));
    let description = proptest::option::of(select(&["", "text"][..]));
    let owners = proptest::option::of(names());
    (any::<bool>(), management, membership, text, description, owners, names(), names()).prop_map(
        |(is_asked, management, membership, text, description, owners, members, mut absent)| {
            // The check of the files lets nobody be a member and absent by one spelling.
            absent.retain(|name| membership == Membership::Additive && !members.contains(name));
            let lines = |names: Vec<PrincipalName>| names.into_iter().zip(11..).map(|(name, line)| (name, at(line)));
            is_asked.then(|| DesiredGroup {
                origin: at(10),
                management,
                membership,
                display_name: text.map(str::to_owned),
                description: description.map(str::to_owned),
                owners: owners.map(|owners| lines(owners).collect()),
                members: lines(members).collect(),
                absent: lines(absent).collect(),
                delegated: false,
                previously: BTreeMap::new(),
            })
        },
    )
}

fn kind() -> impl Strategy<Value = GroupKind> {
    prop_oneof![
        6 => Just(GroupKind::Security),
        1 => Just(GroupKind::Microsoft365),
        1 => Just(GroupKind::Dynamic),
        1 => Just(GroupKind::MailEnabledSecurity),
        1 => Just(GroupKind::Distribution),
        1 => Just(GroupKind::Synced),
    ]
}

/// Live members and owners, by what they are.
fn live_list() -> impl Strategy<Value = Vec<LivePrincipal>> {
    let mut all: Vec<LivePrincipal> =
        PEOPLE.iter().chain(&["applier", "carol", "root"]).map(|name| principal(name)).collect();
    let other = |id: ObjectId, kind, name| LivePrincipal {
        id,
        kind,
        name,
        user_principal_name: None,
        display_name: Some("\u{1b}[31mhostile".into()),
        enabled: None,
    };
    for group in KEYS.iter().map(|name| id(number(name))).chain(FOREIGN.iter().map(|number| id(*number))) {
        all.push(other(group, PrincipalKind::Group, PrincipalName::GroupId(group)));
    }
    all.push(other(id(700), PrincipalKind::Device, PrincipalName::Object(id(700))));
    all.push(other(id(701), PrincipalKind::Other, PrincipalName::Object(id(701))));
    // A second guest with the mail address of the first.
    all.push(LivePrincipal { id: id(702), ..principal("guest:ana") });
    let most = all.len();
    subsequence(all, 0..=most)
}

fn live_group() -> impl Strategy<Value = Option<LiveGroup>> {
    let applier = proptest::bool::weighted(0.8);
    let display = select(&DISPLAY_NAMES[..]);
    let parts = (any::<bool>(), kind(), applier, live_list(), live_list(), display, any::<bool>(), any::<bool>());
    parts.prop_map(|(is_there, kind, applier, mut owners, members, display, described, role_assignable)| {
        owners.truncate(3);
        owners.retain(|owner| owner.kind != PrincipalKind::Group && owner.id != principal("applier").id);
        if applier {
            owners.push(principal("applier"));
        }
        is_there.then(|| LiveGroup {
            id: id(0),
            display_name: display.to_owned(),
            description: described.then(|| "old".to_owned()),
            mail_nickname: Some("other".to_owned()),
            unique_name: None,
            kind,
            role_assignable,
            owners,
            members,
        })
    })
}

fn resolution(name: &'static str) -> impl Strategy<Value = Resolution> {
    let found = principal(name);
    let disabled = LivePrincipal { enabled: Some(false), ..found.clone() };
    let without_name = LivePrincipal { user_principal_name: None, ..found.clone() };
    let missing = Resolution::Missing { reason: "nobody has this name".to_owned(), suggestion: Some("sam".to_owned()) };
    let twin = LivePrincipal { id: id(800), ..found.clone() };
    prop_oneof![
        8 => Just(Resolution::Found(found.clone())),
        1 => Just(Resolution::Found(disabled)),
        1 => Just(Resolution::Found(without_name)),
        1 => Just(missing),
        1 => Just(Resolution::Ambiguous(vec![found, twin])),
    ]
}

fn scope() -> impl Strategy<Value = ScopeTarget> {
    prop_oneof![
        Just(ScopeTarget::Cluster),
        select(&["trinity", "payments", "missing"][..]).prop_map(in_namespace),
        select(&["trinity", "payments", "nobody"][..])
            .prop_map(|team| ScopeTarget::Selector(BTreeMap::from([("team".to_owned(), team.to_owned())]))),
    ]
}

/// Roles by key: two that are there, one that is not, two of ours, and one of ours that is only referred to by name.
fn role_target() -> impl Strategy<Value = RoleTarget> {
    let target = |name: &str, reference, ours| RoleTarget { key: name.parse().unwrap(), reference, ours };
    prop_oneof![
        3 => Just(target("view", cluster_role("view"), false)),
        1 => Just(target("admin", cluster_role("cluster-admin"), false)),
        1 => Just(target("none", cluster_role("viewer"), false)),
        2 => Just(target("own", cluster_role("own-object"), true)),
        1 => Just(target("local", RoleRef { kind: RoleKind::Role, name: "local-object".to_owned() }, true)),
        1 => Just(target("borrowed", cluster_role("left-object"), false)),
    ]
}

fn asked_binding() -> impl Strategy<Value = DesiredBinding> {
    let all: Vec<PrincipalName> = PEOPLE
        .iter()
        .map(|name| who(name))
        .chain(KEYS.iter().map(|name| PrincipalName::Group(key(name))))
        .chain([who("applier"), who("nobody")])
        .collect();
    (select(all), role_target(), scope(), 30..35_u32).prop_map(|(subject, role, scope, line)| {
        // A role of a namespace is only ever granted in that namespace.
        let scope = if role.reference.kind == RoleKind::Role { in_namespace("trinity") } else { scope };
        DesiredBinding { subject, role, scope, origin: at(line) }
    })
}

fn live_mark() -> impl Strategy<Value = Mark> {
    prop_oneof![
        6 => Just(Mark::Ours),
        1 => Just(Mark::OtherConfig("other".to_owned())),
        1 => Just(Mark::LabelsOnly),
        1 => Just(Mark::None),
    ]
}

fn live_subject() -> impl Strategy<Value = Subject> {
    let subject = |kind, name: String| super::world::subject(kind, &name);
    let groups =
        KEYS.iter().map(|name| id(number(name)).to_string()).chain(DISPLAY_NAMES.iter().map(|name| (*name).to_owned()));
    let mut all: Vec<Subject> = groups.map(|name| subject(SubjectKind::Group, name)).collect();
    all.extend(PEOPLE.iter().map(|name| subject(SubjectKind::User, principal(name).id.to_string())));
    all.push(subject(SubjectKind::User, "Hayden@contoso.com".to_owned()));
    all.push(Subject {
        namespace: Some("rolecall".to_owned()),
        ..subject(SubjectKind::ServiceAccount, "applier".to_owned())
    });
    select(all)
}

/// What is made up about one cluster.
#[derive(Clone, Debug)]
struct Place {
    unreachable: bool,
    protected: bool,
    by_name: (bool, bool),
    bindings: Vec<DesiredBinding>,
    /// Live bindings: for the asked one with this number (if there is one), or left over.
    live: Vec<(usize, Mark, Subject, bool, bool, &'static str)>,
    roles: Vec<(&'static str, Mark, bool, bool)>,
    /// Live bindings that give what the asked one with this number gives, or nearly, and that a grant replaces.
    by_hand: Vec<(usize, Mark, bool, bool)>,
}

fn place() -> impl Strategy<Value = Place> {
    let live =
        (0..8_usize, live_mark(), live_subject(), any::<bool>(), any::<bool>(), select(&["view", "own-object"][..]));
    let by_hand_mark = prop_oneof![6 => Just(Mark::None), 1 => live_mark()];
    let role = (select(&["own-object", "left-object", "local-object"][..]), live_mark(), any::<bool>(), any::<bool>());
    (
        proptest::bool::weighted(0.1),
        any::<bool>(),
        (any::<bool>(), any::<bool>()),
        proptest::collection::vec(asked_binding(), 0..6),
        proptest::collection::vec(live, 0..6),
        proptest::collection::vec(role, 0..4),
        proptest::collection::vec((0..6_usize, by_hand_mark, any::<bool>(), proptest::bool::weighted(0.2)), 0..4),
    )
        .prop_map(|(unreachable, protected, by_name, bindings, live, roles, by_hand)| Place {
            unreachable,
            protected,
            by_name,
            bindings,
            live,
            roles,
            by_hand,
        })
}

fn only() -> impl Strategy<Value = Only> {
    let targets = vec![
        Target::Entra,
        Target::Group(key("g0")),
        Target::Group(key("g1")),
        Target::Environment(environment("alpha")),
    ];
    prop_oneof![3 => Just(Only::default()), 1 => subsequence(targets, 1..=2).prop_map(|some| Only(some.into_iter().collect()))]
}

/// Any world.
pub(crate) fn world() -> impl Strategy<Value = World> {
    let asked = proptest::array::uniform4(asked_group());
    let live = proptest::array::uniform4(live_group());
    let foreign = proptest::array::uniform2(live_group());
    let people = (resolution("hayden"), resolution("sam"), resolution("erin"), resolution("guest:ana"));
    let flags = proptest::array::uniform6(any::<bool>());
    let privileged = proptest::collection::vec(0..4_u8, 6);
    let places = proptest::array::uniform2(place());
    (asked, live, foreign, people, flags, privileged, places, only(), any::<bool>()).prop_map(
        |(asked, live, foreign, people, flags, privileged, places, only, strict)| {
            let mut world = World::new();
            world.policy.only = only;
            world.policy.strict = strict;
            world.desired.without_pim = flags[0];
            if flags[1] && flags[2] {
                world.desired.appliers = BTreeSet::new();
            }
            for (name, asked) in KEYS.iter().zip(asked) {
                if let Some(asked) = asked {
                    world.desired.groups.insert(key(name), asked);
                }
            }
            // The check of the files lets no name of an unknown group through.
            let keys: BTreeSet<GroupKey> = world.desired.groups.keys().cloned().collect();
            let is_known = |name: &PrincipalName| !matches!(name, PrincipalName::Group(key) if !keys.contains(key));
            for group in world.desired.groups.values_mut() {
                group.members.retain(|name, _| is_known(name));
                group.absent.retain(|name, _| is_known(name));
                group.owners.iter_mut().for_each(|owners| owners.retain(|name, _| is_known(name)));
            }
            rename(&mut world, flags[0]);
            fill_tenant(&mut world, live, foreign, flags, &privileged);
            let [hayden, sam, erin, ana] = <[Resolution; 4]>::from(people);
            for (name, resolution) in PEOPLE.iter().zip([hayden, sam, erin, ana]) {
                world.tenant().directory.insert(who(name), resolution);
            }
            for ((name, place), number) in ENVIRONMENTS.iter().zip(places).zip([0xa1, 0xb1]) {
                fill_environment(&mut world, name, number, place);
            }
            refresh(&world.desired, &mut world.observed);
            world
        },
    )
}

/// Makes the keys without a block previous keys of the first group, or of the last one.
fn rename(world: &mut World, is_first: bool) {
    let groups = &mut world.desired.groups;
    let free: Vec<GroupKey> = KEYS.iter().map(|name| key(name)).filter(|key| !groups.contains_key(key)).collect();
    let mut owned = groups.values_mut().filter(|group| group.management == Management::Owned);
    let heir = if is_first { owned.next() } else { owned.last() };
    if let Some(group) = heir {
        // One is left to be deleted.
        group.previously = free.into_iter().skip(1).map(|key| (key, at(18))).collect();
    }
}

fn fill_tenant(
    world: &mut World,
    live: [Option<LiveGroup>; 4],
    foreign: [Option<LiveGroup>; 2],
    flags: [bool; 6],
    privileged: &[u8],
) {
    let config = world.desired.config.clone();
    let World { observed, hidden, .. } = world;
    let tenant = observed.tenant.as_mut().unwrap().as_mut().unwrap();
    assert_eq!(tenant.id, tenant_id());
    for (name, live) in KEYS.iter().zip(live) {
        let by_id = live.map(|group| LiveGroup {
            id: id(number(name)),
            unique_name: Some(mark::unique_name(&config, &key(name))),
            ..group
        });
        if let Some(group) = by_id {
            tenant.marked.insert(key(name), group);
            // Some of them are only among the deleted ones, with whoever was in them.
            if flags[3] && (*name == KEYS[0] || *name == KEYS[3]) {
                let group = tenant.marked.remove(&key(name)).unwrap();
                super::model::delete(tenant, hidden, &key(name), group);
            }
        }
    }
    if flags[4] && flags[5] {
        tenant.deleted_unreadable = Some(Failure::new(FailureKind::Forbidden, "403"));
    }
    for (number, live) in FOREIGN.iter().zip(foreign) {
        let unique_name = (flags[1] && *number == FOREIGN[0]).then(|| "rolecall.other.x".to_owned());
        tenant.by_id.insert(id(*number), live.map(|group| LiveGroup { id: id(*number), unique_name, ..group }));
        let group = LivePrincipal { id: id(*number), ..principal("group-id:0") };
        tenant.directory.insert(PrincipalName::GroupId(id(*number)), Resolution::Found(group));
    }
    for summary in [("Readers", 0xf1_u128), ("g2", 0xf2)] {
        let group = GroupSummary {
            id: id(summary.1),
            display_name: summary.0.to_owned(),
            unique_name: None,
            kind: GroupKind::Security,
            created: None,
            owners: Vec::new(),
        };
        if flags[2] {
            tenant.by_display_name.entry(summary.0.to_owned()).or_default().push(group);
        }
    }
    let ids = KEYS.iter().map(|name| id(number(name))).chain(FOREIGN.iter().map(|number| id(*number)));
    for (group, state) in ids.zip(privileged) {
        let members = match state {
            0 => continue,
            1 => PrivilegedMembers::Unreadable("403".to_owned()),
            2 => PrivilegedMembers::Active(BTreeSet::new()),
            _ => PrivilegedMembers::Active(BTreeSet::from([principal("hayden").id, principal("carol").id])),
        };
        observed.of_groups.privileged.insert(group, members);
    }
    // Adopting what carries our own mark: the group is then read by id as well, as it is one and the same object.
    let marked: Vec<LiveGroup> = tenant.marked.values().cloned().collect();
    let adopted: BTreeSet<ObjectId> = world
        .desired
        .groups
        .values()
        .filter_map(|group| match group.management {
            Management::Adopted(id) | Management::External(id) => Some(id),
            Management::Owned => None,
        })
        .collect();
    if marked.iter().any(|group| adopted.contains(&group.id)) {
        // One object in two maps would have to be changed in both; what a plan does about it is tested by hand.
        world.desired.groups.retain(|_, group| match group.management {
            Management::Adopted(id) => !marked.iter().any(|live| live.id == id),
            Management::Owned | Management::External(_) => true,
        });
    }
    // Whoever is nested is there.
    let tenant = world.tenant();
    let there: BTreeSet<ObjectId> =
        tenant.marked.values().chain(tenant.by_id.values().flatten()).map(|group| nested(group).id).collect();
    for group in tenant.marked.values_mut().chain(tenant.by_id.values_mut().flatten()) {
        group.members.retain(|member| member.kind != PrincipalKind::Group || there.contains(&member.id));
    }
}

fn fill_environment(world: &mut World, name: &str, number: u128, place: Place) {
    world.add_environment(name, number);
    let name: EnvironmentName = environment(name);
    let config = world.desired.config.clone();
    let tenant = world.tenant().clone();
    let display_names =
        world.desired.groups.iter().map(|(key, group)| (key.clone(), group.display_name.clone())).collect();
    let desired = world.desired.environments.get_mut(&name).unwrap();
    desired.protected = place.protected;
    desired.tokens.groups = if place.by_name.0 { GroupNaming::DisplayName } else { GroupNaming::ObjectId };
    desired.tokens.users = if place.by_name.1 { UserNaming::UserPrincipalName } else { UserNaming::ObjectId };
    desired.bindings = place.bindings;
    desired.bindings.retain(|binding| match &binding.subject {
        PrincipalName::Group(key) => world.desired.groups.contains_key(key),
        _ => true,
    });
    if place.unreachable {
        let failure = Failure::new(FailureKind::Unreachable, format!("{name} does not answer"));
        world.observed.clusters.insert(name, Err(failure));
        return;
    }
    let own = |namespace, name: &str, text: &str| DesiredRole {
        origin: at(20),
        key: text.parse().unwrap(),
        namespace,
        name: name.to_owned(),
        rules: vec![rule(&["get"], &["secrets"])],
        aggregate_to: std::collections::BTreeSet::new(),
    };
    let uses = |name: &str| desired.bindings.iter().any(|binding| binding.role.reference.name == name);
    if uses("own-object") {
        desired.roles.push(own(None, "own-object", "own"));
    }
    if uses("local-object") {
        desired.roles.push(own(Some(namespace("trinity")), "local-object", "local"));
    }
    let mut cluster = cluster(number);
    let mut names = BTreeSet::new();
    for (which, mark, subject, is_same, is_drifted, role) in place.live {
        let asked = desired.bindings.get(which);
        let (place, name, role) = match asked {
            Some(binding) => {
                let place = match &binding.scope {
                    ScopeTarget::Namespace(name) if name.as_str() != "missing" => Some(name.clone()),
                    ScopeTarget::Selector(_) => Some(namespace("trinity")),
                    ScopeTarget::Namespace(_) | ScopeTarget::Cluster => None,
                };
                let target = &binding.role;
                let name =
                    mark::binding_name(&config, &binding.subject, &target.key, &target.reference, &binding.scope);
                (place, name, if is_same { target.reference.clone() } else { cluster_role(role) })
            }
            None if is_same => (None, format!("left-{which}"), cluster_role(role)),
            None => (Some(namespace("trinity")), format!("left-{which}"), cluster_role(role)),
        };
        if names.insert((place.clone(), name.clone())) {
            let mut meta = meta(mark);
            meta.other_managers = if is_drifted { vec!["kubectl-edit".to_owned()] } else { Vec::new() };
            meta.bootstrapping = which == 7 && is_drifted;
            let subjects = if which == 6 && is_drifted { Vec::new() } else { vec![subject] };
            cluster.bindings.push(LiveBinding { binding: Binding { namespace: place, name, role, subjects }, meta });
        }
    }
    fill_by_hand(&place.by_hand, desired, &tenant, &display_names, &mut cluster);
    for (name, mark, is_same, is_drifted) in place.roles {
        let place = (name == "local-object").then(|| namespace("trinity"));
        if cluster.roles.iter().all(|live| live.role.name != name) {
            let mut meta = meta(mark);
            meta.other_managers = if is_drifted { vec!["helm".to_owned()] } else { Vec::new() };
            // Ours are widened or narrowed, never both at once: then one write of a role gives and takes.
            let rules = match (is_same, is_drifted) {
                (true, _) => vec![rule(&["get"], &["secrets"])],
                (false, true) => Vec::new(),
                (false, false) => vec![rule(&["*"], &["*"])],
            };
            cluster.roles.push(LiveRole {
                role: Role { namespace: place, name: name.to_owned(), rules, aggregate_to: BTreeSet::new() },
                meta,
                labels: BTreeMap::new(),
                aggregation: (is_drifted && is_same).then(Vec::new),
            });
        }
    }
    world.observed.clusters.insert(name, Ok(cluster));
}

/// Bindings made by hand beside what is asked for: the same role in the same place, for its subject as the cluster calls it,
/// and for the subject of the first grant or a stranger. Each is replaced by a grant of both.
fn fill_by_hand(
    by_hand: &[(usize, Mark, bool, bool)],
    desired: &mut DesiredEnvironment,
    tenant: &Tenant,
    display_names: &BTreeMap<GroupKey, Option<String>>,
    cluster: &mut Cluster,
) {
    let spelt = |desired: &DesiredEnvironment, who: &PrincipalName| match who {
        PrincipalName::Group(key) => {
            let name = match desired.tokens.groups {
                GroupNaming::ObjectId => id(number(key.as_str())).to_string(),
                GroupNaming::DisplayName => {
                    display_names.get(key).cloned().flatten().unwrap_or_else(|| key.to_string())
                }
            };
            super::world::subject(SubjectKind::Group, &name)
        }
        who => {
            let name = match (tenant.directory.get(who), desired.tokens.users) {
                (Some(Resolution::Found(live)), UserNaming::ObjectId) => live.id.to_string(),
                (Some(Resolution::Found(live)), UserNaming::UserPrincipalName) => {
                    live.user_principal_name.as_deref().unwrap_or("nobody").to_owned()
                }
                _ => "nobody".to_owned(),
            };
            super::world::subject(SubjectKind::User, &name)
        }
    };
    for (number, (which, mark, has_another, is_for_a_stranger)) in by_hand.iter().enumerate() {
        let (Some(asked), Some(first)) = (desired.bindings.get(*which).cloned(), desired.bindings.first().cloned())
        else {
            continue;
        };
        let place = match &asked.scope {
            ScopeTarget::Namespace(name) => Some(name.clone()),
            // By its labels kube-system would be meant as well.
            ScopeTarget::Selector(_) => {
                Some(namespace(if number.is_multiple_of(2) { "trinity" } else { "kube-system" }))
            }
            ScopeTarget::Cluster => None,
        };
        let mut subjects = vec![spelt(desired, &asked.subject)];
        if *has_another {
            subjects.push(spelt(desired, &first.subject));
        }
        if *is_for_a_stranger {
            subjects.push(super::world::subject(SubjectKind::User, "stranger"));
        }
        let name = format!("hand-{number}");
        desired.replacements.push(DesiredReplacement {
            target: BindingName { namespace: place.clone(), name: name.clone() },
            origin: at(40),
            subjects: BTreeSet::from([asked.subject, first.subject]),
            roles: BTreeSet::from([asked.role.clone(), first.role]),
            scopes: BTreeSet::from([asked.scope, first.scope]),
        });
        let binding = Binding { namespace: place, name, role: asked.role.reference, subjects };
        cluster.bindings.push(LiveBinding { binding, meta: meta(mark.clone()) });
    }
}
