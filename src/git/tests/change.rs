//! What a change touches, and who wrote it, in real repositories.

use std::collections::BTreeMap;

use fs_err as fs;
use git2::{IndexAddOption, Oid, Repository, RepositoryInitOptions, Signature, Time};
use tempfile::TempDir;

use crate::git::{authors, base, touched_lines};
use crate::state::Lines;

struct World {
    folder: TempDir,
    repository: Repository,
}

type Files<'f> = &'f [(&'f str, &'f str)];

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository =
            Repository::init_opts(folder.path(), RepositoryInitOptions::new().initial_head("main")).unwrap();
        Self { folder, repository }
    }

    /// Lays these files into the folder, in place of all others.
    fn lay(&self, files: Files<'_>) {
        for entry in fs::read_dir(self.folder.path()).unwrap().map(Result::unwrap) {
            if entry.file_name() != ".git" {
                fs::remove_dir_all(entry.path()).unwrap();
            }
        }
        for (path, text) in files {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn commit(&self, files: Files<'_>, mail: &str, parents: &[Oid]) -> Oid {
        self.lay(files);
        let mut index = self.repository.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        index.update_all(["*"], None).unwrap();
        let tree = self.repository.find_tree(index.write_tree().unwrap()).unwrap();
        let who = Signature::new("Somebody", mail, &Time::new(0, 0)).unwrap();
        let parents: Vec<_> = parents.iter().map(|id| self.repository.find_commit(*id).unwrap()).collect();
        let id = self.repository.commit(None, &who, &who, "x", &tree, &parents.iter().collect::<Vec<_>>()).unwrap();
        self.repository.set_head_detached(id).unwrap();
        id
    }

    /// The lines that are taken out and added, of these of the files.
    fn touched(&self, since: Oid, before: Files<'_>, after: Files<'_>) -> [BTreeMap<String, Lines>; 2] {
        let folder = self.folder.path().join("access");
        let base = base(&folder, &folder, &since.to_string()).unwrap();
        let (before, after) = (before.iter().copied().collect(), after.iter().copied().collect());
        touched_lines(&base, &before, &after).unwrap()
    }
}

const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

fn lines(files: &[(&str, &[(u32, u32)])]) -> BTreeMap<String, Lines> {
    files.iter().map(|(path, ranges)| ((*path).to_owned(), Lines::Some(ranges.to_vec()))).collect()
}

#[test]
fn a_file_is_compared_with_what_it_was_wherever_that_lay() {
    let world = World::new();
    let other = TEN.replace("2\n", "two\n");
    let edited = TEN.replace("5\n", "five\n");
    let first = [("access/rolecall.yaml", "a\n"), ("access/teams/a.yaml", TEN), ("notes/b.txt", &*other)];
    let since = world.commit(&first, "erin@contoso.com", &[]);
    let before = [("rolecall.yaml", "a\n"), ("teams/a.yaml", TEN)];
    // One is moved and edited, one comes from elsewhere as it was, one is new.
    let head = [
        ("access/rolecall.yaml", "a\n"),
        ("access/a.yaml", &*edited),
        ("access/b.yaml", &*other),
        ("access/c.yaml", "new\n"),
    ];
    world.commit(&head, "erin@contoso.com", &[since]);
    let after = [("rolecall.yaml", "a\n"), ("a.yaml", &*edited), ("b.yaml", &*other), ("c.yaml", "new\n")];
    let [taken, added] = world.touched(since, &before, &after);
    assert_eq!(taken, lines(&[("rolecall.yaml", &[]), ("teams/a.yaml", &[(5, 5)])]));
    let mut expected = lines(&[("rolecall.yaml", &[]), ("a.yaml", &[(5, 5)]), ("b.yaml", &[])]);
    expected.insert("c.yaml".to_owned(), Lines::All);
    assert_eq!(added, expected);
}

#[test]
fn what_lies_on_the_disk_counts_committed_or_not() {
    let world = World::new();
    let first = [("access/rolecall.yaml", "a\n"), ("access/a.yaml", TEN), ("access/left-out.yaml", TEN)];
    let since = world.commit(&first, "erin@contoso.com", &[]);
    world.commit(&first, "erin@contoso.com", &[since]);
    world.lay(&[("access/rolecall.yaml", "a\nb\n"), ("access/left-out.yaml", TEN)]);
    let before = [("rolecall.yaml", "a\n"), ("a.yaml", TEN), ("left-out.yaml", TEN)];
    let [taken, added] = world.touched(since, &before, &[("rolecall.yaml", "a\nb\n")]);
    assert_eq!(added, lines(&[("rolecall.yaml", &[(2, 2)])]));
    let mut expected = lines(&[("rolecall.yaml", &[]), ("left-out.yaml", &[])]);
    expected.insert("a.yaml".to_owned(), Lines::All);
    assert_eq!(taken, expected);
}

#[test]
fn authors_are_those_who_did_something_to_the_files() {
    let world = World::new();
    let (old, new) = (("access/rolecall.yaml", "a\n"), ("access/rolecall.yaml", "b\n"));
    let notes = ("notes/x.txt", "x\n");
    let since = world.commit(&[old], "first@contoso.com", &[]);
    let elsewhere = world.commit(&[old, notes], "writer@contoso.com", &[since]);
    let one = world.commit(&[new, notes], "Erin@contoso.com", &[elsewhere]);
    let more = ("access/more.yaml", "c\n");
    let two = world.commit(&[new, notes, more], "erin@Contoso.com", &[one]);
    let side = world.commit(&[old, ("access/side.yaml", "d\n")], "sam@contoso.com", &[since]);
    let both = [new, notes, more, ("access/side.yaml", "d\n")];
    // A merge that leaves neither side's folder as it was has done something itself.
    world.commit(&both, "merger@contoso.com", &[two, side]);
    let folder = world.folder.path().join("access");
    let base = base(&folder, &folder, &since.to_string()).unwrap();
    let mut mails: Vec<String> = authors(&base).into_iter().map(|author| author.mail.to_lowercase()).collect();
    mails.sort();
    assert_eq!(mails, ["erin@contoso.com", "merger@contoso.com", "sam@contoso.com"]);
}

#[test]
fn images_that_are_renamed_do_not_hide_a_file_that_is_moved() {
    let edited = format!("{TEN}11\n");
    for was in ["access/a.yaml", "access/a.txt"] {
        let world = World::new();
        let image = |number: usize, more: &str| format!("image {number}\n").repeat(200) + more;
        let files = |folder: &str, more: &str| -> Vec<(String, String)> {
            (0..250).map(|number| (format!("{folder}/{number}.png"), image(number, more))).collect()
        };
        let (old, new) = (files("images", ""), files("pictures", "x"));
        let all = |files: &[(String, String)], one: (&str, &str)| -> Vec<(String, String)> {
            let one = [("access/rolecall.yaml".to_owned(), "a\n".to_owned()), (one.0.to_owned(), one.1.to_owned())];
            one.into_iter().chain(files.iter().cloned()).collect()
        };
        let (old, new) = (all(&old, (was, TEN)), all(&new, ("access/b.yaml", &edited)));
        let old: Vec<(&str, &str)> = old.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let new: Vec<(&str, &str)> = new.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let since = world.commit(&old, "erin@contoso.com", &[]);
        world.commit(&new, "erin@contoso.com", &[since]);
        let [_, added] = world.touched(since, &[], &[("b.yaml", &edited)]);
        assert_eq!(added, lines(&[("b.yaml", &[(11, 11)])]), "{was}");
    }
}
