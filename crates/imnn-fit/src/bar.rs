//! A progress bar.

use crate::observer::{Observer, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// The bar is brought up to date this often at most, so that it costs nothing beside an iteration.
const INTERVAL: Duration = Duration::from_millis(100);

/// A progress bar on standard error, with det F, patience, iterations per second and time left. It shows nothing where
/// standard error is no terminal.
#[derive(Debug)]
pub struct Bar {
    bar: Option<ProgressBar>,
    shown: Instant,
}

impl Bar {
    /// A bar that appears with the first iteration.
    pub fn new() -> Self {
        Bar { bar: None, shown: Instant::now() }
    }

    fn start(progress: &Progress) -> ProgressBar {
        let bar = ProgressBar::new(progress.max_iterations as u64);
        let template = "{elapsed_precise} {wide_bar} {pos}/{len} {per_sec}, at most {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }
}

impl Default for Bar {
    fn default() -> Self {
        Bar::new()
    }
}

impl Observer for Bar {
    fn iteration(&mut self, progress: &Progress) -> ControlFlow<()> {
        let begins = self.bar.is_none();
        let bar = self.bar.get_or_insert_with(|| Bar::start(progress));
        if begins || self.shown.elapsed() >= INTERVAL {
            self.shown = Instant::now();
            let validation = progress.val_det_f.map(|v| format!(" (validation {v:.4})")).unwrap_or_default();
            bar.set_message(format!(
                "det F {:.4}{validation}, largest {:.4}, patience {}/{}",
                progress.det_f, progress.max_det_f, progress.waited, progress.patience
            ));
            bar.set_position(progress.iteration as u64);
        }
        ControlFlow::Continue(())
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}
