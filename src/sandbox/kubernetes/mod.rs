//! An embedded Kubernetes API server: namespaces, RBAC, access reviews, service accounts and custom resources, as
//! kube-apiserver 1.35.4 answers them.
//!
//! Every request is authenticated by its bearer token and authorized by the stored roles and bindings, then served
//! from a [`ClusterState`]. What Kubernetes has and this server does not model answers 501; a path that Kubernetes does
//! not have answers 404. It shares no code with the providers that are tested against it.

mod account;
mod aggregate;
mod authentication;
mod authorize;
mod body;
mod bootstrap;
mod decode;
mod definition;
mod discovery;
mod escalation;
mod fields;
mod impersonation;
mod kind;
mod list;
mod managed;
mod object;
mod openapi;
mod options;
mod protobuf;
mod request;
mod review;
mod route;
mod schema;
mod selector;
mod state;
mod status;
mod validate;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;

use super::store::Store;

pub use authentication::User;
pub(crate) use list::expired_page;
pub use state::ClusterState;
pub(crate) use state::PlantedBinding;

/// Says who a bearer token is.
pub type Authenticate = dyn Fn(&str) -> Option<User> + Send + Sync;

/// What all requests to one cluster share.
#[derive(Clone)]
pub struct Shared {
    /// The cluster.
    pub store: Arc<Store<ClusterState>>,
    /// Who a bearer token is that the cluster's own state does not know, as its OIDC issuers would say.
    pub authenticate: Arc<Authenticate>,
}

/// The API server of one cluster.
pub fn router(shared: Shared) -> Router {
    Router::new().fallback(route::serve).with_state(shared)
}
