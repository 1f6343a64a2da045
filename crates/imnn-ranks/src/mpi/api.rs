//! MPI behind safe calls: each checks that MPI may be called now, from this thread, with these lengths.

use std::ffi::c_int;
use std::thread::{self, ThreadId};

use super::buffers::{readable, writable};
use super::functions::{Functions, Handle, Pointer};
use super::library::{Abi, Opened, address, text};
use crate::error::RanksError;
use crate::pieces::CountedCalls;

/// MPI that has been initialised, of whatever interface.
pub(super) trait Api: CountedCalls + Send + Sync {
    /// Rank and size.
    fn rank_and_size(&self) -> Result<(usize, usize), RanksError>;

    /// Whether MPI was initialised here, and so is to be finalised here.
    fn is_ours(&self) -> bool;

    /// Ends MPI. Waits until all ranks do so.
    fn finalize(&self) -> Result<(), RanksError>;

    /// Ends all ranks with this exit code; returns only where that was not possible.
    fn abort(&self, code: i32) -> Result<(), RanksError>;
}

/// Handles and constants of an interface.
struct Values<H> {
    world: H,
    byte: H,
    errors_return: H,
    /// MPI_THREAD_FUNNELED and MPI_THREAD_SERIALIZED; those that allow more are greater.
    funneled: c_int,
    serialized: c_int,
}

struct Calls<H> {
    functions: Functions<H>,
    values: Values<H>,
    /// A communicator of our own, so that our calls meet no others of this process.
    own: H,
    rank: usize,
    size: usize,
    thread: ThreadId,
    is_ours: bool,
}

/// Initialises MPI, or joins a program that has done so.
#[allow(unsafe_code)]
pub(super) fn start(opened: &Opened) -> Result<Box<dyn Api>, RanksError> {
    let refused = |reason: String| RanksError::Library { library: opened.about.to_string(), reason };
    // SAFETY: the interface was found out from the library itself, and in this one handles are pointers.
    let pointers = || unsafe { Functions::<Pointer>::load(opened.library) }.map_err(refused);
    let pointer = |address: usize| Pointer(std::ptr::without_provenance_mut(address));
    match opened.about.abi {
        // MPI 5.0, appendix A: the values of `mpi.h`.
        Abi::Standard => {
            let values = Values {
                world: pointer(0x101),
                byte: pointer(0x247),
                errors_return: pointer(0x143),
                funneled: 1024,
                serialized: 2048,
            };
            Ok(Box::new(Calls::start(pointers()?, values)?))
        }
        // `mpi.h` of MPICH, frozen by the agreement on its interface of 2014.
        Abi::Mpich => {
            // SAFETY: as above, but in this interface handles are ints.
            let functions = unsafe { Functions::<c_int>::load(opened.library) }.map_err(refused)?;
            let values = Values {
                world: 0x4400_0000,
                byte: 0x4c00_010d,
                errors_return: 0x5400_0001,
                funneled: 1,
                serialized: 2,
            };
            Ok(Box::new(Calls::start(functions, values)?))
        }
        // `mpi.h` of Open MPI: handles are the addresses of variables.
        Abi::OpenMpi => {
            let handle = |name: &str| {
                address(opened.library, name).map(Pointer).ok_or_else(|| refused(format!("it has no {name}")))
            };
            let values = Values {
                world: handle("ompi_mpi_comm_world")?,
                byte: handle("ompi_mpi_byte")?,
                errors_return: handle("ompi_mpi_errors_return")?,
                funneled: 1,
                serialized: 2,
            };
            Ok(Box::new(Calls::start(pointers()?, values)?))
        }
    }
}

impl<H: Handle> Calls<H> {
    #[allow(unsafe_code)]
    fn start(functions: Functions<H>, values: Values<H>) -> Result<Self, RanksError> {
        let own = values.world;
        let is_ours = !flag(&functions, "MPI_Initialized");
        let mut calls = Calls { functions, values, own, rank: 0, size: 1, thread: thread::current().id(), is_ours };
        calls.not_ended("MPI_Init_thread")?;
        let level = if is_ours { calls.init()? } else { calls.level()? };
        if level < calls.values.funneled {
            if is_ours {
                calls.finalize()?;
            }
            return Err(RanksError::ThreadLevel);
        }
        // SAFETY: MPI is initialised and not finalised, and this thread may call it; the handle is written by the call.
        let code = unsafe { (calls.functions.comm_dup)(calls.values.world, &mut calls.own) };
        calls.check("MPI_Comm_dup", code)?;
        // SAFETY: as above; both handles are MPI's.
        let code = unsafe { (calls.functions.comm_set_errhandler)(calls.own, calls.values.errors_return) };
        calls.check("MPI_Comm_set_errhandler", code)?;
        (calls.rank, calls.size) = calls.rank_and_size()?;
        Ok(calls)
    }

    /// Initialises MPI for a program with threads, of which one calls MPI; gives the level that it has.
    #[allow(unsafe_code)]
    fn init(&self) -> Result<c_int, RanksError> {
        let (none, no_arguments) = (std::ptr::null_mut(), std::ptr::null_mut());
        let mut level = 0;
        // SAFETY: MPI is neither initialised nor finalised; it may be initialised without the arguments of the program.
        let code = unsafe { (self.functions.init_thread)(none, no_arguments, self.values.funneled, &mut level) };
        self.check("MPI_Init_thread", code)?;
        Ok(level)
    }

    /// The level that another part of this program asked for, where it lets this thread call MPI.
    #[allow(unsafe_code)]
    fn level(&self) -> Result<c_int, RanksError> {
        let (mut level, mut is_main) = (0, 0);
        // SAFETY: MPI is initialised and not finalised, and any thread may ask this; a number is written.
        let code = unsafe { (self.functions.query_thread)(&mut level) };
        self.check("MPI_Query_thread", code)?;
        // SAFETY: as above.
        let code = unsafe { (self.functions.is_thread_main)(&mut is_main) };
        self.check("MPI_Is_thread_main", code)?;
        if is_main == 0 && level < self.values.serialized {
            return Err(RanksError::WrongThread { call: "MPI_Comm_dup" });
        }
        Ok(level)
    }

    /// MPI may be called: it has not ended, and this is its thread.
    fn ready(&self, call: &'static str) -> Result<(), RanksError> {
        if thread::current().id() != self.thread {
            return Err(RanksError::WrongThread { call });
        }
        self.not_ended(call)
    }

    fn not_ended(&self, call: &'static str) -> Result<(), RanksError> {
        if flag(&self.functions, "MPI_Finalized") { Err(RanksError::Ended { call }) } else { Ok(()) }
    }

    #[allow(unsafe_code)]
    fn check(&self, call: &'static str, code: c_int) -> Result<(), RanksError> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: MPI explains a code of its own, in at most MPI_MAX_ERROR_STRING bytes, which are no more than 1024 anywhere.
        let text = unsafe { text(|buffer, len| (self.functions.error_string)(code, buffer, len)) };
        Err(RanksError::Call { rank: self.rank, call, text })
    }

    /// Where parts of these lengths begin, if they fill exactly this much and there is one for each rank.
    fn starts(&self, lens: &[c_int], room: usize) -> Result<Vec<c_int>, RanksError> {
        let mut end: c_int = 0;
        let mut starts = Vec::with_capacity(lens.len());
        for &len in lens {
            starts.push(end);
            end = end.checked_add(len).filter(|_| len >= 0).ok_or_else(|| refused(lens, room))?;
        }
        let fits = lens.len() == self.size && usize::try_from(end).is_ok_and(|end| end == room);
        if fits { Ok(starts) } else { Err(refused(lens, room)) }
    }
}

fn refused(lens: &[c_int], room: usize) -> RanksError {
    RanksError::Lengths(format!("{} parts do not fill {room} bytes", lens.len()))
}

/// One of the two questions that may be asked at any time, from any thread.
#[allow(unsafe_code)]
fn flag<H: Handle>(functions: &Functions<H>, name: &str) -> bool {
    let mut flag = 0;
    let function = if name == "MPI_Initialized" { functions.initialized } else { functions.finalized };
    // SAFETY: the standard allows this call before, between and after all others; a number is written.
    unsafe { function(&mut flag) };
    flag != 0
}

#[allow(unsafe_code)]
impl<H: Handle> Api for Calls<H> {
    fn rank_and_size(&self) -> Result<(usize, usize), RanksError> {
        self.ready("MPI_Comm_rank")?;
        let (mut rank, mut size) = (0, 0);
        // SAFETY: MPI may be called, as was checked; a number is written.
        let code = unsafe { (self.functions.comm_rank)(self.own, &mut rank) };
        self.check("MPI_Comm_rank", code)?;
        // SAFETY: as above.
        let code = unsafe { (self.functions.comm_size)(self.own, &mut size) };
        self.check("MPI_Comm_size", code)?;
        Ok((usize::try_from(rank).unwrap_or(0), usize::try_from(size).unwrap_or(1)))
    }

    fn is_ours(&self) -> bool {
        self.is_ours
    }

    fn finalize(&self) -> Result<(), RanksError> {
        self.ready("MPI_Finalize")?;
        // SAFETY: MPI may be called, as was checked; no call of ours is under way, since they come from this thread.
        let code = unsafe { (self.functions.finalize)() };
        if code == 0 {
            return Ok(());
        }
        // It can be asked for no words any more.
        Err(RanksError::Call { rank: self.rank, call: "MPI_Finalize", text: format!("error {code}") })
    }

    fn abort(&self, code: i32) -> Result<(), RanksError> {
        self.ready("MPI_Abort")?;
        // SAFETY: MPI may be called, as was checked.
        let code = unsafe { (self.functions.abort)(self.values.world, code) };
        self.check("MPI_Abort", code)
    }
}

#[allow(unsafe_code)]
impl<H: Handle> CountedCalls for Calls<H> {
    fn allgatherv(&self, own: &[u8], all: &mut [u8], lens: &[c_int]) -> Result<(), RanksError> {
        self.ready("MPI_Allgatherv")?;
        let starts = self.starts(lens, all.len())?;
        let len = lens[self.rank];
        if usize::try_from(len) != Ok(own.len()) {
            return Err(refused(lens, own.len()));
        }
        let (to, byte) = (writable(all), self.values.byte);
        // SAFETY: MPI may be called, as was checked. It reads `len` bytes of `own`, which has as many, and writes the parts
        // of `all`, which are inside of it; lengths and starts are as many as there are ranks. Both borrows last until it
        // returns, after which MPI keeps no pointer to them.
        let code = unsafe {
            (self.functions.allgatherv)(readable(own), len, byte, to, lens.as_ptr(), starts.as_ptr(), byte, self.own)
        };
        self.check("MPI_Allgatherv", code)
    }

    fn alltoallv(&self, send: &[u8], send_lens: &[c_int], all: &mut [u8], lens: &[c_int]) -> Result<(), RanksError> {
        self.ready("MPI_Alltoallv")?;
        let send_starts = self.starts(send_lens, send.len())?;
        let starts = self.starts(lens, all.len())?;
        let (to, byte) = (writable(all), self.values.byte);
        // SAFETY: MPI may be called, as was checked. It reads the parts of `send` and writes those of `all`, which are inside of
        // them; lengths and starts are as many as there are ranks. The borrows last until it returns, after which MPI keeps
        // no pointer to them.
        let code = unsafe {
            (self.functions.alltoallv)(
                readable(send),
                send_lens.as_ptr(),
                send_starts.as_ptr(),
                byte,
                to,
                lens.as_ptr(),
                starts.as_ptr(),
                byte,
                self.own,
            )
        };
        self.check("MPI_Alltoallv", code)
    }

    fn bcast(&self, bytes: &mut [u8]) -> Result<(), RanksError> {
        self.ready("MPI_Bcast")?;
        let len = c_int::try_from(bytes.len()).map_err(|_| refused(&[], bytes.len()))?;
        // SAFETY: MPI may be called, as was checked. It reads or writes `len` bytes, which `bytes` has; the borrow lasts until
        // it returns, after which MPI keeps no pointer to it.
        let code = unsafe { (self.functions.bcast)(writable(bytes), len, self.values.byte, 0, self.own) };
        self.check("MPI_Bcast", code)
    }
}

#[cfg(test)]
mod tests;
