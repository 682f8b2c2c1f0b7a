//! What one cluster stores, and how its revisions count.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::account::Token;
use super::authentication::User;
use super::kind::Kind;
use super::object::text;
use super::{bootstrap, definition};
use crate::sandbox::store::Journaled;

/// How many writes can be undone to serve the pages of a list as it was when its first page was read.
const REMEMBERED_WRITES: usize = 10_000;

/// The objects and bearer tokens of one cluster.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct ClusterState {
    /// etcd's revision: one counter for all objects.
    revision: u64,
    /// Users by the SHA-256 of their bearer token, so that the state on disk holds no credential.
    tokens: BTreeMap<String, User>,
    /// Tokens of service accounts, by the same digest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    account_tokens: BTreeMap<String, Token>,
    objects: BTreeMap<Kind, BTreeMap<String, Value>>,
    /// The last writes by revision, newest last. Forgotten at a restart, as if etcd had been compacted.
    #[serde(skip)]
    history: BTreeMap<u64, Past>,
    /// The writes that are not in the journal yet.
    #[serde(skip)]
    unwritten: Vec<Change>,
}

/// A binding of a cluster role that a cluster starts with.
pub(crate) struct PlantedBinding<'a> {
    pub(crate) name: &'a str,
    /// The whole cluster when `None`.
    pub(crate) namespace: Option<&'a str>,
    pub(crate) cluster_role: &'a str,
    /// Kind and name of each.
    pub(crate) subjects: Vec<(&'static str, String)>,
    /// The config of rolecall that applied it; `kubectl create` when `None`.
    pub(crate) config: Option<&'a str>,
}

/// One write, as the journal keeps it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Change {
    /// An object was stored or taken away.
    Object(ObjectChange),
    /// A service account was given a token.
    AccountToken(AccountTokenChange),
}

/// The write of an object.
#[derive(Clone, Serialize, Deserialize)]
pub struct ObjectChange {
    revision: u64,
    /// As the state's file names it.
    kind: String,
    key: String,
    /// What is stored from then on, nothing after a removal.
    object: Option<Value>,
}

/// The digest of a token, and whose it is.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccountTokenChange {
    digest: String,
    token: Token,
}

/// The file of a state, before it is known which kinds its definitions make.
#[derive(Deserialize)]
struct Stored {
    revision: u64,
    tokens: BTreeMap<String, User>,
    #[serde(default)]
    account_tokens: BTreeMap<String, Token>,
    objects: BTreeMap<String, BTreeMap<String, Value>>,
}

impl TryFrom<Stored> for ClusterState {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { revision, tokens, account_tokens, objects } = stored;
        let definitions = objects.get(Kind::CustomResourceDefinition.name());
        let custom = definition::kinds(definitions.into_iter().flat_map(BTreeMap::values));
        let named = |name: &str| {
            let mut kinds = Kind::BUILT_IN.into_iter().chain(custom.iter().copied());
            kinds
                .find(|kind| kind.stored_name() == name)
                .ok_or_else(|| format!("objects of a kind that this version does not know: {name}"))
        };
        let objects = objects.into_iter().map(|(name, objects)| Ok((named(&name)?, objects)));
        let objects = objects.collect::<Result<_, String>>()?;
        Ok(Self { revision, tokens, account_tokens, objects, ..Self::default() })
    }
}

/// What was stored under a key before a write.
#[derive(Clone)]
struct Past {
    kind: Kind,
    key: String,
    before: Option<Value>,
}

impl ClusterState {
    /// A new cluster: the namespaces that every cluster has (`kube-system` with `uid`, by which a cluster is known),
    /// those given with their labels, and the roles and bindings that an API server makes at its start.
    pub fn new(uid: &str, namespaces: BTreeMap<String, BTreeMap<String, String>>) -> Self {
        // Reading the policy and aggregating its roles takes longer than all else in many a test.
        static BOOTSTRAPPED: LazyLock<ClusterState> = LazyLock::new(|| {
            let mut state = ClusterState::default();
            bootstrap::fill(&mut state);
            state
        });
        let mut state = BOOTSTRAPPED.clone();
        for object in state.objects.values_mut().flat_map(BTreeMap::values_mut) {
            object["metadata"]["uid"] = new_uid().into();
        }
        if let Some(system) = state.objects.entry(Kind::Namespace).or_default().get_mut("kube-system") {
            system["metadata"]["uid"] = uid.into();
        }
        for (name, labels) in namespaces {
            state.add_namespace(&name, labels);
        }
        state
    }

    /// Gives users the rights in `rules`, which are those of a ClusterRole, by a role and a binding of this name.
    pub fn add_rules(&mut self, name: &str, users: &[String], rules: &[Value]) {
        bootstrap::give(self, name, users, rules);
    }

    /// Lets a bearer token in as that user; `system:authenticated` is added when it is used.
    pub fn add_token(&mut self, token: &str, username: &str, groups: Vec<String>) {
        self.tokens.insert(digest(token), User { name: username.to_owned(), groups, ..User::default() });
    }

    /// Adds a namespace with labels; one of that name that is there already gets these labels besides its own.
    pub fn add_namespace(&mut self, name: &str, labels: BTreeMap<String, String>) {
        bootstrap::namespace(self, name, labels);
    }

    /// Adds a binding that was there before anybody looked.
    pub(crate) fn add_binding(&mut self, binding: PlantedBinding<'_>) {
        bootstrap::binding(self, binding);
    }

    /// Forgets all earlier revisions, as etcd's compaction does: page tokens from before now answer 410.
    pub fn compact(&mut self) {
        self.history.clear();
    }

    pub(super) fn user_of(&self, token: &str) -> Option<User> {
        let digest = digest(token);
        let account = || self.account_tokens.get(&digest)?.user(self, Timestamp::now());
        self.tokens.get(&digest).cloned().or_else(account)
    }

    /// Lets the bearer of a service account's token in.
    pub(super) fn add_account_token(&mut self, bearer: &str, token: Token) {
        let digest = digest(bearer);
        self.account_tokens.insert(digest.clone(), token.clone());
        self.unwritten.push(Change::AccountToken(AccountTokenChange { digest, token }));
    }

    /// Every kind: those built in, and what the stored definitions make.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let custom = definition::kinds(self.all(Kind::CustomResourceDefinition));
        Kind::BUILT_IN.into_iter().chain(custom).collect()
    }

    /// The kind that a resource path means.
    pub(super) fn kind_at(&self, group: &str, version: &str, plural: &str) -> Option<Kind> {
        self.kinds().into_iter().find(|kind| kind.is_at(group, version, plural))
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&kind)?.get(&key(kind, namespace, name))
    }

    /// The objects of a kind in etcd's order: by namespace, then by name, byte by byte.
    pub(super) fn all(&self, kind: Kind) -> impl Iterator<Item = &Value> {
        self.objects.get(&kind).into_iter().flatten().map(|(_, object)| object)
    }

    /// The objects of a kind in one namespace; none when it is empty.
    pub(super) fn all_in(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = &Value> {
        let prefix = format!("{namespace}/");
        let objects = self.objects.get(&kind).into_iter();
        let here = objects.flat_map(move |objects| {
            let below = prefix.clone();
            objects.range(prefix.clone()..).take_while(move |(key, _)| key.starts_with(&below))
        });
        here.map(|(_, object)| object)
    }

    /// The objects of a kind with their keys, as they were at a revision. `None` when that is no longer known.
    pub(super) fn at(&self, kind: Kind, revision: u64) -> Option<BTreeMap<&str, &Value>> {
        let mut objects: BTreeMap<&str, &Value> =
            self.objects.get(&kind).into_iter().flatten().map(|(key, object)| (key.as_str(), object)).collect();
        let later = self.history.range(revision + 1..);
        let is_known = later.clone().count() as u64 == self.revision.checked_sub(revision)?;
        for (_, past) in later.rev().filter(|(_, past)| past.kind == kind) {
            match &past.before {
                Some(before) => objects.insert(&past.key, before),
                None => objects.remove(past.key.as_str()),
            };
        }
        is_known.then_some(objects)
    }

    /// Stores an object under its own name and gives it the next revision.
    pub(super) fn put(&mut self, kind: Kind, mut object: Value) -> Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let key = key(kind, text(&object["metadata"], "namespace"), text(&object["metadata"], "name"));
        let before = self.objects.entry(kind).or_default().insert(key.clone(), object.clone());
        self.changed(kind, &key, Some(object.clone()));
        self.remember(Past { kind, key, before });
        object
    }

    /// Takes an object away.
    pub(super) fn remove(&mut self, kind: Kind, namespace: &str, name: &str) {
        let key = key(kind, namespace, name);
        if let Some(before) = self.objects.get_mut(&kind).and_then(|objects| objects.remove(&key)) {
            self.revision += 1;
            self.changed(kind, &key, None);
            self.remember(Past { kind, key, before: Some(before) });
        }
    }

    fn changed(&mut self, kind: Kind, key: &str, object: Option<Value>) {
        let change = ObjectChange { revision: self.revision, kind: kind.stored_name(), key: key.to_owned(), object };
        self.unwritten.push(Change::Object(change));
    }

    fn remember(&mut self, past: Past) {
        self.history.insert(self.revision, past);
        while self.history.len() > REMEMBERED_WRITES {
            self.history.pop_first();
        }
    }
}

impl Journaled for ClusterState {
    type Change = Change;

    fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.unwritten)
    }

    fn redo(&mut self, change: Change) {
        let change = match change {
            Change::Object(change) if change.revision > self.revision => change,
            Change::Object(_) => return,
            Change::AccountToken(AccountTokenChange { digest, token }) => {
                self.account_tokens.insert(digest, token);
                return;
            }
        };
        self.revision = change.revision;
        // A definition is stored before its objects and goes after them.
        let Some(kind) = self.kinds().into_iter().find(|kind| kind.stored_name() == change.kind) else { return };
        let objects = self.objects.entry(kind).or_default();
        match change.object {
            Some(object) => objects.insert(change.key, object),
            None => objects.remove(&change.key),
        };
    }
}

/// The part of the etcd key after the kind.
pub(super) fn key(kind: Kind, namespace: &str, name: &str) -> String {
    if kind.is_namespaced() { format!("{namespace}/{name}") } else { name.to_owned() }
}

fn digest(token: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(token.as_bytes()).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Now, as Kubernetes writes times: UTC, whole seconds.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A uid for a new object.
pub(super) fn new_uid() -> String {
    Uuid::new_v4().to_string()
}
