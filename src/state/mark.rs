//! The marks of ownership and the names derived from them, spelt in one place.

use sha2::{Digest as _, Sha256};

use super::{ConfigName, GroupKey, PrincipalName, RoleKey, RoleRef, ScopeTarget};

/// The label that says which tool manages an object on a cluster.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// Its value on objects of ours, and our field manager.
pub const MANAGER: &str = "rolecall";
/// The label that says which config manages an object on a cluster.
pub const CONFIG_LABEL: &str = "rolecall.dev/config";
/// The label that Kubernetes writes on what it makes at its start. Anybody may write it on anything.
pub const BOOTSTRAPPING_LABEL: &str = "kubernetes.io/bootstrapping";

/// The prefix of the `uniqueName` of every group that rolecall creates, whatever the config.
pub const UNIQUE_NAME_PREFIX: &str = "rolecall.";
/// The prefix of the `mailNickname` of every group that rolecall creates, whatever the config.
pub const MAIL_NICKNAME_PREFIX: &str = "rolecall-";

/// `rolecall.<config>.<key>`: the immutable alternate key of a group of ours.
pub fn unique_name(config: &ConfigName, key: &GroupKey) -> String {
    format!("{UNIQUE_NAME_PREFIX}{config}.{key}")
}

/// The config and key in a `uniqueName` of a rolecall group. Keys and config names hold no dot, so this is unambiguous.
pub fn parse_unique_name(text: &str) -> Option<(ConfigName, GroupKey)> {
    let (config, key) = text.strip_prefix(UNIQUE_NAME_PREFIX)?.split_once('.')?;
    Some((config.parse().ok()?, key.parse().ok()?))
}

/// `rolecall-` + 8 hex digits of the config + `-`: what the `mailNickname` of all groups of a config starts with.
pub fn mail_nickname_prefix(config: &ConfigName) -> String {
    format!("{MAIL_NICKNAME_PREFIX}{}-", hex(&[config.as_str()], 8))
}

/// The `mailNickname` of a group of ours: a filterable index, never proof. At most 64 characters.
pub fn mail_nickname(config: &ConfigName, key: &GroupKey) -> String {
    let cut: String = key.as_str().chars().take(46).collect();
    format!("{}{cut}", mail_nickname_prefix(config))
}

/// The name of a binding: readable, and injective over config, subject, role and scope. The role object is part of it,
/// because `roleRef` is immutable: a role key that comes to mean another object gets a new binding beside the old one.
pub fn binding_name(
    config: &ConfigName,
    subject: &PrincipalName,
    role: &RoleKey,
    reference: &RoleRef,
    scope: &ScopeTarget,
) -> String {
    let scope = scope_text(scope);
    let kind = reference.kind.to_string();
    let digest = hex(&[config.as_str(), &subject.to_string(), role.as_str(), &kind, &reference.name, &scope], 10);
    format!("{}-{digest}", readable(&format!("{}-{role}", readable_subject(subject))))
}

/// The name of a role object of ours.
pub fn role_name(config: &ConfigName, role: &RoleKey, scope: &ScopeTarget) -> String {
    format!("{}-{}", readable(role.as_str()), hex(&[config.as_str(), role.as_str(), &scope_text(scope)], 10))
}

/// The name of the Lease that one `apply` of a config at a time holds. A config's name may hold `_`, which that of a Lease may
/// not; the digits keep two names apart.
pub fn lease_name(config: &ConfigName) -> String {
    let config = config.as_str();
    format!("rolecall-{}-{}", config.replace('_', "-"), hex(&["lock", config], 10))
}

fn scope_text(scope: &ScopeTarget) -> String {
    match scope {
        ScopeTarget::Cluster => "cluster".to_owned(),
        ScopeTarget::Namespace(namespace) => format!("namespace/{namespace}"),
        ScopeTarget::Selector(labels) => {
            labels.iter().fold("selector".to_owned(), |text, (key, value)| format!("{text}/{key}={value}"))
        }
    }
}

fn readable_subject(subject: &PrincipalName) -> String {
    match subject {
        PrincipalName::User(name) => local_part(name.as_str()),
        PrincipalName::Guest(mail) => local_part(mail.as_str()),
        PrincipalName::Group(key) => key.to_string(),
        PrincipalName::GroupId(id) | PrincipalName::Object(id) => id.to_string(),
        PrincipalName::ServicePrincipal(id) => id.to_string(),
    }
}

fn local_part(address: &str) -> String {
    address.split('@').next().unwrap_or(address).to_ascii_lowercase()
}

/// Letters, digits, `-`, `_` and `.` only, cut so that the whole name stays below 128 characters.
fn readable(text: &str) -> String {
    text.chars()
        .map(
            |character| {
                if character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.') { character } else { '-' }
            },
        )
        .take(110)
        .collect()
}

/// The first `digits` hex digits of SHA-256 over the parts, each with its length in front so that no two lists collide.
pub fn hex(parts: &[&str], digits: usize) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().flat_map(|byte| [byte >> 4, byte & 15]).take(digits).fold(
        String::with_capacity(digits),
        |mut text, digit| {
            text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
            text
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Namespace, RoleKind};

    fn config() -> ConfigName {
        "contoso-platform".parse().unwrap()
    }

    #[test]
    fn a_unique_name_is_read_back() {
        let key: GroupKey = "k8s_dev_users".parse().unwrap();
        let name = unique_name(&config(), &key);
        assert_eq!(name, "rolecall.contoso-platform.k8s_dev_users");
        assert_eq!(parse_unique_name(&name), Some((config(), key)));
        assert_eq!(parse_unique_name("rolecall.contoso-platform"), None);
        assert_eq!(parse_unique_name("other.contoso-platform.x"), None);
    }

    #[test]
    fn a_mail_nickname_fits_and_starts_with_its_prefix() {
        let key: GroupKey = "a".repeat(63).parse().unwrap();
        let nickname = mail_nickname(&config(), &key);
        assert!(nickname.len() <= 64, "{}", nickname.len());
        assert!(nickname.starts_with(&mail_nickname_prefix(&config())));
    }

    #[test]
    fn a_binding_of_another_role_object_or_scope_has_another_name() {
        let subject = PrincipalName::Group("sre".parse().unwrap());
        let role: RoleKey = "read-only".parse().unwrap();
        let name = |reference: &str, scope: &ScopeTarget| {
            let reference = RoleRef { kind: RoleKind::ClusterRole, name: reference.to_owned() };
            binding_name(&config(), &subject, &role, &reference, scope)
        };
        let trinity = ScopeTarget::Namespace("trinity".parse::<Namespace>().unwrap());
        let first = name("view", &trinity);
        assert!(first.starts_with("sre-read-only-"), "{first}");
        assert_ne!(first, name("edit", &trinity));
        assert_ne!(first, name("view", &ScopeTarget::Cluster));
        assert_eq!(first, name("view", &trinity));
    }

    #[test]
    fn two_configs_have_two_leases_with_names_that_kubernetes_takes() {
        let names = ["a_b", "a-b", "contoso"].map(|name| lease_name(&name.parse().unwrap()));
        assert_ne!(names[0], names[1]);
        for name in names {
            assert!(name.starts_with("rolecall-") && !name.contains('_'), "{name}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hex(&["ab", "c"], 10), hex(&["a", "bc"], 10));
    }
}
