//! The files of CI systems in this repository, as values.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One file.
#[derive(Clone)]
pub(crate) struct File {
    /// Its path from the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) value: Value,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let value = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text: text.to_owned(), value }
    }

    /// Its jobs, in GitHub's and Azure Pipelines' shape, with their names.
    pub(crate) fn jobs(&self) -> Vec<(String, &Value)> {
        self.value["jobs"].as_object().into_iter().flatten().map(|(name, job)| (name.clone(), job)).collect()
    }

    /// The file with a text in place of another that must be there.
    pub(crate) fn with(&self, from: &str, to: &str) -> Self {
        assert!(self.text.contains(from), "{} does not hold {from}", self.path);
        Self::new(&self.path, &self.text.replacen(from, to, 1))
    }
}

pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> File {
    File::new(path, &std::fs::read_to_string(repository().join(path)).unwrap())
}

/// The YAML files of a folder. There is at least one.
pub(crate) fn folder(path: &str) -> Vec<File> {
    let mut files: Vec<File> = std::fs::read_dir(repository().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "yml"))
        .map(|name| read(&format!("{path}/{name}")))
        .collect();
    assert!(!files.is_empty(), "no file in {path}");
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// Every value below one, itself included, with the keys that lead to it.
pub(crate) fn walk<'a>(value: &'a Value, visit: &mut dyn FnMut(&[&'a str], &'a Value)) {
    fn go<'a>(at: &mut Vec<&'a str>, value: &'a Value, visit: &mut dyn FnMut(&[&'a str], &'a Value)) {
        visit(at, value);
        match value {
            Value::Object(map) => {
                for (key, inner) in map {
                    at.push(key);
                    go(at, inner, visit);
                    at.pop();
                }
            }
            Value::Array(list) => list.iter().for_each(|inner| go(at, inner, visit)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    go(&mut Vec::new(), value, visit);
}
