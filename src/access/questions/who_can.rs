//! Who may do something.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, Entry, Indirect, Part, Party, Question, Reached, Unseen, WithoutTheirGroups};
use super::chain::{Chains, system_group};
use super::place::{Place, World};
use crate::access::caller::SUPERUSERS;
use crate::access::people::{Node, Who};
use crate::access::rbac::Way;
use crate::state::{
    Binding, Identity, Namespace, ObjectId, PrincipalName, Request, Subject, SubjectKind, SubjectName, UserNaming,
};

impl World<'_> {
    /// Whoever may do it, on each cluster.
    pub fn who_can(&self, request: &Request) -> Answer {
        let mut unseen = self.unseen.clone();
        let parts = self.places.iter().map(|place| Asking::new(self, place, request).answer(&mut unseen)).collect();
        Answer { question: Question::WhoCan(request.clone()), planned: self.planned, parts, unseen }
    }
}

struct Asking<'w, 'a> {
    world: &'w World<'a>,
    place: &'w Place<'a>,
    request: &'w Request,
    /// Who is bound, or in a group that is, and by which groups.
    candidates: BTreeMap<Who, BTreeSet<Identity>>,
    others: BTreeMap<Party, Vec<Reached>>,
    groups: BTreeSet<Identity>,
}

impl<'w, 'a> Asking<'w, 'a> {
    fn new(world: &'w World<'a>, place: &'w Place<'a>, request: &'w Request) -> Self {
        let (candidates, others) = (BTreeMap::new(), BTreeMap::new());
        Self { world, place, request, candidates, others, groups: BTreeSet::new() }
    }

    fn answer(mut self, unseen: &mut BTreeSet<Unseen>) -> Part {
        let (world, place) = (self.world, self.place);
        let rbac = place.snapshot.rbac();
        let mut chains = Chains::new(world, place);
        for way in rbac.subjects_allowed(self.request) {
            self.subject(&way, &mut chains);
        }
        // Whoever is in such a group needs no binding.
        self.others.entry(Party::Superusers).or_default();
        self.of_groups(&SubjectName::Known(SUPERUSERS.to_owned()));
        let strangers = self.others.keys().filter_map(|party| match party {
            Party::Group(group) => Some(Unseen::stranger(group.clone())),
            _ => None,
        });
        unseen.extend(strangers);
        let inside = self.groups.iter().flat_map(|group| world.people.unread_in(group));
        unseen.extend(inside.filter_map(|group| world.unread(&group)));
        let mut without = BTreeSet::new();
        let mut entries = Vec::new();
        let ways_of = world.people.groups_of(&self.candidates.keys().cloned().collect());
        for (who, ways) in &ways_of {
            let token = world.people.token(who, ways, place.environment);
            let found = rbac.ways(&token.caller, self.request);
            let found = found.iter().flat_map(|way| chains.ways(way, self.request, &token.caller, ways, &token.groups));
            let found: Vec<Reached> = found.filter(|way| way.given.subject != "system:authenticated").collect();
            let is_superuser = token.caller.is_superuser();
            if let (true, false, Some(why)) = (found.is_empty(), is_superuser, token.without_groups) {
                let by = self.candidates.get(who).into_iter().flatten();
                let who = world.person(who);
                without.extend(by.map(|group| WithoutTheirGroups { who: who.clone(), group: world.group(group), why }));
            } else if is_superuser || !found.is_empty() {
                entries.push(Entry { who: Party::Person(world.person(who)), is_superuser, ways: found });
            }
        }
        let indirect = self.indirect(&entries);
        let others = self.others.into_iter();
        entries.extend(others.map(|(who, ways)| Entry { is_superuser: who == Party::Superusers, who, ways }));
        entries.sort_by(|one, other| one.who.cmp(&other.who));
        let in_namespaces = in_namespaces(place, self.request);
        Part { environment: place.name.clone(), entries, indirect, without, in_namespaces, nearest: None }
    }

    /// One subject that may.
    fn subject(&mut self, way: &Way<'_>, chains: &mut Chains<'_, '_>) {
        let at = way.binding.subjects.iter().position(|subject| subject == way.subject).unwrap_or_default();
        let mut given = || {
            let rules = Some(std::slice::from_ref(way.rule));
            let given = chains.given(way.binding, at, way.subject, rules, Some(self.request));
            Reached { steps: Vec::new(), given }
        };
        let party = match (&way.subject.kind, &way.subject.name) {
            (SubjectKind::Group, SubjectName::Known(name)) if system_group(name).is_some() => system_group(name),
            (SubjectKind::Group, name) => {
                if self.of_groups(name) {
                    None
                } else {
                    let named = super::answer::GroupLabel { name: spelt(name), id: None, in_files: false };
                    Some(Party::Group(named))
                }
            }
            (SubjectKind::User, SubjectName::Known(name)) => match self.user(name, way.binding) {
                Some(who) => {
                    self.candidates.entry(who).or_default();
                    None
                }
                None => Some(user(name)),
            },
            (SubjectKind::ServiceAccount, SubjectName::Known(name)) => {
                service_account(way.subject, way.binding.namespace.as_ref(), name)
            }
            // Such a subject is nobody.
            (SubjectKind::User | SubjectKind::ServiceAccount, SubjectName::AfterApply { .. })
            | (SubjectKind::Other(_), _) => None,
        };
        if let Some(party) = party {
            let reached = given();
            let ways = self.others.entry(party).or_default();
            if !ways.contains(&reached) {
                ways.push(reached);
            }
        }
    }

    /// Everybody in the groups of this name; whether there is one.
    fn of_groups(&mut self, name: &SubjectName) -> bool {
        let called: Vec<Identity> =
            self.world.people.called(name, &self.place.environment.tokens).map(|group| group.id.clone()).collect();
        for id in &called {
            if self.groups.insert(id.clone()) {
                for who in self.world.people.everybody_in(id).0 {
                    self.candidates.entry(who).or_default().insert(id.clone());
                }
            }
        }
        !called.is_empty()
    }

    /// Who has this user name, where somebody is known to.
    fn user(&self, name: &str, binding: &Binding) -> Option<Who> {
        let (world, environment) = (self.world, self.place.environment);
        let is_called = |who: &Who| world.people.token(who, &BTreeMap::new(), environment).caller.user == name;
        // The files know a guest by another name than the cluster does.
        let asked = self.place.asked(binding.namespace.as_ref(), &binding.name);
        if let Some(Node::Person(who)) = asked.and_then(|grant| world.people.find(&grant.subject))
            && is_called(&who)
        {
            return Some(who);
        }
        let bare = name.strip_prefix(&environment.tokens.users_prefix)?;
        let node = match environment.tokens.users {
            UserNaming::ObjectId => Node::Person(Who::Id(bare.parse::<ObjectId>().ok()?)),
            UserNaming::UserPrincipalName => world.people.find(&PrincipalName::User(bare.parse().ok()?))?,
        };
        let Node::Person(who) = node else { return None };
        let is_known = world.people.person(&who).kind.is_some();
        (is_known && is_called(&who)).then_some(who)
    }

    /// Who owns a group by which others may, or one that is in such a group, and may not already.
    fn indirect(&self, entries: &[Entry]) -> BTreeSet<Indirect> {
        let may: BTreeSet<&Party> = entries.iter().map(|entry| &entry.who).collect();
        let mut groups = BTreeSet::new();
        let mut open: Vec<Identity> = self.groups.iter().cloned().collect();
        while let Some(group) = open.pop() {
            if groups.insert(group.clone()) {
                open.extend(self.world.people.members(&group).into_iter().filter_map(|member| match member {
                    Node::Group(inner) => Some(inner),
                    Node::Person(_) => None,
                }));
            }
        }
        let mut indirect = BTreeSet::new();
        for group in &groups {
            for owner in self.world.owners(group) {
                let who = self.world.person(&owner);
                let applies = matches!(&who.name, PrincipalName::ServicePrincipal(app)
                    if self.world.desired.appliers.contains(app));
                if !applies && !may.contains(&Party::Person(who.clone())) {
                    indirect.insert(Indirect { who, group: self.world.group(group) });
                }
            }
        }
        indirect
    }
}

/// Of a question about the whole cluster: the namespaces in which somebody may by a binding of that namespace.
fn in_namespaces(place: &Place<'_>, request: &Request) -> BTreeSet<Namespace> {
    let Request::Resource { namespace: None, resource, group, .. } = request else { return BTreeSet::new() };
    if crate::state::resources::known(resource, Some(group)).is_some_and(|known| !known.namespaced) {
        return BTreeSet::new();
    }
    let rbac = place.snapshot.rbac();
    let bindings = rbac.bindings().iter().filter(|binding| !binding.subjects.is_empty());
    let may = bindings.filter(|binding| {
        let rules = rbac.rules(binding).into_iter().flatten();
        rules.into_iter().any(|rule| crate::access::rbac::allows(rule, request))
    });
    may.filter_map(|binding| binding.namespace.clone()).collect()
}

fn spelt(name: &SubjectName) -> String {
    match name {
        SubjectName::Known(name) => name.clone(),
        SubjectName::AfterApply { prefix, group } => format!("{prefix}{group}"),
    }
}

/// A user name that nobody who is known has.
fn user(name: &str) -> Party {
    let account = name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    match account {
        Some((namespace, name)) => Party::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() },
        None if name == "system:anonymous" => Party::Anonymous,
        None if name.starts_with("system:") => Party::System(name.to_owned()),
        None => Party::User(name.to_owned()),
    }
}

fn service_account(subject: &Subject, within: Option<&Namespace>, name: &str) -> Option<Party> {
    let own = subject.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    let namespace = own.or(within.map(Namespace::as_str))?;
    Some(Party::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() })
}
