//! `imnn devices`.

use imnn::device::CudaReport;

/// What networks can run on.
pub(crate) fn devices() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let plural = if threads == 1 { "" } else { "s" };
    format!("CPU      {threads} thread{plural}\n{}", CudaReport::look())
}
