//! The clusterrole-aggregation controller of kube-controller-manager, which fills roles that have an aggregation rule.

use serde_json::{Value, json};

use super::kind::Kind;
use super::managed::Managers;
use super::object::{items, text, whole, without_managed_fields};
use super::selector::LabelSelector;
use super::state::{ClusterState, now};
use super::write::store;

const CONTROLLER: &str = "clusterrole-aggregation-controller";

/// Fills them until nothing changes: `admin` takes in `edit`, which takes in `view`.
pub(super) fn run(state: &mut ClusterState) {
    // Rules only ever move from one role to another, so every pass that changes something brings a role closer to its
    // end; the bound is for selectors that go in circles and never settle on an order.
    for _ in 0..=state.all(Kind::ClusterRole).count() {
        let outdated = state.all(Kind::ClusterRole).find_map(|role| {
            let wanted = aggregated(state, role)?;
            (items(role, "rules") != wanted).then(|| (role.clone(), wanted))
        });
        let Some((role, rules)) = outdated else { return };
        fill(state, &role, &rules);
    }
}

/// The rules that a role with an aggregation rule ought to have: those of the selected roles by name, each once.
fn aggregated(state: &ClusterState, role: &Value) -> Option<Vec<Value>> {
    let aggregation = role.get("aggregationRule")?;
    let mut rules: Vec<Value> = Vec::new();
    for selector in items(aggregation, "clusterRoleSelectors") {
        let selector = LabelSelector::of(selector)?;
        let selected = state.all(Kind::ClusterRole).filter(|other| selector.matches(other));
        for other in selected.filter(|other| text(&other["metadata"], "name") != text(&role["metadata"], "name")) {
            for found in items(other, "rules") {
                if !rules.contains(found) {
                    rules.push(found.clone());
                }
            }
        }
    }
    Some(rules)
}

fn fill(state: &mut ClusterState, role: &Value, rules: &[Value]) {
    let kind = Kind::ClusterRole;
    let mut managers = Managers::of(role);
    let live = without_managed_fields(whole(kind, role));
    let name = &role["metadata"]["name"];
    let config = json!({
        "apiVersion": kind.api_version(), "kind": kind.name(), "metadata": { "name": name }, "rules": rules,
    });
    // Forced, so there is no conflict to report.
    if let Ok(filled) = managers.apply(kind, &live, &config, CONTROLLER, true, &now()) {
        store(state, kind, filled, &managers);
    }
}
