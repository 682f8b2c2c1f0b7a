//! From a plan to its published form.

use super::access::access;
use super::{base, v1};
use crate::access::expectations::{Cause, ExpectedBy, Judged, Verdict as Holds, What, Why};
use crate::plan::preflight::{ExpectedRefusal, Forecast, Unchecked, Whose};
use crate::plan::{
    Beside, BindingOwner, Coverage, Effect, Plan, Rights, Spread, Treatment, UnmanagedBinding, Unread, Verdict,
    Withheld,
};
use crate::report::{Base, Context, FromSnapshot, Spent, WouldApply, counts::Counts, escape};
use crate::snapshot::Age;
use crate::state::power::Power;
use crate::state::{
    Address, Binding, Change, Edge, FailureKind, Identity, Operation, Origin, PolicyRule, PrincipalKind, Resource,
    RoleKind, RoleRef, Sign, Subject, SubjectKind, SubjectName,
};

/// The plan as JSON of the format `rolecall-plan/1`, with a line break at the end.
pub fn plan_v1(plan: &Plan, context: &Context) -> String {
    // The types hold strings, numbers and maps with string keys: there is nothing in them that JSON cannot say.
    let text = serde_json::to_string_pretty(&published(plan, context)).unwrap_or_default();
    escape::json(&text) + "\n"
}

fn published(plan: &Plan, context: &Context) -> v1::Plan {
    let counts = Counts::of(plan);
    v1::Plan {
        format: v1::Format::V1,
        id: context.plan_id.clone(),
        would_apply: context.would_apply.map(|would| match would {
            WouldApply::Changes => v1::WouldApply::Changes,
            WouldApply::Nothing => v1::WouldApply::Nothing,
            WouldApply::Acknowledge => v1::WouldApply::Acknowledge,
            WouldApply::Refused => v1::WouldApply::Refused,
        }),
        config: plan.config.to_string(),
        commit: context.commit.as_ref().map(|commit| v1::Commit { id: commit.id.clone(), dirty: commit.dirty }),
        tenant: v1::Tenant { id: plan.tenant.to_string(), domain: plan.domain.clone() },
        base: context.base.as_ref().map(|of| base::base(of, context)),
        snapshot: context.snapshot.as_ref().map(snapshot),
        access: access(&context.access),
        changes: plan
            .changes
            .iter()
            .map(|one| v1::Change { cause: context.base.as_ref().and_then(|base| cause(base, one)), ..change(one) })
            .collect(),
        withheld: plan.withheld.iter().map(withheld).collect(),
        notes: plan
            .notes
            .iter()
            .map(|note| v1::Note {
                kind: note.kind.to_string(),
                environment: note.environment.as_ref().map(ToString::to_string),
                origin: note.origin.as_ref().map(origin),
                message: note.message.clone(),
            })
            .collect(),
        unmanaged: plan.unmanaged.iter().map(unmanaged).collect(),
        guards: plan.verdicts.iter().map(guard).collect(),
        expectations: context
            .expectations
            .iter()
            .map(|judged| v1::Expectation { stops: Some(judged.stops), ..expectation(judged) })
            .collect(),
        preflight: plan.forecasts.iter().map(preflight).collect(),
        aggregation: plan.spreads.iter().map(spread).collect(),
        unread: plan.unread.iter().map(unread).collect(),
        read: match plan.coverage() {
            Coverage::Whole => v1::Coverage::All,
            Coverage::Part => v1::Coverage::Part,
            Coverage::Nothing => v1::Coverage::Nothing,
        },
        counts: v1::Counts {
            add: counts.add,
            change: counts.change,
            remove: counts.remove,
            waiting: counts.waiting,
            withheld: counts.withheld,
            errors: counts.errors,
            unread: counts.unread,
            refusals: counts.refusals,
            forbidden: counts.forbidden,
            left_out: counts.left_out,
        },
        compared: v1::Compared {
            groups: plan.compared.groups,
            environments: plan.compared.environments,
            bindings: plan.compared.bindings,
        },
        usage: context.spent.map(usage),
    }
}

pub(super) fn withheld(entry: &Withheld) -> v1::Withheld {
    v1::Withheld {
        origin: entry.origin.as_ref().map(origin),
        addresses: texts(&entry.addresses),
        actions: entry.signs.iter().map(|sign| would(*sign)).collect(),
        reason: entry.reason.to_string(),
        message: entry.message.clone(),
        next: entry.reason.next().map(str::to_owned),
        error: entry.is_error,
    }
}

pub(super) fn unread(part: &Unread) -> v1::Unread {
    v1::Unread {
        environment: part.environment.as_ref().map(ToString::to_string),
        failure: failure(part.failure.kind).to_owned(),
        message: part.failure.what.clone(),
        next: part.failure.next.clone(),
        allowed: part.allowed,
    }
}

fn snapshot(snapshot: &FromSnapshot) -> v1::Snapshot {
    let FromSnapshot { taken, age, commit, pseudonymised, lacking } = snapshot;
    v1::Snapshot {
        taken: taken.to_string(),
        age: match age {
            Age::Old(age) => Some(age.as_secs()),
            Age::Ahead(_) => None,
        },
        old: age.is_old(),
        commit: commit.clone(),
        pseudonymised: *pseudonymised,
        lacking: v1::Lacking {
            names: texts(&lacking.names),
            groups: texts(lacking.groups.keys()),
            display_names: lacking.display_names.iter().cloned().collect(),
        },
    }
}

pub(super) fn usage(spent: Spent) -> v1::Usage {
    v1::Usage {
        graph_calls: spent.graph.requests,
        graph_calls_for_others: spent.others,
        graph_units: spent.graph.resource_units,
        cluster_calls: spent.clusters.requests,
        throttled: spent.graph.throttled + spent.clusters.throttled,
        seconds: spent.elapsed.as_secs_f64(),
    }
}

pub(super) fn why(why: &Why) -> v1::ExpectationWhy {
    v1::ExpectationWhy { message: why.text.clone(), origins: why.lines.iter().map(origin).collect() }
}

pub(super) fn expectation(judged: &Judged) -> v1::Expectation {
    let (kind, requests) = match &judged.expected {
        What::Can(request) => (v1::ExpectationKind::Can, vec![request.to_string()]),
        What::Cannot(request) => (v1::ExpectationKind::Cannot, vec![request.to_string()]),
        What::Only(list) => (v1::ExpectationKind::Only, texts(list)),
    };
    let (verdict, reasons) = match &judged.verdict {
        Holds::Holds => (v1::ExpectationVerdict::Holds, &[][..]),
        Holds::Broken(why) => (v1::ExpectationVerdict::Broken, why.as_slice()),
        Holds::Unknown(why) => (v1::ExpectationVerdict::Unknown, why.as_slice()),
    };
    v1::Expectation {
        origin: origin(&judged.origin),
        who: judged.who.to_string(),
        environment: judged.environment.to_string(),
        kind,
        requests,
        verdict,
        stops: None,
        cause: judged.in_change.map(|of| match of.cause {
            Cause::Breaks => v1::ExpectationCause::Breaks,
            Cause::Keeps => v1::ExpectationCause::Keeps,
            Cause::AddsTo => v1::ExpectationCause::AddsTo,
            Cause::Before => v1::ExpectationCause::Before,
            Cause::Unknown => v1::ExpectationCause::Unknown,
        }),
        given_up: judged.in_change.map(|of| of.expected_by == ExpectedBy::Earlier),
        why: reasons.iter().map(why).collect(),
    }
}

pub(super) fn texts<'a, T: ToString + 'a>(items: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    items.into_iter().map(ToString::to_string).collect()
}

pub(super) fn origin(origin: &Origin) -> v1::Origin {
    v1::Origin { file: origin.file.to_string(), line: origin.line }
}

/// Why there is a change, where that can be told.
fn cause(base: &Base, change: &Change) -> Option<v1::Cause> {
    let caused = base.caused.as_ref().ok()?;
    Some(if caused.by_change.contains(&change.address) { v1::Cause::Change } else { v1::Cause::Drift })
}

pub(super) fn change(change: &Change) -> v1::Change {
    v1::Change {
        cause: None,
        address: change.address.to_string(),
        environment: change.address.environment().map(ToString::to_string),
        action: match change.operation {
            Operation::Create { .. } => v1::Action::Add,
            Operation::Restore { .. } => v1::Action::Restore,
            Operation::Update { .. } => v1::Action::Change,
            Operation::Delete { .. } => v1::Action::Remove,
        },
        origin: change.origin.as_ref().map(origin),
        before: change.before().map(resource),
        after: change.after().map(resource),
        requires: texts::<Address>(&change.requires),
        refers: change.refers.clone(),
        cluster: change.cluster.as_ref().map(ToString::to_string),
        uid: change.uid.clone(),
        overrules: change.overrules.clone(),
        protected: texts(&change.protected),
        replaced_by: texts::<Address>(change.replaced_by.iter().flatten()),
    }
}

pub(super) fn resource(resource: &Resource) -> v1::Resource {
    match resource {
        Resource::Group(group) => v1::Resource::Group {
            key: group.key.to_string(),
            id: identity(&group.id),
            display_name: group.display_name.clone(),
            description: group.description.clone(),
            mail_nickname: group.mail_nickname.clone(),
            unique_name: group.unique_name.clone(),
            first_owner: group.first_owner.as_ref().map(ToString::to_string),
        },
        Resource::Owner(one) => v1::Resource::Owner(edge(one)),
        Resource::Member(one) => v1::Resource::Member(edge(one)),
        Resource::Role(role) => v1::Resource::Role {
            namespace: role.namespace.as_ref().map(ToString::to_string),
            name: role.name.clone(),
            rules: role.rules.iter().map(rule).collect(),
            aggregate_to: texts(&role.aggregate_to),
        },
        Resource::Binding(one) => binding(one),
    }
}

fn identity(identity: &Identity) -> Option<String> {
    identity.known().map(|id| id.to_string())
}

fn edge(edge: &Edge) -> v1::Edge {
    v1::Edge {
        group: edge.group.to_string(),
        group_id: identity(&edge.group_id),
        principal: edge.principal.to_string(),
        principal_id: identity(&edge.principal_id),
        kind: match edge.kind {
            PrincipalKind::User => v1::PrincipalKind::User,
            PrincipalKind::Guest => v1::PrincipalKind::Guest,
            PrincipalKind::Group => v1::PrincipalKind::Group,
            PrincipalKind::ServicePrincipal => v1::PrincipalKind::ServicePrincipal,
            PrincipalKind::Device => v1::PrincipalKind::Device,
            PrincipalKind::Contact => v1::PrincipalKind::Contact,
            PrincipalKind::Other => v1::PrincipalKind::Other,
        },
    }
}

pub(super) fn rule(rule: &PolicyRule) -> v1::Rule {
    v1::Rule {
        api_groups: rule.api_groups.clone(),
        resources: rule.resources.clone(),
        verbs: rule.verbs.clone(),
        resource_names: rule.resource_names.clone(),
        non_resource_urls: rule.non_resource_urls.clone(),
    }
}

fn binding(binding: &Binding) -> v1::Resource {
    v1::Resource::Binding {
        namespace: binding.namespace.as_ref().map(ToString::to_string),
        name: binding.name.clone(),
        role: role_ref(&binding.role),
        subjects: binding.subjects.iter().map(subject).collect(),
    }
}

pub(super) fn role_ref(role: &RoleRef) -> v1::RoleRef {
    v1::RoleRef {
        kind: match role.kind {
            RoleKind::ClusterRole => v1::RoleKind::ClusterRole,
            RoleKind::Role => v1::RoleKind::Role,
        },
        name: role.name.clone(),
    }
}

pub(super) fn unmanaged(binding: &UnmanagedBinding) -> v1::Unmanaged {
    let (owner, config) = match &binding.owner {
        BindingOwner::Unmarked => (v1::BindingOwner::Unmarked, None),
        BindingOwner::LabelsOnly => (v1::BindingOwner::LabelsOnly, None),
        BindingOwner::OtherConfig(config) => (v1::BindingOwner::OtherConfig, Some(config.clone())),
        BindingOwner::BuiltIn => (v1::BindingOwner::BuiltIn, None),
        BindingOwner::OursLabelled => (v1::BindingOwner::OursLabelled, None),
    };
    let (standing, allowed_by) = match &binding.treatment {
        Treatment::Reported => (v1::Standing::Reported, None),
        Treatment::Allowed(line) => (v1::Standing::Allowed, Some(origin(line))),
        Treatment::Refused => (v1::Standing::Refused, None),
    };
    let beside = |beside: &Beside| v1::Beside {
        address: beside.address.to_string(),
        origin: origin(&beside.origin),
        replaceable: beside.replaceable,
    };
    v1::Unmanaged {
        environment: binding.environment.to_string(),
        address: binding.address.to_string(),
        name: binding.name(),
        owner,
        config,
        role: role_ref(&binding.role),
        role_exists: binding.rights != Rights::Nothing,
        power: match binding.rights {
            Rights::Nothing | Rights::Plain => None,
            Rights::Master(Power::All) => Some(v1::Power::Everything),
            Rights::Master(Power::Take) => Some(v1::Power::TakesEverything),
        },
        subjects: binding.subjects.iter().map(subject).collect(),
        standing,
        allowed_by,
        beside: binding.beside.iter().map(beside).collect(),
    }
}

fn subject(subject: &Subject) -> v1::Subject {
    let (name, after_apply) = match &subject.name {
        SubjectName::Known(name) => (Some(name.clone()), None),
        SubjectName::AfterApply { prefix, group } => {
            (None, Some(v1::Promise { prefix: prefix.clone(), group: group.to_string() }))
        }
    };
    v1::Subject {
        kind: match &subject.kind {
            SubjectKind::User => "User".to_owned(),
            SubjectKind::Group => "Group".to_owned(),
            SubjectKind::ServiceAccount => "ServiceAccount".to_owned(),
            SubjectKind::Other(kind) => kind.clone(),
        },
        name,
        after_apply,
        namespace: subject.namespace.clone(),
        principal: subject.principal.as_ref().map(ToString::to_string),
    }
}

pub(super) fn guard(verdict: &Verdict) -> v1::Guard {
    v1::Guard {
        id: verdict.guard.clone(),
        subject: verdict.subject.clone(),
        message: verdict.message.clone(),
        verdict: match (verdict.acknowledged, verdict.leaves_out.is_empty()) {
            (true, _) => v1::Verdict::Acknowledged,
            (false, true) => v1::Verdict::Refuses,
            (false, false) => v1::Verdict::LeavesOut,
        },
        leaves_out: texts(&verdict.leaves_out),
    }
}

fn spread(spread: &Spread) -> v1::Spread {
    v1::Spread {
        address: spread.address.to_string(),
        effect: match spread.effect {
            Effect::Widens => v1::Effect::Widens,
            Effect::Narrows => v1::Effect::Narrows,
        },
        roles: spread.roles.iter().cloned().collect(),
        bindings: spread
            .bindings
            .iter()
            .map(|binding| v1::Reached {
                address: binding.address.to_string(),
                role: binding.role.clone(),
                namespace: binding.namespace.as_ref().map(ToString::to_string),
                subjects: binding.subjects.iter().map(subject).collect(),
            })
            .collect(),
    }
}

fn preflight(forecast: &Forecast) -> v1::Preflight {
    let (verdict, first) = match (&forecast.refusals[..], &forecast.unchecked[..]) {
        ([], []) => (v1::Rights::Allowed, None),
        ([], [first, ..]) => (v1::Rights::Unchecked, Some(first)),
        ([_, ..], _) => (v1::Rights::Refused, None),
    };
    v1::Preflight {
        environment: forecast.environment.to_string(),
        identity: forecast.identity.clone(),
        whose: match forecast.whose {
            Whose::Ourselves => v1::Whose::Ourselves,
            Whose::Planner => v1::Whose::Planner,
            Whose::Applier => v1::Whose::Applier,
        },
        verdict,
        refusals: forecast
            .refusals
            .iter()
            .map(|ExpectedRefusal { lack, addresses }| v1::Refusal {
                addresses: texts(addresses),
                needs: lack.needs(),
                namespaces: lack.places.iter().cloned().collect(),
                remedy: rule(&lack.remedy()),
                not_held: lack.rules.iter().map(rule).collect(),
            })
            .collect(),
        why: first.map(|unchecked| unchecked.why.clone()),
        next: first.map(|unchecked| unchecked.next.clone()),
        unchecked: forecast
            .unchecked
            .iter()
            .map(|Unchecked { why, next, addresses }| v1::Unchecked {
                addresses: texts(addresses),
                why: why.clone(),
                next: next.clone(),
            })
            .collect(),
    }
}

fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Unreachable => "unreachable",
        FailureKind::Unauthenticated => "unauthenticated",
        FailureKind::Forbidden => "forbidden",
        FailureKind::WrongTarget => "wrong-target",
        FailureKind::Refused => "refused",
        FailureKind::Unavailable => "unavailable",
        FailureKind::Conflict => "conflict",
        FailureKind::NotFound => "not-found",
        FailureKind::Invalid => "invalid",
        FailureKind::BadAnswer => "bad-answer",
        FailureKind::Unknown => "unknown",
    }
}

/// What would become of something that is withheld.
pub(super) fn would(sign: Sign) -> v1::Action {
    match sign {
        Sign::Add => v1::Action::Add,
        Sign::Change => v1::Action::Change,
        Sign::Remove => v1::Action::Remove,
    }
}
