//! Everything that rolecall can ask Graph to change, as one closed set.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::address::{EdgeList, MembershipRef, unique_name_key};
use super::batch::{Item, LARGEST_BATCH, Reply};
use super::{Connection, ReadClient};
use crate::providers::http::credential::Chain;
use crate::state::{ObjectId, Result};

/// The most references that one PATCH may add: <https://learn.microsoft.com/graph/api/group-post-members>, example 2.
pub(in super::super) const LARGEST_ADDITION: usize = 20;

/// One change to Graph. None of them may be sent twice without looking in between.
#[derive(Clone, Debug)]
pub(in super::super) enum Write {
    /// Creates the group with this alternate key, or, if it is there, rewrites its properties.
    CreateGroup {
        /// The immutable alternate key.
        unique_name: String,
        /// The other properties.
        properties: Map<String, Value>,
        /// Its first owner.
        owner: Option<ObjectId>,
    },
    /// Sets properties.
    UpdateGroup {
        /// The group.
        group: ObjectId,
        /// What to set.
        properties: Map<String, Value>,
    },
    /// Deletes a group; it can be restored for 30 days.
    DeleteGroup(ObjectId),
    /// Restores a deleted group, with its id, owners and members:
    /// <https://learn.microsoft.com/graph/api/directory-deleteditems-restore>.
    RestoreGroup(ObjectId),
    /// Adds up to [`LARGEST_ADDITION`] owners or members, all or none.
    AddAll {
        /// The group.
        group: ObjectId,
        /// Which list.
        list: EdgeList,
        /// Who.
        principals: Vec<ObjectId>,
    },
    /// Adds one owner or member.
    AddOne(MembershipRef),
    /// Removes one owner or member.
    RemoveOne(MembershipRef),
}

/// The result of a write.
pub(in super::super) type Written = Reply;

impl Write {
    fn item(&self, base: &str) -> Item {
        let object = |id: &ObjectId| format!("{base}/directoryObjects/{id}");
        let bind = |list: EdgeList, ids: &[ObjectId]| {
            (format!("{list}@odata.bind"), json!(ids.iter().map(object).collect::<Vec<_>>()))
        };
        let (method, relative, body) = match self {
            Self::CreateGroup { unique_name, properties, owner } => {
                let mut body = properties.clone();
                body.extend(owner.map(|owner| bind(EdgeList::Owners, &[owner])));
                (Method::PATCH, unique_name_key(unique_name), Some(Value::Object(body)))
            }
            Self::UpdateGroup { group, properties } => {
                (Method::PATCH, format!("/groups/{group}"), Some(Value::Object(properties.clone())))
            }
            Self::DeleteGroup(group) => (Method::DELETE, format!("/groups/{group}"), None),
            Self::RestoreGroup(group) => (Method::POST, format!("/directory/deletedItems/{group}/restore"), None),
            Self::AddAll { group, list, principals } => {
                let body = Map::from_iter([bind(*list, principals)]);
                (Method::PATCH, format!("/groups/{group}"), Some(Value::Object(body)))
            }
            Self::AddOne(edge) => {
                let body = json!({ "@odata.id": object(&edge.principal) });
                (Method::POST, format!("/groups/{}/{}/$ref", edge.group, edge.list), Some(body))
            }
            Self::RemoveOne(edge) => (Method::DELETE, edge.relative(), None),
        };
        let mut headers = BTreeMap::new();
        if body.is_some() {
            headers.insert("Content-Type", "application/json");
        }
        if let Self::CreateGroup { .. } = self {
            // Without it the request is an update of a group that is not there: 404.
            headers.insert("Prefer", "create-if-missing");
        }
        Item { method, relative, headers, body, repeatable: false }
    }
}

/// Reads, and sends what [`Write`] lists.
#[derive(Clone, Debug)]
pub(in super::super) struct WriteClient(ReadClient);

impl WriteClient {
    pub(in super::super) fn new(connection: &Connection, chain: Arc<Chain>) -> Result<Self> {
        ReadClient::new(connection, chain).map(Self)
    }

    /// For looking before and after.
    pub(in super::super) fn reader(&self) -> &ReadClient {
        &self.0
    }

    /// From now on reads wait for nothing once this holds true.
    pub(in super::super) fn heed(&self, interrupted: &watch::Receiver<bool>) {
        *self.0.0.interrupted.lock().unwrap_or_else(PoisonError::into_inner) = Some(interrupted.clone());
    }

    /// Sends up to [`WriteClient::AT_ONCE`] changes in one call. Results are in the order of the changes. Once
    /// `interrupted` holds true, what was not sent stays unsent.
    pub(in super::super) async fn write(&self, writes: &[Write], interrupted: &watch::Receiver<bool>) -> Vec<Written> {
        let core = &*self.0.0;
        let items: Vec<_> = writes.iter().map(|write| write.item(&core.base)).collect();
        core.batch(&items, Some(interrupted)).await
    }

    /// The most changes in one call.
    pub(in super::super) const AT_ONCE: usize = LARGEST_BATCH;
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "11111111-1111-4111-8111-111111111111";
    const USER: &str = "22222222-2222-4222-8222-222222222222";

    /// One of each; the compiler names this function when a new kind of write is added.
    fn one_of_each() -> Vec<Write> {
        let (group, user) = (GROUP.parse().unwrap(), USER.parse().unwrap());
        let edge = |list| MembershipRef { group, list, principal: user };
        let all = vec![
            Write::CreateGroup { unique_name: "rolecall.c.k".to_owned(), properties: Map::new(), owner: Some(user) },
            Write::UpdateGroup { group, properties: Map::new() },
            Write::DeleteGroup(group),
            Write::RestoreGroup(group),
            Write::AddAll { group, list: EdgeList::Members, principals: vec![user] },
            Write::AddOne(edge(EdgeList::Owners)),
            Write::RemoveOne(edge(EdgeList::Members)),
            Write::RemoveOne(edge(EdgeList::Owners)),
        ];
        for write in &all {
            match write {
                Write::CreateGroup { .. }
                | Write::UpdateGroup { .. }
                | Write::DeleteGroup(_)
                | Write::RestoreGroup(_)
                | Write::AddAll { .. }
                | Write::AddOne(_)
                | Write::RemoveOne(_) => {}
            }
        }
        all
    }

    #[test]
    fn a_delete_names_a_group_or_ends_in_ref() {
        let group = format!("/groups/{GROUP}");
        for write in one_of_each() {
            let item = write.item("https://graph.microsoft.com/v1.0");
            assert!(!item.repeatable);
            if item.method == Method::DELETE {
                assert!(item.relative == group || item.relative.ends_with("/$ref"), "{}", item.relative);
            }
            let is_restored = item.relative == format!("/directory/deletedItems/{GROUP}/restore");
            assert!(item.relative.starts_with("/groups") || is_restored, "{}", item.relative);
        }
    }

    #[test]
    fn nothing_else_in_the_provider_spells_a_change() {
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/providers/entra")];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
                let (path, name) = (entry.path(), entry.file_name());
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("client/write.rs") && name != "tests.rs" && name != "fake.rs" {
                    let source = fs_err::read_to_string(&path).unwrap();
                    let spells =
                        ["Method::DELETE", "Method::PATCH", "Method::PUT"].iter().find(|word| source.contains(**word));
                    assert!(spells.is_none(), "{} must leave {spells:?} to Write", path.display());
                    seen += 1;
                }
            }
        }
        assert!(seen > 15, "{seen} files");
    }

    #[test]
    fn the_upsert_carries_its_header_and_no_member() {
        let item = one_of_each()[0].item("https://graph.microsoft.com/v1.0");
        assert_eq!(item.headers["Prefer"], "create-if-missing");
        insta::assert_snapshot!(format!("{} {} {}", item.method, item.relative, item.body.unwrap()), @r#"PATCH /groups(uniqueName=%27rolecall.c.k%27) {"owners@odata.bind":["https://graph.microsoft.com/v1.0/directoryObjects/22222222-2222-4222-8222-222222222222"]}"#);
    }
}
