//! `imnn devices`.

use imnn::device::CudaReport;
use imnn::io::text::plural;
use imnn::ranks::Mpi;

/// What networks can run on.
pub(crate) fn devices() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mpi = match Mpi::library_to_use() {
        Ok(library) => format!("{library}: `mpirun -n 8 imnn fit ...` trains in eight processes"),
        Err(error) => format!("none: {error}"),
    };
    format!("CPU      {}\n{}MPI      {mpi}\n", plural(threads, "thread"), CudaReport::look())
}
