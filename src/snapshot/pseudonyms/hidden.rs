//! The names of people that a pseudonymised snapshot hides, and where else they stand: namespaces and roles are often called
//! after somebody.

use std::collections::BTreeSet;

use super::public::Public;
use crate::state::{
    GroupAnswers, Inside, LivePrincipal, Observed, PrincipalKind, PrincipalName, Resolution, SubjectKind, SubjectName,
};

/// Names as the words that they are made of, in lower case: `gina smith`, and `ginasmith`.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    names: BTreeSet<String>,
    /// The most words that one of them has.
    longest: usize,
}

impl Hidden {
    /// The names of people that were read and that the files do not say.
    pub(super) fn of(observed: &Observed, public: &Public) -> Self {
        let mut hidden = Self::default();
        for live in everybody(observed) {
            let (user, mail) = match &live.name {
                PrincipalName::User(name) => (Some(name.as_str()), None),
                PrincipalName::Guest(mail) => (None, Some(mail.as_str())),
                PrincipalName::GroupId(_)
                | PrincipalName::Group(_)
                | PrincipalName::ServicePrincipal(_)
                | PrincipalName::Object(_) => (None, None),
            };
            let addresses = user.into_iter().chain(mail).chain(live.user_principal_name.as_deref());
            let mut is_public = false;
            for address in addresses.clone() {
                is_public |= public.has(address);
            }
            // Of whom the files name the address, the same in a namespace tells nothing.
            for address in addresses.clone().filter(|_| !is_public) {
                // A guest's own is `ana_partner.example#EXT#@contoso.com`.
                let local = address.split(['@', '#']).next().unwrap_or(address);
                hidden.add(local);
                hidden.add(address);
            }
            let display_name = live.display_name.as_deref().unwrap_or_default();
            let is_person = matches!(live.kind, PrincipalKind::User | PrincipalKind::Guest);
            // That of `erin@contoso.com` may be Erin.
            let known: Vec<String> = addresses.flat_map(words).collect();
            if is_person && !(is_public && words(display_name).iter().all(|word| known.contains(word))) {
                hidden.add(display_name);
            }
        }
        let clusters = observed.clusters.values().flatten();
        let subjects = clusters.flat_map(|cluster| &cluster.bindings).flat_map(|live| &live.binding.subjects);
        for subject in subjects.filter(|subject| subject.kind == SubjectKind::User && !subject.is_system()) {
            if let SubjectName::Known(name) = &subject.name
                && !public.has(name)
            {
                hidden.add(name.split('@').next().unwrap_or(name));
            }
        }
        hidden
    }

    fn add(&mut self, name: &str) {
        let words = words(name);
        if words.iter().any(|word| word.chars().any(char::is_alphabetic)) {
            self.longest = self.longest.max(words.len());
            self.names.insert(words.concat());
            self.names.insert(words.join(" "));
        }
    }

    /// Whether one of the names is in a text, in whole words.
    pub(super) fn stands_in(&self, text: &str) -> bool {
        let words = words(text);
        (0..words.len()).any(|start| {
            let ends = start + 1..=words.len().min(start + self.longest);
            ends.filter_map(|end| words.get(start..end)).any(|run| self.names.contains(&run.join(" ")))
        })
    }
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn everybody(observed: &Observed) -> impl Iterator<Item = &LivePrincipal> {
    let tenant = || observed.tenant.iter().flatten();
    let groups = tenant().flat_map(|tenant| tenant.marked.values().chain(tenant.by_id.values().flatten()));
    let listed = groups.flat_map(|group| group.owners.iter().chain(&group.members));
    let found = tenant().flat_map(|tenant| tenant.directory.values()).flat_map(|resolution| match resolution {
        Resolution::Found(live) => std::slice::from_ref(live),
        Resolution::Ambiguous(several) => several.as_slice(),
        Resolution::Missing { .. } | Resolution::NotInSnapshot => &[],
    });
    let GroupAnswers { inside, direct, .. } = &observed.of_groups;
    let inside = inside.values().chain(direct.values()).flat_map(|inside| match inside {
        Inside::Read(members) => members.as_slice(),
        Inside::Missing | Inside::Unreadable(_) => &[],
    });
    listed.chain(found).chain(inside)
}
