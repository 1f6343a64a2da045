//! Numbers of the Python package, from `tests/golden`: every `stats_*` file, every key.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

use imnn_stats::{
    Evaluation, Loss, ScoreCompression, Statistics, covariance, lambda2, mean, mean_derivative, numerical_derivative,
};
use ndarray::{Array0, Array1, Array2, Array3, Array4, ArrayD, Axis};
use ndarray_npy::NpzReader;
use serde_json::Value;

use crate::samples::relative_difference;

#[test]
fn every_stats_file_is_reproduced() {
    let manifest: Value = serde_json::from_reader(File::open(folder().join("manifest.json")).unwrap()).unwrap();
    let mut n_files = 0;
    for (name, entry) in manifest.as_object().unwrap() {
        if entry["kind"] == "stats" {
            Golden::new(name, entry).check();
            n_files += 1;
        }
    }
    assert_eq!(n_files, 13);
}

struct Golden<'a> {
    name: &'a str,
    entry: &'a Value,
    file: NpzReader<File>,
    /// Keys not compared or read yet.
    left: BTreeSet<String>,
}

impl<'a> Golden<'a> {
    fn new(name: &'a str, entry: &'a Value) -> Self {
        let file = NpzReader::new(File::open(folder().join(name)).unwrap()).unwrap();
        let left = entry["keys"].as_object().unwrap().keys().cloned().collect();
        Golden { name, entry, file, left }
    }

    fn check(mut self) {
        let x: Array2<f64> = self.array("x").into_dimensionality().unwrap();
        let numerical = self.left.contains("x_mp");
        let loss = Loss::new(self.scalar("lambda"), self.scalar("epsilon")).unwrap();
        self.compare_scalar("alpha", loss.penalty().numbers()[1]);

        let dx: Array3<f64> = if numerical {
            let (x_mp, delta_theta) = self.below_above();
            let dx = numerical_derivative(x_mp.view(), delta_theta.view()).unwrap();
            self.compare("dx", &dx.clone().into_dyn());
            let from_pairs = Statistics::numerical(x.view(), x_mp.view(), delta_theta.view()).unwrap();
            assert_eq!(from_pairs, Statistics::new(x.view(), dx.view()).unwrap());
            dx
        } else {
            self.array("dx").into_dimensionality().unwrap()
        };

        let evaluation = loss.evaluate(x.view(), dx.view()).unwrap();
        self.check_sizes(&x, &dx);
        self.check_statistics(&evaluation.statistics);
        self.check_loss(&evaluation, dx.len_of(Axis(0)), numerical);
        self.check_estimates(&evaluation.statistics);
        assert!(self.left.is_empty(), "{}: nothing compares {:?}", self.name, self.left);

        // The same numbers by the other ways in.
        let dmu = mean_derivative(dx.view()).unwrap();
        let s = &evaluation.statistics;
        assert_eq!(*s, Statistics::from_moments(s.mu.view(), s.c.view(), dmu.view()).unwrap());
        assert_eq!(covariance(x.view()).unwrap(), (s.mu.clone(), s.c.clone()));
        assert_eq!(mean(x.view()).unwrap(), s.mu);
        assert_eq!(lambda2(s.c.view(), s.inv_c.view()), evaluation.record.lambda2);
        let (value, record) = loss.value(s).unwrap();
        assert_eq!((value, record), (evaluation.value, evaluation.record));
    }

    fn check_sizes(&mut self, x: &Array2<f64>, dx: &Array3<f64>) {
        let (n_s, n_summaries) = x.dim();
        let (n_d, _, n_params) = dx.dim();
        for (key, size) in [("n_s", n_s), ("n_d", n_d), ("n_summaries", n_summaries), ("n_params", n_params)] {
            assert_eq!(self.integer(key), size as i64, "{}: {key}", self.name);
        }
    }

    fn check_statistics(&mut self, s: &Statistics) {
        self.compare("mu", &s.mu.clone().into_dyn());
        self.compare("C", &s.c.clone().into_dyn());
        self.compare("invC", &s.inv_c.clone().into_dyn());
        self.compare("dmu_dtheta", &s.dmu_dtheta.clone().into_dyn());
        self.compare("F", &s.f.clone().into_dyn());
        self.compare("invF", &s.inv_f.clone().into_dyn());
        self.compare_scalar("lndetF", s.log_det_f);
        self.compare_scalar("detF", s.det_f);
        self.compare_scalar("detC", s.det_c);
        self.compare_scalar("detinvC", s.det_inv_c);
    }

    fn check_loss(&mut self, evaluation: &Evaluation, n_d: usize, numerical: bool) {
        self.compare_scalar("lambda2", evaluation.record.lambda2);
        self.compare_scalar("r", evaluation.record.r);
        self.compare_scalar("loss", evaluation.value);
        self.compare("dloss_dx", &evaluation.dloss_dx.clone().into_dyn());
        // The gradient is the same for every derivative; the files have it once for each.
        if numerical {
            let (_, delta_theta) = self.below_above();
            let one = evaluation.dloss_dx_mp(delta_theta.view()).unwrap().into_dyn();
            self.compare("dloss_dx_mp", &repeated(one, n_d));
        } else {
            self.compare("dloss_ddx", &repeated(evaluation.dloss_ddx.clone().into_dyn(), n_d));
        }
    }

    fn check_estimates(&mut self, statistics: &Statistics) {
        let theta_fid: Array1<f64> = self.array("theta_fid").into_dimensionality().unwrap();
        let x: Array2<f64> = self.array("x_test").into_dimensionality().unwrap();
        let compression = ScoreCompression::new(theta_fid.view(), statistics).unwrap();
        let estimates = compression.estimates(x.view()).unwrap();
        self.compare("estimate", &estimates.clone().into_dyn());
        for (row, expected) in x.rows().into_iter().zip(estimates.rows()) {
            let one = compression.estimate(row).unwrap();
            assert!(relative_difference(&one, &expected.to_owned()) < 1e-13);
        }
    }

    fn below_above(&mut self) -> (Array4<f64>, Array1<f64>) {
        let x_mp = self.array("x_mp").into_dimensionality().unwrap();
        (x_mp, self.array("delta_theta").into_dimensionality().unwrap())
    }

    /// Compares at the larger of 1e-9 and ten times the rounding error of the file's own numbers (measured against an
    /// 80-bit calculation), relative to the largest entry.
    fn compare(&mut self, key: &str, found: &ArrayD<f64>) {
        let expected = self.array(key);
        let rounding = self.entry["relative_rounding_error"][key].as_f64().unwrap();
        let tolerance = (10.0 * rounding).max(1e-9);
        let difference = relative_difference(found, &expected);
        assert!(difference <= tolerance, "{}: {key} differs by {difference:e} > {tolerance:e}", self.name);
    }

    fn compare_scalar(&mut self, key: &str, found: f64) {
        self.compare(key, &Array0::from_elem((), found).into_dyn());
    }

    fn array(&mut self, key: &str) -> ArrayD<f64> {
        self.left.remove(key);
        self.file.by_name(key).unwrap()
    }

    fn scalar(&mut self, key: &str) -> f64 {
        self.array(key).into_iter().next().unwrap()
    }

    fn integer(&mut self, key: &str) -> i64 {
        self.left.remove(key);
        let array: Array0<i64> = self.file.by_name(key).unwrap();
        array.into_scalar()
    }
}

fn repeated(one: ArrayD<f64>, n: usize) -> ArrayD<f64> {
    let mut shape = one.shape().to_vec();
    shape.insert(0, n);
    one.broadcast(shape).unwrap().to_owned()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}
