//! Which program of `peers/` runs a workload, and with which arguments.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workload::{Feed, Net, Workload};

/// A program that trains an IMNN without us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// One compiled step in JAX.
    Jax,
    /// PyTorch.
    Torch,
    /// The classes of the original package.
    Original,
}

/// A program with the Python that has what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The program.
    pub program: Program,
    /// The Python to run it with.
    pub python: PathBuf,
}

impl Peer {
    /// How much longer than others its turns have to be: its time is a difference between two calls that both compile.
    pub fn patience(&self) -> u32 {
        if self.program == Program::Original { 6 } else { 1 }
    }

    /// What to run for `workload`; `None` where the program has nothing of the kind.
    pub fn command(&self, workload: &Workload) -> Option<Command> {
        let (script, arguments) = match self.program {
            Program::Jax => ("peer_jax.py", modern(workload, &["sim", "grad", "num"])?),
            Program::Torch if workload.feed != Feed::Fly => ("peer_torch.py", modern(workload, &["", "grad", "num"])?),
            Program::Torch => return None,
            Program::Original => ("original_dense.py", original(workload)?),
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
        let mut command = Command::new(&self.python);
        // Neither compiled files beside the sources nor what TensorFlow says when it is imported.
        command.arg(path).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1").env("TF_CPP_MIN_LOG_LEVEL", "3");
        Some(command)
    }
}

/// Arguments of the JAX and PyTorch programs, whose words for the kinds of simulations these are.
fn modern(workload: &Workload, [fly, exact, numerical]: &[&str; 3]) -> Option<Vec<String>> {
    let (net, side) = match workload.net {
        Net::Dense => ("mlp", None),
        Net::Inception { side } => ("cnn", Some(side)),
        Net::Volume => return None,
    };
    if workload.validated || workload.memory.is_some() {
        return None;
    }
    let feed = match workload.feed {
        Feed::Fly => fly,
        Feed::Exact => exact,
        Feed::Numerical => numerical,
    };
    let words = [net.to_owned(), (*feed).to_owned(), workload.n_s.to_string()];
    Some(words.into_iter().chain(side.map(|side| side.to_string())).collect())
}

/// Arguments for the original's classes, which need a validation set where simulations are in memory.
fn original(workload: &Workload) -> Option<Vec<String>> {
    let which = match (workload.feed, workload.validated) {
        (Feed::Fly, false) => "sim",
        (Feed::Exact, true) => "grad",
        (Feed::Numerical, true) => "num",
        _ => return None,
    };
    let fits = workload.net == Net::Dense && workload.n_s <= 1000;
    fits.then(|| vec![which.to_owned(), workload.n_s.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(program: Program, name: &str) -> Option<String> {
        let peer = Peer { program, python: "python".into() };
        let command = peer.command(&Workload::named(name).unwrap())?;
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert!(Path::new(&words[0]).is_file(), "{}", words[0]);
        Some(words[1..].join(" "))
    }

    #[test]
    fn workloads_are_spelled_as_the_programs_read_them() {
        assert_eq!(arguments(Program::Jax, "dense-fly-1000").unwrap(), "mlp sim 1000");
        assert_eq!(arguments(Program::Jax, "inception-128-exact-20").unwrap(), "cnn grad 20 128");
        assert_eq!(arguments(Program::Torch, "inception-32-numerical-100").unwrap(), "cnn num 100 32");
        assert_eq!(arguments(Program::Original, "dense-exact-1000-validated").unwrap(), "grad 1000");
        assert_eq!(arguments(Program::Original, "dense-fly-1000").unwrap(), "sim 1000");
    }

    #[test]
    fn what_a_program_does_not_do_is_left_out() {
        for (program, name) in [
            (Program::Torch, "dense-fly-1000"),
            (Program::Jax, "dense-exact-1000-validated"),
            (Program::Jax, "volume-16-exact-100"),
            (Program::Original, "dense-exact-1000"),
            (Program::Original, "dense-fly-100000"),
            (Program::Original, "inception-32-fly-100"),
        ] {
            assert_eq!(arguments(program, name), None, "{program:?} {name}");
        }
    }
}
