//! Training whose numbers come to nothing goes back to good weights.

use crate::small::{Kind, THETA_FID, dense_network, draws, settings};
use imnn::device::Cpu;
use imnn::fit::{FitError, FitSettings, Imnn, Observer, Progress, Request, RunFolder, Weights};
use imnn::models::{Optimiser, OptimiserState, Sgd};
use imnn::sim::Key;
use std::ops::{ControlFlow, Range};

/// Gradient descent that loses its head in some iterations.
#[derive(Debug)]
struct Wild {
    sgd: Sgd,
    in_iterations: Range<u64>,
}

impl Optimiser<f32> for Wild {
    fn name(&self) -> &str {
        "wild"
    }

    fn initialise(&self, n: usize) -> OptimiserState<f32> {
        self.sgd.initialise(n)
    }

    fn update(&self, iteration: u64, gradient: &mut [f32], state: &mut OptimiserState<f32>, parameters: &mut [f32]) {
        self.sgd.update(iteration, gradient, state, parameters);
        if self.in_iterations.contains(&iteration) {
            parameters.iter_mut().for_each(|w| *w *= 1e30);
        }
    }
}

/// What was said, and what is asked after so many iterations.
#[derive(Default)]
struct Listener {
    said: Vec<String>,
    asks: Option<(usize, imnn::fit::Control)>,
}

impl Observer for Listener {
    fn iteration(&mut self, progress: &Progress) -> ControlFlow<()> {
        if let Some((_, control)) = self.asks.as_ref().filter(|(after, _)| *after == progress.iteration) {
            control.ask(Request::Suspend);
        }
        ControlFlow::Continue(())
    }

    fn notice(&mut self, text: &str) {
        self.said.push(text.to_owned());
    }
}

fn imnn(in_iterations: Range<u64>, folder: Option<&RunFolder>) -> (Imnn<f32>, Option<imnn::fit::Control>) {
    let builder = Imnn::<f32>::builder(dense_network())
        .theta_fid(THETA_FID)
        .training(draws(Kind::Exact, 300, 1))
        .optimiser(Wild { sgd: Sgd::new(1e-4).unwrap(), in_iterations })
        .device(Cpu::new(1).unwrap())
        .key(Key::new(3));
    let checkpoints = folder.map(RunFolder::checkpoints);
    let control = checkpoints.as_ref().map(|checkpoints| checkpoints.control());
    let builder = match checkpoints {
        Some(checkpoints) => builder.checkpoints(checkpoints),
        None => builder,
    };
    (builder.build().unwrap(), control)
}

#[test]
fn training_goes_back_and_on_with_half_the_step() {
    let mut listener = Listener::default();
    let (mut whole, _) = imnn(12..13, None);
    let settings = FitSettings { smoothing: 1, ..settings(30) };
    let outcome = whole.fit_with(&settings, &mut listener).unwrap();
    assert_eq!((outcome.iterations, whole.history().len()), (30, 30));
    let [said] = &listener.said[..] else { panic!("{:?}", listener.said) };
    assert!(said.starts_with("iteration 13: the network returned "), "{said}");
    assert!(
        said.ends_with("going back to the best weights so far, with 0.5 of the step (1 of at most 3 times)"),
        "{said}"
    );
    let det_f = &whole.history().training.det_f;
    // Measured with the best weights again.
    assert!(det_f[13] >= det_f[..13].iter().copied().fold(0.0, f64::max), "{det_f:?}");

    // Also over an interruption.
    let parent = tempfile::tempdir().unwrap();
    for after in [12, 13, 14, 20] {
        let place = RunFolder::create(parent.path().join(after.to_string()), &|_| {}).unwrap();
        let (mut first, control) = imnn(12..13, Some(&place));
        let mut listener = Listener { asks: control.map(|control| (after, control)), ..Listener::default() };
        let suspended = first.fit_with(&settings, &mut listener);
        assert!(matches!(suspended, Err(FitError::Suspended { iteration, .. }) if iteration == after), "{suspended:?}");
        let (mut second, _) = imnn(12..13, Some(&place));
        second.fit(&settings).unwrap();
        assert_eq!(second.history(), whole.history(), "interrupted after {after}");
        assert_eq!(second.weights(Weights::Final).unwrap(), whole.weights(Weights::Final).unwrap());
    }
}

#[test]
fn it_does_not_go_back_for_ever() {
    let mut listener = Listener::default();
    let (mut imnn, _) = imnn(12..1000, None);
    let error = imnn.fit_with(&settings(30), &mut listener).unwrap_err();
    assert!(matches!(error, FitError::Stopped { iteration: 16, .. }), "{error}");
    let shares: Vec<&str> = listener.said.iter().filter_map(|said| said.split(", with ").nth(1)).collect();
    let expected = ["0.5", "0.25", "0.125"].iter().zip(1..);
    let expected: Vec<String> =
        expected.map(|(share, k)| format!("{share} of the step ({k} of at most 3 times)")).collect();
    assert_eq!(shares, expected);
    // The best weights are kept, and are the final ones.
    assert_eq!(imnn.weights(Weights::Final).unwrap(), imnn.weights(Weights::Best).unwrap());
}
