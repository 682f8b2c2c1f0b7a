//! Rules that allow whatever there is.

use crate::config::RoleSource;
use crate::diagnostics::{Rule, Severity};
use crate::lint::facts::{Facts, all, label};
use crate::lint::{Found, Lint};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule { id: "wildcard-rule", severity: Severity::Warning, summary: "Rules of roles name what they allow." },
    docs: "`*` among `verbs`, `resources`, `apiGroups` or `nonResourceURLs` allows what there is today and whatever is added later: \
           a verb such as `escalate`, a subresource such as `pods/exec`, every resource of an operator that is installed next \
           year. Nobody reviews that growth.\n\n\
           Name what is needed. `kubectl api-resources -o wide` lists resources with their verbs. `*/scale` and other \
           wildcards for one subresource are not reported.",
    example: "\
roles:
  web-operator:
    rules:
      - { apiGroups: [apps], resources: [deployments], verbs: ['*'] }
",
    instead: "\
roles:
  web-operator:
    rules:
      - { apiGroups: [apps], resources: [deployments], verbs: [get, list, watch, patch] }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    for (key, role) in &facts.config.roles {
        let RoleSource::Rules(rules) = &role.source else { continue };
        for rule in rules {
            let lists = [
                ("verbs", &rule.value.verbs),
                ("apiGroups", &rule.value.api_groups),
                ("resources", &rule.value.resources),
                ("nonResourceURLs", &rule.value.non_resource_urls),
            ];
            let open = |list: &[String]| list.iter().any(|entry| matches!(entry.as_str(), "*" | "/*"));
            let keys: Vec<&str> = lists.into_iter().filter(|(_, list)| open(list)).map(|(key, _)| key).collect();
            if keys.is_empty() {
                continue;
            }
            found.report(
                format!("the role `{key}` has `*` among {}", all(keys)),
                [label(rule.span, "allows what there is, and whatever is added later")],
                "name what is needed",
            );
        }
    }
}
