//! Answers about access as text.

mod access;
mod called;
mod who_can;
mod why;

use std::collections::BTreeMap;

pub use self::called::unseen;
use super::Layout;
use super::page::Page;
use crate::access::questions::{Answer, Part, Question, Unseen};
use crate::report::escape;
use crate::state::{Request, resources};

/// An answer.
pub fn answer(answer: &Answer, layout: Layout) -> String {
    let mut page = Page::new(layout);
    match &answer.question {
        Question::WhoCan(request) => who_can::draw(&mut page, answer, request),
        Question::Why(who, request) => why::draw(&mut page, answer, who, request.as_ref()),
        Question::Access(who) => access::draw(&mut page, answer, who),
    }
    page.gap();
    for part in &answer.unseen {
        page.marked(0, super::page::Mark::Unknown, &format!("not seen: {}", unseen(part)), None);
    }
    page.render()
}

/// The environments by name: those that were read, and those that were not.
fn places(answer: &Answer) -> BTreeMap<&str, Option<&Part>> {
    let read = answer.parts.iter().map(|part| (part.environment.as_str(), Some(part)));
    let unseen = answer.unseen.iter().filter_map(|unseen| match unseen {
        Unseen::Environment(name, ..) => Some((name.as_str(), None)),
        Unseen::Entra(..) | Unseen::Group(..) => None,
    });
    read.chain(unseen).collect()
}

/// What was asked about. Of what Kubernetes does not know, the API group is not left to be guessed.
fn requested(request: &Request) -> String {
    let text = escape::line(&request.to_string());
    match request {
        Request::Resource { group, resource, namespace, .. }
            if group.is_empty() && resource != "*" && resources::known(resource, Some("")).is_none() =>
        {
            let place = namespace.as_ref().map_or(" across the cluster".to_owned(), |name| format!(" in {name}"));
            let what = text.strip_suffix(&place).unwrap_or(&text);
            format!("{what} of the core group{place}")
        }
        Request::Resource { .. } | Request::Path { .. } => text,
    }
}

/// `alpha`, or `alpha, once the plan is applied`.
fn place(answer: &Answer, environment: &str) -> String {
    let environment = escape::name(environment);
    if answer.planned { format!("{environment}, after the apply") } else { environment }
}
