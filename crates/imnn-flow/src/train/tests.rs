//! Whole trainings.

use super::*;
use crate::{Architecture, Bijection, FlowError, Pairs, Result, Split};
use imnn_sim::Key;
use ndarray::{Array1, Array2, array};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

/// y = (c_1 + 0.3 e_1, c_1^2 + c_2 + 0.5 e_2): Gaussian given c, with known density.
fn pairs(n: usize, key: Key) -> Pairs {
    let mut numbers = vec![0.0; 4 * n];
    key.fill_normal(&mut numbers);
    let row = |k: usize| &numbers[4 * k..4 * k + 4];
    let c = Array2::from_shape_fn((n, 2), |(k, j)| row(k)[j]);
    let y = Array2::from_shape_fn((n, 2), |(k, j)| match j {
        0 => row(k)[0] + 0.3 * row(k)[2],
        _ => row(k)[0].powi(2) + row(k)[1] + 0.5 * row(k)[3],
    });
    Pairs::new(y.view(), c.view()).unwrap()
}

fn exact(pairs: &Pairs) -> Array1<f64> {
    let (y, c) = (pairs.y(), pairs.c());
    let rows = y.rows().into_iter().zip(c.rows());
    rows.map(|(y, c)| {
        let normal = |v: f64, sd: f64| -0.5 * (v / sd).powi(2) - (sd * (2.0 * std::f64::consts::PI).sqrt()).ln();
        normal(y[0] - c[0], 0.3) + normal(y[1] - c[0].powi(2) - c[1], 0.5)
    })
    .collect()
}

fn small() -> TrainingSettings {
    TrainingSettings {
        architecture: Architecture { bijection: Bijection::Affine, transforms: 3, hidden: vec![20, 20] },
        members: 2,
        max_epochs: 6,
        cooldowns: 0,
        learning_rate: 1e-3,
        batch: Some(200),
        ..TrainingSettings::default()
    }
}

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn a_density_is_learnt() {
    let data = pairs(3000, Key::new(1));
    // Splines have to find out on 3000 pairs that all conditionals are Gaussian, which is what affine maps are made for.
    for (bijection, most) in [(Bijection::Affine, 0.06), (Bijection::SPLINE, 0.2)] {
        let architecture = Architecture { bijection, ..Architecture::default() };
        let settings = TrainingSettings { architecture, members: 2, max_epochs: 60, ..TrainingSettings::default() };
        let trained = train::<f32>(&data, &settings, Key::new(2)).unwrap();
        let fresh = pairs(4000, Key::new(3));
        let density = trained.ensemble.log_density(fresh.y(), fresh.c()).unwrap();
        let loss = (exact(&fresh) - &density).mean().unwrap();
        // The Kullback-Leibler divergence from the exact density; unconditional Gaussians are at 1.9.
        assert!(loss < most, "{bijection:?}: {loss}");
        assert_eq!(trained.held_out.dim(), (300, 2));
        assert!(trained.members.iter().all(|member| member.best_epoch > 5));
        let distances =
            trained.ensemble.disagreement(fresh.c().select(ndarray::Axis(0), &[0, 1]).view(), 500, Key::new(4));
        assert!(distances.unwrap().iter().all(|d| *d > 0.0 && *d < 0.4));
    }
}

#[test]
fn bits_do_not_depend_on_threads_or_interruptions() {
    let data = pairs(500, Key::new(1));
    let settings = TrainingSettings { members: 3, cooldowns: 1, patience: 1, ..small() };
    let mut whole = Training::<f32>::new(&data, &settings, Key::new(2)).unwrap().threads(1);
    whole.run(usize::MAX, &go_on).unwrap();
    for threads in [2, 4] {
        let mut training = Training::<f32>::new(&data, &settings, Key::new(2)).unwrap().threads(threads);
        training.run(usize::MAX, &go_on).unwrap();
        assert_eq!(training.state().members, whole.state().members);
    }
    // Stopped after every epoch or two, by count and by the observer, each time from a copy of the state.
    let mut state = Training::<f32>::new(&data, &settings, Key::new(2)).unwrap().state();
    for k in 0.. {
        let mut training = Training::resume(&data, state).unwrap().threads(1 + k % 3);
        let count = AtomicUsize::new(0);
        let stop_soon = |_: &Progress| match count.fetch_add(1, Ordering::SeqCst) {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let status = match k % 2 {
            0 => training.run(1, &go_on).unwrap(),
            _ => training.run(usize::MAX, &stop_soon).unwrap(),
        };
        state = training.state();
        if status == Status::Done {
            break;
        }
        assert!(k < 100);
    }
    assert_eq!(state.members, whole.state().members);
    let (a, b) = (Training::resume(&data, state).unwrap().finish().unwrap(), whole.finish().unwrap());
    assert_eq!(a.ensemble, b.ensemble);
    assert_eq!((a.members, a.held_out), (b.members, b.held_out));
}

#[test]
fn patience_and_limit_end_a_training() {
    let data = pairs(100, Key::new(1));
    let settings = TrainingSettings { patience: 3, max_epochs: 2000, ..small() };
    let trained = train::<f64>(&data, &settings, Key::new(0)).unwrap();
    for member in &trained.members {
        assert_eq!(member.end, Some(End::Patience));
        assert_eq!(member.history.len(), member.best_epoch + 3);
        let best = member.history[member.best_epoch - 1].validation;
        assert!(member.history.iter().all(|epoch| epoch.validation >= best));
    }
    let trained = train::<f64>(&data, &small(), Key::new(0)).unwrap();
    assert!(trained.members.iter().all(|member| member.end == Some(End::Limit)));
    let note = "member 0 was stopped at the limit of 6 epochs while still improving; raise max_epochs";
    assert_eq!(trained.notes[0].to_string(), note);
}

/// The loss of the best weights is that of the ensemble's members on held-out pairs.
#[test]
fn the_best_weights_are_kept() {
    let data = pairs(300, Key::new(5));
    let trained = train::<f64>(&data, &small(), Key::new(6)).unwrap();
    for (m, member) in trained.members.iter().enumerate() {
        let volume: f64 = trained.ensemble.members()[m].y().sd().iter().map(|sd| sd.ln()).sum();
        let mean = -trained.held_out.column(m).mean().unwrap();
        let best = member.history[member.best_epoch - 1].validation;
        assert!((mean - volume - best).abs() < 1e-12, "{mean} {best}");
    }
}

#[test]
fn constant_columns_are_left_out_and_named() {
    let data = pairs(200, Key::new(1));
    let with = |x: ndarray::ArrayView2<'_, f64>, value: f64| {
        let mut wide = Array2::from_elem((200, 3), value);
        wide.column_mut(0).assign(&x.column(0));
        wide.column_mut(2).assign(&x.column(1));
        wide
    };
    let (y, c) = (with(data.y(), 7.5), with(data.c(), -1.0));
    let wide = Pairs::new(y.view(), c.view()).unwrap().named(&["a", "fixed", "b"], &["x", "dead", "z"]).unwrap();
    let trained = train::<f64>(&wide, &small(), Key::new(2)).unwrap();
    let notes: Vec<String> = trained.notes.iter().map(Note::to_string).collect();
    assert_eq!(notes[0], "fixed is 7.5 in all pairs that are trained on: it was left out");
    assert_eq!(notes[1], "dead is -1 in all pairs that are trained on: it was left out");
    // The same as without them, and draws hold the constant.
    let narrow = train::<f64>(&data, &small(), Key::new(2)).unwrap();
    assert_eq!(trained.held_out, narrow.held_out);
    let draws = trained.ensemble.sample(c.view(), 3, Key::new(0)).unwrap();
    assert!(draws.y.index_axis(ndarray::Axis(2), 1).iter().all(|v| *v == 7.5));
    let found = trained.ensemble.gradients(y.view(), c.view()).unwrap();
    assert!(found.y.column(1).iter().chain(found.c.column(1)).all(|g| *g == 0.0));

    let constant = Pairs::new(
        Array2::<f64>::zeros((60, 1)).view(),
        c.select(ndarray::Axis(0), &(0..60).collect::<Vec<_>>()).view(),
    );
    let error = train::<f64>(&constant.unwrap(), &small(), Key::new(0)).unwrap_err().to_string();
    assert_eq!(error, "all columns of y are constant (y[0]): there is nothing whose density could be learnt");
}

#[test]
fn columns_that_have_a_scale_by_nature_keep_it() {
    let data = pairs(200, Key::new(1));
    let settings = TrainingSettings { standardise_y: false, ..small() };
    let trained = train::<f64>(&data, &settings, Key::new(2)).unwrap();
    let member = &trained.ensemble.members()[0];
    assert_eq!((member.y().mean(), member.y().sd()), (&[0.0, 0.0][..], &[1.0, 1.0][..]));
    assert_ne!(member.c().sd(), [1.0, 1.0]);
}

/// A rate that ruins the weights: two new starts at half the rate each, then an error.
#[test]
fn losses_that_are_not_finite_end_in_an_error() {
    let data = pairs(500, Key::new(1));
    let settings = TrainingSettings { learning_rate: 1e30, ..small() };
    let error = train::<f32>(&data, &settings, Key::new(0)).unwrap_err();
    assert!(matches!(error, FlowError::Diverged { learning_rate, .. } if learning_rate == 2.5e29), "{error}");
    let message = error.to_string();
    assert!(message.contains("look for outliers in the pairs, or lower learning_rate"), "{message}");
}

/// Weights that overflow, as if an update had ruined them: a new start, and a note.
#[test]
fn a_member_that_is_ruined_starts_again() {
    let data = pairs(500, Key::new(1));
    let mut state = Training::<f32>::new(&data, &small(), Key::new(0)).unwrap().state();
    let start = state.members[1].weights.clone();
    // Shifts of the first two transforms, by their biases, whose sum is beyond single precision.
    let layers = crate::transforms::layer_shapes(&small().architecture, 2, 2);
    let sizes: Vec<usize> = layers.iter().map(|(rows, cols)| rows * cols).collect();
    for (transform, row) in [(0, 0), (0, 2), (1, 0), (1, 2)] {
        let at = transform * sizes.iter().sum::<usize>() + sizes[0] + sizes[1] + row * layers[2].1;
        state.members[1].weights[at] = 3e38;
    }
    let mut training = Training::resume(&data, state).unwrap();
    let rates = std::sync::Mutex::new(vec![]);
    let observer = |progress: &Progress| {
        if progress.member == 1 {
            rates.lock().unwrap().push(progress.learning_rate);
        }
        ControlFlow::Continue(())
    };
    training.run(usize::MAX, &observer).unwrap();
    assert_eq!(rates.into_inner().unwrap(), [0.5e-3; 6]);
    assert_ne!(training.state().members[1].weights, start);
    let notes: Vec<String> = training.finish().unwrap().notes.iter().map(Note::to_string).collect();
    assert!(notes.iter().any(|note| note.starts_with("member 1 was started again 1 time(s) at half")), "{notes:?}");
}

#[test]
fn outliers_are_noted_and_survived() {
    let clean = pairs(300, Key::new(1));
    let mut y = clean.y().to_owned();
    let mut c = clean.c().to_owned();
    let split = Split::new(300, 0.1, Key::new(9)).unwrap();
    y[[split.training()[0], 1]] = 1e12;
    c[[split.training()[1], 0]] = -1e200;
    let data = Pairs::new(y.view(), c.view()).unwrap();
    let mut training = Training::<f32>::with_split(&data, split, &small(), Key::new(2)).unwrap();
    training.run(usize::MAX, &go_on).unwrap();
    let trained = training.finish().unwrap();
    let notes: Vec<String> = trained.notes.iter().map(Note::to_string).collect();
    assert!(notes[0].starts_with("y[1] has an excess kurtosis of 26"), "{notes:?}");
    assert!(notes[1].starts_with("c[0] has an excess kurtosis of 26"), "{notes:?}");
    assert!(trained.held_out.iter().all(|v| v.is_finite()));
    c[[0, 0]] = f64::MAX;
    c[[1, 0]] = -f64::MAX;
    let data = Pairs::new(y.view(), c.view()).unwrap();
    let split = Split::from_rows((0..200).collect(), (200..300).collect(), 300).unwrap();
    let error = Training::<f32>::with_split(&data, split, &small(), Key::new(2)).err().unwrap().to_string();
    assert!(error.starts_with("c[0] reaches from -1.797"), "{error}");
}

#[test]
fn a_state_of_other_pairs_is_refused() {
    let data = pairs(100, Key::new(1));
    let state = Training::<f64>::new(&data, &small(), Key::new(0)).unwrap().state();
    let error = |result: Result<Training<f64>>| result.err().unwrap().to_string();
    let other = pairs(100, Key::new(2));
    assert!(error(Training::resume(&other, state.clone())).contains("training on other pairs"));
    let split = Split::from_rows((0..50).collect(), (50..100).collect(), 100).unwrap();
    assert!(error(Training::resume_with_split(&data, split, state)).contains("with others held out"));
    let untrained = Training::<f64>::new(&data, &small(), Key::new(0)).unwrap();
    assert!(untrained.finish().unwrap_err().to_string().contains("call run first"));
}

#[test]
fn settings_out_of_range_are_refused() {
    let data = pairs(100, Key::new(1));
    let message = |settings: TrainingSettings| train::<f64>(&data, &settings, Key::new(0)).unwrap_err().to_string();
    assert_eq!(message(TrainingSettings { members: 0, ..small() }), "members is 0, it must be 1 to 1000");
    assert_eq!(message(TrainingSettings { batch: Some(0), ..small() }), "batch is 0, it must be 1 to 1000000");
    let rate = TrainingSettings { learning_rate: f64::NAN, ..small() };
    assert_eq!(message(rate), "learning_rate is NaN, it must be above 0 and finite");
    let architecture = Architecture { hidden: vec![], ..Architecture::default() };
    assert!(message(TrainingSettings { architecture, ..small() }).starts_with("hidden is 0 layers"));
}

/// Pairs of the members of a mixture are those of one density: weights, draws and gradients by hand.
#[test]
fn ensembles_mix_densities() {
    let data = pairs(200, Key::new(1));
    let trained = train::<f64>(&data, &small(), Key::new(2)).unwrap();
    let ensemble = trained.ensemble.clone().weighted(&[1.0, 3.0]).unwrap();
    assert_eq!(ensemble.weights(), [0.25, 0.75]);
    let (y, c) = (array![[0.3, 0.4]], array![[0.1, 0.2]]);
    let members = ensemble.member_log_densities(y.view(), c.view()).unwrap();
    let expected = (0.25 * members[[0, 0]].exp() + 0.75 * members[[0, 1]].exp()).ln();
    let found = ensemble.gradients(y.view(), c.view()).unwrap();
    assert!((found.log_density[0] - expected).abs() < 1e-12);
    let step = 1e-6;
    for k in 0..4 {
        let moved = |by: f64| {
            let (mut y, mut c) = (y.clone(), c.clone());
            if k < 2 {
                y[[0, k]] += by
            } else {
                c[[0, k - 2]] += by
            }
            ensemble.log_density(y.view(), c.view()).unwrap()[0]
        };
        let difference = (moved(step) - moved(-step)) / (2.0 * step);
        let ours = if k < 2 { found.y[[0, k]] } else { found.c[[0, k - 2]] };
        assert!((ours - difference).abs() < 1e-6 * (1.0 + difference.abs()), "{ours} {difference}");
    }
    let draws = ensemble.sample(c.view(), 2000, Key::new(3)).unwrap();
    let mean = draws.y.index_axis(ndarray::Axis(0), 0).mean_axis(ndarray::Axis(0)).unwrap();
    let of = |m: usize| {
        ensemble.members()[m].sample(c.view(), 20_000, Key::new(4)).unwrap().y.mean_axis(ndarray::Axis(1)).unwrap()
    };
    let expected = 0.25 * of(0) + 0.75 * of(1);
    let sd = draws.y.index_axis(ndarray::Axis(0), 0).std_axis(ndarray::Axis(0), 0.0);
    // Five standard errors.
    (0..2).for_each(|k| assert!((mean[k] - expected[[0, k]]).abs() < 0.12 * sd[k], "{mean} {expected}"));
    assert!(
        trained.ensemble_refuses(&[0.0, 0.0])
            && trained.ensemble_refuses(&[1.0])
            && trained.ensemble_refuses(&[2.0, -1.0])
    );
}

impl Trained<f64> {
    fn ensemble_refuses(&self, weights: &[f64]) -> bool {
        self.ensemble.clone().weighted(weights).is_err()
    }
}
