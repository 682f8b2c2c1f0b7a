//! What people come to have by a plan, in a shape that can be kept and held against a later plan.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{EnvironmentName, Namespace, PolicyRule, RoleRef, covering};

/// What some people come to have at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gain {
    /// Who, by what stays the same: an object id where there is one. The names are for people.
    pub who: BTreeMap<String, String>,
    /// Whether it is anybody who is in these groups, because nobody could read who is.
    pub anyone: bool,
    /// On which cluster.
    pub environment: EnvironmentName,
    /// Where there; `None` is the whole cluster.
    pub namespace: Option<Namespace>,
    /// Whether they do not have it yet, and can give it to themselves or to others: as owners of a group.
    pub as_owner: bool,
    /// Their roles there at the end.
    pub roles: BTreeSet<RoleRef>,
    /// Whether they have something there before.
    pub held: bool,
    /// What they could not do before.
    pub gained: Vec<PolicyRule>,
    /// What they can no longer do. Somebody who has lost it by now, and gets it back, gains nothing.
    pub lost: Vec<PolicyRule>,
}

/// Somebody who would come to more than was shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Beyond {
    /// For people. Hostile text.
    pub who: String,
    /// On which cluster.
    pub environment: EnvironmentName,
    /// Where there; `None` is the whole cluster.
    pub namespace: Option<Namespace>,
    /// Whether they would only be able to give it to themselves or to others.
    pub as_owner: bool,
    /// Their roles there at the end.
    pub roles: BTreeSet<RoleRef>,
}

impl Gain {
    /// Whether this says that somebody comes to what another gain says.
    fn covers(&self, who: &str, gain: &Self) -> bool {
        let Self { who: people, anyone, environment, namespace, as_owner, roles, held, gained, lost } = self;
        let is_there = namespace.is_none() || *namespace == gain.namespace;
        let is_them = *anyone || people.contains_key(who);
        if *environment != gain.environment || !is_there || !is_them || (*as_owner && !gain.as_owner) {
            return false;
        }
        let all: Vec<PolicyRule> = gained.iter().chain(lost).cloned().collect();
        covering::missing(&all, &gain.gained).is_empty() || (*held && gain.roles.is_subset(roles))
    }
}

/// Who of these comes to something that was not shown.
pub fn beyond(shown: &[Gain], gains: &[Gain]) -> BTreeSet<Beyond> {
    let mut of: BTreeMap<&EnvironmentName, Vec<&Gain>> = BTreeMap::new();
    for gain in shown {
        of.entry(&gain.environment).or_default().push(gain);
    }
    let mut beyond = BTreeSet::new();
    for gain in gains.iter().filter(|gain| !gain.gained.is_empty()) {
        let shown = of.get(&gain.environment).map_or(&[][..], Vec::as_slice);
        for (id, name) in &gain.who {
            if !shown.iter().any(|shown| shown.covers(id, gain)) {
                beyond.insert(Beyond {
                    who: name.clone(),
                    environment: gain.environment.clone(),
                    namespace: gain.namespace.clone(),
                    as_owner: gain.as_owner,
                    roles: gain.roles.clone(),
                });
            }
        }
    }
    beyond
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::RoleKind;

    fn gain(who: &str, namespace: Option<&str>, verbs: &[&str]) -> Gain {
        let rule = |verb: &&str| PolicyRule {
            api_groups: vec![String::new()],
            resources: vec!["pods".to_owned()],
            verbs: vec![(*verb).to_owned()],
            ..PolicyRule::default()
        };
        Gain {
            who: [(who.to_owned(), format!("{who}@contoso.com"))].into(),
            anyone: false,
            environment: "alpha".parse().unwrap(),
            namespace: namespace.map(|name| name.parse().unwrap()),
            as_owner: false,
            roles: [RoleRef { kind: RoleKind::ClusterRole, name: verbs.join("-") }].into(),
            held: false,
            gained: verbs.iter().map(rule).collect(),
            lost: Vec::new(),
        }
    }

    fn names(shown: &[Gain], gains: &[Gain]) -> Vec<String> {
        beyond(shown, gains).into_iter().map(|beyond| beyond.who).collect()
    }

    #[test]
    fn nobody_comes_to_more_than_was_shown_of_them() {
        let shown = [gain("hayden", Some("trinity"), &["get", "list"]), gain("erin", None, &["get"])];
        let fine = [gain("hayden", Some("trinity"), &["get"]), gain("erin", Some("payments"), &["get"])];
        assert_eq!(names(&shown, &fine), [""; 0]);
        let others = [
            gain("hayden", Some("payments"), &["get"]),
            gain("hayden", None, &["get"]),
            gain("hayden", Some("trinity"), &["delete"]),
            gain("mallory", Some("trinity"), &["get"]),
        ];
        for other in &others {
            assert_eq!(names(&shown, std::slice::from_ref(other)).len(), 1, "{other:?}");
        }
    }

    #[test]
    fn what_is_got_back_was_theirs() {
        let mut shown = gain("hayden", Some("trinity"), &["get"]);
        shown.lost = std::mem::take(&mut shown.gained);
        let now = gain("hayden", Some("trinity"), &["get"]);
        assert_eq!(names(std::slice::from_ref(&shown), std::slice::from_ref(&now)), [""; 0]);
        shown.lost.clear();
        assert_eq!(names(std::slice::from_ref(&shown), std::slice::from_ref(&now)).len(), 1);
        shown.held = true;
        assert_eq!(names(&[shown], &[now]), [""; 0], "they end with the role that was shown");
    }

    #[test]
    fn an_owner_is_no_member_and_anybody_is_whoever_it_turns_out_to_be() {
        let mut owner = gain("erin", None, &["get"]);
        owner.as_owner = true;
        let member = gain("erin", None, &["get"]);
        assert_eq!(names(std::slice::from_ref(&owner), std::slice::from_ref(&member)).len(), 1);
        assert_eq!(names(std::slice::from_ref(&member), std::slice::from_ref(&owner)), [""; 0]);
        let mut anybody = gain("group", None, &["get"]);
        anybody.anyone = true;
        assert_eq!(names(std::slice::from_ref(&anybody), &[member]), [""; 0]);
        assert_eq!(names(&[gain("erin", None, &["get"])], &[anybody]).len(), 1);
    }
}
