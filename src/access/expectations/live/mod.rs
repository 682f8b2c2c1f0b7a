//! Expectations held against what is there now: by what was read, and by the answers of the API servers themselves.

mod missing;
mod questions;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::missing::{Files, missing};
use self::questions::{Inquiry, inquiry, is_within};
use super::whom::{Everybody, Whom, everybody};
use super::world::World;
use super::{Judged, Standing, Verdict, What, Why, by_place};
use crate::access::{Caller, People, Rbac};
use crate::state::{
    AccessAnswer, AccessReview, Applier, Cluster, Desired, DesiredEnvironment, EnvironmentName, Failure, FailureKind,
    Namespace, Observed, Origin, PrincipalName, Request, ServedResource, SubjectName, Tenant,
};

/// What the API servers serve, each for itself, where that must be known.
pub type Served = BTreeMap<EnvironmentName, Result<Vec<ServedResource>, Failure>>;

/// What one API server was asked, and what came of it.
pub type Reviewed = BTreeMap<AccessReview, Result<AccessAnswer, Failure>>;

/// What became of the expectations on some environments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Each expectation on each of them.
    pub judged: Vec<Judged>,
    /// Where an API server and we do not say the same.
    pub differences: Vec<Difference>,
    /// Environments that could not be read, or not be asked everything, with the reasons.
    pub unasked: BTreeMap<EnvironmentName, Vec<Failure>>,
    /// How many access reviews were answered, by environment.
    pub reviews: BTreeMap<EnvironmentName, usize>,
    /// Where each `only` was asked about.
    pub places: Vec<Places>,
}

/// Where an `only` was asked about, besides across the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Where it stands.
    pub origin: Origin,
    /// Of whom it is.
    pub who: PrincipalName,
    /// On which environment.
    pub environment: EnvironmentName,
    /// The namespaces that it names.
    pub named: BTreeSet<Namespace>,
    /// The one that stands for those that it does not name; `None` where there is no other.
    pub other: Option<Namespace>,
}

/// An API server and we do not say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The expectation for which it was asked.
    pub origin: Origin,
    /// Of whom that is.
    pub who: PrincipalName,
    /// Where.
    pub environment: EnvironmentName,
    /// What was asked, and about whom exactly.
    pub review: AccessReview,
    /// What the API server says.
    pub server: AccessAnswer,
    /// What we say.
    pub ours: bool,
    /// Why we say so.
    pub why: Vec<Why>,
}

/// The environments on which something is expected.
pub fn environments(desired: &Desired) -> BTreeSet<EnvironmentName> {
    desired.expectations.iter().flat_map(|expectation| &expectation.environments).cloned().collect()
}

/// Those of them of which it must be known what the API server serves.
pub fn with_only(desired: &Desired) -> BTreeSet<EnvironmentName> {
    let only = desired.expectations.iter().filter(|expectation| expectation.only.is_some());
    only.flat_map(|expectation| &expectation.environments).cloned().collect()
}

/// What to ask the API servers of the environments that were read.
pub fn reviews(
    desired: &Desired,
    observed: &Observed,
    served: &Served,
) -> BTreeMap<EnvironmentName, BTreeSet<AccessReview>> {
    let mut reviews = BTreeMap::new();
    let Some(Ok(tenant)) = &observed.tenant else { return reviews };
    Live::each(desired, observed, tenant, |live| {
        let asked: &mut BTreeSet<AccessReview> = reviews.entry(live.name.clone()).or_default();
        for item in live.items() {
            let inquiry = inquiry(live.cluster, &item.expected, served.get(live.name));
            if let (Ok(whom), Ok(inquiry)) = (live.whom(&item), inquiry) {
                let who = who(&whom.caller);
                asked.extend(inquiry.requests.into_iter().map(|request| AccessReview { who: who.clone(), request }));
            }
        }
    });
    reviews
}

/// What becomes of the expectations on the environments that were looked at.
pub fn verified(
    desired: &Desired,
    observed: &Observed,
    served: &Served,
    reviewed: &BTreeMap<EnvironmentName, Reviewed>,
) -> Verified {
    let mut verified = Verified::default();
    let Some(Ok(tenant)) = &observed.tenant else { return verified };
    let files = Files::new(desired);
    let nothing = Reviewed::new();
    Live::each(desired, observed, tenant, |live| {
        let answers = reviewed.get(live.name).unwrap_or(&nothing);
        verified.reviews.insert(live.name.clone(), answers.values().filter(|answer| answer.is_ok()).count());
        for item in live.items() {
            let verdict = match live.whom(&item) {
                Ok(whom) => {
                    let verdict = live.verdict(&whom, &item, &files);
                    match inquiry(live.cluster, &item.expected, served.get(live.name)) {
                        Ok(inquiry) => live.confirm(&item, &whom, verdict, inquiry, answers, &mut verified),
                        Err(failure) => verified.not_asked(live.name, verdict, &failure),
                    }
                }
                Err(why) => Verdict::Unknown(vec![why]),
            };
            verified.judged.push(item.judged(live.name, verdict));
        }
    });
    let unread = observed.clusters.iter().filter_map(|(name, cluster)| Some((name, cluster.as_ref().err()?)));
    for (name, failure) in unread {
        for item in items(desired, name) {
            let verdict = verified.not_asked(name, Verdict::Holds, failure);
            verified.judged.push(item.judged(name, verdict));
        }
    }
    verified.judged = by_place(verified.judged);
    verified
}

impl Verified {
    /// How many of the expectations are so.
    pub fn holding(&self) -> usize {
        self.judged.iter().filter(|each| each.verdict == Verdict::Holds).count()
    }

    /// Whether it is known of every expectation, and as well by the API server as by us. What could not be asked of these
    /// environments does not count, as long as they are the clusters that the files mean.
    pub fn is_whole(&self, unless: &BTreeSet<EnvironmentName>) -> bool {
        let may_lack = |name: &EnvironmentName| {
            let failures = self.unasked.get(name).filter(|_| unless.contains(name));
            failures.is_some_and(|failures| failures.iter().all(|failure| failure.kind != FailureKind::WrongTarget))
        };
        self.differences.is_empty()
            && self.unasked.keys().all(may_lack)
            && self.judged.iter().all(|each| !each.is_unknown() || may_lack(&each.environment))
    }

    /// What nobody confirmed does not hold for sure; what is broken by what was read stays so.
    fn not_asked(&mut self, environment: &EnvironmentName, verdict: Verdict, failure: &Failure) -> Verdict {
        let known = self.unasked.entry(environment.clone()).or_default();
        if known.iter().all(|known| known.what != failure.what) {
            known.push(failure.clone());
        }
        let why = Why { text: format!("{environment} could not be asked"), lines: Vec::new() };
        match verdict {
            Verdict::Holds => Verdict::Unknown(vec![why]),
            Verdict::Unknown(reasons) => Verdict::Unknown([reasons, vec![why]].concat()),
            Verdict::Broken(reasons) => Verdict::Broken(reasons),
        }
    }
}

/// Somebody as an access review takes them: with every group, for the API server adds none (kubernetes
/// `pkg/registry/authorization/util/helpers.go`).
fn who(caller: &Caller) -> Applier {
    let known = caller.groups.iter().filter_map(|group| match group {
        SubjectName::Known(name) => Some(name.clone()),
        // What is still to be made is in no token.
        SubjectName::AfterApply { .. } => None,
    });
    Applier { user: caller.user.clone(), groups: known.collect() }
}

/// One thing that is expected of somebody.
struct Item<'d> {
    origin: &'d Origin,
    who: &'d PrincipalName,
    expected: What,
}

impl Item<'_> {
    fn judged(self, environment: &EnvironmentName, verdict: Verdict) -> Judged {
        let Self { origin, who, expected } = self;
        let stops = matches!(verdict, Verdict::Broken(_));
        Judged {
            origin: origin.clone(),
            who: who.clone(),
            environment: environment.clone(),
            expected,
            verdict,
            stops,
            unread: false,
            of_nobody: false,
            standing: Standing::New,
            in_change: None,
        }
    }
}

/// Everything that is expected on an environment.
fn items<'d>(desired: &'d Desired, name: &'d EnvironmentName) -> impl Iterator<Item = Item<'d>> {
    let here = desired.expectations.iter().filter(move |expectation| expectation.environments.contains(name));
    here.flat_map(|expectation| {
        expectation.each().map(|(origin, expected)| Item { origin, who: &expectation.who, expected })
    })
}

/// One environment that was read.
struct Live<'l, 'p> {
    desired: &'l Desired,
    name: &'l EnvironmentName,
    environment: &'l DesiredEnvironment,
    cluster: &'l Cluster,
    people: &'l People<'p>,
    world: &'l World<'l, 'p>,
    everybody: &'l Everybody<'p>,
}

impl<'l> Live<'l, '_> {
    /// Visits each environment that was read and on which something is expected.
    fn each(desired: &Desired, observed: &Observed, tenant: &Tenant, mut visit: impl FnMut(&Live<'_, '_>)) {
        let people = People::live(desired, tenant, &observed.of_groups);
        let everybody = everybody(desired, &people);
        let expected = environments(desired);
        for (name, environment) in desired.environments.iter().filter(|(name, _)| expected.contains(*name)) {
            let Some(Ok(cluster)) = observed.clusters.get(name) else { continue };
            let rbac = Rbac::live(cluster);
            let (selected, unknown) = (Vec::new(), BTreeSet::new());
            let world = World::new(desired, environment, &people, &rbac, &selected, &unknown);
            let (people, world, everybody) = (&people, &world, &everybody);
            visit(&Live { desired, name, environment, cluster, people, world, everybody });
        }
    }

    fn items(&self) -> impl Iterator<Item = Item<'l>> + use<'l> {
        items(self.desired, self.name)
    }

    fn whom(&self, item: &Item<'_>) -> Result<Whom<'l>, Why> {
        self.everybody.get(item.who, self.people, self.environment)
    }

    /// By what was read. What is missing is told by the files that ask for it.
    fn verdict(&self, whom: &Whom<'_>, item: &Item<'_>, files: &Files<'_>) -> Verdict {
        match (&item.expected, self.world.verdict(whom, &item.expected)) {
            (What::Can(request), Verdict::Broken(reasons)) => {
                let missing = missing(self, whom, item.who, request, files);
                Verdict::Broken(if missing.is_empty() { reasons } else { missing })
            }
            (_, verdict) => verdict,
        }
    }

    /// Holds what we say against what the API server says.
    fn confirm(
        &self,
        item: &Item<'_>,
        whom: &Whom<'_>,
        verdict: Verdict,
        inquiry: Inquiry,
        answers: &Reviewed,
        verified: &mut Verified,
    ) -> Verdict {
        let who = who(&whom.caller);
        let (mut verdict, mut differ, mut beyond) = (verdict, false, Vec::new());
        for request in inquiry.requests {
            let ours = self.world.is_allowed(whom, &request);
            let review = AccessReview { who: who.clone(), request };
            match answers.get(&review) {
                Some(Ok(server)) if server.allowed == ours => {
                    if ours && !is_within(&item.expected, &review.request) {
                        beyond.push(self.beyond(&review.request));
                    }
                }
                Some(Ok(server)) => {
                    differ = true;
                    let why = if ours {
                        self.world.giving(whom, &review.request)
                    } else {
                        self.world.lacking(whom, &review.request)
                    };
                    let server = server.clone();
                    let (origin, who, environment) = (item.origin.clone(), item.who.clone(), self.name.clone());
                    verified.differences.push(Difference { origin, who, environment, review, server, ours, why });
                }
                Some(Err(failure)) => verdict = verified.not_asked(self.name, verdict, failure),
                None => {
                    let failure = never_asked(self.name, &review.request);
                    verdict = verified.not_asked(self.name, verdict, &failure);
                }
            }
        }
        if let Some((named, other)) = inquiry.places {
            let (origin, who, environment) = (item.origin.clone(), item.who.clone(), self.name.clone());
            verified.places.push(Places { origin, who, environment, named, other });
        }
        match verdict {
            Verdict::Broken(reasons) => Verdict::Broken(reasons),
            _ if differ => {
                let text = format!("the API server of {} and rolecall do not say the same", self.name);
                Verdict::Unknown(vec![Why { text, lines: Vec::new() }])
            }
            _ if !beyond.is_empty() => Verdict::Broken(beyond),
            verdict => verdict,
        }
    }

    fn beyond(&self, request: &Request) -> Why {
        Why { text: format!("the API server of {} allows `{request}`", self.name), lines: Vec::new() }
    }
}

fn never_asked(environment: &EnvironmentName, request: &Request) -> Failure {
    let what = format!("{environment} was not asked whether `{request}` is allowed");
    Failure::new(FailureKind::BadAnswer, what).with_next("run it again; if it stays so, report it as a bug of rolecall")
}
