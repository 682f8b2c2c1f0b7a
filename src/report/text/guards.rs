//! The part of a plan about guards: what each says, and how many would make `apply` refuse.

use super::page::{Mark, Page};
use super::unmanaged;
use super::words::count;
use crate::plan::{Plan, Verdict};
use crate::report::conclusion::Sentence;
use crate::report::{Applies, Context, counts::Counts, escape};

/// How many verdicts of the guard about bindings that are not ours are told one by one.
const UNMANAGED_LISTED: usize = 10;

/// What a guard says, for people.
pub(in crate::report) struct Said {
    pub(in crate::report) mark: Mark,
    /// The guard and what would happen.
    pub(in crate::report) text: String,
    pub(in crate::report) details: Vec<String>,
    /// How somebody agrees, where that is not done and can be: a flag and its value.
    pub(in crate::report) acknowledge: Option<String>,
}

/// Adds what every guard says.
pub(super) fn guards(page: &mut Page, plan: &Plan, context: &Context) {
    let said = all(plan, context);
    if !said.is_empty() {
        page.gap();
    }
    for Said { mark, text, details, acknowledge } in said {
        page.marked(0, mark, &text, None);
        for detail in details {
            page.detail(4, &detail);
        }
        if let Some(flag) = acknowledge {
            page.verbatim(4, &format!("if meant: {flag}"));
        }
    }
}

/// What every guard says.
pub(in crate::report) fn all(plan: &Plan, context: &Context) -> Vec<Said> {
    let alone = without_saved(plan, context);
    let only_alone: Vec<&Verdict> =
        alone.iter().filter(|verdict| verdict.refuses() && !has(&plan.verdicts, verdict)).collect();
    let mut said = Vec::new();
    let mut unmanaged = 0;
    for verdict in &plan.verdicts {
        if verdict.guard == "unmanaged" && !verdict.acknowledged {
            unmanaged += 1;
            if unmanaged > UNMANAGED_LISTED {
                continue;
            }
        }
        if verdict.leaves_out.is_empty() {
            let by_saved = verdict.refuses() && context.applies != Applies::Saved && !has(alone, verdict);
            let beside = unmanaged::beside_refused(plan, verdict);
            said.push(objection(verdict, if by_saved { " (with a saved plan only)" } else { "" }, beside));
        } else {
            said.push(protected(verdict, context.applies));
        }
    }
    if unmanaged > UNMANAGED_LISTED {
        let more = unmanaged - UNMANAGED_LISTED;
        let text = format!(
            "unmanaged: {more} more; `--output json` lists each. `*` in `allow-unmanaged` allows many, such as `argocd/*`"
        );
        said.push(Said { mark: Mark::Decide, text, details: Vec::new(), acknowledge: None });
    }
    said.extend(only_alone.into_iter().map(|verdict| objection(verdict, " (without a saved plan only)", None)));
    said
}

fn objection(verdict: &Verdict, when: &str, beside: Option<String>) -> Said {
    let Verdict { guard, subject, message, acknowledged, .. } = verdict;
    // By how many ways somebody comes to cluster-admin, so many sentences.
    let (first, ways) = match (guard.as_str(), message.split_once(". They could ")) {
        ("cluster-admin-gained", Some((first, ways))) => (first, ways.split(". They could ").collect()),
        _ => (message.as_str(), Vec::new()),
    };
    let ways = ways.into_iter().map(|way| format!("they could {}", escape::message(way.trim_end_matches('.'))));
    let mut details: Vec<String> = ways.chain(beside).collect();
    details.extend(acknowledged.then(|| "acknowledged".to_owned()));
    let flag = || format!("--acknowledge {}", escape::shell_word(&format!("{guard}:{subject}")));
    Said {
        mark: Mark::Decide,
        text: format!("{guard}: {}{when}", escape::message(first)),
        details,
        acknowledge: (!acknowledged).then(flag),
    }
}

/// What leaves something out refuses nothing, and says itself how that is applied. A saved plan is that way.
fn protected(verdict: &Verdict, applies: Applies) -> Said {
    let Verdict { guard, subject, message, leaves_out, .. } = verdict;
    let (mark, text) = if applies == Applies::Saved {
        let reach = if leaves_out.len() == 1 { "reaches" } else { "reach" };
        let changes = count(leaves_out.len(), "change");
        let text = format!("{guard}: {changes} {reach} {subject}; carried out because this is a saved plan");
        (Mark::Same, text)
    } else {
        (Mark::Decide, format!("{guard}: {}", escape::message(message)))
    };
    Said { mark, text, details: Vec::new(), acknowledge: None }
}

/// What would be refused, and what would be left out, in a sentence each.
pub(in crate::report) fn sentences(plan: &Plan, counts: &Counts, context: &Context) -> Vec<Sentence> {
    let alone = without_saved(plan, context).iter().filter(|verdict| verdict.refuses()).count();
    let saved = counts.refusals;
    let refuse = |by: String| Sentence::decide(format!("`apply` would refuse: {by}."));
    let mut sentences = Vec::new();
    match context.applies {
        Applies::Saved if saved > 0 => sentences.push(refuse(count(saved, "guard"))),
        Applies::Saved => {}
        Applies::Unsaved if alone == saved => {
            if saved > 0 {
                sentences.push(refuse(count(saved, "guard")));
            }
        }
        Applies::Unsaved if alone == 0 => {
            sentences
                .push(Sentence::decide(format!("`apply` of a saved plan would refuse: {}.", count(saved, "guard"))));
        }
        Applies::Unsaved => {
            sentences.push(refuse(format!("{} ({saved} with a saved plan)", count(alone, "guard"))));
        }
    }
    if counts.left_out > 0 && context.applies == Applies::Unsaved {
        let left_out = count(counts.left_out, "protected change");
        sentences.push(Sentence::plain(format!("`apply` without a saved plan would leave out {left_out}.")));
    }
    sentences
}

/// What the guards say of what `apply` would do without a saved plan.
fn without_saved<'a>(plan: &'a Plan, context: &'a Context) -> &'a [Verdict] {
    context.without_saved.as_deref().unwrap_or(&plan.verdicts)
}

fn has(verdicts: &[Verdict], wanted: &Verdict) -> bool {
    verdicts.iter().any(|verdict| verdict.guard == wanted.guard && verdict.subject == wanted.subject)
}

#[cfg(test)]
mod tests {
    use crate::plan::{FirstOwner, Plan, Verdict, Withheld};
    use crate::report::tests::*;
    use crate::report::text::{Layout, plan};
    use crate::report::{Applies, Context};
    use crate::state::{Address, Sign};

    fn verdict(guard: &str, subject: &str, leaves_out: Vec<Address>) -> Verdict {
        let message = format!("{subject} would suffer");
        Verdict { guard: guard.to_owned(), subject: subject.to_owned(), message, acknowledged: false, leaves_out }
    }

    /// The end of the screen, from the guards on.
    fn shown(applies: Applies, without_saved: Option<Vec<Verdict>>) -> String {
        let Plan { changes, .. } = full_plan();
        let left_out = vec![changes[0].address.clone(), changes[1].address.clone()];
        let verdicts = vec![
            verdict("group-deleted", "contractors", Vec::new()),
            verdict("removals", "run=12", Vec::new()),
            verdict("protected", "prod", left_out),
        ];
        let context = Context { applies, without_saved, ..Context::default() };
        let text = plan(&Plan { changes, verdicts, ..empty_plan() }, &context, Layout { width: 120, colour: false });
        text.split_once("\n! ").map(|(_, end)| format!("! {end}")).unwrap()
    }

    #[test]
    fn a_saved_plan_carries_out_what_is_protected() {
        insta::assert_snapshot!(shown(Applies::Saved, Some(Vec::new())), @"
        ! group-deleted: contractors would suffer
            if meant: --acknowledge group-deleted:contractors
        ! removals: run=12 would suffer
            if meant: --acknowledge removals:run=12
        = protected: 2 changes reach prod; carried out because this is a saved plan

        Plan: 5 to add, 2 to change, 3 to remove, 0 withheld. `apply` would refuse: 2 guards.
        ");
    }

    #[test]
    fn what_only_a_saved_plan_or_only_another_would_be_refused_for_is_marked() {
        let alone = vec![verdict("group-deleted", "contractors", Vec::new()), verdict("removals", "run=7", Vec::new())];
        insta::assert_snapshot!(shown(Applies::Unsaved, Some(alone)), @"
        ! group-deleted: contractors would suffer
            if meant: --acknowledge group-deleted:contractors
        ! removals: run=12 would suffer (with a saved plan only)
            if meant: --acknowledge removals:run=12
        ! protected: prod would suffer
        ! removals: run=7 would suffer (without a saved plan only)
            if meant: --acknowledge removals:run=7

        Plan: 5 to add, 2 to change, 3 to remove, 0 withheld.
        `apply` would refuse: 2 guards.
        `apply` without a saved plan would leave out 2 protected changes.
        ");
        insta::assert_snapshot!(shown(Applies::Unsaved, Some(Vec::new())), @"
        ! group-deleted: contractors would suffer (with a saved plan only)
            if meant: --acknowledge group-deleted:contractors
        ! removals: run=12 would suffer (with a saved plan only)
            if meant: --acknowledge removals:run=12
        ! protected: prod would suffer

        Plan: 5 to add, 2 to change, 3 to remove, 0 withheld.
        `apply` of a saved plan would refuse: 2 guards.
        `apply` without a saved plan would leave out 2 protected changes.
        ");
    }

    #[test]
    fn what_waits_has_its_sign_and_new_groups_their_owner_once() {
        let Plan { changes, .. } = full_plan();
        let owner = changes.iter().find_map(super::super::entra::first_owner).unwrap();
        let origin = origin("rolecall.yaml", 7);
        let app = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d".parse().unwrap();
        let waiting = |name: &str| Address::Member(key("k8s_dev_users"), user(name));
        let withheld = vec![Withheld {
            origin: Some(super::super::super::tests::origin("teams/trinity.yaml", 10)),
            addresses: vec![waiting("hayden@contoso.com"), waiting("heyden@contoso.com")],
            signs: vec![Sign::Remove, Sign::Add],
            reason: crate::plan::Reason::UnknownPerson,
            message: "nobody is `heyden@contoso.com`".to_owned(),
            is_error: false,
        }];
        let first_owners = [(owner, FirstOwner { app, origin })].into();
        let plan_ = Plan { changes, withheld, first_owners, ..empty_plan() };
        let text = plan(&plan_, &Context::default(), Layout { width: 120, colour: false });
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("owned by") || line.contains("en@")).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        the new group is owned by the applier 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d (rolecall.yaml:7)
          + member hayden@contoso.com (7d1a…)                      teams/trinity.yaml:9
        teams/trinity.yaml:10  nobody is `heyden@contoso.com`
            - entra/group/k8s_dev_users/member/hayden@contoso.com
            + entra/group/k8s_dev_users/member/heyden@contoso.com
        ");
        assert!(!text.contains("first owner"), "{text}");
    }
}
