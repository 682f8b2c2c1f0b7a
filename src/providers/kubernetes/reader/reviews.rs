//! What the API server says that somebody else may do, and what it serves.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use serde::Deserialize;

use super::KubernetesReader;
use crate::providers::http::excerpt;
use crate::state::{AccessAnswer, AccessReview, Failure, FailureKind, Request, Result, ServedResource};

/// How many reviews are asked at the same time: a small part of what an API server works on at once
/// (`--max-mutating-requests-inflight`, 200 unless set).
const REVIEWS_AT_ONCE: usize = 16;
/// How many lists of resources are read at the same time.
const LISTS_AT_ONCE: usize = 6;

/// `/apis`.
#[derive(Deserialize)]
struct Groups {
    kind: String,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

/// `/api/v1`, `/apis/GROUP/VERSION`.
#[derive(Deserialize)]
struct Resources {
    kind: String,
    resources: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    namespaced: bool,
}

impl KubernetesReader {
    /// Asks each of these. The first goes alone, and after one that got no answer no other is sent: what is not allowed, or
    /// out of reach, once is so for all.
    pub async fn review(&self, reviews: &[AccessReview]) -> Vec<Result<AccessAnswer>> {
        let Some((first, rest)) = reviews.split_first() else { return Vec::new() };
        let mut answers = vec![self.review_one(first).await];
        if answers.iter().all(Result::is_ok) {
            let asked = stream::iter(rest.to_vec()).map(|review| async move { self.review_one(&review).await });
            let mut asked = asked.buffered(REVIEWS_AT_ONCE);
            while let Some(answer) = asked.next().await {
                let has_failed = answer.is_err();
                answers.push(answer);
                if has_failed {
                    break;
                }
            }
        }
        if let Some(Err(failure)) = answers.last() {
            let failure = failure.clone();
            answers.resize(reviews.len(), Err(failure));
        }
        answers
    }

    async fn review_one(&self, review: &AccessReview) -> Result<AccessAnswer> {
        let AccessReview { who, request } = review;
        let (resource_attributes, non_resource_attributes) = attributes(request);
        let spec = SubjectAccessReviewSpec {
            resource_attributes,
            non_resource_attributes,
            user: (!who.user.is_empty()).then(|| who.user.clone()),
            groups: Some(who.groups.iter().cloned().collect()),
            ..SubjectAccessReviewSpec::default()
        };
        let tried = "ask what somebody may do";
        let answered = self.ask_review(&SubjectAccessReview { spec, ..SubjectAccessReview::default() }, tried).await?;
        let Some(status) = answered.status else {
            let what = format!("{} gives no answer when we {tried}", self.api.link());
            return Err(Failure::new(FailureKind::BadAnswer, what));
        };
        let allowed = status.allowed && status.denied != Some(true);
        match status.evaluation_error.filter(|error| !error.is_empty()) {
            // An authorizer that could not be asked might have allowed it.
            Some(error) if !allowed => {
                let what =
                    format!("{} cannot say whether `{request}` is allowed: {}", self.api.link(), excerpt(&error));
                Err(Failure::new(FailureKind::Unavailable, what)
                    .with_next("see in the API server's log which of its authorizers fails, then run it again"))
            }
            _ => Ok(AccessAnswer { allowed, reason: excerpt(&status.reason.unwrap_or_default()) }),
        }
    }

    /// Everything that the API server says it serves, in whichever version: RBAC knows no versions. A group that does not
    /// answer, as one of an extension server that is down, makes the whole an error.
    pub async fn served(&self) -> Result<Vec<ServedResource>> {
        let tried = "list the API groups";
        let groups: Groups = self.document("", "apis", tried).await?;
        self.check_kind(&groups.kind, "APIGroupList", tried)?;
        let versions = groups.groups.into_iter().flat_map(|group| {
            let name = group.name;
            group.versions.into_iter().map(move |version| (name.clone(), version.version)).collect::<Vec<_>>()
        });
        let lists = stream::iter(std::iter::once((String::new(), "v1".to_owned())).chain(versions));
        let lists = lists.map(|(group, version)| async move { self.resources(group, &version).await });
        let served: Vec<Vec<ServedResource>> = lists.buffered(LISTS_AT_ONCE).try_collect().await?;
        let served: BTreeSet<ServedResource> = served.into_iter().flatten().collect();
        Ok(served.into_iter().collect())
    }

    async fn resources(&self, group: String, version: &str) -> Result<Vec<ServedResource>> {
        let (folder, name) = if group.is_empty() {
            ("/api".to_owned(), "v1".to_owned())
        } else {
            (format!("/apis/{group}"), version.to_owned())
        };
        let tried = format!("list the resources of {}", excerpt(folder.trim_start_matches("/apis/").trim_matches('/')));
        let list: Resources = self.document(&folder, &name, &tried).await?;
        self.check_kind(&list.kind, "APIResourceList", &tried)?;
        let served = list.resources.into_iter().map(|listed| {
            let (resource, subresource) = match listed.name.split_once('/') {
                Some((resource, subresource)) => (resource.to_owned(), Some(subresource.to_owned())),
                None => (listed.name, None),
            };
            ServedResource { group: group.clone(), resource, subresource, namespaced: listed.namespaced }
        });
        Ok(served.collect())
    }

    async fn document<T: serde::de::DeserializeOwned>(&self, folder: &str, name: &str, tried: &str) -> Result<T> {
        let found = self.api.get(folder, name).await.map_err(|error| error.into_failure(self.api.link(), tried))?;
        found.ok_or_else(|| {
            let what = format!("cannot {tried} on {}: it is not there (404)", self.api.link());
            Failure::new(FailureKind::NotFound, what).with_next("run it again")
        })
    }

    fn check_kind(&self, found: &str, expected: &str, tried: &str) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        let what = format!("cannot {tried} on {}: the answer is no {expected}", self.api.link());
        Err(Failure::new(FailureKind::BadAnswer, what))
    }
}

fn attributes(request: &Request) -> (Option<ResourceAttributes>, Option<NonResourceAttributes>) {
    match request {
        Request::Resource { verb, group, resource, subresource, namespace, name } => {
            let attributes = ResourceAttributes {
                verb: Some(verb.clone()),
                group: Some(group.clone()),
                resource: Some(resource.clone()),
                subresource: subresource.clone(),
                namespace: namespace.as_ref().map(ToString::to_string),
                name: name.clone(),
                ..ResourceAttributes::default()
            };
            (Some(attributes), None)
        }
        Request::Path { verb, path } => {
            (None, Some(NonResourceAttributes { verb: Some(verb.clone()), path: Some(path.clone()) }))
        }
    }
}
