use super::*;
use crate::state::ObjectId;

fn said(by: Initiator, is_ours: bool) -> String {
    let activity = AuditActivity::AddMember;
    let by = Audited { activity, time: "2026-11-23T14:02:11.9293064Z".parse().ok(), by, is_ours };
    known(Standing::More, &Evidence::Audited { by, deleted: None }).unwrap()
}

fn user(name: Option<&str>, id: Option<ObjectId>) -> Initiator {
    Initiator::User { id, name: name.map(str::to_owned) }
}

fn an_app(name: Option<&str>, id: Option<ObjectId>) -> Initiator {
    Initiator::App { id, app: None, name: name.map(str::to_owned) }
}

#[test]
fn whoever_did_it_is_named_as_far_as_the_log_does() {
    let id: ObjectId = "11111111-1111-4111-8111-111111111111".parse().unwrap();
    let whom = [
        (user(Some("erin@contoso.com"), Some(id)), false),
        (user(None, Some(id)), false),
        (user(None, None), false),
        (an_app(Some("Contoso Portal"), Some(id)), false),
        (an_app(None, Some(id)), false),
        (an_app(Some("rolecall"), Some(id)), true),
        (Initiator::Unknown, false),
    ];
    let all: Vec<String> = whom.into_iter().map(|(by, is_ours)| said(by, is_ours)).collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    added by erin@contoso.com 2026-11-23T14:02:11Z
    added by the person 11111111-1111-4111-8111-111111111111 2026-11-23T14:02:11Z
    added by somebody whom the audit log does not name 2026-11-23T14:02:11Z
    added by the app "Contoso Portal" 2026-11-23T14:02:11Z
    added by the app 11111111-1111-4111-8111-111111111111 2026-11-23T14:02:11Z
    added by the applier "rolecall" 2026-11-23T14:02:11Z, perhaps by an earlier apply
    added by somebody whom the audit log does not name 2026-11-23T14:02:11Z
    "#);
}

#[test]
fn a_name_cannot_say_more_than_a_name() {
    for name in ["erin@contoso.com 2020-01-01T00:00:00Z; `apply` leaves it", "\u{1b}[2J", "a\"; b\n::set-env::", ""] {
        for by in [user(Some(name), None), an_app(Some(name), None)] {
            let text = said(by, false);
            let inside = text.split_once('"').unwrap().1.rsplit_once('"').unwrap().0;
            assert!(!inside.replace("\\\"", "").contains('"') && !text.contains(char::is_control), "{text}");
            assert!(text.ends_with("\" 2026-11-23T14:02:11Z"), "{text}");
        }
    }
}

#[test]
fn why_something_is_unknown_is_told_once_for_each_reason() {
    let failure = |what: &str, kind| Failure::new(kind, what).with_next("do\u{1b} this");
    let key = |n: usize| format!("team-{n}").parse::<GroupKey>().unwrap();
    let mut log = AuditLog { asked: 5, ..AuditLog::default() };
    for n in 0..5 {
        log.unread.insert(key(n), failure("refused", crate::state::FailureKind::Forbidden));
    }
    let all = |log: &AuditLog| unread(log).into_iter().map(|remark| remark.what).collect::<Vec<_>>();
    assert_eq!(all(&log), ["Who changed groups in Entra is unknown: refused"]);
    assert_eq!(unread(&log)[0].next.as_deref(), Some("do\\u{1b} this"));
    log.unread.insert(key(0), failure("late", crate::state::FailureKind::Unavailable));
    assert_eq!(
        all(&log),
        [
            "Who changed team-0 in Entra is unknown: late",
            "Who changed team-1, team-2, team-3 and 1 more in Entra is unknown: refused",
        ]
    );
}
