//! A repository around the access files of a world, made through git2.

use git2::{BranchType, IndexAddOption, Oid, Repository, RepositoryInitOptions, Signature, Time};

use crate::common::World;

/// The first of March 2026, noon.
const START: i64 = 1_772_366_400;
const DAY: i64 = 86_400;

/// A world whose folder is a repository. Each commit is a day later than the one before.
pub(crate) struct Versions {
    pub(crate) world: World,
    pub(crate) repository: Repository,
    days: i64,
}

impl Versions {
    pub(crate) fn of(world: World) -> Self {
        let mut options = RepositoryInitOptions::new();
        let repository = Repository::init_opts(world.path(""), options.initial_head("main")).unwrap();
        Self { world, repository, days: 0 }
    }

    fn who(&mut self, name: &str) -> Signature<'static> {
        self.days += 1;
        let mail = format!("{}@contoso.com", name.split(' ').next().unwrap_or_default().to_lowercase());
        Signature::new(name, &mail, &Time::new(START + self.days * DAY, 60)).unwrap()
    }

    /// Commits everything in the folder, on the branch that is checked out.
    pub(crate) fn commit(&mut self, author: &str, message: &str) -> Oid {
        let who = self.who(author);
        let head = self.repository.head().ok().and_then(|head| head.target());
        self.record(&who, message, &head.into_iter().collect::<Vec<_>>())
    }

    fn record(&self, who: &Signature<'_>, message: &str, parents: &[Oid]) -> Oid {
        let mut index = self.repository.index().unwrap();
        let mut wanted =
            |path: &std::path::Path, _: &[u8]| i32::from(!path.starts_with("access") && !path.starts_with("more"));
        index.add_all(["*"], IndexAddOption::DEFAULT, Some(&mut wanted)).unwrap();
        index.update_all(["*"], None).unwrap();
        index.write().unwrap();
        let tree = self.repository.find_tree(index.write_tree().unwrap()).unwrap();
        let parents: Vec<_> = parents.iter().map(|parent| self.repository.find_commit(*parent).unwrap()).collect();
        self.repository.commit(Some("HEAD"), who, who, message, &tree, &parents.iter().collect::<Vec<_>>()).unwrap()
    }

    /// Writes what a change makes of a file, and commits it.
    pub(crate) fn change(&mut self, from: &str, to: &str, author: &str, message: &str) -> Oid {
        self.world.replace("access/rolecall.yaml", from, to);
        self.commit(author, message)
    }

    pub(crate) fn branch(&self, name: &str) {
        let head = self.repository.head().unwrap().peel_to_commit().unwrap();
        drop(self.repository.branch(name, &head, false).unwrap());
        self.repository.set_head(&format!("refs/heads/{name}")).unwrap();
    }

    /// Goes back to `main` and merges a branch, whose files win.
    pub(crate) fn merge(&mut self, branch: &str, author: &str, message: &str) -> Oid {
        let other = self.repository.find_branch(branch, BranchType::Local).unwrap().get().target().unwrap();
        let who = self.who(author);
        let tree = self.repository.find_commit(other).unwrap().tree().unwrap();
        self.check_out("main");
        let main = self.repository.head().unwrap().peel_to_commit().unwrap();
        let other = self.repository.find_commit(other).unwrap();
        let merged = self.repository.commit(Some("HEAD"), &who, &who, message, &tree, &[&main, &other]).unwrap();
        self.check_out("main");
        merged
    }

    pub(crate) fn check_out(&self, branch: &str) {
        self.repository.set_head(&format!("refs/heads/{branch}")).unwrap();
        let mut checkout = git2::build::CheckoutBuilder::new();
        self.repository.checkout_head(Some(checkout.force())).unwrap();
    }

    /// Makes the clone shallow: as if it ended at this commit.
    pub(crate) fn shallow_at(&self, commit: Oid) {
        std::fs::write(self.repository.path().join("shallow"), format!("{commit}\n")).unwrap();
    }
}

/// What a person reads of an id.
pub(crate) fn short(id: Oid) -> String {
    id.to_string()[..7].to_owned()
}
