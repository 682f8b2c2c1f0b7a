//! What is given on one environment, and what may be.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::Why;
use super::whom::Whom;
use crate::access::people::{People, Step, WithoutGroups};
use crate::access::{Grant, Rbac, Token};
use crate::state::{
    Binding, Desired, DesiredBinding, DesiredEnvironment, GroupAnswers, Identity, Namespace, ObjectId, Origin, Request,
    RoleKind, RoleRef, ScopeTarget, Subject, SubjectKind, SubjectName, mark,
};

/// How many grants are named that do not give what is missing.
const NAMED: usize = 3;

/// One environment.
pub(super) struct World<'w, 'p> {
    pub(super) desired: &'w Desired,
    pub(super) environment: &'w DesiredEnvironment,
    pub(super) people: &'w People<'p>,
    pub(super) rbac: &'w Rbac<'w>,
    /// Grants in namespaces that nobody knows here.
    pub(super) selected: &'w [&'w DesiredBinding],
    /// Roles of which nobody knows the rules here.
    pub(super) unknown: &'w BTreeSet<RoleRef>,
    /// The grants by the names of their bindings. Made when a reason is first given.
    grants: OnceCell<BTreeMap<String, &'w DesiredBinding>>,
    /// What was asked about groups.
    pub(super) answers: Option<&'w GroupAnswers>,
    /// The groups that would have to be read to know more, as far as anything was asked.
    pub(super) wanted: RefCell<BTreeSet<Identity>>,
}

impl<'w, 'p> World<'w, 'p> {
    pub(super) fn new(
        desired: &'w Desired,
        environment: &'w DesiredEnvironment,
        people: &'w People<'p>,
        rbac: &'w Rbac<'w>,
        selected: &'w [&'w DesiredBinding],
        unknown: &'w BTreeSet<RoleRef>,
    ) -> Self {
        let (grants, wanted) = (OnceCell::new(), RefCell::default());
        Self { desired, environment, people, rbac, selected, unknown, grants, answers: None, wanted }
    }

    /// The same, knowing what was asked about groups.
    pub(super) fn with_answers(self, answers: &'w GroupAnswers) -> Self {
        Self { answers: Some(answers), ..self }
    }

    /// The grant behind a binding of this name.
    pub(super) fn grant(&self, name: &str) -> Option<&'w DesiredBinding> {
        let named = |binding: &'w DesiredBinding| {
            let DesiredBinding { subject, role, scope, .. } = binding;
            (mark::binding_name(&self.desired.config, subject, &role.key, &role.reference, scope), binding)
        };
        self.grants.get_or_init(|| self.environment.bindings.iter().map(named).collect()).get(name).copied()
    }

    /// The grant that asks for a binding at this place.
    pub(super) fn asked(&self, binding: &Binding) -> Option<&'w DesiredBinding> {
        self.grant(&binding.name).filter(|asked| match &asked.scope {
            ScopeTarget::Cluster => binding.namespace.is_none(),
            ScopeTarget::Namespace(namespace) => binding.namespace.as_ref() == Some(namespace),
            ScopeTarget::Selector(_) => binding.namespace.is_some(),
        })
    }

    pub(super) fn is_allowed(&self, whom: &Whom<'_>, request: &Request) -> bool {
        self.rbac.allows(&whom.caller, request)
    }

    /// Somebody whose token carries no groups because they are in too many, once they leave some; `None` for anybody else.
    pub(super) fn in_fewer_groups<'a>(&self, whom: &Whom<'a>) -> Option<Whom<'a>> {
        let (Some(WithoutGroups::Overage(_)), Some(ways)) = (whom.without_groups, whom.ways) else { return None };
        let token = Token { caller: whom.caller.clone(), groups: BTreeMap::new(), without_groups: whom.without_groups };
        Some(Whom::new(self.people.with_all_groups(&token, ways, self.environment), Some(ways)))
    }

    /// Everything that allows it.
    pub(super) fn giving(&self, whom: &Whom<'_>, request: &Request) -> Vec<Why> {
        let reaching = self.rbac.reaching(&whom.caller, request.namespace());
        let giving = reaching.filter(|grant| grant.allows(request).is_some());
        let mut giving: Vec<Why> = giving.map(|grant| self.given(whom, &grant)).collect();
        if whom.caller.is_superuser() {
            let text = "they are in system:masters, who may do anything".to_owned();
            giving.insert(0, Why { text, lines: Vec::new() });
        }
        giving
    }

    /// What they have instead of what they lack.
    pub(super) fn lacking(&self, whom: &Whom<'_>, request: &Request) -> Vec<Why> {
        let mut lacking = Vec::new();
        if let Some(why) = whom.without_groups {
            let text = match why {
                WithoutGroups::Application => {
                    "tokens of apps carry no groups, so that no group gives them anything".to_owned()
                }
                WithoutGroups::Overage(count) => {
                    format!("they are in {count} groups, and a token carries none at all when there are more than 200")
                }
            };
            lacking.push(Why { text, lines: Vec::new() });
        }
        let of_files =
            |grant: &Grant<'_>| !matches!(&grant.subject.name, SubjectName::Known(name) if name.starts_with("system:"));
        let mut given: Vec<Grant<'_>> = self.rbac.given(&whom.caller).filter(of_files).collect();
        // What gives the same elsewhere comes first.
        given.sort_by_key(|grant| grant.allows(request).is_none());
        let more = given.len().saturating_sub(NAMED);
        for grant in given.iter().take(NAMED) {
            let missing = match grant.rules {
                Some(_) => "",
                None if self.unknown.contains(&grant.binding.role) => ", whose rules are only on the cluster",
                None => ", a role that is not there",
            };
            let Why { text, lines } = self.given(whom, grant);
            lacking.push(Why { text: format!("they only have {text}{missing}"), lines });
        }
        if more > 0 {
            lacking.push(Why { text: format!("and {more} more that do not give it"), lines: Vec::new() });
        }
        if lacking.is_empty() {
            let text = if whom.groups.is_empty() {
                "they are in no group, and nothing is granted to them"
            } else {
                "nothing is granted to them"
            };
            lacking.push(Why { text: text.to_owned(), lines: Vec::new() });
        }
        lacking
    }

    /// What a binding gives, and through what it reaches them.
    pub(super) fn given(&self, whom: &Whom<'_>, grant: &Grant<'_>) -> Why {
        let binding = grant.binding;
        let mut lines: Vec<Origin> = Vec::new();
        let asked = self.asked(binding);
        lines.extend(asked.map(|asked| asked.origin.clone()));
        let through = self.through(whom, grant.subject, &mut lines);
        let mut text = format!("{} {}", role_words(&binding.role), place_words(binding.namespace.as_ref()));
        if !through.is_empty() {
            text = format!("{text} through {through}");
        }
        if asked.is_none() {
            let own = match &binding.namespace {
                Some(namespace) => format!("rolebinding {namespace}/{}", binding.name),
                None => format!("clusterrolebinding {}", binding.name),
            };
            text = format!("{text} ({own}, which no file asks for)");
        }
        Why { text, lines }
    }

    /// The groups on the way from somebody to a subject.
    fn through(&self, whom: &Whom<'_>, subject: &Subject, lines: &mut Vec<Origin>) -> String {
        if subject.kind != SubjectKind::Group {
            return String::new();
        }
        let Some(id) = whom.called(&subject.name) else {
            let SubjectName::Known(name) = &subject.name else { return "a group".to_owned() };
            let is_plain = name.parse::<ObjectId>().is_ok() || name.starts_with("system:");
            return if is_plain { format!("group {name}") } else { format!("group {name:?}") };
        };
        let steps: &[Step<'_>] = whom.ways.and_then(|ways| ways.get(id)).map_or(&[], Vec::as_slice);
        lines.extend(steps.iter().filter_map(|step| step.origin.cloned()));
        let names: Vec<String> = steps.iter().map(|step| self.group_name(&step.group)).collect();
        match names.as_slice() {
            [] => format!("group {}", self.group_name(id)),
            [one] => format!("group {one}"),
            [..] => format!("groups {}", names.join(" in ")),
        }
    }

    pub(super) fn group_name(&self, id: &Identity) -> String {
        group_name(self.people, id)
    }
}

/// A group by its key; else by its display name, which is hostile text and quoted; else by its id.
pub(super) fn group_name(people: &People<'_>, id: &Identity) -> String {
    let group = people.group(id);
    match (group.and_then(|group| group.key), id) {
        (Some(key), _) | (None, Identity::AfterApply(key)) => key.to_string(),
        (None, Identity::Known(id)) => match group.map(|group| group.display_name) {
            None | Some("") => id.to_string(),
            Some(name) => format!("{name:?}"),
        },
    }
}

pub(super) fn role_words(role: &RoleRef) -> String {
    let kind = match role.kind {
        RoleKind::Role => "role",
        RoleKind::ClusterRole => "clusterrole",
    };
    format!("{kind} {}", role.name)
}

pub(super) fn place_words(namespace: Option<&Namespace>) -> String {
    namespace.map_or_else(|| "on the whole cluster".to_owned(), |namespace| format!("in {namespace}"))
}
