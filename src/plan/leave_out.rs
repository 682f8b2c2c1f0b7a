//! Applying a part of a plan: what is left out takes with it everything that would have to wait for it.

use std::collections::BTreeSet;

use crate::state::{Address, Change};

/// The changes that can be applied without these, in their order, and everything that is left out.
pub fn leave_out(changes: Vec<Change>, mut left_out: BTreeSet<Address>) -> (Vec<Change>, BTreeSet<Address>) {
    if left_out.is_empty() {
        return (changes, left_out);
    }
    // Changes stand after those they require, so one pass finds every dependent.
    let mut kept = Vec::with_capacity(changes.len());
    for change in changes {
        if left_out.contains(&change.address) || change.requires.iter().any(|address| left_out.contains(address)) {
            left_out.insert(change.address);
        } else {
            kept.push(change);
        }
    }
    (kept, left_out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::state::{Edge, Identity, Operation, PrincipalKind, PrincipalName, Resource};

    fn group(key: &str) -> Address {
        Address::Group(key.parse().unwrap())
    }

    fn change(address: Address, requires: &[Address]) -> Change {
        let id = Identity::Known("8f9f5b1e-0f4a-4f0e-9f43-6a3f1c2b7d10".parse().unwrap());
        let edge = Edge {
            group: "sre".parse().unwrap(),
            group_id: id.clone(),
            principal: PrincipalName::User("hayden@contoso.com".parse().unwrap()),
            principal_id: id,
            kind: PrincipalKind::User,
        };
        Change {
            address,
            operation: Operation::Create { after: Resource::Member(edge) },
            origin: None,
            requires: requires.iter().cloned().collect(),
            refers: BTreeMap::new(),
            cluster: None,
            uid: None,
            resource_version: None,
            overrules: Vec::new(),
            protected: BTreeSet::new(),
        }
    }

    #[test]
    fn what_waits_for_something_left_out_is_left_out_as_well() {
        let changes =
            vec![change(group("a"), &[]), change(group("b"), &[group("a")]), change(group("c"), &[group("b")]), change(group("d"), &[])];
        let (kept, left_out) = leave_out(changes, [group("a")].into());
        assert_eq!(kept.into_iter().map(|change| change.address).collect::<Vec<_>>(), [group("d")]);
        assert_eq!(left_out, [group("a"), group("b"), group("c")].into());
    }
}
