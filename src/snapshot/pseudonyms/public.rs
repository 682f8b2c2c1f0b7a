//! What whoever reads the access files knows already: it stands in them, or follows from them.

use std::collections::{BTreeMap, BTreeSet};

use super::addresses;
use crate::state::{
    Allowance, BindingPattern, Desired, DesiredEnvironment, EnvironmentName, GroupKey, Management, PolicyRule,
    PrincipalName, Request, ScopeTarget, mark,
};

/// What the user name of a service account starts with.
pub(super) const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// The names and ids of the access files.
#[derive(Debug)]
pub(super) struct Public {
    /// Texts in lower case, ids among them. Names are compared without case: another case of a known name tells nothing.
    texts: BTreeSet<String>,
    /// Entries of rules and of expectations: verbs, API groups, resources, paths; in lower case.
    entries: BTreeSet<String>,
    /// The parts between slashes of those.
    parts: BTreeSet<String>,
    /// The labels by which the files select namespaces.
    pub(super) selectors: BTreeSet<String>,
    /// By environment, what a token puts in front of users and of groups.
    pub(super) prefixes: BTreeMap<EnvironmentName, (String, String)>,
    /// By environment, the patterns of `allow-unmanaged`.
    pub(super) allowed: BTreeMap<EnvironmentName, Vec<BindingPattern>>,
}

impl Public {
    /// What these files say, and these names besides.
    pub(super) fn of<'n>(desired: &Desired, also: impl IntoIterator<Item = &'n PrincipalName>) -> Self {
        let mut public = Self {
            texts: BTreeSet::new(),
            entries: BTreeSet::new(),
            parts: BTreeSet::new(),
            selectors: BTreeSet::new(),
            prefixes: BTreeMap::new(),
            allowed: BTreeMap::new(),
        };
        public.text(desired.config.as_str());
        public.text(&desired.tenant.to_string());
        desired.appliers.iter().for_each(|app| public.text(&app.to_string()));
        also.into_iter().for_each(|name| public.principal(name));
        public.groups(desired);
        for (name, environment) in &desired.environments {
            public.text(name.as_str());
            public.environment(name, environment, desired);
        }
        for expectation in &desired.expectations {
            public.principal(&expectation.who);
            let only = expectation.only.iter().flat_map(|only| &only.list);
            for one in expectation.can.iter().chain(&expectation.cannot).chain(only) {
                if let Request::Resource { name: Some(name), .. } = &one.request {
                    public.text(name);
                }
                public.rules(&[one.request.as_rule()]);
                if let Some(namespace) = one.request.namespace() {
                    public.text(namespace.as_str());
                }
            }
        }
        public
    }

    /// Whether the files say it.
    pub(super) fn has(&self, text: &str) -> bool {
        self.texts.contains(&text.to_lowercase())
    }

    /// Whether somebody whom the files name is of this domain.
    pub(super) fn has_domain(&self, domain: &str) -> bool {
        let domain = format!("@{}", domain.to_lowercase());
        self.texts.iter().any(|text| text.ends_with(&domain))
    }

    /// Whether the files say this entry of a rule, or one that this one, which ends in a star, is the beginning of.
    pub(super) fn says(&self, entry: &str) -> bool {
        let entry = entry.to_lowercase();
        let start = entry.trim_end_matches('*');
        let is_start = || self.entries.range(start.to_owned()..).next().is_some_and(|said| said.starts_with(start));
        self.entries.contains(&entry) || (start.len() < entry.len() && is_start())
    }

    /// Whether the files say this part of an entry of a rule.
    pub(super) fn says_part(&self, part: &str) -> bool {
        self.parts.contains(&part.to_lowercase())
    }

    fn text(&mut self, text: &str) {
        self.texts.insert(text.to_lowercase());
        self.texts.extend(addresses::of(text).map(|address| address.to_lowercase()));
    }

    fn entry(&mut self, entry: &str) {
        let entry = entry.to_lowercase();
        self.texts.extend(addresses::of(&entry));
        self.parts.extend(entry.split('/').map(str::to_owned));
        self.entries.insert(entry);
    }

    fn principal(&mut self, name: &PrincipalName) {
        match name {
            PrincipalName::User(name) => self.text(name.as_str()),
            PrincipalName::Guest(mail) => self.text(mail.as_str()),
            PrincipalName::Group(key) => self.text(key.as_str()),
            PrincipalName::GroupId(id) | PrincipalName::Object(id) => self.text(&id.to_string()),
            PrincipalName::ServicePrincipal(app) => self.text(&app.to_string()),
        }
    }

    fn groups(&mut self, desired: &Desired) {
        for (key, group) in &desired.groups {
            self.text(key.as_str());
            group.previously.keys().for_each(|previous| self.text(previous.as_str()));
            group.display_name.iter().chain(&group.description).for_each(|text| self.text(text));
            match group.management {
                Management::Adopted(id) | Management::External(id) => self.text(&id.to_string()),
                Management::Owned => {}
            }
            let owners = group.owners.iter().flatten().map(|(name, _)| name);
            for name in owners.chain(group.members.keys()).chain(group.absent.keys()) {
                self.principal(name);
            }
        }
    }

    fn environment(&mut self, name: &EnvironmentName, environment: &DesiredEnvironment, desired: &Desired) {
        let tokens = &environment.tokens;
        self.prefixes.insert(name.clone(), (tokens.users_prefix.clone(), tokens.groups_prefix.clone()));
        self.text(&environment.context);
        environment.cluster.iter().for_each(|uid| self.text(&uid.to_string()));
        if let Some(applier) = &environment.applier {
            // A binding names a service account by its two parts.
            let account = applier.user.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'));
            for part in account.into_iter().flat_map(|(namespace, name)| [namespace, name]) {
                self.text(part);
            }
            for (text, prefix) in std::iter::once((&applier.user, &tokens.users_prefix))
                .chain(applier.groups.iter().map(|group| (group, &tokens.groups_prefix)))
            {
                self.text(text);
                // The same without what the API server puts in front is the id or the name itself.
                text.strip_prefix(prefix.as_str()).into_iter().for_each(|bare| self.text(bare));
            }
        }
        for role in &environment.roles {
            self.text(&role.name);
            role.namespace.iter().for_each(|namespace| self.text(namespace.as_str()));
            self.rules(&role.rules);
        }
        for binding in &environment.bindings {
            self.principal(&binding.subject);
            self.text(&binding.role.reference.name);
            match &binding.scope {
                ScopeTarget::Cluster => {}
                ScopeTarget::Namespace(namespace) => self.text(namespace.as_str()),
                ScopeTarget::Selector(labels) => {
                    self.selectors.extend(labels.keys().cloned());
                    for value in labels.values() {
                        self.text(value);
                    }
                }
            }
            let previous = match &binding.subject {
                PrincipalName::Group(key) => desired.groups.get(key).map(|group| &group.previously),
                _ => None,
            };
            let previous = previous.into_iter().flatten().map(|(key, _): (&GroupKey, _)| key.clone());
            for subject in std::iter::once(binding.subject.clone()).chain(previous.map(PrincipalName::Group)) {
                let (role, reference) = (&binding.role.key, &binding.role.reference);
                self.text(&mark::binding_name(&desired.config, &subject, role, reference, &binding.scope));
            }
        }
        for replacement in &environment.replacements {
            self.text(&replacement.target.name);
            replacement.target.namespace.iter().for_each(|namespace| self.text(namespace.as_str()));
        }
        for entry in &environment.allow_unmanaged {
            match &entry.what {
                Allowance::Config(config) => self.text(config.as_str()),
                Allowance::Bindings(pattern) => {
                    self.allowed.entry(name.clone()).or_default().push(pattern.clone());
                }
            }
        }
    }

    fn rules(&mut self, rules: &[PolicyRule]) {
        for rule in rules {
            rule.resource_names.iter().for_each(|name| self.text(name));
            let lists = [&rule.api_groups, &rule.resources, &rule.verbs, &rule.non_resource_urls];
            lists.into_iter().flatten().for_each(|entry| self.entry(entry));
        }
    }
}
