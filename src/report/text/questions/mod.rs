//! Answers about access as text.

mod access;
mod called;
mod who_can;
mod why;

pub use self::called::unseen;
use super::Layout;
use super::page::Page;
use crate::access::questions::{Answer, Question};
use crate::report::escape;

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

/// `alpha`, or `alpha, once the plan is applied`.
fn place(answer: &Answer, environment: &str) -> String {
    let environment = escape::name(environment);
    if answer.planned { format!("{environment}, after the apply") } else { environment }
}
