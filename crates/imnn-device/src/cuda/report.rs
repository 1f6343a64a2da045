//! What of CUDA is on this machine. Asked before anything else: a library that is not there would be a panic.

use crate::error::{DeviceError, Result};
use std::fmt;

#[cfg(all(test, feature = "cuda"))]
pub(super) use libraries::has_nvrtc;
#[cfg(feature = "cuda")]
pub(super) use libraries::nvrtc_version;

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
        return libraries::report();
        #[cfg(not(feature = "cuda"))]
        CudaReport {
            built: false,
            driver: None,
            nvrtc: None,
            cublas: false,
            gpus: Vec::new(),
            missing: vec![DeviceError::NoCudaFeature.to_string()],
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

/// Whether the GPU can be used.
///
/// # Errors
/// Says what is missing.
pub(super) fn check(device: usize) -> Result<()> {
    let report = CudaReport::look();
    if !report.built {
        return Err(DeviceError::NoCudaFeature);
    }
    if report.gpus.get(device).is_none() && !report.gpus.is_empty() {
        return Err(DeviceError::NoGpu { device, found: report.gpus.len() });
    }
    if report.missing.is_empty() { Ok(()) } else { Err(DeviceError::NoCuda { missing: report.missing.join("; ") }) }
}

/// What the driver and the libraries say.
#[cfg(feature = "cuda")]
mod libraries {
    use super::{CudaReport, Gpu};
    use cudarc::driver::result::DriverError;
    use cudarc::driver::sys::CUdevice_attribute;
    use cudarc::driver::{result, sys as driver};
    use cudarc::{cublas::sys as cublas, nvrtc::sys as nvrtc};

    const DRIVER: &str = "the driver library libcuda is not found: install NVIDIA's driver";
    const NVRTC: &str = "the compiler library libnvrtc is not found: install CUDA's toolkit, or `pip install nvidia-cuda-nvrtc` \
                         and put the folder of libnvrtc.so.13 on LD_LIBRARY_PATH";
    const CUBLAS: &str = "the library of matrix products libcublas is not found: install CUDA's toolkit, or `pip install \
                          nvidia-cublas` and put the folder of libcublas.so.13 on LD_LIBRARY_PATH";

    /// Whether the driver, NVRTC and cuBLAS can be loaded.
    #[allow(unsafe_code)]
    fn present() -> [bool; 3] {
        // SAFETY: loading a library runs its initialisers; these are NVIDIA's own, meant to be loaded by any program.
        unsafe { [driver::is_culib_present(), nvrtc::is_culib_present(), cublas::is_culib_present()] }
    }

    /// What is here and what is missing.
    pub(in crate::cuda) fn report() -> CudaReport {
        let [has_driver, has_nvrtc, has_cublas] = present();
        let mut missing: Vec<String> = Vec::new();
        for (found, text) in [(has_driver, DRIVER), (has_nvrtc, NVRTC), (has_cublas, CUBLAS)] {
            if !found {
                missing.push(text.into());
            }
        }
        let mut gpus = Vec::new();
        if has_driver {
            match gpus_of_driver() {
                Ok(found) if found.is_empty() => missing.push("the driver shows no GPU".into()),
                Ok(found) => gpus = found,
                Err(error) => missing.push(format!("the driver does not start: {error}")),
            }
        }
        CudaReport {
            built: true,
            driver: if has_driver { driver_version() } else { None },
            nvrtc: if has_nvrtc { nvrtc_version().map(|(major, minor)| format!("{major}.{minor}")) } else { None },
            cublas: has_cublas,
            gpus,
            missing,
        }
    }

    fn gpus_of_driver() -> Result<Vec<Gpu>, DriverError> {
        result::init()?;
        (0..result::device::get_count()?).map(gpu).collect()
    }

    #[allow(unsafe_code)]
    fn gpu(ordinal: i32) -> Result<Gpu, DriverError> {
        let device = result::device::get(ordinal)?;
        // SAFETY: the device is one that the driver has just given.
        let attribute = |attribute| unsafe { result::device::get_attribute(device, attribute) };
        let major = attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        // SAFETY: as above.
        let memory = unsafe { result::device::total_mem(device) }?;
        Ok(Gpu {
            device: usize::try_from(ordinal).unwrap_or(0),
            name: result::device::get_name(device)?,
            memory,
            capability: (major, minor),
        })
    }

    /// The version of CUDA that the driver is for, as people write it.
    #[allow(unsafe_code)]
    fn driver_version() -> Option<String> {
        let mut version = 0;
        // SAFETY: the library is present, and the pointer is to a number of the type asked for.
        let status = unsafe { driver::cuDriverGetVersion(&mut version) };
        status.result().ok().map(|()| format!("for CUDA {}.{}", version / 1000, version % 1000 / 10))
    }

    /// The version of NVRTC, where it is present.
    #[allow(unsafe_code)]
    pub(in crate::cuda) fn nvrtc_version() -> Option<(i32, i32)> {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: the library is present, and the pointers are to numbers of the type asked for.
        let status = unsafe { nvrtc::nvrtcVersion(&mut major, &mut minor) };
        status.result().ok().map(|()| (major, minor))
    }

    /// Whether NVRTC is here, for what needs it alone.
    #[cfg(test)]
    pub(in crate::cuda) fn has_nvrtc() -> bool {
        present()[1]
    }
}
