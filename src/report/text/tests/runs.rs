//! A run of `apply`: its lines, what is told at the end, and the counts.

use super::*;
use crate::apply::Stop;

#[test]
fn what_an_apply_could_not_do_is_said_last() {
    let part = |name: Option<&str>, allowed| {
        let failure = Failure::new(FailureKind::Unreachable, "no answer from https://10.0.0.7:6443 within 30 s");
        let failure = failure.with_next("check the network, the proxy and the address");
        Unread { environment: name.map(environment), failure, allowed }
    };
    let said = |unread| not_done(&Plan { unread, ..empty_plan() }, NARROW);
    assert_eq!(said(Vec::new()), "");
    insta::assert_snapshot!(said(vec![part(Some("alpha"), false)]), @"
    ! alpha was not read, nothing was done there: no answer from
      https://10.0.0.7:6443 within 30 s
      > check the network, the proxy and the address
    That is not everything: run it again when this is mended.
    ");
    insta::assert_snapshot!(said(vec![part(Some("alpha"), true)]), @"
    ! alpha was not read, nothing was done there (allowed): no answer from
      https://10.0.0.7:6443 within 30 s
      > check the network, the proxy and the address
    ");
    let many = ["a", "b", "c", "d", "e", "f", "g"].map(|name| part(Some(name), false));
    insta::assert_snapshot!(said([part(None, false)].into_iter().chain(many).collect()), @"
    ! Entra was not read, nothing was done there and no binding was made or removed:
      no answer from https://10.0.0.7:6443 within 30 s
      > check the network, the proxy and the address
    ! a was not read, nothing was done there: no answer from https://10.0.0.7:6443
      within 30 s
      > check the network, the proxy and the address
    ! b was not read, nothing was done there: no answer from https://10.0.0.7:6443
      within 30 s
      > check the network, the proxy and the address
    ! c, d, e and 2 more were not read either
    That is not everything: run it again when this is mended.
    ");
    let withheld = full_plan().withheld;
    insta::assert_snapshot!(not_done(&Plan { withheld, ..empty_plan() }, NARROW), @r#"
    ! 1 change is withheld.
      Do what stands under "Errors" and "Withheld" above, then apply again. No
      acknowledgement lifts this.
    "#);
}

fn applied(layout: Layout) -> String {
    let plan = full_plan();
    let done = Outcome::Done { created: None };
    let failure = Failure::new(
        FailureKind::Forbidden,
        "403, needs `escalate` on clusterroles or the rule patch apps/deployments",
    )
    .with_next("see `kubectl auth can-i escalate clusterroles`");
    let outcomes = [
        Outcome::Done { created: Some(id("abcd")) },
        Outcome::AlreadySo { created: None },
        done.clone(),
        done.clone(),
        Outcome::PENDING,
        done.clone(),
        done,
        Outcome::Failed { failure },
        Outcome::NotTried { reason: "waits for staging/clusterrole/restarter-0a1b2c3d4e".to_owned() },
        Outcome::NotTried { reason: "interrupted".to_owned() },
    ];
    let mut text = opening(&plan.changes, Path::new(".rolecall/2026-11-22T16-40-11Z.jsonl"), layout);
    let lines = Outcomes::new(&plan.changes, layout);
    for (change, outcome) in plan.changes.iter().zip(&outcomes) {
        text += &lines.line(change, outcome);
    }
    let summary = Summary { done: 5, already: 1, pending: 1, failed: 1, forbidden: 0, not_tried: 2, stopped: None };
    text + "\n" + &closing(&summary, false, None, layout)
}

#[test]
fn a_run() {
    insta::assert_snapshot!(applied(WIDE), @"
    Applying 10 changes (journal .rolecall/2026-11-22T16-40-11Z.jsonl)
    + entra/group/sre                                                       done (abcd…)
    ~ entra/group/payments                                                  already so
    - entra/group/old-contractors                                           done
    + entra/group/k8s_dev_users/member/hayden@contoso.com                   done
    - entra/group/k8s_dev_users/member/group-id:c0de0000-0000-0000-0000-000000000001
        accepted, but Entra does not show it yet (pending replication)
    + entra/group/sre/member/group:k8s_dev_users                            done
    + alpha/rolebinding/trinity/k8s_dev_users-read-only-3fa9c1d204          done
    ~ staging/clusterrole/restarter-0a1b2c3d4e                              failed: 403, needs `escalate` on clusterroles or
                                                                            the rule patch apps/deployments; see `kubectl
                                                                            auth can-i escalate clusterroles`
    - staging/rolebinding/payments/old-edit-00112233aa                      not tried, waits for
                                                                            staging/clusterrole/restarter-0a1b2c3d4e
    + prod/clusterrolebinding/sre-admin-77ab00ff12                          not tried, interrupted

    5 done, 1 already so, 1 pending, 1 failed, 2 not tried. Run it again in some minutes: what is done stays done.
    ");
}

#[test]
fn a_run_at_eighty_columns() {
    insta::assert_snapshot!(applied(NARROW), @"
    Applying 10 changes (journal .rolecall/2026-11-22T16-40-11Z.jsonl)
    + entra/group/sre                               done (abcd…)
    ~ entra/group/payments                          already so
    - entra/group/old-contractors                   done
    + entra/group/k8s_dev_users/member/hayden@contoso.com  done
    - entra/group/k8s_dev_users/member/group-id:c0de0000-0000-0000-0000-000000000001
        accepted, but Entra does not show it yet (pending replication)
    + entra/group/sre/member/group:k8s_dev_users    done
    + alpha/rolebinding/trinity/k8s_dev_users-read-only-3fa9c1d204  done
    ~ staging/clusterrole/restarter-0a1b2c3d4e
        failed: 403, needs `escalate` on clusterroles or the rule patch
        apps/deployments; see `kubectl auth can-i escalate clusterroles`
    - staging/rolebinding/payments/old-edit-00112233aa
        not tried, waits for staging/clusterrole/restarter-0a1b2c3d4e
    + prod/clusterrolebinding/sre-admin-77ab00ff12  not tried, interrupted

    5 done, 1 already so, 1 pending, 1 failed, 2 not tried. Run it again in some
    minutes: what is done stays done.
    ");
}

#[test]
fn the_end_of_a_run() {
    let end = |summary: Summary| closing(&summary, false, None, WIDE);
    insta::assert_snapshot!(end(Summary { done: 4, ..Summary::default() }), @"4 done.");
    insta::assert_snapshot!(end(Summary { done: 1, already: 3, ..Summary::default() }), @"1 done, 3 already so.");
    insta::assert_snapshot!(end(Summary { done: 1, failed: 2, forbidden: 2, not_tried: 1, ..Summary::default() }), @"1 done, 2 failed, 1 not tried. Give the rights named above, then run it again: what is done stays done.");
    insta::assert_snapshot!(end(Summary { failed: 2, forbidden: 1, ..Summary::default() }), @"2 failed. Run it again: what is done stays done.");
    insta::assert_snapshot!(end(Summary { done: 1, not_tried: 3, stopped: Some(Stop::Interrupted), ..Summary::default() }), @"Interrupted: 1 done, 3 not tried. Run it again: what is done stays done.");
    insta::assert_snapshot!(end(Summary::default()), @"Nothing to do.");
    insta::assert_snapshot!(end(Summary { done: 7, pending: 2, ..Summary::default() }), @"7 done, 2 pending. Run it again in some minutes: it finds what is done, and does only what is missing.");
    insta::assert_snapshot!(end(Summary { done: 7, pending: 2, not_tried: 1, stopped: Some(Stop::Interrupted), ..Summary::default() }), @"Interrupted: 7 done, 2 pending, 1 not tried. Run it again in some minutes: what is done stays done.");
    let nothing = |summary: Summary| closing(&summary, true, None, WIDE);
    insta::assert_snapshot!(nothing(Summary { not_tried: 1114, stopped: Some(Stop::Interrupted), ..Summary::default() }), @"Interrupted; nothing was written: 1114 not tried. Run it again.");
    insta::assert_snapshot!(nothing(Summary { already: 1, failed: 2, not_tried: 1, ..Summary::default() }), @"Nothing was written: 1 already so, 2 failed, 1 not tried. Run it again.");
    let broken = "cannot write the journal .rolecall/run.jsonl: no space left on device";
    let stopped = Summary { done: 1, not_tried: 3, ..Summary::default() };
    insta::assert_snapshot!(closing(&stopped, false, Some(broken), WIDE), @"
    ! cannot write the journal .rolecall/run.jsonl: no space left on device; nothing was started after that
    1 done, 3 not tried. Free space, or name another place with --journal FILE, then run it again: what is done stays done.
    ");
}

#[test]
fn what_was_not_tried_is_one_line_for_a_reason() {
    let changes = many_members(532).changes;
    let outcomes = Outcomes::new(&changes, WIDE);
    let mut gathered = Gathered::default();
    let not_tried = |reason: &str| Outcome::NotTried { reason: reason.to_owned() };
    changes.iter().take(500).for_each(|change| gathered.add(change, &not_tried("interrupted")));
    changes.iter().skip(500).take(28).for_each(|change| gathered.add(change, &Outcome::PENDING));
    let unread = Outcome::PendingReplication { why: Some("403\u{1b}".to_owned()) };
    changes.iter().skip(528).take(2).for_each(|change| gathered.add(change, &unread));
    changes.iter().skip(530).for_each(|change| gathered.add(change, &not_tried("waits for entra/group/everyone")));
    insta::assert_snapshot!(gathered.lines(&outcomes, 0), @"
    28 changes accepted, but Entra does not show it yet (pending replication):
        entra/group/everyone/member/person500@contoso.com, entra/group/everyone/member/person501@contoso.com,
        entra/group/everyone/member/person502@contoso.com and 25 more
    + entra/group/everyone/member/person528@contoso.com  accepted, but it could not be read back (pending replication):
                                                         403\\u{1b}
    + entra/group/everyone/member/person529@contoso.com  accepted, but it could not be read back (pending replication):
                                                         403\\u{1b}
    500 changes not tried, interrupted: entra/group/everyone/member/person000@contoso.com,
        entra/group/everyone/member/person001@contoso.com, entra/group/everyone/member/person002@contoso.com and 497 more
    + entra/group/everyone/member/person530@contoso.com  not tried, waits for entra/group/everyone
    + entra/group/everyone/member/person531@contoso.com  not tried, waits for entra/group/everyone
    ");
    assert_eq!(Gathered::default().lines(&outcomes, 0), "");
}

#[test]
fn what_waits_for_many_others_is_one_line_and_failures_far_above_are_said_again() {
    let changes = many_members(60).changes;
    let outcomes = Outcomes::new(&changes, NARROW);
    let mut gathered = Gathered::default();
    let not_tried = |at: usize| Outcome::NotTried { reason: format!("waits for entra/group/team-{}", at % 11) };
    changes.iter().take(40).enumerate().for_each(|(at, change)| gathered.add(change, &not_tried(at * at)));
    let failed = Outcome::Failed { failure: Failure::new(FailureKind::Unavailable, "adding: Graph answers 503") };
    changes.iter().skip(40).take(12).for_each(|change| gathered.add(change, &failed));
    insta::assert_snapshot!(gathered.lines(&outcomes, 21), @"
    8 changes not tried, waits for entra/group/team-3:
        entra/group/everyone/member/person005@contoso.com,
        entra/group/everyone/member/person006@contoso.com,
        entra/group/everyone/member/person016@contoso.com and 5 more
    7 changes not tried, waits for entra/group/team-1:
        entra/group/everyone/member/person001@contoso.com,
        entra/group/everyone/member/person010@contoso.com,
        entra/group/everyone/member/person012@contoso.com and 4 more
    7 changes not tried, waits for entra/group/team-4:
        entra/group/everyone/member/person002@contoso.com,
        entra/group/everyone/member/person009@contoso.com,
        entra/group/everyone/member/person013@contoso.com and 4 more
    18 more changes not tried, they wait for 3 others; the journal names each

    Failed, of 21 lines above:
    + entra/group/everyone/member/person040@contoso.com
        failed: adding: Graph answers 503
    + entra/group/everyone/member/person041@contoso.com
        failed: adding: Graph answers 503
    + entra/group/everyone/member/person042@contoso.com
        failed: adding: Graph answers 503
    + entra/group/everyone/member/person043@contoso.com
        failed: adding: Graph answers 503
    + entra/group/everyone/member/person044@contoso.com
        failed: adding: Graph answers 503
    + entra/group/everyone/member/person045@contoso.com
        failed: adding: Graph answers 503
    + entra/group/everyone/member/person046@contoso.com
        failed: adding: Graph answers 503
    + entra/group/everyone/member/person047@contoso.com
        failed: adding: Graph answers 503
    + entra/group/everyone/member/person048@contoso.com
        failed: adding: Graph answers 503
    + entra/group/everyone/member/person049@contoso.com
        failed: adding: Graph answers 503
    and 2 more that failed; the journal names each
    ");
    assert!(!gathered.lines(&outcomes, 20).contains("Failed"), "they are still on the screen");
}
