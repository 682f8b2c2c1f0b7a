//! What somebody may do, and why.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, Entry, GroupLabel, Part, Party, Question, Reached, Unseen, WithoutTheirGroups};
use super::chain::{Chains, named};
use super::place::{Place, World};
use crate::access::Caller;
use crate::access::caller::Holder;
use crate::access::people::{People, Token, Ways, Who};
use crate::access::rbac::{Rbac, allows};
use crate::state::{Identity, Request, SubjectName};

/// Who is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Somebody in Entra.
    Person(Who),
    /// Whoever is a member of this group, by that alone.
    Group(Identity),
    /// A service account.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

impl World<'_> {
    /// Why somebody may do something, or whatever they may do; where they may not, what comes nearest.
    pub fn why(&self, who: &Asker, request: Option<&Request>) -> Answer {
        let party = self.party(who);
        self.about(who, &party, request, Question::Why(party.clone(), request.cloned()))
    }

    /// Everything that somebody may do.
    pub fn access(&self, who: &Asker) -> Answer {
        let party = self.party(who);
        self.about(who, &party, None, Question::Access(party.clone()))
    }

    fn party(&self, who: &Asker) -> Party {
        match who {
            Asker::Person(who) => Party::Person(self.person(who)),
            Asker::Group(id) => Party::Group(self.group(id)),
            Asker::ServiceAccount { namespace, name } => {
                Party::ServiceAccount { namespace: namespace.clone(), name: name.clone() }
            }
        }
    }

    fn about(&self, who: &Asker, about: &Party, request: Option<&Request>, question: Question) -> Answer {
        let mut unseen = self.unseen.clone();
        if let Asker::ServiceAccount { .. } = who {
            // Nobody in Entra decides what it may do.
            unseen.retain(|unseen| !matches!(unseen, Unseen::Entra(..)));
        }
        let ways = self.ways(who);
        let owned = match who {
            Asker::Person(who) => self.owned(who, &ways),
            Asker::Group(_) | Asker::ServiceAccount { .. } => Vec::new(),
        };
        let asked = OnceCell::new();
        let answers = self.places.iter().map(|place| {
            let part = Looking { world: self, place, who, request, ways: &ways, owned: &owned, asked: &asked };
            part.answer(about, &mut unseen)
        });
        let parts: Vec<Part> = answers.collect();
        Answer { question, planned: self.planned, parts, unseen }
    }

    /// The groups that they are in, each with the way into it. A group is a member of itself.
    fn ways(&self, who: &Asker) -> Ways<'_> {
        match who {
            Asker::Person(who) => self.people.groups_of(&BTreeSet::from([who.clone()])).remove(who).unwrap_or_default(),
            Asker::Group(id) => self.ways_of_member(id),
            Asker::ServiceAccount { .. } => Ways::new(),
        }
    }
}

struct Looking<'w, 'a> {
    world: &'w World<'a>,
    place: &'w Place<'a>,
    who: &'w Asker,
    request: Option<&'w Request>,
    ways: &'w Ways<'w>,
    /// The groups that they own and are not in.
    owned: &'w [Identity],
    /// Who would be in which group by the files alone; made when it is first asked for.
    asked: &'w OnceCell<People<'a>>,
}

impl Looking<'_, '_> {
    fn answer(&self, party: &Party, unseen: &mut BTreeSet<Unseen>) -> Part {
        let rbac = self.place.snapshot.rbac();
        let token = self.token();
        let mut chains = Chains::new(self.world, self.place, &rbac);
        let caller = &token.caller;
        let mut reached: Vec<Reached> = match self.request {
            Some(request) => rbac
                .ways(caller, request)
                .iter()
                .flat_map(|way| chains.ways(way, request, caller, self.ways, &token.groups))
                .collect(),
            None => {
                rbac.given(caller).flat_map(|grant| chains.grants(&grant, caller, self.ways, &token.groups)).collect()
            }
        };
        // By what is theirs before what everybody has, and by the whole cluster before single namespaces.
        reached.sort_by_key(|way| {
            let given = &way.given;
            (given.subject.starts_with("system:"), given.namespace.clone(), given.role.name.clone())
        });
        let unread = self.unread(&rbac);
        let is_superuser = caller.is_superuser();
        let may = is_superuser || !reached.is_empty();
        let nearest =
            self.request.filter(|_| !may).map(|request| super::nearest::nearest(&rbac, caller, request, self.place));
        let indirect = match party {
            // Where they may, that they could is no news.
            Party::Person(who) if !may || self.request.is_none() => {
                self.world.could_have(self.place, who, self.owned, self.request, &mut chains)
            }
            _ => Vec::new(),
        };
        let lacks = self.request.filter(|_| !may);
        let is_asked_for = match (self.who, lacks) {
            (Asker::Person(who), Some(request)) if !self.world.planned => {
                let people = self.asked.get_or_init(|| People::asked(self.world.desired));
                self.world.is_asked_for(self.place, people, who, request)
            }
            _ => false,
        };
        let part = Part {
            environment: self.place.name.clone(),
            entries: vec![Entry { who: party.clone(), is_superuser, ways: reached }],
            indirect,
            without: self.without(&rbac, &token),
            unread: unread.iter().map(|(group, _)| group.clone()).collect(),
            in_namespaces: BTreeSet::new(),
            nearest,
            givers: lacks.map(|request| self.place.givers(request)).unwrap_or_default(),
            is_asked_for,
        };
        unseen.extend(unread.into_iter().map(|(group, why)| Unseen::Group(group, why)));
        part
    }

    fn token(&self) -> Token {
        match self.who {
            Asker::Person(who) => self.world.people.token(who, self.ways, self.place.environment),
            Asker::Group(_) => self.world.token_of_member(self.place, self.ways),
            Asker::ServiceAccount { namespace, name } => {
                let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
                let user = format!("system:serviceaccount:{namespace}:{name}");
                let caller = Caller::authenticated(user, groups.into_iter().map(SubjectName::Known));
                Token { caller, groups: BTreeMap::new(), without_groups: None }
            }
        }
    }

    /// Groups that are bound here and of which nobody knows whether they are in them, and why.
    fn unread(&self, rbac: &Rbac<'_>) -> Vec<(GroupLabel, String)> {
        let Asker::Person(_) = self.who else { return Vec::new() };
        let people = &self.world.people;
        let mut unread = Vec::new();
        for binding in rbac.bindings() {
            let reaches = self.request.is_none_or(|request| {
                (binding.namespace.is_none() || binding.namespace.as_ref() == request.namespace())
                    && rbac.rules(binding).into_iter().flatten().any(|rule| allows(rule, request))
            });
            for subject in binding.subjects.iter().filter(|_| reaches) {
                let Some(Holder::Group(name)) = Holder::of(subject, binding.namespace.as_ref()) else { continue };
                // Whoever is in a group that is still to be made is known.
                if named(&Holder::Group(name)).is_some() || !matches!(name, SubjectName::Known(_)) {
                    continue;
                }
                let tokens = &self.place.environment.tokens;
                let called: Vec<Identity> = people.called(name, tokens).map(|group| group.id.clone()).collect();
                if called.is_empty() {
                    let stranger = self.world.bound_group(self.place, binding, name).map(Unseen::stranger);
                    unread.extend(stranger);
                }
                let inside = called.iter().filter(|id| !self.ways.contains_key(*id));
                let inside = inside.flat_map(|id| people.unread_in(id));
                unread.extend(inside.filter_map(|id| self.world.unread(&id)));
            }
        }
        unread
    }

    /// The groups that would give them this, if their tokens carried groups.
    fn without(&self, rbac: &Rbac<'_>, token: &Token) -> BTreeSet<WithoutTheirGroups> {
        let (Some(why), Asker::Person(who)) = (token.without_groups, self.who) else { return BTreeSet::new() };
        let tokens = &self.place.environment.tokens;
        let named = self.ways.keys().filter_map(|id| Some((id, self.world.people.name_of(id, tokens)?)));
        let gives = |name: &SubjectName| {
            let caller = Caller::exactly("", [name.clone()]);
            match self.request {
                Some(request) => rbac.allows(&caller, request),
                None => rbac.given(&caller).next().is_some(),
            }
        };
        let who = self.world.person(who);
        named
            .filter(|(_, name)| gives(name))
            .map(|(id, _)| WithoutTheirGroups { who: who.clone(), group: self.world.group(id), why })
            .collect()
    }
}
