//! The clusters of a sandbox: one server, one state and one token each.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use secrecy::{ExposeSecret as _, SecretString};

use super::graph::state::Tenant;
use super::graph::{bearer, token};
use super::kubernetes::{self, ClusterState, User};
use super::seed::{Seed, SeedBinding, SeedCluster, SeedPrincipal};
use super::store::Store;
use crate::state::{AppId, EnvironmentName};

const FOLDER: &str = "clusters";
/// The user name that the applier's own token has on every cluster.
const APPLIER: &str = "rolecall";
/// The group that Kubernetes lets do everything, whatever its roles and bindings say.
const MASTERS: &str = "system:masters";

/// A cluster that is not served yet.
pub(crate) struct Cluster {
    pub(crate) name: EnvironmentName,
    pub(crate) router: Router,
    /// A token of [`MASTERS`].
    pub(crate) token: SecretString,
}

/// The clusters of the seed, as `folder` has them or new.
pub(crate) fn open(folder: &Path, seed: &Seed, tenant: &Arc<Store<Tenant>>) -> io::Result<Vec<Cluster>> {
    let states = folder.join(FOLDER);
    fs_err::create_dir_all(&states)?;
    let open = |(name, cluster): (&EnvironmentName, &SeedCluster)| {
        let token = SecretString::from(tenant.read(|tenant| token::cluster_token(tenant, name.as_str())));
        let initial = || {
            let namespaces = cluster.namespaces.iter();
            let namespaces = namespaces.map(|(name, namespace)| (name.to_string(), namespace.labels.clone()));
            let namespaces = namespaces.collect::<BTreeMap<_, _>>();
            let mut state = ClusterState::new(&seed.cluster_uid(name).to_string(), namespaces);
            for binding in &cluster.bindings {
                tenant.read(|tenant| plant(&mut state, tenant, binding));
            }
            match &cluster.applier_rules {
                None => state.add_token(token.expose_secret(), APPLIER, vec![MASTERS.to_owned()]),
                Some(rules) => {
                    state.add_token(token.expose_secret(), APPLIER, Vec::new());
                    let id =
                        tenant.read(|tenant| tenant.apps.get(&seed.applier_app_id()).map(|app| app.service_principal));
                    let names = std::iter::once(APPLIER.to_owned()).chain(id.map(|id| id.to_string()));
                    state.add_rules(APPLIER, &names.collect::<Vec<_>>(), rules);
                }
            }
            state
        };
        let store = Arc::new(Store::open(&states.join(format!("{name}.json")), initial)?);
        let master = cluster.applier_rules.is_none().then(|| seed.applier_app_id());
        let authenticate = authenticate(Arc::clone(tenant), master);
        let router = kubernetes::router(kubernetes::Shared { store, authenticate });
        Ok(Cluster { name: name.clone(), router, token })
    };
    seed.clusters.iter().map(open).collect()
}

/// A binding of the seed. Its subjects were known when the tenant was planted; who is gone since is left out.
fn plant(state: &mut ClusterState, tenant: &Tenant, binding: &SeedBinding) {
    let subject = |principal: &SeedPrincipal| {
        let kind = if matches!(principal, SeedPrincipal::Group(_)) { "Group" } else { "User" };
        Some((kind, tenant.find_principal(principal)?.to_string()))
    };
    state.add_binding(kubernetes::PlantedBinding {
        name: &binding.name,
        namespace: binding.namespace.as_ref().map(crate::state::Namespace::as_str),
        cluster_role: &binding.cluster_role,
        subjects: binding.subjects.iter().filter_map(subject).collect(),
        config: binding.config.as_ref().map(crate::state::ConfigName::as_str),
    });
}

type Authenticate = Arc<dyn Fn(&str) -> Option<User> + Send + Sync>;

/// Who a token of the tenant is on a cluster: the object id, as `users-as: object-id` has it, and no groups, for Entra
/// puts no group claim into an app's token (entra.md §4.1). The applier is let in as an administrator, as a cluster's
/// authentication configuration does that maps one object id to a group, unless its rules there are said.
fn authenticate(tenant: Arc<Store<Tenant>>, master: Option<AppId>) -> Authenticate {
    Arc::new(move |bearer_token| {
        tenant.read(|tenant| {
            let id = bearer(tenant, bearer_token)?;
            let applier = master.and_then(|applier| tenant.apps.get(&applier));
            let is_applier = applier.is_some_and(|app| app.service_principal == id);
            let groups = if is_applier { vec![MASTERS.to_owned()] } else { Vec::new() };
            Some(User { name: id.to_string(), groups, ..User::default() })
        })
    })
}
