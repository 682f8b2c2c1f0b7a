//! A Lease as the API server keeps it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::state::{ConfigName, mark};

/// One version of a Lease. What others wrote into it besides stays there.
#[derive(Clone, Debug)]
pub(super) struct Record(pub(super) Value);

impl Record {
    /// One that nobody has made yet.
    pub(super) fn new(namespace: &str, name: &str, config: &ConfigName) -> Self {
        Self(json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": { mark::MANAGED_BY_LABEL: mark::MANAGER, mark::CONFIG_LABEL: config.as_str() },
            },
            "spec": {},
        }))
    }

    /// Whether it carries the labels that we make one with.
    pub(super) fn is_of(&self, config: &ConfigName) -> bool {
        let label =
            |name: &str| self.0.get("metadata").and_then(|metadata| metadata.get("labels")?.get(name)?.as_str());
        label(mark::MANAGED_BY_LABEL) == Some(mark::MANAGER) && label(mark::CONFIG_LABEL) == Some(config.as_str())
    }

    /// Who holds it; empty where nobody does.
    pub(super) fn holder(&self) -> &str {
        self.text("/spec/holderIdentity")
    }

    /// Since when, as its holder says.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.text("/spec/acquireTime").parse().ok()
    }

    /// Which version this is.
    pub(super) fn version(&self) -> &str {
        self.text("/metadata/resourceVersion")
    }

    /// For how long its holder has it after each renewal, in whole seconds; `None` where it does not say.
    pub(super) fn duration(&self) -> Option<Duration> {
        let seconds = self.0.pointer("/spec/leaseDurationSeconds")?.as_u64()?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// The same in somebody's hand from now on.
    pub(super) fn taken_by(&self, holder: &str, duration: Duration, now: Timestamp) -> Self {
        let transitions = self.0.pointer("/spec/leaseTransitions").and_then(Value::as_i64).unwrap_or(-1);
        let mut record = self.renewed(now);
        record.set("holderIdentity", holder.into());
        record.set("leaseDurationSeconds", duration.as_secs().max(1).into());
        record.set("acquireTime", written(now).into());
        record.set("leaseTransitions", transitions.saturating_add(1).into());
        record
    }

    /// The same, held for another while.
    pub(super) fn renewed(&self, now: Timestamp) -> Self {
        let mut record = self.clone();
        if let Some(metadata) = record.0.get_mut("metadata").and_then(Value::as_object_mut) {
            // The API server keeps it, and takes it as an order where it is sent.
            metadata.remove("managedFields");
        }
        record.set("renewTime", written(now).into());
        record
    }

    /// The same in nobody's hand, as other clients of Leases leave one.
    pub(super) fn released(&self, now: Timestamp) -> Self {
        let mut record = self.renewed(now);
        record.set("holderIdentity", "".into());
        record.set("leaseDurationSeconds", 1.into());
        record
    }

    fn set(&mut self, key: &str, value: Value) {
        if let Some(object) = self.0.as_object_mut() {
            let spec = object.entry("spec").or_insert_with(|| json!({}));
            if let Some(spec) = spec.as_object_mut() {
                spec.insert(key.to_owned(), value);
            }
        }
    }

    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// As Kubernetes writes a `MicroTime`.
fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
