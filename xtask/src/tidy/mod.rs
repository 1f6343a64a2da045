//! `cargo xtask tidy`: rules that the compiler does not check. Also a test, so that `cargo test` checks them.

use crate::process::{Failure, Outcome};

mod circles;
mod documents;
mod features;
mod layers;
mod manifests;
mod rooms;
mod sources;

pub fn run(_: &[String]) -> Outcome {
    let (rooms, faults) = faults()?;
    print!("{rooms}");
    if faults.is_empty() {
        println!("tidy");
        return Ok(());
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    Err(Failure::new(format!("{} of these to put right", faults.len())))
}

/// In how many files things are named, and everything that is not as it should be, a line each.
fn faults() -> Outcome<(String, Vec<String>)> {
    let (rooms, mut faults) = rooms::faults()?;
    let rules =
        [layers::faults, circles::faults, features::faults, manifests::faults, documents::faults, sources::faults];
    for rule in rules {
        faults.extend(rule()?);
    }
    Ok((rooms, faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_is_tidy() {
        let (_, faults) = faults().unwrap();
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }
}
