//! `cargo xtask tidy`: rules that the compiler does not check. Also a test, so that `cargo test` checks them.

use crate::golden;
use crate::process::{Failure, Outcome};

mod documents;
mod layers;
mod manifests;
mod sources;

pub fn run(arguments: &[String]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(Failure::usage(format!("tidy takes no arguments, found `{argument}`")));
    }
    let faults = faults()?;
    if faults.is_empty() {
        println!("tidy");
        return Ok(());
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    Err(Failure::new(format!("{} of these to put right", faults.len())))
}

/// Everything that is not as it should be, a line each.
fn faults() -> Outcome<Vec<String>> {
    let mut faults = layers::faults()?;
    faults.extend(manifests::faults()?);
    faults.extend(documents::faults()?);
    faults.extend(sources::faults()?);
    faults.extend(golden::check_manifest(&golden::folder()).err());
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_is_tidy() {
        let faults = faults().unwrap();
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }
}
