//! Reads a cluster, and asks it what we may do there.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1 as core;

mod checkup;
mod reviews;

use super::api::{CallError, Reading, Review};
use super::link::Link;
use super::normalise;
use crate::providers::Reader;
use crate::providers::http::excerpt;
use crate::state::{
    AccessAnswer, AccessQuestion, Cluster, ClusterQuery, Failure, FailureKind, Namespace, Result, Usage,
};

/// How many access reviews are asked at the same time: as many as lists are read at the same time, so that no connection has
/// to be made for them.
const QUESTIONS_AT_ONCE: usize = 6;

/// Where the objects of each kind are listed.
const RBAC_PATH: &str = "/apis/rbac.authorization.k8s.io/v1";

/// Observes one cluster. Its client has no call that changes anything.
pub struct KubernetesReader {
    api: Reading,
}

impl KubernetesReader {
    /// A reader over a link.
    pub fn new(link: Link) -> Self {
        Self { api: Reading::new(link) }
    }

    /// As whom the API server sees us. `SelfSubjectReview` is part of Kubernetes from 1.28 on; whoever we are is never
    /// guessed from a credential, because the API server alone decides.
    async fn who_we_are(&self) -> Result<(String, Vec<String>)> {
        let tried = "ask who we are";
        let review = match self.api.review(&SelfSubjectReview::default(), tried).await {
            Ok(review) => review,
            Err(CallError::Refused(refusal)) if refusal.code == 404 => {
                let what = format!("{} has no SelfSubjectReview of authentication.k8s.io/v1", self.api.link());
                return Err(Failure::new(FailureKind::BadAnswer, what).with_next("Kubernetes 1.28 or later is needed"));
            }
            Err(error) => return Err(error.into_failure(self.api.link(), tried)),
        };
        let user = review.status.and_then(|status| status.user_info).unwrap_or_default();
        match user.username {
            Some(name) if !name.is_empty() => Ok((name, user.groups.unwrap_or_default())),
            _ => {
                let what = format!("{} does not say who we are", self.api.link());
                Err(Failure::new(FailureKind::BadAnswer, what))
            }
        }
    }

    async fn namespaces(&self) -> Result<BTreeMap<Namespace, BTreeMap<String, String>>> {
        let found = self
            .api
            .list("/api/v1/namespaces", "NamespaceList", |namespace: core::Namespace| {
                let phase = namespace.status.and_then(|status| status.phase);
                // Nothing can be created in a namespace that is on its way out.
                if phase.as_deref() == Some("Terminating") || namespace.metadata.deletion_timestamp.is_some() {
                    return Ok(None);
                }
                let name = normalise::namespace(namespace.metadata.name.as_deref().unwrap_or_default())?;
                Ok(Some((name, namespace.metadata.labels.unwrap_or_default())))
            })
            .await?;
        Ok(found.into_iter().collect())
    }

    async fn ask_review<T: Review>(&self, review: &T, tried: &str) -> Result<T> {
        self.api.review(review, tried).await.map_err(|error| error.into_failure(self.api.link(), tried))
    }

    async fn answer(&self, question: &AccessQuestion) -> Result<AccessAnswer> {
        let (resource, subresource) = match question.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (question.resource.as_str(), None),
        };
        let attributes = ResourceAttributes {
            group: Some(question.group.clone()),
            resource: Some(resource.to_owned()),
            subresource,
            verb: Some(question.verb.clone()),
            namespace: question.namespace.as_ref().map(ToString::to_string),
            name: question.name.clone(),
            ..ResourceAttributes::default()
        };
        let (status, tried) = match &question.who {
            None => {
                let tried = "ask what we may do".to_owned();
                let spec = SelfSubjectAccessReviewSpec {
                    resource_attributes: Some(attributes),
                    ..SelfSubjectAccessReviewSpec::default()
                };
                let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
                (self.ask_review(&review, &tried).await?.status, tried)
            }
            Some(who) => {
                let tried = format!("ask what `{}` may do", excerpt(&who.user));
                let spec = SubjectAccessReviewSpec {
                    resource_attributes: Some(attributes),
                    user: Some(who.user.clone()),
                    groups: Some(who.groups.iter().cloned().collect()),
                    ..SubjectAccessReviewSpec::default()
                };
                let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
                (self.ask_review(&review, &tried).await?.status, tried)
            }
        };
        let Some(status) = status else {
            let what = format!("{} gives no answer when we {tried}", self.api.link());
            return Err(Failure::new(FailureKind::BadAnswer, what));
        };
        let reason = [status.reason, status.evaluation_error]
            .into_iter()
            .flatten()
            .filter(|text| !text.is_empty())
            .map(|text| excerpt(&text))
            .collect::<Vec<_>>()
            .join("; ");
        Ok(AccessAnswer { allowed: status.allowed && status.denied != Some(true), reason })
    }
}

#[async_trait]
impl Reader for KubernetesReader {
    type Query = ClusterQuery;
    type Snapshot = Cluster;
    type Question = AccessQuestion;
    type Answer = AccessAnswer;

    async fn observe(&self, query: &ClusterQuery) -> Result<Cluster> {
        let uid = self.api.cluster_uid().await?;
        if let Some(expected) = query.cluster {
            self.api.check_cluster(uid, expected)?;
        }
        let config = &query.config;
        let collection = |plural: &str| format!("{RBAC_PATH}/{plural}");
        let (clusterroles, roles) = (collection("clusterroles"), collection("roles"));
        let (clusterrolebindings, rolebindings) = (collection("clusterrolebindings"), collection("rolebindings"));
        let ((username, groups), namespaces, mut all_roles, more_roles, mut all_bindings, more_bindings) = futures::try_join!(
            self.who_we_are(),
            self.namespaces(),
            self.api.list(&clusterroles, "ClusterRoleList", |item| normalise::cluster_role(item, config).map(Some)),
            self.api.list(&roles, "RoleList", |item| normalise::namespaced_role(item, config).map(Some)),
            self.api.list(&clusterrolebindings, "ClusterRoleBindingList", |item| {
                normalise::cluster_role_binding(item, config).map(Some)
            }),
            self.api.list(&rolebindings, "RoleBindingList", |item| normalise::role_binding(item, config).map(Some)),
        )?;
        all_roles.extend(more_roles);
        all_bindings.extend(more_bindings);
        Ok(Cluster {
            config: config.clone(),
            uid,
            username,
            user_groups: groups.into_iter().collect(),
            namespaces,
            roles: all_roles,
            bindings: all_bindings,
            pseudonymised: false,
        })
    }

    async fn ask(&self, questions: &[AccessQuestion]) -> Vec<Result<AccessAnswer>> {
        stream::iter(questions.to_vec())
            .map(|question| async move { self.answer(&question).await })
            .buffered(QUESTIONS_AT_ONCE)
            .collect()
            .await
    }

    fn usage(&self) -> Usage {
        self.api.usage()
    }
}

#[cfg(test)]
mod tests;
