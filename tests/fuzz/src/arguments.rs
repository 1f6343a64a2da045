//! The command line.

use imnn_fuzz::target;
use std::path::PathBuf;
use std::time::Duration;

pub const HELP: &str = "\
Searches for inputs that parsers do not bear.

    imnn-fuzz [TARGET ...] [SECONDS] [--executions N] [--seed S] [--jobs J]
        each of these targets for so long (all, for 30 s), or until so many executions are done; two at a time
    imnn-fuzz TARGET FILE ...
        runs these inputs again
    imnn-fuzz --make-corpus
        writes fuzz/corpus anew

Targets:
";

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    pub targets: Vec<String>,
    pub inputs: Vec<PathBuf>,
    pub seconds: Option<f64>,
    pub executions: Option<u64>,
    pub seed: u64,
    pub jobs: usize,
    pub worker: Option<String>,
    pub make_corpus: bool,
    pub help: bool,
}

impl Arguments {
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut arguments = Arguments {
            targets: vec![],
            inputs: vec![],
            seconds: None,
            executions: None,
            seed: 1,
            jobs: 2,
            worker: None,
            make_corpus: false,
            help: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().ok_or_else(|| format!("{word} needs a number"))?;
                value.parse::<u64>().map_err(|_| format!("{word} needs a number, found `{value}`"))
            };
            match word.as_str() {
                "--executions" => arguments.executions = Some(number()?),
                "--seed" => arguments.seed = number()?,
                "--jobs" => arguments.jobs = number()?.clamp(1, 64) as usize,
                "--worker" => arguments.worker = words.next().cloned(),
                "--make-corpus" => arguments.make_corpus = true,
                "--help" | "-h" => arguments.help = true,
                name if target(name).is_some() => arguments.targets.push(name.into()),
                number if number.parse::<f64>().is_ok_and(|seconds| (0.0..1e9).contains(&seconds)) => {
                    arguments.seconds = number.parse().ok();
                }
                path if PathBuf::from(path).is_file() => arguments.inputs.push(path.into()),
                other => return Err(format!("`{other}` is no target, number of seconds or file\n\n{HELP}")),
            }
        }
        if arguments.executions.is_none() && arguments.seconds.is_none() {
            arguments.seconds = Some(30.0);
        }
        Ok(arguments)
    }

    /// What a worker is told of it.
    pub fn of_worker(&self) -> Vec<String> {
        let mut words = vec!["--seed".to_owned(), self.seed.to_string()];
        words.extend(self.seconds.map(|seconds| seconds.to_string()));
        words.extend(self.executions.into_iter().flat_map(|n| ["--executions".to_owned(), n.to_string()]));
        words
    }

    /// The time that a search may take.
    pub fn time(&self) -> Option<Duration> {
        self.seconds.map(Duration::from_secs_f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Arguments, String> {
        Arguments::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn targets_times_and_inputs_are_told_apart() {
        let all = parse("").unwrap();
        assert_eq!((all.targets.len(), all.seconds, all.executions), (0, Some(30.0), None));
        let one = parse("npy 2.5 --seed 7 --jobs 1").unwrap();
        assert_eq!((one.targets, one.seconds, one.seed, one.jobs), (vec!["npy".to_owned()], Some(2.5), 7, 1));
        assert_eq!(parse("npz --executions 10").unwrap().seconds, None);
        let inputs = parse("npy Cargo.toml").unwrap();
        assert_eq!(inputs.inputs, [PathBuf::from("Cargo.toml")]);
        assert!(parse("nyp").unwrap_err().starts_with("`nyp` is no target"));
        assert!(parse("--seed").is_err() && parse("--seed x").is_err() && parse("-1").is_err());
        let again = parse(&parse("3 --executions 9 --seed 4").unwrap().of_worker().join(" ")).unwrap();
        assert_eq!((again.seconds, again.executions, again.seed), (Some(3.0), Some(9), 4));
    }
}
