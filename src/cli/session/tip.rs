//! What the branch says by now that a change goes to. Whoever writes a change chooses the commit that it starts from, and an old
//! one may reach other systems and keep less watch.

use std::collections::BTreeSet;

use super::base::{given_up, placed};
use crate::config::{self, Config, Loaded, ReachedOtherwise};
use crate::state::expectation::DesiredExpectation;
use crate::state::{Desired, EnvironmentName, NowCalled, Weakened, Weakening};
use crate::{desired, git};

/// What a change does otherwise than the branch says by now.
pub(super) struct Tip {
    /// What its files ask for.
    pub(super) compiled: Desired,
    pub(super) otherwise: ReachedOtherwise,
    /// What of that the commit does already that the change starts from: the branch has gone on.
    pub(super) behind: Behind,
    /// What it weakens besides what it weakens of where it starts.
    pub(super) weakened: Vec<Weakening>,
    /// What of that is expected, to be held against the change.
    pub(super) expectations: Vec<DesiredExpectation>,
}

/// What the branch says otherwise since the change started.
#[derive(Default)]
pub(super) struct Behind {
    pub(super) tenant: bool,
    pub(super) environments: BTreeSet<EnvironmentName>,
}

impl Tip {
    /// Compares the files that are checked out with those of the branch; `weakened` and `otherwise` are what they do to the
    /// commit that they start from.
    pub(super) fn new(
        base: &git::Base,
        (tip, sources): (&Config, &Loaded),
        (config, head): (&Config, &Loaded),
        desired: &Desired,
        (weakened, otherwise): (&[Weakening], &ReachedOtherwise),
    ) -> Self {
        let now = config::reached_otherwise(tip, config);
        let is_since = |name: &&EnvironmentName| !otherwise.environments.contains_key(*name);
        let behind = Behind {
            tenant: now.tenant && !otherwise.tenant,
            environments: now.environments.keys().filter(is_since).cloned().collect(),
        };
        let compiled = desired::compile(tip, &sources.sources);
        let called = NowCalled::new(&compiled, desired);
        let all = config::weakened((tip, &sources.sources), (config, &head.sources), &called);
        let more: Vec<Weakening> = all.into_iter().filter_map(|one| without(one, weakened)).collect();
        let place = |file: &str| format!("{}:{}", base.tip.short, placed(&base.folder, file));
        let expectations = given_up(&more, &compiled, &called, &place);
        let more = more.into_iter().map(|one| at(one, &place)).collect();
        Self { compiled, otherwise: now, behind, weakened: more, expectations }
    }
}

/// What is weakened of the branch and not of the commit that the change starts from.
fn without(one: Weakening, known: &[Weakening]) -> Option<Weakening> {
    let Weakened::Expectation { who, expected, mut environments } = one.what else {
        return (!known.iter().any(|known| known.what == one.what)).then_some(one);
    };
    for known in known {
        if let Weakened::Expectation { who: of, expected: that, environments: on } = &known.what
            && (of, that) == (&who, &expected)
        {
            environments.retain(|name| !on.contains(name));
        }
    }
    if environments.is_empty() {
        return None;
    }
    Some(Weakening { what: Weakened::Expectation { who, expected, environments }, ..one })
}

/// With the place where it stood as `git show` has it.
pub(super) fn at(mut one: Weakening, place: &impl Fn(&str) -> String) -> Weakening {
    if let Some(was) = &mut one.was {
        was.file = place(&was.file).into();
    }
    one
}
