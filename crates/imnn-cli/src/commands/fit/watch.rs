//! What is shown while a network trains.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use imnn::fit::{Bar, Observer, Progress, Silent};

use super::interrupt;

/// Where standard error is no terminal, a log file of a cluster for instance, a line is written this often.
const INTERVAL: Duration = Duration::from_secs(30);

/// Shows progress and ends training where Ctrl-C asks for it.
pub(super) struct Watch {
    shown: Box<dyn Observer>,
}

/// Progress in lines.
struct Lines {
    last: Instant,
}

impl Watch {
    pub(super) fn new(shows: bool) -> Self {
        let shown: Box<dyn Observer> = match (shows, std::io::stderr().is_terminal()) {
            (false, _) => Box::new(Silent),
            (true, true) => Box::new(Bar::new()),
            (true, false) => Box::new(Lines { last: Instant::now() }),
        };
        Self { shown }
    }
}

impl Observer for Watch {
    fn iteration(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.shown.iteration(progress)?;
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Observer for Lines {
    fn iteration(&mut self, progress: &Progress) -> ControlFlow<()> {
        if self.last.elapsed() >= INTERVAL {
            self.last = Instant::now();
            eprintln!("{}", line(progress));
        }
        ControlFlow::Continue(())
    }
}

fn line(progress: &Progress) -> String {
    let Progress { iteration, max_iterations, det_f, max_det_f, waited, patience, .. } = progress;
    let validation = progress.val_det_f.map(|value| format!(", validation {value:.4}")).unwrap_or_default();
    format!(
        "iteration {iteration} of at most {max_iterations}: det F {det_f:.4}{validation}, largest {max_det_f:.4}, patience \
         {waited}/{patience}"
    )
}
