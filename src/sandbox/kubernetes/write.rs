//! Creating, replacing, patching, applying and deleting objects, in the order in which the real server checks.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::aggregate;
use super::authentication::User;
use super::decode;
use super::definition::{self, Definition};
use super::kind::Kind;
use super::managed::{Managers, blank};
use super::object::{complete, default, remove, settle, text, whole, without_managed_fields};
use super::options::{DeleteOptions, WriteOptions};
use super::state::{ClusterState, new_uid, now};
use super::status::{Cause, Failure};
use super::validate;

/// The object that a URL names, and who sends the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) user: &'a User,
    pub(super) kind: Kind,
    pub(super) namespace: &'a str,
    /// Empty for a POST.
    pub(super) name: &'a str,
}

/// What a write led to: 201 for something new, else 200, and the object or status to answer.
pub(super) type Outcome = Result<(StatusCode, Value), Failure>;

impl Target<'_> {
    fn live(self, state: &ClusterState) -> Option<&Value> {
        state.get(self.kind, self.namespace, self.name)
    }

    fn not_found(self) -> Failure {
        Failure::not_found(self.kind.group(), self.kind.plural(), self.name)
    }

    fn conflict(self, message: &str) -> Failure {
        Failure::conflict(self.kind.group(), self.kind.plural(), self.name, message)
    }

    /// The name and namespace of the body must be those of the URL.
    fn check_identity(self, object: &mut Value) -> Result<(), Failure> {
        let name = text(&object["metadata"], "name");
        if self.name.is_empty() {
            if !text(&object["metadata"], "generateName").is_empty() && name.is_empty() {
                return Err(Failure::not_modelled("metadata.generateName"));
            }
        } else if name.is_empty() {
            let message = format!(
                "the name of the object ({} based on URL) was undeterminable: name must be provided",
                self.name
            );
            return Err(Failure::bad_request(message));
        } else if name != self.name {
            let message = format!("the name of the object ({name}) does not match the name on the URL ({})", self.name);
            return Err(Failure::bad_request(message));
        }
        if self.kind.is_namespaced() {
            let namespace = text(&object["metadata"], "namespace");
            if !namespace.is_empty() && namespace != self.namespace {
                let message = "the namespace of the provided object does not match the namespace sent on the request";
                return Err(Failure::bad_request(message));
            }
            object["metadata"]["namespace"] = self.namespace.into();
        } else {
            remove(object, &["namespace"]);
        }
        Ok(())
    }
}

/// POST.
pub(super) fn create(state: &mut ClusterState, target: Target<'_>, body: &Value, options: &WriteOptions) -> Outcome {
    let kind = target.kind;
    let mut object = decode::stored_object(kind, body, options.is_strict())?;
    target.check_identity(&mut object)?;
    default(kind, &mut object);
    keep_status(kind, &mut object, None);
    remove(&mut object, &["uid", "creationTimestamp", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"]);
    let (object, managers) = owned_by_sender(kind, object, options);
    insert(state, target, object, &managers, options, |state, object| {
        if !text(&object["metadata"], "resourceVersion").is_empty() {
            return Err(Failure::internal("resourceVersion should not be set on objects to be created"));
        }
        let name = text(&object["metadata"], "name");
        let is_new = state.get(kind, target.namespace, name).is_none();
        if is_new { Ok(()) } else { Err(Failure::already_exists(kind, name)) }
    })
}

/// A new object without its list of managers, and that list: all of it belongs to the sender.
fn owned_by_sender(kind: Kind, object: Value, options: &WriteOptions) -> (Value, Managers) {
    let mut managers = Managers::of(&object);
    let object = without_managed_fields(object);
    managers.update(kind, &blank(kind), &object, &options.manager, &now());
    (object, managers)
}

/// PUT. `may_create` is asked when the object is not there, as in [`apply`].
pub(super) fn replace(
    state: &mut ClusterState,
    target: Target<'_>,
    body: &Value,
    options: &WriteOptions,
    may_create: impl FnOnce(&ClusterState) -> Result<(), Failure>,
) -> Outcome {
    let kind = target.kind;
    let mut object = decode::stored_object(kind, body, options.is_strict())?;
    target.check_identity(&mut object)?;
    default(kind, &mut object);
    let live = target.live(state);
    let wanted_uid = text(&object["metadata"], "uid");
    let live_uid = live.map_or("", |live| text(&live["metadata"], "uid"));
    if !wanted_uid.is_empty() && wanted_uid != live_uid && (live.is_some() || kind.is_created_by_replace()) {
        // The words of the storage layer, where a PUT's uid is checked.
        let key = format!("/registry/{}/{}", kind.plural(), super::state::key(kind, target.namespace, target.name));
        return Err(target.conflict(&format!(
            "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
             failed: UID in precondition: {wanted_uid}, UID in object meta: {live_uid}"
        )));
    }
    match live.cloned() {
        Some(_) if kind.must_say_version() && text(&object["metadata"], "resourceVersion").is_empty() => {
            let cause = Cause::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update");
            Err(Failure::invalid(kind.group(), kind.plural(), target.name, vec![cause]))
        }
        Some(live) => update(state, target, &live, object, None, options),
        None if kind.is_created_by_replace() => {
            let (object, managers) = owned_by_sender(kind, object, options);
            insert(state, target, object, &managers, options, |state, _| may_create(state))
        }
        None => Err(target.not_found()),
    }
}

/// PATCH with a JSON merge patch (RFC 7386).
pub(super) fn merge_patch(
    state: &mut ClusterState,
    target: Target<'_>,
    patch: &Value,
    options: &WriteOptions,
) -> Outcome {
    let kind = target.kind;
    let live = target.live(state).cloned().ok_or_else(|| target.not_found())?;
    let Some(patch) = patch.as_object() else {
        let message =
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}";
        return Err(Failure::bad_request(message));
    };
    let mut patched = whole(kind, &live);
    overlay(&mut patched, patch);
    if let Some(message) = decode::check(&patched, kind.shape()).message(kind.name(), options.is_strict()) {
        let value = Value::from(patched.to_string());
        return Err(Failure::invalid("", "", "", vec![Cause::invalid("patch", &value, &message)]));
    }
    let mut object = decode::stored_object(kind, &patched, false)?;
    target.check_identity(&mut object)?;
    default(kind, &mut object);
    update(state, target, &live, object, None, options)
}

fn overlay(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, value) in patch {
        match value {
            Value::Null => {
                if let Some(target) = target.as_object_mut() {
                    target.remove(key);
                }
            }
            Value::Object(below) => overlay(&mut target[key.as_str()], below),
            other => target[key.as_str()] = other.clone(),
        }
    }
}

/// PATCH with an apply configuration. `may_create` is asked only when the object is not there: the real server
/// authorizes `create` by the URL's name then.
pub(super) fn apply(
    state: &mut ClusterState,
    target: Target<'_>,
    mut config: Value,
    options: &WriteOptions,
    may_create: impl FnOnce(&ClusterState) -> Result<(), Failure>,
) -> Outcome {
    let kind = target.kind;
    let (said_kind, said_version) = (text(&config, "kind"), text(&config, "apiVersion"));
    if (said_kind, said_version) != (kind.name(), kind.api_version()) {
        let version = if said_version.is_empty() { "/" } else { said_version };
        return Err(Failure::bad_request(format!("invalid object type: {version}, Kind={said_kind}")));
    }
    let live = target.live(state).cloned();
    if config.pointer("/metadata/managedFields").is_some_and(|value| !value.is_null()) {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let (namespace, name) = (text(&config["metadata"], "namespace"), text(&config["metadata"], "name"));
    if let Some(failure) = decode::check(&config, kind.shape()).of_apply(kind, namespace, name) {
        return Err(failure);
    }
    decode::refuse_unmodelled(&config)?;
    target.check_identity(&mut config)?;
    keep_status(kind, &mut config, None);
    if let Kind::Custom(definition) = kind {
        let mistyped = |cause: &Cause| cause.reason == "FieldValueTypeInvalid";
        if definition.mistakes(&config)?.iter().any(mistyped) {
            return Err(Failure::not_modelled("the refusal of a mistyped value in an apply"));
        }
    } else {
        decode::stored_object(kind, &config, false)?;
    }

    let mut managers = live.as_ref().map(Managers::of).unwrap_or_default();
    let base = live.as_ref().map_or_else(|| blank(kind), |live| whole(kind, live));
    let base = without_managed_fields(base);
    let merged = managers.apply(kind, &base, &config, &options.manager, options.force, &now())?;
    let mut object = decode::decoded(&merged, kind.shape());
    default(kind, &mut object);
    if let Some(live) = live {
        return update(state, target, &live, object, Some(managers), options);
    }
    // A uid keeps an object from being made again; a resourceVersion does not.
    let uid = text(&object["metadata"], "uid");
    if !uid.is_empty() {
        return Err(target.conflict(&format!(
            "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        )));
    }
    insert(state, target, object, &managers, options, |state, _| may_create(state))
}

/// Stores a new object. `check` is asked last, when the object itself is known to be fine.
fn insert(
    state: &mut ClusterState,
    target: Target<'_>,
    mut object: Value,
    managers: &Managers,
    options: &WriteOptions,
    check: impl FnOnce(&ClusterState, &Value) -> Result<(), Failure>,
) -> Outcome {
    let kind = target.kind;
    // Admission (NamespaceLifecycle) comes before validation.
    if kind.is_namespaced() && state.get(Kind::Namespace, "", target.namespace).is_none() {
        return Err(Failure::not_found("", "namespaces", target.namespace));
    }
    target.check_escalation(state, &object, None)?;
    let mut causes = validate::new(kind, &object);
    causes.extend(custom_mistakes(kind, &object)?);
    if !causes.is_empty() {
        return Err(Failure::invalid(kind.group(), kind.name(), text(&object["metadata"], "name"), causes));
    }
    check(state, &object)?;
    if kind == Kind::CustomResourceDefinition {
        let definition = Definition::of(&object)?;
        if state.kinds().iter().any(|other| other.group() == definition.group) && !definition::shares(state, definition)
        {
            return Err(Failure::not_modelled("an API group of several versions, or one that is built in"));
        }
    }
    remove(
        &mut object,
        &["resourceVersion", "generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"],
    );
    object["metadata"]["uid"] = new_uid().into();
    object["metadata"]["creationTimestamp"] = now().into();
    complete(kind, &mut object);
    let made = finish(state, kind, object, managers, options);
    if kind == Kind::CustomResourceDefinition {
        // The real one takes a moment more; its answer to the create says so, too.
        let mut object = made.clone();
        object["status"] = definition::established(&object);
        store(state, kind, object, managers);
    }
    Ok((StatusCode::CREATED, made))
}

/// Status has a subresource of its own there: what a client says of it is forgotten, and what is stored stays.
fn keep_status(kind: Kind, object: &mut Value, live: Option<&Value>) {
    if !kind.has_generation() || !kind.has_status() {
        return;
    }
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
        if let Some(status) = live.and_then(|live| live.get("status")) {
            object.insert("status".to_owned(), status.clone());
        }
    }
}

fn custom_mistakes(kind: Kind, object: &Value) -> Result<Vec<Cause>, Failure> {
    if let Kind::Custom(definition) = kind { definition.mistakes(object) } else { Ok(Vec::new()) }
}

/// `managers` are those after a server-side apply; otherwise the manager takes what changed.
fn update(
    state: &mut ClusterState,
    target: Target<'_>,
    live: &Value,
    mut object: Value,
    managers: Option<Managers>,
    options: &WriteOptions,
) -> Outcome {
    let kind = target.kind;
    // Before anything is filled in from the live object.
    target.check_escalation(state, &object, Some(live))?;
    keep_status(kind, &mut object, Some(live));
    let live_whole = without_managed_fields(whole(kind, live));
    let before = Managers::of(live);
    let managers = managers.unwrap_or_else(|| {
        let sent = Managers::of(&object);
        let is_reset = object.pointer("/metadata/managedFields").is_some_and(|list| list == &json!([]));
        let mut managers = if sent.is_empty() && !is_reset { before.clone() } else { sent };
        object = without_managed_fields(object.take());
        carry_over(&mut object, live);
        managers.update(kind, &live_whole, &object, &options.manager, &now());
        managers
    });

    let wanted = text(&object["metadata"], "resourceVersion").to_owned();
    if !wanted.is_empty() {
        let wanted: u64 = wanted
            .parse()
            .map_err(|_| Failure::internal(format!("strconv.ParseUint: parsing {wanted:?}: invalid syntax")))?;
        if wanted != 0 && Some(wanted) != text(&live["metadata"], "resourceVersion").parse().ok() {
            return Err(target.conflict(
                "the object has been modified; please apply your changes to the latest version and try again",
            ));
        }
    }
    if kind == Kind::Namespace {
        // Its status and finalizers have subresources of their own.
        object["spec"] = live["spec"].clone();
        object["status"] = live["status"].clone();
    }
    carry_over(&mut object, live);
    let mut causes = validate::changed(kind, live, &object);
    causes.extend(custom_mistakes(kind, &object)?);
    if !causes.is_empty() {
        return Err(Failure::invalid(kind.group(), kind.name(), target.name, causes));
    }
    object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    if kind == Kind::CustomResourceDefinition {
        definition::check_change(live, &object)?;
    }
    let mut settled = settle(kind, &object);
    if kind.has_generation() && is_changed_inside(&settled, live) {
        settled["metadata"]["generation"] = (live["metadata"]["generation"].as_u64().unwrap_or_default() + 1).into();
    }
    if settled == settle(kind, &live_whole) && managers.own_the_same(&before) {
        return Ok((StatusCode::OK, whole(kind, live)));
    }
    Ok((StatusCode::OK, finish(state, kind, settled, &managers, options)))
}

/// Whether anything but metadata differs; a status that is kept does not.
fn is_changed_inside(object: &Value, live: &Value) -> bool {
    let inside = |object: &Value| {
        let mut inside = object.as_object().cloned().unwrap_or_default();
        inside.retain(|key, _| !["metadata", "kind", "apiVersion"].contains(&key.as_str()));
        inside
    };
    inside(object) != inside(live)
}

/// What a client leaves out of metadata stays; what it cannot change comes from the live object.
fn carry_over(object: &mut Value, live: &Value) {
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "generation"] {
        let kept = &live["metadata"][field];
        let is_given = field == "uid" && !text(&object["metadata"], "uid").is_empty();
        if !kept.is_null() && !is_given {
            object["metadata"][field] = kept.clone();
        }
    }
}

/// Writes an object with its owners; it comes back as it is answered.
pub(super) fn store(state: &mut ClusterState, kind: Kind, object: Value, managers: &Managers) -> Value {
    let mut object = settle(kind, &without_managed_fields(object));
    if let Some(entries) = managers.to_value(kind) {
        object["metadata"]["managedFields"] = entries;
    }
    whole(kind, &state.put(kind, object))
}

/// Writes what a client sent, and lets the controller follow.
fn finish(state: &mut ClusterState, kind: Kind, object: Value, managers: &Managers, options: &WriteOptions) -> Value {
    let before = object["metadata"]["resourceVersion"].clone();
    let mut stored = store(state, kind, object, managers);
    if kind == Kind::ClusterRole {
        aggregate::run(state);
    }
    if options.dry_run {
        // The real answer to a dry run carries the revision of the live object, none for a new one.
        match stored["metadata"].as_object_mut() {
            Some(metadata) if before.is_null() => {
                metadata.remove("resourceVersion");
            }
            _ => stored["metadata"]["resourceVersion"] = before,
        }
    }
    stored
}

/// DELETE.
pub(super) fn delete(state: &mut ClusterState, target: Target<'_>, options: &DeleteOptions) -> Outcome {
    let Target { kind, namespace, name, .. } = target;
    if kind == Kind::Namespace && ["default", "kube-system", "kube-public"].contains(&name) {
        return Err(Failure::forbidden("", "namespaces", name, "this namespace may not be deleted"));
    }
    let live = target.live(state).cloned().ok_or_else(|| target.not_found())?;
    let metadata = &live["metadata"];
    let (uid, version) = (text(metadata, "uid"), text(metadata, "resourceVersion"));
    let conflict = |message: &str| Failure::conflict(kind.group(), kind.name(), name, message);
    if let Some(wanted) = options.uid.as_deref().filter(|wanted| *wanted != uid) {
        return Err(conflict(&format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have \
             been deleted and then recreated"
        )));
    }
    if let Some(wanted) = options.resource_version.as_deref().filter(|wanted| *wanted != version) {
        return Err(conflict(&format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record \
             ({version}). The object might have been modified"
        )));
    }
    if kind == Kind::Namespace {
        return Ok((StatusCode::OK, delete_namespace(state, &live)));
    }
    if kind == Kind::CustomResourceDefinition {
        return Ok((StatusCode::OK, delete_definition(state, &live)));
    }
    state.remove(kind, namespace, name);
    if kind == Kind::ClusterRole {
        aggregate::run(state);
    }
    if kind == Kind::ServiceAccount {
        let mut gone = whole(kind, &live);
        gone["metadata"]["resourceVersion"] = state.revision().to_string().into();
        return Ok((StatusCode::OK, gone));
    }
    let details = json!({ "name": name, "group": kind.group(), "kind": kind.plural(), "uid": uid });
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
    });
    Ok((StatusCode::OK, status))
}

/// A real namespace ends some time later, when its controller has emptied it; here it is gone at once.
fn delete_namespace(state: &mut ClusterState, live: &Value) -> Value {
    let name = text(&live["metadata"], "name");
    let mut ending = live.clone();
    ending["metadata"]["deletionTimestamp"] = now().into();
    ending["status"]["phase"] = "Terminating".into();
    let ending = whole(Kind::Namespace, &state.put(Kind::Namespace, ending));
    for kind in state.kinds().into_iter().filter(|kind| kind.is_namespaced()) {
        let names: Vec<_> =
            state.all_in(kind, name).map(|object| text(&object["metadata"], "name").to_owned()).collect();
        for object in names {
            state.remove(kind, name, &object);
        }
    }
    state.remove(Kind::Namespace, "", name);
    ending
}

/// A real definition ends when a finalizer has taken its objects away; here both are gone at once.
fn delete_definition(state: &mut ClusterState, live: &Value) -> Value {
    let definitions = Kind::CustomResourceDefinition;
    let mut ending = live.clone();
    ending["metadata"]["deletionTimestamp"] = now().into();
    ending["metadata"]["finalizers"] = json!(["customresourcecleanup.apiextensions.k8s.io"]);
    for kind in definition::kinds(std::iter::once(live)) {
        let of = |object: &Value, field: &str| text(&object["metadata"], field).to_owned();
        let objects: Vec<_> = state.all(kind).map(|object| (of(object, "namespace"), of(object, "name"))).collect();
        for (namespace, name) in objects {
            state.remove(kind, &namespace, &name);
        }
    }
    let ending = whole(definitions, &state.put(definitions, ending));
    state.remove(definitions, "", text(&live["metadata"], "name"));
    ending
}
