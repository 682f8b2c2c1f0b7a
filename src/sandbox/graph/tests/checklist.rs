//! docs/contributing/the-sandbox.md says which test shows what: each of them is there.

use std::path::Path;

/// Rows of the document's tables that say neither a test nor why there is none, and tests that do not exist.
fn wrong(document: &str, root: &Path) -> Vec<String> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.rsplit_once(" | "));
    let mut wrong = Vec::new();
    for (behaviour, answer) in rows.filter(|(_, answer)| !answer.starts_with("---") && !answer.starts_with("tests, or"))
    {
        if answer.starts_with("not modelled") {
            if !answer.contains(": ") {
                wrong.push(format!("{behaviour}: not modelled, and no reason"));
            }
            continue;
        }
        for name in answer.split(", ") {
            let is_there =
                name.strip_prefix('`').and_then(|name| name.strip_suffix('`')).is_some_and(|name| exists(name, root));
            if !is_there {
                wrong.push(format!("{behaviour}: {name} is no test"));
            }
        }
    }
    wrong
}

/// Whether `FILE::TEST` is a test.
fn exists(name: &str, root: &Path) -> bool {
    let Some((file, test)) = name.split_once("::") else { return false };
    let folders = ["src/sandbox/graph/tests", "src/sandbox/graph", "src/sandbox", "tests"];
    let files = folders.iter().map(|folder| root.join(folder).join(format!("{file}.rs")));
    files.filter_map(|file| fs_err::read_to_string(file).ok()).any(|text| is_test(&text, test))
}

/// Whether the text has a function of this name, and says just above it that it is a test.
fn is_test(text: &str, name: &str) -> bool {
    let lines = text.lines().map(str::trim_start).collect::<Vec<_>>();
    let Some(position) = lines.iter().position(|line| line.contains(&format!("fn {name}("))) else { return false };
    let attributes = lines.iter().take(position).rev().take_while(|line| line.starts_with("#["));
    attributes.into_iter().any(|line| line.contains("test]") || line.contains("test("))
}

#[test]
fn every_test_that_the_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs_err::read_to_string(root.join("docs/contributing/the-sandbox.md")).unwrap();
    assert!(document.contains("::every_route_is_shut_without_what_opens_it`"), "the tables are not there");
    let wrong = wrong(&document, root);
    assert!(wrong.is_empty(), "docs/contributing/the-sandbox.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_test_that_is_not_there_is_found_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = "| behaviour | tests, or why there are none |\n| --- | --- |\n\
                    | one | `lists::page_sizes_are_1_to_999` |\n\
                    | two | `lists::page_sizes_are_1_to_999`, `lists::renamed` |\n\
                    | three | `page::filtered` |\n\
                    | four | not modelled |\n\
                    | five | nothing |\n\
                    | six | not modelled: nobody asks |\n";
    assert_eq!(
        wrong(document, root),
        [
            "two: `lists::renamed` is no test",
            "three: `page::filtered` is no test",
            "four: not modelled, and no reason",
            "five: nothing is no test",
        ]
    );
}
