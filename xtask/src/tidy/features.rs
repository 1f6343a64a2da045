//! After `cargo xtask demo`, `cargo install --path crates/imnn-cli --locked` compiles little more than the program: both
//! build what they share with the same features.

use std::collections::BTreeSet;

use crate::process::{self, Outcome, cargo};

/// How many crates the installation may compile after the demo.
const MOST: usize = 10;

pub fn faults() -> Outcome<Vec<String>> {
    Ok(compared(&built("imnn-cli", "normal,build")?, &built("imnn-examples", "normal,build,dev")?))
}

/// A line for each crate that a package is built of: name, version and features.
fn built(package: &str, edges: &str) -> Outcome<String> {
    let flags = ["--prefix", "none", "--no-dedupe", "--format", "{p} {f}"];
    process::output(cargo(&["tree", "--package", package, "--edges", edges]).args(flags))
}

fn compared(install: &str, demo: &str) -> Vec<String> {
    let demo: BTreeSet<&str> = demo.lines().collect();
    let names: BTreeSet<&str> = demo.iter().map(|line| name(line)).collect();
    let more: BTreeSet<&str> = install.lines().filter(|line| !line.is_empty() && !demo.contains(line)).collect();
    let (other, new): (Vec<&str>, Vec<&str>) = more.into_iter().partition(|line| names.contains(name(line)));
    let mut faults: Vec<String> = other
        .iter()
        .map(|line| format!("the program is built with other features or another version than the demo: {line}"))
        .collect();
    if new.len() > MOST {
        let new: Vec<&str> = new.into_iter().map(name).collect();
        faults.push(format!(
            "after the demo, {} crates are to be compiled for the program: {}",
            new.len(),
            new.join(", ")
        ));
    }
    faults
}

fn name(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_features_and_too_many_new_crates_are_named() {
        let demo = "a v1 x\nb v1\nimnn v0.1.0 (/p)\n";
        assert!(compared("a v1 x\nimnn v0.1.0 (/p)\nc v1\n", demo).is_empty());
        let faults = compared("a v1 x,y\nb v1\n", demo);
        assert_eq!(faults, ["the program is built with other features or another version than the demo: a v1 x,y"]);
        let many: String = (0..=MOST).map(|k| format!("n{k} v1\n")).collect();
        assert!(compared(&many, demo)[0].contains("11 crates"));
    }
}
