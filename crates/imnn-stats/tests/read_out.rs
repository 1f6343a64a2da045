//! The read-out against the closed form on Gaussian features, and on features that are anything but well conditioned.

use imnn_stats::{FeatureMoments, ReadOut, Statistics};
use ndarray::{Array1, Array2, Array3, Axis, concatenate};

use crate::samples::{Samples, relative_difference};

/// Gaussian features whose means follow the parameters: `h = (z + dz theta) mixing * scale + offset`.
struct Features {
    mixing: Array2<f64>,
    scale: Array1<f64>,
    offset: Array1<f64>,
    response: Array2<f64>,
}

impl Features {
    /// Features of order 1.
    fn new(samples: &mut Samples, n_features: usize, n_params: usize) -> Self {
        Features {
            mixing: Array2::eye(n_features) + samples.normals((n_features, n_features)) * 0.3,
            scale: Array1::ones(n_features),
            offset: Array1::zeros(n_features),
            response: samples.normals((n_features, n_params)),
        }
    }

    /// Features of very different scales and offsets, one of them constant, one nearly the sum of two others.
    fn hostile(samples: &mut Samples, n_features: usize, n_params: usize) -> Self {
        let mut features = Features::new(samples, n_features, n_params);
        features.scale = Array1::from_shape_simple_fn(n_features, || 10.0_f64.powf(12.0 * samples.uniform() - 6.0));
        features.offset = &features.scale * &(samples.normals(n_features) * 30.0);
        features.scale[1] = 0.0;
        let sum = &features.mixing.column(2) + &features.mixing.column(3) + samples.normals(n_features) * 1e-3;
        features.mixing.column_mut(4).assign(&sum);
        features
    }

    fn map(&self, z: &Array2<f64>) -> Array2<f64> {
        z.dot(&self.mixing) * &self.scale
    }

    fn moments(&self, samples: &mut Samples, n: usize) -> FeatureMoments {
        let (n_features, n_params) = self.response.dim();
        let mut moments = FeatureMoments::new(n_features, n_params);
        for _ in 0..n.div_ceil(1000) {
            let n = n.min(1000);
            let h = self.map(&samples.normals((n, n_features))) + &self.offset;
            let mean = self.map(&self.response.t().to_owned());
            let noise = samples.normals((n, n_features, n_params)) * self.scale.view().insert_axis(Axis(1)) * 0.1;
            let dh = Array3::zeros((n, n_features, n_params)) + mean.t() + noise;
            moments.add(h.view(), dh.view()).unwrap();
        }
        moments
    }
}

/// ln det F of a map of features.
fn log_det_f(moments: &FeatureMoments, weight: &Array2<f64>) -> f64 {
    let c = weight.t().dot(&moments.covariance()).dot(weight);
    let c = (&c + &c.t()) / 2.0;
    let dmu = weight.t().dot(moments.dmu());
    Statistics::from_moments(Array1::zeros(c.nrows()).view(), c.view(), dmu.view()).unwrap().log_det_f
}

#[test]
fn gaussian_features_keep_all_information() {
    let mut samples = Samples::new(5);
    let features = Features::new(&mut samples, 12, 3);
    let halves = [(); 2].map(|()| features.moments(&mut samples, 20_000));
    let present = samples.normals((12, 5));
    let found = ReadOut::new(&halves, present.view()).unwrap();
    let mut all = halves[0].clone();
    all.merge(&halves[1]);
    let mean = Array1::zeros(12);
    let exact = Statistics::from_moments(mean.view(), all.covariance().view(), all.dmu().view()).unwrap();
    assert!((log_det_f(&all, &found.weight) - exact.log_det_f).abs() < 1e-6);
    // The three summaries of the parameters hold all of it by themselves.
    let own = found.weight.select(Axis(1), &[0, 1, 2]);
    assert!((log_det_f(&all, &own) - exact.log_det_f).abs() < 1e-6);
    // Of 12 features 9 are noise to each parameter, with 20,000 simulations.
    assert!((found.held_out - exact.log_det_f).abs() < 0.01, "{} {}", found.held_out, exact.log_det_f);
    assert!(found.present < found.held_out);
    let c = found.weight.t().dot(&all.covariance()).dot(&found.weight);
    assert!(relative_difference(&c, &Array2::eye(5)) < 1e-9);
    let mean = all.mean().dot(&found.weight) + &found.bias;
    assert!(mean.iter().all(|mean| mean.abs() < 1e-9));
}

#[test]
fn many_features_and_few_simulations_are_held_by_the_ridge() {
    let mut samples = Samples::new(6);
    let features = Features::new(&mut samples, 150, 2);
    let halves = [(); 2].map(|()| features.moments(&mut samples, 100));
    let present = samples.normals((150, 2));
    let found = ReadOut::new(&halves, present.view()).unwrap();
    assert!(found.ridge > 1e-3, "{}", found.ridge);
    let fresh = features.moments(&mut samples, 20_000);
    assert!(log_det_f(&fresh, &found.weight) > found.held_out - 0.3);
    assert!(log_det_f(&fresh, &found.weight) > log_det_f(&fresh, &present));
}

/// Measured on what it was made from, a read-out of 40 features of 300 simulations has too much information; crossed, as much as on
/// fresh simulations.
#[test]
fn what_is_crossed_is_as_on_fresh_simulations() {
    let (mut own, mut crossed, mut fresh) = (0.0, 0.0, 0.0);
    for set in 0..40 {
        let mut samples = Samples::new(200 + set);
        let features = Features::new(&mut samples, 40, 2);
        let training = features.moments(&mut samples, 150);
        let parts: Vec<FeatureMoments> = (0..10).map(|_| features.moments(&mut samples, 15)).collect();
        let validation = parts.iter().cloned().reduce(|mut all, part| {
            all.merge(&part);
            all
        });
        let validation = validation.unwrap();
        let present = samples.normals((40, 3));
        let found = ReadOut::new(&[training.clone(), validation.clone()], present.view()).unwrap();
        own += log_det_f(&validation, &found.weight) / 40.0;
        let statistics = found.crossed(&training, &parts).unwrap();
        // 150 simulations of three summaries: the bias of the inverse of their covariance.
        crossed += (statistics.log_det_f + 2.0 * (145.0_f64 / 149.0).ln()) / 40.0;
        fresh += log_det_f(&features.moments(&mut samples, 20_000), &found.weight) / 40.0;
    }
    assert!(own - fresh > 0.2, "{own} {fresh}");
    assert!((crossed - fresh).abs() < 0.06, "{crossed} {fresh}");
}

/// The map that is taken, read-out or present, is on fresh simulations no worse than the present one.
#[test]
fn hostile_features_are_never_made_worse() {
    let mut taken = 0;
    for problem in 0..50 {
        let mut samples = Samples::new(100 + problem);
        let n_params = 4 + problem as usize % 3;
        let n_features = 20 + problem as usize;
        let features = Features::hostile(&mut samples, n_features, n_params);
        let halves = [(); 2].map(|()| features.moments(&mut samples, 100));
        let present =
            samples.normals((n_features, n_params + 1)) / &features.scale.mapv(|s| s.max(1e-6)).insert_axis(Axis(1));
        let Ok(found) = ReadOut::new(&halves, present.view()) else { continue };
        if found.held_out > found.present {
            taken += 1;
            let fresh = features.moments(&mut samples, 10_000);
            let (read_out, present) = (log_det_f(&fresh, &found.weight), log_det_f(&fresh, &present));
            assert!(read_out > present, "problem {problem}: {read_out} {present} {found:?}");
            assert_eq!(found.weight.row(1).iter().filter(|w| **w != 0.0).count(), 0);
        }
    }
    assert!(taken > 40, "{taken}");
}

#[test]
fn summaries_that_depend_on_each_other_are_refused() {
    let mut samples = Samples::new(8);
    let features = Features::new(&mut samples, 6, 2);
    let halves = [(); 2].map(|()| features.moments(&mut samples, 500));
    let one = samples.normals((6, 1));
    let present = concatenate![Axis(1), one, one, one, one];
    let error = ReadOut::new(&halves, present.view()).unwrap_err().to_string();
    assert!(error.contains("covariance matrix C (4 x 4)"), "{error}");
    // Information of which one parameter has none.
    let blind = Features { response: Array2::zeros((6, 2)), ..features };
    let mut moments = FeatureMoments::new(6, 2);
    let h = blind.map(&samples.normals((50, 6)));
    moments.add(h.view(), Array3::zeros((50, 6, 2)).view()).unwrap();
    let halves = [moments.clone(), moments];
    assert!(ReadOut::new(&halves, samples.normals((6, 2)).view()).unwrap_err().to_string().contains("parameter"));
}

/// Three features that inform and forty that are noise, known to be of another kind.
#[test]
fn a_ridge_of_their_own_leaves_out_features_that_tell_nothing() {
    let mut samples = Samples::new(11);
    let (n_first, n_last) = (3, 40);
    let mut features = Features::new(&mut samples, n_first + n_last, 2);
    features.mixing = Array2::eye(n_first + n_last);
    features.response.rows_mut().into_iter().skip(n_first).for_each(|mut row| row.fill(0.0));
    let present = samples.normals((n_first + n_last, 2));
    let fresh = features.moments(&mut samples, 20_000);
    let (mut gained, mut lost) = (0.0, 0.0);
    for _ in 0..10 {
        let halves = [(); 2].map(|()| features.moments(&mut samples, 100));
        let one = ReadOut::new(&halves, present.view()).unwrap();
        let own = ReadOut::with_ridge_of_last(&halves, present.view(), n_last).unwrap();
        assert_eq!(own.of_last.unwrap().n, n_last);
        assert!(own.held_out >= one.held_out, "{own:?} {one:?}");
        let of = |read_out: &ReadOut| log_det_f(&fresh, &read_out.weight);
        gained += of(&own) - of(&one);
        // As if there were the first alone.
        let first = halves.each_ref().map(|half| half.features(0..n_first));
        let alone = ReadOut::new(&first, present.select(Axis(0), &[0, 1, 2]).view()).unwrap();
        lost += log_det_f(&fresh.features(0..n_first), &alone.weight) - of(&own);
    }
    assert!(gained > 0.05 && lost < 0.1 * gained, "{gained} {lost}");
}
