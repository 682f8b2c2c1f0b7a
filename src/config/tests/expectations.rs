//! `expectations`: what is taken, and what is said about the rest.

use super::{ROOT, files, root_with, told};

const REST: &str = "environments:
  alpha: { type: k3s, labels: { stage: dev } }
  beta: { type: k3s, labels: { stage: dev } }
  prod: { type: k3s, labels: { stage: prod } }
groups:
  dev: { members: [] }
";

#[test]
fn everything_that_can_be_said() {
    let loaded = root_with(&format!(
        "{REST}expectations:
  - user: Hayden@contoso.com
    environments: [alpha]
    can: [list pods in trinity, get deploy/web in trinity]
    cannot: [list nodes, \"get /metrics\"]
  - {{ guest: ana@partner.example, environments: {{ stage: dev }}, only: [] }}
  - {{ service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, environments: [prod], only: [\"get * in trinity\"], can: [get pods/log in trinity] }}
  - {{ group: dev, environments: [prod], cannot: [list widgets.example.com in trinity] }}
"
    ));
    assert_eq!(told(&loaded), "");
    let config = loaded.config.unwrap();
    let said: Vec<String> = config
        .expectations
        .iter()
        .map(|each| {
            let list = |requests: &[crate::diagnostics::Located<crate::state::Request>]| {
                requests.iter().map(|request| request.value.to_string()).collect::<Vec<_>>().join(", ")
            };
            let places: Vec<&str> = each.environments.iter().map(crate::state::EnvironmentName::as_str).collect();
            let only = each.only.as_ref().map_or_else(|| "-".to_owned(), |only| format!("[{}]", list(&only.value)));
            format!(
                "{} on {}: can [{}] cannot [{}] only {only}",
                each.who.value,
                places.join(", "),
                list(&each.can),
                list(&each.cannot)
            )
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    hayden@contoso.com on alpha: can [list pods in trinity, get deployments.apps/web in trinity] cannot [list nodes across the cluster, get /metrics] only -
    guest:ana@partner.example on alpha, beta: can [] cannot [] only []
    service-principal:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d on prod: can [get pods/log in trinity] cannot [] only [get *.* in trinity]
    group:dev on prod: can [] cannot [list widgets.example.com in trinity] only -
    ");
}

#[test]
fn mistakes_are_said_at_the_word() {
    let loaded = root_with(&format!(
        "{REST}expectations:
  - {{ user: hayden@contoso.com, environments: [alfa], can: [lst pods in trinity, list pods] }}
  - {{ user: hayden@contoso.com, environments: {{ stage: test }}, cannot: [list nodes in trinity, \"get * in trinity\"] }}
  - {{ group: devs, environments: [alpha], can: [list pods of trinity, \"list secretz in trinity\"] }}
  - {{ user: hayden@contoso.com, group: dev, environments: [alpha] }}
  - {{ user: hayden, environments: [alpha], only: [list gizmos in trinity] }}
  - {{ environments: [alpha], only: [] }}
"
    ));
    assert!(loaded.config.is_none());
    insta::assert_snapshot!(told(&loaded), @r#"
    unknown-environment: `alfa` is not an environment of this config
      rolecall.yaml:12:48 "alfa" no environment has this name
      help: define it under `environments:` in any access file
    invalid-expectation: `lst` is no verb of Kubernetes
      rolecall.yaml:12:61 "lst" no such verb
      help: did you mean `list`?
    invalid-expectation: pods are in namespaces, and this does not say in which
      rolecall.yaml:12:87 "pods" no place
      help: write `list pods in NAMESPACE`, or `list pods across the cluster` for all of them
    unmatched-labels: no environment has all of these labels
      rolecall.yaml:13:49 "stage" nothing has these labels
      help: the labels of the environments are: alpha (stage: dev); beta (stage: dev); prod (stage: prod)
    invalid-expectation: nodes are in no namespace
      rolecall.yaml:13:87 "trinity" no namespace has them
      help: write `list nodes`
    invalid-expectation: `get * in trinity` would hold as soon as one thing of all that `*` stands for cannot be done
      rolecall.yaml:13:96 "\"get * in trinity\"" `*` under `cannot`
      help: name what must not be possible, one by one, or say with `only` what may be possible at most
    unknown-group: `devs` is not a group of this config
      rolecall.yaml:14:14 "devs" no group has this key
      help: did you mean `dev` (rolecall.yaml:10)?
    invalid-name: `list pods of trinity` is not a request such as `list pods in trinity`
      rolecall.yaml:14:49 "list pods of trinity" not well formed
      help: write `VERB RESOURCE in NAMESPACE`, `VERB RESOURCE across the cluster` or `VERB /PATH`, such as `list pods in trinity`; RESOURCE is `pods`, `deployments.apps`, `pods/log` or `pods/NAME`
    invalid-expectation: `secretz` is no resource of Kubernetes itself
      rolecall.yaml:14:71 "\"list secretz in trinity\"" no such resource
      help: did you mean `secrets`?
    one-of: `user` and `group` exclude each other in an expectation
      rolecall.yaml:15:7 "user" only one of these
      rolecall.yaml:15:33 "group" only one of these
      help: keep one: `user` or `group`
    one-of: an expectation needs one of `can`, `cannot` or `only`
      rolecall.yaml:15:7 "user" none of them is here
      help: `can`: What they must be able to do. `*` is every verb, or every resource of every group, as RBAC has it: only a rule that says `*` gives it. Nothing when left out. `cannot`: What they must not be able to do, each of it; without `*`. Nothing when left out. `only`: What they may be able to do at most, besides what every Kubernetes gives everybody; `[]` is nothing at all. It does not say that they can. Here `*` is any verb, or any resource. Left out, there is no such limit.
    invalid-name: `hayden` is not a user principal name
      rolecall.yaml:16:13 "hayden" not well formed
      help: it is not of the form name@domain
    unknown-to-kubernetes: `gizmos` is no resource of Kubernetes itself
      rolecall.yaml:16:56 "gizmos" asked about as it is written
      help: if it is a custom resource, write its group: `gizmos.GROUP`
    one-of: an expectation needs one of `user`, `guest`, `service-principal` or `group`
      rolecall.yaml:17:7 "environments" none of them is here
      help: `user`: Somebody, by user principal name. They need not be in any group. `guest`: A guest, by mail address. `service-principal`: The service principal of an app or a managed identity, by app (client) id. `group`: Somebody who is in this group of the config and in no other but those that it is a member of, by key.
    "#);
}

#[test]
fn a_resource_that_only_the_cluster_can_know_is_a_warning() {
    let loaded = root_with(&format!(
        "{REST}expectations:\n  - {{ user: hayden@contoso.com, environments: [alpha], cannot: [list gizmos in trinity] }}\n"
    ));
    assert!(loaded.config.is_some());
    insta::assert_snapshot!(told(&loaded), @r#"
    unknown-to-kubernetes: `gizmos` is no resource of Kubernetes itself
      rolecall.yaml:12:70 "gizmos" asked about as it is written
      help: if it is a custom resource, write its group: `gizmos.GROUP`
    "#);
}

/// Whoever is in no group, and any namespace, may be expected something of: only what is almost a name of the files is told.
#[test]
fn what_is_almost_called_like_something_of_the_files_is_a_warning() {
    let rest = "environments:
  alpha: { type: k3s }
groups:
  dev: { members: [hayden@contoso.com, { guest: ana@partner.example }], owners: [erin@contoso.com] }
roles:
  view: { cluster-role: view }
grants:
  - { groups: [dev], roles: [view], environments: [alpha], namespaces: [payments, team-a] }
";
    let loaded = root_with(&format!(
        "{rest}expectations:
  - {{ user: haydn@contoso.com, environments: [alpha], cannot: [list pods in paymnets] }}
  - {{ guest: ana@partnr.example, environments: [alpha], only: [get pods/web in defualt] }}
  - {{ user: zoe@contoso.com, environments: [alpha], only: [], cannot: [list pods in team-b, list pods in default] }}
"
    ));
    assert!(loaded.config.is_some());
    insta::assert_snapshot!(told(&loaded), @r#"
    nearly-known: `haydn@contoso.com` is in no group of the files, and somebody there is almost called so
      rolecall.yaml:14:13 "haydn@contoso.com" misspelt?
      rolecall.yaml:8:20 "hayden@contoso.com" named here
      help: did you mean `hayden@contoso.com`? If not, nothing is wrong
    nearly-known: nothing is granted in a namespace `paymnets`, and one is almost called so
      rolecall.yaml:14:77 "paymnets" misspelt?
      rolecall.yaml:12:73 "payments" named here
      help: did you mean `payments`? If not, nothing is wrong
    nearly-known: `ana@partnr.example` is in no group of the files, and somebody there is almost called so
      rolecall.yaml:15:14 "ana@partnr.example" misspelt?
      rolecall.yaml:8:40 "{ guest: ana@partner.example }" named here
      help: did you mean `ana@partner.example`? If not, nothing is wrong
    nearly-known: nothing is granted in a namespace `defualt`, and one is almost called so
      rolecall.yaml:15:80 "defualt" misspelt?
      help: did you mean `default`? If not, nothing is wrong
    "#);
}

#[test]
fn expectations_that_contradict_each_other() {
    let loaded = files(&[
        (
            "rolecall.yaml",
            &format!(
                "{ROOT}{REST}expectations:
  - {{ user: hayden@contoso.com, environments: [alpha], can: [list pods in trinity] }}
  - {{ user: hayden@contoso.com, environments: [prod], cannot: [list pods in trinity] }}
  - {{ user: sam@contoso.com, environments: [alpha], cannot: [list pods in trinity] }}
  - {{ group: dev, environments: [prod], can: [get pods across the cluster], cannot: [get pods/web in default] }}
  - {{ user: erin@contoso.com, environments: [beta, prod], only: [list pods in trinity] }}
"
            ),
        ),
        (
            "team.yaml",
            "expectations:
  - { user: Hayden@contoso.com, environments: { stage: dev }, cannot: [list po in trinity, list pods in default] }
  - { user: erin@contoso.com, environments: [prod], can: [list pods in trinity, list secrets in trinity] }
",
        ),
    ]);
    assert!(loaded.config.is_none());
    insta::assert_snapshot!(told(&loaded), @r#"
    contradiction: `group:dev` cannot `get pods/web in default` on prod, but whoever can `get pods across the cluster` can do that too
      rolecall.yaml:15:86 "get pods/web in default" cannot here
      rolecall.yaml:15:47 "get pods across the cluster" can here
      help: take one of the two out
    contradiction: `hayden@contoso.com` can and cannot `list pods in trinity` on alpha
      team.yaml:2:72 "list po in trinity" cannot here
      rolecall.yaml:12:62 "list pods in trinity" can here
      help: take one of the two out
    contradiction: `erin@contoso.com` can `list secrets in trinity` on prod, which lies beyond `only`
      team.yaml:3:81 "list secrets in trinity" can here
      rolecall.yaml:16:59 "only" and nothing beyond this
      help: add it to `only`, or take it out of `can`
    "#);
}

#[test]
fn a_delegated_file_may_expect_what_it_likes() {
    let loaded = files(&[
        ("rolecall.yaml", &format!("{ROOT}delegate:\n  - {{ files: [teams/**], groups: [web-*] }}\n{REST}")),
        (
            "teams/web.yaml",
            "groups:\n  web-devs: { members: [] }\nexpectations:\n  - { group: dev, environments: [prod], cannot: [list secrets in web] }\n",
        ),
        ("other.yaml", "expectations:\n  - { group: dev, environments: [prod], cannot: [list secrets in web] }\n"),
    ]);
    insta::assert_snapshot!(told(&loaded), @r#"
    undelegated-file: no delegation matches this file, so it may define nothing
      other.yaml:2:7 "group" defined here
      rolecall.yaml:5:1 "delegate" what other files may define is listed here
      help: have an entry with `files: [other.yaml]` added there, or move this to a file that one matches
    "#);
}
