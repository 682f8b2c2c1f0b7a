//! What to ask the API servers before writing: may this identity do what the plan holds?

use std::collections::{BTreeMap, BTreeSet};

use super::Note;
use crate::state::{
    AccessAnswer, AccessQuestion, Address, Change, EnvironmentName, KubernetesKind, Namespace, Operation, Resource,
    RoleKind,
};

/// The questions for each environment that the changes touch, without repeats.
///
/// Writing is asked for once per kind and namespace, `bind` once per role and place. A server-side apply that makes an
/// object needs `create` besides `patch`.
pub fn questions(changes: &[Change]) -> BTreeMap<EnvironmentName, Vec<AccessQuestion>> {
    let mut questions: BTreeMap<EnvironmentName, BTreeSet<AccessQuestion>> = BTreeMap::new();
    for change in changes {
        if let Address::Object { environment, kind, namespace, .. } = &change.address {
            questions.entry(environment.clone()).or_default().extend(about(change, *kind, namespace.as_ref()));
        }
    }
    questions.into_iter().map(|(environment, asked)| (environment, asked.into_iter().collect())).collect()
}

fn about(change: &Change, kind: KubernetesKind, namespace: Option<&Namespace>) -> Vec<AccessQuestion> {
    let verbs: &[&str] = match change.operation {
        Operation::Create { .. } => &["create", "patch"],
        Operation::Update { .. } => &["patch"],
        Operation::Delete { .. } => &["delete"],
    };
    let ask =
        |verb: &str, kind, name| AccessQuestion { verb: verb.to_owned(), kind, namespace: namespace.cloned(), name };
    let mut asked: Vec<AccessQuestion> = verbs.iter().map(|verb| ask(verb, kind, None)).collect();
    if let Some(Resource::Binding(binding)) = change.after() {
        let role = match binding.role.kind {
            RoleKind::ClusterRole => KubernetesKind::ClusterRole,
            RoleKind::Role => KubernetesKind::Role,
        };
        asked.push(ask("bind", role, Some(binding.role.name.clone())));
    }
    asked
}

/// What the answers mean, for those that are no.
pub fn notes(answers: &BTreeMap<EnvironmentName, Vec<(AccessQuestion, AccessAnswer)>>) -> Vec<Note> {
    let mut notes = Vec::new();
    for (environment, answers) in answers {
        for (question, _) in answers.iter().filter(|(_, answer)| !answer.allowed) {
            notes.push(Note {
                environment: Some(environment.clone()),
                origin: None,
                kind: "may-be-refused".to_owned(),
                message: explain(question),
            });
        }
    }
    notes
}

fn explain(question: &AccessQuestion) -> String {
    let AccessQuestion { verb, kind, namespace, name } = question;
    let place = namespace.as_ref().map_or_else(|| "cluster-wide".to_owned(), |namespace| format!("in {namespace}"));
    let name = name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let what = format!("this identity may not {verb} {}{name} {place}", kind.plural());
    if verb == "bind" {
        format!(
            "{what}; binding that role is refused unless the identity holds every right in it, which is not compared \
             yet. Allow the identity that applies to `bind` it"
        )
    } else {
        format!("{what}, which the plan needs: it may be refused. Allow it to the identity that applies")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Binding, Role, RoleRef};

    fn binding(namespace: Option<&str>, name: &str, role: &str) -> Resource {
        Resource::Binding(Binding {
            namespace: namespace.map(|text| text.parse().unwrap()),
            name: name.to_owned(),
            role: RoleRef { kind: RoleKind::ClusterRole, name: role.to_owned() },
            subjects: Vec::new(),
        })
    }

    fn address(kind: KubernetesKind, namespace: Option<&str>, name: &str) -> Address {
        Address::Object {
            environment: "alpha".parse().unwrap(),
            kind,
            namespace: namespace.map(|text| text.parse().unwrap()),
            name: name.to_owned(),
        }
    }

    fn spelt(questions: &BTreeMap<EnvironmentName, Vec<AccessQuestion>>) -> Vec<String> {
        let each = |question: &AccessQuestion| {
            format!(
                "{} {} {} {}",
                question.verb,
                question.kind.plural(),
                question.namespace.as_ref().map_or("*", |namespace| namespace.as_str()),
                question.name.as_deref().unwrap_or("*"),
            )
        };
        questions.values().flatten().map(each).collect()
    }

    #[test]
    fn each_question_is_asked_once() {
        let binding_change = |name: &str| {
            Change::new(
                address(KubernetesKind::RoleBinding, Some("trinity"), name),
                Operation::Create { after: binding(Some("trinity"), name, "view") },
            )
        };
        let role = Resource::Role(Role { namespace: None, name: "restarter".to_owned(), rules: Vec::new() });
        let changes = [
            binding_change("a"),
            binding_change("b"),
            Change::new(
                address(KubernetesKind::ClusterRole, None, "restarter"),
                Operation::Update { before: role.clone(), after: role },
            ),
            Change::new(
                address(KubernetesKind::ClusterRoleBinding, None, "old"),
                Operation::Delete { before: binding(None, "old", "edit") },
            ),
        ];
        insta::assert_snapshot!(spelt(&questions(&changes)).join("\n"), @"
        bind clusterroles trinity view
        create rolebindings trinity *
        delete clusterrolebindings * *
        patch clusterroles * *
        patch rolebindings trinity *
        ");
    }

    #[test]
    fn only_a_no_is_worth_a_note() {
        let ask = |verb: &str, name: Option<&str>| AccessQuestion {
            verb: verb.to_owned(),
            kind: KubernetesKind::ClusterRole,
            namespace: None,
            name: name.map(str::to_owned),
        };
        let answer = |allowed| AccessAnswer { allowed, reason: String::new() };
        let answers = BTreeMap::from([(
            "alpha".parse().unwrap(),
            vec![
                (ask("create", None), answer(true)),
                (ask("patch", None), answer(false)),
                (ask("bind", Some("view")), answer(false)),
            ],
        )]);
        let messages: Vec<String> = notes(&answers).into_iter().map(|note| note.message).collect();
        insta::assert_snapshot!(messages.join("\n"), @"
        this identity may not patch clusterroles cluster-wide, which the plan needs: it may be refused. Allow it to the identity that applies
        this identity may not bind clusterroles view cluster-wide; binding that role is refused unless the identity holds every right in it, which is not compared yet. Allow the identity that applies to `bind` it
        ");
    }
}
