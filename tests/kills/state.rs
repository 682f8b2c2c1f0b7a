//! The whole state of a sandbox, comparable: ids are names, and what differs from run to run is left out. And its history:
//! what everybody had at every moment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rolecall::sandbox::graph::state::Tenant;
use rolecall::sandbox::kubernetes::ClusterState;
use rolecall::sandbox::store::Store;
use serde_json::{Map, Value};

/// Every object by a name of its own. What there is a second of has a number behind its name.
pub(crate) type State = BTreeMap<String, Value>;

fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap()
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The clusters' names.
pub(crate) fn clusters(sandbox: &Path) -> Vec<String> {
    let files = std::fs::read_dir(sandbox.join("clusters")).unwrap().map(|entry| entry.unwrap().file_name());
    files.filter_map(|name| name.to_str()?.strip_suffix(".json").map(str::to_owned)).collect()
}

fn tenant(sandbox: &Path) -> Value {
    Store::<Tenant>::load(&sandbox.join("tenant.json")).unwrap().unwrap().read(json)
}

/// What was written so far is part of the state, so that every line of a journal is of what comes now.
pub(crate) fn fold(sandbox: &Path) {
    let tenant = sandbox.join("tenant.json");
    let state = Store::<Tenant>::load(&tenant).unwrap().unwrap().read(Tenant::clone);
    drop(Store::create(&tenant, state).unwrap());
    let clusters: Vec<_> =
        std::fs::read_dir(sandbox.join("clusters")).unwrap().map(|entry| entry.unwrap().path()).collect();
    for cluster in clusters.into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "json")) {
        let state = Store::<ClusterState>::load(&cluster).unwrap().unwrap().read(ClusterState::clone);
        drop(Store::create(&cluster, state).unwrap());
    }
}

/// What stands for each id, for reading and for comparing.
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    fn of(tenant: &Value) -> Self {
        let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let mut names = BTreeMap::new();
        for (id, user) in fields(&tenant["users"]) {
            names.insert(id.clone(), text(user, "user_principal_name"));
        }
        for (id, app) in fields(&tenant["service_principals"]) {
            names.insert(id.clone(), text(app, "display_name"));
        }
        let deleted = fields(&tenant["deleted_groups"]).map(|(id, deleted)| (id, &deleted["group"]));
        for (id, group) in fields(&tenant["groups"]).chain(deleted) {
            let key = group["unique_name"].as_str().and_then(|name| name.rsplit('.').next());
            names.insert(id.clone(), key.map_or_else(|| text(group, "display_name"), str::to_owned));
        }
        Self(names)
    }

    /// The names in the sandbox as it is now.
    pub(crate) fn read(sandbox: &Path) -> Self {
        Self::of(&tenant(sandbox))
    }

    pub(crate) fn of_id(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }

    /// The text with the id at its end as a name.
    fn told(&self, text: &str) -> String {
        let at = text.len().saturating_sub(36);
        match text.get(at..).and_then(|id| self.of_id(id)) {
            Some(name) => format!("{}<{name}>", &text[..at]),
            None => text.to_owned(),
        }
    }

    /// The same for each word of a fact.
    pub(crate) fn in_fact(&self, fact: &str) -> String {
        fact.split(' ').map(|word| self.told(word)).collect::<Vec<_>>().join(" ")
    }

    fn in_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.told(text)),
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.in_value(item)).collect();
                if items.iter().all(Value::is_string) {
                    items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
                }
                Value::Array(items)
            }
            Value::Object(object) => {
                Value::Object(object.iter().map(|(key, value)| (self.told(key), self.in_value(value))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

fn without(object: &mut Map<String, Value>, unstable: &[&str]) {
    object.retain(|field, _| !unstable.contains(&field.as_str()));
}

fn add(state: &mut State, name: &str, value: Value) {
    let mut numbered = name.to_owned();
    let mut count = 1;
    while state.contains_key(&numbered) {
        count += 1;
        numbered = format!("{name} #{count}");
    }
    state.insert(numbered, value);
}

/// Reads a sandbox that nobody serves any more.
pub(crate) fn read(sandbox: &Path) -> State {
    let mut tenant = tenant(sandbox);
    let names = Names::of(&tenant);
    let mut state = State::new();
    let name_of = |id: &str| names.of_id(id).unwrap_or(id).to_owned();
    for (id, group) in fields(&tenant["groups"]) {
        let mut group = names.in_value(group);
        without(group.as_object_mut().unwrap(), &["id", "created"]);
        add(&mut state, &format!("group {}", name_of(id)), group);
    }
    for (id, deleted) in fields(&tenant["deleted_groups"]) {
        let mut group = names.in_value(&deleted["group"]);
        without(group.as_object_mut().unwrap(), &["id", "created"]);
        add(&mut state, &format!("deleted group {}", name_of(id)), group);
    }
    // What was written is compared, and not by whom and when.
    without(tenant.as_object_mut().unwrap(), &["groups", "deleted_groups", "sequence", "touched", "audit"]);
    add(&mut state, "the rest of the tenant", tenant);
    for cluster in clusters(sandbox) {
        let file = sandbox.join(format!("clusters/{cluster}.json"));
        let mut whole = Store::<ClusterState>::load(&file).unwrap().unwrap().read(json);
        add_objects(&mut state, &cluster, &names, &whole["objects"]);
        without(whole.as_object_mut().unwrap(), &["objects", "revision"]);
        add(&mut state, &format!("the rest of {cluster}"), whole);
    }
    state
}

/// Adds the objects of a cluster, which are given by kind and key.
pub(crate) fn add_objects(state: &mut State, cluster: &str, names: &Names, objects: &Value) {
    for (kind, objects) in fields(objects) {
        for (key, object) in fields(objects) {
            let mut object = names.in_value(object);
            let meta = object["metadata"].as_object_mut().unwrap();
            without(meta, &["uid", "resourceVersion", "creationTimestamp"]);
            for entry in meta.get_mut("managedFields").and_then(Value::as_array_mut).into_iter().flatten() {
                without(entry.as_object_mut().unwrap(), &["time"]);
            }
            add(state, &format!("{cluster} {kind} {key}"), object);
        }
    }
}

/// What somebody has: an edge of a group, or one verb on one resource somewhere, or just that a binding names them there.
pub(crate) type Facts = BTreeSet<String>;

/// The rules of roles, spelt out once for each version of a role.
pub(crate) type Spelt = BTreeMap<String, Vec<String>>;

/// What everybody had at each moment, in the tenant and on each cluster: first, after each write, last.
pub(crate) fn history(start: &Path, sandbox: &Path) -> BTreeMap<String, Vec<Facts>> {
    let mut histories = BTreeMap::new();
    let mut state: Value = parse(&start.join("tenant.json"));
    let mut moments = vec![edges(&state)];
    for change in lines(&sandbox.join("tenant.json.journal")) {
        redo(&mut state, &change["change"]);
        moments.push(edges(&state));
    }
    histories.insert("tenant".to_owned(), moments);
    for cluster in clusters(start) {
        let file = format!("clusters/{cluster}.json");
        let mut objects = parse(&start.join(&file))["objects"].take();
        let mut spelt = Spelt::new();
        let mut moments = vec![rights(&objects, &mut spelt)];
        for change in lines(&sandbox.join(format!("{file}.journal"))) {
            let (kind, key) = (change["kind"].as_str().unwrap(), change["key"].as_str().unwrap());
            match &change["object"] {
                Value::Null => drop(objects[kind].as_object_mut().unwrap().remove(key)),
                object => objects[kind][key] = object.clone(),
            }
            moments.push(rights(&objects, &mut spelt));
        }
        histories.insert(cluster, moments);
    }
    histories
}

fn parse(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Every change of a journal; a write is a line of them.
fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().flat_map(|line| serde_json::from_str::<Vec<Value>>(line).unwrap()).collect()
}

/// Makes a change of the tenant again, as far as edges go.
fn redo(tenant: &mut Value, change: &Value) {
    let (what, about) = fields(change).next().unwrap();
    let id = about["group"].as_str().unwrap_or_default();
    match what.as_str() {
        "group" => {
            let id = about["id"].as_str().unwrap();
            let mut group = about.clone();
            if let Some(live) = tenant["groups"].get(id) {
                (group["members"], group["owners"]) = (live["members"].clone(), live["owners"].clone());
            }
            tenant["groups"][id] = group;
        }
        "edges" => {
            let list = tenant["groups"][id][about["relation"].as_str().unwrap()].as_array_mut().unwrap();
            list.extend(about["added"].as_array().unwrap().iter().cloned());
            list.retain(|edge| !about["removed"].as_array().unwrap().contains(edge));
        }
        "deleted" => {
            let group = tenant["groups"].as_object_mut().unwrap().remove(id).unwrap();
            tenant["deleted_groups"][id] = serde_json::json!({ "group": group });
        }
        "restored" => {
            let deleted = tenant["deleted_groups"].as_object_mut().unwrap().remove(id).unwrap();
            tenant["groups"][id] = deleted["group"].clone();
        }
        other => panic!("no scenario does this: {other}"),
    }
}

fn edges(tenant: &Value) -> Facts {
    let mut facts = Facts::new();
    for (id, group) in fields(&tenant["groups"]) {
        for relation in ["members", "owners"] {
            for edge in group[relation].as_array().unwrap() {
                facts.insert(format!("{} in {relation} of {id}", edge.as_str().unwrap()));
            }
        }
    }
    facts
}

/// What the bindings of a cluster give to whom the files name.
pub(crate) fn rights(objects: &Value, spelt: &mut Spelt) -> Facts {
    let mut facts = Facts::new();
    for kind in ["RoleBinding", "ClusterRoleBinding"] {
        for (key, binding) in fields(&objects[kind]) {
            let namespace = key.split_once('/').map_or("*", |(namespace, _)| namespace);
            let subjects = binding["subjects"].as_array().into_iter().flatten();
            for subject in subjects.filter_map(|subject| subject["name"].as_str()) {
                // Whom the cluster came with nobody changes; whom we bind is named by an object id.
                let id = subject.get(subject.len().saturating_sub(36)..).unwrap_or_default();
                if uuid::Uuid::parse_str(id).is_err() {
                    continue;
                }
                facts.insert(format!("{subject} is bound in {namespace}"));
                let (of, name) = (&binding["roleRef"]["kind"], binding["roleRef"]["name"].as_str().unwrap());
                let role = match of.as_str() {
                    Some("Role") => &objects["Role"][format!("{namespace}/{name}")],
                    _ => &objects["ClusterRole"][name],
                };
                let version = format!("{name} {}", role["metadata"]["resourceVersion"]);
                for right in spelt.entry(version).or_insert_with(|| spell(role)) {
                    facts.insert(format!("{subject} may {right} in {namespace}"));
                }
            }
        }
    }
    facts
}

fn spell(role: &Value) -> Vec<String> {
    let texts = |rule: &Value, field: &str| -> Vec<String> {
        rule[field].as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                rights.extend(texts(rule, "verbs").iter().map(|verb| format!("{verb} {group}/{resource}")));
            }
        }
    }
    rights
}
