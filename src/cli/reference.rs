//! The command line as documents, from the same definitions as the parser: the reference page and the man pages.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use super::args::Cli;

const HEAD: &str = "\
<!-- Made from src/cli; `ROLECALL_BLESS=1 cargo test --test schema` rewrites it. -->

# Reference of the command line

What `rolecall COMMAND --help` prints, for every command.
";

/// The reference of the command line as Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for command in commands() {
        let (name, help) = (command.get_name().to_owned(), command.term_width(100).render_long_help().to_string());
        // Writing to a string cannot fail.
        let _ = write!(page, "\n## {name}\n\n```text\n{}\n```\n", without_trailing_blanks(&help));
    }
    page
}

/// A man page for every command: the name of its file and its text.
pub(super) fn man_pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let page = |command: Command| {
        let name = command.get_name().replace(' ', "-");
        let mut text = Vec::new();
        clap_mangen::Man::new(command.display_name(name.clone())).render(&mut text)?;
        Ok((format!("{name}.1"), verbatim_examples(text)))
    };
    commands().into_iter().map(page).collect()
}

/// The examples stand in their section line by line, as they are typed; `man` would fill them into a paragraph.
fn verbatim_examples(page: Vec<u8>) -> Vec<u8> {
    const SECTION: &str = ".SH EXTRA\n";
    let Ok(page) = String::from_utf8(page) else { return Vec::new() };
    let Some((before, from)) = page.split_once(SECTION) else { return page.into_bytes() };
    let end = from.find("\n.SH ").map_or(from.len(), |at| at + 1);
    let (examples, after) = from.split_at(end);
    format!("{before}{SECTION}.nf\n{}\n.fi\n{after}", examples.trim_end()).into_bytes()
}

/// The program's definition.
pub(super) fn program() -> Command {
    Cli::command()
}

/// The program and each of its commands, named in full: "rolecall sandbox init".
fn commands() -> Vec<Command> {
    let mut program = program();
    program.build();
    let mut found = Vec::new();
    collect(&program, "", &mut found);
    found
}

fn collect(command: &Command, above: &str, found: &mut Vec<Command>) {
    let name = format!("{above}{}", command.get_name());
    found.push(command.clone().name(name.clone()).display_name(name.clone()).bin_name(name.clone()));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        collect(below, &format!("{name} "), found);
    }
}

fn without_trailing_blanks(text: &str) -> String {
    text.trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
