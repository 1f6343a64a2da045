//! Why processes cannot work together, or have to stop.

use std::fmt;
use std::io;

/// Why processes cannot work together, or what one of them told all.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RanksError {
    /// There is no library of any MPI.
    #[error(
        "no MPI library was found; load the module of your MPI, or set IMNN_MPI_LIBRARY to its libmpi (tried {tried})"
    )]
    NoLibrary {
        /// The names, and what was wrong with each.
        tried: String,
    },
    /// There is a library, but it is none that could be used.
    #[error("{library}: {reason}")]
    Library {
        /// The file, as it was looked for.
        library: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The launcher started processes that the library does not see: each would train alone, and all into one folder.
    #[error(
        "{launched} processes were started ({variable}), but {library} sees {seen}: launcher and library are of different MPIs; \
         start with the mpirun of that library, or set IMNN_MPI_LIBRARY to the library of the launcher"
    )]
    Mismatch {
        /// How many processes the launcher says it started.
        launched: usize,
        /// Where it says so.
        variable: &'static str,
        /// Name and version of the library.
        library: String,
        /// How many processes the library sees.
        seen: usize,
    },
    /// Somebody else initialised MPI for programs without threads.
    #[error(
        "MPI was initialised for programs without threads; initialise it with MPI_THREAD_FUNNELED or more, as mpi4py does"
    )]
    ThreadLevel,
    /// MPI was initialised by another thread than this one.
    #[error("{call} was called by another thread than the one that initialised MPI, which alone may call it")]
    WrongThread {
        /// The function of MPI.
        call: &'static str,
    },
    /// MPI has been finalised, after which a process can never use it again.
    #[error("{call} was called after MPI had been finalised in this process")]
    Ended {
        /// The function of MPI.
        call: &'static str,
    },
    /// A function of MPI failed.
    #[error("rank {rank}: {call} failed: {text}")]
    Call {
        /// The rank on which it failed.
        rank: usize,
        /// The function of MPI.
        call: &'static str,
        /// What MPI says about it.
        text: String,
    },
    /// Lengths do not fit what is sent and received.
    #[error("the parts of a collective call do not fit: {0}")]
    Lengths(String),
    /// Another rank is gone, and so the call can never be complete.
    #[error("rank {rank} of {size} is gone")]
    Gone {
        /// The rank that is gone.
        rank: usize,
        /// How many there were.
        size: usize,
    },
    /// One rank failed, and all know of it.
    #[error("rank {rank} of {size} on {host}: {message}")]
    Failed {
        /// The rank that failed, the lowest of several.
        rank: usize,
        /// How many ranks there are.
        size: usize,
        /// The machine that it runs on.
        host: String,
        /// What it said.
        message: String,
    },
    /// What should be the same on all ranks is not.
    #[error("rank {rank} of {size} on {host}: its {what} are not those of rank {other} on {other_host}")]
    Differ {
        /// The lowest rank that has something else than most.
        rank: usize,
        /// How many ranks there are.
        size: usize,
        /// The machine that it runs on.
        host: String,
        /// What differs, such as "weights", in the plural.
        what: String,
        /// The lowest rank that has what most have.
        other: usize,
        /// The machine of that one.
        other_host: String,
    },
    /// The system refused a thread.
    #[error("no thread could be started to watch over the other processes: {0}")]
    Thread(#[source] io::Error),
}

/// The text of the message, which is what a program prints whose `main` returns it.
impl fmt::Debug for RanksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
