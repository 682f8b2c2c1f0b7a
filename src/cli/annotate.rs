//! `--annotate`: problems in the access files, where a host of git shows them beside the lines of a change.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::CliError;
use super::exit::Exit;
use super::files;
use super::ui::Ui;
use crate::config::{self, Loaded};
use crate::diagnostics::Finding;
use crate::git;
use crate::report;
use crate::report::findings::annotations;
use crate::report::lint::Base;
use crate::state::is_access_file;

/// Where problems in the files are shown besides.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct AnnotateArgs {
    /// Show problems in the files beside their lines: github, azure-devops, gitlab=FILE or sarif=FILE (can be repeated)
    ///
    /// What GitHub and Azure Pipelines read from the log goes to standard error, or to FILE where one is named. Paths are
    /// those of the repository.
    #[arg(long, value_name = "HOST[=FILE]")]
    annotate: Vec<Annotate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    GitHub,
    AzureDevOps,
    GitLab,
    Sarif,
}

const KINDS: [(&str, Kind); 4] =
    [("github", Kind::GitHub), ("azure-devops", Kind::AzureDevOps), ("gitlab", Kind::GitLab), ("sarif", Kind::Sarif)];

#[derive(Clone, Debug)]
struct Annotate {
    kind: Kind,
    /// `None` is standard error.
    file: Option<PathBuf>,
}

impl FromStr for Annotate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
        let Some((_, kind)) = KINDS.into_iter().find(|(known, _)| *known == name) else {
            let known = KINDS.map(|(known, _)| known).join(", ");
            return Err(format!("`{name}` is no host: say one of {known}"));
        };
        match (kind, file) {
            (_, Some("")) => Err("no FILE behind the `=`; if it comes from a variable, that is not set".to_owned()),
            (_, Some("-")) => Err("`-` is no FILE".to_owned()),
            (Kind::GitLab | Kind::Sarif, None) => Err(format!("this is read from a file: say {name}=FILE")),
            (_, file) => Ok(Self { kind, file: file.map(PathBuf::from) }),
        }
    }
}

/// What is to be annotated, and found to be writable.
pub(super) struct Annotations<'a> {
    wanted: &'a [Annotate],
}

impl<'a> Annotations<'a> {
    /// Finds out whether the files can be written.
    ///
    /// # Errors
    /// One cannot, or would be taken for an access file.
    pub(super) fn begin(ui: &Ui, args: &'a AnnotateArgs) -> Result<Self, CliError> {
        for file in args.annotate.iter().filter_map(|annotate| annotate.file.as_ref()) {
            if is_access_file(file) {
                let taken = format!("{}: this file would be taken for an access file", file.display());
                return Err(CliError::user(taken).hint("name it e.g. findings.json").exit(Exit::Usage));
            }
            let checked = files::place(ui, file).and_then(|path| files::check_writable_over(&path));
            checked.map_err(|error| files::unwritable(file, &error))?;
        }
        Ok(Self { wanted: &args.annotate })
    }

    /// What is known before anything is read: the mistakes in the files. What goes to standard error comes at the end, unless
    /// this is the end.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn at_first(&self, ui: &mut Ui, path: &Path) -> Result<(), CliError> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        let loaded = config::load(&ui.resolve(path));
        let is_end = loaded.config.is_none();
        self.write_to(ui, |file| is_end || file.is_some(), &loaded.findings, &loaded)
    }

    /// Writes the findings, none included: a file says that there is none.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn write(&self, ui: &mut Ui, findings: &[Finding], loaded: &Loaded) -> Result<(), CliError> {
        self.write_to(ui, |_| true, findings, loaded)
    }

    /// The same of the files alone; [`Annotations::say`] is for the rest, once what the command prints is printed.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn write_files(&self, ui: &mut Ui, findings: &[Finding], loaded: &Loaded) -> Result<(), CliError> {
        self.write_to(ui, |file| file.is_some(), findings, loaded)
    }

    /// Says the findings where a host reads them from the log.
    ///
    /// # Errors
    /// None; no file is written.
    pub(super) fn say(&self, ui: &mut Ui, findings: &[Finding], loaded: &Loaded) -> Result<(), CliError> {
        self.write_to(ui, |file| file.is_none(), findings, loaded)
    }

    fn write_to(
        &self,
        ui: &mut Ui,
        is_due: impl Fn(Option<&PathBuf>) -> bool,
        findings: &[Finding],
        loaded: &Loaded,
    ) -> Result<(), CliError> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        let (sources, base) = (&loaded.sources, base(loaded));
        for Annotate { kind, file } in self.wanted.iter().filter(|annotate| is_due(annotate.file.as_ref())) {
            let text = match kind {
                Kind::GitHub => annotations::github(findings, sources, &base),
                Kind::AzureDevOps => annotations::azure_devops(findings, sources, &base),
                Kind::GitLab => annotations::gitlab(findings, sources, &base),
                Kind::Sarif => report::lint::sarif_of_mistakes(findings, sources, &base),
            };
            match file {
                Some(file) => files::place(ui, file)
                    .and_then(|path| files::write_over(&path, text.as_bytes()))
                    .map_err(|error| files::unwritable(file, &error))?,
                None => ui.say(&text),
            }
        }
        Ok(())
    }
}

/// What paths of findings are relative to.
pub(super) fn base(loaded: &Loaded) -> Base {
    git::inside(&loaded.root).map_or(Base::Config, Base::Repository)
}
