//! Who owns and who is in a group: uncast, because the cast form of these lists reads an index that lags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::people::{People, Principals};
use crate::providers::entra::client::{EdgeList, Lists, Path, Permission, Problem, ReadClient, Singles};
use crate::providers::entra::model::{GroupRecord, PRINCIPAL_PROPERTIES, PrincipalRecord};
use crate::state::{Failure, FailureKind, GroupKey, LiveGroup, LivePrincipal, ObjectId, Result};

/// The list of one group, as a thing to read.
pub(in crate::providers::entra) fn path(group: ObjectId, list: EdgeList) -> Path {
    Path::list(group, list).select(PRINCIPAL_PROPERTIES).largest_pages()
}

/// The owners and members of groups, to be read.
pub(super) struct Edges {
    records: BTreeMap<ObjectId, GroupRecord>,
    /// Two for each record, in their order.
    pub(super) lists: Lists<PrincipalRecord, Arc<PrincipalRecord>>,
}

/// What was read of groups.
#[derive(Default)]
pub(super) struct Live {
    pub(super) groups: BTreeMap<ObjectId, LiveGroup>,
    /// The guests among owners and members who have accepted their invitation.
    pub(super) guests: BTreeSet<ObjectId>,
    /// Groups that were listed, and neither of whose lists is there.
    pub(super) listless: Vec<GroupRecord>,
}

/// Groups that were listed, and neither of whose lists is there: deleted since, or so new that not every server of Entra knows
/// them. To be looked up once more.
pub(super) struct Doubtful {
    /// The group of each look-up, and what it is called.
    of: Vec<(ObjectId, String)>,
    pub(super) looked_up: Singles,
}

impl Doubtful {
    pub(super) fn of(listless: &[GroupRecord]) -> Self {
        let mut of = Vec::new();
        let mut paths = Vec::new();
        for record in listless {
            let by_key = record.unique_name.as_deref().map(Path::group_by_unique_name);
            for path in [Path::group(record.id)].into_iter().chain(by_key) {
                of.push((record.id, label(record)));
                paths.push(path.select("id"));
            }
        }
        Self { of, looked_up: Singles::new(paths) }
    }

    /// A group is gone only if no look-up finds it and nothing that was read has it: what is taken for gone is planned anew,
    /// and taken out of what it is in.
    ///
    /// # Errors
    /// When it cannot be told.
    pub(super) fn finish(self, client: &ReadClient, live: &BTreeMap<ObjectId, LiveGroup>) -> Result<()> {
        for ((id, label), answer) in self.of.into_iter().zip(self.looked_up.finish()) {
            match answer {
                Err(problem) if !gone(&problem) => {
                    return Err(client.failure(problem, &format!("looking for {label}"), Permission::ReadGroups));
                }
                Err(_) if !live.values().any(|group| group.members.iter().any(|member| member.id == id)) => {}
                Ok(_) | Err(_) => {
                    let what = format!(
                        "Entra lists {label} and says that it has neither owners nor members: it was made or deleted a \
                         moment ago, and not every server of Entra knows that yet"
                    );
                    return Err(Failure::new(FailureKind::Conflict, what).with_next("run it again"));
                }
            }
        }
        Ok(())
    }
}

impl Edges {
    pub(super) fn of(records: BTreeMap<ObjectId, GroupRecord>) -> Self {
        let ids = records.keys();
        let paths: Vec<_> = ids.flat_map(|id| [path(*id, EdgeList::Owners), path(*id, EdgeList::Members)]).collect();
        let mut people = People::default();
        Self { lists: Lists::keeping(&paths, move |record| people.share(record)), records }
    }

    /// Adds the groups with their owners and members. One that was listed and has no lists is left out, and said to be so.
    pub(super) fn finish(
        self,
        client: &ReadClient,
        keys: &BTreeMap<ObjectId, GroupKey>,
        live: &mut Live,
    ) -> Result<()> {
        let mut lists = self.lists.finish().into_iter();
        let mut principals = Principals::new(keys);
        for (id, record) in self.records {
            let label = label(&record);
            let (owners, members) = match (lists.next(), lists.next()) {
                (Some(Ok(owners)), Some(Ok(members))) => (owners, members),
                (Some(Err(owners)), Some(Err(members))) if gone(&owners) && gone(&members) => {
                    live.listless.push(record);
                    continue;
                }
                (Some(Err(problem)), Some(Ok(_))) | (Some(Ok(_)), Some(Err(problem))) if gone(&problem) => {
                    return Err(Failure::new(FailureKind::Conflict, format!("{label} was deleted while it was read"))
                        .with_next("run it again"));
                }
                (Some(Err(problem)), _) | (_, Some(Err(problem))) => {
                    return Err(client.failure(problem, &format!("reading {label}"), Permission::ReadGroups));
                }
                (None, _) | (_, None) => {
                    let what = format!("{label} has no list of owners or members");
                    return Err(Failure::new(FailureKind::BadAnswer, what));
                }
            };
            let mut convert = |records: Vec<Arc<PrincipalRecord>>| -> Vec<LivePrincipal> {
                records.into_iter().map(|record| principals.of(record, &mut live.guests)).collect()
            };
            let (owners, members) = (convert(owners), convert(members));
            let group = record.into_live(owners, members).ok_or_else(|| unreadable(&label))?;
            live.groups.insert(id, group);
        }
        Ok(())
    }
}

fn label(record: &GroupRecord) -> String {
    format!("group `{}` ({})", record.display_name.as_deref().unwrap_or("?"), record.id)
}

fn gone(problem: &Problem) -> bool {
    problem.status() == Some(404)
}

fn unreadable(label: &str) -> Failure {
    Failure::new(FailureKind::Forbidden, format!("{label} has properties that may not be read"))
        .with_next(format!("give the application permission `{}`, with admin consent", Permission::ReadGroups.name()))
}
