//! Worlds of roles and bindings by seeds, and questions about them: two authorizers must answer each the same.

use http::Method;
use serde_json::{Value, json};

use super::dice::Dice;
use super::script::{CORE, JSON, RBAC, REVIEWS, Script, Server, Transcript, rbac};

/// How many worlds there are, and how many questions about each before and after it is changed.
const WORLDS: u64 = 8;
const QUESTIONS: usize = 32;

/// The part's namespace and another.
const PART: &str = "worlds";
const OTHER: &str = "worlds-other";

const VERBS: [&str; 8] = ["get", "list", "create", "patch", "delete", "bind", "Get", "*"];
const GROUPS: [&str; 4] = ["", "apps", "contoso.com", "*"];
const RESOURCES: [&str; 12] = [
    "pods",
    "pods/log",
    "pods/exec",
    "deployments",
    "deployments/scale",
    "deployments/*",
    "*/log",
    "*/scale",
    "*",
    "namespaces",
    "secrets",
    "*/*",
];
const NAMES: [&str; 5] = ["a", "b", PART, OTHER, "*"];
const PATHS: [&str; 9] = ["/healthz", "/metrics", "/metrics/*", "/api*", "/a/**", "/a/*/b", "*", "/", "/metrics/a/b"];
const PLACES: [&str; 4] = ["", PART, OTHER, "worlds-nowhere"];

/// One object: where its collection is, and what it is.
type Object = (String, Value);

/// One step of a world's life.
enum Step {
    Make(Object),
    Replace(Object),
    Delete(String),
}

struct World {
    dice: Dice,
    /// Every name of this world starts with it, so that no world reaches into another.
    name: String,
    roles: Vec<Object>,
    bindings: Vec<Object>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world =
            Self { dice: Dice::new(seed), name: format!("{PART}-{seed}"), roles: Vec::new(), bindings: Vec::new() };
        for number in 0..6 {
            let rules = world.rules(true);
            let name = format!("{}-c{number}", world.name);
            let role = rbac("ClusterRole", &name, json!({ "rules": rules }));
            world.roles.push((format!("{RBAC}/clusterroles"), role));
        }
        for namespace in [PART, OTHER] {
            for number in 0..2 {
                let rules = world.rules(false);
                let role = rbac("Role", &format!("{}-r{number}", world.name), json!({ "rules": rules }));
                world.roles.push((format!("{RBAC}/namespaces/{namespace}/roles"), role));
            }
        }
        for number in 0..10 {
            let binding = world.binding(number);
            world.bindings.push(binding);
        }
        world
    }

    fn rules(&mut self, is_cluster_role: bool) -> Vec<Value> {
        let dice = &mut self.dice;
        (0..=dice.below(3))
            .map(|_| {
                let verbs = dice.some(&VERBS, 3);
                if is_cluster_role && dice.chance(25) {
                    return json!({ "verbs": verbs, "nonResourceURLs": dice.some(&PATHS, 2) });
                }
                let (groups, resources) = (dice.some(&GROUPS, 2), dice.some(&RESOURCES, 3));
                let mut rule = json!({ "verbs": verbs, "apiGroups": groups, "resources": resources });
                if dice.chance(35) {
                    rule["resourceNames"] = json!(dice.some(&NAMES, 2));
                }
                rule
            })
            .collect()
    }

    /// A binding cluster-wide or in one of the namespaces, now and then to a role that there is not.
    fn binding(&mut self, number: usize) -> Object {
        let place = [None, Some(PART), Some(OTHER)][self.dice.below(3)];
        let subjects: Vec<_> = (0..=self.dice.below(3)).map(|_| self.subject(place.is_some())).collect();
        let kind = if place.is_some() && self.dice.chance(40) { "Role" } else { "ClusterRole" };
        let role = match (self.dice.chance(15), kind) {
            (true, _) => "gone".to_owned(),
            (false, "Role") => format!("r{}", self.dice.below(2)),
            (false, _) => format!("c{}", self.dice.below(6)),
        };
        let body =
            json!({ "subjects": subjects, "roleRef": { "kind": kind, "name": format!("{}-{role}", self.name) } });
        let name = format!("{}-b{number}", self.name);
        match place {
            None => (format!("{RBAC}/clusterrolebindings"), rbac("ClusterRoleBinding", &name, body)),
            Some(namespace) => {
                (format!("{RBAC}/namespaces/{namespace}/rolebindings"), rbac("RoleBinding", &name, body))
            }
        }
    }

    fn user(&mut self) -> String {
        format!("{}-u{}", self.name, self.dice.below(4))
    }

    fn account(&mut self) -> (String, &'static str) {
        (format!("{}-s{}", self.name, self.dice.below(2)), self.dice.one(&[PART, OTHER]))
    }

    fn subject(&mut self, is_here: bool) -> Value {
        match self.dice.below(10) {
            0..4 => json!({ "kind": "User", "name": self.user() }),
            4..7 => json!({ "kind": "Group", "name": format!("{}-g{}", self.name, self.dice.below(3)) }),
            7 => {
                let (name, namespace) = self.account();
                json!({ "kind": "User", "name": format!("system:serviceaccount:{namespace}:{name}") })
            }
            _ => {
                let (name, namespace) = self.account();
                let mut subject = json!({ "kind": "ServiceAccount", "name": name });
                if !is_here || self.dice.chance(60) {
                    subject["namespace"] = namespace.into();
                }
                subject
            }
        }
    }

    /// What somebody is asked about: mostly one of the rules, as it is or a little beside it.
    fn question(&mut self) -> Value {
        let mut spec = self.asked_of();
        let (_, role) = &self.roles[self.dice.below(self.roles.len())];
        let held = role["rules"].as_array().unwrap();
        let about = held[self.dice.below(held.len())].clone();
        let mut word = |field: &str, others: &[&str]| {
            let own: Vec<&str> = about[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let is_own = !own.is_empty() && self.dice.chance(75);
            let word = if is_own { self.dice.one(&own) } else { self.dice.one(others) };
            // A star is asked for as it is now and then only.
            if word == "*" && self.dice.chance(80) { self.dice.one(others).to_owned() } else { word.to_owned() }
        };
        let verb = word("verbs", &VERBS);
        if about["nonResourceURLs"].is_array() {
            let path = word("nonResourceURLs", &PATHS).replace("**", "x");
            spec["nonResourceAttributes"] = json!({ "verb": verb, "path": path });
            return spec;
        }
        let (group, resource) = (word("apiGroups", &GROUPS), word("resources", &RESOURCES));
        let name = word("resourceNames", &NAMES);
        let (resource, subresource) = resource.split_once('/').unwrap_or((&resource, ""));
        let resource = if resource == "*" && self.dice.chance(70) { "pods" } else { resource };
        let mut attributes = json!({
            "verb": verb, "group": group, "resource": resource, "subresource": subresource,
            "namespace": self.dice.one(&PLACES),
        });
        if self.dice.chance(60) {
            attributes["name"] = name.into();
        }
        spec["resourceAttributes"] = attributes;
        spec
    }

    fn asked_of(&mut self) -> Value {
        let user = if self.dice.chance(30) {
            let (name, namespace) = self.account();
            format!("system:serviceaccount:{namespace}:{name}")
        } else {
            self.user()
        };
        let groups: Vec<_> =
            (0..self.dice.below(3)).map(|_| format!("{}-g{}", self.name, self.dice.below(3))).collect();
        json!({ "user": user, "groups": groups })
    }

    fn beginning(&self) -> Vec<Step> {
        self.roles.iter().chain(&self.bindings).cloned().map(Step::Make).collect()
    }

    /// Changes some of its rules, and takes away and adds some of its objects.
    fn change(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for role in [0, 1, 6] {
            let is_cluster_role = self.roles[role].1["kind"] == "ClusterRole";
            self.roles[role].1["rules"] = self.rules(is_cluster_role).into();
            steps.push(Step::Replace(self.roles[role].clone()));
        }
        let gone = [self.roles.remove(5), self.bindings.remove(0), self.bindings.remove(4)];
        steps.extend(gone.iter().map(|object| Step::Delete(path(object))));
        for number in 10..12 {
            let binding = self.binding(number);
            self.bindings.push(binding.clone());
            steps.push(Step::Make(binding));
        }
        steps
    }
}

fn path((collection, object): &Object) -> String {
    format!("{collection}/{}", object["metadata"]["name"].as_str().unwrap())
}

/// A server that knows the worlds, and its answers.
struct Asked {
    script: Script,
}

impl Asked {
    async fn new(server: &Server) -> Self {
        let script = Script::new(server, PART).await;
        script.prepare(&format!("{CORE}/namespaces"), &json!({ "metadata": { "name": OTHER } })).await;
        Self { script }
    }

    async fn take(&self, steps: &[Step], settled: &str) {
        for step in steps {
            match step {
                Step::Make((collection, object)) => {
                    self.script.prepare(collection, object).await;
                }
                Step::Replace(object) => {
                    let (code, body) = self.script.send(&Method::PUT, &path(object), JSON, &object.1).await;
                    assert_eq!(code, 200, "{body}");
                }
                Step::Delete(path) => {
                    let (code, body) = self.script.send(&Method::DELETE, path, JSON, &Value::Null).await;
                    assert_eq!(code, 200, "{body}");
                }
            }
        }
        self.script.settle(settled).await;
    }

    /// The verdict and the reason. What could not be found is told in no order.
    async fn ask(&self, spec: &Value) -> String {
        let path = format!("{REVIEWS}/subjectaccessreviews");
        let mut status = self.script.prepare(&path, &json!({ "spec": spec })).await["status"].clone();
        let reason = status["reason"].as_str().unwrap_or_default();
        if let Some(list) = reason.strip_prefix("RBAC: [").and_then(|list| list.strip_suffix(']')) {
            let mut parts: Vec<_> = list.split(", ").collect();
            parts.sort_unstable();
            status["reason"] = format!("RBAC: [{}]", parts.join(", ")).into();
        }
        status.to_string()
    }

    async fn end(self) {
        let (code, body) =
            self.script.send(&Method::DELETE, &format!("{CORE}/namespaces/{OTHER}"), JSON, &Value::Null).await;
        assert_eq!(code, 200, "{body}");
        self.script.end().await;
    }
}

/// The sandbox's answers, and the real API server's where one is given. That one lists bindings in no order: where
/// several allow the same, it names any of them. Its answer counts as the sandbox's if it gives that one, too, when it is
/// asked again, and if the sandbox gives the other where only that binding is left.
pub(crate) async fn questions(sandbox: &Server, alone: &Server, real: Option<&Server>) -> (Transcript, Transcript) {
    let (asked, apart) = (Asked::new(sandbox).await, Asked::new(alone).await);
    let asked_real = if let Some(real) = real { Some(Asked::new(real).await) } else { None };
    let (mut said, mut real_said) = (Transcript::default(), Transcript::default());
    for seed in 0..WORLDS {
        let mut world = World::new(seed);
        let mut steps = world.beginning();
        for phase in ["first", "then"] {
            let settled = format!("{PART}-{seed}-{phase}");
            asked.take(&steps, &settled).await;
            if let Some(real) = &asked_real {
                real.take(&steps, &settled).await;
            }
            for _ in 0..QUESTIONS {
                let spec = world.question();
                let answer = asked.ask(&spec).await;
                let line = |answer: &str| format!("{spec}\n  {answer}");
                if let Some(real) = &asked_real {
                    let mut other = real.ask(&spec).await;
                    if other != answer && apart.gives_alone(&world, &spec, &other).await {
                        other = real.sooner_or_later(&spec, other, &answer).await;
                    }
                    real_said.answers.push(line(&other));
                }
                said.answers.push(line(&answer));
            }
            steps = world.change();
        }
    }
    asked.end().await;
    apart.end().await;
    if let Some(real) = asked_real {
        real.end().await;
    }
    (said, real_said)
}

impl Asked {
    /// Whether this answer is the one where the binding that it names is the only one.
    async fn gives_alone(&self, world: &World, spec: &Value, answer: &str) -> bool {
        let Some(binding) = world.bindings.iter().find(|(collection, object)| {
            let name = object["metadata"]["name"].as_str().unwrap();
            let namespace = collection.rsplit('/').nth(1).unwrap();
            let is_here = object["kind"] == "RoleBinding";
            let named = if is_here { format!("{name}/{namespace}") } else { name.to_owned() };
            answer.contains(&format!("by {} \\\"{named}\\\" ", object["kind"].as_str().unwrap()))
        }) else {
            return false;
        };
        let objects: Vec<_> = world.roles.iter().chain([binding]).collect();
        for (collection, object) in &objects {
            self.script.prepare(collection, object).await;
        }
        let alone = self.ask(spec).await;
        for object in objects {
            let (code, body) = self.script.send(&Method::DELETE, &path(object), JSON, &Value::Null).await;
            assert_eq!(code, 200, "{body}");
        }
        alone == answer
    }

    /// The wanted answer if it is given on asking again, else the one that was given.
    async fn sooner_or_later(&self, spec: &Value, given: String, wanted: &str) -> String {
        for _ in 0..300 {
            let again = self.ask(spec).await;
            if again == wanted {
                return again;
            }
        }
        given
    }
}
