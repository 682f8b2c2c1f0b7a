//! One result as several documents: on standard output and in files besides.
//!
//! What stands in such a file is shown to people who do not see the command fail, so that an old result must never be left in
//! it: a file is written before anything else is done, when it fails, and when it works.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;

use super::error::CliError;
use super::exit::Exit;
use super::files::{self, unwritable};
use super::ui::Ui;
use crate::git;
use crate::report::markdown::{Failed, Host, Sheet, Subject};
use crate::report::text::Layout;
use crate::report::{self, Commit};
use crate::state::is_access_file;

/// How a plan is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs; see `rolecall schema`.
    Json,
    /// For the comment on a pull request, and for a job summary.
    Markdown,
    /// The id of a plan and nothing else, for a job that hands it on: in a file alone.
    #[value(skip)]
    Id,
    /// The edit of the access files that accepts drift, for `git apply`: in a file alone.
    #[value(skip)]
    Patch,
}

/// The width of text in a file.
const WIDTH: usize = 120;

/// A file that is written besides, `FORMAT=FILE`.
#[derive(Clone, Debug)]
pub(super) struct Also {
    format: Format,
    file: PathBuf,
}

impl FromStr for Also {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (format, file) = text.split_once('=').ok_or("say FORMAT=FILE, e.g. markdown=plan.md")?;
        let formats = || Format::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let format = match format {
            "id" => Format::Id,
            "patch" => Format::Patch,
            format => Format::from_str(format, false).map_err(|_| {
                let known: Vec<String> = formats().map(|known| known.get_name().to_owned()).collect();
                let known = known.join(", ");
                format!(
                    "`{format}` is no format: say one of {known}, or id for that of a plan, or patch for that of drift"
                )
            })?,
        };
        match file {
            "" => Err("no FILE behind the `=`; if it comes from a variable, that is not set".to_owned()),
            "-" => Err("`-` is no FILE; what goes to standard output is said by --output".to_owned()),
            file => Ok(Self { format, file: file.into() }),
        }
    }
}

impl Also {
    /// Nothing but a plan has an id, and nothing but drift has a patch.
    fn check(&self, subject: Subject) -> Result<(), CliError> {
        let (flag, why, command) = match (self.format, subject) {
            (Format::Id, Subject::Drift) => ("id", "there is no id but that of a plan", "plan"),
            (Format::Patch, Subject::Plan) => ("patch", "there is no patch but that which accepts drift", "drift"),
            _ => return Ok(()),
        };
        Err(CliError::user(format!("`--also {flag}=FILE`: {why}"))
            .hint(format!("say it to `rolecall {command}`"))
            .exit(Exit::Usage))
    }
}

/// The documents of one command.
pub(super) struct Documents {
    output: Format,
    /// Each with its file as it was typed and as it is.
    also: Vec<(Format, PathBuf, PathBuf)>,
    host: Host,
    commit: Option<Commit>,
}

impl Documents {
    /// Finds out whether all can be written, and writes into each file that nothing has come out yet; where one cannot be
    /// written, into all others that it failed.
    ///
    /// # Errors
    /// A file cannot be written, would be taken for an access file, or is named twice; `save` is what is written there
    /// besides.
    pub(super) fn begin(
        ui: &mut Ui,
        subject: Subject,
        config: &Path,
        output: Format,
        also: &[Also],
        save: Option<&Path>,
    ) -> Result<Self, CliError> {
        also.iter().try_for_each(|also| also.check(subject))?;
        let mut known: Vec<PathBuf> = save.map(|file| ui.resolve(file)).into_iter().collect();
        let (mut files, mut wrong) = (Vec::new(), None);
        for Also { format, file } in also {
            match Self::check(ui, subject, file, &known) {
                Ok(path) => {
                    known.push(path.clone());
                    files.push((*format, file.clone(), path));
                }
                Err(error) => wrong = wrong.or(Some(error)),
            }
        }
        let config = ui.resolve(config);
        let folder = if config.is_dir() { config.as_path() } else { config.parent().unwrap_or(&config) };
        let head = git::head(folder).ok();
        let commit = head.map(|head| Commit { id: head.commit, short: head.short, dirty: head.dirty });
        let host = Host::of(|name| ui.variable(name)).about(subject);
        let mut documents = Self { output, also: files, host, commit };
        let done = match subject {
            Subject::Plan => "made a plan",
            Subject::Drift => "looked for drift",
        };
        let begun = CliError::user(format!("rolecall was ended before it had {done}")).hint("see the log of this run");
        let mut written = Vec::new();
        for (format, file, path) in &documents.also {
            let text = documents.of_failure(*format, &begun);
            let begun = if files::is_stream(path) { Ok(()) } else { files::write_over(path, text.as_bytes()) };
            match begun {
                Ok(()) => written.push((*format, file.clone(), path.clone())),
                Err(error) => wrong = wrong.or(Some(unwritable(file, &error))),
            }
        }
        documents.also = written;
        match wrong {
            Some(error) => {
                documents.failed(ui, &error);
                Err(error)
            }
            None => Ok(documents),
        }
    }

    /// Where a file is, if it can be written and is none of those that are known.
    fn check(ui: &Ui, subject: Subject, file: &Path, known: &[PathBuf]) -> Result<PathBuf, CliError> {
        let path = files::place(ui, file).map_err(|error| unwritable(file, &error))?;
        if known.contains(&path) {
            let twice = format!("{}: two different things would be written to this file", file.display());
            return Err(CliError::user(twice).hint("name another file").exit(Exit::Usage));
        }
        if is_access_file(file) {
            let (a, word) = (subject.with_article(), subject.word());
            let taken = format!("{}: {a} in this file would be taken for an access file", file.display());
            return Err(CliError::user(taken).hint(format!("name it e.g. {word}.md")).exit(Exit::Usage));
        }
        files::check_writable_over(&path).map_err(|error| unwritable(file, &error))?;
        Ok(path)
    }

    /// Writes what came out, files first: whoever reads standard output may have gone away.
    pub(super) fn write(&self, ui: &mut Ui, render: impl Fn(Format, Layout, &Sheet) -> String) -> Result<(), CliError> {
        let sheet = self.sheet();
        for (format, file, path) in &self.also {
            let text = render(*format, Layout { width: WIDTH, colour: false }, &sheet);
            files::write_over(path, text.as_bytes()).map_err(|error| unwritable(file, &error))?;
        }
        let layout = Layout { width: ui.width, colour: ui.colour_on_stdout() };
        ui.print(&render(self.output, layout, &sheet))?;
        Ok(())
    }

    /// Writes why nothing came out. What cannot be written now is said; the error itself is the command's to tell.
    pub(super) fn failed(&self, ui: &mut Ui, error: &CliError) {
        if error.quiet {
            return;
        }
        for (format, file, path) in &self.also {
            if let Err(why) = files::write_over(path, self.of_failure(*format, error).as_bytes()) {
                let CliError { message, .. } = unwritable(file, &why);
                ui.say(&report::text::paragraph("error: ", &message, WIDTH));
            }
        }
        let document = match self.output {
            Format::Text | Format::Id | Format::Patch => None,
            format @ (Format::Json | Format::Markdown) => Some(self.of_failure(format, error)),
        };
        // Whoever has gone away is told nothing.
        drop(document.map(|document| ui.print(&document)));
    }

    /// Whether a patch is asked for.
    pub(super) fn has_patch(&self) -> bool {
        self.also.iter().any(|(format, ..)| *format == Format::Patch)
    }

    fn sheet(&self) -> Sheet {
        let whole = |format: Format| matches!(format, Format::Text | Format::Json);
        let files = self.also.iter().filter(|(format, ..)| whole(*format));
        let files: Vec<String> = files.map(|(_, file, _)| file.display().to_string()).collect();
        self.host.sheet(whole(self.output), &files)
    }

    fn of_failure(&self, format: Format, error: &CliError) -> String {
        let CliError { message, hints, mistakes, .. } = error;
        let what = mistakes.as_ref().unwrap_or(message);
        match format {
            // Nothing, so that what is handed on could not be taken for one.
            Format::Id | Format::Patch => String::new(),
            Format::Text => {
                let what = match mistakes {
                    Some(mistakes) => mistakes.trim_end().to_owned(),
                    None => report::text::paragraph("error: ", message, WIDTH),
                };
                let hints = hints.iter().map(|hint| report::text::paragraph("  help: ", hint, WIDTH));
                std::iter::once(what).chain(hints).fold(String::new(), |text, line| text + &line + "\n")
            }
            Format::Json => {
                let failure = || report::json::failure_v1(what, hints, error.exit.code());
                error.document.clone().unwrap_or_else(failure)
            }
            Format::Markdown => {
                let commit = self.commit.as_ref();
                let failed = Failed { what, in_files: mistakes.is_some(), next: hints, commit };
                report::markdown::failed(&failed, &self.sheet())
            }
        }
    }
}
