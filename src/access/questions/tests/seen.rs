//! What is known and what is not, and whom a subject stands for.

use super::*;
use crate::access::questions::{Answer, Entry};
use crate::state::{Failure, FailureKind, GroupNaming, GroupSummary, Inside, Namespace};

/// Roles that each let do one thing with pods, bound to these: the binding's name, its role's, and its subject.
fn bound_to(subjects: &[(&str, &str, Subject)]) -> (Vec<LiveRole>, Vec<LiveBinding>) {
    let one = |(at, (name, role, subject)): (usize, &(&str, &str, Subject))| {
        let (mut made, mut binding) = bound(at, (0, 0, 0));
        (made.role.name, binding.binding.role.name) = ((*role).to_owned(), (*role).to_owned());
        (binding.binding.name, binding.binding.subjects) = ((*name).to_owned(), vec![subject.clone()]);
        (made, binding)
    };
    subjects.iter().enumerate().map(one).unzip()
}

fn subject(kind: SubjectKind, namespace: Option<&str>, name: &str) -> Subject {
    let namespace = namespace.map(str::to_owned);
    Subject { kind, name: SubjectName::Known(name.to_owned()), namespace, principal: None }
}

fn alpha() -> EnvironmentName {
    "alpha".parse().unwrap()
}

fn observed(
    desired: &Desired,
    tenant: Result<Tenant, Failure>,
    (roles, bindings): (Vec<LiveRole>, Vec<LiveBinding>),
) -> Observed {
    Observed {
        tenant: Some(tenant),
        clusters: BTreeMap::from([(alpha(), Ok(cluster(desired, roles, bindings)))]),
        ..Observed::default()
    }
}

fn get_pods() -> Request {
    let (verb, group, resource) = ("get".to_owned(), String::new(), "pods".to_owned());
    Request::Resource { verb, group, resource, subresource: None, namespace: None, name: None }
}

fn who_can(desired: &Desired, observed: &Observed) -> Answer {
    World::live(desired, observed, &BTreeSet::from([alpha()])).who_can(&get_pods())
}

fn entry(answer: &Answer, is_it: impl Fn(&Party) -> bool) -> &Entry {
    answer.parts[0].entries.iter().find(|entry| is_it(&entry.who)).unwrap()
}

#[test]
fn only_what_kubernetes_makes_for_itself_is_its_own() {
    let desired = desired();
    let account = |name: &str| subject(SubjectKind::ServiceAccount, Some("kube-system"), name);
    let collector = "system:controller:generic-garbage-collector";
    let bindings = [
        (collector, collector, account("generic-garbage-collector")),
        // Somebody made it and gave it such a name.
        ("system:x", "anything", account("backdoor")),
        ("system:y", "system:y", subject(SubjectKind::User, None, "system:y")),
    ];
    let mut made = bound_to(&bindings);
    for binding in &mut made.1 {
        // A label is anybody's to write, too.
        binding.meta.bootstrapping = true;
    }
    let answer = who_can(&desired, &observed(&desired, Ok(tenant(&desired, &[])), made));
    let is_account =
        |name: &'static str| move |who: &Party| matches!(who, Party::ServiceAccount { name: of, .. } if of == name);
    let own = [
        entry(&answer, is_account("generic-garbage-collector")),
        entry(&answer, is_account("backdoor")),
        entry(&answer, |who| matches!(who, Party::System(_))),
    ]
    .map(Entry::is_its_own);
    assert_eq!(own, [true, false, false]);
    assert_eq!(answer.verdict(), Some(true));
}

#[test]
fn a_service_account_is_one_however_it_is_bound() {
    let desired = desired();
    let bindings = [
        ("as-account", "one", subject(SubjectKind::ServiceAccount, Some("argocd"), "controller")),
        ("as-user", "two", subject(SubjectKind::User, None, "system:serviceaccount:argocd:controller")),
    ];
    let mut made = bound_to(&bindings);
    // Without a namespace it is of the binding's.
    let (role, mut within) = bound_to(&[("within", "three", subject(SubjectKind::ServiceAccount, None, "controller"))]);
    within[0].binding.namespace = Some("argocd".parse::<Namespace>().unwrap());
    made.0.extend(role);
    made.1.extend(within);
    let observed = observed(&desired, Ok(tenant(&desired, &[])), made);
    let world = World::live(&desired, &observed, &BTreeSet::from([alpha()]));
    let mut request = get_pods();
    if let Request::Resource { namespace, .. } = &mut request {
        *namespace = Some("argocd".parse().unwrap());
    }
    let answer = world.who_can(&request);
    let account = Party::ServiceAccount { namespace: "argocd".to_owned(), name: "controller".to_owned() };
    assert_eq!(entry(&answer, |who| *who == account).ways.len(), 3);
    assert_eq!(answer.parts[0].entries.len(), 2, "superusers besides");
}

#[test]
fn without_entra_nobody_is_told_to_be_no_one() {
    let desired = desired();
    let failure = || Failure::new(FailureKind::Unreachable, "Graph says 503");
    let nobody = observed(&desired, Err(failure()), (Vec::new(), Vec::new()));
    let answer = who_can(&desired, &nobody);
    assert_eq!((answer.verdict(), answer.is_entra_unread()), (None, true));
    let bound = bound_to(&[("ops", "one", subject(SubjectKind::Group, None, &id(100).to_string()))]);
    let answer = who_can(&desired, &observed(&desired, Err(failure()), bound));
    let group = entry(&answer, |who| matches!(who, Party::Group(_)));
    let Party::Group(label) = &group.who else { panic!("{group:?}") };
    assert_eq!((label.id, &label.name), (Some(id(100)), &id(100).to_string()));
    // Whether anybody is in it is not known, and that Entra was not read is said once.
    assert_eq!((answer.verdict(), answer.unseen.len()), (None, 1));
    // What a service account may do needs no Entra.
    let world = World::live(&desired, &nobody, &BTreeSet::from([alpha()]));
    let account = super::super::Asker::ServiceAccount { namespace: "argocd".to_owned(), name: "x".to_owned() };
    assert_eq!(world.why(&account, Some(&get_pods())).verdict(), Some(false));
}

#[test]
fn a_group_whose_members_could_not_be_read_is_no_no_one() {
    let desired = desired();
    let bound = || bound_to(&[("ops", "one", subject(SubjectKind::Group, None, &id(777).to_string()))]);
    let answered = |inside| {
        let mut observed = observed(&desired, Ok(tenant(&desired, &[])), bound());
        observed.of_groups.inside = BTreeMap::from([(id(777), inside)]);
        observed
    };
    let unreadable = answered(Inside::Unreadable("403".to_owned()));
    let answer = who_can(&desired, &unreadable);
    assert_eq!((answer.verdict(), answer.parts[0].unread.len(), answer.unseen.len()), (None, 1, 1));
    let group = entry(&answer, |who| matches!(who, Party::Group(_)));
    assert_eq!(group.ways.len(), 1);
    let world = World::live(&desired, &unreadable, &BTreeSet::from([alpha()]));
    let why = world.why(&super::super::Asker::Person(Who::Id(id(1))), Some(&get_pods()));
    assert_eq!((why.verdict(), why.parts[0].unread.len()), (None, 1));
    // In a group that is not there is nobody.
    let answer = who_can(&desired, &answered(Inside::Missing));
    assert_eq!((answer.verdict(), answer.parts[0].entries.len()), (Some(false), 1));
}

#[test]
fn a_group_of_others_is_called_by_its_name_where_that_was_read_and_else_by_its_id() {
    let desired = desired();
    let mut tenant = tenant(&desired, &[BTreeSet::from([PEOPLE + 1])]);
    let outer = tenant.by_id.get_mut(&id(100)).unwrap().as_mut().unwrap();
    outer.members[0].display_name = Some("Platform".into());
    let subjects = [(101, "named"), (102, "nameless")]
        .map(|(number, name)| (name, name, subject(SubjectKind::Group, None, &id(number).to_string())));
    let mut observed = observed(&desired, Ok(tenant), bound_to(&subjects));
    observed.of_groups.inside =
        BTreeMap::from([101, 102].map(|number| (id(number), Inside::Read(vec![person(number - 100)]))));
    let answer = who_can(&desired, &observed);
    let steps = answer.parts[0].entries.iter().flat_map(|entry| &entry.ways).flat_map(|way| &way.steps);
    let names: Vec<&str> = steps.map(|step| step.group.name.as_str()).collect();
    assert_eq!(names, ["Platform", &id(102).to_string()]);
}

#[test]
fn what_an_owner_could_have_is_told_of_them() {
    let desired = desired();
    let mut tenant = tenant(&desired, &[BTreeSet::from([1]), BTreeSet::from([2, PEOPLE])]);
    let inner = tenant.by_id.get_mut(&id(100)).unwrap().as_mut().unwrap();
    inner.owners = vec![person(0)];
    // The group that is owned is in the one that is bound.
    let bound = bound_to(&[("ops", "one", subject(SubjectKind::Group, None, &id(101).to_string()))]);
    let observed = observed(&desired, Ok(tenant), bound);
    let world = World::live(&desired, &observed, &BTreeSet::from([alpha()]));
    let owner = super::super::Asker::Person(Who::Id(id(0)));
    for answer in [world.access(&owner), world.why(&owner, Some(&get_pods())), world.who_can(&get_pods())] {
        let [could] = answer.parts[0].indirect.as_slice() else { panic!("{answer:?}") };
        assert_eq!((could.who.id, could.group.id, could.ways.len()), (Some(id(0)), Some(id(100)), 1));
    }
    let member = super::super::Asker::Person(Who::Id(id(1)));
    assert!(world.access(&member).parts[0].indirect.is_empty());
    let why = world.why(&owner, Some(&get_pods()));
    assert_eq!(why.verdict(), Some(false), "they may not yet");
}

/// On a cluster that knows groups by display name, whoever is in any group of that name may.
#[test]
fn whoever_is_in_a_look_alike_may() {
    let mut desired = desired();
    desired.environments.get_mut(&alpha()).unwrap().tokens.groups = GroupNaming::DisplayName;
    let look_alike = GroupSummary {
        id: id(777),
        display_name: "g0".to_owned(),
        unique_name: None,
        kind: GroupKind::Security,
        created: None,
        owners: Vec::new(),
    };
    let answered = |inside| {
        let mut tenant = tenant(&desired, &[BTreeSet::new()]);
        tenant.by_display_name = BTreeMap::from([("g0".to_owned(), vec![look_alike.clone()])]);
        let bound = bound_to(&[("ops", "one", subject(SubjectKind::Group, None, "g0"))]);
        let mut observed = observed(&desired, Ok(tenant), bound);
        observed.of_groups.inside = BTreeMap::from([(id(777), inside)]);
        observed
    };
    let member = super::super::Asker::Person(Who::Id(id(1)));
    let read = answered(Inside::Read(vec![person(1)]));
    let answer = who_can(&desired, &read);
    let one = entry(&answer, |who| matches!(who, Party::Person(_)));
    assert_eq!((one.ways.len(), answer.verdict()), (1, Some(true)));
    let world = World::live(&desired, &read, &BTreeSet::from([alpha()]));
    assert_eq!(world.why(&member, Some(&get_pods())).verdict(), Some(true));
    let unread = answered(Inside::Unreadable("403".to_owned()));
    let answer = who_can(&desired, &unread);
    let Party::Group(label) = &entry(&answer, |who| matches!(who, Party::Group(_))).who else { panic!("{answer:?}") };
    assert_eq!((label.id, label.name.as_str(), answer.verdict()), (Some(id(777)), "g0", None));
    let world = World::live(&desired, &unread, &BTreeSet::from([alpha()]));
    assert_eq!(world.why(&member, Some(&get_pods())).verdict(), None);
}
