//! Where things are, and which crates there are.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::manifest::Manifest;

/// A member of the workspace.
pub struct Member {
    pub manifest: Manifest,
}

impl Member {
    /// The package's name.
    pub fn name(&self) -> &str {
        self.manifest.string("package", "name").unwrap_or("a package without a name")
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

/// The manifest of the workspace.
pub fn root_manifest() -> io::Result<Manifest> {
    Ok(Manifest::parse(&fs::read_to_string(root().join("Cargo.toml"))?))
}

/// All members, in the order of their names.
pub fn members() -> io::Result<Vec<Member>> {
    let mut folders = Vec::new();
    for pattern in root_manifest()?.strings("workspace", "members") {
        match pattern.strip_suffix("/*") {
            Some(parent) => {
                for entry in fs::read_dir(root().join(parent))? {
                    folders.push(entry?.path());
                }
            }
            None => folders.push(root().join(pattern)),
        }
    }
    folders.sort();
    folders
        .into_iter()
        .filter(|folder| folder.join("Cargo.toml").is_file())
        .map(|folder| {
            let manifest = Manifest::parse(&fs::read_to_string(folder.join("Cargo.toml"))?);
            Ok(Member { manifest })
        })
        .collect()
}

/// All files of the repository but version control and build outputs, in the order of their names.
pub fn files() -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(root(), &mut found)?;
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
