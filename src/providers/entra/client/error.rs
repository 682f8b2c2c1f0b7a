//! What Graph says when it does not do what it was asked, and what that means for people.

use std::fmt;

use serde_json::Value;

use crate::providers::http::{excerpt, without};
use crate::state::{Failure, FailureKind, ObjectId};

/// Why a call has no result.
#[derive(Clone, Debug)]
pub(in super::super) enum Problem {
    /// Graph answered with an error.
    Refused(GraphError),
    /// There is no answer, or none that can be used.
    Failed(Failure),
    /// It was not sent, because nothing more is to be sent.
    Interrupted,
}

/// The error envelope: <https://learn.microsoft.com/graph/errors>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct GraphError {
    /// The HTTP status.
    pub(in super::super) status: u16,
    /// `error.code`; Graph uses one code for many cases.
    pub(in super::super) code: String,
    /// `error.message`.
    pub(in super::super) message: String,
    /// `request-id`, which support asks for.
    request: Option<String>,
}

impl GraphError {
    /// Reads an error body; whatever is not there is left empty, since the status alone says enough to stop.
    pub(super) fn of(status: u16, body: &Value) -> Self {
        let error = &body["error"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        // Rarely the message is an object with a language.
        let message = text(&error["message"]).or_else(|| text(&error["message"]["value"]));
        // The documentation's table says `innererror`, replies say `innerError`.
        let inner = ["innerError", "innererror"].into_iter().map(|name| &error[name]).find(|inner| inner.is_object());
        Self {
            status,
            code: text(&error["code"]).unwrap_or_default(),
            message: message.unwrap_or_default(),
            request: inner.and_then(|inner| text(&inner["request-id"])),
        }
    }

    /// The same without a secret, should Graph repeat it.
    pub(super) fn without(self, secret: Option<&str>) -> Self {
        let hide = |text: String| without(&text, secret);
        Self {
            status: self.status,
            code: hide(self.code),
            message: hide(self.message),
            request: self.request.map(hide),
        }
    }

    /// What the error means, by status and code, and by message only where Graph gives nothing else.
    pub(in super::super) fn meaning(&self) -> Meaning {
        let says = |text: &str| self.message.to_ascii_lowercase().contains(text);
        match self.status {
            400 if says("object references already exist") => Meaning::AlreadyThere,
            400 if says("object references do not exist") => Meaning::AlreadyGone,
            400 if says("at least one owner") => Meaning::LastOwner,
            400 if says("duplicate values") => Meaning::DuplicateValues,
            400 if says("same value for property") => Meaning::KeyTaken,
            400 if says("on-premises mastered") => Meaning::ReadOnly("it is synchronised from on premises"),
            400 if says("mail-enabled security group") => Meaning::ReadOnly("it is mail-enabled"),
            400 if says("reference-property objects are not present")
                || says("one or more property values specified are invalid") =>
            {
                Meaning::Absent(self.quoted_id())
            }
            400 if self.code == "Directory_ExpiredPageToken" => Meaning::ExpiredPage,
            404 => Meaning::Absent(self.quoted_id()),
            403 if self.code == "Directory_QuotaExceeded" => Meaning::Quota,
            403 => Meaning::Denied,
            409 if self.code == "Directory_ConcurrencyViolation" => Meaning::Concurrent,
            409 => Meaning::KeyTaken,
            _ => Meaning::Other,
        }
    }

    /// The id in `Resource '…' does not exist`: the only way to tell a missing group from a missing member.
    fn quoted_id(&self) -> Option<ObjectId> {
        self.message.split('\'').skip(1).step_by(2).find_map(|quoted| quoted.parse().ok())
    }

    fn kind(&self) -> FailureKind {
        match self.status {
            401 => FailureKind::Unauthenticated,
            403 => FailureKind::Forbidden,
            404 => FailureKind::NotFound,
            409 | 412 => FailureKind::Conflict,
            429 | 500.. => FailureKind::Unavailable,
            400..=499 => FailureKind::Invalid,
            _ => FailureKind::BadAnswer,
        }
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Graph answered {}", self.status)?;
        if !self.code.is_empty() {
            write!(formatter, " {}", excerpt(&self.code))?;
        }
        if !self.message.is_empty() {
            write!(formatter, ": {}", excerpt(&self.message).trim_end_matches('.'))?;
        }
        match &self.request {
            Some(id) => write!(formatter, " (request {})", excerpt(id)),
            None => Ok(()),
        }
    }
}

/// The cases that rolecall tells apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Meaning {
    /// The reference is there already; of several, at least one.
    AlreadyThere,
    /// The reference is not there.
    AlreadyGone,
    /// An object is missing, and which one if Graph says so.
    Absent(Option<ObjectId>),
    /// The last owner cannot be removed.
    LastOwner,
    /// A property names the same object twice: Graph adds the caller itself.
    DuplicateValues,
    /// Another object has this key.
    KeyTaken,
    /// This kind of group cannot be edited through Graph, because of this.
    ReadOnly(&'static str),
    /// Too many owners; near the limit also the answer for one who is there already.
    Quota,
    /// No permission.
    Denied,
    /// Somebody else wrote at the same moment; nothing was done.
    Concurrent,
    /// The link to the next page is too old.
    ExpiredPage,
    /// Something else.
    Other,
}

/// What the caller needs for a call, named in the error when it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Permission {
    /// To read groups, their members and owners.
    ReadGroups,
    /// To read deleted groups.
    ReadDeletedGroups,
    /// To look up users.
    ReadUsers,
    /// To look up service principals.
    ReadServicePrincipals,
    /// To read who is a member through Privileged Identity Management.
    ReadPrivileged,
    /// To read the audit log.
    ReadAudit,
    /// To create, change and delete groups and to change their owners.
    WriteGroups,
    /// To change members.
    WriteMembers,
}

impl Permission {
    /// The application permission, as admin consent lists it.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            // Groups alone take `GroupMember.Read.All`; but none is created before the deleted ones were read.
            Self::ReadGroups | Self::ReadDeletedGroups => "Group.Read.All",
            Self::ReadUsers => "User.Read.All",
            Self::ReadServicePrincipals => "Application.Read.All",
            Self::ReadPrivileged => "PrivilegedAssignmentSchedule.Read.AzureADGroup",
            Self::ReadAudit => "AuditLog.Read.All",
            Self::WriteGroups => "Group.ReadWrite.All",
            Self::WriteMembers => "GroupMember.ReadWrite.All",
        }
    }
}

impl Permission {
    /// The command that needs it, as `doctor --for` takes it.
    fn command(self) -> &'static str {
        match self {
            Self::ReadGroups
            | Self::ReadDeletedGroups
            | Self::ReadUsers
            | Self::ReadServicePrincipals
            | Self::ReadPrivileged
            | Self::ReadAudit => "plan",
            Self::WriteGroups | Self::WriteMembers => "apply",
        }
    }
}

impl Problem {
    /// What Graph meant, if it answered.
    pub(in super::super) fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Refused(error) => Some(error.meaning()),
            Self::Failed(_) | Self::Interrupted => None,
        }
    }

    /// The HTTP status, if Graph answered.
    pub(in super::super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(error) => Some(error.status),
            Self::Failed(_) | Self::Interrupted => None,
        }
    }

    /// Graph's own word for it, if it answered.
    pub(in super::super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(error) => Some(&error.code),
            Self::Failed(_) | Self::Interrupted => None,
        }
    }

    /// Whether a write may have been done.
    pub(in super::super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.kind == FailureKind::Unknown)
    }

    /// The failure to report: what was tried, what came back, and what to do.
    pub(super) fn into_failure(self, doing: &str, permission: Permission, acting: &Acting) -> Failure {
        let error = match self {
            Self::Failed(failure) => return Failure { what: format!("{doing}: {}", failure.what), ..failure },
            Self::Interrupted => return Failure::new(FailureKind::Unavailable, format!("{doing}: interrupted")),
            Self::Refused(error) => error,
        };
        let failure = Failure::new(error.kind(), format!("{doing}: {error}"));
        match failure.kind {
            FailureKind::Forbidden => failure.with_next(acting.lacks(permission)),
            FailureKind::Unauthenticated => failure.with_next("sign in again, or renew the credential"),
            FailureKind::Unavailable => failure.with_next(super::AGAIN),
            FailureKind::NotFound => failure.with_next("run it again: the next plan looks everything up anew"),
            _ => failure,
        }
    }
}

/// Who asks, for the advice on a missing permission.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Acting {
    /// A name for people.
    pub(super) label: String,
    /// Whether it is an app acting as itself.
    pub(super) is_app: bool,
    /// The application permissions in the token.
    pub(super) roles: Vec<String>,
}

impl Acting {
    fn lacks(&self, permission: Permission) -> String {
        let name = permission.name();
        if !self.is_app {
            return format!("{} lacks the right: it needs a directory role that covers `{name}`", self.label);
        }
        if self.roles.iter().any(|role| role == name) {
            return format!("the token carries `{name}`; the object itself may need more, such as a directory role");
        }
        let carried = if self.roles.is_empty() { "none".to_owned() } else { self.roles.join(", ") };
        format!(
            "give {} the application permission `{name}` of Microsoft Graph, with admin consent; its token carries: {carried}; \
             `rolecall doctor --for {}` lists everything that is missing",
            self.label,
            permission.command()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "11111111-1111-4111-8111-111111111111";

    fn meaning(status: u16, code: &str, message: &str) -> Meaning {
        GraphError::of(status, &json!({ "error": { "code": code, "message": message } })).meaning()
    }

    #[test]
    fn the_documented_errors_are_told_apart() {
        let bad = |message| meaning(400, "Request_BadRequest", message);
        assert_eq!(
            bad("One or more added object references already exist for the following modified properties: 'members'."),
            Meaning::AlreadyThere
        );
        assert_eq!(
            bad("One or more removed object references do not exist for the following modified properties: 'members'."),
            Meaning::AlreadyGone
        );
        assert_eq!(
            bad("The group must have at least one owner, hence this owner cannot be removed."),
            Meaning::LastOwner
        );
        assert_eq!(bad("Request contains a property with duplicate values."), Meaning::DuplicateValues);
        assert_eq!(
            bad("Another object with the same value for property uniqueName already exists."),
            Meaning::KeyTaken
        );
        assert_eq!(
            bad("Cannot Update a mail-enabled security groups and or distribution list."),
            Meaning::ReadOnly("it is mail-enabled")
        );
        assert_eq!(
            bad(
                "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration."
            ),
            Meaning::ReadOnly("it is synchronised from on premises")
        );
        let absent =
            format!("Resource '{ID}' does not exist or one of its queried reference-property objects are not present.");
        assert_eq!(meaning(404, "Request_ResourceNotFound", &absent), Meaning::Absent(Some(ID.parse().unwrap())));
        assert_eq!(bad(&absent), Meaning::Absent(Some(ID.parse().unwrap())));
        assert_eq!(meaning(404, "", ""), Meaning::Absent(None));
        assert_eq!(meaning(403, "Directory_QuotaExceeded", "quota"), Meaning::Quota);
        assert_eq!(meaning(403, "Authorization_RequestDenied", "Insufficient privileges"), Meaning::Denied);
        assert_eq!(meaning(409, "Directory_ConcurrencyViolation", ""), Meaning::Concurrent);
        assert_eq!(meaning(409, "Request_MultipleObjectsWithSameKeyValue", ""), Meaning::KeyTaken);
        assert_eq!(meaning(400, "Directory_ExpiredPageToken", "expired"), Meaning::ExpiredPage);
        assert_eq!(bad("Invalid property"), Meaning::Other);
    }

    #[test]
    fn odd_envelopes_are_read_as_far_as_they_go() {
        let nested = json!({ "error": { "code": "X", "message": { "lang": "en", "value": "Said." }, "innererror": { "request-id": "r-1" } } });
        assert_eq!(GraphError::of(400, &nested).to_string(), "Graph answered 400 X: Said (request r-1)");
        for body in
            [json!(null), json!([]), json!("text"), json!({ "error": "text" }), json!({ "error": { "code": 7 } })]
        {
            assert_eq!(GraphError::of(502, &body).to_string(), "Graph answered 502");
        }
    }

    #[test]
    fn a_missing_permission_is_named_with_what_the_token_carries() {
        let denied = json!({ "error": { "code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation." } });
        let problem = Problem::Refused(GraphError::of(403, &denied));
        let acting = Acting { label: "app 0a1b".to_owned(), is_app: true, roles: vec!["User.Read.All".to_owned()] };
        let failure = problem.into_failure("reading the groups", Permission::ReadGroups, &acting);
        assert_eq!(failure.kind, FailureKind::Forbidden);
        insta::assert_snapshot!(failure.what, @"reading the groups: Graph answered 403 Authorization_RequestDenied: Insufficient privileges to complete the operation");
        insta::assert_snapshot!(failure.next.unwrap(), @"give app 0a1b the application permission `Group.Read.All` of Microsoft Graph, with admin consent; its token carries: User.Read.All; `rolecall doctor --for plan` lists everything that is missing");
    }
}
