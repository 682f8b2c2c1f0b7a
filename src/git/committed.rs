//! Which files a commit may have brought: those, whoever proposes a change may choose.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::open::{DOT_GIT, exactly};

/// So many links in a row are a circle.
const MOST_LINKS: usize = 40;

/// Whether git holds a file in the repository around a folder, or something on the way to it: a link, or a repository within the
/// repository. Where git cannot tell, each file in the repository counts as held.
pub fn is_committed(folder: &Path, file: &Path) -> bool {
    let Ok(folder) = fs_err::canonicalize(folder) else { return false };
    let steps = steps(file);
    // A repository may lie within another, and a change of the outer one may be the one that is looked at.
    let mut tops = folder.ancestors().filter(|top| fs_err::symlink_metadata(top.join(DOT_GIT)).is_ok());
    tops.any(|top| {
        let inside: Vec<String> = steps.iter().filter_map(|step| below(top, step)).collect();
        !inside.is_empty() && is_known(top, &inside)
    })
}

/// Whether the index holds one of these, or a part of the way to it. Letters count as alike in both cases, as on some disks.
fn is_known(top: &Path, inside: &[String]) -> bool {
    let Ok(index) = exactly(&top.join(DOT_GIT)).and_then(|repository| repository.index()) else { return true };
    index.iter().any(|entry| {
        let known = String::from_utf8_lossy(&entry.path).to_lowercase();
        inside.iter().any(|path| path.strip_prefix(&known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    })
}

/// The path below a folder as git writes it, in small letters.
fn below(top: &Path, path: &Path) -> Option<String> {
    let parts = path.strip_prefix(top).ok()?.components().map(|part| part.as_os_str().to_string_lossy());
    Some(parts.collect::<Vec<_>>().join("/").to_lowercase())
}

/// Where a path leads: each link on the way, at its real place, and what stands at the end.
fn steps(file: &Path) -> Vec<PathBuf> {
    let parts =
        |path: &Path| -> Vec<OsString> { path.components().rev().map(|part| part.as_os_str().to_owned()).collect() };
    let (mut at, mut rest, mut all) = (PathBuf::new(), parts(file), Vec::new());
    while let Some(part) = rest.pop() {
        match Path::new(&part).components().next() {
            Some(Component::ParentDir) => drop(at.pop()),
            Some(Component::Normal(_)) => {
                at.push(part);
                if let Ok(target) = fs_err::read_link(&at) {
                    all.push(at.clone());
                    if all.len() > MOST_LINKS {
                        return all;
                    }
                    at.pop();
                    rest.extend(parts(&target));
                }
            }
            Some(Component::RootDir | Component::Prefix(_)) => at.push(part),
            Some(Component::CurDir) | None => {}
        }
    }
    all.push(at);
    all
}
