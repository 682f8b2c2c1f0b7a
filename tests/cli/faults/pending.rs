//! What Entra does not show in time is pending and no success; and what is planned from what it shows then does no harm.

use std::collections::BTreeSet;

use rolecall::sandbox::{Faults, Lag};

use super::place::Place;
use crate::common::Ran;

const SEED: &str = "
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users:
  - { user-principal-name: erin@contoso.com }
  - { user-principal-name: hayden@contoso.com }
  - { user-principal-name: omar@contoso.com }
  - { user-principal-name: sam@contoso.com }
clusters:
  alpha: { uid: 5c1e8a77-0f4d-4b2a-9c3e-6d7f8a9b0c1d, namespaces: { trinity: {} } }
";

const FILES: &str = "version: 1
name: contoso-platform
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments: { alpha: { type: k3s, cluster: 5c1e8a77-0f4d-4b2a-9c3e-6d7f8a9b0c1d } }
groups:
  trinity-dev: { owners: [erin@contoso.com], members: [hayden@contoso.com, omar@contoso.com] }
roles: { read-only: { cluster-role: view } }
grants:
  - { groups: [trinity-dev], roles: [read-only], environments: [alpha], namespaces: [trinity] }
";

/// Longer than any test runs.
fn lasting() -> Faults {
    Faults { lag: Some(Lag { reads: 0, ms: 3_600_000 }), ..Faults::default() }
}

/// What a person sees, without what differs from run to run.
fn screen(ran: &Ran) -> String {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    let text = format!("{}--- stderr\n{}", ran.stdout, ran.stderr);
    let journal = text.split_once("(journal ").and_then(|(_, rest)| rest.split_once(')')).map(|(path, _)| path);
    let text = journal.map_or_else(|| text.clone(), |journal| text.replace(journal, "JOURNAL"));
    let line = |line: &str| {
        // Waits have jitter, and seconds differ.
        let waited = line.strip_prefix("Waited ").and_then(|rest| rest.split_once(" s in all"));
        let footer = line.rsplit_once(", ").filter(|(start, _)| start.contains(" Graph calls ("));
        match (waited, footer) {
            (Some((_, rest)), _) => format!("Waited … s in all{rest}"),
            (None, Some((start, _))) => format!("{start}, … s"),
            (None, None) => line.to_owned(),
        }
    };
    // How often it is said that a wait goes on is up to how fast the machine is.
    let lines = text.lines().filter(|line| !(line.starts_with("Waiting for ") && line.ends_with(" s so far")));
    lines.map(line).collect::<Vec<_>>().join("\n")
}

/// Applies twice while nothing that was written shows, and looks once everything does. Meanwhile the tenant is as it was asked
/// for; the second plan asks for nothing that the first did not, and carrying it out changes nothing. Gives both screens.
fn applies_twice(place: &mut Place, files: &str) -> (String, String) {
    let mut healthy = place.again();
    healthy.world.write("access/rolecall.yaml", files);
    let (_, expected) = healthy.apply_in_peace();
    place.world.write("access/rolecall.yaml", files);
    place.begin();
    place.serve(lasting());
    let (first, first_journal) = place.apply();
    assert_eq!(first.code, 4, "{}", first.all());
    assert_eq!(place.state_meanwhile(), expected, "{}", first.all());
    let (second, second_journal) = place.apply();
    assert_eq!(second.code, 4, "{}", second.all());
    assert_eq!(place.state_meanwhile(), expected, "{}", second.all());
    let asked = |journal| Place::outcomes(journal).into_keys().collect::<BTreeSet<_>>();
    assert!(asked(&second_journal).is_subset(&asked(&first_journal)), "{}\n{}", first.all(), second.all());
    assert_eq!(place.lost_for_a_while(), Vec::<String>::new());
    place.is_in_order();
    (screen(&first), screen(&second))
}

fn applied() -> Place {
    let mut place = Place::seeded(SEED);
    place.world.write("access/rolecall.yaml", FILES);
    let _ = place.apply_in_peace();
    place
}

#[test]
fn a_new_group_that_does_not_show_is_not_made_twice_and_filled_later() {
    let mut place = Place::seeded(SEED);
    place.world.write("access/rolecall.yaml", FILES);
    place.begin();
    place.serve(lasting());
    for nth in 0..2 {
        let (ran, journal) = place.apply();
        let outcome = Place::outcomes(&journal)["entra/group/trinity-dev"].clone();
        if nth == 0 {
            assert_eq!((ran.code, outcome.as_str()), (4, "pending-replication"), "{}", ran.all());
            assert!(ran.stderr.contains("Run it again in some minutes: it finds what is done"), "{}", ran.stderr);
        } else {
            // A plan knows nothing of the first, so that it can only try to make it, and is not let.
            assert!(matches!(ran.code, 1 | 4), "{}", ran.all());
            assert!(matches!(outcome.as_str(), "failed" | "pending-replication"), "{}", ran.all());
        }
        let groups = place.state_meanwhile().into_keys().filter(|name| name.contains("group "));
        assert_eq!(groups.collect::<Vec<_>>(), ["group trinity-dev"]);
    }
    let _ = place.apply_in_peace();
    place.is_in_order();
    assert_eq!(place.lost_for_a_while(), Vec::<String>::new());
    assert_eq!(place.state()["group trinity-dev"]["members"].as_array().unwrap().len(), 2);
}

#[test]
fn somebody_who_came_and_somebody_who_went() {
    let files = FILES.replace("omar@contoso.com", "sam@contoso.com");
    let (first, second) = applies_twice(&mut applied(), &files);
    insta::assert_snapshot!(first, @"
    contoso-platform · tenant contoso.com · 1 environment

    Access: 1 person gains, 1 loses
      who               where          before  after  via
    + sam@contoso.com   alpha/trinity  -       view   trinity-dev (new member)
    - omar@contoso.com  alpha/trinity  view    -      trinity-dev (removed)
      A token that was issued before keeps its groups until it ends, about an hour: until then whoever leaves a group has
      what it gives.

    Entra
    ~ group trinity-dev (fb80…)
        + member sam@contoso.com (d4cb…)   rolecall.yaml:7
        - member omar@contoso.com (5b9e…)  not in the files

    Plan: 1 to add, 0 to change, 1 to remove, 0 withheld.
    4 Graph calls (8 units), 7 cluster calls, none throttled, … s
    --- stderr

    Applying 2 changes (journal JOURNAL)
    + entra/group/trinity-dev/member/sam@contoso.com   done
    - entra/group/trinity-dev/member/omar@contoso.com  done
    - entra/group/trinity-dev/member/omar@contoso.com  accepted, but Entra does not show it yet (pending replication)
    + entra/group/trinity-dev/member/sam@contoso.com   accepted, but Entra does not show it yet (pending replication)
    Waited … s in all for Entra to show 1 group (trinity-dev).

    2 pending. Run it again in some minutes: it finds what is done, and does only what is missing.
    ");
    insta::assert_snapshot!(second, @"
    contoso-platform · tenant contoso.com · 1 environment

    Access: 1 person gains, 1 loses
      who               where          before  after  via
    + sam@contoso.com   alpha/trinity  -       view   trinity-dev (new member)
    - omar@contoso.com  alpha/trinity  view    -      trinity-dev (removed)
      A token that was issued before keeps its groups until it ends, about an hour: until then whoever leaves a group has
      what it gives.

    Entra
    ~ group trinity-dev (fb80…)
        + member sam@contoso.com (d4cb…)   rolecall.yaml:7
        - member omar@contoso.com (5b9e…)  not in the files

    Plan: 1 to add, 0 to change, 1 to remove, 0 withheld.
    4 Graph calls (8 units), 7 cluster calls, none throttled, … s
    --- stderr

    Applying 2 changes (journal JOURNAL)
    + entra/group/trinity-dev/member/sam@contoso.com   already so
    - entra/group/trinity-dev/member/omar@contoso.com  already so
    - entra/group/trinity-dev/member/omar@contoso.com  accepted, but Entra does not show it yet (pending replication)
    + entra/group/trinity-dev/member/sam@contoso.com   accepted, but Entra does not show it yet (pending replication)
    Waited … s in all for Entra to show 1 group (trinity-dev).

    2 pending. Run it again in some minutes: it finds what is done, and does only what is missing.
    ");
}

#[test]
fn a_group_that_was_deleted() {
    let (start, end) = (FILES.find("groups:").unwrap(), FILES.find("roles:").unwrap());
    let files = format!("{}{}", &FILES[..start], &FILES[end..FILES.find("grants:").unwrap()]);
    let (first, second) = applies_twice(&mut applied(), &files);
    insta::assert_snapshot!(first, @"
    contoso-platform · tenant contoso.com · 1 environment

    Access: 2 people lose
      who                 where          before  after  via
    - hayden@contoso.com  alpha/trinity  view    -      trinity-dev (deleted)
    - omar@contoso.com    alpha/trinity  view    -      trinity-dev (deleted)

    Entra
    - group trinity-dev (fb80…)                             no longer in the files

    alpha
    - rolebinding trinity/trinity-dev-read-only-81fee5121e  no longer in the files
        group trinity-dev (fb80…) no longer may: clusterrole view

    ! empty-config: the files ask for nothing, and contoso-platform has 1 group and 1 object on clusters that would go
        acknowledged
    ! group-deleted: trinity-dev would be deleted (restorable for 30 days) with its 2 members: hayden@contoso.com (0a7f…),
          omar@contoso.com (5b9e…)
        acknowledged

    Plan: 0 to add, 0 to change, 2 to remove, 0 withheld.
    3 Graph calls (7 units), 7 cluster calls, none throttled, … s
    --- stderr

    Applying 2 changes (journal JOURNAL)
    - alpha/rolebinding/trinity/trinity-dev-read-only-81fee5121e  done
    - entra/group/trinity-dev                                     done
    - entra/group/trinity-dev                                     accepted, but Entra does not show it yet (pending
                                                                  replication)
    Waited … s in all for Entra to show 1 group (trinity-dev).

    1 done, 1 pending. Run it again in some minutes: it finds what is done, and does only what is missing.
    ");
    insta::assert_snapshot!(second, @"
    contoso-platform · tenant contoso.com · 1 environment

    Entra
    - group trinity-dev (fb80…)  no longer in the files

    ! empty-config: the files ask for nothing, and contoso-platform has 1 group and 0 objects on clusters that would go
        acknowledged
    ! group-deleted: trinity-dev would be deleted (restorable for 30 days) with its 2 members: hayden@contoso.com (0a7f…),
          omar@contoso.com (5b9e…)
        acknowledged

    Plan: 0 to add, 0 to change, 1 to remove, 0 withheld.
    3 Graph calls (7 units), 7 cluster calls, none throttled, … s
    --- stderr

    Applying 1 change (journal JOURNAL)
    - entra/group/trinity-dev  already so
    - entra/group/trinity-dev  accepted, but Entra does not show it yet (pending replication)
    Waited … s in all for Entra to show 1 group (trinity-dev).

    1 pending. Run it again in some minutes: it finds what is done, and does only what is missing.
    ");
}
