//! What a run is trained on.

use std::path::Path;

use imnn::device::{self, Aggregate, Aggregator, Cpu, Cuda, DeviceError};
use imnn::fit::FitError;
use imnn::io::text::plural;
use imnn::models::Element;

use super::team::Team;
use crate::CliError;
use crate::run_file::{Device, DeviceKind};

/// The GPUs of the run; an error if this program or this machine cannot use them.
pub(super) fn gpus<E: Element>(device: &Device, path: &Path) -> Result<Vec<Cuda<E>>, CliError> {
    let refuse = |error: DeviceError| {
        let path = path.display();
        CliError::Refused(format!("{path}: kind = \"cuda\" in [device]: {error}; or write kind = \"cpu\""))
    };
    let numbers: &[usize] = match device.kind {
        DeviceKind::Cuda => device.devices.as_deref().unwrap_or(&[0]),
        _ => &[],
    };
    numbers.iter().map(|&number| Cuda::new(number).map_err(refuse)).collect()
}

/// The device of the run; and what it is, for people. The CPU keeps what the sources leave of the memory allowed.
pub(super) fn device<E: Element>(
    gpus: Vec<Cuda<E>>,
    device: &Device,
    left: u64,
    team: &Team,
) -> Result<(Box<dyn device::Device<E>>, String), CliError> {
    let bytes = |memory: u64| usize::try_from(memory).unwrap_or(usize::MAX);
    if gpus.is_empty() {
        let cpu = device.threads.or(team.threads()).map_or_else(Cpu::all, Cpu::new);
        let mut cpu = cpu.map_err(FitError::from)?.with_memory(bytes(left));
        let name = team.describe(cpu.threads()).unwrap_or_else(|| plural(cpu.threads(), "thread"));
        if let Some(ranks) = team.ranks() {
            cpu = cpu.with_ranks(ranks);
        }
        return Ok((together([cpu], device.n_per_device)?, name));
    }
    if team.ranks().is_some() {
        return Err(CliError::Refused(
            "several processes train on CPUs; one process alone can use several GPUs (devices = [0, 1] in [device])"
                .into(),
        ));
    }
    let numbers: Vec<String> = gpus.iter().map(|gpu| gpu.device().to_string()).collect();
    let set_up = |gpu: Cuda<E>| match device.memory {
        Some(memory) => gpu.with_tf32(device.tf32).with_memory(bytes(memory)),
        None => gpu.with_tf32(device.tf32),
    };
    let gpus = together(gpus.into_iter().map(set_up), device.n_per_device)?;
    Ok((gpus, format!("on GPU {}", numbers.join(", "))))
}

fn together<E: Element, D: Aggregate<E> + 'static>(
    devices: impl IntoIterator<Item = D>,
    n_per_device: Option<usize>,
) -> Result<Box<dyn device::Device<E>>, FitError> {
    let devices = Aggregator::new(devices)?;
    Ok(Box::new(match n_per_device {
        Some(n_per_device) => devices.with_n_per_device(n_per_device)?,
        None => devices,
    }))
}
