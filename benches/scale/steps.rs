//! The steps of a plan that are our own code, one after another in one process: what the files say, and what follows of it.

use std::hint::black_box;
use std::path::Path;

use rolecall::access::AccessComparison;
use rolecall::plan::saved::{Provenance, SavedPlan, plan_id};
use rolecall::plan::{self, Comparison, Plan};
use rolecall::report::{self, text::Layout};
use rolecall::state::{
    Above, AccessAnswer, Change, Desired, GroupAnswer, GroupAnswers, GroupQuestion, Inside, Observed, Policy,
    PrivilegedMembers,
};
use rolecall::{config, desired};

use crate::Error;
use crate::live;
use crate::measure::Stopwatch;
use crate::who_can;
use crate::world::Shape;

/// Runs the steps; `upto` names the last one.
pub(crate) fn run(folder: &Path, shape: Shape, upto: &str) -> Result<(), Error> {
    let mut watch = Stopwatch::start();
    let mut loaded = config::load(folder);
    let config = loaded.config.take().ok_or_else(|| format!("{:?}", loaded.findings.first()))?;
    watch.lap("load")?;
    if upto == "load" {
        return Ok(());
    }

    watch.restart();
    let desired = desired::compile(&config, &loaded.sources);
    watch.lap("compile")?;
    drop(config);

    let mut observed = live::observed(&desired, shape)?;
    let policy = Policy::default();
    watch.restart();
    let comparison = Comparison::new(&desired, &observed, &policy);
    let of_groups = answers_about_groups(comparison.group_questions());
    let mut planned = comparison.plan(&of_groups);
    observed.of_groups = of_groups;
    if answer_about_rights(&desired, &mut observed, &policy, &planned) {
        plan::foresee(&mut planned, &desired, &observed, &policy);
    }
    watch.lap("diff")?;

    let some = few(&planned.changes);
    watch.restart();
    let comparison = AccessComparison::new(&desired, &observed, &some);
    let questions = comparison.questions();
    let difference = comparison.difference();
    drop(comparison);
    watch.lap("access")?;
    if !questions.is_empty() || difference.rows.is_empty() {
        return Err("the changes mean nothing for anybody, or groups of others are bound".into());
    }

    watch.restart();
    let verdicts = plan::judge(&desired, &observed, &policy, &planned.changes);
    watch.lap("guards")?;
    if verdicts != planned.verdicts || planned.changes.is_empty() {
        return Err("the guards judge differently when they are asked again, or nothing was planned".into());
    }

    watch.restart();
    let gains = difference.gains();
    let id = plan_id(&planned, &desired.expectations, &gains);
    let context = report::Context { plan_id: Some(id), ..report::Context::default() };
    black_box(report::text::plan(&planned, &context, Layout { width: 120, colour: false }));
    watch.lap("render")?;

    watch.restart();
    let provenance = Provenance { rolecall: "bench".to_owned(), tree: loaded.tree_hash, commit: None };
    let text = SavedPlan::new(&planned, &policy, provenance).showing(&desired.expectations, gains).to_json()?;
    watch.lap("save")?;
    watch.say("changes", planned.changes.len())?;
    watch.say("saved-bytes", text.len())?;
    who_can::run(&desired, &mut observed)
}

/// A working day's changes: as many, whatever the size of the company, out of all of them.
fn few(changes: &[Change]) -> Vec<Change> {
    const FEW: usize = 20;
    changes.iter().step_by(changes.len().div_ceil(FEW).max(1)).cloned().collect()
}

/// Nobody is a member for an hour, and no group is in another.
fn answers_about_groups(questions: Vec<GroupQuestion>) -> GroupAnswers {
    let given = questions.iter().map(|question| match question {
        GroupQuestion::Privileged(_) => Ok(GroupAnswer::Privileged(PrivilegedMembers::Active([].into()))),
        GroupQuestion::Above(_) => Ok(GroupAnswer::Above(Above::Read(Vec::new()))),
        GroupQuestion::Members(_) => Ok(GroupAnswer::Members(Inside::Read(Vec::new()))),
        GroupQuestion::Direct(_) => Ok(GroupAnswer::Direct(Inside::Read(Vec::new()))),
    });
    let given = given.collect();
    let mut answers = GroupAnswers::default();
    answers.record(questions, given);
    answers
}

/// Everything is allowed. Says whether anything was asked.
fn answer_about_rights(desired: &Desired, observed: &mut Observed, policy: &Policy, planned: &Plan) -> bool {
    let mut has_asked = false;
    loop {
        let questions = plan::access_questions(desired, observed, policy, &planned.changes);
        if questions.is_empty() {
            return has_asked;
        }
        has_asked = true;
        for (environment, questions) in questions {
            let answer = |_: &_| Ok(AccessAnswer { allowed: true, reason: String::new() });
            let answers = questions.iter().map(answer).collect();
            observed.answers.entry(environment).or_default().record(questions, answers);
        }
    }
}
