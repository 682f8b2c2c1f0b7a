//! Bindings to people and groups that no access file knows of.

use super::Environment;
use super::prune::spelling;
use crate::plan::draft::Draft;
use crate::state::{Binding, KubernetesKind, Mark, Subject, SubjectKind};

/// Subjects of Kubernetes' own that nevertheless mean everybody, or everybody of a kind.
const EVERYBODY: [&str; 4] =
    ["system:authenticated", "system:unauthenticated", "system:anonymous", "system:serviceaccounts"];

impl Environment<'_> {
    /// Lists what gives access besides the files, one note for each subject. What another config manages is that config's
    /// to show.
    pub(super) fn note_unmanaged(&self, draft: &mut Draft) {
        for live in &self.cluster.bindings {
            let unmanaged = matches!(live.meta.mark, Mark::None | Mark::LabelsOnly) && !live.meta.bootstrapping;
            for subject in live.binding.subjects.iter().filter(|subject| unmanaged && is_person_or_group(subject)) {
                let message = self.describe(&live.binding, subject);
                draft.note(Some(self.name), None, "unmanaged-binding", message);
            }
        }
    }

    fn describe(&self, binding: &Binding, subject: &Subject) -> String {
        let who = match self.directory.groups_called(&self.desired.tokens, subject)[..] {
            [key] => key.to_string(),
            _ => spelling(&subject.name),
        };
        let (kind, name, place) = match &binding.namespace {
            None => (KubernetesKind::ClusterRoleBinding, binding.name.clone(), String::new()),
            Some(namespace) => {
                (KubernetesKind::RoleBinding, format!("{namespace}/{}", binding.name), format!(" in {namespace}"))
            }
        };
        let role = match binding.role.name.as_str() {
            "cluster-admin" => "is cluster-admin".to_owned(),
            other => format!("has {} {other}", binding.role.kind),
        };
        format!("{kind} {name}: {} {who} {role}{place}", subject.kind)
    }
}

fn is_person_or_group(subject: &Subject) -> bool {
    let name = spelling(&subject.name);
    matches!(subject.kind, SubjectKind::User | SubjectKind::Group)
        && (!name.starts_with("system:") || EVERYBODY.iter().any(|everybody| name.starts_with(everybody)))
}
