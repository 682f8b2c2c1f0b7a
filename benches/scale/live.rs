//! What is there: as the files ask, but for a few differences of every kind, as on any working day.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::sandbox::{
    Seed, SeedApplier, SeedBinding, SeedCluster, SeedGroup, SeedNamespace, SeedPrincipal, SeedUser,
};
use rolecall::state::{
    AppId, Binding, Cluster, Desired, DesiredBinding, DesiredEnvironment, DesiredGroup, EnvironmentName, GroupKey,
    GroupKind, LiveBinding, LiveGroup, LiveMeta, LivePrincipal, LiveRole, Mark, ObjectId, Observed, OwnIdentity,
    PolicyRule, PrincipalKind, PrincipalName, Resolution, Role, RoleKind, RoleRef, Subject, SubjectKind, SubjectName,
    Tenant, mark,
};
use uuid::Uuid;

use crate::Error;
use crate::world::{self, Shape};

/// Of so many groups one has lost a member and got another.
const DRIFTED: usize = 100;
/// Of so many groups one is not bound yet.
const UNBOUND: usize = 100;
/// Of so many groups one is new, and for so many there is one that the files no longer know.
const NEW: usize = 500;

/// One live group, by names.
struct There {
    key: GroupKey,
    description: Option<String>,
    owners: Vec<PrincipalName>,
    members: Vec<PrincipalName>,
}

/// The live groups.
fn groups(desired: &Desired, shape: Shape) -> Result<Vec<There>, Error> {
    let mut all = Vec::new();
    for (position, (key, group)) in desired.groups.iter().enumerate() {
        if position % NEW == 11 {
            continue;
        }
        all.push(There {
            key: key.clone(),
            description: group.description.clone(),
            owners: group.owners.iter().flatten().map(|(name, _)| name.clone()).collect(),
            members: members(position, group, shape)?,
        });
        if position % NEW == 0 {
            let left = format!("left-{position}").parse()?;
            all.push(There { key: left, description: None, owners: Vec::new(), members: members(1, group, shape)? });
        }
    }
    Ok(all)
}

fn members(position: usize, group: &DesiredGroup, shape: Shape) -> Result<Vec<PrincipalName>, Error> {
    let mut members: Vec<PrincipalName> = group.members.keys().cloned().collect();
    if position % DRIFTED == 7 {
        members.pop();
        for number in 0..shape.people() {
            let stranger = user(number)?;
            if !group.members.contains_key(&stranger) {
                members.push(stranger);
                break;
            }
        }
    }
    Ok(members)
}

fn user(number: usize) -> Result<PrincipalName, Error> {
    Ok(PrincipalName::User(world::person(number).parse()?))
}

/// The bindings of ours that are on a cluster.
fn bindings<'d>(
    desired: &'d Desired,
    environment: &'d DesiredEnvironment,
) -> impl Iterator<Item = (&'d GroupKey, &'d DesiredBinding)> {
    let unbound: BTreeSet<&GroupKey> = desired
        .groups
        .keys()
        .enumerate()
        .filter(|(position, _)| position % UNBOUND == 23 || position % NEW == 11)
        .map(|(_, key)| key)
        .collect();
    environment.bindings.iter().filter_map(move |binding| match &binding.subject {
        PrincipalName::Group(key) if !unbound.contains(key) => Some((key, binding)),
        _ => None,
    })
}

/// What a sandbox starts with to be like that.
pub(crate) fn seed(desired: &Desired, shape: Shape) -> Result<Seed, Error> {
    let mut seed = Seed::new("contoso.com");
    seed.tenant.id = Some(desired.tenant);
    let applier = AppId::from(world::id(2, 0));
    seed.applier = SeedApplier { app_id: Some(applier), ..SeedApplier::default() };
    seed.users = (0..shape.people())
        .map(|number| SeedUser { user_principal_name: Some(world::person(number)), ..SeedUser::default() })
        .collect();
    let named = |names: Vec<PrincipalName>| names.iter().map(|name| SeedPrincipal::User(name.to_string())).collect();
    for group in groups(desired, shape)? {
        let mut owners: Vec<SeedPrincipal> = named(group.owners);
        owners.push(SeedPrincipal::ServicePrincipal(applier));
        seed.groups.push(SeedGroup {
            display_name: group.key.to_string(),
            description: group.description,
            members: named(group.members),
            owners,
            unique_name: Some(mark::unique_name(&desired.config, &group.key)),
            mail_nickname: Some(mark::mail_nickname(&desired.config, &group.key)),
            ..SeedGroup::default()
        });
    }
    for (name, environment) in &desired.environments {
        let mut cluster = SeedCluster { uid: environment.cluster, ..SeedCluster::default() };
        for number in 0..world::NAMESPACES {
            cluster.namespaces.insert(world::namespace(number).parse()?, SeedNamespace::default());
        }
        cluster.bindings = bindings(desired, environment)
            .map(|(key, binding)| SeedBinding {
                name: binding_name(desired, binding),
                namespace: namespace(binding),
                cluster_role: binding.role.reference.name.clone(),
                subjects: vec![SeedPrincipal::Group(key.to_string())],
                config: Some(desired.config.clone()),
            })
            .collect();
        seed.clusters.insert(name.clone(), cluster);
    }
    Ok(seed)
}

fn binding_name(desired: &Desired, binding: &DesiredBinding) -> String {
    mark::binding_name(&desired.config, &binding.subject, &binding.role.key, &binding.role.reference, &binding.scope)
}

fn namespace(binding: &DesiredBinding) -> Option<rolecall::state::Namespace> {
    match &binding.scope {
        rolecall::state::ScopeTarget::Namespace(name) => Some(name.clone()),
        rolecall::state::ScopeTarget::Cluster | rolecall::state::ScopeTarget::Selector(_) => None,
    }
}

/// The same as the readers would give it.
pub(crate) fn observed(desired: &Desired, shape: Shape) -> Result<Observed, Error> {
    let people = (0..shape.people())
        .map(|number| Ok((user(number)?, ObjectId::from(world::id(4, number)))))
        .collect::<Result<BTreeMap<_, _>, Error>>()?;
    let live = |name: &PrincipalName| people.get(name).map(|id| person(*id, name));
    let applier = AppId::from(world::id(2, 0));
    let own = LivePrincipal {
        id: ObjectId::from(world::id(5, 0)),
        kind: PrincipalKind::ServicePrincipal,
        name: PrincipalName::ServicePrincipal(applier),
        user_principal_name: None,
        display_name: Some("rolecall".into()),
        enabled: Some(true),
    };
    let mut marked = BTreeMap::new();
    let mut ids: BTreeMap<GroupKey, ObjectId> = BTreeMap::new();
    for (number, group) in groups(desired, shape)?.into_iter().enumerate() {
        let id = ObjectId::from(world::id(6, number));
        ids.insert(group.key.clone(), id);
        let group = LiveGroup {
            id,
            display_name: group.key.to_string(),
            description: group.description,
            mail_nickname: Some(mark::mail_nickname(&desired.config, &group.key)),
            unique_name: Some(mark::unique_name(&desired.config, &group.key)),
            kind: GroupKind::Security,
            role_assignable: false,
            owners: group.owners.iter().filter_map(live).chain([own.clone()]).collect(),
            members: group.members.iter().filter_map(live).collect(),
        };
        if let Some((_, key)) = group.unique_name.as_deref().and_then(mark::parse_unique_name) {
            marked.insert(key, group);
        }
    }
    let mut directory: BTreeMap<PrincipalName, Resolution> =
        people.iter().map(|(name, id)| (name.clone(), Resolution::Found(person(*id, name)))).collect();
    directory.insert(own.name.clone(), Resolution::Found(own.clone()));
    let tenant = Tenant {
        id: desired.tenant,
        domain: Some("contoso.com".to_owned()),
        identity: OwnIdentity { id: own.id, app: Some(applier), label: applier.to_string() },
        marked,
        by_id: BTreeMap::new(),
        directory,
        deleted: BTreeMap::new(),
        deleted_unreadable: None,
        by_display_name: BTreeMap::new(),
        other_configs: BTreeSet::new(),
    };
    let clusters = desired
        .environments
        .iter()
        .map(|(name, environment)| Ok((name.clone(), Ok(cluster(desired, environment, &ids)?))))
        .collect::<Result<BTreeMap<EnvironmentName, _>, Error>>()?;
    Ok(Observed { tenant: Some(Ok(tenant)), clusters, ..Observed::default() })
}

fn person(id: ObjectId, name: &PrincipalName) -> LivePrincipal {
    LivePrincipal {
        id,
        kind: PrincipalKind::User,
        name: name.clone(),
        user_principal_name: Some(name.to_string().into()),
        display_name: Some("First Last".into()),
        enabled: Some(true),
    }
}

fn cluster(
    desired: &Desired,
    environment: &DesiredEnvironment,
    ids: &BTreeMap<GroupKey, ObjectId>,
) -> Result<Cluster, Error> {
    const US: &str = "rolecall";
    let mut number = 0;
    let mut meta = |mark: Mark, bootstrapping: bool| {
        number += 1;
        LiveMeta {
            uid: Uuid::from_u128(number).to_string(),
            resource_version: number.to_string(),
            mark,
            other_managers: Vec::new(),
            bootstrapping,
            trace: rolecall::state::Trace::default(),
        }
    };
    let subject =
        |kind, name: String| Subject { kind, name: SubjectName::Known(name), namespace: None, principal: None };
    let mut roles = Vec::new();
    let all = rule(&["*"], "*");
    for (name, rules) in [
        ("cluster-admin", vec![all]),
        ("admin", vec![rule(&["create", "delete", "get", "list"], "pods"), rule(&["*"], "rolebindings")]),
        ("edit", vec![rule(&["create", "delete", "get", "list"], "pods"), rule(&["*"], "secrets")]),
        ("view", vec![rule(&["get", "list", "watch"], "pods")]),
    ] {
        let role = Role { namespace: None, name: name.to_owned(), rules, aggregate_to: BTreeSet::new() };
        roles.push(LiveRole::new(role, meta(Mark::None, true)));
    }
    let reference = |name: &str| RoleRef { kind: RoleKind::ClusterRole, name: name.to_owned() };
    let mut live = vec![LiveBinding {
        binding: Binding {
            namespace: None,
            name: "appliers".to_owned(),
            role: reference("cluster-admin"),
            subjects: vec![subject(SubjectKind::User, US.to_owned())],
        },
        meta: meta(Mark::None, false),
    }];
    for (key, asked) in bindings(desired, environment) {
        let Some(id) = ids.get(key) else { continue };
        live.push(LiveBinding {
            binding: Binding {
                namespace: namespace(asked),
                name: binding_name(desired, asked),
                role: asked.role.reference.clone(),
                subjects: vec![subject(SubjectKind::Group, id.to_string())],
            },
            meta: meta(Mark::Ours, false),
        });
    }
    let mut namespaces = BTreeMap::new();
    for number in 0..world::NAMESPACES {
        namespaces.insert(world::namespace(number).parse()?, BTreeMap::new());
    }
    Ok(Cluster {
        config: desired.config.clone(),
        uid: environment.cluster.ok_or("an environment without a cluster")?,
        username: US.to_owned(),
        user_groups: BTreeSet::from(["system:authenticated".to_owned()]),
        namespaces,
        roles,
        bindings: live,
        pseudonymised: false,
    })
}

fn rule(verbs: &[&str], resource: &str) -> PolicyRule {
    PolicyRule {
        api_groups: vec!["*".to_owned()],
        resources: vec![resource.to_owned()],
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}
