//! Invented tenants: as large as asked for, the same for the same seed, and with what real ones have in them.

use std::collections::BTreeMap;

use self::people::People;
use super::faults::lot;
use super::graph::state::{Kind, derived_id};
use super::seed::{
    Seed, SeedApplier, SeedBinding, SeedCluster, SeedGroup, SeedNamespace, SeedPrincipal, SeedServicePrincipal,
};
use crate::state::{
    AppId, ConfigName, EnvironmentName, GroupKey, Namespace, PrincipalName, RoleKey, RoleKind, RoleRef, ScopeTarget,
    mark,
};

mod files;
mod people;

const DOMAIN: &str = "contoso.com";
const CONFIG: &str = "invented";
/// Groups of one team, which share a file and a namespace.
const TEAM: usize = 10;
/// Every so many groups one is nobody's in the files.
const FOREIGN: usize = 5;
const TEAMS: &[&str] = &[
    "payments", "search", "ledger", "fleet", "atlas", "harbour", "orchid", "quartz", "trinity", "vector", "willow",
    "zephyr",
];

/// What to invent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invention {
    /// How many groups.
    pub groups: usize,
    /// How many members each of them has.
    pub members: usize,
    /// Decides everything else.
    pub seed: u64,
    /// Whether what the access files ask for is there already.
    pub applied: bool,
}

/// A tenant with clusters, and access files that match it.
#[derive(Clone, Debug)]
pub struct Invented {
    /// What the sandbox starts with.
    pub seed: Seed,
    /// The access files: path below the folder, and text.
    pub files: BTreeMap<String, String>,
}

/// A group that the access files define.
struct Asked {
    key: GroupKey,
    group: SeedGroup,
    /// Keys of groups in it.
    nested: Vec<GroupKey>,
    team: usize,
}

/// What a team's groups may do, and where.
struct Grant {
    key: GroupKey,
    /// The display name of the group.
    shown: String,
    role: &'static str,
    environment: EnvironmentName,
    namespace: Namespace,
}

/// A name made of our own words is a name; should one not be, the invention leaves that part out.
fn name<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Invents.
pub fn invent(invention: Invention) -> Option<Invented> {
    let mut seed = Seed::new(DOMAIN);
    let tenant = super::graph::state::derived_uuid(&format!("invented/{}", invention.seed));
    seed.tenant.id = Some(tenant.into());
    let applier = AppId::from(super::graph::state::derived_uuid(&format!("invented/{}/applier", invention.seed)));
    seed.applier = SeedApplier { app_id: Some(applier), ..SeedApplier::default() };
    let people = People::new(invention);
    seed.users = people.users();
    let robots = (0..5).map(|number| {
        let app = super::graph::state::derived_uuid(&format!("invented/{}/robot/{number}", invention.seed));
        SeedServicePrincipal { app_id: AppId::from(app), display_name: format!("robot {number}"), id: None }
    });
    seed.service_principals = robots.collect();

    let config: ConfigName = name(CONFIG)?;
    let mut asked: Vec<Asked> = Vec::new();
    let mut outside: Vec<SeedGroup> = Vec::new();
    for number in 0..invention.groups {
        if number % FOREIGN == FOREIGN - 1 {
            outside.push(foreign(&seed, &people, invention, outside.len()));
        } else {
            let position = asked.len();
            asked.push(wanted(&seed, &people, &config, invention, position, &asked)?);
        }
    }
    let environments = environments(invention.groups)?;
    let teams = asked.last().map_or(0, |last| last.team + 1);
    let grants = asked.iter().filter_map(|asked| grant(asked, &environments)).collect::<Vec<_>>();
    for (number, environment) in environments.iter().enumerate() {
        let mut cluster = SeedCluster::default();
        for team in 0..teams {
            let labels = BTreeMap::from([("team".to_owned(), team_name(team))]);
            cluster.namespaces.insert(name(&team_name(team))?, SeedNamespace { labels });
        }
        if invention.applied {
            let here = grants.iter().filter(|grant| grant.environment == *environment);
            cluster.bindings.extend(here.filter_map(|grant| ours(grant, &config)));
        }
        cluster.bindings.extend(by_hand(&people, &outside, teams, number));
        seed.clusters.insert(environment.clone(), cluster);
    }
    let files = files::Files { seed: &seed, applier, asked: &asked, outside: &outside, grants: &grants }.texts();
    if invention.applied {
        seed.groups.extend(asked.into_iter().map(|asked| asked.group));
    }
    seed.groups.extend(outside);
    Some(Invented { seed, files })
}

fn team_name(team: usize) -> String {
    let word = TEAMS.get(team % TEAMS.len()).copied().unwrap_or("team");
    if team < TEAMS.len() { word.to_owned() } else { format!("{word}-{}", team / TEAMS.len() + 1) }
}

/// A group of the files, as it is once they are applied.
fn wanted(
    seed: &Seed,
    people: &People,
    config: &ConfigName,
    invention: Invention,
    position: usize,
    before: &[Asked],
) -> Option<Asked> {
    let team = position / TEAM;
    let kind = ["developers", "operators", "readers"].get(position % 3).copied().unwrap_or("readers");
    let key: GroupKey = name(&format!("{}-{kind}-{}", team_name(team), position % TEAM + 1))?;
    let mut members = people.some(invention.members, &format!("group/{position}"));
    let mut nested = Vec::new();
    if position % 7 == 6
        && let Some(inner) = before.last().filter(|inner| inner.team == team)
    {
        nested.push(inner.key.clone());
        members.push(SeedPrincipal::Group(inner.group.display_name.clone()));
    }
    if position % 11 == 3
        && let Some(robot) = seed.service_principals.get(position % seed.service_principals.len().max(1))
    {
        members.push(SeedPrincipal::ServicePrincipal(robot.app_id));
    }
    let display_name = match position % 9 {
        4 => format!("L'équipe {key}"),
        7 => format!("{key} (O'Neill’s · 開発)"),
        _ => key.to_string(),
    };
    let owner = people.member(lot(invention.seed, &format!("owner/{position}")) as usize);
    let group = SeedGroup {
        display_name,
        description: Some(format!("{kind} of {}, \"as agreed\"", team_name(team))),
        members,
        owners: vec![owner, SeedPrincipal::ServicePrincipal(seed.applier_app_id())],
        unique_name: Some(mark::unique_name(config, &key)),
        mail_nickname: Some(mark::mail_nickname(config, &key)),
        ..SeedGroup::default()
    };
    Some(Asked { key, group, nested, team })
}

/// A group that rolecall does not manage: one of every kind in turn.
fn foreign(seed: &Seed, people: &People, invention: Invention, number: usize) -> SeedGroup {
    let (kind, role_assignable, word) = match number % 6 {
        0 => (Kind::Dynamic, false, "Everybody in building"),
        1 => (Kind::Synced, false, "On-premises"),
        2 => (Kind::Microsoft365, false, "Project"),
        3 => (Kind::Security, true, "Administrators"),
        4 => (Kind::MailEnabledSecurity, false, "Alerts"),
        _ => (Kind::Security, false, "Someone's group"),
    };
    let display_name = format!("{word} {}", number + 1);
    SeedGroup {
        id: Some(derived_id(seed.tenant_id(), "invented-group", &display_name)),
        display_name,
        kind,
        role_assignable,
        members: people.some(invention.members, &format!("foreign/{number}")),
        owners: vec![people.member(number)],
        ..SeedGroup::default()
    }
}

/// Three stages, and more places the larger the company is.
fn environments(groups: usize) -> Option<Vec<EnvironmentName>> {
    let edges = (1..=(groups / 500).min(37)).map(|number| format!("edge-{number}"));
    let stages = ["dev", "staging", "prod"].map(str::to_owned);
    stages.into_iter().chain(edges).map(|text| name(&text)).collect()
}

fn grant(asked: &Asked, environments: &[EnvironmentName]) -> Option<Grant> {
    let role = if asked.key.as_str().contains("readers") { "read-only" } else { "edit" };
    let environment = environments.get(asked.team % environments.len().max(1))?.clone();
    let shown = asked.group.display_name.clone();
    Some(Grant { key: asked.key.clone(), shown, role, environment, namespace: name(&team_name(asked.team))? })
}

/// The cluster role behind a role of the files.
fn cluster_role(role: &str) -> &'static str {
    if role == "edit" { "edit" } else { "view" }
}

fn ours(grant: &Grant, config: &ConfigName) -> Option<SeedBinding> {
    let role: RoleKey = name(grant.role)?;
    let reference = RoleRef { kind: RoleKind::ClusterRole, name: cluster_role(grant.role).to_owned() };
    let scope = ScopeTarget::Namespace(grant.namespace.clone());
    let subject = PrincipalName::Group(grant.key.clone());
    Some(SeedBinding {
        name: mark::binding_name(config, &subject, &role, &reference, &scope),
        namespace: Some(grant.namespace.clone()),
        cluster_role: reference.name,
        subjects: vec![SeedPrincipal::Group(grant.shown.clone())],
        config: Some(config.clone()),
    })
}

/// What people made with kubectl before there was rolecall.
fn by_hand(people: &People, outside: &[SeedGroup], teams: usize, number: usize) -> Vec<SeedBinding> {
    let mut bindings = Vec::new();
    for team in (0..teams).filter(|team| team % 4 == number % 4) {
        let subject = match outside.get(team) {
            Some(group) if team % 2 == 0 => SeedPrincipal::Group(group.display_name.clone()),
            _ => people.member(team * 3 + number),
        };
        bindings.push(SeedBinding {
            name: format!("temporary-{}", team + 1),
            namespace: name(&team_name(team)),
            cluster_role: if team % 3 == 0 { "admin" } else { "edit" }.to_owned(),
            subjects: vec![subject],
            config: None,
        });
    }
    bindings.push(SeedBinding {
        name: "who-was-this".to_owned(),
        namespace: None,
        cluster_role: "view".to_owned(),
        subjects: vec![people.member(number)],
        config: None,
    });
    bindings
}
