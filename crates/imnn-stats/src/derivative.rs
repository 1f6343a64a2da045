//! Mean derivative of the summaries, from exact derivatives or from simulations below and above the fiducial.

use ndarray::{Array2, Array3, ArrayView1, ArrayView2, ArrayView3, ArrayView4, Axis};

use crate::check;
use crate::covariance::mean_of_finite;
use crate::error::{Result, StatsError};

/// Mean over the simulations of the derivative of the summaries.
///
/// ```text
/// dmu[a, p] = sum_i dx[i, a, p] / n_d
/// ```
///
/// # Shapes
/// `dx` `(n_d, n_summaries, n_params)`; the result `(n_summaries, n_params)`.
///
/// # Errors
/// No rows, NaN or infinity.
pub fn mean_derivative(dx: ArrayView3<'_, f64>) -> Result<Array2<f64>> {
    let (n_d, n_summaries, n_params) = dx.dim();
    if dx.is_empty() {
        return check::refuse_shape("dx", "(n_d, n_summaries, n_params), each at least 1", dx.shape());
    }
    check::finite("dx", &dx)?;
    let too_large = |_| StatsError::OutOfRange { what: "the size of dx" };
    let mean = mean_of_finite(dx.to_shape((n_d, n_summaries * n_params)).map_err(too_large)?.view());
    check::in_range("the mean of dx", &mean)?;
    mean.into_shape_with_order((n_summaries, n_params)).map_err(too_large)
}

/// Derivative of the summaries from simulations below and above the fiducial parameters.
///
/// ```text
/// dx[i, a, p] = (x_mp[i, 1, p, a] - x_mp[i, 0, p, a]) / delta_theta[p]
/// ```
///
/// `delta_theta` is the **full width**: `x_mp[:, 0]` belongs to `theta_fid - delta_theta / 2`, `x_mp[:, 1]` to
/// `theta_fid + delta_theta / 2`.
///
/// # Shapes
/// `x_mp` `(n_d, 2, n_params, n_summaries)`, `delta_theta` `(n_params)`; the result `(n_d, n_summaries, n_params)`.
///
/// # Errors
/// Shapes that do not match, a width that is not positive, NaN or infinity.
///
/// ```
/// use imnn_stats::numerical_derivative;
/// use ndarray::{Array4, array};
///
/// // One simulation, two parameters, one summary: below 1 and 1, above 2 and 5, widths 0.5 and 2.
/// let x_mp = Array4::from_shape_vec((1, 2, 2, 1), vec![1.0, 1.0, 2.0, 5.0]).unwrap();
/// let dx = numerical_derivative(x_mp.view(), array![0.5, 2.0].view())?;
/// assert_eq!(dx, array![[[2.0, 2.0]]]);
/// # Ok::<(), imnn_stats::StatsError>(())
/// ```
pub fn numerical_derivative(x_mp: ArrayView4<'_, f64>, delta_theta: ArrayView1<'_, f64>) -> Result<Array3<f64>> {
    let (n_d, sides, n_params, n_summaries) = x_mp.dim();
    if sides != 2 || n_params != delta_theta.len() {
        let expected = format!(
            "(n_d, 2, n_params, n_summaries) with n_params = {} as in delta_theta (axis 1 is below, above)",
            delta_theta.len()
        );
        return check::refuse_shape("x_mp", expected, x_mp.shape());
    }
    check_widths(delta_theta)?;
    check::finite("x_mp", &x_mp)?;
    let mut dx = Array3::zeros((n_d, n_summaries, n_params));
    for (parameter, &width) in delta_theta.iter().enumerate() {
        let of_parameter = x_mp.index_axis(Axis(2), parameter);
        let below = of_parameter.index_axis(Axis(1), 0);
        let above = of_parameter.index_axis(Axis(1), 1);
        dx.index_axis_mut(Axis(2), parameter).assign(&((&above - &below) / width));
    }
    check::in_range("(x_above - x_below) / delta_theta", &dx)?;
    Ok(dx)
}

/// Cotangents of the simulations below and above from the cotangent of their difference quotient.
///
/// ```text
/// result[0, p, a] = -dloss_ddx[a, p] / delta_theta[p]      below
/// result[1, p, a] =  dloss_ddx[a, p] / delta_theta[p]      above
/// ```
///
/// Like `dloss_ddx` ([`Evaluation::dloss_ddx`](crate::Evaluation::dloss_ddx)), the result is the same for each of the
/// `n_d` simulations.
///
/// # Shapes
/// `dloss_ddx` `(n_summaries, n_params)`, `delta_theta` `(n_params)`; the result `(2, n_params, n_summaries)`.
///
/// # Errors
/// Shapes that do not match, a width that is not positive.
pub fn below_above_cotangents(dloss_ddx: ArrayView2<'_, f64>, delta_theta: ArrayView1<'_, f64>) -> Result<Array3<f64>> {
    let (n_summaries, n_params) = dloss_ddx.dim();
    check::shape("delta_theta", &delta_theta, &[n_params])?;
    check_widths(delta_theta)?;
    let mut cotangents = Array3::zeros((2, n_params, n_summaries));
    let quotient = (&dloss_ddx / &delta_theta).reversed_axes();
    cotangents.index_axis_mut(Axis(0), 0).assign(&-&quotient);
    cotangents.index_axis_mut(Axis(0), 1).assign(&quotient);
    Ok(cotangents)
}

/// Refuses widths that are not positive numbers.
fn check_widths(delta_theta: ArrayView1<'_, f64>) -> Result<()> {
    match delta_theta.iter().position(|&width| !(width > 0.0 && width.is_finite())) {
        Some(parameter) => Err(StatsError::Width { parameter, width: delta_theta[parameter] }),
        None => Ok(()),
    }
}
