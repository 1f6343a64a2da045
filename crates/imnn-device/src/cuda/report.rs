//! What of CUDA is on this machine.

use std::fmt;

/// What of CUDA is on this machine, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CudaReport {
    /// Whether this build can use GPUs at all.
    pub built: bool,
    /// The version of CUDA that the driver is for, if there is a driver.
    pub driver: Option<String>,
    /// The version of NVRTC, the compiler of kernels, if it is found.
    pub nvrtc: Option<String>,
    /// Whether cuBLAS, the library of matrix products, is found.
    pub cublas: bool,
    /// The GPUs that the driver shows.
    pub gpus: Vec<Gpu>,
    /// What is missing, and how to get it.
    pub missing: Vec<String>,
}

/// A GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gpu {
    /// Its number.
    pub device: usize,
    /// What it calls itself.
    pub name: String,
    /// Bytes of memory, all of it.
    pub memory: usize,
    /// Compute capability.
    pub capability: (i32, i32),
}

impl CudaReport {
    /// Looks. Never fails: what cannot be found is missing.
    pub fn look() -> Self {
        #[cfg(feature = "cuda")]
        return super::libraries::report();
        #[cfg(not(feature = "cuda"))]
        CudaReport {
            built: false,
            driver: None,
            nvrtc: None,
            cublas: false,
            gpus: Vec::new(),
            missing: vec![crate::DeviceError::NoCudaFeature.to_string()],
        }
    }
}

impl fmt::Display for CudaReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for gpu in &self.gpus {
            let (major, minor) = gpu.capability;
            let gib = gpu.memory as f64 / (1u64 << 30) as f64;
            writeln!(f, "GPU {}    {}, {gib:.1} GiB, compute capability {major}.{minor}", gpu.device, gpu.name)?;
        }
        if self.built {
            let or = |found: &Option<String>| found.clone().unwrap_or_else(|| "not found".into());
            writeln!(f, "driver   {}", or(&self.driver))?;
            writeln!(f, "NVRTC    {}", or(&self.nvrtc))?;
            writeln!(f, "cuBLAS   {}", if self.cublas { "found" } else { "not found" })?;
        }
        for missing in &self.missing {
            writeln!(f, "missing: {missing}")?;
        }
        Ok(())
    }
}
