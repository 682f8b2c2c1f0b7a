//! `groups`.

use super::names::Kind;
use super::{Checker, label};
use crate::config::model::Group;
use crate::config::rules;
use crate::config::yaml::{Entry, Node, Value};
use crate::diagnostics::Located;
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
            self.refuse_keys(node, &["description", "display-name", "owners", "members"], "is never changed", help);
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
            self.refuse_keys(node, &["owners", "members"], "is managed elsewhere", help);
        }
        if membership == Membership::Authoritative && node.get("id").is_none() && node.get("members").is_none() {
            let message = format!("the group `{}` does not say who its members are", key.value);
            let labels = [label(key.span, "no `members` here")];
            let help = "list them under `members:`; write `members: []` for a group without members, or \
                        `membership: external` for one whose members are managed elsewhere";
            self.report(&rules::MISSING_MEMBERS, message, labels, help);
        }
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
            members: self.principals(node.get("members")),
            membership,
            management,
        })
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

    fn principal(&mut self, node: &Node) -> Option<PrincipalName> {
        let entry = match &node.value {
            Value::Scalar { text, .. } => return text.parse::<UserPrincipalName>().ok().map(PrincipalName::User),
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
