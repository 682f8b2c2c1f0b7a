//! Observing a tenant in as few calls as it takes.

use std::sync::Arc;

use async_trait::async_trait;

use self::directory::LookUp;
use self::edges::{Doubtful, Edges, Live};
use self::groups::Unlisted;
use self::lookalikes::Lookalikes;
use self::names::Names;
use super::Connection;
use super::client::{EdgeList, Path, ReadClient};
use crate::providers::Reader;
use crate::providers::http::credential::{Chain, Claims};
use crate::state::{
    Failure, FailureKind, GroupAnswer, GroupQuestion, OwnIdentity, Result, Tenant, TenantId, TenantQuery, Usage,
};

mod above;
mod audit;
mod checkup;
mod directory;
pub(super) mod edges;
mod everybody;
mod groups;
mod inside;
mod lookalikes;
mod names;
mod people;
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
        let client = &self.client;

        // What is there; then who is in it, and what is not where it was expected; then who the rest are. Whatever does not
        // need to know of the other goes together.
        let mut found = groups::list(client, query).await?;
        let (mut edges, mut unlisted) = (Edges::of(found.records()), Unlisted::of(query, &found));
        let mut lookalikes = Lookalikes::of(query, &found);
        let Unlisted { by_unique_name, others } = &mut unlisted;
        client.read(&mut [&mut edges.lists, by_unique_name, others, &mut lookalikes.lists]).await;
        let late = unlisted.finish(client, query, &mut found)?;
        let mut late_edges = Edges::of(late.values().map(|record| (record.id, record.clone())).collect());
        found.marked.extend(late);
        let mut late_lookalikes = lookalikes.besides(query, &found);
        client.read(&mut [&mut late_edges.lists, &mut late_lookalikes.lists]).await;
        let (keys, mut live) = (found.keys(query), Live::default());
        edges.finish(client, &keys, &mut live)?;
        late_edges.finish(client, &keys, &mut live)?;
        let mut names = Names::new(&query.principals, &live, &keys);
        let Live { groups: mut live, listless, .. } = live;
        let mut doubtful = Doubtful::of(&listless);
        let mut lookalikes = lookalikes.finish(late_lookalikes, client, &live)?;
        let LookUp { users, mails, apps, groups } = &mut names.look_up;
        client.read(&mut [users, mails, apps, groups, &mut lookalikes.owners, &mut doubtful.looked_up]).await;
        doubtful.finish(client, &live)?;
        let (directory, by_display_name) = (names.finish(client)?, lookalikes.finish(query, &live)?);

        let by_id = found.by_id.keys().map(|id| (*id, live.get(id).cloned())).collect();
        // Moved, so that a large tenant is not held twice; a group carries one mark.
        let marked = found.marked.iter().filter_map(|(key, record)| Some((key.clone(), live.remove(&record.id)?)));
        let marked = marked.collect();
        Ok(Tenant {
            id: self.tenant,
            domain: found.domain,
            identity,
            marked,
            by_id,
            directory,
            deleted: found.deleted,
            deleted_unreadable: found.deleted_unreadable,
            by_display_name,
            other_configs: found.other_configs,
        })
    }

    async fn ask(&self, questions: &[GroupQuestion]) -> Vec<Result<GroupAnswer>> {
        let (mut of_privileged, mut of_above) = (Vec::new(), Vec::new());
        let (mut of_members, mut of_direct) = (Vec::new(), Vec::new());
        for question in questions {
            match question {
                GroupQuestion::Privileged(id) => of_privileged.push(*id),
                GroupQuestion::Above(id) => of_above.push(*id),
                GroupQuestion::Members(id) => of_members.push(*id),
                GroupQuestion::Direct(id) => of_direct.push(*id),
            }
        }
        let (mut privileged, mut above) = (privileged::lists(&of_privileged), above::lists(&of_above));
        let mut inside = inside::lists(&of_members, Path::inside);
        let mut direct = inside::lists(&of_direct, |id| Path::list(id, EdgeList::Members));
        self.client.read(&mut [&mut privileged, &mut above, &mut inside, &mut direct]).await;
        let mut above = above::answers(&self.client, &of_above, above).into_iter();
        let mut inside = inside::answers(&self.client, &of_members, inside).into_iter();
        let mut direct = inside::answers(&self.client, &of_direct, direct).into_iter();
        let mut privileged: Vec<Result<GroupAnswer>> = match privileged::answers(&self.client, privileged) {
            Ok(answers) => answers.into_iter().map(|members| Ok(GroupAnswer::Privileged(members))).collect(),
            Err(failure) => of_privileged.iter().map(|_| Err(failure.clone())).collect(),
        };
        let mut privileged = privileged.drain(..);
        let answers = questions.iter().map(|question| match question {
            GroupQuestion::Privileged(_) => privileged.next(),
            GroupQuestion::Above(_) => above.next().map(|above| Ok(GroupAnswer::Above(above))),
            GroupQuestion::Members(_) => inside.next().map(|inside| Ok(GroupAnswer::Members(inside))),
            GroupQuestion::Direct(_) => direct.next().map(|direct| Ok(GroupAnswer::Direct(direct))),
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
