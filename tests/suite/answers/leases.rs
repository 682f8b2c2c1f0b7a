//! Leases, which one holder at a time writes its name into.

use serde_json::{Value, json};

use super::script::{Script, Server, Transcript, essence};

pub(crate) async fn a_lease_is_written_only_as_the_version_that_was_read(server: &Server) -> Transcript {
    let mut script = Script::new(server, "leases").await;
    let leases = "/apis/coordination.k8s.io/v1/namespaces/leases/leases";
    let lease = |name: &str, spec: Value| {
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": { "name": name, "namespace": "leases" }, "spec": spec,
        })
    };
    let spec = json!({
        "holderIdentity": "one", "leaseDurationSeconds": 30, "leaseTransitions": 0,
        "acquireTime": "2026-11-23T20:00:00.000000Z", "renewTime": "2026-11-23T20:00:00.000000Z",
    });
    let path = format!("{leases}/lock");
    script.get("none yet", &path).await;
    let made = script.post("create", leases, lease("lock", spec.clone())).await;
    script.note(&format!("{}", essence(made.clone())));
    script.post("twice", leases, lease("lock", spec.clone())).await;
    let elsewhere = "/apis/coordination.k8s.io/v1/namespaces/nowhere/leases";
    let mut of_nowhere = lease("lock", spec.clone());
    of_nowhere["metadata"]["namespace"] = "nowhere".into();
    script.post("in no namespace", elsewhere, of_nowhere).await;
    script.put("without a version", &path, lease("lock", spec.clone())).await;

    let mut renewed = made.clone();
    renewed["metadata"].as_object_mut().unwrap().remove("managedFields");
    renewed["spec"]["renewTime"] = "2026-11-23T20:00:07.000000Z".into();
    let answer = script.put("renew", &path, renewed.clone()).await;
    assert_ne!(answer["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
    script.put("renew the version before", &path, renewed.clone()).await;
    renewed["metadata"]["resourceVersion"] = answer["metadata"]["resourceVersion"].clone();
    renewed["spec"]["holderIdentity"] = "".into();
    renewed["spec"]["leaseDurationSeconds"] = 1.into();
    let answer = script.put("give back", &path, renewed.clone()).await;
    script.note(&format!("{}", answer["spec"]));
    renewed["metadata"]["resourceVersion"] = answer["metadata"]["resourceVersion"].clone();
    renewed["spec"]["leaseDurationSeconds"] = 0.into();
    script.put("for no time", &path, renewed.clone()).await;
    script.post("a wrong name", leases, lease("Lock_1", spec.clone())).await;

    script.delete("delete", &path, Value::Null).await;
    renewed["spec"]["leaseDurationSeconds"] = 30.into();
    // The answer repeats it.
    renewed["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000".into();
    script.put("renew what is gone", &path, renewed).await;
    script.end().await
}
