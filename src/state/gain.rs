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
    /// What they can do there at the end, or could come to.
    pub holds: Vec<PolicyRule>,
}

/// The same of a plan that is made now, with what of it they have not now.
#[derive(Clone, Debug)]
pub struct Coming {
    /// Who ends with what.
    pub gain: Gain,
    /// What they could not do before; never empty.
    pub gained: Vec<PolicyRule>,
    /// Their roles there at the end.
    pub roles: BTreeSet<RoleRef>,
    /// The groups of each way by which it comes, called as in [`Gain::who`]; none where they are bound by name.
    pub ways: Vec<BTreeSet<String>>,
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

impl Coming {
    /// Whether a plan that was shown with this says that somebody ends with what they would come to now. A role by the same
    /// name is not enough: its rules may be others by now.
    fn was_shown(&self, who: &str, shown: &[&Gain]) -> bool {
        let Self { gain, gained, roles: _, ways } = self;
        let is_here = |shown: &&&Gain| {
            let Gain { who: _, anyone: _, environment, namespace, as_owner, holds: _ } = shown;
            let is_there = namespace.is_none() || *namespace == gain.namespace;
            is_there && (environment, as_owner) == (&gain.environment, &gain.as_owner)
        };
        let (mut anyones, mut own, mut by_anyones) = (BTreeSet::new(), Vec::new(), Vec::new());
        for shown in shown.iter().filter(is_here) {
            if shown.anyone == gain.anyone && shown.who.contains_key(who) {
                own.extend(shown.holds.iter().cloned());
            }
            let through = |key: &&String| ways.iter().any(|groups| groups.contains(*key));
            let anyone = shown.who.keys().filter(|_| shown.anyone && !gain.anyone);
            let anyone: Vec<&String> = anyone.filter(through).collect();
            if !anyone.is_empty() {
                by_anyones.extend(shown.holds.iter().cloned());
            }
            anyones.extend(anyone);
        }
        let rest = covering::missing(&own, gained);
        // Whoever was shown as anyone in a group is whoever comes by that group, and not somebody who comes by another as well.
        let is_by_those = || ways.iter().all(|groups| groups.iter().any(|key| anyones.contains(key)));
        rest.is_empty() || (is_by_those() && covering::missing(&by_anyones, &rest).is_empty())
    }
}

/// Who of these comes to something that was not shown.
pub fn beyond(shown: &[Gain], coming: &[Coming]) -> BTreeSet<Beyond> {
    let mut of: BTreeMap<&EnvironmentName, Vec<&Gain>> = BTreeMap::new();
    for gain in shown {
        of.entry(&gain.environment).or_default().push(gain);
    }
    let mut beyond = BTreeSet::new();
    for coming in coming {
        let gain = &coming.gain;
        let shown = of.get(&gain.environment).map_or(&[][..], Vec::as_slice);
        for (id, name) in &gain.who {
            if !coming.was_shown(id, shown) {
                beyond.insert(Beyond {
                    who: name.clone(),
                    environment: gain.environment.clone(),
                    namespace: gain.namespace.clone(),
                    as_owner: gain.as_owner,
                    roles: coming.roles.clone(),
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

    fn rule(verb: &str) -> PolicyRule {
        PolicyRule {
            api_groups: vec![String::new()],
            resources: vec!["pods".to_owned()],
            verbs: vec![verb.to_owned()],
            ..PolicyRule::default()
        }
    }

    /// Somebody ends with this.
    fn ends(who: &str, namespace: Option<&str>, verbs: &[&str]) -> Gain {
        Gain {
            who: [(who.to_owned(), format!("{who}@contoso.com"))].into(),
            anyone: false,
            environment: "alpha".parse().unwrap(),
            namespace: namespace.map(|name| name.parse().unwrap()),
            as_owner: false,
            holds: verbs.iter().map(|verb| rule(verb)).collect(),
        }
    }

    /// Somebody comes to this, by these groups.
    fn comes(gain: Gain, ways: &[&str]) -> Coming {
        let ways = ways.iter().map(|key| [(*key).to_owned()].into()).collect();
        let roles = [RoleRef { kind: RoleKind::ClusterRole, name: "role".to_owned() }].into();
        Coming { gained: gain.holds.clone(), gain, roles, ways }
    }

    fn names(shown: &[Gain], coming: &[Coming]) -> Vec<String> {
        beyond(shown, coming).into_iter().map(|beyond| beyond.who).collect()
    }

    #[test]
    fn nobody_comes_to_more_than_was_shown_of_them() {
        let shown = [ends("hayden", Some("trinity"), &["get", "list"]), ends("erin", None, &["get"])];
        let fine = [ends("hayden", Some("trinity"), &["get"]), ends("erin", Some("payments"), &["get"])];
        assert_eq!(names(&shown, &fine.map(|gain| comes(gain, &["in:dev"]))), [""; 0]);
        let others = [
            ends("hayden", Some("payments"), &["get"]),
            ends("hayden", None, &["get"]),
            // A role by the same name has more rules by now.
            ends("hayden", Some("trinity"), &["get", "delete"]),
            ends("mallory", Some("trinity"), &["get"]),
        ];
        for other in others {
            assert_eq!(names(&shown, &[comes(other.clone(), &["in:dev"])]).len(), 1, "{other:?}");
        }
    }

    /// What somebody has at the end, and not what they lose on the way there.
    #[test]
    fn what_is_got_back_is_what_they_were_to_end_with() {
        let shown = [ends("hayden", Some("trinity"), &["get"])];
        assert_eq!(names(&shown, &[comes(ends("hayden", Some("trinity"), &["get"]), &[])]), [""; 0]);
        assert_eq!(names(&shown, &[comes(ends("hayden", Some("trinity"), &["list"]), &[])]).len(), 1);
    }

    #[test]
    fn an_owner_is_no_member_and_a_member_no_owner() {
        let member = ends("erin", None, &["get"]);
        let owner = Gain { as_owner: true, ..member.clone() };
        assert_eq!(names(std::slice::from_ref(&owner), &[comes(member.clone(), &["in:dev"])]).len(), 1);
        assert_eq!(names(&[member], &[comes(owner, &["in:dev"])]).len(), 1);
    }

    #[test]
    fn anybody_in_a_group_is_whoever_comes_by_that_group_alone() {
        let anybody = Gain { anyone: true, ..ends("in-id:1", None, &["get"]) };
        let shown = std::slice::from_ref(&anybody);
        let erin = || ends("erin", None, &["get"]);
        assert_eq!(names(shown, &[comes(erin(), &["in-id:1"])]), [""; 0]);
        assert_eq!(names(shown, &[comes(anybody.clone(), &["in-id:1"])]), [""; 0]);
        for ways in [&["in-id:2"][..], &["in-id:1", "in-id:2"], &[]] {
            assert_eq!(names(shown, &[comes(erin(), ways)]).len(), 1, "{ways:?}");
        }
        let other = Gain { anyone: true, ..ends("in-id:2", None, &["get"]) };
        assert_eq!(names(shown, &[comes(other, &["in-id:1"])]).len(), 1);
        assert_eq!(names(&[erin()], &[comes(anybody.clone(), &["in-id:1"])]).len(), 1);
    }
}
