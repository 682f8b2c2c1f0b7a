//! Observing a tenant in as few calls as it takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::Connection;
use super::client::ReadClient;
use crate::providers::Reader;
use crate::providers::http::credential::{Chain, Claims};
use crate::state::{
    Failure, FailureKind, GroupAnswer, GroupQuestion, ObjectId, OwnIdentity, Result, Tenant, TenantId, TenantQuery,
    Usage,
};

mod above;
mod checkup;
mod directory;
pub(super) mod edges;
mod groups;
mod lookalikes;
mod names;
mod privileged;

/// Reads Entra. It sends GET, `$batch` of GET and token requests, and nothing else.
#[derive(Debug)]
pub struct EntraReader {
    client: ReadClient,
    tenant: TenantId,
}

impl EntraReader {
    /// A reader for the connection's tenant.
    ///
    /// # Errors
    /// When the credentials are for another tenant.
    pub fn new(connection: &Connection, chain: Arc<Chain>) -> Result<Self> {
        Ok(Self { client: ReadClient::new(connection, chain)?, tenant: connection.tenant })
    }
}

#[async_trait]
impl Reader for EntraReader {
    type Query = TenantQuery;
    type Snapshot = Tenant;
    type Question = GroupQuestion;
    type Answer = GroupAnswer;

    async fn observe(&self, query: &TenantQuery) -> Result<Tenant> {
        if query.tenant != self.tenant {
            return Err(Failure::new(
                FailureKind::WrongTarget,
                format!("the config is for tenant {}, the connection for {}", query.tenant, self.tenant),
            ));
        }
        let identity = own_identity(&self.client.claims().await?);
        let found = groups::find(&self.client, query).await?;
        let keys = found.keys(query);
        let (live, guests) = edges::read(&self.client, found.records(), &keys).await?;
        let (directory, by_display_name) = futures::try_join!(
            names::resolve(&self.client, &query.principals, &live, &guests, &keys),
            lookalikes::find(&self.client, query, &found, &live),
        )?;
        let of = |id: &ObjectId| live.get(id).cloned();
        Ok(Tenant {
            id: self.tenant,
            domain: found.domain,
            identity,
            marked: found.marked.iter().filter_map(|(key, record)| Some((key.clone(), of(&record.id)?))).collect(),
            by_id: found.by_id.keys().map(|id| (*id, of(id))).collect(),
            directory,
            deleted: found.deleted,
            deleted_unreadable: found.deleted_unreadable,
            by_display_name,
            other_configs: found.other_configs,
            privileged: BTreeMap::new(),
            above: BTreeMap::new(),
        })
    }

    async fn ask(&self, questions: &[GroupQuestion]) -> Vec<Result<GroupAnswer>> {
        let (mut of_members, mut of_above) = (Vec::new(), Vec::new());
        for question in questions {
            match question {
                GroupQuestion::Privileged(id) => of_members.push(*id),
                GroupQuestion::Above(id) => of_above.push(*id),
            }
        }
        let (privileged, above) =
            futures::join!(privileged::read(&self.client, &of_members), above::read(&self.client, &of_above));
        let mut privileged: Vec<Result<GroupAnswer>> = match privileged {
            Ok(answers) => answers.into_iter().map(|members| Ok(GroupAnswer::Privileged(members))).collect(),
            Err(failure) => of_members.iter().map(|_| Err(failure.clone())).collect(),
        };
        let (mut privileged, mut above) = (privileged.drain(..), above.into_iter());
        let answers = questions.iter().map(|question| match question {
            GroupQuestion::Privileged(_) => privileged.next(),
            GroupQuestion::Above(_) => above.next().map(|above| Ok(GroupAnswer::Above(above))),
        });
        let missing = || Err(Failure::new(FailureKind::BadAnswer, "a question has no answer"));
        answers.map(|answer| answer.unwrap_or_else(missing)).collect()
    }

    fn usage(&self) -> Usage {
        self.client.usage()
    }
}

fn own_identity(claims: &Claims) -> OwnIdentity {
    OwnIdentity { id: claims.id, app: claims.app, label: claims.label() }
}

#[cfg(test)]
mod tests;
