//! Who may do something.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{
    Answer, Entry, GroupLabel, Indirect, Part, Party, PersonLabel, Question, Reached, Unseen, WithoutTheirGroups,
};
use super::chain::{Chains, named};
use super::place::{Place, World};
use crate::access::caller::{Holder, SUPERUSERS};
use crate::access::people::{Node, Who};
use crate::access::rbac::Way;
use crate::state::{Binding, Identity, Namespace, ObjectId, PrincipalName, Request, SubjectName, UserNaming};

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
    /// The groups that are bound, each with those in it (itself included) of which nobody knows all members.
    groups: BTreeMap<Identity, BTreeSet<Identity>>,
    unread: BTreeSet<(GroupLabel, String)>,
}

impl<'w, 'a> Asking<'w, 'a> {
    fn new(world: &'w World<'a>, place: &'w Place<'a>, request: &'w Request) -> Self {
        let (candidates, others) = (BTreeMap::new(), BTreeMap::new());
        Self { world, place, request, candidates, others, groups: BTreeMap::new(), unread: BTreeSet::new() }
    }

    fn answer(mut self, unseen: &mut BTreeSet<Unseen>) -> Part {
        let (world, place) = (self.world, self.place);
        let rbac = place.snapshot.rbac();
        let mut chains = Chains::new(world, place, &rbac);
        for way in rbac.subjects_allowed(self.request) {
            self.subject(&way, &mut chains);
        }
        // Whoever is in such a group needs no binding.
        self.others.entry(Party::Superusers).or_default();
        self.of_groups(&SubjectName::Known(SUPERUSERS.to_owned()));
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
        let indirect = self.indirect(&entries, &mut chains);
        let unread = self.unread.iter().map(|(group, _)| group.clone()).collect();
        unseen.extend(self.unread.into_iter().map(|(group, why)| Unseen::Group(group, why)));
        let others = self.others.into_iter();
        entries.extend(others.map(|(who, ways)| Entry { is_superuser: who == Party::Superusers, who, ways }));
        entries.sort_by(|one, other| one.who.cmp(&other.who));
        let in_namespaces = in_namespaces(place, self.request);
        Part {
            environment: place.name.clone(),
            entries,
            indirect,
            without,
            unread,
            in_namespaces,
            nearest: None,
            givers: BTreeSet::new(),
            is_asked_for: false,
        }
    }

    /// One subject that may.
    fn subject(&mut self, way: &Way<'_>, chains: &mut Chains<'_, '_>) {
        let at = way.binding.subjects.iter().position(|subject| subject == way.subject).unwrap_or_default();
        let rules = Some(std::slice::from_ref(way.rule));
        let given = chains.given(way.binding, at, way.subject, rules, Some(self.request));
        let reached = Reached { steps: Vec::new(), given };
        let Some(holder) = Holder::of(way.subject, way.binding.namespace.as_ref()) else { return };
        let party = match (&holder, named(&holder)) {
            (_, Some(party)) => Some(party),
            (Holder::Group(name), None) => {
                let called = self.of_groups(name);
                for (inner, outer) in &called {
                    let Some((label, why)) = self.world.unread(inner) else { continue };
                    let steps = chains.steps(outer, &self.world.people.ways_around(inner));
                    self.give(Party::Group(label.clone()), Reached { steps, ..reached.clone() });
                    self.unread.insert((label, why));
                }
                let stranger = called.is_empty() && !self.is_known(name);
                let stranger = stranger.then(|| self.world.bound_group(self.place, way.binding, name)).flatten();
                // Where Entra was not read, that is said once.
                self.unread.extend(stranger.clone().filter(|_| self.world.is_entra_read).map(Unseen::stranger));
                stranger.map(Party::Group)
            }
            (Holder::User(name), None) => match self.user(name, way.binding) {
                Some(who) => {
                    self.candidates.entry(who).or_default();
                    None
                }
                None => Some(match self.world.bound_person(self.place, way.binding, name) {
                    Some(label) => Party::Person(label),
                    None => Party::User(name.to_string()),
                }),
            },
        };
        if let Some(party) = party {
            self.give(party, reached);
        }
    }

    fn give(&mut self, party: Party, reached: Reached) {
        let ways = self.others.entry(party).or_default();
        if !ways.contains(&reached) {
            ways.push(reached);
        }
    }

    fn called(&self, name: &SubjectName) -> Vec<Identity> {
        self.world.people.called(name, &self.place.environment.tokens).map(|group| group.id.clone()).collect()
    }

    fn is_known(&self, name: &SubjectName) -> bool {
        self.world.people.called(name, &self.place.environment.tokens).next().is_some()
    }

    /// Takes in everybody in the groups of this name. What comes back are the groups in them of which nobody knows all members,
    /// each with the group of this name that it is in or is.
    fn of_groups(&mut self, name: &SubjectName) -> Vec<(Identity, Identity)> {
        let mut unread = Vec::new();
        for id in self.called(name) {
            if !self.groups.contains_key(&id) {
                let (everybody, inside) = self.world.people.everybody_in(&id);
                for who in everybody {
                    self.candidates.entry(who).or_default().insert(id.clone());
                }
                self.groups.insert(id.clone(), inside);
            }
            let inside = self.groups.get(&id).into_iter().flatten();
            unread.extend(inside.map(|inner| (inner.clone(), id.clone())));
        }
        unread
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
    fn indirect(&self, entries: &[Entry], chains: &mut Chains<'_, '_>) -> Vec<Indirect> {
        let may: BTreeSet<&Party> = entries.iter().map(|entry| &entry.who).collect();
        let mut groups = BTreeSet::new();
        let mut open: Vec<Identity> = self.groups.keys().cloned().collect();
        while let Some(group) = open.pop() {
            if groups.insert(group.clone()) {
                open.extend(self.world.people.members(&group).into_iter().filter_map(|member| match member {
                    Node::Group(inner) => Some(inner),
                    Node::Person(_) => None,
                }));
            }
        }
        let mut indirect = Vec::new();
        for group in &groups {
            let owners: BTreeSet<_> = self.world.owners(group).map(|owner| self.world.person(&owner)).collect();
            let could = |who: &PersonLabel| !self.world.applies(who) && !may.contains(&Party::Person(who.clone()));
            let owners: Vec<_> = owners.into_iter().filter(could).collect();
            if owners.is_empty() {
                continue;
            }
            // A token may carry no groups around the one that they join.
            let ways = self.world.joined(self.place, group, Some(self.request), chains);
            if !ways.is_empty() {
                let label = self.world.group(group);
                let own = |who| Indirect { who, group: label.clone(), ways: ways.clone() };
                indirect.extend(owners.into_iter().map(own));
            }
        }
        indirect.sort_by(|one, other| (&one.who, &one.group).cmp(&(&other.who, &other.group)));
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
