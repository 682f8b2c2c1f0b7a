//! Of whom something is expected, as an API server would see them.

use std::collections::{BTreeMap, BTreeSet};

use super::Why;
use crate::access::people::{Node, People, Ways, Who, WithoutGroups};
use crate::access::{Caller, Token};
use crate::state::{Desired, DesiredEnvironment, GroupsClaim, Identity, PrincipalName, SubjectName};

/// Somebody on one environment.
pub(super) struct Whom<'a> {
    pub(super) caller: Caller,
    /// The groups in their token, by the name that the cluster has for them.
    pub(super) groups: BTreeMap<Identity, SubjectName>,
    /// The first group of each of those names.
    by_name: BTreeMap<SubjectName, Identity>,
    pub(super) without_groups: Option<WithoutGroups>,
    /// How they come to be in each group; of a group's members it is not said.
    pub(super) ways: Option<&'a Ways<'a>>,
    /// The group whose members are meant.
    pub(super) group: Option<Identity>,
}

impl<'a> Whom<'a> {
    /// Whoever has this token, and how they come to be in each group.
    pub(super) fn new(token: Token, ways: Option<&'a Ways<'a>>) -> Self {
        let Token { caller, groups, without_groups } = token;
        let by_name = by_name(&groups);
        Self { caller, groups, by_name, without_groups, ways, group: None }
    }

    /// Which of their groups a cluster calls so.
    pub(super) fn called(&self, name: &SubjectName) -> Option<&Identity> {
        self.by_name.get(name)
    }
}

fn by_name(groups: &BTreeMap<Identity, SubjectName>) -> BTreeMap<SubjectName, Identity> {
    groups.iter().rev().map(|(id, name)| (name.clone(), id.clone())).collect()
}

/// The groups of everybody of whom something is expected, found in one look at every list.
pub(super) struct Everybody<'a> {
    ways: BTreeMap<Who, Ways<'a>>,
}

pub(super) fn everybody<'a>(desired: &Desired, people: &People<'a>) -> Everybody<'a> {
    let named = desired.expectations.iter().filter_map(|expectation| match people.find(&expectation.who)? {
        Node::Person(who) => Some(who),
        Node::Group(_) => None,
    });
    Everybody { ways: people.groups_of(&named.collect::<BTreeSet<Who>>()) }
}

impl Everybody<'_> {
    /// Somebody on an environment, or why nobody is meant.
    pub(super) fn get(
        &self,
        name: &PrincipalName,
        people: &People<'_>,
        environment: &DesiredEnvironment,
    ) -> Result<Whom<'_>, Why> {
        match people.find(name) {
            Some(Node::Person(who)) => {
                let ways = self.ways.get(&who);
                let none = Ways::new();
                Ok(Whom::new(people.token(&who, ways.unwrap_or(&none), environment), ways))
            }
            Some(Node::Group(id)) => {
                let around = match environment.tokens.claim {
                    GroupsClaim::SecurityGroups => people.around(&id),
                    GroupsClaim::AssignedGroups => BTreeSet::new(),
                };
                let all = around.into_iter().chain([id.clone()]);
                let groups: BTreeMap<Identity, SubjectName> = all
                    .filter_map(|group| Some((group.clone(), people.name_of(&group, &environment.tokens)?)))
                    .collect();
                // Whoever it is: their own name is not theirs as a member.
                let caller = Caller::authenticated("", groups.values().cloned());
                let by_name = by_name(&groups);
                Ok(Whom { caller, groups, by_name, without_groups: None, ways: None, group: Some(id) })
            }
            None => {
                let text = format!("nothing can be told of {name}: {}", people.why_nobody(name));
                Err(Why { text, lines: Vec::new() })
            }
        }
    }
}
