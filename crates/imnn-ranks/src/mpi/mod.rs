//! MPI, found and loaded when the program runs.
//!
//! One program serves Open MPI, the family of MPICH and any library with the standard interface of MPI 5; where there is
//! no MPI it runs as one process. Only this module leaves safe Rust: what a library is (`library.rs`), the types of its
//! functions (`functions.rs`), and the calls, each behind checks that make it sound (`api.rs`).

mod api;
mod buffers;
mod functions;
mod library;
mod names;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::error::RanksError;
use crate::launch::{Launch, environment};
use crate::lengths::{check_exchange, check_gather};
use crate::pieces::Pieces;
use crate::place::{Place, host};
use crate::ranks::Ranks;
use crate::watchdog::{HEARD, Timeout, Watchdog, Watched, end_hard};

use api::Api;
use library::Opened;

pub use library::{Abi, MpiLibrary};

/// What one call of MPI moves to or from a rank at most, in bytes; what is more goes in pieces. Well below the 2 GiB that a
/// C int counts, for the copies of pieces are memory too.
const LIMIT: usize = 1 << 28;

/// The exit code of all ranks after one of them panicked, or could not go on: `EX_SOFTWARE` of `sysexits.h`.
const ABORTED: i32 = 70;

/// The processes that a launcher of MPI started together.
///
/// It is made and used by one thread, by which all calls of MPI come (`MPI_THREAD_FUNNELED`); others get
/// [`RanksError::WrongThread`].
///
/// Dropped, it finalises MPI, if it also initialised it, and that waits until all ranks do. A rank that panics, or on which a
/// call of MPI has failed, ends all others instead (`MPI_Abort`, exit code 70), for they would wait in vain. So would
/// they for one that fails alone and drops its `Mpi`: let it [`agree`](crate::agree) with the others first, or
/// [`abort`](Mpi::abort), and say what is to be said before the drop. A process that ends without the drop is ended together
/// with all others by most launchers.
pub struct Mpi {
    api: Box<dyn Api>,
    library: MpiLibrary,
    place: Place,
    limit: AtomicUsize,
    failed: AtomicBool,
}

impl Mpi {
    /// The processes that were started together with this one; `None` if there are none, in which case no library is even
    /// looked for. Collective.
    ///
    /// The library is `$IMNN_MPI_LIBRARY`, a file name or a path; without that, the first that the system finds of those that
    /// fit the launcher. If MPI was initialised already, by mpi4py for instance, it is used, and finalised by whoever
    /// initialised it.
    ///
    /// # Errors
    ///
    /// [`RanksError::NoLibrary`] and [`RanksError::Library`] if there is no library of use; [`RanksError::Mismatch`] if the
    /// launcher is of another MPI than the library, which would make as many programs of one process each;
    /// [`RanksError::ThreadLevel`] and [`RanksError::WrongThread`] if somebody else initialised MPI such that this thread may
    /// not call it.
    pub fn find() -> Result<Option<Mpi>, RanksError> {
        let Some(launch) = Launch::read(&environment) else { return Ok(None) };
        let opened = library::open(&names::names(&environment, Some(&launch)));
        let started = opened.and_then(|opened| Mpi::start(opened, launch)).map(Some);
        started.inspect_err(|_| launch.let_the_first_speak())
    }

    /// As [`find`](Mpi::find), with an end to waiting from the first call on: that which waits for all processes to be there.
    ///
    /// # Errors
    ///
    /// Those of [`find`](Mpi::find), and [`RanksError::Thread`] if the system refuses the thread that watches.
    pub fn find_watched(timeout: Timeout) -> Result<Option<Watched<Mpi>>, RanksError> {
        let Some(launch) = Launch::read(&environment) else { return Ok(None) };
        let watchdog = Watchdog::new(format!("one of {} ranks on {}", launch.size, host()), timeout)?;
        let mpi = watchdog.watch(&"the start of all ranks".into(), Mpi::find)?;
        mpi.map(|mpi| Watched::new(mpi, timeout)).transpose()
    }

    /// Which MPI processes would use, if several were started now; it is loaded for that, but not initialised.
    ///
    /// # Errors
    ///
    /// [`RanksError::NoLibrary`] and [`RanksError::Library`].
    pub fn library_to_use() -> Result<MpiLibrary, RanksError> {
        let launch = Launch::read(&environment);
        library::open(&names::names(&environment, launch.as_ref())).map(|opened| opened.about)
    }

    fn start(opened: Opened, launch: Launch) -> Result<Mpi, RanksError> {
        let api = api::start(&opened)?;
        let (rank, size) = api.rank_and_size()?;
        let (host, failed, library) = (String::new(), AtomicBool::new(false), opened.about);
        let (local_rank, local_size, nodes, cores) = (0, 1, 1, None);
        let place = Place { rank, size, host, local_rank, local_size, nodes, cores };
        let mut mpi = Mpi { api, library, place, limit: LIMIT.into(), failed };
        refuse_mismatch(&launch, &mpi.library, size)?;
        mpi.place = Place::find(&mpi)?;
        Ok(mpi)
    }

    /// Which ranks share a machine.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The library.
    pub fn library(&self) -> &MpiLibrary {
        &self.library
    }

    /// "8 ranks on 4 nodes over Open MPI 4.1.4 (libmpi.so.40)".
    pub fn describe(&self) -> String {
        describe(&self.place, &self.library)
    }

    /// Sets what one call of MPI moves to or from a rank at most, in bytes, 256 MiB by default; at least 1, and the same on
    /// all ranks. Tests set it so that short messages go in pieces.
    pub fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes.clamp(1, LIMIT), Ordering::Relaxed);
    }

    /// Ends all ranks at once, those that wait for this one too, with the exit code `code`; for what cannot be agreed on.
    pub fn abort(&self, code: i32) -> ! {
        // The launcher passes on what was said, if it gets to reading that before it ends all.
        thread::sleep(HEARD);
        // Where MPI cannot end the others, its launcher does when this process ends without a word.
        let _ = self.api.abort(code);
        end_hard()
    }

    fn pieces(&self) -> Pieces<'_> {
        Pieces { calls: &*self.api, size: self.place.size, limit: self.limit.load(Ordering::Relaxed) }
    }

    /// Remembers that MPI failed.
    fn noted<T>(&self, result: Result<T, RanksError>) -> Result<T, RanksError> {
        if matches!(result, Err(RanksError::Call { .. })) {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }
}

fn refuse_mismatch(launch: &Launch, library: &MpiLibrary, seen: usize) -> Result<(), RanksError> {
    if seen == launch.size {
        return Ok(());
    }
    let library = format!("{} ({})", library.file, library.version);
    Err(RanksError::Mismatch { launched: launch.size, variable: launch.variable, library, seen })
}

fn describe(place: &Place, library: &MpiLibrary) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!("{} on {} over {library}", count(place.size, "rank"), count(place.nodes, "node"))
}

impl Ranks for Mpi {
    fn rank(&self) -> usize {
        self.place.rank
    }

    fn size(&self) -> usize {
        self.place.size
    }

    fn gather(&self, own: &[u8], all: &mut [u8], lens: &[usize]) -> Result<(), RanksError> {
        check_gather(self, own, all, lens)?;
        self.noted(self.pieces().gather(own, all, lens))
    }

    fn exchange(&self, send: &[u8], send_lens: &[usize], all: &mut [u8], lens: &[usize]) -> Result<(), RanksError> {
        check_exchange(self, send, send_lens, all, lens)?;
        self.noted(self.pieces().exchange(send, send_lens, all, lens))
    }

    fn broadcast(&self, bytes: &mut [u8]) -> Result<(), RanksError> {
        self.noted(self.pieces().broadcast(bytes))
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        if !self.api.is_ours() {
            return;
        }
        if thread::panicking() || self.failed.load(Ordering::Relaxed) {
            self.abort(ABORTED);
        }
        // In another thread, or after somebody else finalised, there is nothing that could be done.
        let _ = self.api.finalize();
    }
}

impl fmt::Debug for Mpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mpi(rank {} of {}, {})", self.place.rank, self.place.size, self.library)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library() -> MpiLibrary {
        MpiLibrary { file: "libmpich.so.12".into(), version: "MPICH 4.0.2".into(), abi: Abi::Mpich }
    }

    #[test]
    fn a_launcher_of_another_mpi_is_refused() {
        let launch = |size: &'static str| {
            Launch::read(&|name| (name == "OMPI_COMM_WORLD_SIZE").then(|| size.to_owned())).unwrap()
        };
        assert!(refuse_mismatch(&launch("2"), &library(), 2).is_ok());
        let error = refuse_mismatch(&launch("2"), &library(), 1).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "2 processes were started (OMPI_COMM_WORLD_SIZE), but libmpich.so.12 (MPICH 4.0.2) sees 1:"
            ),
            "{error}"
        );
        // Two worlds of two would write into one folder as well.
        assert!(refuse_mismatch(&launch("4"), &library(), 2).is_err());
    }

    #[test]
    fn ranks_and_nodes_are_counted_in_words() {
        let place =
            |size, nodes| Place { rank: 0, size, host: "a".into(), local_rank: 0, local_size: 1, nodes, cores: None };
        assert_eq!(describe(&place(8, 4), &library()), "8 ranks on 4 nodes over MPICH 4.0.2 (libmpich.so.12)");
        assert_eq!(describe(&place(1, 1), &library()), "1 rank on 1 node over MPICH 4.0.2 (libmpich.so.12)");
    }

    #[test]
    fn without_a_launcher_there_is_nothing_to_find() {
        // Tests are started alone; where they are not, there is nothing to see here.
        if Launch::of_this_process().is_none() {
            assert!(Mpi::find().unwrap().is_none());
        }
    }
}
