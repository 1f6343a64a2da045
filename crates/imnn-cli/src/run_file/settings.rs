//! `[network]`, `[fit]`, `[checkpoints]` and `[device]`.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use imnn::fit::{FitSettings, RunFolder};
use imnn::io::config::Bytes;
use imnn::io::{ConfigError, Section};
use imnn::models::Network;
use serde::{Deserialize, Serialize};

/// The network and where its weights start.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct NetworkSettings {
    /// In which numbers it is run; f32 by default.
    pub precision: Precision,
    /// Weights to start from, `.safetensors` or `.npz`; drawn by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial: Option<PathBuf>,
    /// Summaries that it ends in; as many as there are parameters by default, more are allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_summaries: Option<usize>,
    /// The layers; by default those of a [`Suggestion`](imnn::fit::Suggestion).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Network>,
}

/// Numbers of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Double precision.
    F64,
}

/// How often the state of training is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Checkpoints {
    /// Minutes between two of them; 10 by default.
    pub minutes: f64,
    /// Iterations after which there is one as well; any number by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations: Option<usize>,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Checkpoints { minutes: 10.0, iterations: None }
    }
}

impl Checkpoints {
    /// Those in the folder of a run.
    pub fn of(&self, folder: &RunFolder) -> imnn::fit::Checkpoints {
        let checkpoints = folder.checkpoints().every(Duration::from_secs_f64(60.0 * self.minutes));
        match self.iterations {
            Some(iterations) => checkpoints.every_iterations(iterations),
            None => checkpoints,
        }
    }
}

/// As many threads may be asked for on any machine: a run file goes from one to another, and each thread takes memory of
/// its own.
const THREADS: usize = 1024;

/// Where the network runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Device {
    /// The kind of device; the CPU by default.
    pub kind: DeviceKind,
    /// Threads of the CPU; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// GPUs by number; the first by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<usize>>,
    /// Simulations that a GPU, or a thread of the CPU, is handed at once at most; chosen by the device by default. They
    /// go in microbatches of up to 64, cut by the size of the network, and results do not depend on any value of at least a
    /// microbatch. A smaller one cuts the microbatches: results may then differ in their last digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_per_device: Option<usize>,
    /// Bytes for what is kept between forward and backward pass, and of simulations that are streamed from files, in the
    /// file as `"4 GiB"`; 1 GiB by default. Beyond it, simulations are read or made again. Results do not depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Whether a GPU may round the factors of its products to TF32, faster and exact to three digits; no by default.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tf32: bool,
}

/// Kinds of device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeviceKind {
    /// Threads of the processor.
    #[default]
    Cpu,
    /// NVIDIA GPUs.
    Cuda,
}

pub(super) fn read_network(section: Option<&Section<'_>>, base: &Path) -> Result<NetworkSettings, ConfigError> {
    let Some(section) = section else { return Ok(NetworkSettings::default()) };
    section.only(&["precision", "initial", "n_summaries", "layers"])?;
    let precision = section.choice("precision", &[("f32", Precision::F32), ("f64", Precision::F64)])?;
    let initial: Option<PathBuf> = section.optional::<String>("initial")?.map(|path| base.join(path));
    if let Some(extension) = initial.as_deref().map(Path::extension)
        && !extension.is_some_and(|extension| extension == "safetensors" || extension == "npz")
    {
        return Err(section.invalid("initial", "give a whole file of weights, .safetensors or .npz"));
    }
    let n_summaries = section.optional("n_summaries")?;
    if n_summaries == Some(0) {
        return Err(section.invalid("n_summaries", "0 is too few, at least as many as parameters"));
    }
    let layers = section.item("layers").map(|layers| Network::read(&layers)).transpose()?;
    if layers.as_ref().is_some_and(|network| network.layers.is_empty()) {
        return Err(section.invalid("layers", "there must be at least one layer"));
    }
    Ok(NetworkSettings { precision: precision.unwrap_or_default(), initial, n_summaries, layers })
}

pub(super) fn read_fit(section: Option<&Section<'_>>) -> Result<FitSettings, ConfigError> {
    let Some(section) = section else { return Ok(FitSettings::default()) };
    let settings: FitSettings = section.settings()?;
    settings.checked().map_err(|error| section.refused(error))?;
    Ok(settings)
}

/// Minutes in a hundred years.
const MOST_MINUTES: f64 = 5.3e7;

pub(super) fn read_checkpoints(section: Option<&Section<'_>>) -> Result<Checkpoints, ConfigError> {
    let Some(section) = section else { return Ok(Checkpoints::default()) };
    let checkpoints: Checkpoints = section.settings()?;
    if !(0.0..MOST_MINUTES).contains(&checkpoints.minutes) {
        return Err(section.invalid("minutes", format!("{} is not a time, as 10 is", checkpoints.minutes)));
    }
    if checkpoints.iterations == Some(0) {
        return Err(section.invalid("iterations", "0 is too few, at least 1"));
    }
    Ok(checkpoints)
}

pub(super) fn read_device(section: Option<&Section<'_>>) -> Result<Device, ConfigError> {
    let mut device = Device::default();
    let Some(section) = section else { return Ok(device) };
    section.only(&["kind", "threads", "devices", "n_per_device", "memory", "tf32"])?;
    let kinds = [("cpu", DeviceKind::Cpu), ("cuda", DeviceKind::Cuda)];
    device.kind = section.choice("kind", &kinds)?.unwrap_or_default();
    device.threads = section.optional("threads")?;
    device.devices = section.optional("devices")?;
    device.n_per_device = section.optional("n_per_device")?;
    device.memory = section.optional::<Bytes>("memory")?.map(|bytes| bytes.0);
    device.tf32 = section.or("tf32", false)?;
    for (key, value) in [("threads", device.threads), ("n_per_device", device.n_per_device)] {
        if value == Some(0) {
            return Err(section.invalid(key, "0 is too few, at least 1"));
        }
    }
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let most = THREADS.max(processors);
    if let Some(threads) = device.threads.filter(|&threads| threads > most) {
        let reason = format!(
            "{threads} is too many, at most {most}: more threads than processors are no faster, and this machine has {processors}"
        );
        return Err(section.invalid("threads", reason));
    }
    match (device.kind, &device.devices) {
        (DeviceKind::Cpu, Some(_)) => {
            let reason = "belongs to kind = \"cuda\"; the CPU is one device with as many threads as `threads` says";
            Err(section.invalid("devices", reason))
        }
        (DeviceKind::Cpu, None) if device.tf32 => {
            Err(section.invalid("tf32", "belongs to kind = \"cuda\"; the CPU is exact"))
        }
        (DeviceKind::Cuda, Some(list)) if (1..list.len()).any(|k| list[..k].contains(&list[k])) => {
            Err(section.invalid("devices", "each GPU may be named once"))
        }
        (_, Some(list)) if list.is_empty() => Err(section.invalid("devices", "there must be at least one")),
        _ => Ok(device),
    }
}
