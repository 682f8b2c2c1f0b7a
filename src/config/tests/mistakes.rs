//! One of each class of mistake in what files say, as it is told.

use super::{ROOT, files, root_with, told};

#[test]
fn a_group_that_does_not_exist() {
    let loaded = files(&[
        ("rolecall.yaml", ROOT),
        ("teams/trinity.yaml", "groups:\n  k8s_dev_users: { members: [] }\n  all: { members: [{ group: dev }] }\n"),
        (
            "grants.yaml",
            "grants:\n  - { groups: [k8s_dev_userz], roles: [viw], environments: [beta], namespaces: [trinity] }\n",
        ),
        ("roles.yaml", "roles:\n  view: { cluster-role: view }\nenvironments:\n  alpha: { type: k3s }\n"),
    ]);
    insta::assert_snapshot!(told(&loaded), @r#"
    unknown-group: `k8s_dev_userz` is not a group of this config
      grants.yaml:2:16 "k8s_dev_userz" no group has this key
      help: did you mean `k8s_dev_users` (teams/trinity.yaml:2)?
    unknown-role: `viw` is not a role of this config
      grants.yaml:2:40 "viw" no role has this key
      help: did you mean `view` (roles.yaml:2)?
    unknown-environment: `beta` is not an environment of this config
      grants.yaml:2:61 "beta" no environment has this name
      help: define it under `environments:` in any access file
    unknown-group: `dev` is not a group of this config
      teams/trinity.yaml:3:29 "dev" no group has this key
      help: define it under `groups:` in any access file
    "#);
}

#[test]
fn a_name_that_may_stand_in_a_file_that_cannot_be_read() {
    let loaded = files(&[
        ("rolecall.yaml", ROOT),
        ("a.yaml", "groups: {\n"),
        ("b.yaml", "groups:\n  ops: { members: [{ group: payments }] }\n"),
    ]);
    insta::assert_snapshot!(told(&loaded), @r#"
    yaml-syntax: this is not YAML: unclosed bracket '{'
      a.yaml:1:9 "" the reader stopped here
      help: mend the line, or, if this is no access file, name it under `exclude:` of the root file
    unknown-group: `payments` is not a group of this config
      b.yaml:2:29 "payments" no group has this key
      help: define it under `groups:`, or mend a.yaml, which may define it
    "#);
}

#[test]
fn keys() {
    let loaded = root_with(
        "environmets: {}
groups:
  dev:
    member: [sam@contoso.com]
    members: []
    visibility: private
    members: []
  ops: { 4: 5, members: [] }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    unknown-key: `environmets` is not a key of a root file
      rolecall.yaml:5:1 "environmets" no such key
      help: did you mean `environments`?
    unknown-key: `member` is not a key of a group
      rolecall.yaml:8:5 "member" no such key
      help: did you mean `members`?
    unknown-key: `visibility` is not a key of a group
      rolecall.yaml:10:5 "visibility" no such key
      help: it takes `description`, `display-name`, `owners`, `members`, `absent`, `membership`, `previously`, `adopt` or `id`
    duplicate-key: the key `members` stands here twice
      rolecall.yaml:11:5 "members" written again here
      rolecall.yaml:9:5 "members" first written here
      help: keep one of the two
    unknown-key: `4` is not a key of a group
      rolecall.yaml:12:10 "4" no such key
      help: it takes `description`, `display-name`, `owners`, `members`, `absent`, `membership`, `previously`, `adopt` or `id`
    "#);
}

#[test]
fn keys_of_the_root_file_elsewhere() {
    let loaded = files(&[("rolecall.yaml", ROOT), ("teams/rolecall.yaml", ROOT)]);
    insta::assert_snapshot!(told(&loaded), @r#"
    root-only-key: `version` is about the whole config
      teams/rolecall.yaml:1:1 "version" not here
      help: move it to `rolecall.yaml`, the root file; below that file there is no other one. A folder that is a config of its own goes into `exclude`
    root-only-key: `name` is about the whole config
      teams/rolecall.yaml:2:1 "name" not here
      help: move it to `rolecall.yaml`, the root file; below that file there is no other one. A folder that is a config of its own goes into `exclude`
    root-only-key: `tenant` is about the whole config
      teams/rolecall.yaml:3:1 "tenant" not here
      help: move it to `rolecall.yaml`, the root file; below that file there is no other one. A folder that is a config of its own goes into `exclude`
    root-only-key: `appliers` is about the whole config
      teams/rolecall.yaml:4:1 "appliers" not here
      help: move it to `rolecall.yaml`, the root file; below that file there is no other one. A folder that is a config of its own goes into `exclude`
    "#);
}

#[test]
fn keys_that_are_missing() {
    let loaded = files(&[(
        "rolecall.yaml",
        "version: 2
tenant: {}
environments:
  alpha: {}
roles:
  reader:
    rules:
      - { apiGroups: [apps] }
      - { resources: [pods], verbs: [get] }
      - { resourceNames: [x], nonResourceURLs: [/metrics], verbs: [get] }
grants:
  - { groups: [] }
",
    )]);
    insta::assert_snapshot!(told(&loaded), @r#"
    missing-key: `name` is missing from this root file
      rolecall.yaml:1:1 "version" no `name` here
      help: add `name`: The config's name. It is part of every mark of ownership, so that several repositories can share a tenant and a cluster; changing it later leaves everything made under the old name behind.
    unsupported-version: version 2 of the format is not known
      rolecall.yaml:1:10 "2" this version of rolecall reads version 1
      help: write `version: 1`, or use a newer rolecall
    missing-key: `id` is missing from this tenant
      rolecall.yaml:2:1 "tenant" no `id` here
      help: add `id`: The directory (tenant) id.
    missing-key: `type` is missing from this environment
      rolecall.yaml:4:3 "alpha" no `type` here
      help: add `type`: The kind of cluster.
    missing-key: `apiGroups` needs `resources` beside it
      rolecall.yaml:8:11 "apiGroups" no `resources` with it
      help: add `resources`: What the rule is about: `pods`, `pods/log`, `*`, `*/scale`.
    missing-key: `verbs` is missing from this rule
      rolecall.yaml:8:11 "apiGroups" no `verbs` here
      help: add `verbs`: What may be done with it: `get`, `list`, `watch`, …; `*` is everything.
    one-of: a rule needs one of `resources` or `nonResourceURLs`
      rolecall.yaml:8:11 "apiGroups" none of them is here
      help: `resources`: What the rule is about: `pods`, `pods/log`, `*`, `*/scale`. `nonResourceURLs`: Paths such as `/metrics` or `/healthz/*`, for rules that are granted cluster-wide.
    missing-key: `resources` needs `apiGroups` beside it
      rolecall.yaml:9:11 "resources" no `apiGroups` with it
      help: add `apiGroups`: API groups; `""` is the core group, `*` is all.
    missing-key: `resourceNames` needs `resources` beside it
      rolecall.yaml:10:11 "resourceNames" no `resources` with it
      help: add `resources`: What the rule is about: `pods`, `pods/log`, `*`, `*/scale`.
    missing-key: `environments` is missing from this grant
      rolecall.yaml:12:7 "groups" no `environments` here
      help: add `environments`: Environments by name, or a map of labels that they must carry.
    missing-key: `roles` is missing from this grant
      rolecall.yaml:12:7 "groups" no `roles` here
      help: add `roles`: Roles of this config, by key.
    one-of: a grant needs one of `namespaces` or `cluster-wide`
      rolecall.yaml:12:7 "groups" none of them is here
      help: `namespaces`: Namespaces by name, or `labels` that are looked up live; labels never match `default` and `kube-*`. `cluster-wide`: The whole cluster.
    empty-list: `groups` is empty
      rolecall.yaml:12:15 "[]" nothing is named here
      help: name at least one, or take the key out
    "#);
}

#[test]
fn types() {
    let loaded = root_with(
        "environments:
  alpha: { type: k3s, labels: { stage: dev, tier: 1, canary: true }, context: 1.10, protected: yes, tokens: none }
  beta: [k3s]
  gamma:
groups:
  dev:
    description: 2024
    members: hayden@contoso.com
    owners:
  ops: { members: [{ guest: [a] }, [b], 12, ~] }
roles: []
grants:
  - text
  - { groups: [dev], roles: { a: b }, environments: alpha, cluster-wide: false }
  - { groups: [dev], roles: [], environments: {}, namespaces: { labels: {} } }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    wrong-type: `tier` must be a label's value, not a number
      rolecall.yaml:6:51 "1" YAML reads this as a number
      help: put it in quotes: `"1"`
    wrong-type: `canary` must be a label's value, not a flag
      rolecall.yaml:6:62 "true" YAML reads this as a flag
      help: put it in quotes: `"true"`
    wrong-type: `context` must be a kubeconfig context, not a number
      rolecall.yaml:6:79 "1.10" YAML reads this as a number
      help: put it in quotes: `"1.10"`
    wrong-type: `protected` must be `true` or `false`, not text
      rolecall.yaml:6:96 "yes" this is text
      help: YAML 1.2 has `true` and `false`, without quotes
    wrong-type: `tokens` must be a map with `groups-as`, `groups-claim`, `groups-prefix`, `users-as` or `users-prefix`, not text
      rolecall.yaml:6:109 "none" this is text
    wrong-type: `beta` must be a map with `type`, `labels`, `context`, `cluster`, `protected`, `tokens`, `unmanaged`, `allow-unmanaged` or `applier`, not a list
      rolecall.yaml:7:10 "k3s" this is a list
    wrong-type: `gamma` has no value; it must be a map with `type`, `labels`, `context`, `cluster`, `protected`, `tokens`, `unmanaged`, `allow-unmanaged` or `applier`
      rolecall.yaml:8:3 "gamma" nothing here
      help: give it a value, or take it out
    wrong-type: `description` must be a description, not a number
      rolecall.yaml:11:18 "2024" YAML reads this as a number
      help: put it in quotes: `"2024"`
    wrong-type: `members` must be a list, not text
      rolecall.yaml:12:14 "hayden@contoso.com" this is text
      help: write it as a list: `[hayden@contoso.com]`
    wrong-type: `owners` has no value; it must be a list
      rolecall.yaml:13:5 "owners" nothing here
      help: write `[]` for none, or take the key out
    wrong-type: an entry of `members` has no value; it must be a user principal name, or a map with `guest`, `group`, `group-id` or `service-principal`
      rolecall.yaml:14:10 "members" nothing here
      help: give it a value, or take it out
    wrong-type: `guest` must be a guest's mail address, not a list
      rolecall.yaml:14:30 "a" this is a list
    wrong-type: an entry of `members` must be a user principal name, or a map with `guest`, `group`, `group-id` or `service-principal`, not a list
      rolecall.yaml:14:37 "b" this is a list
    wrong-type: an entry of `members` must be a user principal name, not a number
      rolecall.yaml:14:41 "12" YAML reads this as a number
      help: put it in quotes: `"12"`
    wrong-type: `roles` must be a map from a role's key to what it is, not a list
      rolecall.yaml:15:8 "[]" this is a list
    wrong-type: an entry of `grants` must be a map with `groups`, `users`, `service-principals`, `roles`, `environments`, `namespaces`, `cluster-wide` or `replaces`, not text
      rolecall.yaml:17:5 "text" this is text
    wrong-type: `roles` must be a list, not a map
      rolecall.yaml:18:31 "a" this is a map
    wrong-type: `environments` must be a list, or a map of labels, not text
      rolecall.yaml:18:53 "alpha" this is text
    invalid-value: `cluster-wide` is only ever `true`
      rolecall.yaml:18:74 "false" `false` says nothing
      help: take the key out
    empty-list: `roles` is empty
      rolecall.yaml:19:29 "[]" nothing is named here
      help: name at least one, or take the key out
    empty-labels: `environments` names no label
      rolecall.yaml:19:33 "environments" no label here
      help: name at least one label, such as `{ stage: dev }`
    empty-labels: `labels` names no label
      rolecall.yaml:19:65 "labels" no label here
      help: name at least one label, such as `{ stage: dev }`
    "#);
}

#[test]
fn words_and_names() {
    let loaded = files(&[(
        "rolecall.yaml",
        "version: 1
name: Contoso Platform
tenant: { id: contoso.com, cloud: usgov, pim: all }
appliers: [rolecall]
environments:
  Alpha: { type: aks, cluster: '5c1e', labels: { -a: b, c: d e }, tokens: { groups-as: name } }
groups:
  payments.dev: { members: [sam, { guest: ana }, { service-principal: x }, ana_partner.example#EXT#@contoso.com] }
  ops: { display-name: \"a\\u0007b\", description: '', adopt: ops, members: [{ group-id: '1' }] }
roles:
  view: { cluster-role: a/b }
grants:
  - { groups: [payments.dev], roles: [view], environments: [Alpha], namespaces: [Trinity, a_b] }
",
    )]);
    insta::assert_snapshot!(told(&loaded), @r#"
    invalid-name: `Contoso Platform` is not the name of a config
      rolecall.yaml:2:7 "Contoso Platform" not well formed
      help: use lower-case letters, digits, `-` and `_`, with a letter or digit at both ends
    invalid-name: `contoso.com` is not a tenant id
      rolecall.yaml:3:15 "contoso.com" not well formed
      help: it is not an id of the form 00000000-0000-0000-0000-000000000000
    invalid-value: `cloud` cannot be `usgov`
      rolecall.yaml:3:35 "usgov" this version does not know it
      help: use `public`, `us-government`, `us-government-dod` or `china`
    invalid-value: `pim` cannot be `all`
      rolecall.yaml:3:47 "all" this version does not know it
      help: use `none`
    invalid-name: `rolecall` is not the app (client) id of a service principal
      rolecall.yaml:4:12 "rolecall" not well formed
      help: it is not an id of the form 00000000-0000-0000-0000-000000000000
    invalid-name: `Alpha` is not an environment's name
      rolecall.yaml:6:3 "Alpha" not well formed
      help: use lower-case letters, digits, `-` and `_`, with a letter or digit at both ends
    invalid-value: `type` cannot be `aks`
      rolecall.yaml:6:18 "aks" this version does not know it
      help: use `k3s` or `kubernetes`
    invalid-name: `5c1e` is not the uid of a cluster's kube-system namespace
      rolecall.yaml:6:32 "'5c1e'" not well formed
      help: it is not an id of the form 00000000-0000-0000-0000-000000000000
    invalid-name: `-a` is not a label's key
      rolecall.yaml:6:50 "-a" not well formed
      help: Kubernetes takes no such label key
    invalid-name: `d e` is not a label's value
      rolecall.yaml:6:60 "d e" not well formed
      help: use at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, as Kubernetes does
    invalid-value: `groups-as` cannot be `name`
      rolecall.yaml:6:88 "name" this version does not know it
      help: use `object-id` or `display-name`
    invalid-name: `payments.dev` is not a group's key
      rolecall.yaml:8:3 "payments.dev" not well formed
      help: use lower-case letters, digits, `-` and `_`, with a letter or digit at both ends
    invalid-name: `sam` is not a user principal name
      rolecall.yaml:8:29 "sam" not well formed
      help: it is not of the form name@domain
    invalid-name: `ana` is not a guest's mail address
      rolecall.yaml:8:43 "ana" not well formed
      help: it is not of the form name@domain
    invalid-name: `x` is not the app (client) id of a service principal
      rolecall.yaml:8:71 "x" not well formed
      help: it is not an id of the form 00000000-0000-0000-0000-000000000000
    invalid-name: `ana_partner.example#EXT#@contoso.com` is not a user principal name
      rolecall.yaml:8:76 "ana_partner.example#EXT#@contoso.com" not well formed
      help: this is a guest: write `{ guest: … }` with their mail address
    invalid-name: `ab` is not a display name
      rolecall.yaml:9:24 "\"a\\u0007b\"" not well formed
      help: it holds control characters
    invalid-name: this is empty, not a description
      rolecall.yaml:9:49 "''" not well formed
      help: it is empty
    invalid-name: `ops` is not the object id of a group
      rolecall.yaml:9:60 "ops" not well formed
      help: it is not an id of the form 00000000-0000-0000-0000-000000000000
    invalid-name: `1` is not the object id of a group
      rolecall.yaml:9:87 "'1'" not well formed
      help: it is not an id of the form 00000000-0000-0000-0000-000000000000
    invalid-name: `a/b` is not the name of a ClusterRole
      rolecall.yaml:11:25 "a/b" not well formed
      help: the API server takes no `/` and no `%` in it
    invalid-name: `Trinity` is not a namespace
      rolecall.yaml:13:82 "Trinity" not well formed
      help: a namespace is lower-case letters, digits and `-`, with a letter or digit at both ends, at most 63
    invalid-name: `a_b` is not a namespace
      rolecall.yaml:13:91 "a_b" not well formed
      help: a namespace is lower-case letters, digits and `-`, with a letter or digit at both ends, at most 63
    "#);
}

#[test]
fn entries_that_stand_twice() {
    let loaded = root_with(
        "environments:
  alpha: { type: k3s }
groups:
  contractors: { members: [] }
  dev:
    owners: [erin@contoso.com, ERIN@contoso.com]
    members: [{ group: contractors }, { guest: ana@partner.example }, { group: contractors }, { guest: Ana@partner.example }]
roles:
  view: { cluster-role: view }
grants:
  - { groups: [dev, dev], roles: [view], environments: [alpha, alpha], namespaces: [trinity, trinity] }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    duplicate-entry: `ERIN@contoso.com` is listed twice in `owners`
      rolecall.yaml:10:32 "ERIN@contoso.com" listed again here
      rolecall.yaml:10:14 "erin@contoso.com" first listed here
      help: take one of the two out
    duplicate-entry: `group: contractors` is listed twice in `members`
      rolecall.yaml:11:71 "{ group: contractors }" listed again here
      rolecall.yaml:11:15 "{ group: contractors }" first listed here
      help: take one of the two out
    duplicate-entry: `guest: ana@partner.example` is listed twice in `members`
      rolecall.yaml:11:95 "{ guest: Ana@partner.example }" listed again here
      rolecall.yaml:11:39 "{ guest: ana@partner.example }" first listed here
      help: take one of the two out
    duplicate-entry: `dev` is listed twice in `groups`
      rolecall.yaml:15:21 "dev" listed again here
      rolecall.yaml:15:16 "dev" first listed here
      help: take one of the two out
    duplicate-entry: `alpha` is listed twice in `environments`
      rolecall.yaml:15:64 "alpha" listed again here
      rolecall.yaml:15:57 "alpha" first listed here
      help: take one of the two out
    duplicate-entry: `trinity` is listed twice in `namespaces`
      rolecall.yaml:15:94 "trinity" listed again here
      rolecall.yaml:15:85 "trinity" first listed here
      help: take one of the two out
    "#);
}

#[test]
fn names_that_are_defined_twice() {
    let loaded = files(&[
        ("rolecall.yaml", ROOT),
        ("a.yaml", "groups:\n  dev: { members: [] }\nroles:\n  view: { cluster-role: view }\n"),
        (
            "b.yaml",
            "groups:\n  dev: { members: [sam] }\nroles:\n  view: { cluster-role: edit }\n  view: { cluster-role: admin }\n",
        ),
    ]);
    insta::assert_snapshot!(told(&loaded), @r#"
    duplicate-name: the group `dev` is defined twice
      b.yaml:2:3 "dev" defined again here
      a.yaml:2:3 "dev" first defined here
      help: rename one of the two, or merge them
    invalid-name: `sam` is not a user principal name
      b.yaml:2:20 "sam" not well formed
      help: it is not of the form name@domain
    duplicate-name: the role `view` is defined twice
      b.yaml:4:3 "view" defined again here
      a.yaml:4:3 "view" first defined here
      help: rename one of the two, or merge them
    duplicate-name: the role `view` is defined twice
      b.yaml:5:3 "view" defined again here
      a.yaml:4:3 "view" first defined here
      help: rename one of the two, or merge them
    "#);
}

#[test]
fn objects_that_two_blocks_stand_for() {
    let loaded = root_with(
        "environments:
  alpha: { type: k3s, cluster: 5c1e7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }
  beta: { type: k3s, cluster: 5C1E7A3D-0b1c-4d2e-8f3a-4b5c6d7e8f90 }
groups:
  sre: { adopt: 0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }
  ops: { id: 0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }
  all: { members: [{ group-id: 0F3C7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }] }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    duplicate-id: `alpha` and `beta` stand for one object
      rolecall.yaml:7:31 "5C1E7A3D-0b1c-4d2e-8f3a-4b5c6d7e8f90" the same id again
      rolecall.yaml:6:32 "5c1e7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90" first used here
      help: keep one of the two blocks
    duplicate-id: `sre` and `ops` stand for one object
      rolecall.yaml:10:14 "0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90" the same id again
      rolecall.yaml:9:17 "0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90" first used here
      help: keep one of the two blocks
    group-by-id: this is the group `sre` of this config
      rolecall.yaml:11:32 "0F3C7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90" named by its id
      rolecall.yaml:9:17 "0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90" the same id here
      help: write `{ group: sre }`
    "#);
}

#[test]
fn an_environment_called_entra() {
    let loaded = root_with("environments:\n  entra: { type: k3s }\n");
    insta::assert_snapshot!(told(&loaded), @r#"
    reserved-name: an environment cannot be called `entra`
      rolecall.yaml:6:3 "entra" this word means the tenant
      help: choose another name: `--only entra` and addresses such as `entra/group/…` mean the tenant
    "#);
}

#[test]
fn labels_that_match_no_environment() {
    let loaded = root_with(
        "environments:
  alpha: { type: k3s, labels: { stage: dev } }
  beta: { type: k3s }
groups:
  dev: { members: [] }
roles:
  view: { cluster-role: view }
grants:
  - { groups: [dev], roles: [view], environments: { stage: prod }, cluster-wide: true }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    unmatched-labels: no environment has all of these labels
      rolecall.yaml:13:53 "stage" nothing has these labels
      help: the labels of the environments are: alpha (stage: dev); beta (none)
    "#);
}

#[test]
fn groups_that_contain_themselves() {
    let loaded = root_with(
        "groups:
  one: { members: [{ group: one }] }
  a: { members: [{ group: b }, sam@contoso.com] }
  b: { members: [{ group: c }, { group: d }] }
  c: { members: [{ group: a }] }
  d: { members: [{ group: b }] }
  e: { members: [{ group: a }, { group: d }] }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    group-cycle: the group `one` contains itself
      rolecall.yaml:6:29 "one" `one` is a member of `one`
      help: take one of these members out
    group-cycle: the group `a` contains itself: a → b → c → a
      rolecall.yaml:9:27 "a" `a` is a member of `c`
      rolecall.yaml:7:27 "b" `b` is a member of `a`
      rolecall.yaml:8:27 "c" `c` is a member of `b`
      help: take one of these members out
    group-cycle: the group `b` contains itself: b → d → b
      rolecall.yaml:10:27 "b" `b` is a member of `d`
      rolecall.yaml:8:41 "d" `d` is a member of `b`
      help: take one of these members out
    "#);
}

#[test]
fn what_is_not_managed() {
    let loaded = root_with(
        "groups:
  both: { adopt: 0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90, id: 1f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }
  external: { id: 2f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90, members: [], description: x, membership: additive }
  elsewhere: { membership: external, members: [], owners: [] }
  open: {}
  adopted: { adopt: 3f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90, membership: authoritative }
  owned: { members: [], owners: [{ group: open }, { group-id: 2f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }, {}] }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    one-of: `adopt` and `id` exclude each other in a group
      rolecall.yaml:6:11 "adopt" only one of these
      rolecall.yaml:6:56 "id" only one of these
      help: keep one: `adopt` or `id`
    unmanaged-group: `members` of this group is never changed
      rolecall.yaml:7:57 "members" has no effect
      help: a group with `id` is only referred to; use `adopt` instead of `id` to have it managed
    unmanaged-group: `description` of this group is never changed
      rolecall.yaml:7:70 "description" has no effect
      help: a group with `id` is only referred to; use `adopt` instead of `id` to have it managed
    unmanaged-group: the members of a group with `id` are never changed
      rolecall.yaml:7:98 "additive" not managed
      help: a group with `id` is only referred to; use `adopt` instead of `id` to have it managed
    unmanaged-group: `members` of this group is managed elsewhere
      rolecall.yaml:8:38 "members" has no effect
      help: with `membership: external` members and owners are managed elsewhere; take one of the two out
    unmanaged-group: `owners` of this group is managed elsewhere
      rolecall.yaml:8:51 "owners" has no effect
      help: with `membership: external` members and owners are managed elsewhere; take one of the two out
    missing-members: the group `open` does not say who its members are
      rolecall.yaml:9:3 "open" no `members` here
      help: list them under `members:`; write `members: []` for a group without members, or `membership: external` for one whose members are managed elsewhere
    missing-members: the group `adopted` does not say who its members are
      rolecall.yaml:10:3 "adopted" no `members` here
      help: list them under `members:`; write `members: []` for a group without members, or `membership: external` for one whose members are managed elsewhere
    group-as-owner: `group` cannot own a group: Entra takes users and service principals only
      rolecall.yaml:11:36 "group" not here
      help: name the people, or one of the apps
    group-as-owner: `group-id` cannot own a group: Entra takes users and service principals only
      rolecall.yaml:11:53 "group-id" not here
      help: name the people, or one of the apps
    group-by-id: this is the group `external` of this config
      rolecall.yaml:11:63 "2f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90" named by its id
      rolecall.yaml:7:19 "2f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90" the same id here
      help: write `{ group: external }`
    one-of: an owner needs one of `guest` or `service-principal`
      rolecall.yaml:11:103 "{}" none of them is here
      help: `guest`: A guest, by mail address. `service-principal`: The service principal of an app or a managed identity, by app (client) id.
    "#);
}

#[test]
fn groups_without_an_applier() {
    let loaded = files(&[
        ("rolecall.yaml", "version: 1\nname: contoso\ntenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }\n"),
        ("teams.yaml", "groups:\n  dev: { members: [] }\n"),
    ]);
    insta::assert_snapshot!(told(&loaded), @r#"
    missing-appliers: groups are created but no applier is named
      rolecall.yaml:3:1 "tenant" no applier is named here
      teams.yaml:2:3 "dev" rolecall creates this group
      help: add the app (client) ids of the identities that run apply: `appliers: [00000000-…]`; one of them becomes the first owner of each group, which is the proof that it is ours
    "#);
}

#[test]
fn a_protected_environment_that_could_be_any_cluster() {
    let loaded = root_with("environments:\n  prod: { type: k3s, protected: true }\n");
    insta::assert_snapshot!(told(&loaded), @r#"
    protected-without-cluster: the protected environment `prod` does not say which cluster it is
      rolecall.yaml:6:22 "protected" protected, but no `cluster` beside it
      help: add `cluster:` with the uid of its kube-system namespace, which the first plan prints; otherwise another cluster behind the same context would pass for it
    "#);
}

#[test]
fn a_pattern_that_cannot_be_understood() {
    let loaded = root_with("exclude: ['a/[b', charts/**]\n");
    insta::assert_snapshot!(told(&loaded), @r#"
    bad-pattern: this pattern cannot be understood: unclosed character class; missing ']'
      rolecall.yaml:5:11 "'a/[b'" excludes nothing
      help: write a path below this folder; `*` stands for part of a name, `**` for folders
    "#);
}

#[test]
fn previous_keys_and_absent_members() {
    let loaded = root_with(
        "groups:
  now: { members: [], previously: [now, other, before, before] }
  other: { members: [], previously: [before], absent: [sam@contoso.com] }
  theirs: { adopt: 5d0c1a2b-3c4d-4e5f-8a6b-7c8d9e0f1a2b, previously: [before], absent: [] }
  seen: { id: 5d0c1a2b-3c4d-4e5f-8a6b-7c8d9e0f1a2c, previously: [Bad], absent: [sam@contoso.com] }
  more: { membership: additive, members: [sam@contoso.com], absent: [SAM@contoso.com, { group: now }] }
  away: { membership: external, absent: [sam@contoso.com] }
grants:
  - { groups: [before], roles: [view], environments: [alpha], cluster-wide: true }
environments:
  alpha: { type: k3s }
roles:
  view: { cluster-role: view }
",
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    previous-key: `now` is the key of this group, not one that it had before
      rolecall.yaml:6:36 "now" its key now
      help: name the keys that it had before
    previous-key: `other` is a group of this config, so `now` cannot have been it
      rolecall.yaml:6:41 "other" a previous key here
      rolecall.yaml:7:3 "other" a group here
      help: take the block of `other` out if it was renamed, or the previous key if it was not
    duplicate-entry: `before` is listed twice in `previously`
      rolecall.yaml:6:56 "before" listed again here
      rolecall.yaml:6:48 "before" first listed here
      help: take one of the two out
    previous-key: `now` and `other` cannot both have been `before`
      rolecall.yaml:7:38 "before" named again here
      rolecall.yaml:6:48 "before" first named here
      help: one live group is one block: leave it to the one that is that group
    absent-member: an authoritative group has no `absent`: nobody but its `members` is in it
      rolecall.yaml:7:47 "absent" has no effect
      help: take `absent` out; where others may be members, write `membership: additive`
    previous-key: a group with `adopt` has no `previously`: its id tells which group it is
      rolecall.yaml:8:58 "previously" has no effect
      help: take it out; such a group may be given another key at any time
    empty-list: `absent` is empty
      rolecall.yaml:8:88 "[]" nothing is named here
      help: name at least one, or take the key out
    previous-key: a group with `id` has no `previously`: its id tells which group it is
      rolecall.yaml:9:53 "previously" has no effect
      help: take it out; such a group may be given another key at any time
    invalid-name: `Bad` is not a group's key
      rolecall.yaml:9:66 "Bad" not well formed
      help: use lower-case letters, digits, `-` and `_`, with a letter or digit at both ends
    unmanaged-group: `absent` of this group is never changed
      rolecall.yaml:9:72 "absent" has no effect
      help: a group with `id` is only referred to; use `adopt` instead of `id` to have it managed
    absent-member: `sam@contoso.com` is to be a member and to be absent
      rolecall.yaml:10:70 "SAM@contoso.com" absent here
      rolecall.yaml:10:43 "sam@contoso.com" a member here
      help: take one of the two out
    unmanaged-group: `absent` of this group is managed elsewhere
      rolecall.yaml:11:33 "absent" has no effect
      help: with `membership: external` members and owners are managed elsewhere; take one of the two out
    unknown-group: `before` is not a group of this config
      rolecall.yaml:13:16 "before" no group has this key
      help: it was renamed: write `now` (rolecall.yaml:6)
    "#);
}

#[test]
fn every_rule_has_a_case() {
    let cases = concat!(
        include_str!("delegate.rs"),
        include_str!("clusters.rs"),
        include_str!("expectations.rs"),
        include_str!("mistakes.rs"),
        include_str!("texts.rs"),
        include_str!("folders.rs")
    );
    for rule in crate::config::check::RULES {
        // The only one that no file can break: it guards against a defect of our own.
        let is_shown = cases.lines().any(|line| line.trim_start().starts_with(&format!("{}: ", rule.id)));
        assert!(is_shown || rule.id == "not-understood", "no test shows `{}`", rule.id);
    }
}

#[test]
fn a_mistyped_key_is_not_missing_as_well() {
    let loaded = files(&[
        ("rolecall.yaml", ROOT),
        (
            "grants.yaml",
            "grants:\n  - { groups: [], rols: [view], environments: [alpha], cluster-wide: true }\n  - { groups: [] }\n",
        ),
    ]);
    insta::assert_snapshot!(told(&loaded), @r#"
    empty-list: `groups` is empty
      grants.yaml:2:15 "[]" nothing is named here
      help: name at least one, or take the key out
    unknown-key: `rols` is not a key of a grant
      grants.yaml:2:19 "rols" no such key
      help: did you mean `roles`?
    unknown-environment: `alpha` is not an environment of this config
      grants.yaml:2:48 "alpha" no environment has this name
      help: define it under `environments:` in any access file
    missing-key: `environments` is missing from this grant
      grants.yaml:3:7 "groups" no `environments` here
      help: add `environments`: Environments by name, or a map of labels that they must carry.
    missing-key: `roles` is missing from this grant
      grants.yaml:3:7 "groups" no `roles` here
      help: add `roles`: Roles of this config, by key.
    one-of: a grant needs one of `namespaces` or `cluster-wide`
      grants.yaml:3:7 "groups" none of them is here
      help: `namespaces`: Namespaces by name, or `labels` that are looked up live; labels never match `default` and `kube-*`. `cluster-wide`: The whole cluster.
    empty-list: `groups` is empty
      grants.yaml:3:15 "[]" nothing is named here
      help: name at least one, or take the key out
    "#);
}
