//! The `rolecall` command.

use std::process::ExitCode;

use rolecall::cli::{Exit, Ui, run};

fn main() -> ExitCode {
    let exit = Ui::of_process().map_or(Exit::Error, |mut ui| run(std::env::args_os(), &mut ui));
    ExitCode::from(exit.code())
}
