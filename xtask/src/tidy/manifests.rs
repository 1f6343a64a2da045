//! Members inherit from the root manifest what is the same for all.

use crate::manifest::Manifest;
use crate::process::Outcome;
use crate::workspace::{self, Member};

const INHERITED: &[(&str, &str)] = &[
    ("package", "version.workspace"),
    ("package", "edition.workspace"),
    ("package", "rust-version.workspace"),
    ("package", "license.workspace"),
    ("package", "publish.workspace"),
];

/// Members that call what is unsafe, each block with its argument. Cargo takes the lints of the workspace as a whole or
/// not at all; theirs are written out, the same but that unsafe code is denied where it is not expressly allowed.
const UNSAFE: &[&str] = &["imnn-benches", "imnn-compute", "imnn-device", "imnn-tests"];

const LINTS: &[&str] = &["rust", "rustdoc", "clippy"];

pub fn faults() -> Outcome<Vec<String>> {
    let members = workspace::members()?;
    let root = workspace::root_manifest()?;
    let member = |member: &Member| [of(member.name(), &member.manifest), lints(member.name(), &member.manifest, &root)];
    Ok(members.iter().flat_map(member).flatten().collect())
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

/// Lints are those of the workspace, inherited or written out.
fn lints(name: &str, manifest: &Manifest, root: &Manifest) -> Vec<String> {
    if !UNSAFE.contains(&name) {
        let inherited = manifest.value("lints", "workspace") == Some("true");
        return if inherited {
            vec![]
        } else {
            vec![format!("{name}: its Cargo.toml lacks `workspace = true` in [lints]")]
        };
    }
    let mut expected = vec![("clippy", "undocumented_unsafe_blocks", "\"deny\"")];
    for table in LINTS {
        let section = format!("workspace.lints.{table}");
        for key in root.keys(&section) {
            let value = if key == "unsafe_code" { Some("\"deny\"") } else { root.value(&section, key) };
            expected.extend(value.map(|value| (*table, key, value)));
        }
    }
    expected
        .into_iter()
        .filter(|(table, key, value)| manifest.value(&format!("lints.{table}"), key) != Some(value))
        .map(|(table, key, value)| format!("{name}: its Cargo.toml lacks `{key} = {value}` in [lints.{table}]"))
        .collect()
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
        assert!(lints("x", &manifest, &manifest).is_empty());
        assert_eq!(
            of("x", &manifest),
            [
                "x: its Cargo.toml lacks `version.workspace = true` in [package]",
                "x: c in [dependencies] does not take its version from the workspace",
            ]
        );
    }
    #[test]
    fn lints_are_inherited_or_the_same() {
        let root = Manifest::parse("[workspace.lints.rust]\nmissing_docs = \"deny\"\nunsafe_code = \"forbid\"\n");
        let own = Manifest::parse(
            "[lints.rust]\nmissing_docs = \"deny\"\nunsafe_code = \"deny\"\n\
             [lints.clippy]\nundocumented_unsafe_blocks = \"deny\"\n",
        );
        assert!(lints(UNSAFE[0], &own, &root).is_empty());
        assert_eq!(lints("x", &own, &root), ["x: its Cargo.toml lacks `workspace = true` in [lints]"]);
        let lax = Manifest::parse("[lints.rust]\nunsafe_code = \"allow\"\n");
        assert_eq!(
            lints(UNSAFE[0], &lax, &root),
            [
                format!(
                    "{}: its Cargo.toml lacks `undocumented_unsafe_blocks = \"deny\"` in [lints.clippy]",
                    UNSAFE[0]
                ),
                format!("{}: its Cargo.toml lacks `missing_docs = \"deny\"` in [lints.rust]", UNSAFE[0]),
                format!("{}: its Cargo.toml lacks `unsafe_code = \"deny\"` in [lints.rust]", UNSAFE[0]),
            ]
        );
    }
}
