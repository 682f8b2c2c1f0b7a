//! The forms of text in access files. Each pattern accepts what its check accepts, which a test compares.

use super::Text;
use crate::config::pattern::NamePattern;
use crate::state::{
    BindingName, BindingPattern, GroupKey, InvalidName, Mail, Namespace, ObjectId, UserPrincipalName, expectation,
};

const KEY_PATTERN: &str = "^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$";
const ID_PATTERN: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
const LINE_PATTERN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$";

const fn key(name: &'static str) -> Text {
    Text { name, pattern: KEY_PATTERN, longest: Some(63), any_case: false, check: check_key }
}
/// A key that stands for a block elsewhere: whether there is one matters, and says more than its form would.
const fn reference(name: &'static str) -> Text {
    Text { name, pattern: KEY_PATTERN, longest: Some(63), any_case: false, check: |_| Ok(()) }
}
const fn id(name: &'static str) -> Text {
    Text { name, pattern: ID_PATTERN, longest: None, any_case: true, check: check_id }
}
const fn line(name: &'static str) -> Text {
    Text { name, pattern: LINE_PATTERN, longest: None, any_case: false, check: check_line }
}

pub(super) static CONFIG_NAME: Text = key("the name of a config");
pub(super) static ENVIRONMENT_NAME: Text = key("an environment's name");
pub(super) static GROUP_KEY: Text = key("a group's key");
pub(super) static ROLE_KEY: Text = key("a role's key");
pub(super) static ENVIRONMENT_REFERENCE: Text = reference("an environment's name");
pub(super) static GROUP_REFERENCE: Text = reference("a group's key");
pub(super) static ROLE_REFERENCE: Text = reference("a role's key");
pub(super) static TENANT_ID: Text = id("a tenant id");
pub(super) static APP_ID: Text = id("the app (client) id of a service principal");
pub(super) static OBJECT_ID: Text = id("the object id of a group");
pub(super) static CLUSTER_UID: Text = id("the uid of a cluster's kube-system namespace");
pub(super) static CONTEXT: Text = line("a kubeconfig context");
pub(super) static PATTERN: Text = line("a pattern such as `charts/**`");
pub(super) static WORD: Text = line("a word of Kubernetes");
pub(super) static TOKEN_NAME: Text = line("a user or group as the API server names it");

pub(crate) static FILE_PATTERN: Text = Text {
    name: "a path below this folder, such as `teams/payments/**`",
    pattern: "^(?!.*(^|/)\\.{0,2}(/|$))[^\\\\\\u0000-\\u001f\\u007f-\\u009f]+$",
    longest: None,
    any_case: false,
    check: check_file_pattern,
};
pub(super) static GROUP_PATTERN: Text = Text {
    name: "a group's key, or a pattern such as `payments-*`",
    pattern: "^[a-z0-9*]([a-z0-9_*-]*[a-z0-9*])?$",
    longest: Some(63),
    any_case: false,
    check: |text| text.parse::<NamePattern>().map(drop),
};
pub(crate) static NAMESPACE_PATTERN: Text = Text {
    name: "a namespace, or a pattern such as `payments-*`",
    pattern: "^(?!kube-.*\\*)[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?$",
    longest: Some(63),
    any_case: false,
    check: check_namespace_pattern,
};
pub(super) static NAMESPACE: Text = Text {
    name: "a namespace",
    pattern: "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
    longest: Some(63),
    any_case: false,
    check: |text| text.parse::<Namespace>().map(drop),
};
pub(super) static SERVICE_ACCOUNT: Text = Text {
    name: "a service account, NAMESPACE/NAME",
    pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
    longest: None,
    any_case: false,
    check: check_service_account,
};
pub(super) static USER: Text = Text {
    name: "a user principal name",
    pattern: "^(?!.*#[eE][xX][tT]#)[!-?A-~]+@[!-\\-/-?A-~][!-?A-~]*\\.[!-?A-~]*[!-\\-/-?A-~]$",
    longest: None,
    any_case: true,
    check: check_user,
};
pub(super) static MAIL: Text = Text {
    name: "a guest's mail address",
    pattern: "^[!-?A-~]+@[!-\\-/-?A-~][!-?A-~]*\\.[!-?A-~]*[!-\\-/-?A-~]$",
    longest: None,
    any_case: true,
    check: |text| text.parse::<Mail>().map(drop),
};
pub(super) static DISPLAY_NAME: Text = Text { longest: Some(256), check: check_display_name, ..line("a display name") };
pub(super) static DESCRIPTION: Text = Text {
    name: "a description",
    pattern: "^[^\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f]+$",
    longest: None,
    any_case: false,
    check: |text| check_line(&text.replace('\n', " ")),
};
pub(super) static REASON: Text = Text {
    name: "a reason",
    pattern: "^(?![ \\u000a]*$)[^\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f]+$",
    longest: None,
    any_case: false,
    check: |text| if text.trim_matches([' ', '\n']).is_empty() { check_line("") } else { (DESCRIPTION.check)(text) },
};
pub(super) static PREFIX: Text = Text {
    name: "a prefix, or `\"\"` for none",
    pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
    longest: None,
    any_case: false,
    check: |text| if text.is_empty() { Ok(()) } else { check_line(text) },
};
pub(super) static API_GROUP: Text = Text { name: "an API group, or `\"\"` for the core group", ..PREFIX };
pub(super) static REQUEST: Text = Text {
    name: "a request such as `list pods in trinity`",
    pattern: "^([A-Za-z]+|\\*) [^\\s\\u0000-\\u001f\\u007f-\\u009f]+( in [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?| across the cluster)?$",
    longest: None,
    any_case: false,
    check: expectation::check_form,
};
pub(super) static CLUSTER_ROLE: Text = Text {
    name: "the name of a ClusterRole",
    pattern: "^(?!\\.{1,2}$)[^/%\\u0000-\\u001f\\u007f-\\u009f]+$",
    longest: None,
    any_case: false,
    check: check_cluster_role,
};
pub(super) static BINDING: Text = Text {
    name: "the name of a binding",
    pattern: "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?(?!system:)(?!\\.{1,2}$)[^/%\\u0000-\\u001f\\u007f-\\u009f]+$",
    longest: None,
    any_case: false,
    check: |text| text.parse::<BindingName>().map(drop),
};
pub(super) static BINDING_PATTERN: Text = Text {
    name: "the name of a binding or a pattern",
    pattern: "^([a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?/)?(?!\\.{1,2}$)[^/%\\u0000-\\u001f\\u007f-\\u009f]+$",
    longest: None,
    any_case: false,
    check: |text| text.parse::<BindingPattern>().map(drop),
};
pub(crate) static LABEL_KEY: Text = Text {
    name: "a label's key",
    pattern: "^(?=.{1,253}/|[^/]*$)([a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*/)?\
              [A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$",
    longest: None,
    any_case: false,
    check: check_label_key,
};
pub(crate) static LABEL_VALUE: Text = Text {
    name: "a label's value",
    pattern: "^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$",
    longest: None,
    any_case: false,
    check: check_label_value,
};

fn invalid(text: impl Into<String>) -> Result<(), InvalidName> {
    Err(InvalidName(text.into()))
}

/// All keys and the config's name have one form.
fn check_key(text: &str) -> Result<(), InvalidName> {
    text.parse::<GroupKey>().map(drop)
}

/// All ids have one form.
fn check_id(text: &str) -> Result<(), InvalidName> {
    text.parse::<ObjectId>().map(drop)
}

fn check_line(text: &str) -> Result<(), InvalidName> {
    match text {
        "" => invalid("it is empty"),
        text if text.chars().any(char::is_control) => invalid("it holds control characters"),
        _ => Ok(()),
    }
}

/// Nothing that leads out of the folder or stands for no file at all.
fn check_file_pattern(text: &str) -> Result<(), InvalidName> {
    if text.contains('\\') {
        return invalid("folders are parted by `/`, and nothing is escaped");
    }
    for part in text.split('/') {
        match part {
            "" if text.ends_with('/') => {
                return invalid("a folder is `folder/**`, or `folder/*` without those below it");
            }
            "" => return invalid("it is relative to the folder of the root file"),
            "." | ".." => return invalid("it is relative to the folder of the root file, without `.` and `..`"),
            _ => {}
        }
    }
    check_line(text)
}

fn check_namespace_pattern(text: &str) -> Result<(), InvalidName> {
    if text.contains('_') {
        return invalid("a namespace has no `_`");
    }
    if text.starts_with("kube-") && text.contains('*') {
        return invalid("`*` never stands for `default` and `kube-…`: list them by name");
    }
    text.parse::<NamePattern>().map(drop)
}

fn check_display_name(text: &str) -> Result<(), InvalidName> {
    match text.chars().count() {
        0..=256 => check_line(text),
        length => invalid(format!("{length} characters are too many, 256 is the most")),
    }
}

/// A guest's own user principal name (`ana_partner.example#EXT#@contoso.com`) is refused: guests have one spelling, `guest:`.
fn check_user(text: &str) -> Result<(), InvalidName> {
    if text.to_ascii_lowercase().contains("#ext#") {
        return invalid("this is a guest: write `{ guest: … }` with their mail address");
    }
    text.parse::<UserPrincipalName>().map(drop)
}

fn check_service_account(text: &str) -> Result<(), InvalidName> {
    let Some((namespace, name)) = text.split_once('/') else {
        return invalid("write its namespace, `/`, and its name");
    };
    namespace.parse::<Namespace>()?;
    let inner = |each: char| each.is_ascii_lowercase() || each.is_ascii_digit();
    let is_name = name.starts_with(inner) && name.ends_with(inner) && name.len() <= 253;
    if is_name && name.chars().all(|each| inner(each) || each == '-' || each == '.') {
        Ok(())
    } else {
        invalid("its name is not one of a service account: small letters, digits, `-` and `.`, at most 253 of them")
    }
}

/// The API server takes any path segment as a name (`ValidatePathSegmentName`).
fn check_cluster_role(text: &str) -> Result<(), InvalidName> {
    match text {
        "." | ".." => invalid("the API server takes no such name"),
        text if text.contains(['/', '%']) => invalid("the API server takes no `/` and no `%` in it"),
        text => check_line(text),
    }
}

/// `[prefix/]name`: the prefix a DNS subdomain, the name as a label's value but not empty.
fn check_label_key(text: &str) -> Result<(), InvalidName> {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let prefix_is_well_formed = prefix.is_none_or(|prefix| {
        prefix.len() <= 253
            && prefix.split('.').all(|part| {
                let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                !part.is_empty() && part.bytes().all(inside) && !part.starts_with('-') && !part.ends_with('-')
            })
    });
    if name.is_empty() || !prefix_is_well_formed || check_label_value(name).is_err() {
        return invalid("Kubernetes takes no such label key");
    }
    Ok(())
}

fn check_label_value(text: &str) -> Result<(), InvalidName> {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    if bytes.len() > 63 || !bytes.iter().all(|byte| inside(*byte)) || !edge(bytes.first()) || !edge(bytes.last()) {
        return invalid(
            "use at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, as Kubernetes does",
        );
    }
    Ok(())
}
