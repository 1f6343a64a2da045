//! Input that has to be refused, and the messages.

use imnn_stats::{
    Loss, Matrix, ScoreCompression, Statistics, StatsError, below_above_cotangents, covariance, derivative_noise,
    hartlap_factor, mean, mean_derivative, numerical_derivative,
};
use ndarray::{Array1, Array2, Array3, Array4, Axis, array};

use crate::samples::{Case, Samples};

/// The message holds each of the parts.
#[track_caller]
fn check<T: std::fmt::Debug>(result: Result<T, StatsError>, parts: &[&str]) {
    let message = result.expect_err("this input has to be refused").to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

fn case(n_s: usize, n_d: usize, n_summaries: usize, n_params: usize) -> Case {
    Samples::new(7).case(n_s, n_d, n_summaries, n_params)
}

fn evaluate(case: &Case) -> Result<imnn_stats::Evaluation, StatsError> {
    Loss::new(10.0, 0.1).unwrap().evaluate(case.x.view(), case.dx.view())
}

#[test]
fn nan_and_infinity_name_the_first_bad_row() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut bad = case(20, 20, 3, 2);
        bad.x[[7, 1]] = value;
        bad.x[[9, 0]] = f64::NAN;
        check(evaluate(&bad), &["x[7, 1]", "2 of its 20 rows", "first is row 7", "learning rate"]);
        let mut bad = case(20, 20, 3, 2);
        bad.dx[[4, 2, 1]] = value;
        check(evaluate(&bad), &["dx[4, 2, 1]", "1 of its 20 rows", "row 4"]);
    }
}

#[test]
fn too_few_simulations_are_refused_with_numbers() {
    for n_s in [0, 1, 3] {
        let mut few = case(8, 1, 3, 1);
        few.x = few.x.select(Axis(0), &(0..n_s).collect::<Vec<_>>());
        let n_s = format!("n_s = {n_s} ");
        if few.x.nrows() == 0 {
            check(evaluate(&few), &["n_d = 1 ", "n_s = 0"]);
            check(covariance(few.x.view()), &[&n_s, "at least 4"]);
            check(mean(few.x.view()), &["at least one simulation"]);
        } else {
            check(evaluate(&few), &[&n_s, "n_summaries = 3", "covariance matrix C", "at least 4 simulations"]);
        }
    }
    assert!(evaluate(&case(4, 4, 3, 1)).is_ok());
}

#[test]
fn more_parameters_than_summaries_are_refused_with_the_reason() {
    let case = Case { x: Samples::new(1).normals((20, 2)), dx: Samples::new(2).normals((20, 2, 3)) };
    check(evaluate(&case), &["n_params = 3", "n_summaries = 2", "rank", "singular", "at least 3 outputs"]);
}

#[test]
fn counts_of_derivatives_are_checked() {
    let plain = case(10, 10, 2, 1);
    let none = Case { x: plain.x.clone(), dx: Array3::zeros((0, 2, 1)) };
    check(evaluate(&none), &["n_d = 0", "between 1 and n_s = 10"]);
    let many = Case { x: plain.x.clone(), dx: Samples::new(1).normals((11, 2, 1)) };
    check(evaluate(&many), &["n_d = 11", "n_s = 10"]);
}

#[test]
fn shapes_that_do_not_match_are_refused() {
    let plain = case(10, 10, 3, 2);
    let other = Case { x: plain.x.clone(), dx: Array3::zeros((10, 2, 2)) };
    check(evaluate(&other), &["dx has shape [10, 2, 2]", "n_summaries = 3"]);
    let other = Case { x: plain.x.clone(), dx: Array3::zeros((10, 3, 0)) };
    check(evaluate(&other), &["dx has shape [10, 3, 0]"]);
    let other = Case { x: Array2::zeros((10, 0)), dx: Array3::zeros((10, 0, 0)) };
    check(evaluate(&other), &["shape", "at least"]);
    check(mean_derivative(Array3::zeros((0, 3, 2)).view()), &["dx has shape [0, 3, 2]"]);

    let statistics = evaluate(&plain).unwrap().statistics;
    check(ScoreCompression::new(array![0.0].view(), &statistics), &["theta_fid has shape [1], expected [2]"]);
    check(ScoreCompression::new(array![0.0, f64::NAN].view(), &statistics), &["theta_fid[1] is NaN"]);
    let compression = ScoreCompression::new(array![0.0, 1.0].view(), &statistics).unwrap();
    check(compression.estimate(array![0.0].view()), &["x has shape [1], expected [3]"]);
    check(compression.estimates(array![[0.0, 1.0]].view()), &["x has shape [1, 2]", "(n, 3)"]);
    check(compression.estimate(array![0.0, f64::NAN, 0.0].view()), &["x[1] is NaN"]);
    check(compression.estimates(array![[0.0, 0.0, 0.0], [0.0, 0.0, f64::INFINITY]].view()), &["x[1, 2] is inf"]);

    let s = &statistics;
    check(
        Statistics::from_moments(array![0.0].view(), s.c.view(), s.dmu_dtheta.view()),
        &["C has shape [3, 3], expected [1, 1]"],
    );
    check(
        Statistics::from_moments(s.mu.view(), s.c.view(), s.dmu_dtheta.t()),
        &["dmu_dtheta has shape [2, 3]", "(3, n_params)"],
    );
    let mut asymmetric = s.c.clone();
    asymmetric[[0, 2]] += 0.1;
    check(
        Statistics::from_moments(s.mu.view(), asymmetric.view(), s.dmu_dtheta.view()),
        &["covariance matrix C is not symmetric", "[0, 2]"],
    );
}

/// Rounding differs by 1e-10 of the product of the deviations at most, which is 1e4 here.
#[test]
fn asymmetry_counts_in_units_of_the_deviations() {
    let of = |difference: f64| {
        let c = array![[1e4, 1.0 + difference], [1.0, 1e4]];
        Statistics::from_moments(array![0.0, 0.0].view(), c.view(), array![[1.0], [2.0]].view())
    };
    for sign in [1.0, -1.0] {
        assert!(of(sign * 5e-7).is_ok());
        check(of(sign * 2e-6), &["covariance matrix C is not symmetric", "[0, 1]"]);
    }
}

#[test]
fn widths_have_to_be_positive() {
    let x_mp = Samples::new(3).normals((4, 2, 2, 3));
    for (width, shown) in [(0.0, "= 0,"), (-0.1, "= -0.1,"), (f64::NAN, "= NaN,"), (f64::INFINITY, "= inf,")] {
        check(numerical_derivative(x_mp.view(), array![0.1, width].view()), &["delta_theta[1]", shown, "full width"]);
        let gradient = Array2::ones((3, 2));
        check(below_above_cotangents(gradient.view(), array![0.1, width].view()), &["delta_theta[1]", shown]);
    }
    check(numerical_derivative(x_mp.view(), array![0.1].view()), &["x_mp has shape [4, 2, 2, 3]", "n_params = 1"]);
    check(numerical_derivative(Array4::zeros((4, 3, 2, 3)).view(), array![0.1, 0.1].view()), &["below, above"]);
    let mut bad = x_mp;
    bad[[3, 1, 0, 2]] = f64::NAN;
    check(numerical_derivative(bad.view(), array![0.1, 0.1].view()), &["x_mp[3, 1, 0, 2] is NaN"]);
}

#[test]
fn dependent_summaries_make_c_singular() {
    for n_summaries in [2, 4, 9] {
        let plain = case(40, 40, n_summaries, 1);
        // The last summary is a copy, then a combination of the others.
        for weights in [Array1::from_shape_fn(n_summaries - 1, |a| f64::from(a == 0)), Array1::ones(n_summaries - 1)] {
            let mut x = plain.x.clone();
            let combined = x.select(Axis(1), &(0..n_summaries - 1).collect::<Vec<_>>()).dot(&weights);
            x.column_mut(n_summaries - 1).assign(&combined);
            let result = evaluate(&Case { x, dx: plain.dx.clone() });
            let found = match &result {
                Err(StatsError::Singular { matrix, condition, size, nearest }) => {
                    // A copy is named with what it is a copy of.
                    let copied = nearest.is_some_and(|(i, j, r)| (i, j) == (0, n_summaries - 1) && r > 1.0 - 1e-12);
                    assert_eq!(copied, weights.sum() == 1.0, "{result:?}");
                    (*matrix, *condition > 1e13, *size)
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(found, (Matrix::Covariance, true, n_summaries));
            check(result, &["covariance matrix C", "condition number", "linear combinations", "fewer summaries"]);
        }
    }
}

#[test]
fn constant_summaries_make_c_singular() {
    // Also where rounding gives the constant a variance of its own.
    for constant in [0.0, 0.1, -1e5 / 3.0] {
        let mut dead = case(33, 33, 3, 1);
        dead.x.column_mut(1).fill(constant);
        check(evaluate(&dead), &["covariance matrix C is singular", "summary 1 is constant", "dead"]);
    }
}

#[test]
fn degenerate_parameters_make_f_singular() {
    let mut degenerate = case(40, 40, 3, 2);
    let first = degenerate.dx.index_axis(Axis(2), 0).to_owned();
    degenerate.dx.index_axis_mut(Axis(2), 1).assign(&(&first * -3.0));
    let result = evaluate(&degenerate);
    assert!(matches!(result, Err(StatsError::Singular { matrix: Matrix::Fisher, size: 2, .. })), "{result:?}");
    check(
        result,
        &["Fisher matrix F", "condition number", "parameters 0 and 1 are collinear", "tell these parameters apart"],
    );

    let mut insensitive = case(40, 40, 3, 2);
    insensitive.dx.index_axis_mut(Axis(2), 1).fill(0.0);
    check(evaluate(&insensitive), &["Fisher matrix F is singular", "parameter 1", "zero"]);
}

#[test]
fn numbers_beyond_f64_are_refused() {
    let plain = case(20, 20, 2, 1);
    let huge = Case { x: &plain.x * 1e200, dx: plain.dx.clone() };
    check(evaluate(&huge), &["covariance matrix C is not finite"]);
    let tiny = Case { x: &plain.x * 1e-200, dx: plain.dx.clone() };
    check(evaluate(&tiny), &["summary 0 is constant"]);
    let steep = Case { x: plain.x.clone(), dx: &plain.dx * 1e200 };
    check(evaluate(&steep), &["Fisher matrix F is not finite"]);
    // Far out, but within reach.
    assert!(evaluate(&Case { x: &plain.x * 1e60, dx: &plain.dx * 1e60 }).is_ok());
    assert!(evaluate(&Case { x: &plain.x * 1e-60, dx: &plain.dx * 1e-60 }).is_ok());
}

#[test]
fn regularisation_without_alpha_is_refused() {
    check(Loss::new(0.5, 0.1), &["lambda = 0.5", "epsilon = 0.1", "alpha", "undefined", "0.909"]);
    check(Loss::new(10.0, 0.0), &["epsilon = 0", "positive"]);
    check(Loss::new(f64::NAN, 0.1), &["lambda = NaN"]);
    check(Loss::squared(-0.5), &["kappa = -0.5", "not negative"]);
    check(Loss::squared(f64::NAN), &["kappa = NaN"]);
}

#[test]
fn finite_sample_helpers_check_their_input() {
    check(hartlap_factor(5, 3), &["n_s = 5", "n_summaries = 3", "at least 6"]);
    assert!(hartlap_factor(6, 3).is_ok());
    let dx = Samples::new(3).normals((1, 2, 1));
    check(derivative_noise(dx.view(), Array2::eye(2).view()), &["n_d at least 2"]);
    // Of two, 1 and 3, the variance is 2, and that of their mean 1.
    assert_eq!(derivative_noise(array![[[1.0]], [[3.0]]].view(), array![[0.5]].view()).unwrap(), array![[0.5]]);
    let dx = Samples::new(3).normals((3, 2, 1));
    check(derivative_noise(dx.view(), Array2::eye(3).view()), &["C^-1 has shape [3, 3], expected [2, 2]"]);
}
