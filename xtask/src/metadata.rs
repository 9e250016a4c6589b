//! What `cargo metadata` says of the workspace, as far as the gate needs it.

use std::path::PathBuf;

use serde_json::Value;

use crate::failure::Failure;
use crate::process::{capture, cargo};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) target_directory: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

impl Metadata {
    /// Without the dependencies' own metadata: the members are enough, and nothing is downloaded.
    pub(crate) fn load() -> Result<Self, Failure> {
        let output = capture(&mut cargo(["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
        Self::parse(&output)
    }

    pub(crate) fn parse(json: &[u8]) -> Result<Self, Failure> {
        let root: Value = serde_json::from_slice(json)
            .map_err(|error| Failure::Metadata { expected: "JSON", found: error.to_string() })?;
        let packages = array(&root, "packages")?.iter().map(package).collect::<Result<_, _>>()?;
        Ok(Self { target_directory: PathBuf::from(string(&root, "target_directory")?), packages })
    }

    pub(crate) fn has_package(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }
}

fn package(value: &Value) -> Result<Package, Failure> {
    let dependencies = array(value, "dependencies")?.iter().map(dependency).collect::<Result<_, _>>()?;
    Ok(Package { name: string(value, "name")?, dependencies })
}

fn dependency(value: &Value) -> Result<Dependency, Failure> {
    let kind = match value.get("kind").and_then(Value::as_str) {
        None => Kind::Normal,
        Some("build") => Kind::Build,
        Some("dev") => Kind::Dev,
        Some(other) => {
            return Err(Failure::Metadata {
                expected: "a dependency of kind null, build or dev",
                found: other.to_owned(),
            });
        }
    };
    Ok(Dependency { name: string(value, "name")?, kind })
}

fn array<'a>(value: &'a Value, key: &'static str) -> Result<&'a Vec<Value>, Failure> {
    let found = value.get(key);
    found.and_then(Value::as_array).ok_or_else(|| wrong(key, found))
}

fn string(value: &Value, key: &'static str) -> Result<String, Failure> {
    let found = value.get(key);
    found.and_then(Value::as_str).map(str::to_owned).ok_or_else(|| wrong(key, found))
}

fn wrong(expected: &'static str, found: Option<&Value>) -> Failure {
    Failure::Metadata { expected, found: found.map_or_else(|| "nothing".to_owned(), Value::to_string) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{"target_directory": "t", "packages": [
        {"name": "a", "dependencies": [{"name": "b", "kind": null}, {"name": "c", "kind": "dev"}]},
        {"name": "b", "dependencies": [{"name": "cc", "kind": "build"}]}]}"#;

    #[test]
    fn members_and_the_kinds_of_their_dependencies_are_read() {
        let metadata = Metadata::parse(TWO.as_bytes()).unwrap();
        assert!(metadata.has_package("b") && !metadata.has_package("c"));
        let kinds: Vec<_> = metadata
            .packages
            .iter()
            .flat_map(|package| package.dependencies.iter().map(|d| (d.name.as_str(), d.kind)))
            .collect();
        assert_eq!(kinds, [("b", Kind::Normal), ("c", Kind::Dev), ("cc", Kind::Build)]);
    }

    #[test]
    fn a_missing_key_is_named() {
        let failure = Metadata::parse(br#"{"packages": 3, "target_directory": "t"}"#).unwrap_err();
        assert_eq!(failure.to_string(), "`cargo metadata`: expected packages, found 3");
    }
}
