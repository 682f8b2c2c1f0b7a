//! The file of a saved plan, before anything is asked of a live system.

use std::io;
use std::path::{Path, PathBuf};

use super::error::CliError;
use super::exit::Exit;
use super::files;
use super::session::Session;
use super::ui::Ui;
use crate::plan::saved::{self, PlanId, SavedPlan};
use crate::state::{Only, is_access_file};
use crate::{git, report};

pub(super) fn spelt(only: &Only) -> String {
    if only.is_everything() {
        return "no --only".to_owned();
    }
    only.0.iter().map(|target| format!("--only {target}")).collect::<Vec<_>>().join(" ")
}

/// Whether this is the plan that was approved. What the file says of its own id counts for nothing.
pub(super) fn check_approved(file: &Path, saved: &SavedPlan, required: &PlanId) -> Result<(), CliError> {
    let id = saved.id();
    if id == required.as_str() {
        return Ok(());
    }
    let file = file.display();
    let error = CliError::user(format!("nothing was written: {file} is not the plan that was approved"))
        .exit(Exit::Stale)
        .hint(format!("approved is {}", required.as_str()))
        .hint(format!("the id of {file} is {id}; {}", of(saved)));
    let error = if saved.plan_id == id {
        error
    } else {
        error.hint(format!("{file} was changed after it was saved: it says that its id is `{}`", saved.plan_id))
    };
    Err(error.hint("apply the file that was saved when this was approved, or have this one approved"))
}

/// Whose plan it is, as far as the file says.
pub(super) fn of(saved: &SavedPlan) -> String {
    format!("it was saved at {} of the config {} for tenant {}", saved.place(), saved.config, saved.tenant)
}

pub(super) fn stale(error: &saved::SavedPlanError) -> CliError {
    CliError::user(format!("nothing was written: {error}")).exit(Exit::Stale)
}

/// A saved plan is a file that is no YAML; everything else stands for the access files.
pub(super) fn tell_apart(ui: &Ui, paths: &[PathBuf]) -> Result<(Option<PathBuf>, PathBuf), CliError> {
    let is_plan = |path: &Path| !is_access_file(path) && !ui.resolve(path).is_dir();
    match paths {
        [] => Ok((None, PathBuf::from("."))),
        [only] if is_plan(only) => Ok((Some(only.clone()), PathBuf::from("."))),
        [only] => Ok((None, only.clone())),
        [first, second, ..] if is_plan(first) => Ok((Some(first.clone()), second.clone())),
        [first, ..] => {
            Err(CliError::user(format!("{}: the saved plan comes first, then the access files", first.display()))
                .exit(Exit::Usage))
        }
    }
}

pub(super) fn read_saved(ui: &Ui, file: &Path) -> Result<SavedPlan, CliError> {
    let unreadable = |error: io::Error| {
        CliError::user(format!("{}: the saved plan cannot be read: {}", file.display(), files::reason(&error)))
            .hint_if(files::did_you_mean(ui, file, &error))
            .hint("save one with `rolecall plan --save FILE`")
    };
    let bytes = files::read_limited(&ui.resolve(file), saved::SIZE_LIMIT).map_err(unreadable)?;
    SavedPlan::parse(&bytes).map_err(|error| CliError::user(format!("{}: {error}", file.display())))
}

/// Where the files of a saved plan stand beside those here, for people, in a sentence without its end; `None` for the same files
/// at the same commit.
pub(super) fn moved_base(session: &Session, approved: &SavedPlan) -> Option<String> {
    let sentence = approved.moved_base(session.commit().as_deref(), &session.loaded.tree_hash)?;
    Some(report::escape::message(&format!("{sentence}{}", aside(session, approved))))
}

/// That a saved plan is of a commit that did not lead to the one that is checked out, where that is so.
fn aside(session: &Session, approved: &SavedPlan) -> &'static str {
    let commit = approved.commit.as_deref().map(|commit| commit.strip_suffix("-dirty").unwrap_or(commit));
    match commit.and_then(|commit| git::is_in_history(&session.loaded.root, commit)) {
        Some(false) => {
            "; that commit is not in the history of what is checked out (a change that is not merged, or that was merged as \
             another commit)"
        }
        Some(true) | None => "",
    }
}
