use super::*;

#[test]
fn a_committed_file_is_known_wherever_it_lies_in_the_repository() {
    let (folder, access) = repository();
    let top = folder.path();
    fs::create_dir(top.join("ci")).unwrap();
    fs::write(top.join("ci/connections.yaml"), "").unwrap();
    fs::write(top.join("own.yaml"), "").unwrap();
    let git = Repository::open(top).unwrap();
    let mut index = git.index().unwrap();
    index.add_path(Path::new("ci/connections.yaml")).unwrap();
    index.write().unwrap();
    for held in
        ["access/rolecall.yaml", "ci/connections.yaml", "ci/../CI/Connections.yaml", "access/../ci/connections.yaml"]
    {
        assert!(is_committed(&access, &top.join(held)), "{held}");
    }
    // What git does not know was not brought by a commit.
    for other in ["own.yaml", "ci/other.yaml", "nowhere.yaml", "connections.yaml"] {
        assert!(!is_committed(&access, &top.join(other)), "{other}");
    }
    let elsewhere = tempfile::tempdir().unwrap();
    assert!(!is_committed(&access, &elsewhere.path().join("connections.yaml")));
    assert!(!is_committed(elsewhere.path(), &top.join("ci/connections.yaml")), "of another repository");
}

#[cfg(unix)]
#[test]
fn a_committed_link_on_the_way_counts() {
    let (folder, access) = repository();
    let (top, elsewhere) = (folder.path(), tempfile::tempdir().unwrap());
    fs::write(elsewhere.path().join("connections.yaml"), "").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), top.join("ci")).unwrap();
    std::os::unix::fs::symlink(top.join("ci"), elsewhere.path().join("own")).unwrap();
    let through = [top.join("ci/connections.yaml"), elsewhere.path().join("own/connections.yaml")];
    assert!(!through.iter().any(|path| is_committed(&access, path)));
    let git = Repository::open(top).unwrap();
    let mut index = git.index().unwrap();
    index.add_path(Path::new("ci")).unwrap();
    index.write().unwrap();
    for path in &through {
        assert!(is_committed(&access, path), "{}", path.display());
    }
    // A circle ends.
    std::os::unix::fs::symlink(elsewhere.path().join("b"), elsewhere.path().join("a")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("a"), elsewhere.path().join("b")).unwrap();
    assert!(!is_committed(&access, &elsewhere.path().join("a")));
}

#[test]
fn where_git_cannot_tell_each_file_of_the_repository_counts() {
    let (folder, access) = repository();
    fs::write(folder.path().join(".git/index"), "nonsense").unwrap();
    assert!(is_committed(&access, &folder.path().join("own.yaml")));
    assert!(!is_committed(&access, &std::env::temp_dir().join("own.yaml")));
}
