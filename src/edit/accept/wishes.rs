//! What would have to be changed in the files for each difference, one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Asked, Edit, List, Text};
use super::check::names_of;
use super::people::People;
use crate::config::{Config, RoleSource};
use crate::plan::Plan;
use crate::state::{
    Address, Binding, Change, Desired, DesiredBinding, DesiredEnvironment, DesiredGroup, EnvironmentName, Group,
    GroupKey, Membership, Observed, Operation, PolicyRule, PrincipalName, Resource, Role, RoleKey, ScopeTarget,
    Subject, SubjectName, mark,
};

const NEW_GROUP: &str = "the files would need a block for this group: write it, or let `apply` delete it";
const MARKS: &str = "its mark of ownership is no text of the files: `apply` sets it right";
const NO_NAME: &str = "no access file can name it";
const SHARED_NAME: &str = "others have the same name, so that the files cannot say who is meant";
const NO_GRANT: &str = "no grant asks for it in this form";
const BY_LABELS: &str = "a grant asks for it by labels of namespaces, which cannot leave one out: name the namespaces, or change their labels";
const TAKEN_OVER: &str = "a grant takes over from it (`replaces`): take that out of the grant to keep it";
const NOBODY: &str = "it is for nobody: `apply` takes it away";
const NO_ROLE: &str = "no role of the files stands for the one that it gives";
const ROLE_GONE: &str =
    "the role is gone, and grants still ask for it: take them out of the files, or let `apply` make it again";
const ROLE_LEFT: &str = "no grant uses this role any more: `apply` takes it away";
const ROLE_LABELS: &str =
    "the label is off by which default roles take it in: `apply` sets it right, or change `aggregate-to`";
const ONE_SUBJECT: &str =
    "the files give that by a binding of its own: `apply` puts the one subject back that this binding is for";

/// What is to be accepted, and the changes of the files that would do it: the first of them that can be made.
pub(super) struct Wish {
    pub(super) ways: Vec<Vec<Edit>>,
    pub(super) addresses: Vec<Address>,
}

/// Everything that is to be accepted, and why the rest is not.
#[derive(Default)]
pub(super) struct Wishes {
    pub(super) wishes: Vec<Wish>,
    pub(super) left: BTreeMap<Address, String>,
}

type Lists<'c> = BTreeMap<(&'c GroupKey, List), (Vec<PrincipalName>, Vec<PrincipalName>, Vec<Address>)>;

struct Reader<'a> {
    desired: &'a Desired,
    config: &'a Config,
    observed: &'a Observed,
    people: People<'a>,
    /// Groups of the files that are not there.
    gone: BTreeMap<&'a GroupKey, Vec<Address>>,
    lists: Lists<'a>,
    /// What is not there of what a grant gives, each with its objects.
    missing: BTreeMap<Asked, Vec<Address>>,
    /// What a role of the files allows on each environment.
    rules: BTreeMap<RoleKey, BTreeMap<&'a EnvironmentName, (&'a [PolicyRule], Address)>>,
    found: Wishes,
}

/// Reads out of a plan what the files would have to say.
pub(super) fn of(desired: &Desired, config: &Config, plan: &Plan, observed: &Observed) -> Wishes {
    let is_gone = |change: &Change| {
        matches!(change.operation, Operation::Create { .. } | Operation::Restore { .. })
            && matches!(&change.address, Address::Group(_))
    };
    let gone = plan.changes.iter().filter(|change| is_gone(change)).filter_map(|change| change.address.group());
    let mut reader = Reader {
        desired,
        config,
        observed,
        people: People::new(desired, observed),
        gone: gone.map(|key| (key, Vec::new())).collect(),
        lists: Lists::new(),
        missing: BTreeMap::new(),
        rules: BTreeMap::new(),
        found: Wishes::default(),
    };
    for change in &plan.changes {
        reader.read(change);
    }
    reader.finish()
}

impl<'a> Reader<'a> {
    fn wish(&mut self, ways: Vec<Vec<Edit>>, addresses: Vec<Address>) {
        self.found.wishes.push(Wish { ways, addresses });
    }

    fn leave(&mut self, address: &Address, why: impl Into<String>) {
        self.found.left.insert(address.clone(), why.into());
    }

    fn read(&mut self, change: &'a Change) {
        let address = &change.address;
        if let Some(key) = self.of_gone_group(change) {
            self.gone.entry(key).or_default().push(address.clone());
            return;
        }
        match address {
            Address::Member(key, who) | Address::Owner(key, who) => self.read_edge(change, key, who),
            Address::Group(key) => match texts(key, change) {
                Ok(edits) => edits.into_iter().for_each(|edit| self.wish(vec![vec![edit]], vec![address.clone()])),
                Err(why) => self.leave(address, why),
            },
            Address::Object { environment, .. } => {
                let Some(block) = self.desired.environments.get(environment) else { return };
                match (change.before(), change.after()) {
                    (None, Some(Resource::Binding(asked))) => self.read_missing(change, environment, block, asked),
                    (Some(Resource::Binding(live)), Some(Resource::Binding(asked))) => {
                        self.read_subjects(change, environment, block, (live, asked));
                    }
                    (Some(Resource::Binding(live)), None) => self.read_left_over(change, environment, block, live),
                    (None, Some(Resource::Role(_))) => self.leave(address, ROLE_GONE),
                    (Some(Resource::Role(live)), Some(Resource::Role(asked))) => {
                        self.read_rules(change, environment, block, (live, asked));
                    }
                    (Some(Resource::Role(_)), None) => self.leave(address, ROLE_LEFT),
                    _ => {}
                }
            }
        }
    }

    /// The group that is gone and because of which alone this is not as asked.
    fn of_gone_group(&self, change: &Change) -> Option<&'a GroupKey> {
        let gone = |key: &GroupKey| self.gone.get_key_value(key).map(|(key, _)| *key);
        let of = |who: &PrincipalName| match who {
            PrincipalName::Group(key) => gone(key),
            _ => None,
        };
        match &change.address {
            Address::Group(key) => gone(key),
            Address::Member(key, who) | Address::Owner(key, who) => gone(key).or_else(|| of(who)),
            Address::Object { .. } => match change.after() {
                Some(Resource::Binding(binding)) => of(binding.subjects.first()?.principal.as_ref()?),
                _ => None,
            },
        }
    }

    fn read_edge(&mut self, change: &'a Change, key: &'a GroupKey, who: &PrincipalName) {
        let address = &change.address;
        let Some(block) = self.desired.groups.get(key) else { return self.leave(address, NEW_GROUP) };
        if matches!(who, PrincipalName::Object(_)) {
            return self.leave(address, NO_NAME);
        }
        let is_there = matches!(change.operation, Operation::Delete { .. });
        if is_there && !self.people.is_one(who) {
            return self.leave(address, SHARED_NAME);
        }
        let (list, is_added) = list_of(block, matches!(address, Address::Owner(..)), is_there);
        let (remove, add, addresses) = self.lists.entry((key, list)).or_default();
        if is_added { add } else { remove }.push(who.clone());
        addresses.push(address.clone());
    }

    /// What a binding of ours is asked for by.
    fn asked(&self, name: &EnvironmentName, block: &DesiredEnvironment, asked: &Binding) -> Option<Asked> {
        let subject = asked.subjects.first()?.principal.as_ref()?;
        let is_it = |binding: &&DesiredBinding| {
            binding.subject == *subject
                && binding.role.reference == asked.role
                && names_of(self.desired, subject).iter().any(|subject| {
                    let DesiredBinding { role, scope, .. } = binding;
                    mark::binding_name(&self.desired.config, subject, &role.key, &role.reference, scope) == asked.name
                })
        };
        block.bindings.iter().find(is_it).map(|binding| Asked {
            subject: binding.subject.clone(),
            role: binding.role.key.clone(),
            environment: name.clone(),
            scope: binding.scope.clone(),
        })
    }

    /// How many places a scope means.
    fn places(&self, asked: &Asked) -> usize {
        match (&asked.scope, self.observed.clusters.get(&asked.environment)) {
            (ScopeTarget::Selector(labels), Some(Ok(cluster))) => cluster.selected(labels).len(),
            (ScopeTarget::Selector(_), _) => usize::MAX,
            (ScopeTarget::Cluster | ScopeTarget::Namespace(_), _) => 1,
        }
    }

    fn read_missing(&mut self, change: &Change, name: &EnvironmentName, block: &DesiredEnvironment, asked: &Binding) {
        match self.asked(name, block, asked) {
            Some(asked) => self.missing.entry(asked).or_default().push(change.address.clone()),
            None => self.leave(&change.address, NO_GRANT),
        }
    }

    /// Somebody was put into a binding of ours, or taken out: ours are for one subject each, so whoever came gets a grant.
    fn read_subjects(
        &mut self,
        change: &Change,
        name: &EnvironmentName,
        block: &DesiredEnvironment,
        (live, asked): (&Binding, &Binding),
    ) {
        let address = &change.address;
        let Some(wanted) = self.asked(name, block, asked) else { return self.leave(address, NO_GRANT) };
        let is_wanted = |subject: &Subject| asked.subjects.iter().any(|own| own.is_same(subject));
        let scope = live.namespace.clone().map_or(ScopeTarget::Cluster, ScopeTarget::Namespace);
        let mut given = BTreeSet::new();
        for subject in live.subjects.iter().filter(|subject| !is_wanted(subject)) {
            let Some(who) = self.people.named(&block.tokens, subject) else {
                return self.leave(address, format!("{} came to it by hand, {}", spelt(subject), no_name(subject)));
            };
            let one =
                Asked { subject: who, role: wanted.role.clone(), environment: name.clone(), scope: scope.clone() };
            if !self.is_asked(block, &one) {
                given.insert(one);
            }
        }
        let mut edits = Vec::new();
        if !live.subjects.iter().any(is_wanted) {
            if self.places(&wanted) != 1 {
                return self.leave(address, BY_LABELS);
            }
            edits.push(Edit::Revoke { asked: BTreeSet::from([wanted]) });
        }
        if edits.is_empty() && given.is_empty() {
            return self.leave(address, ONE_SUBJECT);
        }
        self.wish(with_grants(&given, &edits), vec![address.clone()]);
    }

    /// Whether the files give this already.
    fn is_asked(&self, block: &DesiredEnvironment, one: &Asked) -> bool {
        block.bindings.iter().any(|binding| {
            let is_there = match (&binding.scope, &one.scope) {
                (ScopeTarget::Selector(labels), ScopeTarget::Namespace(namespace)) => {
                    let cluster = self.observed.clusters.get(&one.environment).and_then(|read| read.as_ref().ok());
                    cluster.is_some_and(|cluster| cluster.selects(namespace, labels))
                }
                (own, wanted) => own == wanted,
            };
            binding.subject == one.subject && binding.role.key == one.role && is_there
        })
    }

    /// A binding of ours that no file asks for: it was merged and never applied, or the grant is gone from the files.
    fn read_left_over(&mut self, change: &Change, name: &EnvironmentName, block: &DesiredEnvironment, live: &Binding) {
        let address = &change.address;
        if change.replaced_by.is_some() {
            return self.leave(address, TAKEN_OVER);
        }
        let scope = live.namespace.clone().map_or(ScopeTarget::Cluster, ScopeTarget::Namespace);
        let mut given = BTreeSet::new();
        for subject in &live.subjects {
            let Some(who) = self.people.named(&block.tokens, subject) else {
                return self.leave(address, format!("it is for {}, {}", spelt(subject), no_name(subject)));
            };
            let Some(role) = self.role(&who, live, &scope) else { return self.leave(address, NO_ROLE) };
            given.insert(Asked { subject: who, role, environment: name.clone(), scope: scope.clone() });
        }
        if given.is_empty() {
            return self.leave(address, NOBODY);
        }
        self.wish(with_grants(&given, &[]), vec![address.clone()]);
    }

    /// The role of the files behind a binding of ours: the one by which it is named, or else one that stands for the same object.
    fn role(&self, who: &PrincipalName, live: &Binding, scope: &ScopeTarget) -> Option<RoleKey> {
        let stands_for = |key: &RoleKey, source: &RoleSource| match source {
            RoleSource::ClusterRole(name) => {
                live.role.kind == crate::state::RoleKind::ClusterRole && name.value == live.role.name
            }
            RoleSource::Rules(_) => [scope, &ScopeTarget::Cluster]
                .into_iter()
                .any(|scope| mark::role_name(&self.desired.config, key, scope) == live.role.name),
        };
        let mut found =
            self.config.roles.iter().filter(|(key, role)| stands_for(key, &role.source)).map(|(key, _)| key);
        let is_named = |key: &&RoleKey| {
            let named = |who: &PrincipalName| mark::binding_name(&self.desired.config, who, key, &live.role, scope);
            names_of(self.desired, who).iter().any(|who| named(who) == live.name)
        };
        found.clone().find(is_named).or_else(|| found.next()).cloned()
    }

    fn read_rules(
        &mut self,
        change: &'a Change,
        name: &'a EnvironmentName,
        block: &DesiredEnvironment,
        (live, asked): (&'a Role, &Role),
    ) {
        let is_it = |role: &&crate::state::DesiredRole| role.namespace == asked.namespace && role.name == asked.name;
        match block.roles.iter().find(is_it) {
            Some(_) if live.aggregate_to != asked.aggregate_to => self.leave(&change.address, ROLE_LABELS),
            Some(role) => {
                let on = self.rules.entry(role.key.clone()).or_default();
                on.insert(name, (&live.rules, change.address.clone()));
            }
            None => self.leave(&change.address, NO_GRANT),
        }
    }

    fn finish(mut self) -> Wishes {
        for ((group, list), (remove, add, addresses)) in std::mem::take(&mut self.lists) {
            self.wish(vec![vec![Edit::List { group: group.clone(), list, remove, add }]], addresses);
        }
        for (role, on) in std::mem::take(&mut self.rules) {
            let written =
                self.desired.environments.iter().filter(|(_, block)| block.roles.iter().any(|own| own.key == role));
            let mut others = written.map(|(name, _)| name).filter(|name| !on.contains_key(name));
            let first = on.values().next().map(|(rules, _)| rules.to_vec()).unwrap_or_default();
            let addresses: Vec<Address> = on.values().map(|(_, address)| address.clone()).collect();
            let why = match others.next() {
                Some(name) if self.observed.clusters.get(name).is_some_and(Result::is_ok) => {
                    Some(format!("on {name} the role {role} is otherwise, and the files say it once for both"))
                }
                Some(name) => Some(format!("the role {role} is on {name} as well, where nobody looked")),
                None if on.values().any(|(rules, _)| *rules != first) => {
                    let names: Vec<&str> = on.keys().map(|name| name.as_str()).collect();
                    Some(format!("the role {role} is different on {}, and the files say it once", names.join(" and ")))
                }
                None => None,
            };
            match why {
                Some(why) => addresses.iter().for_each(|address| self.leave(address, why.clone())),
                None => self.wish(vec![vec![Edit::Rules { role, rules: first }]], addresses),
            }
        }
        for (asked, addresses) in std::mem::take(&mut self.missing) {
            if addresses.len() == self.places(&asked) {
                self.wish(vec![vec![Edit::Revoke { asked: BTreeSet::from([asked]) }]], addresses);
            } else {
                for address in addresses {
                    self.leave(&address, BY_LABELS);
                }
            }
        }
        for (group, addresses) in std::mem::take(&mut self.gone) {
            self.wish(vec![vec![Edit::NoGroup { group: group.clone() }]], addresses);
        }
        self.found
    }
}

/// Grants that are put in, wherever they may stand, and what else is changed.
fn with_grants(given: &BTreeSet<Asked>, others: &[Edit]) -> Vec<Vec<Edit>> {
    if given.is_empty() {
        return vec![others.to_vec()];
    }
    let way = |at_root| [&[Edit::Give { asked: given.clone(), at_root }], others].concat();
    vec![way(false), way(true)]
}

fn spelt(subject: &Subject) -> String {
    match &subject.name {
        SubjectName::Known(name) => format!("{} `{name}`", subject.kind),
        SubjectName::AfterApply { group, .. } => format!("group {group}"),
    }
}

/// Which list says whether somebody is there, and whether they come to it: whoever is in an additive group and must not be
/// is under `absent`.
fn list_of(block: &DesiredGroup, is_owner: bool, is_there: bool) -> (List, bool) {
    match (is_owner, block.membership, is_there) {
        (true, _, _) => (List::Owners, is_there),
        (false, Membership::Additive, true) => (List::Absent, false),
        (false, _, _) => (List::Members, is_there),
    }
}

/// The texts of a group as they are there.
fn texts(key: &GroupKey, change: &Change) -> Result<Vec<Edit>, &'static str> {
    let (live, asked): (&Group, &Group) = match &change.operation {
        Operation::Update { before: Resource::Group(live), after: Resource::Group(asked) } => (live, asked),
        _ => return Err(NEW_GROUP),
    };
    if live.mail_nickname != asked.mail_nickname || live.unique_name != asked.unique_name {
        return Err(MARKS);
    }
    let text = |key_of: Text, value: Option<String>| Edit::Text { group: key.clone(), key: key_of, value };
    let mut edits = Vec::new();
    if live.display_name != asked.display_name {
        edits.push(text(Text::DisplayName, Some(live.display_name.clone())));
    }
    if live.description != asked.description {
        edits.push(text(Text::Description, live.description.clone()));
    }
    Ok(edits)
}

/// Why the files cannot name a live subject, and what would help.
fn no_name(subject: &Subject) -> &'static str {
    match subject.kind {
        crate::state::SubjectKind::Group => {
            "which is no group of the files: give it a block with `id`, then a grant, or let `apply` take it out"
        }
        crate::state::SubjectKind::User => {
            "whom the files cannot name for certain: give them a grant, or let `apply` take them out"
        }
        crate::state::SubjectKind::ServiceAccount | crate::state::SubjectKind::Other(_) => {
            "and grants are for groups, people and apps alone: `apply` takes it out"
        }
    }
}
