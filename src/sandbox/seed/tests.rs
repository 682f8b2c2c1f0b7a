//! What seeds say, and what they are refused for.

use super::*;

fn read(yaml: &str) -> Seed {
    serde_saphyr::from_str(yaml).unwrap()
}

const WHOLE: &str = r"
tenant: { domain: contoso.com, id: 8f9f0000-0000-4000-8000-000000000001 }
applier: { app-id: 0a1b0a1b-0000-4000-8000-000000000001, roles: [Group.Read.All] }
users:
  - { user-principal-name: hayden.reed@contoso.com }
  - { mail: ana@partner.example, guest: true, pending: true }
  - { user-principal-name: old@contoso.com, enabled: false, display-name: Old Account }
groups:
  - display-name: k8s_dev_users
    members:
      - Hayden.Reed@contoso.com
      - { guest: ana@partner.example }
      - { group: contractors }
      - { service-principal: 0a1b0a1b-0000-4000-8000-000000000007 }
    owners: [{ service-principal: 0a1b0a1b-0000-4000-8000-000000000001 }]
  - { display-name: contractors, kind: microsoft365, privileged-members: [old@contoso.com] }
service-principals:
  - { app-id: 0a1b0a1b-0000-4000-8000-000000000007, display-name: deployer }
clusters:
  alpha: { uid: 5c1e0000-0000-4000-8000-000000000001, namespaces: { trinity: { labels: { team: trinity } } } }
  beta: {}
";

#[test]
fn a_seed_file_says_everything_and_survives_being_written() {
    let seed = read(WHOLE);
    let again = serde_json::to_string(&seed).unwrap();
    assert_eq!(serde_json::from_str::<Seed>(&again).unwrap(), seed);

    let tenant = seed.plant().unwrap();
    let names = tenant.users.values().map(|user| (user.user_principal_name.as_str(), user.display_name.as_str()));
    let names = names.collect::<BTreeMap<_, _>>();
    assert_eq!(names["hayden.reed@contoso.com"], "Hayden Reed");
    assert_eq!(names["ana_partner.example#EXT#@contoso.com"], "Ana");
    let group = tenant.groups.values().find(|group| group.display_name == "k8s_dev_users").unwrap();
    assert_eq!((group.members.len(), group.owners.len()), (4, 1));
    assert_eq!(tenant.privileged.len(), 1);
    assert_eq!(tenant.apps.values().next().unwrap().roles.len(), 1);
}

#[test]
fn ids_follow_from_names() {
    let yaml = "{tenant: {domain: contoso.com}, users: [{user-principal-name: a@contoso.com}]}";
    let first = read(yaml).plant().unwrap();
    let second = read(yaml).plant().unwrap();
    assert_eq!(first.users.keys().collect::<Vec<_>>(), second.users.keys().collect::<Vec<_>>());
    assert_ne!(first.signing_key, second.signing_key);
    let other = read("{tenant: {domain: fabrikam.com}, users: [{user-principal-name: a@contoso.com}]}");
    assert_ne!(first.users.keys().collect::<Vec<_>>(), other.plant().unwrap().users.keys().collect::<Vec<_>>());
}

#[test]
fn what_a_seed_file_cannot_say_is_refused() {
    let mut said = Vec::new();
    for (wrong, right) in [
        ("domain: contoso.com,", "domain: contoso.com, region: eu,"),
        ("user-principal-name: hayden", "upn: hayden"),
        ("{ guest: ana", "{ robot: ana"),
        ("kind: microsoft365", "kind: unified"),
        ("alpha:", "Al/pha:"),
    ] {
        let error = serde_saphyr::from_str::<Seed>(&WHOLE.replace(wrong, right)).unwrap_err();
        said.push(error.to_string().lines().next().unwrap_or_default().to_owned());
    }
    insta::assert_snapshot!(said.join("\n"), @"
    error: line 2 column 32: unknown field `region`, expected one of id, domain
    error: line 5 column 7: unknown field `upn`, expected one of user-principal-name, display-name, mail, guest, pending, enabled, id
    error: line 12 column 11: unknown field `robot`, expected one of guest, group, service-principal
    error: line 16 column 40: unknown variant `unified`, expected one of security, microsoft365, dynamic, mail-enabled-security, distribution, synced
    error: line 20 column 3: use lower-case letters, digits, `-` and `_`, with a letter or digit at both ends
    ");
}

#[test]
fn a_seed_that_contradicts_itself_is_refused() {
    let mut said = Vec::new();
    for (wrong, right) in [
        ("old@contoso.com, enabled", "HAYDEN.REED@contoso.com, enabled"),
        ("{ mail: ana@partner.example, guest: true", "{ guest: true"),
        ("{ display-name: contractors,", "{ display-name: k8s_dev_users,"),
        ("{ group: contractors }", "{ group: nobody }"),
        ("{ app-id: 0a1b0a1b-0000-4000-8000-000000000007, d", "{ app-id: 0a1b0a1b-0000-4000-8000-000000000001, d"),
    ] {
        assert!(WHOLE.contains(wrong), "{wrong}");
        said.push(read(&WHOLE.replace(wrong, right)).plant().unwrap_err().to_string());
    }
    insta::assert_snapshot!(said.join("\n"), @"
    the user HAYDEN.REED@contoso.com is in the sandbox's seed twice
    a user without user-principal-name; only guests may go without
    two objects of the sandbox's seed have the id 54d7c2d4-202b-8bdc-924d-b794d50a731d; the second is the group k8s_dev_users (groups of one name need an id each)
    the group k8s_dev_users of the sandbox's seed names the group nobody, which it does not have
    the app 0a1b0a1b-0000-4000-8000-000000000001 is in the sandbox's seed twice
    ");
}

#[test]
fn a_binding_is_of_somebody_and_somewhere() {
    let with = |binding: &str| {
        let clusters = format!(
            "beta: {{ namespaces: {{ here: {{}} }}, bindings: [{{ name: b, cluster-role: view, {binding} }}] }}"
        );
        read(&WHOLE.replace("beta: {}", &clusters)).plant().map(|_| ())
    };
    assert_eq!(with("namespace: here, subjects: [hayden.reed@contoso.com, { group: contractors }]"), Ok(()));
    let nobody = with("namespace: here, subjects: [nobody@contoso.com]").unwrap_err();
    let nowhere = with("namespace: there, subjects: [hayden.reed@contoso.com]").unwrap_err();
    insta::assert_snapshot!(format!("{nobody}\n{nowhere}"), @"
    the binding b on beta in the sandbox's seed names the user nobody@contoso.com, which it does not have
    the binding b on beta in the sandbox's seed is in the namespace there, which it does not have
    ");
}
