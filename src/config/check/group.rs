//! `groups`.

use super::names::{Kind, sections};
use super::{Checker, label};
use crate::config::model::Group;
use crate::config::rules;
use crate::config::yaml::{Entry, Node, Value};
use std::collections::BTreeMap;

use crate::diagnostics::{Located, Span};
use crate::state::{AppId, GroupKey, Mail, Management, Membership, ObjectId, PrincipalName, UserPrincipalName};

impl Checker<'_> {
    pub(super) fn group(&mut self, key: &Located<String>, node: &Node) -> Option<Group> {
        let words = [
            ("authoritative", Membership::Authoritative),
            ("additive", Membership::Additive),
            ("external", Membership::External),
        ];
        let left_out = match (node.get("id"), node.get("adopt")) {
            (Some(_), _) => Membership::External,
            (None, Some(_)) => Membership::Additive,
            (None, None) => Membership::Authoritative,
        };
        let membership = self.choose(node.get("membership"), left_out, &words);
        if node.get("id").is_some() {
            let help = "a group with `id` is only referred to; use `adopt` instead of `id` to have it managed";
            let keys = ["description", "display-name", "owners", "members", "absent"];
            self.refuse_keys(node, &keys, "is never changed", help);
            if let (Some(entry), true) = (node.entry("membership"), membership != Membership::External) {
                let labels = [label(entry.value.span, "not managed")];
                self.report(
                    &rules::UNMANAGED_GROUP,
                    "the members of a group with `id` are never changed",
                    labels,
                    help,
                );
            }
        } else if membership == Membership::External {
            let help = "with `membership: external` members and owners are managed elsewhere; take one of the two out";
            self.refuse_keys(node, &["owners", "members", "absent"], "is managed elsewhere", help);
        }
        if membership == Membership::Authoritative && node.get("id").is_none() && node.get("members").is_none() {
            let message = format!("the group `{}` does not say who its members are", key.value);
            let labels = [label(key.span, "no `members` here")];
            let help = "list them under `members:`; write `members: []` for a group without members, or \
                        `membership: external` for one whose members are managed elsewhere";
            self.report(&rules::MISSING_MEMBERS, message, labels, help);
        }
        let members = self.principals(node.get("members"));
        let absent = self.principals(node.get("absent"));
        self.check_absent(node, membership, &members, &absent);
        self.check_previously(key, node);
        let management = match (node.get("id"), node.get("adopt")) {
            (Some(id), _) => Management::External(self.parse::<ObjectId>(Some(id))?.value),
            (None, Some(id)) => Management::Adopted(self.parse::<ObjectId>(Some(id))?.value),
            (None, None) => Management::Owned,
        };
        Some(Group {
            span: key.span,
            description: self.text(node.get("description")),
            display_name: self.text(node.get("display-name")),
            owners: node.get("owners").map(|owners| self.principals(Some(owners))),
            members,
            absent,
            previously: self.parse_list(node.get("previously")),
            membership,
            management,
        })
    }

    /// Only where others may be members does it mean anything to say who must not be.
    fn check_absent(
        &mut self,
        node: &Node,
        membership: Membership,
        members: &[Located<PrincipalName>],
        absent: &[Located<PrincipalName>],
    ) {
        if membership == Membership::Authoritative
            && let Some(entry) = node.entry("absent")
        {
            let message = "an authoritative group has no `absent`: nobody but its `members` is in it";
            let help = "take `absent` out; where others may be members, write `membership: additive`";
            self.report(&rules::ABSENT_MEMBER, message, [label(entry.key.span, "has no effect")], help);
            return;
        }
        for entry in absent {
            if let Some(member) = members.iter().find(|member| member.value == entry.value) {
                let message = format!("`{}` is to be a member and to be absent", entry.value);
                let labels = [label(entry.span, "absent here"), label(member.span, "a member here")];
                self.report(&rules::ABSENT_MEMBER, message, labels, "take one of the two out");
            }
        }
    }

    /// A previous key stands for one live group, which is this block's and nobody else's.
    fn check_previously(&mut self, key: &Located<String>, node: &Node) {
        let Some(entry) = node.entry("previously") else { return };
        for by_id in ["adopt", "id"] {
            if node.get(by_id).is_some() {
                let message = format!("a group with `{by_id}` has no `previously`: its id tells which group it is");
                let labels = [label(entry.key.span, "has no effect")];
                let help = "take it out; such a group may be given another key at any time";
                self.report(&rules::PREVIOUS_KEY, message, labels, help);
                return;
            }
        }
        for previous in entry.value.items() {
            let text = previous.words();
            if text == key.value {
                let labels = [label(previous.span, "its key now")];
                let message = format!("`{text}` is the key of this group, not one that it had before");
                self.report(&rules::PREVIOUS_KEY, message, labels, "name the keys that it had before");
            } else if let Some(block) = self.names.groups.get(text) {
                let labels = [label(previous.span, "a previous key here"), label(*block, "a group here")];
                let message = format!("`{text}` is a group of this config, so `{}` cannot have been it", key.value);
                let help =
                    format!("take the block of `{text}` out if it was renamed, or the previous key if it was not");
                self.report(&rules::PREVIOUS_KEY, message, labels, help);
            }
        }
    }

    /// Two blocks that were one and the same group.
    pub(super) fn previous_keys_are_claimed_once(&mut self, files: &[&Node]) {
        let mut claimed: BTreeMap<&str, (&Located<String>, Span)> = BTreeMap::new();
        for Entry { key, value: block } in sections(files, "groups") {
            if block.get("adopt").is_some() || block.get("id").is_some() {
                continue;
            }
            for previous in block.get("previously").map_or(&[][..], Node::items) {
                match claimed.get(previous.words()) {
                    _ if previous.words().is_empty() => {}
                    Some((first, span)) if first.value != key.value => {
                        let text = previous.words();
                        let message = format!("`{}` and `{}` cannot both have been `{text}`", first.value, key.value);
                        let labels = [label(previous.span, "named again here"), label(*span, "first named here")];
                        let help = "one live group is one block: leave it to the one that is that group";
                        self.report(&rules::PREVIOUS_KEY, message, labels, help);
                    }
                    Some(_) => {}
                    None => {
                        claimed.insert(previous.words(), (key, previous.span));
                    }
                }
            }
        }
    }

    fn refuse_keys(&mut self, node: &Node, keys: &[&str], why: &str, help: &str) {
        for Entry { key, .. } in node.entries().iter().filter(|entry| keys.contains(&entry.key.value.as_str())) {
            let message = format!("`{}` of this group {why}", key.value);
            self.report(&rules::UNMANAGED_GROUP, message, [label(key.span, "has no effect")], help);
        }
    }

    /// Members, owners or subjects. Those with a mistake are left out, which was reported.
    pub(super) fn principals(&mut self, list: Option<&Node>) -> Vec<Located<PrincipalName>> {
        let mut principals = Vec::new();
        for node in list.map_or(&[][..], Node::items) {
            match self.principal(node) {
                Some(principal) => principals.push(Located::new(principal, node.span)),
                None => self.skip(node.span),
            }
        }
        principals
    }

    /// Somebody who may be in many groups, and is kept once.
    pub(super) fn user(&mut self, text: &str) -> Option<UserPrincipalName> {
        if let Some(known) = self.users.get(text) {
            return Some(known.clone());
        }
        let name: UserPrincipalName = text.parse().ok()?;
        self.users.insert(text.to_owned(), name.clone());
        Some(name)
    }

    fn principal(&mut self, node: &Node) -> Option<PrincipalName> {
        let entry = match &node.value {
            Value::Scalar { text, .. } => return self.user(text).map(PrincipalName::User),
            Value::Map(entries) => entries.first()?,
            Value::Null | Value::Seq(_) => return None,
        };
        let Entry { key, value } = entry;
        match key.value.as_str() {
            "guest" => value.words().parse::<Mail>().ok().map(PrincipalName::Guest),
            "service-principal" => value.words().parse::<AppId>().ok().map(PrincipalName::ServicePrincipal),
            "group" => self.refer(value, Kind::Group)?.parse::<GroupKey>().ok().map(PrincipalName::Group),
            "group-id" => {
                if let Some(known) = self.names.group_ids.get(&value.words().to_ascii_lowercase()) {
                    let message = format!("this is the group `{}` of this config", known.value);
                    let labels = [label(value.span, "named by its id"), label(known.span, "the same id here")];
                    let help = format!("write `{{ group: {} }}`", known.value);
                    self.report(&rules::GROUP_BY_ID, message, labels, help);
                }
                value.words().parse::<ObjectId>().ok().map(PrincipalName::GroupId)
            }
            _ => None,
        }
    }
}
