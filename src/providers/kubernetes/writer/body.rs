//! What is applied: the whole of a role or binding of ours, and nothing else.

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1 as rbac;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::providers::kubernetes::normalise::API_GROUP;
use crate::state::{
    Binding, ConfigName, Failure, FailureKind, KubernetesKind, Resource, Result, Role, Subject, SubjectKind,
    SubjectName, mark,
};

/// Where an object is on a cluster.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) kind: KubernetesKind,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl Place {
    /// The place of a resource; only roles and bindings have one.
    pub(super) fn of(resource: &Resource) -> Result<Self> {
        let (namespace, name, cluster_kind, kind) = match resource {
            Resource::Role(role) => (&role.namespace, &role.name, KubernetesKind::ClusterRole, KubernetesKind::Role),
            Resource::Binding(binding) => {
                (&binding.namespace, &binding.name, KubernetesKind::ClusterRoleBinding, KubernetesKind::RoleBinding)
            }
            Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) => {
                return Err(invalid("a group, owner or member is nothing on a cluster"));
            }
        };
        // The API server accepts any other name in a path, and these two would lead elsewhere.
        if name.is_empty() || name == "." || name == ".." {
            return Err(invalid(&format!("`{name}` is no name for an object")));
        }
        let kind = if namespace.is_none() { cluster_kind } else { kind };
        Ok(Self { kind, namespace: namespace.as_ref().map(ToString::to_string), name: name.clone() })
    }

    /// The path of the collection that it belongs to.
    pub(super) fn collection(&self) -> String {
        let plural = self.kind.plural();
        match &self.namespace {
            Some(namespace) => format!("/apis/{API_GROUP}/v1/namespaces/{namespace}/{plural}"),
            None => format!("/apis/{API_GROUP}/v1/{plural}"),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(formatter, "{} {namespace}/{}", self.kind, self.name),
            None => write!(formatter, "{} {}", self.kind, self.name),
        }
    }
}

/// Which version of an object an apply is meant for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Precondition<'a> {
    /// There must be none.
    Absent,
    /// Exactly this one.
    Version { uid: &'a str, resource_version: &'a str },
}

impl Precondition<'_> {
    /// As `metadata.uid` and `metadata.resourceVersion` of the applied body.
    ///
    /// Apply creates or updates, and has no way to say "only create": without conflicts it would quietly take over an
    /// object that is not ours. But a `resourceVersion` is compared with that of a live object and ignored when there is
    /// none (apiserver `pkg/registry/generic/registry/store.go`, `Store.Update`). No object has the version 1, so that an
    /// apply with it either creates or is refused with 409, atomically.
    fn metadata(self) -> (Option<String>, Option<String>) {
        match self {
            Self::Absent => (None, Some("1".to_owned())),
            Self::Version { uid, resource_version } => (Some(uid.to_owned()), Some(resource_version.to_owned())),
        }
    }
}

/// The body to apply.
pub(super) fn body(resource: &Resource, config: &ConfigName, precondition: Precondition<'_>) -> Result<Value> {
    let place = Place::of(resource)?;
    let (uid, resource_version) = precondition.metadata();
    let mut labels = BTreeMap::from([
        (mark::MANAGED_BY_LABEL.to_owned(), mark::MANAGER.to_owned()),
        (mark::CONFIG_LABEL.to_owned(), config.to_string()),
    ]);
    if let Resource::Role(role) = resource {
        labels.extend(role.aggregate_to.iter().map(|target| (target.label().to_owned(), "true".to_owned())));
    }
    let metadata = ObjectMeta {
        name: Some(place.name),
        namespace: place.namespace,
        uid,
        resource_version,
        labels: Some(labels),
        ..ObjectMeta::default()
    };
    let written = match resource {
        Resource::Role(role) => {
            let rules = Some(rules(role));
            match place.kind {
                KubernetesKind::ClusterRole => {
                    serde_json::to_value(rbac::ClusterRole { metadata, rules, aggregation_rule: None })
                }
                _ => serde_json::to_value(rbac::Role { metadata, rules }),
            }
        }
        Resource::Binding(binding) => {
            let role_ref = rbac::RoleRef {
                api_group: API_GROUP.to_owned(),
                kind: match binding.role.kind {
                    crate::state::RoleKind::ClusterRole => "ClusterRole".to_owned(),
                    crate::state::RoleKind::Role => "Role".to_owned(),
                },
                name: binding.role.name.clone(),
            };
            let subjects = Some(subjects(binding)?);
            match place.kind {
                KubernetesKind::ClusterRoleBinding => {
                    serde_json::to_value(rbac::ClusterRoleBinding { metadata, role_ref, subjects })
                }
                _ => serde_json::to_value(rbac::RoleBinding { metadata, role_ref, subjects }),
            }
        }
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) => {
            return Err(invalid("a group, owner or member is nothing on a cluster"));
        }
    };
    written.map_err(|error| invalid(&format!("cannot be written as JSON: {error}")))
}

/// Says `false` where a label of `before` is gone from `after`. Leaving it out takes a label away only if nobody else holds
/// it, and whoever added our role to `view` by hand does.
pub(super) fn withdraw(body: &mut Value, before: &Resource, after: &Resource) {
    if let (Resource::Role(before), Resource::Role(after)) = (before, after) {
        for target in before.aggregate_to.difference(&after.aggregate_to) {
            body["metadata"]["labels"][target.label()] = "false".into();
        }
    }
}

fn rules(role: &Role) -> Vec<rbac::PolicyRule> {
    let list = |entries: &[String]| (!entries.is_empty()).then(|| entries.to_vec());
    role.rules
        .iter()
        .map(|rule| rbac::PolicyRule {
            api_groups: list(&rule.api_groups),
            resources: list(&rule.resources),
            verbs: rule.verbs.clone(),
            resource_names: list(&rule.resource_names),
            non_resource_urls: list(&rule.non_resource_urls),
        })
        .collect()
}

fn subjects(binding: &Binding) -> Result<Vec<rbac::Subject>> {
    binding.subjects.iter().map(subject).collect()
}

fn subject(subject: &Subject) -> Result<rbac::Subject> {
    let SubjectName::Known(name) = &subject.name else {
        return Err(invalid("a subject's group is not created yet"));
    };
    let (kind, api_group) = match &subject.kind {
        SubjectKind::User => ("User", Some(API_GROUP.to_owned())),
        SubjectKind::Group => ("Group", Some(API_GROUP.to_owned())),
        SubjectKind::ServiceAccount => ("ServiceAccount", None),
        SubjectKind::Other(kind) => return Err(invalid(&format!("a subject of the unknown kind `{kind}`"))),
    };
    Ok(rbac::Subject { kind: kind.to_owned(), api_group, name: name.clone(), namespace: subject.namespace.clone() })
}

pub(super) fn invalid(what: &str) -> Failure {
    Failure::new(FailureKind::Invalid, format!("the change cannot be carried out: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{PolicyRule, RoleKind, RoleRef};
    use insta::assert_json_snapshot;

    fn config() -> ConfigName {
        "contoso-platform".parse().unwrap()
    }

    fn binding(subject: SubjectName) -> Resource {
        Resource::Binding(Binding {
            namespace: Some("trinity".parse().unwrap()),
            name: "k8s_dev_users-read-only-3fa9c1d204".to_owned(),
            role: RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() },
            subjects: vec![Subject { kind: SubjectKind::Group, name: subject, namespace: None, principal: None }],
        })
    }

    #[test]
    fn a_new_binding_is_applied_only_where_none_is() {
        let binding = binding(SubjectName::Known("entra:0f3c".to_owned()));
        assert_json_snapshot!(body(&binding, &config(), Precondition::Absent).unwrap(), @r#"
        {
          "apiVersion": "rbac.authorization.k8s.io/v1",
          "kind": "RoleBinding",
          "metadata": {
            "labels": {
              "app.kubernetes.io/managed-by": "rolecall",
              "rolecall.dev/config": "contoso-platform"
            },
            "name": "k8s_dev_users-read-only-3fa9c1d204",
            "namespace": "trinity",
            "resourceVersion": "1"
          },
          "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "view"
          },
          "subjects": [
            {
              "apiGroup": "rbac.authorization.k8s.io",
              "kind": "Group",
              "name": "entra:0f3c"
            }
          ]
        }
        "#);
    }

    #[test]
    fn a_changed_role_is_applied_to_the_version_that_was_read() {
        let patch = PolicyRule {
            api_groups: vec!["apps".to_owned()],
            resources: vec!["deployments".to_owned()],
            verbs: vec!["patch".to_owned()],
            ..PolicyRule::default()
        };
        let role = Resource::Role(Role {
            namespace: None,
            name: "restarter".to_owned(),
            rules: vec![patch],
            aggregate_to: std::collections::BTreeSet::new(),
        });
        let precondition = Precondition::Version { uid: "u1", resource_version: "7" };
        assert_json_snapshot!(body(&role, &config(), precondition).unwrap(), @r#"
        {
          "apiVersion": "rbac.authorization.k8s.io/v1",
          "kind": "ClusterRole",
          "metadata": {
            "labels": {
              "app.kubernetes.io/managed-by": "rolecall",
              "rolecall.dev/config": "contoso-platform"
            },
            "name": "restarter",
            "resourceVersion": "7",
            "uid": "u1"
          },
          "rules": [
            {
              "apiGroups": [
                "apps"
              ],
              "resources": [
                "deployments"
              ],
              "verbs": [
                "patch"
              ]
            }
          ]
        }
        "#);
    }

    #[test]
    fn what_has_no_final_name_is_never_written() {
        let promised = SubjectName::AfterApply { prefix: String::new(), group: "sre".parse().unwrap() };
        assert_eq!(body(&binding(promised), &config(), Precondition::Absent).unwrap_err().kind, FailureKind::Invalid);
        for name in ["", ".", ".."] {
            let role = Resource::Role(Role {
                namespace: None,
                name: name.to_owned(),
                rules: Vec::new(),
                aggregate_to: std::collections::BTreeSet::new(),
            });
            assert!(Place::of(&role).is_err(), "{name:?}");
        }
    }
}
