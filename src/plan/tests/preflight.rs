//! What is foretold about the answers of an API server, and what is asked for it.

use std::collections::BTreeSet;

use super::world::{World, cluster_role, in_namespace, meta, namespace, rule, subject};
use crate::plan::access_questions;
use crate::plan::preflight::{Forecast, Whose};
use crate::state::{
    AccessAnswer, AccessQuestion, AppliedBy, Applier, Binding, Failure, FailureKind, LiveBinding, LiveRole, Mark,
    PolicyRule, Result, Role, ScopeTarget, Subject, SubjectKind, SubjectName,
};

fn rbac(verbs: &[&str], resources: &[&str], names: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: vec!["rbac.authorization.k8s.io".to_owned()],
        resource_names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..rule(verbs, resources)
    }
}

fn writes() -> PolicyRule {
    rbac(&["create", "patch", "delete"], &["roles", "rolebindings", "clusterroles", "clusterrolebindings"], &[])
}

impl World {
    /// Gives rules to the applier's service account, in a namespace or on the whole cluster.
    fn give(&mut self, place: Option<&str>, rules: Vec<PolicyRule>) -> &mut Self {
        let name = format!("given-{}", self.cluster().roles.len());
        let subject = Subject {
            kind: SubjectKind::ServiceAccount,
            name: SubjectName::Known("applier".to_owned()),
            namespace: Some("rolecall".to_owned()),
            principal: None,
        };
        let binding = Binding {
            namespace: place.map(namespace),
            name: name.clone(),
            role: cluster_role(&name),
            subjects: vec![subject],
        };
        let role = Role { namespace: None, name, rules, aggregate_to: BTreeSet::new() };
        self.cluster().roles.push(LiveRole::new(role, meta(Mark::None)));
        self.cluster().bindings.push(LiveBinding { binding, meta: meta(Mark::None) });
        self
    }

    /// The forecast for alpha, with the questions that were asked for it.
    fn forecast(&self, by: AppliedBy, answer: impl Fn(&AccessQuestion) -> bool) -> (Forecast, Vec<String>) {
        self.forecast_from(by, |question| Ok(AccessAnswer { allowed: answer(question), reason: String::new() }))
    }

    fn forecast_from(
        &self,
        by: AppliedBy,
        answer: impl Fn(&AccessQuestion) -> Result<AccessAnswer>,
    ) -> (Forecast, Vec<String>) {
        let mut world = self.clone();
        world.policy.applied_by = by;
        let changes = world.plan().changes;
        let mut asked = Vec::new();
        while let Some((environment, questions)) =
            access_questions(&world.desired, &world.observed, &world.policy, &changes).pop_first()
        {
            asked.extend(questions.iter().map(said));
            let answers = questions.iter().map(&answer).collect();
            world.observed.answers.entry(environment).or_default().record(questions, answers);
        }
        (world.plan().forecasts.remove(0), asked)
    }
}

fn said(question: &AccessQuestion) -> String {
    let AccessQuestion { who, verb, group, resource, namespace, name } = question;
    assert_eq!(group, "rbac.authorization.k8s.io");
    format!(
        "{} {verb} {resource} {} {}",
        who.as_ref().map_or("we", |who| &who.user),
        namespace.as_ref().map_or("*", |namespace| namespace.as_str()),
        name.as_deref().unwrap_or("*")
    )
}

fn shown(forecast: &Forecast) -> String {
    let refused =
        forecast.refusals.iter().map(|refusal| format!("{} of {}", refusal.lack.needs(), refusal.addresses.len()));
    let unchecked = forecast
        .unchecked
        .iter()
        .map(|unchecked| format!("unchecked: {}; {} of {}", unchecked.why, unchecked.next, unchecked.addresses.len()));
    let lines: Vec<String> = refused.chain(unchecked).collect();
    if lines.is_empty() { "allowed".to_owned() } else { lines.join("\n") }
}

/// A role of ours and bindings to it and to edit, in two namespaces.
fn world() -> World {
    let mut world = World::new();
    world.ask("sre", &[]);
    world.live("sre", &[]);
    let restarter = world.role("restarter", vec![rule(&["patch"], &["pods"]), rule(&["get"], &["secrets"])]);
    for (role, place) in [("edit", "trinity"), ("edit", "payments"), ("restarter", "trinity")] {
        world.grant("group:sre", role, in_namespace(place));
        if role == "restarter" {
            world.alpha().bindings[2].role = restarter.clone();
        }
    }
    world
}

#[test]
fn what_was_read_answers_without_a_question() {
    let mut world = world();
    world.give(None, vec![writes(), rbac(&["bind", "escalate"], &["clusterroles"], &[])]);
    let (forecast, asked) = world.forecast(AppliedBy::Ourselves, |_| panic!("nothing is to be asked"));
    assert_eq!((shown(&forecast).as_str(), forecast.whose, asked.len()), ("allowed", Whose::Ourselves, 0));

    // By holding what is given, in each of the places, and `bind` on the rest.
    let mut world = self::world();
    let held = vec![rule(&["*"], &["pods"]), rule(&["get"], &["secrets"])];
    world.give(None, vec![writes(), held[1].clone()]).give(None, held);
    let (forecast, _) = world.forecast(AppliedBy::Ourselves, |_| false);
    assert_eq!(shown(&forecast), "allowed");
}

#[test]
fn a_right_in_one_namespace_is_none_in_another() {
    let mut world = world();
    world
        .give(None, vec![writes(), rule(&["patch"], &["pods"])])
        .give(Some("trinity"), vec![rbac(&["bind"], &["clusterroles"], &["edit", "restarter-object"])])
        .give(Some("payments"), vec![rbac(&["bind"], &["clusterroles"], &["view"]), rule(&["get"], &["pods"])]);
    let (forecast, asked) = world.forecast(AppliedBy::Ourselves, |_| false);
    insta::assert_snapshot!(shown(&forecast), @r#"
    `bind` on clusterroles/edit in namespace payments, or the rule { apiGroups: [""], resources: [pods], verbs: [list] } of 1
    `escalate` on clusterroles/restarter-object on the whole cluster, or the rule { apiGroups: [""], resources: [secrets], verbs: [get] } of 1
    "#);
    insta::assert_snapshot!(asked.join("\n"), @"
    we bind clusterroles * edit
    we escalate clusterroles * restarter-object
    we bind clusterroles payments edit
    ");
}

#[test]
fn what_another_authorizer_allows_is_allowed() {
    let (forecast, asked) = world().forecast(AppliedBy::Ourselves, |question| question.namespace.is_none());
    assert_eq!(shown(&forecast), "allowed");
    insta::assert_snapshot!(asked.join("\n"), @"
    we bind clusterroles * edit
    we bind clusterroles * restarter-object
    we create clusterroles * *
    we create rolebindings * *
    we escalate clusterroles * restarter-object
    we patch clusterroles * *
    we patch rolebindings * *
    ");
    let (forecast, _) = world().forecast(AppliedBy::Ourselves, |question| question.verb != "bind");
    assert!(shown(&forecast).starts_with("`bind` on clusterroles/"), "{}", shown(&forecast));
}

#[test]
fn a_superuser_may_do_anything() {
    let mut world = world();
    world.cluster().user_groups.insert("system:masters".to_owned());
    assert_eq!(shown(&world.forecast(AppliedBy::Ourselves, |_| panic!()).0), "allowed");
}

#[test]
fn whoever_only_reads_is_not_taken_for_the_applier() {
    let (forecast, _) = world().forecast(AppliedBy::Applier, |_| false);
    assert_eq!(forecast.whose, Whose::Planner);
    insta::assert_snapshot!(shown(&forecast), @"unchecked: `system:serviceaccount:rolecall:applier`, who plans, may write none of this, and the files do not say who applies; say it with `applier:` in the environment alpha, and it is asked about of 4");
    // At the moment of writing there is nobody else.
    let (forecast, _) = world().forecast(AppliedBy::Ourselves, |_| false);
    assert!(!forecast.refusals.is_empty() && forecast.unchecked.is_empty(), "{forecast:?}");
    // Somebody who may write at all is taken at their word.
    let mut world = world();
    world.give(None, vec![writes()]);
    let (forecast, _) = world.forecast(AppliedBy::Applier, |_| false);
    assert_eq!(forecast.whose, Whose::Planner);
    assert!(!forecast.refusals.is_empty() && forecast.unchecked.is_empty(), "{forecast:?}");
}

#[test]
fn the_applier_of_the_files_is_asked_about() {
    let mut world = world();
    world.give(None, vec![writes(), rbac(&["bind"], &["clusterroles"], &[]), rbac(&["escalate"], &["*"], &[])]);
    world.cluster().username = "reader".to_owned();
    world.alpha().applier = Some(Applier::service_account("rolecall", "applier"));
    let (forecast, _) = world.forecast(AppliedBy::Applier, |_| false);
    assert_eq!((forecast.whose, shown(&forecast).as_str()), (Whose::Applier, "allowed"));
    world.alpha().applier = Some(Applier::new("deployer", []));
    let (forecast, asked) = world.forecast(AppliedBy::Applier, |_| false);
    assert_eq!(forecast.identity, "deployer");
    assert!(asked.iter().all(|question| question.starts_with("deployer ")), "{asked:?}");
    insta::assert_snapshot!(shown(&forecast), @r#"
    `create` and `patch` on clusterroles on the whole cluster of 1
    `create` and `patch` on rolebindings in namespaces payments, trinity of 3
    `bind` on clusterroles/edit in namespaces payments, trinity, or the rule { apiGroups: [""], resources: [pods], verbs: [get, list, patch] } of 2
    `bind` on clusterroles/restarter-object in namespace trinity, or the 2 rules { apiGroups: [""], resources: [pods], verbs: [patch] }, { apiGroups: [""], resources: [secrets], verbs: [get] } of 1
    `escalate` on clusterroles/restarter-object on the whole cluster, or the 2 rules { apiGroups: [""], resources: [pods], verbs: [patch] }, { apiGroups: [""], resources: [secrets], verbs: [get] } of 1
    "#);
    // Who is asked about and is the one who asks needs no leave to ask.
    world.cluster().username = "deployer".to_owned();
    let (forecast, asked) = world.forecast(AppliedBy::Applier, |_| false);
    assert_eq!((forecast.identity.as_str(), forecast.whose), ("deployer", Whose::Applier));
    assert!(asked.iter().all(|question| question.starts_with("we ")), "{asked:?}");
    world.cluster().username = "reader".to_owned();
    // Whoever applies is the one who runs `apply`, whatever the files say.
    assert_eq!(world.forecast(AppliedBy::Ourselves, |_| false).0.identity, "reader");
}

#[test]
fn who_may_not_be_asked_about_is_unchecked() {
    let mut world = world();
    world.alpha().applier = Some(Applier::new("deployer", []));
    let failure =
        Failure::new(FailureKind::Forbidden, "`reader` may not create subjectaccessreviews").with_next("let it");
    let (forecast, asked) = world.forecast_from(AppliedBy::Applier, |_| Err(failure.clone()));
    assert_eq!(shown(&forecast), "unchecked: `reader` may not create subjectaccessreviews; let it of 4");
    assert!(asked.iter().all(|question| question.contains(" * ")), "no narrower question follows: {asked:?}");
}

#[test]
fn one_failure_is_neither_a_no_nor_a_yes_and_takes_no_other_answer_with_it() {
    let mut world = world();
    world.give(None, vec![writes(), rbac(&["escalate"], &["clusterroles"], &[])]);
    let gone = Failure::new(FailureKind::Unreachable, "the connection was lost");
    let (forecast, _) = world.forecast_from(AppliedBy::Ourselves, |question| {
        let is_edit = question.name.as_deref() == Some("edit");
        if is_edit { Err(gone.clone()) } else { Ok(AccessAnswer { allowed: false, reason: String::new() }) }
    });
    insta::assert_snapshot!(shown(&forecast), @r#"
    `bind` on clusterroles/restarter-object in namespace trinity, or the 2 rules { apiGroups: [""], resources: [pods], verbs: [patch] }, { apiGroups: [""], resources: [secrets], verbs: [get] } of 1
    unchecked: the connection was lost; run it again of 2
    "#);
    // A planner of whom it is not known whether they may write is not said to be unable to.
    let (forecast, _) = self::world().forecast_from(AppliedBy::Applier, |_| Err(gone.clone()));
    assert_eq!(shown(&forecast), "unchecked: the connection was lost; run it again of 4");
}

#[test]
fn too_few_answers_are_none() {
    let mut world = world();
    world.policy.applied_by = AppliedBy::Ourselves;
    let changes = world.plan().changes;
    let (environment, questions) =
        access_questions(&world.desired, &world.observed, &world.policy, &changes).pop_first().unwrap();
    world.observed.answers.entry(environment).or_default().record(questions, Vec::new());
    assert!(access_questions(&world.desired, &world.observed, &world.policy, &changes).is_empty());
    let forecast = world.plan().forecasts.remove(0);
    assert!(shown(&forecast).starts_with("unchecked: 7 questions about rights got 0 answers; "), "{forecast:?}");
}

#[test]
fn a_role_of_the_same_plan_counts_as_it_will_be() {
    let mut world = World::new();
    world.ask("sre", &[]);
    world.live("sre", &[]);
    let role = world.role("wide", vec![rule(&["*"], &["*"])]);
    world.grant("group:sre", "edit", ScopeTarget::Cluster);
    world.alpha().bindings[0].role = role;
    world.give(None, vec![writes(), rule(&["get"], &["pods"])]);
    let (forecast, _) = world.forecast(AppliedBy::Ourselves, |_| false);
    insta::assert_snapshot!(shown(&forecast), @r#"
    `bind` on clusterroles/wide-object on the whole cluster, or the rule { apiGroups: ["*"], resources: ["*"], verbs: ["*"] } of 1
    `escalate` on clusterroles/wide-object on the whole cluster, or the rule { apiGroups: ["*"], resources: ["*"], verbs: ["*"] } of 1
    "#);
    let addresses: BTreeSet<String> =
        forecast.refusals.iter().flat_map(|refusal| &refusal.addresses).map(ToString::to_string).collect();
    assert_eq!(addresses.len(), 2, "{addresses:?}");
}

#[test]
fn what_binds_the_applier_stays_whatever_else_gives_the_same_and_is_told_as_an_error() {
    let mut world = World::new();
    world.alpha().applier = Some(Applier::new("ci", ["payments-devs".to_owned()]));
    world.bind(Some("payments"), "devs", "edit", subject(SubjectKind::Group, "payments-devs"), Mark::Ours);
    world.bind(Some("payments"), "others", "edit", subject(SubjectKind::Group, "payments-ops"), Mark::Ours);
    for _ in 0..2 {
        let plan = world.plan();
        let held = plan.withheld.iter().find(|held| held.addresses[0].to_string().ends_with("/devs")).unwrap();
        assert!(held.is_error && held.reason.id() == "own-access", "{}", world.shown());
        assert!(world.shown().contains("- alpha/rolebinding/payments/others"), "{}", world.shown());
        world.bind(None, "ci", "cluster-admin", subject(SubjectKind::User, "ci"), Mark::None);
    }
}
