//! The hidden names of what is being written.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const N_KERNEL: usize = 6;
const N_RANDOM: usize = 9;

/// The middle of a hidden name, which no other writer uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Of the running kernel; zeros where the system does not tell.
    kernel: String,
    random: String,
}

impl Name {
    pub(super) fn new() -> Self {
        let random = format!("{:0N_RANDOM$x}", token() >> (64 - 4 * N_RANDOM));
        Self { kernel: kernel().to_owned(), random }
    }

    /// That of a text of this form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kernel, random) = text.split_once('-')?;
        let is = |text: &str, n| text.len() == n && is_hex(text);
        (is(kernel, N_KERNEL) && is(random, N_RANDOM)).then(|| Self { kernel: kernel.into(), random: random.into() })
    }

    /// That of the partial `path` of `target`.
    pub(super) fn of_partial(path: &Path, target: &Path) -> Option<Self> {
        Self::parse(after(path.file_name()?, target)?.strip_suffix(".partial")?)
    }

    /// Whether its writer sees the same locks.
    pub(super) fn is_here(&self) -> bool {
        self.kernel == kernel() && self.kernel != UNKNOWN
    }

    pub(super) fn partial(&self, target: &Path) -> PathBuf {
        self.hidden(target, "partial")
    }

    pub(super) fn old(&self, target: &Path) -> PathBuf {
        self.hidden(target, "old")
    }

    fn hidden(&self, target: &Path, ending: &str) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}-{}.{ending}", self.kernel, self.random));
        target.with_file_name(name)
    }
}

const UNKNOWN: &str = "000000";

/// The beginning of the number that Linux draws when a machine starts.
fn kernel() -> &'static str {
    static KERNEL: OnceLock<String> = OnceLock::new();
    KERNEL.get_or_init(|| {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.get(..N_KERNEL).filter(|id| is_hex(id)).unwrap_or(UNKNOWN).to_owned()
    })
}

pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What follows `.NAME.` in a name, where `NAME` is that of the target.
pub(super) fn after<'a>(name: &'a OsStr, target: &Path) -> Option<&'a str> {
    let name = name.as_bytes().strip_prefix(b".")?.strip_prefix(target.file_name()?.as_bytes())?;
    std::str::from_utf8(name.strip_prefix(b".")?).ok()
}

/// A random number that no other process has, on any machine.
pub fn token() -> u64 {
    RandomState::new().build_hasher().finish()
}
