//! What the embedded tenant holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::audit::Entry;
use super::certificate::RegisteredCertificate;
use super::change::{Numbered, Touched};
use super::index::{Index, Wanted};
use super::object::Object;
use crate::sandbox::seed::SeedPrincipal;
use crate::state::{AppId, ObjectId, TenantId};

/// The whole tenant, as it is kept on disk. What a client can change is changed by `Tenant::make` alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Directory id.
    pub id: TenantId,
    /// Default domain.
    pub domain: String,
    /// Apps that may ask for a token.
    pub apps: BTreeMap<AppId, App>,
    /// Service principals of apps and managed identities.
    pub service_principals: BTreeMap<ObjectId, ServicePrincipal>,
    /// Active assignments by Privileged Identity Management.
    pub privileged: Vec<PrivilegedAssignment>,
    /// Signs the tokens of this tenant: 32 random bytes.
    pub signing_key: [u8; 32],
    /// People, guests among them.
    pub(in crate::sandbox) users: BTreeMap<ObjectId, User>,
    /// Live groups.
    pub(in crate::sandbox) groups: BTreeMap<ObjectId, Group>,
    /// Soft-deleted groups; they keep their id, members and owners (entra.md §2.6).
    pub(in crate::sandbox) deleted_groups: BTreeMap<ObjectId, DeletedGroup>,
    /// Ids of purged groups: an id is never given twice.
    pub(in crate::sandbox) purged: BTreeSet<ObjectId>,
    /// How many changes were made since the tenant was seeded.
    pub(super) sequence: u64,
    /// When each group that changed last did.
    pub(super) touched: BTreeMap<ObjectId, Touched>,
    /// Who changed which group, the oldest first.
    #[serde(default)]
    pub(super) audit: VecDeque<Entry>,
    /// The changes that are not in the journal yet.
    #[serde(skip)]
    pub(super) unwritten: Vec<Numbered>,
    #[serde(skip)]
    pub(super) index: Index,
}

/// What a tenant starts with.
#[derive(Debug)]
pub(crate) struct Planted {
    pub(crate) id: TenantId,
    pub(crate) domain: String,
    pub(crate) apps: BTreeMap<AppId, App>,
    pub(crate) users: BTreeMap<ObjectId, User>,
    pub(crate) groups: BTreeMap<ObjectId, Group>,
    pub(crate) service_principals: BTreeMap<ObjectId, ServicePrincipal>,
    pub(crate) privileged: Vec<PrivilegedAssignment>,
    pub(crate) signing_key: [u8; 32],
}

/// An app registration, as far as signing in needs it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Object id of its service principal.
    pub service_principal: ObjectId,
    /// Its only client secret.
    pub secret: String,
    /// Whose assertions are taken instead of the secret.
    pub federated: Vec<FederatedCredential>,
    /// With which it may sign assertions of its own.
    #[serde(default)]
    pub certificates: Vec<RegisteredCertificate>,
    /// Granted application permissions of Microsoft Graph, which end up in the `roles` claim.
    pub roles: BTreeSet<String>,
}

/// A federated identity credential; all three are compared exactly (entra.md §4.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedCredential {
    /// `iss` of the assertion.
    pub issuer: String,
    /// `sub` of the assertion.
    pub subject: String,
    /// `aud` of the assertion.
    pub audience: String,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Object id.
    pub id: ObjectId,
    /// `userPrincipalName`.
    pub user_principal_name: String,
    /// `displayName`.
    pub display_name: String,
    /// `mail`.
    pub mail: Option<String>,
    /// `accountEnabled`.
    pub enabled: bool,
    /// Whether and how far the user is a guest.
    pub guest: Option<Invitation>,
}

/// `externalUserState` of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invitation {
    /// `PendingAcceptance`.
    Pending,
    /// `Accepted`.
    Accepted,
}

/// A group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Object id.
    pub id: ObjectId,
    /// `displayName`.
    pub display_name: String,
    /// `description`.
    pub description: Option<String>,
    /// What kind of group it is (entra.md §2.2).
    pub kind: Kind,
    /// `isAssignableToRole`.
    pub role_assignable: bool,
    /// `mailNickname`.
    pub mail_nickname: String,
    /// `uniqueName`, given at creation and never again.
    pub unique_name: Option<String>,
    /// `createdDateTime`, RFC 3339.
    pub created: String,
    /// Direct members. An edge to an object that is gone for the moment stays and is not shown.
    pub members: BTreeSet<ObjectId>,
    /// Direct owners.
    pub owners: BTreeSet<ObjectId>,
}

/// Kinds of group, told apart by what Graph lets one do with them (entra.md §2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Security group with assigned members.
    #[default]
    Security,
    /// Microsoft 365 ("Unified") group.
    Microsoft365,
    /// Security group whose members come from a rule.
    Dynamic,
    /// Mail-enabled security group.
    MailEnabledSecurity,
    /// Distribution list.
    Distribution,
    /// Mastered on premises.
    Synced,
}

/// A soft-deleted group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletedGroup {
    /// As it was.
    pub group: Group,
    /// `deletedDateTime`, RFC 3339.
    pub deleted: String,
}

/// A service principal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePrincipal {
    /// Object id.
    pub id: ObjectId,
    /// `appId`.
    pub app_id: AppId,
    /// `displayName`.
    pub display_name: String,
}

/// An active membership by Privileged Identity Management; the same principal is among the members too (entra.md §5.3).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivilegedAssignment {
    /// The group.
    pub group: ObjectId,
    /// The member.
    pub principal: ObjectId,
    /// Since when, RFC 3339.
    pub started: String,
}

impl Tenant {
    /// A tenant that nobody has changed yet.
    pub(crate) fn new(planted: Planted) -> Self {
        let Planted { id, domain, apps, users, groups, service_principals, privileged, signing_key } = planted;
        let mut tenant = Self {
            id,
            domain,
            apps,
            service_principals,
            privileged,
            signing_key,
            users,
            groups,
            deleted_groups: BTreeMap::new(),
            purged: BTreeSet::new(),
            sequence: 0,
            touched: BTreeMap::new(),
            audit: VecDeque::new(),
            unwritten: Vec::new(),
            index: Index::default(),
        };
        tenant.reindex();
        tenant
    }

    /// Learns every name anew.
    pub(super) fn reindex(&mut self) {
        let mut index = Index::default();
        self.users.values().for_each(|user| index.learn_user(user));
        self.groups.values().for_each(|group| index.learn_group(group));
        self.index = index;
    }

    /// The directory object with this id, if it is live.
    pub(super) fn object(&self, id: ObjectId) -> Option<Object<'_>> {
        let user = || self.users.get(&id).map(Object::User);
        let group = || self.groups.get(&id).map(Object::Group);
        let service_principal = || self.service_principals.get(&id).map(Object::ServicePrincipal);
        user().or_else(group).or_else(service_principal)
    }

    /// The live group with this alternate key.
    pub(super) fn group_named(&self, unique_name: &str) -> Option<&Group> {
        self.groups.get(&self.index.unique_name(unique_name)?)
    }

    /// Who is meant by the spelling of a seed.
    pub(in crate::sandbox) fn find_principal(&self, principal: &SeedPrincipal) -> Option<ObjectId> {
        let first = |ids: Option<BTreeSet<ObjectId>>| ids.and_then(|ids| ids.first().copied());
        match principal {
            SeedPrincipal::User(name) => first(self.index.users("userPrincipalName", Wanted::Text(name))),
            SeedPrincipal::Guest(mail) => first(self.index.users("mail", Wanted::Text(mail))),
            SeedPrincipal::Group(name) => {
                name.parse().ok().or_else(|| first(self.index.groups("displayName", Wanted::Text(name))))
            }
            SeedPrincipal::ServicePrincipal(app) => {
                self.service_principals.values().find(|known| known.app_id == *app).map(|known| known.id)
            }
        }
    }

    /// An id that no group of this tenant has or had. It follows from the nickname, so that a tenant that is treated
    /// alike twice looks alike twice.
    pub(super) fn fresh_group_id(&self, nickname: &str) -> ObjectId {
        let used = |id: &ObjectId| {
            self.groups.contains_key(id) || self.deleted_groups.contains_key(id) || self.purged.contains(id)
        };
        let mut attempt = 0_u64;
        loop {
            let id = derived_id(self.id, "created-group", &format!("{nickname}/{attempt}"));
            if !used(&id) {
                return id;
            }
            attempt += 1;
        }
    }
}

/// An id that follows from the tenant and a name.
pub(crate) fn derived_id(tenant: TenantId, kind: &str, name: &str) -> ObjectId {
    ObjectId::from(derived_uuid(&format!("{tenant}/{kind}/{}", name.to_lowercase())))
}

/// A UUID (version 8, "custom") made of the first bytes of the text's SHA-256.
pub(crate) fn derived_uuid(text: &str) -> uuid::Uuid {
    use sha2::Digest as _;
    let mut bytes = [0_u8; 16];
    for (byte, digest) in bytes.iter_mut().zip(sha2::Sha256::digest(text)) {
        *byte = digest;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
