//! Expectations on what would be there once a plan is carried out.

use std::collections::{BTreeMap, BTreeSet};

use super::effect::Effect;
use super::live::environments;
use super::whom::{Everybody, Whom, everybody};
use super::world::World;
use super::{Judged, Standing, Told, Verdict, What, Why, asked, asked_on, by_place};
use crate::access::people::{Node, People};
use crate::access::planned::Snapshot;
use crate::state::{
    Address, Change, Desired, EnvironmentName, GroupKey, GroupQuestion, Identity, Observed, Origin, PrincipalName,
};

/// What one judgement is about.
type Subject<'j> = (&'j Origin, &'j PrincipalName, &'j EnvironmentName, &'j What);

impl Judged {
    fn subject(&self) -> Subject<'_> {
        (&self.origin, &self.who, &self.environment, &self.expected)
    }
}

/// Judges what would be there once these changes are made; where nothing could be read, the files alone can only tell what
/// they break themselves.
///
/// Each that is broken is broken by somebody. A plan is stopped by what the files themselves break, and by what it breaks or
/// worsens; not by what is so already and was made past the files.
///
/// What somebody lacks and the files give is not known while what gives it is `withheld`: the rest must be able to go on. What
/// they have now and this plan takes away is broken, whatever is withheld.
pub fn planned(
    desired: &Desired,
    observed: &Observed,
    changes: &[Change],
    withheld: &BTreeSet<&Address>,
) -> Vec<Judged> {
    by_place(told_with(desired, observed, changes, withheld).into_iter().map(|told| told.judged).collect())
}

/// The same in no order, with the ways by which something is broken.
pub(super) fn told_with(
    desired: &Desired,
    observed: &Observed,
    changes: &[Change],
    withheld: &BTreeSet<&Address>,
) -> Vec<Told> {
    let (mut told, _) = told(desired, observed, changes);
    if told.iter().any(|told| told.judged.is_broken()) {
        attribute(&mut told, desired, observed, withheld);
    }
    told
}

/// What must be asked of Entra first, so that [`planned`] can tell: who is in groups of others that give what somebody must
/// or must not have. Once it was answered, there may be more to ask.
pub fn group_questions(desired: &Desired, observed: &Observed, changes: &[Change]) -> Vec<GroupQuestion> {
    let (_, mut wanted) = told(desired, observed, changes);
    if !changes.is_empty() {
        // What is so already is not this plan's doing, and a part of it may be carried out alone.
        wanted.extend(told(desired, observed, &[]).1);
    }
    let is_open = |id: &Identity| id.known().filter(|id| !observed.of_groups.inside.contains_key(id));
    wanted.iter().filter_map(is_open).map(GroupQuestion::Members).collect()
}

/// Judges everything, and says which groups of others would have to be read to know more.
pub(super) fn told(desired: &Desired, observed: &Observed, changes: &[Change]) -> (Vec<Told>, BTreeSet<Identity>) {
    let expected = environments(desired);
    let mut wanted = BTreeSet::new();
    if expected.is_empty() {
        return (Vec::new(), wanted);
    }
    let unread = |name: &EnvironmentName| match (&observed.tenant, observed.clusters.get(name)?) {
        (Some(Ok(_)), Ok(_)) => None,
        (Some(Ok(_)), Err(_)) => Some(format!("what is bound on {name} was not read")),
        (None | Some(Err(_)), _) => Some("who is in which group was not read".to_owned()),
    };
    let mut all: Vec<Told> = asked_on(desired, |name| unread(name).is_some())
        .into_iter()
        .map(|judged| Told { judged: by_files_alone(judged, unread), effect: Effect::default() })
        .collect();
    let Some(Ok(tenant)) = &observed.tenant else { return (all, wanted) };
    let people = People::planned(desired, tenant, &observed.of_groups, changes);
    let whom = everybody(desired, &people);
    for (name, environment) in desired.environments.iter().filter(|(name, _)| expected.contains(*name)) {
        let Some(Ok(cluster)) = observed.clusters.get(name) else { continue };
        let here: Vec<&Change> = changes.iter().filter(|change| change.address.environment() == Some(name)).collect();
        let snapshot = Snapshot::planned(cluster, &here);
        let rbac = snapshot.rbac();
        let (selected, unknown) = (Vec::new(), BTreeSet::new());
        let world = World::new(desired, environment, &people, &rbac, &selected, &unknown);
        let world = world.with_answers(&observed.of_groups);
        all.extend(world.judge(name, &whom));
        let of_others = |id: &Identity| people.group(id).is_none_or(|group| group.key.is_none());
        wanted.extend(world.wanted.into_inner().into_iter().filter(of_others));
    }
    (all, wanted)
}

/// What the files give, and what else there is, is not known where nothing was read.
fn by_files_alone(judged: Judged, unread: impl Fn(&EnvironmentName) -> Option<String>) -> Judged {
    match (&judged.verdict, unread(&judged.environment)) {
        (Verdict::Holds, Some(text)) => {
            Judged { verdict: Verdict::Unknown(vec![Why { text, lines: Vec::new() }]), unread: true, ..judged }
        }
        (Verdict::Unknown(_), Some(_)) => Judged { unread: true, ..judged },
        (Verdict::Holds | Verdict::Broken(_) | Verdict::Unknown(_), _) => judged,
    }
}

/// Says of whatever is broken by whom it is.
fn attribute(told: &mut [Told], desired: &Desired, observed: &Observed, withheld: &BTreeSet<&Address>) {
    let by_files = asked(desired);
    let by_files: BTreeMap<Subject<'_>, &Verdict> =
        by_files.iter().map(|judged| (judged.subject(), &judged.verdict)).collect();
    let (before, _) = self::told(desired, observed, &[]);
    let before: BTreeMap<Subject<'_>, &Told> = before.iter().map(|told| (told.judged.subject(), told)).collect();
    let waiting = (!withheld.is_empty()).then(|| Waiting::new(desired));
    for Told { judged, effect } in told.iter_mut().filter(|told| told.judged.is_broken()) {
        let of_files = by_files.get(&judged.subject()).copied();
        let before = before.get(&judged.subject()).filter(|before| before.judged.is_broken());
        let is_can = matches!(judged.expected, What::Can(_));
        if is_can
            && of_files == Some(&Verdict::Holds)
            && before.is_some()
            && waiting.as_ref().is_some_and(|waiting| waiting.concerns(judged, withheld))
        {
            let text = "the files give it, but this plan withholds something".to_owned();
            judged.verdict = Verdict::Unknown(vec![Why { text, lines: Vec::new() }]);
            judged.stops = false;
            continue;
        }
        let is_done_already = matches!(of_files, Some(Verdict::Holds | Verdict::Unknown(_)))
            && before.is_some_and(|before| is_can || !effect.adds_to(&before.effect))
            && !effect.is_of_files();
        judged.stops &= !is_done_already;
        if is_done_already {
            judged.standing = Standing::Already;
        }
    }
}

/// What somebody waits for while something is withheld.
struct Waiting<'d> {
    desired: &'d Desired,
    people: People<'d>,
    everybody: Everybody<'d>,
}

impl<'d> Waiting<'d> {
    fn new(desired: &'d Desired) -> Self {
        let people = People::asked(desired);
        let everybody = everybody(desired, &people);
        Self { desired, people, everybody }
    }

    /// Whether something of this is on that environment, or on that person's way to it.
    fn concerns(&self, judged: &Judged, withheld: &BTreeSet<&Address>) -> bool {
        let Judged { who, environment, .. } = judged;
        let Some(block) = self.desired.environments.get(environment) else { return false };
        let Ok(whom) = self.everybody.get(who, &self.people, block) else { return false };
        withheld.iter().any(|address| match address {
            Address::Object { environment: of, .. } => of == environment,
            Address::Group(key) => self.is_on_way(&whom, key),
            Address::Member(key, member) => {
                let is_of_them = match self.people.find(member) {
                    Some(Node::Group(_)) => group_of(member).is_none_or(|inner| self.is_on_way(&whom, inner)),
                    Some(Node::Person(_)) | None => member == who,
                };
                is_of_them && self.is_on_way(&whom, key)
            }
            Address::Owner(..) => false,
        })
    }

    fn is_on_way(&self, whom: &Whom<'_>, key: &GroupKey) -> bool {
        let id = self.people.id_of(key);
        id.is_some_and(|id| whom.groups.contains_key(id) || whom.group.as_ref() == Some(id))
    }
}

fn group_of(name: &PrincipalName) -> Option<&GroupKey> {
    match name {
        PrincipalName::Group(key) => Some(key),
        PrincipalName::User(_)
        | PrincipalName::Guest(_)
        | PrincipalName::GroupId(_)
        | PrincipalName::ServicePrincipal(_)
        | PrincipalName::Object(_) => None,
    }
}
