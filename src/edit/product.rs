//! What a grant multiplies, and what is left of it as a few such products.

use std::collections::{BTreeMap, BTreeSet};

use super::Asked;
use crate::config::{Grant, Scope};
use crate::state::{EnvironmentName, PrincipalName, RoleKey, ScopeTarget};

/// Subjects × roles × environments × scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Product {
    pub(super) subjects: BTreeSet<PrincipalName>,
    pub(super) roles: BTreeSet<RoleKey>,
    pub(super) environments: BTreeSet<EnvironmentName>,
    pub(super) scopes: BTreeSet<ScopeTarget>,
}

/// More than this is not taken apart: nobody would read what comes out.
const MOST: usize = 10_000;

/// A piece of a product: in each of the four, which ones by number.
type Cells = BTreeSet<[usize; 4]>;

impl Product {
    /// What a grant multiplies.
    pub(super) fn of(grant: &Grant) -> Self {
        let scopes = match &grant.scope {
            Scope::Namespaces(names) => names.iter().map(|name| ScopeTarget::Namespace(name.value.clone())).collect(),
            Scope::Selector(labels) => BTreeSet::from([ScopeTarget::Selector(labels.clone())]),
            Scope::Cluster => BTreeSet::from([ScopeTarget::Cluster]),
        };
        Self {
            subjects: grant.subjects.iter().map(|subject| subject.value.clone()).collect(),
            roles: grant.roles.iter().map(|role| role.value.clone()).collect(),
            environments: grant.environments.iter().cloned().collect(),
            scopes,
        }
    }

    /// How much it gives.
    pub(super) fn size(&self) -> usize {
        self.subjects.len() * self.roles.len() * self.environments.len() * self.scopes.len()
    }

    /// Whether it gives this.
    pub(super) fn holds(&self, asked: &Asked) -> bool {
        self.subjects.contains(&asked.subject)
            && self.roles.contains(&asked.role)
            && self.environments.contains(&asked.environment)
            && self.scopes.contains(&asked.scope)
    }

    /// All that it gives.
    pub(super) fn each(&self) -> BTreeSet<Asked> {
        let all = self.subjects.iter().flat_map(|subject| {
            self.roles.iter().flat_map(move |role| {
                self.environments.iter().flat_map(move |environment| {
                    self.scopes.iter().map(move |scope| Asked {
                        subject: subject.clone(),
                        role: role.clone(),
                        environment: environment.clone(),
                        scope: scope.clone(),
                    })
                })
            })
        });
        all.collect()
    }

    /// What is left without some of it, as few products; `None` where it is too much to look through.
    pub(super) fn without(&self, gone: &BTreeSet<Asked>) -> Option<Vec<Self>> {
        (self.size() <= MOST).then(|| Self::covering(&self.each().difference(gone).cloned().collect()))
    }

    /// Products that together give exactly this: not always the fewest, and always the same ones.
    pub(super) fn covering(all: &BTreeSet<Asked>) -> Vec<Self> {
        let subjects: Vec<&PrincipalName> = distinct(all.iter().map(|asked| &asked.subject));
        let roles: Vec<&RoleKey> = distinct(all.iter().map(|asked| &asked.role));
        let environments: Vec<&EnvironmentName> = distinct(all.iter().map(|asked| &asked.environment));
        let scopes: Vec<&ScopeTarget> = distinct(all.iter().map(|asked| &asked.scope));
        let number = |asked: &Asked| {
            Some([
                subjects.binary_search(&&asked.subject).ok()?,
                roles.binary_search(&&asked.role).ok()?,
                environments.binary_search(&&asked.environment).ok()?,
                scopes.binary_search(&&asked.scope).ok()?,
            ])
        };
        let cells: Cells = all.iter().filter_map(number).collect();
        let whole = |[a, b, c, d]: [BTreeSet<usize>; 4]| Self {
            subjects: picked(&subjects, &a),
            roles: picked(&roles, &b),
            environments: picked(&environments, &c),
            scopes: picked(&scopes, &d),
        };
        boxes(&cells).into_iter().map(whole).collect()
    }
}

fn distinct<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.collect::<BTreeSet<T>>().into_iter().collect()
}

fn picked<T: Ord + Clone>(all: &[&T], which: &BTreeSet<usize>) -> BTreeSet<T> {
    which.iter().filter_map(|at| all.get(*at).map(|each| (*each).clone())).collect()
}

/// Boxes that together are these cells, and overlap nowhere. Each turn settles one side, so that it ends after four.
fn boxes(cells: &Cells) -> Vec<[BTreeSet<usize>; 4]> {
    let sides: [BTreeSet<usize>; 4] = std::array::from_fn(|side| cells.iter().map(|cell| cell[side]).collect());
    if cells.is_empty() {
        return Vec::new();
    }
    if sides.iter().map(BTreeSet::len).product::<usize>() == cells.len() {
        return vec![sides];
    }
    let by = |side: usize| {
        let mut slices: BTreeMap<usize, Cells> = BTreeMap::new();
        for cell in cells {
            let mut flat = *cell;
            flat[side] = 0;
            slices.entry(cell[side]).or_default().insert(flat);
        }
        let mut alike: BTreeMap<Cells, BTreeSet<usize>> = BTreeMap::new();
        for (at, slice) in slices {
            alike.entry(slice).or_default().insert(at);
        }
        (alike.len() > 1).then(|| {
            let of = |(slice, at): (Cells, BTreeSet<usize>)| {
                boxes(&slice).into_iter().map(move |mut sides| {
                    sides[side].clone_from(&at);
                    sides
                })
            };
            alike.into_iter().flat_map(of).collect::<Vec<_>>()
        })
    };
    // What is no box differs from slice to slice along some side.
    (0..4).filter_map(by).min_by_key(Vec::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn boxes_are_the_cells_and_overlap_nowhere(cells in prop::collection::btree_set(prop::array::uniform4(0..3_usize), 0..40)) {
            let found = boxes(&cells);
            let mut covered = Vec::new();
            for [a, b, c, d] in &found {
                for cell in a.iter().flat_map(|a| b.iter().flat_map(move |b| c.iter().flat_map(move |c| d.iter().map(move |d| [*a, *b, *c, *d])))) {
                    covered.push(cell);
                }
            }
            covered.sort_unstable();
            prop_assert_eq!(covered, cells.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_corner_leaves_two_and_a_side_leaves_one() {
        let all: Cells = (0..3).flat_map(|a| (0..2).map(move |b| [a, b, 0, 0])).collect();
        let without =
            |gone: &[[usize; 4]]| boxes(&all.iter().filter(|cell| !gone.contains(cell)).copied().collect()).len();
        assert_eq!(without(&[]), 1);
        assert_eq!(without(&[[1, 0, 0, 0], [1, 1, 0, 0]]), 1);
        assert_eq!(without(&[[1, 0, 0, 0]]), 2);
        assert_eq!(without(&[[0, 0, 0, 0], [1, 1, 0, 0]]), 2);
    }
}
