//! A lock on a folder: one process at a time works in it, on one machine or on several that share a disk.
//!
//! The lock is a file that names its holder. The holder keeps an advisory lock (`flock`) on it and writes a counter into it
//! every few seconds. Whether a holder is gone is asked of whoever knows:
//!
//! | the holder was in | it is gone if |
//! | --- | --- |
//! | the same running system | the advisory lock is free: the system drops it with the process, whatever ended that |
//! | another system, or one that has been started anew | its counter has not moved for 20 seconds, counted here |
//!
//! So no process numbers are compared, which containers share, and no clocks. Of disks that several machines share it is
//! assumed that creating a file that must not exist is exclusive (NFS 3 and later) and that what was written and closed is seen
//! elsewhere within some seconds; advisory locks may well be those of each machine alone. A process that was stopped for longer than
//! others wait finds out that its lock is another's before it writes again: [`Lock::check`].

use crate::atomic::{FileError, token};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two signs of life of a holder.
const BEAT: Duration = Duration::from_secs(4);
/// How long the counter of a holder elsewhere is watched.
const WATCHED: Duration = Duration::from_secs(20);
/// How long a file without a holder is left to whoever has just made it.
const BEING_MADE: Duration = Duration::from_millis(500);

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    /// The name of the machine.
    host: String,
    /// The number of the process, as it sees itself: for people.
    process: u32,
    /// Which start of which system it runs in.
    system: String,
    /// A random number: the holder itself.
    token: String,
    /// Grows while the holder lives.
    beat: u64,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    holder: Holder,
    end: Arc<(Mutex<bool>, Condvar)>,
    beats: Option<JoinHandle<()>>,
    // Keeps the advisory lock.
    file: File,
}

impl Lock {
    /// Takes the lock `path`, a file that is made; one whose holder is gone is taken over. `say` is told if that takes a while.
    ///
    /// # Errors
    /// [`FileError::Held`] if another process holds it; if the file cannot be written.
    pub fn take(path: impl Into<PathBuf>, say: &dyn Fn(&str)) -> Result<Self, FileError> {
        let path = path.into();
        let holder = Holder { token: format!("{:016x}", token()), ..this_process() };
        let failed = || FileError::of("write", &path);
        loop {
            let (mut file, is_new) = match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => (file, true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    match OpenOptions::new().read(true).write(true).open(&path) {
                        Ok(file) => (file, false),
                        // Its holder has just let it go.
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        Err(error) => return Err(failed()(error)),
                    }
                }
                Err(error) => return Err(failed()(error)),
            };
            let advisory = match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => return Err(held(&path)),
                // This disk has no such locks; the counter is left.
                Err(TryLockError::Error(_)) => false,
            };
            // Whoever had it may have removed the file in between.
            if !is_same(&file, &path) {
                continue;
            }
            if !is_new && !is_gone(&path, &holder, advisory, say) {
                return Err(held(&path));
            }
            write(&mut file, &holder).map_err(failed())?;
            if !is_new {
                // Of several that find a holder gone the last one to write has it.
                thread::sleep(if advisory { Duration::ZERO } else { BEAT });
                if read(&path).is_none_or(|now| now.token != holder.token) {
                    return Err(held(&path));
                }
            }
            let end = Arc::new((Mutex::new(false), Condvar::new()));
            let beats = beats(path.clone(), holder.clone(), end.clone()).map_err(failed())?;
            return Ok(Lock { path, holder, end, beats: Some(beats), file });
        }
    }

    /// Whether the lock is still held, to be asked before something is written that another process may write as well.
    ///
    /// # Errors
    /// [`FileError::Held`] if another process has taken it over; [`FileError::Io`] if its file is gone.
    pub fn check(&self) -> Result<(), FileError> {
        match read(&self.path) {
            Some(now) if now.token == self.holder.token => Ok(()),
            Some(_) => Err(held(&self.path)),
            None if is_same(&self.file, &self.path) => Ok(()),
            None => {
                let gone = io::Error::new(ErrorKind::NotFound, "the folder in which this process works was removed");
                Err(FileError::of("find", &self.path)(gone))
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let (ended, wake) = &*self.end;
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        wake.notify_all();
        if let Some(beats) = self.beats.take() {
            // It does nothing that could panic.
            let _ = beats.join();
        }
        if self.check().is_ok() {
            // While the advisory lock is still held, so that nobody takes a lock that is about to go.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Counts in the file for as long as it is this holder's.
fn beats(path: PathBuf, mut holder: Holder, end: Arc<(Mutex<bool>, Condvar)>) -> io::Result<JoinHandle<()>> {
    let count = move || {
        let (ended, wake) = &*end;
        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            (ended, _) = wake.wait_timeout(ended, BEAT).unwrap_or_else(PoisonError::into_inner);
            if *ended || read(&path).is_some_and(|now| now.token != holder.token) {
                return;
            }
            holder.beat += 1;
            // A full disk must not end what goes on in the folder.
            let _ = OpenOptions::new().write(true).open(&path).and_then(|mut file| write(&mut file, &holder));
        }
    };
    thread::Builder::new().name("lock".into()).spawn(count)
}

/// Whether the holder of a lock that exists already is gone.
fn is_gone(path: &Path, own: &Holder, advisory: bool, say: &dyn Fn(&str)) -> bool {
    let Some(found) = read(path) else {
        thread::sleep(BEING_MADE);
        return read(path).is_none();
    };
    if advisory && found.system == own.system {
        return true;
    }
    say(&format!(
        "{} is locked by {}; waiting for {} seconds for a sign of life of it",
        path.display(),
        found.name(),
        WATCHED.as_secs()
    ));
    let mut waited = Duration::ZERO;
    while waited < WATCHED {
        thread::sleep(BEAT / 4);
        waited += BEAT / 4;
        if read(path).is_none_or(|now| now != found) {
            return false;
        }
    }
    true
}

impl Holder {
    fn name(&self) -> String {
        format!("process {} on {}", self.process, self.host)
    }
}

fn this_process() -> Holder {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    // Containers of one machine are in the same system, and so are under the same advisory locks.
    let system = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let system = system.map_or_else(|_| host.clone(), |id| id.trim().to_owned());
    Holder { host, process: std::process::id(), system, token: String::new(), beat: 0 }
}

fn held(path: &Path) -> FileError {
    let by = read(path).map_or_else(|| "another process".to_owned(), |holder| holder.name());
    FileError::Held { path: path.to_owned(), by }
}

/// Opened anew each time: what other machines have written is seen when a file is opened.
fn read(path: &Path) -> Option<Holder> {
    let mut text = String::new();
    // A lock is short; what is longer is none.
    File::open(path).ok()?.take(4096).read_to_string(&mut text).ok()?;
    toml::from_str(&text).ok()
}

fn write(file: &mut File, holder: &Holder) -> io::Result<()> {
    let text = toml::to_string(holder).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |data: &fs::Metadata| (data.dev(), data.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(own), Ok(there)) if id(&own) == id(&there))
}

#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(_: &str) {}

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::take(&path, &silent).unwrap();
        let message = Lock::take(&path, &silent).unwrap_err().to_string();
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        lock.check().unwrap();
        drop(lock);
        assert!(!path.exists());
        // Of many that come at once, one has it at a time.
        let inside = Mutex::new(());
        let take_ten_times = || {
            let mut taken = 0;
            while taken < 10 {
                match Lock::take(&path, &silent) {
                    Ok(_lock) => {
                        let _inside = inside.try_lock().unwrap();
                        taken += 1;
                    }
                    Err(FileError::Held { .. }) => thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
        };
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(take_ten_times))));
        assert!(!path.exists());
    }

    #[test]
    fn a_holder_that_is_gone_is_followed_at_once_on_the_same_system() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        for text in [toml::to_string(&Holder { token: "other".into(), ..this_process() }).unwrap(), String::new()] {
            fs::write(&path, text).unwrap();
            drop(Lock::take(&path, &|said| panic!("{said}")).unwrap());
        }
    }

    #[test]
    fn a_holder_elsewhere_that_gives_signs_of_life_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mut other = Holder { system: "other".into(), host: "far".into(), ..this_process() };
        let write = |holder: &Holder| fs::write(&path, toml::to_string(holder).unwrap()).unwrap();
        write(&other);
        let said = Mutex::new(String::new());
        let error = thread::scope(|scope| {
            let taking = scope.spawn(|| Lock::take(&path, &|text| *said.lock().unwrap() = text.to_owned()));
            thread::sleep(Duration::from_millis(300));
            other.beat = 1;
            write(&other);
            taking.join().unwrap().unwrap_err()
        });
        assert!(matches!(&error, FileError::Held { by, .. } if by.ends_with("on far")), "{error}");
        assert!(said.lock().unwrap().contains("on far"));
    }

    #[test]
    fn a_lock_that_was_lost_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::take(&path, &silent).unwrap();
        fs::write(&path, toml::to_string(&Holder { token: "other".into(), ..this_process() }).unwrap()).unwrap();
        assert!(matches!(lock.check(), Err(FileError::Held { .. })));
        fs::remove_file(&path).unwrap();
        let message = lock.check().unwrap_err().to_string();
        assert!(message.contains("was removed"), "{message}");
    }
}
