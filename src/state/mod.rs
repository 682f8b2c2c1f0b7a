//! The shared vocabulary: names, resources, what is desired, what was observed, and the changes between them.
//!
//! This is the floor of the house: it depends on nothing else of ours, does no I/O and knows no clock, so that every
//! other module can speak in these types.

mod access;
mod aggregation;
mod applier;
mod audit;
pub mod builtin;
mod change;
mod checkup;
mod cloud;
pub mod covering;
mod desired;
pub mod expectation;
mod failure;
mod gain;
pub mod history;
mod host_name;
mod lack;
pub mod mark;
mod name;
mod now_called;
mod observed;
mod policy;
pub mod power;
mod principal;
mod query;
mod request;
mod resource;
pub mod resources;
mod selector;
mod text;
mod touched;
mod trace;
mod unmanaged;
mod weakening;

pub use access::{
    AccessAnswer, AccessQuestion, AccessReview, Answers, Known, LEASE_VERBS, LEASES, RBAC, ServedResource,
    lease_questions,
};
pub use aggregation::DefaultRole;
pub use applier::Applier;
pub use audit::{AuditActivity, AuditEntry, AuditTarget, AuditTrail, Initiator};
pub use change::{Address, Change, KubernetesKind, Operation, Sign};
pub use checkup::{
    Acting, ClusterCheckup, GroupsCheckup, Handshake, Heard, ServerCertificate, SourceTrial, TenantCheckup, Trial,
};
pub use cloud::Cloud;
pub use desired::{
    AllowedUnmanaged, Desired, DesiredBinding, DesiredEnvironment, DesiredGroup, DesiredLock, DesiredReplacement,
    DesiredRole, EnvironmentType, GroupNaming, GroupsClaim, Management, Membership, Origin, RoleTarget, ScopeTarget,
    TokenNaming, UserNaming,
};
pub use failure::{Failure, FailureKind, Outcome, Result, Usage};
pub use gain::{Beyond, Coming, Gain, beyond};
pub use host_name::HostName;
pub use lack::{Lack, MissingRight};
pub use name::{
    AppId, ClusterUid, ConfigName, EnvironmentName, GroupKey, InvalidName, Mail, Namespace, ObjectId, RoleKey,
    TenantId, UserPrincipalName,
};
pub use now_called::NowCalled;
pub use observed::{
    Above, Cluster, DeletedGroup, GroupAnswer, GroupAnswers, GroupKind, GroupQuestion, GroupSummary, Inside,
    LiveBinding, LiveGroup, LiveMeta, LivePrincipal, LiveRole, Mark, Observed, OuterGroup, OwnIdentity,
    PrivilegedMembers, Resolution, Tenant,
};
pub use policy::{Acknowledgement, AppliedBy, Only, Policy, RemovalLimits, Target};
pub use principal::{Identity, PrincipalKind, PrincipalName};
pub use query::{ClusterQuery, TenantQuery};
pub use request::Request;
pub use resource::{
    Binding, Edge, Group, PolicyRule, Resource, Role, RoleKind, RoleRef, Subject, SubjectKind, SubjectName,
};
pub use selector::{Doubt, Expression, Filled, Selector};
pub use text::{all_of, closest, closest_address, closest_name, first_few, is_access_file, like, nearest};
pub use touched::{Lines, Touched};
pub use trace::{FieldWrite, Trace, WrittenField};
pub use unmanaged::{Allowance, BindingName, BindingPattern, Unmanaged};
pub use weakening::{Limit, Weakened, Weakening};
