//! What somebody must or must not be able to do, and the words for it: those of `kubectl auth can-i`.

mod everybody;

use std::collections::BTreeSet;
use std::ops::Range;

pub use self::everybody::{EVERYBODY, is_everybodys};
use super::resources::{self, KnownResource, METHODS, SERVED, UNSERVED, VERBS};
use super::{EnvironmentName, InvalidName, Namespace, Origin, PrincipalName, Request, closest};

/// An entry of `expectations`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DesiredExpectation {
    /// Where it starts.
    pub origin: Origin,
    /// Whether it stands in a file that may say only what `delegate` lets it: such a file stops nobody.
    pub delegated: bool,
    /// Who: a user, a guest, a service principal, or anybody in a group of the config.
    pub who: PrincipalName,
    /// Where.
    pub environments: BTreeSet<EnvironmentName>,
    /// What they must be able to do.
    pub can: Vec<Expected>,
    /// What they must not be able to do.
    pub cannot: Vec<Expected>,
    /// What they may be able to do at most.
    pub only: Option<AtMost>,
}

/// One request of an expectation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expected {
    /// What would be done.
    pub request: Request,
    /// Where it stands.
    pub origin: Origin,
}

/// `only` of an expectation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AtMost {
    /// Where it stands.
    pub origin: Origin,
    /// Beyond these there is nothing.
    pub list: Vec<Expected>,
}

/// What is wrong with some words, or to be said about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Which bytes of the words it is about.
    pub at: Range<usize>,
    /// What is wrong.
    pub what: String,
    /// The same at its place, in a few words.
    pub label: &'static str,
    /// What to write instead.
    pub help: String,
}

/// Words that were understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Understood {
    /// What would be done.
    pub request: Request,
    /// What may be a mistake all the same.
    pub remark: Option<Remark>,
}

/// The parts of some words, and where each stands.
struct Parts<'a> {
    verb: &'a str,
    target: &'a str,
    place: Place<'a>,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    LeftOut,
    Cluster,
    In(&'a str),
}

/// How words are put.
const FORM: &str = "write `VERB RESOURCE in NAMESPACE`, `VERB RESOURCE across the cluster` or `VERB /PATH`, such as \
                    `list pods in trinity`; RESOURCE is `pods`, `deployments.apps`, `pods/log` or `pods/NAME`";

/// Whether words have the form of a request, whatever they mean.
pub fn check_form(text: &str) -> Result<(), InvalidName> {
    parts(text).map(drop)
}

fn parts(text: &str) -> Result<Parts<'_>, InvalidName> {
    let wrong = || InvalidName(FORM.to_owned());
    let words: Vec<&str> = text.split(' ').collect();
    let (verb, target, place) = match words.as_slice() {
        [verb, target] => (*verb, *target, Place::LeftOut),
        [verb, target, "across", "the", "cluster"] => (*verb, *target, Place::Cluster),
        [verb, target, "in", namespace] => {
            namespace.parse::<Namespace>()?;
            (*verb, *target, Place::In(namespace))
        }
        _ => return Err(wrong()),
    };
    let is_verb = verb == "*" || (!verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let is_target = !target.is_empty() && !target.chars().any(|each| each.is_whitespace() || each.is_control());
    if is_verb && is_target { Ok(Parts { verb, target, place }) } else { Err(wrong()) }
}

/// Reads words such as `list pods in trinity`, `get deployments.apps/web/scale in trinity`, `list nodes`, `get /healthz`.
///
/// Resources of Kubernetes may be named by plural, singular or short name, and without their group. One that is in namespaces
/// needs a place, `in NAMESPACE` or `across the cluster`; one that is not is always asked about across the cluster.
///
/// # Errors
/// What cannot be meant, at its place and with what may have been meant.
pub fn parse(text: &str) -> Result<Understood, Remark> {
    let parts = parts(text).map_err(|error| Remark {
        at: 0..text.len(),
        what: format!("`{text}` is no request"),
        label: "not in the words of `kubectl auth can-i`",
        help: error.to_string(),
    })?;
    let words = Words { text, parts };
    if words.parts.target.starts_with('/') { words.path() } else { words.resource() }
}

struct Words<'a> {
    text: &'a str,
    parts: Parts<'a>,
}

impl Words<'_> {
    /// Where a part stands: all parts are slices of the text.
    fn at(&self, part: &str) -> Range<usize> {
        let start = (part.as_ptr().addr()).saturating_sub(self.text.as_ptr().addr());
        start..start + part.len()
    }

    fn remark(&self, part: &str, what: String, label: &'static str, help: String) -> Remark {
        Remark { at: self.at(part), what, label, help }
    }

    fn path(&self) -> Result<Understood, Remark> {
        let Parts { verb, target, place } = &self.parts;
        if let Place::In(namespace) = *place {
            return Err(self.remark(
                namespace,
                format!("`{target}` is a path, which is in no namespace"),
                "no namespace has it",
                format!("write `{verb} {target}`"),
            ));
        }
        if *verb != "*" && !METHODS.contains(verb) {
            let meant = closest(&verb.to_lowercase(), METHODS.iter().copied())
                .or_else(|| METHODS.iter().copied().find(|method| verb.eq_ignore_ascii_case(method)));
            let help = meant.map_or_else(
                || "the verb of a path is a method of HTTP in small letters: `get`, `post`, …".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            let what = format!("`{verb}` is no verb of a path");
            return Err(self.remark(verb, what, "no method of HTTP", help));
        }
        let request = Request::Path { verb: (*verb).to_owned(), path: (*target).to_owned() };
        Ok(Understood { request, remark: None })
    }

    fn resource(&self) -> Result<Understood, Remark> {
        let Parts { verb, target, place } = &self.parts;
        let doubtful_verb = self.verb(verb)?;
        let mut segments = target.split('/');
        let full = segments.next().unwrap_or_default();
        let below: Vec<&str> = segments.collect();
        let (word, group) = full.split_once('.').map_or((full, None), |(word, group)| (word, Some(group)));
        let is_name = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if word != "*" && !is_name(word) {
            let what = format!("`{word}` is not the name of a resource");
            let help = closest(&word.to_lowercase(), SERVED.iter().map(|each| each.plural))
                .or_else(|| resources::known(&word.to_lowercase(), None).map(|each| each.plural))
                .map_or_else(|| FORM.to_owned(), |meant| format!("did you mean `{meant}`?"));
            return Err(self.remark(word, what, "small letters and digits", help));
        }
        let known = resources::known(word, group);
        let doubtful_resource = if known.is_some() || word == "*" { None } else { self.unknown(full, word, group)? };
        let resource = known.map_or(word, |known| known.plural).to_owned();
        // `*` alone is every resource, not every one of the core group.
        let every = if word == "*" { "*" } else { "" };
        let group = known.map(|known| known.group).or(group).unwrap_or(every).to_owned();
        let (subresource, name) = self.below(known, &resource, &below)?;
        let namespace = self.namespace(known, *place, &resource, name.as_deref())?;
        let verb = (*verb).to_owned();
        let request = Request::Resource { verb, group, resource, subresource, namespace, name };
        Ok(Understood { request, remark: doubtful_resource.or(doubtful_verb) })
    }

    /// A verb that Kubernetes does not know may be one of an admission or an authorizer of somebody else.
    fn verb(&self, verb: &str) -> Result<Option<Remark>, Remark> {
        if verb == "*" || VERBS.contains(&verb) {
            return Ok(None);
        }
        let what = format!("`{verb}` is no verb of Kubernetes");
        let folded = verb.to_lowercase();
        let meant = VERBS.iter().copied().find(|known| *known == folded);
        match meant.or_else(|| closest(&folded, VERBS.iter().copied())) {
            Some(meant) => Err(self.remark(verb, what, "no such verb", format!("did you mean `{meant}`?"))),
            None if folded != verb => {
                Err(self.remark(verb, what, "no such verb", format!("verbs are in small letters: `{folded}`")))
            }
            None => {
                let help = "it is asked about as it is written; if it is not one of your own, mend it".to_owned();
                Ok(Some(self.remark(verb, what, "unknown verb", help)))
            }
        }
    }

    /// A resource that is none of Kubernetes' own: of a group of its own it is taken as it is, elsewhere it may be misspelt.
    fn unknown(&self, full: &str, word: &str, group: Option<&str>) -> Result<Option<Remark>, Remark> {
        let what = format!("`{full}` is no resource of Kubernetes itself");
        match group {
            Some(group) if !is_own_group(group) => match nearest_group(group) {
                Some(near) if resources::known(word, Some(near)).is_some() => {
                    Err(self.remark(full, what, "no such group", format!("did you mean `{word}.{near}`?")))
                }
                _ => Ok(None),
            },
            _ => {
                let near = nearest(word, group).or_else(|| resources::known(word, None).map(KnownResource::full_name));
                if let Some(near) = near {
                    return Err(self.remark(full, what, "no such resource", format!("did you mean `{near}`?")));
                }
                let help = match group {
                    None => format!("if it is a custom resource, write its group: `{word}.GROUP`"),
                    Some(_) => "it is asked about as it is written; mend it if it is misspelt".to_owned(),
                };
                Ok(Some(self.remark(full, what, "asked about as it is written", help)))
            }
        }
    }

    /// What stands behind the resource: `/SUBRESOURCE`, `/NAME` or `/SUBRESOURCE/NAME`. Of one word the table tells which it is.
    fn below(
        &self,
        known: Option<&KnownResource>,
        resource: &str,
        below: &[&str],
    ) -> Result<(Option<String>, Option<String>), Remark> {
        let subresources = known.map_or(&["scale", "status"][..], |known| known.subresources);
        let is_known = |word: &str| subresources.contains(&word);
        let own = |word: &str| Some(word.to_owned());
        match *below {
            [] => Ok((None, None)),
            ["*", ..] => {
                let what = format!("`{resource}/*` stands for nothing: RBAC has no `*` for what is below a resource");
                let help = "name the subresources one by one".to_owned();
                Err(self.remark(below.first().copied().unwrap_or_default(), what, "no subresource", help))
            }
            ["", name] if !name.is_empty() => Ok((None, own(name))),
            [one] if !one.is_empty() && (is_known(one) || resource == "*") => Ok((own(one), None)),
            [one] if !one.is_empty() => match closest(one, subresources.iter().copied()) {
                // As a name it would be about another thing, and `cannot` about what nobody may do anyway.
                Some(near) if known.is_some() => {
                    let what = format!("`{one}` is nothing below {resource}");
                    let help =
                        format!("did you mean `{resource}/{near}`? An object of that name is `{resource}//{one}`");
                    Err(self.remark(one, what, "no such subresource", help))
                }
                _ => Ok((None, own(one))),
            },
            [name, subresource] if is_known(subresource) && !is_known(name) => {
                let what = format!("`{subresource}` is what there is below {resource}, and comes before the name");
                let full = self.parts.target.split('/').next().unwrap_or_default();
                let help = format!("write `{full}/{subresource}/{name}`");
                Err(self.remark(subresource, what, "after the name", help))
            }
            [subresource, name] if !subresource.is_empty() && !name.is_empty() => {
                if known.is_some() && !is_known(subresource) {
                    let what = format!("`{subresource}` is nothing below {resource}");
                    let help = closest(subresource, subresources.iter().copied()).map_or_else(
                        || format!("below {resource} there is: {}", or_nothing(subresources)),
                        |near| format!("did you mean `{near}`?"),
                    );
                    return Err(self.remark(subresource, what, "no such subresource", help));
                }
                Ok((own(subresource), own(name)))
            }
            _ => {
                let what = format!("`{}` is no resource", self.parts.target);
                Err(self.remark(self.parts.target, what, "too many or empty parts", FORM.to_owned()))
            }
        }
    }

    fn namespace(
        &self,
        known: Option<&KnownResource>,
        place: Place<'_>,
        resource: &str,
        name: Option<&str>,
    ) -> Result<Option<Namespace>, Remark> {
        let Parts { verb, target, .. } = &self.parts;
        if known.is_some_and(|known| known.plural == "namespaces") {
            // For a namespace itself the API server asks within it, so that a RoleBinding there counts.
            if let Some(name) = name {
                let of_name = name.parse::<Namespace>().map_err(|error| {
                    let what = format!("`{name}` is no namespace");
                    self.remark(name, what, "not well formed", error.to_string())
                })?;
                return match place {
                    Place::In(other) if other != name => Err(self.not_namespaced(other, resource)),
                    _ => Ok(Some(of_name)),
                };
            }
        }
        match (place, known) {
            (Place::In(namespace), Some(known)) if !known.namespaced => Err(self.not_namespaced(namespace, resource)),
            (Place::In(namespace), _) => Ok(namespace.parse().ok()),
            (Place::Cluster, _) => Ok(None),
            (Place::LeftOut, known) => {
                if known.is_some_and(|known| known.namespaced) || resource == "*" {
                    let subject =
                        if resource == "*" { "`*` holds what is".to_owned() } else { format!("{resource} are") };
                    let what = format!("{subject} in namespaces, and this does not say in which");
                    let help = format!(
                        "write `{verb} {target} in NAMESPACE`, or `{verb} {target} across the cluster` for all of them"
                    );
                    return Err(self.remark(target, what, "no place", help));
                }
                Ok(None)
            }
        }
    }

    fn not_namespaced(&self, namespace: &str, resource: &str) -> Remark {
        let Parts { verb, target, .. } = &self.parts;
        let what = format!("{resource} are in no namespace");
        self.remark(namespace, what, "no namespace has them", format!("write `{verb} {target}`"))
    }
}

/// Whether Kubernetes itself has resources in this group.
fn is_own_group(group: &str) -> bool {
    SERVED.iter().chain(UNSERVED).any(|known| known.group == group)
}

/// The resource that a misspelt one was probably meant to be, with its group.
fn nearest(name: &str, group: Option<&str>) -> Option<String> {
    let known = || SERVED.iter().chain(UNSERVED).filter(|each| group.is_none_or(|group| each.group == group));
    let name = closest(name, known().flat_map(|each| [each.plural, each.singular]))?;
    known().find(|each| each.is_called(name)).map(KnownResource::full_name)
}

/// The group that a misspelt one was probably meant to be.
fn nearest_group(group: &str) -> Option<&'static str> {
    closest(group, SERVED.iter().map(|each| each.group).filter(|group| !group.is_empty()))
}

fn or_nothing(words: &[&str]) -> String {
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// Whether whoever may do the first may also do the second, as RBAC has it: one rule that allows the first allows both.
pub fn implies(first: &Request, second: &Request) -> bool {
    let holds = |one: &str, other: &str| one == "*" || one == other;
    match (first, second) {
        (
            Request::Resource { verb, group, resource, subresource, namespace, name },
            Request::Resource {
                verb: other_verb,
                group: other_group,
                resource: other_resource,
                subresource: other_subresource,
                namespace: other_namespace,
                name: other_name,
            },
        ) => {
            holds(verb, other_verb)
                && holds(group, other_group)
                && ((resource == "*" && subresource.is_none())
                    || (holds(resource, other_resource) && subresource == other_subresource))
                && (namespace.is_none() || namespace == other_namespace)
                && (name.is_none() || name == other_name)
        }
        (Request::Path { verb, path }, Request::Path { verb: other_verb, path: other_path }) => {
            let is_below = path.ends_with('*') && other_path.starts_with(path.trim_end_matches('*'));
            holds(verb, other_verb) && (path == other_path || is_below)
        }
        (Request::Resource { .. }, Request::Path { .. }) | (Request::Path { .. }, Request::Resource { .. }) => false,
    }
}

/// Where a request says `*`: whoever reads it takes it for "any", and RBAC for "all of them".
pub fn has_star(request: &Request) -> bool {
    match request {
        Request::Resource { verb, group, resource, .. } => [verb, group, resource].into_iter().any(|part| part == "*"),
        Request::Path { verb, path } => verb == "*" || path.ends_with('*'),
    }
}

#[cfg(test)]
mod tests;
