//! Whether rolecall's authorizer says what an API server says, of worlds of roles and bindings by a seed.
//!
//! It says what a server stores and every rule that decides; which of them decides a question is found by breaking each of them
//! in turn in an authorizer with switches, so that a rule that nothing depends on cannot hide among the questions.
//!
//! Seeds that failed before a bug was mended:
//! - 1: `resourceNames: [""]` allows what is asked without a name. `access` said no to 239 of its 20,606 questions.

mod place;
mod question;
mod rules;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher as _, RandomState};

use rolecall::access::Rbac;

use self::place::Place;
use self::question::{Question, View};
use self::rules::{Rule, Stored};
use self::world::World;
use super::Server;
use super::dice::Dice;

/// How many worlds there are at a time.
const WORLDS: usize = 6;
/// After how many draws for each question that is wanted it is given up; a fraction of it does.
const DRAWS: usize = 60;

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) questions: usize,
    /// How many of them each rule must decide at least.
    pub(crate) least: usize,
}

/// The seed of the worlds: another one each time, unless it is said.
#[allow(clippy::disallowed_methods, reason = "whoever runs a test again says by the environment with which seed")]
pub(crate) fn seed() -> u64 {
    let said = std::env::var("ROLECALL_AGREEMENT_SEED").ok();
    said.map_or_else(|| RandomState::new().hash_one(0) % 1_000_000, |seed| seed.parse().expect("a seed is a number"))
}

/// What was asked, and what was answered.
pub(crate) struct Held {
    seed: u64,
    size: Size,
    pub(crate) asked: usize,
    allowed: usize,
    /// How many of the questions have another answer with each rule broken.
    decided: BTreeMap<Rule, usize>,
    /// Where rolecall, or the authorizer with switches, says something else than the server.
    pub(crate) differing: Vec<String>,
    /// Where another server does, or rolecall of what it reads there.
    pub(crate) elsewhere: Vec<String>,
}

/// Draws worlds and questions, and holds them with a server; then the same with others.
pub(crate) async fn hold(server: &Server, others: &[Server], seed: u64, size: Size) -> Held {
    let mut dice = Dice::new(seed);
    let worlds: Vec<World> = (0..WORLDS).map(|number| world::draw(&mut dice, number)).collect();
    let place = Place::new(server).await;
    place.write(&worlds).await;
    let stored = place.stored().await;
    let questions = choose(&mut dice, &worlds, &stored, size);
    let (answers, mut differing) = compare(&place, &questions).await;
    place.end().await;
    let mut decided: BTreeMap<Rule, usize> = Rule::ALL.iter().map(|rule| (*rule, 0)).collect();
    for (question, answer) in questions.iter().zip(&answers) {
        let bindings = stored.about(question);
        if stored.allows(question, &bindings, None) != *answer {
            differing.push(format!("{}\n  the server: {answer}; not so with the switches", question.spec()));
        }
        for (rule, count) in &mut decided {
            *count += usize::from(stored.allows(question, &bindings, Some(*rule)) != *answer);
        }
    }
    let mut elsewhere = Vec::new();
    for other in others {
        let place = Place::new(other).await;
        place.write(&worlds).await;
        let (others, differing) = compare(&place, &questions).await;
        place.end().await;
        elsewhere.extend(differing);
        for ((question, other), answer) in questions.iter().zip(others).zip(&answers) {
            if other != *answer {
                elsewhere.push(format!("{}\n  the server: {answer}; another: {other}", question.spec()));
            }
        }
    }
    let allowed = answers.iter().filter(|answer| **answer).count();
    Held { seed, size, asked: questions.len(), allowed, decided, differing, elsewhere }
}

/// The server's answers, and where rolecall's over what it reads there differ.
async fn compare(place: &Place, questions: &[Question]) -> (Vec<bool>, Vec<String>) {
    let cluster = place.observed().await;
    let rbac = Rbac::live(&cluster);
    let answers = place.ask(questions).await;
    let mut differing = Vec::new();
    for (question, answer) in questions.iter().zip(&answers) {
        let (caller, request) = question.asked();
        if rbac.allows(&caller, &request) != *answer {
            differing.push(format!("{}\n  the server: {answer}; not so rolecall", question.spec()));
        }
    }
    (answers, differing)
}

/// The first half as they are drawn, then those that a rule decides which has not decided enough, then those that make as many
/// allowed as not.
fn choose(dice: &mut Dice, worlds: &[World], stored: &Stored, size: Size) -> Vec<Question> {
    let mut decided: BTreeMap<Rule, usize> = Rule::ALL.iter().map(|rule| (*rule, 0)).collect();
    let (mut chosen, mut seen, mut allowed) = (Vec::new(), BTreeSet::new(), 0);
    // A few more than are to be counted, should a rule come to decide less.
    let enough = size.least + size.least / 10;
    let views: Vec<View<'_>> = worlds.iter().map(|world| View::new(world, stored)).collect();
    for _ in 0..size.questions * DRAWS {
        if chosen.len() >= size.questions && decided.values().all(|count| *count >= enough) {
            break;
        }
        let view = &views[dice.below(views.len())];
        let question = question::draw(dice, view);
        if seen.contains(&question) {
            continue;
        }
        let bindings = stored.about(&question);
        let answer = stored.allows(&question, &bindings, None);
        let wanting: Vec<Rule> = decided.iter().filter(|(_, count)| **count < enough).map(|(rule, _)| *rule).collect();
        let deciding: Vec<Rule> =
            wanting.into_iter().filter(|rule| stored.allows(&question, &bindings, Some(*rule)) != answer).collect();
        let is_even = (allowed * 2 < chosen.len()) == answer;
        let is_full = chosen.len() >= size.questions;
        if chosen.len() * 2 < size.questions || !deciding.is_empty() || is_even && !is_full {
            for rule in deciding {
                *decided.get_mut(&rule).unwrap() += 1;
            }
            allowed += usize::from(answer);
            seen.insert(question.clone());
            chosen.push(question);
        }
    }
    chosen
}

impl Held {
    /// Fails unless all agree and enough was asked of everything.
    #[track_caller]
    pub(crate) fn check(&self) {
        let seed = self.seed;
        for (differing, what) in [(&self.differing, "rolecall and the server"), (&self.elsewhere, "the servers")] {
            let first = differing.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
            let count = differing.len();
            assert!(count == 0, "ROLECALL_AGREEMENT_SEED={seed}: {count} answers of {what} differ\n{first}");
        }
        assert!(self.asked >= self.size.questions, "too few questions were found\n{self}");
        assert!((30..=70).contains(&self.share()), "nearly all or hardly any are allowed\n{self}");
        // A rule that nothing depends on could be broken and nobody would see it.
        assert!(self.decided.values().all(|count| *count >= self.size.least), "a rule decides too little\n{self}");
    }

    fn share(&self) -> usize {
        self.allowed * 100 / self.asked.max(1)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, asked, share) = (self.seed, self.asked, self.share());
        let mut text =
            format!("seed {seed}: {asked} questions, {share} % of them allowed; answers that each rule decides:\n");
        for pair in self.decided.iter().collect::<Vec<_>>().chunks(2) {
            for (rule, count) in pair {
                write!(text, "  {count:>6}  {:<40}", rule.words())?;
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        formatter.write_str(text.trim_end())
    }
}
