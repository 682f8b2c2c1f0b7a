//! The edit of the access files that asks for what is there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::super::error::CliError;
use super::super::session::{Drifted, Planned, Session};
use super::super::ui::Ui;
use crate::edit::accept::{self, Accepted, Live};
use crate::report::{self, escape};
use crate::{git, state};

const LEFT: &str = "not in the patch";

/// A patch, and what is to be known about it.
pub(super) struct Patch {
    /// The unified diff; empty where nothing of the drift can be accepted, or there is none.
    pub(super) text: String,
    /// Each a term, what it is about, and a sentence.
    remarks: Vec<(&'static str, String, String)>,
    /// The first line of the files that whoever shows it would obey.
    acting: Option<state::Origin>,
    /// Whether there is drift.
    is_of_drift: bool,
    /// The folder that its paths are from, and where below it the access files are; `None` without a repository.
    folder: PathBuf,
    inside: Option<String>,
}

impl Patch {
    /// What would ask for what is there. `drifted` learns the names of whoever is there.
    pub(super) fn of(session: &Session, drifted: &mut Drifted) -> Self {
        let Planned { plan, observed, .. } = &mut drifted.planned;
        accept::look_up_whoever_is_there(observed, plan);
        let live = Live { plan, observed, policy: &session.policy };
        let Accepted { files, expressed, followed, left, after } =
            accept::accept(&session.loaded.sources, &session.desired, &live);
        let root = &session.loaded.root;
        let inside = git::inside(root);
        let top = match inside.as_deref() {
            None | Some("") => String::new(),
            Some(folder) => format!("{folder}/"),
        };
        let patches: Vec<(&String, String)> = files
            .iter()
            .map(|(path, old, new)| (path, report::patch::unified(&format!("{top}{path}"), old, new)))
            .collect();
        let acting = patches.iter().find_map(|(path, patch)| {
            Some(state::Origin { file: path.as_str().into(), line: report::patch::acting_line(patch)? })
        });
        let text = patches.into_iter().map(|(_, patch)| patch).collect();
        let mut remarks: Vec<(&'static str, String, String)> = Vec::new();
        let plan = &drifted.planned.plan;
        let lines: BTreeMap<_, _> =
            plan.changes.iter().filter_map(|change| Some((&change.address, change.origin.as_ref()?))).collect();
        for (address, why) in &left {
            let place = lines.get(address).map(|line| format!(" ({line})")).unwrap_or_default();
            remarks.push((LEFT, address.to_string(), format!("{why}{place}")));
        }
        for (binding, _) in &drifted.drift.refused {
            let why = "it is not ours: allow it with `allow-unmanaged`, or take it over with `replaces`";
            remarks.push((LEFT, binding.address.to_string(), why.to_owned()));
        }
        for entry in &plan.withheld {
            let is_left = |address: &&state::Address| !expressed.contains(*address) && !followed.contains_key(*address);
            for address in entry.addresses.iter().filter(is_left) {
                remarks.push((LEFT, address.to_string(), format!("withheld: {}", entry.message)));
            }
        }
        for part in &plan.unread {
            let place = part.environment.as_ref().map_or("Entra", state::EnvironmentName::as_str);
            remarks.push((LEFT, place.to_owned(), format!("not read: {}", part.failure.what)));
        }
        for (address, why) in followed {
            remarks.push(("after the patch", address.to_string(), why));
        }
        if let Some((desired, plan)) = &after {
            for judged in Session::newly_broken((desired, plan), &drifted.planned) {
                let sentence = report::text::sentence_on(&judged, judged.environment.as_str());
                remarks.push(("the patch breaks an expectation", judged.origin.to_string(), sentence));
            }
        }
        let folder = top_of(root, inside.as_deref());
        Self { text, remarks, acting, is_of_drift: !drifted.planned.plan.is_without_drift(), folder, inside }
    }

    /// Prints it.
    ///
    /// # Errors
    /// Whoever shows what is printed would obey a line of it: lines of the files themselves stay as they are in a patch, and
    /// whoever proposes a change of the files writes them.
    pub(super) fn print(&self, ui: &mut Ui) -> Result<(), CliError> {
        let to_file =
            "write it to a file: `rolecall drift --also patch=drift.patch`, then `git apply --allow-empty drift.patch`";
        let why = if is_ci(ui) && escape::acts_on_ci(&self.text) {
            "would be taken for a command: this CI system reads its log for them"
        } else if ui.stdout_is_terminal && escape::acts_on_terminal(&self.text) {
            "would act on this terminal"
        } else {
            ""
        };
        if !why.is_empty() {
            let line =
                self.acting.as_ref().map_or_else(|| "a line of the access files".to_owned(), ToString::to_string);
            return Err(CliError::user(format!("the patch was not printed: {line} {why}")).hint(to_file));
        }
        if !self.text.is_empty() {
            ui.print(&self.text)?;
        }
        Ok(())
    }

    /// Says what it leaves, what follows from it, and where it is to be applied if that is not where one stands.
    pub(super) fn tell(&self, ui: &mut Ui) -> io::Result<()> {
        for (term, what, sentence) in &self.remarks {
            ui.say(&report::text::paragraph("", &format!("{term}: {what}: {sentence}"), ui.width));
        }
        if !self.is_of_drift {
            ui.say("No drift: there is nothing to accept.");
        }
        if let (false, Some(place)) = (self.text.is_empty(), self.elsewhere(ui)?) {
            ui.say(&report::text::paragraph("", &place, ui.width));
        }
        Ok(())
    }

    /// What to know where `git apply` in the current folder would not find the files, or pass over them without a word.
    fn elsewhere(&self, ui: &Ui) -> io::Result<Option<String>> {
        let here = fs_err::canonicalize(&ui.folder)?;
        let access = self.inside.as_ref().map_or_else(|| self.folder.clone(), |inside| self.folder.join(inside));
        let is_found = if self.inside.is_some() {
            here.starts_with(&self.folder) && access.starts_with(&here)
        } else {
            here == self.folder
        };
        let folder = escape::shell_word(&self.folder.display().to_string());
        let below = if self.inside.is_some() { "the top of the repository" } else { "the folder of the access files" };
        Ok((!is_found).then(|| {
            format!(
                "The paths in the patch are from {below}: apply it there, with `git -C {folder} apply --allow-empty`."
            )
        }))
    }
}

/// The folder that paths in a patch are from.
fn top_of(root: &Path, inside: Option<&str>) -> PathBuf {
    let root = fs_err::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let depth = inside.filter(|inside| !inside.is_empty()).map_or(0, |inside| inside.split('/').count());
    root.ancestors().nth(depth).unwrap_or(&root).to_owned()
}

/// Whether what is printed is read by a CI system.
fn is_ci(ui: &Ui) -> bool {
    let is_set = |name: &&str| ui.variable(name).is_some_and(|value| !["false", "0"].contains(&value));
    ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD"].iter().any(is_set)
}
