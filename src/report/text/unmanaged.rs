//! The part of a plan about bindings that are not ours.

use std::collections::BTreeMap;

use super::view::View;
use super::words;
use crate::plan::{BindingOwner, Plan, Rights, Treatment, UnmanagedBinding, Verdict};
use crate::report::escape;
use crate::state::power::Power;
use crate::state::{Address, EnvironmentName, Namespace, Subject, SubjectKind, SubjectName, all_of, mark};

/// How many bindings of one environment are listed.
const LISTED: usize = 10;
/// How many subjects of one binding are named.
const NAMED: usize = 5;

/// What is over them.
pub(in crate::report) fn title(plan: &Plan) -> &'static str {
    if plan.unmanaged.iter().any(|binding| binding.owner == BindingOwner::OursLabelled) {
        "Not in the files, for your information"
    } else {
        "Not ours, for your information"
    }
}

/// A place and a message for each binding that is listed, and for each environment what is not. What a guard refuses is told
/// there.
pub(in crate::report) fn entries(plan: &Plan, view: &View<'_>) -> Vec<(String, String)> {
    let mut by_environment: BTreeMap<&EnvironmentName, Vec<&UnmanagedBinding>> = BTreeMap::new();
    let is_told = |binding: &&UnmanagedBinding| match binding.treatment {
        Treatment::Reported => true,
        Treatment::Allowed(_) => false,
        Treatment::Refused => !is_refused(plan, binding),
    };
    for binding in plan.unmanaged.iter().filter(is_told) {
        by_environment.entry(&binding.environment).or_default().push(binding);
    }
    let mut entries = Vec::new();
    for (environment, bindings) in by_environment {
        // What software on the cluster has comes by the dozen, and hides what people have.
        let (software, people): (Vec<_>, Vec<_>) = bindings.into_iter().partition(|binding| is_for_software(binding));
        let named = people.len().min(LISTED);
        let room = if software.len() <= LISTED - named { software.len() } else { 0 };
        for binding in people.iter().take(LISTED).chain(software.iter().take(room)) {
            entries.push((environment.to_string(), message(binding, view)));
        }
        let mut rest = Vec::new();
        if people.len() > named {
            rest.push(format!("{} more", people.len() - named));
        }
        if software.len() > room {
            let gives = if software.len() == 1 { "gives" } else { "give" };
            let bindings = words::count(software.len(), "binding");
            rest.push(format!("{bindings} that {gives} access to service accounts only"));
        }
        if !rest.is_empty() {
            let and = if named + room > 0 { "and " } else { "" };
            let message = format!("{and}{}; `--output json` lists each", rest.join(", and "));
            entries.push((environment.to_string(), message));
        }
    }
    entries
}

fn is_refused(plan: &Plan, binding: &UnmanagedBinding) -> bool {
    plan.verdicts.iter().any(|verdict| verdict.guard == "unmanaged" && verdict.subject == binding.subject())
}

/// Whether it gives something to service accounts alone.
pub(in crate::report) fn is_for_software(binding: &UnmanagedBinding) -> bool {
    let is_software = |subject: &Subject| {
        subject.kind == SubjectKind::ServiceAccount
            || matches!(&subject.name, SubjectName::Known(name) if name.starts_with("system:serviceaccount"))
    };
    binding.owner != BindingOwner::OursLabelled && binding.subjects.iter().all(is_software)
}

/// Which binding it is, whose, and what it gives to whom.
pub(in crate::report) fn message(binding: &UnmanagedBinding, view: &View<'_>) -> String {
    let whose = match &binding.owner {
        BindingOwner::OtherConfig(config) => format!(", of the rolecall config {}", escape::quoted(config)),
        BindingOwner::BuiltIn => ", which passes for Kubernetes' own".to_owned(),
        BindingOwner::LabelsOnly => ", which carries our labels and is not ours".to_owned(),
        BindingOwner::OursLabelled => format!(
            ", which is ours and no longer in the files, and stays until somebody takes its label {} off",
            mark::BOOTSTRAPPING_LABEL
        ),
        BindingOwner::Unmarked => String::new(),
    };
    format!("{}{whose}: {}{}", words::object(&binding.address), gives(binding, view), beside(binding, view))
}

/// `user root@contoso.com is cluster-admin`, `group readers and user sam have clusterrole view in trinity`.
fn gives(binding: &UnmanagedBinding, view: &View<'_>) -> String {
    let mut who: Vec<String> = binding.subjects.iter().take(NAMED).map(|each| words::subject(each, view)).collect();
    if binding.subjects.len() > NAMED {
        who.push(format!("{} more", binding.subjects.len() - NAMED));
    }
    let who = if who.is_empty() { "nobody".to_owned() } else { all_of(who) };
    let (is, has) = if binding.subjects.len() <= 1 { ("is", "has") } else { ("are", "have") };
    let role = if binding.role.name == "cluster-admin" {
        format!("{is} cluster-admin")
    } else {
        format!("{has} {} {}", binding.role.kind, words::word(&binding.role.name))
    };
    let place = namespace(&binding.address).map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    let power = match binding.rights {
        Rights::Nothing => ", a role that is not there",
        Rights::Master(Power::All) if binding.role.name != "cluster-admin" => ", which grants everything",
        Rights::Master(Power::Take) => ", which lets whoever has it give itself everything",
        Rights::Master(Power::All) | Rights::Plain => "",
    };
    format!("{who} {role}{place}{power}")
}

/// The grants beside it that are not part of the changes, where they are told at their own place.
fn beside(binding: &UnmanagedBinding, view: &View<'_>) -> String {
    let told = also(binding, view);
    if told.is_empty() { told } else { format!(". {told}") }
}

/// The same about a binding that a guard refuses.
pub(super) fn beside_refused(plan: &Plan, verdict: &Verdict) -> Option<String> {
    let is_it = |binding: &&UnmanagedBinding| verdict.guard == "unmanaged" && binding.subject() == verdict.subject;
    let binding = plan.unmanaged.iter().find(is_it)?;
    Some(also(binding, &View::of(plan))).filter(|told| !told.is_empty())
}

fn also(binding: &UnmanagedBinding, view: &View<'_>) -> String {
    let others: Vec<_> = binding.beside.iter().filter(|beside| !view.changes(&beside.address)).collect();
    let mut places: Vec<String> = others.iter().map(|beside| beside.origin.to_string()).collect();
    places.dedup();
    if places.is_empty() {
        return String::new();
    }
    let takes_over = if others.iter().any(|beside| beside.replaceable) {
        format!("; `replaces: {}` on that grant takes over from it", words::word(&binding.name()))
    } else {
        String::new()
    };
    let grant = if places.len() == 1 { "grants" } else { "grant" };
    format!("{} {grant} this role there, too{takes_over}", escape::name(&places.join(", ")))
}

fn namespace(address: &Address) -> Option<&Namespace> {
    match address {
        Address::Object { namespace, .. } => namespace.as_ref(),
        Address::Group(_) | Address::Owner(..) | Address::Member(..) => None,
    }
}
