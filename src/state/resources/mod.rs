//! The resources that people ask about, by the names that they use for them.

mod table;

pub use self::table::{KnownResource, METHODS, SERVED, UNSERVED, VERBS};

use super::{Namespace, Request, closest};

/// Everything there is, core first.
fn all() -> impl Iterator<Item = &'static KnownResource> {
    SERVED.iter().chain(UNSERVED)
}

impl KnownResource {
    /// Whether this is one of its names.
    pub fn is_called(&self, name: &str) -> bool {
        self.plural == name || self.singular == name || self.short.contains(&name)
    }

    /// `pods`, `deployments.apps`.
    pub fn full_name(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

/// The resource of a group by any of its names; of whichever group is first where none is given.
pub fn known(name: &str, group: Option<&str>) -> Option<&'static KnownResource> {
    // kubectl takes names in any case; requests do not.
    let name = name.to_ascii_lowercase();
    all().find(|resource| resource.is_called(&name) && group.is_none_or(|group| group == resource.group))
}

/// What somebody wrote for a resource: `pods`, `deploy`, `deployments.apps/scale/web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The API group; empty is the core group.
    pub group: String,
    /// The plural.
    pub resource: String,
    /// The subresource.
    pub subresource: Option<String>,
    /// The object's name.
    pub name: Option<String>,
    /// What is known about it; `None` for what Kubernetes itself does not have.
    pub known: Option<&'static KnownResource>,
}

/// What is odd about a question that can be answered all the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// Kubernetes has no such resource. It may be one that the cluster has besides.
    UnknownResource {
        /// As it was taken.
        resource: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// The part after the slash was taken for a name, but is nearly a subresource.
    NearlySubresource {
        /// The part.
        name: String,
        /// What may have been meant.
        nearest: String,
    },
    /// The resource has no such subresource.
    UnknownSubresource {
        /// The resource.
        resource: String,
        /// The subresource.
        subresource: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// Kubernetes has no such verb.
    UnknownVerb {
        /// The verb.
        verb: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
}

/// Why a question makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// Something is missing or left over.
    #[error("`{0}` is not of the form RESOURCE[.GROUP][/SUBRESOURCE][/NAME]")]
    Form(String),
    /// A subresource behind the object's name.
    #[error("`{subresource}` is what there is below {resource}, and comes before the name")]
    AfterName {
        /// The resource.
        resource: String,
        /// The subresource.
        subresource: String,
        /// How it is written.
        write: String,
    },
    /// A namespace for something that belongs to none.
    #[error("`{0}` belong to no namespace")]
    NoNamespace(String),
    /// A namespace for something that is no resource.
    #[error("`{0}` is a path, and paths belong to no namespace")]
    PathInNamespace(String),
    /// Two namespaces at once.
    #[error("namespace `{name}` is not in namespace `{within}`")]
    OtherNamespace {
        /// The namespace that is asked about.
        name: String,
        /// The namespace that it was to be in.
        within: Namespace,
    },
}

impl Asked {
    /// Reads it. What comes after one slash is a subresource if there is one of that name, and the object's name otherwise;
    /// `pods//log` is the pod `log`. A lone star is every resource of every group.
    ///
    /// # Errors
    ///
    /// The form is another one.
    pub fn read(text: &str) -> Result<Self, Nonsense> {
        let wrong = || Nonsense::Form(text.to_owned());
        let mut parts = text.splitn(3, '/');
        let (kind, first, second) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let (name, group) =
            kind.split_once('.').map_or((kind, None), |(name, group)| (name, Some(group.trim_end_matches('.'))));
        let is_blank = |text: &str| text.is_empty() || text.chars().any(char::is_whitespace);
        if is_blank(name) || (group == Some("") && !kind.ends_with('.')) || second.is_some_and(is_blank) {
            return Err(wrong());
        }
        let known = known(name, group);
        let group = match (known, group) {
            (Some(known), _) => known.group,
            (None, Some(group)) => group,
            (None, None) if name == "*" => "*",
            (None, None) => "",
        };
        let of_any = ["scale", "status"].as_slice();
        let subresources = known.map_or(of_any, |known| known.subresources);
        if let (Some(name), Some(subresource)) = (first, second)
            && subresources.contains(&subresource)
            && !subresources.contains(&name)
            && !name.is_empty()
        {
            let resource = known.map_or(kind, |known| known.plural).to_owned();
            let write = format!("{kind}/{subresource}/{name}");
            return Err(Nonsense::AfterName { resource, subresource: subresource.to_owned(), write });
        }
        let (subresource, object) = match (first, second) {
            (None, _) => (None, None),
            (Some(""), None) => return Err(wrong()),
            (Some(one), None) if one == "*" || subresources.contains(&one) => (Some(one), None),
            (Some(one), None) => (None, Some(one)),
            (Some(""), Some(name)) => (None, Some(name)),
            (Some(subresource), Some(name)) => (Some(subresource), Some(name)),
        };
        if object.is_some_and(|name| name.contains('/'))
            || first.is_some_and(|first| first.contains(char::is_whitespace))
        {
            return Err(wrong());
        }
        Ok(Self {
            group: group.to_owned(),
            resource: known.map_or(name, |known| known.plural).to_owned(),
            subresource: subresource.map(str::to_owned),
            name: object.map(str::to_owned),
            known,
        })
    }

    /// What is odd about it.
    pub fn oddity(&self) -> Option<Oddity> {
        match self.known {
            None if self.resource == "*" || self.group == "*" => None,
            None => Some(Oddity::UnknownResource { resource: self.full_name(), nearest: nearest(self) }),
            Some(known) => {
                if let Some(subresource) = self.subresource.as_deref().filter(|subresource| *subresource != "*") {
                    let is_there = known.subresources.contains(&subresource);
                    return (!is_there).then(|| Oddity::UnknownSubresource {
                        resource: known.plural.to_owned(),
                        subresource: subresource.to_owned(),
                        nearest: closest(subresource, known.subresources.iter().copied()).map(str::to_owned),
                    });
                }
                let name = self.name.as_deref()?;
                let nearest = closest(name, known.subresources.iter().copied())?;
                Some(Oddity::NearlySubresource { name: name.to_owned(), nearest: nearest.to_owned() })
            }
        }
    }

    /// The resource and its group.
    pub fn full_name(&self) -> String {
        if self.group.is_empty() { self.resource.clone() } else { format!("{}.{}", self.resource, self.group) }
    }

    /// The request for it. Without a namespace it is about the whole cluster.
    ///
    /// # Errors
    ///
    /// It belongs to no namespace, and one is given.
    pub fn request(self, verb: &str, namespace: Option<Namespace>) -> Result<Request, Nonsense> {
        let is_namespaces = self.known.is_some_and(|known| known.group.is_empty() && known.plural == "namespaces");
        // K8S: a request for one namespace is in that namespace (apiserver `pkg/endpoints/request/requestinfo.go`).
        let own = self.name.as_ref().filter(|_| is_namespaces);
        let namespace = match (own, namespace) {
            (Some(name), Some(within)) if name != within.as_str() => {
                return Err(Nonsense::OtherNamespace { name: name.clone(), within });
            }
            (Some(name), _) => name.parse().ok(),
            (None, Some(_)) if self.known.is_some_and(|known| !known.namespaced) => {
                return Err(Nonsense::NoNamespace(self.full_name()));
            }
            (None, namespace) => namespace,
        };
        let Self { group, resource, subresource, name, known: _ } = self;
        Ok(Request::Resource { verb: verb.to_owned(), group, resource, subresource, namespace, name })
    }
}

/// A question in the words of `kubectl auth can-i`: a verb, and a resource or a path that starts with `/`. What is odd about
/// it comes along.
///
/// # Errors
///
/// It makes no sense.
pub fn request(verb: &str, what: &str, namespace: Option<Namespace>) -> Result<(Request, Vec<Oddity>), Nonsense> {
    let mut odd: Vec<Oddity> = Vec::new();
    let verbs = if what.starts_with('/') { METHODS } else { VERBS };
    if verb != "*" && !verbs.contains(&verb) {
        let nearest = closest(verb, verbs.iter().copied()).map(str::to_owned);
        odd.push(Oddity::UnknownVerb { verb: verb.to_owned(), nearest });
    }
    if what.starts_with('/') {
        return match namespace {
            Some(_) => Err(Nonsense::PathInNamespace(what.to_owned())),
            None => Ok((Request::Path { verb: verb.to_owned(), path: what.to_owned() }, odd)),
        };
    }
    let asked = Asked::read(what)?;
    odd.extend(asked.oddity());
    Ok((asked.request(verb, namespace)?, odd))
}

/// What an unknown resource may have been meant to be: the same name in another group, or a name like it.
fn nearest(asked: &Asked) -> Option<String> {
    if let Some(known) = known(&asked.resource, None) {
        return Some(known.full_name());
    }
    let names = || all().flat_map(|known| [known.plural, known.singular]);
    let name = closest(&asked.resource, names())?;
    let known = known(name, Some(&asked.group)).or_else(|| known(name, None))?;
    Some(known.full_name())
}

#[cfg(test)]
mod tests;
