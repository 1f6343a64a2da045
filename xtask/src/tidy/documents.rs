//! ARCHITECTURE.md speaks of every crate and gives the reason for every dependency; README.md gives the version of
//! Rust in the manifest, CITATION.cff that of the workspace; docs/contributing.md shows the additions that the tests make.

use std::fs;

use crate::addition::patches;
use crate::process::{Failure, Outcome};
use crate::workspace::{self, Member, keys, string};

pub fn faults() -> Outcome<Vec<String>> {
    let manifest = workspace::root_manifest()?;
    let members = workspace::members()?;
    let mut faults = Vec::new();
    let read = |name: &str| {
        fs::read_to_string(workspace::root().join(name)).map_err(|error| Failure::new(format!("{name}: {error}")))
    };
    faults.extend(architecture(&read("ARCHITECTURE.md")?, &manifest, &members));
    faults.extend(readme(&read("README.md")?, &manifest));
    faults.extend(citation(&read("CITATION.cff")?, &manifest));
    for patch in patches()? {
        let name = workspace::shown(&patch);
        faults.extend(contributing(&read("docs/contributing.md")?, &name, &read(&name)?));
    }
    Ok(faults)
}

/// Every crate in the section "Code map", by its name or its folder, every third-party dependency with words beside it.
fn architecture(text: &str, manifest: &str, members: &[Member]) -> Vec<String> {
    let mut faults = Vec::new();
    let Some((_, map)) = text.split_once("\n## Code map\n") else {
        return vec!["ARCHITECTURE.md has no section `Code map`".into()];
    };
    let map = map.split("\n## ").next().unwrap_or_default();
    for Member { name, folder, .. } in members {
        if ![name, &workspace::shown(folder)].iter().any(|name| map.contains(&format!("`{name}`"))) {
            faults.push(format!("ARCHITECTURE.md: the code map does not mention `{name}`"));
        }
    }
    for name in keys(manifest, "workspace.dependencies") {
        if !members.iter().any(|member| member.name == name) && !text.lines().any(|line| gives_reason(line, name)) {
            faults.push(format!("ARCHITECTURE.md: no line gives the reason for the dependency `{name}`"));
        }
    }
    faults
}

/// CITATION.cff gives the version of the manifest.
fn citation(text: &str, manifest: &str) -> Option<String> {
    let version = string(manifest, "workspace.package", "version").unwrap_or_default();
    let says = text.lines().find_map(|line| line.strip_prefix("version: "));
    (says != Some(version))
        .then(|| format!("CITATION.cff says version {}, the manifest {version}", says.unwrap_or("none")))
}

/// docs/contributing.md has every line that a patch adds or removes.
fn contributing(text: &str, name: &str, patch: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut changes = patch.lines().filter(|line| line.starts_with(['+', '-']));
    let lacking = changes.find(|line| !lines.contains(line));
    lacking.map(|line| format!("docs/contributing.md does not show this line of {name}: {line}"))
}

/// Whether a line names a dependency and says at least four words about it.
fn gives_reason(line: &str, name: &str) -> bool {
    let is_word = |word: &&str| word.chars().filter(|c| c.is_alphabetic()).count() > 1 && !word.contains('`');
    line.contains(&format!("`{name}`")) && line.split_whitespace().filter(is_word).count() >= 4
}

/// README.md says from which version of Rust on it works.
fn readme(text: &str, manifest: &str) -> Option<String> {
    let rust = string(manifest, "workspace.package", "rust-version").unwrap_or_default();
    let says = format!("{rust} or later");
    (!text.contains(&says)).then(|| format!("README.md does not say `{says}`, as the manifest has it, of Rust"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[workspace.package]\nversion = \"0.1.0\"\nrust-version = \"1.89\"\n\
                            [workspace.dependencies]\nimnn = { path = \"crates/imnn\" }\nndarray = \"0.17\"\n";

    #[test]
    fn crates_and_reasons_are_looked_for() {
        let member = |name: &str, folder: &str| Member {
            name: name.into(),
            folder: workspace::root().join(folder),
            manifest: String::new(),
        };
        let members = [member("imnn", "crates/imnn"), member("imnn-tests", "tests")];
        let good =
            "# A\n## Code map\n### `imnn`\nthe facade, `tests`\n## B\n| `ndarray` | arrays with views and axes |\n";
        assert!(architecture(good, MANIFEST, &members).is_empty());
        let bad = "# A\n## Code map\n`tests`\n## B\n`imnn`\n| `ndarray` | `approx` |\n";
        let faults = architecture(bad, MANIFEST, &members);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("code map does not mention `imnn`"));
        assert!(faults[1].contains("reason for the dependency `ndarray`"));
        assert_eq!(architecture("# A\n", MANIFEST, &[]), ["ARCHITECTURE.md has no section `Code map`"]);
    }

    #[test]
    fn the_citation_has_the_version_and_the_document_the_patch() {
        assert_eq!(citation("cff-version: 1.2.0\nversion: 0.1.0\n", MANIFEST), None);
        assert!(citation("version: 0.2.0\n", MANIFEST).unwrap().contains("says version 0.2.0, the manifest 0.1.0"));
        let patch = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n context\n-old\n+new\n";
        assert_eq!(contributing("text\n```diff\n--- a/x\n+++ b/x\n-old\n+new\n```\n", "a.patch", patch), None);
        assert!(contributing("--- a/x\n+++ b/x\n-old\n", "a.patch", patch).unwrap().ends_with("a.patch: +new"));
    }

    #[test]
    fn the_version_in_the_readme_is_compared() {
        assert_eq!(readme("With Rust 1.89 or later, imnn 0.3.2", MANIFEST), None);
        let fault = readme("Needs Rust 1.81 or later, 1.89", MANIFEST).unwrap();
        assert!(fault.contains("does not say `1.89 or later`"), "{fault}");
    }
}
