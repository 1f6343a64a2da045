//! Where things are, which crates there are, and what their manifests say.
//!
//! Manifests are read line by line: an entry is on one line, as they are written here.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// A member of the workspace.
pub struct Member {
    /// The package's name.
    pub name: String,
    pub folder: PathBuf,
    /// The text of its `Cargo.toml`.
    pub manifest: String,
}

impl Member {
    /// The names in a table of dependencies.
    pub fn dependencies(&self, table: &str) -> Vec<&str> {
        keys(&self.manifest, table)
    }
}

/// The root folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// Where cargo puts what it makes.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The text of the workspace's manifest.
pub fn root_manifest() -> io::Result<String> {
    fs::read_to_string(root().join("Cargo.toml"))
}

/// All members, in the order of their folders.
pub fn members() -> io::Result<Vec<Member>> {
    let manifest = root_manifest()?;
    let mut folders = Vec::new();
    for pattern in value(&manifest, "workspace", "members").unwrap_or_default().split('"').skip(1).step_by(2) {
        match pattern.strip_suffix("/*") {
            Some(parent) => {
                for entry in fs::read_dir(root().join(parent))? {
                    folders.push(entry?.path());
                }
            }
            None => folders.push(root().join(pattern)),
        }
    }
    folders.retain(|folder| folder.join("Cargo.toml").is_file());
    folders.sort();
    let member = |folder: PathBuf| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml"))?;
        let name = string(&manifest, "package", "name").unwrap_or("a package without a name").to_owned();
        Ok(Member { name, folder, manifest })
    };
    folders.into_iter().map(member).collect()
}

/// The lines of a table of a manifest, without empty lines and comments.
pub fn lines<'a>(manifest: &'a str, table: &str) -> Vec<&'a str> {
    let head = format!("[{table}]");
    let inside = manifest.lines().map(str::trim).skip_while(|line| *line != head).skip(1);
    inside.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The keys of a table, `a` for `a.b = ...`.
pub fn keys<'a>(manifest: &'a str, table: &str) -> Vec<&'a str> {
    lines(manifest, table).into_iter().filter_map(|line| line.split(['.', ' ', '=']).next()).collect()
}

/// The value of a key, as written.
pub fn value<'a>(manifest: &'a str, table: &str, key: &str) -> Option<&'a str> {
    let entries = lines(manifest, table).into_iter().filter_map(|line| line.split_once('='));
    entries.map(|(name, value)| (name.trim(), value.trim())).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// The value of a key that is a string.
pub fn string<'a>(manifest: &'a str, table: &str, key: &str) -> Option<&'a str> {
    value(manifest, table, key)?.strip_prefix('"')?.strip_suffix('"')
}

/// All files of the repository but version control and build outputs, in the order of their names.
pub fn files() -> io::Result<Vec<PathBuf>> {
    files_below(root())
}

/// The same of a folder.
pub fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, &mut found)?;
    found.sort();
    Ok(found)
}

/// A path as shown to people, relative to the root.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", ".git", "runs", "__pycache__"].contains(&name.as_str()) {
                collect(&path, found)?;
            }
        } else {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_manifests_are_read() {
        let text = "[package]\nname = \"x\"\nversion.workspace = true\n\n[dependencies]\n# a comment\na.workspace = true\n\
                    b = { version = \"1\" }\nc=\"2\"\n[dev-dependencies]\nd.workspace = true\n";
        assert_eq!(string(text, "package", "name"), Some("x"));
        assert_eq!(value(text, "package", "version.workspace"), Some("true"));
        assert_eq!(value(text, "package", "version"), None);
        assert_eq!(keys(text, "dependencies"), ["a", "b", "c"]);
        assert_eq!(keys(text, "dev-dependencies"), ["d"]);
        assert!(keys(text, "build-dependencies").is_empty());
    }

    #[test]
    fn every_member_has_a_name() {
        let members = members().unwrap();
        assert!(members.iter().any(|member| member.name == "xtask" && member.folder == root().join("xtask")));
    }
}
