//! The options of writes, from the query and, for deletes, from the body.

use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::decode;
use super::object::{text, texts};
use super::request::Query;
use super::schema;
use super::status::{Cause, Failure};

/// The longest name that a field manager may have, in bytes.
const LONGEST_MANAGER: usize = 128;

/// How a write is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WriteOptions {
    /// Who owns what is written; the start of the user agent when none was given.
    pub(super) manager: String,
    /// Nothing is stored.
    pub(super) dry_run: bool,
    /// Server-side apply takes over the fields of others.
    pub(super) force: bool,
    /// What becomes of fields that the kind does not have.
    pub(super) unknown: Unknown,
}

/// What becomes of unknown fields (`fieldValidation`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Unknown {
    /// They are dropped without a word.
    Ignored,
    /// They are dropped and told of in headers of the answer.
    #[default]
    Told,
    /// They are an error.
    Refused,
}

impl WriteOptions {
    /// Whether unknown fields are an error.
    pub(super) fn is_strict(&self) -> bool {
        self.unknown == Unknown::Refused
    }
}

/// The kinds of writes that take options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Create,
    Update,
    Patch,
    Apply,
}

impl WriteOptions {
    /// Reads them.
    ///
    /// # Errors
    /// 422 with every option that has no such value.
    pub(super) fn parse(write: Write, query: &Query, headers: &HeaderMap) -> Result<Self, Failure> {
        let kind = match write {
            Write::Create => "CreateOptions",
            Write::Update => "UpdateOptions",
            Write::Patch | Write::Apply => "PatchOptions",
        };
        let (manager, validation) = (query.get("fieldManager"), query.get("fieldValidation"));
        let force = matches!(query.get("force"), "true" | "1");
        let mut causes = Vec::new();
        if write == Write::Apply && manager.is_empty() {
            causes.push(Cause::required("fieldManager", "is required for apply patch"));
        }
        if write == Write::Patch && !query.get("force").is_empty() {
            causes.push(Cause::forbidden("force", "may not be specified for non-apply patch"));
        }
        if manager.len() > LONGEST_MANAGER {
            causes.push(Cause::too_long("fieldManager", LONGEST_MANAGER));
        }
        let dry_run = dry_run(&query.all("dryRun"), &mut causes);
        if !["", "Ignore", "Strict", "Warn"].contains(&validation) {
            causes.push(Cause::unsupported("fieldValidation", &validation.into(), &["", "Ignore", "Strict", "Warn"]));
        }
        if !causes.is_empty() {
            return Err(Failure::invalid("meta.k8s.io", kind, "", causes));
        }
        let manager = if manager.is_empty() { user_agent(headers) } else { manager.to_owned() };
        let unknown = match validation {
            "Strict" => Unknown::Refused,
            "Ignore" => Unknown::Ignored,
            _ => Unknown::Told,
        };
        Ok(Self { manager, dry_run, force, unknown })
    }
}

fn dry_run(values: &[&str], causes: &mut Vec<Cause>) -> bool {
    if values.iter().any(|value| *value != "All") {
        causes.push(Cause::unsupported("dryRun", &json!(values), &["All"]));
    }
    !values.is_empty()
}

/// The part of the user agent before the first slash.
fn user_agent(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    agent.split('/').next().unwrap_or_default().chars().take(LONGEST_MANAGER).collect()
}

/// How a delete is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DeleteOptions {
    pub(super) dry_run: bool,
    /// Only that very object, not another one of its name.
    pub(super) uid: Option<String>,
    /// Only that version of the object.
    pub(super) resource_version: Option<String>,
}

impl DeleteOptions {
    /// Reads them; a body wins over the query, as with the real server.
    ///
    /// # Errors
    /// 400 when the body is something else, 422 for a wrong option.
    pub(super) fn parse(body: Option<Value>, query: &Query) -> Result<Self, Failure> {
        let mut causes = Vec::new();
        let mut options = Self::default();
        if let Some(body) = body {
            let (kind, version) = (text(&body, "kind").to_owned(), text(&body, "apiVersion").to_owned());
            // Of what the core group has.
            if matches!((kind.as_str(), version.as_str()), ("Status" | "Namespace" | "ServiceAccount", "v1")) {
                let why = format!("converting (v1.{kind}) to (v1.DeleteOptions): unknown conversion");
                return Err(Failure::bad_request(why));
            }
            if !matches!(kind.as_str(), "" | "DeleteOptions") {
                return Err(Failure::bad_request(format!("no kind {kind:?} is registered for version {version:?}")));
            }
            if let Some(message) = decode::check(&body, schema::DELETE_OPTIONS).message("DeleteOptions", false) {
                return Err(Failure::bad_request(message));
            }
            options.dry_run = dry_run(&texts(&body, "dryRun").collect::<Vec<_>>(), &mut causes);
            let given = |field: &str| {
                body.pointer(&format!("/preconditions/{field}")).and_then(Value::as_str).map(str::to_owned)
            };
            options.uid = given("uid");
            options.resource_version = given("resourceVersion");
        } else {
            options.dry_run = dry_run(&query.all("dryRun"), &mut causes);
        }
        if causes.is_empty() { Ok(options) } else { Err(Failure::invalid("meta.k8s.io", "DeleteOptions", "", causes)) }
    }
}
