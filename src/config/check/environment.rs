//! `environments`.

use super::{Checker, label, labels};
use crate::config::model::Environment;
use crate::config::rules;
use crate::config::yaml::{Node, Value};
use crate::diagnostics::Located;
use crate::state::{
    Allowance, Applier, BindingPattern, ConfigName, EnvironmentType, GroupNaming, GroupsClaim, TokenNaming, Unmanaged,
    UserNaming,
};

/// `--only entra` and addresses such as `entra/group/…` mean the tenant.
const RESERVED: &str = "entra";

impl Checker<'_> {
    pub(super) fn environment(&mut self, name: &Located<String>, node: &Node) -> Option<Environment> {
        if name.value == RESERVED {
            let places = [label(name.span, "this word means the tenant")];
            let help = "choose another name: `--only entra` and addresses such as `entra/group/…` mean the tenant";
            self.report(&rules::RESERVED_NAME, "an environment cannot be called `entra`", places, help);
        }
        let protected = self.choose(node.get("protected"), false, &[("true", true), ("false", false)]);
        if let (true, None, Some(key)) = (protected, node.get("cluster"), node.entry("protected")) {
            let message = format!("the protected environment `{}` does not say which cluster it is", name.value);
            let labels = [label(key.key.span, "protected, but no `cluster` beside it")];
            let help = "add `cluster:` with the uid of its kube-system namespace, which the first plan prints; \
                        otherwise another cluster behind the same context would pass for it";
            self.report(&rules::PROTECTED_WITHOUT_CLUSTER, message, labels, help);
        }
        let kinds = [("k3s", EnvironmentType::K3s), ("kubernetes", EnvironmentType::Kubernetes)];
        let kind = self.choose(Some(node.get("type")?), EnvironmentType::Kubernetes, &kinds);
        Some(Environment {
            span: name.span,
            kind,
            labels: labels(node.get("labels")),
            context: self.text(node.get("context")),
            cluster: self.parse(node.get("cluster")),
            protected,
            tokens: self.tokens(node.get("tokens")),
            unmanaged: self.unmanaged(node),
            allow_unmanaged: self.allowances(node.get("allow-unmanaged")),
            applier: node.get("applier").and_then(applier),
        })
    }

    fn unmanaged(&mut self, node: &Node) -> Unmanaged {
        let words = [("ignore", Unmanaged::Ignore), ("report", Unmanaged::Report), ("refuse", Unmanaged::Refuse)];
        let unmanaged = self.choose(node.get("unmanaged"), Unmanaged::default(), &words);
        if let (Unmanaged::Ignore, Some(allowed), Some(ignored)) =
            (unmanaged, node.entry("allow-unmanaged"), node.entry("unmanaged"))
        {
            let places = [label(allowed.key.span, "allows nothing"), label(ignored.key.span, "`ignore` here")];
            let message = "`allow-unmanaged` means nothing beside `unmanaged: ignore`";
            let help = "take one of the two out, or write `unmanaged: report` or `refuse`";
            self.report(&rules::ALLOWANCE_WITHOUT_EFFECT, message, places, help);
        }
        unmanaged
    }

    fn allowances(&mut self, node: Option<&Node>) -> Vec<Located<Allowance>> {
        let mut allowances = Vec::new();
        for item in node.map_or(&[][..], Node::items) {
            let allowance = match item.value {
                Value::Map(_) => self.parse::<ConfigName>(item.get("config")).map(|name| name.map(Allowance::Config)),
                _ => self.parse::<BindingPattern>(Some(item)).map(|name| name.map(Allowance::Bindings)),
            };
            allowances.extend(allowance);
        }
        allowances
    }

    fn tokens(&mut self, node: Option<&Node>) -> TokenNaming {
        let get = |key| node.and_then(|node| node.get(key));
        let groups = [("object-id", GroupNaming::ObjectId), ("display-name", GroupNaming::DisplayName)];
        let users = [("object-id", UserNaming::ObjectId), ("upn", UserNaming::UserPrincipalName)];
        let claims =
            [("security-groups", GroupsClaim::SecurityGroups), ("assigned-groups", GroupsClaim::AssignedGroups)];
        TokenNaming {
            groups: self.choose(get("groups-as"), GroupNaming::ObjectId, &groups),
            claim: self.choose(get("groups-claim"), GroupsClaim::SecurityGroups, &claims),
            groups_prefix: get("groups-prefix").map_or("", Node::words).to_owned(),
            users: self.choose(get("users-as"), UserNaming::ObjectId, &users),
            users_prefix: get("users-prefix").map_or("", Node::words).to_owned(),
        }
    }
}

fn applier(node: &Node) -> Option<Applier> {
    if let Some((namespace, name)) = node.get("service-account").and_then(|account| account.words().split_once('/')) {
        return Some(Applier::service_account(namespace, name));
    }
    let groups = node.get("groups").map_or(&[][..], Node::items).iter().map(|group| group.words().to_owned());
    node.get("user").map(|user| Applier::new(user.words(), groups))
}
