//! What flags name must be there.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::plan;
use crate::state::{Desired, EnvironmentName, GroupKey, Observed, Only, Policy, Target};

/// What was meant by a name that no environment has: a group, written without `group/`, or the nearest environment.
fn meant(flag: &str, name: &EnvironmentName, desired: &Desired) -> Option<String> {
    let mut groups = desired.groups.keys().filter(|key| flag == "--only" && key.as_str() == name.as_str());
    groups.next().map(|key| format!("group/{key}")).or_else(|| {
        let environments = desired.environments.keys().map(EnvironmentName::as_str);
        let near = environments.map(|known| (strsim::damerau_levenshtein(known, name.as_str()), known));
        near.filter(|(distance, _)| *distance <= 2).min().map(|(_, known)| known.to_owned())
    })
}

/// `--only` and `--allow-unreachable` must name what the config has.
pub(super) fn check_names(policy: &Policy, desired: &Desired) -> Result<(), CliError> {
    let environment = |flag: &str, name: &EnvironmentName| {
        if desired.environments.contains_key(name) {
            return Ok(());
        }
        let names = desired.environments.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let meant = meant(flag, name, desired).map(|meant| format!("did you mean `{meant}`?"));
        Err(CliError::user(format!("{flag} {name}: no environment has this name"))
            .hint(meant.unwrap_or_else(|| format!("the config has: {names}")))
            .exit(Exit::Usage))
    };
    for name in &policy.allow_unreachable {
        environment("--allow-unreachable", name)?;
    }
    let guards: Vec<&str> = plan::guards::GUARDS.iter().map(|guard| guard.id).collect();
    for acknowledged in &policy.acknowledged {
        if !guards.contains(&acknowledged.guard.as_str()) {
            return Err(CliError::user(format!(
                "--acknowledge {acknowledged}: no guard is called `{}`",
                acknowledged.guard
            ))
            .hint(format!("the guards are: {}", guards.join(", ")))
            .exit(Exit::Usage));
        }
    }
    let Only(targets) = &policy.only;
    for target in targets {
        match target {
            Target::Environment(name) => environment("--only", name)?,
            // A group that is gone from the files may still be live: see `check_groups`.
            Target::Entra | Target::Group(_) => {}
        }
    }
    Ok(())
}

/// `--only group/NAME` names a group of the files, unless all of Entra is planned with it. What is planned of a group is its
/// block, so that without one there would be "No changes" while its deletion is pending.
pub(super) fn check_groups(policy: &Policy, desired: &Desired, observed: &Observed) -> Result<(), CliError> {
    let Some(Ok(tenant)) = &observed.tenant else { return Ok(()) };
    for target in &policy.only.0 {
        let Target::Group(key) = target else { continue };
        // What is planned under the new key would otherwise be missing without a word.
        if let Some((now, _)) = desired.groups.iter().find(|(_, group)| group.previously.contains_key(key)) {
            return Err(CliError::user(format!("--only group/{key}: this group is called {now} now"))
                .hint(format!("say --only group/{now}"))
                .exit(Exit::Usage));
        }
        if desired.groups.contains_key(key) {
            continue;
        }
        if tenant.marked.contains_key(key) {
            if policy.only.all_groups() {
                continue;
            }
            let what = "no file defines this group any more, and its deletion is not part of this plan";
            return Err(CliError::user(format!("--only group/{key}: {what}"))
                .hint(
                    "plan without --only; `--only entra` is enough where nothing on a cluster names the group any more",
                )
                .exit(Exit::Usage));
        }
        let near = desired
            .groups
            .keys()
            .map(GroupKey::as_str)
            .filter(|name| strsim::damerau_levenshtein(name, key.as_str()) <= 2);
        let near: Vec<String> = near.map(|name| format!("did you mean `group/{name}`?")).collect();
        let error = CliError::user(format!("--only group/{key}: neither the files nor Entra have a group of this key"));
        return Err(near.into_iter().fold(error, CliError::hint).exit(Exit::Usage));
    }
    Ok(())
}
