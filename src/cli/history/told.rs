//! Since when the lines that are shown say what they say.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Held, MOST_BYTES, Sheets};
use crate::access::questions::{Answer, Party, Question, Whose};
use crate::cli::blocking::blocking;
use crate::config::{Environments, Loaded, Value, spelt};
use crate::diagnostics::SourceMap;
use crate::git::blame;
use crate::git::history::{Files, History, NoHistory};
use crate::state::history::{List, Place, Since};
use crate::state::{
    Address, Change, Desired, DesiredBinding, EnvironmentName, GroupKey, KubernetesKind, Origin, PrincipalName,
    ScopeTarget, mark,
};

/// What was found out, by value and the line on which it stands.
struct Told(BTreeMap<(Origin, Value), Since>);

/// What is looked for: the line on which it stands, and which value of that line.
type Asked = (Origin, Value);

/// Since when the lines of an answer say what they say.
///
/// # Errors
/// There is no repository, or it cannot be read.
pub(in crate::cli) async fn of_answer(
    answer: &mut Answer,
    loaded: &Loaded,
    desired: &Desired,
) -> Result<(), NoHistory> {
    let mut asked = Vec::new();
    each(answer, desired, &mut |line| asked.extend(line.asked));
    if asked.is_empty() {
        return Ok(());
    }
    let told = find(loaded, asked).await?;
    each(answer, desired, &mut |line| *line.added = line.asked.and_then(|asked| told.0.get(&asked).cloned()));
    Ok(())
}

/// Since when the lines say what they say that ask for these changes, by the changes' addresses.
///
/// # Errors
/// There is no repository, or it cannot be read.
pub(in crate::cli) async fn of_changes(
    changes: &[Change],
    loaded: &Loaded,
    desired: &Desired,
) -> Result<BTreeMap<Address, Since>, NoHistory> {
    let asked = |change: &Change| Some((change.address.clone(), of_change(change, desired)?));
    let asked: Vec<(Address, Asked)> = changes.iter().filter_map(asked).collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let told = find(loaded, asked.iter().map(|(_, asked)| asked.clone()).collect()).await?;
    Ok(asked.into_iter().filter_map(|(address, asked)| Some((address, told.0.get(&asked)?.clone()))).collect())
}

/// A repository is read on a thread of its own: signals are heard meanwhile.
async fn find(loaded: &Loaded, asked: Vec<Asked>) -> Result<Told, NoHistory> {
    let (root, sources) = (loaded.root.clone(), loaded.sources.clone());
    blocking(move || looked_up(&root, &sources, asked)).await
}

fn looked_up(root: &Path, sources: &SourceMap, mut asked: Vec<Asked>) -> Result<Told, NoHistory> {
    let (history, folder) = History::open(root)?;
    let (mut sheets, now) = Sheets::new(&history, sources, MOST_BYTES);
    asked.sort();
    asked.dedup();
    let found = asked.into_iter().filter_map(|asked| Some((held(&asked, &mut sheets, &now)?, asked)));
    let (held, asked): (Vec<Held>, Vec<Asked>) = found.unzip();
    let since = blame::since(&history, &folder, &now, held, &mut sheets)?;
    Ok(Told(asked.into_iter().zip(since).collect()))
}

/// The value as its file spells it: a grant by labels is looked for by its labels. `None` for what is not there.
fn held((origin, value): &Asked, sheets: &mut Sheets<'_>, now: &Files) -> Option<Held> {
    let path = origin.file.to_string();
    let sheet = sheets.sheet(*now.get(&path)?).ok().flatten()?;
    let value = match value {
        Value::Grant { subject, role, environment, place, .. } => {
            let grant = sheet.grants.iter().find(|grant| {
                grant.line == origin.line && grant.roles.contains(role) && grant.subjects.contains(subject)
            });
            let labels = grant.and_then(|grant| match &grant.environments {
                Environments::Labels(labels) => Some(labels.clone()),
                Environments::Named(_) => None,
            });
            let (subject, role, environment) = (subject.clone(), role.clone(), environment.clone());
            Value::Grant { subject, role, environment, labels, place: place.clone() }
        }
        // What is live may be another rule than the files have.
        Value::Allows(key, _) if !sheet.holds(value) => Value::Role(key.clone()),
        _ => value.clone(),
    };
    sheet.holds(&value).then_some((value, path))
}

/// A line of an answer: which value of it is meant, and where what is found out goes.
struct Line<'a> {
    asked: Option<Asked>,
    added: &'a mut Option<Since>,
}

/// Every line that an answer shows.
fn each(answer: &mut Answer, desired: &Desired, take: &mut dyn FnMut(Line<'_>)) {
    let who = match &answer.question {
        Question::Why(Party::Person(label), _) | Question::Access(Party::Person(label)) => Some(label.name.clone()),
        Question::Why(Party::Group(label), _) | Question::Access(Party::Group(label)) => {
            label.name.parse::<GroupKey>().ok().map(PrincipalName::Group)
        }
        Question::WhoCan(_) | Question::Why(..) | Question::Access(_) => None,
    };
    let Some(who) = who else { return };
    for part in &mut answer.parts {
        for way in part.entries.iter_mut().flat_map(|entry| &mut entry.ways) {
            let mut inside = who.clone();
            for step in &mut way.steps {
                let key = step.group.name.parse::<GroupKey>().ok().filter(|_| step.group.in_files);
                let value = key.clone().map(|key| Value::Listed(key, List::Members, inside.clone()));
                take(Line { asked: step.origin.clone().zip(value), added: &mut step.added });
                inside = key.map_or(inside, PrincipalName::Group);
            }
            let grant = match &way.given.whose {
                Whose::Grant(origin) => {
                    let value = grant(desired, &part.environment, origin, &way.given.binding);
                    value.map(|value| (origin.clone(), value))
                }
                Whose::Left | Whose::Others => None,
            };
            let role = way.given.role_block.as_ref().map(|(key, origin)| {
                // Of a question about one thing, the rule that allows it.
                let value = match way.given.rules.as_deref() {
                    Some([rule]) => Value::Allows(key.clone(), spelt(rule)),
                    _ => Value::Role(key.clone()),
                };
                (origin.clone(), value)
            });
            let shared = Arc::make_mut(&mut way.given);
            take(Line { asked: grant, added: &mut shared.grant_added });
            take(Line { asked: role, added: &mut shared.role_added });
            for from in &mut shared.brought {
                let asked = from.block.as_ref().map(|(key, origin)| (origin.clone(), Value::Role(key.clone())));
                take(Line { asked, added: &mut from.added });
            }
        }
    }
}

/// What of the grants on a line asks for the binding of this name: each has its own.
fn grant(desired: &Desired, environment: &EnvironmentName, origin: &Origin, name: &str) -> Option<Value> {
    let called = |binding: &&DesiredBinding| {
        let DesiredBinding { subject, role, scope, .. } = binding;
        mark::binding_name(&desired.config, subject, &role.key, &role.reference, scope) == name
    };
    let mut bindings = desired.environments.get(environment)?.bindings.iter();
    let binding = bindings.find(|binding| binding.origin == *origin && called(binding))?;
    let place = match &binding.scope {
        ScopeTarget::Cluster => Place::Cluster,
        ScopeTarget::Namespace(namespace) => Place::Namespace(namespace.clone()),
        ScopeTarget::Selector(labels) => Place::Labels(labels.clone()),
    };
    Some(Value::Grant {
        subject: binding.subject.clone(),
        role: binding.role.key.clone(),
        environment: environment.clone(),
        labels: None,
        place,
    })
}

/// What a change is asked for by.
fn of_change(change: &Change, desired: &Desired) -> Option<Asked> {
    let origin = change.origin.clone()?;
    let value = match &change.address {
        Address::Group(key) => Value::Group(key.clone()),
        Address::Owner(key, who) => Value::Listed(key.clone(), List::Owners, who.clone()),
        Address::Member(key, who) => {
            // What is taken away and has a line is asked for by the list of those who must be absent.
            let list = if change.after().is_some() { List::Members } else { List::Absent };
            Value::Listed(key.clone(), list, who.clone())
        }
        Address::Object { environment, kind, namespace, name } => match kind {
            KubernetesKind::ClusterRole | KubernetesKind::Role => {
                let mut roles = desired.environments.get(environment)?.roles.iter();
                Value::Role(roles.find(|own| own.name == *name && own.namespace == *namespace)?.key.clone())
            }
            KubernetesKind::ClusterRoleBinding | KubernetesKind::RoleBinding => {
                grant(desired, environment, &origin, name)?
            }
        },
    };
    Some((origin, value))
}
