//! Members inherit from the root manifest what is the same for all.

use crate::process::Outcome;
use crate::workspace::{self, Member, lines};

/// Lines of `[package]`.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// Members that call what is unsafe, each block with its argument. Cargo takes the lints of the workspace as a whole or
/// not at all; theirs are written out, the same but that unsafe code is denied where it is not expressly allowed.
const UNSAFE: &[&str] = &["imnn-compute", "imnn-device", "imnn-fuzz", "imnn-ranks", "imnn-tests"];

pub fn faults() -> Outcome<Vec<String>> {
    let root = workspace::root_manifest()?;
    let member = |member: &Member| [of(member), lints(member, &root)].concat();
    Ok(workspace::members()?.iter().flat_map(member).collect())
}

fn of(Member { name, manifest, .. }: &Member) -> Vec<String> {
    let mut faults = Vec::new();
    let package = lines(manifest, "package");
    for key in INHERITED {
        let line = format!("{key}.workspace = true");
        if !package.contains(&&*line) {
            faults.push(format!("{name}: its Cargo.toml lacks `{line}` in [package]"));
        }
    }
    if !package.iter().any(|line| line.starts_with("description = ")) {
        faults.push(format!("{name}: its Cargo.toml has no description"));
    }
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for line in lines(manifest, table).into_iter().filter(|line| !line.contains("workspace = true")) {
            faults.push(format!("{name}: `{line}` in [{table}] does not take its version from the workspace"));
        }
    }
    faults
}

/// Lints are those of the workspace, inherited or written out.
fn lints(Member { name, manifest, .. }: &Member, root: &str) -> Vec<String> {
    let mut expected = vec![];
    if !UNSAFE.contains(&name.as_str()) {
        expected.push(("lints".to_owned(), "workspace = true".to_owned()));
    } else {
        expected.push(("lints.clippy".into(), "undocumented_unsafe_blocks = \"deny\"".into()));
        for table in ["rust", "rustdoc", "clippy"] {
            for line in lines(root, &format!("workspace.lints.{table}")) {
                let is_unsafe = line.starts_with("unsafe_code = ");
                let line = if is_unsafe { "unsafe_code = \"deny\"" } else { line };
                expected.push((format!("lints.{table}"), line.to_owned()));
            }
        }
    }
    expected.retain(|(table, line)| !lines(manifest, table).contains(&&**line));
    expected.iter().map(|(table, line)| format!("{name}: its Cargo.toml lacks `{line}` in [{table}]")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, manifest: &str) -> Member {
        Member { name: name.into(), folder: "".into(), manifest: manifest.into() }
    }

    #[test]
    fn what_is_not_inherited_is_named() {
        let member = member(
            "x",
            "[package]\nname = \"x\"\ndescription = \"y\"\nversion = \"1\"\nedition.workspace = true\n\
             rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\
             [dependencies]\na.workspace = true\nb = { workspace = true, optional = true }\nc = \"1\"\n\
             [lints]\nworkspace = true\n",
        );
        assert!(lints(&member, "").is_empty());
        assert_eq!(
            of(&member),
            [
                "x: its Cargo.toml lacks `version.workspace = true` in [package]",
                "x: `c = \"1\"` in [dependencies] does not take its version from the workspace",
            ]
        );
    }

    #[test]
    fn lints_are_inherited_or_the_same() {
        let root = "[workspace.lints.rust]\nmissing_docs = \"deny\"\nunsafe_code = \"forbid\"\n";
        let own = "[lints.rust]\nmissing_docs = \"deny\"\nunsafe_code = \"deny\"\n\
                   [lints.clippy]\nundocumented_unsafe_blocks = \"deny\"\n";
        assert!(lints(&member(UNSAFE[0], own), root).is_empty());
        assert_eq!(lints(&member("x", own), root), ["x: its Cargo.toml lacks `workspace = true` in [lints]"]);
        let lax = "[lints.rust]\nunsafe_code = \"allow\"\n";
        let lacks = |line: &str| format!("{}: its Cargo.toml lacks `{line}", UNSAFE[0]);
        assert_eq!(
            lints(&member(UNSAFE[0], lax), root),
            [
                lacks("undocumented_unsafe_blocks = \"deny\"` in [lints.clippy]"),
                lacks("missing_docs = \"deny\"` in [lints.rust]"),
                lacks("unsafe_code = \"deny\"` in [lints.rust]"),
            ]
        );
    }
}
