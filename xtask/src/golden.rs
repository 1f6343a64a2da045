//! `cargo xtask golden`: where the golden numbers come from, and whether the files are what their manifest says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::json::Json;
use crate::process::{Failure, Outcome, run as run_command, succeeds};
use crate::{npz, workspace};

const HELP: &str = "\
The golden numbers are those of the Python package imnn 0.3.2; tests/golden/README.md says what each is.
To write them again (the files are committed, so that this is rarely needed):

    python3 -m venv target/golden && . target/golden/bin/activate
    pip install imnn==0.3.2 jax==0.4.30 jaxlib==0.4.30
    JAX_PLATFORMS=cpu python tests/golden/make.py
    python tests/golden/check.py --write

`cargo xtask golden --check` verifies the files against manifest.json, and where Python has numpy it recomputes
every number with tests/golden/check.py.
";

pub fn run(arguments: &[String]) -> Outcome {
    match arguments {
        [] => print!("{HELP}"),
        [flag] if flag == "--check" => {
            let n_files = check_manifest(&folder()).map_err(Failure::new)?;
            println!("{n_files} golden files are as manifest.json says");
            recompute()?;
        }
        _ => return Err(Failure::usage("golden takes `--check` or nothing")),
    }
    Ok(())
}

/// The folder of the golden files.
pub fn folder() -> PathBuf {
    workspace::root().join("tests/golden")
}

/// Compares the files, their keys, types and shapes with `manifest.json`; returns how many files there are.
pub fn check_manifest(folder: &Path) -> Result<usize, String> {
    let text = fs::read_to_string(folder.join("manifest.json"))
        .map_err(|error| format!("{}: {error}", folder.join("manifest.json").display()))?;
    let manifest = Json::parse(&text).map_err(|error| format!("manifest.json: {error}"))?;
    let entries = manifest.object().ok_or("manifest.json is not an object")?;
    let listed: BTreeSet<String> = entries.iter().map(|(name, _)| name.clone()).collect();
    let mut present = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let name = entry.map_err(|error| error.to_string())?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".npz") {
            present.insert(name);
        }
    }
    if let Some(name) = present.difference(&listed).next() {
        return Err(format!("{name} is not in manifest.json"));
    }
    if let Some(name) = listed.difference(&present).next() {
        return Err(format!("{name} is in manifest.json, but there is no such file"));
    }
    for (name, entry) in entries {
        let bytes = fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        let found = npz::members(&bytes).map_err(|error| format!("{name}: {error}"))?;
        let expected = expected_members(entry).ok_or_else(|| format!("manifest.json: {name} has no readable keys"))?;
        if found != expected {
            let difference = found.symmetric_difference(&expected).next();
            return Err(format!("{name} and its entry of manifest.json differ in {difference:?}"));
        }
    }
    Ok(present.len())
}

/// Key, type and shape of every array of an entry.
fn expected_members(entry: &Json) -> Option<BTreeSet<npz::Member>> {
    let describe = |(key, description): &(String, Json)| {
        let [kind, shape] = description.array()? else { return None };
        let shape = shape.array()?.iter().map(|size| Some(size.number()? as usize)).collect::<Option<Vec<_>>>()?;
        Some(npz::Member { key: key.clone(), kind: kind.string()?.to_owned(), shape })
    };
    entry.get("keys")?.object()?.iter().map(describe).collect()
}

/// Runs the independent calculation, where Python can.
fn recompute() -> Outcome {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    if !succeeds(Command::new(&python).args(["-c", "import numpy"]), "") {
        println!("{python} has no numpy: the numbers were not recomputed (set PYTHON to one that has)");
        return Ok(());
    }
    run_command(Command::new(&python).arg(folder().join("check.py")).env("PYTHONDONTWRITEBYTECODE", "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_files_are_as_the_manifest_says() {
        assert_eq!(check_manifest(&folder()), Ok(35));
    }

    #[test]
    fn entries_are_read() {
        let entry = Json::parse(r#"{"keys": {"x": ["float64", [3, 2]], "n": ["int64", []]}}"#).unwrap();
        let members = expected_members(&entry).unwrap();
        let x = npz::Member { key: "x".into(), kind: "float64".into(), shape: vec![3, 2] };
        let n = npz::Member { key: "n".into(), kind: "int64".into(), shape: vec![] };
        assert_eq!(members, BTreeSet::from([n, x]));
        assert_eq!(expected_members(&Json::parse(r#"{"keys": {"x": [1]}}"#).unwrap()), None);
    }
}
