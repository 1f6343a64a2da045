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

#[cfg(test)]
mod tests {
    use imnn::data::OnTheFly;
    use imnn::fit::{FitSettings, Imnn};
    use imnn::models::{dense, serial};
    use imnn::sim::GaussianMeanVariance;

    use super::*;

    #[test]
    fn lines_say_where_training_is() {
        let simulator = GaussianMeanVariance { n_data: 4 };
        let training = OnTheFly::new(simulator, &[0.0, 1.0], 20, 20).unwrap();
        let mut imnn =
            Imnn::<f32>::builder(serial([dense(2)])).training(training).theta_fid([0.0, 1.0]).build().unwrap();
        let mut lines = vec![];
        let settings = FitSettings { max_iterations: 2, ..FitSettings::default() };
        imnn.fit_with(&settings, &mut |progress: &Progress| {
            lines.push(line(progress));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("iteration 2 of at most 2: det F "), "{}", lines[1]);
        assert!(lines[1].ends_with(", patience 0/100") && !lines[1].contains("validation"), "{}", lines[1]);
    }
}
