//! How a subject is spelt so that it equals what the API server reads from a token.

use std::collections::{BTreeMap, BTreeSet};

use super::Environment;
use crate::plan::Reason;
use crate::plan::draft::{Cause, Draft};
use crate::plan::resolve::{Doubt, Resolved};
use crate::plan::standing::{Called, Standing};
use crate::state::{
    Address, GroupKey, GroupKind, GroupNaming, Identity, ObjectId, Origin, PrincipalKind, PrincipalName, Subject,
    SubjectKind, SubjectName, UserNaming,
};

/// A subject that can be bound.
#[derive(Clone, Debug)]
pub(super) struct Spelt {
    pub(super) subject: Subject,
    /// The object id behind a name that holds none.
    pub(super) refers: BTreeMap<String, String>,
    /// Changes that must come first for the name to be right.
    pub(super) requires: BTreeSet<Address>,
}

/// A subject that cannot be bound.
#[derive(Clone, Debug)]
pub(super) struct Unspelt {
    cause: Box<Cause>,
    pub(super) kind: SubjectKind,
    /// The name it would have, where that is known.
    pub(super) name: Option<SubjectName>,
}

impl Unspelt {
    /// A subject that is itself the trouble, whichever grant names it.
    fn new(reason: Reason, message: String, is_error: bool, kind: SubjectKind, name: Option<SubjectName>) -> Self {
        Self { cause: Box::new(Cause::new(None, reason, message).error_if(is_error)), kind, name }
    }

    /// Why: at the line of the group that is held back, or else at the line of the grant.
    pub(super) fn cause(&self, grant: &Origin) -> Cause {
        let mut cause = (*self.cause).clone();
        cause.origin.get_or_insert_with(|| grant.clone());
        cause
    }
}

impl Environment<'_> {
    /// Spells a subject for this environment. `draft` holds the changes of the tenant.
    pub(super) fn spell(&self, name: &PrincipalName, draft: &Draft) -> Result<Spelt, Unspelt> {
        let resolved = self.directory.resolve(name);
        match (name, resolved) {
            (PrincipalName::Group(key), Ok(resolved)) => self.spell_group(key, &resolved, draft),
            (PrincipalName::Group(key), Err(doubt)) => {
                let called = match self.directory.standing(key) {
                    Some(Standing::Held { called, .. }) => *called,
                    // Whether a restored group is ours shows when it is there. If it is not, another one is meant.
                    _ => Called::Unknown,
                };
                Err(self.in_doubt(name, doubt, SubjectKind::Group, self.name_of(key, called)))
            }
            (_, Ok(resolved)) => self.spell_user(name, &resolved),
            (_, Err(doubt)) => Err(self.in_doubt(name, doubt, SubjectKind::User, None)),
        }
    }

    fn in_doubt(&self, who: &PrincipalName, doubt: Doubt<'_>, kind: SubjectKind, name: Option<SubjectName>) -> Unspelt {
        match doubt {
            Doubt::Held(cause) => Unspelt { cause: Box::new(cause.clone()), kind, name },
            Doubt::Name { reason, why } => {
                Unspelt::new(reason, format!("`{who}`: {why}"), self.policy.strict, kind, name)
            }
        }
    }

    /// The name of a group that is held back. A new one has none that a live subject could have where ids are names.
    fn name_of(&self, key: &GroupKey, called: Called<'_>) -> Option<SubjectName> {
        let tokens = &self.desired.tokens;
        let prefix = &tokens.groups_prefix;
        match (tokens.groups, called) {
            (GroupNaming::ObjectId, Called::Id(id)) => Some(SubjectName::Known(format!("{prefix}{id}"))),
            (GroupNaming::ObjectId, Called::New(_)) => {
                Some(SubjectName::AfterApply { prefix: prefix.clone(), group: key.clone() })
            }
            (GroupNaming::DisplayName, Called::New(name)) => Some(SubjectName::Known(format!("{prefix}{name}"))),
            (GroupNaming::DisplayName, Called::Id(_)) | (_, Called::Unknown) => None,
        }
    }

    fn spell_group(&self, key: &GroupKey, who: &Resolved<'_>, draft: &Draft) -> Result<Spelt, Unspelt> {
        let prefix = &self.desired.tokens.groups_prefix;
        if who.group.is_some_and(|group| group.kind == GroupKind::Distribution) {
            let message = format!(
                "group {key} is a distribution list, which is in nobody's token and cannot be given access. Grant to a \
                 security group"
            );
            let name = self.name_of(key, who.identity.known().map_or(Called::Unknown, Called::Id));
            return Err(Unspelt::new(Reason::NoSecurityGroup, message, false, SubjectKind::Group, name));
        }
        let mut requires = BTreeSet::new();
        let mut refers = BTreeMap::new();
        let name = match (self.desired.tokens.groups, &who.identity) {
            (GroupNaming::ObjectId, Identity::Known(id)) => SubjectName::Known(format!("{prefix}{id}")),
            (GroupNaming::ObjectId, Identity::AfterApply(group)) => {
                requires.insert(Address::Group(group.clone()));
                SubjectName::AfterApply { prefix: prefix.clone(), group: group.clone() }
            }
            (GroupNaming::DisplayName, identity) => {
                let bare = self.directory.final_name(key).unwrap_or(key.as_str());
                let name = format!("{prefix}{bare}");
                requires = self.clear_name(key, bare, identity.known(), draft).map_err(|message| {
                    Unspelt::new(
                        Reason::AmbiguousGroupName,
                        message,
                        true,
                        SubjectKind::Group,
                        Some(SubjectName::Known(name.clone())),
                    )
                })?;
                let manager = identity.known().and_then(|id| self.directory.key(id)).unwrap_or(key);
                let named = Address::Group(manager.clone());
                if draft.changes.contains_key(&named) {
                    requires.insert(named);
                }
                if let Identity::Known(id) = identity {
                    refers.insert(PrincipalName::Group(key.clone()).to_string(), id.to_string());
                }
                SubjectName::Known(name)
            }
        };
        let principal = Some(PrincipalName::Group(key.clone()));
        Ok(Spelt { subject: Subject { kind: SubjectKind::Group, name, namespace: None, principal }, refers, requires })
    }

    /// Whether nobody else has this display name once the plan is applied; if so, what must be done before that is true.
    fn clear_name(
        &self,
        key: &GroupKey,
        name: &str,
        id: Option<ObjectId>,
        draft: &Draft,
    ) -> Result<BTreeSet<Address>, String> {
        let clash = |who: String| {
            format!(
                "{} knows groups by display name, and {who} is named `{name}` as well as {key}: a binding would give both \
                 of them access. Rename one, or set `groups-as: object-id`",
                self.name
            )
        };
        if let Some(other) = self.directory.others_finally_named(key, name).first() {
            return Err(clash(format!("group {other}")));
        }
        // A name that was looked up and is nobody's has an empty list.
        let Some(live) = self.directory.tenant().and_then(|tenant| tenant.by_display_name.get(name)) else {
            return Err(format!(
                "{} knows groups by display name, and who else is named `{name}` besides {key} could not be looked up. \
                 Plan again, or set `groups-as: object-id`",
                self.name
            ));
        };
        let mut requires = BTreeSet::new();
        let mut strangers = BTreeSet::new();
        for other in live.iter().filter(|other| other.display_name == name && Some(other.id) != id) {
            // A group of ours that is renamed or deleted by this plan only has to go first.
            let leaving = self.directory.key(other.id).map(|key| Address::Group(key.clone()));
            match leaving.filter(|address| draft.changes.contains_key(address)) {
                Some(address) => requires.insert(address),
                None => strangers.insert(other.id.to_string()),
            };
        }
        if strangers.is_empty() {
            Ok(requires)
        } else {
            let ids: Vec<String> = strangers.into_iter().collect();
            Err(clash(format!("another group ({})", ids.join(", "))))
        }
    }

    fn spell_user(&self, name: &PrincipalName, who: &Resolved<'_>) -> Result<Spelt, Unspelt> {
        let unspelt = |reason, message| Unspelt::new(reason, message, self.policy.strict, SubjectKind::User, None);
        let prefix = &self.desired.tokens.users_prefix;
        let Identity::Known(id) = who.identity else {
            return Err(unspelt(Reason::UnknownPerson, format!("`{name}` has no object id")));
        };
        let mut refers = BTreeMap::new();
        let text = match (self.desired.tokens.users, who.kind) {
            (_, PrincipalKind::Group | PrincipalKind::Device | PrincipalKind::Contact | PrincipalKind::Other) => {
                return Err(unspelt(
                    Reason::NoUser,
                    format!("`{name}` is no user or service principal and cannot be given access by name"),
                ));
            }
            (UserNaming::ObjectId, _) => format!("{prefix}{id}"),
            (UserNaming::UserPrincipalName, PrincipalKind::ServicePrincipal) => {
                return Err(unspelt(
                    Reason::NoUserName,
                    format!(
                        "{} knows users by user principal name, and the token of a service principal holds none. Grant to \
                         a group it is in, or set `users-as: object-id`",
                        self.name
                    ),
                ));
            }
            (UserNaming::UserPrincipalName, PrincipalKind::User | PrincipalKind::Guest) => {
                let Some(upn) = who.live.and_then(|live| live.user_principal_name.as_deref()) else {
                    return Err(unspelt(
                        Reason::NoUserName,
                        format!("the user principal name of `{name}` could not be read, and {} needs it", self.name),
                    ));
                };
                refers.insert(name.to_string(), id.to_string());
                format!("{prefix}{upn}")
            }
        };
        let subject = Subject {
            kind: SubjectKind::User,
            name: SubjectName::Known(text),
            namespace: None,
            principal: Some(name.clone()),
        };
        Ok(Spelt { subject, refers, requires: BTreeSet::new() })
    }
}
