//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::Outcome;
use crate::peers::{Peer, Program};
use crate::workload::{LIMITED, ON_CARD, QUICK, RANKED, Spread, TIMED, Workload};

/// Times whole training iterations, each workload in a process of its own, and prints a table.
#[derive(Clone, Debug, Parser)]
#[command(bin_name = "cargo xtask bench", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// Time peer_jax.py alternately with ours, with this Python (which has JAX)
    #[arg(long, value_name = "PYTHON")]
    pub peers: Option<PathBuf>,
    /// Time peer_torch.py alternately with ours, with this Python (which has PyTorch)
    #[arg(long, value_name = "PYTHON")]
    pub torch: Option<PathBuf>,
    /// Time original_dense.py alternately with ours, with this Python (which has the package imnn)
    #[arg(long, value_name = "PYTHON")]
    pub original: Option<PathBuf>,
    /// Time ours by the layers' definitions on dfdx, too
    #[arg(long)]
    pub dfdx: bool,
    /// Time ours on one device, and without what is kept between the passes, alternately with aggregated workloads
    #[arg(long)]
    pub spread: bool,
    /// Compare one thread with all threads of the machine
    #[arg(long, conflicts_with_all = ["memory", "peers", "torch", "original", "dfdx", "spread"])]
    pub scaling: bool,
    /// Compare the peak memory of workloads with a memory budget with what is promised
    #[arg(long, conflicts_with_all = ["peers", "torch", "original", "dfdx", "spread"])]
    pub memory: bool,
    /// Time ours on the first GPU, beside peers that use it, too, and what the GPU does at best
    #[arg(long, conflicts_with_all = ["memory", "scaling", "stream", "original", "dfdx", "spread"])]
    pub cuda: bool,
    /// With --cuda: all products rounded to TF32, also those of the peers
    #[arg(long, requires = "cuda")]
    pub tf32: bool,
    /// Compare one process of so many threads with as many processes of one thread under mpirun, and both with a forecast,
    /// which is made for larger machines as well
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(2..),
        conflicts_with_all = ["memory", "scaling", "cuda", "stream", "peers", "torch", "original", "dfdx", "spread"]
    )]
    pub ranks: Option<u16>,
    /// Compare simulations streamed from files with the same in memory
    #[arg(long, conflicts_with_all = ["memory", "scaling", "peers", "torch", "original", "dfdx", "only"])]
    pub stream: bool,
    /// What to stream, and how.
    #[command(flatten)]
    pub streaming: Streaming,
    /// Print JSON in place of the table
    #[arg(long)]
    pub json: bool,
    /// Fewer workloads, shorter turns: whether it works, not how fast
    #[arg(long)]
    pub quick: bool,
    /// Only the workload of this name; or, as `dense-exact`, those whose names go on with a dash after it
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub only: Vec<String>,
    /// What the process of one workload is started with.
    #[command(subcommand)]
    pub worker: Option<Worker>,
}

/// The process of one workload.
#[derive(Clone, Debug, Subcommand)]
pub enum Worker {
    /// Train one workload in turns, told by standard input
    #[command(hide = true)]
    Worker {
        workload: String,
        #[arg(long)]
        threads: usize,
        /// Each layer by its definition
        #[arg(long)]
        dfdx: bool,
        /// As one of several processes that a launcher has started; the first passes its turns on by this file
        #[arg(long, value_name = "FILE", conflicts_with_all = ["dfdx", "cuda"])]
        ranks: Option<PathBuf>,
        /// On the first GPU
        #[arg(long, conflicts_with = "dfdx")]
        cuda: bool,
        /// Products rounded to TF32
        #[arg(long, requires = "cuda")]
        tf32: bool,
        /// What may be used of the GPU's memory, in bytes
        #[arg(long, requires = "cuda")]
        memory: Option<usize>,
    },
    /// Train on the data set in a folder, in turns, told by standard input
    #[command(hide = true)]
    Stream {
        set: PathBuf,
        #[arg(long)]
        threads: usize,
        /// Read them from their files again in every pass
        #[arg(long)]
        streamed: bool,
    },
}

/// Options of `--stream`.
#[derive(Clone, Debug, Args)]
pub struct Streaming {
    /// With --stream: the folder for the data set
    #[arg(long, value_name = "PATH", default_value = "target/stream", requires = "stream")]
    pub folder: PathBuf,
    /// With --stream: the size of the data set in GiB
    #[arg(long, value_name = "GIB", default_value_t = 8.0, requires = "stream")]
    pub size: f64,
    /// With --stream: keep the data set, for the next time
    #[arg(long, requires = "stream")]
    pub keep: bool,
}

impl Arguments {
    /// The workloads that are asked for.
    pub fn workloads(&self) -> Outcome<Vec<Workload>> {
        let all = match self {
            Arguments { memory: true, .. } => LIMITED,
            Arguments { cuda: true, .. } => ON_CARD,
            Arguments { ranks: Some(_), .. } => RANKED,
            _ => TIMED,
        };
        let fits = |workload: &Workload, name: &str| match all.iter().any(|other| other.name() == name) {
            true => workload.name() == name,
            false => workload.name().strip_prefix(name).is_some_and(|rest| rest.starts_with('-')),
        };
        for name in &self.only {
            if !all.iter().any(|workload| fits(workload, name)) {
                let names: Vec<_> = all.iter().map(Workload::name).collect();
                return Err(format!("no workload is called `{name}`, there are {}", names.join(", ")).into());
            }
        }
        let chosen = |workload: &&Workload| match self.only.is_empty() {
            true => self.memory || self.ranks.is_some() || !self.quick || QUICK.contains(workload),
            false => self.only.iter().any(|name| fits(workload, name)),
        };
        Ok(all.iter().filter(chosen).copied().collect())
    }

    /// The programs to time beside ours.
    pub fn peers(&self) -> Outcome<Vec<Peer>> {
        let ours = std::env::current_exe()?;
        let pairs = [
            (Program::Dfdx, self.dfdx.then_some(&ours)),
            (Program::Spread(Spread::Plain), self.spread.then_some(&ours)),
            (Program::Spread(Spread::Recomputed), self.spread.then_some(&ours)),
            (Program::Jax, self.peers.as_ref()),
            // A GPU waits for Python between short steps.
            (Program::JaxLoop, self.peers.as_ref().filter(|_| self.cuda)),
            (Program::Torch, self.torch.as_ref()),
            (Program::Original, self.original.as_ref()),
        ];
        let peer = |(program, executable): (Program, Option<&PathBuf>)| {
            executable.map(|executable| Peer { program, executable: executable.clone() })
        };
        Ok(pairs.into_iter().filter_map(peer).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn names(line: &str) -> Vec<String> {
        let arguments = Arguments::parse_from(line.split(' '));
        arguments.workloads().unwrap().iter().map(Workload::name).collect()
    }

    #[test]
    fn command_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn workloads_are_chosen_by_the_beginning_of_their_names() {
        assert_eq!(names("bench").len(), TIMED.len());
        assert_eq!(names("bench --quick").len(), QUICK.len());
        assert_eq!(names("bench --memory --quick").len(), LIMITED.len());
        assert_eq!(names("bench --cuda").len(), ON_CARD.len());
        assert_eq!(names("bench --cuda --quick").len(), QUICK.len());
        assert_eq!(names("bench --ranks 2 --quick"), ["dense-exact-10000", "inception-32-exact-1000"]);
        assert_eq!(names("bench --cuda --only inception-128"), ["inception-128-wide-64-fly-5000"]);
        assert_eq!(
            names("bench --only dense-exact volume"),
            ["dense-exact-1000", "dense-exact-1000-validated", "volume-16-exact-100"]
        );
        assert_eq!(names("bench --quick --only inception-32-fly"), ["inception-32-fly-100"]);
        assert_eq!(names("bench --only dense-fly-1000 dense-exact-1000"), ["dense-fly-1000", "dense-exact-1000"]);
        let wrong = Arguments::parse_from(["bench", "--only", "dense", "tense"]).workloads().unwrap_err().to_string();
        assert!(wrong.starts_with("no workload is called `tense`, there are dense-fly-1000, "), "{wrong}");
    }

    #[test]
    fn peers_have_their_own_pythons() {
        let peers = Arguments::parse_from(["bench", "--peers", "a/python", "--original", "b/python"]).peers().unwrap();
        assert_eq!(
            peers,
            [
                Peer { program: Program::Jax, executable: "a/python".into() },
                Peer { program: Program::Original, executable: "b/python".into() },
            ]
        );
    }
}
