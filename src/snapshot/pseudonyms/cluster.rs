//! Clusters.

use std::collections::{BTreeMap, BTreeSet};

use super::public::SERVICE_ACCOUNT;
use super::{Pen, time, unread};
use crate::state::{
    AccessAnswer, AccessQuestion, Answers, Applier, Binding, Cluster, DefaultRole, EnvironmentName, Expression,
    FieldWrite, LiveBinding, LiveMeta, LiveRole, Mark, Namespace, PolicyRule, RBAC, Result, Role, RoleKind, RoleRef,
    Selector, Subject, SubjectKind, SubjectName, Trace, mark,
};

const SERVICE_ACCOUNTS: &str = "system:serviceaccounts:";

/// What the names of Kubernetes' own signers start with; no other signer may have it.
const SIGNERS: &str = "kubernetes.io/";

/// Field managers that say which program wrote, and nothing about by whom.
const PROGRAMS: [&str; 19] = [
    "Go-http-client",
    "Helm",
    "argocd-controller",
    "clusterrole-aggregation-controller",
    "deploy@k3s",
    "helm",
    "k3s",
    "kube-apiserver",
    "kube-controller-manager",
    "kubectl",
    "kubectl-client-side-apply",
    "kubectl-create",
    "kubectl-edit",
    "kubectl-patch",
    "kubectl-replace",
    "rancher",
    mark::MANAGER,
    // As a reader tells the two ways apart in which rolecall's name may be written.
    "rolecall (Apply)",
    "rolecall (Update)",
];

/// Beginnings of labels that programs write, and what they mean is told by their documentation.
const LABELS: [&str; 4] =
    ["rbac.authorization.k8s.io/", "app.kubernetes.io/managed-by", "kubernetes.io/bootstrapping", mark::CONFIG_LABEL];

/// What stands for names on one cluster.
struct Of<'a, 'p> {
    pen: &'a Pen<'p>,
    environment: &'a EnvironmentName,
    users: &'a str,
    groups: &'a str,
    /// The labels that some role selects others by.
    selected: BTreeSet<&'a str>,
    namespaces: BTreeSet<&'a str>,
    cluster_roles: BTreeSet<&'a str>,
}

impl Pen<'_> {
    pub(super) fn cluster(&self, environment: &EnvironmentName, cluster: &Cluster) -> Cluster {
        let of = Of::new(self, environment, Some(cluster));
        let Cluster { config, uid, username, user_groups, namespaces, roles, bindings, pseudonymised: _ } = cluster;
        let kept = |labels: &BTreeMap<String, String>| {
            let kept = labels.iter().filter(|(label, _)| self.public.selectors.contains(*label));
            kept.map(|(label, value)| (label.clone(), self.unless_of_somebody("value", value))).collect()
        };
        let mut roles: Vec<LiveRole> = roles.iter().map(|live| of.live_role(live)).collect();
        roles.sort_by(|one, other| {
            (&one.role.namespace, &one.role.name).cmp(&(&other.role.namespace, &other.role.name))
        });
        let mut bindings: Vec<LiveBinding> = bindings.iter().map(|live| of.live_binding(live)).collect();
        bindings.sort_by(|one, other| {
            (&one.binding.namespace, &one.binding.name).cmp(&(&other.binding.namespace, &other.binding.name))
        });
        Cluster {
            config: config.clone(),
            uid: *uid,
            username: of.user(username),
            user_groups: user_groups.iter().map(|group| of.group(group)).collect(),
            namespaces: namespaces.iter().map(|(name, labels)| (self.namespace(name), kept(labels))).collect(),
            roles,
            bindings,
            pseudonymised: true,
        }
    }

    pub(super) fn answers(
        &self,
        environment: &EnvironmentName,
        answers: &Answers,
        clusters: &BTreeMap<EnvironmentName, Result<Cluster>>,
    ) -> Answers {
        let cluster = clusters.get(environment).and_then(|cluster| cluster.as_ref().ok());
        let of = Of::new(self, environment, cluster);
        let (questions, given) = answers
            .iter()
            .map(|(question, answer)| {
                let answer = match answer {
                    // The API server's reason names bindings and roles.
                    Ok(AccessAnswer { allowed, reason: _ }) => {
                        Ok(AccessAnswer { allowed: *allowed, reason: String::new() })
                    }
                    Err(failure) => Err(unread(failure)),
                };
                (of.question(question), answer)
            })
            .unzip();
        let mut answers = Answers::default();
        answers.record(questions, given);
        answers
    }
}

impl<'a, 'p> Of<'a, 'p> {
    fn new(pen: &'a Pen<'p>, environment: &'a EnvironmentName, cluster: Option<&'a Cluster>) -> Self {
        let prefixes = pen.public.prefixes.get(environment);
        let (users, groups) = prefixes.map(|(users, groups)| (users.as_str(), groups.as_str())).unwrap_or_default();
        let roles = || cluster.into_iter().flat_map(|cluster| &cluster.roles);
        let selectors = roles().flat_map(|live| live.aggregation.iter().flatten());
        let selected = selectors.flat_map(|selector| {
            let expressions = selector.expressions.iter().filter_map(|expression| match expression {
                Expression::In(label, _)
                | Expression::NotIn(label, _)
                | Expression::Exists(label)
                | Expression::DoesNotExist(label) => Some(label.as_str()),
                Expression::Unknown(_) => None,
            });
            selector.labels.keys().map(String::as_str).chain(expressions)
        });
        Self {
            pen,
            environment,
            users,
            groups,
            selected: selected.collect(),
            namespaces: cluster
                .into_iter()
                .flat_map(|cluster| cluster.namespaces.keys())
                .map(Namespace::as_str)
                .collect(),
            cluster_roles: roles()
                .filter(|live| live.role.namespace.is_none())
                .map(|live| live.role.name.as_str())
                .collect(),
        }
    }

    fn namespace(&self, namespace: Option<&Namespace>) -> Option<Namespace> {
        namespace.map(|namespace| self.pen.namespace(namespace))
    }

    /// The namespace of a service account, which may be any text.
    fn namespace_text(&self, namespace: &str) -> String {
        if self.namespaces.contains(namespace) {
            self.pen.unless_of_somebody("namespace", namespace)
        } else {
            self.pen.word("namespace", namespace)
        }
    }

    /// A user name as the API server reads it from a token.
    fn user(&self, name: &str) -> String {
        if let Some((namespace, account)) = name.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'))
            && !self.pen.is_open(name)
        {
            let account = self.pen.word("account", account);
            return format!("{SERVICE_ACCOUNT}{}:{account}", self.namespace_text(namespace));
        }
        self.behind("user", self.users, name)
    }

    /// A group as the API server reads it from a token.
    fn group(&self, name: &str) -> String {
        match name.strip_prefix(SERVICE_ACCOUNTS) {
            Some(namespace) if !self.pen.is_open(name) => {
                format!("{SERVICE_ACCOUNTS}{}", self.namespace_text(namespace))
            }
            Some(_) | None => self.behind("group", self.groups, name),
        }
    }

    fn behind(&self, kind: &str, prefix: &str, name: &str) -> String {
        match name.strip_prefix(prefix) {
            Some(bare) if !self.pen.is_open(name) && !prefix.is_empty() => {
                format!("{prefix}{}", self.pen.word(kind, bare))
            }
            Some(_) | None => self.pen.word(kind, name),
        }
    }

    fn subject(&self, subject: &Subject) -> Subject {
        let Subject { kind, name, namespace, principal } = subject;
        let name = match name {
            SubjectName::Known(name) => SubjectName::Known(match kind {
                SubjectKind::User => self.user(name),
                SubjectKind::Group => self.group(name),
                SubjectKind::ServiceAccount => self.pen.word("account", name),
                SubjectKind::Other(_) => self.pen.word("name", name),
            }),
            promised @ SubjectName::AfterApply { .. } => promised.clone(),
        };
        let kind = match kind {
            SubjectKind::Other(kind) => SubjectKind::Other(self.pen.word("kind", kind)),
            known => known.clone(),
        };
        Subject {
            kind,
            name,
            namespace: namespace.as_deref().map(|namespace| self.namespace_text(namespace)),
            principal: principal.as_ref().map(|principal| self.pen.name(principal)),
        }
    }

    fn role_name(&self, is_of_cluster: bool, name: &str) -> String {
        match is_of_cluster {
            // rolecall knows what these mean.
            true if DefaultRole::of_name(name).is_some() => name.to_owned(),
            true => self.pen.unless_of_somebody("role", name),
            false => self.pen.word("name", name),
        }
    }

    /// The name of an object that a rule or a question is about.
    fn object(&self, name: &str) -> String {
        if self.cluster_roles.contains(name) {
            return self.role_name(true, name);
        }
        if self.namespaces.contains(name) {
            return self.namespace_text(name);
        }
        let prefixes = [self.users, self.groups];
        let behind = prefixes.iter().find(|prefix| !prefix.is_empty() && name.starts_with(**prefix));
        match behind {
            Some(prefix) => self.behind("name", prefix, name),
            // Signers of Kubernetes' own, by which rights are weighed.
            None if name.starts_with(SIGNERS) => self.pen.unless_of_somebody("name", name),
            None if name.starts_with(SERVICE_ACCOUNT) => self.user(name),
            None if name.starts_with(SERVICE_ACCOUNTS) => self.group(name),
            None => self.pen.word("name", name),
        }
    }

    fn rule(&self, rule: &PolicyRule) -> PolicyRule {
        let PolicyRule { api_groups, resources, verbs, resource_names, non_resource_urls } = rule;
        let entries = |list: &[String]| list.iter().map(|entry| self.pen.entry(entry)).collect();
        PolicyRule {
            api_groups: entries(api_groups),
            resources: entries(resources),
            verbs: entries(verbs),
            resource_names: resource_names.iter().map(|name| self.object(name)).collect(),
            non_resource_urls: entries(non_resource_urls),
        }
    }

    fn role(&self, role: &Role) -> Role {
        let Role { namespace, name, rules, aggregate_to } = role;
        Role {
            namespace: self.namespace(namespace.as_ref()),
            name: self.role_name(namespace.is_none(), name),
            rules: PolicyRule::normalise(rules.iter().map(|rule| self.rule(rule)).collect()),
            aggregate_to: aggregate_to.clone(),
        }
    }

    fn live_role(&self, live: &LiveRole) -> LiveRole {
        let LiveRole { role, meta, labels, aggregation } = live;
        // A label by which nothing is selected does nothing.
        let labels = labels.iter().filter(|(label, _)| self.selected.contains(label.as_str()));
        LiveRole {
            role: self.role(role),
            meta: self.meta(meta),
            labels: labels.map(|(label, value)| (self.label(label), self.pen.word("value", value))).collect(),
            aggregation: aggregation
                .as_ref()
                .map(|selectors| selectors.iter().map(|selector| self.selector(selector)).collect()),
        }
    }

    fn label(&self, label: &str) -> String {
        if LABELS.iter().any(|known| label.starts_with(known)) {
            self.pen.unless_of_somebody("label", label)
        } else {
            self.pen.word("label", label)
        }
    }

    fn selector(&self, selector: &Selector) -> Selector {
        let values = |values: &BTreeSet<String>| values.iter().map(|value| self.pen.word("value", value)).collect();
        let expressions = selector.expressions.iter().map(|expression| match expression {
            Expression::In(label, of) => Expression::In(self.label(label), values(of)),
            Expression::NotIn(label, of) => Expression::NotIn(self.label(label), values(of)),
            Expression::Exists(label) => Expression::Exists(self.label(label)),
            Expression::DoesNotExist(label) => Expression::DoesNotExist(self.label(label)),
            Expression::Unknown(operator) => Expression::Unknown(self.pen.word("operator", operator)),
        });
        let labels = selector.labels.iter();
        Selector {
            labels: labels.map(|(label, value)| (self.label(label), self.pen.word("value", value))).collect(),
            expressions: expressions.collect(),
        }
    }

    fn binding_name(&self, binding: &Binding, is_ours: bool) -> String {
        let name = &binding.name;
        let subjects = &binding.subjects;
        if self.pen.is_open(name) {
            return name.clone();
        }
        // Ours is called after its subject: a group of the files, now or before.
        if is_ours && subjects.iter().all(|subject| subject.kind == SubjectKind::Group) {
            return self.pen.unless_of_somebody("binding", name);
        }
        // What a pattern of the files lets stay is let stay by another name as well.
        let mut patterns = self.pen.public.allowed.get(self.environment).into_iter().flatten();
        match patterns.find(|pattern| pattern.matches(binding.namespace.as_ref(), name)) {
            Some(pattern) => pattern.filled(&self.pen.tag(name)).unwrap_or_else(|| name.clone()),
            None => self.pen.word("binding", name),
        }
    }

    fn live_binding(&self, live: &LiveBinding) -> LiveBinding {
        let Binding { namespace, name: _, role, subjects } = &live.binding;
        let mut subjects: Vec<Subject> = subjects.iter().map(|subject| self.subject(subject)).collect();
        subjects.sort();
        let name = self.role_name(role.kind == RoleKind::ClusterRole, &role.name);
        LiveBinding {
            binding: Binding {
                namespace: self.namespace(namespace.as_ref()),
                name: self.binding_name(&live.binding, live.meta.mark == Mark::Ours),
                role: RoleRef { kind: role.kind, name },
                subjects,
            },
            meta: self.meta(&live.meta),
        }
    }

    fn meta(&self, meta: &LiveMeta) -> LiveMeta {
        let LiveMeta { uid, resource_version: _, mark, other_managers, bootstrapping, trace } = meta;
        let mark = match mark {
            Mark::OtherConfig(config) => Mark::OtherConfig(self.pen.word("config", config)),
            known @ (Mark::Ours | Mark::LabelsOnly | Mark::None) => known.clone(),
        };
        let mut other_managers: Vec<String> = other_managers.iter().map(|manager| self.manager(manager)).collect();
        other_managers.sort();
        LiveMeta {
            uid: self.pen.word("uid", uid),
            // A snapshot cannot be applied, so that nothing rests on it; it tells how busy the cluster is.
            resource_version: "0".to_owned(),
            mark,
            other_managers,
            bootstrapping: *bootstrapping,
            trace: self.trace(trace),
        }
    }

    fn manager(&self, manager: &str) -> String {
        if PROGRAMS.contains(&manager) { manager.to_owned() } else { self.pen.word("manager", manager) }
    }

    fn trace(&self, trace: &Trace) -> Trace {
        let Trace { created, deleting, writes } = trace;
        let writes = writes.iter().map(|write| {
            let FieldWrite { manager, operation, time: when, fields, is_ours } = write;
            let is_known = matches!(operation.as_str(), "Apply" | "Update");
            FieldWrite {
                manager: self.manager(manager),
                operation: if is_known { operation.clone() } else { self.pen.word("operation", operation) },
                time: time(when.as_ref()),
                fields: fields.clone(),
                is_ours: *is_ours,
            }
        });
        Trace { created: time(created.as_ref()), deleting: time(deleting.as_ref()), writes: writes.collect() }
    }

    fn question(&self, question: &AccessQuestion) -> AccessQuestion {
        let AccessQuestion { who, verb, group, resource, namespace, name } = question;
        let is_of_cluster = resource == "clusterroles";
        let name = name.as_deref().map(|name| match resource.as_str() {
            "clusterroles" | "roles" if group == RBAC => self.role_name(is_of_cluster, name),
            _ => self.object(name),
        });
        let who = who.as_ref().map(|who| Applier {
            user: self.user(&who.user),
            groups: who.groups.iter().map(|group| self.group(group)).collect(),
        });
        let [verb, group, resource] = [verb, group, resource].map(|entry| self.pen.entry(entry));
        AccessQuestion { who, verb, group, resource, namespace: self.namespace(namespace.as_ref()), name }
    }
}
