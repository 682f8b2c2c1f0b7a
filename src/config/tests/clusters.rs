//! Mistakes in what files say about clusters: grants, bindings that are there, who applies, roles that are added to others.

use super::{root_with, told};

#[test]
fn grants() {
    let loaded = root_with(
        "environments:
  alpha: { type: k3s, tokens: { users-as: upn } }
groups:
  dev: { members: [] }
roles:
  metrics:
    rules:
      - { nonResourceURLs: [/metrics], verbs: [get] }
  nothing: {}
  twice: { cluster-role: view, rules: [] }
grants:
  - { groups: [dev], roles: [metrics], environments: [alpha], namespaces: [trinity], cluster-wide: true }
  - { roles: [metrics], environments: [alpha] }
  - { groups: [dev], roles: [metrics], environments: [alpha], namespaces: { labels: { team: sre } } }
  - users: [{ guest: ana@partner.example }, sam@contoso.com]
    service-principals: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
    roles: [metrics]
    environments: [alpha]
    cluster-wide: true
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    one-of: a role needs one of `cluster-role` or `rules`
      rolecall.yaml:13:3 "nothing" none of them is here
      help: `cluster-role`: The name of a ClusterRole that is there already. `rules`: Rules with Kubernetes' own keys.
    one-of: `cluster-role` and `rules` exclude each other in a role
      rolecall.yaml:14:12 "cluster-role" only one of these
      rolecall.yaml:14:32 "rules" only one of these
      help: keep one: `cluster-role` or `rules`
    empty-list: `rules` is empty
      rolecall.yaml:14:39 "[]" nothing is named here
      help: name at least one, or take the key out
    one-of: `namespaces` and `cluster-wide` exclude each other in a grant
      rolecall.yaml:16:63 "namespaces" only one of these
      rolecall.yaml:16:86 "cluster-wide" only one of these
      help: keep one: `namespaces` or `cluster-wide`
    one-of: a grant needs one of `groups`, `users` or `service-principals`
      rolecall.yaml:17:7 "roles" none of them is here
      help: `groups`: Groups of this config, by key. `users`: People without a group between: a user principal name, or `guest`. `service-principals`: Apps and managed identities without a group between, by app (client) id.
    one-of: a grant needs one of `namespaces` or `cluster-wide`
      rolecall.yaml:17:7 "roles" none of them is here
      help: `namespaces`: Namespaces by name, or `labels` that are looked up live; labels never match `default` and `kube-*`. `cluster-wide`: The whole cluster.
    non-resource-in-namespace: `metrics` has rules about non-resource URLs, which no namespace can give
      rolecall.yaml:18:30 "metrics" granted to namespaces here
      rolecall.yaml:10:3 "metrics" has `nonResourceURLs`
      help: grant it with `cluster-wide: true`, or move those rules to a role of their own
    subject-without-upn: a guest cannot be bound directly in `alpha`, where tokens name users by UPN
      rolecall.yaml:19:13 "{ guest: ana@partner.example }" a guest has no user principal name to bind
      rolecall.yaml:6:3 "alpha" `users-as: upn` here
      help: make them a member of a group and grant to the group
    subject-without-upn: a service principal cannot be bound directly in `alpha`, where tokens name users by UPN
      rolecall.yaml:20:26 "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d" a service principal has no user principal name to bind
      rolecall.yaml:6:3 "alpha" `users-as: upn` here
      help: make them a member of a group and grant to the group
    "#);
}

#[test]
fn what_may_stay_and_what_is_replaced() {
    let loaded = root_with(
        "environments:
  alpha: { type: k3s, unmanaged: ignore, allow-unmanaged: [argocd/*] }
  beta: { type: k3s, unmanaged: refuze, allow-unmanaged: [a/b/c, 'system:*', Ops/x, { config: Apps }, argocd/*, argocd/*] }
groups:
  dev: { members: [] }
roles:
  view: { cluster-role: view }
grants:
  - { groups: [dev], roles: [view], environments: [beta], namespaces: [trinity], replaces: payments/by-hand }
  - { groups: [dev], roles: [view], environments: [beta], namespaces: [trinity], replaces: [trinity/fine, by-hand] }
  - { groups: [dev], roles: [view], environments: [beta], cluster-wide: true, replaces: [fine, trinity/by-hand] }
  - { groups: [dev], roles: [view], environments: [beta], namespaces: { labels: { a: b } }, replaces: kube-system/by-hand }
  - { groups: [dev], roles: [view], environments: [beta], cluster-wide: true, replaces: 'system:basic-user' }
  - { groups: [dev], roles: [view], environments: [beta], cluster-wide: true, replaces: 7 }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    allowance-without-effect: `allow-unmanaged` means nothing beside `unmanaged: ignore`
      rolecall.yaml:6:42 "allow-unmanaged" allows nothing
      rolecall.yaml:6:23 "unmanaged" `ignore` here
      help: take one of the two out, or write `unmanaged: report` or `refuse`
    invalid-value: `unmanaged` cannot be `refuze`
      rolecall.yaml:7:33 "refuze" this version does not know it
      help: did you mean `refuse`? It takes `ignore`, `report` or `refuse`
    invalid-name: `a/b/c` is not the name of a binding or a pattern
      rolecall.yaml:7:59 "a/b/c" not well formed
      help: write NAMESPACE/NAME, or NAME for a ClusterRoleBinding
    invalid-name: `Ops/x` is not the name of a binding or a pattern
      rolecall.yaml:7:78 "Ops/x" not well formed
      help: a namespace is lower-case letters, digits and `-`, with a letter or digit at both ends, at most 63
    invalid-name: `Apps` is not the name of a config
      rolecall.yaml:7:95 "Apps" not well formed
      help: use lower-case letters, digits, `-` and `_`, with a letter or digit at both ends
    duplicate-entry: `argocd/*` is listed twice in `allow-unmanaged`
      rolecall.yaml:7:113 "argocd/*" listed again here
      rolecall.yaml:7:103 "argocd/*" first listed here
      help: take one of the two out
    replaces-outside-grant: `payments/by-hand` lies outside this grant
      rolecall.yaml:13:92 "payments/by-hand" its namespace is none of this grant's
      help: add the namespace to the grant, or take the line out
    replaces-outside-grant: `by-hand` lies outside this grant
      rolecall.yaml:14:107 "by-hand" without a namespace it is a ClusterRoleBinding, and this grant is for namespaces
      help: write it as `NAMESPACE/NAME`; what holds on the whole cluster is replaced by a grant with `cluster-wide: true`
    replaces-outside-grant: `trinity/by-hand` lies outside this grant
      rolecall.yaml:15:96 "trinity/by-hand" it is in a namespace, and this grant is for the whole cluster
      help: a RoleBinding gives less than this grant does: name a ClusterRoleBinding, as `NAME`
    replaces-outside-grant: `kube-system/by-hand` lies outside this grant
      rolecall.yaml:16:103 "kube-system/by-hand" labels never match `default` and `kube-*`
      help: name the namespace in a grant of its own
    invalid-name: `system:basic-user` is not the name of a binding
      rolecall.yaml:17:89 "'system:basic-user'" not well formed
      help: what starts with `system:` passes for Kubernetes' own and is never taken away
    wrong-type: `replaces` must be the name of a binding, not a number
      rolecall.yaml:18:89 "7" YAML reads this as a number
      help: put it in quotes: `"7"`
    "#);
}

#[test]
fn appliers_of_environments() {
    let loaded = root_with(
        "environments:
  alpha: { type: k3s, applier: ci }
  beta: { type: k3s, applier: { user: ci, service-account: rolecall/applier } }
  gamma: { type: k3s, applier: { service-account: applier } }
  delta: { type: k3s, applier: { service-account: Rolecall/applier } }
  epsilon: { type: k3s, applier: { service-account: rolecall/applier, groups: [deployers] } }
  zeta: { type: k3s, applier: { groups: [deployers] } }
  eta: { type: k3s, applier: { service-account: rolecall/Applier } }
  theta: { type: k3s, applier: { user: ci, groups: [] } }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    wrong-type: `applier` must be a map with `user`, `groups` or `service-account`, not text
      rolecall.yaml:6:32 "ci" this is text
    one-of: `user` and `service-account` exclude each other in an applier
      rolecall.yaml:7:33 "user" only one of these
      rolecall.yaml:7:43 "service-account" only one of these
      help: keep one: `user` or `service-account`
    invalid-name: `applier` is not a service account, NAMESPACE/NAME
      rolecall.yaml:8:51 "applier" not well formed
      help: write its namespace, `/`, and its name
    invalid-name: `Rolecall/applier` is not a service account, NAMESPACE/NAME
      rolecall.yaml:9:51 "Rolecall/applier" not well formed
      help: a namespace is lower-case letters, digits and `-`, with a letter or digit at both ends, at most 63
    missing-key: `groups` needs `user` beside it
      rolecall.yaml:10:71 "groups" no `user` with it
      help: add `user`: The user name.
    one-of: an applier needs one of `user` or `service-account`
      rolecall.yaml:11:22 "applier" none of them is here
      help: `user`: The user name. `service-account`: A service account, as NAMESPACE/NAME.
    missing-key: `groups` needs `user` beside it
      rolecall.yaml:11:33 "groups" no `user` with it
      help: add `user`: The user name.
    invalid-name: `rolecall/Applier` is not a service account, NAMESPACE/NAME
      rolecall.yaml:12:49 "rolecall/Applier" not well formed
      help: its name is not one of a service account: small letters, digits, `-` and `.`, at most 253 of them
    empty-list: `groups` is empty
      rolecall.yaml:13:52 "[]" nothing is named here
      help: name at least one, or take the key out
    "#);
}

#[test]
fn aggregated_roles() {
    let loaded = root_with(
        "environments:
  alpha: { type: k3s, labels: { stage: dev } }
roles:
  one: { cluster-role: view, aggregate-to: [view], environments: [alpha] }
  two: { rules: [{ nonResourceURLs: [/x], verbs: [get] }], aggregate-to: [view] }
  three: { rules: [{ nonResourceURLs: [/x], verbs: [get] }], environments: [alpha] }
  four: { rules: [{ nonResourceURLs: [/x], verbs: [get] }], aggregate-to: [views, edit, edit], environments: [beta] }
  five: { rules: [{ nonResourceURLs: [/x], verbs: [get] }], aggregate-to: [], environments: { stage: prod } }
  six: { rules: [{ nonResourceURLs: [/x], verbs: [get] }], aggregate-to: view, environments: [alpha] }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    missing-key: `aggregate-to` needs `rules` beside it
      rolecall.yaml:8:30 "aggregate-to" no `rules` with it
      help: add `rules`: Rules with Kubernetes' own keys.
    missing-key: `aggregate-to` needs `environments` beside it
      rolecall.yaml:9:60 "aggregate-to" no `environments` with it
      help: add `environments`: Where `aggregate-to` holds, by name or by labels; the role is there whether or not a grant names it.
    missing-key: `environments` needs `aggregate-to` beside it
      rolecall.yaml:10:62 "environments" no `aggregate-to` with it
      help: add `aggregate-to`: Kubernetes' own roles that take these rules in: whoever has one of them, from whomever and wherever, gets these rules too. None when left out.
    invalid-value: an entry of `aggregate-to` cannot be `views`
      rolecall.yaml:11:76 "views" this version does not know it
      help: did you mean `view`? It takes `view`, `edit` or `admin`
    duplicate-entry: `edit` is listed twice in `aggregate-to`
      rolecall.yaml:11:89 "edit" listed again here
      rolecall.yaml:11:83 "edit" first listed here
      help: take one of the two out
    unknown-environment: `beta` is not an environment of this config
      rolecall.yaml:11:111 "beta" no environment has this name
      help: define it under `environments:` in any access file
    empty-list: `aggregate-to` is empty
      rolecall.yaml:12:75 "[]" nothing is named here
      help: name at least one, or take the key out
    unmatched-labels: no environment has all of these labels
      rolecall.yaml:12:95 "stage" nothing has these labels
      help: the labels of the environments are: alpha (stage: dev)
    wrong-type: `aggregate-to` must be a list, not text
      rolecall.yaml:13:74 "view" this is text
      help: write it as a list: `[view]`
    "#);
}

#[test]
fn the_lock() {
    let told_of = |lock: &str| {
        let loaded = root_with(&format!("environments:\n  alpha: {{ type: k3s }}\nlock: {lock}\n"));
        let lock = loaded.config.as_ref().and_then(|config| config.lock.as_ref());
        lock.map_or_else(|| told(&loaded), |lock| format!("{} {}", lock.environment, lock.namespace))
    };
    assert_eq!(told_of("{ environment: alpha, namespace: rolecall }"), "alpha rolecall");
    for (lock, rule) in [
        ("{ environment: alhpa, namespace: rolecall }", "unknown-environment"),
        ("{ environment: alpha, namespace: Rolecall }", "invalid-name"),
        ("{ environment: alpha }", "missing-key"),
        ("{ namespace: rolecall }", "missing-key"),
        ("{ environment: alpha, namespace: rolecall, lease: mine }", "unknown-key"),
        ("alpha", "wrong-type"),
    ] {
        assert!(told_of(lock).starts_with(&format!("{rule}: ")), "{lock}: {}", told_of(lock));
    }
}
