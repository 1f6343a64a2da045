//! Which program runs a workload beside ours, and with which arguments.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::threads;
use crate::workload::{DENSE, Feed, Net, Spread, Workload};

/// A program that trains an IMNN: those of `peers/`, and ours by another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// One compiled step in JAX.
    Jax,
    /// The same, with all iterations of a turn in one compiled loop; where iterations are short.
    JaxLoop,
    Torch,
    /// The classes of the original package.
    Original,
    /// Ours with each layer by its definition on dfdx.
    Dfdx,
    /// Ours spread otherwise than an aggregated workload is.
    Spread(Spread),
}

/// A program with what runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub program: Program,
    /// A Python that has what it needs; for a program of ours, that program.
    pub executable: PathBuf,
}

impl Peer {
    /// How much longer than others its turns have to be: its time is a difference between two calls that both compile.
    pub fn patience(&self) -> u32 {
        if self.program == Program::Original { 6 } else { 1 }
    }

    /// What to run for `workload`; `None` where the program has nothing of the kind.
    pub fn command(&self, workload: &Workload) -> Option<Command> {
        let (script, arguments) = match self.program {
            Program::JaxLoop if !matches!(workload.net, Net::Dense { .. }) => return None,
            Program::Jax | Program::JaxLoop => ("peer_jax.py", modern(workload, &["sim", "grad", "num"])?),
            Program::Torch if workload.feed == Feed::Fly || !in_torch(workload.net) => return None,
            Program::Torch => ("peer_torch.py", modern(workload, &["", "grad", "num"])?),
            Program::Original => ("original_dense.py", original(workload)?),
            Program::Dfdx => {
                let mut command = ours(&self.executable, workload, threads());
                command.arg("--dfdx");
                return Some(command);
            }
            Program::Spread(spread) => {
                let otherwise = workload.spread == Spread::Aggregated && spread != Spread::Aggregated;
                return otherwise.then(|| ours(&self.executable, &Workload { spread, ..*workload }, threads()));
            }
        };
        let path = folder().join(script);
        let mut command = Command::new(&self.executable);
        // Neither compiled files beside the sources nor what TensorFlow says when it is imported.
        command.arg(path).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1").env("TF_CPP_MIN_LOG_LEVEL", "3");
        command.env("PEER_LOOP", if self.program == Program::JaxLoop { "1" } else { "0" });
        Some(command)
    }
}

/// Where the programs in Python are: `IMNN_PEERS`, or beside the sources of this crate.
fn folder() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    std::env::var_os("IMNN_PEERS").map_or_else(own, PathBuf::from)
}

/// The process of `workload` in our own program.
pub fn ours(program: &Path, workload: &Workload, threads: usize) -> Command {
    let mut command = Command::new(program);
    command.args(["worker", &workload.name(), "--threads", &threads.to_string()]);
    command
}

/// Arguments of the JAX and PyTorch programs, whose words for the kinds of simulations these are.
fn modern(workload: &Workload, [fly, exact, numerical]: &[&str; 3]) -> Option<Vec<String>> {
    let (net, sizes) = match workload.net {
        DENSE => ("mlp".to_owned(), vec![]),
        Net::Dense { activation } => (format!("mlp-{}", activation.name()), vec![]),
        Net::Inception { side, filters } => ("cnn".to_owned(), vec![side, filters]),
        Net::Pooled { filters } => ("pooled".to_owned(), vec![32, filters]),
        Net::Volume => return None,
    };
    if workload.validated || workload.memory.is_some() || workload.spread != Spread::Plain {
        return None;
    }
    let feed = match workload.feed {
        Feed::Fly => fly,
        Feed::Exact => exact,
        Feed::Numerical => numerical,
    };
    let words = [net, (*feed).to_owned(), workload.n_s.to_string()];
    Some(words.into_iter().chain(sizes.iter().map(usize::to_string)).collect())
}

/// The networks that the PyTorch program has.
fn in_torch(net: Net) -> bool {
    matches!(net, DENSE | Net::Inception { .. })
}

/// Arguments for the original's classes. Those that do not aggregate need a validation set where simulations are in memory.
fn original(workload: &Workload) -> Option<Vec<String>> {
    let which = match (workload.feed, workload.validated, workload.spread) {
        (Feed::Fly, false, Spread::Plain) => "sim",
        (Feed::Exact, true, Spread::Plain) => "grad",
        (Feed::Numerical, true, Spread::Plain) => "num",
        (Feed::Numerical, false, Spread::Aggregated) => "aggnum",
        _ => return None,
    };
    let fits = workload.net == DENSE && workload.n_s <= 1000;
    fits.then(|| vec![which.to_owned(), workload.n_s.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Worker};

    fn arguments(program: Program, name: &str) -> Option<String> {
        let peer = Peer { program, executable: "python".into() };
        let command = peer.command(&Workload::named(name).unwrap())?;
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert!(Path::new(&words[0]).is_file(), "{}", words[0]);
        Some(words[1..].join(" "))
    }

    #[test]
    fn workloads_are_spelled_as_the_programs_read_them() {
        assert_eq!(arguments(Program::Jax, "dense-fly-1000").unwrap(), "mlp sim 1000");
        assert_eq!(arguments(Program::Jax, "inception-128-exact-20").unwrap(), "cnn grad 20 128 16");
        assert_eq!(arguments(Program::Jax, "dense-softplus-numerical-1000").unwrap(), "mlp-softplus num 1000");
        assert_eq!(arguments(Program::Jax, "pooled-64-exact-200").unwrap(), "pooled grad 200 32 64");
        assert_eq!(arguments(Program::Torch, "inception-32-numerical-100").unwrap(), "cnn num 100 32 16");
        assert_eq!(arguments(Program::Jax, "inception-128-wide-64-fly-5000").unwrap(), "cnn sim 5000 128 64");
        assert_eq!(arguments(Program::Original, "dense-exact-1000-validated").unwrap(), "grad 1000");
        assert_eq!(arguments(Program::Original, "dense-fly-1000").unwrap(), "sim 1000");
        assert_eq!(arguments(Program::Original, "dense-numerical-1000-aggregated").unwrap(), "aggnum 1000");
    }

    #[test]
    fn our_own_program_reads_what_it_is_started_with() {
        let peer = Peer { program: Program::Dfdx, executable: "ours".into() };
        let command = peer.command(&Workload::named("volume-16-exact-100").unwrap()).unwrap();
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let arguments = <Arguments as clap::Parser>::try_parse_from(words).unwrap();
        let Some(Worker::Worker { workload, dfdx, .. }) = arguments.worker else { panic!("{arguments:?}") };
        assert_eq!((workload.as_str(), dfdx), ("volume-16-exact-100", true));
    }

    #[test]
    fn aggregated_workloads_are_compared_with_one_device() {
        let peer = Peer { program: Program::Spread(Spread::Recomputed), executable: "ours".into() };
        let command = peer.command(&Workload::named("dense-numerical-1000-aggregated").unwrap()).unwrap();
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(words[..2], ["worker", "dense-numerical-1000-recomputed"]);
    }

    #[test]
    fn what_a_program_does_not_do_is_left_out() {
        for (program, name) in [
            (Program::Torch, "dense-fly-1000"),
            (Program::Torch, "dense-gelu-exact-1000"),
            (Program::Torch, "pooled-32-exact-200"),
            (Program::Jax, "dense-exact-1000-validated"),
            (Program::Jax, "volume-16-exact-100"),
            (Program::Original, "dense-exact-1000"),
            (Program::Original, "dense-gelu-fly-1000"),
            (Program::Original, "dense-numerical-1000-recomputed"),
            (Program::Jax, "dense-numerical-1000-aggregated"),
            (Program::Original, "dense-fly-100000"),
            (Program::Original, "inception-32-fly-100"),
            (Program::Spread(Spread::Plain), "dense-numerical-1000"),
            (Program::Spread(Spread::Aggregated), "dense-numerical-1000-aggregated"),
        ] {
            assert_eq!(arguments(program, name), None, "{program:?} {name}");
        }
    }
}
