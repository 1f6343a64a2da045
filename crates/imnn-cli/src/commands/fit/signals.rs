//! Signals: nothing that was trained is lost by one.
//!
//! | signal | while training | before and after |
//! | --- | --- | --- |
//! | SIGINT (Ctrl-C) | ends training; its results are saved, and the checkpoint | ends the program |
//! | SIGTERM, SIGHUP | makes a checkpoint and ends the program | ends the program |
//! | SIGUSR1 | makes a checkpoint | nothing |
//!
//! A second SIGINT, SIGTERM or SIGHUP ends the program at once; the last checkpoint stays.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use imnn::fit::{Control, Request, RunFolder};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::output;

static STATE: Mutex<State> = Mutex::new(State { control: None, on_exit: None });
/// The signal that is to end training or the program, once there is one.
static ENDING: AtomicI32 = AtomicI32::new(0);

/// Whether signals are listened to: several runs, one after the other, take the same.
static LISTENING: AtomicBool = AtomicBool::new(false);

/// Whether another process says what there is to say.
static SILENT: AtomicBool = AtomicBool::new(false);

struct State {
    /// By what training is asked, while there is any.
    control: Option<Control>,
    /// What is to be done when the program ends at once.
    on_exit: Option<Box<dyn FnOnce() + Send>>,
}

/// Listens to signals; if one ends the program, the folder is left as it should be.
pub(super) fn listen(folder: &RunFolder) {
    state().on_exit = Some(Box::new(folder.on_exit()));
    if LISTENING.swap(true, Ordering::SeqCst) {
        return;
    }
    // What cannot be listened to does what it would have done anyway.
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1]) {
        std::thread::spawn(move || signals.forever().for_each(arrived));
    }
}

/// The same where another process says what there is to say.
pub(super) fn listen_silently(folder: &RunFolder) {
    SILENT.store(true, Ordering::SeqCst);
    listen(folder);
}

/// From here on signals are for training.
pub(super) fn are_for_training(control: Control) {
    state().control = Some(control);
}

/// From here on there is nothing more to be saved, and nothing to be removed.
pub(super) fn end_the_program() {
    *state() = State { control: None, on_exit: None };
}

/// Whether training is to end: also that of a second network, which has no checkpoints.
pub(super) fn ended() -> bool {
    ENDING.load(Ordering::SeqCst) != 0
}

/// The exit code of the program that a signal has ended: 128 and its number, as a shell expects it.
pub(super) fn exit_code() -> Option<u8> {
    let signal = ENDING.load(Ordering::SeqCst);
    u8::try_from(128 + signal).ok().filter(|_| signal != 0)
}

fn arrived(signal: i32) {
    let mut state = state();
    if signal == SIGUSR1 {
        match &state.control {
            Some(control) => control.ask(Request::Save),
            None => say("nothing to make a checkpoint of yet"),
        }
        return;
    }
    if let Some(control) = &state.control
        && ENDING.swap(signal, Ordering::SeqCst) == 0
    {
        if signal == SIGINT {
            control.ask(Request::End);
            say("\ninterrupted: training ends with this iteration and is saved; once more to stop at once");
        } else {
            control.ask(Request::Suspend);
            say("\nasked to stop: a checkpoint is made after this iteration");
        }
        return;
    }
    if let Some(on_exit) = state.on_exit.take() {
        on_exit();
    }
    std::process::exit(128 + signal);
}

fn say(text: &str) {
    if !SILENT.load(Ordering::SeqCst) {
        output::say(text);
    }
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}
