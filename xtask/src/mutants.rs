//! `cargo xtask mutants`: small faults in the sources, one at a time, and whether a test sees each of them.
//!
//! cargo-mutants makes the faults (mutants) and runs the tests, in a copy of the sources: whoever ends it leaves no fault
//! behind. A mutant costs a build and the tests of its crate, half a minute, so that a sample of them is taken, spread evenly
//! over the sources. What the tests of the crate do not catch is tried again with the tests across crates.
//!
//! The profile is that of the tests: without optimisation builds are no faster, and tests take seven times as long.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, Outcome, cargo, output, run as run_command, succeeds};
use crate::{copy, setup, workspace};

/// A crate whose tests are measured.
struct Subject {
    name: &'static str,
    /// What the tests of the crate itself are called with: without those that take most of the time.
    own: &'static [&'static str],
    /// The tests across crates that see it too.
    across: &'static [&'static str],
}

const OWN: &[&str] = &["--lib", "--tests"];
const ACROSS: &[&str] = &["--package", "imnn-tests", "--test", "cross"];

const SUBJECTS: [Subject; 4] = [
    Subject {
        name: "imnn-stats",
        own: &["--lib", "--tests", "--", "--skip", "hostile_features", "--skip", "many_features"],
        across: ACROSS,
    },
    Subject { name: "imnn-jobs", own: OWN, across: &["--package", "imnn-cli", "--test", "cli", "simulate"] },
    Subject { name: "imnn-fit", own: OWN, across: ACROSS },
    Subject { name: "imnn-data", own: OWN, across: ACROSS },
];

/// What is asked for on the command line.
struct Arguments {
    subjects: Vec<&'static Subject>,
    sample: usize,
    seed: usize,
}

/// Mutants by what became of them, a line each.
#[derive(Default)]
struct Fates {
    caught: Vec<String>,
    missed: Vec<String>,
    timeout: Vec<String>,
    unviable: Vec<String>,
}

pub fn run(arguments: &[String]) -> Outcome {
    let Arguments { subjects, sample, seed } = parse(arguments)?;
    setup::run()?;
    if !succeeds(&mut cargo(&["mutants", "--version"])) {
        run_command(&mut cargo(&["install", "--locked", "cargo-mutants"]))?;
    }
    let folder = copy::absolute(&workspace::target())?.join("mutants");
    let (fresh, sources) = (folder.join("fresh"), folder.join("sources"));
    let _ = fs::remove_dir_all(&fresh);
    copy::sources(&fresh)?;
    // Into a folder that stays, so that a second run compiles only what has changed.
    copy::update(&fresh, &sources)?;
    let mut found = Vec::new();
    for subject in subjects {
        let mutants = Mutants { sources: &sources, out: folder.join(subject.name), name: subject.name };
        let sample = even(&mutants.list()?, sample, seed);
        let mut fates = mutants.try_all(&sample, subject.own)?;
        if !fates.missed.is_empty() {
            eprintln!("{} are tried again with the tests across crates", fates.missed.len());
            let again = mutants.try_all(&std::mem::take(&mut fates.missed), subject.across)?;
            fates.caught.extend(again.caught);
            fates.timeout.extend(again.timeout);
            fates.missed = again.missed;
        }
        found.push((subject.name, fates));
    }
    print!("{}", table(&found));
    Ok(())
}

fn parse(arguments: &[String]) -> Outcome<Arguments> {
    let mut parsed = Arguments { subjects: vec![], sample: 200, seed: 0 };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || {
            let number = rest.next().and_then(|number| number.parse().ok());
            number.ok_or_else(|| Failure::usage(format!("{argument} needs a whole number")))
        };
        match argument.as_str() {
            "--sample" => parsed.sample = number()?,
            "--seed" => parsed.seed = number()?,
            name => {
                let known = SUBJECTS
                    .iter()
                    .find(|subject| subject.name.trim_start_matches("imnn-") == name || subject.name == name);
                let names = SUBJECTS.map(|subject| subject.name).join(", ");
                parsed.subjects.push(known.ok_or_else(|| Failure::usage(format!("`{name}` is none of {names}")))?);
            }
        }
    }
    if parsed.subjects.is_empty() {
        parsed.subjects = SUBJECTS.iter().collect();
    }
    Ok(parsed)
}

/// So many of the lines, at even distances; each seed begins at another one.
fn even(lines: &[String], n: usize, seed: usize) -> Vec<String> {
    let n = n.min(lines.len());
    (0..n).map(|k| lines[(k * lines.len() / n + seed) % lines.len()].clone()).collect()
}

/// The mutants of one crate.
struct Mutants<'a> {
    sources: &'a Path,
    out: PathBuf,
    name: &'a str,
}

impl Mutants<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cargo(&["mutants", "--package", self.name]);
        command
            .args(arguments)
            .current_dir(self.sources)
            .env("CARGO_TARGET_DIR", self.sources.with_file_name("target"));
        command
    }

    /// All of them, file by file.
    fn list(&self) -> Outcome<Vec<String>> {
        Ok(output(&mut self.command(&["--list"]))?.lines().map(str::to_owned).collect())
    }

    /// What becomes of these, and of those that leave out a field of a struct, which cargo-mutants adds whatever it is asked for;
    /// `tests` are the arguments of `cargo test`, beginning with another package than their own.
    fn try_all(&self, mutants: &[String], tests: &[&str]) -> Outcome<Fates> {
        // Without an expression it would be all there are.
        if mutants.is_empty() {
            return Ok(Fates::default());
        }
        let (package, tests) = match tests {
            ["--package", package, rest @ ..] => (*package, rest),
            own => (self.name, own),
        };
        let mut command = self.command(&["--in-place", "--no-shuffle", "--test-package", package]);
        command.args(mutants.iter().flat_map(|line| ["--re".to_owned(), exactly(line)])).arg("--output").arg(&self.out);
        let status = command.arg("--").args(tests).status()?;
        // 2: some were missed, 3: some took too long.
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            return Err(Failure::new(format!("cargo mutants of {} failed ({status})", self.name)));
        }
        let lines = |name: &str| -> Outcome<Vec<String>> {
            let path = self.out.join("mutants.out").join(name);
            let text =
                fs::read_to_string(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        Ok(Fates {
            caught: lines("caught.txt")?,
            missed: lines("missed.txt")?,
            timeout: lines("timeout.txt")?,
            unviable: lines("unviable.txt")?,
        })
    }
}

/// A regular expression for this line alone.
fn exactly(line: &str) -> String {
    let mut pattern = String::from("^");
    for c in line.chars() {
        if !(c.is_alphanumeric() || " _-/:,<>='\"&!%@#~`".contains(c)) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "$"
}

/// A line for each crate, and each mutant that no test saw. What takes too long has been seen, and what does not compile is no
/// mutant.
fn table(found: &[(&str, Fates)]) -> String {
    let mut text = format!(
        "{:<12} {:>8} {:>7} {:>7} {:>8} {:>9} {:>6}\n",
        "crate", "mutants", "caught", "missed", "timeout", "unviable", "share"
    );
    for (name, Fates { caught, missed, timeout, unviable }) in found {
        let counts = [caught, missed, timeout, unviable].map(Vec::len);
        let [caught, missed, timeout, unviable] = counts;
        let all = caught + missed + timeout;
        let share =
            if all == 0 { "-".to_owned() } else { format!("{:.0} %", 100.0 * (caught + timeout) as f64 / all as f64) };
        text += &format!(
            "{name:<12} {:>8} {caught:>7} {missed:>7} {timeout:>8} {unviable:>9} {share:>6}\n",
            all + unviable
        );
    }
    for line in found.iter().flat_map(|(_, fates)| &fates.missed) {
        text += &format!("missed: {line}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(n: usize) -> Vec<String> {
        (0..n).map(|k| k.to_string()).collect()
    }

    #[test]
    fn samples_are_even_and_of_all_where_there_are_few() {
        assert_eq!(even(&lines(10), 4, 0), ["0", "2", "5", "7"]);
        assert_eq!(even(&lines(10), 4, 3), ["3", "5", "8", "0"]);
        assert_eq!(even(&lines(3), 200, 0), lines(3));
        assert!(even(&[], 5, 1).is_empty());
    }

    #[test]
    fn a_line_is_matched_as_it_is() {
        let line = r#"src/a.rs:1:2: replace f -> Result<(), [u8; 2]> with Ok(()) | x.y * {z} ^ $ + ?"#;
        let expected =
            r#"^src/a\.rs:1:2: replace f -> Result<\(\), \[u8\; 2\]> with Ok\(\(\)\) \| x\.y \* \{z\} \^ \$ \+ \?$"#;
        assert_eq!(exactly(line), expected);
    }

    #[test]
    fn arguments_are_crates_and_numbers() {
        let parse = |text: &str| parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let Ok(Arguments { subjects, sample, seed }) = parse("fit --sample 5 imnn-data --seed 7") else { panic!() };
        assert_eq!(subjects.iter().map(|subject| subject.name).collect::<Vec<_>>(), ["imnn-fit", "imnn-data"]);
        assert_eq!((sample, seed), (5, 7));
        assert_eq!(parse("").map(|all| all.subjects.len()).unwrap(), 4);
        for (wrong, part) in
            [("--sample", "--sample needs"), ("--seed x", "--seed needs"), ("models", "`models` is none of")]
        {
            let failure = parse(wrong).err().unwrap();
            assert!(failure.status == 2 && failure.to_string().contains(part), "{failure}");
        }
    }

    #[test]
    fn what_does_not_compile_does_not_count() {
        let fates =
            Fates { caught: lines(8), missed: vec!["src/a.rs:1:2: x".into()], timeout: lines(1), unviable: lines(5) };
        let text = table(&[("imnn-fit", fates), ("imnn-data", Fates::default())]);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[1], ["imnn-fit", "15", "8", "1", "1", "5", "90", "%"]);
        assert_eq!(words[2], ["imnn-data", "0", "0", "0", "0", "0", "-"]);
        assert_eq!(text.lines().last(), Some("missed: src/a.rs:1:2: x"));
    }
}
