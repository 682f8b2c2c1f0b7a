//! The matrix on real API servers: Entra is the sandbox's, and a proxy holds the requests to the cluster.

use std::collections::BTreeMap;
use std::path::Path;

use rolecall::sandbox::log::Call;
use serde_json::{Value, json};

use crate::gate::{Gate, Hold, Of, Seen, Upstream};
use crate::place::Place;
use crate::process::{Served, end, rolecall, run, until};
use crate::scenario::{CONFIG, Scenario, forget};
use crate::state::{self, Facts, Names, Spelt, State, fold};
use crate::{record, summary};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const KINDS: [(&str, &str); 4] = [
    ("ClusterRole", "clusterroles"),
    ("Role", "roles"),
    ("ClusterRoleBinding", "clusterrolebindings"),
    ("RoleBinding", "rolebindings"),
];

#[test]
#[ignore = "needs the real components: run tests/run"]
fn a_killed_apply_converges_on_real_api_servers() {
    assert!(std::env::var("ROLECALL_REAL").as_deref() == Ok("1"), "the real components are not there: run tests/run");
    let kubeconfig = std::fs::read_to_string(std::env::var("ROLECALL_REAL_KUBECONFIG").unwrap()).unwrap();
    let kubeconfig: Value = serde_saphyr::from_str(&kubeconfig).unwrap();
    let mut lines = Vec::new();
    for scenario in Scenario::on_a_shared_cluster() {
        let names = ["real-one", "real-two"];
        // A server each, every second point each.
        let tallies: Vec<(usize, usize, usize)> = std::thread::scope(|scope| {
            let workers = names.iter().enumerate().map(|(at, name)| {
                let upstream = Upstream::of_context(&kubeconfig, name);
                let scenario = &scenario;
                scope.spawn(move || Bench::new(scenario, upstream).run(at, names.len()))
            });
            let workers: Vec<_> = workers.collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        let sum = |of: fn(&(usize, usize, usize)) -> usize| tallies.iter().map(of).sum::<usize>();
        let (killed, unreached, requests) = (sum(|tally| tally.0), sum(|tally| tally.1), tallies[0].2);
        assert!(killed > 0 && unreached * 10 <= killed, "{killed} killed, {unreached} not reached");
        lines.push(format!(
            "kills, real API servers, {}: from the first write on, {requests} requests: {killed} points, each \
             ended in the very state of the undisturbed run",
            scenario.name
        ));
    }
    summary::leave("4-kills-real", &lines.join("\n"));
}

/// One server, a scenario, and how it ends undisturbed.
struct Bench {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    upstream: Upstream,
    folder: tempfile::TempDir,
    /// What of ours is on the server before.
    start: Vec<(&'static str, Value)>,
    acknowledged: Vec<String>,
    end: State,
    names: Names,
    kept: Facts,
    /// What the undisturbed run asked of the server.
    seen: Vec<Seen>,
}

impl Bench {
    fn new(scenario: &Scenario, upstream: Upstream) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("seed.yaml"), &scenario.seed).unwrap();
        let made = run(&mut rolecall(folder.path(), &["sandbox", "init", "sandbox", "--from", "seed.yaml"]));
        assert_eq!(made.code, Some(0), "{}", made.text);
        std::fs::create_dir(folder.path().join("access")).unwrap();
        // Another test's config may come to live on this server at any moment.
        let acknowledged = vec![format!("config-renamed:{CONFIG}")];
        let mut bench = Self {
            client: upstream.client(),
            names: Names::read(&folder.path().join("sandbox")),
            runtime,
            upstream,
            folder,
            start: Vec::new(),
            acknowledged,
            end: State::new(),
            kept: Facts::new(),
            seen: Vec::new(),
        };
        for namespace in ["kills-trinity", "kills-docs"] {
            let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
            // It may be there from the scenario before.
            let created = bench.ask("POST", "/api/v1/namespaces", Some(&body)).0;
            assert!(matches!(created, 201 | 409), "{namespace}: {created}");
        }
        bench.reset();
        if let Some(before) = &scenario.before {
            bench.write_access(before);
            let place = bench.undisturbed();
            let sandbox = bench.folder.path().join("sandbox");
            std::fs::remove_dir_all(&sandbox).unwrap();
            crate::folder::copy(&place, &sandbox);
            fold(&sandbox);
            forget(&sandbox);
            bench.start = bench.ours();
        }
        bench.write_access(&scenario.after);
        let before = state::rights(&bench.objects(), &mut Spelt::new());
        // Once for what the guards ask for, once for what is asked of the server.
        drop(bench.undisturbed());
        bench.reset();
        let place = bench.undisturbed();
        bench.names = Names::read(&place);
        bench.end = bench.whole_state(&place);
        let after = state::rights(&bench.objects(), &mut Spelt::new());
        bench.kept = before.intersection(&after).cloned().collect();
        assert_eq!(bench.kept.is_empty(), scenario.before.is_none(), "{}: {:?}", scenario.name, bench.kept);
        bench
    }

    fn write_access(&self, text: &str) {
        std::fs::write(self.folder.path().join("access/rolecall.yaml"), text).unwrap();
    }

    /// Applies; gives the sandbox's folder as it is then, which the next test run may take away.
    fn undisturbed(&mut self) -> std::path::PathBuf {
        let mut place = Place::new(self.folder.path());
        let served = Served::start(&place.sandbox(), None);
        let gate = self.runtime.block_on(Gate::start(self.upstream.clone(), None));
        place.reach_west_by(&served, &gate.kubeconfig());
        place.apply(&served, "first.jsonl", &mut self.acknowledged).unwrap();
        self.seen = gate.seen();
        place.is_in_order(&served).unwrap();
        drop(served);
        let kept = self.folder.path().join("applied");
        let _ = std::fs::remove_dir_all(&kept);
        crate::folder::copy(&place.sandbox(), &kept);
        kept
    }

    /// Gives how many points were killed, how many were not reached, and how many requests there are from the first write on.
    fn run(self, worker: usize, workers: usize) -> (usize, usize, usize) {
        let first = self.seen.iter().position(Seen::is_write).unwrap();
        let points = (first..self.seen.len())
            .flat_map(|request| [false, true].map(|after_work| Hold { request, of: Of::All, after_work }))
            .enumerate()
            .filter(|(at, _)| at % workers == worker);
        let mut killed = 0;
        let mut unreached = 0;
        for (_, hold) in points {
            self.reset();
            match self.kill_at(hold) {
                Ok(true) => killed += 1,
                Ok(false) => unreached += 1,
                Err(why) => panic!("killed at {hold:?}: {why}"),
            }
        }
        self.reset_to(&[]);
        (killed, unreached, self.seen.len() - first)
    }

    fn kill_at(&self, hold: Hold) -> Result<bool, String> {
        let mut place = Place::new(self.folder.path());
        let served = Served::start(&place.sandbox(), None);
        let gate = self.runtime.block_on(Gate::start(self.upstream.clone(), Some(hold)));
        place.reach_west_by(&served, &gate.kubeconfig());
        let said = std::fs::File::create(place.path("said")).unwrap();
        let mut apply = place.command(&served, "first.jsonl", &self.acknowledged);
        let mut apply = apply.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap();
        if let Some(status) = until(&mut apply, || gate.holds()) {
            let said = std::fs::read_to_string(place.path("said")).unwrap();
            return if status.success() { Ok(false) } else { Err(format!("it ended by itself: {status}\n{said}")) };
        }
        end(&mut apply);
        self.keeps(&self.objects())?;
        let of_cluster = gate.seen().into_iter().filter(Seen::is_write).map(|seen| Call {
            server: "west".to_owned(),
            method: seen.method,
            path: seen.path,
            status: 0,
            danger: false,
            not_modelled: false,
        });
        let writes = record::writes(&place.sandbox()).into_iter().chain(of_cluster).collect();
        let mut secrets = record::secrets(&served, &place.sandbox());
        secrets.push(self.upstream.token.clone());
        record::check(&place.path("first.jsonl"), writes, &self.names, &secrets)?;

        let gate = self.runtime.block_on(Gate::start(self.upstream.clone(), None));
        place.reach_west_by(&served, &gate.kubeconfig());
        place.apply(&served, "second.jsonl", &mut self.acknowledged.clone())?;
        place.is_in_order(&served)?;
        drop(served);
        let state = self.whole_state(&place.sandbox());
        let names = |one: &State, other: &State| -> Vec<String> {
            one.iter().filter(|(name, value)| other.get(*name) != Some(*value)).map(|(name, _)| name.clone()).collect()
        };
        if state != self.end {
            let (here, there) = (names(&state, &self.end), names(&self.end, &state));
            return Err(format!("it ended otherwise: {here:?} instead of {there:?}"));
        }
        Ok(true)
    }

    /// Whether everybody has what they had before and will have after.
    fn keeps(&self, objects: &Value) -> Result<(), String> {
        let rights = state::rights(objects, &mut Spelt::new());
        self.kept.difference(&rights).next().map_or(Ok(()), |fact| Err(format!("this was lost for a while: {fact}")))
    }

    fn whole_state(&self, sandbox: &Path) -> State {
        let mut state = state::read(sandbox);
        let mut objects: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
        for (kind, object) in self.ours() {
            objects.entry(kind).or_default().insert(key(&object), object);
        }
        state::add_objects(&mut state, "real", &self.names, &json!(objects));
        state
    }

    fn reset(&self) {
        self.reset_to(&self.start);
    }

    fn reset_to(&self, start: &[(&'static str, Value)]) {
        for (kind, object) in self.ours() {
            let (status, body) = self.ask("DELETE", &path(kind, &object), None);
            assert!(matches!(status, 200 | 404), "{body}");
        }
        for (kind, object) in start {
            let mut object = object.clone();
            let meta = object["metadata"].as_object_mut().unwrap();
            meta.retain(|field, _| matches!(field.as_str(), "name" | "namespace" | "labels"));
            (object["apiVersion"], object["kind"]) = (json!("rbac.authorization.k8s.io/v1"), json!(kind));
            let (status, body) =
                self.ask("PATCH", &format!("{}?fieldManager=rolecall", path(kind, &object)), Some(&object));
            assert_eq!(status, 201, "{body}");
        }
    }

    /// Everything that carries our mark.
    fn ours(&self) -> Vec<(&'static str, Value)> {
        let selector = format!("?labelSelector=rolecall.dev/config%3D{CONFIG}");
        KINDS
            .iter()
            .flat_map(|(kind, plural)| self.list(plural, &selector).into_iter().map(|item| (*kind, item)))
            .collect()
    }

    /// Every role and binding of the server, by kind and key.
    fn objects(&self) -> Value {
        let of_kind = |plural: &str| -> BTreeMap<String, Value> {
            self.list(plural, "").into_iter().map(|object| (key(&object), object)).collect()
        };
        KINDS.iter().map(|(kind, plural)| ((*kind).to_owned(), json!(of_kind(plural)))).collect()
    }

    fn list(&self, plural: &str, query: &str) -> Vec<Value> {
        let (status, mut body) = self.ask("GET", &format!("{RBAC}/{plural}{query}"), None);
        assert_eq!(status, 200, "{body}");
        std::mem::take(body["items"].as_array_mut().unwrap())
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.upstream.url.trim_end_matches('/'));
        let request = self.client.request(method.parse().unwrap(), url).bearer_auth(&self.upstream.token);
        let request = match body {
            Some(body) => {
                let kind = if method == "PATCH" { "application/apply-patch+yaml" } else { "application/json" };
                request.header("content-type", kind).body(body.to_string())
            }
            None => request,
        };
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
        })
    }
}

fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object["metadata"][field].as_str()
}

/// As the sandbox keys them.
fn key(object: &Value) -> String {
    let name = text(object, "name").unwrap();
    text(object, "namespace").map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

fn path(kind: &str, object: &Value) -> String {
    let (_, plural) = KINDS.iter().find(|(known, _)| *known == kind).unwrap();
    let name = text(object, "name").unwrap();
    match text(object, "namespace") {
        Some(namespace) => format!("{RBAC}/namespaces/{namespace}/{plural}/{name}"),
        None => format!("{RBAC}/{plural}/{name}"),
    }
}
