//! Changes of files as a unified diff, which `git apply` and `patch -p1` take.

use std::fmt::Write as _;

use similar::TextDiff;

use super::escape;

/// The diff of one file: its path from the top of the repository, its text before, and after. By its first line git knows that
/// the path is from there, wherever in the repository it is run.
pub fn unified(path: &str, before: &str, after: &str) -> String {
    let [old, new] = ["a/", "b/"].map(|side| name(&format!("{side}{path}")));
    let first = format!("diff --git {old} {new}\n");
    let [old, new] = [old, new].map(|name| if is_bare(path) && path.contains(' ') { name + "\t" } else { name });
    // As git does: a carriage return alone ends no line.
    let [before, after] = [before, after].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    let diff = TextDiff::configure().newline_terminated(true).diff_slices(&before, &after);
    first + &diff.unified_diff().header(&old, &new).to_string()
}

/// Where the file that the diff of one file changes has the first line that would act where the diff is printed.
pub fn acting_line(patch: &str) -> Option<u32> {
    let mut next = 0;
    // Behind the names of the file.
    for line in patch.split_inclusive('\n').skip(3) {
        if let Some(hunk) = line.strip_prefix("@@ -") {
            let digits = hunk.find(|character: char| !character.is_ascii_digit()).and_then(|end| hunk.get(..end));
            next = digits.and_then(|digits| digits.parse().ok()).unwrap_or(next);
            continue;
        }
        if escape::acts_on_ci(line) {
            return Some(next);
        }
        next += u32::from(line.starts_with([' ', '-']));
    }
    None
}

/// Whether a name is written as it is.
fn is_bare(path: &str) -> bool {
    let is_plain = |character: char| character != '"' && character != '\\' && !escape::is_hidden(character);
    path.chars().all(is_plain) && !path.contains("##") && !path.contains("::")
}

/// A name as git writes it: in quotes where it holds what a line cannot, or what would act where the line is printed.
fn name(path: &str) -> String {
    if is_bare(path) {
        return path.to_owned();
    }
    let mut quoted = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' if !b"#:".contains(&byte) => quoted.push(char::from(byte)),
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
        assert_eq!(
            patch,
            "diff --git a/teams/a b.yaml b/teams/a b.yaml\n--- a/teams/a b.yaml\t\n+++ b/teams/a b.yaml\t\n\
             @@ -1,2 +1,2 @@\n one\n-two\n+three\n"
        );
        let patch = unified("é\"\n.yaml", "a", "b");
        assert!(patch.contains("\n--- \"a/\\303\\251\\\"\\012.yaml\"\n"), "{patch}");
    }

    #[test]
    fn a_carriage_return_alone_ends_no_line() {
        let patch = unified("a.yaml", "# a\rb\none\n", "# a\rb\ntwo\n");
        assert!(patch.ends_with("@@ -1,2 +1,2 @@\n # a\rb\n-one\n+two\n"), "{patch:?}");
        assert_eq!(acting_line(&patch), Some(1));
    }

    #[test]
    fn the_line_that_would_act_is_known() {
        let text = |last: &str| format!("one\ntwo\nthree\nfour\nfive\nsix # ##vso[x]\n{last}\n");
        let patch = unified("a.yaml", &text("seven"), &text("eight"));
        assert_eq!(acting_line(&patch), Some(6), "{patch}");
        let patch = unified("a.yaml", "one\n##[x]\n", "zero\n");
        assert_eq!(acting_line(&patch), Some(2), "{patch}");
        assert_eq!(acting_line(&unified("a.yaml", "one\n", "two\n")), None);
    }

    #[test]
    fn a_name_cannot_act_where_the_patch_is_printed() {
        for path in ["##vso[task.x]a.yaml", "a ::add-mask::b.yaml", "a\u{202e}b.yaml", "a\u{9b}b.yaml"] {
            let patch = unified(path, "a\n", "b\n");
            assert!(!escape::acts_on_ci(&patch) && !patch.contains('\u{202e}'), "{patch:?}");
        }
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
