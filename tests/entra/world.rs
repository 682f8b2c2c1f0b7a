//! A sandbox, a reader and a writer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rolecall::providers::entra::{Connection, EntraReader, EntraWriter};
use rolecall::providers::http::credential::{Chain, CredentialSettings};
use rolecall::providers::http::{OnWait, Pace, Proxies, Transport, TransportSettings};
use rolecall::providers::{Reader as _, Writer as _};
use rolecall::sandbox::graph;
use rolecall::sandbox::log::Line;
use rolecall::sandbox::store::Store;
use rolecall::sandbox::{Options, Sandbox, Seed, SeedGroup, SeedPrincipal, SeedUser};
use rolecall::state::{
    Address, Change, ConfigName, Edge, Group, GroupKey, Identity, Management, ObjectId, Operation, Outcome,
    PrincipalKind, PrincipalName, Resource, Result, Tenant, TenantQuery, Usage, mark,
};
use secrecy::ExposeSecret as _;
use tokio::sync::watch;

/// The applier's service principal.
pub(crate) const APPLIER: &str = "0a1b0000-0000-4000-8000-00000000aaaa";
pub(crate) const APPLIER_APP: &str = "0a1b0000-0000-4000-8000-00000000bbbb";

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) reader: EntraReader,
    pub(crate) writer: EntraWriter,
    pub(crate) query: TenantQuery,
    pub(crate) connection: Connection,
    chain: Arc<Chain>,
    folder: tempfile::TempDir,
}

pub(crate) fn config() -> ConfigName {
    "contoso-platform".parse().unwrap()
}

pub(crate) fn key(text: &str) -> GroupKey {
    text.parse().unwrap()
}

pub(crate) fn seed() -> Seed {
    let mut seed = Seed::new("contoso.com");
    seed.applier.id = Some(APPLIER.parse().unwrap());
    seed.applier.app_id = Some(APPLIER_APP.parse().unwrap());
    seed
}

pub(crate) fn user(name: &str) -> SeedUser {
    SeedUser { user_principal_name: Some(format!("{name}@contoso.com")), ..SeedUser::default() }
}

pub(crate) fn guest(mail: &str) -> SeedUser {
    SeedUser { mail: Some(mail.to_owned()), guest: true, ..SeedUser::default() }
}

pub(crate) fn member(name: &str) -> SeedPrincipal {
    SeedPrincipal::User(format!("{name}@contoso.com"))
}

pub(crate) fn applier() -> SeedPrincipal {
    SeedPrincipal::ServicePrincipal(APPLIER_APP.parse().unwrap())
}

/// A group that rolecall made.
pub(crate) fn ours(name: &str) -> SeedGroup {
    SeedGroup {
        display_name: name.to_owned(),
        unique_name: Some(mark::unique_name(&config(), &key(name))),
        mail_nickname: Some(mark::mail_nickname(&config(), &key(name))),
        owners: vec![applier()],
        ..SeedGroup::default()
    }
}

impl World {
    pub(crate) async fn new(seed: Seed) -> Self {
        Self::with(seed, Options::default()).await
    }

    pub(crate) async fn with(seed: Seed, options: Options) -> Self {
        Self::within(seed, options, None).await
    }

    /// One that gives up sooner: after this time a call, and after two calls.
    pub(crate) async fn hasty(seed: Seed, options: Options, deadline: Duration) -> Self {
        Self::within(seed, options, Some(deadline)).await
    }

    async fn within(seed: Seed, options: Options, deadline: Option<Duration>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::open(folder.path(), || seed, options).await.unwrap();
        let access = sandbox.access();
        let connection = Connection {
            graph: access.graph.clone(),
            login: access.login.clone(),
            extra_ca: Some(access.ca_pem.clone().into_bytes()),
            proxies: Proxies::default(),
            on_wait: OnWait::default(),
            gate: Arc::default(),
            on_lag: rolecall::providers::entra::OnLag::default(),
            tenant: access.tenant_id,
            pace: Pace {
                first_wait: Duration::from_millis(5),
                attempts: if deadline.is_some() { 2 } else { Pace::default().attempts },
                ..Pace::default()
            },
        };
        let mut settings = TransportSettings::new(connection.extra_ca.clone(), Proxies::default());
        settings.call_deadline = deadline.unwrap_or(settings.call_deadline);
        let transport = Transport::new(&settings).unwrap();
        let environment = BTreeMap::from([
            ("AZURE_TENANT_ID".to_owned(), access.tenant_id.to_string()),
            ("AZURE_CLIENT_ID".to_owned(), access.client_id.to_string()),
            ("AZURE_CLIENT_SECRET".to_owned(), access.client_secret.expose_secret().to_owned()),
        ]);
        let settings =
            CredentialSettings::new(access.tenant_id, access.login.clone(), &environment).without_azure_cli();
        let chain = Arc::new(Chain::new(&settings, transport));
        let query = TenantQuery {
            tenant: access.tenant_id,
            config: config(),
            groups: BTreeMap::new(),
            display_names: BTreeMap::new(),
            unique_display_names: BTreeSet::new(),
            principals: BTreeSet::new(),
        };
        Self {
            reader: EntraReader::new(&connection, Arc::clone(&chain)).unwrap(),
            writer: EntraWriter::new(&connection, Arc::clone(&chain)).unwrap(),
            query,
            connection,
            chain,
            sandbox,
            folder,
        }
    }

    /// Asks for groups of ours by key.
    pub(crate) fn asking_for(mut self, keys: &[&str]) -> Self {
        self.query.groups.extend(keys.iter().map(|name| (key(name), Management::Owned)));
        self
    }

    pub(crate) fn asking_for_id(mut self, name: &str, id: &str) -> Self {
        self.query.groups.insert(key(name), Management::External(id.parse().unwrap()));
        self
    }

    pub(crate) fn resolving(mut self, names: impl IntoIterator<Item = PrincipalName>) -> Self {
        self.query.principals.extend(names);
        self
    }

    /// A reader that finds Graph elsewhere.
    pub(crate) fn reader_at(&self, graph: url::Url) -> EntraReader {
        let connection = Connection { graph, ..self.connection.clone() };
        EntraReader::new(&connection, Arc::clone(&self.chain)).unwrap()
    }

    pub(crate) async fn observe(&self) -> Result<Tenant> {
        self.reader.observe(&self.query).await
    }

    /// Carries changes out and gives their outcomes in order; every change has exactly one.
    pub(crate) async fn write(&self, changes: &[Change]) -> Vec<Outcome> {
        let (_sender, interrupted) = watch::channel(false);
        self.write_until(changes, &interrupted).await
    }

    pub(crate) async fn write_until(&self, changes: &[Change], interrupted: &watch::Receiver<bool>) -> Vec<Outcome> {
        let outcomes = Mutex::new(vec![Vec::new(); changes.len()]);
        let report = |at: usize, outcome: Outcome| outcomes.lock().unwrap()[at].push(outcome);
        self.writer.write(changes, interrupted, &report).await;
        let outcomes = outcomes.into_inner().unwrap();
        outcomes
            .into_iter()
            .map(|mut outcomes| {
                assert_eq!(outcomes.len(), 1, "{outcomes:?}");
                outcomes.remove(0)
            })
            .collect()
    }

    /// What Graph itself was asked, tokens aside.
    pub(crate) fn graph_requests(&self) -> Vec<Line> {
        let log = self.sandbox.requests().unwrap();
        log.lines().iter().filter(|line| line.path.starts_with("/v1.0/")).cloned().collect()
    }

    /// Every group of the tenant, live or deleted, whoever made it, without the times.
    pub(crate) fn groups(&self) -> serde_json::Value {
        // A copy, because whoever opens the files may also fold them.
        let copy = tempfile::tempdir().unwrap();
        for name in ["tenant.json", "tenant.json.journal"].map(|name| self.folder.path().join(name)) {
            if name.exists() {
                std::fs::copy(&name, copy.path().join(name.file_name().unwrap())).unwrap();
            }
        }
        let tenant = Store::<graph::state::Tenant>::load(&copy.path().join("tenant.json")).unwrap().unwrap();
        let mut tenant = tenant.read(|tenant| serde_json::to_value(tenant).unwrap());
        let mut groups = [tenant["groups"].take(), tenant["deleted_groups"].take()];
        for group in
            groups.iter_mut().filter_map(serde_json::Value::as_object_mut).flat_map(serde_json::Map::values_mut)
        {
            for (of, time) in [("", "/created"), ("", "/deleted"), ("/group", "/created")] {
                group.pointer_mut(&format!("{of}{time}")).map(serde_json::Value::take);
            }
        }
        groups.to_vec().into()
    }

    /// What the reader and the writer have spent.
    pub(crate) fn usage(&self) -> (Usage, Usage) {
        (self.reader.usage(), self.writer.usage())
    }

    pub(crate) fn writes(&self) -> usize {
        self.sandbox.requests().unwrap().writes().len()
    }

    /// Stops, and checks that nothing was asked that nobody can have meant or that the sandbox does not know.
    pub(crate) async fn end(self) {
        for line in self.sandbox.requests().unwrap().lines() {
            let odd = line.items.iter().any(|item| item.danger || item.not_modelled);
            assert!(!line.danger && !line.not_modelled && !odd, "{line:?}");
        }
        self.sandbox.stop().await;
        drop(self.folder);
    }
}

pub(crate) fn change(address: Address, operation: Operation) -> Change {
    Change::new(address, operation)
}

pub(crate) fn group(name: &str, id: Identity) -> Group {
    Group {
        key: key(name),
        id,
        display_name: name.to_owned(),
        description: Some(format!("The group {name}")),
        mail_nickname: Some(mark::mail_nickname(&config(), &key(name))),
        unique_name: Some(mark::unique_name(&config(), &key(name))),
        first_owner: Some(APPLIER.parse().unwrap()),
    }
}

pub(crate) fn create(name: &str) -> Change {
    let after = Resource::Group(group(name, Identity::AfterApply(key(name))));
    change(Address::Group(key(name)), Operation::Create { after })
}

pub(crate) fn delete(name: &str, id: ObjectId) -> Change {
    let before = Resource::Group(group(name, Identity::Known(id)));
    change(Address::Group(key(name)), Operation::Delete { before })
}

pub(crate) fn edge(group: &str, group_id: ObjectId, who: &PrincipalName, id: ObjectId) -> Edge {
    Edge {
        group: key(group),
        group_id: Identity::Known(group_id),
        principal: who.clone(),
        principal_id: Identity::Known(id),
        kind: PrincipalKind::User,
    }
}

pub(crate) fn add_member(group: &str, group_id: ObjectId, who: &PrincipalName, id: ObjectId) -> Change {
    let after = Resource::Member(edge(group, group_id, who, id));
    change(Address::Member(key(group), who.clone()), Operation::Create { after })
}

pub(crate) fn remove_member(group: &str, group_id: ObjectId, who: &PrincipalName, id: ObjectId) -> Change {
    let before = Resource::Member(edge(group, group_id, who, id));
    change(Address::Member(key(group), who.clone()), Operation::Delete { before })
}

pub(crate) fn add_owner(group: &str, group_id: ObjectId, who: &PrincipalName, id: ObjectId) -> Change {
    let after = Resource::Owner(edge(group, group_id, who, id));
    change(Address::Owner(key(group), who.clone()), Operation::Create { after })
}

pub(crate) fn remove_owner(group: &str, group_id: ObjectId, who: &PrincipalName, id: ObjectId) -> Change {
    let before = Resource::Owner(edge(group, group_id, who, id));
    change(Address::Owner(key(group), who.clone()), Operation::Delete { before })
}

pub(crate) fn upn(name: &str) -> PrincipalName {
    PrincipalName::User(format!("{name}@contoso.com").parse().unwrap())
}

pub(crate) fn mail(text: &str) -> PrincipalName {
    PrincipalName::Guest(text.parse().unwrap())
}
