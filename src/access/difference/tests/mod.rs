//! Against the authorizer: whoever can do more or less afterwards has a row that says so, and nobody else.

mod cases;
mod draw;
mod world;

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use self::world::{APP, CLUSTERS, OURS, PEOPLE, World, environment, id, key, known};
use super::*;
use crate::access::{Caller, Rbac, Snapshot};
use crate::state::{EnvironmentName, Namespace, PolicyRule, Request};

/// Every request that any of the rules tells from another, and some that none names.
fn requests(namespace: Option<&Namespace>) -> Vec<Request> {
    let mut requests = Vec::new();
    for verb in ["get", "list", "unheard-of"] {
        for group in ["", "apps", "fresh.example"] {
            for resource in ["pods", "freshes"] {
                for subresource in [None, Some("log"), Some("fresh")] {
                    for name in [None, Some("one"), Some("other")] {
                        requests.push(Request::Resource {
                            verb: verb.to_owned(),
                            group: group.to_owned(),
                            resource: resource.to_owned(),
                            subresource: subresource.map(str::to_owned),
                            namespace: namespace.cloned(),
                            name: name.map(str::to_owned),
                        });
                    }
                }
            }
        }
    }
    if namespace.is_none() {
        let path = |path: &str| Request::Path { verb: "get".to_owned(), path: path.to_owned() };
        requests.extend(["/a", "/a/b", "/fresh"].map(path));
    }
    requests
}

/// Whom a row is about, as the oracle knows them.
#[derive(Clone, Copy, Debug)]
enum Whom {
    Person(usize),
    Stranger,
    ServiceAccount,
}

impl Whom {
    fn is(self, somebody: &Somebody) -> bool {
        match (self, somebody) {
            (Self::Person(who), Somebody::Person { id, .. }) => *id == Some(self::id(who)),
            (Self::Stranger, Somebody::User(name)) => name == "stranger",
            (Self::ServiceAccount, Somebody::ServiceAccount { namespace, name }) => namespace == "a" && name == "robot",
            _ => false,
        }
    }

    fn caller(self, world: &World, of: usize, live: &World) -> Caller {
        match self {
            Self::Person(APP) => Caller::authenticated(user(world, APP, of), []),
            Self::Person(who) => Caller::authenticated(user(world, who, of), world.tokens_groups(who, of, live, None)),
            Self::Stranger => Caller::authenticated("stranger", []),
            Self::ServiceAccount => {
                let groups = ["system:serviceaccounts", "system:serviceaccounts:a"];
                Caller::authenticated("system:serviceaccount:a:robot", groups.map(known))
            }
        }
    }
}

fn user(world: &World, who: usize, of: usize) -> String {
    world.user(who, of).unwrap_or_else(|| "nobody".to_owned())
}

/// What the rows say of somebody at a place: whether they gain, and whether they lose.
fn said(
    difference: &AccessDifference,
    whom: Whom,
    of: &EnvironmentName,
    namespace: Option<&Namespace>,
    bearing: &Bearing,
) -> (bool, bool) {
    let is_theirs =
        |row: &&AccessRow| row.environment == *of && row.bearing == *bearing && row.who.iter().any(|who| whom.is(who));
    let rows: Vec<&AccessRow> = difference.rows.iter().filter(is_theirs).collect();
    let here = rows.iter().find(|row| row.namespace.as_ref() == namespace);
    let Some(row) = here.or_else(|| rows.iter().find(|row| row.namespace.is_none())) else { return (false, false) };
    // Paths are in no namespace.
    let counts = |rules: &[PolicyRule]| rules.iter().any(|rule| namespace.is_none() || !rule.resources.is_empty());
    (counts(&row.gained), counts(&row.lost))
}

/// Whether the second may do what the first may not, and the other way round.
fn differ(
    (old, was): (&Rbac<'_>, &Caller),
    (new, becomes): (&Rbac<'_>, &Caller),
    namespace: Option<&Namespace>,
) -> (bool, bool) {
    let (mut gains, mut loses) = (false, false);
    for request in requests(namespace) {
        let (could, can) = (old.allows(was, &request), new.allows(becomes, &request));
        gains |= can && !could;
        loses |= could && !can;
    }
    (gains, loses)
}

/// Asks what is to be asked until there is nothing more.
fn asked(before: &World, desired: &Desired, changes: &[Change]) -> Observed {
    let mut observed = before.observed();
    for _ in 0..4 {
        let questions = AccessComparison::new(desired, &observed, changes).questions();
        if questions.is_empty() {
            return observed;
        }
        let answers = questions.iter().map(|question| Ok(before.answer(question))).collect();
        observed.of_groups.record(questions, answers);
    }
    panic!("there is no end of questions")
}

fn hold(before: &World, after: &World) -> Result<(), TestCaseError> {
    let (desired, changes) = (before.desired(), before.changes(after));
    let observed = asked(before, &desired, &changes);
    let difference = AccessComparison::new(&desired, &observed, &changes).difference();
    let whom = (0..PEOPLE).map(Whom::Person).chain([Whom::Stranger, Whom::ServiceAccount]);
    let whom: Vec<Whom> = whom.collect();
    let check = |is: (bool, bool), said: (bool, bool), what: String| {
        if is == said {
            return Ok(());
        }
        Err(TestCaseError::fail(format!("{what}: is {is:?}, said {said:?}: {:?}", difference.rows)))
    };
    for of in 0..CLUSTERS {
        let (old, new) = (before.cluster(of, before), after.cluster(of, before));
        let is_same = (&old.roles, &old.bindings) == (&new.roles, &new.bindings);
        let (old, new) = (Snapshot::live(&old), Snapshot::live(&new));
        let (old, new): (Rbac<'_>, Rbac<'_>) = (old.rbac(), new.rbac());
        let at = environment(of);
        for namespace in [None, Some("a"), Some("b"), Some("elsewhere")] {
            let namespace: Option<Namespace> = namespace.map(|name| name.parse().unwrap());
            let namespace = namespace.as_ref();
            for whom in &whom {
                let (was, becomes) = (whom.caller(before, of, before), whom.caller(after, of, before));
                let is = if is_same && was == becomes {
                    (false, false)
                } else {
                    differ((&old, &was), (&new, &becomes), namespace)
                };
                let said = said(&difference, *whom, &at, namespace, &Bearing::Token);
                check(is, said, format!("{whom:?} on {of} in {namespace:?}"))?;
            }
            // Whoever comes to own a group gets it all by making themselves a member, and loses nothing.
            for group in (0..OURS).filter(|group| after.groups[*group].is_there) {
                let had =
                    if before.groups[group].is_there { before.groups[group].owners.clone() } else { BTreeSet::new() };
                for who in &after.groups[group].owners - &had {
                    let is = Whom::Person(who).caller(after, of, before);
                    let could = after.tokens_groups(who, of, before, Some(group));
                    let could = Caller::authenticated(user(after, who, of), could);
                    let is = differ((&new, &is), (&new, &could), namespace);
                    let bearing = Bearing::Owner(key(group));
                    let said = |namespace| said(&difference, Whom::Person(who), &at, namespace, &bearing);
                    // That they have it in a namespace already is not said apart.
                    let said = if said(None).0 && !is.0 && !is.1 { is } else { said(namespace) };
                    check(is, said, format!("owner {who} of {group} on {of} in {namespace:?}"))?;
                }
            }
        }
        // What a group would give an app is said, and to be worth nothing.
        let user = user(before, APP, of);
        let [was, becomes] = [before, after]
            .map(|world| Caller::authenticated(user.clone(), world.tokens_groups(APP, of, before, None)));
        let alone = Caller::authenticated(user.clone(), []);
        let everywhere = [None, Some("a"), Some("b")].map(|name| name.map(|name| name.parse::<Namespace>().unwrap()));
        let gains = everywhere.iter().any(|namespace| {
            let gains = differ((&old, &was), (&new, &becomes), namespace.as_ref()).0;
            gains && !differ((&old, &alone), (&new, &alone), namespace.as_ref()).0
        });
        let is_said = difference.rows.iter().any(|row| {
            let is_app = row.who.iter().any(|who| Whom::Person(APP).is(who));
            row.environment == at && row.bearing == Bearing::NoGroups && is_app
        });
        check((gains, false), (is_said && gains, false), format!("the app on {of}"))?;
    }
    for row in &difference.rows {
        let is_sound = row.gained.is_empty() == !matches!(row.effect, AccessEffect::Gains | AccessEffect::Both)
            && row.lost.is_empty() == !matches!(row.effect, AccessEffect::Loses | AccessEffect::Both)
            && !row.who.is_empty()
            && !row.via.is_empty()
            && (row.via.iter().any(|via| via.standing != Standing::Kept) || row.namespace.is_some());
        check((true, true), (is_sound, true), format!("{row:#?}"))?;
    }
    Ok(())
}

/// The seed of the worlds: another one each time, unless it is said.
#[allow(clippy::disallowed_methods, reason = "whoever runs a test again says by the environment with which seed")]
fn seed() -> u64 {
    let said = std::env::var("ROLECALL_DIFFERENCE_SEED").ok();
    said.map_or_else(|| RandomState::new().hash_one(0) % 1_000_000, |seed| seed.parse().unwrap())
}

#[test]
fn rows_are_what_the_authorizer_says_of_everybody_everywhere() {
    let seed = seed();
    let config = Config { cases: 96, failure_persistence: None, rng_seed: RngSeed::Fixed(seed), ..Config::default() };
    let held = TestRunner::new(config).run(&draw::some_change(), |(before, after)| hold(&before, &after));
    match held {
        Ok(()) => {}
        Err(TestError::Fail(why, worlds)) => panic!("ROLECALL_DIFFERENCE_SEED={seed}: {why}\n{worlds:?}"),
        Err(TestError::Abort(why)) => panic!("ROLECALL_DIFFERENCE_SEED={seed}: {why}"),
    }
}
