use super::*;
use crate::report::Context;
use crate::report::tests::{context, empty_plan, full_plan};

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(&plan_schema()).unwrap()).unwrap()
}

#[test]
fn every_plan_holds_to_the_schema() {
    let validator = validator();
    for text in [plan_v1(&full_plan(), &context()), plan_v1(&empty_plan(), &Context::default())] {
        let value = serde_json::from_str(&text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn the_schema_refuses_what_it_does_not_name() {
    let mut value: serde_json::Value = serde_json::from_str(&plan_v1(&full_plan(), &context())).unwrap();
    value["changes"][0]["after"]["secret"] = "x".into();
    assert!(!validator().is_valid(&value));
}

#[test]
fn a_plan_as_json() {
    let mut plan = full_plan();
    // One of each kind of resource is enough to read.
    plan.changes = [0, 3, 7, 9].map(|at| plan.changes[at].clone()).into();
    plan.notes.truncate(1);
    insta::assert_snapshot!(plan_v1(&plan, &context()), @r#"
    {
      "format": "rolecall-plan/1",
      "id": "7f3a",
      "would_apply": null,
      "config": "contoso-platform",
      "commit": {
        "id": "4f2c1aa000000000000000000000000000000000",
        "dirty": false
      },
      "tenant": {
        "id": "8f9f0000-0000-0000-0000-000000000001",
        "domain": "contoso.com"
      },
      "base": null,
      "snapshot": null,
      "access": {
        "counts": {
          "gain": 0,
          "lose": 0,
          "both": 0,
          "unchanged": 0,
          "owners": 0,
          "former_owners": 0,
          "masters": 0
        },
        "rows": [],
        "unseen": [],
        "waits_for_tokens": false
      },
      "changes": [
        {
          "address": "entra/group/sre",
          "environment": null,
          "action": "add",
          "cause": null,
          "origin": {
            "file": "teams/sre.yaml",
            "line": 3
          },
          "before": null,
          "after": {
            "type": "group",
            "key": "sre",
            "id": null,
            "display_name": "Site Reliability",
            "description": "Keeps the lights on, day and night, for every cluster of contoso-platform",
            "mail_nickname": null,
            "unique_name": null,
            "first_owner": "9a1b0000-0000-0000-0000-000000000001"
          },
          "requires": [],
          "refers": {},
          "cluster": null,
          "uid": null,
          "overrules": [],
          "protected": [],
          "replaced_by": []
        },
        {
          "address": "entra/group/k8s_dev_users/member/hayden@contoso.com",
          "environment": null,
          "action": "add",
          "cause": null,
          "origin": {
            "file": "teams/trinity.yaml",
            "line": 9
          },
          "before": null,
          "after": {
            "type": "member",
            "group": "k8s_dev_users",
            "group_id": "0f3c0000-0000-0000-0000-000000000001",
            "principal": "hayden@contoso.com",
            "principal_id": "7d1a0000-0000-0000-0000-000000000001",
            "kind": "user"
          },
          "requires": [],
          "refers": {},
          "cluster": null,
          "uid": null,
          "overrules": [],
          "protected": [],
          "replaced_by": []
        },
        {
          "address": "staging/clusterrole/restarter-0a1b2c3d4e",
          "environment": "staging",
          "action": "change",
          "cause": null,
          "origin": {
            "file": "rolecall.yaml",
            "line": 40
          },
          "before": {
            "type": "role",
            "namespace": null,
            "name": "restarter-0a1b2c3d4e",
            "rules": [
              {
                "apiGroups": [
                  ""
                ],
                "resources": [
                  "pods",
                  "pods/log"
                ],
                "verbs": [
                  "get"
                ],
                "resourceNames": [],
                "nonResourceURLs": []
              },
              {
                "apiGroups": [
                  "apps"
                ],
                "resources": [
                  "deployments"
                ],
                "verbs": [
                  "get",
                  "list"
                ],
                "resourceNames": [],
                "nonResourceURLs": []
              }
            ],
            "aggregate_to": []
          },
          "after": {
            "type": "role",
            "namespace": null,
            "name": "restarter-0a1b2c3d4e",
            "rules": [
              {
                "apiGroups": [
                  ""
                ],
                "resources": [
                  "pods",
                  "pods/log"
                ],
                "verbs": [
                  "get"
                ],
                "resourceNames": [],
                "nonResourceURLs": []
              },
              {
                "apiGroups": [
                  "apps"
                ],
                "resources": [
                  "deployments"
                ],
                "verbs": [
                  "get",
                  "list",
                  "patch"
                ],
                "resourceNames": [],
                "nonResourceURLs": []
              }
            ],
            "aggregate_to": []
          },
          "requires": [],
          "refers": {},
          "cluster": null,
          "uid": null,
          "overrules": [
            "kubectl-edit"
          ],
          "protected": [],
          "replaced_by": []
        },
        {
          "address": "prod/clusterrolebinding/sre-admin-77ab00ff12",
          "environment": "prod",
          "action": "add",
          "cause": null,
          "origin": {
            "file": "teams/sre.yaml",
            "line": 12
          },
          "before": null,
          "after": {
            "type": "binding",
            "namespace": null,
            "name": "sre-admin-77ab00ff12",
            "role": {
              "kind": "ClusterRole",
              "name": "cluster-admin"
            },
            "subjects": [
              {
                "kind": "Group",
                "name": null,
                "after_apply": {
                  "prefix": "oidc:",
                  "group": "sre"
                },
                "namespace": null,
                "principal": "group:sre"
              }
            ]
          },
          "requires": [
            "entra/group/sre"
          ],
          "refers": {},
          "cluster": null,
          "uid": null,
          "overrules": [],
          "protected": [
            "prod"
          ],
          "replaced_by": []
        }
      ],
      "withheld": [
        {
          "origin": {
            "file": "teams/trinity.yaml",
            "line": 10
          },
          "addresses": [
            "entra/group/k8s_dev_users/member/sma@contoso.com"
          ],
          "actions": [
            "add"
          ],
          "reason": "unknown-person",
          "message": "nobody is `sma@contoso.com`; removals in k8s_dev_users wait (did you mean sam@contoso.com?)",
          "next": "correct the name in the files, or take the entry out",
          "error": false
        },
        {
          "origin": {
            "file": "rolecall.yaml",
            "line": 21
          },
          "addresses": [],
          "actions": [],
          "reason": "ambiguous-group-name",
          "message": "two groups are called `Payments`",
          "next": null,
          "error": true
        }
      ],
      "notes": [
        {
          "kind": "disabled-person",
          "environment": null,
          "origin": {
            "file": "teams/sre.yaml",
            "line": 8
          },
          "message": "kim@contoso.com is disabled"
        }
      ],
      "unmanaged": [
        {
          "environment": "alpha",
          "address": "alpha/clusterrolebinding/hand-made-admin",
          "name": "hand-made-admin",
          "owner": "unmarked",
          "config": null,
          "role": {
            "kind": "ClusterRole",
            "name": "cluster-admin"
          },
          "role_exists": true,
          "power": null,
          "subjects": [
            {
              "kind": "User",
              "name": "root@contoso.com",
              "after_apply": null,
              "namespace": null,
              "principal": null
            }
          ],
          "standing": "reported",
          "allowed_by": null,
          "beside": []
        },
        {
          "environment": "alpha",
          "address": "alpha/rolebinding/trinity/apps-edit",
          "name": "trinity/apps-edit",
          "owner": "other-config",
          "config": "contoso-apps",
          "role": {
            "kind": "ClusterRole",
            "name": "edit"
          },
          "role_exists": true,
          "power": null,
          "subjects": [
            {
              "kind": "Group",
              "name": "0f3c0000-0000-0000-0000-000000000001",
              "after_apply": null,
              "namespace": null,
              "principal": "group:k8s_dev_users"
            }
          ],
          "standing": "reported",
          "allowed_by": null,
          "beside": []
        }
      ],
      "guards": [
        {
          "id": "group-deleted",
          "subject": "old-contractors",
          "message": "old-contractors would be deleted (restorable for 30 days)",
          "verdict": "refuses",
          "leaves_out": []
        },
        {
          "id": "cluster-admin-gained",
          "subject": "prod/sre",
          "message": "sre on prod",
          "verdict": "acknowledged",
          "leaves_out": []
        },
        {
          "id": "protected",
          "subject": "prod",
          "message": "1 change reaches prod, which is protected; it is left to a plan made with `plan --save FILE` and applied with `apply FILE`",
          "verdict": "leaves-out",
          "leaves_out": [
            "prod/clusterrolebinding/sre-admin-77ab00ff12"
          ]
        }
      ],
      "expectations": [],
      "preflight": [
        {
          "environment": "alpha",
          "identity": "system:serviceaccount:rolecall:applier",
          "whose": "applier",
          "verdict": "refused",
          "refusals": [
            {
              "addresses": [
                "alpha/rolebinding/trinity/k8s_dev_users-read"
              ],
              "needs": "`bind` on clusterroles/view in namespace trinity, or the rule { apiGroups: [\"\"], resources: [pods, services], verbs: [get, list] }",
              "namespaces": [
                "trinity"
              ],
              "remedy": {
                "apiGroups": [
                  "rbac.authorization.k8s.io"
                ],
                "resources": [
                  "clusterroles"
                ],
                "verbs": [
                  "bind"
                ],
                "resourceNames": [
                  "view"
                ],
                "nonResourceURLs": []
              },
              "not_held": [
                {
                  "apiGroups": [
                    ""
                  ],
                  "resources": [
                    "pods",
                    "services"
                  ],
                  "verbs": [
                    "get",
                    "list"
                  ],
                  "resourceNames": [],
                  "nonResourceURLs": []
                }
              ]
            }
          ],
          "why": null,
          "next": null,
          "unchecked": []
        },
        {
          "environment": "prod",
          "identity": "reader",
          "whose": "planner",
          "verdict": "unchecked",
          "refusals": [],
          "why": "`reader`, who plans, may write none of this",
          "next": "say who applies",
          "unchecked": [
            {
              "addresses": [
                "prod/clusterrolebinding/sre-admin-77ab00ff12"
              ],
              "why": "`reader`, who plans, may write none of this",
              "next": "say who applies"
            }
          ]
        }
      ],
      "aggregation": [],
      "unread": [
        {
          "environment": "dr",
          "failure": "unreachable",
          "message": "https://dr.contoso.com:6443 did not answer within 10 s",
          "next": "check the network, or leave it out with --allow-unreachable dr",
          "allowed": false
        }
      ],
      "read": "part",
      "counts": {
        "add": 3,
        "change": 1,
        "remove": 0,
        "waiting": 1,
        "withheld": 1,
        "errors": 1,
        "unread": 1,
        "refusals": 1,
        "forbidden": 1,
        "left_out": 1
      },
      "compared": {
        "groups": 184,
        "environments": 3,
        "bindings": 412
      },
      "usage": {
        "graph_calls": 31,
        "graph_calls_for_others": 0,
        "graph_units": 97,
        "cluster_calls": 24,
        "throttled": 0,
        "seconds": 0.812
      }
    }
    "#);
}
