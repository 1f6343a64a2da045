//! The process of one workload: trains in turns, as its input tells it.
//!
//! It speaks as the programs in `peers/` do: a line of JSON with its name after the first iteration; then for each line of
//! its input, a number of iterations, a line with the seconds that these took. It ends with its input.

use std::io::{BufRead, StdinLock, Write, stdin, stdout};
use std::ops::ControlFlow;
use std::time::Instant;

use imnn::device::roofline::moved;
use imnn::fit::{FitSettings, Imnn, Progress};
use serde_json::json;

use crate::ranks::Passing;
use crate::{Failure, Outcome};

/// Trains for as long as there is input, on a device of this kind; `how` ends the name. Of several processes that train
/// together the first has the input, and speaks.
pub fn run(mut imnn: Imnn<f32>, device: &'static str, how: &str, passing: Option<Passing>) -> Outcome {
    let endless = FitSettings {
        max_iterations: usize::MAX,
        patience: usize::MAX,
        min_iterations: usize::MAX,
        whiten: true,
        ..FitSettings::original()
    };
    let name = format!("imnn {}{how}", env!("CARGO_PKG_VERSION"));
    let mut turns = Turns { name, device, input: stdin().lock(), passing, turn: None, failure: None };
    imnn.fit_with(&endless, &mut |progress: &Progress| turns.iteration(progress))?;
    turns.failure.map_or(Ok(()), Err)
}

struct Turns {
    name: String,
    device: &'static str,
    input: StdinLock<'static>,
    passing: Option<Passing>,
    /// When the turn began, what had been moved on cards by then, and how many iterations are still to come.
    turn: Option<(Instant, u64, usize)>,
    failure: Option<Failure>,
}

impl Turns {
    /// Called after every iteration; breaks when there is nothing more to do.
    fn iteration(&mut self, progress: &Progress) -> ControlFlow<()> {
        match &mut self.turn {
            Some((_, _, left)) if *left > 1 => {
                *left -= 1;
                return ControlFlow::Continue(());
            }
            _ => {}
        }
        let answer = match self.turn {
            Some((start, before, _)) => json!({
                "seconds": start.elapsed().as_secs_f64(),
                "det_f": progress.training.det_f,
                "moved": moved() - before,
            }),
            None => json!({ "name": self.name, "device": self.device }),
        };
        match self.agreed(&answer.to_string()) {
            Ok(Some(iterations)) => {
                self.turn = Some((Instant::now(), moved(), iterations));
                ControlFlow::Continue(())
            }
            Ok(None) => ControlFlow::Break(()),
            Err(failure) => {
                self.failure = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    /// The next turn of all processes.
    fn agreed(&mut self, answer: &str) -> Outcome<Option<usize>> {
        let Some(mut passing) = self.passing.take() else { return self.next(answer) };
        let next = match passing.is_first() {
            true => self.next(answer).and_then(|next| passing.on(next).map(|()| next)),
            false => passing.wait(),
        };
        self.passing = Some(passing);
        next
    }

    /// Answers, and waits for the next turn; `None` when there is none.
    fn next(&mut self, answer: &str) -> Outcome<Option<usize>> {
        let mut output = stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim().parse() {
            Ok(iterations) if iterations > 0 => Ok(Some(iterations)),
            _ => Err(format!("expected a number of iterations, at least 1, found `{}`", line.trim()).into()),
        }
    }
}
