//! The names of people that a pseudonymised snapshot hides, and where else they stand: namespaces and roles are often called
//! after somebody.

use std::collections::BTreeSet;
use std::ops::Range;

use super::addresses;
use super::public::Public;
use crate::state::{
    Cluster, EnvironmentName, GroupAnswers, Inside, LivePrincipal, Observed, PrincipalKind, PrincipalName, Resolution,
    SubjectKind, SubjectName, Tenant,
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
            hidden.person(live, public);
        }
        if let Some(Ok(tenant)) = &observed.tenant {
            hidden.in_texts(of_tenant(tenant), public);
        }
        for (environment, cluster) in &observed.clusters {
            if let Ok(cluster) = cluster {
                hidden.cluster(environment, cluster, public);
            }
        }
        for (environment, answers) in &observed.answers {
            let who = answers.iter().filter_map(|(question, _)| question.who.as_ref());
            who.for_each(|who| hidden.user(environment, &who.user, public));
        }
        hidden
    }

    fn person(&mut self, live: &LivePrincipal, public: &Public) {
        let addresses = addresses_of(&live.name).into_iter().chain(live.user_principal_name.as_deref());
        let is_public = addresses.clone().any(|address| is_public(address, public));
        // Of whom the files name the address, the same in a namespace tells nothing.
        addresses.clone().filter(|_| !is_public).for_each(|address| self.address(address));
        let display_name = live.display_name.as_deref().unwrap_or_default();
        let is_person = matches!(live.kind, PrincipalKind::User | PrincipalKind::Guest);
        // That of `erin@contoso.com` may be Erin.
        let known: Vec<String> = addresses.flat_map(words).collect();
        if is_person && !(is_public && words(display_name).iter().all(|word| known.contains(word))) {
            self.add(display_name);
            // `O'Malley` is `omalley` where there are no apostrophes, and `Smith, Gina` goes by either order.
            self.add(&display_name.replace(['\'', '’'], ""));
            if let Some((last, first)) = display_name.split_once(',') {
                self.add(&format!("{first} {last}"));
            }
        }
    }

    fn cluster(&mut self, environment: &EnvironmentName, cluster: &Cluster, public: &Public) {
        self.user(environment, &cluster.username, public);
        for subject in cluster.bindings.iter().flat_map(|live| &live.binding.subjects) {
            self.in_texts(subject.principal.iter().filter_map(addresses_of), public);
            match (&subject.kind, &subject.name) {
                (SubjectKind::User, SubjectName::Known(name)) => self.user(environment, name, public),
                (_, SubjectName::Known(name)) => self.in_texts([name.as_str()], public),
                (_, SubjectName::AfterApply { .. }) => {}
            }
        }
        self.in_texts(of_cluster(cluster), public);
    }

    /// What a cluster calls somebody: `oidc:gina@contoso.com`, `https://issuer/#gina@contoso.com`, `oidc:gina`.
    fn user(&mut self, environment: &EnvironmentName, name: &str, public: &Public) {
        let prefix = public.prefixes.get(environment).map_or("", |(users, _)| users.as_str());
        let bare = name.strip_prefix(prefix).unwrap_or(name);
        if name.starts_with("system:") || [name, bare].iter().any(|name| public.has(name)) || self.in_text(bare, public)
        {
            return;
        }
        let local = bare.rsplit_once('@').map_or(bare, |(local, _)| local);
        self.add(local);
        self.add(local.rsplit(['#', '/', '\\', ':', '|']).next().unwrap_or(local));
    }

    fn in_texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>, public: &Public) {
        for text in texts {
            let _ = self.in_text(text, public);
        }
    }

    /// Takes in whose addresses stand in a text, and whether there are any.
    fn in_text(&mut self, text: &str, public: &Public) -> bool {
        let mut has_any = false;
        for address in addresses::of(text) {
            has_any = true;
            if !is_public(&address, public) {
                self.address(&address);
            }
        }
        has_any
    }

    fn address(&mut self, address: &str) {
        // A guest's own is `ana_partner.example#EXT#@contoso.com`.
        let local = address.split(['@', '#']).next().unwrap_or(address);
        self.add(local);
        self.add(address);
        let of_guest = addresses::of_guest(address);
        let of_guest = of_guest.as_deref().and_then(|mail| mail.split('@').next());
        // What stands behind `+` is of no name.
        for local in [of_guest.unwrap_or(local), local] {
            self.add(local);
            self.add(local.split('+').next().unwrap_or(local));
            self.add(&local.replace(['\'', '’'], ""));
        }
    }

    fn add(&mut self, name: &str) {
        let words = words(name);
        if words.iter().any(|word| word.chars().any(char::is_alphabetic)) {
            self.longest = self.longest.max(words.len());
            self.names.insert(words.concat());
            self.names.insert(words.join(" "));
        }
    }

    /// Where one of the names is in these words, by their numbers.
    pub(super) fn runs<'w>(&'w self, words: &'w [String]) -> impl Iterator<Item = Range<usize>> + 'w {
        (0..words.len()).flat_map(move |start| {
            let ends = start + 1..=words.len().min(start + self.longest);
            let runs = ends.map(move |end| start..end);
            runs.filter(move |run| words.get(run.clone()).is_some_and(|run| self.names.contains(&run.join(" "))))
        })
    }

    /// Whether one of the names is in a text, in whole words.
    pub(super) fn stands_in(&self, text: &str) -> bool {
        self.runs(&words(text)).next().is_some()
    }
}

/// The words of a text, in lower case.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Whether the files say an address, or the mail address of the guest whose it is.
pub(super) fn is_public(address: &str, public: &Public) -> bool {
    public.has(address) || addresses::of_guest(address).is_some_and(|mail| public.has(&mail))
}

fn addresses_of(name: &PrincipalName) -> Option<&str> {
    match name {
        PrincipalName::User(name) => Some(name.as_str()),
        PrincipalName::Guest(mail) => Some(mail.as_str()),
        PrincipalName::GroupId(_)
        | PrincipalName::Group(_)
        | PrincipalName::ServicePrincipal(_)
        | PrincipalName::Object(_) => None,
    }
}

/// Texts of a tenant in which addresses may stand.
fn of_tenant(tenant: &Tenant) -> impl Iterator<Item = &str> {
    let groups = tenant.marked.values().chain(tenant.by_id.values().flatten());
    let groups = groups.flat_map(|group| std::iter::once(&group.display_name).chain(&group.description));
    let summaries = tenant.by_display_name.values().flatten();
    let summaries = summaries.flat_map(|summary| std::iter::once(&summary.display_name).chain(&summary.owners));
    let deleted = tenant.deleted.values().flatten();
    let deleted = deleted.flat_map(|group| std::iter::once(&group.display_name).chain(&group.description));
    let meant = tenant.directory.values().filter_map(|resolution| match resolution {
        Resolution::Missing { suggestion, .. } => suggestion.as_ref(),
        Resolution::Found(_) | Resolution::Ambiguous(_) | Resolution::NotInSnapshot => None,
    });
    let asked = tenant.directory.keys().filter_map(addresses_of);
    let texts = std::iter::once(&tenant.identity.label).chain(groups).chain(summaries).chain(deleted).chain(meant);
    texts.map(String::as_str).chain(asked)
}

/// Texts of a cluster in which addresses may stand, but for its subjects.
fn of_cluster(cluster: &Cluster) -> impl Iterator<Item = &str> {
    let rules = cluster.roles.iter().flat_map(|live| &live.role.rules);
    let rules = rules.flat_map(|rule| {
        let lists = [&rule.api_groups, &rule.resources, &rule.verbs, &rule.resource_names, &rule.non_resource_urls];
        lists.into_iter().flatten()
    });
    let names = cluster.roles.iter().map(|live| &live.role.name);
    let bindings = cluster.bindings.iter().flat_map(|live| [&live.binding.name, &live.binding.role.name]);
    let metas = cluster.roles.iter().map(|live| &live.meta).chain(cluster.bindings.iter().map(|live| &live.meta));
    let managers =
        metas.flat_map(|meta| meta.other_managers.iter().chain(meta.trace.writes.iter().map(|write| &write.manager)));
    rules.chain(names).chain(bindings).chain(managers).chain(&cluster.user_groups).map(String::as_str)
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
