//! The calls that change something. Each carries a precondition, so that none can hit another version of an object than
//! the one that was read.

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Call, CallError, Reading, segment};
use crate::providers::kubernetes::link::Link;
use crate::state::mark;

/// As whom we write, and that a key which the server does not know is a mistake.
const MANAGED: &str = "fieldManager=rolecall&fieldValidation=Strict";

/// A client that can apply and delete.
pub(in crate::providers::kubernetes) struct Writing {
    pub(in crate::providers::kubernetes) reading: Reading,
}

impl Writing {
    pub(in crate::providers::kubernetes) fn new(link: Link) -> Self {
        Self { reading: Reading::new(link) }
    }

    /// Server-side apply as our field manager. `force` takes fields from other managers.
    pub(in crate::providers::kubernetes) async fn apply<T: DeserializeOwned>(
        &self,
        collection: &str,
        name: &str,
        body: &impl Serialize,
        force: bool,
    ) -> Result<T, CallError> {
        let target = format!(
            "{collection}/{}?fieldManager={}&fieldValidation=Strict&force={force}",
            segment(name),
            mark::MANAGER
        );
        let call = Call {
            method: Method::PATCH,
            target,
            content_type: Some("application/apply-patch+yaml"),
            body: self.encode(body)?,
            repeatable: false,
        };
        let answer = self.reading.caller.call(&call).await?;
        self.reading.caller.decode(&answer, &format!("apply {collection}/{name}"))
    }

    /// Makes an object that is not there.
    pub(in crate::providers::kubernetes) async fn create<T: DeserializeOwned>(
        &self,
        collection: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        self.send(Method::POST, format!("{collection}?{MANAGED}"), body, &format!("create in {collection}")).await
    }

    /// Puts an object in the place of exactly the version that the body names.
    pub(in crate::providers::kubernetes) async fn replace<T: DeserializeOwned>(
        &self,
        collection: &str,
        name: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let target = format!("{collection}/{}?{MANAGED}", segment(name));
        self.send(Method::PUT, target, body, &format!("replace {collection}/{name}")).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        target: String,
        body: &impl Serialize,
        tried: &str,
    ) -> Result<T, CallError> {
        let (content_type, body) = (Some("application/json"), self.encode(body)?);
        let call = Call { method, target, content_type, body, repeatable: false };
        let answer = self.reading.caller.call(&call).await?;
        self.reading.caller.decode(&answer, tried)
    }

    /// Takes the aggregation rule away from exactly this version of a cluster role. Apply cannot do it: a field that another
    /// manager set stays when it is left out, and stays even when it is applied as null.
    pub(in crate::providers::kubernetes) async fn stop_aggregation<T: DeserializeOwned>(
        &self,
        collection: &str,
        name: &str,
        uid: &str,
        resource_version: &str,
    ) -> Result<T, CallError> {
        let patch = json!({ "metadata": { "uid": uid, "resourceVersion": resource_version }, "aggregationRule": null });
        let call = Call {
            method: Method::PATCH,
            target: format!("{collection}/{}?fieldManager={}&fieldValidation=Strict", segment(name), mark::MANAGER),
            content_type: Some("application/merge-patch+json"),
            body: self.encode(&patch)?,
            repeatable: false,
        };
        let answer = self.reading.caller.call(&call).await?;
        self.reading.caller.decode(&answer, &format!("patch {collection}/{name}"))
    }

    /// Deletes exactly this version of this object. The answer is a `Status`, or the object when something holds it.
    pub(in crate::providers::kubernetes) async fn delete(
        &self,
        collection: &str,
        name: &str,
        uid: &str,
        resource_version: &str,
    ) -> Result<Value, CallError> {
        let options = json!({
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "preconditions": { "uid": uid, "resourceVersion": resource_version },
        });
        let call = Call {
            method: Method::DELETE,
            target: format!("{collection}/{}", segment(name)),
            content_type: Some("application/json"),
            body: self.encode(&options)?,
            repeatable: false,
        };
        let answer = self.reading.caller.call(&call).await?;
        self.reading.caller.decode(&answer, &format!("delete {collection}/{name}"))
    }

    fn encode(&self, body: &impl Serialize) -> Result<Bytes, CallError> {
        serde_json::to_vec(body).map(Bytes::from).map_err(|error| {
            let what = format!("cannot write a request for {}: {error}", self.reading.link());
            CallError::NotSent(crate::state::Failure::new(crate::state::FailureKind::Invalid, what))
        })
    }
}
