//! What a new sandbox holds: the file of `sandbox init`, or what the config itself names.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::principal::SeedPrincipal;

use super::graph::permission::every_permission;
use super::graph::state::{
    App, FederatedCredential, Group, Invitation, Kind, Planted, PrivilegedAssignment, ServicePrincipal, Tenant, User,
    derived_id, derived_uuid,
};
use super::graph::token::workload_credential;
use super::graph::{certificate, issuer};
use crate::state::{AppId, ClusterUid, ConfigName, EnvironmentName, Namespace, ObjectId, TenantId};

/// When everything that was seeded is said to have been created.
const SEEDED: &str = "2026-01-05T08:00:00Z";

/// A tenant and clusters to start from. Ids that are left out follow from the names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Seed {
    /// The tenant.
    pub tenant: SeedTenant,
    /// The app whose credential rolecall gets.
    #[serde(default)]
    pub applier: SeedApplier,
    /// People and guests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<SeedUser>,
    /// Groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<SeedGroup>,
    /// Other apps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_principals: Vec<SeedServicePrincipal>,
    /// Clusters by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<EnvironmentName, SeedCluster>,
}

/// The tenant's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SeedTenant {
    /// Directory id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<TenantId>,
    /// Default domain.
    pub domain: String,
}

/// The app that applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SeedApplier {
    /// App id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<AppId>,
    /// Object id of its service principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ObjectId>,
    /// Its application permissions of Microsoft Graph; every one that matters when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<BTreeSet<String>>,
    /// Whose assertions are taken instead of its secret: a workload's, a GitHub workflow's and a service connection's of Azure
    /// Pipelines when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federated: Option<Vec<FederatedCredential>>,
}

/// A user or a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SeedUser {
    /// Needed for members of the tenant; a guest's follows from its mail, as Entra forms it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
    /// Display name; made of the name before the `@` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// Whether it is a guest.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guest: bool,
    /// Whether the guest has not accepted the invitation yet.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pending: bool,
    /// Whether the account is enabled; it is when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Object id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ObjectId>,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SeedGroup {
    /// Display name; several groups may share one.
    pub display_name: String,
    /// Description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Kind of group; security when left out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: Kind,
    /// Whether it can hold Entra roles.
    #[serde(default, skip_serializing_if = "is_default")]
    pub role_assignable: bool,
    /// Direct members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<SeedPrincipal>,
    /// Members for a time, by Privileged Identity Management; they need not be listed as members as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privileged_members: Vec<SeedPrincipal>,
    /// Owners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<SeedPrincipal>,
    /// `uniqueName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_name: Option<String>,
    /// `mailNickname`; made of the display name when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_nickname: Option<String>,
    /// Object id; needed where two groups share a display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ObjectId>,
}

/// Another app's service principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SeedServicePrincipal {
    /// App id.
    pub app_id: AppId,
    /// Display name.
    pub display_name: String,
    /// Object id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ObjectId>,
}

/// A cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SeedCluster {
    /// The uid of its `kube-system` namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<ClusterUid>,
    /// Namespaces beyond those of every cluster.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespaces: BTreeMap<Namespace, SeedNamespace>,
    /// Bindings that are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<SeedBinding>,
    /// What the applier may do there, as rules of a ClusterRole; everything when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applier_rules: Option<Vec<serde_json::Value>>,
}

/// A binding. Its subjects are named by object id, as `tokens: { groups-as: object-id, users-as: object-id }` has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SeedBinding {
    /// Its name.
    pub name: String,
    /// Its namespace; the whole cluster when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// The `ClusterRole`.
    pub cluster_role: String,
    /// Who.
    pub subjects: Vec<SeedPrincipal>,
    /// The config of rolecall that applied it; made by hand when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigName>,
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SeedNamespace {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A seed that makes no tenant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SeedError(String);

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Seed {
    /// A tenant of this domain with nothing in it.
    pub fn new(domain: impl Into<String>) -> Self {
        Self {
            tenant: SeedTenant { id: None, domain: domain.into() },
            applier: SeedApplier::default(),
            users: Vec::new(),
            groups: Vec::new(),
            service_principals: Vec::new(),
            clusters: BTreeMap::new(),
        }
    }

    /// What is needed of it once the tenant is planted.
    pub(crate) fn without_people(self) -> Self {
        Self { users: Vec::new(), groups: Vec::new(), service_principals: Vec::new(), ..self }
    }

    pub(crate) fn tenant_id(&self) -> TenantId {
        let derived = || TenantId::from(derived_uuid(&format!("tenant/{}", self.tenant.domain)));
        self.tenant.id.unwrap_or_else(derived)
    }

    pub(crate) fn applier_app_id(&self) -> AppId {
        let derived = || AppId::from(derived_uuid(&format!("{}/applier", self.tenant_id())));
        self.applier.app_id.unwrap_or_else(derived)
    }

    pub(crate) fn cluster_uid(&self, name: &EnvironmentName) -> ClusterUid {
        let derived = || ClusterUid::from(derived_uuid(&format!("{}/cluster/{name}", self.tenant_id())));
        self.clusters.get(name).and_then(|cluster| cluster.uid).unwrap_or_else(derived)
    }

    /// The tenant that this seed describes, with a new secret for the applier and a new key for tokens.
    ///
    /// # Errors
    /// When two objects share an id or a name that must be unique, or a member is nobody.
    pub fn plant(&self) -> Result<Tenant, SeedError> {
        let mut planting = Planting::new(self);
        self.users.iter().try_for_each(|user| planting.user(user))?;
        self.service_principals.iter().try_for_each(|principal| planting.service_principal(principal))?;
        self.groups.iter().try_for_each(|group| planting.group(group))?;
        self.groups.iter().enumerate().try_for_each(|(position, group)| planting.edges(position, group))?;
        for (cluster, binding) in self.clusters.iter().flat_map(|(name, c)| c.bindings.iter().map(move |b| (name, b))) {
            planting.check_binding(cluster, binding)?;
        }
        Ok(Tenant::new(planting.planted))
    }
}

struct Planting<'s> {
    seed: &'s Seed,
    planted: Planted,
    /// Ids of the groups in the order of the seed.
    groups: Vec<ObjectId>,
    /// Everybody who can be a member, as members are spelt; names in lower case.
    named: BTreeMap<SeedPrincipal, ObjectId>,
    unique_names: BTreeSet<&'s str>,
}

impl<'s> Planting<'s> {
    fn new(seed: &'s Seed) -> Self {
        let id = seed.tenant_id();
        let app_id = seed.applier_app_id();
        let applier_id = seed.applier.id.unwrap_or_else(|| derived_id(id, "service-principal", &app_id.to_string()));
        let applier = ServicePrincipal { id: applier_id, app_id, display_name: "rolecall".to_owned() };
        let app = App {
            service_principal: applier_id,
            secret: format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()),
            federated: seed
                .applier
                .federated
                .clone()
                .unwrap_or_else(|| std::iter::once(workload_credential()).chain(issuer::credentials()).collect()),
            // The built-in key makes one, always.
            certificates: certificate::make().into_iter().collect(),
            roles: seed.applier.roles.clone().unwrap_or_else(every_permission),
        };
        let mut signing_key = [0; 32];
        let (first, second) = signing_key.split_at_mut(16);
        first.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        second.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        let planted = Planted {
            id,
            domain: seed.tenant.domain.clone(),
            apps: BTreeMap::from([(app_id, app)]),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            service_principals: BTreeMap::from([(applier_id, applier)]),
            privileged: Vec::new(),
            signing_key,
        };
        let named = BTreeMap::from([(SeedPrincipal::ServicePrincipal(app_id), applier_id)]);
        Self { seed, planted, groups: Vec::new(), named, unique_names: BTreeSet::new() }
    }

    fn check_new(&self, id: ObjectId, what: &str) -> Result<(), SeedError> {
        let planted = &self.planted;
        if planted.users.contains_key(&id)
            || planted.groups.contains_key(&id)
            || planted.service_principals.contains_key(&id)
        {
            return Err(SeedError(format!("two objects of the sandbox's seed have the id {id}; the second is {what}")));
        }
        Ok(())
    }

    fn user(&mut self, seed: &SeedUser) -> Result<(), SeedError> {
        let name = match (&seed.user_principal_name, &seed.mail) {
            (Some(name), _) => name.clone(),
            // As Entra names a guest (entra.md §3).
            (None, Some(mail)) if seed.guest => format!("{}#EXT#@{}", mail.replace('@', "_"), self.seed.tenant.domain),
            (None, _) => {
                return Err(SeedError("a user without user-principal-name; only guests may go without".into()));
            }
        };
        let id = seed.id.unwrap_or_else(|| derived_id(self.planted.id, "user", &name));
        if self.named.insert(SeedPrincipal::User(name.to_lowercase()), id).is_some() {
            return Err(SeedError(format!("the user {name} is in the sandbox's seed twice")));
        }
        self.check_new(id, &name)?;
        if let Some(mail) = seed.mail.as_ref().filter(|_| seed.guest) {
            // Two guests may share a mail address in a directory; a seed that means one of them gives its name.
            self.named.entry(SeedPrincipal::Guest(mail.to_lowercase())).or_insert(id);
        }
        let invitation = if seed.pending { Invitation::Pending } else { Invitation::Accepted };
        let alias = seed.mail.as_ref().filter(|_| seed.guest).unwrap_or(&name);
        let user = User {
            id,
            display_name: seed.display_name.clone().unwrap_or_else(|| display_name(alias)),
            mail: seed.mail.clone(),
            enabled: seed.enabled.unwrap_or(true),
            guest: seed.guest.then_some(invitation),
            user_principal_name: name,
        };
        self.planted.users.insert(id, user);
        Ok(())
    }

    fn service_principal(&mut self, seed: &SeedServicePrincipal) -> Result<(), SeedError> {
        let app = seed.app_id.to_string();
        let id = seed.id.unwrap_or_else(|| derived_id(self.planted.id, "service-principal", &app));
        if self.named.insert(SeedPrincipal::ServicePrincipal(seed.app_id), id).is_some() {
            return Err(SeedError(format!("the app {app} is in the sandbox's seed twice")));
        }
        self.check_new(id, &seed.display_name)?;
        let principal = ServicePrincipal { id, app_id: seed.app_id, display_name: seed.display_name.clone() };
        self.planted.service_principals.insert(id, principal);
        Ok(())
    }

    fn group(&mut self, seed: &'s SeedGroup) -> Result<(), SeedError> {
        let name = &seed.display_name;
        let id = seed.id.unwrap_or_else(|| derived_id(self.planted.id, "group", name));
        self.check_new(id, &format!("the group {name} (groups of one name need an id each)"))?;
        if let Some(unique) = &seed.unique_name
            && !self.unique_names.insert(unique)
        {
            return Err(SeedError(format!("two groups of the sandbox's seed have the unique name {unique}")));
        }
        let group = Group {
            id,
            display_name: name.clone(),
            description: seed.description.clone(),
            kind: seed.kind,
            role_assignable: seed.role_assignable,
            mail_nickname: seed.mail_nickname.clone().unwrap_or_else(|| nickname(name)),
            unique_name: seed.unique_name.clone(),
            created: SEEDED.to_owned(),
            members: BTreeSet::new(),
            owners: BTreeSet::new(),
        };
        self.named.entry(SeedPrincipal::Group(name.clone())).or_insert(id);
        self.named.insert(SeedPrincipal::Group(id.to_string()), id);
        self.groups.push(id);
        self.planted.groups.insert(id, group);
        Ok(())
    }

    fn edges(&mut self, position: usize, seed: &SeedGroup) -> Result<(), SeedError> {
        let find = |principals: &[SeedPrincipal]| {
            let found = principals.iter().map(|principal| self.find(principal).ok_or(principal));
            found.collect::<Result<Vec<_>, _>>().map_err(|principal| {
                let group = &seed.display_name;
                SeedError(format!("the group {group} of the sandbox's seed names {principal}, which it does not have"))
            })
        };
        let (members, privileged, owners) =
            (find(&seed.members)?, find(&seed.privileged_members)?, find(&seed.owners)?);
        let Some(group) = self.groups.get(position).and_then(|id| self.planted.groups.get_mut(id)) else {
            return Ok(());
        };
        // An active assignment is an ordinary member in every list of members (entra.md §5.3).
        group.members.extend(members.iter().chain(&privileged));
        group.owners.extend(owners);
        let assignment = |principal| PrivilegedAssignment { group: group.id, principal, started: SEEDED.to_owned() };
        self.planted.privileged.extend(privileged.into_iter().map(assignment));
        Ok(())
    }

    fn check_binding(&self, cluster: &EnvironmentName, binding: &SeedBinding) -> Result<(), SeedError> {
        let wrong = |why: String| {
            Err(SeedError(format!("the binding {} on {cluster} in the sandbox's seed {why}", binding.name)))
        };
        if let Some(namespace) = &binding.namespace
            && !matches!(namespace.as_str(), "default" | "kube-system" | "kube-public" | "kube-node-lease")
            && !self.seed.clusters.get(cluster).is_some_and(|cluster| cluster.namespaces.contains_key(namespace))
        {
            return wrong(format!("is in the namespace {namespace}, which it does not have"));
        }
        match binding.subjects.iter().find(|subject| self.find(subject).is_none()) {
            Some(nobody) => wrong(format!("names {nobody}, which it does not have")),
            None => Ok(()),
        }
    }

    fn find(&self, principal: &SeedPrincipal) -> Option<ObjectId> {
        let spelling = match principal {
            SeedPrincipal::User(name) => SeedPrincipal::User(name.to_lowercase()),
            SeedPrincipal::Guest(mail) => SeedPrincipal::Guest(mail.to_lowercase()),
            SeedPrincipal::Group(_) | SeedPrincipal::ServicePrincipal(_) => principal.clone(),
        };
        self.named.get(&spelling).copied()
    }
}

/// "hayden.reed@contoso.com" is shown as "Hayden Reed".
fn display_name(address: &str) -> String {
    let alias = address.split(['@', '#']).next().unwrap_or(address);
    let words = alias.split(['.', '_', '-']).filter(|word| !word.is_empty()).map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ")
}

fn nickname(name: &str) -> String {
    name.chars().filter(|character| character.is_ascii_alphanumeric() || "-_".contains(*character)).take(64).collect()
}

mod principal;
#[cfg(test)]
mod tests;
