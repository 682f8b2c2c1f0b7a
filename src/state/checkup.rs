//! What is found out about the way to a system, for `doctor`: sources of a credential, certificates, clocks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::{AppId, ClusterUid, Failure, GroupKey, ObjectId, Result, TenantId};

/// One source of the credential chain, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTrial {
    /// Its name in the chain.
    pub name: &'static str,
    /// What it is and which variables it needs.
    pub about: &'static str,
    /// What became of it.
    pub trial: Trial,
}

/// What became of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It gave the token that is used.
    Used,
    /// It is not set up here, and what is not set.
    NotConfigured(String),
    /// It is set up, and gives no token.
    Failed(Failure),
    /// One before it is set up.
    NotTried,
}

impl fmt::Display for Trial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Used => formatter.write_str("used"),
            Self::NotConfigured(reason) => formatter.write_str(reason),
            Self::Failed(failure) => formatter.write_str(&failure.what),
            Self::NotTried => formatter.write_str("not tried, since the one before is set up"),
        }
    }
}

/// The certificate that a server shows, whether or not it is trusted. The names in it are the server's own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificate {
    /// For whom it is: the common name, or the whole subject where there is none.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Until when it holds.
    pub expires: Timestamp,
}

/// What came of setting up TLS, without sending anything through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The host and port.
    pub server: String,
    /// The proxy on the way: then nothing was tried, since a proxy is asked for with every call.
    pub proxy: Option<String>,
    /// What the server showed, as far as it could be read.
    pub certificate: Option<ServerCertificate>,
    /// Why the connection cannot be used.
    pub problem: Option<Failure>,
}

/// What the answers of one server say besides what was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    /// How far the server's clock is ahead of ours, by its `Date` header; whole seconds, as the header has them.
    pub ahead: Option<SignedDuration>,
    /// The highest `x-ms-throttle-limit-percentage`: 1.0 is the limit. Graph sends it only from 0.8 on.
    pub throttle: Option<f64>,
}

/// As whom we act in Entra, by our own token; never the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acting {
    /// The object id of the user or service principal.
    pub id: ObjectId,
    /// The tenant.
    pub tenant: TenantId,
    /// The app, when it acts as itself.
    pub app: Option<AppId>,
    /// A name for people.
    pub label: String,
    /// The application permissions.
    pub roles: BTreeSet<String>,
    /// The delegated permissions, when a user acts.
    pub scopes: Option<BTreeSet<String>>,
    /// Template ids of directory roles, where the token names them.
    pub directory_roles: BTreeSet<String>,
    /// Until when the token is good.
    pub expires: Option<Timestamp>,
}

/// What a tenant answers to a few small reads.
#[derive(Clone, Debug)]
pub struct TenantCheckup {
    /// Its default domain, where it may be read.
    pub domain: Option<String>,
    /// The config's groups.
    pub groups: Result<GroupsCheckup>,
    /// Why users cannot be looked up.
    pub users: Option<Failure>,
    /// The service principals of the config's appliers.
    pub appliers: Result<BTreeMap<AppId, ObjectId>>,
    /// Why assignments of Privileged Identity Management cannot be read; `None` where they can, or were not asked for.
    pub privileged: Option<String>,
}

/// The groups of the config that are there.
#[derive(Clone, Debug, Default)]
pub struct GroupsCheckup {
    /// How many.
    pub live: usize,
    /// Those that may hold Entra roles.
    pub role_assignable: BTreeSet<GroupKey>,
    /// Why deleted ones cannot be read.
    pub deleted: Option<Failure>,
}

/// What a cluster answers about itself and about us. Every part is there or says why not.
#[derive(Clone, Debug)]
pub struct ClusterCheckup {
    /// `gitVersion`, e.g. `v1.35.4+k3s1`.
    pub version: Result<String>,
    /// Our user name there, and our groups.
    pub who: Result<(String, Vec<String>)>,
    /// The uid that names the cluster.
    pub uid: Result<ClusterUid>,
    /// How far its clock is ahead of ours.
    pub ahead: Option<SignedDuration>,
}
