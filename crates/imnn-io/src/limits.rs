//! How much memory there is for this process.

use rustix::process::{Resource, getrlimit};
use std::fs;

/// The bytes that this process may still take, if the system says so: of the machine's memory, of the limit of its control group (a
/// container, a job of a batch system), and of its address space (`ulimit -v`) the least.
pub fn memory_left() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| kib_after(&text, "MemAvailable:"));
    let status = fs::read_to_string("/proc/self/status").ok();
    let taken = status.and_then(|text| kib_after(&text, "VmSize:")).unwrap_or(0);
    let addresses = address_space().map(|limit| limit.saturating_sub(taken));
    [machine, group(), addresses].into_iter().flatten().min()
}

/// The bytes of memory of this machine, if the system says how many there are.
pub fn machine_memory() -> Option<u64> {
    kib_after(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// The limit of the address space (`ulimit -v`), if there is one.
pub fn address_space() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// What the control group of this process leaves.
fn group() -> Option<u64> {
    let number = |name: &str| -> Option<u64> {
        fs::read_to_string(format!("/sys/fs/cgroup/memory.{name}")).ok()?.trim().parse().ok()
    };
    // The pages of files that were read count as taken, and are given back when they are needed.
    let text = fs::read_to_string("/sys/fs/cgroup/memory.stat").unwrap_or_default();
    let files = text.lines().find_map(|line| line.strip_prefix("file ")?.parse().ok()).unwrap_or(0);
    Some(number("max")?.saturating_sub(number("current")?.saturating_sub(files)))
}

/// The bytes on the line of a text of /proc that begins so.
fn kib_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_are_read() {
        assert_eq!(kib_after("MemFree: 1 kB\nMemAvailable:       16384 kB\n", "MemAvailable:"), Some(16384 << 10));
        assert_eq!(kib_after("MemAvailable: much", "MemAvailable:"), None);
        assert!(machine_memory().is_none_or(|bytes| bytes > 1 << 26));
        assert!(memory_left().is_none_or(|bytes| bytes > 1 << 20));
    }
}
