//! A binding made by hand is told of, refused, and taken over, on whatever API server a kubeconfig leads to. Those who hold
//! access by it are asked about from before the apply until after it.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::served::Served;

/// A group that Entra knows by this id and rolecall only refers to.
const GROUP: &str = "4a1b2c3d-0000-4000-8000-9e0f1a2b3c4d";
const NAMESPACE: &str = "takeover";

const FILES: &str = "version: 1
name: takeover
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
environments:
  alpha: { type: kubernetes, unmanaged: UNMANAGED }
groups:
  readers: { id: 4a1b2c3d-0000-4000-8000-9e0f1a2b3c4d }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [readers], users: [hayden@contoso.com], roles: [read-only], environments: [alpha], namespaces: [takeover] REPLACES}
";

struct World {
    folder: tempfile::TempDir,
    served: Served,
}

impl World {
    /// The sandbox's tenant, and the environment at the end of this kubeconfig's context; the sandbox's own cluster if none.
    fn new(cluster: Option<(&str, &str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("access")).unwrap();
        write(folder.path(), "report", "");
        let filled = Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(["plan", "access", "--sandbox", "sandbox"])
            .current_dir(folder.path())
            .env_clear()
            .output()
            .unwrap();
        assert!(filled.status.success(), "{}", text(&filled));
        let served = Served::start(&folder.path().join("sandbox"));
        let url = served.credential("ROLECALL_SANDBOX_URL");
        let (kubeconfig, context) = cluster.unwrap_or(("sandbox/kubeconfig", "alpha"));
        let connections = format!(
            "entra: {{ login: '{url}', graph: '{url}', ca-file: sandbox/ca.pem }}\nenvironments:\n  \
             alpha: {{ kubeconfig: '{kubeconfig}', context: {context} }}\n"
        );
        std::fs::write(folder.path().join("connections.yaml"), connections).unwrap();
        Self { folder, served }
    }

    fn files(&self, unmanaged: &str, replaces: &str) {
        write(self.folder.path(), unmanaged, replaces);
    }

    /// Runs the program as it would be run, without holding the runtime up.
    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
        command
            .args(arguments)
            .args(["--connections", "connections.yaml"])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.served.credentials());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn plan(&self) -> Value {
        let output = self.run(&["plan", "access", "--output", "json"]).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{}", text(&output)))
    }

    /// The acknowledgements that a plan asks for, except those about bindings that are not ours.
    fn acknowledged(plan: &Value) -> Vec<String> {
        let guards = plan["guards"].as_array().unwrap().iter().filter(|guard| guard["id"] != "unmanaged");
        guards
            .flat_map(|guard| {
                let subject = guard["subject"].as_str().unwrap();
                ["--acknowledge".to_owned(), format!("{}:{subject}", guard["id"].as_str().unwrap())]
            })
            .collect()
    }

    async fn apply(&self, plan: &Value) -> Output {
        let acknowledged = Self::acknowledged(plan);
        let acknowledged: Vec<&str> = acknowledged.iter().map(String::as_str).collect();
        // Another test's config may come to live on this cluster at any moment.
        let always = ["apply", "access", "--yes", "--acknowledge", "config-renamed:takeover"];
        self.run(&[always.as_slice(), acknowledged.as_slice()].concat()).await
    }
}

fn write(folder: &Path, unmanaged: &str, replaces: &str) {
    let text = FILES.replace("UNMANAGED", unmanaged).replace(" REPLACES", replaces);
    std::fs::write(folder.join("access/rolecall.yaml"), text).unwrap();
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn client(kubeconfig: &Path, context: &str) -> Client {
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig).unwrap(), &options).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Whether the API server lets somebody list pods in the namespace.
async fn may(client: &Client, spec: &Value) -> bool {
    let mut spec = spec.clone();
    spec["resourceAttributes"] = json!({ "verb": "list", "resource": "pods", "namespace": NAMESPACE });
    let review: SubjectAccessReview = serde_json::from_value(json!({ "metadata": {}, "spec": spec })).unwrap();
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
    answer.status.unwrap().allowed
}

/// Asks about each of these, over and over, until told to stop. Gives how often the answer was no.
async fn ask(client: Client, specs: [Value; 2], mut stop: watch::Receiver<bool>, asked: Arc<AtomicUsize>) -> usize {
    let mut refused = 0;
    while !*stop.borrow_and_update() {
        for spec in &specs {
            refused += usize::from(!may(&client, spec).await);
        }
        asked.fetch_add(1, Ordering::SeqCst);
    }
    refused
}

fn is_unmanaged(plan: &Value, name: &str) -> Option<Value> {
    plan["unmanaged"].as_array().unwrap().iter().find(|binding| binding["name"] == name).cloned()
}

/// Somebody gives ours the label of Kubernetes' own: asked for, it stays as it is; left over, it is told until that is off.
async fn ours_is_not_kept_out_of_sight(world: &World, bindings: &Api<RoleBinding>) {
    let is_users = |live: &RoleBinding| live.subjects.iter().flatten().any(|subject| subject.kind == "User");
    let ours = bindings.list(&ListParams::default()).await.unwrap().into_iter().find(is_users).unwrap();
    let name = ours.metadata.name.unwrap();
    let label = async |value: Value| {
        let patch = json!({ "metadata": { "labels": { "kubernetes.io/bootstrapping": value } } });
        bindings.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    };
    let listed = format!("{NAMESPACE}/{name}");
    label(json!("rbac-defaults")).await;
    world.files("ignore", "");
    let plan = world.plan().await;
    assert_eq!((&plan["changes"], is_unmanaged(&plan, &listed)), (&json!([]), None), "{plan}");
    let path = world.folder.path().join("access/rolecall.yaml");
    let left = std::fs::read_to_string(&path).unwrap().replace("users: [hayden@contoso.com], ", "");
    std::fs::write(&path, left).unwrap();
    let plan = world.plan().await;
    assert_eq!(plan["changes"], json!([]), "{plan}");
    assert_eq!(is_unmanaged(&plan, &listed).unwrap()["owner"], "ours-labelled", "{plan}");
    label(Value::Null).await;
    let plan = world.plan().await;
    let removed: Vec<&Value> = plan["changes"].as_array().unwrap().iter().map(|change| &change["address"]).collect();
    assert_eq!(removed, [&json!(format!("alpha/rolebinding/{listed}"))], "{plan}");
}

/// The whole way of one binding.
pub(crate) async fn a_binding_made_by_hand_is_taken_over(cluster: Option<(&str, &str)>) {
    let world = World::new(cluster);
    let (kubeconfig, context) = match cluster {
        Some((kubeconfig, context)) => (Path::new(kubeconfig).to_owned(), context),
        None => (world.served.file("kubeconfig"), "alpha"),
    };
    let client = client(&kubeconfig, context).await;
    if cluster.is_some() {
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE } })).unwrap();
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    }
    let first = world.plan().await;
    // What the API server made at its start is its own.
    let told: Vec<&str> =
        first["unmanaged"].as_array().unwrap().iter().map(|told| told["name"].as_str().unwrap()).collect();
    let is_own = |name: &&&str| **name == "cluster-admin" || name.contains("system:");
    assert_eq!(told.iter().find(is_own), None, "{told:?}");
    let subjects = first["changes"].as_array().unwrap().iter().map(|change| &change["after"]["subjects"][0]);
    let user = subjects.clone().find(|subject| subject["kind"] == "User").unwrap()["name"].as_str().unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), NAMESPACE);
    let by_hand = json!({
        "metadata": { "name": "hand-made" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
        "subjects": [
            { "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": GROUP },
            { "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user },
        ],
    });
    let by_hand: RoleBinding = serde_json::from_value(by_hand).unwrap();
    bindings.create(&PostParams::default(), &by_hand).await.unwrap();

    // It is told of, beside the grants that give the same.
    let plan = world.plan().await;
    let told = is_unmanaged(&plan, "takeover/hand-made").unwrap();
    assert_eq!((&told["standing"], &told["owner"]), (&json!("reported"), &json!("unmarked")), "{told}");
    assert_eq!(told["beside"].as_array().unwrap().len(), 2, "{told}");
    assert!(told["beside"].as_array().unwrap().iter().all(|beside| beside["replaceable"] == true), "{told}");

    // It is refused, and nothing is written.
    world.files("refuse", "");
    let plan = world.plan().await;
    let guards: Vec<&Value> =
        plan["guards"].as_array().unwrap().iter().filter(|guard| guard["id"] == "unmanaged").collect();
    assert!(guards.iter().any(|guard| guard["subject"] == "alpha/takeover/hand-made"), "{guards:?}");
    let writes = world.served.writes();
    let refused = world.apply(&plan).await;
    assert_eq!((refused.status.code(), world.served.writes()), (Some(3), writes), "{}", text(&refused));
    assert_eq!(bindings.list(&ListParams::default()).await.unwrap().items.len(), 1);

    // It is taken over, and nobody is without access meanwhile.
    world.files("report", ", replaces: takeover/hand-made ");
    let plan = world.plan().await;
    assert!(is_unmanaged(&plan, "takeover/hand-made").is_none(), "{plan}");
    let (stop, stopped) = watch::channel(false);
    let asked = Arc::new(AtomicUsize::new(0));
    let specs = [json!({ "user": user }), json!({ "user": "somebody", "groups": [GROUP] })];
    let asking: Vec<_> =
        (0..2).map(|_| tokio::spawn(ask(client.clone(), specs.clone(), stopped.clone(), Arc::clone(&asked)))).collect();
    while asked.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    let before = asked.load(Ordering::SeqCst);
    let applied = world.apply(&plan).await;
    let during = asked.load(Ordering::SeqCst) - before;
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied));
    assert!(during > 0, "nobody was asked about during the apply");
    // Once more, when all is done.
    let last = asked.load(Ordering::SeqCst) + 2;
    while asked.load(Ordering::SeqCst) < last {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    for asking in asking {
        assert_eq!(asking.await.unwrap(), 0, "somebody was without access");
    }
    let names: Vec<String> = bindings
        .list(&ListParams::default())
        .await
        .unwrap()
        .into_iter()
        .filter_map(|live| live.metadata.name)
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(!names.contains(&"hand-made".to_owned()), "{names:?}");
    for spec in &specs {
        assert!(may(&client, spec).await, "{spec}");
    }

    // Nothing is left to do but to take the line out.
    let plan = world.plan().await;
    assert_eq!((&plan["changes"], &plan["withheld"]), (&json!([]), &json!([])), "{plan}");
    assert!(plan["notes"].as_array().unwrap().iter().any(|note| note["kind"] == "replaces-done"), "{plan}");
    ours_is_not_kept_out_of_sight(&world, &bindings).await;
    if cluster.is_some() {
        let namespaces: Api<Namespace> = Api::all(client);
        namespaces.delete(NAMESPACE, &DeleteParams::default()).await.unwrap();
    }
}
