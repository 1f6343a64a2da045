//! `[network]`, `[fit]` and `[device]`.

use std::path::{Path, PathBuf};

use imnn::fit::FitSettings;
use imnn::models::Network;
use imnn::stats::Regularisation;
use serde::Serialize;

use super::RunFileError;
use super::reader::Section;

/// The network and where its weights start.
#[derive(Clone, Debug, Serialize)]
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
    /// The layers.
    pub layers: Network,
}

/// Numbers of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

/// Where the network runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// go in leaves of up to 64, cut by the size of the network, and results do not depend on any value of at least a
    /// leaf. A smaller one cuts the leaves: results may then differ in their last digits.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeviceKind {
    /// Threads of the processor.
    Cpu,
    /// NVIDIA GPUs.
    Cuda,
}

pub(super) fn read_network(section: &Section<'_>, base: &Path) -> Result<NetworkSettings, RunFileError> {
    section.only(&["precision", "initial", "n_summaries", "layers"])?;
    let name = section.or("precision", "f32".to_owned())?;
    let precision = match name.as_str() {
        "f32" => Precision::F32,
        "f64" => Precision::F64,
        _ => return Err(section.unknown_name("precision", &name, &["f32", "f64"])),
    };
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
    let layers = section
        .described("layers", Network::from_toml)?
        .ok_or_else(|| section.missing("layers", "write layers = [{ dense = 128 }, \"leaky_relu\", { dense = 2 }]"))?;
    if layers.layers.is_empty() {
        return Err(section.invalid("layers", "there must be at least one layer"));
    }
    Ok(NetworkSettings { precision, initial, n_summaries, layers })
}

pub(super) fn read_fit(section: Option<&Section<'_>>) -> Result<FitSettings, RunFileError> {
    let default = FitSettings::default();
    let Some(section) = section else { return Ok(default) };
    section.only(&["lambda", "epsilon", "patience", "min_iterations", "max_iterations", "best", "whiten"])?;
    let fit = FitSettings {
        lambda: section.or("lambda", default.lambda)?,
        epsilon: section.or("epsilon", default.epsilon)?,
        patience: section.or("patience", default.patience)?,
        min_iterations: section.or("min_iterations", default.min_iterations)?,
        max_iterations: section.or("max_iterations", default.max_iterations)?,
        best: section.or("best", default.best)?,
        whiten: section.or("whiten", default.whiten)?,
    };
    if let Err(error) = Regularisation::new(fit.lambda, fit.epsilon) {
        let key = if section.has("lambda") { "lambda" } else { "epsilon" };
        return Err(section.invalid(key, error.to_string()));
    }
    for (key, value) in [("patience", fit.patience), ("max_iterations", fit.max_iterations)] {
        if value == 0 {
            return Err(section.invalid(key, "0 is too few, at least 1"));
        }
    }
    Ok(fit)
}

pub(super) fn read_device(section: Option<&Section<'_>>) -> Result<Device, RunFileError> {
    let (threads, devices, n_per_device, memory) = Default::default();
    let mut device = Device { kind: DeviceKind::Cpu, threads, devices, n_per_device, memory, tf32: false };
    let Some(section) = section else { return Ok(device) };
    section.only(&["kind", "threads", "devices", "n_per_device", "memory", "tf32"])?;
    let name = section.or("kind", "cpu".to_owned())?;
    device.kind = match name.as_str() {
        "cpu" => DeviceKind::Cpu,
        "cuda" => DeviceKind::Cuda,
        _ => return Err(section.unknown_name("kind", &name, &["cpu", "cuda"])),
    };
    device.threads = section.optional("threads")?;
    device.devices = section.optional("devices")?;
    device.n_per_device = section.optional("n_per_device")?;
    device.tf32 = section.or("tf32", false)?;
    for (key, value) in [("threads", device.threads), ("n_per_device", device.n_per_device)] {
        if value == Some(0) {
            return Err(section.invalid(key, "0 is too few, at least 1"));
        }
    }
    match (device.kind, &device.devices) {
        (DeviceKind::Cpu, Some(_)) => {
            return Err(section.invalid(
                "devices",
                "belongs to kind = \"cuda\"; the CPU is one device with as many threads as `threads` says",
            ));
        }
        (DeviceKind::Cpu, None) if device.tf32 => {
            return Err(section.invalid("tf32", "belongs to kind = \"cuda\"; the CPU is exact"));
        }
        (DeviceKind::Cuda, Some(list)) if (1..list.len()).any(|k| list[..k].contains(&list[k])) => {
            return Err(section.invalid("devices", "each GPU may be named once"));
        }
        (_, Some(list)) if list.is_empty() => return Err(section.invalid("devices", "there must be at least one")),
        _ => {}
    }
    if section.has("memory") {
        device.memory = Some(read_bytes(section, "memory")?);
    }
    Ok(device)
}

/// A number of bytes, or a text such as `"4 GiB"` or `"500 MB"`.
pub(super) fn read_bytes(section: &Section<'_>, key: &'static str) -> Result<u64, RunFileError> {
    if let Ok(Some(bytes)) = section.optional::<u64>(key) {
        return Ok(bytes);
    }
    let text: String = section.or(key, String::new())?;
    bytes(&text).ok_or_else(|| {
        section
            .invalid(key, format!("cannot read \"{text}\" as an amount of memory; write it as \"4 GiB\" or \"500 MB\""))
    })
}

fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..split].trim().parse().ok()?;
    let unit: f64 = match text[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024f64.powi(2),
        "gib" => 1024f64.powi(3),
        "tib" => 1024f64.powi(4),
        _ => return None,
    };
    let bytes = number * unit;
    (bytes.is_finite() && (0.0..9.0e18).contains(&bytes)).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn amounts_of_memory() {
        for (text, expected) in [
            ("4 GiB", Some(4 << 30)),
            ("1.5GB", Some(1_500_000_000)),
            ("512mib", Some(512 << 20)),
            ("1000", Some(1000)),
            ("7 B", Some(7)),
            ("", None),
            ("GiB", None),
            ("4 GiBs", None),
            ("-1 GB", None),
            ("1e400 B", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
