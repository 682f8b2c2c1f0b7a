//! What the Kubernetes provider does the same against real API servers and against the sandbox.
//!
//! Each function takes a kubeconfig with the contexts `real-one` and `real-two`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use rolecall::providers::kubernetes::{Connection, KubernetesReader, KubernetesWriter, connect};
use rolecall::providers::{Reader as _, Writer as _};
use rolecall::state::{
    AccessQuestion, Address, Binding, Change, Cluster, ClusterQuery, DefaultRole, Failure, FailureKind, KubernetesKind,
    LiveMeta, Mark, Operation, Outcome, PolicyRule, RBAC, Resource, Role, RoleKind, RoleRef, Subject, SubjectKind,
    SubjectName,
};
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) const CONFIG: &str = "real-kubernetes";
pub(crate) const DONE: Outcome = Outcome::Done { created: None };
pub(crate) const ALREADY: Outcome = Outcome::AlreadySo { created: None };

/// One test's part of a real cluster: a namespace, and the start of every cluster-wide name.
pub(crate) struct Part {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) name: &'static str,
    /// Another way in, to do what others do.
    pub(crate) admin: Client,
    pub(crate) cluster: Cluster,
    folder: tempfile::TempDir,
}

impl Part {
    pub(crate) async fn new(kubeconfig: &str, name: &'static str) -> Self {
        let admin = admin(Path::new(kubeconfig)).await;
        let namespaces: Api<Namespace> = Api::all(admin.clone());
        let namespace = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
        // The service account of a new namespace is not needed, the namespace itself is there at once.
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        let cluster = observe(Path::new(kubeconfig), "real-one").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { kubeconfig: kubeconfig.into(), name, admin, cluster, folder }
    }

    /// Takes everything away again.
    pub(crate) async fn end(self) {
        let namespaces: Api<Namespace> = Api::all(self.admin.clone());
        namespaces.delete(self.name, &DeleteParams::default()).await.unwrap();
        let roles: Api<rbac::ClusterRole> = Api::all(self.admin.clone());
        for role in roles.list(&ListParams::default()).await.unwrap() {
            if let Some(name) = role.metadata.name.filter(|name| name.starts_with(self.name)) {
                roles.delete(&name, &DeleteParams::default()).await.unwrap();
            }
        }
        let bindings: Api<rbac::ClusterRoleBinding> = Api::all(self.admin);
        for binding in bindings.list(&ListParams::default()).await.unwrap() {
            if let Some(name) = binding.metadata.name.filter(|name| name.starts_with(self.name)) {
                bindings.delete(&name, &DeleteParams::default()).await.unwrap();
            }
        }
    }

    pub(crate) fn role(&self, namespaced: bool, verbs: &[&str]) -> Resource {
        let rule = PolicyRule {
            api_groups: vec![String::new(), "apps".to_owned()],
            resources: vec!["deployments".to_owned(), "pods".to_owned()],
            verbs: verbs.iter().map(ToString::to_string).collect(),
            ..PolicyRule::default()
        };
        Resource::Role(Role {
            namespace: namespaced.then(|| self.name.parse().unwrap()),
            name: format!("{}-role", self.name),
            rules: PolicyRule::normalise(vec![rule]),
            aggregate_to: BTreeSet::new(),
        })
    }

    pub(crate) fn binding(&self, namespaced: bool, role: &str, subject: &str) -> Resource {
        Resource::Binding(Binding {
            namespace: namespaced.then(|| self.name.parse().unwrap()),
            name: format!("{}-binding", self.name),
            role: RoleRef { kind: RoleKind::ClusterRole, name: role.to_owned() },
            subjects: vec![Subject {
                kind: SubjectKind::Group,
                name: SubjectName::Known(subject.to_owned()),
                namespace: None,
                principal: None,
            }],
        })
    }

    pub(crate) fn change(&self, operation: Operation, meta: Option<&LiveMeta>) -> Change {
        Change {
            address: Address::Object {
                environment: "alpha".parse().unwrap(),
                kind: KubernetesKind::Role,
                namespace: None,
                name: self.name.to_owned(),
            },
            operation,
            origin: None,
            requires: BTreeSet::new(),
            refers: BTreeMap::new(),
            cluster: Some(self.cluster.uid),
            uid: meta.map(|meta| meta.uid.clone()),
            resource_version: meta.map(|meta| meta.resource_version.clone()),
            overrules: meta.map(|meta| meta.other_managers.clone()).unwrap_or_default(),
            protected: BTreeSet::new(),
            replaced_by: None,
        }
    }

    pub(crate) fn create(&self, after: Resource) -> Change {
        self.change(Operation::Create { after }, None)
    }

    /// The object as rolecall reads it, with whose it is.
    pub(crate) async fn live(&self, resource: &Resource) -> Option<(Resource, LiveMeta)> {
        let cluster = observe(&self.kubeconfig, "real-one").await.unwrap();
        match resource {
            Resource::Role(wanted) => cluster
                .roles
                .into_iter()
                .find(|live| live.role.name == wanted.name && live.role.namespace == wanted.namespace)
                .map(|live| (Resource::Role(live.role), live.meta)),
            Resource::Binding(wanted) => cluster
                .bindings
                .into_iter()
                .find(|live| live.binding.name == wanted.name && live.binding.namespace == wanted.namespace)
                .map(|live| (Resource::Binding(live.binding), live.meta)),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn write(&self, changes: &[Change]) -> Vec<Outcome> {
        write(&self.kubeconfig, "real-one", changes).await
    }

    pub(crate) async fn one(&self, change: Change) -> Outcome {
        self.write(&[change]).await.remove(0)
    }

    pub(crate) async fn failure(&self, change: Change) -> Failure {
        failed(self.one(change).await)
    }

    /// Our cluster roles, as another program may change them.
    pub(crate) fn cluster_roles(&self) -> Api<rbac::ClusterRole> {
        Api::all(self.admin.clone())
    }

    /// A copy of the kubeconfig with something changed.
    pub(crate) fn changed(&self, change: impl FnOnce(&mut Value)) -> PathBuf {
        let mut kubeconfig = serde_json::to_value(Kubeconfig::read_from(&self.kubeconfig).unwrap()).unwrap();
        change(&mut kubeconfig);
        let path = self.folder.path().join("kubeconfig");
        fs_err::write(&path, kubeconfig.to_string()).unwrap();
        path
    }
}

async fn admin(kubeconfig: &Path) -> Client {
    let options = KubeConfigOptions { context: Some("real-one".to_owned()), ..KubeConfigOptions::default() };
    let mut config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig).unwrap(), &options).await.unwrap();
    // Kube takes it from the environment, and the server is on this machine.
    config.proxy_url = None;
    Client::try_from(config).unwrap()
}

pub(crate) fn connection(kubeconfig: &Path, context: &str) -> Connection {
    Connection::Kubeconfig { path: kubeconfig.to_owned(), context: context.to_owned(), allow_exec: true }
}

pub(crate) async fn observe(kubeconfig: &Path, context: &str) -> Result<Cluster, Failure> {
    let link = connect(&connection(kubeconfig, context)).await?;
    let query = ClusterQuery { environment: "alpha".parse().unwrap(), config: CONFIG.parse().unwrap(), cluster: None };
    KubernetesReader::new(link).observe(&query).await
}

pub(crate) async fn write(kubeconfig: &Path, context: &str, changes: &[Change]) -> Vec<Outcome> {
    let link = connect(&connection(kubeconfig, context)).await.unwrap();
    let outcomes = Mutex::new(BTreeMap::new());
    let (_sender, interrupted) = watch::channel(false);
    KubernetesWriter::new(link, CONFIG.parse().unwrap())
        .write(changes, &interrupted, &|position, outcome| {
            outcomes.lock().unwrap().insert(position, outcome);
        })
        .await;
    outcomes.into_inner().unwrap().into_values().collect()
}

pub(crate) fn failed(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed { failure } => failure,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn each_kind_is_created_updated_and_deleted_and_each_a_second_time_is_nothing(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "each-kind").await;
    for namespaced in [false, true] {
        for (first, second) in [
            (part.role(namespaced, &["get"]), part.role(namespaced, &["get", "patch"])),
            (part.binding(namespaced, "view", "one"), part.binding(namespaced, "view", "two")),
        ] {
            assert_eq!(part.one(part.create(first.clone())).await, DONE);
            let (live, created) = part.live(&first).await.unwrap();
            assert_eq!(live, first, "what is read equals what was written");
            assert_eq!(created.mark, Mark::Ours);
            assert_eq!(created.other_managers, Vec::<String>::new());
            assert!(!created.bootstrapping);
            assert_eq!(part.one(part.create(first.clone())).await, ALREADY);
            let other = part.failure(part.create(second.clone())).await;
            assert_eq!(other.kind, FailureKind::Conflict, "{other}");

            let update =
                part.change(Operation::Update { before: first.clone(), after: second.clone() }, Some(&created));
            assert_eq!(part.one(update.clone()).await, DONE);
            let (live, updated) = part.live(&first).await.unwrap();
            assert_eq!(live, second);
            assert_eq!(updated.uid, created.uid);
            assert_eq!(part.one(update).await, ALREADY);

            let stale = part.change(Operation::Delete { before: first.clone() }, Some(&created));
            let changed = part.failure(stale).await;
            assert!(changed.what.contains("has changed since the plan and was not deleted"), "{changed}");
            let delete = part.change(Operation::Delete { before: second.clone() }, Some(&updated));
            assert_eq!(part.one(delete.clone()).await, DONE);
            assert!(part.live(&first).await.is_none());
            assert_eq!(part.one(delete).await, ALREADY);

            let gone = part.change(Operation::Update { before: first, after: second }, Some(&updated));
            let gone = part.failure(gone).await;
            assert!(gone.what.contains("is gone since the plan"), "{gone}");
        }
    }
    part.end().await;
}

pub(crate) async fn what_is_not_ours_is_never_taken_over(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "not-ours").await;
    let ours = part.role(false, &["get"]);
    let Resource::Role(role) = &ours else { panic!("{ours:?}") };
    let foreign = serde_json::from_value(json!({ "metadata": { "name": role.name }, "rules": role.rules })).unwrap();
    let before = part.cluster_roles().create(&PostParams::default(), &foreign).await.unwrap();
    // Apply alone would find no conflict here, because the content is the same.
    let left = part.failure(part.create(ours.clone())).await;
    assert!(left.what.contains("is there already and is not ours"), "{left}");
    assert_eq!(part.cluster_roles().get(&role.name).await.unwrap(), before);

    // Labels that somebody copied make nothing ours either.
    let labels = json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "rolecall", "rolecall.dev/config": CONFIG } } });
    part.cluster_roles().patch(&role.name, &PatchParams::default(), &Patch::Merge(labels)).await.unwrap();
    assert_eq!(part.live(&ours).await.unwrap().1.mark, Mark::LabelsOnly);
    assert_eq!(part.failure(part.create(ours)).await.kind, FailureKind::Conflict);
    part.end().await;
}

pub(crate) async fn fields_that_others_took_are_named_and_taken_back_only_by_force(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "taken-fields").await;
    let ours = part.role(false, &["get"]);
    let Resource::Role(role) = &ours else { panic!("{ours:?}") };
    assert_eq!(part.one(part.create(ours.clone())).await, DONE);
    let edit = json!({ "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }] });
    let editor = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    part.cluster_roles().patch(&role.name, &editor, &Patch::Merge(edit)).await.unwrap();
    let (edited, meta) = part.live(&ours).await.unwrap();
    assert_eq!((meta.mark.clone(), meta.other_managers.clone()), (Mark::Ours, vec!["kubectl-edit".to_owned()]));

    let forced = part.change(Operation::Update { before: edited, after: ours.clone() }, Some(&meta));
    let mut unforced = forced.clone();
    unforced.overrules = Vec::new();
    let held = part.failure(unforced).await;
    assert!(held.what.contains("is partly held by another manager: .rules"), "{held}");
    assert_eq!(part.one(forced).await, DONE);
    let (live, meta) = part.live(&ours).await.unwrap();
    assert_eq!((live, meta.other_managers), (ours.clone(), Vec::new()));
    part.end().await;
}

pub(crate) async fn an_aggregation_rule_on_a_role_of_ours_is_taken_away(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "aggregated").await;
    let ours = part.role(false, &["get"]);
    let Resource::Role(role) = &ours else { panic!("{ours:?}") };
    assert_eq!(part.one(part.create(ours.clone())).await, DONE);
    let edit = json!({ "aggregationRule": { "clusterRoleSelectors": [
        { "matchLabels": { "rbac.authorization.k8s.io/aggregate-to-view": "true" } },
    ] } });
    part.cluster_roles().patch(&role.name, &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
    // The controller manager fills the rules in a moment later.
    let (aggregated, meta) = loop {
        let (live, meta) = part.live(&ours).await.unwrap();
        if live != ours {
            break (live, meta);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(meta.other_managers.contains(&"clusterrole-aggregation-controller".to_owned()), "{meta:?}");
    let update = part.change(Operation::Update { before: aggregated, after: ours.clone() }, Some(&meta));
    assert_eq!(part.one(update).await, DONE);
    let live = part.cluster_roles().get(&role.name).await.unwrap();
    assert!(live.aggregation_rule.is_none());
    let (live, meta) = part.live(&ours).await.unwrap();
    assert_eq!((live, meta.other_managers), (ours.clone(), Vec::new()));
    part.end().await;
}

/// A role of ours in `view`, by a rule that nothing else has; whoever adds it to `edit` by hand is overruled.
pub(crate) async fn a_role_is_added_to_view_and_taken_out_again(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "added-to-view").await;
    let rule = PolicyRule {
        api_groups: vec!["added.contoso.com".to_owned()],
        resources: vec!["crontabs".to_owned()],
        verbs: vec!["get".to_owned()],
        ..PolicyRule::default()
    };
    let to = |targets: &[DefaultRole]| {
        Resource::Role(Role {
            namespace: None,
            name: "added-to-view-role".to_owned(),
            rules: vec![rule.clone()],
            aggregate_to: targets.iter().copied().collect(),
        })
    };
    // The controller follows a moment later.
    let holds = async |name: &str, wanted: bool| {
        for _ in 0..400 {
            let cluster = observe(Path::new(kubeconfig), "real-one").await.unwrap();
            let live = cluster.roles.iter().find(|live| live.role.namespace.is_none() && live.role.name == name);
            if live.is_some_and(|live| live.role.rules.contains(&rule)) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{name} never came to be so: {wanted}");
    };
    assert_eq!(part.one(part.create(to(&[DefaultRole::View]))).await, DONE);
    for name in ["view", "edit", "admin"] {
        holds(name, true).await;
    }
    let by_hand = json!({ "metadata": { "labels": { DefaultRole::Admin.label(): "true" } } });
    let editor = PatchParams { field_manager: Some("kubectl-label".to_owned()), ..PatchParams::default() };
    part.cluster_roles().patch("added-to-view-role", &editor, &Patch::Merge(by_hand)).await.unwrap();
    let (before, meta) = part.live(&to(&[])).await.unwrap();
    assert_eq!(before, to(&[DefaultRole::View, DefaultRole::Admin]));
    assert!(!meta.other_managers.is_empty(), "whoever set the label is named");
    let update = part.change(Operation::Update { before, after: to(&[]) }, Some(&meta));
    assert_eq!(part.one(update).await, DONE);
    for name in ["view", "edit", "admin"] {
        holds(name, false).await;
    }
    let (now, meta) = part.live(&to(&[])).await.unwrap();
    assert_eq!((now, meta.mark), (to(&[]), Mark::Ours));
    part.end().await;
}

pub(crate) async fn an_object_made_anew_is_not_the_one_that_was_planned(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "made-anew").await;
    let ours = part.binding(true, "view", "one");
    assert_eq!(part.one(part.create(ours.clone())).await, DONE);
    let (_, first) = part.live(&ours).await.unwrap();
    assert_eq!(part.one(part.change(Operation::Delete { before: ours.clone() }, Some(&first))).await, DONE);
    assert_eq!(part.one(part.create(ours.clone())).await, DONE);
    let (_, second) = part.live(&ours).await.unwrap();
    let mixed = LiveMeta { uid: first.uid.clone(), ..second.clone() };
    for version in [&first, &mixed] {
        let after = part.binding(true, "view", "two");
        let update = part.change(Operation::Update { before: ours.clone(), after }, Some(version));
        let failure = part.failure(update).await;
        assert!(failure.what.contains("has been deleted and made anew since the plan"), "{failure}");
        let delete = part.change(Operation::Delete { before: ours.clone() }, Some(version));
        assert_eq!(part.one(delete).await, ALREADY, "the one that was planned is gone");
    }
    assert_eq!(part.live(&ours).await.unwrap().1, second, "the new one was not touched");
    part.end().await;
}

pub(crate) async fn the_role_of_a_binding_cannot_be_changed(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "role-ref").await;
    let ours = part.binding(false, "view", "one");
    assert_eq!(part.one(part.create(ours.clone())).await, DONE);
    let (_, meta) = part.live(&ours).await.unwrap();
    let update =
        part.change(Operation::Update { before: ours, after: part.binding(false, "edit", "one") }, Some(&meta));
    let failure = part.failure(update).await;
    assert!(failure.what.contains("the role of a binding cannot be changed"), "{failure}");
    part.end().await;
}

pub(crate) async fn another_cluster_behind_the_context_is_neither_read_nor_written(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "wrong-cluster").await;
    let outcome = write(Path::new(kubeconfig), "real-two", &[part.create(part.role(false, &["get"]))]).await.remove(0);
    let failure = failed(outcome);
    assert_eq!(failure.kind, FailureKind::WrongTarget);
    let link = connect(&connection(Path::new(kubeconfig), "real-two")).await.unwrap();
    let query = ClusterQuery {
        environment: "alpha".parse().unwrap(),
        config: CONFIG.parse().unwrap(),
        cluster: Some(part.cluster.uid),
    };
    let failure = KubernetesReader::new(link).observe(&query).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::WrongTarget);
    assert!(failure.what.contains("real-two") && failure.what.contains(&part.cluster.uid.to_string()), "{failure}");
    part.end().await;
}

pub(crate) async fn a_list_of_several_pages_is_read_whole(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "many-pages").await;
    let roles: Vec<Resource> = (0..510)
        .map(|number| {
            let mut role = part.role(true, &["get"]);
            if let Resource::Role(role) = &mut role {
                role.name = format!("{}-{number}", role.name);
            }
            role
        })
        .collect();
    let changes: Vec<Change> = roles.iter().map(|role| part.create(role.clone())).collect();
    assert!(part.write(&changes).await.iter().all(|outcome| *outcome == DONE));
    let cluster = observe(&part.kubeconfig, "real-one").await.unwrap();
    let ours = cluster.roles.iter().filter(|live| live.role.name.starts_with("many-pages-role-")).count();
    assert_eq!(ours, 510);
    part.end().await;
}

pub(crate) async fn a_plugin_gives_the_credential(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "plugin").await;
    let path = part.changed(|kubeconfig| {
        let name = kubeconfig["contexts"][0]["context"]["user"].clone();
        for named in kubeconfig["users"].as_array_mut().unwrap() {
            if named["name"] == name {
                let token = named["user"]["token"].as_str().expect("a token").to_owned();
                let credential = json!({
                    "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": { "token": token },
                });
                named["user"] = json!({ "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
                    "command": "/bin/echo", "args": [credential.to_string()],
                } });
            }
        }
    });
    assert_eq!(observe(&path, "real-one").await.unwrap().username, part.cluster.username);
    part.end().await;
}

pub(crate) async fn a_server_that_is_not_there_is_unreachable(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "unreachable").await;
    let path = part.changed(|kubeconfig| {
        for named in kubeconfig["clusters"].as_array_mut().unwrap() {
            // Nothing listens on the port of the discard service.
            named["cluster"]["server"] = json!("https://127.0.0.1:9");
        }
    });
    let failure = observe(&path, "real-one").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.what.contains("cannot connect to context `real-one` (https://127.0.0.1:9/)"), "{failure}");
    part.end().await;
}

impl Part {
    /// A kubeconfig whose context `limited` is a user who has only the given rules, cluster-wide.
    pub(crate) async fn limited(&self, rules: &Value) -> PathBuf {
        let user = format!("{}-limited", self.name);
        let role = serde_json::from_value(json!({ "metadata": { "name": user }, "rules": rules })).unwrap();
        self.cluster_roles().create(&PostParams::default(), &role).await.unwrap();
        let binding = serde_json::from_value(json!({
            "metadata": { "name": user },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
        }))
        .unwrap();
        let bindings: Api<rbac::ClusterRoleBinding> = Api::all(self.admin.clone());
        bindings.create(&PostParams::default(), &binding).await.unwrap();
        let path = self.changed(|kubeconfig| {
            kubeconfig["contexts"][0]["name"] = json!("limited");
            let name = kubeconfig["contexts"][0]["context"]["user"].clone();
            for named in kubeconfig["users"].as_array_mut().unwrap() {
                if named["name"] == name {
                    named["user"]["as"] = json!(user);
                }
            }
        });
        // The authorizer looks at a cache of its own, which follows a moment later.
        for _ in 0..100 {
            if observe(&path, "limited").await.is_ok() || rules.as_array().is_some_and(Vec::is_empty) {
                return path;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the rights of {user} never came to hold");
    }
}

pub(crate) async fn a_missing_right_to_read_is_named(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "no-read").await;
    let limited = part.limited(&json!([])).await;
    let failure = observe(&limited, "limited").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Forbidden);
    assert!(failure.what.contains("`no-read-limited` may not get namespaces in namespace kube-system"), "{failure}");
    part.end().await;
}

/// What `plan` needs.
fn reading() -> Vec<Value> {
    vec![
        json!({ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"] }),
        json!({
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterroles", "roles", "clusterrolebindings", "rolebindings"],
            "verbs": ["list"],
        }),
    ]
}

pub(crate) async fn an_identity_cannot_give_what_it_does_not_have_and_is_told_what_it_lacks(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "no-escalation").await;
    let mut rules = reading();
    rules.push(json!({
        "apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["clusterroles", "roles", "clusterrolebindings", "rolebindings"],
        "verbs": ["get", "create", "patch", "delete"],
    }));
    let limited = part.limited(&json!(rules)).await;
    let role = part.role(false, &["patch"]);
    let bound = part.binding(true, "view", "one");
    let missing = part.binding(false, "missing", "one");
    let mut elsewhere = part.binding(true, "view", "one");
    if let Resource::Binding(binding) = &mut elsewhere {
        binding.namespace = Some("no-such-namespace".parse().unwrap());
    }
    let changes: Vec<Change> = [role, bound, missing, elsewhere].into_iter().map(|after| part.create(after)).collect();
    let failures: Vec<Failure> = write(&limited, "limited", &changes).await.into_iter().map(failed).collect();
    let server = "on context `limited`";
    let expected = [
        (
            FailureKind::Forbidden,
            "403, needs `escalate` on clusterroles/no-escalation-role on the whole cluster, or the 2 rules { apiGroups: [\"\"], resources: [deployments, pods], verbs: [patch] }, ",
        ),
        (FailureKind::Forbidden, "403, needs `bind` on clusterroles/view in namespace no-escalation, or "),
        (FailureKind::NotFound, "there is no clusterrole missing"),
        (FailureKind::NotFound, "there is no namespace no-such-namespace"),
    ];
    for (failure, (kind, words)) in failures.iter().zip(expected) {
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.what.contains(words) && failure.what.contains(server), "{failure}");
    }
    part.end().await;
}

pub(crate) async fn what_we_may_do_is_answered_as_the_authorizer_does(kubeconfig: &str) {
    let part = Part::new(kubeconfig, "questions").await;
    let mut rules = reading();
    rules.push(json!({
        "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["view"], "verbs": ["bind"],
    }));
    let limited = part.limited(&json!(rules)).await;
    let who = observe(&limited, "limited").await.unwrap();
    assert_eq!(who.username, "questions-limited");
    assert!(who.user_groups.contains("system:authenticated"));
    let question = |verb: &str, name: Option<&str>| AccessQuestion {
        name: name.map(str::to_owned),
        ..AccessQuestion::new(verb, RBAC, "clusterroles")
    };
    let questions = [
        question("create", None),
        question("bind", Some("view")),
        question("bind", Some("edit")),
        question("list", None),
    ];
    let mut allowed = Vec::new();
    for (path, context) in [(&limited, "limited"), (&part.kubeconfig, "real-one")] {
        let link = connect(&connection(path, context)).await.unwrap();
        let answers = KubernetesReader::new(link).ask(&questions).await;
        allowed.push(answers.into_iter().map(|answer| answer.unwrap().allowed).collect::<Vec<_>>());
    }
    assert_eq!(allowed, [[false, true, false, true], [true, true, true, true]]);
    part.end().await;
}
