//! The examples are right, by the check and by the schema their editor line names.

use std::path::{Path, PathBuf};

use super::told;
use crate::config::load;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_example_is_without_a_mistake() {
    for example in ["quickstart", "company", "teams"] {
        let loaded = load(&repository().join("examples").join(example));
        assert_eq!(told(&loaded), "", "{example}");
        assert!(loaded.config.is_some());
    }
}

#[test]
fn every_file_names_the_schema_and_is_valid_by_it() {
    let schema =
        serde_json::from_str(&std::fs::read_to_string(repository().join("schema/access.schema.json")).unwrap());
    let schema = jsonschema::validator_for(&schema.unwrap()).unwrap();
    let mut seen = 0;
    for example in ["quickstart", "company", "teams"] {
        let loaded = load(&repository().join("examples").join(example));
        for (_, file) in loaded.sources.iter() {
            let line = file.text.lines().next().unwrap();
            let named = line.strip_prefix("# yaml-language-server: $schema=").expect(&file.path);
            let folder: PathBuf = loaded.root.join(&*file.path).parent().unwrap().to_owned();
            let named = std::fs::canonicalize(folder.join(named)).expect(&file.path);
            assert_eq!(named, std::fs::canonicalize(repository().join("schema/access.schema.json")).unwrap());
            let value = super::schema::json_of(&file.text);
            let errors: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", file.path);
            seen += 1;
        }
    }
    assert_eq!(seen, 22);
}

#[test]
fn the_company_shows_each_kind_of_thing() {
    let loaded = load(&repository().join("examples/company"));
    let config = loaded.config.unwrap();
    assert!(config.groups.len() >= 12, "{}", config.groups.len());
    let desired = crate::desired::compile(&config, &loaded.sources);
    let staging = &desired.environments[&"staging".parse().unwrap()];
    let kinds: Vec<String> = staging
        .roles
        .iter()
        .map(|role| format!("{} {}", role.key, role.namespace.as_ref().map_or("-", |namespace| namespace.as_str())))
        .collect();
    insta::assert_snapshot!(kinds.join("\n"), @r#"
    log-reader -
    metrics-reader -
    node-reader -
    payments-restarter payments
    restarter -
    "#);
}
