//! Changes of files as a unified diff, which `git apply` and `patch -p1` take.

use std::fmt::Write as _;

use similar::TextDiff;

/// The diff of one file: its path from the top of the repository, its text before, and after.
pub fn unified(path: &str, before: &str, after: &str) -> String {
    let [old, new] = ["a/", "b/"].map(|side| name(&format!("{side}{path}")));
    TextDiff::from_lines(before, after).unified_diff().header(&old, &new).to_string()
}

/// A name as git writes it: in quotes where it holds what a line cannot, with a tab behind it where it holds a blank.
fn name(path: &str) -> String {
    let is_plain = |character: char| character != '"' && character != '\\' && !character.is_control();
    if path.chars().all(is_plain) {
        return if path.contains(' ') { format!("{path}\t") } else { path.to_owned() };
    }
    let mut quoted = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            0x20..=0x7e => quoted.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => {
                let _ = write!(quoted, "\\{byte:03o}");
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_names_the_file_as_git_does() {
        let patch = unified("teams/a b.yaml", "one\ntwo\n", "one\nthree\n");
        assert_eq!(patch, "--- a/teams/a b.yaml\t\n+++ b/teams/a b.yaml\t\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n");
        assert!(unified("é\"\n.yaml", "a", "b").starts_with("--- \"a/\\303\\251\\\"\\012.yaml\"\n"));
    }

    #[test]
    fn ends_of_lines_and_a_missing_one_are_kept() {
        let patch = unified("a.yaml", "one\r\ntwo", "one\r\nthree");
        assert!(
            patch.contains(" one\r\n-two\n\\ No newline at end of file\n+three\n\\ No newline at end of file\n"),
            "{patch:?}"
        );
    }
}
