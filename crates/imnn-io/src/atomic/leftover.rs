//! What processes that were killed have left beside a target: found, put back or removed.
//!
//! | Hidden name | What it is |
//! | --- | --- |
//! | `.NAME.KERNEL-RANDOM.partial` | being written, locked by its writer |
//! | `.NAME.KERNEL-RANDOM.old` | complete, set aside by the writer of the partial of that number |
//! | `.NAME.partial-PID` | being written by an earlier version |
//! | `.NAME.RANDOM.partial`, `.NAME.PID-N.partial` | the same, or complete and set aside |
//! | `.NAME.replaced` | complete, set aside by an earlier version |
//!
//! `KERNEL` is the beginning of the number that Linux draws when a machine starts. Two writers with the same number are
//! processes of one kernel, also where each is in a container of its own, and see each other's locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::name::{Name, after, is_hex};
use super::place::{is_same, remove, rename_new, sync_folder_of};

/// After this time without a write what another machine began is taken for dead.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a hidden name says of what has it.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Partial(Name),
    Old(Name),
    /// Being written by an earlier version.
    Unfinished,
    /// Being written by an earlier version, or complete and set aside by it.
    Earlier,
    /// Complete, set aside by an earlier version.
    Replaced,
}

impl Kind {
    /// That of what follows `.NAME.`.
    fn parse(rest: &str) -> Option<Self> {
        if let Some(name) = rest.strip_suffix(".old") {
            return Name::parse(name).map(Self::Old);
        }
        if rest == "replaced" {
            return Some(Self::Replaced);
        }
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if let Some(pid) = rest.strip_prefix("partial-") {
            return number(pid).then_some(Self::Unfinished);
        }
        let middle = rest.strip_suffix(".partial")?;
        if let Some(name) = Name::parse(middle) {
            return Some(Self::Partial(name));
        }
        let of_process = middle.split_once('-').is_some_and(|(pid, n)| number(pid) && number(n));
        ((middle.len() == 16 && is_hex(middle)) || of_process).then_some(Self::Earlier)
    }
}

/// Something beside a target that belongs to it.
#[derive(Debug)]
pub(super) struct Leftover {
    path: PathBuf,
    kind: Kind,
}

impl Leftover {
    /// All beside `target`; none where its folder cannot be read.
    pub(super) fn of(target: &Path) -> Vec<Self> {
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Ok(entries) = fs::read_dir(folder) else { return vec![] };
        let found = entries.flatten().filter_map(|entry| {
            let kind = Kind::parse(after(&entry.file_name(), target)?)?;
            Some(Self { path: target.with_file_name(entry.file_name()), kind })
        });
        found.collect()
    }
}

/// Puts back what a killed process was replacing `target` with, or else what it had set aside for it, where there is
/// nothing in its place. Does nothing where there is something, or nothing to be put back.
///
/// Whoever writes `target` through this module does so first; readers of what is replaced as a folder may.
pub fn restore(target: impl AsRef<Path>) {
    let target = target.as_ref();
    if target.file_name().is_some() && target.symlink_metadata().is_err() {
        put_back(&Leftover::of(target), target);
    }
}

pub(super) fn put_back(left: &[Leftover], target: &Path) {
    for of in left {
        if target.symlink_metadata().is_ok() {
            return;
        }
        let put = match &of.kind {
            Kind::Old(name) => {
                // It was synced before the old one was set aside, so it is complete; its writer may still be about to
                // rename it.
                let new = name.partial(target);
                if new.symlink_metadata().is_err() {
                    rename_new(&of.path, target)
                } else if gone(&new, name, &|| of_disk(target)).is_some() {
                    rename_new(&new, target)
                } else {
                    continue;
                }
            }
            Kind::Replaced => rename_new(&of.path, target),
            _ => continue,
        };
        if put.is_ok() {
            sync_folder_of(target);
        }
    }
}

/// Removes what processes that are gone have left; `ours` has just been created on the same disk.
pub(super) fn clear(left: &[Leftover], target: &Path, ours: &File) {
    let in_place = target.symlink_metadata().is_ok();
    let now = || ours.metadata().and_then(|of| of.modified()).ok();
    for of in left {
        match &of.kind {
            // The lock is held until it is removed.
            Kind::Partial(name) => {
                if let Some(_lock) = gone(&of.path, name, &now) {
                    remove(&of.path);
                }
            }
            Kind::Unfinished if is_old(&of.path, &now) => remove(&of.path),
            Kind::Earlier | Kind::Replaced if in_place && is_old(&of.path, &now) => remove(&of.path),
            _ => {}
        }
    }
    for of in left {
        // Who set it aside has put the new one in its place, or was killed before that and something else is there.
        if let Kind::Old(name) = &of.kind
            && in_place
            && name.partial(target).symlink_metadata().is_err()
        {
            remove(&of.path);
        }
    }
}

/// Whether whoever wrote `path` beside `target` is gone; a path that is not there has no writer.
pub(super) fn is_gone(path: &Path, target: &Path) -> bool {
    let Some(name) = Name::of_partial(path, target) else { return true };
    path.symlink_metadata().is_err() || gone(path, &name, &|| of_disk(target)).is_some()
}

/// Its lock where whoever writes this is gone; nothing where that is not known.
fn gone(path: &Path, name: &Name, now: &dyn Fn() -> Option<SystemTime>) -> Option<File> {
    let file = open(path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => None,
        Ok(()) if name.is_here() => is_same(&file, path).then_some(file),
        _ => is_old(path, now).then_some(file),
    }
}

/// Opens a file or folder to lock it; nothing else is touched.
fn open(path: &Path) -> io::Result<File> {
    let of = path.symlink_metadata()?;
    if of.is_dir() {
        return File::open(path);
    }
    if !of.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Some network disks lock only what is open for writing.
    OpenOptions::new().read(true).write(true).open(path).or_else(|_| File::open(path))
}

/// Whether nothing in it has been written to for a day.
fn is_old(path: &Path, now: &dyn Fn() -> Option<SystemTime>) -> bool {
    let age = || now()?.duration_since(last_write(path)?).ok();
    age().is_some_and(|age| age > DAY)
}

/// When a file, or a folder or anything in it, was last written to.
fn last_write(path: &Path) -> Option<SystemTime> {
    let of = path.symlink_metadata().ok()?;
    let mut last = of.modified().ok()?;
    if of.is_dir() {
        for entry in fs::read_dir(path).ok()? {
            last = last.max(last_write(&entry.ok()?.path())?);
        }
    }
    Some(last)
}

/// The time on the disk that `target` is on, which is the time of a file that is created there.
fn of_disk(target: &Path) -> Option<SystemTime> {
    let path = Name::new().partial(target);
    let time = File::create_new(&path).and_then(|file| file.metadata()).and_then(|of| of.modified());
    let _ = fs::remove_file(&path);
    time.ok()
}
