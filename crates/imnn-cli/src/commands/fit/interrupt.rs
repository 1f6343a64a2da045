//! Ctrl-C: the first ends training and has it saved, the second stops the program and leaves nothing behind.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

static TRAINING: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// What a shell expects of a program that Ctrl-C ended: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// Listens to Ctrl-C; if the program is stopped, the folder goes.
pub(super) fn remove_on_exit(folder: &Path) {
    *unfinished() = Some(folder.to_owned());
    // If Ctrl-C cannot be listened to, it does what it would have done anyway.
    if let Ok(mut signals) = Signals::new([SIGINT]) {
        std::thread::spawn(move || signals.forever().for_each(|_| interrupted()));
    }
}

/// From here on the first interrupt ends training, no longer the program.
pub(super) fn ends_training() {
    TRAINING.store(true, Ordering::SeqCst);
}

/// Whether training is to end.
pub(super) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// The folder is no longer to be removed.
pub(super) fn keep() {
    *unfinished() = None;
}

fn interrupted() {
    if TRAINING.load(Ordering::SeqCst) && !ASKED.swap(true, Ordering::SeqCst) {
        eprintln!("\ninterrupted: training ends with this iteration and is saved; once more to stop at once");
        return;
    }
    if let Some(folder) = unfinished().take() {
        // If it cannot be removed there is nothing left to be done about it.
        let _ = std::fs::remove_dir_all(folder);
    }
    std::process::exit(INTERRUPTED);
}

fn unfinished() -> MutexGuard<'static, Option<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}
