//! Finding and walking the config's folder.

use std::fs;
use std::path::Path;

use super::{ROOT, told};
use crate::config::{Loaded, load};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// What was told, with the folder's own name taken out.
fn told_of(path: &Path, folder: &Path) -> String {
    let real = fs::canonicalize(folder).unwrap();
    let told = told(&load(path));
    told.replace(&real.display().to_string(), "FOLDER").replace(&folder.display().to_string(), "FOLDER")
}

const DEV: &str = "groups:\n  dev: { members: [] }\n";

#[test]
fn any_path_stands_for_the_whole_config() {
    let folder = folder(&[
        ("access/rolecall.yaml", ROOT),
        ("access/teams/trinity.yaml", DEV),
        ("access/teams/deep/er/payments.yml", "groups:\n  payments: { members: [{ group: dev }] }\n"),
        ("access/teams/README.md", "# teams"),
        ("access/.git/config.yaml", "not: ours"),
        ("access/.pre-commit.yaml", "not: ours"),
    ]);
    let whole = load(&folder.path().join("access"));
    assert_eq!(told(&whole), "");
    let read: Vec<&str> = whole.sources.iter().map(|(_, file)| &*file.path).collect();
    assert_eq!(read, ["rolecall.yaml", "teams/deep/er/payments.yml", "teams/trinity.yaml"]);
    for path in ["access/rolecall.yaml", "access/teams", "access/teams/trinity.yaml", "access/teams/README.md"] {
        let part = load(&folder.path().join(path));
        assert_eq!(
            (part.root, part.config, part.tree_hash),
            (whole.root.clone(), whole.config.clone(), whole.tree_hash.clone())
        );
    }
}

#[test]
fn the_hash_is_of_paths_and_contents() {
    let hash = |files: &[(&str, &str)]| load(folder(files).path()).tree_hash;
    let first = hash(&[("rolecall.yaml", ROOT), ("a.yaml", DEV)]);
    assert_eq!(first.len(), 64);
    assert_eq!(first, hash(&[("rolecall.yaml", ROOT), ("a.yaml", DEV), ("README.md", "other")]));
    assert_ne!(first, hash(&[("rolecall.yaml", ROOT), ("b.yaml", DEV)]));
    assert_ne!(first, hash(&[("rolecall.yaml", ROOT), ("a.yaml", &format!("{DEV}# more\n"))]));
}

#[test]
fn no_config_here() {
    let none = folder(&[("teams/trinity.yaml", DEV)]);
    insta::assert_snapshot!(told_of(&none.path().join("teams"), none.path()), @r#"
    no-root: there is no `rolecall.yaml` here or in any folder above
      FOLDER/teams
      help: a config starts with a root file of that name; `rolecall demo` shows one at work
    "#);
    insta::assert_snapshot!(told_of(&none.path().join("missing"), none.path()), @r#"
    unreadable-file: cannot be read: it does not exist
      FOLDER/missing
      help: name a folder of access files, or a file in one
    "#);
    let other = folder(&[("rolecall.yml", ROOT)]);
    insta::assert_snapshot!(told_of(other.path(), other.path()), @r#"
    no-root: there is no `rolecall.yaml` here or in any folder above
      FOLDER
      help: rename FOLDER/rolecall.yml to `rolecall.yaml`
    "#);
}

#[cfg(unix)]
#[test]
fn links() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[
        ("access/rolecall.yaml", ROOT),
        ("access/teams/trinity.yaml", DEV),
        ("outside/secret.yaml", "password: hunter2\n"),
    ]);
    let access = folder.path().join("access");
    symlink("teams/trinity.yaml", access.join("again.yaml")).unwrap();
    symlink("..", access.join("teams/loop")).unwrap();
    symlink("teams", access.join("people")).unwrap();
    let loaded = load(&access);
    assert_eq!(told(&loaded), "", "links within the folder lead to files that are read once");
    assert_eq!(loaded.sources.iter().count(), 2);

    symlink("../outside/secret.yaml", access.join("secret.yaml")).unwrap();
    symlink("../outside", access.join("folder")).unwrap();
    symlink("nowhere.yaml", access.join("broken.yaml")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(access.join("socket.yaml")).unwrap();
    let told = told_of(&access, folder.path());
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told, @r#"
    unreadable-file: cannot be read: it does not exist
      broken.yaml
      help: mend or remove it, or, if it is no access file, name it under `exclude:` of the root file
    link-out-of-folder: this link leads out of the config's folder, to FOLDER/outside
      folder
      help: put the file itself here
    link-out-of-folder: this link leads out of the config's folder, to FOLDER/outside/secret.yaml
      secret.yaml
      help: put the file itself here
    unreadable-file: this is no regular file
      socket.yaml
      help: mend or remove it, or, if it is no access file, name it under `exclude:` of the root file
    "#);
}

#[cfg(unix)]
#[test]
fn a_mounted_config_map_is_a_config() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[("..2026_11_22/rolecall.yaml", ROOT), ("..2026_11_22/dev.yaml", DEV)]);
    symlink("..2026_11_22", folder.path().join("..data")).unwrap();
    symlink("..data/rolecall.yaml", folder.path().join("rolecall.yaml")).unwrap();
    symlink("..data/dev.yaml", folder.path().join("dev.yaml")).unwrap();
    let loaded = load(folder.path());
    assert_eq!(told(&loaded), "");
    assert_eq!(loaded.config.unwrap().groups.len(), 1);
}

#[cfg(unix)]
#[test]
fn a_root_file_that_is_elsewhere() {
    let folder = folder(&[("elsewhere/rolecall.yaml", ROOT), ("access/dev.yaml", DEV)]);
    let access = folder.path().join("access");
    std::os::unix::fs::symlink("../elsewhere/rolecall.yaml", access.join("rolecall.yaml")).unwrap();
    insta::assert_snapshot!(told_of(&access, folder.path()), @r#"
    link-out-of-folder: this link leads out of the config's folder, to FOLDER/elsewhere/rolecall.yaml
      rolecall.yaml
      help: put the file itself here
    "#);
}

#[cfg(unix)]
#[test]
fn a_link_gives_no_file_what_another_one_may_do() {
    use std::os::unix::fs::symlink;
    let root = format!(
        "{ROOT}delegate:\n  - {{ files: [teams/sre/**], groups: ['*'] }}\n  - {{ files: [teams/web/**], groups: [web-*] }}\n"
    );
    let folder = folder(&[
        ("access/rolecall.yaml", &root),
        ("access/teams/sre/groups.yaml", "groups:\n  sre: { members: [] }\n"),
        ("access/teams/web/groups.yaml", "groups:\n  web-devs: { members: [] }\n"),
        ("access/teams/web/.hidden/more.yaml", "groups:\n  anything: { members: [] }\n"),
    ]);
    let access = folder.path().join("access");
    let clean = load(&access);
    assert_eq!(told(&clean), "");
    // Whichever of the names of a folder is found first: it lies where it lies.
    symlink("../web", access.join("teams/sre/web")).unwrap();
    symlink("sre", access.join("teams/a")).unwrap();
    symlink("sre", access.join("teams/z")).unwrap();
    assert_eq!(told(&load(&access)), "");
    symlink("../web/.hidden/more.yaml", access.join("teams/sre/more.yaml")).unwrap();
    insta::assert_snapshot!(told_of(&access, folder.path()), @r#"
    undelegated-group: this file may not define the group `anything`
      teams/sre/more.yaml:2:3 "anything" defined here
      rolecall.yaml:7:30 "groups" this delegation of `teams/web/.hidden/more.yaml`, where the file lies, lists `web-*`
      help: define it in a file to which it is delegated, or have the delegation list it; naming it as a member (`{ group: anything }`) is a reference, and fine
    "#);
}

#[cfg(unix)]
#[test]
fn a_mounted_config_map_is_delegated_as_its_files_are() {
    use std::os::unix::fs::symlink;
    let root = format!("{ROOT}delegate:\n  - {{ files: [web.yaml], groups: [web-*] }}\n");
    let web = "groups:\n  web-devs: { members: [] }\n";
    let folder = folder(&[("..2026_11_22/rolecall.yaml", &root), ("..2026_11_22/web.yaml", web)]);
    symlink("..2026_11_22", folder.path().join("..data")).unwrap();
    symlink("..data/rolecall.yaml", folder.path().join("rolecall.yaml")).unwrap();
    symlink("..data/web.yaml", folder.path().join("web.yaml")).unwrap();
    assert_eq!(told(&load(folder.path())), "");
    fs::create_dir(folder.path().join("own")).unwrap();
    fs::write(folder.path().join("own/web.yaml"), "groups:\n  web-ops: { members: [] }\n").unwrap();
    insta::assert_snapshot!(told_of(folder.path(), folder.path()), @r#"
    undelegated-file: no delegation matches this file, so it may define nothing
      own/web.yaml:2:3 "web-ops" defined here
      rolecall.yaml:5:1 "delegate" what other files may define is listed here
      help: `files` goes by where a file lies past every link, and this one lies elsewhere than the root file: put the file itself here
    "#);
}

#[test]
fn excluded_folders_are_not_even_walked() {
    let folder = folder(&[
        ("rolecall.yaml", &format!("{ROOT}exclude: [vendor, 'charts/*/values.yaml']\n")),
        ("vendor/a/b.yaml", "x: y"),
        ("charts/web/values.yaml", "x: y"),
        ("charts/web/dev.yaml", DEV),
    ]);
    let loaded = load(folder.path());
    assert_eq!(told(&loaded), "");
    assert_eq!(loaded.config.unwrap().groups.len(), 1);
}

#[test]
fn a_config_below_another_is_one_of_its_own_once_it_is_excluded() {
    let files = |exclude: &str| {
        let root = format!("{ROOT}{exclude}");
        folder(&[
            ("rolecall.yaml", &root),
            ("dev.yaml", DEV),
            ("shop/rolecall.yaml", &ROOT.replace("contoso", "shop")),
            ("shop/web.yaml", "groups:\n  web: { members: [] }\n"),
        ])
    };
    let names = |loaded: &Loaded| {
        let config = loaded.config.as_ref().unwrap();
        (config.name.value.to_string(), config.groups.keys().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    let both = files("");
    let loaded = load(both.path());
    assert!(loaded.config.is_none());
    assert!(told(&loaded).starts_with("root-only-key: `version` is about the whole config\n  shop/rolecall.yaml:1:1"));

    let apart = files("exclude: [shop]\n");
    assert_eq!(names(&load(apart.path())), ("contoso".to_owned(), "dev".to_owned()));
    for path in ["shop", "shop/rolecall.yaml", "shop/web.yaml"] {
        assert_eq!(names(&load(&apart.path().join(path))), ("shop".to_owned(), "web".to_owned()), "{path}");
    }
}

#[test]
fn too_much() {
    let folder = folder(&[("rolecall.yaml", ROOT), ("a.yaml", &format!("{DEV}{}", "#".repeat(1024 * 1024)))]);
    insta::assert_snapshot!(told_of(folder.path(), folder.path()), @r#"
    file-too-large: 1048607 bytes are too many, 1048576 is the most
      a.yaml
      help: split the file
    "#);
    fs::remove_file(folder.path().join("a.yaml")).unwrap();
    for at in 0..10_001 {
        fs::write(folder.path().join(format!("{at}.yaml")), "").unwrap();
    }
    insta::assert_snapshot!(told_of(folder.path(), folder.path()), @r#"
    too-many-files: the folder holds more than 10000 YAML files or 67108864 bytes of them
      .
      help: name what is no access file under `exclude:` of the root file
    "#);
}

#[cfg(unix)]
#[test]
fn what_lies_in_the_folder_is_known() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[("access/rolecall.yaml", ROOT), ("access/kubeconfig", ""), ("outside/kubeconfig", "")]);
    let access = folder.path().join("access");
    symlink("../outside/kubeconfig", access.join("link")).unwrap();
    symlink("../access/kubeconfig", folder.path().join("outside/link")).unwrap();
    let loaded = load(&access);
    for inside in ["access/kubeconfig", "access/link", "outside/link", "access/missing", "outside/../access/missing"] {
        assert!(loaded.contains(&folder.path().join(inside)), "{inside}");
    }
    for outside in ["outside/kubeconfig", "outside/missing", "accessories"] {
        assert!(!loaded.contains(&folder.path().join(outside)), "{outside}");
    }
}

#[test]
fn a_connections_file_among_the_access_files_is_called_that_and_nothing_else() {
    for text in [
        "entra:\n  ca-file: ca.pem\nenvironments:\n  alpha: { kubeconfig: k, context: alpha }\n",
        "environments:\n  alpha: { in-cluster: true }\n",
        "proxy: { url: 'http://proxy.contoso.com:3128' }\n",
    ] {
        let folder = folder(&[("rolecall.yaml", ROOT), ("connections.yaml", text)]);
        let told = told_of(folder.path(), folder.path());
        assert_eq!(told.matches("not-an-access-file: this is a connections file").count(), 1, "{told}");
        assert_eq!(told.matches("help:").count(), 1, "{told}");
    }
}
