//! Which of CUDA's libraries are here. Asked before anything else: a library that is not there would be a panic.

use super::report::{CudaReport, Gpu};
use crate::error::{DeviceError, Result};
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
pub(super) fn report() -> CudaReport {
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

/// Whether the GPU can be used.
///
/// # Errors
/// Says what is missing.
pub(super) fn check(device: usize) -> Result<()> {
    let report = report();
    if report.gpus.get(device).is_none() && !report.gpus.is_empty() {
        return Err(DeviceError::NoGpu { device, found: report.gpus.len() });
    }
    if report.missing.is_empty() { Ok(()) } else { Err(DeviceError::NoCuda { missing: report.missing.join("; ") }) }
}

fn gpus_of_driver() -> std::result::Result<Vec<Gpu>, result::DriverError> {
    result::init()?;
    (0..result::device::get_count()?).map(gpu).collect()
}

#[allow(unsafe_code)]
fn gpu(ordinal: i32) -> std::result::Result<Gpu, result::DriverError> {
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
pub(super) fn nvrtc_version() -> Option<(i32, i32)> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the library is present, and the pointers are to numbers of the type asked for.
    let status = unsafe { nvrtc::nvrtcVersion(&mut major, &mut minor) };
    status.result().ok().map(|()| (major, minor))
}

/// Whether NVRTC is here, for what needs it alone.
#[cfg(test)]
pub(super) fn has_nvrtc() -> bool {
    present()[1]
}
