//! Rules of roles. What they allow is shown, but for who is named in it: a custom resource, a path or a verb may be called
//! after somebody.

use std::collections::BTreeSet;

use super::hidden::{is_public, words};
use super::{Pen, addresses};
use crate::state::resources::{KnownResource, METHODS, SERVED, UNSERVED, VERBS};

/// Parts of the paths of an API server.
const PATHS: [&str; 18] = [
    ".well-known",
    "api",
    "apis",
    "debug",
    "flags",
    "healthz",
    "livez",
    "logs",
    "metrics",
    "openapi",
    "openid",
    "ping",
    "pprof",
    "proxy",
    "readyz",
    "stats",
    "ui",
    "version",
];

impl Pen<'_> {
    /// An entry of a rule, or the same of a question. The parts between slashes go by pseudonyms one by one and stars stay, so
    /// that whatever matched or covered another entry still does.
    pub(super) fn entry(&self, entry: &str) -> String {
        if self.public.says(entry) || !self.tells_of_somebody(entry) {
            return entry.to_owned();
        }
        let parts: Vec<&str> = entry.split('/').collect();
        let is_kept = |part: &str| {
            let bare = part.trim_end_matches('*');
            is_of_kubernetes(bare) || self.public.says_part(bare)
        };
        // A name may be of several parts: `/users/gina/smith`.
        let of_parts = parts.iter().enumerate().flat_map(|(number, part)| {
            let words = if is_kept(part) { Vec::new() } else { words(&self.without_addresses(part)) };
            words.into_iter().map(move |word| (number, word))
        });
        let (numbers, words): (Vec<usize>, Vec<String>) = of_parts.unzip();
        let named = self.hidden.runs(&words).flatten().filter_map(|word| numbers.get(word).copied());
        let named: BTreeSet<usize> = named.collect();
        let parts = parts.iter().enumerate().map(|(number, part)| {
            let bare = part.trim_end_matches('*');
            let stars = part.get(bare.len()..).unwrap_or_default();
            if named.contains(&number) { format!("name-{}{stars}", self.tag(bare)) } else { self.with_pseudonyms(part) }
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// Whether somebody hidden is named in a text: by a mail address, whosoever, or by a name that is known.
    pub(super) fn tells_of_somebody(&self, text: &str) -> bool {
        self.hidden.stands_in(text) || addresses::of(text).any(|address| !is_public(&address, &self.public))
    }

    /// What stands for an address as it was found in a text: it stays one in a path.
    pub(super) fn address_in_text(&self, found: &str) -> String {
        let address = self.address(&found.replace("%40", "@"));
        if found.contains("%40") { address.replace('@', "%40") } else { address }
    }

    /// The same text with other addresses in place of those that are hidden.
    fn with_pseudonyms(&self, text: &str) -> String {
        self.replaced(text, |found| self.address_in_text(found))
    }

    fn without_addresses(&self, text: &str) -> String {
        self.replaced(text, |_| " ".to_owned())
    }

    fn replaced(&self, text: &str, by: impl Fn(&str) -> String) -> String {
        let mut replaced = String::new();
        let mut from = 0;
        for place in addresses::places(text) {
            let found = text.get(place.clone()).unwrap_or_default();
            if !is_public(&found.replace("%40", "@"), &self.public) {
                replaced.push_str(text.get(from..place.start).unwrap_or_default());
                replaced.push_str(&by(found));
                from = place.end;
            }
        }
        replaced.push_str(text.get(from..).unwrap_or_default());
        replaced
    }
}

/// Whether a part of an entry is what Kubernetes itself calls something: somebody may be called `jobs@contoso.com`.
fn is_of_kubernetes(part: &str) -> bool {
    let is_of = |resource: &KnownResource| {
        part == resource.plural || part == resource.group || resource.subresources.contains(&part)
    };
    VERBS.contains(&part)
        || METHODS.contains(&part)
        || PATHS.contains(&part)
        || SERVED.iter().chain(UNSERVED).any(is_of)
}
