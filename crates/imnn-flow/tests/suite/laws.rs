//! What holds for every flow.

use super::random::{architectures, flow, normal, pairs};
use imnn_flow::{Architecture, Bijection, Flow};
use imnn_sim::Key;
use ndarray::{Array2, Axis, array};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_inverse_comes_back(
        architecture in architectures(), dims in 1..8_usize, context in 0..5_usize, n in 1..300_usize, seed: u64
    ) {
        let [weights, data] = Key::new(seed).split();
        let flow = flow(&architecture, dims, context, weights);
        let (_, c) = pairs(&flow, n, data);
        let z = normal(n, dims, data.fold_in(1));
        let (y, densities) = flow.from_base(z.view(), c.view()).unwrap();
        let back = flow.to_base(y.view(), c.view()).unwrap();
        let again = flow.log_density(y.view(), c.view()).unwrap();
        for (a, b) in back.iter().zip(&z) {
            prop_assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
        for (a, b) in densities.iter().zip(&again) {
            prop_assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} {b}");
        }
    }

    /// The fault of nflows (its pull request 85): there the first dimension of a transform does not see the context.
    #[test]
    fn every_dimension_depends_on_the_context(
        spline: bool, transforms in 1..6_usize, dims in 1..7_usize, units in 1..60_usize, seed: u64
    ) {
        let bijection = if spline { Bijection::SPLINE } else { Bijection::Affine };
        let architecture = Architecture { bijection, transforms, hidden: vec![units, units] };
        let [weights, data] = Key::new(seed).split();
        let flow = flow(&architecture, dims, 2, weights);
        let c = normal(2, 2, data);
        // y = f(z; c) with the same z: every number of it has to move with c, each in the law given those before it too.
        let z = 0.3 * normal(1, dims, data.fold_in(1));
        let (y, _) = flow.from_base(z.view(), c.view()).unwrap();
        for k in 0..dims {
            prop_assert!(y[[0, k]] != y[[1, k]], "dimension {k} of {dims} does not see the context");
        }
        // In one transform the log density of each dimension given those before it is ln dz_k/dy_k - z_k^2 / 2.
        if transforms == 1 {
            let own = own_densities(&flow, &y, &c);
            for k in 0..dims {
                prop_assert!((own[[0, k]] - own[[1, k]]).abs() > 1e-9, "ln q of dimension {k} does not see the context");
            }
        }
    }
}

/// `ln q(y_k | y_1, ..., y_{k-1}, c)` but for a constant, at the first y, for each row of c, `(rows, dims)`.
fn own_densities(flow: &Flow<f64>, y: &Array2<f64>, c: &Array2<f64>) -> Array2<f64> {
    let step = 1e-5;
    let base = |y: &Array2<f64>| flow.to_base(y.select(Axis(0), &[0]).view(), c.view()).unwrap();
    let z = base(y);
    Array2::from_shape_fn(z.dim(), |(row, k)| {
        let moved = |by: f64| {
            let mut y = y.clone();
            y[[0, k]] += by;
            base(&y)[[row, k]]
        };
        ((moved(step) - moved(-step)) / (2.0 * step)).ln() - 0.5 * z[[row, k]].powi(2)
    })
}

/// The density is one: over a grid that holds all of it, in one and two dimensions.
#[test]
fn densities_integrate_to_one() {
    for bijection in [Bijection::Affine, Bijection::SPLINE] {
        let architecture = Architecture { bijection, transforms: 3, hidden: vec![10, 10] };
        for (dims, n) in [(1, 20_001_usize), (2, 801)] {
            let flow = flow(&architecture, dims, 1, Key::new(dims as u64));
            let half = 30.0;
            let step = 2.0 * half / (n - 1) as f64;
            let at = |k: usize| -half + step * k as f64;
            let points: Vec<f64> = match dims {
                1 => (0..n).map(at).collect(),
                _ => (0..n * n).flat_map(|k| [at(k / n), at(k % n)]).collect(),
            };
            let rows = Array2::from_shape_vec((points.len() / dims, dims), points).unwrap();
            let density = flow.log_density(rows.view(), array![[0.7]].view()).unwrap();
            let mass = density.mapv(f64::exp).sum() * step.powi(dims as i32);
            assert!((mass - 1.0).abs() < 2e-3, "{bijection:?} {dims}: {mass}");
        }
    }
}

/// Before training q is N(0, I) of standardised y, whatever the context.
#[test]
fn an_untrained_flow_is_standard_normal() {
    for dims in 1..5 {
        let flow = Flow::<f64>::new(&Architecture::default(), dims, 2, Key::new(3)).unwrap();
        let (y, c) = (normal(50, dims, Key::new(1)), 10.0 * normal(50, 2, Key::new(2)));
        let density = flow.log_density(y.view(), c.view()).unwrap();
        for (row, density) in y.rows().into_iter().zip(density) {
            let expected = -0.5 * (row.dot(&row) + dims as f64 * (2.0 * std::f64::consts::PI).ln());
            assert!((density - expected).abs() < 1e-12);
        }
        // Up to the order of dimensions, every transform is the identity.
        let (single, double) = (flow.cast::<f32>().unwrap(), flow.from_base(y.view(), c.view()).unwrap().0);
        let single = single.from_base(y.view(), c.view()).unwrap().0;
        single.iter().zip(&double).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} {b}"));
    }
}

/// Draws follow the density: the base numbers of draws are normal, and a row's draws do not depend on other rows.
#[test]
fn draws_follow_the_density() {
    let flow = flow(&Architecture::default(), 3, 2, Key::new(4));
    let (_, c) = pairs(&flow, 3, Key::new(5));
    let draws = flow.sample(c.view(), 4000, Key::new(6)).unwrap();
    assert_eq!(draws.y.dim(), (3, 4000, 3));
    for k in 0..3 {
        let (y, c) = (draws.y.index_axis(Axis(0), k), c.slice_axis(Axis(0), (k..k + 1).into()));
        let z = flow.to_base(y, c).unwrap();
        for column in z.columns() {
            let (mean, square) = (column.mean().unwrap(), column.mapv(|z| z * z).mean().unwrap());
            // Five standard errors: 1/sqrt(4000) and sqrt(2/4000).
            assert!(mean.abs() < 0.08 && (square - 1.0).abs() < 0.12, "{mean} {square}");
        }
        let density = flow.log_density(y, c).unwrap();
        density.iter().zip(draws.log_density.row(k)).for_each(|(a, b)| assert!((a - b).abs() < 1e-8));
    }
    let alone = flow.sample(c.slice_axis(Axis(0), (0..1).into()), 4000, Key::new(6)).unwrap();
    let difference = &alone.y.index_axis(Axis(0), 0) - &draws.y.index_axis(Axis(0), 0);
    assert!(difference.iter().all(|d| d.abs() < 1e-9));
    // Nothing asked for is nothing.
    assert_eq!(flow.sample(c.view(), 0, Key::new(6)).unwrap().y.dim(), (3, 0, 3));
}

#[test]
fn input_that_does_not_fit_is_refused() {
    let flow = Flow::<f32>::new(&Architecture::default(), 2, 1, Key::new(0)).unwrap();
    let zeros = |rows: usize, columns: usize| Array2::<f64>::zeros((rows, columns));
    let message = |y: Array2<f64>, c: Array2<f64>| flow.log_density(y.view(), c.view()).unwrap_err().to_string();
    assert!(message(zeros(3, 2), zeros(4, 1)).starts_with("y has 3 rows and c has 4"));
    assert_eq!(message(zeros(3, 1), zeros(3, 1)), "y has 1 columns, the flow was made for 2");
    assert_eq!(message(zeros(3, 2), zeros(3, 2)), "c has 2 columns, the flow was made for 1");
    let mut bad = zeros(3, 1);
    bad[[2, 0]] = f64::NAN;
    assert!(message(zeros(3, 2), bad).starts_with("row 2 of column 0 of c is NaN"));
    let c = zeros(1, 1);
    assert!(flow.from_base(zeros(3, 3).view(), c.view()).unwrap_err().to_string().starts_with("base draws has 3"));
    // Far away densities are small, and not NaN.
    for far in [1e10, 1e300, f64::MAX] {
        let found = flow.gradients(array![[far, 0.0]].view(), array![[-far]].view()).unwrap();
        assert!(found.log_density[0] < -1e10 && found.y.iter().chain(&found.c).all(|g| g.is_finite()), "{found:?}");
    }
}
