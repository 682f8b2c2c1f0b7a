//! Saved plans.

use std::collections::BTreeMap;

use rolecall::plan::Plan;
use rolecall::plan::saved::SavedPlan;
use rolecall::report::text::Layout;
use rolecall::report::{Context, escape, json, text};
use serde_json::Value;

use super::is_harmless;

/// How many bytes of one plan are changed, one after the other.
const CHANGED: usize = 24;

pub(super) fn run(input: &[u8]) {
    let Ok(saved) = SavedPlan::parse(input) else {
        let error = SavedPlan::parse(input).expect_err("it was refused before").to_string();
        is_harmless("why a plan is refused", &escape::message(&error));
        return;
    };
    let plan = plan_of(&saved);
    let id = saved.id();

    let written = saved.to_json().expect("what was read can be written");
    let again = SavedPlan::parse(written.as_bytes()).expect("what was written can be read");
    assert_eq!(saved, again, "it is another plan after it was written and read");
    assert_eq!(id, again.id());
    assert_eq!(content(input), content(written.as_bytes()), "something in the file was not taken into account");

    let page = text::plan(&plan, &Context::default(), Layout { width: 100, colour: false });
    is_harmless("the plan as text", &page);
    is_harmless("the plan as JSON", &json::plan_v1(&plan, &Context::default()));

    // Where the file is changed follows from the file, so that a finding can be run again.
    let mut state = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mut changed = input.to_vec();
    for _ in 0..CHANGED {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(state >> 33).unwrap_or_default() % input.len();
        let bit = 1 << (state >> 29 & 7);
        changed[at] ^= bit;
        if let Ok(other) = SavedPlan::parse(&changed) {
            let held = |saved: &SavedPlan| {
                (saved.config.clone(), saved.tenant, saved.changes.clone(), saved.expectations.clone())
            };
            let is_same = held(&other) == held(&saved);
            assert_eq!(is_same, other.id() == id, "byte {at} is changed");
            assert!(!is_same || content(&changed) == content(input), "byte {at} is changed and nobody notices");
        }
        changed[at] ^= bit;
    }
}

/// What can be shown of it; the rest is not part of a saved plan.
fn plan_of(saved: &SavedPlan) -> Plan {
    Plan {
        config: saved.config.clone(),
        tenant: saved.tenant,
        domain: None,
        changes: saved.changes.clone(),
        withheld: Vec::new(),
        notes: Vec::new(),
        unmanaged: Vec::new(),
        verdicts: Vec::new(),
        forecasts: Vec::new(),
        spreads: Vec::new(),
        unread: Vec::new(),
        compared: rolecall::plan::Compared::default(),
        names: BTreeMap::new(),
        first_owners: BTreeMap::new(),
    }
}

/// What a person who reads the file sees of what is to be done; nothing at all and `null` say the same.
fn content(bytes: &[u8]) -> [Value; 4] {
    let file: Value = serde_json::from_slice(bytes).expect("a saved plan is JSON");
    ["config", "tenant", "changes", "expectations"].map(|key| normal(file[key].clone()))
}

fn normal(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().map(|(key, value)| (key, normal(value)));
            Value::Object(kept.filter(|(_, value)| !value.is_null()).collect())
        }
        // Sets stand in the file as lists; ids and names of people are the same in any case.
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(normal).collect();
            items.sort_by_cached_key(ToString::to_string);
            items.dedup();
            Value::Array(items)
        }
        Value::String(text) => Value::String(text.to_lowercase()),
        other => other,
    }
}
