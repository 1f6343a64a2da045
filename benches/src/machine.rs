//! What the machine is.

use serde::Serialize;
use std::fs;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    pub processor: String,
    pub threads: usize,
    /// Memory in bytes, where the system says it.
    pub memory: Option<u64>,
}

impl Machine {
    pub fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
        Machine {
            processor: name.map_or_else(|| std::env::consts::ARCH.to_owned(), str::to_owned),
            threads: threads(),
            memory: fs::read_to_string("/proc/meminfo").ok().and_then(|text| kibibytes(&text, "MemTotal")),
        }
    }
}

pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The most memory, in bytes, that a process has had resident so far; `None` where the system does not say.
pub fn peak_memory(process: u32) -> Option<u64> {
    kibibytes(&fs::read_to_string(format!("/proc/{process}/status")).ok()?, "VmHWM")
}

/// The value of a line such as `VmHWM:    1234 kB`, in bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(1024 * rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_system_are_read() {
        let text = "VmPeak:\t  300 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 12 kB\n";
        assert_eq!(kibibytes(text, "VmHWM"), Some(1234 * 1024));
        assert_eq!(kibibytes(text, "Vm"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn own_memory_is_known() {
        assert!(peak_memory(std::process::id()).unwrap() > 100_000);
        assert!(Machine::this().memory.unwrap() > 1 << 20);
    }
}
