//! One execution: a panic is caught, memory and time are limited.

use crate::memory;
use crate::target::{Answer, Target};
use rustix::time::{ClockId, clock_gettime};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::{Duration, Instant};

/// What an execution may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of memory for each byte of the input.
    pub per_byte: usize,
    /// Bytes of memory beside these.
    pub memory: usize,
    /// Time, of the processor: a machine that does something else meanwhile is no fault of the input.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { per_byte: 64, memory: 64 << 20, time: Duration::from_secs(2) }
    }
}

/// What must not happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The parser panicked, or the target, whose check failed.
    Panic(String),
    /// It asked for so many bytes at once.
    Memory {
        /// Asked for.
        asked: usize,
        /// Allowed.
        allowed: usize,
    },
    /// It took so long.
    Time(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Panic(message) => write!(f, "panic: {message}"),
            Fault::Memory { asked, allowed } => write!(f, "memory: {asked} bytes at once, {allowed} are allowed"),
            Fault::Time(time) => write!(f, "time: {:.1} s", time.as_secs_f64()),
        }
    }
}

thread_local! {
    static IS_WITHIN: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From now on panics within executions print nothing: [`execute`] says what they said. All others print as before.
pub fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_WITHIN.get() {
                return before(info);
            }
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            MESSAGE.set(format!("{text} ({place})"));
        }));
    });
}

/// Runs a target on an input.
///
/// # Errors
/// A panic, or a limit that was passed.
pub fn execute(target: &Target, data: &[u8], limits: &Limits) -> Result<Answer, Fault> {
    let (answer, asked, time) = once(target, data)?;
    let allowed = limits.memory + limits.per_byte * data.len();
    if asked > allowed {
        return Err(Fault::Memory { asked, allowed });
    }
    if time > limits.time {
        // Other threads of this process may have been at work.
        let (_, _, again) = once(target, data)?;
        if again > limits.time {
            return Err(Fault::Time(again));
        }
    }
    Ok(answer)
}

/// The time that this process has had of the processors.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn once(target: &Target, data: &[u8]) -> Result<(Answer, usize, Duration), Fault> {
    memory::begin();
    let (start, of_processor) = (Instant::now(), processor_time());
    IS_WITHIN.set(true);
    let answer = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(data)));
    IS_WITHIN.set(false);
    let time = start.elapsed().min(processor_time().saturating_sub(of_processor));
    let asked = memory::peak();
    match answer {
        Ok(answer) => Ok((answer, asked, time)),
        Err(payload) => {
            let text = MESSAGE.take();
            // Without the hook of `quiet` the message is only in the payload.
            let plain = payload.downcast_ref::<String>().cloned().unwrap_or_default();
            Err(Fault::Panic(if text.is_empty() { plain } else { text }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(run: fn(&[u8]) -> Answer) -> Target {
        Target { name: "x", about: "", run, words: &[], seeds: &[] }
    }

    #[test]
    fn panics_and_slow_answers_are_faults() {
        let limits = Limits { time: Duration::from_millis(20), ..Limits::default() };
        assert_eq!(execute(&target(|_| Ok("a".into())), b"", &limits), Ok(Ok("a".into())));
        assert_eq!(execute(&target(|_| Err("b".into())), b"", &limits), Ok(Err("b".into())));
        let Err(Fault::Panic(message)) = execute(&target(|data| panic!("{} bytes", data.len())), b"abc", &limits)
        else {
            panic!()
        };
        assert!(message.contains("3 bytes"), "{message}");
        let slow = |_: &[u8]| -> Answer {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(200) {
                std::hint::spin_loop();
            }
            Ok(String::new())
        };
        assert!(matches!(execute(&target(slow), b"", &limits), Err(Fault::Time(_))));
        // What waits is not at work.
        let waits = |_: &[u8]| -> Answer {
            std::thread::sleep(Duration::from_millis(30));
            Ok(String::new())
        };
        assert!(matches!(execute(&target(waits), b"", &Limits::default()), Ok(Ok(_))));
    }
}
