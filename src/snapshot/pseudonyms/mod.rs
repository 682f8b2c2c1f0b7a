//! A snapshot that may be read by whoever reads the access files: what those do not say goes by pseudonyms in it.
//!
//! What may stay is listed, not what must go. The same text has the same pseudonym everywhere in one snapshot and another
//! one in the next, by a key that nobody keeps: without it nobody can try names one by one.

mod addresses;
mod cluster;
mod hidden;
mod public;
mod rule;
mod tenant;

use jiff::Timestamp;
use ring::hmac;
use uuid::Uuid;

use self::hidden::Hidden;
use self::public::Public;
use super::Snapshot;
use crate::state::{
    AppId, ConfigName, Desired, Failure, FailureKind, LivePrincipal, Namespace, ObjectId, Observed, PrincipalKind,
    PrincipalName, builtin,
};

/// The domain of people who go by pseudonyms: nobody can ever have it (RFC 2606).
const DOMAIN: &str = "snapshot.invalid";

/// How many hex digits tell two texts apart.
const DIGITS: usize = 12;

/// Subjects that every API server knows and that no binding of the table of [`builtin`] names.
const SYSTEM: [&str; 6] = [
    "system:anonymous",
    "system:bootstrappers",
    "system:masters",
    "system:nodes",
    "system:serviceaccounts",
    "system:unauthenticated",
];

/// Who gives pseudonyms.
struct Pen<'a> {
    key: &'a hmac::Key,
    config: &'a ConfigName,
    public: Public,
    hidden: Hidden,
}

impl Snapshot {
    /// The same for whoever reads these access files: what they do not say goes by pseudonyms that this key makes. `also`
    /// are the names that were asked for besides those of the files: they stay.
    #[must_use]
    pub fn pseudonymised<'n>(
        self,
        desired: &Desired,
        also: impl IntoIterator<Item = &'n PrincipalName>,
        key: &hmac::Key,
    ) -> Self {
        let public = Public::of(desired, also);
        let hidden = Hidden::of(&self.observed, &public);
        let pen = Pen { key, config: &desired.config, public, hidden };
        let Self { rolecall, taken, tenant, config, tree, commit, invented, everybody: _, pseudonymised: _, observed } =
            self;
        let observed = pen.observed(observed);
        // Whoever goes by a pseudonym is not here by their name, so that nobody can be said not to exist.
        let everybody = false;
        Self { rolecall, taken, tenant, config, tree, commit, invented, everybody, pseudonymised: true, observed }
    }
}

impl Pen<'_> {
    fn observed(&self, observed: Observed) -> Observed {
        let Observed { tenant, clusters, of_groups, answers } = observed;
        Observed {
            tenant: tenant.map(|tenant| tenant.map(|read| self.tenant(read)).map_err(|failure| unread(&failure))),
            of_groups: self.of_groups(of_groups),
            answers: answers.iter().map(|(name, given)| (name.clone(), self.answers(name, given, &clusters))).collect(),
            clusters: clusters
                .iter()
                .map(|(name, cluster)| {
                    let cluster = cluster.as_ref().map(|read| self.cluster(name, read)).map_err(unread);
                    (name.clone(), cluster)
                })
                .collect(),
        }
    }

    /// Hex digits that stand for a text.
    fn tag(&self, text: &str) -> String {
        let tag = hmac::sign(self.key, text.as_bytes());
        let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]).take(DIGITS);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }

    /// What stands for a name of some kind: itself where it tells nothing.
    fn word(&self, kind: &str, text: &str) -> String {
        if text.is_empty() || self.is_open(text) {
            return text.to_owned();
        }
        if let Some(rest) = text.strip_prefix("system:") {
            return format!("system:{kind}-{}", self.tag(rest));
        }
        if let Some(id) = spelt_id(text) {
            return self.uuid(id).to_string();
        }
        match text.split_once('@') {
            Some((left, right)) if !left.is_empty() && right.contains('.') => self.address(text),
            Some(_) | None => format!("{kind}-{}", self.tag(text)),
        }
    }

    /// Whether a text is one that everybody knows.
    fn is_open(&self, text: &str) -> bool {
        matches!(text, "default" | "true" | "false")
            || SYSTEM.contains(&text)
            || builtin::is_name(text)
            || self.public.has(text)
    }

    /// The same of what is open as a kind, but for what is called after somebody who is hidden.
    fn unless_of_somebody(&self, kind: &str, text: &str) -> String {
        if self.is_open(text) || !self.tells_of_somebody(text) {
            return text.to_owned();
        }
        if matches!(addresses::places(text).as_slice(), [only] if *only == (0..text.len())) {
            return self.address_in_text(text);
        }
        match text.strip_prefix("system:") {
            Some(rest) => format!("system:{kind}-{}", self.tag(rest)),
            None => format!("{kind}-{}", self.tag(text)),
        }
    }

    /// What stands for a user principal name or a mail address. Entra compares them without case and clusters with it, so
    /// that two spellings of one are two spellings of one here.
    fn address(&self, text: &str) -> String {
        let lower = text.to_ascii_lowercase();
        let tag = self.tag(&lower);
        if lower == text {
            return format!("person-{tag}@{DOMAIN}");
        }
        let case = hmac::sign(self.key, text.as_bytes());
        let case = case.as_ref().last().copied().unwrap_or_default() | 1;
        let letters = "person"
            .char_indices()
            .map(|(place, letter)| if case >> place & 1 == 1 { letter.to_ascii_uppercase() } else { letter });
        format!("{}-{tag}@{DOMAIN}", letters.collect::<String>())
    }

    /// What stands for an id. It ends in zeros, as no id that Entra gives does.
    fn uuid(&self, id: Uuid) -> Uuid {
        if self.public.has(&id.to_string()) {
            return id;
        }
        let tag = hmac::sign(self.key, id.as_bytes());
        let mut bytes = [0; 16];
        let (made, _) = bytes.split_at_mut(10);
        made.iter_mut().zip(tag.as_ref()).for_each(|(byte, made)| *byte = *made);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    fn id(&self, id: ObjectId) -> ObjectId {
        spelt_id(&id.to_string()).map_or(id, |id| ObjectId::from(self.uuid(id)))
    }

    fn app(&self, app: AppId) -> AppId {
        spelt_id(&app.to_string()).map_or(app, |id| AppId::from(self.uuid(id)))
    }

    fn name(&self, name: &PrincipalName) -> PrincipalName {
        let kept = || name.clone();
        match name {
            // An address that stands for another one is one.
            PrincipalName::User(name) if !self.public.has(name.as_str()) => {
                self.address(name.as_str()).parse().map_or_else(|_| kept(), PrincipalName::User)
            }
            PrincipalName::Guest(mail) if !self.public.has(mail.as_str()) => {
                self.address(mail.as_str()).parse().map_or_else(|_| kept(), PrincipalName::Guest)
            }
            PrincipalName::User(_) | PrincipalName::Guest(_) | PrincipalName::Group(_) => kept(),
            PrincipalName::GroupId(id) => PrincipalName::GroupId(self.id(*id)),
            PrincipalName::Object(id) => PrincipalName::Object(self.id(*id)),
            PrincipalName::ServicePrincipal(app) => PrincipalName::ServicePrincipal(self.app(*app)),
        }
    }

    fn principal(&self, live: &LivePrincipal) -> LivePrincipal {
        let LivePrincipal { id, kind, name, user_principal_name, display_name, enabled } = live;
        // Clusters may know groups by it. Of anybody else it says who they are, and nothing goes by it.
        let display_name = display_name.as_deref().filter(|_| *kind == PrincipalKind::Group);
        LivePrincipal {
            id: self.id(*id),
            kind: *kind,
            name: self.name(name),
            user_principal_name: user_principal_name.as_deref().map(|name| self.user_principal_name(name).into()),
            display_name: display_name.map(|name| self.word("group", name).into()),
            enabled: *enabled,
        }
    }

    fn user_principal_name(&self, name: &str) -> String {
        if self.public.has(name) { name.to_owned() } else { self.address(name) }
    }

    fn principals(&self, several: &[LivePrincipal]) -> Vec<LivePrincipal> {
        let mut several: Vec<LivePrincipal> = several.iter().map(|live| self.principal(live)).collect();
        // The order in which they were read may be that of their names.
        several.sort_by_key(|live| live.id);
        several
    }

    fn namespace(&self, namespace: &Namespace) -> Namespace {
        let name = self.unless_of_somebody("namespace", namespace.as_str());
        name.parse().unwrap_or_else(|_| namespace.clone())
    }
}

/// An id in its one spelling.
fn spelt_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)
}

/// A time, if it is one and nothing else: it may be followed by any word in brackets.
fn time(text: Option<&String>) -> Option<String> {
    text.filter(|text| text.parse::<Timestamp>().is_ok() && !text.contains('[')).cloned()
}

/// What is said of something of which only whoever took the snapshot knows why it could not be read.
const WHY_IS_HIDDEN: &str = "why it could not be read is not in a pseudonymised snapshot";

/// The same failure without what was answered and by whom.
pub(super) fn unread(failure: &Failure) -> Failure {
    let what = match failure.kind {
        FailureKind::Unreachable => "there was no answer",
        FailureKind::Unauthenticated => "the credential was not accepted",
        FailureKind::Forbidden => "a permission was missing",
        FailureKind::WrongTarget => "it was another one than the files name",
        FailureKind::Refused => "the way to it was refused",
        FailureKind::Unavailable => "it was busy or failing all the time",
        FailureKind::Conflict => "something else was there",
        FailureKind::NotFound => "it was not there",
        FailureKind::Invalid => "what was asked was refused",
        FailureKind::BadAnswer => "the answer made no sense",
        FailureKind::Unknown => "it is not known what came of it",
    };
    Failure::new(failure.kind, format!("{what}; the rest is not in a pseudonymised snapshot"))
        .with_next("run `rolecall doctor --for plan`, which says what it was")
}
