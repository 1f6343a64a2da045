//! The arguments of `imnn simulate`.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use imnn::jobs::Shard;

/// Arguments of `imnn simulate`.
#[derive(Args, Clone, Debug)]
pub struct SimulateArguments {
    /// What to simulate by which command, TOML; paths in it are taken from the folder it is in
    #[arg(value_name = "SIMS.toml")]
    pub file: PathBuf,
    /// The folder for the simulations; new, empty, or one to go on with
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How many run at a time [default: jobs of the file, or the number of processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,
    /// Do only part i of n, as 1/8, of seeds or of blocks: a process for each part, on one shared folder
    #[arg(long, value_name = "i/n", default_value_t = Shard::ALL)]
    pub shard: Shard,
    /// Take the next simulation that nobody has: any number of processes, started at any time, on one shared folder
    #[arg(long, conflicts_with = "shard")]
    pub claim: bool,
    /// Start no program that would not end within this time from now, by what nine of ten took so far: 90s, 55m or 1h30m
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Duration>,
    /// Say what is done, failed and running, where and how fast, and do nothing
    #[arg(long, conflicts_with_all = ["dry_run", "slurm", "retry_failed", "skip_failed", "collect", "claim", "until"])]
    pub status: bool,
    /// Print a job script for SLURM, an array of at most so many tasks that share the work, and do nothing
    #[arg(long, value_name = "TASKS", conflicts_with_all = ["dry_run", "json", "shard", "collect"])]
    pub slurm: Option<NonZero<usize>>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Try again what failed in earlier runs
    #[arg(long)]
    pub retry_failed: bool,
    /// Make do without the seeds of which a simulation failed
    #[arg(long)]
    pub skip_failed: bool,
    /// Put the simulations together in fiducial.npy and derivative.npy as well
    #[arg(long)]
    pub collect: bool,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
    /// Print JSON for machines in place of a table, and show no progress
    #[arg(long)]
    pub json: bool,
}

/// A length of time: numbers with units, each unit once, the largest first.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time as 90s, 55m, 1h30m or 2d".to_owned();
    let (mut seconds, mut rest) = (0_u64, text);
    for (unit, length) in [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)] {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if !rest[digits..].starts_with(unit) {
            continue;
        }
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        seconds = number.checked_mul(length).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
        rest = &rest[digits + 1..];
    }
    if rest.is_empty() && seconds > 0 { Ok(Duration::from_secs(seconds)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_with_units() {
        for (text, seconds) in [("90s", 90), ("55m", 3300), ("1h30m", 5400), ("2d", 172_800), ("1d2h3m4s", 93_784)] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "m",
            "-5m",
            "1.5h",
            "5m1h",
            "5m5m",
            "0s",
            "1h30",
            "5 m",
            "5x",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
