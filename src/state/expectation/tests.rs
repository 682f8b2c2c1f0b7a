use proptest::prelude::*;

use super::*;

fn said(text: &str) -> String {
    match parse(text) {
        Ok(Understood { request, remark: None }) => request.to_string(),
        Ok(Understood { request, remark: Some(remark) }) => format!("{request}, but {} ({})", remark.what, remark.help),
        Err(remark) => format!("{} [{}] ({})", remark.what, text.get(remark.at.clone()).unwrap(), remark.help),
    }
}

#[test]
fn words_are_a_request() {
    for (text, request) in [
        ("list pods in trinity", "list pods in trinity"),
        ("list po in trinity", "list pods in trinity"),
        ("get pod/web in trinity", "get pods/web in trinity"),
        ("get pods/log in trinity", "get pods/log in trinity"),
        ("get pods/log/web in trinity", "get pods/log/web in trinity"),
        ("get deployments.apps/scale/web in trinity", "get deployments.apps/scale/web in trinity"),
        ("patch deploy across the cluster", "patch deployments.apps across the cluster"),
        ("list nodes", "list nodes across the cluster"),
        ("list nodes across the cluster", "list nodes across the cluster"),
        ("list namespaces", "list namespaces across the cluster"),
        ("get ns/trinity", "get namespaces/trinity in trinity"),
        ("get namespaces/trinity in trinity", "get namespaces/trinity in trinity"),
        ("list events.events.k8s.io in trinity", "list events.events.k8s.io in trinity"),
        ("list widgets.example.com in trinity", "list widgets.example.com in trinity"),
        ("list widgets.example.com", "list widgets.example.com across the cluster"),
        ("patch widgets.example.com/scale in trinity", "patch widgets.example.com/scale in trinity"),
        (
            "bind clusterroles/cluster-admin",
            "bind clusterroles.rbac.authorization.k8s.io/cluster-admin across the cluster",
        ),
        ("impersonate users", "impersonate users across the cluster"),
        ("* * across the cluster", "* *.* across the cluster"),
        ("* *.apps in trinity", "* *.apps in trinity"),
        ("patch */scale in trinity", "patch *.*/scale in trinity"),
        ("get /healthz", "get /healthz"),
        ("* /api/*", "* /api/*"),
    ] {
        assert_eq!(said(text), request, "{text}");
    }
    let Understood { request, .. } = parse("get pods//log in trinity").unwrap();
    assert!(matches!(&request, Request::Resource { subresource: None, name: Some(name), .. } if name == "log"));
}

#[test]
fn what_cannot_be_meant_is_said_at_its_place() {
    let said: Vec<String> = [
        "list",
        "list pods on trinity",
        "list pods in Trinity",
        "lst pods in trinity",
        "LIST pods in trinity",
        "reticulate pods in trinity",
        "list Pods in trinity",
        "list secretz in trinity",
        "list gizmos in trinity",
        "list pods.apps in trinity",
        "list deployments.app in trinity",
        "list deploymnts.apps in trinity",
        "list pods",
        "* *",
        "list nodes in trinity",
        "get namespaces/trinity in payments",
        "create pods/exce in trinity",
        "get deployments.apps/web/scale in trinity",
        "get pods/lgo/web in trinity",
        "get pods/* in trinity",
        "get pods/log/web/more in trinity",
        "get pods/ in trinity",
        "list /healthz",
        "get /healthz in trinity",
    ]
    .into_iter()
    .map(said)
    .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    `list` is no request [list] (write `VERB RESOURCE in NAMESPACE`, `VERB RESOURCE across the cluster` or `VERB /PATH`, such as `list pods in trinity`; RESOURCE is `pods`, `deployments.apps`, `pods/log` or `pods/NAME`)
    `list pods on trinity` is no request [list pods on trinity] (write `VERB RESOURCE in NAMESPACE`, `VERB RESOURCE across the cluster` or `VERB /PATH`, such as `list pods in trinity`; RESOURCE is `pods`, `deployments.apps`, `pods/log` or `pods/NAME`)
    `list pods in Trinity` is no request [list pods in Trinity] (a namespace is lower-case letters, digits and `-`, with a letter or digit at both ends, at most 63)
    `lst` is no verb of Kubernetes [lst] (did you mean `list`?)
    `LIST` is no verb of Kubernetes [LIST] (did you mean `list`?)
    reticulate pods in trinity, but `reticulate` is no verb of Kubernetes (it is asked about as it is written; if it is not one of your own, mend it)
    `Pods` is not the name of a resource [Pods] (did you mean `pods`?)
    `secretz` is no resource of Kubernetes itself [secretz] (did you mean `secrets`?)
    list gizmos in trinity, but `gizmos` is no resource of Kubernetes itself (if it is a custom resource, write its group: `gizmos.GROUP`)
    `pods.apps` is no resource of Kubernetes itself [pods.apps] (did you mean `pods`?)
    `deployments.app` is no resource of Kubernetes itself [deployments.app] (did you mean `deployments.apps`?)
    `deploymnts.apps` is no resource of Kubernetes itself [deploymnts.apps] (did you mean `deployments.apps`?)
    pods are in namespaces, and this does not say in which [pods] (write `list pods in NAMESPACE`, or `list pods across the cluster` for all of them)
    `*` holds what is in namespaces, and this does not say in which [*] (write `* * in NAMESPACE`, or `* * across the cluster` for all of them)
    nodes are in no namespace [trinity] (write `list nodes`)
    namespaces are in no namespace [payments] (write `get namespaces/trinity`)
    `exce` is nothing below pods [exce] (did you mean `pods/exec`? An object of that name is `pods//exce`)
    `scale` is what there is below deployments, and comes before the name [scale] (write `deployments.apps/scale/web`)
    `lgo` is nothing below pods [lgo] (did you mean `log`?)
    `pods/*` stands for nothing: RBAC has no `*` for what is below a resource [*] (name the subresources one by one)
    `pods/log/web/more` is no resource [pods/log/web/more] (write `VERB RESOURCE in NAMESPACE`, `VERB RESOURCE across the cluster` or `VERB /PATH`, such as `list pods in trinity`; RESOURCE is `pods`, `deployments.apps`, `pods/log` or `pods/NAME`)
    `pods/` is no resource [pods/] (write `VERB RESOURCE in NAMESPACE`, `VERB RESOURCE across the cluster` or `VERB /PATH`, such as `list pods in trinity`; RESOURCE is `pods`, `deployments.apps`, `pods/log` or `pods/NAME`)
    `list` is no verb of a path [list] (the verb of a path is a method of HTTP in small letters: `get`, `post`, …)
    `/healthz` is a path, which is in no namespace [trinity] (write `get /healthz`)
    ");
}

#[test]
fn one_thing_implies_another() {
    for (first, second, implied) in [
        ("list pods across the cluster", "list pods in trinity", true),
        ("list pods in trinity", "list pods across the cluster", false),
        ("list pods in trinity", "list pods in payments", false),
        ("get pods in trinity", "get pods/web in trinity", true),
        ("get pods/web in trinity", "get pods in trinity", false),
        ("get pods in trinity", "get pods/log in trinity", false),
        ("get * in trinity", "get pods/log in trinity", true),
        ("* pods in trinity", "get pods in trinity", true),
        ("get pods in trinity", "* pods in trinity", false),
        ("get *.apps in trinity", "get pods in trinity", false),
        ("patch */scale in trinity", "patch deployments/scale in trinity", true),
        ("patch */scale in trinity", "patch deployments in trinity", false),
        ("get namespaces", "get namespaces/trinity", true),
        ("get /api/*", "get /api/v1", true),
        ("get /api", "get /api/v1", false),
        ("get /api", "get pods in trinity", false),
    ] {
        let request = |text| parse(text).unwrap().request;
        assert_eq!(implies(&request(first), &request(second)), implied, "{first} / {second}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing that is typed ends in a panic, and a remark points into the words.
    #[test]
    fn any_words_get_an_answer(text in "\\PC{0,40}|[a-z*]{1,6} [a-z*./]{1,20}( in [a-z-]{1,8}| across the cluster)?") {
        match parse(&text) {
            Ok(understood) => {
                prop_assert!(check_form(&text).is_ok());
                if let Some(remark) = understood.remark {
                    prop_assert!(text.get(remark.at).is_some());
                }
            }
            Err(remark) => prop_assert!(text.get(remark.at).is_some()),
        }
    }

    /// What is shown can be written again.
    #[test]
    fn what_is_shown_is_read_back(text in "(get|list|patch|\\*) (pods|deploy|nodes|ns|widgets.example.com|\\*)(/log|/scale|/web|/scale/web)?( in trinity| across the cluster)?") {
        if let Ok(Understood { request, .. }) = parse(&text) {
            prop_assert_eq!(parse(&request.to_string()).map(|read| read.request), Ok(request));
        }
    }
}
