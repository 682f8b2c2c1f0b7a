//! Ids that were only promised: a group that the plan itself creates has its id once that is done.

use std::collections::{BTreeMap, BTreeSet};

use crate::state::{Change, Edge, GroupKey, Identity, ObjectId, Operation, Resource, SubjectName};

/// The groups whose ids this change waits for.
pub fn promised(change: &Change) -> BTreeSet<GroupKey> {
    change.before().into_iter().chain(change.after()).flat_map(promised_by).collect()
}

/// The change with every promised id filled in, or the first group whose id is not among those created.
pub fn fill(mut change: Change, created: &BTreeMap<GroupKey, ObjectId>) -> Result<Change, GroupKey> {
    match &mut change.operation {
        Operation::Create { after } | Operation::Restore { after } => fill_resource(after, created),
        Operation::Update { before, after } => {
            fill_resource(before, created);
            fill_resource(after, created);
        }
        Operation::Delete { before } => fill_resource(before, created),
    }
    match promised(&change).pop_first() {
        None => Ok(change),
        Some(missing) => Err(missing),
    }
}

fn promised_by(resource: &Resource) -> Vec<GroupKey> {
    match resource {
        // A group to create waits for nothing: its own id is what its creation brings.
        Resource::Group(_) | Resource::Role(_) => Vec::new(),
        Resource::Owner(edge) | Resource::Member(edge) => {
            [&edge.group_id, &edge.principal_id].into_iter().filter_map(promised_identity).cloned().collect()
        }
        Resource::Binding(binding) => binding
            .subjects
            .iter()
            .filter_map(|subject| match &subject.name {
                SubjectName::Known(_) => None,
                SubjectName::AfterApply { group, .. } => Some(group.clone()),
            })
            .collect(),
    }
}

fn promised_identity(identity: &Identity) -> Option<&GroupKey> {
    match identity {
        Identity::Known(_) => None,
        Identity::AfterApply(key) => Some(key),
    }
}

fn fill_resource(resource: &mut Resource, created: &BTreeMap<GroupKey, ObjectId>) {
    match resource {
        Resource::Group(_) | Resource::Role(_) => {}
        Resource::Owner(edge) | Resource::Member(edge) => fill_edge(edge, created),
        Resource::Binding(binding) => {
            for subject in &mut binding.subjects {
                if let SubjectName::AfterApply { prefix, group } = &subject.name
                    && let Some(id) = created.get(group)
                {
                    subject.name = SubjectName::Known(format!("{prefix}{id}"));
                }
            }
        }
    }
}

fn fill_edge(edge: &mut Edge, created: &BTreeMap<GroupKey, ObjectId>) {
    for identity in [&mut edge.group_id, &mut edge.principal_id] {
        if let Identity::AfterApply(key) = identity
            && let Some(id) = created.get(key)
        {
            *identity = Identity::Known(*id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::tests::{binding, key, member, nested_group};

    fn id(text: &str) -> ObjectId {
        text.parse().unwrap()
    }

    #[test]
    fn both_ends_of_an_edge_are_filled() {
        let change = nested_group("outer", "inner");
        assert_eq!(promised(&change), [key("inner"), key("outer")].into());

        let outer = id("00000000-0000-0000-0000-000000000001");
        let inner = id("00000000-0000-0000-0000-000000000002");
        let filled = fill(change, &[(key("outer"), outer), (key("inner"), inner)].into()).unwrap();
        let Some(Resource::Member(edge)) = filled.after() else { panic!("a member stays a member") };
        assert_eq!((edge.group_id.known(), edge.principal_id.known()), (Some(outer), Some(inner)));
    }

    #[test]
    fn a_subject_keeps_its_prefix() {
        let sre = id("0f3c0000-0000-0000-0000-000000000001");
        let filled = fill(binding("alpha", "sre-view", "sre"), &[(key("sre"), sre)].into()).unwrap();
        let Some(Resource::Binding(filled)) = filled.after() else { panic!("a binding stays a binding") };
        assert_eq!(
            filled.subjects.iter().map(|subject| subject.name.clone()).collect::<Vec<_>>(),
            [SubjectName::Known(format!("oidc:{sre}"))]
        );
    }

    #[test]
    fn an_id_that_nobody_brought_is_named() {
        assert_eq!(fill(member("sre", "erin@contoso.com"), &BTreeMap::new()), Err(key("sre")));
    }
}
