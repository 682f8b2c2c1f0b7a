//! Entra.

use std::collections::BTreeMap;

use super::{Pen, WHY_IS_HIDDEN, time, unread};
use crate::state::{
    Above, ConfigName, DeletedGroup, GroupAnswers, GroupKey, GroupSummary, Inside, LiveGroup, ObjectId, OuterGroup,
    OwnIdentity, PrivilegedMembers, Resolution, Tenant, mark,
};

impl Pen<'_> {
    pub(super) fn tenant(&self, tenant: Tenant) -> Tenant {
        let Tenant {
            id,
            domain,
            identity,
            marked,
            by_id,
            directory,
            deleted,
            deleted_unreadable,
            by_display_name,
            other_configs,
        } = tenant;
        let OwnIdentity { id: own, app, label } = identity;
        // Names of other kinds than those of the files are not looked up.
        let directory = directory.into_iter().filter(|(name, _)| self.name(name) == *name);
        Tenant {
            id,
            domain: domain.filter(|domain| self.public.has_domain(domain)),
            identity: OwnIdentity {
                id: self.id(own),
                app: app.map(|app| self.app(app)),
                label: self.word("identity", &label),
            },
            marked: marked.iter().map(|(key, group)| (key.clone(), self.group(group, Some(key)))).collect(),
            by_id: by_id
                .iter()
                .map(|(id, group)| (self.id(*id), group.as_ref().map(|group| self.group(group, None))))
                .collect(),
            directory: directory.map(|(name, resolution)| (name, self.resolution(resolution))).collect(),
            deleted: deleted
                .iter()
                .map(|(key, several)| {
                    let mut several: Vec<_> = several.iter().map(|group| self.deleted(group, key)).collect();
                    several.sort_by_key(|group| group.id);
                    (key.clone(), several)
                })
                .collect(),
            deleted_unreadable: deleted_unreadable.as_ref().map(unread),
            by_display_name: by_display_name
                .iter()
                .map(|(name, several)| {
                    let mut several: Vec<_> = several.iter().map(|group| self.summary(group)).collect();
                    several.sort_by_key(|group| group.id);
                    (self.word("group", name), several)
                })
                .collect(),
            other_configs: other_configs.iter().map(|config| self.word("config", config)).collect(),
        }
    }

    /// A live group; with the key in its mark, where it is one of ours.
    fn group(&self, group: &LiveGroup, key: Option<&GroupKey>) -> LiveGroup {
        let LiveGroup {
            id,
            display_name,
            description,
            mail_nickname,
            unique_name,
            kind,
            role_assignable,
            owners,
            members,
        } = group;
        LiveGroup {
            id: self.id(*id),
            display_name: self.display_name(display_name, key),
            description: description.as_deref().map(|text| self.word("text", text)),
            mail_nickname: mail_nickname.as_deref().map(|name| self.nickname(name, unique_name.as_deref())),
            unique_name: unique_name.as_deref().map(|name| self.unique_name(name)),
            kind: *kind,
            role_assignable: *role_assignable,
            owners: self.principals(owners),
            members: self.principals(members),
        }
    }

    /// A group of ours is called by its key unless the files say otherwise.
    fn display_name(&self, name: &str, key: Option<&GroupKey>) -> String {
        if key.is_some_and(|key| key.as_str() == name) { name.to_owned() } else { self.word("group", name) }
    }

    /// The config and the key of a mark: those of this config are of the files, now or before.
    fn ours(&self, unique_name: &str) -> Option<(ConfigName, GroupKey)> {
        mark::parse_unique_name(unique_name).filter(|(config, _)| self.public.has(config.as_str()))
    }

    fn unique_name(&self, name: &str) -> String {
        match mark::parse_unique_name(name) {
            Some(_) if self.ours(name).is_some() => name.to_owned(),
            // That it is of another config is told; of which one is not.
            Some((config, key)) => format!(
                "{}{}.key-{}",
                mark::UNIQUE_NAME_PREFIX,
                self.word("config", config.as_str()),
                self.tag(key.as_str())
            ),
            None => self.word("name", name),
        }
    }

    fn nickname(&self, nickname: &str, unique_name: Option<&str>) -> String {
        let usual =
            unique_name.and_then(|name| self.ours(name)).map(|(config, key)| mark::mail_nickname(&config, &key));
        if usual.as_deref() == Some(nickname) { nickname.to_owned() } else { self.word("nickname", nickname) }
    }

    fn deleted(&self, group: &DeletedGroup, key: &GroupKey) -> DeletedGroup {
        let DeletedGroup { id, display_name, description, mail_nickname, kind, deleted } = group;
        let usual = |nickname: &&String| mark::mail_nickname(self.config, key) == **nickname;
        DeletedGroup {
            id: self.id(*id),
            display_name: self.display_name(display_name, Some(key)),
            description: description.as_deref().map(|text| self.word("text", text)),
            mail_nickname: match mail_nickname {
                Some(nickname) if usual(&nickname) => Some(nickname.clone()),
                other => other.as_deref().map(|nickname| self.word("nickname", nickname)),
            },
            kind: *kind,
            deleted: time(deleted.as_ref()),
        }
    }

    fn summary(&self, group: &GroupSummary) -> GroupSummary {
        let GroupSummary { id, display_name, unique_name, kind, created, owners } = group;
        let mut owners: Vec<String> = owners.iter().map(|owner| self.word("owner", owner)).collect();
        owners.sort();
        GroupSummary {
            id: self.id(*id),
            display_name: self.word("group", display_name),
            unique_name: unique_name.as_deref().map(|name| self.unique_name(name)),
            kind: *kind,
            created: time(created.as_ref()),
            owners,
        }
    }

    fn resolution(&self, resolution: Resolution) -> Resolution {
        match resolution {
            Resolution::Found(live) => Resolution::Found(self.principal(&live)),
            Resolution::Ambiguous(several) => Resolution::Ambiguous(self.principals(&several)),
            // A reason is of our own words; the name that was meant is not.
            Resolution::Missing { reason, suggestion } => {
                Resolution::Missing { reason, suggestion: suggestion.filter(|name| self.public.has(name)) }
            }
            Resolution::NotInSnapshot => Resolution::NotInSnapshot,
        }
    }

    pub(super) fn of_groups(&self, answers: GroupAnswers) -> GroupAnswers {
        let GroupAnswers { privileged, above, inside, direct } = answers;
        let hidden = || WHY_IS_HIDDEN.to_owned();
        let privileged = privileged.into_iter().map(|(id, members)| {
            let members = match members {
                PrivilegedMembers::Active(ids) => {
                    PrivilegedMembers::Active(ids.into_iter().map(|id| self.id(id)).collect())
                }
                PrivilegedMembers::Unreadable(_) => PrivilegedMembers::Unreadable(hidden()),
            };
            (self.id(id), members)
        });
        let above = above.into_iter().map(|(id, above)| {
            let above = match above {
                Above::Read(outer) => Above::Read(self.outer(&outer)),
                Above::Unreadable(_) => Above::Unreadable(hidden()),
            };
            (self.id(id), above)
        });
        GroupAnswers {
            privileged: privileged.collect(),
            above: above.collect(),
            inside: self.inside(inside),
            direct: self.inside(direct),
        }
    }

    fn outer(&self, outer: &[OuterGroup]) -> Vec<OuterGroup> {
        let outer = outer.iter().map(|OuterGroup { id, display_name }| OuterGroup {
            id: self.id(*id),
            display_name: self.word("group", display_name),
        });
        let mut outer: Vec<OuterGroup> = outer.collect();
        outer.sort();
        outer
    }

    fn inside(&self, lists: BTreeMap<ObjectId, Inside>) -> BTreeMap<ObjectId, Inside> {
        let lists = lists.into_iter().map(|(id, inside)| {
            let inside = match inside {
                Inside::Read(members) => Inside::Read(self.principals(&members)),
                Inside::Missing => Inside::Missing,
                Inside::Unreadable(_) => Inside::Unreadable(WHY_IS_HIDDEN.to_owned()),
            };
            (self.id(id), inside)
        });
        lists.collect()
    }
}
