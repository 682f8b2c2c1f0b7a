//! What only the diff knows to ask, before a plan can be whole.

use std::collections::BTreeMap;

use crate::plan;
use crate::providers::Reader as _;
use crate::providers::entra::EntraReader;
use crate::providers::kubernetes::KubernetesReader;
use crate::state::{Change, Desired, EnvironmentName, Failure, Observed, Policy, PrivilegedMembers, Tenant};

/// Removals wait for what only the diff knows to ask: who holds a membership through PIM right now.
pub(super) async fn ask_for_privileged(
    desired: &Desired,
    observed: &mut Observed,
    policy: &Policy,
    reader: &EntraReader,
) {
    let groups = plan::pim_questions(desired, observed, policy);
    if groups.is_empty() {
        return;
    }
    let answers = reader.ask(&groups).await;
    let Some(Ok(Tenant { privileged, .. })) = &mut observed.tenant else { return };
    let read = |answer: Result<PrivilegedMembers, Failure>| {
        answer.unwrap_or_else(|failure| PrivilegedMembers::Unreadable(failure.what))
    };
    privileged.extend(groups.into_iter().zip(answers.into_iter().map(read)));
}

/// Asks the API servers, round by round, what they would refuse. Says whether there was anything to ask.
pub(super) async fn ask_for_rights(
    desired: &Desired,
    observed: &mut Observed,
    policy: &Policy,
    changes: &[Change],
    readers: &BTreeMap<EnvironmentName, KubernetesReader>,
) -> bool {
    let mut has_asked = false;
    loop {
        let questions = plan::access_questions(desired, observed, policy, changes);
        if questions.is_empty() {
            return has_asked;
        }
        has_asked = true;
        let asked = questions.into_iter().map(|(environment, questions)| async move {
            let answers = match readers.get(&environment) {
                Some(reader) => reader.ask(&questions).await,
                None => Vec::new(),
            };
            (environment, questions, answers)
        });
        for (environment, questions, answers) in futures::future::join_all(asked).await {
            observed.answers.entry(environment).or_default().record(questions, answers);
        }
    }
}
