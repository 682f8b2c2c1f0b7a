//! A small company: one tenant, one cluster, a few people, and short ways to say what is asked for and what is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::state::{
    Acknowledgement, AppId, Binding, Cluster, ClusterUid, DefaultRole, DeletedGroup, Desired, DesiredBinding,
    DesiredEnvironment, DesiredGroup, DesiredRole, EnvironmentName, EnvironmentType, GroupKey, GroupKind, GroupNaming,
    LiveBinding, LiveGroup, LiveMeta, LivePrincipal, LiveRole, Management, Mark, Membership, Namespace, ObjectId,
    Observed, Origin, OwnIdentity, Policy, PolicyRule, PrincipalKind, PrincipalName, Resolution, Role, RoleKind,
    RoleRef, RoleTarget, ScopeTarget, Selector, Subject, SubjectKind, SubjectName, Tenant, TenantId, TokenNaming,
    Unmanaged, UserNaming, mark,
};

/// What is asked for, what is there, and what may be done.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) desired: Desired,
    pub(crate) observed: Observed,
    pub(crate) policy: Policy,
    /// Deleted groups whole, as nobody can read them.
    pub(super) hidden: BTreeMap<ObjectId, LiveGroup>,
}

pub(super) const APPLIER: u128 = 0xa0;

pub(super) fn id(number: u128) -> ObjectId {
    ObjectId::from(uuid::Uuid::from_u128(number << 64 | 0x5eed))
}

pub(super) fn app() -> AppId {
    AppId::from(uuid::Uuid::from_u128(0xa99))
}

pub(super) fn tenant_id() -> TenantId {
    TenantId::from(uuid::Uuid::from_u128(0x7e))
}

pub(super) fn uid(number: u128) -> ClusterUid {
    ClusterUid::from(uuid::Uuid::from_u128(number))
}

pub(super) fn key(text: &str) -> GroupKey {
    text.parse().unwrap()
}

pub(super) fn environment(text: &str) -> EnvironmentName {
    text.parse().unwrap()
}

pub(super) fn namespace(text: &str) -> Namespace {
    text.parse().unwrap()
}

pub(super) fn at(line: u32) -> Origin {
    Origin { file: "access.yaml".into(), line }
}

/// `name` for a user of contoso.com, `group:key`, `group-id:number`, `guest:name` or `applier`.
pub(super) fn who(text: &str) -> PrincipalName {
    match text.split_once(':') {
        Some(("group", rest)) => PrincipalName::Group(key(rest)),
        Some(("group-id", rest)) => PrincipalName::GroupId(id(rest.parse().unwrap())),
        Some(("guest", rest)) => PrincipalName::Guest(format!("{rest}@partner.example").parse().unwrap()),
        Some(_) => panic!("no such kind of name: {text}"),
        None if text == "applier" => PrincipalName::ServicePrincipal(app()),
        None => PrincipalName::User(format!("{text}@contoso.com").parse().unwrap()),
    }
}

/// A number for a person's name, so that the same name is the same person everywhere.
pub(super) fn number(text: &str) -> u128 {
    text.bytes().fold(0x100, |sum, byte| sum * 31 + u128::from(byte)) & 0xffff_ffff
}

pub(super) fn principal(text: &str) -> LivePrincipal {
    let name = who(text);
    let (id, kind) = match &name {
        PrincipalName::ServicePrincipal(_) => (id(APPLIER), PrincipalKind::ServicePrincipal),
        PrincipalName::Guest(_) => (id(number(text)), PrincipalKind::Guest),
        PrincipalName::GroupId(group) => (*group, PrincipalKind::Group),
        PrincipalName::Group(_) | PrincipalName::User(_) | PrincipalName::Object(_) => {
            (id(number(text)), PrincipalKind::User)
        }
    };
    let user_principal_name = match kind {
        PrincipalKind::User => Some(format!("{}@contoso.com", capitalised(text)).into()),
        PrincipalKind::Guest => {
            Some(format!("{}_partner.example#EXT#@contoso.com", text.trim_start_matches("guest:")).into())
        }
        _ => None,
    };
    let display_name = Some(capitalised(text).into());
    LivePrincipal { id, kind, name, user_principal_name, display_name, enabled: Some(true) }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

/// A live group as a member of another.
pub(super) fn nested(group: &LiveGroup) -> LivePrincipal {
    LivePrincipal {
        id: group.id,
        kind: PrincipalKind::Group,
        name: PrincipalName::GroupId(group.id),
        user_principal_name: None,
        display_name: Some(group.display_name.as_str().into()),
        enabled: None,
    }
}

pub(super) fn rule(verbs: &[&str], resources: &[&str]) -> PolicyRule {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let api_groups = if resources.contains(&"*") { vec!["*".to_owned()] } else { vec![String::new()] };
    PolicyRule { api_groups, resources: texts(resources), verbs: texts(verbs), ..PolicyRule::default() }
}

pub(super) fn meta(mark: Mark) -> LiveMeta {
    LiveMeta {
        uid: "uid-1".to_owned(),
        resource_version: "7".to_owned(),
        mark,
        other_managers: Vec::new(),
        bootstrapping: false,
        trace: crate::state::Trace::default(),
    }
}

pub(super) fn cluster_role(name: &str) -> RoleRef {
    RoleRef { kind: RoleKind::ClusterRole, name: name.to_owned() }
}

/// A role that is there, by its key.
pub(super) fn existing(name: &str) -> RoleTarget {
    RoleTarget { key: name.parse().unwrap(), reference: cluster_role(name), ours: false }
}

pub(super) fn subject(kind: SubjectKind, name: &str) -> Subject {
    Subject { kind, name: SubjectName::Known(name.to_owned()), namespace: None, principal: None }
}

pub(super) fn cluster(number: u128) -> Cluster {
    let next = |name: &str| match DefaultRole::of_name(name)? {
        DefaultRole::View => Some(DefaultRole::Edit),
        DefaultRole::Edit => Some(DefaultRole::Admin),
        DefaultRole::Admin => None,
    };
    let built_in = |name: &str, rules| LiveRole {
        role: Role { namespace: None, name: name.to_owned(), rules, aggregate_to: BTreeSet::new() },
        meta: LiveMeta { bootstrapping: true, ..meta(Mark::None) },
        labels: next(name).map(|next| (next.label().to_owned(), "true".to_owned())).into_iter().collect(),
        aggregation: DefaultRole::of_name(name).map(|default| vec![Selector::of_label(default.label())]),
    };
    Cluster {
        config: "contoso-platform".parse().unwrap(),
        uid: uid(number),
        username: "system:serviceaccount:rolecall:applier".to_owned(),
        user_groups: BTreeSet::from(["system:authenticated".to_owned()]),
        namespaces: BTreeMap::from([
            (namespace("trinity"), BTreeMap::from([("team".to_owned(), "trinity".to_owned())])),
            (namespace("payments"), BTreeMap::from([("team".to_owned(), "payments".to_owned())])),
            (namespace("kube-system"), BTreeMap::from([("team".to_owned(), "trinity".to_owned())])),
        ]),
        roles: vec![
            built_in("view", vec![rule(&["get", "list"], &["pods"])]),
            built_in("edit", vec![rule(&["get", "list", "patch"], &["pods"])]),
            built_in("cluster-admin", vec![rule(&["*"], &["*"])]),
        ],
        bindings: Vec::new(),
        pseudonymised: false,
    }
}

impl World {
    /// An empty config, an empty tenant with five people, and the environment `alpha` with an empty cluster.
    pub(crate) fn new() -> Self {
        let people = ["hayden", "sam", "erin", "carol", "root", "guest:ana", "applier"];
        let directory = people.iter().map(|name| (who(name), Resolution::Found(principal(name)))).collect();
        let tenant = Tenant {
            id: tenant_id(),
            domain: Some("contoso.com".to_owned()),
            identity: OwnIdentity { id: id(APPLIER), app: Some(app()), label: app().to_string() },
            marked: BTreeMap::new(),
            by_id: BTreeMap::new(),
            directory,
            deleted: BTreeMap::new(),
            deleted_unreadable: None,
            by_display_name: BTreeMap::new(),
            other_configs: BTreeSet::new(),
        };
        let mut world = Self {
            desired: Desired {
                config: "contoso-platform".parse().unwrap(),
                tenant: tenant_id(),
                appliers: BTreeSet::from([app()]),
                applier_lines: BTreeMap::new(),
                without_pim: true,
                groups: BTreeMap::new(),
                environments: BTreeMap::new(),
                expectations: Vec::new(),
                lock: None,
            },
            observed: Observed { tenant: Some(Ok(tenant)), ..Observed::default() },
            policy: Policy::default(),
            hidden: BTreeMap::new(),
        };
        world.add_environment("alpha", 0xa1);
        world
    }

    /// The tenant and the clusters as they are once a config is applied.
    pub(crate) fn settled(desired: Desired) -> Self {
        let mut world = Self::new();
        world.observed.clusters.clear();
        for (name, block) in &desired.environments {
            let number = block.cluster.map_or(0, |uid| uuid::Uuid::parse_str(&uid.to_string()).unwrap().as_u128());
            world.observed.clusters.insert(name.clone(), Ok(cluster(number)));
        }
        world.desired = desired;
        super::model::refresh(&world.desired, &mut world.observed);
        let plan = world.plan();
        assert_eq!(plan.withheld, [], "all of it can be made");
        world.apply(&plan.changes);
        world
    }

    /// Carries out everything that is planned for other files.
    pub(crate) fn carried_out(&self, changes: &[crate::state::Change]) -> Self {
        let mut after = self.clone();
        after.apply(changes);
        after
    }

    /// Deletes a group by hand: for good, or so that it can be restored.
    pub(crate) fn lose(&mut self, name: &str, is_for_good: bool) {
        let config = self.desired.config.clone();
        let Self { observed, hidden, .. } = self;
        let tenant = observed.tenant.as_mut().unwrap().as_mut().unwrap();
        let Some(gone) = tenant.marked.remove(&key(name)) else { return };
        assert_eq!(gone.unique_name, Some(mark::unique_name(&config, &key(name))));
        for group in tenant.marked.values_mut() {
            group.members.retain(|member| member.id != gone.id);
        }
        if !is_for_good {
            super::model::delete(tenant, hidden, &key(name), gone);
        }
        super::model::refresh(&self.desired, &mut self.observed);
    }

    /// Puts somebody of contoso.com into a group by hand, or takes them out.
    pub(crate) fn turn(&mut self, group: &str, who: &str) {
        let who = principal(who);
        let Some(group) = self.tenant().marked.get_mut(&key(group)) else { return };
        let before = group.members.len();
        group.members.retain(|member| member.id != who.id);
        if group.members.len() == before {
            group.members.push(who);
        }
    }

    /// What a subject is called on a cluster where object ids are names: `name` for somebody of contoso.com, `group:key`, or else
    /// just that.
    pub(crate) fn called(&self, text: &str) -> Subject {
        if let Some(name) = text.strip_prefix("group:") {
            let live = self.observed.tenant.as_ref().unwrap().as_ref().unwrap().marked.get(&key(name));
            let id = live.map_or_else(|| id(number(name)), |live| live.id);
            return subject(SubjectKind::Group, &id.to_string());
        }
        subject(SubjectKind::User, &principal(text).id.to_string())
    }

    pub(super) fn add_environment(&mut self, name: &str, number: u128) -> &mut DesiredEnvironment {
        self.observed.clusters.insert(environment(name), Ok(cluster(number)));
        self.desired.environments.entry(environment(name)).or_insert(DesiredEnvironment {
            origin: at(1),
            kind: EnvironmentType::K3s,
            context: name.to_owned(),
            cluster: Some(uid(number)),
            protected: false,
            tokens: TokenNaming {
                groups: GroupNaming::ObjectId,
                claim: crate::state::GroupsClaim::default(),
                groups_prefix: String::new(),
                users: UserNaming::ObjectId,
                users_prefix: String::new(),
            },
            applier: None,
            former_applier: None,
            roles: Vec::new(),
            bindings: Vec::new(),
            unmanaged: Unmanaged::Report,
            allow_unmanaged: Vec::new(),
            replacements: Vec::new(),
        })
    }

    pub(super) fn tenant(&mut self) -> &mut Tenant {
        self.observed.tenant.as_mut().unwrap().as_mut().unwrap()
    }

    pub(super) fn alpha(&mut self) -> &mut DesiredEnvironment {
        self.desired.environments.get_mut(&environment("alpha")).unwrap()
    }

    pub(super) fn cluster(&mut self) -> &mut Cluster {
        self.cluster_of("alpha")
    }

    pub(super) fn cluster_of(&mut self, name: &str) -> &mut Cluster {
        self.observed.clusters.get_mut(&environment(name)).unwrap().as_mut().unwrap()
    }

    /// Asks for a group of ours with these members; line 10 and following.
    pub(super) fn ask(&mut self, name: &str, members: &[&str]) -> &mut DesiredGroup {
        let members = members.iter().zip(11..).map(|(member, line)| (who(member), at(line))).collect();
        self.desired.groups.entry(key(name)).or_insert(DesiredGroup {
            origin: at(10),
            management: Management::Owned,
            membership: Membership::Authoritative,
            display_name: None,
            description: None,
            owners: None,
            members,
            absent: BTreeMap::new(),
            delegated: false,
            previously: BTreeMap::new(),
        })
    }

    /// A live group of ours with these members, owned by the applier.
    pub(super) fn live(&mut self, name: &str, members: &[&str]) -> &mut LiveGroup {
        let config = self.desired.config.clone();
        let group = LiveGroup {
            id: id(number(name)),
            display_name: name.to_owned(),
            description: None,
            mail_nickname: Some(mark::mail_nickname(&config, &key(name))),
            unique_name: Some(mark::unique_name(&config, &key(name))),
            kind: GroupKind::Security,
            role_assignable: false,
            owners: vec![principal("applier")],
            members: members.iter().map(|member| principal(member)).collect(),
        };
        self.tenant().marked.entry(key(name)).or_insert(group)
    }

    /// The live group of this key, deleted.
    pub(super) fn deleted(&mut self, name: &str) -> &mut DeletedGroup {
        let Self { observed, hidden, .. } = self;
        let tenant = observed.tenant.as_mut().unwrap().as_mut().unwrap();
        let group = tenant.marked.remove(&key(name)).unwrap();
        super::model::delete(tenant, hidden, &key(name), group);
        tenant.deleted.get_mut(&key(name)).unwrap().last_mut().unwrap()
    }

    /// A live group that rolecall did not create, read by id.
    pub(super) fn foreign(&mut self, number: u128, name: &str, members: &[&str]) -> &mut LiveGroup {
        let group = LiveGroup {
            id: id(number),
            display_name: name.to_owned(),
            description: None,
            mail_nickname: None,
            unique_name: None,
            kind: GroupKind::Security,
            role_assignable: false,
            owners: vec![principal("root")],
            members: members.iter().map(|member| principal(member)).collect(),
        };
        self.tenant().by_id.entry(id(number)).or_insert(None).insert(group)
    }

    /// Grants an existing cluster role on alpha; line 30.
    pub(super) fn grant(&mut self, subject: &str, role: &str, scope: ScopeTarget) -> DesiredBinding {
        let binding = DesiredBinding { subject: who(subject), role: existing(role), scope, origin: at(30) };
        self.alpha().bindings.push(binding.clone());
        binding
    }

    /// A role of ours on the whole of alpha; line 20.
    pub(super) fn role(&mut self, name: &str, rules: Vec<PolicyRule>) -> RoleTarget {
        let reference = cluster_role(&format!("{name}-object"));
        self.alpha().roles.push(DesiredRole {
            origin: at(20),
            key: name.parse().unwrap(),
            namespace: None,
            name: reference.name.clone(),
            rules,
            aggregate_to: std::collections::BTreeSet::new(),
        });
        RoleTarget { key: name.parse().unwrap(), reference, ours: true }
    }

    /// A live binding on alpha.
    pub(super) fn bind(&mut self, place: Option<&str>, name: &str, role: &str, who: Subject, mark: Mark) {
        let binding = Binding {
            namespace: place.map(namespace),
            name: name.to_owned(),
            role: cluster_role(role),
            subjects: vec![who],
        };
        self.cluster().bindings.push(LiveBinding { binding, meta: meta(mark) });
    }

    /// The name of the object that a grant asks for.
    pub(super) fn name_of(&self, binding: &DesiredBinding) -> String {
        let RoleTarget { key, reference, .. } = &binding.role;
        mark::binding_name(&self.desired.config, &binding.subject, key, reference, &binding.scope)
    }

    pub(super) fn acknowledge(&mut self, text: &str) {
        self.policy.acknowledged.insert(text.parse::<Acknowledgement>().unwrap());
    }
}

pub(super) fn in_namespace(name: &str) -> ScopeTarget {
    ScopeTarget::Namespace(namespace(name))
}
