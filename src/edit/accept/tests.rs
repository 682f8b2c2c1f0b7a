//! What somebody did by hand, accepted: by the files of a small company over live systems that had them applied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proptest::prelude::*;

use super::{Accepted, Live, accept};
use crate::config::{self, File, Loaded};
use crate::desired;
use crate::plan::tests::World;
use crate::state::{Address, LiveBinding, Mark, PolicyRule, Subject};

const HEAD: &str = "# Who may do what. Ask before you touch this.
version: 1
name: contoso-platform
tenant: { id: 00000000-0000-0000-0000-00000000007e, pim: none }
appliers: [00000000-0000-0000-0000-000000000a99]
environments:
  alpha: { type: k3s, labels: { stage: dev }, cluster: 00000000-0000-0000-0000-0000000000a1 }
  beta: { type: k3s, labels: { stage: dev }, cluster: 00000000-0000-0000-0000-0000000000b1 }
groups:
  # Who builds it.
  dev:
    members: [hayden@contoso.com, sam@contoso.com]

  # Who runs it.
  ops: # in turns
    members:
      - erin@contoso.com
      - { group: dev } # they help

  audit: { members: [carol@contoso.com] }
roles:
  reader: { cluster-role: view }
  writer: { cluster-role: edit }
  restarter:
    # Whatever is needed to start something again.
    rules:
      - { apiGroups: [apps], resources: [deployments], verbs: [get, list] } # to see it
      - apiGroups: [\"\"] # core
        resources: [pods]
        verbs: [delete]
";

/// A company with these grants.
struct Company {
    loaded: Loaded,
    world: World,
    /// The ids of groups that were deleted.
    gone: Vec<String>,
}

fn read(text: &str) -> Loaded {
    config::read(PathBuf::new(), vec![File::new("rolecall.yaml", Ok(text.as_bytes().to_vec()))])
}

impl Company {
    fn new(rest: &str) -> Self {
        let loaded = read(&format!("{HEAD}{rest}"));
        let config = loaded.config.as_ref().unwrap_or_else(|| panic!("{:?}", loaded.findings));
        let world = World::settled(desired::compile(config, &loaded.sources));
        assert!(world.plan().is_without_drift());
        Self { loaded, world, gone: Vec::new() }
    }

    fn bindings(&mut self, environment: &str) -> &mut Vec<LiveBinding> {
        &mut self.world.observed.clusters.get_mut(&environment.parse().unwrap()).unwrap().as_mut().unwrap().bindings
    }

    /// The only binding in a place that starts like this.
    fn binding(&mut self, place: &str, start: &str) -> &mut LiveBinding {
        let (environment, namespace) = place.split_once('/').unwrap();
        let is_it = |live: &&mut LiveBinding| {
            live.binding.name.starts_with(start)
                && live.binding.namespace.as_ref().map_or("", |name| name.as_str()) == namespace
        };
        let mut found = self.bindings(environment).iter_mut().filter(is_it);
        let one = found.next().unwrap();
        assert!(found.next().is_none());
        one
    }

    fn delete(&mut self, place: &str, start: &str) {
        let name = self.binding(place, start).binding.name.clone();
        let (environment, namespace) = place.split_once('/').unwrap();
        self.bindings(environment).retain(|live| {
            live.binding.name != name || live.binding.namespace.as_ref().map_or("", |name| name.as_str()) != namespace
        });
    }

    fn rules(&mut self, environment: &str, change: impl Fn(&mut Vec<PolicyRule>)) {
        let cluster = self.world.observed.clusters.get_mut(&environment.parse().unwrap()).unwrap().as_mut().unwrap();
        for live in cluster.roles.iter_mut().filter(|live| live.meta.mark == Mark::Ours) {
            change(&mut live.role.rules);
            live.role.rules = PolicyRule::normalise(std::mem::take(&mut live.role.rules));
        }
    }

    fn accepted(&self) -> Accepted {
        let (plan, observed) = (self.world.plan(), self.world.answered());
        let live = Live { plan: &plan, observed: &observed, policy: &self.world.policy };
        let accepted = accept(&self.loaded.sources, &self.world.desired, &live);
        self.check(&accepted);
        accepted
    }

    fn before(&self) -> &str {
        self.loaded.sources.iter().next().map(|(_, file)| file.text.as_str()).unwrap()
    }

    /// What must be so of every patch.
    fn check(&self, accepted: &Accepted) {
        let plan = self.world.plan();
        let told: BTreeSet<&Address> =
            accepted.expressed.iter().chain(accepted.followed.keys()).chain(accepted.left.keys()).collect();
        for change in &plan.changes {
            assert!(told.contains(&change.address), "nothing is said of {}", change.address);
        }
        let Some((_, _, after)) = accepted.files.first() else {
            assert!(accepted.expressed.is_empty() && accepted.followed.is_empty());
            return;
        };
        let loaded = read(after);
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}\n{after}", loaded.findings));
        let mut then = self.world.clone();
        then.desired = desired::compile(&config, &loaded.sources);
        let next = then.plan();
        for change in &next.changes {
            assert!(!accepted.expressed.contains(&change.address), "{} is accepted\n{after}", change.address);
        }
        // Carried out, it takes from nobody and gives nobody what the files from before would not have.
        let by = |world: &World, changes: &[_]| given(&world.carried_out(changes));
        let (now, old, new) = (given(&self.world), by(&self.world, &plan.changes), by(&then, &next.changes));
        let is_gone = |has: &&String| self.gone.iter().any(|id| has.contains(id));
        assert_eq!(new.difference(&now).find(|has| !old.contains(*has)), None, "{after}");
        assert_eq!(now.difference(&new).filter(|has| !is_gone(has)).find(|has| old.contains(*has)), None, "{after}");
        // A comment goes only with what it stands behind.
        let behind: BTreeSet<&str> =
            self.before().lines().filter_map(|line| line.split_once('#')).map(|(what, _)| what.trim()).collect();
        for line in after.lines() {
            let (what, comment) = line.split_once('#').unwrap_or((line, ""));
            if !comment.is_empty() {
                assert!(self.before().contains(comment), "{line} is said by nobody\n{after}");
            } else if behind.contains(what.trim()) && !what.trim().starts_with("- {") {
                // A grant that is put in is a line like this, and may be like one that went.
                assert!(self.before().lines().any(|old| old == line), "{line} lost its comment\n{after}");
            }
        }
    }

    fn lose(&mut self, group: &str, is_for_good: bool) {
        let crate::state::SubjectName::Known(id) = self.world.called(&format!("group:{group}")).name else { return };
        self.gone.push(id);
        self.world.lose(group, is_for_good);
    }

    /// What the grants of the file are after all of it is accepted.
    fn grants(&self) -> String {
        let accepted = self.accepted();
        assert_eq!((&accepted.left, &accepted.followed), (&BTreeMap::new(), &BTreeMap::new()));
        after(&accepted, "grants:")
    }
}

/// The file from this key on.
fn after(accepted: &Accepted, from: &str) -> String {
    let (_, _, text) = accepted.files.first().unwrap();
    text.split_once(&format!("\n{from}")).unwrap_or_else(|| panic!("{text}")).1.to_owned()
}

fn only(told: &BTreeMap<Address, String>) -> (String, &str) {
    assert_eq!(told.len(), 1, "{told:?}");
    let (address, why) = told.first_key_value().unwrap();
    let address = address.to_string();
    (address.rsplit_once('-').map_or(address.clone(), |(start, _)| start.to_owned()), why)
}

/// Who has which role where.
fn given(world: &World) -> BTreeSet<String> {
    let mut given = BTreeSet::new();
    for (name, cluster) in &world.observed.clusters {
        for live in &cluster.as_ref().unwrap().bindings {
            for Subject { kind, name: subject, .. } in &live.binding.subjects {
                let (place, role) = (&live.binding.namespace, &live.binding.role);
                given.insert(format!("{name} {place:?} {role:?} {kind} {subject:?}"));
            }
        }
    }
    given
}

#[test]
fn a_deleted_binding_leaves_the_list_that_named_it() {
    let mut company = Company::new(
        "grants:
  # Reading.
  - { groups: [dev, ops], roles: [reader], environments: [alpha], namespaces: [trinity] } # both
  - groups:
      - dev
      - audit # until May
    roles: [writer]
    environments: [alpha, beta]
    namespaces: [payments]
",
    );
    company.delete("alpha/trinity", "dev-reader");
    for place in ["alpha/payments", "beta/payments"] {
        company.delete(place, "audit-writer");
    }
    assert_eq!(
        company.grants(),
        "
  # Reading.
  - { groups: [ops], roles: [reader], environments: [alpha], namespaces: [trinity] } # both
  - groups:
      - dev
    roles: [writer]
    environments: [alpha, beta]
    namespaces: [payments]
"
    );
}

#[test]
fn a_grant_of_which_nothing_is_there_goes_with_the_comment_above_it() {
    let mut company = Company::new(
        "grants:
  # Reading.
  - { groups: [dev], roles: [reader], environments: [alpha, beta], namespaces: [trinity, payments] }

  # Writing.
  - { users: [sam@contoso.com], roles: [writer], environments: [beta], cluster-wide: true }

  # The rest.
  - { groups: [ops], roles: [reader], environments: [beta], namespaces: { labels: { team: trinity } } }
",
    );
    company.delete("beta/", "sam-writer");
    assert_eq!(
        company.grants(),
        "
  # Reading.
  - { groups: [dev], roles: [reader], environments: [alpha, beta], namespaces: [trinity, payments] }

  # The rest.
  - { groups: [ops], roles: [reader], environments: [beta], namespaces: { labels: { team: trinity } } }
"
    );
    company.bindings("alpha").clear();
    company.bindings("beta").clear();
    assert_eq!(company.grants(), " []\n  # Reading.\n");
}

#[test]
fn a_grant_is_taken_apart_where_one_corner_of_it_is_gone() {
    let mut company = Company::new(
        "grants:
  - groups: [dev, ops]
    roles: [reader] # no more
    environments: [alpha, beta]
    namespaces: [trinity]
  - { groups: [audit], roles: [reader], environments: { stage: dev }, namespaces: [trinity] }
",
    );
    company.delete("beta/trinity", "dev-reader");
    assert_eq!(
        company.grants(),
        "
  - groups: [ops]
    roles: [reader] # no more
    environments: [alpha, beta]
    namespaces: [trinity]
  - { groups: [dev], roles: [reader], environments: [alpha], namespaces: [trinity] }
  - { groups: [audit], roles: [reader], environments: { stage: dev }, namespaces: [trinity] }
"
    );
    company.delete("alpha/trinity", "audit-reader");
    let accepted = company.accepted();
    let (what, why) = only(&accepted.left);
    assert_eq!(what, "alpha/rolebinding/trinity/audit-reader");
    assert_eq!(why, "a grant asks for it by labels of environments, which cannot leave one out: name them");
    assert!(after(&accepted, "grants:").contains("{ groups: [dev], roles: [reader], environments: [alpha]"));
}

#[test]
fn it_leaves_every_grant_that_gives_it() {
    let mut company = Company::new(
        "grants:
  - { groups: [dev], roles: [reader], environments: [alpha], namespaces: [trinity, payments] }
  - { groups: [dev, ops], roles: [reader], environments: [alpha], namespaces: [trinity] }
",
    );
    company.delete("alpha/trinity", "dev-reader");
    assert_eq!(
        company.grants(),
        "
  - { groups: [dev], roles: [reader], environments: [alpha], namespaces: [payments] }
  - { groups: [ops], roles: [reader], environments: [alpha], namespaces: [trinity] }
"
    );
}

#[test]
fn labels_of_namespaces_leave_none_out() {
    let grants = "grants:
  - { groups: [dev], roles: [reader], environments: [alpha], namespaces: { labels: { team: trinity } } }
  - { groups: [ops], roles: [reader], environments: [alpha], cluster-wide: true }
";
    let mut company = Company::new(grants);
    company.delete("alpha/trinity", "dev-reader");
    assert!(company.grants().starts_with("\n  - { groups: [ops]"));
    let mut company = Company::new(grants);
    let cluster = company.world.observed.clusters.get_mut(&"alpha".parse().unwrap()).unwrap().as_mut().unwrap();
    let team = cluster.namespaces[&"trinity".parse().unwrap()].clone();
    cluster.namespaces.insert("payments".parse().unwrap(), team);
    let accepted = company.accepted();
    assert!(only(&accepted.left).1.contains("labels of namespaces"));
}

#[test]
fn what_is_left_of_a_role_goes_after_the_patch_and_another_kind_of_role_is_no_acceptance() {
    let mut company = Company::new(
        "grants:
  - { groups: [dev], roles: [restarter], environments: [alpha], namespaces: [trinity, payments] }
  - { groups: [dev], roles: [restarter], environments: [beta], namespaces: [trinity] }
",
    );
    company.delete("beta/trinity", "dev-restarter");
    company.delete("alpha/payments", "dev-restarter");
    let accepted = company.accepted();
    let (what, why) = only(&accepted.followed);
    assert_eq!(
        (what.as_str(), why),
        ("beta/role/trinity/restarter", "no grant uses the role any more, and `apply` takes it away")
    );
    let (what, why) = only(&accepted.left);
    assert_eq!(what, "alpha/rolebinding/payments/dev-restarter");
    assert!(why.starts_with("what is left of its grants would make alpha/role/trinity/restarter-"), "{why}");
    assert_eq!(accepted.expressed.len(), 1);
}

#[test]
fn whoever_was_put_into_a_binding_gets_a_grant_where_the_files_can_name_them() {
    let mut company = Company::new(
        "grants:
  - { groups: [dev], roles: [reader], environments: [alpha, beta], namespaces: [trinity] }
  - { groups: [audit], roles: [reader], environments: [alpha], namespaces: [payments] } # look only
  - { groups: [dev], roles: [writer], environments: [beta], namespaces: [trinity] }
",
    );
    let added = [company.world.called("group:audit"), company.world.called("carol")];
    company.binding("alpha/trinity", "dev-reader").binding.subjects.extend(added);
    let stranger = company.world.called("group:stranger");
    company.binding("beta/trinity", "dev-reader").binding.subjects.push(stranger);
    let instead = company.world.called("sam");
    company.binding("beta/trinity", "dev-writer").binding.subjects = vec![instead];
    let accepted = company.accepted();
    assert_eq!(
        after(&accepted, "grants:"),
        "
  - { groups: [dev], roles: [reader], environments: [alpha, beta], namespaces: [trinity] }
  - { groups: [audit], roles: [reader], environments: [alpha], namespaces: [payments] } # look only
  - { users: [carol@contoso.com], roles: [reader], environments: [alpha], namespaces: [trinity] }
  - { groups: [audit], roles: [reader], environments: [alpha], namespaces: [trinity] }
  - { users: [sam@contoso.com], roles: [writer], environments: [beta], namespaces: [trinity] }
"
    );
    let (what, why) = only(&accepted.left);
    assert_eq!(what, "beta/rolebinding/trinity/dev-reader");
    assert!(why.contains("came to it by hand, which is no group of the files"), "{why}");
    let followed: Vec<String> = accepted.followed.keys().map(ToString::to_string).collect();
    // The two bindings that hold somebody else as well, and those that come in their place.
    assert_eq!(followed.len(), 5, "{followed:?}");
}

#[test]
fn rules_are_changed_where_they_differ_and_only_where_all_clusters_agree() {
    let grants = "grants:
  - { groups: [dev], roles: [restarter], environments: [alpha, beta], cluster-wide: true }
";
    let mut company = Company::new(grants);
    let more = |rules: &mut Vec<PolicyRule>| {
        for rule in rules.iter_mut().filter(|rule| rule.resources == ["deployments"]) {
            rule.verbs.push("patch".to_owned());
        }
        rules.push(PolicyRule {
            api_groups: vec![String::new()],
            resources: vec!["pods/log".to_owned(), "*".to_owned()],
            verbs: vec!["get".to_owned()],
            resource_names: vec!["it's".to_owned()],
            ..PolicyRule::default()
        });
    };
    company.rules("alpha", more);
    let accepted = company.accepted();
    assert_eq!(only(&accepted.left).1, "on beta the role restarter is otherwise, and the files say it once for both");
    company.rules("beta", more);
    let accepted = company.accepted();
    assert!(accepted.left.is_empty() && accepted.followed.is_empty(), "{:?}", accepted.left);
    assert_eq!(
        after(&accepted, "  restarter:"),
        format!(
            "
    # Whatever is needed to start something again.
    rules:
      - {{ apiGroups: [apps], resources: [deployments], verbs: [get, list, patch] }} # to see it
      - apiGroups: [\"\"] # core
        resources: [pods]
        verbs: [delete]
      - {{ apiGroups: [''], resources: ['*', pods/log], verbs: [get], resourceNames: ['it''s'] }}
{grants}"
        )
    );
    company.rules("beta", Vec::clear);
    let why = "the role restarter is different on alpha and beta, and the files say it once";
    let accepted = company.accepted();
    assert_eq!(accepted.left.values().map(String::as_str).collect::<Vec<_>>(), [why, why]);
    company.rules("alpha", Vec::clear);
    let accepted = company.accepted();
    let why = "nothing is left of its rules, and a role of the files has at least one";
    assert_eq!(accepted.left.values().map(String::as_str).collect::<Vec<_>>(), [why, why]);
}

#[test]
fn a_group_that_is_gone_leaves_the_files_and_all_that_names_it() {
    let grants = "grants:
  - { groups: [dev, ops], roles: [reader], environments: { stage: dev }, namespaces: [trinity] }
  - { groups: [dev], roles: [writer], environments: [beta], namespaces: [trinity] } # dev alone
";
    for is_for_good in [false, true] {
        let mut company = Company::new(grants);
        company.lose("dev", is_for_good);
        let accepted = company.accepted();
        assert!(accepted.left.is_empty(), "{:?}", accepted.left);
        assert_eq!(
            after(&accepted, "groups:"),
            "
  # Who runs it.
  ops: # in turns
    members:
      - erin@contoso.com

  audit: { members: [carol@contoso.com] }
"
            .to_owned()
                + HEAD.split_once("[carol@contoso.com] }\n").unwrap().1
                + "grants:
  - { groups: [ops], roles: [reader], environments: { stage: dev }, namespaces: [trinity] }
"
        );
        // Bindings for the id of a group that nobody has.
        assert_eq!(accepted.followed.len(), 3, "{:?}", accepted.followed);
        assert!(accepted.expressed.iter().any(|address| address.to_string() == "entra/group/dev"));
    }
    let expected =
        format!("{grants}expectations:\n  - {{ group: dev, environments: [alpha], can: [list pods in trinity] }}\n");
    let mut company = Company::new(&expected);
    company.lose("dev", false);
    let accepted = company.accepted();
    let why = accepted.left.values().next().unwrap();
    assert!(why.starts_with("the files would not hang together: ") && why.contains("(rolecall.yaml:"), "{why}");
    assert!(accepted.files.is_empty());
}

#[test]
fn a_binding_of_ours_that_no_file_asks_for_gets_its_grant_back() {
    let first = "grants:
  - { groups: [dev], roles: [reader], environments: [alpha], namespaces: [trinity] }
";
    let both =
        format!("{first}  - {{ groups: [ops], roles: [restarter], environments: [beta], namespaces: [trinity] }}\n");
    let mut company = Company::new(&both);
    company.loaded = read(&format!("{HEAD}{first}"));
    company.world.desired = desired::compile(company.loaded.config.as_ref().unwrap(), &company.loaded.sources);
    assert_eq!(company.world.plan().changes.len(), 2);
    assert_eq!(format!("grants:{}", company.grants()), both);
}

/// One thing that somebody does by hand, by numbers.
fn by_hand(company: &mut Company, what: usize, which: usize, how: usize) {
    let environment = ["alpha", "beta"][which % 2];
    let people = ["hayden", "sam", "erin", "carol", "group:dev", "group:ops", "group:stranger"];
    let somebody = company.world.called(people[how % people.len()]);
    let count = company.bindings(environment).len();
    match what % 8 {
        0 | 1 if count > 0 => {
            company.bindings(environment).remove(how % count);
        }
        2 if count > 0 => company.bindings(environment)[which % count].binding.subjects.push(somebody),
        3 if count > 0 => company.bindings(environment)[which % count].binding.subjects = vec![somebody],
        4 => {
            for environment in if which.is_multiple_of(3) { vec![environment] } else { vec!["alpha", "beta"] } {
                company.rules(environment, |rules| match how % 3 {
                    0 => rules.iter_mut().for_each(|rule| rule.verbs.push("watch".to_owned())),
                    1 => rules.truncate(1),
                    _ => rules.extend(
                        rules.last().cloned().map(|last| PolicyRule { resources: vec!["secrets".to_owned()], ..last }),
                    ),
                });
            }
        }
        5 => company.world.turn(["dev", "ops", "audit"][which % 3], ["hayden", "sam", "erin", "carol"][how % 4]),
        6 if how.is_multiple_of(2) => company.lose(["dev", "ops", "audit"][which % 3], how.is_multiple_of(4)),
        _ => {
            let cluster = company.world.observed.clusters.get_mut(&environment.parse().unwrap()).unwrap();
            let roles = &mut cluster.as_mut().unwrap().roles;
            let ours: Vec<usize> = (0..roles.len()).filter(|at| roles[*at].meta.mark == Mark::Ours).collect();
            if let Some(at) = ours.get(how % ours.len().max(1)) {
                roles.remove(*at);
            }
        }
    }
}

fn some(all: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::subsequence(all, 1..=all.len()).prop_map(|some| some.join(", "))
}

fn grant() -> impl Strategy<Value = String> {
    let environments = prop_oneof![
        4 => some(&["alpha", "beta"]).prop_map(|names| format!("[{names}]")),
        1 => Just("{ stage: dev }".to_owned()),
    ];
    let place = prop_oneof![
        4 => some(&["trinity", "payments"]).prop_map(|names| format!("namespaces: [{names}]")),
        1 => Just("namespaces: { labels: { team: trinity } }".to_owned()),
        1 => Just("cluster-wide: true".to_owned()),
    ];
    let users = proptest::option::weighted(0.3, some(&["sam@contoso.com", "carol@contoso.com"]));
    let parts = (some(&["dev", "ops", "audit"]), users, some(&["reader", "writer", "restarter"]), environments, place);
    (parts, 0..3_usize, 0..1000_u32).prop_map(|((groups, users, roles, environments, place), style, number)| {
        let users = users.map(|users| format!("users: [{users}]"));
        let rest = [
            Some(format!("groups: [{groups}]")),
            users,
            Some(format!("roles: [{roles}]")),
            Some(format!("environments: {environments}")),
            Some(place),
        ];
        let keys: Vec<String> = rest.into_iter().flatten().collect();
        match style {
            0 => format!("  - {{ {} }} # grant {number}\n", keys.join(", ")),
            1 => format!(
                "\n  # Above {number}.\n  - {} # grant {number}\n",
                keys.join(&format!(" # key {number}\n    "))
            ),
            _ => format!("  - {{ {} }}\n", keys.join(",\n      ")),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What is accepted is no difference any more, nobody comes to have what they would not have had, and nothing is passed over.
    #[test]
    fn whatever_is_done_by_hand_is_accepted_or_told(
        grants in prop::collection::vec(grant(), 1..5),
        hands in prop::collection::vec((0..8_usize, 0..12_usize, 0..12_usize), 1..6),
    ) {
        let mut company = Company::new(&format!("grants:\n{}", grants.concat()));
        for (what, which, how) in hands {
            by_hand(&mut company, what, which, how);
        }
        let _ = company.accepted();
    }
}
