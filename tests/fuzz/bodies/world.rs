//! A small config, and what is asked and shown because of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use rolecall::config::{self, File, ROOT_FILE};
use rolecall::desired;
use rolecall::plan::{self, Comparison, Plan, saved};
use rolecall::report::text::Layout;
use rolecall::report::{Context, json, text};
use rolecall::state::{
    AccessQuestion, Answers, Cluster, ClusterQuery, Desired, Failure, GroupAnswers, GroupQuestion, Observed, Policy,
    Tenant, TenantId, TenantQuery,
};

use super::{is_fit_to_say, is_harmless};

/// The uid of the cluster.
pub(super) const UID: &str = "5c1e1b5e-0000-4000-8000-000000000001";
/// The app that applies.
pub(super) const APPLIER: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";

const CONFIG: &str = "
version: 1
name: contoso-platform
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev }, tokens: { groups-as: display-name } }
groups:
  sre:
    display-name: Site reliability
    owners: [erin@contoso.com]
    members: [hayden@contoso.com, { guest: ana@partner.example }, { group: outside }]
  outside: { id: 22222222-2222-4222-8222-222222222222 }
  taken: { adopt: 33333333-3333-4333-8333-333333333333, members: [erin@contoso.com], membership: authoritative }
roles:
  read-only: { cluster-role: view }
  restarter: { rules: [{ apiGroups: [apps], resources: [deployments], verbs: [get, list, patch] }] }
grants:
  - { groups: [sre, outside], roles: [read-only], environments: [alpha], namespaces: [trinity] }
  - { groups: [taken], roles: [restarter], environments: [alpha], namespaces: { labels: { team: sre } } }
  - { groups: [sre], roles: [restarter], environments: [alpha], cluster-wide: true }
";

fn wanted() -> &'static Desired {
    static WANTED: OnceLock<Desired> = OnceLock::new();
    WANTED.get_or_init(|| {
        let file = File::new(ROOT_FILE, Ok(CONFIG.as_bytes().to_vec()));
        let loaded = config::read(PathBuf::from("/access"), vec![file]);
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.findings));
        desired::compile(&config, &loaded.sources)
    })
}

fn policy() -> Policy {
    Policy::default()
}

pub(super) fn tenant_id() -> TenantId {
    wanted().tenant
}

pub(super) fn tenant_query() -> TenantQuery {
    desired::tenant_query(wanted(), &policy().only)
}

pub(super) fn cluster_query() -> ClusterQuery {
    let name = wanted().environments.keys().next().expect("the config has an environment");
    desired::cluster_query(wanted(), name)
}

pub(super) fn group_questions(tenant: &Tenant) -> Vec<GroupQuestion> {
    let observed = Observed { tenant: Some(Ok(tenant.clone())), ..Observed::default() };
    Comparison::new(wanted(), &observed, &policy()).group_questions()
}

pub(super) fn access_questions(cluster: &Cluster) -> Vec<AccessQuestion> {
    let observed = observed(None, GroupAnswers::default(), Some(Ok(cluster.clone())));
    let plan = plan::plan(wanted(), &observed, &policy());
    plan::access_questions(wanted(), &observed, &policy(), &plan.changes).into_values().flatten().collect()
}

fn observed(
    tenant: Option<Result<Tenant, Failure>>,
    of_groups: GroupAnswers,
    cluster: Option<Result<Cluster, Failure>>,
) -> Observed {
    let name = cluster_query().environment;
    let clusters: BTreeMap<_, _> = cluster.into_iter().map(|cluster| (name.clone(), cluster)).collect();
    let answers: BTreeMap<_, Answers> = BTreeMap::new();
    Observed { tenant, clusters, of_groups, answers }
}

/// Plans from what was read and shows it in every form.
pub(super) fn show(
    tenant: Option<Result<Tenant, Failure>>,
    of_groups: GroupAnswers,
    cluster: Option<Result<Cluster, Failure>>,
    confidential: &[&str],
) {
    let plan: Plan = plan::plan(wanted(), &observed(tenant, of_groups, cluster), &policy());
    for part in &plan.unread {
        is_fit_to_say(&part.failure, confidential);
    }
    let context = Context { plan_id: Some(saved::plan_id(&plan, &[], &[])), ..Context::default() };
    for width in [40, 120] {
        is_harmless("the plan as text", &text::plan(&plan, &context, Layout { width, colour: false }));
    }
    is_harmless("the plan as JSON", &json::plan_v1(&plan, &context));
}
