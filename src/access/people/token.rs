//! What a token says of somebody, and what a cluster calls whom.

use std::collections::BTreeMap;

use super::{Group, People, Person, Step, Ways, Who};
use crate::access::Caller;
use crate::state::{
    DesiredEnvironment, GroupKind, GroupNaming, GroupsClaim, Identity, ObjectId, PrincipalKind, Subject, SubjectKind,
    SubjectName, TokenNaming, UserNaming,
};

/// How many groups a token carries; of whoever is in more it carries none.
pub const GROUPS_IN_A_TOKEN: usize = 200;

/// What a token says of somebody on a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// As whom the API server sees them.
    pub caller: Caller,
    /// The groups that it carries, by the name that the cluster has for them.
    pub groups: BTreeMap<Identity, SubjectName>,
    /// Why it carries none of the groups that they are in, where that is so.
    pub without_groups: Option<WithoutGroups>,
}

/// Why a token carries no groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WithoutGroups {
    /// It is that of an app: those never do.
    Application,
    /// They are in at least so many, which is more than [`GROUPS_IN_A_TOKEN`].
    Overage(usize),
}

impl<'a> People<'a> {
    /// What the token of somebody says on a cluster, who is in these groups.
    pub fn token(&self, who: &Who, ways: &Ways<'_>, environment: &DesiredEnvironment) -> Token {
        let tokens = &environment.tokens;
        let person = self.person(who);
        let user = user_name(&person, tokens);
        // Only what the claim can carry counts towards its limit.
        let carried: Vec<&Identity> = self.carried(ways, tokens).collect();
        let without_groups = if person.kind == Some(PrincipalKind::ServicePrincipal) {
            Some(WithoutGroups::Application)
        } else {
            // Which of the groups are assigned to the app, and count towards the limit there, is not known here.
            let is_whole = tokens.claim == GroupsClaim::SecurityGroups;
            (is_whole && carried.len() > GROUPS_IN_A_TOKEN).then_some(WithoutGroups::Overage(carried.len()))
        };
        let carried = carried.into_iter().filter(|_| without_groups.is_none());
        let named = carried.filter_map(|id| Some((id.clone(), self.name_of(id, tokens)?)));
        let groups: BTreeMap<Identity, SubjectName> = named.collect();
        Token { caller: Caller::authenticated(user, groups.values().cloned()), groups, without_groups }
    }

    /// The same token if nothing kept it from carrying the groups: what an app's groups would give it, and what somebody in too
    /// many groups has once they leave some of them.
    pub fn with_all_groups(&self, token: &Token, ways: &Ways<'_>, environment: &DesiredEnvironment) -> Token {
        let tokens = &environment.tokens;
        let named = self.carried(ways, tokens).filter_map(|id| Some((id.clone(), self.name_of(id, tokens)?)));
        let groups: BTreeMap<Identity, SubjectName> = named.collect();
        let caller = Caller::authenticated(token.caller.user.clone(), groups.values().cloned());
        Token { caller, groups, without_groups: None }
    }

    /// The groups that the claim of a cluster can carry.
    fn carried<'s>(&'s self, ways: &'s Ways<'_>, tokens: &'s TokenNaming) -> impl Iterator<Item = &'s Identity> + 's {
        let is_carried = |id: &Identity, way: &[Step<'_>]| {
            (tokens.claim == GroupsClaim::SecurityGroups || way.len() == 1)
                && self.groups.get(id).is_none_or(|group| group.kind != GroupKind::Distribution)
        };
        ways.iter().filter(move |(id, way)| is_carried(id, way)).map(|(id, _)| id)
    }

    /// What a cluster calls a group; `None` for one that is in no token.
    pub fn name_of(&self, id: &Identity, tokens: &TokenNaming) -> Option<SubjectName> {
        let group = self.groups.get(id);
        if group.is_some_and(|group| group.kind == GroupKind::Distribution) {
            return None;
        }
        let prefix = &tokens.groups_prefix;
        match (tokens.groups, id) {
            (GroupNaming::ObjectId, Identity::Known(id)) => Some(SubjectName::Known(format!("{prefix}{id}"))),
            (GroupNaming::ObjectId, Identity::AfterApply(key)) => {
                Some(SubjectName::AfterApply { prefix: prefix.clone(), group: key.clone() })
            }
            (GroupNaming::DisplayName, _) => {
                let named = group.filter(|group| !group.display_name.is_empty());
                named.map(|group| SubjectName::Known(format!("{prefix}{}", group.display_name)))
            }
        }
    }

    /// The groups that a cluster means by a name: several may have one display name.
    pub fn called<'s>(
        &'s self,
        name: &'s SubjectName,
        tokens: &'s TokenNaming,
    ) -> impl Iterator<Item = &'s Group<'a>> + 's {
        let by_id = match (tokens.groups, name) {
            (GroupNaming::ObjectId, SubjectName::Known(name)) => {
                let bare = name.strip_prefix(&tokens.groups_prefix);
                bare.and_then(|bare| bare.parse().ok()).map(Identity::Known)
            }
            (_, SubjectName::AfterApply { group, .. }) => Some(Identity::AfterApply(group.clone())),
            (GroupNaming::DisplayName, SubjectName::Known(_)) => None,
        };
        let one = by_id.and_then(|id| self.groups.get(&id));
        let one = one.filter(|group| self.name_of(&group.id, tokens).as_ref() == Some(name));
        let bare = match (tokens.groups, name) {
            (GroupNaming::DisplayName, SubjectName::Known(name)) => name.strip_prefix(&tokens.groups_prefix),
            _ => None,
        };
        let by_name = bare.into_iter().flat_map(|bare| self.of_display_name(bare));
        one.into_iter().chain(by_name.filter(|group| group.kind != GroupKind::Distribution))
    }

    /// The object ids of the groups that a subject of a binding means, also of one that nobody knows but by that id.
    pub fn meant<'s>(
        &'s self,
        subject: &'s Subject,
        tokens: &'s TokenNaming,
    ) -> impl Iterator<Item = ObjectId> + use<'s, 'a> {
        let by_name = tokens.groups == GroupNaming::DisplayName && subject.kind == SubjectKind::Group;
        let called = by_name.then(|| self.called(&subject.name, tokens)).into_iter().flatten();
        tokens.group_id(subject).into_iter().chain(called.filter_map(|group| group.id.known()))
    }

    /// Whom a cluster means by a user name, to the letter; by a user principal name only somebody who was read.
    pub fn user_called(&self, name: &str, tokens: &TokenNaming) -> Option<Who> {
        let bare = name.strip_prefix(&tokens.users_prefix)?;
        let id = match tokens.users {
            UserNaming::ObjectId => bare.parse::<ObjectId>().ok().filter(|id| id.to_string() == bare)?,
            UserNaming::UserPrincipalName => {
                let mut listed = self.listed().values();
                listed.find(|live| live.user_principal_name.as_deref() == Some(bare))?.id
            }
        };
        Some(Who::Id(id))
    }
}

/// What a cluster calls somebody. Of whom only the name in the files is known, that stands for what they are called.
pub(in crate::access) fn user_name(person: &Person<'_>, tokens: &TokenNaming) -> String {
    let prefix = &tokens.users_prefix;
    match (tokens.users, &person.who, person.user_principal_name) {
        (UserNaming::UserPrincipalName, _, Some(name)) => format!("{prefix}{name}"),
        (UserNaming::ObjectId, Who::Id(id), _) => format!("{prefix}{id}"),
        (UserNaming::ObjectId | UserNaming::UserPrincipalName, Who::Named(name), _) => format!("{prefix}{name}"),
        // An app has no user principal name, so that such a cluster knows it by none.
        (UserNaming::UserPrincipalName, Who::Id(id), None) => format!("{prefix}object:{id}"),
    }
}
