//! Interrupted runs that go on: the bits of those that nothing has interrupted.

use crate::determinism::bits;
use crate::small::{Kind, THETA_FID, conv_network, dense_network, draws, fields, settings};
use imnn::data::Source;
use imnn::device::{Aggregator, Cpu};
use imnn::fit::{
    Checkpoints, FitError, FitSettings, Imnn, ImnnBuilder, Outcome, Progress, Request, RunFolder, Weights,
};
use imnn::models::{Adam, dense, gelu, serial};
use imnn::sim::Key;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// A run: how it is put together on so many threads, and its settings.
pub(crate) struct Run {
    pub(crate) name: &'static str,
    pub(crate) builder: fn(usize) -> ImnnBuilder<f32>,
    pub(crate) settings: FitSettings,
}

fn exact(threads: usize) -> ImnnBuilder<f32> {
    Imnn::builder(dense_network())
        .theta_fid(THETA_FID)
        .training(draws(Kind::Exact, 300, 1))
        .device(Cpu::new(threads).unwrap())
        .key(Key::new(3))
}

fn simulated(threads: usize) -> ImnnBuilder<f32> {
    let network = serial([dense(16), gelu(), dense(2)]);
    let source: Box<dyn Source<f32>> = draws(Kind::OnTheFly, 200, 1);
    Imnn::builder(network).theta_fid(THETA_FID).training(source).device(Cpu::new(threads).unwrap()).key(Key::new(3))
}

fn augmented(threads: usize) -> ImnnBuilder<f32> {
    let devices = (0..threads).map(|_| Cpu::new(1).unwrap());
    Imnn::builder(conv_network())
        .theta_fid([1.0, 0.5])
        .training(fields(200))
        .device(Aggregator::new(devices).unwrap())
        .key(Key::new(4))
}

pub(crate) fn runs() -> Vec<Run> {
    let rounds = FitSettings { round: Some(12), max_iterations: 30, tolerance: 0.0, ..FitSettings::default() };
    vec![
        Run {
            name: "own optimiser, validated",
            builder: |threads| {
                exact(threads).validation(draws(Kind::Exact, 200, 2)).optimiser(Adam::new(1e-3).unwrap())
            },
            settings: settings(25),
        },
        Run {
            name: "own optimiser, numerical, smoothed, ended by patience",
            builder: |threads| {
                exact(threads).training(draws(Kind::Numerical, 300, 1)).optimiser(Adam::new(0.1).unwrap())
            },
            settings: FitSettings { patience: 5, min_iterations: 3, ..FitSettings::default() },
        },
        Run { name: "rounds on the fly", builder: simulated, settings: rounds.clone() },
        Run {
            name: "rounds on the fly, whitened again and again",
            builder: simulated,
            settings: FitSettings { kappa: Some(0.0), round: Some(60), max_iterations: 110, ..rounds.clone() },
        },
        Run {
            name: "rounds on the fly, read-out every 5 iterations",
            builder: simulated,
            settings: FitSettings { read_out_every: Some(5), ..rounds.clone() },
        },
        Run {
            name: "rounds of files, validated and refitted",
            builder: |threads| exact(threads).validation(draws(Kind::Exact, 200, 2)),
            settings: FitSettings { minibatch: Some(100), ..rounds.clone() },
        },
        Run { name: "one round of files", builder: exact, settings: rounds.clone() },
        Run { name: "augmented fields on several devices", builder: augmented, settings: rounds },
    ]
}

/// Everything that came of a run.
pub(crate) fn outcome(imnn: &Imnn<f32>, outcome: &Outcome) -> (Vec<u64>, String) {
    let mut all = bits(imnn.history(), imnn.weights(Weights::Final).unwrap().values());
    all.extend(imnn.weights(Weights::Best).unwrap().values().iter().map(|w| u64::from(w.to_bits())));
    all.extend(imnn.statistics().unwrap().f.iter().map(|f| f.to_bits()));
    let Outcome { iterations, stop, last_layer, read_out_gain, held_out, refit, .. } = outcome;
    let rounds = &imnn.history().rounds;
    (all, format!("{iterations} {stop:?} {last_layer:?} {read_out_gain:?} {held_out:?} {refit:?} {rounds:?}"))
}

fn silent(_: &str) {}

/// Trains until it comes to its end, and is suspended after each of these iterations in between.
fn interrupted(run: &Run, folder: &Path, after: &[usize], keep: fn(Checkpoints) -> Checkpoints) -> (Vec<u64>, String) {
    for threads in (1..3).cycle() {
        let place = RunFolder::create(folder, &silent).unwrap();
        let checkpoints = keep(place.checkpoints());
        let control = checkpoints.control();
        let mut imnn = (run.builder)(threads).checkpoints(checkpoints).build().unwrap();
        let begun = imnn.goes_on_from().unwrap_or(0);
        let next = after.iter().copied().find(|&k| k > begun);
        let trained = imnn.fit_with(&run.settings, &mut |progress: &Progress| {
            if next.is_some_and(|next| progress.iteration >= next) {
                control.ask(Request::Suspend);
            }
            ControlFlow::Continue(())
        });
        match trained {
            Ok(found) => {
                imnn.save_into(&place).unwrap();
                place.finish().unwrap();
                return outcome(&imnn, &found);
            }
            Err(FitError::Suspended { iteration, lost: None }) => assert!(Some(iteration) >= next && iteration > begun),
            Err(error) => panic!("{}: {error}", run.name),
        }
    }
    unreachable!()
}

#[test]
fn interrupted_runs_have_the_bits_of_uninterrupted_ones() {
    let parent = tempfile::tempdir().unwrap();
    for (k, run) in runs().iter().enumerate() {
        let mut whole = (run.builder)(2).build().unwrap();
        let found = whole.fit(&run.settings).unwrap();
        let expected = outcome(&whole, &found);
        for (l, after) in [vec![1], vec![4, 5, 12, 13], vec![24], (1..110).step_by(7).collect()].iter().enumerate() {
            let folder = parent.path().join(format!("{k}-{l}"));
            let found = interrupted(run, &folder, after, |checkpoints| checkpoints);
            assert_eq!(found.1, expected.1, "{}, interrupted after {after:?}", run.name);
            assert!(found.0 == expected.0, "{}, interrupted after {after:?}: other bits", run.name);
            let names = imnn::io::folder::names(&folder).unwrap();
            assert!(
                names.iter().all(|name| !name.contains("checkpoint") && name != "unfinished" && name != "lock"),
                "{names:?}"
            );
        }
    }
}

/// A process that is killed leaves what the last checkpoint has, and the iterations since are made again.
#[test]
fn what_a_killed_process_leaves_is_enough() {
    let parent = tempfile::tempdir().unwrap();
    for run in [&runs()[0], &runs()[2], &runs()[5]] {
        let mut whole = (run.builder)(1).build().unwrap();
        let found = whole.fit(&run.settings).unwrap();
        let expected = outcome(&whole, &found);
        let folder = parent.path().join(run.name);
        for n in [9, 23] {
            let place = RunFolder::create(&folder, &silent).unwrap();
            let checkpoints = place.checkpoints().every(Duration::MAX).every_iterations(4);
            let mut imnn = (run.builder)(1).checkpoints(checkpoints).build().unwrap();
            let begun = imnn.goes_on_from();
            assert_eq!(begun, if n == 9 { None } else { Some(8) });
            let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                imnn.fit_with(&run.settings, &mut |progress: &Progress| {
                    if progress.iteration == n {
                        std::panic::resume_unwind(Box::new("killed"));
                    }
                    ControlFlow::Continue(())
                })
            }));
            assert!(killed.is_err());
        }
        assert_eq!(interrupted(run, &folder, &[], |checkpoints| checkpoints), expected, "{}", run.name);
    }
}

#[test]
fn a_damaged_checkpoint_is_not_read_and_the_one_before_is() {
    let parent = tempfile::tempdir().unwrap();
    let (run, folder) = (&runs()[2], parent.path().join("run"));
    let begin = |damage: &dyn Fn(&Path)| {
        let place = RunFolder::create(&folder, &silent).unwrap();
        damage(&place.path());
        (run.builder)(1).checkpoints(place.checkpoints()).build().map(|imnn| imnn.goes_on_from())
    };
    {
        let place = RunFolder::create(&folder, &silent).unwrap();
        let checkpoints = place.checkpoints().every_iterations(5);
        let control = checkpoints.control();
        let mut imnn = (run.builder)(1).checkpoints(checkpoints).build().unwrap();
        let suspended = imnn.fit_with(&run.settings, &mut |progress: &Progress| {
            if progress.iteration == 13 {
                control.ask(Request::Suspend);
            }
            ControlFlow::Continue(())
        });
        assert!(matches!(suspended, Err(FitError::Suspended { iteration: 13, lost: None })));
    }
    assert_eq!(begin(&|_| {}).unwrap(), Some(13));
    let truncate = |path: &Path| {
        let whole = fs::read(path).unwrap();
        fs::write(path, &whole[..whole.len() - 1]).unwrap();
    };
    assert_eq!(begin(&|folder| truncate(&folder.join("checkpoint/optimiser.safetensors"))).unwrap(), Some(10));
    let message = begin(&|folder| truncate(&folder.join("checkpoint.previous/state.toml"))).unwrap_err().to_string();
    assert!(message.contains("checkpoint/optimiser.safetensors is not the file"), "{message}");
}

#[test]
fn only_the_same_run_goes_on_from_a_checkpoint() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("run");
    let run = &runs()[0];
    let place = RunFolder::create(&folder, &silent).unwrap();
    let checkpoints = place.checkpoints();
    checkpoints.control().ask(Request::Suspend);
    let mut imnn = (run.builder)(1).checkpoints(checkpoints).build().unwrap();
    assert!(matches!(imnn.fit(&run.settings), Err(FitError::Suspended { iteration: 0, .. })));
    let message = |builder: ImnnBuilder<f32>| {
        let mut imnn = builder.checkpoints(place.checkpoints()).build()?;
        imnn.fit(&FitSettings { patience: 7, ..run.settings.clone() }).map(drop)
    };
    let same = || (run.builder)(1);
    for (builder, expected) in [
        (same().key(Key::new(4)), "key of the run"),
        (same().optimiser(Adam::new(2e-3).unwrap()), "optimiser of the run"),
        (same().training(draws(Kind::Exact, 300, 7)), "mean of the training set"),
        (same().training(draws(Kind::Exact, 299, 1)), "number of simulations of the training set"),
        (same().validation(draws(Kind::Numerical, 200, 2)), "widths between below and above of the validation set"),
        (same().names(["a", "b"]), "names of the parameters"),
        (same(), "patience of the run to go on with: 1000 where 7 was expected"),
    ] {
        let message = message(builder).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
}

/// Training that was asked to end gives its results, and can go on as if it had not been.
#[test]
fn training_that_was_asked_to_end_has_results_and_goes_on() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("run");
    let run = &runs()[2];
    let mut whole = (run.builder)(1).build().unwrap();
    let found = whole.fit(&run.settings).unwrap();
    let expected = outcome(&whole, &found);
    let place = RunFolder::create(&folder, &silent).unwrap();
    let checkpoints = place.checkpoints();
    let control = checkpoints.control();
    let mut imnn = (run.builder)(1).checkpoints(checkpoints).build().unwrap();
    let ended = imnn.fit_with(&run.settings, &mut |progress: &Progress| {
        if progress.iteration == 12 {
            control.ask(Request::End);
        }
        ControlFlow::Continue(())
    });
    assert_eq!(ended.unwrap().iterations, 12);
    imnn.save_into(&place).unwrap();
    place.finish().unwrap();
    let results = fs::read(folder.join("weights.safetensors")).unwrap();
    assert!(folder.join("checkpoint").is_dir() && folder.join("manifest.json").is_file());
    let message = RunFolder::resume(parent.path(), &silent).unwrap_err().to_string();
    assert!(message.contains("there is \"run\" in this folder"), "{message}");
    drop(RunFolder::resume(&folder, &silent).unwrap());
    assert_eq!(fs::read(folder.join("weights.safetensors")).unwrap(), results);
    assert_eq!(interrupted(run, &folder, &[20], |checkpoints| checkpoints), expected);
    let message = RunFolder::resume(&folder, &silent).unwrap_err().to_string();
    assert!(message.contains("came to its end"), "{message}");
}

/// The calls of fit that a program makes one after the other.
#[test]
fn calls_that_had_come_to_their_end_are_not_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let run = &runs()[2];
    let calls = [6, 9].map(|max_iterations| FitSettings { max_iterations, ..run.settings.clone() });
    let mut whole = (run.builder)(1).build().unwrap();
    let expected: Vec<Outcome> = calls.iter().map(|settings| whole.fit(settings).unwrap()).collect();
    let begin = || {
        let place = RunFolder::create(parent.path().join("run"), &silent).unwrap();
        let checkpoints = place.checkpoints();
        (place, checkpoints.control(), (run.builder)(1).checkpoints(checkpoints).build().unwrap())
    };
    let (place, control, mut imnn) = begin();
    imnn.fit(&calls[0]).unwrap();
    control.ask(Request::Suspend);
    assert!(matches!(imnn.fit(&calls[1]), Err(FitError::Suspended { iteration: 6, .. })));
    drop((imnn, place));
    let (_place, _, mut imnn) = begin();
    for (settings, expected) in calls.iter().zip(&expected) {
        let mut found = imnn.fit(settings).unwrap();
        // Another share of the time.
        found.reading = expected.reading;
        assert_eq!(&found, expected);
    }
    assert_eq!(imnn.history(), whole.history());
}
