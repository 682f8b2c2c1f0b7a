//! The calls that change nothing.

use std::sync::PoisonError;

use bytes::Bytes;
use http::Method;
use jiff::SignedDuration;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SubjectAccessReview};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Call, CallError, Caller, NOT_A_SERVER, segment};
use crate::providers::kubernetes::link::Link;
use crate::state::{ClusterUid, Failure, FailureKind, Result, Usage};

/// How many objects one page of a list asks for.
const PAGE: u32 = 500;
/// How many pages a list may have.
const PAGES: usize = 10_000;
/// How often a list is begun again when its continue token has expired.
const RESTARTS: u32 = 3;

/// A review that only asks. The API server stores none of them, whatever the verb `POST` suggests.
pub(in crate::providers::kubernetes) trait Review:
    Serialize + DeserializeOwned + Sync
{
    /// Where it is posted.
    const PATH: &'static str;
}

impl Review for SelfSubjectReview {
    const PATH: &'static str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
}

impl Review for SelfSubjectAccessReview {
    const PATH: &'static str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
}

impl Review for SubjectAccessReview {
    const PATH: &'static str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
}

/// One page. Strict where Kubernetes' own types are lenient: `items` that are left out are no empty list.
#[derive(Deserialize)]
struct Page<T> {
    kind: String,
    #[serde(default)]
    metadata: ListMeta,
    items: Vec<T>,
}

/// Only what is needed of any object.
#[derive(Deserialize)]
struct Bare {
    metadata: ObjectMeta,
}

/// Only what is needed of `/version`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

/// A client that cannot change anything.
pub(in crate::providers::kubernetes) struct Reading {
    pub(super) caller: Caller,
}

impl Reading {
    pub(in crate::providers::kubernetes) fn new(link: Link) -> Self {
        Self { caller: Caller::new(link) }
    }

    pub(in crate::providers::kubernetes) fn link(&self) -> &Link {
        &self.caller.link
    }

    pub(in crate::providers::kubernetes) fn usage(&self) -> Usage {
        self.caller.usage()
    }

    /// One object; `None` when it is not there.
    pub(in crate::providers::kubernetes) async fn get<T: DeserializeOwned>(
        &self,
        collection: &str,
        name: &str,
    ) -> std::result::Result<Option<T>, CallError> {
        let target = format!("{collection}/{}", segment(name));
        match self.caller.call(&Call::get(target.clone())).await {
            Ok(body) => self.caller.decode(&body, &format!("get {target}")).map(Some),
            // A 404 without a reason is no answer about this object, but one of something in between.
            Err(CallError::Refused(refusal)) if refusal.code == 404 && refusal.reason == "NotFound" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every object of a collection, each handed to `take` as it comes, so that no page is kept longer than needed. A list
    /// that cannot be read whole is an error.
    pub(in crate::providers::kubernetes) async fn list<T: DeserializeOwned, R>(
        &self,
        collection: &str,
        kind: &str,
        take: impl Fn(T) -> Result<Option<R>> + Send + Sync,
    ) -> Result<Vec<R>> {
        let tried = format!("list {}", collection.rsplit('/').next().unwrap_or(collection));
        let mut restarts = 0;
        loop {
            match self.list_once(collection, kind, &tried, &take).await {
                // The token of a page that was fetched too late; what was read so far may no longer hold.
                Err(CallError::Refused(refusal)) if refusal.code == 410 && restarts < RESTARTS => restarts += 1,
                Err(CallError::Refused(refusal)) if refusal.code == 410 => {
                    let what =
                        format!("cannot {tried} on {}: it expires faster than it can be read (410)", self.link());
                    return Err(Failure::new(FailureKind::Unavailable, what).with_next("run again later"));
                }
                other => return other.map_err(|error| error.into_failure(self.link(), &tried)),
            }
        }
    }

    async fn list_once<T: DeserializeOwned, R>(
        &self,
        collection: &str,
        kind: &str,
        tried: &str,
        take: &(impl Fn(T) -> Result<Option<R>> + Send + Sync),
    ) -> std::result::Result<Vec<R>, CallError> {
        let odd = |what: &str| {
            let what = format!("cannot {tried} on {}: {what}", self.link());
            CallError::Odd(Failure::new(FailureKind::BadAnswer, what).with_next(NOT_A_SERVER))
        };
        let mut version: Option<String> = None;
        let mut results = Vec::new();
        let mut token = String::new();
        for _ in 0..PAGES {
            let mut target = format!("{collection}?limit={PAGE}");
            if !token.is_empty() {
                target = format!("{target}&continue={}", segment(&token));
            }
            let body = self.caller.call(&Call::get(target)).await?;
            let page: Page<T> = self.caller.decode(&body, tried)?;
            drop(body);
            if page.kind != kind {
                return Err(odd(&format!("the answer is no {kind}")));
            }
            // All pages of one list show the version of the first; a list without one comes from no API server.
            let shown = page.metadata.resource_version.filter(|version| !version.is_empty());
            let shown = shown.ok_or_else(|| odd("the list does not say of which resourceVersion it is"))?;
            if version.get_or_insert_with(|| shown.clone()) != &shown {
                return Err(odd("its pages are of different resourceVersions"));
            }
            for item in page.items {
                if let Some(result) = take(item).map_err(CallError::Odd)? {
                    results.push(result);
                }
            }
            let next = page.metadata.continue_.unwrap_or_default();
            if next.is_empty() {
                return match page.metadata.remaining_item_count {
                    Some(left) if left > 0 => Err(odd(&format!("the list was cut short, {left} objects are missing"))),
                    _ => Ok(results),
                };
            }
            if next == token {
                return Err(odd("the server gives the same page again and again"));
            }
            token = next;
        }
        Err(odd(&format!("the list has more than {PAGES} pages")))
    }

    /// Asks the API server something.
    pub(in crate::providers::kubernetes) async fn review<T: Review>(
        &self,
        review: &T,
        tried: &str,
    ) -> std::result::Result<T, CallError> {
        let body = serde_json::to_vec(review).map_err(|error| {
            CallError::NotSent(Failure::new(FailureKind::Invalid, format!("cannot {tried}: {error}")))
        })?;
        let call = Call {
            method: Method::POST,
            target: T::PATH.to_owned(),
            content_type: Some("application/json"),
            body: Bytes::from(body),
            repeatable: true,
        };
        let body = self.caller.call(&call).await?;
        self.caller.decode(&body, tried)
    }

    /// What the server says of its own version.
    pub(in crate::providers::kubernetes) async fn version(&self) -> Result<String> {
        let tried = "get the server's version";
        let found: Option<Version> =
            self.get("", "version").await.map_err(|error| error.into_failure(self.link(), tried))?;
        found.map(|version| version.git_version).ok_or_else(|| {
            Failure::new(FailureKind::BadAnswer, format!("{} does not say which version it is", self.link()))
        })
    }

    /// How far the server's clock is ahead of ours, by its last answer.
    pub(in crate::providers::kubernetes) fn ahead(&self) -> Option<SignedDuration> {
        *self.caller.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The uid of `kube-system`, which names the cluster.
    pub(in crate::providers::kubernetes) async fn cluster_uid(&self) -> Result<ClusterUid> {
        let tried = "get the namespace kube-system (its uid names the cluster)";
        let found: Option<Bare> = self
            .get("/api/v1/namespaces", "kube-system")
            .await
            .map_err(|error| error.into_failure(self.link(), tried))?;
        let Some(namespace) = found else {
            let what = format!("{} has no namespace kube-system, whose uid names a cluster", self.link());
            return Err(Failure::new(FailureKind::WrongTarget, what));
        };
        namespace.metadata.uid.unwrap_or_default().parse().map_err(|error| {
            let what = format!("the namespace kube-system of {} has no usable uid: {error}", self.link());
            Failure::new(FailureKind::BadAnswer, what)
        })
    }

    /// Checks that this is the cluster that the files, or the plan, mean.
    pub(in crate::providers::kubernetes) fn check_cluster(
        &self,
        found: ClusterUid,
        expected: ClusterUid,
    ) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        let what = format!("{} is another cluster: its uid is {found}, and {expected} is expected", self.link());
        Err(Failure::new(FailureKind::WrongTarget, what).with_next(
            "point the context at the right cluster; if the cluster was rebuilt, set `cluster:` of the environment to the new uid",
        ))
    }
}
