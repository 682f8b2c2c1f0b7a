//! Expectations as they are live, and what the API servers say of them.

use std::collections::BTreeSet;

use super::Layout;
use super::expectations::{LISTED, because, reasons, sentence};
use super::page::{Mark, Page};
use super::plan::{conclusions, footer, of_commit};
use super::words::count;
use crate::access::expectations::live::{Difference, Places, Verified};
use crate::access::expectations::{Judged, What};
use crate::report::{Verification, escape};
use crate::state::{AccessReview, EnvironmentName, Failure, PrincipalName, first_few};

/// How many differences are told one by one.
const DIFFERENCES: usize = 5;
/// How many environments are named in a sentence.
const NAMED: usize = 5;

/// What became of the expectations: what holds, what is not known, what is broken, and last what nobody may rely on.
pub fn verified(verified: &Verified, context: &Verification, layout: Layout) -> String {
    let mut page = Page::new(layout);
    page.words(0, &header(verified, context));
    page.gap();
    for (mark, part) in [
        (Mark::Fine, verified.judged.iter().filter(|each| !each.is_broken() && !each.is_unknown()).collect()),
        (Mark::Unknown, verified.judged.iter().filter(|each| each.is_unknown()).collect()),
        (Mark::Decide, verified.judged.iter().filter(|each| each.is_broken()).collect::<Vec<&Judged>>()),
    ] {
        rows(&mut page, mark, &part, &verified.places);
    }
    unasked(&mut page, verified, context);
    differences(&mut page, &verified.differences);
    page.gap();
    conclusions(&mut page, &sentences(verified), layout);
    page.words(0, &footer(context.spent));
    page.render()
}

fn header(verified: &Verified, context: &Verification) -> String {
    let tenant = context.domain.as_ref().map_or_else(|| context.tenant.to_string(), |domain| escape::name(domain));
    let environments: BTreeSet<&EnvironmentName> = verified.judged.iter().map(|each| &each.environment).collect();
    let subject = of_commit(&context.config, context.commit.as_ref());
    format!("{subject} · tenant {tenant} · {}", count(environments.len(), "environment"))
}

fn rows(page: &mut Page, mark: Mark, judged: &[&Judged], places: &[Places]) {
    for each in judged.iter().take(LISTED) {
        page.marked(0, mark, &sentence(each), Some(each.origin.to_string()));
        for why in reasons(each) {
            page.detail(4, &because(why));
        }
        if let What::Only(_) = each.expected {
            let of = |places: &&Places| {
                (&places.origin, &places.who, &places.environment) == (&each.origin, &each.who, &each.environment)
            };
            if let Some(places) = places.iter().find(of) {
                page.detail(4, &asked_in(places));
            }
        }
    }
    let more = judged.len().saturating_sub(LISTED);
    if more > 0 {
        page.marked(0, mark, &format!("and {more} more; `--output json` lists each"), None);
    }
}

/// Where an `only` was asked about.
fn asked_in(places: &Places) -> String {
    let mut parts: Vec<String> = places.named.iter().map(|name| format!("in {name}")).collect();
    parts.extend(places.other.iter().map(|name| format!("in {name}, for every namespace that it does not name")));
    parts.push("across the cluster".to_owned());
    format!("asked about all that is served: {}", parts.join("; "))
}

fn unasked(page: &mut Page, verified: &Verified, context: &Verification) {
    if verified.unasked.is_empty() {
        return;
    }
    page.gap();
    page.words(0, "Not asked");
    for (name, failures) in &verified.unasked {
        let allowed = if context.allowed.contains(name) { " (allowed)" } else { "" };
        for Failure { what, next, .. } in failures {
            page.words(2, &format!("{name}{allowed}: {}", escape::message(what)));
            if let Some(next) = next {
                page.detail(6, &format!("> {}", escape::message(next)));
            }
        }
    }
}

fn differences(page: &mut Page, differences: &[Difference]) {
    for difference in differences.iter().take(DIFFERENCES) {
        let Difference { origin, environment, review, server, ours, why, who } = difference;
        page.gap();
        let title = format!("The API server of {environment} and rolecall do not say the same");
        page.marked(0, Mark::Decide, &title, Some(origin.to_string()));
        let server_says = if server.reason.is_empty() {
            yes_or_no(server.allowed).to_owned()
        } else {
            format!("{}, because: {}", yes_or_no(server.allowed), escape::message(&server.reason))
        };
        let reasons: Vec<String> = why.iter().map(because).collect();
        for (term, said) in [
            ("question", escape::line(&review.request.to_string())),
            ("about", about(review, who)),
            ("server", server_says),
            ("rolecall", format!("{}, because: {}", yes_or_no(*ours), reasons.join("; "))),
        ] {
            page.described(4, term, 8, &said);
        }
    }
    if !differences.is_empty() {
        let more = differences.len().saturating_sub(DIFFERENCES);
        if more > 0 {
            page.marked(0, Mark::Decide, &format!("and {more} more; `--output json` lists each"), None);
        }
        page.gap();
        page.words(
            0,
            "Do not rely on either answer, nor on what `plan`, `who-can` and `why` say of this cluster, until it is explained. \
             Does another authorizer than RBAC answer there (a webhook)? Then it knows more than rolecall does. If not, one of \
             the two is wrong: report it with the lines above.",
        );
    }
}

fn yes_or_no(allowed: bool) -> &'static str {
    if allowed { "yes" } else { "no" }
}

/// The user name and every group, as they were put into the review.
fn about(review: &AccessReview, who: &PrincipalName) -> String {
    let groups: Vec<String> = review.who.groups.iter().map(|group| escape::quoted(group)).collect();
    let user = if review.who.user.is_empty() {
        "anybody".to_owned()
    } else {
        format!("user {}", escape::quoted(&review.who.user))
    };
    format!("{user} in {}; that is {}", groups.join(", "), escape::name(&who.to_string()))
}

fn sentences(verified: &Verified) -> Vec<String> {
    let all = verified.judged.len();
    let broken = verified.judged.iter().filter(|each| each.is_broken()).count();
    let unknown = verified.judged.iter().filter(|each| each.is_unknown()).count();
    let mut parts = vec![format!("{} of {} hold", verified.holding(), count(all, "expectation"))];
    parts.extend((broken > 0).then(|| format!("{broken} failed")));
    parts.extend((unknown > 0).then(|| format!("{unknown} not known")));
    let mut sentences = vec![format!("{}.", parts.join(", "))];
    let reviews: usize = verified.reviews.values().sum();
    let answering = verified.reviews.iter().filter(|(_, number)| **number > 0).map(|(name, _)| name);
    let differing = verified.differences.len();
    if differing > 0 {
        sentences.push(format!(
            "{differing} of {} are answered otherwise than rolecall says.",
            count(reviews, "access review")
        ));
    } else if reviews > 0 {
        let of = first_few(answering, NAMED);
        sentences.push(format!("The API server says the same: {} of {of}.", count(reviews, "access review")));
    }
    if broken > 0 && differing == 0 {
        sentences.push("`rolecall plan` shows what the files would change.".to_owned());
    }
    sentences
}
