//! `cargo xtask golden`: where the golden numbers come from, and whether they still are what they were.

use std::env;
use std::process::Command;

use crate::process::{Failure, Outcome, cargo, run as run_command, succeeds};
use crate::{setup, workspace};

const HELP: &str = "\
The golden numbers are those of the Python package imnn 0.3.2; tests/golden/README.md says what each is.
To write them again (the files are committed, so that this is rarely needed):

    python3 -m venv target/golden && . target/golden/bin/activate
    pip install imnn==0.3.2 jax==0.4.30 jaxlib==0.4.30
    JAX_PLATFORMS=cpu python tests/golden/make.py
    python tests/golden/check.py --write

`cargo xtask golden --check` compares the files with manifest.json (as the tests do), and recomputes every number with
tests/golden/check.py if Python has numpy.
";

pub fn run(arguments: &[String]) -> Outcome {
    match arguments {
        [] => print!("{HELP}"),
        [flag] if flag == "--check" => {
            setup::run()?;
            run_command(&mut cargo(&["test", "--package", "imnn-tests", "--test", "cross", "golden_files::"]))?;
            recompute()?;
        }
        _ => return Err(Failure::usage("golden takes `--check` or nothing")),
    }
    Ok(())
}

/// Runs the independent calculation, if Python can.
fn recompute() -> Outcome {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    if !succeeds(Command::new(&python).args(["-c", "import numpy"])) {
        println!("{python} has no numpy: the numbers were not recomputed (set PYTHON to one that has)");
        return Ok(());
    }
    let script = workspace::root().join("tests/golden/check.py");
    run_command(Command::new(&python).arg(script).env("PYTHONDONTWRITEBYTECODE", "1"))
}
