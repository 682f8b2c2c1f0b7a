//! What a change of the access files weakens, what it accepts, and what was off before it.

use std::collections::BTreeSet;

use super::page::{Mark, Page};
use super::words::{count, principal};
use super::{access, expectations};
use crate::access::AccessDifference;
use crate::access::difference::{AccessEffect, AccessRow, Bearing, Somebody};
use crate::access::expectations::Judged;
use crate::plan::{Caused, Coverage, Plan};
use crate::report::{Base, Begins, escape, unread};
use crate::state::{
    Address, Change, EnvironmentName, Limit, Membership, Origin, Sign, Unmanaged, Weakened, Weakening, first_few,
};

const NAMED_PLACES: usize = 6;
/// As many people are named who lose something by what was off before.
const NAMED_PEOPLE: usize = 10;
/// What may be wrong in a shallow clone.
pub(in crate::report) const SHALLOW: &str = "this clone has part of the history alone: if what the other side did shows here too, fetch the rest (`git fetch --unshallow`)";

/// What the change is compared with, where that is not what a reviewer would expect: a paragraph.
pub(in crate::report) fn compared(base: &Base) -> Option<String> {
    let (short, reference) = (&base.short, escape::name(&base.reference));
    let text = match base.begins? {
        Begins::AtStart => format!(
            "The commit that this change starts from, {short}, has no access files at this place; {reference} has some by now. So \
             the change is compared with nothing: all that these files ask for is told as caused by it, and nothing as off \
             before it. Tenant and environments are those of {reference}."
        ),
        Begins::Everywhere => format!(
            "{reference} has no access files at this place, nor has {short}, the commit that this change starts from: it brings \
             them, or moves them here. So there is nothing to compare it with: whatever these files change is caused by it, and \
             nothing was off before it. They were checked, and nothing was read, because whoever proposes a change must not \
             choose where its preview goes. Plan it once it is merged; or now, without --base, if you have read what it says of \
             tenant and environments."
        ),
    };
    Some(text)
}

/// What else a reviewer must know before anything: sentences.
pub(in crate::report) fn said_first(base: &Base) -> Vec<String> {
    if let (Some(Begins::Everywhere), Some((_, others))) = (base.begins, base.left_out.split_last()) {
        // The paragraph says the last of it, and why nothing is told apart.
        return others.iter().map(|each| escape::message(each)).collect();
    }
    base.caused.as_ref().err().into_iter().chain(&base.left_out).map(|each| escape::message(each)).collect()
}

/// What a reviewer must know before anything else.
pub(super) fn opening(page: &mut Page, base: &Base, judged: &[Judged]) {
    if let Some(compared) = compared(base) {
        page.gap();
        page.words(0, &compared);
    }
    let said = said_first(base);
    if !said.is_empty() {
        page.gap();
    }
    for sentence in said {
        page.item(Mark::Decide, &sentence);
    }
    if base.is_shallow {
        page.gap();
        page.item(Mark::Unknown, SHALLOW);
    }
    if !base.weakened.is_empty() {
        page.gap();
        page.words(0, "Weakened by this change");
    }
    for weakening in &base.weakened {
        page.marked(0, Mark::Decide, &sentence(weakening), place(weakening));
    }
    expectations::by_change(page, judged);
}

/// The line that does it, or the one that stood for it, as `git show` has it.
pub(in crate::report) fn place(weakening: &Weakening) -> Option<String> {
    let was = |was: &Origin| format!("was {was}");
    weakening.now.as_ref().map(Origin::to_string).or_else(|| weakening.was.as_ref().map(was))
}

/// What a change weakens, in a sentence without its end.
pub fn sentence(weakening: &Weakening) -> String {
    match &weakening.what {
        Weakened::Expectation { who, expected, environments } => {
            let places = first_few(environments, NAMED_PLACES);
            let who = principal(who);
            match expected {
                Limit::Cannot(request) => {
                    format!("not expected any more: {who} cannot {request} (on {places})")
                }
                Limit::Can(request) => format!("not expected any more: {who} can {request} (on {places})"),
                Limit::Only(_) => {
                    format!("not expected any more: {who} can do no more than was listed under `only` (on {places})")
                }
            }
        }
        Weakened::Environment(name) => {
            format!(
                "environment {name} is not in the files any more: what is bound there stays, and nobody compares it"
            )
        }
        Weakened::Protection(name) => {
            format!("{name} is not protected any more: `apply` changes it without a saved plan")
        }
        Weakened::NoDelegate => "`delegate` is gone: every file may define everything".to_owned(),
        Weakened::Delegation { before, after } => {
            let quoted =
                |entries: &[String]| entries.iter().map(|entry| format!("`{entry}`")).collect::<Vec<_>>().join(", ");
            if before.is_empty() {
                format!("`delegate` has a new entry: {}", quoted(after))
            } else {
                format!("`delegate` says {} instead of {}", quoted(after), quoted(before))
            }
        }
        Weakened::Applier(app) => format!("app {app} counts as one that applies: its ownership of groups is no drift"),
        Weakened::EnvironmentApplier(name) => {
            format!(
                "`applier` of {name} is another one or gone: what keeps its access from being taken away looks elsewhere"
            )
        }
        Weakened::Labels(name) => format!("labels of {name} have changed: entries of `delegate` may select it by them"),
        Weakened::DelegatedRole(role) => format!("role {role}, which other files may grant, gives something else"),
        Weakened::Group(group) => {
            format!("group {group} is not in the files any more: whoever is in it stays, and nobody compares it")
        }
        Weakened::Object(group) => format!("group {group} stands for another object of the tenant"),
        Weakened::Owners(group) => {
            format!("owners of {group} are not compared any more: whoever owns it can put anybody in it")
        }
        Weakened::DisplayName(group) => {
            format!("the display name of {group}, by which a cluster knows it, is not held any more")
        }
        Weakened::Membership { group, before, after } => {
            let means = match after {
                Membership::Authoritative => "whoever is not listed is removed",
                Membership::Additive => "whoever is not listed stays",
                Membership::External => "members are not compared any more",
            };
            format!("membership of {group} is {} instead of {}: {means}", membership(*after), membership(*before))
        }
        Weakened::Absence { group, who } => {
            format!("{} may be a member of {group} again (was listed under `absent`)", principal(who))
        }
        Weakened::WithoutPim => {
            "`tenant.pim: none`: people are removed without a look at their assignments by Privileged \
                                 Identity Management"
                .to_owned()
        }
        Weakened::Lock { gone: true } => "`lock` is gone: two applies may write at once".to_owned(),
        Weakened::Lock { gone: false } => {
            "`lock` is another Lease: an apply of the files before and one of these may write at once".to_owned()
        }
        Weakened::Unmanaged { environment, before, after } => format!(
            "`unmanaged` of {environment} is {} instead of {}, for bindings that the files do not ask for",
            unmanaged(*after),
            unmanaged(*before)
        ),
        Weakened::AllowedUnmanaged { environment, what } => {
            format!("bindings {} that the files do not ask for may stay on {environment}", escape::name(what))
        }
        Weakened::Lint { rule, before, after } => {
            let word = |severity: Option<&'static str>| severity.unwrap_or("its own severity");
            format!("findings of lint rule {rule} count as {} instead of {}", word(*after), word(*before))
        }
    }
}

fn membership(membership: Membership) -> &'static str {
    match membership {
        Membership::Authoritative => "authoritative",
        Membership::Additive => "additive",
        Membership::External => "external",
    }
}

fn unmanaged(unmanaged: Unmanaged) -> &'static str {
    match unmanaged {
        Unmanaged::Ignore => "ignore",
        Unmanaged::Report => "report",
        Unmanaged::Refuse => "refuse",
    }
}

/// What would have been put right and stays.
pub(super) fn accepted(page: &mut Page, base: &Base) {
    let Ok(caused) = &base.caused else { return };
    if caused.accepted.is_empty() {
        return;
    }
    page.gap();
    page.words(0, "Accepted as it is by this change");
    for change in &caused.accepted {
        page.marked(0, Mark::Same, &left(change), None);
    }
}

/// What would have been put right, and is left as it is.
pub(in crate::report) fn left(change: &Change) -> String {
    let would = match change.sign() {
        Sign::Add => "is not there, and would have been made without this change",
        Sign::Change => "differs, and would have been changed without this change",
        Sign::Remove => "stays, and would have been taken away without this change",
    };
    format!("{} {would}", change.address)
}

/// What `apply` puts right besides, folded; but for what it gives to anybody.
pub(super) fn drift(page: &mut Page, plan: &Plan, base: &Base) {
    if let Ok(caused) = &base.caused
        && !(caused.drift.is_empty() && base.drift.rows.is_empty())
    {
        page.gap();
        let OffBefore { title, signs } = off_before(plan, caused);
        let signs = signs.map(|signs| format!(": {signs}")).unwrap_or_default();
        page.words(0, &format!("{title}{signs}; `plan` without --base shows each"));
        let given = giving(&base.drift);
        if !given.rows.is_empty() {
            access::table(page, &given);
        }
        if let Some(losing) = losing(&base.drift) {
            page.marked(0, Mark::Sign(Sign::Remove), &losing, None);
        }
        access::unseen_part(page, &base.drift);
    }
    if let Some(unknown) = unknown_before(plan, base) {
        page.gap();
        page.item(Mark::Unknown, &unknown);
    }
}

/// That nobody knows what was off before, where that is so.
pub(in crate::report) fn unknown_before(plan: &Plan, base: &Base) -> Option<String> {
    let is_about = !plan.unread.is_empty() && base.begins.is_none();
    is_about.then(|| format!("What was off before this change on {} is not known: not read", unread::parts(plan)))
}

/// `2 lose by it: hayden@contoso.com, sam@contoso.com`: what is folded names at least these.
fn losing(difference: &AccessDifference) -> Option<String> {
    let rows = difference.rows.iter().filter(|row| row.effect == AccessEffect::Loses && row.bearing == Bearing::Token);
    let people: BTreeSet<&Somebody> = rows.flat_map(|row| &row.who).collect();
    let verb = if people.len() == 1 { "loses" } else { "lose" };
    let named = first_few(people.iter().map(|who| access::somebody(who)), NAMED_PEOPLE);
    (!people.is_empty()).then(|| format!("{} {verb} by it: {named}", people.len()))
}

/// What was off before a change.
pub(in crate::report) struct OffBefore {
    pub(in crate::report) title: &'static str,
    /// How many changes put it right, and where; `None` where none does.
    pub(in crate::report) signs: Option<String>,
}

/// `Off before this change, and put right by `apply` as well`, and `1 to add, 0 to change, 2 to remove (alpha)`.
pub(in crate::report) fn off_before(plan: &Plan, caused: &Caused) -> OffBefore {
    if caused.drift.is_empty() {
        return OffBefore { title: "Off before this change", signs: None };
    }
    let places: BTreeSet<&str> =
        caused.drift.iter().map(|address| address.environment().map_or("Entra", EnvironmentName::as_str)).collect();
    OffBefore {
        title: "Off before this change, and put right by `apply` as well",
        signs: Some(format!("{} ({})", signs(plan, &caused.drift), first_few(places, NAMED_PLACES))),
    }
}

/// `1 to add, 0 to change, 2 to remove`; nothing to do is said so.
fn signs(plan: &Plan, of: &BTreeSet<Address>) -> String {
    let count =
        |sign: Sign| plan.changes.iter().filter(|change| change.sign() == sign && of.contains(&change.address)).count();
    match [Sign::Add, Sign::Change, Sign::Remove].map(count) {
        [0, 0, 0] => "nothing to apply".to_owned(),
        [add, change, remove] => format!("{add} to add, {change} to change, {remove} to remove"),
    }
}

/// The rows by which somebody comes to something.
pub(in crate::report) fn giving(difference: &AccessDifference) -> AccessDifference {
    let gives = |row: &&AccessRow| matches!(row.effect, AccessEffect::Gains | AccessEffect::Both);
    AccessDifference { rows: difference.rows.iter().filter(gives).cloned().collect(), ..difference.clone() }
}

/// How many people come to something or lose something by what was off before and not by the change: a part of the headline.
pub(in crate::report) fn gaining(base: &Base, by_change: &AccessDifference) -> Option<String> {
    let (given, known) = (giving(&base.drift), giving(by_change));
    let of = |difference: &AccessDifference| -> BTreeSet<Somebody> {
        difference.rows.iter().flat_map(|row| &row.who).cloned().collect()
    };
    let people = &of(&given) - &of(&known);
    let lost = |difference: &AccessDifference| -> BTreeSet<Somebody> {
        let loses = |row: &&AccessRow| matches!(row.effect, AccessEffect::Loses | AccessEffect::Both);
        difference.rows.iter().filter(loses).flat_map(|row| &row.who).cloned().collect()
    };
    let losing = &lost(&base.drift) - &lost(by_change);
    let mut parts = Vec::new();
    for (people, one, several) in [(people, "gains", "gain"), (losing, "loses", "lose")] {
        if !people.is_empty() {
            parts.push(format!("{} more {}", people.len(), if people.len() == 1 { one } else { several }));
        }
    }
    (!parts.is_empty()).then(|| format!("{} by what was off before", parts.join(", ")))
}

/// `By this change: 3 to add, 1 to change, 0 to remove; 2 more changes for what was off before.`
pub(in crate::report) fn counts(plan: &Plan, base: &Base, caused: &Caused) -> String {
    let is_whole = plan.coverage() == Coverage::Whole;
    let rest = match caused.drift.len() {
        _ if base.begins.is_some() => "there was nothing before".to_owned(),
        0 if is_whole => "nothing was off before".to_owned(),
        0 => "nothing of what was read was off before".to_owned(),
        some if caused.by_change.is_empty() => format!("{} for what was off before", count(some, "change")),
        some => format!("{} for what was off before", count(some, "more change")),
    };
    let by = if is_whole { "By this change" } else { "By this change, of what was read" };
    let weakened = match base.weakened.len() {
        0 => String::new(),
        some => format!(", {some} weakened"),
    };
    let unsaid = match base.unsaid.as_ref().map_or(0, Vec::len) {
        0 => String::new(),
        some => format!(", {some} that none of its lines says"),
    };
    format!("{by}: {}{weakened}{unsaid}; {rest}.", signs(plan, &caused.by_change))
}
