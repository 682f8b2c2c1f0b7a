#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::*;
use crate::providers::kubernetes::scripted::{Answer, Log, Seen, UID, lines, link, status};
use crate::state::{
    Address, Binding, KubernetesKind, Operation, PolicyRule, Resource, Role, RoleKind, RoleRef, Subject, SubjectKind,
    SubjectName, mark,
};

fn binding() -> Resource {
    Resource::Binding(Binding {
        namespace: Some("trinity".parse().unwrap()),
        name: "b".to_owned(),
        role: RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() },
        subjects: vec![Subject {
            kind: SubjectKind::Group,
            name: SubjectName::Known("0f3c".to_owned()),
            namespace: None,
            principal: None,
        }],
    })
}

fn role(verb: &str) -> Resource {
    let rule = PolicyRule {
        api_groups: vec!["apps".to_owned()],
        resources: vec!["deployments".to_owned()],
        verbs: vec![verb.to_owned()],
        ..PolicyRule::default()
    };
    Resource::Role(Role {
        namespace: None,
        name: "restarter".to_owned(),
        rules: vec![rule],
        aggregate_to: BTreeSet::new(),
    })
}

fn change(operation: Operation) -> Change {
    let existing = !matches!(operation, Operation::Create { .. });
    Change {
        address: Address::Object {
            environment: "alpha".parse().unwrap(),
            kind: KubernetesKind::RoleBinding,
            namespace: None,
            name: "b".to_owned(),
        },
        operation,
        origin: None,
        requires: BTreeSet::new(),
        refers: BTreeMap::new(),
        cluster: Some(UID.parse().unwrap()),
        uid: existing.then(|| "u1".to_owned()),
        resource_version: existing.then(|| "7".to_owned()),
        overrules: Vec::new(),
        protected: BTreeSet::new(),
        replaced_by: None,
    }
}

fn create() -> Change {
    change(Operation::Create { after: binding() })
}

fn update() -> Change {
    change(Operation::Update { before: role("get"), after: role("patch") })
}

fn delete() -> Change {
    change(Operation::Delete { before: binding() })
}

/// Writes the changes and gives the outcomes in their order.
async fn write(writer: &KubernetesWriter, changes: &[Change]) -> Vec<Outcome> {
    let outcomes = Mutex::new(BTreeMap::new());
    let (_sender, interrupted) = watch::channel(false);
    writer
        .write(changes, &interrupted, &|position, outcome| {
            assert!(outcomes.lock().unwrap().insert(position, outcome).is_none(), "two outcomes of one change");
        })
        .await;
    let outcomes = outcomes.into_inner().unwrap();
    assert_eq!(outcomes.len(), changes.len());
    outcomes.into_values().collect()
}

/// Writes one change against a server that answers with `handler`.
async fn one(change: Change, handler: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static) -> (Outcome, Log) {
    let (link, log) = link(handler);
    let writer = KubernetesWriter::new(link, "contoso-platform".parse().unwrap());
    (write(&writer, &[change]).await.remove(0), log)
}

/// What went wrong, as a person reads it.
async fn failure(change: Change, handler: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static) -> Failure {
    match one(change, handler).await.0 {
        Outcome::Failed { failure } => failure,
        other => panic!("{other:?}"),
    }
}

const DONE: Outcome = Outcome::Done { created: None };
const ALREADY: Outcome = Outcome::AlreadySo { created: None };

/// The binding of [`binding`] as it is on the server, ours or not.
fn live(ours: bool, uid: &str, version: &str, subject: &str) -> Value {
    let labels = if ours {
        json!({ mark::MANAGED_BY_LABEL: "rolecall", mark::CONFIG_LABEL: "contoso-platform" })
    } else {
        json!({})
    };
    let manager = if ours {
        json!({ "manager": "rolecall", "operation": "Apply" })
    } else {
        json!({ "manager": "kubectl", "operation": "Update" })
    };
    json!({
        "metadata": {
            "name": "b", "namespace": "trinity", "uid": uid, "resourceVersion": version, "labels": labels,
            "managedFields": [manager],
        },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": subject }],
    })
}

/// The role of [`role`] as it is on the server.
fn live_role(uid: &str, version: &str, verb: &str) -> Value {
    json!({
        "metadata": {
            "name": "restarter", "uid": uid, "resourceVersion": version,
            "labels": { mark::MANAGED_BY_LABEL: "rolecall", mark::CONFIG_LABEL: "contoso-platform" },
            "managedFields": [{ "manager": "rolecall", "operation": "Apply" }],
        },
        "rules": [{ "apiGroups": ["apps"], "resources": ["deployments"], "verbs": [verb] }],
    })
}

fn absent() -> Answer {
    status(404, "NotFound", "rolebindings.rbac.authorization.k8s.io \"b\" not found")
}

fn conflict() -> Answer {
    status(409, "Conflict", "the object has been modified; please apply your changes to the latest version")
}

/// Answers writes with `write` and reads with `read`.
fn by_method(
    write: impl Fn() -> Answer + Send + Sync + 'static,
    read: impl Fn() -> Answer + Send + Sync + 'static,
) -> impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static {
    move |_, seen| if seen.method == Method::GET { read() } else { write() }
}

#[tokio::test]
async fn each_operation_is_one_request_with_its_precondition() {
    let (link, log) = link(|_, seen| match seen.method {
        Method::GET => Answer::Json(200, live_role("u1", "7", "get")),
        _ => Answer::Json(200, json!({ "kind": "Status", "status": "Success" })),
    });
    let writer = KubernetesWriter::new(link, "contoso-platform".parse().unwrap());
    let mut forced = update();
    forced.overrules = vec!["kubectl-edit".to_owned()];
    let outcomes = write(&writer, &[create(), update(), forced, delete()]).await;
    assert_eq!(outcomes, [DONE, DONE, DONE, DONE]);
    assert_eq!(writer.usage(), Usage { requests: 6, resource_units: 0, throttled: 0 });
    let mut sent = lines(&log);
    sent.sort();
    assert_snapshot!(sent.join("\n"), @r"
    DELETE /apis/rbac.authorization.k8s.io/v1/namespaces/trinity/rolebindings/b
    GET /apis/rbac.authorization.k8s.io/v1/clusterroles/restarter
    PATCH /apis/rbac.authorization.k8s.io/v1/clusterroles/restarter?fieldManager=rolecall&fieldValidation=Strict&force=false
    PATCH /apis/rbac.authorization.k8s.io/v1/clusterroles/restarter?fieldManager=rolecall&fieldValidation=Strict&force=true
    PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/trinity/rolebindings/b?fieldManager=rolecall&fieldValidation=Strict&force=false
    ");
    for seen in log.lock().unwrap().iter().filter(|seen| seen.method != Method::GET) {
        let precondition = match (seen.method.as_str(), seen.target.contains("/clusterroles/")) {
            ("DELETE", _) => (&seen.body["preconditions"], json!("u1"), "7"),
            (_, true) => (&seen.body["metadata"], json!("u1"), "7"),
            (_, false) => (&seen.body["metadata"], Value::Null, "1"),
        };
        let (holder, uid, version) = precondition;
        assert_eq!((&holder["uid"], &holder["resourceVersion"]), (&uid, &json!(version)), "{seen:?}");
    }
}

#[tokio::test]
async fn an_odd_name_stays_one_segment_of_the_path() {
    let before = Resource::Role(Role {
        namespace: None,
        name: "a/b?c#d e".to_owned(),
        rules: Vec::new(),
        aggregate_to: BTreeSet::new(),
    });
    let (outcome, log) = one(change(Operation::Delete { before }), |_, _| Answer::Json(200, json!({}))).await;
    assert_eq!(outcome, DONE);
    assert_snapshot!(lines(&log).join(""), @"DELETE /apis/rbac.authorization.k8s.io/v1/clusterroles/a%2Fb%3Fc%23d%20e");
}

#[tokio::test]
async fn what_appeared_meanwhile_is_ours_already_or_left_alone() {
    let (outcome, log) = one(create(), by_method(conflict, || Answer::Json(200, live(true, "u9", "9", "0f3c")))).await;
    assert_eq!(outcome, ALREADY);
    assert_eq!(log.lock().unwrap().len(), 2, "one apply and one look");

    // The same content without our mark is still not ours.
    let failed = failure(create(), by_method(conflict, || Answer::Json(200, live(false, "u9", "9", "0f3c")))).await;
    assert_eq!(failed.kind, FailureKind::Conflict);
    assert_snapshot!(failed.what, @"rolebinding trinity/b on context `alpha` is there already and is not ours; it was left alone");
    assert_snapshot!(failed.next.unwrap(), @"look at it with `kubectl get rolebinding b -n trinity -o yaml --show-managed-fields`, and delete or rename it if nobody needs it");

    let failed = failure(create(), by_method(conflict, || Answer::Json(200, live(true, "u9", "9", "other")))).await;
    assert_snapshot!(failed.what, @"rolebinding trinity/b on context `alpha` has appeared since the plan, with other content");

    let leaving = || {
        let mut live = live(true, "u9", "9", "0f3c");
        live["metadata"]["deletionTimestamp"] = json!("2026-11-22T16:40:11Z");
        Answer::Json(200, live)
    };
    let failed = failure(create(), by_method(conflict, leaving)).await;
    assert_snapshot!(failed.what, @"rolebinding trinity/b on context `alpha` is being deleted and cannot be created until it is gone");
}

#[tokio::test]
async fn a_write_without_answer_is_read_back_before_it_is_sent_again() {
    // It was done.
    let (outcome, log) =
        one(create(), by_method(|| Answer::Lost, || Answer::Json(200, live(true, "u9", "9", "0f3c")))).await;
    assert_eq!(outcome, DONE);
    assert_eq!(lines(&log).len(), 2);

    // It was not, so it is sent again.
    let (outcome, log) = one(create(), |number, _| match number {
        0 => Answer::Lost,
        1 => absent(),
        _ => Answer::Json(201, json!({})),
    })
    .await;
    assert_eq!(outcome, DONE);
    let methods: Vec<String> = log.lock().unwrap().iter().map(|seen| seen.method.to_string()).collect();
    assert_eq!(methods, ["PATCH", "GET", "PATCH"]);

    // It arrives late, after it was read back: the second one finds it.
    let (outcome, _) = one(create(), |number, _| match number {
        0 => Answer::Lost,
        1 => absent(),
        2 => conflict(),
        _ => Answer::Json(200, live(true, "u9", "9", "0f3c")),
    })
    .await;
    assert_eq!(outcome, DONE);
}

#[tokio::test]
async fn an_update_without_answer_is_read_back_before_it_is_sent_again() {
    // It was done.
    let done = by_method(|| Answer::Lost, || Answer::Json(200, live_role("u1", "8", "patch")));
    assert_eq!(one(update(), done).await.0, DONE);
    // It was not, so it is sent again, for the same version.
    let (outcome, log) = one(update(), |number, _| match number {
        0 => Answer::Lost,
        1 => Answer::Json(200, live_role("u1", "7", "get")),
        _ => Answer::Json(200, json!({})),
    })
    .await;
    assert_eq!(outcome, DONE);
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 3);
    assert_eq!(log[0].body, log[2].body);
}

#[tokio::test]
async fn a_write_that_never_works_is_given_up_with_the_last_word() {
    let failed = failure(create(), by_method(|| Answer::Lost, absent)).await;
    assert_eq!(failed.kind, FailureKind::Unreachable);
    let internal = || status(500, "InternalError", "failed calling webhook \"w.contoso.com\"");
    let failed = failure(create(), by_method(internal, absent)).await;
    assert_eq!(failed.kind, FailureKind::Unavailable);
    assert_snapshot!(failed.what, @r#"cannot create rolebinding trinity/b: context `alpha` says failed calling webhook "w.contoso.com" (500)"#);
}

#[tokio::test]
async fn a_write_that_cannot_be_read_back_is_unknown() {
    let failed = failure(create(), |_, _| Answer::Lost).await;
    assert_eq!(failed.kind, FailureKind::Unknown);
    assert_snapshot!(failed.what, @"the write of rolebinding trinity/b on context `alpha` was sent and may have been done: the connection to context `alpha` broke: connection reset; reading it back failed too: the connection to context `alpha` broke: connection reset");
}

#[tokio::test]
async fn an_update_hits_only_the_version_that_was_read() {
    let at = |uid: &'static str, version: &'static str, verb: &'static str| {
        by_method(conflict, move || Answer::Json(200, live_role(uid, version, verb)))
    };
    let failed = failure(update(), at("u1", "8", "delete")).await;
    assert_eq!(failed.kind, FailureKind::Conflict);
    assert_snapshot!(failed.what, @"clusterrole restarter on context `alpha` has changed since the plan");
    let failed = failure(update(), at("u2", "8", "patch")).await;
    assert_snapshot!(failed.what, @"clusterrole restarter on context `alpha` has been deleted and made anew since the plan");
    let failed = failure(update(), by_method(conflict, absent)).await;
    assert_snapshot!(failed.what, @"clusterrole restarter on context `alpha` is gone since the plan");
    assert_eq!(one(update(), at("u1", "8", "patch")).await.0, ALREADY);

    let wrong_uid = || {
        Answer::Json(
            422,
            json!({ "kind": "Status", "code": 422, "reason": "Invalid", "details": { "causes": [{ "field": "metadata.uid" }] } }),
        )
    };
    let failed = failure(update(), by_method(wrong_uid, || Answer::Json(200, live_role("u2", "8", "get")))).await;
    assert_snapshot!(failed.what, @"clusterrole restarter on context `alpha` has been deleted and made anew since the plan");
}

#[tokio::test]
async fn fields_that_another_manager_took_are_named_and_not_forced() {
    let held = || {
        Answer::Json(
            409,
            json!({ "kind": "Status", "code": 409, "reason": "Conflict", "details": { "causes": [
                { "reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\"", "field": ".rules" },
            ] } }),
        )
    };
    let failed = failure(update(), by_method(held, || Answer::Json(200, live_role("u1", "7", "get")))).await;
    assert_eq!(failed.kind, FailureKind::Conflict);
    assert_snapshot!(failed.what, @r#"clusterrole restarter on context `alpha` is partly held by another manager: .rules (conflict with "kubectl-edit")"#);
}

#[tokio::test]
async fn an_aggregation_rule_that_somebody_added_is_taken_away_first() {
    let mut forced = update();
    forced.overrules = vec!["kubectl-edit".to_owned()];
    let (outcome, log) = one(forced, |_, seen| {
        let mut role = live_role("u1", "7", "get");
        if seen.method == Method::GET {
            role["aggregationRule"] = json!({ "clusterRoleSelectors": [] });
        } else if seen.target.contains("force=") {
            role["metadata"]["resourceVersion"] = json!("9");
        } else {
            role["metadata"]["resourceVersion"] = json!("8");
        }
        Answer::Json(200, role)
    })
    .await;
    assert_eq!(outcome, DONE);
    let log = log.lock().unwrap();
    assert_eq!(log[1].body, json!({ "metadata": { "uid": "u1", "resourceVersion": "7" }, "aggregationRule": null }));
    assert_eq!(log[2].body["metadata"]["resourceVersion"], "8", "the version that came of taking it away");
}

#[tokio::test]
async fn a_deletion_hits_only_the_version_that_was_read() {
    assert_eq!(one(delete(), by_method(absent, absent)).await.0, ALREADY);
    assert_eq!(one(delete(), by_method(|| Answer::Lost, absent)).await.0, DONE);
    let other = by_method(conflict, || Answer::Json(200, live(true, "u2", "9", "0f3c")));
    assert_eq!(one(delete(), other).await.0, ALREADY);
    let failed = failure(delete(), by_method(conflict, || Answer::Json(200, live(true, "u1", "8", "0f3c")))).await;
    assert_eq!(failed.kind, FailureKind::Conflict);
    assert_snapshot!(failed.what, @"rolebinding trinity/b on context `alpha` has changed since the plan and was not deleted");
}

#[tokio::test]
async fn an_object_that_a_finalizer_holds_is_not_gone() {
    let held = || {
        let mut live = live(true, "u1", "8", "0f3c");
        live["metadata"]["deletionTimestamp"] = json!("2026-11-22T16:40:11Z");
        Answer::Json(200, live)
    };
    assert_eq!(one(delete(), by_method(held, held)).await.0, Outcome::PENDING);
    assert_eq!(one(delete(), by_method(|| Answer::Lost, held)).await.0, Outcome::PENDING);
}

#[tokio::test]
async fn what_the_identity_may_not_give_is_explained() {
    let escalation = || {
        status(
            403,
            "Forbidden",
            "x is forbidden: user \"ci\" (groups=[\"g\"]) is attempting to grant RBAC permissions not currently held:\n\
             {APIGroups:[\"apps\"], Resources:[\"deployments\"], Verbs:[\"patch\"]}",
        )
    };
    let mut shown = Vec::new();
    for change in [update(), create()] {
        let (outcome, log) = one(change, move |_, _| escalation()).await;
        let Outcome::Failed { failure } = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.kind, FailureKind::Forbidden);
        assert_eq!(lines(&log).len(), 1, "a clear no is neither repeated nor read back");
        shown.push(failure.what);
    }
    assert_snapshot!(shown.join("\n"), @"
    cannot update clusterrole restarter on context `alpha`: 403, needs `escalate` on clusterroles/restarter on the whole cluster, or the rule { apiGroups: [apps], resources: [deployments], verbs: [patch] }
    cannot create rolebinding trinity/b on context `alpha`: 403, needs `bind` on clusterroles/view in namespace trinity, or the rule { apiGroups: [apps], resources: [deployments], verbs: [patch] }
    ");
}

fn about(code: u16, kind: &'static str, name: &'static str, cause: &'static str) -> impl Fn(usize, &Seen) -> Answer {
    move |_, _| {
        Answer::Json(
            code,
            json!({ "kind": "Status", "code": code, "reason": "NotFound", "message": "no", "details": {
                "kind": kind, "name": name, "causes": [{ "reason": cause, "field": cause }] } }),
        )
    }
}

#[tokio::test]
async fn what_a_new_binding_lacks_is_explained() {
    let mut shown = Vec::new();
    for (code, kind, name, cause) in [
        (404, "namespaces", "trinity", ""),
        (404, "rolebindings", "view", ""),
        (403, "", "", "NamespaceTerminating"),
        (422, "", "", "roleRef"),
        (422, "", "", "metadata.name"),
    ] {
        let failed = failure(create(), about(code, kind, name, cause)).await;
        shown.push(format!("{:?}: {}; {}", failed.kind, failed.what, failed.next.unwrap_or_default()));
    }
    assert_snapshot!(shown.join("\n"), @r"
    NotFound: cannot create rolebinding trinity/b on context `alpha`: there is no namespace trinity; create the namespace, then plan again
    NotFound: cannot create rolebinding trinity/b on context `alpha`: there is no clusterrole view; create it first; a binding to a role that is missing needs `bind` on clusterroles/view
    Conflict: cannot create rolebinding trinity/b on context `alpha`: the namespace trinity is being deleted; plan again when it is gone or there again
    Invalid: cannot create rolebinding trinity/b on context `alpha`: the role of a binding cannot be changed; plan again: another role gets a new binding, and the old one is deleted after it
    Invalid: cannot create rolebinding trinity/b on context `alpha`: no (422);
    ");
}

#[tokio::test]
async fn another_cluster_is_never_written() {
    let mut elsewhere = create();
    elsewhere.cluster = Some("77ab0000-0000-4000-8000-000000000002".parse().unwrap());
    let mut nowhere = create();
    nowhere.cluster = None;
    let (link, log) = link(|_, _| Answer::Json(200, json!({})));
    let writer = KubernetesWriter::new(link, "contoso-platform".parse().unwrap());
    let kinds: Vec<FailureKind> = write(&writer, &[elsewhere, nowhere])
        .await
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Failed { failure } => failure.kind,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [FailureKind::WrongTarget, FailureKind::Invalid]);
    assert!(log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_change_that_cannot_be_written_sends_nothing() {
    let group = crate::state::Group {
        key: "sre".parse().unwrap(),
        id: crate::state::Identity::AfterApply("sre".parse().unwrap()),
        display_name: "sre".to_owned(),
        description: None,
        mail_nickname: None,
        unique_name: None,
        first_owner: None,
    };
    let mut versionless = update();
    versionless.resource_version = None;
    for change in [change(Operation::Create { after: Resource::Group(group) }), versionless] {
        let (outcome, log) = one(change, |_, _| Answer::Json(200, json!({}))).await;
        assert!(matches!(outcome, Outcome::Failed { failure } if failure.kind == FailureKind::Invalid));
        assert!(log.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_interrupted_run_finishes_what_is_in_flight() {
    let (sender, interrupted) = watch::channel(false);
    // The first request raises the flag, while up to eight changes are under way.
    let (link, log) = link(move |_, _| {
        sender.send_replace(true);
        Answer::Json(200, json!({}))
    });
    let writer = KubernetesWriter::new(link, "contoso-platform".parse().unwrap());
    let changes: Vec<Change> = (0..20).map(|_| create()).collect();
    let outcomes = Mutex::new(Vec::new());
    writer.write(&changes, &interrupted, &|position, outcome| outcomes.lock().unwrap().push((position, outcome))).await;
    let outcomes = outcomes.into_inner().unwrap();
    let done = outcomes.iter().filter(|(_, outcome)| *outcome == DONE).count();
    let reason = "interrupted".to_owned();
    let not_tried =
        outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::NotTried { reason: reason.clone() }).count();
    assert_eq!(done + not_tried, 20);
    assert_eq!(done, log.lock().unwrap().len());
    assert!((1..=CHANGES_AT_ONCE).contains(&done), "{done}");
}

#[tokio::test]
async fn a_throttled_write_waits_and_is_then_done() {
    let (outcome, log) = one(create(), |number, _| match number {
        0 => Answer::Wait(429, "0.01"),
        _ => Answer::Json(201, json!({})),
    })
    .await;
    assert_eq!(outcome, DONE);
    assert_eq!(lines(&log).len(), 2);
}
