use super::*;

fn read(text: &str) -> String {
    match request("get", text, None) {
        Ok((request, odd)) => format!("{request} {odd:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_tables_are_sorted_and_name_nothing_twice() {
    for table in [SERVED, UNSERVED] {
        let keys: Vec<_> = table.iter().map(|row| (row.group, row.plural)).collect();
        assert!(keys.is_sorted_by(|one, next| one < next), "{keys:?}");
        for row in table {
            assert!(row.subresources.is_sorted_by(|one, next| one < next), "{row:?}");
            for name in [row.plural, row.singular].into_iter().chain(row.short.iter().copied()) {
                let others = all().filter(|other| other.group == row.group && other.is_called(name)).count();
                assert_eq!(others, 1, "{name} in {}", row.group);
            }
        }
    }
    assert!(VERBS.is_sorted() && METHODS.is_sorted());
}

#[test]
fn any_name_that_people_use_is_the_plural_of_its_group() {
    for (text, means) in [
        ("po", "get pods across the cluster []"),
        ("Pod", "get pods across the cluster []"),
        ("events", "get events across the cluster []"),
        ("events.events.k8s.io", "get events.events.k8s.io across the cluster []"),
        ("deploy", "get deployments.apps across the cluster []"),
        ("netpol.networking.k8s.io", "get networkpolicies.networking.k8s.io across the cluster []"),
        ("nodes.metrics.k8s.io", "get nodes.metrics.k8s.io across the cluster []"),
        ("*", "get *.* across the cluster []"),
        ("*.apps", "get *.apps across the cluster []"),
        (
            "widgets.example.com.",
            "get widgets.example.com across the cluster [UnknownResource { resource: \"widgets.example.com\", nearest: None }]",
        ),
    ] {
        assert_eq!(read(text), means, "{text}");
    }
}

#[test]
fn what_comes_after_a_slash_is_a_subresource_if_there_is_one_and_else_a_name() {
    for (text, means) in [
        ("pods/log", "get pods/log across the cluster []"),
        ("pods/log/web", "get pods/log/web across the cluster []"),
        ("pods/web", "get pods/web across the cluster []"),
        ("pods//log", "get pods/log across the cluster []"),
        ("pods/*", "get pods/* across the cluster []"),
        ("deploy/scale/web", "get deployments.apps/scale/web across the cluster []"),
        ("secrets/status", "get secrets/status across the cluster []"),
        ("ns/trinity", "get namespaces/trinity in trinity []"),
        ("pods/logs", "get pods/logs across the cluster [NearlySubresource { name: \"logs\", nearest: \"log\" }]"),
        ("pods/web/log", "`log` is what there is below pods, and comes before the name"),
        (
            "pods/logs/web",
            "get pods/logs/web across the cluster [UnknownSubresource { resource: \"pods\", subresource: \"logs\", nearest: Some(\"log\") }]",
        ),
        ("pods/", "`pods/` is not of the form RESOURCE[.GROUP][/SUBRESOURCE][/NAME]"),
        ("pods/log/", "`pods/log/` is not of the form RESOURCE[.GROUP][/SUBRESOURCE][/NAME]"),
        ("pods/log/a/b", "`pods/log/a/b` is not of the form RESOURCE[.GROUP][/SUBRESOURCE][/NAME]"),
        ("pods in x", "`pods in x` is not of the form RESOURCE[.GROUP][/SUBRESOURCE][/NAME]"),
        ("", "`` is not of the form RESOURCE[.GROUP][/SUBRESOURCE][/NAME]"),
        (".apps", "`.apps` is not of the form RESOURCE[.GROUP][/SUBRESOURCE][/NAME]"),
    ] {
        assert_eq!(read(text), means, "{text}");
    }
    let Ok(asked) = Asked::read("pods//log") else { panic!("a form that is known") };
    assert_eq!((asked.subresource, asked.name.as_deref()), (None, Some("log")));
}

#[test]
fn what_is_unknown_is_asked_all_the_same_with_what_it_may_have_been() {
    let odd = |verb, what| request(verb, what, None).map(|(_, odd)| odd);
    let unknown = |resource: &str, nearest: Option<&str>| {
        Ok(vec![Oddity::UnknownResource { resource: resource.to_owned(), nearest: nearest.map(str::to_owned) }])
    };
    assert_eq!(odd("get", "widgets"), unknown("widgets", None));
    assert_eq!(odd("get", "deploments"), unknown("deploments", Some("deployments.apps")));
    assert_eq!(odd("get", "deployments.extensions"), unknown("deployments.extensions", Some("deployments.apps")));
    assert_eq!(odd("get", "event.events.k8s.i"), unknown("event.events.k8s.i", Some("events")));
    let verb = |verb: &str, nearest: &str| {
        Ok(vec![Oddity::UnknownVerb { verb: verb.to_owned(), nearest: Some(nearest.to_owned()) }])
    };
    assert_eq!(odd("lst", "pods"), verb("lst", "list"));
    assert_eq!(odd("gett", "/metrics"), verb("gett", "get"));
    assert_eq!(odd("*", "*"), Ok(Vec::new()));
}

#[test]
fn a_namespace_is_only_for_what_belongs_to_one() {
    let within: Option<Namespace> = "trinity".parse().ok();
    let ask = |what| request("get", what, within.clone()).map(|(request, _)| request.to_string());
    assert_eq!(ask("pods"), Ok("get pods in trinity".to_owned()));
    assert_eq!(ask("widgets.example.com"), Ok("get widgets.example.com in trinity".to_owned()));
    assert_eq!(ask("nodes"), Err(Nonsense::NoNamespace("nodes".to_owned())));
    assert_eq!(ask("namespaces"), Err(Nonsense::NoNamespace("namespaces".to_owned())));
    assert_eq!(ask("namespaces/trinity"), Ok("get namespaces/trinity in trinity".to_owned()));
    assert!(matches!(ask("namespaces/payments"), Err(Nonsense::OtherNamespace { .. })));
    assert_eq!(ask("/metrics"), Err(Nonsense::PathInNamespace("/metrics".to_owned())));
}
