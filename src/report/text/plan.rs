//! A plan as text.

use std::collections::BTreeMap;

use super::page::{Mark, Page};
use super::view::View;
use super::words::count;
use super::{Layout, access, base, cluster, entra, expectations, guards, hints, notes, preflight, snapshot, unmanaged};
use crate::access::expectations::Verdict as ExpectationVerdict;
use crate::plan::{FirstOwner, Plan, Withheld};
use crate::report::conclusion::sentences;
use crate::report::unread::not_read;
use crate::report::{Base, Commit, Context, Spent, counts::Counts, escape};
use crate::state::{Address, Change, ConfigName, EnvironmentName, Origin, Sign};
use unicode_width::UnicodeWidthStr as _;

/// The widest column of places in front of messages.
const WIDEST_TERM: usize = 40;

/// The plan, whole: everything that `apply` would do is named.
pub fn plan(plan: &Plan, context: &Context, layout: Layout) -> String {
    let mut page = Page::new(layout);
    if context.base.is_some()
        || context.snapshot.is_some()
        || !is_quiet(plan)
        || !context.expectations.iter().all(|each| each.verdict == ExpectationVerdict::Holds)
    {
        page.words(0, &header(plan, context));
    }
    if let Some(snapshot) = &context.snapshot {
        snapshot::opening(&mut page, snapshot);
    }
    if let Some(base) = &context.base {
        base::opening(&mut page, base, &context.expectations);
        hints::opening(&mut page, base, &context.access);
    }
    let besides = context.base.as_ref().and_then(|base| base::gaining(base, &context.access));
    access::access(&mut page, &context.access, context.is_part, besides.as_deref());
    changes(&mut page, plan, context.base.as_ref());
    if let Some(base) = &context.base {
        base::accepted(&mut page, base);
        base::drift(&mut page, plan, base);
        hints::closing(&mut page, base);
    }
    // What is only worth knowing does not come between what failed and the end.
    let information = |page: &mut Page| {
        messages(page, unmanaged::title(plan), &unmanaged::entries(plan, &View::of(plan)));
        messages(page, "Notes", &notes::entries(&plan.notes));
    };
    if !plan.unread.is_empty() {
        information(&mut page);
    }
    let (errors, withheld): (Vec<&Withheld>, Vec<&Withheld>) = plan.withheld.iter().partition(|entry| entry.is_error);
    withheld_part(&mut page, "Errors", &errors);
    withheld_part(&mut page, "Withheld", &withheld);
    unread(&mut page, plan);
    messages(&mut page, "Not checked: whether whoever applies may write this", &preflight::unchecked(&plan.forecasts));
    if plan.unread.is_empty() {
        information(&mut page);
    }
    expectations::part(&mut page, &context.expectations);
    guards::guards(&mut page, plan, context);
    page.gap();
    waits(&mut page, plan, "plan");
    let sentences: Vec<String> = sentences(plan, context).into_iter().map(|sentence| sentence.text).collect();
    conclusions(&mut page, &sentences, layout);
    if let Some(spent) = context.spent {
        page.words(0, &cost(spent, context));
    }
    page.render()
}

/// Whether there is nothing to say but that everything is as asked.
pub(in crate::report) fn is_quiet(plan: &Plan) -> bool {
    plan.changes.is_empty() && plan.withheld.is_empty() && plan.unread.is_empty() && plan.verdicts.is_empty()
}

pub(in crate::report) fn header(plan: &Plan, context: &Context) -> String {
    let tenant = plan.domain.as_ref().map_or_else(|| plan.tenant.to_string(), |domain| escape::name(domain));
    let unread = plan.unread.iter().filter(|part| part.environment.is_some()).count();
    let environments = count(plan.compared.environments + unread, "environment");
    let against =
        context.base.as_ref().map(|base| format!(" · against {} (from {})", escape::name(&base.reference), base.short));
    let subject = subject(plan, context.commit.as_ref());
    format!("{subject}{} · tenant {tenant} · {environments}", against.unwrap_or_default())
}

pub(in crate::report) fn subject(plan: &Plan, commit: Option<&Commit>) -> String {
    of_commit(&plan.config, commit)
}

/// The config, and the commit that it was read from.
pub(in crate::report) fn of_commit(config: &ConfigName, commit: Option<&Commit>) -> String {
    match commit {
        None => config.to_string(),
        Some(Commit { short, dirty, .. }) => {
            format!("{config} at {short}{}", if *dirty { ", with changes not committed" } else { "" })
        }
    }
}

/// The changes; of a plan that is compared with a base, those that are caused by the change of the files.
fn changes(page: &mut Page, plan: &Plan, base: Option<&Base>) {
    let view = View::of(plan);
    let caused = base.and_then(|base| base.caused.as_ref().ok());
    let is_shown = |change: &Change| caused.is_none_or(|caused| caused.by_change.contains(&change.address));
    for (environment, changes) in by_place(plan, is_shown) {
        page.gap();
        page.words(0, environment.map_or("Entra", EnvironmentName::as_str));
        at_place(page, plan, environment, &changes, &view);
    }
}

/// The changes of a plan by the place where they are made, Entra (`None`) first.
pub(in crate::report) fn by_place(
    plan: &Plan,
    is_shown: impl Fn(&Change) -> bool,
) -> BTreeMap<Option<&EnvironmentName>, Vec<&Change>> {
    let mut on: BTreeMap<Option<&EnvironmentName>, Vec<&Change>> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| is_shown(change)) {
        on.entry(change.address.environment()).or_default().push(change);
    }
    on
}

/// The changes at one place, and what its API server would refuse of them.
pub(in crate::report) fn at_place(
    page: &mut Page,
    plan: &Plan,
    environment: Option<&EnvironmentName>,
    changes: &[&Change],
    view: &View<'_>,
) {
    let Some(environment) = environment else {
        for (owner, FirstOwner { app, origin }) in &plan.first_owners {
            let groups = match changes.iter().filter(|change| entra::first_owner(change) == Some(*owner)).count() {
                0 => continue,
                1 => "the new group is".to_owned(),
                new => format!("the {new} new groups are"),
            };
            page.words(2, &format!("{groups} owned by the applier {app} ({origin})"));
        }
        entra::groups(page, changes.iter().copied(), view);
        return;
    };
    cluster::objects(page, changes.iter().copied(), view);
    let forecasts = plan.forecasts.iter().filter(|forecast| forecast.environment == *environment);
    forecasts.for_each(|forecast| preflight::refusals(page, forecast));
}

/// A part of terms, each with a message.
pub(in crate::report) fn messages(page: &mut Page, title: &str, entries: &[(String, String)]) {
    if entries.is_empty() {
        return;
    }
    page.gap();
    page.words(0, title);
    let widest = entries.iter().map(|(term, _)| term.width()).max().unwrap_or(0).min(WIDEST_TERM);
    for (term, message) in entries {
        page.described(2, term, widest, message);
    }
}

pub(super) fn withheld_part(page: &mut Page, title: &str, entries: &[&Withheld]) {
    if entries.is_empty() {
        return;
    }
    page.gap();
    page.words(0, title);
    let widest = entries.iter().map(|entry| withheld_at(entry).width()).max().unwrap_or(0).min(WIDEST_TERM);
    for entry in entries {
        page.described(2, &withheld_at(entry), widest, &escape::message(&entry.message));
        if let Some(next) = entry.reason.next() {
            page.detail(6, &format!("> {next}"));
        }
        waiting(page, entry);
    }
}

/// Where that stands which is withheld.
pub(in crate::report) fn withheld_at(entry: &Withheld) -> String {
    let place = entry.origin.as_ref().map(Origin::to_string);
    let place = place.or_else(|| entry.addresses.first().map(ToString::to_string));
    escape::name(&place.unwrap_or_else(|| entry.reason.to_string()))
}

/// At the end, where most people look: a plan that holds something back is not as good as done. `again` is the command.
pub(super) fn waits(page: &mut Page, plan: &Plan, again: &str) {
    if let Some((what, next)) = waiting_in_all(plan, "above", again) {
        page.item(Mark::Decide, &what);
        page.words(2, &next);
    }
}

/// What is withheld, and what to do; `there` is where it is told.
pub(in crate::report) fn waiting_in_all(plan: &Plan, there: &str, again: &str) -> Option<(String, String)> {
    let Counts { waiting, waiting_removals: removals, withheld, errors, .. } = Counts::of(plan);
    if waiting == 0 {
        return None;
    }
    let others = waiting - removals;
    let are = |number: usize| if number == 1 { "is" } else { "are" };
    let other = if removals == 0 { "change" } else { "other change" };
    let mut sentences = Vec::new();
    if removals > 0 {
        let by = if removals == 1 { "it" } else { "them" };
        let waiting = count(removals, "removal");
        sentences
            .push(format!("{waiting} {} withheld: whoever was to lose access by {by} still has it.", are(removals)));
    }
    if others > 0 {
        sentences.push(format!("{} {} withheld.", count(others, other), are(others)));
    }
    let part = match (errors, withheld) {
        (_, 0) => "\"Errors\"",
        (0, _) => "\"Withheld\"",
        (_, _) => "\"Errors\" and \"Withheld\"",
    };
    let next = format!("Do what stands under {part} {there}, then {again} again. No acknowledgement lifts this.");
    Some((sentences.join(" "), next))
}

/// What waits because of an entry. One address is what the message is about; more are listed, because people may lose or
/// keep access by them, and so is what was to be removed and stays.
fn waiting(page: &mut Page, entry: &Withheld) {
    let listed = waiting_of(entry);
    if listed.is_empty() {
        return;
    }
    page.words(6, "waiting:");
    for (sign, address) in &listed {
        page.marked(6, Mark::Sign(*sign), &address.to_string(), None);
    }
    let more = entry.addresses.len() - listed.len();
    if more > 0 {
        page.words(6, &format!("and {more} more; `--output json` lists each"));
    }
}

/// The first of what waits because of an entry, where there is more to tell than the entry does.
pub(in crate::report) fn waiting_of(entry: &Withheld) -> Vec<(Sign, &Address)> {
    const LISTED: usize = 12;
    if entry.addresses.len() < 2 && !entry.signs.contains(&Sign::Remove) {
        return Vec::new();
    }
    entry.signs.iter().copied().zip(&entry.addresses).take(LISTED).collect()
}

pub(super) fn unread(page: &mut Page, plan: &Plan) {
    let all = not_read(plan);
    if all.is_empty() {
        return;
    }
    page.gap();
    page.words(0, "Not read");
    let widest = all.iter().map(|part| part.name().width()).max().unwrap_or(0).min(WIDEST_TERM);
    for part in &all {
        page.described(2, &part.name(), widest, &escape::message(&part.failure.what));
        if let Some(next) = &part.failure.next {
            page.detail(6, &format!("> {}", escape::message(next)));
        }
    }
}

/// Sentences: on one line where they fit, else each on its own.
pub(super) fn conclusions(page: &mut Page, sentences: &[String], layout: Layout) {
    let together = sentences.join(" ");
    if together.width() <= layout.width {
        page.words(0, &together);
    } else {
        for sentence in sentences {
            page.words(0, sentence);
        }
    }
}

/// What a plan has cost; nothing but time where nobody was asked.
pub(in crate::report) fn cost(spent: Spent, context: &Context) -> String {
    match &context.snapshot {
        Some(_) => format!("from a snapshot, nothing was contacted, {:.1} s", spent.elapsed.as_secs_f64()),
        None => footer(spent),
    }
}

pub(in crate::report) fn footer(spent: Spent) -> String {
    let Spent { graph, others, clusters, elapsed } = spent;
    if graph.requests + clusters.requests == 0 {
        return format!("nobody was asked, {:.1} s", elapsed.as_secs_f64());
    }
    let number = |number: u64, thing: &str| count(usize::try_from(number).unwrap_or(usize::MAX), thing);
    let throttled = match graph.throttled + clusters.throttled {
        0 => "none throttled".to_owned(),
        some => format!("{some} throttled"),
    };
    let of_others = match others {
        0 => String::new(),
        some => format!("; {} for groups that are not ours", number(some, "call")),
    };
    format!(
        "{} ({}{of_others}), {}, {throttled}, {:.1} s",
        number(graph.requests, "Graph call"),
        number(graph.resource_units, "unit"),
        number(clusters.requests, "cluster call"),
        elapsed.as_secs_f64()
    )
}
