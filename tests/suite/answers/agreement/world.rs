//! Roles and bindings by a seed, with everything that an authorizer could take for something else.
//!
//! No API server stores a subject of an unknown kind, a subject of another API group, or a service account without namespace
//! in a cluster-wide binding, so that these are in no world.

use serde_json::{Value, json};

use super::super::dice::Dice;
use super::super::script::{RBAC, rbac};

/// The start of every name.
pub(super) const NAME: &str = "agreement";
pub(super) const PLACES: [&str; 2] = ["agreement-a", "agreement-b"];
/// A namespace that there is not.
pub(super) const NOWHERE: &str = "agreement-nowhere";
/// The label that aggregation of these worlds goes by.
const LABEL: &str = "agreement.contoso.com";

pub(super) const VERBS: [&str; 9] =
    ["get", "list", "create", "patch", "delete", "bind", "Get", "deletecollection", "*"];
pub(super) const GROUPS: [&str; 5] = ["", "apps", "contoso.com", "Apps", "*"];
pub(super) const RESOURCES: [&str; 18] = [
    "pods",
    "pods",
    "pods/log",
    "pods/exec",
    "deployments",
    "deployments/scale",
    "deployments/*",
    "pods/*",
    "*/log",
    "*/scale",
    "*/*",
    "*",
    "namespaces",
    "namespaces/status",
    "secrets",
    "Secrets",
    "log",
    "odd things/at all",
];
pub(super) const NAMES: [&str; 8] = ["a", "b", "A", "*", "", PLACES[0], PLACES[1], "a:b c"];
pub(super) const PATHS: [&str; 14] = [
    "/healthz",
    "/metrics",
    "/metrics/*",
    "/metrics/a",
    "/api*",
    "/apis/**",
    "/a/***",
    "/a/*/b",
    "/a*c",
    "*",
    "**",
    "/",
    "/version",
    "/version/",
];
/// The default roles that are bound, and the one that gives everything.
const ROOT: &str = "cluster-admin";
const DEFAULTS: [&str; 6] = ["view", "edit", "admin", "system:monitoring", "system:kube-scheduler", "system:discovery"];

/// The role that is in every world with everything that is rare.
const ODD: usize = 7;

/// An object: where its collection is, and what it is.
pub(super) type Object = (String, Value);

/// One world. Who is in it is in no other.
pub(super) struct World {
    pub(super) name: String,
    pub(super) objects: Vec<Object>,
}

pub(super) fn draw(dice: &mut Dice, number: usize) -> World {
    let mut world = World { name: format!("{NAME}-{number}"), objects: Vec::new() };
    for at in 0..8 {
        let mut rules = rules(dice, true);
        if at == ODD {
            rules.extend(odd());
        }
        let mut role = rbac("ClusterRole", &world.role(at), json!({ "rules": rules }));
        if dice.chance(40) {
            role["metadata"]["labels"] = labels(&world, dice);
        }
        world.objects.push((format!("{RBAC}/clusterroles"), role));
    }
    for at in 8..11 {
        // One of them may be selected by another: then its rules go on to that one.
        let selectors: Vec<_> = (0..=dice.below(2)).map(|_| selector(&world, dice)).collect();
        let body = json!({ "aggregationRule": { "clusterRoleSelectors": selectors } });
        let mut role = rbac("ClusterRole", &world.role(at), body);
        if dice.chance(50) {
            role["metadata"]["labels"] = labels(&world, dice);
        }
        world.objects.push((format!("{RBAC}/clusterroles"), role));
    }
    for (at, place) in
        [(0, PLACES[0]), (1, PLACES[0]), (11, PLACES[0]), (1, PLACES[1]), (12, PLACES[1]), (13, PLACES[1])]
    {
        // Some are called as a ClusterRole or as a Role of the other namespace.
        let rules = rules(dice, false);
        let role = rbac("Role", &world.role(at), json!({ "rules": rules }));
        world.objects.push((format!("{RBAC}/namespaces/{place}/roles"), role));
    }
    world.objects.extend(always(&world, dice));
    for at in 0..18 {
        let binding = binding(&world, dice, at);
        world.objects.push(binding);
    }
    world
}

/// The namespaces of all worlds.
pub(super) fn namespaces() -> Vec<Object> {
    PLACES.iter().map(|name| ("/api/v1/namespaces".to_owned(), json!({ "metadata": { "name": name } }))).collect()
}

impl World {
    /// Names of roles and bindings may be anything that can be part of a path.
    fn role(&self, number: usize) -> String {
        let name = &self.name;
        match number % 4 {
            0 => format!("{name}:Role {number}"),
            1 => format!("{name}-ROLE-{number}"),
            2 => format!("{name}-role-ü-{number}"),
            _ => format!("{name}-role-{number}"),
        }
    }

    pub(super) fn user(&self, number: usize) -> String {
        let name = &self.name;
        match number % 6 {
            0 => format!("{name}-one"),
            1 => format!("{name}-ONE"),
            2 => format!("{name}:two@contoso.com"),
            3 => format!("{name} Three \"ü\""),
            4 => format!("{name}-both"),
            _ => format!("{name}-five"),
        }
    }

    /// One is called as a user is.
    pub(super) fn group(&self, number: usize) -> String {
        let name = &self.name;
        match number % 5 {
            0 => format!("{name}-group"),
            1 => format!("{name}-Group"),
            2 => format!("entra:{name} 2"),
            3 => format!("{name}-both"),
            _ => format!("{name}-four"),
        }
    }

    pub(super) fn account(&self, number: usize) -> String {
        format!("{}-bot-{}", self.name, number % 2)
    }
}

fn labels(world: &World, dice: &mut Dice) -> Value {
    json!({ LABEL: format!("{}-{}", world.name, dice.below(3)) })
}

fn selector(world: &World, dice: &mut Dice) -> Value {
    if dice.chance(60) {
        return json!({ "matchLabels": labels(world, dice) });
    }
    let value = format!("{}-{}", world.name, dice.below(3));
    json!({ "matchExpressions": [{ "key": LABEL, "operator": "In", "values": [value] }] })
}

fn rules(dice: &mut Dice, is_cluster_role: bool) -> Vec<Value> {
    (0..=dice.below(4))
        .map(|_| {
            let mut verbs = dice.some(&VERBS[..8], 3);
            if dice.chance(12) {
                verbs.push("*".to_owned());
            }
            if is_cluster_role && dice.chance(35) {
                return json!({ "verbs": verbs, "nonResourceURLs": few(dice, &PATHS, &["*", "**"], 3) });
            }
            let groups = few(dice, &GROUPS, &["*"], 2);
            let resources = few(dice, &RESOURCES, &["*"], 3);
            let mut rule = json!({ "verbs": verbs, "apiGroups": groups, "resources": resources });
            if dice.chance(40) {
                rule["resourceNames"] = json!(dice.some(&NAMES, 2));
            }
            rule
        })
        .collect()
}

fn odd() -> [Value; 6] {
    [
        json!({ "verbs": ["get"], "nonResourceURLs": ["/a/*/b", "/b*c", "/metrics/*"] }),
        json!({ "verbs": ["get", "patch"], "nonResourceURLs": ["/apis/**", "/version/**"] }),
        json!({ "verbs": ["list"], "apiGroups": [""], "resources": ["*/log", "*/*"] }),
        json!({ "verbs": ["create", "get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["", "*"] }),
        json!({ "verbs": ["bind"], "apiGroups": ["contoso.com"], "resources": ["*"] }),
        json!({ "verbs": ["delete"], "nonResourceURLs": ["*"] }),
    ]
}

/// The bindings of every world: what is rare, somebody who may do everything, a role that is only elsewhere or only a
/// `ClusterRole`, and a service account of the binding's own namespace.
fn always(world: &World, dice: &mut Dice) -> Vec<Object> {
    let root = json!({ "kind": "User", "name": format!("{}-root", world.name) });
    let mut some = |is_here| vec![subject(world, dice, is_here), subject(world, dice, is_here)];
    let (odd, only_wide, only_elsewhere) = (some(false), some(true), some(true));
    let account = json!({ "kind": "ServiceAccount", "name": world.account(dice.below(2)) });
    let wide = world.role(dice.below(8));
    vec![
        bound(world, "Root", None, ("ClusterRole", ROOT), &[root]),
        bound(world, "Odd", None, ("ClusterRole", &world.role(ODD)), &odd),
        bound(world, "Only wide", Some(PLACES[1]), ("Role", &world.role(0)), &only_wide),
        bound(world, "Only elsewhere", Some(PLACES[0]), ("Role", &world.role(12)), &only_elsewhere),
        bound(world, "Own account", Some(PLACES[0]), ("ClusterRole", &wide), &[account]),
    ]
}

/// Some of these, those that cover everything less often.
fn few(dice: &mut Dice, of: &[&str], wide: &[&str], most: usize) -> Vec<String> {
    let mut some = dice.some(of, most);
    if dice.chance(65) && some.iter().any(|entry| !wide.contains(&entry.as_str())) {
        some.retain(|entry| !wide.contains(&entry.as_str()));
    }
    some
}

/// A binding cluster-wide or in one of the namespaces, now and then to a role that there is not.
fn binding(world: &World, dice: &mut Dice, number: usize) -> Object {
    let place = [None, Some(PLACES[0]), Some(PLACES[1])][dice.below(3)];
    let kind = if place.is_some() && dice.chance(45) { "Role" } else { "ClusterRole" };
    let role = match kind {
        "ClusterRole" if dice.chance(12) => dice.one(&DEFAULTS).to_owned(),
        "ClusterRole" if dice.chance(30) => world.role(8 + dice.below(3)),
        "Role" => world.role([0, 1, 1, 2, 3, 11, 12, 13][dice.below(8)]),
        _ => world.role(dice.below(15)),
    };
    let subjects: Vec<_> = if dice.chance(4) {
        Vec::new()
    } else {
        (0..=dice.below(3)).map(|_| subject(world, dice, place.is_some())).collect()
    };
    bound(world, &format!("Binding {number}"), place, (kind, &role), &subjects)
}

fn bound(world: &World, name: &str, place: Option<&str>, (kind, role): (&str, &str), subjects: &[Value]) -> Object {
    let body = json!({ "subjects": subjects, "roleRef": { "kind": kind, "name": role } });
    let name = format!("{}:{name}", world.name);
    match place {
        None => (format!("{RBAC}/clusterrolebindings"), rbac("ClusterRoleBinding", &name, body)),
        Some(place) => (format!("{RBAC}/namespaces/{place}/rolebindings"), rbac("RoleBinding", &name, body)),
    }
}

fn subject(world: &World, dice: &mut Dice, is_here: bool) -> Value {
    let mut subject = match dice.below(10) {
        0..4 => json!({ "kind": "User", "name": world.user(dice.below(6)) }),
        4..7 => json!({ "kind": "Group", "name": world.group(dice.below(5)) }),
        7 => {
            let account = world.account(dice.below(2));
            json!({ "kind": "User", "name": format!("system:serviceaccount:{}:{account}", dice.one(&PLACES)) })
        }
        _ => {
            let mut subject = json!({ "kind": "ServiceAccount", "name": world.account(dice.below(2)) });
            if !is_here || dice.chance(50) {
                subject["namespace"] = dice.one(&PLACES).into();
            }
            return subject;
        }
    };
    if dice.chance(15) {
        subject["namespace"] = dice.one(&PLACES).into();
    }
    subject
}
