//! Where the files say so, nothing is applied beside access that nobody has put into them.

use std::collections::BTreeSet;

use super::{Case, Guard, Objection};
use crate::plan::kubernetes::{Environment, spelling};
use crate::plan::unmanaged::{BindingOwner, Treatment, UnmanagedBinding};
use crate::state::{Address, Operation, PrincipalName, Subject, first_few, mark};

pub(super) static GUARD: Guard = Guard {
    id: "unmanaged",
    summary: "An environment says `unmanaged: refuse`, and a binding that no file asks for or allows gives somebody access.",
    can_be_acknowledged: true,
    check,
};

/// How many subjects are named.
const NAMED: usize = 5;

fn check(case: &Case<'_>) -> Vec<Objection> {
    let taken_away: BTreeSet<&Address> = case
        .changes
        .iter()
        .filter(|change| matches!(change.operation, Operation::Delete { .. }))
        .map(|change| &change.address)
        .collect();
    let mut objections = Vec::new();
    for (name, part) in case.parts.clusters.iter().filter(|(name, _)| case.only.environment(name)) {
        // What leaves a protected environment alone need not wait for somebody to tidy it up.
        let is_left_alone =
            part.desired.protected && !case.changes.iter().any(|change| change.protected.contains(*name));
        if is_left_alone {
            continue;
        }
        let environment = Environment::new(name, case.parts, *part, case.desired, case.directory, case.policy);
        let refused = environment.unmanaged().into_iter().filter(|binding| binding.treatment == Treatment::Refused);
        let there = refused.filter(|binding| !taken_away.contains(&binding.address));
        objections.extend(there.map(|binding| Objection::new(binding.subject(), message(&binding))));
    }
    objections
}

fn message(binding: &UnmanagedBinding) -> String {
    let named = first_few(binding.subjects.iter().map(called), NAMED);
    let (whose, next) = match &binding.owner {
        BindingOwner::OtherConfig(config) => (
            format!("is of the rolecall config `{config}`"),
            format!("allow it with `allow-unmanaged: [{{ config: {config} }}]`, or take it out of that config"),
        ),
        BindingOwner::BuiltIn => (
            "passes for Kubernetes' own".to_owned(),
            "have them taken out of it, have it deleted if Kubernetes did not make it, or allow it with `allow-unmanaged`"
                .to_owned(),
        ),
        BindingOwner::OursLabelled => (
            "is ours, no file asks for it any more,".to_owned(),
            format!(
                "it is not removed while it has the label `{}`, which is not of our making: take the label off, then plan \
                 again",
                mark::BOOTSTRAPPING_LABEL
            ),
        ),
        BindingOwner::Unmarked | BindingOwner::LabelsOnly => {
            let take_over = if binding.replaceable { "take it over with `replaces` on a grant, " } else { "" };
            let next = format!("{take_over}allow it with `allow-unmanaged`, or have it deleted");
            ("is not ours".to_owned(), next)
        }
    };
    let place = match &binding.address {
        Address::Object { namespace: Some(namespace), .. } => format!(" in {namespace}"),
        _ => " on the whole cluster".to_owned(),
    };
    format!(
        "{} {whose} and gives {} {}{place} to {named}; {next}",
        binding.address, binding.role.kind, binding.role.name,
    )
}

fn called(subject: &Subject) -> String {
    let whole = || {
        let namespace = subject.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        format!("{} {namespace}{}", subject.kind, spelling(&subject.name))
    };
    match &subject.principal {
        Some(PrincipalName::Group(key)) => format!("group {key}"),
        Some(PrincipalName::User(name)) => format!("user {name}"),
        Some(other) => other.to_string(),
        None => whole(),
    }
}
