//! Access reviews: what somebody may do, and who is asking. Nothing of them is stored.

use serde_json::{Value, json};

use super::authentication::User;
use super::authorize::{Action, Decision, Missing, authorize, rules_of};
use super::decode;
use super::object::{items, text, texts};
use super::schema::{self, Shape};
use super::state::{ClusterState, now};
use super::status::{Cause, Failure};

/// A kind of review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Review {
    SubjectAccess,
    LocalSubjectAccess,
    SelfSubjectAccess,
    SelfSubjectRules,
    SelfSubject,
}

/// The API group of access reviews.
pub(super) const AUTHORIZATION: &str = "authorization.k8s.io";
/// The API group of the review of oneself.
pub(super) const AUTHENTICATION: &str = "authentication.k8s.io";

impl Review {
    /// All of them, by their plural name as discovery lists them.
    pub(super) const ALL: [Self; 5] = [
        Self::LocalSubjectAccess,
        Self::SelfSubjectAccess,
        Self::SelfSubjectRules,
        Self::SubjectAccess,
        Self::SelfSubject,
    ];

    /// The review that a resource path of the one served version means.
    pub(super) fn of(group: &str, version: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|review| review.group() == group && version == "v1" && review.plural() == plural)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SubjectAccess => "SubjectAccessReview",
            Self::LocalSubjectAccess => "LocalSubjectAccessReview",
            Self::SelfSubjectAccess => "SelfSubjectAccessReview",
            Self::SelfSubjectRules => "SelfSubjectRulesReview",
            Self::SelfSubject => "SelfSubjectReview",
        }
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::SubjectAccess => "subjectaccessreviews",
            Self::LocalSubjectAccess => "localsubjectaccessreviews",
            Self::SelfSubjectAccess => "selfsubjectaccessreviews",
            Self::SelfSubjectRules => "selfsubjectrulesreviews",
            Self::SelfSubject => "selfsubjectreviews",
        }
    }

    pub(super) fn group(self) -> &'static str {
        if self == Self::SelfSubject { AUTHENTICATION } else { AUTHORIZATION }
    }

    fn api_version(self) -> &'static str {
        if self == Self::SelfSubject { "authentication.k8s.io/v1" } else { "authorization.k8s.io/v1" }
    }

    pub(super) fn is_namespaced(self) -> bool {
        self == Self::LocalSubjectAccess
    }

    pub(super) fn shape(self) -> Shape {
        match self {
            Self::SubjectAccess | Self::LocalSubjectAccess => schema::ACCESS_REVIEW,
            Self::SelfSubjectAccess => schema::SELF_ACCESS_REVIEW,
            Self::SelfSubjectRules => schema::SELF_RULES_REVIEW,
            Self::SelfSubject => schema::SELF_REVIEW,
        }
    }

    /// Answers a review that `user` sent to `namespace` (empty for all but the local one).
    ///
    /// # Errors
    /// 400 and 422 for a review that asks nothing, or two things.
    pub(super) fn answer(
        self,
        state: &ClusterState,
        user: &User,
        namespace: &str,
        body: &Value,
        strict: bool,
    ) -> Result<Value, Failure> {
        let mut review = decode::object(body, self.name(), self.api_version(), self.shape(), strict)?;
        if self.is_namespaced() {
            let said = text(&review["metadata"], "namespace");
            if !said.is_empty() && said != namespace {
                let message = "the namespace of the provided object does not match the namespace sent on the request";
                return Err(Failure::bad_request(message));
            }
            review["metadata"]["namespace"] = namespace.into();
        }
        match self {
            Self::SelfSubject => {
                review["metadata"]["creationTimestamp"] = now().into();
                let mut who = json!({ "username": user.name, "groups": user.groups });
                if !user.uid.is_empty() {
                    who["uid"] = user.uid.as_str().into();
                }
                if !user.extra.is_empty() {
                    who["extra"] = json!(user.extra);
                }
                review["status"] = json!({ "userInfo": who });
            }
            Self::SelfSubjectRules => {
                let namespace = text(&review["spec"], "namespace").to_owned();
                if namespace.is_empty() {
                    return Err(Failure::bad_request("no namespace on request"));
                }
                review["status"] = rules(state, user, &namespace);
                // The real server does not repeat what was asked.
                review["spec"] = json!({});
            }
            Self::SubjectAccess | Self::LocalSubjectAccess | Self::SelfSubjectAccess => {
                let causes = self.mistakes(&review);
                if !causes.is_empty() {
                    return Err(Failure::invalid(AUTHORIZATION, "", "", causes));
                }
                let spec = &review["spec"];
                let subject = if self == Self::SelfSubjectAccess {
                    user.clone()
                } else {
                    // Verbatim: system:authenticated is not added to the groups of a review.
                    let groups = texts(spec, "groups").map(str::to_owned).collect();
                    User { name: text(spec, "user").to_owned(), groups, ..User::default() }
                };
                review["status"] = status(&authorize(state, &subject, &action(spec)));
            }
        }
        Ok(review)
    }

    /// pkg/apis/authorization/validation/validation.go.
    fn mistakes(self, review: &Value) -> Vec<Cause> {
        let (spec, metadata) = (&review["spec"], &review["metadata"]);
        let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
        let path_as_sent = json!({ "Path": text(path, "path"), "Verb": text(path, "verb") });
        let mut causes = Vec::new();
        if !resource.is_null() && !path.is_null() {
            let why = "cannot be specified in combination with resourceAttributes";
            causes.push(Cause::invalid("spec.nonResourceAttributes", &path_as_sent, why));
        } else if resource.is_null() && path.is_null() {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            causes.push(Cause::invalid("spec.resourceAttributes", &Value::Null, why));
        }
        if self != Self::SelfSubjectAccess && text(spec, "user").is_empty() && items(spec, "groups").is_empty() {
            let why = "at least one of user or group must be specified";
            causes.push(Cause::invalid("spec.user", &"".into(), why));
        }
        let mut other_metadata = metadata.as_object().cloned().unwrap_or_default();
        other_metadata.remove("managedFields");
        if self.is_namespaced() {
            other_metadata.remove("namespace");
        }
        if !other_metadata.is_empty() {
            causes.push(Cause::invalid("metadata", metadata, "must be empty"));
        }
        if self.is_namespaced() {
            let asked = text(resource, "namespace");
            if !resource.is_null() && asked != text(metadata, "namespace") {
                let why = "must match metadata.namespace";
                causes.push(Cause::invalid("spec.resourceAttributes.namespace", &asked.into(), why));
            }
            if !path.is_null() {
                let why = "disallowed on this kind of request";
                causes.push(Cause::invalid("spec.nonResourceAttributes", &path_as_sent, why));
            }
        }
        causes
    }
}

fn action(spec: &Value) -> Action {
    let resource = &spec["resourceAttributes"];
    if resource.is_null() {
        let path = &spec["nonResourceAttributes"];
        return Action::Path { verb: text(path, "verb").to_owned(), path: text(path, "path").to_owned() };
    }
    let said = |field: &str| text(resource, field).to_owned();
    Action::Resource {
        verb: said("verb"),
        namespace: said("namespace"),
        group: said("group"),
        resource: said("resource"),
        subresource: said("subresource"),
        name: said("name"),
    }
}

fn status(decision: &Decision) -> Value {
    let mut status = json!({ "allowed": decision.allowed });
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.as_str().into();
    }
    status
}

/// All rules that reach the user, one by one and unmerged, as the real server lists them.
fn rules(state: &ClusterState, user: &User, namespace: &str) -> Value {
    let (rules, missing) = rules_of(state, user, namespace);
    let pick = |rule: &Value, fields: &[&str]| -> Value {
        let fields = fields.iter().filter(|field| !items(rule, field).is_empty());
        Value::Object(fields.map(|field| ((*field).to_owned(), rule[*field].clone())).collect())
    };
    let of = |field: &str, fields: &[&str]| -> Vec<Value> {
        rules.iter().filter(|rule| !items(rule, field).is_empty()).map(|rule| pick(rule, fields)).collect()
    };
    let mut status = json!({
        "resourceRules": of("resources", &["verbs", "apiGroups", "resources", "resourceNames"]),
        "nonResourceRules": of("nonResourceURLs", &["verbs", "nonResourceURLs"]),
        "incomplete": false,
    });
    if !missing.is_empty() {
        status["evaluationError"] = Missing::all(&missing, Missing::to_string).into();
    }
    status
}
