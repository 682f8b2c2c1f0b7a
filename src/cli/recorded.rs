//! The file of `plan --snapshot`, read as what it is: data of whoever wrote it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;

use super::error::CliError;
use super::files;
use super::session::unfit;
use super::ui::Ui;
use crate::snapshot::{Age, SIZE_LIMIT, Snapshot, ages};

/// Reads a snapshot that may be so old, if that is limited.
pub(super) fn read(ui: &Ui, file: &Path, max_age: Option<SignedDuration>) -> Result<Arc<Snapshot>, CliError> {
    let named = file.display();
    let unreadable = |error: io::Error| {
        let next = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "only its owner may read a snapshot: run this as them, or let others read it"
            }
            _ => "take one with `rolecall snapshot FILE`, or correct --snapshot",
        };
        CliError::user(format!("{named}: the snapshot cannot be read: {}", files::reason(&error)))
            .hint_if(files::did_you_mean(ui, file, &error))
            .hint(next)
    };
    let bytes = files::read_limited(&ui.resolve(file), SIZE_LIMIT).map_err(unreadable)?;
    let snapshot = Snapshot::parse(&bytes).map_err(|error| {
        let error = unfit(&error);
        CliError { message: format!("{named}: {}", error.message), ..error }
    })?;
    if let Some(most) = max_age {
        let too_old = match snapshot.age((ui.now)()) {
            Age::Old(age) if age <= most => None,
            Age::Old(age) => Some(format!("the snapshot is {} old, and --max-age allows {}", ages(age), ages(most))),
            Age::Ahead(by) => Some(format!(
                "the snapshot was taken {} from now by the clock of this machine, so that nobody knows whether it is older \
                 than --max-age allows",
                ages(by)
            )),
        };
        if let Some(why) = too_old {
            return Err(CliError::user(format!("{named}: {why}"))
                .hint("take it again with `rolecall snapshot FILE`, e.g. by a scheduled job of the main branch"));
        }
    }
    Ok(Arc::new(snapshot))
}
