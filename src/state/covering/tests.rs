//! Against a naive restatement of what the API server does, and against what rules let a request do.

use proptest::prelude::*;

use super::*;

fn rule(groups: &[&str], resources: &[&str], names: &[&str], urls: &[&str], verbs: &[&str]) -> PolicyRule {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    PolicyRule {
        api_groups: list(groups),
        resources: list(resources),
        resource_names: list(names),
        non_resource_urls: list(urls),
        verbs: list(verbs),
    }
}

fn on(group: &str, resource: &str, verbs: &[&str]) -> PolicyRule {
    rule(&[group], &[resource], &[], &[], verbs)
}

/// The API server's comparison, said again as rules of one entry a list that are compared list by list.
mod naive {
    use super::*;

    pub(super) fn uncovered(held: &[PolicyRule], given: &[PolicyRule]) -> Vec<PolicyRule> {
        given.iter().flat_map(breakdown).filter(|single| !held.iter().any(|owner| covers(owner, single))).collect()
    }

    fn breakdown(given: &PolicyRule) -> Vec<PolicyRule> {
        let mut singles = Vec::new();
        for verb in &given.verbs {
            for group in &given.api_groups {
                for resource in &given.resources {
                    if given.resource_names.is_empty() {
                        singles.push(rule(&[group], &[resource], &[], &[], &[verb]));
                    }
                    for name in &given.resource_names {
                        singles.push(rule(&[group], &[resource], &[name], &[], &[verb]));
                    }
                }
            }
            for url in &given.non_resource_urls {
                singles.push(rule(&[], &[], &[], &[url], &[verb]));
            }
        }
        singles
    }

    fn has_all(set: &[String], wanted: &[String]) -> bool {
        wanted.iter().all(|each| set.contains(each))
    }

    fn covers(owner: &PolicyRule, single: &PolicyRule) -> bool {
        let star = |set: &[String]| set.contains(&"*".to_owned());
        let resources = star(&owner.resources)
            || single.resources.iter().all(|path| {
                let parts: Vec<&str> = path.splitn(2, '/').collect();
                owner.resources.contains(path)
                    || (parts.len() == 2 && owner.resources.contains(&format!("*/{}", parts[1])))
            });
        let urls = single.non_resource_urls.iter().all(|path| {
            owner
                .non_resource_urls
                .iter()
                .any(|held| held == path || (held.ends_with('*') && path.starts_with(held.trim_end_matches('*'))))
        });
        let names = if single.resource_names.is_empty() {
            owner.resource_names.is_empty()
        } else {
            owner.resource_names.is_empty() || has_all(&owner.resource_names, &single.resource_names)
        };
        (star(&owner.verbs) || has_all(&owner.verbs, &single.verbs))
            && (star(&owner.api_groups) || has_all(&owner.api_groups, &single.api_groups))
            && resources
            && names
            && urls
    }
}

/// Whether a rule allows one request, by the authorizer's own matching.
fn allows(rule: &PolicyRule, group: &str, resource: &str, name: &str, verb: &str) -> bool {
    let is = |set: &[String], wanted: &str| set.iter().any(|each| each == "*" || each == wanted);
    let subresource = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    is(&rule.verbs, verb)
        && is(&rule.api_groups, group)
        && (is(&rule.resources, resource) || subresource.is_some_and(|sub| rule.resources.contains(&sub)))
        && (rule.resource_names.is_empty() || rule.resource_names.iter().any(|each| each == name))
}

fn lists(choices: &'static [&'static str], least: usize) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(choices), least..3)
}

fn any_rule() -> impl Strategy<Value = PolicyRule> {
    let verbs = || lists(&["get", "list", "patch", "*"], 1);
    let resources = (
        lists(&["", "apps", "*"], 1),
        lists(&["pods", "pods/log", "*/log", "*", "deployments", "*/log/x", "a/log/x"], 1),
        lists(&["one", "two"], 0),
        verbs(),
    );
    let urls = (lists(&["/a", "/a/b", "/a/*", "/a/**", "*", "/"], 1), verbs());
    prop_oneof![
        4 => resources.prop_map(|(groups, resources, names, verbs)| rule(&groups, &resources, &names, &[], &verbs)),
        1 => urls.prop_map(|(urls, verbs)| rule(&[], &[], &[], &urls, &verbs)),
        // Forbidden by validation in a ClusterRole, and yet a list of rules may hold one.
        1 => lists(&["/a", "/b*"], 1).prop_map(|urls| rule(&["apps"], &["pods"], &[], &urls, &["get"])),
    ]
}

fn some_rules() -> impl Strategy<Value = Vec<PolicyRule>> {
    proptest::collection::vec(any_rule(), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_missing_is_what_the_naive_way_finds(held in some_rules(), given in some_rules()) {
        let naive = naive::uncovered(&held, &given);
        let missing = missing(&held, &given);
        prop_assert_eq!(rights(&missing).collect::<BTreeSet<_>>(), rights(&naive).collect::<BTreeSet<_>>());
        let said = together(&missing);
        prop_assert_eq!(rights(&said).collect::<BTreeSet<_>>(), rights(&naive).collect::<BTreeSet<_>>());
    }

    #[test]
    fn whoever_covers_a_rule_may_do_all_that_it_allows(held in some_rules(), given in some_rules()) {
        if missing(&held, &given).is_empty() {
            for group in ["", "apps", "batch"] {
                for resource in ["pods", "pods/log", "deployments", "a/log/x", "jobs"] {
                    for (name, verb) in [("one", "get"), ("two", "list"), ("other", "patch"), ("", "create")] {
                        let may = |rules: &[PolicyRule]| {
                            rules.iter().any(|rule| allows(rule, group, resource, name, verb))
                        };
                        prop_assert!(!may(&given) || may(&held), "{} {}/{} {}", verb, group, resource, name);
                    }
                }
            }
        }
    }

    #[test]
    fn everybody_covers_their_own_and_adding_the_missing_covers_all(held in some_rules(), given in some_rules()) {
        prop_assert!(missing(&given, &given).is_empty());
        let added: Vec<PolicyRule> = held.iter().cloned().chain(missing(&held, &given)).collect();
        prop_assert!(missing(&added, &given).is_empty());
    }
}

#[test]
fn each_right_is_covered_by_one_rule_alone() {
    let all = |verbs: &[&str]| on("*", "*", verbs);
    assert!(missing(&[all(&["*"])], &[on("apps", "deployments", &["get", "*"])]).is_empty());
    // Every verb one by one is not `*`, and a rule for verbs and one for groups are no rule for both.
    assert_eq!(missing(&[all(&["get", "list", "create"])], &[all(&["*"])]), [all(&["*"])]);
    let halves = [on("apps", "pods", &["get"]), on("", "deployments", &["get"])];
    assert_eq!(missing(&halves, &[on("apps", "deployments", &["get"])]), [on("apps", "deployments", &["get"])]);
    // `pods` is not `pods/log`; `*` is; `deployments/*` is nothing but its own spelling.
    assert_eq!(missing(&[on("", "pods", &["get"])], &[on("", "pods/log", &["get"])]).len(), 1);
    assert!(missing(&[on("", "*", &["get"])], &[on("", "pods/log", &["get"])]).is_empty());
    assert!(missing(&[on("", "*/log", &["get"])], &[on("", "pods/log", &["get"])]).is_empty());
    assert_eq!(missing(&[on("", "pods/*", &["get"])], &[on("", "pods/log", &["get"])]).len(), 1);
    let one = rule(&[""], &["secrets"], &["one"], &[], &["get"]);
    assert!(missing(&[on("", "secrets", &["get"])], std::slice::from_ref(&one)).is_empty());
    assert_eq!(missing(std::slice::from_ref(&one), &[on("", "secrets", &["get"])]).len(), 1);
}

#[test]
fn what_is_missing_can_be_copied_into_a_role() {
    let given = [
        on("apps", "deployments", &["patch", "get"]),
        on("apps", "daemonsets", &["get", "patch"]),
        rule(&[""], &["secrets"], &["a", "on", "two words"], &[], &["*"]),
        rule(&[], &[], &[], &["/metrics", "/x/*"], &["get"]),
    ];
    insta::assert_snapshot!(words(&missing(&[], &given)), @r#"{ apiGroups: [""], resources: [secrets], resourceNames: [a, "on", "two words"], verbs: ["*"] }, { apiGroups: [apps], resources: [daemonsets, deployments], verbs: [get, patch] }, { nonResourceURLs: [/metrics, "/x/*"], verbs: [get] }"#);
    let many: Vec<PolicyRule> = (0..9).map(|number| on(&format!("g{number}"), "things", &["get"])).collect();
    assert!(words(&many).ends_with(" and 7 more"), "{}", words(&many));
}
