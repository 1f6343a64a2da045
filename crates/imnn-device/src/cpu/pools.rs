//! The threads of a device.

use crate::error::{DeviceError, Result};
use imnn_compute::threads::{ThreadPool, Workers, lock};
use imnn_engine::IsolatedThreads;
use std::sync::{Arc, Mutex};

/// The threads of a device, started when a session first needs them, for all its sessions: those of a [`ThreadPool`], and
/// those of [`IsolatedThreads`] for networks on dfdx.
#[derive(Default)]
pub(crate) struct Pools([Mutex<Option<Arc<dyn Workers>>>; 2]);

impl Pools {
    /// Workers, started if this is the first session that needs such; always asked for as many.
    pub(crate) fn get(&self, threads: usize, isolated: bool) -> Result<Arc<dyn Workers>> {
        let mut slot = lock(&self.0[usize::from(isolated)]);
        if let Some(workers) = &*slot {
            return Ok(workers.clone());
        }
        let failed = |error: std::io::Error| DeviceError::Threads { threads, message: error.to_string() };
        let workers: Arc<dyn Workers> = match isolated {
            true => Arc::new(IsolatedThreads::new(threads).map_err(failed)?),
            false => Arc::new(ThreadPool::new(threads).map_err(failed)?),
        };
        Ok(slot.insert(workers).clone())
    }
}
