//! Progress for people.

use crate::observer::{Observer, Progress};
use imnn_stats::table::significant;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::io::{IsTerminal, Write as _};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// A bar is brought up to date this often at most, so that it costs nothing beside an iteration.
const OF_BAR: Duration = Duration::from_millis(100);
/// A line is written this often where standard error is no terminal, a log file of a cluster for instance.
const OF_LINES: Duration = Duration::from_secs(30);

/// Progress on standard error: a bar with det F, patience, iterations per second and time left on a terminal, elsewhere a
/// line every half minute.
#[derive(Debug)]
pub struct Bar {
    /// Absent where lines are written.
    bar: Option<ProgressBar>,
    shown: Instant,
    /// The state that is not shown yet.
    pending: Option<Progress>,
    any: bool,
}

impl Bar {
    /// A bar that appears with the first iteration.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                // A bar that cannot be written has nobody to tell.
                let _ = write!(text, "{}/s", significant(state.per_sec(), 3));
            };
            match ProgressStyle::with_template("{bar:10} {pos}/{len} {rate} {eta} {wide_msg}") {
                Ok(style) => bar.with_style(style.with_key("rate", rate)),
                Err(_) => bar,
            }
        });
        Bar { bar, shown: Instant::now(), pending: None, any: false }
    }

    /// A line on standard error; where that cannot be written, nobody looks on.
    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }

    fn show(&mut self, progress: &Progress) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(progress.max_iterations as u64);
                bar.set_message(state(progress));
                bar.set_position(progress.iteration as u64);
            }
            None => self.say(&line(progress)),
        }
        (self.shown, self.pending, self.any) = (Instant::now(), None, true);
    }
}

impl Default for Bar {
    fn default() -> Self {
        Bar::new()
    }
}

impl Observer for Bar {
    fn iteration(&mut self, progress: &Progress) -> ControlFlow<()> {
        let (interval, begins) = if self.bar.is_some() { (OF_BAR, !self.any) } else { (OF_LINES, false) };
        if begins || self.shown.elapsed() >= interval {
            self.show(progress);
        } else {
            self.pending = Some(*progress);
        }
        ControlFlow::Continue(())
    }

    fn notice(&mut self, text: &str) {
        self.say(text);
    }
}

/// The last state is shown where others were.
impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(progress) = self.pending.filter(|_| self.any) {
            self.show(&progress);
        }
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

fn line(progress: &Progress) -> String {
    format!("iteration {} of at most {}: {}", progress.iteration, progress.max_iterations, state(progress))
}

/// Four digits, so that a terminal of 80 columns has room for it beside the bar.
fn state(progress: &Progress) -> String {
    let Progress { training, validation, waited, patience, .. } = progress;
    let validation = validation.map(|record| format!(", validation {}", significant(record.det_f, 4)));
    let det_f = significant(training.det_f, 4);
    format!("det F {det_f}{}, patience {waited}/{patience}", validation.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_stats::Record;

    #[test]
    fn lines_say_where_training_is() {
        let training = Record { det_f: 48.6195, ..Record::default() };
        let mut progress = Progress {
            iteration: 1234,
            max_iterations: 4000,
            training,
            validation: None,
            max_det_f: 48.6195,
            waited: 1600,
            patience: 4000,
        };
        assert_eq!(line(&progress), "iteration 1234 of at most 4000: det F 48.62, patience 1600/4000");
        progress.validation = Some(Record { det_f: 1.234567e7, ..training });
        assert_eq!(state(&progress), "det F 48.62, validation 1.235e7, patience 1600/4000");
    }
}
