//! Every target for a while that is always the same, and again what earlier searches found.

#![allow(clippy::unwrap_used)]

use imnn_fuzz::{CRASH, Limits, Search, Seeds, TARGETS, execute, memory, quiet, root, search};
use std::fs;
use std::process::Command;

#[global_allocator]
static COUNTING: memory::Counting = memory::Counting;

/// Executions of each target: some seconds for all.
const EXECUTIONS: u64 = 2000;

/// In turn: panics are caught by a hook that is the process's.
#[test]
fn no_target_finds_anything() {
    quiet();
    let how = Search { executions: Some(EXECUTIONS), time: None, seed: 1, limits: Limits::default() };
    for target in &TARGETS {
        let seeds = Seeds::of(target).contents();
        assert!(!seeds.is_empty(), "{} has nothing to begin with", target.name);
        let found = search(target, &seeds, &how, &mut |_| {});
        if let Some((data, fault)) = found.fault {
            panic!("{}: {fault}; on the {} bytes {}", target.name, data.len(), data.escape_ascii());
        }
        assert_eq!(found.executions, EXECUTIONS);
        // A target that accepts nothing would check nothing; one with a single answer has got nowhere.
        assert!(found.accepted > 0 && found.classes > 3, "{}: {found:?}", target.name);
    }
}

/// A search that begins with refused files gets nowhere.
#[test]
fn corpora_are_good_files() {
    quiet();
    for target in &TARGETS {
        let own = root().join("fuzz/corpus").join(target.name);
        let inputs = Seeds::of(target).inputs.into_iter().filter(|(path, _)| path.starts_with(&own));
        // Weights that another processor trained have other checksums.
        for (path, data) in inputs.filter(|(path, _)| !path.to_string_lossy().ends_with("manifest.json")) {
            let answer = execute(target, &data, &Limits::default());
            let advice = "if a format is another now: cargo xtask fuzz --make-corpus";
            assert!(matches!(answer, Ok(Ok(_))), "{}: {answer:?}; {advice}", path.display());
        }
    }
}

#[test]
fn what_was_found_before_is_borne() {
    quiet();
    for target in &TARGETS {
        for (path, data) in Seeds::of_faults(target).inputs {
            if let Err(fault) = execute(target, &data, &Limits::default()) {
                panic!("{}: {fault}", path.display());
            }
        }
    }
}

/// An input that ends its process is kept, and told how to see it again.
#[test]
fn crashes_are_kept() {
    let folder = root().join("fuzz/artifacts").join(CRASH.name);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imnn-fuzz"));
        let output = command.args(arguments).current_dir(root()).output().unwrap();
        (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (status, told) = run(&[CRASH.name, "--executions", "10000"]);
    let kept: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let path = format!("fuzz/artifacts/{}/{}", CRASH.name, kept[0].to_string_lossy());
    let again = run(&[CRASH.name, &path]);
    let len = fs::read(root().join(&path)).unwrap().len();
    fs::remove_dir_all(folder).unwrap();
    assert_eq!((status.code(), kept.len()), (Some(1), 1), "{told}");
    assert!(len > 40 && told.contains(&format!("cargo xtask fuzz {} {path}", CRASH.name)), "{told}");
    assert_eq!(again.0.code(), None, "{}", again.1);
    assert_eq!(run(&["npy", "--executions", "500"]).0.code(), Some(0));
    assert_eq!(run(&["nyp"]).0.code(), Some(2));
}

/// `fuzz/` has a file for each target, which hands it to libFuzzer, and corpora that are small.
#[test]
fn every_target_is_one_of_libfuzzer_too() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for target in &TARGETS {
        let name = target.name;
        let text = fs::read_to_string(root().join(format!("fuzz/fuzz_targets/{name}.rs"))).unwrap();
        assert!(text.contains(&format!("imnn_fuzz::fuzz(\"{name}\", data)")), "{name}: {text}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not in fuzz/Cargo.toml");
    }
    let corpora = TARGETS.iter().flat_map(|target| Seeds::of(target).inputs);
    let own = corpora.filter(|(path, _)| path.starts_with(root().join("fuzz")));
    let bytes: usize = own.map(|(_, contents)| contents.len()).sum();
    assert!(bytes < 200 << 10, "{bytes} bytes of corpora");
}
