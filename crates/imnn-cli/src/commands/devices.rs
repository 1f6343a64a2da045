//! `imnn devices`.

use imnn::device::CudaReport;
use imnn::io::text::plural;

/// What networks can run on.
pub(crate) fn devices() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    format!("CPU      {}\n{}", plural(threads, "thread"), CudaReport::look())
}
