//! A plan as text.

use std::collections::BTreeSet;

use super::page::{Mark, Page};
use super::view::View;
use super::words::count;
use super::{Layout, cluster, entra, preflight, unmanaged};
use crate::plan::{Note, Plan, Verdict, Withheld};
use crate::report::{Commit, Context, Spent, counts::Counts, escape};
use crate::state::{EnvironmentName, Origin, first_few};
use unicode_width::UnicodeWidthStr as _;

/// How many verdicts of the guard about bindings that are not ours are told one by one.
const UNMANAGED_LISTED: usize = 10;
/// The widest column of places in front of messages.
const WIDEST_TERM: usize = 40;

/// The plan, whole: everything that `apply` would do is named.
pub fn plan(plan: &Plan, context: &Context, layout: Layout) -> String {
    let mut page = Page::new(layout);
    if !is_quiet(plan) {
        page.words(0, &header(plan, context));
    }
    changes(&mut page, plan);
    let (errors, withheld): (Vec<&Withheld>, Vec<&Withheld>) = plan.withheld.iter().partition(|entry| entry.is_error);
    withheld_part(&mut page, "Errors", &errors);
    withheld_part(&mut page, "Withheld", &withheld);
    unread(&mut page, plan);
    messages(&mut page, "Not checked: whether whoever applies may write this", &preflight::unchecked(&plan.forecasts));
    messages(&mut page, unmanaged::title(plan), &unmanaged::entries(plan, &View::of(plan)));
    notes(&mut page, "Notes", &plan.notes);
    guards(&mut page, plan);
    page.gap();
    conclusions(&mut page, &counts(plan, context), layout);
    if let Some(spent) = context.spent {
        page.words(0, &footer(spent));
    }
    page.render()
}

/// Whether there is nothing to say but that everything is as asked.
fn is_quiet(plan: &Plan) -> bool {
    plan.changes.is_empty() && plan.withheld.is_empty() && plan.unread.is_empty() && plan.verdicts.is_empty()
}

fn header(plan: &Plan, context: &Context) -> String {
    let tenant = plan.domain.as_ref().map_or_else(|| plan.tenant.to_string(), |domain| escape::name(domain));
    let unread = plan.unread.iter().filter(|part| part.environment.is_some()).count();
    let environments = count(plan.compared.environments + unread, "environment");
    format!("{} · tenant {tenant} · {environments}", subject(plan, context.commit.as_ref()))
}

fn subject(plan: &Plan, commit: Option<&Commit>) -> String {
    match commit {
        None => plan.config.to_string(),
        Some(Commit { short, dirty, .. }) => {
            format!("{} at {short}{}", plan.config, if *dirty { ", with changes not committed" } else { "" })
        }
    }
}

fn changes(page: &mut Page, plan: &Plan) {
    let view = View::of(plan);
    let at = |environment: Option<&EnvironmentName>| {
        let environment = environment.cloned();
        plan.changes.iter().filter(move |change| change.address.environment() == environment.as_ref())
    };
    if at(None).next().is_some() {
        page.gap();
        page.words(0, "Entra");
        entra::groups(page, at(None), &view);
    }
    let environments: BTreeSet<&EnvironmentName> =
        plan.changes.iter().filter_map(|change| change.address.environment()).collect();
    for environment in environments {
        page.gap();
        page.words(0, environment.as_str());
        cluster::objects(page, at(Some(environment)), &view);
        let forecasts = plan.forecasts.iter().filter(|forecast| forecast.environment == *environment);
        forecasts.for_each(|forecast| preflight::refusals(page, forecast));
    }
}

/// A part of terms, each with a message.
fn messages(page: &mut Page, title: &str, entries: &[(String, String)]) {
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

fn withheld_part(page: &mut Page, title: &str, entries: &[&Withheld]) {
    let place = |entry: &Withheld| {
        entry.origin.as_ref().map(Origin::to_string).or_else(|| entry.addresses.first().map(ToString::to_string))
    };
    let entries: Vec<(String, String)> = entries
        .iter()
        .map(|entry| {
            let place = place(entry).unwrap_or_else(|| entry.reason.clone());
            (escape::name(&place), escape::message(&format!("{}{}", entry.message, waiting(entry))))
        })
        .collect();
    messages(page, title, &entries);
}

/// What waits because of an entry. One address is what the message is about; more are listed, because people may lose or
/// keep access by them.
fn waiting(entry: &Withheld) -> String {
    const LISTED: usize = 12;
    if entry.addresses.len() < 2 {
        return String::new();
    }
    format!("; waiting: {}", first_few(&entry.addresses, LISTED))
}

fn unread(page: &mut Page, plan: &Plan) {
    let entries: Vec<(String, String)> = plan
        .unread
        .iter()
        .map(|part| {
            let name = part.environment.as_ref().map_or("Entra", EnvironmentName::as_str);
            let allowed = if part.allowed { " (allowed)" } else { "" };
            let next = part.failure.next.as_ref().map(|next| format!("; {next}")).unwrap_or_default();
            (format!("{name}{allowed}"), escape::message(&format!("{}{next}", part.failure.what)))
        })
        .collect();
    messages(page, "Not read", &entries);
}

fn notes(page: &mut Page, title: &str, notes: &[Note]) {
    let entries: Vec<(String, String)> = notes
        .iter()
        .map(|note| {
            let part = note.environment.as_ref().map(ToString::to_string);
            let place = part.or_else(|| note.origin.as_ref().map(Origin::to_string));
            (escape::name(&place.unwrap_or_else(|| "Entra".to_owned())), escape::message(&note.message))
        })
        .collect();
    messages(page, title, &entries);
}

fn guards(page: &mut Page, plan: &Plan) {
    if plan.verdicts.is_empty() {
        return;
    }
    page.gap();
    let mut unmanaged = 0;
    for verdict in &plan.verdicts {
        if verdict.guard == "unmanaged" && !verdict.acknowledged {
            unmanaged += 1;
            if unmanaged > UNMANAGED_LISTED {
                continue;
            }
        }
        let Verdict { guard, subject, message, acknowledged, leaves_out } = verdict;
        page.marked(0, Mark::Decide, &format!("{guard}: {}", escape::message(message)), None);
        if *acknowledged {
            page.detail(4, "acknowledged");
        } else if leaves_out.is_empty() {
            // What leaves something out refuses nothing, and says itself how that is applied.
            let subject = escape::shell_word(&format!("{guard}:{subject}"));
            page.verbatim(4, &format!("if meant: --acknowledge {subject}"));
        }
    }
    if unmanaged > UNMANAGED_LISTED {
        let more = unmanaged - UNMANAGED_LISTED;
        let text = format!(
            "unmanaged: {more} more; `--output json` lists each. `*` in `allow-unmanaged` allows many, such as `argocd/*`"
        );
        page.marked(0, Mark::Decide, &text, None);
    }
}

/// Sentences: on one line where they fit, else each on its own.
fn conclusions(page: &mut Page, sentences: &[String], layout: Layout) {
    let together = sentences.join(" ");
    if together.width() <= layout.width {
        page.words(0, &together);
    } else {
        for sentence in sentences {
            page.words(0, sentence);
        }
    }
}

fn counts(plan: &Plan, context: &Context) -> Vec<String> {
    let counts = Counts::of(plan);
    let mut missing = Vec::new();
    if counts.withheld > 0 || !plan.changes.is_empty() {
        missing.push(format!("{} withheld", counts.withheld));
    }
    if counts.errors > 0 {
        missing.push(count(counts.errors, "error"));
    }
    if counts.unread > 0 {
        missing.push(format!("{} not read", count(counts.unread, "part")));
    }
    let missing = missing.join(", ");
    let mut sentences = Vec::new();
    if plan.changes.is_empty() {
        let compared = format!(
            "{}, {}, {}",
            count(plan.compared.groups, "group"),
            count(plan.compared.environments, "environment"),
            count(plan.compared.bindings, "binding")
        );
        let subject = subject(plan, context.commit.as_ref());
        let nothing_read = plan.compared.groups == 0 && plan.compared.environments == 0 && !plan.unread.is_empty();
        sentences.push(if nothing_read {
            format!("No plan: {missing}.")
        } else if missing.is_empty() {
            format!("No changes. {compared} match {subject}.")
        } else {
            format!("Nothing to apply, {missing}. {compared} were compared with {subject}.")
        });
    } else {
        let Counts { add, change, remove, .. } = counts;
        sentences.push(format!("Plan: {add} to add, {change} to change, {remove} to remove, {missing}."));
    }
    if counts.refusals > 0 {
        sentences.push(format!("`apply` would refuse: {}.", count(counts.refusals, "guard")));
    }
    if counts.forbidden > 0 {
        let forbidden = count(counts.forbidden, "change");
        sentences.push(format!("{forbidden} would be refused by the API server: rights are missing."));
    }
    if counts.left_out > 0 {
        let left_out = count(counts.left_out, "protected change");
        sentences.push(format!("`apply` without a saved plan would leave out {left_out}."));
    }
    sentences
}

fn footer(spent: Spent) -> String {
    let Spent { graph, clusters, elapsed } = spent;
    let number = |number: u64, thing: &str| count(usize::try_from(number).unwrap_or(usize::MAX), thing);
    let throttled = match graph.throttled + clusters.throttled {
        0 => "none throttled".to_owned(),
        some => format!("{some} throttled"),
    };
    format!(
        "{} ({}), {}, {throttled}, {:.1} s",
        number(graph.requests, "Graph call"),
        number(graph.resource_units, "unit"),
        number(clusters.requests, "cluster call"),
        elapsed.as_secs_f64()
    )
}
