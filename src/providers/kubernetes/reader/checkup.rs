//! What a cluster says about itself and about us, each part for itself.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};

use super::{KubernetesReader, QUESTIONS_AT_ONCE};
use crate::providers::kubernetes::refusal::excerpt;
use crate::state::{AccessAnswer, ClusterCheckup, Failure, FailureKind, Result, RightQuestion};

impl KubernetesReader {
    /// Asks everything there is to know before a plan, and these questions. What fails takes nothing else with it.
    pub async fn check(&self, questions: &[RightQuestion]) -> ClusterCheckup {
        let (version, who, uid, answers) =
            futures::join!(self.api.version(), self.who_we_are(), self.api.cluster_uid(), self.ask_rights(questions));
        ClusterCheckup { version, who, uid, answers, ahead: self.api.ahead() }
    }

    /// Asks what we may do; the answers are in the order of the questions.
    ///
    /// # Errors
    /// When one of them gets no answer.
    pub async fn ask_rights(&self, questions: &[RightQuestion]) -> Result<Vec<AccessAnswer>> {
        stream::iter(questions.to_vec())
            .map(|question| async move {
                self.may_we(ResourceAttributes {
                    group: Some(question.group.to_owned()),
                    resource: Some(question.resource.to_owned()),
                    verb: Some(question.verb.to_owned()),
                    namespace: question.namespace.as_ref().map(ToString::to_string),
                    name: question.name,
                    ..ResourceAttributes::default()
                })
                .await
            })
            .buffered(QUESTIONS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn may_we(&self, attributes: ResourceAttributes) -> Result<AccessAnswer> {
        let tried = "ask what we may do";
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let answer = self.api.review(&review, tried).await;
        let status = answer.map_err(|error| error.into_failure(self.api.link(), tried))?.status.ok_or_else(|| {
            let what = format!("{} gives no answer when asked what we may do", self.api.link());
            Failure::new(FailureKind::BadAnswer, what)
        })?;
        let reason = excerpt(status.reason.as_deref().unwrap_or_default());
        Ok(AccessAnswer { allowed: status.allowed && status.denied != Some(true), reason })
    }
}
