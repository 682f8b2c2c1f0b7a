//! What the files give and what is not there: where a grant that should be live is not.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::Live;
use crate::access::People;
use crate::access::expectations::Why;
use crate::access::expectations::whom::{Everybody, Whom, everybody};
use crate::access::expectations::world::{group_name, place_words, role_words};
use crate::access::people::{Node, Step};
use crate::access::rbac::allows;
use crate::state::{
    Binding, Desired, DesiredBinding, Identity, Namespace, Origin, PolicyRule, PrincipalName, Request, ScopeTarget,
    mark,
};

/// Who is in which group by the files alone. Made when it is first asked for.
pub(super) struct Files<'d> {
    desired: &'d Desired,
    people: OnceCell<(People<'d>, Everybody<'d>)>,
}

impl<'d> Files<'d> {
    pub(super) fn new(desired: &'d Desired) -> Self {
        Self { desired, people: OnceCell::new() }
    }

    fn people(&self) -> &(People<'d>, Everybody<'d>) {
        self.people.get_or_init(|| {
            let people = People::asked(self.desired);
            let everybody = everybody(self.desired, &people);
            (people, everybody)
        })
    }
}

/// Each grant of the files that gives it, with what of it is not live.
pub(super) fn missing(
    live: &Live<'_, '_>,
    whom: &Whom<'_>,
    who: &PrincipalName,
    request: &Request,
    files: &Files<'_>,
) -> Vec<Why> {
    // The files cannot help where a token carries no groups.
    if whom.without_groups.is_some() {
        return Vec::new();
    }
    let found: BTreeSet<Why> =
        live.environment.bindings.iter().filter_map(|asked| one(live, whom, who, request, files, asked)).collect();
    found.into_iter().collect()
}

fn one(
    live: &Live<'_, '_>,
    whom: &Whom<'_>,
    who: &PrincipalName,
    request: &Request,
    files: &Files<'_>,
    asked: &DesiredBinding,
) -> Option<Why> {
    if !reaches(live, asked, request) || !rules(live, asked).iter().any(|rule| allows(rule, request)) {
        return None;
    }
    let namespace = request.namespace().filter(|_| asked.scope != ScopeTarget::Cluster);
    let mut lines = vec![asked.origin.clone()];
    let (through, group) = reach(live, who, files, asked, &mut lines)?;
    let lacks = lacks(live, whom, asked, namespace, group.as_ref());
    let role = role_words(&asked.role.reference);
    let text = format!("the files give {role} {}{through}, but {lacks}", place_words(namespace));
    Some(Why { text, lines })
}

/// Whether a grant holds where this request is made.
fn reaches(live: &Live<'_, '_>, asked: &DesiredBinding, request: &Request) -> bool {
    match (&asked.scope, request.namespace()) {
        (ScopeTarget::Cluster, _) => true,
        (ScopeTarget::Namespace(of), Some(namespace)) => of == namespace,
        (ScopeTarget::Selector(labels), Some(namespace)) => live.cluster.selects(namespace, labels),
        (ScopeTarget::Namespace(_) | ScopeTarget::Selector(_), None) => false,
    }
}

/// The rules that a grant is to give: as the files write them, else as the cluster has them.
fn rules<'l>(live: &'l Live<'_, '_>, asked: &DesiredBinding) -> &'l [PolicyRule] {
    let reference = &asked.role.reference;
    if asked.role.ours {
        let own = live.environment.roles.iter().find(|role| role.key == asked.role.key && role.name == reference.name);
        return own.map_or(&[], |role| role.rules.as_slice());
    }
    let by = Binding { namespace: None, name: String::new(), role: reference.clone(), subjects: Vec::new() };
    live.world.rbac.rules(&by).unwrap_or_default()
}

/// By which groups the files have them reached, in words, and the group that is granted to; nothing where it is not them.
fn reach(
    live: &Live<'_, '_>,
    who: &PrincipalName,
    files: &Files<'_>,
    asked: &DesiredBinding,
    lines: &mut Vec<Origin>,
) -> Option<(String, Option<PrincipalName>)> {
    let (people, everybody) = files.people();
    let group = match people.find(&asked.subject)? {
        Node::Person(_) => return (asked.subject == *who).then(|| (String::new(), None)),
        Node::Group(group) => group,
    };
    let by_files = everybody.get(who, people, live.environment).ok()?;
    if !by_files.groups.contains_key(&group) {
        return None;
    }
    let steps: &[Step<'_>] = by_files.ways.and_then(|ways| ways.get(&group)).map_or(&[], Vec::as_slice);
    lines.extend(steps.iter().filter_map(|step| step.origin.cloned()));
    let name = |id: &Identity| group_name(people, id);
    let names: Vec<String> = steps.iter().map(|step| name(&step.group)).collect();
    let words = match names.as_slice() {
        [] => format!(" through group {}", name(&group)),
        [one] => format!(" through group {one}"),
        [..] => format!(" through groups {}", names.join(" in ")),
    };
    Some((words, Some(asked.subject.clone())))
}

/// What of a grant is not there.
fn lacks(
    live: &Live<'_, '_>,
    whom: &Whom<'_>,
    asked: &DesiredBinding,
    namespace: Option<&Namespace>,
    group: Option<&PrincipalName>,
) -> String {
    if let Some(name) = group {
        let Some(Node::Group(id)) = live.people.find(name) else { return "that group is not in the tenant".to_owned() };
        if !whom.groups.contains_key(&id) {
            return format!("they are not in group {}", live.world.group_name(&id));
        }
    }
    let DesiredBinding { subject, role, scope, .. } = asked;
    let name = mark::binding_name(&live.desired.config, subject, &role.key, &role.reference, scope);
    let words = match namespace {
        Some(namespace) => format!("rolebinding {namespace}/{name}"),
        None => format!("clusterrolebinding {name}"),
    };
    let found = live.cluster.bindings.iter().map(|live| &live.binding);
    let mut found = found.filter(|binding| binding.name == name && binding.namespace.as_ref() == namespace);
    let Some(binding) = found.next() else { return format!("{words} is not there") };
    if !binding.subjects.iter().any(|subject| whom.caller.is(subject, binding.namespace.as_ref())) {
        return format!("{words} does not name {}", if group.is_some() { "that group" } else { "them" });
    }
    if live.world.rbac.rules(binding).is_none() {
        return format!("{} of {words} is not there", role_words(&binding.role));
    }
    format!("{} of {words} has other rules", role_words(&binding.role))
}
