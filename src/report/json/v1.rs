//! Version 1 of a plan as JSON. What is published here only grows; whatever else changes becomes version 2.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::access::Access;

/// What `rolecall plan --output json` prints. `null` for an id or a subject's name means: known after apply.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A rolecall plan, version 1")]
pub(super) struct Plan {
    /// The name of this format.
    pub(super) format: Format,
    /// The plan's id.
    pub(super) id: Option<String>,
    /// The config's name.
    pub(super) config: String,
    /// The commit that the access files were read from; `null` outside git.
    pub(super) commit: Option<Commit>,
    /// The tenant.
    pub(super) tenant: Tenant,
    /// What the changes mean for people.
    pub(super) access: Access,
    /// The changes, each after those it requires.
    pub(super) changes: Vec<Change>,
    /// What the files ask for and this plan does not do.
    pub(super) withheld: Vec<Withheld>,
    /// What is worth knowing.
    pub(super) notes: Vec<Note>,
    /// Bindings on clusters that no file asks for, those that may stay included; none of an environment that ignores them.
    pub(super) unmanaged: Vec<Unmanaged>,
    /// What guards say.
    pub(super) guards: Vec<Guard>,
    /// What is expected of somebody, and whether it holds once the plan is carried out.
    pub(super) expectations: Vec<Expectation>,
    /// Whether whoever applies may write the changes, for each environment that they touch.
    pub(super) preflight: Vec<Preflight>,
    /// What changed roles do to those who have a role that takes them in: `view`, `edit`, `admin` or another.
    pub(super) aggregation: Vec<Spread>,
    /// Parts that could not be read.
    pub(super) unread: Vec<Unread>,
    /// Counts of all of the above.
    pub(super) counts: Counts,
    /// How much was compared.
    pub(super) compared: Compared,
    /// What making the plan has cost.
    pub(super) usage: Option<Usage>,
}

#[derive(Serialize, JsonSchema)]
pub(super) enum Format {
    #[serde(rename = "rolecall-plan/1")]
    V1,
}

/// What is expected of somebody on one environment.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    /// Where it stands.
    pub(super) origin: Origin,
    /// Who, as an access file names them.
    pub(super) who: String,
    /// Where.
    pub(super) environment: String,
    /// What kind of expectation it is.
    pub(super) kind: ExpectationKind,
    /// What they would do, in the words of `kubectl auth can-i`; for `only` what they may do at most.
    pub(super) requests: Vec<String>,
    /// Whether it is so.
    pub(super) verdict: ExpectationVerdict,
    /// Why it is not so, or not known.
    pub(super) why: Vec<ExpectationWhy>,
}

/// A kind of expectation.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ExpectationKind {
    Can,
    Cannot,
    Only,
}

/// Whether an expectation holds.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ExpectationVerdict {
    Holds,
    Broken,
    Unknown,
}

/// A reason.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectationWhy {
    /// In words.
    pub(super) message: String,
    /// The lines that bring it about.
    pub(super) origins: Vec<Origin>,
}

/// A git commit.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Commit {
    /// Its id.
    pub(super) id: String,
    /// Whether the access files differ from it.
    pub(super) dirty: bool,
}

/// An Entra tenant.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tenant {
    /// Its id.
    pub(super) id: String,
    /// Its domain, where it may be read.
    pub(super) domain: Option<String>,
}

/// One difference.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// Its stable address.
    pub(super) address: String,
    /// The environment; `null` is Entra.
    pub(super) environment: Option<String>,
    /// What is done.
    pub(super) action: Action,
    /// The line that asks for it.
    pub(super) origin: Option<Origin>,
    /// What is there; `null` when nothing is.
    pub(super) before: Option<Resource>,
    /// What will be there; `null` when nothing will.
    pub(super) after: Option<Resource>,
    /// Addresses of changes that are done before.
    pub(super) requires: Vec<String>,
    /// Fingerprints of what the change relies on, by what it is.
    pub(super) refers: BTreeMap<String, String>,
    /// The uid of the cluster behind the environment.
    pub(super) cluster: Option<String>,
    /// The uid of the object that is there.
    pub(super) uid: Option<String>,
    /// Other field managers whose values are taken back.
    pub(super) overrules: Vec<String>,
    /// Protected environments that it reaches.
    pub(super) protected: Vec<String>,
    /// For the removal of a binding that is not ours: addresses of those of ours that give all of its subjects the same.
    pub(super) replaced_by: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    /// It is made.
    Add,
    /// A deleted group comes back with its id, and with members and owners that cannot be read before.
    Restore,
    /// It is made to match.
    Change,
    /// It is taken away.
    Remove,
}

/// A line of an access file.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    /// The file, relative to the config's folder.
    pub(super) file: String,
    /// The line, from 1.
    pub(super) line: u32,
}

/// Anything that is changed.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Resource {
    /// A group's own properties.
    Group {
        key: String,
        id: Option<String>,
        display_name: String,
        description: Option<String>,
        mail_nickname: Option<String>,
        unique_name: Option<String>,
        /// For a group to create: the object id of its first owner.
        first_owner: Option<String>,
    },
    /// One owner of a group.
    Owner(Edge),
    /// One member of a group.
    Member(Edge),
    /// A `ClusterRole`; a `Role` where there is a namespace.
    Role {
        namespace: Option<String>,
        name: String,
        rules: Vec<Rule>,
        /// The default roles that take its rules in.
        aggregate_to: Vec<String>,
    },
    /// A `ClusterRoleBinding`; a `RoleBinding` where there is a namespace.
    Binding { namespace: Option<String>, name: String, role: RoleRef, subjects: Vec<Subject> },
}

/// One owner or member.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Edge {
    /// The group's key.
    pub(super) group: String,
    /// The group's object id.
    pub(super) group_id: Option<String>,
    /// Who, as the files spell it.
    pub(super) principal: String,
    /// Their object id.
    pub(super) principal_id: Option<String>,
    /// What kind of object they are.
    pub(super) kind: PrincipalKind,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PrincipalKind {
    User,
    Guest,
    Group,
    ServicePrincipal,
    Device,
    Contact,
    Other,
}

/// A rule, with Kubernetes' own keys.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) api_groups: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) verbs: Vec<String>,
    pub(super) resource_names: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    pub(super) non_resource_urls: Vec<String>,
}

/// The role that a binding gives.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleRef {
    pub(super) kind: RoleKind,
    pub(super) name: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) enum RoleKind {
    ClusterRole,
    Role,
}

/// Who gets a role.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Subject {
    /// `User`, `Group`, `ServiceAccount`, or whatever else a live binding holds.
    pub(super) kind: String,
    /// The name as the API server sees it.
    pub(super) name: Option<String>,
    /// For a name known after apply: what stands in front of the group's object id.
    pub(super) after_apply: Option<Promise>,
    /// For service accounts: their namespace.
    pub(super) namespace: Option<String>,
    /// Whom the name stands for, as the files spell it.
    pub(super) principal: Option<String>,
}

/// A subject's name that holds the id of a group created by this plan.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Promise {
    pub(super) prefix: String,
    /// The group's key.
    pub(super) group: String,
}

/// Something the files ask for that this plan does not do.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Withheld {
    pub(super) origin: Option<Origin>,
    pub(super) addresses: Vec<String>,
    /// What would become of each of them, in the same order.
    pub(super) actions: Vec<Action>,
    /// A stable id; docs/reference/plan-ids.md explains each.
    pub(super) reason: String,
    pub(super) message: String,
    /// Whether the run counts as failed because of it.
    pub(super) error: bool,
}

/// Something worth knowing.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// A stable id; docs/reference/plan-ids.md explains each.
    pub(super) kind: String,
    pub(super) environment: Option<String>,
    pub(super) origin: Option<Origin>,
    pub(super) message: String,
}

/// A binding on a cluster that no file asks for.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unmanaged {
    pub(super) environment: String,
    pub(super) address: String,
    /// As `allow-unmanaged` and `replaces` name it.
    pub(super) name: String,
    /// Whose it is.
    pub(super) owner: BindingOwner,
    /// The other config, where it is one's.
    pub(super) config: Option<String>,
    pub(super) role: RoleRef,
    /// Whether the role is there; a binding without one gives nothing.
    pub(super) role_exists: bool,
    /// Whether it makes its subjects masters of the whole cluster.
    pub(super) power: Option<Power>,
    /// Who gets the role, Kubernetes' own parts left out.
    pub(super) subjects: Vec<Subject>,
    pub(super) standing: Standing,
    /// The line of `allow-unmanaged` that lets it stay.
    pub(super) allowed_by: Option<Origin>,
    /// Grants that give one of its subjects the same role in the same place.
    pub(super) beside: Vec<Beside>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BindingOwner {
    /// Nobody that rolecall knows.
    Unmarked,
    /// Nobody that rolecall knows, though it carries our labels.
    LabelsOnly,
    /// Another rolecall config.
    OtherConfig,
    /// Nobody that rolecall knows, though a label or its name makes it pass for Kubernetes' own; or Kubernetes, and these
    /// subjects were added to it.
    BuiltIn,
    /// This config, no file of which asks for it; but it was given the label of Kubernetes' own, and stays until that is off.
    OursLabelled,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Power {
    /// It grants everything.
    Everything,
    /// It lets its subjects give themselves everything.
    TakesEverything,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    /// It is listed.
    Reported,
    /// It may stay.
    Allowed,
    /// `apply` refuses while it is there.
    Refused,
}

/// A grant that gives the same as a binding that is not ours.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Beside {
    /// The binding that is ours.
    pub(super) address: String,
    pub(super) origin: Origin,
    /// Whether `replaces` on that grant would take over from it.
    pub(super) replaceable: bool,
}

/// What a guard says about one subject.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Guard {
    /// Which guard: a stable id.
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) message: String,
    pub(super) verdict: Verdict,
    /// Addresses of changes that are left to a saved plan.
    pub(super) leaves_out: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// `apply` would refuse until it is acknowledged.
    Refuses,
    /// `apply` without a saved plan would leave some changes out.
    LeavesOut,
    /// It was acknowledged.
    Acknowledged,
}

/// What the API server of one environment would say to the changes there.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Preflight {
    pub(super) environment: String,
    /// Whom it is about, as the API server names them.
    pub(super) identity: String,
    /// Who that is.
    pub(super) whose: Whose,
    pub(super) verdict: Rights,
    /// What it would refuse.
    pub(super) refusals: Vec<Refusal>,
    /// For `unchecked`: why; where there are several reasons, the first.
    pub(super) why: Option<String>,
    /// For `unchecked`: what lets it be checked.
    pub(super) next: Option<String>,
    /// Changes of which nobody knows whether they would be refused, by reason.
    pub(super) unchecked: Vec<Unchecked>,
}

/// What the change of a role does to those who have a role that takes it in.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spread {
    /// The change of the role.
    pub(super) address: String,
    pub(super) effect: Effect,
    /// The roles that gain or lose: `view`, `edit`, `admin`, or others that the cluster fills.
    pub(super) roles: Vec<String>,
    /// The bindings to those, ours or not: once the plan is applied where they gain, as it is now where they lose.
    pub(super) bindings: Vec<Reached>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Effect {
    /// Rules are gained.
    Widens,
    /// Rules are lost.
    Narrows,
}

/// A binding to a default role.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reached {
    pub(super) address: String,
    pub(super) role: String,
    /// `null` is the whole cluster.
    pub(super) namespace: Option<String>,
    pub(super) subjects: Vec<Subject>,
}

/// Changes of which nobody knows whether they would be refused.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unchecked {
    /// Addresses of the changes.
    pub(super) addresses: Vec<String>,
    /// Why.
    pub(super) why: String,
    /// What lets it be checked.
    pub(super) next: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Whose {
    /// Whoever ran this, and applies it.
    Ourselves,
    /// Whoever ran this; who applies it is not known.
    Planner,
    /// The environment's `applier`.
    Applier,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rights {
    /// No change would be refused for lack of rights.
    Allowed,
    /// Some would; of others it may not be known.
    Refused,
    /// Nobody knows of some, and no other would be.
    Unchecked,
}

/// Changes that would be refused because one right is missing.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    /// Addresses of the changes.
    pub(super) addresses: Vec<String>,
    /// What is missing, in words.
    pub(super) needs: String,
    /// The namespaces in which it is missing; `null` is the whole cluster.
    pub(super) namespaces: Vec<Option<String>>,
    /// The least rule that would do.
    pub(super) remedy: Rule,
    /// The rules that are given and not held; holding all of them would do as well. Empty where that does not help.
    pub(super) not_held: Vec<Rule>,
}

/// A part that could not be read.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unread {
    /// The environment; `null` is Entra.
    pub(super) environment: Option<String>,
    /// A stable id of the kind of failure.
    pub(super) failure: String,
    pub(super) message: String,
    pub(super) next: Option<String>,
    /// Whether the run goes on without it.
    pub(super) allowed: bool,
}

/// Counts.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    pub(super) add: usize,
    pub(super) change: usize,
    pub(super) remove: usize,
    /// Without errors.
    pub(super) withheld: usize,
    pub(super) errors: usize,
    pub(super) unread: usize,
    /// Guards because of which `apply` would refuse.
    pub(super) refusals: usize,
    /// Changes that an API server would refuse for lack of rights.
    pub(super) forbidden: usize,
    /// Changes that `apply` without a saved plan would leave out.
    pub(super) left_out: usize,
}

/// How much was compared.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Compared {
    pub(super) groups: usize,
    pub(super) environments: usize,
    pub(super) bindings: usize,
}

/// What making the plan has cost.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Usage {
    pub(super) graph_calls: u64,
    /// How many of them read who is in groups that are not ours.
    pub(super) graph_calls_for_others: u64,
    /// Resource units, as Graph reports them.
    pub(super) graph_units: u64,
    pub(super) cluster_calls: u64,
    pub(super) throttled: u64,
    pub(super) seconds: f64,
}
