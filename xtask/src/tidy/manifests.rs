//! Members inherit from the root manifest what is the same for all.

use crate::manifest::Manifest;
use crate::process::Outcome;
use crate::workspace;

const INHERITED: &[(&str, &str)] = &[
    ("package", "version.workspace"),
    ("package", "edition.workspace"),
    ("package", "rust-version.workspace"),
    ("package", "license.workspace"),
    ("package", "publish.workspace"),
    ("lints", "workspace"),
];

pub fn faults() -> Outcome<Vec<String>> {
    let members = workspace::members()?;
    Ok(members.iter().flat_map(|member| of(member.name(), &member.manifest)).collect())
}

fn of(name: &str, manifest: &Manifest) -> Vec<String> {
    let mut faults = Vec::new();
    for (section, key) in INHERITED {
        if manifest.value(section, key) != Some("true") {
            faults.push(format!("{name}: its Cargo.toml lacks `{key} = true` in [{section}]"));
        }
    }
    if manifest.string("package", "description").is_none() {
        faults.push(format!("{name}: its Cargo.toml has no description"));
    }
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for dependency in manifest.dependencies(table) {
            if !inherited(manifest, table, dependency) {
                faults.push(format!("{name}: {dependency} in [{table}] does not take its version from the workspace"));
            }
        }
    }
    faults
}

fn inherited(manifest: &Manifest, table: &str, dependency: &str) -> bool {
    manifest.value(table, &format!("{dependency}.workspace")) == Some("true")
        || manifest.value(table, dependency).is_some_and(|value| value.contains("workspace = true"))
        || manifest.value(&format!("{table}.{dependency}"), "workspace") == Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_inherited_is_named() {
        let manifest = Manifest::parse(
            "[package]\nname = \"x\"\ndescription = \"y\"\nversion = \"1\"\nedition.workspace = true\n\
             rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\
             [dependencies]\na.workspace = true\nb = { workspace = true, optional = true }\nc = \"1\"\n\
             [lints]\nworkspace = true\n",
        );
        assert_eq!(
            of("x", &manifest),
            [
                "x: its Cargo.toml lacks `version.workspace = true` in [package]",
                "x: c in [dependencies] does not take its version from the workspace",
            ]
        );
    }
}
