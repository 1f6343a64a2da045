//! Four flows of numpy, torch and nflows, written by `tests/golden/make.py`: z, ln q, all gradients, and the way back.
//!
//! The two programs agree to 3e-12, and the inverse, there by bisection, to 8e-12.

use imnn_flow::{Architecture, Bijection, Flow, Standardisation, Transforms};
use ndarray::{Array2, ArrayD, Axis};
use ndarray_npy::NpzReader;
use std::fs::File;
use std::path::Path;

struct Golden {
    file: NpzReader<File>,
    flow: &'static str,
}

impl Golden {
    fn array(&mut self, key: &str) -> ArrayD<f64> {
        self.file.by_name(&format!("{}/{key}", self.flow)).unwrap_or_else(|error| panic!("{key}: {error}"))
    }

    fn matrix(&mut self, key: &str) -> Array2<f64> {
        self.array(key).into_dimensionality().unwrap()
    }

    fn permutations(&mut self) -> Vec<Vec<usize>> {
        let array: Array2<i64> = self.file.by_name(&format!("{}/perm", self.flow)).unwrap();
        array.rows().into_iter().map(|row| row.iter().map(|k| *k as usize).collect()).collect()
    }
}

/// Rows (units) and columns (1, inputs) of ours from `(inputs, units)` and biases of theirs.
fn layer(weight: &Array2<f64>, bias: &ArrayD<f64>, units: &[usize], inputs: &[usize]) -> Vec<f64> {
    units
        .iter()
        .flat_map(|&unit| std::iter::once(bias[unit]).chain(inputs.iter().map(move |&input| weight[[input, unit]])))
        .collect()
}

/// All weights or gradients of one of their transforms, in our order. Their hidden unit j has degree j mod D, ours are sorted.
fn transform(golden: &mut Golden, at: usize, prefix: &str, dims: usize, context: usize) -> Vec<f64> {
    let mut part = |name: &str| golden.array(&format!("{at}/{prefix}{name}"));
    let (w1, w2, w3) = (part("W1"), part("W2"), part("W3"));
    let (b1, b2, b3) = (part("b1"), part("b2"), part("b3"));
    let [w1, w2, w3] = [w1, w2, w3].map(|w| w.into_dimensionality::<ndarray::Ix2>().unwrap());
    let mut hidden: Vec<usize> = (0..b1.len()).collect();
    hidden.sort_by_key(|unit| unit % dims);
    // Theirs are (u_1, ..., u_D, c); nobody sees u_D.
    let inputs: Vec<usize> = (dims..dims + context).chain(0..dims - 1).collect();
    let all: Vec<usize> = (0..b3.len()).collect();
    [layer(&w1, &b1, &hidden, &inputs), layer(&w2, &b2, &hidden, &hidden), layer(&w3, &b3, &all, &hidden)].concat()
}

fn assert_close(what: &str, ours: impl IntoIterator<Item = f64>, golden: impl IntoIterator<Item = f64>, allowed: f64) {
    let (ours, golden): (Vec<f64>, Vec<f64>) = (ours.into_iter().collect(), golden.into_iter().collect());
    assert_eq!(ours.len(), golden.len(), "{what}");
    let scale = golden.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let worst = ours.iter().zip(&golden).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
    assert!(worst <= allowed * scale, "{what}: {worst:e} of {scale}");
}

fn check(name: &'static str, bijection: Bijection) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/flow_golden.npz");
    let mut golden = Golden { file: NpzReader::new(File::open(path).unwrap()).unwrap(), flow: name };
    let (y, c) = (golden.matrix("theta"), golden.matrix("x"));
    let (dims, context) = (y.ncols(), c.ncols());
    let permutations = golden.permutations();
    let units = golden.array("0/b1").len();
    let architecture = Architecture { bijection, transforms: permutations.len(), hidden: vec![units, units] };
    let mut all = |prefix: &str| -> Vec<f64> {
        (0..permutations.len()).flat_map(|t| transform(&mut golden, t, prefix, dims, context)).collect()
    };
    let (mut weights, gradients) = (all(""), all("dloss_d"));
    // Theirs has numbers where the mask then multiplies by zero; so have not their gradients.
    let mask = super::random::mask(&architecture, dims, context);
    weights.iter_mut().zip(mask.iter().cycle()).for_each(|(weight, allowed)| *weight *= f64::from(*allowed));
    let transforms = Transforms::from_parts(&architecture, dims, context, permutations, weights).unwrap();
    let [shift, scale] = ["shift", "scale"].map(|key| golden.array(key).into_raw_vec_and_offset().0);
    let standardisation = Standardisation::from_parts(shift, scale).unwrap();
    let flow = Flow::from_parts(standardisation, Standardisation::identity(context), transforms).unwrap();

    assert_close("z", flow.to_base(y.view(), c.view()).unwrap(), golden.array("z"), 1e-11);
    let found = flow.gradients(y.view(), c.view()).unwrap();
    assert_close("ln q", found.log_density.clone(), golden.array("log_q"), 1e-11);
    let (loss, gradient) = flow.loss(y.view(), c.view()).unwrap();
    assert_close("loss", [loss], [-golden.array("log_q").mean().unwrap()], 1e-12);
    assert_close("gradient by weights", gradient, gradients, 1e-10);
    // Theirs are of the mean loss.
    let n = -(y.nrows() as f64);
    assert_close("gradient by y", found.y, golden.array("dloss_dtheta").mapv(|g| n * g), 1e-10);
    assert_close("gradient by c", found.c, golden.array("dloss_dx").mapv(|g| n * g), 1e-10);

    let (back, densities) = flow.from_base(golden.matrix("z").view(), c.view()).unwrap();
    assert_close("inverse", back, y.clone(), 1e-10);
    assert_close("ln q of draws", densities, golden.array("log_q"), 1e-10);

    // In single precision, with what a few hundred roundings leave.
    let single = flow.cast::<f32>().unwrap();
    let densities = single.log_density(y.view(), c.view()).unwrap();
    assert_close("ln q in single precision", densities, golden.array("log_q"), 2e-5);
    assert_close(
        "rows one by one",
        y.axis_iter(Axis(0))
            .enumerate()
            .map(|(k, row)| flow.log_density(row.insert_axis(Axis(0)), c.row(k).insert_axis(Axis(0))).unwrap()[0])
            .collect::<Vec<_>>(),
        golden.array("log_q"),
        1e-11,
    );
}

#[test]
fn affine_in_three_dimensions() {
    check("maf", Bijection::Affine);
}

#[test]
fn affine_in_five_dimensions() {
    check("maf5", Bijection::Affine);
}

#[test]
fn spline_in_three_dimensions() {
    check("nsf", Bijection::Spline { bins: 4, bound: 5.0 });
}

#[test]
fn spline_in_one_dimension() {
    check("nsf1", Bijection::Spline { bins: 4, bound: 5.0 });
}
